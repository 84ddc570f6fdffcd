"""What both stages of the language model's training share: batches, rates, saving, going on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.utils.data import IterableDataset, get_worker_info

from kinetoken.base.atomic_file import atomic_path
from kinetoken.base.errors import InputError
from kinetoken.tokens.markup import DEFAULT_MARKUP

from ..words.tokenizer import id_of
from .chat_examples import Example
from .lm_model import Qwen2
from .loading import loaded

_VECTOR_PACE: Final = 0.5  # of the learning rate, for word vectors
SHARPNESS: Final = 4.0  # of words in what is written, beside what was learnt; exact in bfloat16
_LAYER: Final = "model.layers."
_GROUPS: Final = 8  # batches drawn at once, to put rows of like length together


@dataclass(frozen=True)
class ExampleBatch:
    """Examples of like length."""

    ids: Tensor
    """(B, n), zeros behind the short ones."""
    weights: Tensor
    """(B, n)"""
    texts: tuple[str, ...]
    """The first request of each."""
    asked: Tensor
    """(B,): how many of its ids are given before the first answer."""


def batches(
    draw: Callable[[], Example], tokens: int, random: np.random.Generator
) -> Iterator[ExampleBatch]:
    """Endless batches of about `tokens` tokens."""
    while True:
        drawn: list[Example] = []
        while sum(len(row.ids) for row in drawn) < tokens * _GROUPS:
            drawn.append(draw())
        drawn.sort(key=lambda row: len(row.ids))
        groups: list[list[Example]] = [[]]
        for row in drawn:
            if groups[-1] and len(row.ids) * (len(groups[-1]) + 1) > tokens:
                groups.append([])
            groups[-1].append(row)
        for number in random.permutation(len(groups)):
            yield padded(groups[int(number)])


class _DrawnExamples(IterableDataset[ExampleBatch]):
    """The batches of `batches`; each worker process draws others."""

    def __init__(
        self,
        draw: Callable[[], Example],
        tokens: int,
        randoms: Sequence[np.random.Generator],
    ) -> None:
        self._draw, self._tokens, self._randoms = draw, tokens, randoms
        self._seed = int(randoms[0].integers(2**62))

    def __iter__(self) -> Iterator[ExampleBatch]:
        worker = get_worker_info()
        if worker is not None:
            for place, random in enumerate(self._randoms):
                mine = np.random.default_rng((self._seed, worker.id, place))
                random.bit_generator.state = mine.bit_generator.state
        return batches(self._draw, self._tokens, self._randoms[0])


def drawn_batches(
    draw: Callable[[], Example], tokens: int, randoms: Sequence[np.random.Generator], workers: int
) -> Iterator[ExampleBatch]:
    """Endless batches of about `tokens` tokens, drawn by `workers` processes, or by this one if 0.

    `randoms`: all that `draw` draws with.
    """
    return loaded(_DrawnExamples(draw, tokens, randoms), workers)


def padded(group: list[Example]) -> ExampleBatch:
    """Rows as one tensor each."""
    longest = max(len(row.ids) for row in group)
    ids = torch.zeros(len(group), longest, dtype=torch.long)
    weights = torch.zeros(len(group), longest)
    for number, row in enumerate(group):
        ids[number, : len(row.ids)] = torch.from_numpy(row.ids)
        weights[number, : len(row.ids)] = torch.from_numpy(row.weights)
    asked = torch.tensor([row.asked for row in group])
    return ExampleBatch(ids, weights, tuple(row.text for row in group), asked)


def optimizer_of(model: Qwen2, peak: float, beside: nn.Module | None = None) -> torch.optim.AdamW:
    """AdamW with weight decay on the matrices alone; word vectors move slowly and do not decay.

    `beside`: what is trained with the model and is no part of it.
    """
    vectors = model.model.embed_tokens.weight
    others = [p for p in model.parameters() if p is not vectors]
    others += [] if beside is None else list(beside.parameters())
    groups: list[dict[str, object]] = [
        {"params": [p for p in others if p.dim() > 1], "weight_decay": 0.05, "pace": 1.0},
        {"params": [p for p in others if p.dim() == 1], "weight_decay": 0.0, "pace": 1.0},
        {"params": [vectors], "weight_decay": 0.0, "pace": _VECTOR_PACE},
    ]
    return torch.optim.AdamW(groups, lr=peak, betas=(0.9, 0.97), fused=True)


def resume(
    path: Path, model: Qwen2, optimizer: torch.optim.Optimizer, beside: nn.Module | None = None
) -> tuple[int, float]:
    """Go on from a saved state. Returns the steps done and minutes spent; zeros for none.

    InputError where one of them has something beside the model and the other has not.
    """
    if not path.is_file():
        return 0, 0.0
    state = torch.load(path, weights_only=True, map_location="cpu")
    if bool(state["beside"]) != (beside is not None):
        was, now = ("with", "without") if state["beside"] else ("without", "with")
        raise InputError(
            f"{path}: expected a training {now} --teacher, got one {was}: go on as it began, or give "
            "another --work and what this one wrote as --start"
        )
    model.load_state_dict(state["model"])
    if beside is not None:
        beside.load_state_dict(state["beside"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"]), float(state.get("minutes", 0.0))


def begin_as(folder: Path, model: Qwen2) -> None:
    """Take the weights of a language model's Hugging Face folder. InputError.

    Layers that it lacks are added in its middle, where at first they change nothing.
    """
    weights = grown(load_file(folder / "model.safetensors"), model.config.num_hidden_layers)
    try:
        model.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    except RuntimeError as error:
        raise InputError(
            f"--start: expected a language model of the sizes and tokens of this one in {folder}, "
            "got another: give one that train-lm wrote, and a WORK without another's tokenizer.json"
        ) from error


def grown(weights: dict[str, Tensor], layers: int) -> dict[str, Tensor]:
    """Weights of a model with more layers that computes the same.

    The layers behind the first two are doubled, from the front; of each pair the second adds zero.
    """
    found = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith(_LAYER))
    doubled = range(1, 1 + layers - found)
    if layers <= found or doubled[-1] >= found:
        return weights
    out = {name: tensor for name, tensor in weights.items() if not name.startswith(_LAYER)}
    order = [
        (at, new) for at in range(found) for new in ((False, True) if at in doubled else (False,))
    ]
    for place, (at, new) in enumerate(order):
        mine = f"{_LAYER}{at}."
        for name, tensor in weights.items():
            if name.startswith(mine):
                silent = new and name.endswith(("o_proj.weight", "down_proj.weight"))
                out[f"{_LAYER}{place}.{name.removeprefix(mine)}"] = (
                    torch.zeros_like(tensor) if silent else tensor
                )
    return out


def sharpened(head: Tensor, tokenizer: Tokenizer, factor: float) -> Tensor:
    """A head (V, H) whose logits of words are so many times as large.

    What is done is chosen surely so, and how it is moved varies.
    """
    factors = torch.ones(len(head), 1, device=head.device)
    factors[: id_of(tokenizer, "<m_0_0>")] = factor
    factors[id_of(tokenizer, DEFAULT_MARKUP.markers[1])] = 1.0
    return head * factors


def begin_with(path: Path, model: Qwen2) -> None:
    """Take the weights of another training, where there is one."""
    if path.is_file():
        model.load_state_dict(torch.load(path, weights_only=True, map_location="cpu")["model"])


def save(
    path: Path,
    model: Qwen2,
    optimizer: torch.optim.Optimizer,
    step: int,
    minutes: float,
    beside: nn.Module | None = None,
) -> None:
    """Save the state, whole or not at all."""
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
    state["beside"] = {} if beside is None else beside.state_dict()
    with atomic_path(path) as temporary:
        torch.save(state | {"minutes": minutes}, temporary)


def update(model: Qwen2, optimizer: torch.optim.Optimizer, loss: Tensor, now: float) -> None:
    """One step down at the rate `now`."""
    for group in optimizer.param_groups:
        group["lr"] = now * group["pace"]
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def load_tokenizer(path: Path) -> Tokenizer:
    """A saved tokenizer."""
    return Tokenizer.from_file(str(path))
