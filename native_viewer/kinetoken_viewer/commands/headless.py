"""Playing without a window: into a picture file, or to live output on its own clock."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from kinetoken.base.errors import INTERRUPTED
from kinetoken.cli.live_arguments import open_live, play_out, say, send_chunks
from kinetoken.motion.clip import Clip

from ..stage.long_clip import cut_around_middle, lock_feet, lock_feet_at
from ..stage.places import NamedClip
from .requests import PlayRequest
from .saving import keep_clip

if TYPE_CHECKING:
    from kinetoken.generation.generator import Generation
    from kinetoken.live.live_output import LiveOutput
    from kinetoken.live.settings import LiveSettings

    from ..record.request import RecordRequest


def record_file(request: PlayRequest, recording: RecordRequest) -> int:
    """Writes the picture file of a prompt or a clip, and the motion if that is wanted."""
    from ..record.recorder import record_clips

    interrupted = False
    if request.clip is None:
        clip, interrupted = generate_clip(request)
        seen = clip
    else:
        seen, recording = _part_to_record(request, request.clip, recording)
        clip = request.clip if request.out is None else seen
    if request.out is not None and len(clip):
        clip.save(request.out)
    if interrupted:
        kept = "nothing kept"
        if request.out is not None and len(clip):
            kept = f"the {clip.seconds:.1f} s of motion so far are in {request.out}"
        say(f"stopped; {kept}")
        return INTERRUPTED
    if not record_clips(
        [NamedClip("", seen)], replace(recording, title=request.title, robot=request.live.robot)
    ):
        return INTERRUPTED
    saved = f", clip in {request.out}" if request.out is not None else ""
    seed = f", seed {clip.seed}" if clip.seed is not None else ""
    print(f"{clip.seconds:.1f} s of motion{seed} -> {recording.path}{saved}")
    return 0


def generate_clip(request: PlayRequest) -> tuple[Clip, bool]:
    """The whole clip of a prompt; True if Ctrl-C cut it short.

    It is made in this process, because no window has to stay smooth.
    """
    from kinetoken.cli.terminal import ProgressLine

    generation = _start_generation(request)
    with ProgressLine() as line:
        try:
            for _ in generation:
                line.show(generation)
        except KeyboardInterrupt:
            generation.close()
            return generation.clip(), True
    return generation.clip(), False


def _start_generation(request: PlayRequest) -> Generation:
    from kinetoken.cli.terminal import image_bar

    generator = request.bundle.load()
    with image_bar() as looking:
        return generator.stream(
            request.prompt, request.options, image=request.image, watch=looking.show
        )


def _part_to_record(
    request: PlayRequest, clip: Clip, recording: RecordRequest
) -> tuple[Clip, RecordRequest]:
    """The clip, its feet locked if that is wanted; of a long one only the part that is seen."""
    from ..record.strip import strip_positions

    if request.out is not None or not recording.is_still:
        return (lock_feet(clip) if request.locks_feet else clip), recording
    if recording.strip:
        positions = strip_positions(clip, recording.strip).tolist()
        return (lock_feet_at(clip, positions) if request.locks_feet else clip), recording
    part, begin = cut_around_middle(clip)
    return (lock_feet(part) if request.locks_feet else part), replace(recording, begin=begin)


def send_live(request: PlayRequest) -> int:
    """Sends a motion on its own clock, again and again until Ctrl-C unless asked otherwise."""
    settings = replace(request.live, loop=not request.once)
    with spoken_aside(settings):
        if request.clip is None:
            return _send_generated(request, settings)
        clip = lock_feet(request.clip) if request.locks_feet else request.clip
        return _send_clip(request, clip, settings)


@contextlib.contextmanager
def spoken_aside(live: LiveSettings) -> Iterator[None]:
    """Sends words for people to standard error while standard output carries frames."""
    with contextlib.redirect_stdout(sys.stderr) if live.stdout else contextlib.nullcontext():
        yield


def _send_clip(request: PlayRequest, clip: Clip, settings: LiveSettings) -> int:
    keep_clip(clip, request.out)
    prompt = clip.prompt or request.what or ""
    with open_live(settings, fps=clip.fps, prompt=prompt, seed=clip.seed) as live:
        try:
            live.push(clip.joints)
        except KeyboardInterrupt:
            return _stopped()
        return _to_the_end(live)


def _send_generated(request: PlayRequest, settings: LiveSettings) -> int:
    generation = _start_generation(request)
    with open_live(
        settings,
        fps=float(generation.clip().fps),
        prompt=request.prompt,
        seed=generation.seed,
        expected=request.options.awaited_seconds,
    ) as live:
        try:
            for _ in send_chunks(generation, live):
                if live.over and request.out is None:
                    break
        except KeyboardInterrupt:
            return _stopped()
        finally:
            generation.close()
            keep_clip(generation.clip(), request.out)
        return _to_the_end(live)


def _to_the_end(live: LiveOutput) -> int:
    return _stopped() if play_out(live) else live.exit_code


def _stopped() -> int:
    say("stopped")
    return INTERRUPTED
