"""Live output without a window: the motion goes out on its own clock, again and again until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from kinetoken.base.errors import INTERRUPTED
from kinetoken.cli.arguments import image_file, load_options
from kinetoken.cli.live_arguments import open_live, play_out, pour, say
from kinetoken.generation.options import GenerateOptions
from kinetoken.motion.clip import Clip

from .saving import keep_clip

if TYPE_CHECKING:
    from kinetoken.live.link import Live
    from kinetoken.live.settings import LiveSettings


def stream(
    args: argparse.Namespace, options: GenerateOptions, clip: Clip | None, settings: LiveSettings
) -> int:
    """A clip, or a prompt while it is answered, to everything in the settings. InputError, MissingPackageError."""
    settings = replace(settings, loop=not args.once)
    with spoken_aside(args):
        return (
            _generated(args, options, settings) if clip is None else _played(args, clip, settings)
        )


@contextlib.contextmanager
def spoken_aside(args: argparse.Namespace) -> Iterator[None]:
    """Where standard output carries frames, what is said to people goes to standard error."""
    with contextlib.redirect_stdout(sys.stderr) if args.stdout else contextlib.nullcontext():
        yield


def _played(args: argparse.Namespace, clip: Clip, settings: LiveSettings) -> int:
    keep_clip(clip, args.save)
    prompt = clip.prompt or args.what
    with open_live(settings, fps=clip.fps, prompt=prompt, seed=clip.seed) as live:
        try:
            live.push(clip.joints)
        except KeyboardInterrupt:
            return _stopped()
        return _to_the_end(live)


def _generated(args: argparse.Namespace, options: GenerateOptions, settings: LiveSettings) -> int:
    import kinetoken
    from kinetoken.cli.terminal import image_bar

    generator = kinetoken.load(args.bundle, load_options(args))
    with image_bar() as looking:
        generation = generator.stream(
            args.what, options, image=image_file(args), watch=looking.show
        )
    fps, length = float(generator.fps), options.seconds or 0.0
    with open_live(
        settings, fps=fps, prompt=args.what, seed=generation.seed, expected=length
    ) as live:
        try:
            for _ in pour(generation, live):
                if live.over and args.save is None:
                    break
        except KeyboardInterrupt:
            return _stopped()
        finally:
            generation.close()
            keep_clip(generation.clip(), args.save)
        return _to_the_end(live)


def _to_the_end(live: Live) -> int:
    return _stopped() if play_out(live) else live.exit_code


def _stopped() -> int:
    say("stopped")
    return INTERRUPTED
