"""What a bundle is compared with: transformers' own classes, else the checkpoint read here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from kinetoken.base.errors import InputError, MissingPackageError
from kinetoken.engines.memory import free_bytes
from kinetoken.engines.prompt_items import PromptItem
from kinetoken.engines.protocols import LanguageModel
from kinetoken.generation.bundle import Bundle

from ..checkpoint.adapter import AdaptedSource
from ..checkpoint.reference_model import ReferenceLanguageModel, ReferenceModel
from ..checkpoint.reference_tower import ReferenceTower
from ..checkpoint.tensors import Float32Array, TensorSource, expected_tensors, vision_tensors
from ..checkpoint.vocabulary.prune import PrunedSource
from .request import VerifyRequest
from .transformers_reference import TrainedAdapter, TransformersReference, UnusableError

TRANSFORMERS, OWN = "transformers", "own"
REFERENCES: Final = (TRANSFORMERS, OWN)
_KEEPS_STORED_HEAD: Final = 5
"""The version of transformers from which a stored head counts, whatever the flag says."""
_SHARE: Final = 0.8  # of the free memory that transformers' float32 weights may take


class CheckpointReference(Protocol):
    """A checkpoint that writes answers and rates tokens, in the ids of a bundle."""

    @property
    def title(self) -> str:
        """Its name for people."""
        ...

    def model(self, context: int) -> LanguageModel:
        """The checkpoint as an engine of the runtime."""
        ...

    def each(self, sequences: Sequence[Sequence[int]]) -> Iterator[Float32Array]:
        """Logits (n, vocab) after each token of each sequence, one sequence at a time."""
        ...

    def embed(self, pixels: NDArray[np.uint8]) -> Float32Array:
        """What its vision tower makes (cells, hidden) of an image (height, width, 3)."""
        ...

    def image_logits(
        self, chat: Sequence[PromptItem], pixels: NDArray[np.uint8]
    ) -> Float32Array | None:
        """Logits (n, vocab) after each cell and token of a chat with this image; None: unknown."""
        ...


class OwnReference:
    """The checkpoint as this project reads it: it shares the export's reading of the files."""

    def __init__(self, source: TensorSource, folder: Path, why: str = "") -> None:
        """`folder`: the checkpoint's; `why`: the reason that it is not transformers."""
        self.source, self._folder, self._why = source, folder, why

    @property
    def title(self) -> str:
        """Its name for people."""
        return f"this project's own reading ({self._why})" if self._why else "own"

    def model(self, context: int) -> LanguageModel:
        """All weights in memory, as an engine."""
        return ReferenceLanguageModel(self.source, context)

    def each(self, sequences: Sequence[Sequence[int]]) -> Iterator[Float32Array]:
        """Logits, the weights of one layer in memory at a time."""
        return ReferenceModel(self.source).each(sequences)

    def embed(self, pixels: NDArray[np.uint8]) -> Float32Array:
        """What the vision tower makes (cells, hidden) of an image (height, width, 3)."""
        return ReferenceTower(self.source, self._folder).embed(pixels)

    def image_logits(self, chat: Sequence[PromptItem], pixels: NDArray[np.uint8]) -> None:
        """None: the language model is computed for text alone."""


def choose_reference(
    request: VerifyRequest, bundle: Bundle, source: TensorSource
) -> CheckpointReference:
    """The reference that is asked for; where nothing is, transformers if it can be.

    MissingPackageError or InputError where transformers is asked for and cannot be.
    """
    asked, folder = request.reference, request.against.folder
    if asked == OWN:
        return OwnReference(source, folder)
    if find_spec("transformers") is None:
        if asked == TRANSFORMERS:
            raise MissingPackageError("transformers")
        return OwnReference(source, folder, "transformers is not installed")
    try:
        return _transformers(request, bundle, source)
    except UnusableError as error:
        if asked == TRANSFORMERS:
            raise InputError(f"{folder}: {error}; leave out --reference transformers") from error
        return OwnReference(source, folder, str(error))


def _transformers(
    request: VerifyRequest, bundle: Bundle, source: TensorSource
) -> TransformersReference:
    base, adapter = _base(source), None
    if request.adapter is not None:
        if find_spec("peft") is None:
            raise UnusableError("an adapter is given and peft is not installed")
        adapter = TrainedAdapter(request.adapter, _whole(source).shape.vocab_size)
    tied = _says_tied(source.config)
    if tied and not base.shape.tied and _major_version() < _KEEPS_STORED_HEAD:
        raise UnusableError("it would tie the head that is stored beside the embedding")
    if not request.against.folder.is_dir():
        raise UnusableError("it is no folder of a checkpoint")
    needed, free = _bytes_needed(source), free_bytes()
    if free is not None and needed > _SHARE * free:
        raise UnusableError(
            f"transformers would need {needed / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free"
        )
    rows = bundle.manifest.language_model.vocab_size
    ids = source.kept if isinstance(source, PrunedSource) else np.arange(rows)
    return TransformersReference(request.against.folder, ids, adapter)


def _whole(source: TensorSource) -> TensorSource:
    """The checkpoint with every token, and with its adapter."""
    return source.original if isinstance(source, PrunedSource) else source


def _base(source: TensorSource) -> TensorSource:
    """The checkpoint without its adapter."""
    whole = _whole(source)
    return whole.original if isinstance(whole, AdaptedSource) else whole


def _says_tied(config: Mapping[str, Any]) -> bool:
    """Tell whether config.json says that the embedding is the head."""
    text = config.get("text_config") or {}
    return bool(config.get("tie_word_embeddings") or text.get("tie_word_embeddings"))


def _major_version() -> int:
    return int(version("transformers").split(".")[0])


def _bytes_needed(source: TensorSource) -> int:
    whole = _whole(source)
    text = sum(math.prod(dims) for _, dims in expected_tensors(whole.architecture, whole.shape))
    vision = sum(math.prod(whole.dims(name)) for name in vision_tensors(whole))
    return 4 * (text + vision)
