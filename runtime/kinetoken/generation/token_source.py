"""Token sources: what writes an answer, token by token.

A language model in this process gives logits, of which a token is chosen here. A server gives
tokens (remote_token_source.py). An answer does not know which of the two it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ..engines.context_window import ContextWindow
from ..engines.prompt_items import PromptItem
from ..engines.protocols import LanguageModel, LmRun, feed_items
from ..sampling.grammar import MoveGrammar
from ..sampling.pacing import Detour
from ..sampling.sampler import Sampler, SamplerRun
from ..tokens.allowed_ids import Allowed, among_allowed, nth_allowed
from .options import GenerateOptions

NO_VISION: Final = (
    "the bundle {!r} has no vision tower and takes no image; "
    "use one that `kinetoken export --format gguf` made from a vision-language checkpoint"
)


@dataclass(frozen=True)
class Chat:
    """A chat as the model is shown it, and how much of it a run has seen."""

    items: Sequence[PromptItem]
    """All of the chat, the prompt included: token ids, and perhaps an image among them."""
    run: LmRun | None = None
    """The run that has been fed the first of them; None: a new one."""
    fed: int = 0
    """How many items the run has been fed."""


class TokenSource(Protocol):
    """The tokens of one answer, one after another."""

    @property
    def notes(self) -> Sequence[str]:
        """Lines for the user about what did not go as asked."""
        ...

    @property
    def shown(self) -> Sequence[PromptItem]:
        """What a model in this process is shown of chat and answer."""
        ...

    def next(self, allowed: Allowed, detour: Detour | None = None) -> int | None:
        """The next token, one of the allowed ids; None if no more will come. EngineError.

        `detour`: what to take where the model must not have its way.
        """
        ...

    def try_token(self, token: int, allowed: Allowed) -> bool:
        """Feed a token and forget it, so that its time can be measured; False if this cannot."""
        ...

    def close(self) -> None:
        """Stop: no more tokens are wanted."""
        ...


class AnswerWriter(Protocol):
    """A loaded language model, wherever it runs, as something that writes answers."""

    @property
    def engine_name(self) -> str | None:
        """The kind of server, for a clip's notes; None: the bundle's own engine."""
        ...

    @property
    def model_name(self) -> str | None:
        """The server's name for its model; None if it has none, or there is no server."""
        ...

    @property
    def outgrows_context(self) -> bool:
        """Tell whether an answer may go on in a new context."""
        ...

    def no_vision(self, bundle: str) -> str:
        """Say why no image can be shown with this bundle, which has no vision tower loaded."""
        ...

    def check_options(self, options: GenerateOptions) -> None:
        """InputError if the options cannot be met, whatever the prompt."""
        ...

    def check_chat(self, items: Sequence[PromptItem], *, earlier: bool = False) -> None:
        """InputError if this chat cannot be shown; `earlier`: because of its earlier turns."""
        ...

    def start_run(self) -> LmRun | None:
        """A run that a chat can go on with from turn to turn; None: the engine keeps its own."""
        ...

    def start(self, chat: Chat, grammar: MoveGrammar, sampler: Sampler, seed: int) -> TokenSource:
        """Begin the answer to a chat."""
        ...


@dataclass(frozen=True)
class LocalWriter:
    """A language model in this process."""

    model: LanguageModel
    engine_name: None = None
    model_name: None = None
    outgrows_context: bool = True

    def no_vision(self, bundle: str) -> str:
        """Say that the bundle has no vision tower."""
        return NO_VISION.format(bundle)

    def check_options(self, options: GenerateOptions) -> None:
        """Accept all: the grammar decides."""

    def check_chat(self, items: Sequence[PromptItem], *, earlier: bool = False) -> None:
        """Accept all: what a user typed was made plain text."""

    def start_run(self) -> LmRun:
        """A new, empty run."""
        return self.model.start()

    def start(
        self, chat: Chat, grammar: MoveGrammar, sampler: Sampler, seed: int
    ) -> LocalTokenSource:
        """Begin the answer to a chat."""
        run = self.model.start() if chat.run is None else chat.run
        window = ContextWindow(chat.items, chat.fed, grammar.vocabulary, self.model.context)
        return LocalTokenSource(run, sampler.start(seed), window)


class LocalTokenSource:
    """A language model in this process, and the choice among the ids that are allowed."""

    notes: Sequence[str] = ()

    def __init__(self, run: LmRun, chooser: SamplerRun, window: ContextWindow) -> None:
        self._run, self._chooser, self._window = run, chooser, window

    @property
    def shown(self) -> Sequence[PromptItem]:
        """What the model is shown of chat and answer."""
        return self._window.shown

    def next(self, allowed: Allowed, detour: Detour | None = None) -> int:
        """The next token, one of the allowed ids."""
        items, keep = self._window.take()
        if keep is not None:
            self._run.rewind(keep)
        wider = allowed if detour is None else detour.allowed
        token = chosen(self._chooser, feed_items(self._run, items, wider), wider, detour)
        self._window.add(token)
        return token

    def try_token(self, token: int, allowed: Allowed) -> bool:
        """Feed a token and forget it."""
        length = self._run.length
        self._run.push([token], allowed)
        self._run.rewind(length)
        return True

    def close(self) -> None:
        """Do nothing: a run ends with its owner."""


def chosen(
    chooser: SamplerRun, logits: NDArray[np.float32], ids: Allowed, detour: Detour | None
) -> int:
    """The id that is chosen by logits (n,), one for each id; where refused, one of the detour."""
    token = nth_allowed(ids, chooser.pick(logits))
    if detour is None or not detour.refused(token):
        return token
    rest = among_allowed(logits, ids, detour.instead)
    return nth_allowed(detour.instead, chooser.pick_again(rest))
