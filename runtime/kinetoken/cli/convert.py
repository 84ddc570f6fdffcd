"""kinetoken convert: a clip from one file format to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .parser import Subparsers, new_command

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class ConvertRequest:
    """Everything that the command line asks for."""

    source: str
    out: str
    array: str
    """What a .npy file holds: "joints" or "features"."""


def add_command(subparsers: Subparsers) -> None:
    """kinetoken convert IN OUT."""
    parser = new_command(
        subparsers,
        "convert",
        "convert a motion from one file format to another",
        "kinetoken convert walk.npz walk.bvh",
        "kinetoken convert walk.npz walk.npy --as features",
    )
    source = ".npz, .bvh, or .npy with joints (T, 22, 3) or features (T, 263)"
    parser.add_argument("source", metavar="IN", help=source)
    parser.add_argument("out", metavar="OUT", help=".npz, .bvh, .glb, .vrma or .npy")
    choices = ("joints", "features")
    array = "what a .npy file holds (default: joints)"
    parser.add_argument("--as", dest="array", choices=choices, default="joints", help=array)
    parser.set_defaults(func=lambda args: run(ConvertRequest(args.source, args.out, args.array)))


def run(request: ConvertRequest) -> int:
    """Load, save, report."""
    from pathlib import Path

    from ..formats.read import load
    from ..formats.write import save
    from ..formats.write_npy import write_npy

    npy = Path(request.out).suffix.lower() == ".npy"
    clip = load(request.source)
    if npy:
        write_npy(clip, request.out, request.array)
    else:
        save(clip, request.out)
    print(f"{len(clip)} frames, {clip.seconds:.1f} s of motion -> {request.out}")
    return 0
