"""A judge behind an address: faults in between, refusals, keys that stay secret, many questions at once, and death by kill -9."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from sde_core.errors import CancelledError, JobError, ModelError, UsageError
from sde_core.progress import NEVER
from sde_core.rules.rating import Question, RatingCache, RatingParams, prompt_form, rate
from sde_core.rules.rating.calls import Patience
from sde_core.rules.rating.credentials import read_key
from sde_core.rules.rating.endpoint import base_address, connect
from tests.core.judge_server import FAULTS, FaultProxy, JudgeServer, completion, serving
from tests.core.rating_rows import ANSWERS_IT, RULES, place_of, rows, sharp

ROOT = Path(__file__).resolve().parents[2]
PAPER, FORM = prompt_form("paper"), prompt_form("expected")
ALL = RatingParams(sample=4, everything=True, retest_share=0)
QUICK = Patience(attempts=4, timeout_s=60, first_backoff_s=0.001)
IMPATIENT = Patience(attempts=4, timeout_s=2, first_backoff_s=0.001)
"""For servers that never answer; on a busy machine those that do must not seem to be of them."""
KEY = "sk-secret-0123456789"
FAR = "429-far"


def scored(body):
    """A fixed score by the text, with probabilities where they are asked for."""
    prompt = body["messages"][0]["content"]
    if "=== example" in prompt:
        place = place_of(prompt)
        return completion(str(place), sharp(place) if body.get("logprobs") else None)
    return completion(f"0.{int(prompt.rsplit('within ', 1)[1].split()[0]) % 10}")


@pytest.fixture
def server():
    with serving(JudgeServer(scored)) as server:
        yield server


@pytest.fixture
def cache(tmp_path):
    return RatingCache(tmp_path / "ratings")


def ask(url, count=1, **options):
    judge = connect(url, patience=options.pop("patience", QUICK), **options)
    return dict(judge.answers([(n, Question(f"within {n} days", 8)) for n in range(count)], cancel=NEVER))


# ---- what is asked


def test_a_question_is_an_openai_style_request(server, cache):
    rate(connect(server.url, key=KEY), rows(1), [ANSWERS_IT], FORM, cache, ALL)
    (body,), (headers,) = server.requests, server.headers
    assert (body["model"], body["max_tokens"], body["temperature"], body["logprobs"], body["top_logprobs"]) == ("judge-1", 3, 0.0, True, 20)
    assert [message["role"] for message in body["messages"]] == ["user"]
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["accept-encoding"] == "identity"
    ask(server.url)
    assert "authorization" not in server.headers[-1]


def test_probabilities_become_scores(server, cache):
    texts = rows(9)
    report = rate(connect(server.url), texts, RULES, FORM, cache, ALL)
    assert (report.prompt_version, report.run.calls, report.run.lost) == ("expected-1", 18, 0)
    judge_id = connect(server.url).id
    for rule in RULES:
        scores = cache.column(rule, judge_id, "expected-1", texts).scores
        assert {round(float(score), 4) for score in scores} <= {round((0.96 * p + 0.01 * (15 - p) - 1) / 4, 4) for p in range(1, 6)}


def test_questions_are_under_way_together_and_no_more_than_allowed(server):
    barrier = threading.Barrier(5, timeout=30)

    def together(body):
        barrier.wait()
        return completion("1")

    server.answer = together
    assert len(ask(server.url, 20, concurrency=5, patience=Patience())) == 20
    assert server.most_at_once == 5


def test_questions_that_are_refused_together_teach_one_lesson(server):
    barrier = threading.Barrier(5, timeout=30)

    def five_at_most(body):
        if body.get("top_logprobs", 0) > 5:
            barrier.wait()
            return 400, {}, b'{"error": {"message": "top_logprobs must be at most 5"}}'
        return completion("3", sharp(3) if body.get("logprobs") else None, top=5)

    server.answer = five_at_most
    judge = connect(server.url, concurrency=5, patience=QUICK)
    answers = judge.answers([(n, Question(f"within {n} days", 3, ("1", "2", "3", "4", "5"))) for n in range(5)], cancel=NEVER)
    assert all(answer.probabilities is not None for _, answer in answers)
    assert {body.get("top_logprobs") for body in server.requests} == {20, 5}


# ---- faults


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - {FAR}))
def test_a_fault_in_between_loses_and_doubles_no_rating(server, cache, fault):
    texts, asked = rows(9), Counter()

    def three_rows_at_first(n, prompt):
        asked[prompt] += 1
        return fault if asked[prompt] == 1 and any(f"item {place} " in prompt for place in (0, 4, 8)) else ""

    with serving(FaultProxy(server.url, three_rows_at_first)) as proxy:
        judge = connect(proxy.url, patience=IMPATIENT if fault in ("stall", "drip") else QUICK, concurrency=3)
        report = rate(judge, texts, [ANSWERS_IT], PAPER, cache, ALL)
        assert (report.run.calls, report.run.lost, report.calls_left, report.rules[0].unparseable) == (9, 0, 0, 0)
        assert len(proxy.passed) == len(set(proxy.passed)) == 9
        assert [fault for _, fault in proxy.seen].count(fault) == 3
        assert cache.column(ANSWERS_IT, judge.id, "paper-1", texts).scores.tolist() == pytest.approx([n / 10 for n in range(9)])


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - {FAR, "stall", "drip"}))
def test_a_row_that_never_gets_through_is_lost_alone(server, cache, fault):
    with serving(FaultProxy(server.url, lambda n, prompt: fault if "item 4 " in prompt else "")) as proxy:
        report = rate(connect(proxy.url, patience=QUICK), rows(9), [ANSWERS_IT], PAPER, cache, ALL)
        assert (report.run.calls, report.run.lost, report.calls_left) == (8, 1, 1)
        assert report.run.problem.startswith("No reply after 4 attempts: ")
        assert [fault for _, fault in proxy.seen].count(fault) == 4
        proxy.fault = lambda n, prompt: ""
        report = rate(connect(proxy.url, patience=QUICK), rows(9), [ANSWERS_IT], PAPER, cache, ALL)
        assert (report.run.calls, report.run.lost, report.calls_left) == (1, 0, 0)


def test_a_server_that_is_gone_ends_the_run_which_goes_on_later(server, cache):
    with serving(FaultProxy(server.url, lambda n, prompt: "drop" if n >= 5 else "")) as proxy:
        with pytest.raises(JobError, match=r"stopped answering: 10 questions in a row found no reply.*same command goes on"):
            rate(connect(proxy.url, patience=QUICK, concurrency=2), rows(40), [ANSWERS_IT], PAPER, cache, ALL)
        proxy.fault = lambda n, prompt: ""
        report = rate(connect(proxy.url, patience=QUICK, concurrency=2), rows(40), [ANSWERS_IT], PAPER, cache, ALL)
        assert (report.run.calls, report.calls_left) == (35, 0)
        assert len(proxy.passed) == len(set(proxy.passed)) == 40


def test_a_server_that_asks_to_wait_for_hours_ends_the_run(server):
    with serving(FaultProxy(server.url, lambda n, prompt: FAR)) as proxy, pytest.raises(JobError, match=r"asks to wait for 2 h.*daily quota"):
        ask(proxy.url)


def test_waits_grow_are_jittered_by_the_seed_and_follow_retry_after(server, monkeypatch):
    waits, real = [], asyncio.sleep

    async def recorded(seconds, *_):
        waits.append(seconds)
        await real(0)

    monkeypatch.setattr("sde_core.rules.rating.calls.asyncio.sleep", recorded)
    server.answer = lambda body: (503, {}, b"")
    found = []
    for seed in (0, 0, 1):
        waits.clear()
        ask(server.url, patience=Patience(attempts=5, first_backoff_s=2.0, seed=seed))
        found.append([wait for wait in waits if wait])
    assert found[0] == found[1] != found[2]
    assert [0.5 <= wait / longest <= 1 for wait, longest in zip(found[0], (2, 4, 8, 16), strict=True)] == [True] * 4
    waits.clear()
    server.answer = lambda body: (429, {"retry-after": "300"}, b"")
    ask(server.url, patience=Patience(attempts=2, first_backoff_s=0.001))
    assert 299 < max(waits) <= 300


def test_an_account_that_is_used_up_is_not_asked_again(server):
    error = b'{"error": {"message": "You exceeded your current quota.", "type": "insufficient_quota", "code": "insufficient_quota"}}'
    server.answer = lambda body: (429, {"retry-after": "1"}, error)
    with pytest.raises(JobError, match=r"the account is used up.*exceeded your current quota"):
        ask(server.url)
    assert len(server.requests) == 1


def test_stopping_does_not_wait_for_replies(server):
    stop = threading.Event()

    def stalled(n, prompt):
        stop.set()
        return "stall"

    with serving(FaultProxy(server.url, stalled)) as proxy:
        judge = connect(proxy.url, patience=Patience(timeout_s=300))
        with pytest.raises(CancelledError):
            list(judge.answers([(n, Question("x", 1)) for n in range(50)], cancel=stop))
        assert len(proxy.seen) <= 8
        assert not proxy.passed


# ---- refusals


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, b'{"error": {"message": "Incorrect API key provided: sk-secret-0123456789"}}', r"refuses the key \(401\).*provided: \[key\].*--api-key-env"),
        (403, b"", r"refuses the key \(403\)"),
        (404, b'{"error": "no such model"}', r"does not know the model 'judge-1' \(404\).*no such model.*It has: judge-1\. Choose with --model"),
        (400, b'{"detail": "Server is pinned"}', r"refuses the question \(400\).*Server is pinned"),
        (418, b"\x1b[2Jteapot", r"refuses the question \(418\).*␛\[2Jteapot"),
    ],
)  # fmt: skip
def test_a_refusal_that_all_questions_would_meet_ends_at_once(server, status, body, said):
    server.answer = lambda _: (status, {}, body)
    with pytest.raises(ModelError) as raised:
        ask(server.url, 100, key=KEY, concurrency=2)
    assert len(server.requests) <= 2
    import re

    assert re.search(said, str(raised.value))
    assert KEY not in str(raised.value)


def test_a_missing_key_is_asked_for(server):
    server.models_answer = (401, {}, b"no")
    with pytest.raises(ModelError, match=r"asks for a key \(401\).*--api-key-env"):
        connect(server.url)


def test_a_redirect_is_not_followed(server):
    with serving(JudgeServer(lambda _: (307, {"location": f"{server.url}/chat/completions"}, b""))) as elsewhere:
        with pytest.raises(ModelError, match=rf"sends elsewhere, to {server.url}"):
            ask(elsewhere.url, key=KEY)
        elsewhere.models_answer = (302, {"location": f"{server.url}/models"}, b"")
        with pytest.raises(ModelError, match="sends elsewhere"):
            connect(elsewhere.url, key=KEY)
    assert not server.requests


def test_a_row_that_is_too_long_is_lost_alone(server, cache):
    too_long = (400, {}, b'{"error": {"message": "This model\'s maximum context length is 20 tokens"}}')
    server.answer = lambda body: too_long if "item 2 " in body["messages"][0]["content"] else scored(body)
    report = rate(connect(server.url), rows(5), [ANSWERS_IT], PAPER, cache, ALL)
    assert (report.run.calls, report.run.lost, len(server.requests)) == (4, 1, 5)
    assert report.run.problem.startswith("Too long for the judge: This model's maximum context length")


def test_a_field_that_a_server_does_not_take_is_left_out(server, cache):
    def picky(body):
        if "max_tokens" in body:
            return 400, {}, b'{"error": {"message": "Use \'max_completion_tokens\' instead of max_tokens."}}'
        return (422, {}, b'{"detail": "temperature is not supported"}') if "temperature" in body else scored(body)

    server.answer = picky
    report = rate(connect(server.url, patience=Patience(attempts=1)), rows(30), [ANSWERS_IT], FORM, cache, ALL)
    assert (report.run.calls, report.run.lost, report.prompt_version) == (30, 0, "expected-1")
    assert len(server.requests) < 60


def test_a_server_that_refuses_probabilities_is_asked_for_numbers(server, cache):
    server.answer = lambda body: (400, {}, b"logprobs not supported") if "logprobs" in body else scored(body)
    report = rate(connect(server.url), rows(5), [ANSWERS_IT], FORM, cache, ALL)
    assert (report.run.calls, report.prompt_version) == (5, "scale-1")


# ---- addresses, models, keys


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://h:8000", "http://h:8000/v1"), ("http://h:8000/", "http://h:8000/v1"), ("https://h/v1/", "https://h/v1"), ("http://h/v1/chat/completions", "http://h/v1"),
        ("http://h/v1/models", "http://h/v1"), (" http://[::1]:80/openai ", "http://[::1]:80/openai"),
    ],
)  # fmt: skip
def test_an_address_is_completed(url, address):
    assert base_address(url) == address


@pytest.mark.parametrize(
    "url", ["localhost:8000", "ftp://h/v1", "http://", "", "http://user:sk-1@h/v1", "http://sk-1@h/v1", "http://h/v1?key=sk-1", "http://h/v1#sk-1"]
)
def test_an_address_without_sense_or_with_a_secret_is_refused(url):
    with pytest.raises(UsageError) as raised:
        base_address(url)
    assert "sk-1" not in str(raised.value)


def test_the_only_model_is_taken_and_one_of_several_must_be_chosen(server):
    assert connect(server.url).name == "judge-1"
    server.models = ["a", "b\x1b[2J"]
    with pytest.raises(UsageError, match=r"has 2 models.*--model: a, b␛\[2J"):
        connect(server.url)
    assert connect(server.url, "b").name == "b"
    server.models_answer = (500, {}, b"Internal Server Error")
    with pytest.raises(UsageError, match=r"does not tell its models.*--model"):
        connect(server.url)
    assert connect(server.url, "any").name == "any"


def test_an_id_names_address_model_and_weights(server):
    server.models = [{"id": "m", "root": "org/m", "meta": {"n_params": 7, "size": 9, "name": "x"}}, {"id": "n", "root": "n"}]
    assert connect(server.url, "m", key=KEY).id == f"{server.url} m root=org/m n_params=7 size=9"
    assert connect(server.url, "n").id == f"{server.url} n"
    assert KEY not in repr(connect(server.url, "m", key=KEY))


def test_a_tag_that_is_moved_to_other_weights_is_another_judge(server):
    server.models = [{"id": "llama3:latest", "owned_by": "library"}, {"id": "other:1b", "owned_by": "library"}]
    server.pages["/api/tags"] = {
        "models": [{"name": "llama3:latest", "digest": "365c0bd3c000a25d28ddbf732fe1c6add414de7275464c4e4d1c3b5fcb5d8ad1"}, 3]
    }
    assert connect(server.url, "llama3:latest").id == f"{server.url} llama3:latest digest=365c0bd3c000a25d"
    assert connect(server.url, "other:1b").id == f"{server.url} other:1b"
    server.pages["/api/tags"] = "none"
    assert connect(server.url, "llama3:latest").id == f"{server.url} llama3:latest"


def test_nobody_there_is_said_at_once():
    with serving(JudgeServer(scored)) as gone:
        url = gone.url
    with pytest.raises(JobError, match=rf"Nothing answers at {url}.*Is the server running"):
        connect(url)


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert ask(server.url)[0].text == "0.0"


def test_keys_come_from_where_they_are_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", f" {KEY}\n")
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    assert read_key("JUDGE_KEY") == read_key(file=file) == KEY
    assert read_key() == ""


@pytest.mark.parametrize("content", ["", "two words", "line\nline", "schlüssel", "x" * 5000, "a\x00b"])
def test_what_is_no_key_is_refused_without_being_shown(tmp_path, monkeypatch, content):
    file = tmp_path / "key"
    file.write_text(content)
    with pytest.raises(UsageError) as raised:
        read_key(file=file)
    assert "holds no key" in str(raised.value)
    assert not content or content not in str(raised.value)


def test_a_key_in_place_of_its_variables_name_is_not_repeated():
    with pytest.raises(UsageError, match="no environment variable of the given name") as raised:
        read_key(KEY)
    assert KEY[:8] not in str(raised.value)
    with pytest.raises(UsageError, match="no environment variable 'SDE_NO_SUCH_VARIABLE'"):
        read_key("SDE_NO_SUCH_VARIABLE")


def test_no_log_holds_the_key(server, cache, caplog):
    with caplog.at_level(logging.DEBUG):
        rate(connect(server.url, key=KEY), rows(3), [ANSWERS_IT], FORM, cache, ALL)
    assert caplog.records
    assert KEY not in caplog.text
    assert not [path for path in cache.folder.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


# ---- death


def test_kill_9_costs_at_most_the_questions_under_way(server, cache, tmp_path):
    texts = rows(40)
    texts.write_parquet(tmp_path / "texts.parquet")
    held = {"from": 10}
    with serving(FaultProxy(server.url, lambda n, prompt: "stall" if n >= held["from"] else "")) as proxy:
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.core.rating_child", proxy.url, str(tmp_path / "texts.parquet"), str(cache.folder)], cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True,
        )  # fmt: skip
        wait_until(lambda: len(proxy.seen) == 14 or child.poll() is not None)
        child.send_signal(signal.SIGKILL)
        child.wait(30)
        judge = connect(proxy.url, patience=QUICK, concurrency=4)
        assert cache.usage(judge.id, "paper-1").calls == 10
        held["from"] = 1000
        report = rate(judge, texts, [ANSWERS_IT], PAPER, cache, ALL)
        assert (report.run.calls, report.calls_left) == (30, 0)
        assert len(proxy.passed) == len(set(proxy.passed)) == 40
        assert len(proxy.seen) == 44


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)
