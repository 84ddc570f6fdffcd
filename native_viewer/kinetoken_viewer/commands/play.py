"""kinetoken play: a prompt or a clip in a window, or in a picture file."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from kinetoken.base.errors import (
    INTERRUPTED,
    EngineError,
    InputError,
    KinetokenError,
    MissingPackageError,
)
from kinetoken.cli.arguments import (
    add_bundle,
    add_generation,
    add_history,
    add_image,
    generate_options,
    image_file,
    load_options,
)
from kinetoken.cli.live_arguments import add_live, live_settings, open_live
from kinetoken.formats.registry import names_a_file
from kinetoken.generation.options import GenerateOptions, check_prompt
from kinetoken.motion.clip import Clip
from kinetoken.motion.skeleton import FPS

from ..file_names import title
from .option_checks import check_sense
from .picture_arguments import add_look, camera_of, layers_of, need, recording_of, size_of
from .saving import keep_clip, shown

if TYPE_CHECKING:
    from kinetoken.live.link import Live
    from kinetoken.live.settings import LiveSettings

    from ..record.recorder import Recording
    from ..stage.stage import Stage

WINDOW_SIZE: Final = (1280, 720)


def add_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """kinetoken play PROMPT | CLIP."""
    parser = subparsers.add_parser("play", help="see a prompt or a clip move")
    parser.add_argument("what", nargs="?", metavar="PROMPT|CLIP",
                        help="what the body shall do, in words; or a .npz, .npy or .bvh file; nothing: asks in the window")  # fmt: skip
    parser.add_argument(
        "-o", "--save", metavar="FILE", help="keep the clip: .npz, .bvh, .glb or .vrma"
    )
    add_history(parser)
    add_bundle(parser)
    add_generation(parser)
    add_image(parser)
    add_live(parser)
    parser.add_argument(
        "--once", action="store_true", help="live output without a window: once, not until Ctrl-C"
    )
    group = parser.add_argument_group("the picture")
    group.add_argument("--camera", metavar="C",
                       help="three-quarter, front, left, right, back, top, or YAW,PITCH[,ZOOM] in degrees")  # fmt: skip
    group.add_argument("--size", metavar="WxH", help="of the window or the pictures, in pixels")
    group.add_argument(
        "--headless", action="store_true", help="no window: write a file (--out, or a GIF)"
    )
    group.add_argument(
        "--out", metavar="FILE", help="write .png, .gif, .webp or .mp4 instead of opening a window"
    )
    group.add_argument("--fps", type=float, metavar="F", help="pictures per second of the file")
    group.add_argument(
        "--strip", type=int, default=0, metavar="N", help="a .png with N poses side by side"
    )
    group.add_argument(
        "--no-words", action="store_true", help="nothing written on the pictures of the file"
    )
    add_look(group)
    parser.set_defaults(func=run, foot_lock=True)


def run(args: argparse.Namespace) -> int:
    """Checks everything that can be checked, then shows or records."""
    options, live = generate_options(args), live_settings(args)
    if args.compare is not None:
        from .compare_command import run as side_by_side

        if image_file(args) is not None:
            raise InputError("--image is for one body: leave out --compare or --image")
        return side_by_side(args, options)
    clip = None if args.what is None else _clip(args.what)
    if image_file(args) is not None and clip is not None:
        raise InputError("--image is for a prompt, and this is a clip; leave it out")
    if args.what is None:
        _check_window_wanted(args)
    elif clip is None:
        check_prompt(args.what)
    check_kept(args.save, args.history_file)
    check_sense(args, options, clip, live)
    if live.asked:
        return _drive(args, options, clip, live)
    if args.headless or args.out is not None or args.strip:
        return _record(args, options, clip, recording_of(args, args.what))
    try:
        return show(args, options, clip, window(args), live)
    except NoWindowError as error:
        if args.what is None:
            raise InputError(
                f"no window ({_short(error)}): give a prompt or a clip, or use kinetoken chat"
            ) from error
        recording = recording_of(args, args.what)
        print(
            f"kinetoken: no window ({_short(error)}): writing {recording.path} instead",
            file=sys.stderr,
        )
        return _record(args, options, clip, recording)


def _check_window_wanted(args: argparse.Namespace) -> None:
    """InputError where a file is wanted, and nothing to put into it."""
    if args.headless or args.out is not None or args.strip:
        raise InputError(
            'what shall be shown? Give a prompt, such as "a person walks forward", or a clip'
        )


def _footed(args: argparse.Namespace, clip: Clip) -> Clip:
    """With the foot lock, where that is wanted."""
    from ..stage.long_clip import lock

    return lock(clip) if args.foot_lock else clip


class NoWindowError(EngineError):
    """There is no screen to open a window on."""


def window(args: argparse.Namespace) -> Callable[[Stage], None]:
    """What shows a stage until its window is closed. NoWindowError, MissingPackageError."""
    from ..render import camera as cameras

    size = size_of(args.size) or WINDOW_SIZE
    camera = camera_of(args)
    cameras.parse(camera)
    need("pyglet")
    need("PIL")
    try:
        from ..window.window import PlayerWindow
    except KinetokenError as error:
        raise NoWindowError(str(error)) from error
    layers = layers_of(args)
    return lambda stage: PlayerWindow(stage, size, camera, layers, gles=args.gles).play()


def _drive(
    args: argparse.Namespace, options: GenerateOptions, clip: Clip | None, live: LiveSettings
) -> int:
    """Live output: of what the window shows, or on its own clock where there is none."""
    from .live_without_window import spoken_aside, stream

    if args.out is not None or args.strip:
        raise InputError(
            "--out and --strip write a picture, live output needs none: run the two one after the other"
        )
    if not args.headless:
        try:
            play = window(args)
        except (NoWindowError, MissingPackageError) as error:
            print(f"kinetoken: no window ({_short(error)}): live output alone", file=sys.stderr)
        else:
            with spoken_aside(args):
                return show(args, options, clip, play, live)
    return stream(args, options, clip if clip is None else _footed(args, clip), live)


def _clip(what: str) -> Clip | None:
    """The clip of a file; None where the words are a prompt. FormatError for a file that is not there or not a clip."""
    return Clip.load(what) if names_a_file(what) else None


def _record(
    args: argparse.Namespace, options: GenerateOptions, clip: Clip | None, recording: Recording
) -> int:
    from ..record.recorder import record
    from ..stage.side_by_side import Named

    interrupted = False
    if clip is None:
        clip, interrupted = _generate(args, options)
        seen = clip
    else:
        seen, recording = _needed(args, clip, recording)
        clip = seen if args.save is not None else clip
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
    if not record([Named("", seen)], replace(recording, title=title(args.what))):
        return INTERRUPTED
    saved = f", clip in {args.save}" if args.save is not None else ""
    seed = f", seed {clip.seed}" if clip.seed is not None else ""
    print(f"{clip.seconds:.1f} s of motion{seed} -> {recording.path}{saved}")
    return 0


def _needed(args: argparse.Namespace, clip: Clip, recording: Recording) -> tuple[Clip, Recording]:
    """The clip with the foot lock where that is wanted; of a long one only what is looked at, unless it is kept."""
    from ..record.encode import STILLS
    from ..record.recorder import strip_positions
    from ..stage.long_clip import around_middle, lock_at

    if args.save is not None or recording.path.suffix.lower() not in STILLS:
        return _footed(args, clip), recording
    if recording.strip:
        return lock_at(
            clip, strip_positions(clip, recording.strip).tolist()
        ) if args.foot_lock else clip, recording
    piece, begin = around_middle(clip)
    return _footed(args, piece), replace(recording, begin=begin)


def _generate(args: argparse.Namespace, options: GenerateOptions) -> tuple[Clip, bool]:
    """The whole clip, and whether it was cut short; in this process, since no window needs to stay smooth."""
    import kinetoken
    from kinetoken.cli.terminal import ProgressLine, image_bar

    generator = kinetoken.load(args.bundle, load_options(args))
    with image_bar() as looking:
        generation = generator.stream(
            args.what, options, image=image_file(args), watch=looking.show
        )
    with ProgressLine() as line:
        try:
            for _ in generation:
                line.show(generation)
        except KeyboardInterrupt:
            generation.close()
            return generation.clip(), True
    return generation.clip(), False


def show(
    args: argparse.Namespace, options: GenerateOptions, clip: Clip | None, play: Callable[[Stage], None],
    live: LiveSettings,
) -> int:  # fmt: skip
    """The window until it is closed; then what came is saved, and a failure told."""
    prompt = (args.what or "") if clip is None else clip.prompt
    with contextlib.ExitStack() as open_things:
        way_out = None
        if live.asked:
            seed = options.seed if clip is None else clip.seed
            way_out = open_things.enter_context(
                open_live(live, fps=FPS, prompt=prompt or args.what or "", seed=seed)
            )
        stage = (
            _living(args, prompt, options, way_out)
            if clip is None
            else _finished(args, prompt, clip, way_out)
        )
        return shown(stage, play, lambda: keep_clip(stage.clip, args.save))


def _living(
    args: argparse.Namespace, prompt: str, options: GenerateOptions, live: Live | None
) -> Stage:
    """A body that takes prompts."""
    from ..generator.feed import Feed, Job
    from ..stage.living_stage import LivingStage

    history, image = (args.history, args.history_file), image_file(args)
    job = Job(prompt, options, args.bundle, load_options(args), 1, *history, image)
    return LivingStage(Feed(job), prompt, options, live=live, keep=args.save is not None)


def _finished(args: argparse.Namespace, prompt: str, clip: Clip, live: Live | None) -> Stage:
    """A clip from a file."""
    from ..stage.long_clip import LONG, LongStage
    from ..stage.stage import Stage

    if args.foot_lock and len(clip) > LONG:
        return LongStage(prompt, clip, live, title(args.what))
    stage = Stage(prompt, clip=clip.foot_locked(), live=live, plain=clip, title=title(args.what))
    stage.foot_lock = args.foot_lock
    return stage


def check_kept(path: str | None, history_file: str | None) -> None:
    """Refuse now what could not be written later: the clip, the talk."""
    from kinetoken.base.atomic_file import check_writable

    if path is not None:
        check_save(path)
    if history_file is not None:
        check_writable(history_file)


def check_save(path: str) -> None:
    """Refuse now what could not be saved later."""
    from kinetoken.formats.registry import check_can_save

    check_can_save(path)


def _short(error: Exception) -> str:
    return str(error)[:80]
