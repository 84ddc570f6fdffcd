"""Pipes and devices where a file is expected: every command refuses them at once, in one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from batch_runs import Run
from kinetoken.cli import decode
from kinetoken.manifest.manifest_file import read_manifest

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")

COMMANDS = {
    "decode": ("{}", "-o", "out.npz"),
    "convert": ("{}.npz", "out.bvh"),
    "convert bvh": ("{}.bvh", "out.npz"),
    "convert glb": ("{}.glb", "out.npz"),
    "convert vrma": ("{}.vrma", "out.npz"),
    "convert npy": ("{}.npy", "out.npz"),
    "batch": ("{}", "-o", "out"),
    "inspect": ("{}",),
    "generate": ("a person waves", "--bundle", "{}"),
    "chat": ("--history-file", "{}"),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_every_command_refuses_a_pipe(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [word.format("pipe") for word in COMMANDS[case]]
    os.mkfifo(next(word for word in words if word.startswith("pipe")))
    before = sorted(tmp_path.iterdir())
    code, out, told = run(case.split()[0], *words)
    assert code in (2, 3, 5), told
    assert out == ""
    assert told.count("\n") == 1, told
    assert told.startswith("kinetoken: "), told
    assert sorted(tmp_path.iterdir()) == before


def test_a_device_without_end_is_refused(tmp_path: Path, run: Run) -> None:
    (tmp_path / "walk.bvh").symlink_to("/dev/zero")
    code, _, told = run("convert", tmp_path / "walk.bvh", tmp_path / "out.npz")
    assert code == 3
    assert "it is a device, not a file" in told


@pytest.mark.parametrize("part", ["bundle.json", "tokenizer", "decoder", "codebooks", "graph"])
def test_a_pipe_in_a_bundle_is_refused(part: str, own_tiny: Path, run: Run) -> None:
    manifest = read_manifest(own_tiny)
    files = {
        "tokenizer": manifest.tokenizer.file,
        "decoder": manifest.codec.decoder,
        "codebooks": manifest.codec.codebooks,
        "graph": manifest.language_model.file,
    }
    path = own_tiny / files.get(part, part)
    path.unlink()
    os.mkfifo(path)
    code, _, told = run("generate", "a person waves", "--bundle", own_tiny)
    assert code == 3
    assert told.count("\n") == 1, told


def test_a_text_of_too_many_frames_is_refused_before_it_is_decoded(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "MAX_FRAMES", 8)
    text = tmp_path / "answer.txt"
    text.write_text("<move>" + "<m_0_1><m_1_2><m_2_3><m_3_4>" * 3 + "</move>", encoding="utf-8")
    code, _, told = run("decode", text, "-o", tmp_path / "x.npz")
    assert code == 3
    assert "expected at most 2 code frames, got 3; cut it into pieces" in told


def test_standard_input_without_end_is_refused(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "LARGEST_TEXT", 1 << 16)
    with open("/dev/zero", encoding="utf-8") as zeros:
        monkeypatch.setattr("sys.stdin", zeros)
        code, _, told = run("decode", "-", "-o", tmp_path / "x.npz")
    assert code == 3
    assert told.startswith("kinetoken: standard input: expected at most 65,536 bytes, got more")
