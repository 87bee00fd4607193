"""A conversation as a video: what is kept of it, what is drawn, how long it lasts, and when there is none."""

from __future__ import annotations

import io
from typing import Any

import av
import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from rapport.agent import Utterance
from rapport.agent import events as ev
from rapport.agent.agent import Agent
from rapport.agent.testing import FakeRenderer, FakeResponder, fake_agent
from rapport.apps.demo import film as film_module
from rapport.apps.demo.exports import PATH, VIDEO, ExportDesk, Exports, conversation_links
from rapport.apps.demo.film import RATE_HZ, SHORTEST_S, WORD_S, Film, heard_until_s
from rapport.apps.demo.titles import captioned, card
from rapport.persona.errors import ComponentError, InputError
from rapport.speech.audio import Audio, SpokenClause, Word

SIZE = 96
RED = (255, 0, 0)
REPLY_S = 9 * 0.3
"""Nine words of the fake voice."""


class RedRenderer(FakeRenderer):
    async def render(self, track: Any, face: Any) -> Any:
        async for picture in super().render(track, face):
            yield np.full_like(picture, RED)


def talker(**components: Any) -> tuple[Agent, Film]:
    chosen: dict[str, Any] = {
        "rendering": RedRenderer(size=SIZE),
        "response": FakeResponder(("I am sorry to hear that.", "What happened today?")),
        **components,
    }
    agent = fake_agent(**chosen)
    return agent, Film(agent)


async def talked(agent: Agent, film: Film, said: Utterance | str = "I lost my job.") -> None:
    film.hears(said.audio if isinstance(said, Utterance) else None)
    async for event in agent.converse(said):
        film.take(event)


def played(content: bytes) -> tuple[list[np.ndarray[Any, Any]], np.ndarray[Any, Any], float]:
    """Pictures, sound and its rate, as a player sees them."""
    with av.open(io.BytesIO(content)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with av.open(io.BytesIO(content)) as container:
        sound = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
        rate_hz = container.streams.audio[0].rate
    return pictures, np.concatenate(sound), rate_hz


def is_face(picture: np.ndarray[Any, Any]) -> bool:
    """Whether its upper part is the red face as the renderer draws it, not a darkened card."""
    return float(picture[: SIZE // 3, :, 0].mean()) > 180.0


async def test_the_person_comes_first_and_then_the_reply_with_its_face() -> None:
    agent, film = talker()
    await talked(agent, film)
    file = await film.file()
    assert (file.name, file.media_type, file.shown_by) == ("conversation.mp4", "video/mp4", "")
    pictures, sound, rate_hz = played(file.content)
    card_s = SHORTEST_S + 4 * WORD_S
    faces = [is_face(picture) for picture in pictures]
    assert faces.index(True) == round(card_s * 25) and all(faces[faces.index(True) :])
    assert len(pictures) / 25 == pytest.approx(card_s + REPLY_S, abs=0.05)
    assert len(sound) / rate_hz == pytest.approx(len(pictures) / 25, abs=0.1)
    silent, speaking = sound[: int(0.8 * card_s * rate_hz)], sound[int((card_s + 0.2) * rate_hz) :]
    assert float(np.abs(silent).max()) < 0.01 < float(np.abs(speaking).mean())


async def test_a_recorded_voice_is_heard_in_the_place_of_the_silence() -> None:
    agent, film = talker()
    tone = Audio((0.3 * np.sin(np.arange(32_000) * 0.1)).astype(np.float32), 16_000)
    await talked(agent, film, Utterance(audio=tone))
    _, sound, rate_hz = played((await film.file()).content)
    assert float(np.abs(sound[int(0.3 * rate_hz) : int(1.7 * rate_hz)]).mean()) > 0.1
    await talked(agent, film, "And my dog died.")
    assert [take.person_pcm is None for take in film.takes] == [False, True], "a sound belongs to its own turn only"


async def test_turns_follow_each_other_and_are_told_once() -> None:
    agent, film = talker()
    for said in ("One.", "Two.", "Three."):
        await talked(agent, film, said)
    assert [take.person for take in film.takes] == ["One.", "Two.", "Three."]
    assert [take.turn for take in film.takes] == [take.turn for take in film.takes] == [1, 2, 3]
    pictures, _, _ = played((await film.file()).content)
    assert len(pictures) / 25 == pytest.approx(3 * (SHORTEST_S + WORD_S + REPLY_S), abs=0.1)


async def test_a_reply_is_cut_to_what_was_heard() -> None:
    agent, film = talker()
    await talked(agent, film)
    agent.interrupt(1.0)
    (take,) = film.takes
    assert take.reply == "I am sorry" and take.reply_pcm is not None and take.track is not None
    assert len(take.reply_pcm) / RATE_HZ == pytest.approx(0.9) and len(take.track) <= 23


async def test_without_a_face_the_words_stand_on_a_card() -> None:
    agent, film = talker(rendering=None)
    await talked(agent, film)
    pictures, sound, rate_hz = played((await film.file()).content)
    assert len(pictures) / 25 == pytest.approx(SHORTEST_S + 4 * WORD_S + REPLY_S, abs=0.05)
    assert float(np.abs(sound[-int(rate_hz) :]).max()) > 0.01, "the voice is heard all the same"


async def test_an_agent_that_only_writes_is_filmed_as_cards() -> None:
    agent, film = talker(rendering=None, animation=None, voice=None)
    await talked(agent, film)
    pictures, _, _ = played((await film.file()).content)
    assert len(pictures) / 25 == pytest.approx(2 * SHORTEST_S + (4 + 9) * WORD_S, abs=0.05)


async def test_only_the_last_minutes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film_module, "MOST_S", 2.5 * REPLY_S)
    agent, film = talker()
    for number in range(6):
        await talked(agent, film, f"Line {number}.")
    assert [take.person for take in film.takes] == ["Line 3.", "Line 4.", "Line 5."]


# ------------------------------------------------------------------------------------------------------- refusals


async def test_nothing_to_film_and_no_encoder_are_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    agent, film = talker()
    exports = Exports()
    assert "Video" not in conversation_links(exports), "no link to what is not offered"
    exports.offer(VIDEO, film.file)
    assert "Video (mp4)" in conversation_links(exports)
    desk = ExportDesk()
    desk.register(exports)
    client = TestClient(Starlette(routes=[desk.route()]))
    answer = client.get(f"{PATH}/{exports.token}/{VIDEO}")
    assert answer.status_code == 409 and answer.text.startswith("There is nothing to film yet")
    assert answer.headers["content-type"].startswith("text/plain")
    with pytest.raises(InputError):
        await film.file()
    await talked(agent, film)

    def none() -> str:
        raise ComponentError("this build of PyAV has no H.264 encoder")

    monkeypatch.setattr(film_module, "h264_encoder", none)
    answer = client.get(f"{PATH}/{exports.token}/{VIDEO}")
    assert answer.status_code == 409 and answer.text == "This build of PyAV has no H.264 encoder."


# ------------------------------------------------------------------------------------------------------- pictures


def spoken(*clauses: tuple[str, float]) -> list[ev.Spoken]:
    start_s, items = 0.0, list[ev.Spoken]()
    for index, (text, length_s) in enumerate(clauses):
        words = text.split()
        step_s = length_s / len(words)
        timed = tuple(Word(word.strip(".,"), i * step_s, (i + 1) * step_s) for i, word in enumerate(words))
        items.append(ev.Spoken(index, SpokenClause(text, Audio.silence(length_s, 8000), timed), start_s))
        start_s += length_s
    return items


def test_the_moment_of_an_interruption_is_found_from_the_words() -> None:
    items = spoken(("I am here.", 1.5), ("Tell me more, please.", 2.0))
    assert heard_until_s(items, "I am here. Tell me more, please.") == pytest.approx(3.5)
    assert heard_until_s(items, "I am here.") == pytest.approx(1.5)
    assert heard_until_s(items, "I am here. Tell me") == pytest.approx(2.5)
    assert heard_until_s([], "I am here.") == 0.0


def test_words_are_drawn_and_however_many_there_are_they_stay_inside() -> None:
    still = np.full((128, 128, 3), 100, np.uint8)
    assert captioned(still, "") is still
    below = captioned(still, "Hello there.")
    assert below.shape == still.shape and (below[:64] == still[:64]).all() and (below[64:] != still[64:]).any()
    for words in ("", "Hi.", "much to say " * 400, "x" * 4000):
        drawn = card(still, words)
        edge = np.concatenate([drawn[:4].reshape(-1, 3), drawn[-4:].reshape(-1, 3)])
        assert drawn.shape == still.shape and (edge == edge[0]).all(), "nothing is written on the edge"
        assert (drawn != drawn[0, 0]).any()
