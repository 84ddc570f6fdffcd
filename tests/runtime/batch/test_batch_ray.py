"""A batch over a local Ray cluster: a worker is killed half way, and no clip is missing and none there twice.

Ray takes seconds to start, so one cluster serves all. Its processes are others', and found by name among its descendants.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ray", reason="needs ray, in kinetoken[ray]")
if not Path("/proc/self/stat").exists():
    pytest.skip("the worker to kill is looked for in /proc", allow_module_level=True)

import kinetoken
from kinetoken import Clip
from kinetoken.base.errors import EngineError, InputError
from kinetoken.batch.cluster import check_answers

CLIPS = 120
FRAMES = 20
PATIENCE = 120  # seconds
NO_TOKEN = {
    "RAY_AUTH_MODE": "disabled"
}  # a cluster of this machine's own; Ray writes no token into the user's home


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """Address of a cluster of two processors, and its first process."""
    with socket.socket() as stream:
        stream.bind(("127.0.0.1", 0))
        port = stream.getsockname()[1]
    folder = tmp_path_factory.mktemp("r")
    command = [
        str(Path(sys.executable).with_name("ray")), "start", "--head", "--block",
        f"--port={port}", "--num-cpus=2", "--include-dashboard=false", "--disable-usage-stats",
        "--min-worker-port=0", "--max-worker-port=0", f"--temp-dir={folder}",
    ]  # fmt: skip
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(
            command, env=environment(), stdout=said, stderr=said, start_new_session=True
        )
    try:
        wait_for(lambda: "Ray runtime started" in (folder / "said").read_text())
        yield f"127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(60)


def environment() -> dict[str, str]:
    """Processes find kinetoken where this one does."""
    root = Path(kinetoken.__file__).parents[2]
    roots = os.pathsep.join(str(root / name) for name in ("runtime", "export", "native_viewer"))
    return os.environ | NO_TOKEN | {"PYTHONPATH": roots}


def wait_for(there: object, seconds: float = PATIENCE) -> None:
    assert callable(there)
    until = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < until
        time.sleep(0.02)


def start(address: str, tiny: Path, prompts: Path, out: Path) -> subprocess.Popen[str]:
    command = [
        sys.executable, "-m", "kinetoken", "batch", str(prompts), "-o", str(out), "--bundle", str(tiny), "--seed", "3",
        "--ray", address, "--ray-workers", "2", "--parallel", "2", "--seconds", str(FRAMES / 5),
    ]  # fmt: skip
    return subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def workers(ancestor: int) -> list[int]:
    """Processes of the cluster that make clips."""
    parents, found = {}, []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int(
                (folder / "stat").read_text().rpartition(")")[2].split()[1]
            )
            if (folder / "cmdline").read_bytes().startswith(b"ray::Worker"):
                found.append(int(folder.name))
        except (OSError, ValueError):  # it ended meanwhile
            continue

    def belongs(process: int) -> bool:
        return process == ancestor or (process in parents and belongs(parents[process]))

    return [process for process in found if belongs(process)]


def test_a_worker_is_killed_half_way_and_no_clip_is_missing_and_none_is_there_twice(
    cluster: tuple[str, int], tiny: Path, tmp_path: Path, generator: kinetoken.Generator
) -> None:
    address, head = cluster
    prompts, out = tmp_path / "p.txt", tmp_path / "clips"
    prompts.write_text("a person walks\n" * CLIPS, encoding="utf-8")
    process = start(address, tiny, prompts, out)
    wait_for(lambda: process.poll() is not None or len(list(out.glob("*.npz"))) > 5)
    assert process.poll() is None, process.communicate()
    before = workers(head)
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    made = len(list(out.glob("*.npz")))
    said, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert err.startswith(
        "kinetoken: warning: a worker of the cluster is lost, others do its work: "
    )
    assert len(err.splitlines()) == 1
    assert made < CLIPS
    assert said.startswith(f"{CLIPS} clips made: ")
    rows = [json.loads(row) for row in (out / "report.jsonl").read_text().splitlines()]
    assert [row["line"] for row in rows] == list(range(1, CLIPS + 1))
    for row in rows[:: CLIPS // 8]:
        clip = Clip.load(out / f"{row['id']}.npz")
        alone = generator.generate(
            "a person walks", code_frames=FRAMES, seed=row["options"]["seed"]
        )
        np.testing.assert_array_equal(clip.joints, alone.joints)
        assert clip.text == alone.text


def test_ctrl_c_keeps_what_came_and_the_same_command_goes_on(
    cluster: tuple[str, int], tiny: Path, tmp_path: Path
) -> None:
    prompts, out = tmp_path / "p.jsonl", tmp_path / "clips"
    bad = ['{"prompt": "walk", "seconds": 600, "code_frames": null}', '{"prompt": 1}']
    prompts.write_text("\n".join(['{"prompt": "walk"}'] * CLIPS + bad), encoding="utf-8")
    process = start(cluster[0], tiny, prompts, out)
    wait_for(lambda: process.poll() is not None or len(list(out.glob("*.npz"))) > 5)
    process.send_signal(signal.SIGINT)
    said, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    clips = len(list(out.glob("*.npz")))
    assert said.startswith(f"{clips} clips made: ")
    assert "Traceback" not in err
    process = start(cluster[0], tiny, prompts, out)
    said, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 3
    assert said.startswith(f"{CLIPS - clips} clips made, {clips} existed")
    assert [f"line {CLIPS + 1}: " in err, f"line {CLIPS + 2}: " in err] == [True, True]


def test_workers_without_the_model_say_so(
    cluster: tuple[str, int], own_tiny: Path, tmp_path: Path
) -> None:
    (own_tiny / "lm.onnx").write_bytes(b"damaged")
    (tmp_path / "p.txt").write_text("walk", encoding="utf-8")
    process = start(cluster[0], own_tiny, tmp_path / "p.txt", tmp_path / "clips")
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 6
    assert err.splitlines()[-1].startswith("kinetoken: no worker of the cluster can start: ")


def test_an_address_that_nobody_answers_at_is_one_line(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("walk", encoding="utf-8")
    process = start("127.0.0.1:1", tiny, tmp_path / "p.txt", tmp_path / "clips")
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == EngineError.exit_code
    assert err.startswith(
        "kinetoken: nobody answers at 127.0.0.1:1 (Connection refused); start Ray there"
    )
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "address", ["", "head", "head:", ":6379", "head:0", "head:65536", "head:x"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InputError, match="expected HOST:PORT"):
        check_answers(address)
