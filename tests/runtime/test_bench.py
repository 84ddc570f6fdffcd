"""The bench measures what it says, advises by what it measured, and prints one screen."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kinetoken.backends.scripted import FunctionSession, ScriptedLanguageModel
from kinetoken.bench import machine
from kinetoken.bench.measure import measure
from kinetoken.bench.report import Report, advice, page
from kinetoken.bundle import Bundle, open_bundle
from kinetoken.cli import main
from kinetoken.manifest import Manifest


def slowed(bundle: Bundle, token: float, frame: float) -> Bundle:
    """The same bundle with a model and a codec that take so many seconds at least."""

    def score(history: Any) -> Any:
        time.sleep(token)
        return np.zeros(bundle.manifest.language_model.vocab_size, np.float32)

    def decode(value: Any) -> Any:
        time.sleep(frame)
        return bundle.decoder.session.run(value)

    decoder = dataclasses.replace(bundle.decoder, session=FunctionSession(decode))
    return dataclasses.replace(bundle, language_model=ScriptedLanguageModel(score), decoder=decoder)


def test_the_time_goes_where_it_was_spent(tiny: Path) -> None:
    answer, shares = measure(slowed(open_bundle(tiny), token=0.004, frame=0.012), levels=4, seconds=1.0)
    assert answer.levels == 4
    assert answer.first_token >= 0.004
    assert answer.first_pose > answer.first_token
    assert answer.tokens_per_second <= 1 / 0.004
    assert answer.rtf == pytest.approx(answer.tokens_per_second / 20)
    assert shares.language_model >= 0.004 * 20
    assert shares.codec >= 0.012 * 5
    assert min(dataclasses.astuple(shares)) >= 0
    assert sum(shares.of_whole().values()) == pytest.approx(1)
    assert shares.of_whole()["language_model"] > shares.of_whole()["grammar_and_sampler"]


def test_bandwidth_and_memory_are_of_a_real_machine() -> None:
    assert 1e8 < machine.read_bandwidth(2, size=8 << 20, passes=2) < 1e13
    peak = machine.peak_memory()
    assert peak is None or 10e6 < peak < 1e12
    assert machine.processor()


@pytest.mark.parametrize(
    ("cpuinfo", "board", "name"),
    [("processor : 0\nmodel\t\t: 17\nmodel name\t: Some CPU 9\n\nprocessor : 1\nmodel name\t: Some CPU 9\n", "", "Some CPU 9"),
     ("processor : 0\nBogoMIPS : 62\n", "NVIDIA Jetson Orin Nano\0", "NVIDIA Jetson Orin Nano")],
)  # fmt: skip
def test_the_processor_by_name(
    cpuinfo: str, board: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part, text in (("CPUINFO", cpuinfo), ("BOARD", board)):
        (tmp_path / part).write_text(text, encoding="utf-8")
        monkeypatch.setattr(machine, part, tmp_path / part)
    assert machine.processor() == name


def report(rates: list[float], quantization: str = "q4_k_m", bandwidth: float = 40e9) -> Report:
    """Tokens a second at four, three, two and one levels of a model of 2 GB."""
    names = ("first_token", "first_pose", "rtf_whole")
    answers = [
        {"levels": q, "tokens_per_second": rate, "rtf": rate / (5 * q), "words": 3} | dict.fromkeys(names, 0.5)
        for q, rate in zip((4, 3, 2, 1), rates, strict=True)
    ]
    return Report(
        "b", quantization, "llamacpp", "cpu", 2, 2, bandwidth=bandwidth, weights=2 * 10**9, answers=answers,
        shares={"language_model": 0.9, "codec": 0.1}, rates={1: 9.0, 2: 16.0}, peak_memory=3 * 10**9,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rates", "quantization", "said"),
    [([18, 18, 18, 18], "q4_k_m", ("3 of 4 levels keep real time; --detail auto", "q3_k_m should reach the 21 tokens/s", "--threads 2")),
     ([60, 60, 60, 60], "q4_k_m", ("all 4 levels keep real time, 3.0 times", "there is time for q8_0", "--threads 2")),
     ([22, 22, 22, 22], "q4_k_m", ("all 4 levels", "q4_k_m is the finest", "--threads 2")),
     ([2, 2, 2, 2], "q8_0", ("not even level 0 keeps real time (5 tokens/s)", "no quantization", "--threads 2"))],
)  # fmt: skip
def test_advice(rates: list[float], quantization: str, said: tuple[str, ...], tiny: Path) -> None:
    given = advice(report(rates, quantization), Manifest.read(tiny))
    assert len(given) == 3
    for line, part in zip(given, said, strict=True):
        assert part in line


def test_the_page_is_one_screen(tiny: Path) -> None:
    lines = page(report([16, 16, 16, 16]), Manifest.read(tiny))
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 120
    assert any("32.0 GB/s of the 40.0 GB/s that memory gives: 80%" in line for line in lines)


def test_the_command(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--bundle", str(tiny), "--seconds", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["whole"] is True
    assert [answer["levels"] for answer in found["answers"]] == [4, 3, 2, 1]
    assert found["bandwidth"] > 0
    assert len(found["advice"]) >= 2
    assert sum(found["shares"].values()) == pytest.approx(1)


def test_what_was_measured_before_ctrl_c_is_kept(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(machine, "read_bandwidth", stop)
    assert main(["bench", "--bundle", str(tiny), "--seconds", "1"]) == 130
    said = capsys.readouterr().out
    assert "real time" in said
    assert "GB/s" not in said


def test_a_server_is_not_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--engine", "http://127.0.0.1:1"]) == 2
    assert "leave --engine out" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["0", "-1", "100", "nan"])
def test_an_odd_length_is_refused(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--seconds", seconds]) == 2
    assert "expected 1 to 60" in capsys.readouterr().err
