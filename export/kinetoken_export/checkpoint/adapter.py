"""A LoRA adapter of PEFT, merged into its base model tensor by tensor.

The result is the model that PEFT computes with the adapter loaded. Where head and embedding are one
matrix in the base and only one of them was trained, they are two afterwards.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from kinetoken.base.errors import FormatError, InputError
from kinetoken.manifest.architectures import Architecture

from .json_file import read_json
from .model_shape import LanguageModelShape
from .tensors import Float32Array, TensorSource
from .weights.tensor_names import canonical_name

ADAPTER_CONFIG: Final = "adapter_config.json"
_WEIGHTS: Final = "adapter_model.safetensors"
ADAPTER_FILES: Final = (ADAPTER_CONFIG, _WEIGHTS)
_PREFIX: Final = re.compile(r"^(?:base_model\.model\.|_orig_mod\.|module\.)+")
_HARMLESS: Final = frozenset({
    "alpha_pattern", "auto_mapping", "base_model_name_or_path", "bias", "corda_config", "ensure_weight_tying", "eva_config",
    "exclude_modules", "fan_in_fan_out", "inference_mode", "init_lora_weights", "layers_pattern", "layers_to_transform",
    "loftq_config", "lora_alpha", "lora_bias", "lora_dropout", "lora_ga_config", "megatron_config", "megatron_core",
    "modules_to_save", "peft_type", "peft_version", "qalora_group_size", "r", "rank_pattern", "revision", "runtime_config",
    "target_modules", "task_type", "trainable_token_indices", "use_rslora",
})  # fmt: skip
"""Fields of adapter_config.json that are computed here, or change no number once it is trained."""
_PLAIN_STARTS: Final = (True, False, "gaussian", "eva", "orthogonal", "mica", None)
"""Values of init_lora_weights that leave the base model as it is."""


def is_adapter(folder: Path) -> bool:
    """Tell if a folder is an adapter and not a model."""
    return (folder / ADAPTER_CONFIG).is_file() and not (folder / "config.json").is_file()


@dataclass(frozen=True, eq=False)
class _Change:
    """What becomes of one tensor of the base model."""

    saved: Float32Array | None = None
    """The whole tensor, trained."""
    down: Float32Array | None = None
    """(r, in)."""
    up: Float32Array | None = None
    """(out, r), scaled; up @ down is added."""
    added: Float32Array | None = None
    """Added to a bias."""
    token_rows: tuple[tuple[int, ...], Float32Array] | None = None
    """Ids, and the rows that replace theirs."""

    def rows(self, base: Float32Array, start: int) -> Float32Array:
        """Rows from `start` on of the changed tensor."""
        stop = start + len(base)
        out = base
        if self.up is not None and self.down is not None:
            out = out + self.up[start:stop] @ self.down
        if self.added is not None:
            out = out + self.added[start:stop]
        if self.token_rows is not None:
            out = out.copy()
            for token, row in zip(*self.token_rows, strict=True):
                if start <= token < stop:
                    out[token - start] = row
        return out

    def part(self, start: int, stop: int) -> _Change:
        """The change of some rows."""
        cut = slice(start, stop)
        return replace(
            self,
            saved=None if self.saved is None else self.saved[cut],
            up=None if self.up is None else self.up[cut],
            added=None if self.added is None else self.added[cut],
        )


class AdaptedSource:
    """A base model with an adapter merged into it."""

    def __init__(self, original: TensorSource, folder: Path) -> None:
        """InputError or FormatError for what is no LoRA, or belongs to another model."""
        self.original, self.folder = original, folder
        settings = _read_settings(folder)
        changes = dict(_read_changes(folder, settings, original.architecture))
        self._changes = dict(_split_fused(changes, original))
        entry = original.architecture
        self._base_names = {}
        tied = original.shape.tied and not self._unties(settings)
        if original.shape.tied and not tied:
            self._base_names[entry.head] = entry.embedding
        if tied:
            self._changes.pop(entry.head, None)
        vocabulary = self._changes.get(entry.embedding, _Change()).saved
        rows = original.shape.vocab_size if vocabulary is None else len(vocabulary)
        self._shape = replace(original.shape, tied=tied, vocab_size=rows)
        self._check(original)

    def _unties(self, settings: Mapping[str, Any]) -> bool:
        """Tell if the adapter makes two matrices of embedding and head."""
        entry = self.original.architecture
        embedding, head = (self._changes.get(name) for name in (entry.embedding, entry.head))
        if settings.get("ensure_weight_tying"):
            return False
        if any(change is not None and change.up is not None for change in (embedding, head)):
            rows = self.original.shape.vocab_size  # PEFT stores the base beside the two matrices
            whole = embedding.saved if embedding is not None else None
            if head is None and whole is not None and len(whole) != rows:
                raise FormatError(
                    f"{self.folder}: LoRA on an embedding that is the head too, with new tokens, "
                    f"is not computed: {_MERGE}"
                )
            return True
        if head is not None and head.saved is not None:
            same = embedding is not None and embedding.saved is not None
            return not (same and np.array_equal(head.saved, embedding.saved))  # type: ignore[union-attr, arg-type]
        if head is not None:
            return True
        if embedding is None or embedding.token_rows is not None:
            return False
        if embedding.saved is not None:
            wanted = "embed_tokens" in (settings.get("modules_to_save") or ())
            return wanted and len(embedding.saved) == self.original.shape.vocab_size
        return True

    def _check(self, original: TensorSource) -> None:
        """FormatError for a change of a tensor that the base model has not, or of another shape."""
        for name, change in self._changes.items():
            base = self._base_names.get(name, name)
            if not original.has(base):
                raise FormatError(
                    f"{self.folder}: expected an adapter of this model, got one that changes {name}, "
                    "which the model has not: give the base model that adapter_config.json names"
                )
            dims = original.dims(base)
            if change.up is not None and change.down is not None:
                got: tuple[int, ...] = (len(change.up), change.down.shape[1])
            elif change.saved is not None and len(dims) == 2:
                got, dims = change.saved.shape[1:], dims[1:]  # rows of new tokens may be added
            else:
                got = dims if change.saved is None else change.saved.shape
            if got != dims:
                raise FormatError(
                    f"{self.folder}: expected {name} to be changed in its shape {dims}, got {got}: "
                    "give the base model that adapter_config.json names"
                )

    @property
    def architecture(self) -> Architecture:
        """The base model's."""
        return self.original.architecture

    @property
    def shape(self) -> LanguageModelShape:
        """Numbers of the language model, new tokens and a head of its own among them."""
        return self._shape

    @property
    def config(self) -> Mapping[str, Any]:
        """The base model's config.json."""
        return self.original.config

    @property
    def vision_config(self) -> Mapping[str, Any] | None:
        """The base model's."""
        return self.original.vision_config

    def names(self, prefix: str = "") -> list[str]:
        """Names of the tensors that start so."""
        extra = {name for name in self._base_names if name.startswith(prefix)}
        return sorted({*self.original.names(prefix), *extra})

    def has(self, name: str) -> bool:
        """Whether there is such a tensor."""
        return name in self._base_names or self.original.has(name)

    def dims(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor, without reading it."""
        change = self._changes.get(name)
        if change is not None and change.saved is not None:
            return tuple(change.saved.shape)
        return self.original.dims(self._base_names.get(name, name))

    def tensor(self, name: str) -> Float32Array:
        """A whole tensor as float32."""
        change = self._changes.get(name)
        if change is None:
            return self.original.tensor(self._base_names.get(name, name))
        if change.saved is not None:
            return change.rows(change.saved, 0)
        return change.rows(self.original.tensor(self._base_names.get(name, name)), 0)

    def rows(self, name: str, start: int, stop: int) -> Float32Array:
        """Rows [start, stop) of a matrix as float32."""
        change = self._changes.get(name)
        if change is None:
            return self.original.rows(self._base_names.get(name, name), start, stop)
        if change.saved is not None:
            return change.rows(change.saved[start:stop], start)
        base = self.original.rows(self._base_names.get(name, name), start, stop)
        return change.rows(base, start)


def _read_settings(folder: Path) -> Mapping[str, Any]:
    """adapter_config.json; InputError or FormatError for what is not computed."""
    path = folder / ADAPTER_CONFIG
    if not path.is_file():
        raise InputError(
            f"{folder}: expected an adapter of PEFT with {ADAPTER_CONFIG}, found none: check --adapter"
        )
    settings = read_json(path)
    kind = settings.get("peft_type")
    if kind != "LORA":
        raise FormatError(f"{path}: expected peft_type LORA, got {kind}: {_MERGE}")
    start = settings.get("init_lora_weights")
    if start not in _PLAIN_STARTS:
        raise FormatError(
            f"{path}: init_lora_weights {start!r} changes the base model too, which is not computed: {_MERGE}"
        )
    strange = next((k for k, v in sorted(settings.items()) if v and k not in _HARMLESS), None)
    if strange is not None:
        raise FormatError(f"{path}: {strange} {settings[strange]!r} is not computed: {_MERGE}")
    return settings


_MERGE: Final = "merge it with PEFT (merge_and_unload, save_pretrained) and export the result"


def _read_changes(
    folder: Path, settings: Mapping[str, Any], architecture: Architecture
) -> Iterator[tuple[str, _Change]]:
    """Every tensor of the base model that is changed, by this project's name of it."""
    tensors = _read_tensors(folder)
    pieces: dict[str, dict[str, Float32Array]] = {}
    for stored, values in tensors.items():
        module, kind = _split_name(_PREFIX.sub("", stored))
        if kind is None:
            raise FormatError(f"{folder / _WEIGHTS}: {stored} is not computed: {_MERGE}")
        pieces.setdefault(module, {})[kind] = values
    for module, held in pieces.items():
        weight, bias = (
            canonical_name(f"{module}.{kind}", architecture) for kind in ("weight", "bias")
        )
        change = _weight_change(folder, module, held, settings)
        if held.keys() - {"bias", "B bias", "ignored"}:
            yield weight, change
        scale = _scale(module, held["A"].shape[0], settings, folder) if "A" in held else 1.0
        if "B bias" in held:
            yield bias, _Change(added=held["B bias"] * np.float32(scale))
        if "bias" in held:
            yield bias, _Change(saved=held["bias"])


_KINDS: Final = {
    ".lora_A.weight": "A", ".lora_B.weight": "B", ".lora_B.bias": "B bias",
    ".lora_embedding_A": "E A", ".lora_embedding_B": "E B", ".token_adapter.trainable_tokens_delta": "tokens",
    ".modules_to_save.weight": "weight", ".original_module.weight": "ignored", ".base_layer.weight": "base",
    ".base_layer.bias": "bias", ".token_adapter.base_layer.weight": "base", ".weight": "weight", ".bias": "bias",
}  # fmt: skip
"""Endings of the names in an adapter, and what they hold."""


def _split_name(name: str) -> tuple[str, str | None]:
    name = re.sub(r"\.default(?=\.|$)", "", name)
    ending = next((end for end in _KINDS if name.endswith(end)), None)
    if ending is None or "lora_magnitude" in name:
        return name, None
    return name.removesuffix(ending), _KINDS[ending]


def _weight_change(
    folder: Path, module: str, held: Mapping[str, Float32Array], settings: Mapping[str, Any]
) -> _Change:
    saved = held.get("weight", held.get("base"))
    token_rows = None
    if "tokens" in held:
        token_rows = (_token_ids(module, settings, len(held["tokens"]), folder), held["tokens"])
    if "A" in held and "B" in held:
        down, up = held["A"], held["B"]
    elif "E A" in held and "E B" in held:
        down, up = held["E B"].T, held["E A"].T  # embeddings are stored the other way
    elif {"A", "B", "E A", "E B"} & held.keys():
        raise FormatError(f"{folder / _WEIGHTS}: expected two matrices for {module}, got one")
    else:
        return _Change(saved, token_rows=token_rows)
    scale = _scale(module, len(down), settings, folder)
    return _Change(saved, down, up * np.float32(scale), token_rows=token_rows)


def _scale(module: str, rank: int, settings: Mapping[str, Any], folder: Path) -> float:
    """What the product of the two matrices is multiplied by."""
    wanted = int(_by_pattern(module, settings.get("rank_pattern"), settings["r"]))
    if wanted != rank:
        raise FormatError(
            f"{folder}: expected rank {wanted} for {module}, as {ADAPTER_CONFIG} says, got {rank}"
        )
    alpha = float(_by_pattern(module, settings.get("alpha_pattern"), settings["lora_alpha"]))
    return alpha / (math.sqrt(rank) if settings.get("use_rslora") else rank)


def _by_pattern(module: str, patterns: Mapping[str, Any] | None, usual: Any) -> Any:
    """The value of the first pattern that matches the end of a module's name, as PEFT has it."""
    for pattern, value in (patterns or {}).items():
        if re.match(rf"(.*\.)?({pattern})$", module):
            return value
    return usual


def _token_ids(
    module: str, settings: Mapping[str, Any], count: int, folder: Path
) -> tuple[int, ...]:
    """Ids of the tokens whose rows were trained."""
    said = settings.get("trainable_token_indices")
    if isinstance(said, Mapping):
        said = next((ids for name, ids in said.items() if module.endswith(name)), None)
    if not isinstance(said, list) or len(said) != count:
        raise FormatError(
            f"{folder}: expected trainable_token_indices with {count} ids for {module}: {_MERGE}"
        )
    return tuple(int(i) for i in said)


def _read_tensors(folder: Path) -> dict[str, Float32Array]:
    from safetensors import SafetensorError, safe_open

    path = folder / _WEIGHTS
    if not path.is_file():
        raise InputError(
            f"{folder}: expected {_WEIGHTS}, found none: save the adapter with safe_serialization=True"
        )
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            tensors = {name: file.get_tensor(name).float().numpy() for name in names}
    except (SafetensorError, OSError) as error:
        raise FormatError(
            f"{path}: expected a whole safetensors file, got something unreadable ({error})"
        ) from error
    bad = next((name for name, values in tensors.items() if not np.isfinite(values).all()), None)
    if bad is not None:
        raise FormatError(f"{path}: expected finite numbers, got NaN or infinity in {bad}")
    return tensors


def _split_fused(
    changes: Mapping[str, _Change], original: TensorSource
) -> Iterator[tuple[str, _Change]]:
    """Changes of matrices that hold several parts, as changes of the parts."""
    entry, shape = original.architecture, original.shape
    fused = {
        f"{entry.layer_prefix(layer)}{module}.weight": (layer, parts)
        for layer in range(shape.layers)
        for module, parts in entry.fused
    }
    for name, change in changes.items():
        if name not in fused:
            yield name, change
            continue
        layer, parts = fused[name]
        start = 0
        for part in parts:
            rows = entry.rows(part, shape.width)
            yield entry.tensor(layer, part), change.part(start, start + rows)
            start += rows
