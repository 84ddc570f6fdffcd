"""The demo's motion codec: convolutional encoder, residual quantizer, causal decoder.

Four feature frames make one latent frame. The decoder works at latent rate and writes four frames
("a patch") from each latent, so it streams exactly: an output needs the latents before it (15, or
16 where patches overlap) and one after. Residual quantization follows SoundStream (Zeghidour et
al., 2021): codebooks learnt by moving averages, dead codes replaced, quantizer dropout.

Patches that merely meet do so with a jolt: nearly all jerk of such a codec lies on the seams. Where
they overlap, each latent also writes the four frames after its own patch, and within every patch
the one writer fades into the next, as in a lapped transform. That costs no lookahead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from kinetoken.base.errors import BundleError, FormatError, InputError
from kinetoken.base.input_file import check_regular, read_input_text
from kinetoken.base.json_text import parse_json
from kinetoken.base.npy_file import read_npy_file
from kinetoken.manifest.json_dataclass import from_json
from kinetoken.motion.features import N_FEATURES

from ..checkpoint.tensors import Float32Array
from .source import CodecSource, Codes

_MODEL_TYPE: Final = "kinetoken-causal-rvq"
WEIGHTS: Final = "motion_rvq_weights.safetensors"

_MOST: Final = {
    "features": N_FEATURES,
    "stride": 64,
    "levels": 64,
    "codes": 1 << 16,
    "latent_dim": 1 << 12,
    "encoder_width": 1 << 13,
    "decoder_width": 1 << 13,
    "fps": 1000,
}


@dataclass(frozen=True)
class CodecConfig:
    """The config.json of a codec folder."""

    model_type: str = _MODEL_TYPE
    features: int = N_FEATURES
    stride: int = 4
    levels: int = 4
    codes: int = 1024
    latent_dim: int = 64
    encoder_width: int = 320
    decoder_width: int = 448
    dilations: tuple[int, ...] = (1, 2, 4)
    fps: int = 20
    overlap: bool = False
    """Whether patches fade into each other; False: they meet, as in codecs of before."""

    def check(self) -> None:
        """Raise ValueError if a size is none that a codec can have."""
        for name, most in _MOST.items():
            if not 1 <= getattr(self, name) <= most:
                raise ValueError(f"{name} of 1 to {most} expected, got {getattr(self, name)}")
        if not 1 <= len(self.dilations) <= 16 or not all(1 <= d <= 1024 for d in self.dilations):
            raise ValueError(f"up to 16 dilations of 1 to 1024 expected, got {self.dilations}")

    def to_dict(self) -> dict[str, object]:
        """As written to config.json."""
        return asdict(self)


class ResidualBlock(nn.Module):
    """ReLU, dilated conv k3, ReLU, conv k1, plus the input; causal blocks see the past only."""

    def __init__(self, width: int, dilation: int, causal: bool) -> None:
        super().__init__()
        self.pad = (2 * dilation, 0) if causal else (dilation, dilation)
        self.wide = nn.Conv1d(width, width, 3, dilation=dilation)
        self.point = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        # Zero padding: with replicate padding a stream's first window would differ from the whole.
        y: Tensor = self.wide(F.pad(F.relu(x), self.pad))
        out: Tensor = x + self.point(F.relu(y))
        return out


class Encoder(nn.Module):
    """Normalised features (B, 263, 4n) to latents (B, D, n)."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        width = config.encoder_width
        self.layers = nn.Sequential(
            nn.Conv1d(config.features, width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv1d(width, width, 4, stride=2, padding=1),
            ResidualBlock(width, 1, causal=False),
            ResidualBlock(width, 3, causal=False),
            nn.ReLU(),
            nn.Conv1d(width, config.latent_dim, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return out


class Decoder(nn.Module):
    """Latents (B, D, n) to normalised features (B, 263, 4n)."""

    rise: Tensor

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        width = config.decoder_width
        self.stride, self.features = config.stride, config.features
        self.inlet = nn.Conv1d(
            config.latent_dim, width, 3, padding=1
        )  # the one latent of lookahead
        self.blocks = nn.Sequential(
            *(ResidualBlock(width, d, causal=True) for d in config.dilations)
        )
        self.hidden = nn.Conv1d(width, width, 1)
        patches = 2 if config.overlap else 1
        self.patch = nn.Conv1d(width, patches * config.stride * config.features, 1)
        self.overlap = config.overlap
        at = (torch.arange(config.stride) + 0.5) / config.stride
        rise = torch.sin(at * torch.pi / 2).square().repeat_interleave(config.features)
        self.register_buffer("rise", rise[:, None], persistent=False)

    def forward(self, latents: Tensor) -> Tensor:
        x = self.patch(F.relu(self.hidden(F.relu(self.blocks(self.inlet(latents))))))
        if self.overlap:
            x = self._faded(x)
        batch, _, n = x.shape
        patches = x.reshape(batch, self.stride, self.features, n)
        out: Tensor = patches.permute(0, 2, 3, 1).reshape(batch, self.features, n * self.stride)
        return out

    def _faded(self, x: Tensor) -> Tensor:
        """Patches (B, stride * F, n) of what each latent writes (B, 2 * stride * F, n)."""
        size = self.stride * self.features
        own, ahead = x[:, :size], x[:, size:]
        # Nobody wrote ahead of the first patch: it stands as it is.
        before = torch.cat([own[:, :, :1], ahead[:, :, :-1]], dim=2)
        return before + (own - before) * self.rise


class Level(nn.Module):
    """One codebook, learnt by moving averages."""

    codebook: Tensor
    usage: Tensor
    total: Tensor

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.register_buffer("codebook", torch.zeros(config.codes, config.latent_dim))
        self.register_buffer("usage", torch.ones(config.codes), persistent=False)
        self.register_buffer(
            "total", torch.zeros(config.codes, config.latent_dim), persistent=False
        )

    def nearest(self, x: Tensor) -> Tensor:
        """Code (N,) of each row of x (N, D)."""
        return (self.codebook.square().sum(1) - 2 * x @ self.codebook.T).argmin(1)

    @torch.no_grad()
    def set_from(self, x: Tensor, iterations: int = 12) -> None:
        """k-means over x (N, D), from random rows."""
        self.codebook.copy_(x[torch.randint(len(x), (len(self.codebook),))])
        for _ in range(iterations):
            codes = self.nearest(x)
            count = torch.bincount(codes, minlength=len(self.codebook)).to(x.dtype)
            sums = torch.zeros_like(self.codebook).index_add_(0, codes, x)
            alive = count > 0
            self.codebook[alive] = sums[alive] / count[alive, None]
            self.codebook[~alive] = x[torch.randint(len(x), (int((~alive).sum()),))]
        self.usage.fill_(1.0)
        self.total.copy_(self.codebook)

    @torch.no_grad()
    def learn(self, x: Tensor, codes: Tensor, decay: float, dead_below: float) -> None:
        """Move each code toward the mean of its rows; restart dead codes at random rows."""
        count = torch.bincount(codes, minlength=len(self.codebook)).to(x.dtype)
        self.usage.mul_(decay).add_(count, alpha=1 - decay)
        sums = torch.zeros_like(self.total).index_add_(0, codes, x)
        self.total.mul_(decay).add_(sums, alpha=1 - decay)
        dead = self.usage < dead_below
        if bool(dead.any()):
            self.total[dead] = x[torch.randint(len(x), (int(dead.sum()),))]
            self.usage[dead] = 1.0
        self.codebook.copy_(self.total / self.usage[:, None])


class ResidualQuantizer(nn.Module):
    """Residual quantizer: each level codes what the levels before it left over."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Level(config) for _ in range(config.levels))

    @property
    def levels(self) -> list[Level]:
        """The codebooks, coarsest first."""
        return [layer for layer in self.layers if isinstance(layer, Level)]

    def forward(self, latents: Tensor, keep: Tensor, learn: bool) -> tuple[Tensor, Tensor]:
        """Quantize latents (B, D, n) with the first `keep` (B,) levels.

        Returns the straight-through output and the commitment loss.
        """
        batch, dim, n = latents.shape
        x = latents.transpose(1, 2).reshape(-1, dim)
        uses = keep.repeat_interleave(n)
        done = torch.zeros_like(x)
        commitment = x.new_zeros(())
        for q, level in enumerate(self.levels):
            rows = uses > q
            residual = (x - done).detach()
            codes = level.nearest(residual)
            step = F.embedding(codes, level.codebook) * rows[:, None]
            if learn and bool(rows.any()):
                level.learn(residual[rows], codes[rows], decay=0.99, dead_below=0.03)
            done = done + step
            commitment = commitment + ((x - done).square().mean(1) * rows).mean()
        out = x + (done - x).detach()
        return out.reshape(batch, n, dim).transpose(1, 2), commitment / len(self.levels)

    @torch.no_grad()
    def encode(self, latents: Tensor, beam: int = 16) -> Tensor:
        """Codes (n, Q) of latents (n, D); the best `beam` candidates go on each level."""
        n, dim = latents.shape
        done = latents.new_zeros(n, 1, dim)
        chosen = torch.zeros(n, 1, 0, dtype=torch.long)
        for level in self.levels:
            left = latents[:, None] - done
            distance = (
                left.square().sum(-1, keepdim=True)
                - 2 * left @ level.codebook.T
                + level.codebook.square().sum(1)
            )
            width = min(beam, distance[0].numel())
            best = distance.reshape(n, -1).topk(width, dim=1, largest=False).indices
            parent, code = best // len(level.codebook), best % len(level.codebook)
            done = done.gather(1, parent[..., None].expand(-1, -1, dim)) + level.codebook[code]
            chosen = torch.cat(
                [
                    chosen.gather(1, parent[..., None].expand(-1, -1, chosen.shape[-1])),
                    code[..., None],
                ],
                -1,
            )
        return chosen[:, 0]

    def lookup(self, codes: Tensor) -> Tensor:
        """Latents (n, D) of codes (n, q); levels beyond q add nothing."""
        return sum(
            (level.codebook[codes[:, q]] for q, level in enumerate(self.levels[: codes.shape[1]])),
            torch.zeros(()),
        )


class MotionCodec(nn.Module):
    """Encoder, quantizer and decoder: the modules of motion_rvq_weights.safetensors."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.quantizer = ResidualQuantizer(config)
        self.decoder = Decoder(config)


def load_codec(folder: Path) -> tuple[MotionCodec, Tensor, Tensor]:
    """Load a codec folder of this layout: the module in float32, Mean and Std (263,)."""
    model = MotionCodec(_config(folder))
    try:
        check_regular(folder / WEIGHTS)
        weights = {k: v.float() for k, v in load_file(folder / WEIGHTS).items()}
        model.load_state_dict(weights)
        mean, std = (
            torch.from_numpy(read_npy_file(folder / f"{name}.npy")) for name in ("Mean", "Std")
        )
    except (OSError, SafetensorError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise FormatError(
            f"{folder}: expected {WEIGHTS}, Mean.npy and Std.npy of this codec, got: {reason}"
        ) from error
    if mean.shape != (N_FEATURES,) or std.shape != (N_FEATURES,):
        raise FormatError(
            f"{folder}: expected Mean and Std of {N_FEATURES} numbers, got {len(mean)} and "
            f"{len(std)}"
        )
    return model.eval(), mean, std


def _config(folder: Path) -> CodecConfig:
    path = folder / "config.json"
    try:
        config = parse_json(read_input_text(path))
        if config.get("model_type") != _MODEL_TYPE:
            raise FormatError(
                f"{path}: expected a codec of model_type {_MODEL_TYPE}, got "
                f"{config.get('model_type')!r}"
            )
        read: CodecConfig = from_json(CodecConfig, config, str(path))
        read.check()
        return read
    except BundleError as error:
        raise FormatError(str(error).replace("; export the bundle again", "")) from error
    except OSError as error:
        raise InputError(
            f"expected a codec folder at {folder}, cannot read its config.json ({error.strerror})"
        ) from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"{path}: expected the config of a {_MODEL_TYPE} codec, got something else ({error})"
        ) from error


def is_own_codec(settings: Mapping[str, Any]) -> bool:
    """Tell whether config.json names this layout."""
    return settings.get("model_type") == _MODEL_TYPE


def read_own_codec(folder: Path, base: Mapping[str, Any]) -> CodecSource:
    """Read the codec; FormatError where the weights do not fit config.json.

    `base`: the fields that do not depend on the layout.
    """
    model, _, _ = load_codec(folder)
    config = model.config
    codebooks = np.stack([level.codebook.numpy() for level in model.quantizer.levels])

    @torch.no_grad()
    def encode(features: Float32Array) -> Codes:
        latents = model.encoder(torch.from_numpy(np.ascontiguousarray(features.T[None])))[0].T
        codes: Codes = model.quantizer.encode(latents).numpy()
        return codes

    return CodecSource(
        layout=_MODEL_TYPE,
        decoder=model.decoder,
        codebooks=codebooks,
        stride=config.stride,
        encoder=encode,
        **base,
    )
