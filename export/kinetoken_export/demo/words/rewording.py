"""The same request as other people would type it: frames, subjects, case, punctuation, typos."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

import numpy as np

from .action_names import VERBS
from .frames import FRAMES, SUBJECTS, THIRD_FRAMES
from .spelling import conjugated, language, third

_Option = TypeVar("_Option")
_SUBJECT: Final = re.compile(
    r"^(?:the |a |an |my |our |this )?(?:person|man|woman|guy|girl|boy|child|robot|figure|subject|"
    r"character|actor|human|kid|lady|someone|somebody|he|she)(?= )"
)
_IS_ING: Final = re.compile(r"^is (?=\w+ing)")
_BESIDE: Final = {
    "a": "sqz", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj",
    "i": "uo", "j": "hk", "k": "jl", "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o", "q": "w",
    "r": "et", "s": "ad", "t": "ry", "u": "yi", "v": "cb", "w": "qe", "x": "zc", "y": "tu", "z": "x",
}  # fmt: skip
# Which look like verbs where "as", "is" and "rights" were typed behind a subject.
_NO_VERBS: Final = frozenset({"a", "i", "to", "black", "single", "right", "line", "deck"})
_MOST_WORDS: Final = 9  # of an imperative that is put into a frame


class Rewording:
    """Draws other wordings of English requests; others keep theirs but for case and full stop."""

    def __init__(self, texts: Iterable[str], random: np.random.Generator) -> None:
        """`texts`: captions, from which the verbs that people use are learnt."""
        self.random = random
        self.verbs = _verbs(list(texts))

    def pick(self, options: Sequence[_Option]) -> _Option:
        """One of these."""
        return options[int(self.random.integers(len(options)))]

    def is_imperative(self, text: str) -> bool:
        """Tell whether a short text tells somebody to do something."""
        words = text.lower().split()
        return (
            0 < len(words) <= _MOST_WORDS
            and words[0] in self.verbs
            and not re.search(r"[.?!:;]", text)
        )

    def framed(self, text: str) -> str:
        """A text in a frame: a polite one, another subject, the third person."""
        if language(text) != "en":
            return text
        draw = self.random.random()
        subject = _SUBJECT.match(text)
        if subject and draw < 0.4:
            return self.pick(SUBJECTS) + text[subject.end() :]
        if not self.is_imperative(text):
            return text
        plain = text[0].lower() + text[1:]
        if draw < 0.2:
            return self.pick(FRAMES).format(x=plain)
        if draw < 0.32 and not re.search(r"\band\b|,|\bme\b|\bmy\b", plain):
            verb, _, rest = plain.partition(" ")
            rest = re.sub(r"\byour\b", self.pick(("their", "his", "her", "the")), rest)
            words = f"{third(verb)} {rest}".strip()
            return self.pick(THIRD_FRAMES).format(s=self.pick(SUBJECTS), x=words)
        return text

    def third_clause(self, text: str) -> str:
        """A short third-person caption from its verb on: claps; nothing of other texts."""
        found = _SUBJECT.match(text)
        words = text[found.end() + 1 :].split() if found else []
        fits = 0 < len(words) <= _MOST_WORDS and words[0].endswith("s") and words[0] != "is"
        return " ".join(words) if fits else ""

    def dressed(self, text: str) -> str:
        """Case, full stop and now and then a typo."""
        if self.random.random() < 0.06:
            text = self._mistyped(text)
        draw = self.random.random()
        if draw < 0.22:
            text = text[0].upper() + text[1:]
        elif draw < 0.26:
            text = text.upper()
        elif draw < 0.5:
            text = text.lower()
        draw = self.random.random()
        if text[-1].isalnum() and draw < 0.26:
            text += self.pick((".", ".", ".", "!", "!", "...", " :)", "!!", "?"))
        elif not text[-1].isalnum() and draw < 0.4:
            text = text.rstrip(".!") or text
        if draw > 0.9:
            text = re.sub(r"[,;]", "", text)
        return text

    def verb(self, action: str, form: str = "base") -> str:
        """A plain way to name an action: base, third or ing."""
        return conjugated(self.pick(VERBS[action]), form)

    def _mistyped(self, text: str) -> str:
        """One slip of the fingers: a letter lost, doubled, swapped or beside the right one."""
        places = [m.span() for m in re.finditer(r"[a-zA-Z]{4,}", text)]
        if not places:
            return text
        start, end = places[int(self.random.integers(len(places)))]
        at = int(self.random.integers(start + 1, end - 1))
        kind = int(self.random.integers(4))
        if kind == 0:
            return text[:at] + text[at + 1 :]
        if kind == 1:
            return text[:at] + text[at] + text[at:]
        if kind == 2:
            return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        beside = self.pick(_BESIDE.get(text[at].lower(), text[at]))
        return text[:at] + beside + text[at + 1 :]


def _verbs(texts: list[str]) -> frozenset[str]:
    """Verbs that begin captions and stand, conjugated, behind a subject or in VERBS."""
    firsts = Counter(text.lower().split()[0] for text in texts)
    behind = set[str]()
    for text in texts:
        found = _SUBJECT.match(text.lower())
        if found:
            rest = text.lower()[found.end() + 1 :].split()
            behind.update(rest[:1])
    named = {phrase.split()[0].strip("~") for mine in VERBS.values() for phrase in mine}
    learnt = {v for v, n in firsts.items() if n >= 2 and v.isalpha() and third(v) in behind}
    return frozenset(named | learnt - _NO_VERBS)
