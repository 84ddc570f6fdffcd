"""Codecs of the public layouts: recognised by their keys, rebuilt, compared with the arithmetic written out."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason='reading a codec needs torch: pip install ".[export]"')
pytest.importorskip(
    "safetensors", reason='reading a codec needs safetensors: pip install ".[export]"'
)

from safetensors.torch import save_file

from codec_states import (
    State,
    residual_features,
    residual_state,
    transposed_features,
    transposed_state,
    write_statistics,
)
from kinetoken.base.errors import FormatError, InputError, KinetokenError
from kinetoken_export.codecs.reader import read_codec
from kinetoken_export.codecs.source import CodecSource, decode, random_codes

DEMO = Path(__file__).parents[3] / "export" / "checkpoints" / "demo" / "codec"
SPOIL = Callable[[State], object]


def written(folder: Path, state: State, **config: object) -> Path:
    """A codec folder with statistics of its own kind."""
    write_statistics(folder)
    save_file(state, folder / "model.safetensors")
    if config:
        (folder / "config.json").write_text(json.dumps(config))
    return folder


def largest_error(source: CodecSource, wanted: Callable[[np.ndarray], np.ndarray]) -> float:
    codes = random_codes(source, 30, seed=1)
    return float(np.abs(decode(source, codes) - wanted(codes)).max())


@pytest.mark.parametrize(("levels", "codes"), [(1, 5), (4, 16), (6, 9)])
def test_momask(tmp_path: Path, levels: int, codes: int) -> None:
    state = residual_state(levels, codes)
    source = read_codec(written(tmp_path, state))
    assert (source.layout, source.codebooks.shape, source.stride, source.fps) == (
        "momask",
        (levels, codes, 8),
        4,
        20,
    )
    assert largest_error(source, lambda c: residual_features(state, c)) < 1e-5
    assert source.notes == ("no settings beside the weights: took relu and dilations [9, 3, 1]",)


@pytest.mark.parametrize("prefix", ["", "vqvae.", "vae.", "module.vqvae.", "motion_vae."])
def test_one_codebook_under_the_prefixes_of_its_family(tmp_path: Path, prefix: str) -> None:
    state = residual_state(0, 7)
    beside = {"lm.shared.weight": torch.zeros(3, 3)} if prefix else {}
    source = read_codec(written(tmp_path, {f"{prefix}{k}": v for k, v in state.items()} | beside))
    assert (source.layout, source.codebooks.shape) == ("t2m-gpt", (1, 7, 8))
    assert largest_error(source, lambda c: residual_features(state, c)) < 1e-5


def test_settings_beside_the_weights_are_taken(tmp_path: Path) -> None:
    """As MoMask lays its folders out: model/ with everything of the training, meta/, opt.txt."""
    state = residual_state(3, 6)
    weights = torch.nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(weights.parameters())
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5])
    whole = {
        "vq_model": state,
        "opt_vq_model": optimizer.state_dict(),
        "scheduler": schedule.state_dict(),
        "ep": 4,
    }
    (tmp_path / "model").mkdir()
    for name in ("net_best_fid.tar", "latest.tar"):
        torch.save(whole, tmp_path / "model" / name)
    write_statistics(tmp_path / "meta", small=True)
    lines = (
        "---- Options ----",
        "vq_act: gelu",
        "dilation_growth_rate: 2",
        "is_train: True",
        "vq_norm: None",
    )
    (tmp_path / "opt.txt").write_text("\n".join(lines))
    gelu = torch.nn.functional.gelu

    def wanted(codes: np.ndarray) -> np.ndarray:
        return residual_features(state, codes, growth=2, act=gelu)

    for given in (tmp_path, tmp_path / "model" / "net_best_fid.tar"):
        source = read_codec(given)
        assert largest_error(source, wanted) < 1e-5
        assert source.notes == ()
    assert [p.name for p in source.files] == ["net_best_fid.tar", "opt.txt", "mean.npy", "std.npy"]


@pytest.mark.parametrize(
    ("wrapper", "suffix"),
    [("net", "pth"), ("model_state_dict", "pt"), ("state_dict", "ckpt"), ("", "bin")],
)
def test_pickles_of_tensors_open_under_the_usual_names(
    tmp_path: Path, wrapper: str, suffix: str
) -> None:
    state = residual_state(2, 5)
    write_statistics(tmp_path)
    torch.save({wrapper: state} if wrapper else state, tmp_path / f"weights.{suffix}")
    assert read_codec(tmp_path).codebooks.shape == (2, 5, 8)


@pytest.mark.parametrize(("levels", "codes"), [(1, 6), (6, 8)])
def test_transposed_convolutions(tmp_path: Path, levels: int, codes: int) -> None:
    """Also where as many codes as the latent is wide hide which way round the codebooks are."""
    state = transposed_state(levels, codes)
    source = read_codec(written(tmp_path, state))
    assert (source.layout, source.codebooks.shape, source.stride) == (
        "conv-transpose",
        (levels, codes, 8),
        4,
    )
    assert largest_error(source, lambda c: transposed_features(state, c)) < 1e-5
    assert source.notes == ("took strides [2, 2, 1, 1] and activation relu",)


def test_what_the_weights_file_says_of_itself_is_taken(tmp_path: Path) -> None:
    write_statistics(tmp_path)
    config = {"downsampling_ratio": 8, "activation": "leaky_relu"}
    torch.save(
        {"model_state_dict": transposed_state(2, 5), "config": config}, tmp_path / "best.pth"
    )
    source = read_codec(tmp_path)
    assert source.stride == 8
    assert source.notes == ()
    assert len(decode(source, random_codes(source, 5))) == 40


@pytest.mark.parametrize(
    "state", [residual_state(3, 9), transposed_state(3, 9)], ids=["momask", "conv-transpose"]
)
def test_the_encoder_gives_codes(tmp_path: Path, state: State) -> None:
    source = read_codec(written(tmp_path, state))
    assert source.encoder is not None
    codes = source.encoder(np.random.default_rng(0).normal(size=(48, 263)).astype(np.float32))
    assert codes.shape == (12, 3)
    assert codes.min() >= 0
    assert codes.max() < 9
    assert len(np.unique(codes)) > 2


def test_the_demo_codec() -> None:
    source = read_codec(DEMO)
    assert (source.layout, source.codebooks.shape, source.stride) == (
        "kinetoken-causal-rvq",
        (4, 1024, 64),
        4,
    )
    assert source.encoder is not None
    codes = random_codes(source, 20)
    again = source.encoder(decode(source, codes))
    assert again.shape == (20, 4)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda s: s.pop("decoder.model.3.0.model.1.conv2.bias"),
            "decoder.model.3.0.model.1.conv2.bias"[8:],
        ),
        (lambda s: s.pop("encoder.model.0.weight"), "model.0.weight"),
        (
            lambda s: s.update({"decoder.model.2.0.model.0.norm1.weight": torch.zeros(12)}),
            "norm1.weight",
        ),
        (lambda s: s.update({"post.weight": torch.zeros(2)}), "post.weight"),
        (
            lambda s: s.update({"quantizer.project.weight": torch.zeros(2, 2)}),
            "quantizer.project.weight",
        ),
        (lambda s: s.pop("quantizer.layers.0.codebook"), "quantizer.layers.0"),
        (
            lambda s: s.update({"quantizer.layers.1.codebook": torch.zeros(5, 8)}),
            "codebooks of one shape",
        ),
        (lambda s: s.update({"decoder.model.6.weight": torch.zeros(251, 12, 3)}), "263 features"),
        (
            lambda s: s.update({"decoder.model.4.weight": torch.zeros(12, 13, 3)}),
            "model.4.weight of shape",
        ),
        (
            lambda s: s["quantizer.layers.1.codebook"].fill_(np.nan),
            "NaN or infinity in quantizer.layers.1.codebook",
        ),
        (
            lambda s: s["decoder.model.6.bias"].fill_(np.inf),
            "NaN or infinity in decoder.model.6.bias",
        ),
    ],
)
def test_a_tensor_missing_or_left_over_is_named(tmp_path: Path, spoil: SPOIL, message: str) -> None:
    state = residual_state(3, 9)
    spoil(state)
    with pytest.raises(FormatError, match=message) as caught:
        read_codec(written(tmp_path, state))
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda s: s["decoder.decoder.2.running_mean"].fill_(-0.1), '"activation": "leaky_relu"'),
        (lambda s: s.update({"rvq.project.weight": torch.zeros(2)}), "rvq.project.weight"),
        (lambda s: s.pop("decoder.decoder.5.weight"), "no tensor 5.bias|tensor 5"),
    ],
)
def test_a_transposed_decoder_that_is_another_is_refused(
    tmp_path: Path, spoil: SPOIL, message: str
) -> None:
    state = transposed_state(2, 6)
    spoil(state)
    with pytest.raises(FormatError, match=message):
        read_codec(written(tmp_path, state))


def test_an_unknown_layout_says_what_it_found(tmp_path: Path) -> None:
    state = {"enc.0.weight": torch.zeros(3, 2), "dec.0.weight": torch.zeros(2, 3)}
    with pytest.raises(FormatError, match=r"2 tensors such as dec.0.weight \(2, 3\).*--trust-code"):
        read_codec(written(tmp_path, state))


class Harmful:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("this ran",))


def test_a_pickle_that_would_run_code_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_statistics(tmp_path)
    torch.save({"net": residual_state(1, 5), "more": Harmful()}, tmp_path / "net.pth")
    with pytest.raises(FormatError, match=r"run code.*safetensors"):
        read_codec(tmp_path)
    assert "this ran" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["net.pth", "net.safetensors"])
@pytest.mark.parametrize(
    "content", [b"", b"\x80\x02}", pickle.dumps({"a": 1}), b"PK\x03\x04 and then nothing"]
)
def test_broken_weights_are_refused_in_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    write_statistics(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FormatError, match=name) as caught:
        read_codec(tmp_path)
    assert len(str(caught.value).splitlines()) == 1


def test_which_weights_are_meant_has_to_be_said(tmp_path: Path) -> None:
    folder = written(tmp_path, residual_state(1, 5))
    (folder / "model.safetensors").rename(folder / "one.safetensors")
    save_file(residual_state(2, 5), folder / "two.safetensors")
    with pytest.raises(InputError, match=r"one.safetensors, two.safetensors"):
        read_codec(folder)
    assert read_codec(folder / "two.safetensors").codebooks.shape[0] == 2
    with pytest.raises(InputError, match="found nothing"):
        read_codec(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="expected weights"):
        read_codec(tmp_path / "empty")


def test_a_licence_is_read_from_the_readme(tmp_path: Path) -> None:
    folder = written(tmp_path, residual_state(1, 5))
    assert read_codec(folder).licence is None
    (folder / "README.md").write_text(
        "---\ntags: [motion]\nlicense: cc-by-nc-4.0\n---\nlicense: mit\n"
    )
    assert read_codec(folder).licence == "cc-by-nc-4.0"


@pytest.mark.parametrize("bias", [1, 5, 25])
def test_each_published_pair_is_right_for_its_own_codec(tmp_path: Path, bias: int) -> None:
    written(tmp_path, biased(bias))
    write_statistics(tmp_path, bias)
    assert read_codec(tmp_path).layout == "momask"


@pytest.mark.parametrize(("trained", "given"), [(1, 25), (25, 1), (5, 25), (1, 5), (25, 5)])
def test_the_other_normalisation_is_recognised(tmp_path: Path, trained: int, given: int) -> None:
    written(tmp_path, biased(trained))
    write_statistics(tmp_path, given)
    with pytest.raises(
        FormatError, match=rf"std\[0\] near {0.012826 / trained:.4g}, got {0.012826 / given:.4g}"
    ):
        read_codec(tmp_path)


def biased(bias: int) -> State:
    """A codec that learnt root and contact columns as large as a Std that is so many times smaller makes them."""
    state = residual_state(2, 9)
    for name in ("decoder.model.6.weight", "decoder.model.6.bias"):
        state[name][:4] *= bias
        state[name][259:] *= bias
    return state


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("Mean.npy", np.zeros(251), r"263 numbers \(HumanML3D\), got \(251,\)"),
        ("Std.npy", np.ones((263, 2)), "263 numbers"),
        ("Std.npy", np.zeros(263), "above 0"),
        ("Mean.npy", np.full(263, np.nan), "finite"),
    ],
)
def test_statistics_of_another_shape_are_refused(
    tmp_path: Path, name: str, values: np.ndarray, message: str
) -> None:
    folder = written(tmp_path, residual_state(1, 5))
    np.save(folder / name, values)
    with pytest.raises(FormatError, match=message):
        read_codec(folder)


def test_absent_or_broken_statistics_are_refused(tmp_path: Path) -> None:
    folder = written(tmp_path, residual_state(1, 5))
    (folder / "Std.npy").write_bytes(b"no array")
    with pytest.raises(FormatError, match=r"Std.npy: expected a .npy"):
        read_codec(folder)
    (folder / "Std.npy").unlink()
    with pytest.raises(InputError, match=r"Mean.npy and Std.npy, found none"):
        read_codec(folder)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"vq_act": "snake"}, "activation among relu"),
        ({"dilation_growth_rate": "three"}, "dilation_growth_rate"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    tmp_path: Path, config: dict[str, object], message: str
) -> None:
    with pytest.raises(KinetokenError, match=message):
        read_codec(written(tmp_path, residual_state(1, 5), **config))


def test_a_downsampling_that_layers_cannot_double_to_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="got 3"):
        read_codec(written(tmp_path, transposed_state(1, 5), downsampling_ratio=3))


def test_its_own_code_is_not_passed_over(tmp_path: Path) -> None:
    folder = written(tmp_path, residual_state(1, 5))
    (folder / "rvq_model.py").write_text("raise SystemExit('this ran')\n")
    with pytest.raises(InputError, match=r"rvq_model.py is a program.*--trust-code"):
        read_codec(folder)
