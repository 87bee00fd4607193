"""What stands beside the talk: reasons, exports, the persona's form, the camera, memories, components, limits."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import gradio
import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from rapport.agent.agent import Agent
from rapport.agent.clock import SystemClock
from rapport.agent.registry import ComponentPool
from rapport.agent.response.deliberation import Candidate, Deliberation
from rapport.agent.stages import EmpathyPlan, PersonTurn, ReplyRequest
from rapport.agent.testing import (
    FakeEmotion,
    FakeMemory,
    FakeRenderer,
    FakeResponder,
    FakeVoice,
    VirtualClock,
    fake_agent,
)
from rapport.apps.demo import form
from rapport.apps.demo.assets import Assets
from rapport.apps.demo.camera import (
    FRESH_S,
    MAX_PICTURE_BYTES,
    Camera,
    Cameras,
    SeeingAgent,
    decoded,
    reading_record,
)
from rapport.apps.demo.camera import PATH as CAMERA_PATH
from rapport.apps.demo.conversation import Conversation
from rapport.apps.demo.exports import PATH as EXPORT_PATH
from rapport.apps.demo.limits import Limits
from rapport.apps.demo.media import MediaShelf
from rapport.apps.demo.panels import disclosure_html, words_html
from rapport.apps.demo.parts import choices, components_html, swap, used
from rapport.apps.demo.previews import face_picture, picture_html, voice_names, voice_sample
from rapport.apps.demo.remembered import Remembered, found_html, known_html
from rapport.apps.demo.serving import HEADERS, MAX_UPLOAD_BYTES, Guarding, is_local
from rapport.apps.demo.sessions import Sessions
from rapport.apps.demo.traits import trait_effects
from rapport.apps.demo.turnstile import Turnstile
from rapport.apps.demo.why import why_html
from rapport.memory.store import SqlMemory
from rapport.persona.affect import VAD, AffectState, EmotionEstimate
from rapport.persona.analytic import AnalyticTransition
from rapport.persona.card import FACE_SLIDERS, FaceCard, Persona, load_persona, shipped_personas
from rapport.persona.errors import InputError
from rapport.persona.transition import TransitionRequest, at_rest
from rapport.speech.audio import Transcript

NASTY = "<script>alert(1)</script>/../\"'"


async def held(conversation: Conversation, said: str = "I lost my job today.") -> None:
    async for _ in conversation.answer(said):
        pass


def talk(persona: Persona | None = None, **components: Any) -> Conversation:
    agent = fake_agent(persona or load_persona("harbor"), transition=AnalyticTransition(), rendering=None, **components)
    return Conversation(agent, MediaShelf(), "harbor")


# ------------------------------------------------------------------------------------------------------------ reasons


async def test_the_trait_that_moved_the_feeling_is_the_one_that_leans() -> None:
    sad = await FakeEmotion(VAD(-0.8, 0.4, -0.5)).estimate(PersonTurn(Transcript("I lost everything.")))
    assert isinstance(sad, EmotionEstimate)
    persona = Persona.model_validate({"name": "x", "big_five": {"neuroticism": 0.95}})
    request = TransitionRequest(at_rest(persona, 0.0), sad, persona, 0.0, "I lost everything.")
    effects = await trait_effects(AnalyticTransition().step, request)
    assert [effect.trait for effect in effects] == ["neuroticism"], "the others are average and did nothing"
    level = await AnalyticTransition().step(request)
    other = persona.model_copy(update={"big_five": Persona(name="x").big_five})
    plain = await AnalyticTransition().step(TransitionRequest(request.state, sad, other, 0.0, "I lost everything."))
    assert effects[0].valence == pytest.approx(level.emotion.valence - plain.emotion.valence)


async def test_a_card_tells_words_feeling_trait_plan_and_times() -> None:
    conversation = talk(emotion=[FakeEmotion(VAD(-0.8, 0.4, -0.5))])
    await held(conversation)
    await held(conversation, "And my dog died.")
    page = why_html(conversation)
    for told in ("<mark", "How Harbor's feeling moved", "Most of its own", "Strategy", "How fast", "first words"):
        assert told in page, told
    assert page.index('data-turn="2"') < page.index('data-turn="1"'), "the newest first"
    assert page.count('open=""') == 1


async def test_a_card_tells_what_else_might_have_been_said() -> None:
    class Weighing(FakeResponder):
        async def respond(self, request: ReplyRequest) -> AsyncIterator[Any]:
            yield EmpathyPlan("you lost your job", "sad", "", "", "reflection")
            yield "I'm sorry."
            scores = {"empathy": 0.9, "relevance": 0.5}
            best = Candidate("What will you do?", "exemplar", scores=scores, total=0.71)
            yield Deliberation("I'm sorry.", (best, Candidate(NASTY, "model", ("off the subject",), total=0.42)))
            yield "What will you do?"

    conversation = talk(response=Weighing())
    await held(conversation)
    page = why_html(conversation)
    for told in ("it weighed", "0.71", "What will you do?", "said, by an answer kept", "lost, by the language model"):
        assert told in page, told
    assert "left out: off the subject" in page and "empathy 0.90" in page and "<script" not in page


async def test_a_nasty_persona_name_stays_text_everywhere() -> None:
    conversation = talk(Persona(name=NASTY, biography=NASTY))
    await held(conversation, NASTY)
    assert "<script" not in why_html(conversation) + words_html(conversation)
    file = await conversation.exports.make("persona")
    assert file is not None and file.name == "persona.yaml", "no name from outside becomes a file's"


# ------------------------------------------------------------------------------------------------------------ exports


async def test_a_conversation_can_be_taken_along_and_its_trace_read_back(tmp_path: Path) -> None:
    from rapport.apps.traces import read_turns

    sessions = Sessions(lambda persona: fake_agent(load_persona(persona), rendering=None), "harbor")
    conversation = await sessions.of("tab")
    await held(conversation)
    files = {kind: await conversation.exports.make(kind) for kind in ("transcript", "trace", "emotionml", "card")}
    content = {kind: file.content.decode() for kind, file in files.items() if file is not None}
    assert "**You:** I lost my job today." in content["transcript"]
    (tmp_path / "trace.jsonl").write_text(content["trace"])
    assert read_turns(tmp_path / "trace.jsonl")[0].heard.text == "I lost my job today."
    assert "<emotionml" in content["emotionml"] and json.loads(content["card"])["spec"] == "chara_card_v3"
    with TestClient(Starlette(routes=sessions.routes())) as client:
        answer = client.get(f"{EXPORT_PATH}/{conversation.exports.token}/transcript")
        assert answer.text == content["transcript"] and "attachment" in answer.headers["content-disposition"]
        assert client.get(f"{EXPORT_PATH}/{conversation.exports.token}/secrets").status_code == 404
        assert client.get(f"{EXPORT_PATH}/guess/transcript").status_code == 404
    sessions.shut_down()


# ------------------------------------------------------------------------------------------------------------ persona


@pytest.mark.parametrize("name", shipped_personas())
def test_a_persona_goes_through_the_form_and_comes_back(name: str) -> None:
    persona = load_persona(name)
    back = form.persona_of(form.values_of(persona))
    parts = persona.face.ancestry.model_dump()
    total = sum(parts.values())
    assert back.face.ancestry.model_dump() == pytest.approx({k: v / total for k, v in parts.items()}, abs=0.01)
    same = {"face": persona.face.model_copy(update={"ancestry": back.face.ancestry})}
    assert back == persona.model_copy(update={**same, "biography": persona.biography.strip()})


def test_a_saved_persona_is_read_back() -> None:
    persona = load_persona("spark")
    for file in (form.yaml_file(persona), form.card_file(persona)):
        assert form.read_card(file.content).big_five == persona.big_five
        assert form.read_card(file.content).face == persona.face


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "YAML mapping"),
        (b"MZ\x90\x00\x03", "no persona card|YAML"),
        (b"\xff\xfe\xfa", "no persona card"),
        (b"a: " + b"x" * form.MAX_YAML_BYTES, "larger than"),
        (b"name: x\nbig_five: {openness: 7}", "openness"),
        (b'{"spec": "other"}', "version 2 or 3"),
    ],
)
def test_what_is_no_persona_is_refused(data: bytes, told: str) -> None:
    with pytest.raises(InputError, match=told):
        form.read_card(data)


def test_ten_answers_set_the_sliders_and_a_missing_one_is_asked_for() -> None:
    assert form.answered([7, 1, 4, 1, 4, 1, 7, 4, 7, 4]) == [0.5, 0.5, 1.0, 1.0, 0.0]
    with pytest.raises(InputError, match="all ten"):
        form.answered([7, 1, None, 1, 4, 1, 7, 4, 7, 4])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("given", "meant"), [("#aabbcc", "#aabbcc"), ("rgba(170, 187.2, 204, 1)", "#aabbcc"), ("#aabbccff", "#aabbcc")]
)
def test_every_spelling_of_a_colour_is_understood(given: str, meant: str) -> None:
    assert form.hexadecimal(given) == meant


async def test_moving_a_slider_changes_the_next_turn_and_keeps_the_conversation() -> None:
    async def felt(neuroticism: float) -> AffectState:
        conversation = talk(emotion=[FakeEmotion(VAD(-0.8, 0.4, -0.5))])
        await held(conversation)
        values = form.values_of(conversation.agent.persona)
        values[form.FIELDS.index("neuroticism")] = neuroticism
        conversation.become(form.persona_of(values))
        await held(conversation, "It is all my fault.")
        assert len(conversation.turns) == 2 and len(conversation.agent.history) == 2
        return conversation.agent.state

    steady, upset = await felt(0.0), await felt(1.0)
    assert upset.emotion.distance(steady.emotion) > 0.05


async def test_previews_show_and_sound() -> None:
    agent = fake_agent(load_persona("harbor"), rendering=FakeRenderer(size=32))
    picture = await face_picture(agent, FaceCard())
    assert picture is not None and Image.open(io.BytesIO(picture)).size == (32, 32)
    assert "data:image/jpeg;base64," in picture_html(picture)
    sample = await voice_sample(agent, agent.persona)
    assert sample is not None and sample[1] == "audio/wav"
    assert isinstance(await voice_names(agent), tuple)
    mute = fake_agent(voice=None, rendering=None)
    assert await face_picture(mute, FaceCard()) is None and await voice_sample(mute, mute.persona) is None
    assert "No face" in picture_html(None)


# ------------------------------------------------------------------------------------------------------------- camera


def jpeg(size: tuple[int, int] = (64, 48)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (200, 150, 120)).save(file, "JPEG")
    return file.getvalue()


def seeing(clock: VirtualClock | None = None, emotion: list[Any] | None = None) -> SeeingAgent:
    like = fake_agent(load_persona("harbor"), emotion=emotion or [FakeEmotion(), FakeEmotion(modality="face")])
    pool: ComponentPool = like.runners["voice"]._pool  # pyright: ignore[reportPrivateUsage]
    return SeeingAgent(like.persona, like.config, clock=clock, pool=pool, seed=0, guard=like.guard)


async def test_what_the_camera_saw_lately_is_read_with_the_turn() -> None:
    agent = seeing()
    conversation = Conversation(agent, MediaShelf(), "harbor")
    await held(conversation)
    assert set(conversation.turns[0].perceived.modalities) == {"text"}  # type: ignore[union-attr]
    conversation.camera.look(jpeg())
    await held(conversation)
    assert set(conversation.turns[1].perceived.modalities) == {"text", "face"}  # type: ignore[union-attr]
    conversation.camera.forget()
    await held(conversation)
    assert set(conversation.turns[2].perceived.modalities) == {"text"}  # type: ignore[union-attr]


def test_old_pictures_are_not_shown_to_a_turn() -> None:
    clock = VirtualClock()
    camera = Camera(seeing(clock))
    camera.look(jpeg())
    assert len(camera.frames()) == 1
    clock.advance(FRESH_S + 0.1)
    assert camera.frames() == ()


@pytest.mark.parametrize(
    "data", [b"", b"no picture", b"MZ" + b"\0" * 500, b"x" * (MAX_PICTURE_BYTES + 1), jpeg((2000, 8))]
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="switch it on again"):
        decoded(data)


def test_pictures_that_come_too_fast_are_refused() -> None:
    camera = Camera(seeing(VirtualClock()))
    camera.begin()
    with pytest.raises(InputError):
        for _ in range(100):
            camera.look(jpeg())


def test_the_camera_answers_with_bars_and_words_and_forgets() -> None:
    camera = Camera(seeing())
    cameras = Cameras()
    cameras.register(camera)
    with TestClient(Starlette(routes=[cameras.route()])) as client:
        with client.websocket_connect(f"{CAMERA_PATH}/{camera.token}") as socket:
            socket.send_bytes(jpeg())
            told = socket.receive_json()
            assert len(told["bars"]) == 3 and told["words"]
        assert camera.frames() == (), "nothing stays"
        with client.websocket_connect(f"{CAMERA_PATH}/{camera.token}") as socket:
            socket.send_bytes(b"MZ no picture")
            assert socket.receive()["code"] == 1008


def test_no_face_is_said_in_words() -> None:
    assert reading_record(None)["words"] == "No face is seen clearly."


# ------------------------------------------------------------------------------------------------------------- memory


async def test_what_is_remembered_is_found_corrected_and_erased() -> None:
    memory = SqlMemory(":memory:")
    conversation = talk(memory=memory)
    await held(conversation, "My dog Rex died.")
    await held(conversation, "I like tea.")
    remembered = Remembered(conversation.agent)
    found = await remembered.search("what about my dog?")
    assert "Rex" in found[0].person and "Rex" in found_html(found)
    lines = await remembered.lines()
    assert [label.endswith(words) for (label, _), words in zip(lines, ("I like tea.", "My dog Rex died."), strict=True)]
    assert await remembered.words_of(lines[1][1]) == "My dog Rex died."
    await remembered.correct(lines[1][1], "My dog Max died.")
    everything = json.dumps(await remembered.everything())
    assert "Max" in everything and "Rex" not in everything
    assert [said.person for said in conversation.agent.history] == ["My dog Max died.", "I like tea."]
    assert "Max" in known_html(await remembered.everything())
    with pytest.raises(InputError, match="not remembered"):
        await remembered.correct("9@nowhere", "x")
    with pytest.raises(InputError, match="characters"):
        await remembered.correct(lines[1][1], "x" * 5000)
    assert await remembered.erase() == 2
    assert "Nothing is remembered" in known_html(await remembered.everything())
    memory.close()


async def test_a_store_that_cannot_tell_has_nothing() -> None:
    remembered = Remembered(talk(memory=FakeMemory()).agent)
    assert await remembered.lines() == [] and await remembered.erase() == 0


async def test_only_who_wants_it_is_remembered_after_the_tab_closes() -> None:
    memory = SqlMemory(":memory:")

    def make(persona: str, person: str | None = None) -> Agent:
        like = fake_agent(load_persona(persona), memory=memory, rendering=None)
        pool = like.runners["voice"]._pool  # pyright: ignore[reportPrivateUsage]
        return Agent(like.persona, like.config, person_id=person, pool=pool, guard=like.guard)

    sessions = Sessions(make, "harbor", make)
    await held(await sessions.of("one"), "a secret")
    await sessions.end("one")
    assert await memory.people() == {}
    kept = await sessions.begin("two", "harbor", "somebody")
    assert "stays on this machine" in disclosure_html(kept=kept.kept)
    await held(kept, "remember this")
    await sessions.end("two")
    assert await memory.people() == {"somebody": 1}
    with pytest.raises(InputError, match="nothing is kept"):
        await Sessions(make, "harbor").begin("three", "harbor", "somebody")
    memory.close()
    sessions.shut_down()


# --------------------------------------------------------------------------------------------------------- components


async def test_a_stage_is_swapped_for_the_next_turn_and_the_old_one_stands_behind_it() -> None:
    conversation = talk(emotion=[FakeEmotion(VAD(-0.8, 0.4, -0.5))])
    assert "hold" in choices("transition")
    assert await swap(conversation.agent, "transition", "hold") == "transition is done by hold from the next turn on."
    assert used(conversation.agent, "transition") == "hold"
    assert len(conversation.agent.runners["transition"].config.chain) == 2
    before = conversation.agent.feeling().emotion
    await held(conversation)
    assert conversation.agent.state.emotion.distance(before) < 0.05
    for stage, name in (("memory", "sql"), ("transition", "../../etc"), ("voice", "coqui-nobody")):
        with pytest.raises(InputError):
            await swap(conversation.agent, stage, name)
    assert "faster-whisper" in components_html()


# -------------------------------------------------------------------------------------------------- for many at a time


async def test_the_line_moves_up_in_order_and_who_leaves_makes_room() -> None:
    turnstile, places = Turnstile(1), {name: list[int]() for name in "abcd"}
    ends = {name: asyncio.Event() for name in "abcd"}

    async def visit(name: str) -> None:
        async with turnstile.passing(places[name].append):
            await ends[name].wait()

    tasks = {name: asyncio.create_task(visit(name)) for name in "abcd"}
    await asyncio.sleep(0)
    assert places == {"a": [0], "b": [1], "c": [2], "d": [3]}
    tasks["b"].cancel()
    await asyncio.gather(tasks["b"], return_exceptions=True)
    assert places["c"] == [2, 1] and places["d"] == [3, 2]
    ends["a"].set()
    await tasks["a"]
    await asyncio.sleep(0)
    assert places["c"][-1] == 0 and places["d"][-1] == 1
    for name in "cd":
        ends[name].set()
    await asyncio.gather(tasks["c"], tasks["d"])
    assert turnstile.waiting == 0
    async with turnstile.passing(places["a"].append):
        assert places["a"][-1] == 0


async def test_who_waits_is_told_the_place_and_nobody_is_lost() -> None:
    turnstile = Turnstile(1)
    shelf = MediaShelf()
    conversations = [
        Conversation(fake_agent(rendering=None, voice=FakeVoice()), shelf, "fake", turnstile=turnstile)
        for _ in range(8)
    ]
    told: list[str] = []

    async def say(conversation: Conversation) -> None:
        async for _ in conversation.answer("hello"):
            if conversation.place:
                told.append(words_html(conversation))

    await asyncio.gather(*(say(conversation) for conversation in conversations))
    assert all(conversation.turns[0].clauses for conversation in conversations)
    assert any("You are number 3 in line" in page for page in told)


def test_limits_of_turns_rate_and_a_clock_that_jumps() -> None:
    clock = VirtualClock()
    limits = Limits(clock, most_turns=5, most_per_minute=2)
    limits.take_turn()
    limits.take_turn()
    with pytest.raises(InputError, match="faster than anybody"):
        limits.take_turn()
    clock.advance(61.0)
    assert limits.idle_s == pytest.approx(61.0)
    limits.take_turn()
    limits.touch()
    assert limits.idle_s == 0.0
    clock.advance(61.0)
    limits.take_turn()
    clock.advance(-500.0)
    assert limits.idle_s == 0.0
    limits.take_turn()
    with pytest.raises(InputError, match="5 turns"):
        limits.take_turn()


async def test_a_turn_beyond_the_limit_is_refused_in_words() -> None:
    agent = fake_agent(rendering=None)
    conversation = Conversation(agent, MediaShelf(), "x", limits=Limits(SystemClock(), most_turns=1))
    await held(conversation)
    await held(conversation)
    assert "start over" in words_html(conversation) and len(conversation.turns) == 1


async def test_idle_conversations_make_room() -> None:
    clock = VirtualClock()
    sessions = Sessions(lambda persona: fake_agent(load_persona(persona), clock=clock), "harbor")
    first = await sessions.of("first")
    clock.advance(3601.0)
    await sessions.of("second")
    assert first.closed and sessions.open_tabs == 1
    sessions.shut_down()


# ------------------------------------------------------------------------------------------------------------ serving


def test_every_answer_carries_the_policy_and_too_much_is_refused_unread() -> None:
    async def plain(request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    app = Starlette(routes=[Route("/", plain, methods=["GET", "POST"])], middleware=[Middleware(Guarding)])
    with TestClient(app) as client:
        answer = client.get("/")
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert "http:" not in answer.headers["content-security-policy"]
        big = client.post("/", content=b"x", headers={"content-length": str(MAX_UPLOAD_BYTES + 1)})
        assert big.status_code == 413 and "25 MB" in big.text


@pytest.mark.parametrize("at", ["", "/talk"])
def test_the_pages_own_scripts_come_from_memory_and_nothing_else_does(at: str) -> None:
    async def beyond(request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"asked: {request.url.path}")

    inner = Starlette(routes=[Route("/{path:path}", beyond)], middleware=[Middleware(Assets)])
    shipped = sorted((Path(gradio.__file__).parent / "templates" / "frontend" / "assets").glob("index-*.js"))[0]
    with TestClient(Starlette(routes=[Mount(at, inner)]) if at else inner) as client:
        answer = client.get(f"{at}/assets/{shipped.name}")
        assert answer.content == shipped.read_bytes()
        assert "javascript" in answer.headers["content-type"] and "immutable" in answer.headers["cache-control"]
        head = client.head(f"{at}/assets/{shipped.name}")
        assert head.content == b"" and head.headers["content-length"] == str(shipped.stat().st_size)
        for other in (
            "/assets/../index.html",
            "/assets/%2e%2e/index.html",
            "/assets/",
            "/assets/none.js",
            f"/{shipped.name}",
        ):
            assert client.get(at + other).text.startswith("asked: ")


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("a.example", False)],
)
def test_only_this_machines_own_addresses_are_private(host: str, local: bool) -> None:
    assert is_local(host) is local


def test_every_slider_of_the_face_is_in_the_form() -> None:
    assert set(FACE_SLIDERS) <= set(form.FIELDS) and len(set(form.FIELDS)) == len(form.FIELDS)
    assert np.isfinite([v for v in form.values_of(load_persona("harbor")) if isinstance(v, float)]).all()
