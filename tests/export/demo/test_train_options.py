"""Options of `kinetoken train-demo` reach the training's plan, and wrong ones are refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")

from kinetoken.cli.main import main
from kinetoken_export.demo.training import train_lm
from kinetoken_export.demo.training.codec import train_codec


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The plans that trainings are called with; nothing is trained."""
    found: list[Any] = []

    def note(*given: Any) -> None:
        found.extend(one for one in given if type(one).__name__.endswith("Training"))

    monkeypatch.setattr(train_lm, "train_lm", note)
    monkeypatch.setattr(train_codec, "train_codec", note)
    monkeypatch.setattr("kinetoken_export.demo.data.clips.load_clips", lambda work: {})
    monkeypatch.setattr("kinetoken_export.demo.data.windows.action_windows", lambda clips: [])
    return found


def test_options_reach_the_plan(plans: list[Any], tmp_path: Path) -> None:
    work = ["--work", str(tmp_path)]
    codec = ["train-codec", "--decoder-only", "--minutes", "2", "--workers", "3", *work]
    assert main(["train-demo", *codec]) == 0
    assert main(["train-demo", "train-lm", "--words-only", "0.25", "--steps", "7", *work]) == 0
    assert main(["train-demo", "train-lm", *work]) == 0
    first, second, third = plans
    assert (first.decoder_only, first.minutes, first.workers) == (True, 2, 3)
    assert (second.shares.words_only, second.steps) == (0.25, 7)
    assert third == train_lm.LmTraining()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--workers", "-1"], "--workers: expected 0 or more, got -1"),
        (["--words-only", "2"], "--words-only: expected a share from 0 to 1, got 2"),
        (["--minutes", "0.5"], "--minutes: expected 1 or more, got 0.5"),
        (["--device", "nonsense"], "--device: expected a device that PyTorch has here"),
        (["--device", "meta"], "--device: expected a device that PyTorch has here"),
    ],
)
def test_wrong_options_are_refused(
    plans: list[Any],
    options: list[str],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train-demo", "train-lm", "--work", str(tmp_path), *options]) != 0
    assert said in capsys.readouterr().err
    assert not plans


def test_an_encoder_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    step = ["train-demo", "train-teacher", str(tmp_path)]
    assert main([*step, "-o", str(tmp_path)]) != 0
    assert "-o: expected a folder other than the encoder's own" in capsys.readouterr().err
    pytest.importorskip("transformers", reason="needs transformers")
    assert main([*step, "-o", str(tmp_path / "out")]) != 0
    assert "SOURCE: expected the folder of a sentence encoder" in capsys.readouterr().err
