"""The loop between pages and generator: takes requests, answers one prompt at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ..base.errors import KinetokenError
from ..generation.chat_format import ids_before_prompt
from ..generation.generator import Generator, answer_grammar
from ..generation.options import GenerateOptions
from ..live.live_output import LiveOutput
from ..live.messages import FileAsked, PageAsked, PageFile, PageNews
from ..manifest.schema import Manifest, licence_in_words
from ..motion.clip import TextChunk
from .kept_clips import KeptClips
from .requests import AskMotion, SetPeople, StopMotion, WebRequest, read_file_name, read_request
from .turns import DONE, MOVING, REFUSED, STOPPED, WAITING, WRITING, TurnList, WebTurn

if TYPE_CHECKING:
    from ..chat.session import Session, Turn

_LISTEN_SECONDS: Final = 0.25  # without anything to do, so that Ctrl-C is heard everywhere
_LONGEST_SAID: Final = 1000  # letters of a thought in the history


def page_facts(manifest: Manifest, most_people: int) -> dict[str, Any]:
    """The header's `prompting`: what a page should know of the model."""
    return {
        "model": manifest.name,
        "levels": len(manifest.motion.levels),
        "examples": list(manifest.examples),
        "most_people": most_people,
        "licence": licence_in_words(manifest.licence.language_model),
    }


class WebService:
    """Several people, one generator; every page sees the same, and any page may ask or stop."""

    def __init__(
        self,
        generator: Generator,
        options: GenerateOptions,
        live: LiveOutput,
        *,
        history: int | None = None,
    ) -> None:
        """`options`: of every answer whose page asks for none. InputError, BundleError.

        `history`: earlier turns of a person that the model is shown; None: as the bundle says.
        """
        answer_grammar(generator.bundle, options, ids_before_prompt(generator.bundle))
        self._generator, self._options, self._live = generator, options, live
        self._history = history
        self._sessions: list[Session] = [self._new_session()]
        self._turns, self._clips = TurnList(), KeptClips()
        self._moving: dict[int, int] = {}  # person to the turn that is shown
        self._writing: int | None = None  # turn that the generator is at
        self._stopped = False  # whether that one shall end

    def run(self) -> int:
        """Serve until Ctrl-C or the end of the live output; its exit code."""
        self._tell_people()
        self._prepare(self._sessions[0])
        while not self._live.over:
            self._take(_LISTEN_SECONDS)
            self._note_rest()
            turn = self._turns.next(self._live.rests)
            if turn is not None:
                self._answer(turn)
        return self._live.exit_code

    def _new_session(self) -> Session:
        return self._generator.session(self._options, history=self._history)

    def _take(self, seconds: float) -> None:
        """Take all requests that have come; wait this long for the first."""
        waits = seconds if self._turns.next(self._live.rests) is None else 0.0
        for request in self._live.requests(waits):
            if isinstance(request, FileAsked):
                self._live.give(self._file(request))
            else:
                self._take_asked(request)

    def _take_asked(self, asked: PageAsked) -> None:
        takers: dict[type[WebRequest], Callable[[Any], None]] = {
            AskMotion: self._ask,
            StopMotion: self._stop,
            SetPeople: self._set_people,
        }
        try:
            request = read_request(asked.text)
            takers[type(request)](request)
        except KinetokenError as error:
            self._live.tell(PageNews({"refused": str(error)}, client=asked.client))

    def _file(self, asked: FileAsked) -> PageFile:
        try:
            found = self._clips.file(*read_file_name(asked.name))
        except KinetokenError:
            found = None
        return PageFile(asked.number, *(found or (None, "")))

    def _ask(self, ask: AskMotion) -> None:
        # Refuses at the door what no answer could meet.
        replace(self._options, seed=ask.seed, levels=ask.levels)
        for turn in self._turns.add(ask, len(self._sessions)):
            self._tell(turn)

    def _stop(self, stop: StopMotion) -> None:
        for turn in self._turns.all:
            if turn.over or stop.turn not in (None, turn.number):
                continue
            if turn.state == WAITING:
                self._change(turn.number, state=STOPPED)
            elif turn.number == self._writing:
                self._stopped = True
            else:
                self._halt(turn)

    def _halt(self, turn: WebTurn) -> None:
        """Let a person stand still whose answer has been written."""
        self._live.begin(0.0, turn.person)
        self._live.end(turn.person)
        self._moving.pop(turn.person, None)
        self._change(turn.number, state=STOPPED)

    def _set_people(self, people: SetPeople) -> None:
        for turn in self._turns.all:
            if turn.person >= people.number and not turn.over:
                self._stop(StopMotion(turn.number))
        del self._sessions[people.number :]
        while len(self._sessions) < people.number:
            self._sessions.append(self._new_session())
        self._live.set_people(people.number)
        self._tell_people()

    def _tell_people(self) -> None:
        people = {"people": len(self._sessions)}
        self._live.tell(PageNews(people, lasting=people))

    def _answer(self, turn: WebTurn) -> None:
        """Answer a prompt to its end, or until it is stopped; a failure is told, and all goes on."""
        seed = self._options.seed if turn.seed is None else turn.seed
        levels = turn.levels or self._options.levels
        options = replace(self._options, seed=seed, levels=levels)
        session = self._sessions[turn.person]
        try:
            answer = session.say(turn.prompt, options, raw=True)
        except KinetokenError as error:
            self._change(turn.number, state=REFUSED, note=str(error))
            return
        self._writing, self._stopped = turn.number, False
        self._live.begin(options.awaited_seconds, turn.person)
        self._live.ask(turn.prompt, answer.seed)
        self._change(turn.number, state=WRITING, seed=answer.seed)
        note = self._write(answer, turn.person)
        self._writing = None
        self._live.end(turn.person)
        self._close(turn, answer, note)
        self._prepare(session)

    def _write(self, answer: Turn, person: int) -> str:
        """Send the answer as it is made; one line where it failed."""
        try:
            for chunk in answer:
                if isinstance(chunk, TextChunk):
                    self._live.say(chunk.text)
                else:
                    self._live.push(chunk.joints, answer.stats.rtf, person)
                self._take(0.0)
                self._note_rest()
                if self._stopped or self._live.over:
                    break
        except KinetokenError as error:
            return str(error)
        finally:
            answer.close()
        return ""

    def _close(self, turn: WebTurn, answer: Turn, failure: str) -> None:
        """Keep what came of an answer."""
        clip = answer.clip()
        if len(clip):
            for gone in self._clips.keep(turn.number, clip):
                if gone in self._turns:
                    self._change(gone, kept=False)
        self._moving[turn.person] = turn.number
        note = "; ".join(filter(None, (failure, *answer.notes)))
        self._change(
            turn.number,
            state=MOVING,
            said=answer.thought[:_LONGEST_SAID],
            seconds=clip.seconds,
            rtf=answer.stats.rtf,
            note=note,
            kept=len(clip) > 0,
        )
        if self._stopped:
            self._halt(turn)
        elif failure:
            self._moving.pop(turn.person, None)
            self._change(turn.number, state=REFUSED)

    def _note_rest(self) -> None:
        """Tell that a person has come to rest, once all of the answer was shown."""
        for person, number in list(self._moving.items()):
            if self._live.rests(person):
                del self._moving[person]
                self._change(number, state=DONE)

    def _prepare(self, session: Session) -> None:
        with contextlib.suppress(KinetokenError):  # the next prompt will tell it
            session.prepare()

    def _change(self, number: int, **changes: Any) -> None:
        self._tell(self._turns.change(number, **changes))

    def _tell(self, turn: WebTurn) -> None:
        history = [other.to_json() for other in self._turns.all]
        self._live.tell(PageNews({"turn": turn.to_json()}, lasting={"history": history}))
