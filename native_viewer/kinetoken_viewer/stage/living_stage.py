"""A body that takes prompts: it moves while the answer is written, and idles between answers."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from kinetoken.base.errors import KinetokenError
from kinetoken.chat.chat_words import AskedPrompt, ChatWords
from kinetoken.generation.options import GenerateOptions
from kinetoken.live.live_output import LiveOutput
from kinetoken.motion.clip import Clip

from ..generator.messages import (
    AnswerEnded,
    AnswerStarted,
    GeneratorFailed,
    Message,
    ModelReady,
    MotionArrived,
    PromptTaker,
    ThoughtArrived,
)
from .answers import AnswerProgress, ShownAnswer, joined_clip
from .generated_stage import STALLED_SECONDS, GeneratedStage
from .layers import Person, with_robot
from .living_body import LivingBody
from .playhead import last_position
from .prompt_line import PromptLine

_USUAL_SECONDS: Final = 4.0  # length of an answer, if nothing says how long it will be
_REPLY_LINES: Final = 8
_COLUMN: Final = re.compile(" {2,}")  # the gap of a table, which a panel does not keep
_REPLY_SECONDS: Final = 15.0  # that the reply to a word for the chat stays


class LivingStage(GeneratedStage):
    """One body, and one talk with a generator."""

    def __init__(
        self,
        talk: PromptTaker,
        prompt: str,
        options: GenerateOptions,
        *,
        live: LiveOutput | None = None,
        keep_all: bool = False,
    ) -> None:
        """`prompt`: the talk's first one, or "". `keep_all`: keeps all answers, not only the last.

        The foot lock is switched from the next answer on.
        """
        super().__init__(prompt, talk, expected=options.seconds or 0.0, live=live)
        self.can_lock, self.foot_lock = True, options.foot_lock is not False
        self.playhead.loop = False
        self.body = LivingBody(self.track, self.playhead)
        """Line of poses that the track holds."""
        self.loaded = False
        """The generator has sent something."""
        self.answers = [ShownAnswer(prompt, talk.turn, self.progress, over=not prompt)]
        """Answers that are kept; the last one is on show."""
        self._talk, self._options, self._keep_all = talk, options, keep_all
        self._words = ChatWords(options, self._last_clip)
        self._reply, self._reply_seconds = "", 0.0  # to a word for the chat itself
        self._dismissed = False
        self._line = PromptLine(self.send)
        self._first_turn = talk.turn  # the answer to the prompt of the command line
        if prompt:
            self._words.note(AskedPrompt(prompt))
        self._usual = min(_USUAL_SECONDS, options.max_seconds or _USUAL_SECONDS)
        self._lay()

    @property
    def line(self) -> PromptLine | None:
        """The prompt line."""
        return self._line

    @property
    def answer(self) -> ShownAnswer:
        """The last answer, under way or over."""
        return self.answers[-1]

    def send(self, line: str) -> None:
        """Takes a line that a person wrote: a prompt, or a word for the chat itself."""
        reply = self._words.read(line)
        if reply is None:
            self.ask(line)
            return
        self._options, self._dismissed = self._words.options, reply.over
        if reply.prompt is not None:
            self.ask(reply.prompt)
        lines = (_COLUMN.sub(": ", line) for line in reply.lines[-_REPLY_LINES:])
        self._reply, self._reply_seconds = "\n".join(lines), _REPLY_SECONDS

    @property
    def dismissed(self) -> bool:
        """True once a person has written /bye."""
        return self._dismissed

    def _last_clip(self) -> Clip | None:
        return self.answer.clip(self.playhead.fps)

    def ask(self, prompt: str) -> None:
        """Sends the next prompt in place of an answer under way; the body blends over."""
        self._reply = ""
        self._words.note(AskedPrompt(prompt))
        self._drop()
        anew = self.loaded and self.progress.silence > STALLED_SECONDS
        self.loaded = self.loaded and not (anew or self._talk.over)
        turn = self._talk.ask(prompt, replace(self._options, foot_lock=self.foot_lock), anew=anew)
        self.prompt = prompt
        self.progress = AnswerProgress(self.progress.expected_rtf)
        before = self.answers if self._keep_all else []
        self.answers = [*before, ShownAnswer(prompt, turn, self.progress)]
        self.playhead.playing, self.playhead.span = True, None

    def stop(self) -> None:
        """Gives up the answer; the body comes to stand."""
        if not self.answer.over:
            self._talk.stop()
            self._drop()

    def _drop(self) -> None:
        self.answer.end(self.body.take_back())
        self._lay()

    def tick(self, seconds: float) -> None:
        """Takes what has come, lays motion before the playhead, and moves the clock."""
        self._reply_seconds -= seconds
        self.listen(seconds, self.ahead, self._to_come())
        self._lay()
        self.jumped = self.body.advance(seconds * self._rate(seconds)) or self._begins_again()
        forgotten = self.body.remember_shown()
        if forgotten:
            for answer in self.answers:
                answer.shift(-forgotten)
        self.show_live()

    def _rate(self, seconds: float) -> float:
        if self.body.idle:
            return 1.0
        progress = self.progress
        return progress.buffer.speed(
            self.ahead, finished=self.answer.over, rtf=progress.expected_rtf, passed=seconds
        )

    def _begins_again(self) -> bool:
        """Plays the last answer again, if that is wanted and it is over."""
        head, answer = self.playhead, self.answer
        if not (head.loop and head.playing and head.span is None and answer.over and answer.placed):
            return False
        if head.position < answer.stop - 1:
            return False
        head.position = float(answer.begin)
        return True

    @property
    def ahead(self) -> float:
        """Seconds of the answer's motion that were not shown yet."""
        return (self.body.ahead + self.answer.waiting_frames) / self.playhead.fps

    def _to_come(self) -> float:
        if self.answer.over or self._options.keep_up:
            return 0.0
        return max(0.0, (self._expected or self._usual) - self.answer.frames / self.playhead.fps)

    def _lay(self) -> None:
        """Lays the motion that has come, once there is enough of it; else idle motion."""
        answer, progress = self.answer, self.progress
        goal = progress.buffer.goal(progress.expected_rtf, self._to_come())
        if answer.waiting and (not self.body.idle or answer.over or self.ahead >= goal):
            answer.placed += [(self.body.lay(chunk), chunk) for chunk in answer.waiting]
            answer.waiting.clear()
        self.body.lay_idle()

    def take(self, message: Message) -> None:
        """Takes one message of the generator."""
        self.loaded = True
        answer, progress = self.answer, self.progress
        if isinstance(message, ModelReady):
            self.body.set_rate(message.fps)
            self.about = message.about
            self._line.examples = self._words.examples = message.examples
            self._words.levels = message.levels
        elif isinstance(message, GeneratorFailed):
            progress.failure, answer.over = message, True
        elif answer.over:
            return  # the rest of an answer that was stopped
        elif isinstance(message, AnswerStarted):
            self._start(message)
        elif isinstance(message, ThoughtArrived):
            self.hear(message)
        elif isinstance(message, MotionArrived):
            progress.measure(message)
            answer.waiting.append(message.chunk)
        elif isinstance(message, AnswerEnded):
            answer.whole, answer.over, progress.note = message.clip, True, message.note
            progress.rtf = progress.rtf or message.rtf
            self._usual = 0.5 * (self._usual + message.clip.seconds)
            self._words.note(
                AskedPrompt(self.prompt, progress.seed, message.clip.seconds), again=True
            )

    def _start(self, message: AnswerStarted) -> None:
        self._started, self.progress.seed = True, message.seed
        self._words.note(AskedPrompt(self.prompt, message.seed), again=True)
        self.body.set_rate(message.fps)
        if self._live is not None:
            self._live.ask(self.prompt, message.seed)

    def people(self) -> list[Person]:
        """The one body."""
        return with_robot([Person(self.track)], self.robot)

    @property
    def clip(self) -> Clip | None:
        """All motion so far, to be saved; None if there is none."""
        return joined_clip(self.answers, self.playhead.fps)

    @property
    def busy(self) -> bool:
        """True while the generator loads or answers."""
        return not self.answer.over or not (self.loaded or self.failure is not None)

    @property
    def hopeless(self) -> bool:
        """True if the prompt of the command line can never be shown."""
        failure = self.failure
        if failure is None or self._started or failure.exit_code == KinetokenError.exit_code:
            return False
        return failure.turn in (None, self._first_turn)

    @property
    def waiting(self) -> bool:
        """True while the body stands because the generator is behind."""
        return self.body.idle and not self.answer.over and self.answer.frames > 0

    def shares(self) -> tuple[float, float]:
        """Shares of the time bar, which holds the last answer: played and arrived, 0 to 1."""
        begin, whole = self.bar()
        if whole <= 0.0:
            return 0.0, 0.0
        arrived = last_position(len(self.track), finished=False) - begin
        return min(1.0, max(0.0, self.playhead.position - begin) / whole), min(1.0, arrived / whole)

    def bar(self) -> tuple[float, float]:
        """First frame of the time bar, and its length in frames."""
        answer = self.answer
        if not answer.placed:
            return self.playhead.position, 0.0
        arrived = last_position(len(self.track), finished=False) - answer.begin
        expected = 0.0 if answer.over else self._expected * self.playhead.fps
        return float(answer.begin), max(arrived, expected)

    def restart(self) -> None:
        """Plays the last answer again, or from A."""
        if self.playhead.span is not None:
            super().restart()
        elif self.answer.placed:
            self.playhead.position, self.playhead.playing = float(self.answer.begin), True

    def message(self) -> str:
        """Anything that needs attention at this moment; empty for nothing."""
        answer, progress = self.answer, self.progress
        if self._reply and self._reply_seconds > 0:
            return self._reply
        if progress.failure is not None:
            more = "; a new prompt starts another" if self._talk.over else ""
            return progress.failure.reason + more
        if not self.loaded:
            return self.counted("loading the model")
        if answer.over:
            return progress.note
        if progress.silence > STALLED_SECONDS:
            silence = f"the generator has said nothing for {progress.silence:.0f} s"
            return f"{silence}; a new prompt starts another"
        if not answer.frames:
            return self.counted("thinking")
        return self.buffering(self.ahead, self._to_come()) if self.body.idle else ""

    def times(self) -> list[str]:
        """Seconds into the last answer, and seconds in hand."""
        head, answer = self.playhead, self.answer
        if self.body.idle and answer.over and head.position >= self.body.shown:
            return ["idle"]
        into = max(0.0, head.position - answer.begin) / head.fps if answer.placed else 0.0
        return [f"{into:.1f} s", f"buffer {self.ahead:.1f} s"]

    def modes(self) -> list[str]:
        """The mode, if it is not the usual one."""
        return ["loop"] if self.playhead.loop else []
