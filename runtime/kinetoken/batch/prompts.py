"""Reading a prompts file: a JSON object or plain text per line.

Wrong lines are reported, others kept.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final

from ..base.errors import FormatError, InputError, KinetokenError
from ..base.input_file import read_typed
from ..base.json_text import parse_json
from ..generation.options import GenerateOptions, check_prompt
from .jobs import Job, Problem

MAX_LINE_BYTES: Final = 1 << 20
_MARK: Final = b"\xef\xbb\xbf"
"""Of UTF-8, before the first line."""
_PLAIN_TEXT: Final = ".txt"
_OPTIONS: Final = tuple(field.name for field in fields(GenerateOptions))
_KEYS: Final = ("prompt", "id", *_OPTIONS)
_SWITCHES: Final = ("text_only", "foot_lock", "smooth")
_NAME: Final = re.compile(r"\w[\w.-]{0,99}")
_SHOWN: Final = 40


@dataclass(frozen=True)
class Prompts:
    """The jobs of a file, and the lines that are wrong."""

    jobs: tuple[Job, ...]
    problems: tuple[Problem, ...]
    sha256: str
    """Of the whole file."""


def read_prompts_file(path: Path, usual: GenerateOptions) -> Prompts:
    """Read a file; the options of a line override the `usual` ones.

    FormatError where it cannot be read.

    `.txt`: a prompt per line. Any other: a JSON object per line, with "prompt", perhaps "id", and
    any of the options. What has no suffix, as a pipe, is of the kind that its first letter tells.
    """
    jobs: list[Job] = []
    problems: list[Problem] = []
    names: dict[str, int] = {}
    try:
        whole = read_typed(path)
    except OSError as error:
        raise FormatError(f"cannot read {path}: {error.strerror}; check the path") from error
    plain = path.suffix.lower() == _PLAIN_TEXT or (not path.suffix and _is_plain(whole))
    for line, raw in _lines(BytesIO(whole)):
        job = _job_or_problem(line, raw, plain, usual)
        if isinstance(job, Problem):
            problems.append(job)
        elif (first := names.setdefault(job.name.casefold(), line)) != line:
            problems.append(
                job.problem(f"line {first} has the same id {job.name!r}; give every line its own")
            )
        else:
            jobs.append(job)
    if not jobs and not problems:
        raise FormatError(
            f"{path}: expected a prompt per line, "
            'such as {"prompt": "a person waves"}, got an empty file'
        )
    return Prompts(tuple(jobs), tuple(problems), hashlib.sha256(whole).hexdigest())


def _is_plain(whole: bytes) -> bool:
    return whole.removeprefix(_MARK).lstrip()[:1] != b"{"


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield number and bytes of every line that is not empty.

    Of a too long one only its beginning.
    """
    number = 0
    while raw := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        rest = raw
        while len(rest) > MAX_LINE_BYTES and not rest.endswith(b"\n"):
            rest = stream.readline(MAX_LINE_BYTES + 1)
        if number == 1:
            raw = raw.removeprefix(_MARK)
        if raw.strip():
            yield number, raw


def _job_or_problem(line: int, raw: bytes, plain: bool, usual: GenerateOptions) -> Job | Problem:
    """Read one line."""
    try:
        said = _said(raw, plain)
    except KinetokenError as error:
        return Problem(line, str(error))
    try:
        _check_keys(said)
        prompt, name = _text(said, "prompt"), _name(said.get("id"), line)
        check_prompt(prompt)
        return Job.of(line, name, prompt, _options(said, usual))
    except KinetokenError as error:
        readable = (
            _or_none(lambda: _name(said.get("id"), line)),
            _or_none(lambda: _text(said, "prompt")),
        )
        return Problem(line, str(error), *readable)


def _or_none(read: Callable[[], str]) -> str | None:
    """Read one value of a line that is wrong elsewhere; None where that fails too."""
    try:
        return read()
    except InputError:
        return None


def _said(raw: bytes, plain: bool) -> Mapping[str, Any]:
    """Parse a line. FormatError, InputError."""
    if len(raw) > MAX_LINE_BYTES:
        raise FormatError(
            f"expected at most {MAX_LINE_BYTES:,} bytes, got more; write a shorter prompt"
        )
    try:
        text = raw.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise FormatError(
            f"expected UTF-8 text, got another encoding at byte {error.start}; convert the file"
        ) from None
    return {"prompt": text} if plain else _object(text)


def _object(text: str) -> Mapping[str, Any]:
    try:
        value = parse_json(text, _once, constants=False)
    except ValueError as error:
        if isinstance(error, KinetokenError):
            raise
        reason = str(error).split(": line ")[0]
        raise FormatError(
            f"expected a JSON object, got {_short(text)} ({reason}); see docs/batch.md"
        ) from None
    if not isinstance(value, dict):
        raise FormatError(
            f'expected a JSON object such as {{"prompt": "a person waves"}}, got {_short(text)}'
        )
    return value


def _check_keys(said: Mapping[str, Any]) -> None:
    if unknown := sorted(set(said) - set(_KEYS)):
        near = get_close_matches(unknown[0], _KEYS, 1)
        advice = f"did you mean {near[0]!r}?" if near else "docs/batch.md lists the keys"
        raise InputError(f"unknown key {_short(unknown[0])}; {advice}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise FormatError(f"the key {_short(twice)} appears twice; give it once")
    return value


def _text(said: Mapping[str, Any], key: str) -> str:
    """The string of a key, checked to be Unicode text: JSON can spell half a character."""
    value = said.get(key)
    if not isinstance(value, str):
        raise InputError(
            f"{key}: expected text, got {_short(value)}"
            if key in said
            else f"the key {key!r} is missing"
        )
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InputError(
            f"{key}: expected Unicode text, got half a character; write it whole"
        ) from None
    return value


def _name(given: Any, line: int) -> str:
    if given is None:
        return f"{line:06d}"
    name = str(given) if isinstance(given, int) and not isinstance(given, bool) else given
    if (
        not isinstance(name, str)
        or not _NAME.fullmatch(name)
        or len(name.encode(errors="replace")) > 200
    ):
        raise InputError(
            "id: expected a file name of up to 100 letters, digits, _, - and ., "
            f"got {_short(given)}"
        )
    return name


def _options(said: Mapping[str, Any], usual: GenerateOptions) -> GenerateOptions:
    own = {key: said[key] for key in _OPTIONS if said.get(key) is not None}
    for key in _SWITCHES:
        if not isinstance(own.get(key, True), bool):
            raise InputError(f"{key}: expected true or false, got {_short(own[key])}")
    shared = {key: getattr(usual, key) for key in _OPTIONS if getattr(usual, key) is not None}
    return GenerateOptions(**{**shared, **own})


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
