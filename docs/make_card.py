"""Makes the card that links to the project show, 1200x630, and the first film of the README.

    python docs/make_card.py [-o docs]

Both are the demo model's own answers, drawn by the viewer. It needs the extra [viewer].
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

import kinetoken
from kinetoken.motion.clip import Clip
from kinetoken.motion.skeleton import JOINT
from kinetoken_viewer.hud.prompt_box import PromptBox
from kinetoken_viewer.hud.text import (
    SOFT_TEXT,
    WHITE_TEXT,
    Panel,
    stamp,
    text_image,
)
from kinetoken_viewer.record.recorder import open_renderer, record_clips
from kinetoken_viewer.record.request import RecordRequest
from kinetoken_viewer.render.body_shape import body_cones
from kinetoken_viewer.render.camera import THREE_QUARTER, Camera
from kinetoken_viewer.render.pixels import Pixels
from kinetoken_viewer.render.shot import Shot
from kinetoken_viewer.stage.playhead import Track
from kinetoken_viewer.stage.prompt_line import PromptText

SIZE: Final = (1200, 630)
PROMPT: Final = "do a cartwheel"
SEED: Final = 1
MOMENTS: Final = (0.0, 0.45, 0.8, 1.05, 1.3, 1.6, 2.1)
"""Seconds of the poses on the card."""
GAP: Final = 0.25  # metres between poses
TAGLINE: Final = (
    "Type what a body should do: it moves while the model",
    "is still writing. Offline, on small hardware.",
)
MARGIN: Final = 64  # pixels
FILM_PROMPT: Final = "walk forward, then do a cartwheel"
FILM_SIZE: Final = (480, 270)
FILM_FPS: Final = 10.0
FILM_SECONDS: Final = 5.2


def card() -> Pixels:
    """The card: words above, poses of one answer below."""
    clip = kinetoken.load().generate(PROMPT, seed=SEED).foot_locked()
    camera = Camera(yaw=np.radians(24.0), pitch=np.radians(7.0), fov=np.radians(11.0))
    poses = spread(clip, camera)
    points = np.concatenate(poses)
    target = (points.min(axis=0) + points.max(axis=0)) / 2.0
    camera = camera.at(target).fitted_between(
        np.concatenate([points - target + (0, rise, 0) for rise in (-0.16, 0.13)]),
        SIZE[0] / SIZE[1],
        above=0.0,
        below=0.93,
    )
    renderer = open_renderer(*SIZE)
    bodies = np.concatenate([body_cones(pose) for pose in poses])
    picture = renderer.render(Shot(camera, bodies, spotlight=2.0))
    renderer.close()
    return stamp(picture, words())


def spread(clip: Clip, camera: Camera) -> list[np.ndarray]:
    """Poses (22, 3) side by side, from left to right in the picture."""
    track, right = Track(clip.joints), camera.axes()[0]
    out, edge = [], 0.0
    for moment in MOMENTS:
        pose = track.sample(moment * clip.fps)
        pose = pose - pose[JOINT["pelvis"]] * (1.0, 0.0, 1.0)
        across = pose @ right
        out.append(pose + (edge - across.min()) * right)
        edge += float(np.ptp(across)) + GAP
    return out


def words() -> list[Panel]:
    """Name, sentence and prompt."""
    box = PromptBox(MARGIN, 246, 440, 60)
    panels = [Panel(text_image(("kinetoken",), 76, WHITE_TEXT), MARGIN - 6, 28)]
    panels.append(Panel(text_image(TAGLINE, 33, SOFT_TEXT), MARGIN - 2, 126))
    return [*panels, box.panel(PromptText(PROMPT, len(PROMPT), True))]


def main() -> None:
    """Writes card.png and walk.gif, and prints their sizes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).parent)
    out = parser.parse_args().out
    Image.fromarray(card()).quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(
        out / "card.png", optimize=True
    )
    clip = kinetoken.load().generate(FILM_PROMPT, seed=SEED, seconds=FILM_SECONDS).foot_locked()
    nearer = THREE_QUARTER._replace(zoom=1.15)
    record_clips(clip, RecordRequest(out / "walk.gif", FILM_SIZE, FILM_FPS, nearer))
    for name in ("card.png", "walk.gif"):
        print(f"{out / name}: {(out / name).stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
