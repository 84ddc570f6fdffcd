"""Which files hold a checkpoint's weights, and what lies in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from kinetoken.base.errors import FormatError, InputError
from kinetoken.base.input_file import open_input
from kinetoken.base.json_text import parse_json

from ..json_file import read_json, refuse_lfs_pointer

WHOLE_FILE: Final = "model.safetensors"
INDEX_FILE: Final = "model.safetensors.index.json"
_PICKLES: Final = ("pytorch_model.bin", "pytorch_model.bin.index.json")
_ADAPTERS: Final = ("adapter_model.safetensors", "adapter_model.bin")
_OTHER_WEIGHTS: Final = (".gguf", ".safetensors", ".pth", ".pt", ".ckpt", ".bin")
_MOST_HEADER: Final = 100_000_000  # bytes, as safetensors itself allows
_MOST_NAME: Final = 255  # bytes, of most systems
_NOTHING: Final = "found nothing"


@dataclass(frozen=True)
class TensorEntry:
    """A tensor as a file of safetensors lists it."""

    path: Path
    name: str
    dtype: str
    """"BF16", "F8_E4M3", "I32" and so on."""
    dims: tuple[int, ...]


@dataclass(frozen=True)
class WeightFiles:
    """The files that a checkpoint is read from."""

    entries: Mapping[str, TensorEntry]
    """By the name in the file."""
    notes: tuple[str, ...]
    """What else lies there, a line each."""


def find_weights(folder: Path, named: str | None = None) -> WeightFiles:
    """Tensors of the files that transformers loads.

    `named` is "transformers_weights" of config.json.

    InputError where there are none, FormatError where they are damaged.
    """
    whole, index = folder / WHOLE_FILE, folder / INDEX_FILE
    notes: list[str] = []
    if named is not None:
        index, whole = folder / _inside(folder, named), folder / named
        notes.append(f"the weights are in {named}, as config.json says")
    if whole.is_file() and not whole.name.endswith(".index.json"):
        found = list(_entries(whole))
        notes += _left_over(folder, whole, index)
    elif index.is_file():
        found = _sharded(index, notes)
    else:
        raise InputError(_no_weights(folder))
    return WeightFiles({entry.name: entry for entry in found}, tuple(notes))


def _inside(folder: Path, name: str) -> str:
    """A file name that stays in the folder; FormatError otherwise."""
    path = PurePosixPath(name)
    long = any(len(part.encode("utf-8", "replace")) > _MOST_NAME for part in path.parts)
    if path.is_absolute() or ".." in path.parts or "\\" in name or long:
        raise FormatError(f"{folder}: expected a file of the folder, got {name!r}: do not trust it")
    return name


def _left_over(folder: Path, whole: Path, index: Path) -> Iterator[str]:
    if index.is_file():
        yield (
            f"{whole.name} is read, as transformers does; {index.name} and its shards beside it "
            "are not: "
            "remove what is old"
        )


def _sharded(index: Path, notes: list[str]) -> list[TensorEntry]:
    """Tensors of every shard that the index names; `notes` gets a line for those in none."""
    try:
        places: dict[str, str] = dict(read_json(index)["weight_map"])
        shards = sorted({_inside(index.parent, shard) for shard in places.values()})
    except (KeyError, AttributeError, TypeError, ValueError):
        raise FormatError(
            f"{index}: expected a weight_map of tensors to shards: download it again"
        ) from None
    found: dict[str, TensorEntry] = {}
    for shard in shards:
        for entry in _entries(index.parent / shard):
            if entry.name in found:
                raise FormatError(
                    f"{entry.path}: expected each tensor once, {entry.name} is in "
                    f"{found[entry.name].path.name} too: "
                    "download it again"
                )
            found[entry.name] = entry
    absent = sorted(places.keys() - found.keys())
    if absent:
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        notes.append(f"{index.name} names {absent[0]}{more}, which no shard holds")
    return list(found.values())


def _no_weights(folder: Path) -> str:
    """What is there instead, and what to do."""
    expected = f"{folder}: expected {WHOLE_FILE} or {INDEX_FILE}"
    pickle = next((name for name in _PICKLES if (folder / name).is_file()), None)
    if pickle is not None:
        return (
            f"{expected}, found {pickle}, which may run code when it is read: save it once more "
            "with "
            '`python -c "from transformers import AutoModelForCausalLM as M; '
            f"M.from_pretrained('{folder}', "
            f"torch_dtype='auto').save_pretrained('{folder}-safe')\"` and copy the tokenizer's "
            "files"
        )
    if any((folder / name).is_file() for name in _ADAPTERS):
        return (
            f"{expected}, found an adapter: give the model that it was trained on as CHECKPOINT, "
            f"and --adapter {folder}"
        )
    others = sorted(p.name for p in folder.iterdir() if p.suffix in _OTHER_WEIGHTS)
    lost = next((name for name in others if not (folder / name).exists()), None)
    if lost is not None:
        return f"{expected}, found a link {lost} that leads nowhere: download it again"
    if others and others[0].endswith(".gguf"):
        return f"{expected}, found {others[0]}: give the file itself as CHECKPOINT"
    found = f"only {', '.join(others[:3])}" if others else "neither"
    return f"{expected}, found {found}: give a complete checkpoint folder"


def _entries(path: Path) -> Iterable[TensorEntry]:
    """The header of a file of safetensors, checked against its length."""
    try:
        if path.is_file():
            refuse_lfs_pointer(path)
        with open_input(path) as file:
            length = int.from_bytes(file.read(8), "little")
            header = parse_json(file.read(length)) if 0 < length <= _MOST_HEADER else None
        size = path.stat().st_size - 8 - length
        return list(_listed(path, header, size))
    except FileNotFoundError:
        raise InputError(
            f"expected a shard at {path}, found nothing: download the checkpoint again"
        ) from None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise FormatError(
            f"{path}: expected a whole safetensors file, got something unreadable ({error}): "
            "download it again"
        ) from error


def _listed(path: Path, header: Any, size: int) -> Iterator[TensorEntry]:
    if not isinstance(header, dict):
        raise ValueError("no header")
    stops = [0]
    for name, tensor in header.items():
        if name != "__metadata__":
            dims = tuple(int(n) for n in tensor["shape"])
            stops.append(int(tensor["data_offsets"][1]))
            yield TensorEntry(path, name, str(tensor["dtype"]), dims)
    if max(stops) != size:
        raise ValueError(f"{max(stops):,} bytes of weights expected, {size:,} found")
