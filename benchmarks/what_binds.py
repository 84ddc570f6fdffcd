"""Measure what a token waits for on this machine: the memory, or the arithmetic.

    python benchmarks/what_binds.py [--type q4_k] [--rounds 40] [-o benchmarks/results/what_binds]

A layer of a 3B's width with a narrow feed-forward part fits the processor's cache. A model of one
or two such layers reads its weights from there, one of 32 or 48 from memory; the difference of
both, for each layer, is what the same arithmetic costs with weights near and far. Where the two are
equal, arithmetic binds. Threads and tokens in a pass say the same in another way: what memory binds
gains little from a second thread, and takes a second token in the same time. All loops write one
pass each in turn; memory bandwidth is measured between the rounds, in the same seconds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from machine import asked
from quant_speed import FILE_TYPES, quantize, turned, weights, write_source
from real_time_3b import bandwidth, bare_loop
from report import heading, table, write

from kinetoken.bench.machine import last_cache
from kinetoken.engines.llamacpp.context import ModelWeights

INNER: Final = 1376  # of the feed-forward part: with that, two layers are 20 MB
NEAR, FAR = (1, 2), (32, 48)  # layers
TOGETHER: Final = (1, 2, 4, 8)
CORES: Final = os.cpu_count() or 1
Key = tuple[int, int, int]  # layers, threads, tokens in a pass


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--type", choices=FILE_TYPES, default="q4_k")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("-o", "--out", type=Path)
    args = asked(parser)
    with tempfile.TemporaryDirectory() as folder:
        files = {n: Path(folder) / f"{n}.gguf" for n in (*NEAR, *FAR)}
        for layers, path in files.items():
            source = Path(folder) / "f16.gguf"
            write_source(source, layers, INNER)
            quantize(source, path, args.type)
            source.unlink()
        size = weights(files[1])
        spent, gives = measure(files, 4 if args.quick else args.rounds)
    found = {key: layer_seconds(spent, *key) for key in variants()}
    said = (
        f"{args.type}, a layer of {size / 1e6:.1f} MB; the largest cache has {last_cache() / 1e6:.0f} MB. "
        f"Memory gave {min(gives) / 1e9:.1f} to {max(gives) / 1e9:.1f} GB/s, {statistics.median(gives) / 1e9:.1f} at the median."
    )  # fmt: skip
    record = {"size": size, "bandwidth": gives, "found": {str(k): v for k, v in found.items()}}
    write(args.out, [*heading("What a token waits for", said, ""), *page(found, size)], record)


def variants() -> Iterator[tuple[int, int]]:
    """Threads and tokens in a pass, as measured."""
    yield from ((CORES, n) for n in TOGETHER)
    if CORES > 1:
        yield (1, 1)


def measure(files: dict[int, Path], rounds: int) -> tuple[dict[Key, list[float]], list[float]]:
    """Seconds of each pass, and memory bandwidth in bytes per second between the rounds."""
    models = {layers: ModelWeights(path, None, "") for layers, path in files.items()}
    loops = {
        (layers, threads, together): bare_loop(
            model, together, n_threads=threads, n_threads_batch=threads
        )
        for layers, model in models.items()
        for threads, together in variants()
    }
    spent: dict[Key, list[float]] = {key: [] for key in loops}
    gives = list[float]()
    for step in range(rounds):
        for key in turned(list(loops), step):
            next(loops[key])  # the others' weights leave the cache, these come into it
            spent[key].append(next(loops[key]))
        if step % max(1, rounds // 4) == 0:
            gives.append(bandwidth())
    return spent, gives


def layer_seconds(spent: dict[Key, list[float]], threads: int, together: int) -> tuple[float, ...]:
    """Seconds of a pass through one layer, with weights from the cache and from memory."""
    found = list[float]()
    for few, many in (NEAR, FAR):
        pairs = zip(spent[few, threads, together], spent[many, threads, together], strict=True)
        found.append(statistics.median(b - a for a, b in pairs) / (many - few))
    return tuple(found)


def page(found: dict[tuple[int, int], tuple[float, ...]], size: int) -> list[str]:
    """The table."""
    first = found[CORES, 1][1]
    rows = [
        (str(threads), str(together), f"{1e6 * near:.0f}", f"{1e6 * far:.0f}", f"{far / near:.2f}", f"{size / far / 1e9:.1f}",
         f"{far / first:.2f}")
        for (threads, together), (near, far) in found.items()
    ]  # fmt: skip
    names = (
        "threads", "tokens in a pass", "a layer from the cache, us", "from memory, us", "times", "GB/s of weights",
        "times the first row",
    )  # fmt: skip
    return table(names, rows)


if __name__ == "__main__":
    main()
