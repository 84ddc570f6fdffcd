"""What a window shows, without the window: the track, the clock, the generator's messages, and the words about them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.live.link import Live
from kinetoken.motion.clip import Clip, MotionChunk
from kinetoken.motion.playback import JitterBuffer, Meter
from kinetoken.motion.skeleton import FPS

from ..generator.feed import Ended, Failed, Feed, Message, Moved, Opened, Ready, Said
from ..hud.panels import GAP, Words, spoken
from .answers import detail
from .layers import NOWHERE, Person, ground
from .playhead import Playhead, Track, edge
from .prompt_line import PromptLine
from .standing_pose import STANDING

LONGEST_AHEAD: Final = (
    30.0  # seconds: with so much in hand the pipe is left to fill, and the generator waits
)
STALLED: Final = 10.0  # seconds without a word from the generator, after which that is said
LONGEST_THOUGHT: Final = (
    4000  # letters that are remembered: a flood of words must not fill the memory
)
SLOW_START: Final = 3.0  # seconds of loading or thinking, after which they are counted


class Stage:
    """One motion on show: finished from the start, or arriving from a generator."""

    def __init__(
        self,
        prompt: str,
        *,
        feed: Feed | None = None,
        clip: Clip | None = None,
        expected: float = 0.0,
        live: Live | None = None,
        plain: Clip | None = None,
        title: str = "",
    ) -> None:
        """`title`: a name for what nobody asked for in words.

        `live`: where every pose goes that is shown, and every word. `plain`: the clip without its foot lock."""
        self.prompt, self.title = prompt, title
        self.can_lock = plain is not None
        """Whether the foot lock can be switched."""
        self.foot_lock = True
        self._unlocked = plain
        self._free = None if plain is None else Track(plain.joints)
        self.track = Track()
        self.playhead = Playhead(float(FPS))
        self.seed: int | None = None
        self.rtf = 0.0
        self.failure: Failed | None = None
        self.finished = False
        self.opened = False
        self.jumped = False
        """Whether the last tick cut to another moment, so that the camera must cut too."""
        self.line: PromptLine | None = None
        """Where the next prompt is written, for a stage that takes any."""
        self._feed, self._clip, self._expected, self._live = feed, clip, expected, live
        self._place = NOWHERE if clip is None else ground(clip.joints)
        self._buffer = JitterBuffer()
        self._meter = Meter()
        self._quiet = 0.0  # seconds since the generator said something, while it should
        self._detail = ""
        self._thought = ""
        self._chunks: list[MotionChunk] = []
        if clip is not None:
            self._take(Ended(clip, 0.0))
            self.prompt = prompt or clip.prompt

    def tick(self, seconds: float) -> None:
        """One picture's worth of time: takes what has come, moves the clock."""
        ahead = self.playhead.ahead(len(self.track), finished=self.finished)
        to_come = self._to_come()
        self._listen(seconds, ahead, to_come)
        rate = self._buffer.rate(
            ahead, finished=self.finished, rtf=self.rtf, to_come=to_come, passed=seconds
        )
        self.jumped = self.playhead.advance(seconds * rate, len(self.track), finished=self.finished)
        if self._live is not None and len(self.track):
            self._live.show(
                self.pose(), self.playhead.position / self.playhead.fps, waiting=self.waiting
            )

    def _listen(self, seconds: float, ahead: float, to_come: float) -> None:
        """Takes what has come, unless so much is in hand that the generator may wait."""
        full = ahead > max(LONGEST_AHEAD, self._buffer.goal(self.rtf, to_come))
        messages = [] if full or self._feed is None else self._feed.poll()
        self._quiet = 0.0 if full or messages or not self.busy else self._quiet + seconds
        for message in messages:
            self._take(message)

    def _to_come(self) -> float:
        return max(0.0, self._expected - len(self.track) / self.playhead.fps)

    def _take(self, message: Message) -> None:
        if isinstance(message, Ready):
            self.playhead.fps = message.fps
        elif isinstance(message, Opened):
            self.opened, self.seed, self.playhead.fps = True, message.seed, message.fps
        elif isinstance(message, Said):
            self._hear(message)
        elif isinstance(message, Moved):
            self._measure(message)
            self._chunks.append(message.chunk)
            self.track.append(message.chunk.joints)
        elif isinstance(message, Failed):
            if not self.finished:  # a process may go once the answer has come
                self.failure, self.finished = message, True
        else:
            self._finish(message)

    def _hear(self, message: Said) -> None:
        self._thought = (self._thought + message.text)[-LONGEST_THOUGHT:]
        if message.pace is not None:
            self._meter.push(message.pace)
        if self._live is not None:
            self._live.say(message.text)

    def _measure(self, message: Moved) -> None:
        """How fast it is made, and in how much detail."""
        if message.pace is not None:
            self._meter.push(message.pace)
        self.rtf = self._meter.rtf or message.rtf
        self._detail = detail(message.chunk) or self._detail

    def _finish(self, message: Ended) -> None:
        clip = message.clip
        self._clip, self.finished, self.opened = clip, True, True
        self.seed, self.playhead.fps = clip.seed, clip.fps
        self._thought = spoken(clip.text)
        self.rtf = self.rtf or message.rtf
        self.track.append(clip.joints[len(self.track) :])

    @property
    def clip(self) -> Clip | None:
        """All motion so far, to be saved; None when there is none."""
        if self._unlocked is not None and not self.foot_lock:
            return self._unlocked
        if self._clip is not None:
            return self._clip
        if not self._chunks:
            return None
        clip = Clip.from_chunks(self._chunks, prompt=self.prompt, seed=self.seed)
        return replace(clip, text=self._thought, fps=self.playhead.fps)

    def pose(self) -> NDArray[np.float64]:
        """The pose (22, 3) on show: standing until the first frame has come."""
        return self.people()[0].track.sample(self.playhead.position)

    def people(self) -> list[Person]:
        """Everybody on show, first from the left; somebody who stands until the first frame has come."""
        track = self.track if self._free is None or self.foot_lock else self._free
        return [Person(track if len(track) else STANDING, self._place)]

    @property
    def busy(self) -> bool:
        """Whether the generator needs the processor too."""
        return not self.finished

    @property
    def hopeless(self) -> bool:
        """Whether what was asked can never be shown, so that the terminal should say why instead of a window."""
        return self.failure is not None and not self.opened

    @property
    def waiting(self) -> bool:
        """Whether the picture holds still because the generator has not come so far."""
        return self._buffer.waiting and not self.finished

    def shares(self) -> tuple[float, float]:
        """Of the time bar: played and arrived, 0 to 1."""
        _, whole = self._bar()
        end = edge(len(self.track), finished=True)
        return (self.playhead.position / whole, end / whole) if whole > 0 else (0.0, 0.0)

    def span(self) -> tuple[float, float] | None:
        """Of the time bar: from A to B, 0 to 1; None where all is played."""
        (begin, whole), span = self._bar(), self.playhead.span
        if span is None or whole <= 0:
            return None
        a, b = (min(1.0, max(0.0, (frame - begin) / whole)) for frame in span)
        return a, b

    def frame_at(self, share: float) -> float:
        """The frame at a share of the time bar."""
        begin, whole = self._bar()
        return begin + share * whole

    def seek(self, share: float) -> None:
        """Goes to a share of the time bar."""
        self.playhead.seek(self.frame_at(share), len(self.track), finished=self.finished)

    def _bar(self) -> tuple[float, float]:
        """Of the time bar: its first frame and its length in frames, with what is expected."""
        end = edge(len(self.track), finished=True)
        return 0.0, max(end, 0.0 if self.finished else self._expected * self.playhead.fps - 1.0)

    def restart(self) -> None:
        """Plays from the beginning again."""
        self.playhead.position = self.playhead.span[0] if self.playhead.span is not None else 0.0
        self.playhead.playing = True

    def stop(self) -> None:
        """Gives up what is being generated, where more can be asked."""

    def close(self) -> None:
        """Ends the generator's process."""
        if self._feed is not None:
            self._feed.close()

    def words(self, picture_rate: float, *, help_shown: bool = False) -> Words:
        """What to write at this moment."""
        line = None if self.line is None else self.line.line
        title = "" if self.prompt else self.title
        return Words(
            self.prompt,
            self._thought.strip(),
            self._status(picture_rate),
            self.message(),
            help_shown,
            line,
            title,
        )

    def _status(self, picture_rate: float) -> str:
        head = self.playhead
        parts = [
            *self._times(),
            f"{picture_rate:.0f} fps",
            f"{1000.0 / max(picture_rate, 1e-3):.0f} ms",
        ]
        if self.rtf:
            parts.append(f"RTF {self.rtf:.1f}")
        if self._meter.tokens_per_second:
            parts.append(f"{self._meter.tokens_per_second:.0f} tokens/s")
        if self._detail:
            parts.append(self._detail)
        parts += self._seed()
        if self.can_lock and not self.foot_lock:
            parts.append("no foot lock")
        if head.span is not None:
            parts.append("A-B")
        if head.speed != 1.0:
            parts.append(f"speed {head.speed:g}")
        if not head.playing:
            parts.append("paused")
        return GAP.join([*parts, *self._modes(), "H: keys"])

    def _seed(self) -> list[str]:
        return [] if self.seed is None else [f"seed {self.seed}"]

    def _times(self) -> list[str]:
        """Where the motion is, and how much is in hand."""
        head = self.playhead
        length = max(len(self.track) / head.fps, 0.0 if self.finished else self._expected)
        parts = [
            f"{head.position / head.fps:.2f} / {length:.1f} s",
            f"frame {int(head.position + 1e-6)}",
        ]
        if not self.finished:
            parts.append(f"buffer {head.ahead(len(self.track), finished=False):.1f} s")
        return parts

    def _modes(self) -> list[str]:
        return ["loop" if self.playhead.loop else "once"]

    def message(self) -> str:
        """What needs attention at this moment; empty for nothing."""
        if self.failure is not None:
            return self.failure.reason
        if self.finished:
            return ""
        if not self.opened:
            return "loading the model" + self._counted()
        if self._quiet > STALLED:
            return f"the generator has said nothing for {self._quiet:.0f} s"
        if not len(self.track):
            return "thinking" + self._counted()
        if self.waiting and self.playhead.playing:
            return self._wait(self.playhead.ahead(len(self.track), finished=False))
        return ""

    def _counted(self) -> str:
        return f", {self._quiet:.0f} s" if self._quiet > SLOW_START else ""

    def _wait(self, ahead: float) -> str:
        """Why the motion waits, and for how long."""
        if not 0.0 < self.rtf < 1.0:
            return "buffering"
        left = self._buffer.wait(ahead, self.rtf, self._to_come())
        return f"slower than real time ({self.rtf:.1f} times): {left:.0f} s until it moves on"
