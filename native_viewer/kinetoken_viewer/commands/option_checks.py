"""Options that do not fit together: refused, since what is ignored is taken to work."""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import TYPE_CHECKING

from kinetoken.base.errors import InputError

if TYPE_CHECKING:
    from kinetoken.generation.options import GenerateOptions
    from kinetoken.live.settings import LiveSettings
    from kinetoken.motion.clip import Clip


def check_sense(
    args: argparse.Namespace, options: GenerateOptions, clip: Clip | None, live: LiveSettings
) -> None:
    """InputError where `kinetoken play` would have to ignore an option."""
    if args.once and (not live.asked or args.out is not None):
        raise InputError(
            "--once is for live output (--vmc, --ws, --stdout) without a window; leave it out"
        )
    if clip is not None and (given := _of_answers(args, options)):
        raise InputError(f"{given} is for a prompt, and this is a clip; leave it out")


def check_terminal(args: argparse.Namespace) -> None:
    """InputError where `kinetoken chat` would have to ignore an option of its window."""
    why = "--headless" if args.headless else "--json" if args.json else ""
    for option in ("size", "camera", "trail", "ghosts", "contacts", "gles"):
        if why and getattr(args, option):
            raise InputError(
                f"--{option} is of the window, and {why} keeps the chat in the terminal; leave one out"
            )


def _of_answers(args: argparse.Namespace, options: GenerateOptions) -> str:
    """The first option given that says how a prompt is answered; empty for none."""
    names = [field.name for field in fields(options) if getattr(options, field.name) is not None]
    names += [name for name in ("history", "history_file") if getattr(args, name, None) is not None]
    found = next((name for name in names if name != "foot_lock"), "")
    return f"--{found.replace('_', '-')}" if found else ""
