"""Arguments of the window and of picture files."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Final

from kinetoken.base.errors import InputError
from kinetoken.cli.parser import Advanced, Reader

from ..render.camera import PRESETS, THREE_QUARTER, CameraView
from ..stage.layers import SceneLayers
from .requests import PictureRequest

# From nearly in front, so that nobody stands much nearer than the others.
_CAMERA_OF_SEVERAL: Final = CameraView.parse("16,12")
_CAMERA_HELP: Final = f"{', '.join(PRESETS)}, or YAW,PITCH[,ZOOM] in degrees"


def add_picture(parser: argparse.ArgumentParser) -> Reader[PictureRequest]:
    """The window and the picture file; the reader raises InputError."""
    group = parser.add_argument_group("the picture")
    add = group.add_argument
    add("--film", metavar="FILE", help="write a .png, .gif, .webp or .mp4 and open no window")
    add("--headless", action="store_true", help="open no window: write a GIF named after PROMPT")
    add("--film-fps", type=float, metavar="F", help=Advanced("pictures per second of the file"))
    add("--strip", type=int, default=0, metavar="N", help="write a .png of N poses side by side")
    sprites = "with --strip: N equal cells without background, for games"
    add("--sprites", action="store_true", help=Advanced(sprites))
    add("--no-words", action="store_true", help=Advanced("write no words on the file's pictures"))
    _add_look(group)
    return lambda args: PictureRequest(
        headless=args.headless,
        film=None if args.film is None else Path(args.film),
        fps=args.film_fps,
        strip=args.strip,
        sprites=args.sprites,
        words=not args.no_words,
        size=_size(args.size),
        camera=_camera(args.camera, several=args.compare is not None),
        layers=SceneLayers(args.trail, args.ghosts, args.contacts),
        gles=args.gles,
    )


def add_demo_picture(parser: argparse.ArgumentParser) -> Reader[PictureRequest]:
    """Add the window and the film of the demo; the reader raises InputError."""
    group = parser.add_argument_group("the picture")
    add = group.add_argument
    add("--film", metavar="FILE", help="write a .gif, .webp or .mp4 and open no window")
    add("--headless", action="store_true", help="open no window: write demo.mp4 (or .gif)")
    add("--film-fps", type=float, metavar="F", help=Advanced("pictures per second of the film"))
    add("--no-words", action="store_true", help=Advanced("write no words on the film"))
    _add_look(group)
    return lambda args: PictureRequest(
        headless=args.headless,
        film=None if args.film is None else Path(args.film),
        fps=args.film_fps,
        words=not args.no_words,
        size=_size(args.size),
        camera=_camera(args.camera, several=False),
        layers=SceneLayers(args.trail, args.ghosts, args.contacts),
        gles=args.gles,
    )


def add_chat_window(parser: argparse.ArgumentParser) -> Reader[PictureRequest]:
    """The window of a chat; the reader raises InputError."""
    group = parser.add_argument_group("the window")
    group.add_argument("--headless", action="store_true", help="chat in the terminal")
    _add_look(group)
    return lambda args: PictureRequest(
        headless=args.headless,
        size=_size(args.size),
        camera=_camera(args.camera, several=False),
        layers=SceneLayers(args.trail, args.ghosts, args.contacts),
        gles=args.gles,
    )


def _add_look(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--camera", metavar="C", help=_CAMERA_HELP)
    add("--size", metavar="WxH", help="width and height in pixels")
    add("--trail", action="store_true", help="draw the path of the body on the floor")
    add("--ghosts", action="store_true", help="draw the poses half a second before and after")
    add("--contacts", action="store_true", help=Advanced("mark the feet that touch the floor"))
    add("--gles", action="store_true", help=Advanced("draw with OpenGL ES 3, as on small boards"))


def _camera(text: str | None, *, several: bool) -> CameraView:
    if text is None:
        return _CAMERA_OF_SEVERAL if several else THREE_QUARTER
    return CameraView.parse(text)


def _size(text: str | None) -> tuple[int, int] | None:
    """Reads "1280x720"."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d{2,5})[xX](\d{2,5})", text.strip())
    if found is None:
        raise InputError(
            f'size "{text}" is not understood: write WIDTHxHEIGHT in pixels, such as 1280x720'
        )
    return int(found[1]), int(found[2])
