"""The checkpoint in the words of a bundle: the same ids, checked to be of the same model."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from kinetoken.base.errors import FormatError, InputError
from kinetoken.generation.bundle import Bundle

from ..checkpoint.json_file import read_json
from ..checkpoint.prune import PrunedSource
from ..checkpoint.tensors import Checkpoint, TensorSource

_OTHER: Final = "give the checkpoint that the bundle was made from"


def align_checkpoint(bundle: Bundle, folder: Path) -> TensorSource:
    """The checkpoint in `folder` with the ids of the bundle, whose vocabulary may be pruned.

    InputError where the bundle was made from another checkpoint.
    """
    checkpoint = Checkpoint(folder)
    _check_shape(bundle, checkpoint)
    old, new = (
        ids_by_token(folder / "tokenizer.json"),
        ids_by_token(bundle.folder / bundle.manifest.tokenizer.file),
    )
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
    # Rows behind the last token have no name: they pad the checkpoint's matrix, and the bundle's in
    # the same places.
    unnamed = kept < 0
    kept[unnamed] = np.flatnonzero(unnamed)
    if (np.diff(kept) <= 0).any() or kept[-1] >= rows:
        raise InputError(
            f"{folder}: expected the tokens in the order of the bundle, got another order: {_OTHER}"
        )
    return PrunedSource(checkpoint, kept)


def _check_shape(bundle: Bundle, checkpoint: Checkpoint) -> None:
    info, shape = bundle.manifest.language_model, checkpoint.shape
    made = (info.layers, info.kv_heads, info.head_dim)
    given = (shape.layers, shape.kv_heads, shape.head_dim)
    if made != given:
        raise InputError(
            f"{checkpoint.folder}: expected layers, key-value heads and head width {made} of the "
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
