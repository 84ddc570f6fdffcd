"""The table of architectures: every name leads to one entry and every tensor has one name per format."""

from __future__ import annotations

import pytest

from kinetoken.manifest.architectures import (
    ARCHITECTURES,
    QWEN2_5_VL,
    Architecture,
    architecture_of_class,
)


@pytest.mark.parametrize("entry", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_names_are_one_to_one(entry: Architecture) -> None:
    names = [entry.embedding, entry.final_norm, entry.head]
    for tensor in entry.layer:
        kinds = ("weight", "bias") if entry.biased(tensor.part) else ("weight",)
        names += [entry.tensor(7, tensor.part, kind) for kind in kinds]
    converted = [entry.gguf_tensor(name) for name in names]
    assert len(set(names)) == len(set(converted)) == len(names)
    assert converted[:3] == ["token_embd.weight", "output_norm.weight", "output.weight"]
    assert all(name.startswith("blk.7.") for name in converted[3:])
    assert [architecture_of_class(name) for name in entry.classes] == [entry]


def test_entries_of_one_gguf_name_write_the_same_tensors() -> None:
    parts: dict[str, set[str]] = {}
    for entry in ARCHITECTURES.values():
        written = {tensor.part for tensor in entry.layer}
        assert parts.setdefault(entry.gguf, written) == written, entry.name


def test_every_class_belongs_to_one_entry() -> None:
    entries = ARCHITECTURES.values()
    classes = [name for entry in entries for name in entry.classes]
    assert len(set(classes)) == len(classes)
    assert architecture_of_class("BertModel") is None


def test_the_names_are_those_of_llama_cpp_and_transformers() -> None:
    assert QWEN2_5_VL.gguf == "qwen2vl"
    assert QWEN2_5_VL.tensor(3, "ffn_down") == "model.layers.3.mlp.down_proj.weight"
    assert QWEN2_5_VL.gguf_tensor("model.layers.3.self_attn.v_proj.bias") == "blk.3.attn_v.bias"
