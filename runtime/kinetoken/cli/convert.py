"""kinetoken convert: converts a clip from one file format to another, edited on the way."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..base.errors import InputError
from ..formats.body_checks import MAX_FPS, MIN_FPS
from ..formats.numpy_files.amass import write_amass
from ..formats.numpy_files.npy import ARRAYS, write_npy
from ..formats.read_options import DEFAULTS, ReadOptions
from ..formats.registry import READABLE, WRITABLE, in_words, load_clip
from ..motion.clip import Clip
from ..robots.robot_files import (
    ROBOT_FILES,
    ROBOT_RATE,
    check_robot,
    robot_motion,
    robot_writer,
    write_robot,
)
from ..robots.robot_model import CAUTION, ROBOTS
from .arguments import add_reading
from .game_options import NO_EDITS, GameRequest, add_game, write_for_games
from .parser import Subparsers, new_command
from .terminal import counted

AMASS: Final = "amass"
_NOTES: Final = ("unit", "retargeted", "loop")
"""What the reader of another program's file assumed or did, and how a loop came out."""


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
    robot: str | None = None
    """A robot whose motion to write instead of the human's."""
    rate: float | None = None
    """Frames per second of the robot; None: ROBOT_RATE."""
    game: GameRequest = NO_EDITS

    def __post_init__(self) -> None:
        wanted = ".npz" if self.array == AMASS else ".npy"
        if self.array is not None and Path(self.out).suffix.lower() != wanted:
            raise InputError(
                f"--as {self.array} is for {wanted} files, and {self.out} is another kind; "
                "leave out --as"
            )
        if self.rate is not None and self.robot is None:
            raise InputError("--rate is for a robot's motion; give --robot too, or --fps instead")
        if self.robot is not None:
            if self.array is not None:
                raise InputError("--robot and --as are two kinds of content; leave one out")
            if self.fps is not None:
                raise InputError("--fps is for a human's motion; give --rate for the robot's")
            check_robot(self.robot, self.rate)
            robot_writer(self.out)
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
        "kinetoken convert walk.npz walk.csv --robot g1 --rate 50",
    )
    parser.add_argument("source", metavar="IN", help=in_words(READABLE))
    parser.add_argument("out", metavar="OUT", help=in_words(WRITABLE))
    array = "write joints (default) or features into .npy, SMPL parameters (amass) into .npz"
    parser.add_argument("--as", dest="array", choices=(*ARRAYS, AMASS), help=array)
    rate = "frames per second to write (default: those of IN)"
    parser.add_argument("--fps", type=float, metavar="F", help=rate)
    robot = f"write a robot's motion: {in_words(ROBOTS)}, as {in_words(ROBOT_FILES)}"
    parser.add_argument("--robot", metavar="NAME", help=robot)
    rate = f"frames per second of the robot (default: {ROBOT_RATE:g})"
    parser.add_argument("--rate", type=float, metavar="HZ", help=rate)
    game, reading = add_game(parser), add_reading(parser)
    parser.set_defaults(
        func=lambda args: run(
            ConvertRequest(
                source=args.source,
                out=args.out,
                array=args.array,
                reading=reading(args),
                fps=args.fps,
                robot=args.robot,
                rate=args.rate,
                game=game(args),
            )
        )
    )


def run(request: ConvertRequest) -> int:
    """Load, edit, save, report."""
    clip = load_clip(request.source, request.reading)
    clip = request.game.edited(clip, request.fps)
    if request.robot is not None:
        return _write_robot(request, clip)
    if request.array == AMASS:
        write_amass(clip, request.out)
    elif request.array is not None:
        write_npy(clip, request.out, request.array)
    else:
        write_for_games(clip, request.out, request.game)
    found = f"{counted(len(clip), 'frame')}, {clip.seconds:.1f} s of motion"
    notes = "".join(f", {key} {clip.meta[key]}" for key in _NOTES if key in clip.meta)
    print(f"{found}{notes} -> {request.out}")
    return 0


def _write_robot(request: ConvertRequest, clip: Clip) -> int:
    assert request.robot is not None
    motion = robot_motion(clip, request.robot, request.rate or ROBOT_RATE)
    write_robot(motion, request.out)
    print(
        f"{counted(len(motion), 'frame')} of {motion.robot.name}, {motion.fps:g} fps -> {request.out}"
    )
    print(f"kinetoken: {CAUTION} (docs/robots.md)", file=sys.stderr)
    return 0
