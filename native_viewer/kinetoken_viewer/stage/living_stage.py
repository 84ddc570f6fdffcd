"""A body that takes prompts: it moves while the answer is written, and stands at ease between answers. No window here."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from kinetoken.base.errors import KinetokenError
from kinetoken.generation.options import GenerateOptions
from kinetoken.live.link import Live
from kinetoken.motion.body_line import BodyLine
from kinetoken.motion.clip import Clip
from kinetoken.motion.playback import JitterBuffer, Meter

from ..generator.feed import Ended, Failed, Feed, Message, Moved, Opened, Ready, Said
from .answers import Take, talk
from .playhead import edge
from .prompt_line import PromptLine
from .stage import STALLED, Stage

LEAD: Final = (
    4  # frames that lie before what was shown at least: a latent frame, so a new move is never far
)
USUAL: Final = 4.0  # seconds that an answer is taken to be long, where nothing says it
REMEMBERED: Final = 12_000  # frames of the line, 10 minutes; then the older half is forgotten


class LivingStage(Stage):
    """One body and one talk with a generator. The line of its poses never ends."""

    def __init__(
        self,
        feed: Feed,
        prompt: str,
        options: GenerateOptions,
        *,
        live: Live | None = None,
        keep: bool = False,
    ) -> None:
        """`prompt`: what the feed's job begins with, or "". `keep`: all answers stay, to be saved, not the last alone."""
        super().__init__(prompt, feed=feed, expected=options.seconds or 0.0, live=live)
        self._talk, self._options, self._keep = feed, options, keep
        self.playhead.loop = False
        self.can_lock, self.foot_lock = (
            True,
            options.foot_lock is not False,
        )  # it is switched from the next answer on
        self.line = PromptLine(self.ask)
        self._body = BodyLine(self.playhead.fps)
        self._idle = True
        self._shown = 0.0  # the furthest position that was on the screen
        self._cut = False
        self._usual = min(USUAL, options.max_seconds or USUAL)
        self._pace_before = 0.0
        self._loaded = False
        self._note = ""
        self._given = feed.turn  # the answer to what stood on the command line
        self._answer = Take(prompt, feed.turn, over=not prompt)
        self._answers = [self._answer]
        self._fill()

    def ask(self, prompt: str) -> None:
        """The next prompt: what is being answered is given up, the body blends over from where it was seen last."""
        self._drop()
        anew = self._loaded and self._quiet > STALLED
        self._loaded = self._loaded and not (anew or self._talk.over)
        turn = self._talk.ask(prompt, replace(self._options, foot_lock=self.foot_lock), anew=anew)
        self.prompt, self._thought, self._note, self._detail, self.failure = (
            prompt,
            "",
            "",
            "",
            None,
        )
        self._pace_before = self._pace
        self.seed, self.rtf, self._quiet = None, 0.0, 0.0
        self._buffer, self._meter = JitterBuffer(), Meter()
        self._answer = Take(prompt, turn)
        self._answers = [*(self._answers if self._keep else []), self._answer]
        self.playhead.playing, self.playhead.span = True, None

    def stop(self) -> None:
        """Gives the answer up; the body comes to stand."""
        if not self._answer.over:
            self._talk.stop()
            self._drop()

    def _drop(self) -> None:
        """Forgets what was not shown yet, but for the two frames that the picture lies between."""
        shown = min(len(self.track), math.ceil(self._shown) + 1)
        self._answer.end(shown)
        self.track.truncate(shown)
        self._body.back_to(self.track.frames[-2:])
        self._idle = True
        if self.playhead.position < self._shown:
            self.playhead.position, self._cut = self._shown, True
        self._fill()

    def tick(self, seconds: float) -> None:
        """One picture's worth of time: takes what has come, lays motion before the playhead, moves the clock."""
        self._listen(seconds, self._ahead(), self._to_come())
        self._fill()
        again = self.playhead.advance(
            seconds * self._rate(seconds), len(self.track), finished=False
        )
        self.jumped, self._cut = self._cut or again or self._begins_again(), False
        self._shown = max(self._shown, self.playhead.position)
        if min(self._shown, self.playhead.position) > REMEMBERED:
            self._forget(REMEMBERED // 2)
        if self._live is not None:
            self._live.show(
                self.pose(), self.playhead.position / self.playhead.fps, waiting=self.waiting
            )

    def _rate(self, seconds: float) -> float:
        if self._idle:
            return 1.0
        return self._buffer.speed(
            self._ahead(), finished=self._answer.over, rtf=self._pace, passed=seconds
        )

    def _begins_again(self) -> bool:
        """Plays the last answer again, where that is wanted and it is over."""
        head, answer = self.playhead, self._answer
        if not (head.loop and head.playing and head.span is None and answer.over and answer.placed):
            return False
        if head.position < answer.stop - 1:
            return False
        head.position = float(answer.begin)
        return True

    def _ahead(self) -> float:
        """Seconds of the answer's motion that were not shown yet."""
        laid = 0.0 if self._idle else max(0.0, edge(len(self.track), finished=False) - self._shown)
        return (laid + self._answer.waiting_frames) / self.playhead.fps

    def _to_come(self) -> float:
        if self._answer.over:
            return 0.0
        return max(0.0, (self._expected or self._usual) - self._answer.frames / self.playhead.fps)

    def _fill(self) -> None:
        """Lays down what has come, or idle motion where nothing has."""
        answer = self._answer
        if answer.waiting and (not self._idle or answer.over or self._ahead() >= self._goal()):
            self._lay()
        bare = LEAD - (len(self.track) - 1 - math.floor(self._shown))
        if bare > 0:
            self._idle = True
            self.track.append(self._body.idle(bare))

    def _goal(self) -> float:
        return self._buffer.goal(self._pace, self._to_come())

    @property
    def _pace(self) -> float:
        """The real-time factor, of the answer before until it is known of this one; 0: unknown."""
        return self.rtf or self._pace_before

    def _lay(self) -> None:
        answer, self._idle = self._answer, False
        for chunk in answer.waiting:
            answer.placed.append((len(self.track), chunk))
            self.track.append(self._body.push(chunk.joints))
        answer.waiting.clear()

    def _forget(self, frames: int) -> None:
        """The oldest frames of the line, which would fill the memory of a body that lives for days."""
        self.track.forget(frames)
        self.playhead.position -= frames
        self.playhead.span = None
        self._shown -= frames
        for answer in self._answers:
            answer.move(-frames)

    def _take(self, message: Message) -> None:
        self._loaded = True
        if isinstance(message, Ready):
            self._set_rate(message.fps)
        elif isinstance(message, Failed):
            self.failure, self._answer.over = message, True
        elif self._answer.over:
            return  # the rest of an answer that was stopped
        elif isinstance(message, Opened):
            self.opened, self.seed, self._answer.seed = True, message.seed, message.seed
            self._set_rate(message.fps)
            if self._live is not None:
                self._live.ask(self.prompt, message.seed)
        elif isinstance(message, Said):
            self._hear(message)
            self._answer.thought = self._thought
        elif isinstance(message, Moved):
            self._measure(message)
            self._answer.waiting.append(message.chunk)
        elif isinstance(message, Ended):
            self._answer.whole, self._answer.over, self._note = message.clip, True, message.note
            self.rtf = self.rtf or message.rtf
            self._usual = 0.5 * (self._usual + message.clip.seconds)

    def _set_rate(self, fps: float) -> None:
        """The model's own frame rate; the body has stood at the usual one until it was known."""
        if fps != self.playhead.fps:
            self.playhead.fps = fps
            self._body = BodyLine(fps)
            self._body.back_to(self.track.frames[-2:])

    @property
    def clip(self) -> Clip | None:
        """All motion so far, to be saved; None when there is none."""
        return talk(self._answers, self.playhead.fps)

    @property
    def busy(self) -> bool:
        """Whether the generator loads or answers."""
        return not self._answer.over or not (self._loaded or self.failure is not None)

    @property
    def hopeless(self) -> bool:
        """Whether what was asked on the command line can never be shown."""
        failure = self.failure
        if failure is None or self.opened or failure.exit_code == KinetokenError.exit_code:
            return False
        return failure.turn in (None, self._given)

    @property
    def waiting(self) -> bool:
        """Whether the body stands because the generator has not come so far."""
        return self._idle and not self._answer.over and self._answer.frames > 0

    def shares(self) -> tuple[float, float]:
        """Of the time bar, which holds the last answer: played and arrived, 0 to 1."""
        begin, whole = self._bar()
        if whole <= 0.0:
            return 0.0, 0.0
        arrived = edge(len(self.track), finished=False) - begin
        return min(1.0, max(0.0, self.playhead.position - begin) / whole), min(1.0, arrived / whole)

    def _bar(self) -> tuple[float, float]:
        """Of the time bar: its first frame and its length in frames."""
        answer = self._answer
        if not answer.placed:
            return self.playhead.position, 0.0
        arrived = edge(len(self.track), finished=False) - answer.begin
        return float(answer.begin), max(
            arrived, 0.0 if answer.over else self._expected * self.playhead.fps
        )

    def restart(self) -> None:
        """Plays the last answer again, or from A."""
        if self.playhead.span is not None:
            super().restart()
        elif self._answer.placed:
            self.playhead.position, self.playhead.playing = float(self._answer.begin), True

    def message(self) -> str:
        """What needs attention at this moment; empty for nothing."""
        answer = self._answer
        if self.failure is not None:
            return self.failure.reason + (
                "; a new prompt starts another" if self._talk.over else ""
            )
        if not self._loaded:
            return "loading the model" + self._counted()
        if answer.over:
            return self._note
        if self._quiet > STALLED:
            return f"the generator has said nothing for {self._quiet:.0f} s; a new prompt starts another"
        if not answer.frames:
            return "thinking" + self._counted()
        return self._wait(self._ahead()) if self._idle else ""

    def _times(self) -> list[str]:
        head, answer = self.playhead, self._answer
        if self._idle and answer.over and head.position >= self._shown:
            return ["idle"]
        into = max(0.0, head.position - answer.begin) / head.fps if answer.placed else 0.0
        return [f"{into:.1f} s", f"buffer {self._ahead():.1f} s"]

    def _modes(self) -> list[str]:
        return ["loop"] if self.playhead.loop else []
