"""generation_config.json: how the checkpoint asks to be sampled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kinetoken.base.errors import FormatError
from kinetoken.manifest.schema import Defaults

from ..json_file import read_json

GENERATION_FILE: Final = "generation_config.json"
_NOT_APPLIED: Final[Mapping[str, tuple[Any, ...]]] = {
    "repetition_penalty": (1.0,), "no_repeat_ngram_size": (0,), "typical_p": (1.0,),
    "num_beams": (1,), "penalty_alpha": (0,), "epsilon_cutoff": (0.0,), "eta_cutoff": (0.0,),
    "top_h": (), "guidance_scale": (1.0,), "suppress_tokens": (), "begin_suppress_tokens": (),
    "bad_words_ids": (), "sequence_bias": (), "forced_bos_token_id": (), "forced_eos_token_id": (),
    "exponential_decay_length_penalty": (), "encoder_repetition_penalty": (1.0,),
    "watermarking_config": (),
}  # fmt: skip
"""Fields that the runtime does not apply, and their values that ask for nothing."""


@dataclass(frozen=True)
class SamplingAsked:
    """How a checkpoint asks to be sampled; None where it says nothing."""

    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    notes: tuple[str, ...] = ()
    """What it asks for beyond, a line each."""

    def defaults(self, temperature: float | None = None) -> Defaults:
        """The bundle's defaults, the user's `temperature` before what is asked here."""
        asked = dict(self._values())
        if temperature is not None:
            asked["temperature"] = temperature
        return Defaults(**asked)

    def _values(self) -> Iterator[tuple[str, Any]]:
        for name in ("temperature", "top_k", "top_p", "min_p"):
            if getattr(self, name) is not None:
                yield name, getattr(self, name)

    def summary(self) -> str:
        """One line of what is asked; empty where nothing is."""
        return ", ".join(f"{name} {value:g}" for name, value in self._values())


def read_sampling(folder: Path) -> SamplingAsked:
    """Sampling as `folder`/generation_config.json asks for it.

    FormatError for a value that cannot be one.
    """
    path = folder / GENERATION_FILE
    if not path.is_file():
        return SamplingAsked()
    given = read_json(path)
    notes = tuple(
        f"{path.name}: {field} {given[field]} is not applied"
        for field, nothing in _NOT_APPLIED.items()
        if given.get(field) not in (None, [], {}, *nothing)
    )
    if given.get("do_sample") is False:
        return SamplingAsked(0.0, notes=notes)
    top_k = _number(path, given, "top_k")
    if top_k != (top_k and int(top_k)):
        raise FormatError(f"{path}: expected a whole number as top_k, got {top_k}: mend it")
    return SamplingAsked(
        temperature=_number(path, given, "temperature"),
        top_k=int(top_k) if top_k else None,
        top_p=_share(path, given, "top_p", nothing=1.0),
        min_p=_share(path, given, "min_p", nothing=0.0),
        notes=notes,
    )


def _share(path: Path, given: Mapping[str, Any], field: str, nothing: float) -> float | None:
    """A number from 0 to 1; None where it asks for nothing."""
    value = _number(path, given, field, most=1.0)
    return None if value == nothing else value


def _number(path: Path, given: Mapping[str, Any], field: str, most: float = 1e9) -> float | None:
    value = given.get(field)
    if value is None:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= most:
        span = "0 or more" if most > 1 else f"0 to {most:g}"
        raise FormatError(f"{path}: expected {field} of {span}, got {value!r}: mend it")
    return float(value)
