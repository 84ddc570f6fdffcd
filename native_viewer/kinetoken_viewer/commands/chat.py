"""kinetoken chat with a window: the one of `kinetoken play`, ready to type; without a display the chat is in the terminal."""

from __future__ import annotations

import argparse
import os
import stat
import sys

from kinetoken.base.errors import MissingPackageError
from kinetoken.cli import chat
from kinetoken.cli.arguments import generate_options
from kinetoken.cli.live_arguments import live_settings, say

from .live_without_window import spoken_aside
from .option_checks import check_terminal
from .picture_arguments import add_layers
from .play import NoWindowError, check_kept, show, window


def add_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """kinetoken chat."""
    parser = subparsers.add_parser(
        "chat", help="talk to one body: prompts typed one after another move it"
    )
    request = chat.add_arguments(parser)
    group = parser.add_argument_group("the window")
    group.add_argument(
        "--headless", action="store_true", help="no window: the chat is in the terminal"
    )
    group.add_argument("--camera", metavar="C",
                       help="three-quarter, front, left, right, back, top, or YAW,PITCH[,ZOOM] in degrees")  # fmt: skip
    group.add_argument("--size", metavar="WxH", help="of the window in pixels")
    add_layers(group)
    parser.set_defaults(func=run, chat_request=request)


def run(args: argparse.Namespace) -> int:
    """A window where there can be one; the terminal where prompts come through a pipe, or answers go out as JSON."""
    check_terminal(args)
    if args.headless or args.json or _piped():
        return chat.run(args.chat_request(args))
    live = live_settings(args)
    check_kept(args.out, args.history_file)
    try:
        shown = window(args)
    except (NoWindowError, MissingPackageError) as error:
        say(f"no window ({str(error)[:80]}): the chat is in the terminal")
        return chat.run(args.chat_request(args))
    options = generate_options(args).on_screen()
    args.what, args.save = None, args.out
    with spoken_aside(args):
        return show(args, options, None, shown, live)


def _piped() -> bool:
    """Whether standard input is a pipe or a file, which bring prompts; a window is started from anywhere else."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, OSError, ValueError):  # there is none
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)
