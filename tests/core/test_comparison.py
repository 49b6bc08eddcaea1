"""What finished runs add up to: losses, differences, the survey's ratios, and the words for them."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import orjson
import pytest

from sde_core.errors import JobError
from sde_core.evaluate.bootstrap import Interval, paired_interval
from sde_core.evaluate.comparison import MARGIN, ArmResult, Difference, cell_name, read_comparison, survey_residual
from sde_core.evaluate.comparison_text import comparison_lines, report_markdown
from sde_core.evaluate.verdict import curve_advice, forgetting_words, headline, interval_words, notes, verdict

ROWS, SEEDS = 120, (0, 1, 2)
TOKENS = np.arange(ROWS) % 9 + 2


def part(means, tokens=TOKENS):
    return {"rows": list(range(len(tokens))), "sums": (means * tokens).tolist(), "tokens": tokens.tolist()}


def write(folder, *, arms=("full", "selected", "random:selected"), shift=-0.1, done=SEEDS, labels=True):
    """A job folder whose arms differ from `full` by about `shift` times their place."""
    random = np.random.default_rng(0)
    hard = random.gamma(4, 0.5, ROWS)
    truth = (np.arange(30) % 3).tolist() if labels else []
    sizes = {"full": 400, "selected": 100, "random:selected": 104, "full:50%": 200}
    plan = {
        "arms": [
            {
                "name": name,
                "kind": "base" if name == "base" else "random" if name.startswith("random") else "rows",
                "like": "selected" if name.startswith("random") else "",
                "cells": []
                if name == "base"
                else [{"seed": s, "rows": sizes[name], "steps": 9, "tokens": 990, "epochs": 400 / sizes[name]} for s in SEEDS],
            }
            for name in arms
        ],
        "seeds": list(SEEDS),
        "budget": 1000,
        "held_out": list(range(ROWS)),
        "clusters": list(range(ROWS)),
        "held_out_rows": ROWS,
        "how": "120 rows drawn",
        "general": "the general texts that come with sde",
        "task": {"label_rows": len(truth), "labels": ["a", "b", "c"], "number_rows": 0},
        "label_truth": truth,
    }
    (folder / "plan.json").write_bytes(orjson.dumps(plan))

    def keep(name, means, general, right):
        (folder / "cells" / name).mkdir(parents=True)
        said = [(t + (i >= right)) % 3 for i, t in enumerate(truth)]
        cell = {"seconds": 60.0, "train_loss": 1.5, "held_out": part(means), "general": part(general, TOKENS[:40]), "labels": said, "numbers": []}
        (folder / "cells" / name / "cell.json").write_bytes(orjson.dumps(cell))

    keep("base", hard + 1, hard[:40], 10)
    for number, arm in enumerate(arms):
        for seed in done if arm != "base" else ():
            noise = random.normal(0, 0.02, ROWS) + random.normal(0, 0.003)
            keep(cell_name(number, seed), hard + number * shift + noise, hard[:40] + 0.2 + noise[:40], 20 + number)
    return folder


def test_losses_and_differences_are_those_of_the_rows(tmp_path):
    found = read_comparison(write(tmp_path))
    full, selected, _ = found.arms
    cells = {name: orjson.loads((tmp_path / "cells" / cell_name(i, 0) / "cell.json").read_bytes()) for i, name in enumerate(("full", "selected"))}
    held = cells["full"]["held_out"]
    assert full.by_seed[0] == (0, pytest.approx(sum(held["sums"]) / sum(held["tokens"])))
    assert full.loss == pytest.approx(np.mean([loss for _, loss in full.by_seed]))
    assert (full.runs, full.wanted, full.rows, full.epochs, found.runs, found.wanted) == (3, 3, 400, 1.0, 9, 9)
    assert [(each.arm, each.other) for each in found.differences] == [
        ("selected", "full"),
        ("random:selected", "full"),
        ("selected", "random:selected"),
    ]
    first = found.differences[0]
    drawn = np.stack(
        [np.subtract(*(np.divide(part["sums"], part["tokens"]) for part in (_held(tmp_path, 1, seed), _held(tmp_path, 0, seed)))) for seed in SEEDS]
    )
    assert first.loss == paired_interval(drawn, TOKENS.astype(float))
    assert first.loss.estimate == pytest.approx(selected.loss - full.loss)
    assert first.wins + first.ties + first.losses == ROWS
    assert first.wins == int((drawn.mean(axis=0) < -MARGIN).sum()) > 100
    assert first.adjusted.low < first.loss.low < first.loss.high < first.adjusted.high < 0
    assert first.accuracy.estimate == pytest.approx(1 / 30)
    assert selected.accuracy == pytest.approx(21 / 30)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("task",), "x"), (("task", "label_rows"), "x"), (("task", "number_rows"), None), (("how",), 5), (("general",), []), (("budget",), "x"),
        (("held_out_rows",), {}), (("seeds",), 5), (("arms",), [{}]), (("arms", 0, "cells"), []), (("arms", 0, "cells", 0, "epochs"), ["x"]),
        (("arms", 1, "name"), 5), (("clusters",), [1]), (("held_out",), None), (("label_truth",), "x"),
    ],
)  # fmt: skip
def test_a_plan_with_anything_in_its_fields_is_said_to_be_damaged(tmp_path, path, value):
    write(tmp_path)
    plan = orjson.loads((tmp_path / "plan.json").read_bytes())
    place = plan
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    (tmp_path / "plan.json").write_bytes(orjson.dumps(plan))
    with pytest.raises(JobError, match="are damaged"):
        read_comparison(tmp_path)


def _held(folder, arm, seed):
    return orjson.loads((folder / "cells" / cell_name(arm, seed) / "cell.json").read_bytes())["held_out"]


def test_rows_that_nearly_equal_each_other_count_once_among_the_right_labels_too(tmp_path):
    alone = read_comparison(write(tmp_path)).differences[0].accuracy
    plan = orjson.loads((tmp_path / "plan.json").read_bytes())
    clusters = [max(place, 15) for place in range(30)]
    (tmp_path / "plan.json").write_bytes(orjson.dumps({**plan, "clusters_of_labels": clusters}))
    together = read_comparison(tmp_path).differences[0].accuracy
    right = np.tile((np.arange(30) == 20).astype(float), (len(SEEDS), 1))
    assert together == paired_interval(right, None, np.array(clusters))
    assert together.estimate == alone.estimate == pytest.approx(1 / 30)
    assert (together.low, together.high) != (alone.low, alone.high)


def test_the_surveys_ratios_have_full_on_top_for_losses(tmp_path):
    found = read_comparison(write(tmp_path))
    full, selected, drawn = found.arms
    first = found.differences[0]
    assert first.pir == pytest.approx(np.mean([theirs / ours for (_, theirs), (_, ours) in zip(full.by_seed, selected.by_seed, strict=True)]))
    assert first.pir > 1
    assert first.pir_accuracy == pytest.approx(21 / 20)
    assert first.sdf == 0.25
    assert first.residual == pytest.approx(first.pir - (1.4 + 1.303 * (0.25 - 0.025)))
    assert found.differences[2].pir is None
    assert drawn.loss < selected.loss


def test_the_surveys_own_points_lie_on_its_line():
    assert survey_residual(1.400, 0.025) == pytest.approx(0, abs=1e-3)
    assert survey_residual(1.443, 0.058) == pytest.approx(0, abs=1e-3)
    assert survey_residual(1.747, 0.05) == pytest.approx(0.314, abs=1e-3)  # IFD, as the survey's table has it


def test_it_is_read_while_it_runs(tmp_path):
    with pytest.raises(JobError):
        read_comparison(tmp_path)
    found = read_comparison(write(tmp_path, done=()))
    assert (found.runs, found.wanted, found.differences) == (0, 9, ())
    assert found.base_loss is not None
    assert "No run is finished" in headline(found)
    assert comparison_lines(found)
    (tmp_path / "begun").mkdir()
    found = read_comparison(write(tmp_path / "begun", done=(0,)))
    assert "3 of 9 runs are finished" in headline(found)
    assert found.differences[0].loss.seeds == 1


def test_forgetting_has_both_numbers_and_an_interval(tmp_path):
    found = read_comparison(write(tmp_path))
    arm = found.arms[0]
    assert arm.forgetting.estimate == pytest.approx(arm.general_loss - found.base_general_loss)
    assert arm.forgetting.estimate == pytest.approx(0.2, abs=0.02)
    words = forgetting_words(arm, found.base_general_loss)
    assert f"{found.base_general_loss:.3f} before, {arm.general_loss:.3f} after" in words
    assert words.endswith(f"forgotten by {arm.forgetting.estimate:.3f}.")


def test_the_base_model_is_an_arm_like_any_other(tmp_path):
    found = read_comparison(write(tmp_path, arms=("base", "selected")))
    assert found.arms[0].loss == found.base_loss
    assert (found.arms[0].wanted, found.arms[0].forgetting) == (0, None)
    assert [(each.arm, each.other) for each in found.differences] == [("selected", "base")]
    assert found.differences[0].pir is None


# ---- words


def difference(low, high, *, seeds=3, rows=200, adjusted=None):
    interval = Interval((low + high) / 2, low, high, 0.95, rows, seeds)
    return Difference("selected", "full", interval, interval, adjusted or interval, 1, 2, 3)


def test_a_verdict_never_claims_more_than_its_interval():
    none = verdict(difference(-0.02, 0.03))
    assert none == "No difference shown between selected and full at 3 seeds and 200 rows: the interval −0.020…+0.030 includes zero."
    assert "lower held-out loss than full by 0.040" in verdict(difference(-0.06, -0.02))
    assert "higher held-out loss" in verdict(difference(0.02, 0.06))
    alone = Interval(-0.04, -0.09, 0.01, 0.983, 200, 3)
    assert "As one of 3 comparisons it is not shown" in verdict(difference(-0.06, -0.02, adjusted=alone), 3)
    assert "that takes 3 seeds" in verdict(difference(-0.06, -0.02, seeds=1))
    assert not re.search(r" --[a-z]", verdict(difference(-0.06, -0.02, seeds=1))), "the app has no options"
    assert "uncertain" in verdict(difference(-0.06, -0.02, rows=30))
    assert interval_words(Interval(0.0, -np.inf, np.inf, 0.95, 1, 1)) == "unbounded…unbounded"


def test_the_headline_is_about_the_draw_of_equal_size(tmp_path):
    found = read_comparison(write(tmp_path))
    assert headline(found).startswith("selected has a higher held-out loss than random:selected by 0.098 (95 % interval ")
    assert any("3 comparisons" in note for note in notes(found))
    assert any("only sign and order" in note for note in notes(found))


def test_the_learning_curve_says_whether_more_data_helps(tmp_path):
    found = read_comparison(write(tmp_path, arms=("full:50%", "full")))
    assert curve_advice(found).startswith("More data still helps: from full:50% to full the loss falls by 0.")
    (tmp_path / "flat").mkdir()
    found = read_comparison(write(tmp_path / "flat", arms=("full:50%", "full"), shift=0.0))
    assert "is not shown" in curve_advice(found)
    (tmp_path / "none").mkdir()
    assert curve_advice(read_comparison(write(tmp_path / "none"))) == ""


def test_text_and_report_fit_and_pass_nothing_hostile_on(tmp_path):
    found = read_comparison(write(tmp_path))
    lines = comparison_lines(found)
    assert max(map(len, lines[:10])) <= 80
    by_row = next(line for line in lines if line.startswith("  each row alike"))
    assert f"{found.differences[0].row_loss.estimate:+.3f}".replace("-", "−") in by_row
    hostile = replace(found, arms=(replace(found.arms[0], name="rows:\x1b]52;c;x\x07|x"), *found.arms[1:]))
    assert "\x1b" not in "".join(comparison_lines(hostile)) + report_markdown(hostile)
    report = report_markdown(found)
    assert report.startswith("# Arms compared\n\nselected has a higher")
    assert "| full | 400 | 1.00 | 990 | 9 |" in report
    assert "## Forgetting" in report
    assert "rows:" in report_markdown(hostile)
    assert isinstance(found.arms[0], ArmResult)
