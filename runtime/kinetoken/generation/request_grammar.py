"""From the options of a request to the grammar of its answer.

Defaults give way to what is asked for, and contradictions are refused before anything runs.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from ..base.errors import InputError
from ..engines.context_window import can_outgrow
from ..manifest.schema import Defaults, Manifest
from ..sampling.grammar import MoveGrammar
from ..tokens.vocabulary import Vocabulary
from .lengths import LengthRange, requested_range
from .options import THOUGHT_TOKENS, GenerateOptions
from .pacing.decisions import COARSE_DETAIL

_NEARLY: Final = 1e-6
_LONGEST: Final = 3600.0  # seconds of motion that go on in new contexts


def request_grammar(
    options: GenerateOptions,
    manifest: Manifest,
    vocabulary: Vocabulary,
    prompt_tokens: int,
    *,
    outgrows: bool = True,
) -> MoveGrammar:
    """The grammar of an answer.

    `outgrows`: whether the engine goes on in a new context where one is too short. InputError if
    the options contradict each other or do not fit the model's context.
    """
    step, size = manifest.codec.code_frame_seconds, manifest.codec.block_code_frames or 1
    levels, prefix = _levels(options, vocabulary), options.frames == "prefix"
    plan = options.decisions.plan if options.decisions is not None else ()
    budget = _budget(options, manifest, prompt_tokens, 1 if prefix else (*plan, levels)[0])
    around = _tokens_around(manifest)
    fits = max(0, budget - around) // (1 if prefix else min(plan, default=levels))
    fits -= fits % size
    whole = requested_range(options, "", step * size, size)
    block = _block_range(options, manifest, step)
    asked, thought = max(whole.low or 0, whole.high or 0), _thought(options, manifest.defaults)
    outgrows = outgrows and options.max_tokens is None and can_outgrow(budget, thought, levels)
    _check_fit(options, whole, step, int(_LONGEST / step) if outgrows else fits, outgrows)
    if asked > fits:
        # Words between blocks may take as many tokens again as the motion.
        fits, budget = asked, around + thought + 2 * asked * levels
    grammar = MoveGrammar(
        vocabulary,
        levels,
        min_frames=_shortest(options, whole),
        max_frames=_longest(options, manifest.defaults, whole, block, step, fits, size),
        max_thought=thought,
        max_tokens=budget,
        min_block=block.low or 1,
        max_block=block.high,
        min_blocks=options.min_blocks or 0,
        max_blocks=options.max_blocks,
        max_pause=options.max_pause,
        prefix=prefix,
        plan=plan,
        opened=manifest.opens_block,
    )
    _check(grammar, options, step)
    return _with_defaults(grammar, options, manifest.defaults, step, whole, block)


def _with_defaults(
    grammar: MoveGrammar,
    options: GenerateOptions,
    defaults: Defaults,
    step: float,
    whole: LengthRange,
    block: LengthRange,
) -> MoveGrammar:
    """The bundle's lengths, where the options leave them open."""
    if block.low is None:
        grammar = _with_usual_blocks(grammar, defaults.min_frames)
    exact = whole.low is not None and whole.low == whole.high
    if block.high is None and not exact:
        grammar = _with_usual_longest_block(grammar, defaults, step, block.low or 1)
    free = whole.low is None and not options.text_only
    return _with_usual_length(grammar, defaults, step) if free else grammar


def _tokens_around(manifest: Manifest) -> int:
    """Fewest tokens of an answer with motion, beside its codes."""
    marked = manifest.motion.move_start is not None
    return 1 + (marked and not manifest.opens_block)


def _levels(options: GenerateOptions, vocabulary: Vocabulary) -> int:
    most = len(vocabulary.levels)
    if options.levels is not None and options.levels > most:
        raise InputError(
            f"levels: expected 1 to {most}, got {options.levels}; this model has {most}"
        )
    if options.detail == COARSE_DETAIL and (options.levels or 1) > 1:
        raise InputError(
            f"levels {options.levels} and detail coarse, which is level 0 alone, contradict; "
            "give one of them"
        )
    decisions = options.decisions
    limit = None if decisions is None else decisions.most
    if limit is not None and options.levels not in (None, limit):
        raise InputError(
            f"levels {options.levels} and detail {options.detail} contradict; leave out levels"
        )
    levels = limit or (most if options.levels is None else int(options.levels))
    if levels > most:
        raise InputError(
            f"detail: expected auto with 1 to {most} levels, got {limit}; this model has {most}"
        )
    asked = 1 if decisions is None else max(decisions.levels)
    if asked > levels:
        raise InputError(
            f"detail: expected 1 to {levels} levels in every block, got {asked}; "
            "give fewer, or more levels"
        )
    return 1 if options.detail == COARSE_DETAIL else levels


def _budget(
    options: GenerateOptions, manifest: Manifest, prompt_tokens: int, tokens_of_frame: int
) -> int:
    """Tokens that the answer may take: enough for one frame, or one word if words suffice."""
    budget = manifest.language_model.context - prompt_tokens
    if options.max_tokens is not None:
        budget = min(budget, int(options.max_tokens))
    need = 1 if options.text_only else _tokens_around(manifest) + tokens_of_frame
    if budget >= need:
        return budget
    if options.max_tokens is not None and options.max_tokens < need:
        raise InputError(
            f"max_tokens {options.max_tokens} is too few for one frame of motion; "
            f"give at least {need}"
        )
    raise InputError(
        f"the prompt takes {prompt_tokens} tokens and leaves {max(budget, 0)} of the context; "
        "write a shorter one, "
        "or give the bundle a longer context"
    )


def _check_fit(
    options: GenerateOptions, whole: LengthRange, step: float, fits: int, outgrows: bool
) -> None:
    for end, frames in (("min_", whole.low), ("max_", whole.high)):
        if frames is not None and frames > fits:
            exact = whole.low == whole.high and getattr(options, f"{end}seconds") is None
            name = f"{'' if exact else end}seconds"
            asked = getattr(options, name)
            said = (
                f"{name} {asked:g}"
                if asked is not None
                else f"{name.replace('seconds', 'code_frames')} {frames}"
            )
            most = f"{fits * step:g} seconds" if asked is None else f"{fits * step:g}"
            limit = "one answer" if outgrows else "the model's context"
            if options.max_tokens is not None:
                limit = f"max_tokens {options.max_tokens}"
            raise InputError(
                f"{said} does not fit {limit}; ask for at most {most}{_reckoned(options)}"
            )


def _reckoned(options: GenerateOptions) -> str:
    """Why fewer levels do not help, where they are not known yet."""
    decisions = options.decisions
    auto = options.is_paced and (decisions is None or decisions.most is not None)
    return (
        ", or for fewer levels: keeping up reckons with all of them in every block to come"
        if auto
        else ""
    )


def _shortest(options: GenerateOptions, whole: LengthRange) -> int:
    if options.text_only and (whole.low is not None or options.min_blocks):
        raise InputError(
            "text_only allows an answer without motion, but some motion is asked for; "
            "give one of the two"
        )
    return (0 if options.text_only else 1) if whole.low is None else whole.low


def _longest(
    options: GenerateOptions,
    defaults: Defaults,
    whole: LengthRange,
    block: LengthRange,
    step: float,
    fits: int,
    size: int,
) -> int:
    """The length asked for, else the bundle's usual one, or more if other options need it."""
    if whole.high is not None:
        return whole.high
    usual = min(max(1, math.floor(defaults.max_seconds / step + _NEARLY)), max(1, fits))
    usual = max(size, usual - usual % size)
    return max(usual, whole.low or 0, (options.min_blocks or 0) * (block.low or 1), block.low or 0)


def _block_range(options: GenerateOptions, manifest: Manifest, step: float) -> LengthRange:
    """Lengths of a block. InputError for another than the one that a block of this model stands for."""
    size = manifest.codec.block_code_frames
    if size is None:
        return requested_range(options, "block_", step)
    asked = requested_range(options, "block_", step * size, size)
    if (asked.low or size) > size or (asked.high or size) < size:
        raise InputError(
            f"every block of this model is {step * size:g} s long; leave out the length of blocks"
        )
    return LengthRange(size, size)


def _thought(options: GenerateOptions, defaults: Defaults) -> int:
    if options.max_thought is not None:
        return int(options.max_thought)
    preset = THOUGHT_TOKENS[options.thought or "full"]
    return defaults.max_thought if preset is None else preset


def _check(grammar: MoveGrammar, options: GenerateOptions, step: float) -> None:
    """Raise InputError if no answer can be what is asked for."""
    g, owed = grammar, grammar.least_tokens
    least, most = g.min_block, g.longest_block
    if options.min_blocks and options.max_blocks and options.min_blocks > options.max_blocks:
        raise InputError(
            f"min_blocks {g.min_blocks} is above max_blocks {g.max_blocks}; "
            "swap them or leave one out"
        )
    if least > most or g.min_blocks * least > g.max_frames:
        blocks = f"{max(1, g.min_blocks)} block(s) of at least {least * step:g} s"
        raise InputError(
            f"{blocks} do not fit a motion of at most {g.max_frames * step:g} s; "
            "change one of the two"
        )
    if g.most_blocks * most < g.min_frames:
        blocks = f"{g.most_blocks} block(s) of at most {most * step:g} s"
        raise InputError(
            f"{blocks} do not make a motion of {g.min_frames * step:g} s; change one of the two"
        )
    if owed == math.inf:
        blocks = f"blocks of {least * step:g} to {most * step:g} s"
        raise InputError(
            f"no number of {blocks} makes {g.min_frames * step:g} to {g.max_frames * step:g} s of "
            "motion; widen one of the two"
        )
    if owed > g.max_tokens:
        raise InputError(
            f"what is asked takes at least {owed} tokens, and {g.max_tokens} may be used; "
            f"ask for less{_reckoned(options)}"
        )


def _with_usual_blocks(grammar: MoveGrammar, usual: int) -> MoveGrammar:
    """Blocks as long as the model was trained to write, or as near to it as the options allow."""
    for shortest in range(min(usual, grammar.longest_block), 1, -1):
        longer = replace(grammar, min_block=shortest)
        if longer.least_tokens <= grammar.max_tokens:
            return longer
    return grammar


def _with_usual_longest_block(
    grammar: MoveGrammar, defaults: Defaults, step: float, asked: int
) -> MoveGrammar:
    """Blocks no longer than the bundle's longest, unless the options leave no answer so.

    Where a movement repeats itself and its end is never likely, only this ends it. `asked`: the
    shortest block that the options allow; one beyond the bundle's longest lifts the limit.
    """
    if defaults.max_block_seconds is None:
        return grammar
    usual = max(1, math.floor(defaults.max_block_seconds / step + _NEARLY))
    if asked >= usual > 1:
        return grammar
    longest = min(max(usual, grammar.min_block), grammar.longest_block)
    shorter = replace(grammar, max_block=longest)
    return shorter if shorter.least_tokens <= grammar.max_tokens else grammar


def _with_usual_length(grammar: MoveGrammar, defaults: Defaults, step: float) -> MoveGrammar:
    """A motion as long as the bundle's shortest, or as near to it as the options allow."""
    usual = math.floor(defaults.min_seconds / step + _NEARLY)
    most = min(usual, grammar.max_frames, grammar.most_blocks * grammar.longest_block)
    for shortest in range(int(most), grammar.min_frames, -1):
        longer = replace(grammar, min_frames=shortest)
        if longer.least_tokens <= grammar.max_tokens:
            return longer
    return grammar
