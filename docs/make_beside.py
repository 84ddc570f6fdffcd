"""Makes the picture of the window and the page side by side, docs/beside.png.

    PYTHONPATH=tests/support python docs/make_beside.py [-o docs/beside.png]

Both show the demo model's answer to one prompt. It needs the extras [viewer] and [dev], and Chromium.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np
from make_tour import Rehearsal, Teller
from PIL import Image

import kinetoken
from browser import browser
from kinetoken.generation.options import GenerateOptions
from kinetoken_viewer.record.recorder import open_renderer
from kinetoken_viewer.render.pixels import Pixels
from kinetoken_viewer.stage.living_stage import LivingStage

PROMPT: Final = "walk in a circle to the left"
SIZE: Final = (900, 640)  # of each
SHOWN: Final = (640, 455)  # of each, in the picture
SECONDS: Final = 3.0  # into the answer
TICK: Final = 0.05


def window() -> Pixels:
    """The window after some seconds of the answer."""
    teller = Teller(kinetoken.load(), 20)
    stage = LivingStage(teller, "", GenerateOptions(foot_lock=True))
    rehearsal = Rehearsal(stage, SIZE, teller=teller)
    stage.ask(PROMPT)
    for _ in range(round((SECONDS + 1.0) / TICK)):
        rehearsal.tick(TICK)
    renderer = open_renderer(*SIZE)
    picture = rehearsal.picture(renderer, "")
    renderer.close()
    return picture


def page(folder: Path) -> Pixels:
    """The page in Chromium, at about the same moment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "kinetoken", "web", "--port", str(port)]
    with subprocess.Popen(command) as server:
        try:
            _wait_for(port)
            with browser(folder) as chromium:
                tab = chromium.open(f"http://localhost:{port}/", width=SIZE[0], height=SIZE[1])
                tab.click("#ask")
                tab.write(PROMPT)
                tab.press("Enter", 13)
                tab.until("document.querySelector('#said').textContent")
                time.sleep(SECONDS)
                tab.picture(folder / "page.png")
        finally:
            server.terminate()
    with Image.open(folder / "page.png") as image:
        return np.asarray(image.convert("RGB"))


def _wait_for(port: int) -> None:
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("kinetoken web does not answer")


def main() -> None:
    """Writes the picture, and prints its size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).parent / "beside.png")
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as folder:
        pictures = [window(), page(Path(folder))]
    shown = [Image.fromarray(p).resize(SHOWN, Image.Resampling.LANCZOS) for p in pictures]
    beside = Image.new("RGB", (2 * SHOWN[0] + 8, SHOWN[1]), (255, 255, 255))
    for index, image in enumerate(shown):
        beside.paste(image, (index * (SHOWN[0] + 8), 0))
    beside.quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(out, optimize=True)
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
