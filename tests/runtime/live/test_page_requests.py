"""Requests of pages over real sockets: limits of rate and size, answers to one page, files, and pages that only watch."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Iterator

import pytest

from kinetoken.live.messages import FileAsked, PageAsked, PageFile, PageNews, PageRequest
from kinetoken.live.settings import LiveSettings

pytest.importorskip("websockets", reason="websockets is not installed: pip install '.[live]'")
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from kinetoken.live.browser.page_requests import (
    BURST,
    LARGEST_REQUEST,
    MOST_REFUSED,
    PageInbox,
    RateLimit,
)
from kinetoken.live.browser.page_server import PageTarget
from kinetoken.live.target import PromptTarget


@pytest.fixture
def target() -> Iterator[PageTarget]:
    made = PageTarget(LiveSettings(ws=0, prompting={"levels": 4}))
    yield made
    made.close()


def stream(target: PageTarget) -> str:
    return target.url.replace("http", "ws") + "stream"


def text_of(client: ClientConnection) -> dict[str, object]:
    found: dict[str, object] = json.loads(client.recv(10))
    return found


def taken(target: PageTarget, count: int) -> list[PageRequest]:
    out: list[PageRequest] = []
    end = time.monotonic() + 10
    while len(out) < count and time.monotonic() < end:
        out += target.taken()
        time.sleep(0.005)
    return out


def get(target: PageTarget, path: str) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=20)
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())


def _hear_for_ever(client: ClientConnection, lines: list[str]) -> None:
    while True:
        lines.append(str(text_of(client)["refused"]))


def test_each_address_has_a_bucket() -> None:
    now = 0.0
    limit = RateLimit(lambda: now)
    assert [limit.allows("a") for _ in range(BURST + 2)] == [True] * BURST + [False, False]
    assert limit.allows("b")
    now = 0.7
    assert [limit.allows("a") for _ in range(2)] == [True, False]
    for number in range(3000):
        limit.allows(f"host {number}")
    assert len(limit._left) <= 1024


def test_the_inbox_is_bounded_and_takes_text_alone() -> None:
    class Free(RateLimit):
        def allows(self, address: str) -> bool:
            return True

    inbox = PageInbox(Free())
    assert "binary" in str(inbox.ask(1, "a", b"\0"))
    refusals = [inbox.ask(1, "a", "x") for _ in range(100)]
    assert refusals.count(None) == 64
    assert len(inbox.taken()) == 64
    assert inbox.ask(1, "a", "x") is None


def test_a_page_asks_and_is_answered_alone_and_late_pages_know_what_lasts(
    target: PageTarget,
) -> None:
    assert isinstance(target, PromptTarget)
    with connect(stream(target)) as first, connect(stream(target)) as second:
        assert text_of(first)["prompting"] == {"levels": 4}
        text_of(second)
        first.send('{"ask": "wave"}')
        (asked,) = taken(target, 1)
        assert isinstance(asked, PageAsked)
        assert asked.text == '{"ask": "wave"}'
        target.tell(PageNews({"refused": "no"}, client=asked.client))
        target.tell(PageNews({"turn": {"id": 1}}, lasting={"history": [{"id": 1}]}))
        assert [text_of(first), text_of(first)] == [{"refused": "no"}, {"turn": {"id": 1}}]
        assert text_of(second) == {"turn": {"id": 1}}
        with connect(stream(target)) as late:
            assert text_of(late)["history"] == [{"id": 1}]


def test_a_flood_is_refused_and_then_cut_off(target: PageTarget) -> None:
    with connect(stream(target)) as flood:
        text_of(flood)
        for _ in range(BURST + MOST_REFUSED + 5):
            with contextlib.suppress(ConnectionClosed):
                flood.send('{"ask": "wave"}')
        lines: list[str] = []
        with pytest.raises(ConnectionClosed) as caught:
            _hear_for_ever(flood, lines)
        assert len(lines) == MOST_REFUSED
        assert all("too many requests" in line for line in lines)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1008
    assert BURST <= len(target.taken()) <= BURST + 2


def test_a_message_of_any_size_is_not_read(target: PageTarget) -> None:
    with connect(stream(target)) as large:
        text_of(large)
        large.send("x" * (LARGEST_REQUEST + 1))
        with pytest.raises(ConnectionClosed) as caught:
            text_of(large)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1009
    assert target.taken() == []


def test_files_are_made_elsewhere_and_come_with_their_names(target: PageTarget) -> None:
    def serve() -> None:
        for _ in range(2):
            (asked,) = taken(target, 1)
            assert isinstance(asked, FileAsked)
            body = b"glTF" if asked.name == "clips/3.glb" else None
            target.give(PageFile(asked.number, body, "wave-3.glb"))

    server = threading.Thread(target=serve)
    server.start()
    status, body, headers = get(target, "/clips/3.glb")
    assert (status, body) == (200, b"glTF")
    assert headers["Content-Disposition"] == 'attachment; filename="wave-3.glb"'
    status, body, _ = get(target, "/clips/4.glb")
    assert (status, body) == (404, b"this motion is no longer kept; ask for it again\n")
    server.join(10)
    for path in ("/clips/", "/clips/../x.glb", "/clips/3.glb/..", "/clips/x.glb"):
        assert get(target, path)[0] == 404
    assert target.taken() == []


def test_a_page_for_watching_takes_nothing() -> None:
    watched = PageTarget(LiveSettings(ws=0))
    with contextlib.closing(watched), connect(stream(watched)) as page:
        assert "prompting" not in text_of(page)
        page.send('{"ask": "wave"}')
        watched.say("still here")
        assert text_of(page) == {"say": "still here"}
        assert watched.taken() == []
        assert get(watched, "/clips/1.glb")[0] == 404


def test_another_site_cannot_ask(target: PageTarget) -> None:
    with (
        pytest.raises(InvalidStatus, match="403"),
        connect(stream(target), origin="http://other.example"),  # type: ignore[arg-type]
    ):
        pass
