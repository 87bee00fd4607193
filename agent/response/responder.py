"""The responders that ask a language model: the embedded SmolLM2, and any LangChain chat model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage

from rapport.agent.chat_models import load_chat_model
from rapport.agent.response.chain import ChainError, ChainParser, chain_prompt, repair_prompt
from rapport.agent.response.clauses import ClauseSplitter, split_long, split_opening
from rapport.agent.response.filters import objection
from rapport.agent.response.plan import Reading, read
from rapport.agent.response.prompts import small_model_prompt
from rapport.agent.response.rules import Writer
from rapport.agent.stages import EmpathyPlan, ReplyRequest, ResponderCapabilities
from rapport.persona.errors import StageError

_REPLY_TOKENS = 56
"""Enough for two spoken sentences of the embedded model."""
_MOST_REJECTED = 3
"""Sentences of one reply that may be found at fault before the model is stopped: it seldom finds back."""


class SmolLM2Responder:
    """Stage `response` with the embedded model: the plan and the first sentence are computed, the model goes on from
    there.

    The opening names what happened or what is felt, by rules, and is spoken while the model still writes; the model,
    which reads it as the beginning of its own answer, stays on the subject. What it writes is spoken sentence by
    sentence unless `filters.objection` finds a fault; where nothing passes, the rule writer's sentences stand in.

    Args:
        model: path of another SmolLM2-*-Instruct GGUF file; None takes the embedded one.

    Raises:
        ComponentError: the weights are not installed, or cannot be prepared.
        StorageError: the cache folder cannot be written.
    """

    def __init__(self, model: str | None = None) -> None:
        from rapport.agent.response.smollm2 import ChatSmolLM2

        self._chat = ChatSmolLM2(gguf_path=model, max_tokens=_REPLY_TOKENS)
        self.capabilities = ResponderCapabilities(streaming=True, model=model or "SmolLM2-135M-Instruct")

    async def respond(self, request: ReplyRequest) -> AsyncGenerator[EmpathyPlan | str]:
        """The plan, then clauses. Closing the iterator stops the model at its next token."""
        reading = read(request)
        yield reading.plan
        writer = Writer(request, reading)
        if writer.fixed_kind:
            for sentence in writer.sentences():
                yield sentence
            return
        opening = writer.opening()
        for clause in split_opening(opening):
            yield clause
        left = request.max_sentences - 1
        spoken = [opening]
        async with aclosing(self._continuation(request, reading, opening, left)) as sentences:
            async for sentence in sentences:
                spoken.append(sentence)
                for clause in split_long(sentence):
                    yield clause
        left -= len(spoken) - 1
        if len(spoken) == 1 and left >= 2:
            yield writer.middle()
            left -= 1
        if left >= 1 and writer.may_ask and not any(sentence.endswith("?") for sentence in spoken):
            yield writer.question()

    async def _continuation(
        self, request: ReplyRequest, reading: Reading, opening: str, limit: int
    ) -> AsyncGenerator[str]:
        """The model's sentences that may be spoken, at most `limit`, none after a question."""
        if limit < 1:
            return
        said = " ".join((*(exchange.person for exchange in list(request.history)[-2:]), request.text))
        may_ask = Writer(request, reading).may_ask
        rejected = 0

        def accept(sentence: str) -> bool:
            nonlocal rejected
            fine = (may_ask or not sentence.endswith("?")) and objection(sentence, said, reading.tone) is None
            rejected += not fine
            return fine

        splitter = ClauseSplitter(limit, [opening, *(e.agent for e in list(request.history)[-4:])], accept)
        messages, constant = small_model_prompt(request, reading, opening)
        async with aclosing(_texts(self._chat.astream(messages, constant_messages=constant))) as texts:
            async for text in texts:
                for sentence in splitter.feed(text):
                    yield sentence
                    if sentence.endswith("?"):
                        return
                if splitter.full or rejected >= _MOST_REJECTED:
                    return
        for sentence in splitter.finish():
            yield sentence


class LangChainResponder:
    """Stage `response` with any LangChain chat model, asked for the whole chain of empathy in one streamed answer.

    Args:
        model: `provider:model`, served by the package `langchain_<provider>` ("openai:gpt-4o-mini"), or
        `package.module:Class`
            of a chat model that needs no arguments.

    Raises:
        ComponentError: no model named, its package missing (the message says what to install), or it refuses to start.
    """

    def __init__(self, model: str | None = None) -> None:
        self._start(load_chat_model(model), model or "")

    @classmethod
    def from_chat_model(cls, chat_model: BaseChatModel) -> LangChainResponder:
        """A responder on a chat model that the application has made itself."""
        responder = cls.__new__(cls)
        responder._start(chat_model, str(getattr(chat_model, "model_name", None) or type(chat_model).__name__))
        return responder

    def _start(self, chat: BaseChatModel, name: str) -> None:
        self._chat, self._name = chat, name
        self.capabilities = ResponderCapabilities(streaming=True, model=name)

    async def respond(self, request: ReplyRequest) -> AsyncGenerator[EmpathyPlan | str]:
        """The plan as the model gave it, then clauses as they come.

        An answer that is no chain is asked for once more. Raises StageError when that fails too, or the model does.
        """
        reading = read(request)
        if reading.kind == "nothing":
            yield reading.plan
            for sentence in Writer(request, reading).sentences():
                yield sentence
            return
        messages = chain_prompt(request, reading)
        parser, answer = ChainParser(), ""
        planned = False
        splitter = ClauseSplitter(request.max_sentences, [e.agent for e in list(request.history)[-4:]])
        for attempt in range(2):
            try:
                async with aclosing(self._answer(messages)) as texts:
                    async for text in texts:
                        answer += text
                        for clause in splitter.feed(parser.feed(text)):
                            if not planned and parser.chain is not None:
                                planned = True
                                yield parser.chain.plan(reading.plan.strategy)
                            yield clause
                        if splitter.full:
                            return
                last = [*splitter.feed(parser.finish()), *splitter.finish()]
                if not planned and not last:
                    raise ChainError("the response only repeats what was said before, or is empty")
                if not planned and parser.chain is not None:
                    yield parser.chain.plan(reading.plan.strategy)
                for clause in last:
                    yield clause
                return
            except ChainError as fault:
                if attempt or planned:
                    raise StageError(f"{self._name}: its answer is no chain of empathy: {fault}") from fault
                messages = repair_prompt(messages, answer, fault)
                parser, answer = ChainParser(), ""
                splitter = ClauseSplitter(request.max_sentences, [e.agent for e in list(request.history)[-4:]])

    async def _answer(self, messages: list[BaseMessage]) -> AsyncGenerator[str]:
        try:
            async with aclosing(_texts(self._chat.astream(messages))) as texts:
                async for text in texts:
                    yield text
        except StageError:
            raise
        except Exception as error:  # every provider has exceptions of its own
            first_line = (str(error).splitlines() or [type(error).__name__])[0]
            raise StageError(f"{self._name}: {first_line}") from error


async def _texts(chunks: AsyncIterator[Any]) -> AsyncGenerator[str]:
    """The plain text of a chat model's message chunks; closing it closes the model's stream."""
    async with aclosing(cast("Any", chunks)) as stream:
        async for chunk in stream:
            text = cast("str", chunk.text)
            if text:
                yield text
