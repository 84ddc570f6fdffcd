"""What a page may ask for, as JSON."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from ..base.errors import InputError
from ..base.json_text import parse_json
from ..formats.registry import ends_like_a_file
from ..generation.options import check_prompt
from ..live.people import MOST_PEOPLE

MOST_PROMPT_LETTERS: Final = 500  # letters
_FILE: Final = re.compile(r"clips/([0-9]{1,9})(\.[a-z]{3,4})")
_ALL: Final = "all"
_KEYS: Final = {
    "ask": {"ask", "person", "seed", "levels"},
    "stop": {"stop"},
    "people": {"people"},
}


@dataclass(frozen=True)
class AskMotion:
    """A prompt."""

    prompt: str
    person: int | None
    """Number from 0; None: everybody."""
    seed: int | None
    levels: int | None


@dataclass(frozen=True)
class StopMotion:
    """The end of an answer, or of one that waits."""

    turn: int | None
    """None: of all."""


@dataclass(frozen=True)
class SetPeople:
    """The number of people from here on."""

    number: int


WebRequest = AskMotion | StopMotion | SetPeople


def read_request(text: str) -> WebRequest:
    """The request of a page's message; InputError, one line for the page, for anything else."""
    try:
        asked = parse_json(text, constants=False)
    except ValueError as error:
        raise InputError(f"expected JSON, got what is none ({error})") from error
    kind = next((key for key in _KEYS if isinstance(asked, dict) and key in asked), None)
    if kind is None:
        raise InputError('expected a request with "ask", "stop" or "people"')
    if unknown := sorted(set(asked) - _KEYS[kind]):
        raise InputError(f'unknown key {unknown[0][:40]!r} beside "{kind}"')
    if kind == "ask":
        return _ask(asked)
    if kind == "stop":
        return StopMotion(None if asked["stop"] == _ALL else _whole(asked, "stop", 0, 10**9))
    return SetPeople(_whole(asked, "people", 1, MOST_PEOPLE))


def read_file_name(name: str) -> tuple[int, str]:
    """Number of the turn and suffix of a file's name, such as "clips/3.glb". InputError."""
    match = _FILE.fullmatch(name)
    if match is None:
        raise InputError("expected a name such as clips/3.glb")
    return int(match[1]), match[2]


def _ask(asked: dict[str, Any]) -> AskMotion:
    prompt = asked["ask"]
    if not isinstance(prompt, str):
        raise InputError('"ask": expected words')
    check_prompt(prompt)
    prompt = " ".join(prompt.split())
    if prompt.startswith("/"):
        raise InputError(
            f"{prompt.split()[0][:40]} is none of the page's words: its fields set seed and levels, "
            "and its list has the history and the files to save"
        )
    if ends_like_a_file(prompt):
        raise InputError(
            f"{prompt[-40:]} looks like a file, and this page shows none; "
            "describe a movement, or run: kinetoken play FILE"
        )
    if len(prompt) > MOST_PROMPT_LETTERS:
        raise InputError(
            f"the prompt is too long: {len(prompt)} letters, at most {MOST_PROMPT_LETTERS}"
        )
    person = _whole(asked, "person", 1, MOST_PEOPLE) - 1 if "person" in asked else None
    seed = asked.get("seed")
    if isinstance(seed, str) and seed.isascii() and seed.isdigit() and len(seed) < 20:
        seed = int(seed)  # text, because JavaScript rounds large numbers
    elif seed is not None:
        raise InputError('"seed": expected a whole number, as text')
    levels = _whole(asked, "levels", 1, 99) if asked.get("levels") is not None else None
    return AskMotion(prompt, person, seed, levels)


def _whole(asked: dict[str, Any], key: str, least: int, most: int) -> int:
    value = asked[key]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InputError(f'"{key}": expected a whole number from {least} to {most}')
    return value
