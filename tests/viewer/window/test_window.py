"""The living window on a virtual display: typing, and a generator or a display that goes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kinetoken.motion.clip import Clip

LIVING = """
import json, sys, time
try:
    from kinetoken_viewer.window.window import PlayerWindow
except Exception as error:
    print(error)
    sys.exit(77)
import fake_generators
from kinetoken.generation.options import GenerateOptions
from kinetoken_viewer.generator.feed import Feed
from kinetoken_viewer.generator.messages import GeneratorJob
from kinetoken_viewer.stage.living_stage import LivingStage
from kinetoken_viewer.window.request import WindowRequest
from PIL import Image
from pyglet.window import key, mouse

SEEN = {}

class Window:
    def __init__(self, server, prompt=""):
        options = GenerateOptions()
        self.feed = Feed(GeneratorJob(prompt, options), server)
        self.stage = LivingStage(self.feed, prompt, options, keep_all=True)
        self.window = PlayerWindow(self.stage, WindowRequest((480, 320)))
        self.line = self.stage.line

    def run(self, until, seconds=25.0):
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.window.closed and not until():
            self.window.dispatch_events()
            self.window.refresh()
            time.sleep(0.004)
        return until()

    def type(self, text):
        for letter in text:
            self.window.on_text(letter)

    def keep(self, name):
        self.window.on_text_motion(key.MOTION_END_OF_LINE)
        Image.fromarray(self.window.pixels()).save(name + ".png")
        words = self.stage.words(30.0)
        seen = {name: getattr(words, name) for name in ("message", "status", "thought", "prompt")}
        SEEN[name] = seen | {"line": list(words.line), "frames": len(self.stage.track)}

    def close(self):
        self.feed.close()
        if not self.window.closed:
            self.window.close()
        print(json.dumps(SEEN))

def main():
STEPS

if __name__ == "__main__":
    main()
"""

TYPING = """
    w = Window(fake_generators.talks)
    assert w.run(lambda: w.stage.loaded)
    w.type("xyz h")                    # not in the line yet: no letter goes in, no key is lost
    assert w.line.text == "" and not w.line.focused
    w.window.on_key_press(key.SPACE, 0)
    assert not w.stage.playhead.playing
    w.window.on_key_press(key.SPACE, 0)
    w.window.on_text("/")
    assert w.line.focused and w.line.text == ""
    for letter, symbol in zip("a hop q", (key.A, key.SPACE, key.H, key.O, key.P, key.SPACE, key.Q)):
        w.window.on_key_press(symbol, 0)             # letters that are keys of the window elsewhere
        w.window.on_text(letter)
    assert w.stage.playhead.playing and not w.window.closed and not w.window.controls.help
    for _ in range(2):
        w.window.on_key_press(key.BACKSPACE, 0)
        w.window.on_text_motion(key.MOTION_BACKSPACE)
    w.window.on_text(" and 歩く")                      # as an input method hands it over
    w.window.on_key_press(key.LEFT, 0)
    w.window.on_text_motion(key.MOTION_LEFT)
    w.window.set_clipboard_text("two\\nlines")
    w.window.on_text_motion(key.MOTION_PASTE)
    assert w.line.text == "a hop and 歩two linesく", w.line.text
    w.window.on_key_press(key.W, key.MOD_CTRL)
    w.window.on_key_press(key.BACKSPACE, key.MOD_CTRL)
    w.window.on_text_motion(key.MOTION_BACKSPACE)
    w.keep("typing")
    w.window.on_key_press(key.ESCAPE, 0)
    assert not w.line.focused and not w.window.closed
    w.window.on_mouse_press(60, 30, mouse.LEFT, 0)
    assert w.line.focused
    w.window.on_key_press(key.U, key.MOD_CTRL)
    w.window.on_key_press(key.K, key.MOD_CTRL)
    w.type("a person walks")
    w.window.on_key_press(key.ENTER, 0)
    w.window.on_text("\\r")
    assert w.line.text == ""
    assert w.run(lambda: w.stage.answer.placed)
    w.run(lambda: False, 0.6)
    w.keep("moving")
    w.window.on_text_motion(key.MOTION_UP)
    assert w.line.text == "a person walks"
    w.window.on_mouse_press(300, 250, mouse.LEFT, 0)
    assert not w.line.focused
    assert w.run(lambda: w.stage.body.idle and not w.stage.busy)
    w.keep("at ease")
    w.window.on_key_press(key.ESCAPE, 0)
    assert w.window.closed
    w.close()
"""

TROUBLE = """
    servers = fake_generators.hangs, fake_generators.killed, fake_generators.endless
    w = Window(fake_generators.one_after_another(*servers), "a person walks")
    assert w.run(lambda: w.stage.answer.frames)
    w.stage.progress.silence = 11.0
    w.run(lambda: False, 0.3)
    w.keep("stalled")
    w.window.on_key_press(key.ENTER, 0)
    w.type("a person waves")
    begin = time.monotonic()
    w.window.on_key_press(key.ENTER, 0)
    SEEN["replaced in"] = time.monotonic() - begin
    assert w.run(lambda: w.stage.failure is not None)
    w.run(lambda: False, 0.5)
    w.keep("dead")
    w.type("a person jumps")
    w.window.on_key_press(key.ENTER, 0)
    before = w.window.pictures
    assert w.run(lambda: w.stage.ahead > 5.0)
    w.run(lambda: False, 1.0)
    SEEN["pictures in a flood"] = w.window.pictures - before
    w.keep("flooded")
    w.close()
"""


def seen_in(python, tmp_path: Path, display: str, steps: str) -> dict[str, dict[str, object]]:
    script = tmp_path / "living.py"  # a file, because the generator's process imports it
    script.write_text(LIVING.replace("STEPS", steps))
    done = python(str(script), display=display, timeout=100.0)
    if done.returncode == 77:
        pytest.skip(f"no OpenGL window here: {done.stdout.strip()[:150]}")
    assert done.returncode == 0, done.stderr[-2000:]
    seen: dict[str, dict[str, object]] = json.loads(done.stdout.splitlines()[-1])
    return seen


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image).astype(int)


def test_a_prompt_is_written_in_the_window_and_the_body_moves(
    python, tmp_path: Path, x_display: str
) -> None:
    seen = seen_in(python, tmp_path, x_display, TYPING)
    assert seen["typing"]["line"][:3] == ["a hop and く", 11, True]
    assert seen["moving"]["prompt"] == seen["moving"]["thought"] == "a person walks"
    assert seen["moving"]["message"] == ""
    assert "seed 1" in str(seen["moving"]["status"])
    assert "idle" in str(seen["at ease"]["status"])
    focused, asleep = pixels(tmp_path / "typing.png"), pixels(tmp_path / "at ease.png")
    frame = (focused[..., 2] > 200) & (
        focused[..., 0] < 90
    )  # the line's edge is blue while it has the keyboard
    assert frame[-60:].any(axis=0).sum() > 200
    assert not ((asleep[..., 2] > 200) & (asleep[..., 0] < 90))[-60:-20].any(axis=0).sum() > 200


def test_the_window_stays_alive_whatever_the_generator_does(
    python, tmp_path: Path, x_display: str
) -> None:
    seen = seen_in(python, tmp_path, x_display, TROUBLE)
    assert re.search(r"has said nothing for 1\d s", str(seen["stalled"]["message"]))
    assert seen["replaced in"] < 5.0
    assert "killed by signal 9" in str(seen["dead"]["message"])
    assert seen["pictures in a flood"] > 10
    assert seen["flooded"]["message"] == ""
    amber = pixels(tmp_path / "dead.png")
    assert (
        (amber[..., 0] > 200) & (amber[..., 2] < 140)
    ).sum() > 50  # what went wrong is written in the picture


@contextlib.contextmanager
def started(
    tmp_path: Path, *args: str
) -> Iterator[tuple[subprocess.Popen[str], subprocess.Popen[str]]]:
    """An X server, and a window on it that says "moves" once motion has come."""
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed: apt-get install xvfb")
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", "1", "-screen", "0", "400x300x24", "-nolisten", "tcp"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    with server:
        assert server.stdout is not None
        env = {
            **os.environ,
            "DISPLAY": f":{server.stdout.readline().strip()}",
            "LP_NUM_THREADS": "1",
        }
        env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        options = ("--seconds", "20", "--max-thought", "2", "--size", "320x240", *args)
        command = [sys.executable, "-c", MOVES, "play", "a person walks", *options]
        player = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            with player:
                yield server, player
        finally:
            server.kill()


MOVES = """
import sys
from kinetoken.cli.main import main
from kinetoken_viewer.stage.answers import AnswerProgress
take, seen = AnswerProgress.measure, []

def measure(self, message):
    take(self, message)
    seen.append(message)
    if len(seen) == 3:
        print("moves", file=sys.stderr, flush=True)

AnswerProgress.measure = measure
sys.exit(main())
"""


def ended(player: subprocess.Popen[str], end: Callable[[], object]) -> list[str]:
    """What is said once motion had come and `end` has been called."""
    assert player.stderr is not None
    before: list[str] = []
    for line in iter(player.stderr.readline, ""):
        if line == "moves\n":
            break
        before.append(line)
    if "no window" in "".join(before):
        pytest.skip(f"no OpenGL window here: {before}")
    end()
    out, err = player.communicate(timeout=40)
    return [
        line for line in (*before, *err.splitlines(), *out.splitlines()) if "serving" not in line
    ]


@pytest.mark.parametrize("kind", ["one", "compare"])
def test_a_display_that_disappears_is_one_line_and_what_came_is_saved(
    tmp_path: Path, tiny_bundle: Path, kind: str
) -> None:
    more = ("--compare", "seed=1,1") if kind == "compare" else ()
    with started(tmp_path, "--bundle", str(tiny_bundle), "-o", "kept.npz", *more) as (
        server,
        player,
    ):
        gone, *kept = ended(player, server.kill)
    assert player.returncode == 6, kept
    assert gone == "kinetoken: the display is gone, and the window with it"
    names = ["kept-seed-1.npz", "kept-seed-1-2.npz"] if kind == "compare" else ["kept.npz"]
    assert [line.split(" -> ")[1] for line in kept] == names
    for name in names:
        assert len(Clip.load(tmp_path / name)) > 0


def test_sigterm_ends_a_window_like_ctrl_c(tmp_path: Path, tiny_bundle: Path) -> None:
    with started(tmp_path, "--bundle", str(tiny_bundle), "-o", "kept.npz") as (_, player):
        stopped, kept = ended(player, player.terminate)
    assert player.returncode == 130
    assert stopped == "kinetoken: stopped"
    assert kept.endswith("-> kept.npz")
    assert len(Clip.load(tmp_path / "kept.npz")) > 0
