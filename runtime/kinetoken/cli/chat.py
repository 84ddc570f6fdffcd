"""kinetoken chat: prompts typed one after another move one body."""

from __future__ import annotations

import argparse
import contextlib
import json
import select
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import INTERRUPTED, KinetokenError
from .arguments import (
    add_bundle,
    add_generation,
    add_image,
    generate_options,
    image_file,
    load_options,
)
from .generate import report, tell
from .live_arguments import add_live, live_settings, open_live, play_out, pour, say
from .terminal import Looking, ProgressLine

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..chat.session import Session, Turn
    from ..live.link import Live
    from ..motion.line import BodyLine

HELP = "type what the body shall do; an empty line stops it, Ctrl-D ends the chat"


def add_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """kinetoken chat."""
    parser = subparsers.add_parser("chat", help="talk to one body: prompts typed one after another")
    add_arguments(parser)
    parser.set_defaults(func=run)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All that `run` reads."""
    parser.add_argument(
        "-o", "--out", metavar="FILE", help="write all moves as one clip: .npz, .bvh, .glb or .vrma"
    )
    parser.add_argument(
        "--json", action="store_true", help="report every answer as one JSON object in a line"
    )
    add_history(parser)
    add_bundle(parser)
    add_generation(parser)
    add_image(parser)
    add_live(parser)


def add_history(parser: argparse.ArgumentParser) -> None:
    """How much is remembered, and where."""
    parser.add_argument(
        "--history",
        type=int,
        metavar="N",
        help="earlier turns that the model is shown (default: the bundle's)",
    )
    parser.add_argument(
        "--history-file", metavar="FILE", help="go on with the chat in this file, and keep it there"
    )


def open_session(args: argparse.Namespace) -> Session:
    """The session that the arguments ask for, its chat taken up from the file. InputError, BundleError, FormatError."""
    options = generate_options(args)
    if options.foot_lock is None:
        options = replace(options, foot_lock=live_settings(args).asked)
    if args.history_file is not None:
        from ..base.atomic_file import check_writable

        check_writable(args.history_file)
    image = image_file(args)
    chat = saved_chat(args.history_file, args.bundle)
    from ..chat.session import Session
    from ..generation.generator import load

    session = Session(load(args.bundle, load_options(args)), options, history=args.history)
    if chat:
        session.load(chat)
    if image is not None:
        with Looking() as looking:
            session.look(image, looking.show)
    return session


def saved_chat(path: str | None, bundle: str | None) -> str | None:
    """The chat's file where it is there already. FormatError, from the manifest alone, before a model is loaded for it."""
    if path is None or not Path(path).exists():
        return None
    from ..chat.history_file import read_chat
    from ..generation.bundle import bundle_folder
    from ..manifest.manifest_file import read_manifest

    read_chat(path, read_manifest(bundle_folder(bundle)))
    return path


def run(args: argparse.Namespace) -> int:
    """Read, answer, until the input ends; save what is to be saved."""
    settings = live_settings(args)
    if args.out is not None:
        from ..base.atomic_file import check_writable
        from ..formats.write import writer_for

        writer_for(args.out)
        check_writable(args.out)
    session = open_session(args)
    live = None
    if settings.asked:
        live = open_live(settings, fps=session.line.fps, prompt="", seed=None, endless=True)
    spoken = contextlib.redirect_stdout(sys.stderr) if args.stdout else contextlib.nullcontext()
    with live or contextlib.nullcontext(), spoken:
        return Conversation(args, session, live).run()


class Conversation:
    """One chat at the terminal, or over a pipe, where each answer is shown before the next prompt is read."""

    def __init__(self, args: argparse.Namespace, session: Session, live: Live | None) -> None:
        from ..motion.line import BodyLine

        self._args, self._session, self._live = args, session, live
        self._typed = sys.stdin.isatty()
        self._line: BodyLine = BodyLine(session.line.fps)  # of what is saved
        if len(session.line.shown):
            self._line.back_to(session.line.shown)
        self._saved: list[NDArray[np.float64]] = []
        self._prompts: list[str] = []
        self._code = 0

    def run(self) -> int:
        """To the end of the input, or Ctrl-C at the prompt; the exit code."""
        interrupted = False
        try:
            self._session.prepare()
            for prompt in self._read():
                self._answer(prompt)
                if self._live is not None and self._live.over:
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
        """Prompts as they are typed; empty ones too."""
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
                yield input("" if self._args.stdout else "> ").strip()

    def _answer(self, prompt: str) -> None:
        """One turn, or a stop. What cannot be answered is told, and the chat goes on."""
        live = self._live
        if live is not None:
            live.begin(self._session.options.seconds or 0.0)
        try:
            if prompt:
                self._say(prompt)
        except KinetokenError as error:
            self._code = error.exit_code
            if self._args.json:
                print(json.dumps({"prompt": prompt, "error": str(error)}), flush=True)
            say(str(error))
        else:
            with contextlib.suppress(
                KinetokenError
            ):  # what fails now fails again, and is told, with the next prompt
                self._session.prepare()
        if live is not None:
            live.end()
            if not self._typed:
                live.rest()

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
        if self._args.json:
            print(json.dumps(report(turn, None, stopped)), flush=True)
        else:
            tell(turn)

    def _watch(self, turn: Turn) -> bool:
        """Let it run to its end, or until Ctrl-C or another line; whether it was stopped."""
        with ProgressLine() as line:
            try:
                for _ in turn if self._live is None else pour(turn, self._live):
                    line.show(turn)
                    if self._typed and _has_typed():
                        turn.close()
                        return True
            except KeyboardInterrupt:
                turn.close()
                return True
        return False

    def _remember(self, turn: Turn) -> None:
        """The moves for the clip, and the chat for the file, whatever ended the turn."""
        clip = turn.clip()
        self._line.cut()
        self._saved.append(self._line.push(clip.joints))
        self._prompts.append(turn.prompt)
        if self._args.history_file is not None:
            if len(self._line.shown):
                self._session.line.back_to(self._line.shown)  # the file says where the body stands
            self._session.save(self._args.history_file)

    def _keep(self) -> None:
        """Write the clip that was asked for."""
        if self._args.out is None or not any(map(len, self._saved)):
            return
        import numpy as np

        from ..motion.clip import Clip

        joints = np.concatenate(self._saved).astype(np.float32)
        notes = {"model": self._session.manifest.name}
        Clip(joints, fps=self._line.fps, prompt=" / ".join(self._prompts), meta=notes).save(
            self._args.out
        )
        say(f"{len(joints) / self._line.fps:.1f} s of motion -> {self._args.out}")


def _has_typed() -> bool:
    """Whether a whole line waits at the terminal."""
    try:
        return bool(select.select([sys.stdin], [], [], 0.0)[0])
    except (OSError, ValueError):  # a terminal that cannot be asked: Windows
        return False
