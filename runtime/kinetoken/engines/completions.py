"""Completions: what a server that runs a language model is asked for, and what it answers.

A local model gives logits, from which a token is chosen here. A server gives tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True)
class CompletionRequest:
    """An answer that is asked for."""

    ids: Sequence[int]
    """The chat so far."""
    text: str
    """The same, spelled out."""
    max_tokens: int
    temperature: float
    top_k: int | None
    top_p: float | None
    min_p: float | None
    seed: int
    end_of_turn: Sequence[int]
    gbnf: str | None = None
    """The rules as llama.cpp takes them; None: not sent."""
    lark: str | None = None
    """The rules in Lark's form; None: not sent."""


@dataclass(frozen=True)
class CompletionPiece:
    """A part of the answer, as it came with one event."""

    text: str
    ids: tuple[int, ...] | None = None
    """Token ids; None: the server does not tell, and motion tokens are spelled out in the text."""
    complete: bool = False
    """True: the ids say everything; else words are taken from the text."""


class CompletionRun(Protocol):
    """One answer under way."""

    reason: str | None
    """Why the server ended it: "stop", "length", or None if it did not say."""

    def __iter__(self) -> Iterator[CompletionPiece]:
        """The pieces as they come. EngineError if the server fails, stalls or talks nonsense."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


class ServerKind(Protocol):
    """A family of servers: what it understands beyond OpenAI's completions."""

    name: str
    owner: str | None
    """What its list of models says under "owned_by"; None: anything."""
    takes_ids: bool
    """Whether the chat may be sent as token ids, not as text."""
    grammar: str | None
    """Form in which it takes rules: "gbnf", "lark" or None."""
    largest_exact_grammar: int | None
    """Codes times vocabulary beyond which exact rules slow it down; None: no limit."""

    detokenize_path: str | None
    """Path that spells tokens, for servers whose text may leave out motion tokens."""

    def body(self, request: CompletionRequest) -> dict[str, Any]:
        """The request as JSON values, without the model's name."""
        ...

    def piece(self, choice: Mapping[str, Any], text: str) -> CompletionPiece:
        """Read the choice of an event. KeyError, TypeError, ValueError for another form."""
        ...

    def tokenize(self, text: str, model: str | None) -> tuple[str, dict[str, Any]] | None:
        """Path and body of a request whose answer has the text's ids under "tokens", if any."""
        ...


@runtime_checkable
class CompletionModel(Protocol):
    """A language model on a server."""

    @property
    def kind(self) -> ServerKind:
        """The family of the server; its name is for people and files."""
        ...

    @property
    def model_name(self) -> str | None:
        """The server's own name for its model; None if it has none."""
        ...

    def complete(self, request: CompletionRequest) -> CompletionRun:
        """Ask for an answer. EngineError if the server refuses."""
        ...
