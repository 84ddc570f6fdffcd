"""The record of a bench, its page, and the advice that follows from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from ..engines.quantization import bits_per_weight
from ..engines.registry import ENGINES
from ..manifest.schema import Manifest

_REAL_TIME: Final = 1.05
"""Real-time factor that safely keeps up with real time."""
_WORTH_SAYING: Final = 1.10
"""Gain of another number of threads from which it is advised; less may be chance."""
_ALIKE: Final = 1.05
"""Numbers of threads whose rates differ less are alike; the fewest of them suffice."""
_MAX_CACHE: Final = 256_000_000
"""Bytes of weights that may stay in a processor's cache.

Larger ones seem to only where the bandwidth was measured too low.
"""


@dataclass
class BenchReport:
    """The figures of a bench; filled step by step, so that an interrupted one keeps what it has."""

    bundle: str
    quantization: str
    backend: str
    machine: str
    cores: int
    threads: int
    """Of the engine; 0: its own choice."""
    device: str = "cpu"
    """Device of the language model: "cpu", or the kind of GPU."""
    program: str = ""
    """The engine's program and its version."""
    missing_kernels: tuple[str, ...] = ()
    """Kinds of kernels that the processor can run and the program lacks."""
    provider: str = "auto"
    """Of ONNX Runtime, as asked for."""
    gpu_layers: int | None = None
    """Of llama.cpp, as asked for."""
    bandwidths: list[float] = field(default_factory=list)
    """Bytes per second that the processor reads from memory, measured after each round."""
    last_cache: int = 0
    """Bytes of the processor's largest cache."""
    load_s: float = 0.0
    weights: int = 0
    """Bytes of the language model that a token in a block reads."""
    answers: list[dict[str, float]] = field(default_factory=list)
    """Fields of `TimedAnswer` by number of levels, most first."""
    shares: dict[str, float] = field(default_factory=dict)
    """Share of the time of each part, at all levels."""
    rates: dict[int, float] = field(default_factory=dict)
    """Tokens per second of the language model by number of threads; 0: the engine's choice."""
    passes: dict[int, float] = field(default_factory=dict)
    """Seconds of a pass of the language model by the number of answers that take a token in it."""
    rounds: int = 0
    """Answers at each number of levels, whose medians are reported."""
    peak_memory: int | None = None
    whole: bool = False
    """False where the bench was interrupted."""

    def to_dict(self, manifest: Manifest) -> dict[str, Any]:
        """JSON values, with the advice."""
        plain = dataclasses.asdict(self)
        near = {
            "bandwidth": self.bandwidth,
            "reached_bytes_per_s": self.reached,
            "of_bandwidth": self.near,
        }
        return plain | near | {"in_cache": self.in_cache, "advice": advice(self, manifest)}

    @property
    def bandwidth(self) -> float:
        """The median bandwidth; 0 where none was measured."""
        return float(median(self.bandwidths)) if self.bandwidths else 0.0

    @property
    def reached(self) -> float:
        """Bytes of weights per second that the language model reads inside blocks."""
        return self.answers[0]["model_per_second"] * self.weights if self.answers else 0.0

    @property
    def near(self) -> float:
        """Share of the memory's bandwidth.

        Above 1 where the weights stay in the processor's cache.
        """
        return self.reached / self.bandwidth if self.bandwidth else 0.0

    @property
    def in_cache(self) -> bool:
        """True where the weights stay in the processor's cache, so that memory is no limit."""
        return self.device == "cpu" and (
            self.weights <= self.last_cache or (self.near > 1 and self.weights < _MAX_CACHE)
        )

    @property
    def held(self) -> int:
        """Most levels that keep up with real time; 0 where not even one does."""
        return max(
            (int(answer["levels"]) for answer in self.answers if answer["rtf"] >= _REAL_TIME),
            default=0,
        )


def advice(report: BenchReport, manifest: Manifest) -> list[str]:
    """Advice on what to change, a sentence each; none where nothing was measured."""
    if not report.answers:
        return []
    return [
        _detail(report, manifest),
        *_quantization(report, manifest),
        *_threads(report),
        *_together(report),
        *_kernels(report),
    ]


def _detail(report: BenchReport, manifest: Manifest) -> str:
    most, held = len(manifest.motion.levels), report.held
    if held == most:
        fast = f"at {report.answers[0]['rtf']:.1f}x real time"
        return f"detail: all {most} levels keep up, {fast}"
    if held:
        return f"detail: {held} of {most} levels keep up with real time; use --detail auto"
    need = manifest.codec.fps / manifest.codec.frames_per_code_frame
    slow = f"not even level 0 keeps up with real time ({need:g} tokens/s)"
    return f"detail: {slow}; playback has to wait"


def _quantization(report: BenchReport, manifest: Manifest) -> list[str]:
    """A quantization that was measured to be faster, or a finer one where there is time.

    A token's time is taken to shrink with the size of the weights; it gains no more than that.
    """
    engine = ENGINES[report.backend]
    now, names = bits_per_weight(report.quantization, engine.bits), engine.faster
    if report.device != "cpu" or now is None:
        return []  # nothing was measured
    if report.in_cache:
        cached = "the weights stay in the processor's cache"
        return [f"quant: {cached}; a smaller quantization would not be faster by its size"]
    wanted = (
        _REAL_TIME
        * len(manifest.motion.levels)
        * manifest.codec.fps
        / manifest.codec.frames_per_code_frame
    )
    rate = report.answers[0]["tokens_per_second"]
    reach = {name: rate * now / (bits_per_weight(name, engine.bits) or now) for name in names}
    if rate < wanted:
        faster = [name for name in names if reach[name] > rate / 0.95]
        enough = [name for name in faster if reach[name] >= wanted]
        if enough:
            most = f"{reach[enough[0]]:.0f} at most"
            goal = f"the {wanted:.0f} tokens/s of all levels"
            return [f"quant: {enough[0]} may reach {goal}: {most}"]
        return [
            f"quant: none known to be faster would reach the {wanted:.0f} tokens/s of all levels "
            "here; a smaller model might"
        ]
    finer = [name for name in names if reach[name] < 0.95 * rate and reach[name] >= wanted]
    if finer:
        rate_there = f"{reach[finer[0]]:.0f} tokens/s by its size"
        return [f"quant: there may be time for {finer[0]}, which is finer: {rate_there}"]
    return [f"quant: {report.quantization} keeps up; a finer one would not, by its size"]


def _threads(report: BenchReport) -> list[str]:
    now = report.rates.get(report.threads)
    if now is None or len(report.rates) < 2:
        return []
    best = max(report.rates.values())
    fewest = min(
        (count for count, rate in report.rates.items() if count and rate * _ALIKE >= best),
        default=0,
    )
    if not fewest or best < _WORTH_SAYING * now:
        return []
    gain = f"{report.rates[fewest] / now - 1:.0%}"
    return [f"threads: --threads {fewest} is {gain} faster than {_threads_name(report.threads)}"]


def _together(report: BenchReport) -> list[str]:
    """Whether several answers at once are worth it, by the tokens that passes make."""
    if len(report.passes) < 2:
        return []
    rates = {size: size / seconds for size, seconds in report.passes.items()}
    best = max(rates, key=rates.__getitem__)
    gain = rates[best] / rates[min(rates)]
    if gain < _WORTH_SAYING:
        return ["batch: several answers at once are no faster here than one after the other"]
    return [f"batch: --parallel {best} makes {gain:.1f} times the motion of one at a time"]


def _kernels(report: BenchReport) -> list[str]:
    if not report.missing_kernels or report.device != "cpu":
        return []
    lacking = ", ".join(report.missing_kernels)
    compiled = "--force-reinstall --no-deps --no-binary llama-cpp-python llama-cpp-python"
    build = compiled if "llama-cpp-python" in report.program else '".[llama]"'
    return [
        f"kernels: this {report.program} lacks {lacking}, which the processor can run; "
        f"one that is compiled here has them: pip install {build}"
    ]


def _threads_name(count: int) -> str:
    return str(count) if count else "the engine's choice"


def page(report: BenchReport, manifest: Manifest) -> list[str]:
    """The report as one screen of lines."""
    memory = (
        ""
        if report.peak_memory is None
        else f", {report.peak_memory / 1e6:,.0f} MB of memory at most"
    )
    engine = f"{report.threads} threads" if report.threads else "threads: the engine's choice"
    where = report.backend if report.device == "cpu" else f"{report.backend} ({report.device})"
    model = f"{manifest.language_model.architecture}, {report.quantization}"
    lines = [
        f"bundle     {report.bundle}: {model}, on {where}",
        f"machine    {report.machine}, {report.cores} cores, {engine}",
    ]
    if report.program:
        lines.append(f"engine     {report.program}")
    if report.answers:
        lines += [f"loaded in  {report.load_s:.2f} s{memory}", "", *_table(report), ""]
    if report.shares:
        lines.append(
            "time       "
            + ", ".join(
                f"{name.replace('_', ' ')} {share:.1%}" for name, share in report.shares.items()
            )
        )
    if report.answers and report.bandwidth:
        lines += _nearness(report)
    if report.rates:
        rates = sorted(report.rates.items())
        lines.append(
            "threads    "
            + ", ".join(f"{_threads_name(count)}: {rate:.0f}/s" for count, rate in rates)
        )
    if report.passes:
        times = (f"{n}: {1e3 * seconds:.1f} ms" for n, seconds in sorted(report.passes.items()))
        lines.append(f"answers    {', '.join(times)} for a token of each, in one pass")
    return [
        *lines,
        *(
            f"{'advice' if not i else '':<10} {line}"
            for i, line in enumerate(advice(report, manifest))
        ),
    ]


def _table(report: BenchReport) -> list[str]:
    head = f"{'levels':>6}  {'first token':>12}  {'first pose':>12}  {'tokens/s':>9}"
    head += f"  {'real time':>10}  {'with prompt':>11}"
    return [head, *(_row(answer) for answer in report.answers)]


def _row(answer: Mapping[str, float]) -> str:
    first, pose = (f"{1000 * answer[name]:,.0f} ms" for name in ("first_token", "first_pose"))
    factors = f"{answer['rtf']:>9.2f}x  {answer['rtf_whole']:>10.2f}x"
    speed = f"{answer['tokens_per_second']:>9.1f}  {factors}"
    return f"{answer['levels']:>6.0f}  {first:>12}  {pose:>12}  {speed}"


def _nearness(report: BenchReport) -> list[str]:
    """The bandwidth that the engine uses, beside that of the machine."""
    least, most = (end(report.bandwidths) / 1e9 for end in (min, max))
    rate = report.answers[0]["model_per_second"]
    reads = f"{report.weights / 1e6:,.0f} MB of weights x {rate:.0f} tokens/s"
    reached = f"memory     {reads} = {report.reached / 1e9:.1f}"
    if report.in_cache:
        cached = f"GB/s, from the processor's cache; memory gives {least:.1f} to {most:.1f}"
        return [f"{reached} {cached}"]
    whole = f"of {report.bandwidth / 1e9:.1f} GB/s ({least:.1f} to {most:.1f})"
    return [f"{reached} {whole}: {report.near:.0%} of the memory's bandwidth"]
