"""Words of a server without the key that it was sent, however it disguises it.

A hostile or careless server may say the key in an error, which ends in terminals, logs and reports.
Where it stands as it is, it is masked. Where it seems to stand in another form, nothing is shown.
"""

from __future__ import annotations

import base64
import codecs
import html
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from urllib.parse import unquote

MASK: Final = "***"
NOT_SHOWN: Final = "(not shown: it seems to hold the key)"
_TELLING: Final = 8
"""Letters and digits in a row, of any form of the key, that tell too much of it."""
_LEAST: Final = 4
"""Letters of a form; fewer are no secret, and stand in any text."""
_UNPACKED: Final = 3  # times that a text may be packed in "%25" or "&amp;"


@dataclass(frozen=True)
class KeyMask:
    """Knows the forms of one key."""

    key: str

    def shown(self, text: str) -> str:
        """The text with the key masked, or NOT_SHOWN where it has another form of it."""
        masked = text.replace(self.key, MASK)
        return NOT_SHOWN if self._is_hidden_in(masked) else masked

    def _is_hidden_in(self, text: str) -> bool:
        return any(
            letters[at : at + size] in self._pieces
            for letters in map(_letters, _unpacked(text))
            for size in self._sizes
            for at in range(len(letters) - size + 1)
        )

    @cached_property
    def _pieces(self) -> frozenset[str]:
        """Telling pieces of all forms of the key."""
        pieces = set()
        for form in _forms(self.key):
            letters = _letters(form)
            size = min(_TELLING, len(letters))
            if size >= _LEAST:
                pieces |= {letters[at : at + size] for at in range(len(letters) - size + 1)}
        return frozenset(pieces)

    @cached_property
    def _sizes(self) -> tuple[int, ...]:
        return tuple({len(piece) for piece in self._pieces})


def _letters(text: str) -> str:
    """Letters and digits alone, all small: spaces, dashes and quotes hide nothing."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in plain if c.isalnum())


def _unpacked(text: str) -> Iterator[str]:
    """The text, and what it stands for if it is escaped as in URLs, web pages or source code."""
    yield text
    packed = text
    for _ in range(_UNPACKED):
        packed = html.unescape(unquote(packed.replace("=", "%")))  # quoted-printable, too
        yield packed
    for _ in range(_UNPACKED):
        text = html.unescape(unquote(text))
        yield text
    yield _unescaped(text)


def _unescaped(text: str) -> str:
    r"""What "\x73" and "\u0073" stand for."""
    try:
        return text.encode("ascii", "ignore").decode("unicode_escape")
    except UnicodeDecodeError:
        return ""


def _forms(key: str) -> Iterator[str]:
    """The ways in which a key may be written."""
    for way in (key, key[::-1]):
        data = way.encode()
        yield way
        yield codecs.encode(way, "rot13")
        yield data.hex()
        yield "".join(str(byte) for byte in data)
        yield "".join(f"{byte:08b}" for byte in data)
        yield from _inner(data, base64.b64encode, 6)
        yield from _inner(data, base64.b32encode, 5)
        yield from _inner(base64.b64encode(data), base64.b64encode, 6)


def _inner(data: bytes, encode: Callable[[bytes], bytes], bits: int) -> Iterator[str]:
    """The letters that encode these bytes alone, wherever in a longer text they may begin."""
    for before in range(5 if bits == 5 else 3):
        letters = encode(bytes(before) + data).decode()
        yield letters[-(-before * 8 // bits) : (before + len(data)) * 8 // bits]
