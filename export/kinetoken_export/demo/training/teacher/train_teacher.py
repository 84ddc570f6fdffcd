"""`kinetoken train-demo train-teacher`: a sentence encoder learns what captions ask for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from kinetoken.base.errors import InputError
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
_SMOOTHING: Final = 0.05  # of the classes
_DECAY: Final = 0.01
_SHORTENED: Final = 0.3  # share of captions that lose a word
_FEWEST_WORDS: Final = 3  # of a caption that may lose one


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
    """Train the encoder of a folder and write it to `out`, each file whole. InputError.

    Returns the share of held-out captions of one action whose action it names.
    """
    if out.resolve() == teacher.resolve():
        raise InputError(f"-o: expected a folder other than the encoder's own, got {out}")
    torch.manual_seed(plan.seed)
    random = np.random.default_rng(plan.seed)
    encoder = SentenceTeacher(teacher, plan.device, option="SOURCE")
    learnt, kept = held_out(captions)
    names = [*sorted(learnt.single), _UNKNOWN, _SEQUENCE]
    rows = [(r.text, names.index(_named(r))) for r in learnt.all()]
    head = nn.Linear(encoder.width, len(names)).to(plan.device)
    # Frozen, so that words in no caption keep their place beside those that are.
    encoder.encoder.embeddings.requires_grad_(False)
    learning = [p for p in encoder.encoder.parameters() if p.requires_grad]
    parameters = [*learning, *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=plan.peak, weight_decay=_DECAY, fused=True)
    steps = plan.epochs * math.ceil(len(rows) / plan.batch)
    bar = ProgressBar("sentence encoder", steps)
    encoder.encoder.train()
    for step, drawn in zip(range(steps), _batches(rows, plan.batch, random), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = plan.peak * min((step + 1) / plan.warm_up, 1 - step / steps)
        wanted = torch.tensor([label for _, label in drawn]).to(plan.device)
        with in_bfloat16(wanted.device):
            guess = head(encoder.pooled([_said(text, random) for text, _ in drawn]))
        loss = F.cross_entropy(guess.float(), wanted, label_smoothing=_SMOOTHING)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        bar.show(step + 1)
    encoder.encoder.eval()
    _write(encoder, out)
    return _share_right(encoder, head, names, [r for mine in kept.single.values() for r in mine])


def _write(encoder: SentenceTeacher, out: Path) -> None:
    """Write the encoder's folder, each file whole."""
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out) as temporary:
        encoder.encoder.save_pretrained(temporary)
        encoder.tokenizer.save_pretrained(temporary)
        for path in Path(temporary).iterdir():
            path.replace(out / path.name)


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
    if len(words) < _FEWEST_WORDS or random.random() >= _SHORTENED:
        return text
    at = int(random.integers(len(words)))
    return " ".join(words[:at] + words[at + 1 :])


@torch.no_grad()
def _share_right(
    encoder: SentenceTeacher, head: nn.Linear, names: Sequence[str], asked: Sequence[Request]
) -> float:
    """The share of requests of one action whose action it names."""
    right = 0
    for at in range(0, len(asked), _ASKED_AT_ONCE):
        some = asked[at : at + _ASKED_AT_ONCE]
        guesses = head(encoder.pooled([r.text for r in some])).argmax(-1).tolist()
        right += sum(
            fulfils(names[guess], r.parts[0].action) for guess, r in zip(guesses, some, strict=True)
        )
    return right / max(1, len(asked))
