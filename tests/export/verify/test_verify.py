"""Exported against source: nothing between a model and itself, something between it and its quantized self."""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
pytest.importorskip("safetensors", reason="needs safetensors, see CONTRIBUTING.md")

from kinetoken.base.errors import BundleError, EngineError, InputError, OutputError
from kinetoken.engines.tokenizer import HfTokenizer
from kinetoken.generation.bundle import DEMO_BUNDLE, Bundle, open_bundle, open_manifest
from kinetoken.manifest.manifest_file import read_manifest
from kinetoken.tokens.vocabulary import Vocabulary
from kinetoken_export.checkpoint.motion_tokens import read_vocabulary
from kinetoken_export.checkpoint.reference_model import ReferenceLanguageModel
from kinetoken_export.checkpoint.sources import find_codec, find_model
from kinetoken_export.checkpoint.tensors import Checkpoint
from kinetoken_export.checkpoint.vocabulary.prune import PrunedSource, prune_vocabulary
from kinetoken_export.own_answers import OwnAnswer, read_prompts
from kinetoken_export.verify import record
from kinetoken_export.verify.command import add_command
from kinetoken_export.verify.language_model import compare_rows, log_softmax
from kinetoken_export.verify.motion import compare_clips, equal_frames, joint_distances
from kinetoken_export.verify.reference import OwnReference
from kinetoken_export.verify.report import (
    ParityReport,
    compare_models_and_motion,
    report_table,
    verify,
)
from kinetoken_export.verify.request import VerifyRequest
from kinetoken_export.verify.source import align_checkpoint
from tiny_checkpoint import build_checkpoint

DEMO = Path(__file__).parents[3] / "export" / "checkpoints" / "demo"
PROMPTS = ("a man jumps up and down", "throw a ball")
MANY_PROMPTS = (*PROMPTS, "walk forward", "kick the ball", "do a squat", "bow", "wave", "dance")
REQUEST = VerifyRequest(
    DEMO_BUNDLE, find_model(str(DEMO / "lm")), PROMPTS, find_codec(str(DEMO / "codec")), seconds=1.0
)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def demo() -> ParityReport:
    return verify(REQUEST).parity


def test_the_demo_is_near_its_source(demo: ParityReport) -> None:
    assert [level.positions for level in demo.levels] == [10] * 4
    assert demo.motion.positions > 40  # </move> too, once or more
    assert demo.text.top1 > 0.9
    assert 0 < demo.motion.kl_mean <= demo.motion.kl_p99
    assert demo.motion.perplexity_ratio == pytest.approx(
        demo.motion.perplexity_bundle / demo.motion.perplexity_source
    )
    assert demo.codec is not None
    assert demo.codec.mean_error <= demo.codec.largest_error < 2e-2
    assert demo.codec.mean_mm <= demo.codec.largest_mm < 5
    assert demo.greedy.frames == demo.sampled.frames == 5
    assert len(demo.greedy.curve_mm) == 20
    assert demo.apart.mean_mm > 0
    assert demo.against == "lm"


def test_the_demo_is_as_sure_as_its_source() -> None:
    # Of two answers of a second, one unlikely token decides.
    motion = verify(replace(REQUEST, prompts=MANY_PROMPTS, codec=None)).parity.motion
    assert motion.positions > 150
    assert motion.kl_mean < 0.02
    assert motion.kl_p99 < 0.1
    assert 0.9 < motion.perplexity_ratio < 1.1


def test_what_the_prompts_have_in_common_counts_once(demo: ParityReport) -> None:
    bundle = open_bundle(DEMO_BUNDLE)
    chat = bundle.manifest.chat
    system = bundle.tokenizer.encode_template(
        chat.template.before_system + chat.system_prompt + chat.template.after_system
    )
    one = verify(replace(REQUEST, prompts=PROMPTS[:1], codec=None)).parity
    other = verify(replace(REQUEST, prompts=PROMPTS[1:], codec=None)).parity
    both = one.text.positions + other.text.positions - demo.text.positions
    assert both >= len(system)
    assert one.codec is None


def test_a_model_is_equal_to_itself() -> None:
    bundle = open_bundle(DEMO_BUNDLE)
    source = align_checkpoint(bundle, DEMO / "lm")
    same = replace(
        bundle, language_model=ReferenceLanguageModel(source, bundle.language_model.context)
    )
    _check_equal(
        compare_models_and_motion(
            replace(REQUEST, codec=None), same, OwnReference(source, DEMO / "lm"), None
        ).parity
    )


def test_a_pruned_model_is_equal_to_the_whole_on_what_it_kept(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join([*PROMPTS, "I walk forward.", "I jump."]), encoding="utf-8")
    pruned = prune_vocabulary(
        Checkpoint(DEMO / "lm"), DEMO / "lm" / "tokenizer.json", corpus, tmp_path / "tokenizer.json"
    )
    bundle = _pruned_bundle(tmp_path, pruned)
    source = align_checkpoint(bundle, DEMO / "lm")
    assert isinstance(source, PrunedSource)
    assert np.array_equal(source.kept, pruned.kept)
    _check_equal(
        compare_models_and_motion(
            replace(REQUEST, codec=None), bundle, OwnReference(source, DEMO / "lm"), None
        ).parity
    )


def _pruned_bundle(folder: Path, pruned: PrunedSource) -> Bundle:
    bundle, words = open_bundle(DEMO_BUNDLE), read_vocabulary(folder)
    end = tuple(words.added[token] for token in ("<|im_end|>", "<|endoftext|>"))
    manifest = replace(
        bundle.manifest, motion=words.motion, language_model=replace(bundle.manifest.language_model, vocab_size=len(pruned.kept)),
        tokenizer=replace(bundle.manifest.tokenizer, text_ids=words.text_ids, end_of_turn=end),
    )  # fmt: skip
    shutil.copytree(DEMO_BUNDLE, folder / "bundle")
    shutil.copy(folder / "tokenizer.json", folder / "bundle" / "tokenizer.json")
    return replace(
        bundle, folder=folder / "bundle", manifest=manifest, vocabulary=Vocabulary.of(manifest),
        language_model=ReferenceLanguageModel(pruned, 512), tokenizer=HfTokenizer(folder / "tokenizer.json"),
    )  # fmt: skip


def _check_equal(parity: ParityReport) -> None:
    for part in (parity.text, parity.motion):
        assert part.top1 == 1
        assert part.kl_p99 < 1e-8
        assert part.perplexity_ratio == pytest.approx(1, abs=1e-5)
    for clips in (parity.greedy, parity.sampled):
        assert clips.same_clips == clips.clips == 2
        assert clips.same_frames == clips.frames == 5
        assert clips.mean_mm == clips.pose_mm == 0


def test_figures_of_one_position() -> None:
    source, bundle = np.array([0, 1, 2], np.float32), np.array([1, 3, 2], np.float32)
    p, q = np.exp(log_softmax(source)), np.exp(log_softmax(bundle))
    assert p.sum() == pytest.approx(1)
    agrees, kl, wanted, got = compare_rows(source, bundle, 0)
    assert not agrees
    assert kl == pytest.approx((p * np.log(p / q)).sum())
    assert (wanted, got) == pytest.approx((-np.log(p[0]), -np.log(q[0])))
    assert compare_rows(source, source + 5, 1)[:2] == (True, pytest.approx(0, abs=1e-9))
    with pytest.raises(EngineError, match="finite logits"):
        compare_rows(source, np.array([1, np.nan, 2], np.float32), 0)


def test_figures_of_clips() -> None:
    def answer(*codes: int) -> OwnAnswer:
        return OwnAnswer((0,), np.array(codes).reshape(-1, 1))

    def decode(codes: Any) -> Any:
        joints = np.zeros((len(codes), 22, 3))
        joints[:, :, 0] = codes / 1000  # every joint a millimetre to the side per code
        joints[:, 1, 1] = codes[:, 0] / 1000
        return joints

    found = compare_clips(
        [answer(1, 2), answer(4, 0, 7)], decode, [answer(1, 2), answer(4, 3)], decode
    )
    assert found.same_clips == 1
    assert found.same_frames == 1.5
    assert found.frames == 2.5
    assert found.curve_mm == (0, pytest.approx(3 * (21 + 2**0.5) / 22 / 2, abs=0.01))
    assert found.mean_mm == pytest.approx(3 * (21 + 2**0.5) / 22 / 4)
    assert found.pose_mm == pytest.approx(3 / 22 / 4)
    assert equal_frames(np.zeros((3, 2), int), np.array([[0, 0], [0, 1], [0, 0]])) == 1
    assert joint_distances(np.zeros((3, 22, 3)), np.ones((2, 22, 3))).shape == (2, 22)


def test_another_checkpoint_is_refused(tmp_path: Path) -> None:
    bundle = open_bundle(DEMO_BUNDLE)
    other = build_checkpoint(tmp_path / "other")
    with pytest.raises(InputError, match="expected layers, key-value heads and head width"):
        align_checkpoint(bundle, other)
    shutil.copytree(DEMO / "lm", tmp_path / "renamed")
    data = json.loads((tmp_path / "renamed" / "tokenizer.json").read_text(encoding="utf-8"))
    data["added_tokens"][-1]["content"] = "<other>"
    (tmp_path / "renamed" / "tokenizer.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(InputError, match="expected the token '<m_3_1023>' of the bundle"):
        align_checkpoint(bundle, tmp_path / "renamed")
    data["added_tokens"][-1]["content"] = "<m_3_1023>"
    swapped = {1000: 1001, 1001: 1000}
    vocab = data["model"]["vocab"]
    data["model"]["vocab"] = {word: swapped.get(i, i) for word, i in vocab.items()}
    (tmp_path / "renamed" / "tokenizer.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(InputError, match="in the order of the bundle"):
        align_checkpoint(bundle, tmp_path / "renamed")


def test_prompts_are_lines_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text("walk\n\n  wave \n")
    assert read_prompts(path) == ("walk", "wave")
    path.write_text("\n")
    with pytest.raises(InputError, match="one prompt a line, got an empty file"):
        read_prompts(path)
    path.write_bytes(b"\xff")
    with pytest.raises(InputError, match="expected UTF-8"):
        read_prompts(path)
    with pytest.raises(InputError, match="cannot read it"):
        read_prompts(tmp_path)


def test_the_table_has_every_figure(demo: ParityReport) -> None:
    text = report_table(demo)
    for word in (
        "demo (int8) against lm",
        "level 3",
        "codec: largest error",
        "greedy",
        "sampled",
        "(for scale)",
    ):
        assert word in text
    assert max(map(len, text.splitlines())) < 100
    assert "codec:" not in report_table(replace(demo, codec=None))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    shutil.copytree(DEMO_BUNDLE, tmp_path / "bundle")
    return tmp_path / "bundle"


def test_an_accident_while_writing_leaves_the_bundle_whole(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = record.write_files
    record.record_in_bundle(bundle, {"parity.json": b"old", "parity.svg": b"old"})
    for accident in range(3):
        calls = []

        def stumble(
            folder: Path, files: Any, calls: list[Any] = calls, accident: int = accident
        ) -> None:
            calls.append(files)
            for place, (name, data) in enumerate(files.items()):
                if len(calls) > accident and place == len(files) - 1:
                    raise KeyboardInterrupt
                write(folder, {name: data})

        monkeypatch.setattr(record, "write_files", stumble)
        with pytest.raises(KeyboardInterrupt):
            record.record_in_bundle(bundle, {"parity.json": b"new", "parity.svg": b"new"})
        open_manifest(bundle)
        monkeypatch.setattr(record, "write_files", write)
        record.record_in_bundle(bundle, {"parity.json": b"old", "parity.svg": b"old"})
    assert {"parity.json", "parity.svg"} < set(open_manifest(bundle).files)


def command(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    add_command(parser.add_subparsers())
    args = parser.parse_args(["verify", *map(str, words)])
    code: int = args.func(args)
    return code


def test_the_command_writes_the_report_into_the_bundle(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="needs matplotlib for the plot")
    words = (bundle, "--against", DEMO / "lm", "--limit", "1", "--seconds", "0.4")
    before = read_manifest(bundle).files
    assert command(*words) == 0
    assert "demo (int8) against lm, prompts: 1, 0.4 s each" in capsys.readouterr().out
    manifest = open_manifest(bundle)
    assert set(manifest.files) - set(before) == {"parity.json", "parity.svg"}
    report = json.loads((bundle / "parity.json").read_text(encoding="utf-8"))
    assert [level["positions"] for level in report["levels"]] == [2] * 4
    assert report["codec"] is None
    assert (bundle / "parity.svg").read_bytes().startswith(b"<?xml")
    out = bundle.parent / "report"
    out.mkdir()
    assert command(*words, "--codec", DEMO / "codec", "-o", out, "--json") == 0
    assert json.loads(capsys.readouterr().out)["codec"]["lookahead"] == 1
    assert json.loads((out / "parity.json").read_text(encoding="utf-8"))["codec_source"] == "codec"
    assert read_manifest(bundle) == manifest


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (("none", "--against", DEMO / "lm"), BundleError, "expected a bundle folder at none"),
        ((DEMO_BUNDLE, "--against", DEMO / "lm", "--limit", "0"), InputError, "1 or more prompts, got 0"),
        ((DEMO_BUNDLE, "--against", DEMO / "lm", "-o", "none"), OutputError, "none: expected a folder for the report"),
        ((DEMO_BUNDLE, "--against", DEMO / "lm", "-o", DEMO, "--seconds", "0"), InputError, "seconds above 0"),
        ((DEMO_BUNDLE, "--against", DEMO / "lm", "-o", DEMO, "--seconds", "999"), InputError, "does not fit the model's context"),
        ((DEMO_BUNDLE, "--against", DEMO / "codec", "-o", DEMO), Exception, "expected a model of Qwen2ForCausalLM"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(
    words: tuple[Any, ...], error: type[Exception], message: str
) -> None:
    pytest.importorskip("matplotlib", reason="needs matplotlib for the plot")
    with pytest.raises(error, match=message):
        command(*words)
