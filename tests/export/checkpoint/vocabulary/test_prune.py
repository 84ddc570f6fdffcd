"""A smaller vocabulary: any text still goes there and back, what is kept means the same, and the logits do too."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
pytest.importorskip("safetensors", reason="needs safetensors, see CONTRIBUTING.md")

from kinetoken.base.errors import FormatError, InputError
from kinetoken.engines.tokenizer import HfTokenizer
from kinetoken.manifest.architectures import QWEN2_5_VL
from kinetoken_export.checkpoint.motion_tokens import SYSTEM_PROMPT, read_vocabulary
from kinetoken_export.checkpoint.reference_model import ReferenceModel
from kinetoken_export.checkpoint.tensors import Checkpoint, expected_tensors
from kinetoken_export.checkpoint.vocabulary.prune import KEPT_TEXTS, PrunedSource, prune_vocabulary
from qwen import qwen_tokenizer_json
from tiny_checkpoint import build_checkpoint

CORPUS = "a person walks forward, then turns around\n\nand stops.\n<move><m_0_3></move>\nThe man waves.\n"
TEMPLATE = f"<|im_start|>system\n{SYSTEM_PROMPT}<|im_end|>\n<|im_start|>user\n"


class Case:
    """A miniature, and the same with the words of a small corpus alone."""

    def __init__(self, folder: Path, corpus: str, architecture: str, tied: bool) -> None:
        self.checkpoint = build_checkpoint(folder / "whole", architecture, tied=tied, padded=7)
        self.source = Checkpoint(self.checkpoint)
        (folder / "corpus.txt").write_text(CORPUS, encoding="utf-8")
        (folder / "small").mkdir()
        path = folder / "small" / "tokenizer.json"
        given: Path | str = "english" if corpus == "english" else folder / "corpus.txt"
        self.pruned: PrunedSource = prune_vocabulary(
            self.source, self.checkpoint / "tokenizer.json", given, path
        )
        self.before, self.after = HfTokenizer(self.checkpoint / "tokenizer.json"), HfTokenizer(path)
        self.small = folder / "small"
        self.kept: list[int] = self.pruned.kept.tolist()


@pytest.fixture(
    scope="module",
    params=[("corpus", "qwen2", False), ("english", "qwen2_5_vl", True)],
    ids=lambda p: p[0],
)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(tmp_path_factory.mktemp("prune"), *request.param)


def test_tokens_go_and_the_motion_stays(case: Case) -> None:
    old, new = read_vocabulary(case.checkpoint), read_vocabulary(case.small)
    assert set(new.added) == set(old.added)
    assert [stop - first for first, stop in new.motion.levels] == [
        stop - first for first, stop in old.motion.levels
    ]
    assert new.motion.move_end + 1 == new.motion.levels[0][0]
    assert [case.kept[i] for i in new.added.values()] == [old.added[token] for token in new.added]
    shape = case.pruned.shape
    assert shape.vocab_size == len(case.kept) == max(new.added.values()) + 1
    assert case.pruned.dropped == case.source.shape.vocab_size - len(case.kept) > 7
    assert sum(b - a for a, b in new.text_ids) >= 256


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_text_comes_back(case: Case, text: str) -> None:
    wanted = case.before.decode(case.before.encode_text(text))
    assert case.after.decode(case.after.encode_text(text)) == wanted
    assert case.after.decode(case.after.encode_template(text)) == case.before.decode(
        case.before.encode_template(text)
    )


@pytest.mark.parametrize("text", [CORPUS, "The man waves.", "and stops.\n", *KEPT_TEXTS, TEMPLATE])
def test_what_is_kept_is_cut_as_before(case: Case, text: str) -> None:
    for encode in ("encode_text", "encode_template"):
        if encode == "encode_text" and "<" in text:
            continue  # typed by a user, the specials of a template are plain text, and other text than the corpus has
        ids = getattr(case.after, encode)(text)
        assert [case.kept[i] for i in ids] == getattr(case.before, encode)(text)


def test_a_merge_that_a_word_passes_through_is_kept(case: Case) -> None:
    model = json.loads((case.small / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    made = {"".join(m if isinstance(m, list) else m.split(" ")) for m in model["merges"]}
    assert {token for token in model["vocab"] if len(token) > 1} == made


def test_tensors_are_those_of_the_kept_tokens(case: Case) -> None:
    entry = case.source.architecture
    matrices = [entry.embedding] if case.source.shape.tied else [entry.embedding, entry.head]
    for name in matrices:
        whole = case.source.tensor(name)[case.kept]
        assert np.array_equal(case.pruned.tensor(name), whole)
        assert np.array_equal(case.pruned.rows(name, 5, 40), whole[5:40])
    for name, dims in expected_tensors(case.pruned.architecture, case.pruned.shape):
        assert case.pruned.dims(name) == dims == case.pruned.tensor(name).shape
    assert case.pruned.names() == case.source.names()


def test_logits_of_kept_tokens_are_the_same(case: Case) -> None:
    ids = case.after.encode_template(TEMPLATE + "The man waves.<|im_end|>\n<|im_start|>assistant\n")
    got = ReferenceModel(case.pruned).logits([ids])[0]
    wanted = ReferenceModel(case.source).logits([[case.kept[i] for i in ids]])[0][:, case.kept]
    assert np.allclose(got, wanted, rtol=0, atol=1e-6 * np.abs(wanted).max())


def test_the_config_names_the_new_ids(case: Case) -> None:
    new = read_vocabulary(case.small)
    assert case.pruned.config["vocab_size"] == len(case.kept)
    assert case.pruned.config["eos_token_id"] == new.added["<|im_end|>"]
    if case.pruned.architecture is QWEN2_5_VL:
        assert case.pruned.config["image_token_id"] == new.added["<|image_pad|>"]


def test_what_it_saves(case: Case) -> None:
    matrices = 1 if case.source.shape.tied else 2
    assert case.pruned.saved_bytes(8) == case.pruned.dropped * 256 * matrices
    assert f"{case.source.shape.vocab_size:,} -> {len(case.kept):,}" in case.pruned.summary()


def test_what_cannot_be_pruned_is_refused(case: Case, tmp_path: Path) -> None:
    tokenizer, out = case.checkpoint / "tokenizer.json", tmp_path / "tokenizer.json"
    with pytest.raises(InputError, match=r"no\.txt: expected a text file"):
        prune_vocabulary(case.source, tokenizer, tmp_path / "no.txt", out)
    (tmp_path / "bytes.txt").write_bytes(b"abc\xff")
    with pytest.raises(InputError, match="UTF-8 text as the corpus, got other bytes at 3"):
        prune_vocabulary(case.source, tokenizer, tmp_path / "bytes.txt", out)
    (tmp_path / "empty.txt").write_text(" \n")
    with pytest.raises(InputError, match="got an empty file"):
        prune_vocabulary(case.source, tokenizer, tmp_path / "empty.txt", out)
    other = build_checkpoint(tmp_path / "other", merges=0, codes=8)
    with pytest.raises(FormatError, match="it belongs to another checkpoint"):
        prune_vocabulary(Checkpoint(other), tokenizer, "english", out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}},
            "expected a byte-level BPE",
        ),
        ({"pre_tokenizer": None}, "expected plain byte-level BPE"),
        (
            {
                "post_processor": {
                    "type": "BertProcessing",
                    "sep": ["<|im_end|>", 3],
                    "cls": ["<|im_end|>", 3],
                }
            },
            "BertProcessing",
        ),
    ],
)
def test_other_tokenizers_are_refused(
    case: Case, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    data = json.loads((case.checkpoint / "tokenizer.json").read_text(encoding="utf-8")) | change
    (tmp_path / "odd.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(FormatError, match=message):
        prune_vocabulary(case.source, tmp_path / "odd.json", "english", tmp_path / "out.json")


def test_a_template_around_every_text_is_renumbered(case: Case, tmp_path: Path) -> None:
    end = read_vocabulary(case.checkpoint).added["<|endoftext|>"]
    special = {"<|endoftext|>": {"id": "<|endoftext|>", "ids": [end], "tokens": ["<|endoftext|>"]}}
    single = [
        {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
    ]
    around = {
        "type": "TemplateProcessing",
        "single": single,
        "pair": single,
        "special_tokens": special,
    }
    data = json.loads((case.checkpoint / "tokenizer.json").read_text(encoding="utf-8")) | {
        "post_processor": around
    }
    (tmp_path / "odd.json").write_text(json.dumps(data), encoding="utf-8")
    prune_vocabulary(case.source, tmp_path / "odd.json", "english", tmp_path / "tokenizer.json")
    written = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    ids = written["post_processor"]["special_tokens"]["<|endoftext|>"]["ids"]
    assert ids == [read_vocabulary(tmp_path).added["<|endoftext|>"]]


def test_the_real_vocabulary_keeps_english(tmp_path: Path) -> None:
    whole = qwen_tokenizer_json()
    tiny = Checkpoint(build_checkpoint(tmp_path / "tiny"))
    big = PrunedSource(tiny, np.arange(155_763))  # only its shape is looked at
    pruned = prune_vocabulary(big, whole, "english", tmp_path / "tokenizer.json")
    before, after = HfTokenizer(whole), HfTokenizer(tmp_path / "tokenizer.json")
    kept = pruned.kept.tolist()
    assert 70_000 < len(kept) < 80_000
    prose = 'She doesn\u2019t "really" jump (or does she?) \u2014 she walks 12 steps, half-turns:\n\n Then IT stops!'
    assert [kept[i] for i in after.encode_text(prose)] == before.encode_text(prose)
    for text in (
        "Он идёт вперёд 一个人向前走 🚶🏽‍♀️",
        "def f(x): return {'a': x}  # ünïcode\t\r\n",
        "<m_0_5></move>",
    ):
        assert after.decode(after.encode_text(text)) == before.decode(before.encode_text(text))


@pytest.mark.parametrize("part", ["normalizer", "pre_tokenizer"])
def test_a_tokenizer_that_grows_or_panics_is_one_line(tmp_path: Path, part: str) -> None:
    checkpoint = build_checkpoint(tmp_path / "model")
    path = checkpoint / "tokenizer.json"
    grows = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 1000}
    panics = {
        "type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False,
    }  # fmt: skip
    data = json.loads(path.read_text(encoding="utf-8"))
    data[part] = grows if part == "normalizer" else panics
    path.write_text(json.dumps(data), encoding="utf-8")
    (tmp_path / "corpus.txt").write_text("a" * 60 + "!", encoding="utf-8")
    with pytest.raises(FormatError, match=r"keeps a text's length|retry-limit") as caught:
        prune_vocabulary(
            Checkpoint(checkpoint), path, tmp_path / "corpus.txt", tmp_path / "small.json"
        )
    assert "\n" not in str(caught.value)
