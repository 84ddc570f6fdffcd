"""kinetoken play: a prompt or a clip in a window, or in a picture file."""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import Final

from kinetoken.base.errors import InputError, MissingPackageError
from kinetoken.cli.arguments import add_bundle, add_generation, add_history, add_image, add_reading
from kinetoken.cli.live_arguments import add_live, say
from kinetoken.cli.parser import Advanced, Reader, Subparsers, new_command
from kinetoken.cli.shell.config_file import without_config
from kinetoken.cli.shell.doubtful_prompt import add_as_prompt, check_words
from kinetoken.formats.read_options import ReadOptions
from kinetoken.formats.registry import WRITABLE, in_words, load_clip, names_a_file
from kinetoken.generation.options import GenerateOptions, check_prompt
from kinetoken.motion.clip import Clip

from ..window.opening import NoWindowError, ShowStage, window_opener
from . import comparing
from .headless import record_file, send_live, spoken_aside
from .in_window import show_in_window
from .option_checks import check_options
from .picture_arguments import add_picture
from .requests import PlayRequest, as_seen
from .saving import check_files

_OF_PROMPTS: Final = {
    *(field.name for field in fields(GenerateOptions)), "history", "history_file"
} - {"foot_lock", "smooth"}  # fmt: skip
"""Options that a clip does not read."""
_EXAMPLES: Final = (
    'kinetoken play "a person walks forward"',
    'kinetoken play "a person waves" --seconds 4 -o wave.bvh --film wave.mp4',
    'kinetoken play "a person jumps" --compare seed=1,2,3',
)


def add_command(subparsers: Subparsers) -> None:
    """Adds `kinetoken play PROMPT|CLIP`."""
    parser = new_command(subparsers, "play", "watch a prompt or a clip move", *_EXAMPLES)
    add = parser.add_argument
    what = "a movement in words, or a motion file (default: asks)"
    add("what", nargs="?", metavar="PROMPT|CLIP", help=what)
    add_as_prompt(parser)
    add("-o", "--out", metavar="FILE", help=f"motion: {in_words(WRITABLE)}")
    people = "side by side: seed=1,2,3, bundle=A,B or a.npz,b.bvh"
    add("--compare", metavar="LIST", help=people)
    request = _add_arguments(parser)
    parser.set_defaults(func=lambda args: _run(args, request))


def _add_arguments(parser: argparse.ArgumentParser) -> Reader[PlayRequest]:
    picture, options = add_picture(parser), add_generation(parser)
    reading = add_reading(parser, advanced=True)
    bundle, history, image = add_bundle(parser), add_history(parser), add_image(parser)
    live = add_live(parser)
    once = "live output without a window: once, not until Ctrl-C"
    parser.add_argument("--once", action="store_true", help=Advanced(once))
    return lambda args: PlayRequest(
        what=args.what,
        clip=None if args.compare or args.what is None else _clip(args, reading(args)),
        reading=reading(args),
        out=args.out,
        bundle=bundle(args),
        options=options(args).on_screen(),
        image=image(args),
        history=history(args),
        live=live(args),
        picture=picture(args),
        smooth=args.smooth,
        once=args.once,
    )


def _clip(args: argparse.Namespace, reading: ReadOptions) -> Clip | None:
    """The clip of a file; None for a prompt. FormatError for a file that is missing or no clip."""
    if not args.as_prompt and names_a_file(args.what):
        return as_seen(load_clip(args.what, reading), args.smooth)
    check_words(args.what, as_prompt=args.as_prompt)
    return None


def _run(args: argparse.Namespace, request: Reader[PlayRequest]) -> int:
    if args.what is not None and not args.as_prompt and names_a_file(args.what):
        args = without_config(args, _OF_PROMPTS)
    if args.compare is not None:
        if args.what is not None and not names_a_file(args.what):
            check_words(args.what, as_prompt=args.as_prompt)
        elif args.as_prompt:
            raise InputError("--compare takes this as a clip; leave out --as-prompt")
        return comparing.run(comparing.read(args.compare, request(args)))
    return run(request(args))


def run(request: PlayRequest) -> int:
    """Checks everything that can be checked, then shows or records."""
    _check(request)
    if request.live.has_targets:
        return _send(request)
    if request.picture.is_file:
        return record_file(request, request.picture.recording(request.what or ""))
    try:
        show = window_opener(request.picture.window())
    except NoWindowError as error:
        if request.what is None:
            raise InputError(
                f"no window ({error.short}): give a prompt or a clip, or use kinetoken web "
                "(in a browser) or kinetoken chat"
            ) from error
        recording = request.picture.recording(request.what)
        say(
            f"no window ({error.short}): writing {recording.path} instead; "
            "kinetoken web shows it in a browser"
        )
        return record_file(request, recording)
    return show_in_window(request.watched(), show)


def _check(request: PlayRequest) -> None:
    if request.image is not None and request.clip is not None:
        raise InputError("--image is for a prompt, and this is a clip; leave it out")
    if request.what is None and request.picture.is_file:
        raise InputError(
            'nothing to show: give a prompt, such as "a person walks forward", or a clip'
        )
    if request.what is not None and request.clip is None:
        check_prompt(request.what)
    check_files(request.out, request.history.file)
    check_options(request)


def _send(request: PlayRequest) -> int:
    """Live output of what the window shows, or on its own clock if there is none."""
    if request.picture.film is not None or request.picture.strip:
        raise InputError(
            "--film and --strip write a picture, live output needs none: run one after the other"
        )
    request = request.watched()
    show = None if request.picture.headless else _window_or_none(request)
    if show is None:
        return send_live(request)
    with spoken_aside(request.live):
        return show_in_window(request, show)


def _window_or_none(request: PlayRequest) -> ShowStage | None:
    try:
        return window_opener(request.picture.window())
    except (NoWindowError, MissingPackageError) as error:
        say(f"no window ({str(error)[:80]}): live output alone")
        return None
