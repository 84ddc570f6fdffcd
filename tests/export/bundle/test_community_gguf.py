"""GGUFs as llama.cpp's convert script writes them, with the liberties that published files take: a working bundle or one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llama_package import needs_llama

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
gguf = pytest.importorskip("gguf", reason="needs gguf, in kinetoken[export]")
needs_llama()

import kinetoken
from codec_states import residual_state, write_statistics
from community_gguf import convert
from kinetoken.cli.main import main
from kinetoken.motion.clip import Clip
from kinetoken_export.gguf.existing_file import open_gguf
from tiny_checkpoint import build_checkpoint

CONTROL = gguf.TokenType.CONTROL


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint `model`, a codec, and the bundle that the project's own exporter makes of them."""
    folder = tmp_path_factory.mktemp("sources")
    build_checkpoint(folder / "model", padded=3, motion_special=False)
    write_statistics(folder / "codec")
    torch.save({"vq_model": residual_state(4, 16)}, folder / "codec" / "net.tar")
    options = ["--format", "gguf", "--quant", "f16"]
    assert export(folder, folder / "model", folder / "bundle", *options) == 0
    return folder


def export(sources: Path, model: Path, out: Path, *options: str) -> int:
    words = ["export", str(model), "--codec", str(sources / "codec"), "-o", str(out)]
    return main([*words, "--context", "256", "--lookahead", "1", *options])


def answer(bundle: Path) -> Clip:
    return kinetoken.load(bundle).generate("a person walks", temperature=0.0, seconds=1)


def more_keys(writer: Any) -> None:
    """Keys that nothing here knows: of quantizing programs, of any type."""
    writer.add_string("quantize.imatrix.file", "imatrix.dat")
    writer.add_int32("quantize.imatrix.entries_count", 14)
    writer.add_array("general.datasets", ["a/b", "c/d"])
    writer.add_float64("some.number", 0.5)
    writer.add_bool("some.flag", True)
    writer.add_array("some.flags", [True, False])
    writer.add_uint32("tokenizer.ggml.eot_token_id", 2)


WORKING: dict[str, dict[str, Any]] = {
    "as converted": {},
    "in two parts": {"parts": 2},
    "in three parts": {"parts": 3},
    "a head beside the embedding": {"tied": False},
    "motion tokens as control": {"motion_type": CONTROL},
    "no way to split": {"pre": None},
    "default": {"pre": "default"},
    "deepseek-r1-qwen": {"pre": "deepseek-r1-qwen"},
    "no chat template": {"template": None},
    "more keys": {"change": more_keys},
    "another alignment": {"change": lambda writer: writer.add_custom_alignment(64)},
}


@pytest.mark.parametrize("case", WORKING)
def test_the_bundle_answers_as_the_checkpoints_own(
    sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    path = convert(sources / "model", tmp_path / "tiny.gguf", **WORKING[case])
    assert export(sources, path, tmp_path / "bundle") == 0
    said = capsys.readouterr()
    assert ("how text is split" in said.out + said.err) == (case in ("no way to split", "default"))
    assert ("no chat template" in said.out + said.err) == (case == "no chat template")
    wanted, got = answer(sources / "bundle"), answer(tmp_path / "bundle")
    assert wanted.text == got.text
    np.testing.assert_array_equal(got.joints, wanted.joints)
    manifest = json.loads((tmp_path / "bundle" / "bundle.json").read_text())
    assert manifest["licence"]["language_model"] == "cc-by-nc-4.0"
    assert len([n for n in manifest["provenance"]["sha256"] if n.endswith(".gguf")]) == WORKING[
        case
    ].get("parts", 1)


def test_a_llama_with_divisors_of_its_positions(sources: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="needs transformers beside the project")
    from tiny_families import build_family

    model = build_family(tmp_path / "model", "llama3")
    assert export(sources, model, tmp_path / "own", "--format", "gguf", "--quant", "f16") == 0
    path = convert(model, tmp_path / "tiny.gguf", pre="qwen2", tied=False)
    assert export(sources, path, tmp_path / "bundle") == 0
    wanted, got = answer(tmp_path / "own"), answer(tmp_path / "bundle")
    assert wanted.text == got.text
    np.testing.assert_array_equal(got.joints, wanted.joints)


def first_part(folder: Path, path: Path) -> Path:
    return path


def second_part(folder: Path, path: Path) -> Path:
    return path.with_name("tiny-00002-of-00002.gguf")


def without_the_second(folder: Path, path: Path) -> Path:
    second_part(folder, path).unlink()
    return path


def renamed(folder: Path, path: Path) -> Path:
    return path.rename(folder / "model.gguf")


def another_second(folder: Path, path: Path) -> Path:
    second_part(folder, path).write_bytes(path.read_bytes())
    return path


def damaged_second(folder: Path, path: Path) -> Path:
    second_part(folder, path).write_bytes(path.read_bytes()[:300])
    return path


REFUSED: dict[str, tuple[dict[str, Any], Callable[[Path, Path], Path], str]] = {
    "the second part": ({"parts": 2}, second_part, "give tiny-00001-of-00002.gguf"),
    "a part is missing": ({"parts": 2}, without_the_second, "expected tiny-00002-of-00002.gguf"),
    "a part renamed": ({"parts": 2}, renamed, "give it the name that it was published with"),
    "parts of two models": ({"parts": 2}, another_second, "not parts of one model"),
    "a damaged part": ({"parts": 2}, damaged_second, "a part of it is damaged"),
    "split otherwise": ({"pre": "command-r"}, first_part, "got 'command-r' as tokenizer.ggml.pre"),
    "no number of heads": (
        {"change": lambda writer: writer.kv_data[0].pop("qwen2.attention.head_count")},
        first_part,
        "expected the key 'qwen2.attention.head_count'",
    ),
    "heads by layer": (
        {
            "change": lambda writer: (
                writer.kv_data[0].pop("qwen2.attention.head_count_kv"),
                writer.add_head_count_kv([2, 2]),
            )
        },
        first_part,
        "expected the keys of a language model, got others",
    ),
    "no types of tokens": (
        {"change": lambda writer: writer.kv_data[0].pop("tokenizer.ggml.token_type")},
        first_part,
        "expected the key 'tokenizer.ggml.token_type'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_is_one_line(
    sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    liberties, moved, message = REFUSED[case]
    path = moved(tmp_path, convert(sources / "model", tmp_path / "tiny.gguf", **liberties))
    capsys.readouterr()
    assert export(sources, path, tmp_path / "bundle") != 0
    error = capsys.readouterr().err.strip()
    assert message in error
    assert "\n" not in error
    assert not (tmp_path / "bundle").exists()


def test_chat_templates_with_names(sources: Path, tmp_path: Path) -> None:
    def named(writer: Any) -> None:
        writer.add_array("tokenizer.chat_templates", ["tools"])
        writer.add_string("tokenizer.chat_template.tools", "{{ messages }} with tools")

    path = convert(sources / "model", tmp_path / "tiny.gguf", change=named)
    open_gguf(path, tmp_path)
    found = tmp_path / "additional_chat_templates" / "tools.jinja"
    assert found.read_text() == "{{ messages }} with tools"


@pytest.mark.parametrize(("pre", "llama3"), [("llama3", True), ("smaug-bpe", False)])
def test_what_a_way_to_split_brings_with_it(
    sources: Path, tmp_path: Path, pre: str, llama3: bool
) -> None:
    """Tokenizers of Llama 3 take words whole and begin every text with a token of its own."""

    def untold(writer: Any) -> None:
        writer.kv_data[0].pop("tokenizer.ggml.add_bos_token", None)

    path = convert(sources / "model", tmp_path / "tiny.gguf", pre=pre, change=untold)
    open_gguf(path, tmp_path)
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert settings["add_bos_token"] == llama3
    made = json.loads((tmp_path / "tokenizer.json").read_text())
    assert made["model"]["ignore_merges"] == llama3
