"""Measure every quantization of the demo, in both formats, against its checkpoint.

    python benchmarks/quantizations.py [--only NAME ...] [--rounds 5]
        [-o benchmarks/results/quantizations]

A NAME is FORMAT/QUANT, "onnx/int8" or "gguf/q4_k_m"; "gguf" alone is all of that format. Speed is
that of the whole answer, thought and decoder included; every round runs each bundle once,
interleaved; medians are reported. What cannot be exported here is listed with the reason. GGUF
quantizations that need an importance matrix get one from the model's own answers.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from machine import describe

from kinetoken.base.errors import KinetokenError
from kinetoken.cli.terminal import progress
from kinetoken.generation.bundle import open_bundle
from kinetoken.generation.generator import Generator
from kinetoken.manifest.schema import Manifest
from kinetoken_export.bundle.build import build_bundle
from kinetoken_export.bundle.request import ExportRequest
from kinetoken_export.checkpoint.sources import find_codec, find_model
from kinetoken_export.gguf.importance import OWN_ANSWERS
from kinetoken_export.verify import report
from kinetoken_export.verify.motion import open_source_codec
from kinetoken_export.verify.reference import OwnReference
from kinetoken_export.verify.request import VerifyRequest
from kinetoken_export.verify.source import align_checkpoint

DEMO: Final = Path(__file__).parents[1] / "export" / "checkpoints" / "demo"
PROMPT: Final = "a person walks forward"
SECONDS: Final = 6.0
EXTRA: Final = ("q4_k_m:q8_0", "q3_k_m:q8_0")  # embedding and head finer than the recipe has them


@dataclass(frozen=True)
class Plan:
    """One export."""

    format: str
    graph: str
    quant: str
    importance: str | None = None

    @property
    def name(self) -> str:
        """The plan's name on the command line."""
        return f"{'portable' if self.graph == 'portable' else self.format}/{self.quant}{'+own' if self.importance else ''}"


def plans() -> Iterator[Plan]:
    """Every recipe; formats with missing packages are left out and named on stderr."""
    from kinetoken_export.onnx.portable import PORTABLE_PRECISIONS
    from kinetoken_export.onnx.recipes import ONNX_RECIPES

    yield from (Plan("onnx", "fused", name) for name in ONNX_RECIPES)
    yield from (Plan("onnx", "portable", name) for name in PORTABLE_PRECISIONS)
    try:
        from kinetoken_export.gguf.recipes import GGUF_RECIPES
    except ImportError as error:
        print(f"no GGUF: {error}", file=sys.stderr)
        return
    for name, recipe in GGUF_RECIPES.items():
        yield Plan("gguf", "fused", name, OWN_ANSWERS if recipe.needs_importance else None)
    yield from (Plan("gguf", "fused", name) for name in EXTRA)
    yield from (Plan("gguf", "fused", name, OWN_ANSWERS) for name in ("q4_k_m", "iq4_xs", "q3_k_m"))


def main() -> None:
    """Export, verify, time, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limit", type=int, help="only the first prompts")
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    chosen = [
        p
        for p in plans()
        if not args.only or p.name in args.only or p.name.split("/")[0] in args.only
    ]
    with tempfile.TemporaryDirectory() as work:
        results = measure(chosen, Path(work), args.limit)
        time_all(
            {
                name: Path(work) / name.replace("/", "-")
                for name in results
                if "parity" in results[name]
            },
            results,
            args.rounds,
        )
    report = table(results, args.rounds)
    print(report)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.with_suffix(".md").write_text(report, encoding="utf-8")
        record = {"machine": describe(), "command": " ".join(sys.argv), "results": results}
        args.out.with_suffix(".json").write_text(
            json.dumps(record, indent=1) + "\n", encoding="utf-8"
        )


def measure(chosen: list[Plan], work: Path, limit: int | None) -> dict[str, dict[str, Any]]:
    """Export and verify each plan: its sizes and report by name, or the reason for having none."""
    results: dict[str, dict[str, Any]] = {}
    theirs: report.Answers | None = None
    for plan in chosen:
        print(plan.name, file=sys.stderr)
        folder = work / plan.name.replace("/", "-")
        try:
            manifest = build_bundle(_request(plan, folder))
            asked = VerifyRequest(
                folder,
                find_model(str(DEMO / "lm")),
                report.VERIFY_PROMPTS[:limit],
                find_codec(str(DEMO / "codec")),
            )
            bundle = open_bundle(folder)
            checkpoint = asked.against.folder
            reference = OwnReference(align_checkpoint(bundle, checkpoint), checkpoint)
            codec = open_source_codec(bundle, asked)
            theirs = theirs or report.source_answers(
                asked, bundle, reference
            )  # the same for every bundle: no vocabulary is pruned
            found = report.compare_models_and_motion(asked, bundle, reference, codec, theirs).parity
        except KinetokenError as error:
            shutil.rmtree(folder, ignore_errors=True)
            results[plan.name] = {"error": str(error)}
            continue
        results[plan.name] = {**sizes(manifest), "parity": found.to_dict()}
    return results


def _request(plan: Plan, folder: Path) -> ExportRequest:
    return ExportRequest(
        model=find_model(str(DEMO / "lm")), codec=find_codec(str(DEMO / "codec")), out=folder, name=plan.name, format=plan.format,
        quant=plan.quant, graph=plan.graph, importance=plan.importance,
    )  # fmt: skip


def sizes(manifest: Manifest) -> dict[str, float]:
    """Bytes of the language model and of the whole bundle."""
    codec = manifest.codec
    others = {codec.decoder, codec.codebooks, codec.mean, codec.std, manifest.tokenizer.file}
    total = sum(info.bytes for info in manifest.files.values())
    return {
        "model_bytes": total - sum(manifest.files[name].bytes for name in others),
        "bundle_bytes": total,
    }


def time_all(folders: dict[str, Path], results: dict[str, dict[str, Any]], rounds: int) -> None:
    """Add tokens per second to each bundle's result, after one uncounted answer each."""
    generators = {name: Generator(open_bundle(folder)) for name, folder in folders.items()}
    speeds: dict[str, list[float]] = {name: [] for name in generators}
    for round_ in progress(range(rounds + 1), "speed"):
        for name, generator in generators.items():
            generation = generator.stream(PROMPT, seconds=SECONDS, seed=round_)
            for _ in generation:
                pass
            speeds[name] += [generation.stats.tokens_per_second] if round_ else []
    for name, values in speeds.items():
        results[name]["tokens_per_s"] = statistics.median(values)


def table(results: dict[str, dict[str, Any]], rounds: int) -> str:
    """The report in Markdown."""
    done = {name: r for name, r in results.items() if "parity" in r}
    first = next(iter(done.values()))["parity"] if done else None
    lines = [
        "# Quantizations of the demo model",
        "",
        f"{describe()}. `python {' '.join(sys.argv)}`.",
        "",
    ]
    if first is not None:
        lines += [
            *head(first, rounds),
            *(row(name, r) for name, r in done.items()),
            "",
            *scale(first),
        ]
    failed = [f"- {name}: {r['error']}" for name, r in results.items() if "error" in r]
    return "\n".join([*lines, *(["", "Not exported here:", "", *failed] if failed else []), ""])


def head(first: dict[str, Any], rounds: int) -> list[str]:
    """The meaning of the columns, and their names."""
    return [
        f"{len(first['prompts'])} prompts, clips of {first['seconds']:g} s; sampled at temperature "
        f"{first['temperature']:g} with the seeds 0, 1, ...; "
        f'speed: {SECONDS:g} s of "{PROMPT}", medians of {rounds} rounds. '
        'Next token: "same best" is the share of positions where bundle and source rate the same '
        "token highest; KL is the mean and 99th percentile of the divergence from source to bundle in "
        "nats; perplexity is the bundle's over the source's. Clips: mean distance of the joints, and "
        "code frames before the first difference.",
        "",
        "| quantization | model, MB | tokens/s | same best, text | same best, motion | KL, motion | KL p99 | perplexity, motion | "
        "greedy, mm | sampled, mm | same frames, greedy |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]


def row(name: str, result: dict[str, Any]) -> str:
    """One line of the table."""
    p, motion = result["parity"], result["parity"]["motion"]
    cells = [
        name, f"{result['model_bytes'] / 1e6:.2f}", f"{result['tokens_per_s']:.0f}", f"{100 * p['text']['top1']:.1f} %",
        f"{100 * motion['top1']:.1f} %", f"{motion['kl_mean']:.2g}", f"{motion['kl_p99']:.2g}", f"{motion['perplexity_ratio']:.3f}",
        f"{p['greedy']['mean_mm']:.0f}", f"{p['sampled']['mean_mm']:.0f}",
        f"{p['greedy']['same_frames']:.1f} of {p['greedy']['frames']:.0f}",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def scale(first: dict[str, Any]) -> list[str]:
    """A yardstick for the distances, and figures that are equal in all rows."""
    codec, apart = first["codec"], first["apart"]
    return [
        f"For scale: the source's own greedy and sampled answers are {apart['mean_mm']:.0f} mm apart. "
        f"All have the same codec: largest error {codec['largest_error']:.1g} in normalised features, "
        f"{codec['mean_mm']:.1g} mm in the joints.",
    ]


if __name__ == "__main__":
    main()
