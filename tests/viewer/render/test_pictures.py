"""Every mode beside the picture of it that was looked at by eye: GL, OpenGL ES, and the painter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kinetoken_viewer.render.software.painter import Painter
from pictures import assert_looks_like, difference
from shots import MODES, SIZE


@pytest.mark.parametrize("kind", ["gl", "gles"])
def test_the_drivers_pictures(python, tmp_path: Path, kind: str) -> None:
    done = python("-m", "shots", str(tmp_path), kind)
    if done.returncode == 77:
        pytest.skip(f"no off-screen OpenGL here: {done.stdout.strip()[:150]}")
    assert done.returncode == 0, done.stderr[-2000:]
    for name in MODES:
        with Image.open(tmp_path / f"{name}.png") as image:
            assert_looks_like(np.asarray(image), name, looser=1.0 if kind == "gl" else 1.001)


@pytest.mark.parametrize("name", MODES)
def test_the_painters_pictures(name: str) -> None:
    """It lets no limb shade another, so a little more may differ."""
    assert_looks_like(MODES[name](Painter(*SIZE)), name, looser=2.5)


def test_the_tolerance_is_for_what_nobody_sees() -> None:
    picture = MODES["body"](Painter(*SIZE))
    noise = np.random.default_rng(0).integers(-6, 7, picture.shape)
    grainy = np.clip(picture.astype(int) + noise, 0, 255).astype(np.uint8)
    assert difference(picture, grainy).share == 0
    shifted = difference(picture, np.roll(picture, 8, axis=1))
    assert shifted.share > 0.024
    for name in ("trail", "ghosts", "contacts"):
        assert (MODES[name](Painter(*SIZE)) != picture).any()
