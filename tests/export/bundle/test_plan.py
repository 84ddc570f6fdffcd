"""The dry run.

Everything found and assumed on one screen, what would be refused, and nothing written.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from llama_package import needs_llama

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
safetensors = pytest.importorskip("safetensors.torch")

from codec_states import residual_state, write_statistics
from kinetoken.cli.main import main
from kinetoken.manifest.manifest_file import read_manifest
from tiny_checkpoint import build_checkpoint, change_config

DEMO = Path(__file__).parents[3] / "export" / "checkpoints" / "demo"
SCREEN = 45  # lines


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    build_checkpoint(folder / "model", levels=4, codes=16)
    build_checkpoint(folder / "vision", "qwen2_5_vl", levels=4, codes=16, shards=2, padded=3)
    write_statistics(folder / "codec")
    torch.save({"vq_model": residual_state(4, 16)}, folder / "codec" / "net.tar")
    return folder


@pytest.fixture
def model(sources: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sources / "model", tmp_path / "model"))


def dry_run(
    capsys: pytest.CaptureFixture[str], model: Path, codec: Path, *options: str
) -> tuple[int, str]:
    capsys.readouterr()
    code = main(["export", str(model), "--codec", str(codec), "--dry-run", *options])
    return code, capsys.readouterr().out


def plan(
    capsys: pytest.CaptureFixture[str], model: Path, codec: Path, *options: str
) -> dict[str, Any]:
    code, text = dry_run(capsys, model, codec, "--json", *options)
    found: dict[str, Any] = json.loads(text)
    assert code == found["exit_code"]
    return found


def test_the_demo_on_one_screen(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, text = dry_run(capsys, DEMO / "lm", DEMO / "codec")
    lines = text.splitlines()
    assert code == 0
    assert len(lines) <= SCREEN
    assert max(map(len, lines)) <= 100
    for said in (
        "Qwen2ForCausalLM (qwen2)",
        "a head of its own",
        "4 levels of 1,024 codes, <m_{level}_{code}> between <move> (9959)",
        "9961-10984; 10985-12008; 12009-13032; 13033-14056",
        "<|im_start|> (9957)",
        "temperature 0.3 (generation_config.json)",
        "kinetoken-causal-rvq",
        "20 motion tokens a second",
        "nothing unusual, nothing assumed",
        "nothing: this exports",
    ):
        assert said in " ".join(text.split()), said
    assert not list(tmp_path.iterdir())


def test_everything_is_there_as_json(capsys: pytest.CaptureFixture[str], sources: Path) -> None:
    found = plan(capsys, sources / "vision", sources / "codec", "--format", "gguf")
    assert found["checkpoint"]["config"]["model_type"] == "qwen2_5_vl"
    assert len(found["checkpoint"]["files"]) == 2
    assert found["model"]["vision_tower"]
    assert (found["tokens"]["levels"], found["tokens"]["codes"]) == (4, 16)
    assert found["tokens"]["ids"][1] == [[496, 511]]
    assert found["tokens"]["rows_without_token"] == 3
    assert found["tokens"]["ends"] == {"<|im_end|>": 458, "<|endoftext|>": 456}
    assert found["chat"]["rendered"].endswith("<|im_start|>assistant\n")
    assert found["chat"]["special"]["<move>"] == 478
    assert found["codec"]["layout"] == "momask"
    assert (found["codec"]["past"], found["codec"]["lookahead"]) == (22, 22)
    assert found["bundle"]["sizes"]["vision_tower"] > 0
    assert found["refused"] == []


def test_sizes_are_those_of_the_files(
    capsys: pytest.CaptureFixture[str], sources: Path, tmp_path: Path
) -> None:
    sizes = plan(capsys, sources / "model", sources / "codec")["bundle"]["sizes"]
    for options, name, file in (
        (("--quant", "int4"), "int4", "lm.data"),
        (("--quant", "fp16"), "fp16", "lm.data"),
        (("--format", "gguf", "--quant", "q4_k_m"), "q4_k_m", "lm.gguf"),
    ):
        kind = "gguf" if "gguf" in options else "onnx"
        if kind == "gguf":
            pytest.importorskip("gguf")
            needs_llama()
        given = ["export", str(sources / "model"), "--codec", str(sources / "codec")]
        assert main([*given, "-o", str(tmp_path / name), *options]) == 0
        assert sizes[kind][name] == pytest.approx((tmp_path / name / file).stat().st_size, rel=0.05)


def test_every_reason_is_named(
    capsys: pytest.CaptureFixture[str], sources: Path, model: Path
) -> None:
    change_config(
        model,
        hidden_act="gelu",
        is_causal=False,
        quantization_config={"quant_method": "hqq"},
    )
    found = plan(capsys, model, sources / "codec", "--quant", "int3")
    told = " ".join(found["refused"])
    for said in ("hidden_act 'gelu'", "is_causal False", "quantized with hqq", "got 'int3'"):
        assert said in told
    assert found["exit_code"] != 0
    assert found["model"] is None
    assert found["tokens"]["levels"] == 4  # the rest is examined all the same
    assert found["codec"]["layout"] == "momask"


def test_numbers_that_are_none_and_a_context_too_long(
    capsys: pytest.CaptureFixture[str], sources: Path, model: Path
) -> None:
    held = dict(safetensors.load_file(model / "model.safetensors"))
    held["model.norm.weight"][3] = float("inf")
    safetensors.save_file(held, model / "model.safetensors", {"format": "pt"})
    code, text = dry_run(capsys, model, sources / "codec", "--context", "9999")
    assert code == 2
    assert "model.norm.weight: expected finite numbers" in " ".join(text.split())
    assert "expected a context of 1 to 512 tokens, got 9999" in " ".join(text.split())


def test_what_is_unusual_is_said(
    capsys: pytest.CaptureFixture[str], sources: Path, model: Path
) -> None:
    change_config(
        model,
        odd=3,
        rope_scaling={"type": "yarn", "factor": 4.0},
        use_sliding_window=True,
        sliding_window=64,
        max_window_layers=1,
    )
    change_config(model, "generation_config.json", temperature=0.1, repetition_penalty=1.05)
    _, text = dry_run(capsys, model, sources / "codec")
    flat = " ".join(text.split())
    for said in (
        "odd 3 is not known here",
        "yarn by 4 from 512 tokens; 1 of 2 layers see only 64",
        "temperature 0.1 (generation_config.json)",
        "repetition_penalty 1.05 is not applied",
    ):
        assert said in flat, said


def test_no_codec_and_no_motion_tokens(
    capsys: pytest.CaptureFixture[str], sources: Path, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    found = plan(capsys, model, tmp_path / "empty")
    assert found["codec"] is None
    assert len(found["refused"]) == 1
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    tokenizer["added_tokens"] = [t for t in tokenizer["added_tokens"] if "m_" not in t["content"]]
    (model / "tokenizer.json").write_text(json.dumps(tokenizer))
    found = plan(capsys, model, sources / "codec")
    assert found["tokens"] is None
    assert found["model"]["layers"] == 2
    assert found["refused"]


def test_a_folder_or_a_dry_run_has_to_be_asked_for(
    capsys: pytest.CaptureFixture[str], sources: Path, tmp_path: Path
) -> None:
    given = ["export", str(sources / "model"), "--codec", str(sources / "codec")]
    assert main(given) == 2
    assert "expected -o BUNDLE" in capsys.readouterr().err
    assert main([*given, "-o", str(tmp_path / "b"), "--json"]) == 2
    assert "--dry-run" in capsys.readouterr().err


def test_options_of_the_export_are_in_the_manifest(sources: Path, tmp_path: Path) -> None:
    given = ["export", str(sources / "model"), "--codec", str(sources / "codec")]
    asked = ["--temperature", "0.3", "--prompt-template", "{system} {prompt} Answer:"]
    assert main([*given, "-o", str(tmp_path / "b"), "--context", "256", *asked]) == 0
    assert read_manifest(tmp_path / "b").provenance.options == {
        "temperature": "0.3",
        "prompt_template": "{system} {prompt} Answer:",
    }
