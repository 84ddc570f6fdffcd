"""`kinetoken web` as a process, over real sockets: one body for all pages, a queue, people, files, and who may ask."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kinetoken.base.errors import FormatError
from kinetoken.live.settings import LiveSettings
from kinetoken.motion.clip import Clip

pytest.importorskip("websockets", reason="websockets is not installed: pip install '.[live]'")
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from kinetoken.live.browser.page_server import PageTarget
from web_process import Page, serving


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as found:
        yield found


@pytest.fixture
def pages(url: str) -> Iterator[tuple[Page, Page]]:
    first, second = Page(url), Page(url)
    yield first, second
    first.ask(stop="all")
    first.ask(people=1)
    first.until(lambda: len(first.frames) > 0 and len(first.newest) == 632)
    for page in (first, second):
        page.close()


def newest_turn(page: Page) -> int:
    return max(page.turns, default=0)


def test_two_pages_see_one_body_that_does_what_either_asks(
    pages: tuple[Page, Page], url: str, tmp_path: Path
) -> None:
    first, second = pages
    number = newest_turn(first) + 1
    first.ask(ask="wave with both hands", seed="7", person=1)
    second.until(lambda: second.state(number) == "moving")
    first.until(lambda: first.state(number) == "moving")
    assert first.turns[number] == second.turns[number]
    assert first.turns[number]["seed"] == "7"
    assert first.turns[number]["said"] == first.said.strip() or first.said
    for page in pages:
        page.until(lambda page=page: page.state(number) == "done")
    shared = set(first.frames) & set(second.frames)
    assert len(shared) > 60
    assert all(first.frames[index] == second.frames[index] for index in shared)
    wrists = [
        np.frombuffer(frame, "<f4", 66, 16).reshape(22, 3)[20:22, 1].max()
        for frame in first.frames.values()
    ]
    assert max(wrists) > 1.2  # metres: hands go up

    clips = []
    for suffix in ("npz", "bvh", "glb", "vrma"):
        first.wait_for_room()
        with urllib.request.urlopen(f"{url}clips/{number}.{suffix}", timeout=60) as answer:
            path = tmp_path / f"clip.{suffix}"
            path.write_bytes(answer.read())
        clips.append(Clip.load(path))
    assert len({len(clip) for clip in clips}) == 1
    assert clips[0].seed == 7
    assert clips[0].seconds == pytest.approx(first.turns[number]["seconds"], abs=0.01)
    late = Page(url)
    assert late.turns[number] == second.turns[number]
    late.close()


def test_prompts_wait_in_a_queue_that_ends_and_stop_empties_it(pages: tuple[Page, Page]) -> None:
    first, second = pages
    begin = newest_turn(first)
    for _ in range(6):
        first.ask(ask="walk in a circle to the left", person=1)
    first.until(lambda: newest_turn(first) >= begin + 6)
    second.ask(people=2)
    second.ask(ask="dance")
    second.ask(ask="dance")
    second.until(lambda: second.refused or newest_turn(second) >= begin + 10)
    assert second.refused
    assert "queue is full" in second.refused[0]
    first.ask(stop=begin + 6)
    first.until(lambda: first.state(begin + 6) == "stopped")
    first.ask(stop="all")
    first.until(lambda: all(turn["over"] for turn in first.turns.values()))
    assert {"stopped"} >= {first.state(number) for number in range(begin + 2, begin + 7)}


def test_everybody_moves_in_a_place_of_their_own(pages: tuple[Page, Page]) -> None:
    first, _ = pages
    begin = newest_turn(first)
    first.ask(people=3)
    first.until(lambda: first.frames and len(first.newest) == 632 + 2 * 616)
    assert [round(float(first.joints(person)[0, 0]), 1) for person in range(3)][1:] == [1.4, -1.4]
    first.ask(ask="jump three times", seed="5")
    first.until(lambda: all(first.state(begin + 1 + person) == "moving" for person in range(3)))
    turns = [first.turns[begin + 1 + person] for person in range(3)]
    assert [(turn["person"], turn["seed"]) for turn in turns] == [(1, "5"), (2, "6"), (3, "7")]
    first.ask(people=1)
    first.until(lambda: len(first.newest) == 632)
    first.until(lambda: first.state(begin + 2) == first.state(begin + 3) == "stopped")
    first.ask(people=2)
    first.ask(ask="walk forward", person=2)  # and goes in the middle of a word
    first.until(lambda: first.state(begin + 4) == "writing")
    first.ask(people=1)
    first.until(lambda: first.state(begin + 4) == "stopped")
    first.ask(people=2)
    first.ask(ask="wave", person=2)
    first.until(lambda: first.state(begin + 5) == "moving")


def test_what_cannot_be_is_told_to_the_page_that_asked(pages: tuple[Page, Page], url: str) -> None:
    first, second = pages
    begin = newest_turn(first)
    first.ask(ask="wave", person=3)
    first.ask(ask="wave", levels=9, person=1)
    first.until(lambda: len(first.refused) == 1 and first.state(begin + 1) == "refused")
    assert "no person 3" in first.refused[0]
    assert "levels" in first.turns[begin + 1]["note"]
    assert second.refused == []
    first.wait_for_room()
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{url}clips/99999.glb", timeout=60)
    with caught.value:
        assert caught.value.code == 404
    first.ask(ask="<script>alert(1)</script>", person=1)
    first.until(lambda: first.state(begin + 2) in ("moving", "done"))
    assert first.turns[begin + 2]["prompt"] == "<script>alert(1)</script>"


def test_beyond_this_machine_the_token_comes_first() -> None:
    with serving("--host", "127.0.0.1") as guarded:
        token = guarded.rstrip("/").rsplit("/", 1)[1]
        assert len(token) >= 20
        bare = guarded.replace(f"{token}/", "")
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{bare}clips/1.glb", timeout=60)
        with caught.value:
            assert caught.value.code == 403
        for address in (bare, guarded.replace(token, token[:-1] + "x")):
            with (
                pytest.raises(InvalidStatus, match="403"),
                connect(address.replace("http", "ws") + "stream"),
            ):
                pass
        page = Page(guarded)
        page.ask(ask="wave", person=1)
        page.until(lambda: page.state(1) == "moving")
        page.close()


def test_an_avatar_given_is_served_to_every_page_and_a_bad_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "Me & you.vrm"
    path.write_bytes(b"glTF and the rest")
    target = PageTarget(LiveSettings(ws=0, avatar=str(path)))
    with contextlib.closing(target), connect(target.url.replace("http", "ws") + "stream") as page:
        assert json.loads(page.recv(10))["avatar"] == {"path": "avatar.vrm", "name": path.name}
        with urllib.request.urlopen(f"{target.url}avatar.vrm", timeout=10) as answer:
            assert answer.read() == path.read_bytes()
    for name, content, why in (
        ("a.fbx", b"FBX", "expected a .vrm"),
        ("a.vrm", b"PK", "no glTF"),
        ("no/a.vrm", None, "cannot be read"),
    ):
        bad = tmp_path / name
        if content is not None:
            bad.write_bytes(content)
        with pytest.raises(FormatError, match=why):
            PageTarget(LiveSettings(ws=0, avatar=str(bad)))


def test_options_that_no_answer_could_meet_are_refused_at_once() -> None:
    command = [sys.executable, "-m", "kinetoken", "web", "--port", "0", "--levels", "9"]
    done = subprocess.run(
        [*command, "--no-browser"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "levels" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_one_line() -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "kinetoken", "web", "--port", port, "--no-browser"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith(f"kinetoken: --port {port}: cannot listen on 127.0.0.1")
    assert done.stderr.count("\n") == 1
