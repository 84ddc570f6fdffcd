"""Makes the tour of the viewer: two minutes as MP4, and the best of it as a GIF for a README.

    python docs/make_tour.py [--size 640x360] [-o docs/tour] [--draft]

Everything in it is the viewer itself, drawn off screen on the motion's clock: the demo model
answers, prompts are typed letter by letter, keys are pressed. It needs the extras [viewer] and
[video], and takes about four minutes on two cores.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from PIL import Image

import kinetoken
from kinetoken.cli.terminal import ProgressBar
from kinetoken.generation.options import GenerateOptions
from kinetoken.motion.clip import Clip, TextChunk
from kinetoken.motion.playback import Sample
from kinetoken_viewer.generator.messages import (
    AnswerEnded,
    AnswerStarted,
    Message,
    ModelReady,
    MotionArrived,
    ThoughtArrived,
)
from kinetoken_viewer.hud.name_tags import name_panels
from kinetoken_viewer.hud.panels import word_panels
from kinetoken_viewer.hud.prompt_box import PromptBox
from kinetoken_viewer.hud.text import stamp
from kinetoken_viewer.hud.time_bar import TimeBar
from kinetoken_viewer.record.encode import write_film
from kinetoken_viewer.record.recorder import open_renderer
from kinetoken_viewer.render.camera import THREE_QUARTER
from kinetoken_viewer.render.pixels import Pixels
from kinetoken_viewer.render.shot import Renderer
from kinetoken_viewer.stage.clip_stage import ClipStage
from kinetoken_viewer.stage.layers import NO_LAYERS, SceneLayers, compose_shot, name_points
from kinetoken_viewer.stage.living_stage import LivingStage
from kinetoken_viewer.stage.places import NamedClip
from kinetoken_viewer.stage.side_by_side import ClipsSideBySide
from kinetoken_viewer.stage.stage import Stage
from kinetoken_viewer.window.controls import Controls
from kinetoken_viewer.window.view import View

FPS: Final = 20.0
FILM_FPS: Final = 10.0
GIF_SIZES: Final = ((400, 225), (320, 180))  # the first that is light enough
QUALITY: Final = 33  # of the MP4: x264's constant rate factor, chosen for about a megabyte
GIF_FPS: Final = 10.0
GIF_LIMIT: Final = 1_300_000  # bytes
WORD: Final = 0.09  # seconds that a piece of the thought takes, as on a small board
MOTION: Final = 0.4  # seconds of work for a second of motion
LETTER: Final = 0.07  # seconds between two letters that are typed

Event = tuple[float, Callable[[], object]]


class Teller:
    """A feed that tells the demo model's answers at the pace of the tour."""

    def __init__(self, generator: kinetoken.Generator, seed: int) -> None:
        self._generator, self._seed = generator, seed
        self.turn, self.over, self.now = 0, False, 0.0
        self._waiting: list[tuple[float, Message]] = [(0.0, ModelReady(float(generator.fps)))]

    def ask(self, prompt: str, options: GenerateOptions, *, anew: bool = False) -> int:
        """Generates the answer to the next prompt; returns its number."""
        self.turn += 1
        generation = self._generator.stream(prompt, replace(options, seed=self._seed + self.turn))
        work = 0.0
        self._waiting = [
            (self.now + 0.2, AnswerStarted(generation.seed, float(self._generator.fps), self.turn))
        ]
        for chunk in generation:
            if isinstance(chunk, TextChunk):
                work += WORD
            else:
                work += MOTION * len(chunk.joints) / self._generator.fps
            stats = generation.stats
            pace = Sample(work, stats.seconds_of_motion, stats.text_tokens + stats.motion_tokens)
            message = (
                ThoughtArrived(chunk.text, self.turn, pace)
                if isinstance(chunk, TextChunk)
                else MotionArrived(chunk, 0.0, self.turn, pace)
            )
            self._waiting.append((self.now + 0.2 + work, message))
        self._waiting.append(
            (self.now + 0.2 + work, AnswerEnded(generation.clip(), 1.0 / MOTION, self.turn))
        )
        return self.turn

    def stop(self) -> None:
        """Gives the answer up."""
        self._waiting = []

    def poll(self) -> list[Message]:
        """The messages that have come by now."""
        came = [message for at, message in self._waiting if at <= self.now]
        self._waiting = [(at, message) for at, message in self._waiting if at > self.now]
        return came

    def close(self) -> None:
        """Nothing is held."""


class Rehearsal:
    """The window's stage, view and keys without the window."""

    def __init__(
        self,
        stage: Stage,
        size: tuple[int, int],
        layers: SceneLayers = NO_LAYERS,
        teller: Teller | None = None,
    ) -> None:
        self.stage, self.size, self.teller = stage, size, teller
        self.view = View(stage, THREE_QUARTER, size[0] / size[1])
        self.controls = Controls(stage, self.view, layers)
        self.turning = 0.0
        """Pixels a second that an unseen hand drags the camera."""
        self.rising = 0.0

    def press(self, *keys: str) -> Callable[[], None]:
        """An action that presses these keys."""
        return lambda: [self.controls.press(key) for key in keys] and None

    def turn(self, turning: float, rising: float = 0.0) -> Callable[[], None]:
        """An action that begins to drag the camera."""

        def begin() -> None:
            self.turning, self.rising = turning, rising

        return begin

    def tick(self, seconds: float) -> None:
        """Moves on by one picture's worth of time."""
        if self.teller is not None:
            self.teller.now += seconds
        self.stage.tick(seconds)
        self.view.orbit(self.turning * seconds, self.rising * seconds)
        self.view.tick(seconds, cut=self.controls.cut or self.stage.jumped)
        self.controls.cut = False

    def picture(self, renderer: Renderer, note: str) -> Pixels:
        """The picture that the window would show."""
        (width, height), stage, head = self.size, self.stage, self.stage.playhead
        people, camera = stage.people(), self.view.camera
        drawn = renderer.render(
            compose_shot(
                people, head.position, head.fps, self.controls.layers, camera, self.view.spread()
            )
        )
        bars = TimeBar.of(width, height).bars(*stage.shares(), stage.span())
        names = [person.name for person in people]
        placed = name_panels(
            names, camera.project(name_points(people, head.position), width, height), height
        )
        words = replace(stage.words(60.0, help_shown=self.controls.help), note=note)
        placed += word_panels(words, width, height)
        if stage.line is not None and stage.line.focused:
            placed.append(PromptBox.of(width, height).cursor(stage.line.line))
        return stamp(drawn, placed, bars)


class Scene(NamedTuple):
    """A part of the tour."""

    title: str
    seconds: float
    rehearsal: Rehearsal
    events: list[Event]
    gif: tuple[float, float]
    """Seconds of it that the GIF shows."""


def typed(stage: Stage, at: float, text: str) -> Iterator[Event]:
    """The events of somebody who writes a prompt and sends it."""
    line = stage.line
    assert line is not None
    yield at, lambda: setattr(line, "focused", True)
    for number, letter in enumerate(text):
        yield at + 0.3 + LETTER * number, functools.partial(line.type, letter)
    sent = at + 0.7 + LETTER * len(text)
    yield sent, line.send
    yield sent + 0.1, lambda: setattr(line, "focused", False)


def scenes(size: tuple[int, int]) -> Iterator[Scene]:
    """The tour, part by part."""
    generator = kinetoken.load()

    def answer(prompt: str, seed: int, seconds: float, levels: int | None = None) -> Clip:
        return generator.generate(prompt, seed=seed, seconds=seconds, levels=levels)

    yield talk(generator, size)
    circle = answer("he walks in a circle to the right", 4, 8.0)
    yield around(circle, size)
    yield views(circle, size)
    yield timeline(answer("jumping jacks", 3, 6.0), size)
    kicks = [
        NamedClip(f"seed {seed}", answer("someone kicks with the left leg", seed, 5.0))
        for seed in (1, 2, 3)
    ]
    stage = ClipsSideBySide(
        "someone kicks with the left leg   --compare seed=1,2,3",
        [n._replace(clip=n.clip.foot_locked()) for n in kicks],
    )
    yield Scene("several answers side by side", 11.0, Rehearsal(stage, size), [], (1.0, 3.5))
    levels = [
        NamedClip(f"levels {n}", answer("a person waves", 2, 5.0, levels=n)) for n in (1, 2, 4)
    ]
    stage = ClipsSideBySide("a person waves   --compare levels=1,2,4", levels)
    yield Scene("coarse beside full detail", 9.0, Rehearsal(stage, size), [], (1.0, 1.0))
    yield keys(circle, size)


def talk(generator: kinetoken.Generator, size: tuple[int, int]) -> Scene:
    """Prompts, the thought, idle motion, an interruption."""
    teller = Teller(generator, 20)
    stage = LivingStage(teller, "", GenerateOptions(foot_lock=True))
    events = [
        *typed(stage, 1.0, "do a cartwheel"),
        *typed(stage, 12.0, "jumping jacks"),
        *typed(stage, 14.0, "he walks in a circle to the left"),
    ]
    return Scene(
        "write a prompt: the body moves while the model still writes",
        32.0,
        Rehearsal(stage, size, teller=teller),
        events,
        (1.5, 8.0),
    )


def around(clip: Clip, size: tuple[int, int]) -> Scene:
    """The layers around a body."""
    on = Rehearsal(ClipStage(clip.foot_locked(), unlocked=clip), size)
    events = [
        (0.5, on.press("T")), (5.0, on.press("C")),
        (9.0, on.press("T", "C", "G")), (13.0, on.press("T", "C")),
        (15.0, on.press("K")), (18.0, on.press("K")),
    ]  # fmt: skip
    return Scene("T trail, C contacts, G ghosts, K foot lock", 20.0, on, events, (10.0, 11.5))


def views(clip: Clip, size: tuple[int, int]) -> Scene:
    """The camera."""
    on = Rehearsal(ClipStage(clip.foot_locked()), size, SceneLayers(trail=True))
    events = [
        (0.5, on.turn(-130.0, 12.0)), (5.0, on.turn(0.0)),
        (5.5, on.press("_2")), (7.5, on.press("_3")), (9.5, on.press("_6")), (12.0, on.press("_1")),
        (13.0, lambda: on.view.zoom(3)), (15.0, on.press("A")), (16.0, on.turn(60.0)),
    ]  # fmt: skip
    return Scene(
        "orbit, pan, zoom, follow, presets, A frames everything", 19.0, on, events, (12.0, 12.0)
    )


def timeline(clip: Clip, size: tuple[int, int]) -> Scene:
    """The time bar."""
    on = Rehearsal(ClipStage(clip.foot_locked()), size)
    steps = [(4.0 + 0.25 * n, on.press("RIGHT")) for n in range(8)]
    events = [
        *steps, (6.5, on.press("SPACE", "DOWN", "DOWN")), (8.0, on.press("UP", "UP")),
        (8.5, on.press("I")), (10.0, on.press("O")), (15.0, on.press("X")),
    ]  # fmt: skip
    return Scene("step, slow motion, play a part again and again", 17.0, on, events, (9.0, 9.0))


def keys(clip: Clip, size: tuple[int, int]) -> Scene:
    """The end."""
    on = Rehearsal(ClipStage(clip.foot_locked()), size)
    words = "out: BVH, GLB, VRMA, npz, VMC, a browser page, PNG, GIF, MP4"
    return Scene(words, 9.0, on, [(4.0, on.press("H"))], (1.0, 1.0))


def pictures(parts: list[Scene], renderer: Renderer, every: int) -> Iterator[tuple[Pixels, bool]]:
    """Every picture of the tour, or one of `every`; True with those that the GIF has too."""
    for scene in parts:
        left = sorted(scene.events, key=lambda event: event[0])
        for index in range(round(scene.seconds * FPS)):
            now = index / FPS
            while left and left[0][0] <= now:
                left.pop(0)[1]()
            scene.rehearsal.tick(1.0 / FPS)
            if not index % every:
                yield (
                    scene.rehearsal.picture(renderer, scene.title),
                    scene.gif[0] <= now < scene.gif[1],
                )


def main() -> None:
    """Draws and writes the tour, and prints its size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="640x360")
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).parent / "tour")
    parser.add_argument(
        "--draft", action="store_true", help="a picture a second, to look it through"
    )
    args = parser.parse_args()
    width, height = (int(side) for side in args.size.split("x"))
    parts, renderer, kept = list(scenes((width, height))), open_renderer(width, height), []
    step = round(FPS) if args.draft else round(FPS / FILM_FPS)
    count = sum(len(range(0, round(scene.seconds * FPS), step)) for scene in parts)
    stream = enumerate(pictures(parts, renderer, step))
    every = max(1, round(FPS / GIF_FPS) // step)

    def draw(_: int) -> Pixels:
        index, (picture, in_gif) = next(stream)
        if in_gif and not index % every:
            kept.append(picture)
        return picture

    video, gif = args.out.with_suffix(".mp4"), args.out.with_suffix(".gif")
    with ProgressBar(f"drawing {video.name}", count) as bar:
        write_film(video, FPS / step, count, draw, bar, QUALITY)
    renderer.close()
    write_gif(gif, FPS / step / every, kept)
    for path in (video, gif):
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def write_gif(path: Path, fps: float, kept: list[Pixels]) -> None:
    """Writes the GIF as large as fits into GIF_LIMIT."""
    for size in GIF_SIZES:
        small = [
            np.asarray(Image.fromarray(p).resize(size, Image.Resampling.LANCZOS)) for p in kept
        ]
        with ProgressBar(f"writing {path.name}", len(small)) as bar:
            write_film(path, fps, len(small), small.__getitem__, bar)
        if path.stat().st_size <= GIF_LIMIT:
            return
    raise SystemExit(f"{path.name} is larger than {GIF_LIMIT / 1e6:g} MB: show less in it")


if __name__ == "__main__":
    main()
