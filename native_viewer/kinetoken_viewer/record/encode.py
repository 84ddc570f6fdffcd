"""Pictures to files: PNG, GIF, WebP, MP4; whole or not at all."""

from __future__ import annotations

import contextlib
import itertools
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.base.atomic_file import atomic_path
from kinetoken.base.errors import InputError, MissingPackageError, OutputError
from kinetoken.formats.registry import WRITABLE

from ..render.shot import Pixels

try:
    from PIL import Image
except ImportError as error:  # pragma: no cover - the extra brings it
    raise MissingPackageError("Pillow", "viewer") from error

STILLS: Final = (".png",)
FILMS: Final = (".gif", ".webp", ".mp4")
SUFFIXES: Final = (*STILLS, *FILMS)
GIF_COLOURS: Final = (
    64  # a walk of 4 s at 640x360 stays near 1.5 MB; 128 colours take a quarter more
)
GIF_TICK: Final = 100  # a GIF counts time in hundredths of a second
FASTEST_GIF: Final = 50.0  # pictures per second that players honour
MP4_QUALITY: Final = 19
LINE_SECONDS: Final = 10.0  # between two lines about work that goes on, where there is no terminal
_BINS: Final = 6  # bits per channel when colours are counted for the palette


def suffix_of(path: Path) -> str:
    """The path's suffix in lower case; InputError unless it is one that can be written."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        clip = f"; a clip is kept with -o {path.name}" if suffix in WRITABLE else ""
        raise InputError(
            f"cannot write {path.name!r}: expected a name that ends in {', '.join(SUFFIXES)}{clip}"
        )
    return suffix


class Progress:
    """A bar on stderr that redraws itself; where stderr is no terminal, a line now and then, so that long work is seen."""

    def __init__(self, what: str, total: int, *, quiet: bool = False) -> None:
        self._what, self._total, self._done = what, total, 0
        self._live, self._lines = sys.stderr.isatty() and not quiet, not quiet
        self._said = time.monotonic()

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        if self._live:
            filled = round(24 * self._done / self._total)
            bar = "#" * filled + "." * (24 - filled)
            end = "\n" if self._done >= self._total else ""
            print(
                f"\r{self._what} [{bar}] {self._done}/{self._total}",
                end=end,
                file=sys.stderr,
                flush=True,
            )
        elif self._lines and time.monotonic() - self._said >= LINE_SECONDS:
            self._said = time.monotonic()
            print(
                f"kinetoken: {self._what}: {self._done}/{self._total}", file=sys.stderr, flush=True
            )


def write_still(path: Path, picture: Pixels) -> None:
    """One picture as PNG."""
    with atomic_path(path) as part:
        Image.fromarray(picture).save(part, format="PNG", optimize=True)


def write_film(
    path: Path,
    fps: float,
    count: int,
    draw: Callable[[int], Pixels],
    progress: Progress,
    quality: int = MP4_QUALITY,
) -> int:
    """Pictures draw(0) to draw(count - 1) as a film of the path's kind; how many there are in it.

    `quality` of an MP4: x264's constant rate factor, lower is finer and larger. Ctrl-C ends the film with the picture at
    hand: what was drawn is a whole film.
    """
    done = 0

    def pictures() -> Iterator[Pixels]:
        nonlocal done
        for index in range(count):
            yield draw(index)
            progress.step()
            done += 1
            if stopped():
                return

    with heard_ctrl_c() as stopped, atomic_path(path, long=True) as part:
        if path.suffix.lower() == ".mp4":
            try:
                _mp4(part, fps, pictures(), quality)
            except OutputError:
                if not stopped():  # a shutdown ends ffmpeg too, which closes the film properly
                    raise
        elif path.suffix.lower() == ".webp":
            _webp(part, fps, count, pictures())
        else:
            samples = [
                draw(index)
                for index in sorted({round(share * (count - 1)) for share in (0.0, 0.35, 0.7, 1.0)})
            ]
            _gif(part, fps, count, pictures(), palette(samples))
    return done


@contextlib.contextmanager
def heard_ctrl_c() -> Iterator[Callable[[], bool]]:
    """Ctrl-C is noted instead of raised; the second one is raised."""
    heard = threading.Event()

    def hear(*_: object) -> None:
        heard.set()
        signal.signal(signal.SIGINT, before)

    if threading.current_thread() is not threading.main_thread():
        yield heard.is_set
        return
    before = signal.signal(signal.SIGINT, hear)
    try:
        yield heard.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def write_live(path: Path, fps: float, pictures: Iterator[Pixels]) -> None:
    """A film of what is shown while it is shown, of a length that nobody knows: MP4 or GIF.

    It is written in place, in pieces that each can be played: whatever happens, what was shown so far is a film.
    """
    if path.suffix.lower() == ".mp4":
        _mp4(path, fps, pictures, in_pieces=True)
        return
    first = next(pictures)
    colours = palette([first])
    frames = (
        Image.fromarray(p).quantize(palette=colours, dither=Image.Dither.NONE) for p in pictures
    )
    Image.fromarray(first).quantize(palette=colours, dither=Image.Dither.NONE).save(
        path, format="GIF", save_all=True, append_images=frames, duration=round(1000 / fps), loop=0, optimize=False,
        disposal=1,
    )  # fmt: skip


def _gif(
    path: Path, fps: float, count: int, pictures: Iterable[Pixels], colours: Image.Image
) -> None:
    frames = (
        Image.fromarray(p).quantize(palette=colours, dither=Image.Dither.NONE) for p in pictures
    )
    first = next(frames)
    first.save(path, format="GIF", save_all=True, append_images=frames, duration=durations(count, fps), loop=0,
               optimize=False, disposal=1)  # fmt: skip


def _webp(path: Path, fps: float, count: int, pictures: Iterable[Pixels]) -> None:
    frames = (Image.fromarray(p) for p in pictures)
    first = next(frames)
    first.save(path, format="WEBP", save_all=True, append_images=frames, duration=durations(count, fps), loop=0,
               quality=78, method=3)  # fmt: skip


def durations(count: int, fps: float) -> list[int]:
    """Milliseconds of each of `count` pictures: whole hundredths of a second whose sum keeps the true time."""
    ends = np.round(np.arange(count + 1) * GIF_TICK / fps).astype(int)
    return [int(tick) * 1000 // GIF_TICK for tick in np.diff(ends)]


def palette(samples: list[Pixels]) -> Image.Image:
    """One palette for a whole film. The square root of the counts lets a small body weigh as much as a large floor."""
    pixels = np.concatenate([sample.reshape(-1, 3) for sample in samples])
    keys = (pixels >> (8 - _BINS)).astype(np.int64) @ np.array([1 << 2 * _BINS, 1 << _BINS, 1])
    _, place, counts = np.unique(keys, return_inverse=True, return_counts=True)
    sums = np.stack([np.bincount(place, pixels[:, channel]) for channel in range(3)], axis=1)
    means: NDArray[np.uint8] = np.round(sums / counts[:, None]).astype(np.uint8)
    chosen = np.repeat(means, np.maximum(1, np.round(np.sqrt(counts))).astype(int), axis=0)
    return Image.fromarray(chosen[None]).quantize(
        GIF_COLOURS, method=Image.Quantize.MEDIANCUT, kmeans=2
    )


def _mp4(
    path: Path,
    fps: float,
    pictures: Iterator[Pixels],
    quality: int = MP4_QUALITY,
    *,
    in_pieces: bool = False,
) -> None:
    """H.264 that every player takes: yuv420p, index at the front, even sizes by repeating the last row or column.

    `in_pieces`: of a second each with an index of its own, so that a film that is cut off can be played.
    """
    ffmpeg = _ffmpeg()
    index = ["-movflags", "+faststart"]
    if in_pieces:
        index = ["-preset", "veryfast", "-g", str(max(1, round(fps))),
                 "-movflags", "+frag_keyframe+empty_moov+default_base_moof"]  # fmt: skip
    first = next(pictures)
    height, width = (size + size % 2 for size in first.shape[:2])
    writer = ffmpeg.write_frames(
        str(path), (width, height), fps=fps, codec="libx264", macro_block_size=2, pix_fmt_out="yuv420p", quality=None,
        output_params=["-crf", str(quality), *index, "-f", "mp4"], ffmpeg_log_level="error",
    )  # fmt: skip
    try:
        writer.send(None)
        for picture in itertools.chain([first], pictures):
            padded = np.pad(
                picture,
                ((0, height - picture.shape[0]), (0, width - picture.shape[1]), (0, 0)),
                "edge",
            )
            writer.send(np.ascontiguousarray(padded))
    except OSError as error:
        raise OutputError(
            f"ffmpeg could not write {path.name}: {str(error).splitlines()[0]}"
        ) from error
    finally:
        writer.close()


def _ffmpeg() -> Any:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise MissingPackageError("imageio-ffmpeg", "video") from error
    return imageio_ffmpeg


def check_packages(suffix: str) -> None:
    """MissingPackageError where a film of this kind needs a package that is not there, asked before the work."""
    if suffix == ".mp4":
        _ffmpeg()
