"""What waiting for fewer latent frames costs in the joints, and how many to wait for.

A pose is compared in its own facing, pelvis over pelvis at its height: how far each of the 22 joints is from where the
exact lookahead puts it. The path over the floor is left out, since it is a running sum: a difference in one step would
stay in all that follow, and the figure would tell how long the clip is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.base.errors import InputError
from kinetoken.codec.decoder import MotionDecoder
from kinetoken.manifest.schema import LookaheadError
from kinetoken.motion.features import ROOT_VELOCITY, YAW
from kinetoken.motion.recover import recover

from ..progress import progress

ROWS: Final = 12  # of the table, at most
EACH_UP_TO: Final = 6  # small lookaheads are worth a row each
LIMIT_MM: Final = 5.0
MILLIMETRES: Final = 1000.0


def measure_lookaheads(
    decoder: MotionDecoder, clips: Sequence[NDArray[np.integer]]
) -> tuple[LookaheadError, ...]:
    """Mean and largest distance of the joints on clips of codes (n, Q), for lookaheads from 0 to the exact one.

    InputError without clips to measure on.
    """
    clips = [clip for clip in clips if len(clip)]
    if not clips:
        raise InputError(
            "expected clips of codes to measure lookaheads on, got none: give prompts that move"
        )
    exact = [poses(decoder.with_lookahead(decoder.exact), clip) for clip in clips]
    return tuple(
        _error(decoder.with_lookahead(frames), clips, exact)
        if frames < decoder.exact
        else LookaheadError(frames, 0.0, 0.0)
        for frames in progress(table_rows(decoder.exact), "lookahead")
    )


def choose(errors: Sequence[LookaheadError], limit_mm: float = LIMIT_MM) -> int:
    """The smallest lookahead from which on the mean distance stays below the limit."""
    chosen = errors[-1].lookahead
    for error in sorted(errors, key=lambda e: e.lookahead, reverse=True):
        if error.mean_mm >= limit_mm:
            break
        chosen = error.lookahead
    return chosen


def table_rows(exact: int) -> list[int]:
    """Lookaheads of the table: all where they are few, else the small ones and some on the way to the exact one."""
    if exact < ROWS:
        return list(range(exact + 1))
    far = np.geomspace(EACH_UP_TO, exact, ROWS - EACH_UP_TO).round().astype(int)
    return sorted({*range(EACH_UP_TO + 1), *map(int, far)})


def poses(decoder: MotionDecoder, codes: NDArray[np.integer]) -> NDArray[np.float64]:
    """Codes (n, Q) to joints (n * stride, 22, 3) in metres, each pose over the origin and facing +Z."""
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
        np.linalg.norm(poses(decoder, clip) - wanted, axis=-1) * MILLIMETRES
        for clip, wanted in pairs
    ]
    whole = np.concatenate(apart)
    return LookaheadError(
        decoder.lookahead, round(float(whole.mean()), 3), round(float(whole.max()), 3)
    )
