"""Film an answer of the published model's shape as the window shows it, at full detail and keeping up.

    PYTHONPATH=docs python benchmarks/real_time_film.py BUNDLE [--words 12] [--seconds 6]
        -o benchmarks/results/real_time.mp4

Both answers are made here, one after the other, and each piece's time is noted. The window's own
stage then plays them side by side at those times: on the left where the body waits for words, on the
right keeping up. It needs the extras [viewer] and [video].
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from make_tour import Rehearsal, Teller
from published_shape import shaped

import kinetoken
from kinetoken.cli.terminal import ProgressBar
from kinetoken.generation.options import GenerateOptions
from kinetoken.motion.clip import TextChunk
from kinetoken.motion.playback import Meter, Sample
from kinetoken_viewer.generator.messages import (
    AnswerEnded,
    AnswerStarted,
    MotionArrived,
    ThoughtArrived,
)
from kinetoken_viewer.record.encode import write_film
from kinetoken_viewer.record.recorder import open_renderer
from kinetoken_viewer.render.pixels import Pixels
from kinetoken_viewer.stage.living_stage import LivingStage

FPS: Final = 20.0
SIZE: Final = (480, 400)  # of each
PROMPT: Final = "a person walks forward"
ASKED_AT: Final = 0.5  # seconds into the film
OPTIONS: Final = GenerateOptions(
    seed=1, temperature=0.0, max_thought=24, min_block_code_frames=2, foot_lock=True
)
NOTES: Final = {False: "every word and level", True: "keeping up"}


class Witness(Teller):
    """A feed that tells an answer again, each piece as long after the prompt as it really took."""

    def ask(self, prompt: str, options: GenerateOptions, *, anew: bool = False) -> int:
        """Make the answer now, and note when its pieces come."""
        self.turn += 1
        fps, meter, began = float(self._generator.fps), Meter(), time.perf_counter()
        generation = self._generator.stream(prompt, options)
        self._waiting = [(self.now, AnswerStarted(generation.seed, fps, self.turn))]
        for chunk in generation:
            passed, stats = time.perf_counter() - began, generation.stats
            tokens = stats.text_tokens + stats.motion_tokens
            pace = Sample(passed, stats.seconds_of_motion, tokens)
            meter.push(pace)
            message = (
                ThoughtArrived(chunk.text, self.turn, pace)
                if isinstance(chunk, TextChunk)
                else MotionArrived(chunk, 0.0, self.turn, pace)
            )
            self._waiting.append((self.now + passed, message))
        ended = AnswerEnded(generation.clip(), meter.rtf, self.turn)
        self._waiting.append((self.now + time.perf_counter() - began, ended))
        return self.turn

    @property
    def last(self) -> float:
        """When the last piece comes."""
        return max((at for at, _ in self._waiting), default=self.now)


def rehearsals(bundle: str, words: int, seconds: float) -> dict[str, tuple[Rehearsal, Witness]]:
    """Both stages, the answers made."""
    model, found = shaped(kinetoken.load(bundle), words), {}
    for _ in model.stream(PROMPT, replace(OPTIONS, seconds=2.0)):
        pass  # warm
    for keep_up, note in NOTES.items():
        feed = Witness(model, 1)
        stage = LivingStage(feed, "", replace(OPTIONS, seconds=seconds, keep_up=keep_up))
        rehearsal = Rehearsal(stage, SIZE, teller=feed)
        for _ in range(round(ASKED_AT * FPS)):
            rehearsal.tick(1.0 / FPS)
        stage.ask(PROMPT)
        found[note] = (rehearsal, feed)
    return found


def main() -> None:
    """Make the answers, draw them, write the film."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle")
    parser.add_argument("--words", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    shown = rehearsals(args.bundle, args.words, args.seconds)
    count = round(FPS * (max(feed.last for _, feed in shown.values()) + 2.0))
    renderer = open_renderer(*SIZE)

    def draw(_: int) -> Pixels:
        halves = []
        for note, (rehearsal, feed) in shown.items():
            rehearsal.tick(1.0 / FPS)
            halves.append(rehearsal.picture(renderer, f"{note}   {feed.now:.1f} s"))
        return np.hstack(halves)

    with ProgressBar(f"drawing {args.out.name}", count) as bar:
        write_film(args.out, FPS, count, draw, bar, 28)
    renderer.close()


if __name__ == "__main__":
    main()
