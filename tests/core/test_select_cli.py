"""`sde select`: what it writes, prints, accepts and refuses."""

from __future__ import annotations

import json
import random
from pathlib import Path

import orjson
import polars as pl
import pytest

from sde_core.cli.main import main
from sde_core.dataset import open_dataset
from sde_core.project import Project
from sde_core.visible import cells_of

TOPICS = {
    "billing": ["invoice", "refund", "credit card", "tax receipt", "late fee", "currency", "discount"],
    "travel": ["train", "harbour", "mountain hut", "passport", "ferry", "night bus", "luggage"],
    "cooking": ["lentils", "oven", "dough", "saffron", "pickles", "broth", "whisk"],
}
BAD_LINE = 7


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    """Ninety labelled rows on three topics; row 7 cannot be read; odd spacing that only a byte-for-byte copy keeps."""
    draw = random.Random(3)
    lines = []
    for number in range(90):
        label = list(TOPICS)[number % 3]
        words = draw.sample(TOPICS[label], 3)
        answer = f"The {words[0]} comes before the {words[1]}. " * draw.randint(1, 4) + f"Ask about the {words[2]} on day {number}."
        record = {"instruction": f"How do I handle the {words[0]} with the {words[2]}?", "output": answer, "label": label}
        lines.append(json.dumps(record).replace('": "', '" :  "', 1).encode())
    lines[BAD_LINE] = b'{"instruction": "cut'
    path = tmp_path / "tickets.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


@pytest.fixture
def sde(capfdbinary, tickets):
    """Runs `sde select` on the tickets; gives exit code, stdout, stderr."""

    def run(*arguments: str, command: str = "select", data: Path = tickets):
        code = main([command, str(data), *arguments])
        out, err = capfdbinary.readouterr()
        return code, out, err.decode()

    return run


def chosen_rows(sde, *arguments: str) -> list[int]:
    code, out, _ = sde(*arguments, "--json")
    assert code == 0
    return orjson.loads(out)["rows"]


def test_writes_the_chosen_lines_byte_for_byte_in_file_order_beside_a_manifest(sde, tickets, tmp_path):
    output = tmp_path / "subset.jsonl"
    before = tickets.read_bytes()
    code, out, _ = sde("-k", "20", "-o", str(output), "--json")
    assert code == 0
    found = orjson.loads(out)
    lines = before.split(b"\n")
    assert output.read_bytes() == b"".join(lines[row] + b"\n" for row in found["rows"])
    assert found["rows"] == sorted(pick["row"] for pick in found["picks"])
    assert BAD_LINE not in found["rows"]
    manifest = json.loads((tmp_path / "subset.jsonl.manifest.json").read_text())
    assert manifest["rows"] == 20
    assert manifest["left_out"] == {"not selected": 69, "malformed": 1}
    assert manifest["parameters"]["selection"]["kernel"].startswith("L = Diag")
    assert manifest["parameters"]["selection"]["quality"]["rules"]
    assert tickets.read_bytes() == before


def test_json_holds_picks_coverage_kernel_and_source_of_quality(sde):
    code, out, err = sde("-k", "10%", "--seed", "3", "--json")
    assert (code, err) == (0, "")
    found = orjson.loads(out)
    assert len(found["picks"]) == len(found["rows"]) == 9
    assert found["params"]["seed"] == 3
    assert set(found["coverage"]) >= {"full", "proposal", "random", "seed", "measured_rows"}
    assert dict(found["coverage"]["full"]["classes"]) == {"billing": 30, "cooking": 30, "travel": 29}
    assert found["quality"]["source"] == "rules"
    assert sum(found["quality"]["weights"]) == pytest.approx(1)
    assert len(found["quality"]["weights"]) == len(found["quality"]["rules"])
    for pick in found["picks"]:
        assert 0 <= pick["quality"] <= 1
        assert pick["reason"]


def test_lists_picks_on_stdout_and_coverage_on_stderr_otherwise(sde):
    code, out, err = sde("-k", "5")
    lines = out.decode().splitlines()
    assert code == 0
    assert lines[0] == "rank\trow\tquality\tgain\tnearest\tsimilarity\twhy"
    assert [line.split("\t")[0] for line in lines[1:]] == ["1", "2", "3", "4", "5"]
    assert all(len(line.split("\t")) == 7 for line in lines)
    assert "random 0" in err


@pytest.mark.parametrize("method", ["dpp", "random", "stratified", "topk", "gumbel", "softmax", "kcenter", "facility", "deita", "semdedup", "car"])
def test_every_method_repeats_for_a_seed(sde, method):
    first = chosen_rows(sde, "-k", "12", "--method", method, "--seed", "5")
    assert first == chosen_rows(sde, "-k", "12", "--method", method, "--seed", "5")
    assert len(first) == 12


def test_locked_rows_are_in_banned_rows_are_not(sde):
    rows = chosen_rows(sde, "-k", "12", "--lock", "3,50-52", "--lock", "9", "--ban", "0-2,60-89")
    assert {3, 9, 50, 51, 52} <= set(rows)
    assert not set(rows) & {0, 1, 2, *range(60, 90)}


def labels_of(tickets: Path, rows: list[int]) -> list[str]:
    lines = tickets.read_bytes().split(b"\n")
    return [json.loads(lines[row])["label"] for row in rows]


def test_quotas_budgets_and_temperatures_reach_the_selector(sde, tickets):
    equal = chosen_rows(sde, "-k", "12", "--quota-by", "class", "--quota-split", "equal")
    assert sorted(labels_of(tickets, equal)) == ["billing"] * 4 + ["cooking"] * 4 + ["travel"] * 4
    by_hand = chosen_rows(sde, "-k", "12", "--quota", "billing=50%,travel=25%", "--quota", "cooking=25%", "--method", "random")
    assert sorted(labels_of(tickets, by_hand)) == ["billing"] * 6 + ["cooking"] * 3 + ["travel"] * 3
    code, out, _ = sde("--tokens", "0.4k", "--method", "gumbel", "--tau", "0.5", "--standardize", "--json")
    found = orjson.loads(out)
    assert code == 0
    assert 300 < found["figures"]["tokens"] <= 400
    assert found["params"]["tau"] == 0.5
    assert found["params"]["standardized"] is True
    assert found["token_source"] == "the tokenizer of base_model"
    code, _, err = sde("--tokens", "400", "--estimate-tokens")
    assert code == 0
    assert "Tokens by 4 characters a token, estimated." in err
    assert "of 400 tokens, taken in order of choice until one did not" in err


def test_likes_count_as_often_as_they_are_named(sde):
    code, out, _ = sde("-k", "5", "--like", "3,3,9", "--dislike", "12", "--json")
    assert code == 0
    params = orjson.loads(out)["params"]
    assert (params["liked"], params["disliked"]) == ([3, 3, 9], [12])


def test_remarks_and_figures_are_told(sde):
    _, out, err = sde("-k", "6", "--method", "kcenter", "--json")
    found = orjson.loads(out)
    assert found["figures"]["covering_radius"] == pytest.approx(float(found["remarks"][0].split("than ")[1].split()[0]), abs=1e-3)
    _, _, err = sde("-k", "6", "--method", "kcenter")
    assert "the covering radius" in " ".join(err.split())
    assert all(len(line) <= 80 for line in err.splitlines())


def test_rejected_rows_are_never_chosen_and_accepted_ones_only_when_asked(sde, tickets):
    plain = chosen_rows(sde, "-k", "10")
    main(["decide", str(tickets), "reject", *map(str, plain[:5]), "--reason", "no"])
    without = chosen_rows(sde, "-k", "10")
    assert not set(without) & set(plain[:5])
    outsider = next(row for row in range(90) if row not in plain and row not in without and row != BAD_LINE)
    main(["decide", str(tickets), "accept", str(outsider)])
    assert outsider not in chosen_rows(sde, "-k", "10")
    assert outsider in chosen_rows(sde, "-k", "10", "--lock-accepted")
    code, _, err = sde("-k", "10", "--lock", str(plain[0]))
    assert code == 2
    assert "was rejected" in err


def test_what_was_left_out_adds_up_where_a_rejected_row_cannot_be_read(sde, tickets, tmp_path):
    main(["decide", str(tickets), "reject", str(BAD_LINE), "8", "--reason", "broken"])
    assert sde("-k", "10", "-o", str(tmp_path / "subset.jsonl"))[0] == 0
    left_out = json.loads((tmp_path / "subset.jsonl.manifest.json").read_text())["left_out"]
    assert left_out == {"broken": 2, "not selected": 78}


def test_a_ban_weighs_more_than_an_earlier_acceptance(sde, tickets):
    main(["decide", str(tickets), "accept", "3", "4"])
    rows = chosen_rows(sde, "-k", "10", "--lock-accepted", "--ban", "3")
    assert 4 in rows
    assert 3 not in rows


def test_accept_is_one_decision_that_undo_takes_back(sde, tickets):
    code, _, err = sde("-k", "15", "--accept")
    assert code == 0
    assert "selected by dpp: 15 rows, balance 0.5, seed 0" in err
    dataset = open_dataset(tickets)
    journal = Project.of(tickets).open_journal(dataset)
    assert len(journal.decisions) == 1
    accepted = journal.state.accepted_rows().tolist()
    journal.undo()
    assert not len(journal.state.accepted_rows())
    journal.close()
    assert accepted == chosen_rows(sde, "-k", "15")


def test_merely_proposing_decides_nothing(sde, tickets):
    chosen_rows(sde, "-k", "5")
    assert not Project.of(tickets).journal_path.exists()


def test_quality_comes_from_rules_a_file_or_nowhere(sde, tmp_path):
    by_default = chosen_rows(sde, "-k", "10", "--balance", "1")
    scores = tmp_path / "scores.parquet"
    pl.DataFrame({"row": range(90), "quality": [1.0 if row % 9 == 1 else 0.1 for row in range(90)]}).write_parquet(scores)
    from_file = chosen_rows(sde, "-k", "10", "--balance", "1", "--quality", str(scores))
    assert from_file == list(range(1, 90, 9))
    assert by_default != from_file
    code, out, _ = sde("-k", "10", "--quality", "none", "--json")
    assert code == 0
    assert orjson.loads(out)["quality"] is None
    code, out, _ = sde("-k", "10", "--rules", "letter-share", "--json")
    assert orjson.loads(out)["quality"]["rules"] == ["letter-share"]


def test_quality_files_that_do_not_fit_are_named(sde, tmp_path):
    short, wrong, broken = tmp_path / "short.parquet", tmp_path / "wrong.parquet", tmp_path / "broken.parquet"
    pl.DataFrame({"row": range(40), "quality": [0.5] * 40}).write_parquet(short)
    pl.DataFrame({"row": range(90), "score": [0.5] * 90}).write_parquet(wrong)
    broken.write_bytes(b"PAR1 nonsense")
    twice = tmp_path / "twice.parquet"
    pl.DataFrame({"row": [*range(90), 4], "quality": [0.5] * 90 + [0.9]}).write_parquet(twice)
    assert "gives row 4 two different qualities" in sde("-k", "10", "--quality", str(twice))[2]
    for path, said in ((short, "no quality for 50 rows; the first is row 40"), (wrong, "lacks the columns"), (broken, "cannot be read as Parquet")):
        code, _, err = sde("-k", "3", "--quality", str(path))
        assert code == 2
        assert said in err


def test_stratified_keeps_class_shares(sde, tickets):
    labels = [json.loads(line)["label"] if i != BAD_LINE else "" for i, line in enumerate(tickets.read_bytes().split(b"\n")[:90])]
    counts = [sum(labels[row] == label for row in chosen_rows(sde, "-k", "30", "--method", "stratified")) for label in TOPICS]
    assert counts == [10, 10, 10]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-k", "0"), "not a subset"),
        (("-k", "90"), "only 89 can be chosen"),
        (("-k", "soon"), "neither a number"),
        (("-k", "5", "--lock", "7"), "Row 7 is locked but"),
        (("-k", "5", "--lock", "3", "--ban", "3"), "locked and banned"),
        (("-k", "5", "--ban", "90"), "no row 90"),
        (("-k", "5", "--lock", "x"), "not a row number"),
        (("-k", "5", "--rules", "no-such-rule"), "no rule no-such-rule"),
        (("-k", "5", "--rule-method", "kdpp-gram", "--rule-seed", "-1"), "not in the range"),
        (("-k", "5", "--rules", "letter-share", "--quality", "none"), "two sources"),
        (("-k", "5", "--balance", "2"), "balance"),
        (("-k", "5", "--quality", "missing.parquet"), "cannot be read"),
        ((), "How many rows"),
        (("--tokens", "lots"), "not a number of tokens"),
        (("--tokens", "0"), "not a number of tokens"),
        (("-k", "5", "--quota", "billing"), "not a quota"),
        (("-k", "5", "--quota", "=1"), "no group"),
        (("-k", "5", "--quota", "billing=much"), "not a quota"),
        (("-k", "50", "--quota", "billing=1"), "only 30 can be chosen"),
        (("-k", "5", "--quota-by", "source"), "need a source"),
        (("-k", "5", "--like", "95"), "no row 95"),
        (("--tokens", "9" * 400), "not a number of tokens"),
        (("-k", "5", "--tau", "nan"), "A temperature τ of nan"),
        (("-k", "5", "--balance", "nan"), "A balance of nan"),
        (("-k", "5", "--ban", "0-89"), "No row can be chosen"),
    ],
)
def test_requests_that_cannot_be_met_exit_2_with_a_sentence(sde, arguments, said):
    code, out, err = sde(*arguments)
    assert (code, out) == (2, b"")
    assert said in err
    assert "Traceback" not in err


def test_refuses_to_write_over_the_source(sde, tickets):
    before = tickets.read_bytes()
    code, _, err = sde("-k", "5", "-o", str(tickets))
    assert code == 2
    assert "never writes the source" in err
    assert tickets.read_bytes() == before


def test_rows_that_nothing_tells_apart_are_still_chosen(sde, write_jsonl):
    same = write_jsonl([{"instruction": "Say hello.", "output": "Hello."}] * 12, "same.jsonl")
    code, out, _ = sde("-k", "4", "--json", data=same)
    assert code == 0
    assert len(set(orjson.loads(out)["rows"])) == 4


def test_wide_class_names_stay_within_80_columns(sde, write_jsonl):
    labels = ["日本語" * 20, "👩" * 40, "\u202eevil", "plain"]
    rows = [{"instruction": f"Question {i}", "output": f"Answer {i}", "label": labels[i % 4]} for i in range(24)]
    code, _, err = sde("-k", "4", "--quota-by", "class", data=write_jsonl(rows, "wide.jsonl"))
    assert code == 0
    assert "日本" in err
    assert max(map(cells_of, err.splitlines())) <= 80


def test_hostile_labels_reach_no_terminal(sde, write_jsonl):
    rows = [{"instruction": f"Question {i}", "output": f"Answer {i}", "label": "\x1b]52;c;QUJD\x07"} for i in range(12)]
    code, out, err = sde("-k", "4", "--method", "stratified", data=write_jsonl(rows, "hostile.jsonl"))
    assert code == 0
    assert b"\x1b" not in out
    assert "\x1b" not in err


def test_alpaca_gives_five_hundred_rows_far_past_the_dimension(sde, shared_data, tmp_path):
    import shutil

    source = tmp_path / "alpaca_5000.json"
    shutil.copyfile(shared_data / "instruct" / "alpaca_5000.json", source)
    code, out, _ = sde("-k", "500", "-o", str(tmp_path / "subset.jsonl"), "--json", data=source)
    found = orjson.loads(out)
    assert code == 0
    assert len(set(found["rows"])) == 500
    assert found["coverage"]["proposal"]["mean_quality"] > found["coverage"]["random"]["mean_quality"]
    assert found["coverage"]["proposal"]["spread"] > found["coverage"]["random"]["spread"]
    assert found["coverage"]["proposal"]["vendi"] > found["coverage"]["random"]["vendi"]
    assert (tmp_path / "subset.jsonl").read_bytes().count(b"\n") == 500
