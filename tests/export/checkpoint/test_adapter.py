"""An adapter merged tensor by tensor equals what PEFT computes with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
transformers = pytest.importorskip("transformers", reason="needs transformers beside the project")
peft = pytest.importorskip("peft", reason="needs peft beside the project")

from kinetoken.base.errors import FormatError, InputError
from kinetoken_export.checkpoint.adapter import AdaptedSource, is_adapter
from kinetoken_export.checkpoint.reference_model import ReferenceModel
from kinetoken_export.checkpoint.tensors import Checkpoint
from tiny_families import build_family

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
IDS = list(range(40, 72))
Build = Callable[..., Path]
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "attention": ("qwen2", {"target_modules": ATTENTION}),
    "all-linear": ("llama", {"target_modules": "all-linear"}),
    "rslora": ("qwen2", {"target_modules": ["q_proj"], "use_rslora": True}),
    "patterns": (
        "llama",
        {
            "target_modules": ATTENTION,
            "rank_pattern": {"q_proj": 2, "^model.layers.1.self_attn.k_proj": 3},
            "alpha_pattern": {"layers.0.self_attn.q_proj": 5},
        },
    ),
    "fan_in_fan_out": ("qwen2", {"target_modules": ["q_proj"], "fan_in_fan_out": True}),
    "biases": ("qwen2", {"target_modules": ["q_proj", "v_proj"], "bias": "all"}),
    "biases of the adapted": ("qwen2", {"target_modules": ["q_proj"], "bias": "lora_only"}),
    "lora_bias": ("qwen2", {"target_modules": ["q_proj"], "lora_bias": True}),
    "modules_to_save": (
        "qwen2",
        {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens", "lm_head"]},
    ),
    "norm to save": (
        "qwen2",
        {"target_modules": ["q_proj"], "modules_to_save": ["input_layernorm"]},
    ),
    "embedding and head": ("qwen2", {"target_modules": ["embed_tokens", "lm_head", "down_proj"]}),
    "tied, embedding": ("qwen3_tied", {"target_modules": ["q_proj", "embed_tokens"]}),
    "tied, embedding and head": (
        "qwen3_tied",
        {"target_modules": ["q_proj", "embed_tokens", "lm_head"]},
    ),
    "new token rows": (
        "qwen2",
        {"target_modules": ["q_proj"], "trainable_token_indices": {"embed_tokens": [7, 300, 310]}},
    ),
    "new token rows, tied": (
        "qwen3_tied",
        {"target_modules": ["q_proj"], "trainable_token_indices": [7, 300, 310]},
    ),
    "fused": ("phi3_grouped", {"target_modules": ["qkv_proj", "gate_up_proj", "o_proj"]}),
    "some layers": ("llama", {"target_modules": ["q_proj"], "layers_to_transform": [1]}),
    "tied, head saved": (
        "qwen3_tied",
        {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens", "lm_head"]},
    ),
}


def adapted(folder: Path, case: str) -> tuple[Path, Path, Any]:
    """A base model, an adapter whose numbers are random, and PEFT's model of both."""
    name, fields = CASES[case]
    base = build_family(folder / "base", name)
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    config = peft.LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=7, **fields)
    model = peft.get_peft_model(model, config)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.05)
    model.save_pretrained(folder / "adapter")
    return base, folder / "adapter", model.eval()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES)
def test_equals_peft(case: str, tmp_path: Path) -> None:
    base, adapter, model = adapted(tmp_path, case)
    source = AdaptedSource(Checkpoint(base), adapter)
    wanted = logits(model)
    assert np.abs(ReferenceModel(source).logits([IDS])[0] - wanted).max() < 1e-4
    merged = model.merge_and_unload()
    if "tied" not in case:  # PEFT's merge changes both where only one was trained
        assert np.abs(logits(merged) - wanted).max() < 1e-4
        merged.save_pretrained(tmp_path / "merged")
        again = Checkpoint(tmp_path / "merged")
        for stored in again.names():
            assert np.abs(source.tensor(stored) - again.tensor(stored)).max() < 1e-6
            assert source.dims(stored) == again.dims(stored)
            if len(source.dims(stored)) == 2:
                part = source.rows(stored, 3, 9)
                assert np.abs(part - again.rows(stored, 3, 9)).max() < 1e-6


def logits(model: Any) -> NDArray[np.float32]:
    with torch.inference_mode():
        out: NDArray[np.float32] = model(torch.tensor([IDS])).logits[0].numpy()
        return out


@pytest.mark.filterwarnings("ignore")
def test_a_larger_vocabulary(tmp_path: Path) -> None:
    """New tokens make the embedding longer; the adapter brings it whole."""
    base = build_family(tmp_path / "base", "qwen3_tied")
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    rows = model.config.vocab_size + 5
    model.resize_token_embeddings(rows)
    config = peft.LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["q_proj"])
    model = peft.get_peft_model(model, config).eval()
    model.save_pretrained(tmp_path / "adapter")
    source = AdaptedSource(Checkpoint(base), tmp_path / "adapter")
    assert source.shape.vocab_size == rows
    assert source.shape.tied
    assert np.abs(ReferenceModel(source).logits([IDS])[0] - logits(model)).max() < 1e-4


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another kind": ({"peft_type": "IA3"}, "peft_type LORA, got IA3"),
    "DoRA": ({"use_dora": True}, "use_dora"),
    "PiSSA": ({"init_lora_weights": "pissa"}, "init_lora_weights 'pissa'"),
    "unknown": ({"some_new_trick": 3}, "some_new_trick"),
    "another rank": ({"r": 5}, "expected rank 5"),
    "layers twice": ({"layer_replication": [[0, 2], [1, 2]]}, "layer_replication"),
}


@pytest.mark.filterwarnings("ignore")
def test_what_is_not_computed_is_refused_by_name(tmp_path: Path) -> None:
    base, adapter, _ = adapted(tmp_path, "attention")
    path = adapter / "adapter_config.json"
    settings = json.loads(path.read_text())
    for changes, named in REFUSED.values():
        path.write_text(json.dumps(settings | changes))
        with pytest.raises(FormatError, match=named) as caught:
            AdaptedSource(Checkpoint(base), adapter)
        assert "\n" not in str(caught.value)
    path.write_text(json.dumps(settings))
    assert is_adapter(adapter)
    assert not is_adapter(base)
    other = build_family(tmp_path / "other", "qwen2", hidden_size=512)
    with pytest.raises(FormatError, match="to be changed in its shape"):
        AdaptedSource(Checkpoint(other), adapter)
    with pytest.raises(InputError, match="found none"):
        AdaptedSource(Checkpoint(base), base)
