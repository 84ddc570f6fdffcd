"""`kinetoken train-demo prepare`: a folder of CMU BVH files to the clip collection."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kinetoken.base.atomic_file import atomic_path
from kinetoken.base.errors import FormatError, InputError
from kinetoken.cli.terminal import progress

from .bvh import read_cmu_bvh
from .clips import HELD_OUT, Joints, clip_id, open_clips, sift_clips, take_id
from .retarget import retarget, source_fps


def prepare(source: Path, work: Path, extra: Sequence[Path] = ()) -> None:
    """Read the BVH files in `source`, retarget, sift, and write `work`/clips.npz and clips.json.

    `extra` are npz files of clips already on the 22 joints (id -> (T, 22, 3), 20 fps, metres).
    Those whose ids the BVH files give too are skipped.
    """
    files = sorted(p for p in source.rglob("*.bvh") if p.stem != "standard")
    if not files:
        raise InputError(
            f"expected CMU .bvh files under {source}, found none: give the folder that holds them"
        )
    clips: dict[str, Joints] = {}
    unread: dict[str, str] = {}
    for path in progress(files, "retargeting"):
        try:
            motion = read_cmu_bvh(path)
            clips[clip_id(path.stem)] = retarget(motion, source_fps(path.stem, motion.frame_time))
        except FormatError as error:
            unread[clip_id(path.stem)] = str(error)
    for path in extra:
        clips = clips | _extra_clips(path, known=set(clips))
    kept, dropped = sift_clips(clips)
    if not kept:
        name, why = next(iter((unread | dropped).items()))
        raise InputError(
            f"expected CMU motion in the {len(files)} .bvh files under {source}, none can be used "
            f"({name}: {why}): unpack archives first, and give the folder of a CMU conversion"
        )
    work.mkdir(parents=True, exist_ok=True)
    with atomic_path(work / "clips.npz") as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **kept)  # type: ignore[arg-type]
    marked = sorted(k for k in kept if take_id(k) in HELD_OUT)
    report = {
        "kept": {k: len(v) for k, v in kept.items()},
        "dropped": unread | dropped,
        "held_out": marked,
    }
    with atomic_path(work / "clips.json") as temporary:
        Path(temporary).write_text(json.dumps(report, indent=1), encoding="utf-8")
    minutes = sum(len(v) for v in kept.values()) / 20 / 60
    print(
        f"{len(kept)} clips, {minutes:.0f} minutes, {len(marked)} held out; "
        f"{len(unread | dropped)} left out or cut"
    )


def _extra_clips(path: Path, known: set[str]) -> dict[str, Joints]:
    with open_clips(path) as archive:
        # pb_ (pybullet) clips do not state where they were captured: they stay out of what is
        # shipped.
        names = [n for n in archive.files if n not in known and not n.startswith("pb_")]
        return {name: archive[name].astype(np.float32) for name in names}
