"""`kinetoken train-demo train-teacher`: a sentence encoder learns what captions ask for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from kinetoken.cli.terminal import ProgressBar

from ...words.requests import CaptionSet, Request, held_out
from ...words.thoughts import fulfils
from ..defaults import TEACHER_EPOCHS
from ..lm_model import in_bfloat16
from .sentence_teacher import SentenceTeacher

_SEQUENCE: Final = "sequence"
_UNKNOWN: Final = "unknown"
_SORTED: Final = 16  # batches drawn at once, to put captions of like length together
_ASKED_AT_ONCE: Final = 256  # held-out captions


@dataclass(frozen=True)
class TeacherTraining:
    """The plan of a sentence encoder's training."""

    epochs: int = TEACHER_EPOCHS
    batch: int = 160
    """Captions."""
    peak: float = 1.5e-4
    warm_up: int = 100
    device: str = "cpu"
    """Of PyTorch, such as "cuda"."""
    seed: int = 5


def train_teacher(teacher: Path, captions: CaptionSet, plan: TeacherTraining, out: Path) -> float:
    """Train the encoder of a folder and write it to `out`. InputError.

    Returns the share of held-out captions of one action that it tells the action of.
    """
    torch.manual_seed(plan.seed)
    random = np.random.default_rng(plan.seed)
    learnt, kept = held_out(captions)
    names = [*sorted(learnt.single), _UNKNOWN, _SEQUENCE]
    rows = [(r.text, names.index(_named(r))) for r in learnt.all()]
    encoder = SentenceTeacher(teacher, plan.device)
    head = nn.Linear(encoder.width, len(names)).to(plan.device)
    # Words that no caption holds keep their place among those that do.
    encoder.encoder.embeddings.requires_grad_(False)
    learning = [p for p in encoder.encoder.parameters() if p.requires_grad]
    parameters = [*learning, *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=plan.peak, weight_decay=0.01, fused=True)
    steps = plan.epochs * len(rows) // plan.batch
    bar = ProgressBar("sentence encoder", steps)
    encoder.encoder.train()
    for step, drawn in zip(range(steps), _batches(rows, plan.batch, random), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = plan.peak * min(1.0, (step + 1) / plan.warm_up, 1.02 - step / steps)
        wanted = torch.tensor([label for _, label in drawn]).to(plan.device)
        with in_bfloat16(wanted.device):
            guess = head(encoder.pooled([_said(text, random) for text, _ in drawn]))
        loss = F.cross_entropy(guess.float(), wanted, label_smoothing=0.05)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        bar.show(step + 1)
    encoder.encoder.eval()
    encoder.encoder.save_pretrained(str(out))
    encoder.tokenizer.save_pretrained(str(out))
    return _told(encoder, head, names, [r for mine in kept.single.values() for r in mine])


def _batches(
    rows: Sequence[tuple[str, int]], size: int, random: np.random.Generator
) -> Iterator[list[tuple[str, int]]]:
    """Endless batches of captions of like length, each caption once in every round."""
    while True:
        order = [rows[int(i)] for i in random.permutation(len(rows))]
        for at in range(0, len(order), size * _SORTED):
            pool = sorted(order[at : at + size * _SORTED], key=lambda row: len(row[0]))
            groups = [pool[i : i + size] for i in range(0, len(pool), size)]
            yield from (groups[int(i)] for i in random.permutation(len(groups)))


def _named(request: Request) -> str:
    """The class of a caption."""
    if request.unknown:
        return _UNKNOWN
    return request.parts[0].action if len(request.parts) == 1 else _SEQUENCE


def _said(text: str, random: np.random.Generator) -> str:
    """A caption as it stands or, now and then, without a word of it."""
    words = text.split()
    if len(words) < 3 or random.random() < 0.7:
        return text
    at = int(random.integers(len(words)))
    return " ".join(words[:at] + words[at + 1 :])


@torch.no_grad()
def _told(
    encoder: SentenceTeacher, head: nn.Linear, names: Sequence[str], asked: Sequence[Request]
) -> float:
    right = 0
    for at in range(0, len(asked), _ASKED_AT_ONCE):
        some = asked[at : at + _ASKED_AT_ONCE]
        guesses = head(encoder.pooled([r.text for r in some])).argmax(-1).tolist()
        right += sum(
            fulfils(names[guess], r.parts[0].action) or names[guess] == r.parts[0].action
            for guess, r in zip(guesses, some, strict=True)
        )
    return right / max(1, len(asked))
