"""Attention layers of PyTorch, traced so that the graph takes any number of frames.

PyTorch's own fast path cannot be written as ONNX, and its ordinary path writes the length of the
traced example into the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

_Result = tuple[Tensor, Tensor | None]


@contextmanager
def plain_attention() -> Iterator[None]:
    """While open, nn.MultiheadAttention computes with plain operations of no fixed length."""
    fast, own = torch.backends.mha.get_fastpath_enabled(), F.multi_head_attention_forward
    torch.backends.mha.set_fastpath_enabled(False)
    F.multi_head_attention_forward = _plain_or(own)
    try:
        yield
    finally:
        F.multi_head_attention_forward = own
        torch.backends.mha.set_fastpath_enabled(fast)


def _plain_or(own: Callable[..., _Result]) -> Callable[..., _Result]:
    """Return plain attention that leaves what it does not know to PyTorch's own function."""

    def attention(query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any) -> _Result:
        _, heads, weight, bias, bias_k, bias_v, zero_row, _, out_weight, out_bias = args[:10]
        unusual = (
            len(args) > 10 or weight is None or bias_k is not None or bias_v is not None
            or zero_row or kwargs.get("key_padding_mask") is not None or query.ndim != 3
            or kwargs.get("training")
            or not kwargs.get("average_attn_weights", True)
        )  # fmt: skip
        if unusual:
            return own(query, key, value, *args, **kwargs)
        parts = zip((query, key, value), weight.chunk(3), _thirds(bias), strict=True)
        q, k, v = (_by_heads(F.linear(x, w, b), heads) for x, w, b in parts)
        scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5
        mask = kwargs.get("attn_mask")
        if mask is not None:
            scores = _masked(scores, mask, heads)
        shares = scores.softmax(-1)
        mixed = F.linear((shares @ v).permute(2, 0, 1, 3).flatten(2), out_weight, out_bias)
        return mixed, shares.mean(1) if kwargs.get("need_weights", True) else None

    return attention


def _thirds(bias: Tensor | None) -> tuple[Tensor | None, ...]:
    return (None, None, None) if bias is None else bias.chunk(3)


def _by_heads(rows: Tensor, heads: int) -> Tensor:
    """Rows (n, B, D) to (B, heads, n, D / heads)."""
    return rows.reshape(rows.shape[0], rows.shape[1], heads, -1).permute(1, 2, 0, 3)


def _masked(scores: Tensor, mask: Tensor, heads: int) -> Tensor:
    """Scores (B, heads, n, m) under a mask (n, m) or (B * heads, n, m) that PyTorch takes."""
    mask = mask if mask.ndim == 2 else mask.reshape(-1, heads, *mask.shape[1:])
    return scores.masked_fill(mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
