"""The report of the examination."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")

import kinetoken
from kinetoken.base.errors import InputError
from kinetoken.motion.clip import Clip
from kinetoken_export.demo.data.bridges import turned
from kinetoken_export.demo.data.makers.exercise_scripts import EXERCISE_ACTS
from kinetoken_export.demo.data.makers.floor_scripts import FLOOR_ACTS
from kinetoken_export.demo.data.makers.script import Act, Script
from kinetoken_export.demo.training.evaluate import ExamConditions, count_line, evaluate
from kinetoken_export.demo.training.exam_verdicts import admits, does, judges_count, shows_asked
from kinetoken_export.demo.words.exam_questions import Question, read_questions

EXAM = {
    "old": "a tall man squats\tsquat\t-\t-\t-\t-\nplease dance to the music\tdance\t-\t-\t-\t-\n",
    "unknown": "ice skate on the lake\tunknown\t-\t-\t-\t-\n",
}
HEADER = "wording\texpected\tside\tcount\tspeed\tseconds\n"


def exam(folder: Path) -> Path:
    for part, rows in EXAM.items():
        (folder / f"{part}.tsv").write_text(HEADER + rows, encoding="utf-8")
    return folder


def test_the_report_counts_what_the_judges_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out" / "report"
    evaluate(None, exam(tmp_path), tmp_path, tmp_path, ExamConditions(seeds=2), out)
    answers = json.loads(out.with_suffix(".json").read_text())["answers"]
    asked = [(a["part"], a["expected"], a["seed"]) for a in answers]
    assert asked == [
        (part, expected, seed)
        for part, expected in (("old", "squat"), ("old", "dance"), ("unknown", "unknown"))
        for seed in (0, 1)
    ]
    again = kinetoken.load().generate(
        answers[0]["prompt"], seed=0, temperature=ExamConditions().temperature
    )
    assert answers[0]["passed"] == shows_asked("squat", again.joints.astype(np.float64))
    passed = sum(a["passed"] for a in answers[:4])
    said = capsys.readouterr().out
    assert f"| old | {passed} | 4 |" in said
    assert out.with_suffix(".md").read_text().strip() == said.strip()


def test_a_sequence_is_judged_block_by_block() -> None:
    squats = played(next(act for act in EXERCISE_ACTS if act.action == "squat"))
    joints = np.concatenate([squats, squats]).astype(np.float32)
    block = "<m_0_1>" * len(squats)
    blocks = f"I squat.<move>{block}</move>{{}}<move>{block}</move>"
    clip = Clip(joints, text=blocks.format(""), codes=np.ones((len(joints), 1), np.int64))
    question = Question("sequences", "squat, then squat", ("squat", "squat"))
    assert does(question, replace(clip, text=blocks.format(" And on.")), "I squat. And on.")
    assert not does(question, clip, "I squat.")
    assert not does(question, replace(clip, text=blocks.format("\nTwo.\n")), "I squat.")
    alone = Question("old", "squat for so long", ("squat",), seconds=clip.seconds)
    assert does(alone, clip, "I squat.")
    assert not does(replace(alone, seconds=clip.seconds + 1), clip, "I squat.")


def test_a_part_behind_a_low_one_may_begin_with_the_way_up() -> None:
    low, squat = (
        played(next(act for act in (*FLOOR_ACTS, *EXERCISE_ACTS) if act.action == name))
        for name in ("sit_on_floor", "squat")
    )
    joints = np.concatenate([low, low[::-1], squat]).astype(np.float32)
    blocks = ("<m_0_1>" * len(low), "<m_0_1>" * (len(joints) - len(low)))
    text = f"I sit.<move>{blocks[0]}</move>Then I squat.<move>{blocks[1]}</move>"
    clip = Clip(joints, text=text, codes=np.ones((len(joints), 1), np.int64))
    assert not shows_asked("squat", joints[len(low) :])
    for action, done in (("squat", True), ("kneel", False)):
        question = Question("sequences", "sit, then", ("sit_on_floor", action))
        assert does(question, clip, "I sit. Then I squat.") == done


def test_counted_turns_are_judged_one_by_one() -> None:
    quarter, question = turned_left(90), Question("old", "turn left twice", ("turn_left",), count=2)
    both = np.concatenate([quarter, turned_left(90, begin=90)]).astype(np.float32)
    assert shows_asked("turn_left", quarter)
    assert not shows_asked("turn_left", both)
    block = "<m_0_1>" * len(quarter)
    text = f"I turn.\nTwo.\n<move>{block}</move>\nOne.\n<move>{block}</move>"
    clip = Clip(both, text=text, codes=np.ones((len(both), 1), np.int64))
    assert does(question, clip, "I turn.")
    assert not does(replace(question, count=3), clip, "I turn.")
    assert not does(replace(question, count=0), clip, "I turn.")
    third = np.concatenate([quarter, turned_left(180, begin=90)]).astype(np.float32)
    assert not does(question, replace(clip, joints=third), "I turn.")


def turned_left(degrees: float, begin: float = 0.0) -> NDArray[np.float64]:
    """Joints (40, 22, 3) of a stiff body that turns on the spot."""
    pose = kinetoken.load().generate("a person stands still", seed=1).joints[0].astype(np.float64)
    angles = np.radians(begin + np.linspace(0.0, degrees, 40))
    return np.stack([turned(pose, float(angle), pose[0]) for angle in angles])


def played(act: Act) -> NDArray[np.float64]:
    """Joints of two rounds of a scripted act."""
    script = Script(np.random.default_rng(0), 1.0)
    act.play(script, 2)
    return script.joints()


def test_a_count_is_judged_exactly_where_physics_can_tell() -> None:
    for act in (a for a in EXERCISE_ACTS if a.action == "squat"):
        script = Script(np.random.default_rng(0), 1.0)
        act.play(script, 3)
        clip = Clip(script.joints().astype(np.float32), text="I squat.<move><m_0_1></move>")
        question = Question("new", "squat three times", ("squat",), count=3)
        assert does(question, clip, "I squat.")
        assert not does(replace(question, count=2), clip, "I squat.")
    uncounted = Question("new", "throw twice", ("throw",), count=2)
    both = Question("sequences", "squat twice, then bow", ("squat", "bow"), count=2)
    assert [judges_count(q) for q in (question, uncounted, both)] == [True, False, False]
    assert count_line([question, uncounted, both, Question("new", "squat", ("squat",))]) == (
        "3 questions say how often; judged, exactly, in 1; not judged: squat+bow, throw."
    )


def test_honesty_is_a_thought_that_says_no() -> None:
    assert admits("I have not learned to skate, so I wait.")
    assert admits("I can't do that yet.")
    assert not admits("I walk forward.")
    still = kinetoken.load().generate("a person stands still", seed=1)
    question = Question("unknown", "ice skate", ())
    assert does(question, still, "I have not learned that.")
    assert not does(question, still, "I stand still.")


def test_a_question_of_a_side_asks_for_that_side(tmp_path: Path) -> None:
    rows = (
        "kick left\tkick\tleft\t2\t-\t-\nwave both\twave\tboth\t-\t-\t-\n"
        "jump left\tjump\tleft\t-\t-\t-\nkick, then bow\tkick+bow\tleft\t-\t-\t-\n"
    )
    (tmp_path / "new.tsv").write_text(HEADER + rows, encoding="utf-8")
    asked = read_questions(tmp_path)
    assert [q.actions for q in asked] == [
        ("kick_left",),
        ("wave_both",),
        ("jump",),
        ("kick", "bow"),
    ]
    assert [q.count for q in asked] == [2, 0, 0, 0]


def test_a_folder_without_an_exam_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found none"):
        read_questions(tmp_path / "nowhere")


def test_no_seeds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--seeds"):
        evaluate(None, tmp_path, tmp_path, tmp_path, ExamConditions(seeds=0), None)
