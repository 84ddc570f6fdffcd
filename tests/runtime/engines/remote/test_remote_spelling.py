"""Servers of models that spell motion in another way, have no markers, or begin in an opened block."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kinetoken
from fake_server import serving, tokens
from kinetoken.engines.remote.servers import SERVER_KINDS
from kinetoken.engines.tokenizer import HfTokenizer
from kinetoken.manifest.file_info import FileInfo
from kinetoken.manifest.manifest_file import read_manifest
from kinetoken.manifest.spelling import Spelling
from kinetoken.sampling.foreign_grammars import gbnf_grammar, lark_grammar, position_after
from kinetoken.sampling.grammar import MoveGrammar
from kinetoken.tokens.markup import Markup
from kinetoken.tokens.vocabulary import Vocabulary
from lark_reader import takes

CODES = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]
SPELLINGS = {
    "motion": Spelling("<Motion_{level}_{code}>", "<Motion>", "</Motion>"),
    "bars": Spelling("[|mot.{code}+{level}|]", "[|go|]", "[|stop|]"),
    "bare": Spelling("<|motion_{level}_{code}|>", "", ""),
    "opened": Spelling(),
}


def respelled(tiny: Path, folder: Path, name: str) -> Path:
    """The tiny bundle with its motion tokens in another spelling."""
    shutil.copytree(tiny, folder)
    spelling, usual = SPELLINGS[name], Markup()
    data = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    for token in data["added_tokens"]:
        if found := usual.token.fullmatch(token["content"]):
            token["content"] = spelling.spell(*usual.place(found))
        elif token["content"] in usual.markers:
            at = usual.markers.index(token["content"])
            token["content"] = (spelling.start, spelling.end)[at] or f"<|spare_{at}|>"
    (folder / "tokenizer.json").write_text(json.dumps(data), encoding="utf-8")
    manifest = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    motion = manifest["motion"]
    motion["spelling"] = {"code": spelling.code, "start": spelling.start, "end": spelling.end}
    if name == "bare":
        motion["move_start"] = motion["move_end"] = None
    if name == "opened":
        manifest["chat"]["template"]["after_user"] += "<move>"
    info = FileInfo.of(folder / "tokenizer.json")
    manifest["files"]["tokenizer.json"] = {"bytes": info.bytes, "sha256": info.sha256}
    (folder / "bundle.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", SPELLINGS)
@pytest.mark.parametrize("kind", SERVER_KINDS)
def test_the_answer_of_a_server_is_the_clip(
    tiny: Path, tmp_path: Path, name: str, kind: str
) -> None:
    bundle = respelled(tiny, tmp_path / "bundle", name)
    markup = Markup(SPELLINGS[name])
    frames = "".join(map(markup.spell_frame, CODES))
    answer = f"I wave.\n{markup.start}{frames}{markup.end}"
    said = f"{frames}{markup.end} Done." if name == "opened" else answer
    tokenizer = HfTokenizer(bundle / "tokenizer.json")
    reply = tokens(tokenizer, kind, tokenizer.encode_template(said))
    with serving(reply, kind, tokenizer) as fake:
        generator = kinetoken.load(bundle, threads=1, engine=fake.url)
        generation = generator.stream("x", seed=3)
        for _ in generation:
            pass
        clip = generation.clip()
    assert generation.notes == ()
    assert clip.text == (f"<move>{said}" if name == "opened" else answer)
    assert clip.codes is not None
    assert clip.codes.tolist() == CODES
    note = clip.meta.get("motion_tokens")
    assert note == (None if name == "opened" else SPELLINGS[name].note)


def words_of(name: str, folder: Path) -> Vocabulary:
    return replace(Vocabulary.of(read_manifest(folder)), added_words={"<think>": 7, "</think>": 8})


@pytest.mark.parametrize("name", SPELLINGS)
def test_the_rules_are_the_grammar(tiny: Path, tmp_path: Path, name: str) -> None:
    folder = respelled(tiny, tmp_path / "bundle", name)
    words = words_of(name, folder)
    opened = name == "opened"
    grammar = MoveGrammar(words, 4, 1, 50, 12, 400, min_block=3, opened=opened)
    frames = [ids[code] for row in CODES for ids, code in zip(words.levels, row, strict=True)]
    start, end = ([words.move_start], [words.move_end]) if words.markers else ([], [])

    def fits(ids: list[Any]) -> bool:
        rules = lark_grammar(grammar, position_after([], grammar))
        return takes(rules, folder / "tokenizer.json", ids)

    rules = gbnf_grammar(grammar)
    assert "<[7]>" in rules
    assert ("open" in rules) == bool(words.markup.start)
    assert np.all([line.count(" ::= ") == 1 for line in rules.splitlines()])
    if opened:
        assert position_after([], grammar).opened
        assert fits([*frames, *end])
        return
    text = HfTokenizer(folder / "tokenizer.json").encode_text("a b")
    said = [*text, 7, *text, 8, *start, *frames, *end]
    assert fits(said)
    assert fits([*said, *text])
    assert not fits(text)
    assert not fits([*text, *start, *frames[:4], *end])
