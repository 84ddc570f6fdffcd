"""The actions of the demo as one clip, for a film."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kinetoken.chat.session import Session
from kinetoken.cli.terminal import ProgressLine
from kinetoken.motion.clip import Clip

from ..record.request import Caption
from .demo_stage import REST_SECONDS
from .requests import PlayRequest


class DemoClip(NamedTuple):
    """One body's motion, and the words to it."""

    clip: Clip
    captions: tuple[Caption, ...]
    interrupted: bool
    """Ctrl-C cut it short."""


def demo_clip(prompts: Sequence[str], request: PlayRequest) -> DemoClip:
    """Answers the prompts in this process, because no window has to stay smooth."""
    session = Session(request.bundle.load(), request.options, history=request.history.turns)
    fps, parts, frames = session.line.fps, [session.idle(REST_SECONDS / 2)], 0
    captions: list[Caption] = []
    interrupted, seeds = False, []
    for prompt in prompts:
        turn = session.say(prompt)
        begin = sum(map(len, parts)) / fps if captions else 0.0  # never without words
        with ProgressLine() as line:
            try:
                for _ in turn:
                    line.show(turn)
            except KeyboardInterrupt:
                turn.close()
                interrupted = True
        captions.append(Caption(begin, prompt, turn.thought))
        parts += [turn.clip().joints.astype(np.float64), session.idle(REST_SECONDS)]
        seeds.append(str(turn.seed))
        frames += len(turn.clip())
        if interrupted:
            break
    joints = np.concatenate(parts)[: None if frames else 0].astype(np.float32)
    notes = {"model": session.manifest.name, "seeds": " ".join(seeds)}
    shown = " / ".join(caption.prompt for caption in captions)
    return DemoClip(Clip(joints, fps=fps, prompt=shown, meta=notes), tuple(captions), interrupted)
