"""Which token may come next, so that every answer decodes.

    text ──<move>──> block: frame frame ... ──</move>──> text ... or the end

A frame is one code of each level, coarsest first. Whatever the logits: frames are whole, blocks are closed before the
token budget ends, and the motion is `min_frames` to `max_frames` long over all blocks of the answer. A block may close
before that length is reached, since a model may think between short blocks; what is still owed then follows in another.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..engines import Allowed
from ..vocabulary import Vocabulary, ascending

Frame = tuple[int, ...]
"""Q codes, -1 for levels that were not generated."""
MARKERS = 2  # <move> and </move>


class State(Enum):
    """Where the answer stands."""

    TEXT = "text"
    BLOCK = "block"
    DONE = "done"


@dataclass(frozen=True)
class MoveGrammar:
    """The rules of one answer; contradictions are refused in `options`."""

    vocabulary: Vocabulary
    levels: int
    """Codes per frame, 1..Q."""
    min_frames: int
    """Code frames before the answer may end, at least 1."""
    max_frames: int
    """Code frames after which the answer ends."""
    max_thought: int
    """Text tokens in a row before a block must open, or the answer end."""
    max_tokens: int
    """Tokens of the whole answer, enough for `min_frames`."""
    min_block: int = 1
    """Code frames before a block may close of itself; the length or the budget may end it sooner."""

    def __post_init__(self) -> None:
        assert 1 <= self.levels <= len(self.vocabulary.levels)
        assert 1 <= self.min_frames <= self.max_frames
        assert self.min_block >= 1
        assert self.max_tokens >= self.cost(self.min_frames)

    def cost(self, frames: int) -> int:
        """Tokens of a block with that many frames."""
        return MARKERS + frames * self.levels

    def start(self) -> GrammarCursor:
        """A cursor before the first token."""
        return GrammarCursor(self)


class GrammarCursor:
    """Where one answer stands in the grammar."""

    def __init__(self, grammar: MoveGrammar) -> None:
        self._grammar = grammar
        words = grammar.vocabulary
        ends = [range(i, i + 1) for i in words.end_of_turn]
        start, end = range(words.move_start, words.move_start + 1), range(words.move_end, words.move_end + 1)
        self._open = ascending([start])
        self._thought = ascending([*words.text, start])
        self._open_or_end = ascending([start, *ends])
        self._text_or_open_or_end = ascending([*words.text, start, *ends])
        self._text_or_end = ascending([*words.text, *ends])
        self._end = ascending(ends)
        self._close = ascending([end])
        self._codes = tuple(ascending([ids]) for ids in words.levels)
        self._next_or_close = ascending([words.levels[0], end])
        self.state = State.TEXT
        self.frames = 0
        self.tokens = 0
        self._in_row = 0  # text tokens since the start or the last block
        self._in_block = 0  # code frames of the open block
        self._frame: list[int] = []
        self._left_out = (-1,) * (len(words.levels) - grammar.levels)

    @property
    def done(self) -> bool:
        """Whether the answer is complete."""
        return self.state is State.DONE

    @property
    def left(self) -> int:
        """Tokens left of the budget."""
        return self._grammar.max_tokens - self.tokens

    @property
    def allowed(self) -> Allowed:
        """Ids that may come next; never empty before the answer is done."""
        if self.state is State.TEXT:
            return self._allowed_thought() if self._owed else self._allowed_text()
        assert self.state is State.BLOCK, "the answer is complete"
        return self._codes[len(self._frame)] if self._frame else self._allowed_frame()

    @property
    def _owed(self) -> int:
        """Code frames still missing from the shortest motion."""
        return max(0, self._grammar.min_frames - self.frames)

    def _allowed_thought(self) -> Allowed:
        """While motion is owed: text, as long as that motion still fits, or a block."""
        grammar = self._grammar
        spare = self.left > grammar.cost(self._owed)
        return self._thought if spare and self._in_row < grammar.max_thought else self._open

    def _allowed_text(self) -> Allowed:
        """Once nothing is owed any more: text, another block or the end."""
        grammar = self._grammar
        text = self._in_row < grammar.max_thought
        shortest = min(grammar.min_block, grammar.max_frames - self.frames)
        block = shortest > 0 and self.left >= grammar.cost(shortest)
        if text:
            return self._text_or_open_or_end if block else self._text_or_end
        return self._open_or_end if block else self._end

    def _allowed_frame(self) -> Allowed:
        """Between frames of a block."""
        grammar = self._grammar
        if self.frames == grammar.max_frames or self.left < grammar.levels + 1:
            return self._close
        return self._next_or_close if self._may_close() else self._codes[0]

    def _may_close(self) -> bool:
        owed = self._owed
        affordable = not owed or self.left - 1 >= self._grammar.cost(owed)
        return self._in_block >= self._grammar.min_block and affordable

    def accept(self, token: int) -> Frame | None:
        """Move on by one allowed token; the code frame that it completes. ValueError for any other token."""
        if self.done or not any(token in ids for ids in self.allowed):
            raise ValueError(f"token {token} is not allowed here: state {self.state.value}, frame {self.frames}")
        self.tokens += 1
        if self.state is State.BLOCK:
            return self._accept_in_block(token)
        words = self._grammar.vocabulary
        if token == words.move_start:
            self.state, self._in_row, self._in_block = State.BLOCK, 0, 0
        elif token in words.end_of_turn:
            self.state = State.DONE
        else:
            self._in_row += 1
            self._stop_at_budget()
        return None

    def _accept_in_block(self, token: int) -> Frame | None:
        grammar = self._grammar
        if token == grammar.vocabulary.move_end:
            self.state = State.DONE if self.frames == grammar.max_frames else State.TEXT
            self._stop_at_budget()
            return None
        self._frame.append(token - grammar.vocabulary.levels[len(self._frame)].start)
        if len(self._frame) < grammar.levels:
            return None
        frame = (*self._frame, *self._left_out)
        self._frame.clear()
        self.frames += 1
        self._in_block += 1
        return frame

    def _stop_at_budget(self) -> None:
        if self.left == 0:
            self.state = State.DONE
