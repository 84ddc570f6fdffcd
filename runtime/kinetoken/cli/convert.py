"""kinetoken convert: converts a clip from one file format to another, edited on the way."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..base.errors import InputError
from ..formats.body_checks import MAX_FPS, MIN_FPS
from ..formats.bone_sets import BONE_SETS
from ..formats.bvh import write_bvh
from ..formats.glb import write_glb
from ..formats.numpy_files.amass import write_amass
from ..formats.numpy_files.npy import ARRAYS, write_npy
from ..formats.read_options import DEFAULTS, UP, ReadOptions
from ..formats.registry import (
    READABLE,
    WRITABLE,
    in_words,
    load_clip,
    save_clip,
    suffix_of,
)
from ..motion.edits.cuts import in_place, mirrored, trimmed
from ..motion.edits.loop import looped
from ..motion.resample import at_rate
from ..motion.skeleton import JOINT_NAMES
from .arguments import add_reading
from .parser import Reader, Subparsers, new_command

if TYPE_CHECKING:
    import argparse

    from ..motion.clip import Clip

AMASS: Final = "amass"
_NOTES: Final = ("unit", "retargeted", "loop")
"""What the reader of another program's file assumed or did, and how a loop came out."""


@dataclass(frozen=True)
class GameRequest:
    """Edits that games ask for, in the order in which they are done, and how a file names them."""

    trim: tuple[float | None, float | None] | None = None
    """Seconds from and to; None: the clip's own end."""
    mirror: bool = False
    loop: bool = False
    in_place: bool = False
    root_bone: bool = False
    """A .glb has a bone that carries path and heading."""
    rig: str | None = None
    """Whose bone names a .glb has; None: HumanML3D's."""
    write_up: str | None = None
    """The axis that points up in a .bvh; None: Y."""

    def check(self, out: str) -> None:
        """InputError for what the file written cannot hold, or what contradicts itself."""
        suffix = suffix_of(out)
        for option, given, wanted in (
            ("--rig", self.rig, ".glb"),
            ("--root-bone", self.root_bone, ".glb"),
            ("--write-up", self.write_up, ".bvh"),
        ):
            if given and suffix != wanted:
                raise InputError(
                    f"{option} is for {wanted} files, and {out} is another kind; leave it out"
                )
        if self.root_bone and self.in_place:
            raise InputError("--root-bone keeps the path, --in-place takes it out: leave one out")

    def edited(self, clip: Clip, fps: float | None) -> Clip:
        """The clip as asked for, at `fps` frames a second (None: its own). InputError."""
        if self.trim is not None:
            clip = trimmed(clip, *self.trim)
        if fps is not None:
            clip = at_rate(clip, fps)
        if self.mirror:
            clip = mirrored(clip)
        if self.loop:
            clip, _ = looped(clip, straight=self.in_place)
        return in_place(clip) if self.in_place else clip


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
    game: GameRequest = GameRequest()

    def __post_init__(self) -> None:
        wanted = ".npz" if self.array == AMASS else ".npy"
        if self.array is not None and Path(self.out).suffix.lower() != wanted:
            raise InputError(
                f"--as {self.array} is for {wanted} files, and {self.out} is another kind; "
                "leave out --as"
            )
        if self.fps is not None and not MIN_FPS <= self.fps <= MAX_FPS:
            raise InputError(f"--fps: expected {MIN_FPS:g} to {MAX_FPS:g}, got {self.fps:g}")
        self.game.check(self.out)


def add_command(subparsers: Subparsers) -> None:
    """kinetoken convert IN OUT."""
    parser = new_command(
        subparsers,
        "convert",
        "convert a motion from one file format to another",
        "kinetoken convert walk.npz walk.bvh",
        "kinetoken convert walk.npz walk.glb --loop --in-place --fps 30 --rig unreal",
        "kinetoken convert walk.bvh walk.npz --unit in",
        "kinetoken convert model.glb wave.npz --animation Wave",
    )
    parser.add_argument("source", metavar="IN", help=in_words(READABLE))
    parser.add_argument("out", metavar="OUT", help=in_words(WRITABLE))
    array = "write joints (default) or features into .npy, SMPL parameters (amass) into .npz"
    parser.add_argument("--as", dest="array", choices=(*ARRAYS, AMASS), help=array)
    rate = "frames per second to write (default: those of IN)"
    parser.add_argument("--fps", type=float, metavar="F", help=rate)
    game, reading = _add_game(parser), add_reading(parser)
    parser.set_defaults(
        func=lambda args: run(
            ConvertRequest(args.source, args.out, args.array, reading(args), args.fps, game(args))
        )
    )


def _add_game(parser: argparse.ArgumentParser) -> Reader[GameRequest]:
    """Add the edits that games ask for."""
    add = parser.add_argument_group("for games").add_argument
    add("--trim", metavar="A:B", help="only from A to B seconds, such as 1.5:4 or :3")
    add("--mirror", action="store_true", help="exchange left and right")
    loop = "cut out one cycle and blend its seam; prints its length and gap"
    add("--loop", action="store_true", help=loop)
    add("--in-place", action="store_true", help="keep the pelvis above the origin")
    bone = "a root bone carries path and heading, the pelvis the rest (.glb)"
    add("--root-bone", action="store_true", help=bone)
    rig = f"bone names of {in_words(BONE_SETS)} (.glb)"
    add("--rig", choices=tuple(BONE_SETS), metavar="R", help=rig)
    add("--write-up", choices=UP, metavar="AXIS", help="axis that points up in OUT (.bvh)")
    return lambda args: GameRequest(
        trim=None if args.trim is None else parsed_trim(args.trim),
        mirror=args.mirror,
        loop=args.loop,
        in_place=args.in_place,
        root_bone=args.root_bone,
        rig=args.rig,
        write_up=args.write_up,
    )


def parsed_trim(words: str) -> tuple[float | None, float | None]:
    """Seconds of "A:B", either of which may be empty. InputError."""
    number = r"(\d{1,6}(?:\.\d{0,6})?)?"
    found = re.fullmatch(f"{number}:{number}", words.strip(), re.ASCII)
    if found is None or found[1] == found[2]:
        raise InputError(f"--trim: expected seconds A:B, such as 1.5:4 or :3, got {words!r:.40}")
    begin, end = (None if part is None else float(part) for part in found.groups())
    return begin, end


def run(request: ConvertRequest) -> int:
    """Load, edit, save, report."""
    clip = load_clip(request.source, request.reading)
    clip = request.game.edited(clip, request.fps)
    _write(clip, request)
    found = f"{len(clip)} frames, {clip.seconds:.1f} s of motion"
    notes = "".join(f", {key} {clip.meta[key]}" for key in _NOTES if key in clip.meta)
    print(f"{found}{notes} -> {request.out}")
    return 0


def _write(clip: Clip, request: ConvertRequest) -> None:
    game = request.game
    if request.array == AMASS:
        write_amass(clip, request.out)
    elif request.array is not None:
        write_npy(clip, request.out, request.array)
    elif game.rig is not None or game.root_bone:
        names = JOINT_NAMES if game.rig is None else BONE_SETS[game.rig]
        write_glb(clip, request.out, names, game.root_bone)
    elif game.write_up is not None:
        write_bvh(clip, request.out, game.write_up)
    else:
        save_clip(clip, request.out)
