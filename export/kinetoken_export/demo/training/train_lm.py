"""`kinetoken demo train-lm`: clips and a codec to a Hugging Face folder."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from kinetoken.base.atomic_file import atomic_path
from kinetoken.cli.terminal import ProgressBar

from ...checkpoint.motion_tokens import SYSTEM_PROMPT
from ..words.captions import Captions
from ..words.exam import FORBIDDEN
from ..words.tokenizer import id_of, train_tokenizer, write_tokenizer
from .chat_examples import ChatCoder, Ids, Weights
from .defaults import LM_STEPS
from .lm_data import Example, coded_examples
from .lm_model import LmConfig, Qwen2

_LEVELS = 4
_CODES = 1024


@dataclass(frozen=True)
class LmTraining:
    """The plan of a language-model training."""

    steps: int = LM_STEPS
    batch: int = 16
    peak: float = 1.5e-3
    warm_up: int = 150
    dropout: float = 0.03
    balance: float = 0.4
    """Actions are drawn in proportion to their number of examples to this power."""
    pair_share: float = 0.07
    save_every: int = 250
    seed: int = 3


def train_lm(work: Path, codec: Path, plan: LmTraining, out: Path) -> None:
    """Train (or go on with) the language model in `work` and write its folder to `out`."""
    torch.manual_seed(plan.seed)
    found = coded_examples(work, codec)
    tokenizer = _tokenizer(work, found)
    model = Qwen2(LmConfig(vocab_size=tokenizer.get_vocab_size()))
    optimizer = torch.optim.AdamW(_groups(model), lr=plan.peak, betas=(0.9, 0.97))
    done = _resume(work / "lm.pt", model, optimizer)
    batches = Batches(
        found, ChatCoder(tokenizer, Captions(plan.seed + done, FORBIDDEN)), plan, plan.seed + done
    )
    meter, bar = RunningLosses(tokenizer), ProgressBar("language model", plan.steps, before=done)
    began = time.monotonic()
    model.train()
    for step, (ids, weights) in zip(range(done, plan.steps), batches, strict=False):
        for group in optimizer.param_groups:
            group["lr"] = _rate(plan, step)
        loss = _loss(model, ids, weights, plan.dropout, meter)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        bar.show(step + 1, f"loss {meter.total:.2f}")
        if (step + 1) % plan.save_every == 0 or step + 1 == plan.steps:
            bar.erase()
            rate = meter.tokens / (time.monotonic() - began)
            print(f"step {step + 1} {meter} {rate:.0f} tokens/s", flush=True)
            _save(work / "lm.pt", model, optimizer, step + 1)
    write_lm(model, tokenizer, out)


class Batches:
    """Endless batches (ids (B, n), weights (B, n)) of examples of like length."""

    def __init__(self, found: list[Example], coder: ChatCoder, plan: LmTraining, seed: int) -> None:
        self.coder, self.plan = coder, plan
        self.random = np.random.default_rng(seed)
        self.pairs = [e for e in found if len(e.windows) > 1]
        self.by_action: dict[str, list[Example]] = {}
        for example in found:
            if len(example.windows) == 1:
                self.by_action.setdefault(example.windows[0].action, []).append(example)
        self.actions = list(self.by_action)
        sizes = (
            np.array([len(self.by_action[a]) for a in self.actions], dtype=np.float64)
            ** plan.balance
        )
        self.shares = sizes / sizes.sum()

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            drawn = sorted(
                (self.coder.encode(self._draw()) for _ in range(self.plan.batch * 8)),
                key=lambda pair: len(pair[0]),
            )
            groups = [drawn[i : i + self.plan.batch] for i in range(0, len(drawn), self.plan.batch)]
            for k in self.random.permutation(len(groups)):
                yield _padded(groups[k])

    def _draw(self) -> Example:
        if self.pairs and self.random.random() < self.plan.pair_share:
            return self.pairs[int(self.random.integers(len(self.pairs)))]
        mine = self.by_action[str(self.random.choice(self.actions, p=self.shares))]
        return mine[int(self.random.integers(len(mine)))]


def _padded(group: list[tuple[Ids, Weights]]) -> tuple[Tensor, Tensor]:
    longest = max(len(ids) for ids, _ in group)
    ids = torch.zeros(len(group), longest, dtype=torch.long)
    weights = torch.zeros(len(group), longest)
    for row, (mine, theirs) in enumerate(group):
        ids[row, : len(mine)] = torch.from_numpy(mine)
        weights[row, : len(mine)] = torch.from_numpy(theirs)
    return ids, weights


class RunningLosses:
    """Running means of the loss: text, and each level of motion."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.first = id_of(tokenizer, "<m_0_0>")
        self.kinds = torch.zeros(_LEVELS + 1, dtype=torch.float64)
        self.total = 0.0
        self.tokens = 0

    def add(self, targets: Tensor, losses: Tensor, total: float, tokens: int) -> None:
        """Take in the losses (N,) of targets (N,)."""
        kind = torch.where(targets < self.first, _LEVELS, (targets - self.first) // _CODES)
        for k in range(_LEVELS + 1):
            mine = losses[kind == k]
            if len(mine):
                value = float(mine.mean())
                self.kinds[k] = value if self.kinds[k] == 0 else 0.99 * self.kinds[k] + 0.01 * value
        self.total = total if not self.total else 0.99 * self.total + 0.01 * total
        self.tokens += tokens

    def __str__(self) -> str:
        levels = " ".join(f"{float(v):.2f}" for v in self.kinds[:_LEVELS])
        return f"loss {self.total:.3f} text {float(self.kinds[_LEVELS]):.3f} levels {levels}"


def _loss(
    model: Qwen2, ids: Tensor, weights: Tensor, dropout: float, meter: RunningLosses
) -> Tensor:
    wanted = weights[:, 1:] > 0
    targets = ids[:, 1:][wanted]
    with torch.autocast("cpu", torch.bfloat16):
        logits = model.logits(model(ids[:, :-1], dropout)[wanted])
    losses = F.cross_entropy(logits.float(), targets, reduction="none")
    share = weights[:, 1:][wanted]
    loss = (losses * share).sum() / share.sum()
    meter.add(targets, losses.detach(), float(loss.detach()), int((ids > 0).sum()))
    return loss


def _tokenizer(work: Path, found: list[Example]) -> Tokenizer:
    path = work / "tokenizer.json"
    if not path.is_file():
        captions = Captions(0, FORBIDDEN)
        texts = [SYSTEM_PROMPT] * 40
        for i in range(12000):
            example = found[i % len(found)]
            texts += [captions.caption(example.windows[0]), captions.thought(example.windows[0])]
        tokenizer = train_tokenizer(texts, _LEVELS, _CODES)
        with atomic_path(path) as temporary:
            tokenizer.save(str(temporary))
    return Tokenizer.from_file(str(path))


def _groups(model: Qwen2) -> list[dict[str, object]]:
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    return [{"params": matrices, "weight_decay": 0.02}, {"params": vectors, "weight_decay": 0.0}]


def _rate(plan: LmTraining, step: int) -> float:
    warm = min(1.0, (step + 1) / plan.warm_up)
    return plan.peak * warm * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * step / plan.steps)))


def _resume(path: Path, model: Qwen2, optimizer: torch.optim.Optimizer) -> int:
    if not path.is_file():
        return 0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


def _save(path: Path, model: Qwen2, optimizer: torch.optim.Optimizer, step: int) -> None:
    with atomic_path(path) as temporary:
        torch.save(
            {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step},
            temporary,
        )


def write_lm(model: Qwen2, tokenizer: Tokenizer, out: Path) -> None:
    """Write the Hugging Face folder: config, bfloat16 weights, tokenizer, chat template."""
    out.mkdir(parents=True, exist_ok=True)
    end, pad = id_of(tokenizer, "<|im_end|>"), id_of(tokenizer, "<|endoftext|>")
    weights = {k: v.detach().bfloat16().contiguous() for k, v in model.state_dict().items()}
    with atomic_path(out / "model.safetensors") as temporary:
        save_file(weights, temporary, metadata={"format": "pt"})
    generation = {"do_sample": True, "temperature": 0.5, "eos_token_id": end, "pad_token_id": pad}
    for name, content in (
        ("config.json", model.config.to_hf(end, pad)),
        ("generation_config.json", generation),
    ):
        with atomic_path(out / name) as temporary:
            Path(temporary).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    write_tokenizer(tokenizer, out)
