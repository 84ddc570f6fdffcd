"""Whole inputs of every kind that kinetoken reads, for a fuzzer to spoil."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

from kinetoken import Clip
from kinetoken.chat.history_file import write_chat
from kinetoken.formats.numpy_files.npy import write_npy
from kinetoken.generation.chat_format import Said
from kinetoken.manifest.file_info import FileInfo
from kinetoken.manifest.manifest_file import read_manifest
from synthetic_motion import walking
from tiny_bundle import build_tiny_bundle

FRAME = "<m_0_1><m_1_2><m_2_3><m_3_4>"
TEXT = f"I walk. <move>{FRAME * 6}</move> And on. <move>{FRAME * 4}</move>"
PROMPTS = (
    "\n".join(
        json.dumps(line)
        for line in (
            {"prompt": "a person walks", "id": "a", "seed": 3, "seconds": 0.8},
            {"prompt": "a person waves", "seconds": 1, "temperature": 0.7, "top_k": 5},
        )
    )
    + "\n"
)


@dataclass(frozen=True)
class Material:
    """Folders and files that no case may change."""

    folder: Path
    bundle: Path
    checkpoint: Path | None
    """None without torch, as is the codec."""
    codec: Path | None
    clips: tuple[Path, ...]
    history: Path


def build_material(folder: Path) -> Material:
    """Write everything into a folder."""
    bundle = build_tiny_bundle(folder / "bundle")
    clip = Clip(
        joints=walking(12), fps=20.0, prompt="walk", text=TEXT, seed=3, meta={"foot_lock": "on"}
    )
    clips = []
    for ending in ("npz", "amass.npz", "bvh", "glb", "vrma"):
        clip.save(folder / f"clip.{ending}")
        clips.append(folder / f"clip.{ending}")
    for array in ("joints", "features"):
        write_npy(clip, folder / f"{array}.npy", array)
        clips.append(folder / f"{array}.npy")
    manifest = read_manifest(bundle)
    first = manifest.motion.levels[0][0]
    answer = (1, 2, manifest.motion.move_start or 0, first, manifest.motion.move_end or 0)
    write_chat(folder / "chat.json", manifest, [Said("walk", answer)] if answer else [], walking(2))
    checkpoint, codec = _sources(folder)
    return Material(folder, bundle, checkpoint, codec, tuple(clips), folder / "chat.json")


def _sources(folder: Path) -> tuple[Path | None, Path | None]:
    if importlib.util.find_spec("torch") is None:
        return None, None
    import torch

    from codec_states import residual_state, write_statistics
    from tiny_checkpoint import build_checkpoint

    torch.set_num_threads(1)  # miniatures are done before a second thread has woken up
    checkpoint = build_checkpoint(folder / "model", levels=4, codes=16)
    hints = {"max_seconds": 4.0, "min_frames": 2, "examples": ["a person walks"]}
    (checkpoint / "kinetoken.json").write_text(json.dumps(hints), encoding="utf-8")
    write_statistics(folder / "codec")
    torch.save({"vq_model": residual_state(4, 16)}, folder / "codec" / "net.tar")
    settings = {
        "nb_code": 16,
        "code_dim": 8,
        "num_quantizers": 4,
        "down_t": 2,
        "stride_t": 2,
        "depth": 3,
    }
    (folder / "codec" / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    return checkpoint, folder / "codec"


def replace_in_bundle(bundle: Path, name: str, raw: bytes) -> None:
    """Write another file into a bundle, and its digest into the manifest."""
    (bundle / name).write_bytes(raw)
    manifest = read_manifest(bundle)
    files = {**manifest.files, name: FileInfo.of(bundle / name)}
    text = json.dumps(dataclasses.replace(manifest, files=files).to_dict())
    (bundle / "bundle.json").write_text(text, encoding="utf-8")
