"""Where real motion capture lies, if it is here."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "mocap"


@pytest.fixture(scope="session")
def mocap() -> Path:
    """Folder of real motion capture; skips where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared/data/mocap, which is not part of the project")
    return SHARED


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Miniatures are computed before a second thread has woken up, and on a busy machine none wakes."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("KINETOKEN_THREADS", "1")
        if importlib.util.find_spec("torch"):
            import torch

            torch.set_num_threads(1)
        yield
