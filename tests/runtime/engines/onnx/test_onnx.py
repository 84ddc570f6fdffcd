"""The language model through ONNX Runtime: the cache stays in place, runs do not mix, failures are one line."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kinetoken.base.errors import EngineError
from kinetoken.engines.onnx import session as backend
from kinetoken.engines.onnx.model import OnnxLanguageModel
from kinetoken.engines.onnx.session import OnnxSession
from kinetoken.manifest.manifest_file import read_manifest
from kinetoken.manifest.schema import HeadInfo, Manifest

ALL = (range(300),)
TOKENS = [5, 17, 200, 3, 88, 41]


@pytest.fixture(scope="module")
def manifest(tiny: Path) -> Manifest:
    return read_manifest(tiny)


@pytest.fixture(scope="module")
def model(tiny: Path, manifest: Manifest) -> OnnxLanguageModel:
    return OnnxLanguageModel(tiny / "lm.onnx", manifest.language_model, 1)


@pytest.mark.parametrize("cuts", [[6], [1, 5], [1] * 6, [2, 3, 1], [5, 1]])
def test_every_cutting_of_the_tokens_gives_the_same_logits(
    model: OnnxLanguageModel, cuts: list[int]
) -> None:
    whole = model.start().push(TOKENS, ALL).copy()
    run, at = model.start(), 0
    for size in cuts:
        logits = run.push(TOKENS[at : at + size], ALL)
        at += size
    assert run.length == len(TOKENS)
    assert whole.std() > 0.1
    np.testing.assert_allclose(logits, whole, atol=1e-4)


def test_the_cache_is_written_in_place_row_by_row(model: OnnxLanguageModel) -> None:
    run = model.start()
    addresses = [array.ctypes.data for array in run.cache]
    for array in run.cache:
        array[:] = 7.25  # a mark that a copy or a cleared buffer would lose
    run.push(TOKENS[:3], ALL)
    before = [array.copy() for array in run.cache]
    run.push(TOKENS[3:4], ALL)
    for array, old in zip(run.cache, before, strict=True):
        assert (array[:, :, :4] != 7.25).all()
        np.testing.assert_array_equal(array[:, :, :3], old[:, :, :3])
        assert (array[:, :, 4:] == 7.25).all()
    assert [array.ctypes.data for array in run.cache] == addresses
    assert [value.data_ptr() for value in run._values] == addresses


def test_outputs_are_bound_to_the_arrays_that_are_read(model: OnnxLanguageModel) -> None:
    """The engine hands back the very buffers: no output is allocated per token."""
    run = model.start()
    first = run.push([1], ALL)
    outputs = run._binding.get_outputs()
    bound = [*run.cache, run._row.array]
    assert {value.data_ptr() for value in outputs} == {array.ctypes.data for array in bound}
    assert np.shares_memory(first, run._row.array)


@pytest.mark.skipif(
    not os.path.exists("/proc/self/statm"), reason="resident memory is read from /proc"
)
def test_memory_stays_flat(model: OnnxLanguageModel) -> None:
    run = model.start()
    for token in range(50):
        run.push([token], ALL)
    before = resident()
    for token in range(400):
        run.push([token % 300], ALL)
    assert (
        resident() - before < 2_000_000
    )  # bytes; the cache alone, copied once a token, would be 100 MB


def resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as stream:
        return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_runs_that_overlap_do_not_mix(model: OnnxLanguageModel) -> None:
    alone = [model.start().push(TOKENS[: i + 1], ALL).copy() for i in range(6)]
    one, two = model.start(), model.start()
    for index, token in enumerate(TOKENS):
        logits = one.push([token], ALL).copy()
        two.push([token + 1], ALL)
        np.testing.assert_allclose(logits, alone[index], atol=1e-4)


def test_only_the_allowed_logits_come(model: OnnxLanguageModel) -> None:
    full = model.start().push(TOKENS, (range(388),)).copy()
    some = model.start().push(TOKENS, (range(3, 6), range(320, 330)))
    np.testing.assert_array_equal(some, np.concatenate([full[3:6], full[320:330]]))


def test_a_full_context_is_refused_before_it_is_overrun(model: OnnxLanguageModel) -> None:
    run = model.start()
    run.push([1] * 512, ALL)
    with pytest.raises(EngineError, match="512 tokens"):
        run.push([1], ALL)
    with pytest.raises(EngineError, match="got 0"):
        model.start().push([], ALL)


def test_a_file_that_is_no_graph(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"not a graph")
    with pytest.raises(EngineError, match="cannot load") as caught:
        OnnxSession(tmp_path / "x.onnx")
    assert "\n" not in str(caught.value)


def test_a_graph_of_another_kind(tiny: Path, manifest: Manifest) -> None:
    with pytest.raises(EngineError, match="one input"):
        OnnxSession(tiny / "lm.onnx", 1)
    with pytest.raises(EngineError, match="does not match"):
        OnnxLanguageModel(tiny / "decoder.onnx", manifest.language_model, 1)
    deeper = dataclasses.replace(manifest.language_model, layers=3)
    with pytest.raises(EngineError, match="3 layers"):
        OnnxLanguageModel(tiny / "lm.onnx", deeper, 1)
    wider = dataclasses.replace(manifest.language_model, vocab_size=9999)
    with pytest.raises(EngineError, match="expected logits of 9999 ids"):
        OnnxLanguageModel(tiny / "lm.onnx", wider, 1)
    headed = dataclasses.replace(manifest.language_model, heads=(HeadInfo("head.onnx", (0, 388)),))
    with pytest.raises(EngineError, match="'logits' does not match the manifest's 1 heads"):
        OnnxLanguageModel(tiny / "lm.onnx", headed, 1)


def test_a_manifest_with_other_shapes_fails_in_one_line(tiny: Path, manifest: Manifest) -> None:
    wider = dataclasses.replace(manifest.language_model, head_dim=8)
    with pytest.raises(EngineError) as caught:
        OnnxLanguageModel(tiny / "lm.onnx", wider, 1).start().push([1], ALL)
    assert "\n" not in str(caught.value)


def test_two_engines_in_one_place_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"onnxruntime", "onnxruntime-gpu"}

    def version(name: str) -> str:
        if name not in installed:
            raise backend.metadata.PackageNotFoundError(name)
        return "1.31"

    monkeypatch.setattr(backend.metadata, "version", version)
    with pytest.warns(RuntimeWarning, match="both installed"):
        backend.warn_of_two_packages()
    installed.remove("onnxruntime")
    backend.warn_of_two_packages()


def test_nothing_is_told_to_the_engines_maker(tiny: Path, tmp_path: Path) -> None:
    """Its telemetry keeps an id in the user's folders; where it is on, that is made when the library loads."""
    code = f"import kinetoken; kinetoken.load({str(tiny)!r}).generate('walk', seconds=0.4, seed=1)"
    ours = {
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    subprocess.run(
        [sys.executable, "-c", code], check=True, env=ours, timeout=120
    )  # without CI's variables, which switch it off
    assert not [
        path
        for path in tmp_path.rglob("*")
        if "onnxruntime" in path.name or "deviceid" in path.name
    ]
