"""What verify says of a vision tower: near its source in every precision, and never near another."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from llama_package import needs_llama

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
pytest.importorskip("safetensors", reason="needs safetensors, see CONTRIBUTING.md")
pytest.importorskip("gguf", reason="needs gguf, in kinetoken[export]")
needs_llama()

from codec_states import residual_state, write_statistics
from kinetoken.cli.main import main
from kinetoken_export.checkpoint.reference_tower import PROCESSOR_FILE
from kinetoken_export.checkpoint.sources import find_model
from kinetoken_export.checkpoint.tensors import Checkpoint
from kinetoken_export.gguf.vision_tower import export_mmproj
from kinetoken_export.verify.images import ImageReport
from kinetoken_export.verify.record import record_in_bundle
from kinetoken_export.verify.report import report_table, verify
from kinetoken_export.verify.request import VerifyRequest
from tiny_checkpoint import build_checkpoint, change_config

DISTANCES = {"f16": 0.002, "q8_0": 0.05}
"""Relative distances of embeddings; a third of it was seen."""
REFERENCES = ["own", "transformers"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint `model` with a tower, and its bundle with a tower in each precision."""
    folder = tmp_path_factory.mktemp("images")
    build_checkpoint(folder / "model", "qwen2_5_vl")
    write_statistics(folder / "codec")
    torch.save({"vq_model": residual_state(4, 16)}, folder / "codec" / "net.tar")
    for precision in DISTANCES:
        words = ["export", str(folder / "model"), "--codec", str(folder / "codec"), "-o"]
        words += [str(folder / precision), "--format", "gguf", "--quant", "f16"]
        assert main([*words, "--vision-quant", precision]) == 0
    return folder


def compared(bundle: Path, model: Path, reference: str) -> tuple[ImageReport, tuple[str, ...], str]:
    """The part about images, the findings, and the table."""
    if reference == "transformers" and find_spec("transformers") is None:
        pytest.skip("needs transformers to compare with")
    request = VerifyRequest(
        bundle, find_model(str(model)), ("a person walks",), seconds=0.4, reference=reference
    )
    parity = verify(request).parity
    assert parity.images is not None
    return parity.images, parity.findings, report_table(parity)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("precision", DISTANCES)
def test_a_tower_is_near_its_source(folder: Path, precision: str, reference: str) -> None:
    images, findings, table = compared(folder / precision, folder / "model", reference)
    assert images.precision == precision
    assert not findings
    assert [(p.width, p.height, p.cells) for p in images.pictures] == [
        (168, 140, 30),
        (112, 364, 52),
    ]
    for picture in images.pictures:
        assert 0 < picture.embeddings < DISTANCES[precision]
        assert 0 < picture.rms < picture.largest < 0.3
        assert picture.same_best >= 0.9 * picture.positions > 5
        assert (picture.kl is None) == (reference == "own")
        assert picture.kl is None or picture.kl < 1e-3
    assert f"image ({precision})" in table
    assert max(map(len, table.splitlines())) < 100


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("reference", REFERENCES)
def test_another_normalisation_of_pixels_is_found(
    folder: Path, tmp_path: Path, reference: str
) -> None:
    model = tmp_path / "model"
    build_checkpoint(model, "qwen2_5_vl")
    change_config(model, PROCESSOR_FILE, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    _, findings, table = compared(folder / "f16", model, reference)
    assert [line.split(":")[0] for line in findings] == ["image of 168x140", "image of 112x364"]
    assert "NOT AS THE SOURCE: image of 168x140: embeddings are" in table


@pytest.mark.filterwarnings("ignore")
def test_a_tower_of_other_weights_is_found(folder: Path, tmp_path: Path) -> None:
    """Two blocks are exchanged: the kind of mistake that still gives plausible numbers."""
    source = Checkpoint(folder / "model")
    real = source.tensor

    def exchanged(name: str) -> np.ndarray:
        other = name.replace("blocks.0.", "blocks.X.").replace("blocks.1.", "blocks.0.")
        return real(other.replace("blocks.X.", "blocks.1."))

    bundle = tmp_path / "bundle"
    words = ["export", str(folder / "model"), "--codec", str(folder / "codec"), "-o", str(bundle)]
    assert main([*words, "--format", "gguf", "--quant", "f16"]) == 0
    source.tensor = exchanged  # type: ignore[method-assign]
    export_mmproj(source, tmp_path / "mmproj.gguf")
    record_in_bundle(bundle, {"mmproj.gguf": (tmp_path / "mmproj.gguf").read_bytes()})
    _, findings, _ = compared(bundle, folder / "model", "own")
    assert findings
