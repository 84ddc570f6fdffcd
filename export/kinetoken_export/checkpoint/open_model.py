"""A checkpoint with what belongs to it: an adapter to merge, and the folder of its tokenizer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kinetoken.base.errors import InputError

from .adapter import AdaptedSource, is_adapter
from .slow_tokenizer import convert_slow_tokenizer
from .tensors import Checkpoint, TensorSource

TOKENIZER_FILE = "tokenizer.json"


@dataclass(frozen=True)
class OpenedModel:
    """An opened checkpoint."""

    checkpoint: Checkpoint
    source: TensorSource
    """Its tensors, an adapter's changes included."""
    words: Path
    """Folder with the tokenizer and the chat template: an adapter brings its own, or none."""
    tokenizer: Path
    """tokenizer.json, which may be made from an older form."""

    @property
    def files(self) -> list[Path]:
        """What the bundle is made from."""
        return self.checkpoint.files


def open_model(folder: Path, adapter: Path | None, scratch: Path) -> OpenedModel:
    """Open a checkpoint; what has to be made lies in `scratch`. InputError, FormatError."""
    if is_adapter(folder):
        raise InputError(
            f"{folder} is an adapter of PEFT, not a model: give the model that it was trained on, and "
            f"the adapter with --adapter {folder}"
        )
    checkpoint = Checkpoint(folder)
    checkpoint.check()
    source: TensorSource = checkpoint
    words = folder
    if adapter is not None:
        source = AdaptedSource(checkpoint, adapter)
        words = adapter if (adapter / TOKENIZER_FILE).is_file() else folder
    tokenizer = words / TOKENIZER_FILE
    if not tokenizer.is_file():
        tokenizer = convert_slow_tokenizer(words, scratch / TOKENIZER_FILE)
    return OpenedModel(checkpoint, source, words, tokenizer)
