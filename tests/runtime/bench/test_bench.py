"""The bench measures what it says, advises by what it measured, and prints one screen."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kinetoken.base.machine import processor
from kinetoken.bench import machine
from kinetoken.bench.measure import measure_answer
from kinetoken.bench.report import BenchReport, advice, page
from kinetoken.cli.main import main
from kinetoken.engines.llamacpp import engine
from kinetoken.engines.llamacpp.gguf_header import Header, TensorPlace
from kinetoken.engines.load_options import LoadOptions
from kinetoken.engines.scripted import FunctionSession, ScriptedLanguageModel
from kinetoken.generation.bundle import Bundle, open_bundle
from kinetoken.generation.generator import Generator
from kinetoken.manifest.manifest_file import read_manifest


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
    answer, shares = measure_answer(
        slowed(open_bundle(tiny), token=0.004, frame=0.012), levels=4, seconds=1.0
    )
    assert answer.levels == 4
    assert answer.first_token >= 0.004
    assert answer.first_pose > answer.first_token
    assert answer.tokens_per_second <= 1 / 0.004
    assert answer.tokens_per_second < answer.model_per_second <= 1 / 0.004, (
        "the codec's time is not the language model's"
    )
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
    assert processor.processor_name()


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
        monkeypatch.setattr(processor, part, tmp_path / part)
    assert processor.processor_name() == name


def test_the_clock_starts_at_the_prompt(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words become tokens and the cache is allocated before the first token is asked for: that counts."""
    real = Generator.stream

    def slow(*args: Any, **kwargs: Any) -> Any:
        time.sleep(0.2)
        return real(*args, **kwargs)

    monkeypatch.setattr(Generator, "stream", slow)
    answer, _ = measure_answer(open_bundle(tiny), levels=1, seconds=1.0)
    assert answer.first_token >= 0.2
    assert answer.first_pose >= 0.2


def test_peak_memory_is_that_of_this_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "status").write_text(
        "Name:\tpython\nVmHWM:\t   1234 kB\nVmRSS:\t 12 kB\n", encoding="ascii"
    )
    monkeypatch.setattr(machine, "STATUS", tmp_path / "status")
    assert machine.peak_memory() == 1234 * 1024
    monkeypatch.setattr(machine, "STATUS", tmp_path / "none")
    other = machine.peak_memory()
    assert other is None or other > 10e6


@pytest.mark.skipif(not machine.STATUS.exists(), reason="only Linux tells")
def test_a_small_child_of_a_large_parent_is_small() -> None:
    held = bytearray(b"x") * (300 << 20)
    asked = "from kinetoken.bench.machine import peak_memory; print(peak_memory())"
    here = os.environ | {"PYTHONPATH": str(Path(machine.__file__).parents[2])}
    said = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True, env=here
    ).stdout
    assert int(said) < len(held)


def test_the_processors_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "CACHES", tmp_path)
    assert machine.last_cache() == 0
    for index, size in enumerate(("32K", "1024K", "32M", "odd")):
        (tmp_path / f"index{index}").mkdir()
        (tmp_path / f"index{index}" / "size").write_text(size, encoding="ascii")
    assert machine.last_cache() == 32 << 20


def tensors(**rows: int) -> dict[str, TensorPlace]:
    """Matrices of 100 bytes a row, one behind the other."""
    places, offset = {}, 1000
    for name, count in rows.items():
        places[name.replace("__", ".")] = TensorPlace((400, count), 0, offset)
        offset += 100 * count
    return places


@pytest.mark.parametrize(
    ("rows", "on_card", "wanted", "left_out"),
    [({"token_embd__weight": 10_000, "blk": 5}, False, None, 100 * (10_000 - 1025)),
     ({"token_embd__weight": 10_000, "blk": 5}, True, None, 0),
     ({"token_embd__weight": 10_000, "blk": 5}, True, "slice", 100 * (10_000 - 1025)),
     ({"token_embd__weight": 10_000, "blk": 5}, False, "full", 0),
     ({"token_embd__weight": 10_000, "output__weight": 10_000}, True, None, 100 * 10_000),
     ({"token_embd__weight": 10_000, "output__weight": 10_000}, False, None, 100 * (20_000 - 1025)),
     ({"token_embd__weight": 100, "blk": 5}, False, None, 0)],
)  # fmt: skip
def test_what_a_token_does_not_read(
    rows: dict[str, int],
    on_card: bool,
    wanted: str | None,
    left_out: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    places = tensors(**rows)
    size = 1000 + 100 * sum(rows.values())
    monkeypatch.setattr(engine, "WORTH_BYTES", 100_000)
    monkeypatch.setattr(engine, "read_header", lambda path: Header({}, places))
    if wanted is not None:
        monkeypatch.setenv("KINETOKEN_HEAD", wanted)
    else:
        monkeypatch.delenv("KINETOKEN_HEAD", raising=False)
    assert engine.unread_bytes(Path("lm.gguf"), size, on_card=on_card) == pytest.approx(
        left_out, abs=1
    )


def report(
    rates: list[float], quantization: str = "q4_k_m", bandwidth: float = 40e9
) -> BenchReport:
    """Tokens a second at four, three, two and one levels of a model of 2 GB."""
    names = ("first_token", "first_pose", "rtf_whole")
    answers = [
        {
            "levels": q,
            "tokens_per_second": rate,
            "model_per_second": rate,
            "rtf": rate / (5 * q),
            "words": 3,
        }
        | dict.fromkeys(names, 0.5)
        for q, rate in zip((4, 3, 2, 1), rates, strict=True)
    ]
    return BenchReport(
        "b", quantization, "llamacpp", "cpu", 2, 0, bandwidths=[0.9 * bandwidth, bandwidth, 1.1 * bandwidth], weights=2 * 10**9,
        answers=answers, shares={"language_model": 0.9, "codec": 0.1}, rates={0: 16.0, 1: 9.0, 2: 16.2}, peak_memory=3 * 10**9,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("program", "build"),
    [
        ("llama.cpp in llama-cpp-python 0.3.36", "--no-binary llama-cpp-python llama-cpp-python"),
        ("llama.cpp in xllamacpp 2026.10.1", 'pip install ".[llama]"'),
    ],
)
def test_kernels_that_a_build_lacks_are_named(program: str, build: str, tiny: Path) -> None:
    found = dataclasses.replace(report([18] * 4), program=program)
    assert f"engine     {program}" in page(found, read_manifest(tiny))
    assert not any("kernels:" in line for line in advice(found, read_manifest(tiny)))
    found.missing_kernels = ("AVX2", "AVX512")
    told = [line for line in advice(found, read_manifest(tiny)) if line.startswith("kernels")]
    assert len(told) == 1
    assert f"this {program} lacks AVX2, AVX512, which the processor can run" in told[0]
    assert told[0].endswith(build)


@pytest.mark.parametrize(
    ("rates", "quantization", "said"),
    [([18, 18, 18, 18], "q8_0", ("3 of 4 levels keep up with real time; use --detail",
      "q4_k_m may reach the 21 tokens/s of all levels: 31 at")),
     ([18, 18, 18, 18], "q4_k_m", ("3 of 4 levels", "none known to be faster would reach the 21")),
     ([60, 60, 60, 60], "q4_k_m", ("all 4 levels keep up, at 3.0x real time", "there may be time for q8_0")),
     ([22, 22, 22, 22], "q4_k_m", ("all 4 levels", "q4_k_m keeps up; a finer one would not")),
     ([2, 2, 2, 2], "q8_0", ("not even level 0 keeps up with real time (5 tokens/s)", "a smaller model might"))],
)  # fmt: skip
def test_advice(rates: list[float], quantization: str, said: tuple[str, ...], tiny: Path) -> None:
    given = advice(report(rates, quantization), read_manifest(tiny))
    assert len(given) == 2
    for line, part in zip(given, said, strict=True):
        assert part in line


@pytest.mark.parametrize("quantization", ["q9_k", "q8_0"])
def test_nothing_is_advised_that_was_not_measured(quantization: str, tiny: Path) -> None:
    found = report([18, 18, 18, 18], quantization)
    found.device = "cpu" if quantization == "q9_k" else "gpu"
    assert [line for line in advice(found, read_manifest(tiny)) if line.startswith("quant")] == []


@pytest.mark.parametrize(
    ("rates", "said"),
    [({0: 16.0, 1: 9.0, 2: 17.5}, None), ({0: 16.0, 1: 9.0, 2: 17.7}, "--threads 2 is 11% faster than the engine's choice"),
     ({0: 16.0, 1: 19.9, 2: 20.0}, "--threads 1 is 24% faster"), ({0: 20.0, 1: 9.0, 2: 20.0}, None), ({1: 9.0, 2: 16.0}, None)],
)  # fmt: skip
def test_threads_are_advised_where_that_is_no_chance(
    rates: dict[int, float], said: str | None, tiny: Path
) -> None:
    found = report([22, 22, 22, 22])
    found.rates = rates
    told = [line for line in advice(found, read_manifest(tiny)) if line.startswith("threads")]
    assert len(told) == (said is not None)
    assert said is None or said in told[0]


@pytest.mark.parametrize(
    ("passes", "said"),
    [
        ({1: 0.06, 2: 0.116, 4: 0.202}, "--parallel 4 makes 1.2 times"),
        ({1: 0.06, 2: 0.118, 4: 0.24}, "no faster here"),
        ({1: 0.06, 2: 0.07, 4: 0.2}, "--parallel 2 makes 1.7 times"),
        ({1: 0.06}, None),
        ({}, None),
    ],
)
def test_answers_at_once_are_advised_where_passes_gain(
    passes: dict[int, float], said: str | None, tiny: Path
) -> None:
    found = report([16.0, 20.0, 30.0, 50.0])
    found.passes = passes
    lines = [line for line in advice(found, read_manifest(tiny)) if line.startswith("batch:")]
    assert len(lines) == (said is not None)
    assert said is None or said in lines[0]


def test_what_lies_in_the_cache_is_said_to(tiny: Path) -> None:
    found = report([22, 22, 22, 22])
    found.weights, found.last_cache = 20_000_000, 32 << 20
    lines = page(found, read_manifest(tiny))
    assert any("from the processor's cache" in line for line in lines)
    assert any("would not be faster by its size" in line for line in lines)


def test_the_page_is_one_screen(tiny: Path) -> None:
    lines = page(report([16, 16, 16, 16]), read_manifest(tiny))
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 120
    assert any(
        "= 32.0 of 40.0 GB/s (36.0 to 44.0): 80% of the memory's bandwidth" in line
        for line in lines
    )


def test_the_command(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--bundle", str(tiny), "--seconds", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["whole"] is True
    assert [answer["levels"] for answer in found["answers"]] == [4, 3, 2, 1]
    assert found["bandwidth"] == sorted(found["bandwidths"])[1] > 0
    assert (found["rounds"], found["device"], found["provider"], found["gpu_layers"]) == (
        3,
        "cpu",
        "auto",
        None,
    )
    assert {"0", "1"} < set(found["rates"])
    assert set(found["passes"]) == {"1", "2", "4"}
    assert len(found["advice"]) >= 1
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


def test_on_a_card_the_processors_memory_is_not_measured(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def on_card(folder: Path, options: LoadOptions) -> Bundle:
        bundle = open_bundle(folder, options)
        size = bundle.manifest.language_model.vocab_size
        model = ScriptedLanguageModel(lambda _: np.zeros(size, np.float32), 512, "cuda")
        return dataclasses.replace(bundle, language_model=model)

    monkeypatch.setattr("kinetoken.generation.bundle.open_bundle", on_card)
    assert main(["bench", "--bundle", str(tiny), "--seconds", "1"]) == 0
    said = capsys.readouterr().out
    assert "on onnx (cuda)" in said
    assert "GB/s" not in said
    assert "threads    " not in said


@pytest.mark.parametrize("seconds", ["0", "-1", "100", "nan"])
def test_an_odd_length_is_refused(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--seconds", seconds]) == 2
    assert "expected 1 to 60" in capsys.readouterr().err
