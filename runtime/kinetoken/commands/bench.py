"""kinetoken bench: how a bundle does on this machine, on one screen."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import INTERRUPTED, InputError
from .arguments import add_bundle, load_options
from .progress import StepLine

if TYPE_CHECKING:
    from ..bench.report import Report
    from ..bundle import Bundle
    from ..engines import LoadOptions
    from ..manifest import Manifest

SHORTEST: Final = 1.0  # seconds
TOKENS: Final = 24
"""Of a sweep over numbers of threads."""


def add_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """kinetoken bench."""
    parser = subparsers.add_parser("bench", help="how fast a bundle is on this machine, and what would make it faster")
    add_bundle(parser)
    parser.add_argument("--seconds", type=float, default=4.0, metavar="S", help="of motion in each answer (default: 4)")
    parser.add_argument("--json", action="store_true", help="report as one JSON object")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Measure, print what was measured."""
    if not SHORTEST <= args.seconds <= 60:
        raise InputError(f"seconds: expected {SHORTEST:g} to 60, got {args.seconds:g}")
    from ..bench.report import page
    from ..bundle import bundle_folder, open_manifest

    folder, options = bundle_folder(args.bundle), load_options(args)
    if options.engine is not None:
        raise InputError("bench measures this machine: leave --engine out")
    manifest = open_manifest(folder)
    report = _start(manifest, options)
    try:
        with StepLine() as line:
            _measure(report, folder, manifest, options, args.seconds, line)
    except KeyboardInterrupt:
        pass
    print(json.dumps(report.to_dict(manifest)) if args.json else "\n".join(page(report, manifest)))
    return 0 if report.whole else INTERRUPTED


def _start(manifest: Manifest, options: LoadOptions) -> Report:
    from ..backends.threads import available_cores, threads
    from ..bench.machine import processor
    from ..bench.report import Report

    lm = manifest.language_model
    cores, count = available_cores(), threads(options.threads)
    return Report(manifest.name, lm.quantization, lm.backend, processor(), cores, count)


def _measure(
    report: Report, folder: Path, manifest: Manifest, options: LoadOptions, seconds: float, line: StepLine
) -> None:
    """One thing after another; what is interrupted leaves what came before it."""
    from ..bench.machine import peak_memory, read_bandwidth
    from ..bench.weights import read_per_token
    from ..bundle import open_bundle

    line.show("loading")
    began = time.perf_counter()
    bundle = open_bundle(folder, options)
    report.load_s = time.perf_counter() - began
    report.weights = read_per_token(folder, manifest)
    _answers(report, bundle, seconds, line)
    report.peak_memory = peak_memory()
    line.show("reading memory")
    report.bandwidth = read_bandwidth(report.threads or report.cores)
    del bundle  # the next ones take its room
    _sweep(report, folder, manifest, options, line)
    report.whole = True


def _answers(report: Report, bundle: Bundle, seconds: float, line: StepLine) -> None:
    """An answer at each number of levels, most first, behind one that is not counted."""
    from dataclasses import asdict

    from ..bench.measure import measure

    most = len(bundle.manifest.motion.levels)
    line.show("warming up")
    measure(bundle, most, SHORTEST)
    for levels in range(most, 0, -1):
        line.show(f"{levels} of {most} levels")
        answer, shares = measure(bundle, levels, seconds)
        report.answers.append(asdict(answer))
        report.shares = report.shares or shares.of_whole()


def _sweep(report: Report, folder: Path, manifest: Manifest, options: LoadOptions, line: StepLine) -> None:
    """The language model alone at other numbers of threads."""
    from dataclasses import replace
    from statistics import median

    from ..bench.measure import pace
    from ..bundle import open_model

    allowed = (range(*manifest.motion.levels[-1]),)
    for count in sorted({1, max(1, report.cores // 2), report.cores}):
        line.show(f"{count} threads")
        model = open_model(folder, manifest, replace(options, threads=count))
        report.rates[count] = 1 / median(pace(model, [manifest.motion.move_start] * 8, allowed, TOKENS))
        del model
