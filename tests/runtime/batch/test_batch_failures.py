"""What goes wrong in the middle of a batch: a server that refuses or falls silent, a clip that cannot be written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from batch_runs import JOBS, Run
from fake_server import Handler, Reply, serving, tokens
from kinetoken.base.errors import EngineError, KinetokenError, OutputError
from kinetoken.batch.folder import digest
from kinetoken.batch.jobs import ClipAnswer
from kinetoken.batch.worker import Worker, WorkerSetup
from kinetoken.engines.load_options import LoadOptions
from kinetoken.engines.tokenizer import HfTokenizer

LINES = 8


@pytest.fixture
def tokenizer(tiny: Path) -> HfTokenizer:
    return HfTokenizer(tiny / "tokenizer.json")


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Lines that differ by their number."""
    path = tmp_path / "p.jsonl"
    path.write_text(
        "".join(f'{{"prompt": "walk {n}"}}\n' for n in range(1, LINES + 1)), encoding="utf-8"
    )
    return path


def refusing(tokenizer: HfTokenizer, status: int, numbers: set[int], where: str = "head") -> Reply:
    """Answers, but refuses the prompts of some lines: at once, or with an event in the middle."""
    answer = f"I move.\n<move>{'<m_0_1><m_1_2><m_2_3><m_3_4>' * 3}</move>"
    well = tokens(tokenizer, "vllm", tokenizer.encode_template(answer))

    def reply(handler: Handler, body: dict[str, Any]) -> None:
        asked = tokenizer.decode(body["prompt"])
        error = {"error": {"message": "not this one", "code": status}}
        if not any(f"walk {n}" in asked for n in numbers):
            well(handler, body)
        elif where == "head":
            handler.say_json(error, status)
        else:
            handler.begin()
            handler.event(json.dumps(error).encode())

    return reply


def batch(run: Run, many: Path, tokenizer: HfTokenizer, reply: Reply) -> tuple[int, str, str]:
    with serving(reply, "vllm", tokenizer) as fake:
        return run("batch", many, "-o", many.parent / "c", "--engine", fake.url, "--parallel", 1)


def clips(many: Path) -> list[int]:
    return sorted(int(path.stem) for path in many.parent.glob("c/*.npz"))


@pytest.mark.parametrize("status", [401, 403, 404, 500, 502])
def test_a_server_that_refuses_everything_after_a_clip_is_one_line(
    run: Run, many: Path, tokenizer: HfTokenizer, status: int
) -> None:
    code, said, err = batch(
        run, many, tokenizer, refusing(tokenizer, status, set(range(2, LINES + 1)))
    )
    assert (code, said) == (EngineError.exit_code, "")
    assert len(err.splitlines()) == 1, err
    assert f"({status})" in err
    assert f"1 of {LINES} clips are in" in err
    assert clips(many) == [1]


@pytest.mark.parametrize("where", ["head", "middle"])
@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_a_server_refuses_of_single_lines_is_theirs(
    run: Run, many: Path, tokenizer: HfTokenizer, status: int, where: str
) -> None:
    bad = {1, 2, 3, 4, 6}
    code, said, err = batch(run, many, tokenizer, refusing(tokenizer, status, bad, where))
    assert (code, said[:13]) == (3, "3 clips made:"), err
    assert len(err.splitlines()) == len(bad) + 1
    assert all("not this one" in line for line in err.splitlines()[:-1])
    assert clips(many) == [5, 7, 8]
    code, said, _ = batch(run, many, tokenizer, refusing(tokenizer, status, set()))
    assert (code, said.split(":")[0]) == (0, "5 clips made, 3 existed")


def test_lines_over_which_a_server_fails_do_not_keep_the_others_from_being_made(
    run: Run, many: Path, tokenizer: HfTokenizer
) -> None:
    reply = refusing(tokenizer, 500, {1, 2, 3})
    assert batch(run, many, tokenizer, reply)[0] == EngineError.exit_code
    assert clips(many) == []
    code, said, err = batch(run, many, tokenizer, reply)  # those that failed come last now
    assert (code, said[:13]) == (3, "5 clips made:"), err
    assert clips(many) == [4, 5, 6, 7, 8]


def test_more_in_the_line_of_an_error_keeps_its_exit_code() -> None:
    for kind in (EngineError, OutputError, KinetokenError):
        more = kind("it broke").adding("two clips are there")
        assert (str(more), more.exit_code) == ("it broke; two clips are there", kind.exit_code)
    assert KinetokenError("x").exit_code == 1


def working(tiny: Path) -> Worker:
    return Worker(
        WorkerSetup(str(tiny), digest(tiny / "bundle.json"), LoadOptions(threads=1), 2, "npz")
    )


@pytest.mark.parametrize(
    "error", [OutputError("cannot write it"), OSError(28, "No space left on device")]
)
def test_a_clip_that_a_worker_cannot_write_is_a_problem_of_its_line(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(answer: ClipAnswer, path: Path) -> None:
        raise error

    worker = working(tiny)
    with monkeypatch.context() as patch:
        patch.setattr(ClipAnswer, "save", fail)
        refused = worker.make(JOBS[0]).refused
    assert refused is not None
    assert str(error) in refused
    assert worker.make(JOBS[0]).refused is None


def test_whoever_waits_for_a_worker_hears_of_what_nobody_thought_of(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(answer: ClipAnswer, path: Path) -> None:
        raise ZeroDivisionError("nobody thought of it")

    monkeypatch.setattr(ClipAnswer, "save", fail)
    worker = working(tiny)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError, match="nobody thought of it"):
            worker.make(JOBS[0])
