"""Checkpoints as people really have them.

Each becomes a right bundle or a line, and never a wrong one in silence.

The wrong readings of old are forced here too: `kinetoken verify` has to find each of them by
transformers' own classes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llama_package import needs_llama

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
safetensors = pytest.importorskip("safetensors.torch")

from codec_states import residual_state, write_statistics
from kinetoken.cli.main import main
from kinetoken.manifest.manifest_file import read_manifest
from kinetoken.manifest.schema import Defaults
from kinetoken_export.checkpoint import tensors
from kinetoken_export.checkpoint.config import model_config
from kinetoken_export.checkpoint.config.generation_config import SamplingAsked
from kinetoken_export.checkpoint.config.rope import Rope, RopeFound
from kinetoken_export.checkpoint.weights import files, quantized
from tiny_checkpoint import build_checkpoint, change_config

LEVELS, CODES = 4, 16
EMBEDDING, DOWN = "model.embed_tokens.weight", "model.layers.1.mlp.down_proj.weight"
SHARD = "model-00001-of-00001.safetensors"
GGUF, ONNX = ("--format", "gguf", "--quant", "f32"), ("--quant", "fp32")
TURN = "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] }}"
EOS_TEMPLATE = (
    "{% for message in messages %}" + TURN + "{{ eos_token }}{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    build_checkpoint(folder / "whole", levels=LEVELS, codes=CODES, dtype="float32")
    write_statistics(folder / "codec")
    torch.save({"vq_model": residual_state(LEVELS, CODES)}, folder / "codec" / "net.tar")
    return folder


def read(folder: Path) -> dict[str, Any]:
    return dict(safetensors.load_file(folder / "model.safetensors"))


def write(folder: Path, tensors: dict[str, Any], file: str = "model.safetensors") -> None:
    kept = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}
    safetensors.save_file(kept, folder / file, {"format": "pt"})


def tied_but_other_head(folder: Path) -> None:
    held = read(folder)
    write(folder, {**held, "lm_head.weight": held[EMBEDDING] * 2})


def fp8_with_scales(folder: Path) -> None:
    held = read(folder)
    for name, weight in list(held.items()):
        if "proj" in name and weight.ndim == 2:
            scale = weight.abs().amax(1, keepdim=True) / 448
            held[name] = (weight / scale).to(torch.float8_e4m3fn)
            held[name + "_scale"] = scale
    write(folder, held)
    method = {"quant_method": "compressed-tensors", "format": "float-quantized"}
    change_config(folder, quantization_config=method)


def nan_weight(folder: Path) -> None:
    held = read(folder)
    held[DOWN][0, 0] = float("nan")
    write(folder, held)


def old_shards_beside(folder: Path) -> None:
    held = read(folder)
    write(folder, {name: tensor * 0 for name, tensor in held.items()}, SHARD)
    index = {"metadata": {}, "weight_map": dict.fromkeys(held, SHARD)}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def yarn(folder: Path) -> None:
    change_config(
        folder,
        rope_scaling={
            "rope_type": "yarn",
            "factor": 4.0,
            "original_max_position_embeddings": 512,
        },
    )


def sliding_window(folder: Path) -> None:
    change_config(folder, use_sliding_window=True, sliding_window=16, max_window_layers=0)


def own_sampling(folder: Path) -> None:
    change_config(
        folder, "generation_config.json", do_sample=True, temperature=0.1, top_k=1, top_p=0.9
    )


def template_eos_token(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text(EOS_TEMPLATE)


CASES = (
    tied_but_other_head,
    fp8_with_scales,
    nan_weight,
    old_shards_beside,
    yarn,
    sliding_window,
    own_sampling,
    template_eos_token,
)


def case(sources: Path, tmp_path: Path, make: Callable[[Path], None]) -> Path:
    folder = Path(shutil.copytree(sources / "whole", tmp_path / make.__name__))
    make(folder)
    return folder


def export(sources: Path, folder: Path, *options: str) -> tuple[int, Path]:
    out = folder.parent / "bundle"
    given = ["export", str(folder), "--codec", str(sources / "codec"), "-o", str(out), "--force"]
    return main([*given, "--context", "256", *options]), out


def verify(folder: Path, bundle: Path, *options: str) -> int:
    given = ["verify", str(bundle), "--against", str(folder), "--limit", "2", "--seconds", "1"]
    return main([*given, "-o", str(bundle.parent), *options])


@pytest.mark.parametrize("options", [ONNX, GGUF], ids=["onnx", "gguf"])
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (tied_but_other_head, "differs from the embedding: used, as transformers 5 does"),
        (fp8_with_scales, "quantized with compressed-tensors (float-quantized): read as numbers"),
        (old_shards_beside, "remove what is old"),
        (yarn, ""),
        (own_sampling, "generation_config.json: temperature 0.1, top_k 1, top_p 0.9"),
        (template_eos_token, ""),
    ],
)
def test_what_can_be_read_becomes_a_right_bundle(
    sources: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    make: Callable[[Path], None],
    said: str,
) -> None:
    if options == GGUF:
        pytest.importorskip("gguf")
        needs_llama()
    folder = case(sources, tmp_path, make)
    code, bundle = export(sources, folder, *options)
    told = capsys.readouterr().err
    assert code == 0, told
    assert said in told
    assert verify(folder, bundle) == 0
    if make is own_sampling:
        wanted = Defaults(temperature=0.1, top_k=1, top_p=0.9)
        assert read_manifest(bundle).defaults == wanted


@pytest.mark.parametrize(
    ("make", "options", "line"),
    [
        (nan_weight, ONNX, f"{DOWN}: expected finite numbers"),
        (nan_weight, ("--quant", "int4"), f"{DOWN}: expected finite numbers"),
        (nan_weight, GGUF, f"{DOWN}: expected finite numbers"),
        (sliding_window, GGUF, "give --context 16"),
    ],
)
def test_what_cannot_is_refused_in_a_line(
    sources: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    make: Callable[[Path], None],
    options: tuple[str, ...],
    line: str,
) -> None:
    if options == GGUF:
        pytest.importorskip("gguf")
        needs_llama()
    code, bundle = export(sources, case(sources, tmp_path, make), *options)
    told = capsys.readouterr().err.strip().splitlines()
    assert code != 0
    assert line in told[-1]
    assert not bundle.exists()


def test_a_window_is_computed_in_onnx(sources: Path, tmp_path: Path) -> None:
    folder = case(sources, tmp_path, sliding_window)
    code, bundle = export(sources, folder, *ONNX)
    assert code == 0
    assert verify(folder, bundle) == 0


def test_half_precision_refuses_what_it_cannot_hold(
    sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = case(sources, tmp_path, lambda folder: None)
    held = read(folder)
    held[DOWN][0, 0] = 1e6
    write(folder, held)
    code, bundle = export(sources, folder, "--quant", "fp16")
    assert code != 0
    assert f"{DOWN}: expected numbers that float16 can hold" in capsys.readouterr().err
    assert not bundle.exists()


# The wrong readings of old, forced.


def ignore_the_head(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tensors.Checkpoint, "_head_differs", lambda checkpoint: False)


def ignore_the_scales(patch: pytest.MonkeyPatch) -> None:
    def plain(folder: Path, entries: Any, found: Any) -> Any:
        return {name: quantized.PlainTensor(entry) for name, entry in entries.items()}

    patch.setattr(tensors, "stored_tensors", plain)
    patch.setattr(tensors, "check_numbers", lambda tensor: None)
    patch.setattr(tensors, "unused_tensors", lambda *given: iter(()))
    patch.setattr("kinetoken_export.checkpoint.weights.stored_tensor.check_numbers", lambda t: None)


def ignore_nan(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tensors.Checkpoint, "_finite", lambda checkpoint, name, values: values)


def take_the_index(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(files, "WHOLE_FILE", "none.safetensors")


def ignore_positions(patch: pytest.MonkeyPatch) -> None:
    def plain(given: Any, text: Any, width: int) -> RopeFound:
        return RopeFound(Rope(float(text["rope_theta"])), int(text["max_position_embeddings"]))

    patch.setattr(model_config, "read_rope", plain)


def ignore_windows(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(model_config, "_windows", lambda text: ())


def ignore_sampling(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("kinetoken_export.bundle.inputs.read_sampling", lambda folder: SamplingAsked())


def ignore_tokens_of_templates(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("kinetoken_export.bundle.chat.read_token_names", lambda folder: {})


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("make", "force"),
    [
        (tied_but_other_head, ignore_the_head),
        (nan_weight, ignore_nan),
        (old_shards_beside, take_the_index),
        (yarn, ignore_positions),
        (sliding_window, ignore_windows),
        (own_sampling, ignore_sampling),
        (template_eos_token, ignore_tokens_of_templates),
    ],
)
def test_a_forced_wrong_reading_fails_verify(
    sources: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    make: Callable[[Path], None],
    force: Callable[[pytest.MonkeyPatch], None],
) -> None:
    pytest.importorskip("transformers", reason="needs transformers to compare with")
    if make is tied_but_other_head:
        import transformers

        if int(transformers.__version__.split(".")[0]) < 5:
            pytest.skip("earlier versions tie it themselves")
    with pytest.MonkeyPatch.context() as patch:
        force(patch)
        folder = case(sources, tmp_path, make)
        code, bundle = export(sources, folder, *ONNX)
        assert code == 0
        capsys.readouterr()
        assert verify(folder, bundle) != 0
        told = capsys.readouterr()
    assert "NOT AS THE SOURCE" in told.out or "finite logits" in told.err


def test_ignored_scales_fail_verify(
    sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = case(sources, tmp_path, fp8_with_scales)
    with pytest.MonkeyPatch.context() as patch:
        ignore_the_scales(patch)
        code, bundle = export(sources, folder, *ONNX)
        assert code == 0
    assert verify(folder, bundle, "--reference", "own") == 1
    assert "NOT AS THE SOURCE: motion" in capsys.readouterr().out


def test_the_reference_is_said(
    sources: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = case(sources, tmp_path, yarn)
    _, bundle = export(sources, folder, *ONNX)
    assert verify(folder, bundle, "--reference", "own") == 0
    assert "reference: own" in capsys.readouterr().out
    monkeypatch.setattr("kinetoken_export.verify.reference.find_spec", lambda name: None)
    assert verify(folder, bundle) == 0
    assert "own reading (transformers is not installed)" in capsys.readouterr().out
    assert verify(folder, bundle, "--reference", "transformers") != 0
    assert "pip install transformers" in capsys.readouterr().err
