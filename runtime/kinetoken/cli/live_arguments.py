"""Arguments and steps of live output, for every command that makes or shows motion."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ..motion.clip import Chunk, TextChunk

if TYPE_CHECKING:
    from ..generation.generator import Generation
    from ..live.link import Live
    from ..live.settings import LiveSettings


def add_live(parser: argparse.ArgumentParser) -> None:
    """The options of live output; `live_settings` reads them back."""
    add = parser.add_argument_group("live output, on time at 60 Hz (docs/live.md)").add_argument
    add(
        "--vmc",
        nargs="?",
        const="",
        metavar="HOST[:PORT]",
        help="drive an avatar by the VMC protocol (127.0.0.1:39539)",
    )
    add("--hip-height", type=float, metavar="M", help="hip height in metres of the avatar of --vmc")
    add(
        "--ws",
        type=int,
        metavar="PORT",
        help="a page that shows the motion, and its WebSocket stream",
    )
    add(
        "--host",
        metavar="ADDRESS",
        help="bind the page of --ws to this address; its URL then holds a token",
    )
    add(
        "--stdout",
        action="store_true",
        help="frames as lines of JSON; everything else is said on standard error",
    )
    add(
        "--rate",
        type=float,
        default=60.0,
        metavar="HZ",
        help="frames per second of live output (default: 60)",
    )


def live_settings(args: argparse.Namespace) -> LiveSettings:
    """What was asked for; InputError where it makes no sense."""
    from ..live.settings import Address, LiveSettings

    vmc = None if args.vmc is None else Address.parse(args.vmc)
    return LiveSettings(vmc, args.ws, args.host, args.stdout, args.rate, args.hip_height)


def open_live(
    settings: LiveSettings,
    *,
    fps: float,
    prompt: str,
    seed: int | None,
    expected: float = 0.0,
    endless: bool = False,
) -> Live:
    """The way out for one motion; it says on standard error where it leads. InputError, MissingPackageError."""
    from ..live.link import Live
    from ..live.target import asked

    return Live(
        replace(settings, fps=fps, facts=asked(prompt, seed), expected=expected, endless=endless),
        say,
    )


def pour(generation: Generation, live: Live) -> Iterator[Chunk]:
    """The chunks of a generation, each sent on its way as it passes."""
    for chunk in generation:
        if isinstance(chunk, TextChunk):
            live.say(chunk.text)
        else:
            live.push(chunk.joints, generation.stats.rtf)
        yield chunk


def play_out(live: Live) -> bool:
    """Until everything has left; whether the user stopped it. Says where the generator was too slow."""
    try:
        live.finish()
        report = live.wait()
    except KeyboardInterrupt:
        return True
    if report.holds:
        times = "once" if report.holds == 1 else f"{report.holds} times"
        say(f"the motion held still {times} because the generator had not come so far")
    return False


def say(line: str) -> None:
    """One line for the user, apart from whatever standard output carries."""
    print(f"kinetoken: {line}", file=sys.stderr, flush=True)
