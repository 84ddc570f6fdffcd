"""BVH files of any skeleton to global joint transforms."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kinetoken.base.errors import FormatError
from kinetoken.base.input_file import read_input_text
from kinetoken.formats.body_checks import MAX_FRAMES
from kinetoken.formats.bvh_syntax import parse_bvh, solve_bvh
from kinetoken.motion.skeleton import Array64


@dataclass(frozen=True)
class BvhMotion:
    """One BVH file, solved: places and rotations of the joints in the file's units and axes."""

    names: tuple[str, ...]
    positions: Array64
    """(T, J, 3) global positions."""
    rotations: Array64
    """(T, J, 3, 3) global rotation matrices."""
    frame_time: float
    """Seconds between frames, as the header says."""

    def index(self, name: str) -> int:
        """Index of the joint called `name`; FormatError when the skeleton has none."""
        try:
            return self.names.index(name)
        except ValueError:
            raise FormatError(
                f"expected a joint called {name!r} (CMU motion in cgspeed's Daz-friendly BVH), "
                f"got {', '.join(self.names[:6])}, ..."
            ) from None


def read_cmu_bvh(path: Path) -> BvhMotion:
    """Read and solve a BVH file; FormatError when it is none or is cut short."""
    try:
        file = parse_bvh(
            read_input_text(path, None, encoding="ascii", errors="replace"), MAX_FRAMES
        )
    except ValueError as error:
        raise FormatError(
            f"{path.name}: expected a BVH file, got something unreadable ({error})"
        ) from error
    joints = [joint for joint, is_end in enumerate(file.ends) if not is_end]
    positions, rotations = solve_bvh(file, file.rows, joints)
    names = tuple(file.names[joint] for joint in joints)
    return BvhMotion(names, positions[:, joints], rotations[:, joints], file.frame_time)
