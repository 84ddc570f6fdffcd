"""Checkpoints and codecs by folder or Hugging Face hub id, with their licence."""

from __future__ import annotations

import contextlib
import importlib.util
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kinetoken.base.errors import InputError, MissingPackageError
from kinetoken.base.input_file import read_input_text
from kinetoken.base.json_text import parse_json
from kinetoken.engines.llamacpp.gguf_header import read_header

_HUB_ID: Final = re.compile(r"(?:hf:)?([\w-][\w.-]*/[\w.-]+)(?:@([\w.+/-]+))?")
_TERMS: Final = ("README.md", "LICENSE*", "LICENCE*")
_MODEL_FILES: Final = (
    "*.json",
    "*.jinja",
    "*.safetensors",
    "merges.txt",
    "vocab.txt",
    "*.model",
    *_TERMS,
)
_CODEC_FILES: Final = (
    "*.json",
    "*.safetensors",
    "*.npy",
    "*.py",
    "*.pth",
    "*.pt",
    "*.tar",
    "*.ckpt",
    "*.bin",
    "opt.txt",
    *_TERMS,
)
# What errors of huggingface_hub mean, by their names.
_REFUSALS: Final = {
    "GatedRepoError": "it is gated: accept its terms on its page, then set HF_TOKEN",
    "RepositoryNotFoundError": "there is no such repository, or it is private: check the name, or "
    "set HF_TOKEN",
    "RevisionNotFoundError": "it has no such revision: check it",
}


_LICENCE_FILES: Final = ("LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "LICENCE.md")
_LICENCE_WORDS: Final = {
    r"Attribution-NonCommercial-ShareAlike 4\.0": "cc-by-nc-sa-4.0",
    r"Attribution-NonCommercial-NoDerivatives 4\.0": "cc-by-nc-nd-4.0",
    r"Attribution-NonCommercial 4\.0": "cc-by-nc-4.0",
    r"Attribution-ShareAlike 4\.0": "cc-by-sa-4.0",
    r"Attribution 4\.0 International": "cc-by-4.0",
    r"Qwen RESEARCH LICENSE": "qwen-research (non-commercial)",
    r"Apache License\s+Version 2\.0": "apache-2.0",
    r"MIT License": "mit",
}


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
    """Find a checkpoint by folder, GGUF file or hub id.

    InputError where it is none of these, or not available.
    """
    path = Path(given).expanduser()
    if path.is_file() and path.suffix == ".gguf":
        return Source(path, path.name, "", _licence_of_gguf(path))
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
    named = _HUB_ID.fullmatch(given)
    if named is None:
        raise InputError(
            f"expected {what} or a hub id like owner/name, found nothing at {given}: check the path"
        )
    folder = _download(named[1], revision or named[2], patterns)
    return Source(folder, named[1], _snapshot(folder), read_licence(folder))


def _download(hub_id: str, revision: str | None, patterns: tuple[str, ...]) -> Path:
    if importlib.util.find_spec("huggingface_hub") is None:
        raise MissingPackageError("huggingface_hub", "export")
    from huggingface_hub import snapshot_download

    stream = getattr(sys.stderr, "stream", sys.stderr)  # its bars steer the terminal
    try:
        with contextlib.redirect_stderr(stream):
            return Path(snapshot_download(hub_id, revision=revision, allow_patterns=list(patterns)))
    except Exception as error:  # its errors come from several libraries
        if known := _REFUSALS.get(type(error).__name__):
            raise InputError(
                f"{hub_id} is not a folder here, and the hub refused it: {known}"
            ) from error
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{hub_id} is not a folder here, and the hub did not give it ({reason}): check the name "
            "and the network, or download it and give its folder"
        ) from error


def _snapshot(folder: Path) -> str:
    """The commit in the name of a hub cache's folder: .../snapshots/COMMIT."""
    folder = folder.resolve()
    return folder.name if folder.parent.name == "snapshots" else ""


def read_licence(folder: Path) -> str:
    """Read the licence from the model card's header, config.json or LICENSE; else "unknown"."""
    folder = folder if folder.is_dir() else folder.parent
    return _licence_of_card(folder) or _licence_of_config(folder) or _licence_of_text(folder)


def _licence_of_gguf(path: Path) -> str:
    """The licence that the file names, else that of the folder."""
    try:
        said = read_header(path).said
    except (OSError, ValueError):  # which is told when it is opened
        return read_licence(path)
    named = said.get("general.license.name") or said.get("general.license")
    return (named.decode("utf-8", "replace") if isinstance(named, bytes) else "") or read_licence(
        path
    )


def _licence_of_card(folder: Path) -> str:
    """`license:` of the header of README.md, one or several; a name of its own comes first."""
    text = _text(folder / "README.md").lstrip("\ufeff").replace("\r\n", "\n")
    header = re.match(r"---[ \t]*\n(.*?)\n---", text, re.DOTALL)
    lines = header[1] if header else ""
    named = re.search(r"^licen[sc]e_name:[ \t]*(\S.*)$", lines, re.MULTILINE)
    one = re.search(r"^licen[sc]e:[ \t]*([^\s#].*)$", lines, re.MULTILINE)
    several = re.search(
        r"^licen[sc]e:[ \t]*\n((?:[ \t]*-[ \t]+\S.*(?:\n|$))+)", lines, re.MULTILINE
    )
    if several and not named:
        return ", ".join(_unquoted(line.lstrip(" \t-")) for line in several[1].splitlines())
    found = named or one
    return ", ".join(_unquoted(part) for part in found[1].strip("[]").split(",")) if found else ""


def _unquoted(text: str) -> str:
    return text.partition(" #")[0].strip().strip("\"'[]").strip()


def _licence_of_config(folder: Path) -> str:
    try:
        config = parse_json(_text(folder / "config.json"))
    except ValueError:
        return ""
    config = config if isinstance(config, dict) else {}
    said = [config.get(name) for name in ("license", "licence", "license_name")]
    return next((text for text in said if isinstance(text, str) and text), "")


def _licence_of_text(folder: Path) -> str:
    """The licence whose text lies in the folder, where it is a common one."""
    text = next(filter(None, (_text(folder / name) for name in _LICENCE_FILES)), "")[:2000]
    known = (name for words, name in _LICENCE_WORDS.items() if re.search(words, text, re.DOTALL))
    return next(known, "unknown")


def _text(path: Path) -> str:
    try:
        return read_input_text(path, errors="replace")
    except OSError:
        return ""
