"""kinetoken chat: moves one body, prompt by prompt."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import INTERRUPTED, InputError, KinetokenError
from ..base.operating_system import has_typed
from ..base.signals import told_to_end
from ..formats.registry import WRITABLE, check_can_save, in_words
from .arguments import (
    BundleRequest,
    HistoryRequest,
    add_bundle,
    add_generation,
    add_history,
    add_image,
)
from .generate import print_answer, report
from .live_arguments import add_live, check_robot_is_read, open_live, play_out, say, send_chunks
from .parser import Reader, Subparsers, new_command
from .terminal import ProgressLine, image_bar

if TYPE_CHECKING:
    import argparse

    import numpy as np
    from numpy.typing import NDArray

    from ..chat.session import Session, Turn
    from ..generation.image_file import ImageFile
    from ..generation.options import GenerateOptions
    from ..live.live_output import LiveOutput
    from ..live.settings import LiveSettings
    from ..motion.body_line import BodyLine
    from ..motion.clip import Clip

HELP = "type a movement; an empty line stops the body, /help tells more, /bye ends the chat"
SUMMARY = "talk to one body, prompt by prompt"
EXAMPLES = (
    "kinetoken chat",
    "kinetoken chat --history-file talk.json -o talk.bvh",
    "kinetoken chat --ws 8000",
)


@dataclass(frozen=True)
class ChatRequest:
    """Everything that the command line asks for."""

    out: str | None
    """File of all the motion."""
    json: bool
    bundle: BundleRequest
    options: GenerateOptions
    image: ImageFile | None
    history: HistoryRequest
    live: LiveSettings


def add_command(subparsers: Subparsers) -> None:
    """kinetoken chat."""
    parser = new_command(subparsers, "chat", SUMMARY, *EXAMPLES)
    request = add_arguments(parser)
    parser.set_defaults(func=lambda args: run(request(args)))


def add_arguments(parser: argparse.ArgumentParser) -> Reader[ChatRequest]:
    """The arguments of a chat, in a window or at the terminal."""
    add = parser.add_argument
    add(
        "-o",
        "--out",
        metavar="FILE",
        help=f"write all motion as one clip: {in_words(WRITABLE)}",
    )
    add("--json", action="store_true", help="print each answer as one JSON object on a line")
    history, bundle, options = add_history(parser), add_bundle(parser), add_generation(parser)
    image, live = add_image(parser), add_live(parser)
    return lambda args: ChatRequest(
        out=args.out,
        json=args.json,
        bundle=bundle(args),
        options=options(args),
        image=image(args),
        history=history(args),
        live=live(args),
    )


def open_session(request: ChatRequest) -> Session:
    """Open the session, with the chat from its file. InputError, BundleError, FormatError."""
    options = request.options.keeping_up(server=request.bundle.has_server)
    file = request.history.file
    if request.live.has_targets:
        options = options.on_screen()
    if file is not None:
        from ..base.atomic_file import check_writable

        check_writable(file)
    chat = saved_chat(file, str(request.bundle.folder))
    from ..chat.session import Session

    session = Session(request.bundle.load(), options, history=request.history.turns)
    if chat:
        session.load(chat)
    if request.image is not None:
        with image_bar() as looking:
            session.look(request.image, looking.show)
    return session


def saved_chat(path: str | None, bundle: str | None) -> str | None:
    """The path of the chat's file if it exists, checked before a model is loaded. FormatError."""
    if path is None or not Path(path).exists():
        return None
    from ..chat.history_file import read_chat
    from ..generation.bundle import bundle_folder
    from ..manifest.manifest_file import read_manifest

    read_chat(path, read_manifest(bundle_folder(bundle)))
    return path


def run(request: ChatRequest, prompts: Iterable[str] | None = None) -> int:
    """Answer the prompts, or those of standard input, to their end; save motion and chat."""
    if request.out is not None:
        check_can_save(request.out)
    with held_history(request.history.file):
        return _talk(request, prompts)


def held_history(file: str | None) -> AbstractContextManager[None]:
    """Hold the chat's file, if there is one, against other chats. OutputError."""
    if file is None:
        return contextlib.nullcontext()
    from ..base.file_lock import sole_writer

    return sole_writer(file, "another chat")


def _talk(request: ChatRequest, prompts: Iterable[str] | None) -> int:
    settings = request.live
    check_robot_is_read(settings)
    session = open_session(request)
    live = None
    if settings.has_targets:
        live = open_live(settings, fps=session.line.fps, prompt="", seed=None, endless=True)
    spoken = contextlib.redirect_stdout(sys.stderr) if settings.stdout else contextlib.nullcontext()
    with live or contextlib.nullcontext(), spoken:
        return Conversation(request, session, live, prompts).run()


class Conversation:
    """One chat at the terminal or over a pipe.

    An answer is shown before the next prompt is read.
    """

    def __init__(
        self,
        request: ChatRequest,
        session: Session,
        live: LiveOutput | None,
        prompts: Iterable[str] | None = None,
    ) -> None:
        """`prompts`: those to answer; None: those of standard input."""
        from ..chat.chat_words import AskedPrompt, ChatWords
        from ..motion.body_line import BodyLine

        self._request, self._session, self._live = request, session, live
        self._given = prompts
        self._typed = prompts is None and sys.stdin.isatty()
        self._line: BodyLine = BodyLine(session.line.fps)  # of what is saved
        if len(session.line.shown):
            self._line.back_to(session.line.shown)
        self._saved: list[NDArray[np.float64]] = []
        self._prompts: list[str] = []
        self._code = 0
        self._over = False
        self._last: Clip | None = None
        manifest = session.manifest
        self._words = ChatWords(
            session.options,
            lambda: self._last,
            levels=len(manifest.motion.levels),
            examples=manifest.examples,
        )
        for said in session.history:
            self._words.note(AskedPrompt(said.prompt))

    def run(self) -> int:
        """Chat until the end of the input, or Ctrl-C at the prompt; the exit code."""
        interrupted = False
        try:
            self._session.prepare()
            for line in self._read():
                prompt = line if self._given is not None else self._prompt_of(line)
                if prompt is not None:
                    self._answer(prompt)
                if self._over or (self._live is not None and self._live.over):
                    break
        except KeyboardInterrupt:
            interrupted = True
        finally:
            self._keep()
        if self._live is not None and not interrupted:
            interrupted = play_out(self._live)
        if interrupted:
            say("stopped")
            return INTERRUPTED
        return self._code or (self._live.exit_code if self._live is not None else 0)

    def _read(self) -> Iterator[str]:
        """Yield prompts as they are typed, empty ones too."""
        if self._given is not None:
            yield from self._given
            return
        if not self._typed:
            with contextlib.suppress(AttributeError):
                sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]
            yield from (line.strip() for line in sys.stdin)
            return
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401  # edits the line and remembers those before
        say(HELP)
        with contextlib.suppress(EOFError):
            while True:
                yield input("" if self._request.live.stdout else "> ").strip()

    def _prompt_of(self, line: str) -> str | None:
        """The prompt in a line, or that of a word for the chat itself; None: there is none."""
        reply = self._words.read(line)
        if reply is None:
            return line
        self._over = reply.over
        self._session.options = self._words.options
        if reply.doubt and not self._typed:
            self._fail(line, InputError(*reply.lines))
            return None
        for told in reply.lines:
            say(told)
        return reply.prompt

    def _answer(self, prompt: str) -> None:
        """Answer a prompt, or stop for an empty one. An error is reported, and the chat goes on."""
        live = self._live
        if live is not None:
            live.begin(self._session.options.awaited_seconds)
        try:
            if prompt:
                self._say(prompt)
        except KinetokenError as error:
            self._fail(prompt, error)
        else:
            with contextlib.suppress(KinetokenError):  # the next prompt will report it
                self._session.prepare()
        if live is not None:
            live.end()
            if not self._typed:
                live.rest()

    def _fail(self, prompt: str, error: KinetokenError) -> None:
        """Report what could not be answered; the chat goes on."""
        self._code = error.exit_code
        if self._request.json:
            print(json.dumps({"prompt": prompt, "error": str(error)}), flush=True)
        say(str(error))

    def _say(self, prompt: str) -> None:
        turn = self._session.say(prompt, raw=True)
        if self._live is not None:
            self._live.ask(turn.prompt, turn.seed)
        try:
            stopped = self._watch(turn)
        finally:
            self._remember(turn)
        for note in turn.notes:
            say(note)
        if self._request.json:
            print(json.dumps(report(turn, None, stopped)), flush=True)
        else:
            print_answer(turn)
        if stopped and told_to_end():  # not by Ctrl-C, after which the chat goes on
            raise KeyboardInterrupt

    def _watch(self, turn: Turn) -> bool:
        """Run the turn until its end, Ctrl-C or another line; True where it was stopped."""
        with ProgressLine() as line:
            try:
                for _ in turn if self._live is None else send_chunks(turn, self._live):
                    line.show(turn)
                    if self._typed and has_typed(sys.stdin):
                        turn.close()
                        return True
            except KeyboardInterrupt:
                turn.close()
                return True
        return False

    def _remember(self, turn: Turn) -> None:
        """Keep the motion for the clip, and save the chat, whatever ended the turn."""
        clip = turn.clip()
        self._last = clip
        from ..chat.chat_words import AskedPrompt

        self._words.note(AskedPrompt(turn.prompt, turn.seed, clip.seconds))
        self._line.cut()
        self._saved.append(self._line.push(clip.joints))
        self._prompts.append(turn.prompt)
        if self._request.history.file is not None:
            if len(self._line.shown):
                self._session.line.back_to(self._line.shown)  # the file says where the body stands
            self._session.save(self._request.history.file)

    def _keep(self) -> None:
        """Write the clip of all motion, if asked for."""
        if self._request.out is None or not any(map(len, self._saved)):
            return
        import numpy as np

        from ..motion.clip import Clip

        joints = np.concatenate(self._saved).astype(np.float32)
        notes = {"model": self._session.manifest.name}
        Clip(joints, fps=self._line.fps, prompt=" / ".join(self._prompts), meta=notes).save(
            self._request.out
        )
        say(f"{len(joints) / self._line.fps:.1f} s of motion -> {self._request.out}")
