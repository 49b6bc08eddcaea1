"""`sde rules truth` and `sde rules compare` from the outside."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from sde_core.dataset import open_dataset
from sde_core.project import Project
from sde_core.rules import GENERAL_RULES
from sde_core.rules.book import RuleBook
from sde_core.rules.truth import truth_by_people

Run = Callable[..., tuple[int, str, str]]
TOPICS = ["tides", "glaciers", "printing", "chess", "honey", "bridges"]


def answer_of(number: int) -> str:
    topic = TOPICS[number % 6]
    return "\n".join(f"- The {topic} matter because {number + place} people saw them." for place in range(1 + number % 4))


@pytest.fixture
def data(write_jsonl: Callable[..., Path]) -> Path:
    rows = [{"instruction": f"Explain {TOPICS[i % 6]} to {i} people.", "output": answer_of(i), "stars": i % 4, "verdict": "ok" if i % 4 > 1 else "poor"}
            for i in range(48)]  # fmt: skip
    return write_jsonl([*rows[:3], b"{oops", *rows[3:]])


def test_every_rule_is_held_against_a_field(run: Run, data: Path) -> None:
    code, out, _ = run("rules", "truth", data, "--field", "stars")
    assert code == 0
    assert "pairwise accuracy against field stars: 48 rows, 864 pairs" in out
    assert "Rules read instruction as the prompt and output as the answer" in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 80
    told = json.loads(run("rules", "truth", data, "--field", "stars", "--json")[1])
    by_name = {one["name"]: one for one in told["scores"]}
    assert by_name["longer is better"]["accuracy"]["value"] == 1.0
    assert by_name["longer is better"]["length_correlation"] == pytest.approx(1.0)
    for name in ("answer-length", "near-in-meaning"):
        assert name in by_name and name in out
    assert {"accuracy", "equal_length", "spearman", "mse", "bands"} < set(by_name["answer-length"])
    turned = json.loads(run("rules", "truth", data, "--field", "stars", "--lower-is-better", "--rules", "answer-length", "--json")[1])
    assert turned["scores"][-1]["accuracy"]["value"] == 0.0


def test_rules_that_are_named_are_there_or_said_to_be_unrated(run: Run, data: Path) -> None:
    asked = ("rules", "truth", data, "--field", "stars", "--json", "--rules")
    assert run("rules", "set", data, "off", "answer-length")[0] == run("rules", "set", data, "ban", "laid-out-lines")[0] == 0
    names = [one["name"] for one in json.loads(run(*asked, "answer-length,laid-out-lines,code-commented")[1])["scores"]]
    assert {"answer-length", "laid-out-lines", "code-commented"} <= set(names)
    assert run("rules", "add", data, "Be kind.", "--name", "kind")[0] == 0
    code, _, err = run(*asked, "answer-length,kind")
    assert code == 2 and "'kind' is not rated yet" in err


def test_a_row_with_two_scores_in_a_file_is_refused(run: Run, data: Path, tmp_path: Path) -> None:
    scores = pl.DataFrame({"row": [0, 1, 1, 2], "quality": [0.1, 0.2, 0.2, 0.3]})
    asked = ("rules", "truth", data, "--field", "stars", "--scores", tmp_path / "scores.parquet")
    scores.write_parquet(tmp_path / "scores.parquet")
    assert run(*asked)[0] == 0
    pl.concat([scores, scores.with_columns(pl.col("quality") + 0.5)]).write_parquet(tmp_path / "scores.parquet")
    code, _, err = run(*asked)
    assert code == 2 and "row 0 two different scores" in err


def test_two_classes_a_fit_and_bands(run: Run, data: Path, tmp_path: Path) -> None:
    arguments = ("rules", "truth", data, "--field", "verdict", "--positive", "ok", "--rules", "answer-length,laid-out-lines")
    code, out, err = run(*arguments, "--fit", "--nonnegative", "--weights", tmp_path / "weights.json")
    assert code == 0
    assert "AUROC against field verdict" in out
    assert "fitted, out of fold" in out
    assert "Weights written to" in err
    weights = json.loads((tmp_path / "weights.json").read_text())["weights"]
    assert set(weights) == {"answer-length", "laid-out-lines"} and min(weights.values()) >= 0
    bands = run(*arguments, "--bands")[1]
    assert "pairs in each band:" in bands
    assert max(map(len, bands.splitlines())) <= 80


def test_weights_become_the_quality_of_a_selection(run: Run, data: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights.json"
    fit = ("rules", "truth", data, "--field", "verdict", "--positive", "ok", "--rules", "answer-length,laid-out-lines", "--fit", "--json")
    told = json.loads(run(*fit, "--weights", weights)[1])
    select = ("select", data, "-k", "24", "--method", "topk", "--json")
    code, out, err = run(*select, "--quality", weights)
    assert code == 0
    found = json.loads(out)
    assert set(found["rows"]) == {row for row in range(49) if row != 3 and (row - (row > 3)) % 4 > 1}
    figure = told["fit"]["report"]["scores"][0]["accuracy"]["value"]
    words = " ".join(err.split())
    assert f"2 rules weighted by a fit to human labels (field verdict): AUROC {figure:.3f} (" in words
    assert "on rows that the fit did not see, 5 folds, 48 rows. --quality rules takes the default" in words
    assert found["quality"]["labels"].startswith("human labels (field verdict)")
    assert "labels" not in json.loads(run(*select)[1])["quality"]
    held = json.loads(weights.read_text())
    weights.write_text(json.dumps({**held, "weights": {"no-such-rule": 1.0}}))
    assert "weighs the rule no-such-rule, which there is not" in run(*select, "--quality", weights)[2]
    weights.write_text("{oops")
    assert "is not JSON" in run(*select, "--quality", weights)[2]
    weights.write_text("[]")
    assert "These are no weights of rules" in run(*select, "--quality", weights)[2]


def test_scores_from_a_file(run: Run, data: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.parquet"
    rows = [row for row in range(49) if row != 3]
    pl.DataFrame({"row": rows[::-1], "mine": [(row - (row > 3)) % 4 / 3 for row in rows][::-1], "note": ["x"] * 48}).write_parquet(path)
    told = json.loads(run("rules", "truth", data, "--field", "stars", "--scores", path, "--json")[1])
    assert [one["name"] for one in told["scores"]] == ["mine", "longer is better"]
    assert told["scores"][0]["accuracy"]["value"] == 1.0
    assert told["scores"][0]["mse"]["value"] == pytest.approx(0, abs=1e-9)
    pl.DataFrame({"line": [1]}).write_parquet(path)
    assert "lacks the column row" in run("rules", "truth", data, "--field", "stars", "--scores", path)[2]


def test_chosen_and_rejected_answers_are_comparisons_for_free(run: Run, write_jsonl: Callable[..., Path]) -> None:
    rows = [{"prompt": f"Name {i} fruits.", "chosen": "Pear. " * (2 + i % 3), "rejected": "No."} for i in range(12)]
    told = json.loads(run("rules", "truth", write_jsonl(rows), "--rules", "answer-length", "--json")[1])
    assert told["measure"] == "pairwise accuracy"
    assert told["source"] == "12 pairs of chosen and rejected answers in the dataset"
    assert told["scores"][-1]["accuracy"]["value"] == 1.0
    assert told["scores"][0]["mse"]["value"] is None


def test_of_many_pairs_a_sample_is_scored_whole_pair_by_whole_pair(
    run: Run, write_jsonl: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sde_core.rules.truth.agreement.MOST_ROWS", 10)
    rows = [{"prompt": f"Name {i} fruits.", "chosen": "Pear. " * (2 + i % 3), "rejected": "No."} for i in range(12)]
    told = json.loads(run("rules", "truth", write_jsonl(rows), "--rules", "answer-length", "--json")[1])
    assert (told["rows"], told["known_rows"], told["pairs"]) == (10, 24, 5)


def test_the_sample_is_spread_over_the_quality_in_force(run: Run, data: Path, tmp_path: Path) -> None:
    def drawn(name: str) -> list[set[int]]:
        Project.of(data).comparisons_path.unlink(missing_ok=True)
        assert run("rules", "compare", data, "--ask", 6, "-o", tmp_path / name, "--rows", 6)[0] == 0
        pairs = [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
        return [{pair["a"], pair["b"]} for pair in pairs]

    default = drawn("default.jsonl")
    assert drawn("again.jsonl") == default
    book = Project.of(data).created().rule_book_path
    RuleBook(disabled=tuple(rule.name for rule in GENERAL_RULES if rule.name != "laid-out-lines")).save(book)
    assert drawn("by_book.jsonl") != default


def test_people_compare_elsewhere_and_their_answers_become_the_truth(run: Run, data: Path, tmp_path: Path) -> None:
    questions = tmp_path / "ask.jsonl"
    code, out, err = run("rules", "compare", data, "--ask", 30, "-o", questions, "--rows", 10)
    assert (code, "30 lines written" in err) == (0, True)
    assert out == "no answers yet, 10 rows to compare.\n"
    lines = [json.loads(line) for line in questions.read_text().splitlines()]
    assert {line["winner"] for line in lines} == {""}
    for line in lines:
        stars = [line["row_a"] - (line["row_a"] > 3), line["row_b"] - (line["row_b"] > 3)]
        line["winner"] = ("tie", "a", "b")[int(np.sign(stars[0] % 4 - stars[1] % 4))]
    lines[-1]["winner"] = ""
    questions.write_text("".join(json.dumps(line) + "\n" for line in lines))
    told = json.loads(run("rules", "compare", data, "--pairs", questions, "--by", "reader", "--json")[1])
    assert (told["answers_taken_in"], told["not_answered"], told["answers"], told["groups"]) == (29, 1, 29, 1)
    assert json.loads(run("rules", "compare", data, "--pairs", questions, "--by", "reader", "--json")[1])["answers_taken_in"] == 0
    assert "29 answers on 10 of 10 rows, known to ± 0." in run("rules", "compare", data)[1]
    run("rules", "compare", data, "--export", tmp_path / "all.jsonl")
    assert {json.loads(line)["by"] for line in (tmp_path / "all.jsonl").read_text().splitlines()} == {"reader"}
    truth = truth_by_people(open_dataset(str(data)))
    assert truth is not None and len(truth) == 10
    found = json.loads(run("rules", "truth", data, "--rules", "answer-length", "--json")[1])
    assert found["source"] == "29 comparisons of 10 rows by people"
    by_name = {one["name"]: one for one in found["scores"]}
    assert by_name["longer is better"]["accuracy"]["value"] == 1.0
    assert by_name["answer-length"]["spearman"]["value"] > 0.6


def test_of_a_large_truth_a_sample_is_scored_and_said(run: Run, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sde_core.rules.truth.agreement.MOST_ROWS", 20)
    arguments = ("rules", "truth", data, "--field", "stars", "--rules", "answer-length", "--seed", 3)
    assert "a sample of 20 of 48 rows, seed 3" in " ".join(run(*arguments)[1].split())
    told = json.loads(run(*arguments, "--json")[1])
    assert (told["rows"], told["known_rows"]) == (20, 48)
    assert told["scores"][-1]["accuracy"]["value"] == 1.0


def test_looking_creates_nothing(run: Run, data: Path) -> None:
    assert run("rules", "compare", data)[:2] == (0, "no answers yet, 0 rows to compare.\n")
    assert not Project.of(str(data)).comparisons_path.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["truth"], "Nobody has compared rows of this dataset yet"),
        (["truth", "--field", "nothing"], "No record has a value in the field nothing. There are: instruction"),
        (["truth", "--positive", "ok"], "are about a field"),
        (["truth", "--field", "stars", "--source", "dataset"], "two different truths"),
        (["truth", "--field", "stars", "--weights", "w.json"], "about a fit"),
        (["truth", "--field", "stars", "--rules", "wisdom"], "There is no rule 'wisdom'"),
        (["truth", "--source", "dataset"], "No record holds a chosen and a rejected answer"),
        (["compare", "--ask", "3"], "--ask and -o go together"),
        (["compare", "--ask", "3", "-o", "x.csv"], "is no .jsonl file"),
        (["compare", "--pairs", "nowhere.jsonl"], "nowhere.jsonl cannot be read"),
    ],
)
def test_bad_requests_end_in_one_sentence_and_code_2(run: Run, data: Path, arguments: list[str], message: str) -> None:
    code, out, err = run("rules", arguments[0], data, *arguments[1:])
    assert (code, out) == (2, "")
    assert message in " ".join(err.split())
    assert "Traceback" not in err


@pytest.mark.parametrize("line", ['{"a":"1","b":"2","winner":"left","time":1}', '{"winner":"a"}', "\x1b[2Jno JSON", "[]"])
def test_a_wrong_answer_is_named_and_nothing_taken_in(run: Run, data: Path, tmp_path: Path, line: str) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text('{"a":"1","b":"2","winner":"a","time":1}\n\n' + line + "\n")
    code, _, err = run("rules", "compare", data, "--pairs", path)
    assert code == 2
    assert "line 3 is no answer" in err
    assert "\x1b" not in err
    assert "no answers yet" in run("rules", "compare", data)[1]
