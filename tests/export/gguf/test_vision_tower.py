"""The vision tower loads in llama.cpp's libmtmd, and what it sees is what transformers' tower sees."""

from __future__ import annotations

import ctypes
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
gguf = pytest.importorskip("gguf", reason="needs gguf, in kinetoken[export]")
llama_cpp = pytest.importorskip("llama_cpp", reason="needs llama-cpp-python, in kinetoken[llama]")
mtmd = pytest.importorskip("llama_cpp.mtmd_cpp", reason="needs llama-cpp-python with libmtmd")

from kinetoken.base.errors import FormatError, InputError
from kinetoken_export.checkpoint.motion_tokens import read_vocabulary
from kinetoken_export.checkpoint.reference_tower import (
    IMAGE_MEAN,
    IMAGE_STD,
    PROCESSOR_FILE,
    ReferenceTower,
    cut_patches,
    image_statistics,
)
from kinetoken_export.checkpoint.tensors import Checkpoint
from kinetoken_export.gguf.language_model import export_gguf
from kinetoken_export.gguf.recipes import find_gguf_recipe
from kinetoken_export.gguf.vision_tower import PATCH_EMBEDDING, export_mmproj
from tiny_checkpoint import build_checkpoint

HEIGHT, WIDTH, CELL = 140, 168, 28  # pixels; a cell of 2 x 2 patches becomes one token
TOKENS = (HEIGHT // CELL) * (WIDTH // CELL)
Image = NDArray[np.uint8]
Floats = NDArray[np.float32]


@llama_cpp.llama_log_callback
def silence(level: int, text: bytes, data: Any) -> None:
    """llama.cpp says on stderr what it does."""


@pytest.fixture(autouse=True)
def quiet() -> None:
    llama_cpp.llama_log_set(silence, ctypes.c_void_p(0))
    mtmd.mtmd_log_set(silence, ctypes.c_void_p(0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint and its language model as GGUF."""
    folder = build_checkpoint(
        tmp_path_factory.mktemp("vision") / "vl", "qwen2_5_vl", dtype="float32"
    )
    recipe, vocabulary = find_gguf_recipe("f16"), read_vocabulary(folder)
    export_gguf(
        Checkpoint(folder),
        folder / "tokenizer.json",
        vocabulary,
        recipe,
        folder / "lm.gguf",
        name="tiny",
        chat_template=None,
    )
    return folder


@pytest.fixture(scope="module")
def image() -> Image:
    """A gradient with a bright square: windows differ."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    picture = np.stack([rows, columns, (rows * columns) % 256], -1).astype(np.uint8)
    picture[30:60, 90:140] = (255, 40, 0)
    return picture


def shown(folder: Path, mmproj: Path, image: Image) -> Floats:
    """The image as libmtmd embeds it (tokens, hidden)."""
    model = llama_cpp.llama_model_load_from_file(
        str(folder / "lm.gguf").encode(), llama_cpp.llama_model_default_params()
    )
    params = mtmd.mtmd_context_params_default()
    params.use_gpu, params.print_timings, params.n_threads, params.warmup = False, False, 1, False
    context = mtmd.mtmd_init_from_file(str(mmproj).encode(), model, params)
    assert context
    assert mtmd.mtmd_support_vision(context)
    assert mtmd.mtmd_decode_use_mrope(context)
    pixels = (ctypes.c_uint8 * image.size).from_buffer_copy(image.tobytes())
    bitmap = mtmd.mtmd_bitmap_init(WIDTH, HEIGHT, pixels)
    chunks, marker = mtmd.mtmd_input_chunks_init(), mtmd.mtmd_default_marker()
    text = mtmd.mtmd_input_text(marker, len(marker), False, True)
    bitmaps = (mtmd.mtmd_bitmap_p_ctypes * 1)(bitmap)
    assert mtmd.mtmd_tokenize(context, chunks, ctypes.byref(text), bitmaps, 1) == 0
    held = [
        mtmd.mtmd_input_chunks_get(chunks, i) for i in range(mtmd.mtmd_input_chunks_size(chunks))
    ]
    (seen,) = [
        chunk
        for chunk in held
        if mtmd.mtmd_input_chunk_get_type(chunk) == mtmd.MTMD_INPUT_CHUNK_TYPE_IMAGE
    ]
    count = mtmd.mtmd_input_chunk_get_n_tokens(seen)
    assert mtmd.mtmd_encode_chunk(context, seen) == 0
    hidden = llama_cpp.llama_model_n_embd(model)
    out = np.ctypeslib.as_array(mtmd.mtmd_get_output_embd(context), (count, hidden)).copy()
    mtmd.mtmd_input_chunks_free(chunks)
    mtmd.mtmd_bitmap_free(bitmap)
    mtmd.mtmd_free(context)
    llama_cpp.llama_model_free(model)
    return out


@pytest.fixture(scope="module")
def wanted(folder: Path, image: Image) -> Floats:
    """The image as transformers' tower embeds it."""
    transformers = pytest.importorskip("transformers", reason="needs transformers to compare with")
    model = transformers.Qwen2_5_VLForConditionalGeneration.from_pretrained(
        folder, torch_dtype=torch.float32
    )
    frame = ((image / 255 - IMAGE_MEAN) / IMAGE_STD).transpose(2, 0, 1)
    high, wide = HEIGHT // 14, WIDTH // 14
    cut = np.stack([frame, frame]).reshape(1, 2, 3, high // 2, 2, 14, wide // 2, 2, 14)
    patches = cut.transpose(0, 3, 6, 4, 7, 2, 1, 5, 8).reshape(high * wide, -1)
    with torch.no_grad():
        out = (getattr(model, "visual", None) or model.model.visual)(
            torch.tensor(patches, dtype=torch.float32), torch.tensor([[1, high, wide]])
        )
    embedded = getattr(out, "pooler_output", out)
    found: Floats = embedded.numpy()
    return found


@pytest.mark.parametrize(("high", "wide"), [(HEIGHT, WIDTH), (364, 112), (28, 308)])
def test_the_reference_tower_sees_what_transformers_sees(
    folder: Path, high: int, wide: int
) -> None:
    transformers = pytest.importorskip("transformers", reason="needs transformers to compare with")
    model = transformers.Qwen2_5_VLForConditionalGeneration.from_pretrained(
        folder, torch_dtype=torch.float32
    )
    pixels = np.random.default_rng(0).integers(256, size=(high, wide, 3), dtype=np.uint8)
    tower = getattr(model, "visual", None) or model.model.visual
    patches = torch.from_numpy(cut_patches(pixels, 14, folder))
    with torch.no_grad():
        out = tower(patches, torch.tensor([[1, high // 14, wide // 14]]))
    wanted = getattr(out, "pooler_output", out).numpy()
    got = ReferenceTower(Checkpoint(folder), folder).embed(pixels)
    np.testing.assert_allclose(got, wanted, atol=1e-5)


def test_patches_are_those_of_transformers(folder: Path, image: Image) -> None:
    transformers = pytest.importorskip("transformers", reason="needs transformers to compare with")
    kind = getattr(transformers, "Qwen2VLImageProcessorPil", None)
    kind = kind or transformers.Qwen2VLImageProcessor
    try:
        seen = kind.from_pretrained(folder)(images=[image], return_tensors="np")
    except ImportError as error:
        pytest.skip(f"transformers' image processor: {str(error).strip().splitlines()[0]}")
    np.testing.assert_allclose(cut_patches(image, 14, folder), seen["pixel_values"], atol=1e-5)


def test_the_statistics_of_another_image_processor_are_kept(folder: Path, tmp_path: Path) -> None:
    (tmp_path / PROCESSOR_FILE).write_text('{"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5]}')
    with pytest.raises(FormatError, match="three numbers"):
        image_statistics(tmp_path)
    half = (0.5, 0.5, 0.5)
    (tmp_path / PROCESSOR_FILE).write_text(f'{{"image_mean": {[*half]}, "image_std": {[*half]}}}')
    found = image_statistics(tmp_path)
    assert found == (half, half)
    export_mmproj(Checkpoint(folder), tmp_path / "mmproj.gguf", statistics=found)
    said = gguf.GGUFReader(tmp_path / "mmproj.gguf").fields
    assert said["clip.vision.image_mean"].contents() == [*half]


@pytest.mark.parametrize(
    ("precision", "tolerance"), [("f32", 5e-3), ("f16", 1e-2), ("bf16", 0.06), ("q8_0", 0.12)]
)
def test_the_tower_sees_what_transformers_sees(
    folder: Path, image: Image, wanted: Floats, tmp_path: Path, precision: str, tolerance: float
) -> None:
    export_mmproj(Checkpoint(folder), tmp_path / "mmproj.gguf", precision)
    got = shown(folder, tmp_path / "mmproj.gguf", image)
    assert got.shape == wanted.shape == (TOKENS, 256)
    assert wanted.std() > 0.2
    np.testing.assert_allclose(got, wanted, atol=tolerance)


def test_names_shapes_and_bytes_of_the_file(folder: Path, tmp_path: Path) -> None:
    export_mmproj(Checkpoint(folder), tmp_path / "mmproj.gguf")
    source, reader = Checkpoint(folder), gguf.GGUFReader(tmp_path / "mmproj.gguf")
    held = {t.name: t for t in reader.tensors}
    assert len(held) == 2 + 4 * (2 + 2 * 7) + 1 + 4
    patch = source.tensor(PATCH_EMBEDDING)
    for frame, name in enumerate(("v.patch_embd.weight", "v.patch_embd.weight.1")):
        np.testing.assert_array_equal(held[name].data, patch[:, :, frame].astype(np.float16))
    qkv = source.tensor("visual.blocks.2.attn.qkv.weight")
    for index, part in enumerate("qkv"):
        rows = qkv[index * 64 : (index + 1) * 64].astype(np.float16)
        np.testing.assert_array_equal(held[f"v.blk.2.attn_{part}.weight"].data, rows)
    np.testing.assert_array_equal(held["mm.2.bias"].data, source.tensor("visual.merger.mlp.2.bias"))
    said = {name: field.contents() for name, field in reader.fields.items()}
    assert said["clip.projector_type"] == "qwen2.5vl_merger"
    assert said["clip.vision.n_wa_pattern"] == 2
    assert said["clip.vision.projection_dim"] == 256
    assert said["clip.vision.image_mean"] == pytest.approx(IMAGE_MEAN)


def test_a_config_that_leaves_the_defaults_out_gives_the_same_tower(
    folder: Path, tmp_path: Path
) -> None:
    """transformers 4.49 writes vision_config as the difference from its class's defaults."""
    short = shutil.copytree(folder, tmp_path / "short")
    config = json.loads((folder / "config.json").read_text())
    told = ("depth", "hidden_size", "intermediate_size", "num_heads", "out_hidden_size")
    kept = {*told, "fullatt_block_indexes", "model_type"}
    config["vision_config"] = {k: v for k, v in config["vision_config"].items() if k in kept}
    (short / "config.json").write_text(json.dumps(config))
    for name, given in (("whole.gguf", folder), ("short.gguf", short)):
        export_mmproj(Checkpoint(given), tmp_path / name)
    assert (tmp_path / "whole.gguf").read_bytes() == (tmp_path / "short.gguf").read_bytes()


def test_what_cannot_be_exported_is_said_in_one_line(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "mmproj.gguf"
    with pytest.raises(InputError, match="expected a precision"):
        export_mmproj(Checkpoint(folder), out, "q4_k_m")
    with pytest.raises(FormatError, match="found none"):
        export_mmproj(Checkpoint(build_checkpoint(tmp_path / "text")), out)
    for change, message in (
        ({"fullatt_block_indexes": [1, 2]}, "regular intervals, got"),
        ({"fullatt_block_indexes": []}, r"regular intervals, got \[\]"),
        ({"fullatt_block_indexes": [0, 1, 2, 3]}, "regular intervals, got"),
        ({"depth": 9}, r"expected a tensor visual\.blocks\.4\.norm1"),
    ):
        changed = shutil.copytree(folder, tmp_path / "changed", dirs_exist_ok=True)
        config = json.loads((folder / "config.json").read_text())
        config["vision_config"] |= change
        (changed / "config.json").write_text(json.dumps(config))
        with pytest.raises(FormatError, match=message):
            export_mmproj(Checkpoint(changed), out)
    assert not out.exists()
