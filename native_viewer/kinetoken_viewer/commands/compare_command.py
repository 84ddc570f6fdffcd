"""kinetoken play --compare: several people in a window, or in a picture file."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from kinetoken.base.errors import INTERRUPTED, InputError, KinetokenError
from kinetoken.cli.arguments import load_options
from kinetoken.cli.live_arguments import live_settings
from kinetoken.generation.options import GenerateOptions, check_prompt

from .compare_question import Comparison, Question, parse, serve, start
from .picture_arguments import recording_of
from .play import NoWindowError, check_save, window
from .saving import beside, keep_cast, shown

if TYPE_CHECKING:
    from ..stage.side_by_side import Cast, LiveCast, Named


def run(args: argparse.Namespace, options: GenerateOptions) -> int:
    """Checks everything that can be checked, then shows or records."""
    if live_settings(args).asked:
        raise InputError(
            "live output carries one body: leave out --compare, or --vmc, --ws and --stdout"
        )
    if args.strip:
        raise InputError("a strip shows one body: leave out --compare or --strip")
    asked = parse(args.compare, args.what, options, args.bundle)
    if asked.ways:
        check_prompt(args.what)
    if args.save is not None:
        _check_save(args.save, asked)
    title = args.what if asked.ways else " ".join(named.name for named in asked.clips)
    if args.headless or args.out is not None:
        return _record(args, asked, title)
    try:
        play = window(args)
    except NoWindowError as error:
        recording = recording_of(args, title)
        print(
            f"kinetoken: no window ({str(error)[:80]}): writing {recording.path} instead",
            file=sys.stderr,
        )
        args.out = str(recording.path)
        return _record(args, asked, title)
    stage = _stage(args, asked, title, options)
    return shown(stage, play, lambda: keep_cast(stage.cast, args.save) if asked.ways else None)


def _stage(
    args: argparse.Namespace, asked: Comparison, title: str, options: GenerateOptions
) -> Cast | LiveCast:
    """Everybody on one stage; answers come from one process that takes turns."""
    from ..generator.feed import Feed
    from ..stage.side_by_side import Cast, LiveCast

    lock = bool(args.foot_lock)
    if not asked.ways:
        return Cast(title, asked.clips, foot_lock=lock)
    feed = Feed(_question(args, asked), serve)  # type: ignore[arg-type]
    names = [way.name for way in asked.ways]
    return LiveCast(title, names, feed, _locked(asked, lock), expected=options.seconds or 0.0)


def _question(args: argparse.Namespace, asked: Comparison) -> Question:
    return Question(args.what, asked.ways, load_options(args))


def _locked(asked: Comparison, lock: bool) -> list[Named]:
    return [
        named._replace(clip=named.clip.foot_locked()) if lock else named for named in asked.clips
    ]


def _check_save(path: str, asked: Comparison) -> None:
    """Refuse now what could not be kept later."""
    if not asked.ways:
        raise InputError(
            "-o keeps what is generated, and these clips are files already: leave it out"
        )
    for way in asked.ways:
        check_save(str(beside(path, way.name)))


def _record(args: argparse.Namespace, asked: Comparison, title: str) -> int:
    from ..record.recorder import record

    recording = recording_of(args, title)
    recording = replace(recording, prompt=title) if asked.ways else replace(recording, title=title)
    cast: list[Named] = []
    try:
        _generate(args, asked, cast)
    except KeyboardInterrupt:
        kept = keep_cast(cast, args.save)
        print(
            f"kinetoken: stopped; {'what came is kept' if kept else 'nothing kept'}",
            file=sys.stderr,
        )
        return INTERRUPTED
    except KinetokenError:
        if cast:
            keep_cast(cast, args.save)
        raise
    keep_cast(cast, args.save)
    cast += _locked(asked, bool(args.foot_lock))
    if not record(cast, recording):
        return INTERRUPTED
    print(f"{', '.join(named.name for named in cast)} -> {recording.path}")
    return 0


def _generate(args: argparse.Namespace, asked: Comparison, cast: list[Named]) -> None:
    """The clips, one after another, into `cast`; where it is cut short, the last of them as far as it came."""
    from kinetoken.cli.terminal import ProgressLine

    from ..stage.side_by_side import Named

    for way, generation in zip(
        asked.ways, start(_question(args, asked)) if asked.ways else [], strict=True
    ):
        with ProgressLine() as line:
            try:
                for _ in generation:
                    line.show(generation)
            finally:
                generation.close()
                cast.append(Named(way.name, generation.clip()))
