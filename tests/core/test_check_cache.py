"""Reports that come from the cache: the same, said to be so, and never stale."""

from __future__ import annotations

import json
import zlib

import pytest

from sde_core.checks import report_cache, run_checks
from sde_core.checks.report_cache import cached_report, keep_report, report_key
from sde_core.cli.main import main
from tests.core.checked import chat, clean_chats, opened
from tests.core.test_checks_runner import FAULTY

ROWS = [*FAULTY, chat("Half \ud83d?", "Yes.")]


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def files(cache):
    return sorted(cache.glob("findings-*"))


def test_the_second_run_comes_from_the_cache_and_says_the_same(tmp_path, cache):
    dataset = opened(tmp_path, ROWS)
    first = run_checks(dataset, cache_dir=cache)
    assert not first.cached_at
    second = run_checks(opened(tmp_path, ROWS), cache_dir=cache)
    assert second.cached_at > 1e9
    assert second == first
    assert second.findings == first.findings
    assert "lost-characters" in second.counts
    assert run_checks(dataset).cached_at == 0


def test_a_file_that_changes_while_it_is_checked_leaves_no_report(tmp_path, cache):
    def change(words):
        path.write_bytes(path.read_bytes().replace(b"Half", b"Calf"))

    dataset = opened(tmp_path, ROWS)
    path = tmp_path / "data.jsonl"
    run_checks(dataset, cache_dir=cache, on_step=change)
    assert not files(cache)
    path.unlink()
    run_checks(dataset, cache_dir=cache)
    assert not files(cache)


def test_whatever_findings_depend_on_is_in_the_key(tmp_path, monkeypatch):
    dataset = opened(tmp_path, ROWS)
    keys = {
        "as it is": report_key(dataset, [], {}),
        "other content": report_key(opened(tmp_path, ROWS[1:], "other.jsonl"), [], {}),
        "edited": report_key(dataset.with_edits({3: {("messages", 0, "content"): "New"}}), [], {}),
        "edited elsewhere": report_key(dataset.with_edits({3: {("messages", 1, "content"): "New"}}), [], {}),
        "fewer checks": report_key(dataset, ["mojibake"], {}),
        "other threshold": report_key(dataset, [], {"near": 0.9}),
        "other layout": report_key(opened(tmp_path, ROWS, layout="text", mapping={"text": "messages"}), [], {}),
    }
    monkeypatch.setattr(report_cache, "code_version", lambda *parts: "another")
    keys["other code"] = report_key(dataset, [], {})
    assert len(set(keys.values())) == len(keys)
    assert report_key(dataset.with_edits({}), [], {}) == keys["other code"]
    assert report_key(dataset, ["b", "a"], {}) == report_key(dataset, ["a", "b"], {})


@pytest.mark.parametrize("damage", [b"", b"no zlib", zlib.compress(b"{"), zlib.compress(b'{"findings": [[1]]}'), zlib.compress(b"[]"), None])
def test_a_damaged_file_is_as_none(tmp_path, cache, damage):
    report = run_checks(opened(tmp_path, ROWS))
    keep_report(cache, "k", report)
    [path] = files(cache)
    path.write_bytes(path.read_bytes()[:-9] if damage is None else damage)
    assert cached_report(cache, "k") is None
    keep_report(cache, "k", report)
    assert cached_report(cache, "k") == report


def test_only_the_newest_are_kept_and_what_cannot_be_written_is_let_be(tmp_path, cache):
    report = run_checks(opened(tmp_path, clean_chats(3)))
    for number in range(7):
        keep_report(cache, f"k{number}", report)
    assert len(files(cache)) == 4
    assert cached_report(cache, "k6") == report
    (tmp_path / "file").write_text("")
    keep_report(tmp_path / "file", "k", report)
    assert cached_report(tmp_path / "file", "k") is None


def test_the_command_says_where_findings_come_from(tmp_path, capfdbinary):
    path = opened(tmp_path, ROWS).path

    def check(*arguments):
        assert main(["check", path, *arguments]) == 0
        return capfdbinary.readouterr()[0].decode()

    assert "From the cache" not in check()
    assert "From the cache" not in check(), "a small file gets no folder beside it"
    assert not (tmp_path / "data.jsonl.sde").exists()
    (tmp_path / "data.jsonl.sde").mkdir()
    fresh = check()
    cached = check()
    assert "From the cache: this very content was checked 20" in cached
    assert "--no-cache" in cached
    assert [line for line in cached.splitlines() if "From the cache" not in line] == fresh.splitlines()
    assert "From the cache" not in check("--no-cache")
    assert json.loads(check("--json"))["cached"] is True
    assert json.loads(check("--json", "--no-cache"))["cached"] is False
