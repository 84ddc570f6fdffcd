"""--compare: one prompt answered in several ways, or several clips, side by side."""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import dataclass, fields, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from kinetoken.base.errors import InputError
from kinetoken.engines.load_options import LoadOptions
from kinetoken.formats.registry import names_a_file
from kinetoken.generation.options import GenerateOptions
from kinetoken.motion.clip import Clip, MotionChunk
from kinetoken.motion.features import N_FEATURES

from ..file_names import distinct
from ..generator.feed import Ended, Message, Moved, Opened
from ..generator.process import told
from ..stage.side_by_side import Beside, Named

if TYPE_CHECKING:
    from kinetoken.generation.generator import Generation, Generator

MOST: Final = 9  # people side by side
KEYS: Final = tuple(field.name for field in fields(GenerateOptions))
BUNDLE: Final = "bundle"


@dataclass(frozen=True)
class Way:
    """One way to answer a prompt, and its name."""

    name: str
    options: GenerateOptions
    bundle: str | None = None


@dataclass(frozen=True)
class Question:
    """A prompt for several ways of answering; what a generator's process is asked."""

    prompt: str
    ways: tuple[Way, ...]
    loading: LoadOptions
    turn: int = 1


@dataclass(frozen=True)
class Comparison:
    """What --compare asks for."""

    ways: tuple[Way, ...] = ()
    """Answers to be generated, first from the left."""
    clips: tuple[Named, ...] = ()
    """Clips to stand to the right of them."""


def parse(text: str, what: str | None, options: GenerateOptions, bundle: str | None) -> Comparison:
    """ "seed=1,2,3" or "a.npz,b.bvh" beside a PROMPT or CLIP. InputError, FormatError for a clip that is none."""
    found = re.fullmatch(r"\s*([A-Za-z_-]+)\s*=(.*)", text, re.DOTALL)
    clip_asked = what is not None and names_a_file(what)
    if found is None:
        clips = [Named(_name(path), Clip.load(path)) for path in _values(text)]
        if what is not None and clip_asked:
            clips.insert(0, Named(_name(what), Clip.load(what)))
        ways = [Way("generated", options, bundle)] if what is not None and not clip_asked else []
        return _checked(Comparison(tuple(ways), tuple(clips)))
    if what is None or clip_asked:
        raise InputError(
            f'--compare "{text}" needs a PROMPT to answer; clips are compared by their files: a.npz,b.bvh'
        )
    key = found[1].lower().replace("-", "_")
    return _checked(
        Comparison(tuple(_way(key, value, options, bundle) for value in _values(found[2])))
    )


def _checked(asked: Comparison) -> Comparison:
    count = len(asked.ways) + len(asked.clips)
    if not 2 <= count <= MOST:
        raise InputError(
            f"--compare shows 2 to {MOST} people, got {count}: seed=1,2,3 or a.npz,b.bvh"
        )
    empty = [named.name for named in asked.clips if not len(named.clip)]
    if empty:
        raise InputError(f"the clip {empty[0]} has no frames; there is nothing to show")
    names = distinct([way.name for way in asked.ways] + [named.name for named in asked.clips])
    ways = [replace(way, name=name) for way, name in zip(asked.ways, names, strict=False)]
    clips = [
        named._replace(name=name)
        for named, name in zip(asked.clips, names[len(ways) :], strict=True)
    ]
    return Comparison(tuple(ways), tuple(clips))


def _values(text: str) -> list[str]:
    values = [value.strip() for value in text.split(",")]
    if not all(values):
        raise InputError(
            f'--compare: "{text}" has an empty place between its commas; write seed=1,2,3 or a.npz,b.bvh'
        )
    return values


def _way(key: str, value: str, options: GenerateOptions, bundle: str | None) -> Way:
    name = f"{key.replace('_', ' ')} {value}"
    if key == BUNDLE:
        return Way(Path(value).name or value, options, value)
    if key not in KEYS:
        raise InputError(
            f'--compare knows no option "{key}": expected one of {", ".join((*KEYS, BUNDLE))}'
        )
    return Way(name, replace(options, **{key: _number(value)}), bundle)


def _number(value: str) -> Any:
    """What the words stand for; GenerateOptions says whether the option takes it."""
    if value.lower() in ("true", "false", "on", "off"):
        return value.lower() in ("true", "on")
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(value)
    return value


def _name(path: str) -> str:
    return Path(path).stem


def serve(question: Question, out: Connection) -> None:
    """The generator's process: answers in turns, a piece of motion each, so that all arrive at the same pace."""
    told(_answer, question, out)


def _answer(question: Question, out: Connection) -> None:
    generations = start(question)
    lead = generations[0]
    fps = lead.clip().fps
    out.send(Opened(lead.seed, fps))
    for index, generation in enumerate(generations):
        out.send(Beside(index, Opened(generation.seed, fps)))
    going, began, frames, shown = (
        dict(enumerate(generations)),
        time.perf_counter(),
        0,
        0,
    )  # shown: of the first
    while going:
        for index in sorted(
            going, reverse=True
        ):  # the first comes last: where its motion is, everybody's is
            chunk = next((chunk for chunk in going[index] if isinstance(chunk, MotionChunk)), None)
            if chunk is None:
                del going[index]
                _tell(out, index, Ended(generations[index].clip(), 0.0))
            else:
                frames = max(frames, chunk.start + len(chunk.joints))
                shown = shown if index else chunk.start + len(chunk.joints)
                _tell(out, index, Moved(chunk, frames / fps / (time.perf_counter() - began)))
        if 0 not in going and 0 < shown < frames:  # it stands where it ended while others go on
            out.send(
                Moved(
                    _still(lead.clip(), shown, frames), frames / fps / (time.perf_counter() - began)
                )
            )
            shown = frames
    out.send(Ended(lead.clip(), frames / fps / (time.perf_counter() - began)))


def start(question: Question) -> list[Generation]:
    """A generation for every way; a bundle is loaded once."""
    import kinetoken

    generators: dict[str | None, Generator] = {}
    for way in question.ways:
        if way.bundle not in generators:
            generators[way.bundle] = kinetoken.load(way.bundle, question.loading)
    return [generators[way.bundle].stream(question.prompt, way.options) for way in question.ways]


def _tell(out: Connection, index: int, message: Message) -> None:
    """The first's motion moves the clock; its end does not end the feed, which everybody's does."""
    out.send(Beside(index, message) if index or isinstance(message, Ended) else message)


def _still(clip: Clip, begin: int, end: int) -> MotionChunk:
    """The clip's last pose, held from frame `begin` to before `end`."""
    count = end - begin
    joints = np.repeat(clip.joints[-1:], count, axis=0)
    return MotionChunk(
        begin, joints, np.zeros((count, N_FEATURES), np.float32), np.zeros((0, 1), np.int64)
    )
