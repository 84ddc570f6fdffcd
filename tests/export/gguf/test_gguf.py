"""The GGUF that is written straight from a checkpoint equals, byte for byte, what llama.cpp's own quantizer makes."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
gguf = pytest.importorskip("gguf", reason="needs gguf, in kinetoken[export]")
llama_cpp = pytest.importorskip("llama_cpp", reason="needs llama-cpp-python, in kinetoken[llama]")

from kinetoken.base.errors import FormatError, InputError, OutputError
from kinetoken_export.checkpoint.motion_tokens import read_vocabulary
from kinetoken_export.checkpoint.tensors import Checkpoint, expected_tensors
from kinetoken_export.gguf.language_model import export_gguf
from kinetoken_export.gguf.quantizer import GgmlQuantizer, row_bytes
from kinetoken_export.gguf.recipes import GGUF_RECIPES, GgufRecipe, find_gguf_recipe
from tiny_checkpoint import build_checkpoint

Tensors = dict[str, tuple[str, bytes]]


_log: list[str] = []


@llama_cpp.llama_log_callback
def listen(level: int, text: bytes, data: Any) -> None:
    """llama.cpp says what it does."""
    _log.append(text.decode())


@pytest.fixture(autouse=True)
def listening() -> None:
    llama_cpp.llama_log_set(listen, ctypes.c_void_p(0))


def export(folder: Path, recipe: str, path: Path, importance: dict[str, Any] | None = None) -> Path:
    source, vocabulary = Checkpoint(folder), read_vocabulary(folder)
    export_gguf(
        source, folder / "tokenizer.json", vocabulary, find_gguf_recipe(recipe), path, name="tiny", chat_template="hello",
        importance=importance,
    )  # fmt: skip
    return path


def tensors(path: Path) -> Tensors:
    return {t.name: (t.tensor_type.name, t.data.tobytes()) for t in gguf.GGUFReader(path).tensors}


def fields(path: Path) -> dict[str, Any]:
    held = gguf.GGUFReader(path).fields.items()
    return {name: field.contents() for name, field in held if not name.startswith("GGUF.")}


def quantize(
    source: Path,
    out: Path,
    recipe: GgufRecipe,
    importance: dict[str, Any] | None = None,
    *,
    dry: bool = False,
) -> None:
    """llama.cpp's own tool; a dry one only says what it would do."""
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.nthread, params.dry_run = int(recipe.file_type), 2, dry
    if recipe.finer:
        params.output_tensor_type = params.token_embedding_type = int(
            gguf.GGMLQuantizationType[recipe.finer]
        )
    entries = [
        llama_cpp.llama_model_imatrix_data(
            name.encode(), row.ctypes.data_as(ctypes.POINTER(ctypes.c_float)), row.size
        )
        for name, row in (importance or {}).items()
    ]
    held = (llama_cpp.llama_model_imatrix_data * (len(entries) + 1))(*entries)
    if entries:
        params.imatrix = ctypes.cast(held, type(params.imatrix))
    assert (
        llama_cpp.llama_model_quantize(
            str(source).encode(), str(out).encode(), ctypes.byref(params)
        )
        == 0
    ), _log[-5:]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Sixteenths of the layers, keys shared by many heads or few, head tied or not, rows that 256 does not divide."""
    folder, small = (
        tmp_path_factory.mktemp("models"),
        {"intermediate": 256, "merges": 20, "codes": 2},
    )
    return {
        "tied": build_checkpoint(folder / "tied", layers=16, kv_heads=1, **small),
        "untied": build_checkpoint(
            folder / "untied", "qwen2_5_vl", layers=9, tied=False, shards=3, padded=3, **small
        ),
        "odd": build_checkpoint(
            folder / "odd", hidden=320, kv_heads=5, **small | {"intermediate": 336}
        ),
        "shallow": build_checkpoint(folder / "shallow", layers=1, tied=False, padded=3, **small),
    }


@pytest.fixture(scope="module")
def floats(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The models as f32 GGUFs."""
    folder = tmp_path_factory.mktemp("floats")
    return {name: export(path, "f32", folder / f"{name}.gguf") for name, path in models.items()}


def some_importance(path: Path) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    return {
        t.name: rng.gamma(1.0, 1.0, int(t.shape[0])).astype(np.float32)
        for t in gguf.GGUFReader(path).tensors
        if t.name.startswith("blk.") and len(t.shape) == 2
    }


CASES = [(name, False) for name, recipe in GGUF_RECIPES.items() if not recipe.needs_importance]
CASES += [(name, True) for name, recipe in GGUF_RECIPES.items() if recipe.quantized]
CASES += [("q4_k_m:q8_0", False), ("q2_k:f16", True), ("iq4_nl:q5_1", False)]


@pytest.mark.parametrize("model", ["tied", "untied", "odd"])
@pytest.mark.parametrize(("name", "measured"), CASES)
def test_every_matrix_gets_the_type_that_llama_cpp_gives_it(
    models: dict[str, Path],
    floats: dict[str, Path],
    tmp_path: Path,
    model: str,
    name: str,
    measured: bool,
) -> None:
    recipe, source = find_gguf_recipe(name), Checkpoint(models[model])
    _log.clear()
    quantize(
        floats[model],
        tmp_path / "unwritten.gguf",
        recipe,
        some_importance(floats[model]) if measured else None,
        dry=True,
    )
    lines = re.findall(
        r"\] (\S+) +- \[.*? type = +f32, size =[^(\n]*(?:\((\w+)\))?\n", "".join(_log)
    )
    expected = {tensor: (kind or "f32").upper() for tensor, kind in lines}
    got = {
        source.architecture.gguf_tensor(stored): recipe.type_of(
            source.architecture.gguf_tensor(stored), source.shape, dims[-1], measured=measured
        ).name
        for stored, dims in expected_tensors(source.architecture, source.shape)
    }
    assert got == expected


@pytest.mark.parametrize(
    ("name", "measured"),
    [("f32", False), ("f16", False), ("bf16", False), ("q8_0", False), ("q6_k", True), ("q5_k_m", False), ("q5_0", True),
     ("q4_k_m", False), ("q4_k_m", True), ("q4_1", False), ("q4_0", True), ("iq4_xs", True), ("iq4_nl", False),
     ("q3_k_l", True), ("q2_k", False), ("q2_k_s", True), ("iq3_m", False), ("iq2_xxs", True), ("q4_k_m:q8_0", False)],
)  # fmt: skip
def test_every_byte_is_what_llama_cpp_makes_of_it(
    models: dict[str, Path], floats: dict[str, Path], tmp_path: Path, name: str, measured: bool
) -> None:
    importance = some_importance(floats["shallow"]) if measured else None
    ours, theirs = tmp_path / "ours.gguf", tmp_path / "theirs.gguf"
    export(models["shallow"], name, ours, importance)
    quantize(floats["shallow"], theirs, find_gguf_recipe(name), importance)
    assert tensors(ours) == tensors(theirs)
    assert fields(ours) == fields(theirs)


def test_what_the_file_says_of_itself(models: dict[str, Path], tmp_path: Path) -> None:
    said = fields(export(models["untied"], "q4_k_m", tmp_path / "x.gguf"))
    ids = {token: i for i, token in enumerate(said["tokenizer.ggml.tokens"])}
    assert said["general.architecture"] == "qwen2vl"
    assert said["general.file_type"] == gguf.LlamaFileType.MOSTLY_Q4_K_M
    assert said["qwen2vl.rope.dimension_sections"] == [8, 12, 12, 0]
    assert said["qwen2vl.attention.layer_norm_rms_epsilon"] == pytest.approx(1e-6)
    assert said["tokenizer.chat_template"] == "hello"
    assert said["tokenizer.ggml.eos_token_id"] == ids["<|im_end|>"]
    kinds = {
        token: gguf.TokenType(said["tokenizer.ggml.token_type"][i]).name for token, i in ids.items()
    }
    assert {kinds[t] for t in ids if t.startswith("<m_") or t in ("<move>", "</move>")} == {
        "USER_DEFINED"
    }
    assert (kinds["<|im_start|>"], kinds["<|fim_pad|>"], kinds["<tool_call>"]) == (
        "CONTROL",
        "CONTROL",
        "USER_DEFINED",
    )
    assert kinds["a"] == "NORMAL"
    assert [t for t, kind in kinds.items() if kind == "UNUSED"] == [
        f"[PAD{len(ids) - 3 + i}]" for i in range(3)
    ]


def test_the_same_importance_shapes_the_weights(
    models: dict[str, Path], floats: dict[str, Path], tmp_path: Path
) -> None:
    plain = tensors(export(models["shallow"], "q4_k_m", tmp_path / "a.gguf"))
    weighed = tensors(
        export(models["shallow"], "q4_k_m", tmp_path / "b.gguf", some_importance(floats["shallow"]))
    )
    assert {n for n in plain if plain[n] != weighed[n]} == set(some_importance(floats["shallow"]))


def test_nothing_is_left_of_a_file_that_could_not_be_finished(
    models: dict[str, Path], floats: dict[str, Path], tmp_path: Path
) -> None:
    out, wrong = tmp_path / "out", {"blk.0.ffn_up.weight": np.ones(3, np.float32)}
    out.mkdir()
    with pytest.raises(InputError, match=r"expected an importance of 256 finite numbers"):
        export(
            models["shallow"], "q4_k_m", out / "lm.gguf", some_importance(floats["shallow"]) | wrong
        )
    with pytest.raises(OutputError, match="no folder"):
        export(models["shallow"], "f16", out / "deeper" / "lm.gguf")
    assert list(out.iterdir()) == []


def test_what_cannot_be_exported_is_said_in_one_line(
    models: dict[str, Path], tmp_path: Path
) -> None:
    for name in ("iq2_xs", "q2_k_s"):
        with pytest.raises(InputError, match="needs an importance matrix"):
            export(models["shallow"], name, tmp_path / "x.gguf")
    for name in ("q4_k_x", "q4_k_m:q9"):
        with pytest.raises(InputError, match="expected"):
            find_gguf_recipe(name)
    folder = models["shallow"]
    with pytest.raises(InputError, match="expected a context of 1 to 512 tokens, got 513"):
        export_gguf(
            Checkpoint(folder), folder / "tokenizer.json", read_vocabulary(folder), find_gguf_recipe("f16"),
            tmp_path / "x.gguf", name="x", chat_template=None, context=513,
        )  # fmt: skip
    assert not (tmp_path / "x.gguf").exists()


def test_the_quantizer_refuses_what_would_end_the_process() -> None:
    ones, q4, iq2 = (
        np.ones((2, 256), np.float32),
        gguf.GGMLQuantizationType.Q4_K,
        gguf.GGMLQuantizationType.IQ2_XXS,
    )
    with GgmlQuantizer(2) as quantizer:
        assert quantizer.rows(ones, q4).shape == (2, row_bytes(q4, 256))
        for bad, kind, message in (
            (ones * np.nan, q4, "NaN or infinity"),
            (ones * np.inf, q4, "NaN or infinity"),
            (ones * 1e6, gguf.GGMLQuantizationType.F16, "F16 can hold"),
        ):
            with pytest.raises(FormatError, match=message):
                quantizer.rows(bad, kind)
        with pytest.raises(InputError, match="importance matrix"):
            quantizer.rows(ones, iq2)
        with pytest.raises(InputError, match="multiple of 256"):
            quantizer.rows(ones[:, :100], q4)
        for importance in (np.ones(3), np.full(256, np.nan), np.full(256, -1.0)):
            with pytest.raises(InputError, match="importance of 256"):
                quantizer.rows(ones, q4, importance.astype(np.float32))
