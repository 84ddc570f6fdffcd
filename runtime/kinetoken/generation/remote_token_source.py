"""An answer's tokens from a server: asked for once, read as they come, checked one by one, and asked for again where need be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from ..base.errors import InputError
from ..engines.protocols import Tokenizer
from ..engines.remote.model import RemoteEngine, RemoteRun
from ..engines.remote.servers import Order, Piece
from ..sampling.foreign_grammars import gbnf, place_after, regex
from ..sampling.grammar import MoveGrammar
from ..sampling.sampler import Sampler
from ..tokens.allowed_ids import Allowed, count_allowed
from ..tokens.markup import MOVE_END, MOVE_START
from ..tokens.vocabulary import Vocabulary

ODD: Final = -1
"""What is spelled like a motion token and is none; never allowed."""
LARGE: Final = 1 << 25
"""Codes times vocabulary up to which llama-cpp-python is given every token by name: a demo has 2^24, at 12 ms a token."""
FULL: Final = "its context was full"
ASKS: Final = 64  # requests for one answer
_MARKER: Final = re.compile(r"<move>|</move>|<m_(\d{1,6})_(\d{1,9})>", re.ASCII)
_BEGUN: Final = re.compile(r"<(?:/?(?:m(?:o(?:ve?)?)?)?|m_(?:\d{1,6}(?:_\d{0,9})?)?)", re.ASCII)


class TokenReader:
    """Text with motion tokens in it to token ids, cut wherever it may be."""

    def __init__(self, vocabulary: Vocabulary, tokenizer: Tokenizer) -> None:
        self._vocabulary, self._tokenizer = vocabulary, tokenizer
        self._ends = {tokenizer.decode([token]): token for token in vocabulary.end_of_turn}
        ends = "|".join(re.escape(end) for end in self._ends)
        self._marker = re.compile(f"{_MARKER.pattern}|{ends}", re.ASCII)
        self._held = ""

    def push(self, text: str) -> list[int]:
        """Tokens that are whole with this text."""
        text = self._held + text
        cut = self._whole(text)
        self._held = text[cut:]
        return self._read(text[:cut])

    def finish(self) -> list[int]:
        """What was held back: words after all."""
        held, self._held = self._held, ""
        return self._read(held)

    def _whole(self, text: str) -> int:
        """Where the beginning of what may become a marker stands; the length where there is none."""
        at = text.rfind("<")
        tail = text[at:] if at >= 0 else ""
        begun = tail and (
            _BEGUN.fullmatch(tail)
            or any(end.startswith(tail) and end != tail for end in self._ends)
        )
        return at if begun else len(text)

    def _read(self, text: str) -> list[int]:
        tokens: list[int] = []
        at = 0
        for found in self._marker.finditer(text):
            tokens += self._words(text[at : found.start()])
            tokens.append(self._token(found))
            at = found.end()
        return tokens + self._words(text[at:])

    def _words(self, text: str) -> list[int]:
        return self._tokenizer.encode_text(text) if text else []

    def _token(self, found: re.Match[str]) -> int:
        words, spelled = self._vocabulary, found.group()
        if spelled in (MOVE_START, MOVE_END):
            return words.move_start if spelled == MOVE_START else words.move_end
        if spelled in self._ends:
            return self._ends[spelled]
        level, code = int(found[1]), int(found[2])
        return words.id_of(level, code) if level < len(words.levels) and code < words.codes else ODD


class RemoteSpeaker:
    """One answer from a server.

    What the rules leave no choice about is said here, without asking; the server's next words are then compared with it, and
    where it went another way it is asked again from there.
    """

    def __init__(
        self, engine: RemoteEngine, vocabulary: Vocabulary, tokenizer: Tokenizer, grammar: MoveGrammar,
        sampler: Sampler, seed: int, ids: Sequence[int],
    ) -> None:  # fmt: skip
        """`ids`: the whole chat so far, that `check_text` has seen."""
        self._engine, self._vocabulary, self._tokenizer = engine, vocabulary, tokenizer
        self._grammar, self._sampler, self._seed, self._ids = grammar, sampler, seed, list(ids)
        self._said: list[int] = []
        self._ahead: list[int] = []  # said here, and not yet heard from the server
        self._run: RemoteRun | None = None
        self._tokens: Iterator[int] = iter(())
        self._asks = 0
        self.notes: list[str] = []
        """What did not go as asked, a line each."""

    def next(self, allowed: Allowed) -> int | None:
        """The next token; None where the server has none that is allowed: `notes` says why. EngineError where it fails."""
        if count_allowed(allowed) == 1:
            return self._say(allowed[0][0], heard=False)
        if not self._in_step():
            self._give_up(f"the server went another way {ASKS} times")
            return None
        token = next(self._tokens, None)
        if token is None:
            return self._ended(allowed)
        if any(token in ids for ids in allowed):
            return self._say(token, heard=True)
        return self._refuse(token, allowed)

    def close(self) -> None:
        """Hang up."""
        if self._run is not None:
            self._run.close()
            self._run = None

    def _say(self, token: int, *, heard: bool) -> int:
        self._said.append(token)
        if not heard:
            self._ahead.append(token)
        return token

    def _in_step(self) -> bool:
        """Whether the server's next token continues what was said; it is asked where it went another way."""
        if self._run is not None:
            if all(next(self._tokens, None) == token for token in self._ahead):
                self._ahead.clear()
                return True
            self.close()
        self._ahead.clear()
        if self._asks == ASKS:
            return False
        self._asks += 1
        self._run = self._engine.start(self._order())
        self._tokens = self._read(self._run)
        return True

    def _order(self) -> Order:
        grammar, sampler, ids = self._grammar, self._sampler, self._ids + self._said
        place, form = place_after(self._said, self._vocabulary), self._engine.kind.grammar
        size = (
            grammar.levels * self._vocabulary.codes * (max(i.stop for i in self._vocabulary.levels))
        )
        exact = self._engine.kind.name != "llama-cpp-python" or size <= LARGE
        return Order(
            ids, self._tokenizer.decode(ids), grammar.max_tokens - len(self._said), sampler.temperature, sampler.top_k,
            sampler.top_p, sampler.min_p, self._seed + self._asks - 1, self._vocabulary.end_of_turn,
            gbnf(grammar, place, exact=exact) if form == "gbnf" else None, regex(grammar, place) if form == "regex" else None,
        )  # fmt: skip

    def _read(self, run: RemoteRun) -> Iterator[int]:
        """Token ids of what comes."""
        reader = TokenReader(self._vocabulary, self._tokenizer)
        for piece in run:
            yield from self._ids_of(piece, reader)
        yield from reader.finish()

    def _ids_of(self, piece: Piece, reader: TokenReader) -> list[int]:
        if piece.ids is None:
            return reader.push(piece.text)
        if piece.whole or (
            piece.ids and not any(self._vocabulary.is_text(token) for token in piece.ids)
        ):
            return list(piece.ids)
        return (
            self._tokenizer.encode_text(piece.text) if piece.text else []
        )  # words, whatever they spell

    def _ended(self, allowed: Allowed) -> int | None:
        """The server has no more to say: the turn's end, a block where motion is still owed, or nothing."""
        reason = self._run.reason if self._run is not None else None
        self.close()
        if (end := self._end_among(allowed)) is not None:
            if reason == "length":
                self.notes.append(f"the server ended the answer: {FULL}")
            return end
        start = self._vocabulary.move_start
        if reason == "stop" and any(start in ids for ids in allowed):
            return self._say(start, heard=True)
        why = {"length": FULL, "stop": "it had no more to say"}.get(reason or "", "it broke off")
        self._give_up(f"the server ended before the answer was whole: {why}")
        return None

    def _end_among(self, allowed: Allowed) -> int | None:
        return next(
            (end for end in self._vocabulary.end_of_turn if any(end in ids for ids in allowed)),
            None,
        )

    def _refuse(self, token: int, allowed: Allowed) -> int | None:
        self.close()
        got, expected = self._spelled(token), self._expected(allowed)
        self._give_up(f"the server wrote {got} where {expected} had to come")
        return self._end_among(allowed)

    def _give_up(self, why: str) -> None:
        self.close()
        self.notes.append(f"{why}; the answer ends at its last whole frame")

    def _spelled(self, token: int) -> str:
        if self._vocabulary.is_text(token):
            return "words"
        return (
            "a code that the model does not have"
            if token < 0
            else self._tokenizer.decode([token]) or f"token {token}"
        )

    def _expected(self, allowed: Allowed) -> str:
        """What was allowed, in words."""
        words = self._vocabulary
        named = [
            *(("words", ids) for ids in words.text[:1]), (MOVE_START, range(words.move_start, words.move_start + 1)),
            *((f"a code of level {level}", ids) for level, ids in enumerate(words.levels)),
            (MOVE_END, range(words.move_end, words.move_end + 1)),
        ]  # fmt: skip
        return (
            " or ".join(name for name, ids in named if any(ids[0] in some for some in allowed))
            or "the end"
        )


def check_text(
    ids: Sequence[int], tokenizer: Tokenizer, vocabulary: Vocabulary, earlier: bool = False
) -> None:
    """InputError where a server that takes text would read special tokens in what a user typed, `earlier` or now."""
    again = tokenizer.encode_template(tokenizer.decode(ids))
    if [i for i in again if not vocabulary.is_text(i)] != [
        i for i in ids if not vocabulary.is_text(i)
    ]:
        raise InputError(
            f"{'an earlier turn of this chat' if earlier else 'the prompt'} spells special tokens, such as <move>, and this server "
            "takes text alone, in which they would count as tokens; "
            f"{'begin a new chat, ask for history 0,' if earlier else 'write it without them,'} or use llama-server or vLLM"
        )
