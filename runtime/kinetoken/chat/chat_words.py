"""Words that a chat takes for itself, such as /seed 7, at the terminal and in a window."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ..base.errors import InputError, KinetokenError
from ..formats.registry import check_can_save, ends_like_a_file
from ..generation.options import GenerateOptions
from ..motion.clip import Clip

WORDS: Final = {
    "/help": "this list",
    "/seed [N]": "same seed, same motion; without N a random one each time",
    "/levels [N]": "codes per frame, fewer are faster and coarser; without N all of them",
    "/save FILE": "write the last motion, as .npz, .bvh, .glb, ...",
    "/again": "answer the last prompt once more",
    "/history": "the prompts so far, with their seeds",
    "/bye": "end the chat",
}
"""Each word as it is typed, and what it does."""
_ENDS: Final = ("/bye", "/exit", "/quit", "exit", "quit")
_HELPS: Final = ("/help", "/?", "help")
_MOST_EXAMPLES: Final = 6


@dataclass(frozen=True)
class Reply:
    """What a word leads to."""

    lines: tuple[str, ...] = ()
    """To be read by the user."""
    prompt: str | None = None
    """To be answered now."""
    over: bool = False
    """The chat ends."""
    doubt: bool = False
    """This may be no prompt: the same line again would be taken as one."""


@dataclass(frozen=True)
class AskedPrompt:
    """A prompt that was answered in this chat."""

    prompt: str
    seed: int | None = None
    seconds: float | None = None

    @property
    def line(self) -> str:
        """The prompt with what is known of its answer."""
        seconds = "" if self.seconds is None else f"{self.seconds:.1f} s"
        seed = "" if self.seed is None else f"seed {self.seed}"
        known = ", ".join(filter(None, (seconds, seed)))
        return f"{self.prompt} ({known})" if known else self.prompt


class ChatWords:
    """Understands the words of one chat, and holds what they set."""

    def __init__(
        self,
        options: GenerateOptions,
        last_motion: Callable[[], Clip | None],
        *,
        levels: int | None = None,
        examples: Sequence[str] = (),
    ) -> None:
        """`last_motion`: the motion to save; `levels`: the most that the model has, if known."""
        self.options = options
        """Options of the next answer."""
        self.levels, self.examples = levels, tuple(examples)
        self.asked: list[AskedPrompt] = []
        """Prompts in order; `note` adds one, and tells more of the last one."""
        self._last_motion = last_motion
        self._doubted = ""  # the line before, if it looked like a file
        self._words: dict[str, Callable[[str], Reply]] = {
            "/seed": self._seed,
            "/levels": self._levels,
            "/save": self._save,
            "/again": self._again,
            "/history": self._history,
        }

    def note(self, asked: AskedPrompt, *, again: bool = False) -> None:
        """Remember a prompt; `again`: the last one, of which more is known now."""
        if again and self.asked:
            del self.asked[-1]
        self.asked.append(asked)

    def read(self, line: str) -> Reply | None:
        """The reply to a word; None for a prompt."""
        line = line.strip()
        doubted, self._doubted = self._doubted, ""
        if line.lower() in _ENDS:
            return Reply(over=True)
        if line.lower() in _HELPS:
            return self._help()
        if not line.startswith("/"):
            return None if line == doubted or not ends_like_a_file(line) else self._doubt(line)
        word, _, rest = line.partition(" ")
        if word.lower() in (*_ENDS, *_HELPS):  # /help seed
            return self.read(word)
        answer = self._words.get(word.lower())
        if answer is None:
            return Reply((f"there is no {word}; /help lists the words",))
        try:
            return answer(rest.strip())
        except KinetokenError as error:
            return Reply((str(error),))

    def _doubt(self, line: str) -> Reply:
        self._doubted = line
        instead = "kinetoken play FILE shows one"
        if line.lower().startswith("save "):
            instead = f"/{line[:60]} saves the last motion"
        told = f"{line[-60:]} looks like a file: {instead}; send it again to take it as a prompt"
        return Reply((told,), doubt=True)

    def _help(self) -> Reply:
        width = max(map(len, WORDS))
        lines = [f"{word:<{width}}  {meaning}" for word, meaning in WORDS.items()]
        if self.examples:
            lines.append(f"try: {'; '.join(self.examples[:_MOST_EXAMPLES])}")
        return Reply(tuple(lines))

    def _seed(self, rest: str) -> Reply:
        seed = _whole("/seed", rest)
        self.options = replace(self.options, seed=seed)
        return Reply((f"seed {seed}" if seed is not None else "a random seed each time",))

    def _levels(self, rest: str) -> Reply:
        levels = _whole("/levels", rest)
        if levels is not None and self.levels is not None and levels > self.levels:
            raise InputError(f"/levels: this model has {self.levels}, got {levels}")
        self.options = replace(self.options, levels=levels)
        return Reply((f"{levels} of {self.levels or 'all'} levels" if levels else "all levels",))

    def _save(self, rest: str) -> Reply:
        path = _unquoted(rest)
        if not path:
            raise InputError("/save needs a file, such as /save walk.npz")
        if path.startswith("~"):  # as a shell would read it
            path = os.path.expanduser(path)
        check_can_save(path)
        clip = self._last_motion()
        if clip is None or not len(clip):
            raise InputError("there is no motion to save yet: describe a movement first")
        clip.save(path)
        return Reply((f"{clip.seconds:.1f} s of motion -> {path}",))

    def _again(self, rest: str) -> Reply:
        if not self.asked:
            raise InputError("nothing was asked yet: describe a movement first")
        return Reply(prompt=self.asked[-1].prompt)

    def _history(self, rest: str) -> Reply:
        if not self.asked:
            return Reply(("nothing was asked yet",))
        return Reply(tuple(f"{n}. {asked.line}" for n, asked in enumerate(self.asked, start=1)))


def _whole(word: str, text: str) -> int | None:
    """The number; None for none. InputError for anything else."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 20:
        raise InputError(f"{word}: expected a whole number or nothing, got {text[:40]!r}")
    return int(text)


def _unquoted(text: str) -> str:
    """A file's name, without the quotes around it."""
    try:
        words = shlex.split(text, posix=True) if text[:1] in "\"'" else [text]
    except ValueError:
        return text
    return words[0] if len(words) == 1 else text
