"""Codes at any ids: the rows move, and the model says the same."""

from __future__ import annotations

import json
import shutil
import string
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from llama_package import needs_llama

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
pytest.importorskip("safetensors", reason="needs safetensors, see CONTRIBUTING.md")

from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, normalizers, trainers

import kinetoken
from codec_states import residual_state, write_statistics
from kinetoken.base.errors import FormatError, InputError
from kinetoken.cli.main import main
from kinetoken.engines.tokenizer import HfTokenizer
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
        needs_llama()
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
    (tmp_path / "corpus.txt").write_text("walk forward\nwave")
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


MOTION = ["<move>", "</move>", *(f"<m_{q}_{v}>" for v in range(CODES) for q in range(LEVELS))]
TURNS = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]
SENTENCES = [
    "a person walks forward and waves",
    "the man runs, then jumps three times",
    "x <m_0_1>",
]


def unigram(folder: Path, listed: int) -> dict[str, Any]:
    """Write a Unigram tokenizer, `listed` of whose motion tokens are the first of the list of words."""
    trainer = trainers.UnigramTrainer(
        vocab_size=180,
        unk_token="<unk>",
        special_tokens=["<unk>"],
        initial_alphabet=list(string.printable),
        show_progress=False,
    )
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    made.train_from_iterator(SENTENCES[:2] * 4, trainer)
    data: dict[str, Any] = json.loads(made.to_str())
    # In the list as SentencePiece leaves its user-defined words: with the best score of all.
    words = [[token, 0.0] for token in MOTION[:listed]] + data["model"]["vocab"]
    data["model"] |= {"vocab": words, "unk_id": listed}
    tokens = [*MOTION[:listed], "<unk>", *MOTION[listed:], *TURNS]
    ids = [*range(listed + 1), *range(len(words), len(words) + len(tokens) - listed - 1)]
    data["added_tokens"] = [
        {
            "id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": True,
        }
        for i, token in zip(ids, tokens, strict=True)
    ]  # fmt: skip
    folder.mkdir(exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(data))
    return data


@pytest.mark.parametrize("listed", [len(MOTION), 7, 0], ids=["all", "some", "none"])
def test_a_list_of_words_is_put_in_another_order(tmp_path: Path, listed: int) -> None:
    """A Unigram tokenizer has no ids but places in a list: words move with their scores."""
    data = unigram(tmp_path, listed)
    path = tmp_path / "tokenizer.json"
    before, found = HfTokenizer(path), read_vocabulary(tmp_path)
    assert found.moved
    library = Tokenizer.from_file(str(path))
    write_renumbered(path, found.moved, path)
    again = read_vocabulary(tmp_path)
    assert again.moved == {}
    assert again.motion == found.motion
    after, moved = HfTokenizer(path), Tokenizer.from_file(str(path))
    motion = {i for first, stop in again.motion.levels for i in range(first, stop)}
    for text in (*SENTENCES, "ä walks", "<move><m_0_1></move>", "unknown: 一"):
        wanted = [found.moved.get(i, i) for i in before.encode_text(text)]
        assert after.encode_text(text) == wanted
        assert not motion & set(wanted)
        template = [found.moved.get(i, i) for i in before.encode_template(text)]
        assert after.encode_template(text) == template
        assert after.decode(template) == before.decode(before.encode_template(text))
        assert moved.encode(text).ids == [found.moved.get(i, i) for i in library.encode(text).ids]
    assert len(after.encode_template("<m_0_1>")) == 1
    kept = json.loads(path.read_text())["model"]
    assert {tuple(word) for word in data["model"]["vocab"]} <= {tuple(w) for w in kept["vocab"]}
    assert kept["vocab"][kept["unk_id"]][0] == "<unk>"


def test_a_list_of_words_with_a_gap_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    data = unigram(tmp_path, 0)
    path.write_text(json.dumps(data))
    words = len(data["model"]["vocab"])
    with pytest.raises(FormatError, match="a token for every id up to") as caught:
        write_renumbered(path, {0: words + 900, words + 900: 0}, path)
    assert "\n" not in str(caught.value)


def test_a_model_with_a_list_of_words_answers_the_same(whole: Path, tmp_path: Path) -> None:
    """Codes by value at the beginning of the list, or all behind it: one answer."""
    answers = []
    for listed in (len(MOTION), 0):
        folder = tmp_path / f"listed{listed}"
        shutil.copytree(whole / "lm", folder)
        data = unigram(folder, listed)
        names = {i: word for i, (word, _) in enumerate(data["model"]["vocab"])}
        names |= {token["id"]: token["content"] for token in data["added_tokens"]}
        order = sorted(names, key=lambda i: names[i])
        place = {names[i]: at for at, i in enumerate(order)}
        tensors = load_file(folder / "model.safetensors")
        for name in ("model.embed_tokens.weight", "lm_head.weight"):
            rows = [place[names[i]] for i in sorted(names)]
            rows += list(range(len(rows), len(tensors[name])))
            tensors[name] = tensors[name][torch.tensor(rows)].contiguous()
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        end = next(t["id"] for t in data["added_tokens"] if t["content"] == "<|im_end|>")
        (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": end}))
        made = export(folder, whole, tmp_path / f"bundle{listed}", *FORMATS["onnx"])
        answers.append(greedy(made))
    assert answers[0] == answers[1]
    with pytest.raises(InputError, match="no token for '一' in the prompt"):
        kinetoken.load(tmp_path / "bundle0").generate("walk 一")


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
    needs_llama()
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
