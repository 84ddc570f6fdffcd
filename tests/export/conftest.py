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


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Compute miniatures on one thread: they are done before a second has woken up."""
    torch = None
    if importlib.util.find_spec("torch"):
        import torch
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("KINETOKEN_THREADS", "1")
        before = torch.get_num_threads() if torch else 1
        if torch:
            torch.set_num_threads(1)
        yield
        if torch:
            torch.set_num_threads(before)
