"""Runs a case of the fuzzer in this process and judges it: one line, in time, nothing touched."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import shutil
import signal
import socket
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from fuzz_cases import KINDS, Case
from fuzz_material import Material
from fuzz_mutations import Mutator
from kinetoken import Clip
from kinetoken.base.errors import KinetokenError
from kinetoken.cli import main as cli
from kinetoken.engines.remote import http as remote_http
from kinetoken.hub.hub_client import HubClient

BUSY_SECONDS: Final = 20
"""Of the processor, after which a case counts as a hang; usual ones take a tenth of a second."""
WALL_SECONDS: Final = 120
"""Of the clock: a case may wait for another, but not as long as this, however busy the machine."""
SENTINEL: Final = b"what was there before"
CODES: Final = (0, 1, 2, 3, 4, 5, 6, 7, 130, 141)


class HangError(BaseException):
    """The case took too long."""


@dataclass(frozen=True)
class Verdict:
    """How a case ended."""

    kind: str
    seed: int
    code: int | None
    """Exit code; None for a call."""
    problem: str | None
    """What no case may do; None: all is well."""
    said: str
    seconds: float


def run_case(kind: str, seed: int, material: Material, folder: Path) -> Verdict:
    """Run one case in a folder of its own, which is removed again."""
    folder.mkdir(parents=True)
    began = time.monotonic()
    code, problem, said = None, None, ""
    try:
        case = KINDS[kind](material, Mutator(seed * 1_000_003 + len(kind)), folder)
        if case.out is not None:
            case.out.write_bytes(SENTINEL)
        before = _digests(folder, case.out)
        with _limited(), _served(case) as url, _environment(case, folder):
            code, said, problem = _run(case, url)
        problem = problem or _touched(case, code, said, before, folder)
    except HangError as error:
        problem = f"hang: {_last_frames(error)}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Verdict(kind, seed, code, problem, said[-400:], time.monotonic() - began)


def _run(case: Case, url: str) -> tuple[int | None, str, str | None]:
    """Exit code, standard error, problem."""
    out, err = _Text(), _Text()
    before = sys.stdin
    sys.stdin = _Text(case.stdin)
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            warnings.catch_warnings(),
        ):
            if case.call is not None:
                with contextlib.suppress(KinetokenError):
                    case.call(url)
                return None, "", None
            code = _code([word.replace("{url}", url) for word in case.argv])
    except Exception as error:
        return None, err.getvalue(), f"traceback: {type(error).__name__}: {_last_frames(error)}"
    finally:
        sys.stdin = before
    said = err.getvalue()
    # A dry run tells all that it finds, and `inspect --fit` says what would fit.
    reported = out.getvalue() if {"--dry-run", "inspect"} & set(case.argv) else ""
    return (
        code,
        said,
        _told(code, said or (reported and " ".join(["kinetoken:", *reported.split()]))),
    )


def _code(argv: list[str]) -> int:
    try:
        return cli.main(argv)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1 if end.code else 0


def _told(code: int, said: str) -> str | None:
    """A failure is told in one line, at the end, and its code is a known one."""
    lines = [line for line in said.splitlines() if line.strip()]
    if "Traceback (most recent call last)" in said:
        return "a traceback is shown"
    if code not in CODES:
        return f"exit code {code}"
    if code and (not lines or not lines[-1].split("\r")[-1].startswith("kinetoken")):
        return f"exit code {code} without a line"
    return None


def _touched(
    case: Case, code: int | None, said: str, before: dict[str, str], folder: Path
) -> str | None:
    """A failure leaves what was there; a success writes a whole clip."""
    changed = {n: d for n, d in _digests(folder, case.out).items() if before.get(n, d) != d}
    if changed and case.argv[:1] not in (("chat",), ("batch",)):
        return f"touched {sorted(changed)[0]}"
    if case.out is None or code is None or not case.out.exists():
        return "the output is gone" if case.out is not None and code else None
    raw = case.out.read_bytes()
    if code:
        kept = raw == SENTINEL or "motion so far" in said
        return None if kept else "the output was touched"
    if raw == SENTINEL:
        return None  # another output was asked for, or there was no motion
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            clip = Clip.load(case.out)
        except KinetokenError as error:
            spoiled = re.search(r"damaged|NaN|infinity|cut short|positions reach", str(error))
            # a body that no reader takes for one is what statistics of other numbers say
            return f"the output is no clip: {error}" if spoiled else None
    return None if np.isfinite(clip.joints).all() else "the output is not finite"


def _digests(folder: Path, out: Path | None) -> dict[str, str]:
    """Every file of the folder but caches and what is written."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path != out and ".cache" not in path.parts and "xdg" not in path.parts
    }


def _last_frames(error: BaseException) -> str:
    """Where it was raised, ours first."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "kinetoken" in f.filename]
    where = " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(ours[-3:]))
    return f"{str(error)[:160]!r} at {where}"


class _Text(io.StringIO):
    """A stream of text with the bytes below that some commands ask for."""

    @property
    def buffer(self) -> Any:
        return io.BytesIO(self.getvalue().encode())


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    def ring(*_: object) -> None:
        raise HangError

    clocks = (
        (signal.SIGALRM, signal.ITIMER_REAL, WALL_SECONDS),
        (signal.SIGPROF, signal.ITIMER_PROF, BUSY_SECONDS),
    )
    before = [signal.signal(number, ring) for number, _, _ in clocks]
    for _, timer, seconds in clocks:
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        for (number, timer, _), handler in zip(clocks, before, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(number, handler)


@contextlib.contextmanager
def _environment(case: Case, folder: Path) -> Iterator[None]:
    """No network, no waiting for the next try, caches in the folder."""
    before = dict(os.environ)
    patience = remote_http.SHORTEST_WAIT, remote_http.LONGEST_WAIT
    defaults = HubClient.__init__.__defaults__
    os.environ.pop("KINETOKEN_BUNDLE", None)
    os.environ |= {
        "KINETOKEN_THREADS": "1",
        "XDG_CACHE_HOME": str(folder / "xdg"),
        "HF_ENDPOINT": "http://127.0.0.1:1",
        "HF_HUB_OFFLINE": "1",
        **case.environment,
    }
    here = Path.cwd()
    os.chdir(folder)
    remote_http.SHORTEST_WAIT = remote_http.LONGEST_WAIT = 0.0  # type: ignore[misc]
    HubClient.__init__.__defaults__ = (*(defaults or ())[:-1], ())
    try:
        yield
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ |= before
        remote_http.SHORTEST_WAIT, remote_http.LONGEST_WAIT = patience  # type: ignore[misc]
        HubClient.__init__.__defaults__ = defaults


@contextlib.contextmanager
def _served(case: Case) -> Iterator[str]:
    """The URL of a server that says the case's bytes to whatever it is asked."""
    if case.replies is None:
        yield ""
        return
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(
        target=_serve, args=(listener, case.replies, case.greeting), daemon=True
    )
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def _serve(listener: socket.socket, replies: bytes, greeting: bytes) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            with contextlib.suppress(OSError), client:
                client.settimeout(2)
                asked = client.recv(1 << 16)
                client.sendall(greeting if greeting and asked.startswith(b"GET") else replies)
                client.shutdown(socket.SHUT_WR)
                while client.recv(1 << 16):
                    pass
