"""The window on a virtual display: its modes beside reference pictures, and its keys and mouse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pictures import assert_looks_like

SCRIPT = """
import json, sys
try:
    from kinetoken_viewer.window.window import PlayerWindow
    from pyglet.window import key, mouse
    import pyglet
except Exception as error:
    print(error)
    sys.exit(77)
import numpy as np
from PIL import Image
import shots
from kinetoken.motion.clip import Clip
from kinetoken_viewer.stage.places import NamedClip
from kinetoken_viewer.stage.side_by_side import ClipsSideBySide
from kinetoken_viewer.stage.layers import NO_LAYERS, SceneLayers
from kinetoken_viewer.stage.clip_stage import ClipStage
from kinetoken_viewer.window.request import WindowRequest

GLES = "gles" in sys.argv
with np.load(shots.MOTION) as file:
    clips = [Clip(joints.astype(np.float32), prompt="walk in a circle", seed=i)
             for i, joints in enumerate(file["joints"])]
seen = {}

def opened(stage, size, layers=NO_LAYERS):
    try:
        player = PlayerWindow(stage, WindowRequest(size, layers=layers, gles=GLES))
    except Exception as error:
        if GLES:
            print(error)
            sys.exit(77)
        raise
    stage.playhead.playing = False
    stage.playhead.position = 44.0
    player.controls.cut = True
    return player

def shown(player, name, times=3):
    for _ in range(times):
        player.dispatch_events()
        player.picture_rate = 60.0
        player.show_typing()
        player.refresh()
    Image.fromarray(player.pixels()).save(name + ".png")

def press(player, *keys):
    for name in keys:
        player.on_key_press(getattr(key, name), 0)

def one():
    stage = ClipStage(clips[0].foot_locked(), unlocked=clips[0])
    player = opened(stage, (480, 320))
    seen["es"] = "300 es" in player.scene.header
    press(player, "T", "G", "C")
    shown(player, "window-layers")
    press(player, "T", "G", "C", "H")
    shown(player, "window-help")
    press(player, "H", "K")
    seen["status"] = stage.words(60).status
    press(player, "K")
    width = player.width
    player.on_mouse_press(width // 4, 9, mouse.LEFT, key.MOD_SHIFT)
    player.on_mouse_drag(width // 2, 9, 9, 0, mouse.LEFT, key.MOD_SHIFT)
    player.on_mouse_release(width // 2, 9, mouse.LEFT, key.MOD_SHIFT)
    seen["span"] = stage.playhead.span
    shown(player, "window-span")
    press(player, "X")
    seen["whole"] = stage.playhead.span
    seen["views"] = []
    for number in "123456":
        press(player, "_" + number)
        player.refresh()
        seen["views"].append([player.camera_view.camera.yaw, player.camera_view.camera.pitch])
    press(player, "A")
    shown(player, "window-everything")
    press(player, "S", "V")
    shown(player, "unused", 6)
    press(player, "V")
    shown(player, "unused", 1)
    player.capture.close()
    player.close()

def many():
    named = [NamedClip(f"seed {i}", clip) for i, clip in enumerate(clips, start=1)]
    stage = ClipsSideBySide("", named)
    player = opened(stage, (640, 360), SceneLayers(trail=True))
    shown(player, "window-compare")
    player.close()

def large():
    stage = ClipStage(clips[0])
    player = opened(stage, (1600, 1000))
    shown(player, "large", 1)
    player.set_size(700, 500)
    shown(player, "smaller", 2)
    seen["drawn"] = player.screen_canvas.size
    seen["software"] = player.scene.software
    player.close()

one()
many()
large()
print(json.dumps(seen))
"""
PICTURES = ("window-layers", "window-help", "window-span", "window-everything", "window-compare")


@pytest.mark.parametrize("kind", ["gl", "gles"])
def test_the_windows_modes(python, tmp_path: Path, x_display: str, kind: str) -> None:
    script = tmp_path / "window.py"
    script.write_text(SCRIPT)
    done = python(str(script), kind, display=x_display)
    if done.returncode == 77:
        pytest.skip(f"no OpenGL window here: {done.stdout.strip()[:150]}")
    assert done.returncode == 0, done.stderr[-2000:]
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert seen["es"] == (kind == "gles")
    assert "no foot lock" in seen["status"]
    assert seen["span"] == pytest.approx([0.22 * 79, 0.5 * 79], abs=2.5)
    assert seen["whole"] is None
    assert len({tuple(view) for view in seen["views"]}) == 6
    for name in PICTURES:
        with Image.open(tmp_path / f"{name}.png") as image:
            assert_looks_like(np.asarray(image), name, looser=1.0 if kind == "gl" else 1.001)
    with Image.open(tmp_path / "walk-in-a-circle.png") as image:
        assert image.size == (480, 320)
    if seen["software"]:
        assert seen["drawn"][0] * seen["drawn"][1] == pytest.approx(1280 * 720, rel=0.01)
    with Image.open(tmp_path / "large.png") as image:
        assert image.size[0] > 1280
        large = np.asarray(image.resize((160, 100))).astype(int)
        assert (large[..., 2] > large[..., 0] + 60).sum() > 40  # a blue leg
    films = list(tmp_path.glob("walk-in-a-circle.*[4f]"))
    assert [film.stat().st_size > 500 for film in films] == [True]
