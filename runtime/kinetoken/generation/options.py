"""Options of an answer, checked as far as they can be without a bundle."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from numbers import Integral, Real
from typing import Any, Final, TypedDict

from ..base.errors import InputError
from ..manifest.sampling_numbers import SAMPLING_NUMBERS, is_number, sampling_problem
from ..manifest.schema import Manifest
from ..sampling.sampler import Sampler
from .lengths import check_lengths
from .pacing.decisions import AUTO_DETAIL, Decisions

MAX_SEED = 2**63 - 1
FRAME_KINDS = ("whole", "prefix")
THOUGHT_TOKENS: Final = {"full": None, "brief": 12, "none": 0}
"""Text tokens before a block; None: as many as the bundle says."""
_SECONDS = tuple(f"{end}{what}seconds" for end in ("", "min_", "max_") for what in ("", "block_"))
_CODE_FRAMES = tuple(name.replace("seconds", "code_frames") for name in _SECONDS)


class GenerateKeywords(TypedDict, total=False):
    """The fields of `GenerateOptions`, by keyword."""

    seconds: float | None
    min_seconds: float | None
    max_seconds: float | None
    code_frames: int | None
    min_code_frames: int | None
    max_code_frames: int | None
    block_seconds: float | None
    min_block_seconds: float | None
    max_block_seconds: float | None
    block_code_frames: int | None
    min_block_code_frames: int | None
    max_block_code_frames: int | None
    min_blocks: int | None
    max_blocks: int | None
    seed: int | None
    temperature: float | None
    top_k: int | None
    top_p: float | None
    min_p: float | None
    levels: int | None
    detail: str | None
    keep_up: bool | None
    frames: str | None
    max_tokens: int | None
    max_thought: int | None
    max_pause: int | None
    thought: str | None
    text_only: bool | None
    foot_lock: bool | None
    smooth: bool | None


def check_prompt(prompt: str) -> None:
    """Raise InputError unless the prompt says something, in valid characters."""
    if not isinstance(prompt, str):
        raise InputError(f'the prompt: expected text, such as "a person walks", got {prompt!r:.60}')
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"the prompt is not UTF-8 text: it has half a character at {error.start}; type it again"
        ) from error
    if not any(letter.isprintable() and not letter.isspace() for letter in prompt):
        raise InputError(
            'the prompt is empty; describe a movement, such as "a person walks forward"'
        )


@dataclass(frozen=True)
class GenerateOptions:
    """Options of an answer; None takes the bundle's default."""

    seconds: float | None = None
    """Exact length of the motion, rounded to whole code frames."""
    min_seconds: float | None = None
    max_seconds: float | None = None
    code_frames: int | None = None
    """The same lengths in code frames, the steps in which motion comes."""
    min_code_frames: int | None = None
    max_code_frames: int | None = None
    block_seconds: float | None = None
    """Exact length of every block of motion; words may come between blocks."""
    min_block_seconds: float | None = None
    max_block_seconds: float | None = None
    block_code_frames: int | None = None
    min_block_code_frames: int | None = None
    max_block_code_frames: int | None = None
    min_blocks: int | None = None
    """Number of blocks."""
    max_blocks: int | None = None
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
    """Most codes per frame: fewer are faster and coarser."""
    detail: str | None = None
    """Levels of the blocks: "full" (default), "coarse", "auto", or spelled out such as "4,2,1".

    "full": `levels` in every block; "coarse": level 0 alone; "auto": the same as `keep_up`. Spelled
    out, the last number is for all later blocks; "4,2/12,0" has the most words before each block
    too; "auto4:4,2/12,0" repeats what was decided before.
    """
    keep_up: bool | None = None
    """Keep real time: few levels and few words where the machine is slow, decided block by block.

    None: only for motion that somebody watches while it is made, see `keeping_up`.
    """
    frames: str | None = None
    """"whole" (default): every frame has all its levels; "prefix": it may end after any level."""
    max_tokens: int | None = None
    """Tokens of the whole answer, thought included."""
    max_thought: int | None = None
    """Text tokens before the first block, which then opens."""
    max_pause: int | None = None
    """Text tokens after a block, until the next opens or the answer ends; None: as max_thought."""
    thought: str | None = None
    """Text allowed: "full" (default), "brief" or "none"; max_thought and max_pause overrule it."""
    text_only: bool | None = None
    """Allow an answer without motion."""
    foot_lock: bool | None = None
    """Keep standing feet from sliding; the features stay as the model made them.

    None: only for motion that somebody watches, see `on_screen`.
    """
    smooth: bool | None = None
    """Calm joints that tremble, 0.1 s later; the features stay as the model made them.

    None: only for motion that somebody watches while it is made, see `keeping_up`.
    """

    def __post_init__(self) -> None:
        for name in _SECONDS:
            self._check(name, Real, "a number of seconds above 0", lambda v: v > 0)
        for name in SAMPLING_NUMBERS:
            if problem := sampling_problem(name, getattr(self, name)):
                raise InputError(problem)
        for name in ("levels", "max_tokens", "min_blocks", "max_blocks", *_CODE_FRAMES):
            self._check(name, Integral, "a whole number of 1 or more", lambda v: v >= 1)
        for name in ("max_thought", "max_pause"):
            self._check(name, Integral, "a whole number of 0 or more", lambda v: v >= 0)
        self._check(
            "seed", Integral, f"a whole number from 0 to {MAX_SEED}", lambda v: 0 <= v <= MAX_SEED
        )
        for name, known in (("frames", FRAME_KINDS), ("thought", tuple(THOUGHT_TOKENS))):
            if getattr(self, name) not in (None, *known):
                raise InputError(
                    f"{name}: expected {' or '.join(known)}, got {getattr(self, name)!r}"
                )
        for name in ("text_only", "foot_lock", "smooth", "keep_up"):
            if getattr(self, name) not in (None, True, False):
                raise InputError(f"{name}: expected True or False, got {getattr(self, name)!r}")
        Decisions.asked(self.detail)
        both = self.detail is not None and self.keep_up is not None
        if both and (self.detail == AUTO_DETAIL) != self.keep_up:
            raise InputError(
                f"keep_up {self.keep_up} and detail {self.detail} contradict each other; "
                "leave one of them out"
            )
        check_lengths(self, "")
        check_lengths(self, "block_")

    def _check(self, name: str, kind: type, expected: str, good: Callable[[Any], bool]) -> None:
        """Raise InputError unless the option is None or a finite number that `good` accepts."""
        value = getattr(self, name)
        if value is not None and not (is_number(value, kind) and good(value)):
            raise InputError(f"{name}: expected {expected}, got {value!r}")

    def sampler(self, manifest: Manifest) -> Sampler:
        """The way to choose among the allowed tokens."""
        defaults = manifest.defaults
        return Sampler(
            temperature=defaults.temperature if self.temperature is None else self.temperature,
            top_k=defaults.top_k if self.top_k is None else self.top_k,
            top_p=defaults.top_p if self.top_p is None else self.top_p,
            min_p=defaults.min_p if self.min_p is None else self.min_p,
        )

    @property
    def decisions(self) -> Decisions | None:
        """Levels and words of each block, where they are spelled out."""
        return Decisions.asked(self.detail)

    @property
    def is_paced(self) -> bool:
        """Tell whether blocks may have different numbers of levels, or of words before them."""
        return bool(self.keep_up) or self.detail == AUTO_DETAIL or self.decisions is not None

    @property
    def awaited_seconds(self) -> float:
        """Length for which a player of a slow answer takes a head start; 0: none, or unknown.

        An answer that keeps up needs none, however slow its first blocks are.
        """
        return 0.0 if self.keep_up else self.seconds or 0.0

    def on_screen(self) -> GenerateOptions:
        """The same options for motion that is watched.

        It is smoothed and its feet are locked, unless asked otherwise.
        """
        return replace(self, foot_lock=self.foot_lock is not False, smooth=self.smooth is not False)

    def keeping_up(self, *, server: bool = False) -> GenerateOptions:
        """The same options for motion that is watched while it is made.

        It keeps up, unless asked otherwise. `server`: one writes the answers, and cannot be paced.
        """
        if server or self.keep_up is not None or self.detail is not None:
            return self
        return replace(self, keep_up=True)

    def chosen_seed(self) -> int:
        """The seed given, or a new one short enough to type again."""
        return secrets.randbelow(2**31) if self.seed is None else int(self.seed)


def one_set_of_options(
    options: GenerateOptions | None, keywords: GenerateKeywords
) -> GenerateOptions:
    """The options, given as an object or by keyword. InputError for both, or an unknown keyword."""
    check_options_kind(options)
    if options is not None and keywords:
        raise InputError("give options as one GenerateOptions or by keyword, not both")
    return options or GenerateOptions(**known_options(keywords))


def check_options_kind(options: object) -> None:
    """InputError unless these are GenerateOptions, or None."""
    if not isinstance(options, GenerateOptions | None):
        raise InputError(f"options: expected a GenerateOptions, got {options!r:.60}")


def known_options(keywords: GenerateKeywords) -> GenerateKeywords:
    """The same keywords. InputError for one that is not an option."""
    known = [field.name for field in fields(GenerateOptions)]
    if unknown := sorted(set(keywords) - set(known)):
        raise InputError(f"unknown option {unknown[0]!r}; known are {', '.join(known)}")
    return keywords
