"""Crafted GGUF headers: what is let through never ends the process, and what would is refused first."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from llama_package import needs_llama

pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
pytest.importorskip("gguf", reason="needs gguf, in kinetoken[export]")
needs_llama()

from gguf_attacks import attack, crafted
from kinetoken.base.errors import EngineError
from kinetoken.engines.llamacpp.engine import LLAMACPP
from kinetoken.engines.llamacpp.gguf_check import checked_header, checked_tower
from kinetoken.engines.llamacpp.gguf_header import read_header
from kinetoken.manifest.manifest_file import read_manifest
from kinetoken_export.checkpoint.motion_tokens import read_vocabulary
from kinetoken_export.gguf.vision_tower import export_mmproj
from tiny_gguf import Made, make

HEADERS = 80
"""A few seconds; benchmarks/gguf_headers.py takes 2,000 of each kind of file."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    made = make(tmp_path_factory.mktemp("crafted"), "qwen2_5_vl", "q8_0")
    export_mmproj(made.source, made.path.with_name("mmproj.gguf"), "f16")
    return made


@pytest.mark.parametrize(("role", "file"), [("lm", "lm.gguf"), ("tower", "mmproj.gguf")])
def test_no_crafted_header_ends_the_process(made: Made, role: str, file: str) -> None:
    found = attack(role, made.path.with_name(file), made.info, range(HEADERS))
    assert found.aborts == {}
    assert sum(found.counts.values()) == HEADERS
    assert found.counts["refused"] > HEADERS / 2
    assert found.counts["ran"] > 5


def test_seeds_are_fixed(made: Made) -> None:
    whole = made.path.read_bytes()
    assert crafted(whole, 5) == crafted(whole, 5) != crafted(whole, 6)


def refused(made: Made, data: bytes, words: str) -> None:
    path = made.path.with_name("odd.gguf")
    path.write_bytes(data)
    with pytest.raises(EngineError, match=words) as caught:
        checked_header(path, made.info)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", [1, 2, 9, 16, 30, 39, 99])
@pytest.mark.parametrize(
    "name", ["output_norm.weight", "blk.0.attn_q.bias", "blk.1.ffn_norm.weight"]
)
def test_norms_and_biases_are_single_precision(made: Made, name: str, kind: int) -> None:
    whole = bytearray(made.path.read_bytes())
    struct.pack_into("<I", whole, whole.index(name.encode()) + len(name) + 12, kind)
    refused(made, bytes(whole), f"expected {name} in a type 0, got type {kind}")


@pytest.mark.parametrize("kind", [9, 15, 24, 28, 40, 4_000_000_000])
def test_matrices_are_of_types_that_llama_cpp_multiplies(made: Made, kind: int) -> None:
    whole = bytearray(made.path.read_bytes())
    struct.pack_into("<I", whole, whole.index(b"token_embd.weight") + 17 + 4 + 16, kind)
    refused(made, bytes(whole), "expected token_embd.weight in a type of weights")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e-6, 1.0])
def test_the_epsilon_is_small_and_finite(made: Made, value: float) -> None:
    whole, key = bytearray(made.path.read_bytes()), b"attention.layer_norm_rms_epsilon"
    struct.pack_into("<f", whole, whole.index(key) + len(key) + 4, value)
    refused(made, bytes(whole), "layer_norm_rms_epsilon as a model may have it")


CHANGES = {
    "another key": (b"rope.freq_base", b"rope.freq_bass", "keys that are known"),
    "no key": (b".feed_forward_length", b".feed_forward_lengti", "keys that are known"),
    "another tensor": (b"blk.1.ffn_up.weight", b"blk.1.ffn_up.weighs", "the tensor blk.1.ffn_up"),
    "a tensor twice": (b"blk.1.ffn_up.weight", b"blk.0.ffn_up.weight", "damaged"),
    "another tokenizer": (b"gpt2", b"bert", "tokenizer.ggml.model"),
    "types of tokens as floats": (
        b"token_type\x09\0\0\0\x05",
        b"token_type\x09\0\0\0\x06",
        "tokenizer.ggml.token_type",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_else_is_odd_is_named(made: Made, name: str) -> None:
    old, new, words = CHANGES[name]
    whole = made.path.read_bytes()
    assert old in whole
    refused(made, whole.replace(old, new, 1), words)


def test_tokens_are_compared_as_llama_cpp_reads_them(made: Made) -> None:
    """Up to a zero byte: it ends the process where two are one."""
    whole = made.path.read_bytes()
    for code in (b"1", b"2"):
        whole = whole.replace(b"<m_0_%b>" % code, b"<m_0_\0%b" % code, 1)
    refused(made, whole, "different tokens")


def test_a_list_shorter_than_the_vocabulary_is_refused(made: Made) -> None:
    whole, key = bytearray(made.path.read_bytes()), b"tokenizer.ggml.token_type"
    at = whole.index(key) + len(key) + 8
    (count,) = struct.unpack_from("<Q", whole, at)
    assert count == made.info.vocab_size
    data = whole[: at + 8 + 4 * (count - 1)] + whole[at + 8 + 4 * count :]
    struct.pack_into("<Q", data, at, count - 1)
    refused(made, bytes(data), "tokenizer.ggml.token_type as a model may have it")


def test_inspect_refuses_what_the_engine_would(made: Made, tiny: Path, tmp_path: Path) -> None:
    info = replace(made.info, file="lm.gguf", mmproj="mmproj.gguf")
    motion = read_vocabulary(made.path.parent).motion
    manifest = replace(read_manifest(tiny), language_model=info, motion=motion)
    LLAMACPP.check_files(made.path.parent, manifest)
    for name, old in (("lm.gguf", b"rope.freq_base"), ("mmproj.gguf", b"vision.image_std")):
        folder = tmp_path / name
        folder.mkdir()
        for whole in ("lm.gguf", "mmproj.gguf"):
            (folder / whole).symlink_to(made.path.with_name(whole))
        (folder / name).unlink()
        data = made.path.with_name(name).read_bytes()
        (folder / name).write_bytes(data.replace(old, old[:-1] + b"x", 1))
        with pytest.raises(EngineError, match="expected keys that are known"):
            LLAMACPP.check_files(folder, manifest)


@pytest.mark.parametrize(
    "key", ["clip.vision.block_count", "general.file_type", "general.name", "clip.use_silu"]
)
def test_numbers_of_a_tower_have_their_one_type(made: Made, tmp_path: Path, key: str) -> None:
    """libmtmd ends the process on others."""
    data, name = bytearray(made.path.with_name("mmproj.gguf").read_bytes()), key.encode()
    at = data.index(name) + len(name)
    (kind,) = struct.unpack_from("<I", data, at)
    struct.pack_into("<I", data, at, {4: 5, 7: 0, 8: 10}[kind])
    path = tmp_path / "mmproj.gguf"
    path.write_bytes(data)
    with pytest.raises(EngineError, match=rf"{key} as a model may have it|damaged"):
        checked_tower(path)


def test_a_part_of_a_model_is_refused(made: Made) -> None:
    """llama.cpp would open its other parts, whatever they are."""
    whole = made.path.read_bytes()
    key = struct.pack("<Q", 11) + b"split.count" + struct.pack("<IH", 2, 2)
    (keys,) = struct.unpack_from("<Q", whole, 16)
    refused(made, whole[:16] + struct.pack("<Q", keys + 1) + key + whole[24:], "a part of one")


def test_the_types_of_keys_are_known(made: Made) -> None:
    header = read_header(made.path)
    assert header.kinds["general.architecture"] == (8,)
    assert header.kinds["tokenizer.ggml.tokens"] == (9, 8)
    assert header.kinds.keys() == header.said.keys()
