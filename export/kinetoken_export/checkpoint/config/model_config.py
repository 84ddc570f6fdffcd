"""config.json.

Which architecture it is of, the shape of the language model, and what is unusual about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from kinetoken.base.errors import FormatError
from kinetoken.manifest.architectures import (
    ARCHITECTURES,
    Architecture,
    architecture_of_class,
    architecture_of_model_type,
)

from ..json_file import read_json
from ..model_shape import LanguageModelShape
from .known_fields import COMPUTED, CONFIG_CLASSES, NO_CONSEQUENCE, UNUSED_VALUES
from .numbers import MOST_LAYERS, positive, positive_or, whole
from .rope import Rope, RopeFound, read_rope

CONFIG_FILE: Final = "config.json"
SIZES: Final = (
    "num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads",
    "num_key_value_heads", "vocab_size", "max_position_embeddings", "rms_norm_eps",
)  # fmt: skip
"""Fields that nearly every file has."""
FULL, SLIDING = "full_attention", "sliding_attention"
"""Kinds of layers in layer_types."""
_WRAPPING: Final = re.compile(r"FSDP\w+ForCausalLM|Peft\w+|\w+Model|AutoModel\w*")
"""Classes around a language model, or of one without its head: model_type tells which it is."""


@dataclass(frozen=True)
class ModelConfig:
    """What config.json says of a model."""

    raw: Mapping[str, Any]
    """The file as it is."""
    architecture: Architecture
    shape: LanguageModelShape
    vision: Mapping[str, Any] | None
    """vision_config with its class's defaults; None where there is none."""
    notes: tuple[str, ...]
    """What is unusual or was assumed, a line each."""


def read_model_config(folder: Path) -> ModelConfig:
    """Read `folder`/config.json.

    FormatError for another architecture, and for a field that asks for what is not computed.
    """
    path = folder / CONFIG_FILE
    raw = read_json(path)
    architecture, notes = _architecture(raw, folder)
    known = CONFIG_CLASSES[architecture.name]
    # transformers 4.52 moved the language model's fields of a vision-language config into
    # text_config.
    given = raw.get("text_config") or raw
    if not isinstance(given, Mapping):
        raise FormatError(f"{path}: expected an object as text_config, got {given!r}")
    try:
        asked = {field: given[field] for field in given if field not in known.not_applied}
        text: Mapping[str, Any] = {**known.defaults, **asked}
        computed = {**COMPUTED, **known.computed}
        _check_all_computed(given, computed)
        text, local_rope = _split_positions(text)
        rope = read_rope(given, text, _head_dim(text))
        shape = replace(_shape(text, raw, rope), local_rope=local_rope)
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    except KeyError as error:
        raise FormatError(
            f"{path}: expected a key {error}, found none: give the value that the model was "
            "trained with"
        ) from error
    except (TypeError, ValueError, ZeroDivisionError, AttributeError) as error:
        raise FormatError(
            f"{path}: expected the numbers of a language model, got: {error}"
        ) from error
    return ModelConfig(
        raw,
        architecture,
        shape,
        _vision(raw, known.vision, path),
        (
            *notes,
            *rope.notes,
            *_assumed(given, text),
            *_computed_otherwise_before(raw, text, shape),
            *_unknown_fields(
                raw, given, {*known.defaults, *computed, *known.not_applied, *NO_CONSEQUENCE}
            ),
            *_not_applied(given, known.not_applied),
        ),
    )


def _vision(
    raw: Mapping[str, Any], usual: Mapping[str, Any], path: Path
) -> Mapping[str, Any] | None:
    """vision_config with its class's defaults; None where there is none. FormatError."""
    given = raw.get("vision_config")
    if not isinstance(given, Mapping | None):
        raise FormatError(f"{path}: expected an object as vision_config, got {given!r}")
    return None if given is None else {**usual, **given}


def _not_applied(given: Mapping[str, Any], fields: Iterable[str]) -> Iterator[str]:
    """Notes on fields that the model's class does not use."""
    for field in sorted(fields):
        if given.get(field) is not None:
            yield f"{field} {given[field]!r} is not applied, as in transformers"


def _architecture(raw: Mapping[str, Any], folder: Path) -> tuple[Architecture, list[str]]:
    """The entry in the table, by the class or, where none is named, by model_type."""
    classes, model_type = raw.get("architectures") or [], raw.get("model_type")
    classes = [classes] if isinstance(classes, str) else classes
    if not isinstance(classes, list):
        raise FormatError(
            f"{folder / CONFIG_FILE}: expected a list of class names as architectures, "
            f"got {classes!r}"
        )
    by_type = architecture_of_model_type(str(model_type))
    if by_type is not None and (not classes or _WRAPPING.fullmatch(str(classes[0]))):
        named = f"the class {classes[0]}" if classes else "no class"
        return by_type, [f"names {named}: taken for {by_type.classes[0]}, by model_type"]
    found = architecture_of_class(str(classes[0])) if classes else None
    if found is None:
        known = " or ".join(kind for entry in ARCHITECTURES.values() for kind in entry.classes)
        got = classes[0] if classes else f"none, and model_type {model_type!r}"
        raise FormatError(f"{folder}: expected a model of {known}, got {got}")
    if model_type is not None and by_type is not found:
        raise FormatError(
            f"{folder / CONFIG_FILE}: expected a model_type of {classes[0]}, got {model_type!r}: "
            "transformers goes by model_type; mend the one that is wrong"
        )
    notes = (
        ["auto_map names code of its own: not run, the class of transformers is computed"]
        if raw.get("auto_map")
        else []
    )
    return found, notes


def _check_all_computed(given: Mapping[str, Any], computed: Mapping[str, tuple[Any, ...]]) -> None:
    """FormatError that names every field which asks for what is not computed."""
    problems = []
    for field, values in computed.items():
        try:
            _check_computed(field, given.get(field, values[0]), values)
        except FormatError as error:
            problems.append(str(error))
    if problems:
        raise FormatError("; ".join(problems))


def _check_computed(field: str, value: Any, computed: tuple[Any, ...]) -> None:
    """FormatError for a value that asks for what is not computed."""
    if value not in computed:
        named = " or ".join(repr(one) for one in computed if one is not None)
        raise FormatError(f"{field} {value!r} is not computed, only {named} is")


def check_vision(config: ModelConfig) -> None:
    """FormatError where vision_config asks for what is not computed."""
    for field, values in CONFIG_CLASSES[config.architecture.name].vision_computed.items():
        try:
            _check_computed(field, (config.vision or {}).get(field, values[0]), values)
        except FormatError as error:
            raise FormatError(f"{CONFIG_FILE}: vision_config: {error}") from error


def _split_positions(text: Mapping[str, Any]) -> tuple[Mapping[str, Any], Rope | None]:
    """The fields with the positions of the layers that see everything, and those of the others.

    transformers 5 keeps them by kind of layer; before it Gemma 3 had a field for the second.
    """
    for field in ("rope_scaling", "rope_parameters"):
        if not isinstance(text[field] or {}, Mapping):
            raise FormatError(f"expected an object as {field}, got {text[field]!r}")
    rules = text["rope_scaling"] or text["rope_parameters"] or {}
    if not rules or not set(rules) <= {FULL, SLIDING}:
        local = text.get("rope_local_base_freq")
        return text, None if local is None else Rope(positive(text, "rope_local_base_freq"))
    local = rules.get(SLIDING) or {}
    if local.get("rope_type", "default") != "default":
        raise FormatError(f"positions of {SLIDING} other than the default are not computed")
    theta = positive_or(local, "rope_theta", positive_or(text, "rope_local_base_freq", 0))
    theta = theta or positive(text, "rope_theta")
    return {**text, "rope_scaling": None, "rope_parameters": rules.get(FULL)}, Rope(theta)


def _head_dim(text: Mapping[str, Any]) -> int:
    """Width of a head: even, as its halves turn."""
    said = text["head_dim"] is not None
    width = whole(text, "head_dim" if said else "hidden_size")
    width = width if said else width // whole(text, "num_attention_heads")
    if width < 2 or width % 2:
        raise FormatError(f"expected heads of an even width, got {width}")
    return width


def _flag(fields: Mapping[str, Any], name: str) -> bool:
    """Whether a field says yes; FormatError for anything but true, false and null."""
    value = fields.get(name)
    if value not in (None, True, False):
        raise FormatError(f"expected {name} to be true or false, got {value!r}")
    return bool(value)


def _kv_heads(text: Mapping[str, Any]) -> int:
    """Heads with keys and values; FormatError unless as many query heads share each."""
    heads = whole(text, "num_attention_heads")
    if text["num_key_value_heads"] is None:
        return heads
    shared = whole(text, "num_key_value_heads")
    if heads % shared:
        raise FormatError(
            f"expected num_attention_heads to be a multiple of num_key_value_heads, got {heads} "
            f"and {shared}"
        )
    return shared


def _shape(text: Mapping[str, Any], raw: Mapping[str, Any], rope: RopeFound) -> LanguageModelShape:
    return LanguageModelShape(
        layers=whole(text, "num_hidden_layers", MOST_LAYERS),
        hidden=whole(text, "hidden_size"),
        intermediate=whole(text, "intermediate_size"),
        heads=whole(text, "num_attention_heads"),
        kv_heads=_kv_heads(text),
        vocab_size=whole(text, "vocab_size"),
        head_dim=_head_dim(text),
        context=rope.context,
        rope=rope.rope,
        norm_eps=positive(text, "rms_norm_eps"),
        tied=_flag(raw, "tie_word_embeddings") or _flag(text, "tie_word_embeddings"),
        windows=_windows(text),
        query_width=positive_or(text, "query_pre_attn_scalar", 0),
        attention_softcap=positive_or(text, "attn_logit_softcapping", 0),
        logit_softcap=positive_or(text, "final_logit_softcapping", 0),
    )


def _windows(text: Mapping[str, Any]) -> tuple[int | None, ...]:
    """Tokens that each layer attends to; empty where every layer attends to all."""
    layers, types = whole(text, "num_hidden_layers", MOST_LAYERS), text["layer_types"]
    if types is None:
        types = _layer_types(text, layers)
    if not isinstance(types, list):
        raise FormatError(f"expected a list of layer_types, got {types!r}")
    strange = next((kind for kind in types if kind not in (FULL, SLIDING)), None)
    if strange is not None:
        raise FormatError(
            f"layer_types with {strange!r} are not computed, only {FULL!r} and {SLIDING!r} are"
        )
    if len(types) != layers:
        raise FormatError(f"expected {layers} layer_types, one a layer, got {len(types)}")
    window = text["sliding_window"] if text.get("use_sliding_window", True) else None
    said = text["layer_types"] is not None or "rope_local_base_freq" in text
    if window is None and SLIDING in types and said:
        raise FormatError(
            f"layer_types with {SLIDING!r} are not computed without a sliding_window: give its "
            f"width, or {FULL!r} for every layer"
        )
    if window is None or SLIDING not in types:
        return ()
    width = whole(text, "sliding_window")
    return tuple(width if kind == SLIDING else None for kind in types)


def _assumed(given: Mapping[str, Any], text: Mapping[str, Any]) -> Iterator[str]:
    """A line for each number that the file leaves to its class."""
    for field in SIZES:
        if field not in given:
            yield f"{field} is missing: {text[field]}, as the class has it"
    rules = given.get("rope_scaling") or given.get("rope_parameters") or {}
    if not {"rope_theta", FULL} & (given.keys() | rules.keys()):
        yield f"rope_theta is missing: {text['rope_theta']:g}, as the class has it"


def _computed_otherwise_before(
    raw: Mapping[str, Any], text: Mapping[str, Any], shape: LanguageModelShape
) -> Iterator[str]:
    """A line where the version that saved the file computes something else of it."""
    if shape.smallest_window() is not None and "use_sliding_window" in text:
        saved_by = str(raw.get("transformers_version", ""))
        if saved_by.startswith(tuple(f"4.{minor}." for minor in range(37, 53))):
            yield (
                "sliding windows are computed as transformers 4.53 and later do; "
                f"{saved_by}, which saved this, had them in other layers"
            )


def _layer_types(text: Mapping[str, Any], layers: int) -> list[str]:
    """The kinds of layers where the config does not list them."""
    if text.get("sliding_window_pattern"):
        every = whole(text, "sliding_window_pattern")
        return [SLIDING if (layer + 1) % every else FULL for layer in range(layers)]
    first = whole(text, "max_window_layers") if text.get("max_window_layers", 0) != 0 else 0
    return [SLIDING if layer >= first else FULL for layer in range(layers)]


def _unknown_fields(
    raw: Mapping[str, Any], given: Mapping[str, Any], known: set[str]
) -> Iterator[str]:
    """A line for each field that nothing here knows and that asks for something."""
    for field, value in sorted(given.items()):
        if field not in known and value not in UNUSED_VALUES:
            yield f"{field} {value!r} is not known here and was ignored"
    if given is raw:
        return
    for field, value in sorted(raw.items()):
        if field in NO_CONSEQUENCE or value in UNUSED_VALUES or value == given.get(field):
            continue
        if field in given:
            yield f"{field} is {given[field]!r} as text_config says, not {value!r}"
        else:
            yield f"{field} {value!r} beside text_config was ignored"
