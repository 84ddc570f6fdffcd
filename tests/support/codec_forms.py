"""Forms of RVQ codec as other people write them, each a whole rvq_model.py.

Every class offers `own_features(codes)`, codes (n, Q) to normalised features, for tests alone: its
name says nothing to the exporter, which has to find its own way.
"""

from __future__ import annotations

from typing import Final

LEVELS: Final = 3
CODES: Final = 12
CONFIG: Final = {
    "model_type": "motion_rvq_vae",
    "input_dim": 263,
    "num_quantizers": LEVELS,
    "codebook_size": CODES,
    "latent_dim": 8,
    "hidden_dim": 16,
}

_HEAD = """
import math
import torch
from dataclasses import dataclass
from torch import nn
import torch.nn.functional as F


class EMAQuantizer(nn.Module):
    def __init__(self, codes, dim):
        super().__init__()
        self.register_buffer("embedding", torch.randn(codes, dim))
        self.register_buffer("cluster_size", torch.ones(codes))
        self.register_buffer("ema_w", torch.randn(codes, dim))

    def forward(self, x):  # (B, T, D)
        index = torch.cdist(x, self.embedding[None]).argmin(-1)
        return F.embedding(index, self.embedding), index


class RVQ(nn.Module):
    def __init__(self, levels, codes, dim):
        super().__init__()
        self.layers = nn.ModuleList(EMAQuantizer(codes, dim) for _ in range(levels))

    def forward(self, x):
        left, total, indices = x, torch.zeros_like(x), []
        for layer in self.layers:
            row, index = layer(left)
            left, total = left - row, total + row
            indices.append(index)
        total = x + (total - x).detach()
        return total, torch.stack(indices, -1)

    def rows(self, codes):
        return sum(layer.embedding[codes[:, q]] for q, layer in enumerate(self.layers))


def encoder(dim):
    return nn.Sequential(nn.Conv1d(263, 16, 4, 2, 1), nn.ReLU(), nn.Conv1d(16, dim, 4, 2, 1))


class Codec(nn.Module):
    def __init__(self, input_dim, num_quantizers, codebook_size, latent_dim, hidden_dim):
        super().__init__()
        self.encoder = encoder(latent_dim)
        self.quantizer = RVQ(num_quantizers, codebook_size, latent_dim)
        self.decoder = self.make_decoder(latent_dim, hidden_dim, input_dim)

    def forward(self, x):  # (B, T, 263)
        z = self.encoder(x.transpose(1, 2)).transpose(1, 2)
        z, indices = self.quantizer(z)
        return self.decoder(z.transpose(1, 2)).transpose(1, 2), indices, z.sum() * 0

    def own_features(self, codes):
        return self.decoder(self.quantizer.rows(codes).T[None])[0].T
"""

_EMA_BATCHNORM = """
class MotionRVQ_VAE(Codec):
    def make_decoder(self, dim, hidden, out):
        return nn.Sequential(
            nn.Conv1d(dim, hidden, 3, padding=1), nn.BatchNorm1d(hidden), nn.ReLU(),
            nn.ConvTranspose1d(hidden, hidden, 4, 2, 1), nn.BatchNorm1d(hidden), nn.ReLU(),
            nn.ConvTranspose1d(hidden, out, 4, 2, 1),
        )
"""
_GROUPNORM = """
class MotionRVQ_VAE(Codec):
    def make_decoder(self, dim, hidden, out):
        return nn.Sequential(
            nn.Conv1d(dim, hidden, 3, padding=1), nn.GroupNorm(4, hidden), nn.SiLU(),
            nn.Upsample(scale_factor=4), nn.Conv1d(hidden, out, 3, padding=1),
        )
"""
_LUCIDRAINS = """
class EuclideanCodebook(nn.Module):
    def __init__(self, dim, codebook_size):
        super().__init__()
        self.register_buffer("initted", torch.tensor([True]))
        self.register_buffer("cluster_size", torch.ones(1, codebook_size))
        self.register_buffer("embed_avg", torch.randn(1, codebook_size, dim))
        self.register_buffer("embed", torch.randn(1, codebook_size, dim))

    def forward(self, x):
        index = (-torch.cdist(x, self.embed)).argmax(dim=-1)
        return self.embed[0][index], index


class VectorQuantize(nn.Module):
    def __init__(self, dim, codebook_size):
        super().__init__()
        self.project_in, self.project_out = nn.Identity(), nn.Identity()
        self._codebook = EuclideanCodebook(dim, codebook_size)

    def forward(self, x):
        quantized, index = self._codebook(self.project_in(x))
        return self.project_out(x + (quantized - x).detach()), index, x.new_zeros(1)


class ResidualVQ(nn.Module):
    def __init__(self, *, dim, num_quantizers, codebook_size):
        super().__init__()
        self.layers = nn.ModuleList(VectorQuantize(dim, codebook_size) for _ in range(num_quantizers))

    @property
    def codebooks(self):
        return torch.stack([layer._codebook.embed[0] for layer in self.layers])

    def get_output_from_indices(self, indices):
        return sum(self.codebooks[q][indices[..., q]] for q in range(len(self.layers)))

    def forward(self, x):
        total, left, indices, losses = 0.0, x, [], []
        for layer in self.layers:
            quantized, index, loss = layer(left)
            left, total = left - quantized.detach(), total + quantized
            indices.append(index)
            losses.append(loss)
        return total, torch.stack(indices, dim=-1), torch.stack(losses, dim=-1)


class MotionRVQ_VAE(nn.Module):
    def __init__(self, input_dim=263, latent_dim=8, hidden_dim=16, num_quantizers=3, codebook_size=12):
        super().__init__()
        self.encoder = encoder(latent_dim)
        self.rvq = ResidualVQ(dim=latent_dim, num_quantizers=num_quantizers, codebook_size=codebook_size)
        self.decoder = nn.Sequential(
            nn.Conv1d(latent_dim, hidden_dim, 3, padding=1), nn.GELU(), nn.Upsample(scale_factor=2),
            nn.Conv1d(hidden_dim, hidden_dim, 3, padding=1), nn.GELU(), nn.Upsample(scale_factor=2),
            nn.Conv1d(hidden_dim, input_dim, 3, padding=1),
        )

    def forward(self, x):
        z = self.encoder(x.permute(0, 2, 1)).permute(0, 2, 1)
        z, indices, loss = self.rvq(z)
        return self.decoder(z.permute(0, 2, 1)).permute(0, 2, 1), loss.sum(), indices

    def decode_from_indices(self, indices):
        return self.decoder(self.rvq.get_output_from_indices(indices).permute(0, 2, 1)).permute(0, 2, 1)

    def own_features(self, codes):
        return self.decode_from_indices(codes[None])[0]
"""
_DATACLASS = """
@dataclass
class MotionRVQConfig:
    input_dim: int = 100
    latent_dim: int = 4
    hidden_dim: int = 4
    num_quantizers: int = 1
    codebook_size: int = 4


class MotionRVQ_VAE(Codec):
    def __init__(self, config: MotionRVQConfig):
        super().__init__(config.input_dim, config.num_quantizers, config.codebook_size,
                         config.latent_dim, config.hidden_dim)

    def make_decoder(self, dim, hidden, out):
        return nn.Sequential(nn.Conv1d(dim, hidden, 3, padding=1), nn.ReLU(),
                             nn.ConvTranspose1d(hidden, out, 8, 4, 2))
"""
_INTERPOLATION = """
class Interpolating(nn.Module):
    def __init__(self, dim, hidden, out):
        super().__init__()
        self.inlet = nn.Conv1d(dim, hidden, 3, padding=1)
        self.middle = nn.Conv1d(hidden, hidden, 3, padding=1)
        self.outlet = nn.Conv1d(hidden, out, 3, padding=1)

    def forward(self, z):
        z = F.interpolate(F.relu(self.inlet(z)), scale_factor=2, mode="nearest")
        z = F.interpolate(F.relu(self.middle(z)), size=2 * z.shape[-1], mode="nearest")
        return self.outlet(z)


class MotionRVQ_VAE(Codec):
    def make_decoder(self, dim, hidden, out):
        return Interpolating(dim, hidden, out)
"""
_TO_BOTH_ENDS = _GROUPNORM.replace("nn.GroupNorm(4, hidden), ", "").replace(
    "nn.Upsample(scale_factor=4)", "nn.Upsample(scale_factor=4, mode='linear', align_corners=True)"
)
_PLACES = """
class Places(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.register_buffer("table", torch.randn(1, hidden, 512))

    def forward(self, x):
        return x + self.table[:, :, : x.shape[2]]
""" + _GROUPNORM.replace("nn.GroupNorm(4, hidden)", "Places(hidden)")
_TRANSPOSED = """
class MotionRVQ_VAE(Codec):
    def make_decoder(self, dim, hidden, out):
        return nn.Sequential(
            nn.ConvTranspose1d(dim, hidden, 3, 2, 1, output_padding=1), nn.LeakyReLU(0.2),
            nn.ConvTranspose1d(hidden, hidden, 3, 2, 1, output_padding=1), nn.LeakyReLU(0.2),
            nn.Conv1d(hidden, out, 3, padding=1),
        )
"""
_LEARNED_POSITIONS = """
class TransformerDecoder(nn.Module):
    def __init__(self, dim, hidden, out, frames=25):
        super().__init__()
        self.inlet = nn.Linear(dim, hidden)
        self.pos_embed = nn.Parameter(torch.randn(1, frames, hidden))
        layer = nn.TransformerEncoderLayer(hidden, 2, 2 * hidden, dropout=0.1, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2)
        self.outlet = nn.Linear(hidden, 4 * out)
        self.out = out

    def forward(self, z):  # (B, D, T)
        z = self.layers(self.inlet(z.transpose(1, 2)) + POSITIONS)
        return self.outlet(z).reshape(z.shape[0], -1, self.out).transpose(1, 2)


class MotionRVQ_VAE(Codec):
    def make_decoder(self, dim, hidden, out):
        return TransformerDecoder(dim, hidden, out)
"""
_SINUSOIDAL = _LEARNED_POSITIONS.replace(
    "self.pos_embed = nn.Parameter(torch.randn(1, frames, hidden))",
    """at = torch.arange(512)[:, None] * torch.exp(torch.arange(0, hidden, 2) * -math.log(1e4) / hidden)
        table = torch.stack([at.sin(), at.cos()], -1).flatten(1)[None]
        self.register_buffer("pe", table, persistent=False)""",
).replace("POSITIONS", "self.pe[:, : z.shape[2]]")
_CAUSAL = """
class CausalConv1d(nn.Conv1d):
    def forward(self, x):
        left = self.dilation[0] * (self.kernel_size[0] - 1)
        return super().forward(F.pad(x, (left, 0)))


class MotionRVQ_VAE(Codec):
    def make_decoder(self, dim, hidden, out):
        return nn.Sequential(
            CausalConv1d(dim, hidden, 3), nn.SiLU(), CausalConv1d(hidden, hidden, 3, dilation=2), nn.SiLU(),
            nn.Upsample(scale_factor=4), CausalConv1d(hidden, out, 3),
        )
"""
_FSQ = """
class ResidualFSQ(nn.Module):
    # 12 codes: 4 x 3 steps, the same at each level, finer by a factor
    steps = (4, 3)

    def __init__(self, levels, dim):
        super().__init__()
        self.levels = levels
        self.project_in, self.project_out = nn.Linear(dim, 2), nn.Linear(2, dim)
        grid = torch.cartesian_prod(torch.linspace(-1, 1, 4), torch.linspace(-1, 1, 3))
        self.register_buffer("implicit_codebook", grid, persistent=False)

    def indices_to_codes(self, indices):  # (B, T, Q)
        scales = [0.25 ** q for q in range(self.levels)]
        z = sum(self.implicit_codebook[indices[..., q]] * s for q, s in enumerate(scales))
        return self.project_out(z)

    def forward(self, x):
        left, total, indices = self.project_in(x).tanh(), 0.0, []
        for q in range(self.levels):
            scale = 0.25 ** q
            index = torch.cdist(left / scale, self.implicit_codebook[None]).argmin(-1)
            row = self.implicit_codebook[index] * scale
            left, total = left - row, total + row
            indices.append(index)
        return self.project_out(total), torch.stack(indices, -1)


class MotionRVQ_VAE(Codec):
    def __init__(self, input_dim, num_quantizers, latent_dim, hidden_dim):
        super().__init__(input_dim, num_quantizers, 12, latent_dim, hidden_dim)
        self.quantizer = ResidualFSQ(num_quantizers, latent_dim)

    def make_decoder(self, dim, hidden, out):
        return nn.Sequential(nn.Conv1d(dim, hidden, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=4),
                             nn.Conv1d(hidden, out, 3, padding=1))

    DECODES
    def own_features(self, codes):
        return self.decoder(self.quantizer.indices_to_codes(codes[None]).transpose(1, 2))[0].T
"""
_FSQ_METHOD = """def decode_indices(self, indices):
        return self.decoder(self.quantizer.indices_to_codes(indices).transpose(1, 2)).transpose(1, 2)
"""

FORMS: Final = {
    "hand-written EMA codebooks, BatchNorm": _EMA_BATCHNORM,
    "GroupNorm over time": _GROUPNORM,
    "ResidualVQ as lucidrains writes it": _LUCIDRAINS,
    "dataclass as configuration": _DATACLASS,
    "nearest interpolation": _INTERPOLATION,
    "linear interpolation to both ends": _TO_BOTH_ENDS,
    "positions added between convolutions": _PLACES,
    "transposed convolutions": _TRANSPOSED,
    "transformer, learned positions of one length": _LEARNED_POSITIONS.replace(
        "POSITIONS", "self.pos_embed"
    ),
    "transformer, learned positions cut to the length": _LEARNED_POSITIONS.replace(
        "POSITIONS", "self.pos_embed[:, : z.shape[2]]"
    ),
    "transformer, sinusoidal positions": _SINUSOIDAL,
    "causal convolutions": _CAUSAL,
    "FSQ with a method from indices": _FSQ.replace("DECODES", _FSQ_METHOD),
    "FSQ in the forward pass alone": _FSQ.replace("DECODES", ""),
}


def source_text(form: str) -> str:
    """The rvq_model.py of a form."""
    return _HEAD + FORMS[form]
