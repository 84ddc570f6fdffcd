"""Several bodies on one clock: each in its place, each with its own answers; who goes is not waited for."""

from __future__ import annotations

import numpy as np

from kinetoken.live.people import MOST_PEOPLE, PLACES, People
from kinetoken.live.target import FRAME_DTYPE, LiveFrame
from synthetic_motion import walking

FPS = 20.0


def test_one_moves_and_the_other_stands_beside() -> None:
    people = People(FPS)
    people.set_number(2)
    people.begin(1)
    people.push(1, walking(60))
    people.end(1)
    assert people.rested == (0, 0, 0, 0)
    roots = []
    for _ in range(600):
        people.advance(1 / 60)
        roots.append((people.pose().joints[0], people.others()[0].joints[0]))
    first, second = np.array(roots).transpose(1, 0, 2)
    assert np.ptp(first[:, [0, 2]], axis=0).max() < 0.1
    assert np.ptp(second[:, [0, 2]], axis=0).max() > 0.5
    assert abs(second[0, 0] - PLACES[1]) < 0.1
    assert people.rested == (0, 1, 0, 0)
    frame = LiveFrame(0, people.pose(), others=people.others()).others_to_bytes()
    assert len(frame) == 616
    assert np.frombuffer(frame, "<f4", 3)[0] == np.float32(people.others()[0].joints[0, 0])
    assert FRAME_DTYPE.itemsize == 16 + 616


def test_the_answers_of_who_goes_are_over_and_orders_to_nobody_do_nothing() -> None:
    people = People(FPS)
    people.set_number(MOST_PEOPLE)
    people.begin(3)
    people.push(3, walking(60))
    people.set_number(1)
    assert people.rested == (0, 0, 0, 1)
    people.begin(3)
    people.push(3, walking(60))
    people.end(3)
    assert people.others() == ()
    assert people.rested == (0, 0, 0, 2)
    people.set_number(MOST_PEOPLE)
    people.begin(3)
    assert people.rested == (0, 0, 0, 2)
    people.set_number(MOST_PEOPLE - 1)
    assert people.rested == (0, 0, 0, 3)
    people.finish()
    assert people.over
