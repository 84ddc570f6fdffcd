"""Codecs as other people write them: which export by themselves, and what the others need."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason='reading a codec needs torch: pip install ".[export]"')
pytest.importorskip(
    "safetensors", reason='reading a codec needs safetensors: pip install ".[export]"'
)

from safetensors.torch import save_file

import kinetoken
from codec_forms import CODES, CONFIG, FORMS, LEVELS, source_text
from kinetoken.base.errors import FormatError, InputError
from kinetoken.cli.main import main
from kinetoken.codec.codebooks import Codebooks
from kinetoken.codec.decoder import MotionDecoder
from kinetoken.codec.normalizer import Normalizer
from kinetoken.engines.onnx.session import OnnxSession
from kinetoken.manifest.schema import CodecInfo, MotionInfo
from kinetoken_export.codecs.reader import read_codec
from kinetoken_export.codecs.source import CodecSource, CodeSize, decode
from kinetoken_export.onnx.codec import export_codec
from tiny_checkpoint import build_checkpoint

SIZE = CodeSize(LEVELS, CODES)
MOTION = MotionInfo(0, 1, tuple((2 + q * CODES, 2 + (q + 1) * CODES) for q in range(LEVELS)))
ONE_LENGTH = "transformer, learned positions of one length"
CUT = "transformer, learned positions cut to the length"
SINUSOIDAL = "transformer, sinusoidal positions"
GROUPNORM = "GroupNorm over time"
FSQ_FORWARD = "FSQ in the forward pass alone"
WINDOWS = {ONE_LENGTH: (25, "repeat"), CUT: (25, "none")}
"""Forms whose code shows the window, and what is found."""
NEED_WINDOW = (
    GROUPNORM,
    SINUSOIDAL,
    "linear interpolation to both ends",
    "positions added between convolutions",
)
ALONE = [form for form in FORMS if form not in (*NEED_WINDOW, FSQ_FORWARD)]


def write_codec(folder: Path, form: str, **config: object) -> Any:
    """A folder as the published codec's; returns the module."""
    text = source_text(form)
    (folder / "rvq_model.py").write_text(text)
    module = types.ModuleType("form")
    sys.modules["form"] = module
    exec(compile(text, "form", "exec"), module.__dict__)
    settings = {k: v for k, v in CONFIG.items() if k != "model_type"}
    with torch.random.fork_rng():
        torch.manual_seed(5)
        if "dataclass" in form:
            model = module.MotionRVQ_VAE(module.MotionRVQConfig(**settings))
        else:
            names = set(settings) - ({"codebook_size"} if "FSQ" in form else set())
            model = module.MotionRVQ_VAE(**{name: settings[name] for name in names})
    save_file(
        {k: v.contiguous() for k, v in model.state_dict().items()},
        folder / "motion_rvq_weights.safetensors",
    )
    (folder / "config.json").write_text(json.dumps(CONFIG | config))
    np.save(folder / "Mean.npy", np.zeros(263, np.float32))
    np.save(folder / "Std.npy", np.ones(263, np.float32))
    return model.eval()


def open_decoder(folder: Path, info: CodecInfo) -> MotionDecoder:
    """As the runtime opens it."""
    table = np.load(folder / info.codebooks).astype(np.float32)
    normalizer = Normalizer(np.load(folder / info.mean), np.load(folder / info.std))
    session = OnnxSession(folder / info.decoder, 1)
    sizes = (info.stride, info.past, info.lookahead, info.exact_lookahead)
    return MotionDecoder(
        session, Codebooks(table), normalizer, *sizes, info.window, info.window_padding
    )


def exported(
    folder: Path, window: int | None = None
) -> tuple[CodecSource, CodecInfo, MotionDecoder]:
    source = read_codec(folder, SIZE, trust_code=True, window=window)
    info = export_codec(source, MOTION, folder, precision="fp32")
    return source, info, open_decoder(folder, info)


def draw_codes(frames: int) -> np.ndarray:
    return np.random.default_rng(frames).integers(CODES, size=(frames, LEVELS))


def check_decoding(model: Any, source: CodecSource, decoder: MotionDecoder) -> None:
    """The runtime decodes what the module does, streamed as offline, at and beyond the window."""
    window = decoder.window or 30
    for frames in (window, *((1, 7) if decoder.padding == "none" else ())):
        codes = draw_codes(frames)
        with torch.no_grad():
            wanted = model.own_features(torch.from_numpy(codes)).numpy()
        np.testing.assert_allclose(decoder.decode(codes), wanted, atol=2e-4)
    codes = draw_codes(2 * window + 3)
    whole = decoder.decode(codes)
    if decoder.window is not None and source.window_padding is not None:
        np.testing.assert_allclose(whole, decode(source, codes), atol=2e-4)
    for size in (1, 5, window):
        run = decoder.start()
        pieces = [run.push(codes[i : i + size]) for i in range(0, len(codes), size)]
        np.testing.assert_array_equal(np.concatenate([*pieces, run.finish()]), whole)


@pytest.mark.parametrize("form", ALONE)
def test_these_export_by_themselves(form: str, tmp_path: Path) -> None:
    model = write_codec(tmp_path, form)
    source, info, decoder = exported(tmp_path)
    assert (info.window, info.window_padding) == WINDOWS.get(form, (None, "none"))
    assert source.stride == 4
    check_decoding(model, source, decoder)


@pytest.mark.parametrize("form", NEED_WINDOW)
@pytest.mark.parametrize("told_by", ["option", "config"])
def test_these_need_to_know_their_window(form: str, told_by: str, tmp_path: Path) -> None:
    """They see the whole motion, and nothing in their code says how much of it in training."""
    model = write_codec(tmp_path, form)
    with pytest.raises(FormatError, match="--codec-window"):
        exported(tmp_path)
    if told_by == "config":
        write_codec(tmp_path, form, window_size=100)
    source, info, decoder = exported(tmp_path, 100 if told_by == "option" else None)
    assert (info.window, info.window_padding, info.exact_lookahead) == (25, "none", 24)
    check_decoding(model, source, decoder)


def test_this_needs_an_adapter(tmp_path: Path) -> None:
    write_codec(tmp_path, FSQ_FORWARD)
    with pytest.raises(FormatError, match="--codec-adapter"):
        exported(tmp_path)


@pytest.mark.parametrize(("asked", "message"), [(99, "multiple of 4"), (96, "it takes 100")])
def test_a_window_that_cannot_be_is_refused(asked: int, message: str, tmp_path: Path) -> None:
    write_codec(tmp_path, ONE_LENGTH)
    with pytest.raises(InputError, match=message):
        exported(tmp_path, asked)


@pytest.mark.parametrize("padding", ["zero", "repeat"])
def test_a_module_that_fills_up_short_motions_itself_is_followed(
    padding: str, tmp_path: Path
) -> None:
    model = write_codec(tmp_path, ONE_LENGTH)
    filler = (
        "z = F.pad(z, (0, 25 - n))"
        if padding == "zero"
        else "z = F.pad(z, (0, 25 - n), mode='replicate')"
    )
    text = source_text(ONE_LENGTH).replace(
        "        z = self.layers(self.inlet(",
        f"        n = int(z.shape[2])\n        {filler}\n        z = self.layers(self.inlet(",
    ).replace(
        "z.shape[0], -1, self.out).transpose(1, 2)",
        "z.shape[0], -1, self.out)[:, : 4 * n].transpose(1, 2)",
    )  # fmt: skip
    (tmp_path / "rvq_model.py").write_text(text)
    _, info, decoder = exported(tmp_path)
    assert (info.window, info.window_padding) == (25, padding)
    codes = draw_codes(9)
    latents = decoder.codebooks.latents(codes)
    rows = np.zeros((25, 8), np.float32) + (latents[-1] if padding == "repeat" else 0)
    rows[:9] = latents
    with torch.no_grad():
        wanted = model.decoder(torch.from_numpy(rows.T[None]))[0].T.numpy()[:36]
    np.testing.assert_allclose(decoder.decode(codes), wanted, atol=2e-4)


def test_a_codec_with_a_window_becomes_a_bundle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_codec(tmp_path, SINUSOIDAL)
    build_checkpoint(tmp_path / "lm", levels=LEVELS, codes=CODES)
    codec = ["--codec", str(tmp_path), "--trust-code", "--codec-precision", "fp32"]
    asked = [*codec, "--codec-window", "40", "--lookahead", "9", "-o", str(tmp_path / "bundle")]
    assert main(["export", str(tmp_path / "lm"), *asked]) == 0
    generator = kinetoken.load(tmp_path / "bundle")
    info = generator.manifest.codec
    assert (info.window, info.window_padding, info.lookahead) == (10, "none", 9)
    clip = generator.generate("walk", seconds=2, seed=1)
    assert clip.codes is not None
    assert clip.features is not None
    assert len(clip.codes) == 10
    with torch.no_grad():
        wanted = model.own_features(torch.from_numpy(clip.codes.astype(np.int64)))
    np.testing.assert_allclose(clip.features, wanted.numpy(), atol=2e-4)
    capsys.readouterr()
    verify = ["verify", str(tmp_path / "bundle"), "--against", str(tmp_path / "lm"), "--json"]
    assert main([*verify, *codec[:3], "--limit", "1", "--seconds", "3"]) == 0
    report = json.loads(capsys.readouterr().out)["codec"]
    assert report["largest_error"] < 1e-3
    assert report["mean_mm"] < 1


def test_a_forward_pass_that_fills_up_and_crops_shows_its_window(tmp_path: Path) -> None:
    model = write_codec(tmp_path, ONE_LENGTH)
    crops = """
    def forward(self, x):
        n = x.shape[1]
        x = F.pad(x, (0, 0, 0, max(0, 100 - n)))[:, :100]
        features, indices, loss = super().forward(x)
        return features[:, :n], indices, loss
"""
    (tmp_path / "rvq_model.py").write_text(source_text(ONE_LENGTH) + crops)
    source, info, decoder = exported(tmp_path)
    assert (source.stride, info.window) == (4, 25)
    check_decoding(model, source, decoder)


def test_a_decoder_that_fails_at_one_frame_needs_to_know_its_window(tmp_path: Path) -> None:
    """InstanceNorm has nothing to compute there; 512 latent frames are no window of its own."""
    write_codec(tmp_path, GROUPNORM)
    code = tmp_path / "rvq_model.py"
    norm = "nn.GroupNorm(4, hidden)"
    code.write_text(code.read_text().replace(norm, "nn.InstanceNorm1d(hidden, affine=True)"))
    with pytest.raises(FormatError, match="fails at a single latent frame"):
        exported(tmp_path)
    _, info, _ = exported(tmp_path, 100)
    assert (info.window, info.window_padding) == (25, "repeat")


PLAIN = "nearest interpolation"


def test_prefixes_within_prefixes_are_taken_off(tmp_path: Path) -> None:
    model = write_codec(tmp_path, PLAIN)
    (tmp_path / "motion_rvq_weights.safetensors").unlink()
    state = {f"model._orig_mod.module.{name}": value for name, value in model.state_dict().items()}
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "last.ckpt")
    source, _, decoder = exported(tmp_path)
    check_decoding(model, source, decoder)


def test_weights_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    model = write_codec(tmp_path, PLAIN)
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    state["decoder.inlet.weight"][0, 0, 0] = float("nan")
    save_file(state, tmp_path / "motion_rvq_weights.safetensors")
    with pytest.raises(FormatError, match=r"NaN or infinity in decoder\.inlet\.weight"):
        exported(tmp_path)


SUMMED = "z, indices = self.quantizer(z)"


@pytest.mark.parametrize(
    ("then", "reason"),
    [
        ("raise RuntimeError('no CUDA here')", "fails with RuntimeError: no CUDA here"),
        ("z = z + torch.randn_like(z)", "is another each time"),
    ],
)
def test_a_forward_pass_that_shows_nothing_says_why(then: str, reason: str, tmp_path: Path) -> None:
    write_codec(tmp_path, PLAIN)
    code = tmp_path / "rvq_model.py"
    code.write_text(code.read_text().replace(SUMMED, f"{SUMMED}; {then}"))
    with pytest.raises(FormatError, match=f"its forward pass {reason}"):
        exported(tmp_path)
