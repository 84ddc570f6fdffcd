"""Where ONNX Runtime computes: what is asked for, what came, and the reason where it is less."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kinetoken
from kinetoken import InputError
from kinetoken.cli.main import main
from kinetoken.engines.load_options import PROVIDERS, LoadOptions
from kinetoken.engines.onnx import session as onnx_session
from kinetoken.engines.onnx.model import OnnxLanguageModel
from kinetoken.engines.onnx.providers import (
    CPU,
    CUDA,
    TENSORRT,
    DeviceBuffer,
    fallback_warning,
    missing_library,
    provider_chain,
)
from kinetoken.generation.bundle import bundle_folder
from kinetoken.manifest.manifest_file import read_manifest

BUILT_FOR_ALL = (TENSORRT, CUDA, CPU)


@pytest.mark.parametrize(
    ("asked", "available", "names"),
    [(None, (CPU,), [CPU]), ("auto", BUILT_FOR_ALL, [CUDA, CPU]), ("cpu", BUILT_FOR_ALL, [CPU]), ("cuda", (CPU,), [CPU]),
     ("tensorrt", BUILT_FOR_ALL, [TENSORRT, CUDA, CPU]), ("tensorrt", (CUDA, CPU), [CUDA, CPU])],
)  # fmt: skip
def test_the_providers_that_are_tried(
    asked: str | None, available: Sequence[str], names: list[str]
) -> None:
    assert provider_chain(asked, available) == names


@pytest.mark.parametrize(
    ("asked", "available", "got", "told"),
    [(None, (CPU,), [CPU], None),
     ("auto", BUILT_FOR_ALL, [CUDA, CPU], None),
     ("cpu", BUILT_FOR_ALL, [CPU], None),
     ("tensorrt", BUILT_FOR_ALL, [TENSORRT, CUDA, CPU], None),
     ("cuda", (CPU,), [CPU], "CUDA is not used, the processor is: this ONNX Runtime was built without it; in the clone"),
     ("auto", BUILT_FOR_ALL, [CPU], "CUDA is not used, the processor is: no such card"),
     ("tensorrt", BUILT_FOR_ALL, [CUDA, CPU], "TensorRT is not used, CUDA is: no such card")],
)  # fmt: skip
def test_less_than_was_to_be_had_is_told(
    asked: str | None, available: Sequence[str], got: list[str], told: str | None, tmp_path: Path
) -> None:
    said = fallback_warning(asked, available, got, tmp_path, "no such card")
    assert said == told or (told is not None and said is not None and said.startswith(told))


def test_the_reason_is_what_the_loader_says(tmp_path: Path) -> None:
    assert missing_library(CUDA, tmp_path) is None
    library = tmp_path / "libonnxruntime_providers_cuda.so"
    library.write_bytes(b"no library")
    reason = missing_library(CUDA, tmp_path)
    assert reason is not None
    assert reason.startswith("libonnxruntime_providers_cuda.so: ")
    assert "\n" not in reason


def test_an_unknown_provider_is_refused(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(
        InputError, match="provider: expected auto, cpu, cuda, tensorrt, got 'rocm'"
    ):
        kinetoken.load(tiny, provider="rocm")
    with pytest.raises(SystemExit):
        main(["generate", "x", "--provider", "rocm"])
    assert "'rocm' is not known" in capsys.readouterr().err


class Broken:
    """A library built for cards, none of which can be started: what it raises, and what it does silently."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, raises: Sequence[str]) -> None:
        self.asked: list[list[str]] = []
        real = onnx_session.ort.InferenceSession

        def session(path: str, options: Any, providers: Sequence[Any], **kwargs: Any) -> Any:
            names = [name if isinstance(name, str) else name[0] for name in providers]
            self.asked.append(names)
            if names[0] in raises:
                raise RuntimeError(f"{names[0]}: no card\nand much more")
            return real(path, options, providers=[CPU])

        monkeypatch.setattr(onnx_session.ort, "InferenceSession", session)
        monkeypatch.setattr(
            onnx_session.ort, "get_available_providers", lambda: list(BUILT_FOR_ALL)
        )


@pytest.mark.parametrize("raises", [(), (CUDA,), (TENSORRT, CUDA)])
@pytest.mark.parametrize("asked", ["auto", "cuda", "tensorrt"])
def test_it_falls_back_to_the_processor_and_says_so(
    asked: str,
    raises: Sequence[str],
    tiny: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = kinetoken.load(tiny, provider="cpu").generate("walk", seconds=1, seed=2)
    broken = Broken(monkeypatch, raises)
    with pytest.warns(RuntimeWarning, match="is not used, the processor is: .") as told:
        generator = kinetoken.load(tiny, provider=asked)
    assert all("\n" not in str(warning.message) for warning in told)
    np.testing.assert_array_equal(
        generator.generate("walk", seconds=1, seed=2).joints, expected.joints
    )
    assert broken.asked[0][0] == (
        CPU if asked == "auto" else provider_chain(asked, BUILT_FOR_ALL)[0]
    ), "the codec's decoder"
    assert capfd.readouterr().out == ""


def test_the_warning_is_one_line_on_the_command_line(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Broken(monkeypatch, (CUDA,))
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert (
            main(
                ["generate", "walk", "--bundle", str(tiny), "--seconds", "1", "--provider", "cuda"]
            )
            == 0
        )
    said = [line for line in capsys.readouterr().err.splitlines() if "CUDA is not used" in line]
    assert len(said) == 1


class Card:
    """A card that is not there: graphs whose names begin so say that they are on CUDA, and are computed here."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, graphs: str) -> None:
        self.asked: list[tuple[str, str]] = []
        real = onnx_session.ort.InferenceSession

        class OnCard:
            def __init__(self, session: Any) -> None:
                self._session = session

            def __getattr__(self, name: str) -> Any:
                return getattr(self._session, name)

            def get_providers(self) -> list[str]:
                return [CUDA, CPU]

        def session(path: str, options: Any, providers: Sequence[Any], **kwargs: Any) -> Any:
            first = providers[0] if isinstance(providers[0], str) else providers[0][0]
            self.asked.append((Path(path).name, first))
            opened = real(path, options, providers=[CPU])
            return (
                OnCard(opened) if first == CUDA and Path(path).name.startswith(graphs) else opened
            )

        monkeypatch.setattr(onnx_session.ort, "InferenceSession", session)
        monkeypatch.setattr(onnx_session.ort, "get_available_providers", lambda: [CUDA, CPU])


def test_auto_leaves_single_precision_to_the_processor(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = Card(monkeypatch, "")
    with pytest.warns(RuntimeWarning, match="CUDA is not used, the processor is: .*int4_fp16"):
        generator = kinetoken.load(tiny)
    assert [first for name, first in card.asked if name == "lm.onnx"] == [CUDA, CPU]
    assert len(generator.generate("walk", seconds=1, seed=2)) == 20


def test_cuda_by_name_is_taken_and_a_better_recipe_named(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Card(monkeypatch, "")
    info = read_manifest(tiny).language_model
    with pytest.warns(RuntimeWarning, match="may leave much to the processor: .*int4_fp16"):
        assert OnnxLanguageModel(tiny / "lm.onnx", info, 1, "cuda").device == "cuda"


def test_a_head_that_fell_back_brings_the_body_back(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = bundle_folder()
    info = read_manifest(folder).language_model
    card = Card(monkeypatch, "lm")
    with pytest.warns(RuntimeWarning) as told:
        model = OnnxLanguageModel(folder / info.file, info, 1, "cuda")
    assert any(
        str(warning.message).startswith("CUDA is not used, the processor is") for warning in told
    )
    assert model.device == "cpu"
    assert {onnx_session.session_device(session) for session in (model.session, *model.heads)} == {
        "cpu"
    }
    assert [first for name, first in card.asked if name == info.file] == [CUDA, CPU]
    run = model.start()
    assert len(run.push([1, 2], (range(5),))) == 5


def test_load_options_have_a_provider() -> None:
    assert LoadOptions().provider is None
    assert PROVIDERS[0] == "auto"


class CardValue:
    """A value of a card that is not there: numbers that can only be read and written whole."""

    def __init__(self, shape: Sequence[int], kind: Any, device: str) -> None:
        self.numbers, self.device = np.full(shape, np.nan, kind), device

    @classmethod
    def ortvalue_from_shape_and_type(
        cls, shape: Sequence[int], kind: Any, device: str, number: int
    ) -> CardValue:
        return cls(shape, kind, device)

    def numpy(self) -> Any:
        return self.numbers.copy()

    def update_inplace(self, numbers: Any) -> None:
        self.numbers[...] = numbers


def test_numbers_on_a_card_are_read_and_written_whole() -> None:
    held = DeviceBuffer(CardValue, (2, 3), np.float32, "cuda")
    assert held.array is None
    numbers = held.read()
    numbers[:] = 5
    assert np.isnan(held.read()).all(), "a copy"
    held.write(numbers)
    np.testing.assert_array_equal(held.read(), numbers)


def test_numbers_of_this_process_are_the_engines_own() -> None:
    held = onnx_session.make_buffer((2, 3), np.float32, "cpu")
    assert held.read() is held.array
    held.write(held.read() + 2)
    np.testing.assert_array_equal(held.value.numpy(), np.full((2, 3), 2))
    assert held.value.data_ptr() == held.array.ctypes.data
