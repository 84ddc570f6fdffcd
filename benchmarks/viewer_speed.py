"""Measure how many pictures a second the viewer draws, in its window and to files.

    python benchmarks/viewer_speed.py [--seconds 4] [--quick] [-o benchmarks/results/viewer_speed]

The window needs a display: `xvfb-run -s "-screen 0 3840x2160x24"` works without a screen. Software
drivers share the processor with everything else, so run nothing beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from machine import asked, describe

import kinetoken
from kinetoken.motion.clip import Clip
from kinetoken_viewer.stage.layers import SceneLayers
from kinetoken_viewer.stage.places import NamedClip
from kinetoken_viewer.stage.side_by_side import ClipsSideBySide

WARM_UP = 10  # pictures
BARE, ALL = SceneLayers(), SceneLayers(True, True, True)
WINDOWS = (
    ("480x320, one person", (480, 320), 1, BARE, False),
    ("1280x720, one person", (1280, 720), 1, BARE, False),
    ("1280x720, one person, OpenGL ES", (1280, 720), 1, BARE, True),
    ("1280x720, one person, trail, ghosts and contacts", (1280, 720), 1, ALL, False),
    ("1280x720, three people", (1280, 720), 3, BARE, False),
    ("1920x1080, one person", (1920, 1080), 1, BARE, False),
    ("3840x2160, one person", (3840, 2160), 1, BARE, False),
)
FILES = ("640x360 off screen, smoothed", "640x360 by the painter")
WORDS = """\
Window: its loop played again and again, with text and time bar, without waiting for the display.
Processor: all threads of the process, software driver included. Off screen: the pictures of a file
before encoding, drawn at twice the size and averaged; the painter draws the same without OpenGL."""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--quick", action="store_true", help="half a second of each")
    parser.add_argument("-o", "--out", type=Path)
    parser.add_argument(
        "--part", choices=("windows", "off-screen", "painter"), help=argparse.SUPPRESS
    )
    args = asked(parser)
    seconds = 0.5 if args.quick else args.seconds
    if args.part:
        print(json.dumps(PARTS[args.part](seconds)))
        return
    rows: dict[str, dict[str, float]] = {}
    for part in PARTS:  # a process each: pyglet is off screen or not once and for all
        rows |= in_process(part, seconds)
    driver = str(rows.pop("driver", {}).get("name", "no OpenGL"))
    text = report(rows, driver)
    print(text)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.with_suffix(".md").write_text(text, encoding="utf-8")
        record = {"machine": describe(), "driver": driver, "rows": rows}
        args.out.with_suffix(".json").write_text(
            json.dumps(record, indent=1) + "\n", encoding="utf-8"
        )


def in_process(part: str, seconds: float) -> dict[str, Any]:
    """One part's rows; none, with a line on stderr, if it cannot run here."""
    command = [sys.executable, __file__, "--part", part, "--seconds", str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{part}: not measured: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return {}
    rows: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return rows


def clips() -> list[NamedClip]:
    """Three walks of the demo model."""
    generator = kinetoken.load()
    return [
        NamedClip(
            f"seed {seed}", generator.generate("a person walks in a circle", seed=seed, seconds=6)
        )
        for seed in (1, 2, 3)
    ]


def pace(turn: Callable[[], object], seconds: float) -> dict[str, float]:
    """Pictures per second, processor milliseconds each, the slowest in a hundred."""
    for _ in range(WARM_UP):
        turn()
    times, busy = [], sum(os.times()[:2])
    begun = before = time.perf_counter()
    while before - begun < seconds or len(times) < WARM_UP:
        turn()
        now = time.perf_counter()
        times.append(now - before)
        before = now
    busy = sum(os.times()[:2]) - busy
    return {
        "pictures_per_second": len(times) / (before - begun),
        "processor_ms": busy / len(times) * 1000,
        "slowest_ms": float(np.percentile(times, 99)) * 1000,
    }


def windows(seconds: float) -> dict[str, Any]:
    """Every kind of window on the display."""
    from kinetoken_viewer.window.request import WindowRequest
    from kinetoken_viewer.window.window import PlayerWindow

    cast, rows = clips(), {}
    for name, size, people, layers, gles in WINDOWS:
        request = WindowRequest(size, layers=layers, gles=gles)
        window = PlayerWindow(ClipsSideBySide("walk", cast[:people]), request)

        def turn(window: PlayerWindow = window) -> None:
            window.dispatch_events()
            window.refresh()

        rows[name] = pace(turn, seconds)
        rows["driver"] = {"name": window.scene.driver}
        window.close()
    return rows


def film(renderer: Any, seconds: float) -> dict[str, float]:
    """Pictures of a film of one walk."""
    from kinetoken_viewer.record.clip_film import ClipFilm
    from kinetoken_viewer.record.request import RecordRequest

    clip: Clip = clips()[0].clip
    film, moments = (
        ClipFilm(clip, RecordRequest(Path("x.gif"), (640, 360)), renderer),
        iter(range(10**9)),
    )
    return pace(lambda: film.picture(next(moments) / 25 % clip.seconds), seconds)


def off_screen(seconds: float) -> dict[str, Any]:
    """Pictures drawn through EGL."""
    from kinetoken_viewer.render.gl.offscreen import OffscreenRenderer

    return {FILES[0]: film(OffscreenRenderer(640, 360), seconds)}


def painter(seconds: float) -> dict[str, Any]:
    """Pictures drawn in numpy."""
    from kinetoken_viewer.render.software.painter import Painter

    return {FILES[1]: film(Painter(640, 360), seconds)}


PARTS: dict[str, Callable[[float], dict[str, Any]]] = {
    "windows": windows, "off-screen": off_screen, "painter": painter,
}  # fmt: skip


def report(rows: dict[str, dict[str, float]], driver: str) -> str:
    """The answer in Markdown."""
    lines = [
        f"| {name} | {row['pictures_per_second']:.0f} | {row['processor_ms']:.0f} "
        f"| {row['slowest_ms']:.0f} |"
        for name, row in rows.items()
    ]
    head = [
        "# Pictures per second", "",
        f"{describe()}. {driver}. `python benchmarks/viewer_speed.py`.", "", WORDS, "",
        "| | pictures a second | processor, ms a picture | slowest in a hundred, ms |",
        "|---|---:|---:|---:|",
    ]  # fmt: skip
    return "\n".join([*head, *lines]) + "\n"


if __name__ == "__main__":
    main()
