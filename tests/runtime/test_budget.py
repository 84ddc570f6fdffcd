"""Memory counted from the manifest: each part, what fits, and what is no size."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kinetoken import InputError
from kinetoken.backends.onnx import OnnxLanguageModel
from kinetoken.budget import (
    SYSTEM,
    budget,
    cache_bytes,
    longest_context,
    parse_size,
    quantizations_that_fit,
    weight_bytes,
)
from kinetoken.cli import main
from kinetoken.manifest import FileInfo, Manifest


@pytest.fixture(scope="module")
def manifest(tiny: Path) -> Manifest:
    return Manifest.read(tiny)


def large(manifest: Manifest, weights: int = 1_940_000_000) -> Manifest:
    """A 3B in GGUF as it lies on disk."""
    lm = replace(
        manifest.language_model, backend="llamacpp", file="lm.gguf", layers=36, kv_heads=2, head_dim=128, context=2048,
        quantization="q4_k_m", mmproj="mmproj.gguf",
    )  # fmt: skip
    files = dict(manifest.files) | {
        "lm.gguf": FileInfo(weights, "0" * 64),
        "mmproj.gguf": FileInfo(1_340_000_000, "0" * 64),
    }
    del files["lm.onnx"]
    return replace(manifest, language_model=lm, files=files)


def test_the_cache_is_what_the_engine_allocates(tiny: Path, manifest: Manifest) -> None:
    run = OnnxLanguageModel(tiny / "lm.onnx", manifest.language_model, 1).start()
    assert cache_bytes(manifest, manifest.language_model.context) == sum(array.nbytes for array in run.cache)


def test_the_weights_are_the_files_of_the_language_model(tiny: Path, manifest: Manifest) -> None:
    assert weight_bytes(manifest) == (tiny / "lm.onnx").stat().st_size
    assert weight_bytes(large(manifest)) == 1_940_000_000


def test_the_parts_of_a_3b(manifest: Manifest) -> None:
    parts = budget(large(manifest))
    assert parts.cache == 2 * 2 * 36 * 2048 * 2 * 128
    assert parts.vision == 1_340_000_000
    assert 2.0e9 < parts.total < 2.4e9
    assert budget(large(manifest), answers=4).cache == 4 * parts.cache
    assert budget(large(manifest), quantization="q8_0").weights == pytest.approx(1.94e9 * 8.5 / 4.9)


def test_the_longest_context_is_the_last_that_fits(manifest: Manifest) -> None:
    room = 2_600_000_000
    longest = longest_context(large(manifest), room)
    assert budget(large(manifest), context=longest).total <= room < budget(large(manifest), context=longest + 1).total
    assert longest_context(large(manifest), 1_000_000_000) == 0


def test_quantizations_that_fit_come_finest_first(manifest: Manifest) -> None:
    totals = [total for _, total in quantizations_that_fit(large(manifest), 4_000_000_000)]
    assert totals == sorted(totals, reverse=True)
    assert max(totals) <= 4_000_000_000
    assert "f16" not in dict(quantizations_that_fit(large(manifest), 4_000_000_000))
    assert quantizations_that_fit(large(manifest), 500_000_000) == []


@pytest.mark.parametrize(
    ("text", "size"),
    [("8GB", 8_000_000_000), ("8 gb", 8_000_000_000), ("7.5G", 7_500_000_000), ("900MB", 900_000_000), ("4GiB", 4 << 30), ("1024", 1024)],
)  # fmt: skip
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-8GB", "0GB", "8TBs", "eight", "8 G B", "nan", "1e9"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected a size such as 8GB"):
        parse_size(text)


def test_the_command_says_what_fits(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(tiny), "--fit", "8GB"]) == 0
    said = capsys.readouterr().out
    assert "fits, " in said
    assert "cache of 512 tokens" in said
    assert main(["inspect", str(tiny), "--fit", "500MB", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["fits"] is False
    assert found["system"] == SYSTEM
    assert found["longest_context"] == 0
    assert main(["inspect", str(tiny), "--fit", "much"]) == 2
