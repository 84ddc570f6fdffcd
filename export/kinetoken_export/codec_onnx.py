"""The decoder half of a codec as ONNX, and how far it sees, measured on the exported graph."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from kinetoken.errors import FormatError

OPSET: Final = 17
PROBE: Final = 96  # latent frames of the probe: more than twice what any known decoder sees
HALF_FROM: Final = 1024  # elements; larger tensors are stored in half precision


@dataclass(frozen=True)
class ReceptiveField:
    """Latent frames that an output frame depends on, before and after its own."""

    past: int
    lookahead: int


class _Frames(nn.Module):
    """A channels-first decoder with frames first: (1, n, D) to (1, n * stride, 263)."""

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, latents: Tensor) -> Tensor:
        out: Tensor = self.decoder(latents.transpose(1, 2)).transpose(1, 2)
        return out


def export_decoder(decoder: nn.Module, latent_dim: int, path: Path, half: bool = True) -> None:
    """Trace a decoder (B, D, n) -> (B, 263, stride * n) into `path`: latents (1, n, D) to normalised features."""
    module = _Frames(decoder).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter speaks of its own successor; the result is checked below
        torch.onnx.export(
            module, (torch.randn(1, 24, latent_dim),), str(path), input_names=["latents"], output_names=["features"],
            dynamic_axes={"latents": {1: "n"}, "features": {1: "frames"}}, opset_version=OPSET, dynamo=False,
        )  # fmt: skip
    if half:
        model = onnx.load(path)
        _store_half(model)
        onnx.save(model, path)


def _store_half(model: onnx.ModelProto) -> None:
    """Large float tensors as float16 and a Cast: half the size on disk, computed in float32 as before."""
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type == TensorProto.FLOAT and values.size >= HALF_FROM:
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
            casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT, name=f"{name}.cast"))
    nodes = casts + list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def measure(path: Path, latent_dim: int, stride: int) -> ReceptiveField:
    """Perturb one latent frame and see which outputs move: the receptive field of the graph in `path`."""
    run = _runner(path)
    draw = np.random.default_rng(0)
    latents = draw.normal(size=(1, PROBE, latent_dim)).astype(np.float32)
    base = run(latents)
    moved = np.zeros(PROBE, bool)
    for _ in range(4):  # one perturbation may hide behind a closed ReLU, four hardly
        other = latents.copy()
        other[0, PROBE // 2] += draw.normal(size=latent_dim).astype(np.float32) * 3
        moved |= (np.abs(run(other) - base) > 1e-7).reshape(PROBE, stride, -1).any(axis=(1, 2))
    touched = np.flatnonzero(moved) - PROBE // 2
    if touched[-1] >= PROBE // 2 - 1:
        raise FormatError(
            f"{path.name}: expected a decoder that sees a bounded time, this one sees more than {PROBE // 2} latent frames"
        )
    return ReceptiveField(past=max(0, int(touched[-1])), lookahead=max(0, int(-touched[0])))


def largest_error(path: Path, decoder: nn.Module, codebooks: NDArray[np.float32], frames: int = 40) -> float:
    """Largest difference between the graph and the module on random codes, in normalised features."""
    levels, codes, _ = codebooks.shape
    drawn = np.random.default_rng(1).integers(codes, size=(frames, levels))
    latents = codebooks[np.arange(levels), drawn].sum(axis=1)[None].astype(np.float32)
    with torch.no_grad():
        wanted = _Frames(decoder).eval()(torch.from_numpy(latents)).numpy()
    return float(np.abs(_runner(path)(latents) - wanted).max())


def _runner(path: Path) -> Any:
    from kinetoken.backends.onnx import OnnxSession

    return OnnxSession(path).run
