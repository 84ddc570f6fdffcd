"""What `kinetoken export` was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kinetoken.base.errors import InputError

from .checkpoint.motion_tokens import SYSTEM_PROMPT
from .checkpoint.sources import Source

OWN = "own"
"""Importance from the checkpoint's own answers."""
DRAFT = "q8_0"
"""Quantization of the draft that gives those: as good as the source for saying what it says, and quick to make."""
ENGLISH = "english"
"""Vocabulary that English needs."""


@dataclass(frozen=True)
class Request:
    """One export; every field that has a default is an option."""

    model: Source
    codec: Source
    out: Path
    name: str
    format: str = "onnx"
    """ "onnx" or "gguf"."""
    quant: str | None = None
    """Name of a recipe; None: the format's default."""
    graph: str = "fused"
    """Of ONNX: "fused" or "portable"."""
    context: int | None = None
    """Tokens; None: the model's."""
    prune_vocab: str | None = None
    """Text file whose words to keep, or "english"; None keeps all."""
    importance: str | None = None
    """Importance of columns when quantizing to GGUF: a text file of prompts, an imatrix file, or "own"."""
    trust_code: bool = False
    """Whether the codec's own Python file may run."""
    codec_precision: Literal["fp16", "fp32"] = "fp16"
    """How the decoder's weights are stored: "fp16" or "fp32"."""
    lookahead: int | None = None
    """Latent frames; None: the exact one, or for a decoder that sees far the smallest that costs little."""
    system_prompt: str = SYSTEM_PROMPT
    temperature: float | None = None
    licence: str | None = None
    """None: what the model card says."""
    codec_licence: str | None = None
    acknowledgement: str = ""
    force: bool = False

    def __post_init__(self) -> None:
        """InputError for options that do not go together."""
        if self.graph == "portable" and self.format != "onnx":
            raise InputError(
                "--graph portable is a form of ONNX; leave it out, or give --format onnx"
            )
        if self.importance is not None and self.format != "gguf":
            raise InputError(
                "--importance weighs the columns of GGUF quantizations; leave it out, or give --format gguf"
            )
