"""A server that sends a byte now and then is given up at the timeout, wherever it begins to."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import kinetoken
from dribble_server import PAUSE, dribbling
from fake_server import Handler, serving
from kinetoken.base.deadline_socket import Deadline
from kinetoken.base.errors import DownloadError, EngineError
from kinetoken.engines.remote import model
from kinetoken.engines.remote.http import ServerLink
from kinetoken.hub import hub_client
from kinetoken.hub.bundle_name import BundleName
from kinetoken.hub.download import Downloader

FRAME = "<m_0_1><m_1_2><m_2_3><m_3_4>"
GIVEN_UP = "gave no answer for 0.3 s; give it more with --engine-timeout"
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
WITHOUT_END = {
    "status": (b"", None),
    "headers": (JSON, None),
    "body": (JSON + b"Content-Length: 9000\r\n\r\n", None),
    "body until the end": (JSON + b"\r\n", None),
    "chunks": (JSON + b"Transfer-Encoding: chunked\r\n\r\n", itertools.repeat(b"1\r\n \r\n")),
    "continue": (b"", itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n")),
    "redirect": (b"HTTP/1.1 302 Found\r\nLocation: /\r\n", None),
}


@pytest.mark.parametrize("where", WITHOUT_END)
def test_an_answer_without_end_is_given_up(where: str) -> None:
    at_once, slowly = WITHOUT_END[where]
    with dribbling(at_once, slowly) as url, pytest.raises(EngineError, match=GIVEN_UP):
        ServerLink.open(url, 0.3).get("/v1/models")


def test_a_refusal_without_end_is_told_without_its_words() -> None:
    head = b"HTTP/1.1 500 Oh\r\nContent-Length: 9000\r\n\r\n"
    with dribbling(head) as url, pytest.raises(EngineError) as caught:
        ServerLink.open(url, 0.3).get("/v1/models")
    assert str(caught.value) == f"{url}/v1 failed (500): see its log"


def _events(pieces: Iterable[bytes]) -> Any:
    def reply(handler: Handler, _: dict[str, Any]) -> None:
        handler.begin()
        handler.choice(text=f"<move>{FRAME * 3}")
        for piece in pieces:
            handler.wfile.write(piece)
            handler.wfile.flush()
            time.sleep(PAUSE)

    return reply


@pytest.mark.parametrize("piece", [b"a", b": ping\n\n", b"data: {}"])
def test_an_event_without_end_is_given_up_and_the_motion_is_kept(tiny: Path, piece: bytes) -> None:
    with serving(_events([b"data: ", *[piece] * 1000])) as fake:
        generator = kinetoken.load(tiny, threads=1, engine=fake.url, engine_timeout=0.3)
        generation = generator.stream("x", min_block_code_frames=1)
        with pytest.raises(EngineError):
            for _ in generation:
                pass
    assert len(generation.clip()) == 12


@pytest.mark.parametrize("at_once", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n"])
def test_a_hub_that_dribbles_is_given_up(at_once: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_client, "SILENCE_SECONDS", 0.3)
    with dribbling(at_once) as url:
        hub = hub_client.HubClient(url, waits=(0.0,))
        downloader = Downloader(hub, BundleName.parse("hf:some/walker"))
        with pytest.raises(DownloadError, match=r"no answer for 0\.3 s"):
            downloader.read("bundle.json", 1 << 20)


def test_a_deadline_counts_from_what_came_last() -> None:
    deadline = Deadline(0.2)
    assert 0 < deadline.left() <= 0.2
    time.sleep(0.25)
    with pytest.raises(TimeoutError):
        deadline.left()
    deadline.renew()
    assert deadline.left() > 0


def test_an_event_of_endless_lines_is_given_up(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "LONGEST_REPLY_LINE", 1 << 12)
    with serving(_events([b"data: " + b"x" * 100 + b"\n"] * 100)) as fake:
        generation = kinetoken.load(tiny, threads=1, engine=fake.url).stream("x")
        with pytest.raises(EngineError, match="writes what is no completion"):
            for _ in generation:
                pass
