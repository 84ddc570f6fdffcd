"""`kinetoken demo evaluate`: a bundle judged by physics on wordings it was never trained on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import kinetoken
from kinetoken.base.atomic_file import atomic_path
from kinetoken.base.errors import InputError
from kinetoken.cli.terminal import progress

from ..data.clips import load_clips, training_clips
from ..data.judges import obeys
from ..words.exam import FIRST_EXAM, SECOND_EXAM
from .codec_report import codec_errors, codec_table
from .defaults import EXAM_SEEDS, EXAM_TEMPERATURE
from .motion_measures import foot_slide, jerk


@dataclass(frozen=True)
class ExamAnswer:
    """One sample of the exam."""

    action: str
    prompt: str
    seed: int
    passed: bool
    seconds: float
    slide: float
    jerk: float
    thought: str


@dataclass(frozen=True)
class ExamConditions:
    """The conditions of an exam."""

    seeds: int = EXAM_SEEDS
    """Samples of each wording."""
    temperature: float = EXAM_TEMPERATURE
    levels: int | None = None
    """Codes per frame; None takes all."""
    exam: str = "first"
    """Which wordings: first or second."""

    def __str__(self) -> str:
        levels = "all levels" if self.levels is None else f"{self.levels} level(s)"
        return f"temperature {self.temperature:g}, {levels}, {self.seeds} seeds of each wording"


def evaluate(
    bundle: Path | None, work: Path, codec: Path, conditions: ExamConditions, out: Path | None
) -> None:
    """Sit the exam and measure the codec where `work` holds its clips; print and write tables.

    The tables go to `out`.md and .json.
    """
    if conditions.seeds < 1:
        raise InputError(f"expected --seeds of 1 or more, got {conditions.seeds}")
    answers = sit_exam(kinetoken.load(bundle), conditions)
    tables = [exam_table(answers, conditions)]
    record: dict[str, object] = {
        "conditions": asdict(conditions),
        "answers": [asdict(a) for a in answers],
    }
    if (work / "clips.npz").is_file() and codec.is_dir():
        errors = codec_errors(work, codec)
        tables += [codec_table(errors), physics_table(answers, work)]
        record["codec"] = [asdict(e) for e in errors]
    report = "\n\n".join(tables) + "\n"
    print(report)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        for suffix, text in ((".md", report), (".json", json.dumps(record, indent=1) + "\n")):
            with atomic_path(out.with_suffix(suffix)) as temporary:
                Path(temporary).write_text(text, encoding="utf-8")


def sit_exam(generator: kinetoken.Generator, conditions: ExamConditions) -> list[ExamAnswer]:
    """Ask every wording of the exam with every seed."""
    exam = FIRST_EXAM if conditions.exam == "first" else SECOND_EXAM
    questions = [
        (a, p, s) for a, prompts in exam.items() for p in prompts for s in range(conditions.seeds)
    ]
    return [_answer(generator, *question, conditions) for question in progress(questions, "exam")]


def _answer(
    generator: kinetoken.Generator, action: str, prompt: str, seed: int, conditions: ExamConditions
) -> ExamAnswer:
    generation = generator.stream(
        prompt, seed=seed, temperature=conditions.temperature, levels=conditions.levels
    )
    for _ in generation:
        pass
    clip = generation.clip()
    joints = clip.joints.astype(np.float64)
    passed, slide, shake = obeys(action, joints), foot_slide(joints), jerk(joints)
    return ExamAnswer(
        action, prompt, seed, passed, clip.seconds, slide, shake, generation.thought.strip()
    )


def exam_table(answers: list[ExamAnswer], conditions: ExamConditions) -> str:
    """Success of each action, in Markdown."""
    lines = [
        f"### {conditions.exam.capitalize()} exam: {len(answers)} samples, {conditions}",
        "",
        "| action | passed | of | share | seconds |",
        "|---|---:|---:|---:|---:|",
    ]
    for action in dict.fromkeys(a.action for a in answers):
        mine = [a for a in answers if a.action == action]
        good = sum(a.passed for a in mine)
        length = float(np.mean([a.seconds for a in mine]))
        lines.append(
            f"| {action.replace('_', ' ')} | {good} | {len(mine)} | {good / len(mine):.0%} | "
            f"{length:.1f} |"
        )
    good = sum(a.passed for a in answers)
    lines.append(f"| **all** | **{good}** | **{len(answers)}** | **{good / len(answers):.1%}** | |")
    return "\n".join(lines)


def physics_table(answers: list[ExamAnswer], work: Path) -> str:
    """Foot slide and jerk of generated motion beside the training clips', in Markdown."""
    real = [joints.astype(np.float64) for _, joints in training_clips(load_clips(work))]
    slides, jerks = [foot_slide(j) for j in real], [jerk(j) for j in real]
    lines = [
        "### Motion beside the captured clips",
        "",
        "| | foot slide in contact, m/s, median (quartiles) | jerk, m/s³, median (quartiles) |",
        "|---|---:|---:|",
        f"| captured ({len(real)} clips) | {_quartiles(slides, 2)} | {_quartiles(jerks, 0)} |",
        f"| generated ({len(answers)}) | {_quartiles([a.slide for a in answers], 2)} | "
        f"{_quartiles([a.jerk for a in answers], 0)} |",
    ]
    return "\n".join(lines)


def _quartiles(values: list[float], digits: int) -> str:
    low, middle, high = np.percentile(values, [25, 50, 75])
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
