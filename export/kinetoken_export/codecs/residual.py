"""The layout of MoMask, T2M-GPT, MotionGPT and their kin: residual blocks and upsampling.

The modules are rebuilt from the shapes in the state dict. What shapes do not tell comes from
config.json or opt.txt, else from the defaults of those projects' option parsers: ReLU, and
dilations that grow threefold, the widest first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from torch import Tensor, nn

from kinetoken.base.errors import FormatError
from kinetoken.motion.features import N_FEATURES

from ..checkpoint.tensors import Float32Array
from .rebuild import (
    activation_layer,
    below_prefix,
    load_into,
    refuse_leftovers,
    residual_encoder,
    stacked_codebooks,
)
from .source import CodecSource

# Longest first: T2M-GPT wraps its module, MotionGPT's checkpoints hold language models beside it.
_PREFIXES: Final = (
    "module.vqvae.",
    "module.",
    "motion_vae.",
    "vqvae.",
    "vae.",
    "model.",
    "net.",
    "",
)
_INLET: Final = "decoder.model.0.weight"
_BLOCK: Final = re.compile(r"decoder\.model\.(\d+)\.0\.model\.(\d+)\.conv1\.weight\Z")
_GROWTH: Final = 3


class _Residual(nn.Module):
    """Activation, dilated and pointwise convolution, plus the input: (B, W, n) to the same."""

    def __init__(self, width: int, dilation: int, act: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.act = act()
        self.conv1 = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.conv2 = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.conv2(self.act(self.conv1(self.act(x))))
        return out


class _Chain(nn.Module):
    """A sequence under the name that the state dicts use."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.model(x)
        return out


@dataclass(frozen=True)
class _Plan:
    """Sizes of one codec."""

    features: int
    latent: int
    width: int
    dilations: Sequence[int]
    """Of one block, in its order."""
    halvings: int
    """Blocks: each doubles the frame rate."""
    act: Callable[[], nn.Module]

    def residuals(self) -> nn.Module:
        """The residual units of one block."""
        return _Chain(*(_Residual(self.width, dilation, self.act) for dilation in self.dilations))

    def decoder(self) -> nn.Module:
        """Latents (B, D, n) to features (B, 263, stride * n)."""
        width = self.width
        blocks = [
            nn.Sequential(
                self.residuals(), nn.Upsample(scale_factor=2), nn.Conv1d(width, width, 3, padding=1)
            )
            for _ in range(self.halvings)
        ]
        inlet, hidden = (
            nn.Conv1d(self.latent, width, 3, padding=1),
            nn.Conv1d(width, width, 3, padding=1),
        )
        return _Chain(
            inlet,
            nn.ReLU(),
            *blocks,
            hidden,
            nn.ReLU(),
            nn.Conv1d(width, self.features, 3, padding=1),
        )

    def encoder(self) -> nn.Module:
        """Features (B, 263, n) to latents (B, D, n // stride)."""
        width = self.width
        blocks = [
            nn.Sequential(nn.Conv1d(width, width, 4, stride=2, padding=1), self.residuals())
            for _ in range(self.halvings)
        ]
        inlet = nn.Conv1d(self.features, width, 3, padding=1)
        return _Chain(inlet, nn.ReLU(), *blocks, nn.Conv1d(width, self.latent, 3, padding=1))


def residual_prefix(state: Mapping[str, Tensor]) -> str | None:
    """The prefix before this layout's names; None for another layout."""
    for prefix in _PREFIXES:
        own = below_prefix(state, prefix)
        if _INLET in own and any(_BLOCK.match(name) for name in own):
            return prefix
    return None


def read_residual_codec(
    state: Mapping[str, Tensor], settings: Mapping[str, Any], path: Path, base: Mapping[str, Any]
) -> CodecSource:
    """Read the codec; FormatError names a tensor that is missing or left over.

    `base`: the fields that do not depend on the layout.
    """
    prefix = residual_prefix(state)
    assert prefix is not None
    own = below_prefix(state, prefix)
    refuse_leftovers(own, ("decoder.model.", "encoder.model.", "quantizer."), path)
    plan, notes = _plan(own, settings, path)
    decoder = load_into(plan.decoder(), below_prefix(own, "decoder."), path)
    codebooks = _codebooks(own, plan.latent, path)
    encoder = below_prefix(own, "encoder.")
    encode = (
        residual_encoder(load_into(plan.encoder(), encoder, path), codebooks) if encoder else None
    )
    layout = "momask" if any(name.startswith("quantizer.layers.") for name in own) else "t2m-gpt"
    return CodecSource(
        layout=layout,
        decoder=decoder,
        codebooks=codebooks,
        stride=2**plan.halvings,
        encoder=encode,
        notes=notes,
        **base,
    )


def _plan(
    own: Mapping[str, Tensor], settings: Mapping[str, Any], path: Path
) -> tuple[_Plan, tuple[str, ...]]:
    found = [(int(m[1]), int(m[2])) for m in map(_BLOCK.match, own) if m]
    halvings, depth = len({block for block, _ in found}), 1 + max(unit for _, unit in found)
    outlet = f"decoder.model.{4 + halvings}.weight"
    if outlet not in own or own[outlet].shape[0] != N_FEATURES:
        got = tuple(own[outlet].shape) if outlet in own else "nothing"
        raise FormatError(
            f"{path}: expected {outlet} with {N_FEATURES} features (HumanML3D), got {got}: "
            "another skeleton?"
        )
    width, latent, _ = own[_INLET].shape
    growth = settings.get("dilation_growth_rate", _GROWTH)
    act = settings.get("vq_act", settings.get("activation", "relu"))
    if not isinstance(growth, int) or growth < 1:
        raise FormatError(
            f"{path}: expected a whole dilation_growth_rate in the codec's settings, got {growth!r}"
        )
    dilations = [growth**unit for unit in reversed(range(depth))]
    plan = _Plan(N_FEATURES, latent, width, dilations, halvings, activation_layer(act, path))
    named = "dilation_growth_rate" in settings and (
        "vq_act" in settings or "activation" in settings
    )
    return plan, () if named else (
        f"no settings beside the weights: took {act} and dilations {dilations}",
    )


def _codebooks(own: Mapping[str, Tensor], latent: int, path: Path) -> Float32Array:
    """The tables of all levels; they may be buffers, parameters or embeddings."""
    pattern = re.compile(r"quantizer\.(?:layers\.(\d+)\.)?(?:codebook|embedding\.weight)\Z")
    matches = {name: m for name in own if (m := pattern.match(name))}
    odd = [n for n in own if n.startswith("quantizer.") and n not in matches]
    refuse_leftovers({n: own[n] for n in odd}, (), path)
    levels = sorted(matches, key=lambda name: int(matches[name][1] or 0))
    if not levels or [int(matches[n][1] or 0) for n in levels] != list(range(len(levels))):
        raise FormatError(
            f"{path}: expected codebooks quantizer.layers.0... or quantizer.codebook, got "
            f"{levels or 'none'}"
        )
    tables = stacked_codebooks([own[name] for name in levels], path)
    if tables.shape[2] != latent:
        raise FormatError(
            f"{path}: expected codebooks of width {latent}, as the decoder reads, got "
            f"{tables.shape[2]}"
        )
    return tables
