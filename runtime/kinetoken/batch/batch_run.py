"""Continuous batching: several answers on one engine; where one ends, the next begins at once.

Every answer has its own grammar, random stream and decoder, so the guarantee holds for each. They
share the pass through the weights.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from ..base.errors import InputError, PoseError
from ..engines.context_window import ContextWindow
from ..engines.prompt_items import ids_without_images
from ..engines.protocols import SequenceInput
from ..generation.answer import AnswerRun
from ..generation.bundle import Bundle
from ..generation.chat_format import prompt_ids
from ..generation.pacing.pace import Pace
from ..generation.request_grammar import request_grammar
from ..generation.said_length import with_said_length
from ..generation.token_source import chosen
from ..motion.clip import Chunk, MotionChunk
from .jobs import ClipAnswer, Job, Problem


class BatchRun:
    """Several answers under way."""

    def __init__(self, bundle: Bundle, size: int) -> None:
        """`size`: answers at once, 1 or more. EngineError where the memory does not suffice."""
        if size < 1:
            raise InputError(f"parallel: expected a whole number of 1 or more, got {size}")
        self._bundle, self._engine = bundle, bundle.language_model.start_batch(size)
        self._free = deque(range(size))
        self._seats: dict[int, _Seat] = {}

    @property
    def room(self) -> int:
        """Number of answers that may still begin."""
        return len(self._free)

    @property
    def busy(self) -> bool:
        """True while any answer is under way."""
        return bool(self._seats)

    def begin(self, job: Job) -> None:
        """Begin an answer where there is room; InputError for a request that cannot be met."""
        seat = _Seat(self._bundle, job)
        self._seats[self._free.popleft()] = seat

    def step(self) -> list[ClipAnswer | Problem]:
        """Advance each by one token; the answers that have ended. EngineError: none can go on.

        An answer whose motion is none ends as a problem, and the others go on.
        """
        for place, seat in self._seats.items():
            if seat.begins_again():
                self._engine.drop(place)
        rows = self._engine.push([seat.want(place) for place, seat in self._seats.items()])
        ended: dict[int, PoseError | None] = {}
        for (place, seat), row in zip(self._seats.items(), rows, strict=True):
            try:
                if seat.take(row):
                    ended[place] = None
            except PoseError as error:
                ended[place] = error
        return [self._leave(place, error) for place, error in ended.items()]

    def answers(self, jobs: Iterable[Job]) -> Iterator[ClipAnswer | Problem]:
        """Yield each job's answer, or its problem, in the order in which they end. EngineError."""
        waiting, more = iter(jobs), True
        while more or self.busy:
            while more and self.room:
                job = next(waiting, None)
                more = job is not None
                if job is not None:
                    try:
                        self.begin(job)
                    except InputError as error:
                        yield job.problem(error)
            if self.busy:
                yield from self.step()

    def _leave(self, place: int, error: PoseError | None) -> ClipAnswer | Problem:
        self._engine.drop(place)
        self._free.append(place)
        seat = self._seats.pop(place)
        try:
            return seat.answer() if error is None else seat.job.problem(error)
        except PoseError as last:  # in what was held back
            return seat.job.problem(last)


def answer_all(bundle: Bundle, jobs: Iterable[Job], size: int) -> Iterator[ClipAnswer | Problem]:
    """Yield the answers of a run of that size. InputError, EngineError."""
    return BatchRun(bundle, size).answers(jobs)


class _Seat:
    """One answer among others."""

    def __init__(self, bundle: Bundle, job: Job) -> None:
        manifest = bundle.manifest
        options = with_said_length(job.options, manifest, job.prompt)
        self.job, self._seed = job, options.chosen_seed()
        prompt = prompt_ids(bundle, job.prompt)
        grammar = request_grammar(options, manifest, bundle.vocabulary, len(prompt))
        self._window = ContextWindow(prompt, 0, bundle.vocabulary, bundle.language_model.context)
        self._fed: list[int] = []
        # Nobody watches a batch, so it need not keep real time: without a pace "auto" takes all
        # levels.
        self._run = AnswerRun(bundle, options, grammar, Pace())
        self._motion: list[MotionChunk] = []
        self._allowed, self._detour = self._run.allowed, self._run.detour
        self._chooser = options.sampler(manifest).start(self._seed)

    def begins_again(self) -> bool:
        """Take what to feed next; True where the engine must forget this sequence first."""
        items, keep = self._window.take()
        self._fed = ids_without_images(items if keep is None else self._window.shown)
        return keep is not None

    def want(self, place: int) -> SequenceInput:
        """The tokens that are new to the engine, and the ids that may come next."""
        return place, self._fed, self._allowed if self._detour is None else self._detour.allowed

    def take(self, logits: NDArray[np.float32]) -> bool:
        """Choose a token; True where it was the last."""
        ids = self._allowed if self._detour is None else self._detour.allowed
        token = chosen(self._chooser, logits, ids, self._detour)
        self._keep(self._run.accept(token))
        self._window.add(token)
        if self._run.done:
            return True
        self._allowed, self._detour = self._run.allowed, self._run.detour
        return False

    def answer(self) -> ClipAnswer:
        """The whole answer, once it is done."""
        self._keep(self._run.finish())
        clip = self._run.clip(self._motion, self.job.prompt, self._seed)
        return ClipAnswer(self.job, clip, self._run.thought)

    def _keep(self, chunks: Iterator[Chunk]) -> None:
        self._motion += [chunk for chunk in chunks if isinstance(chunk, MotionChunk)]
