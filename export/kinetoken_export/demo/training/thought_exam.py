"""How well a language model understands captions that it never saw: the thought alone is judged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..words.requests import CaptionSet, Part, Request
from ..words.thoughts import fulfils, meant, planned
from .chat_examples import ChatCoder
from .lm_model import Past, Qwen2

_MOST_WORDS = 20  # tokens of a thought that are looked at


@dataclass(frozen=True)
class Understanding:
    """Shares of held-out captions."""

    known: float
    """Of what can be done: the first thought names the right action."""
    refused: float
    """Of what can be done: the thought says that it cannot."""
    honest: float
    """Of what cannot be done: the thought says so."""
    sequences: float
    """Of sequences: the first thought names all actions in order."""

    def __str__(self) -> str:
        return (
            f"right {self.known:.1%}, refused {self.refused:.1%}, honest {self.honest:.1%}, "
            f"sequences {self.sequences:.1%}"
        )


class Thinker:
    """Writes the first thought about requests, greedily or with a temperature."""

    def __init__(self, model: Qwen2, coder: ChatCoder, temperature: float = 0.0) -> None:
        self.model, self.coder, self.temperature = model, coder, temperature

    @torch.no_grad()
    def thoughts(self, texts: Sequence[str]) -> list[str]:
        """The first thought about each text."""
        self.model.eval()
        _, past = self.model(torch.tensor([self.coder.system], device=self.model.device))
        by_length = defaultdict[int, list[int]](list)
        prompts = [self.coder.prompt(text) for text in texts]
        for number, prompt in enumerate(prompts):
            by_length[len(prompt)].append(number)
        out = [""] * len(texts)
        for numbers in by_length.values():
            ids = torch.tensor([prompts[number] for number in numbers], device=self.model.device)
            for number, words in zip(numbers, self._write(ids, past), strict=True):
                out[number] = words
        self.model.train()
        return out

    def _write(self, ids: Tensor, past: list[Past]) -> list[str]:
        written: list[list[int]] = [[] for _ in ids]
        stops = {self.coder.move_start, self.coder.end}
        words = slice(0, self.coder.firsts[0])
        for _ in range(_MOST_WORDS):
            hidden, past = self.model(ids, 0.0, past)
            logits = self.model.logits(hidden[:, -1], words)
            if self.temperature:
                shares = torch.softmax(logits / self.temperature, dim=-1)
                ids = torch.multinomial(shares, 1)
            else:
                ids = logits.argmax(-1, keepdim=True)
            for row, token in zip(written, ids[:, 0].tolist(), strict=True):
                row.append(token)
            if all(stops & set(row) for row in written):
                break
        texts = []
        for row in written:
            end = next((i for i, token in enumerate(row) if token in stops), len(row))
            texts.append(self.coder.tokenizer.decode(row[:end]).strip())
        return texts


def understanding(
    model: Qwen2, coder: ChatCoder, captions: CaptionSet, temperature: float = 0.0
) -> tuple[Understanding, list[tuple[Request, str]]]:
    """Ask about every caption once. Returns the shares and each wrong answer."""
    single = [r for mine in captions.single.values() for r in mine]
    asked = [*single, *captions.unknown, *captions.sequences]
    thoughts = Thinker(model, coder, temperature).thoughts([r.text for r in asked])
    right = dict.fromkeys(("known", "refused", "honest", "sequences"), 0)
    wrong: list[tuple[Request, str]] = []
    for request, thought in zip(asked, thoughts, strict=True):
        action = meant(thought)
        if request.unknown:
            good = action == "unknown"
            right["honest"] += good
        elif len(request.parts) == 1:
            good = fulfils(action, request.parts[0].action)
            right["known"] += good
            right["refused"] += action == "unknown"
        else:
            good = plans(thought, request.parts)
            right["sequences"] += good
        if not good:
            wrong.append((request, thought))
    return Understanding(
        right["known"] / max(1, len(single)),
        right["refused"] / max(1, len(single)),
        right["honest"] / max(1, len(captions.unknown)),
        right["sequences"] / max(1, len(captions.sequences)),
    ), wrong


def plans(thought: str, parts: Sequence[Part]) -> bool:
    """Tell whether a thought names all actions of a request in order."""
    named = planned(thought)
    return len(named) == len(parts) and all(
        fulfils(action, part.action) for action, part in zip(named, parts, strict=True)
    )
