"""The length of motion that a prompt asks for in words, such as "walk for eight seconds".

For bundles whose model was trained to be asked so (`defaults.prompt_seconds`): a model that counts
its own frames is seldom exact, a grammar always is.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from ..manifest.schema import Manifest
from .options import GenerateOptions

_LENGTHS: Final = (
    "seconds", "min_seconds", "max_seconds", "code_frames", "min_code_frames", "max_code_frames",
)  # fmt: skip
_LONGEST: Final = 120.0  # seconds; more is no length of a motion
_NUMBERS: Final = {
    "en": "one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty",
    "es": "un dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince "
    "dieciséis diecisiete dieciocho diecinueve veinte",
    "de": "eine zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn "
    "fünfzehn sechzehn siebzehn achtzehn neunzehn zwanzig",
    "fr": "une deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze "
    "seize dix-sept dix-huit dix-neuf vingt",
}
_WORDS: Final = {
    word: float(number)
    for words in _NUMBERS.values()
    for number, word in enumerate(words.split(), start=1)
} | {"a": 1.0, "half a": 0.5, "thirty": 30.0, "treinta": 30.0, "dreißig": 30.0, "trente": 30.0}
_DIGITS: Final = {c: float(n) for n, c in enumerate("零一二三四五六七八九")} | {"两": 2.0}
_NUMBER_WORDS: Final = "|".join(sorted(_WORDS, key=len, reverse=True))
_UNIT: Final = r"sec(?:ond)?s?|segundos?|sekunden?|secondes?|min(?:ute)?s?|minutos?|minuten"
# Behind digits alone the unit may touch them, and be an s: "as" is no second.
_LENGTH: Final = re.compile(
    rf"(?<![\w.,])(?:(?P<digits>\d+(?:[.,]\d+)?)[ -]?(?P<unit>{_UNIT}|s)"
    rf"|(?P<word>{_NUMBER_WORDS})[ -](?P<words_unit>{_UNIT}))\b\.?",
    re.IGNORECASE,
)
_HAN_LENGTH: Final = re.compile(
    r"(?P<number>(?<!\d)\d+(?:\.\d+)?|[一二三四五六七八九两]?十[一二三四五六七八九]?|[一二三四五六七八九两])\s*"
    r"(?P<unit>秒|分)"
)
# A length after one of these is a moment or a rhythm, or that of a part of several.
_NO_LENGTH: Final = re.compile(
    r"\b(after|in|within|every|each|per|(the|your|my|these|those|its) last|tras|cada|nach|alle|jede|"
    r"après|dans|chaque)\s*$",
    re.IGNORECASE,
)
_SEVERAL: Final = re.compile(
    r"\b(then|after|afterwards|before|followed|finally|first|next|until|once|luego|después|antes|"
    r"dann|danach|zuerst|puis|ensuite|avant|après)\b|然后|接着|それから|その後",
    re.IGNORECASE,
)


def seconds_said(prompt: str) -> float | None:
    """Seconds that the prompt asks for; None if it names none, several, or a part's.

    English, Spanish, German, French, Chinese and Japanese.
    """
    found = [
        *(
            (m, _amount(m["digits"], m["word"]), m["unit"] or m["words_unit"])
            for m in _LENGTH.finditer(prompt)
        ),
        *((m, _han_number(m["number"]), m["unit"]) for m in _HAN_LENGTH.finditer(prompt)),
    ]
    if len(found) != 1 or _SEVERAL.search(prompt):
        return None
    match, value, unit = found[0]
    if _NO_LENGTH.search(prompt[: match.start()]):
        return None
    seconds = value * (60.0 if unit.lower().startswith(("min", "分")) else 1.0)
    return seconds if 0 < seconds <= _LONGEST else None


def _amount(digits: str | None, word: str) -> float:
    return _WORDS[word.lower()] if digits is None else float(digits.replace(",", "."))


def _han_number(text: str) -> float:
    """A number in digits, or in Chinese numerals up to 99."""
    if text[0].isdigit():
        return float(text)
    tens, ten, ones = text.rpartition("十")
    if not ten:
        return _DIGITS[text]
    return 10 * (_DIGITS[tens] if tens else 1.0) + (_DIGITS[ones] if ones else 0.0)


def with_said_length(options: GenerateOptions, manifest: Manifest, prompt: str) -> GenerateOptions:
    """The options with the length that the prompt names, where they give none.

    Only for a bundle whose `defaults.prompt_seconds` says so.
    """
    given = any(getattr(options, name) is not None for name in _LENGTHS)
    if given or options.text_only or not manifest.defaults.prompt_seconds:
        return options
    said = seconds_said(prompt)
    step = manifest.codec.code_frame_seconds
    return options if said is None else replace(options, seconds=max(said, step))
