"""Bones of a dropped .glb, found by their names in Node: the same as the reader of motion files finds, program by program."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from foreign_rigs import NAMINGS
from kinetoken.live.browser.page_files import PAGE_FOLDER
from kinetoken.motion.skeleton import JOINT_NAMES, PARENTS

LIMBS = [
    f"{side}_{joint}"
    for side in ("left", "right")
    for joint in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
]


def tree(names: dict[str, str]) -> list[dict[str, Any]]:
    """The joints that a program has, below a node of no meaning."""
    there = [joint for joint in JOINT_NAMES if names.get(joint, "-") != "-"]
    nodes: list[dict[str, Any]] = [{"name": "Armature", "parent": -1}]
    for joint in there:
        parent = PARENTS[JOINT_NAMES.index(joint)]
        while parent >= 0 and JOINT_NAMES[parent] not in there:
            parent = PARENTS[parent]
        above = 0 if parent < 0 else 1 + there.index(JOINT_NAMES[parent])
        nodes.append({"name": names[joint], "parent": above})
    return nodes


def found(tmp_path: Path, trees: list[list[dict[str, Any]]]) -> list[dict[str, int] | None]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    (tmp_path / "bones.mjs").write_bytes((PAGE_FOLDER / "bones.js").read_bytes())
    (tmp_path / "trees.json").write_text(json.dumps(trees), encoding="utf-8")
    (tmp_path / "run.mjs").write_text("""
import { readFileSync } from "node:fs";
import { findBones } from "./bones.mjs";
console.log(JSON.stringify(JSON.parse(readFileSync("trees.json", "utf8")).map(findBones)));
""")
    done = subprocess.run(
        [node, "run.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    out: list[dict[str, int] | None] = json.loads(done.stdout)
    return out


def test_limbs_are_found_whatever_program_named_them(tmp_path: Path) -> None:
    trees = [tree(names) for names in NAMINGS.values()]
    wrong = {}
    for (program, names), nodes, bones in zip(
        NAMINGS.items(), trees, found(tmp_path, trees), strict=True
    ):
        got = (
            {} if bones is None else {joint: nodes[index]["name"] for joint, index in bones.items()}
        )
        wanted = {joint: names[joint] for joint in ("pelvis", *LIMBS)}
        if different := {
            joint: got.get(joint) for joint, name in wanted.items() if got.get(joint) != name
        }:
            wrong[program] = different
    assert wrong == {}


def test_helpers_and_fingers_are_no_limbs_and_what_is_no_body_is_none(tmp_path: Path) -> None:
    nodes = tree(NAMINGS["Mixamo"])
    hand = next(i for i, node in enumerate(nodes) if node["name"] == "mixamorig:LeftHand")
    arm = next(i for i, node in enumerate(nodes) if node["name"] == "mixamorig:LeftArm")
    nodes += [
        {"name": "mixamorig:LeftHandThumb1", "parent": hand},
        {"name": "LeftArmTwist", "parent": arm},
    ]
    crate = [{"name": "crate", "parent": -1}, {"name": "lid", "parent": 0}]
    legs = [
        node
        for node in tree(NAMINGS["Unreal"])
        if "arm" not in node["name"] and "hand" not in node["name"]
    ]
    body, nothing, half = found(tmp_path, [nodes, crate, legs[:14]])
    assert body is not None
    assert nodes[body["left_wrist"]]["name"] == "mixamorig:LeftHand"
    assert nodes[body["left_elbow"]]["name"] == "mixamorig:LeftForeArm"
    assert nothing is None
    assert half is None
