"""What each kind of server understands beyond OpenAI's completions, and what it tells of the tokens that it writes.

Sources: llama.cpp's tools/server/README.md, llama_cpp/server/types.py of llama-cpp-python, and vLLM's
entrypoints/openai/completion/protocol.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

SEEDS: Final = 2**31  # every server takes a seed below


@dataclass(frozen=True)
class Order:
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
    """The rules for llama.cpp; None: not to be sent."""
    regex: str | None = None
    """The rules as a regular expression."""


@dataclass(frozen=True)
class Piece:
    """What came with one event."""

    text: str
    ids: tuple[int, ...] | None = None
    """Tokens; None: the server does not tell, motion tokens are spelled out in the text."""
    whole: bool = False
    """Whether the ids are all there is to it; else words are taken from the text."""


class Kind(Protocol):
    """A family of servers."""

    name: str
    owner: str | None
    """What its list of models says under "owned_by"."""
    takes_ids: bool
    """Whether the chat may be sent as token ids."""
    grammar: str | None
    """"gbnf", "regex" or None."""

    def body(self, order: Order) -> dict[str, Any]:
        """The request, but for the model's name."""
        ...

    def piece(self, choice: Mapping[str, Any], text: str) -> Piece:
        """What an event's choice holds. KeyError, TypeError, ValueError where its form is another."""
        ...

    def tokenize(self, text: str, model: str | None) -> tuple[str, dict[str, Any]] | None:
        """Path beside the API and body of a request whose answer has the token ids of a text under "tokens"."""
        ...


class PlainKind:
    """OpenAI's own parameters; no grammar."""

    name = "openai"
    owner: str | None = None
    takes_ids = False
    grammar: str | None = None

    def body(self, order: Order) -> dict[str, Any]:
        top_p = 1.0 if order.top_p is None else order.top_p
        asked = {"max_tokens": order.max_tokens, "temperature": order.temperature, "top_p": top_p}
        prompt = list(order.ids) if self.takes_ids else order.text
        return {"prompt": prompt, "stream": True, "seed": order.seed % SEEDS, **asked}

    def piece(self, choice: Mapping[str, Any], text: str) -> Piece:
        return Piece(text)

    def tokenize(self, text: str, model: str | None) -> tuple[str, dict[str, Any]] | None:
        return None


class LlamaKind(PlainKind):
    """What both servers on llama.cpp share."""

    grammar = "gbnf"

    def body(self, order: Order) -> dict[str, Any]:
        asked = {"top_k": order.top_k or 0, "min_p": order.min_p or 0.0, "repeat_penalty": 1.0}
        return super().body(order) | asked | ({} if order.gbnf is None else {"grammar": order.gbnf})


class LlamaServerKind(LlamaKind):
    """llama-server. Its motion tokens may be hidden in the text, and its ids leave out parts of a character: it takes both."""

    name = "llama-server"
    owner = "llamacpp"
    takes_ids = True

    def body(self, order: Order) -> dict[str, Any]:
        samplers = ["temperature", "top_k", "top_p", "min_p"]
        return super().body(order) | {"logprobs": 1, "samplers": samplers, "cache_prompt": True}

    def piece(self, choice: Mapping[str, Any], text: str) -> Piece:
        told = choice.get("logprobs")
        return Piece(text, tuple(int(token["id"]) for token in told["content"]) if told else ())

    def tokenize(self, text: str, model: str | None) -> tuple[str, dict[str, Any]] | None:
        return "/tokenize", {"content": text, "add_special": False, "parse_special": True}


class LlamaCppPythonKind(LlamaKind):
    """The server of llama-cpp-python: text in, text out."""

    name = "llama-cpp-python"
    owner = "me"

    def tokenize(self, text: str, model: str | None) -> tuple[str, dict[str, Any]] | None:
        return "/extras/tokenize", {"input": text}


class VllmKind(PlainKind):
    """vLLM 0.12 or newer."""

    name = "vllm"
    owner = "vllm"
    takes_ids = True
    grammar = "regex"

    def body(self, order: Order) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "top_k": order.top_k or 0, "min_p": order.min_p or 0.0, "repetition_penalty": 1.0,
            "stop_token_ids": list(order.end_of_turn), "return_token_ids": True,
            "skip_special_tokens": False, "spaces_between_special_tokens": False,
        }  # fmt: skip
        rules = {} if order.regex is None else {"structured_outputs": {"regex": order.regex}}
        return super().body(order) | asked | rules

    def piece(self, choice: Mapping[str, Any], text: str) -> Piece:
        ids = choice.get("token_ids")
        return (
            Piece(text)
            if ids is None
            else Piece(text, tuple(int(token) for token in ids), whole=True)
        )

    def tokenize(self, text: str, model: str | None) -> tuple[str, dict[str, Any]] | None:
        return "/tokenize", {"model": model, "prompt": text, "add_special_tokens": False}


KINDS: Final[Mapping[str, Kind]] = {
    kind.name: kind for kind in (LlamaServerKind(), LlamaCppPythonKind(), VllmKind(), PlainKind())
}


def kind_of(owner: object) -> Kind:
    """The kind whose list of models is owned so."""
    return next(
        (kind for kind in KINDS.values() if kind.owner is not None and kind.owner == owner),
        KINDS["openai"],
    )
