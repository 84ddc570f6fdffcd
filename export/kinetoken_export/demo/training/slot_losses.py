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
from .lm_model import Past, Qwen2, in_bfloat16
from .lm_steps import ExampleBatch
from .teacher.sentence_teacher import Foretold

LEVELS: Final = 4
CODES: Final = 1024
_MEANING_WEIGHT: Final = 2.0
_MEANING: Final = -1  # a key of its own beside the kinds of slots


class SlotLosses:
    """Cross entropy where the grammar of an answer allows a level's codes or words alone.

    A slot of words may hold any word or marker, one of level 0 its codes and </move>, one of a
    higher level its codes.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.first = id_of(tokenizer, "<m_0_0>")
        self.close = id_of(tokenizer, DEFAULT_MARKUP.markers[1])
        self.tokens = 0
        self._means: dict[int, Tensor] = {}

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
        device = model.device
        between: list[Tensor] = []
        self.tokens += int((batch.ids > 0).sum())
        targets, shares = batch.ids[:, 1:].flatten(), batch.weights[:, 1:].flatten()
        kinds = self._kinds(targets)
        with in_bfloat16(device):
            hidden, _ = model(batch.ids[:, :-1].to(device), drop, past, between)
            hidden = hidden.flatten(0, 1)
            total = hidden.float().sum() * 0.0  # of no weight, so that there is always a gradient
            for kind in range(LEVELS + 1):
                # Selected on the CPU: on a GPU, nonzero waits for the device.
                mine = torch.nonzero((kinds == kind) & (shares > 0))[:, 0]
                if len(mine):
                    rows, wanted = self._rows(kind, targets[mine])
                    logits = model.logits(hidden[mine.to(device)], _to(rows, device))
                    losses = F.cross_entropy(logits.float(), wanted.to(device), reduction="none")
                    total = total + (losses * shares[mine].to(device)).sum()
                    self._add(kind, losses.detach().mean())
        mean: Tensor = total / float(shares.sum().clamp(min=1.0))
        return mean if foretold is None else mean + self._meaning(batch, between, foretold)

    def _meaning(self, batch: ExampleBatch, between: list[Tensor], foretold: Foretold) -> Tensor:
        """How far the state behind each English request is from what the request means."""
        rows = [row for row, text in enumerate(batch.texts) if language(text) == "en"]
        if not rows:
            return between[0].new_zeros(())
        last = batch.asked[rows] - 1
        states = between[len(between) * 2 // 3 - 1]
        states = states[torch.tensor(rows, device=states.device), last.to(states.device)]
        loss = foretold.loss(states, [batch.texts[row] for row in rows])
        self._add(_MEANING, loss.detach())
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

    def _add(self, kind: int, value: Tensor) -> None:
        known = self._means.get(kind)
        self._means[kind] = value if known is None else 0.98 * known + 0.02 * value

    def mean(self, kind: int) -> float:
        """The running mean of a kind's loss; 0 before the first."""
        return float(self._means.get(kind, 0.0))

    def __str__(self) -> str:
        levels = " ".join(f"{self.mean(1 + q):.2f}" for q in range(LEVELS))
        meaning = f" meaning {self.mean(_MEANING):.3f}" if _MEANING in self._means else ""
        return f"text {self.mean(0):.3f} levels {levels}{meaning}"


def _to(rows: Tensor | slice, device: torch.device) -> Tensor | slice:
    return rows if isinstance(rows, slice) else rows.to(device)
