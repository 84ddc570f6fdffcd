"""States of the living window beside reference pictures: typing, thinking, a stall, a death."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pictures import assert_looks_like

SCRIPT = """
import sys
try:
    from kinetoken_viewer.window.window import PlayerWindow
    from pyglet.window import key
except Exception as error:
    print(error)
    sys.exit(77)
import numpy as np
from PIL import Image
import shots
from kinetoken.motion.clip import MotionChunk
from kinetoken.generation.options import GenerateOptions
from kinetoken_viewer.generator.messages import (
    AnswerStarted, GeneratorFailed, ModelReady, MotionArrived, ThoughtArrived,
)
from kinetoken_viewer.stage.living_stage import LivingStage
from kinetoken_viewer.window.request import WindowRequest
from kinetoken.motion.playback import Sample
from scripted_feed import Talk

with np.load(shots.MOTION) as file:
    JOINTS = file["joints"][0].astype(np.float32)

def moved(count, pace=0.1):
    codes = np.zeros((1, 4), np.int64)
    features = np.zeros((4, 263), np.float32)
    return [MotionArrived(MotionChunk(i, JOINTS[i : i + 4], features, codes), 0.2 / pace, 1,
                          Sample(pace * (i // 4 + 1), 0.05 * (i + 4), 6 * i))
            for i in range(0, 4 * count, 4)]

class Shown:
    def __init__(self, prompt="", **asked):
        self.talk = Talk(prompt)
        self.stage = LivingStage(self.talk, prompt, GenerateOptions(foot_lock=True, **asked))
        self.window = PlayerWindow(self.stage, WindowRequest((480, 320)))

    def run(self, seconds, *messages):
        self.talk.say(*messages)
        for _ in range(round(seconds * 60)):
            self.stage.tick(1 / 60)

    def keep(self, name):
        self.stage.playhead.playing = False
        for _ in range(3):
            self.window.controls.cut = True
            self.window.half_rate = False             # no picture is left out
            self.window.dispatch_events()
            self.window.refresh()
        self.window.picture_rate = 30.0
        self.window.show_typing()                  # the cursor is steady
        self.stage.playhead.playing = True
        Image.fromarray(self.window.pixels()).save(name + ".png")
        self.window.close()

READY = ModelReady(20.0), AnswerStarted(7, 20.0)
empty = Shown()
empty.run(1.0, ModelReady(20.0))
empty.keep("living-ease")
typing = Shown()
typing.run(1.0, ModelReady(20.0))
typing.window.on_text("/")
typing.window.on_text("a person walks in a circle and then sits down on the floor, slowly")
typing.window.on_text_motion(key.MOTION_PREVIOUS_WORD)
typing.keep("living-typing")
thinking = Shown("a person walks in a circle")
thinking.run(1.0, *READY, ThoughtArrived("I lean forward and take the first"))
thinking.keep("living-thinking")
moving = Shown("a person walks in a circle")
moving.run(1.5, *READY, ThoughtArrived("I lean forward and go round."), *moved(12))
moving.keep("living-moving")
slow = Shown("a person walks in a circle", seconds=4.0)
slow.run(0.5, *READY, ThoughtArrived("I lean forward and go round."), *moved(6, 0.5))
slow.keep("living-slow")
stalled = Shown("a person walks in a circle")
stalled.run(14.3, *READY, *moved(8))
stalled.keep("living-stalled")
dead = Shown("a person walks in a circle")
REASON = "the generator's process ended unexpectedly (killed by signal 9)"
dead.run(1.2, *READY, *moved(8), GeneratorFailed(REASON))
dead.keep("living-dead")
"""
NAMES = ("ease", "typing", "thinking", "moving", "slow", "stalled", "dead")


def test_what_a_living_window_looks_like(python, tmp_path: Path, x_display: str) -> None:
    script = tmp_path / "looks.py"
    script.write_text(SCRIPT)
    done = python(str(script), display=x_display)
    if done.returncode == 77:
        pytest.skip(f"no OpenGL window here: {done.stdout.strip()[:150]}")
    assert done.returncode == 0, done.stderr[-2000:]
    for name in NAMES:
        with Image.open(tmp_path / f"living-{name}.png") as image:
            assert_looks_like(np.asarray(image), f"living-{name}")
