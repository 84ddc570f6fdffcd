"""The narrow head: the logits of the whole one, stopped where it should, and nothing lost when something is in the way."""

from __future__ import annotations

import ctypes
import gc
import signal
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llama_package import needs_llama

pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
pytest.importorskip("gguf", reason="needs gguf, in kinetoken[export]")
needs_llama()

from kinetoken.base.errors import InputError
from kinetoken.engines.llamacpp import narrow_head
from kinetoken.engines.llamacpp.gguf_header import TensorPlace, read_header
from kinetoken.engines.llamacpp.library import library
from kinetoken.engines.llamacpp.model import LlamaCppRun
from kinetoken.engines.llamacpp.narrow_head import HEAD_VARIABLE, HIDDEN_NODE, HeadRows, open_rows
from kinetoken.tokens.allowed_ids import Allowed
from tiny_gguf import Made, make

PROMPT = [5, 17, 200, 3, 88, 41]
CROSSING = 280  # tokens: llama.cpp makes a new graph at every 256


@pytest.fixture(autouse=True)
def sliced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HEAD_VARIABLE, "slice")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("sliced"), "qwen2", "f32")


def runs(made: Made, monkeypatch: pytest.MonkeyPatch) -> tuple[LlamaCppRun, LlamaCppRun]:
    """With the whole head, and with the narrow one."""
    monkeypatch.setenv(HEAD_VARIABLE, "full")
    whole = made.load().start()
    monkeypatch.setenv(HEAD_VARIABLE, "slice")
    return whole, made.load().start()


def levels(made: Made) -> list[Allowed]:
    """Sets of ids as a block has them: a level, a level with a neighbour, a level and one id apart, one id."""
    last = made.info.vocab_size - 5
    return [
        (range(last - 16, last),),
        (range(last - 17, last),),
        (range(3, 4), range(last - 16, last)),
        (range(last - 1, last),),
    ]


def stopped(run: LlamaCppRun) -> bool:
    assert run.head is not None
    return run.head.stopper.stopped()


@pytest.mark.parametrize(
    ("quantization", "tied", "padded", "error"),
    [
        ("f32", True, 5, 0.0),
        ("f16", False, 5, 0.0),
        ("q8_0", True, 5, 0.0),
        ("q4_k_m", True, 5, 0.0),
        ("q4_k_m", False, 5, 0.0),
        ("q2_k", True, 5, 0.0),
        # Rows in eights are packed anew by llama.cpp where the processor likes it better, and summed in another order.
        ("q8_0:q4_0", True, 0, 1e-5),
        ("q8_0:q4_k", False, 0, 1e-5),
    ],
)
def test_the_same_logits_as_the_whole_head(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    quantization: str,
    tied: bool,
    padded: int,
    error: float,
) -> None:
    made = make(tmp_path, "qwen2", quantization, tied=tied, padded=padded)
    if not padded:
        made = make(tmp_path, "qwen2", quantization, tied=tied, padded=-made.info.vocab_size % 8)
    whole, narrow = runs(made, monkeypatch)
    sets, draw, count = levels(made), np.random.default_rng(0), 0
    whole.push(PROMPT, made.every)
    narrow.push(PROMPT, made.every)
    for index in range(CROSSING):
        # Words come between, and once in a while more tokens than one.
        allowed = made.every if index % 17 == 0 else sets[index % len(sets)]
        tokens = [
            int(token)
            for token in draw.integers(0, made.info.vocab_size - 5, 3 if index % 100 == 50 else 1)
        ]
        got, expected = narrow.push(tokens, allowed), whole.push(tokens, allowed)
        np.testing.assert_allclose(got, expected, rtol=0, atol=error)
        assert expected.std() > 0.1 or len(expected) == 1
        if len(tokens) == 1 and allowed != made.every:
            count += stopped(narrow)
    assert count >= 0.9 * CROSSING * 16 / 17
    assert whole.length == narrow.length > 256


def node_before(run: LlamaCppRun) -> int:
    """A node that comes before the hidden state."""
    assert run.head is not None
    stopper = run.head.stopper
    assert stopper.node is not None
    nodes = stopper.nodes
    return nodes[nodes.index(stopper.node) // 2]


def test_a_stop_at_another_node_is_noticed_and_done_again(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, narrow = runs(made, monkeypatch)
    level = levels(made)[0]
    for run in (whole, narrow):
        run.push(PROMPT, level)
    for index in range(12):
        if index in (3, 4, 9):
            assert narrow.head is not None
            narrow.head.stopper.node = (
                node_before(narrow) if index != 4 else narrow.head.stopper.node
            )
        np.testing.assert_array_equal(narrow.push([index], level), whole.push([index], level))
        assert stopped(narrow) == (index not in (0, 3, 9))
        assert narrow.length == whole.length
    assert narrow.head is not None
    name = narrow.head.rows.ggml.get_name(narrow.head.stopper.node)
    assert name == HIDDEN_NODE


def test_a_node_that_is_gone_costs_one_whole_head(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, narrow = runs(made, monkeypatch)
    level = levels(made)[0]
    for run in (whole, narrow):
        run.push([1], level)
    assert narrow.head is not None
    nowhere = ctypes.create_string_buffer(8)
    narrow.head.stopper.node = ctypes.addressof(nowhere)
    for index, expected in enumerate([False, False, True, True]):
        np.testing.assert_array_equal(narrow.push([index], level), whole.push([index], level))
        assert stopped(narrow) is expected


def test_runs_overlap_and_logits_outlive_them(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, one = runs(made, monkeypatch)
    level = levels(made)[1]
    two = made.load().start()
    for index in range(8):
        two.push([index + 50], level)
        logits, expected = one.push([index], level), whole.push([index], level).copy()
        np.testing.assert_array_equal(logits, expected)
    assert stopped(one)
    del one, two
    gc.collect()
    np.testing.assert_array_equal(logits, expected)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer that sends a signal")
def test_ctrl_c_is_heard_while_a_graph_is_stopped(made: Made) -> None:
    """In a callback of Python code it would be lost, which pytest turns into a failure."""
    for _ in range(20):
        with pytest.raises(KeyboardInterrupt):
            write_until_interrupted(made)
    gc.collect()


def write_until_interrupted(made: Made) -> None:
    run, level = made.load().start(), levels(made)[0]
    before: Any = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.002)  # seconds: somewhere within the tokens
    try:
        for _ in range(made.info.context):
            run.push([1], level)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def bystander() -> Iterator[None]:
    """Another thread of Python."""
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.mark.usefixtures("bystander")
def test_beside_other_threads_the_head_is_left_whole_unless_asked(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = made.load()
    assert model.start().head is not None
    monkeypatch.delenv(HEAD_VARIABLE)
    run, level = model.start(), levels(made)[0]
    assert run.head is None
    expected = run.push([1], level).copy()
    np.testing.assert_array_equal(expected, model.start().push([1], level))


def test_a_thread_that_comes_later_does_not_hinder(made: Made) -> None:
    run, level = made.load().start(), levels(made)[0]
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            sum(range(1000))

    thread = threading.Thread(target=work)
    run.push([1], level)
    thread.start()
    try:
        for token in range(20):
            run.push([token], level)
        assert stopped(run)
    finally:
        over.set()
        thread.join()


def test_many_allowed_ids_are_left_to_llama_cpp(made: Made) -> None:
    run, eighth = made.load().start(), made.info.vocab_size // 8
    run.push([1], (range(10),))
    for allowed, expected in (
        ((range(eighth),), True),
        ((range(eighth + 1),), False),
        (made.every, False),
    ):
        run.push([2], allowed)
        assert stopped(run) is expected


def test_which_head_is_used(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = read_header(made.path).tensors

    def rows(
        tensors: Mapping[str, TensorPlace] = tensors, library: Any = library, on_gpu: bool = False
    ) -> HeadRows | None:
        return open_rows(made.path, tensors, library, on_gpu)

    assert rows(on_gpu=True) is not None, "asked for"
    monkeypatch.setenv(HEAD_VARIABLE, "full")
    assert rows() is None
    for automatic in (None, ""):
        monkeypatch.delenv(HEAD_VARIABLE) if automatic is None else monkeypatch.setenv(
            HEAD_VARIABLE, automatic
        )
        assert rows() is None, "a small head"
    monkeypatch.setattr(narrow_head, "WORTH_BYTES", 1)
    assert rows() is not None
    assert rows(on_gpu=True) is None
    bias = {**tensors, "output.bias": TensorPlace((made.info.vocab_size,), 0, 0)}
    assert rows(bias) is None
    assert rows({}) is None
    beyond = {"output.weight": TensorPlace((256, 1 << 40), 0, 0)}
    assert rows(beyond) is None
    assert rows(library=ctypes.CDLL(None)) is None, "a library without the functions"
    monkeypatch.setenv(HEAD_VARIABLE, "thin")
    with pytest.raises(InputError, match="expected full or slice, got 'thin'"):
        rows()


def test_the_header_says_where_the_weights_lie(made: Made) -> None:
    from gguf import GGUFReader

    tensors = read_header(made.path).tensors
    expected = {
        t.name: (tuple(map(int, t.shape)), int(t.tensor_type), int(t.data_offset))
        for t in GGUFReader(made.path).tensors
    }
    assert {
        name: (place.dims, place.kind, place.offset) for name, place in tensors.items()
    } == expected
