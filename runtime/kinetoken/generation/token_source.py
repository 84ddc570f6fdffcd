"""Where an answer's tokens come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ..engines.prompt_items import PromptItem, token_ids
from ..engines.protocols import LmRun, feed_items
from ..sampling.grammar import MoveGrammar
from ..sampling.sampler import Sampler, SamplerRun
from ..tokens.allowed_ids import Allowed, nth_allowed
from .bundle import Bundle


@dataclass(frozen=True)
class Chat:
    """What a prompt is put to the model with, and what it has seen of it."""

    ids: Sequence[PromptItem]
    """All of the chat, the prompt included; an image may stand among the ids."""
    run: LmRun | None = None
    """Has been fed the first of it; None: a new one."""
    fed: int = 0
    """How many of the ids."""


class Speaker(Protocol):
    """One answer's tokens, one after another."""

    @property
    def notes(self) -> Sequence[str]:
        """What did not go as asked, a line each."""
        ...

    def next(self, allowed: Allowed) -> int | None:
        """The next token, one of the allowed ids; None where no more will come. EngineError."""
        ...

    def close(self) -> None:
        """No more tokens are wanted."""
        ...


class LocalSpeaker:
    """A language model in this process, and the choice among the ids that are allowed."""

    notes: Sequence[str] = ()

    def __init__(self, run: LmRun, chooser: SamplerRun, ids: Sequence[PromptItem]) -> None:
        """`ids`, and images among them, are fed before the first choice: what the run has not seen of the chat."""
        self._run, self._chooser = run, chooser
        self._fed: Sequence[PromptItem] = ids

    def next(self, allowed: Allowed) -> int:
        """The next token, one of the allowed ids."""
        token = nth_allowed(allowed, self._chooser.pick(feed_items(self._run, self._fed, allowed)))
        self._fed = [token]
        return token

    def try_token(self, token: int, allowed: Allowed) -> None:
        """Feed a token and forget it, so that its time is known."""
        length = self._run.length
        self._run.push([token], allowed)
        self._run.rewind(length)

    def close(self) -> None:
        """Nothing to do: a run ends with its owner."""


def check_chat(bundle: Bundle, ids: Sequence[PromptItem], *, earlier: bool = False) -> None:
    """InputError or EngineError where a server cannot be shown this chat; `earlier`: because of its turns before the prompt."""
    if bundle.server is not None:
        from .remote_token_source import check_text

        words = token_ids(ids)
        if not bundle.server.kind.takes_ids:
            check_text(words, bundle.tokenizer, bundle.vocabulary, earlier)


def open_speaker(
    bundle: Bundle, grammar: MoveGrammar, sampler: Sampler, seed: int, chat: Chat
) -> Speaker:
    """Whoever answers a chat: the bundle's language model, or the server that runs it."""
    if bundle.server is None:
        run = bundle.language_model.start() if chat.run is None else chat.run
        return LocalSpeaker(run, sampler.start(seed), chat.ids[chat.fed :])
    from .remote_token_source import RemoteSpeaker

    return RemoteSpeaker(
        bundle.server,
        bundle.vocabulary,
        bundle.tokenizer,
        grammar,
        sampler,
        seed,
        token_ids(chat.ids),
    )
