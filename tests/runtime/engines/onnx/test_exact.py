"""--exact: sums that no order changes, and the same tokens on every machine."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kinetoken
from batch_runs import Run
from kinetoken.engines.onnx.exact.arithmetic import (
    ExactMatrix,
    exponential,
    gelu,
    mean_square,
    rms_norm,
    sigmoid,
    sum_of_shares,
    tanh,
)
from kinetoken.engines.onnx.exact.model import ExactLanguageModel
from kinetoken.engines.onnx.model import OnnxLanguageModel
from kinetoken.manifest.manifest_file import read_manifest

WIDTHS = st.integers(1, 700)
SEEDS = st.integers(0, 2**32)
DEMO_PROMPT = "a person walks forward, then waves with the right hand"
DEMO_DIGEST = "eb665a10d4c41ded6793875cd09bea8efa98b39221c287f571ace21e5a89b112"
"""sha256 of the codes of the demo's answer; measured on x86-64, that of the weights before on aarch64
too, see docs/same-seed.md."""


def numbers(seed: int, *shape: int) -> np.ndarray:
    """Numbers of very different size, some of them 0."""
    rng = np.random.default_rng(seed)
    size = np.exp2(rng.integers(-12, 12, shape))
    return rng.standard_normal(shape) * size * (rng.random(shape) > 0.1)


@given(SEEDS, WIDTHS)
def test_a_product_does_not_depend_on_the_order_of_its_sums(seed: int, width: int) -> None:
    weights, x = numbers(seed, 9, width), numbers(seed + 1, 1, width)
    out = ExactMatrix(weights).times(x)
    order = np.random.default_rng(seed).permutation(width)
    np.testing.assert_array_equal(ExactMatrix(weights[:, order]).times(x[:, order]), out)


@given(SEEDS, WIDTHS)
def test_a_product_is_that_of_rational_numbers(seed: int, width: int) -> None:
    weights, x = numbers(seed, 3, width), numbers(seed + 1, 2, width)
    true = [[math.fsum(row * other) for row in weights] for other in x]
    largest = np.abs(x).max(-1)[:, None] * np.abs(weights).max(-1)
    error = np.abs(ExactMatrix(weights).times(x) - np.array(true))
    assert (error <= width * largest * 2.0**-19).all()


@given(SEEDS, st.integers(1, 5))
def test_a_row_does_not_depend_on_those_beside_it(seed: int, rows: int) -> None:
    matrix, x = ExactMatrix(numbers(seed, 7, 64)), numbers(seed + 1, rows, 64)
    alone = np.concatenate([matrix.times(row[None]) for row in x])
    np.testing.assert_array_equal(matrix.times(x), alone)


@given(SEEDS, WIDTHS)
def test_other_sums_do_not_depend_on_their_order(seed: int, width: int) -> None:
    x = numbers(seed, 1, width)
    order = np.random.default_rng(seed).permutation(width)
    assert mean_square(x) == mean_square(x[:, order])
    shares = np.abs(x) / max(np.abs(x).max(), 1e-300)
    assert sum_of_shares(shares) == sum_of_shares(shares[:, order])
    assert sum_of_shares(shares)[0, 0] == pytest.approx(math.fsum(shares[0]), abs=1e-9)


def test_functions_are_those_of_the_c_library_to_ten_digits() -> None:
    x = np.linspace(-40, 40, 20001)
    below = np.minimum(x, 0.0)
    np.testing.assert_allclose(exponential(below), np.exp(below), rtol=1e-10)
    assert exponential(np.array([-800.0, -np.inf])).tolist() == [0.0, 0.0]
    np.testing.assert_allclose(sigmoid(x), 1 / (1 + np.exp(-x)), rtol=1e-10)
    np.testing.assert_allclose(tanh(x), np.tanh(x), rtol=1e-10, atol=1e-11)
    true = [0.5 * v * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))) for v in x]
    np.testing.assert_allclose(gelu(x), true, rtol=1e-9, atol=1e-9)
    row = numbers(3, 1, 256)
    true_norm = row / np.sqrt((row**2).mean() + 1e-6)
    np.testing.assert_allclose(rms_norm(row, np.ones(256), 1e-6), true_norm, rtol=1e-7, atol=1e-12)


def test_the_logits_are_those_of_onnx_runtime(tiny: Path) -> None:
    info = read_manifest(tiny).language_model
    exact = ExactLanguageModel(tiny / info.file, info).start()
    other = OnnxLanguageModel(tiny / info.file, info, 1).start()
    everything = (range(info.vocab_size),)
    ids = np.random.default_rng(0).integers(0, info.vocab_size, 40).tolist()
    for part in (ids[:20], ids[20:21], ids[21:]):
        wanted = np.array(other.push(part, everything))
        got = exact.push(part, everything)
        np.testing.assert_allclose(got, wanted, atol=2e-4 * np.abs(wanted).max())


def test_tokens_one_by_one_or_at_once_after_a_rewind_or_from_a_state(tiny: Path) -> None:
    info = read_manifest(tiny).language_model
    model = ExactLanguageModel(tiny / info.file, info)
    everything, ids = (range(info.vocab_size),), list(range(3, 33))
    whole = model.start().push(ids, everything)
    steps = model.start()
    for token in ids:
        logits = steps.push([token], everything)
    np.testing.assert_array_equal(logits, whole)
    steps.rewind(10)
    np.testing.assert_array_equal(steps.push(ids[10:], everything), whole)
    steps.rewind(20)
    again = model.start()
    again.restore(steps.state())
    np.testing.assert_array_equal(again.push(ids[20:], everything), whole)
    with pytest.raises(kinetoken.EngineError, match="damaged or of another model"):
        again.restore(OnnxLanguageModel(tiny / info.file, info, 1).start().state())


def test_the_same_codes_on_every_machine() -> None:
    """Run on each processor, Python, numpy and ONNX Runtime: the digest is one for all."""
    generator = kinetoken.load(exact=True)
    clip = generator.generate(DEMO_PROMPT, seed=7, seconds=4)
    assert clip.codes is not None
    digest = hashlib.sha256(clip.codes.astype("<i4").tobytes()).hexdigest()
    assert digest == DEMO_DIGEST
    assert clip.meta["engine"] == "exact 1"


def test_a_clip_says_what_made_it(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "a.npz"
    assert run("generate", "walk", "--seed", 1, "-o", out, "--json")[0] == 0
    meta = kinetoken.Clip.load(out).meta
    assert meta["engine"].startswith("onnxruntime 1.")
    assert meta["processor"]
    code, report, _ = run("generate", "walk", "--seed", 1, "--exact", "-o", out, "--json")
    assert (code, json.loads(report)["seed"]) == (0, 1)
    assert kinetoken.Clip.load(out).meta["engine"] == "exact 1"


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("graph", "portable", "exact: expected a fused graph, got a portable one"),
        (
            "backend",
            "llamacpp",
            "exact is an option of onnx, and this bundle runs on llamacpp; leave it out",
        ),
    ],
)
def test_what_cannot_be_exact_is_refused(own_tiny: Path, key: str, value: str, line: str) -> None:
    path = own_tiny / "bundle.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["language_model"] |= {key: value, "heads": []}
    path.write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(kinetoken.InputError, match=line):
        kinetoken.load(own_tiny, exact=True)


def test_a_server_is_not_exact() -> None:
    with pytest.raises(
        kinetoken.InputError, match="exact is an option of onnx, and a server answers"
    ):
        kinetoken.load(exact=True, engine="http://127.0.0.1:1")
