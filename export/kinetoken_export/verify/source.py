"""The checkpoint in the words of a bundle: the same ids, checked to be of the same model."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from kinetoken.base.errors import FormatError, InputError
from kinetoken.generation.bundle import Bundle

from ..checkpoint.json_file import read_json
from ..checkpoint.open_model import open_model
from ..checkpoint.tensors import TensorSource
from ..checkpoint.vocabulary.prune import PrunedSource

_OTHER: Final = "give the checkpoint that the bundle was made from"


def align_checkpoint(bundle: Bundle, folder: Path, adapter: Path | None = None) -> TensorSource:
    """The checkpoint in `folder`, with an adapter merged, and with the ids of the bundle.

    Its vocabulary may be pruned, its motion tokens moved.

    InputError where the bundle was made from another checkpoint.
    """
    with TemporaryDirectory() as scratch:
        model = open_model(folder, adapter, Path(scratch))
        old = ids_by_token(model.tokenizer)
    checkpoint = model.source
    _check_shape(bundle, folder, checkpoint)
    new = ids_by_token(bundle.folder / bundle.manifest.tokenizer.file)
    size, rows = bundle.manifest.language_model.vocab_size, checkpoint.shape.vocab_size
    if size == rows and all(old.get(token) == number for token, number in new.items()):
        return checkpoint
    foreign = next((token for token in new if token not in old), None)
    if foreign is not None:
        raise InputError(
            f"{folder}: expected the token {foreign!r} of the bundle, found none: {_OTHER}"
        )
    kept = np.full(size, -1, np.int64)
    for token, number in new.items():
        kept[number] = old[token]
    # Rows without a token are no bundle's to tell apart: they keep their order.
    unnamed, known = np.flatnonzero(kept < 0), set(kept.tolist())
    spare = np.array([i for i in range(rows) if i not in known], np.int64)
    if len(spare) < len(unnamed) or kept.max() >= rows:
        raise InputError(f"{folder}: expected {size} rows of the embedding, got {rows}: {_OTHER}")
    kept[unnamed] = spare[: len(unnamed)]
    codes = [i for first, stop in bundle.manifest.motion.levels for i in range(first, stop)]
    words = np.delete(kept, [*codes, *bundle.manifest.motion.markers, *unnamed])
    if (np.diff(words) <= 0).any():  # an export moves motion tokens alone
        raise InputError(
            f"{folder}: expected the tokens in the order of the bundle, got another order: {_OTHER}"
        )
    return PrunedSource(checkpoint, kept)


def _check_shape(bundle: Bundle, folder: Path, checkpoint: TensorSource) -> None:
    info, shape = bundle.manifest.language_model, checkpoint.shape
    made = (info.layers, info.kv_heads, info.head_dim)
    given = (shape.layers, shape.kv_heads, shape.head_dim)
    if made != given:
        raise InputError(
            f"{folder}: expected layers, key-value heads and head width {made} of the "
            f"bundle, got {given}: {_OTHER}"
        )


def ids_by_token(path: Path) -> dict[str, int]:
    """Every token of a tokenizer.json and its id; FormatError where it is none."""
    data = read_json(path)
    try:
        added = {str(token["content"]): int(token["id"]) for token in data["added_tokens"]}
        return {str(token): int(number) for token, number in data["model"]["vocab"].items()} | added
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise FormatError(
            f"{path}: expected a fast tokenizer's tokenizer.json, got something else ({error!r})"
        ) from error
