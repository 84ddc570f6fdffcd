"""kinetoken play --compare: several people in a window, or in a picture file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kinetoken.commands.arguments import load_options
from kinetoken.commands.live import live_settings
from kinetoken.errors import INTERRUPTED, InputError
from kinetoken.options import GenerateOptions, check_prompt

from . import cli
from .compare import Comparison, Question, parse, serve, start
from .lookargs import recording_of
from .naming import slug

if TYPE_CHECKING:
    from .cast import Cast, LiveCast, Named
    from .stage import Stage


def run(args: argparse.Namespace, options: GenerateOptions) -> int:
    """Checks everything that can be checked, then shows or records."""
    if live_settings(args).asked:
        raise InputError("live output carries one body: leave out --compare, or --vmc, --ws and --stdout")
    if args.strip:
        raise InputError("a strip shows one body: leave out --compare or --strip")
    asked = parse(args.compare, args.what, options, args.bundle)
    if asked.ways:
        check_prompt(args.what)
    if args.save is not None:
        cli.check_save(args.save)
    title = args.what if asked.ways else " ".join(named.name for named in asked.clips)
    if args.headless or args.out is not None:
        return _record(args, asked, title)
    try:
        play = cli.window(args)
    except cli.NoWindowError as error:
        recording = recording_of(args, title)
        print(f"kinetoken: no display ({str(error)[:80]}): writing {recording.path} instead", file=sys.stderr)
        args.out = str(recording.path)
        return _record(args, asked, title)
    return _play(args, play, _stage(args, asked, title, options))


def _play(args: argparse.Namespace, play: Callable[[Stage], None], stage: Cast | LiveCast) -> int:
    """The window until it is closed; then what came is saved, and a failure told."""
    code = 0
    try:
        play(stage)
    except KeyboardInterrupt:
        print("kinetoken: stopped", file=sys.stderr)
        code = INTERRUPTED
    finally:
        stage.close()
        _keep(stage.cast, args.save)
    if stage.failure is not None:
        print(f"kinetoken: {stage.failure.reason}", file=sys.stderr)
        return stage.failure.exit_code
    return code


def _stage(args: argparse.Namespace, asked: Comparison, title: str, options: GenerateOptions) -> Cast | LiveCast:
    """Everybody on one stage; answers come from one process that takes turns."""
    from .cast import Cast, LiveCast
    from .feed import Feed

    lock = bool(args.foot_lock)
    if not asked.ways:
        return Cast(title, asked.clips, foot_lock=lock)
    feed = Feed(_question(args, asked), serve)  # type: ignore[arg-type]
    names = [way.name for way in asked.ways]
    return LiveCast(title, names, feed, _locked(asked, lock), expected=options.seconds or 0.0)


def _question(args: argparse.Namespace, asked: Comparison) -> Question:
    return Question(args.what, asked.ways, load_options(args))


def _locked(asked: Comparison, lock: bool) -> list[Named]:
    return [named._replace(clip=named.clip.foot_locked()) if lock else named for named in asked.clips]


def _record(args: argparse.Namespace, asked: Comparison, title: str) -> int:
    from .recorder import record

    recording = replace(recording_of(args, title), title=title)
    cast, interrupted = _generated(args, asked) if asked.ways else ([], False)
    _keep(cast, args.save)
    if interrupted:
        print("kinetoken: stopped; " + ("what came is kept" if args.save and cast else "nothing kept"), file=sys.stderr)
        return INTERRUPTED
    cast += _locked(asked, bool(args.foot_lock))
    if not record(cast, recording):
        return INTERRUPTED
    print(f"{', '.join(named.name for named in cast)} -> {recording.path}")
    return 0


def _generated(args: argparse.Namespace, asked: Comparison) -> tuple[list[Named], bool]:
    """The whole clips, one after another, and whether it was cut short."""
    from kinetoken.commands.progress import ProgressLine

    from .cast import Named

    cast: list[Named] = []
    for way, generation in zip(asked.ways, start(_question(args, asked)), strict=True):
        with ProgressLine() as line:
            try:
                for _ in generation:
                    line.show(generation)
            except KeyboardInterrupt:
                generation.close()
                return cast, True
        cast.append(Named(way.name, generation.clip()))
    return cast, False


def _keep(cast: list[Named], path: str | None) -> None:
    """Every clip in a file of its own: the path's name and the clip's."""
    if path is None:
        return
    target = Path(path)
    for named in cast:
        if len(named.clip):
            file = target.with_name(f"{target.stem}-{slug(named.name)}{target.suffix}")
            named.clip.save(file)
            print(f"{named.clip.seconds:.1f} s of motion -> {file}")
