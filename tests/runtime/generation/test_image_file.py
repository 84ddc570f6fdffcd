"""Pictures: every usual kind is read as it is meant, and what is none, or too much, is refused in one line before it is decoded."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

pil = pytest.importorskip("PIL.Image", reason="needs Pillow, in kinetoken[image]")
from PIL import ImageFile as PilFile

from kinetoken.base.errors import FormatError, InputError, MissingPackageError
from kinetoken.generation.image_file import (
    FEWEST_CELLS,
    MOST_ELONGATED,
    MOST_IMAGE_BYTES,
    ImageFile,
    array_pixels,
    fitted_size,
)

CELL = 28
RED, WHITE = (200, 30, 40), (255, 255, 255)


def picture(width: int = 112, height: int = 84) -> Any:
    """Left half dark, right half bright, a red corner above on the left."""
    array = np.zeros((height, width, 3), np.uint8)
    array[:, width // 2 :] = (90, 160, 250)
    array[: height // 3, : width // 3] = RED
    return pil.fromarray(array)


def saved(image: Any, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def read(folder: Path, data: bytes, cells: int = 256) -> NDArray[np.uint8]:
    path = folder / "picture"
    path.write_bytes(data)
    file = ImageFile(str(path), cells)
    file.check()
    return file.pixels(CELL)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF"])
def test_every_usual_kind_is_the_same_picture(tmp_path: Path, kind: str) -> None:
    options = (
        {"lossless": True}
        if kind == "WEBP"
        else {"quality": 100, "subsampling": 0}
        if kind == "JPEG"
        else {}
    )
    got = read(tmp_path, saved(picture(), kind, **options))
    assert (got.shape, got.dtype) == ((84, 112, 3), np.uint8)
    np.testing.assert_allclose(
        got.astype(int), np.asarray(picture()).astype(int), atol=12 if kind == "JPEG" else 2
    )


@pytest.mark.parametrize("turn", range(2, 9))
def test_a_photograph_is_seen_upright_however_the_camera_was_held(
    tmp_path: Path, turn: int
) -> None:
    """EXIF orientations 2 to 8: the picture is stored so that the mark makes it upright again."""
    back = {2: pil.Transpose.FLIP_LEFT_RIGHT, 3: pil.Transpose.ROTATE_180, 4: pil.Transpose.FLIP_TOP_BOTTOM,
            5: pil.Transpose.TRANSPOSE, 6: pil.Transpose.ROTATE_90, 7: pil.Transpose.TRANSVERSE, 8: pil.Transpose.ROTATE_270}  # fmt: skip
    exif = pil.Exif()
    exif[0x0112] = turn
    got = read(tmp_path, saved(picture().transpose(back[turn]), "PNG", exif=exif))
    np.testing.assert_array_equal(got, np.asarray(picture()))


def test_what_shines_through_is_white(tmp_path: Path) -> None:
    clear = pil.new("RGBA", (56, 56), (*RED, 0))
    clear.paste((*RED, 255), (0, 0, 28, 56))
    for image in (clear, clear.convert("LA"), clear.quantize(16)):
        got = read(tmp_path, saved(image, "PNG"))
        np.testing.assert_array_equal(got[:, 28:], np.full((56, 28, 3), 255))
        assert got[:, :28].max() < 255


def test_other_colours_than_rgb(tmp_path: Path) -> None:
    grey = (np.arange(56 * 56).reshape(56, 56) * 20).astype(np.uint16)
    deep = read(tmp_path, saved(pil.fromarray(grey), "PNG"))
    np.testing.assert_allclose(deep[..., 0].astype(int), grey.astype(int) >> 8, atol=1)
    assert (read(tmp_path, saved(pil.new("1", (56, 56), 1), "PNG")) == 255).all()
    ink = read(tmp_path, saved(pil.new("CMYK", (56, 56), (0, 255, 255, 0)), "JPEG"))
    assert ink[..., 0].min() > 240
    assert ink[..., 1:].max() < 40


def test_the_first_picture_of_many_is_seen(tmp_path: Path) -> None:
    more = [pil.new("RGB", (56, 56), WHITE)]
    for kind in ("GIF", "WEBP"):
        data = saved(
            pil.new("RGB", (56, 56), RED), kind, save_all=True, append_images=more, lossless=True
        )
        np.testing.assert_allclose(read(tmp_path, data).reshape(-1, 3)[7].astype(int), RED, atol=2)


@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(4, 1500))
@example(10, 1500, 256)
@example(1, 200, 4)
@example(4000, 20, 4)
def test_a_picture_is_seen_in_whole_cells_and_keeps_its_shape(
    width: int, height: int, cells: int
) -> None:
    if max(width, height) > MOST_ELONGATED * min(width, height):
        return
    wide, high = fitted_size(width, height, CELL, cells)
    columns, rows = wide // CELL, high // CELL
    assert (wide, high) == (columns * CELL, rows * CELL)
    assert min(columns, rows) >= 1
    assert FEWEST_CELLS <= columns * rows <= cells or min(columns, rows) == 1
    assert columns * rows <= cells
    if min(columns, rows) > 3 and width * height > CELL**2 * FEWEST_CELLS:
        assert 0.7 < (wide / high) / (width / height) < 1.4


def test_the_size_is_that_of_the_image_processor_of_the_model() -> None:
    module = "transformers.models.qwen2_vl.image_processing_pil_qwen2_vl"
    theirs = pytest.importorskip(module, reason="needs transformers to compare with").smart_resize
    rng = np.random.default_rng(5)
    for _ in range(2000):
        width, height, cells = (
            int(rng.integers(1, 3000)),
            int(rng.integers(1, 3000)),
            int(rng.integers(64, 1500)),
        )
        if max(width, height) > 12 * min(width, height):  # beyond, theirs may exceed what was asked
            continue
        high, wide = theirs(height, width, CELL, FEWEST_CELLS * CELL**2, cells * CELL**2)
        assert fitted_size(width, height, CELL, cells) == (wide, high)


def png(width: int, height: int, body: bytes = b"") -> bytes:
    """A PNG by hand: it may say of itself what it likes."""
    chunks = [
        (b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(body)),
        (b"IEND", b""),
    ]
    parts = [
        struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def bombs() -> dict[str, bytes]:
    """Small files that say they are immense."""
    jpeg = bytearray(saved(picture(), "JPEG"))
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = struct.pack(">2H", 60000, 60000)
    bmp = bytearray(saved(picture(), "BMP"))
    bmp[18:26] = struct.pack("<2i", 50000, 50000)
    webp = bytearray(saved(picture(), "WEBP", lossless=True))
    webp[21:25] = struct.pack("<I", 15999 | 15999 << 14)
    gif = bytearray(saved(picture(), "GIF"))
    gif[6:10] = struct.pack("<2H", 60000, 60000)
    bodies = {
        "png": png(50000, 50000),
        "png that fills": png(20000, 20000, bytes(1 << 20)),
        "gif": bytes(gif),
    }
    return bodies | {
        "jpeg": bytes(jpeg),
        "bmp": bytes(bmp),
        "webp": bytes(webp),
        "9,000 x 9,000": png(9000, 9000),
    }


def test_bombs_are_refused_before_they_are_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = bombs()

    def burst(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(PilFile.ImageFile, "load", burst)
    monkeypatch.setattr(pil.Image, "load", burst)
    for data in found.values():
        assert len(data) < 30000
        with pytest.raises(
            FormatError, match=r"expected at most 64 million pixels, got .*; make it smaller"
        ):
            read(tmp_path, data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an image that can be read; expected one of JPEG, PNG, WEBP, BMP, GIF"),
        (b"a person walks\n" * 99, "not an image that can be read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image that can be read"),
        (b"II*\0" + bytes(100), "not an image that can be read"),
        (png(10, 3000), "at most 200 times as long as wide, got 10 x 3,000; cut a part"),
        (png(0, 30), r"(not an image|damaged|at most 200 times)"),
    ],
)
def test_what_is_no_image_is_one_line(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message) as caught:
        read(tmp_path, data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF"])
def test_a_truncated_image_is_one_line(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(1)
    data = saved(pil.fromarray(rng.integers(0, 256, (90, 120, 3), np.uint8)), kind)
    for share in (0.02, 0.3, 0.6, 0.9):
        with pytest.raises(
            FormatError, match=r"damaged image|not an image|expected at most"
        ) as caught:
            read(tmp_path, data[: int(len(data) * share)])
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF"])
def test_damaged_bytes_are_an_image_or_one_line(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(2)
    whole, outcomes = saved(picture(60, 60), kind), set()
    for _ in range(150):
        data = bytearray(whole)
        for at in rng.integers(0, len(data), 3):
            data[at] = rng.integers(256)
        try:
            outcomes.add(read(tmp_path, bytes(data)).shape[2])
        except FormatError as error:
            outcomes.add(-str(error).count("\n"))
    assert {0} <= outcomes <= {0, 3}


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    huge = tmp_path / "huge.png"
    with huge.open("wb") as stream:
        stream.truncate(MOST_IMAGE_BYTES + 1)
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    wrong: dict[str, tuple[type[Exception], str]] = {
        "nowhere.jpg": (InputError, "there is no image at"),
        "lost": (InputError, "there is no image at"),
        ".": (InputError, "it is a folder, not a file"),
        "huge.png": (FormatError, "expected an image of at most 67 MB, got 67 MB; save it smaller"),
        "a\0b": (InputError, "cannot be the name of a file"),
        "x" * 300: (InputError, "cannot read"),
    }
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        wrong["pipe"] = (InputError, "it is a pipe, not a file")
    for name, (kind, message) in wrong.items():
        with pytest.raises(kind, match=message):
            ImageFile(str(tmp_path) + "/" + name).check()


@pytest.mark.parametrize("cells", [0, 3, 4097, -1])
def test_a_number_of_cells_that_cannot_be(cells: int) -> None:
    with pytest.raises(InputError, match=f"expected 4 to 4096, got {cells}"):
        ImageFile("x.png", cells)


def test_pixels_from_memory_are_checked_and_fitted() -> None:
    array = np.asarray(picture(1120, 840))
    got = array_pixels(array, CELL, 100)
    assert got.shape == (8 * CELL, 11 * CELL, 3)
    wrong: tuple[tuple[Any, str], ...] = (
        (array.astype(np.float32), r"of uint8, got \(840, 1120, 3\) float32"), (array[..., 0], r"got \(840, 1120\)"),
        (array[:0], "of uint8, got"), (7, "got int"), (np.zeros((1, 400, 3), np.uint8), "200 times"),
    )  # fmt: skip
    for value, message in wrong:
        with pytest.raises((InputError, FormatError), match=message):
            array_pixels(value, CELL)


def test_without_pillow_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_bytes(saved(picture(), "PNG"))
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(
        MissingPackageError,
        match=r'Pillow, which is not installed: in the clone of kinetoken, pip install "\.\[image\]"',
    ):
        ImageFile(str(tmp_path / "a.png")).check()
