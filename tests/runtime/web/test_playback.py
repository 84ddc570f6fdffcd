"""The view of one tab on the motion, in Node: a server that is late skips frames, never time."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from kinetoken.live.browser.page_files import PAGE_FOLDER

SCRIPT = """
import { Playback } from "./playback.mjs";
const frame = (index, time) => ({ index, time, joints: Float32Array.of(time), rotations: new Float32Array(4), others: [] });
const view = new Playback(60);
for (let i = 0; i <= 20; i += 1) view.push(frame(i, 5 + i / 10)); // 10 a second instead of 60: 2 s of motion
const length = view.newest - view.oldest;
view.loop({ start: view.oldest, end: view.newest });
const shown = [0, 0.5, 0.5, 0.5].map((seconds) => view.advance(seconds).joints[0]);
const again = view.advance(0.6).joints[0];
for (let i = 21; i <= 50; i += 1) view.push(frame(i, 7)); // the pose is held
const held = view.newest;
view.push(frame(51, 0.02)); // another motion begins
const other = view.newest;
view.push(frame(3, 0)); // another stream
console.log(JSON.stringify({ length, shown, again, held, other, still: view.frames.length }));
"""


def test_time_is_that_of_the_motion(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    (tmp_path / "playback.mjs").write_bytes((PAGE_FOLDER / "playback.js").read_bytes())
    (tmp_path / "run.mjs").write_text(SCRIPT)
    done = subprocess.run(
        [node, "run.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    found = json.loads(done.stdout)
    assert found["length"] == pytest.approx(120)  # positions: 2 s at the stream's 60 a second
    assert found["shown"] == pytest.approx([5.0, 5.5, 6.0, 6.5], abs=1e-3)
    assert found["again"] == pytest.approx(5.0, abs=1e-3)
    assert found["held"] == pytest.approx(150)
    assert found["other"] == pytest.approx(151)
    assert found["still"] == 1
