"""Where real motion capture lies, if it is here."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "mocap"


@pytest.fixture(scope="session")
def mocap() -> Path:
    """Folder of real motion capture; skips where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared/data/mocap, which is not part of the project")
    return SHARED
