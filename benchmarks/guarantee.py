"""Check the guarantee: random requests, adversarial logits, an independent reader of the answers.

    python benchmarks/guarantee.py [--answers 100000] [-o benchmarks/results/guarantee]

Each answer has its own request, drawn from all lengths, blocks, pauses, budgets, levels and both
kinds of frames, and its own adversary: noise, all mass on illegal ids, not-a-number, infinities,
ties, a model that never stops talking or never starts. Tokens pass the grammar and the sampler as
in the runtime; the reader below knows neither. One answer in a hundred is decoded to joints with
the demo's codec.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe

from kinetoken.base.errors import InputError
from kinetoken.generation.bundle import bundle_folder, open_codec
from kinetoken.generation.motion_stream import decode_clip
from kinetoken.generation.options import GenerateOptions
from kinetoken.generation.request_grammar import request_grammar
from kinetoken.manifest.schema import Manifest
from kinetoken.sampling.grammar import MoveGrammar
from kinetoken.tokens.allowed_ids import nth_allowed, take_allowed
from kinetoken.tokens.vocabulary import Vocabulary

TEXT, START, END, TURN, CODES = range(40), 40, 41, 42, 16
LEVELS = tuple(range(50 + CODES * q, 50 + CODES * (q + 1)) for q in range(4))
WORDS = Vocabulary((TEXT,), START, END, LEVELS, (TURN,))
SIZE = LEVELS[-1].stop
ADVERSARIES = (
    "noise",
    "illegal",
    "nan",
    "plus infinity",
    "minus infinity",
    "ties",
    "only words",
    "only frames",
    "only ends",
)
STEP = 0.2


def request(draw: np.random.Generator) -> dict[str, Any]:
    """Options as a user might give them, sensible or not."""
    asked: dict[str, Any] = {}

    def maybe(chance: float, name: str, value: Any) -> None:
        if draw.random() < chance:
            asked[name] = value

    for what in ("", "block_"):
        unit, scale = ("seconds", STEP) if draw.random() < 0.5 else ("code_frames", 1)
        low, more = int(draw.integers(1, 9)), int(draw.integers(0, 12))
        if draw.random() < 0.3:
            asked[f"{what}{unit}"] = low * scale
        else:
            maybe(0.4, f"min_{what}{unit}", low * scale)
            maybe(0.4, f"max_{what}{unit}", (low + more) * scale)
    maybe(0.2, "min_blocks", int(draw.integers(1, 4)))
    maybe(0.2, "max_blocks", int(draw.integers(1, 5)))
    maybe(0.5, "max_thought", int(draw.integers(0, 12)))
    maybe(0.3, "max_pause", int(draw.integers(0, 6)))
    maybe(0.3, "max_tokens", int(draw.integers(1, 120)))
    maybe(0.5, "levels", int(draw.integers(1, 5)))
    maybe(0.3, "frames", "prefix")
    maybe(0.2, "text_only", True)
    maybe(0.5, "temperature", float(draw.choice([0.0, 0.5, 1.0, 100.0])))
    maybe(0.2, "top_p", 0.9)
    maybe(0.2, "top_k", 5)
    maybe(0.2, "min_p", 0.1)
    return asked


def logits(kind: str, draw: np.random.Generator) -> np.ndarray:
    """A row of logits by an adversary."""
    row = draw.normal(0, 50, SIZE).astype(np.float32)
    if kind == "illegal":
        row[43:50] = 1e30
    elif kind in ("nan", "plus infinity", "minus infinity"):
        row[draw.random(SIZE) < draw.random()] = {
            "nan": np.nan,
            "plus infinity": np.inf,
            "minus infinity": -np.inf,
        }[kind]
    elif kind == "ties":
        row[:] = 0
    elif kind == "only words":
        row[list(TEXT)] += 1e6
    elif kind == "only frames":
        row[LEVELS[0].start :] += 1e6
    elif kind == "only ends":
        row[[END, TURN]] += 1e6
    return row


def answer(
    grammar: MoveGrammar,
    options: GenerateOptions,
    manifest: Manifest,
    kind: str,
    draw: np.random.Generator,
) -> tuple[str, list[Any]]:
    """The answer as one letter a token, and its code frames."""
    cursor, chooser, said, frames = grammar.start(), options.sampler(manifest).start(1), [], []
    while not cursor.done:
        allowed = cursor.allowed
        token = nth_allowed(allowed, chooser.pick(take_allowed(logits(kind, draw), allowed)))
        frame = cursor.accept(token)
        frames += [frame] if frame is not None else []
        said.append(letter(token))
    return "".join(said), frames


def letter(token: int) -> str:
    """t for text, ( and ) for a block, E for the end, the level of a code, ? for anything else."""
    if token in TEXT:
        return "t"
    if token >= LEVELS[0].start:
        return str((token - LEVELS[0].start) // CODES)
    return {START: "(", END: ")", TURN: "E"}.get(token, "?")


def violation(said: str, frames: list[Any], g: MoveGrammar) -> str | None:
    """The rule that an answer breaks, read with regular expressions."""
    frame = "".join(str(q) for q in range(g.levels))
    if g.prefix:
        for q in reversed(range(1, g.levels)):
            frame = frame[:q] + f"(?:{frame[q:]})?"
    block = rf"\((?:{frame})+\)"
    if not re.fullmatch(rf"(?:t|{block})*E?", said):
        return "does not parse"
    blocks = [len(re.findall(frame, body)) for body in re.findall(r"\((\d+)\)", said)]
    thoughts = re.split(r"\([^)]*\)", said.rstrip("E"))
    pause = g.max_thought if g.max_pause is None else g.max_pause
    checks = {
        "longer than the budget": len(said) <= g.max_tokens,
        "length": g.min_frames <= sum(blocks) <= g.max_frames,
        "length of a block": all(g.min_block <= n <= g.longest_block for n in blocks),
        "number of blocks": g.min_blocks <= len(blocks) <= g.most_blocks,
        "words before": len(thoughts[0]) <= g.max_thought,
        "words between": all(len(words) <= pause for words in thoughts[1:]),
        "frames handed out": len(frames) == sum(blocks),
        "codes": all(0 <= c < CODES or c == -1 for f in frames for c in f)
        and all(f[0] >= 0 and len(f) == 4 for f in frames),
    }
    return next((name for name, good in checks.items() if not good), None)


def main() -> int:
    """Count, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--answers", type=int, default=100_000)
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    manifest, decoder = open_codec(bundle_folder())
    small = replace(manifest, language_model=replace(manifest.language_model, context=400))
    draw, found, kinds, tokens, decoded, refused = (
        np.random.default_rng(0),
        Counter[str](),
        Counter[str](),
        0,
        0,
        0,
    )
    began = time.perf_counter()
    while kinds.total() < args.answers:
        try:
            options = GenerateOptions(**request(draw))
            grammar = request_grammar(options, small, WORDS, 20, outgrows=False)
        except InputError:
            refused += 1
            continue
        kind = ADVERSARIES[kinds.total() % len(ADVERSARIES)]
        said, frames = answer(grammar, options, manifest, kind, draw)
        kinds[kind] += 1
        tokens += len(said)
        wrong = violation(said, frames, grammar)
        if wrong is None and frames and kinds.total() % 100 == 0:
            clip = decode_clip(decoder, frames)
            decoded += 1
            wrong = (
                None
                if np.isfinite(clip.joints).all() and len(clip) == 4 * len(frames)
                else "does not decode"
            )
        if wrong:
            found[wrong] += 1
            print(f"{wrong}: {grammar} {said}", file=sys.stderr)
    record = {
        "answers": kinds.total(), "tokens": tokens, "decoded": decoded, "requests refused as contradictory": refused,
        "violations": dict(found), "seconds": round(time.perf_counter() - began),
    }  # fmt: skip
    report = "\n".join([
        "# The guarantee, at length", "",
        f"{describe()}. `python benchmarks/guarantee.py`.", "",
        f"{kinds.total():,} random answers ({tokens:,} tokens), each with its own request and one of "
        f"{len(ADVERSARIES)} adversaries ({', '.join(ADVERSARIES)}): **{found.total()} violations**. "
        f"{decoded:,} were decoded to joints. "
        f"{refused:,} contradictory requests were refused before anything ran.", "",
    ])  # fmt: skip
    print(report)
    if args.out:
        args.out.with_suffix(".md").write_text(report, encoding="utf-8")
        args.out.with_suffix(".json").write_text(
            json.dumps(record | {"machine": describe()}, indent=1) + "\n"
        )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
