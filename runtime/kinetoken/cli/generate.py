"""kinetoken generate: makes a clip from a prompt, with a live line of progress."""

from __future__ import annotations

import contextlib
import json
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..base.atomic_file import check_writable
from ..base.errors import INTERRUPTED, EngineError
from ..base.signals import deferring_ctrl_c
from ..base.survivor import kept_file
from ..formats.registry import WRITABLE, check_can_save, in_words
from ..generation.options import check_prompt
from ..robots.robot_files import check_robot, is_robot_file
from .arguments import BundleRequest, add_bundle, add_generation, add_image
from .live_arguments import (
    add_live,
    check_robot_is_read,
    open_live,
    play_out,
    save_motion,
    send_chunks,
)
from .parser import Advanced, Subparsers, new_command
from .shell.doubtful_prompt import add_as_prompt, check_words
from .terminal import ProgressLine, ProgressLines, image_bar, printable, real_time

if TYPE_CHECKING:
    import argparse

    from ..generation.generator import Generation
    from ..generation.image_file import ImageFile
    from ..generation.options import GenerateOptions
    from ..live.chunk_spool import ChunkSpool
    from ..live.live_output import LiveOutput
    from ..live.settings import LiveSettings


@dataclass(frozen=True)
class GenerateRequest:
    """Everything that the command line asks for."""

    prompt: str
    out: str | None
    """File of the motion."""
    json: bool
    bundle: BundleRequest
    options: GenerateOptions
    image: ImageFile | None
    live: LiveSettings
    progress: bool = False
    """Report progress as lines of JSON on standard error, for the program that runs this one."""
    robot_rate: float | None = None
    """Frames per second of a robot's file; None: the usual."""


def add_command(subparsers: Subparsers) -> None:
    """kinetoken generate PROMPT."""
    parser = new_command(
        subparsers,
        "generate",
        "make a motion from a prompt",
        'kinetoken generate "a person walks forward" -o walk.bvh',
        'kinetoken generate "a person waves" --seconds 4 --seed 7 -o wave.glb',
        'kinetoken generate "a person dances" --ws 8000',
    )
    add = parser.add_argument
    add("prompt", metavar="PROMPT", help="the movement in words, in quotes")
    add_as_prompt(parser)
    out = f"write the motion: {in_words(WRITABLE)}; with --robot .csv or .pkl"
    add("-o", "--out", metavar="FILE", help=out)
    add("--json", action="store_true", help="print the report as one JSON object")
    progress = "progress as lines of JSON on standard error, for a program that runs this one"
    add("--progress", action="store_true", help=Advanced(progress))
    bundle, options = add_bundle(parser), add_generation(parser)
    image, live = add_image(parser), add_live(parser)
    parser.set_defaults(
        func=lambda args: run(
            GenerateRequest(
                prompt=_prompt(args),
                out=args.out,
                json=args.json,
                bundle=bundle(args),
                options=options(args),
                image=image(args),
                live=live(args),
                progress=args.progress,
                robot_rate=args.rate,
            )
        )
    )


def _prompt(args: argparse.Namespace) -> str:
    check_words(args.prompt, as_prompt=args.as_prompt)
    return str(args.prompt)


def run(request: GenerateRequest) -> int:
    """Generate, show progress, save the motion, report."""
    check_prompt(request.prompt)
    check_robot_is_read(request.live, request.out, takes_files=True)
    if is_robot_file(request.out):
        check_robot(str(request.live.robot), request.robot_rate)
        check_writable(str(request.out))
    elif request.out is not None:
        check_can_save(request.out)
    generator, options = request.bundle.load(), request.options
    if request.live.has_targets:
        options = options.keeping_up(server=request.bundle.has_server)
    with image_bar() as looking:
        generation = generator.stream(
            request.prompt, options, image=request.image, watch=looking.show
        )
    live = None
    if request.live.has_targets:
        live = open_live(
            request.live,
            fps=float(generator.fps),
            prompt=request.prompt,
            seed=generation.seed,
            expected=options.awaited_seconds,
        )
    spool = _spool(request, generation, float(generator.fps))
    with live or contextlib.nullcontext():
        return _make(request, generation, live, spool)


def _spool(request: GenerateRequest, generation: Generation, fps: float) -> ChunkSpool | None:
    """Where the motion is written down as it comes; None where no other process would read it."""
    from ..live.chunk_spool import ChunkSpool, SpoolHead

    file = kept_file()
    robot = request.live.robot
    head = SpoolHead(request.out, fps, request.prompt, generation.seed, robot, request.robot_rate)
    return None if file is None else ChunkSpool(file, head)


def _make(
    request: GenerateRequest,
    generation: Generation,
    live: LiveOutput | None,
    spool: ChunkSpool | None,
) -> int:
    """Run to the end of the generation, then to the end of its live output."""
    try:
        interrupted = _watch(request, generation, live, spool)
    except EngineError as error:
        kept = _save(generation, request, spool)
        raise EngineError(f"{error}; {_what_is_kept(generation, request.out, kept)}") from error
    kept = None
    try:
        with deferring_ctrl_c():
            kept = _save(generation, request, spool)
        if live is not None and not interrupted:
            interrupted = play_out(live)
    except KeyboardInterrupt:
        interrupted = True
    for note in generation.notes:
        print(f"kinetoken: {note}", file=sys.stderr)
    with (
        contextlib.redirect_stdout(sys.stderr) if request.live.stdout else contextlib.nullcontext()
    ):
        if request.json:
            print(json.dumps(report(generation, kept, interrupted)))
        else:
            if (image := generation.image) is not None:
                seconds, cells = f"{image.seconds:.1f} s", f"{image.cells} context positions"
                print(f"looked at the image for {seconds}; it takes {cells}")
            print_answer(generation, kept)
    if interrupted:
        print(
            f"kinetoken: stopped; {_what_is_kept(generation, request.out, kept)}", file=sys.stderr
        )
        return INTERRUPTED
    return live.exit_code if live is not None else 0


def report(generation: Generation, out: str | None, interrupted: bool) -> dict[str, Any]:
    """The report of a generation, for --json."""
    stats, image = generation.stats, generation.image
    return {
        "prompt": generation.prompt,
        "image": {"cells": image.cells, "seconds": image.seconds} if image is not None else None,
        "seed": generation.seed,
        "text": generation.text,
        "thought": generation.thought,
        "interrupted": interrupted,
        "notes": list(generation.notes),
        "out": out,
        **asdict(stats),
        "rtf": stats.rtf,
        "tokens_per_second": stats.tokens_per_second,
    }


def _watch(
    request: GenerateRequest,
    generation: Generation,
    live: LiveOutput | None,
    spool: ChunkSpool | None,
) -> bool:
    """Run the generation; True where the user stopped it.

    Without a file to keep the motion, it also ends once nobody receives its live output.
    """
    lines = ProgressLines(request.options.seconds) if request.progress else ProgressLine()
    with lines as line:
        try:
            for chunk in generation if live is None else send_chunks(generation, live):
                if spool is not None:
                    spool.add(chunk)
                line.show(generation)
                if live is not None and live.over and request.out is None:
                    generation.close()
                    break
        except KeyboardInterrupt:
            generation.close()
            return True
    return False


def _save(generation: Generation, request: GenerateRequest, spool: ChunkSpool | None) -> str | None:
    """Write the motion, if there is any; the path where something was written."""
    clip = generation.clip()
    path, kept = request.out, None
    if path is not None and len(clip):
        save_motion(clip, path, request.live.robot, request.robot_rate)
        kept = path
    if spool is not None:
        spool.clear()
    return kept


def print_answer(generation: Generation, kept: str | None = None) -> None:
    """Print the thought, and a line of figures."""
    stats = generation.stats
    if generation.thought:
        print(printable(generation.thought))
    pose = (
        "no pose"
        if stats.time_to_first_pose is None
        else f"first pose after {stats.time_to_first_pose:.2f} s"
    )
    speed = ", ".join(filter(None, (real_time(stats.rtf), pose)))
    made = f"{stats.seconds_of_motion:.1f} s of motion in {stats.elapsed:.1f} s ({speed})"
    print(f"{made}, seed {generation.seed}" + (f" -> {kept}" if kept else ""))


def _what_is_kept(generation: Generation, path: str | None, kept: str | None) -> str:
    if kept:
        return f"the {generation.stats.seconds_of_motion:.1f} s of motion so far are in {kept}"
    return "no motion had come yet" if path else "nothing was saved (no -o was given)"
