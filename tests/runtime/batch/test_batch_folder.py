"""The folder of a batch: what is taken over, what is refused, and that nothing is made before it is known that clips can be."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from batch_runs import Run
from fake_server import FakeServer, Reply, serving, tokens
from kinetoken.base.errors import EngineError, OutputError
from kinetoken.batch.folder import REPORT_FILE
from kinetoken.batch.jobs import ClipAnswer
from kinetoken.engines.onnx.model import OnnxLanguageModel
from kinetoken.engines.tokenizer import HfTokenizer

ONE = {"prompt": "a person walks", "id": "walk", "code_frames": 2}


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "p.jsonl"
    path.write_text(
        json.dumps(ONE) + "\n" + json.dumps({"prompt": "jump", "code_frames": 2}) + "\n",
        encoding="utf-8",
    )
    return path


def rows(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(row) for row in (folder / REPORT_FILE).read_text(encoding="utf-8").splitlines()
    ]


def unnoted(folder: Path, name: str) -> None:
    """The report without a clip's row, as after a loss of power."""
    kept = [json.dumps(row) + "\n" for row in rows(folder) if row["id"] != name]
    (folder / REPORT_FILE).write_text("".join(kept), encoding="utf-8")


@pytest.mark.parametrize("suffix", ["npz", "bvh"])
def test_a_foreign_file_in_a_batch_s_folder_is_not_overwritten(
    run: Run, lines: Path, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / "c"
    assert run("batch", lines, "-o", out, "--file-format", suffix)[0] == 0
    other = tmp_path / f"mine.{suffix}"
    assert run("generate", "a person bows", "-o", other, "--seconds", 0.4, "--seed", 1)[0] == 0
    mine = other.read_bytes()
    (out / f"more.{suffix}").write_bytes(mine)
    lines.write_text(
        lines.read_text() + '{"prompt": "bow", "id": "more", "code_frames": 2}\n', encoding="utf-8"
    )
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    code, said, err = run("batch", lines, "-o", out, "--file-format", suffix)
    assert (code, said) == (2, "")
    assert f"line 3: {out / 'more'}.{suffix} is a clip that no batch in this folder made" in err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert run("batch", lines, "-o", out, "--file-format", suffix, "--force")[1].startswith(
        "1 clip made, 2 existed"
    )
    assert (out / f"more.{suffix}").read_bytes() != mine


def test_a_clip_that_says_itself_what_it_is_of_is_taken_over(
    run: Run, lines: Path, tmp_path: Path
) -> None:
    out = tmp_path / "c"
    run("batch", lines, "-o", out)
    unnoted(out, "walk")
    assert run("batch", lines, "-o", out)[1].startswith("1 clip made, 1 existed")
    unnoted(out, "walk")
    (out / "000002.npz").replace(out / "walk.npz")
    assert "that no batch in this folder made" in run("batch", lines, "-o", out)[2]


def test_a_clip_that_was_begun_is_made_again_and_not_refused(
    run: Run, lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save(answer: ClipAnswer, path: Path) -> None:
        answer.clip.save(path)
        raise OutputError("the disk is full")

    out = tmp_path / "c"
    with monkeypatch.context() as patch:
        patch.setattr(ClipAnswer, "save", save)
        assert run("batch", lines, "-o", out, "--file-format", "bvh")[0] == OutputError.exit_code
    (begun,) = rows(out)
    assert (begun["status"], begun["id"], begun["prompt"]) == ("begun", "walk", "a person walks")
    changed = lines.read_text().replace("a person walks", "a person runs")
    other = tmp_path / "other.jsonl"
    other.write_text(changed, encoding="utf-8")
    assert (
        "of another prompt or other options"
        in run("batch", other, "-o", out, "--file-format", "bvh")[2]
    )
    assert run("batch", lines, "-o", out, "--file-format", "bvh")[1].startswith("2 clips made: ")
    assert [row["status"] for row in rows(out)] == ["made", "made"]


def test_what_a_killed_process_left_is_tidied_and_nothing_else(
    run: Run, lines: Path, tmp_path: Path
) -> None:
    pytest.importorskip("fcntl", reason="needs a system with file locks")
    out = tmp_path / "c"
    out.mkdir()
    names = [".01234567-1-89abcdef.part.npz", ".01234567-1-89abcdef.part", ".mine.part.npz"]
    for name in names:
        (out / name).write_bytes(b"half")
    assert run("batch", lines, "-o", out)[0] == 0
    assert [name for name in names if (out / name).exists()] == [".mine.part.npz"]


def answers(tiny: Path) -> tuple[Reply, HfTokenizer]:
    tokenizer = HfTokenizer(tiny / "tokenizer.json")
    said = tokenizer.encode_template(f"I move.\n<move>{'<m_0_1><m_1_2><m_2_3><m_3_4>' * 3}</move>")
    return tokens(tokenizer, "vllm", said), tokenizer


def over(run: Run, fake: FakeServer, path: Path) -> tuple[int, str, str]:
    return run("batch", path, "-o", path.parent / "c", "--engine", fake.url)


def test_clips_of_another_engine_are_not_mixed_with_these(
    run: Run, tiny: Path, tmp_path: Path
) -> None:
    path, out = tmp_path / "p.txt", tmp_path / "c"
    path.write_text("walk\n", encoding="utf-8")
    reply, tokenizer = answers(tiny)
    assert run("batch", path, "-o", out)[0] == 0
    made = (out / "000001.npz").read_bytes()
    path.write_text("walk\nrun\n", encoding="utf-8")
    with serving(reply, "vllm", tokenizer) as fake:
        code, _, err = over(run, fake, path)
        assert (code, "clips of another engine (local)" in err) == (2, True)
        assert (out / "000001.npz").read_bytes() == made
        assert run("batch", path, "-o", out, "--engine", fake.url, "--force")[1].startswith(
            "2 clips made: "
        )
        fake.models.append({"id": "/home/me/other.gguf", "owned_by": "vllm"})
        code, _, err = over(run, fake, path)
        assert (code, "clips of another model on the server (some/model)" in err) == (2, True)
        assert run("batch", path, "-o", out, "--engine", fake.url, "--force")[0] == 0
        assert over(run, fake, path)[1].startswith("0 clips made, 2 existed")
        said = (out / "batch.json").read_text(encoding="utf-8")
        assert (json.loads(said)["engine"], json.loads(said)["engine_model"]) == (
            "vllm",
            "other.gguf",
        )
        assert fake.url not in said
    code, _, err = run("batch", path, "-o", out)
    assert (code, "clips of another engine (vllm)" in err) == (2, True)


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (["--bundle", "nowhere"], 3, "nowhere"),
        (["--engine", "http://127.0.0.1:1/v1"], 6, "nothing answers at"),
        (["--lookahead", "99"], 2, "lookahead: expected 0 to"),
        (["--ray", "nonsense"], 2, "--ray: expected HOST:PORT"),
        (["--ray", "localhost:6379"], 4, "needs ray"),
    ],
)
def test_nothing_is_made_where_no_clip_can_be(
    run: Run, lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool, more: list[str], code: int,
    message: str,
) -> None:  # fmt: skip
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "kinetoken.batch.cluster", raising=False)
    out = tmp_path / "new" / "c"
    if there:
        out.mkdir(parents=True)
    got, said, err = run("batch", lines, "-o", out, *more)
    assert (got, said, len(err.splitlines())) == (code, "", 1), err
    assert message in err
    assert list(out.iterdir() if there else tmp_path.glob("new")) == []


def test_a_damaged_model_leaves_no_folder(
    run: Run, own_tiny: Path, lines: Path, tmp_path: Path
) -> None:
    (own_tiny / "lm.onnx").write_bytes(b"damaged")
    assert run("batch", lines, "-o", tmp_path / "c", "--bundle", own_tiny)[0] == 3
    assert not (tmp_path / "c").exists()


def test_too_little_memory_for_so_many_at_once_leaves_no_folder(
    run: Run, lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(model: OnnxLanguageModel, size: int) -> None:
        raise EngineError(f"no memory for {size}")

    monkeypatch.setattr(OnnxLanguageModel, "start_batch", refuse)
    code, _, err = run("batch", lines, "-o", tmp_path / "c", "--parallel", 7)
    assert (code, err) == (EngineError.exit_code, "kinetoken: no memory for 7\n")
    assert not (tmp_path / "c").exists()


def test_failed_lines_say_what_they_are_as_far_as_they_can_be_read(
    run: Run, tmp_path: Path
) -> None:
    path, out = tmp_path / "p.jsonl", tmp_path / "c"
    bad = [
        '{"prompt": "walk", "id": "a", "levels": 9}',
        '{"prompt": "walk", "id": "../b"}',
        '{"prompt": 3, "id": "c"}',
        "not json",
        '{"prompt": "walk", "id": "d", "sconds": 1}',
        '{"prompt": "walk far", "id": "e", "seconds": 5000}',
    ]
    path.write_text("\n".join([json.dumps(ONE), *bad]), encoding="utf-8")
    code, said, _ = run("batch", path, "-o", out, "--json")
    assert code == 3
    failed = [row for row in rows(out) if row["status"] == "failed"]
    named = [(row["line"], row.get("id"), row.get("prompt")) for row in failed]
    assert named == [
        (2, "a", "walk"), (3, None, "walk"), (4, "c", None), (5, None, None), (6, "d", "walk"), (7, "e", "walk far"),
    ]  # fmt: skip
    assert all(row["error"] for row in failed)
    told = json.loads(said)["failed"]
    assert [(row["line"], row.get("id"), row.get("prompt")) for row in told] == named
