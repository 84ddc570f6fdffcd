"""A language model on a server with OpenAI's completions, streamed.

Readers do not trust what it says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Any, Final, NoReturn

from ...base.errors import EngineError, InputError
from ...base.json_text import parse_json
from ...manifest.schema import Manifest, MotionInfo
from ...tokens.tokenizer import Tokenizer
from ..completions import CompletionPiece, CompletionRequest, ServerKind
from ..load_options import DEFAULT_TIMEOUT, LoadOptions
from .http import LONGEST_REPLY_LINE, ReplyLines, ServerLink, StatusError, error_message
from .servers import SERVER_KINDS, kind_by_owner

MOST_MODELS_NAMED: Final = 5  # models listed in an error
DONE_EVENT: Final = b"[DONE]"
ABSENT_STATUS: Final = (404, 405, 501)
_CHECKED_CODES: Final = 16  # of each level, spread over it


@dataclass(frozen=True)
class RemoteLanguageModel:
    """A server that was found to run this bundle's model. It gives tokens, never logits."""

    link: ServerLink
    kind: ServerKind
    model: str | None
    """The server's name for its model."""
    context: int
    """Tokens that an answer and its prompt may take together."""
    device: str = "server"
    fingerprint: str = ""
    """Empty: a server keeps its own states."""

    @property
    def engine(self) -> str:
        """Kind of the server."""
        return self.kind.name

    @classmethod
    def open(
        cls, options: LoadOptions, manifest: Manifest, tokenizer: Tokenizer
    ) -> RemoteLanguageModel:
        """Ask who is there, and whether it knows the motion tokens. InputError, EngineError."""
        assert options.engine is not None
        named = options.engine_kind
        if named is not None and named not in SERVER_KINDS:
            raise InputError(f"engine-kind: expected {', '.join(SERVER_KINDS)}, got {named!r}")
        timeout = DEFAULT_TIMEOUT if options.engine_timeout is None else options.engine_timeout
        if not 0 < timeout < float("inf"):
            raise InputError(f"engine-timeout: expected seconds above 0, got {timeout}")
        link = ServerLink.open(options.engine, timeout)
        entry = _entry(link, options)
        kind = SERVER_KINDS[named] if named is not None else kind_by_owner(entry.get("owned_by"))
        listed = entry.get("id")
        context = manifest.language_model.context
        server = cls(
            link,
            kind,
            listed if isinstance(listed, str) else options.engine_model,
            min(context, _context(entry) or context),
        )
        server._check_tokens(manifest.motion, tokenizer)
        return server

    @property
    def model_name(self) -> str | None:
        """The server's name for its model, without the folders of a file on its disk or the key."""
        name = None if self.model is None else self.link.shown(self.model)
        rooted = name is not None and (name.startswith("/") or name[1:2] == ":")
        return PureWindowsPath(name).name if name is not None and rooted else name

    def complete(self, request: CompletionRequest) -> RemoteRun:
        """Ask for an answer. EngineError if the server refuses."""
        body = self.kind.body(request) | ({} if self.model is None else {"model": self.model})
        lines = self.link.stream(f"{self.link.address.path}/completions", body)
        return RemoteRun(self.link, self.kind, lines)

    def start(self) -> NoReturn:
        """EngineError: what needs logits needs a model that is loaded here."""
        raise EngineError(
            "a server writes this bundle's answers and gives no logits; load it without engine"
        )

    def start_batch(self, size: int) -> NoReturn:
        """EngineError, as `start`."""
        self.start()

    def _check_tokens(self, motion: MotionInfo, tokenizer: Tokenizer) -> None:
        """Raise EngineError unless the server has the bundle's motion tokens, and shows them."""
        codes = [i for level in motion.levels for i in _spread(range(*level))]
        ids = [*motion.markers[:1], *codes, *motion.markers[1:]]
        spelling = motion.spelling
        got = self._tokens(tokenizer.decode(ids))
        if got is not None and got[-len(ids) :] != ids:
            raise EngineError(
                f"{self.link.address} runs another model: expected token ids {ids[:3]}... of "
                f"{spelling.start} and its codes, got {self.link.shown(str(got[:3]))[:100]}...; serve the model of this bundle, "
                "or give the bundle of that model"
            )
        if self.kind.detokenize_path is not None:
            self._check_shown(self.kind.detokenize_path, ids, spelling.pieces[0])

    def _tokens(self, text: str) -> list[Any] | None:
        """Token ids of a text; None if the server does not tell."""
        asked = self.kind.tokenize(text, self.model)
        if asked is None:
            return None
        answer = self._beside(*asked)
        tokens = answer.get("tokens") if isinstance(answer, dict) else None
        return tokens if isinstance(tokens, list) else None

    def _check_shown(self, path: str, ids: Sequence[int], spelled: str) -> None:
        """EngineError if motion tokens are missing from the server's text."""
        answer = self._beside(path, {"tokens": list(ids)})
        if isinstance(answer, dict) and spelled not in str(answer.get("text")):
            raise EngineError(
                f"{self.link.address} hides motion tokens: its GGUF calls them control tokens, "
                f"which {self.kind.name} leaves out of its text; export it again, or serve it "
                "with llama-server"
            )

    def _beside(self, path: str, body: dict[str, Any]) -> Any:
        """Ask at a path beside the API; None if there is no such path."""
        try:
            return self.link.post(self.link.address.root + path, body)
        except StatusError as error:
            if error.status in ABSENT_STATUS:
                return None
            raise


class RemoteRun:
    """One request under way."""

    def __init__(self, link: ServerLink, kind: ServerKind, lines: ReplyLines) -> None:
        self._link, self._kind, self._lines = link, kind, lines
        self.reason: str | None = None
        """Why the server ended: "stop", "length", or None if it did not say."""

    def close(self) -> None:
        """Hang up."""
        self._lines.close()

    def __iter__(self) -> Iterator[CompletionPiece]:
        """Yield what comes, until the server says that it is done.

        EngineError if it fails, stalls or talks nonsense.
        """
        for data in self._events():
            if data == DONE_EVENT:
                return
            piece = self._piece(data)
            if piece is not None:
                yield piece
                self._lines.deadline.renew()  # however long its reader took
        if self.reason is None:
            raise EngineError(
                f"{self._link.address} cut the connection in the middle of the answer; see its log"
            )

    def _events(self) -> Iterator[bytes]:
        """Data of server-sent events (WHATWG HTML, 9.2). Comments only keep the line open."""
        data, size = list[bytes](), 0
        for line in self._lines:
            name, _, value = line.partition(b":")
            if name in (b"data", b"error"):  # llama-server once named its errors "error"
                data.append(value.removeprefix(b" "))
                size += len(line)
                if size > LONGEST_REPLY_LINE:
                    raise self._nonsense(line)
            elif not line and data:
                yield b"\n".join(data)
                data, size = [], 0
            elif line and name not in (b"", b"event", b"id", b"retry"):
                raise self._nonsense(line)
        if data:
            yield b"\n".join(data)

    def _piece(self, data: bytes) -> CompletionPiece | None:
        """Read an event; None if there is no text in it."""
        try:
            event = parse_json(data)
            if "error" in event or ("message" in event and "choices" not in event):
                said = self._link.quoted(error_message(event))
                raise StatusError(
                    _code(event),
                    f"{self._link.address} failed while it wrote{said}; see its log",
                )
            if not event["choices"]:
                return None
            choice = event["choices"][0]
            text = choice.get("text") or ""
            text.encode()
            piece = self._kind.piece(choice, text)
            self.reason = choice.get("finish_reason") or self.reason
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            raise self._nonsense(data) from None
        return piece if piece.text or piece.ids else None

    def _nonsense(self, line: bytes) -> EngineError:
        said = self._link.quoted(line.decode("utf-8", "replace"))
        return EngineError(
            f"{self._link.address} writes what is no completion{said}; check the URL and its log"
        )


def _spread(ids: range) -> list[int]:
    """Some ids of a level: a server may have the same ones in another order."""
    return [*ids[:: max(1, len(ids) // _CHECKED_CODES)], ids[-1]]


def _entry(link: ServerLink, options: LoadOptions) -> Mapping[str, Any]:
    """The server's entry for the model; empty if it has none and need not."""
    try:
        answer = link.get(f"{link.address.path}/models")
    except StatusError as error:
        if error.status in ABSENT_STATUS and options.engine_kind is not None:
            return {}
        raise
    found = answer.get("data") if isinstance(answer, dict) else None
    models: list[Mapping[str, Any]] = (
        [entry for entry in found or [] if isinstance(entry, dict)]
        if isinstance(found, list)
        else []
    )
    if options.engine_model is not None:
        models = [entry for entry in models if entry.get("id") == options.engine_model] or _unknown(
            link, options.engine_model, models
        )
    if len(models) > 1:
        raise InputError(
            f"{link.address} has several models: choose with --engine-model {_names(link, models)}"
        )
    if not models and options.engine_kind is None:
        raise EngineError(
            f"{link.address} lists no model; load one, or name the server with --engine-kind"
        )
    return models[0] if models else {}


def _unknown(
    link: ServerLink, model: str, models: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Raise InputError if the server has other models; one that lists none is trusted for now."""
    if models:
        raise InputError(
            f"{link.address} has no model {model!r}: choose with --engine-model {_names(link, models)}"
        )
    return []


def _names(link: ServerLink, models: Sequence[Mapping[str, Any]]) -> str:
    names = [link.shown(str(entry.get("id")))[:100] for entry in models]
    return " or ".join(names[:MOST_MODELS_NAMED]) + (
        " ..." if len(names) > MOST_MODELS_NAMED else ""
    )


def _code(event: Mapping[str, Any]) -> int:
    """The status that an error in mid-answer would have had at its beginning; 500 if unknown."""
    error = event.get("error")
    code = (error if isinstance(error, dict) else event).get("code")
    return code if isinstance(code, int) else 500


def _context(entry: Mapping[str, Any]) -> int | None:
    """Tokens that the server holds: vLLM and llama-server say so in the list of models."""
    meta = entry.get("meta")
    for value in (
        entry.get("max_model_len"),
        meta.get("n_ctx") if isinstance(meta, dict) else None,
    ):
        if isinstance(value, int) and value > 0:
            return value
    return None
