"""One prompt's answer as the window has it, and all answers of a talk as one clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.clip import Clip, MotionChunk
from kinetoken.motion.transition import Transition

BETWEEN: Final = " / "  # the prompts of a talk


@dataclass
class Take:
    """An answer under way or over."""

    prompt: str
    turn: int
    seed: int | None = None
    thought: str = ""
    over: bool = False
    """Whether no more will come, for whatever reason."""
    whole: Clip | None = None
    """The answer as the generator has it, once it has ended by itself."""
    waiting: list[MotionChunk] = field(default_factory=list)
    """What has come and has no place in the line yet."""
    placed: list[tuple[int, MotionChunk]] = field(default_factory=list)
    """What has, each with the frame where it begins."""

    @property
    def begin(self) -> int:
        """The frame of the line where its motion begins; some must have a place."""
        return self.placed[0][0]

    @property
    def stop(self) -> int:
        """The frame behind its last one; some must have a place."""
        start, chunk = self.placed[-1]
        return start + len(chunk.joints)

    @property
    def frames(self) -> int:
        """Of motion that have come."""
        return sum(len(chunk.joints) for _, chunk in self.placed) + self.waiting_frames

    @property
    def waiting_frames(self) -> int:
        """Of motion that has no place yet."""
        return sum(len(chunk.joints) for chunk in self.waiting)

    def end(self, shown: int) -> None:
        """Nothing more is wanted of it: what lies beyond the first `shown` frames of the line was never seen."""
        self.over = True
        self.waiting.clear()
        if self.placed and self.placed[-1][0] >= shown:
            self.whole = None
            self.placed = [(start, chunk) for start, chunk in self.placed if start < shown]

    def move(self, frames: int) -> None:
        """The line counts its frames from elsewhere."""
        self.placed = [(start + frames, chunk) for start, chunk in self.placed]

    def clip(self, fps: float) -> Clip:
        """All motion that came and was not taken back, where the model has it."""
        if self.whole is not None:
            return self.whole
        chunks = [chunk for _, chunk in self.placed] + self.waiting
        clip = Clip.from_chunks(chunks, prompt=self.prompt, seed=self.seed)
        return replace(clip, text=self.thought, fps=fps)


def talk(takes: Sequence[Take], fps: float) -> Clip | None:
    """One clip of all answers: each goes on where the one before ended, without the idle motion between. None: no motion."""
    clips = [clip for clip in (take.clip(fps) for take in takes) if len(clip)]
    if len(clips) < 2:
        return clips[0] if clips else None
    first = clips[0]
    joints = Transition(fps=first.fps).join([clip.joints for clip in clips])
    return replace(
        first,
        joints=joints.astype(np.float32),
        prompt=BETWEEN.join(clip.prompt for clip in clips),
        text="\n".join(clip.text for clip in clips),
        seed=None,
        features=_joined([clip.features for clip in clips]),
        codes=_joined([clip.codes for clip in clips]),
        meta={**first.meta, "seeds": " ".join(str(clip.seed) for clip in clips)},
    )


def detail(chunk: MotionChunk) -> str:
    """How much of a chunk's code frames was made, by its last one: "full", or "coarse" with its levels. Empty: no codes."""
    if not chunk.codes.size:
        return ""
    made, levels = int((chunk.codes[-1] >= 0).sum()), chunk.codes.shape[1]
    return "full detail" if made == levels else f"coarse detail, {made} of {levels}"


def _joined(parts: Sequence[NDArray[Any] | None]) -> NDArray[Any] | None:
    """None unless every answer has it."""
    there = [part for part in parts if part is not None]
    return np.concatenate(there) if len(there) == len(parts) else None
