"""Answers of a generator as the window has them, and all answers of a talk as one clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.clip import Clip, MotionChunk
from kinetoken.motion.playback import JitterBuffer, Meter
from kinetoken.motion.transition import Transition

from ..generator.messages import GeneratorFailed, MotionArrived, ThoughtArrived

_LONGEST_THOUGHT: Final = 4000  # letters that are kept: a flood of words must not fill the memory
_PROMPT_GAP: Final = " / "  # between the prompts of a talk


class AnswerProgress:
    """Everything the generator has told about one answer, but for its motion."""

    def __init__(self, rtf_before: float = 0.0) -> None:
        """`rtf_before`: real-time factor of the answer before, 0 if unknown."""
        self.seed: int | None = None
        self.thought = ""
        self.note = ""
        """A remark of the generator on the finished answer."""
        self.failure: GeneratorFailed | None = None
        self.silence = 0.0
        """Seconds since the generator last sent something, while it should."""
        self.rtf = 0.0
        """Real-time factor; 0: unknown."""
        self.detail = ""
        """How much of the motion's detail is made."""
        self.buffer = JitterBuffer()
        self._meter = Meter()
        self._rtf_before = rtf_before

    @property
    def expected_rtf(self) -> float:
        """The real-time factor, of the answer before until it is known of this one; 0: unknown."""
        return self.rtf or self._rtf_before

    def hear(self, message: ThoughtArrived) -> None:
        """Adds a piece of the thought."""
        self.thought = (self.thought + message.text)[-_LONGEST_THOUGHT:]
        if message.pace is not None:
            self._meter.push(message.pace)

    def measure(self, message: MotionArrived) -> None:
        """Measures how fast the motion is made, and in how much detail."""
        if message.pace is not None:
            self._meter.push(message.pace)
        self.rtf = self._meter.rtf or message.rtf
        self.detail = _detail_of(message.chunk) or self.detail

    def status(self) -> list[str]:
        """Parts of the status line: pace and detail."""
        parts = [f"RTF {self.rtf:.1f}"] if self.rtf else []
        if self._meter.tokens_per_second:
            parts.append(f"{self._meter.tokens_per_second:.0f} tokens/s")
        if self.detail:
            parts.append(self.detail)
        return parts


@dataclass
class ShownAnswer:
    """An answer under way or over, and where its motion lies in the line of poses."""

    prompt: str
    turn: int
    progress: AnswerProgress = field(default_factory=AnswerProgress)
    over: bool = False
    """No more of it will come, for whatever reason."""
    whole: Clip | None = None
    """The answer as the generator has it, once it has ended by itself."""
    waiting: list[MotionChunk] = field(default_factory=list)
    """Chunks that have come and have no place in the line yet."""
    placed: list[tuple[int, MotionChunk]] = field(default_factory=list)
    """Chunks in the line, each with the frame where it begins."""

    @property
    def begin(self) -> int:
        """First frame of its motion in the line; some must be placed."""
        return self.placed[0][0]

    @property
    def stop(self) -> int:
        """Frame behind its last one in the line; some must be placed."""
        start, chunk = self.placed[-1]
        return start + len(chunk.joints)

    @property
    def frames(self) -> int:
        """Frames of motion that have come."""
        return sum(len(chunk.joints) for _, chunk in self.placed) + self.waiting_frames

    @property
    def waiting_frames(self) -> int:
        """Frames of motion that have no place yet."""
        return sum(len(chunk.joints) for chunk in self.waiting)

    def end(self, shown: int) -> None:
        """Ends it early: motion beyond the first `shown` frames of the line was never seen."""
        self.over = True
        self.waiting.clear()
        if self.placed and self.placed[-1][0] >= shown:
            self.whole = None
            self.placed = [(start, chunk) for start, chunk in self.placed if start < shown]

    def shift(self, frames: int) -> None:
        """Moves its places, when the line counts its frames from elsewhere."""
        self.placed = [(start + frames, chunk) for start, chunk in self.placed]

    def clip(self, fps: float) -> Clip:
        """The motion that came and was not taken back; whole if the generator ended by itself."""
        if self.whole is not None:
            return self.whole
        chunks = [chunk for _, chunk in self.placed] + self.waiting
        clip = Clip.from_chunks(chunks, prompt=self.prompt, seed=self.progress.seed)
        return replace(clip, text=self.progress.thought, fps=fps)


def joined_clip(answers: Sequence[ShownAnswer], fps: float) -> Clip | None:
    """One clip of all answers, without the idle motion between them; None if there is no motion.

    Each answer goes on where the one before it ended.
    """
    clips = [clip for clip in (answer.clip(fps) for answer in answers) if len(clip)]
    if len(clips) < 2:
        return clips[0] if clips else None
    first = clips[0]
    joints = Transition(fps=first.fps).join([clip.joints for clip in clips])
    return replace(
        first,
        joints=joints.astype(np.float32),
        prompt=_PROMPT_GAP.join(clip.prompt for clip in clips),
        text="\n".join(clip.text for clip in clips),
        seed=None,
        features=_joined([clip.features for clip in clips]),
        codes=_joined([clip.codes for clip in clips]),
        meta={**first.meta, "seeds": " ".join(str(clip.seed) for clip in clips)},
    )


def _detail_of(chunk: MotionChunk) -> str:
    """How many codebook levels the chunk's last code frame has, in words; empty without codes."""
    if not chunk.codes.size:
        return ""
    made, levels = int((chunk.codes[-1] >= 0).sum()), chunk.codes.shape[1]
    return "full detail" if made == levels else f"coarse detail, {made} of {levels}"


def _joined(arrays: Sequence[NDArray[Any] | None]) -> NDArray[Any] | None:
    """The arrays in a row; None unless every answer has one."""
    there = [array for array in arrays if array is not None]
    return np.concatenate(there) if len(there) == len(arrays) else None
