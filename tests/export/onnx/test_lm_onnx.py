"""The fused graphs against the checkpoint in torch: the same logits, whatever the recipe, however the head is cut."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")

from kinetoken.base.errors import EngineError, InputError, OutputError
from kinetoken.engines.onnx.model import OnnxLanguageModel
from kinetoken.manifest.schema import LanguageModelInfo, MotionInfo
from kinetoken_export.checkpoint.motion_tokens import read_vocabulary
from kinetoken_export.checkpoint.reference_model import ReferenceModel
from kinetoken_export.checkpoint.tensors import Checkpoint, Float32Array, expected_tensors
from kinetoken_export.onnx.heads import head_ids
from kinetoken_export.onnx.language_model import DATA_FILE, export_language_model
from kinetoken_export.onnx.quantize import quantize
from kinetoken_export.onnx.recipes import ONNX_RECIPES, OnnxRecipe
from kinetoken_export.onnx.store import TensorFile
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
        layers=3,
        padded=7,
        dtype="float32",
    )


def export(folder: Path, recipe: str, out: Path, context: int | None = None) -> LanguageModelInfo:
    motion = read_vocabulary(folder).motion
    return export_language_model(
        Checkpoint(folder), ONNX_RECIPES[recipe], out, motion, context=context
    )


def opened(info: LanguageModelInfo, out: Path) -> OnnxLanguageModel:
    return OnnxLanguageModel(out / info.file, info, 1)


class OffsetNorms(Checkpoint):
    """The checkpoint as one of an architecture that adds a number to the gains of its norms."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.architecture = replace(self.architecture, norm_offset=0.5)


class Dequantized(Checkpoint):
    """The checkpoint with the weights that a recipe makes of it."""

    def __init__(self, folder: Path, recipe: OnnxRecipe, split: int) -> None:
        super().__init__(folder)
        self.recipe, self.split = recipe, split

    def tensor(self, name: str) -> Float32Array:
        return self.rows(name, 0, self.dims(name)[0])

    def rows(self, name: str, start: int, stop: int) -> Float32Array:
        if len(self.dims(name)) == 1:
            return super().tensor(name)
        values = super().rows(name, 0, self.dims(name)[0])
        if name in (self.architecture.embedding, self.architecture.head):
            parts = [
                (values[: self.split], self.recipe.text_bits),
                (values[self.split :], self.recipe.motion_bits),
            ]
            return np.concatenate([back(*part) for part in parts if len(part[0])])[start:stop]
        layer = int(name.split(".")[2])
        fine = self.recipe.fine(layer, self.shape.layers) and (
            "v_proj" in name or "down_proj" in name
        )
        return back(values, self.recipe.fine_bits if fine else self.recipe.linear_bits)[start:stop]


def back(values: Float32Array, bits: int | None) -> Float32Array:
    """Quantized and brought back."""
    assert bits in (4, 8)
    codes, scales = quantize(values, bits, 32)
    if bits == 4:
        codes = np.stack([codes & 15, codes >> 4], -1).reshape(*codes.shape[:-1], -1)
    return ((codes.astype(np.float32) - (1 << (bits - 1))) * scales[..., None]).reshape(
        values.shape
    )


def stepwise(model: OnnxLanguageModel, ids: list[int], prompt: int) -> Float32Array:
    """Logits of all ids after a prompt and after each further token."""
    run, everything = model.start(), (range(model.info.vocab_size),)
    first = run.push(ids[:prompt], everything).copy()
    return np.stack([first, *(run.push([i], everything).copy() for i in ids[prompt:])])


def answer(folder: Path) -> list[int]:
    """A prompt and some motion."""
    motion = read_vocabulary(folder).motion
    return [*PROMPT, motion.move_start, *(first + 3 for first, _ in motion.levels), motion.move_end]


def test_the_norms_of_another_architecture_are_read_from_its_entry(
    folder: Path, tmp_path: Path
) -> None:
    source, motion = OffsetNorms(folder), read_vocabulary(folder).motion
    expected = ReferenceModel(source).logits([answer(folder)])[0][len(PROMPT) - 1 :]
    info = export_language_model(source, ONNX_RECIPES["fp32"], tmp_path, motion)
    got = stepwise(opened(info, tmp_path), answer(folder), len(PROMPT))
    np.testing.assert_allclose(got, expected, atol=1e-4 * np.abs(expected).max())
    plain = ReferenceModel(Checkpoint(folder)).logits([answer(folder)])[0][len(PROMPT) - 1 :]
    assert np.abs(expected - plain).max() > 0.1


@pytest.mark.parametrize(("recipe", "worst"), [("fp32", 1e-4), ("fp16", 3e-2)])
def test_the_logits_are_those_of_the_source(
    folder: Path, recipe: str, worst: float, tmp_path: Path
) -> None:
    expected = ReferenceModel(Checkpoint(folder)).logits([answer(folder)])[0][len(PROMPT) - 1 :]
    model = opened(export(folder, recipe, tmp_path), tmp_path)
    assert expected.std() > 0.5
    assert np.abs(stepwise(model, answer(folder), len(PROMPT)) - expected).max() < worst
    whole = model.start().push(answer(folder), (range(model.info.vocab_size),))
    assert np.abs(whole - expected[-1]).max() < worst


@pytest.mark.parametrize("name", ["int8", "int4", "int4_mixed"])
def test_integers_are_the_weights_that_the_recipe_keeps(
    folder: Path, name: str, tmp_path: Path
) -> None:
    """Against the checkpoint with its weights rounded likewise: the graph itself adds nothing."""
    recipe = dataclasses.replace(ONNX_RECIPES[name], accuracy_level=1)  # activations not rounded
    motion = read_vocabulary(folder).motion
    source = Dequantized(folder, ONNX_RECIPES[name], motion.move_start)
    expected = ReferenceModel(source).logits([answer(folder)])[0][len(PROMPT) - 1 :]
    info = export_language_model(Checkpoint(folder), recipe, tmp_path, motion)
    got = stepwise(opened(info, tmp_path), answer(folder), len(PROMPT))
    assert np.abs(got - expected).max() < 1e-3


@pytest.mark.parametrize("recipe", ["int8", "int4", "int4_mixed", "int8_fp16", "int4_fp16"])
def test_rounded_activations_stay_close(folder: Path, recipe: str, tmp_path: Path) -> None:
    """With random weights every rounding shows; a wrong layout would leave no likeness at all."""
    expected = ReferenceModel(Checkpoint(folder)).logits([answer(folder)])[0][len(PROMPT) - 1 :]
    model = opened(export(folder, recipe, tmp_path), tmp_path)
    got = stepwise(model, answer(folder), len(PROMPT))
    likeness = np.corrcoef(got.ravel(), expected.ravel())[0, 1]
    assert likeness > (0.995 if recipe.startswith("int8") else 0.85)


def test_narrow_heads_give_what_all_heads_give(folder: Path, tmp_path: Path) -> None:
    motion = read_vocabulary(folder).motion
    model = opened(export(folder, "int4", tmp_path), tmp_path)
    whole = model.start().push(PROMPT, (range(model.info.vocab_size),)).copy()
    for allowed in (
        (range(*motion.levels[2]),),
        (range(motion.move_end, motion.levels[0][1]),),
        (range(motion.move_start, motion.move_end),),
        (range(3, 40), range(90, 91), range(motion.move_start, motion.move_end)),
        (range(motion.levels[0][0] + 3, motion.levels[1][0] + 2),),
    ):
        got = model.start().push(PROMPT, allowed)
        np.testing.assert_array_equal(
            got, np.concatenate([whole[ids.start : ids.stop] for ids in allowed])
        )


def test_inside_a_block_only_the_head_of_one_level_runs(folder: Path, tmp_path: Path) -> None:
    motion = read_vocabulary(folder).motion
    model = opened(export(folder, "int8", tmp_path), tmp_path)
    run = model.start()
    run.push([motion.move_start], (range(*motion.levels[0]),))
    run.push([motion.levels[0][0]], (range(*motion.levels[1]),))
    run.push([motion.levels[3][0]], (range(motion.move_end, motion.levels[0][1]),))
    assert {model.info.heads[i].file for i in run._heads} == {"head_0.onnx", "head_1.onnx"}
    assert run.push(
        [motion.move_end], (range(10), range(motion.move_start, motion.move_start + 1))
    ).shape == (11,)
    assert {model.info.heads[i].file for i in run._heads} == {
        "head_0.onnx",
        "head_1.onnx",
        "head_text.onnx",
    }


def test_weights_lie_once_in_one_file(folder: Path, tmp_path: Path) -> None:
    """Heads refer to the bytes that the body gathers, where the embedding is tied."""
    source = Checkpoint(folder)
    export(folder, "int8", tmp_path)
    matrices = {
        name: dims
        for name, dims in expected_tensors(source.architecture, source.shape)
        if len(dims) == 2
    }
    numbers = sum(rows * columns for rows, columns in matrices.values())
    size = (tmp_path / DATA_FILE).stat().st_size
    assert 1.125 * numbers < size < 1.125 * numbers + 400_000  # tables of positions, boundaries
    assert all(path.stat().st_size < 100_000 for path in tmp_path.glob("*.onnx"))


def test_every_float_of_a_graph_for_graphics_cards_is_half(folder: Path, tmp_path: Path) -> None:
    model = opened(export(folder, "int4_fp16", tmp_path), tmp_path)
    run = model.start()
    logits = run.push(PROMPT, (range(20),))
    assert {array.dtype for array in run.cache} == {np.dtype(np.float16)}
    assert logits.dtype == np.float32
    graph = onnx.load(tmp_path / "lm.onnx", load_external_data=False).graph
    assert all(tensor.data_type != onnx.TensorProto.FLOAT for tensor in graph.initializer)


def test_a_shorter_context_makes_a_smaller_cache(folder: Path, tmp_path: Path) -> None:
    info = export(folder, "int8", tmp_path, context=64)
    assert opened(info, tmp_path).start().cache[0].shape == (1, 2, 64, 64)
    assert info.context == 64
    with pytest.raises(InputError, match="expected a context of 1 to 512 tokens, got 513"):
        export(folder, "int8", tmp_path, context=513)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line() -> None:
    with (
        pytest.raises(
            OutputError, match=r"cannot write .*No space left on device; make room"
        ) as caught,
        TensorFile(Path("/dev/full")) as file,
    ):
        file.add(np.zeros(1 << 20, np.float32))
    assert "\n" not in str(caught.value)


def test_a_head_of_another_bundle_is_one_line(folder: Path, tmp_path: Path) -> None:
    info = export(folder, "int8", tmp_path)
    (tmp_path / "head_1.onnx").write_bytes((tmp_path / "head_text.onnx").read_bytes())
    with pytest.raises(
        EngineError, match=r"head_1\.onnx: expected a head from the hidden state to 16 logits"
    ):
        opened(info, tmp_path)
    (tmp_path / "lm.data").unlink()
    with pytest.raises(EngineError, match="cannot load") as caught:
        opened(info, tmp_path)
    assert "\n" not in str(caught.value)


def motion_at(start: int, end: int, first: int, levels: int = 2, codes: int = 8) -> MotionInfo:
    return MotionInfo(
        start, end, tuple((first + q * codes, first + (q + 1) * codes) for q in range(levels))
    )


@pytest.mark.parametrize(
    ("motion", "expected"),
    [
        (
            motion_at(50, 51, 52),
            {"0": (50, 60), "1": (60, 68), "text": (0, 50), "rest_68": (68, 70)},
        ),
        (
            motion_at(51, 50, 52),
            {"0": (50, 60), "1": (60, 68), "text": (0, 50), "rest_68": (68, 70)},
        ),
        (
            motion_at(3, 68, 52),
            {
                "0": (52, 60),
                "1": (60, 68),
                "mark_3": (3, 4),
                "mark_68": (68, 69),
                "text": (0, 52),
                "rest_68": (68, 70),
            },
        ),
        (motion_at(0, 1, 2), {"0": (0, 10), "1": (10, 18), "text": (18, 70)}),
    ],
)
def test_heads_cover_every_id(motion: MotionInfo, expected: dict[str, tuple[int, int]]) -> None:
    assert head_ids(motion, 70) == expected


@pytest.mark.parametrize("where", ["after", "apart", "before"])
def test_motion_tokens_may_lie_anywhere(tmp_path: Path, where: str) -> None:
    folder = build_checkpoint(tmp_path / "source", layers=1, dtype="float32")
    vocab = Checkpoint(folder).shape.vocab_size
    motion = {
        "after": motion_at(vocab - 18, vocab - 17, vocab - 16),
        "apart": motion_at(7, vocab - 1, vocab - 20),
        "before": motion_at(0, 17, 1),
    }[where]
    source = Dequantized(folder, ONNX_RECIPES["int4"], head_ids(motion, vocab)["0"][0])
    out = tmp_path / "out"
    out.mkdir()
    recipe = dataclasses.replace(ONNX_RECIPES["int4"], accuracy_level=1)
    info = export_language_model(Checkpoint(folder), recipe, out, motion)
    ids = [*PROMPT, motion.move_start, motion.levels[1][0], motion.move_end]
    expected = ReferenceModel(source).logits([ids])[0][len(PROMPT) - 1 :]
    assert np.abs(stepwise(opened(info, out), ids, len(PROMPT)) - expected).max() < 1e-3
