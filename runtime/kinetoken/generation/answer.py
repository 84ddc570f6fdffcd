"""One answer being written: tokens in, words and motion out, from whatever token source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..base.machine.processor import processor
from ..manifest.schema import Manifest
from ..motion.clip import Chunk, Clip, MotionChunk, TextChunk
from ..motion.footlock import FootLock
from ..motion.smooth import Smoothing
from ..sampling.grammar import GrammarState, MoveGrammar
from ..sampling.pacing import Detour
from ..tokens.allowed_ids import Allowed
from ..tokens.markup import spelling_notes
from ..tokens.vocabulary import Vocabulary
from .bundle import Bundle
from .motion_stream import MotionRun
from .options import GenerateOptions
from .pacing.pace import Pace
from .pacing.pacing_run import PacingRun
from .text_stream import TextRun

_Piece = tuple[int | None, str]
"""A piece of a raw answer: a motion token and its spelling, or words, which have no token."""


class AnswerRun:
    """An answer as far as it has come, and what may come next."""

    def __init__(
        self, bundle: Bundle, options: GenerateOptions, grammar: MoveGrammar, pace: Pace
    ) -> None:
        """`pace`: by which an answer that keeps up decides the levels and words of a block."""
        manifest = bundle.manifest
        self._fps = float(manifest.codec.fps)
        feet = FootLock(fps=self._fps) if options.foot_lock else None
        smoothing = Smoothing(fps=self._fps) if options.smooth else None
        self._words = TextRun(bundle.tokenizer)
        self.pacing = self._paced(options, grammar, manifest, pace)
        """Decides levels and words of each block; None: all have the grammar's."""
        self.notes = {"model": manifest.name} | ({"foot_lock": "on"} if feet is not None else {})
        """Notes of the clip."""
        self.notes |= smoothing.note if smoothing is not None else {}
        self.notes |= spelling_notes(manifest.motion.spelling) | _made_by(bundle)
        self._vocabulary = bundle.vocabulary
        self._cursor = grammar.start(self.pacing)
        self._motion = MotionRun(bundle.decoder, feet, smoothing)
        self._answer: list[_Piece] = _opening(bundle.vocabulary) if grammar.opened else []
        self._given = len(self._answer)  # pieces that the prompt wrote
        self._thought: list[str] = []
        self._ended: tuple[int, ...] | None = None  # what was said, where it ends in the middle
        self.tokens: list[int] = []
        """All tokens so far."""
        self.text_tokens = self.motion_tokens = 0
        self.frames = 0
        """Frames of motion so far, final ones only."""

    @property
    def done(self) -> bool:
        """True once no token may follow."""
        return self._cursor.done

    @property
    def allowed(self) -> Allowed:
        """Ids that may come next; ask only before it is done."""
        return self._cursor.allowed

    @property
    def detour(self) -> Detour | None:
        """What to take where the model must not have its way."""
        return self._cursor.detour

    @property
    def in_block(self) -> bool:
        """True if the next token belongs to a block of motion."""
        return self._cursor.state is GrammarState.BLOCK

    @property
    def levels(self) -> int:
        """Codes of a frame of the open block, or of the last; the most, in prefix mode."""
        return self._cursor.levels

    @property
    def text(self) -> str:
        """The raw answer so far, motion tokens spelled out."""
        return _joined(self._answer)

    def text_of(self, frames: int) -> str:
        """The raw answer with all words so far and the first `frames` code frames; it decodes."""
        return _joined(_of_frames(self._vocabulary, self._answer, frames))

    def clip(self, motion: Sequence[MotionChunk], prompt: str, seed: int) -> Clip:
        """The clip of the whole code frames that were handed out, with the text of just those."""
        frames = sum(len(chunk.codes) for chunk in motion)
        text = self.text_of(frames)
        notes = dict(self.notes)
        if self.pacing is not None:
            notes["detail"] = str(self.pacing.decisions)
        whole = Clip.from_chunks(motion, prompt=prompt, seed=seed)
        length = self._motion.length(frames)
        joints, features = whole.joints[:length], whole.features
        return replace(
            whole,
            text=text,
            fps=self._fps,
            meta=notes,
            joints=joints,
            features=None if features is None else features[:length],
        )

    @property
    def thought(self) -> str:
        """The words so far, without the motion."""
        return "".join(self._thought)

    @property
    def said(self) -> tuple[int, ...]:
        """The tokens so far as a chat remembers them.

        Those are whole frames, an open block closed, without the end of the turn.
        """
        if self._ended is not None:
            return self._ended
        words = self._vocabulary
        tokens = self.tokens[: len(self.tokens) - self._cursor.torn]
        if self._cursor.state is GrammarState.BLOCK and words.move_end is not None:
            empty = bool(tokens) and tokens[-1] == words.move_start
            tokens = tokens[:-1] if empty else [*tokens, words.move_end]
        return tuple(tokens[:-1] if tokens and tokens[-1] in words.end_of_turn else tokens)

    def accept(self, token: int) -> Iterator[Chunk]:
        """Take one allowed token; yields the words and the motion that become final with it.

        ValueError for any other token.
        """
        frame = self._cursor.accept(token)
        self.tokens.append(token)
        yield from self._hear(token)
        if frame is not None:
            yield from self._see(self._motion.push([frame], self._cursor.blocks))

    def finish(self) -> Iterator[Chunk]:
        """Yield what was held back: no token follows.

        The codes of a frame that is not complete are lost, and an open block is closed.
        """
        yield from self._say(self._words.finish())
        if not self._cursor.done:
            yield from self._see(self._stop())
        yield from self._see(self._motion.finish())

    def stop(self, frames: int) -> None:
        """End here: `frames` code frames were handed out, and what was held back never comes.

        The raw answer is cut to those frames, in closed blocks. After the end nothing changes.
        """
        if not self._cursor.done:
            self._ended = self.said
            self._cursor.stop()
        self._keep(frames)
        self.frames = self._motion.length(frames)

    def _paced(
        self, options: GenerateOptions, grammar: MoveGrammar, manifest: Manifest, pace: Pace
    ) -> PacingRun | None:
        if not options.is_paced:
            return None
        seconds = manifest.codec.code_frame_seconds
        return PacingRun(grammar, seconds, pace, self._words.continues, options.decisions)

    def _stop(self) -> MotionChunk | None:
        """End in the middle: the raw answer still decodes."""
        self._ended = self.said
        frame, _ = self._cursor.stop()
        self._keep(self._cursor.frames)
        return None if frame is None else self._motion.push([frame], self._cursor.blocks)

    def _keep(self, frames: int) -> None:
        self._answer = _of_frames(self._vocabulary, self._answer, frames)
        said = sum(token is not None for token, _ in self._answer)
        self.motion_tokens = max(0, said - self._given)

    def _hear(self, token: int) -> Iterator[Chunk]:
        """Keep the raw answer and the counts; words are passed on."""
        vocabulary = self._vocabulary
        if vocabulary.is_text(token):
            self.text_tokens += 1
            yield from self._say(self._words.push(token))
        elif token not in vocabulary.end_of_turn:
            yield from self._say(self._words.finish())
            self.motion_tokens += 1
            self._answer.append((token, spell_token(vocabulary, token)))

    def _say(self, text: str) -> Iterator[Chunk]:
        if text:
            self._answer.append((None, text))
            self._thought.append(text)
            yield TextChunk(text)

    def _see(self, chunk: MotionChunk | None) -> Iterator[Chunk]:
        if chunk is not None:
            self.frames += len(chunk.joints)
            if self.pacing is not None:
                self.pacing.clock.show(len(chunk.joints) / self._fps)
            yield chunk


def _made_by(bundle: Bundle) -> dict[str, str]:
    """Notes of a clip: the engine that wrote it and, where it is known, on which processor."""
    server = bundle.writer.engine_name
    if server is not None:
        return {"engine": server}
    return {"engine": bundle.language_model.engine, "processor": processor()}


def _opening(vocabulary: Vocabulary) -> list[_Piece]:
    """What the prompt has opened an answer with."""
    start = vocabulary.move_start
    return [] if start is None else [(start, vocabulary.markup.start)]


def _of_frames(vocabulary: Vocabulary, answer: Sequence[_Piece], frames: int) -> list[_Piece]:
    """All words of an answer and its first code frames, in closed blocks, none of them empty."""
    start, end = vocabulary.move_start, vocabulary.move_end
    kept, begun, code = list[_Piece](), 0, False
    for token, text in answer:
        place = None if token is None else vocabulary.code(token)
        begun += place is not None and place[0] == 0
        if token is not None and token == end and kept[-1][0] == start:
            kept.pop()
        elif place is None or begun <= frames:
            kept.append((token, text))
            code = place is not None
    if kept and kept[-1][0] is not None and kept[-1][0] == start:
        kept.pop()
    elif code and end is not None:
        kept.append((end, vocabulary.markup.end))
    return kept


def _joined(answer: Sequence[_Piece]) -> str:
    return "".join(text for _, text in answer)


def spell_token(vocabulary: Vocabulary, token: int) -> str:
    """The text of a block marker or motion token."""
    if token in vocabulary.markers:
        return vocabulary.markup.markers[vocabulary.markers.index(token)]
    place = vocabulary.code(token)
    assert place is not None, "text tokens have no spelling here"
    return vocabulary.markup.spell(*place)
