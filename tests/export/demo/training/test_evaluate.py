"""The report of the examination."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")

import kinetoken
from kinetoken.base.errors import InputError
from kinetoken_export.demo.data.judges import obeys
from kinetoken_export.demo.training import evaluate as module
from kinetoken_export.demo.training.evaluate import ExamConditions, evaluate


def test_the_report_counts_what_the_judges_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    exam = {
        "jump": ("a tall man jumps up",),
        "dance": ("a tall man dances", "please dance to the music for me"),
    }
    monkeypatch.setattr(module, "FIRST_EXAM", exam)
    evaluate(None, tmp_path, tmp_path, ExamConditions(seeds=2), tmp_path / "out" / "report")
    record = json.loads((tmp_path / "out" / "report.json").read_text())
    answers = record["answers"]
    assert [(a["action"], a["seed"]) for a in answers] == [
        ("jump", 0),
        ("jump", 1),
        *[("dance", s) for s in (0, 1, 0, 1)],
    ]
    again = kinetoken.load().generate(answers[0]["prompt"], seed=0, temperature=0.5)
    assert answers[0]["passed"] == obeys("jump", again.joints)
    passed = sum(a["passed"] for a in answers)
    said = capsys.readouterr().out
    assert f"| **all** | **{passed}** | **6** |" in said
    assert (tmp_path / "out" / "report.md").read_text().strip() == said.strip()


def test_no_seeds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--seeds"):
        evaluate(None, tmp_path, tmp_path, ExamConditions(seeds=0), None)
