"""`kinetoken export --adapter`, an adapter given as the model, and tokenizers in older files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")

from safetensors.torch import load_file, save_file

import kinetoken
from codec_states import residual_state, write_statistics
from kinetoken.cli.main import main
from tiny_checkpoint import build_checkpoint

PART = "model.layers.0.self_attn.q_proj"


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    build_checkpoint(folder / "model", dtype="float32")
    (folder / "codec").mkdir()
    write_statistics(folder / "codec")
    torch.save({"vq_model": residual_state(4, 16)}, folder / "codec" / "net.tar")
    weights = load_file(folder / "model" / "model.safetensors")
    rows, columns = weights[f"{PART}.weight"].shape
    torch.manual_seed(0)
    down, up = torch.randn(4, columns), torch.randn(rows, 4)
    adapter = folder / "adapter"
    adapter.mkdir()
    name = f"base_model.model.{PART}.lora_"
    save_file(
        {f"{name}A.weight": down, f"{name}B.weight": up}, adapter / "adapter_model.safetensors"
    )
    settings = {"peft_type": "LORA", "r": 4, "lora_alpha": 2, "target_modules": ["q_proj"]}
    (adapter / "adapter_config.json").write_text(json.dumps(settings))
    shutil.copytree(folder / "model", folder / "merged")
    weights[f"{PART}.weight"] += up @ down * 0.5
    save_file(weights, folder / "merged" / "model.safetensors")
    return folder


def export(sources: Path, model: Path, out: Path, *options: str) -> int:
    codec = str(sources / "codec")
    return main(
        ["export", str(model), "--codec", codec, "-o", str(out), "--quant", "fp32", *options]
    )


def test_the_bundle_is_that_of_the_merged_model(sources: Path, tmp_path: Path) -> None:
    adapter = str(sources / "adapter")
    assert export(sources, sources / "model", tmp_path / "a", "--adapter", adapter) == 0
    assert export(sources, sources / "merged", tmp_path / "b") == 0
    clips = [
        kinetoken.load(tmp_path / name).generate("a person walks", seed=3, seconds=1)
        for name in ("a", "b")
    ]
    assert np.array_equal(clips[0].joints, clips[1].joints)
    manifest = json.loads((tmp_path / "a" / "bundle.json").read_text())
    assert "adapter/adapter_model.safetensors" in manifest["provenance"]["sha256"]


def test_an_adapter_as_the_model_is_one_line(
    sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(sources, sources / "adapter", tmp_path / "bundle") != 0
    error = capsys.readouterr().err.strip()
    assert "--adapter" in error
    assert "\n" not in error
    assert not (tmp_path / "bundle").exists()


def test_vocabulary_and_merges_become_a_tokenizer(
    sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model"
    shutil.copytree(sources / "model", model)
    data = json.loads((model / "tokenizer.json").read_text())
    (model / "tokenizer.json").unlink()
    (model / "vocab.json").write_text(json.dumps(data["model"]["vocab"]))
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in data["model"]["merges"]]
    (model / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    decoder = {
        str(t["id"]): {k: v for k, v in t.items() if k != "id"} for t in data["added_tokens"]
    }
    path = model / "tokenizer_config.json"
    settings = json.loads(path.read_text()) | {"added_tokens_decoder": decoder}
    path.write_text(json.dumps(settings))
    assert export(sources, model, tmp_path / "a") == 0
    made = json.loads((tmp_path / "a" / "tokenizer.json").read_text())
    for key in ("added_tokens", "normalizer", "pre_tokenizer"):
        assert made[key] == data[key]
    assert made["model"]["vocab"] == data["model"]["vocab"]
    assert made["model"]["merges"] == data["model"]["merges"]

    (model / "merges.txt").unlink()
    (model / "tokenizer.model").write_bytes(b"sentencepiece")
    capsys.readouterr()
    assert export(sources, model, tmp_path / "b") != 0
    error = capsys.readouterr().err.strip()
    assert "save_pretrained" in error
    assert "SentencePiece" in error
    assert "\n" not in error
