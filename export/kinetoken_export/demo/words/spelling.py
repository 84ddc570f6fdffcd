"""English verb forms, comparison of wordings, languages and numbers in words."""

from __future__ import annotations

import re
from typing import Final

_THIRD: Final = {"do": "does", "go": "goes", "be": "is", "have": "has"}
_ING: Final = {
    "be": "being", "get": "getting", "run": "running", "jog": "jogging", "sit": "sitting",
    "step": "stepping", "hop": "hopping", "swim": "swimming", "hit": "hitting", "nod": "nodding",
    "squat": "squatting", "jab": "jabbing", "spin": "spinning", "put": "putting", "clap": "clapping",
    "stop": "stopping", "skip": "skipping", "lie": "lying", "tiptoe": "tiptoeing", "back": "backing",
    "flip": "flipping", "bob": "bobbing", "slip": "slipping", "grab": "grabbing", "drop": "dropping",
    "tap": "tapping", "strut": "strutting", "pat": "patting", "duck": "ducking", "shrug": "shrugging",
    "whip": "whipping", "wag": "wagging", "bend": "bending",
}  # fmt: skip
_ONES: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS: Final = {20: "twenty", 30: "thirty", 40: "forty", 50: "fifty", 60: "sixty"}
_SAYS_HOW_OFTEN: Final = re.compile(
    r"\d|\b(times?|repeatedly|several|few|once|twice|again|over and over|seconds?|minutes?|while"
    r"|until|keeps?)\b"
)
# Words that tell a language, blank between them.
_MARKS: Final = {
    "es": "el la los las una uno con por hacia de del y que te tu mano pierna brazo izquierda derecha "
    "camina corre salta gira baila adelante atrás veces haz un al en su se",
    "de": "der die das ein eine einen und mit nach dem den bitte mal links rechts hand geh lauf "
    "spring dreh dich auf zu im vorwärts rückwärts er sie mach tanz tanze ganz",
    "fr": "le les une un avec vers du des et la gauche droite main jambe marche cours saute tourne "
    "danse en sur place fais il elle avant arrière lève ton ta tes fois au",
    "en": "the a an and with to your his her their of in on up down is are you i it for forward left "
    "right like one then as person man",
}
_KNOWN: Final = {name: frozenset(words.split()) for name, words in _MARKS.items()}


def normalized(text: str) -> str:
    """A wording without case, punctuation and double blanks, to compare wordings by."""
    return " ".join(re.findall(r"[\w']+", text.lower()))


def third(verb: str) -> str:
    """Third person of a verb: claps."""
    if verb in _THIRD:
        return _THIRD[verb]
    if verb.endswith(("ch", "sh", "x", "s", "ss", "o", "zz")):
        return verb + "es"
    return verb[:-1] + "ies" if verb.endswith("y") and verb[-2:-1] not in "aeou" else verb + "s"


def gerund(verb: str) -> str:
    """The -ing form of a verb: clapping."""
    if verb in _ING:
        return _ING[verb]
    return verb[:-1] + "ing" if verb.endswith("e") and not verb.endswith("ee") else verb + "ing"


def conjugated(phrase: str, form: str) -> str:
    """A phrase with its ~verbs in base, third or ing form; `your` becomes `their` in the third."""
    forms = {"base": lambda verb: verb, "third": third, "ing": gerund}
    text = re.sub(r"~(\w+)", lambda match: forms[form](match.group(1)), phrase)
    return re.sub(r"\byour\b", "their", text) if form == "third" else text


def language(text: str) -> str:
    """en, es, de, fr, zh or ja: the script, or the language that most of the words belong to."""
    if re.search(r"[぀-ヿ]", text):
        return "ja"
    if re.search(r"[一-鿿]", text):
        return "zh"
    words = normalized(text).split()
    scores = {name: sum(word in known for word in words) for name, known in _KNOWN.items()}
    best = max(scores, key=lambda name: (scores[name], name == "en"))
    return best if scores[best] > scores["en"] else "en"


def number_words(number: int) -> str:
    """A number from 0 to 69 in English words, digits above."""
    if number < len(_ONES):
        return _ONES[number]
    if number - number % 10 not in _TENS:
        return str(number)
    tens = _TENS[number - number % 10]
    return tens if number % 10 == 0 else f"{tens}-{_ONES[number % 10]}"


def says_how_often(text: str) -> bool:
    """Tell whether a text says already how often or how long."""
    return bool(_SAYS_HOW_OFTEN.search(text.lower()))


def times_words(count: int) -> str:
    """How often: once, twice, three times."""
    return {1: "once", 2: "twice"}.get(count) or f"{number_words(count)} times"
