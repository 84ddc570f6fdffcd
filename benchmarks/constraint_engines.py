"""Engines of constraint.py that share its process: each maps the token taken to what may follow."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from constraint_ids import FRAMES, LEVELS, SIZE, START, TEXT, TURN, Runs, runs, runs_of_bits

from kinetoken.sampling.grammar import MoveGrammar
from kinetoken.sampling.sampler import Sampler
from kinetoken.tokens.allowed_ids import Allowed
from kinetoken.tokens.vocabulary import Vocabulary

WORDS = Vocabulary((range(TEXT),), START, START + 1, LEVELS, (TURN,))
Advance = Callable[[int], Any]


class OffClock:
    """Seconds of a step that belong to the benchmark, not the engine: `with off:` around them."""

    def __init__(self) -> None:
        self._seconds = self._began = 0.0

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._seconds += time.perf_counter() - self._began

    def taken(self) -> float:
        """Seconds since the last call."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds


off = OffClock()


def kinetoken_rules() -> Advance:
    """The grammar alone."""
    cursor = MoveGrammar(WORDS, 4, 1, FRAMES + 1, 0, 10**6).start()

    def advance(token: int) -> Allowed:
        cursor.accept(token)
        return cursor.allowed

    return advance


def kinetoken_sampling(logits: np.ndarray) -> Advance:
    """Grammar and sampler of the runtime, which sees the allowed slice."""
    rules, chooser = kinetoken_rules(), Sampler(0.5, min_p=0.05).start(0)

    def advance(token: int) -> Allowed:
        allowed: Allowed = rules(token)
        (ids,) = allowed
        chooser.pick(logits[ids.start : ids.stop])
        return allowed

    return advance


def runs_of_ranges(allowed: Allowed) -> Runs:
    """The ids that the runtime's grammar allows, as runs."""
    return runs(np.concatenate([np.arange(ids.start, ids.stop) for ids in allowed]))


def llguidance_rules(tokenizer_json: Path) -> Advance:
    """llguidance with ranges of ids: the mask."""
    import llguidance
    from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask

    tokenizer = llguidance.LLTokenizer(
        tokenizer_json.read_text(encoding="utf-8"), n_vocab=SIZE, eos_token=TURN
    )
    frame = " ".join(f"<[{ids.start}-{ids.stop - 1}]>" for ids in LEVELS)
    lark = (
        f"start: (word | move)*\nword: <[0-{TEXT - 1}]>\n"
        f"move: <[{START}]> frame{{1,{FRAMES + 1}}} <[{START + 1}]>\nframe: {frame}\n"
    )
    matcher = llguidance.LLMatcher(tokenizer, lark)
    assert not matcher.is_error(), matcher.get_error()
    bits = allocate_token_bitmask(1, SIZE)

    def advance(token: int) -> np.ndarray:
        assert matcher.consume_tokens([token])
        fill_next_token_bitmask(matcher, bits, 0)
        return bits

    return advance


def llguidance_sampling(tokenizer_json: Path, logits: np.ndarray) -> Advance:
    """Choose over the whole vocabulary, as users of the mask do."""
    rules, chooser = llguidance_rules(tokenizer_json), Sampler(0.5, min_p=0.05).start(0)

    def advance(token: int) -> np.ndarray:
        bits: np.ndarray = rules(token)
        mask = np.unpackbits(bits.view(np.uint8), bitorder="little")[:SIZE].astype(bool)
        chooser.pick(np.where(mask, logits, np.float32(-np.inf)))
        return bits

    return advance


def llguidance_kernel(tokenizer_json: Path, logits: np.ndarray) -> Advance:
    """Apply the mask with llguidance's numpy function; the logits are new at every token."""
    from llguidance.numpy import apply_token_bitmask_inplace

    rules, chooser = llguidance_rules(tokenizer_json), Sampler(0.5, min_p=0.05).start(0)
    masked = logits.copy()

    def advance(token: int) -> np.ndarray:
        with off:
            np.copyto(masked, logits)
        bits: np.ndarray = rules(token)
        apply_token_bitmask_inplace(masked, bits)
        chooser.pick(masked)
        return bits

    return advance


def gbnf(characters: bool) -> str:
    """llama.cpp's grammar of a block, over characters or over 4 x 1,024 token ids by name."""
    if characters:
        code = '("10" ([01] [0-9] | "2" [0-3]) | [1-9] [0-9]? [0-9]? | "0")'
        levels = " ".join(f'"<m_{q}_" {code} ">"' for q in range(4))
        return f'root ::= "<move>" frame+ "</move>"\nframe ::= {levels}\n'
    rules = "\n".join(
        f"l{q} ::= " + " | ".join(f"<[{i}]>" for i in ids) for q, ids in enumerate(LEVELS)
    )
    return f"root ::= <[{START}]> frame+ <[{START + 1}]>\nframe ::= l0 l1 l2 l3\n{rules}\n"


def llamacpp_sampling(gguf: Path, characters: bool, logits: np.ndarray) -> Advance:
    """llama.cpp's own grammar sampler, then min-p and the draw, on its own arrays.

    Off the clock: filling the arrays, which is cheaper in C++, and reading what the grammar left.
    """
    import llama_cpp as ll

    params = ll.llama_model_default_params()
    params.vocab_only = True
    model = ll.llama_model_load_from_file(str(gguf).encode(), params)
    grammar = ll.llama_sampler_init_grammar(
        ll.llama_model_get_vocab(model), gbnf(characters).encode(), b"root"
    )
    assert grammar, "llama.cpp refused the grammar"
    chain = [
        ll.llama_sampler_init_min_p(0.05, 1),
        ll.llama_sampler_init_temp(0.5),
        ll.llama_sampler_init_dist(0),
    ]
    data = (ll.llama_token_data * SIZE)()
    view = np.frombuffer(data, dtype=[("id", np.int32), ("logit", np.float32), ("p", np.float32)])
    ids = np.arange(SIZE)

    def advance(token: int) -> np.ndarray:
        with off:
            view["id"], view["logit"], view["p"] = ids, logits, 0
        ll.llama_sampler_accept(grammar, token)
        array = ll.llama_token_data_array(data, SIZE, -1, False)
        ll.llama_sampler_apply(grammar, ctypes.byref(array))
        with off:
            allowed = np.flatnonzero(np.isfinite(view["logit"]))  # before the chain reorders them
        for sampler in chain:
            ll.llama_sampler_apply(sampler, ctypes.byref(array))
        return allowed

    advance.keep = (model, grammar, chain)  # type: ignore[attr-defined]
    return advance


__all__ = [
    "Advance", "kinetoken_rules", "kinetoken_sampling", "llamacpp_sampling", "llguidance_kernel", "llguidance_rules", "llguidance_sampling",
    "off", "runs", "runs_of_bits", "runs_of_ranges",
]  # fmt: skip
