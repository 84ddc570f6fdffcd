"""Code frames to motion as they come: decoder and recovery in step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..codec.decoder import MotionDecoder
from ..motion.clip import Clip, MotionChunk
from ..motion.features import CONTACTS
from ..motion.footlock import FootLock
from ..motion.recover import RecoveryRun


class MotionRun:
    """One motion, from its first code frame to its last."""

    def __init__(self, decoder: MotionDecoder, foot_lock: FootLock | None = None) -> None:
        self._stride = decoder.stride
        self._levels = decoder.codebooks.table.shape[0]
        self._decoder = decoder.start()
        self._recovery = RecoveryRun()
        self._feet = None if foot_lock is None else foot_lock.start()
        self._waiting: list[Sequence[int]] = []
        self._frames = 0

    def push(self, frames: Sequence[Sequence[int]]) -> MotionChunk | None:
        """Decode code frames of Q codes, -1 for missing levels, to the motion that became final.

        None if there is none.
        """
        self._waiting.extend(frames)
        return self._chunk(self._decoder.push(np.array(frames, np.int64).reshape(-1, self._levels)))

    def finish(self) -> MotionChunk | None:
        """Return the motion that was held back."""
        return self._chunk(self._decoder.finish())

    def _chunk(self, features: NDArray[np.float32]) -> MotionChunk | None:
        if not len(features):
            return None
        final = len(features) // self._stride
        codes = np.array(self._waiting[:final], np.int64)
        del self._waiting[:final]
        start, self._frames = self._frames, self._frames + len(features)
        joints = self._recovery.push(features)
        if self._feet is not None:
            joints = self._feet.push(joints, features[:, CONTACTS])
        return MotionChunk(start, joints.astype(np.float32), features, codes)


def decode_clip(decoder: MotionDecoder, frames: Sequence[Sequence[int]]) -> Clip:
    """Decode the code frames of a whole motion."""
    run = MotionRun(decoder)
    return Clip.from_chunks(
        chunk for chunk in (run.push(frames), run.finish()) if chunk is not None
    )
