"""The demo without a browser: conversations, clips, panels, plots and sessions on fakes."""

from __future__ import annotations

import asyncio
import gc
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from rapport.agent import Agent, Utterance
from rapport.agent import events as ev
from rapport.agent.config import AgentConfig
from rapport.agent.testing import (
    HANG,
    FakeAnimator,
    FakeEmotion,
    FakeEndpointer,
    FakeMemory,
    FakeRecognizer,
    FakeRenderer,
    FakeResponder,
    FakeVoice,
    ScriptedRecognizer,
    fake_agent,
)
from rapport.apps.demo.clips import Clip, ClipMaker, Sight, encode
from rapport.apps.demo.conversation import Conversation
from rapport.apps.demo.line import CONNECT_WITHIN_S, MOST_LINES, Line, Lines
from rapport.apps.demo.line import PATH as TALK_PATH
from rapport.apps.demo.media import MediaShelf
from rapport.apps.demo.panels import DISCLOSURE, disclosure_html, words_html
from rapport.apps.demo.plots import SHOWN_POINTS, feelings_html
from rapport.apps.demo.portrait import idle_film
from rapport.apps.demo.recordings import take_recording
from rapport.apps.demo.sessions import Sessions, private
from rapport.apps.demo.shown import Part, Phase
from rapport.apps.demo.why import why_html
from rapport.apps.plot.paths import AffectPaths, AffectPoint
from rapport.avatar.face import FaceTrack, RendererCapabilities
from rapport.persona.affect import VAD
from rapport.persona.card import load_persona
from rapport.persona.errors import InputError, StageError
from rapport.speech.audio import Audio, SpokenClause
from rapport.speech.files import write_wav

CLAUSES = ("I'm sorry to hear that.", "What happened?")


def conversation_of(agent: Agent | None = None, shelf: MediaShelf | None = None) -> Conversation:
    return Conversation(
        agent or fake_agent(rendering=FakeRenderer(size=32)), MediaShelf() if shelf is None else shelf, "fake"
    )


async def held(conversation: Conversation, said: Utterance | str = "I lost my job today.") -> list[frozenset[Part]]:
    return [changed async for changed in conversation.answer(said)]


# ----------------------------------------------------------------------------------------------------- conversation


async def test_a_turn_fills_every_part_of_the_page() -> None:
    conversation = conversation_of()
    changes = await held(conversation)
    turn = conversation.turns[0]
    assert turn.person == "I lost my job today."
    assert turn.clauses == list(CLAUSES)
    assert turn.perceived is not None and turn.felt is not None and turn.plan is not None and turn.trace is not None
    assert not turn.notices
    assert frozenset().union(*changes) == frozenset(Part)
    assert conversation.reel.complete and conversation.phase is Phase.READY
    assert len(conversation.paths.person) == 1


async def test_each_clause_becomes_a_clip_in_order_on_the_reply_clock() -> None:
    shelf = MediaShelf()
    conversation = conversation_of(shelf=shelf)
    await held(conversation)
    clips = conversation.reel.clips
    assert [clip.media_type for clip in clips] == ["video/mp4"] * 2
    assert clips[0].start_s == 0.0
    assert clips[1].start_s == pytest.approx(clips[0].duration_s)
    assert all(shelf.get(clip.token) is not None for clip in clips)


async def test_words_come_clause_by_clause() -> None:
    conversation = conversation_of(fake_agent(rendering=None))
    seen: set[int] = set()
    async for _ in conversation.answer("hello"):
        seen.add(len(conversation.turns[0].clauses))
    assert seen == {0, 1, 2}


@pytest.mark.parametrize("missing", ["animation", "rendering"])
async def test_without_pictures_the_voice_comes_alone(missing: str) -> None:
    conversation = conversation_of(fake_agent(**{missing: None}))
    await held(conversation)
    assert [clip.media_type for clip in conversation.reel.clips] == ["audio/wav"] * 2


async def test_a_page_that_draws_the_face_gets_the_track_of_each_clause_and_when_its_words_are_spoken() -> None:
    shelf = MediaShelf()
    conversation = conversation_of(shelf=shelf)
    conversation.drawn_here = True
    await held(conversation)
    clips = conversation.reel.clips
    assert [clip.media_type for clip in clips] == ["audio/wav"] * 2
    for clip in clips:
        assert clip.track_token is not None
        track, _ = shelf.get(clip.track_token) or (b"{}", "")
        assert len(json.loads(track)["weights"]) / 25 == pytest.approx(clip.duration_s, abs=0.05)
    assert [word.text for clip in clips for word in clip.words] == [
        "I'm",
        "sorry",
        "to",
        "hear",
        "that",
        "What",
        "happened",
    ]
    conversation.reel.drop()
    assert shelf.count == 0
    conversation.drawn_here = False
    await held(conversation)
    assert [clip.media_type for clip in conversation.reel.clips] == ["video/mp4"] * 2


async def test_an_animator_that_fails_leaves_the_page_the_voice() -> None:
    conversation = conversation_of(fake_agent(animation=FakeAnimator(fails=StageError("stiff"))))
    conversation.drawn_here = True
    await held(conversation)
    assert [(clip.media_type, clip.track_token) for clip in conversation.reel.clips] == [("audio/wav", None)] * 2


async def test_without_a_voice_the_words_come_alone() -> None:
    conversation = conversation_of(fake_agent(voice=None))
    await held(conversation)
    assert conversation.reel.clips == []
    assert conversation.turns[0].clauses == list(CLAUSES)


async def test_a_face_that_fails_leaves_the_voice_and_a_notice() -> None:
    conversation = conversation_of(fake_agent(rendering=FakeRenderer(fails=StageError("no adapter"))))
    await held(conversation)
    assert [clip.media_type for clip in conversation.reel.clips] == ["audio/wav"] * 2
    assert any("Rendering" in notice and "no adapter" in notice for notice in conversation.turns[0].notices)


class DrawsNothing(FakeRenderer):
    capabilities = RendererCapabilities(draws=False)

    async def render(self, track: FaceTrack, face: Any) -> Any:
        return
        yield


async def test_a_renderer_that_hands_on_the_track_leaves_the_voice() -> None:
    conversation = conversation_of(fake_agent(rendering=DrawsNothing()))
    await held(conversation)
    assert [clip.media_type for clip in conversation.reel.clips] == ["audio/wav"] * 2


async def test_a_failed_renderer_is_replaced_by_one_that_draws() -> None:
    renderers = [FakeRenderer(fails=StageError("lost")), FakeRenderer(size=32)]
    conversation = conversation_of(fake_agent(rendering=renderers))
    await held(conversation)
    assert [clip.media_type for clip in conversation.reel.clips] == ["video/mp4"] * 2


async def test_a_failed_renderer_whose_fallback_only_hands_on_the_track_leaves_the_voice() -> None:
    renderers = [FakeRenderer(fails=StageError("lost")), DrawsNothing()]
    conversation = conversation_of(fake_agent(rendering=renderers))
    await held(conversation)
    assert [clip.media_type for clip in conversation.reel.clips] == ["audio/wav"] * 2


async def test_a_video_that_cannot_be_encoded_leaves_the_voice_and_a_notice() -> None:
    conversation = conversation_of(fake_agent(rendering=FakeRenderer(size=33)))  # H.264 wants even sizes
    await held(conversation)
    assert [clip.media_type for clip in conversation.reel.clips] == ["audio/wav"] * 2
    assert any("video could not be made" in notice for notice in conversation.turns[0].notices)


async def test_what_could_not_start_is_said_once_and_not_with_every_turn() -> None:
    agent = fake_agent(voice=[FakeVoice(fails=StageError("mute")), FakeVoice()], rendering=None)
    conversation = conversation_of(agent)
    conversation.wake([ev.Failed("voice", "fake-voice-0", "mute", "fake-voice-1")])
    await held(conversation)
    assert "mute" in conversation.notices[0]
    assert conversation.turns[0].notices == []


@pytest.mark.parametrize("said", ["", "   \n", "\x00\x07", "x" * 100_000])
async def test_what_cannot_be_answered_is_refused_and_leaves_no_turn(said: str) -> None:
    conversation = conversation_of()
    await held(conversation, said)
    assert conversation.turns == []
    assert conversation.refusal
    assert conversation.reel.complete and conversation.phase is Phase.READY
    await held(conversation, "hello")
    assert not conversation.refusal
    assert len(conversation.turns) == 1


async def test_breaking_in_cuts_the_words_to_what_was_heard() -> None:
    agent = fake_agent(response=FakeResponder(["One two three four.", "Never said."]), rendering=None)
    conversation = conversation_of(agent)
    answering = conversation.answer("hello")
    async for _ in answering:
        if conversation.reel.clips:
            await conversation.stop(0.65)  # the fake voice takes 0.3 s for a word
    turn = conversation.turns[0]
    assert turn.clauses == ["One two"] and turn.interrupted
    assert agent.history[-1].agent == "One two"
    assert conversation.reel.clips == []


async def test_breaking_in_while_a_finished_answer_plays_cuts_memory_too() -> None:
    memory = FakeMemory()
    agent = fake_agent(response=FakeResponder(["One two three four."]), memory=memory, rendering=None)
    conversation = conversation_of(agent)
    await held(conversation)
    await conversation.stop(0.35)
    assert conversation.turns[0].clauses == ["One"]
    assert agent.history[-1].agent == memory.records[-1].exchange.agent == "One"


async def test_stopping_when_nothing_plays_changes_nothing() -> None:
    conversation = conversation_of(fake_agent(rendering=None))
    await conversation.stop(None)
    await held(conversation)
    await conversation.stop(None)
    assert conversation.turns[0].clauses == list(CLAUSES) and not conversation.turns[0].interrupted


async def test_a_new_line_waits_for_the_end_of_the_one_it_broke_into() -> None:
    agent = fake_agent(response=FakeResponder(CLAUSES, delay_s=0.02), rendering=None)
    conversation = conversation_of(agent)
    began = asyncio.Event()

    async def first() -> None:
        async for _ in conversation.answer("first"):
            began.set()

    task = asyncio.create_task(first())
    await began.wait()
    await conversation.stop(0.0)
    await held(conversation, "second")
    await task
    assert [turn.person for turn in conversation.turns if turn.person] == ["first", "second"][-len(agent.history) :]
    assert conversation.turns[-1].clauses == list(CLAUSES)
    assert conversation.reel.complete


async def test_a_hung_voice_does_not_hang_the_page() -> None:
    config = AgentConfig().model_copy(update={"voice": AgentConfig().voice.model_copy(update={"budget_s": 0.05})})  # pyright: ignore[reportOptionalMemberAccess]
    conversation = conversation_of(fake_agent(voice=FakeVoice(fails=HANG), config=config))
    await held(conversation)
    assert conversation.turns[0].clauses == list(CLAUSES)
    assert "no answer within" in conversation.turns[0].notices[0]


async def test_a_closed_conversation_leaves_nothing_on_the_shelf_or_in_memory() -> None:
    class Erasable(FakeMemory):
        async def erase(self, person_id: str) -> int:
            before = len(self.records)
            self.records = [record for record in self.records if record.person_id != person_id]
            return before - len(self.records)

    memory, shelf = Erasable(), MediaShelf()
    conversation = conversation_of(fake_agent(memory=memory, rendering=FakeRenderer(size=32)), shelf)
    conversation.show_face(b"film", "video/mp4")
    await held(conversation)
    assert memory.records and shelf.count == 3
    await conversation.close()
    assert not memory.records and shelf.count == 0


# -------------------------------------------------------------------------------------------------------- listening

LINE = "One two three four five."


class Browser:
    """A page at the other end of the line: it records, plays, and does what it is told.

    Args:
        script: pairs of seconds and a level, 0 for silence.
    """

    def __init__(self, conversation: Conversation, *script: tuple[float, float]) -> None:
        self.conversation = conversation
        self.clock = conversation.agent.clock
        self.line = Lines().open(self.clock)
        self.script = script
        self.told: list[tuple[float, dict[str, Any]]] = []

    async def talk(self, played_s: float | None = None) -> list[frozenset[Part]]:
        """Talk to the end of the script. `played_s`: where the player stands in every reply."""

        async def obey() -> None:
            async for command in self.line.commands():
                self.told.append((self.clock.now_s(), command))

        async def speak() -> None:
            self.line.connect()
            for seconds, level in self.script:
                for _ in range(round(seconds / 0.1)):
                    await asyncio.sleep(0.1)
                    self.line.hear(np.full(1600, round(level * 32768), "<i2").tobytes())
                    if played_s is not None:
                        at = {"reply": self.conversation.reply, "heard_s": played_s, "until_s": played_s}
                        self.line.report(json.dumps(at))
            self.line.close()

        async with asyncio.TaskGroup() as group:
            group.create_task(obey())
            group.create_task(speak())
            return [changed async for changed in self.conversation.listen(self.line, FakeEndpointer())]  # type: ignore[arg-type]

    def orders(self) -> list[str]:
        return [command["do"] for _, command in self.told]


def talk(clock: Any, *script: tuple[float, float], played_s: float | None = None, **stages: Any) -> Browser:
    stages = {"rendering": None, "response": FakeResponder([LINE] * 4, delay_s=0.1), **stages}
    conversation = conversation_of(fake_agent(clock=clock, **stages))
    browser = Browser(conversation, *script)
    clock.run(browser.talk(played_s))
    return browser


def test_what_is_said_into_the_line_is_shown_while_it_is_spoken_and_answered(clock: Any) -> None:
    browser = talk(
        clock, (0.3, 0.0), (1.5, 0.1), (30.0, 0.0), recognition=ScriptedRecognizer("I lost my job."), played_s=9.0
    )
    conversation = browser.conversation
    words = [f"{told['stable']}|{told['tentative']}" for _, told in browser.told if told["do"] == "hear"]
    assert words[:2] == ["|", "|I lost my job."] and words[-1] == "I lost my job.|"
    assert browser.orders().count("hear") == len(browser.told)
    assert [turn.person for turn in conversation.turns] == ["I lost my job."]
    assert conversation.turns[0].clauses == [LINE] * 4 and not conversation.turns[0].interrupted
    assert conversation.reel.complete and len(conversation.reel.clips) == 4


def test_speaking_over_the_answer_silences_the_player_at_once_and_leaves_what_was_heard(clock: Any) -> None:
    memory = FakeMemory()
    script = ((1.0, 0.1), (3.0, 0.0), (1.0, 0.2), (30.0, 0.0))
    browser = talk(
        clock, *script, recognition=ScriptedRecognizer("I lost my job.", "Wait."), played_s=0.65, memory=memory
    )
    first, second = browser.conversation.turns
    assert first.clauses == ["One two"] and first.interrupted
    assert memory.records[0].exchange.agent == "One two"
    assert second.person == "Wait." and not second.interrupted
    held_s, held = next((at, told) for at, told in browser.told if told["do"] == "hold")
    assert held == {"do": "hold", "reply": 1} and held_s == pytest.approx(4.1)
    assert browser.orders().index("hold") < browser.orders().index("stop")
    assert browser.conversation.phase is Phase.READY


def test_a_backchannel_only_holds_the_answer(clock: Any) -> None:
    script = ((1.0, 0.1), (3.0, 0.0), (0.3, 0.2), (30.0, 0.0))
    browser = talk(clock, *script, recognition=ScriptedRecognizer("I lost my job.", "Mm-hm."), played_s=0.65)
    assert [order for order in browser.orders() if order != "hear"] == ["hold", "forget", "resume"]
    (turn,) = browser.conversation.turns
    assert turn.clauses == [LINE] * 4 and not turn.interrupted


def test_after_stop_the_next_words_are_a_turn_and_no_backchannel(clock: Any) -> None:
    agent = fake_agent(
        clock=clock,
        rendering=None,
        recognition=ScriptedRecognizer("I lost my job.", "Yeah."),
        response=FakeResponder([LINE] * 4),
    )
    conversation = conversation_of(agent)
    browser = Browser(conversation, (1.0, 0.1), (3.0, 0.0), (0.3, 0.2), (9.0, 0.0))

    async def press_stop() -> None:
        await asyncio.sleep(3.0)
        await conversation.stop(0.65)

    async def both() -> None:
        await asyncio.gather(browser.talk(0.65), press_stop())

    clock.run(both())
    assert [turn.person for turn in conversation.turns] == ["I lost my job.", "Yeah."]
    assert conversation.turns[0].clauses == ["One two"]


def test_the_phases_of_talking(clock: Any) -> None:
    conversation = conversation_of(
        fake_agent(
            clock=clock,
            voice=None,
            recognition=FakeRecognizer(delay_s=0.2),
            response=FakeResponder([LINE, LINE], delay_s=1.0),
        )
    )
    browser = Browser(conversation, (0.5, 0.0), (0.5, 0.1), (5.0, 0.0))
    seen: list[Phase] = []

    async def watch() -> None:
        while not browser.line.closed:
            if conversation.phase not in seen[-1:]:
                seen.append(conversation.phase)
            await asyncio.sleep(0.05)

    async def both() -> None:
        await asyncio.gather(browser.talk(), watch())

    clock.run(both())
    assert seen[-4:] == [Phase.LISTENING, Phase.THINKING, Phase.SPEAKING, Phase.LISTENING]
    assert conversation.phase is Phase.READY


def test_a_typed_line_ends_the_talk_and_is_answered_after_it(clock: Any) -> None:
    conversation = conversation_of(fake_agent(clock=clock, rendering=None))
    browser = Browser(conversation, (60.0, 0.0))

    async def type_line() -> None:
        await asyncio.sleep(1.0)
        conversation.hang_up()
        await held(conversation, "typed")

    async def both() -> None:
        await asyncio.gather(browser.talk(), type_line())

    clock.run(both())
    assert browser.line.closed and [turn.person for turn in conversation.turns] == ["typed"]


def test_a_line_that_nobody_connects_to_is_closed(clock: Any) -> None:
    conversation = conversation_of(fake_agent(clock=clock))
    line = Lines().open(clock)

    async def wait() -> list[frozenset[Part]]:
        return [changed async for changed in conversation.listen(line, FakeEndpointer())]  # type: ignore[arg-type]

    clock.run(wait())
    assert "did not connect" in line.reason
    assert clock.now_s() == pytest.approx(CONNECT_WITHIN_S)


def test_a_tab_that_closes_while_it_talks_leaves_no_task(clock: Any) -> None:
    conversation = conversation_of(fake_agent(clock=clock, response=FakeResponder([LINE] * 9, delay_s=1.0)))
    browser = Browser(conversation, (0.5, 0.1), (60.0, 0.0))

    async def leave() -> int:
        line, changes = browser.line, conversation.listen(browser.line, FakeEndpointer())  # type: ignore[arg-type]
        await anext(changes)  # the page shows nothing more, and never closes what it was shown
        line.connect()
        for level in (*[3000] * 5, *[0] * 20):
            line.hear(np.full(1600, level, "<i2").tobytes())
            await asyncio.sleep(0.1)
        assert conversation.turns
        await conversation.close()
        return len(asyncio.all_tasks())

    assert clock.run(leave()) == 1
    assert browser.line.closed


def test_a_line_takes_sound_as_it_is(clock: Any) -> None:
    line = Line(clock)
    line.connect()
    line.hear(np.array([0, 16384, -32768], "<i2").tobytes())
    line.close()

    async def frames() -> list[float]:
        return [float(sample) async for frame in line.frames() for sample in frame]

    assert clock.run(frames()) == [0.0, 0.5, -1.0]


def test_between_two_reports_the_player_plays_on_to_the_end_of_its_clip(clock: Any) -> None:
    line = Line(clock)
    line.connect()
    line.report('{"reply": 2, "heard_s": 1.0, "until_s": 1.5}')
    clock.advance(0.3)
    assert line.played_s(2) == pytest.approx(1.3)
    clock.advance(0.7)
    assert line.played_s(2) == 1.5
    assert line.played_s(3) == 0.0, "nothing is known of the next reply"


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"", "a block of sound"),
        (b"\x00", "a block of sound"),
        (bytes(100_000), "a block of sound"),
        ("rubbish", "a position is"),
        ("[" * 150, "a position is"),
        ("[]", "a position is"),
        ('{"reply": 1, "heard_s": 2, "until_s": 1}', "a position is"),
        ('{"reply": 1, "heard_s": NaN, "until_s": 1}', "a position is"),
        ('{"reply": 1e999, "heard_s": 0, "until_s": 1}', "a position is"),
        ('{"reply": 1, "heard_s": 0, "until_s": 1, "more": "%s"}' % ("x" * 500), "a position is"),
    ],
)
def test_rubbish_ends_a_line_with_one_reason(clock: Any, sent: bytes | str, told: str) -> None:
    line = Line(clock)
    line.connect()
    with pytest.raises(InputError, match=told):
        line.hear(sent) if isinstance(sent, bytes) else line.report(sent)


def test_sound_faster_than_time_and_too_many_messages_are_refused(clock: Any) -> None:
    block, at = bytes(1024), '{"reply": 1, "heard_s": 0, "until_s": 0}'
    for send, told in ((lambda line: line.hear(block), "faster than"), (lambda line: line.report(at), "too often")):
        line = Line(clock)
        line.connect()
        with pytest.raises(InputError, match=told):
            for _ in range(1000):
                send(line)
    line = Line(clock)
    line.connect()
    with pytest.raises(InputError, match="too busy"):
        for _ in range(1000):
            clock.advance(0.032)
            line.hear(block)


def test_a_socket_carries_both_ways_and_each_address_works_once(clock: Any) -> None:
    lines = Lines()
    line = lines.open(clock)
    with TestClient(Starlette(routes=[lines.route()])) as page:
        with page.websocket_connect(f"{TALK_PATH}/{line.token}") as socket:
            line.tell("hold", reply=3)
            socket.send_text('{"reply": 3, "heard_s": 0.5, "until_s": 0.5}')
            assert socket.receive_json() == {"do": "hold", "reply": 3}
            socket.send_bytes(b"odd")
            with pytest.raises(WebSocketDisconnect) as ended:
                socket.receive_json()
        assert ended.value.code == 1008 and "a block of sound" in (ended.value.reason or "")
        assert line.closed and line.played_s(3) == 0.5
        for address in (line.token, "guessed"):
            with pytest.raises(WebSocketDisconnect), page.websocket_connect(f"{TALK_PATH}/{address}"):
                pass


def test_only_so_many_lines_are_open_and_those_that_are_let_go_are_forgotten(clock: Any) -> None:
    lines = Lines()
    held_open = [lines.open(clock) for _ in range(MOST_LINES)]
    with pytest.raises(InputError, match="too many people"):
        lines.open(clock)
    held_open.pop()
    gc.collect()
    assert not lines.open(clock).closed


# ------------------------------------------------------------------------------------------------------------ clips


def spoken(index: int, duration_s: float = 0.4) -> ev.Spoken:
    return ev.Spoken(index, SpokenClause(f"clause {index}", Audio.silence(duration_s)), index * duration_s)


def face(index: int, frames: int = 2) -> ev.Face:
    return ev.Face(index, FaceTrack.neutral(frames, 25.0))


def frame(index: int) -> ev.Frame:
    return ev.Frame(index, 0.0, np.zeros((4, 4, 3), np.uint8))


def taken(maker: ClipMaker, events: Sequence[ev.Event]) -> list[tuple[int, int]]:
    return [(clip.index, len(clip.frames)) for event in events for clip in maker.take(event)]


def test_a_clip_is_complete_with_its_last_frame() -> None:
    maker = ClipMaker(Sight.PICTURES)
    assert taken(maker, [spoken(0), face(0), frame(0)]) == []
    assert taken(maker, [spoken(1), frame(0)]) == [(0, 2)]
    assert taken(maker, [face(1), frame(1), frame(1)]) == [(1, 2)]
    assert maker.was_seen is True


def test_clauses_whose_pictures_never_come_are_let_go_when_the_turn_goes_on() -> None:
    maker = ClipMaker(Sight.PICTURES)
    assert taken(maker, [spoken(0), face(0), spoken(1), face(1)]) == [(0, 0)]
    assert taken(maker, [face(2)]) == [(1, 0)]
    assert maker.was_seen is False


def test_without_pictures_to_wait_for_every_clause_is_complete_at_once() -> None:
    maker = ClipMaker(Sight.PICTURES, waits=False)
    assert taken(maker, [spoken(0), face(0), frame(0), frame(0)]) == [(0, 0)]
    assert maker.was_seen is True, "pictures are back; the next turn may wait for them again"


def test_giving_up_keeps_the_frames_that_came() -> None:
    maker = ClipMaker(Sight.PICTURES)
    taken(maker, [spoken(0), face(0, frames=5), frame(0)])
    assert [(clip.index, len(clip.frames)) for clip in maker.give_up()] == [(0, 1)]
    assert maker.give_up() == []


def test_an_interruption_drops_what_was_being_drawn() -> None:
    maker = ClipMaker(Sight.PICTURES)
    taken(maker, [spoken(0), spoken(1), ev.Interrupted(0.0, "")])
    assert maker.give_up() == []


def test_a_clip_with_pictures_is_a_film_with_sound_that_lasts_as_long() -> None:
    import io

    import av

    time_s = np.arange(16_000) / 16_000
    sound = Audio((0.3 * np.sin(2 * np.pi * 220 * time_s)).astype(np.float32), 16_000)
    data, media_type = encode(Clip(0, 0.0, sound, frames=tuple(np.full((25, 64, 64, 3), 90, np.uint8))))
    assert media_type == "video/mp4"
    with av.open(io.BytesIO(data)) as film:
        assert [stream.codec_context.name for stream in film.streams] in (["h264", "aac"], ["aac", "h264"])
        heard = np.concatenate([block.to_ndarray().ravel() for block in film.decode(audio=0)])
        assert np.sqrt(np.mean(np.square(heard))) > 0.1
    with av.open(io.BytesIO(data)) as film:
        assert sum(1 for _ in film.decode(video=0)) == 25


# ------------------------------------------------------------------------------------------------------------ shelf


def test_the_shelf_forgets_the_oldest_when_it_is_full() -> None:
    shelf = MediaShelf(capacity_bytes=10)
    first, second, third = (shelf.put(bytes(4), "audio/wav") for _ in range(3))
    assert shelf.get(first) is None
    assert shelf.get(second) is not None and shelf.get(third) is not None
    shelf.drop(second)
    shelf.drop(second)
    assert shelf.count == 1


def test_tokens_cannot_be_guessed() -> None:
    shelf = MediaShelf()
    tokens = {shelf.put(b"x", "audio/wav") for _ in range(100)}
    assert len(tokens) == 100 and all(len(token) >= 24 for token in tokens)


# --------------------------------------------------------------------------------------------------- panels and plots

NASTY = '<script>alert(1)</script> & "quotes" \' ${x} {{y}} `z`'


async def test_everything_that_anybody_says_is_escaped() -> None:
    agent = fake_agent(response=FakeResponder([NASTY]), voice=None)
    conversation = conversation_of(agent)
    conversation.wake([ev.Failed("voice", NASTY, NASTY, NASTY)])
    await held(conversation, NASTY)
    page = words_html(conversation) + why_html(conversation)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 5
    ElementTree.fromstring(f"<div>{page}</div>")


async def test_the_reasons_show_reading_feeling_plan_and_times() -> None:
    conversation = conversation_of(fake_agent(rendering=None))
    assert "After your first line" in why_html(conversation)
    await held(conversation)
    why = why_html(conversation)
    for expected in ("What it read in you", "feeling moved", "Strategy", "question", "first sound", "sadness"):
        assert expected in why


async def test_the_reasons_tell_a_disagreement_and_the_explanation() -> None:
    emotion = [FakeEmotion(VAD(0.81, 0.51, 0.46)), FakeEmotion(VAD(-0.63, -0.27, -0.33), "voice")]
    conversation = conversation_of(fake_agent(emotion=emotion, rendering=None))
    await held(conversation, Utterance(text="I'm <b>fine</b>.", audio=Audio.silence(1.0)))
    why = why_html(conversation)
    assert "The words are pleasant, but the voice is unpleasant." in why
    for expected in ("Key observations", "Overall interpretation", "Conclusion", "Over the turns so far", "&lt;b&gt;"):
        assert expected in why
    ElementTree.fromstring(why)


async def test_a_recording_without_words_is_shown_as_such() -> None:
    conversation = conversation_of(fake_agent(recognition=FakeRecognizer(""), rendering=None))
    await held(conversation, Utterance(audio=Audio.silence(1.0)))
    assert "no words were heard" in words_html(conversation)


def test_the_page_says_what_it_is_and_names_no_number_to_call() -> None:
    assert "I am a machine, not a person and not a therapist" in disclosure_html()
    assert not re.search(r"\d", DISCLOSURE), "no invented telephone numbers"


def test_both_paths_are_named_and_told_in_the_drawings() -> None:
    paths = AffectPaths(
        [AffectPoint(1, VAD(-0.5, 0.1, 0), "sadness", NASTY, ("text: lost (−0.40)",))],
        [AffectPoint(2, VAD(0.3, 0, 0), "joy")],
    )
    drawn = feelings_html(paths)
    ElementTree.fromstring(drawn)
    assert "you · sadness" in drawn and "agent · joy" in drawn and "lost (−0.40)" in drawn
    assert "valence" in drawn and "arousal" in drawn and "dominance of both" not in drawn
    assert "tabindex" not in drawn, "dozens of stops between the persona and the text box help nobody"


def test_old_feelings_are_not_drawn() -> None:
    many = [AffectPoint(float(i), VAD(), f"feeling {i}") for i in range(SHOWN_POINTS + 5)]
    drawn = feelings_html(AffectPaths(many, many))
    assert "feeling 4:" not in drawn and "feeling 5" in drawn and f"feeling {SHOWN_POINTS + 4}" in drawn


async def test_a_turn_is_drawn_with_its_words_and_reasons() -> None:
    conversation = conversation_of(fake_agent(rendering=None))
    await held(conversation)
    drawn = feelings_html(conversation.paths)
    assert "“I lost my job today.”" in drawn and "text: " in drawn


# --------------------------------------------------------------------------------------------------------- sessions


def faked(persona: str) -> Agent:
    return fake_agent(load_persona(persona), rendering=FakeRenderer(size=32))


async def test_every_tab_has_a_conversation_of_its_own() -> None:
    sessions = Sessions(faked, "harbor")
    one, two = await sessions.of("one"), await sessions.of("two")
    assert one is not two and await sessions.of("one") is one
    await held(one, "a secret")
    assert two.turns == []
    again = await sessions.begin("one", "spark")
    assert one.closed and not again.turns and again.agent.persona.name == "spark"
    await sessions.end("two")
    assert sessions.open_tabs == 1


async def test_an_unknown_persona_leaves_the_conversation_as_it_was() -> None:
    sessions = Sessions(faked, "harbor")
    mine = await sessions.of("mine")
    with pytest.raises(InputError, match="unknown persona"):
        await sessions.begin("mine", "nobody")
    assert await sessions.of("mine") is mine and not mine.closed


async def test_too_many_tabs_close_the_one_that_was_idle_for_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rapport.apps.demo.sessions.MOST_CONVERSATIONS", 2)
    sessions = Sessions(faked, "harbor")
    first, second = await sessions.of("first"), await sessions.of("second")
    await sessions.of("first")
    await sessions.of("third")
    assert second.closed and not first.closed and sessions.open_tabs == 2


async def test_waking_reports_what_cannot_start_and_draws_the_head_once() -> None:
    made: list[str] = []

    def make(persona: str) -> Agent:
        made.append(persona)
        return faked(persona)

    sessions = Sessions(make, "harbor")
    assert await sessions.awake() == []
    film, media_type = await sessions.face_of("harbor", drawn_here=False)
    assert film is not None and media_type == "video/mp4"
    assert (await sessions.face_of("harbor", drawn_here=False))[0] is film
    assert made == ["harbor", "harbor"], "one agent wakes the components, one draws"
    sessions.shut_down()


async def test_a_face_that_cannot_be_drawn_has_no_film() -> None:
    assert await idle_film(fake_agent(rendering=None)) is None
    assert await idle_film(fake_agent(rendering=FakeRenderer(fails=StageError("no adapter")))) is None
    assert await idle_film(fake_agent(rendering=DrawsNothing())) is None


def test_the_demo_keeps_memories_in_this_process_only() -> None:
    assert private(AgentConfig()).memory.use == "sql::memory:"


# ------------------------------------------------------------------------------------------------------- recordings


def test_a_recording_is_decoded_and_deleted(tmp_path: Path) -> None:
    path = tmp_path / "line.wav"
    write_wav(path, Audio.silence(1.0))
    assert take_recording(path, 60.0).duration_s == pytest.approx(1.0, abs=0.01)
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"no sound at all", b"RIFF\x00\x00"])
def test_a_recording_without_sound_is_refused_without_the_servers_path(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "noise.wav"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        take_recording(path, 60.0)
    assert str(tmp_path) not in str(refused.value)
    assert not path.exists()
