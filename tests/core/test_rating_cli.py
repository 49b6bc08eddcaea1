"""`sde rules rate` and its job: a sample, its price, the question, all rows, and no key anywhere."""

from __future__ import annotations

import json
import threading

import polars as pl
import pytest

from sde_core.errors import JobError, ModelError, UsageError
from sde_core.jobs import find_job, list_jobs
from sde_core.project import Project
from sde_core.rules.book import RuleBook
from sde_core.rules.judge_settings import JudgeSettings
from sde_core.rules.rating import RatingCache, RatingParams
from sde_core.rules.rating.job import latest_report, launch_rating, sample_report
from tests.core.judge_server import JudgeServer, completion, serving
from tests.core.rating_rows import RULES, place_of, rows, sharp

KEY = "sk-secret-0123456789"
PATIENCE = 90


def scored(body):
    prompt = body["messages"][0]["content"]
    if "=== example" in prompt:
        return completion(str(place_of(prompt)), sharp(place_of(prompt)), tokens=(200, 1))
    return completion("0.5" if len(prompt) % 3 else "As an AI \x1b[2J I cannot", tokens=(200, 1))


@pytest.fixture
def server():
    with serving(JudgeServer(scored)) as server:
        yield server


@pytest.fixture
def data(write_jsonl):
    table = rows(30)
    path = write_jsonl({"prompt": prompt, "answer": answer} for prompt, answer in zip(table["prompt"], table["answer"], strict=True))
    RuleBook(rules=RULES).save(Project.of(path).created().rule_book_path)
    return path


def test_a_sample_is_rated_priced_and_not_more_without_yes(run, data, server):
    code, out, err = run("rules", "rate", data, "--judge", server.url, "--sample", 10, "--price-in", 2, "--price-out", 10)
    assert (code, len(server.requests)) == (0, 10 * 2 + 3 * 2)
    assert "a sample of 10 of 30 rows" in out and "answers-it" in out and "keep-short" in out
    assert "Rating all rows takes 40 more calls, 8,000 tokens in and 40 out" in " ".join(out.split())
    assert "0.02 at the given prices" in " ".join(out.split())
    assert "--yes rates all rows" in err
    assert max(map(len, out.splitlines())) <= 80


def test_yes_rates_all_and_the_same_command_asks_nothing_twice(run, data, server):
    code, out, _ = run("rules", "rate", data, "--judge", server.url, "--sample", 10, "--yes", "--retest", 0)
    assert (code, len(server.requests)) == (0, 60)
    assert "all 30 rows rated" in out
    code, out, _ = run("rules", "rate", data, "--yes", "--retest", 0)
    assert (code, len(server.requests)) == (0, 60)
    assert "all 30 rows rated" in out and "This run: 0 calls." in out


def test_the_book_remembers_the_judge_and_its_ratings_are_found_by_it(run, data, server):
    run("rules", "rate", data, "--judge", f"{server.url}/chat/completions", "--price-in", 0.5, "--sample", 5)
    assert RuleBook.load(Project.of(data).rule_book_path).judge == JudgeSettings(url=server.url, input_price=0.5)
    cache = RatingCache(Project.of(data).ratings_dir)
    ((judge_id, version),) = cache.judges()
    assert (judge_id, version) == (f"{server.url} judge-1", "expected-1")


def test_json_is_the_report_alone(run, data, server):
    code, out, _ = run("rules", "rate", data, "--judge", server.url, "--rules", "keep-short", "--sample", 6, "--retest", 0.5, "--json")
    report = json.loads(out)
    assert (code, report["sample"], report["calls_left"], report["run"]["calls"]) == (0, 6, 24, 9)
    assert [(rule["rule"], rule["rated"], rule["twice"]) for rule in report["rules"]] == [("keep-short", 6, 3)]
    assert report["rules"][0]["agreement"] == pytest.approx(1.0)


def test_replies_that_are_no_ratings_are_shown_harmlessly(run, data, server):
    code, out, _ = run("rules", "rate", data, "--judge", server.url, "--prompt", "paper", "--yes")
    assert code == 0
    assert "\x1b" not in out
    assert "Many replies were no rating, such as 'As an AI ␛[2J I cannot'" in " ".join(out.split())


def test_questions_without_answer_end_in_a_3_that_says_so(run, data, server):
    too_long = (413, {}, b"payload too large")
    server.answer = lambda body: too_long if "item 7 " in body["messages"][0]["content"] else scored(body)
    code, _, err = run("rules", "rate", data, "--judge", server.url, "--yes", "--retest", 0)
    assert code == 3
    assert "2 questions found no answer. Too long for the judge: payload too large" in err
    assert RuleBook.load(Project.of(data).rule_book_path).judge.url == server.url


def test_the_bound_on_the_cost_covers_sample_and_rest(run, data, server):
    code, out, _ = run(
        "rules", "rate", data, "--judge", server.url, "--sample", 5, "--retest", 0, "--yes", "--price-in", 1, "--max-cost", 0.009, "--concurrency", 1
    )
    assert code == 0
    assert 10 < len(server.requests) < 60
    assert len(server.requests) * 200 / 1e6 <= 0.009
    assert "before --max-cost" in " ".join(out.split())


def test_a_sample_that_cost_more_than_the_bound_leaves_nothing_for_the_rest(run, data, server):
    """A judge may count more tokens than were guessed of the questions that were under way together."""
    server.answer = lambda body: completion("0.5", tokens=(5_000, 1))
    code, out, err = run(
        "rules", "rate", data, "--judge", server.url, "--prompt", "paper", "--sample", 5, "--retest", 0, "--yes", "--price-in", 1,
        "--max-cost", 0.02, "--concurrency", 10,
    )  # fmt: skip
    assert (code, len(server.requests)) == (0, 10), err
    assert "before --max-cost" in " ".join(out.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--rules", "nonesuch"], "no plain rule 'nonesuch'"), (["--rules", ""], "no plain rule"), (["--max-cost", "5"], "needs a price"),
        (["--sample", "0"], "says nothing"), (["--judge", "nowhere/model"], "no model folder"), (["--judge", "ftp://h"], "no address of a server"),
        (["--api-key-env", "SDE_NO_SUCH_VARIABLE"], "no environment variable"), (["--concurrency", "1000"], "make no sense"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_before_anything_is_asked(run, data, server, arguments, said):
    code, out, err = run("rules", "rate", data, *(["--judge", server.url] if "--judge" not in arguments else []), *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert not server.requests


def test_without_judge_or_rules_the_way_out_is_named(run, data, write_jsonl, server):
    code, _, err = run("rules", "rate", data)
    assert code == 2 and "No judge is named" in err and "--judge http://" in err
    empty = write_jsonl([{"prompt": "a", "answer": "b"}], "empty.jsonl")
    code, _, err = run("rules", "rate", empty, "--judge", server.url)
    assert code == 2 and "no plain rule that is on" in err


def test_help_has_examples_and_fits(run):
    from sde_core.cli.rules_rate import FORM_NAMES
    from sde_core.rules.rating import FORMS

    assert tuple(FORMS) == FORM_NAMES
    code, out, _ = run("rules", "rate", "--help")
    assert code == 0 and "sde rules rate data.jsonl --judge http://127.0.0.1:8000/v1" in out
    assert max(map(len, out.splitlines())) <= 80


# ---- the job


def start(data, settings, params=None, **options):
    project = Project.of(data)
    return launch_rating("data.jsonl", rows(30), RULES, settings, params or RatingParams(5), jobs_dir=project.jobs_dir, ratings_dir=project.ratings_dir, **options)  # fmt: skip


def test_a_job_rates_a_sample_then_all_and_leaves_both_reports(data, server):
    job = start(data, JudgeSettings(url=server.url), RatingParams(5, everything=True, retest_share=0.2))
    status = job.wait(PATIENCE)
    assert (status.state, status.unit, status.message) == ("done", "calls", "Rated.")
    assert len(server.requests) == 60 + 2
    assert (sample_report(job).calls_left, latest_report(job).calls_left) == (50, 0)
    assert job.title == "2 rules rated by judge-1 on all rows of data.jsonl"
    assert [event["event"] for event in job.events()[0]] == ["start", "report", "report", "end"]
    assert not (job.folder / "texts.parquet").exists()


def test_a_job_is_stopped_and_resumed_and_asks_nothing_twice(data, server):
    def held_after_12(body):
        launched.wait(PATIENCE)
        if len(server.requests) > 12 and job[0].status().attempt == 1:
            job[0].stop()
            while job[0].status().active and not never.wait(0.02):
                pass
        return scored(body)

    job, launched, never = [], threading.Event(), threading.Event()
    server.answer = held_after_12
    job.append(start(data, JudgeSettings(url=server.url), RatingParams(5, everything=True, retest_share=0)))
    launched.set()
    assert job[0].wait(PATIENCE).state == "stopped"
    calls = RatingCache(Project.of(data).ratings_dir).usage(f"{server.url} judge-1", "expected-1").calls
    assert 0 < calls < 60
    before = len(server.requests)
    job[0].resume()
    assert job[0].wait(PATIENCE).state == "done"
    assert len(server.requests) - before == 60 - calls


def test_no_file_of_a_job_holds_the_key(data, server, monkeypatch, run):
    monkeypatch.setenv("SDE_TEST_KEY", KEY)
    server.answer = lambda body: (401, {}, json.dumps({"error": {"message": f"bad key {KEY}"}}).encode())
    code, out, _ = run("rules", "rate", data, "--judge", server.url, "--api-key-env", "SDE_TEST_KEY", "--detach", "--json")
    job = find_job(Project.of(data).jobs_dir, json.loads(out)["id"])
    status = job.wait(PATIENCE)
    assert (code, status.state) == (0, "failed")
    assert "bad key [key]" in status.message
    assert server.headers[-1]["authorization"] == f"Bearer {KEY}"
    written = [path for path in Project.of(data).state_dir.rglob("*") if path.is_file()]
    assert len(written) > 5
    assert not [path for path in written if KEY.encode() in path.read_bytes()]


def test_a_job_that_cannot_work_is_not_started(data, server, tmp_path):
    with pytest.raises(UsageError, match="needs a price"):
        start(data, JudgeSettings(url=server.url), RatingParams(5, max_cost=1.0))
    with pytest.raises(ModelError, match="no model folder"):
        start(data, JudgeSettings(folder=str(tmp_path / "none")))
    server.close()
    with pytest.raises(JobError, match="Nothing answers"):
        start(data, JudgeSettings(url=server.url))
    assert list_jobs(Project.of(data).jobs_dir) == []


def test_lost_questions_fail_the_job_which_can_be_resumed(data, server):
    server.answer = lambda body: (413, {}, b"too large") if "item 3 " in body["messages"][0]["content"] else scored(body)
    job = start(data, JudgeSettings(url=server.url), RatingParams(5, everything=True, retest_share=0))
    status = job.wait(PATIENCE)
    assert (status.state, status.message.startswith("2 questions found no answer.")) == ("failed", True)
    server.answer = scored
    job.resume()
    assert job.wait(PATIENCE).state == "done"
    assert latest_report(job).calls_left == 0


def test_ratings_go_into_the_matrix_of_the_book(data, server, run):
    from sde_core.rules.scoring import project_matrix

    run("rules", "rate", data, "--judge", server.url, "--yes")
    project = Project.of(data)
    matrix = project_matrix(rows(30).with_columns(label=pl.lit(None, pl.String)), project, RuleBook.load(project.rule_book_path))
    assert {"answers-it", "keep-short"} <= set(matrix.rules)
    assert matrix.ratings["answers-it"].rated == 30
