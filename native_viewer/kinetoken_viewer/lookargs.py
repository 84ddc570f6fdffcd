"""Options of the picture that the window and files share."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .layers import Layers


def add_look(group: argparse._ArgumentGroup) -> None:
    """--compare, and what is drawn around a body."""
    group.add_argument("--compare", metavar="KEY=A,B,..|FILES", help="several people side by side: "
                       "seed=1,2,3, temperature=0,0.8, levels=1,2,4, bundle=A,B; or a.npz,b.bvh")  # fmt: skip
    add_layers(group)


def add_layers(group: argparse._ArgumentGroup) -> None:
    """What is drawn around a body, and --gles; `layers_of` reads the layers back."""
    group.add_argument("--trail", action="store_true", help="the way of the pelvis over the floor")
    group.add_argument("--ghosts", action="store_true", help="the poses of half seconds before and after")
    group.add_argument("--contacts", action="store_true", help="which feet stand")
    group.add_argument("--gles", action="store_true", help="draw with OpenGL ES 3, as on many small boards")


def layers_of(args: argparse.Namespace) -> Layers:
    """What is on from the start."""
    from .layers import Layers

    return Layers(args.trail, args.ghosts, args.contacts)
