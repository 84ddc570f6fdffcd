from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import kinetoken
from called import play
from kinetoken.base.errors import (
    FormatError,
    InputError,
    KinetokenError,
    MissingPackageError,
    OutputError,
)
from kinetoken.motion.clip import Clip
from kinetoken_viewer.commands import headless
from kinetoken_viewer.commands.requests import PlayRequest
from kinetoken_viewer.file_names import free_name

pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture(scope="module", autouse=True)
def no_pyglet() -> Iterator[None]:
    """This process as if no test before had loaded pyglet."""
    with pytest.MonkeyPatch.context() as patched:
        for name in [name for name in sys.modules if name.partition(".")[0] == "pyglet"]:
            patched.delitem(sys.modules, name)
        yield


def test_a_clip_becomes_a_named_file(walk_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert play("walk.npz", "--film", "walk.png", "--size", "160x96", "--camera", "left") == 0
    with Image.open("walk.png") as image:
        assert image.size == (160, 96)
    assert capsys.readouterr().out == "2.0 s of motion, seed 3 -> walk.png\n"


def test_a_prompt_becomes_a_gif_named_after_it(tiny_bundle: Path) -> None:
    options = (
        "--bundle",
        str(tiny_bundle),
        "--seed",
        "1",
        "--seconds",
        "0.6",
        "--size",
        "96x64",
        "--max-thought",
        "2",
    )
    for _ in range(2):
        assert play("A person WALKS, then waves!", "--headless", *options, "-o", "clip.npz") == 0
    assert Path("a-person-walks-then-waves.gif").is_file()
    assert Path("a-person-walks-then-waves-2.gif").is_file()  # the first one is not overwritten
    assert len(Clip.load("clip.npz")) == 12


def test_feet_are_locked_where_they_are_seen_unless_told_otherwise(tiny_bundle: Path) -> None:
    options = (
        "--bundle",
        str(tiny_bundle),
        "--seed",
        "1",
        "--seconds",
        "1.2",
        "--size",
        "96x64",
        "--max-thought",
        "2",
    )
    for name, more in (("seen", ()), ("plain", ("--no-foot-lock",))):
        assert (
            play("a person walks", "--film", f"{name}.png", "-o", f"{name}.npz", *options, *more)
            == 0
        )
    seen, plain = Clip.load("seen.npz"), Clip.load("plain.npz")
    assert seen.meta["foot_lock"] == "on"
    assert "foot_lock" not in plain.meta
    np.testing.assert_array_equal(seen.features, plain.features)
    assert play("plain.npz", "--film", "again.png", "-o", "again.npz", "--size", "96x64") == 0
    np.testing.assert_allclose(Clip.load("again.npz").joints, seen.joints, atol=1e-5)


def test_clips_of_a_model_are_smoothed_and_others_where_asked(tiny_bundle: Path) -> None:
    made = kinetoken.load(tiny_bundle).generate("walk", seed=1, seconds=1.2, max_thought=2)
    made.save("made.npz")
    Clip(made.joints).save("captured.npz")
    for name, option, smooth in (
        ("made", (), True),
        ("made", ("--no-smooth",), False),
        ("captured", (), False),
        ("captured", ("--smooth",), True),
    ):
        args = ("--film", "seen.png", "-o", "seen.npz", "--size", "96x64", "--no-foot-lock")
        assert play(f"{name}.npz", *args, *option) == 0
        seen = Clip.load("seen.npz")
        assert ("smooth" in seen.meta) is smooth
        expected = made.smoothed().joints if smooth else made.joints
        np.testing.assert_allclose(seen.joints, expected, atol=1e-5)


def test_a_strip_needs_no_other_option(walk_file: Path) -> None:
    assert play("walk.npz", "--strip", "3", "--size", "300x120", "--no-words") == 0
    assert Path("walk.png").is_file()


def test_names_of_odd_prompts() -> None:
    assert free_name("../../etc/passwd", ".gif") == Path("etc-passwd.gif")
    assert free_name("!!!", ".gif") == Path("motion.gif")
    assert free_name("歩く", ".gif") == Path("歩く.gif")
    assert len(free_name("word " * 100, ".gif").name) < 70


@pytest.mark.parametrize(
    ("args", "error", "words"),
    [
        (["--headless"], InputError, "nothing to show"),
        (["--film", "x.gif"], InputError, "nothing to show"),
        (["walk", "--history-file", "nowhere/talk.json"], OutputError, "no folder"),
        (["", "--headless"], InputError, "the prompt is empty"),
        (["  "], InputError, "the prompt is empty"),
        (["nothing.npz"], FormatError, "no such file"),
        (
            ["walk.npz", "--seconds", "3"],
            InputError,
            "--seconds is for a prompt, and this is a clip",
        ),
        (["walk.npz", "--history-file", "talk.json"], InputError, "--history-file is for a prompt"),
        (["walk.npz", "--once", "--film", "x.gif"], InputError, "--once is for live output"),
        (
            ["walk.npz", "--vmc", "--once", "--film", "x.gif"],
            InputError,
            "--once is for live output",
        ),
        (["walk.npz", "--film", "x.npz"], InputError, "to write the motion: -o x.npz"),
        (["walk.npz", "-o", "x.mp4"], InputError, "a film: kinetoken play ... --film x.mp4"),
        (["nothing.glb"], FormatError, "no such file"),
        (["walk", "--unit", "cm"], InputError, "--unit is for a clip, and this is a prompt"),
        (["walk.npz", "--animation", "a"], InputError, "--animation is for .glb and .vrma"),
        (["./nothing.mp4"], InputError, "looks like a file.*--as-prompt"),
        (["folder/nothing"], InputError, "looks like a file.*--as-prompt"),
        (["walk.npz", "--film", "x.foo"], InputError, "expected a name that ends in"),
        (["walk.npz", "--film", "nowhere/x.gif"], OutputError, "no folder"),
        (["walk.npz", "--size", "big"], InputError, "WIDTHxHEIGHT"),
        (["walk.npz", "--camera", "sideways"], InputError, "unknown camera"),
        (["walk.npz", "--headless", "--film-fps", "500"], InputError, "--film-fps: expected"),
        (["walk", "--seconds", "0"], InputError, "seconds"),
        (["walk", "--temperature", "-1"], InputError, "temperature"),
        (["walk", "-o", "x.gif"], InputError, "expected a name that ends in"),
        (["walk", "-o", "nowhere/x.npz"], OutputError, "no folder"),
        (["walk", "--headless", "--bundle", "nowhere"], KinetokenError, "nowhere"),
    ],
)
def test_mistakes(
    walk_file: Path, args: list[str], error: type[KinetokenError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        play(*args)
    assert caught.value.exit_code != 0
    assert "\n" not in str(caught.value)
    assert [path.name for path in Path().iterdir()] == ["walk.npz"]


def test_other_files_are_not_taken_for_words(walk_file: Path) -> None:
    Path("notes.txt").write_text("hello")
    with pytest.raises(InputError, match=r"\.npz"):
        play("notes.txt")


def test_a_very_long_prompt_is_not_a_file_name(tiny_bundle: Path) -> None:
    with pytest.raises(InputError, match="prompt"):
        play("walk " * 2000, "--headless", "--bundle", str(tiny_bundle))


def test_unknown_options_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        play("walk", "--colour", "red")
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(("module", "name"), [("PIL", "Pillow"), ("pyglet", "pyglet")])
def test_missing_packages_are_one_sentence(
    walk_file: Path, monkeypatch: pytest.MonkeyPatch, module: str, name: str
) -> None:
    def nothing(wanted: str) -> object:
        return None if wanted == module else object()

    monkeypatch.setattr("importlib.util.find_spec", nothing)
    with pytest.raises(MissingPackageError, match=rf'{name}.*pip install "\.\[viewer\]"'):
        play("walk.npz")


def test_adding_the_command_imports_nothing_heavy(python) -> None:
    script = (
        "import sys; from kinetoken.cli.parser import CommandParser;"
        "from kinetoken_viewer.commands.play import add_command;"
        "add_command(CommandParser().add_subparsers());"
        "bad = {'pyglet', 'PIL', 'onnxruntime', 'tokenizers', 'imageio_ffmpeg'};"
        "print(sorted(bad & set(sys.modules)))"
    )
    assert python("-c", script).stdout.strip() == "[]"


def test_without_a_display_play_writes_a_gif_and_says_so(
    python, walk_file: Path, tmp_path: Path
) -> None:
    script = tmp_path / "play.py"
    script.write_text(
        "import sys\n"
        "from kinetoken.cli.parser import CommandParser\n"
        "from kinetoken_viewer.commands.play import add_command\n"
        "parser = CommandParser()\n"
        "add_command(parser.add_subparsers())\n"
        "args = parser.parse_args(['play', 'walk.npz', '--size', '128x80', '--film-fps', '10'])\n"
        "sys.exit(args.func(args))\n"
    )
    done = python(str(script))
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert "no display" in lines[0]
    assert "walk.gif" in lines[0]
    assert len(lines) <= 2  # the second says where there is no OpenGL at all
    assert "-> walk.gif" in done.stdout
    with Image.open(tmp_path / "walk.gif") as image:
        assert image.n_frames == 20


def test_ctrl_c_keeps_what_came(
    walk: Clip, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(request: PlayRequest) -> tuple[Clip, bool]:
        return walk, True

    monkeypatch.setattr(headless, "generate_clip", interrupted)
    assert play("a person walks", "--headless", "-o", "part.npz") == 130
    np.testing.assert_array_equal(Clip.load("part.npz").joints, walk.joints)
    assert "2.0 s of motion so far are in part.npz" in capsys.readouterr().err
    assert not list(Path().glob("*.gif"))


def test_pyglet_stays_out_of_this_process(no_pyglet: None) -> None:
    assert "pyglet" not in sys.modules
