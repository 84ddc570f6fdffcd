"""Rotary positions.

How far each pair of a head turns from one token to the next, as config.json says.

The rules are those of transformers 4.57 and 5, which agree on all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.base.errors import FormatError

from .numbers import positive, positive_or, whole

KINDS: Final = ("default", "linear", "dynamic", "yarn", "longrope", "llama3")
_ALIASES: Final = {"mrope": "default", "su": "longrope"}
"""Names that mean another kind: M-RoPE is the default where all three positions are one."""
_KEYS: Final = {
    "default": set(),
    "linear": {"factor"},
    "dynamic": {"factor", "original_max_position_embeddings"},
    "yarn": {
        "factor", "original_max_position_embeddings", "attention_factor", "beta_fast", "beta_slow",
        "mscale", "mscale_all_dim", "truncate",
    },
    "longrope": {
        "factor", "original_max_position_embeddings", "attention_factor", "short_factor",
        "long_factor",
    },
    "llama3": {"factor", "original_max_position_embeddings", "low_freq_factor", "high_freq_factor"},
}  # fmt: skip
"""Keys that each kind reads beside the common ones."""
_COMMON_KEYS: Final = {
    "rope_type",
    "type",
    "rope_theta",
    "partial_rotary_factor",
    "mrope_section",
    "mrope_interleaved",
}


@dataclass(frozen=True)
class Rope:
    """Rotary positions of one model."""

    theta: float
    """Base of the wavelengths."""
    kind: str = "default"
    """"default", "linear", "yarn", "longrope" or "llama3".

    "dynamic" is the default within its context.
    """
    factor: float = 1.0
    """How many times longer the context became."""
    original_context: int = 0
    """Tokens that the model was first made for."""
    attention_factor: float = 1.0
    """Cosines and sines are multiplied by it."""
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    truncate: bool = True
    """yarn: pairs that turn more than `beta_fast` times within the original context keep their
    speed, those under `beta_slow` are slowed down; whether the borders are whole pairs."""
    low_factor: float = 1.0
    high_factor: float = 4.0
    """llama3: wavelengths over original_context / low_factor are stretched, those under
    original_context / high_factor are not."""
    divisors: tuple[float, ...] = ()
    """longrope: one for each pair."""
    sections: tuple[int, ...] = ()
    """Pairs for time, height and width in a vision-language model."""

    def frequencies(self, width: int) -> NDArray[np.float64]:
        """Radians from one token to the next for each of the width / 2 pairs of a head."""
        plain: NDArray[np.float64] = self.theta ** -(np.arange(0, width, 2) / width)
        return np.asarray(_SPEEDS[self.kind](self, plain), np.float64)


def _yarn(rope: Rope, plain: NDArray[np.float64]) -> NDArray[np.float64]:
    width = 2 * len(plain)

    def pair(turns: float) -> float:
        """The pair that turns so many times within the original context."""
        return (
            width
            * math.log(rope.original_context / (turns * 2 * math.pi))
            / (2 * math.log(rope.theta))
        )

    low, high = pair(rope.beta_fast), pair(rope.beta_slow)
    if rope.truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, width - 1)
    slowed = np.clip((np.arange(len(plain)) - low) / (high - low or 0.001), 0, 1)
    return np.asarray(plain / rope.factor * slowed + plain * (1 - slowed))


def _llama3(rope: Rope, plain: NDArray[np.float64]) -> NDArray[np.float64]:
    turns = rope.original_context * plain / (2 * math.pi)
    kept = np.clip((turns - rope.low_factor) / (rope.high_factor - rope.low_factor), 0, 1)
    return plain / rope.factor * (1 - kept) + plain * kept


_SPEEDS: Final[Mapping[str, Callable[[Rope, NDArray[np.float64]], NDArray[np.float64]]]] = {
    "default": lambda rope, plain: plain,
    "linear": lambda rope, plain: plain / rope.factor,
    "yarn": _yarn,
    "longrope": lambda rope, plain: plain / np.array(rope.divisors),
    "llama3": _llama3,
}


@dataclass(frozen=True)
class RopeFound:
    """What a config says about positions."""

    rope: Rope
    context: int
    """Tokens within which the positions are right."""
    notes: tuple[str, ...] = ()
    """What the user should know."""


def read_rope(given: Mapping[str, Any], text: Mapping[str, Any], head_dim: int) -> RopeFound:
    """The positions that a config asks for; `text` is what is `given`, and the class's defaults.

    FormatError names what is not computed. KeyError, TypeError or ValueError for fields that are
    missing or no numbers.
    """
    rules: Mapping[str, Any] = text["rope_scaling"] or text["rope_parameters"] or {}
    per_layer = next((key for key, value in rules.items() if isinstance(value, Mapping)), None)
    if per_layer is not None:
        raise FormatError(f"positions of their own for {per_layer!r} are not computed")
    kind = _kind(rules)
    share = rules.get("partial_rotary_factor") or 1.0
    if share != 1.0:
        raise FormatError(
            f"partial_rotary_factor {share} (positions in a part of each head) is not computed"
        )
    context = whole(text, "max_position_embeddings")
    own = rules.get("rope_theta") is not None
    if not own and text["rope_theta"] is None:
        raise FormatError(
            "expected a rope_theta, found none, and versions of transformers differ in what that "
            "means: give the value that the model was trained with"
        )
    theta = positive(rules if own else text, "rope_theta")
    rope = Rope(theta, sections=tuple(int(n) for n in rules.get("mrope_section") or ()))
    notes = tuple(_notes(rules, given, text, kind))
    if kind == "longrope":
        return RopeFound(*_longrope(rope, rules, text, head_dim), notes)
    if kind in _READERS:
        return RopeFound(replace(_READERS[kind](rope, rules, context), kind=kind), context, notes)
    return RopeFound(rope, context, notes)  # the base of "dynamic" grows only beyond this context


def _kind(rules: Mapping[str, Any]) -> str:
    """One of KINDS; FormatError for another, or for two that contradict each other."""
    said = {_ALIASES.get(k, k) for k in (rules.get("rope_type"), rules.get("type")) if k}
    if len(said) > 1:
        raise FormatError(
            f"expected one kind of positions in rope_scaling, got rope_type {rules['rope_type']!r} "
            "and "
            f"type {rules['type']!r}: keep the one that the model was trained with"
        )
    kind = said.pop() if said else "default"
    if kind not in KINDS:
        raise FormatError(
            f"rope_scaling of type {kind!r} is not computed, only {', '.join(KINDS)} are"
        )
    return str(kind)


def _read_linear(rope: Rope, rules: Mapping[str, Any], context: int) -> Rope:
    return replace(rope, factor=positive(rules, "factor"))


def _read_yarn(rope: Rope, rules: Mapping[str, Any], context: int) -> Rope:
    original = _original(rules, context)
    factor = positive_or(rules, "factor", context / original)
    said = rules.get("attention_factor")
    scales = rules.get("mscale"), rules.get("mscale_all_dim")
    if said is None and all(scales):
        said = _mscale(factor, scales[0]) / _mscale(factor, scales[1])
    return replace(
        rope,
        factor=factor,
        original_context=original,
        attention_factor=float(_mscale(factor, 1) if said is None else said),
        beta_fast=positive_or(rules, "beta_fast", 32),
        beta_slow=positive_or(rules, "beta_slow", 1),
        truncate=bool(rules.get("truncate", True)),
    )


def _original(rules: Mapping[str, Any], context: int) -> int:
    """Tokens that the model was first made for."""
    said = rules.get("original_max_position_embeddings")
    return context if said is None else whole(rules, "original_max_position_embeddings")


def _mscale(factor: float, scale: Any) -> float:
    return 1.0 if factor <= 1 else 0.1 * float(scale) * math.log(factor) + 1.0


def _read_llama3(rope: Rope, rules: Mapping[str, Any], context: int) -> Rope:
    return replace(
        rope,
        factor=positive(rules, "factor"),
        original_context=_original(rules, context),
        low_factor=positive(rules, "low_freq_factor"),
        high_factor=positive(rules, "high_freq_factor"),
    )


_READERS: Final[Mapping[str, Callable[[Rope, Mapping[str, Any], int], Rope]]] = {
    "linear": _read_linear,
    "yarn": _read_yarn,
    "llama3": _read_llama3,
}


def _longrope(
    rope: Rope, rules: Mapping[str, Any], text: Mapping[str, Any], head_dim: int
) -> tuple[Rope, int]:
    """Its short form, which is right within the original context; another rules beyond."""
    context = whole(text, "max_position_embeddings")
    own = text.get("original_max_position_embeddings") is not None
    original = _original(text if own else rules, context)
    factor = positive_or(rules, "factor", context / original)
    said = rules.get("attention_factor")
    if said is None:
        said = 1.0 if factor <= 1 else math.sqrt(1 + math.log(factor) / math.log(original))
    divisors = tuple(float(n) for n in rules["short_factor"])
    if len(divisors) != head_dim // 2:
        raise FormatError(
            f"expected {head_dim // 2} numbers in short_factor of rope_scaling, got {len(divisors)}"
        )
    longrope = replace(
        rope,
        kind="longrope",
        factor=factor,
        original_context=original,
        attention_factor=float(said),
        divisors=divisors,
    )
    return longrope, min(original, context)


def _notes(
    rules: Mapping[str, Any], given: Mapping[str, Any], text: Mapping[str, Any], kind: str
) -> Iterator[str]:
    for key in sorted(rules.keys() - _KEYS[kind] - _COMMON_KEYS):
        yield f"{key} in rope_scaling was ignored: positions of type {kind!r} read none"
    theta, other = rules.get("rope_theta"), given.get("rope_theta")
    if theta and other and theta != other:
        yield f"rope_theta is {theta:g} as rope_parameters say, not {other:g}"
    original, context = (
        rules.get("original_max_position_embeddings"),
        text["max_position_embeddings"],
    )
    old = str(text.get("transformers_version", "")).startswith(("4.4", "4.3"))
    if kind == "longrope" and rules.get("attention_factor") is None and rules.get("factor"):
        own = text.get("original_max_position_embeddings")
        if own is None or context / own != rules["factor"]:
            yield (
                "longrope is computed as transformers 5 does; earlier versions read factor and "
                "original_max_position_embeddings otherwise"
            )
    untold = rules.get("truncate") is False  # transformers 4.51 and earlier do not read it
    if kind == "yarn" and (
        untold or (original and (old or context / original != rules.get("factor")))
    ):
        yield (
            "yarn is computed as transformers 4.57 and later do; earlier versions read factor and "
            "original_max_position_embeddings otherwise"
        )
