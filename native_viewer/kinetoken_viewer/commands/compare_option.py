"""The option --compare: one prompt answered in several ways, or several clips."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from kinetoken.base.errors import InputError
from kinetoken.formats.read_options import DEFAULTS, ReadOptions
from kinetoken.formats.registry import load_clip, names_a_file
from kinetoken.generation.options import GenerateOptions

from ..file_names import distinct_names
from ..generator.comparison import Variant
from ..stage.places import NamedClip

_MOST_PEOPLE: Final = 9
_OPTIONS: Final = tuple(field.name for field in fields(GenerateOptions))
_BUNDLE: Final = "bundle"


@dataclass(frozen=True)
class Comparison:
    """The people to show side by side."""

    variants: tuple[Variant, ...] = ()
    """Answers to be generated, first from the left."""
    clips: tuple[NamedClip, ...] = ()
    """Clips to the right of them."""


def parse_comparison(
    text: str,
    what: str | None,
    options: GenerateOptions,
    bundle: str | None,
    reading: ReadOptions = DEFAULTS,
) -> Comparison:
    """Reads "seed=1,2,3" or "a.npz,b.bvh" beside a PROMPT or CLIP.

    InputError; FormatError for a file that is no clip.
    """
    found = re.fullmatch(r"\s*([A-Za-z_-]+)\s*=(.*)", text, re.DOTALL)
    is_clip = what is not None and names_a_file(what)
    if found is None:
        clips = [_load(path, reading) for path in _values(text)]
        if what is not None and is_clip:
            clips.insert(0, _load(what, reading))
        answered = what is not None and not is_clip
        variants = [Variant("generated", options, bundle)] if answered else []
        return _checked(variants, clips)
    if what is None or is_clip:
        raise InputError(
            f'--compare "{text}" needs a PROMPT to answer; for clips, name their files: a.npz,b.bvh'
        )
    key = found[1].lower().replace("-", "_")
    return _checked([_variant(key, value, options, bundle) for value in _values(found[2])], [])


def _checked(variants: list[Variant], clips: list[NamedClip]) -> Comparison:
    """The comparison with names that differ. InputError for too many people, or an empty clip."""
    count = len(variants) + len(clips)
    if not 2 <= count <= _MOST_PEOPLE:
        raise InputError(
            f"--compare shows 2 to {_MOST_PEOPLE} people, got {count}: seed=1,2,3 or a.npz,b.bvh"
        )
    empty = [named.name for named in clips if not len(named.clip)]
    if empty:
        raise InputError(f"the clip {empty[0]} has no frames; there is nothing to show")
    names = distinct_names([each.name for each in variants] + [each.name for each in clips])
    named_variants = [
        replace(variant, name=name) for variant, name in zip(variants, names, strict=False)
    ]
    named_clips = [
        each._replace(name=name) for each, name in zip(clips, names[len(variants) :], strict=True)
    ]
    return Comparison(tuple(named_variants), tuple(named_clips))


def _values(text: str) -> list[str]:
    values = [value.strip() for value in text.split(",")]
    if not all(values):
        raise InputError(
            f'--compare: "{text}" has nothing between two commas; write seed=1,2,3 or a.npz,b.bvh'
        )
    return values


def _variant(key: str, value: str, options: GenerateOptions, bundle: str | None) -> Variant:
    if key == _BUNDLE:
        return Variant(Path(value).name or value, options, value)
    if key not in _OPTIONS:
        known = ", ".join((*_OPTIONS, _BUNDLE))
        raise InputError(f'--compare knows no option "{key}": expected one of {known}')
    name = f"{key.replace('_', ' ')} {value}"
    return Variant(name, replace(options, **{key: _number(value)}), bundle)


def _number(value: str) -> Any:
    """The value that the word stands for; GenerateOptions checks whether the option takes it."""
    if value.lower() in ("true", "false", "on", "off"):
        return value.lower() in ("true", "on")
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(value)
    return value


def _load(path: str, reading: ReadOptions) -> NamedClip:
    return NamedClip(Path(path).stem, load_clip(path, reading))
