"""The face between replies: it goes on from what was shown, hands over to the reply, and is never in the way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from rapport.agent import Agent
from rapport.agent.events import Attending, Done, Event, Face, Failed, Felt, Heard, Interrupted
from rapport.agent.testing import (
    FakeAnimator,
    FakeEndpointer,
    FakeFaceListener,
    FakeResponder,
    ScriptedRecognizer,
    fake_agent,
)
from rapport.avatar.face import FaceTrack
from rapport.persona.affect import AffectState
from rapport.speech.audio import Audio, SpokenClause

PIECE_S = 0.1
LINE = "One two three four five."


class Watched(FakeAnimator):
    """Numbers its frames in their first weight, and keeps what it was asked for."""

    def __init__(self, **fake: Any) -> None:
        super().__init__(**fake)
        self.befores: list[FaceTrack | None] = []
        self.listeners: list[WatchedListener] = []
        self.number = 0

    def numbered(self, track: FaceTrack) -> FaceTrack:
        weights = track.weights.copy()
        weights[:, 0] = (self.number + 1 + np.arange(len(track))) / 10_000.0
        self.number += len(track)
        return FaceTrack(weights, track.head_pose, track.gaze, track.frame_rate_hz, track.start_s)

    async def animate(
        self, clause: SpokenClause, felt: AffectState, start_s: float, seed: int, before: FaceTrack | None = None
    ) -> FaceTrack:
        self.befores.append(before)
        return self.numbered(await super().animate(clause, felt, start_s, seed, before))

    def listen(self, felt: AffectState, start_s: float, seed: int, before: FaceTrack | None = None) -> WatchedListener:
        self.listeners.append(WatchedListener(self, start_s, before))
        return self.listeners[-1]


class WatchedListener(FakeFaceListener):
    def __init__(self, animator: Watched, start_s: float, before: FaceTrack | None) -> None:
        super().__init__(start_s)
        self.animator, self.start_s, self.before = animator, start_s, before
        self.told: list[dict[str, Any]] = []

    def hear(self, sound: Audio, **told: Any) -> FaceTrack:
        self.told.append(told)
        track = self.animator.numbered(super().hear(sound, **told))
        self.shown = track if len(track) else self.shown
        return track


class Broken(FakeAnimator):
    def listen(self, felt: AffectState, start_s: float, seed: int, before: FaceTrack | None = None) -> FakeFaceListener:
        raise ValueError("no ears")


def hold(agent: Agent, *script: tuple[float, float], attend: bool = True) -> list[tuple[float, Event]]:
    """Each event with the time at which it came. `script`: pairs of seconds and a level, 0 for silence."""

    async def microphone() -> Any:
        for seconds, level in script:
            for _ in range(round(seconds / PIECE_S)):
                await asyncio.sleep(PIECE_S)
                yield np.full(1600, level, np.float32)

    async def listen() -> list[tuple[float, Event]]:
        stream = agent.listen(microphone(), endpointer=FakeEndpointer(), draw=False, attend=attend)  # type: ignore[arg-type]
        return [(agent.clock.now_s(), event) async for event in stream]

    return agent.clock.run(listen())


def of(kind: type[Any], events: Iterable[tuple[float, Event]]) -> list[Any]:
    return [event for _, event in events if isinstance(event, kind)]


def number(track: FaceTrack | None, frame: int) -> int:
    assert track is not None
    return round(float(track.weights[frame, 0]) * 10_000)


def conversation(animator: FakeAnimator, clock: Any, **stages: Any) -> Agent:
    return fake_agent(clock=clock, animation=animator, **{"response": FakeResponder([LINE, LINE]), **stages})


def test_silence_alone_keeps_the_face_alive_without_a_gap(clock: Any) -> None:
    events = hold(conversation(Watched(), clock), (4.0, 0.0))
    tracks = [event.track for event in of(Attending, events)]
    assert len(tracks) == len(events) == 40
    assert sum(map(len, tracks)) == 101  # from 0 s to 4 s at 25 frames a second
    for one, other in pairwise(tracks):
        assert other.start_s == pytest.approx(one.start_s + len(one) / 25.0)


def test_nobody_who_does_not_ask_gets_a_listening_face(clock: Any) -> None:
    animator = Watched()
    events = hold(conversation(animator, clock), (0.5, 0.1), (6.0, 0.0), attend=False)
    assert of(Done, events)
    assert not of(Attending, events)
    assert animator.listeners == []
    assert animator.befores[0] is None


def test_a_reply_goes_on_from_the_listener_and_each_clause_from_the_one_before(clock: Any) -> None:
    animator = Watched()
    events = hold(conversation(animator, clock), (0.5, 0.1), (8.0, 0.0))
    first, second = of(Face, events)
    shown = [event.track for event in of(Attending, events)]
    latest = max(number(t, -1) for t in shown if number(t, -1) < number(first.track, 0))
    assert number(animator.befores[0], -1) == latest == number(first.track, 0) - 1
    assert animator.befores[1] is first.track
    assert len(animator.listeners) == 2
    assert number(animator.listeners[1].before, -1) == number(second.track, -1)


def test_the_reply_is_not_disturbed_by_listening_frames(clock: Any) -> None:
    events = hold(conversation(Watched(), clock), (0.5, 0.1), (9.0, 0.0))
    began_s = next(at for at, event in events if isinstance(event, Face))
    sound_s = of(Done, events)[0].reply.audio.duration_s
    during = [at for at, event in events if isinstance(event, Attending) and began_s < at < began_s + sound_s - 0.1]
    after = [at for at, event in events if isinstance(event, Attending) and at > began_s + sound_s + 0.2]
    assert not during
    assert after


def test_it_thinks_until_the_reply_shows_and_knows_what_is_felt(clock: Any) -> None:
    animator = Watched()
    slow = FakeResponder([LINE], delay_s=2.0)
    events = hold(conversation(animator, clock, response=slow), (0.5, 0.1), (8.0, 0.0))
    told = animator.listeners[0].told
    thinking = [i for i, one in enumerate(told) if one["thinking"]]
    assert len(thinking) >= 15
    assert thinking == list(range(thinking[0], len(told)))
    felt = of(Felt, events)[0].after
    assert [one["felt"] for one in told if one["felt"] is not None] == [felt]
    assert told[-1]["perceived"] is not None
    assert not any(one["thinking"] for one in animator.listeners[1].told)


def test_a_listener_goes_on_from_where_the_person_broke_in(clock: Any) -> None:
    animator = Watched()
    agent = conversation(
        animator,
        clock,
        recognition=ScriptedRecognizer("I lost my job.", "No, wait a moment."),
        response=FakeResponder([LINE] * 9),
    )
    events = hold(agent, (0.5, 0.1), (1.5, 0.0), (3.0, 0.2), (3.0, 0.0))
    heard_s = of(Interrupted, events)[0].heard_until_s
    before = animator.listeners[1].before
    assert before is not None
    assert len(before) == 2
    assert before.start_s + 1 / 25.0 <= heard_s + 1e-6
    assert before.start_s + 2 / 25.0 > heard_s - 1e-6


def test_a_face_that_cannot_listen_is_told_once_and_the_talk_goes_on(clock: Any) -> None:
    events = hold(conversation(Broken(), clock), (0.5, 0.1), (6.0, 0.0))
    (failure,) = of(Failed, events)
    assert failure.stage == "animation"
    assert "no ears" in failure.error
    assert of(Heard, events)
    assert of(Face, events)
    assert not of(Attending, events)


def test_nothing_is_left_when_the_conversation_is_over(clock: Any) -> None:
    agent = conversation(Watched(), clock)
    hold(agent, (1.0, 0.0))
    assert agent.face_shown is None
