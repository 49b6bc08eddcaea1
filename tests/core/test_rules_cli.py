"""`sde rules` from the outside: exit codes, stdout, the files it writes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from sde_core.dataset import open_dataset
from sde_core.project import Project
from sde_core.proposal import quality_by_rules
from sde_core.rules import (
    GENERAL_RULES,
    MOSTLY_LENGTH,
    PACKS,
    RULES,
    RuleBook,
    choose_by_book,
    choose_rules,
    pack_rules,
    plain_rule,
    quality,
    rule_scores,
    score_matrix,
)
from sde_core.rules.contrast import weighted_quality
from sde_core.rules.rating.cache import FIRST, RatingCache, row_keys
from sde_core.rules.rating.judge import Answer
from sde_core.rules.rating.prompts import Reading

Run = Callable[..., tuple[int, str, str]]

TOPICS = ["tides", "glaciers", "printing", "chess", "honey", "bridges", "pianos", "comets"]


def answer_of(i: int) -> str:
    topic = TOPICS[i % 8]
    parts = [f"The {topic} matter because {i} people in Norway saw them."] + [
        f"However, {topic} may differ, for example in size." for _ in range(i % 5)
    ]
    return "\n".join(f"- {part}" for part in parts) if i % 3 == 0 else " ".join(parts) + ("!" if i % 4 == 0 else "")


ROWS = [
    {"instruction": f"Explain {TOPICS[i % 8]} in {1 + i % 6} words{'?' if i % 2 else '.'}", "input": "", "output": answer_of(i)} for i in range(60)
]


@pytest.fixture
def data(write_jsonl: Callable[..., Path]) -> Path:
    return write_jsonl([*ROWS[:5], b"{oops", *ROWS[5:]])


def test_list_names_every_rule_with_its_definition(run: Run) -> None:
    code, out, _ = run("rules", "list")
    assert code == 0
    for rule in RULES:
        assert rule.name in out
    assert f"{len(RULES)} rules." in out
    assert max(map(len, out.splitlines())) <= 100
    listed = json.loads(run("rules", "list", "--json")[1])
    assert [rule["name"] for rule in listed] == [rule.name for rule in RULES]
    assert set(listed[0]) == {"name", "family", "definition", "higher_is", "reads", "source"}


def test_score_writes_row_quality_and_one_column_a_rule(run: Run, data: Path, tmp_path: Path) -> None:
    code, out, err = run("rules", "score", data, "-o", tmp_path / "scores.parquet")
    assert (code, out) == (0, "")
    assert f"60 rows by {len(GENERAL_RULES)} rules written" in err
    frame = pl.read_parquet(tmp_path / "scores.parquet")
    assert frame.columns == ["row", "quality", *(rule.name for rule in GENERAL_RULES)]
    assert frame["row"].to_list() == [*range(5), *range(6, 61)], "the malformed line keeps its number and has no score"
    matrix = score_matrix(open_dataset(str(data)).texts())
    np.testing.assert_array_equal(frame.select(pl.exclude("row", "quality")).to_numpy(), matrix.scores)
    scores = rule_scores(open_dataset(str(data)).texts(), RuleBook())
    choice = choose_by_book(scores, RuleBook())
    np.testing.assert_array_equal(frame["quality"].to_numpy(), weighted_quality(matrix, choice.chosen, scores.known.contrasts))
    run("rules", "score", data, "-o", tmp_path / "plain.parquet", "--no-gate")
    np.testing.assert_array_equal(pl.read_parquet(tmp_path / "plain.parquet")["quality"], quality(matrix, choose_rules(matrix, gated=False).chosen))


def test_score_tells_in_json_what_quality_is(run: Run, data: Path, tmp_path: Path) -> None:
    code, out, _ = run("rules", "score", data, "-o", tmp_path / "scores.csv", "-r", 4, "--pin", "reasons-given", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["quality_is_mean_of"][0] == "reasons-given"
    assert len(told["quality_is_mean_of"]) == 4
    frame = pl.read_csv(tmp_path / "scores.csv")
    assert frame["quality"].mean() == pytest.approx(told["mean_quality"], abs=1e-5)


def test_every_command_says_what_it_does_in_a_line_of_80_columns(run: Run) -> None:
    _, out, _ = run("rules", "--help")
    lines = out.split("Commands:")[1].split("Examples:")[0].splitlines()
    assert len(lines) > 15 and not [line for line in lines if "..." in line or len(line) > 80]


def test_scores_are_written_as_lines_of_json_too(run: Run, data: Path, tmp_path: Path) -> None:
    for name in ("scores.jsonl", "scores.parquet"):
        assert run("rules", "score", data, "-o", tmp_path / name)[0] == 0
    np.testing.assert_allclose(
        pl.read_ndjson(tmp_path / "scores.jsonl")["quality"].to_numpy(), pl.read_parquet(tmp_path / "scores.parquet")["quality"].to_numpy(), atol=1e-6
    )


def test_choose_prints_the_set_its_overlap_and_what_was_no_candidate(run: Run, data: Path) -> None:
    code, out, err = run("rules", "choose", data, "-r", 5, "--pin", "reasons-given", "--ban", "long-words")
    assert (code, err) == (0, "")
    assert out.startswith(f"5 of {len(GENERAL_RULES)} rules over 60 rows: greedy by correlation,")
    assert "  1 reasons-given" in out
    assert "(pinned" in out
    words = " ".join(out.split())
    assert re.search(r"1,000 random sets of as many candidates \(seed 0\): rho .* median .* lowest .* 95 % interval \d", words)
    assert "Banned, so no candidates: 1\n  long-words         banned\n" in out
    assert "  no-residue         constant: every row scores 1.00" in out
    assert max(map(len, out.splitlines())) <= 80


def test_rules_that_are_mostly_length_are_marked(run: Run, data: Path) -> None:
    out = run("rules", "choose", data, "-r", 2, "--pin", "answer-length")[1]
    matrix = score_matrix(open_dataset(str(data)).texts())
    assert abs(matrix.summaries[matrix.index("answer-length")].length_correlation) > MOSTLY_LENGTH
    assert re.search(r"1 answer-length .*\(pinned,\s+mostly\s+length\)", out.partition("\nrho ")[0], re.DOTALL)


def test_choose_against_a_field_that_says_how_good_rows_are(run: Run, write_jsonl: Callable[..., Path]) -> None:
    data = write_jsonl([{**row, "score": len(row["output"])} for row in ROWS])
    code, out, _ = run("rules", "choose", data, "-r", 4, "--truth", "score")
    assert code == 0
    assert re.search(r"MSE 0\.\d{4} against field score \(60 rows\); random sets:", out)
    assert re.search(r"over the random sets rho and MSE correlate [+-]\d\.\d\d\s\([+-]\d\.\d\d\sto\s[+-]\d\.\d\d\):", out)
    assert " true alike " in out
    assert max(map(len, out.splitlines())) <= 80
    told = json.loads(run("rules", "choose", data, "-r", 4, "--truth", "score", "--json")[1])
    assert told["against_random"]["truth"]["rows"] == 60
    by_name = {rule["rule"]: rule for rule in told["rules"]}
    assert by_name["answer-length"]["truth"]["auroc"] > 0.8
    assert run("rules", "choose", data, "--truth", "grade")[0] == 2


def test_gates_are_asked_unless_told_otherwise(run: Run, write_jsonl: Callable[..., Path]) -> None:
    data = write_jsonl([{**row, "output": row["output"] + " [Your Name]" * (i < 3)} for i, row in enumerate(ROWS)])
    gated = json.loads(run("rules", "choose", data, "--json")[1])
    ungated = json.loads(run("rules", "choose", data, "--no-gate", "--json")[1])
    assert gated["gated"]
    assert not ungated["gated"]
    assert {drop["gate"] for drop in gated["dropped"]} >= {"constant", "barely varies"}
    assert {drop["gate"] for drop in ungated["dropped"]} == {"constant"}
    assert gated["rules"][0]["retest"]["rows"] == 60
    assert "No rule is held back for reliability or favoured" in run("rules", "choose", data, "--no-gate")[1]


def test_the_rule_book_beside_the_data_is_followed_unless_told_otherwise(run: Run, data: Path) -> None:
    plain = json.loads(run("rules", "choose", data, "--json")[1])["chosen"]
    book = RuleBook(pinned=("reasons-given",), banned=(plain[0],), disabled=(plain[1],), pack="code")
    book.save(Project.of(data).created().rule_book_path)
    told = json.loads(run("rules", "choose", data, "--json")[1])
    assert told["chosen"][0] == "reasons-given"
    assert plain[0] in {drop["rule"] for drop in told["dropped"] if drop["gate"] == "banned"}
    assert plain[1] not in {rule["rule"] for rule in told["rules"]}
    assert told["pack"] == "code"
    assert json.loads(run("rules", "choose", data, "--no-book", "--json")[1])["chosen"] == plain
    ahead = json.loads(run("rules", "choose", data, "--ban", "reasons-given", "--pin", plain[1], "--pack", "general", "--json")[1])
    assert ahead["chosen"][0] == plain[1], "an option outdoes the book"
    assert "reasons-given" in ahead["banned"]
    assert ahead["pack"] == "general"
    assert RuleBook.load(Project.of(data).rule_book_path) == book, "options write nothing"


def test_long_names_of_plain_rules_stay_within_80_columns(run: Run, data: Path) -> None:
    rule = plain_rule("names-the-city-the-year-and-the-person-it-speaks-about", "Name the city, the year and the person. " * 6)
    project = Project.of(data).created()
    keys, _ = row_keys(rule, open_dataset(str(data)).texts())
    with RatingCache(project.ratings_dir).writer("judge", "v1") as writer:
        for place in range(40):
            writer.add(rule, int(keys[place]), FIRST, Reading(place / 40), Answer("x"))
    RuleBook((rule,), pinned=(rule.name,)).save(project.rule_book_path)
    code, out, err = run("rules", "choose", data)
    assert code == 0
    assert "over 40 rows, a sample: a judge has rated no others" in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 80
    assert "  1 names-the-city-th…" in out
    assert f"Chosen, but not in the mean, since a judge has not rated all rows by them: {rule.name}." in err
    assert run("rules", "score", data, "-o", data.parent / "scores.parquet")[0] == 0
    frame = pl.read_parquet(data.parent / "scores.parquet")
    assert len(frame) == 60
    assert frame[rule.name].null_count() == 20
    assert frame["quality"].null_count() == frame["answer-length"].null_count() == 0


def test_a_rule_is_written_with_all_rows_that_it_was_rated_by(run: Run, data: Path) -> None:
    partly, wholly = plain_rule("partly", "Name the city."), plain_rule("wholly", "Name the year.")
    project = Project.of(data).created()
    texts = open_dataset(str(data)).texts()
    with RatingCache(project.ratings_dir).writer("judge", "v1") as writer:
        for rule, count in ((partly, 40), (wholly, len(texts))):
            for place, key in enumerate(row_keys(rule, texts)[0][:count]):
                writer.add(rule, int(key), FIRST, Reading(place / 100), Answer("x"))
    RuleBook((partly, wholly)).save(project.rule_book_path)
    assert run("rules", "score", data, "-o", data.parent / "scores.parquet")[0] == 0
    frame = pl.read_parquet(data.parent / "scores.parquet")
    assert frame["wholly"].to_list() == pytest.approx([place / 100 for place in range(60)])
    assert frame["partly"].null_count() == 20
    assert np.array_equal(frame["answer-length"], score_matrix(texts, RULES).column("answer-length"))


def test_select_follows_the_rule_book(run: Run, data: Path) -> None:
    plain = quality_by_rules(open_dataset(str(data)).texts())
    RuleBook(pinned=("long-words",), banned=(plain.rules[0],)).save(Project.of(data).created().rule_book_path)
    told = json.loads(run("rules", "choose", data, "--json")[1])
    project = Project.of(data)
    followed = quality_by_rules(open_dataset(str(data)).texts(), book=RuleBook.load(project.rule_book_path), project=project)
    assert list(followed.rules) == told["chosen"] == told["quality_is_mean_of"]
    assert followed.rules != plain.rules
    assert followed.values is not None
    assert float(followed.values.mean()) == pytest.approx(told["mean_quality"])


@pytest.mark.parametrize("pack", PACKS)
def test_a_pack_brings_its_own_rules(run: Run, data: Path, pack: str) -> None:
    code, out, _ = run("rules", "choose", data, "--pack", pack, "--json")
    assert code == 0
    assert [rule["rule"] for rule in json.loads(out)["rules"]] == [rule.name for rule in pack_rules(pack)]


def test_packs_hold_the_general_rules_and_all_together_the_bank() -> None:
    general = {rule.name for rule in GENERAL_RULES}
    assert all(general <= {rule.name for rule in pack_rules(pack)} for pack in PACKS)
    assert {rule.name for pack in PACKS for rule in pack_rules(pack)} == {rule.name for rule in RULES}


def test_a_rule_of_another_pack_can_be_pinned(run: Run, write_jsonl: Callable[..., Path]) -> None:
    data = write_jsonl([{**row, "output": f"{row['output']} {'I saw it.' if i % 2 else ''}"} for i, row in enumerate(ROWS)])
    told = json.loads(run("rules", "choose", data, "-r", 3, "--pin", "own-experience", "--json")[1])
    assert told["chosen"][0] == "own-experience"


def test_choose_in_json_is_the_engines_choice(run: Run, data: Path) -> None:
    told = json.loads(run("rules", "choose", data, "-r", 6, "--method", "kdpp-gram", "--seed", 7, "--json")[1])
    matrix = score_matrix(open_dataset(str(data)).texts())
    choice = choose_rules(matrix, 6, method="kdpp-gram", seed=7)
    assert told["chosen"] == list(choice.chosen)
    assert told["rho"] == choice.rho
    assert told["against_random"]["subsets"] == 1000
    assert len(told["rules"]) == len(GENERAL_RULES)
    assert told["rows"] == 60


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["choose", "-r", "41"], "41 rules were asked for but only"),
        (["choose", "--method", "best"], "no way to choose rules called 'best'"),
        (["choose", "--pin", "wisdom"], "There is no rule 'wisdom'"),
        (["score", "-o", "scores.txt"], "none of .parquet, .jsonl, .csv"),
        (["score"], "Missing option '-o'"),
    ],
)
def test_bad_requests_end_in_one_sentence_and_code_2(run: Run, data: Path, arguments: list[str], message: str) -> None:
    code, out, err = run("rules", arguments[0], data, *arguments[1:])
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_data_that_no_rule_tells_apart(run: Run, write_jsonl: Callable[..., Path]) -> None:
    code, _, err = run("rules", "choose", write_jsonl([ROWS[0]]))
    assert code == 2
    assert "No rule tells these rows apart" in err


def test_escape_sequences_in_names_do_not_reach_the_terminal(run: Run, data: Path) -> None:
    _, out, err = run("rules", "choose", data, "--pin", "\x1b]52;c;aGk=\x07")
    assert "\x1b" not in out + err
    assert "There is no rule" in err
