"""Every block of the pages runs as written, in the environment that its page names.

`make docs` runs the slow ones too.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import kinetoken
from doc_blocks import PAGES, ROOT, Block, blocks
from doc_runner import PageRun, missing_packages

EVERYTHING = os.environ.get("KINETOKEN_DOCS") == "all"
"""The slow blocks too."""
DEMO = ROOT / "export" / "checkpoints" / "demo"
RUN = {"run", "slow"} if EVERYTHING else {"run"}


def wanted(page: Path) -> list[Block]:
    return [block for block in blocks(page) if block.how in RUN and block.language != "powershell"]


@pytest.fixture(scope="module")
def walk() -> kinetoken.Clip:
    return kinetoken.load(threads=1).generate("a person walks forward", seconds=2, seed=7)


@pytest.mark.parametrize(
    "page", list(filter(wanted, PAGES)), ids=lambda page: str(page.relative_to(ROOT))
)
def test_the_blocks_of_a_page_run(page: Path, tmp_path: Path, walk: kinetoken.Clip) -> None:
    run = PageRun(tmp_path / "clone")
    skipped = []
    try:
        for block in wanted(page):
            missing = missing_packages(block.extras)
            if missing:
                skipped.append(f"{block.place} needs {', '.join(missing)}")
                continue
            for name in block.given:
                give(name, run.folder / name, walk)
            run.run(block)
    finally:
        run.close()
    if skipped:
        pytest.skip("; ".join(skipped))


def give(name: str, path: Path, walk: kinetoken.Clip) -> None:
    """Put a file that a page takes for granted where its block expects it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if name in GIVEN:
        GIVEN[name](path, walk)
    else:
        walk.save(path)


def _link(target: Path) -> Callable[[Path, kinetoken.Clip], None]:
    return lambda path, walk: path.symlink_to(target)


def _text(text: str) -> Callable[[Path, kinetoken.Clip], None]:
    return lambda path, walk: path.write_text(text) and None


def _results(path: Path, walk: kinetoken.Clip) -> None:
    """Write results.npy as motion-diffusion-model does: a pickled dictionary, motion (n, 22, 3, T)."""
    motion = np.moveaxis(walk.joints, 0, -1)[None]
    np.save(path, np.array({"motion": motion, "text": ["walk"]}, dtype=object), allow_pickle=True)


def _smpl(path: Path, walk: kinetoken.Clip) -> None:
    walk.save(path.with_suffix(".amass.npz"))
    path.with_suffix(".amass.npz").rename(path)


def _answer(path: Path, walk: kinetoken.Clip) -> None:
    path.write_text(walk.text)


def _named(path: Path, walk: kinetoken.Clip) -> None:
    """Write a file whose animation is called Wave."""
    replace(walk, prompt="Wave").save(path)


GIVEN: dict[str, Callable[[Path, kinetoken.Clip], None]] = {
    "path/to/model": _link(DEMO / "lm"),
    "path/to/codec": _link(DEMO / "codec"),
    "answer.txt": _answer,
    "heroes.glb": _named,
    "results.npy": _results,
    "mocap_poses.npz": _smpl,
    "prompts.jsonl": _text(
        '{"prompt": "a person walks forward", "seconds": 1}\n{"prompt": "wave"}\n'
    ),
    "prompts.txt": _text("a person jumps\na person bows\n"),
}
