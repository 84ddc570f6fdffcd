"""A miniature checkpoint as a GGUF, opened by the engine, beside the checkpoint's own logits. Needs torch, gguf and llama_cpp."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kinetoken.engines.llamacpp.model import LlamaCppLanguageModel
from kinetoken.manifest.schema import LanguageModelInfo
from kinetoken_export.checkpoint.motion_tokens import read_vocabulary
from kinetoken_export.checkpoint.reference_model import ReferenceModel
from kinetoken_export.checkpoint.tensors import Checkpoint
from kinetoken_export.gguf.language_model import export_gguf
from kinetoken_export.gguf.recipes import find_gguf_recipe
from tiny_checkpoint import build_checkpoint


@dataclass(frozen=True)
class Made:
    """A checkpoint and its GGUF."""

    source: Checkpoint
    path: Path
    info: LanguageModelInfo

    @property
    def every(self) -> tuple[range]:
        """All ids."""
        return (range(self.info.vocab_size),)

    def load(self, threads: int = 1) -> LlamaCppLanguageModel:
        """The engine."""
        return LlamaCppLanguageModel(self.path, self.info, threads)

    @property
    def tolerance(self) -> float:
        """llama.cpp 0.5 reads no epsilon for qwen2vl and takes 0 in its norms, which small activations show."""
        return 1e-4 if self.source.architecture.name == "qwen2" else 5e-3

    def check(self, got: NDArray[np.float32], ids: list[int]) -> None:
        """The logits after `ids` are those of the source."""
        np.testing.assert_allclose(got, self.expected(ids), atol=self.tolerance)

    def expected(self, ids: list[int]) -> NDArray[np.float32]:
        """The source's logits."""
        row: NDArray[np.float32] = ReferenceModel(self.source).logits([ids])[0][-1]
        return row


def make(
    folder: Path, architecture: str, quantization: str, *, tied: bool = True, padded: int = 5
) -> Made:
    """Write a checkpoint and its GGUF into a folder."""
    checkpoint = build_checkpoint(folder, architecture, tied=tied, padded=padded)
    source, path = Checkpoint(checkpoint), folder / "lm.gguf"
    recipe, vocabulary = find_gguf_recipe(quantization), read_vocabulary(checkpoint)
    context = export_gguf(
        source,
        checkpoint / "tokenizer.json",
        vocabulary,
        recipe,
        path,
        name="tiny",
        chat_template=None,
        context=300,
    )
    s = source.shape
    info = LanguageModelInfo(
        "llamacpp",
        path.name,
        architecture,
        s.layers,
        s.kv_heads,
        s.head_dim,
        s.vocab_size,
        context,
        quantization,
    )
    return Made(source, path, info)
