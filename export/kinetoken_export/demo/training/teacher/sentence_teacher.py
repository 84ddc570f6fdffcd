"""What sentences mean, from a pretrained encoder: the language model learns to foretell it.

Words that no caption holds get a meaning so. The encoder is asked while training, and is no part of
what is written.

Source: Sentence-BERT (mean of the last hidden states over the tokens of a sentence).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from kinetoken.base.errors import InputError
from kinetoken.base.machine.packages import require_package

from ...words.requests import CaptionSet
from ..chat_examples import ChatCoder, Example
from ..lm_model import Qwen2, in_bfloat16

_MOST_TOKENS: Final = 48
_FOR_MEAN: Final = 2000  # captions whose mean is taken off, since all of them are about bodies
_KINDS: Final = {"replaced": 0.5, "mixed": 0.2, "shortened": 0.15, "words": 0.15}
_MOST_LOOSE_WORDS: Final = 3
_LOOSE: Final = 0.35  # share of examples


class SentenceTeacher:
    """A sentence encoder in a Hugging Face folder, which `option` names. InputError."""

    def __init__(self, folder: Path, device: str = "cpu", option: str = "--teacher") -> None:
        require_package("transformers")
        self.tokenizer, encoder = _read_encoder(folder, option)
        self.encoder = encoder.to(device).eval()
        self.width = int(self.encoder.config.hidden_size)
        self._mean = torch.zeros(self.width, device=device)

    def centre(self, texts: Sequence[str]) -> None:
        """Take off the mean of these texts from now on."""
        self._mean = self.embed(texts).mean(0) + self._mean

    @torch.no_grad()
    def embed(self, texts: Sequence[str]) -> Tensor:
        """Embeddings (B, width) of texts, of length 1 before the mean is taken off."""
        with in_bfloat16(self._mean.device):
            pooled = self.pooled(texts)
        return F.normalize(pooled, dim=-1) - self._mean

    def pooled(self, texts: Sequence[str]) -> Tensor:
        """The means (B, width) of the last hidden states of texts."""
        given = self.tokenizer(
            list(texts),
            padding=True,
            truncation=True,
            max_length=_MOST_TOKENS,
            return_tensors="pt",
        ).to(self._mean.device)
        hidden = self.encoder(**given).last_hidden_state
        seen = given["attention_mask"][..., None].to(hidden.dtype)
        mean: Tensor = (hidden * seen).sum(1) / seen.sum(1)
        return mean.float()


def _read_encoder(folder: Path, option: str) -> tuple[Any, Any]:
    """The tokenizer and the encoder of a folder. InputError."""
    from transformers import AutoModel, AutoTokenizer

    expected = f"{option}: expected the folder of a sentence encoder (BERT), got {folder}"
    advice = "give one such as all-MiniLM-L6-v2's"
    if not (folder / "config.json").is_file():
        raise InputError(f"{expected} without a config.json: {advice}")
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder))
        encoder = AutoModel.from_pretrained(str(folder))
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise InputError(
            f"{expected}, which transformers does not read ({reason}): {advice}"
        ) from error
    if not hasattr(encoder, "embeddings"):
        raise InputError(f"{expected}, a model of type {encoder.config.model_type}: {advice}")
    return tokenizer, encoder


class Foretold(nn.Module):
    """Hidden states behind a request to the encoder's embedding of it."""

    def __init__(self, teacher: SentenceTeacher, hidden: int) -> None:
        super().__init__()
        self._teacher = teacher
        self.project = nn.Linear(hidden, teacher.width)

    def loss(self, hidden: Tensor, texts: Sequence[str]) -> Tensor:
        """One less the mean cosine of hidden states (B, H) to the embeddings of their texts."""
        wanted = self._teacher.embed(texts)
        return 1 - F.cosine_similarity(self.project(hidden.float()), wanted, dim=-1).mean()


class LooseTexts:
    """Draws texts that nobody would write: captions with other words in them."""

    def __init__(
        self, captions: CaptionSet, tokenizer: Tokenizer, random: np.random.Generator
    ) -> None:
        self._captions = [r.text for r in captions.all()]
        self._random = random
        self._words = sorted(
            word[1:] for word in tokenizer.get_vocab() if word[0] == "Ġ" and word[1:].isalpha()
        )

    def sample(self, count: int) -> list[str]:
        """As many captions as they are."""
        return [self._caption() for _ in range(count)]

    def draw(self) -> str:
        """One text."""
        kind = str(self._random.choice(list(_KINDS), p=list(_KINDS.values())))
        if kind == "words":
            count = int(self._random.integers(1, _MOST_LOOSE_WORDS + 1))
            return " ".join(self._word() for _ in range(count))
        words = self._caption().split()
        if kind == "mixed":
            others = self._caption().split()
            first = int(self._random.integers(1, len(words) + 1))
            return " ".join(words[:first] + others[int(self._random.integers(len(others))) :])
        at = int(self._random.integers(len(words)))
        if kind == "shortened":
            return " ".join(words[:at] + words[at + 1 :]) or words[0]
        words[at] = self._word()
        return " ".join(words)

    def _caption(self) -> str:
        return self._captions[int(self._random.integers(len(self._captions)))]

    def _word(self) -> str:
        return self._words[int(self._random.integers(len(self._words)))]


class Lessons:
    """What a training with an encoder has beside one without."""

    def __init__(
        self, folder: Path, captions: CaptionSet, coder: ChatCoder, model: Qwen2, seed: int
    ) -> None:
        """`folder`: the encoder's. InputError."""
        self.random, self._coder = np.random.default_rng(seed), coder
        self._loose = LooseTexts(captions, coder.tokenizer, self.random)
        teacher = SentenceTeacher(folder, str(model.device))
        teacher.centre(self._loose.sample(_FOR_MEAN))
        self.foretold = Foretold(teacher, model.config.hidden_size).to(model.device)

    def among(self, draw: Callable[[], Example]) -> Callable[[], Example]:
        """Draws that are loose texts now and then."""

        def mixed() -> Example:
            if self.random.random() < _LOOSE:
                return self._coder.question(self._loose.draw())
            return draw()

        return mixed


def among(
    lessons: Lessons | None, draw: Callable[[], Example], random: np.random.Generator, seed: int
) -> tuple[Callable[[], Example], list[np.random.Generator]]:
    """Draws that are lessons now and then, where there are any, and all that they are drawn with.

    `seed`: of the lessons; another one where a training goes on, so that it draws others.
    """
    if lessons is None:
        return draw, [random]
    lessons.random.bit_generator.state = np.random.default_rng(seed).bit_generator.state
    return lessons.among(draw), [random, lessons.random]
