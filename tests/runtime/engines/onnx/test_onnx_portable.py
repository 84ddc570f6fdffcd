"""The portable graph's run, on a model small enough to compute by hand: what it is fed, and that its cache grows."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from kinetoken.base.errors import EngineError
from kinetoken.engines.onnx.heads import head_slices
from kinetoken.engines.onnx.portable import PortableLanguageModel
from kinetoken.manifest.schema import LanguageModelInfo

VOCAB, WIDTH, CONTEXT = 40, 8, 64
INFO = LanguageModelInfo(
    "onnx", "lm.onnx", "qwen2", 1, 1, WIDTH, VOCAB, CONTEXT, "fp32", graph="portable"
)
TABLE = np.random.default_rng(0).normal(size=(VOCAB, WIDTH)).astype(np.float32)
TOKENS = [5, 17, 30, 3, 8, 21]


def expected(ids: list[int]) -> NDArray[np.float32]:
    """Each token's row times its position, all summed, times the length, against every row."""
    memory = (TABLE[ids] * np.arange(1, len(ids) + 1)[:, None]).sum(0) * len(ids)
    return memory @ TABLE.T


def build(path: Path, kind: int) -> Path:
    """That model as a graph with the inputs and outputs of a portable one."""
    half = kind == TensorProto.FLOAT16
    table = numpy_helper.from_array(TABLE.astype(np.float16 if half else np.float32), "table")
    one = numpy_helper.from_array(np.array([1], np.int64), "one")
    node, value = helper.make_node, helper.make_tensor_value_info
    nodes = [
        node("Gather", ["table", "input_ids"], ["rows"]),
        node("Add", ["position_ids", "one"], ["order"]),
        node("Cast", ["order"], ["weights"], to=kind),
        node("Unsqueeze", ["weights", "minus"], ["each"]),
        node("Mul", ["rows", "each"], ["weighed"]),
        node("Unsqueeze", ["weighed", "one"], ["key"]),
        node("Concat", ["past_key_values.0.key", "key"], ["present.0.key"], axis=2),
        node("Concat", ["past_key_values.0.value", "key"], ["present.0.value"], axis=2),
        node("ReduceSum", ["present.0.key", "two"], ["memory"], keepdims=0),
        node("ReduceSum", ["attention_mask"], ["length"], keepdims=0),
        node("Cast", ["length"], ["count"], to=kind),
        node("Mul", ["memory", "count"], ["scaled"]),
        node("Transpose", ["table"], ["turned"]),
        node("MatMul", ["scaled", "turned"], ["logits"]),
    ]
    cache = [f"{part}" for part in ("key", "value")]
    inputs = [
        value(n, TensorProto.INT64, (1, None))
        for n in ("input_ids", "attention_mask", "position_ids")
    ]
    inputs += [value(f"past_key_values.0.{n}", kind, (1, 1, None, WIDTH)) for n in cache]
    outputs = [value("logits", kind, (1, 1, VOCAB))]
    outputs += [value(f"present.0.{n}", kind, (1, 1, None, WIDTH)) for n in cache]
    axes = [
        numpy_helper.from_array(np.array([n], np.int64), name)
        for name, n in (("minus", -1), ("two", 2))
    ]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [table, one, *axes])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path
    )
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> PortableLanguageModel:
    path = build(tmp_path_factory.mktemp("portable") / "lm.onnx", TensorProto.FLOAT)
    return PortableLanguageModel(path, INFO, 1)


@pytest.mark.parametrize("cuts", [[6], [1, 5], [1] * 6, [2, 3, 1]])
def test_every_cutting_of_the_tokens_gives_the_same_logits(
    model: PortableLanguageModel, cuts: list[int]
) -> None:
    run, at = model.start(), 0
    for size in cuts:
        logits = run.push(TOKENS[at : at + size], (range(VOCAB),))
        at += size
    assert run.length == len(TOKENS)
    np.testing.assert_allclose(logits, expected(TOKENS), rtol=1e-4, atol=1e-3)


def test_a_run_goes_back_and_its_state_goes_to_another(model: PortableLanguageModel) -> None:
    every = (range(VOCAB),)
    run, twin = model.start(), model.start()
    run.push(TOKENS[:4], every)
    state = run.state()
    run.push([1, 2, 3], every)
    run.rewind(4)
    twin.push([7, 8], every)
    twin.restore(state)
    for each in (run, twin):
        assert each.length == 4
        np.testing.assert_allclose(
            each.push(TOKENS[4:], every), expected(TOKENS), rtol=1e-4, atol=1e-3
        )
    for bad in (b"", state[:-1], state + b"x", state.replace(b"portable", b"fused")):
        with pytest.raises(EngineError, match="make it again"):
            twin.restore(bad)
        assert twin.length == 0


def test_runs_that_overlap_do_not_mix(model: PortableLanguageModel) -> None:
    one, two = model.start(), model.start()
    for index, token in enumerate(TOKENS):
        logits = one.push([token], (range(VOCAB),)).copy()
        two.push([token + 1], (range(VOCAB),))
        np.testing.assert_allclose(logits, expected(TOKENS[: index + 1]), rtol=1e-4, atol=1e-3)


def test_only_the_allowed_logits_come(model: PortableLanguageModel) -> None:
    some = model.start().push(TOKENS, (range(3, 6), range(20, 30)))
    np.testing.assert_allclose(
        some, np.r_[expected(TOKENS)[3:6], expected(TOKENS)[20:30]], rtol=1e-4, atol=1e-3
    )


def test_a_cache_in_half_precision(tmp_path: Path) -> None:
    model = PortableLanguageModel(build(tmp_path / "lm.onnx", TensorProto.FLOAT16), INFO, 1)
    logits = model.start().push(TOKENS, (range(VOCAB),))
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, expected(TOKENS), rtol=2e-2, atol=2.0)


def test_a_full_context_is_refused(model: PortableLanguageModel) -> None:
    run = model.start()
    run.push([1] * CONTEXT, (range(VOCAB),))
    with pytest.raises(EngineError, match="64 tokens in the context, got 65"):
        run.push([1], (range(VOCAB),))
    with pytest.raises(EngineError, match="got 0"):
        model.start().push([], (range(VOCAB),))


def test_an_id_that_the_graph_does_not_have_is_one_line(model: PortableLanguageModel) -> None:
    with pytest.raises(EngineError, match="failed in the language model") as caught:
        model.start().push([VOCAB], (range(VOCAB),))
    assert "\n" not in str(caught.value)


def test_a_graph_of_another_kind(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="does not match a portable graph"):
        PortableLanguageModel(tiny / "lm.onnx", INFO, 1)
    path = build(tmp_path / "lm.onnx", TensorProto.FLOAT)
    with pytest.raises(EngineError, match="2 layers"):
        PortableLanguageModel(path, dataclasses.replace(INFO, layers=2), 1)
    with pytest.raises(EngineError, match="logits of 41 ids"):
        PortableLanguageModel(path, dataclasses.replace(INFO, vocab_size=41), 1)


HEADS = ((50, 61), (61, 70), (0, 50), (7, 8), (70, 73))


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        ((range(52, 61),), [(0, 2, 11)]),
        ((range(7, 8),), [(3, 0, 1)]),
        ((range(5, 9),), [(2, 5, 9)]),
        ((range(50, 51), range(52, 61)), [(0, 0, 1), (0, 2, 11)]),
        ((range(50), range(51, 52)), [(2, 0, 50), (0, 1, 2)]),
        ((range(73),), [(2, 0, 50), (0, 0, 11), (1, 0, 9), (4, 0, 3)]),
    ],
)
def test_the_narrowest_head_that_covers_what_is_allowed(
    allowed: tuple[range, ...], expected: list[tuple[int, int, int]]
) -> None:
    assert [
        (index, part.start, part.stop) for index, part in head_slices(HEADS, allowed)
    ] == expected
