"""kinetoken convert: converts a clip from one file format to another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import InputError
from ..formats.npy import ARRAYS, write_npy
from ..formats.registry import READABLE, WRITABLE, in_words, load_clip, save_clip
from .parser import Subparsers, new_command

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class ConvertRequest:
    """Everything that the command line asks for."""

    source: str
    out: str
    array: str | None
    """What a .npy file holds: "joints" or "features"."""

    def __post_init__(self) -> None:
        if self.array is not None and Path(self.out).suffix.lower() != ".npy":
            raise InputError(f"--as is for .npy files, and {self.out} is none; leave out --as")


def add_command(subparsers: Subparsers) -> None:
    """kinetoken convert IN OUT."""
    parser = new_command(
        subparsers,
        "convert",
        "convert a motion from one file format to another",
        "kinetoken convert walk.npz walk.bvh",
        "kinetoken convert walk.npz walk.npy --as features",
    )
    parser.add_argument("source", metavar="IN", help=in_words(READABLE))
    parser.add_argument("out", metavar="OUT", help=in_words(WRITABLE))
    array = "what to write into a .npy file (default: joints)"
    parser.add_argument("--as", dest="array", choices=ARRAYS, help=array)
    parser.set_defaults(func=lambda args: run(ConvertRequest(args.source, args.out, args.array)))


def run(request: ConvertRequest) -> int:
    """Load, save_clip, report."""
    clip = load_clip(request.source)
    if request.array is not None:
        write_npy(clip, request.out, request.array)
    else:
        save_clip(clip, request.out)
    print(f"{len(clip)} frames, {clip.seconds:.1f} s of motion -> {request.out}")
    return 0
