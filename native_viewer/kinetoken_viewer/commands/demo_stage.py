"""A body that shows what its model does well, one prompt after another, until somebody types one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Final

from kinetoken.generation.options import GenerateOptions
from kinetoken.live.live_output import LiveOutput

from ..generator.messages import PromptTaker
from ..stage.living_stage import LivingStage

REST_SECONDS: Final = 0.8  # of standing between two actions
_INVITATION: Final = "your turn: Enter, / or a click, and write a prompt"


class DemoStage(LivingStage):
    """A living stage that asks by itself, until a person does."""

    def __init__(
        self,
        talk: PromptTaker,
        prompts: Sequence[str],
        options: GenerateOptions,
        *,
        once: bool = False,
        live: LiveOutput | None = None,
        keep_all: bool = False,
    ) -> None:
        """`talk` answers the first of the prompts already. `once`: ends after the last one."""
        super().__init__(talk, prompts[0], options, live=live, keep_all=keep_all)
        following = prompts[1:] if once else (*prompts[1:], *prompts[:1])
        self._following: Iterator[str] = iter(following) if once else itertools.cycle(following)
        self._rested = 0.0
        self._own_turn = False  # everything was shown, or somebody types

    def send(self, line: str) -> None:
        """Takes a line of a person, who has the stage from here on."""
        self._own_turn = True
        super().send(line)

    def stop(self) -> None:
        """Gives up the answer and the rest of the demo."""
        self._own_turn = True
        super().stop()

    def tick(self, seconds: float) -> None:
        """Moves on, to the next action once the body has stood for a moment."""
        super().tick(seconds)
        if self._own_turn or not self.playhead.playing or self._is_typed:
            return
        standing = self.answer.over and self.body.idle and self.failure is None
        self._rested = self._rested + seconds if standing else 0.0
        if self._rested < REST_SECONDS:
            return
        self._rested = 0.0
        following = next(self._following, None)
        if following is None:
            self._own_turn = True
        else:
            self.ask(following)

    @property
    def _is_typed(self) -> bool:
        """True while somebody writes a prompt, who must not be hurried."""
        return self.line is not None and bool(self.line.text)

    def message(self) -> str:
        """Anything that needs attention; after the last action, an invitation."""
        shown = self._own_turn and self.answer.over and self.body.idle
        return super().message() or (_INVITATION if shown and not self._is_typed else "")
