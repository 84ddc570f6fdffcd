"""A prompt becomes motion: tokens, code frames, features, joints, each as soon as the one before allows."""

from __future__ import annotations

import os
import time
from collections import abc
from dataclasses import dataclass, fields, replace
from typing import Unpack

from .bundle import Bundle, bundle_folder, open_bundle
from .engines import LoadOptions, nth
from .errors import BundleError, InputError
from .manifest import Manifest
from .markup import MOVE_END, MOVE_START, spell
from .motion.clip import Chunk, Clip, MotionChunk, TextChunk
from .motion.footlock import FootLock
from .motionrun import MotionRun
from .options import Asked, GenerateOptions, check_prompt
from .textrun import TextRun
from .vocabulary import Vocabulary


@dataclass(frozen=True)
class Stats:
    """How a generation is doing. Time counts only while the generator works, not while its caller does."""

    text_tokens: int = 0
    motion_tokens: int = 0
    """Codes and block markers."""
    frames: int = 0
    """Frames of motion, final ones only."""
    seconds_of_motion: float = 0.0
    elapsed: float = 0.0
    """Seconds of work, the prompt's included."""
    time_to_first_pose: float | None = None
    """Seconds of work before the first frame was final."""

    @property
    def rtf(self) -> float:
        """Real-time factor: seconds of motion made per second of work; above 1 keeps up."""
        return self.seconds_of_motion / self.elapsed if self.elapsed > 0 else 0.0

    @property
    def tokens_per_second(self) -> float:
        """Tokens of every kind per second of work."""
        return (self.text_tokens + self.motion_tokens) / self.elapsed if self.elapsed > 0 else 0.0


class Generator:
    """A loaded bundle that answers prompts; any number of answers may be under way at once."""

    def __init__(self, bundle: Bundle) -> None:
        self._parts = bundle

    @property
    def bundle(self) -> Manifest:
        """What is loaded: names, shapes, licence, provenance."""
        return self._parts.manifest

    @property
    def fps(self) -> int:
        """Frames of motion per second."""
        return self._parts.manifest.codec.fps

    def stream(self, prompt: str, options: GenerateOptions | None = None, **asked: Unpack[Asked]) -> Generation:
        """Start an answer; its chunks come as they are made.

        Options are those of `GenerateOptions`, as an object or by keyword. InputError where they cannot be met.
        """
        if options is not None and asked:
            raise InputError("give options as one GenerateOptions or by keyword, not both")
        return Generation(self._parts, prompt, options or _options(asked))

    def generate(self, prompt: str, options: GenerateOptions | None = None, **asked: Unpack[Asked]) -> Clip:
        """The whole answer as a clip."""
        generation = self.stream(prompt, options, **asked)
        for _ in generation:
            pass
        return generation.clip()


class Generation(abc.Iterator[Chunk]):
    """One answer under way: an iterator of text and motion chunks."""

    def __init__(self, bundle: Bundle, prompt: str, options: GenerateOptions) -> None:
        manifest = bundle.manifest
        self._bundle, self.prompt = bundle, prompt
        self._ids = prompt_ids(bundle, prompt)
        self._grammar = options.grammar(manifest, bundle.vocabulary, len(self._ids))
        self._sampler = options.sampler(manifest)
        self._feet = FootLock(fps=float(manifest.codec.fps)) if options.foot_lock else None
        self.seed = options.chosen_seed()
        self._answer: list[str] = []
        self._thought: list[str] = []
        self._motion: list[MotionChunk] = []
        self._text_tokens = self._motion_tokens = self._frames = 0
        self._elapsed = 0.0
        self._began: float | None = None
        self._first_pose: float | None = None
        self._chunks = self._run()

    def __next__(self) -> Chunk:
        self._began = time.perf_counter()
        try:
            return next(self._chunks)
        finally:
            self._elapsed, self._began = self._work(), None

    def close(self) -> None:
        """Stop; what came so far stays."""
        self._chunks.close()

    @property
    def text(self) -> str:
        """The raw answer so far, motion tokens spelled out."""
        return "".join(self._answer)

    @property
    def thought(self) -> str:
        """The words so far, without the motion."""
        return "".join(self._thought)

    @property
    def stats(self) -> Stats:
        """A snapshot."""
        seconds = self._frames / self._bundle.manifest.codec.fps
        work = self._work()
        return Stats(self._text_tokens, self._motion_tokens, self._frames, seconds, work, self._first_pose)

    def clip(self) -> Clip:
        """All motion that came so far."""
        manifest = self._bundle.manifest
        whole = Clip.from_chunks(self._motion, prompt=self.prompt, seed=self.seed)
        notes = {"model": manifest.name} | ({"foot_lock": "on"} if self._feet is not None else {})
        return replace(whole, text=self.text, fps=float(manifest.codec.fps), meta=notes)

    def _work(self) -> float:
        return self._elapsed + (time.perf_counter() - self._began if self._began is not None else 0.0)

    def _run(self) -> abc.Generator[Chunk, None, None]:
        """The story: one token, one rule, one frame at a time."""
        cursor, chooser = self._grammar.start(), self._sampler.start(self.seed)
        motion, words = MotionRun(self._bundle.decoder, self._feet), TextRun(self._bundle.tokenizer)
        model, fed = self._bundle.language_model.start(), self._ids
        while not cursor.done:
            allowed = cursor.allowed
            token = nth(allowed, chooser.pick(model.push(fed, allowed)))
            frame = cursor.accept(token)
            yield from self._hear(token, words)
            if frame is not None:
                yield from self._see(motion.push([frame]))
            fed = [token]
        yield from self._say(words.finish())
        yield from self._see(motion.finish())

    def _hear(self, token: int, words: TextRun) -> abc.Iterator[Chunk]:
        """Keep the raw answer and the counts; words are passed on."""
        vocabulary = self._bundle.vocabulary
        if vocabulary.is_text(token):
            self._text_tokens += 1
            yield from self._say(words.push(token))
        elif token not in vocabulary.end_of_turn:
            yield from self._say(words.finish())
            self._motion_tokens += 1
            self._answer.append(spell_token(vocabulary, token))

    def _say(self, text: str) -> abc.Iterator[Chunk]:
        if text:
            self._answer.append(text)
            self._thought.append(text)
            yield TextChunk(text)

    def _see(self, chunk: MotionChunk | None) -> abc.Iterator[Chunk]:
        if chunk is not None:
            self._motion.append(chunk)
            self._frames += len(chunk.joints)
            if self._first_pose is None:
                self._first_pose = self._work()
            yield chunk


def _options(asked: Asked) -> GenerateOptions:
    known = [field.name for field in fields(GenerateOptions)]
    if unknown := sorted(set(asked) - set(known)):
        raise InputError(f"unknown option {unknown[0]!r}; known are {', '.join(known)}")
    return GenerateOptions(**asked)


def prompt_ids(bundle: Bundle, prompt: str) -> list[int]:
    """The whole chat as token ids; what the user typed is plain text whatever it spells."""
    check_prompt(prompt)
    chat, tokenizer = bundle.manifest.chat, bundle.tokenizer
    user = tokenizer.encode_text(prompt)
    if not all(bundle.vocabulary.is_text(token) for token in user):
        raise BundleError("the tokenizer gives ids outside text_ids for plain text; export the bundle again")
    around, known = chat.template, tokenizer.encode_template
    before = known(around.before_system + chat.system_prompt + around.after_system + around.before_user)
    return [*before, *user, *known(around.after_user)]


def spell_token(vocabulary: Vocabulary, token: int) -> str:
    """The text of a block marker or motion token."""
    if token in (vocabulary.move_start, vocabulary.move_end):
        return MOVE_START if token == vocabulary.move_start else MOVE_END
    place = vocabulary.code(token)
    assert place is not None, "text tokens have no spelling here"
    return spell(*place)


def load(
    bundle: str | os.PathLike[str] | None = None,
    *,
    threads: int | None = None,
    lookahead: int | None = None,
    gpu_layers: int | None = None,
) -> Generator:
    """Open a bundle: the folder given, else $KINETOKEN_BUNDLE, else the demo model in the package.

    `threads` of the engine: as given, else $KINETOKEN_THREADS, else the engine's choice. `lookahead`: latent frames that the
    decoder waits for, 0 to the codec's own; None takes the bundle's. `gpu_layers` of a GGUF model. BundleError, EngineError,
    InputError.
    """
    return Generator(open_bundle(bundle_folder(bundle), LoadOptions(threads, lookahead, gpu_layers)))
