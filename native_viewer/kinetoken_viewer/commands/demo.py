"""kinetoken demo: the actions that a model does well, one after another."""

from __future__ import annotations

import argparse
import itertools
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from kinetoken.base.errors import INTERRUPTED, BundleError, InputError, MissingPackageError
from kinetoken.cli import chat
from kinetoken.cli.arguments import HistoryRequest, add_bundle, add_generation
from kinetoken.cli.live_arguments import add_live, say
from kinetoken.cli.parser import Reader, Subparsers, new_command
from kinetoken.formats.registry import WRITABLE, in_words
from kinetoken.manifest.manifest_file import read_manifest

from ..file_names import free_name
from ..generator.feed import Feed
from ..stage.places import NamedClip
from ..window.opening import NoWindowError, ShowStage, window_opener
from .demo_stage import DemoStage
from .headless import spoken_aside
from .in_window import show_in_window
from .picture_arguments import add_demo_picture
from .requests import PlayRequest
from .saving import check_files, keep_clip

if TYPE_CHECKING:
    from kinetoken.live.live_output import LiveOutput

    from ..record.request import RecordRequest
    from ..stage.stage import Stage

_NO_MEMORY: Final = HistoryRequest(turns=0, file=None)
"""Each action stands for itself."""
_FEW: Final = 3  # actions of a film that nobody named
_GIF_SIZE, _GIF_FPS = (480, 270), 12.5  # of one


@dataclass(frozen=True)
class DemoRequest:
    """The actions, and where they are shown."""

    prompts: tuple[str, ...]
    play: PlayRequest
    """All else, as of `kinetoken play` with the first of them."""


def add_command(subparsers: Subparsers) -> None:
    """Adds `kinetoken demo`."""
    parser = new_command(
        subparsers,
        "demo",
        "watch what the model does well",
        "kinetoken demo",
        "kinetoken demo --film demo.mp4",
        "kinetoken demo --ws 8000",
    )
    request = _add_arguments(parser)
    parser.set_defaults(func=lambda args: run(request(args)))


def _add_arguments(parser: argparse.ArgumentParser) -> Reader[DemoRequest]:
    add = parser.add_argument
    add("--once", action="store_true", help="show each action once, not round and round")
    add("-o", "--out", metavar="FILE", help=f"write the motion: {in_words(WRITABLE)}")
    picture, options = add_demo_picture(parser), add_generation(parser)
    bundle, live = add_bundle(parser), add_live(parser)

    def read(args: argparse.Namespace) -> DemoRequest:
        prompts = read_manifest(bundle(args).folder).examples
        if not prompts:
            raise BundleError(
                "this bundle names no examples to show; give it a prompt: kinetoken play PROMPT"
            )
        play = PlayRequest(
            what=prompts[0],
            clip=None,
            out=args.out,
            bundle=bundle(args),
            options=options(args).on_screen(),
            image=None,
            history=_NO_MEMORY,
            live=live(args),
            picture=picture(args),
            once=args.once,
        )
        return DemoRequest(tuple(prompts), play)

    return read


def run(request: DemoRequest) -> int:
    """Shows the actions in a window, on a page, or in a film."""
    play = request.play
    check_files(play.out)
    if play.picture.film is not None and play.live.has_targets:
        raise InputError("--film writes a picture, live output needs none: run one after the other")
    if play.live.has_targets and play.picture.headless:
        return _send(request)
    if play.picture.is_file:
        request, recording = _filmed(request)
        return _record(request, recording)
    try:
        show = window_opener(play.picture.window())
    except (NoWindowError, MissingPackageError) as error:
        reason = f"no window ({str(error)[:80]})"
        if play.live.has_targets:
            say(f"{reason}: live output alone")
            return _send(request)
        if isinstance(error, MissingPackageError):
            raise
        say(f"{reason}: writing a film instead; kinetoken web shows the demo in a browser")
        request, recording = _filmed(request)
        return _record(request, recording)
    return _show(request, show)


def _filmed(request: DemoRequest) -> tuple[DemoRequest, RecordRequest]:
    """The film asked for; else a short one, an MP4 if it can be written, or a small GIF."""
    picture, prompts = request.play.picture, request.prompts
    if picture.film is None:
        suffix = ".gif" if find_spec("imageio_ffmpeg") is None else ".mp4"
        picture = replace(picture, film=free_name("demo", suffix))
        if suffix == ".gif":
            picture = replace(picture, size=picture.size or _GIF_SIZE, fps=picture.fps or _GIF_FPS)
        prompts = prompts[:_FEW]
    recording = picture.recording("demo")
    if recording.is_still:
        raise InputError(f"{recording.path}: the demo moves; name a .gif, .webp or .mp4")
    if len(prompts) < len(request.prompts):
        number = f"the first {len(prompts)} of {len(request.prompts)} actions"
        say(f"{number}; --film FILE takes all")
    return replace(request, prompts=prompts), recording


def _show(request: DemoRequest, show: ShowStage) -> int:
    def make_stage(play: PlayRequest, live: LiveOutput | None) -> Stage:
        return DemoStage(
            Feed(play.job()),
            request.prompts,
            play.options,
            once=play.once,
            live=live,
            keep_all=play.out is not None,
        )

    with spoken_aside(request.play.live):
        return show_in_window(request.play, show, make_stage)


def _send(request: DemoRequest) -> int:
    """Sends them on their own clock, round and round until Ctrl-C unless asked otherwise."""
    play = request.play
    asked = chat.ChatRequest(
        out=play.out,
        json=False,
        bundle=play.bundle,
        options=play.options,
        image=None,
        history=play.history,
        live=play.live,
    )
    return chat.run(asked, request.prompts if play.once else itertools.cycle(request.prompts))


def _record(request: DemoRequest, recording: RecordRequest) -> int:
    from ..record.recorder import record_clips
    from .demo_clip import demo_clip

    made = demo_clip(request.prompts, request.play)
    keep_clip(made.clip, request.play.out)
    if made.interrupted:
        say("stopped; no film was written")
        return INTERRUPTED
    robot = request.play.live.robot
    if not record_clips(
        [NamedClip("", made.clip)], replace(recording, captions=made.captions, robot=robot)
    ):
        return INTERRUPTED
    print(f"{len(made.captions)} actions, {made.clip.seconds:.1f} s -> {recording.path}")
    return 0
