"""Every architecture against transformers' own classes: greedy tokens and logits, whatever computes them.

A tie is two logits nearer than what the engines differ by.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from llama_package import needs_llama

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
transformers = pytest.importorskip("transformers", reason="needs transformers beside the project")

from kinetoken.base.errors import FormatError
from kinetoken.engines.protocols import LanguageModel
from kinetoken.manifest.architectures import ARCHITECTURES
from kinetoken.manifest.schema import LanguageModelInfo
from kinetoken_export.checkpoint.motion_tokens import read_vocabulary
from kinetoken_export.checkpoint.reference_model import ReferenceLanguageModel, ReferenceModel
from kinetoken_export.checkpoint.tensors import Checkpoint
from tiny_checkpoint import write_tokenizer
from tiny_families import FAMILIES, build_family

if TYPE_CHECKING:
    from kinetoken.engines.onnx.model import OnnxLanguageModel

PROMPT, ANSWER, CONTEXT = 40, 48, 128


@dataclass(frozen=True)
class Sample:
    """A miniature, and what transformers makes of a prompt."""

    folder: Path
    ids: list[int]
    """Prompt and greedy answer."""
    logits: NDArray[np.float32]
    """After each of them but the last."""

    @property
    def source(self) -> Checkpoint:
        checkpoint = Checkpoint(self.folder)
        checkpoint.check()
        return checkpoint


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """So small a model is done before a second thread has woken up."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def available(name: str) -> bool:
    return hasattr(transformers, f"{FAMILIES[name][0]}ForCausalLM")


@pytest.fixture(scope="module", params=FAMILIES)
def sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    if not available(request.param):
        pytest.skip(f"transformers {transformers.__version__} has no {request.param}")
    return make(tmp_path_factory.mktemp(request.param), request.param)


def make(folder: Path, name: str, **changes: Any) -> Sample:
    build_family(folder, name, **changes)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, torch_dtype=torch.float32, attn_implementation="eager"
    ).eval()
    rng = np.random.default_rng(0)
    ids = [int(i) for i in rng.integers(5, model.config.vocab_size - 3, PROMPT)]
    with torch.inference_mode():
        for _ in range(ANSWER):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
        return Sample(folder, ids, model(torch.tensor([ids[:-1]])).logits[0].numpy())


def compare(model: LanguageModel, sample: Sample, error: float) -> None:
    """Logits within `error`, the same greedy token at every step; a part of the answer a second time."""
    run, everything = model.start(), (range(sample.logits.shape[1]),)
    row = run.push(sample.ids[:PROMPT], everything)
    for at in range(PROMPT, PROMPT + ANSWER):
        wanted = sample.logits[at - 1]
        assert np.abs(row - wanted).max() < error
        first, second = np.sort(wanted)[[-1, -2]]
        assert int(row.argmax()) == sample.ids[at] or first - second < error
        row = run.push([sample.ids[at]], everything)
    again = PROMPT + ANSWER // 2
    state = run.state()
    run.rewind(again)
    assert np.abs(run.push([sample.ids[again]], everything) - sample.logits[again]).max() < error
    other = model.start()
    other.restore(state)
    assert other.length == PROMPT + ANSWER


def test_reference(sample: Sample) -> None:
    logits = ReferenceModel(sample.source).logits([sample.ids[:-1]])[0]
    assert np.abs(logits - sample.logits).max() < 1e-4
    compare(ReferenceLanguageModel(sample.source), sample, 1e-4)


def test_fused_onnx(sample: Sample, tmp_path: Path) -> None:
    compare(onnx_model(sample, tmp_path), sample, 1e-4)


def test_exact(sample: Sample, tmp_path: Path) -> None:
    from kinetoken.engines.onnx.exact.model import ExactLanguageModel

    model = onnx_model(sample, tmp_path)
    compare(ExactLanguageModel(tmp_path / model.info.file, model.info), sample, 1e-3)


@pytest.mark.parametrize("quant", ["int8", "int4_mixed", "int4_fp16"])
@pytest.mark.parametrize("name", ["qwen2", "gemma3"])
def test_exact_of_quantized_weights(name: str, quant: str, tmp_path: Path) -> None:
    """Beside ONNX Runtime, whose activations are not quantized here; those of halves are coarser."""
    from kinetoken.engines.onnx.exact.model import ExactLanguageModel

    if name == "gemma3" and quant.endswith("fp16"):
        pytest.skip("its activations are too large for half precision")
    sample = make(tmp_path / "model", name)
    model = onnx_model(sample, tmp_path, quant)
    everything = (range(sample.logits.shape[1]),)
    wanted = np.array(model.start().push(sample.ids, everything))
    exact = ExactLanguageModel(tmp_path / model.info.file, model.info)
    error = 5e-2 if quant.endswith("fp16") else 1e-3
    assert np.abs(exact.start().push(sample.ids, everything) - wanted).max() < error


def test_gguf(sample: Sample, tmp_path: Path) -> None:
    # llama.cpp looks its GELU up in a table of half precision.
    error = 1e-2 if sample.source.architecture.activation == "gelu_tanh" else 1e-4
    compare(gguf_model(sample, tmp_path), sample, error)


def test_narrow_head(sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only some rows of the head: the same logits, bent or not."""
    monkeypatch.setenv("KINETOKEN_HEAD", "slice")
    narrow = gguf_model(sample, tmp_path).start()
    rows = range(300, 316)
    narrow.push(sample.ids[:PROMPT], (range(1),))
    for at in range(PROMPT, PROMPT + 4):
        got = narrow.push([sample.ids[at]], (rows,))
        assert np.abs(got - sample.logits[at][rows.start : rows.stop]).max() < 1e-2


def onnx_model(sample: Sample, folder: Path, quant: str = "fp32") -> OnnxLanguageModel:
    from kinetoken.engines.onnx.model import OnnxLanguageModel
    from kinetoken_export.onnx.language_model import export_language_model
    from kinetoken_export.onnx.recipes import find_onnx_recipe

    motion = read_vocabulary(sample.folder).motion
    recipe = replace(find_onnx_recipe(quant), accuracy_level=1)
    info = export_language_model(sample.source, recipe, folder, motion, context=CONTEXT)
    return OnnxLanguageModel(folder / info.file, info)


def gguf_model(sample: Sample, folder: Path) -> LanguageModel:
    needs_llama()
    from kinetoken.engines.llamacpp.model import LlamaCppLanguageModel
    from kinetoken_export.gguf.language_model import export_gguf
    from kinetoken_export.gguf.recipes import find_gguf_recipe

    source, path = sample.source, folder / "lm.gguf"
    export_gguf(
        source,
        sample.folder / "tokenizer.json",
        read_vocabulary(sample.folder),
        find_gguf_recipe("f32"),
        path,
        name="tiny",
        chat_template=None,
        context=CONTEXT,
    )
    shape = source.shape
    info = LanguageModelInfo(
        "llamacpp", path.name, source.architecture.name, shape.layers, shape.kv_heads, shape.head_dim,
        shape.vocab_size, CONTEXT, "f32",
    )  # fmt: skip
    return LlamaCppLanguageModel(path, info)


@pytest.mark.parametrize("name", ["llama3", "llama3_2"])
def test_the_divisors_of_llama3_are_those_of_transformers(name: str, tmp_path: Path) -> None:
    """Far positions, which the samples do not reach, are turned by them too."""
    gguf = pytest.importorskip("gguf", reason="needs gguf, in kinetoken[export]")
    sample = make(tmp_path / "model", name)
    gguf_model(sample, tmp_path)
    held = {t.name: t for t in gguf.GGUFReader(tmp_path / "lm.gguf").tensors}
    config = transformers.AutoConfig.from_pretrained(sample.folder)
    speeds, _ = transformers.modeling_rope_utils.ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")
    width = sample.source.shape.head_dim
    plain = 500000.0 ** -(np.arange(0, width, 2) / width)
    np.testing.assert_allclose(plain / held["rope_freqs.weight"].data, speeds.numpy(), rtol=1e-5)


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "llama attention_bias": ("llama", {"attention_bias": True}, "attention_bias"),
    "llama mlp_bias": ("llama", {"mlp_bias": True}, "mlp_bias"),
    "qwen3 attention_bias": ("qwen3", {"attention_bias": True}, "attention_bias"),
    "llama activation": ("llama", {"hidden_act": "gelu"}, "hidden_act"),
    "gemma2 activation": ("gemma2", {"hidden_activation": "gelu"}, "hidden_activation"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_computed_is_refused_by_name(case: str, tmp_path: Path) -> None:
    name, changes, named = REFUSED[case]
    if not available(name):
        pytest.skip(f"transformers {transformers.__version__} has no {name}")
    build_family(tmp_path, name, **changes)
    with pytest.raises(Exception, match=named):
        Checkpoint(tmp_path)


GGUF_REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "window of Mistral": ("mistral", {"sliding_window": 16}, "sliding window"),
    "window of Phi-3": ("phi3", {"sliding_window": 16}, "sliding window"),
    "query_pre_attn_scalar": ("gemma2", {"query_pre_attn_scalar": 64}, "query_pre_attn_scalar"),
    "head of Gemma 2": ("gemma2", {"tie_word_embeddings": False}, "a head of its own"),
    "heads of Qwen2": ("qwen2", {"head_dim": 32}, "4 heads of 32 with a width of 256"),
}


@pytest.mark.parametrize("case", GGUF_REFUSED)
def test_what_llama_cpp_does_not_compute(case: str, tmp_path: Path) -> None:
    """Refused as GGUF, and right as ONNX."""
    name, changes, named = GGUF_REFUSED[case]
    sample = make(tmp_path / "model", name, **changes)
    with pytest.raises(Exception, match=named):
        gguf_model(sample, tmp_path)
    compare(onnx_model(sample, tmp_path), sample, 1e-4)


def test_what_onnx_runtime_does_not_compute(tmp_path: Path) -> None:
    """Refused as ONNX, and right as GGUF."""
    sample = make(tmp_path / "model", "llama", head_dim=40)
    with pytest.raises(FormatError, match=r"heads of 40 .* give --format gguf"):
        onnx_model(sample, tmp_path)
    compare(gguf_model(sample, tmp_path), sample, 1e-4)


TEXT: dict[str, Any] = {
    "vocab_size": 400, "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 512, "head_dim": 64,
}  # fmt: skip
VISION_LANGUAGE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "Qwen2VL": (
        {"rope_scaling": {"type": "mrope", "mrope_section": [8, 12, 12]}},
        {"depth": 1, "embed_dim": 64, "hidden_size": 256, "num_heads": 2},
    ),
    "Gemma3": (
        {
            "head_dim": 32,
            "query_pre_attn_scalar": 32,
            "sliding_window": 24,
            "num_hidden_layers": 6,
        },
        {
            "hidden_size": 32,
            "intermediate_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 28,
            "patch_size": 14,
        },
    ),
    "Qwen3VL": (
        {
            "rope_scaling": {
                "rope_type": "default",
                "mrope_section": [12, 10, 10],
                "mrope_interleaved": True,
            }
        },
        {
            "depth": 1,
            "hidden_size": 64,
            "out_hidden_size": 256,
            "num_heads": 2,
            "intermediate_size": 64,
            "deepstack_visual_indexes": [0],
        },
    ),
}
"""Beginning of the classes' names; fields of the text, and of the tower, which is left out."""


@pytest.mark.parametrize("kind", VISION_LANGUAGE)
def test_the_text_of_a_vision_language_model(kind: str, tmp_path: Path) -> None:
    if not hasattr(transformers, f"{kind}ForConditionalGeneration"):
        pytest.skip(f"transformers {transformers.__version__} has no {kind}")
    text, vision = VISION_LANGUAGE[kind]
    folder = tmp_path / "model"
    folder.mkdir()
    rows = len(write_tokenizer(folder, 200, 4, 16, True))
    fields = {**TEXT, **text, "vocab_size": rows + 3}
    nested = (
        kind != "Qwen2VL"
        or "text_config" in inspect.signature(transformers.Qwen2VLConfig.__init__).parameters
    )
    config = getattr(transformers, f"{kind}Config")(
        vision_config=vision, **({"text_config": fields} if nested else fields)
    )
    torch.manual_seed(0)
    if kind == "Gemma3":
        config.tie_word_embeddings = True
    else:
        config.image_token_id = config.video_token_id = config.vision_start_token_id = rows
    model = getattr(transformers, f"{kind}ForConditionalGeneration")(config).float().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, 0.0, parameter.shape[-1] ** -0.5)
    model.save_pretrained(folder)
    ids = [int(i) for i in np.random.default_rng(0).integers(5, rows, PROMPT)]
    with torch.inference_mode():
        for _ in range(ANSWER):
            ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
        logits = model(input_ids=torch.tensor([ids[:-1]])).logits[0].numpy()
    sample = Sample(folder, ids, logits)
    compare(ReferenceLanguageModel(sample.source), sample, 1e-4)
    compare(onnx_model(sample, tmp_path), sample, 1e-4)
    compare(gguf_model(sample, tmp_path), sample, 1e-2 if kind == "Gemma3" else 1e-4)


def test_every_architecture_has_a_miniature() -> None:
    text_alone = {
        name for name, entry in ARCHITECTURES.items() if entry.classes[0].endswith("ForCausalLM")
    }
    named = {FAMILIES[name][0].lower() for name in FAMILIES}
    assert named == text_alone
