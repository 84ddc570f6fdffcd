"""Codes at any ids: the rows move, and the model says the same."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
pytest.importorskip("safetensors", reason="needs safetensors, see CONTRIBUTING.md")

from safetensors.torch import load_file, save_file

import kinetoken
from codec_states import residual_state, write_statistics
from kinetoken.base.errors import FormatError
from kinetoken.cli.main import main
from kinetoken.manifest.manifest_file import read_manifest
from kinetoken_export.checkpoint.motion_tokens import read_vocabulary
from kinetoken_export.checkpoint.vocabulary.renumber_tokenizer import write_renumbered
from tiny_checkpoint import build_checkpoint

LEVELS, CODES = 2, 16


def permute(folder: Path, out: Path, order: list[int]) -> Path:
    """The same model with its tokens at other ids: the row of id n is that of `order[n]` before."""
    out.mkdir()
    tensors = load_file(folder / "model.safetensors")
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        if name in tensors:
            tensors[name] = tensors[name][torch.tensor(order)].contiguous()
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    new = {old: number for number, old in enumerate(order)}
    data = json.loads((folder / "tokenizer.json").read_text())
    data["model"]["vocab"] = {w: new[i] for w, i in data["model"]["vocab"].items()}
    for token in data["added_tokens"]:
        token["id"] = new[token["id"]]
    data["added_tokens"].sort(key=lambda token: token["id"])
    (out / "tokenizer.json").write_text(json.dumps(data))
    config = json.loads((folder / "config.json").read_text())
    for key, value in config.items():
        if key.endswith("_token_id") and isinstance(value, int):
            config[key] = new[value]
    (out / "config.json").write_text(json.dumps(config))
    (out / "tokenizer_config.json").write_bytes((folder / "tokenizer_config.json").read_bytes())
    return out


def orders(folder: Path, rows: int) -> dict[str, list[int]]:
    """Orders that checkpoints have: by value, as text, with strangers between, and any at all."""
    added = read_vocabulary(folder).added
    first = added["<move>"]
    motion = {t: i for t, i in added.items() if i >= first}
    spelled = lambda q, v: motion[f"<m_{q}_{v}>"]  # noqa: E731
    head, rest = list(range(first)), list(range(first + len(motion), rows))
    marks = [motion["<move>"], motion["</move>"]]
    by_value = [spelled(q, v) for v in range(CODES) for q in range(LEVELS)]
    stranger = head.pop()  # an ordinary added token
    between = [i for pair in zip(by_value, [stranger, *rest], strict=False) for i in pair]
    left = [i for i in (*by_value, *rest) if i not in between]
    shuffled = list(range(rows))
    Random(5).shuffle(shuffled)
    mixed = [*marks, *by_value, *rest]
    Random(6).shuffle(mixed)
    return {
        "value_major": [*head, stranger, *marks, *by_value, *rest],
        "as_text": [*head, stranger, *[motion[t] for t in sorted(motion)], *rest],
        "strangers_between": [*head, *marks, *between, *left],
        "beyond_padding": [*head, stranger, *rest, *by_value, *marks],
        "before_words": [*by_value, *marks, *head, stranger, *rest],
        "mixed": [*head, stranger, *mixed],
        "shuffled": shuffled,
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model whose codes lie in a row, and a codec for it."""
    folder = tmp_path_factory.mktemp("whole")
    build_checkpoint(
        folder / "lm", levels=LEVELS, codes=CODES, padded=7, tied=False, dtype="float32"
    )
    write_statistics(folder / "codec")
    torch.save({"vq_model": residual_state(LEVELS, CODES)}, folder / "codec" / "net.tar")
    return folder


def export(model: Path, whole: Path, out: Path, *options: str) -> Path:
    codec = str(whole / "codec")
    assert main(["export", str(model), "--codec", codec, "-o", str(out), *options]) == 0
    return out


def greedy(bundle: Path) -> tuple[str, list[list[int]]]:
    clip = kinetoken.load(bundle).generate(
        "walk forward", seconds=2, temperature=0.0, max_thought=8
    )
    assert clip.codes is not None
    return clip.text, clip.codes.tolist()


FORMATS = {"onnx": ("--quant", "fp32"), "gguf": ("--format", "gguf", "--quant", "f16")}


@pytest.mark.parametrize("form", FORMATS)
def test_the_answer_is_the_same_in_any_order(whole: Path, tmp_path: Path, form: str) -> None:
    if form == "gguf":
        pytest.importorskip("gguf")
        pytest.importorskip("llama_cpp", reason="needs llama-cpp-python, see CONTRIBUTING.md")
    rows = len(load_file(whole / "lm" / "model.safetensors")["model.embed_tokens.weight"])
    expected = greedy(export(whole / "lm", whole, tmp_path / "bundle", *FORMATS[form]))
    for name, order in orders(whole / "lm", rows).items():
        if form == "gguf" and name not in ("strangers_between", "shuffled"):
            continue  # a minute of exports
        model = permute(whole / "lm", tmp_path / name, order)
        made = export(model, whole, tmp_path / f"{name}_bundle", *FORMATS[form])
        motion = read_manifest(made).motion
        assert all(stop - first == CODES for first, stop in motion.levels)
        assert greedy(made) == expected, name


def test_a_bundle_of_moved_codes_can_be_pruned_and_verified(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = len(load_file(whole / "lm" / "model.safetensors")["model.embed_tokens.weight"])
    model = permute(whole / "lm", tmp_path / "lm", orders(whole / "lm", rows)["strangers_between"])
    (tmp_path / "corpus.txt").write_text("walk forward")
    options = ("--quant", "fp32", "--prune-vocab", str(tmp_path / "corpus.txt"))
    small = export(model, whole, tmp_path / "small", *options)
    made = export(model, whole, tmp_path / "made", "--quant", "fp32")
    for bundle in (small, made):
        capsys.readouterr()
        (tmp_path / "prompts.txt").write_text("walk forward\nwave\n")
        asked = ["--prompts", str(tmp_path / "prompts.txt"), "--json", "--seconds", "1"]
        assert main(["verify", str(bundle), "--against", str(model), *asked]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["motion"]["top1"] > 0.999
        assert found["motion"]["kl_p99"] < 1e-6


def test_codes_in_a_row_stay_where_they_are(whole: Path, tmp_path: Path) -> None:
    assert read_vocabulary(whole / "lm").moved == {}
    made = export(whole / "lm", whole, tmp_path / "bundle", "--quant", "fp32")
    assert (made / "tokenizer.json").read_bytes() == (whole / "lm" / "tokenizer.json").read_bytes()


def test_a_list_of_words_keeps_its_ids(tmp_path: Path) -> None:
    """A Unigram tokenizer has no ids but places in a list."""
    words = [["<unk>", 0.0], ["a", -1.0], ["b", -2.0]]
    motion = ["<move>", "</move>", *(f"<m_{q}_{v}>" for v in range(4) for q in range(2))]
    data = {
        "model": {"type": "Unigram", "vocab": words},
        "added_tokens": [{"id": 3 + n, "content": token} for n, token in enumerate(motion)],
    }
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(data))
    found = read_vocabulary(tmp_path)
    write_renumbered(path, found.moved, path)
    again = read_vocabulary(tmp_path)
    assert again.moved == {}
    assert again.motion == found.motion
    assert json.loads(path.read_text())["model"]["vocab"] == words
    data["added_tokens"] = [{"id": n, "content": token} for n, token in enumerate(motion)]
    path.write_text(json.dumps(data))
    with pytest.raises(FormatError, match="behind the words"):
        write_renumbered(path, {0: 1, 1: 0}, path)


def test_rows_come_in_any_order() -> None:
    from kinetoken_export.checkpoint.vocabulary.renumber import renumbered_source

    class Table:
        class architecture:  # noqa: N801
            embedding, head = "e", "h"

        class shape:  # noqa: N801
            vocab_size = 9000

        values = np.arange(18000, dtype=np.float32).reshape(9000, 2)

        def dims(self, name: str) -> tuple[int, ...]:
            return self.values.shape

        def rows(self, name: str, start: int, stop: int) -> np.ndarray:
            return self.values[start:stop]

    order = np.random.default_rng(1).permutation(9000)
    moved = {int(old): new for new, old in enumerate(order) if old != new}
    source = renumbered_source(Table(), moved)  # type: ignore[arg-type]
    assert np.array_equal(source.rows("e", 17, 6000), Table.values[order[17:6000]])


def test_importance_and_the_vision_tower_go_with_moved_codes(tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    pytest.importorskip("llama_cpp", reason="needs llama-cpp-python, see CONTRIBUTING.md")
    build_checkpoint(tmp_path / "lm", "qwen2_5_vl", levels=LEVELS, codes=CODES, padded=7)
    write_statistics(tmp_path / "codec")
    torch.save({"vq_model": residual_state(LEVELS, CODES)}, tmp_path / "codec" / "net.tar")
    rows = len(load_file(tmp_path / "lm" / "model.safetensors")["model.embed_tokens.weight"])
    order = orders(tmp_path / "lm", rows)["strangers_between"]
    model = permute(tmp_path / "lm", tmp_path / "moved", order)
    (tmp_path / "prompts.txt").write_text("walk\n")
    asked = ("--format", "gguf", "--quant", "q4_k_m", "--importance", str(tmp_path / "prompts.txt"))
    before = export(tmp_path / "lm", tmp_path, tmp_path / "before", *asked)
    after = export(model, tmp_path, tmp_path / "after", *asked)
    names = [read_manifest(bundle).language_model.mmproj for bundle in (before, after)]
    assert names[0] == names[1] is not None
    assert (before / names[0]).stat().st_size == (after / names[0]).stat().st_size
    clip = kinetoken.load(after).generate("walk", seconds=1, seed=1, max_thought=3)
    assert len(clip) == 20
