"""Timed answers: latency of the first token and pose, speed of the rest, and time of each part."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..codec.decoder import TensorSession
from ..engines.memory_estimate import weight_bytes
from ..engines.protocols import LanguageModel, LmBatch, LmRun
from ..engines.registry import engine_of
from ..generation.bundle import Bundle
from ..generation.generator import Generator
from ..manifest.schema import Manifest
from ..motion.clip import Clip
from ..motion.recover import RecoveryRun
from ..tokens.allowed_ids import Allowed

PROMPT: Final = "a person walks forward"
SEED: Final = 1


@dataclass(frozen=True)
class TimedAnswer:
    """Figures of one answer; times are seconds of work."""

    levels: int
    first_token: float
    """From the prompt as a string to the logits of the first token."""
    first_pose: float
    tokens_per_second: float
    """Inside blocks of motion."""
    model_per_second: float
    """The same of the language model alone, without grammar, codec and recovery."""
    rtf: float
    """Real-time factor at that rate; above 1 the motion keeps up."""
    rtf_whole: float
    """Real-time factor of the whole answer, prompt and text included."""
    words: int
    """Text tokens."""


@dataclass(frozen=True)
class PartSeconds:
    """Seconds of each part in one answer."""

    language_model: float
    grammar_and_sampler: float
    """Including the code between the parts."""
    codec: float
    recovery: float
    sink: float
    """Writing the clip as .npz."""

    def of_whole(self) -> dict[str, float]:
        """The share of each part, 0 to 1."""
        parts = dataclasses.asdict(self)
        whole = sum(parts.values())
        return {name: seconds / whole for name, seconds in parts.items()}


def measure_answer(bundle: Bundle, levels: int, seconds: float) -> tuple[TimedAnswer, PartSeconds]:
    """Time one answer of so many seconds of motion in so many levels."""
    model, session = TimedModel(bundle.language_model), TimedSession(bundle.decoder.session)
    timed = replace(bundle, language_model=model, decoder=replace(bundle.decoder, session=session))
    began = time.perf_counter()
    generation = Generator(timed).stream(
        PROMPT, seconds=seconds, levels=levels, max_pause=0, seed=SEED
    )
    asked = time.perf_counter() - began  # the prompt became tokens, the cache was allocated
    for _ in generation:
        pass
    stats, clip = generation.stats, generation.clip()
    assert stats.time_to_first_pose is not None
    # from token to token; those of the text come first
    steps = np.diff(model.ends)[stats.text_tokens :]
    rate, codec = float(len(steps) / steps.sum()), bundle.manifest.codec
    first = model.ends[0] - began
    recovery, sink = time_recovery(clip), time_sink(clip)
    rest = stats.elapsed - sum(model.seconds) - session.seconds - recovery
    answer = TimedAnswer(
        levels=levels,
        first_token=first,
        first_pose=asked + stats.time_to_first_pose,
        tokens_per_second=rate,
        model_per_second=len(steps) / sum(model.seconds[stats.text_tokens + 1 :]),
        rtf=rate / (levels * codec.fps / codec.frames_per_code_frame),
        rtf_whole=stats.rtf,
        words=stats.text_tokens,
    )
    return answer, PartSeconds(sum(model.seconds), max(0.0, rest), session.seconds, recovery, sink)


def bytes_per_token(folder: Path, manifest: Manifest, model: LanguageModel) -> int:
    """Bytes of weights that a token in a block reads; `model` is the bundle's, loaded."""
    return weight_bytes(manifest) - engine_of(manifest).unread_bytes(folder, manifest, model)


def medians(records: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each figure over several records with the same names."""
    return {name: float(median(record[name] for record in records)) for name in records[0]}


class TimedModel:
    """A language model whose runs record when each token's logits came, and how long they took."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self.ends: list[float] = []
        self.seconds: list[float] = []

    @property
    def context(self) -> int:
        """Number of tokens that a run can hold."""
        return self._model.context

    @property
    def engine(self) -> str:
        """That of the model."""
        return self._model.engine

    @property
    def fingerprint(self) -> str:
        """Identity of the model, on which a run's state depends."""
        return self._model.fingerprint

    @property
    def device(self) -> str:
        """Device of the language model."""
        return self._model.device

    def start(self) -> Any:
        """Start a run."""
        return _TimedRun(self._model.start(), self)

    def start_batch(self, size: int) -> LmBatch:
        """Start several sequences at once, which are not timed."""
        return self._model.start_batch(size)


class _TimedRun:
    def __init__(self, run: LmRun, notes: TimedModel) -> None:
        self._run, self._notes = run, notes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._run, name)

    def push(self, ids: Sequence[int], allowed: Allowed) -> NDArray[np.float32]:
        began = time.perf_counter()
        logits = self._run.push(ids, allowed)
        self._notes.ends.append(time.perf_counter())
        self._notes.seconds.append(self._notes.ends[-1] - began)
        return logits


class TimedSession:
    """A graph that adds up its running time."""

    def __init__(self, session: TensorSession) -> None:
        self._session, self.seconds = session, 0.0

    def run(self, value: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run one forward pass."""
        began = time.perf_counter()
        try:
            return self._session.run(value)
        finally:
            self.seconds += time.perf_counter() - began


def time_recovery(clip: Clip) -> float:
    """Seconds to recover the joints of a clip from its features, in pieces of a latent frame."""
    run, stride = (
        RecoveryRun(),
        1 if clip.codes is None else max(1, len(clip) // max(1, len(clip.codes))),
    )
    assert clip.features is not None
    began = time.perf_counter()
    for start in range(0, len(clip), stride):
        run.push(clip.features[start : start + stride])
    return time.perf_counter() - began


def time_sink(clip: Clip) -> float:
    """Seconds to write a clip as .npz."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        clip.save(Path(folder) / "clip.npz")
        return time.perf_counter() - began


def token_seconds(
    model: LanguageModel, ids: Sequence[int], allowed: Allowed, tokens: int
) -> Iterator[float]:
    """Yield the seconds of each of so many tokens after a prompt; the token is always the same."""
    run = model.start()
    run.push(ids, allowed)
    for _ in range(tokens):
        began = time.perf_counter()
        run.push([allowed[0].start], allowed)
        yield time.perf_counter() - began


def pass_seconds(
    model: LanguageModel, ids: Sequence[int], allowed: Allowed, together: int, passes: int
) -> Iterator[float]:
    """Yield the seconds of each of so many passes, one token of each of `together` answers.

    All answers have the same prompt and the same tokens. EngineError where the memory does not
    suffice for so many.
    """
    batch = model.start_batch(together)
    for sequence in range(together):
        batch.push([(sequence, ids, allowed)])
    tokens = [(sequence, [allowed[0].start], allowed) for sequence in range(together)]
    for _ in range(passes):
        began = time.perf_counter()
        batch.push(tokens)
        yield time.perf_counter() - began
