"""The true drivers, each in a process of its own: off screen through EGL, and in a window."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kinetoken_viewer.render.body_shape import body_cones
from kinetoken_viewer.render.camera import Camera, look_at
from kinetoken_viewer.render.shot import Shot
from kinetoken_viewer.render.software.painter import Painter
from kinetoken_viewer.stage.standing_pose import upright_pose

SIZE = (320, 200)

HEADLESS = """
import sys
try:
    from kinetoken_viewer.render.gl.offscreen import OffscreenRenderer
    renderer = OffscreenRenderer(320, 200)
except Exception as error:
    print(error)
    sys.exit(77)
from PIL import Image
from kinetoken_viewer.render.body_shape import body_cones
from kinetoken_viewer.render.camera import Camera, look_at
from kinetoken_viewer.render.shot import Shot
from kinetoken_viewer.stage.standing_pose import upright_pose
import numpy as np
camera = Camera().at(look_at(upright_pose()))
Image.fromarray(renderer.render(Shot(camera, body_cones(upright_pose())))).save("gl.png")
Image.fromarray(renderer.render(Shot(camera, np.zeros((0, 11), np.float32)))).save("nobody.png")
renderer.close()
"""

WINDOW = """
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
from kinetoken_viewer.stage.arriving_stage import ArrivingStage
from kinetoken_viewer.window.request import WindowRequest
from PIL import Image
from pyglet.window import key, mouse

def main():
    feed = Feed(GeneratorJob("a person walks", GenerateOptions()), fake_generators.SERVER)
    stage = ArrivingStage("a person walks", feed)
    player = PlayerWindow(stage, WindowRequest((360, 240)))
    end = time.monotonic() + 25
    def over():
        return player.closed or time.monotonic() > end or (stage.finished and player.pictures > 8)
    while not over():
        player.dispatch_events()
        player.refresh()
        time.sleep(0.005)
    seen = {"pictures": player.pictures, "closed": player.closed, "frames": len(stage.track)}
    if not player.closed:
        player.on_key_press(key.H, 0)
        player.on_key_press(key.SPACE, 0)
        player.on_mouse_drag(300, 200, 40, 0, mouse.LEFT, 0)
        player.on_mouse_drag(300, 200, 5, 5, mouse.RIGHT, 0)
        player.on_mouse_scroll(300, 200, 0, 1)
        player.on_mouse_press(175, 10, mouse.LEFT, 0)
        player.on_mouse_drag(180, 10, 5, 0, mouse.LEFT, 0)
        player.on_mouse_release(180, 10, mouse.LEFT, 0)
        player.set_size(340, 280)
        for _ in range(5):
            player.dispatch_events()
            player.refresh()
        player.on_key_press(key.H, 0)
        player.refresh()
        pixels = player.pixels()
        Image.fromarray(pixels).save("window.png")
        seen |= {"playing": stage.playhead.playing, "position": stage.playhead.position,
                 "message": stage.words(60).message, "shape": pixels.shape}
        player.on_key_press(key.Q, 0)
        seen["closed"] = player.closed
    feed.close()
    print(json.dumps(seen))

if __name__ == "__main__":
    main()
"""


def colours(path: Path) -> tuple[int, int]:
    """Pixels that are clearly blue, and clearly red."""
    with Image.open(path) as image:
        r, g, b = np.moveaxis(np.asarray(image).astype(int), -1, 0)
    return int(((b > r + 60) & (b > g + 30)).sum()), int(((r > b + 60) & (r > g + 50)).sum())


def test_gl_and_painter_draw_the_same_picture(python, tmp_path: Path) -> None:
    done = python("-c", HEADLESS)
    if done.returncode == 77:
        pytest.skip(f"no off-screen OpenGL here: {done.stdout.strip()[:150]}")
    assert done.returncode == 0, done.stderr[-2000:]
    assert min(colours(tmp_path / "gl.png")) > 400
    camera = Camera().at(look_at(upright_pose()))
    for name, rows in (
        ("gl.png", body_cones(upright_pose())),
        ("nobody.png", body_cones(upright_pose())[:0]),
    ):
        with Image.open(tmp_path / name) as image:
            drawn = np.asarray(image).astype(int)
        painted = Painter(*SIZE).render(Shot(camera, rows)).astype(int)
        difference = np.abs(drawn - painted).max(axis=-1)
        assert difference.mean() < 4
        assert (difference > 60).mean() < 0.01  # only where GL lets limbs shade each other


def run_window(python, tmp_path: Path, display: str, server: str) -> dict[str, object]:
    script = tmp_path / "window.py"  # a file, because the generator's process imports it
    script.write_text(WINDOW.replace("SERVER", server))
    done = python(str(script), display=display)
    if done.returncode == 77:
        pytest.skip(f"no OpenGL window here: {done.stdout.strip()[:150]}")
    assert done.returncode == 0, done.stderr[-2000:]
    seen: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return seen


def test_window_plays_a_generated_motion(python, tmp_path: Path, x_display: str) -> None:
    seen = run_window(python, tmp_path, x_display, "good_and_stays")
    assert seen["frames"] == 24
    assert seen["pictures"] > 8
    assert seen["closed"]
    assert not seen["playing"]
    assert seen["position"] == pytest.approx(23 * 0.516, abs=0.8)
    assert seen["message"] == ""
    assert min(colours(tmp_path / "window.png")) > 300


def test_window_outlives_a_generator_that_dies(python, tmp_path: Path, x_display: str) -> None:
    seen = run_window(python, tmp_path, x_display, "killed")
    assert seen["frames"] == 4
    assert "killed by signal 9" in str(seen["message"])
    assert min(colours(tmp_path / "window.png")) > 300


def test_window_closes_on_a_mistake_before_anything_came(
    python, tmp_path: Path, x_display: str
) -> None:
    seen = run_window(python, tmp_path, x_display, "refuses")
    assert seen["closed"]
