"""What config.json asks for is computed or refused by name.

What a class leaves out means what transformers makes of it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")

import numpy as np

from kinetoken.base.errors import FormatError
from kinetoken.manifest.architectures import ARCHITECTURES
from kinetoken_export.checkpoint.config.known_fields import (
    COMPUTED,
    CONFIG_CLASSES,
    NO_CONSEQUENCE,
    UNUSED_VALUES,
)
from kinetoken_export.checkpoint.config.model_config import check_vision, read_model_config
from kinetoken_export.checkpoint.reference_model import ReferenceModel
from kinetoken_export.checkpoint.tensors import Checkpoint

QWEN2 = {
    "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "num_hidden_layers": 2,
    "hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2,
    "vocab_size": 300, "max_position_embeddings": 512, "rms_norm_eps": 1e-6, "rope_theta": 1e6,
}  # fmt: skip
SAVED_BY_449 = Path(__file__).parents[5] / "shared/cases/files/qwen2_5_vl_saved_by_4.49.config.json"


def config(folder: Path, **changes: Any) -> Path:
    """A folder with a config.json; `...` leaves a field out."""
    fields = {key: value for key, value in (QWEN2 | changes).items() if value is not ...}
    (folder / "config.json").write_text(json.dumps(fields))
    return folder


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"hidden_act": "gelu"}, "hidden_act 'gelu'"),
        ({"hidden_act": "relu"}, "only 'silu' or 'swish'"),
        ({"partial_rotary_factor": 0.5}, r"partial_rotary_factor 0\.5"),
        ({"is_causal": False}, "is_causal False"),
        ({"use_bidirectional_attention": True}, "use_bidirectional_attention"),
        ({"add_cross_attention": True}, "add_cross_attention"),
        ({"pruned_heads": {"0": [1]}}, "pruned_heads"),
        ({"rope_scaling": {"type": "proportional"}}, "'proportional' is not computed"),
        ({"rope_scaling": {"type": "ntk-by-parts", "factor": 2}}, "'ntk-by-parts'"),
        ({"rope_scaling": {"type": "yarn", "rope_type": "linear", "factor": 2}}, "one kind"),
        ({"rope_scaling": {"rope_type": "default", "partial_rotary_factor": 0.25}}, "partial"),
        ({"rope_scaling": {"type": "linear"}}, "expected a key 'factor'"),
        ({"rope_scaling": {"type": "linear", "factor": "two"}}, "factor to be a number above 0"),
        ({"rope_scaling": {"type": "linear", "factor": 0}}, "factor to be a number above 0, got 0"),
        ({"rope_scaling": "yarn"}, "expected an object as rope_scaling, got 'yarn'"),
        ({"rope_parameters": [1]}, "expected an object as rope_parameters"),
        ({"rope_theta": None}, "expected a rope_theta, found none"),
        ({"rope_theta": -1.0}, "rope_theta to be a number above 0"),
        ({"rms_norm_eps": -1e-6}, "rms_norm_eps to be a number above 0"),
        ({"num_hidden_layers": 0}, "num_hidden_layers to be a whole number of 1 or more, got 0"),
        ({"num_hidden_layers": 1.5}, "num_hidden_layers to be a whole number"),
        ({"num_hidden_layers": True}, "num_hidden_layers to be a whole number"),
        ({"max_position_embeddings": 0}, "max_position_embeddings to be a whole number"),
        ({"hidden_size": "64"}, "hidden_size to be a whole number of 1 or more, got '64'"),
        ({"num_key_value_heads": 3}, "multiple of num_key_value_heads, got 4 and 3"),
        ({"head_dim": 15}, "heads of an even width, got 15"),
        ({"layer_types": "full_attention"}, "a list of layer_types"),
        ({"tie_word_embeddings": "false"}, "tie_word_embeddings to be true or false, got 'false'"),
        ({"text_config": [1]}, "an object as text_config"),
        (
            {"use_sliding_window": True, "sliding_window": 0, "max_window_layers": 0},
            "sliding_window to be a whole number",
        ),
        ({"rope_scaling": {"type": "longrope", "short_factor": [1], "factor": 2}}, "8 numbers"),
        ({"layer_types": ["full_attention", "linear_attention"]}, "'linear_attention'"),
        ({"layer_types": ["full_attention"]}, "expected 2 layer_types"),
        ({"architectures": ["Qwen2ForSequenceClassification"]}, "got Qwen2ForSequence"),
        ({"architectures": None, "model_type": "bert"}, "got none, and model_type 'bert'"),
        ({"model_type": "bert"}, "transformers goes by model_type"),
        ({"num_attention_heads": 0}, "num_attention_heads to be a whole number of 1 or more"),
    ],
)
def test_what_is_not_computed_is_refused_by_name(
    tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(FormatError, match=named) as refused:
        read_model_config(config(tmp_path, **changes))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"architectures": ["Qwen2ForCausalLM"], "torch_dtype": "bfloat16", "use_cache": False},
        {
            "attention_dropout": 0.1,
            "initializer_range": 0.5,
            "bos_token_id": 7,
            "_name_or_path": "x",
        },
        {"some_new_field": None, "use_new_thing": False, "lists": []},
        {"hidden_act": "swish", "partial_rotary_factor": 1.0, "use_sliding_window": False},
        {"rope_scaling": {"type": "default"}, "unsloth_version": "2026.1"},
    ],
)
def test_what_changes_nothing_is_not_mentioned(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert read_model_config(config(tmp_path, **changes)).notes == ()


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"logit_scale": 0.5}, "logit_scale 0.5 is not known here and was ignored"),
        ({"attention_bias": True}, "attention_bias True is not known here"),
        ({"use_mrope": True}, "use_mrope True"),
        ({"architectures": None}, "names no class: taken for Qwen2ForCausalLM"),
        ({"architectures": ...}, "by model_type"),
        ({"architectures": ["Qwen2Model"]}, "names the class Qwen2Model: taken for Qwen2ForC"),
        ({"architectures": ["FSDPQwen2ForCausalLM"]}, "taken for Qwen2ForCausalLM"),
        ({"architectures": ["PeftModelForCausalLM"]}, "taken for Qwen2ForCausalLM"),
        ({"auto_map": {"AutoModelForCausalLM": "x.Y"}}, "code of its own: not run"),
        ({"rms_norm_eps": ...}, "rms_norm_eps is missing: 1e-06"),
        ({"rope_theta": ...}, "rope_theta is missing: 10000"),
        ({"rope_scaling": {"type": "linear", "factor": 2.0, "low": 1}}, "low in rope_scaling"),
        ({"rope_parameters": {"rope_theta": 5.0}}, "rope_theta is 5 as rope_parameters say"),
        (
            {"rope_scaling": {"type": "yarn", "factor": 3, "original_max_position_embeddings": 64}},
            "as transformers 4.57 and later",
        ),
        (
            {
                "use_sliding_window": True,
                "sliding_window": 16,
                "max_window_layers": 1,
                "transformers_version": "4.51.3",
            },
            "computed as transformers 4.53 and later do; 4.51.3, which saved this",
        ),
        (
            {
                "rope_scaling": {
                    "type": "longrope",
                    "factor": 2,
                    "short_factor": [1] * 8,
                    "original_max_position_embeddings": 256,
                }
            },
            "longrope is computed as transformers 5 does",
        ),
    ],
)
def test_what_is_unusual_is_said(tmp_path: Path, changes: dict[str, Any], note: str) -> None:
    assert note in " ".join(read_model_config(config(tmp_path, **changes)).notes)


def test_text_config_counts_and_what_contradicts_it_is_said(tmp_path: Path) -> None:
    text = {
        key: value for key, value in QWEN2.items() if key not in ("architectures", "model_type")
    }
    config(
        tmp_path,
        architectures=["Qwen2_5_VLForConditionalGeneration"],
        model_type="qwen2_5_vl",
        text_config={**text, "model_type": "qwen2_5_vl_text", "hidden_size": 32},
        vision_config={},
        odd=1,
    )
    found = read_model_config(tmp_path)
    assert found.shape.hidden == 32
    assert "hidden_size is 32 as text_config says, not 64" in found.notes
    assert "odd 1 beside text_config was ignored" in found.notes


@pytest.mark.parametrize(
    ("field", "value"),
    [("window_size", 64), ("spatial_merge_size", 4), ("hidden_act", "gelu"), ("in_channels", 1)],
)
def test_a_vision_tower_that_llama_cpp_does_not_compute_is_refused(
    tmp_path: Path, field: str, value: Any
) -> None:
    kind = {"architectures": ["Qwen2_5_VLForConditionalGeneration"], "model_type": "qwen2_5_vl"}
    config(tmp_path, **kind, vision_config={"depth": 2})
    check_vision(read_model_config(tmp_path))
    config(tmp_path, **kind, vision_config={"depth": 2, field: value})
    with pytest.raises(FormatError, match=f"vision_config: {field}"):
        check_vision(read_model_config(tmp_path))


def test_a_vision_language_config_of_449_has_the_defaults_of_its_class(tmp_path: Path) -> None:
    if not SAVED_BY_449.is_file():
        pytest.skip("needs ../shared/cases beside the checkout")
    (tmp_path / "config.json").write_bytes(SAVED_BY_449.read_bytes())
    found = read_model_config(tmp_path)
    assert found.notes == ()
    assert found.vision is not None
    assert (found.vision["patch_size"], found.vision["depth"]) == (14, 2)
    assert found.shape.rope.sections == (2, 3, 3)


def defaults_of_transformers(model_type: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of a class and their defaults: the language model's and the vision tower's."""
    transformers = pytest.importorskip("transformers", reason="needs transformers to compare with")
    try:
        found = transformers.AutoConfig.for_model(model_type)
    except ValueError:
        pytest.skip(f"transformers {transformers.__version__} has no {model_type}")
    vision = getattr(found, "vision_config", None)
    text = found.get_text_config() if vision is not None else found
    return text.to_dict(), {} if vision is None else vision.to_dict()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CONFIG_CLASSES)
def test_the_defaults_are_those_of_transformers(name: str) -> None:
    text, vision = defaults_of_transformers(ARCHITECTURES[name].model_types[0])
    known = CONFIG_CLASSES[name]
    theirs = dict(text)
    rope = theirs.get("rope_parameters") or {}
    theirs.setdefault("rope_theta", rope.get("rope_theta"))
    computed_there = {
        "rope_scaling",
        "rope_parameters",
        "layer_types",
        "sliding_window",
        "head_dim",
    }
    for field, value in known.defaults.items():
        if field in theirs and field not in computed_there and theirs[field] is not None:
            assert theirs[field] == (value if value is not None else theirs[field]), field
    for field, value in known.vision.items():
        theirs_too = vision[field]
        assert list(theirs_too) == value if isinstance(value, list) else theirs_too == value, field


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CONFIG_CLASSES)
def test_every_field_of_transformers_is_known(name: str) -> None:
    text, vision = defaults_of_transformers(ARCHITECTURES[name].model_types[0])
    known = CONFIG_CLASSES[name]
    read = {*known.defaults, *known.computed, *COMPUTED, *NO_CONSEQUENCE}
    assert {f for f, v in text.items() if f not in read and v not in UNUSED_VALUES} == set()
    if ARCHITECTURES[name].vision is None:
        return  # its tower is not exported, whatever its fields say
    read = {*known.vision, *known.vision_computed, *NO_CONSEQUENCE}
    assert {f for f, v in vision.items() if f not in read and v not in UNUSED_VALUES} <= {
        "rope_parameters"  # of the axes of an image, always the same
    }


SMALL = {
    "vocab_size": 300, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512,
}  # fmt: skip
TOWER = {
    "depth": 2, "hidden_size": 64, "intermediate_size": 128, "num_heads": 4, "out_hidden_size": 64,
    "fullatt_block_indexes": [1],
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("kind", ["mrope", "yarn"])
def test_what_transformers_saves_is_read(tmp_path: Path, tied: bool, kind: str) -> None:
    """A Qwen2.5-VL of another size, saved by the version at hand.

    Each version writes its config otherwise.
    """
    transformers = pytest.importorskip("transformers", reason="needs transformers to compare with")
    old = tuple(int(n) for n in transformers.__version__.split(".")[:2]) < (4, 52)
    rope: dict[str, Any] = {"type": kind, "mrope_section": [2, 3, 3]}
    if kind == "yarn":
        if transformers.__version__.startswith("4.49"):
            pytest.skip("4.49 leaves original_max_position_embeddings out of account")
        rope |= {"factor": 4.0, "original_max_position_embeddings": 128}
    ids = {"image_token_id": 290, "video_token_id": 291, "vision_start_token_id": 292}
    text = {**SMALL, "rope_scaling": rope, "tie_word_embeddings": tied}
    given = text if old else {"text_config": text, "tie_word_embeddings": tied}
    torch.manual_seed(0)
    made = transformers.Qwen2_5_VLForConditionalGeneration(
        transformers.Qwen2_5_VLConfig(**given, **ids, vision_end_token_id=293, vision_config=TOWER)
    ).eval()
    made.save_pretrained(tmp_path)
    source = Checkpoint(tmp_path)
    source.check()
    assert source.shape.tied == tied
    prompt = np.random.default_rng(0).integers(300, size=60).tolist()
    with torch.no_grad():
        wanted = made(torch.tensor([prompt])).logits[0].numpy()
    np.testing.assert_allclose(ReferenceModel(source).logits([prompt])[0], wanted, atol=1e-5)


def test_a_class_given_as_text_is_a_class(tmp_path: Path) -> None:
    read = read_model_config(config(tmp_path, architectures="Qwen2ForCausalLM"))
    assert read.architecture.name == "qwen2"


def test_gemma_3_bends_no_scores(tmp_path: Path) -> None:
    """transformers' class has the field and computes nothing with it."""
    fields = {"architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", "head_dim": 16}
    read = read_model_config(config(tmp_path, **fields, attn_logit_softcapping=5.0))
    assert read.shape.attention_softcap == 0
    assert "attn_logit_softcapping 5.0 is not applied, as in transformers" in read.notes
