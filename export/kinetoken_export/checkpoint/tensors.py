"""A Hugging Face checkpoint folder: its config, and its tensors one at a time.

Tensors have one name whatever the version of transformers that saved them: `model.layers.0...`,
`model.embed_tokens.weight`, `lm_head.weight` for the language model, `visual....` for the vision
tower of Qwen2.5-VL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from kinetoken.base.errors import FormatError
from kinetoken.manifest.architectures import Architecture

from .config.model_config import ModelConfig, check_vision, read_model_config
from .model_shape import LanguageModelShape
from .weights.files import find_weights
from .weights.quantized import read_quantization, stored_tensors
from .weights.stored_tensor import Float32Array as Float32Array
from .weights.stored_tensor import RowsOf, StoredTensor, check_numbers
from .weights.tensor_names import named_entries, unused_tensors


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
        raw = self.model_config.raw
        self.quantization = read_quantization(folder, raw)
        self._files = find_weights(folder, raw.get("transformers_weights"))
        entries = named_entries(folder, self._files.entries, self.architecture)
        self._stored = stored_tensors(folder, entries, self.quantization)
        self._split_fused()
        self.shape = self.model_config.shape
        self._head_note = ""
        if self.shape.tied and self._head_differs():
            self.shape = replace(self.shape, tied=False)
            self._head_note = (
                f"{self.architecture.head} is stored and differs from the embedding: used, as "
                "transformers 5 does, though config.json says tie_word_embeddings"
            )

    def _split_fused(self) -> None:
        """Give the parts that lie in one matrix with others places of their own."""
        shape = self.model_config.shape
        for layer in range(shape.layers):
            for module, parts in self.architecture.fused:
                whole = self._stored.pop(
                    f"{self.architecture.layer_prefix(layer)}{module}.weight", None
                )
                start = 0
                for part in parts if whole is not None else ():
                    stop = start + self.architecture.rows(part, shape.width)
                    name = self.architecture.tensor(layer, part)
                    self._stored[name] = RowsOf(cast(StoredTensor, whole), start, stop)
                    start = stop

    def _head_differs(self) -> bool:
        """Tell whether a head is stored that is not the embedding."""
        head, embedding = self.architecture.head, self.architecture.embedding
        if head not in self._stored:
            return False
        if embedding not in self._stored or self.dims(head) != self.dims(embedding):
            return True
        return any(
            not np.array_equal(self.rows(head, *rows), self.rows(embedding, *rows))
            for rows in row_chunks(*self.dims(head))
        )

    @property
    def config(self) -> Mapping[str, Any]:
        """config.json as it is."""
        return self.model_config.raw

    @property
    def notes(self) -> tuple[str, ...]:
        """What is unusual about it or was assumed, a line each."""
        head = (self._head_note,) if self._head_note else ()
        quantized = (
            (
                f"the weights are quantized with {self.quantization.title}: read as numbers, and "
                "quantized once more as --quant says",
            )
            if self.quantization.method
            else ()
        )
        return (*self.model_config.notes, *self._files.notes, *quantized, *head, *self._unused())

    def _unused(self) -> Iterator[str]:
        expected = {name for name, _ in expected_tensors(self.architecture, self.shape)}
        expected.add(self.architecture.head)
        others = (n for n in self._stored if n not in expected and not self._adds_nothing(n))
        return unused_tensors(self.folder, others, self.architecture, self.shape.layers)

    def _adds_nothing(self, name: str) -> bool:
        """Tell whether a tensor is a bias of zeros, which some quantizers store everywhere."""
        return name.endswith(".bias") and ".layers." in name and not self.tensor(name).any()

    @property
    def vision_config(self) -> Mapping[str, Any] | None:
        """vision_config with its class's defaults.

        FormatError where it asks for what is not computed.
        """
        check_vision(self.model_config)
        return self.model_config.vision

    @property
    def files(self) -> list[Path]:
        """The files of its weights."""
        return sorted({e.path for tensor in self._stored.values() for e in tensor.entries})

    @property
    def types(self) -> list[str]:
        """How the files store each tensor: "BF16"."""
        return [entry.dtype for tensor in self._stored.values() for entry in tensor.entries]

    def check(self) -> None:
        """Refuse a language model with missing, misshapen, coded or surplus tensors."""
        for name, dims in expected_tensors(self.architecture, self.shape):
            if self.dims(name) != dims:
                raise FormatError(
                    f"{self.folder}: expected {name} of shape {dims}, as config.json says, got "
                    f"{self.dims(name)}"
                )
            check_numbers(self._stored[name])
        for name in vision_tensors(self):
            check_numbers(self._stored[name])
        tuple(self._unused())

    def names(self, prefix: str = "") -> list[str]:
        """Names of the tensors that begin with a prefix."""
        return sorted(name for name in self._stored if name.startswith(prefix))

    def has(self, name: str) -> bool:
        """Tell whether there is such a tensor."""
        return name in self._stored

    def dims(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor, without reading it."""
        return self._place(name).dims

    def tensor(self, name: str) -> Float32Array:
        """One tensor as float32; FormatError names what is missing, or not finite."""
        return self._finite(name, self._place(name).read())

    def rows(self, name: str, start: int, stop: int) -> Float32Array:
        """Rows [start, stop) of a matrix as float32; FormatError as above."""
        return self._finite(name, self._place(name).read(start, stop))

    def _finite(self, name: str, values: Float32Array) -> Float32Array:
        if np.isfinite(values).all():
            return values
        entry = self._place(name).entries[0]
        raise FormatError(
            f"{entry.path}: {entry.name}: expected finite numbers, got NaN or infinity: "
            "the file is damaged, or its training diverged"
        )

    def _place(self, name: str) -> StoredTensor:
        if name in self._stored:
            return self._stored[name]
        if self.architecture.embedding in self._stored or not self._stored:
            raise FormatError(
                f"{self.folder}: expected a tensor {name}, found none: the checkpoint is incomplete"
            )
        raise FormatError(
            f"{self.folder}: expected a tensor {name}, found none, but others such as "
            f"{min(self._stored)}: save it once more with transformers"
        )


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
    """The gain of an RMS norm, as it is multiplied."""
    gain, offset = source.tensor(name), source.architecture.norm_offset
    return gain + np.float32(offset) if offset else gain


def row_chunks(rows: int, columns: int, numbers: int = 1 << 24) -> Iterator[tuple[int, int]]:
    """Cut a matrix into [start, stop) of about so many numbers (64 MiB of float32)."""
    step = max(1, numbers // columns)
    return ((start, min(start + step, rows)) for start in range(0, rows, step))
