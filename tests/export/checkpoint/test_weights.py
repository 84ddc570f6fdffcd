"""Weights as people have them: renamed, left over, quantized, broken.

Each is read right or refused in one line.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
safetensors = pytest.importorskip("safetensors.torch")

from kinetoken.base.errors import FormatError, InputError, KinetokenError
from kinetoken_export.checkpoint.motion_tokens import read_vocabulary
from kinetoken_export.checkpoint.tensors import Checkpoint, expected_tensors
from kinetoken_export.checkpoint.weights.files import WHOLE_FILE, find_weights
from tiny_checkpoint import build_checkpoint, change_config

EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"
UP = "model.layers.1.mlp.up_proj"
Tensors = dict[str, Any]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_checkpoint(tmp_path_factory.mktemp("whole"), dtype="float32")


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "lm"))


def read(folder: Path) -> Tensors:
    return dict(safetensors.load_file(folder / "model.safetensors"))


def write(folder: Path, tensors: Tensors, file: str = "model.safetensors") -> Path:
    kept = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}
    safetensors.save_file(kept, folder / file, {"format": "pt"})
    return folder


def opened(folder: Path) -> Checkpoint:
    checkpoint = Checkpoint(folder)
    checkpoint.check()
    return checkpoint


def same(folder: Path, whole: Path) -> None:
    """Every tensor is the whole checkpoint's."""
    got, wanted = opened(folder), Checkpoint(whole)
    for name, _ in expected_tensors(wanted.architecture, wanted.shape):
        np.testing.assert_array_equal(got.tensor(name), wanted.tensor(name))


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: "_orig_mod." + name,
        lambda name: "module." + name,
        lambda name: "module._orig_mod." + name,
        lambda name: "base_model.model." + name,
        lambda name: name.replace("mlp.", "mlp._orig_mod."),
        lambda name: (
            "_fsdp_wrapped_module." + name.replace("mlp.", "_checkpoint_wrapped_module.mlp.")
        ),
        lambda name: "model." + name,
        lambda name: "policy.llm." + name,
        lambda name: name.removeprefix("model."),
        lambda name: name.replace("model.", "model.language_model.", 1),
        lambda name: "language_model." + name,
    ],
)
def test_what_wraps_the_names_is_read(
    rename: Callable[[str], str], folder: Path, whole: Path
) -> None:
    write(folder, {rename(name): tensor for name, tensor in read(folder).items()})
    same(folder, whole)


def test_the_whole_file_wins_over_an_old_index(folder: Path, whole: Path) -> None:
    zeros = {name: tensor * 0 for name, tensor in read(folder).items()}
    write(folder, zeros, "model-00001-of-00001.safetensors")
    index = {"weight_map": dict.fromkeys(zeros, "model-00001-of-00001.safetensors")}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    same(folder, whole)
    assert "remove what is old" in " ".join(Checkpoint(folder).notes)
    (folder / "model-00001-of-00001.safetensors").unlink()
    same(folder, whole)


def test_a_file_that_the_config_names_is_read(folder: Path, whole: Path) -> None:
    (folder / "model.safetensors").rename(folder / "best.safetensors")
    change_config(folder, transformers_weights="best.safetensors")
    same(folder, whole)
    change_config(folder, transformers_weights="../best.safetensors")
    with pytest.raises(FormatError, match="do not trust it"):
        Checkpoint(folder)


@pytest.mark.parametrize("shard", ["../a.safetensors", "x/../../a.safetensors", "{up}", "..\\a"])
def test_an_index_may_not_lead_out_of_the_folder(folder: Path, shard: str) -> None:
    outside = folder.parent / "a.safetensors"
    (folder / "model.safetensors").rename(outside)
    (folder / "x").mkdir()
    index = {"weight_map": {"model.norm.weight": shard.format(up=outside)}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(FormatError, match="do not trust it"):
        Checkpoint(folder)


def test_a_tensor_that_no_index_names_or_that_lies_in_two_shards(folder: Path, whole: Path) -> None:
    tensors = read(folder)
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    write(folder, {n: tensors[n] for n in names[:5]}, "a.safetensors")
    write(folder, {n: tensors[n] for n in names[5:]}, "b.safetensors")
    places = {n: "a.safetensors" if n in names[:5] else "b.safetensors" for n in names[:-1]}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    same(folder, whole)
    write(folder, {n: tensors[n] for n in names[:6]}, "a.safetensors")
    with pytest.raises(FormatError, match="each tensor once"):
        Checkpoint(folder)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("pytorch_model.bin", r"found pytorch_model\.bin.*save_pretrained"),
        ("pytorch_model.bin.index.json", "may run code"),
        ("adapter_model.safetensors", "found an adapter.*--adapter"),
        ("consolidated.safetensors", r"found only consolidated\.safetensors"),
        ("consolidated.00.pth", r"found only consolidated\.00\.pth"),
        ("lm.gguf", r"found lm\.gguf: give the file itself"),
    ],
)
def test_what_lies_there_instead_is_named(folder: Path, file: str, message: str) -> None:
    (folder / "model.safetensors").rename(folder / file)
    with pytest.raises(InputError, match=message):
        Checkpoint(folder)


def test_a_link_that_leads_nowhere_and_a_pointer_of_git_lfs_are_named(folder: Path) -> None:
    path = folder / "model.safetensors"
    for place in (path, folder / "tokenizer.json", folder / "config.json"):
        kept = place.read_bytes()
        place.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n")
        with pytest.raises(FormatError, match="pointer that Git LFS leaves: run `git lfs pull`"):
            _ = opened(folder), read_vocabulary(folder)
        place.write_bytes(kept)
    path.unlink()
    path.symlink_to(folder / "nothing.safetensors")
    with pytest.raises(InputError, match=r"a link model\.safetensors that leads nowhere"):
        Checkpoint(folder)


def test_names_of_another_kind_are_shown(folder: Path) -> None:
    write(folder, {name.upper(): tensor for name, tensor in read(folder).items()})
    with pytest.raises(FormatError, match=r"found none, but others such as MODEL\."):
        opened(folder)


def test_an_index_that_names_too_much_is_said(folder: Path, whole: Path) -> None:
    tensors = read(folder)
    (folder / "model.safetensors").rename(folder / "a.safetensors")
    index = {"weight_map": dict.fromkeys([*tensors, HEAD], "a.safetensors")}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    same(folder, whole)
    assert "names lm_head.weight, which no shard holds" in " ".join(Checkpoint(folder).notes)


def test_a_head_beside_a_tied_flag_is_used_where_it_differs(folder: Path) -> None:
    tensors = read(folder)
    write(folder, {**tensors, HEAD: tensors[EMBEDDING]})
    assert opened(folder).shape.tied
    assert not opened(folder).notes
    write(folder, {**tensors, HEAD: tensors[EMBEDDING] * 2})
    source = opened(folder)
    assert not source.shape.tied
    assert "lm_head.weight is stored and differs from the embedding" in source.notes[0]
    np.testing.assert_array_equal(source.tensor(HEAD), tensors[EMBEDDING].numpy() * 2)


def test_a_head_that_is_neither_stored_nor_tied_is_missing(folder: Path) -> None:
    change_config(folder, tie_word_embeddings=...)
    with pytest.raises(FormatError, match=r"expected a tensor lm_head\.weight"):
        opened(folder)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", [EMBEDDING, f"{UP}.weight", "model.norm.weight"])
def test_numbers_that_are_none_are_refused_with_the_tensor_s_name(
    bad: float, name: str, folder: Path
) -> None:
    tensors = read(folder)
    tensors[name].view(-1)[-1] = bad
    source = Checkpoint(write(folder, tensors))
    with pytest.raises(FormatError, match=f"{name}: expected finite numbers"):
        source.tensor(name)
    with pytest.raises(FormatError, match=f"{name}: expected finite numbers"):
        source.rows(name, 1, source.dims(name)[0])


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("model.layers.0.self_attn.o_proj.bias", "another network than config.json says"),
        ("model.layers.0.self_attn.q_norm.weight", "another network"),
        ("model.layers.0.mlp.experts.0.weight", "another network"),
        ("base_model.model.model.layers.0.mlp.up_proj.lora_A.weight", "merge_and_unload"),
        ("model.embed_tokens.modules_to_save.default.weight", "merge_and_unload"),
        ("model.layers.0.mlp.up_proj.qweight", "quantized"),
        ("model.layers.0.mlp.up_proj.weight_scale", "quantized by some method"),
        ("model.layers.0.mlp.up_proj.weight.absmax", "quantized by some method"),
        ("model.layers.0.mlp.up_proj.SCB", "quantized by some method"),
    ],
)
def test_tensors_of_another_network_are_refused(folder: Path, extra: str, message: str) -> None:
    write(folder, {**read(folder), extra: torch.ones(4)})
    with pytest.raises(FormatError, match=message):
        opened(folder)


def test_a_bias_of_zeros_is_nothing(folder: Path, whole: Path) -> None:
    name = "model.layers.0.self_attn.o_proj.bias"
    write(folder, {**read(folder), name: torch.zeros(256)})
    same(folder, whole)
    assert not opened(folder).notes


def test_tensors_that_nothing_uses_are_said(folder: Path) -> None:
    more = {
        "model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4),
        "model.layers.7.mlp.up_proj.weight": torch.ones(4),
        "v_head.summary.weight": torch.ones(4),
    }
    write(folder, {**read(folder), **more})
    layers, others = opened(folder).notes
    assert layers == "layers 7 to 7 are not used: config.json says 2 layers"
    assert others.startswith("v_head.summary.weight not used")


# Quantized by someone else. Each packs by the format's own description and returns what a reader
# has to find.


def with_weight(folder: Path, parts: Tensors, **quantization: Any) -> Path:
    """The checkpoint with a weight replaced by parts of a quantized one."""
    tensors = read(folder)
    del tensors[f"{UP}.weight"]
    write(folder, {**tensors, **{f"{UP}.{part}": tensor for part, tensor in parts.items()}})
    change_config(folder, quantization_config=quantization)
    return folder


def expect(folder: Path, wanted: Any) -> None:
    source = opened(folder)
    np.testing.assert_allclose(source.tensor(f"{UP}.weight"), wanted, rtol=1e-6)
    np.testing.assert_allclose(source.rows(f"{UP}.weight", 3, 140), wanted[3:140], rtol=1e-6)
    assert source.dims(f"{UP}.weight") == wanted.shape
    assert any("quantized with" in note for note in source.notes)


@pytest.fixture
def weight(folder: Path) -> Any:
    return read(folder)[f"{UP}.weight"]  # (512, 256)


@pytest.mark.parametrize("shape", ["tensor", "row", "blocks", "usual blocks"])
@pytest.mark.parametrize("name", ["weight_scale", "weight_scale_inv"])
def test_eight_bit_floats_are_multiplied_by_their_scales(
    folder: Path, weight: Any, shape: str, name: str
) -> None:
    scales = {
        "tensor": torch.tensor(0.01),
        "row": weight.abs().amax(1, keepdim=True) / 448,
        "blocks": torch.rand(6, 3) / 100 + 0.001,  # blocks of 96 x 96, the last ones cut
        "usual blocks": torch.rand(4, 2) / 100 + 0.001,  # of 128 x 128, which nothing says
    }[shape]
    wide = {"blocks": 96, "usual blocks": 128}.get(shape, 0)
    spread = (
        scales.repeat_interleave(wide, 0)[:512].repeat_interleave(wide, 1)[:, :256]
        if wide
        else scales
    )
    codes = (weight / spread).clamp(-448, 448).to(torch.float8_e4m3fn)
    options = {"weight_block_size": [96, 96]} if shape == "blocks" else {}
    with_weight(folder, {"weight": codes, name: scales}, quant_method="fp8", **options)
    expect(folder, (codes.float() * spread).numpy())


def test_blocks_that_cannot_be_told_are_refused(folder: Path, weight: Any) -> None:
    codes = weight.to(torch.float8_e4m3fn)
    with_weight(folder, {"weight": codes, "weight_scale_inv": torch.ones(5, 3)}, quant_method="fp8")
    with pytest.raises(FormatError, match="how many share one"):
        Checkpoint(folder).tensor(f"{UP}.weight")


def test_eight_bit_integers_are_multiplied_by_their_scales(folder: Path, weight: Any) -> None:
    row = weight.abs().amax(1, keepdim=True)
    codes = (weight / row * 127).round().to(torch.int8)
    with_weight(
        folder,
        {"weight": codes, "weight_scale": row / 127},
        quant_method="compressed-tensors",
        format="int-quantized",
    )
    expect(folder, (codes.float() * (row / 127)).numpy())
    with_weight_again = {"weight": codes, "SCB": row[:, 0]}
    tensors = {n: t for n, t in read(folder).items() if not n.startswith(f"{UP}.")}
    write(folder, {**tensors, **{f"{UP}.{part}": t for part, t in with_weight_again.items()}})
    change_config(
        folder, quantization_config={"quant_method": "bitsandbytes", "load_in_8bit": True}
    )
    expect(folder, (codes.float() * row / 127).numpy())


def pack(codes: Any, bits: int, axis: int, order: list[int] | None = None) -> Any:
    """Codes put into 32-bit words along an axis, lowest first, in an order within each word."""
    per_word = 32 // bits
    codes = codes.movedim(axis, -1).long()
    codes = codes.reshape(*codes.shape[:-1], -1, per_word)
    words = torch.zeros(codes.shape[:-1], dtype=torch.long)
    for place in range(per_word):
        words |= codes[..., order[place] if order else place] << (bits * place)
    words = torch.where(words >= 2**31, words - 2**32, words).int()
    return words.movedim(-1, axis)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("form", ["gptq", "gptq_v2"])
def test_gptq_is_read(folder: Path, bits: int, form: str) -> None:
    draw = torch.Generator().manual_seed(0)
    top = 1 << bits
    codes = torch.randint(top, (256, 512), generator=draw)  # (in, out)
    zeros = torch.randint(1, top, (4, 512), generator=draw)
    scales = torch.rand(4, 512, generator=draw).half()
    groups = torch.randint(4, (256,), generator=draw).int()
    stored = zeros - 1 if form == "gptq" else zeros
    parts = {
        "qweight": pack(codes, bits, 0),
        "qzeros": pack(stored, bits, 1),
        "scales": scales,
        "g_idx": groups,
    }
    with_weight(
        folder, parts, quant_method="gptq", bits=bits, group_size=64, checkpoint_format=form
    )
    wanted = (codes - zeros[groups.long()]) * scales.float()[groups.long()]
    expect(folder, wanted.T.numpy())


def test_groups_of_gptq_that_are_none_are_refused(folder: Path) -> None:
    parts = {
        "qweight": torch.zeros(32, 512, dtype=torch.int32),
        "qzeros": torch.zeros(4, 64, dtype=torch.int32),
        "scales": torch.ones(4, 512),
        "g_idx": torch.arange(256).int() // 64 + 1,
    }
    with_weight(folder, parts, quant_method="gptq", bits=4, group_size=64)
    with pytest.raises(FormatError, match="expected a group below 4 for each of 256 inputs"):
        Checkpoint(folder).tensor(f"{UP}.weight")


def test_eight_bits_in_an_order_of_a_graphics_card_are_refused(folder: Path, weight: Any) -> None:
    parts = {
        "weight": weight.to(torch.int8),
        "SCB": torch.ones(512),
        "weight_format": torch.tensor(1, dtype=torch.uint8),
    }
    with_weight(folder, parts, quant_method="bitsandbytes", load_in_8bit=True)
    with pytest.raises(FormatError, match=f"as {UP}.SCB shows, which is not read here"):
        opened(folder)


def test_scales_of_columns_are_not_taken_for_those_of_rows(folder: Path, weight: Any) -> None:
    codes = weight.to(torch.float8_e4m3fn)
    with_weight(folder, {"weight": codes, "weight_scale": torch.ones(256)}, quant_method="fp8")
    with pytest.raises(FormatError, match="a scale for each of 512 rows, got 256"):
        Checkpoint(folder).tensor(f"{UP}.weight")


def test_limits_of_activations_change_no_weight(folder: Path, weight: Any) -> None:
    row = weight.abs().amax(1, keepdim=True) / 448
    codes = (weight / row).to(torch.float8_e4m3fn)
    parts = {"weight": codes, "weight_scale": row, "input_scale_ub": torch.tensor([1200.0])}
    with_weight(folder, parts, quant_method="fbgemm_fp8", activation_scale_ub=1200.0)
    expect(folder, (codes.float() * row).numpy())


def test_awq_is_read(folder: Path) -> None:
    draw = torch.Generator().manual_seed(0)
    codes = torch.randint(16, (256, 512), generator=draw)
    zeros = torch.randint(16, (4, 512), generator=draw)
    scales = torch.rand(4, 512, generator=draw).half()
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    parts = {
        "qweight": pack(codes, 4, 1, order),
        "qzeros": pack(zeros, 4, 1, order),
        "scales": scales,
    }
    with_weight(folder, parts, quant_method="awq", bits=4, group_size=64, version="gemm")
    wanted = (codes - zeros.repeat_interleave(64, 0)) * scales.float().repeat_interleave(64, 0)
    expect(folder, wanted.T.numpy())


@pytest.mark.parametrize("bits", [4, 8])
def test_packed_integers_of_compressed_tensors_are_read(folder: Path, bits: int) -> None:
    draw = torch.Generator().manual_seed(0)
    half = 1 << (bits - 1)
    codes = torch.randint(-half, half, (512, 256), generator=draw)
    scales = torch.rand(512, 4, generator=draw)
    parts = {
        "weight_packed": pack(codes + half, bits, 1),
        "weight_scale": scales,
        "weight_shape": torch.tensor([512, 256]),
    }
    rule = {"weights": {"num_bits": bits, "group_size": 64, "symmetric": True}}
    with_weight(
        folder,
        parts,
        quant_method="compressed-tensors",
        format="pack-quantized",
        config_groups={"group_0": rule},
    )
    expect(folder, (codes * scales.repeat_interleave(64, 1)).numpy())


@pytest.mark.parametrize(
    ("quantization", "named"),
    [
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bitsandbytes, 4 bits"),
        ({"quant_method": "hqq"}, "hqq"),
        ({"quant_method": "mxfp4"}, "mxfp4"),
        ({"quant_method": "torchao"}, "torchao"),
        ({"quant_method": "quanto"}, "quanto"),
        ({"quant_method": "awq", "bits": 4, "version": "gemv"}, "awq .*version gemv"),
        ({"quant_method": "gptq", "bits": 3}, "gptq .3 bits"),
        ({"quant_method": "gptq", "bits": 4, "checkpoint_format": "marlin"}, "format marlin"),
        ({"quant_method": "gptq", "bits": 4, "is_marlin_format": True}, "format marlin"),
        ({"quant_method": "gptq", "bits": 4, "dynamic": {"+:up": {"bits": 8}}}, "other bits"),
        ({"quant_method": "awq", "bits": 4, "backend": "llm-awq"}, "backend llm-awq"),
        ({"quant_method": "compressed-tensors", "transform_config": {"a": 1}}, "transform"),
        ({"quant_method": "compressed-tensors", "sparsity_config": {"format": "sparse-24"}}, "24"),
        ({"bits": 4}, "unnamed"),
    ],
)
def test_other_quantizations_are_refused_by_name(
    folder: Path, quantization: dict[str, Any], named: str
) -> None:
    change_config(folder, quantization_config=quantization)
    with pytest.raises(FormatError, match=f"quantized with .*{named}.*unquantized"):
        Checkpoint(folder)


@pytest.mark.parametrize(
    ("dtype", "method"),
    [(torch.float8_e4m3fn, None), (torch.int8, None), (torch.uint8, "fp8"), (torch.int32, "fp8")],
)
def test_codes_without_scales_are_refused(folder: Path, dtype: Any, method: str | None) -> None:
    tensors = read(folder)
    tensors[f"{UP}.weight"] = tensors[f"{UP}.weight"].to(dtype)
    write(folder, tensors)
    if method:
        change_config(folder, quantization_config={"quant_method": method})
    with pytest.raises(FormatError, match=f"{UP}.weight: expected floating-point numbers"):
        opened(folder)
    with pytest.raises(FormatError, match="without scales"):
        Checkpoint(folder).tensor(f"{UP}.weight")


def test_a_refusal_is_one_line(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(KinetokenError) as refused:
        Checkpoint(folder)
    assert "\n" not in str(refused.value)


@pytest.mark.filterwarnings("ignore")
def test_fp8_in_blocks_is_what_transformers_makes_of_it(folder: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="needs transformers to compare with")
    if int(transformers.__version__.split(".")[0]) < 5:
        pytest.skip("earlier versions need a graphics card for it")
    held = read(folder)
    for name, weight in list(held.items()):
        if name.endswith("proj.weight"):
            high, wide = weight.shape
            scales = torch.rand(-(-high // 128), -(-wide // 128)) / 400 + 0.001
            spread = scales.repeat_interleave(128, 0)[:high].repeat_interleave(128, 1)[:, :wide]
            held[name] = (weight / spread).clamp(-448, 448).to(torch.float8_e4m3fn)
            held[f"{name}_scale_inv"] = scales
    write(folder, held)
    method = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [128] * 2}
    change_config(folder, quantization_config=method)
    rule = transformers.FineGrainedFP8Config(dequantize=True)
    made = transformers.Qwen2ForCausalLM.from_pretrained(
        folder, quantization_config=rule, dtype=torch.float32
    )
    source = opened(folder)
    for name, tensor in made.state_dict().items():
        if name != HEAD:
            np.testing.assert_array_equal(source.tensor(name), tensor.numpy())


@pytest.mark.parametrize(
    "changes",
    [
        '"shape": [1e400], "data_offsets": [0, 0]',
        '"shape": [Infinity], "data_offsets": [0, 0]',
        '"shape": [1], "data_offsets": [0, 1e999]',
        '"shape": [1], "data_offsets": [0]',
        '"shape": [1], "data_offsets": []',
    ],
)
def test_numbers_of_a_header_that_are_none_are_refused_in_one_line(
    tmp_path: Path, changes: str
) -> None:
    header = f'{{"a": {{"dtype": "F32", {changes}}}}}'.encode()
    (tmp_path / WHOLE_FILE).write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(FormatError, match="expected a whole safetensors file") as caught:
        find_weights(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="expected a file of the folder"):
        find_weights(tmp_path, "x" * 300)
