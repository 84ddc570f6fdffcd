"""kinetoken bench: the speed of a bundle on this machine, on one screen."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..base.errors import INTERRUPTED, InputError
from .arguments import BundleRequest, add_bundle
from .parser import Subparsers, new_command
from .terminal import StepLine

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..bench.report import BenchReport
    from ..engines.load_options import LoadOptions
    from ..engines.protocols import LanguageModel
    from ..generation.bundle import Bundle
    from ..manifest.schema import Manifest

_DEFAULT_SECONDS: Final = 4.0
_SECONDS: Final = (1.0, 60.0)  # shortest and longest answer
_ROUNDS: Final = 3
_LAST_ROUND: Final = 60.0
"""Seconds of work after which no other round begins."""
_SWEEP_TOKENS: Final = 24
"""Tokens at each number of threads, in each direction of a sweep."""
_THREAD_COUNTS: Final = (1, 2, 4, 8)
"""Numbers of threads to try, beside all cores and the present number."""
_TOGETHER: Final = (1, 2, 4)
"""Numbers of answers at once."""
_PASSES: Final = 10
"""Passes at each number of answers, in each direction of a sweep; the first of them warms up."""
_SHORT_PROMPT: Final = 16
"""Tokens before them."""


@dataclass(frozen=True)
class BenchRequest:
    """Everything that the command line asks for."""

    bundle: BundleRequest
    seconds: float
    """Of motion in each answer."""
    json: bool


def add_command(subparsers: Subparsers) -> None:
    """kinetoken bench."""
    parser = new_command(
        subparsers,
        "bench",
        "measure how fast a bundle is on this machine, and what would make it faster",
        "kinetoken bench",
        "kinetoken bench --bundle my-bundle --threads 4",
        "kinetoken bench --seconds 8 --json",
    )
    seconds = f"length of the motion in each answer (default: {_DEFAULT_SECONDS:g})"
    parser.add_argument(
        "--seconds", type=float, default=_DEFAULT_SECONDS, metavar="S", help=seconds
    )
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    bundle = add_bundle(parser)
    parser.set_defaults(func=lambda args: run(BenchRequest(bundle(args), args.seconds, args.json)))


def run(request: BenchRequest) -> int:
    """Measure, then print the report."""
    least, most = _SECONDS
    if not least <= request.seconds <= most:
        raise InputError(f"seconds: expected {least:g} to {most:g}, got {request.seconds:g}")
    from ..bench.report import page
    from ..generation.bundle import open_manifest

    folder, options = request.bundle.folder, request.bundle.options
    if options.engine is not None:
        raise InputError("bench measures this machine: leave --engine out")
    manifest = open_manifest(folder)
    report = _start(manifest, options)
    try:
        with StepLine() as line:
            _measure(report, folder, manifest, options, request.seconds, line)
    except KeyboardInterrupt:
        pass
    whole = (
        json.dumps(report.to_dict(manifest)) if request.json else "\n".join(page(report, manifest))
    )
    print(whole)
    if report.whole:
        return 0
    print("kinetoken: stopped; the rest was not measured", file=sys.stderr)
    return INTERRUPTED


def _start(manifest: Manifest, options: LoadOptions) -> BenchReport:
    from ..base.machine.processor import processor_name
    from ..bench.machine import last_cache
    from ..bench.report import BenchReport
    from ..engines.registry import engine_of
    from ..engines.threads import available_cores, requested_threads

    lm = manifest.language_model
    cores, count = available_cores(), requested_threads(options.threads)
    return BenchReport(
        bundle=manifest.name,
        quantization=lm.quantization,
        backend=lm.backend,
        machine=processor_name(),
        cores=cores,
        threads=count,
        program=engine_of(manifest).program(),
        provider=options.provider or "auto",
        gpu_layers=options.gpu_layers,
        last_cache=last_cache(),
    )


def _measure(
    report: BenchReport,
    folder: Path,
    manifest: Manifest,
    options: LoadOptions,
    seconds: float,
    line: StepLine,
) -> None:
    """Fill the report step by step; an interrupt keeps the steps before it."""
    from dataclasses import replace

    from ..bench.measure import bytes_per_token
    from ..engines.registry import engine_of
    from ..generation.bundle import open_bundle

    line.show("loading")
    began = time.perf_counter()
    bundle = open_bundle(folder, options)
    report.load_s = time.perf_counter() - began
    report.device = bundle.language_model.device
    report.missing_kernels = engine_of(manifest).missing_kernels()
    report.weights = bytes_per_token(folder, manifest, bundle.language_model)
    _answers(report, bundle, seconds, line)
    _passes(report, bundle, line)
    length, tokenizer = _answer_length(bundle, seconds), bundle.tokenizer
    del bundle  # to make room for the next ones
    if report.device == "cpu":

        def load(requested_threads: int) -> LanguageModel:
            asked = replace(options, threads=requested_threads or None)
            return engine_of(manifest).load(folder, manifest, asked, tokenizer).language_model

        _sweep(report, manifest, load, length, line)
    report.whole = True


def _answers(report: BenchReport, bundle: Bundle, seconds: float, line: StepLine) -> None:
    """Measure rounds of answers at each number of levels, and the memory's bandwidth in between.

    The first answer only warms up.
    """
    from dataclasses import asdict

    from ..bench.machine import peak_memory, read_bandwidth
    from ..bench.measure import measure_answer, medians

    most = len(bundle.manifest.motion.levels)
    line.show("warming up")
    measure_answer(bundle, most, _SECONDS[0])
    found: dict[int, list[dict[str, float]]] = {levels: [] for levels in range(most, 0, -1)}
    shares: list[dict[str, float]] = []
    began = time.perf_counter()
    for report.rounds in range(1, _ROUNDS + 1):
        for levels, runs in found.items():
            line.show(f"round {report.rounds} of {_ROUNDS}, {levels} of {most} levels")
            answer, parts = measure_answer(bundle, levels, seconds)
            runs.append(asdict(answer))
            shares += [asdict(parts)] if levels == most else []
            report.answers = [medians(runs) for runs in found.values() if runs]
            report.shares = type(parts)(**medians(shares)).of_whole()
        # before measuring the bandwidth takes memory of its own
        report.peak_memory = report.peak_memory or peak_memory()
        if report.device == "cpu":
            line.show("reading memory")
            report.bandwidths.append(read_bandwidth(report.threads or report.cores))
        if time.perf_counter() - began > _LAST_ROUND:
            break


def _passes(report: BenchReport, bundle: Bundle, line: StepLine) -> None:
    """Time passes that several answers share, in both directions."""
    from statistics import median

    from ..base.errors import EngineError
    from ..bench.measure import pass_seconds

    levels, found = bundle.manifest.motion.levels, dict[int, list[float]]()
    ids, allowed = [levels[0][0]] * _SHORT_PROMPT, (range(*levels[-1]),)
    for size in (*_TOGETHER, *reversed(_TOGETHER)):
        line.show(f"{size} answers at once")
        try:
            _, *others = pass_seconds(bundle.language_model, ids, allowed, size, _PASSES)
        except EngineError:
            continue  # there is no memory for so many
        found.setdefault(size, []).extend(others)
        report.passes[size] = median(found[size])


def _answer_length(bundle: Bundle, seconds: float) -> int:
    """Number of tokens in the context in the middle of an answer at all levels."""
    from ..bench.measure import PROMPT
    from ..generation.chat_format import prompt_ids

    manifest = bundle.manifest
    rate = len(manifest.motion.levels) * manifest.codec.fps / manifest.codec.frames_per_code_frame
    return min(
        len(prompt_ids(bundle, PROMPT)) + round(rate * seconds / 2),
        manifest.language_model.context - _SWEEP_TOKENS - 1,
    )


def _sweep(
    report: BenchReport,
    manifest: Manifest,
    load: Callable[[int], LanguageModel],
    length: int,
    line: StepLine,
) -> None:
    """Time the language model alone at several numbers of threads, in both directions.

    So a machine that slows down meanwhile affects all of them alike.
    """
    from statistics import median

    from ..bench.measure import token_seconds
    from ..engines.registry import engine_of

    allowed, found = (range(*manifest.motion.levels[-1]),), dict[int, list[float]]()
    counts = sorted(
        {*(count for count in _THREAD_COUNTS if count < report.cores), report.cores, report.threads}
    )
    usual = engine_of(manifest).usual_threads
    if usual is not None and not report.threads:
        counts.remove(usual())  # the engine's own choice, which is measured as such
    for count in (*counts, *reversed(counts)):
        line.show(f"{count or 'usual'} threads")
        model = load(count)
        found.setdefault(count, []).extend(
            token_seconds(model, [manifest.motion.levels[0][0]] * length, allowed, _SWEEP_TOKENS)
        )
        report.rates[count] = 1 / median(found[count])
        del model
