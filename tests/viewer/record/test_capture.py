"""Pictures and films of the window: on the wall clock, playable whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kinetoken.base.errors import MissingPackageError
from kinetoken.base.signals import noting_ctrl_c
from kinetoken.cli.main import main
from kinetoken.motion.clip import Clip
from kinetoken_viewer.file_names import free_name
from kinetoken_viewer.record import capture, recorder
from kinetoken_viewer.record.capture import WindowCapture, WindowFilm
from kinetoken_viewer.record.recorder import record_clips
from kinetoken_viewer.record.request import RecordRequest
from kinetoken_viewer.render.software.painter import Painter

SIZE = (96, 64)


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def picture(value: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    out = np.zeros((size[1], size[0], 3), np.uint8)
    out[:] = np.linspace(0, 255, size[0])[:, None]
    out[: size[1] // 2] = value
    return out


def frames_of(path: Path) -> tuple[int, tuple[int, int]]:
    """How many pictures a player finds, and their size."""
    ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="the extra [video] is not installed")
    reader = ffmpeg.read_frames(str(path))
    size = next(reader)["size"]
    return sum(1 for _ in reader), size


def show(camera: WindowCapture, pictures: int, rate: float) -> None:
    for index in range(pictures):
        camera.see(picture(index * 3), 100.0 + index / rate)
        time.sleep(0.002)  # the encoder's turn


def camera(name: str = "a wave") -> WindowCapture:
    return WindowCapture(lambda suffix: free_name(name, suffix))


def test_a_picture_is_saved_under_a_free_name(capsys: pytest.CaptureFixture[str]) -> None:
    taking = camera()
    for _ in range(2):
        assert not taking.wants
        taking.still()
        assert taking.wants
        taking.see(picture(200), 1.0)
    with Image.open("a-wave.png") as image:
        np.testing.assert_array_equal(np.asarray(image), picture(200))
    assert Path("a-wave-2.png").is_file()
    assert taking.note() == "saved a-wave-2.png"
    assert "saved a-wave.png" in capsys.readouterr().out


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # its reader leaves pipes open
@pytest.mark.parametrize("rate", [12.0, 30.0, 75.0])
def test_a_film_keeps_the_clock_whatever_the_rate_of_the_window(rate: float) -> None:
    taking = camera()
    taking.film()
    show(taking, round(rate) + 1, rate)
    assert "recording a-wave.mp4" in taking.note()
    taking.film()
    assert not taking.wants
    assert frames_of(Path("a-wave.mp4")) == (31, SIZE)  # a second, however slow the encoder
    assert "saved a-wave.mp4" in taking.note()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_window_that_changes_its_size_goes_on_with_the_film() -> None:
    taking = camera()
    taking.film()
    taking.see(picture(10), 1.0)
    taking.see(picture(20, (200, 100)), 1.1)
    taking.close()
    assert frames_of(Path("a-wave.mp4")) == (4, SIZE)


def test_without_ffmpeg_the_film_is_a_gif(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(suffix: str) -> None:
        raise MissingPackageError("imageio-ffmpeg", "video")

    monkeypatch.setattr(capture, "check_encoder", missing)
    taking = camera()
    taking.film()
    show(taking, 20, 12.5)
    taking.close()
    with Image.open("a-wave.gif") as image:
        assert image.size == SIZE
        assert image.n_frames > 10


def test_a_film_of_nothing_leaves_no_file() -> None:
    taking = camera()
    taking.film()
    taking.film()
    assert taking.note() == "nothing was shown, nothing recorded"
    assert list(Path().iterdir()) == []


def test_a_film_that_cannot_be_written_says_so_and_the_window_lives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(capture, "write_endless_film", full_disk)
    taking = camera()
    taking.film()
    end = time.monotonic() + 10
    while taking.wants and time.monotonic() < end:
        show(taking, 3, 30.0)
    assert "No space left" in taking.note()


def test_a_slow_encoder_does_not_hold_the_window_up(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []

    def slow(path: Path, fps: float, pictures: object) -> None:
        for pixels in pictures:  # type: ignore[attr-defined]
            written.append(int(pixels[0, 0, 0]))
            time.sleep(0.02)

    monkeypatch.setattr(capture, "write_endless_film", slow)
    film = WindowFilm(Path("x.mp4"), 30.0)
    for index in range(90):
        film.push(picture(index), index / 30.0)
    assert film.waiting <= capture.MOST_WAITING
    assert "3.0 s" in film.stop()
    assert len(written) == 90
    assert written == sorted(written)
    assert written[-1] == 89  # the last picture stands for those that were left out


def test_an_encoder_that_dies_does_not_hold_the_end_up(monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, dead = threading.Event(), threading.Event()

    def dies(path: Path, fps: float, pictures: object) -> None:
        goes_on.wait(10)
        dead.set()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(capture, "write_endless_film", dies)
    film = WindowFilm(Path("x.mp4"), 30.0)
    for index in range(90):
        film.push(picture(index), index / 30.0)
    goes_on.set()
    dead.wait(10)
    assert "No space left" in film.stop()


def test_an_encoder_that_hangs_is_not_called_done(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = threading.Event()
    monkeypatch.setattr(capture, "write_endless_film", lambda *_: ends.wait(30))
    monkeypatch.setattr(capture, "_STOP_SECONDS", 0.3)
    film = WindowFilm(Path("x.mp4"), 30.0)
    film.push(picture(1), 0.0)
    assert film.stop() == "the film ended early: the encoder does not answer"
    ends.set()


KILLED = """
import numpy as np, sys, time
from pathlib import Path
from kinetoken_viewer.record.capture import WindowFilm
film = WindowFilm(Path("cut.mp4"), 30.0)
for index in range(100000):
    film.push(np.full((64, 96, 3), index % 250, np.uint8), index / 30.0)
    time.sleep(0.002)
    if index == 400:
        print("now", flush=True)
"""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_film_whose_window_is_killed_can_be_played(tmp_path: Path) -> None:
    pytest.importorskip("imageio_ffmpeg", reason="the extra [video] is not installed")
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(path for path in sys.path if path))
    with subprocess.Popen(
        [sys.executable, "-c", KILLED], cwd=tmp_path, env=env, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"now\n"
        process.send_signal(signal.SIGKILL)
    size, since = -1, 0
    for _ in range(100):  # the encoder finds its input closed and ends by itself
        time.sleep(0.05)
        before, size = size, Path("cut.mp4").stat().st_size
        since = since + 1 if size == before else 0
        if since > 6:
            break
    count, _ = frames_of(Path("cut.mp4"))
    assert count > 60


def interrupting(after: int, monkeypatch: pytest.MonkeyPatch, number: int = signal.SIGINT) -> None:
    """Ctrl-C, or another signal, while the picture number `after` is drawn."""
    drawn = 0
    render = Painter.render

    def rendered(self: Painter, shot: object) -> np.ndarray:
        nonlocal drawn
        drawn += 1
        if drawn == after:
            signal.raise_signal(number)
        return render(self, shot)  # type: ignore[arg-type]

    monkeypatch.setattr(
        recorder, "open_renderer", lambda width, height, **_: Painter(width, height)
    )
    monkeypatch.setattr(Painter, "render", rendered)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("suffix", [".webp", ".mp4", ".gif"])
def test_ctrl_c_leaves_a_film_of_what_was_drawn(
    suffix: str, walk: Clip, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if suffix == ".mp4":
        pytest.importorskip("imageio_ffmpeg", reason="the extra [video] is not installed")
    path = Path(f"walk{suffix}")
    interrupting(9, monkeypatch)
    handler = signal.getsignal(signal.SIGINT)
    assert not record_clips(walk, RecordRequest(path, SIZE, fps=10.0))
    assert signal.getsignal(signal.SIGINT) is handler
    assert f"s are in {path}" in capsys.readouterr().err
    if suffix == ".mp4":
        assert frames_of(path)[0] == 9
        return
    with Image.open(path) as image:
        assert 1 <= image.n_frames <= 9


def test_sigterm_leaves_a_film_of_what_was_drawn(
    walk_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupting(9, monkeypatch, signal.SIGTERM)
    handler = signal.getsignal(signal.SIGTERM)
    assert (
        main(
            ["play", str(walk_file), "--film", "walk.webp", "--size", "120x80", "--film-fps", "10"]
        )
        == 130
    )
    assert signal.getsignal(signal.SIGTERM) is handler
    with Image.open("walk.webp") as image:
        assert 1 <= image.n_frames <= 9
    assert not [file for file in Path().iterdir() if ".part" in file.name]


def test_the_second_ctrl_c_is_heard_at_once() -> None:
    with noting_ctrl_c() as stopped:
        signal.raise_signal(signal.SIGINT)
        assert stopped()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
