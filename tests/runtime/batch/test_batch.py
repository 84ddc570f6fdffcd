"""Many prompts: each clip is the one that its line makes alone, and the folder can be gone on with, whatever went wrong."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import kinetoken
from batch_runs import JOBS, Run
from fake_server import serving, tokens
from kinetoken import Clip, GenerateOptions, InputError
from kinetoken.base.errors import EngineError, FormatError, OutputError
from kinetoken.batch.batch_run import answer_all
from kinetoken.batch.dispatch import MAX_LOSSES, Dispatch
from kinetoken.batch.folder import REPORT_FILE, BatchFolder
from kinetoken.batch.jobs import ClipAnswer, Job, Problem
from kinetoken.batch.prompts import MAX_LINE_BYTES, read_prompts_file
from kinetoken.batch.server_requests import answer_by_server
from kinetoken.batch.worker import Worker, WorkerSetup
from kinetoken.engines.load_options import LoadOptions
from kinetoken.engines.tokenizer import HfTokenizer
from kinetoken.formats.registry import WRITABLE
from kinetoken.generation.bundle import open_bundle
from tiny_bundle import build_tiny_bundle

USUAL = GenerateOptions()


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    """Four good lines."""
    rows = [
        {"prompt": "a person walks", "id": "walk", "seconds": 0.8},
        {"prompt": "a person waves", "seed": 7, "seconds": 0.4},
        {"prompt": "a person jumps", "code_frames": 2, "levels": 1},
        {"prompt": "a person turns", "id": 12, "max_seconds": 1},
    ]
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def same(one: Clip, other: Clip) -> None:
    np.testing.assert_array_equal(one.joints, other.joints)
    assert (one.text, one.seed, one.prompt, one.fps) == (
        other.text,
        other.seed,
        other.prompt,
        other.fps,
    )
    assert one.meta == other.meta


@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_every_answer_is_the_one_that_its_prompt_gets_alone(
    tiny: Path, generator: kinetoken.Generator, size: int
) -> None:
    answers = list(answer_all(open_bundle(tiny, LoadOptions(threads=1)), JOBS, size))
    assert sorted(answer.job.name for answer in answers if isinstance(answer, ClipAnswer)) == list(
        "abcde"
    )
    for answer in answers:
        assert isinstance(answer, ClipAnswer)
        alone = generator.stream(answer.job.prompt, answer.job.options)
        for _ in alone:
            pass
        same(answer.clip, alone.clip())
        assert answer.thought == alone.thought


def test_a_seat_that_is_free_is_taken_at_once(tiny: Path) -> None:
    bundle = open_bundle(tiny, LoadOptions(threads=1))
    short = GenerateOptions(code_frames=1, thought="none", seed=1)
    jobs = [Job.of(1, "long", "walk", GenerateOptions(code_frames=30, thought="none", seed=1))]
    jobs += [Job.of(n, str(n), "walk", short) for n in range(2, 8)]
    names = [
        answer.job.name for answer in answer_all(bundle, jobs, 2) if isinstance(answer, ClipAnswer)
    ]
    assert names == ["2", "3", "4", "5", "6", "7", "long"]


def test_what_cannot_be_met_is_a_problem_of_its_line_alone(tiny: Path) -> None:
    jobs = [JOBS[0], Job.of(9, "x", "walk", GenerateOptions(seconds=5000.0)), JOBS[2]]
    answers = list(answer_all(open_bundle(tiny, LoadOptions(threads=1)), jobs, 2))
    (problem,) = [answer for answer in answers if isinstance(answer, Problem)]
    assert problem.line == 9
    assert "does not fit one answer" in problem.message
    assert len(answers) == 3


def test_the_folder_of_a_batch(run: Run, prompts: Path, tmp_path: Path) -> None:
    out = tmp_path / "clips"
    code, said, err = run("batch", prompts, "-o", out, "--seed", 5, "--parallel", 2)
    assert (code, err) == (0, "")
    assert said.startswith("4 clips made: ")
    assert {path.name for path in out.iterdir()} == {
        "walk.npz", "000002.npz", "000003.npz", "12.npz", "batch.json", "report.jsonl",
    }  # fmt: skip
    rows = [json.loads(line) for line in (out / REPORT_FILE).read_text().splitlines()]
    assert [row["line"] for row in rows] == [1, 2, 3, 4]
    assert rows[1]["options"] == {"seconds": 0.4, "seed": 7}
    for row in rows:
        clip = Clip.load(out / f"{row['id']}.npz")
        assert (clip.prompt, clip.seed, len(clip)) == (
            row["prompt"],
            row["options"]["seed"],
            row["frames"],
        )
    info = json.loads((out / "batch.json").read_text())
    assert (info["seed"], info["clips"], info["prompts"]) == (5, "npz", "prompts.jsonl")


def test_a_reported_seed_makes_the_same_clip_again(run: Run, prompts: Path, tmp_path: Path) -> None:
    run("batch", prompts, "-o", tmp_path / "clips")
    row = json.loads((tmp_path / "clips" / REPORT_FILE).read_text().splitlines()[0])
    again = tmp_path / "again.npz"
    assert (
        run(
            "generate",
            row["prompt"],
            "--seconds",
            0.8,
            "--seed",
            row["options"]["seed"],
            "-o",
            again,
        )[0]
        == 0
    )
    same(Clip.load(again), Clip.load(tmp_path / "clips" / "walk.npz"))


def test_nothing_that_is_there_is_made_again(run: Run, prompts: Path, tmp_path: Path) -> None:
    out = tmp_path / "clips"
    run("batch", prompts, "-o", out)
    times = {path.name: path.stat().st_mtime_ns for path in out.glob("*.npz")}
    (out / "walk.npz").unlink()
    code, said, _ = run("batch", prompts, "-o", out)
    assert code == 0
    assert said.startswith("1 clip made, 3 existed: ")
    for name in set(times) - {"walk.npz"}:
        assert (out / name).stat().st_mtime_ns == times[name]
    assert len((out / REPORT_FILE).read_text().splitlines()) == 4
    code, said, _ = run("batch", prompts, "-o", out, "--json")
    assert (code, json.loads(said)["made"], json.loads(said)["there_before"]) == (0, 0, 4)


def test_a_clip_has_the_same_seed_however_often_the_batch_was_stopped(
    run: Run, prompts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "clips"
    run("batch", prompts, "-o", out)
    first = Clip.load(out / "walk.npz")
    (out / "walk.npz").unlink()
    (out / "12.npz").unlink()
    run("batch", prompts, "-o", out)
    same(Clip.load(out / "walk.npz"), first)


BAD = [
    (b"not json", "expected a JSON object"),
    (b"[1]", "expected a JSON object such as"),
    (b'{"id": "x"}', "'prompt' is missing"),
    (b'{"prompt": 3}', "expected text, got 3"),
    (b'{"prompt": " "}', "the prompt is empty"),
    (b'{"prompt": "walk", "secnds": 2}', "did you mean 'seconds'?"),
    (b'{"prompt": "walk", "seconds": -1}', "seconds: expected a number of seconds above 0"),
    (b'{"prompt": "walk", "seconds": "2"}', "seconds: expected a number of seconds above 0"),
    (b'{"prompt": "walk", "seconds": NaN}', "NaN is not a number"),
    (b'{"prompt": "walk", "text_only": "yes"}', "expected true or false"),
    (b'{"prompt": "walk", "prompt": "run"}', "appears twice"),
    (b'{"prompt": "walk", "levels": 9}', "levels: expected 1 to 4"),
    (b'{"prompt": "walk", "seconds": 5000}', "does not fit"),
    (b'{"prompt": "walk", "id": "../walk"}', "expected a file name of up to 100"),
    (b'{"prompt": "walk", "id": ".hidden"}', "expected a file name of up to 100"),
    (b'{"prompt": "walk", "id": true}', "expected a file name of up to 100"),
    (b'{"prompt": "walk", "id": "Good"}', "line 1 has the same id 'Good'"),
    (b'{"prompt": "walk", "id": "good"}', "line 1 has the same id 'good'"),
    (b'{"prompt": "half \\ud800"}', "half a character"),
    (b'{"prompt": "\xff"}', "expected UTF-8"),
    (b'{"prompt": ' + b"[" * 100_000, "expected a JSON object"),
    (
        b'{"prompt": "' + b"x" * (MAX_LINE_BYTES + 3_000_000) + b'"}',
        "expected at most 1,048,576 bytes",
    ),
]


@pytest.mark.parametrize(("line", "message"), BAD, ids=[message[:30] for _, message in BAD])
def test_a_bad_line_is_told_and_does_not_stop_the_others(
    run: Run, tmp_path: Path, line: bytes, message: str
) -> None:
    path = tmp_path / "p.jsonl"
    good = b'{"prompt": "walk", "id": "good", "code_frames": 2}\n'
    last = b'{"prompt": "run", "code_frames": 2}'
    path.write_bytes(b"\xef\xbb\xbf" + good + b"\r\n" + line + b"\n" + last)
    code, _, err = run("batch", path, "-o", tmp_path / "clips")
    assert code == 3
    first, summary = err.splitlines()
    assert first.startswith(f"{path}: line 3: ")
    assert message in first
    assert "1 of 3 lines gave no clip" in summary
    assert {clip.name for clip in tmp_path.glob("clips/*.npz")} == {"good.npz", "000004.npz"}
    rows = [json.loads(row) for row in (tmp_path / "clips" / REPORT_FILE).read_text().splitlines()]
    assert [row["status"] for row in rows] == ["made", "failed", "made"]
    path.write_bytes(good + b"\n" + b'{"prompt": "now it is right", "code_frames": 2}\n' + last)
    code, said, err = run("batch", path, "-o", tmp_path / "clips")
    assert (code, err) == (0, "")
    assert said.startswith("1 clip made, 2 existed")


def test_plain_text_is_a_prompt_a_line_with_options_for_all(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "p.txt"
    path.write_text('walk\n\n  {"prompt": "this is said as it stands"}  \n', encoding="utf-8")
    code, _, _ = run(
        "batch", path, "-o", tmp_path / "c", "--seconds", 0.4, "--levels", 1, "--file-format", "bvh"
    )
    assert code == 0
    assert {clip.name for clip in tmp_path.glob("c/*.bvh")} == {"000001.bvh", "000003.bvh"}
    rows = [json.loads(row) for row in (tmp_path / "c" / REPORT_FILE).read_text().splitlines()]
    assert rows[1]["prompt"] == '{"prompt": "this is said as it stands"}'
    assert {row["frames"] for row in rows} == {8}


def test_an_option_of_a_line_goes_before_that_of_all(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(
        '{"prompt": "walk", "levels": 2}\n{"prompt": "walk", "levels": null}\n', encoding="utf-8"
    )
    first, second = read_prompts_file(path, GenerateOptions(levels=3, top_k=5)).jobs
    assert (first.options.levels, first.options.top_k) == (2, 5)
    assert second.options.levels == 3


@pytest.mark.parametrize("suffix", [suffix[1:] for suffix in WRITABLE])
def test_every_format(run: Run, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "p.txt"
    path.write_text("walk\n", encoding="utf-8")
    assert (
        run("batch", path, "-o", tmp_path / "c", "--seconds", 0.6, "--file-format", suffix)[0] == 0
    )
    assert (tmp_path / "c" / f"000001.{suffix}").stat().st_size > 1000


def test_words_alone_are_done_without_a_file(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(
        '{"prompt": "say something", "text_only": true, "max_tokens": 4}\n', encoding="utf-8"
    )
    code, _, err = run("batch", path, "-o", tmp_path / "c")
    assert (code, err) == (0, "")
    assert not list(tmp_path.glob("c/*.npz"))
    assert run("batch", path, "-o", tmp_path / "c")[1].startswith("0 clips made, 1 existed")


def other_model(tmp_path: Path) -> list[object]:
    return ["--bundle", build_tiny_bundle(tmp_path / "other", seed=1)]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (other_model, "another model"),
        (lambda _: ["--file-format", "bvh"], "another format (npz)"),
        (lambda _: ["--seed", 6], "another seed (5)"),
        (lambda _: ["--lookahead", 0], "another lookahead (1)"),
        (lambda _: ["--top-k", 3], "another prompt or other options"),
    ],
)
def test_a_folder_of_another_run_is_refused(
    run: Run, prompts: Path, tmp_path: Path, more: Callable[[Path], list[object]], message: str
) -> None:
    out, extra = tmp_path / "clips", more(tmp_path)
    assert run("batch", prompts, "-o", out, "--seed", 5)[0] == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    code, said, err = run("batch", prompts, "-o", out, *extra)
    assert (code, said) == (2, "")
    assert message in err
    assert "choose another folder, or use --force" in err
    assert len(err.splitlines()) == 1
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    code, said, _ = run("batch", prompts, "-o", out, *extra, "--force")
    assert code == 0
    assert said.startswith("4 clips made: ")


def test_force_makes_only_what_another_run_made(run: Run, prompts: Path, tmp_path: Path) -> None:
    out = tmp_path / "clips"
    run("batch", prompts, "-o", out)
    changed = prompts.read_text().replace("a person waves", "a person bows")
    prompts.write_text(changed, encoding="utf-8")
    code, _, err = run("batch", prompts, "-o", out)
    assert code == 2
    assert "line 2" in err
    code, said, _ = run("batch", prompts, "-o", out, "--force")
    assert (code, said.split(":")[0]) == (0, "1 clip made, 3 existed")
    assert Clip.load(out / "000002.npz").prompt == "a person bows"


def test_files_of_others_are_not_overwritten(run: Run, prompts: Path, tmp_path: Path) -> None:
    out = tmp_path / "clips"
    out.mkdir()
    (out / "walk.npz").write_bytes(b"mine")
    code, _, err = run("batch", prompts, "-o", out)
    assert code == 2
    assert "that no batch in this folder made" in err
    assert [path.name for path in out.iterdir()] == ["walk.npz"]
    assert run("batch", prompts, "-o", out, "--force")[0] == 0
    assert Clip.load(out / "walk.npz").prompt == "a person walks"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"format": "x"}', '{"format": "kinetoken-batch"}']
)
def test_a_manifest_that_is_none_is_refused(
    run: Run, prompts: Path, tmp_path: Path, text: str
) -> None:
    (tmp_path / "batch.json").write_text(text, encoding="utf-8")
    code, _, err = run("batch", prompts, "-o", tmp_path)
    assert code == 2
    assert "is not a batch of this version of kinetoken" in err
    assert run("batch", prompts, "-o", tmp_path, "--force")[0] == 0


def test_a_report_cut_in_the_middle_costs_one_clip(run: Run, prompts: Path, tmp_path: Path) -> None:
    out = tmp_path / "clips"
    run("batch", prompts, "-o", out)
    report = out / REPORT_FILE
    whole = report.read_bytes()
    report.write_bytes(whole[: whole.rindex(b'{"id"') + 40] + b"\n[1]\n\xff\n")
    code, said, _ = run("batch", prompts, "-o", out)
    assert (code, said.split(":")[0]) == (0, "1 clip made, 3 existed")
    assert report.read_bytes() == whole


def test_two_batches_do_not_write_into_one_folder(run: Run, prompts: Path, tmp_path: Path) -> None:
    pytest.importorskip("fcntl", reason="needs a system with file locks")
    (tmp_path / "clips").mkdir()
    with BatchFolder(tmp_path / "clips"):
        code, _, err = run("batch", prompts, "-o", tmp_path / "clips")
    assert code == OutputError.exit_code
    assert "another kinetoken batch writes into" in err
    assert run("batch", prompts, "-o", tmp_path / "clips")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["missing.jsonl", "-o", "c"], 3, "cannot read missing.jsonl"),
        ([".", "-o", "c"], 3, "cannot read ."),
        (["empty.txt", "-o", "c"], 3, "got an empty file"),
        (["p.txt", "-o", "p.txt"], 5, "cannot create the folder p.txt"),
        (
            ["p.txt", "-o", "c", "--parallel", "0"],
            2,
            "--parallel: expected a whole number of 1 or more",
        ),
        (["p.txt", "-o", "c", "--ray-workers", "2"], 2, "name it with --ray"),
        (
            ["p.txt", "-o", "c", "--ray", "auto", "--engine", "http://localhost:1/v1"],
            2,
            "give one of the two",
        ),
        (["p.txt", "-o", "c", "--file-format", "fbx"], 2, "'fbx' is not known; choose from npz, "),
        (["p.txt", "-o", "c", "--bundle", "nowhere"], 3, "nowhere"),
        (["p.txt"], 2, "required: -o/--out"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.txt").write_text("walk\n", encoding="utf-8")
    Path("empty.txt").write_text("\n \n", encoding="utf-8")
    got, _, err = run("batch", *arguments)
    assert got == code
    assert message in err
    assert len(err.splitlines()) == 1


def test_a_disk_that_is_full_keeps_what_is_whole(
    run: Run, prompts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[Path] = []

    def save(answer: ClipAnswer, path: Path) -> None:
        if len(saved) == 2:
            raise OutputError(f"cannot write {path}: No space left on device; free some space")
        answer.clip.save(path)
        saved.append(path)

    with monkeypatch.context() as patch:
        patch.setattr(ClipAnswer, "save", save)
        code, _, err = run("batch", prompts, "-o", tmp_path / "c")
    assert code == OutputError.exit_code
    assert "2 of 4 clips are in" in err
    assert len(err.splitlines()) == 1
    assert run("batch", prompts, "-o", tmp_path / "c")[1].startswith("2 clips made, 2 existed")


@pytest.mark.skipif(sys.platform == "win32", reason="signals as on POSIX")
def test_ctrl_c_keeps_what_is_whole_and_the_batch_goes_on(tiny: Path, tmp_path: Path) -> None:
    path, out = tmp_path / "p.txt", tmp_path / "clips"
    path.write_text("walk\n" * 400, encoding="utf-8")
    roots = os.pathsep.join(
        str(Path(kinetoken.__file__).parents[2] / name) for name in ("runtime", "export")
    )
    environment = {**os.environ, "PYTHONPATH": roots, "KINETOKEN_BUNDLE": str(tiny)}
    command = [
        sys.executable,
        "-m",
        "kinetoken",
        "batch",
        str(path),
        "-o",
        str(out),
        "--seconds",
        "4",
    ]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 60
    while len(list(out.glob("*.npz"))) < 3:
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    said, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command continues from there" in err
    assert "Traceback" not in err
    clips = {clip.stem for clip in out.glob("*.npz")}
    assert 3 <= len(clips) < 400
    assert said.startswith(f"{len(clips)} clips made: ")
    assert not list(out.glob(".*"))
    for clip in out.glob("*.npz"):
        assert len(Clip.load(clip)) == 80
    noted = {json.loads(row)["id"] for row in (out / REPORT_FILE).read_text().splitlines()}
    assert noted == clips


def test_jobs_of_a_lost_worker_go_to_others_and_count_once() -> None:
    dispatch = Dispatch(JOBS[:3])
    first, second = dispatch.next(0), dispatch.next(0)
    assert first is not None
    assert second is not None
    third = dispatch.next(1)
    assert third is not None
    assert dispatch.next(1) is None
    assert dispatch.lost(0, "gone") == []
    assert [dispatch.next(1), dispatch.next(2)] == [first, second]
    assert not dispatch.done(0, first)  # an answer that comes after its worker was given up
    assert dispatch.done(1, first)
    assert not dispatch.done(1, first)
    assert dispatch.done(2, second)
    assert not dispatch.over
    assert dispatch.done(1, third)
    assert dispatch.over


def test_a_job_that_ends_its_workers_is_given_up() -> None:
    dispatch = Dispatch(JOBS[:1])
    for worker in range(MAX_LOSSES):
        assert dispatch.next(worker) == JOBS[0]
        problems = dispatch.lost(worker, "killed")
    assert [problem.line for problem in problems] == [1]
    assert "3 workers were lost over it (killed)" in problems[0].message
    assert dispatch.over


def test_a_worker_answers_as_the_engine_here_does(
    tiny: Path, tmp_path: Path, generator: kinetoken.Generator
) -> None:
    from kinetoken.batch.folder import digest

    worker = Worker(
        WorkerSetup(str(tiny), digest(tiny / "bundle.json"), LoadOptions(threads=1), 2, "npz")
    )
    assert worker.ready() == ""
    made = worker.make(JOBS[0])
    made.save(tmp_path / "x.npz")
    same(Clip.load(tmp_path / "x.npz"), generator.generate(JOBS[0].prompt, JOBS[0].options))
    assert (made.frames, made.seconds) == (24, 1.2)
    refused = worker.make(Job.of(9, "x", "walk", GenerateOptions(seconds=5000.0)))
    assert "does not fit" in str(refused.refused)
    assert worker.make(JOBS[3]).data == b""


def test_a_worker_with_another_model_or_version_says_so(tiny: Path) -> None:
    assert (
        "another model" in Worker(WorkerSetup(str(tiny), "0" * 64, LoadOptions(), 1, "npz")).ready()
    )
    assert (
        "expected kinetoken 9"
        in Worker(WorkerSetup(str(tiny), "0" * 64, LoadOptions(), 1, "npz", "9")).ready()
    )
    assert "nowhere" in Worker(WorkerSetup("nowhere", "0" * 64, LoadOptions(), 1, "npz")).ready()


def test_a_worker_whose_engine_fails_tells_everyone_who_waits(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kinetoken.batch.batch_run import BatchRun
    from kinetoken.batch.folder import digest

    def fail(run: BatchRun) -> list[ClipAnswer]:
        raise EngineError("it broke")

    monkeypatch.setattr(BatchRun, "step", fail)
    worker = Worker(
        WorkerSetup(str(tiny), digest(tiny / "bundle.json"), LoadOptions(threads=1), 2, "npz")
    )
    for _ in range(2):
        with pytest.raises(EngineError, match="it broke"):
            worker.make(JOBS[0])


def test_a_server_writes_the_clips_of_a_batch(
    run: Run, tiny: Path, prompts: Path, tmp_path: Path
) -> None:
    tokenizer = HfTokenizer(tiny / "tokenizer.json")
    answer = tokenizer.encode_template(
        f"I move.\n<move>{'<m_0_1><m_1_2><m_2_3><m_3_4>' * 3}</move>"
    )
    prompts.write_text(
        '{"prompt": "walk"}\n{"prompt": "run"}\n{"prompt": "fly", "seconds": 600}\n',
        encoding="utf-8",
    )
    with serving(tokens(tokenizer, "vllm", answer), "vllm", tokenizer) as fake:
        code, said, err = run(
            "batch", prompts, "-o", tmp_path / "c", "--engine", fake.url, "--parallel", 2
        )
    assert (code, said[:14]) == (3, "2 clips made: "), err
    assert "line 3: " in err.splitlines()[0]
    clip = Clip.load(tmp_path / "c" / "000002.npz")
    assert (clip.prompt, clip.meta["engine"]) == ("run", "vllm")
    assert clip.codes is not None
    assert clip.codes.tolist() == [[1, 2, 3, 4]] * 3


def test_what_a_server_broke_off_is_no_clip(
    run: Run, tiny: Path, prompts: Path, tmp_path: Path
) -> None:
    tokenizer = HfTokenizer(tiny / "tokenizer.json")
    answer = tokenizer.encode_template("<move><m_0_1><m_1_2><m_2_3><m_3_4><m_2_0>")
    prompts.write_text('{"prompt": "walk", "code_frames": 5}\n', encoding="utf-8")
    with serving(tokens(tokenizer, "vllm", answer), "vllm", tokenizer) as fake:
        code, _, err = run("batch", prompts, "-o", tmp_path / "c", "--engine", fake.url)
    assert code == 3
    assert "line 1: " in err
    assert "wrote <m_2_0> where" in err
    assert not list(tmp_path.glob("c/*.npz"))


def test_a_server_that_fails_again_and_again_stops_the_batch(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def __init__(self, *_: object) -> None:
            raise EngineError("it broke")

    bundle = open_bundle(tiny, LoadOptions(threads=1))
    monkeypatch.setattr("kinetoken.batch.server_requests.Generation", Broken)
    answers = answer_by_server(bundle, [JOBS[0]] * 9, 2)
    assert [next(answers), next(answers)] == [JOBS[0].problem("it broke")] * 2
    with pytest.raises(EngineError, match="it broke"):
        next(answers)


@pytest.mark.parametrize("size", [1, 3])
def test_answers_that_are_asked_for_apart_are_the_same(
    tiny: Path, generator: kinetoken.Generator, size: int
) -> None:
    answers = list(answer_by_server(open_bundle(tiny, LoadOptions(threads=1)), JOBS, size))
    assert len(answers) == len(JOBS)
    for answer in answers:
        assert isinstance(answer, ClipAnswer)
        same(answer.clip, generator.generate(answer.job.prompt, answer.job.options))


def test_the_python_of_its_page_runs(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Path(__file__).parents[3] / "docs" / "batch.md"
    code = re.search(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert code
    monkeypatch.setenv("KINETOKEN_BUNDLE", str(tiny))
    monkeypatch.chdir(tmp_path)
    exec(code[1], {})
    assert [len(Clip.load(f"clip{n}.npz")) for n in range(3)] == [40, 40, 40]


def test_every_option_is_on_its_page(run: Run) -> None:
    page = (Path(__file__).parents[3] / "docs" / "batch.md").read_text(encoding="utf-8")
    _, said, _ = run("batch", "--help-all")
    own = said[said.index("positional arguments") : said.index("--bundle BUNDLE")]
    for option in set(re.findall(r"--[a-z-]+", own)) - {"--help", "--help-all", "--out"}:
        assert f"`{option}" in page, option


def test_fewer_than_one_at_once_is_refused(tiny: Path) -> None:
    with pytest.raises(InputError, match="parallel"):
        list(answer_all(open_bundle(tiny, LoadOptions(threads=1)), JOBS, 0))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_bytes(b"\xef\xbb\xbf\n")
    with pytest.raises(FormatError, match="got an empty file"):
        read_prompts_file(tmp_path / "p.jsonl", USUAL)
