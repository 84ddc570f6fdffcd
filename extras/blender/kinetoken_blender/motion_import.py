"""The motion that kinetoken wrote, as objects of the scene: by Blender's own glTF importer."""

from __future__ import annotations

from pathlib import Path

import bpy

_NAME_LENGTH = 60  # letters; Blender keeps 63


def action_name(prompt: str) -> str:
    """The name of a prompt's action."""
    return " ".join(prompt.split())[:_NAME_LENGTH]


def import_motion(path: Path, name: str) -> bpy.types.Object:
    """The armature of a .glb, with its mannequin and its action. RuntimeError."""
    before = set(bpy.data.objects)
    bpy.ops.import_scene.gltf(filepath=str(path), disable_bone_shape=True)
    new = [thing for thing in bpy.data.objects if thing not in before]
    armature = next((thing for thing in new if thing.type == "ARMATURE"), None)
    if armature is None or armature.animation_data is None:
        raise RuntimeError(f"{path.name} holds no armature with a motion")
    armature.name = name
    armature.animation_data.action.name = name
    for track in list(armature.animation_data.nla_tracks):
        armature.animation_data.nla_tracks.remove(track)
    return armature


def remove_motion(armature: bpy.types.Object) -> None:
    """Take an imported armature, its mannequin and their data out of the file again."""
    action = armature.animation_data.action
    things = [armature, *armature.children_recursive]
    data = [thing.data for thing in things if thing.data is not None]
    for thing in things:
        bpy.data.objects.remove(thing)
    kinds = {"ARMATURE": bpy.data.armatures, "MESH": bpy.data.meshes}
    for block in data:
        kind = "ARMATURE" if isinstance(block, bpy.types.Armature) else "MESH"
        if block.users == 0:
            kinds[kind].remove(block)
    if action is not None:
        bpy.data.actions.remove(action)
