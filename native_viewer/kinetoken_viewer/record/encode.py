"""Picture files: PNG, GIF, WebP, MP4; written whole or not at all."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.base.atomic_file import atomic_path
from kinetoken.base.errors import InputError, MissingPackageError, OutputError
from kinetoken.base.signals import noting_ctrl_c, starting_unheard
from kinetoken.cli.terminal import ProgressBar
from kinetoken.formats.registry import WRITABLE

from ..render.pixels import Pixels

try:
    from PIL import Image
except ImportError as error:  # pragma: no cover - the extra brings it
    raise MissingPackageError("Pillow", "viewer") from error

STILL_SUFFIXES: Final = (".png",)
_FILM_SUFFIXES: Final = (".gif", ".webp", ".mp4")
_PICTURE_SUFFIXES: Final = (*STILL_SUFFIXES, *_FILM_SUFFIXES)
GIF_COLOURS: Final = 64  # a walk of 4 s at 640x360 takes 1.5 MB; 128 colours a quarter more
FASTEST_GIF: Final = 50.0  # pictures per second that players honour
_MP4_QUALITY: Final = 19  # x264's constant rate factor
_GIF_TICKS: Final = 100  # in a second: a GIF counts time in hundredths
_COLOUR_BITS: Final = 6  # per channel when colours are counted for the palette


def picture_suffix(path: Path) -> str:
    """The path's suffix in lower case; InputError unless it is one that can be written."""
    suffix = path.suffix.lower()
    if suffix not in _PICTURE_SUFFIXES:
        clip = f"; to write the motion: -o {path.name}" if suffix in WRITABLE else ""
        names = ", ".join(_PICTURE_SUFFIXES)
        raise InputError(f"cannot write {path.name!r}: expected a name that ends in {names}{clip}")
    return suffix


def write_still(path: Path, picture: Pixels) -> None:
    """Writes one picture as PNG; a fourth channel is how opaque it is."""
    with atomic_path(path) as part:
        Image.fromarray(picture).save(part, format="PNG", optimize=True)


def write_film(
    path: Path,
    fps: float,
    count: int,
    draw: Callable[[int], Pixels],
    bar: ProgressBar,
    quality: int = _MP4_QUALITY,
) -> int:
    """Writes draw(0) to draw(count - 1) as a film of the path's kind; the number of its pictures.

    `quality` of an MP4: x264's constant rate factor, lower is finer and larger. Ctrl-C ends the
    film with the picture at hand; the pictures that were drawn are a whole film.
    """
    done = 0

    def pictures() -> Iterator[Pixels]:
        nonlocal done
        for index in range(count):
            yield draw(index)
            bar.step()
            done += 1
            if stopped():
                return

    with noting_ctrl_c() as stopped, atomic_path(path) as part:
        if path.suffix.lower() == ".mp4":
            try:
                _mp4(part, fps, pictures(), quality)
            except OutputError:
                if not stopped():  # a shutdown ends ffmpeg too, which closes the film properly
                    raise
        elif path.suffix.lower() == ".webp":
            _webp(part, frame_durations(count, fps), pictures())
        else:
            samples = [
                draw(index)
                for index in sorted({round(share * (count - 1)) for share in (0.0, 0.35, 0.7, 1.0)})
            ]
            _gif(part, frame_durations(count, fps), pictures(), film_palette(samples))
    return done


def write_endless_film(path: Path, fps: float, pictures: Iterator[Pixels]) -> None:
    """Writes a film of what is shown while it is shown, of unknown length: MP4 or GIF.

    It is written in place, in pieces that each can be played, so that it can be cut off anywhere.
    """
    if path.suffix.lower() == ".mp4":
        _mp4(path, fps, pictures, in_pieces=True)
        return
    first = next(pictures)
    frames = itertools.chain([first], pictures)
    _gif(path, round(1000 / fps), frames, film_palette([first]))


def _gif(
    path: Path, duration: int | list[int], pictures: Iterable[Pixels], colours: Image.Image
) -> None:
    """Writes a GIF; `duration` of each picture in milliseconds."""
    frames = (
        Image.fromarray(p).quantize(palette=colours, dither=Image.Dither.NONE) for p in pictures
    )
    next(frames).save(
        path, format="GIF", save_all=True, append_images=frames, duration=duration, loop=0,
        optimize=False, disposal=1,
    )  # fmt: skip


def _webp(path: Path, duration: list[int], pictures: Iterable[Pixels]) -> None:
    """Writes an animated WebP; `duration` of each picture in milliseconds."""
    frames = (Image.fromarray(p) for p in pictures)
    next(frames).save(
        path, format="WEBP", save_all=True, append_images=frames, duration=duration, loop=0,
        quality=78, method=3,
    )  # fmt: skip


def frame_durations(count: int, fps: float) -> list[int]:
    """Milliseconds of each of `count` pictures: whole hundredths of a second that keep the time."""
    ends = np.round(np.arange(count + 1) * _GIF_TICKS / fps).astype(int)
    return [int(tick) * 1000 // _GIF_TICKS for tick in np.diff(ends)]


def film_palette(samples: list[Pixels]) -> Image.Image:
    """One palette for a whole film.

    The square root of the counts lets a small body weigh as much as a large floor.
    """
    pixels = np.concatenate([sample.reshape(-1, 3) for sample in samples])
    keys = (pixels >> (8 - _COLOUR_BITS)).astype(np.int64) @ np.array(
        [1 << 2 * _COLOUR_BITS, 1 << _COLOUR_BITS, 1]
    )
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
    quality: int = _MP4_QUALITY,
    *,
    in_pieces: bool = False,
) -> None:
    """Writes H.264 that every player takes: yuv420p, index at the front, even sizes.

    `in_pieces`: pieces of a second with an index each, so that a film can be cut off anywhere.
    """
    ffmpeg = _ffmpeg()
    index = ["-movflags", "+faststart"]
    if in_pieces:
        index = ["-preset", "veryfast", "-g", str(max(1, round(fps))),
                 "-movflags", "+frag_keyframe+empty_moov+default_base_moof"]  # fmt: skip
    first = next(pictures)
    height, width = (size + size % 2 for size in first.shape[:2])
    writer = ffmpeg.write_frames(
        str(path), (width, height), fps=fps, codec="libx264", macro_block_size=2,
        pix_fmt_out="yuv420p", quality=None, ffmpeg_log_level="error",
        output_params=["-crf", str(quality), *index, "-f", "mp4"],
    )  # fmt: skip
    try:
        with starting_unheard():  # Ctrl-C ends the film, not ffmpeg
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


def check_encoder(suffix: str) -> None:
    """MissingPackageError if a film of this kind needs a package that is not installed."""
    if suffix == ".mp4":
        _ffmpeg()
