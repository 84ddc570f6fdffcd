"""`kinetoken train-demo train-words`: captions to a language model that thinks right, without motion."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from tokenizers import Tokenizer

from kinetoken.base.atomic_file import atomic_path
from kinetoken.base.errors import InputError

from ...checkpoint.motion_tokens import SYSTEM_PROMPT
from ..words.chats import Chats
from ..words.requests import CaptionSet, Exclusion, Request, held_out
from ..words.thoughts import Thoughts, counted_aloud, plan
from ..words.tokenizer import id_of, train_tokenizer
from ..words.word_vectors import WordVectors
from ..words.wordings import Wordings
from . import lm_steps
from .chat_examples import Block, ChatCoder, ChatTurn, Example
from .clock import TrainingClock
from .defaults import WORD_STEPS
from .lm_model import LmConfig, Qwen2
from .slot_losses import CODES, LEVELS, SlotLosses
from .teacher.sentence_teacher import Lessons, among
from .thought_exam import understanding

_TURNS: Final = (1, 2, 3, 4, 5, 6)
_TURN_SHARES: Final = (0.8, 0.08, 0.05, 0.03, 0.02, 0.02)
_TEXTS: Final = 12000  # drawn requests that the tokenizer is trained on, beside all captions
_MERGES: Final = 2700
_WORDS: Final = 7000  # frequent English words that are one token, where there are vectors of them
_TIMES: Final = 2  # how often each is shown to the tokenizer
_VECTOR_SCALE: Final = 0.05


@dataclass(frozen=True)
class WordTraining:
    """The plan of the stage without motion."""

    steps: int = WORD_STEPS
    minutes: float = 0.0
    """How long it may take in all; 0: as long as the steps take."""
    tokens: int = 1000
    """Tokens of a batch."""
    peak: float = 1.5e-3
    warm_up: int = 200
    dropout: float = 0.08
    merge_dropout: float = 0.03
    """Share of BPE merges left out while training: words come in other pieces, as typos do."""
    teacher: Path | None = None
    """Folder of a sentence encoder whose meaning of a request the model learns to foretell."""
    device: str = "cpu"
    """Of PyTorch, such as "cuda"."""
    workers: int = 0
    """Processes that draw examples; 0: the one that trains."""
    save_every: int = 300
    seed: int = 3


class WordedTurns:
    """Requests to turns whose motion is still missing."""

    def __init__(self, thoughts: Thoughts) -> None:
        self.thoughts = thoughts

    def turn(self, request: Request) -> ChatTurn:
        """A request, and all that is said in its answer."""
        blocks = [Block(words, None) for said in self.words(request) for words in said]
        return ChatTurn(request.text, tuple(blocks))

    def words(self, request: Request) -> list[list[str]]:
        """What is said before each block of each part."""
        if request.unknown == "unsure":
            return [[self.thoughts.nothing_before()]]
        if request.unknown:
            return [[self.thoughts.unknown(request.unknown)]]
        last = len(request.parts) - 1
        lines = [
            self.thoughts.line(part, turn=number, last=number == last)
            for number, part in enumerate(request.parts)
        ]
        if last:
            lines[0] = plan(request.parts)
        return [counted_aloud(line, part) for line, part in zip(lines, request.parts, strict=True)]


def train_words(
    work: Path,
    captions: CaptionSet,
    exclusion: Exclusion,
    plan: WordTraining,
    vectors: WordVectors | None = None,
) -> None:
    """Train (or go on with) the words in `work`/words.pt, and say how held-out captions fare.

    `vectors`: those of English words, to begin with.
    """
    torch.manual_seed(plan.seed)
    learnt, kept = held_out(captions)
    tokenizer = caption_tokenizer(work, learnt, exclusion, vectors)
    model = Qwen2(LmConfig(vocab_size=tokenizer.get_vocab_size()))
    if vectors is not None:
        _begin_with_vectors(model, tokenizer, vectors)
    model.to(plan.device)
    coder = ChatCoder(tokenizer)
    lessons = lessons_of(plan.teacher, learnt, coder, model, plan.seed)
    foretold = lessons.foretold if lessons else None
    optimizer = lm_steps.optimizer_of(model, plan.peak, foretold)
    done, spent = lm_steps.resume(work / "words.pt", model, optimizer, foretold)
    drawing = ChatCoder(tokenizer, merging(tokenizer, plan.merge_dropout))
    drawn = DrawnChats(learnt, exclusion, drawing, plan.seed + done)
    draw, randoms = among(lessons, drawn.draw, drawn.random, plan.seed + done)
    rows = lm_steps.drawn_batches(draw, plan.tokens, randoms, plan.workers)
    losses = SlotLosses(tokenizer)
    clock = TrainingClock(plan.steps, plan.minutes, spent)
    bar = clock.bar("words", done)
    system = torch.tensor([coder.system], device=model.device)
    model.train()
    steps = range(done, done if clock.is_over else plan.steps)
    for step, batch in zip(steps, rows, strict=False):
        _, past = model(system, plan.dropout)
        loss = losses.loss(model, batch, plan.dropout, past, foretold)
        lm_steps.update(model, optimizer, loss, clock.rate(step, plan.peak, plan.warm_up))
        clock.show(bar, step + 1, losses)
        last = step + 1 == plan.steps or clock.is_over
        if (step + 1) % plan.save_every == 0 or last:
            bar.erase()
            lm_steps.save(work / "words.pt", model, optimizer, step + 1, clock.spent, foretold)
            speed = losses.tokens / 60 / (clock.spent - spent)
            shares, _ = understanding(model, coder, kept)
            print(f"step {step + 1} {losses} {speed:.0f} tokens/s; {shares}", flush=True)
        if last:
            break


def lessons_of(
    teacher: Path | None, captions: CaptionSet, coder: ChatCoder, model: Qwen2, seed: int
) -> Lessons | None:
    """What a sentence encoder teaches, where there is one. InputError."""
    if teacher is None:
        return None
    return Lessons(teacher, captions, coder, model, seed)


class DrawnChats:
    """Chats as token ids, without end."""

    def __init__(
        self, captions: CaptionSet, exclusion: Exclusion, coder: ChatCoder, seed: int
    ) -> None:
        wordings = Wordings(captions, seed, exclusion)
        self.random = wordings.random
        thoughts = Thoughts(self.random)
        self.chats, self.turns, self.coder = Chats(wordings, thoughts), WordedTurns(thoughts), coder

    def draw(self) -> Example:
        """One chat."""
        turns = int(self.random.choice(_TURNS, p=_TURN_SHARES))
        return self.coder.encode([self.turns.turn(r) for r in self.chats.draw(turns)])


def _begin_with_vectors(model: Qwen2, tokenizer: Tokenizer, vectors: WordVectors) -> None:
    """Give the tokens that are English words or pieces of them their vectors."""
    count = id_of(tokenizer, "<|endoftext|>")
    rows, known = vectors.of_tokens(tokenizer, count, model.config.hidden_size)
    with torch.no_grad():
        table = model.model.embed_tokens.weight
        table[:count][known] = torch.from_numpy(rows[known]) * _VECTOR_SCALE
    print(f"{int(known.sum())} of {count} tokens begin with the vector of a word")


def caption_tokenizer(
    work: Path, captions: CaptionSet, exclusion: Exclusion, vectors: WordVectors | None = None
) -> Tokenizer:
    """The tokenizer of the captions, trained once and kept in `work`.

    The most frequent English words of `vectors` are one token each.
    """
    path = work / "tokenizer.json"
    if not path.is_file():
        wordings = Wordings(captions, 0, exclusion)
        thoughts = Thoughts(wordings.random)
        chats, turns = Chats(wordings, thoughts), WordedTurns(thoughts)
        texts = [SYSTEM_PROMPT] * 40 + [r.text for r in captions.all()]
        texts += [text.lower() for text in texts]
        for _ in range(_TEXTS // 2):
            for request in chats.draw(2):
                turn = turns.turn(request)
                texts += [turn.prompt, *(block.words for block in turn.blocks)]
        merges = _MERGES
        if vectors is not None:
            merges += _WORDS
            texts += _TIMES * [form for w in vectors.frequent(_WORDS) for form in (w, f" {w}")]
        tokenizer = train_tokenizer(texts, LEVELS, CODES, merges)
        work.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            tokenizer.save(str(temporary))
    return lm_steps.load_tokenizer(path)


def take_tokenizer(folder: Path, work: Path) -> None:
    """Keep the tokenizer of a language model's folder in `work`, unless there is one. InputError."""
    if not all((folder / name).is_file() for name in ("model.safetensors", "tokenizer.json")):
        raise InputError(
            f"--start: expected a language model (model.safetensors, tokenizer.json) in {folder}, "
            "found none: give a folder that train-lm wrote"
        )
    path = work / "tokenizer.json"
    if not path.is_file():
        work.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            shutil.copyfile(folder / "tokenizer.json", temporary)


def merging(tokenizer: Tokenizer, dropout: float) -> Tokenizer:
    """A copy of a tokenizer that leaves out merges at random."""
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.model.dropout = dropout or None
    return copy
