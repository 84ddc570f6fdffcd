"""A server with OpenAI's completions that says what a test tells it to, on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from kinetoken.engines.tokenizer import HfTokenizer

Reply = Callable[["Handler", dict[str, Any]], None]
OWNERS = {"llama-server": "llamacpp", "llama-cpp-python": "me", "vllm": "vllm", "openai": "system"}


@dataclass
class FakeServer:
    """What was asked, and what is to be answered."""

    tokenizer: HfTokenizer | None
    """Answers at the paths that tell token ids; None: there are no such paths."""
    owner: str
    reply: Reply
    models: list[dict[str, Any]] = field(default_factory=list)
    entry: dict[str, Any] = field(default_factory=dict)
    """More of what the list of models says."""
    asked: list[dict[str, Any]] = field(default_factory=list)
    """Bodies of the completions."""
    headers: list[dict[str, str]] = field(default_factory=list)
    hidden: bool = False
    """Whether motion tokens are left out of text."""
    url: str = ""

    def listed(self) -> list[dict[str, Any]]:
        return self.models or [{"id": "some/model", "owned_by": self.owner, **self.entry}]


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    fake: FakeServer

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self.say_json({"object": "list", "data": self.fake.listed()})
        else:
            self.say_json({"error": {"message": "no such path"}}, 404)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fake, tokenizer = self.fake, self.fake.tokenizer
        if self.path == "/v1/completions":
            fake.asked.append(body)
            fake.headers.append(dict(self.headers))
            fake.reply(self, body)
        elif tokenizer is None:
            self.say_json({"error": {"message": "no such path"}}, 404)
        elif self.path == "/extras/detokenize":
            self.say_json({"text": "" if fake.hidden else tokenizer.decode(body["tokens"])})
        else:
            text = body.get("content") or body.get("prompt") or body["input"]
            self.say_json({"tokens": tokenizer.encode_template(text)})

    def say_json(self, value: Any, status: int = 200, **headers: str) -> None:
        self.say(json.dumps(value).encode(), "application/json", status, **headers)

    def say(self, data: bytes, kind: str, status: int = 200, **headers: str) -> None:
        """A whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def begin(self) -> None:
        """A stream of events, which ends with the connection."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Connection", "close")
        self.end_headers()

    def event(self, data: bytes) -> None:
        self.wfile.write(b"data: " + data + b"\n\n")
        self.wfile.flush()

    def choice(self, reason: str | None = None, **said: Any) -> None:
        """An event with one choice."""
        self.event(
            json.dumps({"choices": [{"index": 0, "finish_reason": reason, **said}]}).encode()
        )

    def end(self, reason: str = "stop") -> None:
        self.choice(reason, text="")
        self.event(b"[DONE]")


def texts(*pieces: str, reason: str = "stop") -> Reply:
    """Answers with these pieces of text."""

    def reply(handler: Handler, _: dict[str, Any]) -> None:
        handler.begin()
        for piece in pieces:
            handler.choice(text=piece)
        handler.end(reason)

    return reply


def tokens(tokenizer: HfTokenizer, kind: str, ids: Iterable[int], reason: str = "stop") -> Reply:
    """Answers with these tokens as that kind of server tells them: motion tokens hidden in the text where it may be so."""

    def reply(handler: Handler, _: dict[str, Any]) -> None:
        handler.begin()
        for token in ids:
            text = tokenizer.decode([token])
            if kind == "llama-server":
                shown = "" if text.startswith("<") else text
                handler.choice(text=shown, logprobs={"content": [{"id": token, "token": shown}]})
            elif kind == "vllm":
                handler.choice(text=text, token_ids=[token])
            else:
                handler.choice(text=text)
        handler.end(reason)

    return reply


class Quiet(ThreadingHTTPServer):
    """Clients that hang up are what some tests are about."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Not a word."""


@contextmanager
def serving(
    reply: Reply, kind: str = "openai", tokenizer: HfTokenizer | None = None
) -> Iterator[FakeServer]:
    """A server under way, of a kind that it tells by the owner of its models."""
    fake = FakeServer(tokenizer, OWNERS[kind], reply)
    server = Quiet(("127.0.0.1", 0), type("Bound", (Handler,), {"fake": fake}))
    fake.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
