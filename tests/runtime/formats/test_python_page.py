"""docs/python.md and the log for Rerun: every block runs, and Rerun's own tool reads the file."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kinetoken import Clip, MotionChunk, TextChunk
from kinetoken.base.errors import MissingPackageError
from synthetic_motion import walking

PAGE = Path(__file__).parents[3] / "docs" / "python.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
CLIP = Clip(walking(12), prompt="walk", text="I walk.")


def test_the_blocks_run(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KINETOKEN_BUNDLE", str(tiny))
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in BLOCKS:
        if "import rerun" not in block:
            exec(compile(block, "python.md", "exec"), names)
    said = capsys.readouterr().out
    assert "(40, 22, 3)" in said
    assert "SMPL" in said
    assert (tmp_path / "own.bvh").exists()


def test_the_block_of_rerun_runs(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("rerun")
    monkeypatch.setenv("KINETOKEN_BUNDLE", str(tiny))
    monkeypatch.chdir(tmp_path)
    import kinetoken

    names: dict[str, object] = {"generator": kinetoken.load(), "clip": CLIP}
    exec(compile(next(b for b in BLOCKS if "import rerun" in b), "python.md", "exec"), names)
    assert (tmp_path / "wave.rrd").stat().st_size > 1000


def chunks() -> Iterator[TextChunk | MotionChunk]:
    yield TextChunk("I ")
    for start in (0, 4, 8):
        joints = CLIP.joints[start : start + 4]
        yield MotionChunk(start, joints, np.zeros((4, 263), np.float32), np.zeros((1, 4), int))
        yield TextChunk("walk. ")


def test_rerun_reads_every_frame_and_every_word(tmp_path: Path) -> None:
    rerun = pytest.importorskip("rerun")
    from kinetoken.formats.rerun import log_clip, log_stream

    recording = rerun.RecordingStream("test")
    recording.save(str(tmp_path / "x.rrd"))
    came = list(log_stream(chunks(), recording=recording))
    assert [type(chunk) for chunk in came] == [type(chunk) for chunk in chunks()]
    log_clip(CLIP, entity="whole", recording=recording)
    recording.flush()
    rows = dict.fromkeys(("/kinetoken/body", "/kinetoken/text/log", "/whole/body"), 0)
    for count, entity in re.findall(
        r"with (\d+) rows .*? - (\S+) - .*(?:positions|TextLog)", printed(tmp_path)
    ):
        rows[entity] = rows.get(entity, 0) + int(count)
    assert rows["/kinetoken/body"] == rows["/whole/body"] == len(CLIP)
    assert rows["/kinetoken/text/log"] == 4
    found = re.findall(r"\[\[(-?\d+\.[-\de]+), ([-\d.e]+), ([-\d.e]+)\]", printed(tmp_path, "-vvv"))
    pelvis = np.array(found, np.float64)  # of both bodies, one after the other
    np.testing.assert_allclose(pelvis, np.tile(CLIP.joints[:, 0], (2, 1)), atol=1e-6)


def test_without_rerun_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)
    monkeypatch.delitem(sys.modules, "kinetoken.formats.rerun", raising=False)
    with pytest.raises(MissingPackageError, match=r'pip install "\.\[rerun\]"'):
        importlib.import_module("kinetoken.formats.rerun")


def printed(folder: Path, *options: str) -> str:
    """What Rerun's own tool reads in x.rrd."""
    command = [sys.executable, "-m", "rerun", "rrd", "print", *options, str(folder / "x.rrd")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout
