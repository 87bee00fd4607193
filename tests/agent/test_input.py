"""What a person may give: any text and any sound is answered, or refused with one line that says what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rapport.agent import AgentConfig, Utterance
from rapport.agent.events import Done, Heard, Refused
from rapport.agent.testing import FakeEmotion, FakeRecognizer, fake_agent
from rapport.agent.utterance import clean
from rapport.persona.errors import InputError
from rapport.speech.audio import Audio


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("x" * 100_000, "at most 4,000"),
        ("", "type or say something"),
        (" \t\n\u00a0\u2003 ", "type or say something"),
        ("\x00\x07\x1b\u200b", "type or say something"),
        (Utterance(), "give a text or audio"),
        (Utterance(audio=Audio.silence(0.0)), "record it again"),
        (Utterance(audio=Audio.silence(0.01)), "record it again"),
        (Utterance(audio=Audio.silence(3600.0, 1000)), "cut it into parts"),
        (Utterance(text="  ", audio=Audio.silence(0.0)), "record it again"),
        (Utterance(text="hello", audio=Audio.silence(3600.0, 1000)), "cut it into parts"),
        (Utterance(frames=(np.zeros((4, 4, 3), np.uint8),)), "give a text or audio"),
    ],
    ids=str,
)
def test_what_cannot_be_a_turn_is_refused_in_one_line(given: Any, says: str, clock: Any, converse: Any) -> None:
    agent = fake_agent(clock=clock)
    events = converse(agent, given)
    assert [type(event) for event in events] == [Refused]
    assert says in events[0].reason and "\n" not in events[0].reason
    with pytest.raises(InputError, match=says):
        agent.say(given)
    assert (agent.turns, len(agent.history)) == (0, 0)
    assert agent.say("hello").trace.turn == 1


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("  I lost\n\tmy   job ", "I lost my job"),
        ("bell\x07 null\x00 escape\x1b[31m", "bell null escape [31m"),
        ("\U0001f622\U0001f622", "\U0001f622\U0001f622"),
        ("\U0001f469\u200d\U0001f467 \u2764\ufe0f", "\U0001f469\u200d\U0001f467 \u2764\ufe0f"),
        ("\U0001fae8", "\U0001fae8"),
        ("ex\u00adample and zero\u200bwidth", "example and zerowidth"),
        ("\ufeffhello", "hello"),
        ("lone \ud83d surrogate", "lone surrogate"),
        ("right\u202eto left", "rightto left"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
        ("naïve café 日本語", "naïve café 日本語"),
    ],
    ids=ascii,
)
def test_odd_text_is_heard_as_a_person_would_read_it(text: str, heard: str, clock: Any, converse: Any) -> None:
    events = converse(fake_agent(clock=clock), text)
    assert isinstance(events[-1], Done)
    assert [event.transcript.text for event in events if isinstance(event, Heard)] == [heard]
    events[-1].reply.trace.model_dump_json()


def test_cleaning_is_idempotent_and_leaves_plain_text_alone() -> None:
    text = "It's 5 o'clock - (really)? \U0001f600 \u00bfqu\u00e9?"
    assert clean(text) == text
    assert clean(clean("a\x00 b")) == clean("a\x00 b")


def test_the_longest_text_that_is_allowed_is_answered(clock: Any) -> None:
    agent = fake_agent(clock=clock)
    assert agent.say("x" * agent.config.max_text_chars).text


def test_silence_that_holds_no_words_gets_an_answer_and_no_text_emotion(clock: Any) -> None:
    text, voice = FakeEmotion(), FakeEmotion(modality="voice")
    agent = fake_agent(clock=clock, recognition=FakeRecognizer(""), emotion=[text, voice])
    reply = agent.say(Utterance(audio=Audio.silence(1.0)))
    assert reply.text
    assert (text.calls, voice.calls) == (0, 1)


def test_limits_come_from_the_configuration(clock: Any, converse: Any) -> None:
    agent = fake_agent(clock=clock, config=AgentConfig(max_text_chars=5, max_audio_s=1.0))
    assert isinstance(converse(agent, "sixsix")[0], Refused)
    assert isinstance(converse(agent, Utterance(audio=Audio.silence(1.5)))[0], Refused)
    assert isinstance(converse(agent, "five5")[-1], Done)
