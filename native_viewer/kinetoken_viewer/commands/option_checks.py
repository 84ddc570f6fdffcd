"""Options that do not fit together: refused, because what is ignored is taken to work."""

from __future__ import annotations

from dataclasses import asdict, fields

from kinetoken.base.errors import InputError

from ..render.camera import THREE_QUARTER
from .requests import PictureRequest, PlayRequest


def check_options(request: PlayRequest) -> None:
    """InputError if `kinetoken play` would have to ignore an option."""
    if request.once and (not request.live.has_targets or request.picture.film is not None):
        raise InputError(
            "--once is for live output (--vmc, --ws, --stdout) without a window; leave it out"
        )
    if request.live.sonic is not None and not (request.picture.headless and request.once):
        raise InputError(
            "--sonic leads a robot: a window can pause, and a loop jumps where it begins again; "
            "add --headless --once"
        )
    if request.live.robot is not None and request.picture.strip:
        raise InputError("--strip draws the body alone; leave out --robot, or write a film")
    if request.clip is None and (told := request.reading.told()):
        raise InputError(f"{told[0]} is for a clip, and this is a prompt; leave it out")
    if request.clip is not None and (given := _option_of_answers(request)):
        raise InputError(f"{given} is for a prompt, and this is a clip; leave it out")


def check_no_window_options(picture: PictureRequest, reason: str) -> None:
    """InputError if a chat that stays in the terminal would have to ignore an option.

    `reason`: the option that keeps it there.
    """
    given = {
        "size": picture.size is not None,
        "camera": picture.camera != THREE_QUARTER,
        "gles": picture.gles,
        **asdict(picture.layers),
    }
    for name in (name for name, is_given in given.items() if is_given):
        raise InputError(
            f"--{name} is for the window, and {reason} keeps the chat in the terminal; "
            "leave one out"
        )


def _option_of_answers(request: PlayRequest) -> str:
    """The first option that says how a prompt is answered; empty for none."""
    options, history = request.options, request.history
    given = {field.name: getattr(options, field.name) for field in fields(options)}
    given |= {
        "foot_lock": None,
        "smooth": None,
        "history": history.turns,
        "history_file": history.file,
    }
    found = next((name for name, value in given.items() if value is not None), "")
    return f"--{found.replace('_', '-')}" if found else ""
