"""Real servers for tests of judges: one that answers by a function, and a proxy that spoils what passes through it.

Both listen on a port of their own on this machine and speak HTTP over sockets, as any other server does.
"""

from __future__ import annotations

import http.client
import json
import math
import threading
from collections.abc import Callable
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Reply = Callable[[dict], "tuple[int, dict, bytes]"]


def completion(text, probabilities=None, *, tokens=(11, 1), top=20):
    """A chat completion as OpenAI-style servers send it."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop", "logprobs": None}
    if probabilities is not None:
        likeliest = sorted(probabilities.items(), key=lambda item: -item[1])[:top]
        listed = [{"token": token, "logprob": math.log(chance) if chance > 0 else -9999.0, "bytes": None} for token, chance in likeliest]
        choice["logprobs"] = {"content": [{"token": listed[0]["token"], "logprob": listed[0]["logprob"], "top_logprobs": listed}]}
    body = {"id": "c1", "object": "chat.completion", "model": "m", "choices": [choice]}
    if tokens is not None:
        body["usage"] = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}
    return body


class JudgeServer:
    """Answers chat completions by a function from the request's body to (status, headers, body); remembers every request.

    Attributes:
        requests: Bodies of the questions, in the order in which they came.
        headers: Their headers.
        most_at_once: Questions that were under way together at the most.
        models: What it lists.
        models_answer: (status, headers, body) in place of that list.
        pages: By path, other JSON that it has.
    """

    def __init__(self, answer, models=("judge-1",)):
        self.answer, self.models = answer, list(models)
        self.requests, self.headers, self.lock = [], [], threading.Lock()
        self.at_once = self.most_at_once = 0
        self.models_answer, self.pages = None, {}
        self._http = _listen(self._handle)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    @property
    def prompts(self):
        """What the user said in each request."""
        return [body["messages"][0]["content"] for body in self.requests]

    def _handle(self, handler):
        if handler.command == "GET":
            if handler.path in self.pages:
                return _send(handler, 200, {}, json.dumps(self.pages[handler.path]).encode())
            if self.models_answer is not None:
                return _send(handler, *self.models_answer)
            listed = [model if isinstance(model, dict) else {"id": model, "object": "model"} for model in self.models]
            return _send(handler, 200, {}, json.dumps({"object": "list", "data": listed}).encode())
        body = json.loads(handler.rfile.read(int(handler.headers["content-length"])))
        with self.lock:
            self.requests.append(body)
            self.headers.append(dict(handler.headers))
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            answer = self.answer(body)
            status, headers, content = answer if isinstance(answer, tuple) else (200, {}, answer)
            _send(handler, status, headers, content if isinstance(content, bytes) else json.dumps(content).encode())
        finally:
            with self.lock:
                self.at_once -= 1

    def close(self):
        self._http.shutdown()
        self._http.server_close()


class FaultProxy:
    """Stands in front of a server; the n-th question (from 0) meets the fault that `fault(n, prompt)` names, "" for none.

    Attributes:
        seen: (prompt, fault) of every question.
        passed: Prompts whose answer was sent on whole.
    """

    def __init__(self, upstream, fault):
        self.upstream, self.fault = upstream, fault
        self.seen, self.passed, self.lock = [], [], threading.Lock()
        self.closing = threading.Event()
        self._http = _listen(self._handle)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def _handle(self, handler):
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        if handler.command == "GET":
            return _send(handler, *self._forwarded(handler, body))
        prompt = json.loads(body)["messages"][0]["content"]
        with self.lock:
            fault = self.fault(len(self.seen), prompt)
            self.seen.append((prompt, fault))
        if fault:
            return FAULTS[fault](self, handler, body)
        answer = self._forwarded(handler, body)
        with self.lock:
            self.passed.append(prompt)
        _send(handler, *answer)

    def _forwarded(self, handler, body):
        host, path = self.upstream.removeprefix("http://").removesuffix("/v1"), handler.path
        connection = http.client.HTTPConnection(host, timeout=60)
        try:
            connection.request(handler.command, path, body or None, {"content-type": "application/json"})
            answer = connection.getresponse()
            return answer.status, {}, answer.read()
        finally:
            connection.close()

    def close(self):
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()


def _stall(proxy, handler, body):
    proxy.closing.wait(20)
    handler.close_connection = True


def _drip(proxy, handler, body):
    """Sends a byte now and then, so that no single read takes long."""
    handler.send_response(200)
    handler.send_header("content-length", "1000")
    handler.end_headers()
    while not proxy.closing.wait(0.05):
        try:
            handler.wfile.write(b" ")
            handler.wfile.flush()
        except OSError:
            return


def _cut(proxy, handler, body):
    """Half of the answer, then nothing more."""
    _, _, content = proxy._forwarded(handler, body)
    handler.send_response(200)
    handler.send_header("content-length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])
    handler.close_connection = True


def _drop(proxy, handler, body):
    handler.close_connection = True


def _huge(proxy, handler, body):
    handler.send_response(200)
    handler.send_header("content-length", str(64 << 20))
    handler.end_headers()
    try:
        for _ in range(64):
            handler.wfile.write(b" " * (1 << 20))
    except OSError:
        handler.close_connection = True


def _sends(status, headers, content):
    return lambda proxy, handler, body: _send(handler, status, headers, content)


FAULTS = {
    "stall": _stall,
    "drip": _drip,
    "cut": _cut,
    "drop": _drop,
    "huge": _huge,
    "429": _sends(429, {"retry-after": "0"}, b'{"error": {"message": "slow down"}}'),
    "429-far": _sends(429, {"retry-after": "7200"}, b'{"error": {"message": "daily quota"}}'),
    "500": _sends(500, {}, b"Internal Server Error"),
    "502": _sends(502, {}, b"<html>Bad Gateway</html>"),
    "503": _sends(503, {}, b""),
    "garbage": _sends(200, {}, b'{"choices": [{"mess'),
    "bytes": _sends(200, {}, b"\x00\xff\xfe\x1b[2J" * 50),
    "html": _sends(200, {"content-type": "text/html"}, b"<!doctype html><h1>Log in</h1>"),
    "schema": _sends(200, {}, b'{"choices": [{"text": "0.5"}]}'),
    "list": _sends(200, {}, b"[1, 2, 3]"),
    "empty": _sends(200, {}, b""),
    "no-choice": _sends(200, {}, b'{"choices": []}'),
}
"""Faults that another attempt may not meet, but for "429-far"."""


@contextmanager
def serving(server):
    """Closes a server at the end."""
    try:
        yield server
    finally:
        server.close()


def _listen(handle):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self):
            handle(self)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    server = _QuietServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """Clients that leave early are what is tested."""


def _send(handler, status, headers, content):
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("content-length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)
