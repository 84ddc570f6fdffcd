"""Everything that was measured, as a record, and what follows from it: how near to the machine, and what to change."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..budget import OFFERED, bits
from ..manifest import Manifest

KEEPS: Final = 1.05
"""Real-time factor that is safe to call real time."""
BETTER: Final = 1.05
"""Of the rate: fewer threads that are this much faster are worth saying."""


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
    bandwidth: float = 0.0
    """Bytes per second that are read from memory."""
    load_s: float = 0.0
    weights: int = 0
    """Bytes of the language model, each read once for a token at the most."""
    answers: list[dict[str, float]] = field(default_factory=list)
    """By number of levels, most first: the fields of `measure.Answer`."""
    shares: dict[str, float] = field(default_factory=dict)
    """Part to its share of the time, at all levels."""
    rates: dict[int, float] = field(default_factory=dict)
    """Number of threads to tokens per second of the language model alone."""
    peak_memory: int | None = None
    whole: bool = False
    """Whether nothing was cut short."""

    def to_dict(self, manifest: Manifest) -> dict[str, Any]:
        """Plain JSON values, the advice with them."""
        plain = dataclasses.asdict(self)
        near = {"reached_bytes_per_s": self.reached, "of_bandwidth": self.near}
        return plain | near | {"advice": advice(self, manifest)}

    @property
    def reached(self) -> float:
        """Bytes of weights per second that the engine went through inside blocks."""
        return self.answers[0]["tokens_per_second"] * self.weights if self.answers else 0.0

    @property
    def near(self) -> float:
        """Share of the memory's bandwidth that the engine reached; above 1 where the weights stay in the processor's cache."""
        return self.reached / self.bandwidth if self.bandwidth else 0.0

    @property
    def held(self) -> int:
        """Most levels that keep real time; 0 where not even one does."""
        return max((int(answer["levels"]) for answer in self.answers if answer["rtf"] >= KEEPS), default=0)


def advice(report: Report, manifest: Manifest) -> list[str]:
    """What to change, a sentence each; nothing where nothing was measured."""
    if not report.answers:
        return []
    return [_detail(report, manifest), *_quantization(report, manifest), *_threads(report)]


def _detail(report: Report, manifest: Manifest) -> str:
    most, held = len(manifest.motion.levels), report.held
    if held == most:
        return f"detail: all {most} levels keep real time, {report.answers[0]['rtf']:.1f} times over"
    if held:
        return f"detail: {held} of {most} levels keep real time; --detail auto takes as many as there is time for"
    need = manifest.codec.fps / manifest.codec.stride
    return f"detail: not even level 0 keeps real time ({need:g} tokens/s); let the viewer wait before it plays"


def _quantization(report: Report, manifest: Manifest) -> list[str]:
    """The finest quantization that keeps real time at all levels: a token takes as long as its weights take to be read."""
    names = OFFERED.get(report.backend, ())
    wanted = KEEPS * len(manifest.motion.levels) * manifest.codec.fps / manifest.codec.stride
    rate, now = report.answers[0]["tokens_per_second"], bits(report.quantization)
    if report.near > 1 and report.weights < CACHE:
        return [
            "quant: the weights stay in the processor's cache; another quantization would not be faster by its size"
        ]
    held = [name for name in names if rate * now / bits(name) >= wanted]
    if not held:
        return [f"quant: no quantization of this model would reach {wanted:.0f} tokens/s here; a smaller model would"]
    if bits(held[0]) < 0.95 * now:
        return [f"quant: {held[0]} should reach the {wanted:.0f} tokens/s of all levels (estimated from its size)"]
    if bits(held[0]) > 1.05 * now:
        return [f"quant: there is time for {held[0]}, which is finer (estimated from its size)"]
    return [f"quant: {report.quantization} is the finest that keeps real time here"]


def _threads(report: Report) -> list[str]:
    if len(report.rates) < 2:
        return []
    best = max(report.rates, key=lambda count: report.rates[count])
    fewest = min(count for count, rate in report.rates.items() if rate * BETTER >= report.rates[best])
    said = ", ".join(f"{count}: {rate:.0f}/s" for count, rate in sorted(report.rates.items()))
    return [f"threads: --threads {fewest} ({said})"]


def page(report: Report, manifest: Manifest) -> list[str]:
    """One screen."""
    memory = "" if report.peak_memory is None else f", {report.peak_memory / 1e6:,.0f} MB of memory at the most"
    engine = f"{report.threads} threads" if report.threads else "threads as the engine likes"
    lines = [
        f"bundle     {report.bundle}: {manifest.language_model.architecture}, {report.quantization}, on {report.backend}",
        f"machine    {report.machine}, {report.cores} cores, {engine}",
    ]
    if report.answers:
        lines += [f"loaded in  {report.load_s:.2f} s{memory}", "", *_table(report), ""]
    if report.shares:
        lines.append(
            "time       " + ", ".join(f"{name.replace('_', ' ')} {share:.1%}" for name, share in report.shares.items())
        )
    if report.answers and report.bandwidth:
        lines += _nearness(report)
    return [*lines, *(f"{'advice' if not i else '':<10} {line}" for i, line in enumerate(advice(report, manifest)))]


def _table(report: Report) -> list[str]:
    head = f"{'levels':>6}  {'first token':>12}  {'first pose':>12}  {'tokens/s':>9}  {'real time':>10}  {'with prompt':>11}"
    return [head, *(_row(answer) for answer in report.answers)]


def _row(answer: Mapping[str, float]) -> str:
    first, pose = (f"{1000 * answer[name]:,.0f} ms" for name in ("first_token", "first_pose"))
    speed = f"{answer['tokens_per_second']:>9.1f}  {answer['rtf']:>9.2f}x  {answer['rtf_whole']:>10.2f}x"
    return f"{answer['levels']:>6.0f}  {first:>12}  {pose:>12}  {speed}"


def _nearness(report: Report) -> list[str]:
    """How much of the machine the engine uses."""
    read = f"{report.weights / 1e6:,.0f} MB of weights x {report.answers[0]['tokens_per_second']:.0f} tokens/s"
    told = f"{read} = {report.reached / 1e9:.1f} GB/s of the {report.bandwidth / 1e9:.1f} GB/s that memory gives"
    return [f"memory     {told}: {report.near:.0%}"]
