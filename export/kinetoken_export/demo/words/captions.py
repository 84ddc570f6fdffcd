"""Captions and thoughts drawn from phrases.py, in many forms.

Unknown words are mixed in so that they change nothing.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from ..data.cutting import Window
from .phrases import JOINS, PHRASES, THOUGHTS
from .word_lists import ADJECTIVES, NOUNS, OPENERS, SCENES, SUBJECTS, SUFFIXES, SYLLABLES

_THIRD: Final = {
    "do": "does",
    "go": "goes",
    "be": "is",
    "dash": "dashes",
    "have": "has",
    "bust": "busts",
}
_ING: Final = {
    "be": "being", "seat": "seating", "get": "getting", "run": "running", "jog": "jogging",
    "sit": "sitting", "step": "stepping", "hop": "hopping", "swim": "swimming", "dab": "dabbing",
    "hit": "hitting", "squat": "squatting", "plod": "plodding", "jab": "jabbing",
    "spin": "spinning", "spar": "sparring", "put": "putting", "scrub": "scrubbing",
    "stop": "stopping", "shadow": "shadow", "box": "boxing",
}  # fmt: skip


class Captions:
    """Draws captions and thoughts, never a wording in `forbidden`, which evaluation needs."""

    def __init__(self, seed: int, forbidden: frozenset[str] = frozenset()) -> None:
        self.random = np.random.default_rng(seed)
        self.forbidden = forbidden

    def caption(self, window: Window) -> str:
        """One way to ask for what a window shows."""
        return self._fresh(lambda: self._sentence(self._phrase(window)))

    def pair(self, first: Window, second: Window) -> str:
        """One way to ask for two actions in turn."""

        def draw() -> str:
            a, b = self._phrase(first), self._phrase(second)
            joined = self._pick(JOINS)
            return self._sentence(joined.format(a=a, b=b, b_ing=_form(b, "ing")))

        return self._fresh(draw)

    def thought(self, window: Window) -> str:
        """A first-person line about what a window shows."""
        return _filled(self._pick(THOUGHTS[window.action]), window)

    def _fresh(self, draw: object) -> str:
        assert callable(draw)
        while True:
            text: str = draw()
            if normalized(text) not in self.forbidden:
                return text

    def _phrase(self, window: Window) -> str:
        return _filled(self._pick(PHRASES[window.action]), window)

    def _sentence(self, phrase: str) -> str:
        if self.random.random() < 0.3:
            text = self._pick(OPENERS).format(base=_form(phrase, "base"))
        else:
            form = self._pick(SCENES)
            text = form.format(
                subject=self._subject(),
                third=_form(phrase, "third"),
                ing=_form(phrase, "ing"),
                base=_form(phrase, "base"),
            )
        for _ in range(int(self.random.choice([0, 1, 2], p=[0.5, 0.38, 0.12]))):
            text = f"{text} {self._pick(SUFFIXES).format(noun=self._noun())}"
        if self.random.random() < 0.1:
            text = f"{self._noun()} {text}"
        return self._dressed(text)

    def _subject(self) -> str:
        draw = self.random.random()
        if draw < 0.6:
            return self._pick(SUBJECTS)
        if draw < 0.9:
            described = (
                self._pick(ADJECTIVES) if self.random.random() < 0.7 else f"{self._noun()}-like"
            )
            who = (
                self._noun()
                if self.random.random() < 0.5
                else self._pick(("man", "woman", "boy", "girl", "person", "guy", "lady"))
            )
            return f"{self._pick(('a', 'the', 'my', 'this'))} {described} {who}"
        return (
            f"{self._pick(('a', 'the', 'my'))} {self._noun()}"
            if draw < 0.96
            else self._pseudo_word()
        )

    def _noun(self) -> str:
        return self._pick(NOUNS) if self.random.random() < 0.7 else self._pseudo_word()

    def _pseudo_word(self) -> str:
        return "".join(self._pick(SYLLABLES) for _ in range(int(self.random.integers(2, 5))))

    def _dressed(self, text: str) -> str:
        """Capital letter, full stop, a stray typo: as people type."""
        draw = self.random.random()
        if draw < 0.3:
            text = text[0].upper() + text[1:]
        if self.random.random() < 0.3:
            text += self._pick((".", ".", "!"))
        if self.random.random() < 0.04 and len(text) > 12:
            at = int(self.random.integers(1, len(text) - 1))
            text = text[:at] + text[at + 1 :]
        return text

    def _pick(self, options: tuple[str, ...]) -> str:
        return options[int(self.random.integers(len(options)))]


def normalized(text: str) -> str:
    """A caption without case, punctuation and double blanks, to compare wordings by."""
    return " ".join(re.findall(r"[a-z0-9']+", text.lower()))


def _filled(text: str, window: Window) -> str:
    style = window.style if window.action == "dance" else ""
    return " ".join(text.format(side=window.side, style=style).split()).replace(" .", ".")


def _form(phrase: str, form: str) -> str:
    """A phrase with its ~verbs in base form, third person or -ing."""
    conjugate = {"base": lambda v: v, "third": _third, "ing": _ing}[form]
    return re.sub(r"~(\w+)", lambda m: conjugate(m.group(1)), phrase)


def _third(verb: str) -> str:
    if verb in _THIRD:
        return _THIRD[verb]
    if verb.endswith(("ch", "sh", "x", "s")):
        return verb + "es"
    return verb[:-1] + "ies" if verb.endswith("y") and verb[-2] not in "aeou" else verb + "s"


def _ing(verb: str) -> str:
    if verb in _ING:
        return _ING[verb]
    return verb[:-1] + "ing" if verb.endswith("e") and not verb.endswith("ee") else verb + "ing"
