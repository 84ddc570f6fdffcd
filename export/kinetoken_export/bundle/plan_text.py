"""The findings of `kinetoken export --dry-run` on one screen."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Final

from .plan import ExportPlan, Values

_LABEL: Final = 16
_WIDTH: Final = 100
_ONNX: Final = ("int4", "int4_mixed", "int8", "fp16", "fp32")
_GGUF: Final = ("q3_k_m", "q4_0", "q4_k_s", "q4_k_m", "q5_k_m", "q6_k", "q8_0", "f16")
"""Quantizations whose sizes are shown; --json has all of them."""


def plan_lines(plan: ExportPlan) -> list[str]:
    """Everything found and assumed, in lines of at most 100 columns."""
    tools = ", ".join(f"{name} {version}" for name, version in plan.tools.items())
    lines = ["dry run of kinetoken export: nothing is written", ""]
    for label, text in _rows(plan):
        lines += _row(label, text)
    lines += [*_row("tools", tools), ""]
    lines += _list("to know", plan.notes, "nothing unusual, nothing assumed")
    lines += _list("refused", plan.refused, "nothing: this exports")
    return lines


def _rows(plan: ExportPlan) -> Iterator[tuple[str, str]]:
    yield "checkpoint", _checkpoint(plan.checkpoint)
    if plan.model is not None:
        yield "weights", _weights(plan.checkpoint, plan.model)
        yield "network", _network(plan.model)
        yield "positions", _positions(plan.model)
    if plan.tokens is not None:
        yield "motion tokens", _motion_tokens(plan.tokens)
        yield "other tokens", _other_tokens(plan.tokens, plan.model)
    if plan.chat is not None:
        yield from _chat(plan.chat)
    if plan.sampling is not None:
        yield "sampling", _sampling(plan.sampling)
    if plan.codec is not None:
        yield "codec", _codec(plan.codec)
        yield "its decoder", _decoder(plan.codec)
    terms = plan.licences
    yield "licences", f"language model: {terms['language_model']}; codec: {terms['codec']}"
    yield "bundle", _bundle(plan)
    yield from _sizes(plan.bundle.get("sizes", {}))


def _row(label: str, text: str) -> list[str]:
    """A label and its text, wrapped beside it."""
    wrapped = textwrap.wrap(
        text, _WIDTH - _LABEL, break_long_words=False, break_on_hyphens=False
    ) or ["-"]
    first, *more = wrapped
    return [f"{label:<{_LABEL}}{first}", *(" " * _LABEL + line for line in more)]


def _list(label: str, entries: tuple[str, ...], none: str) -> list[str]:
    lines: list[str] = []
    for number, entry in enumerate(entries or (none,)):
        lines += _row("" if number else label, entry)
    return lines


def _checkpoint(given: Values) -> str:
    config = given.get("config", {})
    parts = [" ".join(filter(None, (given["name"], given["revision"])))]
    if "class" in given:
        parts.append(f"{given['class']} ({given['architecture']})")
    elif isinstance(named := config.get("architectures"), list) and named:
        parts.append(str(named[0]))
    if config.get("transformers_version"):
        parts.append(f"saved by transformers {config['transformers_version']}")
    if given.get("adapter"):
        parts.append(f"with the adapter {given['adapter']}")
    return ", ".join(parts)


def _weights(given: Values, model: Values) -> str:
    files = given["files"]
    types = ", ".join(f"{count} of {kind}" for kind, count in given["types"].items())
    held = f"quantized with {given['quantization']}, " if given["quantization"] else ""
    tower = ", a vision tower among them" if model["vision_tower"] else ""
    return (
        f"{held}{_size(sum(files.values()))} in {_count(len(files), 'file')}; tensors: "
        f"{types}{tower}; "
        f"{model['parameters'] / 1e6:,.1f} million numbers in the language model"
    )


def _network(model: Values) -> str:
    head = "the embedding is the head too" if model["tied"] else "a head of its own"
    return (
        f"{_count(model['layers'], 'layer')} of {model['hidden']:,}, {model['heads']} heads of "
        f"{model['head_dim']} ({model['kv_heads']} with keys and values), feed-forward "
        f"{model['intermediate']:,}, epsilon {model['norm_eps']:g}; {head}"
    )


def _positions(model: Values) -> str:
    rope = model["rope"]
    text = f"{model['context']:,} tokens; rotary, base {rope['theta']:,.10g}"
    if rope["kind"] != "default":
        text += f", {rope['kind']} by {rope['factor']:g}"
        if rope["original_context"]:
            text += f" from {rope['original_context']:,} tokens"
    windows = [window for window in model["windows"] if window is not None]
    if windows:
        text += f"; {len(windows)} of {_count(model['layers'], 'layer')} see only {min(windows):,}"
    return text


def _motion_tokens(tokens: Values) -> str:
    spelling = tokens["spelling"]
    around = (
        f"between {spelling['start']} ({tokens['start']}) and {spelling['end']} ({tokens['end']})"
        if spelling["start"]
        else "without a token around them"
    )
    order = "; ".join(
        ", ".join(f"{first}-{last}" if first != last else f"{first}" for first, last in runs)
        + ("..." if sum(last - first + 1 for first, last in runs) < tokens["codes"] else "")
        for runs in tokens["ids"]
    )
    moved = f"; {tokens['moved']} tokens get other ids in the bundle" if tokens["moved"] else ""
    return (
        f"{_count(tokens['levels'], 'level')} of {tokens['codes']:,} codes, {spelling['code']} "
        f"{around}; "
        f"ids by level, codes in order: {order}{moved}"
    )


def _other_tokens(tokens: Values, model: Values | None) -> str:
    parts = [f"{tokens['words']:,} words"]
    if tokens["added_words"]:
        parts.append(f"{len(tokens['added_words'])} added words: {_some(tokens['added_words'])}")
    if model is not None:
        rows, spare = model["vocab_size"], tokens["rows_without_token"]
        parts.append(f"{rows:,} rows in the embedding, {spare:,} without a token")
    ends = ", ".join(f"{token} ({number})" for token, number in tokens["ends"].items())
    return "; ".join([*parts, f"an answer ends with {ends or 'nothing'}"])


def _chat(chat: Values) -> Iterator[tuple[str, str]]:
    shown = chat["rendered"].replace("\n", "\u23ce")
    special = ", ".join(f"{token} ({number})" for token, number in chat["special"].items())
    yield "prompt", shown
    yield (
        "",
        f"by its {chat['template']}: {chat['tokens']} tokens; special: {special or 'none'}; "
        f"an answer is followed by {chat['answer_end']!r}",
    )


def _sampling(sampling: Values) -> str:
    asked = set(sampling["asked_by_checkpoint"])
    parts = []
    for name in ("temperature", "top_k", "top_p", "min_p"):
        if sampling[name] is not None:
            source = " (generation_config.json)" if name in asked else ""
            parts.append(f"{name} {sampling[name]:g}{source}")
    return ", ".join(parts)


def _codec(codec: Values) -> str:
    files = ", ".join(codec["files"]) or "-"
    return (
        f"{codec['name']}: {codec['layout']}, {_count(codec['levels'], 'level')} of "
        f"{codec['codes']:,} codes, latents of {codec['latent_width']}; from {files}"
    )


def _decoder(codec: Values) -> str:
    rate = codec["fps"] / codec["stride"]
    text = (
        f"{codec['stride']} frames per latent frame, {codec['fps']} frames a second: "
        f"{codec['levels'] * rate:g} motion tokens a second"
    )
    if codec["block_frames"] is not None:
        text += f"; a block stands for {codec['block_frames']} frames"
    if codec["past"] is None:
        return text
    text += f"; sees {codec['past']} latent frames back and {codec['lookahead']} ahead"
    if codec["window"] is None:
        return f"{text}, of any length"
    return f"{text}, in windows of {codec['window']} ({codec['window_padding']})"


def _bundle(plan: ExportPlan) -> str:
    given, tokens, codec = plan.bundle, plan.tokens, plan.codec
    graph = f" ({given['graph']})" if given["format"] == "onnx" else ""
    weights = given["quantization"] or "with the weights as they are"
    text = f"{given['format']} {weights}{graph}"
    if "context" in given:
        text += f", a context of {given['context']:,} tokens"
        if codec is not None and tokens is not None:
            seconds = given["context"] // codec["levels"] * codec["stride"] / codec["fps"]
            text += f": at most {seconds:.0f} s of motion"
    return text


def _sizes(sizes: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for label, name, shown in (("sizes, onnx", "onnx", _ONNX), ("sizes, gguf", "gguf", _GGUF)):
        found = sizes.get(name, {})
        text = ", ".join(f"{one} {_size(found[one])}" for one in shown if one in found)
        if text and name == "onnx":
            text = f"(of the language model alone) {text}"
        if text and name == "gguf" and sizes.get("vision_tower"):
            text += f"; and {_size(sizes['vision_tower'])} for the vision tower in f16"
        if text:
            yield label, text


def _some(names: list[str]) -> str:
    return ", ".join(names[:6]) + (" and more" if len(names) > 6 else "")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
