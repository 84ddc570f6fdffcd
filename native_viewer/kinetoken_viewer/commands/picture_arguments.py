"""Options of the picture that the window and files share."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kinetoken.base.errors import InputError, MissingPackageError

from ..file_names import free_name

if TYPE_CHECKING:
    from ..record.recorder import Recording
    from ..stage.layers import Layers

PICTURE_SIZE: Final = (640, 360)  # of a file, unless it is a still
STILL_SIZE: Final = (1280, 720)
STRIP_SIZE: Final = (1600, 500)
CAMERA: Final = "three-quarter"
CAMERA_OF_MANY: Final = (
    "16,12"  # from nearly in front, so that nobody stands much nearer than the others
)


def add_look(group: argparse._ArgumentGroup) -> None:
    """--compare, and what is drawn around a body."""
    group.add_argument("--compare", metavar="KEY=A,B,..|FILES", help="several people side by side: "
                       "seed=1,2,3, temperature=0,0.8, levels=1,2,4, bundle=A,B; or a.npz,b.bvh")  # fmt: skip
    add_layers(group)


def add_layers(group: argparse._ArgumentGroup) -> None:
    """What is drawn around a body, and --gles; `layers_of` reads the layers back."""
    group.add_argument("--trail", action="store_true", help="the way of the pelvis over the floor")
    group.add_argument(
        "--ghosts", action="store_true", help="the poses of half seconds before and after"
    )
    group.add_argument("--contacts", action="store_true", help="which feet stand")
    group.add_argument(
        "--gles", action="store_true", help="draw with OpenGL ES 3, as on many small boards"
    )


def layers_of(args: argparse.Namespace) -> Layers:
    """What is on from the start."""
    from ..stage.layers import Layers

    return Layers(args.trail, args.ghosts, args.contacts)


def camera_of(args: argparse.Namespace) -> str:
    """From where: as asked, or as suits one body or several."""
    return args.camera or (CAMERA_OF_MANY if getattr(args, "compare", None) else CAMERA)


def recording_of(args: argparse.Namespace, what: str) -> Recording:
    """What the arguments ask to be written; the name comes from the prompt where none is given."""
    need("PIL")
    from kinetoken.base.atomic_file import check_writable

    from ..record.recorder import Recording

    path = (
        Path(args.out)
        if args.out is not None
        else free_name(what, ".png" if args.strip else ".gif")
    )
    usual = (
        STRIP_SIZE if args.strip else STILL_SIZE if path.suffix.lower() == ".png" else PICTURE_SIZE
    )
    size = size_of(args.size) or usual
    recording = Recording(
        path,
        size,
        args.fps,
        camera_of(args),
        args.strip,
        not args.no_words,
        layers_of(args),
        args.gles,
    )
    check_writable(path)
    return recording


def size_of(text: str | None) -> tuple[int, int] | None:
    """ "1280x720" to numbers."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d{2,5})[xX](\d{2,5})", text.strip())
    if found is None:
        raise InputError(
            f'size "{text}" is not understood: write WIDTHxHEIGHT in pixels, such as 1280x720'
        )
    return int(found[1]), int(found[2])


def need(module: str) -> None:
    """MissingPackageError unless the module can be found; nothing is imported."""
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise MissingPackageError({"PIL": "Pillow"}.get(module, module), "viewer")
