"""Options of `kinetoken convert` that games ask for: edits, and how a file names its bones."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from typing import Final

from ..base.errors import InputError
from ..formats.bone_sets import BONE_SETS
from ..formats.bvh import write_bvh
from ..formats.glb import write_glb
from ..formats.read_options import UP
from ..formats.registry import in_words, save_clip, suffix_of
from ..motion.clip import Clip
from ..motion.edits.cuts import mirror_image, trimmed, without_path
from ..motion.edits.loop import loop_of
from ..motion.resample import at_rate
from ..motion.skeleton import JOINT_NAMES
from .parser import Reader


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
            clip = mirror_image(clip)
        if self.loop:
            clip, _ = loop_of(clip, straight=self.in_place)
        return without_path(clip) if self.in_place else clip


NO_EDITS: Final = GameRequest()


def add_game(parser: argparse.ArgumentParser) -> Reader[GameRequest]:
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


def write_for_games(clip: Clip, out: str, game: GameRequest) -> None:
    """Write the clip with the names, bones and axes asked for. InputError, OutputError."""
    if game.rig is not None or game.root_bone:
        names = JOINT_NAMES if game.rig is None else BONE_SETS[game.rig]
        write_glb(clip, out, names, game.root_bone)
    elif game.write_up is not None:
        write_bvh(clip, out, game.write_up)
    else:
        save_clip(clip, out)
