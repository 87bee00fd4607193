"""The examples do what their first lines say, on fakes; the event stream is what docs/embed.md says it is."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from rapport.agent.config import AgentConfig
from rapport.agent.testing import FakeResponder, fake_agent
from rapport.apps.demo.sessions import Sessions
from rapport.apps.demo.stream import MAX_MESSAGE_CHARACTERS, PATH, VERSION, events_route
from rapport.persona.card import load_persona

EXAMPLES = Path(__file__).parents[1] / "examples"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_journal_answers_every_entry_and_draws_the_week(tmp_path: Path) -> None:
    diary = tmp_path / "diary.txt"
    diary.write_text("I lost my job today.\n\nMy sister called.\n")
    lines = example("journal").keep_journal(diary, tmp_path / "week.html", fake_agent(rendering=None))
    assert len(lines) == 2 and "I'm sorry to hear that." in lines[0]
    assert "<svg" in (tmp_path / "week.html").read_text()


def test_two_minds_talk_in_turns_and_leave_a_trace(tmp_path: Path) -> None:
    one = fake_agent(load_persona("willow"), response=FakeResponder(("So do I.",)), rendering=None)
    two = fake_agent(load_persona("spark"), response=FakeResponder(("Tell me more.",)), rendering=None)
    lines = example("two_minds").talk(one, two, "Hello.", 2, tmp_path / "t.jsonl")
    assert [(who, words) for who, _, words in lines] == [
        ("willow", "Hello."),
        ("spark", "Tell me more."),
        ("willow", "So do I."),
        ("spark", "Tell me more."),
        ("willow", "So do I."),
    ]
    assert len((tmp_path / "t.jsonl").read_text().splitlines()) == 2


@pytest.mark.models
def test_the_service_answers_and_carries_the_page() -> None:
    config = AgentConfig.model_validate({"response": "rules", "emotion": ["minilm"], "memory": "none"})
    sessions = Sessions(lambda persona: fake_agent(load_persona(persona)), "harbor")
    with TestClient(example("companion_api").create_app(config, sessions)) as client:
        answer = client.post("/api/reply", json={"text": "I lost my job today."}).json()
        assert answer["text"] and answer["you"]
        assert client.post("/api/reply", json={"text": "  "}).status_code == 422
        page = client.get("/")
        assert page.status_code == 200 and "Rapport" in page.text
        with client.websocket_connect("/api/events") as socket:
            socket.send_json({"text": "Hello."})
            assert socket.receive_json()["type"] == "heard"
    sessions.shut_down()


# --------------------------------------------------------------------------------------------------- the event stream


def asked(*messages: str) -> list[dict[str, Any]]:
    """Every record that comes back, to the end of the last message's turn."""
    app = Starlette(routes=[events_route(lambda: fake_agent(rendering=None))])
    told: list[dict[str, Any]] = []
    with TestClient(app) as client, client.websocket_connect(PATH) as socket:
        for message in messages:
            socket.send_text(message)
            while not told or told[-1]["type"] not in {"done", "refused"}:
                told.append(socket.receive_json())
            told.append({"type": "end of message"})
    return [record for record in told if record["type"] != "end of message"]


def test_a_turn_comes_as_versioned_records_in_order() -> None:
    told = asked(json.dumps({"text": "I lost my job today."}))
    assert {record["version"] for record in told} == {VERSION}
    kinds = [record["type"] for record in told]
    assert kinds[:4] == ["heard", "perceived", "felt", "planned"] and kinds[-1] == "done"
    by_kind = {record["type"]: record for record in told}
    assert by_kind["heard"]["text"] == "I lost my job today."
    assert set(by_kind["perceived"]["fused"]) == {"label", "probabilities", "vad", "vad_sd"}
    assert by_kind["spoken"]["words"] and "audio" not in by_kind["spoken"] and "face" not in by_kind
    assert by_kind["done"]["trace"]["turn"] == 0 or by_kind["done"]["trace"]["turn"] == 1


def test_sound_and_face_come_when_they_are_wanted() -> None:
    import base64

    told = {record["type"]: record for record in asked(json.dumps({"text": "Hi.", "audio": True, "face": True}))}
    assert base64.b64decode(told["spoken"]["audio"]).startswith(b"RIFF")
    assert len(told["face"]["weights"][0]) == 52 and len(told["face"]["gaze"][0]) == 2


@pytest.mark.parametrize(
    "message",
    ["", "hello", "[]", '{"text": 5}', "[" * 50_000, '"x"', "x" * (MAX_MESSAGE_CHARACTERS + 1), '{"text": " "}'],
)
def test_rubbish_is_refused_and_the_next_line_is_answered(message: str) -> None:
    told = asked(message, json.dumps({"text": "Hello."}))
    assert told[0]["type"] == "refused" and told[0]["reason"]
    assert told[-1]["type"] == "done"
