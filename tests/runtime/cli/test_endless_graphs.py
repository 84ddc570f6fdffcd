"""Graphs that never end: Ctrl-C and SIGTERM end them, and so do their limits."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from batch_runs import Run
from endless_graph import make_endless
from kinetoken.base import foreign_calls
from kinetoken.engines.onnx import session


def _signal_within(name: str, number: int) -> None:
    """Send this process a signal as soon as such a call is under way."""
    while not any(
        (call := reference()) is not None and call.name == name
        for reference in list(foreign_calls._under_way.values())
    ):
        time.sleep(0.01)
    os.kill(os.getpid(), number)


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.parametrize(
    ("part", "number"),
    [("decoder", signal.SIGINT), ("decoder", signal.SIGTERM), ("model", signal.SIGINT)],
)
def test_signals_end_it(
    part: str, number: int, own_tiny: Path, tmp_path: Path, run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    make_endless(own_tiny, part)
    monkeypatch.setattr(foreign_calls, "PATIENCE", 0.5)
    names = {"decoder": "the decoder", "model": "the language model"}
    threading.Thread(target=_signal_within, args=(names[part], number), daemon=True).start()
    out = tmp_path / "walk.npz"
    code, _, told = run("generate", "a person waves", "--bundle", own_tiny, "-o", out)
    assert code == 130
    assert told == "kinetoken: stopped; no motion had come yet\n"
    assert not out.exists()


@pytest.mark.parametrize("part", ["decoder", "model"])
def test_its_limit_ends_it(
    part: str, own_tiny: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_endless(own_tiny, part)
    monkeypatch.setattr(session, "DECODER_SECONDS", 0.5)
    monkeypatch.setattr(session, "MODEL_SECONDS", 0.5)
    monkeypatch.setattr(session, "SECONDS_A_TOKEN", 0.0)
    code, _, told = run(
        "generate", "a person waves", "--bundle", own_tiny, "-o", tmp_path / "walk.npz"
    )
    assert code == 6
    assert told.count("\n") == 1, told
    assert "was stopped after 0.5 s without a result" in told
    assert list(tmp_path.glob("*.npz")) == []
