"""Plain ONNX through optimum: the logits of the source, from a cache that grows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
pytest.importorskip("optimum.exporters.onnx", reason="needs the [portable] extra: optimum-onnx")

from kinetoken.base.errors import InputError
from kinetoken.engines.onnx.portable import PortableLanguageModel
from kinetoken_export.checkpoint.motion_tokens import read_vocabulary
from kinetoken_export.checkpoint.reference_model import ReferenceModel
from kinetoken_export.checkpoint.tensors import Checkpoint, Float32Array
from kinetoken_export.onnx.portable import PORTABLE_PRECISIONS, export_portable
from tiny_checkpoint import build_checkpoint

PROMPT = [5, 77, 300, 41, 130, 9]


@pytest.fixture(scope="module", params=["tied", "untied", "vision"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints of three kinds, their vocabulary padded."""
    kind = "qwen2_5_vl" if request.param == "vision" else "qwen2"
    return build_checkpoint(
        tmp_path_factory.mktemp(request.param),
        kind,
        tied=request.param != "untied",
        padded=7,
        dtype="float32",
    )


@pytest.mark.parametrize("precision", PORTABLE_PRECISIONS)
def test_the_logits_are_those_of_the_source(folder: Path, precision: str, tmp_path: Path) -> None:
    source = Checkpoint(folder)
    ids = [*PROMPT, *(first for first, _ in read_vocabulary(folder).motion.levels)]
    expected = ReferenceModel(source).logits([ids])[0][len(PROMPT) - 1 :]
    info = export_portable(source, precision, tmp_path)
    model = PortableLanguageModel(tmp_path / info.file, info, 1)
    run, everything = model.start(), (range(info.vocab_size),)
    got = np.stack(
        [
            run.push(PROMPT, everything).copy(),
            *(run.push([i], everything).copy() for i in ids[len(PROMPT) :]),
        ]
    )
    worst = {"fp32": 1e-4, "fp16": 3e-2, "int8": 0.5}[precision]
    assert np.abs(got - expected).max() < worst
    assert run.length == len(ids)
    graph = onnx.load(tmp_path / info.file, load_external_data=False)
    assert {node.domain for node in graph.graph.node} <= {"", "ai.onnx"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lm.data", "lm.onnx"]


def test_a_tied_embedding_lies_there_once(tmp_path: Path) -> None:
    sizes = {}
    for tied in (True, False):
        source = build_checkpoint(tmp_path / f"source{tied}", layers=1, tied=tied, dtype="float32")
        out = tmp_path / f"out{tied}"
        out.mkdir()
        export_portable(Checkpoint(source), "fp32", out)
        sizes[tied] = (out / "lm.data").stat().st_size
    shape = Checkpoint(tmp_path / "sourceTrue").shape
    assert sizes[False] - sizes[True] == pytest.approx(
        4 * shape.vocab_size * shape.hidden, abs=4096
    )


class Loud(Checkpoint):
    """Activations beyond what half precision can square, as trained models have them."""

    def rows(self, name: str, start: int, stop: int) -> Float32Array:
        values = super().rows(name, start, stop)
        if name == self.architecture.embedding:
            values[:, 7] = 3000.0
        return values

    def tensor(self, name: str) -> Float32Array:
        return (
            self.rows(name, 0, self.dims(name)[0])
            if name == self.architecture.embedding
            else super().tensor(name)
        )


def test_half_precision_survives_large_activations(tmp_path: Path) -> None:
    source = Loud(build_checkpoint(tmp_path / "source", tied=False, dtype="float32"))
    expected = ReferenceModel(source).logits([PROMPT])[0][-1]
    out = tmp_path / "out"
    out.mkdir()
    info = export_portable(source, "fp16", out)
    got = (
        PortableLanguageModel(out / info.file, info, 1)
        .start()
        .push(PROMPT, (range(info.vocab_size),))
    )
    assert np.abs(got - expected).max() < 0.05


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_late_positions_stay_exact(tmp_path: Path, precision: str) -> None:
    """Half precision cannot count above 2048: positions stay out of it."""
    source = Checkpoint(build_checkpoint(tmp_path / "source", context=4096, dtype="float32"))
    ids = np.random.default_rng(0).integers(0, 400, 3000).tolist()
    expected = ReferenceModel(source).logits([ids])[0][-1]
    out = tmp_path / "out"
    out.mkdir()
    info = export_portable(source, precision, out)
    got = (
        PortableLanguageModel(out / info.file, info, 1).start().push(ids, (range(info.vocab_size),))
    )
    assert np.abs(got - expected).max() < (1e-4 if precision == "fp32" else 0.08)


def test_a_context_that_the_model_does_not_know(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a context of 1 to 512 tokens, got 600"):
        export_portable(Checkpoint(folder), "fp32", tmp_path, context=600)
