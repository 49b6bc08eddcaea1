"""One design of a comparison: its figures run by run, and answers that are wrong beside what was wanted, byte for byte."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import chop_cells
from textual.containers import Vertical
from textual.widget import Widget

from sde_core.design.parse import FAULT_KINDS
from sde_core.evaluate.design_answers import AskedModel, WrongAnswer
from sde_core.evaluate.design_results import DesignComparison, DesignRow
from sde_core.evaluate.design_verdict import DOMAIN_WORDS
from sde_core.visible import visible
from sde_core.wording import count_of
from sde_tui.screens.dialogs import Dialog
from sde_tui.session_design_compare import DesignComparePart
from sde_tui.widgets.bindings import dialog_bindings
from sde_tui.widgets.chrome import OneLine
from sde_tui.widgets.lines import Item, ItemList, LineList
from sde_tui.widgets.spans import Line, fit, width_of
from sde_tui.widgets.wrapping import wrapped

_HEAD = 10
_SIDE_BY_SIDE = 96
_MOST_TEXT = 600
_MOST_ANSWER = 4_000
_FIGURES = {
    "accuracy": "accuracy", "soft_accuracy": "accuracy, read softly",
    "kappa": "weighted kappa", "whole": "whole records right", "f1": "strict F1", "soft_f1": "soft F1",
    "precision": "precision", "recall": "recall", "arguments_f1": "arguments, strict F1", "arguments_soft_f1": "arguments, soft F1",
    "adherence": "keep the form", "soft_adherence": "… read softly",
}  # fmt: skip


class DesignAnswersScreen(Dialog[None]):
    """What the models of one line of the table answered.

    Args:
        part: The comparison.
        row: The line.
        found: What the comparison has found.
    """

    DEFAULT_CSS = """
    DesignAnswersScreen > Vertical { height: 100%; width: 100%; max-width: 100%; }
    DesignAnswersScreen OneLine { background: $panel; }
    DesignAnswersScreen #answers { height: 1fr; max-height: 100%; }
    """
    NAME = "design_answers"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, part: DesignComparePart, row: DesignRow, found: DesignComparison) -> None:
        super().__init__()
        self._part, self._row, self._found = part, row, found
        self._asked: list[AskedModel] | None = None
        self._at = 0

    def compose_content(self) -> Iterable[Widget]:
        with Vertical():
            yield OneLine(id="title")
            yield OneLine(id="which")
            yield ItemList(id="answers")

    def on_mount(self) -> None:
        self.set_focus(self.query_one("#answers", ItemList))
        self._part.answers(self._row, self._read)
        self.call_after_refresh(self._show)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def _read(self, asked: list[AskedModel]) -> None:
        self._asked = asked
        self._show()

    def _show(self) -> None:
        if not self.is_attached or not self.query("#answers"):
            return
        row, pane = self._row, self.query_one("#answers", ItemList)
        title = f"{visible(row.design, 200)} · {count_of(row.size, 'record')} · wording {row.wording} · {row.runs} of {count_of(row.wanted, 'run')}"
        self.query_one("#title", OneLine).show([(title, "header")])
        width = (pane.scrollable_content_region.width or 74) - 1
        lines: list[Line] = [[("Reading the answers…", "dim")]]
        if self._asked is not None:
            asked = self._asked[self._at] if self._asked else None
            which = f"{asked.model}, {DOMAIN_WORDS[asked.domain]} ({self._at + 1} of {len(self._asked)})" if asked is not None else ""
            self.query_one("#which", OneLine).show([(which, "strong")])
            lines = answer_lines(asked, row, width) if asked is not None else [[("No answers of this line can be read.", "warn")]]
        pane.set_items([Item(line, (number,)) for number, line in enumerate(lines)])
        self.refresh_frame()

    # ---- keys

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        event.stop()

    def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        event.stop()

    def action_next_model(self) -> None:
        self._turn(1)

    def action_previous_model(self) -> None:
        self._turn(-1)

    def _turn(self, direction: int) -> None:
        self._at = (self._at + direction) % max(len(self._asked or []), 1)
        self._show()
        self.query_one("#answers", ItemList).action_cursor_top()

    def why_not_next_model(self) -> str:
        return "" if len(self._asked or []) > 1 else "There are no other answers."

    why_not_previous_model = why_not_next_model


def answer_lines(asked: AskedModel, row: DesignRow, width: int) -> list[Line]:
    """The figures of one model in one domain, then its wrong answers, the worst first."""
    tuned = asked.model.startswith("seed")
    lines: list[Line] = [[(f"{'':<26}{asked.model:>11}" + (f"{'mean ± sd':>17}" if tuned else ""), "dim")]]
    names = _FIGURES | {name: f"  {visible(name.removeprefix('accuracy of '), 22)}" for name in asked.scores if name.startswith("accuracy of ")}
    order = sorted((name for name in names if name in asked.scores), key=lambda name: (not name.startswith("accuracy"), list(names).index(name)))
    for name in order:
        mean, spread = (side.get(f"{asked.domain}.{name}") for side in (row.means, row.spreads))
        over = f"{mean:.3f}" + (f" ±{spread:.3f}" if spread is not None else "") if mean is not None and tuned else ""
        lines.append([(fit(names[name], 26), "text"), (f"{asked.scores[name]:>11.3f}{over:>17}", "text")])
    lines += [[(line, "text")] for line in wrapped(_fault_words(asked), width)]
    lines += [[(line, "warn")] for note in asked.notes for line in wrapped(visible(note, 300), width)]
    if asked.unended:
        lines.append([(f"{count_of(asked.unended, 'answer')} had no room to end.", "warn")])
    head = f"{asked.wrong_count:,} of {count_of(asked.records, 'answer')} wrong in content or form" + (", the worst first" if asked.wrong else "")
    lines.append([(head, "header")])
    for wrong in asked.wrong:
        lines += _wrong_lines(wrong, width)
    return lines


def _fault_words(asked: AskedModel) -> str:
    said = ", ".join(f"{kind} {asked.faulty[kind]:,}" for kind in FAULT_KINDS if kind in asked.faulty)
    return f"Answers with a fault: {said}." if said else "No answer has a fault of form."


def _wrong_lines(wrong: WrongAnswer, width: int) -> list[Line]:
    lines: list[Line] = [[(fit(f"── record {wrong.record:,} · {wrong.score:.2f} right ", width).rstrip(), "strong")]]
    lines += [[(line, "warn")] for line in wrapped(visible(" ".join(wrong.faults), 300), width) if wrong.faults]
    lines += _block("asked", wrong.text[:_MOST_TEXT] + ("…" if len(wrong.text) > _MOST_TEXT else ""), width, "dim")
    wanted, answer = set(wrong.wanted.split("\n")), set(wrong.answer.split("\n"))
    if width < _SIDE_BY_SIDE:
        return [*lines, *_block("wanted", wrong.wanted, width, "good", answer), *_block("answered", wrong.answer, width, "bad", wanted)]
    room = width // 2 - 1
    left = _block("wanted", wrong.wanted, room, "good", answer)
    right = _block("answered", wrong.answer, room, "bad", wanted)
    for place in range(max(len(left), len(right))):
        one, other = (side[place] if place < len(side) else [] for side in (left, right))
        gap = room - width_of(one)
        lines.append([*one, (" " * max(gap, 0) + "│ ", "dim"), *other])
    return lines


def _block(head: str, text: str, width: int, ink: str, shared: set[str] | None = None) -> list[Line]:
    """A text beside its name, every character of it: ⏎ where a line ends; lines that both texts have stand in plain ink."""
    cut = text[:_MOST_ANSWER]
    pieces = cut.split("\n")
    lines: list[Line] = []
    for number, piece in enumerate(pieces):
        end = "⏎" if number + 1 < len(pieces) else "… (cut)" if len(text) > _MOST_ANSWER else ""
        shown = chop_cells(visible(piece) + end, max(width - _HEAD, 10)) or ([""] if text else ["(nothing)"])
        plain = shared is not None and piece in shared
        lines += [[(f"{head if not lines and part == shown[0] else '':<{_HEAD}}", "dim"), (part, "text" if plain else ink)] for part in shown]
    return lines
