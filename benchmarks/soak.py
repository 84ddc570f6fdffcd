"""Run everything for long and see what stays: memory, processes, halves of files.

    python benchmarks/soak.py [--minutes 30] [--bundle FOLDER] [-o benchmarks/results/soak]

At once: `kinetoken play --headless --ws` that repeats a prompt; `kinetoken chat --ws` whose engine
is a server that is killed and started again; clips of changing prompts by `generate` and by `play
--headless --once`, some of which are killed half way, by each of three signals; clients of both
pages that come, read, stall and go. Reported: the memory of the two long ones, quarter by quarter;
processes that outlived their parent; clips that are not whole; halves of files left behind.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import random
import re
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from machine import memory
from report import heading, table, write

import kinetoken
from kinetoken.base.errors import KinetokenError
from kinetoken.generation.bundle import bundle_folder

HERE: Final = Path(__file__).parent
MARK: Final = "KINETOKEN_SOAK"
"""A variable that every process of the soak inherits, so that none is overlooked."""
WORDS: Final = ("walks", "waves", "turns around", "jumps", "sits down", "dances", "kicks a ball")
SIGNALS: Final = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
SUFFIXES: Final = ("npz", "bvh", "glb", "vrma")
LOOK: Final = 2.0  # seconds between two looks at memory
FLAT: Final = 0.10
"""Growth of memory from the second to the last quarter that still counts as flat."""


@dataclass
class Soak:
    """One run."""

    folder: Path
    bundle: Path
    port: int
    until: float
    mark: str = field(default_factory=lambda: secrets.token_hex(8))
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    engine_needed: threading.Event = field(default_factory=threading.Event)
    """Set once the chat has begun, from when on engines may be killed."""
    memory: dict[str, list[float]] = field(default_factory=dict)
    """Megabytes of the long processes, one a look."""

    @property
    def over(self) -> bool:
        """True once the time is up."""
        return time.monotonic() > self.until

    def start(self, *words: object, **options: Any) -> subprocess.Popen[str]:
        """Start a command of kinetoken in a process group of its own."""
        environment = {
            **os.environ,
            MARK: self.mark,
            "KINETOKEN_BUNDLE": str(self.bundle),
            "KINETOKEN_THREADS": "1",
        }
        return subprocess.Popen(
            [sys.executable, "-m", "kinetoken", *map(str, words)],
            env=environment,
            text=True,
            start_new_session=True,
            **options,
        )

    def processes(self) -> list[int]:
        """All processes of this soak but its own."""
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if f"{MARK}={self.mark}".encode() in path.read_bytes():
                    found.append(int(path.parent.name))
        return found


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    # A shell's background job ignores Ctrl-C, and so would everything that is started here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        until = time.monotonic() + 60 * args.minutes
        soak = Soak(Path(name), bundle_folder(args.bundle), _free_port(), until)
        _run(soak)
        lines, figures = _report(soak, args.minutes)
    write(args.out, lines, figures)
    sys.exit(bool(soak.problems))


def _run(soak: Soak) -> None:
    work = [
        threading.Thread(target=target, args=(soak,), name=target.__name__)
        for target in (keep_engine, keep_play, keep_chat, make_clips)
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    time.sleep(2.0)
    left = soak.processes()
    if left:
        soak.problems.append(f"{len(left)} processes outlived their parents")
        for process in left:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
    halves = [path.name for path in soak.folder.rglob("*.part*")]
    soak.counts["halves of files left by SIGKILL"] = len(halves)
    if len(halves) > soak.counts["clips cut by SIGKILL"]:
        soak.problems.append(f"{len(halves)} halves of files were left")


def keep_engine(soak: Soak) -> None:
    """A server of completions that is killed every few seconds and started again."""
    script = [sys.executable, str(HERE / "soak_engine.py"), str(soak.bundle), str(soak.port)]
    draw = random.Random(1)
    while not soak.over:
        engine = subprocess.Popen(script, stderr=subprocess.DEVNULL)
        soak.engine_needed.wait(120)  # the chat begins with one that is there
        _wait(soak, draw.uniform(5, 20))
        engine.kill()
        engine.wait()
        soak.counts["engines killed"] += 1
        _wait(soak, draw.uniform(0, 2))


def keep_play(soak: Soak) -> None:
    """A prompt that is played again and again, on a page with clients."""
    words = ("play", "a person walks forward", "--headless", "--ws", 0, "--seconds", 4)
    _long(soak, "play --headless --ws", soak.start(*words, stderr=subprocess.PIPE))


def keep_chat(soak: Soak) -> None:
    """A chat with a server, prompt after prompt, on a page with clients."""
    out = soak.folder / "chat.npz"
    engine = ("--engine", f"http://127.0.0.1:{soak.port}/v1", "--engine-kind", "openai")
    words = ("chat", "--headless", "--json", "--ws", 0, "--history-file", soak.folder / "chat.json")
    _await_engine(soak)
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    chat = soak.start(*words, *engine, "--engine-timeout", 5, "-o", out, **pipes)
    asker = threading.Thread(target=_ask, args=(soak, chat))
    asker.start()
    _long(soak, "chat --ws --engine", chat)
    asker.join()
    clip = kinetoken.Clip.load(out) if out.exists() else None
    if clip is None or abs(clip.seconds - soak.counts["tenths of seconds told"] / 10) > 1:
        found = "nothing" if clip is None else f"{clip.seconds:.1f} s"
        soak.problems.append(
            f"the chat told of {soak.counts['tenths of seconds told'] / 10:.1f} s and kept {found}"
        )


def _await_engine(soak: Soak) -> None:
    """Wait until the engine answers."""
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", soak.port), 1):
            return
        time.sleep(0.1)


def _ask(soak: Soak, chat: subprocess.Popen[str]) -> None:
    """Prompt after prompt, each once the answer to the last is there."""
    draw = random.Random(2)
    assert chat.stdin is not None
    assert chat.stdout is not None
    chat.stdin.write("a person walks\n")
    chat.stdin.flush()
    first = chat.stdout.readline()
    soak.counts["tenths of seconds told"] += round(10 * json.loads(first)["seconds_of_motion"])
    soak.engine_needed.set()
    while not soak.over and chat.poll() is None:
        with contextlib.suppress(OSError):
            chat.stdin.write(f"a person {draw.choice(WORDS)}\n")
            chat.stdin.flush()
        line = chat.stdout.readline()
        if not line:
            break
        said = json.loads(line)
        soak.counts["answers of the chat" if "error" not in said else "answers it missed"] += 1
        soak.counts["tenths of seconds told"] += round(10 * said.get("seconds_of_motion", 0))
        _wait(soak, draw.uniform(0, 1.5))
    with contextlib.suppress(OSError):
        chat.stdin.close()


def _long(soak: Soak, name: str, process: subprocess.Popen[str]) -> None:
    """Watch a long process, with clients on its page; end it kindly when the time is up."""
    lines: queue.Queue[str] = queue.Queue()
    reader = threading.Thread(target=_drain, args=(process, lines), daemon=True)
    reader.start()
    sizes = soak.memory.setdefault(name, [])
    clients, url = [], None
    while not soak.over and process.poll() is None:
        with contextlib.suppress(queue.Empty):
            while True:
                found = re.search(r"page at (\S+)", lines.get_nowait())
                url = found[1] if found else url
        if url is not None and len(clients) < 3:
            client = threading.Thread(target=visit_page, args=(soak, url), daemon=True)
            client.start()
            clients.append(client)
        clients = [client for client in clients if client.is_alive()]
        status = Path(f"/proc/{process.pid}/status")
        sizes.append(((memory("RssAnon", status) or 0) + (memory("RssShmem", status) or 0)) / 1e6)
        _wait(soak, LOOK)
    if process.poll() is not None:
        soak.problems.append(f"{name} ended by itself with {process.returncode}")
    if process.stdin is None:
        process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(60)
    if process.poll() is None:
        soak.problems.append(f"{name} did not end within a minute")
        process.kill()
    for client in clients:
        client.join(10)


def _drain(process: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if "Traceback" in line:
            lines.put("a traceback")
        if "page at" in line:
            lines.put(line)


def visit_page(soak: Soak, url: str) -> None:
    """One client: it reads, stalls or leaves without a word."""
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect

    draw = random.Random()
    soak.counts["clients of pages"] += 1
    with contextlib.suppress(OSError, WebSocketException, TimeoutError):
        way = draw.randrange(4)
        address = url.replace("http", "ws", 1) + "stream"
        if way == 0:  # a browser that breaks off in the middle of its first words
            host, port = url.split("/")[2].split(":")
            with socket.create_connection((host, int(port)), 5) as raw:
                raw.sendall(b"GET /stream HTTP/1.1\r\nHost: localhost\r\nUpgr")
                time.sleep(draw.uniform(0, 1))
            return
        with connect(address, open_timeout=10, close_timeout=1) as client:
            end = time.monotonic() + draw.uniform(0.5, 8)
            while time.monotonic() < end and not soak.over:
                if way == 1:
                    time.sleep(0.5)
                else:
                    client.recv(timeout=5)
                    soak.counts["frames and texts read"] += 1
            if way == 3:
                client.socket.shutdown(socket.SHUT_RDWR)


def make_clips(soak: Soak) -> None:
    """Clips one after the other, a third of them cut by a signal."""
    draw, number = random.Random(3), 0
    while not soak.over:
        number += 1
        out = soak.folder / f"{number % 40}.{draw.choice(SUFFIXES)}"
        out.unlink(missing_ok=True)
        words = (f"a person {draw.choice(WORDS)}", "--seconds", 3, "--seed", number, "-o", out)
        command = ("generate",) if draw.random() < 0.5 else ("play", "--headless", "--once")
        live = ("--ws", 0) if command[0] == "play" else ()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        process = soak.start(*command, *words, *live, **quiet)
        cut = draw.choice(SIGNALS) if draw.random() < 0.34 else None
        _end(soak, process, cut, draw.uniform(0.2, 6))
        _judge(soak, out, process, cut)


def _end(
    soak: Soak, process: subprocess.Popen[str], cut: signal.Signals | None, after: float
) -> None:
    try:
        process.wait(after if cut is not None else 120)
    except subprocess.TimeoutExpired:
        if cut is None:
            soak.problems.append("a clip took two minutes")
        else:
            soak.counts[f"clips cut by {cut.name}"] += 1
        process.send_signal(cut or signal.SIGKILL)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        soak.problems.append(f"a clip did not end 30 s after {cut}")
        process.kill()
        process.wait()


def _judge(
    soak: Soak, out: Path, process: subprocess.Popen[str], cut: signal.Signals | None
) -> None:
    """What is there is a whole clip; what was not cut is there."""
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    if "Traceback" in said:
        soak.problems.append(f"a traceback: {said[-200:]}")
    if process.returncode and cut is None:
        soak.problems.append(f"a clip failed with {process.returncode}: {said[-200:]}")
    if not out.exists():
        soak.counts["clips cut before they were written"] += 1
        if cut is None:
            soak.problems.append("a clip is missing")
        return
    try:
        clip = kinetoken.Clip.load(out)
        soak.counts["whole clips"] += 1
        if not len(clip):
            soak.problems.append("a clip without frames")
    except KinetokenError as error:
        soak.problems.append(f"a clip is not whole: {error}")


def _quarters(sizes: list[float]) -> Iterator[float]:
    """The median of each quarter."""
    size = max(1, len(sizes) // 4)
    for quarter in range(4):
        part = sizes[quarter * size : (quarter + 1) * size] or sizes[-1:] or [0.0]
        yield statistics.median(part)


def _report(soak: Soak, minutes: float) -> tuple[list[str], dict[str, Any]]:
    rows = []
    for name, sizes in soak.memory.items():
        quarters = list(_quarters(sizes))
        growth = quarters[3] / max(quarters[1], 1e-9) - 1
        if growth > FLAT:
            soak.problems.append(f"{name} grew by {growth:.0%}")
        rows.append((name, *(f"{value:.1f}" for value in quarters), f"{growth:+.1%}"))
    counts = {k: v for k, v in sorted(soak.counts.items()) if k != "tenths of seconds told"}
    lines = [
        *heading("Soak", f"{minutes:g} minutes, {time.strftime('%Y-%m-%d')}."),
        "Memory without files, MB, median of each quarter; growth from the second to the last.",
        "",
        *table(("process", "1st", "2nd", "3rd", "4th", "growth"), rows),
        *table(("what happened", "times"), list(counts.items())),
        *(f"- PROBLEM: {problem}" for problem in soak.problems),
        *([] if soak.problems else ["No orphan, no traceback, every clip whole."]),
        "",
    ]
    figures = {"minutes": minutes, "memory": soak.memory, "counts": counts}
    return lines, {**figures, "problems": soak.problems}


def _wait(soak: Soak, seconds: float) -> None:
    """Wait, but not beyond the end."""
    time.sleep(max(0.0, min(seconds, soak.until - time.monotonic())))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
