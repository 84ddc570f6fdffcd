"""The codec that this project trains for its demo."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..demo.training.train_codec import load_codec
from .own_model import MODEL_TYPE
from .source import Array, CodecSource, Codes


def is_own(settings: Mapping[str, Any]) -> bool:
    """Whether config.json names this layout."""
    return settings.get("model_type") == MODEL_TYPE


def read(folder: Path, base: Mapping[str, Any]) -> CodecSource:
    """The codec; FormatError where the weights do not fit config.json. `base`: fields that do not hang on the layout."""
    model, _, _ = load_codec(folder)
    config = model.config
    codebooks = np.stack([level.codebook.numpy() for level in model.quantizer.levels])

    @torch.no_grad()
    def encode(features: Array) -> Codes:
        latents = model.encoder(torch.from_numpy(np.ascontiguousarray(features.T[None])))[0].T
        codes: Codes = model.quantizer.encode(latents).numpy()
        return codes

    return CodecSource(
        layout=MODEL_TYPE, decoder=model.decoder, codebooks=codebooks, stride=config.stride, encoder=encode, **base
    )  # fmt: skip
