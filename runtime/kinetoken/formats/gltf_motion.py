"""Motion out of .glb and .vrma: the animation of a humanoid, whoever made it.

Files of this project come back at their own frames; others are sampled at 20 fps.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..base.errors import FormatError, InputError
from ..motion.clip import Clip
from ..motion.skeleton import FPS, Array64
from .body_checks import MAX_FRAMES, check_rate
from .gltf_reader import GltfError, GltfReader, KeyframeTrack, matrices
from .humanoid.joints_of import SAMPLE, MovingSkeleton, joints_of
from .humanoid.landmarks import Landmarks, Limb, NoBodyError, completed
from .humanoid.skeleton_tree import Poses, SkeletonTree
from .humanoid.units import UNITS, Unit
from .read_options import DEFAULTS, ReadOptions

_AT_ONCE: Final = 500_000  # joints of all frames whose matrices are held at a time
_FEWEST: Final = 20  # frames that teach a skeleton, however many joints it has
_MOST_MOVING: Final = 4000
"""Nodes of a skeleton; rigs with faces and clothes have some hundreds."""
_LISTED: Final = 8  # animations that a message names
_METRE: Final = Unit("m", UNITS["m"])


def read_gltf_motion(path: Path, options: ReadOptions = DEFAULTS) -> Clip:
    """Read one animation of one humanoid.

    FormatError; InputError for an animation that is not there.
    """
    try:
        file = GltfReader(path)
        return _read(file, path, options)
    except GltfError as error:
        raise FormatError(f"{path}: expected a whole glTF file, got {error}") from None
    except FileNotFoundError:
        raise FormatError(f"{path}: there is no such file; check the path") from None
    except OSError as error:
        raise FormatError(
            f"cannot read {path}: {error.strerror}; check the path and its permissions"
        ) from error


def _read(file: GltfReader, path: Path, options: ReadOptions) -> Clip:
    number = _chosen(file, path, options)
    tracks = file.tracks(number)
    if not tracks:
        raise FormatError(
            f"{path}: expected an animation of a skeleton, got one that moves no node; "
            "export it again"
        )
    skeleton = _Skeleton(file, tracks)
    seconds = _seconds(file, tracks, path)
    some = max(_FEWEST, min(SAMPLE, _AT_ONCE // len(skeleton.tree.names)))
    sample = skeleton.poses(seconds[:: len(seconds) // some + 1])
    body = _humanoid(file, skeleton)
    moving = MovingSkeleton(
        skeleton.tree, sample, lambda wanted: skeleton.parts(seconds, wanted), body, _METRE
    )
    found = joints_of(moving, options, path)
    fps = _rate(seconds) if file.is_ours else float(FPS)
    return Clip(
        found.joints.astype(np.float32),
        check_rate(fps, path),
        **_told(file, file.animations[number], path, found.notes),
    )


def _chosen(file: GltfReader, path: Path, options: ReadOptions) -> int:
    """Which of the animations is meant: without a word, the first that moves a node."""
    names = file.animations
    if not names:
        raise FormatError(
            f"{path}: expected an animation, got a model without one; export it with its animation"
        )
    listed = ", ".join(
        "".join(c if c.isprintable() else "?" for c in name[:40]) for name in names[:_LISTED]
    )
    listed += f", ... ({len(names)})" if len(names) > _LISTED else ""
    asked = options.animation
    if asked is None:
        first = next((number for number in range(len(names)) if file.tracks(number)), 0)
        if len(names) > 1:
            warnings.warn(
                f"{path}: read {'the first' if first == 0 else f'number {first + 1}'} of "
                f"{len(names)} animations; --animation NAME reads another: {listed}",
                UserWarning, stacklevel=2,
            )  # fmt: skip
        return first
    for same in (str.__eq__, lambda a, b: a.lower() == b.lower()):
        for number, name in enumerate(names):
            if same(name, asked):
                return number
    if asked.isdecimal() and 1 <= int(asked) <= len(names):
        return int(asked) - 1
    raise InputError(f"{path}: expected one of the animations {listed}, got {asked!r:.60}")


def _seconds(file: GltfReader, tracks: Sequence[KeyframeTrack], path: Path) -> Array64:
    """(T,) When to look: at the keys of our own files, else 20 times a second."""
    if file.is_ours:
        return max((track.times for track in tracks), key=len)
    begin = min(float(track.times[0]) for track in tracks)
    end = max(float(track.times[-1]) for track in tracks)
    frames = int((end - begin) * FPS + 1e-3) + 1
    if frames > MAX_FRAMES:
        raise FormatError(
            f"{path}: expected at most {MAX_FRAMES / FPS:g} s, got {end - begin:.4g}; "
            "cut it into pieces"
        )
    return begin + np.arange(frames) / FPS


def _rate(seconds: Array64) -> float:
    if len(seconds) < 2 or seconds[-1] <= seconds[0]:
        return float(FPS)
    fps = (len(seconds) - 1) / float(seconds[-1] - seconds[0])
    return round(fps, 3) if abs(fps - round(fps, 3)) < 1e-4 * fps else fps


def _told(file: GltfReader, animation: str, path: Path, notes: dict[str, str]) -> dict[str, Any]:
    """What the file says of its motion.

    All that a clip of ours said, or where another comes from.
    """
    if not file.is_ours:
        return {"meta": {"source": path.name, "animation": animation, **notes}}
    extras = dict(file.extras)
    prompt, text, seed = (extras.pop(key, None) for key in ("prompt", "text", "seed"))
    return {
        "prompt": prompt if isinstance(prompt, str) else "",
        "text": text if isinstance(text, str) else "",
        "seed": seed if isinstance(seed, int) else None,
        "meta": {str(key): str(value) for key, value in extras.items()},
    }


class _Skeleton:
    """The nodes that move, those of their skins, and all above, in an order of their own."""

    def __init__(self, file: GltfReader, tracks: Sequence[KeyframeTrack]) -> None:
        moved = {track.node for track in tracks}
        skins = [skin for skin in file.skins if skin & moved] or file.skins
        order = file.in_order(moved.union(*skins, file.bones.values()))
        if len(order) > _MOST_MOVING:
            raise GltfError(
                f"{len(order)} moving nodes where at most {_MOST_MOVING} are read; "
                "save the body alone"
            )
        self.place = {node: index for index, node in enumerate(order)}
        self._nodes = [file.nodes[node] for node in order]
        self._parents = tuple(self.place.get(node.parent, -1) for node in self._nodes)
        self._tracks = {(self.place[track.node], track.path): track for track in tracks}
        names = tuple(node.name for node in self._nodes)
        self.tree = SkeletonTree(names, self._parents, self._solved(None))

    def parts(self, seconds: Array64, wanted: Sequence[int]) -> Iterator[Poses]:
        """The poses at some times, a part at a time, of these joints and all above them."""
        needed = {above for joint in wanted for above in self.tree.path(joint)}
        at_once = max(1, _AT_ONCE // len(self._nodes))
        for begin in range(0, len(seconds), at_once):
            yield self._solved(seconds[begin : begin + at_once], needed)

    def poses(self, seconds: Array64) -> Poses:
        """The poses at some times."""
        return self._solved(seconds)

    def _solved(self, seconds: Array64 | None, needed: Collection[int] | None = None) -> Poses:
        """Every node in the world, or those needed; without times, at rest."""
        frames = 1 if seconds is None else len(seconds)
        points = np.zeros((frames, len(self._nodes), 3))
        turned = np.zeros((frames, len(self._nodes), 3, 3))
        carried = np.zeros_like(turned)  # turned and scaled
        for index, (node, parent) in enumerate(zip(self._nodes, self._parents, strict=True)):
            if needed is not None and index not in needed:
                continue
            shift, rotation, scale = (
                self._local(index, path, getattr(node, path), seconds)
                for path in ("translation", "rotation", "scale")
            )
            local = matrices(rotation)
            if parent < 0:
                points[:, index], turned[:, index], above = shift, local, np.eye(3)[None]
            else:
                above = carried[:, parent]
                points[:, index] = points[:, parent] + (above @ shift[..., None])[..., 0]
                turned[:, index] = turned[:, parent] @ local
            carried[:, index] = above @ (local * scale[..., None, :])
        return Poses(points, turned)

    def _local(self, index: int, path: str, rest: Array64, seconds: Array64 | None) -> Array64:
        track = self._tracks.get((index, path))
        return rest[None] if track is None or seconds is None else track.at(seconds)


def _humanoid(file: GltfReader, skeleton: _Skeleton) -> Landmarks | None:
    """The body as the file itself names it; None where it does not."""
    bones = {
        bone: skeleton.place[node] for bone, node in file.bones.items() if node in skeleton.place
    }
    try:
        legs = [
            _limb(bones, side, "UpperLeg", "LowerLeg", "Foot", "Toes") for side in ("left", "right")
        ]
        arms = [
            _limb(bones, side, "UpperArm", "LowerArm", "Hand", "Shoulder")
            for side in ("left", "right")
        ]
        necks = [bones["neck"]] if "neck" in bones else []
        return completed(
            skeleton.tree, (legs[0], legs[1]), (arms[0], arms[1]), bones.get("head"), necks
        )
    except (KeyError, NoBodyError):
        return None


def _limb(bones: dict[str, int], side: str, upper: str, lower: str, end: str, extra: str) -> Limb:
    return Limb(
        bones[side + upper], bones[side + lower], bones[side + end], bones.get(side + extra)
    )
