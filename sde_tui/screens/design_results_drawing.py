"""The lines of the screen of compared designs: one a design with its runs, one a pair with its interval, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sde_core.design.parse import FAULT_KINDS
from sde_core.evaluate.design_differences import DesignDifference, WordingDifference, is_shown
from sde_core.evaluate.design_results import DesignComparison, DesignRow
from sde_core.evaluate.design_verdict import (
    DOMAIN_WORDS,
    agreement_verdicts,
    caution,
    design_headline,
    design_notes,
    fault_words,
    figure_words,
    pair_verdict,
    wording_verdict,
)
from sde_core.evaluate.verdict import interval_words, signed
from sde_core.visible import visible
from sde_core.wording import duration
from sde_tui.widgets.interval_bars import Bounds, interval_bar, zero_mark
from sde_tui.widgets.lines import Item
from sde_tui.widgets.spans import Line, Span, fit
from sde_tui.widgets.wrapping import wrapped

_ROOMY = 105
_BESIDE = {"accuracy": {"kappa": "kappa", "whole": "whole"}, "f1": {"soft_f1": "soft F1"}}
"""Figures beside the metric, and what their columns are called."""
_BEFORE = {"zero-shot": "zero-shot", "in-context": "in-context", "perplexity of prompts": "ppl prompt", "perplexity of answers": "ppl answer"}


# ---- the list


def items_of(found: DesignComparison, width: int) -> list[Item]:
    """Lines of the table, pairs with intervals, and what the untuned model did; lines and pairs can be chosen."""
    items = [Item([(fit(_heads(found, width), width), "header")])]
    items += [Item(_row_line(row, found, width), ("row", _row_key(row))) for row in (*found.rows, *found.waiting)]
    items += _pair_items(found, width)
    if found.before:
        items.append(Item([(fit("  " + "".join(f"{head:>11}" for head in _BEFORE.values()) + "  before tuning", width), "header")]))
        items += [Item(_before_line(name, told, width), ("before", name)) for name, told in found.before.items()]
    return items


def _row_key(row: DesignRow) -> tuple[str, int, int]:
    return row.design, row.size, row.wording


def row_of(found: DesignComparison, chosen: object) -> DesignRow | None:
    """The line of the table that a chosen value stands for, of a pair the best one's; None where it stands for none with a finished run."""
    if not isinstance(chosen, tuple):
        return None
    kind, value = chosen
    if kind == "row":
        return next((row for row in found.rows if _row_key(row) == value), None)
    if kind == "pair":
        pair = found.differences[value]
        return next((row for row in found.rows if (row.design, row.size) == (pair.best, pair.size)), None)
    if kind == "wording":
        wording = found.wordings[value]
        return next((row for row in found.rows if _row_key(row) == (wording.design, wording.size, wording.best)), None)
    return next((row for row in found.rows if row.design == value), None)


def _beside(found: DesignComparison, width: int) -> Mapping[str, str]:
    return _BESIDE[found.metric] if width >= _ROOMY or "ood" not in found.records else {}


def _heads(found: DesignComparison, width: int) -> str:
    first = f"{found.metric} ± sd"
    heads = f"  {'runs':<6}{'size':>6}{first:>14}" + "".join(f"{head:>8}" for head in _beside(found, width).values()) + f"{'form':>6}"
    if "ood" in found.records:
        heads += f"{'out of domain':>15}{'form':>6}"
    return f"{heads}  design"


def _row_line(row: DesignRow, found: DesignComparison, width: int) -> Line:
    runs = "✓" * row.runs + "·" * (row.wanted - row.runs) if row.wanted <= 5 else f"{row.runs}/{row.wanted}"
    best = _is_best(row, found)
    spans: list[Span] = [(f"  {runs:<6}", "good" if row.runs == row.wanted else "accent"), (f"{row.size:>6}", "dim")]
    spans += [(f"{_mean(row, 'test', found.metric):>14}", "strong" if best else "text")]
    spans += [(f"{_figure(row.means.get(f'test.{name}')):>8}", "text") for name in _beside(found, width)]
    spans += [(f"{_share(row, 'test'):>6}", "text")]
    if "ood" in found.records:
        spans += [(f"{_mean(row, 'ood', found.metric):>15}", "text"), (f"{_share(row, 'ood'):>6}", "text")]
    wording = f" w{row.wording}" if _has_wordings(found) else ""
    left = max(width - sum(len(text) for text, _ in spans) - 2 - len(wording), 6)
    return [*spans, ("  " + fit(visible(row.design, 200), left).rstrip() + wording, "text" if row.runs else "dim")]


def _is_best(row: DesignRow, found: DesignComparison) -> bool:
    """Whether no other line of its size and wording has a higher mean in domain, and not all are alike."""
    name = f"test.{found.metric}"
    rivals = [other.means[name] for other in found.rows if (other.size, other.wording) == (row.size, row.wording) and name in other.means]
    return name in row.means and row.means[name] == max(rivals) > min(rivals)


def _has_wordings(found: DesignComparison) -> bool:
    return len({row.wording for row in (*found.rows, *found.waiting)}) > 1


def _mean(row: DesignRow, domain: str, metric: str) -> str:
    name = f"{domain}.{metric}"
    if name not in row.means:
        return "" if row.runs else "·"
    return f"{row.means[name]:.3f}" + (f" ±{row.spreads[name]:.3f}" if name in row.spreads else " " * 7)


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _share(row: DesignRow, domain: str) -> str:
    share = row.means.get(f"{domain}.adherence")
    return "" if share is None else f"{share:.0%}"


def _pair_items(found: DesignComparison, width: int) -> list[Item]:
    if not found.differences and not found.wordings:
        return []
    bounds = [_bounds(each) for each in (*found.differences, *found.wordings)]
    room = 14 if width < 100 else 30
    heads = f"  {'difference':>10}  {'interval':<15}{zero_mark(bounds, room)}  pair · above 0: first better"
    items = [Item([(fit(heads, width), "header")])]
    pairs: list[tuple[tuple[str, int], DesignDifference | WordingDifference]] = [(("pair", i), each) for i, each in enumerate(found.differences)]
    pairs += [(("wording", i), each) for i, each in enumerate(found.wordings)]
    return items + [Item(_pair_line(each, bounds, room, width), value) for value, each in pairs]


def _bounds(each: DesignDifference | WordingDifference) -> Bounds:
    return each.interval.low, each.interval.estimate, each.interval.high


def _pair_line(each: DesignDifference | WordingDifference, bounds: Sequence[Bounds], room: int, width: int) -> Line:
    interval = each.interval
    ink = "good" if is_shown(interval) else "bad" if interval.high < 0 else "text"
    figures = f"  {signed(interval.estimate):>10}  {interval_words(interval):<15}"
    left = max(width - len(figures) - room - 2, 8)
    return [(figures, ink), (interval_bar(_bounds(each), bounds, room), ink), ("  ", "text"), (fit(_pair_name(each, left), left).rstrip(), "text")]


def _pair_name(each: DesignDifference | WordingDifference, room: int) -> str:
    where = "" if each.domain == "test" else ", ood"
    if isinstance(each, WordingDifference):
        return f"{fit(visible(each.design, 60), max(room - 9 - len(where), 6)).rstrip()} w{each.best} − w{each.worst}{where}"
    side = max((room - 3 - len(where)) // 2, 6)
    return " − ".join(fit(visible(name, 60), side).rstrip() for name in (each.best, each.other)) + where


def _before_line(name: str, told: Mapping[str, float], width: int) -> Line:
    figures = "".join(f"{'–' if what not in told else figure_words(told[what]):>11}" for what in _BEFORE)
    return [(f"  {figures}  ", "text"), (fit(visible(name, 200), max(width - 48, 8)).rstrip(), "text")]


# ---- the words


def words_of(found: DesignComparison, chosen: object, width: int) -> list[Line]:
    """What is said of the line under the cursor, the verdict of the whole, and what is to be known beside it."""
    said: list[tuple[str, str]] = [(design_headline(found), "strong")] + ([(caution(found), "warn")] if caution(found) else [])
    kind, value = chosen if isinstance(chosen, tuple) else ("", None)
    row = row_of(found, chosen)
    if kind == "pair":
        said.append((pair_verdict(found.differences[value], found.metric), "text"))
    elif kind == "wording":
        said.append((wording_verdict(found.wordings[value], found.metric), "text"))
    elif row is not None:
        said += [(sentence, "text") for sentence in row_words(row, found)]
    said += [(sentence, "text") for sentence in agreement_verdicts(found)]
    said += [(note, "dim") for note in design_notes(found)]
    return [[(line, ink)] for sentence, ink in said for line in wrapped(sentence, width)]


def row_words(row: DesignRow, found: DesignComparison) -> list[str]:
    """A line of the table in words, a sentence for each domain and one for what it took."""
    said = [_domain_words(row, domain) for domain in found.records if f"{domain}.{found.metric}" in row.means]
    took = f"{row.tokens:,} tokens an epoch" + (f", {duration(row.seconds)} a run with answering" if row.seconds is not None else "")
    return [*said, f"{visible(row.design, 200)}, wording {row.wording}: {took}. enter: its answers."]


def _domain_words(row: DesignRow, domain: str) -> str:
    names = {"kappa": "kappa", "accuracy": "accuracy", "whole": "whole record", "f1": "strict F1", "soft_f1": "soft F1", "precision": "precision",
             "recall": "recall", "arguments_f1": "arguments F1", "arguments_soft_f1": "soft"}  # fmt: skip
    figures = ", ".join(f"{words} {row.means[f'{domain}.{name}']:.3f}" for name, words in names.items() if f"{domain}.{name}" in row.means)
    form, soft = (row.means.get(f"{domain}.{name}") for name in ("adherence", "soft_adherence"))
    kept = "" if form is None else f" {form:.0%} of answers keep the form"
    kept += "" if form is None or soft is None or soft == form else f", {soft:.0%} where they are read softly"
    faults = fault_words([(kind, row.faults[domain][kind]) for kind in FAULT_KINDS if kind in row.faults.get(domain, {})])
    return f"{DOMAIN_WORDS[domain].capitalize()}: {figures}.{kept}; faults: {faults}."
