"""`kinetoken train-demo evaluate`: a bundle judged by physics on wordings it was never trained on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import kinetoken
from kinetoken.base.atomic_file import atomic_path
from kinetoken.base.errors import InputError
from kinetoken.cli.terminal import progress

from ..data.clips import load_clips, training_clips
from ..data.motion_measures import foot_slide, jerk
from ..words.exam_questions import UNKNOWN, Question, read_questions
from .codec.codec_report import codec_errors, codec_table
from .defaults import EXAM_SEEDS, EXAM_TEMPERATURE
from .exam_verdicts import admits, does, judges_count


@dataclass(frozen=True)
class ExamAnswer:
    """One sample of the exam."""

    part: str
    expected: str
    """Actions asked for, joined by +; unknown: none of them."""
    prompt: str
    seed: int
    passed: bool
    admitted: bool
    """Whether the thought says that it cannot."""
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

    def __str__(self) -> str:
        levels = "all levels" if self.levels is None else f"{self.levels} level(s)"
        return f"temperature {self.temperature:g}, {levels}, {self.seeds} seeds of each wording"


def evaluate(
    bundle: Path | None,
    exam: Path,
    work: Path,
    codec: Path,
    conditions: ExamConditions,
    out: Path | None,
) -> None:
    """Sit the exam and measure the codec where `work` holds its clips; print and write tables.

    The tables go to `out`.md and .json.
    """
    if conditions.seeds < 1:
        raise InputError(f"expected --seeds of 1 or more, got {conditions.seeds}")
    questions = read_questions(exam)
    answers = sit_exam(kinetoken.load(bundle), questions, conditions)
    tables = [part_table(answers, conditions), count_line(questions), action_table(answers)]
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


def sit_exam(
    generator: kinetoken.Generator, questions: Sequence[Question], conditions: ExamConditions
) -> list[ExamAnswer]:
    """Ask every question with every seed."""
    asked = [(question, seed) for question in questions for seed in range(conditions.seeds)]
    return [_answer(generator, *one, conditions) for one in progress(asked, "exam")]


def _answer(
    generator: kinetoken.Generator, question: Question, seed: int, conditions: ExamConditions
) -> ExamAnswer:
    generation = generator.stream(
        question.wording, seed=seed, temperature=conditions.temperature, levels=conditions.levels
    )
    for _ in generation:
        pass
    clip, thought = generation.clip(), generation.thought.strip()
    joints = clip.joints.astype(np.float64)
    return ExamAnswer(
        question.part,
        "+".join(question.actions) or UNKNOWN,
        question.wording,
        seed,
        does(question, clip, thought),
        admits(thought),
        clip.seconds,
        foot_slide(joints),
        jerk(joints),
        thought,
    )


def part_table(answers: list[ExamAnswer], conditions: ExamConditions) -> str:
    """Success of each part, and how often it says that it cannot, in Markdown."""
    lines = [
        f"### Exam: {len(answers)} samples, {conditions}",
        "",
        "| part | passed | of | share | says that it cannot |",
        "|---|---:|---:|---:|---:|",
    ]
    for part in dict.fromkeys(a.part for a in answers):
        mine = [a for a in answers if a.part == part]
        good, honest = sum(a.passed for a in mine), sum(a.admitted for a in mine)
        lines.append(
            f"| {part} | {good} | {len(mine)} | {good / len(mine):.1%} | {honest / len(mine):.1%} |"
        )
    return "\n".join(lines)


def count_line(questions: Sequence[Question]) -> str:
    """How many questions say how often, and for how many of them that is judged, in Markdown."""
    counted = [q for q in questions if q.count]
    judged = sum(judges_count(q) for q in counted)
    rest = sorted({"+".join(q.actions) for q in counted if not judges_count(q)})
    names = f"; not judged: {', '.join(rest).replace('_', ' ')}" if rest else ""
    return f"{len(counted)} questions say how often; judged, exactly, in {judged}{names}."


def action_table(answers: list[ExamAnswer]) -> str:
    """Success of each action that is asked for alone, in Markdown."""
    alone = [a for a in answers if a.expected != UNKNOWN and "+" not in a.expected]
    lines = ["| action | passed | of | seconds |", "|---|---:|---:|---:|"]
    for action in dict.fromkeys(a.expected for a in alone):
        mine = [a for a in alone if a.expected == action]
        length = float(np.mean([a.seconds for a in mine]))
        good = sum(a.passed for a in mine)
        lines.append(f"| {action.replace('_', ' ')} | {good} | {len(mine)} | {length:.1f} |")
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
