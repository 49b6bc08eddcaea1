"""A real server, `transformers serve` over the bundled base model, with a proxy in front that spoils what passes: started, asked and ended here."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter

import pytest

from sde_core.embedded import embedded_path
from sde_core.errors import ModelError, UsageError
from sde_core.progress import NEVER
from sde_core.rules import RuleBook
from sde_core.rules.generate import GenerationRequest, generate_rules
from sde_core.rules.rating import Question, RatingCache, RatingParams, prompt_form, rate
from sde_core.rules.rating.calls import Patience
from sde_core.rules.rating.endpoint import connect
from sde_core.rules.rating.local_model import LocalJudge
from tests.core.judge_server import FaultProxy, serving
from tests.core.rating_rows import ANSWERS_IT, rows

for package in ("torch", "transformers", "fastapi", "uvicorn", "openai"):
    pytest.importorskip(package)

MODEL = str(embedded_path("base_model"))
FAULTS_MET = ("500", "cut", "garbage", "429", "html", "drop")
PATIENCE = 150


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of a running server; its process is ended by its id."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("serve") / "log.txt"
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", MODEL, "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    quiet = {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=quiet, cwd=log.parent, start_new_session=True)
    try:
        deadline = time.monotonic() + PATIENCE
        while not answers(port):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-2000:]
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)


def answers(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def test_rating_by_a_real_server_through_faults(server, tmp_path):
    """All in one, so that the server is started once whichever process runs this."""
    replies_are_those_of_the_model(server)
    it_tells_no_probabilities_and_is_asked_for_numbers_through_faults(server, RatingCache(tmp_path / "ratings"))
    the_papers_prompt_is_rated_too(server, RatingCache(tmp_path / "ratings"))
    an_unknown_model_is_refused(server)
    rules_are_asked_for_and_none_can_be_read_from_what_the_small_model_says(server)


def replies_are_those_of_the_model(server):
    questions = [(n, Question(text, 6)) for n, text in enumerate(["Where is my parcel?", "Hello"])]
    remote = dict(connect(server, MODEL).answers(questions, cancel=NEVER))
    local = dict(LocalJudge(embedded_path("base_model")).answers(questions, cancel=NEVER))
    for place in remote:
        assert remote[place].text.strip() == local[place].text.strip() != ""
        assert (remote[place].tokens_in, remote[place].tokens_out) == (local[place].tokens_in, local[place].tokens_out)


def it_tells_no_probabilities_and_is_asked_for_numbers_through_faults(server, cache):
    texts, asked = rows(12), Counter()

    def at_first(n, prompt):
        asked[prompt] += 1
        place = next(place for place in range(11, -1, -1) if f"item {place} " in prompt)
        return FAULTS_MET[place] if asked[prompt] == 1 and place < len(FAULTS_MET) else ""

    with serving(FaultProxy(server, at_first)) as proxy:
        judge = connect(proxy.url, MODEL, concurrency=3, patience=Patience(attempts=4, timeout_s=60, first_backoff_s=0.001))
        params = RatingParams(sample=4, everything=True, retest_share=0)
        report = rate(judge, texts, [ANSWERS_IT], prompt_form("expected"), cache, params)
        assert (report.prompt_version, report.run.calls, report.run.lost, report.calls_left) == ("scale-1", 12, 0, 0)
        assert len(proxy.passed) == len(set(proxy.passed)) == 12
        assert Counter(fault for _, fault in proxy.seen if fault) == dict.fromkeys(FAULTS_MET, 1)
        assert rate(judge, texts, [ANSWERS_IT], prompt_form("expected"), cache, params).run.calls == 0
        assert len(proxy.seen) == 12 + len(FAULTS_MET)
        rule = report.rules[0]
        assert rule.rated + rule.unparseable == 12
        assert len(cache.unparsed_replies(judge.id, "scale-1")) == rule.unparseable > 0, "so small a model follows no instruction"
        assert report.tokens_in > 50


def the_papers_prompt_is_rated_too(server, cache):
    report = rate(connect(server, MODEL), rows(3), [ANSWERS_IT], prompt_form("paper"), cache, RatingParams(3, retest_share=1.0))
    assert (report.prompt_version, report.run.calls, report.run.lost) == ("paper-1", 6, 0)


def an_unknown_model_is_refused(server):
    with pytest.raises(ModelError, match=r"refuses the question \(400\).*pinned"):
        list(connect(server, "nonesuch").answers([(0, Question("Hello", 2))], cancel=NEVER))
    with pytest.raises(UsageError, match="Name it with --model"):
        connect(server)


def rules_are_asked_for_and_none_can_be_read_from_what_the_small_model_says(server):
    request = GenerationRequest("Answer customers of a shop.", count=1)
    with pytest.raises(ModelError, match="No rule could be read from the answer of") as refusal:
        generate_rules(connect(server, MODEL), request, RuleBook())
    assert "It begins: " in refusal.value.message and "by hand" in refusal.value.hint
