"""What does it cost per token to allow only valid motion, and does the engine allow the right ids?

    python benchmarks/constraint.py --gguf MODEL.gguf [--xgrammar OTHER/bin/python] [-o benchmarks/results/constraint]

Over the real Qwen vocabulary with the motion tokens (155,763 ids; needs the dashscope wheel), inside a block of whole frames of four
levels. A step is: take the token that was chosen, say which may come next, choose among random logits. The same random walk for all,
engines in turn, medians over the steps. MODEL.gguf gives llama.cpp the vocabulary: any GGUF exported with it will do. xgrammar brings
torch along, so it runs under a Python of its own.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe
from qwen_vocabulary import qwen_tokenizer

from kinetoken.engines import Allowed, width
from kinetoken.sampling.grammar import GrammarCursor, MoveGrammar
from kinetoken.sampling.sampler import Sampler
from kinetoken.vocabulary import Vocabulary

SIZE, TEXT, START, TURN = 155_763, 151_643, 151_665, 151_645
LEVELS = tuple(range(151_667 + 1024 * q, 151_667 + 1024 * (q + 1)) for q in range(4))
WORDS = Vocabulary((range(TEXT),), START, START + 1, LEVELS, (TURN,))
FRAMES = 200
XGRAMMAR = Path(__file__).with_name("constraint_xgrammar.py")
Step = tuple[float, int]
"""Microseconds, and how many ids were allowed."""


def walk() -> list[int]:
    """One block: the ids that every engine is fed."""
    draw = np.random.default_rng(0)
    codes = draw.integers(1024, size=(FRAMES, 4))
    return [START, *(LEVELS[q][int(c)] for frame in codes for q, c in enumerate(frame)), START + 1]


def steps(advance: Callable[[int], Any], tokens: list[int], count: Callable[[Any], int] = int) -> Iterator[Step]:
    """Time each token of the block but its ends; `count` says how many ids a result allows, off the clock."""
    for i, token in enumerate(tokens):
        began = time.perf_counter()
        result = advance(token)
        spent = (time.perf_counter() - began) * 1e6
        if 0 < i < len(tokens) - 1:
            yield spent, count(result)


def kinetoken_engine(logits: np.ndarray) -> Callable[[int], int]:
    """Grammar and sampler of the runtime, which sees the allowed slice."""
    cursor = MoveGrammar(WORDS, 4, 1, FRAMES, 0, 10**6).start()
    chooser = Sampler(0.5, min_p=0.05).start(0)

    def advance(token: int) -> int:
        cursor.accept(token)
        if cursor.done:
            return 0
        (ids,) = cursor.allowed
        chooser.pick(logits[ids.start : ids.stop])
        return len(ids)

    return advance


def kinetoken_rules(token: int, cursor: GrammarCursor) -> Allowed:
    """The grammar alone."""
    cursor.accept(token)
    return () if cursor.done else cursor.allowed


def masked_engine(mask_after: Callable[[int], np.ndarray], logits: np.ndarray) -> Callable[[int], int]:
    """An engine that gives a mask over the vocabulary; the choice is made over all of it, as its users make it."""
    chooser = Sampler(0.5, min_p=0.05).start(0)

    def advance(token: int) -> int:
        mask = unpacked(mask_after(token))
        if not mask.any():
            return 0
        chooser.pick(np.where(mask, logits, np.float32(-np.inf)))
        return int(mask.sum())

    return advance


def llguidance_mask(tokenizer_json: Path) -> Callable[[int], np.ndarray]:
    """llguidance with ranges of ids."""
    import llguidance
    from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask

    tokenizer = llguidance.LLTokenizer(tokenizer_json.read_text(encoding="utf-8"), n_vocab=SIZE, eos_token=TURN)
    frame = " ".join(f"<[{ids.start}-{ids.stop - 1}]>" for ids in LEVELS)
    lark = f"start: (word | move)*\nword: <[0-{TEXT - 1}]>\nmove: <[{START}]> frame{{1,{FRAMES}}} <[{START + 1}]>\nframe: {frame}\n"
    matcher = llguidance.LLMatcher(tokenizer, lark)
    assert not matcher.is_error(), matcher.get_error()
    bits = allocate_token_bitmask(1, SIZE)

    def mask(token: int) -> np.ndarray:
        assert matcher.consume_tokens([token])
        fill_next_token_bitmask(matcher, bits, 0)
        return bits

    return mask


def unpacked(bits: np.ndarray) -> np.ndarray:
    """A bit mask as (SIZE,) of truth values."""
    return np.unpackbits(bits.view(np.uint8), bitorder="little")[:SIZE].astype(bool)


def gbnf(characters: bool) -> str:
    """llama.cpp's grammar of a block, over characters or with an alternative for each of 4 x 1,024 token ids."""
    if characters:
        code = '("10" ([01] [0-9] | "2" [0-3]) | [1-9] [0-9]? [0-9]? | "0")'
        levels = " ".join(f'"<m_{q}_" {code} ">"' for q in range(4))
        return f'root ::= "<move>" frame+ "</move>"\nframe ::= {levels}\n'
    rules = "\n".join(f"l{q} ::= " + " | ".join(f"<[{i}]>" for i in ids) for q, ids in enumerate(LEVELS))
    return f"root ::= <[{START}]> frame+ <[{START + 1}]>\nframe ::= l0 l1 l2 l3\n{rules}\n"


def llamacpp_engine(gguf: Path, characters: bool, logits: np.ndarray) -> Callable[[int], int]:
    """llama.cpp's own grammar sampler, then min-p and the draw, on its own arrays."""
    import llama_cpp as ll

    params = ll.llama_model_default_params()
    params.vocab_only = True
    model = ll.llama_model_load_from_file(str(gguf).encode(), params)
    grammar = ll.llama_sampler_init_grammar(ll.llama_model_get_vocab(model), gbnf(characters).encode(), b"root")
    assert grammar, "llama.cpp refused the grammar"
    chain = [ll.llama_sampler_init_min_p(0.05, 1), ll.llama_sampler_init_temp(0.5), ll.llama_sampler_init_dist(0)]
    data = (ll.llama_token_data * SIZE)()
    view = np.frombuffer(data, dtype=[("id", np.int32), ("logit", np.float32), ("p", np.float32)])

    def advance(token: int) -> int:
        ll.llama_sampler_accept(grammar, token)
        view["id"], view["logit"], view["p"] = np.arange(SIZE), logits, 0
        array = ll.llama_token_data_array(data, SIZE, -1, False)
        ll.llama_sampler_apply(grammar, ctypes.byref(array))
        allowed = int(np.isfinite(view["logit"]).sum())
        if allowed:
            for sampler in chain:
                ll.llama_sampler_apply(sampler, ctypes.byref(array))
        return allowed

    advance.keep = (model, grammar, chain)  # type: ignore[attr-defined]
    return advance


def xgrammar_steps(python: str, tokenizer: Path, tokens: list[int]) -> list[Step] | str:
    """Advance and mask only, in a process of its own; a string where it did not run."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(tokens, file)
        file.flush()
        levels = json.dumps([[ids.start, ids.stop] for ids in LEVELS])
        command = [python, str(XGRAMMAR), str(tokenizer), str(SIZE), file.name, levels, str(START)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["no reason"])[-1][:160]
    return [(us, n) for us, n in json.loads(done.stdout.splitlines()[-1])]


def row(name: str, taken: list[Step] | str, exact: str) -> dict[str, Any]:
    """Figures of an engine."""
    if isinstance(taken, str):
        return {"engine": name, "failed": taken}
    times = sorted(us for us, _ in taken)
    counts = sorted({n for _, n in taken})
    return {
        "engine": name, "median_us": statistics.median(times), "p99_us": times[int(len(times) * 0.99)],
        "allowed": counts, "exact": exact if set(counts) <= {1, 1024, 1025} else "no",
    }  # fmt: skip


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--gguf", type=Path, required=True)
    parser.add_argument("--xgrammar", metavar="PYTHON")
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    found = importlib.util.find_spec("dashscope")
    if found is None or found.origin is None:
        parser.error("expected the Qwen vocabulary: pip install --no-deps dashscope")
    folder = Path(tempfile.mkdtemp())
    qwen_tokenizer((Path(found.origin).parent / "resources" / "qwen.tiktoken").read_bytes(), folder / "tokenizer.json")
    tokens, logits = walk(), np.random.default_rng(1).normal(size=SIZE).astype(np.float32)
    few = [*tokens[: 1 + 4 * 6], START + 1]
    masks, alone = llguidance_mask(folder / "tokenizer.json"), llguidance_mask(folder / "tokenizer.json")
    cursor = MoveGrammar(WORDS, 4, 1, FRAMES, 0, 10**6).start()
    rows = [
        row(
            "kinetoken: grammar alone", list(steps(lambda token: kinetoken_rules(token, cursor), tokens, width)), "yes"
        ),
        row(
            "llguidance: grammar alone, mask made",
            list(steps(alone, tokens, lambda bits: int(unpacked(bits).sum()))),
            "yes",
        ),
        row("kinetoken: grammar and sampler", list(steps(kinetoken_engine(logits), tokens)), "yes"),
        row("llguidance: ranges of ids, then min-p over all", list(steps(masked_engine(masks, logits), tokens)), "yes"),
        *(
            row(
                f"llama.cpp GBNF {name}, its own min-p",
                list(steps(llamacpp_engine(args.gguf, characters, logits), some)),
                exact,
            )
            for name, characters, some, exact in (
                ("over characters", True, tokens[:102], "no"),
                ("with token ids", False, few, "yes"),
            )
        ),
    ]
    if args.xgrammar:
        rows.append(
            row(
                "xgrammar: grammar alone, mask made",
                xgrammar_steps(args.xgrammar, folder / "tokenizer.json", tokens),
                "yes",
            )
        )
    report = table(rows)
    print(report)
    if args.out:
        args.out.with_suffix(".md").write_text(report, encoding="utf-8")
        args.out.with_suffix(".json").write_text(json.dumps({"machine": describe(), "rows": rows}, indent=1) + "\n")
    return 0


def table(rows: list[dict[str, Any]]) -> str:
    """The report in Markdown."""
    lines = [
        "# What the guarantee costs per token", "",
        f"{describe()}. `python benchmarks/constraint.py --gguf MODEL.gguf --xgrammar PYTHON`.",
        f"One step inside a block, {SIZE:,} ids, medians.", "",
        "| engine | median, us | 99th percentile, us | ids allowed | exactly the right ones |", "|---|---:|---:|---|---|",
    ]  # fmt: skip
    for r in rows:
        if "failed" in r:
            lines.append(f"| {r['engine']} | did not run: {r['failed']} | | | |")
        else:
            lines.append(
                f"| {r['engine']} | {r['median_us']:,.0f} | {r['p99_us']:,.0f} | {', '.join(map(str, r['allowed'][:4]))} | {r['exact']} |"
            )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.exit(main())
