"""A foreign codec's class: loaded from its own file, built from its config, filled with its weights."""

from __future__ import annotations

import dataclasses
import importlib.util
import inspect
import sys
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import torch
from torch import Tensor, nn

from kinetoken.base.errors import FormatError, MissingPackageError
from kinetoken.motion.features import N_FEATURES

from ..files import CodecFiles
from .tables import AVERAGES, CODE_NAMES, LEVEL_NAMES, LIKELY

CLASS: Final = "MotionRVQ_VAE"
CONFIG_NAMES: Final = frozenset(
    ("config", "cfg", "args", "opt", "options", "hparams", "params", "conf")
)
# A number goes by many names; one that the config gives under another name of its row is taken.
SYNONYMS: Final = (
    LEVEL_NAMES,
    CODE_NAMES,
    ("input_dim", "in_dim", "input_width", "nfeats", "n_features", "num_features", "features", "feature_dim", "feat_dim",
     "motion_dim", "pose_dim", "dim_pose", "output_dim", "out_dim", "input_size", "in_channels", "out_channels", "input_feats"),
    ("latent_dim", "code_dim", "embedding_dim", "embed_dim", "codebook_dim", "z_dim", "dim", "output_emb_width", "latent"),
    ("hidden_dim", "hidden", "hidden_size", "width", "channels", "hidden_channels", "base_channels", "d_model"),
    ("downsampling_ratio", "downsample", "downsample_factor", "down_ratio", "stride", "compression"),
)  # fmt: skip
FEATURE_ROW: Final = SYNONYMS[2]
PREFIXES: Final = (
    "",
    "module.",
    "_orig_mod.",
    "model.",
    "net.",
    "vqvae.",
    "vae.",
    "rvq_vae.",
    "generator.",
)


class Settings(dict[str, Any]):
    """A config that reads as a dict and as an object."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def build(files: CodecFiles, code: Path) -> nn.Module:
    """The one class of the file that takes the weights, in evaluation mode; FormatError says why none does."""
    module = _import(code)
    classes = _classes(module)
    if not classes:
        raise FormatError(f"{code}: expected a class {CLASS} or another torch module, found none")
    built, reasons = [], []
    for kind in classes:
        model, reason = _built(kind, files, module)
        built += [model] if model is not None else []
        reasons.append(f"{kind.__name__}: {reason}")
    if len(built) > 1 and type(built[0]).__name__ != CLASS:
        names = ", ".join(type(model).__name__ for model in built)
        raise FormatError(
            f"{code}: expected one class that takes {files.weights.name}, found {names}: name one {CLASS}"
        )
    if not built:
        raise FormatError(
            f"{code}: expected a class that takes {files.weights.name}; {'; '.join(reasons[:3])}"
        )
    return built[0].float().eval()


def _import(code: Path) -> ModuleType:
    """The file as a module under a fresh name; files beside it can be imported by it, and nothing is written there."""
    name = f"kinetoken_foreign_{uuid.uuid4().hex}"
    spec = importlib.util.spec_from_file_location(name, code)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    wrote, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.path.insert(0, str(code.parent))
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        raise MissingPackageError(str(error.name)) from error
    except (Exception, SystemExit) as error:
        raise FormatError(
            f"{code}: expected a file that can be imported, it failed with {_reason(error)}"
        ) from error
    finally:
        sys.path.remove(str(code.parent))
        sys.dont_write_bytecode = wrote
    return module


def _classes(module: ModuleType) -> list[type[nn.Module]]:
    """Modules that the file defines; the expected one alone where it is there."""
    kinds = [k for k in vars(module).values() if isinstance(k, type) and issubclass(k, nn.Module)]
    own = [k for k in kinds if k.__module__ == module.__name__]
    return [k for k in own if k.__name__ == CLASS] or own


def _built(
    kind: type[nn.Module], files: CodecFiles, module: ModuleType
) -> tuple[nn.Module | None, str]:
    """The class with the weights in it, or why not; config's own names first, then other names for the same."""
    reason = "it takes no arguments that config.json gives"
    known = [files.settings, *({**sizes, **files.settings} for sizes in _sizes(files.state))]
    for arguments in (bound for settings in known for bound in _attempts(kind, settings, module)):
        try:
            with torch.random.fork_rng(devices=[]):
                model = kind(*arguments.args, **arguments.kwargs)
        except Exception as error:  # whatever foreign code does with wrong arguments
            reason = _reason(error)
            continue
        unfit = _fill(model, files.state)
        if unfit is None:
            return model, ""
        reason = unfit
    return None, reason


def _attempts(
    kind: type[nn.Module], settings: Mapping[str, Any], module: ModuleType
) -> Iterator[inspect.BoundArguments]:
    signature = inspect.signature(kind)
    for loose in (False, True):
        values: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        for name, parameter in signature.parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                extra = {k: v for k, v in settings.items() if k not in signature.parameters}
            elif parameter.kind is not parameter.VAR_POSITIONAL:
                values |= _argument(name, parameter, settings, module, loose=loose)
        for more in ({}, extra) if extra else ({},):
            try:
                yield signature.bind(**values, **more)
            except TypeError:
                continue


def _sizes(state: Mapping[str, Tensor]) -> Iterator[dict[str, int]]:
    """Levels, codes and widths as the weights' shapes tell them, for a config that does not."""
    named = {
        n: v
        for n, v in state.items()
        if any(word in n.lower() for word in LIKELY) and v.ndim in (2, 3)
    }
    shapes = Counter(
        tuple(v.shape) for n, v in named.items() if not any(word in n.lower() for word in AVERAGES)
    )
    widths = Counter(
        int(v.shape[0]) for v in state.values() if v.ndim == 3 and v.shape[0] == v.shape[1]
    )
    hidden = {"hidden_dim": widths.most_common(1)[0][0]} if widths else {}
    for shape, count in shapes.most_common(2):
        levels, (a, b) = (count, shape) if len(shape) == 2 else (shape[0], shape[1:])
        for codes, latent in ((max(a, b), min(a, b)), (min(a, b), max(a, b))):
            yield {"num_quantizers": levels, "codebook_size": codes, "latent_dim": latent, **hidden}


def _argument(
    name: str,
    parameter: inspect.Parameter,
    settings: Mapping[str, Any],
    module: ModuleType,
    *,
    loose: bool,
) -> dict[str, Any]:
    """What to give for one parameter; nothing where its default stands."""
    if name in CONFIG_NAMES and (parameter.default is parameter.empty or parameter.default is None):
        return {name: _config(parameter, settings, module)}
    if name in settings:
        return {name: settings[name]}
    needed = parameter.default is parameter.empty
    row = next((row for row in SYNONYMS if name in row), ())
    if loose or needed:
        for other in row:
            if other in settings:
                return {name: settings[other]}
    return {name: N_FEATURES} if needed and row is FEATURE_ROW else {}


def _config(parameter: inspect.Parameter, settings: Mapping[str, Any], module: ModuleType) -> Any:
    """The settings, as the dataclass that the annotation names where it names one."""
    kind = parameter.annotation
    kind = getattr(module, kind.strip("'\""), None) if isinstance(kind, str) else kind
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        names = {field.name for field in dataclasses.fields(kind) if field.init}
        return kind(**{name: value for name, value in settings.items() if name in names})
    return Settings({"input_dim": N_FEATURES, "output_dim": N_FEATURES} | dict(settings))


def _fill(model: nn.Module, state: Mapping[str, Tensor]) -> str | None:
    """Load every tensor; None, or the first that does not fit."""
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    if not expected:
        return "it has no weights"
    for prefix in PREFIXES:
        if all(name.startswith(prefix) for name in state):
            own = {name.removeprefix(prefix): value for name, value in state.items()}
            if {name: tuple(value.shape) for name, value in own.items()} == expected:
                model.load_state_dict(own)
                return None
    for name in sorted(state.keys() | expected.keys()):
        got = tuple(state[name].shape) if name in state else None
        if got != expected.get(name):
            return f"expected {name} {expected.get(name) or 'not to be there'}, got {got or 'none'}"
    return "the tensors have other names"


def _reason(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:160]}" if lines else type(error).__name__
