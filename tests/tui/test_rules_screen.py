"""Screen 6 by its keys."""

from __future__ import annotations

import re

import numpy as np
import pytest
from rule_essays import move_to, write_essays

from sde_core.dataset import open_dataset
from sde_core.errors import UsageError
from sde_core.project import Project
from sde_core.rules import RULES, RuleBook, choose_by_book, quality_of_choice, rule_scores


@pytest.fixture
def essays(tmp_path):
    return write_essays(tmp_path / "essays.jsonl")


@pytest.fixture
def scores(essays):
    """What the engine says about the same file."""
    return rule_scores(open_dataset(str(essays)).texts(), RuleBook())


@pytest.fixture
def engine(scores):
    """Its scores."""
    return scores.matrix


def chosen(scores, r=None, **wishes):
    return choose_by_book(scores, RuleBook(), r, **wishes)


def quality(scores, choice):
    return quality_of_choice(None, RuleBook(), None, scores, choice).values


def chosen_on(sde):
    """Names marked as chosen, in the order of the screen; needs a screen tall enough for all of them."""
    return [re.match(r" [✓◆] (\S+) ", line).group(1) for line in sde.lines if re.match(r" [✓◆] \S+ +\d\.\d\d ", line)]


async def test_choice_is_the_engines_and_is_compared_with_random_sets(open_app, essays, scores):
    choice = chosen(scores)
    async with open_app(essays, size=(120, 40)) as sde:
        await sde.press("6")
        assert chosen_on(sde) == list(choice.chosen)
        assert f"{len(choice.chosen)} chosen · greedy on correlation (default) · mean quality {quality(scores, choice).mean():.2f}" in sde.text
        random = choice.against_random
        assert f"ρ {choice.rho:.3f} · random sets: median {random.median_rho:.3f}, lowest {random.lowest_rho:.3f} · ✓ below" in sde.text
        assert f"below {random.win.wins:,} of 1,000 (95 %: > 99 %)" in sde.text


async def test_a_book_with_all_rules_off_says_so(open_app, essays):
    RuleBook(disabled=tuple(rule.name for rule in RULES)).save(Project.of(essays).created().rule_book_path)
    async with open_app(essays) as sde:
        await sde.press("6")
        assert "No rule is on." in sde.text


async def test_list_shows_mean_histogram_length_and_why_a_rule_is_no_candidate(open_app, essays, engine):
    async with open_app(essays) as sde:
        await sde.press("6")
        await move_to(sde, "no-residue")
        line = next(line for line in sde.lines if line.startswith(" · no-residue"))
        summary = engine.summaries[engine.index("no-residue")]
        assert f"{summary.mean:.2f}" in line
        assert "█" in line
        assert "barely varies" in line or "constant" in line
        await move_to(sde, "answer-length")
        line = next(line for line in sde.lines if re.match(r" . answer-length ", line))
        assert f"{engine.summaries[engine.index('answer-length')].length_correlation:+.2f}" in line


async def test_detail_states_definition_figures_and_the_most_and_least_alike(open_app, essays, engine):
    async with open_app(essays) as sde:
        await sde.press("6")
        await move_to(sde, "answer-length")
        assert "1 for answers of 30 to 300 words, falling in straight lines to 0" in sde.text
        summary = engine.summaries[engine.index("answer-length")]
        assert f"mean {summary.mean:.2f} sd {summary.sd:.2f}" in sde.text
        scores = engine.scores.astype(float)
        varied = [i for i in range(len(engine.rules)) if np.ptp(scores[:, i]) > 0]
        correlations = {engine.rules[i]: np.corrcoef(scores[:, i], engine.column("answer-length"))[0, 1] for i in varied}
        del correlations["answer-length"]
        most = max(correlations, key=lambda name: abs(correlations[name]))
        assert f"most alike {most} {correlations[most]:+.2f}".replace("0.", ".") in sde.text  # two decimals, no leading zero


async def test_more_and_fewer_rules_until_there_are_no_more(open_app, essays, engine, scores):
    async with open_app(essays, size=(120, 40)) as sde:
        await sde.press("6")
        before = chosen_on(sde)
        await sde.press("plus")
        assert chosen_on(sde) == list(chosen(scores, len(before) + 1).chosen)
        await sde.press("minus", "minus", "minus")
        assert chosen_on(sde) == list(chosen(scores, len(before) - 2).chosen)
        await sde.press(*["minus"] * len(before))
        assert len(chosen_on(sde)) == 1
        assert "0 rules cannot be chosen" in sde.flashed or len(chosen_on(sde)) == 1
        candidates = len(engine.rules) - len(chosen(scores, 1).dropped)
        await sde.press(*["plus"] * (candidates + 2))
        count = len(chosen_on(sde))
        assert 1 < count <= candidates
        assert "Ask for at most" in sde.flashed
        await sde.press("minus")
        assert len(chosen_on(sde)) == count - 1, "a refused wish is not kept"


async def test_pin_keeps_a_rule_in_and_ban_keeps_it_out(open_app, essays):
    async with open_app(essays, size=(120, 40)) as sde:
        await sde.press("6")
        outside = sde.session.rules.sections()[1][0]
        await move_to(sde, outside)
        await sde.press("p")
        assert chosen_on(sde)[0] == outside
        assert f" ◆ {outside}" in sde.text
        assert "pinned" in sde.text
        await sde.press("b")
        assert outside not in chosen_on(sde)
        assert sde.session.rules.book.pinned == ()
        await move_to(sde, outside)
        assert re.search(rf" ✗ {outside} .* banned", sde.text)
        assert RuleBook.load(Project.of(essays).rule_book_path).banned == (outside,)
        assert sde.app.screen.rule == outside, "the cursor stays on the rule wherever it goes"
        await sde.press("b")
        assert sde.session.rules.book.banned == ()
        assert RuleBook.load(Project.of(essays).rule_book_path).banned == ()


async def test_a_rule_that_never_varies_cannot_be_pinned(open_app, essays):
    async with open_app(essays, size=(120, 40)) as sde:
        await sde.press("6")
        constant = next(name for name in sde.session.rules.sections()[2] if "constant" in sde.session.rules.reason_out(name))
        await move_to(sde, constant)
        await sde.press("p")
        assert "is pinned but constant" in sde.flashed
        assert sde.session.rules.book.pinned == ()
        assert not Project.of(essays).rule_book_path.exists(), "what no choice can be made with does not reach the book"


async def test_paper_mode_draws_and_draws_again(open_app, essays, scores):
    async with open_app(essays, size=(120, 40)) as sde:
        await sde.press("6")
        await sde.press("s")
        assert "greedy choice has no chance in it" in sde.flashed
        await sde.press("m", "down", "enter")
        assert "k-DPP sample on raw Gram (paper mode)" in sde.text
        assert chosen_on(sde) == list(chosen(scores, method="kdpp-gram", seed=0).chosen)
        await sde.press("s")
        assert chosen_on(sde) == list(chosen(scores, method="kdpp-gram", seed=1).chosen)
        assert "· seed 1 ·" in sde.text


async def test_enter_on_a_bar_shows_its_rows_and_backspace_returns_to_it(open_app, essays, engine):
    async with open_app(essays) as sde:
        await sde.press("6")
        await move_to(sde, "answer-length")
        counts = engine.histograms[engine.index("answer-length")]
        bar = int(np.argmax(counts))
        await sde.press(*["right"] * (bar + 1))
        assert f"{bar / 20:.2f}–{(bar + 1) / 20:.2f}: {counts[bar]} rows" in sde.text
        await sde.press("enter")
        assert "▌2 Records▐" in sde.lines[1] or "▐2 Records▌" in sde.lines[1]
        assert list(sde.session.records.view.rows) == engine.rows_in_bin("answer-length", bar).tolist()
        assert f"answer-length {bar / 20:.2f}" in sde.text
        await sde.press("backspace")
        assert sde.app.screen.rule == "answer-length"
        assert sde.app.screen.bar == bar


async def test_an_empty_bar_says_so_and_escape_leaves_the_bars(open_app, essays, engine):
    async with open_app(essays) as sde:
        await sde.press("6")
        await move_to(sde, "answer-length")
        empty = int(np.flatnonzero(engine.histograms[engine.index("answer-length")] == 0)[0])
        await sde.press(*["right"] * (empty + 1), "enter")
        assert sde.flashed == "No row has a score in this bar."
        await sde.press("escape")
        assert sde.app.screen.bar is None
        await sde.press("left")
        assert sde.app.screen.bar == 19
        await sde.press("right")
        assert sde.app.screen.bar is None


async def test_enter_without_a_bar_shows_all_rows_lowest_score_first(open_app, essays, engine):
    async with open_app(essays) as sde:
        await sde.press("6")
        await move_to(sde, "prompt-taken-up")
        await sde.press("enter")
        rows = list(sde.session.records.view.rows)
        assert rows == engine.lowest_rows("prompt-taken-up", 99).tolist()
        assert 5 not in rows
        scores = [float(engine.column("prompt-taken-up")[list(engine.rows).index(row)]) for row in rows]
        assert scores == sorted(scores)


async def test_the_footer_leads_to_the_rule_book_and_to_comparing(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("6")
        assert "e Rule book   t Compare rows" in sde.lines[-1] and "single words" not in sde.text
        assert "p b pin or ban" in sde.text


async def test_square_of_correlations_reads_without_colour(open_app, essays, engine):
    async with open_app(essays) as sde:
        await sde.press("6")
        await sde.press("v", "home", "right", "right")
        left, right = sde.app.screen.heat_map.pair
        assert right == sde.session.rules.choice.chosen[2]
        expected = np.corrcoef(engine.column(left).astype(float), engine.column(right).astype(float))[0, 1]
        assert f"{left} × {right}" in sde.text
        assert f"{expected:+.3f}" in sde.text
        row = next(line for line in sde.lines if line.startswith(" 1 ✓"))
        shown = round(abs(expected) * 100)
        assert (f"{'-' if expected < 0 else '+'}{shown:02d}" if shown else " 00") in row
        await sde.press("end")
        assert sde.app.screen.heat_map.pair[0] != left
        await sde.press("v")
        assert "Chosen" in sde.text


async def test_square_scrolls_sideways_with_its_cursor(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("6")
        await sde.press("v")
        names = sde.app.screen.heat_map.names
        await sde.press(*["right"] * (len(names) - 1))
        assert sde.app.screen.heat_map.pair[1] == names[-1]
        assert f"{len(names):>4} " in sde.lines[4]
        assert re.search(r" ←\d+$", sde.lines[4].rstrip()), "what is hidden is to the left"
        assert all(len(line) <= 80 for line in sde.lines)


async def test_quality_is_published_and_orders_records(open_app, essays, engine, scores):
    async with open_app(essays) as sde:
        assert sde.session.rules.quality() is None
        with pytest.raises(UsageError, match="not computed"):
            sde.session.quality()
        await sde.press("6")
        rows, values = sde.session.rules.quality()
        np.testing.assert_array_equal(rows, engine.rows)
        np.testing.assert_array_equal(values, quality(scores, chosen(scores)))
        assert values.dtype == np.float32
        sde.session.records.show(order="poorest")
        await sde.settle()
        ordered = [row for row in sde.session.records.view.rows if row != 5]
        assert ordered[0] == rows[np.argmin(values)]
        told = []
        sde.session.signals.rules.subscribe(sde.app, told.append)
        await sde.press("minus")
        assert told == ["chosen"]
        assert not np.array_equal(sde.session.quality()[1], values)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_nothing_is_wider_than_the_screen_and_no_escape_code_is_left(open_app, essays, size):
    async with open_app(essays, size=size) as sde:
        for keys in (("6",), ("right", "right"), ("end",), ("v",), ("end", "right")):
            await sde.press(*keys)
            assert len(sde.lines) == size[1]
            assert all(len(line) <= size[0] for line in sde.lines)
            assert "\x1b" not in sde.text


GOLDEN_RULES = (
    "answer-length", "letter-share", "sentence-variety", "varied-openings", "long-words", "reasons-given", "distinct-lines", "laid-out-lines",
    "reading-ease", "numbers", "calm-tone", "no-residue", "opening-on-topic", "prompt-taken-up", "varied-words", "incompressible",
    "distinct-triples", "proper-names", "function-words",
)  # fmt: skip


async def test_golden_screens(open_app, essays):
    others = tuple(rule.name for rule in RULES if rule.name not in GOLDEN_RULES)
    RuleBook(disabled=others, banned=("numbers",)).save(Project.of(essays).created().rule_book_path)
    async with open_app(essays) as sde:
        await sde.press("6")
        await sde.press("down", "right")
        sde.golden("rules", hide={sde.lines[1]: "(tabs)"})
        await sde.press("v", "down", "right")
        sde.golden("rules_map", hide={sde.lines[1]: "(tabs)"})
