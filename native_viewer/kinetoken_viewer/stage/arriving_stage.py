"""One answer on show while it is made."""

from __future__ import annotations

from dataclasses import replace

from kinetoken.live.live_output import LiveOutput
from kinetoken.motion.clip import Clip, MotionChunk

from ..generator.messages import (
    AnswerEnded,
    AnswerStarted,
    GeneratorFailed,
    Message,
    MessageSource,
    ModelReady,
    MotionArrived,
    ThoughtArrived,
)
from .generated_stage import STALLED_SECONDS, GeneratedStage
from .layers import Person, with_robot
from .playhead import last_position
from .standing_pose import STANDING
from .words import thought_of


class ArrivingStage(GeneratedStage):
    """A body that stands until its motion comes, and waits whenever the generator is behind."""

    def __init__(
        self,
        prompt: str,
        feed: MessageSource,
        *,
        expected: float = 0.0,
        live: LiveOutput | None = None,
    ) -> None:
        """`expected`: seconds of motion in the answer, if known."""
        super().__init__(prompt, feed, expected=expected, live=live)
        self._chunks: list[MotionChunk] = []
        self._whole: Clip | None = None

    def tick(self, seconds: float) -> None:
        """Takes what has come and moves the clock."""
        ahead = self.playhead.ahead(len(self.track), finished=self.finished)
        to_come = self._to_come()
        self.listen(seconds, ahead, to_come)
        rate = self.progress.buffer.rate(
            ahead, finished=self.finished, rtf=self.progress.rtf, to_come=to_come, passed=seconds
        )
        self.jumped = self.playhead.advance(seconds * rate, len(self.track), finished=self.finished)
        self.show_live()

    def _to_come(self) -> float:
        return max(0.0, self._expected - len(self.track) / self.playhead.fps)

    def take(self, message: Message) -> None:
        """Takes one message of the generator."""
        progress = self.progress
        if isinstance(message, ModelReady):
            self.playhead.fps = message.fps
            self.about = message.about
        elif isinstance(message, AnswerStarted):
            self._started, progress.seed, self.playhead.fps = True, message.seed, message.fps
        elif isinstance(message, ThoughtArrived):
            self.hear(message)
        elif isinstance(message, MotionArrived):
            progress.measure(message)
            self._chunks.append(message.chunk)
            self.track.append(message.chunk.joints)
        elif isinstance(message, GeneratorFailed):
            if not self.finished:  # the process may go once the answer has come
                progress.failure, self.finished = message, True
        elif isinstance(message, AnswerEnded):
            self._finish(message)

    def _finish(self, message: AnswerEnded) -> None:
        clip, progress = message.clip, self.progress
        self._whole, self.finished, self._started = clip, True, True
        progress.seed, self.playhead.fps = clip.seed, clip.fps
        progress.thought = thought_of(clip)
        progress.rtf = progress.rtf or message.rtf
        self.track.append(clip.joints[len(self.track) :])

    @property
    def clip(self) -> Clip | None:
        """All motion so far, to be saved; None if there is none."""
        if self._whole is not None:
            return self._whole
        if not self._chunks:
            return None
        clip = Clip.from_chunks(self._chunks, prompt=self.prompt, seed=self.progress.seed)
        return replace(clip, text=self.progress.thought, fps=self.playhead.fps)

    def people(self) -> list[Person]:
        """The one body, which stands until its first frame has come."""
        track = self.track if len(self.track) else STANDING
        return with_robot([Person(track)], self.robot)

    @property
    def busy(self) -> bool:
        """True while the answer is made."""
        return not self.finished

    @property
    def hopeless(self) -> bool:
        """True if the answer failed before it began."""
        return self.failure is not None and not self._started

    @property
    def waiting(self) -> bool:
        """True while the picture holds still because the generator is behind."""
        return self.progress.buffer.waiting and not self.finished

    def bar(self) -> tuple[float, float]:
        """First frame of the time bar and its length in frames, with what is expected."""
        end = last_position(len(self.track), finished=True)
        return 0.0, max(end, 0.0 if self.finished else self._expected * self.playhead.fps - 1.0)

    def times(self) -> list[str]:
        """The position in the motion, and the seconds in hand."""
        head = self.playhead
        length = max(len(self.track) / head.fps, 0.0 if self.finished else self._expected)
        parts = [
            f"{head.position / head.fps:.2f} / {length:.1f} s",
            f"frame {int(head.position + 1e-6)}",
        ]
        if not self.finished:
            parts.append(f"buffer {head.ahead(len(self.track), finished=False):.1f} s")
        return parts

    def message(self) -> str:
        """Anything that needs attention at this moment; empty for nothing."""
        if self.failure is not None:
            return self.failure.reason
        if self.finished:
            return ""
        if not self._started:
            return self.counted("loading the model")
        if self.progress.silence > STALLED_SECONDS:
            return f"the generator has said nothing for {self.progress.silence:.0f} s"
        if not len(self.track):
            return self.counted("thinking")
        if self.waiting and self.playhead.playing:
            ahead = self.playhead.ahead(len(self.track), finished=False)
            return self.buffering(ahead, self._to_come())
        return ""
