"""Measure clips per minute with 1, 2, 4 and 8 answers at once, and whether the clips are equal.

    kinetoken export export/checkpoints/demo/lm --codec export/checkpoints/demo/codec -o DEMO \\
        --format gguf --quant q8_0
    python benchmarks/batch.py demo_gguf=DEMO demo_onnx= 3b=BUNDLE -o benchmarks/results/batch

Each size gets the same prompts, options and seeds, as in `kinetoken batch` but without files.
Rounds are interleaved: each runs every bundle at every size, in its own order. The first answer of
a process does not count. Throughput is the median round's; the gain over one is the ratio of these
medians, shown with the lowest and highest ratio within a round. One answer at once is `kinetoken
generate` for each line in turn. A name without a folder is the demo bundle of the package.

`--served NAME=URL` asks a server of the demo's model too, as docs/servers.md starts it (vLLM), one
request for each answer at once.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from pathlib import Path
from typing import Any, Final

from machine import asked, describe

from kinetoken.batch.batch_run import answer_all
from kinetoken.batch.jobs import ClipAnswer, Job
from kinetoken.batch.server_requests import answer_by_server
from kinetoken.engines.load_options import LoadOptions
from kinetoken.engines.remote.model import RemoteLanguageModel
from kinetoken.generation.bundle import DEMO_BUNDLE, Bundle, open_bundle
from kinetoken.generation.options import GenerateOptions

SIZES: Final = (1, 2, 4, 8)
PROMPTS: Final = (
    "a person walks forward", "a person waves", "someone kicks with the right leg", "a person jumps", "a person sits down",
    "a man runs", "do jumping jacks", "a person walks in a circle to the left",
)  # fmt: skip


def jobs(count: int, seconds: float) -> list[Job]:
    """Lines of a prompts file, all different, of different lengths."""
    lengths = [seconds * (0.75, 1.0, 1.25)[n % 3] for n in range(count)]
    options = [
        GenerateOptions(seconds=length, seed=n, thought="brief") for n, length in enumerate(lengths)
    ]
    return [Job.of(n, str(n), PROMPTS[n % len(PROMPTS)], asked) for n, asked in enumerate(options)]


def once(bundle: Bundle, work: list[Job], size: int) -> dict[str, Any]:
    """One pass over all jobs: its seconds, and the answers."""
    served = isinstance(bundle.language_model, RemoteLanguageModel)
    began, processor = time.perf_counter(), time.process_time()
    answers = {
        answer.job.name: answer
        for answer in (answer_by_server if served else answer_all)(bundle, work, size)
        if isinstance(answer, ClipAnswer)
    }
    took, used = time.perf_counter() - began, time.process_time() - processor
    assert len(answers) == len(work), "every job is answered"
    return {"seconds": took, "processor": used, "answers": answers}


def measure(bundles: dict[str, Bundle], work: list[Job], rounds: int) -> dict[str, Any]:
    """Every bundle at every size, in turn."""
    kept: dict[tuple[str, int], list[dict[str, Any]]] = {
        (name, size): [] for name in bundles for size in SIZES
    }
    for bundle in bundles.values():
        once(bundle, work[: max(SIZES)], max(SIZES))
    for number in range(rounds):
        for name, size in random.Random(number).sample(list(kept), len(kept)):
            kept[name, size].append(once(bundles[name], work, size))
            print(
                f"round {number + 1}: {name}, {size} at once: {kept[name, size][-1]['seconds']:.1f} s",
                file=sys.stderr,
            )
    return {
        name: [summary(bundles[name], kept[name, size], kept[name, 1], size) for size in SIZES]
        for name in bundles
    }


def summary(
    bundle: Bundle, rows: list[dict[str, Any]], alone: list[dict[str, Any]], size: int
) -> dict[str, Any]:
    """Figures of the median round, and the number of clips equal to those of their line alone."""
    answers, others = rows[0]["answers"], alone[0]["answers"]
    tokens = sum(
        len(bundle.vocabulary.levels) * len(answer.clip.codes) for answer in answers.values()
    )
    times, ones = [row["seconds"] for row in rows], [row["seconds"] for row in alone]
    took, gains = (
        statistics.median(times),
        [one / time for one, time in zip(ones, times, strict=True)],
    )
    return {
        "size": size, "seconds": took, "rounds": times, "processor_seconds": statistics.median(row["processor"] for row in rows),
        "clips_a_minute": 60 * len(answers) / took, "codes_a_second": tokens / took,
        "rtf": sum(answer.seconds for answer in answers.values()) / took,
        "gain": statistics.median(ones) / took, "gain_low": min(gains), "gain_high": max(gains),
        "same": sum(answer.clip.text == others[name].clip.text for name, answer in answers.items()), "clips": len(answers),
    }  # fmt: skip


def table(results: dict[str, Any], infos: dict[str, str], what: str) -> str:
    """The report in Markdown."""
    lines = [
        "# Batches: throughput with several answers at once", "",
        f"{describe()}. `{command()}`: {what}; rounds interleaved, medians; each gain with "
        "the lowest and highest within a round. Only motion tokens count, not words.", "",
        "| bundle | at once | clips a minute | motion tokens/s | x real time | gain over one | processor, s | clips as alone |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    for name, rows in results.items():
        for row in rows:
            lines.append(
                f"| {name} ({infos[name]}) | {row['size']} | {row['clips_a_minute']:.1f} | {row['codes_a_second']:.1f} "
                f"| {row['rtf']:.2f} | {gain(row)} | {row['processor_seconds']:.1f} | {row['same']} of {row['clips']} |"
            )
    return "\n".join([*lines, ""])


def gain(row: dict[str, Any]) -> str:
    """The gain with its spread."""
    return f"{row['gain']:.2f} ({row['gain_low']:.2f} to {row['gain_high']:.2f})"


def command() -> str:
    """The command line, without folders."""
    given = [
        word if "://" in word or "=" not in word else f"{word.partition('=')[0]}=BUNDLE"
        for word in sys.argv[1:]
    ]
    return " ".join(["python benchmarks/batch.py", *given])


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("bundles", nargs="+", metavar="NAME=FOLDER")
    parser.add_argument("--served", nargs="+", metavar="NAME=URL", default=[])
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument(
        "--seconds", type=float, default=3.0, help="of motion in a clip, on average"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--quick", action="store_true", help="8 clips of 1 second, one round")
    parser.add_argument("-o", "--out", type=Path)
    args = asked(parser)
    if args.quick:
        args.clips, args.seconds, args.rounds = 8, 1.0, 1
    folders = {
        name: Path(folder) if folder else DEMO_BUNDLE
        for name, _, folder in (b.partition("=") for b in args.bundles)
    }
    bundles = {
        name: open_bundle(folder, LoadOptions(args.threads)) for name, folder in folders.items()
    }
    for name, _, url in (each.partition("=") for each in args.served):
        bundles[name] = open_bundle(DEMO_BUNDLE, LoadOptions(engine=url))
    models = {name: bundle.manifest.language_model for name, bundle in bundles.items()}
    infos = {name: f"{model.backend}, {model.quantization}" for name, model in models.items()}
    infos |= {each.partition("=")[0]: "a server" for each in args.served}
    results = measure(bundles, jobs(args.clips, args.seconds), args.rounds)
    what = (
        f"{args.clips} clips of {args.seconds:g} s on average, {args.rounds} round(s), "
        f"threads {args.threads or 'as chosen'}"
    )
    report = table(results, infos, what)
    print(report)
    if args.out:
        record = {"machine": describe(), "command": command(), "work": what, "results": results}
        args.out.with_suffix(".md").write_text(report, encoding="utf-8")
        args.out.with_suffix(".json").write_text(
            json.dumps(record, indent=1) + "\n", encoding="utf-8"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
