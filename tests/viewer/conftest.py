"""Fixtures of the viewer's tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kinetoken.motion.clip import Clip
from kinetoken_viewer.record import recorder
from kinetoken_viewer.render.software.painter import Painter
from synthetic_motion import walking
from tiny_bundle import build_tiny_bundle

Script = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that runs through the real engines."""
    return build_tiny_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder of the test's own to stand in, and pictures by the painter."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        recorder, "open_renderer", lambda width, height, **_: Painter(width, height)
    )


@pytest.fixture
def walk() -> Clip:
    """Two seconds of synthetic walking."""
    return Clip(
        walking(40), prompt="a person walks", text="I walk ahead. <move><m_0_1></move>", seed=3
    )


@pytest.fixture
def walk_file(walk: Clip, tmp_path: Path) -> Path:
    """The walk as a file."""
    path = tmp_path / "walk.npz"
    walk.save(path)
    return path


@pytest.fixture
def python(tmp_path: Path) -> Script:
    """Runs python in a process of its own: pyglet is headless or not once and for all in each."""

    def run(
        *args: str, display: str | None = None, timeout: float = 50.0
    ) -> subprocess.CompletedProcess[str]:
        env = {
            key: value
            for key, value in os.environ.items()
            if key not in ("DISPLAY", "WAYLAND_DISPLAY")
        }
        env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        env["LP_NUM_THREADS"] = (
            "1"  # a software driver with more threads waits long for each on a busy machine
        )
        if display is not None:
            env["DISPLAY"] = display
        command = [sys.executable, *args]
        return subprocess.run(
            command,
            env=env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def x_display() -> Iterator[str]:
    """A virtual X display of its own, or a skip."""
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed: apt-get install xvfb")
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "2000x1200x24", "-nolisten", "tcp"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        number = server.stdout.readline().strip()
        try:
            if not number:
                pytest.skip("Xvfb did not start")
            yield f":{number}"
        finally:
            server.terminate()
            server.wait(10)
