"""A chat as a JSON file: its turns, and where the body stands."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..base.atomic_file import atomic_path
from ..base.errors import FormatError
from ..base.input_file import read_input_text
from ..base.json_text import parse_json
from ..codec.body_check import FURTHEST_JOINT, farthest_joints
from ..generation.chat_format import Said, checked_turn
from ..manifest.json_dataclass import to_json
from ..manifest.schema import Manifest, MotionInfo, TokenizerInfo
from ..motion.skeleton import N_JOINTS
from ..tokens.vocabulary import Vocabulary

_FORMAT: Final = "kinetoken-chat"
_VERSION: Final = 1
LARGEST_CHAT: Final = 1 << 26
"""Bytes: weeks of talk."""
FURTHEST_POSE: Final = 1e6  # metres


def write_chat(
    path: str | os.PathLike[str],
    manifest: Manifest,
    turns: Sequence[Said],
    poses: NDArray[np.float64],
) -> None:
    """Write the turns and the last poses (0 to 2, 22, 3), in metres, whole or not at all.

    OutputError.
    """
    data = {
        "format": _FORMAT,
        "version": _VERSION,
        "model": manifest.name,
        "tokens": model_identity(manifest),
        "turns": [{"prompt": turn.prompt, "answer": list(turn.answer)} for turn in turns],
        "poses": np.round(poses, 5).tolist(),
    }
    with atomic_path(path) as part:
        part.write_text(json.dumps(data) + "\n", encoding="utf-8")


def read_chat(
    path: str | os.PathLike[str], manifest: Manifest
) -> tuple[list[Said], NDArray[np.float64]]:
    """The turns and poses that `write_chat` wrote.

    FormatError if the file is damaged, or the chat of another model.
    """
    data = _parsed(Path(path))
    if data.get("format") != _FORMAT or data.get("version") != _VERSION:
        raise FormatError(
            f"{path} is not a chat of this kinetoken; "
            "name one that `kinetoken chat --history-file` wrote"
        )
    if data.get("tokens") != model_identity(manifest):
        raise FormatError(
            f"{path} is a chat with another model ({str(data.get('model'))[:60]!r}, this is "
            f"{manifest.name!r}); "
            "load that one, or begin a new file"
        )
    words = Vocabulary.of(manifest)
    try:
        opened = manifest.opens_block
        turns = [
            checked_turn(turn["prompt"], turn["answer"], words, opened=opened)
            for turn in data["turns"]
        ]
        poses = np.array(data["poses"], np.float64).reshape(-1, N_JOINTS, 3)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise FormatError(f"{path} is damaged ({error}); begin a new file") from error
    near = np.abs(poses).max(initial=0.0) < FURTHEST_POSE
    if len(poses) > 2 or not (near and (farthest_joints(poses) <= FURTHEST_JOINT).all()):
        raise FormatError(f"{path} is damaged (it holds no poses of a body); begin a new file")
    return turns, poses


def model_identity(manifest: Manifest) -> str:
    """Identity of the model that a chat was held with, whatever engine ran it.

    It is made of its weights' source, its words and its motion tokens.
    """
    tokenizer = manifest.files.get(manifest.tokenizer.file)
    source = dict(manifest.provenance.sha256) or {
        n: info.sha256 for n, info in manifest.files.items()
    }
    parts = [
        tokenizer.sha256 if tokenizer else "",
        source,
        _without_defaults(manifest.motion, "spelling"),
        _without_defaults(manifest.tokenizer, "added_words"),
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _without_defaults(info: MotionInfo | TokenizerInfo, *later: str) -> dict[str, Any]:
    """Part of a manifest without the keys that came later and say nothing.

    So a chat that an older version wrote is still known.
    """
    plain: dict[str, Any] = to_json(info)
    fields = {field.name: field for field in dataclasses.fields(info)}
    for name in later:
        field = fields[name]
        made = field.default_factory
        default = field.default if made is dataclasses.MISSING else made()
        if getattr(info, name) == default:
            del plain[name]
    return plain


def _parsed(path: Path) -> dict[str, Any]:
    try:
        data = parse_json(read_input_text(path, LARGEST_CHAT))
    except OSError as error:
        raise FormatError(
            f"cannot read {path}: {error.strerror}; name a chat that was saved"
        ) from error
    except ValueError as error:
        raise FormatError(f"{path} is not a chat ({error}); name another file") from error
    if not isinstance(data, dict):
        raise FormatError(
            f"{path} is not a chat: expected a JSON object, got {type(data).__name__}; "
            "name another file"
        )
    return data
