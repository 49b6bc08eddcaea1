"""The one-page report in its three forms, on rows that want to break out of it."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from urllib.parse import unquote

import pytest

from sde_core.checks import run_checks, sarif
from sde_core.checks.config import Silence, row_key
from sde_core.checks.findings import Finding
from sde_core.checks.report import CheckInfo, CheckReport, SilencedFinding
from sde_core.checks.sarif import artifact_uri, sarif_log
from sde_core.checks.summary import markdown_page, report_format, report_json, write_report
from sde_core.cli.main import main
from sde_core.errors import UsageError
from tests.core.checked import chat, clean_chats, opened
from tests.core.test_checks_runner import FAULTY

HOSTILE = "\x1b]52;c;aGk=\x07 `` ` ``` </td><script>alert(1)</script> | [click](javascript:x) ![i](http://e.vil) # *b* {0}\n\n# Head\nhalf \ud83d"


@pytest.fixture
def hostile(tmp_path):
    dataset = opened(tmp_path, [*FAULTY, chat(HOSTILE, HOSTILE)])
    report = run_checks(dataset).with_silences((Silence("prompts | alone `x`", check="empty-answer"),), dataset)
    assert len(report.silenced) == 1
    return report, dataset


# ---- Markdown


def spans_removed(line):
    """The line without its code spans, as CommonMark finds them: a run of backticks up to a run of the same length."""
    return re.sub(r"(?<![\\`])(`+)(?!`).+?(?<!`)\1(?!`)", "", line)


def test_the_page_has_everything_in_order(hostile):
    report, dataset = hostile
    page = markdown_page(report, dataset)
    heads = [line for line in page.splitlines() if line.startswith("#")]
    assert heads == ["# data.jsonl: what is wrong with it", "## What to do, worst first", "## Examples", "## Silenced", "## How to go on"]
    ranked = [line.split(" | ")[-1].strip("` |") for line in page.splitlines() if re.match(r"\| [\d,.]+ \| ([\d,]+|the file) \| ", line)]
    assert ranked == [action.check for action in report.actions()]
    assert "66 rows, 1 of them malformed" in page
    assert "1 silenced" in page
    assert "rows touched of severity × certainty" in page
    assert "sde fix" in page


def test_nothing_of_the_data_is_markup_or_a_command(hostile):
    report, dataset = hostile
    page = markdown_page(report, dataset)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", page)
    assert "␛]52" in page
    for line in page.splitlines():
        bare = spans_removed(line)
        assert not re.search(r"(?<!\\)[<>\[\]*]", bare.replace("**", "")), line
    table = [line for line in page.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {7, 4}


def test_a_page_without_findings(tmp_path):
    dataset = opened(tmp_path, clean_chats(30))
    page = markdown_page(run_checks(dataset), dataset)
    assert "Nothing was found." in page
    assert "## Examples" not in page


# ---- JSON


def test_the_json_report_adds_the_ranked_list_and_keys(hostile):
    report, dataset = hostile
    shown = report_json(report, dataset)
    assert {"dataset", "counts", "findings", "silenced", "actions"} <= set(shown)
    assert [action["check"] for action in shown["actions"]] == [action.check for action in report.actions()]
    for finding in shown["findings"]:
        assert finding["keys"] == [row_key(int(dataset.keys()[row])) for row in finding["rows"]]


# ---- SARIF: the essential parts of the 2.1.0 schema, as a table of required types


ESSENTIAL = {
    "": {"version": str, "$schema": str, "runs": list},
    "runs": {"tool": dict, "results": list, "artifacts": list},
    "runs.tool": {"driver": dict},
    "runs.tool.driver": {"name": str, "semanticVersion": str, "rules": list},
    "runs.tool.driver.rules": {"id": str, "shortDescription": dict, "defaultConfiguration": dict},
    "runs.tool.driver.rules.shortDescription": {"text": str},
    "runs.results": {"ruleId": str, "ruleIndex": int, "level": str, "message": dict, "locations": list, "partialFingerprints": dict},
    "runs.results.message": {"text": str},
    "runs.results.locations": {"physicalLocation": dict},
    "runs.results.locations.physicalLocation": {"artifactLocation": dict},
    "runs.results.locations.physicalLocation.artifactLocation": {"uri": str, "index": int},
    "runs.results.relatedLocations": {"physicalLocation": dict},
    "runs.artifacts": {"location": dict},
    "runs.artifacts.location": {"uri": str},
}


def assert_valid(value, path=""):
    """Required names and their types, everywhere; levels and regions as the standard has them."""
    for name, kind in ESSENTIAL.get(path, {}).items():
        assert isinstance(value.get(name), kind), (path, name)
    if path.endswith((".region",)):
        assert value["startLine"] >= 1
    if path.endswith(("results", "defaultConfiguration")):
        assert value["level"] in ("none", "note", "warning", "error")
    for name, inner in value.items():
        for one in inner if isinstance(inner, list) else [inner]:
            if isinstance(one, dict):
                assert_valid(one, f"{path}.{name}".lstrip("."))


def test_the_log_is_valid_sarif(hostile, tmp_path):
    report, dataset = hostile
    path = tmp_path / "out.sarif"
    write_report(path, report, dataset, "sarif")
    log = json.loads(path.read_text(encoding="utf-8"))
    assert_valid(log)
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    assert Counter(result["ruleId"] for result in run["results"] if "suppressions" not in result) == Counter(report.counts)
    [silenced] = [result for result in run["results"] if "suppressions" in result]
    assert silenced["suppressions"] == [{"kind": "external", "justification": "prompts | alone `x`"}]


def test_lines_levels_and_escapes(tmp_path):
    infos = (CheckInfo("a", "A", advice="Mend."), CheckInfo("b", "B"))
    findings = (
        Finding("a", "error", (2, 0), "See [this](x) {0}.", "back\\slash \x1b", "f"),
        Finding("b", "info", (), "Whole.", "shown"),
    )
    dataset = opened(tmp_path, [b"", *clean_chats(3)])
    log = sarif_log(CheckReport(3, 0, infos, findings), dataset)
    first, second = log["runs"][0]["results"]
    assert (first["level"], second["level"]) == ("error", "note")
    assert first["message"]["text"] == "See \\[this\\](x) {{0}}. back\\\\slash ␛"
    assert first["locations"][0]["physicalLocation"]["region"] == {"startLine": 4}
    assert first["relatedLocations"][0]["physicalLocation"]["region"] == {"startLine": 2}
    assert second["locations"][0]["physicalLocation"]["region"] == {"startLine": 1}
    assert [rule["defaultConfiguration"]["level"] for rule in log["runs"][0]["tool"]["driver"]["rules"]] == ["error", "note"]


def test_fingerprints_follow_the_content_not_the_place(tmp_path):
    rows = [*clean_chats(5), chat("What? ", "That.")]
    logs = []
    for name, order in (("one.jsonl", rows), ("two.jsonl", rows[::-1]), ("three.jsonl", [*rows[:-1], chat("Why? ", "So.")])):
        dataset = opened(tmp_path, order, name)
        [result] = sarif_log(run_checks(dataset, ["outer-whitespace"]), dataset)["runs"][0]["results"]
        logs.append((result["partialFingerprints"], result["locations"][0]["physicalLocation"]["region"]))
    assert logs[0][0] == logs[1][0] != logs[2][0]
    assert (logs[0][1], logs[1][1]) == ({"startLine": 6}, {"startLine": 1})


def test_the_file_is_named_as_a_code_host_finds_it(tmp_path, monkeypatch):
    path = tmp_path / "my sets" / "ü #1.jsonl"
    path.parent.mkdir()
    path.write_text("{}")
    assert artifact_uri(str(path)).startswith("file:///")
    monkeypatch.chdir(tmp_path)
    relative = artifact_uri("my sets/ü #1.jsonl")
    assert unquote(relative) == "my sets/ü #1.jsonl"
    assert "#" not in relative
    assert " " not in relative
    assert artifact_uri("hf://datasets/a/b") == "hf://datasets/a/b"


def test_a_name_that_is_no_utf8_has_an_address(tmp_path, monkeypatch):
    path = tmp_path / os.fsdecode(b"n\xff\n[x].jsonl")
    try:
        path.write_text("{}")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    monkeypatch.chdir(tmp_path)
    assert artifact_uri(path.name) == "n%FF%0A%5Bx%5D.jsonl"
    assert artifact_uri(path.name + "2") == "n%FF%0A%5Bx%5D.jsonl2"


def test_no_more_results_than_a_code_host_takes(tmp_path, monkeypatch):
    monkeypatch.setattr(sarif, "_MOST_RESULTS", 2)
    findings = tuple(Finding("a", "error", (row,), "said", "shown") for row in range(3))
    silenced = (SilencedFinding(findings[0], "known"),)
    [run] = sarif_log(CheckReport(3, 0, (CheckInfo("a", "A"),), findings, silenced=silenced), opened(tmp_path, clean_chats(3)))["runs"]
    assert [result["properties"]["rows"] for result in run["results"]] == [[0], [1]]
    assert run["properties"] == {"resultsLeftOut": 2}


# ---- the command


def test_the_command_writes_all_forms_at_once(tmp_path, capfdbinary, monkeypatch):
    data = opened(tmp_path, FAULTY)
    paths = [tmp_path / name for name in ("r.md", "r.json", "r.sarif")]
    arguments = [word for path in paths for word in ("--report", str(path))]
    assert main(["check", data.path, *arguments]) == 0
    err = capfdbinary.readouterr()[1].decode()
    assert err.count("Report written to") == 3
    assert paths[0].read_text(encoding="utf-8").startswith("# data.jsonl")
    assert_valid(json.loads(paths[2].read_text(encoding="utf-8")))
    found = json.loads(paths[1].read_text(encoding="utf-8"))
    assert sum(found["counts"].values()) == len(found["findings"])
    assert main(["check", data.path, "--report", str(tmp_path / "r.txt")]) == 2
    assert "--format" in capfdbinary.readouterr()[1].decode()
    assert main(["check", data.path, "--report", str(tmp_path / "r.txt"), "--format", "markdown"]) == 0
    assert (tmp_path / "r.txt").read_text(encoding="utf-8") == paths[0].read_text(encoding="utf-8")


def test_the_form_is_in_the_name(tmp_path):
    names = {"a.md": "markdown", "a.markdown": "markdown", "a.json": "json", "a.SARIF": "sarif", "a.sarif.json": "sarif"}
    assert {name: report_format(tmp_path / name) for name in names} == names
    assert report_format(tmp_path / "a.json", "sarif") == "sarif"
    with pytest.raises(UsageError, match="does not say in which form"):
        report_format(tmp_path / "report")
