"""`kinetoken train-demo train-lm`: clips, a codec and trained words to a Hugging Face folder."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

from kinetoken.base.atomic_file import atomic_path

from ...codecs.own_model import load_codec
from ..words.requests import CaptionSet, Exclusion, held_out
from ..words.tokenizer import id_of, write_tokenizer
from . import lm_steps
from .chat_examples import ChatCoder
from .clock import TrainingClock
from .coded.coded_window import CodedWindow
from .coded.motion_bank import MotionBank
from .defaults import LM_STEPS, LONGEST_BLOCK_SECONDS
from .lm_data import Coder, coded_windows
from .lm_examples import ExampleShares, MotionChats
from .lm_model import LmConfig, Qwen2
from .slot_losses import SlotLosses
from .teacher.sentence_teacher import among
from .thought_exam import understanding
from .train_words import DrawnChats, caption_tokenizer, lessons_of, merging, take_tokenizer

_HINTS: Final[dict[str, object]] = {
    "history": 5, "prompt_seconds": True, "max_seconds": 30.0, "min_seconds": 1.2, "min_frames": 2,
    "max_block_seconds": LONGEST_BLOCK_SECONDS,
    "examples": [
        "walk in a circle to the left", "wave with both hands", "jump three times",
        "sneak forward", "do a cartwheel", "kick with the left leg, then bow", "dance",
        "throw a ball", "do push-ups", "march in place for five seconds", "salute",
        "lie down on the floor",
    ],
}  # fmt: skip


@dataclass(frozen=True)
class LmTraining:
    """The plan of a language-model training with motion."""

    steps: int = LM_STEPS
    minutes: float = 0.0
    """How long it may take in all; 0: as long as the steps take."""
    tokens: int = 1500
    """Tokens of a batch."""
    peak: float = 1.3e-3
    warm_up: int = 100
    dropout: float = 0.05
    merge_dropout: float = 0.04
    """Share of BPE merges of requests left out: words come in other pieces, as typos do."""
    shares: ExampleShares = field(default_factory=ExampleShares)
    teacher: Path | None = None
    """Folder of a sentence encoder whose meaning of a request the model learns to foretell."""
    device: str = "cpu"
    """Of PyTorch, such as "cuda"."""
    workers: int = 0
    """Processes that draw examples; 0: the one that trains."""
    save_every: int = 600
    seed: int = 3


def train_lm(
    work: Path,
    codec: Path,
    captions: CaptionSet,
    exclusion: Exclusion,
    plan: LmTraining,
    out: Path,
    start: Path | None = None,
) -> None:
    """Train (or go on with) the language model in `work` and write its folder to `out`.

    Begins with the language model of `start`, or the words of `work`/words.pt, if they are trained.
    """
    torch.manual_seed(plan.seed)
    found = coded_windows(work, codec)
    learnt, kept = held_out(captions)
    if start is not None:
        take_tokenizer(start, work)
    tokenizer = caption_tokenizer(work, learnt, exclusion)
    model = Qwen2(LmConfig(vocab_size=tokenizer.get_vocab_size())).to(plan.device)
    coder = ChatCoder(tokenizer)
    lessons = lessons_of(plan.teacher, learnt, coder, model, plan.seed)
    foretold = lessons.foretold if lessons else None
    optimizer = lm_steps.optimizer_of(model, plan.peak, foretold)
    done, spent = lm_steps.resume(work / "lm.pt", model, optimizer, foretold)
    if not done:
        _begin(model, tokenizer, work, start)
    chats = _chats(learnt, exclusion, tokenizer, found, codec, plan, done)
    draw, randoms = among(lessons, chats.draw, chats.random, plan.seed + done)
    rows = lm_steps.drawn_batches(draw, plan.tokens, randoms, plan.workers)
    losses = SlotLosses(tokenizer)
    clock = TrainingClock(plan.steps, plan.minutes, spent)
    bar = clock.bar("language model", done)
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
            lm_steps.save(work / "lm.pt", model, optimizer, step + 1, clock.spent, foretold)
            shares, _ = understanding(model, coder, kept)
            print(f"step {step + 1} {losses}; {shares}", flush=True)
        if last:
            break
    write_lm(model, tokenizer, out)


def _begin(model: Qwen2, tokenizer: Tokenizer, work: Path, start: Path | None) -> None:
    """Take the weights of `start`, or the words of `work`, where there are any."""
    if start is None:
        lm_steps.begin_with(work / "words.pt", model)
        return
    lm_steps.begin_as(start, model)
    learnt = lm_steps.sharpened(model.head.detach(), tokenizer, 1 / lm_steps.SHARPNESS)
    model.lm_head.weight.data.copy_(learnt)


def _chats(
    captions: CaptionSet,
    exclusion: Exclusion,
    tokenizer: Tokenizer,
    found: list[CodedWindow],
    codec: Path,
    plan: LmTraining,
    done: int,
) -> MotionChats:
    """What is drawn from `done` steps on."""
    drawing = ChatCoder(tokenizer, merging(tokenizer, plan.merge_dropout))
    worded = DrawnChats(captions, exclusion, drawing, plan.seed + 1000 + done)
    bank = MotionBank(found, Coder(*load_codec(codec)).latents, worded.random)
    return MotionChats(worded, bank, drawing, plan.shares)


def write_lm(model: Qwen2, tokenizer: Tokenizer, out: Path) -> None:
    """Write the Hugging Face folder: config, bfloat16 weights, tokenizer, chat template.

    And kinetoken.json, with what an export cannot know.
    """
    out.mkdir(parents=True, exist_ok=True)
    end, pad = id_of(tokenizer, "<|im_end|>"), id_of(tokenizer, "<|endoftext|>")
    learnt = model.state_dict()
    head = lm_steps.sharpened(learnt["lm_head.weight"], tokenizer, lm_steps.SHARPNESS)
    learnt = learnt | {"lm_head.weight": head}
    weights = {k: v.detach().bfloat16().cpu().contiguous() for k, v in learnt.items()}
    with atomic_path(out / "model.safetensors") as temporary:
        save_file(weights, temporary, metadata={"format": "pt"})
    generation = {"do_sample": True, "temperature": 0.3, "eos_token_id": end, "pad_token_id": pad}
    for name, content in (
        ("config.json", model.config.to_hf(end, pad)),
        ("generation_config.json", generation),
        ("kinetoken.json", _HINTS),
    ):
        with atomic_path(out / name) as temporary:
            Path(temporary).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    write_tokenizer(tokenizer, out)
