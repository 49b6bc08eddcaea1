"""The lines of the compare screen: one side of a pair, and what the answers say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sde_core.visible import visible
from sde_core.wording import count_of, two_decimals
from sde_tui.session_comparisons import QUALITY_NOW, ComparedResults, ShownSide
from sde_tui.widgets.lines import Item
from sde_tui.widgets.spans import Line, fit
from sde_tui.widgets.wrapping import wrapped

if TYPE_CHECKING:
    from collections.abc import Callable

    from sde_core.rules.truth import Agreement, Figure, RowTruth

_NAME, _BAR, _FEW = 25, 21, 8
_FEWEST_PAIRS = 5
"""Of fewer pairs of equal length an interval says nothing: it is as narrow as their answers are alike."""


def side_lines(side: ShownSide, width: int, *, with_prompt: bool, prompt_room: int) -> list[Line]:
    """One row: its prompt where that is not shown above both, then its answer.

    Args:
        side: The row.
        width: Cells of a line.
        with_prompt: Whether the prompt belongs here.
        prompt_room: Lines of the prompt; of a longer one the rest is left out, so that the answer is in sight.
    """
    lines: list[Line] = []
    if with_prompt and side.prompt:
        lines += [[("  ", "text"), *line] for line in prompt_lines(side.prompt, width - 2, prompt_room)]
        lines.append([("─" * min(width, 20), "dim")])
    lines += [[(line, "text")] for line in wrapped(side.answer, width)] if side.answer.strip() else [[("(empty)", "warn")]]
    if side.cut:
        lines.append([(f"… {side.cut:,} more characters are not shown here", "warn")])
    return lines


def prompt_lines(prompt: str, width: int, room: int) -> list[Line]:
    """A prompt in at most so many lines; its last ones say what is left out."""
    lines: list[Line] = [[(line, "user")] for line in wrapped(prompt, width)]
    if len(lines) <= room:
        return lines
    kept = max(room - 1, 1)
    return [*lines[:kept], [(f"… {count_of(len(lines) - kept, 'more line')} of the prompt: p shows all", "accent")]]


def result_items(results: ComparedResults, text_of: Callable[[int], str], width: int) -> list[Item]:
    """Rules by how they agree, then the rows, best first."""
    return [*_rule_items(results), *([Item([]), *_row_items(results.truth, text_of, width)] if results.truth is not None else [])]


def _rule_items(results: ComparedResults) -> list[Item]:
    report = results.report
    if report is None:
        return [Item([(results.refusal, "warn")])]
    whom = "how scores agree with you" if results.truth is not None else "chosen over rejected"
    head = f"{whom:<{_NAME + 1}}{'pairs right':<17}{'equal length':<14}{'Spearman':>9}{'MSE':>6}"
    first = [one for one in report.agreements if one.name in (QUALITY_NOW, "longer is better")]
    rest = sorted((one for one in report.agreements if one not in first), key=lambda one: (-one.accuracy.value, one.name))
    shown = [one for place, one in enumerate(rest) if place < _FEW or _verdict(one)]
    ties = f" ({count_of(report.ties, 'tie')} left out)" if report.ties else ""
    by_chance = f", as {len(rest) / 20:.0f} of {len(rest):,} are by chance" if len(rest) >= 20 else ""
    about = f"{count_of(report.pairs, 'pair')}{ties}; ▲▼ interval off 0.50{by_chance}"
    more = (
        [Item([(f"  … {len(rest) - len(shown):,} more rules say nothing yet: `sde rules truth` lists them", "dim")])]
        if len(shown) < len(rest)
        else []
    )
    return [
        Item([(head, "strong")]),
        Item([(about, "dim")]),
        *(Item(_rule_line(one, one in first, report.equal_length_pairs)) for one in (*first, *shown)),
        *more,
    ]


def _verdict(one: Agreement) -> int:
    """1 where the interval lies above one half, -1 where it lies below, else 0."""
    return int(one.accuracy.lower > 0.5) - int(one.accuracy.upper < 0.5)


def _rule_line(one: Agreement, summary: bool, equal_length_pairs: int) -> Line:
    mark, ink = {1: ("▲ ", "good"), -1: ("▼ ", "bad"), 0: ("  ", "dim")}[_verdict(one)]
    to_truth = f"{two_decimals(one.spearman.value, signed=True):>8}{two_decimals(one.mse.value):>6}"
    at_length = _interval(one.equal_length) if equal_length_pairs >= _FEWEST_PAIRS else "too few"
    cells = f"{_interval(one.accuracy):<17}{at_length:<15}{to_truth}"
    return [(mark, ink), (f"{fit(visible(one.name, _NAME), _NAME - 2)} ", "accent" if summary else "text"), (cells, "text")]


def _row_items(truth: RowTruth, text_of: Callable[[int], str], width: int) -> list[Item]:
    head = f"{len(truth):,} rows, best first: chance to beat an average one of them, 95 % interval"
    items = [Item([(head, "strong")])]
    for place in truth.values.argsort(kind="stable")[::-1].tolist():
        row = int(truth.rows[place])
        value, lower, upper = float(truth.values[place]), float(truth.lower[place]), float(truth.upper[place])
        front: Line = [(f"{value:.2f} ", "strong"), (interval_bar(value, lower, upper), "accent"), (f"{row:>8,}  ", "dim")]
        items.append(Item([*front, (text_of(row)[: 2 * width], "text")], ("row", row)))
    return items


def interval_bar(value: float, lower: float, upper: float, cells: int = _BAR) -> str:
    """An interval within [0, 1] as cells: "   ──●───   "."""
    low, at, high = (min(int(share * cells), cells - 1) for share in (lower, value, upper))
    return "".join("●" if cell == at else "─" if low <= cell <= high else "·" for cell in range(cells))


def _interval(figure: Figure) -> str:
    return "n/a" if figure.value != figure.value else f"{figure.value:.2f} {figure.lower:.2f}–{figure.upper:.2f}"
