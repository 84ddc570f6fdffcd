"""A Hugging Face checkpoint folder: its config, and its tensors one at a time.

Tensors have one name whatever the version of transformers that saved them: `model.layers.0...`,
`model.embed_tokens.weight`, `lm_head.weight` for the language model, `visual....` for the vision
tower of Qwen2.5-VL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from kinetoken.base.errors import FormatError, InputError
from kinetoken.manifest.architectures import Architecture

from .config.model_config import ModelConfig, check_vision, read_model_config
from .json_file import read_json
from .model_shape import LanguageModelShape

Float32Array = NDArray[np.float32]

_INDEX: Final = "model.safetensors.index.json"
_SINGLE: Final = "model.safetensors"


class TensorSource(Protocol):
    """A checkpoint as the exporters read it, whole or pruned."""

    @property
    def architecture(self) -> Architecture:
        """Its entry in the table of architectures."""
        ...

    @property
    def shape(self) -> LanguageModelShape:
        """Numbers of the language model."""
        ...

    @property
    def config(self) -> Mapping[str, Any]:
        """config.json as it is."""
        ...

    @property
    def vision_config(self) -> Mapping[str, Any] | None:
        """What shapes the vision tower; None where there is none."""
        ...

    def names(self, prefix: str = "") -> list[str]:
        """Names of the tensors that begin with a prefix."""
        ...

    def has(self, name: str) -> bool:
        """Tell whether there is such a tensor."""
        ...

    def dims(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor, without reading it."""
        ...

    def tensor(self, name: str) -> Float32Array:
        """A whole tensor as float32."""
        ...

    def rows(self, name: str, start: int, stop: int) -> Float32Array:
        """Rows [start, stop) of a matrix as float32: an embedding need not fit memory."""
        ...


class Checkpoint:
    """An opened folder.

    Files are opened for each tensor and closed again, so that memory holds one tensor at a time.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model_config: ModelConfig = read_model_config(folder)
        self.architecture: Architecture = self.model_config.architecture
        self.shape = self.model_config.shape
        self._places = {
            canonical_name(stored, self.architecture): (path, stored)
            for stored, path in self._locate().items()
        }
        self._cuts = dict(self._split_fused())

    def _locate(self) -> dict[str, Path]:
        """Stored name of every tensor to its shard."""
        index = self.folder / _INDEX
        if index.is_file():
            try:
                return {
                    name: self.folder / shard
                    for name, shard in read_json(index)["weight_map"].items()
                }
            except (KeyError, AttributeError, TypeError):
                raise FormatError(
                    f"{index}: expected a weight_map of tensors to shards: download it again"
                ) from None
        path = self.folder / _SINGLE
        if not path.is_file():
            raise InputError(
                f"{self.folder}: expected {_SINGLE} or {_INDEX}, found neither: give a complete "
                "checkpoint folder"
            )
        with _opened(path) as file:
            return dict.fromkeys(file.keys(), path)

    def _split_fused(self) -> Iterator[tuple[str, tuple[int, int]]]:
        """Rows of the parts that lie in one matrix with others; each then has a place of its own."""
        for layer in range(self.shape.layers):
            for module, parts in self.architecture.fused:
                fused = f"{self.architecture.layer_prefix(layer)}{module}.weight"
                if fused not in self._places:
                    continue
                place, start = self._places.pop(fused), 0
                for part in parts:
                    name = self.architecture.tensor(layer, part)
                    rows = self.architecture.rows(part, self.shape.width)
                    self._places[name] = place
                    yield name, (start, start + rows)
                    start += rows

    @property
    def config(self) -> Mapping[str, Any]:
        """config.json as it is."""
        return self.model_config.raw

    @property
    def notes(self) -> tuple[str, ...]:
        """What is unusual about it or was assumed, a line each."""
        return self.model_config.notes

    @property
    def vision_config(self) -> Mapping[str, Any] | None:
        """vision_config with its class's defaults.

        FormatError where it asks for what is not computed.
        """
        check_vision(self.model_config)
        return self.model_config.vision

    @property
    def files(self) -> list[Path]:
        """The shards."""
        return sorted({path for path, _ in self._places.values()})

    def check(self) -> None:
        """Refuse damaged shards, and a language model with missing or misshapen tensors."""
        for path in self.files:
            with _opened(path) as file:
                held = set(file.keys())
            lacking = next(
                (s for p, s in self._places.values() if p == path and s not in held), None
            )
            if lacking:
                raise FormatError(
                    f"{path}: expected a tensor {lacking}, as {_INDEX} says, found none: download "
                    "it again"
                )
        for name, dims in expected_tensors(self.architecture, self.shape):
            if self.dims(name) != dims:
                raise FormatError(
                    f"{self.folder}: expected {name} of shape {dims}, as config.json says, got "
                    f"{self.dims(name)}"
                )

    def names(self, prefix: str = "") -> list[str]:
        """Names of the tensors that begin with a prefix."""
        return sorted(name for name in self._places if name.startswith(prefix))

    def has(self, name: str) -> bool:
        """Tell whether there is such a tensor."""
        return name in self._places

    def dims(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor, without reading it."""
        path, stored = self._place(name)
        with _opened(path) as file:
            dims = tuple(file.get_slice(stored).get_shape())
        if name not in self._cuts:
            return dims
        start, stop = self._cuts[name]
        return (max(0, min(stop, dims[0]) - start), *dims[1:])

    def tensor(self, name: str) -> Float32Array:
        """One tensor as float32; FormatError names what is missing."""
        if name in self._cuts:
            start, stop = self._cuts[name]
            return self.rows(name, 0, stop - start)
        path, stored = self._place(name)
        with _opened(path) as file:
            values: Float32Array = file.get_tensor(stored).float().numpy()
        return values

    def rows(self, name: str, start: int, stop: int) -> Float32Array:
        """Rows [start, stop) of a matrix as float32."""
        path, stored = self._place(name)
        above = self._cuts[name][0] if name in self._cuts else 0
        with _opened(path) as file:
            part = file.get_slice(stored)[above + start : above + stop]
            values: Float32Array = part.float().numpy()
        return values

    def _place(self, name: str) -> tuple[Path, str]:
        if name not in self._places:
            raise FormatError(
                f"{self.folder}: expected a tensor {name}, found none: the checkpoint is incomplete"
            )
        return self._places[name]


def expected_tensors(
    architecture: Architecture, shape: LanguageModelShape
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Every tensor of the language model and its shape; matrices are (out, in)."""
    yield architecture.embedding, (shape.vocab_size, shape.hidden)
    for layer in range(shape.layers):
        for tensor in architecture.layer:
            dims = tuple(shape.width(name) for name in tensor.dims)
            yield architecture.tensor(layer, tensor.part), dims
            if tensor.biased:
                yield architecture.tensor(layer, tensor.part, "bias"), dims[:1]
    yield architecture.final_norm, (shape.hidden,)
    if not shape.tied:
        yield architecture.head, (shape.vocab_size, shape.hidden)


def vision_tensors(source: TensorSource) -> list[str]:
    """The names of the vision tower's tensors; none where the checkpoint has no tower."""
    tower = source.architecture.vision
    return source.names(tower.prefix) if tower else []


def head_tensor(source: TensorSource) -> str:
    """The name of the matrix that turns hidden states into logits."""
    return source.architecture.embedding if source.shape.tied else source.architecture.head


def norm_gain(source: TensorSource, name: str) -> Float32Array:
    """The gain of an RMS norm as it is multiplied: with the architecture's offset."""
    gain, offset = source.tensor(name), source.architecture.norm_offset
    return gain + np.float32(offset) if offset else gain


def row_chunks(rows: int, columns: int, numbers: int = 1 << 24) -> Iterator[tuple[int, int]]:
    """Cut a matrix into [start, stop) of about so many numbers (64 MiB of float32)."""
    step = max(1, numbers // columns)
    return ((start, min(start + step, rows)) for start in range(0, rows, step))


def canonical_name(name: str, architecture: Architecture) -> str:
    """Name a stored tensor as this project does, whatever version saved it."""
    for old, new in architecture.renamed:
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def _opened(path: Path) -> Any:
    from safetensors import SafetensorError, safe_open

    try:
        return safe_open(path, framework="pt")
    except FileNotFoundError:
        raise InputError(
            f"expected a shard at {path}, found nothing: download the checkpoint again"
        ) from None
    except (SafetensorError, OSError) as error:
        raise FormatError(
            f"{path}: expected a whole safetensors file, got something unreadable ({error}): "
            "download it again"
        ) from error
