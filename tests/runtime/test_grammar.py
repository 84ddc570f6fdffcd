"""Whatever the logits, what comes out parses, is as long as asked, and fits the budget."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinetoken.engines import nth, take, width
from kinetoken.sampling.grammar import GrammarCursor, MoveGrammar, State
from kinetoken.vocabulary import Vocabulary, ascending

TEXT, START, END, TURN, PAD = range(10), 10, 11, 12, 13
LEVELS = tuple(range(20 + 8 * level, 28 + 8 * level) for level in range(4))
WORDS = Vocabulary(text=(TEXT,), move_start=START, move_end=END, levels=LEVELS, end_of_turn=(TURN,))


@st.composite
def grammars(draw: st.DrawFn) -> MoveGrammar:
    levels = draw(st.integers(1, 4))
    low = draw(st.integers(1, 5))
    high = draw(st.integers(low, low + 4))
    spare = draw(st.integers(0, 30))
    return MoveGrammar(
        WORDS, levels, low, high, draw(st.integers(0, 6)), 2 + low * levels + spare, draw(st.integers(1, 4))
    )


def walk(grammar: MoveGrammar, choices: st.DataObject) -> tuple[list[int], list[tuple[int, ...]]]:
    """An answer whose every token is chosen freely among the allowed ones."""
    cursor, tokens, frames = grammar.start(), [], []
    while not cursor.done:
        allowed = cursor.allowed
        token = nth(allowed, choices.draw(st.integers(0, width(allowed) - 1)))
        frame = cursor.accept(token)
        tokens.append(token)
        if frame is not None:
            frames.append(frame)
    return tokens, frames


@given(grammars(), st.data())
def test_every_walk_is_a_decodable_answer(grammar: MoveGrammar, choices: st.DataObject) -> None:
    tokens, frames = walk(grammar, choices)
    assert len(tokens) <= grammar.max_tokens
    assert grammar.min_frames <= len(frames) <= grammar.max_frames
    assert frames == parsed(tokens, grammar.levels)
    assert longest_thought(tokens) <= grammar.max_thought


def parsed(tokens: list[int], levels: int) -> list[tuple[int, ...]]:
    """An independent reading: whole frames in closed, non-empty blocks, text elsewhere, nothing after the end."""
    frames: list[tuple[int, ...]] = []
    at = 0
    while at < len(tokens):
        if tokens[at] == START:
            end = tokens.index(END, at)
            block = tokens[at + 1 : end]
            assert block, "an empty block"
            assert len(block) % levels == 0, "an open frame"
            for first in range(0, len(block), levels):
                codes = [LEVELS[k].index(token) for k, token in enumerate(block[first : first + levels])]
                frames.append((*codes, *(-1,) * (4 - levels)))
            at = end
        elif tokens[at] == TURN:
            assert at == len(tokens) - 1, "tokens after the end"
        else:
            assert tokens[at] in TEXT
        at += 1
    return frames


def longest_thought(tokens: list[int]) -> int:
    longest = run = 0
    for token in tokens:
        run = run + 1 if token in TEXT else 0
        longest = max(longest, run)
    return longest


@given(grammars())
def test_every_reachable_state_leads_to_the_end(grammar: MoveGrammar) -> None:
    """Allowed is never empty and the budget always suffices: the shortest ending is looked for greedily."""
    cursor = grammar.start()
    while not cursor.done:
        cursor.accept(cursor.allowed[-1][-1])
    assert cursor.tokens <= grammar.max_tokens


def test_states_are_enumerated_one_by_one() -> None:
    """All states of a small grammar, each with exactly the classes of tokens that the rules give."""
    grammar = MoveGrammar(WORDS, levels=2, min_frames=1, max_frames=2, max_thought=1, max_tokens=9)
    reached: dict[tuple[object, ...], frozenset[str]] = {}
    waiting: list[list[int]] = [[]]
    while waiting:
        path = waiting.pop()
        cursor = replay(grammar, path)
        if cursor.done:
            continue
        kinds = {kind_of(token): token for ids in cursor.allowed for token in ids}
        reached[tuple(kind_of(token) for token in path)] = frozenset(kinds)
        waiting += [[*path, token] for token in kinds.values()]
    assert reached[()] == {"text", "start"}
    assert reached[("text",)] == {"start"}
    assert reached[("start",)] == {"code0"}
    assert reached[("start", "code0")] == {"code1"}
    assert reached[("start", "code0", "code1")] == {"code0", "end"}
    assert reached[("start", "code0", "code1", "code0", "code1")] == {"end"}
    assert reached[("start", "code0", "code1", "end")] == {"text", "start", "turn"}
    # 9 tokens: after a thought, a block, and a thought, 3 are left, too few for another block.
    assert reached[("text", "start", "code0", "code1", "end", "text")] == {"turn"}
    assert all(reached.values())


def kind_of(token: int) -> str:
    place = WORDS.code(token)
    if place is not None:
        return f"code{place[0]}"
    return {START: "start", END: "end", TURN: "turn"}.get(token, "text")


def replay(grammar: MoveGrammar, tokens: list[int]) -> GrammarCursor:
    cursor = grammar.start()
    for token in tokens:
        cursor.accept(token)
    return cursor


def test_the_exact_length_ends_the_answer() -> None:
    cursor = replay(MoveGrammar(WORDS, 1, 2, 2, 4, 100), [START, 20, 21])
    assert cursor.allowed == (range(END, END + 1),)
    cursor.accept(END)
    assert cursor.done


def test_a_block_may_close_before_the_length_is_reached_and_the_rest_follows_in_another() -> None:
    grammar = MoveGrammar(WORDS, 1, 3, 3, 1, 100)
    cursor = replay(grammar, [START, 20])
    assert cursor.allowed == (range(END, END + 1), LEVELS[0])
    cursor.accept(END)
    assert TURN not in {token for ids in cursor.allowed for token in ids}
    for token in (0, START, 20, 21):
        cursor.accept(token)
    assert cursor.allowed == (range(END, END + 1),)


def test_a_block_stays_open_where_closing_would_cost_the_length() -> None:
    grammar = MoveGrammar(WORDS, 1, 3, 3, 4, max_tokens=6)
    assert replay(grammar, [START, 20]).allowed == (LEVELS[0],)
    assert END in replay(MoveGrammar(WORDS, 1, 3, 3, 4, max_tokens=7), [START, 20]).allowed[0]


def test_a_block_is_at_least_as_long_as_the_model_writes_them() -> None:
    cursor = replay(MoveGrammar(WORDS, 1, 1, 9, 4, 100, min_block=3), [START, 20, 20])
    assert cursor.allowed == (LEVELS[0],)
    cursor.accept(20)
    assert cursor.allowed == (range(END, END + 1), LEVELS[0])


def test_a_token_that_is_not_allowed_is_refused() -> None:
    cursor = MoveGrammar(WORDS, 1, 1, 2, 4, 100).start()
    for token in (END, 20, TURN, PAD, -1, 10**9):
        with pytest.raises(ValueError, match="not allowed"):
            cursor.accept(token)
    assert cursor.tokens == 0
    assert cursor.state is State.TEXT


def test_ranges_join_and_sort() -> None:
    assert ascending([range(5, 8), range(1, 2), range(2, 5), range(9, 9)]) == (range(1, 8),)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=6, unique=True))
def test_nth_and_take_agree(starts: list[int]) -> None:
    allowed = ascending([range(s, s + 2) for s in starts])
    row = np.arange(100, dtype=np.float32)
    assert [nth(allowed, i) for i in range(width(allowed))] == take(row, allowed).tolist()
    with pytest.raises(IndexError):
        nth(allowed, width(allowed))
