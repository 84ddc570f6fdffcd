"""Letters: the viewer's own font, those of the machine, and letters that no font has."""

from __future__ import annotations

import ctypes.util
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFont

from kinetoken_viewer.hud.lettering import Lettering
from kinetoken_viewer.hud.system_fonts import fonts_for
from kinetoken_viewer.hud.text import WHITE_TEXT, text_image, wrap
from kinetoken_viewer.hud.typeface import OWN_FONT, own_typeface, system_typeface

SIZE = 26
LATIN = "“a person walks”, человек идёт, φως άνθρωπος, Tiếng Việt"
KANA, NOBODYS, HALF = "\u3042", "\U0003fffd", "\ud83d"
SCRIPT = f"""
import sys
import numpy as np
from kinetoken_viewer.hud.text import WHITE_TEXT, text_image
for index, text in enumerate(sys.argv[2:]):
    picture = np.asarray(text_image((text,), {SIZE}, WHITE_TEXT))
    np.save(sys.argv[1] + str(index) + ".npy", picture)
"""


def drawn(text: str) -> NDArray[np.uint8]:
    """(h, w, 4) the line as the viewer draws it here."""
    return np.asarray(text_image((text,), SIZE, WHITE_TEXT))


def fonts_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets child processes find the fonts of this folder alone."""
    if ctypes.util.find_library("fontconfig") is None:
        pytest.skip("libfontconfig is not installed: apt-get install libfontconfig1")
    settings = folder / "fonts.conf"
    settings.write_text(
        f"<fontconfig><dir>{folder}</dir><cachedir>{folder}/cache</cachedir></fontconfig>"
    )
    monkeypatch.setenv("FONTCONFIG_FILE", str(settings))


def font_of_kana(path: Path) -> None:
    """Writes a font that has one letter of Japanese, no Latin, and quotation marks of its own."""
    builder = pytest.importorskip("fontTools.fontBuilder")
    pens = pytest.importorskip("fontTools.pens.ttGlyphPen")
    font = builder.FontBuilder(1000, isTTF=True)
    shapes = {".notdef": 700, "kana": 500, "quote": 900}
    font.setupGlyphOrder(list(shapes))
    font.setupCharacterMap({ord(KANA): "kana", ord("“"): "quote", ord("”"): "quote"})
    glyphs = {}
    for name, side in shapes.items():
        pen = pens.TTGlyphPen(None)
        pen.moveTo((100, 0))
        for corner in ((100, side), (side, side), (side, 0)):
            pen.lineTo(corner)
        pen.closePath()
        glyphs[name] = pen.glyph()
    font.setupGlyf(glyphs)
    font.setupHorizontalMetrics(dict.fromkeys(shapes, (1000, 100)))
    font.setupHorizontalHeader(ascent=900, descent=-100)
    font.setupNameTable({"familyName": "Kana", "styleName": "Regular"})
    font.setupOS2(sTypoAscender=900)
    font.setupPost()
    font.save(path)


def test_the_own_font_has_latin_greek_and_cyrillic_and_is_small() -> None:
    assert own_typeface(SIZE).has(LATIN + "ÀÿĀſẞẼỹΩωЀӿ…€£₽№")
    assert not own_typeface(SIZE).has(KANA)
    assert Path(OWN_FONT.path).stat().st_size < 400_000
    licence = Path(OWN_FONT.path).with_name("LICENSE.noto").read_text(encoding="utf-8")
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence
    assert "Copyright 2015 Google LLC" in licence


def test_latin_looks_the_same_whatever_is_installed(
    python, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = []
    for name in ("none", "kana"):
        folder = tmp_path / name
        folder.mkdir()
        if name == "kana":
            font_of_kana(folder / "kana.ttf")
        fonts_of(folder, monkeypatch)
        done = python("-c", SCRIPT, str(folder / "line"), LATIN, KANA, f"“{KANA} walks”")
        assert done.returncode == 0, done.stderr[-2000:]
        pictures.append([np.load(folder / f"line{index}.npy") for index in range(3)])
    (bare, box, _), (full, kana, mixed) = pictures
    np.testing.assert_array_equal(bare, full)
    np.testing.assert_array_equal(bare, drawn(LATIN))
    assert box.shape != kana.shape
    filled = kana[..., 3] == 255
    assert filled.sum() > 80  # the square of the test's font, not a frame
    end = drawn("walks”")
    np.testing.assert_array_equal(mixed[:, -end.shape[1] + 12 :, 3], end[:, 12:, 3])


def test_letters_that_no_font_has_are_told_apart() -> None:
    boxes = [drawn(letter) for letter in (NOBODYS, "\U0003fffc", "\ufffd", HALF)]
    assert (boxes[0] != boxes[1]).any()  # their numbers
    assert boxes[0].shape != boxes[2].shape
    np.testing.assert_array_equal(boxes[2], boxes[3])
    assert Lettering(SIZE).length(f"a{NOBODYS}b") > Lettering(SIZE).length("ab") + SIZE / 2
    np.testing.assert_array_equal(drawn("a\u200bb\x07"), drawn("ab"))


def test_a_mark_stays_on_its_letter() -> None:
    np.testing.assert_array_equal(drawn("e\u0301"), drawn("é"))
    assert Lettering(SIZE).length("x\u0303") == Lettering(SIZE).length("x")


@pytest.mark.parametrize("text", ["歩く", "一个人向前走", "걷는다", "يمشي", "चलता", "💃"])
def test_other_scripts_come_from_the_machine(text: str) -> None:
    face = system_typeface(text, SIZE)
    if face is None:
        pytest.skip(f"no font of this machine has {text}")
    assert face.has(text)
    assert not face.has(NOBODYS)
    image = Image.new("RGBA", (300, 60))
    Lettering(SIZE).draw(image, (4, 4), text, WHITE_TEXT)
    assert np.asarray(image)[..., 3].sum() > 1000
    assert Lettering(SIZE).length(text) == pytest.approx(face.length(text))
    assert Lettering(SIZE).length(f"“{text}”") == pytest.approx(
        face.length(text) + Lettering(SIZE).length("“”"), abs=2.0
    )


def test_words_between_two_of_a_script_from_right_to_left_stay_with_it() -> None:
    if system_typeface("يمشي", SIZE) is None:
        pytest.skip("no font of this machine has Arabic")
    face = system_typeface("يمشي", SIZE)
    assert face is not None
    line = "شخص يمشي"
    assert Lettering(SIZE).length(line) == pytest.approx(face.length(line))


def test_fonts_that_cannot_be_read_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"no font")
    asked: list[str] = []

    def truetype(path: str, *rest: object, **more: object) -> object:
        asked.append(path)
        raise OSError("unknown file format")

    monkeypatch.setattr(ImageFont, "truetype", truetype)
    assert system_typeface("\u4e00\u4e8c", 31) is None
    assert bool(asked) == bool(list(fonts_for("\u4e00\u4e8c")))


def test_a_long_word_is_broken_where_the_line_ends() -> None:
    lines = wrap("走" * 3000, 20, 400)
    assert "".join(lines) == "走" * 3000
    face = Lettering(20)
    assert all(face.length(line) <= 400 for line in lines)
    assert all(face.length(line + "走") > 400 for line in lines[:-1])
