"""What language models on ONNX Runtime have in common, whatever operators their graphs are of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np

from ...base.errors import EngineError
from ...manifest.schema import LanguageModelInfo
from ..one_at_a_time import SequentialBatch
from ..prompt_items import NO_IMAGES, EncodedImage
from ..protocols import LmRun
from .session import engine_version, onnx_fingerprint


class GraphLanguageModel(ABC):
    """A loaded graph from token ids and a cache to logits."""

    graph_kind: ClassVar[str]
    """"fused" or "portable": their caches are not each other's."""
    info: LanguageModelInfo
    cache_type: type[np.floating[Any]]
    """Of keys and values."""
    device: str
    """The device that computes."""

    @property
    def context(self) -> int:
        """Tokens that a run can hold."""
        return self.info.context

    @property
    def engine(self) -> str:
        """Name and version of the engine."""
        return engine_version()

    @property
    def fingerprint(self) -> str:
        """Identity of what a run's state depends on."""
        return onnx_fingerprint(self.info, self.cache_type, self.graph_kind, self.device)

    @abstractmethod
    def start(self) -> LmRun:
        """A new, empty run."""

    def start_batch(self, size: int) -> SequentialBatch:
        """So many runs, one after another: the graph takes one sequence at a time."""
        return SequentialBatch(self.start, size)


class GraphRun:
    """The part of a run that does not depend on its graph."""

    _length = 0

    @property
    def length(self) -> int:
        """Tokens fed so far."""
        return self._length

    def look(self, image: EncodedImage) -> None:
        """Raise EngineError: these graphs begin with token ids."""
        raise EngineError(NO_IMAGES)


def cache_names(prefix: str, layers: int) -> list[str]:
    """Names of the cache tensors of all layers, keys and values in turn."""
    return [f"{prefix}.{layer}.{part}" for layer in range(layers) for part in ("key", "value")]
