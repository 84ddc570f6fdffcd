"""Qwen2 in as few lines as training needs.

Names of modules are Hugging Face's, so that the weights are a Qwen2ForCausalLM.

Source: Qwen2 technical report (RMSNorm, rotary positions, grouped queries, biases on q, k and v,
SwiGLU).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


@dataclass(frozen=True)
class LmConfig:
    """The fields of a Qwen2 config.json that shape the network."""

    vocab_size: int
    hidden_size: int = 256
    intermediate_size: int = 704
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    num_key_value_heads: int = 2
    max_position_embeddings: int = 1024
    rope_theta: float = 10000.0
    rms_norm_eps: float = 1e-6

    def to_hf(self, eos_token_id: int, pad_token_id: int) -> dict[str, object]:
        """config.json of a Qwen2ForCausalLM."""
        fixed = {
            "architectures": ["Qwen2ForCausalLM"],
            "model_type": "qwen2",
            "hidden_act": "silu",
            "tie_word_embeddings": True,
            "attention_dropout": 0.0,
            "initializer_range": 0.02,
            "use_cache": True,
            "use_sliding_window": False,
            "torch_dtype": "bfloat16",
        }
        return (
            fixed
            | asdict(self)
            | {"eos_token_id": eos_token_id, "bos_token_id": None, "pad_token_id": pad_token_id}
        )


class Norm(nn.Module):
    """Root-mean-square norm."""

    def __init__(self, config: LmConfig) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(config.hidden_size))
        self.eps = config.rms_norm_eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight, self.eps)


class Attention(nn.Module):
    """Causal attention with grouped queries and rotary positions."""

    def __init__(self, config: LmConfig) -> None:
        super().__init__()
        self.heads, self.kv = config.num_attention_heads, config.num_key_value_heads
        self.dim = config.hidden_size // self.heads
        self.q_proj = nn.Linear(config.hidden_size, self.heads * self.dim)
        self.k_proj = nn.Linear(config.hidden_size, self.kv * self.dim)
        self.v_proj = nn.Linear(config.hidden_size, self.kv * self.dim)
        self.o_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor, rotary: tuple[Tensor, Tensor]) -> Tensor:
        batch, n, _ = x.shape
        q = _rotate(self.q_proj(x).view(batch, n, self.heads, self.dim).transpose(1, 2), rotary)
        k = _rotate(self.k_proj(x).view(batch, n, self.kv, self.dim).transpose(1, 2), rotary)
        v = self.v_proj(x).view(batch, n, self.kv, self.dim).transpose(1, 2)
        # Written out: at these lengths two batched products are faster on a CPU than the fused
        # kernel's backward pass.
        group = self.heads // self.kv
        q = q.reshape(batch * self.kv, group * n, self.dim) * self.dim**-0.5
        scores = torch.bmm(q, k.reshape(batch * self.kv, n, self.dim).transpose(1, 2)).view(
            batch, self.heads, n, n
        )
        future = torch.full((n, n), float("-inf")).triu(1)
        weights = torch.softmax(scores.float() + future, dim=-1).to(v.dtype)
        y = torch.bmm(
            weights.view(batch * self.kv, group * n, n), v.reshape(batch * self.kv, n, self.dim)
        )
        out: Tensor = self.o_proj(
            y.view(batch, self.heads, n, self.dim).transpose(1, 2).reshape(batch, n, -1)
        )
        return out


class Mlp(nn.Module):
    """SwiGLU."""

    def __init__(self, config: LmConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class Layer(nn.Module):
    """One transformer layer, norms first."""

    def __init__(self, config: LmConfig) -> None:
        super().__init__()
        self.self_attn, self.mlp = Attention(config), Mlp(config)
        self.input_layernorm, self.post_attention_layernorm = Norm(config), Norm(config)

    def forward(self, x: Tensor, rotary: tuple[Tensor, Tensor], drop: float) -> Tensor:
        x = x + F.dropout(self.self_attn(self.input_layernorm(x), rotary), drop, self.training)
        return x + F.dropout(self.mlp(self.post_attention_layernorm(x)), drop, self.training)


class Body(nn.Module):
    """Embedding, layers, last norm."""

    def __init__(self, config: LmConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.norm = Norm(config)


class Qwen2(nn.Module):
    """Token ids (B, n) to hidden states (B, n, H).

    `logits` multiplies them with the tied embedding.
    """

    def __init__(self, config: LmConfig) -> None:
        super().__init__()
        self.config = config
        self.model = Body(config)
        self.apply(_initialize)

    def forward(self, ids: Tensor, drop: float = 0.0) -> Tensor:
        x = self.model.embed_tokens(ids)
        rotary = _angles(self.config, ids.shape[1])
        for layer in self.model.layers:
            x = layer(x, rotary, drop)
        out: Tensor = self.model.norm(x)
        return out

    def logits(self, hidden: Tensor) -> Tensor:
        """Hidden states (..., H) to logits (..., V)."""
        return hidden @ self.model.embed_tokens.weight.T


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02 if isinstance(module, nn.Embedding) else 0.04)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


def _angles(config: LmConfig, n: int) -> tuple[Tensor, Tensor]:
    dim = config.hidden_size // config.num_attention_heads
    frequencies = config.rope_theta ** (-torch.arange(0, dim, 2).float() / dim)
    angles = torch.arange(n).float()[:, None] * torch.cat([frequencies, frequencies])[None]
    return angles.cos(), angles.sin()


def _rotate(x: Tensor, rotary: tuple[Tensor, Tensor]) -> Tensor:
    cos, sin = rotary
    half = x.shape[-1] // 2
    turned = torch.cat([-x[..., half:], x[..., :half]], dim=-1)
    return x * cos + turned * sin
