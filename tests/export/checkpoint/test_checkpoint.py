"""A checkpoint folder: shards, and what is wrong with a broken one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
save_file = pytest.importorskip("safetensors.torch").save_file

from kinetoken.base.errors import FormatError, InputError
from kinetoken_export.checkpoint.tensors import Checkpoint

CONFIG = {
    "architectures": ["Qwen2ForCausalLM"], "num_hidden_layers": 1, "hidden_size": 8, "intermediate_size": 16,
    "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 12, "max_position_embeddings": 64,
    "rms_norm_eps": 1e-6, "tie_word_embeddings": True, "rope_theta": 10000.0,
}  # fmt: skip


def folder(path: Path, **changes: object) -> Path:
    config = {k: v for k, v in (CONFIG | changes).items() if v is not None}
    (path / "config.json").write_text(json.dumps(config))
    return path


def test_tensors_come_from_their_shards_in_float32(tmp_path: Path) -> None:
    folder(tmp_path)
    save_file({"a": torch.ones(2, 3, dtype=torch.bfloat16)}, tmp_path / "one.safetensors")
    save_file({"b": torch.zeros(4)}, tmp_path / "two.safetensors")
    index = {"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    checkpoint = Checkpoint(tmp_path)
    assert checkpoint.tensor("a").dtype == np.float32
    assert checkpoint.tensor("b").shape == (4,)
    assert checkpoint.shape.head_dim == 4
    with pytest.raises(FormatError, match="tensor c"):
        checkpoint.tensor("c")
    (tmp_path / "two.safetensors").unlink()
    with pytest.raises(InputError, match=r"two\.safetensors"):
        checkpoint.tensor("b")


def test_the_rope_of_newer_configs_is_found(tmp_path: Path) -> None:
    folder(tmp_path, rope_theta=None, rope_parameters={"rope_theta": 5.0})
    save_file({"a": torch.ones(1)}, tmp_path / "model.safetensors")
    assert Checkpoint(tmp_path).shape.rope.theta == 5.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architectures": ["BertModel"]}, "got BertModel"),
        ({"hidden_size": "wide"}, "expected hidden_size to be a whole number"),
    ],
)
def test_another_model_is_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        Checkpoint(folder(tmp_path, **changes))


def test_a_size_that_is_missing_is_the_class_s_and_has_to_fit_the_weights(tmp_path: Path) -> None:
    folder(tmp_path, hidden_size=None)
    save_file({"model.embed_tokens.weight": torch.ones(12, 8)}, tmp_path / "model.safetensors")
    checkpoint = Checkpoint(tmp_path)
    assert "hidden_size is missing: 4096, as the class has it" in checkpoint.notes
    with pytest.raises(
        FormatError, match=r"shape \(12, 4096\), as config.json says, got \(12, 8\)"
    ):
        checkpoint.check()


def test_missing_and_truncated_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config\.json"):
        Checkpoint(tmp_path)
    with pytest.raises(InputError, match=r"expected model\.safetensors"):
        Checkpoint(folder(tmp_path))
    save_file({"a": torch.ones(100)}, tmp_path / "model.safetensors")
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[:-40])
    with pytest.raises(FormatError, match="download it again"):
        Checkpoint(tmp_path)
