"""Lookahead against accuracy, measured on motion that the finished bundle's own model makes.

A pose is compared facing +Z with its pelvis over the origin: how far each of the 22 joints is from
where the exact lookahead puts it. The path over the floor is left out. It is a running sum: one
different step would stay in every later pose, and the figure would tell how long the clip is.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.base.errors import InputError
from kinetoken.cli.terminal import progress
from kinetoken.codec.decoder import MotionDecoder
from kinetoken.engines.load_options import LoadOptions
from kinetoken.generation.bundle import Bundle, open_bundle
from kinetoken.generation.options import GenerateOptions
from kinetoken.manifest.schema import CodecInfo, LookaheadError
from kinetoken.motion.features import ROOT_VELOCITY, YAW
from kinetoken.motion.recover import recover

from ..own_answers import SAMPLE_PROMPTS, collect_answers

_WAITED_IN_FULL: Final = 3  # latent frames (0.6 s): a longer exact lookahead is cut short
_CLIPS: Final = 4
_SHORTEST, _LONGEST = 4.0, 10.0  # seconds of a clip
_ROWS: Final = 12  # of the table, at most
_EACH_UP_TO: Final = 6  # small lookaheads are worth a row each
_LIMIT_MM: Final = 5.0
_MM: Final = 1000.0


def measured_codec(folder: Path, codec: CodecInfo, asked: int | None) -> CodecInfo:
    """Return the codec with its table of lookaheads and the one chosen.

    Chosen is the lookahead `asked` for, else the exact one where it is short, else the smallest
    that costs little.
    """
    exact = codec.exact
    if asked is not None and not 0 <= asked <= exact:
        raise InputError(
            f"lookahead: expected 0 to {exact} latent frames, got {asked}; this codec sees no "
            "further"
        )
    if exact == 0:
        return codec
    bundle = open_bundle(folder, LoadOptions(lookahead=exact))
    wanted = GenerateOptions(seconds=_clip_seconds(bundle, codec))
    made = collect_answers(bundle, wanted, SAMPLE_PROMPTS[:_CLIPS], "lookahead")
    errors = measure_lookaheads(bundle.decoder, [answer.codes for answer in made])
    chosen = (
        asked
        if asked is not None
        else exact
        if exact <= _WAITED_IN_FULL
        else smallest_lookahead(errors)
    )
    if chosen < exact:
        _print_table(errors, chosen)
    return replace(codec, lookahead=chosen, exact_lookahead=exact, lookahead_errors=errors)


def _clip_seconds(bundle: Bundle, codec: CodecInfo) -> float:
    """Length of a clip: longer than what the decoder sees, but within half of the context."""
    latent = codec.stride / codec.fps
    held = bundle.language_model.context / 2 / len(bundle.vocabulary.levels) * latent
    return min(_LONGEST, max(_SHORTEST, 2.2 * codec.exact * latent), held)


def _print_table(errors: Sequence[LookaheadError], chosen: int) -> None:
    for row in errors:
        mark = "  <- chosen" if row.lookahead == chosen else ""
        print(
            f"lookahead {row.lookahead:2d}: {row.mean_mm:7.2f} mm mean, "
            f"{row.largest_mm:7.2f} mm largest{mark}",
            file=sys.stderr,
        )


def measure_lookaheads(
    decoder: MotionDecoder, clips: Sequence[NDArray[np.integer]]
) -> tuple[LookaheadError, ...]:
    """Measure each lookahead on clips of codes (n, Q), up to the exact one.

    Returns the mean and the largest distance of the joints; InputError without clips.
    """
    clips = [clip for clip in clips if len(clip)]
    if not clips:
        raise InputError(
            "expected clips of codes to measure lookaheads on, got none: give prompts that move"
        )
    exact = [decoded_poses(decoder.with_lookahead(decoder.exact), clip) for clip in clips]
    return tuple(
        _error(decoder.with_lookahead(frames), clips, exact)
        if frames < decoder.exact
        else LookaheadError(frames, 0.0, 0.0)
        for frames in progress(table_rows(decoder.exact), "lookahead")
    )


def smallest_lookahead(errors: Sequence[LookaheadError], limit_mm: float = _LIMIT_MM) -> int:
    """Return the smallest lookahead from which on the mean distance stays below the limit."""
    chosen = errors[-1].lookahead
    for error in sorted(errors, key=lambda e: e.lookahead, reverse=True):
        if error.mean_mm >= limit_mm:
            break
        chosen = error.lookahead
    return chosen


def table_rows(exact: int) -> list[int]:
    """Choose the lookaheads to measure: all of them, or the small ones and some larger ones."""
    if exact < _ROWS:
        return list(range(exact + 1))
    far = np.geomspace(_EACH_UP_TO, exact, _ROWS - _EACH_UP_TO).round().astype(int)
    return sorted({*range(_EACH_UP_TO + 1), *map(int, far)})


def decoded_poses(decoder: MotionDecoder, codes: NDArray[np.integer]) -> NDArray[np.float64]:
    """Decode codes (n, Q) to joints (n * stride, 22, 3), metres, over the origin, facing +Z."""
    features = decoder.decode(codes).astype(np.float64)
    features[:, YAW] = 0.0
    features[:, ROOT_VELOCITY] = 0.0
    return recover(features)


def _error(
    decoder: MotionDecoder,
    clips: Sequence[NDArray[np.integer]],
    exact: Sequence[NDArray[np.float64]],
) -> LookaheadError:
    pairs = zip(clips, exact, strict=True)
    apart = [
        np.linalg.norm(decoded_poses(decoder, clip) - wanted, axis=-1) * _MM
        for clip, wanted in pairs
    ]
    whole = np.concatenate(apart)
    return LookaheadError(
        decoder.lookahead, round(float(whole.mean()), 3), round(float(whole.max()), 3)
    )
