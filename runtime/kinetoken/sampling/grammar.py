"""The grammar of an answer: which token may come next, so that every answer decodes.

    text ──<move>──> block: frame frame ... ──</move>──> text ... or the end

A frame is one code of each level, coarsest first; in prefix mode it may stop after any level. A
block is one or more frames, and may have fewer levels than the answer, decided when it opens. An
answer is one or more blocks, with words before, between and after. A model without markers opens a
block with its first code, and closes it with a word or the end of the answer. A prompt may have
opened the first block already.

One rule decides everything: a token is allowed if and only if what was asked for can still be
fulfilled after it within the budget. `MoveGrammar.tokens_owed` counts the tokens still needed, in
closed form, so the rule costs no search. docs/guarantee.md has the argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import Final

from ..tokens.allowed_ids import Allowed
from ..tokens.vocabulary import Vocabulary
from .allowed_sets import AllowedSets
from .pacing import LONGEST_WORD, WORDS_UNASKED, Detour, Pacing

CodeFrame = tuple[int, ...]
"""Q codes, -1 for levels that were not generated."""
_CLOSING: Final = 1  # token: </move>; without it, a word or the end of the answer


class GrammarState(Enum):
    """The part of the answer that the next token belongs to."""

    TEXT = "text"
    BLOCK = "block"
    DONE = "done"


@dataclass(frozen=True)
class MoveGrammar:
    """The rules of one answer; generation/request_grammar.py refuses contradictions."""

    vocabulary: Vocabulary
    levels: int
    """Codes per frame, 1..Q; the most, if each block decides."""
    min_frames: int
    """Fewest code frames of the whole answer; 0 allows an answer of words alone."""
    max_frames: int
    """Most code frames of the whole answer."""
    max_thought: int
    """Text tokens before the first block."""
    max_tokens: int
    """Tokens of the whole answer."""
    min_block: int = 1
    """Fewest code frames of a block, 1 or more."""
    max_block: int | None = None
    """Most code frames of a block; None: no limit of its own."""
    min_blocks: int = 0
    max_blocks: int | None = None
    max_pause: int | None = None
    """Text tokens after a block; None: as before the first."""
    prefix: bool = False
    """Whether a frame may stop after any level."""
    plan: tuple[int, ...] = ()
    """Levels of each block, 1 to `levels`, if they are known from the start.

    The last number is for all later blocks.
    """
    opened: bool = False
    """Whether the prompt has opened the first block."""

    def __post_init__(self) -> None:
        assert 1 <= self.levels <= len(self.vocabulary.levels)
        assert 0 <= self.min_frames <= self.max_frames
        assert self.max_frames >= 1
        assert self.max_tokens >= 1
        assert self.min_block >= 1
        assert all(1 <= levels <= self.levels for levels in self.plan)

    @property
    def longest_block(self) -> int:
        """Most code frames of a block."""
        return self.max_frames if self.max_block is None else min(self.max_block, self.max_frames)

    @property
    def most_blocks(self) -> int:
        """Most blocks; each has at least one frame."""
        most = self.max_frames if self.max_blocks is None else self.max_blocks
        return most if self.marked or self.pause_limit else min(most, 1)

    @property
    def marked(self) -> bool:
        """True if tokens open and close a block. If none do, only words keep two blocks apart."""
        return self.vocabulary.move_start is not None

    @property
    def tokens_around(self) -> int:
        """Tokens of a block beside its frames: what opens it, where something does, and the end."""
        return _CLOSING + self.marked

    @property
    def pause_limit(self) -> int:
        """Most text tokens after a block."""
        return self.max_thought if self.max_pause is None else self.max_pause

    @property
    def least_tokens(self) -> float:
        """Fewest tokens of an answer; inf: there is none."""
        return self.tokens_owed(0, 1, 0) if self.opened else self.tokens_owed(0, 0)

    @property
    def tokens_of_frame(self) -> int:
        """Fewest tokens of a frame, in a block of which nothing is known."""
        return 1 if self.prefix else self.levels

    def planned(self, block: int) -> int:
        """Levels of a block, from 0, as far as is known; the most it can have."""
        return self.plan[min(block, len(self.plan) - 1)] if self.plan else self.levels

    def tokens_owed(
        self, frames: int, blocks: int, in_block: int | None = None, levels: int | None = None
    ) -> float:
        """Fewest tokens still needed after so many frames and opened blocks; inf: impossible.

        `in_block`: frames of the open block; None between blocks. `levels`: codes of its frames;
        None: as in any block.

        The blocks that must follow are n: those asked for, or as many as the missing frames fill.
        Together with the open one they hold enough frames to cover the missing ones and each
        block's shortest length. More blocks than n never help, since each only adds a shortest
        length. Frames not yet opened count with all levels: how many they will have is not known,
        and whatever is decided must fit. So the open block takes all the frames that it may. If the
        levels of all blocks are known, see `_owed_as_planned`.
        """
        owed, room = max(0, self.min_frames - frames), self.max_frames - frames
        here = (
            (0, 0)
            if in_block is None
            else (max(0, self.min_block - in_block), self.longest_block - in_block)
        )
        if here[1] < 0:
            return inf
        more = max(0, self.min_blocks - blocks, -(-(owed - here[1]) // self.longest_block))
        if self.plan and not self.prefix:
            return self._owed_as_planned(owed, room, here, in_block is not None, blocks, more)
        needed = max(owed, here[0] + more * self.min_block)
        if needed > room or more > self.most_blocks - blocks:
            return inf
        soon = min(here[1], needed - more * self.min_block)
        cheap = 1 if self.prefix else levels or self.levels
        return (
            soon * cheap
            + (needed - soon) * self.tokens_of_frame
            + more * self.tokens_around
            + (in_block is not None)
        )

    def _owed_as_planned(
        self, owed: int, room: int, here: tuple[int, int], opened: bool, blocks: int, fewest: int
    ) -> float:
        """The same if every block's levels are known: missing frames go where they are cheapest.

        `here`: fewest and most frames that the open block takes. More blocks than needed may be
        cheaper, if their frames are: as many as lead to the end of the plan, and one for each block
        before that, which they empty.
        """
        listed, best = max(0, len(self.plan) - blocks), inf
        for more in range(
            fewest, min(self.most_blocks - blocks, max(fewest, listed) + listed + 1) + 1
        ):
            needed = max(owed, here[0] + more * self.min_block)
            if needed > room:
                break
            named = min(more, listed)
            rooms = [
                (self.planned(block), self.min_block, self.longest_block)
                for block in range(blocks, blocks + named)
            ]
            rest = more - named
            rooms.append((self.plan[-1], rest * self.min_block, rest * self.longest_block))
            rooms.append((self.planned(blocks - 1), *here))
            price, missing = (
                more * self.tokens_around + opened,
                needed - sum(least for _, least, _ in rooms),
            )
            for levels, least, most in sorted(rooms):
                taken = min(missing, most - least)
                price, missing = price + levels * (least + taken), missing - taken
            best = min(best, price)
        return best

    def start(self, pacing: Pacing | None = None) -> GrammarCursor:
        """A cursor before the first token; `pacing` decides levels and words of blocks, if given."""
        assert self.least_tokens <= self.max_tokens, (
            "what is asked contradicts itself or the budget"
        )
        return GrammarCursor(self, pacing)


class GrammarCursor:
    """The position of one answer in the grammar."""

    def __init__(self, grammar: MoveGrammar, pacing: Pacing | None = None) -> None:
        self._grammar, self._pacing = grammar, pacing
        self._classes = AllowedSets(grammar.vocabulary)
        self.state = GrammarState.TEXT
        self.frames = 0
        """Code frames so far, including, in prefix mode, the one that may still grow."""
        self.blocks = 0
        """Blocks opened so far."""
        self.tokens = 0
        self.levels = grammar.levels
        """Codes of a frame of the open block, or of the last."""
        self._in_row = 0  # text tokens since the start or the last block
        self._in_block = 0  # code frames of the open block
        self._frame: list[int] = []  # codes of the frame being written
        self._known: Allowed | None = None  # what is allowed here, once it was asked
        self._paced: int | None = None  # most text tokens here, once the pacing was asked
        if grammar.opened:
            self._open()

    @property
    def done(self) -> bool:
        """True once the answer is complete."""
        return self.state is GrammarState.DONE

    @property
    def torn(self) -> int:
        """Codes of a frame that is not complete; always 0 in prefix mode."""
        return 0 if self._grammar.prefix else len(self._frame)

    @property
    def left(self) -> int:
        """Tokens left of the budget."""
        return self._grammar.max_tokens - self.tokens

    @property
    def allowed(self) -> Allowed:
        """Ids that may come next; never empty until the answer is done."""
        if self._known is None:
            assert not self.done, "the answer is complete"
            self._known = (
                self._allowed_text() if self.state is GrammarState.TEXT else self._allowed_block()
            )
        return self._known

    @property
    def detour(self) -> Detour | None:
        """What to take where the model must not have its way; None: it may, or has no choice.

        It would end the answer while motion is owed, or say more than the pacing has time for.
        """
        grammar, spare = self._grammar, self.left - 1
        if self.state is not GrammarState.TEXT:
            return None
        owed = grammar.tokens_owed(self.frames, self.blocks)
        words = self._in_row < self._thought_limit and owed <= spare
        if not (words and self._may_open(spare)):
            return None
        if not owed and not self._is_paced_out:
            return None
        return Detour(
            self._classes.between(True, True, True),
            self._classes.between(False, True, end=not owed),
            self._is_refused,
        )

    def _is_refused(self, token: int) -> bool:
        """Tell whether a token is one that the detour leads around."""
        grammar = self._grammar
        if token in grammar.vocabulary.end_of_turn:
            return grammar.tokens_owed(self.frames, self.blocks) > 0
        if self._pacing is None or not (grammar.vocabulary.is_text(token) and self._is_paced_out):
            return False
        over = self._in_row - (self._paced or 0)
        return over >= LONGEST_WORD or not self._pacing.continues(token)

    @property
    def _is_paced_out(self) -> bool:
        """Tell whether the pacing has no time for another word here."""
        if self._pacing is None or not (self.blocks or self._in_row >= WORDS_UNASKED):
            return False
        if self._paced is None:
            limit = self._pacing.words(self.blocks)
            self._paced = self._thought_limit if limit is None else limit
        return self._in_row >= self._paced

    def _allowed_text(self) -> Allowed:
        grammar, spare = self._grammar, self.left - 1
        owed = grammar.tokens_owed(self.frames, self.blocks)
        text = self._in_row < self._thought_limit and owed <= spare
        open_ = self._may_open(spare)
        return self._classes.between(text, open_, end=owed == 0)

    @property
    def _thought_limit(self) -> int:
        return self._grammar.pause_limit if self.blocks else self._grammar.max_thought

    def _may_open(self, spare: int) -> bool:
        grammar = self._grammar
        room = self.blocks < grammar.most_blocks
        left = spare if grammar.marked else self.left  # there, the first code opens it
        return room and grammar.tokens_owed(self.frames, self.blocks + 1, 0) <= left

    def _allowed_block(self) -> Allowed:
        grammar, started, spare = self._grammar, len(self._frame), self.left - 1
        if started and not grammar.prefix:
            return self._classes.codes[started]
        owed = grammar.tokens_owed(self.frames, self.blocks)
        close = owed <= spare and self._in_block >= grammar.min_block
        rest = 0 if grammar.prefix else self.levels - 1  # tokens of the frame behind its first
        another = (
            self._in_block < grammar.longest_block
            and grammar.tokens_owed(self.frames + 1, self.blocks, self._in_block + 1, self.levels)
            + rest
            <= spare
        )
        deeper = (
            0 < started < self.levels
            and grammar.tokens_owed(self.frames, self.blocks, self._in_block) <= spare
        )
        if grammar.marked:
            return self._classes.inside(started if deeper else None, another, close)
        words = close and grammar.pause_limit > 0 and not self._is_full
        return self._classes.inside(
            started if deeper else None, another, False, text=words, end=close and owed == 0
        )

    def accept(self, token: int) -> CodeFrame | None:
        """Take one allowed token; returns the code frame that it completes.

        ValueError for any other token.
        """
        if self.done or not any(token in ids for ids in self.allowed):
            raise ValueError(
                f"token {token} is not allowed here: state {self.state.value}, frame {self.frames}"
            )
        self._known = None
        self.tokens += 1
        frame = None
        words = self._grammar.vocabulary
        if (
            words.move_start is None
            and self.state is GrammarState.TEXT
            and token in words.levels[0]
        ):
            self._open()
        if self.state is GrammarState.BLOCK:
            frame = self._accept_in_block(token)
        else:
            self._accept_in_text(token)
        if self.state is GrammarState.TEXT and self._is_over:
            self.state = GrammarState.DONE
        return frame

    def stop(self) -> tuple[CodeFrame | None, int]:
        """End here: no token follows.

        Returns the frame that grows no more, in prefix mode, and the number of codes that are lost
        because their frame is not complete.
        """
        codes = len(self._frame)
        frame = self._take_frame() if self._grammar.prefix else None
        self._frame.clear()
        self._known, self.state = None, GrammarState.DONE
        return frame, 0 if frame else codes

    def _accept_in_text(self, token: int) -> None:
        words = self._grammar.vocabulary
        if token == words.move_start:
            self._open()
        elif token in words.end_of_turn:
            self.state = GrammarState.DONE
        else:
            self._in_row += 1

    def _open(self) -> None:
        """Begin a block."""
        self.levels = self._grammar.planned(self.blocks)
        if self._pacing is not None:
            most = self.levels
            self.levels = self._pacing.levels(self.blocks, self.frames, self._in_row)
            assert 1 <= self.levels <= most
        self.state, self._in_row, self._in_block = GrammarState.BLOCK, 0, 0
        self._paced = None
        self.blocks += 1

    def _accept_in_block(self, token: int) -> CodeFrame | None:
        """Hand out a frame when it is complete; in prefix mode, when the next token ends it."""
        grammar, levels = self._grammar, self._grammar.vocabulary.levels
        if token == grammar.vocabulary.move_end:
            self.state = GrammarState.TEXT
            return self._take_frame()
        if not any(token in ids for ids in levels):
            self.state = GrammarState.TEXT
            self._accept_in_text(token)
            return self._take_frame()
        finished = self._take_frame() if token in levels[0] else None
        self._frame.append(token - levels[len(self._frame)].start)
        if len(self._frame) == (1 if grammar.prefix else self.levels):
            self.frames += 1
            self._in_block += 1
        return self._take_frame() if len(self._frame) == self.levels else finished

    def _take_frame(self) -> CodeFrame | None:
        if not self._frame:
            return None
        missing = len(self._grammar.vocabulary.levels) - len(self._frame)
        frame = (*self._frame, *(-1,) * missing)
        self._frame.clear()
        return frame

    @property
    def _is_over(self) -> bool:
        """Tell whether nothing more may come after a block or a word, or the budget is used up."""
        return self.left == 0 or self._is_full

    @property
    def _is_full(self) -> bool:
        """Tell whether no further block may open."""
        grammar = self._grammar
        return self.blocks > 0 and (
            self.frames == grammar.max_frames or self.blocks == grammar.most_blocks
        )
