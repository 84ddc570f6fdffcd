"""The rules of an answer in the grammar languages of other programs, for a server that writes it.

They say less than the cursor knows: how blocks are built and how long they are, not how many tokens
are left. That is enough, because whatever comes back is checked.

Sources: GBNF with its token literals <[id]> and !<[id]>, llama.cpp's grammars/README.md; Lark with
ranges of tokens <[a-b]>, llguidance's docs/syntax.md, which xgrammar reads too (both are in vLLM).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from ..tokens.vocabulary import Vocabulary
from .grammar import MoveGrammar

Bounds = tuple[int, int]


@dataclass(frozen=True)
class AnswerPosition:
    """The point that an answer has reached, between two frames."""

    frames: int = 0
    """Code frames so far."""
    blocks: int = 0
    """Blocks opened so far."""
    opened: bool = False
    """Whether a block has just been opened."""


ANSWER_START: Final = AnswerPosition()


def gbnf_grammar(
    grammar: MoveGrammar, place: AnswerPosition = ANSWER_START, *, exact: bool = True
) -> str:
    """The rest of the answer as a grammar for llama.cpp.

    It names tokens: with characters the model could spell <m_0_5> letter by letter. If `exact`, it
    names every token, of which llama.cpp compares each with the whole vocabulary. Otherwise a frame
    is any tokens but the end of the block, which is fast.
    """
    words = grammar.vocabulary
    frame = _nested if grammar.prefix else " ".join
    rules = [f"root ::= {_sequence(grammar, place, 'text', _block(grammar), ' ')}"]
    if words.move_start is not None:
        rules += [f"open ::= <[{words.move_start}]>", f"close ::= <[{words.move_end}]>"]
    rules.append(f"frame ::= {frame([f'c{level}' for level in range(grammar.levels)])}")
    exact = exact or words.move_end is None
    for level, ids in enumerate(words.levels[: grammar.levels]):
        codes = " | ".join(f"<[{i}]>" for i in ids) if exact else f"!<[{words.move_end}]>"
        rules.append(f"c{level} ::= {codes}")
    added = [f"<[{i}]>" for i in words.added_words.values()]
    text = f"({' | '.join([_word_letters(words), *added])})*" if added else words_pattern(words)
    rules.append(f"text ::= {text if exact else f'(!<[{words.move_start}]>)*'}")
    return "\n".join(rules) + "\n"


def words_pattern(words: Vocabulary) -> str:
    """Words in both languages.

    What begins a marker or a code cannot stand in them: it could not be told from one.
    """
    return f"{_word_letters(words)}*"


def _word_letters(words: Vocabulary) -> str:
    markup = words.markup
    first = dict.fromkeys(text[0] for text in (*markup.markers, markup.spelling.code))
    letters = "".join("\\" + letter if letter in "\\]^-[" else letter for letter in first)
    return f"[^{letters}]"


def lark_grammar(grammar: MoveGrammar, place: AnswerPosition = ANSWER_START) -> str:
    """The rest of the answer in Lark's form with token ids, as llguidance and xgrammar take it.

    Ids come as ranges, so that it is short and exact for a vocabulary of any size.
    """
    words = grammar.vocabulary
    frame = _nested if grammar.prefix else " ".join
    rules = [f"start: {_sequence(grammar, place, 'text', _block(grammar), ' ')}"]
    if words.move_start is not None:
        rules += [f"open: <[{words.move_start}]>", f"close: <[{words.move_end}]>"]
    rules.append(f"frame: {frame([f'c{level}' for level in range(grammar.levels)])}")
    for level, ids in enumerate(words.levels[: grammar.levels]):
        rules.append(f"c{level}: <[{_range(ids)}]>")
    added = (range(i, i + 1) for i in words.added_words.values())
    said = ",".join(_range(ids) for ids in (*words.text, *added))
    return "\n".join([*rules, "text: word*", f"word: <[{said}]>"]) + "\n"


def _range(ids: range) -> str:
    return f"{ids.start}-{ids.stop - 1}" if len(ids) > 1 else str(ids.start)


def planned_blocks(
    grammar: MoveGrammar, place: AnswerPosition = ANSWER_START
) -> tuple[list[Bounds], bool]:
    """Shortest and longest length of every block that must come, and whether others may.

    The missing frames are dealt out evenly to as few blocks as hold them.
    """
    owed, room = max(0, grammar.min_frames - place.frames), grammar.max_frames - place.frames
    opened = place.blocks - place.opened  # the open one is still to be written
    count = max(grammar.min_blocks - opened, -(-owed // grammar.longest_block), int(place.opened))
    least, most = grammar.min_block, grammar.longest_block
    bounds = [
        (max(least, a), min(most, b))
        for a, b in zip(_dealt(owed, count), _dealt(room, count), strict=True)
    ]
    # One block settles what is owed, and leaves room for others.
    settled = owed <= 1 or (count <= 1 and most < room)
    demanded = not settled or grammar.min_blocks - opened > 1
    more = not demanded and opened + count < grammar.most_blocks
    if more and bounds:  # nothing is known of the others: this one may be as long as any
        bounds[-1] = (bounds[-1][0], min(most, room))
    return bounds, more


def _sequence(
    grammar: MoveGrammar,
    place: AnswerPosition,
    text: str,
    block: Callable[[Bounds, bool], str],
    between: str,
) -> str:
    """Words, block, words and so on, from this position to the end."""
    first = text if grammar.max_thought or place.blocks else ""
    later = text if grammar.max_pause != 0 else ""
    bounds, more = planned_blocks(grammar, place)
    parts = [] if place.opened else [later if place.blocks else first]
    for number, sizes in enumerate(bounds):
        parts += [block(sizes, place.opened and number == 0), later]
    if more:
        another = block((grammar.min_block, grammar.longest_block), False)
        parts.append(f"({between.join(filter(None, (another, later)))})*")
    return between.join(filter(None, parts))


def _block(grammar: MoveGrammar) -> Callable[[Bounds, bool], str]:
    def block(bounds: Bounds, opened: bool) -> str:
        frames = f"frame{_times(bounds)}"
        return f"{'' if opened else 'open '}{frames} close" if grammar.marked else frames

    return block


def _nested(codes: Iterable[str], between: str = " ") -> str:
    """Any first part of a frame: c0 (c1 (c2)?)?"""
    first, *rest = codes
    return f"{first}{between}({_nested(rest, between)})?" if rest else first


def _times(bounds: Bounds) -> str:
    return f"{{{bounds[0]},{bounds[1]}}}"


def _dealt(total: int, count: int) -> list[int]:
    """Split a number into so many parts that differ by at most one."""
    return [total // count + (i < total % count) for i in range(count)]


def position_after(said: Iterable[int], grammar: MoveGrammar) -> AnswerPosition:
    """The position of an answer after these tokens. A frame counts once, with all its levels."""
    words = grammar.vocabulary
    frames, blocks, opened, in_block = 0, int(grammar.opened), grammar.opened, False
    for token in said:
        frames += token in words.levels[0]
        code = any(token in ids for ids in words.levels)
        opened = words.move_start is not None and token == words.move_start
        blocks += opened or (not grammar.marked and code and not in_block)
        in_block = code
    return AnswerPosition(frames, blocks, opened)
