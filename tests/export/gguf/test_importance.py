"""The importance matrix: what is measured, what llama.cpp's files hold, and that it helps where it should."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from llama_package import needs_llama

pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
gguf = pytest.importorskip("gguf", reason="needs gguf, in kinetoken[export]")
needs_llama()

from kinetoken.base.errors import FormatError, InputError
from kinetoken.manifest.architectures import QWEN2
from kinetoken_export.checkpoint.motion_tokens import read_vocabulary
from kinetoken_export.checkpoint.reference_model import ReferenceModel
from kinetoken_export.checkpoint.tensors import Checkpoint, Float32Array
from kinetoken_export.gguf.importance import (
    ImportanceCollector,
    is_importance_file,
    measure_importance,
    read_importance,
    without_zeros,
    write_importance,
)
from kinetoken_export.gguf.language_model import export_gguf
from kinetoken_export.gguf.quantizer import GgmlQuantizer
from kinetoken_export.gguf.recipes import find_gguf_recipe
from tiny_checkpoint import build_checkpoint

SEQUENCES = [[5, 17, 200, 3, 88, 41], [7, 7, 301], list(range(100, 180))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_checkpoint(
        tmp_path_factory.mktemp("importance") / "lm", layers=1, intermediate=256
    )


@pytest.fixture(scope="module")
def measured(folder: Path) -> dict[str, Float32Array]:
    return measure_importance(ReferenceModel(Checkpoint(folder)), SEQUENCES)


def test_it_is_the_mean_square_of_what_is_multiplied(
    folder: Path, measured: dict[str, Float32Array]
) -> None:
    seen: dict[str, list[Float32Array]] = {}
    reference = ReferenceModel(Checkpoint(folder))
    reference.logits(
        SEQUENCES,
        observe=lambda name, x: seen.setdefault(QWEN2.gguf_tensor(name), []).append(x.copy()),
    )
    assert set(measured) == {name for name in seen if name.startswith("blk.")}
    assert len(measured) == 7
    for name, row in measured.items():
        inputs = np.concatenate(seen[name])
        assert len(inputs) == sum(map(len, SEQUENCES))
        np.testing.assert_allclose(row, (inputs**2).mean(0), rtol=1e-4)
    np.testing.assert_array_equal(measured["blk.0.attn_q.weight"], measured["blk.0.attn_v.weight"])


def test_the_file_holds_what_was_measured(
    measured: dict[str, Float32Array], tmp_path: Path
) -> None:
    path = tmp_path / "tiny.gguf"
    write_importance(path, measured, 89, "prompts")
    again = read_importance(path)
    assert again.keys() == measured.keys()
    for name, row in measured.items():
        np.testing.assert_allclose(again[name], row, rtol=1e-6)
    reader = gguf.GGUFReader(path)
    said = {
        name: field.contents()
        for name, field in reader.fields.items()
        if not name.startswith("GGUF.")
    }
    assert said == {
        "general.type": "imatrix", "imatrix.datasets": ["prompts"], "imatrix.chunk_count": 1, "imatrix.chunk_size": 512,
    }  # fmt: skip
    held = {tensor.name: tensor for tensor in reader.tensors}
    assert held["blk.0.ffn_down.weight.counts"].data.tolist() == [[89.0]]
    assert held["blk.0.ffn_down.weight.in_sum2"].shape.tolist() == [256, 1]
    assert is_importance_file(path)


def test_the_old_kind_of_file_is_read(tmp_path: Path) -> None:
    path, values = tmp_path / "imatrix.dat", np.arange(1, 5, dtype=np.float32)
    entry = struct.pack("<i", 3) + b"abc" + struct.pack("<ii", 2, 4) + values.tobytes()
    path.write_bytes(struct.pack("<i", 1) + entry + struct.pack("<i", 7))
    assert is_importance_file(path)
    np.testing.assert_array_equal(read_importance(path)["abc"], values / 2)


def test_what_is_no_importance_is_said_in_one_line(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.dat"
    bad = struct.pack("<i", 1) + struct.pack("<i", 3) + b"abc" + struct.pack("<ii", 1, 2)
    for data in (
        b"",
        b"hello, this is text",
        struct.pack("<i", 0),
        bad,
        b"GGUF" + b"\x03\0\0\0" * 9,
    ):
        path.write_bytes(data)
        with pytest.raises(FormatError, match="expected an importance matrix") as caught:
            read_importance(path)
        assert "\n" not in str(caught.value)
    path.write_bytes(bad + np.array([1, np.nan], np.float32).tobytes())
    with pytest.raises(FormatError, match="finite numbers of 0 or more for abc"):
        read_importance(path)
    with pytest.raises(InputError, match="cannot read"):
        read_importance(tmp_path / "nothing.dat")
    with pytest.raises(InputError, match="cannot read"):
        is_importance_file(tmp_path / "nothing.txt")
    text = tmp_path / "prompts.txt"
    text.write_text("a person walks\n")
    assert not is_importance_file(text)
    with pytest.raises(InputError, match="got none"):
        measure_importance(ReferenceModel(Checkpoint(folder)), [[]])


def test_columns_that_were_never_used_still_count_a_little() -> None:
    np.testing.assert_array_equal(without_zeros(np.zeros(3)), np.ones(3))
    values = without_zeros(np.array([0.0, 3.0, 6.0]))
    assert values[0] == pytest.approx(3e-6)
    collector = ImportanceCollector(QWEN2)
    collector.observe(
        "model.layers.2.mlp.up_proj.weight", np.array([[3.0, 0.0], [1.0, 0.0]], np.float32)
    )
    np.testing.assert_allclose(collector.rows()["blk.2.ffn_up.weight"], [5.0, 2.5e-6])


def test_weighed_columns_are_rounded_more_finely(
    folder: Path, measured: dict[str, Float32Array]
) -> None:
    """What a layer gives out is nearer the truth, though the weights themselves are not."""
    source, kind = Checkpoint(folder), gguf.GGMLQuantizationType.Q3_K
    name, llama = "model.layers.0.mlp.down_proj.weight", "blk.0.ffn_down.weight"
    weights, square = source.tensor(name), measured[llama]
    errors = []
    with GgmlQuantizer() as quantizer:
        for row in (None, square):
            back = gguf.quants.dequantize(quantizer.rows(weights, kind, row), kind)
            errors.append(float((((back - weights) ** 2) * square).sum()))
    assert errors[1] < 0.9 * errors[0]


def test_a_matrix_without_its_importance_is_refused(
    folder: Path, measured: dict[str, Float32Array], tmp_path: Path
) -> None:
    recipe, vocabulary, path = (
        find_gguf_recipe("iq2_xxs"),
        read_vocabulary(folder),
        tmp_path / "lm.gguf",
    )
    tokenizer = folder / "tokenizer.json"
    export_gguf(
        Checkpoint(folder),
        tokenizer,
        vocabulary,
        recipe,
        path,
        name="x",
        chat_template=None,
        importance=measured,
    )
    assert path.stat().st_size > 0
    lacking = {name: row for name, row in measured.items() if "ffn_up" not in name}
    with pytest.raises(InputError, match=r"importance of blk\.0\.ffn_up\.weight"):
        export_gguf(
            Checkpoint(folder),
            tokenizer,
            vocabulary,
            recipe,
            path,
            name="x",
            chat_template=None,
            importance=lacking,
        )
