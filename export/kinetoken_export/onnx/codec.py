"""A codec's decoder as ONNX: checked against its module, its receptive field measured."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from kinetoken.base.errors import EngineError, FormatError, InputError
from kinetoken.codec.decoder import TensorSession
from kinetoken.engines.onnx.session import OnnxSession
from kinetoken.manifest.schema import CodecInfo, MotionInfo
from kinetoken.motion.features import N_FEATURES

from ..codecs.decoder_window import filled
from ..codecs.source import CodecSource, CodeSize, decode_once, random_codes, sum_of_rows
from .plain_attention import plain_attention

_OPSET: Final = 17
_TRACED: Final = 24  # latent frames of the example that is traced
_PROBE: Final = 96  # latent frames of the probe: more than twice what any known decoder sees
_HALF_FROM: Final = 1024  # elements; larger tensors are stored in half precision
_PERTURBATIONS: Final = 4  # of the probe
_FAINT: Final = 1e-3  # of the largest move: what counts as hardly seen
_MORE: Final = (1, 4, 9)  # latent frames around what a frame sees, in parts of the probe
_SAME: Final = 1e-4  # difference that counts as none, as a part of the spread
_CHECKED: Final = (1, 7, 40)  # latent frames of the motions that graph and module are compared on
# Largest error of a normalised feature, as a part of that feature's spread where it is above 1.
_TOLERANCE: Final[dict[str, float]] = {"fp16": 2e-2, "fp32": 1e-3}
_OTHER_FEATURES: Final = 20  # times the tolerance: no rounding, the graph computes something else
_DECODER, _CODEBOOKS, _MEAN, _STD = "decoder.onnx", "codebooks.npy", "Mean.npy", "Std.npy"


@dataclass(frozen=True)
class ReceptiveField:
    """Latent frames that an output frame depends on, before and after its own."""

    past: int
    lookahead: int
    note: str | None = None
    """Where there is no such bound: which window was taken instead."""
    window: int | None = None
    """Latent frames decoded at once where there is no such bound."""


def code_size(motion: MotionInfo) -> CodeSize:
    """The levels and codes that the motion tokens stand for."""
    return CodeSize(len(motion.levels), max(stop - first for first, stop in motion.levels))


def check_codec(source: CodecSource, motion: MotionInfo) -> None:
    """Refuse a codec of other levels or codes than the tokenizer's."""
    levels, codes, _ = source.codebooks.shape
    sizes = {stop - first for first, stop in motion.levels}
    if len(motion.levels) != levels or sizes != {codes}:
        raise FormatError(
            f"expected a codec of {len(motion.levels)} levels x {max(sizes)} codes, as the "
            "tokenizer has, "
            f"got {levels} x {codes}: give the codec that this model was trained with"
        )


def export_codec(
    source: CodecSource, motion: MotionInfo, folder: Path, *, precision: str = "fp16"
) -> CodecInfo:
    """Write decoder.onnx, codebooks.npy, Mean.npy and Std.npy into `folder`.

    The lookahead in the returned entry is the exact one. `precision`, "fp16" or "fp32", is that of
    the stored weights; they are computed in single precision. FormatError where levels or codes are
    not the tokenizer's, or the graph does not do what the module does.
    """
    if precision not in _TOLERANCE:
        raise InputError(
            f"precision of the codec: expected {' or '.join(_TOLERANCE)}, got {precision!r}"
        )
    check_codec(source, motion)
    half = precision == "fp16" and not source.carries_codes  # half precision ends at code 2048
    codebooks = source.codebooks.astype(np.float16 if half else np.float32)
    graph = folder / _DECODER
    np.save(folder / _CODEBOOKS, codebooks)
    np.save(folder / _MEAN, source.mean)
    np.save(folder / _STD, source.std)
    source = _export_checked(source, graph, codebooks.astype(np.float32), precision)
    field = _windowed_field(source) or receptive_field(graph, source)
    if field.note:
        print(f"decoder: {field.note}: {_told(field)}", file=sys.stderr)
    return CodecInfo(
        decoder=_DECODER,
        codebooks=_CODEBOOKS,
        mean=_MEAN,
        std=_STD,
        fps=source.fps,
        stride=source.stride,
        features=N_FEATURES,
        latent_dim=codebooks.shape[2],
        past=field.past,
        lookahead=field.lookahead,
        exact_lookahead=field.lookahead,
        window=field.window,
        window_padding=source.window_padding or "none",
    )


def _told(field: ReceptiveField) -> str:
    if field.window is not None:
        return f"streamed in windows of {field.window} latent frames"
    return f"streamed with {field.past} latent frames before and {field.lookahead} after"


def _export_checked(
    source: CodecSource, graph: Path, codebooks: NDArray[np.float32], precision: str
) -> CodecSource:
    """Write the decoder's graph and compare it with the module; returns what the graph takes.

    A graph that is right only at the length of its tracing is written again for the window that
    the decoder was trained on. FormatError where none is known, or the graph is wrong.
    """
    export_decoder(source, graph, half=precision == "fp16")
    errors, limit = _errors(graph, source, codebooks), _TOLERANCE[precision]
    if all(error <= limit for error in errors.values()):
        return source
    worst = max(errors.values())
    if errors[_traced_frames(source)] <= limit and worst > _OTHER_FEATURES * limit:
        if source.window is None:
            raise FormatError(
                f"{graph.name}: expected a decoder that takes any length, its graph is right only "
                f"for the {_TRACED} latent frames that it was traced at: name the feature frames "
                "that it was trained on at once with --codec-window"
            )
        return _export_checked(filled(source), graph, codebooks, precision)
    half = precision == "fp16"
    cure = "store it with --codec-precision fp32" if half else "please report this codec"
    raise FormatError(
        f"{graph.name}: expected features within {limit:g} of the codec's own, got "
        f"{worst:.3g}: {cure}"
    )


def _traced_frames(source: CodecSource) -> int:
    """Latent frames of the example that is traced."""
    if source.window is None or source.window_padding is None:
        return _TRACED
    return source.window if source.window_padding != "none" else min(_TRACED, source.window)


def _checked_frames(source: CodecSource) -> set[int]:
    """Latent frames of the motions that graph and module are compared on."""
    window, traced = source.window, _traced_frames(source)
    if window is None or source.window_padding is None:
        return {traced, *_CHECKED}
    return {traced, 1, max(1, window // 2), window} if source.window_padding == "none" else {traced}


class _FramesFirst(nn.Module):
    """A channels-first decoder with frames first: (1, n, D) to (1, n * stride, 263)."""

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, latents: Tensor) -> Tensor:
        out: Tensor = self.decoder(latents.transpose(1, 2)).transpose(1, 2)
        return out


def export_decoder(source: CodecSource, path: Path, half: bool = True) -> None:
    """Trace the decoder into `path`: latents (1, n, D) to normalised features.

    FormatError where it cannot be written as plain ONNX operators.
    """
    module = _FramesFirst(source.decoder).eval()
    frames, fixed = _traced_frames(source), source.window_padding in ("repeat", "zero")
    axes = None if fixed else {"latents": {1: "n"}, "features": {1: "frames"}}
    latents = torch.from_numpy(sum_of_rows(random_codes(source, frames), source.codebooks))[None]
    try:
        with warnings.catch_warnings(), torch.no_grad(), plain_attention():
            warnings.simplefilter(
                "ignore"
            )  # the exporter speaks of its own successor; the result is checked below
            torch.onnx.export(
                module,
                (latents,),
                str(path),
                input_names=["latents"],
                output_names=["features"],
                dynamic_axes=axes,
                opset_version=_OPSET,
                dynamo=False,
            )
    except (RuntimeError, TypeError, ValueError, torch.onnx.errors.OnnxExporterError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise FormatError(
            f"expected a decoder of plain tensor operations, tracing it failed ({reason})"
        ) from error
    if half:
        model = onnx.load(path)
        _store_half(model)
        onnx.save(model, path)


def _store_half(model: onnx.ModelProto) -> None:
    """Store large float tensors as float16, half the size, and compute with them in float32."""
    graph = model.graph
    _lift_constants(graph)
    casts = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type == TensorProto.FLOAT and values.size >= _HALF_FROM:
            name = tensor.name
            # Where values are too large for half precision, the comparison with the module tells.
            with np.errstate(over="ignore"):
                tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
            casts.append(
                helper.make_node(
                    "Cast", [f"{name}.half"], [name], f"{name}.cast", to=TensorProto.FLOAT
                )
            )
    nodes = casts + list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)


def _lift_constants(graph: onnx.GraphProto) -> None:
    """Turn large constants into initializers: an adapter's tensors are traced as constants."""
    for node in [node for node in graph.node if node.op_type == "Constant"]:
        value = next((a.t for a in node.attribute if a.name == "value"), None)
        if value is not None and math.prod(value.dims) >= _HALF_FROM:
            tensor = graph.initializer.add()
            tensor.CopyFrom(value)
            tensor.name = node.output[0]
            graph.node.remove(node)


def receptive_field(path: Path, source: CodecSource) -> ReceptiveField:
    """Perturb one latent frame and see which outputs of the graph in `path` move.

    A decoder that sees everything, but what is far away hardly (recurrent ones), gets the field
    outside of which nothing moves by more than a thousandth of the largest move. One that sees
    everything evenly (a norm over time, attention) gets the window that it was trained on;
    FormatError where its settings do not say which.
    """
    session = OnnxSession(path)
    window, moves = source.window, _moves(session, source)
    if not moves.any():
        raise FormatError(
            f"{path.name}: expected features that depend on the codes, they never change: wrong "
            "weights?"
        )
    for least, note in (
        (0.0, None),
        (_FAINT * float(moves.max()), "it sees the whole motion, what is further off hardly"),
    ):
        touched = np.flatnonzero(moves > least) - _PROBE // 2
        if touched[0] > -_PROBE // 2 and touched[-1] < _PROBE // 2 - 1:
            field = ReceptiveField(max(0, int(touched[-1])), max(0, int(-touched[0])), note)
            if note or _is_the_same_anywhere(session, source, field):
                return field
            sees = "depends on where in the motion a frame stands"
            break
    else:
        sees = f"sees all of {_PROBE} latent frames"
    if window is None:
        raise FormatError(
            f"{path.name}: expected a decoder that sees a bounded time, this one {sees}: name the "
            "feature frames that it was trained on at once with --codec-window, or in its "
            'config.json as "window_size": 100'
        )
    note = "it sees the whole motion, windows are as long as in training"
    return ReceptiveField(window - 1, window - 1, note, window)


def _is_the_same_anywhere(
    session: TensorSession, source: CodecSource, field: ReceptiveField
) -> bool:
    """Tell whether a frame in the middle comes out alike in parts of the probe.

    Positions that are added, or a time axis that is stretched to its ends, make it another.
    """
    latents = next(_codes_probe(source) if source.carries_codes else _noise_probe(source))
    middle, stride = _PROBE // 2, source.stride
    whole = session.run(latents[None])[0]
    limit = _SAME * max(float(whole.std()), _SAME)
    for more in _MORE:
        begin = max(0, middle - field.past - more)
        part = session.run(latents[None, begin : middle + field.lookahead + 1 + 2 * more])[0]
        apart = part[(middle - begin) * stride :][:stride] - whole[middle * stride :][:stride]
        if np.abs(apart).max() > limit:
            return False
    return True


def _windowed_field(source: CodecSource) -> ReceptiveField | None:
    """The field of a decoder that takes a limited number of latent frames; None for others."""
    if source.window is None or source.window_padding is None:
        return None
    return ReceptiveField(source.window - 1, source.window - 1, window=source.window)


def _moves(session: TensorSession, source: CodecSource) -> NDArray[np.float32]:
    """How far each latent frame's features move when the frame in the middle does.

    Below 1e-7 counts as not at all.
    """
    base, *others = _codes_probe(source) if source.carries_codes else _noise_probe(source)
    before = session.run(base[None])
    apart = [np.abs(session.run(latents[None]) - before).reshape(_PROBE, -1) for latents in others]
    moves = np.stack(apart).max(axis=(0, 2))
    return np.where(moves > 1e-7, moves, 0.0)


def _noise_probe(source: CodecSource) -> Iterator[NDArray[np.float32]]:
    """Random latents, then the same with another middle frame, a few times.

    One perturbation may hide behind a closed ReLU, several hardly.
    """
    draw, width = np.random.default_rng(0), source.codebooks.shape[2]
    latents = draw.normal(size=(_PROBE, width)).astype(np.float32)
    yield latents
    for _ in range(_PERTURBATIONS):
        other = latents.copy()
        other[_PROBE // 2] += draw.normal(size=(width,)).astype(np.float32) * 3
        yield other


def _codes_probe(source: CodecSource) -> Iterator[NDArray[np.float32]]:
    """The same for a decoder that takes codes: other codes in the middle."""
    codes = random_codes(source, _PROBE)
    yield sum_of_rows(codes, source.codebooks)
    for seed in range(1, 4 * _PERTURBATIONS + 1):  # codes differ less than noise does
        other = codes.copy()
        other[_PROBE // 2] = random_codes(source, 1, seed)[0]
        yield sum_of_rows(other, source.codebooks)


def largest_error(
    path: Path, source: CodecSource, codebooks: NDArray[np.float32] | None = None
) -> float:
    """Largest difference between the exported decoder and the codec's own, on random codes.

    In normalised features, as a part of the feature's spread where that is above 1. `codebooks`: as
    they were stored.
    """
    return max(_errors(path, source, codebooks).values())


def _errors(
    path: Path, source: CodecSource, codebooks: NDArray[np.float32] | None
) -> dict[int, float]:
    """The largest error by the latent frames of the motion; infinite where the graph fails."""
    session = _opened(path)
    tables = source.codebooks if codebooks is None else codebooks
    errors = {}
    for frames in sorted(_checked_frames(source)):
        codes = random_codes(source, frames, seed=frames)
        wanted = decode_once(source, codes)
        got = _run(session, sum_of_rows(codes, tables))
        if got is None or got.shape != wanted.shape or not np.isfinite(got).all():
            errors[frames] = math.inf
        else:
            apart = np.abs(got - wanted) / np.maximum(1.0, wanted.std(axis=0))
            errors[frames] = float(apart.max())
    return errors


def _opened(path: Path) -> TensorSession:
    try:
        return OnnxSession(path)
    except EngineError as error:
        raise FormatError(
            f"expected a decoder of plain tensor operations, its graph has others: {error}"
        ) from error


def _run(session: TensorSession, latents: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Features of latents (n, D); None where the graph does not take so many."""
    try:
        out: NDArray[np.float32] = session.run(latents[None])[0]
    except EngineError:
        return None
    return out
