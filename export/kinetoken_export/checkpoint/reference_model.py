"""The checkpoint itself, computed by torch in float32: what every export is measured against.

`ReferenceModel` brings all sequences through one layer after another and holds the weights of a
single layer, so that a model of billions fits a small memory. `ReferenceLanguageModel` holds all
weights and keeps a cache; it is an engine of the runtime, so that the runtime can write answers
with the source.

For text alone the three positions of a Qwen2.5-VL are one, and its rotary embedding equals Qwen2's.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from kinetoken.base.errors import EngineError, InputError
from kinetoken.cli.terminal import progress
from kinetoken.engines.memory import free_bytes
from kinetoken.engines.one_at_a_time import SequentialBatch
from kinetoken.engines.prompt_items import NO_IMAGES, EncodedImage
from kinetoken.engines.run_checks import check_push, check_rewind
from kinetoken.engines.saved_state import pack_state, state_array, unpack_state
from kinetoken.manifest.architectures import Architecture
from kinetoken.tokens.allowed_ids import Allowed, count_allowed, take_allowed

from .config.rope import Rope
from .model_shape import LanguageModelShape
from .tensors import (
    Float32Array,
    TensorSource,
    expected_tensors,
    head_tensor,
    norm_gain,
    row_chunks,
)

_SHARE: Final = 0.7  # of the free memory that float32 weights may take
_SMALL: Final = 1 << 21  # numbers of a matrix
Observe = Callable[[str, Float32Array], None]
"""Name of a matrix, and the inputs (n, in) that it is about to multiply."""
Rotary = tuple[Tensor, Tensor]
"""Cosines and sines (n, head_dim) of the positions."""
Rotaries = Mapping[Rope, Rotary]
"""Those of every kind of layer."""
_ACTIVATIONS: Final[Mapping[str, Callable[[Tensor], Tensor]]] = {
    "silu": F.silu,
    "gelu_tanh": functools.partial(F.gelu, approximate="tanh"),
}


class ReferenceModel:
    """A checkpoint, read a layer at a time for as long as it is needed."""

    def __init__(self, source: TensorSource) -> None:
        self._source, self._shape = source, source.shape

    @property
    def architecture(self) -> Architecture:
        """The checkpoint's."""
        return self._source.architecture

    def logits(
        self, sequences: Sequence[Sequence[int]], *, observe: Observe | None = None
    ) -> list[Float32Array]:
        """Logits (n, vocab) after each token of each sequence of n ids.

        `observe` sees the inputs of every matrix.
        """
        return list(self.each(sequences, observe=observe))

    def each(
        self, sequences: Sequence[Sequence[int]], *, observe: Observe | None = None
    ) -> Iterator[Float32Array]:
        """Yield the logits of one sequence after the other, since all would fill the memory."""
        return (self.head(hidden) for hidden in self.hidden(sequences, observe=observe))

    @torch.inference_mode()
    def hidden(
        self, sequences: Sequence[Sequence[int]], *, observe: Observe | None = None
    ) -> list[Float32Array]:
        """Normed hidden states (n, H) of each sequence, which the head multiplies.

        InputError for ids that do not exist.
        """
        rotaries = {n: rotary_angles(self._shape, 0, n) for n in {len(ids) for ids in sequences}}
        states = [self._embedded(ids) for ids in sequences]
        for number in progress(range(self._shape.layers), "source"):
            layer = ReferenceLayer.read(self._source, number)
            states = [layer.forward(x, rotaries[len(x)], observe=observe) for x in states]
        gain = torch.from_numpy(norm_gain(self._source, self._source.architecture.final_norm))
        arrays = [np.asarray(_norm(x, gain, self._shape).numpy()) for x in states]
        if observe is not None:
            for array in arrays:
                observe(head_tensor(self._source), array)
        return arrays

    @torch.inference_mode()
    def head(self, hidden: Float32Array) -> Float32Array:
        """Logits (n, vocab) of normed hidden states (n, H), a piece of the head at a time."""
        name, rows = head_tensor(self._source), self._shape.vocab_size
        out, states = np.empty((len(hidden), rows), np.float32), torch.from_numpy(hidden)
        for start, stop in row_chunks(rows, self._shape.hidden):
            piece = torch.from_numpy(self._source.rows(name, start, stop))
            out[:, start:stop] = _capped(F.linear(states, piece), self._shape).numpy()
        return out

    def _embedded(self, ids: Sequence[int]) -> Tensor:
        """Rows (n, H) of the embedding, of which only those that occur are read."""
        _check_ids(ids, self._shape)
        wanted, places = np.unique(np.asarray(ids, np.int64), return_inverse=True)
        name = self._source.architecture.embedding
        rows = np.concatenate([self._source.rows(name, int(i), int(i) + 1) for i in wanted])
        return _scaled(torch.from_numpy(rows[places]), self._source.architecture)


@dataclass
class ReferenceCache:
    """Keys and values (kv_heads, n, head_dim) of the tokens so far."""

    keys: Tensor
    values: Tensor

    @classmethod
    def empty(cls, shape: LanguageModelShape) -> ReferenceCache:
        """The cache before the first token."""
        nothing = torch.zeros(shape.kv_heads, 0, shape.head_dim)
        return cls(nothing, nothing)

    def extend(self, keys: Tensor, values: Tensor) -> None:
        """Add keys and values of new tokens."""
        self.keys, self.values = (
            torch.cat([self.keys, keys], 1),
            torch.cat([self.values, values], 1),
        )


@dataclass(frozen=True)
class ReferenceLayer:
    """One transformer layer, norms first, and again behind where the architecture has such."""

    number: int
    architecture: Architecture
    shape: LanguageModelShape
    weights: dict[str, Tensor]
    """By part: "attn_q.weight", "attn_q.bias"."""

    @classmethod
    def read(cls, source: TensorSource, number: int) -> ReferenceLayer:
        """Read layer `number` of a checkpoint."""
        entry = source.architecture
        weights: dict[str, Tensor] = {}
        for tensor in entry.layer:
            name = entry.tensor(number, tensor.part)
            values = norm_gain(source, name) if len(tensor.dims) == 1 else source.tensor(name)
            weights[f"{tensor.part}.weight"] = torch.from_numpy(values)
            if tensor.biased:
                bias = source.tensor(entry.tensor(number, tensor.part, "bias"))
                weights[f"{tensor.part}.bias"] = torch.from_numpy(bias)
        return cls(number, entry, source.shape, weights)

    def forward(
        self,
        x: Tensor,
        rotaries: Rotaries,
        cache: ReferenceCache | None = None,
        observe: Observe | None = None,
    ) -> Tensor:
        """Hidden states (n, H) to those of the next layer."""
        rotary = rotaries[self.shape.layer_rope(self.number)]
        normed = self._norm("attn_norm", x)
        out = self._attention(normed, rotary, cache or ReferenceCache.empty(self.shape), observe)
        x = x + self._norm("post_attention_norm", out)
        normed = self._norm("ffn_norm", x)
        gate = _ACTIVATIONS[self.architecture.activation](
            self._multiply("ffn_gate", normed, observe)
        )
        out = self._multiply("ffn_down", gate * self._multiply("ffn_up", normed, observe), observe)
        return x + self._norm("post_ffw_norm", out)

    def _norm(self, part: str, x: Tensor) -> Tensor:
        """x normed over its last axis; as it is where the layer has no such norm."""
        gain = self.weights.get(f"{part}.weight")
        return x if gain is None else _norm(x, gain, self.shape)

    def _attention(
        self, x: Tensor, rotary: Rotary, cache: ReferenceCache, observe: Observe | None
    ) -> Tensor:
        s, n = self.shape, len(x)
        q, k, v = (
            self._multiply(part, x, observe).view(n, heads, s.head_dim).transpose(0, 1)
            for part, heads in (("attn_q", s.heads), ("attn_k", s.kv_heads), ("attn_v", s.kv_heads))
        )
        q, k = self._norm("attn_q_norm", q), self._norm("attn_k_norm", k)
        cache.extend(_rotate(k, rotary), v)
        keys, values = (
            t.repeat_interleave(s.heads // s.kv_heads, 0) for t in (cache.keys, cache.values)
        )
        mixed = self._mix(_rotate(q, rotary), keys, values, self._seen(n, keys.shape[1]))
        return self._multiply("attn_output", mixed.transpose(0, 1).reshape(n, -1), observe)

    def _seen(self, n: int, total: int) -> Tensor:
        """Which of `total` tokens each of the last n attends to, (n, total)."""
        first = total - n
        seen = torch.ones(n, total, dtype=torch.bool).tril(first)
        window = self.shape.window(self.number)
        return seen if window is None else seen.triu(first - window + 1)

    def _mix(self, q: Tensor, keys: Tensor, values: Tensor, seen: Tensor) -> Tensor:
        """Values (heads, n, head_dim) by the attention of the queries."""
        scale, cap = self.shape.attention_scale, self.shape.attention_softcap
        if not cap:
            mixed = F.scaled_dot_product_attention(
                q[None], keys[None], values[None], attn_mask=seen, scale=scale
            )
            return mixed[0]
        scores = torch.tanh(q @ keys.transpose(1, 2) * (scale / cap)) * cap
        return scores.masked_fill(~seen, -math.inf).softmax(-1) @ values

    def _multiply(self, part: str, x: Tensor, observe: Observe | None) -> Tensor:
        if observe is not None:
            observe(self.architecture.tensor(self.number, part), x.numpy())
        bias = self.weights.get(f"{part}.bias")
        return F.linear(
            x, self.weights[f"{part}.weight"].float(), None if bias is None else bias.float()
        )


class ReferenceLanguageModel:
    """The checkpoint as an engine of the runtime; all weights in memory, computed in float32."""

    def __init__(
        self, source: TensorSource, context: int | None = None, *, compact: bool | None = None
    ) -> None:
        """`context`: tokens that a run can hold, at most what the checkpoint was made for.

        `compact` keeps bfloat16 weights as they are: half the memory, and slower. None: only where
        float32 would not fit.
        """
        self.shape = source.shape
        self._context = min(context or source.shape.context, source.shape.context)
        keep = (
            _compact
            if (_is_large(source) if compact is None else compact)
            else torch.Tensor.contiguous
        )
        layers = (
            ReferenceLayer.read(source, i) for i in progress(range(source.shape.layers), "source")
        )
        self.layers = [
            replace(one, weights={n: keep(w) for n, w in one.weights.items()}) for one in layers
        ]
        entry = self.architecture = source.architecture
        self.norm = torch.from_numpy(norm_gain(source, entry.final_norm))
        self.embedding = keep(torch.from_numpy(source.tensor(entry.embedding)))
        self.head = (
            self.embedding
            if source.shape.tied
            else keep(torch.from_numpy(source.tensor(entry.head)))
        )

    @property
    def context(self) -> int:
        """Tokens that a run can hold."""
        return self._context

    @property
    def device(self) -> str:
        """The device that it computes on."""
        return "cpu"

    @property
    def engine(self) -> str:
        """Name of what computes."""
        return "reference"

    @property
    def fingerprint(self) -> str:
        """An identifier of everything that a run's state depends on."""
        return f"torch {torch.__version__} {self.shape}"

    def start(self) -> ReferenceRun:
        """Start a new, empty run."""
        return ReferenceRun(self)

    def start_batch(self, size: int) -> SequentialBatch:
        """Start so many runs that take turns."""
        return SequentialBatch(self.start, size)


class ReferenceRun:
    """One answer being written."""

    def __init__(self, model: ReferenceLanguageModel) -> None:
        self._model = model
        self._caches = [ReferenceCache.empty(model.shape) for _ in model.layers]
        self._length = 0

    @property
    def length(self) -> int:
        """Tokens fed so far."""
        return self._length

    def look(self, image: EncodedImage) -> None:
        """Raise EngineError: one position stands for M-RoPE's three here."""
        raise EngineError(NO_IMAGES)

    @torch.inference_mode()
    def push(self, ids: Sequence[int], allowed: Allowed) -> Float32Array:
        """Feed tokens; logits of the allowed next ids. EngineError where the context is full."""
        model, stop = self._model, self._length + len(ids)
        check_push(len(ids), self._length, model.context)
        _check_ids(ids, model.shape)
        x = _scaled(model.embedding[torch.tensor(ids)].float(), model.architecture)
        rotaries = rotary_angles(model.shape, self._length, stop)
        for layer, cache in zip(model.layers, self._caches, strict=True):
            x = layer.forward(x, rotaries, cache)
        self._length = stop
        last = _norm(x[-1], model.norm, model.shape)
        if count_allowed(allowed) < model.shape.vocab_size // 2:
            parts = [F.linear(last, model.head[r.start : r.stop].float()) for r in allowed]
            return np.concatenate([_capped(part, model.shape).numpy() for part in parts])
        logits = _capped(F.linear(last, model.head.float()), model.shape)
        return take_allowed(logits.numpy(), allowed)

    def rewind(self, length: int) -> None:
        """Forget all but the first tokens."""
        check_rewind(length, self._length)
        self._caches = [
            ReferenceCache(c.keys[:, :length].clone(), c.values[:, :length].clone())
            for c in self._caches
        ]
        self._length = length

    def state(self) -> bytes:
        """The cache of the tokens so far, as bytes."""
        rows = b"".join(
            part.contiguous().numpy().tobytes() for c in self._caches for part in (c.keys, c.values)
        )
        return pack_state(self._model.fingerprint, self._length, rows)

    def restore(self, state: bytes) -> None:
        """Continue from a saved cache."""
        self.rewind(0)
        length, rest = unpack_state(self._model.fingerprint, state, self._model.context)
        heads, width = self._model.shape.kv_heads, self._model.shape.head_dim
        rows = torch.from_numpy(
            state_array(rest, np.float32, (len(self._caches), 2, heads, length, width)).copy()
        )
        self._caches = [ReferenceCache(keys, values) for keys, values in rows]
        self._length = length


def rotary_angles(shape: LanguageModelShape, start: int, stop: int) -> Rotaries:
    """Rotary angles of the positions [start, stop), for every kind of layer."""
    ropes = {shape.layer_rope(layer) for layer in range(shape.layers)}
    return {rope: _angles(rope, shape.head_dim, start, stop) for rope in ropes}


def _angles(rope: Rope, width: int, start: int, stop: int) -> Rotary:
    # float64 where the engines have float32 too: the positions are small, the error of an angle is
    # not seen.
    speeds = torch.from_numpy(rope.frequencies(width))
    turns = torch.arange(start, stop, dtype=torch.float64)[:, None] * speeds
    both, factor = torch.cat([turns, turns], 1), rope.attention_factor
    return (both.cos() * factor).float(), (both.sin() * factor).float()


def _scaled(rows: Tensor, architecture: Architecture) -> Tensor:
    """Rows (n, H) of the embedding as the first layer takes them."""
    return rows * math.sqrt(rows.shape[-1]) if architecture.scaled_embedding else rows


def _capped(logits: Tensor, shape: LanguageModelShape) -> Tensor:
    cap = shape.logit_softcap
    return torch.tanh(logits / cap) * cap if cap else logits


def _rotate(x: Tensor, rotary: Rotary) -> Tensor:
    """Turn pairs (i, i + half) of x (heads, n, head_dim)."""
    low, high = x.chunk(2, -1)
    return x * rotary[0] + torch.cat([-high, low], -1) * rotary[1]


def _norm(x: Tensor, gain: Tensor, shape: LanguageModelShape) -> Tensor:
    return F.rms_norm(x, (x.shape[-1],), gain.float(), shape.norm_eps)


def _compact(weight: Tensor) -> Tensor:
    """The same numbers as bfloat16, where that holds them all."""
    half = weight.bfloat16()
    return half if torch.equal(half.float(), weight) else weight


def _is_large(source: TensorSource) -> bool:
    """Tell whether the weights in float32 would take most of the free memory."""
    needed = 4 * sum(
        math.prod(dims) for _, dims in expected_tensors(source.architecture, source.shape)
    )
    free = free_bytes()
    return free is not None and needed > _SHARE * free


@contextlib.contextmanager
def few_threads(shape: LanguageModelShape) -> Iterator[None]:
    """Use one thread for a small model, which is done before a second thread wakes up."""
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1 if shape.hidden * shape.intermediate < _SMALL else before)
        yield
    finally:
        torch.set_num_threads(before)


def _check_ids(ids: Sequence[int], shape: LanguageModelShape) -> None:
    if not len(ids) or min(ids) < 0 or max(ids) >= shape.vocab_size:
        got = f"{min(ids)}..{max(ids)}" if len(ids) else "none"
        raise InputError(
            f"expected token ids within 0..{shape.vocab_size - 1}, got {got}: is it another "
            "tokenizer's?"
        )
