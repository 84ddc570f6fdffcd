"""What a GGUF's keys may say. llama.cpp ends the process on some numbers, and reads past lists that
are too short.

A key of the architecture that is not in these tables is refused: it may change what llama.cpp
computes. Keys of other beginnings ("general.name", "quantize.imatrix.file") are not its business.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .gguf_header import ALIGNMENT_KEY, STRING, Header

_FLAG, _UINT32, _INT32, _FLOAT = 7, 4, 5, 6
_WHOLE, _REAL = (0, 1, 2, 3, 4, 5, 10, 11), (6, 12)
"""GGUF's numbers of types."""


@dataclass(frozen=True)
class _Rule:
    """The types and the numbers that a key may have."""

    kinds: tuple[int, ...]
    low: float = 0
    high: float = 0
    count: int | None = None
    """Of a list; None: it is no list."""

    def problem(self, value: Any, kind: tuple[int, ...]) -> bool:
        """Tell if a value is none of these. `kind`: its type, and that of a list's items."""
        if self.count is not None:
            values, listed = value if isinstance(value, list) else [], kind[1:]
            if len(values) != self.count:
                return True
        else:
            values, listed = [value], kind
        if len(listed) != 1 or listed[0] not in self.kinds:
            return True
        return self.kinds not in ((STRING,), (_FLAG,)) and not all(
            self.low <= number <= self.high for number in values
        )


def _whole(low: int, high: int, count: int | None = None) -> _Rule:
    return _Rule(_WHOLE, low, high, count)


def _exact(low: int, high: int) -> _Rule:
    return _Rule((_UINT32,), low, high)


def _real(low: float, high: float, count: int | None = None) -> _Rule:
    return _Rule(_REAL, low, high, count)


_TEXT, _SWITCH = _Rule((STRING,)), _Rule((_FLAG,))
_POSITIONS: Final = _whole(1, 1 << 31)
_HEADS: Final = _whole(1, 1 << 12)
_WIDTH: Final = _whole(1, 1 << 16)
_LAYERS: Final = _whole(1, 512)
"""llama.cpp has room for no more."""
_EPSILON: Final = _real(0, 0.1)
_FREQUENCY: Final = _real(1e-3, 1e12)
_SCALE: Final = _real(1e-4, 1e4)
_CAP: Final = _real(1e-3, 1e12)

_LANGUAGE_MODEL: Final[Mapping[str, _Rule]] = {
    "context_length": _POSITIONS,
    "embedding_length": _WIDTH,
    "block_count": _LAYERS,
    "feed_forward_length": _whole(1, 1 << 20),
    "vocab_size": _whole(1, 1 << 24),
    "attention.head_count": _HEADS,
    "attention.head_count_kv": _HEADS,
    "attention.key_length": _WIDTH,
    "attention.value_length": _WIDTH,
    "attention.layer_norm_rms_epsilon": _EPSILON,
    "attention.layer_norm_epsilon": _EPSILON,
    "attention.sliding_window": _POSITIONS,
    "attention.sliding_window_pattern": _LAYERS,
    "attention.scale": _SCALE,
    "attn_logit_softcapping": _CAP,
    "final_logit_softcapping": _CAP,
    "rope.dimension_count": _whole(2, 1 << 16),
    "rope.dimension_sections": _whole(0, 1 << 15, 4),
    "rope.freq_base": _FREQUENCY,
    "rope.freq_base_swa": _FREQUENCY,
    "rope.scale_linear": _SCALE,
    "rope.scaling.type": _TEXT,
    "rope.scaling.factor": _SCALE,
    "rope.scaling.attn_factor": _SCALE,
    "rope.scaling.original_context_length": _POSITIONS,
    "rope.scaling.finetuned": _SWITCH,
    "rope.scaling.yarn_log_multiplier": _real(0, 1e3),
    "rope.scaling.yarn_ext_factor": _real(-1, 1e3),
    "rope.scaling.yarn_attn_factor": _real(0, 1e3),
    "rope.scaling.yarn_beta_fast": _real(0, 1e6),
    "rope.scaling.yarn_beta_slow": _real(0, 1e6),
    "tensor_data_layout": _TEXT,
    "expert_count": _whole(0, 0),
    "expert_used_count": _whole(0, 0),
}
_NEEDED: Final = (
    "context_length",
    "embedding_length",
    "block_count",
    "feed_forward_length",
    "attention.head_count",
    "attention.layer_norm_rms_epsilon",
)
_TOWER: Final[Mapping[str, _Rule]] = {
    "has_vision_encoder": _SWITCH,
    "projector_type": _TEXT,
    "use_silu": _SWITCH,
    "use_gelu": _SWITCH,
    "vision.projection_dim": _exact(1, 1 << 16),
    "vision.image_size": _exact(1, 1 << 14),
    "vision.patch_size": _exact(1, 1 << 8),
    "vision.embedding_length": _exact(1, 1 << 16),
    "vision.feed_forward_length": _exact(1, 1 << 20),
    "vision.block_count": _exact(1, 512),
    "vision.attention.head_count": _exact(1, 1 << 12),
    "vision.attention.layer_norm_epsilon": _Rule((_FLOAT,), 0, 0.1),
    "vision.n_wa_pattern": _exact(2, 512),  # without any window llama.cpp ends the process
    "vision.image_mean": _Rule((_FLOAT,), -1, 1, 3),
    "vision.image_std": _Rule((_FLOAT,), 1e-3, 10, 3),
}
"""libmtmd ends the process on other types, even where the number is the same."""
_TOWER_NAMES: Final[Mapping[str, _Rule]] = {
    "general.name": _TEXT,
    "general.description": _TEXT,
    "general.file_type": _exact(0, 1 << 31),
}
_TOWER_NEEDED: Final = tuple(
    key for key, rule in _TOWER.items() if key.startswith("vision.") or rule is _TEXT
)
_SHARED: Final[Mapping[str, _Rule]] = {
    "general.architecture": _TEXT,
    ALIGNMENT_KEY: _Rule((4,), 8, 1 << 16),
    "split.count": _whole(0, 1),
    "split.no": _whole(0, 0),
}
_SPLIT: Final = "expected a whole model, got a part of one in several files"


def check_language_model_keys(header: Header, architecture: str) -> None:
    """Raise ValueError for a key of a language model that is unknown, missing or out of range."""
    _check_keys(header, f"{architecture}.", _LANGUAGE_MODEL, _NEEDED)
    _check_relations(lambda key: header.said.get(f"{architecture}.{key}"))
    for key, value, rule in _vocabulary(header.said):
        if rule.problem(value, header.kinds[key]):
            raise ValueError(_odd(key, value))


def check_tower_keys(header: Header) -> None:
    """Raise ValueError for a key of a vision tower that is unknown, missing or out of range."""
    _check_keys(header, "clip.", _TOWER, _TOWER_NEEDED, _TOWER_NAMES)
    width, heads, blocks, pattern = (
        header.said[f"clip.vision.{key}"]
        for key in ("embedding_length", "attention.head_count", "block_count", "n_wa_pattern")
    )
    if width % heads or width // heads % 4:
        raise ValueError(f"expected heads of 4, 8, 12... numbers, got {width} over {heads} heads")
    if pattern > blocks:
        raise ValueError(f"expected full attention in one of {blocks} blocks, got {pattern}")


def _check_keys(
    header: Header,
    prefix: str,
    rules: Mapping[str, _Rule],
    needed: tuple[str, ...],
    others: Mapping[str, _Rule] | None = None,
) -> None:
    said, kinds = header.said, header.kinds
    if said.get("split.count", 0) not in (0, 1):
        raise ValueError(_SPLIT)
    known = {**{prefix + key: rule for key, rule in rules.items()}, **_SHARED, **(others or {})}
    for key, value in said.items():
        rule = known.get(key)
        if rule is None and key.startswith(prefix):
            raise ValueError(f"expected keys that are known, got {key}")
        if rule is not None and rule.problem(value, kinds[key]):
            raise ValueError(_odd(key, value))
        if kinds[key][-1] in _REAL and not _finite(value):
            raise ValueError(_odd(key, value))
    step = said.get(ALIGNMENT_KEY, 8)
    if step & (step - 1):
        raise ValueError(_odd(ALIGNMENT_KEY, step))
    missing = next((prefix + key for key in needed if prefix + key not in said), None)
    if missing is not None:
        raise ValueError(f"expected the key {missing}, got none")


def _finite(value: Any) -> bool:
    return all(map(math.isfinite, value if isinstance(value, list) else [value]))


def _check_relations(number: Callable[[str], Any]) -> None:
    """Heads share keys evenly, and no more is turned than a head has."""
    heads, width = number("attention.head_count"), number("embedding_length")
    shared = number("attention.head_count_kv") or heads
    head = number("attention.key_length") or width / heads
    if heads % shared:
        raise ValueError(f"expected heads that share {shared} keys evenly, got {heads}")
    if head % 2 or (number("attention.value_length") or head) != head:
        raise ValueError(f"expected keys and values of one even width, got {head:g}")
    turned = number("rope.dimension_count") or head
    sections = number("rope.dimension_sections")
    if turned > head or turned % 2:
        raise ValueError(f"expected at most {head:g} numbers turned, got {turned:g}")
    if sections is not None and not 0 < sum(sections) <= turned / 2:
        raise ValueError(f"expected sections of {turned / 2:g} pairs in all, got {sections}")


def _vocabulary(said: Mapping[str, Any]) -> Iterator[tuple[str, Any, _Rule]]:
    """Yield the keys of the vocabulary that llama.cpp trusts, with their rules."""
    prefix, rows = "tokenizer.ggml.", len(said.get("tokenizer.ggml.tokens", []))
    rules = {
        "model": _TEXT,
        "pre": _TEXT,
        "tokens": _Rule((STRING,), count=rows),
        "scores": _Rule((_FLOAT,), -1e12, 1e12, rows),
        "token_type": _Rule((_INT32,), 0, 6, rows),
        "merges": _Rule((STRING,), count=len(said.get("tokenizer.ggml.merges", []))),
    }
    for name, rule in rules.items():
        if prefix + name in said:
            yield prefix + name, said[prefix + name], rule
        elif name in ("model", "tokens"):
            raise ValueError(f"expected the key {prefix}{name}, got none")
    if said["tokenizer.ggml.model"] not in (b"gpt2", b"llama"):
        raise ValueError(_odd(f"{prefix}model", said["tokenizer.ggml.model"]))
    for key, value in said.items():
        if key.startswith(prefix) and key.endswith("_token_id"):
            yield key, value, _whole(0, (1 << 32) - 1)


def _odd(key: str, value: Any) -> str:
    shown = f"{len(value)} values" if isinstance(value, list) and len(value) > 4 else repr(value)
    return f"expected {key} as a model may have it, got {shown[:60]}"
