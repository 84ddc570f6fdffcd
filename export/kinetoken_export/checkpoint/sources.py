"""Checkpoints and codecs by folder or Hugging Face hub id, with their licence."""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kinetoken.base.errors import InputError, MissingPackageError

_HUB_ID: Final = re.compile(r"[\w.-]+/[\w.-]+\Z")
_MODEL_FILES: Final = ("*.json", "*.jinja", "*.safetensors", "README.md")
_CODEC_FILES: Final = (
    "*.json",
    "*.safetensors",
    "*.npy",
    "*.py",
    "*.pth",
    "*.pt",
    "*.tar",
    "README.md",
)


@dataclass(frozen=True)
class Source:
    """A folder with weights, and its name, revision and licence."""

    folder: Path
    """Of a codec this may be a file: the weights themselves."""
    name: str
    """As the user would find it again: a hub id or the folder's name."""
    revision: str
    """Commit on the hub; empty for a folder that does not say."""
    licence: str
    """As the model card's header says; "unknown" where it does not."""


def find_model(given: str, revision: str | None = None) -> Source:
    """Find a checkpoint by folder or hub id; InputError where it is neither, or not available."""
    return _find(given, revision, "a checkpoint folder", _MODEL_FILES)


def find_codec(given: str, revision: str | None = None) -> Source:
    """Find a codec by folder, file of weights or hub id; InputError likewise."""
    return _find(given, revision, "a codec folder", _CODEC_FILES)


def _find(given: str, revision: str | None, what: str, patterns: tuple[str, ...]) -> Source:
    path = Path(given).expanduser()
    if path.is_dir() or (path.is_file() and what == "a codec folder"):
        return Source(path, path.resolve().name, revision or _snapshot(path), read_licence(path))
    if path.exists():
        raise InputError(
            f"expected {what} at {given}, found a file: give the folder that it lies in"
        )
    if not _HUB_ID.match(given) or given.startswith("."):
        raise InputError(
            f"expected {what} or a hub id like owner/name, found nothing at {given}: check the path"
        )
    folder = _download(given, revision, patterns)
    return Source(folder, given, _snapshot(folder), read_licence(folder))


def _download(hub_id: str, revision: str | None, patterns: tuple[str, ...]) -> Path:
    if importlib.util.find_spec("huggingface_hub") is None:
        raise MissingPackageError("huggingface_hub", "export")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(hub_id, revision=revision, allow_patterns=list(patterns)))
    except Exception as error:  # its errors come from several libraries
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{hub_id} is no folder here, and the hub did not give it ({reason}): check the name "
            "and the network, "
            "or download it and give its folder"
        ) from error


def _snapshot(folder: Path) -> str:
    """The commit in the name of a hub cache's folder: .../snapshots/COMMIT."""
    folder = folder.resolve()
    return folder.name if folder.parent.name == "snapshots" else ""


def read_licence(folder: Path) -> str:
    """Read `license:` from the model card's header or config.json; "unknown" without one."""
    folder = folder if folder.is_dir() else folder.parent
    card = folder / "README.md"
    if card.is_file():
        text = card.read_text(encoding="utf-8", errors="replace")
        header = re.match(r"---\s*\n(.*?)\n---", text, re.DOTALL)
        named = {
            key: value.strip().strip("\"'")
            for key, value in re.findall(
                r"^(license(?:_name)?):[ \t]*(\S.*)$", header[1] if header else "", re.MULTILINE
            )
        }
        if named:
            return str(named.get("license_name") or named["license"])
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        said = config.get("license")
        return said if isinstance(said, str) else "unknown"
    except (OSError, ValueError, AttributeError):
        return "unknown"
