"""The distance of a bundle's clips from its source's, and the codec's part in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.base.errors import InputError
from kinetoken.engines.load_options import LoadOptions
from kinetoken.generation.bundle import Bundle, open_codec
from kinetoken.generation.motion_stream import decode_clip
from kinetoken.motion.recover import recover

from ..own_answers import OwnAnswer
from .request import VerifyRequest

if TYPE_CHECKING:
    from ..codecs.source import CodecSource

_MM: Final = 1000.0
_RANDOM_FRAMES: Final = 64  # latent frames of random codes
_RANDOM_CLIPS: Final = 4
_Codes = NDArray[np.int64]
_Floats = NDArray[np.float64]
Decode = Callable[[_Codes], _Floats]
"""Codes (n, Q) to world joints (T, 22, 3) in metres."""


@dataclass(frozen=True)
class ClipFigures:
    """Pairs of clips, one of the bundle and one of the source; distances in millimetres."""

    clips: int
    mean_mm: float
    """Mean over joints, frames and clips, in the world."""
    median_mm: float
    """Median of the clips' means."""
    pose_mm: float
    """Mean with both pelvises laid on one point: the pose without the place."""
    same_clips: int
    """Pairs without a single different code."""
    same_frames: float
    """Mean code frames before the first different one."""
    frames: float
    """Mean code frames of a clip."""
    curve_mm: tuple[float, ...]
    """Mean distance over the clips in each frame of motion."""


@dataclass(frozen=True)
class CodecFigures:
    """The bundle's decoder beside the source's module."""

    largest_error: float
    """Largest difference on random codes, in normalised features."""
    mean_error: float
    mean_mm: float
    """Mean joint distance on codes of the source, as the bundle streams them."""
    largest_mm: float
    lookahead: int


def bundle_decoder(bundle: Bundle) -> Decode:
    """The bundle's codec as it streams."""
    return lambda codes: decode_clip(bundle.decoder, codes.tolist()).joints.astype(np.float64)


def exact_decoder(bundle: Bundle) -> Decode:
    """The bundle's codec with the lookahead that gives the same as the whole motion at once."""
    codec = bundle.manifest.codec
    exact = codec.exact
    decoder = open_codec(bundle.folder, LoadOptions(lookahead=exact))[1]
    return lambda codes: decode_clip(decoder, codes.tolist()).joints.astype(np.float64)


def source_decoder(codec: CodecSource) -> Decode:
    """The source's own module, on the whole motion at once."""
    from ..codecs.source import decode

    return lambda codes: recover(decode(codec, codes) * codec.std + codec.mean)


def open_source_codec(bundle: Bundle, request: VerifyRequest) -> CodecSource:
    """Open the codec that the bundle was made from; InputError where its sizes are others."""
    from ..codecs.reader import read_codec
    from ..codecs.source import CodeSize

    assert request.codec is not None
    folder, made = request.codec.folder, bundle.decoder.codebooks.table.shape
    window = bundle.decoder.window
    codec = read_codec(
        folder,
        CodeSize(made[0], made[1]),
        trust_code=request.trust_code,
        adapter=request.codec_adapter,
        window=None if window is None else window * bundle.decoder.stride,
    )
    given = codec.codebooks.shape
    if made != given or codec.stride != bundle.decoder.stride:
        raise InputError(
            f"{folder}: expected codebooks {made} and stride {bundle.decoder.stride} of the "
            "bundle, "
            f"got {given} and {codec.stride}: give the codec that the bundle was made from"
        )
    return codec


def compare_codecs(bundle: Bundle, codec: CodecSource, written: Sequence[_Codes]) -> CodecFigures:
    """Compare both decoders on random codes, and on the source's answers as the bundle streams."""
    from ..codecs.source import decode, random_codes

    errors = []
    for seed in range(_RANDOM_CLIPS):
        codes = random_codes(codec, bundle.decoder.window or _RANDOM_FRAMES, seed)
        out = bundle.decoder.session.run(bundle.decoder.codebooks.latents(codes)[None])[0]
        errors.append(np.abs(out - decode(codec, codes)))
    ours, theirs = bundle_decoder(bundle), source_decoder(codec)
    apart = np.concatenate(
        [joint_distances(ours(codes), theirs(codes)).ravel() for codes in written]
    )
    error = np.concatenate([e.ravel() for e in errors])
    return CodecFigures(
        float(error.max()),
        float(error.mean()),
        float(apart.mean()),
        float(apart.max()),
        bundle.decoder.lookahead,
    )


def compare_clips(
    ours: Sequence[OwnAnswer],
    decode_ours: Decode,
    theirs: Sequence[OwnAnswer],
    decode_theirs: Decode,
) -> ClipFigures:
    """Compare answers of bundle and source to the same prompts.

    Clips of different lengths are compared as far as both go.
    """
    pairs = [
        (decode_ours(a.codes), decode_theirs(b.codes)) for a, b in zip(ours, theirs, strict=True)
    ]
    world = [joint_distances(a, b).mean(axis=1) for a, b in pairs]
    pose = [joint_distances(a - a[:, :1], b - b[:, :1]).mean() for a, b in pairs]
    same = [equal_frames(a.codes, b.codes) for a, b in zip(ours, theirs, strict=True)]
    whole = [n == len(a.codes) == len(b.codes) for n, a, b in zip(same, ours, theirs, strict=True)]
    length = min(len(row) for row in world)
    return ClipFigures(
        clips=len(pairs),
        mean_mm=float(np.mean([row.mean() for row in world])),
        median_mm=float(np.median([row.mean() for row in world])),
        pose_mm=float(np.mean(pose)),
        same_clips=sum(whole),
        same_frames=float(np.mean(same)),
        frames=float(np.mean([len(a.codes) for a in ours])),
        curve_mm=tuple(
            round(float(v), 2) for v in np.mean([row[:length] for row in world], axis=0)
        ),
    )


def joint_distances(one: _Floats, other: _Floats) -> _Floats:
    """Distance (T, 22) of each joint of two motions (T, 22, 3), as far as both go, millimetres."""
    length = min(len(one), len(other))
    return np.asarray(np.linalg.norm(one[:length] - other[:length], axis=-1) * _MM)


def equal_frames(one: _Codes, other: _Codes) -> int:
    """Count the code frames before the first different one."""
    length = min(len(one), len(other))
    different = np.flatnonzero((one[:length] != other[:length]).any(axis=1))
    return int(different[0]) if len(different) else length
