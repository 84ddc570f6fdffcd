"""One measurement of `on_a_gpu.py`, in a process of its own; the last line that it prints is JSON.

python benchmarks/gpu_steps.py STEP [--bundle FOLDER] [--provider cpu|cuda] [--gpu-layers N]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

PROMPT: Final = "a person walks forward"
WARM_UP, ROUNDS = 8, 60
PASSES: Final = (1, 2, 4, 8)
"""Tokens in one pass."""
DRAWING: Final = 3.0
"""Seconds of drawing pictures of each size."""
HEAD_VARIABLE: Final = "KINETOKEN_HEAD"


def main() -> None:
    """Measure one thing and print it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--provider", default="cpu")
    parser.add_argument("--gpu-layers", type=int)
    parser.add_argument("--short", action="store_true", help="shows only that it runs")
    parser.add_argument(
        "--card", action="store_true", help="the processor in its place is a failure"
    )
    args = parser.parse_args()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = STEPS[args.step](args)
    print(json.dumps({**found, "warnings": sorted({str(warning.message) for warning in said})}))


def bundle(args: argparse.Namespace) -> Any:
    """The bundle on the device that is asked for."""
    from kinetoken.generation.bundle import bundle_folder, open_bundle

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        opened = open_bundle(bundle_folder(args.bundle), load_options(args))
    told = "; ".join(sorted({str(warning.message) for warning in said}))
    if args.card and opened.language_model.device == "cpu":
        raise SystemExit(f"not on the card: {told or 'the engine chose the processor'}")
    if told:
        warnings.warn(told, stacklevel=2)
    return opened


def load_options(args: argparse.Namespace) -> Any:
    """Options for the engine of the bundle: a provider of ONNX Runtime, or llama.cpp's layers."""
    from kinetoken.engines.load_options import LoadOptions

    if args.gpu_layers is None:
        return LoadOptions(provider=args.provider)
    return LoadOptions(gpu_layers=args.gpu_layers)


def answers(args: argparse.Namespace) -> dict[str, Any]:
    """Speed and latency of whole answers, at all levels and at one: medians of three."""
    from kinetoken.bench.measure import measure_answer

    began = time.perf_counter()
    opened = bundle(args)
    found: dict[str, Any] = {
        "load_s": time.perf_counter() - began,
        "device": opened.language_model.device,
    }
    for levels in (len(opened.manifest.motion.levels), 1):
        measure_answer(opened, levels, 1.0)
        seconds, count = (1.0, 1) if args.short else (4.0, 3)
        rounds = [measure_answer(opened, levels, seconds)[0] for _ in range(count)]
        found[f"levels_{levels}"] = {
            "first_token_ms": 1e3 * statistics.median(a.first_token for a in rounds),
            "first_pose_ms": 1e3 * statistics.median(a.first_pose for a in rounds),
            "motion_tokens_per_s": statistics.median(a.tokens_per_second for a in rounds),
            "rtf": statistics.median(a.rtf for a in rounds),
            "rtf_whole": statistics.median(a.rtf_whole for a in rounds),
        }
    return found


def same_codes(args: argparse.Namespace) -> dict[str, Any]:
    """Greedy answers beside the processor's: how many codes agree before the first other one."""
    seconds = 1.0 if args.short else 3.0
    here = greedy(bundle(args), seconds)
    args.provider, args.card = "cpu", False
    args.gpu_layers = None if args.gpu_layers is None else 0
    there = greedy(bundle(args), seconds)
    rows = []
    for ours, theirs in zip(here, there, strict=True):
        both = min(len(ours), len(theirs))
        other = np.flatnonzero(ours[:both] != theirs[:both])
        rows.append({"codes": both, "equal_at_first": int(other[0]) if len(other) else both})
    return {"prompts": rows, "whole": sum(r["codes"] == r["equal_at_first"] for r in rows)}


def greedy(opened: Any, seconds: float) -> list[np.ndarray]:
    """Codes of four answers at temperature 0."""
    from kinetoken import Generator

    prompts = ("a person walks forward", "do a cartwheel", "wave with the right hand", "dance")
    generator = Generator(opened)
    return [
        generator.generate(prompt, seconds=seconds, temperature=0, seed=1).codes.ravel()
        for prompt in prompts
    ]


def head(args: argparse.Namespace) -> dict[str, Any]:
    """The narrow head: a token inside a block against one whose whole head is computed, in turn.

    llama.cpp computes all rows or those of a level; ONNX Runtime's heads of all levels and words
    stand for the whole one.
    """
    levels, every = allowed_ids(opened := bundle(args))
    arms = {"narrow": level_arm(opened, levels[:1])}
    if args.gpu_layers is None:
        arms["whole"] = level_arm(opened, every)
    else:
        os.environ[HEAD_VARIABLE] = "full"  # read where a model is loaded
        arms["whole"] = level_arm(bundle(args), levels[:1])
    times: dict[str, list[float]] = {name: [] for name in arms}
    for turn in range(WARM_UP + ROUNDS):
        for name in sorted(arms, reverse=bool(turn % 2)):
            seconds = next(arms[name])
            if turn >= WARM_UP:
                times[name].append(seconds)
    middle = {f"{name}_ms": 1e3 * statistics.median(found) for name, found in times.items()}
    return {**middle, "whole_over_narrow": middle["whole_ms"] / middle["narrow_ms"]}


def level_arm(opened: Any, allowed: Any) -> Iterator[float]:
    """Seconds of token after token."""
    from kinetoken.bench.measure import token_seconds

    ids = opened.tokenizer.encode_text(PROMPT)
    return token_seconds(opened.language_model, ids, allowed, WARM_UP + ROUNDS + 1)


def allowed_ids(opened: Any) -> tuple[Any, Any]:
    """Ids of the first level, and every id of motion and text."""
    motion, tokenizer = opened.manifest.motion, opened.manifest.tokenizer
    levels = tuple(range(*level) for level in motion.levels)
    words = tuple(range(*part) for part in tokenizer.text_ids)
    return levels, tuple(sorted((*levels, *words), key=lambda part: part.start))


def passes(args: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds of one pass over 1, 2, 4 and 8 tokens, in turn: may speculation pay here?"""
    opened = bundle(args)
    levels, _ = allowed_ids(opened)
    run = opened.language_model.start()
    run.push(opened.tokenizer.encode_text(PROMPT), levels[:1])
    length = run.length
    times: dict[int, list[float]] = {count: [] for count in PASSES}
    for turn in range(WARM_UP + ROUNDS):
        for count in np.roll(PASSES, turn).tolist():
            began = time.perf_counter()
            run.push([levels[0].start] * count, levels[:1])
            if turn >= WARM_UP:
                times[count].append(time.perf_counter() - began)
            run.rewind(length)
    middle = {count: 1e3 * statistics.median(found) for count, found in times.items()}
    return {
        "pass_ms": {str(count): found for count, found in middle.items()},
        "four_over_one": middle[4] / middle[1],
    }


def pictures(args: argparse.Namespace) -> dict[str, Any]:
    """The viewer's pictures through EGL, on the card if its driver has one."""
    from PIL import Image

    from kinetoken import load
    from kinetoken_viewer.record.clip_film import ClipFilm
    from kinetoken_viewer.record.request import RecordRequest
    from kinetoken_viewer.render.gl.offscreen import OffscreenRenderer

    clip = load(threads=1).generate(PROMPT, seconds=3, seed=1)
    found: dict[str, Any] = {}
    for size in ((640, 360), (1280, 720)):
        renderer = OffscreenRenderer(*size)
        film = ClipFilm(clip, RecordRequest(Path("x.gif"), size), renderer)
        film.picture(0.0)
        began, number = time.perf_counter(), 0
        while number < 2 or (time.perf_counter() - began < DRAWING and not args.short):
            picture = film.picture(number / 25 % clip.seconds)
            number += 1
        found[f"{size[0]}x{size[1]}_per_s"] = number / (time.perf_counter() - began)
        found["driver"] = renderer.name
    if "PICTURE" in os.environ:
        Image.fromarray(np.asarray(picture)).save(os.environ["PICTURE"])
    return found


STEPS: Final[dict[str, Callable[[argparse.Namespace], dict[str, Any]]]] = {
    "answers": answers, "same-codes": same_codes, "head": head, "passes": passes, "pictures": pictures,
}  # fmt: skip

if __name__ == "__main__":
    main()
