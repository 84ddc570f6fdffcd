"""A clip as a page of its own, which needs no network: what a notebook shows."""

from __future__ import annotations

import base64
import html
import json
import sys
from importlib import resources
from typing import Final

import numpy as np

from ..base.errors import InputError
from ..motion.clip import Clip
from ..motion.skeleton import JOINT, JOINT_NAMES, PARENTS
from ..tokens.markup import markup_of_notes

MOST_FRAMES: Final = 6000
"""Frames that a page holds: two megabytes."""
_PAGE: Final = "clip_page.html"
_SLOT: Final = "/*CLIP*/null"
_COLOURS: Final = {"left": "#4a8ff0", "right": "#ee6a3c", "": "#e8e6e1"}


def clip_page(clip: Clip) -> str:
    """A whole HTML page that plays the clip. InputError for one without frames.

    Of a clip of more than MOST_FRAMES it plays the beginning, and says so.
    """
    if not len(clip):
        raise InputError("the clip has no frames; there is nothing to show")
    joints = np.ascontiguousarray(clip.joints[:MOST_FRAMES], "<f4")
    thought = " ".join(markup_of_notes(clip.meta).without_motion(clip.text).split())
    if len(clip) > MOST_FRAMES:
        thought = f"the first {MOST_FRAMES / clip.fps:.0f} s of {clip.seconds:.0f} s. {thought}"
    facts = {
        "joints": base64.b64encode(joints.tobytes()).decode(),
        "fps": clip.fps,
        "prompt": clip.prompt,
        "thought": thought,
        "bones": [
            (parent, joint, _COLOURS[_side(JOINT_NAMES[joint])])
            for joint, parent in enumerate(PARENTS)
            if parent >= 0
        ],
        "head": JOINT["head"],
    }
    text = json.dumps(facts).replace("<", "\\u003c")  # no word of a prompt may end the script
    page = resources.files(__package__).joinpath(_PAGE).read_text(encoding="utf-8")
    return page.replace(_SLOT, text, 1)


def clip_frame(clip: Clip, width: int = 640, height: int = 400) -> str:
    """The page in a frame, to stand among other HTML; sizes in pixels. InputError."""
    page = html.escape(clip_page(clip))
    style = "border:0;border-radius:6px;max-width:100%"
    return (
        f'<iframe srcdoc="{page}" width="{width}" height="{height}" style="{style}" '
        'sandbox="allow-scripts"></iframe>'
    )


def show_in_notebook(clip: Clip) -> None:
    """Show the clip below the cell. InputError where no notebook runs."""
    running = sys.modules.get("IPython")
    if running is None or running.get_ipython() is None:
        raise InputError(
            "show() is for notebooks; elsewhere, save the clip and run: kinetoken play FILE"
        )
    running.display.display(clip)


def _side(name: str) -> str:
    return next((side for side in ("left", "right") if name.startswith(side)), "")
