"""A foreign codec's class: found in its file, built from its config, filled with its weights."""

from __future__ import annotations

import dataclasses
import inspect
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import torch
from torch import Tensor, nn

from kinetoken.base.errors import FormatError
from kinetoken.motion.features import N_FEATURES

from ..files import CodecFiles
from ..python_file import import_python_file, reason_of
from ..source import ADAPTER_HINT, CodeSize

_CLASS: Final = "MotionRVQ_VAE"
_CONFIG_NAMES: Final = frozenset(
    ("config", "cfg", "args", "opt", "options", "hparams", "params", "conf")
)
# A number goes by many names; one that the config gives under another name of its row is taken.
_LEVEL_NAMES: Final = (
    "num_quantizers", "n_quantizers", "num_levels", "n_levels", "levels", "num_codebooks",
    "n_codebooks", "n_q", "nq", "num_q", "rvq_levels", "rvq_layers", "quantizers",
)  # fmt: skip
_CODE_NAMES: Final = (
    "num_embeddings", "codebook_size", "nb_code", "num_codes", "n_codes", "codes", "code_num",
    "n_embed", "num_embed", "codes_per_level", "bins", "n_bins", "num_bins",
)  # fmt: skip
_FEATURE_NAMES: Final = (
    "input_dim", "in_dim", "input_width", "nfeats", "n_features", "num_features", "features",
    "feature_dim", "feat_dim", "motion_dim", "pose_dim", "dim_pose", "output_dim", "out_dim",
    "input_size", "in_channels", "out_channels", "input_feats",
)  # fmt: skip
_LATENT_NAMES: Final = (
    "latent_dim", "code_dim", "embedding_dim", "embed_dim", "codebook_dim", "z_dim", "dim",
    "output_emb_width", "latent",
)  # fmt: skip
_HIDDEN_NAMES: Final = (
    "hidden_dim", "hidden", "hidden_size", "width", "channels", "hidden_channels",
    "base_channels", "d_model",
)  # fmt: skip
_STRIDE_NAMES: Final = (
    "downsampling_ratio", "downsample", "downsample_factor", "down_ratio", "stride", "compression",
)  # fmt: skip
_SYNONYMS: Final = (
    _LEVEL_NAMES, _CODE_NAMES, _FEATURE_NAMES, _LATENT_NAMES, _HIDDEN_NAMES, _STRIDE_NAMES,
)  # fmt: skip
_PREFIXES: Final = (
    "module.", "_orig_mod.", "model.", "net.", "vqvae.", "vae.", "rvq_vae.", "generator.",
)  # fmt: skip


class _Settings(dict[str, Any]):
    """A config that reads as a dict and as an object."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def build_module(files: CodecFiles, code: Path, size: CodeSize) -> nn.Module:
    """Build the one class of the file that takes the weights; FormatError says why none does."""
    module = import_python_file(code)
    classes = _classes(module)
    if not classes:
        raise FormatError(f"{code}: expected a class {_CLASS} or another torch module, found none")
    built, reasons = [], []
    for kind in classes:
        model, reason = _built(kind, files, module, size)
        built += [model] if model is not None else []
        reasons.append(f"{kind.__name__}: {reason}")
    if len(built) > 1 and type(built[0]).__name__ != _CLASS:
        names = ", ".join(type(model).__name__ for model in built)
        raise FormatError(
            f"{code}: expected one class that takes {files.weights.name}, found {names}: "
            f"name one {_CLASS}"
        )
    if not built:
        raise FormatError(
            f"{code}: expected a class that takes {files.weights.name}; {'; '.join(reasons[:3])}: "
            f"{ADAPTER_HINT}"
        )
    return built[0].float().eval().requires_grad_(False)


def _classes(module: ModuleType) -> list[type[nn.Module]]:
    """Modules that the file defines; the expected one alone where it is there."""
    kinds = [k for k in vars(module).values() if isinstance(k, type) and issubclass(k, nn.Module)]
    own = [k for k in kinds if k.__module__ == module.__name__]
    return [k for k in own if k.__name__ == _CLASS] or own


def _built(
    kind: type[nn.Module], files: CodecFiles, module: ModuleType, size: CodeSize
) -> tuple[nn.Module | None, str]:
    """Build a class with the weights in it, or say why not."""
    reason = "it takes no arguments that config.json gives"
    for settings in _known_settings(files, size):
        for arguments in _attempts(kind, settings, module):
            try:
                with torch.random.fork_rng(devices=[]):
                    model = kind(*arguments.args, **arguments.kwargs)
            except Exception as error:  # whatever foreign code does with wrong arguments
                reason = reason_of(error)
                continue
            misfit = _fill(model, files.state)
            if misfit is None:
                return model, ""
            reason = misfit
    return None, reason


def _known_settings(files: CodecFiles, size: CodeSize) -> Iterator[Mapping[str, Any]]:
    """The config alone, then with the sizes that weights and tokenizer show."""
    yield files.settings
    shown = {"num_quantizers": size.levels, "codebook_size": size.codes}
    widths = Counter(len(v) for v in files.state.values() if v.ndim == 3 and len(v) == v.shape[1])
    shown |= {"hidden_dim": widths.most_common(1)[0][0]} if widths else {}
    tables = [tuple(v.shape[-2:]) for v in files.state.values() if v.ndim in (2, 3)]
    latents = Counter(
        width for a, b in tables for codes, width in ((a, b), (b, a)) if codes == size.codes
    )
    for latent, _ in latents.most_common(2):
        yield {**shown, "latent_dim": latent, **files.settings}


def _attempts(
    kind: type[nn.Module], settings: Mapping[str, Any], module: ModuleType
) -> Iterator[inspect.BoundArguments]:
    """Arguments under the config's own names; then those under other names for the same."""
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


def _argument(
    name: str,
    parameter: inspect.Parameter,
    settings: Mapping[str, Any],
    module: ModuleType,
    *,
    loose: bool,
) -> dict[str, Any]:
    """The argument for one parameter; none where its default stands."""
    if name in _CONFIG_NAMES and (
        parameter.default is parameter.empty or parameter.default is None
    ):
        return {name: _config(parameter, settings, module)}
    if name in settings:
        return {name: settings[name]}
    needed = parameter.default is parameter.empty
    row = next((row for row in _SYNONYMS if name in row), ())
    if loose or needed:
        for other in row:
            if other in settings:
                return {name: settings[other]}
    return {name: N_FEATURES} if needed and row is _FEATURE_NAMES else {}


def _config(parameter: inspect.Parameter, settings: Mapping[str, Any], module: ModuleType) -> Any:
    """The settings, as the dataclass that the annotation names where it names one."""
    kind = parameter.annotation
    kind = getattr(module, kind.strip("'\""), None) if isinstance(kind, str) else kind
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        names = {field.name for field in dataclasses.fields(kind) if field.init}
        return kind(**{name: value for name, value in settings.items() if name in names})
    return _Settings({"input_dim": N_FEATURES, "output_dim": N_FEATURES} | dict(settings))


def _fill(model: nn.Module, state: Mapping[str, Tensor]) -> str | None:
    """Load every tensor; None, or the first that does not fit."""
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    if not expected:
        return "it has no weights"
    for own in _without_prefixes(state):
        if {name: tuple(value.shape) for name, value in own.items()} == expected:
            model.load_state_dict(own)
            return None
    for name in sorted(state.keys() | expected.keys()):
        got = tuple(state[name].shape) if name in state else None
        if got != expected.get(name):
            return f"expected {name} {expected.get(name) or 'not to be there'}, got {got or 'none'}"
    return "the tensors have other names"


def _without_prefixes(state: Mapping[str, Tensor]) -> Iterator[Mapping[str, Tensor]]:
    """The tensors as named, and without what training scripts put before all of the names."""
    yield state
    while prefix := next((p for p in _PREFIXES if all(name.startswith(p) for name in state)), ""):
        state = {name.removeprefix(prefix): value for name, value in state.items()}
        yield state
