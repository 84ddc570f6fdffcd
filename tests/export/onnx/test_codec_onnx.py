"""The decoder's graph: what it is compared with, how far it sees, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason='tracing a codec needs torch: pip install ".[export]"')
onnx = pytest.importorskip("onnx", reason='writing a codec needs onnx: pip install ".[export]"')

from safetensors.torch import save_file
from torch import nn

from codec_states import residual_state, transposed_state, write_statistics
from kinetoken.base.errors import FormatError, InputError
from kinetoken.codec.codebooks import Codebooks
from kinetoken.codec.decoder import MotionDecoder
from kinetoken.codec.normalizer import Normalizer
from kinetoken.engines.onnx.session import OnnxSession
from kinetoken.manifest.schema import CodecInfo, MotionInfo
from kinetoken_export.codecs.reader import read_codec
from kinetoken_export.codecs.source import CodecSource, decode, random_codes
from kinetoken_export.onnx.codec import export_codec, largest_error

DEMO = Path(__file__).parents[3] / "export" / "checkpoints" / "demo" / "codec"


def motion(levels: int, codes: int) -> MotionInfo:
    return MotionInfo(
        0, 1, tuple((2 + level * codes, 2 + (level + 1) * codes) for level in range(levels))
    )


def written(folder: Path, state: dict[str, torch.Tensor]) -> CodecSource:
    write_statistics(folder)
    save_file(state, folder / "model.safetensors")
    return read_codec(folder)


def opened(folder: Path, info: CodecInfo) -> MotionDecoder:
    """As the runtime opens it."""
    table = np.load(folder / info.codebooks).astype(np.float32)
    normalizer = Normalizer(np.load(folder / info.mean), np.load(folder / info.std))
    session = OnnxSession(folder / info.decoder, 1)
    return MotionDecoder(
        session,
        Codebooks(table),
        normalizer,
        info.stride,
        info.past,
        info.lookahead,
        info.exact_lookahead,
    )


@pytest.mark.parametrize("precision", ["fp16", "fp32"])
@pytest.mark.parametrize(
    "state", [residual_state(3, 20), transposed_state(3, 20)], ids=["momask", "conv-transpose"]
)
def test_the_runtime_decodes_what_the_source_does(
    tmp_path: Path, state: dict[str, torch.Tensor], precision: str
) -> None:
    source = written(tmp_path, state)
    info = export_codec(source, motion(3, 20), tmp_path, precision=precision)
    assert (info.fps, info.stride, info.features, info.latent_dim) == (20, 4, 263, 8)
    assert info.lookahead == info.exact_lookahead
    codes = random_codes(source, 60, seed=4)
    streamed = opened(tmp_path, info).decode(codes)
    wanted = decode(source, codes) * source.std + source.mean
    np.testing.assert_allclose(streamed, wanted, atol=1e-5 if precision == "fp32" else 2e-3)


def test_fields_are_measured(tmp_path: Path) -> None:
    """MoMask sees 22 latents each way; transposed convolutions one before and two after at most."""
    near = export_codec(written(tmp_path / "a", transposed_state(2, 9)), motion(2, 9), tmp_path)
    assert (near.past, near.lookahead) in {(1, 2), (2, 1), (2, 2)}
    far = export_codec(
        written(tmp_path / "b", residual_state(2, 9, width=24)), motion(2, 9), tmp_path
    )
    assert (far.past, far.lookahead) == (22, 22)


def test_the_demo_codec(tmp_path: Path) -> None:
    source = read_codec(DEMO)
    info = export_codec(source, motion(4, 1024), tmp_path)
    assert (info.past, info.lookahead, info.exact_lookahead) == (16, 1, 1)
    assert largest_error(tmp_path / "decoder.onnx", source) < 2e-2


def test_half_precision_halves_the_files(tmp_path: Path) -> None:
    source = written(tmp_path, residual_state(2, 40, latent=32, width=32))
    sizes = []
    for precision in ("fp32", "fp16"):
        export_codec(source, motion(2, 40), tmp_path, precision=precision)
        sizes.append(
            [(tmp_path / name).stat().st_size for name in ("decoder.onnx", "codebooks.npy")]
        )
    assert sizes[1][0] < 0.65 * sizes[0][0]
    assert sizes[1][1] < 0.55 * sizes[0][1]


def test_weights_beyond_half_precision_are_noticed(tmp_path: Path) -> None:
    state = residual_state(2, 9, width=24)
    state["decoder.model.4.weight"] *= 1e6
    state["decoder.model.6.weight"] *= 1e-6
    source = written(tmp_path, state)
    with pytest.raises(FormatError, match="fp32"):
        export_codec(source, motion(2, 9), tmp_path)
    export_codec(source, motion(2, 9), tmp_path, precision="fp32")


@pytest.mark.parametrize(("levels", "codes"), [(2, 9), (3, 8), (4, 9)])
def test_levels_and_codes_have_to_be_the_tokenizers(
    tmp_path: Path, levels: int, codes: int
) -> None:
    source = written(tmp_path, residual_state(3, 9))
    with pytest.raises(
        FormatError, match=f"{levels} levels x {codes} codes, as the tokenizer has, got 3 x 9"
    ):
        export_codec(source, motion(levels, codes), tmp_path)
    assert not (tmp_path / "decoder.onnx").exists()


def test_an_unknown_precision_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="fp16 or fp32, got 'int8'"):
        export_codec(
            written(tmp_path, residual_state(1, 5)), motion(1, 5), tmp_path, precision="int8"
        )


class Fixed(nn.Module):
    """Leaves the plain tensor operations that can be traced."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        out = latents[:, :1].repeat(1, 263, 1).repeat_interleave(4, dim=2)
        if self.kind == "constant":
            return torch.ones_like(out)
        if self.kind == "numpy":
            return torch.from_numpy(out.numpy().copy())
        return out + (out.shape[2] if self.kind == "length" else 0)


@pytest.mark.parametrize(
    ("kind", "message"), [("constant", "never change"), ("numpy", "plain tensor operations")]
)
def test_what_cannot_be_traced_is_refused(tmp_path: Path, kind: str, message: str) -> None:
    source = replace(written(tmp_path, residual_state(2, 9)), decoder=Fixed(kind))
    with pytest.raises(FormatError, match=message):
        export_codec(source, motion(2, 9), tmp_path)
