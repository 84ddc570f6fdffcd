"""Images as a model takes them, by way of the bundle's vision tower."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from ..base.errors import InputError
from ..engines.prompt_items import EncodedImage
from ..engines.protocols import ProgressCallback, Vision
from .bundle import Bundle
from .image_file import ImageFile, array_pixels

Image = str | os.PathLike[str] | ImageFile | NDArray[np.uint8]
"""A file, or pixels (height, width, 3)."""


class PreparedImage:
    """An image that has not been looked at: its room is known, and looking takes seconds."""

    def __init__(self, bundle: Bundle, image: Image) -> None:
        """InputError if the bundle has no vision tower or the image does not fit its context.

        FormatError if it is not an image.
        """
        self._vision = vision_of(bundle)
        side = self._vision.pixels
        source = ImageFile(os.fspath(image)) if isinstance(image, str | os.PathLike) else image
        self._pixels = (
            source.pixels(side) if isinstance(source, ImageFile) else array_pixels(source, side)
        )
        rows, columns = self._pixels.shape[0] // side, self._pixels.shape[1] // side
        if rows * columns >= bundle.language_model.context:
            room = bundle.language_model.context
            raise InputError(
                f"an image of {rows * columns} cells does not fit the context of {room}; "
                "ask for fewer cells"
            )
        self.outline = EncodedImage(rows * columns, columns, "", np.zeros((0, 0), np.float32))
        """What it will be, without what is seen in it: for counting."""

    def look(self, watch: ProgressCallback | None = None) -> EncodedImage:
        """Encode it for the model. EngineError."""
        return self._vision.see(self._pixels, watch)


def vision_of(bundle: Bundle) -> Vision:
    """The bundle's vision tower. InputError if none is loaded."""
    if bundle.vision is None:
        raise InputError(bundle.writer.no_vision(bundle.manifest.name))
    return bundle.vision


def check_seen(bundle: Bundle, image: EncodedImage) -> EncodedImage:
    """The same image. InputError if another bundle's tower looked at it, or none can."""
    if image.tower != vision_of(bundle).identity:
        raise InputError(
            "this image was looked at with another bundle's vision tower; "
            f"look at it with {bundle.manifest.name!r}"
        )
    return image
