"""A run that goes on from turn to turn, so that no token of a chat is fed twice."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Final

from ..base.errors import EngineError
from ..engines.prompt_items import PromptItem, count_cells, items_within
from ..engines.protocols import LmRun, feed_items
from ..generation.bundle import Bundle
from ..generation.token_source import Chat
from .prompt_cache import PromptCache

_ANY: Final = (range(1),)  # logits that nobody wants


class CachedRun:
    """The run of a session, and what it has been fed.

    A server keeps a cache of its own: then there is no run, and every turn brings the whole chat.
    """

    def __init__(self, bundle: Bundle, system: Sequence[int], *, keep_state: bool) -> None:
        """`system`: ids before the first turn. `keep_state`: keep their state on disk."""
        self._writer, self._context = bundle.writer, bundle.language_model.context
        self._system = list(system)
        self._saved = PromptCache(bundle) if keep_state else None
        self._run: LmRun | None = None
        self._fed: list[PromptItem] = []

    def prepare(self, items: Sequence[PromptItem]) -> None:
        """Feed the beginning of the next chat, if the context has room for it. EngineError."""
        if count_cells(items) < self._context:
            run = self._rewound(items, len(items))
            if run is not None and len(self._fed) < len(items):
                feed_items(run, items[len(self._fed) :], _ANY)
                self._fed = list(items)

    def chat(self, items: Sequence[PromptItem]) -> Chat:
        """A chat to answer, with the run that holds what it can of it."""
        run = self._rewound(items, len(items) - 1)
        return Chat(items, run, len(self._fed))

    def settle(self, items: Sequence[PromptItem]) -> None:
        """Note what the run was fed in the turn that is over: as many of these as it holds."""
        if self._run is not None:
            self._fed = items_within(items, self._run.length)

    def _rewound(self, items: Sequence[PromptItem], most: int) -> LmRun | None:
        """The run, rewound to what it holds of these items, `most` of them at most."""
        run = self._opened()
        if run is None:
            return None
        pairs = zip(items[:most], self._fed, strict=False)
        common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        run.rewind(count_cells(items[:common]))
        self._fed = list(items[:common])
        return run

    def _opened(self) -> LmRun | None:
        """The run; a new one has been fed the system prompt."""
        if self._run is None and (run := self._writer.start_run()) is not None:
            if not self._restored(run):
                run.push(self._system, _ANY)
                if self._saved is not None:
                    self._saved.save(self._system, run.state())
            self._run, self._fed = run, list(self._system)
        return self._run

    def _restored(self, run: LmRun) -> bool:
        """Take the system prompt's state from disk; tells if there was one."""
        state = self._saved.load(self._system) if self._saved is not None else None
        if state is not None:
            try:
                run.restore(state)
            except EngineError:
                return False
            if run.length != len(self._system):
                run.rewind(0)
        return run.length > 0
