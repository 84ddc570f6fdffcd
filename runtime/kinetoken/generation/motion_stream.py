"""Code frames to motion as they come: decoder and recovery in step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..base.errors import EngineError
from ..codec.body_check import BodyCheck
from ..codec.decoder import MotionDecoder
from ..motion.clip import Clip, MotionChunk
from ..motion.features import CONTACTS, N_FEATURES
from ..motion.footlock import FootLock
from ..motion.recover import RecoveryRun
from ..motion.skeleton import Array64
from ..motion.smooth import Smoothing


class MotionRun:
    """One motion, from its first code frame to its last."""

    def __init__(
        self,
        decoder: MotionDecoder,
        foot_lock: FootLock | None = None,
        smoothing: Smoothing | None = None,
    ) -> None:
        self._stride = decoder.stride
        self._levels = decoder.codebooks.table.shape[0]
        self._decoder = decoder.start()
        self._recovery, self._check = RecoveryRun(), BodyCheck()
        self._failed = False
        self._smoothing = None if smoothing is None else smoothing.start()
        self._feet = None if foot_lock is None else foot_lock.start()
        self._limit = decoder.block_frames
        self._waiting: list[Sequence[int]] = []
        self._uncut: list[int] = []  # feature frames of each code frame that count
        self._final = 0  # code frames whose features came
        self._held = np.zeros((0, N_FEATURES), np.float32)  # features whose joints wait
        self._given = self._through = 0  # code frames that were handed out, and their frames
        self._block: int | None = None
        self._in_block = 0  # feature frames of the block so far, before any cut
        self._frames = 0

    def push(self, frames: Sequence[Sequence[int]], block: int | None = None) -> MotionChunk | None:
        """Decode code frames of Q codes, -1 for missing levels, to the motion that became final.

        `block`: number of the block that they belong to, where a block stands for a number of
        feature frames; None: nothing is cut. Returns None if no motion became final. EngineError
        if the decoder fails or gives no body; nothing comes after that.
        """
        if block != self._block:
            self._block, self._in_block = block, 0
        for _ in frames:
            self._uncut.append(self._counting() if block is not None else self._stride)
            self._in_block += self._stride
        self._waiting.extend(frames)
        codes = np.array(frames, np.int64).reshape(-1, self._levels)
        return self._made(lambda: self._decoder.push(codes))

    def finish(self) -> MotionChunk | None:
        """Return the motion that was held back."""
        return self._made(self._decoder.finish, ends=True)

    def length(self, frames: int) -> int:
        """Feature frames of the first code frames."""
        return sum(self._uncut[:frames])

    def _counting(self) -> int:
        """Feature frames of the next code frame within what its block stands for."""
        left = self._stride if self._limit is None else self._limit - self._in_block
        return max(0, min(self._stride, left))

    def _made(
        self, decode: Callable[[], NDArray[np.float32]], *, ends: bool = False
    ) -> MotionChunk | None:
        """Decode more; EngineError where that is no motion. After an error nothing comes."""
        if self._failed:
            return None
        try:
            with np.errstate(all="ignore"):  # numbers that are none are refused, not warned of
                return self._chunk(decode(), ends=ends)
        except EngineError:
            self._failed = True
            raise

    def _chunk(self, features: NDArray[np.float32], *, ends: bool = False) -> MotionChunk | None:
        """The motion that becomes final with these features (n, 263)."""
        final = len(features) // self._stride
        kept = self._uncut[self._final : self._final + final]
        self._final += final
        features = self._cut(features, kept)
        joints = self._recovery.push(features)
        self._check.push(features, joints)
        joints = self._smoothed(joints, ends=ends)
        self._held = np.concatenate([self._held, features])
        features, self._held = self._held[: len(joints)], self._held[len(joints) :]
        if not len(joints):
            return None  # the codes of a frame that is cut altogether wait for the next
        start, self._frames = self._frames, self._frames + len(joints)
        if self._feet is not None:
            joints = self._feet.push(joints, features[:, CONTACTS])
        return MotionChunk(start, joints.astype(np.float32), features, self._ended())

    def _smoothed(self, joints: Array64, *, ends: bool) -> Array64:
        """The joints (n, 22, 3) that are final where motion is smoothed."""
        if self._smoothing is None:
            return joints
        ready = self._smoothing.push(joints)
        return np.concatenate([ready, self._smoothing.finish()]) if ends else ready

    def _ended(self) -> NDArray[np.int64]:
        """Code frames (k, Q) whose motion was handed out whole since the last."""
        count, frames = 0, self._frames - self._through
        for length in self._uncut[self._given : self._final]:
            if length > frames:
                break
            count, frames = count + 1, frames - length
        self._given, self._through = self._given + count, self._frames - frames
        codes = np.array(self._waiting[:count], np.int64).reshape(-1, self._levels)
        del self._waiting[:count]
        return codes

    def _cut(self, features: NDArray[np.float32], kept: Sequence[int]) -> NDArray[np.float32]:
        """The features without what lies beyond a block."""
        if all(count == self._stride for count in kept):
            return features
        rows = [n * self._stride + k for n, count in enumerate(kept) for k in range(count)]
        return features[rows]


def decode_clip(
    decoder: MotionDecoder,
    frames: Sequence[Sequence[int]],
    blocks: Sequence[int] | None = None,
) -> Clip:
    """Decode the code frames of a whole motion.

    `blocks`: number of the block of each, where a block stands for a number of feature frames.
    """
    run = MotionRun(decoder)
    numbers = None if decoder.block_frames is None else blocks
    pieces: list[tuple[Sequence[Sequence[int]], int | None]] = [(frames, None)]
    if numbers is not None:
        pieces = [([frame], number) for frame, number in zip(frames, numbers, strict=True)]
    chunks = [run.push(*piece) for piece in pieces]
    return Clip.from_chunks(chunk for chunk in (*chunks, run.finish()) if chunk is not None)
