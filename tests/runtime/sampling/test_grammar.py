"""Whatever the logits, what comes out parses, is as long as asked, and fits the budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from math import inf

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kinetoken.sampling.grammar import GrammarCursor, GrammarState, MoveGrammar
from kinetoken.sampling.pacing import LONGEST_WORD, WORDS_UNASKED
from kinetoken.tokens.allowed_ids import count_allowed, merged_ranges, nth_allowed, take_allowed
from kinetoken.tokens.vocabulary import Vocabulary

TEXT, START, END, TURN, PAD = range(10), 10, 11, 12, 13
LEVELS = tuple(range(20 + 8 * level, 28 + 8 * level) for level in range(4))
WORDS = Vocabulary(text=(TEXT,), move_start=START, move_end=END, levels=LEVELS, end_of_turn=(TURN,))


LevelChoice = Callable[[int], int]
"""Number of a block, from 0, to the levels of its frames."""


class Decided:
    """A pacing that knows from the start what it decides."""

    def __init__(
        self,
        levels: LevelChoice | None,
        words: Sequence[int] | None = None,
        continues: Callable[[int], bool] = lambda token: False,
    ) -> None:
        self._levels, self._words, self.continues = levels, words, continues

    def levels(self, block: int, frames: int, words: int) -> int:
        assert self._levels is not None
        return self._levels(block)

    def words(self, block: int) -> int | None:
        return None if self._words is None else self._words[min(block, len(self._words) - 1)]


def started(grammar: MoveGrammar, detail: LevelChoice | None) -> GrammarCursor:
    return grammar.start(None if detail is None else Decided(detail))


@st.composite
def grammars(draw: st.DrawFn, frames: int = 5, spare: int = 30) -> MoveGrammar:
    """Any grammar that can be fulfilled, with a budget from just enough to plenty."""
    low = draw(st.integers(0, frames))
    block = draw(st.integers(1, 3))
    blocks = draw(st.integers(0, 2))
    grammar = MoveGrammar(
        WORDS,
        levels=draw(st.integers(1, 4)),
        min_frames=low,
        max_frames=draw(st.integers(max(1, low), max(1, low) + 4)),
        max_thought=draw(st.integers(0, 6)),
        max_tokens=10**6,
        min_block=block,
        max_block=draw(st.none() | st.integers(block, 4)),
        min_blocks=blocks,
        max_blocks=draw(st.none() | st.integers(max(1, blocks), 3)),
        max_pause=draw(st.none() | st.integers(0, 3)),
        prefix=draw(st.booleans()),
    )
    owed = grammar.tokens_owed(0, 0)
    assume(owed < inf)
    return replace(grammar, max_tokens=max(1, int(owed)) + draw(st.integers(0, spare)))


def walk(
    grammar: MoveGrammar, choices: st.DataObject, detail: LevelChoice | None = None
) -> tuple[list[int], list[tuple[int, ...]]]:
    """An answer whose every token is chosen freely among the allowed ones."""
    cursor, tokens, frames = started(grammar, detail), [], []
    while not cursor.done:
        allowed = cursor.allowed
        token = nth_allowed(allowed, choices.draw(st.integers(0, count_allowed(allowed) - 1)))
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
    blocks = parsed(tokens, grammar)
    assert frames == [frame for block in blocks for frame in block]
    assert grammar.min_blocks <= len(blocks) <= grammar.most_blocks
    assert all(grammar.min_block <= len(block) <= grammar.longest_block for block in blocks)
    assert longest_thought(tokens) <= max(grammar.max_thought, grammar.max_pause or 0)


@st.composite
def decisions(draw: st.DrawFn, most: int) -> list[int]:
    """Levels of the first blocks; the last holds for those after."""
    return draw(st.lists(st.integers(1, most), min_size=1, max_size=4))


def deciding(levels: Sequence[int]) -> LevelChoice:
    return lambda block: levels[min(block, len(levels) - 1)]


@given(grammars(), st.data())
def test_every_walk_is_decodable_whatever_detail_its_blocks_have(
    grammar: MoveGrammar, choices: st.DataObject
) -> None:
    detail = deciding(choices.draw(decisions(grammar.levels)))
    tokens, frames = walk(grammar, choices, detail)
    assert len(tokens) <= grammar.max_tokens
    assert grammar.min_frames <= len(frames) <= grammar.max_frames
    blocks = parsed(tokens, grammar, detail)
    assert frames == [frame for block in blocks for frame in block]
    assert grammar.min_blocks <= len(blocks) <= grammar.most_blocks
    assert all(grammar.min_block <= len(block) <= grammar.longest_block for block in blocks)


@given(grammars(), st.data())
def test_every_answer_that_is_led_around_words_decodes_and_has_no_more_of_them(
    grammar: MoveGrammar, choices: st.DataObject
) -> None:
    limits = choices.draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    levels = deciding(choices.draw(decisions(grammar.levels)))
    cursor = grammar.start(Decided(levels, limits, continues=lambda token: token % 2 == 1))
    tokens: list[int] = []
    while not cursor.done:
        allowed, detour = cursor.allowed, cursor.detour
        wider = allowed if detour is None else detour.allowed
        token = nth_allowed(wider, choices.draw(st.integers(0, count_allowed(wider) - 1)))
        if detour is not None and detour.refused(token):
            instead = nth_allowed(
                detour.instead, choices.draw(st.integers(0, count_allowed(detour.instead) - 1))
            )
            assert any(instead in ids for ids in allowed)
            token = instead
        cursor.accept(token)
        tokens.append(token)
    blocks = parsed(tokens, grammar, levels)
    assert grammar.min_frames <= sum(map(len, blocks)) <= grammar.max_frames
    assert len(tokens) <= grammar.max_tokens
    before = [list[int]()]
    for token in tokens:
        before[-1] += [token] if token in TEXT else []
        before += [[]] if token == START else []
    for block, words in enumerate(before[: len(blocks)]):
        limit = max(limits[min(block, len(limits) - 1)], WORDS_UNASKED * (block == 0))
        over = words[limit:]
        assert all(token % 2 == 1 for token in over), "only the rest of a word"
        assert len(over) <= LONGEST_WORD


def parsed(
    tokens: list[int], grammar: MoveGrammar, detail: LevelChoice | None = None
) -> list[list[tuple[int, ...]]]:
    """An independent reading: frames in closed, non-empty blocks, text elsewhere, nothing after the end."""
    blocks: list[list[tuple[int, ...]]] = []
    at = 0
    while at < len(tokens):
        if tokens[at] == START:
            end = tokens.index(END, at)
            block: list[list[int]] = []
            for token in tokens[at + 1 : end]:
                level, code = WORDS.code(token) or (-1, -1)
                if level == 0:
                    block.append([])
                assert level == len(block[-1]), "levels in order"
                block[-1].append(code)
            lengths = {len(frame) for frame in block}
            assert block, "an empty block"
            levels = detail(len(blocks)) if detail else grammar.levels
            assert max(lengths) <= levels if grammar.prefix else lengths == {levels}
            blocks.append([(*frame, *(-1,) * (4 - len(frame))) for frame in block])
            at = end
        elif tokens[at] == TURN:
            assert at == len(tokens) - 1, "tokens after the end"
        else:
            assert tokens[at] in TEXT
        at += 1
    return blocks


def longest_thought(tokens: list[int]) -> int:
    longest = run = 0
    for token in tokens:
        run = run + 1 if token in TEXT else 0
        longest = max(longest, run)
    return longest


@settings(max_examples=60, deadline=None)
@given(grammars(frames=3, spare=4))
def test_the_allowed_answers_are_exactly_those_that_were_asked_for(grammar: MoveGrammar) -> None:
    """Every answer of a small grammar, token class by token class, beside a list made from the definition alone."""
    assume(grammar.max_tokens <= 11)
    assert all_answers(grammar) == answers_by_definition(grammar)


@settings(max_examples=80, deadline=None)
@given(grammars(frames=3, spare=5), st.data())
def test_blocks_of_any_detail_allow_exactly_what_can_be_fulfilled_whatever_is_decided_later(
    grammar: MoveGrammar, choices: st.DataObject
) -> None:
    """An answer is allowed where each of its beginnings can be completed with the blocks not decided before it in all levels."""
    assume(grammar.max_tokens <= 11)
    made = choices.draw(decisions(grammar.levels))
    decided = [deciding(made)(block) for block in range(12)]
    safe = [answers_by_definition(grammar, decided[:n] + [grammar.levels] * 12) for n in range(12)]
    begun = [{answer[:n] for answer in answers for n in range(len(answer) + 1)} for answers in safe]
    allowed = {
        answer
        for answer in answers_by_definition(grammar, decided)
        if all(answer[:n] in begun[answer[: n - 1].count("(")] for n in range(1, len(answer) + 1))
    }
    assert all_answers(grammar, deciding(made)) == allowed


@settings(max_examples=150, deadline=None)
@given(grammars(frames=3, spare=5), st.data())
def test_blocks_of_known_detail_allow_exactly_what_was_asked_for(
    grammar: MoveGrammar, choices: st.DataObject
) -> None:
    plan = tuple(choices.draw(st.lists(st.integers(1, grammar.levels), min_size=1, max_size=4)))
    owed = replace(grammar, plan=plan).tokens_owed(0, 0)
    asked = replace(
        grammar, plan=plan, max_tokens=max(1, int(owed)) + choices.draw(st.integers(0, 4))
    )
    assume(asked.max_tokens <= 11)
    decided = [plan[min(block, len(plan) - 1)] for block in range(12)]
    answers = answers_by_definition(asked, decided)
    assert answers
    if owed > 1:
        assert not answers_by_definition(replace(asked, max_tokens=int(owed) - 1), decided), (
            "no token is counted too much"
        )
    assert all_answers(asked) == answers


def test_frames_stand_where_they_are_cheapest() -> None:
    """At least 4 frames of 2 levels, then 1: one frame, and three in the next block, are 2 + 3 + 2 x 2; all in one are 8 + 2."""
    grammar = MoveGrammar(
        WORDS, levels=2, min_frames=4, max_frames=4, max_thought=2, max_tokens=9, plan=(2, 1)
    )
    assert grammar.tokens_owed(0, 0) == 9
    assert replay(grammar, [START, 20, 28]).allowed == (range(END, END + 1),)


def test_a_coarse_block_may_take_the_frames_that_later_blocks_could_not_afford() -> None:
    """12 tokens, 4 frames of 2 levels, at most 3 in a block: 4 x 2 + 2 x 2 = 12. Coarse frames first leave tokens over."""
    grammar = MoveGrammar(
        WORDS, levels=2, min_frames=4, max_frames=4, max_thought=2, max_tokens=12, max_block=3
    )
    full, coarse = (replay(grammar, [START], detail=deciding([levels, 2])) for levels in (2, 1))
    assert (full.levels, coarse.levels) == (2, 1)
    full.accept(20)
    full.accept(28)
    coarse.accept(20)
    assert END in full.allowed[0]
    coarse.accept(21)
    coarse.accept(22)
    assert coarse.allowed == (range(END, END + 1),)
    assert coarse.accept(END) is None
    assert coarse.left == grammar.max_tokens - 5
    assert set(TEXT) < set(
        coarse.allowed[0]
    )  # tokens to spare: words may stand before the last block


def all_answers(grammar: MoveGrammar, detail: LevelChoice | None = None) -> set[str]:
    """Every path through the cursor; fails where a state allows nothing or something that leads nowhere."""
    found: set[str] = set()
    waiting: list[tuple[int, ...]] = [()]
    while waiting:
        path = waiting.pop()
        cursor = replay(grammar, list(path), detail)
        if cursor.done:
            found.add("".join(letter(token) for token in path))
            continue
        classes = {letter(token): token for ids in cursor.allowed for token in ids}
        assert classes, f"nothing is allowed after {path}"
        waiting += [(*path, token) for token in classes.values()]
    return found


def letter(token: int) -> str:
    place = WORDS.code(token)
    return str(place[0]) if place else {START: "(", END: ")", TURN: "E"}.get(token, "t")


def blocks_by_definition(g: MoveGrammar, levels: int) -> dict[int, list[str]]:
    """All blocks of so many frames in so many levels."""
    shapes = range(1, levels + 1) if g.prefix else [levels]
    frames = ["".join(map(str, range(shape))) for shape in shapes]
    longest = min(g.longest_block, g.max_tokens)
    return {
        n: ["(" + "".join(p) + ")" for p in product(frames, repeat=n)]
        for n in range(g.min_block, longest + 1)
    }


def answers_by_definition(g: MoveGrammar, decided: Sequence[int] = ()) -> set[str]:
    """Blocks and words put together in every way, kept where lengths, counts and the budget hold.

    `decided`: levels of each block; those not told have all.
    """
    made = {levels: blocks_by_definition(g, levels) for levels in {g.levels, *decided}}
    pause = g.max_thought if g.max_pause is None else g.max_pause
    out: set[str] = set()

    def grow(text: str, total: int, count: int) -> None:
        """`text` ends behind a block, or is empty."""
        over = count > 0 and (total == g.max_frames or count == g.most_blocks)
        fulfilled = total >= g.min_frames and count >= g.min_blocks
        if len(text) > g.max_tokens or over:
            if over and fulfilled and len(text) <= g.max_tokens:
                out.add(text)
            return
        for words in range((pause if count else g.max_thought) + 1):
            said = text + "t" * words
            if fulfilled and len(said) < g.max_tokens:
                out.add(said + "E")
            if fulfilled and said and len(said) == g.max_tokens:
                out.add(said)
            for n, choices in made[decided[count] if count < len(decided) else g.levels].items():
                if total + n <= g.max_frames:
                    for block in choices if len(said) < g.max_tokens else ():
                        grow(said + block, total + n, count + 1)

    grow("", 0, 0)
    return out


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


def replay(
    grammar: MoveGrammar, tokens: list[int], detail: LevelChoice | None = None
) -> GrammarCursor:
    cursor = started(grammar, detail)
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
    assert cursor.state is GrammarState.TEXT


def test_ranges_join_and_sort() -> None:
    assert merged_ranges([range(5, 8), range(1, 2), range(2, 5), range(9, 9)]) == (range(1, 8),)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=6, unique=True))
def test_nth_and_take_agree(starts: list[int]) -> None:
    allowed = merged_ranges([range(s, s + 2) for s in starts])
    row = np.arange(100, dtype=np.float32)
    assert [nth_allowed(allowed, i) for i in range(count_allowed(allowed))] == take_allowed(
        row, allowed
    ).tolist()
    with pytest.raises(IndexError):
        nth_allowed(allowed, count_allowed(allowed))


BARE = replace(WORDS, move_start=None, move_end=None)


@st.composite
def other_grammars(draw: st.DrawFn) -> MoveGrammar:
    """Any grammar without markers, or whose first block the prompt has opened, or both."""
    words = draw(st.sampled_from([WORDS, BARE]))
    grammar = replace(
        draw(grammars()), vocabulary=words, opened=draw(st.booleans()), max_tokens=10**6
    )
    owed = grammar.least_tokens
    assume(owed < inf)
    assume(words is BARE or grammar.opened)
    return replace(grammar, max_tokens=max(1, int(owed)) + draw(st.integers(0, 30)))


@settings(max_examples=400, deadline=None)
@given(other_grammars(), st.data())
def test_without_markers_or_in_an_opened_block_every_walk_is_what_was_asked_for(
    grammar: MoveGrammar, choices: st.DataObject
) -> None:
    tokens, frames = walk(grammar, choices)
    assert len(tokens) <= grammar.max_tokens
    assert grammar.min_frames <= len(frames) <= grammar.max_frames
    words = grammar.vocabulary
    lengths, open_ = list[int](), grammar.opened
    if open_:
        lengths.append(0)
    for token in tokens:
        place = words.code(token)
        if place is not None:
            if words is BARE and not open_:
                lengths.append(0)
            open_ = True
            lengths[-1] += place[0] == 0
        elif token == words.move_start:
            lengths.append(0)
            open_ = True
        else:
            open_ = False
    assert sum(lengths) == len(frames)
    assert all(grammar.min_block <= length <= grammar.longest_block for length in lengths)
    assert grammar.min_blocks <= len(lengths) <= grammar.most_blocks
    said = [place[1] for token in tokens if (place := words.code(token)) is not None]
    assert said == [code for frame in frames for code in frame if code >= 0]


def test_an_answer_without_markers_can_be_just_long_enough() -> None:
    """Two frames of two levels and the end of the turn; a word between them costs one more."""
    grammar = MoveGrammar(BARE, 2, 2, 2, max_thought=4, max_tokens=5)
    assert grammar.least_tokens == 5
    apart = replace(grammar, min_blocks=2, max_tokens=6)
    assert apart.least_tokens == 6
    assert replace(apart, max_thought=0).least_tokens == inf
