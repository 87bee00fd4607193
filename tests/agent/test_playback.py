"""How far a reply has been heard: clauses one after the other, gaps between them, and the time that it is held."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rapport.agent.events import Done, Event, Spoken
from rapport.agent.playback import Playback
from rapport.speech.audio import Audio, SpokenClause


def spoken(start_s: float, duration_s: float) -> Spoken:
    return Spoken(0, SpokenClause("", Audio(np.zeros(round(1000 * duration_s), np.float32), 1000)), start_s)


DONE: Event = Done(None)  # type: ignore[arg-type]


def test_before_the_first_sound_nothing_has_been_heard(clock: Any) -> None:
    playback = Playback(clock)
    assert not playback.going_on
    playback.begin()
    clock.advance(5.0)
    assert playback.heard_s == 0.0
    assert playback.going_on


def test_it_goes_on_until_the_last_clause_has_been_heard(clock: Any) -> None:
    playback = Playback(clock)
    playback.begin()
    playback.note(spoken(0.0, 1.0))
    playback.note(spoken(1.0, 2.0))
    playback.note(DONE)
    clock.advance(2.9)
    assert playback.going_on
    clock.advance(0.2)
    assert not playback.going_on


def test_a_reply_in_the_making_goes_on_however_long_its_next_clause_takes(clock: Any) -> None:
    playback = Playback(clock)
    playback.begin()
    playback.note(spoken(0.0, 1.0))
    clock.advance(9.0)
    assert playback.going_on
    playback.note(spoken(1.0, 1.0))
    clock.advance(0.5)
    assert playback.heard_s == pytest.approx(1.5)


def test_time_stands_still_while_it_is_held(clock: Any) -> None:
    playback = Playback(clock)
    playback.begin()
    playback.note(spoken(0.0, 3.0))
    clock.advance(1.0)
    playback.hold()
    clock.advance(10.0)
    playback.note(spoken(3.0, 1.0))
    assert playback.heard_s == pytest.approx(1.0)
    playback.resume()
    clock.advance(1.5)
    assert playback.heard_s == pytest.approx(2.5)


def test_a_reply_that_is_held_before_its_first_sound_begins_when_it_is_let_go(clock: Any) -> None:
    playback = Playback(clock)
    playback.begin()
    playback.hold()
    playback.note(spoken(0.0, 3.0))
    clock.advance(2.0)
    assert playback.heard_s == 0.0
    playback.resume()
    clock.advance(2.0)
    assert playback.heard_s == pytest.approx(2.0)


def test_the_players_own_count_is_believed(clock: Any) -> None:
    playback = Playback(clock, played_s=lambda: 0.25)
    playback.begin()
    assert playback.heard_s == 0.0
    playback.note(spoken(0.0, 1.0))
    clock.advance(0.7)
    assert playback.heard_s == 0.25


def test_after_a_stop_nothing_goes_on(clock: Any) -> None:
    playback = Playback(clock)
    playback.begin()
    playback.note(spoken(0.0, 5.0))
    playback.stop()
    assert not playback.going_on
