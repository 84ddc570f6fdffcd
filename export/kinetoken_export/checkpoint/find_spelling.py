"""The spelling of a checkpoint's motion tokens, as the user says or as its tokenizer shows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kinetoken.base.errors import FormatError, InputError
from kinetoken.manifest.spelling import Spelling
from kinetoken.tokens.markup import Markup

_DEFAULT: Final = Spelling()
_NUMBER: Final = re.compile(r"[0-9]+")
_MOTION_WORD: Final = re.compile(r"(?<!e)mot|(?<!re)move|(?<![a-z])m(?![a-z])", re.IGNORECASE)
"""A token's letters that speak of motion: motion, mot, movement, or m alone; no emotion, remote."""
_START_OR_END: Final = re.compile(r"(?<![a-z])[se]om(?![a-z])", re.IGNORECASE)
"""Start or end of motion."""
_ENDS: Final = (("start", "end"), ("begin", "end"), ("bos", "eos"), ("som", "eom"))
"""Words that tell what opens a block from what closes it."""
_FEWEST: Final = 4  # codes
_SAY: Final = "say it with --motion-tokens, such as '<Motion_{code}>', and --move START END"


@dataclass(frozen=True)
class AskedSpelling:
    """The spelling as far as the user says."""

    code: str | None = None
    """A template with {code}, and {level} where a token says its level; None: as found."""
    around: tuple[str, str] | None = None
    """Texts that open and close a block; two empty ones: nothing does. None: as found."""


def find_spelling(
    added: Sequence[str], words: Sequence[str], tokenizer: Path, asked: AskedSpelling
) -> Spelling:
    """The spelling of the motion tokens among added tokens, else among words.

    FormatError if none or several are found.
    """
    code = asked.code or _find_code(added, words, tokenizer)
    if problem := Spelling(code, "", "").problem:
        raise InputError(problem)
    if asked.around is not None:
        start, end = asked.around
    else:
        start, end = _find_around([*added, *_marked_words(words, added)], code, tokenizer)
    spelling = Spelling(code, start, end)
    if problem := spelling.problem:
        raise InputError(problem)
    known = {*added, *words}
    if missing := [text for text in (start, end) if text and text not in known]:
        raise FormatError(
            f"{tokenizer}: expected {' and '.join(missing)} among its tokens, found none: {_SAY}"
        )
    return spelling


def _marked_words(words: Sequence[str], added: Sequence[str]) -> list[str]:
    """Words in brackets, such as <move>, which some tokenizers hold among the others."""
    brackets = (("<", ">"), ("[", "]"))
    known = set(added)
    return [
        word
        for word in words
        if word not in known and (word[:1], word[-1:]) in brackets and len(word) > 2
    ]


def _find_code(added: Sequence[str], words: Sequence[str], tokenizer: Path) -> str:
    """The template of the codes."""
    # Among words, m1 and m2 may be anything: a motion token is set apart by its first sign.
    apart = [word for word in words if word.startswith(("<", "["))]
    for tokens in (added, apart):
        found = _shapes(tokens)
        if _DEFAULT.code in found:  # the target's own
            return _DEFAULT.code
        if len(found) > 1:
            shown = " and ".join(sorted(found)[:4])
            raise FormatError(
                f"{tokenizer}: expected motion tokens of one kind, found {shown}: {_SAY}"
            )
        if found:
            return found[0]
    raise FormatError(
        f"{tokenizer}: expected motion tokens, found no {_DEFAULT.shown} and nothing like it: "
        f"this checkpoint was not trained to move; or {_SAY}"
    )


def _shapes(tokens: Iterable[str]) -> list[str]:
    """Templates of one or two numbers that several tokens fit, and that speak of motion."""
    fitting = [token for token in tokens if _MOTION_WORD.search(_NUMBER.sub("#", token))]
    counts = Counter(
        shape for token in fitting if (shape := _NUMBER.sub("#", token)).count("#") in (1, 2)
    )
    found = []
    for shape, count in counts.items():
        numbers = [_NUMBER.findall(t) for t in fitting if _NUMBER.sub("#", t) == shape]
        template = _template(shape, numbers)
        if template == _DEFAULT.code or count >= _FEWEST:
            found.append(template)
    return found


def _template(shape: str, numbers: Sequence[Sequence[str]]) -> str:
    """A shape with names for its numbers: levels are fewer than codes."""
    if shape.count("#") == 1:
        return shape.replace("#", "{code}")
    first, second = (len({n[at] for n in numbers}) for at in (0, 1))
    names = ("{level}", "{code}") if first <= second else ("{code}", "{level}")
    for name in names:
        shape = shape.replace("#", name, 1)
    return shape


def _find_around(tokens: Sequence[str], code: str, tokenizer: Path) -> tuple[str, str]:
    """What opens and closes a block; two empty texts where nothing does."""
    coded = Markup(Spelling(code, "", "")).token
    named = [t for t in tokens if _speaks_of_motion(t) and not coded.fullmatch(t)]
    known, pairs = set(tokens), dict[str, str]()
    for token in named:
        partners = [*_closings(token), *_partners(token)]
        if partner := next((p for p in partners if p and p != token and p in known), None):
            pairs[token] = partner
    taken = {*pairs, *pairs.values()}
    alone = [t for t in named if t not in taken and _is_half(t)]
    if (_DEFAULT.start, _DEFAULT.end) in pairs.items() and code == _DEFAULT.code:
        return _DEFAULT.start, _DEFAULT.end
    if len(pairs) > 1:
        shown = " and ".join(f"{a} {b}" for a, b in list(pairs.items())[:3])
        raise FormatError(
            f"{tokenizer}: expected one pair of tokens around a block, found {shown}: "
            "name them with --move START END"
        )
    if pairs:
        return next(iter(pairs.items()))
    if alone:
        raise FormatError(
            f"{tokenizer}: expected a pair of tokens around a block, found no {_other(alone[0])} "
            f"beside {alone[0]}: name them with --move START END, or --move '' '' where nothing opens a block"
        )
    return "", ""


def _speaks_of_motion(token: str) -> bool:
    return bool(_MOTION_WORD.search(token) or _START_OR_END.search(token))


def _closings(token: str) -> list[str]:
    """</move> for <move>, <|/move|> for <|move|>."""
    return [
        token.replace(sign, f"{sign}/", 1) for sign in ("<|", "<", "[") if token.startswith(sign)
    ]


def _is_half(token: str) -> bool:
    """Tell if a token looks like one of a pair."""
    return token.startswith("</") or token.strip("<>").lower() in ("move", "motion")


def _other(token: str) -> str:
    return token.replace("</", "<") if token.startswith("</") else token.replace("<", "</")


def _partners(token: str) -> list[str]:
    """What would close a block that this token opens."""
    lower = token.lower()
    return [
        token[:at] + _cased(close, token[at : at + len(open_)]) + token[at + len(open_) :]
        for open_, close in _ENDS
        if (at := lower.find(open_)) >= 0
    ]


def _cased(word: str, like: str) -> str:
    return word.upper() if like.isupper() else word.capitalize() if like[0].isupper() else word


def codes_by_level(ids: Mapping[str, int], spelling: Spelling, tokenizer: Path) -> list[list[int]]:
    """Ids of the codes 0..K-1 of each level; FormatError for a gap."""
    markup = Markup(spelling)
    levels: dict[int, dict[int, int]] = {}
    # Some name their markers as codes behind the last one; what lies behind these is no code.
    marked = (markup.token.fullmatch(marker) for marker in markup.markers)
    stop = min((markup.place(match)[1] for match in marked if match), default=None)
    for token, number in ids.items():
        match = markup.token.fullmatch(token)
        if match and (stop is None or markup.place(match)[1] < stop):
            level, code = markup.place(match)
            if code in levels.setdefault(level, {}):
                raise FormatError(
                    f"{tokenizer}: expected one token for code {code} of level {level}, found "
                    f"{token} and another: leading zeros make no other code"
                )
            levels[level][code] = number
    if not levels:
        raise FormatError(
            f"{tokenizer}: expected motion tokens, found no {spelling.shown}: "
            "this checkpoint was not trained to move"
        )
    return [_level(levels, q, spelling, tokenizer) for q in range(len(levels))]


def _level(
    levels: Mapping[int, Mapping[int, int]], q: int, spelling: Spelling, tokenizer: Path
) -> list[int]:
    if q not in levels:
        raise FormatError(
            f"{tokenizer}: expected motion levels 0..{len(levels) - 1}, level {q} is missing"
        )
    ids = levels[q]
    gap = next((code for code in range(len(ids)) if code not in ids), None)
    if gap is not None:
        last = max(ids)
        raise FormatError(
            f"{tokenizer}: expected the codes 0..{last} of level {q}, "
            f"{spelling.spell(q, gap)} is missing"
        )
    return [ids[code] for code in range(len(ids))]
