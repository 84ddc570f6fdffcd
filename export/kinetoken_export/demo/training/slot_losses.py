"""The loss of each slot over the tokens that may stand there, and its running means."""

from __future__ import annotations

from typing import Final

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from kinetoken.tokens.markup import DEFAULT_MARKUP

from ..words.tokenizer import id_of
from .lm_model import Past, Qwen2

LEVELS: Final = 4
CODES: Final = 1024


class SlotLosses:
    """Cross entropy where the grammar of an answer allows a level's codes or words alone.

    A slot of words may hold any word or marker, one of level 0 its codes and </move>, one of a
    higher level its codes.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.first = id_of(tokenizer, "<m_0_0>")
        self.close = id_of(tokenizer, DEFAULT_MARKUP.markers[1])
        self.means = torch.zeros(LEVELS + 1, dtype=torch.float64)
        self.tokens = 0

    def loss(
        self, model: Qwen2, ids: Tensor, weights: Tensor, drop: float, past: list[Past]
    ) -> Tensor:
        """The weighted mean over ids (B, n), weights (B, n) behind the chat's common beginning."""
        with torch.autocast("cpu", torch.bfloat16):
            hidden, _ = model(ids[:, :-1], drop, past)
            targets, shares = ids[:, 1:], weights[:, 1:]
            total = hidden.new_zeros((), dtype=torch.float32)
            for kind in range(LEVELS + 1):
                mine = (self._kinds(targets) == kind) & (shares > 0)
                if bool(mine.any()):
                    rows, wanted = self._rows(kind, targets[mine])
                    logits = model.logits(hidden[mine], rows)
                    losses = F.cross_entropy(logits.float(), wanted, reduction="none")
                    total = total + (losses * shares[mine]).sum()
                    self._add(kind, float(losses.detach().mean()))
        self.tokens += int((ids > 0).sum())
        mean: Tensor = total / shares.sum()
        return mean

    def _kinds(self, targets: Tensor) -> Tensor:
        """0 for words, 1 + q for level q; </move> stands in a slot of level 0."""
        kinds = torch.where(targets < self.first, 0, 1 + (targets - self.first) // CODES)
        return torch.where(targets == self.close, 1, kinds)

    def _rows(self, kind: int, targets: Tensor) -> tuple[Tensor | slice, Tensor]:
        """Tokens that may stand in a slot of a kind, and the targets' places among them."""
        if kind == 0:
            return slice(0, self.first), targets
        start = self.first + (kind - 1) * CODES
        if kind > 1:
            return slice(start, start + CODES), targets - start
        rows = torch.cat([torch.arange(start, start + CODES), torch.tensor([self.close])])
        return rows, torch.where(targets == self.close, CODES, targets - start)

    def _add(self, kind: int, value: float) -> None:
        known = float(self.means[kind])
        self.means[kind] = value if known == 0 else 0.98 * known + 0.02 * value

    def __str__(self) -> str:
        levels = " ".join(f"{float(v):.2f}" for v in self.means[1:])
        return f"text {float(self.means[0]):.3f} levels {levels}"
