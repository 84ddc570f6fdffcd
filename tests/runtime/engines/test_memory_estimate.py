"""Memory counted from the manifest: each part, what fits, and what is no size."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kinetoken import InputError
from kinetoken.cli.inspect import fit_lines, fit_report
from kinetoken.cli.main import main
from kinetoken.engines.memory_estimate import (
    CARD_BYTES,
    SYSTEM_BYTES,
    cache_bytes,
    estimate_memory,
    parse_size,
    quantizations_that_fit,
    room_for_context,
    weight_bytes,
)
from kinetoken.engines.onnx.engine import REPACKED
from kinetoken.engines.onnx.model import OnnxLanguageModel
from kinetoken.engines.quantization import bits_per_weight
from kinetoken.engines.registry import ENGINES
from kinetoken.manifest.file_info import FileInfo
from kinetoken.manifest.manifest_file import read_manifest
from kinetoken.manifest.schema import Manifest

KNOWN = {name: bits for engine in ENGINES.values() for name, bits in engine.bits.items()}


@pytest.fixture(scope="module")
def manifest(tiny: Path) -> Manifest:
    return read_manifest(tiny)


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
    assert cache_bytes(manifest, manifest.language_model.context) == sum(
        array.nbytes for array in run.cache
    )


def test_the_weights_are_the_files_of_the_language_model(tiny: Path, manifest: Manifest) -> None:
    assert weight_bytes(manifest) == (tiny / "lm.onnx").stat().st_size
    assert weight_bytes(large(manifest)) == 1_940_000_000


def test_a_tokenizer_takes_many_times_its_file(tiny: Path, manifest: Manifest) -> None:
    """31 bytes for each, measured with Qwen's: 7 MB of it become 218 MB."""
    assert estimate_memory(manifest).words == 31 * (tiny / "tokenizer.json").stat().st_size


def test_the_parts_of_a_3b(manifest: Manifest) -> None:
    parts = estimate_memory(large(manifest))
    assert parts.cache == 2 * 2 * 36 * 2048 * 2 * 128
    assert parts.vision == 1_340_000_000
    assert parts.packed == 0
    assert 2.0e9 < parts.without_images < 2.4e9
    assert parts.total == parts.without_images + parts.vision
    assert estimate_memory(large(manifest), answers=4).cache == 4 * parts.cache
    assert estimate_memory(large(manifest), quantization="q8_0").weights == pytest.approx(
        1.94e9 * 8.5 / 5.0
    )
    assert estimate_memory(
        large(manifest), quantization="q8_0", present=4.8
    ).weights == pytest.approx(1.94e9 * 8.5 / 4.8)


def test_onnx_runtime_lays_weights_out_anew(manifest: Manifest) -> None:
    parts = estimate_memory(
        replace(manifest, language_model=replace(manifest.language_model, quantization="int8"))
    )
    assert parts.packed == pytest.approx(REPACKED["int8"] * parts.weights, abs=1)
    assert parts.packed > 0
    half = estimate_memory(manifest, quantization="fp16", present=32.0)
    assert half.packed > half.weights, "which the processor computes in single precision"


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("q4_k_m", 4.9, 5.1), ("Q4_K_M", 4.9, 5.1), ("pruned_int4", 4.9, 5.1), ("q2_k_s+own", 3.0, 3.2), ("q4_k_m+prompts.txt", 4.9, 5.1),
     ("q4_k_m:q8_0", 5.1, 5.6), ("q3_k_m:q5_k", 4.1, 4.4), ("iq3_xs:q8_0+own", 3.8, 4.3)],
)  # fmt: skip
def test_bits_whatever_stands_behind_the_name(name: str, least: float, most: float) -> None:
    found = bits_per_weight(name, KNOWN)
    assert found is not None
    assert least < found < most


@pytest.mark.parametrize("name", ["", "q9_k", "mystery+own", "q4_k_m:q9", "+own"])
def test_an_unknown_quantization_is_not_guessed(name: str, manifest: Manifest) -> None:
    assert bits_per_weight(name, KNOWN) is None
    odd = large(manifest)
    odd = replace(odd, language_model=replace(odd.language_model, quantization=name))
    assert quantizations_that_fit(odd, 8_000_000_000) == []
    assert quantizations_that_fit(odd, 8_000_000_000, present=5.0), "the file told"
    assert estimate_memory(odd).weights == 1_940_000_000
    with pytest.raises(InputError, match="whose size is known"):
        estimate_memory(odd, quantization="q8_0")


def test_the_longest_context_is_the_last_that_fits(manifest: Manifest) -> None:
    room = 2_600_000_000
    longest = room_for_context(large(manifest), room)
    assert estimate_memory(large(manifest), context=longest).without_images <= room
    assert estimate_memory(large(manifest), context=longest + 1).without_images > room
    assert room_for_context(large(manifest), 1_000_000_000) == 0


def test_no_context_is_promised_that_the_bundle_does_not_have(manifest: Manifest) -> None:
    found = fit_report(manifest, 8_000_000_000)
    assert found["longest_context"] == found["context"] == 512
    assert found["room_for_longer_context"] is True
    assert any(
        "512 tokens; there is room for a longer one, if the model allows it" in line
        for line in fit_lines(found)
    )
    small = fit_report(
        large(manifest), SYSTEM_BYTES + estimate_memory(large(manifest)).without_images - 10_000_000
    )
    assert 0 < small["longest_context"] < 2048
    assert small["room_for_longer_context"] is False


def test_images_and_the_card_count(manifest: Manifest) -> None:
    parts = estimate_memory(large(manifest))
    for room, fits, without in (
        (parts.total, True, True),
        (parts.total - 1, False, True),
        (parts.without_images - 1, False, False),
    ):
        found = fit_report(large(manifest), SYSTEM_BYTES + room)
        assert (found["fits"], found["fits_without_images"], found["fits_with_card"]) == (
            fits,
            without,
            False,
        )
        assert any("without images it fits" in line for line in fit_lines(found)) is (
            without and not fits
        )
    assert fit_report(large(manifest), SYSTEM_BYTES + parts.total + CARD_BYTES)["fits_with_card"]


def test_quantizations_that_fit_come_finest_first(manifest: Manifest) -> None:
    totals = [total for _, total in quantizations_that_fit(large(manifest), 4_000_000_000)]
    assert len(totals) >= 4
    assert max(totals) <= 4_000_000_000
    assert "f16" not in dict(quantizations_that_fit(large(manifest), 4_000_000_000))
    assert quantizations_that_fit(large(manifest), 500_000_000) == []


def test_plain_graphs_are_offered_what_they_have(manifest: Manifest) -> None:
    plain = replace(
        manifest,
        language_model=replace(manifest.language_model, graph="portable", quantization="fp32"),
    )
    assert set(dict(quantizations_that_fit(plain, 10**12))) == {"fp32", "fp16", "int8"}


@pytest.mark.parametrize(
    ("text", "size"),
    [("8GB", 8_000_000_000), ("8 gb", 8_000_000_000), ("7.5G", 7_500_000_000), ("900MB", 900_000_000), ("4GiB", 4 << 30), ("1024B", 1024)],
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
    assert found["system"] == SYSTEM_BYTES
    assert found["longest_context"] == 0
    assert main(["inspect", str(tiny), "--fit", "much"]) == 2
