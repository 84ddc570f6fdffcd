"""Miniature checkpoints of every architecture, saved by transformers' own classes with random weights.

Needs torch, transformers and tokenizers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tiny_checkpoint import write_tokenizer

_SMALL: Final[Mapping[str, Any]] = {
    "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 512, "tie_word_embeddings": False,
}  # fmt: skip
# Widths of heads that are not hidden_size / heads, where the class has such a field.
_GEMMA: Final = {
    "head_dim": 32, "query_pre_attn_scalar": 32, "sliding_window": 24, "tie_word_embeddings": True,
}  # fmt: skip
FAMILIES: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "qwen2": ("Qwen2", {}),
    "llama": ("Llama", {"num_hidden_layers": 3}),
    "llama_tied_head_dim": ("Llama", {"head_dim": 32, "tie_word_embeddings": True}),
    "llama3": (
        "Llama",
        {
            "rope_scaling": {
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
                "rope_theta": 500000.0,
            },
            "rope_theta": 500000.0,
        },
    ),
    "llama3_2": (
        "Llama",
        {
            "rope_scaling": {
                "rope_type": "llama3",
                "factor": 32.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 8192,
                "rope_theta": 500000.0,
            },
            "rope_theta": 500000.0,
            "max_position_embeddings": 131072,
            "head_dim": 64,
            "rms_norm_eps": 1e-5,
            "tie_word_embeddings": True,
        },
    ),
    "qwen3": ("Qwen3", {"head_dim": 128}),
    "qwen3_tied": ("Qwen3", {"head_dim": 32, "tie_word_embeddings": True}),
    "mistral": ("Mistral", {"head_dim": 128, "sliding_window": None}),
    "phi3": ("Phi3", {"num_key_value_heads": 4, "pad_token_id": 0}),
    "phi3_grouped": ("Phi3", {"pad_token_id": 0}),
    "phi3_longrope": (
        "Phi3",
        {
            "pad_token_id": 0,
            "original_max_position_embeddings": 256,
            "max_position_embeddings": 1024,
            "rope_scaling": {
                "type": "longrope",
                "short_factor": [1 + i / 16 for i in range(32)],
                "long_factor": [2 + i / 16 for i in range(32)],
            },
        },
    ),
    "gemma2": ("Gemma2", {**_GEMMA, "num_hidden_layers": 4}),
    "gemma2_uncapped": (
        "Gemma2",
        {**_GEMMA, "attn_logit_softcapping": None, "final_logit_softcapping": None},
    ),
    "gemma3_linear": (
        "Gemma3",
        {
            **_GEMMA,
            "num_hidden_layers": 6,
            "rope_scaling": {"rope_type": "linear", "factor": 8.0},
        },
    ),
    "gemma3": ("Gemma3", {**_GEMMA, "num_hidden_layers": 7}),
}
"""Name of a miniature: the beginning of transformers' class names, and what differs from `_SMALL`."""


def build_family(folder: Path, name: str, *, seed: int = 0, **changes: Any) -> Path:
    """Write a miniature into `folder`; returns it."""
    import torch
    import transformers

    kind, fields = FAMILIES[name]
    folder.mkdir(parents=True, exist_ok=True)
    ids = write_tokenizer(folder, 200, 4, 16, True)
    config_class = getattr(
        transformers, f"{kind}TextConfig" if kind == "Gemma3" else f"{kind}Config"
    )
    end = ids["<|im_end|>"]
    config = config_class(
        **{
            **_SMALL,
            "vocab_size": len(ids) + 3,
            "eos_token_id": end,
            "bos_token_id": ids["<|endoftext|>"],
            **fields,
            **changes,
        }
    )
    torch.manual_seed(seed)
    model = getattr(transformers, f"{kind}ForCausalLM")(config)
    with torch.no_grad():
        for parameter in model.parameters():
            norm = parameter.ndim == 1
            mean, width = (float(parameter.mean()), 25) if norm else (0.0, parameter.shape[-1])
            torch.nn.init.normal_(parameter, mean, width**-0.5)
    model.generation_config.eos_token_id = end
    model.save_pretrained(folder)
    kept = json.loads((folder / "config.json").read_text())
    assert kept["vocab_size"] == len(ids) + 3
    return folder
