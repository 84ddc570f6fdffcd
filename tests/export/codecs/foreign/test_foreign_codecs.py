"""Codecs that come as code: whatever the class looks like, what is cut out of it does what it does."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason='reading a codec needs torch: pip install ".[export]"')
pytest.importorskip(
    "safetensors", reason='reading a codec needs safetensors: pip install ".[export]"'
)

from safetensors.torch import save_file

from kinetoken.base.errors import FormatError, InputError, KinetokenError
from kinetoken.codec.codebooks import Codebooks
from kinetoken.engines.onnx.session import OnnxSession
from kinetoken.manifest.schema import MotionInfo
from kinetoken_export.codecs.reader import read_codec
from kinetoken_export.codecs.source import CodeSize, decode, random_codes
from kinetoken_export.onnx.codec import export_codec

LEVELS, CODES, WIDTH = 3, 12, 8
CONFIG = {
    "input_dim": 263,
    "num_quantizers": LEVELS,
    "codebook_size": CODES,
    "latent_dim": WIDTH,
    "hidden_dim": 16,
}
HEAD = """
import torch
from torch import nn
import torch.nn.functional as F


def stack(latent_dim, hidden_dim, out):
    return nn.Sequential(
        nn.Conv1d(latent_dim, hidden_dim, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),
        nn.Conv1d(hidden_dim, hidden_dim, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),
        nn.Conv1d(hidden_dim, out, 3, padding=1),
    )


def encoder(out):
    return nn.Sequential(nn.Conv1d(263, 16, 4, 2, 1), nn.ReLU(), nn.Conv1d(16, out, 4, 2, 1))
"""

EMBEDDINGS = """
class MotionRVQ_VAE(nn.Module):
    def __init__(self, input_dim, num_quantizers, codebook_size, latent_dim, hidden_dim):
        super().__init__()
        self.codebooks = nn.ModuleList(nn.Embedding(codebook_size, latent_dim) for _ in range(num_quantizers))
        self.decoder = stack(latent_dim, hidden_dim, input_dim)

    def decode(self, indices):  # (B, T, Q)
        z = sum(book(indices[..., q]) for q, book in enumerate(self.codebooks))
        return self.decoder(z.transpose(1, 2)).transpose(1, 2)
"""

STACKED_BUFFER = """
class MotionRVQ_VAE(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.levels = config["num_quantizers"]
        self.register_buffer("codebook", torch.randn(self.levels, config.codebook_size, config.latent_dim))
        self.register_buffer("ema_codebook", torch.randn(self.levels, config.codebook_size, config.latent_dim))
        self.dec = stack(config.latent_dim, config.hidden_dim, config.input_dim)

    def decode_codes(self, codes):  # (B, Q, T)
        z = torch.stack([self.codebook[q][codes[:, q]] for q in range(self.levels)]).sum(0)
        return self.dec(z.permute(0, 2, 1))
"""

TRANSPOSED = """
class VQ(nn.Module):
    def __init__(self, codes, dim):
        super().__init__()
        self.register_buffer("embedding", torch.randn(dim, codes))
        self.register_buffer("embedding_avg", torch.randn(dim, codes))


class MotionRVQ_VAE(nn.Module):
    def __init__(self, n_features=263, n_levels=3, n_codes=12, dim=8, hidden=16):
        super().__init__()
        self.quantizers = nn.ModuleList(VQ(n_codes, dim) for _ in range(n_levels))
        self.decoder = stack(dim, hidden, n_features)

    def decode_from_tokens(self, tokens):  # a list of Q (B, T)
        z = 0
        for tokens_of_level, quantizer in zip(tokens, self.quantizers):
            b, t = tokens_of_level.shape
            z = z + quantizer.embedding[:, tokens_of_level.reshape(-1)].reshape(-1, b, t).permute(1, 0, 2)
        return self.decoder(z)
"""

POST_CONVOLUTION = """
class MotionRVQ_VAE(nn.Module):
    def __init__(self, input_dim, num_quantizers, codebook_size, latent_dim, hidden_dim):
        super().__init__()
        self.codebooks = nn.ParameterList(
            nn.Parameter(torch.randn(codebook_size, latent_dim)) for _ in range(num_quantizers)
        )
        self.post_quant_conv = nn.Conv1d(latent_dim, hidden_dim, 3, padding=1)
        self.decoder = stack(hidden_dim, hidden_dim, input_dim)

    @torch.no_grad()
    def decode_from_codes(self, codes):
        z = sum(F.embedding(codes[:, :, q], book) for q, book in enumerate(self.codebooks))
        return self.decoder(self.post_quant_conv(z.transpose(1, 2))).transpose(1, 2)
"""

SCALED = """
class MotionRVQ_VAE(nn.Module):
    def __init__(self, input_dim, num_quantizers, codebook_size, latent_dim, hidden_dim):
        super().__init__()
        self.codebooks = nn.ModuleList(nn.Embedding(codebook_size, latent_dim) for _ in range(num_quantizers))
        self.offset = nn.Parameter(torch.randn(latent_dim))
        self.decoder = stack(latent_dim, hidden_dim, input_dim)

    def decode_indices(self, indices):
        z = sum(book(indices[..., q]) * 0.5 ** q for q, book in enumerate(self.codebooks)) + self.offset
        return {"motion": self.decoder(z.transpose(1, 2)).transpose(1, 2)}
"""

PROJECTED = """
class MotionRVQ_VAE(nn.Module):
    def __init__(self, input_dim, num_quantizers, codebook_size, latent_dim, hidden_dim):
        super().__init__()
        self.codebooks = nn.ModuleList(nn.Embedding(codebook_size, 4) for _ in range(num_quantizers))
        self.out = nn.ModuleList(nn.Linear(4, latent_dim) for _ in range(num_quantizers))
        self.decoder = stack(latent_dim, hidden_dim, input_dim)

    def decode(self, indices):
        z = sum(out(book(indices[..., q])) for q, (book, out) in enumerate(zip(self.codebooks, self.out)))
        return self.decoder(z.transpose(1, 2)).transpose(1, 2)
"""

DIRECTIONS = """
class MotionRVQ_VAE(nn.Module):
    def __init__(self, input_dim, num_quantizers, codebook_size, latent_dim, hidden_dim):
        super().__init__()
        self.codebook = nn.Parameter(torch.randn(num_quantizers, codebook_size, latent_dim))
        self.decoder = stack(latent_dim, hidden_dim, input_dim)

    def decode(self, indices):
        z = sum(F.normalize(self.codebook[q], dim=-1)[indices[..., q]] for q in range(len(self.codebook)))
        return self.decoder(z.transpose(1, 2)).transpose(1, 2)
"""

SIDE_BY_SIDE = """
class MotionRVQ_VAE(nn.Module):
    def __init__(self, input_dim, num_quantizers, codebook_size, latent_dim, hidden_dim):
        super().__init__()
        self.codebooks = nn.ModuleList(nn.Embedding(codebook_size, 4) for _ in range(num_quantizers))
        self.decoder = stack(4 * num_quantizers, hidden_dim, input_dim)

    def decode(self, indices):
        z = torch.cat([book(indices[..., q]) for q, book in enumerate(self.codebooks)], dim=-1)
        return self.decoder(z.transpose(1, 2)).transpose(1, 2)
"""

FRAME_MAJOR = """
class Patches(nn.Module):
    def __init__(self, latent_dim, hidden_dim, out):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(latent_dim, hidden_dim), nn.GELU(), nn.Linear(hidden_dim, 4 * out))
        self.out = out

    def forward(self, z):  # (B, T, D)
        return self.layers(z).reshape(z.shape[0], -1, self.out)


class Quantizer(nn.Module):
    def __init__(self, levels, codes, dim):
        super().__init__()
        self.layers = nn.ModuleList(nn.Embedding(codes, dim) for _ in range(levels))

    def get_codes_from_indices(self, indices):  # (B, T, Q) to (Q, B, T, D)
        return torch.stack([layer(indices[..., q]) for q, layer in enumerate(self.layers)])


class MotionRVQ_VAE(nn.Module):
    def __init__(self, input_dim, num_quantizers, codebook_size, latent_dim, hidden_dim):
        super().__init__()
        self.encoder = encoder(latent_dim)
        self.quantizer = Quantizer(num_quantizers, codebook_size, latent_dim)
        self.decoder = Patches(latent_dim, hidden_dim, input_dim)

    def forward(self, x):  # (B, T, 263)
        left, total = self.encoder(x.transpose(1, 2)).transpose(1, 2), 0
        for layer in self.quantizer.layers:
            row = layer(torch.cdist(left, layer.weight[None]).argmin(-1))
            left, total = left - row, total + row
        return {"loss": left.square().mean(), "motion": self.decoder(total)}
"""

FORWARD_ALONE = """
class MotionRVQ_VAE(nn.Module):
    def __init__(self, input_dim, num_quantizers, codebook_size, latent_dim, hidden_dim):
        super().__init__()
        self.encoder = encoder(latent_dim)
        self.codebooks = nn.ModuleList(nn.Embedding(codebook_size, latent_dim) for _ in range(num_quantizers))
        self.decoder = stack(latent_dim, hidden_dim, input_dim)

    def forward(self, x):  # (B, T, 263)
        z = self.encoder(x.transpose(1, 2)).transpose(1, 2)
        left, total, indices = z, 0, []
        for book in self.codebooks:
            index = torch.cdist(left, book.weight[None]).argmin(-1)
            left, total = left - book(index), total + book(index)
            indices.append(index)
        z = z + (total - z).detach()
        return self.decoder(z.transpose(1, 2)).transpose(1, 2), OUTPUT
"""

GATED = """
class MotionRVQ_VAE(nn.Module):
    def __init__(self, input_dim, num_quantizers, codebook_size, latent_dim, hidden_dim):
        super().__init__()
        self.codebooks = nn.ModuleList(nn.Embedding(codebook_size, latent_dim) for _ in range(num_quantizers))
        self.decoder = stack(latent_dim, hidden_dim, input_dim)

    def decode(self, indices):
        z = 1
        for q, book in enumerate(self.codebooks):
            z = z * torch.sigmoid(book(indices[..., q]))
        return self.decoder(z.transpose(1, 2)).transpose(1, 2)
"""

BETWEEN = (
    FORWARD_ALONE.replace(
        "self.decoder = stack(",
        "self.between = nn.Conv1d(latent_dim, latent_dim, 1)\n        self.decoder = stack(",
    )
    .replace("OUTPUT", "left.square().mean()")
    .replace("self.decoder(z.transpose(1, 2))", "self.decoder(self.between(z.transpose(1, 2)))")
)

RECURRENT = """
class Decoder(nn.Module):
    def __init__(self, latent_dim, hidden_dim, out):
        super().__init__()
        self.gru = nn.GRU(latent_dim, hidden_dim, batch_first=True)
        nn.init.constant_(self.gru.bias_hh_l0[hidden_dim : 2 * hidden_dim], 1.2)  # it forgets slowly
        self.up = nn.Linear(hidden_dim, 4 * out)
        self.out = out

    def forward(self, z):
        return self.up(self.gru(z)[0]).reshape(z.shape[0], -1, self.out)


class MotionRVQ_VAE(nn.Module):
    def __init__(self, input_dim, num_quantizers, codebook_size, latent_dim, hidden_dim):
        super().__init__()
        self.codebooks = nn.ModuleList(nn.Embedding(codebook_size, latent_dim) for _ in range(num_quantizers))
        self.decoder = Decoder(latent_dim, hidden_dim, input_dim)

    def decode_indices(self, indices):
        return self.decoder(sum(book(indices[..., q]) for q, book in enumerate(self.codebooks)))
"""

NORM_OVER_TIME = EMBEDDINGS.replace(
    "self.decoder = stack(", "self.decoder = nn.Sequential(nn.GroupNorm(2, latent_dim), *stack("
).replace("input_dim)\n\n    def decode", "input_dim))\n\n    def decode")

SHAPES = {
    "embeddings, decode (B, T, Q)": EMBEDDINGS,
    "stacked buffer, decode_codes (B, Q, T), a config object": STACKED_BUFFER,
    "transposed buffers, a list of levels, defaults": TRANSPOSED,
    "parameters and a convolution before the decoder": POST_CONVOLUTION,
    "scaled levels and an offset": SCALED,
    "a projection of each level": PROJECTED,
    "directions of the rows": DIRECTIONS,
    "levels side by side": SIDE_BY_SIDE,
    "a gated product": GATED,
    "a forward whose decoder takes frames": FRAME_MAJOR,
    "a forward with codes": FORWARD_ALONE.replace("OUTPUT", "torch.stack(indices, -1)"),
    "a forward with a list of codes": FORWARD_ALONE.replace(
        "OUTPUT", "indices, left.square().mean()"
    ),
    "a forward with a layer before the decoder": BETWEEN,
    "a forward without codes": FORWARD_ALONE.replace("OUTPUT", "left.square().mean()"),
}


def own_features(model: torch.nn.Module, codes: torch.Tensor, label: str) -> torch.Tensor:
    """Codes (n, Q) to features (4 n, 263) as the class means it, written out for each shape."""
    per_level = codes.T
    if label.startswith("embeddings"):
        return model.decode(codes[None])[0]
    if label.startswith("stacked"):
        return model.decode_codes(codes.T[None])[0].T
    if label.startswith("transposed"):
        return model.decode_from_tokens([level[None] for level in per_level])[0].T
    if label.startswith("parameters"):
        return model.decode_from_codes(codes[None])[0]
    if label.startswith("scaled"):
        return model.decode_indices(codes[None])["motion"][0]
    if "takes frames" in label:
        return model.decoder(model.quantizer.get_codes_from_indices(codes[None]).sum(0))[0]
    if label.startswith("a forward"):
        rows = sum(book(level) for book, level in zip(model.codebooks, per_level, strict=True))
        return model.decoder(model.between(rows.T[None]) if "layer" in label else rows.T[None])[0].T
    return (model.decode if hasattr(model, "decode") else model.decode_indices)(codes[None])[0]


def load(folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("own_copy", folder / "rvq_model.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def arguments(text: str) -> dict[str, object]:
    if "n_levels" in text:
        return {}
    if "config" in text:
        return {"config": type("Settings", (dict,), {"__getattr__": dict.__getitem__})(CONFIG)}
    return dict(CONFIG)


def write(folder: Path, text: str, config: dict[str, object] | None = None) -> torch.nn.Module:
    """A folder as the target's: weights, config, code, statistics."""
    (folder / "rvq_model.py").write_text(HEAD + text)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = load(folder).MotionRVQ_VAE(**arguments(text)).eval()
    save_file(
        {k: v.contiguous() for k, v in model.state_dict().items()},
        folder / "motion_rvq_weights.safetensors",
    )
    (folder / "config.json").write_text(json.dumps(CONFIG if config is None else config))
    np.save(folder / "Mean.npy", np.zeros(263, np.float32))
    np.save(folder / "Std.npy", np.full(263, 0.3, np.float32))
    (folder / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n# a codec\n")
    return model


SIZE = CodeSize(LEVELS, CODES)
MOTION = MotionInfo(0, 1, tuple((2 + q * CODES, 2 + (q + 1) * CODES) for q in range(LEVELS)))


@pytest.mark.parametrize(("label", "text"), SHAPES.items(), ids=SHAPES.keys())
def test_the_cut_out_decoder_does_what_the_module_does(
    label: str, text: str, tmp_path: Path
) -> None:
    model = write(tmp_path, text)
    source = read_codec(tmp_path, SIZE, trust_code=True)
    assert (source.layout, source.stride, source.licence) == ("foreign", 4, "cc-by-nc-4.0")
    assert source.codebooks.shape[:2] == (LEVELS, CODES)
    codes = random_codes(source, 30, seed=8)
    with torch.no_grad():
        wanted = own_features(model, torch.from_numpy(codes), label).numpy()
    np.testing.assert_allclose(decode(source, codes), wanted, atol=1e-5)
    info = export_codec(source, MOTION, tmp_path, precision="fp32")
    run = OnnxSession(tmp_path / info.decoder, 1).run
    table = np.load(tmp_path / info.codebooks)
    for n in (1, 6, 30):
        rows = table[np.arange(LEVELS), codes[:n]].sum(axis=1)[None]
        with torch.no_grad():
            wanted = own_features(model, torch.from_numpy(codes[:n]), label).numpy()
        np.testing.assert_allclose(run(rows)[0], wanted, atol=1e-4)
    assert 0 <= info.lookahead <= 3
    assert not list(tmp_path.rglob("__pycache__"))


@pytest.mark.parametrize("label", ["embeddings, decode (B, T, Q)", "a forward with codes"])
def test_levels_that_are_left_out_add_nothing(label: str, tmp_path: Path) -> None:
    model = write(tmp_path, SHAPES[label])
    source = read_codec(tmp_path, SIZE, trust_code=True)
    tables = [book.weight.detach().numpy() for book in model.codebooks]
    np.testing.assert_array_equal(source.codebooks, tables)
    assert not source.carries_codes


def test_a_method_that_sums_no_rows_is_taken_as_it_is(tmp_path: Path) -> None:
    """What it makes of a level that is left out is not known: code 0 stands there, and that is said."""
    model = write(tmp_path, SCALED)
    source = read_codec(tmp_path, SIZE, trust_code=True)
    assert source.carries_codes
    assert "by the method decode_indices" in source.notes[0]
    assert "decode_indices takes no -1" in source.notes[1]
    info = export_codec(source, MOTION, tmp_path, precision="fp32")
    codes = random_codes(source, 9)
    latents = Codebooks(np.load(tmp_path / info.codebooks)).latents(np.where([1, 1, 0], codes, -1))
    got = OnnxSession(tmp_path / info.decoder, 1).run(latents[None])[0]
    with torch.no_grad():
        wanted = model.decode_indices(torch.from_numpy(codes * [1, 1, 0])[None])["motion"][0]
    np.testing.assert_allclose(got, wanted.numpy(), atol=1e-4)


def test_a_module_that_denormalises_is_normalised_again(tmp_path: Path) -> None:
    text = EMBEDDINGS.replace(
        "        self.decoder", "        self.register_buffer('mean', torch.full((263,), 0.5))\n"
        "        self.register_buffer('std', torch.full((263,), 0.3))\n        self.decoder"
    ).replace("return self.decoder(z.transpose(1, 2)).transpose(1, 2)",
              "return self.decoder(z.transpose(1, 2)).transpose(1, 2) * self.std + self.mean")  # fmt: skip
    model = write(tmp_path, text)
    np.save(tmp_path / "Mean.npy", np.full(263, 0.5, np.float32))
    source = read_codec(tmp_path, SIZE, trust_code=True)
    codes = random_codes(source, 20)
    with torch.no_grad():
        real = model.decode(torch.from_numpy(codes)[None])[0].numpy()
    np.testing.assert_allclose(decode(source, codes) * 0.3 + 0.5, real, atol=1e-5)
    export_codec(source, MOTION, tmp_path, precision="fp32")
    assert "denormalises" in source.notes[-1]


def test_a_decoder_that_forgets_is_streamed_with_what_it_remembers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, RECURRENT)
    info = export_codec(read_codec(tmp_path, SIZE, trust_code=True), MOTION, tmp_path)
    assert 2 < info.past < 48
    assert info.lookahead == 0
    assert "sees the whole motion" in capsys.readouterr().err


def test_a_decoder_that_sees_everything_needs_the_window_of_its_training(tmp_path: Path) -> None:
    write(tmp_path, NORM_OVER_TIME)
    with pytest.raises(FormatError, match="window_size"):
        export_codec(read_codec(tmp_path, SIZE, trust_code=True), MOTION, tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(CONFIG | {"window_size": 100}))
    info = export_codec(read_codec(tmp_path, SIZE, trust_code=True), MOTION, tmp_path)
    assert (info.window, info.window_padding, info.lookahead) == (25, "none", 24)


CONSTRUCTORS = {
    "other names for the same": (
        {"num_levels": 3, "n_codes": 12, "code_dim": 8, "width": 16},
        EMBEDDINGS,
    ),
    "nested": (
        {"model": {"num_quantizers": 3, "codebook_size": 12, "latent_dim": 8, "hidden_dim": 16}},
        EMBEDDINGS,
    ),
    "defaults that the config changes under another name": (
        {"levels": 3, "codebook_size": 12, "embedding_dim": 8, "width": 16},
        TRANSPOSED.replace(
            "n_levels=3, n_codes=12, dim=8, hidden=16", "n_levels=4, n_codes=99, dim=7, hidden=5"
        ),
    ),
    "a dataclass": (
        CONFIG | {"lr": 0.1},
        "from dataclasses import dataclass\n\n@dataclass\nclass Config:\n    num_quantizers: int = 4\n"
        "    codebook_size: int = 4\n    latent_dim: int = 4\n    hidden_dim: int = 4\n    input_dim: int = 263\n"
        "    def __getitem__(self, name):\n        return getattr(self, name)\n"
        + STACKED_BUFFER.replace("config):", "config: Config):"),
    ),
    "another class name, beside a helper": (CONFIG, EMBEDDINGS.replace("MotionRVQ_VAE", "Codec")),
    "weights under a prefix": (CONFIG, EMBEDDINGS),
    "sizes that the weights alone tell": ({"lr": 0.1}, EMBEDDINGS),
}


@pytest.mark.parametrize("label", CONSTRUCTORS)
def test_the_class_is_built_from_its_config(label: str, tmp_path: Path) -> None:
    config, text = CONSTRUCTORS[label]
    model = write(
        tmp_path,
        EMBEDDINGS if "nested" in label or "class name" in label else SAME.get(label, text),
    )
    (tmp_path / "rvq_model.py").write_text(HEAD + text)
    (tmp_path / "config.json").write_text(json.dumps(config))
    if "prefix" in label:
        state = {f"module.{k}": v.contiguous() for k, v in model.state_dict().items()}
        save_file(state, tmp_path / "motion_rvq_weights.safetensors")
    source = read_codec(tmp_path, SIZE, trust_code=True)
    assert source.codebooks.shape == (LEVELS, CODES, WIDTH)


SAME = {
    "defaults that the config changes under another name": TRANSPOSED,
    "a dataclass": STACKED_BUFFER,
}


def test_a_class_that_decodes_nothing_is_refused_with_what_was_found(tmp_path: Path) -> None:
    write(tmp_path, EMBEDDINGS.replace("def decode(", "def decode_latents("))
    (tmp_path / "rvq_model.py").write_text(
        HEAD + EMBEDDINGS.replace("def decode(self, indices):", "def decode(self, indices, mask):")
    )
    found = r"MotionRVQ_VAE has tables codebooks.#.weight \(3, 12, 8\) of 12 codes and methods none"
    with pytest.raises(FormatError, match=rf"{found}.*--codec-adapter"):
        read_codec(tmp_path, SIZE, trust_code=True)


def test_nothing_runs_without_trust(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "print('this ran')\n" + EMBEDDINGS)
    capsys.readouterr()
    with pytest.raises(
        InputError, match=r"has to run to read this codec: read it, then give --trust-code"
    ):
        read_codec(tmp_path, SIZE)
    assert "this ran" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("class Other:\n    pass\n", FormatError, "found none"),
        ("import a_file_that_is_absent\n", InputError, "fetch it from the codec's repository"),
        ("raise SystemExit(3)\n", FormatError, "SystemExit: 3"),
        ("1 +\n", FormatError, "SyntaxError"),
        (EMBEDDINGS.replace("stack(latent_dim", "stack(latent_dim + 1"), FormatError, r"got \(16, 8, 3\)"),
        (EMBEDDINGS.replace("self.codebooks =", "self.extra = nn.Linear(2, 2)\n        self.codebooks ="), FormatError,
         "expected extra.bias"),
        (EMBEDDINGS.replace("num_quantizers,", "num_quantizers, secret,"), FormatError, "no arguments that config.json"),
        (EMBEDDINGS.replace("MotionRVQ_VAE", "A") + EMBEDDINGS.replace("MotionRVQ_VAE", "B"), FormatError, "found A, B"),
        (EMBEDDINGS.replace("self.decoder(", "5 * self.decoder(").replace("def decode", "def _hidden"), FormatError,
         "methods none: write its codes_to_features"),
    ],
)  # fmt: skip
def test_code_that_cannot_be_used_is_refused_in_one_line(
    text: str, kind: type[KinetokenError], message: str, tmp_path: Path
) -> None:
    write(tmp_path, EMBEDDINGS)
    (tmp_path / "rvq_model.py").write_text(HEAD + text)
    with pytest.raises(kind, match=message) as caught:
        read_codec(tmp_path, SIZE, trust_code=True)
    assert len(str(caught.value).splitlines()) == 1
