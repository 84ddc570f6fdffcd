"""Playing in a window: a clip, or a body that takes prompts."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from kinetoken.cli.chat import held_history
from kinetoken.cli.live_arguments import open_live
from kinetoken.motion.skeleton import FPS

from ..generator.feed import Feed
from ..stage.clip_stage import ClipStage
from ..stage.living_stage import LivingStage
from ..stage.long_clip import LONG_FRAMES, LongClipStage
from ..stage.robot_beside import RobotBeside
from ..window.opening import ShowStage
from .requests import PlayRequest
from .saving import keep_clip, show_then_keep

if TYPE_CHECKING:
    from kinetoken.live.live_output import LiveOutput
    from kinetoken.motion.clip import Clip

    from ..stage.stage import Stage


MakeStage = Callable[[PlayRequest, "LiveOutput | None"], "Stage"]
"""Makes the stage of a request; the live output gets what it shows."""


def usual_stage(request: PlayRequest, live: LiveOutput | None) -> Stage:
    """The stage of a clip, or of a body that takes prompts."""
    clip = request.clip
    return _living_stage(request, live) if clip is None else _clip_stage(request, clip, live)


def show_in_window(
    request: PlayRequest, show: ShowStage, make_stage: MakeStage = usual_stage
) -> int:
    """Shows until the window is closed; then saves what came, and tells a failure.

    OutputError where another chat has the file of this one.
    """
    with contextlib.ExitStack() as open_things:
        # Here, not in the generator's process, which ends and begins again when it fails.
        open_things.enter_context(held_history(request.history.file))
        live = None
        if request.live.has_targets:
            live = open_things.enter_context(_open_live(request))
        stage = make_stage(request, live)
        if request.live.robot is not None:
            stage.robot = RobotBeside(request.live.robot)
        return show_then_keep(stage, show, lambda: keep_clip(stage.clip, request.out))


def _open_live(request: PlayRequest) -> LiveOutput:
    seed = request.options.seed if request.clip is None else request.clip.seed
    prompt = request.prompt or request.what or ""
    return open_live(request.live, fps=FPS, prompt=prompt, seed=seed)


def _living_stage(request: PlayRequest, live: LiveOutput | None) -> Stage:
    feed = Feed(request.job())
    return LivingStage(
        feed, request.prompt, request.options, live=live, keep_all=request.out is not None
    )


def _clip_stage(request: PlayRequest, clip: Clip, live: LiveOutput | None) -> Stage:
    if request.locks_feet and len(clip) > LONG_FRAMES:
        return LongClipStage(clip, title=request.title, live=live)
    locked = clip.foot_locked()
    stage = ClipStage(locked, unlocked=clip, title=request.title, live=live)
    stage.foot_lock = request.locks_feet
    return stage
