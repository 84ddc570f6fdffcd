"""What the body says before it moves, and which action a thought means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from ..data.actions import OPEN_ACTIONS
from .action_names import COUNTED_ALOUD, MOST_ALOUD, STEPPED
from .frames import LAST, NEXT
from .requests import Part
from .spelling import number_words, times_words
from .thought_lines import LINES, NOTHING_BEFORE, OFFERS, SIDE_PHRASES, UNKNOWN_LINES

_USUAL: Final = 0.8  # share of an action's first line
_PACES: Final = {"slow": "slowly", "fast": "quickly"}
# Whose name says the speed, or that have none.
_WITHOUT_PACE: Final = ("walk_slowly", "walk_fast", "stand_still", "t_pose", "meditate")
_FAST_AS_IT_IS: Final = ("run", "run_circle")
# What a thought says of a style; a style that is not here is not said.
STYLE_PHRASES: Final = {
    "happy": "happily", "excited": "excitedly", "sad": "sadly", "tired": "wearily",
    "sleepy": "sleepily", "bored": "in boredom", "angry": "angrily", "proud": "proudly",
    "scared": "fearfully", "nervous": "nervously", "shy": "shyly", "robotic": "like a robot",
    "dramatic": "dramatically", "graceful": "gracefully", "elegant": "elegantly",
    "playful": "playfully", "serious": "seriously", "polite": "politely", "gentle": "gently",
    "old": "like an old person", "drunk": "drunkenly", "military": "like a soldier",
    "energetic": "with energy", "confident": "confidently", "calm": "calmly",
    "relaxed": "at ease", "zombie": "like a zombie", "salsa": "in salsa steps",
    "ballet": "in ballet steps", "Indian": "in an Indian way",
}  # fmt: skip
_OF_THAT_STYLE: Final = {"cross_arms_angry": "angry"}
OFFER: Final = " I can "
"""What begins the offer of two things that the body can do."""
FIRST: Final = "First "
"""What begins the plan of several parts."""
_THEN: Final = ", then "
_SPOKEN: Final = frozenset(f"{number_words(n).capitalize()}." for n in range(1, MOST_ALOUD))
_NEXTS: Final = re.compile("^(?:" + "|".join(map(re.escape, sorted({*NEXT, *LAST}))) + ")")
_UNKNOWN: Final = re.compile(
    "^I (?:have not learned|only speak|do not understand|cannot (?:show|talk|answer))"
)
_UNSURE: Final = re.compile("^I (?:do not know what|have done nothing)")


class Thoughts:
    """Draws thoughts."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random

    def closed(self, part: Part) -> Part:
        """The same part with an open name decided: a wave is of the left hand or the right one."""
        options = OPEN_ACTIONS.get(part.action)
        if options is None:
            return part
        if part.side in ("left", "right") and part.action != "jump":
            options = tuple(o for o in options if o.endswith(part.side))
        if part.action == "wave" and part.side == "both":
            options = ("wave_both",)
        action = options[int(self.random.integers(len(options)))]
        return Part(action, "", part.count, part.speed, part.style, part.seconds)

    def line(self, part: Part, *, turn: int = 0, last: bool = False) -> str:
        """The line for a part whose name is closed; `turn`: its place in a sequence, from 0."""
        lines = LINES[part.action]
        if turn:
            lines = tuple(line for line in lines if line.startswith("I ")) or lines[:1]
        beside = said_beside(part)
        usual = bool(beside) or self.random.random() < _USUAL
        text = lines[0] if usual else lines[int(self.random.integers(len(lines)))]
        opener = ""
        if turn:
            openers = LAST if last and turn > 1 else NEXT
            opener = openers[int(self.random.integers(len(openers)))]
        return f"{opener}{text}{beside}."

    def unknown(self, kind: str) -> str:
        """A friendly line about what the body cannot do, and two things that it can."""
        lines = UNKNOWN_LINES[kind]
        line = lines[int(self.random.integers(len(lines)))]
        return f"{line}{OFFER}{OFFERS[int(self.random.integers(len(OFFERS)))]}."

    def nothing_before(self) -> str:
        """A line for "again" where nothing came before."""
        line = NOTHING_BEFORE[int(self.random.integers(len(NOTHING_BEFORE)))]
        return f"{line}{OFFER}{OFFERS[int(self.random.integers(len(OFFERS)))]}."


def plan(parts: Sequence[Part]) -> str:
    """What is said before the first of several parts: all of them in turn."""
    lines = [LINES[part.action][0] + said_beside(part) for part in parts]
    return f"{FIRST}{_THEN.join(lines)}."


def counted_aloud(line: str, part: Part) -> list[str]:
    """What is said before each repetition of a part: how many are left.

    The line alone where none are counted.
    """
    if not 2 <= part.count <= MOST_ALOUD or part.action not in COUNTED_ALOUD:
        return [line]
    return [f"{line} {spoken(part.count)}", *map(spoken, range(part.count - 1, 0, -1))]


def spoken(number: int) -> str:
    """A number as the body says it while it counts."""
    return f"{number_words(number).capitalize()}."


def only_counts(words: str) -> bool:
    """Tell whether words before a motion are a number, which goes on counting."""
    return words.strip() in _SPOKEN


def said_beside(part: Part) -> str:
    """What is said at the end of a line: side, style, speed, count, duration."""
    out = ""
    if part.side in ("left", "right") and part.action in SIDE_PHRASES:
        out += " " + SIDE_PHRASES[part.action].format(side=part.side)
    if part.style in STYLE_PHRASES and _OF_THAT_STYLE.get(part.action) != part.style:
        out += " " + STYLE_PHRASES[part.style]
    if (
        part.speed
        and part.action not in _WITHOUT_PACE
        and not (part.speed == "fast" and part.action in _FAST_AS_IT_IS)
    ):
        out += " " + _PACES[part.speed]
    if part.count:
        out += " " + _how_often(part)
    if part.seconds:
        out += (
            " for one second" if part.seconds == 1 else f" for {number_words(part.seconds)} seconds"
        )
    return out


def _how_often(part: Part) -> str:
    """The count of a part: "three times", of a gait "three steps"."""
    if part.action not in STEPPED:
        return times_words(part.count)
    return "one step" if part.count == 1 else f"{number_words(part.count)} steps"


def planned(thought: str) -> tuple[str, ...]:
    """The actions that a plan of several parts names, as `meant` says them."""
    return tuple(meant(part) for part in thought.strip().removeprefix(FIRST).split(_THEN))


def meant(thought: str) -> str:
    """The action that a thought names; "unknown" where it says that it cannot; "" for neither."""
    text = thought.strip().removeprefix(FIRST)
    text = _NEXTS.sub("", text)
    if _UNKNOWN.match(text):
        return "unknown"
    if _UNSURE.match(text):
        return "unsure"
    found = [line for line in _LOOKUP if text.startswith(line)]
    return _LOOKUP[max(found, key=len)] if found else ""


def fulfils(action: str, asked: str) -> bool:
    """Tell whether an action is what was asked, open names included."""
    return action == asked or action in OPEN_ACTIONS.get(asked, ())


_LOOKUP: Final = {line: action for action, lines in LINES.items() for line in lines}
