"""State dicts of public codec layouts with random weights, and what they mean written out step by step. Needs torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

State = dict[str, Tensor]
OWN_STD = (0.012826, 0.016927, 0.016927, 0.153766)
"""HumanML3D's own Std in columns 0:4."""


def residual_state(
    levels: int, codes: int, latent: int = 8, width: int = 12, blocks: int = 2, depth: int = 3
) -> State:
    """MoMask's layout, encoder included; one level at `quantizer.codebook` as in T2M-GPT where `levels` is 0."""
    shapes: dict[str, tuple[int, ...]] = {}

    def convolution(name: str, out: int, inside: int, kernel: int) -> None:
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (out, inside, kernel), (out,)

    def units(name: str) -> None:
        for unit in range(depth):
            convolution(f"{name}.model.{unit}.conv1", width, width, 3)
            convolution(f"{name}.model.{unit}.conv2", width, width, 1)

    convolution("encoder.model.0", width, 263, 3)
    convolution("decoder.model.0", width, latent, 3)
    for block in range(2, 2 + blocks):
        convolution(f"encoder.model.{block}.0", width, width, 4)
        units(f"encoder.model.{block}.1")
        units(f"decoder.model.{block}.0")
        convolution(f"decoder.model.{block}.2", width, width, 3)
    convolution(f"encoder.model.{2 + blocks}", latent, width, 3)
    convolution(f"decoder.model.{2 + blocks}", width, width, 3)
    convolution(f"decoder.model.{4 + blocks}", 263, width, 3)
    for level in range(levels):
        shapes[f"quantizer.layers.{level}.codebook"] = (codes, latent)
    if not levels:
        shapes["quantizer.codebook"] = (codes, latent)
    return drawn(shapes)


def transposed_state(levels: int, codes: int, latent: int = 8, width: int = 12) -> State:
    """Transposed convolutions with batch norms, codebooks (width, codes) with their moving averages, and the encoder."""
    shapes: dict[str, tuple[int, ...]] = {}
    for side, widths in (
        ("decoder", (latent, width, width, width, 263)),
        ("encoder", (263, width, width, width, latent)),
    ):
        for layer in range(4):
            name, (a, b) = f"{side}.{side}.{3 * layer}", widths[layer : layer + 2]
            shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (
                (a, b, 3) if side == "decoder" else (b, a, 3),
                (b,),
            )
            if side == "encoder" or layer < 3:
                norm = f"{side}.{side}.{3 * layer + 2}"
                shapes |= {
                    f"{norm}.{part}": (b,)
                    for part in ("weight", "bias", "running_mean", "running_var")
                }
    for level in range(levels):
        shapes |= {
            f"rvq.quantizers.{level}.{name}": (latent, codes)
            for name in ("embedding", "embedding_avg")
        }
        shapes[f"rvq.quantizers.{level}.cluster_size"] = (codes,)
    state = drawn(shapes)
    for name, values in state.items():
        if "running" in name:
            values.abs_()
    return state


def drawn(shapes: dict[str, tuple[int, ...]]) -> State:
    """Random values, such that signals neither die nor grow much."""
    draw = torch.Generator().manual_seed(11)
    return {
        name: torch.randn(shape, generator=draw)
        * (0.7 / np.sqrt(np.prod(shape[1:])) if len(shape) == 3 else 0.5)
        for name, shape in shapes.items()
    }


def residual_features(
    state: State, codes: NDArray[np.int64], growth: int = 3, act: object = torch.relu
) -> NDArray[np.float32]:
    """Codes (n, Q) to features (4 n, 263) by the arithmetic of MoMask's decoder."""

    def convolve(x: Tensor, name: str, dilation: int = 1) -> Tensor:
        weight = state[f"decoder.model.{name}.weight"]
        pad = (weight.shape[2] - 1) // 2 * dilation
        return F.conv1d(
            x, weight, state[f"decoder.model.{name}.bias"], padding=pad, dilation=dilation
        )

    tables = [v for k, v in sorted(state.items()) if k.startswith("quantizer.")]
    given = torch.from_numpy(codes)
    x = sum(table[given[:, level]] for level, table in enumerate(tables)).T[None]
    x = torch.relu(convolve(x, "0"))
    for block in (2, 3):
        for unit, dilation in enumerate((growth**2, growth, 1)):
            inner = convolve(act(x), f"{block}.0.model.{unit}.conv1", dilation)
            x = x + convolve(act(inner), f"{block}.0.model.{unit}.conv2")
        x = convolve(x.repeat_interleave(2, dim=2), f"{block}.2")
    return convolve(torch.relu(convolve(x, "4")), "6")[0].T.numpy()


def transposed_features(state: State, codes: NDArray[np.int64]) -> NDArray[np.float32]:
    """Codes (n, Q) to features (4 n, 263): each layer, then ReLU, then batch norm, but for the last."""
    given = torch.from_numpy(codes)
    x = sum(state[f"rvq.quantizers.{q}.embedding"][:, given[:, q]] for q in range(codes.shape[1]))[
        None
    ]
    for layer, stride in enumerate((2, 2, 1, 1)):
        name = f"decoder.decoder.{3 * layer}"
        x = F.conv_transpose1d(
            x, state[f"{name}.weight"], state[f"{name}.bias"], stride, 1, output_padding=stride - 1
        )
        if layer < 3:
            norm = [
                state[f"decoder.decoder.{3 * layer + 2}.{n}"]
                for n in ("running_mean", "running_var", "weight", "bias")
            ]
            mean, variance, scale, bias = (v[:, None] for v in norm)
            x = (torch.relu(x) - mean) / torch.sqrt(variance + 1e-5) * scale + bias
    return x[0].T.numpy()


def write_statistics(folder: Path, bias: float | None = None, *, small: bool = False) -> None:
    """Mean and Std (263,); with `bias`, HumanML3D's own Std with the root and contact columns divided by it."""
    std = np.full(263, 0.12, np.float32)
    if bias is not None:
        std[:4], std[259:] = OWN_STD, 0.355933
        std[[0, 1, 2, 3, 259, 260, 261, 262]] /= bias
    folder.mkdir(exist_ok=True, parents=True)
    np.save(folder / ("mean.npy" if small else "Mean.npy"), np.zeros(263, np.float32))
    np.save(folder / ("std.npy" if small else "Std.npy"), std)
