"""Length, formality, humour and questions per turn are settings that hold, however long the talk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from rapport.agent.response.chain import FORM
from rapport.agent.response.responder import LangChainResponder
from rapport.agent.response.rules import RuleResponder
from rapport.agent.response.style import Style, fit, in_style, questions_in, questions_left, style_in_words, style_of
from rapport.agent.stages import EmpathyPlan, ReplyRequest
from rapport.memory.records import Exchange
from rapport.persona.card import Persona, load_persona

LINES = (
    ("I lost my job today and my wife does not know.", "sadness"),
    ("My sister forgot my birthday again.", "anger"),
    ("I have to give a talk tomorrow and I can't sleep.", "fear"),
    ("I finally passed my driving test!", "joy"),
    ("I walked past my old house yesterday.", "neutral"),
    ("I don't know, it's just everything.", "sadness"),
    ("My dog is sick and the vet has no idea.", "sadness"),
    ("Hello!", "neutral"),
)
HISTORY_TURNS = 4
"""As many exchanges as the agent shows a responder."""


async def talk(respond: RuleResponder | LangChainResponder, asked, manner: str, turns: int = 100) -> list[str]:
    """The replies to `turns` lines, each of which sees the last exchanges."""
    history: list[Exchange] = []
    persona = Persona(name="aria", manner=manner)
    for k in range(turns):
        line, emotion = LINES[k % len(LINES)]
        request: ReplyRequest = replace(
            asked(line, emotion, seed=k, history=tuple(history[-HISTORY_TURNS:])), persona=persona
        )
        items: AsyncIterator[EmpathyPlan | str] = respond.respond(request)
        reply = " ".join([item async for item in items if isinstance(item, str)])
        history.append(Exchange(line, reply, emotion))
    return [exchange.agent for exchange in history]


@pytest.mark.parametrize("manner", ["Brief.", "Short sentences.", "Calm.", "Blunt, brief.", "Anxious, short."])
async def test_the_rules_keep_the_average_length_over_a_hundred_turns(asked, manner: str) -> None:
    replies = await talk(RuleResponder(), asked, manner)
    least, most = style_of(Persona(name="aria", manner=manner)).words
    assert least <= sum(len(reply.split()) for reply in replies) / len(replies) <= most


@pytest.mark.parametrize(
    ("manner", "most"), [("No questions.", 0.0), ("Few questions.", 0.5), ("Calm.", 1.0), ("Asks a lot.", 2.0)]
)
async def test_no_more_questions_than_the_setting_over_a_hundred_turns(asked, manner: str, most: float) -> None:
    assert style_of(Persona(name="aria", manner=manner)).questions_per_turn == most
    replies = await talk(RuleResponder(), asked, manner)
    assert sum(map(questions_in, replies)) <= most * len(replies)
    assert most == 0 or any(map(questions_in, replies))
    assert all(reply.strip() for reply in replies)


async def test_a_chat_model_that_does_not_keep_to_it_is_kept_to_it(asked) -> None:
    """A model that always writes long replies full of questions."""

    def answers():
        for k in range(100):
            response = (
                f"It sounds hard, number {k}. What happened then in round {k}? Why is that, really, time {k}? "
                f"There is a lot in what you tell me here and I would like to take my time with all of it today {k}."
            )
            yield AIMessage(
                FORM.format(event="a day", emotion="sad", cause="a thing", goal="comfort", response=response)
            )

    model = LangChainResponder.from_chat_model(GenericFakeChatModel(messages=answers()))
    replies = await talk(model, asked, "Brief. Few questions.")
    assert sum(map(questions_in, replies)) <= 0.5 * len(replies)
    assert sum(len(reply.split()) for reply in replies) / len(replies) <= 15


async def test_the_formal_use_no_contractions(asked) -> None:
    replies = await talk(RuleResponder(), asked, "Formal and calm.", turns=24)
    assert not any("'m " in reply or "n't " in reply or "'re " in reply for reply in replies)
    assert any("'" in reply for reply in await talk(RuleResponder(), asked, "Calm.", turns=24))


async def test_humour_is_for_the_glad_and_never_for_the_hurt(asked) -> None:
    funny = await talk(RuleResponder(), asked, "Calm, with humour.", turns=200)
    dance = [k for k, reply in enumerate(funny) if "dance" in reply or "frame this day" in reply]
    assert dance and {LINES[k % len(LINES)][1] for k in dance} == {"joy"}
    serious = await talk(RuleResponder(), asked, "Calm, no jokes.", turns=200)
    assert not any("dance" in reply for reply in serious)


def test_shipped_personas_have_the_styles_that_their_cards_describe() -> None:
    styles = {name: style_of(load_persona(name)) for name in ("harbor", "spark", "willow")}
    assert styles["harbor"].length == "short"
    assert styles["spark"].humour > 0.5 and styles["spark"].formality < 0.3
    assert styles["willow"].formality > 0.5


@given(st.lists(st.integers(0, 3), max_size=4), st.floats(0, 2))
def test_what_is_left_never_takes_the_average_above_the_setting(asked_before: list[int], setting: float) -> None:
    history = [Exchange("Well.", "Oh? " * n or "Oh.") for n in asked_before]
    left = questions_left(Style(questions_per_turn=setting), history)
    assert left >= 0
    assert left == 0 or sum(asked_before) + left <= setting * (len(history) + 1) + 1e-6


@pytest.mark.parametrize(
    ("sentence", "formal"),
    [
        ("I'm sorry, it's hard.", "I am sorry, it is hard."),
        ("You can't, won't and didn't.", "You cannot, will not and did not."),
        ("Let's see what they've done; you'll know.", "Let us see what they have done; you will know."),
        ("Your sister's dog is here.", "Your sister's dog is here."),
    ],
)
def test_contractions_are_written_out(sentence: str, formal: str) -> None:
    assert in_style(sentence, Style(formality=0.9)) == formal
    assert in_style(sentence, Style(formality=0.4)) == sentence


def test_the_style_reaches_a_prompt_in_plain_words() -> None:
    told = style_in_words(Style("short", formality=0.1, humour=0.6))
    assert told == "You speak in short, informal sentences, with a little humour where nobody is hurt."
    assert style_in_words(Style()) == "You speak in plain sentences."


@given(st.integers(0, 300))
def test_the_fit_of_a_length_is_a_share(words: int) -> None:
    style = Style("short")
    assert 0.0 <= fit(words, style) <= 1.0
    assert fit(style.words[0], style) == fit(style.words[1], style) == 1.0
