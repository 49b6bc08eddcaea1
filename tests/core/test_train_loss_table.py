"""The loss of rows over a run, and of groups of rows: against sums by hand, and what groups of noise must not say."""

from __future__ import annotations

import json
import math
import shutil

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.checks.balance import ClassColumn
from sde_core.cli.main import main
from sde_core.dataset import open_dataset
from sde_core.errors import UsageError
from sde_core.project import Project
from sde_core.train.loss_groups import GROUPINGS, NONE, group_losses, row_groups
from sde_core.train.loss_table import LossTable, loss_table, row_courses
from sde_core.train.row_loss_log import RowLosses, append_block, row_losses_path


def losses_of(*entries):
    """(step, epoch, row, loss, tokens[, held out]) as they were recorded."""
    filled = [(*entry, False)[:6] for entry in entries]
    steps, epochs, rows, losses, tokens, held_out = (np.array(column) for column in zip(*filled, strict=True))
    kinds = (steps.astype(np.int32), rows.astype(np.int32), losses.astype(np.float32), tokens.astype(np.int32), held_out, epochs.astype(np.int32))
    return RowLosses(*kinds)


def courses_of(*entries):
    return {(line["launched_row"], line["held_out"]): line for line in row_courses(losses_of(*entries)).to_dicts()}


def courses_by_row(**losses):
    """The course of each row from its loss in every epoch."""
    entries = [(epoch + 1, epoch, int(row[1:]), loss, 5) for row, course in losses.items() for epoch, loss in enumerate(course)]
    return {f"r{row}": line["course"] for (row, _), line in courses_of(*entries).items()}


# ---- one row


def test_a_row_over_three_epochs():
    (line,) = courses_of((1, 0, 7, 3.0, 4), (5, 1, 7, 2.0, 4), (9, 2, 7, 1.0, 4)).values()
    certain = np.exp([-3.0, -2.0, -1.0])
    assert (line["seen"], line["first"], line["last"], line["drop"], line["tokens"], line["last_step"]) == (3, 3.0, 1.0, 2.0, 4, 9)
    assert line["confidence"] == pytest.approx(certain.mean())
    assert line["variability"] == pytest.approx(certain.std())


def test_a_row_seen_once_has_no_variability():
    (line,) = courses_of((1, 0, 7, 3.0, 4)).values()
    assert line["variability"] is None
    assert line["course"] == "once"


def test_parts_of_a_row_count_by_their_tokens():
    entries = [(1, 0, 7, 4.0, 6), (3, 0, 7, 1.0, 2), (4, 1, 7, 2.0, 6), (6, 1, 7, 3.0, 2)]
    line = courses_of(*entries)[7, False]
    assert (line["first"], line["last"], line["tokens"], line["seen"]) == ((24 + 2) / 8, (12 + 6) / 8, 8, 2)


def test_a_last_epoch_that_saw_only_some_parts_of_a_row_is_left_out():
    entries = [(1, 0, 7, 4.0, 6), (3, 0, 7, 1.0, 2), (4, 1, 7, 9.0, 2), (4, 1, 8, 1.0, 5), (2, 0, 8, 2.0, 5)]
    found = courses_of(*entries)
    assert (found[7, False]["last"], found[7, False]["seen"]) == (26 / 8, 1)
    assert found[8, False]["seen"] == 2


def test_held_out_rows_stand_apart():
    entries = [(2, 0, 7, 4.0, 6, True), (4, 0, 7, 3.0, 6, True), (4, 0, 8, 1.0, 6, True), (1, 0, 7, 9.0, 6)]
    found = courses_of(*entries)
    assert (found[7, True]["first"], found[7, True]["last"], found[7, True]["seen"]) == (4.0, 3.0, 2)
    assert found[7, True]["excess"] == pytest.approx(1.0)
    assert found[7, False]["last"] == 9.0


def test_excess_takes_the_level_of_the_time_off():
    """All rows cost the same at any time, which falls: none costs more than the others, though those seen early have higher losses."""
    entries = [(step, 0, step, 5.0 - step / 300, 3) for step in range(1, 1200)]
    found = row_courses(losses_of(*entries))
    assert found["last"].max() - found["last"].min() > 3
    assert found["excess"].abs().max() < 0.5


def test_rows_seen_early_are_not_first_by_excess(run):
    table = loss_table(run[1], run[0])
    by_excess = table.by_excess(held_out=False)
    assert set(by_excess["row"].to_list()[:20]) == set(range(0, 60, 3))
    assert by_excess["excess"].to_list() == sorted(by_excess["excess"].to_list(), reverse=True)


def test_how_losses_went():
    ordinary = {f"r{row}": (4.0, 2.0, 1.0) for row in range(1, 8)}
    found = courses_by_row(
        **ordinary, r20=(6.0, 6.0, 5.5), r21=(0.5, 0.5, 0.5), r22=(4.0, 0.9, 3.9), r23=(4.0, 3.0, 2.0), r24=(4.0, float("nan"), float("nan"))
    )
    assert {found[row] for row in ordinary} == {"learned"}
    assert (found["r20"], found["r21"], found["r22"], found["r23"], found["r24"]) == ("never", "at once", "forgotten", "partly", "never")


def test_a_run_that_learned_nothing_tells_nothing_of_rows():
    assert set(courses_by_row(r1=(1.0, 2.0), r2=(1.0, 3.0)).values()) == {""}


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.floats(0, 20, width=32), st.integers(1, 9)), min_size=1, max_size=40))
def test_a_visit_is_the_mean_over_its_tokens(drawn):
    entries = [(number + 1, epoch, row, loss, tokens) for number, (epoch, row, loss, tokens) in enumerate(sorted(drawn, key=lambda one: one[0]))]
    found = courses_of(*entries)
    for (row, _), line in found.items():
        first = min(epoch for _, epoch, other, *_ in entries if other == row)
        parts = [(loss, tokens) for _, epoch, other, loss, tokens in entries if (other, epoch) == (row, first)]
        assert line["first"] == pytest.approx(sum(loss * tokens for loss, tokens in parts) / sum(tokens for _, tokens in parts), rel=1e-6, abs=1e-9)


# ---- joined to the rows of today


def written(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    dataset = open_dataset(path)
    dataset.read_all()
    return dataset


ROWS = [
    {"prompt": f"Where is order {row}?", "response": "Here it is. " * (1 + row % 3), "topic": "abc"[row % 3], "source": "web" if row % 2 else "mail"}
    for row in range(60)
]


@pytest.fixture
def run(tmp_path):
    """Sixty rows in two epochs of which every third costs more, kept as a run of the dataset's project."""
    dataset = written(tmp_path / "data.jsonl", ROWS)
    folder = Project.of(dataset.path).created().jobs_dir / "20260102T030405678-train-ab12"
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text(json.dumps({"kind": "train", "title": "LoRA", "spec": {}}))
    lines = [{"row": row, "key": f"{int(key):016x}", "split": "train", "record": ROWS[row]} for row, key in enumerate(dataset.keys())]
    (folder / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    random = np.random.default_rng(0)
    for step in range(1, 31):
        rows = np.arange(60).reshape(-1, 4)[(step - 1) % 15]
        costs = 3.0 - step / 20 + random.normal(0, 0.1, 4) + 2.0 * (rows % 3 == 0)
        append_block(row_losses_path(folder), step, rows, costs, np.full(4, 5), epoch=(step - 1) // 15, begins=step == 1)
    append_block(row_losses_path(folder), 30, np.array([59]), np.array([1.5]), np.array([5]), held_out=True)
    return dataset, folder


def test_rows_are_found_by_their_keys(run, tmp_path):
    _, folder = run
    changed = [ROWS[59], *ROWS[1:59]]
    now = written(tmp_path / "changed.jsonl", changed).with_edits({2: {("response",): "Other words."}})
    since = {line["launched_row"]: (line["row"], line["since"]) for line in loss_table(folder, now).frame.filter(~pl.col("held_out")).to_dicts()}
    assert since[0] == (None, "gone")
    assert since[59] == (0, "moved")
    assert since[2] == (2, "edited")
    assert since[3] == (3, "")
    assert None not in loss_table(folder, now).by_loss()["row"].to_list()


def test_rows_by_loss_and_by_course(run):
    table = loss_table(run[1], run[0])
    lasts = table.by_loss(held_out=False)["last"].to_list()
    assert lasts == sorted(lasts, reverse=True)
    assert table.by_course()["course"].to_list()[0] == "never"
    assert table.by_loss(held_out=True)["row"].to_list() == [59]


# ---- groups


def test_the_group_that_costs_more_comes_first_with_the_means_of_its_rows(run):
    dataset, folder = run
    table = loss_table(folder, dataset)
    found = group_losses(table, row_groups(dataset, "topic"), by="topic")
    costly, *others = found.groups
    lasts = dict(table.by_loss(held_out=False).select("row", "last").iter_rows())
    assert (costly.name, costly.rows, costly.verdict) == ("a", 20, "higher")
    assert costly.loss == pytest.approx(np.mean([lasts[row] for row in range(0, 60, 3)]))
    assert costly.low < 2.0 < costly.high
    assert {other.verdict for other in others} == {"lower"}
    assert sum(group.share for group in found.groups) == pytest.approx(1.0)
    assert costly.early > costly.late
    assert sorted(found.rows_of(0).tolist()) == list(range(0, 60, 3))


def test_few_rows_are_never_ranked_first():
    """Three rows of a group with by far the highest mean stay behind a group that is surely costlier."""
    found = groups_of({"few": [9.0] * 3, "sure": [3.0] * 40, "rest": [1.0] * 60})
    assert [group.name for group in found.groups] == ["sure", "few", "rest"]
    assert found.groups[1].verdict == "few"


def groups_of(losses):
    """Groups of rows with these losses, which the same number of steps trained."""
    names = tuple(losses)
    values = np.array([value for group in losses.values() for value in group])
    codes = np.array([code for code, group in enumerate(losses.values()) for _ in group], dtype=np.int32)
    random = np.random.default_rng(0).permutation(len(values))
    recorded = losses_of(*((at + 1, 0, int(row), values[row] + at % 7 / 100, 5) for at, row in enumerate(random.tolist())))
    frame = row_courses(recorded).with_columns(row=pl.col("launched_row").cast(pl.Int64), since=pl.lit(""))
    column = ClassColumn("kind", "field", (), np.arange(len(values), dtype=np.uint32), codes, names, len(values), {})
    return group_losses(LossTable("run", frame, recorded), column)


def test_groups_of_noise_rarely_stand_out():
    """Twenty groups drawn from one distribution, forty times: at 5 % for all groups together, a few times at most."""
    random = np.random.default_rng(1)
    noisy = 0
    for _ in range(40):
        found = groups_of({str(group): random.gamma(2.0, 1.0, 30) for group in range(20)})
        noisy += any(group.verdict in ("higher", "lower") for group in found.groups)
    assert noisy <= 4


def test_one_group_is_compared_with_nothing():
    (group,) = groups_of({"all": [1.0] * 20}).groups
    assert math.isnan(group.excess)
    assert group.verdict == "alike"
    assert group.to_json()["excess"] is None


def test_rows_without_a_group_and_without_a_number():
    recorded = losses_of((1, 0, 0, 1.0, 5), (2, 0, 1, float("nan"), 5), (3, 0, 2, 2.0, 5))
    table = LossTable("run", row_courses(recorded).with_columns(row=pl.col("launched_row").cast(pl.Int64), since=pl.lit("")), recorded)
    column = ClassColumn("kind", "field", (), np.array([0], np.uint32), np.array([0], np.int32), ("known",), 3, {})
    assert {(group.name, group.rows) for group in group_losses(table, column).groups} == {("known", 1), (NONE, 1)}


@pytest.mark.parametrize("by", [*GROUPINGS, "topic", "answer-kind"])
def test_every_grouping_covers_the_rows(run, by):
    dataset, folder = run
    found = group_losses(loss_table(folder, dataset), row_groups(dataset, by), by=by)
    assert sum(group.rows for group in found.groups) == 60
    if by == "source":
        assert {group.name for group in found.groups} == {"web", "mail"}


def test_what_the_data_does_not_tell_is_said(tmp_path):
    dataset = written(tmp_path / "plain.jsonl", [{"prompt": f"q {row}", "response": "a"} for row in range(3)])
    with pytest.raises(UsageError, match="where its rows come from"):
        row_groups(dataset, "source")
    with pytest.raises(UsageError, match="no field 'colour'"):
        row_groups(dataset, "colour")


# ---- the command


def test_rows_and_groups_by_command(run, capfd):
    dataset, _ = run
    assert main(["losses", dataset.path, "--show", "3"]) == 0
    out, err = capfd.readouterr()
    assert out.startswith("Run ab12: 60 trained rows, the highest loss above that of its time first.")
    assert len(out.splitlines()) == 5
    assert "57 more rows" in err
    assert max(map(len, out.splitlines())) <= 80
    assert main(["losses", dataset.path, "--by", "topic"]) == 0
    out, _ = capfd.readouterr()
    assert max(map(len, out.splitlines())) <= 80
    lines = out.splitlines()
    assert lines[2] == "- costs more than the other rows"
    assert lines[3].endswith("  a")


def test_a_later_probe_is_not_the_run_that_is_told_of(run, capfd):
    dataset, folder = run
    probe = folder.with_name("20990101T000000000-probe-ffff")
    shutil.copytree(folder, probe)
    try:
        launched = json.loads((probe / "spec.json").read_text())
        (probe / "spec.json").write_text(json.dumps({**launched, "kind": "probe"}))
        assert main(["losses", dataset.path, "--show", "1"]) == 0
    finally:
        shutil.rmtree(probe)
    assert capfd.readouterr().out.startswith("Run ab12: ")


def test_the_table_is_written_whole(run, capfd, tmp_path):
    dataset, _ = run
    output = tmp_path / "losses.parquet"
    assert main(["losses", dataset.path, "--run", "ab12", "-o", str(output)]) == 0
    frame = pl.read_parquet(output)
    assert frame.height == 61
    assert {"row", "last", "confidence", "variability", "course", "held_out"} <= set(frame.columns)
    capfd.readouterr()
    assert main(["losses", dataset.path, "--by", "topic", "--rows", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert {row["group"] for row in told["rows"]} == {"a", "b", "c"}
    assert told["groups"][0]["name"] == "a"


def test_a_dataset_without_runs_says_what_to_do(tmp_path, capfd):
    dataset = written(tmp_path / "plain.jsonl", ROWS[:3])
    assert main(["losses", dataset.path]) == 2
    assert "sde train DATA" in capfd.readouterr().err
