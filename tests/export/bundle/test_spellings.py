"""Motion tokens of any spelling, with and without markers, from export to decode."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
pytest.importorskip("safetensors", reason="needs safetensors, see CONTRIBUTING.md")

import kinetoken
from codec_states import residual_state, write_statistics
from kinetoken.base.errors import FormatError
from kinetoken.cli.main import main
from kinetoken.manifest.manifest_file import read_manifest
from kinetoken.tokens.markup import Markup, read_strictly
from kinetoken_export.checkpoint.motion_tokens import AskedSpelling, read_vocabulary
from tiny_checkpoint import build_checkpoint

CODES = 8


@dataclass(frozen=True)
class Kind:
    """One way to spell motion."""

    code: str
    around: tuple[str, str]
    levels: int = 1
    options: tuple[str, ...] = ()


LENGTHS: tuple[dict[str, Any], ...] = (
    {"code_frames": 6},
    {"min_blocks": 2, "max_pause": 3, "block_code_frames": 2, "code_frames": 4},
    {"frames": "prefix", "code_frames": 4},
)
KINDS = {
    "motion_agent": Kind("<Motion_{code}>", ("<Motion>", "</Motion>")),
    "motion_gpt": Kind(
        "<motion_id_{code}>",
        ("<motion_id_8>", "<motion_id_9>"),
        options=("--move", "<motion_id_8>", "<motion_id_9>"),
    ),
    "bars_without_markers": Kind("<|motion_{code}|>", ("", "")),
    "levels_without_markers": Kind("<m_{level}_{code}>", ("", ""), 2),
    "start_and_end": Kind("<|motion_{code}|>", ("<|motion_start|>", "<|motion_end|>")),
    "code_before_level": Kind("<mot{code}-{level}>", ("[MOVE_BEGIN]", "[MOVE_END]"), 2),
    "told": Kind("¤{code}", ("<go>", "<stop>"), 1, ("--motion-tokens", "¤{code}", "--move", "<go>", "<stop>")),
}  # fmt: skip


def respell(folder: Path, kind: Kind) -> Path:
    """The miniature's motion tokens in another spelling; markers that it lacks become strangers."""
    path = folder / "tokenizer.json"
    data = json.loads(path.read_text())
    start, end = (text or f"<|spare_{n}|>" for n, text in enumerate(kind.around))
    new = {"<move>": start, "</move>": end}
    for level in range(kind.levels):
        for code in range(CODES):
            new[f"<m_{level}_{code}>"] = kind.code.replace("{level}", str(level)).replace(
                "{code}", str(code)
            )
    for token in data["added_tokens"]:
        token["content"] = new.get(token["content"], token["content"])
    path.write_text(json.dumps(data))
    return folder


@pytest.fixture(scope="module")
def codecs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("codecs")
    for levels in (1, 2):
        write_statistics(folder / str(levels))
        state = {"vq_model": residual_state(levels, CODES)}
        torch.save(state, folder / str(levels) / "net.tar")
    return folder


def export(folder: Path, codecs: Path, kind: Kind, *options: str) -> Path:
    model = respell(build_checkpoint(folder / "lm", levels=kind.levels, codes=CODES), kind)
    out, codec = folder / "bundle", str(codecs / str(kind.levels))
    asked = ["export", str(model), "--codec", codec, "-o", str(out), *kind.options, *options]
    assert main(asked) == 0
    return out


@pytest.mark.parametrize("name", KINDS)
def test_what_is_written_is_read_back(name: str, codecs: Path, tmp_path: Path) -> None:
    kind = KINDS[name]
    bundle = export(tmp_path, codecs, kind)
    motion = read_manifest(bundle).motion
    assert motion.spelling.code == kind.code
    assert (motion.spelling.start, motion.spelling.end) == kind.around
    assert (motion.move_start is None) == (not kind.around[0])
    generator = kinetoken.load(bundle)
    for options in LENGTHS:
        for seed in range(3):
            clip = generator.generate("walk", seed=seed, max_thought=4, **options)
            assert clip.codes is not None
            markup = Markup(motion.spelling)
            if options.get("frames") != "prefix":
                reading = read_strictly(clip.text, kind.levels, CODES, markup=markup)
                assert np.array_equal(reading.frames, clip.codes)
            assert len(clip.codes) == options["code_frames"]
    text, out = tmp_path / "answer.txt", tmp_path / "again.npz"
    clip = generator.generate("walk", seed=1, code_frames=5)
    text.write_text(clip.text, encoding="utf-8")
    assert main(["decode", str(text), "-o", str(out), "--bundle", str(bundle)]) == 0
    decoded = kinetoken.Clip.load(out)
    assert np.allclose(decoded.joints, clip.joints, atol=1e-5)
    usual = kind.code == "<m_{level}_{code}>" and kind.around[0]
    assert decoded.meta.get("motion_tokens") == (None if usual else motion.spelling.note)
    assert clip.meta.get("motion_tokens") == decoded.meta.get("motion_tokens")
    session = generator.session(code_frames=2, history=1, max_thought=2)
    for _ in session.say("walk"):
        pass
    session.save(tmp_path / "chat.json")
    again = generator.session(code_frames=2, history=1)
    again.load(tmp_path / "chat.json")
    assert again.history == session.history


def test_a_prompt_may_open_the_block(codecs: Path, tmp_path: Path) -> None:
    kind = KINDS["motion_agent"]
    bundle = export(
        tmp_path, codecs, kind, "--prompt-template", "Input: {prompt}\\nResponse: <Motion>"
    )
    generator = kinetoken.load(bundle)
    manifest = generator.manifest
    assert manifest.opens_block
    assert manifest.chat.system_prompt == ""
    stream = generator.stream("walk", seed=1, code_frames=4, max_thought=3)
    assert stream.text == "<Motion>"
    list(stream)
    clip = stream.clip()
    assert clip.text.startswith("<Motion><Motion_")
    reading = read_strictly(clip.text, 1, CODES, markup=Markup(manifest.motion.spelling))
    assert clip.codes is not None
    assert np.array_equal(reading.frames, clip.codes)
    assert len(clip.codes) == 4
    adaptive = generator.generate("walk", seed=1, code_frames=4, detail="auto")
    assert adaptive.codes is not None
    stopped = generator.stream("walk", seed=1, code_frames=4)
    stopped.close()
    assert stopped.text == ""


def test_ordinary_words_may_be_thought_and_specials_may_not(codecs: Path, tmp_path: Path) -> None:
    bundle = export(tmp_path, codecs, Kind("<m_{level}_{code}>", ("<move>", "</move>")))
    manifest = read_manifest(bundle)
    assert list(manifest.tokenizer.added_words) == ["<tool_call>", "</tool_call>"]
    generator = kinetoken.load(bundle)
    words, tokenizer = generator.bundle.vocabulary, generator.bundle.tokenizer
    number = manifest.tokenizer.added_words["<tool_call>"]
    assert words.is_text(number)
    assert not words.is_plain(number)
    assert number not in tokenizer.encode_text("<tool_call>")  # what a user types are letters
    end = words.end_of_turn[0]
    assert not words.is_text(end)
    clip = generator.generate("walk <tool_call>", seed=1, code_frames=2, max_thought=3)
    assert clip.codes is not None


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ([f"<|emotion_{n}|>" for n in range(9)] + ["<remote_1>", "<m>"], "not trained to move"),
        (["<Motion_0>", "<Motion_1>", "<Motion_2>", "<Motion_3>", "<Motion>"], "no </Motion> beside"),
        ([f"<mot_{n}>" for n in range(4)] + [f"<motion_{n}>" for n in range(4)], "of one kind, found"),
        ([f"<loc_{n}>" for n in range(99)] + [f"<unused{n}>" for n in range(99)], "not trained to move"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_named(tokens: list[str], message: str, tmp_path: Path) -> None:
    data = {
        "model": {"vocab": {"a": 0}},
        "added_tokens": [{"id": n + 1, "content": token} for n, token in enumerate(tokens)],
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(data))
    with pytest.raises(FormatError, match=message):
        read_vocabulary(tmp_path)


def test_a_marker_that_is_no_token_is_refused(tmp_path: Path) -> None:
    data = {
        "model": {"vocab": {"a": 0}},
        "added_tokens": [{"id": n + 1, "content": f"<Motion_{n}>"} for n in range(4)],
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(data))
    assert read_vocabulary(tmp_path).motion.markers == ()
    with pytest.raises(FormatError, match="<a> and <b> among its tokens"):
        read_vocabulary(tmp_path, AskedSpelling(None, ("<a>", "<b>")))


def test_line_breaks_that_are_added_tokens_are_words(tmp_path: Path) -> None:
    """As in Gemma's tokenizer, where a user types them too."""
    added = [("\n\n", 2), ("<pause>", 3), *((f"<Motion_{n}>", 4 + n) for n in range(4))]
    data = {
        "model": {"vocab": {"a": 0, "\n": 1, "\n\n": 2, "<pause>": 3}, "merges": [["\n", "\n"]]},
        "added_tokens": [{"id": i, "content": token, "special": False} for token, i in added],
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(data))
    found = read_vocabulary(tmp_path)
    assert found.text_ids == ((0, 3),)
    assert found.added_words == {"<pause>": 3}
