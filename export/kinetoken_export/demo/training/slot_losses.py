"""The loss of each slot over the tokens that may stand there, and its running means."""

from __future__ import annotations

from typing import Final

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from kinetoken.tokens.markup import DEFAULT_MARKUP

from ..words.spelling import language
from ..words.tokenizer import id_of
from .lm_model import Past, Qwen2
from .lm_steps import ExampleBatch
from .sentence_teacher import Foretold

LEVELS: Final = 4
CODES: Final = 1024
_MEANING_WEIGHT: Final = 2.0
# Where a processor has no instructions for it, a step takes twenty times as long.
_BFLOAT16: Final = any(
    has for name, has in torch.cpu.get_capabilities().items() if name.endswith("bf16")
)


class SlotLosses:
    """Cross entropy where the grammar of an answer allows a level's codes or words alone.

    A slot of words may hold any word or marker, one of level 0 its codes and </move>, one of a
    higher level its codes.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.first = id_of(tokenizer, "<m_0_0>")
        self.close = id_of(tokenizer, DEFAULT_MARKUP.markers[1])
        self.means = torch.zeros(LEVELS + 1, dtype=torch.float64)
        self.tokens, self.meaning = 0, 0.0

    def loss(
        self,
        model: Qwen2,
        batch: ExampleBatch,
        drop: float,
        past: list[Past],
        foretold: Foretold | None = None,
    ) -> Tensor:
        """The weighted mean over a batch behind the chat's common beginning.

        And what is to be foretold of its requests.
        """
        ids, weights = batch.ids, batch.weights
        between: list[Tensor] = []
        with torch.autocast("cpu", torch.bfloat16, enabled=_BFLOAT16):
            hidden, _ = model(ids[:, :-1], drop, past, between)
            targets, shares = ids[:, 1:], weights[:, 1:]
            total = hidden.float().sum() * 0.0  # of no weight, so that there is always a gradient
            for kind in range(LEVELS + 1):
                mine = (self._kinds(targets) == kind) & (shares > 0)
                if bool(mine.any()):
                    rows, wanted = self._rows(kind, targets[mine])
                    logits = model.logits(hidden[mine], rows)
                    losses = F.cross_entropy(logits.float(), wanted, reduction="none")
                    total = total + (losses * shares[mine]).sum()
                    self._add(kind, float(losses.detach().mean()))
        self.tokens += int((ids > 0).sum())
        mean: Tensor = total / shares.sum().clamp(min=1.0)
        return mean if foretold is None else mean + self._meaning(batch, between, foretold)

    def _meaning(self, batch: ExampleBatch, between: list[Tensor], foretold: Foretold) -> Tensor:
        """How far the state behind each English request is from what the request means."""
        rows = [row for row, text in enumerate(batch.texts) if language(text) == "en"]
        if not rows:
            return between[0].new_zeros(())
        states = between[len(between) * 2 // 3 - 1][rows, batch.asked[rows] - 1]
        loss = foretold.loss(states, [batch.texts[row] for row in rows])
        self.meaning = _smooth(self.meaning, float(loss.detach()))
        return _MEANING_WEIGHT * loss

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
        self.means[kind] = _smooth(float(self.means[kind]), value)

    def __str__(self) -> str:
        levels = " ".join(f"{float(v):.2f}" for v in self.means[1:])
        meaning = f" meaning {self.meaning:.3f}" if self.meaning else ""
        return f"text {float(self.means[0]):.3f} levels {levels}{meaning}"


def _smooth(known: float, value: float) -> float:
    return value if known == 0 else 0.98 * known + 0.02 * value
