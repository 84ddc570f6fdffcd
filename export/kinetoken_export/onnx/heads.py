"""The head of a language model cut up by ids: in a block, only one level's rows are multiplied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from kinetoken.manifest.schema import HeadInfo, IdRange, MotionInfo

from .graph import Graph
from .quantize import StoredMatrix, WeightWriter
from .recipes import OnnxRecipe


@dataclass(frozen=True)
class TokenTable:
    """Rows of all ids, as one matrix or as two that keep different bits."""

    segments: tuple[tuple[int, StoredMatrix], ...]
    """First id and matrix, ascending."""

    def holding(self, ids: IdRange) -> tuple[int, StoredMatrix]:
        """The segment that all these ids lie in."""
        first, matrix = next(s for s in reversed(self.segments) if s[0] <= ids[0])
        assert ids[1] <= first + matrix.rows, "heads end where segments do"
        return first, matrix


def head_ids(motion: MotionInfo, vocab_size: int) -> dict[str, IdRange]:
    """Name each head and its ids; together they cover every id.

    <move> and </move> join the head of level 0 where they lie directly before it. Elsewhere each
    has a head of its own, so that "next frame or close" never needs the head of the words.
    """
    marks = motion.markers
    levels = _levels(motion)
    alone = sorted(mark for mark in marks if not levels[0][0] <= mark < levels[0][1])
    heads = {str(level): ids for level, ids in enumerate(levels)} | {
        f"mark_{mark}": (mark, mark + 1) for mark in alone
    }
    gaps = _gaps(levels, vocab_size)
    widest = max(gaps, key=lambda ids: ids[1] - ids[0], default=None)
    return heads | {"text" if gap == widest else f"rest_{gap[0]}": gap for gap in gaps}


def _levels(motion: MotionInfo) -> list[IdRange]:
    """Ids of the levels; the first takes in the marks directly before it."""
    first, stop = motion.levels[0]
    while first - 1 in motion.markers:
        first -= 1
    return [(first, stop), *motion.levels[1:]]


def _gaps(ranges: Sequence[IdRange], stop: int) -> list[IdRange]:
    """The ranges of [0, stop) that the given ones leave out."""
    at, gaps = 0, []
    for first, end in sorted(ranges):
        if first > at:
            gaps.append((at, first))
        at = max(at, end)
    return gaps + ([(at, stop)] if at < stop else [])


def write_table(
    writer: WeightWriter, tensor: str, name: str, motion: MotionInfo, rows: int, recipe: OnnxRecipe
) -> TokenTable:
    """Write embedding or head: words in text bits, ids from the first motion token in finer."""
    split = min(first for first, _ in _levels(motion))
    if recipe.text_bits == recipe.motion_bits or split == 0:
        return TokenTable(((0, writer.table(name, (tensor, 0, rows), recipe.motion_bits)),))
    text = writer.table(f"{name}.text", (tensor, 0, split), recipe.text_bits)
    return TokenTable(
        (
            (0, text),
            (split, writer.table(f"{name}.motion", (tensor, split, rows), recipe.motion_bits)),
        )
    )


def write_heads(
    folder: Path,
    table: TokenTable,
    motion: MotionInfo,
    vocab_size: int,
    recipe: OnnxRecipe,
    *,
    softcap: float = 0.0,
) -> tuple[HeadInfo, ...]:
    """Write one graph per head, all over rows of the table; return their manifest entries.

    `softcap`: logits are bent to stay within it; 0: they are not.
    """
    heads = []
    for name, ids in head_ids(motion, vocab_size).items():
        heads.append(HeadInfo(f"head_{name}.onnx", ids))
        onnx.save_model(_head(table, ids, recipe, softcap), folder / heads[-1].file)
    return tuple(heads)


def _head(table: TokenTable, ids: IdRange, recipe: OnnxRecipe, softcap: float) -> onnx.ModelProto:
    """hidden (1, 1, H) to logits (1, 1, ids) in float32."""
    begin, matrix = table.holding(ids)
    graph, count = Graph(recipe.float_bits, recipe.accuracy_level), ids[1] - ids[0]
    single = graph.float_type == TensorProto.FLOAT
    plain = "uncapped" if softcap else "logits"
    out = graph.multiply(
        "hidden", matrix, plain if single else "raw", first=ids[0] - begin, stop=ids[1] - begin
    )
    if not single:
        out = graph.node("Cast", [out], plain, to=TensorProto.FLOAT)
    if softcap:
        cap = graph.const("softcap", np.array(softcap, np.float32))
        bent = graph.node("Tanh", [graph.node("Div", [out, cap], "shares")], "bent")
        graph.node("Mul", [bent, cap], "logits")
    hidden = helper.make_tensor_value_info("hidden", graph.float_type, (1, 1, matrix.columns))
    return graph.model(
        [hidden], [helper.make_tensor_value_info("logits", TensorProto.FLOAT, (1, 1, count))]
    )
