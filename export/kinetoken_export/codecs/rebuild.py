"""Loading a state dict exactly into a module that was rebuilt from its shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from kinetoken.base.errors import FormatError

from ..checkpoint.tensors import Float32Array
from .source import ADAPTER_HINT, Codes, residual_codes

# What codebooks remember of their training: moving averages and flags, no part of what they mean.
_TRAINING_ONLY: Final = frozenset(
    (
        "code_sum",
        "code_count",
        "cluster_size",
        "embedding_avg",
        "embed_avg",
        "ema_w",
        "ema_cluster_size",
        "initted",
        "inited",
        "initialized",
        "usage",
        "total",
        "num_batches_tracked",
    )
)
_ACTIVATIONS: Final[Mapping[str, Callable[[], nn.Module]]] = {
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "swish": nn.SiLU,
    "gelu": nn.GELU,
    "elu": nn.ELU,
    "tanh": nn.Tanh,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "leakyrelu": lambda: nn.LeakyReLU(0.2),
}


def activation_layer(name: object, path: Path) -> Callable[[], nn.Module]:
    """The kind of layer that a config calls by this name."""
    if str(name).lower() not in _ACTIVATIONS:
        raise FormatError(
            f"{path}: expected an activation among {', '.join(_ACTIVATIONS)}, got {name!r}"
        )
    return _ACTIVATIONS[str(name).lower()]


def below_prefix(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors below a prefix, without it."""
    return {
        name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)
    }


def load_into(module: nn.Module, state: Mapping[str, Tensor], path: Path) -> nn.Module:
    """Load exactly these tensors; return the module in evaluation mode.

    FormatError names the first tensor that does not fit.
    """
    expected = {
        n: tuple(v.shape)
        for n, v in module.state_dict().items()
        if n.rsplit(".")[-1] not in _TRAINING_ONLY
    }
    got = {n: tuple(v.shape) for n, v in state.items() if n.rsplit(".")[-1] not in _TRAINING_ONLY}
    for name in expected.keys() - got.keys():
        raise FormatError(
            f"{path}: expected a tensor {name} {expected[name]}, found none: the weights are "
            "incomplete"
        )
    for name in sorted(got.keys() - expected.keys()):
        raise FormatError(f"{path}: expected no tensor {name} in this layout: {ADAPTER_HINT}")
    for name, shape in got.items():
        if shape != expected[name]:
            raise FormatError(
                f"{path}: expected {name} of shape {expected[name]}, got {shape}: it is no known "
                "layout"
            )
    module.load_state_dict(dict(state), strict=False)
    return module.eval()


def refuse_leftovers(state: Mapping[str, Tensor], known: tuple[str, ...], path: Path) -> None:
    """Raise FormatError for the first tensor that begins with none of the known prefixes."""
    for name in state:
        if not name.startswith(known) and name.rsplit(".")[-1] not in _TRAINING_ONLY:
            raise FormatError(f"{path}: expected no tensor {name} in this layout: {ADAPTER_HINT}")


def stacked_codebooks(tables: list[Tensor], path: Path) -> Float32Array:
    """Stack codebooks (K, D), one per level, to (Q, K, D)."""
    shapes = sorted({tuple(table.shape) for table in tables})
    if len(shapes) != 1 or len(shapes[0]) != 2:
        raise FormatError(f"{path}: expected codebooks of one shape (codes, width), got {shapes}")
    return np.ascontiguousarray(torch.stack(tables).numpy().astype(np.float32))


def residual_encoder(
    encoder: nn.Module, codebooks: Float32Array
) -> Callable[[Float32Array], Codes]:
    """Make an encoder (1, 263, n) -> (1, D, n // stride) a function from features to codes.

    Features are normalised (n, 263), codes (n // stride, Q).
    """

    def encode(features: Float32Array) -> Codes:
        with torch.no_grad():
            latents = encoder(torch.from_numpy(np.ascontiguousarray(features.T[None])))
        return residual_codes(latents[0].T.contiguous().numpy(), codebooks)

    return encode
