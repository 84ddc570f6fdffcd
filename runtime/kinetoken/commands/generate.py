"""kinetoken generate: a prompt becomes a clip, with a live line while it does."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..errors import EngineError
from ..options import check_prompt
from .arguments import add_bundle, add_generation, generate_options, load_options
from .progress import ProgressLine, printable

if TYPE_CHECKING:
    from ..pipeline import Generation

INTERRUPTED = 130


def add_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """kinetoken generate PROMPT."""
    parser = subparsers.add_parser("generate", help="make a motion from a prompt")
    parser.add_argument("prompt", help="what the body shall do, in words")
    parser.add_argument("-o", "--out", metavar="FILE", help="write the clip: .npz, .bvh, .glb or .vrma")
    parser.add_argument("--json", action="store_true", help="report as one JSON object")
    add_bundle(parser)
    add_generation(parser)
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Generate, show how it goes, save what came, report."""
    options = generate_options(args)
    check_prompt(args.prompt)
    if args.out is not None:
        _check_out(args.out)
    from ..pipeline import load

    generation = load(args.bundle, **asdict(load_options(args))).stream(args.prompt, options)
    try:
        interrupted = _watch(generation)
    except EngineError as error:
        kept = _save(generation, args.out)
        raise EngineError(f"{error}; {_what_is_kept(generation, args.out, kept)}") from error
    kept = _save(generation, args.out)
    if args.json:
        print(json.dumps(report(generation, kept, interrupted)))
    else:
        _tell(generation, kept)
    if interrupted:
        print(f"kinetoken: stopped; {_what_is_kept(generation, args.out, kept)}", file=sys.stderr)
        return INTERRUPTED
    return 0


def report(generation: Generation, out: str | None, interrupted: bool) -> dict[str, Any]:
    """Everything a machine wants to know of a generation."""
    stats = generation.stats
    return {
        "prompt": generation.prompt,
        "seed": generation.seed,
        "text": generation.text,
        "thought": generation.thought,
        "interrupted": interrupted,
        "out": out,
        **asdict(stats),
        "rtf": stats.rtf,
        "tokens_per_second": stats.tokens_per_second,
    }


def _check_out(path: str) -> None:
    """Refuse now what could not be saved later."""
    from ..writers import writer_for
    from ..writers.atomic import check_writable

    writer_for(path)
    check_writable(path)


def _watch(generation: Generation) -> bool:
    """Let it run to the end; whether the user stopped it."""
    with ProgressLine() as line:
        try:
            for _ in generation:
                line.show(generation)
        except KeyboardInterrupt:
            generation.close()
            return True
    return False


def _save(generation: Generation, path: str | None) -> str | None:
    """Write what came; the path where something was written."""
    clip = generation.clip()
    if path is None or not len(clip):
        return None
    clip.save(path)
    return path


def _tell(generation: Generation, kept: str | None) -> None:
    stats = generation.stats
    if generation.thought:
        print(printable(generation.thought))
    pose = "no pose" if stats.time_to_first_pose is None else f"first pose after {stats.time_to_first_pose:.2f} s"
    made = f"{stats.seconds_of_motion:.1f} s of motion in {stats.elapsed:.1f} s ({stats.rtf:.1f}x real time, {pose})"
    print(f"{made}, seed {generation.seed}" + (f" -> {kept}" if kept else ""))


def _what_is_kept(generation: Generation, path: str | None, kept: str | None) -> str:
    if kept:
        return f"the {generation.stats.seconds_of_motion:.1f} s of motion so far are in {kept}"
    return "no motion had come yet" if path else "nothing was saved (no -o was given)"
