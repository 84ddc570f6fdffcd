"""Sessions: several prompts to one body.

Earlier turns stay known, nothing is computed twice, and each move continues the last.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ..base.errors import BundleError, InputError
from ..base.input_file import check_path
from ..engines.prompt_items import EncodedImage, PromptItem, count_cells
from ..engines.protocols import ProgressCallback
from ..generation.bundle import Bundle
from ..generation.chat_format import Said, checked_turn, ids_before_prompt, prompt_ids, with_image
from ..generation.generator import Generation, Generator, answer_grammar
from ..generation.image_input import Image, check_seen
from ..generation.options import (
    GenerateKeywords,
    GenerateOptions,
    check_options_kind,
    check_prompt,
    known_options,
)
from ..generation.said_length import with_said_length
from ..generation.token_source import Chat
from ..manifest.sampling_numbers import is_number
from ..manifest.schema import Manifest
from ..motion.body_line import BodyLine
from ..motion.clip import MotionChunk
from .cached_run import CachedRun

if TYPE_CHECKING:
    from typing_extensions import Unpack

_LONGEST_IDLE: Final = 3600  # seconds of idle motion at once


class Session:
    """One chat and one body.

    A new prompt ends the answer before it, which stays in the history as far as it came.
    """

    def __init__(
        self,
        generator: Generator,
        options: GenerateOptions | None = None,
        *,
        history: int | None = None,
        keep_state: bool = True,
    ) -> None:
        """`options`: those of every turn that brings none. InputError, BundleError.

        `history`: earlier turns that the model is shown; None: as many as the bundle says.
        `keep_state`: keep the system prompt's state on disk for the next start.
        """
        if history is not None and (
            isinstance(history, bool) or not isinstance(history, int) or history < 0
        ):
            raise InputError(f"history: expected a whole number of 0 or more, got {history!r}")
        check_options_kind(options)
        self._generator, self._bundle = generator, generator.bundle
        self.options = options or GenerateOptions()
        """Options of every turn that brings none."""
        self._limit = self._bundle.manifest.defaults.history if history is None else history
        self._cached = CachedRun(
            self._bundle, ids_before_prompt(self._bundle), keep_state=keep_state
        )
        if self._limit and self._bundle.manifest.chat.template.answer_end is None:
            raise BundleError(
                "this bundle does not say what ends an answer; "
                "ask for history 0, or export it again"
            )
        self._image: EncodedImage | None = None
        self._turns: list[Said] = []
        self._first = 0  # of the turns that the context had room for
        self._turn: Turn | None = None
        self._levels: int | None = None  # of the last block that the machine's pace decided
        self.line = BodyLine(float(generator.fps))
        """The body of callers who have no clock of their own."""

    @property
    def history(self) -> tuple[Said, ...]:
        """All turns so far, with the one under way and those that the model is shown no more."""
        now = self._turn.said if self._turn is not None else None
        return (*self._turns, now) if now is not None else tuple(self._turns)

    @property
    def manifest(self) -> Manifest:
        """The description of what is loaded: names, shapes, licence, provenance."""
        return self._bundle.manifest

    @property
    def bundle(self) -> Bundle:
        """The parts that are loaded: language model, tokenizer, decoder."""
        return self._bundle

    def look(
        self, image: Image | EncodedImage | None, watch: ProgressCallback | None = None
    ) -> None:
        """From now on show the model this image before everything else; None: no image.

        It is looked at once and stays in the cache from turn to turn; `watch` is told how far that
        is. InputError, FormatError, EngineError.
        """
        if isinstance(image, EncodedImage):
            check_seen(self._bundle, image)
        elif image is not None:
            image = self._generator.look(image, watch)
        self._settle()
        self._image = image

    def prepare(self) -> None:
        """Feed the model all that is known of the next prompt, so that only its words are left.

        EngineError.
        """
        self._settle()
        ids = self._seen(ids_before_prompt(self._bundle, self._shown_turns()))
        self._cached.prepare(ids)

    def say(
        self,
        prompt: str,
        options: GenerateOptions | None = None,
        *,
        raw: bool = False,
        **asked: Unpack[GenerateKeywords],
    ) -> Turn:
        """Start an answer; closes the one under way. InputError if the options cannot be met.

        `options` replace the session's; keywords are added to them. `raw` leaves the joints where
        the codec puts them, for callers with a `BodyLine` of their own.
        """
        check_prompt(prompt)
        check_options_kind(options)
        options = replace(options or self.options, **known_options(asked))
        options = with_said_length(options, self.manifest, prompt)
        # With the answer under way as far as it came: a refused prompt does it no harm.
        turns = self.history
        alone = self._seen(prompt_ids(self._bundle, prompt))
        most = answer_grammar(self._bundle, options, alone)
        room = min(
            most.max_tokens, most.max_thought + most.tokens_around + most.max_frames * most.levels
        )
        shown = self._shown_of(turns)
        kept = self._that_fit(prompt, shown, count_cells(alone), room)
        ids = self._seen(prompt_ids(self._bundle, prompt, kept))
        self._bundle.writer.check_chat(ids, earlier=True)
        self._settle()
        turn = Turn(
            self._bundle,
            prompt,
            options,
            self._cached.chat(ids),
            self._gone(shown, kept),
            None if raw else self.line,
            self._levels,
        )
        if len(kept) < len(shown):
            self._first = max(self._first, len(turns) - len(kept))
        self._turn = turn
        return turn

    def idle(self, seconds: float) -> NDArray[np.float64]:
        """Idle motion (n, 22, 3), in metres, where the body stands; the next move continues it."""
        if not (is_number(seconds, Real) and 0 <= seconds <= _LONGEST_IDLE):
            expected = f"a number of seconds from 0 to {_LONGEST_IDLE:,}"
            raise InputError(f"idle: expected {expected}, got {seconds!r}")
        return self.line.idle(round(seconds * self.line.fps))

    def forget(self) -> None:
        """Begin a new chat. The body stays where it is."""
        self._settle()
        self._turns.clear()
        self._first = 0

    def recall(self, turns: Sequence[Said]) -> None:
        """Continue an earlier chat in place of this one.

        InputError if no session of this model could have had it.
        """
        try:
            known = [
                checked_turn(
                    turn.prompt,
                    turn.answer,
                    self._bundle.vocabulary,
                    opened=self._bundle.manifest.opens_block,
                )
                for turn in turns
            ]
        except (TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"cannot continue this chat ({error}); give turns of a session with this model"
            ) from error
        self.forget()
        self._turns.extend(known)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the history and the body's last poses, whole or not at all. OutputError."""
        check_path(path)
        from .history_file import write_chat

        write_chat(path, self._bundle.manifest, self.history, self.line.shown)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Continue a chat that `save` wrote. FormatError if it is not one, or of another model."""
        check_path(path)
        from .history_file import read_chat

        turns, poses = read_chat(path, self._bundle.manifest)
        self.recall(turns)
        if len(poses):
            self.line.back_to(poses)

    def _seen(self, ids: Sequence[int]) -> list[PromptItem]:
        """A chat with the image, if there is one."""
        return with_image(self._bundle, ids, self._image)

    def _shown_turns(self) -> list[Said]:
        """The turns that the model is shown."""
        return self._shown_of(self._turns)

    def _shown_of(self, turns: Sequence[Said]) -> list[Said]:
        """The last of these turns, as many as the model is shown."""
        return list(turns[max(self._first, len(turns) - self._limit) :])

    def _settle(self) -> None:
        """Close the last turn and put it into the history."""
        if self._turn is None:
            return
        self._turn.close()
        if self._turn.said is not None:
            self._turns.append(self._turn.said)
        self._levels = self._turn.decided or self._levels
        self._cached.settle(self._turn.tokens)
        self._turn = None

    def _that_fit(self, prompt: str, shown: Sequence[Said], alone: int, room: int) -> list[Said]:
        """The turns that the context has room for beside the prompt and `room` tokens of answer.

        The oldest go, down to half of the room there is: each time, all that is left must be fed
        again.
        """
        context, kept = self._bundle.language_model.context, list(shown)
        if count_cells(self._seen(prompt_ids(self._bundle, prompt, kept))) + room <= context:
            return kept
        half = alone + (context - room - alone) // 2
        while kept and count_cells(self._seen(prompt_ids(self._bundle, prompt, kept))) > half:
            del kept[0]
        return kept

    def _gone(self, shown: Sequence[Said], kept: Sequence[Said]) -> tuple[str, ...]:
        """Notes about turns that did not fit, for the first answer without them."""
        if not (gone := len(shown) - len(kept)):
            return ()
        turns = "the oldest turn is" if gone == 1 else f"the {gone} oldest turns are"
        return (
            f"{turns} shown no more: the context of {self._bundle.language_model.context:,} tokens "
            "is full",
        )


class Turn(Generation):
    """One answer of a session."""

    def __init__(
        self,
        bundle: Bundle,
        prompt: str,
        options: GenerateOptions,
        chat: Chat,
        notes: tuple[str, ...],
        line: BodyLine | None,
        levels: int | None = None,
    ) -> None:
        """`levels`: those of the last block that the session's pace decided."""
        super().__init__(bundle, prompt, options, chat)
        if self._answer.pacing is not None:
            self._answer.pacing.now = levels
        self._told, self._line = notes, line
        if line is not None:
            line.cut()

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines that the user should read about this answer."""
        return (*self._told, *super().notes)

    @property
    def said(self) -> Said | None:
        """This turn as history, as far as it came; None before the first word or frame."""
        answer = self._answer.said
        return Said(self.prompt, answer) if answer else None

    @property
    def decided(self) -> int | None:
        """Levels of the last block, if they are decided block by block; None before one opened."""
        return self._answer.pacing.now if self._answer.pacing is not None else None

    @property
    def tokens(self) -> list[PromptItem]:
        """The chat and the answer so far, as the model is shown them."""
        return list(self._source.shown)

    def _placed(self, chunk: MotionChunk) -> MotionChunk:
        """Place the motion in the session's line."""
        if self._line is None:
            return chunk
        return replace(chunk, joints=self._line.push(chunk.joints).astype(np.float32))
