"""An implementation that others wrote allows the same ids, step by step, over the real vocabulary."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from qwen import qwen_tokenizer_json

llguidance = pytest.importorskip("llguidance", reason="needs llguidance, see CONTRIBUTING.md")

from kinetoken.sampling.grammar import MoveGrammar
from kinetoken.tokens.allowed_ids import count_allowed, nth_allowed
from kinetoken.tokens.vocabulary import Vocabulary

SIZE, TEXT, START, TURN = 155_763, 151_643, 151_665, 151_645
LEVELS = tuple(range(151_667 + 1024 * q, 151_667 + 1024 * (q + 1)) for q in range(4))
WORDS = Vocabulary((range(TEXT),), START, START + 1, LEVELS, (TURN,))
Mask = Callable[[], NDArray[np.bool_]]


def frame(levels: int, prefix: bool) -> str:
    """A frame in llguidance's Lark dialect, where <[a-b]> is a range of ids."""
    out = ""
    for ids in reversed(LEVELS[:levels]):
        token = f"<[{ids.start}-{ids.stop - 1}]>"
        out = f"{token} ({out})?" if prefix and out else f"{token} {out}"
    return out


def lark(g: MoveGrammar) -> str:
    """The same rules for as many blocks as are asked for, each of the same bounds."""
    assert g.min_blocks == g.max_blocks
    pause = g.max_thought if g.max_pause is None else g.max_pause
    more = f" (word{{0,{pause}}} move){{{g.min_blocks - 1}}}" if g.min_blocks > 1 else ""
    return (
        f"start: word{{0,{g.max_thought}}} move{more}\nword: <[0-{TEXT - 1}]>\n"
        f"move: <[{START}]> frame{{{g.min_block},{g.max_block}}} <[{START + 1}]>\nframe: {frame(g.levels, g.prefix)}\n"
    )


@pytest.fixture(scope="module")
def tokenizer() -> object:
    text = qwen_tokenizer_json().read_text(encoding="utf-8")
    return llguidance.LLTokenizer(text, n_vocab=SIZE, eos_token=TURN)


@pytest.mark.parametrize("prefix", [False, True])
@pytest.mark.parametrize("levels", [1, 2, 4])
@pytest.mark.parametrize(("blocks", "shortest", "longest"), [(1, 1, 4), (1, 3, 3), (3, 1, 2)])
def test_every_step_allows_the_same_ids(
    tokenizer: object, levels: int, prefix: bool, blocks: int, shortest: int, longest: int
) -> None:
    grammar = MoveGrammar(
        WORDS, levels, blocks * shortest, blocks * longest, max_thought=3, max_tokens=10_000, min_block=shortest, max_block=longest,
        min_blocks=blocks, max_blocks=blocks, max_pause=2, prefix=prefix,
    )  # fmt: skip
    draw = np.random.default_rng(levels)
    for _ in range(6):
        matcher = llguidance.LLMatcher(tokenizer, lark(grammar))
        assert not matcher.is_error(), matcher.get_error()
        cursor = grammar.start()
        while not cursor.done:
            allowed = cursor.allowed
            mine = np.zeros(SIZE, bool)
            for ids in allowed:
                mine[ids.start : ids.stop] = True
            np.testing.assert_array_equal(mine, theirs(matcher))
            # Half of the steps go where few ids lead: to a block, out of it, to the end.
            rare = [ids[0] for ids in allowed if len(ids) == 1] if draw.random() < 0.5 else []
            token = (
                rare[0]
                if rare
                else nth_allowed(allowed, int(draw.integers(count_allowed(allowed))))
            )
            cursor.accept(token)
            assert matcher.consume_tokens([token])
        assert matcher.is_accepting()


def theirs(matcher: object) -> NDArray[np.bool_]:
    """Ids that the other implementation allows."""
    from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask

    mask = allocate_token_bitmask(1, SIZE)
    fill_next_token_bitmask(matcher, mask, 0)
    return np.unpackbits(mask.view(np.uint8), bitorder="little")[:SIZE].astype(bool)
