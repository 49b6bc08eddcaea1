"""What a judge's client costs: questions a second, and CPU seconds a thousand of them, beside a bare loop of the same HTTP library.

    python benchmarks/rating.py [--questions 4000] [--concurrency 8 64]

A server in a process of its own answers at once, so that all CPU time counted is the client's. "bare" sends the same bodies by httpx2 and reads the
replies; "answers" is the judge alone; "rate" plans, asks, reads the score and keeps every rating on disk.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import httpx2
import polars as pl

from sde_core.progress import NEVER
from sde_core.rules.plain_rule import plain_rule
from sde_core.rules.rating import RatingCache, RatingParams, prompt_form, rate
from sde_core.rules.rating.endpoint import connect
from sde_core.rules.rating.prompts import Example
from sde_core.rules.rating.replies import Dialect

RULE = plain_rule("answers-it", "Answer every part of the question.")
FORM = prompt_form("expected")
ALL = RatingParams(100, everything=True, retest_share=0)
TOP = [{"token": str(n), "logprob": -0.1 * n - 1} for n in range(1, 6)] + [{"token": f"x{n}", "logprob": -9.0} for n in range(15)]
REPLY = json.dumps(
    {
        "id": "c", "object": "chat.completion", "model": "null", "usage": {"prompt_tokens": 200, "completion_tokens": 1},
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "4"},
                     "logprobs": {"content": [{"token": "4", "logprob": -0.5, "top_logprobs": TOP}]}}],
    }
).encode()  # fmt: skip
MODELS = json.dumps({"data": [{"id": "null"}]}).encode()


class Null(asyncio.Protocol):
    """Answers each request with the same bytes."""

    def connection_made(self, transport):
        self.transport, self.buffer = transport, b""

    def data_received(self, data):
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            body = MODELS if head.startswith(b"get") else REPLY
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))


def serve(ports):
    async def run():
        server = await asyncio.get_running_loop().create_server(Null, "127.0.0.1", 0)
        ports.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def rows(count):
    words = "Please send the parcel back within thirty days and keep the receipt, since we can refund only what was paid. " * 4
    return pl.DataFrame(
        {
            "row": range(count),
            "system": [""] * count,
            "prompt": [f"How do I return item {n}?" for n in range(count)],
            "answer": [f"{n}: {words}" for n in range(count)],
        }
    )


def questions(texts):
    return [FORM.question(RULE, Example("", prompt, answer)) for prompt, answer in zip(texts["prompt"], texts["answer"], strict=True)]


def bare(url, asked, concurrency):
    """The same bodies over as many connections, nothing else."""
    dialect, place = Dialect(), iter(asked)

    async def work(client):
        for question in place:
            answer = await client.post(
                f"{url}/chat/completions", content=dialect.body("null", question), headers={"content-type": "application/json"}
            )
            answer.json()

    async def run():
        limits = httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
        async with httpx2.AsyncClient(limits=limits) as client:
            await asyncio.gather(*(work(client) for _ in range(concurrency)))

    asyncio.run(run())


def measured(work):
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    work()
    after, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter() - began
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--questions", type=int, default=4000)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[8, 64])
    options = parser.parse_args()
    ports = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(ports,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{ports.get()}/v1"
    texts = rows(options.questions)
    asked = questions(texts)
    print(f"{'':<10} {'at once':>7} {'CPU s/1000':>10} {'per second':>10} {'CPU ratio':>9}")
    for concurrency in options.concurrency:
        with tempfile.TemporaryDirectory() as folder:
            works = {
                "bare": lambda at_once=concurrency: bare(url, asked, at_once),
                "answers": lambda at_once=concurrency: list(connect(url, concurrency=at_once).answers(list(enumerate(asked)), cancel=NEVER)),
                "rate": lambda at_once=concurrency, home=folder: rate(
                    connect(url, concurrency=at_once), texts, [RULE], FORM, RatingCache(Path(home)), ALL
                ),
            }  # fmt: skip
            base = 0.0
            for name, work in works.items():
                cpu, wall = measured(work)
                base = base or cpu
                print(f"{name:<10} {concurrency:>7} {1000 * cpu / len(asked):>10.3f} {len(asked) / wall:>10,.0f} {cpu / base:>9.2f}", flush=True)
    server.kill()


if __name__ == "__main__":
    main()
