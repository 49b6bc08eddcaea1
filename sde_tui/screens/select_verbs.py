"""What can be said to a proposal: verbs on rows, which decide or wish, and wishes of the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sde_core.wording import count_of

if TYPE_CHECKING:
    from sde_core.select.alternatives import Candidate
    from sde_tui.screens.base import SdeScreen
    from sde_tui.session_selection import SelectionPart

    class _Base(SdeScreen):
        part: SelectionPart

        def targets(self) -> list[int]: ...
else:
    _Base = object

UNDOES = "   u undoes it."
NO_QUOTAS = ("", "proportional")


class RowVerbs(_Base):
    """Accept, reject, lock, ban, swap, more and fewer like a row; on the row under the cursor or the marked ones."""

    def why_not_lock(self) -> str:
        return "" if self.targets() else "There is no row here."

    why_not_ban = why_not_mark = why_not_lock

    def why_not_accept(self) -> str:
        return self.why_not_lock() or self.session.decisions.why_not()

    why_not_reject = why_not_clear = why_not_accept

    def action_accept(self) -> None:
        self._used(self.session.decisions.accept(self.targets()))

    def action_reject(self) -> None:
        self._used(self.session.decisions.reject(self.targets()))

    def action_clear(self) -> None:
        self._used(self.session.decisions.clear(self.targets()))

    def _used(self, done: bool) -> None:
        """After a verb: marks are used up."""
        if done and self.session.records.marks:
            self.session.records.clear_marks()

    # ---- lock and ban

    def action_lock(self) -> None:
        self._toggle("locked", "banned", "Locked: always in", "Unlocked")

    def action_ban(self) -> None:
        self._toggle("banned", "locked", "Banned: never in", "Ban lifted from")

    def _toggle(self, there: str, elsewhere: str, done: str, undone: str) -> None:
        rows, wishes = self.targets(), self.part.wishes
        held, other = getattr(wishes, there), getattr(wishes, elsewhere)
        lift = set(rows) <= held
        said = f"{undone} {_rows(rows)}" if lift else f"{done}, {_rows(rows)}"
        if self.part.wish(said, **{there: held - set(rows) if lift else held | set(rows), elsewhere: other - set(rows)}):
            self.flash(f"{said}.{UNDOES}", "good")
            self._used(True)

    # ---- more and fewer like this

    def why_not_more_like(self) -> str:
        wishes = self.part.wishes
        if wishes.method == "dpp" and wishes.balance == 0:
            return "Diversity alone counts now, so that liking a row changes nothing; → weighs quality."
        return self.why_not_lock()

    why_not_fewer_like = why_not_more_like

    def action_more_like(self) -> None:
        self._lean(1)

    def action_fewer_like(self) -> None:
        self._lean(-1)

    def _lean(self, by: int) -> None:
        from sde_core.select.leaning import Leaning

        rows, wishes = self.targets(), self.part.wishes
        wanted = wishes.leaning(rows, by)
        weight = wanted.weight_of(rows[0])
        said = f"{'more' if by > 0 else 'fewer'} like {_rows(rows)}"
        if len(rows) == 1:
            said = Leaning(rows[0], weight).words() if weight else f"neither more nor fewer like {rows[0]:,}"
        if self.part.take(wanted, said):
            self.flash(f"{said[:1].upper()}{said[1:]}.{UNDOES}", "good")
            self._used(True)

    # ---- swap

    def why_not_swap(self) -> str:
        rows = self.targets()
        if len(rows) != 1:
            return "Swap one row at a time; esc takes the marks off." if rows else "There is no row here."
        if self.part.rank_of(rows[0]) is None:
            return "Only a row of the proposal can be swapped for another; l locks this one in."
        if self.session.decisions.status(rows[0]) == "accepted":
            return "This row is accepted; c makes it undecided first."
        return "The proposal is being solved; wait for it." if self.part.stage else ""

    def action_swap(self) -> None:
        row = self.targets()[0]
        self.session.lanes.thread(
            "selection-swap", "looking for another row", lambda _cancel, _progress: self.part.alternatives(row),
            lambda found: self._swap(row, found), quiet=True,
        )  # fmt: skip

    def _swap(self, row: int, candidates: tuple[Candidate, ...]) -> None:
        from sde_tui.screens.select_swap import SwapScreen

        if not candidates:
            self.flash("No row that is left is both like this one and of similar quality.", "warn")
            return

        def answered(other: int | None) -> None:
            if other is not None:
                wishes = self.part.wishes
                said = f"swapped row {row:,} for row {other:,}"
                self.part.wish(said, locked=(wishes.locked | {other}) - {row}, banned=(wishes.banned | {row}) - {other})
                self.flash(f"{said[:1].upper()}{said[1:]}: one is locked in, the other banned.{UNDOES}", "good")

        self.app.push_screen(SwapScreen(row, self.part.pick_of(row), candidates, self.session.records.cells), answered)


class WholeVerbs(_Base):
    """Size, method and what steers it; accept all; take a wish back."""

    def why_not_accept_all(self) -> str:
        if self.part.selection is None:
            return "There is no proposal yet."
        if self.part.stage:
            return "The proposal is being solved; wait for it."
        return self.session.decisions.why_not() or ("" if self.part.new_rows() else "All rows of the proposal are accepted already.")

    def action_accept_all(self) -> None:
        asked, new = self.part.selection, self.part.new_rows()
        if asked is None:
            return
        rows = len(asked.picks)
        details = [f"{rows - new:,} of them are accepted already."] if new < rows else []
        faulty = sum(self.session.findings.severity(row) == "error" for row in asked.rows)
        details += [f"{faulty:,} of them {'has' if faulty == 1 else 'have'} errors, marked !: x takes a row out."] if faulty else []
        details.append("They become the training set. u undoes it.")
        self.ask(f"Accept {rows:,} rows?", lambda: self.part.accept_proposal(asked) and None, details=details)

    # ---- size

    def action_more(self) -> None:
        self._change_size(1)

    def action_fewer(self) -> None:
        self._change_size(-1)

    def _change_size(self, direction: int) -> None:
        """By a step that fits the size."""
        size = self.part.k
        step = max(1, 10 ** (len(str(size - (direction < 0))) - 1) // 2)
        self._wish_size(max(1, size + direction * step))

    def _wish_size(self, size: int) -> None:
        self.part.wish(count_of(size, "row"), k=size)

    def action_size(self) -> None:
        self.prompt("How many rows? A number, or a percentage of all rows.", self._ask_size, value=str(self.part.k))

    def _ask_size(self, text: str) -> None:
        from sde_core.select import rows_wanted

        size = self.session.attempt(rows_wanted, text, self.part.candidates)
        if size is not None:
            self._wish_size(size)

    def action_budget(self) -> None:
        held = self.part.wishes.tokens
        details = ["Rows are taken while they fit, so that there may be fewer than the size says. An empty line lifts the budget."]
        self.prompt("How many tokens may the proposal have in all?", self._ask_budget, value="" if held is None else str(held), details=details)

    def _ask_budget(self, text: str) -> None:
        from sde_core.select.protocol import tokens_wanted

        tokens = self.session.attempt(tokens_wanted, text) if text.strip() else None
        if text.strip() and tokens is None:
            return
        self.part.wish(f"at most {tokens:,} tokens" if tokens else "no token budget", tokens=tokens)

    # ---- how rows are chosen

    def action_method(self) -> None:
        losses = self.session.losses
        if losses.active:
            self.ask(f"Stop the {losses.words[:1].lower()}{losses.words[1:]}?", losses.stop, details=["What is measured stays."])
            return
        self.choose("How are rows chosen?", self.part.methods(), self._ask_method, current=self.part.wishes.method)

    def _ask_method(self, name: str) -> None:
        from sde_tui.session_selection_wishes import LOSS_METHODS

        if name not in LOSS_METHODS:
            self.part.wish(f"method {name}", method=name)
            return
        details = [
            "A folder or hub name; empty for the small base model that comes with sde.",
            "What it has not measured yet a job measures first; it goes on when you leave.",
        ]
        self.prompt(
            f"{name}: whose losses of the answers?", lambda model: self.session.losses.choose(name, model), value=self.part.wishes.model,
            placeholder="the base model that comes with sde", details=details,
        )  # fmt: skip

    def action_quality(self) -> None:
        self._steer(1)

    def action_diversity(self) -> None:
        self._steer(-1)

    def why_not_quality(self) -> str:
        from sde_tui.session_selection import TEMPERED

        method = self.part.wishes.method
        return "" if method in ("dpp", *TEMPERED) else f"Only dpp weighs quality against diversity, and {method} is chosen."

    why_not_diversity = why_not_quality

    def _steer(self, direction: int) -> None:
        from sde_tui.session_selection import BALANCE_STEP, TAU_STEPS

        wishes = self.part.wishes
        if wishes.method == "dpp":
            balance = min(max(round(wishes.balance + direction * BALANCE_STEP, 2), 0.0), 1.0)
            self.part.wish(f"balance {balance:.2f}", balance=balance)
            return
        nearest = min(range(len(TAU_STEPS)), key=lambda place: abs(TAU_STEPS[place] - wishes.tau))
        tau = TAU_STEPS[min(max(nearest - direction, 0), len(TAU_STEPS) - 1)]
        self.part.wish(f"τ {tau:g}", tau=tau)

    def action_quotas(self) -> None:
        wishes = self.part.wishes
        options: list[tuple[tuple[str, str], str]] = [(NO_QUOTAS, "no quotas")]
        for by in ("class", "cluster", "source"):
            options += [((by, "proportional"), f"the share of each {by} as in all rows"), ((by, "equal"), f"as many rows of each {by}")]
        current = (wishes.quota_by, wishes.quota_split if wishes.quota_by else NO_QUOTAS[1])
        self.choose("Which shares are kept?", options, self._ask_quotas, current=current)

    def _ask_quotas(self, chosen: tuple[str, str]) -> None:
        by, split = chosen
        self.part.wish(f"{split} quotas by {by}" if by else "no quotas", quota_by=by, quota_split=split)

    def action_sample(self) -> None:
        seed = self.part.wishes.seed + 1
        self.part.wish(f"seed {seed}", seed=seed)

    def why_not_sample(self) -> str:
        from sde_tui.session_selection import DRAWN

        method = self.part.wishes.method
        return "" if method in DRAWN else f"{method} draws nothing at random; m chooses another method."

    # ---- what embeds

    def action_encoder(self) -> None:
        embedding = self.session.embedding
        if embedding.active:
            self.ask(f"Stop the {embedding.words[:1].lower()}{embedding.words[1:]}?", embedding.stop, details=["What is embedded stays."])
            return
        details = [
            "static, or a sentence-transformers model: a folder, or a name such as all-MiniLM-L6-v2.",
            "A model embeds as a job that goes on when you leave; the proposal follows when it is done.",
        ]
        self.prompt("What embeds the rows?", self._ask_encoder, value=self.part.wishes.encoder, details=details)

    def _ask_encoder(self, text: str) -> None:
        encoder = self.session.embedding.named(text)
        if not self.part.wish(f"encoder {encoder}", encoder=encoder):
            self.flash("The rows are embedded by that already.")

    # ---- taken back

    def why_not_undo(self) -> str:
        return "" if self._wish_is_last() else self.session.decisions.why_not()

    def _wish_is_last(self) -> bool:
        return self.part.history.last_at > self.session.decisions.last_at

    def action_undo(self) -> None:
        """Whatever was done last: a wish or a decision."""
        if self._wish_is_last():
            self.flash(f"Undone: {self.part.undo()}.", "good")
        else:
            self.session.decisions.undo()

    def why_not_redo(self) -> str:
        return "" if self._wish_was_undone_last() else self.session.decisions.why_not()

    def _wish_was_undone_last(self) -> bool:
        decisions, history = self.session.decisions, self.part.history
        return history.undone and (not decisions.undone or history.moved_at > decisions.log[-1].time)

    def action_redo(self) -> None:
        if self._wish_was_undone_last():
            self.flash(f"Redone: {self.part.redo()}.", "good")
        else:
            self.session.decisions.redo()


def _rows(rows: list[int]) -> str:
    return f"row {rows[0]:,}" if len(rows) == 1 else f"{len(rows):,} rows"
