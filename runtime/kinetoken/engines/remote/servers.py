"""Kinds of servers: what each understands beyond OpenAI's completions, and tells of its tokens.

Sources: llama.cpp's tools/server/README.md, llama_cpp/server/types.py of llama-cpp-python, and
vLLM's entrypoints/openai/completion/protocol.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..completions import CompletionPiece, CompletionRequest, ServerKind

SEED_LIMIT: Final = 2**31  # every server takes a seed below


class PlainKind:
    """OpenAI's own parameters; no grammar."""

    name = "openai"
    owner: str | None = None
    takes_ids = False
    grammar: str | None = None
    largest_exact_grammar: int | None = None
    detokenize_path: str | None = None

    def body(self, request: CompletionRequest) -> dict[str, Any]:
        top_p = 1.0 if request.top_p is None else request.top_p
        asked = {
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "top_p": top_p,
        }
        prompt = list(request.ids) if self.takes_ids else request.text
        return {"prompt": prompt, "stream": True, "seed": request.seed % SEED_LIMIT, **asked}

    def piece(self, choice: Mapping[str, Any], text: str) -> CompletionPiece:
        return CompletionPiece(text)

    def tokenize(self, text: str, model: str | None) -> tuple[str, dict[str, Any]] | None:
        return None


class LlamaKind(PlainKind):
    """The parameters that both servers on llama.cpp share."""

    grammar = "gbnf"

    def body(self, request: CompletionRequest) -> dict[str, Any]:
        asked = {"top_k": request.top_k or 0, "min_p": request.min_p or 0.0, "repeat_penalty": 1.0}
        return (
            super().body(request)
            | asked
            | ({} if request.gbnf is None else {"grammar": request.gbnf})
        )


class LlamaServerKind(LlamaKind):
    """llama-server.

    Its text may hide motion tokens, and its ids leave out parts of characters: both are needed.
    """

    name = "llama-server"
    owner = "llamacpp"
    takes_ids = True

    def body(self, request: CompletionRequest) -> dict[str, Any]:
        samplers = ["temperature", "top_k", "top_p", "min_p"]
        return super().body(request) | {"logprobs": 1, "samplers": samplers, "cache_prompt": True}

    def piece(self, choice: Mapping[str, Any], text: str) -> CompletionPiece:
        told = choice.get("logprobs")
        return CompletionPiece(
            text, tuple(int(token["id"]) for token in told["content"]) if told else ()
        )

    def tokenize(self, text: str, model: str | None) -> tuple[str, dict[str, Any]] | None:
        return "/tokenize", {"content": text, "add_special": False, "parse_special": True}


class LlamaCppPythonKind(LlamaKind):
    """The server of llama-cpp-python: text in, text out."""

    name = "llama-cpp-python"
    owner = "me"
    largest_exact_grammar = 1 << 25
    """A demo has 2^24 and takes 12 ms a token."""
    detokenize_path = "/extras/detokenize"

    def tokenize(self, text: str, model: str | None) -> tuple[str, dict[str, Any]] | None:
        return "/extras/tokenize", {"input": text}


class VllmKind(PlainKind):
    """vLLM 0.12 or newer."""

    name = "vllm"
    owner = "vllm"
    takes_ids = True
    grammar = "lark"

    def body(self, request: CompletionRequest) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "top_k": request.top_k or 0, "min_p": request.min_p or 0.0, "repetition_penalty": 1.0,
            "stop_token_ids": list(request.end_of_turn), "return_token_ids": True,
            "skip_special_tokens": False, "spaces_between_special_tokens": False,
        }  # fmt: skip
        rules = {} if request.lark is None else {"structured_outputs": {"grammar": request.lark}}
        return super().body(request) | asked | rules

    def piece(self, choice: Mapping[str, Any], text: str) -> CompletionPiece:
        ids = choice.get("token_ids")
        return (
            CompletionPiece(text)
            if ids is None
            else CompletionPiece(text, tuple(int(token) for token in ids), complete=True)
        )

    def tokenize(self, text: str, model: str | None) -> tuple[str, dict[str, Any]] | None:
        return "/tokenize", {"model": model, "prompt": text, "add_special_tokens": False}


SERVER_KINDS: Final[Mapping[str, ServerKind]] = {
    kind.name: kind for kind in (LlamaServerKind(), LlamaCppPythonKind(), VllmKind(), PlainKind())
}


def kind_by_owner(owner: object) -> ServerKind:
    """The kind of a server whose list of models names this owner; plain OpenAI for any other."""
    return next(
        (kind for kind in SERVER_KINDS.values() if kind.owner is not None and kind.owner == owner),
        SERVER_KINDS["openai"],
    )
