"""Rating from the app: a job that a screen starts, follows, stops and resumes."""

from __future__ import annotations

import threading

import pytest

from sde_core.jobs import Job
from sde_core.project import Project
from sde_core.rules.judge_settings import JudgeSettings
from sde_core.rules.rating import RatingCache, RatingParams
from tests.core.judge_server import JudgeServer, completion, serving
from tests.core.rating_rows import RULES, place_of, sharp


def scored(body):
    place = place_of(body["messages"][0]["content"])
    return completion(str(place), sharp(place))


@pytest.fixture
def server():
    with serving(JudgeServer(scored)) as server:
        yield server


async def test_a_sample_is_rated_and_its_report_is_there(open_app, dataset_file, server):
    async with open_app(dataset_file) as sde:
        rating, heard = sde.session.rating, []
        sde.session.signals.rules.subscribe(sde.app, heard.append)
        assert (rating.progress, rating.sample_report, rating.running) == ("", None, False)
        assert rating.why_not_start(RULES, JudgeSettings()).startswith("No judge is named")
        assert rating.why_not_start((), JudgeSettings(url=server.url)) == "There is no plain rule to rate by."
        assert rating.why_not_start(RULES, JudgeSettings(url=server.url)) == ""
        rating.start(RULES, JudgeSettings(url=server.url), RatingParams(sample=3, retest_share=0))
        await sde.settle()
        assert rating.job is not None and rating.job.kind == "rate"
        await sde.until(lambda: rating.sample_report is not None and not rating.running)
        assert rating.progress == "Rated."
        assert rating.sample_report.run.calls == len(server.requests) == 6
        assert [rule.rated for rule in rating.sample_report.rules] == [3, 3]
        assert "rated" in heard
        assert RatingCache(Project.of(dataset_file).ratings_dir).judges() == ((f"{server.url} judge-1", "expected-1"),)


async def test_it_is_stopped_and_goes_on_where_it_was(open_app, dataset_file, server):
    stopped, never = [], threading.Event()

    def held(body):
        if len(server.requests) > 4 and not stopped:
            while Job(job_folder()).status().active and not never.wait(0.02):
                pass
        return scored(body)

    def job_folder():
        return next((Project.of(dataset_file).jobs_dir).iterdir())

    server.answer = held
    async with open_app(dataset_file) as sde:
        rating = sde.session.rating
        rating.start(RULES, JudgeSettings(url=server.url), RatingParams(sample=20, everything=True, retest_share=0))
        await sde.settle()
        await sde.until(lambda: len(server.requests) > 4)
        assert rating.running and rating.why_not_start(RULES, JudgeSettings(url=server.url)) == "A judge is at work already."
        rating.stop()
        await sde.until(lambda: not rating.running)
        stopped.append(True)
        assert rating.progress.endswith("(stopped)")
        before = RatingCache(Project.of(dataset_file).ratings_dir).usage(f"{server.url} judge-1", "expected-1").calls
        rating.resume()
        await sde.until(lambda: rating.job.state == "done")
        assert rating.sample_report.calls_left == 0
        assert rating.sample_report.run.calls + before <= len(server.requests)


async def test_a_judge_that_is_not_there_is_said_and_starts_nothing(open_app, dataset_file, server):
    server.close()
    async with open_app(dataset_file) as sde:
        sde.session.rating.start(RULES, JudgeSettings(url=server.url), RatingParams())
        await sde.until(lambda: "Nothing answers" in sde.flashed)
        assert not sde.session.rating.running
        assert sde.session.rating.job is None
