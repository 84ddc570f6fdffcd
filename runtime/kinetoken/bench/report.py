"""Everything that was measured, as a record, and what follows from it: how near to the machine, and what to change."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from ..engines.quantization import bits_per_weight
from ..engines.registry import ENGINES
from ..manifest.schema import Manifest

KEEPS: Final = 1.05
"""Real-time factor that is safe to call real time."""
BETTER: Final = 1.10
"""Of the rate: another number of threads that is less faster than this is not worth saying; it may be chance."""
LIKE: Final = 1.05
"""Of the rate: numbers of threads nearer than this are alike, and the fewest of them do."""
CACHE: Final = 256_000_000
"""Bytes: what is larger does not stay in a processor's cache, and seems to only where the bandwidth was measured too low."""


@dataclass
class Report:
    """One bench; filled as it goes, so that one cut short still has what was measured."""

    bundle: str
    quantization: str
    backend: str
    machine: str
    cores: int
    threads: int
    """Of the engine; 0: its own choice."""
    device: str = "cpu"
    """Where the language model computes: "cpu", or the kind of card."""
    provider: str = "auto"
    """Of ONNX Runtime, as asked for."""
    gpu_layers: int | None = None
    """Of llama.cpp, as asked for."""
    bandwidths: list[float] = field(default_factory=list)
    """Bytes per second that the processor reads from memory: one measurement behind each round of answers."""
    last_cache: int = 0
    """Bytes of the processor's largest cache."""
    load_s: float = 0.0
    weights: int = 0
    """Bytes of the language model that a token inside a block reads."""
    answers: list[dict[str, float]] = field(default_factory=list)
    """By number of levels, most first: the fields of `measure.Answer`."""
    shares: dict[str, float] = field(default_factory=dict)
    """Part to its share of the time, at all levels."""
    rates: dict[int, float] = field(default_factory=dict)
    """Number of threads, 0 for the engine's own choice, to tokens per second of the language model alone."""
    rounds: int = 0
    """Answers at each number of levels; their medians are told."""
    peak_memory: int | None = None
    whole: bool = False
    """Whether nothing was cut short."""

    def to_dict(self, manifest: Manifest) -> dict[str, Any]:
        """Plain JSON values, the advice with them."""
        plain = dataclasses.asdict(self)
        near = {
            "bandwidth": self.bandwidth,
            "reached_bytes_per_s": self.reached,
            "of_bandwidth": self.near,
        }
        return plain | near | {"in_cache": self.in_cache, "advice": advice(self, manifest)}

    @property
    def bandwidth(self) -> float:
        """Of the bandwidths the median; 0 where none was measured."""
        return float(median(self.bandwidths)) if self.bandwidths else 0.0

    @property
    def reached(self) -> float:
        """Bytes of weights per second that the language model went through while it computed inside blocks."""
        return self.answers[0]["model_per_second"] * self.weights if self.answers else 0.0

    @property
    def near(self) -> float:
        """Share of the memory's bandwidth that the engine reached; above 1 where the weights stay in the processor's cache."""
        return self.reached / self.bandwidth if self.bandwidth else 0.0

    @property
    def in_cache(self) -> bool:
        """Whether the weights stay in the processor's cache, so that the memory's bandwidth does not bound them."""
        return self.device == "cpu" and (
            self.weights <= self.last_cache or (self.near > 1 and self.weights < CACHE)
        )

    @property
    def held(self) -> int:
        """Most levels that keep real time; 0 where not even one does."""
        return max(
            (int(answer["levels"]) for answer in self.answers if answer["rtf"] >= KEEPS), default=0
        )


def advice(report: Report, manifest: Manifest) -> list[str]:
    """What to change, a sentence each; nothing where nothing was measured."""
    if not report.answers:
        return []
    return [_detail(report, manifest), *_quantization(report, manifest), *_threads(report)]


def _detail(report: Report, manifest: Manifest) -> str:
    most, held = len(manifest.motion.levels), report.held
    if held == most:
        return (
            f"detail: all {most} levels keep real time, {report.answers[0]['rtf']:.1f} times over"
        )
    if held:
        return f"detail: {held} of {most} levels keep real time; --detail auto takes as many as there is time for"
    need = manifest.codec.fps / manifest.codec.stride
    return f"detail: not even level 0 keeps real time ({need:g} tokens/s); let the viewer wait before it plays"


def _quantization(report: Report, manifest: Manifest) -> list[str]:
    """A quantization that was measured to be faster, or a finer one where there is time; by size a token gains that much at most."""
    engine = ENGINES[report.backend]
    now, names = bits_per_weight(report.quantization, engine.bits), engine.faster
    if report.device != "cpu" or now is None:
        return []  # nothing was measured
    if report.in_cache:
        return [
            "quant: the weights stay in the processor's cache; another quantization would not be faster by its size"
        ]
    wanted = KEEPS * len(manifest.motion.levels) * manifest.codec.fps / manifest.codec.stride
    rate = report.answers[0]["tokens_per_second"]
    reach = {name: rate * now / (bits_per_weight(name, engine.bits) or now) for name in names}
    if rate < wanted:
        faster = [name for name in names if reach[name] > rate / 0.95]
        enough = [name for name in faster if reach[name] >= wanted]
        if enough:
            return [
                f"quant: {enough[0]} may reach the {wanted:.0f} tokens/s of all levels: {reach[enough[0]]:.0f} at most"
            ]
        return [
            f"quant: none that was measured to be faster would reach {wanted:.0f} tokens/s here; a smaller model might"
        ]
    finer = [name for name in names if reach[name] < 0.95 * rate and reach[name] >= wanted]
    if finer:
        return [
            f"quant: there may be time for {finer[0]}, which is finer: {reach[finer[0]]:.0f} tokens/s by its size"
        ]
    return [f"quant: {report.quantization} keeps real time; a finer one would not, by its size"]


def _threads(report: Report) -> list[str]:
    now = report.rates.get(report.threads)
    if now is None or len(report.rates) < 2:
        return []
    best = max(report.rates.values())
    fewest = min(
        (count for count, rate in report.rates.items() if count and rate * LIKE >= best), default=0
    )
    if not fewest or best < BETTER * now:
        return []
    return [
        f"threads: --threads {fewest} is {report.rates[fewest] / now - 1:.0%} faster than {_threads_name(report.threads)}"
    ]


def _threads_name(count: int) -> str:
    return str(count) if count else "the engine's choice"


def page(report: Report, manifest: Manifest) -> list[str]:
    """One screen."""
    memory = (
        ""
        if report.peak_memory is None
        else f", {report.peak_memory / 1e6:,.0f} MB of memory at the most"
    )
    engine = f"{report.threads} threads" if report.threads else "threads as the engine likes"
    where = report.backend if report.device == "cpu" else f"{report.backend} ({report.device})"
    lines = [
        f"bundle     {report.bundle}: {manifest.language_model.architecture}, {report.quantization}, on {where}",
        f"machine    {report.machine}, {report.cores} cores, {engine}",
    ]
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
    return [
        *lines,
        *(
            f"{'advice' if not i else '':<10} {line}"
            for i, line in enumerate(advice(report, manifest))
        ),
    ]


def _table(report: Report) -> list[str]:
    head = f"{'levels':>6}  {'first token':>12}  {'first pose':>12}  {'tokens/s':>9}  {'real time':>10}  {'with prompt':>11}"
    return [head, *(_row(answer) for answer in report.answers)]


def _row(answer: Mapping[str, float]) -> str:
    first, pose = (f"{1000 * answer[name]:,.0f} ms" for name in ("first_token", "first_pose"))
    speed = f"{answer['tokens_per_second']:>9.1f}  {answer['rtf']:>9.2f}x  {answer['rtf_whole']:>10.2f}x"
    return f"{answer['levels']:>6.0f}  {first:>12}  {pose:>12}  {speed}"


def _nearness(report: Report) -> list[str]:
    """How much of the machine the engine uses."""
    least, most = (end(report.bandwidths) / 1e9 for end in (min, max))
    read = f"{report.weights / 1e6:,.0f} MB of weights x {report.answers[0]['model_per_second']:.0f} tokens/s"
    if report.in_cache:
        return [
            f"memory     {read} = {report.reached / 1e9:.1f} GB/s, from the processor's cache; memory gives {least:.1f} to {most:.1f}"
        ]
    told = f"{read} = {report.reached / 1e9:.1f} of {report.bandwidth / 1e9:.1f} GB/s ({least:.1f} to {most:.1f})"
    return [f"memory     {told}: {report.near:.0%} of what memory gives"]
