"""The whole road from clips to a bundle that plays, on a few steps of training; and going on after a stop."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")

from safetensors.torch import load_file
from tokenizers import Tokenizer

import kinetoken
from kinetoken.base.errors import InputError
from kinetoken_export.bundle.build import build_bundle
from kinetoken_export.bundle.request import ExportRequest
from kinetoken_export.checkpoint.sources import find_codec, find_model
from kinetoken_export.codecs.own_model import CodecConfig, MotionCodec, load_codec
from kinetoken_export.demo.data.augment import to_features
from kinetoken_export.demo.data.cutting import Window
from kinetoken_export.demo.training import lm_data, lm_steps
from kinetoken_export.demo.training.chat_examples import (
    CLOSE_WEIGHT,
    Block,
    ChatCoder,
    ChatTurn,
    Example,
)
from kinetoken_export.demo.training.codec.train_codec import (
    CodecTraining,
    train_codec,
    write_codec,
)
from kinetoken_export.demo.training.coded.coded_window import CodedWindow
from kinetoken_export.demo.training.lm_data import Coder
from kinetoken_export.demo.training.lm_model import LmConfig, Qwen2
from kinetoken_export.demo.training.teacher.sentence_teacher import Foretold, LooseTexts
from kinetoken_export.demo.training.train_lm import LmTraining, train_lm
from kinetoken_export.demo.training.train_words import WordTraining, train_words
from kinetoken_export.demo.words.requests import CaptionSet, Exclusion, read_captions
from kinetoken_export.demo.words.tokenizer import id_of
from synthetic import walker
from tiny_encoder import write_tiny_encoder

FOLDER = Path(__file__).parents[4] / "export" / "captions"
EVERY = read_captions(FOLDER)
FEW = CaptionSet(
    {action: mine[:12] for action, mine in EVERY.single.items()},
    EVERY.sequences[:40],
    EVERY.unknown[:40],
)
CAPTIONS = (FEW, Exclusion([]))
CODEC = CodecTraining(steps=6, batch=4, frames=32, unquantized=3, save_every=2)
WORDS = WordTraining(steps=4, tokens=200, save_every=4)
LM = LmTraining(steps=4, tokens=400, save_every=4)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder with clips, a codec, a language model and a bundle, all hardly trained."""
    work = tmp_path_factory.mktemp("work")
    clips = {f"cmu_99_{i:02d}": walker(90 + 10 * i, turn=20.0 * i) for i in range(3)}
    np.savez(work / "clips.npz", **clips)
    torch.set_num_threads(1)
    train_codec(work, CODEC, work / "codec")
    _windows(work)
    train_words(work, *CAPTIONS, WORDS)
    train_lm(work, work / "codec", *CAPTIONS, LM, work / "lm")
    build_bundle(
        ExportRequest(
            find_model(str(work / "lm")),
            find_codec(str(work / "codec")),
            work / "bundle",
            "test",
            quant="int8",
        )
    )
    return work


def _windows(work: Path) -> None:
    """Coded windows of a few actions, in place of those of the real clips."""
    coder = Coder(*load_codec(work / "codec"))
    codes = coder.encode(np.zeros((48, 263), np.float32))
    found = [
        CodedWindow(codes, action, "a", count=1)
        for action in ("walk_forward", "bow", "shrug", "stand_still")
    ]
    lm_data.save_coded(work / "lm_windows.npz", found)


def test_the_checkpoint_has_the_layout_of_the_real_one(trained: Path) -> None:
    config = json.loads((trained / "lm" / "config.json").read_text())
    assert config["architectures"] == ["Qwen2ForCausalLM"]
    assert config["tie_word_embeddings"] is False
    assert {p.name for p in (trained / "codec").iterdir()} == {
        "motion_rvq_weights.safetensors", "config.json", "Mean.npy", "Std.npy",
    }  # fmt: skip
    assert {p.name for p in (trained / "lm").iterdir()} >= {
        "model.safetensors",
        "tokenizer.json",
        "chat_template.jinja",
    }


def test_transformers_reads_it_and_agrees_with_the_runtime(trained: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="needs transformers")
    model = transformers.AutoModelForCausalLM.from_pretrained(
        trained / "lm", dtype=torch.float32
    ).eval()
    generator = kinetoken.load(trained / "bundle", threads=1)
    ids = list(
        np.random.default_rng(0).integers(0, generator.manifest.language_model.vocab_size, 24)
    )
    with torch.no_grad():
        wanted = model(torch.tensor([ids])).logits[0, -1].numpy()
    run = generator.bundle.language_model.start()
    got = run.push([int(i) for i in ids], (range(generator.manifest.language_model.vocab_size),))
    assert np.abs(got - wanted).max() < 0.1 * np.abs(wanted).max()


def test_the_bundle_answers_and_streams_as_the_codec_decodes(trained: Path) -> None:
    generator = kinetoken.load(trained / "bundle", threads=1)
    clip = generator.generate("a person walks forward", seconds=2.0, seed=1)
    assert len(clip) == 40
    assert clip.codes is not None
    assert clip.features is not None
    codec = generator.manifest.codec
    assert (codec.past, codec.lookahead) == (16, 1)
    again = Coder(*load_codec(trained / "codec")).features(clip.codes)
    np.testing.assert_allclose(clip.features, again, atol=5e-3)


def test_training_goes_on_where_it_was_stopped(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train_codec(trained, replace(CODEC, steps=8), trained / "codec2")
    train_words(trained, *CAPTIONS, replace(WORDS, steps=5))
    train_lm(trained, trained / "codec", *CAPTIONS, replace(LM, steps=6), trained / "lm2")
    said = capsys.readouterr().out
    assert "step 8" in said
    assert "step 6" in said
    assert "step 2 " not in said


def test_a_training_begins_with_a_language_model(trained: Path, tmp_path: Path) -> None:
    shutil.copyfile(trained / "lm_windows.npz", tmp_path / "lm_windows.npz")
    codec, out, plan = trained / "codec", tmp_path / "out", replace(LM, steps=1, peak=1e-12)
    train_lm(tmp_path, codec, *CAPTIONS, plan, out, start=trained / "lm")
    before, after = (load_file(folder / "model.safetensors") for folder in (trained / "lm", out))
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    with pytest.raises(InputError, match="--start: expected a language model"):
        train_lm(tmp_path, codec, *CAPTIONS, plan, out, start=trained / "codec")


def test_examples_may_be_drawn_by_other_processes(trained: Path, tmp_path: Path) -> None:
    shutil.copyfile(trained / "lm_windows.npz", tmp_path / "lm_windows.npz")
    shutil.copyfile(trained / "tokenizer.json", tmp_path / "tokenizer.json")
    (tmp_path / "clips.npz").symlink_to(trained / "clips.npz")
    plan = replace(LM, steps=2, workers=2)
    train_lm(tmp_path, trained / "codec", *CAPTIONS, plan, tmp_path / "lm")
    assert torch.load(tmp_path / "lm.pt", weights_only=True)["step"] == 2
    train_codec(tmp_path, replace(CODEC, workers=2), tmp_path / "codec", start=trained / "codec")
    assert torch.load(tmp_path / "codec.pt", weights_only=True)["step"] == CODEC.steps


def test_each_process_draws_others(trained: Path) -> None:
    random = np.random.default_rng(0)
    coder = ChatCoder(Tokenizer.from_file(str(trained / "tokenizer.json")))

    def draw() -> Example:
        return coder.question(f"{int(random.integers(10**9))} {os.getpid()}")

    texts: list[str] = []
    for _ in range(2):  # a training, and the same one that goes on with the numbers drawn next
        rows = lm_steps.drawn_batches(draw, 100, [random], 2)
        texts += [text for _ in range(20) for text in next(rows).texts]
    numbers, processes = zip(*(text.split() for text in texts), strict=True)
    assert len(set(numbers)) == len(numbers)
    assert len(set(processes) - {str(os.getpid())}) == 4, "two for each training"


def test_a_training_does_not_go_on_without_what_it_had_beside_the_model(trained: Path) -> None:
    size = Tokenizer.from_file(str(trained / "tokenizer.json")).get_vocab_size()
    model, beside = Qwen2(LmConfig(vocab_size=size)), torch.nn.Linear(256, 8)
    optimizer = lm_steps.optimizer_of(model, 1e-3, beside)
    with pytest.raises(InputError, match=r"lm\.pt: expected a training with --teacher, got one wi"):
        lm_steps.resume(trained / "lm.pt", model, optimizer, beside)


def test_a_training_of_minutes_ends_with_them(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "clips.npz").symlink_to(trained / "clips.npz")
    plan = replace(CODEC, steps=10**6, minutes=1e-3)
    train_codec(tmp_path, plan, tmp_path / "codec", start=trained / "codec")
    state = torch.load(tmp_path / "codec.pt", weights_only=True)
    assert state["step"] < 100
    assert state["minutes"] >= 1e-3
    assert f"step {state['step']} " in capsys.readouterr().out


def test_layers_are_added_that_change_nothing(trained: Path) -> None:
    weights = load_file(trained / "lm" / "model.safetensors")
    small = _model_of(lm_steps.grown(weights, 6), 6)
    large = _model_of(lm_steps.grown(weights, 8), 8)
    ids = torch.arange(40).reshape(2, 20)
    small.eval(), large.eval()
    with torch.no_grad():
        assert torch.allclose(large(ids)[0], small(ids)[0], atol=1e-5)
    silent = [n for n, w in large.state_dict().items() if "o_proj" in n and not w.any()]
    assert silent == [
        "model.layers.2.self_attn.o_proj.weight",
        "model.layers.4.self_attn.o_proj.weight",
    ]


def _model_of(weights: dict[str, torch.Tensor], layers: int) -> Qwen2:
    vocabulary = len(weights["lm_head.weight"])
    model = Qwen2(LmConfig(vocabulary, num_hidden_layers=layers))
    model.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    return model


def test_words_are_written_surer_than_they_are_learnt(trained: Path) -> None:
    tokenizer = Tokenizer.from_file(str(trained / "tokenizer.json"))
    model = _model_of(load_file(trained / "lm" / "model.safetensors"), 6)
    before = model.head.detach()
    share = (lm_steps.sharpened(before, tokenizer, 4.0) / before).mean(1)
    code, close = id_of(tokenizer, "<m_0_0>"), id_of(tokenizer, "</move>")
    assert torch.allclose(share[code:], torch.ones(len(share) - code))
    assert float(share[close]) == pytest.approx(1)
    assert float(share[id_of(tokenizer, "<move>")]) == pytest.approx(4)
    assert float(share[id_of(tokenizer, "<|im_end|>")]) == pytest.approx(4)


def test_a_sentence_encoder_teaches_what_requests_mean(trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="needs transformers")
    encoder = write_tiny_encoder(tmp_path / "encoder")
    shutil.copyfile(trained / "lm_windows.npz", tmp_path / "lm_windows.npz")
    codec, out = trained / "codec", tmp_path / "out"
    plan = replace(LM, steps=2, save_every=1, teacher=encoder)
    train_lm(tmp_path, codec, *CAPTIONS, plan, out, start=trained / "lm")
    state = torch.load(tmp_path / "lm.pt", weights_only=True)
    assert state["beside"]["project.weight"].shape == (16, 256)
    train_lm(tmp_path, codec, *CAPTIONS, replace(plan, steps=3), out)
    assert torch.load(tmp_path / "lm.pt", weights_only=True)["step"] == 3
    assert set(load_file(out / "model.safetensors")) == set(
        load_file(trained / "lm" / "model.safetensors")
    )
    with pytest.raises(InputError, match="--teacher: expected the folder of a sentence encoder"):
        train_lm(tmp_path, codec, *CAPTIONS, replace(plan, teacher=tmp_path), out)


def test_the_meaning_of_a_request_is_the_teachers(trained: Path) -> None:
    class Teacher:
        width = 4

        def embed(self, texts: list[str]) -> torch.Tensor:
            return torch.eye(4)[[len(text) % 4 for text in texts]]

    foretold = Foretold(Teacher(), 8)  # type: ignore[arg-type]
    torch.nn.init.zeros_(foretold.project.bias)
    wanted = torch.eye(4)[[1, 2]]
    states = wanted @ torch.linalg.pinv(foretold.project.weight).T
    with torch.no_grad():
        assert float(foretold.loss(states, ["a", "ab"])) == pytest.approx(0, abs=1e-5)
        assert float(foretold.loss(-states, ["a", "ab"])) == pytest.approx(2, abs=1e-5)


def test_loose_texts_hold_words_that_no_caption_has(trained: Path) -> None:
    tokenizer = Tokenizer.from_file(str(trained / "tokenizer.json"))
    loose = LooseTexts(FEW, tokenizer, np.random.default_rng(0))
    texts = [loose.draw() for _ in range(300)]
    assert all(texts)
    captions = {r.text for r in FEW.all()}
    known = {word for text in captions for word in text.split()}
    assert sum(not known.issuperset(text.split()) for text in texts) > 100
    assert sum(text in captions for text in texts) < 60
    assert set(loose.sample(20)) <= captions


def test_a_training_begins_with_a_codec_whose_patches_did_not_overlap(
    trained: Path, tmp_path: Path
) -> None:
    (tmp_path / "clips.npz").symlink_to(trained / "clips.npz")
    shipped = Path(__file__).parents[4] / "export" / "checkpoints" / "demo" / "codec"
    window = Window("walk_forward", _walk_rows(tmp_path), "a")
    train_codec(tmp_path, replace(CODEC, steps=1), tmp_path / "out", [window], start=shipped)
    model, mean, _ = load_codec(tmp_path / "out")
    old, old_mean, _ = load_codec(shipped)
    assert model.config.overlap
    assert torch.equal(mean, old_mean)
    latents = torch.randn(1, 64, 8)
    with torch.no_grad():
        new, before = model.decoder(latents), old.decoder(latents)
    # One step of training hardly moves it, and its first patch is nobody else's.
    torch.testing.assert_close(new[..., :4], before[..., :4], atol=0.1, rtol=0.1)


def test_the_decoder_alone_learns_while_codes_stay_valid(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "clips.npz").symlink_to(trained / "clips.npz")
    plan = replace(CODEC, steps=2, decoder_only=True)
    train_codec(tmp_path, plan, tmp_path / "out", start=trained / "codec")
    before, after = (load_codec(f)[0].state_dict() for f in (trained / "codec", tmp_path / "out"))
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert same == {name for name in before if not name.startswith("decoder.")}
    with pytest.raises(InputError, match=r"codec\.pt: expected a training without --decoder-only"):
        train_codec(tmp_path, CODEC, tmp_path / "out", start=trained / "codec")


def test_a_codec_of_other_sizes_is_no_start(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "clips.npz").symlink_to(trained / "clips.npz")
    narrow = MotionCodec(CodecConfig(decoder_width=64))
    write_codec(narrow, np.zeros(263, np.float32), np.ones(263, np.float32), tmp_path / "narrow")
    with pytest.raises(InputError, match="--start: expected a codec of the sizes of this one"):
        train_codec(tmp_path, CODEC, tmp_path / "out", start=tmp_path / "narrow")


def test_patches_fade_into_each_other_without_a_jolt() -> None:
    torch.manual_seed(0)
    latents = torch.randn(1, 64, 40)
    jolts = []
    for overlap in (False, True):
        decoder = MotionCodec(CodecConfig(decoder_width=64, overlap=overlap)).decoder
        with torch.no_grad():
            # Every frame of a patch alike: all that changes lies on the seams.
            for parameter in (decoder.patch.weight, decoder.patch.bias):
                frames = parameter.view(-1, 263, *parameter.shape[1:])
                frames.copy_(frames[:1].expand_as(frames).clone())
            jolts.append(decoder(latents).diff(dim=-1).abs().amax().item())
    assert jolts[1] < 0.6 * jolts[0]


def _walk_rows(work: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Rows (40, 263) of one walk."""
    with np.load(work / "clips.npz") as clips:
        return to_features(clips["cmu_99_00"])[:40]


def test_level_0_alone_decodes(trained: Path) -> None:
    coder = Coder(*load_codec(trained / "codec"))
    assert coder.joints(np.zeros((5, 1), np.int64)).shape == (20, 22, 3)


def test_the_loss_is_on_the_answer_alone(trained: Path) -> None:
    coder = ChatCoder(Tokenizer.from_file(str(trained / "tokenizer.json")))
    codes = np.zeros((3, 2), np.int64)
    turns = [
        ChatTurn("bow <move>", (Block("I bow.", codes), Block("", codes))),
        ChatTurn("again", (Block("I bow.", None),)),
    ]
    example = coder.encode(turns)
    ids, weights = example.ids, example.weights
    assert example.text == "bow <move>"
    assert list(ids[: example.asked]) == coder.prompt("bow <move>")
    given = coder.tokenizer.decode(list(ids[weights == 0]), skip_special_tokens=False)
    assert given.startswith("bow <move><|im_end|>\n<|im_start|>assistant\n")
    assert given.endswith("<|im_start|>user\nagain<|im_end|>\n<|im_start|>assistant\n</move>")
    assert coder.system[-2:] == coder.text("<|im_start|>user\n")[-2:]
    assert ids[-1] == coder.end
    assert (ids == coder.move_start).sum() == 3
    assert weights[np.flatnonzero(ids == coder.move_end)[0]] == CLOSE_WEIGHT


def test_a_chat_is_what_a_session_shows_the_model(trained: Path) -> None:
    from kinetoken.generation.chat_format import Said, prompt_ids

    bundle = kinetoken.load(trained / "bundle", threads=1).bundle
    coder = ChatCoder(Tokenizer.from_file(str(trained / "tokenizer.json")))
    turn = ChatTurn("bow", (Block("I bow.", np.zeros((3, 4), np.int64)),))
    first = coder.encode([turn]).ids
    answer = tuple(int(i) for i in first[len(coder.prompt("bow")) : -1])
    shown = prompt_ids(bundle, "again", [Said("bow", answer)])
    turns = [ChatTurn("bow", (Block("I bow.", np.zeros((3, 4), np.int64)),)), ChatTurn("again", ())]
    ids = coder.encode(turns).ids
    assert [*coder.system, *ids[:-1]] == shown


def test_no_clips_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="kinetoken train-demo prepare"):
        train_codec(tmp_path, CODEC, tmp_path / "codec")


def test_others_may_read_what_was_written(trained: Path) -> None:
    modes = {
        p.stat().st_mode & 0o777
        for folder in ("lm", "codec", "bundle")
        for p in (trained / folder).iterdir()
    }
    assert len(modes) == 1
