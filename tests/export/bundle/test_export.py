"""`kinetoken export` from end to end on miniatures, and everything that can be wrong with what it is given."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from llama_package import needs_llama

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
pytest.importorskip("safetensors")

from safetensors.torch import load_file, save_file

import kinetoken
from codec_states import residual_state, write_statistics
from kinetoken.cli.main import main
from kinetoken.manifest.manifest_file import read_manifest, verify_files
from tiny_checkpoint import build_checkpoint

LEVELS, CODES = 4, 16
Edit = Callable[[Path], object]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a miniature `model`, `vision` model and `codec`."""
    folder = tmp_path_factory.mktemp("sources")
    build_checkpoint(folder / "model", levels=LEVELS, codes=CODES, shards=2)
    build_checkpoint(
        folder / "vision", "qwen2_5_vl", levels=LEVELS, codes=CODES, shards=2, padded=3
    )
    (folder / "model" / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    write_codec(folder / "codec", LEVELS, CODES)
    return folder


def write_codec(folder: Path, levels: int, codes: int) -> None:
    write_statistics(folder)
    torch.save({"vq_model": residual_state(levels, codes)}, folder / "net.tar")
    (folder / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n")


def export(
    sources: Path, out: Path, *options: str, model: str = "model", codec: str = "codec"
) -> int:
    given = ["export", str(sources / model), "--codec", str(sources / codec), "-o", str(out)]
    # What the lookahead is measured on takes half of the context: a small one is soon full.
    return main([*given, "--context", "256", *options])


def test_a_vision_tower_is_stored_as_asked(sources: Path, tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    needs_llama()
    sizes = []
    for options in ((), ("--vision-quant", "q8_0")):
        out = tmp_path / f"bundle{len(sizes)}"
        asked = ("--format", "gguf", "--quant", "q4_k_m", *options)
        assert export(sources, out, *asked, model="vision") == 0
        sizes.append((out / "mmproj.gguf").stat().st_size)
    assert sizes[1] < 0.9 * sizes[0], sizes


@pytest.mark.parametrize("model", ["model", "vision"])
@pytest.mark.parametrize(
    "options", [("--format", "onnx", "--quant", "int4"), ("--format", "gguf", "--quant", "q4_k_m")]
)
def test_what_comes_out_runs(
    sources: Path, tmp_path: Path, model: str, options: tuple[str, ...]
) -> None:
    if "gguf" in options:
        pytest.importorskip("gguf")
        needs_llama()
    assert export(sources, tmp_path / "bundle", *options, model=model) == 0
    clip = kinetoken.load(tmp_path / "bundle").generate("walk", seconds=2, seed=1)
    assert clip.joints.shape == (40, 22, 3)
    assert np.isfinite(clip.joints).all()
    manifest = read_manifest(tmp_path / "bundle")
    assert (manifest.language_model.mmproj is not None) == ("gguf" in options and model == "vision")


def test_the_manifest_says_where_everything_comes_from(
    sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        export(
            sources,
            tmp_path / "bundle",
            "--quant",
            "int8",
            "--temperature",
            "0.7",
            "--system-prompt",
            "Move.",
        )
        == 0
    )
    manifest = read_manifest(tmp_path / "bundle")
    assert (manifest.licence.language_model, manifest.licence.codec) == (
        "apache-2.0",
        "cc-by-nc-4.0",
    )
    assert (manifest.provenance.source, manifest.provenance.codec) == ("model", "codec")
    assert {
        "model-00001-of-00002.safetensors",
        "tokenizer.json",
        "codec/net.tar",
        "codec/Mean.npy",
    } <= set(manifest.provenance.sha256)
    assert {"kinetoken", "torch", "onnx", "onnxruntime"} <= set(manifest.provenance.tools)
    assert (manifest.defaults.temperature, manifest.chat.system_prompt) == (0.7, "Move.")
    capsys.readouterr()
    assert main(["inspect", str(tmp_path / "bundle")]) == 0
    assert "codec cc-by-nc-4.0" in capsys.readouterr().out


def test_a_far_seeing_decoder_gets_a_smaller_lookahead_that_can_be_changed(
    sources: Path, tmp_path: Path
) -> None:
    assert export(sources, tmp_path / "bundle") == 0
    codec = read_manifest(tmp_path / "bundle").codec
    assert codec.exact_lookahead is not None
    assert codec.exact_lookahead > 3
    errors = {row.lookahead: row.mean_mm for row in codec.lookahead_errors}
    assert errors[codec.exact_lookahead] == 0.0
    assert codec.lookahead == codec.exact_lookahead or errors[codec.lookahead] < 5.0
    exact = kinetoken.load(tmp_path / "bundle", lookahead=codec.exact_lookahead).generate(
        "walk", seconds=2, seed=1
    )
    soon = kinetoken.load(tmp_path / "bundle", lookahead=0).generate("walk", seconds=2, seed=1)
    assert exact.codes is not None
    np.testing.assert_array_equal(exact.codes, soon.codes)
    assert not np.array_equal(exact.joints, soon.joints)


def test_a_pruned_vocabulary_goes_with_every_format(sources: Path, tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_text("a person walks forward")
    assert export(sources, tmp_path / "bundle", "--prune-vocab", str(tmp_path / "corpus.txt")) == 0
    assert export(sources, tmp_path / "whole") == 0
    small, whole = (
        read_manifest(tmp_path / name).language_model.vocab_size for name in ("bundle", "whole")
    )
    assert small < whole
    assert (
        len(
            kinetoken.load(tmp_path / "bundle").generate(
                "walk \u4e00\u4e2a\u4eba", seconds=1, seed=1
            )
        )
        == 20
    )


def drop_shard(model: Path) -> None:
    (model / "model-00002-of-00002.safetensors").unlink()


def cut_shard(model: Path) -> None:
    path = model / "model-00001-of-00002.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def drop_tensor(model: Path) -> None:
    path = model / "model-00001-of-00002.safetensors"
    state = load_file(path)
    state.pop(sorted(state)[0])
    save_file(state, path)


def tokens(edit: Callable[[list[dict[str, object]]], list[dict[str, object]]]) -> Edit:
    def apply(model: Path) -> None:
        path = model / "tokenizer.json"
        data = json.loads(path.read_text())
        data["added_tokens"] = edit(data["added_tokens"])
        path.write_text(json.dumps(data))

    return apply


def configured(**changes: object) -> Edit:
    def apply(model: Path) -> None:
        path = model / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return apply


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (drop_shard, "expected a shard at"),
        (cut_shard, "expected a whole safetensors file"),
        (drop_tensor, "found none"),
        (lambda model: (model / "config.json").unlink(), "config.json"),
        (lambda model: (model / "tokenizer.json").unlink(), "tokenizer"),
        (
            tokens(lambda added: [t for t in added if not str(t["content"]).startswith("<m")]),
            "was not trained to move",
        ),
        (
            tokens(lambda added: [t for t in added if t["content"] != "<m_1_5>"]),
            "<m_1_5> is missing",
        ),
        (
            tokens(lambda added: [t for t in added if not str(t["content"]).startswith("<m_2_")]),
            "level 2 is missing",
        ),
        (configured(architectures=["BloomForCausalLM"]), "got BloomForCausalLM"),
        (configured(vocab_size=100), "as config.json says"),
        (lambda model: (model / "chat_template.jinja").write_text("{{"), "chat template"),
    ],
)
def test_a_broken_checkpoint_is_one_line_and_leaves_no_bundle(
    sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], edit: Edit, message: str
) -> None:
    shutil.copytree(sources / "model", tmp_path / "model")
    edit(tmp_path / "model")
    refused(
        capsys, message, lambda: export(tmp_path, tmp_path / "bundle", codec=str(sources / "codec"))
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


def refused(capsys: pytest.CaptureFixture[str], message: str, act: Callable[[], int]) -> None:
    capsys.readouterr()
    assert act() in range(2, 7)
    error = capsys.readouterr().err.strip()
    assert message in error
    assert len(error.splitlines()) == 1
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda codec: write_codec(codec, 3, CODES),
            f"expected a codec of {LEVELS} levels x {CODES} codes",
        ),
        (lambda codec: write_codec(codec, LEVELS, 12), "got 4 x 12"),
        (lambda codec: np.save(codec / "Mean.npy", np.zeros(251, np.float32)), "263"),
        (lambda codec: (codec / "Std.npy").unlink(), "Std.npy"),
        (lambda codec: (codec / "net.tar").write_bytes(b"nonsense"), "net.tar"),
        (lambda codec: (codec / "rvq_model.py").write_text("raise SystemExit(9)"), "--trust-code"),
    ],
)
def test_a_broken_codec_is_one_line_and_leaves_no_bundle(
    sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], edit: Edit, message: str
) -> None:
    shutil.copytree(sources / "codec", tmp_path / "codec")
    edit(tmp_path / "codec")
    refused(
        capsys, message, lambda: export(tmp_path, tmp_path / "bundle", model=str(sources / "model"))
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["codec"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--quant", "int3"), "int4"),
        (("--format", "gguf", "--graph", "portable"), "--graph portable is a form of ONNX"),
        (("--vision-quant", "q8_0"), "--vision-quant is for the vision tower of a GGUF bundle"),
        (("--importance", "own"), "GGUF"),
        (("--lookahead", "1000"), "expected 0 to"),
        (("--context", "100000"), "expected a context of 1 to"),
        (("--prune-vocab", "/no/such/corpus"), "/no/such/corpus"),
    ],
)
def test_options_that_make_no_sense_are_one_line(
    sources: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    message: str,
) -> None:
    refused(capsys, message, lambda: export(sources, tmp_path / "bundle", *options))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_room_is_told_before_the_work(
    sources: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from kinetoken_export.bundle import build

    monkeypatch.setattr(build.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    refused(capsys, "GB of free disk space", lambda: export(sources, tmp_path / "bundle"))
    assert list(tmp_path.iterdir()) == []


def test_an_existing_bundle_stays_until_the_new_one_is_whole(
    sources: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "bundle"
    assert export(sources, out, "--name", "old") == 0
    refused(capsys, "--force to replace it", lambda: export(sources, out, "--name", "new"))
    from kinetoken_export.bundle import build

    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(build, "measured_codec", interrupted)
        assert export(sources, out, "--name", "new", "--force") == 130
    assert read_manifest(out).name == "old"
    assert export(sources, out, "--name", "new", "--force") == 0
    assert read_manifest(out).name == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle"]


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_killed_export_leaves_the_old_bundle_and_the_next_one_starts_clean(
    sources: Path, tmp_path: Path
) -> None:
    out = tmp_path / "bundle"
    assert export(sources, out, "--name", "old") == 0
    command = [
        sys.executable,
        "-m",
        "kinetoken",
        "export",
        str(sources / "model"),
        "--codec",
        str(sources / "codec"),
    ]
    path = os.pathsep.join(filter(None, sys.path))
    child = subprocess.Popen(
        [*command, "-o", str(out), "--force"],
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while (
        not list(tmp_path.glob(".bundle.new.*/lm.data"))
        and time.monotonic() < deadline
        and child.poll() is None
    ):
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.wait()
    verify_files(out, read_manifest(out))
    assert read_manifest(out).name == "old"
    assert export(sources, out, "--name", "new", "--force") == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle"]


@pytest.mark.parametrize("given", ["own", "prompts.txt"])
def test_importance_comes_from_own_answers(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    pytest.importorskip("gguf")
    needs_llama()
    from kinetoken_export.gguf import importance as importance_module
    from kinetoken_export.gguf import language_model

    (tmp_path / "prompts.txt").write_text("walk\njump\n")
    monkeypatch.setattr(importance_module, "SAMPLE_PROMPTS", ("run",))
    seen: list[object] = []
    real = language_model.export_gguf
    monkeypatch.setattr(
        language_model,
        "export_gguf",
        lambda *a, **k: (seen.append((a[3].name, k["importance"])), real(*a, **k))[1],
    )
    monkeypatch.chdir(tmp_path)
    assert (
        export(
            sources,
            tmp_path / "bundle",
            "--format",
            "gguf",
            "--quant",
            "q2_k_s",
            "--importance",
            given,
        )
        == 0
    )
    (draft, none), (name, importance) = seen
    assert (draft, none, name) == ("q8_0", None, "q2_k_s")
    assert {"blk.0.attn_q.weight", "blk.1.ffn_down.weight"} <= set(importance)
    assert len(kinetoken.load(tmp_path / "bundle").generate("walk", seconds=1, seed=1)) == 20


def test_a_quantization_that_needs_importance_says_so(
    sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("gguf")
    needs_llama()
    refused(
        capsys,
        "--importance own",
        lambda: export(sources, tmp_path / "b", "--format", "gguf", "--quant", "iq2_m"),
    )


def test_the_draft_that_importance_is_measured_with_needs_room_too(sources: Path) -> None:
    pytest.importorskip("gguf")
    from kinetoken_export.bundle.language_model import bytes_needed
    from kinetoken_export.bundle.request import ExportRequest
    from kinetoken_export.checkpoint.sources import Source
    from kinetoken_export.checkpoint.tensors import Checkpoint

    source = Source(sources / "model", "model", "", "unknown")
    plain = ExportRequest(
        source, source, sources / "out", "x", format="gguf", quant="iq2_m", importance=None
    )
    draft, checkpoint = replace(plain, quant="q8_0"), Checkpoint(sources / "model")
    weighed = bytes_needed(replace(plain, importance="own"), checkpoint)
    assert weighed == bytes_needed(plain, checkpoint) + bytes_needed(draft, checkpoint)
