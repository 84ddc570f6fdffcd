"""A codec's files, opened without running any code: weights, settings, licence."""

from __future__ import annotations

import argparse
import pathlib
import pickle
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from kinetoken.base.errors import FormatError, InputError
from kinetoken.base.input_file import check_regular, read_input_text
from kinetoken.base.json_text import parse_json

from ..checkpoint.sources import read_licence

_SAFE: Final = ".safetensors"
_PICKLES: Final = (".pth", ".pt", ".tar", ".ckpt", ".bin")
# Where training scripts put the weights among other things; the order is that of preference.
_WRAPPERS: Final = (
    "vq_model",
    "net",
    "model_state_dict",
    "state_dict",
    "model",
    "vqvae",
    "vae",
    "rvq",
    "rvq_vae",
    "codec",
    "autoencoder",
    "generator",
    "module",
    "params",
    "weights",
    "ema_model",
    "model_ema",
    "ema_state_dict",
    "ema",
    "params_ema",
)
# Several weights in one folder: what the authors' own scripts load comes first.
_PREFERRED: Final = (
    "motion_rvq_weights",
    "net_best_fid",
    "finest",
    "model",
    "best",
    "net_last",
    "latest",
)
_INNER_SETTINGS: Final = ("config", "args", "cfg", "hparams", "hyper_parameters", "opt")
_NESTED: Final = 2  # wrappers within wrappers
_AVERAGE: Final = "ema_model."
_AVERAGED: Final = "n_averaged"
_SCALAR: Final = getattr(np, "_core", np).multiarray.scalar
# Beside tensors, training scripts save options, paths and NumPy's numbers. Reading them runs no
# code of the file's.
_HARMLESS: Final = (
    argparse.Namespace,
    pathlib.PosixPath,
    pathlib.WindowsPath,
    np.dtype,
    type(np.dtype(np.float64)),
    type(np.dtype(np.float32)),
    type(np.dtype(np.int64)),
    _SCALAR,
    (_SCALAR, "numpy.core.multiarray.scalar"),  # as NumPy 1 calls it
)
_SETTING_FILES: Final = ("config.json", "opt.txt")
_DEPTH: Final = 2  # folders below the given one in which weights are looked for


@dataclass(frozen=True)
class CodecFiles:
    """A codec's weights and the files around them."""

    folder: Path
    """Folder of the codec, not of its weights where they lie deeper."""
    weights: Path
    """The given path where an adapter reads them."""
    state: Mapping[str, Tensor]
    """Float tensors in float32; empty where an adapter reads them."""
    settings: Mapping[str, Any]
    """From config.json, opt.txt and the weights' file, laid flat, names with underscores."""
    files: tuple[Path, ...]
    """Weights and settings."""
    licence: str | None
    notes: tuple[str, ...] = ()
    """What was assumed, one line each, for the user to see."""


def open_codec_files(path: Path) -> CodecFiles:
    """Open the codec at a folder or weights file; InputError or FormatError where there is none."""
    weights = path if path.is_file() else _find_weights(path)
    folder = weights.parent if path.is_file() else path
    # Beside weights that lie in model/ or the like, settings are one folder up.
    around = [folder, *([folder.parent] if path.is_file() else [weights.parent])]
    found = [
        p
        for name in _SETTING_FILES
        for where in dict.fromkeys(around)
        if (p := where / name).is_file()
    ]
    state, inner, notes = _load(weights)
    settings: dict[str, Any] = dict(_flat(inner))
    for file in found:
        settings |= dict(_flat(_settings(file)))
    licence = _known_licence(folder)
    return CodecFiles(folder, weights, state, settings, (weights, *found), licence, notes)


def open_without_weights(path: Path) -> CodecFiles:
    """Find a codec's settings and licence, leaving its weights to an adapter."""
    if not path.exists():
        raise InputError(
            f"expected a codec's folder or weights file at {path}, found nothing: check the path"
        )
    folder = path.parent if path.is_file() else path
    weights = [path] if path.is_file() else [p for p in _within(folder, _DEPTH) if _is_weights(p)]
    found = [file for name in _SETTING_FILES if (file := folder / name).is_file()]
    settings: dict[str, Any] = {}
    for file in found:
        settings |= dict(_flat(_settings(file)))
    return CodecFiles(folder, path, {}, settings, (*weights, *found), _known_licence(folder))


def _is_weights(path: Path) -> bool:
    return path.suffix in (_SAFE, *_PICKLES)


def _find_weights(folder: Path) -> Path:
    if not folder.is_dir():
        raise InputError(
            f"expected a codec's folder or weights file at {folder}, found nothing: check the path"
        )
    found = [p for p in _within(folder, _DEPTH) if _is_weights(p)]
    found = [p for p in found if p.suffix == _SAFE] or found
    if not found:
        raise InputError(
            f"{folder}: expected weights ({_SAFE}, {', '.join(_PICKLES)}), found none: give the "
            "codec's folder"
        )
    ranked = sorted(found, key=_rank)
    if len(ranked) > 1 and _rank(ranked[0]) == _rank(ranked[1]):
        names = ", ".join(str(p.relative_to(folder)) for p in ranked[:5])
        raise InputError(
            f"{folder}: expected one file of weights, found {names}: give the one to use instead "
            "of the folder"
        )
    return ranked[0]


def _rank(path: Path) -> int:
    return _PREFERRED.index(path.stem) if path.stem in _PREFERRED else len(_PREFERRED)


def _within(folder: Path, depth: int) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_file():
            yield path
        elif depth and path.is_dir() and not path.name.startswith("."):
            yield from _within(path, depth - 1)


def _load(path: Path) -> tuple[dict[str, Tensor], Mapping[str, Any], tuple[str, ...]]:
    """Read the state dict, settings that lie beside it in the same file, and notes for the user."""
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(list(_HARMLESS)):
            warnings.simplefilter("ignore")  # of old pickles; what cannot be read is refused below
            check_regular(path)
            whole: Any = (
                load_file(path)
                if path.suffix == _SAFE
                else torch.load(path, map_location="cpu", weights_only=True)
            )
    except Exception as error:  # a broken pickle fails in any way
        if isinstance(error, pickle.UnpicklingError) and "GLOBAL" in str(error):
            raise FormatError(
                f"{path}: expected a pickle of tensors alone, got one that would run code: "
                f"convert it to {_SAFE} where you trust it"
            ) from error
        raise FormatError(
            f"{path}: expected whole weights, got something unreadable ({_line(error)}): download "
            "it again"
        ) from error
    place, state = _find_state(whole)
    if not state:
        raise FormatError(
            f"{path}: expected tensors by name, alone or under one of {', '.join(_WRAPPERS)}, "
            "found none"
        )
    for name, value in state.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise FormatError(
                f"{path}: expected finite numbers, got NaN or infinity in {name}: the training "
                "diverged, or the file is damaged; take an earlier checkpoint or download it again"
            )
    return state, _inner_settings(whole), _others(path, whole, place)


def _find_state(whole: Any, depth: int = _NESTED) -> tuple[str, dict[str, Tensor]]:
    """The model's tensors and the name that they lie under, "" for none of their own."""
    if not isinstance(whole, Mapping):
        return "", {}
    for name in _WRAPPERS if depth else ():
        if state := _find_state(whole.get(name), depth - 1)[1]:
            return name, state
    return "", _without_average(_tensors(whole))


def _without_average(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Take a moving average out of its wrapper (ema_pytorch's EMA, torch's AveragedModel)."""
    if average := {n: v for n, v in state.items() if n.startswith(_AVERAGE)}:
        return {name.removeprefix(_AVERAGE): value for name, value in average.items()}
    return {name: value for name, value in state.items() if name != _AVERAGED}


def _inner_settings(whole: Any) -> Mapping[str, Any]:
    """Settings that lie beside the tensors in the file."""
    for name in _INNER_SETTINGS if isinstance(whole, Mapping) else ():
        value = whole.get(name)
        value = vars(value) if isinstance(value, argparse.Namespace) else value
        if isinstance(value, Mapping):
            return value
    return {}


def _others(path: Path, whole: Any, place: str) -> tuple[str, ...]:
    """Name other tensors of a file that could be meant: the user may want those."""
    others = [
        name for name in _WRAPPERS if place and name != place and _find_state(whole.get(name), 0)[1]
    ]
    return tuple(f"{path.name}: weights {place!r} taken, {name!r} left" for name in others)


def _tensors(named: Mapping[Any, Any]) -> dict[str, Tensor]:
    return {
        str(name): value.float() if value.is_floating_point() else value
        for name, value in named.items()
        if isinstance(value, Tensor)
    }


def _settings(path: Path) -> Mapping[str, Any]:
    """config.json, or the `name: value` lines that the authors' option parsers write."""
    try:
        text = read_input_text(path)
        if path.suffix == ".json":
            data = parse_json(text)
            return data if isinstance(data, dict) else {}
    except (OSError, ValueError) as error:
        raise FormatError(
            f"{path}: expected the codec's settings, got something unreadable ({_line(error)})"
        ) from error
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {name.strip(): _value(value.strip()) for name, value in pairs}


def _value(text: str) -> Any:
    try:
        return parse_json(text.lower() if text in ("True", "False") else text)
    except ValueError:
        return None if text == "None" else text


def _flat(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value)
        else:
            yield str(name).replace("-", "_"), value


def _known_licence(folder: Path) -> str | None:
    terms = read_licence(folder)
    return None if terms == "unknown" else terms


def positive_number(settings: Mapping[str, Any], *names: str) -> int | None:
    """The first of these settings that is a whole number above 0."""
    for name in names:
        value = settings.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
