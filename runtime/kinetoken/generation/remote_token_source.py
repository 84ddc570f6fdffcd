"""An answer's tokens from a server: asked for once, read as they come, checked one by one.

If the server goes another way than the rules, it is asked again from where it left them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ..base.errors import InputError
from ..engines.completions import (
    CompletionModel,
    CompletionPiece,
    CompletionRequest,
    CompletionRun,
)
from ..engines.prompt_items import PromptItem, ids_without_images
from ..sampling.foreign_grammars import gbnf_grammar, lark_grammar, position_after
from ..sampling.grammar import MoveGrammar
from ..sampling.pacing import Detour
from ..sampling.sampler import Sampler
from ..tokens.allowed_ids import Allowed, count_allowed
from ..tokens.token_reader import UNKNOWN_CODE, TokenReader
from ..tokens.tokenizer import Tokenizer
from ..tokens.vocabulary import Vocabulary
from .options import GenerateOptions
from .token_source import Chat

CONTEXT_FULL: Final = "its context was full"
MOST_REQUESTS: Final = 64  # for one answer


@dataclass(frozen=True)
class RemoteWriter:
    """A language model on a server."""

    model: CompletionModel
    vocabulary: Vocabulary
    tokenizer: Tokenizer

    @property
    def engine_name(self) -> str:
        """The kind of server, without its address."""
        return self.model.kind.name

    @property
    def model_name(self) -> str | None:
        """The server's name for its model."""
        return self.model.model_name

    @property
    def outgrows_context(self) -> bool:
        """False: a server is told the rules of one context."""
        return False

    def no_vision(self, bundle: str) -> str:
        """Say that servers are shown no images."""
        return "only a model on this machine takes an image; leave --engine out, or the image"

    def check_options(self, options: GenerateOptions) -> None:
        """InputError if blocks may be paced one by one: a server is told the rules once."""
        if options.is_paced:
            asked = "keep_up" if options.detail is None else f"detail {options.detail}"
            raise InputError(
                f"{asked}: a server writes all blocks alike; give levels, or detail coarse"
            )

    def check_chat(self, items: Sequence[PromptItem], *, earlier: bool = False) -> None:
        """InputError if a server that takes text would read special tokens in what was typed."""
        ids = ids_without_images(items)
        if self.model.kind.takes_ids:
            return
        words = self.vocabulary.markup
        again = self.tokenizer.encode_template(self.tokenizer.decode(ids))
        if self._special(again) != self._special(ids):
            raise InputError(
                f"{'an earlier turn of this chat' if earlier else 'the prompt'} spells special "
                f"tokens, such as {words.start or words.spell(0, 0)}, "
                "and this server takes text alone, in which they would count as tokens; "
                f"{'begin a new chat, ask for history 0,' if earlier else 'write it without them,'}"
                " or use llama-server or vLLM"
            )

    def start_run(self) -> None:
        """None: the server keeps what it has been shown."""

    def start(
        self, chat: Chat, grammar: MoveGrammar, sampler: Sampler, seed: int
    ) -> RemoteTokenSource:
        """Begin the answer to a chat that `check_chat` has seen."""
        return RemoteTokenSource(
            self.model, self.vocabulary, self.tokenizer, grammar, sampler, seed,
            ids_without_images(chat.items),
        )  # fmt: skip

    def _special(self, ids: Sequence[int]) -> list[int]:
        return [token for token in ids if not self.vocabulary.is_plain(token)]


class RemoteTokenSource:
    """The tokens of one answer from a server.

    Tokens that the rules leave no choice about are taken here, without asking. The server's next
    words are then compared with them, and if it went another way it is asked again from there.
    """

    def __init__(
        self,
        model: CompletionModel,
        vocabulary: Vocabulary,
        tokenizer: Tokenizer,
        grammar: MoveGrammar,
        sampler: Sampler,
        seed: int,
        ids: Sequence[int],
    ) -> None:
        """`ids`: the whole chat so far."""
        self._model, self._vocabulary, self._tokenizer = model, vocabulary, tokenizer
        self._grammar, self._sampler, self._seed, self._ids = grammar, sampler, seed, list(ids)
        self._said: list[int] = []
        self._ahead: list[int] = []  # said here, and not yet heard from the server
        self._run: CompletionRun | None = None
        self._tokens: Iterator[int] = iter(())
        self._asks = 0
        self.notes: list[str] = []
        """What did not go as asked, a line each."""

    shown: Sequence[PromptItem] = ()

    def next(self, allowed: Allowed, detour: Detour | None = None) -> int | None:
        """The next token; None if the server has none that is allowed, and then `notes` says why.

        EngineError if the server fails.
        """
        if count_allowed(allowed) == 1:
            return self._say(allowed[0][0], heard=False)
        if not self._in_step():
            self._give_up(f"the server went another way {MOST_REQUESTS} times")
            return None
        token = next(self._tokens, None)
        if token is None:
            return self._ended(allowed)
        if any(token in ids for ids in allowed):
            return self._say(token, heard=True)
        return self._refuse(token, allowed)

    def try_token(self, token: int, allowed: Allowed) -> bool:
        """Measure nothing: a server cannot forget."""
        return False

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
        """Tell whether the server's next token continues the answer; ask again if it does not."""
        if self._run is not None:
            if all(next(self._tokens, None) == token for token in self._ahead):
                self._ahead.clear()
                return True
            self.close()
        self._ahead.clear()
        if self._asks == MOST_REQUESTS:
            return False
        self._asks += 1
        self._run = self._model.complete(self._request())
        self._tokens = self._read(self._run)
        return True

    def _request(self) -> CompletionRequest:
        grammar, sampler, ids = self._grammar, self._sampler, self._ids + self._said
        kind = self._model.kind
        place, form = position_after(self._said, grammar), kind.grammar
        size = (
            grammar.levels * self._vocabulary.codes * (max(i.stop for i in self._vocabulary.levels))
        )
        limit = kind.largest_exact_grammar
        exact = limit is None or size <= limit
        return CompletionRequest(
            ids=ids,
            text=self._tokenizer.decode(ids),
            max_tokens=grammar.max_tokens - len(self._said),
            temperature=sampler.temperature,
            top_k=sampler.top_k,
            top_p=sampler.top_p,
            min_p=sampler.min_p,
            seed=self._seed + self._asks - 1,
            end_of_turn=self._vocabulary.end_of_turn,
            gbnf=gbnf_grammar(grammar, place, exact=exact) if form == "gbnf" else None,
            lark=lark_grammar(grammar, place) if form == "lark" else None,
        )

    def _read(self, run: CompletionRun) -> Iterator[int]:
        """Token ids of what comes."""
        reader = TokenReader(self._vocabulary, self._tokenizer)
        for piece in run:
            yield from self._ids_of(piece, reader)
        yield from reader.finish()

    def _ids_of(self, piece: CompletionPiece, reader: TokenReader) -> list[int]:
        if piece.ids is None:
            return reader.push(piece.text)
        if piece.complete or (
            piece.ids and not any(self._vocabulary.is_text(token) for token in piece.ids)
        ):
            return list(piece.ids)
        return (
            self._tokenizer.encode_text(piece.text) if piece.text else []
        )  # words, whatever they spell

    def _ended(self, allowed: Allowed) -> int | None:
        """End like the server: the turn's end, a block if motion is still owed, or nothing."""
        reason = self._run.reason if self._run is not None else None
        self.close()
        if (end := self._end_among(allowed)) is not None:
            if reason == "length":
                self.notes.append(f"the server ended the answer: {CONTEXT_FULL}")
            return end
        start = self._vocabulary.move_start
        if reason == "stop" and start is not None and any(start in ids for ids in allowed):
            return self._say(start, heard=True)
        why = {"length": CONTEXT_FULL, "stop": "it had no more to say"}.get(
            reason or "", "it broke off"
        )
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
        if token == UNKNOWN_CODE:
            return "a code that the model does not have"
        return self._tokenizer.decode([token]) or f"token {token}"

    def _expected(self, allowed: Allowed) -> str:
        """Name what was allowed."""
        words = self._vocabulary
        named = [
            *(("words", ids) for ids in words.text[:1]),
            *(
                (spelled, range(i, i + 1))
                for spelled, i in zip(words.markup.markers[:1], words.markers, strict=False)
            ),
            *((f"a code of level {level}", ids) for level, ids in enumerate(words.levels)),
            *(
                (spelled, range(i, i + 1))
                for spelled, i in zip(words.markup.markers[1:], words.markers[1:], strict=False)
            ),
        ]  # fmt: skip
        return (
            " or ".join(name for name, ids in named if any(ids[0] in some for some in allowed))
            or "the end"
        )
