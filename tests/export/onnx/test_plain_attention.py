"""Attention for tracing gives what PyTorch's own gives."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason='tracing a codec needs torch: pip install ".[export]"')
pytest.importorskip("onnx", reason='writing a codec needs onnx: pip install ".[export]"')

from torch import nn

from kinetoken_export.onnx.plain_attention import plain_attention

N = 7
UPPER = torch.triu(torch.ones(N, N, dtype=torch.bool), 1)
CASES: dict[str, dict[str, Any]] = {
    "no weights": {"need_weights": False},
    "weights": {},
    "weights of each head": {"average_attn_weights": False},
    "boolean mask": {"attn_mask": UPPER},
    "added mask": {"attn_mask": torch.zeros(N, N).masked_fill(UPPER, -torch.inf)},
    "a mask for each head": {"attn_mask": UPPER.expand(4, N, N)},
    "padding": {"key_padding_mask": torch.arange(N).expand(2, N) > 4},
}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_it_is_the_same_attention(case: str, bias: bool) -> None:
    torch.manual_seed(0)
    layer = nn.MultiheadAttention(8, 2, bias=bias, batch_first=True).eval()
    query, memory = torch.randn(2, N, 8), torch.randn(2, N, 8)
    with torch.no_grad():
        wanted = layer(query, memory, memory, **CASES[case])
        with plain_attention():
            got = layer(query, memory, memory, **CASES[case])
    torch.testing.assert_close(got[0], wanted[0])
    assert (got[1] is None) == (wanted[1] is None)
    if wanted[1] is not None:
        torch.testing.assert_close(got[1], wanted[1])


def test_afterwards_all_is_as_before() -> None:
    own, fast = nn.functional.multi_head_attention_forward, torch.backends.mha
    before = fast.get_fastpath_enabled()
    with plain_attention():
        assert not fast.get_fastpath_enabled()
    assert nn.functional.multi_head_attention_forward is own
    assert fast.get_fastpath_enabled() == before
