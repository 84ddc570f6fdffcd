"""kinetoken convert: converts a clip from one file format to another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..base.errors import InputError
from ..formats.body_checks import MAX_FPS, MIN_FPS
from ..formats.numpy_files.amass import write_amass
from ..formats.numpy_files.npy import ARRAYS, write_npy
from ..formats.read_options import DEFAULTS, ReadOptions
from ..formats.registry import READABLE, WRITABLE, in_words, load_clip, save_clip
from ..motion.resample import at_rate
from .arguments import add_reading
from .parser import Subparsers, new_command

AMASS: Final = "amass"
_NOTES: Final = ("unit", "retargeted")
"""What the reader of another program's file assumed or did."""


@dataclass(frozen=True)
class ConvertRequest:
    """Everything that the command line asks for."""

    source: str
    out: str
    array: str | None
    """What a .npy file holds: "joints" or "features"; "amass": what a .npz file does."""
    reading: ReadOptions = DEFAULTS
    fps: float | None = None
    """Frames per second to write; None: those of the source."""

    def __post_init__(self) -> None:
        wanted = ".npz" if self.array == AMASS else ".npy"
        if self.array is not None and Path(self.out).suffix.lower() != wanted:
            raise InputError(
                f"--as {self.array} is for {wanted} files, and {self.out} is another kind; "
                "leave out --as"
            )
        if self.fps is not None and not MIN_FPS <= self.fps <= MAX_FPS:
            raise InputError(f"--fps: expected {MIN_FPS:g} to {MAX_FPS:g}, got {self.fps:g}")


def add_command(subparsers: Subparsers) -> None:
    """kinetoken convert IN OUT."""
    parser = new_command(
        subparsers,
        "convert",
        "convert a motion from one file format to another",
        "kinetoken convert walk.npz walk.bvh",
        "kinetoken convert walk.npz walk.npy --as features",
        "kinetoken convert walk.bvh walk.npz --unit in",
        "kinetoken convert model.glb wave.npz --animation Wave",
    )
    parser.add_argument("source", metavar="IN", help=in_words(READABLE))
    parser.add_argument("out", metavar="OUT", help=in_words(WRITABLE))
    array = "write joints (default) or features into .npy, SMPL parameters (amass) into .npz"
    parser.add_argument("--as", dest="array", choices=(*ARRAYS, AMASS), help=array)
    rate = "frames per second to write (default: those of IN)"
    parser.add_argument("--fps", type=float, metavar="F", help=rate)
    reading = add_reading(parser)
    parser.set_defaults(
        func=lambda args: run(
            ConvertRequest(args.source, args.out, args.array, reading(args), args.fps)
        )
    )


def run(request: ConvertRequest) -> int:
    """Load, save_clip, report."""
    clip = load_clip(request.source, request.reading)
    if request.fps is not None:
        clip = at_rate(clip, request.fps)
    if request.array == AMASS:
        write_amass(clip, request.out)
    elif request.array is not None:
        write_npy(clip, request.out, request.array)
    else:
        save_clip(clip, request.out)
    found = f"{len(clip)} frames, {clip.seconds:.1f} s of motion"
    notes = "".join(f", {key} {clip.meta[key]}" for key in _NOTES if key in clip.meta)
    print(f"{found}{notes} -> {request.out}")
    return 0
