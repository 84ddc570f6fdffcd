"""Nonsense as people type it to try a model: mashed keys, made-up words, signs and digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

_ROWS: Final = (
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm,.;",
    "1234567890",
    "asdf jkl;",
    "qwertz",
    "hjkl fdsa",
)
_SIGNS: Final = "!?#@%&*+=-_/.,;:~^|<>$"
_FIRST: Final = ("b", "bl", "br", "d", "dr", "f", "fl", "fn", "g", "gl", "gn", "gr", "j", "k", "kr", "m",
    "n", "p", "pl", "qu", "sch", "shl", "skw", "sn", "spl", "t", "tr", "v", "vl", "w", "x", "z", "zw")  # fmt: skip
_MIDDLE: Final = ("a", "e", "i", "o", "u", "oo", "ee", "ou", "ai", "u", "o", "i")
_LAST: Final = ("b", "bbix", "ffle", "g", "gle", "k", "lb", "lx", "mp", "ndo", "ng", "p", "r", "rf", "rgle",
    "rp", "sh", "sk", "zzle", "v", "x", "zz", "nk", "bo", "dle", "pf", "lk")  # fmt: skip
_SENTENCES: Final = ("{a} the {b}", "{a} {b}", "{a} {b} {a}", "please {a} the {b}", "do the {a}", "{a} my {b}",
    "can you {a}", "a person {a}s the {b}", "{a}", "the {a} {b}s", "{a} and {b}", "{b} is very {a}",
    "now {a} twice", "go {a} a {b}", "{a} with your {b}", "do a {a} {b}", "{a}!", "my {a} {b}")  # fmt: skip


class Gibberish:
    """Draws nonsense."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random
        self._makers: tuple[Callable[[], str], ...] = (
            self._mashed,
            self._letters,
            self._made_up,
            self._made_up,
            self._made_up,
            self._signs,
        )

    def draw(self) -> str:
        """One text that means nothing."""
        return self._makers[int(self._random.integers(len(self._makers)))]()

    def _number(self, low: int, high: int) -> int:
        return int(self._random.integers(low, high))

    def _pick(self, options: tuple[str, ...] | str) -> str:
        return options[self._number(0, len(options))]

    def _mashed(self) -> str:
        """Neighbouring keys."""
        out = ""
        for _ in range(self._number(1, 4)):
            row = self._pick(_ROWS)
            at = self._number(0, 5)
            piece = row[at : at + self._number(2, 7)]
            out += piece[::-1] if self._random.random() < 0.3 else piece
        return out.strip() * self._number(1, 3) or "asdf"

    def _letters(self) -> str:
        """Letters without order."""
        words = [
            "".join(self._pick("bcdfghjklmnpqrstvwxzaeiouy") for _ in range(self._number(3, 10)))
            for _ in range(self._number(1, 4))
        ]
        return " ".join(words)

    def _word(self) -> str:
        return self._pick(_FIRST) + self._pick(_MIDDLE) + self._pick(_LAST)

    def _made_up(self) -> str:
        """Words that are none, in a sentence."""
        return self._pick(_SENTENCES).format(a=self._word(), b=self._word())

    def _signs(self) -> str:
        """Signs and digits."""
        signs = "".join(self._pick(_SIGNS) for _ in range(self._number(1, 4)))
        digits = "".join(self._pick("0123456789 ") for _ in range(self._number(2, 9))).strip()
        draw = self._random.random()
        if draw < 0.4:
            return signs * self._number(2, 5)
        return (
            f"{digits or '42'}{signs}" if draw < 0.7 else f"{self._pick('abxyzqk')}{digits} {signs}"
        )
