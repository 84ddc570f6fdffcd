"""An image from the command line or from Python to an answer: looked at once, refused in one line where it cannot be."""

from __future__ import annotations

import dataclasses
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import kinetoken
from kinetoken.base.errors import BundleError, EngineError, FormatError, InputError
from kinetoken.cli.main import main
from kinetoken.cli.terminal import image_bar
from kinetoken.engines.prompt_items import (
    EncodedImage,
    PromptItem,
    count_cells,
    ids_without_images,
    items_within,
)
from kinetoken.engines.protocols import ProgressCallback, feed_items
from kinetoken.engines.scripted import IMAGE_CELL, ScriptedLanguageModel, ScriptedRun
from kinetoken.generation.bundle import Bundle, open_bundle
from kinetoken.generation.chat_format import ids_before_prompt, prompt_ids, with_image
from kinetoken.generation.generator import Generator
from kinetoken.generation.image_file import ImageFile
from llama_package import needs_llama

SHORT: dict[str, Any] = {"code_frames": 3, "max_thought": 2, "seed": 4}
from writers import SilentServer


class Tower:
    """Sees cells of ten pixels, and remembers how often."""

    pixels = 10
    identity = "ten"

    def __init__(self) -> None:
        self.seen = 0

    def see(self, image: NDArray[np.uint8], watch: ProgressCallback | None = None) -> EncodedImage:
        self.seen += 1
        if watch is not None:
            watch(0.5)
        rows, columns = image.shape[0] // 10, image.shape[1] // 10
        values = image.reshape(rows, 10, columns, 30).mean((1, 3)).reshape(-1, 1).astype(np.float32)
        return EncodedImage(
            rows * columns, columns, f"{image.shape} {image.sum()}", values, 1.5, self.identity
        )


class Words:
    """The tiny bundle's tokenizer, with markers of images."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    def encode_template(self, text: str) -> list[int]:
        known = {"<|vision_start|>": [900], "<|vision_end|>": [901]}
        return known.get(text) or list(self._tokenizer.encode_template(text))


@dataclasses.dataclass(frozen=True)
class Remembering(ScriptedLanguageModel):
    """A language model that remembers its runs."""

    runs: list[ScriptedRun] = dataclasses.field(default_factory=list)

    def start(self) -> ScriptedRun:
        self.runs.append(super().start())
        return self.runs[-1]


def last_run(parts: Bundle) -> ScriptedRun:
    assert isinstance(parts.language_model, Remembering)
    return parts.language_model.runs[-1]


@pytest.fixture
def tower() -> Tower:
    return Tower()


@pytest.fixture
def parts(tiny: Path, tower: Tower) -> Bundle:
    """A bundle that sees, whose language model has no wishes."""
    bundle = open_bundle(tiny)
    size = bundle.manifest.language_model.vocab_size
    model = Remembering(lambda _: np.zeros(size, np.float32), 512)
    return dataclasses.replace(
        bundle, vision=tower, language_model=model, tokenizer=Words(bundle.tokenizer)
    )


def noise(height: int = 60, width: int = 80) -> NDArray[np.uint8]:
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)


def test_an_image_stands_before_the_words(parts: Bundle, tower: Tower) -> None:
    pytest.importorskip("PIL", reason="needs Pillow, in kinetoken[image]")
    answer = Generator(parts).stream("walk", image=noise(), **SHORT)
    for _ in answer:
        pass
    head = ids_before_prompt(parts)
    rest = prompt_ids(parts, "walk")[len(head) :]
    expected = [*head, 900, *[IMAGE_CELL] * 48, 901, *rest]
    assert last_run(parts).history[: len(expected)] == expected
    assert (tower.seen, answer.stats.motion_tokens) == (1, 3 * 4 + 2)
    assert answer.image is not None
    assert answer.clip().meta["image"] == answer.image.digest


def test_an_image_that_was_seen_is_not_looked_at_again(parts: Bundle, tower: Tower) -> None:
    pytest.importorskip("PIL", reason="needs Pillow, in kinetoken[image]")
    generator, heard = Generator(parts), list[float]()
    image = generator.look(noise(), heard.append)
    clips = [generator.generate("walk", image=image, **SHORT) for _ in range(2)]
    assert (tower.seen, heard) == (1, [0.5])
    np.testing.assert_array_equal(clips[0].joints, clips[1].joints)
    assert generator.stream("walk", **SHORT).image is None


def test_an_image_of_another_tower_is_refused_at_the_door(parts: Bundle, tiny: Path) -> None:
    foreign = EncodedImage(4, 2, "x", np.zeros((4, 1), np.float32), tower="eleven")
    blind = Generator(open_bundle(tiny))
    for generator, why in (
        (Generator(parts), "another bundle's vision tower"),
        (blind, "has no vision tower"),
    ):
        with pytest.raises(InputError, match=why):
            generator.stream("walk", image=foreign)
        with pytest.raises(InputError, match=why):
            generator.session(keep_state=False).look(foreign)


def test_what_cannot_be_is_refused_before_looking(
    parts: Bundle, tower: Tower, tmp_path: Path
) -> None:
    pytest.importorskip("PIL", reason="needs Pillow, in kinetoken[image]")
    generator = Generator(parts)
    with pytest.raises(InputError, match="seconds 5000 does not fit"):
        generator.stream("walk", image=noise(), seconds=5000)
    with pytest.raises(InputError, match="the prompt is empty"):
        generator.stream(" ", image=noise())
    with pytest.raises(InputError, match="there is no image at"):
        generator.stream("walk", image=tmp_path / "nowhere.jpg")
    small = dataclasses.replace(
        parts, language_model=ScriptedLanguageModel(lambda _: np.zeros(1, np.float32), 40)
    )
    with pytest.raises(
        InputError, match="an image of 48 cells does not fit the context of 40; ask for fewer cells"
    ):
        Generator(small).look(noise())
    assert tower.seen == 0


def test_a_tokenizer_without_markers_is_refused(parts: Bundle, tiny: Path) -> None:
    bare = dataclasses.replace(parts, tokenizer=open_bundle(tiny).tokenizer)
    image = EncodedImage(4, 2, "x", np.zeros((4, 1), np.float32))
    with pytest.raises(
        BundleError, match=r"this tokenizer has no <\|vision_start\|> and <\|vision_end\|>"
    ):
        with_image(bare, prompt_ids(bare, "walk"), image)


@pytest.mark.parametrize("name", ["onnx", "scripted"])
def test_pieces_of_a_chat_are_fed_in_order(parts: Bundle, tiny: Path, name: str) -> None:
    image = EncodedImage(6, 3, "x", np.zeros((6, 1), np.float32))
    chat: list[PromptItem] = [1, 2, image, image, 3]
    assert count_cells(chat) == 15
    assert [len(items_within(chat, n)) for n in (0, 2, 7, 8, 14, 15)] == [0, 2, 2, 3, 4, 5]
    run = (parts if name == "scripted" else open_bundle(tiny)).language_model.start()
    if name == "onnx":
        with pytest.raises(EngineError, match="takes no images; use a GGUF bundle"):
            feed_items(run, chat, (range(3),))
        return
    feed_items(run, chat, (range(3),))
    assert run.history == [1, 2, *[IMAGE_CELL] * 12, 3]
    with pytest.raises(EngineError, match="512 tokens in the context, got 615"):
        run.look(dataclasses.replace(image, cells=600))


def test_a_chat_keeps_its_image_in_the_cache(parts: Bundle, tower: Tower) -> None:
    pytest.importorskip("PIL", reason="needs Pillow, in kinetoken[image]")
    fed = list[int]()
    session = Generator(parts).session(history=0, **SHORT)
    session.look(noise())
    turns = []
    for prompt in ("walk", "wave", "jump"):
        turn = session.say(prompt)
        fed.append(last_run(parts).length)
        for _ in turn:
            pass
        turns.append(turn)
    assert tower.seen == 1
    head = len(ids_before_prompt(parts)) + 1 + 48 + 1
    assert fed[0] == len(ids_before_prompt(parts))
    assert fed[1] >= head
    assert fed[2] >= head
    assert all(turn.image == turns[0].image for turn in turns)
    session.look(noise(40, 40))
    assert session.say("turn").image != turns[0].image
    session.prepare()
    session.look(None)
    turn = session.say("stop")
    assert turn.image is None
    for _ in turn:
        pass
    assert IMAGE_CELL not in last_run(parts).history


def test_an_image_is_never_what_the_context_has_no_room_for(parts: Bundle) -> None:
    """The oldest turns go, the image stays in front."""
    pytest.importorskip("PIL", reason="needs Pillow, in kinetoken[image]")
    size = parts.manifest.language_model.vocab_size
    info = dataclasses.replace(parts.manifest.language_model, context=280)
    model = Remembering(lambda _: np.zeros(size, np.float32), 280)
    small = dataclasses.replace(
        parts,
        language_model=model,
        manifest=dataclasses.replace(parts.manifest, language_model=info),
    )
    session = Generator(small).session(history=9, **SHORT)
    session.look(noise())
    notes: list[str] = []
    for prompt in ("walk", "wave", "jump", "turn", "run", "kick"):
        turn = session.say(prompt)
        notes += turn.notes
        for _ in turn:
            pass
        run = last_run(small)
        assert run.history[len(ids_before_prompt(small)) + 1] == IMAGE_CELL
        assert run.history.count(IMAGE_CELL) == 48
    assert any("shown no more" in note for note in notes)


def test_a_chat_with_an_image_is_the_same_as_one_fed_at_once(parts: Bundle) -> None:
    pytest.importorskip("PIL", reason="needs Pillow, in kinetoken[image]")
    generator = Generator(parts)
    image = generator.look(noise())
    session = generator.session(history=2, **SHORT)
    session.look(image)
    for prompt in ("walk", "wave"):
        for _ in session.say(prompt):
            pass
    turn = session.say("jump")
    for _ in turn:
        pass
    whole = with_image(parts, prompt_ids(parts, "jump", session.history[:2]), image)
    flat = [
        token
        for piece in whole
        for token in ([IMAGE_CELL] * piece.cells if isinstance(piece, EncodedImage) else [piece])
    ]
    assert last_run(parts).history[: len(flat)] == flat


def test_a_bundle_without_vision_says_so(
    tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pil = pytest.importorskip("PIL.Image", reason="needs Pillow, in kinetoken[image]")
    pil.fromarray(noise()).save(tmp_path / "a.png")
    shown = ["walk", "--bundle", str(tiny), "--image", str(tmp_path / "a.png")]
    for command in (
        ["generate", *shown],
        ["chat", *shown[1:], "--headless"],
        ["play", *shown, "--film", str(tmp_path / "a.gif")],
    ):
        assert main(command) == 2
        said = capfd.readouterr().err
        assert said.count("\n") == 1
        assert (
            "the bundle 'tiny' has no vision tower and takes no image; use one that `kinetoken export"
            in said
        )


def test_a_server_is_not_shown_images(parts: Bundle) -> None:
    far: Any = dataclasses.replace(parts, language_model=SilentServer(), vision=None)
    with pytest.raises(InputError, match="leave --engine out, or the image"):
        Generator(far).look(noise())
    assert ids_without_images([1, 2]) == [1, 2]
    with pytest.raises(EngineError, match="takes no images"):
        ids_without_images([1, EncodedImage(4, 2, "x", np.zeros((4, 1), np.float32))])


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--image", "nowhere.jpg"], 2, "there is no image at nowhere.jpg; check the path"),
        (["--image", "."], 2, "it is a folder, not a file"),
        (["--image", "no.png"], 3, "not an image that can be read"),
        (["--image", "cut.png"], 3, "cut.png is a damaged image"),
        (["--image", "a.png", "--image-cells", "2"], 2, "expected 4 to 4096, got 2"),
        (["--image-cells", "64"], 2, "give --image FILE"),
    ],
)
def test_bad_images_are_one_line_before_the_model_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], arguments: Sequence[str],
    code: int, message: str,
) -> None:  # fmt: skip
    pil = pytest.importorskip("PIL.Image", reason="needs Pillow, in kinetoken[image]")
    monkeypatch.chdir(tmp_path)
    pil.fromarray(noise()).save("a.png")
    Path("no.png").write_text("no image\n")
    Path("cut.png").write_bytes(Path("a.png").read_bytes()[:9000])
    for command in ("generate", "play"):
        assert main([command, "walk", "--bundle", "nowhere", *arguments]) == code
        said = capfd.readouterr().err
        assert said.count("\n") == 1
        assert message in said


def test_a_clip_needs_no_image(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pil = pytest.importorskip("PIL.Image", reason="needs Pillow, in kinetoken[image]")
    pil.fromarray(noise()).save(tmp_path / "a.png")
    np.save(tmp_path / "a.npy", np.zeros((4, 22, 3), np.float32) + np.arange(22)[:, None] * 0.05)
    code = main(
        [
            "play",
            str(tmp_path / "a.npy"),
            "--image",
            str(tmp_path / "a.png"),
            "--film",
            str(tmp_path / "b.gif"),
        ]
    )
    assert code == InputError.exit_code
    assert "--image is for a prompt, and this is a clip" in capfd.readouterr().err


def test_looking_is_shown_on_a_terminal_alone() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, expected in ((Terminal(), "looking at the image [#####....."), (io.StringIO(), "")):
        with image_bar(stream) as line:
            line.show(0.25)
        assert expected in stream.getvalue()
        assert stream.getvalue().rstrip("\r ").endswith("] 25% | 0 s left") or not expected


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with a vision tower that the real exporter made."""
    torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
    pytest.importorskip("gguf", reason="needs gguf, in kinetoken[export]")
    needs_llama()
    from codec_states import residual_state, write_statistics
    from tiny_checkpoint import build_checkpoint

    folder = tmp_path_factory.mktemp("seeing")
    build_checkpoint(folder / "model", "qwen2_5_vl")
    write_statistics(folder / "codec")
    torch.save({"vq_model": residual_state(4, 16)}, folder / "codec" / "net.tar")
    arguments = [
        "export",
        str(folder / "model"),
        "--codec",
        str(folder / "codec"),
        "-o",
        str(folder / "bundle"),
    ]
    assert main([*arguments, "--format", "gguf", "--quant", "f16"]) == 0
    return folder / "bundle"


def test_an_exported_bundle_sees(
    seeing: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pil = pytest.importorskip("PIL.Image", reason="needs Pillow, in kinetoken[image]")
    pil.fromarray(noise(600, 900)).save(tmp_path / "a.jpg")
    capfd.readouterr()
    asked = [
        "--seconds",
        "0.6",
        "--max-thought",
        "2",
        "--seed",
        "3",
        "--bundle",
        str(seeing),
        "--threads",
        "1",
    ]
    shown = ["--image", str(tmp_path / "a.jpg"), "--image-cells", "60"]
    reports, clips = [], []
    for index, image in enumerate((shown, shown, [])):
        out = str(tmp_path / f"{index}.npz")
        assert main(["generate", "a person walks", *asked, *image, "--json", "-o", out]) == 0
        reports.append(json.loads(capfd.readouterr().out))
        clips.append(kinetoken.Clip.load(out))
    assert reports[0]["image"]["cells"] == 54
    assert reports[2]["image"] is None
    assert reports[0]["text"] == reports[1]["text"] != reports[2]["text"]
    assert clips[0].meta["image"] == clips[1].meta["image"]
    assert "image" not in clips[2].meta


def test_an_exported_bundle_sees_in_a_chat(seeing: Path) -> None:
    """Turn by turn, with the image in the cache, it says what it would say of the same chat put to it at once."""
    pytest.importorskip("PIL", reason="needs Pillow, in kinetoken[image]")
    generator = kinetoken.load(seeing, threads=1)
    image = generator.look(noise(280, 336))
    session = generator.session(history=3, temperature=0.0, **SHORT)
    session.look(image)
    for prompt in ("walk", "wave", "jump"):
        turn = session.say(prompt)
        for _ in turn:
            pass
    alone = generator.session(history=3, temperature=0.0, **SHORT)
    alone.look(image)
    alone.recall(session.history[:2])
    again = alone.say("jump")
    for _ in again:
        pass
    assert again.text == turn.text
    blind = generator.session(history=3, temperature=0.0, **SHORT)
    blind.recall(session.history[:2])
    other = blind.say("jump")
    for _ in other:
        pass
    assert other.text != turn.text


def test_what_a_person_types_is_no_image(seeing: Path) -> None:
    parts = open_bundle(seeing)
    markers = {
        parts.tokenizer.encode_template(text)[0]
        for text in ("<|vision_start|>", "<|image_pad|>", "<|vision_end|>")
    }
    assert len(markers) == 3
    assert not markers & set(prompt_ids(parts, "<|vision_start|><|image_pad|><|vision_end|> walk"))


def test_a_tower_that_was_altered_is_one_line(
    seeing: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for path in seeing.iterdir():
        if path.is_file():
            os.link(path, own / path.name)
    (own / "mmproj.gguf").unlink()
    (own / "mmproj.gguf").write_bytes(b"GGUF")
    with pytest.raises(BundleError, match=r"mmproj.gguf: expected .* bytes, got 4"):
        kinetoken.load(own)


def test_an_image_file_travels_to_another_process() -> None:
    import pickle

    file = ImageFile("a.png", 64)
    assert pickle.loads(pickle.dumps(file)) == file
    with pytest.raises((FormatError, InputError)):
        file.check()
