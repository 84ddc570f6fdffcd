"""kinetoken play --compare: several people in a window, or in a picture file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kinetoken.base.errors import INTERRUPTED, InputError, KinetokenError
from kinetoken.cli.live_arguments import say
from kinetoken.cli.pull_bar import local_folder
from kinetoken.generation.options import check_prompt

from ..generator.comparison import ComparisonJob, Variant, serve_comparison, start_generations
from ..generator.feed import GeneratorProcess
from ..stage.places import NamedClip
from ..stage.side_by_side import AnswersSideBySide, ClipsSideBySide
from ..window.opening import NoWindowError, ShowStage, window_opener
from .compare_option import Comparison, parse_comparison
from .requests import PictureRequest, PlayRequest, as_seen
from .saving import check_files, keep_clips, path_beside, show_then_keep

if TYPE_CHECKING:
    from ..record.request import RecordRequest


@dataclass(frozen=True)
class CompareRequest:
    """Several people, and where they are shown and kept."""

    people: Comparison
    job: ComparisonJob
    """The answers to be generated."""
    title: str
    """The prompt, or the names of the clips."""
    locks_feet: bool
    seconds: float
    """Length of the answers; 0: unknown."""
    out: str | None
    """File of the motions; each is kept in one of its own, named after this."""
    picture: PictureRequest


def read(text: str, request: PlayRequest) -> CompareRequest:
    """The request that "--compare TEXT" makes of another. InputError, FormatError."""
    if request.live.has_targets:
        raise InputError("live output carries one body: leave out --compare or the live output")
    if request.image is not None:
        raise InputError("--image is for one body: leave out --compare or --image")
    if request.live.robot is not None:
        raise InputError("a robot follows one body: leave out --compare or --robot")
    if request.picture.strip:
        raise InputError("a strip shows one body: leave out --compare or --strip")
    people = parse_comparison(
        text, request.what, request.options, request.bundle.bundle, request.reading
    )
    if not people.clips and (told := request.reading.told()):
        raise InputError(f"{told[0]} is for a clip, and this is a prompt; leave it out")
    seen = (named._replace(clip=as_seen(named.clip, request.smooth)) for named in people.clips)
    people = replace(people, clips=tuple(seen))
    prompt = request.what or ""
    if people.variants:
        check_prompt(prompt)
    _check_out(request.out, people)
    return CompareRequest(
        people,
        ComparisonJob(prompt, _with_folders(people.variants), request.bundle.options),
        title=prompt if people.variants else " ".join(named.name for named in people.clips),
        locks_feet=request.locks_feet,
        seconds=request.options.seconds or 0.0,
        out=request.out,
        picture=request.picture,
    )


def _with_folders(variants: tuple[Variant, ...]) -> tuple[Variant, ...]:
    """The variants with the folders of their bundles; those on the hub are pulled."""
    return tuple(replace(each, bundle=str(local_folder(each.bundle))) for each in variants)


def _check_out(out: str | None, people: Comparison) -> None:
    """Refuses now what could not be kept later."""
    if out is None:
        return
    if not people.variants:
        raise InputError(
            "-o writes generated motion, and these clips are files already: leave it out"
        )
    for variant in people.variants:
        check_files(str(path_beside(out, variant.name)))


def run(request: CompareRequest) -> int:
    """Shows or records."""
    picture = request.picture
    if picture.is_file:
        return _record(request, picture.recording(request.title))
    try:
        show = window_opener(picture.window())
    except NoWindowError as error:
        recording = picture.recording(request.title)
        say(f"no window ({error.short}): writing {recording.path} instead")
        return _record(request, recording)
    return _show(request, show)


def _show(request: CompareRequest, show: ShowStage) -> int:
    people, title = request.people, request.title
    if not people.variants:
        clips = ClipsSideBySide(title, people.clips, foot_lock=request.locks_feet)
        return show_then_keep(clips, show, lambda: None)
    process = GeneratorProcess(request.job, serve_comparison)
    names = [variant.name for variant in people.variants]
    answers = AnswersSideBySide(
        title, names, process, _clips_beside(request), expected=request.seconds
    )
    return show_then_keep(answers, show, lambda: keep_clips(answers.answers(), request.out))


def _clips_beside(request: CompareRequest) -> list[NamedClip]:
    clips = request.people.clips
    if not request.locks_feet:
        return list(clips)
    return [named._replace(clip=named.clip.foot_locked()) for named in clips]


def _record(request: CompareRequest, recording: RecordRequest) -> int:
    from ..record.recorder import record_clips

    shown: list[NamedClip] = []
    try:
        _generate(request.job, shown)
    except KeyboardInterrupt:
        kept = keep_clips(shown, request.out)
        say(f"stopped; {'the motion so far is kept' if kept else 'nothing kept'}")
        return INTERRUPTED
    except KinetokenError:
        if shown:
            keep_clips(shown, request.out)
        raise
    keep_clips(shown, request.out)
    shown += _clips_beside(request)
    prompt, title = (request.title, "") if request.people.variants else ("", request.title)
    if not record_clips(shown, replace(recording, prompt=prompt, title=title)):
        return INTERRUPTED
    print(f"{', '.join(named.name for named in shown)} -> {recording.path}")
    return 0


def _generate(job: ComparisonJob, clips: list[NamedClip]) -> None:
    """Appends one clip after another; one that is cut short as far as it came."""
    from kinetoken.cli.terminal import ProgressLine

    generations = start_generations(job) if job.variants else []
    for variant, generation in zip(job.variants, generations, strict=True):
        with ProgressLine() as line:
            try:
                for _ in generation:
                    line.show(generation)
            finally:
                generation.close()
                clips.append(NamedClip(variant.name, generation.clip()))
