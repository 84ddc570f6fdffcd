"""bundle.json: to_dict and from_dict are inverse, and whatever is odd in it is refused by name."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kinetoken
from kinetoken.base.errors import BundleError
from kinetoken.generation.bundle import bundle_folder, open_manifest
from kinetoken.manifest.file_info import FileInfo
from kinetoken.manifest.manifest_file import manifest_from_dict, read_manifest, verify_files
from kinetoken.tokens.vocabulary import Vocabulary


@pytest.fixture
def plain(tiny: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((tiny / "bundle.json").read_text(encoding="utf-8"))
    return data


def test_to_dict_and_from_dict_are_inverse(plain: dict[str, Any]) -> None:
    manifest = manifest_from_dict(plain)
    assert json.loads(json.dumps(manifest.to_dict())) == plain
    assert manifest_from_dict(manifest.to_dict()) == manifest


Break = Callable[[dict[str, Any]], object]
BREAKS: dict[str, tuple[Break, str]] = {
    "another file": (lambda d: d.update(format="other"), "kinetoken-bundle"),
    "another version": (lambda d: d.update(format_version=2), "format_version 1, got 2"),
    "an unknown key": (lambda d: d.update(extra=1), "unknown key 'extra'"),
    "an unknown key inside": (lambda d: d["codec"].update(speed=1), "codec: unknown key 'speed'"),
    "a missing key": (lambda d: d["motion"].pop("levels"), "motion: key 'levels' is missing"),
    "a wrong type": (lambda d: d["codec"].update(fps="20"), "codec: fps: expected int, got '20'"),
    "a bool for a number": (lambda d: d["codec"].update(fps=True), "expected int"),
    "a number for a part": (lambda d: d.update(codec=3), "codec: expected an object"),
    "no range": (lambda d: d["motion"].update(levels=[[1, 2, 3]]), "expected 2 items"),
    "ids beyond the vocabulary": (
        lambda d: d["language_model"].update(vocab_size=330),
        "not within",
    ),
    "ids below zero": (lambda d: d["tokenizer"].update(text_ids=[[-1, 300]]), "not within"),
    "ids that mean two things": (lambda d: d["motion"].update(move_end=0), "overlap"),
    "levels of two sizes": (
        lambda d: d["motion"]["levels"][3].__setitem__(1, 380),
        "levels of one size",
    ),
    "no levels": (lambda d: d["motion"].update(levels=[]), "levels of one size"),
    "no words": (lambda d: d["tokenizer"].update(text_ids=[]), "must not be empty"),
    "nothing at all": (lambda d: d["codec"].update(stride=0), "codec.stride must be above 0"),
    "less than nothing": (lambda d: d["codec"].update(lookahead=-1), "must be 0 or more"),
    "NaN": (
        lambda d: d["defaults"].update(max_seconds=float("nan")),
        "max_seconds: expected a number of at most",
    ),
    "a path upward": (
        lambda d: d["files"].update({"../x": d["files"]["lm.onnx"]}),
        "leaves the bundle's folder",
    ),
    "a path from the root": (
        lambda d: d["files"].update({"/x": d["files"]["lm.onnx"]}),
        "leaves the bundle's folder",
    ),
    "a drive": (
        lambda d: d["files"].update({"C:\\x": d["files"]["lm.onnx"]}),
        "leaves the bundle's folder",
    ),
    "a path upward in use": (lambda d: d["codec"].update(mean="../Mean.npy"), "not listed"),
    "a file that is not listed": (
        lambda d: d["files"].pop("Std.npy"),
        "'Std.npy' is used but not listed",
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_what_is_odd_is_refused_by_name(plain: dict[str, Any], name: str) -> None:
    data = copy.deepcopy(plain)
    spoil, message = BREAKS[name]
    spoil(data)
    with pytest.raises(BundleError, match=message.replace(".", r"\.")) as caught:
        manifest_from_dict(data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '{"format": "kinetoken-bundle"}', "[" * 100_000, "\xff"]
)
def test_a_bundle_json_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "bundle.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(BundleError):
        read_manifest(tmp_path)


def test_a_missing_altered_or_truncated_file_is_named(own_tiny: Path) -> None:
    manifest = open_manifest(own_tiny)
    path = own_tiny / "lm.onnx"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(BundleError, match=r"lm\.onnx: expected 4.* bytes, got"):
        verify_files(own_tiny, manifest)
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(BundleError, match=r"lm\.onnx was altered: expected sha256"):
        kinetoken.load(own_tiny)
    verify_files(own_tiny, manifest, only=("Mean.npy",))
    path.unlink()
    with pytest.raises(BundleError, match=r"lm\.onnx is missing"):
        kinetoken.load(own_tiny)


def test_a_place_that_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="nothing there"):
        kinetoken.load(tmp_path / "none")
    with pytest.raises(BundleError, match=r"has no bundle\.json"):
        kinetoken.load(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(BundleError, match="got a file"):
        kinetoken.load(tmp_path / "file")


def rewrite(folder: Path, name: str, value: object) -> None:
    """Change a file of the bundle and declare it, as a careless exporter would."""
    np.save(folder / name, np.asarray(value))
    data = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    info = FileInfo.of(folder / name)
    data["files"][name] = {"bytes": info.bytes, "sha256": info.sha256}
    (folder / "bundle.json").write_text(json.dumps(data), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("codebooks.npy", np.zeros((4, 8, 8), np.float32), "as in the manifest"),
        ("codebooks.npy", np.full((4, 16, 8), np.nan, np.float32), "finite"),
        ("codebooks.npy", np.array(["words"]), r"not a \.npy array of numbers"),
        ("Mean.npy", np.zeros(262, np.float32), "one width"),
        ("Std.npy", np.full(263, np.inf, np.float32), "NaN or infinity"),
    ],
)
def test_contents_that_do_not_match_the_manifest(
    own_tiny: Path, name: str, value: object, message: str
) -> None:
    rewrite(own_tiny, name, value)
    with pytest.raises(BundleError, match=message):
        kinetoken.load(own_tiny)


def test_an_engine_of_the_future_is_refused(own_tiny: Path) -> None:
    path = own_tiny / "bundle.json"
    path.write_text(
        path.read_text(encoding="utf-8").replace('"onnx"', '"abacus"'), encoding="utf-8"
    )
    with pytest.raises(BundleError, match='expected backend "onnx" or "llamacpp", got \'abacus\''):
        kinetoken.load(own_tiny)


def test_which_bundle_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KINETOKEN_BUNDLE", str(tmp_path / "named"))
    assert bundle_folder() == tmp_path / "named"
    assert bundle_folder(tmp_path) == tmp_path
    monkeypatch.delenv("KINETOKEN_BUNDLE")
    monkeypatch.setattr("kinetoken.generation.bundle.DEMO_BUNDLE", tmp_path / "demo")
    with pytest.raises(BundleError, match="no demo bundle"):
        bundle_folder()
    (tmp_path / "demo").mkdir()
    assert bundle_folder() == tmp_path / "demo"


def test_the_vocabulary_knows_what_ids_mean(tiny: Path) -> None:
    words = Vocabulary.of(read_manifest(tiny))
    assert words.codes == 16
    for level in range(4):
        for code in (0, 7, 15):
            assert words.code(words.id_of(level, code)) == (level, code)
    assert words.code(words.move_start) is None
    assert words.is_text(0)
    assert not words.is_text(words.move_start)
    with pytest.raises(IndexError):
        words.id_of(0, 16)
