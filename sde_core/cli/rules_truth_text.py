"""What `sde rules truth` says to a person, within 80 columns."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from sde_core.visible import visible
from sde_core.wording import count_of, two_decimals

if TYPE_CHECKING:
    from sde_core.rules.truth.agreement import Agreement, AgreementReport, Figure
    from sde_core.rules.truth.fit import RuleFit

_WIDTH, _NAME = 80, 25
_MOST_WEIGHTS = 15


def report_lines(report: AgreementReport, note: str = "", bands: bool = False) -> list[str]:
    """A table of all scores: those that are no rule first, then the rules, best at equal length first."""
    who = " by a model" if report.by_machine else ""
    lines = _wrapped(f"{report.measure} against {visible(report.source, 100)}{who}: {_extent(report)}, {count_of(report.pairs, 'pair')}")
    lines += _wrapped(note) if note else []
    first, rest = _summaries(report), [one for one in report.agreements if one not in _summaries(report)]
    order = sorted(rest, key=lambda one: (-_number(one.equal_length.value), -_number(one.accuracy.value), one.name))
    row = _band_line if bands else _line
    lines += ["", _band_header(report) if bands else _header(report), *(row(one) for one in first), "", *(row(one) for one in order), ""]
    share = f"{100 * report.tolerance:.0f} %"
    lines += _wrapped(
        f"equal length: among the {count_of(report.equal_length_pairs, 'pair')} whose answers differ by at most {share} in words; 0.50 says "
        f"nothing · length: Spearman correlation of the score with the words of the answer · behind each figure its 95 % interval, "
        f"{report.resamples} bootstrap resamples, seed {report.seed}" + (f" · {count_of(report.ties, 'tie')} left out" if report.ties else "")
    )
    if bands:
        lines += _wrapped("pairs in each band: " + " · ".join(f"{name}: {count:,}" for name, count in report.bands))
    return lines


def _extent(report: AgreementReport) -> str:
    if report.known_rows > report.rows:
        return f"a sample of {report.rows:,} of {report.known_rows:,} rows, seed {report.seed}"
    return count_of(report.rows, "row")


def _summaries(report: AgreementReport) -> list[Agreement]:
    from sde_core.rules.truth.agreement import LENGTH

    return [one for one in report.agreements if one.name.startswith(("default quality", "mean of all")) or one.name == LENGTH]


def _header(report: AgreementReport) -> str:
    measure = "AUROC" if report.measure == "AUROC" else "pairs right"
    return f"{'':<{_NAME}} {measure:<17}{'equal length':<17}{'Spearm.':>7}{'MSE':>6}{'length':>7}"


def _line(one: Agreement) -> str:
    return (
        f"{visible(one.name, _NAME):<{_NAME}} {_interval(one.accuracy):<17}{_interval(one.equal_length):<16}"
        f"{two_decimals(one.spearman.value, signed=True):>8}{two_decimals(one.mse.value):>6}{two_decimals(one.length_correlation, signed=True):>7}"
    )


def _band_header(report: AgreementReport) -> str:
    names = [name.removesuffix(" words") for name, _ in report.bands]
    return f"{'words of the answer':<{_NAME}} {'all':>6}{'equal':>7}  " + "".join(f"{name:>9}" for name in names)


def _band_line(one: Agreement) -> str:
    cells = "".join(f"{two_decimals(band.value):>9}" for band in one.bands)
    return f"{visible(one.name, _NAME):<{_NAME}} {two_decimals(one.accuracy.value):>6}{two_decimals(one.equal_length.value):>7}  {cells}"


def fit_lines(fit: RuleFit) -> list[str]:
    """What the weights are worth, and the largest of them."""
    from sde_core.rules.truth.fit import FITTED, UNWEIGHTED

    lines = [
        "",
        *_wrapped(f"Weights fitted to {visible(fit.weights.source, 100)}, {fit.folds} folds, ridge {fit.penalty:g}:"),
        "",
        _header(fit.report),
    ]
    lines += [_line(fit.report.of(name)) for name in (FITTED, UNWEIGHTED)]
    weights = sorted(zip(fit.weights.weights, fit.weights.rules, strict=True), key=lambda one: -abs(one[0]))
    shown = [(weight, name) for weight, name in weights if abs(weight) > 1e-3][:_MOST_WEIGHTS]
    lines += ["", f"largest of {len(weights)} weights"] + [f"  {visible(name, _NAME):<{_NAME}} {weight:>+7.2f}" for weight, name in shown]
    return lines


def _interval(figure: Figure) -> str:
    if figure.value != figure.value:
        return "n/a"
    return f"{figure.value:.3f} {figure.lower:.2f}-{figure.upper:.2f}"


def _number(value: float) -> float:
    return value if value == value else -1.0


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH)
