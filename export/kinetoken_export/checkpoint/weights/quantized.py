"""Checkpoints that are quantized already.

Which are read as numbers again, and a line for each of the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from kinetoken.base.errors import FormatError

from .files import TensorEntry
from .packed_tensors import AwqTensor, GptqTensor, PackedTensor, ScaledTensor
from .stored_tensor import FLOAT_TYPES, PlainTensor, StoredTensor, read_entry

_EIGHT_BITS: Final = ("F8_E4M3", "F8_E5M2", "I8")
_PARTS: Final = (
    "qweight", "qzeros", "scales", "g_idx",  # GPTQ, AWQ
    "weight_packed", "weight_scale", "weight_shape", "weight_zero_point", "weight_g_idx",
    "weight_global_scale", "input_global_scale", "input_zero_point", "weight_scale_inv",
    "weight_scale_2", "input_scale", "input_scale_ub", "activation_scale",
    "activation_scale_inv", "k_scale", "v_scale", "q_scale", "output_scale",  # fp8 and its kin
    "SCB", "weight_format", "weight.absmax", "weight.quant_map", "weight.nested_absmax",
    "weight.nested_quant_map",
    "weight.quant_state.bitsandbytes__nf4", "weight.quant_state.bitsandbytes__fp4",  # bitsandbytes
    "W_q", "meta", "weight._data", "weight._scale", "codes", "codebooks", "blocks", "weight_blocks",
    "weight_scales",
)  # fmt: skip
"""What stands beside or instead of a weight that is quantized."""
_ADVICE: Final = "give the checkpoint that it was made from, unquantized"
Entries = Mapping[str, TensorEntry]


@dataclass(frozen=True)
class Quantization:
    """What a checkpoint says of the way in which it was quantized."""

    method: str
    """"" where it says nothing."""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """For people."""
        bits = self.options.get("bits") or self.options.get("w_bit")
        form = self.options.get("format")
        more = ", ".join(str(one) for one in (f"{bits} bits" if bits else None, form) if one)
        return f"{self.method} ({more})" if more else self.method


def read_quantization(folder: Path, config: Mapping[str, Any]) -> Quantization:
    """How a checkpoint is quantized; FormatError where such weights are not read here."""
    text = config.get("text_config") or {}
    given = config.get("quantization_config") or config.get("compression_config")
    given = given or text.get("quantization_config")
    if not given:
        if (folder / "hf_quant_config.json").is_file():
            raise FormatError(
                f"{folder}: is quantized by modelopt (hf_quant_config.json): {_ADVICE}"
            )
        return Quantization("")
    if not isinstance(given, Mapping):
        raise FormatError(f"{folder}: expected an object as quantization_config, got {given!r}")
    found = Quantization(str(given.get("quant_method") or "an unnamed method"), given)
    reason = _unread(found)
    if reason is not None:
        raise FormatError(f"{folder}: is quantized with {found.title}{reason}: {_ADVICE}")
    return found


def _unread(found: Quantization) -> str | None:
    """Why its weights are not read, as the end of a sentence; None where they are."""
    options = found.options
    if found.method == "gptq":
        return _unread_gptq(options)
    if found.method == "awq":
        version = str(options.get("version", "gemm")).lower()
        if options.get("backend", "autoawq") not in ("autoawq", "auto", None):
            return f", backend {options['backend']}"
        fits = int(options.get("bits") or options.get("w_bit") or 4) == 4 and version == "gemm"
        return None if fits else f", version {version}"
    if found.method == "bitsandbytes":
        return ", 4 bits" if options.get("load_in_4bit") else None
    if found.method == "compressed-tensors":
        sparse = (options.get("sparsity_config") or {}).get("format", "dense")
        if sparse != "dense":
            return f", sparse ({sparse})"
        return ", after a transform" if options.get("transform_config") else None
    return None if found.method in ("fp8", "fbgemm_fp8") else ""


def _unread_gptq(options: Mapping[str, Any]) -> str | None:
    """Why a checkpoint of GPTQ is not read; None where it is."""
    form = "marlin" if options.get("is_marlin_format") else options.get("checkpoint_format", "gptq")
    if options.get("bits") not in (2, 4, 8) or form not in ("gptq", "gptq_v2"):
        return f", format {form}"
    rules = (options.get("dynamic") or {}).values()
    other = any(rule.get("bits", options["bits"]) != options["bits"] for rule in rules if rule)
    return ", other bits in some modules" if other else None


def stored_tensors(folder: Path, entries: Entries, found: Quantization) -> dict[str, StoredTensor]:
    """Every tensor by its name, quantized ones under the name of the weight that they stand for.

    FormatError for parts of quantized weights that nothing says how to read.
    """
    stored: dict[str, StoredTensor] = {}
    parts = {name: entry for name, entry in entries.items() if _part_of(name)}
    for name, entry in entries.items():
        if name not in parts:
            stored[name] = _weight(name, entry, parts, found)
    for name in parts:
        module, part = _part_of(name) or ("", "")
        weight = f"{module}.weight"
        if part == "qweight":
            stored[weight] = _words(module, parts, found, folder)
        elif part == "weight_packed":
            stored[weight] = _packed(module, parts, found, folder)
    read = {entry.name for tensor in stored.values() for entry in tensor.entries}
    stray = next(
        (e.name for n, e in parts.items() if e.name not in read and _counts(n, found)), None
    )
    if stray is not None:
        said = f"is quantized with {found.title}" if found.method else "is quantized by some method"
        raise FormatError(f"{folder}: {said}, as {stray} shows, which is not read here: {_ADVICE}")
    return stored


def _part_of(name: str) -> tuple[str, str] | None:
    """Module and part of a quantized weight's tensor; None for any other tensor."""
    for part in _PARTS:
        if name.endswith(f".{part}"):
            return name.removesuffix(f".{part}"), part
    return None


def _counts(name: str, found: Quantization) -> bool:
    """Tell whether a part has to be read.

    Scales of activations and of the cache change no weight.
    """
    part = (_part_of(name) or ("", ""))[1]
    silent = part.startswith(("input_", "activation_", "k_", "v_", "q_", "output_"))
    silent |= part in ("weight_format", "weight_shape") or (
        part == "g_idx" and found.method == "awq"
    )
    return not (silent and found.method)


def _weight(name: str, entry: TensorEntry, parts: Entries, found: Quantization) -> StoredTensor:
    """A tensor with the scales beside it, if there are some."""
    module = name.removesuffix(".weight")
    if entry.dtype not in _EIGHT_BITS or not found.method:
        return PlainTensor(entry)
    for scale, divisor in (("weight_scale", 1.0), ("weight_scale_inv", 1.0), ("SCB", 127.0)):
        given = parts.get(f"{module}.{scale}")
        if given is not None and given.dtype in FLOAT_TYPES and _in_rows(module, parts):
            zero = parts.get(f"{module}.weight_zero_point")
            return ScaledTensor(entry, given, zero, _block(found), divisor)
    return PlainTensor(entry)


def _in_rows(module: str, parts: Entries) -> bool:
    """Whether bitsandbytes stored a weight row by row, not in an order for one graphics card."""
    form = parts.get(f"{module}.weight_format")
    return form is None or not int(read_entry(form).max())


def _block(found: Quantization) -> tuple[int, int] | None:
    """Rows and columns that share a scale, where the config says so."""
    given = found.options.get("weight_block_size") or next(
        (rule["block_structure"] for rule in _groups(found) if rule.get("block_structure")), None
    )
    if isinstance(given, str):
        given = given.lower().split("x")
    return None if given is None else (int(given[0]), int(given[1]))


def _groups(found: Quantization) -> Iterator[Mapping[str, Any]]:
    """compressed-tensors' rules for weights."""
    for group in (found.options.get("config_groups") or {}).values():
        yield group.get("weights") or {}


def _words(module: str, parts: Entries, found: Quantization, folder: Path) -> StoredTensor:
    """A weight of GPTQ or AWQ."""
    codes, zeros, scales = (
        parts.get(f"{module}.{part}") for part in ("qweight", "qzeros", "scales")
    )
    if codes is None or zeros is None or scales is None or found.method not in ("gptq", "awq"):
        said = found.title or "a method that config.json does not name"
        raise FormatError(
            f"{folder}: {module}.qweight is quantized with {said}, which is not read here: "
            f"{_ADVICE}"
        )
    if found.method == "awq":
        return AwqTensor(codes, zeros, scales)
    return GptqTensor(
        codes,
        zeros,
        scales,
        parts.get(f"{module}.g_idx"),
        int(found.options["bits"]),
        found.options.get("checkpoint_format", "gptq") == "gptq",
    )


def _packed(module: str, parts: Entries, found: Quantization, folder: Path) -> StoredTensor:
    """A weight of compressed-tensors' pack-quantized."""
    codes, scales = parts.get(f"{module}.weight_packed"), parts.get(f"{module}.weight_scale")
    shape = parts.get(f"{module}.weight_shape")
    bits = {int(weights["num_bits"]) for weights in _groups(found) if weights.get("num_bits")}
    plain = not any(f"{module}.{part}" in parts for part in ("weight_zero_point", "weight_g_idx"))
    if (
        codes is None
        or scales is None
        or shape is None
        or codes.dtype != "I32"
        or len(bits) != 1
        or not bits <= {4, 8}
        or not plain
    ):
        raise FormatError(
            f"{folder}: {module}.weight_packed is quantized with "
            f"{found.title or 'a method that config.json does not name'}, "
            f"in a form that is not read here: {_ADVICE}"
        )
    return PackedTensor(codes, scales, int(read_entry(shape)[1]), bits.pop())
