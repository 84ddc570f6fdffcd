"""From the imported skeleton to an armature with known bones, frame by frame.

Rotations are carried over: how a bone is turned from the source's T-pose, from the pose that the
target takes when its arms and legs point as in that T-pose. The path is scaled by the legs. World
axes: Z up; both skeletons are turned so that they face the same way.
"""

from __future__ import annotations

from collections.abc import Iterator

import bpy
from mathutils import Matrix, Quaternion, Vector

from .bone_names import FK_SWITCHES, PARENT

_LEVELS = (
    ("pelvis",), ("spine1", "hip"), ("spine2", "knee"), ("spine3", "ankle"),
    ("neck", "collar", "foot"), ("head", "shoulder"), ("elbow",), ("wrist",),
)  # fmt: skip
"""Joints that may be turned at the same time, from the pelvis outward."""
_AIMED = {"shoulder": "elbow", "elbow": "wrist", "hip": "knee", "knee": "ankle"}
"""Joints whose bones point as in the T-pose before they are turned, and the next ones."""


def _part(joint: str) -> str:
    return joint.rpartition("_")[2]


def _side(joint: str, part: str) -> str:
    return f"{joint.partition('_')[0]}_{part}"


class Retarget:
    """Moves a target as a source moves; `frames()` computes, `write()` makes the action."""

    def __init__(
        self, source: bpy.types.Object, target: bpy.types.Object, bones: dict[str, str]
    ) -> None:
        """`source`: an armature of kinetoken with its action; `bones`: the target's, by joint."""
        self._source, self._target, self._bones = source, target, bones
        self._levels = [[joint for joint in bones if _part(joint) in parts] for parts in _LEVELS]
        self._motion = _SourceMotion(source)
        self._world = target.matrix_world.to_quaternion()
        self._unit = target.matrix_world.to_scale()[2]
        self._carried = any(
            bone.constraints for name in bones.values() for bone in _line(target.pose.bones[name])
        )
        self._rest = {
            joint: target.matrix_world @ target.data.bones[name].matrix_local
            for joint, name in bones.items()
        }
        self._heading = self._facing()
        self._aims = {joint: self._aim(joint) for joint in _ordered(bones)}
        self._scale = self._leg_ratio()
        self._lever = self._rest["pelvis"].translation - _middle(self._rest)
        self._before = _Before(target)
        self._turns: dict[str, list[Quaternion]] = {joint: [] for joint in bones}
        self._places: list[Vector] = []

    @property
    def count(self) -> int:
        """Number of frames."""
        return len(self._motion.times)

    def frames(self) -> Iterator[int]:
        """Pose the target frame by frame; yield the number of those that are done.

        At the end, and where it is broken off, the target is as it was.
        """
        data = self._target.animation_data or self._target.animation_data_create()
        data.action = None  # or it would undo the poses
        try:
            for bone in self._target.pose.bones:
                bone.matrix_basis = Matrix.Identity(4)
            self._follow_fk()
            for frame in range(self.count):
                self._pose(frame)
                yield frame + 1
        finally:
            self._before.restore()

    def write(self, name: str) -> bpy.types.Action:
        """Make the action of all frames, at the source's times, and give it to the target.

        Its former action is kept in the file.
        """
        if self._before.action is not None:
            self._before.action.use_fake_user = True
        action = bpy.data.actions.new(name)
        self._target.animation_data.action = action
        self._follow_fk()
        for joint, turns in self._turns.items():
            bone = self._target.pose.bones[self._bones[joint]]
            for at, turn in zip(self._motion.times, turns, strict=True):
                _set_rotation(bone, turn)
                bone.keyframe_insert(_channel(bone), frame=at, group=bone.name)
        hips = self._target.pose.bones[self._bones["pelvis"]]
        for at, place in zip(self._motion.times, self._places, strict=True):
            hips.location = place
            hips.keyframe_insert("location", frame=at, group=hips.name)
        return action

    def _pose(self, frame: int) -> None:
        """Turn every bone, level by level: a bone's own turn depends on those before it."""
        turns, place = self._motion.pose(frame)
        done: dict[str, Quaternion] = {}
        for level in self._levels:
            for joint in level:
                bone = self._target.pose.bones[self._bones[joint]]
                given = self._given(bone, done)
                rest = self._rest[joint].to_quaternion()
                change = self._heading @ turns[joint] @ self._heading.inverted()
                wanted = self._world.inverted() @ change @ self._aims[joint] @ rest
                own = given.inverted() @ wanted
                if self._turns[joint] and own.dot(self._turns[joint][-1]) < 0.0:
                    own.negate()
                _set_rotation(bone, own)
                self._turns[joint].append(own)
                done[bone.name] = wanted
                if joint == "pelvis":
                    moved = (
                        self._heading @ (place * self._scale) + change @ self._lever - self._lever
                    )
                    bone.location = given.inverted() @ self._world.inverted() @ moved / self._unit
                    self._places.append(bone.location.copy())
            if self._carried:
                bpy.context.view_layer.update()

    def _given(self, bone: bpy.types.PoseBone, done: dict[str, Quaternion]) -> Quaternion:
        """The rotation that a bone has before its own, in the armature's axes."""
        if self._carried:  # constraints above it: only Blender knows
            return bone.matrix.to_quaternion() @ bone.matrix_basis.to_quaternion().inverted()
        rest = bone.bone.matrix_local.to_quaternion()
        if bone.parent is None or not bone.bone.use_inherit_rotation:
            return rest
        above = bone.parent
        turned = done.get(above.name)
        if turned is None:
            turned = self._given(above, done) @ above.matrix_basis.to_quaternion()
        return turned @ above.bone.matrix_local.to_quaternion().inverted() @ rest

    def _follow_fk(self) -> None:
        """Let the limbs of a Rigify rig follow the controls that are turned."""
        for name in FK_SWITCHES:
            bone = self._target.pose.bones.get(name)
            if bone is not None and "IK_FK" in bone:
                bone["IK_FK"] = 1.0
        self._target.update_tag()
        bpy.context.view_layer.update()

    def _facing(self) -> Quaternion:
        """The turn about Z from the way that the source faces to that of the target."""
        left, right = (self._rest[f"{side}_hip"].translation for side in ("left", "right"))
        ours = [self._motion.rest[f"{side}_hip"].translation for side in ("left", "right")]
        ahead, before = _across(left - right), _across(ours[0] - ours[1])
        return before.rotation_difference(ahead)

    def _aim(self, joint: str) -> Quaternion:
        """The turn that lets a bone of the target point as in the source's T-pose."""
        part = _part(joint)
        if part == "wrist":  # as straight as it was
            return self._aim(_side(joint, "elbow"))
        after = _AIMED.get(part)
        if after is None:
            return Quaternion()
        rest, ours, following = self._rest, self._motion.rest, _side(joint, after)
        has = rest[following].translation - rest[joint].translation
        should = self._heading @ (ours[following].translation - ours[joint].translation)
        return has.rotation_difference(should)

    def _leg_ratio(self) -> float:
        """How long the target's legs are, as a share of the source's."""
        theirs, ours = (
            sum(
                (rest[f"left_{b}"].translation - rest[f"left_{a}"].translation).length
                for a, b in (("hip", "knee"), ("knee", "ankle"))
            )
            for rest in (self._rest, self._motion.rest)
        )
        return theirs / ours


class _Before:
    """How a target was posed and animated."""

    def __init__(self, target: bpy.types.Object) -> None:
        data = target.animation_data
        self._target = target
        self.action = None if data is None else data.action
        self._slot = getattr(data, "action_slot", None)
        self._poses = {bone.name: bone.matrix_basis.copy() for bone in target.pose.bones}
        bones = target.pose.bones
        self._switches = {n: bones[n]["IK_FK"] for n in FK_SWITCHES if "IK_FK" in bones.get(n, {})}

    def restore(self) -> None:
        """Pose and animate it so again."""
        data = self._target.animation_data
        data.action = self.action
        if self.action is not None and self._slot is not None:
            data.action_slot = self._slot
        for name, pose in self._poses.items():
            self._target.pose.bones[name].matrix_basis = pose
        for name, value in self._switches.items():
            self._target.pose.bones[name]["IK_FK"] = value
        self._target.update_tag()


class _SourceMotion:
    """The keys of an imported armature, without evaluating the scene."""

    def __init__(self, source: bpy.types.Object) -> None:
        names = {bone.name for bone in source.data.bones}
        self._joints = ["pelvis", *(joint for joint in PARENT if joint in names)]
        world = source.matrix_world
        self._local = {
            joint: source.data.bones[joint].matrix_local.to_quaternion() for joint in self._joints
        }
        self._world = world.to_quaternion()
        self.rest = {joint: world @ source.data.bones[joint].matrix_local for joint in self._joints}
        curves = {(c.data_path, c.array_index): c for c in _curves(source)}
        keyed = curves[_path("pelvis", "rotation_quaternion"), 0]
        self.times = [key.co[0] for key in keyed.keyframe_points]
        self._curves = curves

    def pose(self, frame: int) -> tuple[dict[str, Quaternion], Vector]:
        """The turn of each joint from the rest pose, and the way of the hips' middle; world."""
        at = self.times[frame]
        turned: dict[str, Quaternion] = {}
        out = {}
        for joint in _ordered(self._joints):
            rest = self._local[joint]
            above = PARENT.get(joint)
            given = rest if above is None else turned[above] @ self._local[above].inverted() @ rest
            own = Quaternion(self._values(joint, "rotation_quaternion", 4, at)).normalized()
            turned[joint] = given @ own
            change = turned[joint] @ rest.inverted()
            out[joint] = self._world @ change @ self._world.inverted()
        place = Vector(self._values("pelvis", "location", 3, at))
        lever = _middle(self.rest) - self.rest["pelvis"].translation
        return out, self._world @ (self._local["pelvis"] @ place) + out["pelvis"] @ lever - lever

    def _values(self, joint: str, channel: str, count: int, at: float) -> list[float]:
        path = _path(joint, channel)
        usual = [1.0, 0.0, 0.0, 0.0] if count == 4 else [0.0] * count
        return [
            curve.evaluate(at) if (curve := self._curves.get((path, i))) else usual[i]
            for i in range(count)
        ]


def _curves(source: bpy.types.Object) -> list[bpy.types.FCurve]:
    """The curves of an object's action; Blender 5 keeps them in a bag for each slot."""
    action, slot = source.animation_data.action, getattr(source.animation_data, "action_slot", None)
    if slot is None:
        return list(action.fcurves)
    for layer in action.layers:
        for strip in layer.strips:
            bag = strip.channelbag(slot)
            if bag is not None:
                return list(bag.fcurves)
    return []


def _path(joint: str, channel: str) -> str:
    return f'pose.bones["{joint}"].{channel}'


def _ordered(joints: object) -> list[str]:
    """The joints from the pelvis outward."""
    present = set(joints)  # type: ignore[call-overload]
    parts = [part for level in _LEVELS for part in level]
    return sorted(present, key=lambda joint: parts.index(_part(joint)))


def _line(bone: bpy.types.PoseBone) -> Iterator[bpy.types.PoseBone]:
    """A bone and all above it."""
    above: bpy.types.PoseBone | None = bone
    while above is not None:
        yield above
        above = above.parent


def _middle(rest: dict[str, Matrix]) -> Vector:
    """The point between the hips."""
    return (rest["left_hip"].translation + rest["right_hip"].translation) / 2


def _across(leftward: Vector) -> Vector:
    """The level direction to the left."""
    return Vector((leftward.x, leftward.y, 0.0)).normalized()


def _channel(bone: bpy.types.PoseBone) -> str:
    named = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}
    return named.get(bone.rotation_mode, "rotation_euler")


def _set_rotation(bone: bpy.types.PoseBone, turn: Quaternion) -> None:
    """Set a bone's own rotation in whatever way it keeps it."""
    if bone.rotation_mode == "QUATERNION":
        bone.rotation_quaternion = turn
    elif bone.rotation_mode == "AXIS_ANGLE":
        axis, angle = turn.to_axis_angle()
        bone.rotation_axis_angle = (angle, *axis)
    else:
        bone.rotation_euler = turn.to_euler(bone.rotation_mode, bone.rotation_euler)
