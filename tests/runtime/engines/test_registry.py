"""The table of engines: which one a bundle gets, and what a new one needs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import kinetoken
from kinetoken import BundleError, LoadOptions
from kinetoken.cli.main import main
from kinetoken.engines.engine import Engine, LoadedModel
from kinetoken.engines.memory_estimate import estimate_memory, quantizations_that_fit
from kinetoken.engines.registry import ENGINES, engine_for, engine_of
from kinetoken.engines.scripted import ScriptedLanguageModel
from kinetoken.manifest.manifest_file import manifest_from_dict, read_manifest
from kinetoken.manifest.schema import Manifest
from kinetoken.tokens.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def manifest(tiny: Path) -> Manifest:
    return read_manifest(tiny)


def with_backend(manifest: Manifest, backend: str) -> Manifest:
    return replace(manifest, language_model=replace(manifest.language_model, backend=backend))


@pytest.mark.parametrize("name", ENGINES)
def test_a_manifest_names_its_engine(manifest: Manifest, name: str) -> None:
    assert engine_of(with_backend(manifest, name)).name == name


def test_an_unknown_engine_is_an_error_unless_a_server_answers(manifest: Manifest) -> None:
    unknown = with_backend(manifest, "abacus")
    assert manifest_from_dict(unknown.to_dict()) == unknown
    with pytest.raises(BundleError, match='expected backend "onnx" or "llamacpp", got \'abacus\''):
        engine_of(unknown)
    with pytest.raises(BundleError, match="abacus"):
        engine_for(unknown, LoadOptions())
    assert not engine_for(unknown, LoadOptions(engine="http://127.0.0.1:1")).reads_bundle


def test_a_new_engine_needs_a_name_and_a_way_to_load(manifest: Manifest, tiny: Path) -> None:
    toy = Engine("toy", ENGINES["onnx"].load)
    assert toy.reads_bundle
    assert toy.file_bits(tiny, manifest) is None
    assert (toy.offered(manifest.language_model), toy.faster, toy.usual_threads) == ((), (), None)


def test_an_engine_of_which_nothing_is_known_has_an_estimate(
    manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = {"toy": Engine("toy", ENGINES["onnx"].load)}
    monkeypatch.setattr("kinetoken.engines.registry.ENGINES", table)
    toy = with_backend(manifest, "toy")
    assert estimate_memory(toy).packed == 0
    assert estimate_memory(toy).cache == estimate_memory(toy, answers=2).cache // 2
    assert quantizations_that_fit(toy, 10**12) == []


def test_a_bundle_of_a_new_engine_answers_and_is_inspected(
    own_tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All that a new engine needs is its entry: nothing else asks which engine it is."""

    def load(
        folder: Path, manifest: Manifest, options: LoadOptions, tokenizer: Tokenizer
    ) -> LoadedModel:
        size = manifest.language_model.vocab_size
        return LoadedModel(ScriptedLanguageModel(lambda ids: np.zeros(size, np.float32), 512))

    monkeypatch.setattr("kinetoken.engines.registry.ENGINES", {"toy": Engine("toy", load)})
    toy = with_backend(read_manifest(own_tiny), "toy")
    (own_tiny / "bundle.json").write_text(json.dumps(toy.to_dict()), encoding="utf-8")
    assert len(kinetoken.load(own_tiny).generate("walk", seconds=0.6)) == 12
    assert main(["inspect", str(own_tiny)]) == 0
    assert "on toy" in capsys.readouterr().out
