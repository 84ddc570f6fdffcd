"""Grouped-query attention with rotary positions and a cache, in exact sums."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ....base.errors import EngineError
from ....manifest.schema import LanguageModelInfo
from .arithmetic import (
    WEIGHT_BITS,
    Floats,
    Grid,
    exponential,
    input_bits,
    sum_of_shares,
    tanh,
    to_grid,
)
from .graph_reader import GraphNode

_OPTIONS: Final = frozenset(
    [
        "num_heads",
        "kv_num_heads",
        "scale",
        "do_rotary",
        "rotary_interleaved",
        "local_window_size",
        "softcap",
    ]
)


class RowCache:
    """Keys or values of one layer: (kv_heads, context, head_dim) integers, a scale a row."""

    def __init__(self, info: LanguageModelInfo) -> None:
        shape = info.kv_heads, info.context, info.head_dim
        self.whole = np.zeros(shape)
        self.exponents = np.zeros((*shape[:2], 1), np.int32)

    def write(self, start: int, rows: Floats) -> None:
        """Round rows (kv_heads, n, head_dim) and keep them from position `start` on."""
        grid, stop = to_grid(rows, WEIGHT_BITS), start + rows.shape[1]
        self.whole[:, start:stop], self.exponents[:, start:stop] = grid

    def take(self, grid: Grid) -> None:
        """Keep rows that were rounded before, from the first position on."""
        length = grid.whole.shape[1]
        self.whole[:, :length], self.exponents[:, :length] = grid

    def first(self, length: int) -> Grid:
        """The first rows."""
        return Grid(self.whole[:, :length], self.exponents[:, :length])


@dataclass(frozen=True)
class AttentionOptions:
    """The attributes of GroupQueryAttention, and the tables of its rotary positions."""

    heads: int
    kv_heads: int
    scale: float
    """0: 1 over the root of the head's width."""
    window: int
    """The last positions that a token sees, its own among them; -1: all."""
    softcap: float
    cos: Floats | None
    """(context, rotated / 2); None: positions are not rotated."""
    sin: Floats | None

    @classmethod
    def of(cls, node: GraphNode, constants: dict[str, NDArray[Any]]) -> AttentionOptions:
        """Of a node. EngineError for an attribute that is not known."""
        if unknown := sorted(set(node.attributes) - _OPTIONS):
            raise EngineError(f"attention with {unknown[0]} cannot be computed exactly")
        given: dict[str, Any] = {
            "scale": 0.0,
            "local_window_size": -1,
            "softcap": 0.0,
            "do_rotary": 0,
        }
        given |= node.attributes
        if given.get("rotary_interleaved"):
            raise EngineError("interleaved rotary positions cannot be computed exactly")
        tables: list[Floats | None] = [None, None]
        if given["do_rotary"]:
            tables = [constants[name].astype(np.float64) for name in node.inputs[7:9]]
        return cls(
            given["num_heads"],
            given["kv_num_heads"],
            given["scale"],
            given["local_window_size"],
            given["softcap"],
            *tables,
        )


def attend(
    options: AttentionOptions,
    qkv: tuple[Floats, Floats | None, Floats | None],
    keys: RowCache,
    values: RowCache,
    start: int,
) -> Floats:
    """Attention of n tokens from position `start` on; writes their keys and values.

    qkv: queries (1, n, heads * width), keys and values; or all three packed into the first.
    Returns (1, n, heads * width).
    """
    query, key, value = _apart(options, qkv)
    query, key = _rotated(options, query, start), _rotated(options, key, start)
    keys.write(start, key)
    values.write(start, value)
    _, count, width = query.shape
    group = options.heads // options.kv_heads
    # (kv_heads, group * n, width): the queries that share keys lie together
    grouped = query.reshape(options.kv_heads, group * count, width)
    scores = _scores(options, grouped, keys.first(start + count))
    scores = scores.reshape(options.kv_heads, group, count, start + count)
    scores = np.where(_visible(options, start, count), scores, -np.inf)
    shares = exponential(scores - scores.max(axis=-1, keepdims=True))
    shares = shares.reshape(options.kv_heads, group * count, start + count)
    out = _weighted(shares, values.first(start + count), keys.whole.shape[1])
    out = out.reshape(options.heads, count, width)
    return np.ascontiguousarray(out.transpose(1, 0, 2)).reshape(1, count, -1)


def _apart(
    options: AttentionOptions, qkv: tuple[Floats, Floats | None, Floats | None]
) -> tuple[Floats, Floats, Floats]:
    """Queries, keys and values, (heads, n, width) each."""
    packed, key, value = qkv
    heads, kv_heads = options.heads, options.kv_heads
    if key is None or value is None:
        width = packed.shape[-1] // (heads + 2 * kv_heads)
        cuts = [heads * width, (heads + kv_heads) * width]
        packed, key, value = np.split(packed, cuts, axis=-1)
    return _by_head(packed, heads), _by_head(key, kv_heads), _by_head(value, kv_heads)


def _by_head(x: Floats, heads: int) -> Floats:
    """(1, n, heads * width) as (heads, n, width)."""
    return np.ascontiguousarray(x.reshape(x.shape[1], heads, -1).transpose(1, 0, 2))


def _rotated(options: AttentionOptions, x: Floats, start: int) -> Floats:
    """Rows (heads, n, width) turned by their positions; what the tables do not reach stays."""
    if options.cos is None or options.sin is None:
        return x
    half, stop = options.cos.shape[1], start + x.shape[1]
    cos, sin = options.cos[start:stop], options.sin[start:stop]
    first, second, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    return np.concatenate([first * cos - second * sin, second * cos + first * sin, rest], axis=-1)


def _scores(options: AttentionOptions, query: Floats, keys: Grid) -> Floats:
    """Queries (kv_heads, m, width) by keys: (kv_heads, m, length)."""
    width = query.shape[-1]
    grid = to_grid(query, input_bits(width))
    whole = grid.whole @ keys.whole.transpose(0, 2, 1)
    scores = np.ldexp(whole, grid.exponents + keys.exponents.transpose(0, 2, 1))
    scores *= options.scale or 1.0 / math.sqrt(width)
    return options.softcap * tanh(scores / options.softcap) if options.softcap else scores


def _visible(options: AttentionOptions, start: int, count: int) -> NDArray[np.bool_]:
    """(n, start + n): the positions that each token sees."""
    own = np.arange(start, start + count)[:, None]
    seen = np.arange(start + count)[None]
    visible = seen <= own
    return visible & (seen > own - options.window) if options.window >= 0 else visible


def _weighted(shares: Floats, values: Grid, context: int) -> Floats:
    """Mean of the values, weighted by shares (kv_heads, m, length), not normalised.

    The bits follow from the context, not from the length: so a token's result does not depend on
    how many were fed with it.
    """
    weights = np.ldexp(shares, values.exponents.transpose(0, 2, 1))
    grid = to_grid(weights, input_bits(context))
    return np.ldexp(grid.whole @ values.whole, grid.exponents) / sum_of_shares(shares)
