"""Measure answers of the published model's shape: words before every half second of motion.

    python benchmarks/real_time.py NAME=BUNDLE ... [--words 0 6 12 20] [--seconds 6] [--rounds 3]
        [--quick] [-o benchmarks/results/real_time]

A bundle of true size with random weights costs what a trained one does; published_shape.py decides
what it writes: so many words, then blocks of three and two latent frames in turn. Each answer runs
at full detail, and keeping up, in turn; medians. RTF: seconds of motion for each second of work,
from the prompt to the last pose ("in all"), and from the first pose on. The body is played as the
window plays it (`JitterBuffer`, without a head start): the share of its time in which it stood for
want of motion, the longest stand, and the share of its time that it lost by playing slowly while
little was in hand.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from machine import asked
from published_shape import shaped
from report import curves, heading, table, write

import kinetoken
from kinetoken import Generator, MotionChunk
from kinetoken.motion.playback import JitterBuffer

STEP: Final = 0.005
"""Seconds between two looks of the player."""
MODES: Final = {"full detail": {}, "keeping up": {"keep_up": True}}


@dataclass
class Answered:
    """One answer, and how it looked."""

    first_pose: float
    rtf: float
    rtf_moving: float
    waited: float
    """Share of the time of playing in which the body stood."""
    longest: float
    """Longest stand, seconds."""
    slowed: float
    """Share of the time of playing that slow playback took, beside the stands."""
    levels: float
    least_levels: int
    words: float
    """Text tokens before a block, without the first."""
    detail: str = ""


def answer(generator: Generator, seconds: float, **options: Any) -> Answered:
    """Answer once, and play what came when it came."""
    began, came = time.perf_counter(), list[tuple[float, float]]()
    stream = generator.stream(
        "a person walks forward", seconds=seconds, min_block_code_frames=2, temperature=0, seed=1,
        max_thought=24, **options,
    )  # fmt: skip
    for chunk in stream:
        if isinstance(chunk, MotionChunk):
            came.append((time.perf_counter() - began, len(chunk.joints) / generator.fps))
    clip = stream.clip()
    levels = (clip.codes >= 0).sum(axis=1)
    thoughts = [piece.split("</move>")[-1] for piece in clip.text.split("<move>")][1:-1]
    words = [len(generator.bundle.tokenizer.encode_text(words)) for words in thoughts if words]
    waited, longest, slowed = played(came)
    length = sum(seconds for _, seconds in came)
    return Answered(
        came[0][0], length / came[-1][0], (length - came[0][1]) / (came[-1][0] - came[0][0]), waited,
        longest, slowed, float(levels.mean()), int(levels.min()), sum(words) / max(1, len(thoughts)),
        clip.meta.get("detail", ""),
    )  # fmt: skip


def played(came: list[tuple[float, float]]) -> tuple[float, float, float]:
    """Share of the time in which a player stood, its longest stand in seconds, share lost by slowness.

    `came`: when motion came, and how much of it, in seconds.
    """
    buffer, total = JitterBuffer(), sum(seconds for _, seconds in came)
    now, shown, stood, longest, standing, begun = came[0][0], 0.0, 0.0, 0.0, 0.0, False
    start, slowed = now, 0.0
    while shown < total - 1e-6:
        here = sum(seconds for at, seconds in came if at <= now)
        finished = now >= came[-1][0]
        work, moved = now - came[0][0], here - came[0][1]
        rtf = moved / work if work > 0.2 else 0.0
        speed = buffer.rate(here - shown, finished=finished, rtf=rtf, passed=STEP)
        if speed and not begun:
            begun, start = True, now
        stands = begun and (not speed or here <= shown)
        stood += STEP * stands
        slowed += 0.0 if stands or not begun else STEP * (1.0 - speed)
        standing = standing + STEP if stands else 0.0
        longest = max(longest, standing)
        shown = min(here, shown + STEP * speed)
        now += STEP
    time_played = max(STEP, now - start)
    return stood / time_played, longest, max(0.0, slowed) / time_played


def middle(answers: list[Answered]) -> Answered:
    """Medians."""
    rows = [asdict(each) for each in answers]
    found = {key: statistics.median(row[key] for row in rows) for key in rows[0] if key != "detail"}
    return Answered(**found, detail=answers[-1].detail)


def measure(generator: Generator, words: int, seconds: float, rounds: int) -> dict[str, Answered]:
    """Both modes in turn; the first of each warms up."""
    model, kept = shaped(generator, words), {mode: list[Answered]() for mode in MODES}
    for _ in range(rounds + 1):
        for mode, options in MODES.items():
            kept[mode].append(answer(model, seconds, **options))
    return {mode: middle(answers[1:]) for mode, answers in kept.items()}


def row(name: str, words: int, mode: str, a: Answered) -> tuple[str, ...]:
    """A line of the table."""
    return (
        name, str(words), mode, f"{a.first_pose:.2f}", f"{a.rtf:.2f}", f"{a.rtf_moving:.2f}", f"{100 * a.waited:.1f}",
        f"{a.longest:.2f}", f"{100 * a.slowed:.1f}", f"{a.levels:.1f}", f"{a.least_levels:.0f}", f"{a.words:.1f}",
    )  # fmt: skip


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bundles", nargs="+", metavar="NAME=BUNDLE")
    parser.add_argument("--words", type=int, nargs="+", default=[0, 6, 12, 20])
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round of two seconds")
    parser.add_argument("-o", "--out", type=Path)
    args = asked(parser)
    if args.quick:
        args.rounds, args.seconds = 1, 2.0
    rows, found, lines = [], dict[str, Any](), dict[str, list[tuple[float, float]]]()
    for name, _, folder in (each.partition("=") for each in args.bundles):
        generator = kinetoken.load(folder)
        for words in args.words:
            for mode, result in measure(generator, words, args.seconds, args.rounds).items():
                rows.append(row(name, words, mode, result))
                found[f"{name}, {words} words, {mode}"] = asdict(result)
                lines.setdefault(f"{name}, {mode}", []).append((words, result.rtf_moving))
    page = [
        *heading("Real time in the published shape"),
        f"{args.seconds:g} s of motion; blocks of three and two latent frames in turn, words before each.",
        "",
        *table(
            ("model", "words a block", "", "first pose, s", "RTF in all", "RTF moving", "stands, %", "longest, s",
             "slowed, %", "levels", "least", "words said"),
            rows,
        ),
    ]  # fmt: skip
    title = "Real-time factor by words before a block"
    picture = curves(
        lines, "words that the model wants before each block", "RTF", title, line_at=1.0
    )
    write(args.out, page, found, picture)


if __name__ == "__main__":
    main()
