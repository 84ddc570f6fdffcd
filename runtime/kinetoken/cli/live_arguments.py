"""Arguments and steps of live output, for every command that makes or shows motion."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ..base.errors import InputError, OutputError
from ..formats.registry import in_words
from ..live.settings import (
    DEFAULT_RATE,
    SONIC_RATE,
    LiveSettings,
    sonic_address,
    vmc_address,
    vrchat_address,
)
from ..motion.clip import Chunk, Clip, TextChunk
from ..robots.robot_files import is_robot_file, save_robot
from ..robots.robot_model import CAUTION, ROBOTS, robot_named
from .parser import Advanced, Reader
from .standard_streams import stdout_is_missing

if TYPE_CHECKING:
    from ..generation.generator import Generation
    from ..live.live_output import LiveOutput


def add_live(parser: argparse.ArgumentParser) -> Reader[LiveSettings]:
    """Add the options of live output; the reader raises InputError for a bad value."""
    add = parser.add_argument_group("live output (docs/live.md)").add_argument
    vmc = f"drive an avatar by VMC (default: {vmc_address('')})"
    add("--vmc", nargs="?", const="", metavar="HOST[:PORT]", help=vmc)
    vrchat = f"move VRChat's OSC trackers (default: {vrchat_address('')})"
    add("--vrchat", nargs="?", const="", metavar="HOST[:PORT]", help=Advanced(vrchat))
    sonic = f"offer joint references to GEAR-SONIC here (default: {sonic_address('')})"
    add("--sonic", nargs="?", const="", metavar="HOST[:PORT]", help=Advanced(sonic))
    page = "web page and WebSocket stream of the motion"
    add("--ws", type=int, metavar="PORT", help=page)
    lines = "write frames to standard output as JSON lines"
    add("--stdout", action="store_true", help=lines)
    robot = f"a robot that follows: {in_words(ROBOTS)} (docs/robots.md)"
    add("--robot", metavar="NAME", help=robot)
    height = "hip height of the avatar of --vmc or --vrchat, in metres"
    add("--hip-height", type=float, metavar="M", help=Advanced(height))
    host = "bind the page of --ws to this address; its URL then holds a token"
    add("--host", metavar="ADDRESS", help=Advanced(host))
    rate = f"frames per second of live output (default: {DEFAULT_RATE:g}; --sonic: {SONIC_RATE:g})"
    add("--rate", type=float, metavar="HZ", help=Advanced(rate))
    return _live_settings


def _live_settings(args: argparse.Namespace) -> LiveSettings:
    if args.robot is not None:
        robot_named(args.robot)
    if args.stdout and stdout_is_missing():
        raise OutputError("--stdout: standard output is closed; open it, or leave it out")
    usual_rate = DEFAULT_RATE if args.sonic is None else SONIC_RATE
    settings = LiveSettings(
        vmc=None if args.vmc is None else vmc_address(args.vmc),
        ws=args.ws,
        host=args.host,
        stdout=args.stdout,
        robot=args.robot,
        rate=usual_rate if args.rate is None else args.rate,
        hip_height=args.hip_height,
        vrchat=None if args.vrchat is None else vrchat_address(args.vrchat),
        sonic=None if args.sonic is None else sonic_address(args.sonic),
    )
    settings.check_packages()  # not after the model was loaded
    return settings


def check_robot_is_read(
    settings: LiveSettings, out: str | None = None, *, takes_files: bool = False
) -> None:
    """InputError where nobody would see the robot.

    `out`: the file of the motion; `takes_files`: the command writes those of robots.
    """
    if is_robot_file(out):
        if settings.robot is None:
            raise InputError(f"{out} holds a robot's motion; say which: --robot {in_words(ROBOTS)}")
        return
    read = settings.stdout or settings.ws is not None or settings.sonic is not None
    if settings.robot is not None and not read:
        files = ", or write a file: -o OUT.csv" if takes_files else ""
        raise InputError(
            "--robot is for --stdout, --sonic and the page of --ws; give one of them"
            f"{files}, or convert a clip: kinetoken convert CLIP OUT.csv --robot NAME"
        )


def save_motion(clip: Clip, path: str, robot: str | None = None, rate: float | None = None) -> None:
    """Write the clip, or a robot's motion where the file is one of those. InputError, OutputError."""
    if robot is None or not is_robot_file(path):
        clip.save(path)
        return
    save_robot(clip, robot, path, rate)
    say(f"{CAUTION} (docs/robots.md)")


def open_live(
    settings: LiveSettings,
    *,
    fps: float,
    prompt: str,
    seed: int | None,
    expected: float = 0.0,
    endless: bool = False,
) -> LiveOutput:
    """Open all targets for one motion, and name them on standard error.

    InputError, MissingPackageError.
    """
    from ..live.live_output import LiveOutput
    from ..live.target import prompt_facts

    return LiveOutput(
        replace(
            settings, fps=fps, facts=prompt_facts(prompt, seed), expected=expected, endless=endless
        ),
        say,
    )


def send_chunks(generation: Generation, live: LiveOutput) -> Iterator[Chunk]:
    """Yield the chunks of a generation, and send each of them."""
    for chunk in generation:
        if isinstance(chunk, TextChunk):
            live.say(chunk.text)
        else:
            live.push(chunk.joints, generation.stats.rtf)
        yield chunk


def play_out(live: LiveOutput) -> bool:
    """Wait until everything has left; True where the user stopped it.

    Says so where the generator was too slow.
    """
    try:
        live.finish()
        report = live.wait()
    except KeyboardInterrupt:
        return True
    if report.holds:
        times = "once" if report.holds == 1 else f"{report.holds} times"
        say(f"the motion paused {times} because the generator was too slow")
    return False


def say(line: str) -> None:
    """Print one line for the user on standard error."""
    print(f"kinetoken: {line}", file=sys.stderr, flush=True)
