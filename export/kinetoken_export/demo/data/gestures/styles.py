"""Manners of doing a gesture, by the words that captions use for them."""

from __future__ import annotations

from typing import Final

from ..keyframes import Manner

MANNERS: Final[dict[str, Manner]] = {
    "happy": Manner(tempo=0.85, size=1.2, spine=(-4, 0, 0), head=(-6, 3, 0), overshoot=0.12),
    "excited": Manner(tempo=0.72, size=1.3, spine=(-3, 0, 0), head=(-5, 0, 0), overshoot=0.15),
    "sad": Manner(tempo=1.45, size=0.8, spine=(13, 0, 0), head=(18, 0, 0), shrug=-4, overshoot=0.0),
    "tired": Manner(
        tempo=1.5, size=0.8, spine=(15, 3, 0), head=(14, 5, 0), shrug=-5, overshoot=0.0
    ),
    "sleepy": Manner(
        tempo=1.5, size=0.9, spine=(8, 4, 0), head=(10, 9, 0), shrug=-4, overshoot=0.0
    ),
    "bored": Manner(
        tempo=1.35, size=0.8, spine=(9, 4, 0), head=(4, 12, 0), shrug=-4, overshoot=0.0
    ),
    "angry": Manner(
        tempo=0.75, size=1.15, spine=(8, 0, 0), head=(4, 0, 0), shrug=8, overshoot=0.12
    ),
    "proud": Manner(tempo=1.1, size=1.0, spine=(-8, 0, 0), head=(-9, 0, 0), overshoot=0.03),
    "scared": Manner(tempo=0.85, size=0.9, spine=(12, 0, 0), head=(2, 0, 0), shrug=16, tremble=2.2),
    "nervous": Manner(tempo=0.85, size=0.9, spine=(7, 0, 0), head=(6, 0, 0), shrug=9, tremble=1.2),
    "shy": Manner(tempo=1.2, size=0.75, spine=(6, 0, -6), head=(14, 9, 0), shrug=8, overshoot=0.0),
    "robotic": Manner(tempo=1.1, size=1.0, overshoot=0.0, lag=0.0),
    "dramatic": Manner(tempo=1.3, size=1.45, spine=(-6, 0, 0), head=(-8, 0, 6), overshoot=0.1),
    "graceful": Manner(
        tempo=1.35, size=1.0, spine=(-3, 2, 0), head=(-2, 5, 3), overshoot=0.0, lag=0.1
    ),
    "elegant": Manner(
        tempo=1.3, size=0.9, spine=(-5, 0, 0), head=(-3, 3, 3), overshoot=0.0, lag=0.08
    ),
    "playful": Manner(tempo=0.8, size=1.2, spine=(0, 7, 0), head=(-4, 12, 4), overshoot=0.18),
    "serious": Manner(tempo=1.15, size=0.9, head=(2, 0, 0), overshoot=0.0),
    "polite": Manner(tempo=1.15, size=0.9, spine=(7, 0, 0), head=(5, 0, 0), overshoot=0.0),
    "gentle": Manner(tempo=1.35, size=0.85, spine=(4, 0, 0), head=(3, 4, 0), overshoot=0.0),
}
