"""The vision tower of a Qwen2.5-VL checkpoint, computed by torch in float32.

What exported towers are measured against. The weights of one block are in memory at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from kinetoken.base.errors import FormatError

from .json_file import read_json
from .tensors import Float32Array, TensorSource

IMAGE_MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
IMAGE_STD: Final = (0.26862954, 0.26130258, 0.27577711)
"""Of Qwen's image processor, where the checkpoint has none of its own."""
ImageStatistics = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and deviation (3,) that pixels of 0 to 1 are normalised with."""
USUAL_STATISTICS: Final[ImageStatistics] = (IMAGE_MEAN, IMAGE_STD)
PROCESSOR_FILE: Final = "preprocessor_config.json"
NORM_EPS: Final = 1e-6
"""Of every norm in the tower; no field of the config names it."""
_THETA: Final = 10000.0
_FRAMES: Final = 2  # a still image is seen as two equal frames
_MERGED: Final = 2  # patches beside each other, and above, that become one cell
_WINDOW: Final = 112  # pixels
_Pixels = NDArray[np.uint8]


def image_statistics(folder: Path) -> ImageStatistics:
    """Those of a checkpoint's image processor; FormatError."""
    path = folder / PROCESSOR_FILE
    said = read_json(path) if path.is_file() else {}
    try:
        mean, std = (
            tuple(float(n) for n in said.get(name, usual))
            for name, usual in (("image_mean", IMAGE_MEAN), ("image_std", IMAGE_STD))
        )
    except (TypeError, ValueError) as error:
        raise FormatError(
            f"{path}: expected numbers as image_mean and image_std: {error}"
        ) from error
    if len(mean) != 3 or len(std) != 3 or not all(std):
        raise FormatError(f"{path}: expected three numbers as image_mean and image_std: mend it")
    return mean, std


def cut_patches(pixels: _Pixels, side: int, folder: Path) -> Float32Array:
    """An image (height, width, 3) of whole cells as patches (n, 3 * 2 * side * side).

    Row by row of cells, those of a cell after each other. `folder` is the checkpoint's.
    """
    mean, std = image_statistics(folder)
    frame = ((pixels / 255 - mean) / std).transpose(2, 0, 1)
    high, wide = pixels.shape[0] // side // _MERGED, pixels.shape[1] // side // _MERGED
    cut = np.stack([frame] * _FRAMES).reshape(_FRAMES, 3, high, _MERGED, side, wide, _MERGED, side)
    order = cut.transpose(2, 5, 3, 6, 1, 0, 4, 7)
    return np.ascontiguousarray(order.reshape(high * wide * _MERGED**2, -1), np.float32)


class ReferenceTower:
    """The tower of a checkpoint in `folder`; FormatError where it has none."""

    def __init__(self, source: TensorSource, folder: Path) -> None:
        vision = source.vision_config
        if vision is None or source.architecture.vision is None:
            raise FormatError(f"{folder}: expected a vision tower, found none")
        self._source, self._folder, self._vision = source, folder, vision
        self._side = int(vision["patch_size"])
        self._heads = int(vision["num_heads"])

    @torch.inference_mode()
    def embed(self, pixels: _Pixels) -> Float32Array:
        """Embeddings (cells, hidden) of an image (height, width, 3) of whole cells."""
        patches = torch.from_numpy(cut_patches(pixels, self._side, self._folder))
        weight = self._read("patch_embed.proj.weight")
        x = patches @ weight.reshape(len(weight), -1).T
        rows, columns = _places(pixels.shape[0] // self._side, pixels.shape[1] // self._side)
        angles = self._angles(rows, columns, x.shape[1] // self._heads)
        window = _WINDOW // self._side
        places = torch.stack([rows // window, columns // window])
        near = (places[:, :, None] == places[:, None]).all(0)
        whole = {int(block) for block in self._vision["fullatt_block_indexes"]}
        for block in range(int(self._vision["depth"])):
            x = self._block(block, x, angles, None if block in whole else near)
        merged = _norm(x, self._read("merger.ln_q.weight")).reshape(len(x) // _MERGED**2, -1)
        merged = self._linear("merger.mlp.2", F.gelu(self._linear("merger.mlp.0", merged)))
        return np.asarray(merged.numpy(), np.float32)

    def _read(self, name: str) -> Tensor:
        return torch.from_numpy(self._source.tensor(f"visual.{name}"))

    def _linear(self, name: str, x: Tensor) -> Tensor:
        return F.linear(x, self._read(f"{name}.weight"), self._read(f"{name}.bias"))

    @staticmethod
    def _angles(rows: Tensor, columns: Tensor, width: int) -> Tensor:
        """Radians (n, width / 2) by which the pairs of a head are turned: rows first."""
        speeds = _THETA ** -(torch.arange(0, width // 2, 2) / (width // 2))
        return torch.cat([rows[:, None] * speeds, columns[:, None] * speeds], 1)

    def _block(self, number: int, x: Tensor, angles: Tensor, near: Tensor | None) -> Tensor:
        """`near` (n, n): patches that see each other; None: all do."""
        name = f"blocks.{number}"
        normed = _norm(x, self._read(f"{name}.norm1.weight"))
        qkv = self._linear(f"{name}.attn.qkv", normed)
        q, k, v = qkv.reshape(len(x), 3, self._heads, -1).permute(1, 2, 0, 3)
        seen = F.scaled_dot_product_attention(
            _turned(q, angles), _turned(k, angles), v, attn_mask=near
        )
        x = x + self._linear(f"{name}.attn.proj", seen.transpose(0, 1).reshape(len(x), -1))
        normed = _norm(x, self._read(f"{name}.norm2.weight"))
        gate = F.silu(self._linear(f"{name}.mlp.gate_proj", normed))
        up = self._linear(f"{name}.mlp.up_proj", normed)
        return x + self._linear(f"{name}.mlp.down_proj", gate * up)


def tower_numbers(vision: Mapping[str, Any]) -> int:
    """Numbers of the tower's matrices, nearly."""
    hidden, inner = int(vision["hidden_size"]), int(vision["intermediate_size"])
    return int(vision["depth"]) * (4 * hidden**2 + 3 * hidden * inner) + 20 * hidden**2


def _places(high: int, wide: int) -> tuple[Tensor, Tensor]:
    """Row and column of each patch, in the order of `cut_patches`."""
    grid = torch.stack(torch.meshgrid(torch.arange(high), torch.arange(wide), indexing="ij"))
    cells = grid.reshape(2, high // _MERGED, _MERGED, wide // _MERGED, _MERGED)
    rows, columns = cells.transpose(2, 3).reshape(2, -1)
    return rows, columns


def _norm(x: Tensor, gain: Tensor) -> Tensor:
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + NORM_EPS) * gain


def _turned(x: Tensor, angles: Tensor) -> Tensor:
    """Queries or keys (heads, n, width) turned by their places."""
    one, other = x.chunk(2, -1)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([one * cos - other * sin, other * cos + one * sin], -1)
