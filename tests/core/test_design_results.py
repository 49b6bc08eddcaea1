"""What a comparison of designs says of its finished runs: scores, faults, mean and spread, intervals, wordings, ranks, and answers that are wrong."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.design.options import Design, design_named
from sde_core.design.parse import parse_answer
from sde_core.design.task import Entry, Task
from sde_core.errors import InputError
from sde_core.evaluate import design_differences, design_grid
from sde_core.evaluate.bootstrap import Interval, paired_interval
from sde_core.evaluate.design_answers import asked_models
from sde_core.evaluate.design_cost import DesignTokens
from sde_core.evaluate.design_differences import differences_of, is_shown
from sde_core.evaluate.design_estimate import comparison_cost, seconds_of
from sde_core.evaluate.design_grid import DesignRequest
from sde_core.evaluate.design_pace import ComparisonPace
from sde_core.evaluate.design_results import read_results, record_scores
from sde_core.evaluate.design_verdict import agreement_verdicts, caution, design_headline, design_notes, verdicts
from sde_core.evaluate.rank_agreement import rank_agreement
from sde_core.train.recipe import Recipe
from tests.core.test_design_compare import TASK, record, written

TWO = ("es-sde", "ew-sde")


def folder_of(path, request, *, test=4, ood=0):
    """A comparison's folder with so many records to test on, each with both targets good, and no finished run."""
    folder = written(path, request)
    for domain, count in (("test", test), ("ood", ood)):
        entries = [["Food", "good", "", []], ["Wait", "good", "", []]]
        records = [{"text": f"{domain} {i}", "entries": entries} for i in range(count)]
        if records:
            (folder / f"{domain}.json").write_text(json.dumps(records))
            (folder / f"{domain}.task.yaml").write_bytes((folder / "test.task.yaml").read_bytes())
    return folder


def finish(folder, name, of_record, design="es-sde", adherence=1.0, **more):
    """A finished run whose records have these scores; more parts by domain."""
    cell = folder / "cells" / name
    cell.mkdir(parents=True)
    parts = {
        domain: {"scores": {"accuracy": float(np.mean(scores)), "adherence": adherence, "kappa": None}, "of_record": scores}
        for domain, scores in {"test": of_record, **more}.items()
    }
    (cell / "cell.json").write_text(json.dumps({"design": design, "tokens": 900, **parts}))


def ask_before(folder, number, design, zero, context, prompt, output):
    """The untuned model's scores in a design."""
    told = {"design": design, "zero-shot": {"scores": {"accuracy": zero}}, "in-context": {"scores": {"accuracy": context}}}
    told["perplexity"] = {"prompt": prompt, "output": output}
    (folder / "cells" / f"before-{number}").mkdir(parents=True)
    (folder / "cells" / f"before-{number}" / "cell.json").write_text(json.dumps(told))


# ---- scores


def test_scores_of_a_set_and_of_every_record():
    design = Design(output="lines")
    answers = [parse_answer(text, TASK, design) for text in ("Food: good\nWait: unmentioned", "Food: good\nWait: bad", "Food: bad", "nonsense")]
    told = record_scores([record(i).entries for i in range(4)], answers, TASK)
    assert told["of_record"] == [1.0, 0.5, 0.0, 0.5]  # what the last does not mention is not there
    assert told["scores"]["accuracy"] == 0.5
    assert (told["scores"]["accuracy of Food"], told["scores"]["accuracy of Wait"]) == (0.25, 0.75)
    assert (told["scores"]["whole"], told["scores"]["adherence"], told["scores"]["soft_adherence"]) == (0.25, 0.5, 0.75)
    assert told["faulty"] == {"split": 1, "missing target": 2}


def test_an_answer_without_entries_is_right_where_there_are_none():
    terms = Task("terms", "terms", (), ("good", "bad"), ("Find the terms.",))
    gold = [(), (Entry("soup", "good"),)]
    told = record_scores(gold, [parse_answer(text, terms, Design()) for text in ("none.", "soup: good, tea: bad.")], terms)
    assert told["of_record"] == [1.0, pytest.approx(2 / 3)]
    assert told["scores"]["f1"] == pytest.approx(2 / 3)


# ---- the table


def test_a_table_of_finished_runs_with_mean_and_spread_by_hand(tmp_path):
    folder = folder_of(tmp_path, DesignRequest(TWO, sizes=(8,), seeds=2))
    nothing = read_results(folder)
    assert (nothing.rows, nothing.runs, nothing.wanted) == ((), 0, 4)
    assert [(row.design, row.runs, row.wanted) for row in nothing.waiting] == [("es-sde", 0, 2), ("ew-sde", 0, 2)]
    assert design_headline(nothing) == "No run is finished yet; 4 runs to do."
    finish(folder, "0-n8-w0-s0", [1, 1, 0, 0])
    finish(folder, "1-n8-w0-s0", [0, 0, 0, 1])
    finish(folder, "0-n8-w0-s1", [1, 1, 1, 0])
    found = read_results(folder)
    assert (found.metric, found.runs, found.waiting) == ("accuracy", 3, ())
    best, other = found.rows
    assert (best.design, best.runs, best.tokens, other.design, other.runs) == ("es-sde", 2, 900, "ew-sde", 1)
    assert best.means["test.accuracy"] == 0.625
    assert best.spreads["test.accuracy"] == pytest.approx(0.125 * 2**0.5)
    assert (other.means["test.accuracy"], other.spreads, "test.kappa" in best.means) == (0.25, {}, False)
    # Only the seed that both have counts: (1 + 1 + 0 - 1) / 4.
    (said,) = verdicts(found)
    assert said.startswith("es-sde over ew-sde: accuracy +0.250 (")
    assert said.endswith("8 records, 1 seed, 4 test records): no difference shown.")
    assert design_headline(found) == "In domain, no difference between the 2 designs is shown. 3 of 4 runs are finished; this may change."
    assert "With 4 records in domain an interval itself is uncertain." in design_notes(found)


def test_shares_of_answers_by_fault_are_the_mean_over_runs(tmp_path):
    folder = folder_of(tmp_path, DesignRequest(("es-sde",), sizes=(8,), seeds=2))
    for seed, faulty in ((0, {"split": 1, "missing target": 2}), (1, {"split": 3})):
        finish(folder, f"0-n8-w0-s{seed}", [1, 1, 0, 0])
        path = folder / "cells" / f"0-n8-w0-s{seed}" / "cell.json"
        told = json.loads(path.read_text())
        told["test"]["faulty"] = faulty
        path.write_text(json.dumps(told))
    assert read_results(folder).rows[0].faults == {"test": {"split": 0.5, "missing target": 0.25}, "ood": {}}


@pytest.mark.parametrize(
    "content",
    ["", '{"design": "es-', "[]", "{}", "null", '{"design": "x"}', '{"design": "x", "tokens": 9, "test": {"scores": {"accuracy": 1}}}',
     '{"design": "x", "tokens": 9, "test": {"scores": {"accuracy": "1"}, "of_record": [1, 0, 1, 0]}}',
     '{"design": "x", "tokens": 9, "test": {"scores": {"accuracy": 1}, "of_record": ["a"]}}', "\x00" * 40],
)  # fmt: skip
def test_a_run_whose_result_cannot_be_read_is_not_finished(tmp_path, content):
    folder = folder_of(tmp_path, DesignRequest(("es-sde",), sizes=(8,), seeds=2))
    finish(folder, "0-n8-w0-s0", [1, 0, 1, 0])
    finish(folder, "0-n8-w0-s1", [1, 0, 1, 0])
    (folder / "cells" / "0-n8-w0-s1" / "cell.json").write_text(content)
    found = read_results(folder)
    assert (found.runs, found.rows[0].runs) == (1, 1)
    assert design_headline(found).startswith("One design is no comparison")


def test_models_that_learnt_nothing_are_said_to_compare_little(tmp_path):
    folder = folder_of(tmp_path, DesignRequest(TWO, sizes=(8,), seeds=1))
    finish(folder, "0-n8-w0-s0", [0, 0, 0, 0], adherence=0.0)
    finish(folder, "1-n8-w0-s0", [0, 0, 0, 0], adherence=0.02)
    assert caution(read_results(folder)).startswith("Hardly an answer keeps its form")
    finish(folder, "1-n8-w0-s1", [0, 0, 0, 0], adherence=0.02)
    (folder / "request.json").write_text((folder / "request.json").read_text().replace('"seeds": 1', '"seeds": 2'))
    finish(folder, "0-n8-w0-s1", [0, 0, 0, 0], adherence=0.2)
    assert caution(read_results(folder)) == ""


def test_a_result_of_other_records_is_in_no_pair(tmp_path):
    folder = folder_of(tmp_path, DesignRequest(TWO, sizes=(8,), seeds=1))
    finish(folder, "0-n8-w0-s0", [1, 0, 1, 0])
    finish(folder, "1-n8-w0-s0", [1, 0, 1])
    found = read_results(folder)
    assert (found.runs, found.differences) == (2, ())
    assert "There is no pair of designs with a finished run of the same seed yet." in design_headline(found)


def test_a_folder_that_holds_no_comparison_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_results(tmp_path)


# ---- differences


def test_a_shown_difference_of_one_seed_is_said_to_be_of_one_run(tmp_path):
    folder = folder_of(tmp_path, DesignRequest(TWO, sizes=(8,), seeds=1), test=40)
    finish(folder, "0-n8-w0-s0", [1] * 38 + [0] * 2)
    finish(folder, "1-n8-w0-s0", [0] * 38 + [1] * 2)
    found = read_results(folder)
    assert verdicts(found)[0].endswith("): higher in one run of each.")
    assert design_notes(found)[-1] == "1 seed: too few to know the chance in training; 3 or more are better."
    assert design_headline(found) == "In domain, es-sde scored higher than ew-sde in one run of each; whether the design does, one seed cannot tell."


def test_a_difference_that_all_seeds_share_is_shown_in_the_domain_where_it_is(tmp_path):
    folder = folder_of(tmp_path, DesignRequest(("es-sde", "ew-sde", "heuristic"), sizes=(8,), seeds=5), test=60, ood=60)
    draw = np.random.default_rng(0)
    for seed in range(5):
        for number, share in enumerate((0.95, 0.3, 0.25)):
            scores = [(draw.random(60) < one).astype(float).tolist() for one in (share, 0.5)]
            finish(folder, f"{number}-n8-w0-s{seed}", scores[0], ood=scores[1])
    found = read_results(folder)
    assert design_headline(found) == (
        "In domain, es-sde is shown to be better than each of the others. Out of domain, no difference between the 3 designs is shown."
    )
    assert {pair.interval.level for pair in found.differences} == {1 - 0.05 / 6}  # three pairs in two domains
    assert [said.endswith("better.") for said in verdicts(found)] == [True, True, False, False]
    assert verdicts(found)[2].startswith("Out of domain, ")


def test_the_best_of_all_runs_is_not_called_better_where_it_lost_those_that_both_have(tmp_path):
    folder = folder_of(tmp_path, DesignRequest(TWO, sizes=(8,), seeds=2), test=40)
    finish(folder, "0-n8-w0-s0", [0] * 38 + [1] * 2)
    finish(folder, "0-n8-w0-s1", [1] * 40)
    finish(folder, "1-n8-w0-s0", [1] * 18 + [0] * 22)
    found = read_results(folder)
    assert verdicts(found)[0].startswith("es-sde over ew-sde: accuracy −0.400 (")
    assert verdicts(found)[0].endswith("worse in the runs that both have.")
    assert "no difference between the 2 designs is shown" in design_headline(found)


@pytest.mark.parametrize(("designs", "domains", "pairs"), [(2, 1, 1), (4, 1, 6), (4, 2, 12)])
def test_the_best_is_known_by_looking_so_that_all_pairs_are_counted(monkeypatch, designs, domains, pairs):
    levels = []

    def interval(differences, *, level, clusters):
        levels.append(level)
        return paired_interval(differences, level=level, clusters=clusters)

    monkeypatch.setattr(design_differences, "paired_interval", interval)
    right = np.random.default_rng(0).random((designs, 20))
    found = {str(i): {(0, 0): line.tolist()} for i, line in enumerate(right)}
    assert len(list(differences_of(found, "test", 9, domains=domains))) == designs - 1
    assert levels == [pytest.approx(1 - 0.05 / pairs)] * (designs - 1)


def test_a_lower_end_that_is_shown_as_zero_shows_nothing():
    assert not is_shown(Interval(0.1, 0.0004, 0.2, 0.95, 60, 3))
    assert is_shown(Interval(0.1, 0.0006, 0.2, 0.95, 60, 3))


def test_the_size_with_more_seeds_tells_until_the_larger_one_has_as_many(tmp_path):
    folder = folder_of(tmp_path, DesignRequest(TWO, sizes=(8, 16), seeds=3))
    for number in (0, 1):
        for name in ("n8-w0-s0", "n8-w0-s1", "n16-w0-s0"):
            finish(folder, f"{number}-{name}", [1, 0, 1, number])
    assert {pair.size for pair in read_results(folder).differences} == {8}
    for number in (0, 1):
        finish(folder, f"{number}-n16-w0-s1", [1, 0, 1, number])
    assert {pair.size for pair in read_results(folder).differences} == {16}


def test_many_designs_are_counted_in_the_headline(tmp_path):
    designs = ("es-sde", "ew-sde", "heuristic", "baseline", "es-sde,output=json")
    folder = folder_of(tmp_path, DesignRequest(designs, sizes=(8,), seeds=5), test=60)
    for seed in range(5):
        for number, right in enumerate((58, 57, 5, 4, 3)):
            finish(folder, f"{number}-n8-w0-s{seed}", [1] * right + [0] * (60 - right), designs[number])
    assert design_headline(read_results(folder)) == "In domain, es-sde is shown to be better than 3 of the 4 others, but not than ew-sde."


def test_records_of_one_text_are_one_piece_of_evidence(tmp_path):
    folder = folder_of(tmp_path, DesignRequest(TWO, sizes=(8,), seeds=1), test=40)
    finish(folder, "0-n8-w0-s0", [1] * 8 + [0] * 32)
    finish(folder, "1-n8-w0-s0", [0] * 40)
    assert read_results(folder).differences[0].interval.low > 0
    records = json.loads((folder / "test.json").read_text())
    for one in records[:8]:
        one["text"] = "the same"
    (folder / "test.json").write_text(json.dumps(records))
    assert read_results(folder).differences[0].interval.low < 0


# ---- wordings


def test_wordings_are_averaged_and_do_not_count_as_seeds():
    one = {(0, 0): [1.0, 1.0], (1, 0): [0.0, 1.0], (0, 1): [1.0, 1.0]}
    other = {(0, 0): [0.0, 0.0], (1, 0): [0.0, 0.0], (0, 1): [0.0, 0.0]}
    runs, wordings = design_differences._paired_runs(one, other)
    assert (runs.tolist(), wordings) == ([[0.5, 1.0]], 2)  # seed 1 lacks a wording
    assert design_differences._paired_runs(one, {})[1] == 0


def test_what_a_wording_changes_is_said_for_each_design(tmp_path):
    folder = folder_of(tmp_path, DesignRequest(TWO, sizes=(8,), seeds=2, wordings=(0, 1)), test=60)
    for seed in range(2):
        for number, (first, second) in enumerate((((1, 0), (0, 1)), ((1, 1), (1, 1)))):
            for wording, (most, rest) in enumerate((first, second)):
                finish(folder, f"{number}-n8-w{wording}-s{seed}", [most] * 55 + [rest] * 5)
    found = read_results(folder)
    assert [(one.design, one.best, one.worst, one.interval.seeds) for one in found.wordings] == [("es-sde", 0, 1, 2), ("ew-sde", 0, 1, 2)]
    assert found.wordings[0].interval.level == 1 - 0.05 / 2
    said = verdicts(found)
    assert "2 seeds, 2 wordings, 60 test records" in said[0]
    assert said[1].startswith("es-sde, wording 0 over 1: accuracy +0.833 (")
    assert said[1].endswith("): better.")
    assert said[2] == "In domain, no difference between wordings is shown of ew-sde: at most 0.000."
    assert {(row.design, row.wording) for row in found.rows} == {(design, wording) for design in TWO for wording in (0, 1)}


# ---- ranks before and after


def test_kendalls_tau_by_hand(tmp_path):
    designs = ("es-sde", "ew-sde", "heuristic", "baseline")
    folder = folder_of(tmp_path, DesignRequest(designs, sizes=(8,), seeds=1))
    tuned = [[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]]
    before = [(0.4, 0.1, 2.0, 9.0), (0.3, 0.2, 3.0, 8.0), (0.1, 0.3, 4.0, 7.0), (0.2, 0.4, 5.0, None)]
    for number, of_record in enumerate(tuned):
        finish(folder, f"{number}-n8-w0-s0", of_record, designs[number])
        ask_before(folder, number, designs[number], *before[number])
    found = read_results(folder)
    # Of six pairs zero-shot has one the other way round; in-context has all; low perplexity counts as good.
    taus = {what: agreement.tau for what, agreement in found.agreements.items()}
    assert taus == {"zero-shot": pytest.approx(4 / 6), "in-context": pytest.approx(-1), "perplexity of prompts": pytest.approx(1)}
    assert {agreement.count for agreement in found.agreements.values()} == {4}
    assert found.agreements["in-context"].by_chance == pytest.approx(2 / 24)
    assert found.before["ew-sde"]["perplexity of answers"] == 8.0
    assert "perplexity of answers" not in found.before["baseline"]
    said = agreement_verdicts(found)
    assert said[0].startswith("Kendall's tau of zero-shot with the tuned rank: +0.67 over 4 designs; a random order is as far from 0 in 33%")
    assert all(one.endswith("so it shows nothing.") for one in said[:3])
    assert said[3] == "No tuned design is shown to be better than another, so that the tuned rank itself may be chance."


def test_two_designs_have_no_rank_to_speak_of(tmp_path):
    folder = folder_of(tmp_path, DesignRequest(TWO, sizes=(8,), seeds=1))
    for number, design in enumerate(TWO):
        finish(folder, f"{number}-n8-w0-s0", [1, 0, number, 0], design)
        ask_before(folder, number, design, 0.1 * number, 0.2, 2.0, 3.0)
    found = read_results(folder)
    assert found.agreements == {}
    assert agreement_verdicts(found) == [
        "Kendall's tau needs at least 3 designs: over 2 it says nothing of whether what prompts well also tunes well."
    ]


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=3, max_size=9))
def test_tau_is_that_of_scipy(pairs):
    from scipy.stats import kendalltau

    first, second = zip(*pairs, strict=True)
    found, wanted = rank_agreement(first, second), kendalltau(first, second)
    assert (found is None) == np.isnan(wanted.statistic)
    if found is not None:
        assert found.tau == pytest.approx(wanted.statistic)
        if len(pairs) <= 7 and len(set(first)) == len(set(second)) == len(pairs):
            assert found.by_chance == pytest.approx(kendalltau(first, second, method="exact").pvalue)


# ---- answers


def test_wrong_answers_stand_beside_what_was_wanted_the_worst_first(tmp_path):
    folder = folder_of(tmp_path, DesignRequest(("es-sde",), sizes=(8,), seeds=1))
    texts = ["Food: good\nWait: good", "Food: good\nWait: bad", "\x1b[31mno", "Food: good"]
    task, design = TASK, design_named("es-sde")
    gold = [(Entry("Food", "good"), Entry("Wait", "good"))] * 4
    told = {"answers": texts, **record_scores(gold, [parse_answer(text, task, design) for text in texts], task)}
    (folder / "cells" / "0-n8-w0-s0").mkdir(parents=True)
    (folder / "cells" / "0-n8-w0-s0" / "cell.json").write_text(json.dumps({"design": "es-sde", "tokens": 1, "test": told}))
    (asked,) = asked_models(folder, "es-sde", 8, 0)
    assert (asked.model, asked.domain, asked.records, asked.wrong_count) == ("seed 7", "test", 4, 3)
    assert [(wrong.record, wrong.score, wrong.answer) for wrong in asked.wrong] == [(2, 0.0, texts[2]), (3, 0.5, texts[3]), (1, 0.5, texts[1])]
    assert asked.wrong[0].wanted == texts[0]
    assert "\x1b" not in asked.wrong[0].faults[0]
    assert asked.faulty == {"split": 1, "missing target": 2}
    assert asked_models(folder, "es-sde", 16, 0) == []


def test_answers_that_cannot_be_read_are_refused_by_name(tmp_path):
    folder = folder_of(tmp_path, DesignRequest(("es-sde",), sizes=(8,), seeds=1))
    finish(folder, "0-n8-w0-s0", [1, 0, 1, 0])
    (asked,) = asked_models(folder, "es-sde", 8, 0)
    assert asked.wrong == ()
    path = folder / "cells" / "0-n8-w0-s0" / "cell.json"
    told = json.loads(path.read_text())
    told["test"]["answers"] = "x"
    path.write_text(json.dumps(told))
    with pytest.raises(InputError, match="es-sde"):
        asked_models(folder, "es-sde", 8, 0)


# ---- pace and cost


def test_what_is_left_is_told_by_what_finished_runs_took(tmp_path):
    folder = folder_of(tmp_path, DesignRequest(TWO, sizes=(8, 16), seeds=1))
    finish(folder, "0-n8-w0-s0", [1, 1, 0, 0])
    assert read_results(folder).seconds_left is None
    path = folder / "cells" / "0-n8-w0-s0" / "cell.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"seconds": 14.0, "answering_seconds": 8.0}))
    # 2 steps took 6 s and 4 answers 8 s; left are a run of 2 steps and two of 4.
    assert read_results(folder).seconds_left == pytest.approx(10 * 3 + 3 * 8)


def test_a_cost_counts_runs_steps_tokens_and_answers(tmp_path):
    request = DesignRequest(TWO, sizes=(8, 16), seeds=2, wordings=(0, 1))
    recipe = Recipe(batch_size=4, epochs=2.0)
    wanted = [(design_named(name), wording) for name in TWO for wording in (0, 1)]
    tokens = dict.fromkeys(wanted, DesignTokens(10, 300, 100, 40))
    cost = comparison_cost(request, recipe, tokens, test=50, ood=10)
    assert (cost.runs, cost.steps, cost.tokens) == (16, (4 + 8) * 8, 30 * (16 + 32) * 8)
    assert cost.answers == 16 * 60 + 2 * 2 * 2 * 50
    assert comparison_cost(replace(request, before=False), recipe, tokens, test=50).answers == 16 * 50
    short = comparison_cost(request, replace(recipe, max_steps=3), tokens, test=50)
    assert (short.steps, short.tokens) == (3 * 16, 30 * 12 * 16)
    assert seconds_of(cost, ComparisonPace(1.0, 0.001, 0.5)) == pytest.approx(cost.tokens * 0.001 + cost.answers * 0.5)


def test_lone_surrogates_reach_the_job_as_they_are(tmp_path):
    folder = folder_of(tmp_path, DesignRequest(TWO, sizes=(8,), seeds=1))
    (folder / "test.json").write_bytes(design_grid._json([design_grid._record_json(record(1, "odd \ud800"))]))
    assert design_grid.read_input(folder).records["test"] == [record(1, "odd \ud800")]
