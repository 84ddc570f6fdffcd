"""Tell the bones of a humanoid by their names, whatever program named them.

Known: SMPL, CMU (cgspeed, Daz, MotionBuilder), Mixamo, Rokoko, Xsens, Perception Neuron, Unity,
Unreal, VRM and VRoid, Blender's Rigify, 3ds Max Biped, MotionBuilder's Character, 100STYLE,
Bandai-Namco, Kinect, OptiTrack, Daz Genesis, Character Creator, MakeHuman, MMD, and most names made
of the same words. What a word means depends on the words beside it: a "shoulder" above an "arm" is
a collarbone, one above an "elbow" is the joint itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

LEFT_SIDE: Final = "left"
RIGHT_SIDE: Final = "right"
_NO_SIDE: Final = ""

_SIDES: Final = {
    "l": LEFT_SIDE, "left": LEFT_SIDE, "lft": LEFT_SIDE, "lt": LEFT_SIDE, "左": LEFT_SIDE,
    "r": RIGHT_SIDE, "right": RIGHT_SIDE, "rgt": RIGHT_SIDE, "rt": RIGHT_SIDE, "右": RIGHT_SIDE,
}  # fmt: skip

# What a word may stand for, strongest first where several joints claim the same part of the body.
_PARTS: Final[dict[str, tuple[str, ...]]] = {
    "thigh": (
        "upleg", "upperleg", "thigh", "legupper", "legup", "uleg", "femur", "hip", "hips", "足",
    ),
    "shin": ("lowerleg", "shin", "calf", "knee", "lowleg", "leglower", "shank", "tibia", "ひざ"),
    "leg": ("leg",),
    "ankle": ("ankle", "足首"),
    "foot": ("foot", "feet"),
    "toe": ("toebase", "toe", "toes", "ball", "つま先"),
    "collar": ("collar", "clavicle", "collarbone", "clav", "scapula", "thorax", "肩"),
    "shoulder": ("shoulder",),
    "upperarm": ("upperarm", "uparm", "uarm", "armupper", "armup", "shldr", "humerus", "腕"),
    "arm": ("arm",),
    "forearm": ("forearm", "lowerarm", "elbow", "lowarm", "farm", "armlower", "radius", "ひじ"),
    "wrist": ("wrist", "手首"),
    "hand": ("hand", "手"),
    "neck": ("neck", "lowerneck", "necklower", "neckbase", "首"),
    "head": ("head", "頭"),
}  # fmt: skip
_STRENGTH: Final = {
    word: (part, strength)
    for part, words in _PARTS.items()
    for strength, word in enumerate(words)
}  # fmt: skip
# Words that name a kind of node, not a part of the body.
_IDLE_WORDS: Final = frozenset((
    "def", "org", "jnt", "joint", "joints", "bone", "bones", "bn", "bip", "biped", "valve", "base",
    "avg", "mixamorig", "skel", "skeleton", "armature", "rig", "cc", "j", "b", "m", "c", "center",
    "centre", "mid", "sk", "bend", "character", "reference",
))  # fmt: skip
# Words of nodes that are no joints of the body's chain.
_HELPERS: Final = frozenset((
    "twist", "roll", "helper", "ik", "fk", "pole", "target", "end", "nub", "site", "tip", "leaf",
    "null", "ctrl", "control", "mch", "dummy", "slot", "socket", "eye", "jaw",
    "thumb", "index", "middle", "ring", "pinky", "little", "finger", "fingers",
))  # fmt: skip
_SHARED: Final = (
    0.8  # of all names that begin or end with the same word, from which on it says nothing
)
_FEW: Final = 8  # names from which on a shared word is no chance
_LONGEST_NAME: Final = 200  # letters that are looked at, the last ones
_WORD: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\x00-\x7f]+")
_GLUED_PREFIX: Final = re.compile(r"^mixamorig\d*(?=[a-z])")


@dataclass(frozen=True)
class NamedBone:
    """A joint whose name is understood."""

    index: int
    side: str
    part: str
    rank: tuple[int, int]
    """Less is better.

    How far the word is from the usual one, and how many idle words stand beside it.
    """


def named_bones(names: Sequence[str]) -> list[NamedBone]:
    """All joints whose names are understood, in the order of the file."""
    words = _without_shared([_words(name) for name in names])
    found = (_understood(index, some) for index, some in enumerate(words))
    return [bone for bone in found if bone is not None]


def sides_of(names: Sequence[str]) -> list[str]:
    """LEFT_SIDE, RIGHT_SIDE or _NO_SIDE as each name says, understood or not."""
    words = _without_shared([_words(name) for name in names])
    return [next((_SIDES[word] for word in some if word in _SIDES), _NO_SIDE) for some in words]


def _words(name: str) -> list[str]:
    """ "mixamorig:LeftUpLeg" to left, up, leg; "DEF-upper_arm.L" to def, upper, arm, l."""
    name = name[-_LONGEST_NAME:]
    short = re.split(r"[:|]", name)[-1] or name
    short = re.sub(r"^m_avg_", "", short)
    short = _GLUED_PREFIX.sub("", short)
    short = re.sub(r"([左右])", r"\1 ", short)
    return [word.lower() for word in _WORD.findall(short)]


def _without_shared(names: list[list[str]]) -> list[list[str]]:
    """The names without a word that nearly all begin or end with: "Actor1_LeftArm", "hips_JNT"."""
    for end in (0, -1):
        while len(names) >= _FEW:
            ends = Counter(words[end] for words in names if len(words) > 1)
            word, count = ends.most_common(1)[0] if ends else ("", 0)
            if count < _SHARED * len(names) or word in _SIDES:
                break
            names = [
                _cut(words, end) if len(words) > 1 and words[end] == word else words
                for words in names
            ]
    return names


def _cut(words: list[str], end: int) -> list[str]:
    return words[1:] if end == 0 else words[:-1]


def _understood(index: int, words: Iterable[str]) -> NamedBone | None:
    words = [word for word in words if not word.isdigit()]
    if any(word in _HELPERS for word in words):
        return None
    useful = [word for word in words if word not in _IDLE_WORDS]
    side = _NO_SIDE
    for place in (0, -1):  # a side stands at the beginning or at the end
        if len(useful) > 1 and useful[place] in _SIDES and not side:
            side = _SIDES[useful[place]]
            useful = _cut(useful, place)
    joined = "".join(useful)
    if joined not in _STRENGTH and not side:
        side, joined = _glued_side(joined)
    if joined not in _STRENGTH:
        return None
    part, strength = _STRENGTH[joined]
    if (part in ("neck", "head")) == bool(side):
        return None
    return NamedBone(index, side, part, (strength, len(words) - len(useful) - bool(side)))


def _glued_side(word: str) -> tuple[str, str]:
    """ "leftupleg", "lshldr", "footleft" to the side and the rest; no side where there is none."""
    for mark in ("left", "right", "l", "r"):
        if word.startswith(mark) and word[len(mark) :] in _STRENGTH:
            return _SIDES[mark], word[len(mark) :]
    for mark in ("left", "right"):
        if word.endswith(mark) and word[: -len(mark)] in _STRENGTH:
            return _SIDES[mark], word[: -len(mark)]
    return _NO_SIDE, word
