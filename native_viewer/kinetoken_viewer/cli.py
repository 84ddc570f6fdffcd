"""kinetoken play: a prompt or a clip in a window, or in a picture file."""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kinetoken.commands.arguments import (
    add_bundle,
    add_generation,
    add_image,
    generate_options,
    image_file,
    load_options,
)
from kinetoken.commands.live import add_live, live_settings, open_live
from kinetoken.errors import EngineError, InputError, KinetokenError, MissingPackageError
from kinetoken.motion.clip import Clip
from kinetoken.motion.skeleton import FPS
from kinetoken.options import GenerateOptions, check_prompt

if TYPE_CHECKING:
    from kinetoken.live.settings import LiveSettings

    from .recorder import Recording
    from .stage import Stage

WINDOW_SIZE: Final = (1280, 720)
PICTURE_SIZE: Final = (640, 360)  # of a file, unless it is a still
STILL_SIZE: Final = (1280, 720)
STRIP_SIZE: Final = (1600, 500)
CLIP_SUFFIXES: Final = (".npz", ".npy", ".bvh")
LONGEST_NAME: Final = 60  # letters of a prompt that become a file's name
INTERRUPTED: Final = 130


def add_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """kinetoken play PROMPT | CLIP."""
    parser = subparsers.add_parser("play", help="see a prompt or a clip move")
    parser.add_argument(
        "what", metavar="PROMPT|CLIP", help="what the body shall do, in words; or a .npz, .npy or .bvh file"
    )
    parser.add_argument("-o", "--save", metavar="FILE", help="keep the clip: .npz, .bvh, .glb or .vrma")
    add_bundle(parser)
    add_generation(parser)
    add_image(parser)
    add_live(parser)
    parser.add_argument("--once", action="store_true", help="live output without a window: once, not until Ctrl-C")
    group = parser.add_argument_group("the picture")
    group.add_argument("--camera", default="three-quarter", metavar="C",
                       help="three-quarter, front, left, right, back, top, or YAW,PITCH[,ZOOM] in degrees")  # fmt: skip
    group.add_argument("--size", metavar="WxH", help="of the window or the pictures, in pixels")
    group.add_argument("--headless", action="store_true", help="no window: write a file (--out, or a GIF)")
    group.add_argument("--out", metavar="FILE", help="write .png, .gif, .webp or .mp4 instead of opening a window")
    group.add_argument("--fps", type=float, metavar="F", help="pictures per second of the file")
    group.add_argument("--strip", type=int, default=0, metavar="N", help="a .png with N poses side by side")
    group.add_argument("--no-words", action="store_true", help="nothing written on the pictures of the file")
    parser.set_defaults(func=run, foot_lock=True)


def run(args: argparse.Namespace) -> int:
    """Checks everything that can be checked, then shows or records."""
    options, live = generate_options(args), live_settings(args)
    clip = _clip(args.what)
    if image_file(args) is not None and clip is not None:
        raise InputError("--image is for a prompt, and this is a clip; leave it out")
    if clip is None:
        check_prompt(args.what)
    elif args.foot_lock:
        clip = clip.foot_locked()
    if args.save is not None:
        _check_save(args.save)
    if live.asked:
        return _drive(args, options, clip, live)
    if args.headless or args.out is not None or args.strip:
        return _record(args, options, clip, _recording(args))
    try:
        return _show(args, options, clip, _window(args), live)
    except NoWindowError as error:
        recording = _recording(args)
        print(f"kinetoken: no display ({_short(error)}): writing {recording.path} instead", file=sys.stderr)
        return _record(args, options, clip, recording)


class NoWindowError(EngineError):
    """There is no screen to open a window on."""


def _window(args: argparse.Namespace) -> Callable[[Stage], None]:
    """What shows a stage until its window is closed. NoWindowError, MissingPackageError."""
    from . import camera

    size = _size(args.size) or WINDOW_SIZE
    camera.parse(args.camera)
    _need("pyglet")
    _need("PIL")
    try:
        from .window import PlayerWindow
    except KinetokenError as error:
        raise NoWindowError(str(error)) from error
    return lambda stage: PlayerWindow(stage, size, args.camera).play()


def _drive(args: argparse.Namespace, options: GenerateOptions, clip: Clip | None, live: LiveSettings) -> int:
    """Live output: of what the window shows, or on its own clock where there is none."""
    from .streaming import spoken_aside, stream

    if args.out is not None or args.strip:
        raise InputError("--out and --strip write a picture, live output needs none: run the two one after the other")
    if not args.headless:
        try:
            play = _window(args)
        except (NoWindowError, MissingPackageError) as error:
            print(f"kinetoken: no window ({_short(error)}): live output alone", file=sys.stderr)
        else:
            with spoken_aside(args):
                return _show(args, options, clip, play, live)
    return stream(args, options, clip, live)


def _clip(what: str) -> Clip | None:
    """The clip of a file; None where the words are a prompt. FormatError for a file that is not there or not a clip."""
    try:
        is_file = Path(what).suffix.lower() in CLIP_SUFFIXES or Path(what).is_file()
    except (OSError, ValueError):  # too long, or not a name at all: words
        is_file = False
    return Clip.load(what) if is_file else None


def _recording(args: argparse.Namespace) -> Recording:
    """What the arguments ask to be written; the name comes from the prompt where none is given."""
    _need("PIL")
    from kinetoken.writers.atomic import check_writable

    from .recorder import Recording

    path = Path(args.out) if args.out is not None else free_name(args.what, ".png" if args.strip else ".gif")
    usual = STRIP_SIZE if args.strip else STILL_SIZE if path.suffix.lower() == ".png" else PICTURE_SIZE
    size = _size(args.size) or usual
    recording = Recording(path, size, args.fps, args.camera, args.strip, not args.no_words)
    check_writable(path)
    return recording


def _record(args: argparse.Namespace, options: GenerateOptions, clip: Clip | None, recording: Recording) -> int:
    from .recorder import record

    interrupted = False
    if clip is None:
        clip, interrupted = _generate(args, options)
    if args.save is not None and len(clip):
        clip.save(args.save)
    if interrupted:
        kept = (
            f"the {clip.seconds:.1f} s of motion so far are in {args.save}"
            if args.save and len(clip)
            else "nothing kept"
        )
        print(f"kinetoken: stopped; {kept}", file=sys.stderr)
        return INTERRUPTED
    record(clip, recording)
    saved = f", clip in {args.save}" if args.save is not None else ""
    seed = f", seed {clip.seed}" if clip.seed is not None else ""
    print(f"{clip.seconds:.1f} s of motion{seed} -> {recording.path}{saved}")
    return 0


def _generate(args: argparse.Namespace, options: GenerateOptions) -> tuple[Clip, bool]:
    """The whole clip, and whether it was cut short; in this process, since no window needs to stay smooth."""
    import kinetoken
    from kinetoken.commands.progress import Looking, ProgressLine

    generator = kinetoken.load(args.bundle, **asdict(load_options(args)))
    with Looking() as looking:
        generation = generator.stream(args.what, options, image=image_file(args), watch=looking.show)
    with ProgressLine() as line:
        try:
            for _ in generation:
                line.show(generation)
        except KeyboardInterrupt:
            generation.close()
            return generation.clip(), True
    return generation.clip(), False


def _show(
    args: argparse.Namespace, options: GenerateOptions, clip: Clip | None, play: Callable[[Stage], None],
    live: LiveSettings,
) -> int:  # fmt: skip
    """The window until it is closed; then what came is saved, and a failure told."""
    from .feed import Feed, Job
    from .stage import Stage

    prompt = args.what if clip is None else clip.prompt or Path(args.what).name
    with contextlib.ExitStack() as open_things:
        way_out = None
        if live.asked:
            seed = options.seed if clip is None else clip.seed
            way_out = open_things.enter_context(open_live(live, fps=FPS, prompt=prompt, seed=seed))
        feed = (
            Feed(Job(args.what, options, args.bundle, load_options(args), image_file(args))) if clip is None else None
        )
        stage = Stage(prompt, feed=feed, clip=clip, expected=options.seconds or 0.0, live=way_out)
        code = 0
        try:
            play(stage)
        except KeyboardInterrupt:
            print("kinetoken: stopped", file=sys.stderr)
            code = INTERRUPTED
        finally:
            if feed is not None:
                feed.close()
            _keep(stage, args.save)
    if stage.failure is not None:
        print(f"kinetoken: {stage.failure.reason}", file=sys.stderr)
        return stage.failure.exit_code
    return code


def _keep(stage: Stage, path: str | None) -> None:
    """Writes what came, and says so."""
    clip = stage.clip
    if path is None:
        return
    if clip is None or not len(clip):
        print("kinetoken: no motion had come yet; nothing was saved", file=sys.stderr)
        return
    clip.save(path)
    seed = f", seed {clip.seed}" if clip.seed is not None else ""
    print(f"{clip.seconds:.1f} s of motion{seed} -> {path}")


def _check_save(path: str) -> None:
    """Refuse now what could not be saved later."""
    from kinetoken.writers import writer_for
    from kinetoken.writers.atomic import check_writable

    writer_for(path)
    check_writable(path)


def _size(text: str | None) -> tuple[int, int] | None:
    """ "1280x720" to numbers."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d{2,5})[xX](\d{2,5})", text.strip())
    if found is None:
        raise InputError(f'size "{text}" is not understood: write WIDTHxHEIGHT in pixels, such as 1280x720')
    return int(found[1]), int(found[2])


def free_name(what: str, suffix: str) -> Path:
    """A name made of a prompt's or a clip's words that no file in this folder has yet."""
    stem = Path(what).stem if Path(what).suffix.lower() in CLIP_SUFFIXES else what
    slug = re.sub(r"[^\w]+", "-", stem.lower()).strip("-_")[:LONGEST_NAME].rstrip("-_") or "motion"
    path, number = Path(slug + suffix), 2
    while path.exists():
        path, number = Path(f"{slug}-{number}{suffix}"), number + 1
    return path


def _need(module: str) -> None:
    """MissingPackageError unless the module can be found; nothing is imported."""
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise MissingPackageError({"PIL": "Pillow"}.get(module, module), "viewer")


def _short(error: Exception) -> str:
    return str(error)[:80]
