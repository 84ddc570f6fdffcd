"""Pictures: checked before they are decoded, and brought to the size in which a model sees them.

Pillow reads them.
"""

from __future__ import annotations

import io
import math
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..base.errors import FormatError, InputError, MissingPackageError
from ..base.input_file import open_input

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

IMAGE_FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
MOST_IMAGE_BYTES: Final = 64 << 20
MOST_PIXELS: Final = 64_000_000  # a large photograph; decoded, 200 MB
MOST_ELONGATED: Final = 200
"""Most times as long as it is wide; Qwen's own image processor takes no more."""
FEWEST_CELLS: Final = 4  # Qwen's own least
USUAL_CELLS: Final = 256  # 448 x 448 pixels: more sees more, and takes longer
MOST_CELLS: Final = 4096  # as many as llama.cpp looks at
_WHITE: Final = (255, 255, 255)
_SIXTEEN_BITS: Final = ("I;16", "I;16B", "I;16L", "I;16N", "I")
"""Pillow's modes with sixteen bits or more a pixel."""


@dataclass(frozen=True)
class ImageFile:
    """A picture to look at."""

    path: str
    cells: int = USUAL_CELLS
    """Most positions of the model's context that it may take; a larger picture is made smaller."""

    def __post_init__(self) -> None:
        if not FEWEST_CELLS <= self.cells <= MOST_CELLS:
            raise InputError(
                f"image cells: expected {FEWEST_CELLS} to {MOST_CELLS}, got {self.cells}"
            )

    def check(self) -> None:
        """Check that it is a whole image that can be decoded.

        InputError, FormatError, MissingPackageError.
        """
        with _opened(_bytes(Path(self.path)), self.path) as image:
            _decoded(image, self.path)

    def pixels(self, cell: int) -> NDArray[np.uint8]:
        """The picture as a model sees it: (rows * cell, columns * cell, 3).

        `cell` pixels across are one position of the context.
        """
        with _opened(_bytes(Path(self.path)), self.path) as image:
            return _fitted(_decoded(image, self.path), cell, self.cells)


def array_pixels(
    picture: NDArray[np.uint8], cell: int, cells: int = USUAL_CELLS
) -> NDArray[np.uint8]:
    """A picture in memory, (height, width, 3) uint8, as a model sees it. InputError."""
    shape, kind = getattr(picture, "shape", None), getattr(picture, "dtype", None)
    if shape is None or len(shape) != 3 or shape[2] != 3 or not min(shape) or str(kind) != "uint8":
        got = f"{shape} {kind}" if shape is not None else type(picture).__name__
        raise InputError(
            f"expected a file's name or an image (height, width, 3) of uint8, got {got}"
        )
    _check_size(int(shape[1]), int(shape[0]), "the image")
    return _fitted(_pillow().fromarray(picture), cell, ImageFile("", cells).cells)


def fitted_size(width: int, height: int, cell: int, cells: int) -> tuple[int, int]:
    """Width and height in which a picture is seen: FEWEST_CELLS to `cells` whole cells.

    Its shape is nearly kept, by the rule of Qwen2-VL's image processor, so that exported models see
    what they were trained on.
    """
    columns, rows = round(width / cell), round(height / cell)
    area = width * height / cell**2
    if rows * columns > cells:
        shrink = math.sqrt(area / cells)
        columns, rows = (max(1, math.floor(side / shrink / cell)) for side in (width, height))
    elif rows * columns < FEWEST_CELLS:
        grow = math.sqrt(FEWEST_CELLS / area)
        columns, rows = (math.ceil(side * grow / cell) for side in (width, height))
    columns = min(columns, cells // min(rows, cells))
    return columns * cell, min(rows, cells // columns) * cell


def _bytes(path: Path) -> bytes:
    """The file's contents. InputError if there is none; FormatError if it is too large."""
    try:
        with open_input(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > MOST_IMAGE_BYTES:
                raise FormatError(
                    f"{path}: expected an image of at most {MOST_IMAGE_BYTES / 1e6:.0f} MB, got "
                    f"{size / 1e6:,.0f} MB; save it smaller"
                )
            return stream.read(MOST_IMAGE_BYTES + 1)
    except FileNotFoundError:
        raise InputError(f"there is no image at {path}; check the path") from None
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror or error}; check the path and its permissions"
        ) from error
    except ValueError as error:  # a NUL byte in the name
        raise InputError(
            f"{os.fspath(path)!r} cannot be the name of a file ({error}); check the path"
        ) from error


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingPackageError("Pillow", "image") from error
    return Image


def _opened(data: bytes, name: str) -> Any:
    """Pillow's image, not decoded yet. FormatError unless it is one of a usable size."""
    pillow = _pillow()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # of its size, which is checked here, and of odd metadata
            image = pillow.open(io.BytesIO(data), formats=IMAGE_FORMATS)
    except pillow.UnidentifiedImageError as error:
        known = ", ".join(IMAGE_FORMATS)
        raise FormatError(
            f"{name} is not an image that can be read; expected one of {known}: save it as one"
        ) from error
    except pillow.DecompressionBombError as error:
        raise FormatError(f"{name}: {_too_many('more')}") from error
    except MemoryError:
        raise
    except Exception as error:  # a damaged header may fail in any way
        raise FormatError(
            f"{name} is a damaged image ({_first_line(error)}); save it again"
        ) from error
    width, height = image.size
    _check_size(width, height, name)
    return image


def _check_size(width: int, height: int, name: str) -> None:
    if width * height > MOST_PIXELS:
        raise FormatError(f"{name}: {_too_many(f'{width:,} x {height:,}')}")
    if not width or not height or max(width, height) > MOST_ELONGATED * min(width, height):
        got = f"got {width:,} x {height:,}"
        message = f"expected an image at most {MOST_ELONGATED} times as long as wide, {got}"
        raise FormatError(f"{name}: {message}; cut a part out of it")


def _too_many(got: str) -> str:
    return f"expected at most {MOST_PIXELS / 1e6:.0f} million pixels, got {got}; make it smaller"


def _decoded(image: Any, name: str) -> Any:
    """The first picture of it, upright, in RGB, with white behind what is transparent.

    FormatError if the file is damaged.
    """
    from PIL import ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            if image.mode in _SIXTEEN_BITS:
                return (
                    image.convert("I")
                    .point(lambda value: value * (1 / 256))
                    .convert("L")
                    .convert("RGB")
                )
            if not image.has_transparency_data:
                return image.convert("RGB")
            shown = image.convert("RGBA")
            white = _pillow().new("RGB", shown.size, _WHITE)
            white.paste(shown, mask=shown.getchannel("A"))
            return white
    except MemoryError:
        raise
    except Exception as error:  # codecs and metadata of foreign files may fail in any way
        raise FormatError(
            f"{name} is a damaged image ({_first_line(error)}); save it again"
        ) from error


def _fitted(image: Any, cell: int, cells: int) -> NDArray[np.uint8]:
    import numpy as np

    width, height = image.size
    size = fitted_size(width, height, cell, cells)
    seen = image if image.size == size else image.resize(size, _pillow().Resampling.BICUBIC)
    return np.array(seen, np.uint8)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
