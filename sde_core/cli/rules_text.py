"""What `sde rules choose` says to a person, within 80 columns."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from sde_core.rules import FAVOURS, MOSTLY_LENGTH, RULES, DroppedRule, RuleChoice, RuleScores, TruthComparison, WinRate, method_named
from sde_core.visible import visible
from sde_core.wording import two_decimals

if TYPE_CHECKING:
    from sde_core.cli.rules_choice import ChosenRules

_WIDTH = 80
_NAME = 18
_MEANING = 120
"""A plain rule's sentence is cut after so many characters; `sde rules book` shows it whole."""

_JOINT = "\u00a0"
_ABOUT = (
    "length: Spearman correlation with the words of the answer · tells: chance that a row scores above the same prompt with another row's answer of "
    "about that length · weight: share in the mean of the rules that is a row's quality"
)
_ABOUT_WEIGHT = ", by what the rule tells beyond chance and beyond length"
_ABOUT_GAIN = "gain: what the rule adds to log det of the kernel"
_ABOUT_TRUTH = ("true: chance that the better of two rows scores higher, 0.50 by chance · alike: the same for rows of about one length",)


def choice_lines(found: ChosenRules) -> list[str]:
    """The chosen rules, how much they overlap against random sets, and the rules that were no candidates."""
    return [*_title(found.scores, found.choice), "", *_table(found), "", *_overlap(found.choice), *_closeness(found.choice), *_dropped(found.choice)]


def _title(scores: RuleScores, choice: RuleChoice) -> list[str]:
    matrix, extent = scores.matrix, "rows"
    if matrix.rows_of_sample:
        extent = "rows, a sample: a judge has rated no others"
    lines = _wrapped(f"{len(choice.chosen)} of {len(matrix.rules)} rules over {len(matrix.rows):,} {extent}: {method_named(choice.method).title}")
    if method_named(choice.method).gated and not choice.gated:
        lines += _wrapped("No rule is held back for reliability or favoured for what it tells, and quality is the plain mean.")
    return lines


def _table(found: ChosenRules) -> list[str]:
    """One rule a line, with its meaning wrapped beside the figures; gains make room for what people said."""
    truth = found.scores.truth is not None
    figures = f"{'mean':>5} {'length':>6} {'tells':>5} {'weight':>6}" + (f" {'true':>5} {'alike':>5}" if truth else "")
    lines = [f"    {'rule':<{_NAME}} {'' if truth else '   gain '}{figures}  high score means"]
    meanings = {rule.name: rule.higher_is for rule in RULES} | {rule.name: rule.sentence for rule in found.book.rules}
    weights = dict(zip(found.quality.rules, found.quality.weights, strict=True))
    for place, (name, gain) in enumerate(zip(found.choice.chosen, found.choice.gains, strict=True), start=1):
        front = f"{place:>3} {visible(name, _NAME):<{_NAME}} {'' if truth else f'{round(gain, 3) + 0.0:>7.3f} '}"
        front += _figures(found, name, weights.get(name), truth)
        mark = ["pinned"] * (name in found.choice.pinned) + ["mostly length"] * (abs(_length(found, name)) > MOSTLY_LENGTH)
        whole = f"{visible(name)}: " if len(name) > _NAME else ""
        lines += _beside(front, whole + visible(meanings.get(name, ""), _MEANING) + (f" ({', '.join(mark)})" if mark else ""))
    return lines


def _figures(found: ChosenRules, name: str, weight: float | None, truth: bool) -> str:
    known, matrix = found.scores.known.of(name), found.scores.matrix
    contrast, agreement = (known.contrast, known.truth) if known is not None else (None, None)
    tells = two_decimals(contrast.wins) if contrast is not None and contrast.pairs else "n/a"
    share = "n/a" if weight is None else f"{100 * weight:.1f} %"
    cells = f"{matrix.summaries[matrix.index(name)].mean:>5.2f} {two_decimals(_length(found, name), signed=True):>6} {tells:>5} {share:>6}"
    if not truth:
        return cells
    return cells + (f"{'':>12}" if agreement is None else f" {two_decimals(agreement.auroc):>5} {two_decimals(agreement.auroc_at_equal_length):>5}")


def _length(found: ChosenRules, name: str) -> float:
    matrix = found.scores.matrix
    return matrix.summaries[matrix.index(name)].length_correlation


def _beside(front: str, note: str) -> list[str]:
    """A line of figures with a text that wraps beside them."""
    parts = textwrap.wrap(note, max(_WIDTH - len(front) - 1, 14)) or [""]
    return [f"{front} {parts[0]}".rstrip(), *(" " * (len(front) + 1) + part for part in parts[1:])]


def _overlap(choice: RuleChoice) -> list[str]:
    lines, random = [f"rho {choice.rho:.3f}"], choice.against_random
    if random is None:
        lines.append("There is no other set of as many candidates to compare with.")
    else:
        lines.append(
            f"{random.subsets:,} random sets of as many candidates (seed {random.seed}): rho {random.mean_rho:.3f} on average, "
            f"median {random.median_rho:.3f}, lowest {random.lowest_rho:.3f}; this choice overlaps less than {_win_words(random.win)}"
        )
    about = (_about(choice, gains=random is None or random.truth is None),)
    return [line for text in (*lines, "", *about) for line in _wrapped(text) or [""]]


def _about(choice: RuleChoice, *, gains: bool) -> str:
    """What the columns of the table are."""
    favoured = method_named(choice.method).favours and choice.gated
    gain = _ABOUT_GAIN + (f", what it tells being favoured at strength {choice.favour:g} of {FAVOURS[0]:g}" if favoured else "")
    return (f"{gain} · " if gains else "") + _ABOUT + (_ABOUT_WEIGHT if choice.weighted else ", the same for each")


def _win_words(win: WinRate) -> str:
    """ "996 of them (99.6 %, 95 % interval 98.9 to 99.9 % for drawing other sets on these rows), as much as 2"."""
    share, lower, upper = (100 * value for value in (win.rate, win.lower, win.upper))
    ties = f", as much as {win.ties:,}" if win.ties else ""
    return f"{win.wins:,} of them ({share:.1f} %, 95 % interval {lower:.1f} to {upper:.1f} % for drawing other sets on these rows){ties}"


def _closeness(choice: RuleChoice) -> list[str]:
    truth = choice.against_random.truth if choice.against_random else None
    return [] if truth is None else ["", *(line for text in (*_truth_texts(truth), *_ABOUT_TRUTH) for line in _wrapped(text))]


def _truth_texts(truth: TruthComparison) -> tuple[str, str]:
    first = (
        f"MSE {truth.mse:.4f} against {visible(truth.source, 60)} ({truth.rows:,} rows); random sets: {truth.mean_mse:.4f} on average, "
        f"median {truth.median_mse:.4f}, lowest {truth.lowest_mse:.4f}; this choice is closer than {_win_words(truth.win)}"
    )
    if truth.rho_correlation != truth.rho_correlation:
        return first, "rho or MSE is the same for all random sets: there is nothing to correlate."
    link = f"over the random sets rho and MSE correlate {truth.rho_correlation:+.2f} ({truth.rho_lower:+.2f} to {truth.rho_upper:+.2f}): "
    verdict = "sets that overlap less are closer to the truth here" if truth.rho_lower > 0 else (
        "sets that overlap less are further from the truth here" if truth.rho_upper < 0 else "overlap says nothing of closeness to the truth here"
    )  # fmt: skip
    return first, link + verdict


def _dropped(choice: RuleChoice) -> list[str]:
    banned = [drop for drop in choice.dropped if drop.gate == "banned"]
    held = [drop for drop in choice.dropped if drop.gate != "banned"]
    lines: list[str] = []
    if held:
        lines += ["", f"Held back, so no candidates: {len(held)}", *_reasons(held)]
    if banned:
        lines += ["", f"Banned, so no candidates: {len(banned)}", *_reasons(banned)]
    return lines


def _reasons(drops: list[DroppedRule]) -> list[str]:
    return [line for drop in drops for line in _beside(f"  {visible(drop.rule):<{_NAME}}", drop.reason)]


def _wrapped(text: str) -> list[str]:
    """Lines of a text; a number keeps its percent sign beside it."""
    return [line.replace(_JOINT, " ") for line in textwrap.wrap(text.replace(" %", f"{_JOINT}%"), _WIDTH)]
