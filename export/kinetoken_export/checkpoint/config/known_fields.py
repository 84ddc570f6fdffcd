"""The fields of config.json that are known: what a missing one means, which values are computed, which change no number.

Whatever a field asks for is computed, or the export refuses it by name; a field that nothing here
knows is named in a warning. The defaults are those of transformers' classes (a test compares them).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True)
class ConfigClass:
    """A class of configs in transformers."""

    defaults: Mapping[str, Any]
    """Fields that the language model is shaped by, and what each means where it is missing.

    A rope_theta of None has to be told: versions of transformers have different ones.
    """
    computed: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """Further fields that change numbers, and their values that are computed, the default first."""
    not_applied: frozenset[str] = frozenset()
    """Fields that the class has and computes nothing with."""
    vision: Mapping[str, Any] = field(default_factory=dict)
    """Defaults of vision_config."""
    vision_computed: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)


_SILU: Final = {"hidden_act": ("silu", "swish")}
_QWEN2_DEFAULTS: Final[Mapping[str, Any]] = {
    "vocab_size": 151936, "hidden_size": 4096, "intermediate_size": 22016, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 32, "head_dim": None, "max_position_embeddings": 32768,
    "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "rope_scaling": None, "rope_parameters": None,
    "tie_word_embeddings": False, "use_sliding_window": False, "sliding_window": 4096, "max_window_layers": 28,
    "layer_types": None,
}  # fmt: skip
_QWEN3_DEFAULTS: Final[Mapping[str, Any]] = {**_QWEN2_DEFAULTS, "head_dim": 128}
_LLAMA_DEFAULTS: Final[Mapping[str, Any]] = {
    "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": None, "head_dim": None, "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "rope_scaling": None, "rope_parameters": None,
    "tie_word_embeddings": False, "sliding_window": None, "layer_types": None,
}  # fmt: skip
_MISTRAL_DEFAULTS: Final[Mapping[str, Any]] = {
    **_LLAMA_DEFAULTS,
    "intermediate_size": 14336,
    "num_key_value_heads": 8,
    "max_position_embeddings": 131072,
    "sliding_window": 4096,
}
_PHI3_DEFAULTS: Final[Mapping[str, Any]] = {
    **_LLAMA_DEFAULTS,
    "vocab_size": 32064, "hidden_size": 3072, "intermediate_size": 8192, "max_position_embeddings": 4096,
    "original_max_position_embeddings": 4096, "rms_norm_eps": 1e-5,
}  # fmt: skip
_SCORES_BENT: Final = "attn_logit_softcapping"
_GEMMA2_DEFAULTS: Final[Mapping[str, Any]] = {
    **_LLAMA_DEFAULTS,
    "vocab_size": 256000, "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26,
    "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "max_position_embeddings": 8192,
    "tie_word_embeddings": True, "sliding_window": 4096, "sliding_window_pattern": 2,
    "_sliding_window_pattern": None, "hidden_act": None, "query_pre_attn_scalar": 256,
    _SCORES_BENT: 50.0, "final_logit_softcapping": 30.0,
}  # fmt: skip
_GEMMA3_DEFAULTS: Final[Mapping[str, Any]] = {
    **_GEMMA2_DEFAULTS,
    "vocab_size": 262208, "max_position_embeddings": 131072, "rope_theta": 1000000.0,
    "rope_local_base_freq": 10000.0, "sliding_window_pattern": 6, "final_logit_softcapping": None,
}  # fmt: skip
_NO_BIASES: Final = {"attention_bias": (False, None), "mlp_bias": (False, None)}
_GELU: Final = {
    "hidden_activation": ("gelu_pytorch_tanh", None),
    "attention_bias": (False, None),
}
"""Gemma reads hidden_activation; hidden_act, which older files have beside it, changes nothing."""
_GEMMA3: Final = ConfigClass(
    {field: value for field, value in _GEMMA3_DEFAULTS.items() if field != _SCORES_BENT},
    {**_GELU, "use_bidirectional_attention": (False, None)},
    not_applied=frozenset({_SCORES_BENT}),
)
_QWEN2_5_VL_DEFAULTS: Final[Mapping[str, Any]] = {
    **_QWEN2_DEFAULTS,
    "vocab_size": 152064, "hidden_size": 8192, "intermediate_size": 29568, "num_hidden_layers": 80,
    "num_attention_heads": 64, "num_key_value_heads": 8, "rms_norm_eps": 1e-5, "rope_theta": 1000000.0,
    "max_window_layers": 80,
}  # fmt: skip
_QWEN2_5_VL_VISION: Final[Mapping[str, Any]] = {
    "depth": 32, "hidden_size": 3584, "intermediate_size": 3420, "num_heads": 16, "patch_size": 14,
    "out_hidden_size": 3584, "fullatt_block_indexes": [7, 15, 23, 31],
}  # fmt: skip

CONFIG_CLASSES: Final[Mapping[str, ConfigClass]] = {
    "qwen2": ConfigClass(_QWEN2_DEFAULTS, _SILU),
    "qwen2_vl": ConfigClass(_QWEN2_5_VL_DEFAULTS, _SILU),
    "qwen3_vl": ConfigClass(
        {**_QWEN3_DEFAULTS, "max_position_embeddings": 128000, "rope_theta": None},
        {**_SILU, "attention_bias": (False, None)},
    ),
    "qwen3": ConfigClass(_QWEN3_DEFAULTS, {**_SILU, "attention_bias": (False, None)}),
    "llama": ConfigClass(_LLAMA_DEFAULTS, {**_SILU, **_NO_BIASES}),
    "mistral": ConfigClass(_MISTRAL_DEFAULTS, _SILU),
    "phi3": ConfigClass(_PHI3_DEFAULTS, _SILU),
    "gemma2": ConfigClass(_GEMMA2_DEFAULTS, _GELU),
    "gemma3_images": _GEMMA3,
    "gemma3": _GEMMA3,
    "qwen2_5_vl": ConfigClass(
        _QWEN2_5_VL_DEFAULTS,
        _SILU,
        vision=_QWEN2_5_VL_VISION,
        vision_computed={
            **_SILU,
            "in_channels": (3,),
            "in_chans": (3,),
            "spatial_merge_size": (2,),
            "temporal_patch_size": (2,),
            "window_size": (112,),
        },
    ),
}
"""By the name of the architecture."""

COMPUTED: Final[Mapping[str, tuple[Any, ...]]] = {
    "partial_rotary_factor": (1.0, None),
    "is_causal": (True, None),
    "use_bidirectional_attention": (False, None),
    "is_encoder_decoder": (False, None),
    "add_cross_attention": (False, None),
    "pruned_heads": ({}, None),
}
"""Fields of every class that change numbers, and the values that are computed."""

NO_CONSEQUENCE: Final = frozenset({
    # about the file
    "_name_or_path", "_commit_hash", "_attn_implementation", "_attn_implementation_autoset", "_attn_implementation_internal",
    "_experts_implementation", "_output_attentions", "architectures", "attn_implementation", "auto_map", "custom_pipelines",
    "dtype", "finetuning_task", "license", "model_name", "model_type", "torch_dtype", "tokenizer_class", "transformers_version",
    "transformers_weights", "unsloth_fixed", "unsloth_version", "use_bfloat16", "adapters",
    # about training
    "attention_dropout", "embd_pdrop", "hidden_dropout", "initializer_range", "pretraining_tp", "resid_pdrop", "neftune_alpha",
    "use_flash_attn", "use_flash_attention_2", "gradient_checkpointing", "router_aux_loss_coef",
    # about what is returned, and how
    "bad_words_ids", "begin_suppress_tokens", "bos_token_id", "cache_implementation", "chunk_size_feed_forward",
    "cross_attention_hidden_size", "decoder_start_token_id", "diversity_penalty", "do_sample", "early_stopping",
    "encoder_no_repeat_ngram_size", "eos_token_id", "exponential_decay_length_penalty", "forced_bos_token_id",
    "forced_eos_token_id", "id2label", "is_decoder", "label2id", "length_penalty", "max_length", "min_length",
    "model_max_length", "no_repeat_ngram_size", "num_beam_groups", "num_beams", "num_labels", "num_return_sequences",
    "output_attentions", "output_hidden_states", "output_scores", "pad_token_id", "prefix", "problem_type",
    "remove_invalid_values", "repetition_penalty", "return_dict", "return_dict_in_generate", "sep_token_id", "suppress_tokens",
    "task_specific_params", "temperature", "tf_legacy_loss", "tie_encoder_decoder", "top_k", "top_p", "torchscript",
    "typical_p", "unk_token_id", "use_cache", "use_return_dict",
    # ids and parts of vision-language models, read elsewhere or written in the weights
    "image_token_id", "video_token_id", "vision_token_id", "vision_start_token_id", "vision_end_token_id",
    "text_config", "vision_config", "tokens_per_second", "image_size",
    "boi_token_index", "eoi_token_index", "image_token_index", "mm_tokens_per_image", "spatial_patch_size", "tie_word_embeddings",
    "quantization_config",
})  # fmt: skip
"""Fields that change no number of the language model, or that are read elsewhere."""

UNUSED_VALUES: Final[tuple[Any, ...]] = (None, False, "", [], {})
"""Values of an unknown field that ask for nothing."""
