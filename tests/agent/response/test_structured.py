"""Structured output of chat models that have it, with one repair, and a clear failure for everything else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from pydantic import Field, PrivateAttr

from rapport.agent.response.chain import ChainError
from rapport.agent.response.responder import LangChainResponder
from rapport.agent.response.structured import SCHEMA, StructuredParser
from rapport.persona.errors import StageError

GOOD = {
    "event": "a lost job",
    "emotion": "sadness",
    "cause": "the firm closed",
    "goal": "comfort them",
    "response": "That sounds hard, and sudden. How are you holding up?",
}


class ToolModel(BaseChatModel):
    """A chat model with tools, as providers have them: it streams the arguments of its tool call in small pieces."""

    _answers: list[str] = PrivateAttr()
    asked: list[list[BaseMessage]] = Field(default_factory=list)
    closed: list[bool] = Field(default_factory=list)

    def __init__(self, *answers: object) -> None:
        super().__init__()
        self._answers = [a if isinstance(a, str) else json.dumps(a) for a in answers]

    @property
    def _llm_type(self) -> str:
        return "tools"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, Any]:
        assert tools == [dict(SCHEMA)]
        return self.bind()

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        raise AssertionError("it is streamed")

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        self.asked.append(messages)
        answer = self._answers.pop(0)
        try:
            if answer.startswith("!"):
                raise ConnectionError(answer[1:])
            for k in range(0, len(answer), 7):
                piece = {
                    "name": "chain_of_empathy" if k == 0 else None,
                    "args": answer[k : k + 7],
                    "id": "1",
                    "index": 0,
                }
                yield ChatGenerationChunk(message=AIMessageChunk("", tool_call_chunks=[piece]))
        finally:
            self.closed.append(True)


async def _items(responder: LangChainResponder, request: Any) -> list[Any]:
    return [item async for item in responder.respond(request)]


async def test_the_fields_become_the_plan_and_the_response_its_clauses(asked) -> None:
    model = ToolModel(GOOD)
    plan, *clauses = await _items(LangChainResponder.from_chat_model(model), asked("I lost my job.", "sadness"))
    assert (plan.event, plan.emotion, plan.cause, plan.goal) == tuple(GOOD[k] for k in list(GOOD)[:4])
    assert clauses == ["That sounds hard,", "and sudden.", "How are you holding up?"]
    assert "exactly this form" not in model.asked[0][0].text


@given(st.integers(0, 53))
def test_the_first_clause_does_not_wait_for_the_last(cut: int) -> None:
    parser = StructuredParser()
    begun = GOOD["response"][:cut]
    assert parser.feed({**GOOD, "response": begun}) == begun
    assert parser.feed(GOOD) == GOOD["response"][cut:]
    assert parser.finish() == "" and parser.chain is not None


@pytest.mark.parametrize(
    "broken",
    [
        {**GOOD, "event": ""},
        {**GOOD, "cause": 7},
        {**GOOD, "goal": "x" * 700},
        {**GOOD, "response": "  "},
        {k: v for k, v in GOOD.items() if k != "emotion"},
        {**GOOD, "score": "9"},
        [1, 2],
        None,
        {},
    ],
)
def test_anything_but_the_schema_is_refused(broken: object) -> None:
    parser = StructuredParser()
    with pytest.raises(ChainError):
        parser.feed(broken)
        parser.finish()


def test_a_response_that_is_taken_back_is_refused() -> None:
    parser = StructuredParser()
    parser.feed(GOOD)
    with pytest.raises(ChainError, match="changed"):
        parser.feed({**GOOD, "response": "Something else."})


@pytest.mark.parametrize(
    "bad",
    [
        {**GOOD, "response": "I'm sorry, but I can't help with that."},
        {**GOOD, "goal": ""},
        {"response": "Hi."},
        '{"event": "a lost job", "emo',
        "no object at all",
        {
            **dict.fromkeys(GOOD, "la persona perdió su trabajo"),
            "response": "Lo siento mucho, eso debe doler. ¿Cómo estás?",
        },
    ],
    ids=["refusal", "empty field", "one field", "broken off", "no object", "another language"],
)
async def test_a_bad_answer_is_asked_for_once_more_with_what_was_wrong(asked, answer, bad: object) -> None:
    model = ToolModel(bad, GOOD)
    _, reply = await answer(LangChainResponder.from_chat_model(model).respond(asked("I lost my job.", "sadness")))
    assert reply == GOOD["response"]
    assert "not what I asked for" in model.asked[1][-1].text
    with pytest.raises(StageError, match="no chain of empathy"):
        await answer(LangChainResponder.from_chat_model(ToolModel(bad, bad)).respond(asked("I lost my job.")))


async def test_a_provider_that_fails_is_a_stage_error_at_once(asked, answer) -> None:
    model = ToolModel("!429 too many requests", GOOD)
    with pytest.raises(StageError, match="429"):
        await answer(LangChainResponder.from_chat_model(model).respond(asked("I lost my job.", "sadness")))
    assert len(model.asked) == 1


async def test_a_model_that_never_stops_is_left(asked, answer) -> None:
    endless = {**GOOD, "response": "I hear you. " + "I hear you. " * 5000}
    model = ToolModel(endless, endless)
    plan_and_clauses: list[Any] = []
    with pytest.raises(StageError, match="far too long"):
        async for item in LangChainResponder.from_chat_model(model).respond(asked("I lost my job.", "sadness")):
            plan_and_clauses.append(item)
    assert plan_and_clauses[1:] == ["I hear you."]


async def test_closing_early_closes_the_models_stream(asked) -> None:
    model = ToolModel(GOOD)
    items: AsyncIterator[Any] = LangChainResponder.from_chat_model(model).respond(asked("I lost my job.", "sadness"))
    async for item in items:
        if isinstance(item, str):
            break
    await items.aclose()  # type: ignore[attr-defined]
    for _ in range(100):
        await asyncio.sleep(0)
    assert model.closed == [True]
