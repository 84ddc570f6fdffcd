"""The source computed by torch: the same numbers as transformers and as the demo's own model, whole or token by token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
pytest.importorskip("safetensors", reason="needs safetensors, see CONTRIBUTING.md")

from kinetoken.base.errors import EngineError, InputError
from kinetoken_export.checkpoint.reference_model import ReferenceLanguageModel, ReferenceModel
from kinetoken_export.checkpoint.tensors import Checkpoint
from tiny_checkpoint import build_checkpoint

DEMO = Path(__file__).parents[3] / "export" / "checkpoints" / "demo" / "lm"
KINDS = [("qwen2", True), ("qwen2", False), ("qwen2_5_vl", True)]


def sequences(vocab: int) -> list[list[int]]:
    draw = np.random.default_rng(3)
    return [draw.integers(vocab, size=n).tolist() for n in (1, 17, 40)]


@pytest.fixture(
    scope="module", params=KINDS, ids=lambda kind: f"{kind[0]}-{'tied' if kind[1] else 'untied'}"
)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    architecture, tied = request.param
    return build_checkpoint(
        tmp_path_factory.mktemp("checkpoint"), architecture, tied=tied, shards=2, padded=5
    )


@pytest.mark.filterwarnings("ignore")
def test_logits_are_those_of_transformers(folder: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="needs transformers to compare with")
    source = Checkpoint(folder)
    (kind,) = source.architecture.classes
    model = getattr(transformers, kind).from_pretrained(folder, dtype=torch.float32).eval()
    given = sequences(source.shape.vocab_size)
    for ids, got in zip(given, ReferenceModel(source).logits(given), strict=True):
        with torch.no_grad():
            wanted = model(torch.tensor([ids])).logits[0].numpy()
        assert got.shape == (len(ids), source.shape.vocab_size)
        assert np.abs(got - wanted).max() < 2e-5 * np.abs(wanted).max()


def test_the_demo_computes_the_same() -> None:
    from kinetoken_export.demo.training.lm_model import LmConfig, Qwen2

    source = Checkpoint(DEMO)
    model = Qwen2(LmConfig(**{key: source.config[key] for key in LmConfig.__dataclass_fields__}))
    model.load_state_dict({name: torch.from_numpy(source.tensor(name)) for name in source.names()})
    given = sequences(source.shape.vocab_size)[-1]
    with torch.no_grad():
        wanted = model.eval().logits(model(torch.tensor([given]))[0], slice(None))[0].numpy()
    got = ReferenceModel(source).logits([given])[0]
    assert np.abs(got - wanted).max() < 2e-5 * np.abs(wanted).max()


def test_token_by_token_equals_the_whole(folder: Path) -> None:
    source = Checkpoint(folder)
    vocab = source.shape.vocab_size
    ids = sequences(vocab)[-1]
    wanted = ReferenceModel(source).logits([ids])[0]
    model = ReferenceLanguageModel(source)
    run, other = model.start(), model.start()
    other.push(ids[::-1], (range(vocab),))
    assert np.allclose(run.push(ids[:7], (range(vocab),)), wanted[6], atol=1e-4)
    assert np.allclose(run.push(ids[7:20], (range(vocab),)), wanted[19], atol=1e-4)
    for place in range(20, len(ids)):
        got = run.push(ids[place : place + 1], (range(3, 9), range(20, 22)))
        assert np.allclose(got, wanted[place][[*range(3, 9), 20, 21]], atol=1e-4)
    assert run.length == len(ids)


def test_weights_held_as_bfloat16_give_the_same(folder: Path) -> None:
    source = Checkpoint(folder)
    ids, allowed = sequences(source.shape.vocab_size)[-1], (range(source.shape.vocab_size),)
    whole, half = (ReferenceLanguageModel(source, compact=compact) for compact in (False, True))
    assert whole.layers[0].weights["ffn_up.weight"].dtype == torch.float32
    assert half.layers[0].weights["ffn_up.weight"].dtype == half.embedding.dtype == torch.bfloat16
    assert np.array_equal(whole.start().push(ids, allowed), half.start().push(ids, allowed))


def test_every_matrix_shows_its_inputs(folder: Path) -> None:
    source = Checkpoint(folder)
    seen: dict[str, list[np.ndarray[Any, Any]]] = {}
    given = sequences(source.shape.vocab_size)
    ReferenceModel(source).hidden(
        given, observe=lambda name, inputs: seen.setdefault(name, []).append(inputs)
    )
    tied = source.shape.tied
    matrices = {n for n in source.names("model.layers.") if len(source.dims(n)) == 2} | {
        "model.embed_tokens.weight" if tied else "lm_head.weight"
    }
    assert set(seen) == matrices
    for name, arrays in seen.items():
        assert [array.shape for array in arrays] == [
            (len(ids), source.dims(name)[1]) for ids in given
        ]


def test_impossible_tokens_are_refused(folder: Path) -> None:
    source = Checkpoint(folder)
    vocab = source.shape.vocab_size
    with pytest.raises(InputError, match=f"within 0..{vocab - 1}, got 3..{vocab}"):
        ReferenceModel(source).logits([[3, vocab]])
    run = ReferenceLanguageModel(source, context=4).start()
    with pytest.raises(EngineError, match="1 to 4 tokens"):
        run.push([1, 2, 3, 4, 5], (range(9),))
