"""6 Rules: what each rule says about the rows, which rules say different things, and the rows behind a bar."""

from __future__ import annotations

import os
from collections.abc import Iterable

from textual.containers import Container
from textual.widget import Widget

from sde_core.visible import visible
from sde_tui.screens.base import SdeScreen
from sde_tui.screens.rules_drawing import choice_lines, detail_lines, header_line, pair_line, rule_items, truth_line, unscored_items
from sde_tui.session_rules import RulesPart
from sde_tui.widgets.bindings import screen_bindings
from sde_tui.widgets.chrome import OneLine
from sde_tui.widgets.heat_map import HeatMap
from sde_tui.widgets.lines import Item, ItemList, LineList, TextLines
from sde_tui.widgets.spans import Line

_BARS = 20
_DETAIL_NARROW = 8


class RulesScreen(SdeScreen):
    """The list of rules with one of them in detail, or the square of their correlations."""

    NAME = "rules"
    BINDINGS = screen_bindings("rules")
    DEFAULT_CSS = f"""
    RulesScreen #truth {{ display: none; }}
    RulesScreen.-judged #truth {{ display: block; }}
    RulesScreen #panes {{ height: 1fr; layout: vertical; }}
    RulesScreen #list-pane {{ height: 1fr; }}
    RulesScreen #rules {{ height: 1fr; }}
    RulesScreen #detail {{ height: {_DETAIL_NARROW + 1}; padding: 0 1; border-top: solid $panel; }}
    RulesScreen.-tall #detail {{ height: 15; }}
    RulesScreen.-wide #panes {{ layout: horizontal; }}
    RulesScreen.-wide #list-pane {{ width: 76; height: 100%; }}
    RulesScreen.-wide #detail {{ width: 1fr; height: 100%; border-top: none; border-left: solid $panel; }}
    RulesScreen #map {{ height: 1fr; display: none; }}
    RulesScreen #map-pair {{ display: none; }}
    RulesScreen.-map #panes {{ display: none; }}
    RulesScreen.-map #map {{ display: block; }}
    RulesScreen.-map #map-pair {{ display: block; }}
    RulesScreen.-map #columns {{ height: 1; }}
    """

    def __init__(self) -> None:
        super().__init__()
        self.bar: int | None = None
        self._map = False
        self._scored = False

    def compose_content(self) -> Iterable[Widget]:
        yield OneLine(id="chosen")
        yield OneLine(id="overlap")
        yield OneLine(id="truth")
        yield OneLine(id="columns")
        with Container(id="panes"):
            with Container(id="list-pane"):
                yield ItemList(id="rules")
            yield TextLines(id="detail")
        yield HeatMap(id="map")
        yield OneLine(id="map-pair")

    def on_mount(self) -> None:
        self.set_focus(self.rule_list)

    @property
    def rules(self) -> RulesPart:
        """The scores and the choice."""
        part: RulesPart = self.session.part("rules")
        return part

    @property
    def rule_list(self) -> ItemList:
        """The list."""
        return self.query_one("#rules", ItemList)

    @property
    def heat_map(self) -> HeatMap:
        """The square."""
        return self.query_one("#map", HeatMap)

    @property
    def rule(self) -> str | None:
        """The rule under the cursor."""
        if self._map:
            return self.heat_map.pair[0] if self.heat_map.pair else None
        name: str | None = self.rule_list.value
        return name

    # ---- refreshing

    def refresh_content(self, change: str) -> None:
        if change in ("shown", "dataset"):
            self.rules.start()
        elif change not in ("rules", "work", "resized"):
            return
        if change == "work" and self.rules.choice is not None and not self.rules.running:
            return
        self._show_all()

    def _show_all(self) -> None:
        rules = self.rules
        if rules.matrix is None or rules.choice is None:
            self._show_nothing_yet()
            return
        first, second = choice_lines(rules, rules.choice, self.size.width or 80)
        self.query_one("#chosen", OneLine).show(first)
        self.query_one("#overlap", OneLine).show(second)
        judged = truth_line(rules.choice, self.size.width or 80)
        self.query_one("#truth", OneLine).show(judged or [])
        self.set_class(judged is not None, "-judged")
        self.rule_list.set_items(rule_items(rules, self.rule_list.size.width or 79))
        if not self._scored:
            self._scored = True
            self.rule_list.action_cursor_top()
        chosen, others, out = rules.sections()
        self.heat_map.show_pairs([*chosen, *others, *(name for name in out if rules.varies(name))], rules.correlation, len(chosen))
        self._show_columns()
        self._show_detail()

    def _show_nothing_yet(self) -> None:
        self._scored = False
        words = self.rules.refusal or self._waiting_for()
        self.query_one("#chosen", OneLine).show([(f" {words}", "warn" if self.rules.refusal else "text")])
        self.query_one("#overlap", OneLine).show([(" Every rule gives every row a score from 0 to 1, and 1 is best.", "dim")])
        self.query_one("#columns", OneLine).show([])
        self.rule_list.set_items(unscored_items(self.rules, self.rule_list.size.width or 79))
        self._show_detail()

    def _waiting_for(self) -> str:
        return self.rules.why_not_run() or "Not scored yet: r scores the rows."

    def _show_columns(self) -> None:
        line = self.heat_map.header(self.heat_map.size.width or 79) if self._map else header_line(self.rule_list.size.width or 79)
        self.query_one("#columns", OneLine).show(line)
        pair = self.heat_map.pair if self._map else None
        if pair is not None:
            self.query_one("#map-pair", OneLine).show(pair_line(*pair, self.rules.correlation(*pair), self.size.width or 80))

    def _show_detail(self) -> None:
        name, detail = self.rule, self.query_one("#detail", ItemList)
        if self._map:
            return
        room = detail.scrollable_content_region
        lines = detail_lines(self.rules, name, self.bar, room.width or 78, room.height or _DETAIL_NARROW) if name else []
        detail.set_items([Item(line) for line in lines])

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        if self._map:
            self._show_columns()
        else:
            self._show_detail()
        self.refresh_frame()

    def on_heat_map_pair_moved(self, event: HeatMap.PairMoved) -> None:
        self._show_columns()

    # ---- the message line

    def what_now(self) -> Line:
        if self.rules.running and self.rules.matrix is not None:
            running = self.session.lanes.running("rules")
            return [(f"{running.shown() if running else 'scoring'}; the scores shown are of before", "dim")]
        if self.rules.choice is None:
            return [("r scores the rows" if not self.rules.why_not_run() and not self.rules.refusal else "", "dim")]
        if self.rules.stale:
            return [("Texts were edited since: ", "warn"), ("r", "accent"), (" scores the rows again", "warn")]
        if self.session.quality_doubt and not self._map:
            return [(f"{self.session.quality_doubt}: ", "warn"), ("e", "accent"), (" rates all rows", "warn")]
        if self.rules.labels and not self._map:
            return [("w", "accent"), (" default quality; now by ", "dim"), (visible(self.rules.labels, 200), "accent")]
        if self._map:
            return [("←→", "accent"), (" another column; enter the rule's lowest rows; ", "dim"), ("v", "accent"), (" back to the list", "dim")]
        if self.rules.answers_are_words:
            return [("Answers are single words: rules say little of them; on 7, ", "warn"), ("m", "accent"), (" chooses without", "warn")]
        bars = [(" a bar, ", "dim"), ("enter", "accent"), (" its rows; " if self.bar is not None else " lowest rows; ", "dim")]
        return [("←→", "accent"), *bars, ("m", "accent"), (" method, ", "dim"), ("v", "accent"), (" correlations, ", "dim"),
                *([("s", "accent"), (" another sample", "dim")] if self.rules.samples else [("p b", "accent"), (" pin or ban", "dim")])]  # fmt: skip

    def command_line(self) -> str:
        return self.rules.command_line()

    def copied(self) -> tuple[str, str]:
        name = self.rule
        return super().copied() if name is None else (f"the definition of {name}", self.rules.said(name))

    # ---- keys

    def why_not_score(self) -> str:
        return self.rules.why_not_run()

    def action_score(self) -> None:
        self.rules.run()

    def _why_nothing(self) -> str:
        return "" if self.rules.choice is not None else self.rules.refusal or "Nothing is scored yet: r scores the rows."

    def _why_no_rule(self) -> str:
        return self._why_nothing() or ("" if self.rule else "The cursor stands on no rule.")

    why_not_more = why_not_fewer = why_not_method = why_not_map = _why_nothing
    why_not_pin = why_not_ban = why_not_open_rows = _why_no_rule

    def action_more(self) -> None:
        self.rules.change_count(1)

    def action_fewer(self) -> None:
        self.rules.change_count(-1)

    def action_pin(self) -> None:
        if self.rule:
            self.rules.toggle_pin(self.rule)

    def action_ban(self) -> None:
        if self.rule:
            self.rules.toggle_ban(self.rule)

    def action_weights(self) -> None:
        details = [
            "Weights of rules, as sde rules truth DATA --fit --weights FILE.json fits them to labels.",
            "Empty for the default, which needs none.",
        ]
        self.prompt(
            "Which weights is quality to follow?", self._ask_weights, value=self.rules.wishes.weights, placeholder="weights.json", details=details
        )

    def _ask_weights(self, path: str) -> None:
        self.rules.choose(weights=os.path.abspath(os.path.expanduser(path.strip())) if path.strip() else "")  # noqa: PTH100, PTH111 - "~nobody" too

    def why_not_weights(self) -> str:
        return "" if self.rules.choice is not None else "Score the rules first: r."

    def action_method(self) -> None:
        self.choose("How to choose", self.rules.methods(), lambda name: self.rules.choose(method=name), current=self.rules.wishes.method)

    def why_not_pack(self) -> str:
        return self.rules.why_not_run()

    def action_pack(self) -> None:
        self.choose("Score by the rules of", self.rules.packs(), self.rules.take_pack, current=self.rules.book.pack)

    def action_rule_book(self) -> None:
        from sde_tui.screens.rule_book import RuleBookScreen

        self.app.push_screen(RuleBookScreen(self.session.rule_book))

    def why_not_sample(self) -> str:
        return self._why_nothing() or ("" if self.rules.samples else "The greedy choice has no chance in it: m chooses a k-DPP method.")

    def action_sample(self) -> None:
        self.rules.choose(seed=self.rules.wishes.seed + 1)

    def action_map(self) -> None:
        name = self.rule
        self._map = not self._map
        self.set_class(self._map, "-map")
        target = self.heat_map if self._map else self.rule_list
        self.set_focus(target)
        self._show_all()
        if name is not None and self._map and name in self.heat_map.names:
            self.heat_map.move_to(list(self.heat_map.names).index(name))
        self.call_after_refresh(self._show_all)

    def action_bar_right(self) -> None:
        self._move_bar(1)

    def action_bar_left(self) -> None:
        self._move_bar(-1)

    def _move_bar(self, step: int) -> None:
        if self._map:
            self.heat_map.move_column(step)
            return
        if self.bar is None:
            self.bar = 0 if step > 0 else _BARS - 1
        else:
            self.bar += step
            if not 0 <= self.bar < _BARS:
                self.bar = None
        self._show_detail()

    why_not_bar_left = why_not_bar_right = _why_no_rule

    def why_not_no_bar(self) -> str:
        return "" if self.bar is not None or self._map else "No bar is under the cursor."

    def action_no_bar(self) -> None:
        if self._map:
            self.action_map()
        else:
            self.bar = None
            self._show_detail()

    def why_not_compare_rows(self) -> str:
        return self.session.part("comparisons").why_not_run()  # type: ignore[no-any-return]

    def action_compare_rows(self) -> None:
        from sde_tui.screens.compare_rows import open_comparing

        open_comparing(self)

    def action_open_rows(self) -> None:
        name = self.rule
        bar = None if self._map else self.bar
        if name is not None and not self.rules.drill(name, bar, screen=self.NAME):
            self.flash("No row has a score in this bar.", "warn")

    def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        self.action_open_rows()
