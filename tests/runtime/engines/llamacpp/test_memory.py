"""Memory of llama.cpp: a cache that grows with what it holds, and weights read in large pages, which Ctrl-C ends."""

from __future__ import annotations

import ctypes
import mmap
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llama_package import needs_llama

pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
pytest.importorskip("gguf", reason="needs gguf, in kinetoken[export]")
needs_llama()

from kinetoken.base.errors import EngineError
from kinetoken.engines.llamacpp import interruptible, library, weights
from kinetoken.engines.llamacpp import model as llamacpp
from kinetoken.engines.llamacpp.context import LlamaContext
from kinetoken.engines.llamacpp.model import LlamaCppLanguageModel, LlamaCppRun
from kinetoken.engines.llamacpp.narrow_head import HEAD_VARIABLE
from kinetoken.engines.llamacpp.weights import LARGE_RANGE, ask_for_large_pages, memory_ranges
from tiny_gguf import Made, make

TOKENS = [i * 7 % 400 for i in range(200)]
FEW = 8


@pytest.fixture(scope="module", params=["qwen2", "qwen2_5_vl"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("room"), request.param, "f32")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llamacpp, "FIRST_CELLS", FEW)


def cells(run: LlamaCppRun) -> int:
    return run.context.cells


def test_a_short_answer_takes_little(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cells(made.load().start()) == made.info.context == 300, "no more than the whole context"
    monkeypatch.setattr(llamacpp, "FIRST_CELLS", FEW)
    run = made.load().start()
    run.push(TOKENS[:FEW], made.every)
    assert cells(run) == FEW
    run.push(TOKENS[:1], made.every)
    assert cells(run) == 2 * FEW


@pytest.mark.usefixtures("small")
def test_on_a_card_all_is_taken_at_once(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llamacpp, "uses_gpu", lambda layers: True)
    assert cells(made.load().start()) == made.info.context


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("head", ["full", "slice"])
def test_a_cache_that_grows_gives_the_logits_of_one_that_was_large(
    made: Made, head: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HEAD_VARIABLE, head)
    last = made.info.vocab_size - 5
    allowed = (range(last - 16, last),)
    growing = made.load().start()
    monkeypatch.setattr(llamacpp, "FIRST_CELLS", 300)
    large = made.load().start()
    for at, ids in enumerate([TOKENS[:20], *([token] for token in TOKENS[20:])]):
        got, expected = growing.push(ids, allowed), large.push(ids, allowed)
        np.testing.assert_array_equal(got, expected, err_msg=f"push {at}")
    assert (cells(growing), cells(large)) == (300, 300)


@pytest.mark.usefixtures("small")
def test_what_was_rewound_or_broken_off_does_not_move(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made.load().start()
    run.push(TOKENS[:4], made.every)
    whole_pass = LlamaContext.run

    def interrupted(*arguments: Any, **options: Any) -> int:
        whole_pass(*arguments, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(LlamaContext, "run", interrupted)
        with pytest.raises(KeyboardInterrupt):  # it leaves cells behind those that count
            run.push(TOKENS[4:6], made.every)
    assert run.length == 4
    made.check(run.push(TOKENS[4:40], made.every), TOKENS[:40])
    assert (run.length, cells(run)) == (40, 40)
    run.rewind(3)
    made.check(run.push(TOKENS[3:5], made.every), TOKENS[:5])


@pytest.mark.usefixtures("small")
def test_a_state_is_taken_up_by_a_run_with_less_room(made: Made) -> None:
    one, other = made.load().start(), made.load().start()
    one.push(TOKENS[:100], made.every)
    other.restore(one.state())
    assert (other.length, cells(other)) == (100, 100)
    made.check(other.push(TOKENS[100:101], made.every), TOKENS[:101])


@pytest.mark.usefixtures("small")
def test_no_memory_for_more_is_one_line_and_loses_nothing(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made.load().start()
    run.push(TOKENS[:FEW], made.every)
    with monkeypatch.context() as patched:
        patched.setattr("kinetoken.engines.memory.free_bytes", lambda: 1)
        with pytest.raises(EngineError, match=r"needs .* GB of memory"):
            run.push(TOKENS[FEW : FEW + 1], made.every)
    made.check(run.push(TOKENS[FEW : FEW + 1], made.every), TOKENS[: FEW + 1])


def test_ctrl_c_ends_the_reading(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    went_on = []

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    class Slow(weights.WeightReading):
        """Waits at its first tensor until Ctrl-C has come."""

        def on_tensor(self, progress: float, data: Any) -> bool:
            while not self.over:
                time.sleep(0.001)
            went_on.append(super().on_tensor(progress, data))
            return went_on[-1]

    with monkeypatch.context() as patched:
        patched.setattr(interruptible, "wait", interrupted)
        patched.setattr(weights, "WeightReading", Slow)
        with pytest.raises(KeyboardInterrupt):
            made.load()
    assert went_on == [False], "no tensor more was read"
    made.check(made.load().start().push(TOKENS[:3], made.every), TOKENS[:3])


def test_a_reading_that_is_over_is_refused_at_the_next_tensor(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights.WeightReading, "on_tensor", lambda *_: False)
    with pytest.raises(EngineError, match="cannot load"):
        made.load()


def test_kernels_that_crash_are_not_used(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    load, reordered = weights.llama.llama_model_load_from_file, []

    def watched(path: bytes, params: Any) -> Any:
        reordered.append(bool(params.use_extra_bufts))
        return load(path, params)

    monkeypatch.setattr(weights.llama, "llama_model_load_from_file", watched)
    for told in ("CPU : AVX2 = 1 | ", "CPU : AVX2 = 1 | AMX_INT8 = 1 | "):
        monkeypatch.setattr(weights, "system_info", lambda told=told: told)
        made.check(made.load().start().push(TOKENS[:3], made.every), TOKENS[:3])
    assert reordered == [True, False]


@pytest.mark.skipif(not hasattr(mmap, "MADV_HUGEPAGE"), reason="large pages on request are Linux's")
def test_linux_is_asked_for_large_pages_where_the_weights_will_lie() -> None:
    before = memory_ranges()
    with mmap.mmap(-1, 2 * LARGE_RANGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        new = memory_ranges() - before
        assert any(first <= address < end for first, end in new)
        ask_for_large_pages(new)
        assert "hg" in flags_at(address)


def flags_at(address: int) -> list[str]:
    """What Linux notes of the stretch of memory with an address."""
    here = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if place := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            here = int(place[1], 16) <= address < int(place[2], 16)
        elif here and line.startswith("VmFlags:"):
            return line.split()[1:]
    return []


def test_a_system_that_does_not_tell_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(weights, "PROC_MAPS", tmp_path / "missing")
    assert memory_ranges() == set()


@pytest.mark.parametrize("quantization", ["f16", "q8_0", "q4_k_s"])
def test_the_number_of_threads_changes_no_logit(tmp_path: Path, quantization: str) -> None:
    """Flash attention's do: behind 256 tokens it shares out the sums."""
    made = make(tmp_path, "qwen2", quantization)
    one, two, three = (made.load(threads).start() for threads in (1, 2, 3))
    ids = [i * 7 % 400 for i in range(250)]
    for cut in (ids, *([token] for token in TOKENS[:40])):
        expected = one.push(cut, made.every)
        np.testing.assert_array_equal(two.push(cut, made.every), expected)
        np.testing.assert_array_equal(three.push(cut, made.every), expected)


def test_threads_are_chosen_for_each_token_unless_they_were_named(made: Made) -> None:
    def used(run: LlamaCppRun) -> int:
        return int(library.llama.llama_n_threads(run.context.pointer))

    free = LlamaCppLanguageModel(made.path, made.info)
    assert free.settings.choice is not None
    run = free.start()
    free.settings.choice.count = 3
    run.push(TOKENS[:4], made.every)
    assert used(run) == free.settings.threads, "of a prompt all"
    run.push(TOKENS[4:5], made.every)
    assert used(run) == 3
    named = made.load(2)
    assert named.settings.choice is None
    assert used(named.start()) == 2
