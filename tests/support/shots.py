"""One small picture of every mode of the viewer, of walks that the demo model made.

`python -m shots FOLDER [gles]` draws them in GL.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.clip import Clip
from kinetoken_viewer.hud.name_tags import name_panels
from kinetoken_viewer.hud.panels import word_panels
from kinetoken_viewer.hud.text import stamp
from kinetoken_viewer.hud.time_bar import TimeBar
from kinetoken_viewer.render.camera import BODY_CENTRE, ENVELOPE, Camera, look_at
from kinetoken_viewer.render.shot import Renderer
from kinetoken_viewer.stage.layers import SceneLayers, compose_shot, name_points, pose
from kinetoken_viewer.stage.places import NamedClip, place_people
from kinetoken_viewer.stage.words import PictureWords

SIZE = (400, 240)
MOTION = Path(__file__).parent.parent / "viewer" / "references" / "three_walks.npz"
MOMENT = 44.0  # in frames: the left foot stands
WIDE = (1.5, 1.0, 1.5)  # room around a body for its ghosts
Pixels = NDArray[np.uint8]


def _bare(renderer: Renderer, layers: SceneLayers, count: int = 1) -> Pixels:
    with np.load(MOTION) as file:
        motions = file["joints"].astype(np.float32)
    people, fps = place_people([NamedClip(f"seed {i + 1}", Clip(motions[i])) for i in range(count)])
    middle = np.mean([look_at(pose(person, MOMENT)) for person in people], axis=0)
    offsets = [
        ENVELOPE * WIDE + look_at(pose(p, MOMENT)) - middle - (0, BODY_CENTRE, 0) for p in people
    ]
    camera = Camera().at(middle).fitted(np.concatenate(offsets), SIZE[0] / SIZE[1])
    picture = renderer.render(compose_shot(people, MOMENT, fps, layers, camera, 1.3))
    if count == 1:
        return picture
    heads = camera.project(name_points(people, MOMENT), *SIZE)
    return stamp(picture, name_panels([p.name for p in people], heads, SIZE[1]))


def _words(
    renderer: Renderer, words: PictureWords, span: tuple[float, float] | None = None
) -> Pixels:
    bars = TimeBar.of(*SIZE).bars(0.4, 0.8, span)
    return stamp(_bare(renderer, SceneLayers()), word_panels(words, *SIZE), bars)


MODES: dict[str, Callable[[Renderer], Pixels]] = {
    "body": lambda renderer: _bare(renderer, SceneLayers()),
    "trail": lambda renderer: _bare(renderer, SceneLayers(trail=True)),
    "ghosts": lambda renderer: _bare(renderer, SceneLayers(ghosts=True)),
    "contacts": lambda renderer: _bare(renderer, SceneLayers(contacts=True)),
    "compare": lambda renderer: _bare(renderer, SceneLayers(True, True, True), 3),
    "span": lambda renderer: _words(
        renderer, PictureWords("a walk", "I go.", "1.25 / 3.0 s   A-B"), (0.3, 0.6)
    ),
    "message": lambda renderer: _words(
        renderer, PictureWords("a walk", message="thinking", note="saved walk.png")
    ),
    "help": lambda renderer: _words(renderer, PictureWords("a walk", help=True)),
}


def main() -> None:
    """Exits with 77 where there is no OpenGL."""
    from PIL import Image

    try:
        from kinetoken_viewer.render.gl.offscreen import OffscreenRenderer

        renderer = OffscreenRenderer(*SIZE, gles="gles" in sys.argv[2:])
    except Exception as error:
        print(error)
        sys.exit(77)
    print(renderer.name)
    for name, draw in MODES.items():
        Image.fromarray(draw(renderer)).save(Path(sys.argv[1]) / f"{name}.png")
    renderer.close()


if __name__ == "__main__":
    main()
