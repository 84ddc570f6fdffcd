"""Robots' motion over all actions of the demo: time, feet, hands, limits, floor, self-contact.

    python benchmarks/robots.py [--bundle B] [--seconds 4] [--robots g1,h1] [-o results/robots]

MuJoCo, if installed, counts the frames in which the robot's own capsules touch.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe

import kinetoken
from kinetoken.robots.ik_step import Goal
from kinetoken.robots.robot_files import qpos
from kinetoken.robots.robot_model import CAUTION, RobotModel, robot_named
from kinetoken.robots.robot_run import RobotMotion, RobotRun

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))
RESULTS = ROOT / "benchmarks" / "results"
COLUMNS = {
    "ms": "CPU ms a frame",
    "first_ms": "first pose, ms",
    "foot": "foot off, mm",
    "foot99": "foot off, 99 %",
    "hand": "hand off, mm",
    "hand99": "hand off, 99 %",
    "slide": "slide of planted feet, cm/s",
    "human_slide": "the same of the human, scaled",
    "below": "sole below the floor, mm at most",
    "speed": "of the motors' speed, at most",
    "limits": "limits broken",
    "rescues": "frames begun anew",
    "own": "frames with self-contact, %",
}


class WatchedRun(RobotRun):
    """A run that remembers what each frame asked for."""

    def __init__(self, robot: RobotModel, fps: float) -> None:
        super().__init__(robot, fps)
        self.goals: list[Goal] = []

    def _next(self, goal: Goal) -> Any:
        self.goals.append(goal)
        return super()._next(goal)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--robots", default="g1,h1")
    parser.add_argument("-o", "--out", type=Path, default=RESULTS / "robots")
    parser.add_argument(
        "--clips", type=Path, help="folder to keep the answers in, and to find them"
    )
    args = parser.parse_args()
    clips = answers(args.bundle, args.seconds, args.clips)
    found: dict[str, Any] = {"machine": describe(), "seconds": args.seconds, "robots": {}}
    for key in args.robots.split(","):
        robot = robot_named(key)
        found["robots"][key] = {name: measure(robot, clip) for name, clip in clips.items()}
    args.out.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
    args.out.with_suffix(".md").write_text(table(found, args.bundle))


def answers(bundle: str | None, seconds: float, kept: Path | None) -> dict[str, kinetoken.Clip]:
    """A clip of every caption file's first prompt, as a window would show it."""
    generator = kinetoken.load(bundle) if bundle else kinetoken.load()
    options = kinetoken.GenerateOptions(seconds=seconds, seed=1).on_screen()
    out = {}
    for path in sorted((ROOT / "export" / "captions").glob("*.tsv")):
        if path.stem not in ("unknown", "sequences"):
            prompt = path.read_text(encoding="utf-8").split("\t")[0]
            file = None if kept is None else kept / f"{path.stem}-1.npz"
            if file is not None and file.exists():
                out[path.stem] = kinetoken.Clip.load(file)
                continue
            out[path.stem] = generator.generate(prompt, options)
            if file is not None:
                file.parent.mkdir(parents=True, exist_ok=True)
                out[path.stem].save(file)
    return out


def measure(robot: RobotModel, clip: kinetoken.Clip) -> dict[str, float]:
    """The figures of one clip."""
    run = WatchedRun(robot, clip.fps)
    begun = time.process_time()
    first = run.push(clip.joints[:1])
    between = time.process_time()
    rest = run.push(clip.joints[1:])
    ended = time.process_time()
    motion = replace(
        first,
        root=np.concatenate([first.root, rest.root]),
        quaternions=np.concatenate([first.quaternions, rest.quaternions]),
        angles=np.concatenate([first.angles, rest.angles]),
    )
    low, high = robot.limits.T
    speeds = np.abs(np.diff(motion.angles, axis=0)) * clip.fps / robot.speeds
    return {
        "ms": 1e3 * (ended - between) / len(rest),
        "first_ms": 1e3 * (between - begun),
        **misses(motion, run.goals),
        "speed": float(speeds.max()),
        "limits": float(np.sum((motion.angles < low) | (motion.angles > high))),
        "rescues": float(run.rescues),
        "own": own_contacts(motion),
    }


def misses(motion: RobotMotion, goals: list[Goal]) -> dict[str, float]:
    """Feet and hands against what the frames asked for, in mm; feet against the floor."""
    robot, links = motion.robot, motion.links()
    feet = np.stack([links[:, leg.end, :3, 3] for leg in robot.legs], axis=1)
    wanted = np.stack([goal.ankles for goal in goals])
    foot = 1e3 * np.linalg.norm(feet - wanted, axis=-1)
    arms = np.stack([goal.bones[2:4] + goal.bones[4:6] for goal in goals])
    hands = np.stack([hand_from_shoulder(links, arm) for arm in robot.arms], axis=1)
    hand = 1e3 * np.linalg.norm(hands - arms, axis=-1)
    soles = np.stack(
        [
            (np.einsum("tij,sj->tsi", links[:, leg.end, :3, :3], robot.sole))[..., 2].min(axis=1)
            + links[:, leg.end, 2, 3]
            for leg in robot.legs
        ],
        axis=1,
    )
    fps = motion.fps
    human = np.linalg.norm(np.diff(wanted[..., :2], axis=0), axis=-1) * fps
    made = np.linalg.norm(np.diff(feet[..., :2], axis=0), axis=-1) * fps
    stands = (human < 0.15) & (soles[1:] < 0.02)
    return {
        "foot": float(foot.mean()),
        "foot99": float(np.quantile(foot, 0.99)),
        "hand": float(hand.mean()),
        "hand99": float(np.quantile(hand, 0.99)),
        "slide": float(100 * made[stands].mean()) if stands.any() else 0.0,
        "human_slide": float(100 * human[stands].mean()) if stands.any() else 0.0,
        "below": float(max(0.0, -1e3 * soles.min())),
    }


def hand_from_shoulder(links: Any, arm: Any) -> Any:
    """(T, 3) from the shoulder to the hand."""
    tip = np.einsum("tij,j->ti", links[:, arm.end, :3, :3], arm.end_point)
    return links[:, arm.end, :3, 3] + tip - links[:, arm.start, :3, 3]


def own_contacts(motion: RobotMotion) -> float:
    """Share of frames in which capsules of the robot touch that do not at rest; nan without MuJoCo."""
    try:
        import mujoco

        from robot_scenes import model_of
    except ImportError:
        return float("nan")
    model = model_of(mujoco, motion.robot)
    data = mujoco.MjData(model)

    def pairs() -> set[tuple[int, int]]:
        mujoco.mj_forward(model, data)
        bodies = (tuple(sorted(model.geom_bodyid[list(c.geom)])) for c in data.contact)
        return {pair for pair in bodies if 0 not in pair}

    data.qpos[:] = [0, 0, 5, 1, 0, 0, 0, *np.zeros(motion.robot.n_joints)]
    usual, frames = pairs(), 0
    for row in qpos(motion):
        data.qpos[:] = row
        frames += bool(pairs() - usual)
    return 100.0 * frames / len(motion)


def table(found: dict[str, Any], bundle: str | None) -> str:
    """The report."""
    lines = ["# Robots", "", f"{CAUTION.capitalize()}.", "", f"Machine: {found['machine']}.", ""]
    lines += ["`python benchmarks/robots.py" + (" --bundle B" if bundle else "") + "`: one answer of "
              f"{found['seconds']:g} s to each action's first prompt, smoothed and foot-locked, at "
              "20 fps. Feet and hands against what the recipe asks of the robot."]  # fmt: skip
    for key, clips in found["robots"].items():
        lines += ["", f"## {robot_named(key).name}: {len(clips)} actions", ""]
        lines += ["| | mean | median | worst | of |", "|---|---|---|---|---|"]
        for column, title in COLUMNS.items():
            values = {name: clip[column] for name, clip in clips.items()}
            worst = max(values, key=lambda name: values[name])
            all_of = np.array(list(values.values()))
            numbers = (all_of.mean(), np.median(all_of), values[worst])
            row = " | ".join(f"{number:.2f}" for number in numbers)
            lines.append(f"| {title} | {row} | {worst} |")
        lines += ["", "| Action | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
        for name, clip in clips.items():
            row = " | ".join(f"{clip[column]:.2f}" for column in COLUMNS)
            lines.append(f"| {name} | {row} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
