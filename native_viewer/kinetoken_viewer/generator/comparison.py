"""The generator's process of --compare: answers one prompt in several ways.

It makes a chunk of each answer in turn, so that all bodies advance at the same pace.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

import numpy as np

from kinetoken.engines.load_options import LoadOptions
from kinetoken.generation.options import GenerateOptions
from kinetoken.motion.clip import Clip, MotionChunk
from kinetoken.motion.features import N_FEATURES

from .messages import AnswerEnded, AnswerStarted, Message, MotionArrived, PersonMessage
from .process import report_failures

if TYPE_CHECKING:
    from kinetoken.generation.generator import Generation, Generator


@dataclass(frozen=True)
class Variant:
    """One way to answer the prompt, and its name."""

    name: str
    options: GenerateOptions
    bundle: str | None = None


@dataclass(frozen=True)
class ComparisonJob:
    """A prompt and the variants that answer it."""

    prompt: str
    variants: tuple[Variant, ...]
    loading: LoadOptions


def serve_comparison(job: ComparisonJob, pipe: Connection) -> None:
    """Answers in turns, a chunk of motion each."""
    report_failures(_serve_comparison, job, pipe)


def start_generations(job: ComparisonJob) -> list[Generation]:
    """One generation for each variant; a bundle is loaded once."""
    import kinetoken

    generators: dict[str | None, Generator] = {}
    for variant in job.variants:
        if variant.bundle not in generators:
            generators[variant.bundle] = kinetoken.load(variant.bundle, job.loading)
    return [generators[each.bundle].stream(job.prompt, each.options) for each in job.variants]


def _serve_comparison(job: ComparisonJob, pipe: Connection) -> None:
    generations = start_generations(job)
    lead = generations[0]
    fps = lead.clip().fps
    pipe.send(AnswerStarted(lead.seed, fps))
    for person, generation in enumerate(generations):
        pipe.send(PersonMessage(person, AnswerStarted(generation.seed, fps)))
    under_way = dict(enumerate(generations))
    began, frames, lead_frames = time.perf_counter(), 0, 0
    while under_way:
        # The lead comes last: where its motion is, everybody's is.
        for person in sorted(under_way, reverse=True):
            chunks = (chunk for chunk in under_way[person] if isinstance(chunk, MotionChunk))
            chunk = next(chunks, None)
            if chunk is None:
                del under_way[person]
                _send(pipe, person, AnswerEnded(generations[person].clip(), 0.0))
                continue
            stop = chunk.start + len(chunk.joints)
            frames = max(frames, stop)
            lead_frames = lead_frames if person else stop
            _send(pipe, person, MotionArrived(chunk, _rtf(frames, fps, began)))
        if 0 not in under_way and 0 < lead_frames < frames:  # it stands still while others go on
            still = _held_pose(lead.clip(), lead_frames, frames)
            pipe.send(MotionArrived(still, _rtf(frames, fps, began)))
            lead_frames = frames
    pipe.send(AnswerEnded(lead.clip(), _rtf(frames, fps, began)))


def _rtf(frames: int, fps: float, began: float) -> float:
    return frames / fps / (time.perf_counter() - began)


def _send(pipe: Connection, person: int, message: MotionArrived | AnswerEnded) -> None:
    """Sends the lead's motion bare, because it moves the clock; its end is not everybody's."""
    about_one = person or isinstance(message, AnswerEnded)
    whole: Message = PersonMessage(person, message) if about_one else message
    pipe.send(whole)


def _held_pose(clip: Clip, begin: int, end: int) -> MotionChunk:
    """The clip's last pose, held from frame `begin` to before `end`."""
    count = end - begin
    joints = np.repeat(clip.joints[-1:], count, axis=0)
    return MotionChunk(
        begin, joints, np.zeros((count, N_FEATURES), np.float32), np.zeros((0, 1), np.int64)
    )
