"""Qwen2 in as few lines as training needs.

Names of modules are Hugging Face's, so that the weights are a Qwen2ForCausalLM.

Source: Qwen2 technical report (RMSNorm, rotary positions, grouped queries, biases on q, k and v,
SwiGLU).
"""

from __future__ import annotations

from collections.abc import Sequence
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
    num_hidden_layers: int = 6
    num_attention_heads: int = 4
    num_key_value_heads: int = 2
    max_position_embeddings: int = 1536
    tie_word_embeddings: bool = False
    rope_theta: float = 10000.0
    rms_norm_eps: float = 1e-6

    def to_hf(self, eos_token_id: int, pad_token_id: int) -> dict[str, object]:
        """config.json of a Qwen2ForCausalLM."""
        fixed = {
            "architectures": ["Qwen2ForCausalLM"],
            "model_type": "qwen2",
            "hidden_act": "silu",
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


Past = tuple[Tensor, Tensor]
"""Keys and values of a layer, (B, heads, seen, dim) each; B is 1 where all rows share them."""


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

    def forward(
        self, x: Tensor, rotary: tuple[Tensor, Tensor], past: Past | None
    ) -> tuple[Tensor, Past]:
        """(B, n, H) behind `past` to (B, n, H), and the keys and values with these."""
        batch, n, _ = x.shape
        q = _rotate(self.q_proj(x).view(batch, n, self.heads, self.dim).transpose(1, 2), rotary)
        k = _rotate(self.k_proj(x).view(batch, n, self.kv, self.dim).transpose(1, 2), rotary)
        v = self.v_proj(x).view(batch, n, self.kv, self.dim).transpose(1, 2)
        if past is not None:
            k, v = (
                torch.cat([then.to(now.dtype).expand(batch, -1, -1, -1), now], dim=2)
                for then, now in zip(past, (k, v), strict=True)
            )
        seen = k.shape[2]
        # Written out: at these lengths two batched products are faster on a CPU than the fused
        # kernel's backward pass.
        group = self.heads // self.kv
        q = q.reshape(batch * self.kv, group * n, self.dim) * self.dim**-0.5
        scores = torch.bmm(q, k.reshape(batch * self.kv, seen, self.dim).transpose(1, 2)).view(
            batch, self.heads, n, seen
        )
        future = torch.full((n, seen), float("-inf"), device=x.device).triu(seen - n + 1)
        weights = torch.softmax(scores.float() + future, dim=-1).to(v.dtype)
        y = torch.bmm(
            weights.view(batch * self.kv, group * n, seen),
            v.reshape(batch * self.kv, seen, self.dim),
        )
        out: Tensor = self.o_proj(
            y.view(batch, self.heads, n, self.dim).transpose(1, 2).reshape(batch, n, -1)
        )
        return out, (k, v)


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

    def forward(
        self, x: Tensor, rotary: tuple[Tensor, Tensor], drop: float, past: Past | None
    ) -> tuple[Tensor, Past]:
        y, kept = self.self_attn(self.input_layernorm(x), rotary, past)
        x = x + F.dropout(y, drop, self.training)
        y = self.mlp(self.post_attention_layernorm(x))
        return x + F.dropout(y, drop, self.training), kept


class Body(nn.Module):
    """Embedding, layers, last norm."""

    def __init__(self, config: LmConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.norm = Norm(config)


class Qwen2(nn.Module):
    """Token ids (B, n) to hidden states (B, n, H) and the layers' keys and values.

    `logits` multiplies them with rows of the head, which is the embedding where they are tied.
    """

    def __init__(self, config: LmConfig) -> None:
        super().__init__()
        self.config = config
        self.model = Body(config)
        if not config.tie_word_embeddings:
            self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.apply(_initialize)

    def forward(
        self,
        ids: Tensor,
        drop: float = 0.0,
        past: Sequence[Past] | None = None,
        between: list[Tensor] | None = None,
    ) -> tuple[Tensor, list[Past]]:
        """`between` takes what each layer gives on, (B, n, H) each."""
        x = F.dropout(self.model.embed_tokens(ids), drop, self.training)
        seen = past[0][0].shape[2] if past else 0
        rotary = _angles(self.config, seen, ids.shape[1], ids.device)
        kept: list[Past] = []
        for number, layer in enumerate(self.model.layers):
            x, known = layer(x, rotary, drop, past[number] if past else None)
            kept.append(known)
            if between is not None:
                between.append(x)
        out: Tensor = self.model.norm(x)
        return out, kept

    def logits(self, hidden: Tensor, rows: Tensor | slice) -> Tensor:
        """Hidden states (..., H) to logits (..., rows) of these tokens."""
        return hidden @ self.head[rows].T

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.model.norm.weight.device

    @property
    def head(self) -> Tensor:
        """(V, H): what hidden states are compared with."""
        tied = self.config.tie_word_embeddings
        return self.model.embed_tokens.weight if tied else self.lm_head.weight


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.05 if isinstance(module, nn.Embedding) else 0.04)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


def _angles(config: LmConfig, seen: int, n: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Angles of the positions seen..seen + n."""
    dim = config.hidden_size // config.num_attention_heads
    even = torch.arange(0, dim, 2, device=device)
    frequencies = config.rope_theta ** (-even.float() / dim)
    places = torch.arange(seen, seen + n, device=device).float()
    angles = places[:, None] * torch.cat([frequencies] * 2)[None]
    return angles.cos(), angles.sin()


def _rotate(x: Tensor, rotary: tuple[Tensor, Tensor]) -> Tensor:
    cos, sin = (part.to(x.dtype) for part in rotary)
    half = x.shape[-1] // 2
    turned = torch.cat([-x[..., half:], x[..., :half]], dim=-1)
    return x * cos + turned * sin


def in_bfloat16(device: torch.device) -> torch.autocast:
    """Compute in bfloat16 where that pays.

    Where a processor has no instructions for it, a step takes twenty times as long.
    """
    # Older versions of PyTorch cannot say.
    known: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    able = not known or any(has for name, has in known.items() if name.endswith("bf16"))
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type != "cpu" or able)
