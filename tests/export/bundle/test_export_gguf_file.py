"""A `.gguf` given as the checkpoint: its own tokenizer and template, its weights as they are."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from llama_package import needs_llama

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
pytest.importorskip("gguf", reason="needs gguf, in kinetoken[export]")
needs_llama()

import kinetoken
from codec_states import residual_state, write_statistics
from kinetoken.cli.main import main
from kinetoken.engines.tokenizer import HfTokenizer
from kinetoken_export.gguf.existing_file import open_gguf
from tiny_checkpoint import build_checkpoint
from tiny_sentencepiece import KINDS, write_sentencepiece_tokenizer
from tiny_vocabulary import write_gguf

TEXTS = ["a person walks", "They'll  stop\n\nnow: 1234!", "Größe 一个人 🚶", "x"]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    build_checkpoint(folder / "model")
    (folder / "codec").mkdir()
    write_statistics(folder / "codec")
    torch.save({"vq_model": residual_state(4, 16)}, folder / "codec" / "net.tar")
    options = ["--format", "gguf", "--quant", "q8_0"]
    assert export(folder, folder / "model", folder / "bundle", *options) == 0
    return folder


def export(sources: Path, model: Path, out: Path, *options: str) -> int:
    codec = str(sources / "codec")
    return main(["export", str(model), "--codec", codec, "-o", str(out), *options])


def test_the_bundle_is_that_of_the_checkpoint(sources: Path, tmp_path: Path) -> None:
    path = sources / "bundle" / "lm.gguf"
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    assert export(sources, path, tmp_path / "bundle") == 0
    assert hashlib.sha256((tmp_path / "bundle" / "lm.gguf").read_bytes()).hexdigest() == before
    manifests = [
        json.loads((folder / "bundle.json").read_text())
        for folder in (sources / "bundle", tmp_path / "bundle")
    ]
    for key in ("language_model", "tokenizer", "chat", "motion", "codec"):
        assert manifests[0][key] == manifests[1][key], key
    clips = [
        kinetoken.load(folder).generate("a person walks", seed=3, seconds=1)
        for folder in (sources / "bundle", tmp_path / "bundle")
    ]
    assert np.array_equal(clips[0].joints, clips[1].joints)


@pytest.mark.parametrize("kind", KINDS[:2])
def test_sentencepiece(kind: str, tmp_path: Path) -> None:
    ids = write_sentencepiece_tokenizer(tmp_path, kind)
    write_gguf(tmp_path / "tokenizer.json", tmp_path / "v.gguf", len(ids) + 3)
    (tmp_path / "made").mkdir()
    data = (tmp_path / "v.gguf").read_bytes()
    assert b"qwen2" in data
    made = open_gguf(tmp_path / "v.gguf", tmp_path / "made")
    ours, theirs = HfTokenizer(made.tokenizer), HfTokenizer(tmp_path / "tokenizer.json")
    for text in TEXTS:
        assert ours.encode_text(text) == theirs.encode_text(text)
        assert ours.encode_turn("<move>", text, "</move>") == theirs.encode_turn(
            "<move>", text, "</move>"
        )
        assert ours.decode(ours.encode_text(text)) == theirs.decode(theirs.encode_text(text))


def test_what_cannot_be_done_is_one_line(
    sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = sources / "bundle" / "lm.gguf", tmp_path / "bundle"
    whole = path.read_bytes()
    for name, data in (
        ("cut", whole[:2000]),
        ("other", b"nothing of the kind"),
        ("bloom", whole.replace(b"qwen2", b"bloom")),
    ):
        (tmp_path / f"{name}.gguf").write_bytes(data)
    cases: list[tuple[Path, list[str], str]] = [
        (path, ["--quant", "q4_0"], "--quant changes weights"),
        (path, ["--format", "onnx"], "--format onnx changes weights"),
        (path, ["--prune-vocab", "english"], "--prune-vocab changes weights"),
        (path, ["--context", "100000"], "expected a context of 1 to"),
        (tmp_path / "cut.gguf", [], "damaged"),
        (tmp_path / "other.gguf", [], "another kind of file"),
        (tmp_path / "bloom.gguf", [], "got 'bloom'"),
    ]
    for model, options, message in cases:
        capsys.readouterr()
        assert export(sources, model, out, *options) != 0
        error = capsys.readouterr().err.strip()
        assert message in error
        assert "\n" not in error
        assert not out.exists()
