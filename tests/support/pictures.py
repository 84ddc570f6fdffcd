"""Pictures beside those that were looked at by eye, with a tolerance for what nobody sees.

References lie in tests/viewer/references. `KINETOKEN_NEW_REFERENCES=1 pytest tests/viewer` writes
them anew: look at each before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

REFERENCES = Path(__file__).parent.parent / "viewer" / "references"
BLOCK = 4  # pixels along a side, over which differences are averaged
SEEN = 22.0  # of 255, a block's difference that somebody sees
MEAN = 3.0  # of 255, over the whole picture
SHARE = 0.012  # of all blocks that may differ visibly
QUALITY = 90  # of a reference's WebP, in percent: small, and far finer than the tolerance


class Difference(NamedTuple):
    """How far two pictures are apart, to the eye."""

    mean: float
    """0 to 255, over all blocks."""
    share: float
    """Of blocks that look different."""


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> Difference:
    """Of two pictures (h, w, 3) of one size: in blocks, by the channel that differs most."""
    blocks = np.abs(_blocks(one) - _blocks(other)).max(axis=-1)
    return Difference(float(blocks.mean()), float((blocks > SEEN).mean()))


def _blocks(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    height, width = (side // BLOCK * BLOCK for side in picture.shape[:2])
    cut = picture[:height, :width, :3].astype(np.float64)
    return cut.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, 3).mean(axis=(1, 3))


def assert_looks_like(picture: NDArray[np.uint8], name: str, *, looser: float = 1.0) -> None:
    """The picture (h, w, 3) looks like the reference; `looser` multiplies the tolerance."""
    path = REFERENCES / f"{name}.webp"
    if os.environ.get("KINETOKEN_NEW_REFERENCES"):
        if looser == 1.0:
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(picture).save(path, quality=QUALITY, method=6)
        return
    with Image.open(path) as image:
        reference = np.asarray(image.convert("RGB"))
    assert picture.shape == reference.shape
    found = difference(picture, reference)
    assert found.mean < MEAN * looser, f"{name}: {found.mean:.2f} of 255 away on average"
    assert found.share < SHARE * looser, f"{name}: {found.share:.2%} looks different"
