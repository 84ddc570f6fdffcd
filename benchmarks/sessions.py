"""Measure sessions: time to the first pose by turn, seams between moves, obedience with a history.

    python benchmarks/sessions.py [--bundle B] [--turns 10] [--rounds 5] [--exam 40] [--quick]
        [-o benchmarks/results/sessions]

Times come from fresh processes that each hold one chat; cold computes the system prompt and keeps
its state, warm finds it on disk. "No session" feeds the whole chat again for each prompt. Seams
compare the fastest joint in the blend after a cut with the moves themselves. Obedience comes from
chats of five of the bundle's examples, at its own temperature: whether the motion shows, by the physics
of `kinetoken train-demo evaluate`, the action that the example alone makes the model think of; who lies
may get up first. It applies to the demo model only.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from machine import asked, describe
from report import examples_of

import kinetoken
from kinetoken.motion.skeleton import FPS

PROMPTS = (
    "a person walks forward", "wave with the right hand", "turn around to the left", "jump", "walk backward",
    "a person runs forward", "kick with the left leg", "stand still", "march in place", "a person bows",
)  # fmt: skip
BLEND = round(0.3 * FPS)  # frames behind a cut

TIMES = """
import json, sys, time
import kinetoken
from kinetoken.chat.session import Session
bundle, turns, history, kept, cache, prompts = json.loads(sys.argv[1])
generator = kinetoken.load(bundle)
began = time.perf_counter()
session = Session(generator, history=history, keep_state=cache)
session.prepare()
prepared = time.perf_counter() - began
first = []
for turn in range(turns):
    began = time.perf_counter()
    answer = session.say(prompts[turn % len(prompts)], seed=turn)
    waited = None
    for chunk in answer:
        if waited is None and isinstance(chunk, kinetoken.MotionChunk):
            waited = time.perf_counter() - began
    first.append([waited, answer.stats.rtf])
    if kept:
        session.prepare()
    else:
        session._run = None
        session._fed = []
print(json.dumps({"prepare": prepared, "turns": first}))
"""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle")
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--exam", type=int, default=40, help="chats of each kind; 0 leaves the exam out"
    )
    parser.add_argument("--quick", action="store_true", help="one round, three turns, four chats")
    parser.add_argument("-o", "--out", type=Path)
    args = asked(parser)
    if args.quick:
        args.turns, args.rounds, args.exam = 3, 1, min(args.exam, 4)
    record = {
        "times": times(args),
        "seams": seams(args),
        "obedience": obedience(args) if args.exam else None,
    }
    report = "\n".join([*time_lines(record, args), *seam_lines(record), *exam_lines(record), ""])
    print(report)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.with_suffix(".md").write_text(report, encoding="utf-8")
        args.out.with_suffix(".json").write_text(
            json.dumps(record, indent=1) + "\n", encoding="utf-8"
        )


def times(args: argparse.Namespace) -> dict[str, Any]:
    """Median seconds: to prepare, and to the first pose of the first and the last turn."""
    kinds = {
        "session, cold": (100, True, True),
        "session, warm": (100, True, True),
        "session without history, warm": (0, True, True),
        "no session: all fed anew": (100, False, False),
    }
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in kinds}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(args.rounds):
            home = Path(folder) / str(
                number
            )  # an empty cache: the first process of each round is cold
            bundle = copied(args.bundle, home / "bundle")
            for name, (history, kept, cache) in kinds.items():
                asked = json.dumps([str(bundle), args.turns, history, kept, cache, PROMPTS])
                out = subprocess.check_output([sys.executable, "-c", TIMES, asked])
                found[name].append(json.loads(out))
    return {name: _medians(runs) for name, runs in found.items()}


def copied(bundle: str | None, folder: Path) -> Path:
    """The bundle's files, copied into a folder without a cache."""
    source = kinetoken.load(bundle).bundle.folder.resolve()
    folder.mkdir(parents=True)
    for path in source.iterdir():
        if path.name != ".cache":
            shutil.copy(path, folder)
    return folder


def _medians(runs: list[dict[str, Any]]) -> dict[str, float]:
    middle = statistics.median
    return {
        "prepare": middle(run["prepare"] for run in runs),
        "first": middle(run["turns"][0][0] for run in runs),
        "last": middle(run["turns"][-1][0] for run in runs),
        "rtf": middle(turn[1] for run in runs for turn in run["turns"]),
    }


def seams(args: argparse.Namespace) -> dict[str, list[float]]:
    """The fastest joint, m/s, at seams and within moves, blended and merely cut together."""
    session = kinetoken.load(args.bundle).session(seconds=3.0)
    found: dict[str, list[float]] = {"within": [], "seam": [], "idle": [], "cut": []}
    last = raw_last = None
    for number in range(2 if args.quick else 6):
        for prompt in PROMPTS:
            turn = session.say(prompt, seed=number, raw=True)
            raw = np.concatenate(
                [c.joints for c in turn if isinstance(c, kinetoken.MotionChunk)]
            ).astype(float)
            session.line.cut()
            placed = session.line.push(raw)
            found["within"].append(_fastest(placed[BLEND:]))
            if last is not None and raw_last is not None:
                found["seam"].append(_fastest(np.concatenate([last, placed[:BLEND]])))
                level = (raw_last[-1, 0] - raw[0, 0]) * (1.0, 0.0, 1.0)
                found["cut"].append(_fastest(np.stack([raw_last[-1], raw[0] + level])))
            last, raw_last = placed[-1:], raw
            if number % 2:
                idle = session.idle(2.0)
                found["idle"].append(_fastest(np.concatenate([last, idle])))
                last = idle[-1:]
    return found


def _fastest(joints: np.ndarray[Any, Any]) -> float:
    return float(np.linalg.norm(np.diff(joints, axis=0), axis=-1).max() * FPS)


def obedience(args: argparse.Namespace) -> dict[str, dict[str, list[int]]]:
    """Passed and total, by turn, of chats with and without history."""
    from kinetoken_export.demo.training.exam_verdicts import shows_after, shows_asked

    generator = kinetoken.load(args.bundle)
    questions = questions_of(generator)
    found: dict[str, dict[str, list[int]]] = {}
    for history in (0, 1, 2, 100):
        rng, score = random.Random(1), {str(turn): [0, 0] for turn in range(1, 6)}
        for chat in range(args.exam):
            session = generator.session(history=history)
            before = None
            for turn, (action, prompt) in enumerate(rng.sample(questions, 5), start=1):
                answer = session.say(prompt, seed=5 * chat + turn, raw=True)
                for _ in answer:
                    pass
                joints = answer.clip().joints.astype(np.float64)
                good = (
                    shows_asked(action, joints)
                    if before is None
                    else shows_after(before, action, joints)
                )
                score[str(turn)][0] += good
                score[str(turn)][1] += 1
                before = joints
        found[str(history)] = score
    return found


def questions_of(generator: kinetoken.Generator) -> list[tuple[str, str]]:
    """Examples that ask for one action that has a judge, each with that action."""
    from kinetoken_export.demo.data.judges import JUDGES
    from kinetoken_export.demo.words.thoughts import meant

    found = []
    for prompt in examples_of(generator):
        answer = generator.stream(prompt, seed=0, temperature=0.0)
        for _ in answer:
            pass
        action = meant(answer.thought)
        if action in JUDGES and answer.text.count("<move>") == 1:
            found.append((action, prompt))
    if len(found) < 5:
        raise SystemExit(
            f"expected 5 examples or more that ask for one action, got {len(found)}: use --exam 0"
        )
    return found


def time_lines(record: dict[str, Any], args: argparse.Namespace) -> list[str]:
    """The times in Markdown."""
    command = f"python benchmarks/sessions.py --bundle {args.bundle or '(the demo)'} --turns {args.turns} --rounds {args.rounds}"
    lines = [
        "# Sessions", "", f"{describe()}. `{command}`; medians.", "", "## Seconds to the first pose", "",
        f"| | to prepare | turn 1 | turn {args.turns} | real-time factor |", "|---|---:|---:|---:|---:|",
    ]  # fmt: skip
    for name, row in record["times"].items():
        lines.append(
            f"| {name} | {row['prepare']:.3f} | {row['first']:.3f} | {row['last']:.3f} | {row['rtf']:.1f} |"
        )
    return lines


def seam_lines(record: dict[str, Any]) -> list[str]:
    """The seams in Markdown."""
    names = {
        "within": "within moves", "seam": "across the seams, blended", "idle": "from a move to idle motion",
        "cut": "across the same seams, only cut and placed",
    }  # fmt: skip
    lines = [
        "",
        "## The fastest joint, m/s",
        "",
        "| | median | 95th percentile | n |",
        "|---|---:|---:|---:|",
    ]
    for key, name in names.items():
        values = record["seams"][key]
        lines.append(
            f"| {name} | {np.median(values):.2f} | {np.percentile(values, 95):.2f} | {len(values)} |"
        )
    return lines


def exam_lines(record: dict[str, Any]) -> list[str]:
    """The exam in Markdown."""
    if not record["obedience"]:
        return []
    lines = [
        "", "## Obeyed, by turn of the chat", "", "| earlier turns shown | 1 | 2 | 3 | 4 | 5 | chats |", "|---:|" + "---:|" * 6,
    ]  # fmt: skip
    for history, score in record["obedience"].items():
        shares = " | ".join(f"{good / of:.0%}" for good, of in score.values())
        shown = "all" if history == "100" else history
        lines.append(f"| {shown} | {shares} | {score['1'][1]} |")
    return lines


if __name__ == "__main__":
    main()
