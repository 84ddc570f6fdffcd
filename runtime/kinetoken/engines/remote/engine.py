"""The engine of servers: another program runs the language model."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ...manifest.schema import Manifest
from ...tokens.tokenizer import Tokenizer
from ..engine import Engine, LoadedModel
from ..load_options import LoadOptions


def _load(
    folder: Path, manifest: Manifest, options: LoadOptions, tokenizer: Tokenizer
) -> LoadedModel:
    from .model import RemoteLanguageModel

    return LoadedModel(RemoteLanguageModel.open(options, manifest, tokenizer))


SERVER: Final = Engine("server", _load, reads_bundle=False)
