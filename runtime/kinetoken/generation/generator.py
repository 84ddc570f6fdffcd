"""A prompt becomes motion: tokens, code frames, features, joints, each as soon as it can."""

from __future__ import annotations

import os
import time
from collections import abc
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..base.errors import EngineError
from ..engines.load_options import LoadKeywords, LoadOptions, one_set_of_load_options
from ..engines.prompt_items import EncodedImage, PromptItem, count_cells
from ..engines.protocols import ProgressCallback
from ..manifest.schema import Manifest
from ..motion.clip import Chunk, Clip, MotionChunk
from ..sampling.grammar import MoveGrammar
from .answer import AnswerRun
from .bundle import Bundle, bundle_folder, open_bundle
from .chat_format import prompt_ids, with_image
from .image_input import Image, PreparedImage, check_seen
from .options import GenerateKeywords, GenerateOptions, one_set_of_options
from .request_grammar import request_grammar
from .said_length import with_said_length
from .stats import Stats
from .token_source import Chat, TokenSource

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..chat.session import Session


class Generator:
    """A loaded bundle that answers prompts; any number of answers may be under way at once."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle

    @property
    def manifest(self) -> Manifest:
        """The description of what is loaded: names, shapes, licence, provenance."""
        return self._bundle.manifest

    @property
    def bundle(self) -> Bundle:
        """The parts that are loaded: language model, tokenizer, decoder."""
        return self._bundle

    @property
    def fps(self) -> int:
        """Frames of motion per second."""
        return self._bundle.manifest.codec.fps

    def look(self, image: Image, watch: ProgressCallback | None = None) -> EncodedImage:
        """Look at an image once, for any number of answers.

        It is a file's name, an `ImageFile`, or pixels (h, w, 3) uint8. `watch` is told how far it
        is, 0 to 1. InputError if the bundle has no vision tower; FormatError if this is not an
        image.
        """
        return PreparedImage(self._bundle, image).look(watch)

    def stream(
        self,
        prompt: str,
        options: GenerateOptions | None = None,
        *,
        image: Image | EncodedImage | None = None,
        watch: ProgressCallback | None = None,
        **keywords: Unpack[GenerateKeywords],
    ) -> Generation:
        """Start an answer; its chunks come as they are made.

        Options are those of `GenerateOptions`, as an object or by keyword. InputError if they
        cannot be met. `image` goes before the prompt's words; one that `look` has not seen is
        looked at first, and `watch` is told how far that is.
        """
        options, ids = one_set_of_options(options, keywords), prompt_ids(self._bundle, prompt)
        if isinstance(image, EncodedImage):
            check_seen(self._bundle, image)
        elif image is not None:
            prepared = PreparedImage(self._bundle, image)
            taken = count_cells(with_image(self._bundle, ids, prepared.outline))
            # Refuses what cannot be met, as looking takes seconds.
            options = with_said_length(options, self.manifest, prompt)
            request_grammar(options, self.manifest, self._bundle.vocabulary, taken)
            image = prepared.look(watch)
        return Generation(self._bundle, prompt, options, Chat(with_image(self._bundle, ids, image)))

    def session(
        self,
        options: GenerateOptions | None = None,
        *,
        history: int | None = None,
        keep_state: bool = True,
        **keywords: Unpack[GenerateKeywords],
    ) -> Session:
        """Several prompts to one body; see `Session`.

        `history`: earlier turns that the model is shown; None: as many as the bundle says.
        `keep_state`: keep the system prompt's state on disk for the next start.
        """
        from ..chat.session import Session  # upward, for the caller's convenience

        options = one_set_of_options(options, keywords)
        return Session(self, options, history=history, keep_state=keep_state)

    def generate(
        self,
        prompt: str,
        options: GenerateOptions | None = None,
        *,
        image: Image | EncodedImage | None = None,
        **keywords: Unpack[GenerateKeywords],
    ) -> Clip:
        """The whole answer as a clip."""
        generation = self.stream(prompt, options, image=image, **keywords)
        for _ in generation:
            pass
        return generation.clip()


class Generation(abc.Iterator[Chunk]):
    """One answer under way: an iterator of text and motion chunks."""

    def __init__(
        self, bundle: Bundle, prompt: str, options: GenerateOptions, chat: Chat | None = None
    ) -> None:
        manifest = bundle.manifest
        self._manifest, self._words, self.prompt = manifest, bundle.vocabulary, prompt
        chat = chat or Chat(prompt_ids(bundle, prompt))
        self._ids = ids = chat.items
        self._motion: list[MotionChunk] = []
        self._pace = bundle.pace
        options = with_said_length(options, manifest, prompt)
        grammar = answer_grammar(bundle, options, ids)
        self._answer = answer = AnswerRun(bundle, options, grammar, self._pace)
        answer.notes |= {"image": self.image.digest} if self.image is not None else {}
        self.seed = options.chosen_seed()
        self._source: TokenSource = bundle.writer.start(
            chat, grammar, options.sampler(manifest), self.seed
        )
        self._elapsed = 0.0
        self._began: float | None = None
        self._first_pose: float | None = None
        self._chosen: float | None = None  # seconds of work when the last token was chosen
        self._counted = 0  # frames of motion that the pace knows of
        self._chunks = self._pace.shared(self._run())

    def __next__(self) -> Chunk:
        self._began = time.perf_counter()
        try:
            return next(self._chunks)
        finally:
            self._elapsed, self._began = self._work(), None

    def close(self) -> None:
        """Stop here; what was handed out stays.

        `text`, `clip` and its codes are then of those frames; words and frames that waited for what
        would follow are dropped. A session's history has all that was written.
        """
        self._chunks.close()
        self._end()  # one that never began has nothing to run its own

    @property
    def text(self) -> str:
        """The raw answer so far, motion tokens spelled out."""
        return self._answer.text

    @property
    def thought(self) -> str:
        """The words so far, without the motion."""
        return self._answer.thought

    @property
    def image(self) -> EncodedImage | None:
        """The image that the model saw before the prompt."""
        return next((piece for piece in self._ids if isinstance(piece, EncodedImage)), None)

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines that the user should read about this answer, such as that a server broke off."""
        return tuple(self._source.notes)

    @property
    def stats(self) -> Stats:
        """A snapshot of how it is doing."""
        answer, work = self._answer, self._work()
        seconds = answer.frames / self._manifest.codec.fps
        words, codes, first = answer.text_tokens, answer.motion_tokens, self._first_pose
        return Stats(words, codes, answer.frames, seconds, work, first, answer.levels)

    def clip(self) -> Clip:
        """All motion so far with its text: whole frames in closed blocks, even before the end."""
        return self._answer.clip(self._motion, self.prompt, self.seed)

    def _work(self) -> float:
        return self._elapsed + (
            time.perf_counter() - self._began if self._began is not None else 0.0
        )

    def _run(self) -> abc.Generator[Chunk, None, None]:
        """Run the story; however it ends, even by Ctrl-C, text, codes and poses agree."""
        try:
            yield from self._story()
        finally:
            self._end()

    def _story(self) -> abc.Iterator[Chunk]:
        """One token, one rule, one frame at a time."""
        answer, source = self._answer, self._source
        try:
            while not answer.done and (token := self._next()) is not None:
                yield from self._timed(answer.accept(token))
        except EngineError:
            yield from self._timed(answer.finish())  # the motion that came is whole up to here
            raise
        finally:
            source.close()
        yield from self._timed(answer.finish())

    @property
    def _handed(self) -> int:
        """Code frames whose motion was handed out."""
        return sum(len(chunk.codes) for chunk in self._motion)

    def _end(self) -> None:
        self._source.close()
        self._answer.stop(self._handed)

    def _next(self) -> int | None:
        """The next token; the pace is told its time, and the time since the one before."""
        answer, pace, ready = self._answer, self._pace, self._work()
        if self._chosen is not None:
            stride = self._manifest.codec.frames_per_code_frame
            frames = (answer.frames - self._counted) / stride
            pace.add_beside(ready - self._chosen, frames)
            self._counted = answer.frames
        token = self._source.next(answer.allowed, answer.detour)
        first, self._chosen = self._chosen is None, self._work()
        if first:  # its time is the prompt's
            self._try_pace()
        elif answer.in_block or not answer.motion_tokens or self._is_word(token):
            pace.add(self._chosen - ready, code=answer.in_block)
        else:
            pace.add_beside(self._chosen - ready)  # it opens a block, or ends the answer
        return token

    def _is_word(self, token: int | None) -> bool:
        return token is not None and self._words.is_text(token)

    def _try_pace(self) -> None:
        """Feed two codes and forget them, if an answer that keeps up has nothing to decide by.

        The first of the two may set things up, so the second one counts.
        """
        pacing = self._answer.pacing
        if pacing is None or pacing.given is not None or self._pace.rate is not None:
            return
        words = self._words
        token = words.levels[0][0] if words.move_start is None else words.move_start
        for _ in range(2):
            began = self._work()
            if not self._source.try_token(token, (words.levels[0],)):
                return
        self._chosen = self._work()
        self._pace.add(self._chosen - began, code=True)

    def _timed(self, chunks: abc.Iterable[Chunk]) -> abc.Iterator[Chunk]:
        for chunk in chunks:
            yield self._noted(chunk) if isinstance(chunk, MotionChunk) else chunk

    def _noted(self, chunk: MotionChunk) -> MotionChunk:
        """Keep the motion, and note when the first came."""
        if self._first_pose is None:
            self._first_pose = self._work()
        chunk = self._placed(chunk)
        self._motion.append(chunk)
        return chunk

    def _placed(self, chunk: MotionChunk) -> MotionChunk:
        """Place the motion: here, where the codec puts it."""
        return chunk


def answer_grammar(
    bundle: Bundle, options: GenerateOptions, items: Sequence[PromptItem]
) -> MoveGrammar:
    """The grammar of an answer to a chat. InputError if there is none, before anything begins."""
    writer = bundle.writer
    writer.check_options(options)
    writer.check_chat(items)
    return request_grammar(
        options,
        bundle.manifest,
        bundle.vocabulary,
        count_cells(items),
        outgrows=writer.outgrows_context,
    )


def load(
    bundle: str | os.PathLike[str] | None = None,
    options: LoadOptions | None = None,
    **keywords: Unpack[LoadKeywords],
) -> Generator:
    """Open a bundle: the folder given, else $KINETOKEN_BUNDLE, else the demo model in the package.

    Options are those of `LoadOptions`, as an object or by keyword. BundleError, EngineError,
    InputError.
    """
    asked = one_set_of_load_options(options, keywords)
    return Generator(open_bundle(bundle_folder(bundle), asked))
