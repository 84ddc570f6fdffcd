"""A codec that nothing recognises, through ten lines of its user's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
pytest.importorskip("safetensors", reason="needs safetensors, see CONTRIBUTING.md")

import kinetoken
from codec_states import write_statistics
from kinetoken.base.errors import FormatError, InputError, KinetokenError
from kinetoken.cli.main import main
from kinetoken.engines.onnx.session import OnnxSession
from kinetoken.manifest.manifest_file import read_manifest
from kinetoken.manifest.schema import MotionInfo
from kinetoken_export.codecs.reader import read_codec
from kinetoken_export.codecs.source import CodeSize, decode, random_codes
from kinetoken_export.onnx.codec import export_codec
from tiny_checkpoint import build_checkpoint

LEVELS, CODES = 4, 16
SIZE = CodeSize(LEVELS, CODES)
MOTION = MotionInfo(0, 1, tuple((2 + q * CODES, 2 + (q + 1) * CODES) for q in range(LEVELS)))
README = Path(__file__).parents[3] / "export" / "README.md"

# Levels gate each other, so there is no sum of rows; weights under names of nobody else's.
MY_CODEC = """
import torch
from torch import nn


class MyCodec(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.ParameterList(nn.Parameter(torch.randn(16, 8)) for _ in range(4))
        self.mix = nn.Conv1d(8, 32, 3, padding=1)
        self.up = nn.ConvTranspose1d(32, 263, 4, stride=4)

    def decode(self, codes):  # (B, n, levels)
        gate = 1
        for level, words in enumerate(self.words):
            chosen = codes[..., level]
            row = torch.sigmoid(words[chosen.clamp(min=0)])
            gate = gate * torch.where(chosen[..., None] < 0, torch.ones_like(row), row)
        return self.up(torch.relu(self.mix(gate.transpose(1, 2)))).transpose(1, 2)
"""
FUNCTION = """
from pathlib import Path
import torch
from my_codec import MyCodec
codec = MyCodec()
codec.load_state_dict(torch.load(Path(__file__).parent / "codec" / "my_codec.pt", weights_only=True))

def codes_to_features(codes):
    return codec.decode(codes[None])[0]
"""


def readme_example() -> str:
    """The adapter of the export's README."""
    found = re.search(
        r"```python\n(import torch\nfrom my_codec.*?)```", README.read_text(), re.DOTALL
    )
    assert found
    return found[1]


@pytest.fixture
def codec(tmp_path: Path) -> torch.nn.Module:
    """A folder `codec` of no known layout beside `adapter.py` of the README; its module."""
    folder = tmp_path / "codec"
    folder.mkdir()
    write_statistics(folder)
    (folder / "my_codec.py").write_text(MY_CODEC)
    (folder / "README.md").write_text("---\nlicense: cc-by-4.0\n---\n")
    names: dict[str, type[torch.nn.Module]] = {}
    exec(compile(MY_CODEC, "my_codec.py", "exec"), names)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        module = names["MyCodec"]().eval()
    torch.save(module.state_dict(), folder / "my_codec.pt")
    (tmp_path / "adapter.py").write_text(readme_example())
    return module


def features(module: torch.nn.Module, codes: np.ndarray, folder: Path) -> np.ndarray:
    """Codes (n, Q) to real features (4 n, 263), as the module means it."""
    mean, std = (np.load(folder / f"{name}.npy") for name in ("Mean", "Std"))
    with torch.no_grad():
        out = module.decode(torch.tensor(codes)[None])[0].numpy()
    return np.asarray(out * std + mean)


def test_the_example_is_ten_lines() -> None:
    lines = [line for line in readme_example().splitlines() if line.strip()]
    assert len(lines) <= 10


def test_an_unknown_codec_is_exported_run_and_verified(
    codec: torch.nn.Module, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build_checkpoint(tmp_path / "model", levels=LEVELS, codes=CODES)
    folder, bundle = tmp_path / "codec", tmp_path / "bundle"
    adapter = ["--codec-adapter", str(tmp_path / "adapter.py"), "--trust-code"]
    given = ["--codec", str(folder), *adapter, "--codec-precision", "fp32"]
    assert main(["export", str(tmp_path / "model"), *given, "-o", str(bundle)]) == 0
    assert "codec: codes to features by adapter.py" in capsys.readouterr().err
    manifest = read_manifest(bundle)
    assert (manifest.codec.stride, manifest.codec.past, manifest.codec.lookahead) == (4, 1, 1)
    assert manifest.licence.codec == "cc-by-4.0"
    assert {"codec/adapter.py", "codec/my_codec.pt"} <= set(manifest.provenance.sha256)
    generator = kinetoken.load(bundle)
    for levels in (None, 2):
        clip = generator.generate("walk", seconds=2, seed=1, levels=levels)
        assert clip.codes is not None
        assert clip.features is not None
        assert (clip.codes.min() == -1) == (levels == 2)
        np.testing.assert_allclose(clip.features, features(codec, clip.codes, folder), atol=1e-4)
    request = ["verify", str(bundle), "--against", str(tmp_path / "model"), "--json"]
    assert main([*request, *given[:5], "--limit", "1", "--seconds", "1"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["codec"]["largest_error"] < 1e-4


def test_a_function_of_the_file_does_as_well(codec: torch.nn.Module, tmp_path: Path) -> None:
    (tmp_path / "adapter.py").write_text(FUNCTION)
    source = read_codec(tmp_path / "codec", SIZE, trust_code=True, adapter=tmp_path / "adapter.py")
    assert (source.layout, source.stride) == ("adapter", 4)
    codes = random_codes(source, 9)
    real = decode(source, codes) * source.std + source.mean
    np.testing.assert_allclose(real, features(codec, codes, tmp_path / "codec"), atol=1e-5)


def test_half_precision_stores_its_weights_in_half_and_its_codes_in_full(
    codec: torch.nn.Module, tmp_path: Path
) -> None:
    adapter = tmp_path / "adapter.py"
    source = read_codec(tmp_path / "codec", SIZE, trust_code=True, adapter=adapter)
    sizes = {}
    for precision in ("fp16", "fp32"):
        (tmp_path / precision).mkdir()
        info = export_codec(source, MOTION, tmp_path / precision, precision=precision)
        sizes[precision] = (tmp_path / precision / info.decoder).stat().st_size
        assert np.load(tmp_path / precision / info.codebooks).dtype == np.float32
    assert sizes["fp16"] < 0.6 * sizes["fp32"]


def test_tensors_of_the_file_are_stored_in_half_too(tmp_path: Path) -> None:
    write_statistics(tmp_path)
    (tmp_path / "adapter.py").write_text(
        "import torch\ntorch.manual_seed(0)\ntable = torch.randn(4, 16, 4 * 263, requires_grad=True)\n"
        "def codes_to_features(codes):\n"
        "    rows = sum(table[q, codes[:, q]] for q in range(4))\n    return rows.reshape(-1, 263)\n"
    )
    adapter = tmp_path / "adapter.py"
    source = read_codec(tmp_path, SIZE, trust_code=True, adapter=adapter)
    assert "takes no -1" in source.notes[1]  # it would take the last row
    info = export_codec(source, MOTION, tmp_path)
    assert (info.past, info.lookahead) == (0, 0)
    assert (tmp_path / info.decoder).stat().st_size < 3 * 4 * 16 * 4 * 263
    codes = random_codes(source, 5)
    latents = np.load(tmp_path / info.codebooks)[np.arange(LEVELS), codes].sum(axis=1)
    got = OnnxSession(tmp_path / info.decoder, 1).run(latents[None])[0]
    np.testing.assert_allclose(got, decode(source, codes), atol=2e-2)


def test_real_features_are_normalised(codec: torch.nn.Module, tmp_path: Path) -> None:
    (tmp_path / "adapter.py").write_text("NORMALISED = False\n" + readme_example())
    source = read_codec(tmp_path / "codec", SIZE, trust_code=True, adapter=tmp_path / "adapter.py")
    codes = random_codes(source, 6)
    with torch.no_grad():
        real = codec.decode(torch.tensor(codes)[None])[0].numpy()
    np.testing.assert_allclose(decode(source, codes) * source.std + source.mean, real, atol=1e-5)


def test_nothing_runs_without_trust(
    codec: torch.nn.Module, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter = tmp_path / "adapter.py"
    adapter.write_text("print('this ran')\n" + readme_example())
    with pytest.raises(InputError, match=r"adapter\.py is a program.*--trust-code"):
        read_codec(tmp_path / "codec", SIZE, adapter=adapter)
    assert "this ran" not in capsys.readouterr().out


def test_an_unknown_codec_without_an_adapter_is_told_of_it(tmp_path: Path) -> None:
    write_statistics(tmp_path)
    torch.save({"enc.0.weight": torch.zeros(3, 2)}, tmp_path / "net.tar")
    with pytest.raises(FormatError, match=r"codes_to_features\(codes\).*--codec-adapter"):
        read_codec(tmp_path, SIZE)


BODY = "import torch\ndef codes_to_features(codes):\n    "


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("x = 1\n", FormatError, "expected a function codes_to_features"),
        ("import a_file_that_is_absent\n", InputError, "the file a_file_that_is_absent.py"),
        ("class Adapter:\n    def __init__(self, folder):\n        folder / 1\n", FormatError, "Adapter.*failed: TypeError"),
        (BODY + "return codes\n", FormatError, r"expected features \(12 \* stride, 263\).*got \(12, 4\)"),
        (BODY + "return torch.zeros(1, 48, 263)\n", FormatError, r"got \(1, 48, 263\)"),
        (BODY + "return torch.zeros(len(codes), 263)\n", FormatError, "depend on level 0"),
        (BODY + "return torch.rand(len(codes), 263)\n", FormatError, "others each time"),
        (BODY + "return torch.full((len(codes), 263), torch.nan)\n", FormatError, "NaN"),
        (BODY + "return torch.zeros(240, 263)\n", FormatError, "got 12 and 20"),
        (BODY + "return torch.eye(4)[codes[:, 0]]\n", FormatError, "failed on codes .* of 0 to 15: IndexError"),
    ],
)  # fmt: skip
def test_what_is_no_adapter_is_refused_in_one_line(
    text: str, kind: type[KinetokenError], message: str, tmp_path: Path
) -> None:
    write_statistics(tmp_path)
    (tmp_path / "adapter.py").write_text(text)
    with pytest.raises(kind, match=message) as caught:
        read_codec(tmp_path, SIZE, trust_code=True, adapter=tmp_path / "adapter.py")
    assert len(str(caught.value).splitlines()) == 1


def test_an_adapter_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="check --codec-adapter"):
        read_codec(tmp_path, SIZE, trust_code=True, adapter=tmp_path / "none.py")
