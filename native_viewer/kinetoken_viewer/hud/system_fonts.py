"""Fonts of the machine, for letters that the viewer's own font lacks.

fontconfig chooses where it is installed; elsewhere the usual fonts of each system are tried by
name.
"""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import functools
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

_USUAL: Final = (
    "msyh.ttc", "msgothic.ttc", "malgun.ttf", "segoeui.ttf", "Nirmala.ttc", "Nirmala.ttf",
    "LeelawUI.ttf", "seguiemj.ttf", "seguisym.ttf",
    "Arial Unicode.ttf", "PingFang.ttc", "Hiragino Sans GB.ttc", "AppleSDGothicNeo.ttc",
    "GeezaPro.ttc", "Kohinoor.ttc", "Thonburi.ttc", "Apple Color Emoji.ttc", "Apple Symbols.ttf",
    "NotoSansCJK-Regular.ttc", "NotoSansArabic-Regular.ttf", "NotoSansHebrew-Regular.ttf",
    "NotoSansDevanagari-Regular.ttf", "NotoSansThai-Regular.ttf", "NotoColorEmoji.ttf",
    "DejaVuSans.ttf", "DroidSansFallbackFull.ttf", "wqy-microhei.ttc", "wqy-zenhei.ttc",
)  # fmt: skip
"""Of Windows, macOS, and Linux without fontconfig; Pillow looks for them where fonts lie."""
_FILE, _INDEX, _CHARSET = b"file", b"index", b"charset"  # names of properties
_MATCH_PATTERN: Final = 0  # FcMatchPattern
_MATCHED: Final = 0  # FcResultMatch


class FontFile(NamedTuple):
    """A font in a file, which may hold several."""

    path: str
    """A path, or a name that Pillow looks for."""
    number: int = 0
    """Of the fonts in the file."""


def fonts_for(letters: str) -> Iterator[FontFile]:
    """Fonts that may have all of these letters, the best guess first."""
    library = _fontconfig()
    if library is None:
        yield from (FontFile(name) for name in _USUAL)
        return
    found = _matched(library, letters)
    if found is not None:
        yield found


@functools.lru_cache(maxsize=1)
def _fontconfig() -> Any:
    """The library, or None where there is none or it finds no configuration."""
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(ctypes.util.find_library("fontconfig") or "libfontconfig.so.1")
        for name, result, *arguments in _FUNCTIONS:
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
        if library.FcInit():
            return library
    return None


_P, _I, _S = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
_FUNCTIONS: Final = (
    ("FcInit", _I),
    ("FcPatternCreate", _P),
    ("FcPatternDestroy", None, _P),
    ("FcCharSetCreate", _P),
    ("FcCharSetDestroy", None, _P),
    ("FcCharSetAddChar", _I, _P, ctypes.c_uint32),
    ("FcPatternAddCharSet", _I, _P, _S, _P),
    ("FcPatternAddBool", _I, _P, _S, _I),
    ("FcPatternAddString", _I, _P, _S, _S),
    ("FcConfigSubstitute", _I, _P, _P, _I),
    ("FcDefaultSubstitute", None, _P),
    ("FcFontMatch", _P, _P, _P, ctypes.POINTER(_I)),
    ("FcPatternGetString", _I, _P, _S, _I, ctypes.POINTER(_S)),
    ("FcPatternGetInteger", _I, _P, _S, _I, ctypes.POINTER(_I)),
)  # fmt: skip
"""Functions of fontconfig: name, result, arguments."""


def _matched(library: Any, letters: str) -> FontFile | None:
    """The font without serifs that covers the letters best, in the user's language."""
    pattern, charset = library.FcPatternCreate(), library.FcCharSetCreate()
    try:
        for letter in letters:
            library.FcCharSetAddChar(charset, ord(letter))
        library.FcPatternAddCharSet(pattern, _CHARSET, charset)
        library.FcPatternAddString(pattern, b"family", b"sans-serif")
        library.FcConfigSubstitute(None, pattern, _MATCH_PATTERN)
        library.FcDefaultSubstitute(pattern)
        result = ctypes.c_int(-1)
        match = library.FcFontMatch(None, pattern, ctypes.byref(result))
        if not match:
            return None
        try:
            return _file_of(library, match)
        finally:
            library.FcPatternDestroy(match)
    finally:
        library.FcCharSetDestroy(charset)
        library.FcPatternDestroy(pattern)


def _file_of(library: Any, match: Any) -> FontFile | None:
    path, index = ctypes.c_char_p(), ctypes.c_int(0)
    if library.FcPatternGetString(match, _FILE, 0, ctypes.byref(path)) != _MATCHED:
        return None
    library.FcPatternGetInteger(match, _INDEX, 0, ctypes.byref(index))
    # The upper half of the index names an instance of a variable font.
    return FontFile((path.value or b"").decode("utf-8", "surrogateescape"), index.value & 0xFFFF)
