"""Positions and windows as config.json asks.

The logits of transformers' own classes, in the reference and in every format.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from llama_package import needs_llama

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")

from kinetoken.base.errors import FormatError
from kinetoken.engines.onnx.model import OnnxLanguageModel
from kinetoken.manifest.schema import LanguageModelInfo
from kinetoken_export.checkpoint.motion_tokens import read_vocabulary
from kinetoken_export.checkpoint.reference_model import ReferenceLanguageModel, ReferenceModel
from kinetoken_export.checkpoint.tensors import Checkpoint
from kinetoken_export.onnx.language_model import export_language_model
from kinetoken_export.onnx.recipes import ONNX_RECIPES
from tiny_checkpoint import build_checkpoint, change_config

TOKENS = 100
PROMPT = 40
CONTEXT = 256
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128}
SLIDING = {"use_sliding_window": True, "sliding_window": 16}
# What changes in config.json, and whether llama.cpp computes it.
CASES: dict[str, tuple[dict[str, Any], bool]] = {
    "plain": ({}, True),
    "linear": ({"rope_scaling": {"type": "linear", "factor": 4.0}}, True),
    "dynamic": ({"rope_scaling": {"rope_type": "dynamic", "factor": 4.0}}, True),
    "yarn": ({"rope_scaling": {**YARN, "type": "yarn"}}, True),
    "yarn of the whole context": ({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, True),
    "yarn with an attention factor": ({"rope_scaling": {**YARN, "attention_factor": 1.5}}, True),
    "yarn with borders of its own": (
        {"rope_scaling": {**YARN, "beta_fast": 8, "beta_slow": 2}},
        False,
    ),
    "yarn with two scales": (
        {"rope_scaling": {**YARN, "mscale": 0.7, "mscale_all_dim": 1.2}},
        True,
    ),
    "yarn between pairs": ({"rope_scaling": {**YARN, "truncate": False}}, False),
    "llama3": (
        {
            "rope_scaling": {
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            }
        },
        False,
    ),
    "longrope": (
        {
            "rope_scaling": {
                "rope_type": "longrope",
                "factor": 4.0,
                "short_factor": [1 + i / 16 for i in range(32)],
                "long_factor": [2 + i / 16 for i in range(32)],
                "original_max_position_embeddings": 512,
            }
        },
        False,
    ),
    "sliding window": ({**SLIDING, "max_window_layers": 0}, False),
    "sliding window in the upper layer": ({**SLIDING, "max_window_layers": 1}, False),
    "layer types": ({**SLIDING, "layer_types": ["sliding_attention", "full_attention"]}, False),
    "wide window": ({**SLIDING, "sliding_window": CONTEXT, "max_window_layers": 0}, True),
    "window off": (
        {"use_sliding_window": False, "sliding_window": 16, "max_window_layers": 0},
        True,
    ),
}
_WINDOW_OF_ALL = "4.51 has one window for all layers, whether it is asked for or not"
_ORIGINAL = "4.49 leaves original_max_position_embeddings out of account"
OTHERWISE: dict[str, tuple[tuple[int, int], str]] = {
    "yarn": ((4, 51), _ORIGINAL),
    "yarn with an attention factor": ((4, 51), _ORIGINAL),
    "yarn with borders of its own": ((4, 51), _ORIGINAL),
    "yarn with two scales": ((4, 51), _ORIGINAL),
    "yarn between pairs": ((4, 57), "4.51 knows no truncate"),
    "sliding window in the upper layer": ((4, 57), _WINDOW_OF_ALL),
    "layer types": ((4, 57), _WINDOW_OF_ALL),
    "window off": ((4, 57), _WINDOW_OF_ALL),
}
"""Cases that earlier versions of transformers read otherwise: the first that was seen to agree."""
MADE = [(case, "qwen2") for case in CASES]
MADE += [(case, "qwen2_5_vl") for case in ("plain", "yarn", "sliding window")]
Logits = NDArray[np.float32]


@pytest.fixture(params=MADE, ids="-".join)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """A checkpoint, and the name of its case."""
    case, kind = request.param
    changes, _ = CASES[case]
    folder = build_checkpoint(tmp_path / "lm", kind, dtype="float32")
    if kind == "qwen2_5_vl" and "rope_scaling" in changes:
        changes = {"rope_scaling": {**changes["rope_scaling"], "mrope_section": [8, 12, 12]}}
    change_config(folder, **changes)
    return folder, case


def prompt(source: Checkpoint) -> list[int]:
    return np.random.default_rng(0).integers(source.shape.vocab_size, size=TOKENS).tolist()


def logits_of_transformers(folder: Path, ids: list[int], case: str) -> Logits:
    transformers = pytest.importorskip("transformers", reason="needs transformers to compare with")
    first, why = OTHERWISE.get(case, ((0, 0), ""))
    if tuple(int(n) for n in transformers.__version__.split(".")[:2]) < first:
        pytest.skip(f"transformers {transformers.__version__}: {why}")
    (kind,) = Checkpoint(folder).architecture.classes
    model = getattr(transformers, kind).from_pretrained(folder, torch_dtype=torch.float32).eval()
    with torch.no_grad():
        logits: Logits = model(torch.tensor([ids])).logits[0].numpy()
    return logits


@pytest.mark.filterwarnings("ignore")
def test_the_reference_computes_what_transformers_computes(made: tuple[Path, str]) -> None:
    folder, case = made
    source = Checkpoint(folder)
    ids = prompt(source)
    wanted = logits_of_transformers(folder, ids, case)
    np.testing.assert_allclose(ReferenceModel(source).logits([ids])[0], wanted, atol=5e-5)


def test_every_format_computes_what_the_reference_computes(
    made: tuple[Path, str], tmp_path: Path
) -> None:
    folder, case = made
    source = Checkpoint(folder)
    ids = prompt(source)
    wanted = ReferenceModel(source).logits([ids])[0][PROMPT - 1 :]
    np.testing.assert_allclose(
        _by_token(ReferenceLanguageModel(source), source, ids), wanted, atol=5e-5
    )
    np.testing.assert_allclose(_by_token(_onnx(folder, tmp_path), source, ids), wanted, atol=1e-4)
    needs_llama()
    if not CASES[case][1]:
        with pytest.raises(FormatError, match=r"give --(format onnx|context 16)"):
            _gguf(folder, tmp_path)
        return
    tolerance = 1e-4 if source.architecture.name == "qwen2" else 5e-3  # see tiny_gguf.Made
    np.testing.assert_allclose(
        _by_token(_gguf(folder, tmp_path), source, ids), wanted, atol=tolerance
    )


def _by_token(model: Any, source: Checkpoint, ids: list[int]) -> Logits:
    """Logits after the prompt and after each of the tokens that follow it one by one."""
    run, everything = model.start(), (range(source.shape.vocab_size),)
    pieces = [ids[:PROMPT], *([token] for token in ids[PROMPT:])]
    return np.array([run.push(piece, everything).copy() for piece in pieces])


def _onnx(folder: Path, out: Path) -> OnnxLanguageModel:
    motion = read_vocabulary(folder).motion
    info = export_language_model(
        Checkpoint(folder), ONNX_RECIPES["fp32"], out, motion, context=CONTEXT
    )
    return OnnxLanguageModel(out / info.file, info, 1)


def _gguf(folder: Path, out: Path) -> Any:
    from kinetoken.engines.llamacpp.model import LlamaCppLanguageModel
    from kinetoken_export.gguf.language_model import export_gguf
    from kinetoken_export.gguf.recipes import find_gguf_recipe

    source, path = Checkpoint(folder), out / "lm.gguf"
    export_gguf(
        source, folder / "tokenizer.json", read_vocabulary(folder), find_gguf_recipe("f32"), path,
        name="tiny", chat_template=None, context=CONTEXT,
    )  # fmt: skip
    s = source.shape
    info = LanguageModelInfo(
        "llamacpp", path.name, source.architecture.name, s.layers, s.kv_heads, s.head_dim,
        s.vocab_size, CONTEXT, "f32",
    )  # fmt: skip
    return LlamaCppLanguageModel(path, info, 1)
