"""Writers of answers that are not the bundle's own model: one that breaks, and a server."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NoReturn

from kinetoken.engines.completions import CompletionRequest
from kinetoken.engines.prompt_items import PromptItem
from kinetoken.engines.remote.servers import SERVER_KINDS
from kinetoken.generation.bundle import Bundle
from kinetoken.generation.token_source import AnswerWriter, TokenSource
from kinetoken.sampling.pacing import Detour
from kinetoken.tokens.allowed_ids import Allowed


@dataclasses.dataclass(frozen=True)
class WrittenBundle(Bundle):
    """A bundle whose answers another writer writes."""

    other: Any = dataclasses.field(default=None, kw_only=True)

    @property
    def writer(self) -> AnswerWriter:
        return self.other  # type: ignore[no-any-return]


class Breaking:
    """The bundle's own writer, whose answers break at one of their tokens."""

    def __init__(self, bundle: Bundle, after: int, error: BaseException) -> None:
        fields = {f.name: getattr(bundle, f.name) for f in dataclasses.fields(Bundle)}
        self.bundle = WrittenBundle(**fields, other=self)
        self.closed = 0
        self._writer, self._after, self._error = bundle.writer, after, error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)

    def start(self, *asked: Any) -> TokenSource:
        return _BreakingSource(self._writer.start(*asked), self, self._after, self._error)


class _BreakingSource:
    notes = ()

    def __init__(
        self, source: TokenSource, owner: Breaking, left: int, error: BaseException
    ) -> None:
        self._source, self._owner, self._left, self._error = source, owner, left, error

    @property
    def shown(self) -> Sequence[PromptItem]:
        return self._source.shown

    def next(self, allowed: Allowed, detour: Detour | None = None) -> int | None:
        self._left -= 1
        if self._left < 0:
            raise self._error
        return self._source.next(allowed, detour)

    def try_token(self, token: int, allowed: Allowed) -> bool:
        return self._source.try_token(token, allowed)

    def close(self) -> None:
        self._owner.closed += 1
        self._source.close()


class SilentServer:
    """A language model on a server that nobody asks for an answer."""

    kind = SERVER_KINDS["openai"]
    model_name = None
    context = 512
    device = "server"
    fingerprint = ""

    def complete(self, request: CompletionRequest) -> NoReturn:
        raise AssertionError("nobody asks")
