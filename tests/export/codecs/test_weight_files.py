"""Weights as training scripts leave them: among optimizers, averages, options and numbers."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason='reading a codec needs torch: pip install ".[export]"')

from codec_states import residual_state, write_statistics
from kinetoken.base.errors import FormatError
from kinetoken_export.codecs.files import open_codec_files
from kinetoken_export.codecs.reader import read_codec

STATE = residual_state(2, 9)
DOUBLED = {name: 2 * value for name, value in STATE.items()}
OPTIMIZER = {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 1e-3}]}
WHOLE: dict[str, Any] = {
    "alone": STATE,
    "model_state_dict": {"model_state_dict": STATE, "optimizer_state_dict": OPTIMIZER, "epoch": 3},
    "a model and its average": {"model": STATE, "ema": DOUBLED, "optimizer": OPTIMIZER},
    "an average alone": {"ema_state_dict": STATE, "optimizer": OPTIMIZER},
    "ema_pytorch": {
        "ema": {f"ema_model.{k}": v for k, v in STATE.items()}
        | {f"online_model.{k}": v for k, v in DOUBLED.items()}
        | {"initted": torch.tensor(True), "step": torch.tensor(5)}
    },
    "wrapped twice": {"state_dict": {"model": STATE}, "lr_schedulers": []},
    "options and numbers": {
        "net": STATE,
        "args": argparse.Namespace(width=8, out=Path("runs")),
        "best": np.float64(0.5),
    },
}


@pytest.mark.parametrize("suffix", [".pth", ".bin", ".ckpt"])
@pytest.mark.parametrize("label", WHOLE)
def test_the_models_weights_are_found(label: str, suffix: str, tmp_path: Path) -> None:
    write_statistics(tmp_path)
    torch.save(WHOLE[label], tmp_path / f"model{suffix}")
    found = open_codec_files(tmp_path)
    assert found.state.keys() == STATE.keys()
    for name, value in STATE.items():
        torch.testing.assert_close(found.state[name], value.float())
    assert read_codec(tmp_path).codebooks.shape[:2] == (2, 9)


def test_an_average_that_is_left_is_named(tmp_path: Path) -> None:
    write_statistics(tmp_path)
    torch.save(WHOLE["a model and its average"], tmp_path / "model.pth")
    assert read_codec(tmp_path).notes[0] == "model.pth: weights 'model' taken, 'ema' left"


def test_options_that_lie_in_the_file_are_read(tmp_path: Path) -> None:
    torch.save(WHOLE["options and numbers"], tmp_path / "model.pth")
    assert open_codec_files(tmp_path).settings["width"] == 8


class Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("this_ran",)


def test_a_pickle_that_runs_code_is_refused_unrun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"model": STATE, "more": Runs()}, tmp_path / "model.pth")
    with pytest.raises(FormatError, match="run code"):
        open_codec_files(tmp_path)
    assert not (tmp_path / "this_ran").exists()
