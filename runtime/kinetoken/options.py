"""What a caller may ask for, checked against the bundle before anything runs."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, TypedDict

from .errors import InputError
from .manifest import Defaults, Manifest
from .sampling.grammar import MARKERS, MoveGrammar
from .sampling.sampler import Sampler
from .vocabulary import Vocabulary

MAX_SEED = 2**63 - 1
MAX_TEMPERATURE = 100.0
_NEARLY = 1e-6


class Asked(TypedDict, total=False):
    """The same options by keyword."""

    seconds: float | None
    min_seconds: float | None
    max_seconds: float | None
    seed: int | None
    temperature: float | None
    top_k: int | None
    top_p: float | None
    min_p: float | None
    levels: int | None
    max_tokens: int | None
    max_thought: int | None


def check_prompt(prompt: str) -> None:
    """InputError unless the prompt says something."""
    if not prompt.strip():
        raise InputError('the prompt is empty; describe a movement, such as "a person walks forward"')


@dataclass(frozen=True)
class GenerateOptions:
    """None takes the bundle's default."""

    seconds: float | None = None
    """Exact length, rounded to whole latent frames."""
    min_seconds: float | None = None
    max_seconds: float | None = None
    seed: int | None = None
    """Same seed, same clip; None draws one and reports it."""
    temperature: float | None = None
    """0 always takes the most probable token."""
    top_k: int | None = None
    """Only the k most probable tokens."""
    top_p: float | None = None
    """Only the fewest tokens whose probabilities sum to p."""
    min_p: float | None = None
    """Only tokens at least p times as probable as the best."""
    levels: int | None = None
    """Codes per frame: fewer are faster and coarser."""
    max_tokens: int | None = None
    """Tokens of the whole answer, thought included."""
    max_thought: int | None = None
    """Text tokens before a block must open."""

    def __post_init__(self) -> None:
        whole = f"a whole number from 0 to {MAX_SEED}"
        for name in ("seconds", "min_seconds", "max_seconds"):
            self._check(name, Real, "a number of seconds above 0", lambda v: v > 0)
        self._check("temperature", Real, "0 (greedy) to 100; 0.5 is usual", lambda v: 0 <= v <= MAX_TEMPERATURE)
        self._check("top_p", Real, "a number above 0, at most 1", lambda v: 0 < v <= 1)
        self._check("min_p", Real, "a number above 0, at most 1", lambda v: 0 < v <= 1)
        for name in ("top_k", "levels", "max_tokens"):
            self._check(name, Integral, "a whole number of 1 or more", lambda v: v >= 1)
        self._check("max_thought", Integral, "a whole number of 0 or more", lambda v: v >= 0)
        self._check("seed", Integral, whole, lambda v: 0 <= v <= MAX_SEED)
        self._check_lengths()

    def _check(self, name: str, kind: type, expected: str, good: Callable[[Any], bool]) -> None:
        """InputError unless the option is None or a finite number of that kind that `good` accepts."""
        value = getattr(self, name)
        number = isinstance(value, kind) and not isinstance(value, bool) and value == value
        if value is not None and not (number and abs(value) != math.inf and good(value)):
            raise InputError(f"{name}: expected {expected}, got {value!r}")

    def _check_lengths(self) -> None:
        if self.seconds is not None and not (self.min_seconds is None and self.max_seconds is None):
            raise InputError("seconds is exact: give it alone, or min_seconds and max_seconds without it")
        low, high = self.min_seconds, self.max_seconds
        if low is not None and high is not None and low > high:
            raise InputError(f"min_seconds {low:g} is above max_seconds {high:g}; swap them or give one alone")

    def sampler(self, manifest: Manifest) -> Sampler:
        """How to choose among the allowed tokens."""
        defaults = manifest.defaults
        return Sampler(
            temperature=defaults.temperature if self.temperature is None else self.temperature,
            top_k=defaults.top_k if self.top_k is None else self.top_k,
            top_p=defaults.top_p if self.top_p is None else self.top_p,
            min_p=defaults.min_p if self.min_p is None else self.min_p,
        )

    def chosen_seed(self) -> int:
        """The seed given, or a new one short enough to type again."""
        return secrets.randbelow(2**31) if self.seed is None else int(self.seed)

    def grammar(self, manifest: Manifest, vocabulary: Vocabulary, prompt_tokens: int) -> MoveGrammar:
        """The rules of the answer; InputError where the lengths asked for do not fit the model's context."""
        levels = self._levels(vocabulary)
        budget = manifest.language_model.context - prompt_tokens
        if self.max_tokens is not None:
            budget = min(budget, int(self.max_tokens))
        fits = (budget - MARKERS) // levels
        if fits < 1:
            raise InputError(self._too_small(budget, prompt_tokens, levels))
        low, high = self._frames(manifest.defaults, manifest.codec.stride / manifest.codec.fps, fits)
        thought = manifest.defaults.max_thought if self.max_thought is None else int(self.max_thought)
        return MoveGrammar(vocabulary, levels, low, high, thought, budget, manifest.defaults.min_frames)

    def _levels(self, vocabulary: Vocabulary) -> int:
        most = len(vocabulary.levels)
        if self.levels is not None and self.levels > most:
            raise InputError(f"levels: expected 1 to {most}, got {self.levels}; this model has {most}")
        return most if self.levels is None else int(self.levels)

    def _frames(self, defaults: Defaults, step: float, fits: int) -> tuple[int, int]:
        """Fewest and most code frames; `step` is the seconds of one, `fits` how many the context holds."""
        exact = self._asked_frames("seconds", step, fits, lambda frames: math.floor(frames + 0.5))
        if exact is not None:
            return exact, exact
        # Nearly whole counts as whole: 0.6 / 0.2 is a little less than 3.
        low = self._asked_frames("min_seconds", step, fits, lambda frames: math.ceil(frames - _NEARLY))
        high = self._asked_frames("max_seconds", step, fits, lambda frames: math.floor(frames + _NEARLY))
        if low is not None and high is not None and low > high:
            asked = f"{self.min_seconds:g} and {self.max_seconds:g}"
            raise InputError(f"motion comes in steps of {step:g} s and none lies between {asked}; widen the range")
        if high is None:
            high = min(max(1, math.floor(defaults.max_seconds / step + _NEARLY)), fits)
            high = max(high, low or 0)
        return 1 if low is None else low, high

    def _asked_frames(self, name: str, step: float, fits: int, whole: Callable[[float], int]) -> int | None:
        """A length that was asked for as a whole number of code frames; None where it was not asked."""
        seconds = getattr(self, name)
        if seconds is None:
            return None
        if seconds / step > fits + 1 or whole(seconds / step) > fits:
            raise InputError(f"{name} {seconds:g} does not fit the model's context; ask for at most {fits * step:g}")
        if whole(seconds / step) < 1:
            raise InputError(f"{name} {seconds:g} is less than one step of motion; ask for at least {step:g}")
        return whole(seconds / step)

    def _too_small(self, budget: int, prompt_tokens: int, levels: int) -> str:
        need = MARKERS + levels
        if self.max_tokens is not None and self.max_tokens < need:
            return f"max_tokens {self.max_tokens} is too few for one frame of motion; give at least {need}"
        return (
            f"the prompt takes {prompt_tokens} tokens and leaves {max(budget, 0)} of the context; write a shorter one"
        )
