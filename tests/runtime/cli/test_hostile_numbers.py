"""Statistics, codebooks and decoders of NaN or 3e38: one line, and no such number in any file."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import kinetoken
from batch_runs import Run
from endless_graph import put_file
from kinetoken.manifest.manifest_file import read_manifest

ASKED = ("a person waves", "--seed", 5, "--seconds", 4)


def _put_array(bundle: Path, name: str, change: Callable[[np.ndarray], None]) -> None:
    array = np.load(bundle / name)
    change(array)
    data = io.BytesIO()
    np.save(data, array)
    put_file(bundle, name, data.getvalue())


def _huge_std(bundle: Path) -> None:
    _put_array(bundle, read_manifest(bundle).codec.std, lambda std: std.fill(3e38))


def _huge_codebooks(bundle: Path) -> None:
    _put_array(bundle, read_manifest(bundle).codec.codebooks, lambda table: table.fill(1e38))


def _decoder_of(value: float) -> Callable[[Path], None]:
    """A decoder that adds a number to all that it gives."""

    def put(bundle: Path) -> None:
        name = read_manifest(bundle).codec.decoder
        model = onnx.load(bundle / name)
        model.graph.node[-1].output[0] = "before"
        model.graph.node.append(helper.make_node("Add", ["before", "more"], ["features"]))
        more = numpy_helper.from_array(np.array(value, np.float32), "more")
        model.graph.initializer.append(more)
        assert model.graph.output[0].type.tensor_type.elem_type == TensorProto.FLOAT
        put_file(bundle, name, model.SerializeToString())

    return put


HOSTILE = {
    "std": _huge_std,
    "codebooks": _huge_codebooks,
    "NaN": _decoder_of(np.nan),
    "infinite": _decoder_of(np.inf),
    "large": _decoder_of(1e30),
    "apart": _decoder_of(2e4),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_such_number_reaches_a_file(kind: str, own_tiny: Path, tmp_path: Path, run: Run) -> None:
    HOSTILE[kind](own_tiny)
    out = tmp_path / "walk.npz"
    code, told, error = run("generate", *ASKED, "--bundle", own_tiny, "-o", out)
    assert code == 6, told
    assert error.count("\n") == 1, error
    assert "the decoder gives no body at frame 0" in error
    assert not out.exists()


def _late(bundle: Path) -> None:
    """A decoder that adds what it gets, and two codes whose latents are huge."""
    codec = read_manifest(bundle).codec
    _put_array(bundle, codec.codebooks, lambda table: table[0, -2:].fill(1e38))
    model = onnx.load(bundle / codec.decoder)
    model.graph.node[-1].output[0] = "before"
    model.graph.node.extend(
        [
            helper.make_node("ReduceMax", ["latents"], ["most"], axes=[0, 1, 2], keepdims=0),
            helper.make_node("Mul", ["most", "little"], ["less"]),
            helper.make_node("Add", ["before", "less"], ["features"]),
        ]
    )
    little = numpy_helper.from_array(np.array(1e-30, np.float32), "little")
    model.graph.initializer.append(little)
    put_file(bundle, codec.decoder, model.SerializeToString())


def test_what_came_before_stays(own_tiny: Path, tmp_path: Path, run: Run) -> None:
    _late(own_tiny)
    out = tmp_path / "walk.npz"
    code, _, error = run("generate", *ASKED, "--bundle", own_tiny, "-o", out)
    assert code == 6
    assert error.count("\n") == 1, error
    assert "so far are in" in error
    clip = kinetoken.Clip.load(out)
    assert 0 < len(clip) < 80
    assert np.isfinite(clip.joints).all()
    assert clip.codes is not None
    assert len(clip.codes) * 4 == len(clip)


@pytest.mark.parametrize("parallel", [1, 3])
def test_a_batch_goes_on_without_the_clips_that_are_none(
    parallel: int, own_tiny: Path, tmp_path: Path, run: Run
) -> None:
    _late(own_tiny)
    prompts, out = tmp_path / "prompts.txt", tmp_path / "out"
    prompts.write_text("".join(f"a person waves {n} times\n" for n in range(8)), encoding="utf-8")
    asked = ("--seed", 5, "--seconds", 1, "--parallel", parallel, "--json")
    code, told, _ = run("batch", prompts, "-o", out, "--bundle", own_tiny, *asked)
    rows = [json.loads(line) for line in (out / "report.jsonl").read_text("utf-8").splitlines()]
    wrong = [row for row in rows if "error" in row]
    clips = [kinetoken.Clip.load(path) for path in out.rglob("*.npz")]
    assert code == 3, told
    assert 0 < len(wrong) < 8
    assert len(wrong) + len(clips) == 8
    assert all("the decoder gives no body at frame" in row["error"] for row in wrong)
    assert all(np.isfinite(clip.joints).all() for clip in clips)
