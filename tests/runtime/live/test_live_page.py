"""The page and its stream, over loopback, with real clients: websockets', and Node and Chromium where they are installed."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kinetoken.base.errors import InputError
from kinetoken.live.avatar_rotations import RigRun
from kinetoken.live.browser.page_files import PAGE_FILES, PAGE_FOLDER, PageFiles
from kinetoken.live.settings import LiveSettings
from kinetoken.live.target import FRAME_DTYPE, LiveFrame, prompt_facts, stream_header
from kinetoken.live.timeline import TimedPose
from synthetic_motion import walking

pytest.importorskip("websockets", reason="websockets is not installed: pip install '.[live]'")
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request
from websockets.sync.client import connect

from kinetoken.live.browser.page_server import MAX_SAID, PageTarget

WALK = walking(4)
TURNS = RigRun().push(WALK)
FACTS = {"prompt": "a person <b>walks</b>", "seed": "7"}


def frame(index: int) -> LiveFrame:
    return LiveFrame(
        index, TimedPose(index / 60, WALK[index % 4].astype(np.float64), TURNS[index % 4])
    )


@pytest.fixture
def target() -> Iterator[PageTarget]:
    made = PageTarget(LiveSettings(ws=0, facts=FACTS))
    yield made
    made.close()


@pytest.fixture
def guarded() -> Iterator[PageTarget]:
    made = PageTarget(LiveSettings(ws=0, host="127.0.0.1"))
    yield made
    made.close()


def get(
    target: PageTarget, path: str, method: str = "GET", **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=5)
    with contextlib.closing(connection):
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())


def stream(target: PageTarget) -> str:
    return target.url.replace("http", "ws") + "stream"


def until(condition: Any) -> None:
    """Waits for what another thread does."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_several_clients_hear_the_header_then_every_frame(target: PageTarget) -> None:
    target.say("I walk ")
    with connect(stream(target)) as first, connect(stream(target)) as second:
        heads = [json.loads(client.recv(5)) for client in (first, second)]
        assert (
            heads[0] == heads[1] == {**stream_header(LiveSettings(facts=FACTS)), "said": "I walk "}
        )
        until(lambda: target.clients == 2)
        for index in range(3):
            target.send(frame(index))
        target.say("ahead.")
        for client in (first, second):
            rows = [np.frombuffer(client.recv(5), FRAME_DTYPE)[0] for _ in range(3)]
            assert [int(row["index"]) for row in rows] == [0, 1, 2]
            np.testing.assert_array_equal(rows[2]["joints"], WALK[2])
            assert json.loads(client.recv(5)) == {"say": "ahead."}
        target.close()
        assert json.loads(first.recv(5)) == {"end": True}
        with pytest.raises(ConnectionClosed):
            first.recv(5)


def test_another_prompt_is_told_and_is_that_of_later_clients(target: PageTarget) -> None:
    with connect(stream(target)) as first:
        head = json.loads(first.recv(5))
        until(lambda: target.clients == 1)
        target.say("I walk.")
        target.ask("a person waves", 2**63)
        target.say("I wave.")
        told = [json.loads(first.recv(5)) for _ in range(3)]
        assert told == [
            {"say": "I walk."},
            {"prompt": "a person waves", "seed": str(2**63)},
            {"say": "I wave."},
        ]
        with connect(stream(target)) as late:
            assert json.loads(late.recv(5)) == {**head, **told[1], "said": "I wave."}
        target.ask("jump", None)
        assert json.loads(first.recv(5)) == {"prompt": "jump"}
        for _ in range(3):
            target.say("x" * MAX_SAID)
            first.recv(5)
        with connect(stream(target)) as late:
            later = json.loads(late.recv(5))
        assert "seed" not in later
        assert later["said"] == "x" * MAX_SAID


def test_a_slow_client_is_dropped_and_the_others_are_not(target: PageTarget) -> None:
    slow = socket.create_connection(("127.0.0.1", target.port))
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    upgrade = f"GET /stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\n"
    slow.sendall(upgrade.encode())
    with slow, connect(stream(target)) as quick:
        quick.recv(5)
        until(lambda: target.clients == 2)
        sent = 0
        while (
            target.dropped == 0 and sent < 100_000
        ):  # the system's own buffers take megabytes first
            for _ in range(50):
                target.send(frame(sent))
                sent += 1
            for index in range(sent - 50, sent):
                assert np.frombuffer(quick.recv(5), FRAME_DTYPE)[0]["index"] == index
        assert target.dropped == 1
        assert target.clients == 1


def test_the_page_is_served_whole_and_names_no_other_place(target: PageTarget) -> None:
    status, body, headers = get(target, "/")
    assert (status, body) == (200, (PAGE_FOLDER / "index.html").read_bytes())
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    for name in filter(None, PAGE_FILES):
        status, body, headers = get(target, f"/{name}")
        assert (status, body) == (200, (PAGE_FOLDER / name).read_bytes())
        if name.endswith(".js"):
            assert headers["Content-Type"].startswith("text/javascript")
    for name in ("index.html", "viewer.js", "protocol.js"):
        assert "http" not in (PAGE_FOLDER / name).read_text(encoding="utf-8").replace(
            'replace("http", "ws")', ""
        )


@pytest.mark.parametrize(
    "path", ["/nothing", "/../server.py", "/%2e%2e/pages.py", "//", "/three.module.min.js/"]
)
def test_other_paths_are_not_there(target: PageTarget, path: str) -> None:
    assert get(target, path)[0] == 404


def test_a_head_has_no_body_and_nothing_can_be_written(target: PageTarget) -> None:
    if "method" not in Request.__dataclass_fields__:
        pytest.skip("this websockets refuses all but GET")
    status, body, headers = get(target, "/", "HEAD")
    assert (status, body) == (200, b"")
    assert headers["Content-Length"] == str((PAGE_FOLDER / "index.html").stat().st_size)
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert get(target, "/viewer.js", method)[0] == 405


def test_the_stream_is_a_websocket_or_nothing(target: PageTarget) -> None:
    assert get(target, "/stream")[0] == 426
    with pytest.raises(InvalidStatus), connect(target.url.replace("http", "ws")):
        pass


def test_other_sites_cannot_listen(target: PageTarget) -> None:
    assert get(target, "/", Host="rebound.example")[0] == 403
    with (
        pytest.raises(InvalidStatus, match="403"),
        connect(stream(target), origin="http://other.example"),
    ):  # type: ignore[arg-type]
        pass
    with connect(stream(target), origin=target.url.rstrip("/")) as own:  # type: ignore[arg-type]
        assert json.loads(own.recv(5))["format"] == "kinetoken-live"


def test_a_named_host_wants_the_token(guarded: PageTarget) -> None:
    token = guarded.url.rstrip("/").rsplit("/", 1)[1]
    assert len(token) >= 20
    assert get(guarded, f"/{token}/")[0] == 200
    for path in ("/", "/stream", "/viewer.js", f"/{token[:-1]}x/", f"/{token}"):
        assert get(guarded, path)[0] == 403
    with connect(stream(guarded)) as client:
        client.recv(5)
    with (
        pytest.raises(InvalidStatus, match="403"),
        connect(f"ws://127.0.0.1:{guarded.port}/stream"),
    ):
        pass


@pytest.mark.parametrize("every", ["0.0.0.0", "::"])
def test_the_url_of_all_addresses_is_one_that_opens(every: str) -> None:
    try:
        made = PageTarget(LiveSettings(ws=0, host=every))
    except InputError:
        pytest.skip("this machine has no IPv6")
    with contextlib.closing(made):
        assert every not in made.url.split("/")[2].rsplit(":", 1)[0].split("[")
        with urllib.request.urlopen(made.url, timeout=10) as answer:
            assert answer.status == 200


def test_without_a_host_only_this_machine_is_served(target: PageTarget) -> None:
    assert target.url.startswith("http://localhost:")  # said of 127.0.0.1 alone
    assert PageFiles("", local=False).find("/", ["192.0.2.5:80"], []).status == 200
    assert PageFiles("", local=True).find("/", ["192.0.2.5:80"], []).status == 403
    assert PageFiles("", local=True).find("/", [], []).status == 403


def test_a_port_in_use_is_one_line(target: PageTarget) -> None:
    with pytest.raises(
        InputError, match=f"--ws {target.port}: cannot listen .*another port"
    ) as caught:
        PageTarget(LiveSettings(ws=target.port))
    assert "\n" not in str(caught.value)


def test_an_address_of_another_machine_cannot_be_bound() -> None:
    with pytest.raises(
        InputError, match=r"cannot listen on 192\.0\.2\.1.*give --host an address of this machine"
    ):
        PageTarget(LiveSettings(ws=0, host="192.0.2.1"))


def test_javascript_reads_what_python_writes(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    (tmp_path / "protocol.mjs").write_bytes((PAGE_FOLDER / "protocol.js").read_bytes())
    (tmp_path / "header.json").write_text(
        json.dumps({**stream_header(LiveSettings(facts=FACTS)), "said": "I "})
    )
    (tmp_path / "frame.bin").write_bytes(LiveFrame(5, frame(1).pose, waiting=True).to_bytes())
    for name, facts in (("asked", prompt_facts("jump", 3)), ("again", prompt_facts("stop", None))):
        (tmp_path / f"{name}.json").write_text(json.dumps(facts))
    (tmp_path / "run.mjs").write_text("""
import { readFileSync } from "node:fs";
import { SILENT, hear } from "./protocol.mjs";
const bytes = readFileSync("frame.bin");
const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
let state = hear(SILENT, readFileSync("header.json", "utf8"));
for (const data of [buffer, '{"say": "walk"}', '{"end": true}']) state = hear(state, data);
const turns = [state];
for (const name of ["asked", "again"]) turns.push(hear(turns.at(-1), readFileSync(`${name}.json`, "utf8")));
const facts = turns.map(({ header, said }) => [header.prompt, header.seed ?? null, said]);
const { joints, rotations, others, ...frame } = state.frame;
const wrong = [];
for (const bad of ['{"format": "x"}', "no json"]) try { hear(SILENT, bad); } catch (error) { wrong.push(error.message); }
try { hear(state, new ArrayBuffer(3)); } catch (error) { wrong.push(error.message); }
console.log(JSON.stringify({ ...state, header: 0, frame, facts, wrong, joints: [...joints], rotations: [...rotations] }));
""")
    done = subprocess.run(
        [node, "run.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    found = json.loads(done.stdout)
    assert found["frame"] == {"index": 5, "waiting": True, "time": 1 / 60}
    assert (found["said"], found["ended"], len(found["wrong"])) == ("I walk", True, 3)
    assert found["facts"] == [
        [FACTS["prompt"], FACTS["seed"], "I walk"],
        ["jump", "3", ""],
        ["stop", None, ""],
    ]
    assert found["wrong"][2] == "expected 632 bytes, got 3"
    np.testing.assert_allclose(np.reshape(found["joints"], (22, 3)), WALK[1], atol=1e-6)
    np.testing.assert_allclose(np.reshape(found["rotations"], (22, 4)), TURNS[1], atol=1e-6)


def test_a_browser_shows_the_motion_and_only_shows_it(target: PageTarget, tmp_path: Path) -> None:
    from browser import browser

    target.say("I walk ahead.")
    picture, ended = tmp_path / "page.png", threading.Event()
    sender = threading.Thread(target=_send_until, args=(target, ended))
    sender.start()
    try:
        with browser(tmp_path) as chromium:
            tab = chromium.open(target.url, width=480, height=360)
            tab.until("kinetoken.frame !== null")
            tab.run(
                "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
            )
            tab.picture(picture)
            assert tab.run("document.getElementById('asking').hidden")
            assert tab.run("document.getElementById('said').textContent") == "I walk ahead."
            assert tab.run("document.getElementById('prompt').textContent") == FACTS["prompt"]
            # A refused file, a script's error, WebGL's complaint: all end up there.
            assert tab.complaints == []
    finally:
        ended.set()
        sender.join()
    image = pytest.importorskip("PIL.Image")
    with image.open(picture) as shot:
        colours = np.asarray(shot.convert("RGB"), np.int64)[60:250]
    red, _, blue = np.moveaxis(colours, -1, 0)
    assert np.count_nonzero(blue - red > 60) > 100  # left limbs
    assert np.count_nonzero(red - blue > 60) > 100  # right limbs


def _send_until(target: PageTarget, ended: threading.Event) -> None:
    index = 0
    while not ended.wait(1 / 60):
        target.send(frame(index))
        index += 1
