"""kinetoken chat with the window of `kinetoken play`; without a display, in the terminal."""

from __future__ import annotations

import argparse
import os
import stat
import sys
from typing import Final

from kinetoken.base.errors import InputError, MissingPackageError
from kinetoken.cli import chat
from kinetoken.cli.live_arguments import say
from kinetoken.cli.parser import Subparsers, new_command
from kinetoken.cli.shell.config_file import without_config

from ..window.opening import NoWindowError, window_opener
from .headless import spoken_aside
from .in_window import show_in_window
from .option_checks import check_no_window_options
from .picture_arguments import add_chat_window
from .requests import PictureRequest, PlayRequest
from .saving import check_files

_OF_WINDOW: Final = ("size", "camera", "gles", "trail", "ghosts", "contacts")


def add_command(subparsers: Subparsers) -> None:
    """Adds `kinetoken chat`."""
    parser = new_command(subparsers, "chat", chat.SUMMARY, *chat.EXAMPLES)
    request, window = chat.add_arguments(parser), add_chat_window(parser)

    def read_and_run(args: argparse.Namespace) -> int:
        if args.headless or args.json:
            args = without_config(args, _OF_WINDOW)
        return run(request(args), window(args))

    parser.set_defaults(func=read_and_run)


def run(request: chat.ChatRequest, window: PictureRequest) -> int:
    """Opens a window; stays in the terminal if prompts come through a pipe or JSON goes out."""
    reason = "--headless" if window.headless else "--json" if request.json else ""
    if reason:
        check_no_window_options(window, reason)
    if reason or prompts_are_piped():
        return chat.run(request)
    if request.live.sonic is not None:
        raise InputError("--sonic leads a robot, and a window can pause: add --headless")
    check_files(request.out, request.history.file)
    try:
        show = window_opener(window.window())
    except (NoWindowError, MissingPackageError) as error:
        say(f"no window ({str(error)[:80]}): the chat is in the terminal")
        return chat.run(request)
    with spoken_aside(request.live):
        return show_in_window(_play_request(request, window).watched(), show)


def _play_request(request: chat.ChatRequest, window: PictureRequest) -> PlayRequest:
    """The request of a `kinetoken play` without a prompt."""
    return PlayRequest(
        what=None,
        clip=None,
        out=request.out,
        bundle=request.bundle,
        options=request.options.on_screen(),
        image=request.image,
        history=request.history,
        live=request.live,
        picture=window,
    )


def prompts_are_piped() -> bool:
    """True if standard input is a pipe or a file; a window is started from anywhere else."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, OSError, ValueError):  # there is none
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)
