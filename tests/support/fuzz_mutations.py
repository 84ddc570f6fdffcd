"""Ways to spoil an input: bytes, texts, JSON, words of a command line. One seed, one outcome."""

from __future__ import annotations

import copy
import json
import random
import re
from typing import Any, Final

ODD_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, -1, 0, 1, 2, 7, 255, 2**16, 2**31, 2**53, 2**62, 2**63, 2**64, 10**30, -(10**30), 0.5, -0.0,
    1e-320, 3e38, 1e38, 1e308, -1e308, float("nan"), float("inf"), float("-inf"), "", "x", " ", "\x1b[31mred", "a\x00b",
    "../../etc/passwd", "/etc/passwd", "C:\\x", "a" * 70, "ä" * 40, "\ud800", "\u202e", "{code}", "{level}", "%s{0}", "5",
    [], {}, [[]], [None], [0, 1], [1, 0], [-1, 5], [0, 2**62], ["x"], {"a": 1}, {"": {}},
)  # fmt: skip
RAW_JSON: Final = (
    "[" * 900, "[" * 90 + "]" * 90, "[" * 300 + "]" * 300, '{"a":' * 2000 + "1" + "}" * 2000, "9" * 5000,
    "-" + "9" * 39, "1e999", "1e-999", "0.1e", "tru", '"\\ud800"', '"\\x"', "NaN", "\x00", "\\",
)  # fmt: skip
ODD_WORDS: Final = (
    "", " ", "-", "--", "---", "-1", "0", "1", "2", "3", "nan", "inf", "-inf", "1e400", "1e-400", "0x10", "1_0", "٣", "²",
    "9" * 19, "9" * 400, "9" * 5000, "2.5", "x", "é", "\udcff", "a\tb", "a\nb", "\x1b]0;x\x07", "%d%s", "{0}", "$HOME", "~", ".",
    "..", "/", "/dev/null", "/dev/zero", "/proc/self/mem", "nothing.npz", "nothing/x.npz", "x.npz", "x.bvh", "x.tar.gz", "x.",
    ".npz", "a" * 300, "a/" * 200, "hf:", "hf:a", "hf:a/b", "hf:a/../b", "a/b", "http://", "http://a b/", "http://a..b",
    "http://[::1", "http://127.0.0.1:1", "http://127.0.0.1:999999", "http://" + "a" * 64, "https://u:p@h/", "ftp://x", "8GB",
    "1e9GB", "-8GB", "4,2", "4,,2", ",", "0,1", "99,1", "auto", "full", "coarse", "english", "y", "-z", "m", "cm", "0.01",
    "--help", "--bundle", "--json", "seed=1,2", "bundle=,", "a person walks", "a person waves for eight seconds",
)  # fmt: skip
_NUMBER: Final = re.compile(rb"-?\d+(\.\d+)?")


class Mutator:
    """Draws of one case."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)

    def odd(self) -> Any:
        return copy.deepcopy(self.draw.choice(ODD_VALUES))

    def word(self) -> str:
        return self.draw.choice(ODD_WORDS)

    def some(self, chance: float) -> bool:
        return self.draw.random() < chance

    def data(self, raw: bytes) -> bytes:
        """Bytes with one to four changes."""
        out = bytearray(raw)
        for _ in range(self.draw.randint(1, 4)):
            out = self._changed(out)
        return bytes(out)

    def _changed(self, out: bytearray) -> bytearray:
        size = len(out)
        at = self.draw.randrange(size) if size else 0
        early = self.draw.randrange(min(size, 400)) if size else 0
        at = early if self.some(0.5) else at
        way = self.draw.randrange(8)
        if way == 0:
            return out[:at]
        if way == 1:
            del out[at : at + self.draw.choice((1, 2, 4, 16, 200))]
        elif way == 2:
            out[at:at] = self.draw.randbytes(self.draw.choice((1, 2, 4, 30)))
        elif way == 3 and size:
            out[at] ^= 1 << self.draw.randrange(8)
        elif way == 4:
            value = self.draw.choice((0, 1, 0x7F, 0x80, 0xFF))
            out[at : at + 4] = bytes([value]) * min(4, size - at)
        elif way == 5:
            out[at:at] = out[at : at + self.draw.choice((1, 16, 300))]
        elif way == 6:
            return self._other_number(out)
        else:
            out[at:at] = self.draw.choice(
                ("\n", "\x00", "\r", " ", "{", "}", "\ufeff", "\u2028")
            ).encode()
        return out

    def _other_number(self, out: bytearray) -> bytearray:
        found = list(_NUMBER.finditer(bytes(out[:20_000])))
        if not found:
            return out
        number = self.draw.choice(found)
        odd = (
            b"-1",
            b"0",
            b"1",
            b"1e308",
            b"nan",
            b"9" * 12,
            b"9" * 500,
            b"1e",
            b"0.0.0",
            b"4294967295",
        )
        out[number.start() : number.end()] = self.draw.choice(odd)
        return out

    def json(self, value: Any) -> bytes:
        """The JSON of a value with one to three changes, sometimes spoiled as a text too."""
        value = copy.deepcopy(value)
        for _ in range(self.draw.randint(1, 3)):
            value = self._other_value(value)
        text = json.dumps(value)
        if self.some(0.15):
            found = [m.span() for m in re.finditer(r"(?<=[:\[,] )(\d+|\"[^\"]*\"|null|true)", text)]
            if found:
                begin, end = self.draw.choice(found)
                text = text[:begin] + self.draw.choice(RAW_JSON) + text[end:]
        raw = text.encode("utf-8", "surrogatepass")
        return self.data(raw) if self.some(0.1) else raw

    def _other_value(self, value: Any) -> Any:
        """The value with something changed at a place of it."""
        places = list(_places(value))
        if not places:
            return self.odd()
        inside, key = self.draw.choice(places)
        way = self.draw.randrange(7)
        if way == 0:
            del inside[key]
        elif way == 1 and isinstance(inside, dict):
            inside[self.draw.choice(("x", "", "__class__", key + "s"))] = self.odd()
        elif way == 2:
            inside[key] = [inside[key]]
        elif way == 3:
            other, there = self.draw.choice(places)
            inside[key] = copy.deepcopy(other[there]) if _has(other, there) else self.odd()
        else:
            inside[key] = self.odd()
        return value if not self.some(0.01) else self.odd()


def _places(value: Any) -> Any:
    """All places of a JSON value: the container and the key or index; of long lists the first."""
    if isinstance(value, dict):
        for key in list(value)[:300]:
            yield value, key
            yield from _places(value[key])
    elif isinstance(value, list):
        for index in range(min(len(value), 8)):
            yield value, index
            yield from _places(value[index])


def _has(inside: Any, key: Any) -> bool:
    return key in inside if isinstance(inside, dict) else key < len(inside)
