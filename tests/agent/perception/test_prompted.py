"""Emotions by a chat model's JSON: what is taken, what is asked for again, what is refused."""

import json
from itertools import cycle

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from rapport.agent.perception.prompted import PromptedEmotion
from rapport.agent.stages import PersonTurn
from rapport.memory.records import Exchange
from rapport.persona.errors import StageError
from rapport.speech.audio import Transcript

GOOD = json.dumps(
    {
        "emotions": {"grief": 0.6, "sadness": 0.2},
        "valence": -0.8,
        "arousal": -0.1,
        "dominance": -0.5,
        "evidence": ["died", "hospital"],
    }
)


def recogniser(*answers: str) -> PromptedEmotion:
    made = PromptedEmotion.__new__(PromptedEmotion)
    made._chat = GenericFakeChatModel(messages=(AIMessage(text) for text in cycle(answers)))
    return made


def turn(text: str) -> PersonTurn:
    return PersonTurn(Transcript(text), history=(Exchange('She is "ill".', "I am sorry."),))


async def test_the_object_becomes_an_estimate_and_invented_evidence_is_dropped():
    estimate = await recogniser(GOOD).estimate(turn("My aunt died."))
    assert estimate is not None
    assert estimate.label == "grief"
    assert estimate.distribution.as_dict()["grief"] == pytest.approx(0.75)
    assert estimate.vad.as_tuple() == (-0.8, -0.1, -0.5)
    assert [item.text for item in estimate.evidence] == ["died"]


@pytest.mark.parametrize(
    "bad",
    [
        "I think it is grief.",
        "[]",
        '{"emotions": {"bliss": 1}, "valence": 0, "arousal": 0, "dominance": 0}',
        '{"emotions": {"joy": 1}, "valence": 7, "arousal": 0, "dominance": 0}',
        '{"emotions": {}, "valence": 0, "arousal": 0, "dominance": 0}',
        '{"emotions": {"joy": NaN}, "valence": 0, "arousal": 0, "dominance": 0}',
        "[" * 100_000,
    ],
)
async def test_anything_else_is_asked_for_once_more_and_then_refused(bad: str):
    repaired = await recogniser(bad, GOOD).estimate(turn("My aunt died."))
    assert repaired is not None and repaired.label == "grief"
    with pytest.raises(StageError, match="no emotion that can be read"):
        await recogniser(bad).estimate(turn("My aunt died."))


async def test_silence_is_not_asked_about():
    assert await recogniser().estimate(turn("  ")) is None
