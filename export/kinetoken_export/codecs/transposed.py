"""The layout of small projects: transposed convolutions with activation and batch norm.

State dicts name the layers by their places in one sequence; a place without tensors is the
activation. Shapes show neither the strides of kernels of 3 nor the activation. Both come from
config.json, else the first layers double the frame rate as often as the downsampling ratio (4)
wants, and the activation is ReLU, which the batch norms' means must not contradict.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from torch import Tensor, nn

from kinetoken.base.errors import FormatError
from kinetoken.motion.features import N_FEATURES

from .files import positive_number
from .rebuild import (
    activation_layer,
    below_prefix,
    load_into,
    refuse_leftovers,
    residual_encoder,
    stacked_codebooks,
)
from .source import CodecSource

_PREFIXES: Final = ("module.", "model.", "")
_FIRST: Final = "decoder.decoder.0.weight"
_CODEBOOK: Final = re.compile(r"rvq\.quantizers\.(\d+)\.embedding\Z")
_RATIO: Final = 4


def transposed_prefix(state: Mapping[str, Tensor]) -> str | None:
    """The prefix before this layout's names; None for another layout."""
    for prefix in _PREFIXES:
        own = below_prefix(state, prefix)
        if _FIRST in own and own[_FIRST].ndim == 3 and any(_CODEBOOK.match(name) for name in own):
            return prefix
    return None


def read_transposed_codec(
    state: Mapping[str, Tensor], settings: Mapping[str, Any], path: Path, base: Mapping[str, Any]
) -> CodecSource:
    """Read the codec; FormatError names a tensor that is missing or left over.

    `base`: the fields that do not depend on the layout.
    """
    prefix = transposed_prefix(state)
    assert prefix is not None
    own = below_prefix(state, prefix)
    refuse_leftovers(own, ("decoder.decoder.", "encoder.encoder.", "rvq."), path)
    refuse_leftovers(
        {n: own[n] for n in own if n.startswith("rvq.") and not _CODEBOOK.match(n)}, (), path
    )
    levels = sorted((n for n in own if _CODEBOOK.match(n)), key=lambda n: int(n.split(".")[2]))
    latent = own[_FIRST].shape[0]
    tables = [own[name].T if own[name].shape[0] == latent else own[name] for name in levels]
    codebooks = stacked_codebooks(tables, path)
    if codebooks.shape[2] != latent:
        raise FormatError(
            f"{path}: expected codebooks of width {latent}, as the decoder reads, got "
            f"{codebooks.shape[2]}"
        )
    act = activation_layer(settings.get("activation", "relu"), path)
    decoder, strides = _stack(below_prefix(own, "decoder.decoder."), settings, act, path, up=True)
    encoder = below_prefix(own, "encoder.encoder.")
    encode = (
        residual_encoder(_stack(encoder, settings, act, path, up=False)[0], codebooks)
        if encoder
        else None
    )
    stride = 1
    for factor in strides:
        stride *= factor
    named = "activation" in settings and ("downsampling_ratio" in settings or "strides" in settings)
    notes = (
        ()
        if named
        else (f"took strides {strides} and activation {settings.get('activation', 'relu')}",)
    )
    return CodecSource(
        layout="conv-transpose",
        decoder=decoder,
        codebooks=codebooks,
        stride=stride,
        encoder=encode,
        notes=notes,
        **base,
    )


def _stack(
    state: Mapping[str, Tensor],
    settings: Mapping[str, Any],
    act: Callable[[], nn.Module],
    path: Path,
    *,
    up: bool,
) -> tuple[nn.Module, list[int]]:
    """Rebuild and load the sequence; return it with the stride of each convolution."""
    count = 1 + max(int(name.split(".")[0]) for name in state)
    weights = [state.get(f"{place}.weight") for place in range(count)]
    convolutions = [w for w in weights if w is not None and w.ndim == 3]
    strides = _strides(convolutions, settings, path)
    following = iter(strides)
    layers: list[nn.Module] = []
    for place, weight in enumerate(weights):
        if weight is None:
            layers.append(act())
        elif weight.ndim == 3:
            layers.append(_convolution(weight, next(following), f"{place}.bias" in state, up=up))
        else:
            layers.append(nn.BatchNorm1d(len(weight)))
            _check_norm(state, place, weights, settings, path)
    end = convolutions[-1].shape[1] if up else convolutions[0].shape[1]
    if end != N_FEATURES:
        raise FormatError(
            f"{path}: expected {N_FEATURES} features (HumanML3D), got {end}: is it another "
            "skeleton's?"
        )
    return load_into(nn.Sequential(*layers), state, path), strides


def _convolution(weight: Tensor, stride: int, bias: bool, *, up: bool) -> nn.Module:
    kernel = weight.shape[2]
    pad = (kernel - 1) // 2
    if up:
        extra = stride - kernel + 2 * pad  # so that the length is exactly multiplied
        return nn.ConvTranspose1d(
            weight.shape[0], weight.shape[1], kernel, stride, pad, extra, bias=bias
        )
    return nn.Conv1d(weight.shape[1], weight.shape[0], kernel, stride, pad, bias=bias)


def _strides(weights: list[Tensor], settings: Mapping[str, Any], path: Path) -> list[int]:
    given = settings.get("strides")
    if (
        isinstance(given, list)
        and len(given) == len(weights)
        and all(isinstance(s, int) and s > 0 for s in given)
    ):
        return [int(s) for s in given]
    kernels = [int(w.shape[2]) for w in weights]
    if 4 in kernels:  # a kernel of 4 halves or doubles; the others keep the rate
        return [2 if kernel == 4 else 1 for kernel in kernels]
    ratio = positive_number(settings, "downsampling_ratio", "stride", "down_ratio") or _RATIO
    doublings = ratio.bit_length() - 1
    if 2**doublings != ratio or doublings > len(weights):
        raise FormatError(
            f"{path}: expected a downsampling ratio that {len(weights)} layers can double to, got "
            f"{ratio}"
        )
    return [2] * doublings + [1] * (len(weights) - doublings)


def _check_norm(
    state: Mapping[str, Tensor],
    place: int,
    weights: list[Tensor | None],
    settings: Mapping[str, Any],
    path: Path,
) -> None:
    """Refuse ReLU before a batch norm whose running mean goes below zero."""
    after_activation = place > 0 and weights[place - 1] is None
    if (
        after_activation
        and "activation" not in settings
        and (state[f"{place}.running_mean"] < 0).any()
    ):
        raise FormatError(
            f"{path}: expected ReLU before the batch norm at place {place}, but its running mean "
            "goes below 0: "
            f'name the activation in config.json, as "activation": "leaky_relu"'
        )
