"""An image through llama.cpp: the logits are those of transformers, cells and positions stay apart, nothing is looked at twice."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from llama_package import needs_llama

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
pytest.importorskip("gguf", reason="needs gguf, in kinetoken[export]")
needs_llama()

from kinetoken.base.errors import EngineError
from kinetoken.engines import memory
from kinetoken.engines.llamacpp import interruptible
from kinetoken.engines.llamacpp import model as llamacpp
from kinetoken.engines.llamacpp.model import LlamaCppLanguageModel
from kinetoken.engines.llamacpp.positions import CellPositions
from kinetoken.engines.llamacpp.vision import LlamaCppVision
from kinetoken.engines.prompt_items import EncodedImage, PromptItem, count_cells
from kinetoken.engines.protocols import feed_items
from kinetoken.engines.tokenizer import HfTokenizer
from kinetoken_export.gguf.vision_tower import export_mmproj
from tiny_gguf import Made, make

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
BEFORE = "<|im_start|>system\nYou are<|im_end|>\n<|im_start|>user\n<|vision_start|>"
AFTER = "<|vision_end|>a person walks<|im_end|>\n<|im_start|>assistant\nI walk and jump"
# Largest differences that were seen are a third of these (llama.cpp's norms lack the epsilon); the logits' deviation is 1.3.
TOLERANCES = {"f32": 4e-3, "f16": 3e-2}
SIZES = {
    "wide": (140, 168),
    "tall": (364, 112),
    "large": (308, 336),
}  # rows, columns of pixels; 30, 52, 132 cells


def picture(height: int, width: int) -> Image:
    """A gradient with a bright square: windows and rows differ."""
    rows, columns = np.mgrid[:height, :width]
    made = np.stack([rows, columns, (rows * columns) % 256], -1).astype(np.uint8)
    made[30:60, 60:100] = (255, 40, 0)
    return made


@dataclass(frozen=True)
class Eye:
    """A language model, its vision tower, and where they come from."""

    made: Made
    model: LlamaCppLanguageModel
    vision: LlamaCppVision
    mmproj: Path

    def ids(self, text: str) -> list[int]:
        return HfTokenizer(self.mmproj.parent / "tokenizer.json").encode_template(text)

    def chat(self, image: EncodedImage) -> list[PromptItem]:
        return [*self.ids(BEFORE), image, *self.ids(AFTER)]

    def logits(self, chat: Sequence[PromptItem], last: int, run: Any = None) -> Floats:
        """Logits (last, vocab) after each of the last tokens, which are fed one by one."""
        run, every = run or self.model.start(), self.made.every
        rows = [feed_items(run, chat[: len(chat) - last + 1], every).copy()]
        rows += [run.push([token], every).copy() for token in chat[len(chat) - last + 1 :]]
        return np.array(rows)


def opened(folder: Path, quantization: str) -> Eye:
    made = make(folder, "qwen2_5_vl", quantization, padded=0)
    export_mmproj(made.source, folder / "mmproj.gguf", quantization)
    model = made.load()
    return Eye(made, model, model.vision(folder / "mmproj.gguf", "tiny"), folder / "mmproj.gguf")


@pytest.fixture(scope="module")
def eyes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Eye]:
    folder = tmp_path_factory.mktemp("eyes")
    return {
        quantization: opened(folder / quantization, quantization) for quantization in TOLERANCES
    }


@pytest.fixture
def eye(eyes: dict[str, Eye]) -> Eye:
    return eyes["f32"]


@pytest.fixture(scope="module")
def source(eyes: dict[str, Eye]) -> Any:
    transformers = pytest.importorskip("transformers", reason="needs transformers to compare with")
    folder = eyes["f32"].mmproj.parent
    return transformers.Qwen2_5_VLForConditionalGeneration.from_pretrained(
        folder, dtype=torch.float32
    )


def expected(source: Any, eye: Eye, image: Image) -> Floats:
    """transformers' logits (tokens after the image, vocab), pixels prepared by its own image processor."""
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    seen = Qwen2VLImageProcessorPil.from_pretrained(eye.mmproj.parent)(
        images=[image], return_tensors="pt"
    )
    (pad,) = eye.ids("<|image_pad|>")
    grid = seen["image_grid_thw"]
    ids = [*eye.ids(BEFORE), *[pad] * (int(grid.prod()) // 4), *eye.ids(AFTER)]
    kinds = torch.tensor([[int(token == pad) for token in ids]])
    with torch.no_grad():
        out = source(
            torch.tensor([ids]),
            pixel_values=seen["pixel_values"],
            image_grid_thw=grid,
            mm_token_type_ids=kinds,
        )
    rows: Floats = out.logits[0, -len(eye.ids(AFTER)) :].numpy()
    return rows


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("quantization", TOLERANCES)
def test_the_logits_are_those_of_transformers(
    eyes: dict[str, Eye], source: Any, quantization: str, size: str
) -> None:
    eye, image = eyes[quantization], picture(*SIZES[size])
    seen = eye.vision.see(image)
    height, width = SIZES[size]
    assert (seen.rows, seen.columns, seen.positions) == (
        height // 28,
        width // 28,
        max(height, width) // 28,
    )
    want = expected(source, eye, image)
    got = eye.logits(eye.chat(seen), len(want))
    assert want.std() > 1
    np.testing.assert_allclose(got, want, atol=TOLERANCES[quantization])
    np.testing.assert_array_equal(got.argmax(1), want.argmax(1))


def test_what_is_seen_and_where_it_stands_both_matter(eye: Eye, source: Any) -> None:
    image = picture(*SIZES["tall"])
    want, seen = expected(source, eye, image), eye.vision.see(image)
    without = eye.logits([*eye.ids(BEFORE), *eye.ids(AFTER)], len(want))
    in_a_row = dataclasses.replace(
        seen, columns=seen.cells
    )  # a position a cell, as if it were text
    turned = dataclasses.replace(seen, columns=seen.rows)
    assert np.abs(without - want).max() > 0.5
    assert np.abs(eye.logits(eye.chat(in_a_row), len(want)) - want).max() > 0.5
    assert np.abs(eye.logits(eye.chat(turned), len(want)) - want).max() > 10 * TOLERANCES["f32"]


def test_the_embeddings_of_transformers_give_its_logits(eye: Eye, source: Any) -> None:
    """Without llama.cpp's tower, whose activations are rounded, what is left is the cache: places and attention."""
    image = picture(*SIZES["large"])
    want, seen = expected(source, eye, image), eye.vision.see(image)
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    pixels = Qwen2VLImageProcessorPil.from_pretrained(eye.mmproj.parent)(
        images=[image], return_tensors="pt"
    )
    with torch.no_grad():
        found = source.model.visual(pixels["pixel_values"], pixels["image_grid_thw"])
    exact = dataclasses.replace(seen, embeddings=getattr(found, "pooler_output", found).numpy())
    np.testing.assert_allclose(eye.logits(eye.chat(exact), len(want)), want, atol=2e-3)


def test_however_an_image_is_cut_the_logits_are_the_same(
    eye: Eye, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = eye.vision.see(picture(*SIZES["large"]))
    chat, rows = eye.chat(seen), []
    for piece in (7, 64, 300):
        monkeypatch.setattr(llamacpp, "CPU_PIECE", piece)
        whole = dataclasses.replace(eye, model=eye.made.load())
        rows.append(whole.logits(chat, 9))
    np.testing.assert_allclose(rows[1], rows[0], atol=2e-4)
    np.testing.assert_allclose(rows[2], rows[0], atol=2e-4)


@pytest.mark.parametrize("head", ["slice", "full"])
def test_an_image_and_the_narrow_head(eye: Eye, monkeypatch: pytest.MonkeyPatch, head: str) -> None:
    monkeypatch.setenv("KINETOKEN_HEAD", head)
    model, seen = eye.made.load(), eye.vision.see(picture(*SIZES["wide"]))
    run, chat = model.start(), eye.chat(seen)
    few, tail = (range(5, 25),), eye.ids("walk forward and jump")
    want = eye.logits([*chat, *tail], len(tail))[:, 5:25]
    feed_items(run, chat, few)
    for token, row in zip(tail, want, strict=True):
        np.testing.assert_allclose(run.push([token], few), row, atol=1e-4)
    run.rewind(count_cells(chat))
    run.look(seen)
    np.testing.assert_allclose(
        run.push(tail[:1], few), eye.logits([*chat, seen, tail[0]], 1)[0, 5:25], atol=1e-4
    )


def test_a_run_goes_back_before_and_behind_an_image(eye: Eye) -> None:
    one, two = eye.vision.see(picture(*SIZES["wide"])), eye.vision.see(picture(*SIZES["tall"]))
    assert one != two
    chat, other = eye.chat(one), eye.chat(two)
    run, every = eye.model.start(), eye.made.every
    feed_items(run, chat, every)
    assert run.length == count_cells(chat) == len(chat) - 1 + one.cells
    at = len(eye.ids(BEFORE))
    run.rewind(at + one.cells + 3)
    got = feed_items(run, chat[at + 4 :], every)
    np.testing.assert_allclose(got, eye.logits(chat, 1)[0], atol=1e-4)
    run.rewind(at)
    np.testing.assert_allclose(
        feed_items(run, other[at:], every), eye.logits(other, 1)[0], atol=1e-4
    )
    run.look(one)
    run.rewind(run.length)
    got = run.push(eye.ids("walk"), every)
    np.testing.assert_allclose(got, eye.logits([*other, one, *eye.ids("walk")], 1)[0], atol=1e-4)
    with pytest.raises(
        EngineError, match=r"lies within an image, cells \d+ to \d+; go back before it"
    ):
        run.rewind(at + 5)


def test_half_an_image_is_none(eye: Eye, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C between two pieces: the run can go back to where it was."""
    seen = eye.vision.see(picture(*SIZES["large"]))
    run, chat, real = eye.model.start(), eye.chat(seen), llamacpp.image_batches

    def broken(*arguments: Any) -> Any:
        batches = real(*arguments)
        yield next(batches)
        raise KeyboardInterrupt

    monkeypatch.setattr(llamacpp, "image_batches", broken)
    with pytest.raises(KeyboardInterrupt):
        feed_items(run, chat, eye.made.every)
    monkeypatch.undo()
    assert run.length == len(eye.ids(BEFORE))
    run.rewind(run.length)
    got = feed_items(run, chat[run.length :], eye.made.every)
    np.testing.assert_allclose(got, eye.logits(chat, 1)[0], atol=1e-4)


def test_places_of_many_images() -> None:
    places = CellPositions()
    places.add(10, 30, 6)
    places.add(45, 52, 13)
    assert [places.position(cell) for cell in (9, 10, 40, 45, 97, 100)] == [9, 10, 16, 21, 34, 37]
    places.cut(45)
    assert places.position(97) == 73
    places.cut(0)
    assert places.position(97) == 97


def test_what_does_not_fit_is_one_line(eye: Eye) -> None:
    seen, run = eye.vision.see(picture(*SIZES["large"])), eye.model.start()
    run.look(seen)
    run.look(seen)
    with pytest.raises(
        EngineError, match="expected at most 300 tokens in the context, got 396; ask for less"
    ):
        run.look(seen)
    with pytest.raises(EngineError, match="a state holds tokens alone"):
        run.state()
    run.rewind(0)
    with pytest.raises(
        EngineError,
        match=r"expected an image \(132, 256\), got \(132, 9\); look at it with this model",
    ):
        run.look(dataclasses.replace(seen, embeddings=np.zeros((132, 9), np.float32)))
    with pytest.raises(EngineError, match=r"of multiples of 28 pixels, got \(30, 56, 3\)"):
        eye.vision.see(np.zeros((30, 56, 3), np.uint8))


def test_images_are_equal_where_model_and_pixels_are(eye: Eye) -> None:
    image = picture(*SIZES["wide"])
    one, again = eye.vision.see(image), eye.vision.see(image)
    assert one == again
    assert hash(one) == hash(again)
    assert one.digest not in (eye.model.vision(eye.mmproj, "another").see(image).digest, "")
    assert one != eye.vision.see(255 - image)
    assert one != eye.vision.see(image.reshape(168, 140, 3))
    assert one != 5
    np.testing.assert_array_equal(one.embeddings, again.embeddings)


def test_looking_is_watched_and_can_be_stopped(eye: Eye, monkeypatch: pytest.MonkeyPatch) -> None:
    shares: list[float] = []
    monkeypatch.setattr(interruptible, "HEARTBEAT", 0.0)
    image = picture(560, 560)
    eye.vision.see(image, shares.append)
    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] <= 1

    def stop(share: float) -> None:
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        eye.vision.see(image, stop)
    assert threading.active_count() == before
    np.testing.assert_array_equal(
        eye.vision.see(image).embeddings, eye.vision.see(image).embeddings
    )


def test_towers_that_cannot_be_used_are_one_line(
    eye: Eye, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, path = eye.mmproj.read_bytes(), tmp_path / "mmproj.gguf"
    wrong = {
        "expected a GGUF, got another kind of file": b"no tower",
        "damaged": whole[:900],
        "expected a vision tower of qwen2.5vl_merger, got b'qwen2.5vl_nerger'": whole.replace(
            b"vl_merger", b"vl_nerger"
        ),
        "expected keys that are known, got clip.vision.match_size": whole.replace(
            b"clip.vision.patch_size", b"clip.vision.match_size"
        ),
        "got its end at": whole[:-5000],
    }
    for message, data in wrong.items():
        path.write_bytes(data)
        with pytest.raises(EngineError, match=message) as caught:
            eye.model.vision(path, "x")
        assert "\n" not in str(caught.value)
    with pytest.raises(EngineError, match=r"cannot read .*nowhere"):
        eye.model.vision(tmp_path / "nowhere", "x")
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    (tmp_path / "meminfo").write_text("MemAvailable: 1 kB\n")
    with pytest.raises(
        EngineError, match=r"looking at an image of 4 cells needs .* ask for fewer --image-cells"
    ):
        eye.vision.see(picture(56, 56))


def test_a_tower_of_another_width_is_refused(eye: Eye, tmp_path: Path) -> None:
    other = make(tmp_path / "other", "qwen2_5_vl", "f32")
    smaller = dataclasses.replace(other.source.shape, hidden=128)
    model = type("Model", (), {"embedding": smaller.hidden, "pointer": None})()
    with pytest.raises(
        EngineError, match="expected 128 numbers a cell, got 256; export the bundle again"
    ):
        LlamaCppVision(eye.mmproj, "x", model, 1, False, True)


# Largest differences of a logit, three times what was seen; docs/images.md has the figures.
TOWER_TOLERANCES = {"f16": 0.005, "q8_0": 0.3, "bf16": 0.05}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("precision", TOWER_TOLERANCES)
def test_a_quantized_tower_moves_the_logits_a_little(
    eye: Eye, tmp_path: Path, precision: str, size: str
) -> None:
    """The language model stays in f32: what moves is the tower's part."""
    export_mmproj(eye.made.source, tmp_path / "mmproj.gguf", precision)
    other = eye.model.vision(tmp_path / "mmproj.gguf", "other")
    image, last = picture(*SIZES[size]), len(eye.ids(AFTER))
    want = eye.logits(eye.chat(eye.vision.see(image)), last)
    got = eye.logits(eye.chat(other.see(image)), last)
    apart = got - want
    assert 0 < np.abs(apart).max() < TOWER_TOLERANCES[precision]
    assert (got.argmax(1) == want.argmax(1)).mean() >= (0.8 if precision == "q8_0" else 1)
