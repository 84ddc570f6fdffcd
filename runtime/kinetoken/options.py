"""What a caller may ask for, checked against the bundle before anything runs."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass

from .errors import InputError
from .manifest import Manifest
from .sampling.grammar import MARKERS, MoveGrammar
from .sampling.sampler import Sampler
from .vocabulary import Vocabulary

MAX_SEED = 2**63 - 1
MAX_TEMPERATURE = 100.0


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
        for name in ("seconds", "min_seconds", "max_seconds"):
            _check(name, getattr(self, name), lambda v: v > 0, "a number of seconds above 0")
        _check("temperature", self.temperature, lambda v: 0 <= v <= MAX_TEMPERATURE, "0 (greedy) to 100; 0.5 is usual")
        _check("top_p", self.top_p, lambda v: 0 < v <= 1, "above 0, at most 1")
        _check("min_p", self.min_p, lambda v: 0 < v <= 1, "above 0, at most 1")
        _check("top_k", self.top_k, lambda v: v >= 1, "a whole number of 1 or more", whole=True)
        _check("levels", self.levels, lambda v: v >= 1, "a whole number of 1 or more", whole=True)
        _check("max_tokens", self.max_tokens, lambda v: v >= 1, "a whole number of 1 or more", whole=True)
        _check("max_thought", self.max_thought, lambda v: v >= 0, "a whole number of 0 or more", whole=True)
        _check("seed", self.seed, lambda v: 0 <= v <= MAX_SEED, f"a whole number from 0 to {MAX_SEED}", whole=True)
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
        return secrets.randbelow(2**31) if self.seed is None else self.seed

    def grammar(self, manifest: Manifest, vocabulary: Vocabulary, prompt_tokens: int) -> MoveGrammar:
        """The rules of the answer; InputError where the lengths asked for do not fit the model's context."""
        levels = self._levels(vocabulary)
        budget = manifest.language_model.context - prompt_tokens
        if self.max_tokens is not None:
            budget = min(budget, self.max_tokens)
        fits = (budget - MARKERS) // levels
        if fits < 1:
            raise InputError(self._too_small(budget, prompt_tokens, levels))
        seconds_per_frame = manifest.codec.stride / manifest.codec.fps
        low, high = self._frames(manifest, seconds_per_frame)
        asked = {"seconds": self.seconds, "min_seconds": self.min_seconds, "max_seconds": self.max_seconds}
        for name, value in asked.items():
            if value is not None and _frames(value, seconds_per_frame) > fits:
                most = fits * seconds_per_frame
                raise InputError(f"{name} {value:g} does not fit the {budget} tokens left; ask for at most {most:g}")
        high = min(high, fits)
        thought = manifest.defaults.max_thought if self.max_thought is None else self.max_thought
        return MoveGrammar(vocabulary, levels, min(low, high), high, thought, budget)

    def _levels(self, vocabulary: Vocabulary) -> int:
        most = len(vocabulary.levels)
        if self.levels is not None and self.levels > most:
            raise InputError(f"levels: expected 1 to {most}, got {self.levels}; this model has {most}")
        return most if self.levels is None else self.levels

    def _frames(self, manifest: Manifest, seconds_per_frame: float) -> tuple[int, int]:
        """Fewest and most code frames, whether they fit or not."""
        if self.seconds is not None:
            exact = _frames(self.seconds, seconds_per_frame)
            return exact, exact
        longest = manifest.defaults.max_seconds if self.max_seconds is None else self.max_seconds
        high = _frames(longest, seconds_per_frame)
        if self.min_seconds is None:
            return min(manifest.defaults.min_frames, high), high
        low = _frames(self.min_seconds, seconds_per_frame)
        return low, high if self.max_seconds is not None else max(low, high)

    def _too_small(self, budget: int, prompt_tokens: int, levels: int) -> str:
        need = MARKERS + levels
        if self.max_tokens is not None and self.max_tokens < need:
            return f"max_tokens {self.max_tokens} is too few for one frame of motion; give at least {need}"
        return (
            f"the prompt takes {prompt_tokens} tokens and leaves {max(budget, 0)} of the context; write a shorter one"
        )


def _frames(seconds: float, seconds_per_frame: float) -> int:
    """The nearest whole number of latent frames, at least 1."""
    return max(1, math.floor(seconds / seconds_per_frame + 0.5))


def _check(name: str, value: object, good: object, expected: str, *, whole: bool = False) -> None:
    """InputError unless the value is None or a finite number that `good` accepts."""
    if value is None:
        return
    kinds = (int,) if whole else (int, float)
    number = isinstance(value, kinds) and not isinstance(value, bool)
    if not (number and math.isfinite(value) and good(value)):  # type: ignore[arg-type,operator]
        raise InputError(f"{name}: expected {expected}, got {value!r}")
