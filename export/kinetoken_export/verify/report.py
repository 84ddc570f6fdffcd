"""A bundle compared with its source: the language model, the codec, and the motion.

The source writes answers to some prompts, token by token in float32; both models then read them.
Clips are compared twice: greedy, and sampled with equal random draws. One different token turns the
rest into another answer of the same model, so for scale the source's greedy answers are compared
with its own sampled ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from kinetoken.generation.bundle import Bundle, open_bundle
from kinetoken.generation.options import GenerateOptions
from kinetoken.manifest.json_dataclass import to_json

from ..checkpoint.reference_model import few_threads
from ..own_answers import SAMPLE_PROMPTS, OwnAnswer, collect_answers
from ..packages import installed_versions
from .findings import find_differences
from .images import ImageReport, compare_images, image_findings, image_table
from .language_model import TEXT_POSITION, ComparedPositions, LmFigures, compare_models, summarize
from .motion import (
    ClipFigures,
    CodecFigures,
    bundle_decoder,
    compare_clips,
    compare_codecs,
    exact_decoder,
    open_source_codec,
    source_decoder,
)
from .reference import CheckpointReference, choose_reference
from .request import DEFAULT_SECONDS, VerifyRequest
from .source import align_checkpoint

if TYPE_CHECKING:
    from ..codecs.source import CodecSource

VERIFY_PROMPTS: Final = (
    *SAMPLE_PROMPTS,
    "a person runs forward quickly",
    "someone walks backward slowly",
    "a man throws a punch with his fist",
    "a person stands still",
    "the woman dances",
    "a person squats down",
    "somebody jumps forward",
    "a boxer boxes",
)
Answers = dict[str, list[OwnAnswer]]
"""Of each prompt, "greedy" and "sampled"."""


@dataclass(frozen=True)
class ParityReport:
    """The report of `kinetoken verify`."""

    bundle: str
    quantization: str
    against: str
    codec_source: str
    """Empty where the codec was not compared."""
    prompts: tuple[str, ...]
    seconds: float
    temperature: float
    """Of the sampled clips; their seeds are the numbers of the prompts."""
    text: LmFigures
    """Positions of prompts and thoughts."""
    motion: LmFigures
    """Positions of codes and `</move>`."""
    levels: tuple[LmFigures, ...]
    """Positions of the codes of each level."""
    codec: CodecFigures | None
    greedy: ClipFigures
    sampled: ClipFigures
    apart: ClipFigures
    """For scale: the source's greedy answers beside its sampled ones."""
    tools: dict[str, str]
    reference: str = ""
    """What the bundle was compared with: "transformers 5.24.0", or this project's own reading."""
    findings: tuple[str, ...] = ()
    """What is not as in the source, a line each; empty where all is well."""
    unchecked: tuple[str, ...] = ()
    """What could not be compared, a line each."""
    images: ImageReport | None = None
    """The vision tower; None where the bundle has none."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        plain: dict[str, Any] = to_json(self)
        return plain


@dataclass(frozen=True)
class MeasuredParity:
    """The report, and every position behind it for the plot."""

    parity: ParityReport
    rows: ComparedPositions


def verify(request: VerifyRequest) -> MeasuredParity:
    """Open and compare.

    InputError where bundle, checkpoint, codec or prompts do not belong together.
    """
    bundle = open_bundle(request.bundle)
    source = align_checkpoint(bundle, request.against.folder, request.adapter)
    codec = None if request.codec is None else open_source_codec(bundle, request)
    with few_threads(source.shape):
        reference = choose_reference(request, bundle, source)
        return compare_models_and_motion(request, bundle, reference, codec)


def compare_models_and_motion(
    request: VerifyRequest,
    bundle: Bundle,
    reference: CheckpointReference,
    codec: CodecSource | None,
    theirs: Answers | None = None,
) -> MeasuredParity:
    """Compare an open bundle with a reference of the same ids.

    `theirs` are the source's answers, where they are known already.
    """
    asked = _asked(request, bundle)
    theirs = theirs or source_answers(request, bundle, reference)
    ours = {
        name: collect_answers(bundle, options, request.prompts, f"{name} clips")
        for name, options in asked.items()
    }
    rows = compare_models(reference, bundle, theirs["sampled"])
    parity = _report(request, bundle, codec, ours, theirs, rows)
    parts = {"text": parity.text, "motion": parity.motion}
    found = find_differences(request, bundle, reference, parts)
    images = compare_images(bundle, reference, request.prompts[0])
    wrong, unchecked = [*found.wrong], [*found.unchecked]
    if images is not None:
        wrong += image_findings(bundle, images)
    elif bundle.vision is not None:
        unchecked.append("images: none fits the context of the bundle")
    said = replace(
        parity,
        reference=reference.title,
        findings=tuple(wrong),
        unchecked=tuple(unchecked),
        images=images,
    )
    return MeasuredParity(said, rows)


def source_answers(
    request: VerifyRequest, bundle: Bundle, reference: CheckpointReference
) -> Answers:
    """Answers of the source, greedy and sampled; its weights are freed afterwards."""
    speaking = replace(bundle, language_model=reference.model(bundle.language_model.context))
    return {
        name: collect_answers(speaking, options, request.prompts, f"source, {name}")
        for name, options in _asked(request, bundle).items()
    }


def _asked(request: VerifyRequest, bundle: Bundle) -> dict[str, GenerateOptions]:
    """The two ways of sampling that clips are compared in."""
    seconds = _seconds(bundle) if request.seconds is None else request.seconds
    return {
        "greedy": GenerateOptions(seconds=seconds, temperature=0.0),
        "sampled": GenerateOptions(seconds=seconds),
    }


def _report(
    request: VerifyRequest,
    bundle: Bundle,
    codec: CodecSource | None,
    ours: Answers,
    theirs: Answers,
    rows: ComparedPositions,
) -> ParityReport:
    manifest, asked = bundle.manifest, _asked(request, bundle)["sampled"]
    mine, right = (
        bundle_decoder(bundle),
        exact_decoder(bundle) if codec is None else source_decoder(codec),
    )
    written = [answer.codes for answer in theirs["sampled"]]
    levels = range(len(manifest.motion.levels))
    return ParityReport(
        bundle=manifest.name,
        quantization=manifest.language_model.quantization,
        against=request.against.name,
        codec_source="" if codec is None or request.codec is None else request.codec.name,
        prompts=request.prompts,
        seconds=asked.seconds or 0.0,
        temperature=asked.sampler(manifest).temperature,
        text=summarize(rows, rows.kind == TEXT_POSITION),
        motion=summarize(rows, rows.kind != TEXT_POSITION),
        levels=tuple(summarize(rows, rows.kind == level) for level in levels),
        codec=None if codec is None else compare_codecs(bundle, codec, written),
        greedy=compare_clips(ours["greedy"], mine, theirs["greedy"], right),
        sampled=compare_clips(ours["sampled"], mine, theirs["sampled"], right),
        apart=compare_clips(theirs["greedy"], right, theirs["sampled"], right),
        tools=installed_versions(),
    )


def _seconds(bundle: Bundle) -> float:
    """Four seconds, or what half the context holds: the rest is for prompt and thought."""
    codec, levels = bundle.manifest.codec, len(bundle.vocabulary.levels)
    frames = max(1, bundle.language_model.context // 2 // levels)
    return min(
        DEFAULT_SECONDS, bundle.manifest.defaults.max_seconds, frames * codec.stride / codec.fps
    )


def figures_by_part(parity: ParityReport) -> list[tuple[str, LmFigures]]:
    """The language model's figures by part, in the order of the table."""
    by_level: Sequence[tuple[str, LmFigures]] = [
        (f"  level {q}", level) for q, level in enumerate(parity.levels)
    ]
    return [("text", parity.text), ("motion", parity.motion), *by_level]


def report_table(parity: ParityReport) -> str:
    """The report for the screen."""
    p, ms = parity, _millimetres
    lines = [
        f"{p.bundle} ({p.quantization}) against {p.against}, prompts: {len(p.prompts)}, "
        f"{p.seconds:g} s each",
        *([f"reference: {p.reference}"] if p.reference else []),
        "",
    ]
    lines += [
        f"{'next token':<12}{'positions':>10}{'same best':>11}{'KL mean':>10}{'KL p99':>10}"
        f"{'perplexity':>12}"
    ]
    lines += [
        f"{name:<12}{f.positions:>10,}{f.top1:>11.2%}{f.kl_mean:>10.2g}{f.kl_p99:>10.2g}"
        f"{f.perplexity_ratio:>11.4f}x"
        for name, f in figures_by_part(p)
    ]
    lines += _codec_lines(p.codec)
    if p.images is not None:
        lines += ["", *image_table(p.images)]
    lines += [
        "",
        f"{'clips':<12}{'joints':>10}{'pose only':>11}{'same clips':>12}{'same code frames':>18}",
    ]
    named = (("greedy", p.greedy), ("sampled", p.sampled), ("(for scale)", p.apart))
    lines += [
        f"{name:<12}{ms(c.mean_mm):>10}{ms(c.pose_mm):>11}{f'{c.same_clips} of {c.clips}':>12}"
        f"{f'{c.same_frames:.1f} of {c.frames:.1f}':>18}"
        for name, c in named
    ]
    lines += ["(for scale): two answers of the source itself, greedy and sampled"]
    lines += [f"note: {line}" for line in p.unchecked]
    lines += [f"NOT AS THE SOURCE: {line}" for line in p.findings]
    return "\n".join(lines)


def _codec_lines(codec: CodecFigures | None) -> list[str]:
    if codec is None:
        return []
    c, ms = codec, _millimetres
    return [
        "",
        f"codec: largest error {c.largest_error:.2g}, mean {c.mean_error:.2g} (normalised "
        "features, random codes)",
        f"       {ms(c.mean_mm)} mean, {ms(c.largest_mm)} largest on the source's codes, "
        f"lookahead {c.lookahead}",
    ]


def _millimetres(value: float) -> str:
    return f"{value:.1f} mm" if value >= 0.1 or value == 0 else f"{value:.1g} mm"
