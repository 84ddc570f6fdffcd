from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from kinetoken.base.errors import InputError, MissingPackageError, OutputError
from kinetoken.motion.clip import Clip
from kinetoken_viewer.record import encode, recorder
from kinetoken_viewer.record.clip_film import ClipFilm
from kinetoken_viewer.record.encode import GIF_COLOURS, film_palette, frame_durations
from kinetoken_viewer.record.recorder import record_clips
from kinetoken_viewer.record.request import RecordRequest
from kinetoken_viewer.record.strip import strip_positions
from kinetoken_viewer.render.camera import CameraView
from kinetoken_viewer.render.software.painter import Painter
from synthetic_motion import raised_arms

SIZE = (160, 96)


@pytest.fixture(autouse=True)
def _software(monkeypatch: pytest.MonkeyPatch) -> None:
    """The painter draws, so that no driver decides what is seen, and pyglet is not imported."""
    monkeypatch.setattr(
        recorder, "open_renderer", lambda width, height, **_: Painter(width, height)
    )


def record_to(path: Path, clip: Clip, **options: object) -> Path:
    record_clips(clip, RecordRequest(path, **{"size": SIZE, **options}))  # type: ignore[arg-type]
    return path


def test_png_is_a_whole_picture(tmp_path: Path, walk: Clip) -> None:
    with Image.open(record_to(tmp_path / "walk.png", walk)) as image:
        assert (image.format, image.size, image.mode) == ("PNG", SIZE, "RGB")
        assert np.asarray(image).std() > 10


def test_gif_keeps_the_time_and_both_sides_colours(tmp_path: Path, walk: Clip) -> None:
    path = record_to(tmp_path / "walk.gif", walk, fps=20.0)
    with Image.open(path) as image:
        frames = [
            np.asarray(frame.convert("RGB")).astype(int) for frame in ImageSequence.Iterator(image)
        ]
        total = sum(frame.info["duration"] for frame in ImageSequence.Iterator(image))
        assert image.info["loop"] == 0
    assert len(frames) == 40
    assert total == 2000
    r, g, b = np.moveaxis(frames[20], -1, 0)
    assert ((b > r + 50) & (b > g + 25)).sum() > 40
    assert ((r > b + 50) & (r > g + 40)).sum() > 40
    assert np.abs(frames[5] - frames[15]).max() > 60
    assert path.stat().st_size < 400_000


def test_webp_has_every_picture(tmp_path: Path, walk: Clip) -> None:
    with Image.open(record_to(tmp_path / "walk.webp", walk, fps=10.0)) as image:
        assert (image.format, image.n_frames, image.size) == ("WEBP", 20, SIZE)


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # its reader leaves pipes open
def test_mp4_plays_and_has_even_sizes(tmp_path: Path, walk: Clip) -> None:
    ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="the extra [video] is not installed")
    path = record_to(tmp_path / "walk.mp4", walk, size=(161, 97), fps=10.0)
    reader = ffmpeg.read_frames(str(path))
    meta = next(reader)
    assert meta["source_size"] == (162, 98)
    assert meta["codec"] == "h264"
    assert "yuv420p" in meta["pix_fmt"]
    assert sum(1 for _ in reader) == 20
    head = path.read_bytes()
    assert head.index(b"moov") < head.index(b"mdat")  # starts to play before it is loaded


def test_mp4_without_its_package_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(MissingPackageError, match=r'pip install "\.\[video\]"'):
        RecordRequest(tmp_path / "walk.mp4", SIZE)


def test_strip_shows_so_many_bodies(tmp_path: Path, walk: Clip) -> None:
    path = record_to(
        tmp_path / "strip.png",
        walk,
        size=(640, 200),
        strip=5,
        camera=CameraView.parse("front"),
        words=False,
    )
    with Image.open(path) as image:
        pixels = np.asarray(image).astype(int)
    blue = ((pixels[..., 2] > pixels[..., 0] + 60) & (pixels[..., 2] > pixels[..., 1] + 30)).any(
        axis=0
    )
    gaps = np.flatnonzero(np.diff(np.flatnonzero(np.r_[False, blue, False])) > 25)
    assert len(gaps) == 4  # five groups of blue limbs


def test_camera_stays_on_a_body_that_walks_away(tmp_path: Path, walk: Clip) -> None:
    film = ClipFilm(
        walk, RecordRequest(tmp_path / "x.gif", (160, 160), words=False), Painter(160, 160)
    )
    for seconds in (0.0, 1.0, 1.95):
        pixels = film.picture(seconds).astype(int)
        body = np.ptp(pixels, axis=-1) > 60
        rows, columns = np.nonzero(body)
        assert rows.min() > 3
        assert rows.max() < 157
        assert 40 < columns.mean() < 120


def test_a_tall_pose_is_framed_whole(tmp_path: Path) -> None:
    clip = Clip(np.repeat(raised_arms()[None], 4, axis=0))
    film = ClipFilm(clip, RecordRequest(tmp_path / "x.png", SIZE, words=False), Painter(*SIZE))
    picture = film.picture(0.0).astype(int)
    assert np.ptp(picture[0], axis=-1).max() < 30
    assert np.ptp(picture[2:30], axis=-1).max() > 60  # the hands are up there


def test_words_can_be_left_out(tmp_path: Path, walk: Clip) -> None:
    films = [
        ClipFilm(walk, RecordRequest(tmp_path / "x.gif", SIZE, words=w), Painter(*SIZE))
        for w in (True, False)
    ]
    with_words, without = (film.picture(0.5) for film in films)
    assert (with_words != without).any()


def test_clip_of_one_frame(tmp_path: Path, walk: Clip) -> None:
    with Image.open(record_to(tmp_path / "one.gif", Clip(walk.joints[:1]))) as image:
        assert image.n_frames == 1


@pytest.mark.parametrize("fps", [20.0, 24.0, 30.0, 33.3])
def test_gif_times_add_up(fps: float) -> None:
    times = frame_durations(100, fps)
    assert sum(times) == pytest.approx(1000 * 100 / fps, abs=5)
    assert all(time % 10 == 0 and time > 0 for time in times)


def test_palette_keeps_a_small_bright_thing() -> None:
    picture = np.full((200, 300, 3), 40, np.uint8)
    picture[:, :, 0] += np.arange(200, dtype=np.uint8)[:, None] // 4
    picture[90:95, 100:105] = (20, 90, 250)
    colours = np.array(film_palette([picture]).getpalette()).reshape(-1, 3)[:GIF_COLOURS]
    assert np.abs(colours - (20, 90, 250)).max(axis=1).min() < 12


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("x.bmp", {}, "expected a name that ends in"),
        ("x", {}, "expected a name that ends in"),
        ("x.gif", {"size": (10, 100)}, "--size: expected sides of"),
        ("x.gif", {"size": (100, 9999)}, "--size: expected sides of"),
        ("x.gif", {"fps": 0.0}, "--film-fps: expected 1 to"),
        ("x.gif", {"fps": 60.0}, "--film-fps: expected 1 to"),
        ("x.gif", {"fps": float("nan")}, "--film-fps: expected 1 to"),
        ("x.gif", {"strip": 5}, "one picture"),
        ("x.png", {"strip": 500}, "--strip: expected 1 to"),
    ],
)
def test_mistakes_are_refused_before_the_work(
    tmp_path: Path, name: str, options: dict[str, object], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        RecordRequest(tmp_path / name, **{"size": SIZE, **options})  # type: ignore[arg-type]


def test_motion_that_cannot_be_drawn_is_refused(tmp_path: Path, walk: Clip) -> None:
    with pytest.raises(InputError, match="no frames"):
        record_to(tmp_path / "x.png", Clip(walk.joints[:0]))
    broken = walk.joints.copy()
    broken[3] = np.nan
    with pytest.raises(InputError, match="not numbers"):
        record_to(tmp_path / "x.png", Clip(broken))
    assert list(tmp_path.iterdir()) == []


def test_a_failure_half_way_leaves_nothing(
    tmp_path: Path, walk: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "walk.gif").write_bytes(b"the old one")

    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(encode, "frame_durations", full_disk)
    with pytest.raises(OutputError, match="No space left"):
        record_to(tmp_path / "walk.gif", walk)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("walk.gif", b"the old one")]


def test_without_any_gl_the_painter_draws_and_says_so_in_one_line(
    python, walk_file: Path, tmp_path: Path
) -> None:
    script = tmp_path / "bare.py"
    script.write_text(
        "import sys\n"
        "sys.modules['pyglet'] = None  # as where it cannot be imported\n"
        "from pathlib import Path\n"
        "from kinetoken.motion.clip import Clip\n"
        "from kinetoken_viewer.record.recorder import RecordRequest, record_clips\n"
        "record_clips(Clip.load('walk.npz'), RecordRequest(Path('bare.png'), (160, 96)))\n"
    )
    done: subprocess.CompletedProcess[str] = python(str(script))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("\n") == 1
    assert "drawing in software, without OpenGL" in done.stderr
    with Image.open(tmp_path / "bare.png") as image:
        assert image.size == (160, 96)


@pytest.mark.parametrize(
    ("name", "fps"), [("walk.gif", None), ("walk.webp", 50.0), ("walk.mp4", 120.0)]
)
def test_a_film_of_days_is_refused_before_it_is_drawn(
    tmp_path: Path, walk: Clip, name: str, fps: float | None
) -> None:
    slow = Clip(np.repeat(walk.joints[:1], 5000, axis=0), fps=1.0)
    with pytest.raises(InputError, match=r"5000 s are .* pictures, of at most"):
        record_to(tmp_path / name, slow, fps=fps)
    assert not (tmp_path / name).exists()


def test_a_sprite_sheet_has_equal_cells_and_no_background(tmp_path: Path, walk: Clip) -> None:
    path = record_to(tmp_path / "sheet.png", walk, size=(400, 160), strip=5, sprites=True)
    with Image.open(path) as image:
        assert image.mode == "RGBA"
        assert image.size == (400, 160)
        alpha = np.asarray(image)[..., 3].reshape(160, 5, 80)
    assert not alpha[0].any()
    assert not alpha[-1].any()
    for cell in np.moveaxis(alpha, 1, 0):
        assert not cell[:, [0, -1]].any()  # nobody reaches into the next cell
        assert 0.05 < (cell == 255).mean() < 0.6
        columns = np.flatnonzero(cell.any(axis=0))
        assert abs(columns.mean() - 40) < 12


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"sprites": True}, "give --strip N too"),
        ({"sprites": True, "strip": 2, "size": (400, 3000)}, "got 200x3000"),
        (
            {"sprites": True, "strip": 40, "size": (800, 100)},
            "sides of 64 to 2048 pixels, got 20x100",
        ),
    ],
)
def test_sprites_that_cannot_be_drawn_are_refused(
    tmp_path: Path, options: dict[str, object], line: str
) -> None:
    wanted = {"size": (400, 160), **options}
    with pytest.raises(InputError, match=line):
        RecordRequest(tmp_path / "x.png", **wanted)  # type: ignore[arg-type]


def test_a_loop_shows_its_first_pose_once(walk: Clip) -> None:
    assert strip_positions(walk, 4)[-1] == len(walk) - 1
    loop = Clip(walk.joints, meta={"loop": "yes"})
    assert strip_positions(loop, 4).tolist() == [(len(walk) - 1) * n / 4 for n in range(4)]
