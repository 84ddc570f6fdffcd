"""Requests of several parts in turn, put together from captions and plain names of actions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from .action_names import COUNTED, LASTING, MIRRORED_ACTION
from .frames import PAIRS, SUBJECTS, TRIPLES
from .join_frames import FOREIGN, LISTS, THIRD, THIRD_OF_THREE
from .requests import CaptionSet, Part, Request
from .rewording import Rewording
from .spelling import conjugated, language, number_words, says_how_often, times_words

_KINDS: Final = {"told": 0.4, "third": 0.4, "listed": 0.12, "foreign": 0.08}
_KINDRED: Final = 0.2  # share of parts that are the one before, the other way or a near one
_COUNTED: Final = 0.16
_LASTING_PARTS: Final = 0.05
_LISTED_WORDS: Final = 4  # words of a part in a list, at most
_NAMES: Final = "abc"
_SPLITTERS: Final = (",", " and ", " then ", ".", ";", ":", "?", " before ", " after ")
_PRONOUNS: Final = {"a woman": "she", "the woman": "she", "a girl": "she", "she": "she",
    "the robot": "it", "a robot": "it", "the figure": "it", "a figure": "it", "the avatar": "it",
}  # fmt: skip
# Actions that are easily taken for another, which a pair of them teaches to tell apart.
_NEAR: Final = (
    ("pushups", "situps", "jumping_jacks", "squat", "stretch"), ("jump_up", "jump_forward", "jump"),
    ("cartwheel", "backflip", "forward_roll"), ("sit_on_chair", "sit_on_floor", "kneel"),
    ("walk_forward", "walk_backward", "run", "crouch_walk", "sneak", "tiptoe", "skip"),
    ("hop_one_leg", "skip", "jump_forward"), ("nod", "shake_head", "shrug", "bow"),
    ("wave_left", "wave_right", "wave_both", "clap"), ("push", "pull", "lift_heavy"),
    ("turn_left", "turn_right", "turn_around"), ("fall_down", "lie_down", "get_up_from_floor"),
    ("raise_left_arm", "raise_right_arm", "raise_arms", "reach_up"), ("stagger_dizzy", "limp"),
    ("point_left", "point_right", "point_forward"), ("run", "run_circle", "circle_left"),
    ("punch_left", "punch_right", "kick_left", "kick_right"), ("cheer", "victory_fist_pump"),
    ("dodge_left", "dodge_right", "dodge_back", "duck_crouch"),
)  # fmt: skip


class Joiner:
    """Draws requests of two or three parts."""

    def __init__(
        self,
        captions: CaptionSet,
        rewording: Rewording,
        bare: Callable[[str], Request | None],
        counted: Callable[[Request], Request],
    ) -> None:
        """`bare`: an imperative for an action; `counted`: with a count, where it takes one."""
        self._rewording, self._random = rewording, rewording.random
        self._bare, self._counted = bare, counted
        self._actions = list(captions.single)
        self._third = _sorted_out(captions, rewording.third_clause)
        self._short = _sorted_out(captions, _short)
        self._foreign: dict[str, dict[str, list[Request]]] = {name: {} for name in FOREIGN}
        for action, mine in captions.single.items():
            for request in mine:
                spoken = language(request.text)
                if spoken in FOREIGN and not _splits(request.text):
                    self._foreign[spoken].setdefault(action, []).append(request)

    def draw(self, count: int) -> Request | None:
        """One of `count` parts; None where what was drawn does not go together."""
        kinds = list(_KINDS)
        kind = kinds[int(self._random.choice(len(kinds), p=list(_KINDS.values())))]
        makers = {"told": self._told, "third": self._in_third, "listed": self._listed,
            "foreign": self._in_foreign}  # fmt: skip
        return makers[kind](count)

    def _pick_actions(self, count: int, known: list[str]) -> list[str]:
        out: list[str] = []
        while len(out) < count:
            action = self._kindred(out[-1], known) if out else ""
            action = action or known[int(self._random.integers(len(known)))]
            if not out or action != out[-1]:
                out.append(action)
        return out

    def _kindred(self, action: str, known: list[str]) -> str:
        """Now and then the other way, or what is easily taken for it."""
        if self._random.random() >= _KINDRED:
            return ""
        near = {MIRRORED_ACTION.get(action, action)}
        near.update(one for group in _NEAR if action in group for one in group)
        found = sorted(one for one in near if one != action and one in known)
        return found[int(self._random.integers(len(found)))] if found else ""

    def _told(self, count: int) -> Request | None:
        """Imperatives: clap, then bow."""
        form = self._rewording.pick(PAIRS if count == 2 else TRIPLES)
        parts: list[Part] = []
        words: dict[str, str] = {}
        for name, action in zip(_NAMES, self._pick_actions(count, self._actions), strict=False):
            bare = self._bare(action)
            if bare is None or _splits(bare.text):
                return None
            if f"{{{name}_ing}}" in form:
                words[f"{name}_ing"] = self._ing(action, bare)
            else:
                bare = self._beside(bare)
                words[name] = bare.text if not words else bare.text.lower()
            parts.append(bare.parts[0])
        request = Request(form.format(**words), tuple(parts))
        return replace(request, text=self._rewording.framed(request.text))

    def _ing(self, action: str, bare: Request) -> str:
        if self._rewording.is_imperative(bare.text):
            return conjugated("~" + bare.text[0].lower() + bare.text[1:], "ing")
        return self._rewording.verb(action, "ing")

    def _beside(self, bare: Request) -> Request:
        """Now and then how often, or how long."""
        draw, part = self._random.random(), bare.parts[0]
        if draw < _COUNTED:
            return self._counted(bare)
        if draw < _COUNTED + _LASTING_PARTS and part.action in LASTING and not part.count:
            seconds = int(self._random.integers(2, 6))
            said = number_words(seconds) if self._random.random() < 0.5 else str(seconds)
            return Request(f"{bare.text} for {said} seconds", (replace(part, seconds=seconds),))
        return bare

    def _in_third(self, count: int) -> Request | None:
        """Told of somebody: a person claps and then bows."""
        form = self._rewording.pick(THIRD if count == 2 else THIRD_OF_THREE)
        parts: list[Part] = []
        subject = self._rewording.pick(SUBJECTS)
        words = {"s": subject, "p": _PRONOUNS.get(subject, "he")}
        for name, action in zip(_NAMES, self._pick_actions(count, self._actions), strict=False):
            found = self._third.get(action, [])
            if f"{{{name}_ing}}" in form or not found or self._random.random() < 0.5:
                wanted = "ing" if f"{{{name}_ing}}" in form else "third"
                text, part = self._rewording.verb(action, wanted), Part(action)
            else:
                request = found[int(self._random.integers(len(found)))]
                text, part = self._rewording.third_clause(request.text), request.parts[0]
            text, part = self._often(text, part)
            words[name] = words[f"{name}_ing"] = text.replace("your ", "their ")
            parts.append(part)
        return Request(form.format(**words), tuple(parts))

    def _often(self, text: str, part: Part) -> tuple[str, Part]:
        """Now and then with a count behind it: hops on one leg three times."""
        free = part.action in COUNTED and not part.count and not says_how_often(text)
        if not free or self._random.random() >= _COUNTED:
            return text, part
        count = int(self._random.integers(2, 6))
        return f"{text} {times_words(count)}", replace(part, count=count)

    def _listed(self, count: int) -> Request | None:
        """Short names in a row: squats, push-ups, sit-ups."""
        form = self._rewording.pick(LISTS)
        first, between, before_last, last = form
        parts: list[Part] = []
        text = first
        for number, action in enumerate(self._pick_actions(count, list(self._short))):
            found = self._short[action]
            request = found[int(self._random.integers(len(found)))]
            if number:
                joint = before_last if number == count - 1 else between
                text += joint.replace("#", str(number + 1))
            text += request.text.rstrip(".!")
            parts.append(request.parts[0])
        return Request(text + last, tuple(parts))

    def _in_foreign(self, count: int) -> Request | None:
        """In another language: erst klatschen, dann verbeugen."""
        spoken = list(FOREIGN)[int(self._random.integers(len(FOREIGN)))]
        known = self._foreign[spoken]
        if len(known) < count:
            return None
        first, between, before_last = self._rewording.pick(FOREIGN[spoken])
        text, parts = first, list[Part]()
        for number, action in enumerate(self._pick_actions(count, list(known))):
            request = known[action][int(self._random.integers(len(known[action])))]
            if number:
                text += before_last if number == count - 1 else between
            said = request.text.rstrip(".!?\u3002\uff01")
            keep = not number or spoken in ("zh", "ja")
            text += said if keep else said[0].lower() + said[1:]
            parts.append(request.parts[0])
        return Request(text, tuple(parts))


def _splits(text: str) -> bool:
    """Tell whether a text could be taken for more than one part."""
    return any(mark in text for mark in _SPLITTERS)


def _short(text: str) -> str:
    fits = 0 < len(text.split()) <= _LISTED_WORDS and language(text) == "en"
    return text if fits and not _splits(text) else ""


def _sorted_out(captions: CaptionSet, fit: Callable[[str], str]) -> dict[str, list[Request]]:
    """By action, the captions without a count that `fit` makes something of."""
    out: dict[str, list[Request]] = {}
    for action, mine in captions.single.items():
        found = [r for r in mine if not r.parts[0].count and not _splits(r.text) and fit(r.text)]
        if found:
            out[action] = found
    return out
