"""A sentence encoder learns to tell what captions ask for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
pytest.importorskip("transformers", reason="needs transformers")

from kinetoken.base.errors import InputError
from kinetoken_export.demo.training.teacher.sentence_teacher import SentenceTeacher
from kinetoken_export.demo.training.teacher.train_teacher import TeacherTraining, train_teacher
from kinetoken_export.demo.words.requests import CaptionSet, Part, Request
from tiny_encoder import write_tiny_encoder

ACTIONS = {"walk_forward": "walk", "bow": "bow", "wave_left": "wave"}


def captions(each: int) -> CaptionSet:
    """Captions whose action is one word of theirs, among words that are in no other."""
    random = np.random.default_rng(0)
    single: dict[str, list[Request]] = {}
    for action, verb in ACTIONS.items():
        single[action] = []
        for number in range(each):
            words = [verb, *(f"{verb}{number}x{i}" for i in range(5))]
            text = " ".join(random.permutation(words))
            single[action].append(Request(text, (Part(action),)))
    return CaptionSet(single, [], [])


def test_it_tells_captions_apart_that_it_never_saw(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    encoder = write_tiny_encoder(tmp_path / "encoder")
    plan = TeacherTraining(epochs=40, batch=16, peak=1e-2, warm_up=5)
    share = train_teacher(encoder, captions(120), plan, tmp_path / "out")
    assert share > 0.9
    before, after = (SentenceTeacher(folder) for folder in (encoder, tmp_path / "out"))
    texts = ["walk a person", "bow a person"]
    near = [
        float(torch.cosine_similarity(*t.embed(texts).split(1)).item()) for t in (before, after)
    ]
    assert near[1] < near[0]
    # Words that no caption holds keep their place.
    tables = [t.encoder.embeddings.word_embeddings.weight for t in (before, after)]
    assert torch.equal(*tables)


def test_a_folder_that_is_no_sentence_encoder_is_refused(tmp_path: Path) -> None:
    demo = Path(__file__).parents[5] / "export" / "checkpoints" / "demo"
    for folder, reason in (
        (tmp_path, "without a config.json"),
        (demo / "codec", "which transformers does not read"),
        (demo / "lm", "a model of type qwen2"),
    ):
        with pytest.raises(
            InputError, match=f"--teacher: expected the folder of .*{reason}.*: give"
        ):
            SentenceTeacher(folder)
