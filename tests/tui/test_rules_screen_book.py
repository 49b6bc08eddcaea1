"""Screen 6 and what it follows: the rule book, ratings by a judge, comparisons of people."""

from __future__ import annotations

import re

import numpy as np
import pytest
from rule_essays import TOPICS, move_to, write_essays

from sde_core.dataset import open_dataset
from sde_core.project import Project
from sde_core.proposal import RuleWishes, quality_by_rules
from sde_core.rules import RuleBook, plain_rule, rule_scores
from sde_core.rules.rating.cache import FIRST, RETEST, RatingCache, row_keys
from sde_core.rules.rating.judge import Answer
from sde_core.rules.rating.prompts import Reading
from sde_core.rules.truth import RowTruth


@pytest.fixture
def essays(tmp_path):
    return write_essays(tmp_path / "essays.jsonl")


async def test_what_the_app_pins_and_wishes_is_what_the_commands_use(open_app, essays):
    async with open_app(essays, size=(120, 40)) as sde:
        await sde.press("6")
        outside = sde.session.rules.sections()[1][0]
        await move_to(sde, outside)
        await sde.press("p", "minus", "minus")
        await sde.settle()
        wishes, (rows, values) = sde.session.rules.wishes, sde.session.rules.quality()
        count = len(sde.session.rules.choice.chosen)
        assert sde.session.rules.select_options() == [f"--rule-count {count}"]
    project = Project.of(essays)
    book = RuleBook.load(project.rule_book_path)
    found = quality_by_rules(open_dataset(str(essays)).texts(), book=book, project=project, wishes=RuleWishes(wishes.r, wishes.method, wishes.seed))
    assert found.rules[0] == outside
    np.testing.assert_array_equal(found.values, values)
    np.testing.assert_array_equal(found.rows, rows)


async def test_a_book_that_was_changed_elsewhere_is_followed(open_app, essays):
    async with open_app(essays, size=(120, 40)) as sde:
        await sde.press("6")
        chosen_before = sde.session.rules.choice.chosen
        RuleBook(banned=chosen_before[:1], disabled=chosen_before[1:2]).save(Project.of(essays).created().rule_book_path)
        await sde.press("2", "6")
        await sde.settle()
        assert chosen_before[0] in {drop.rule for drop in sde.session.rules.choice.dropped}
        assert chosen_before[1] not in sde.session.rules.matrix.rules


def rate(essays, rule, count, scores, retest=()):
    """Ratings of the first rows by a judge, None for an answer that holds no score; some of them twice."""
    keys, _ = row_keys(rule, open_dataset(str(essays)).texts())
    with RatingCache(Project.of(essays).created().ratings_dir).writer("a judge", "v1") as writer:
        for place in range(count):
            writer.add(rule, int(keys[place]), FIRST, Reading(scores[place]), Answer("0.5"))
        for place, score in enumerate(retest):
            writer.add(rule, int(keys[place]), RETEST, Reading(score), Answer("0.5"))


LONG = "names-the-city-the-year-and-the-person-it-speaks-about"


@pytest.fixture
def rated(essays):
    """A book with three plain rules: rated on 40 rows, rated by noise on all, not rated at all."""
    rng = np.random.default_rng(0)
    kind, noisy, unrated = (plain_rule(name, sentence) for name, sentence in (
        (LONG, "Name the city, the year and the person that the answer speaks about, always."),
        ("noisy", "Be noisy."),
        ("waiting", "Wait."),
    ))  # fmt: skip
    first = rng.random(59)
    rate(essays, kind, 40, [None if place in (3, 9) else float(first[place]) for place in range(59)])
    rate(essays, noisy, 40, rng.random(59).tolist(), rng.random(35).tolist())
    RuleBook((kind, noisy, unrated), pinned=(LONG,)).save(Project.of(essays).created().rule_book_path)
    return essays


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_plain_rules_show_sentence_origin_ratings_and_why_they_are_held_back(open_app, rated, size):
    async with open_app(rated, size=size) as sde:
        await sde.press("6")
        assert "sample of 40 rows" in sde.text
        assert sde.app.screen.rule == LONG
        assert f" ◆ {LONG[:17]}… " in sde.text
        assert "plain rule, written by hand" in sde.text
        assert "Name the city, the year and the person" in sde.text
        assert "rated 38 rows, 2 unparseable" in sde.text
        assert sde.session.rules.not_rated == (LONG,), "it cannot be in the quality of rows that nobody rated"
        assert "partly rated" in sde.text
        assert "1 chosen rule rated on a sample only, so not in the quality: e rates all rows" in sde.text
        assert sde.session.rules.quality()[0].tolist() == [row for row in range(60) if row != 5]
        await move_to(sde, "noisy")
        assert sde.session.rules.gate("noisy") == "retest"
        assert "unstable" in sde.text
        await move_to(sde, "waiting")
        assert "not rated yet" in sde.text
        assert "Held back before choosing: " in "".join(item_words(sde))
        await sde.press("p")
        assert "not rated yet" in sde.text
        doubt = "1 chosen rule rated on a sample only, so not in the quality"
        await sde.press("7")
        assert f"{doubt}: 6 e rates all rows" in sde.text
        card = sde.session.selection.card
        names = {mark.rule for row in sde.session.rules.matrix.rows.tolist() for mark in card.rule_marks(row)}
        assert names and LONG not in names
        await sde.press("2")
        assert doubt not in sde.text
        sde.session.records.show(order="quality")
        await sde.settle()
        assert doubt in sde.text


def item_words(sde):
    return ["".join(span[0] for span in item.line) for item in sde.app.screen.rule_list.items]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_comparisons_of_people_stand_on_screen(open_app, essays, size):
    judged = RowTruth(np.arange(40), *[np.linspace(0, 1, 40)] * 3, "40 comparisons")
    async with open_app(essays, size=size) as sde:
        await sde.press("6")
        assert "MSE" not in sde.text
        sde.session.rules.scores = rule_scores(open_dataset(str(essays)).texts(), RuleBook(), truth=judged)
        sde.session.rules.choose()
        await sde.settle()
        assert re.search(r"MSE 0\.\d{3}( to 39 judged rows)? · random sets: median 0\.\d{3} · [✓!] below [\d,]+ of 1,000 \(95 %: .+\)", sde.text)
        assert re.search(r"right on \d+ % of judged pairs", sde.text)


async def test_labels_in_place_of_answers_are_told_since_rules_say_little_of_them(open_app, write_jsonl):
    labels = write_jsonl([{"text": f"Can I ask {i} things about {TOPICS[i % 8]}?", "label": ("yes", "no")[i % 2]} for i in range(40)])
    async with open_app(labels) as sde:
        await sde.press("6")
        assert "Answers are single words: rules say little of them; on 7, m chooses without" in sde.text


async def test_command_and_copy_say_what_the_screen_shows(open_app, essays):
    async with open_app(essays, size=(120, 40)) as sde:
        await sde.press("6")
        await sde.press("p", "m", "down", "enter", "s")
        assert len(sde.session.rules.book.pinned) == 1
        count = len(sde.session.rules.choice.chosen)
        assert sde.app.screen.command_line() == f"sde rules choose {essays} -r {count} --method kdpp-gram --seed 1"
        assert sde.session.rules.select_options() == ["--rule-method kdpp-gram", "--rule-seed 1"]
        await sde.press("y")
        assert f"Copied the definition of {sde.app.screen.rule}" in sde.flashed
