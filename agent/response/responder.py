"""The responders that ask a language model: the embedded SmolLM2, and any LangChain chat model."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Protocol, TypeVar, cast

from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage

from rapport.agent.chat_models import load_chat_model
from rapport.agent.perception.text_model import ContextTurn
from rapport.agent.response.cause import CauseExtractor
from rapport.agent.response.chain import ChainError, ChainParser, chain_prompt, check_words, repair_prompt
from rapport.agent.response.choosing import Chooser
from rapport.agent.response.clauses import ClauseSplitter, split_long, split_opening, split_sentences
from rapport.agent.response.deliberation import Deliberation
from rapport.agent.response.empathy import EmpathyScorer
from rapport.agent.response.exemplars import Exemplars
from rapport.agent.response.plan import Reading, read
from rapport.agent.response.prompts import small_model_prompt
from rapport.agent.response.rules import Writer
from rapport.agent.response.scoring import Scorer
from rapport.agent.response.steps import Planner
from rapport.agent.response.strategy import StrategyPolicy
from rapport.agent.response.structured import SCHEMA, StructuredParser
from rapport.agent.response.style import in_style, questions_left, style_of
from rapport.agent.stages import EmpathyPlan, ReplyRequest, ResponderCapabilities
from rapport.memory.embedding import MiniLMEmbedder
from rapport.persona.errors import ComponentError, StageError

T = TypeVar("T")

CANDIDATES = 6
"""Ways to go on that the embedded model writes side by side; with the rules' there are seven to choose from."""
WRITING_SHARE = 1 / 3
"""Of the stage's budget, what the model may take for them all: then the best of what is written by then is spoken, so
that something is always said in time."""
_REPLY_TOKENS = 56
"""Enough for two spoken sentences of the embedded model."""
ADAPTER_SUFFIX = ".safetensors"
PERMISSIVE = "permissive"
LONGEST_ANSWER_CHARACTERS = 20_000
"""A chat model that writes more than this for a few sentences has lost its way."""


class SmolLM2Responder:
    """Stage `response` with the embedded model: the plan is computed step by step, and of several ways to say it the
    best is spoken.

    Where the stock has turns like this one (`exemplars`), their answers are what is chosen from. Elsewhere the opening
    names what happened or what is felt, by rules, and is spoken while the model still writes; the model reads it as
    the beginning of its own answer and goes on from there, `candidates` times in one batch. `Chooser` takes out what
    must not be said, scores the rest and what the rules would say, and the best follows the opening.

    Args:
        model: path of another SmolLM2-*-Instruct GGUF file, or of an adapter to the embedded model (.safetensors, see
            `rapport train reply`); "permissive" takes the embedded model and leaves out every part that was trained on
            non-commercial data; None takes all that is shipped.
        candidates: how many ways the model writes.
        rules: whether exemplars and what the rules would say compete with them.

    Raises:
        ComponentError: the weights are not installed, or cannot be prepared.
        StorageError: the cache folder cannot be written.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        candidates: int = CANDIDATES,
        rules: bool = True,
    ) -> None:
        from rapport.agent.response.smollm2 import ChatSmolLM2

        self._taught = model is not None and model.endswith(ADAPTER_SUFFIX)
        embedded = self._taught or model == PERMISSIVE
        self._chat: CandidateWriter = ChatSmolLM2(
            gguf_path=None if embedded else model,
            adapter_path=model if self._taught else None,
            max_tokens=_REPLY_TOKENS,
        )
        if model == PERMISSIVE:
            embedder = MiniLMEmbedder()
            self._planner, self._scorer = Planner(exemplars=Exemplars(embedder)), Scorer(None, embedder)
        else:
            self._planner, self._scorer = trained_parts()
        self._count, self._rules = candidates, rules
        self.capabilities = ResponderCapabilities(streaming=True, model=model or "SmolLM2-135M-Instruct")

    @classmethod
    def of_parts(cls, chat: CandidateWriter, planner: Planner, scorer: Scorer) -> SmolLM2Responder:
        """A responder on parts of the application's own."""
        responder = cls.__new__(cls)
        responder._chat, responder._planner, responder._scorer = chat, planner, scorer
        responder._count, responder._rules, responder._taught = CANDIDATES, True, False
        responder.capabilities = ResponderCapabilities(streaming=True, model=type(chat).__name__)
        return responder

    async def respond(self, request: ReplyRequest) -> AsyncGenerator[EmpathyPlan | Deliberation | str]:
        """The plan, the opening, what was considered, and the rest; nothing is considered where the turn's form says
        the answer. Closing the iterator stops the model at its next token."""
        steps = await asyncio.to_thread(self._planner.plan, request)
        yield steps.reading.plan
        writer = Writer(request, steps.reading)
        if writer.fixed_kind:
            for sentence in writer.sentences():
                yield sentence
            return
        if (opened := writer.opening_of(steps.alike)) is not None:
            # Two answers to like turns need not agree: who begins with one goes on with it.
            opening, steps = opened[0], replace(steps, alike=opened[1:])
        else:
            opening = writer.opening()
        for clause in split_opening(opening):
            yield clause
        if request.max_sentences < 2:
            return
        chooser = Chooser(request, steps, writer, opening, self._scorer, rules=self._rules)
        asks_model = not (self._rules and steps.alike)
        written, note = await self._written(request, steps.reading, opening) if asks_model else ([], "")
        considered = await asyncio.to_thread(chooser.choose, written, note)
        yield considered
        for sentence in split_sentences(considered.chosen.text):
            for clause in split_long(sentence):
                yield clause

    async def _written(self, request: ReplyRequest, reading: Reading, opening: str) -> tuple[list[str], str]:
        """The model's texts, and what went wrong with them, if anything: the rules have an answer in any case."""
        messages, constant = small_model_prompt(request, reading, opening, taught=self._taught)
        until_s = time.monotonic() + WRITING_SHARE * request.budget_s
        stopped = threading.Event()
        try:
            texts, whole = await asyncio.to_thread(
                self._chat.candidates,
                messages,
                self._count,
                seed=request.seed,
                constant_messages=constant,
                sentences=request.max_sentences,
                stopped=lambda: stopped.is_set() or time.monotonic() > until_s,
            )
        except StageError as error:
            return [], str(error)
        finally:
            stopped.set()
        return texts, "" if whole else "out of time: the candidates were cut off"


class CandidateWriter(Protocol):
    """A model that goes on from a beginning in several ways, see `ChatSmolLM2.candidates`."""

    def candidates(
        self,
        messages: Sequence[BaseMessage],
        count: int,
        *,
        seed: int = 0,
        constant_messages: int = 1,
        sentences: int = 3,
        stopped: Callable[[], bool] = lambda: False,
    ) -> tuple[list[str], bool]: ...


def trained_parts() -> tuple[Planner, Scorer]:
    """The planner and the scorer with every trained part that is installed; loaded now, so that no turn waits."""
    cause, policy, judge = CauseExtractor(), StrategyPolicy(), EmpathyScorer()
    turns = [ContextTurn("Hello.", same_speaker=True)]
    embedder = MiniLMEmbedder()
    exemplars = Exemplars(embedder)
    planner = Planner(
        _if_installed(cause, lambda: cause.extract("Hello.", "joy", ())),
        _if_installed(policy, lambda: policy.distribution(turns, emotion="joy", previous=())),
        _if_installed(exemplars, lambda: exemplars.nearest("Hello.")),
    )
    return planner, Scorer(_if_installed(judge, lambda: judge.score("Hello.", ["Hello."])), embedder)


def _if_installed(part: T, use: Callable[[], object]) -> T | None:
    """The part after its first use, or None where its weights were left out."""
    try:
        use()
    except ComponentError:
        return None
    return part


class LangChainResponder:
    """Stage `response` with any LangChain chat model, asked for the whole chain of empathy in one streamed answer.

    Models with structured output fill in the chain's fields; the others write `chain.FORM`, read strictly.

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
        self._filling: Any = None
        # What models without it say, each in its own way; they are asked for the form in words.
        with contextlib.suppress(NotImplementedError, ValueError, TypeError):
            self._filling = cast("Any", chat).with_structured_output(dict(SCHEMA))
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
        structured = self._filling is not None
        messages = chain_prompt(request, reading, structured=structured)
        for attempt in range(2):
            parser = StructuredParser() if structured else ChainParser()
            spoken = False
            try:
                async with aclosing(self._clauses(messages, parser, request, reading)) as clauses:
                    async for clause in clauses:
                        if not spoken and parser.chain is not None:
                            spoken = True
                            yield parser.chain.plan(reading.plan.strategy)
                        yield clause
                return
            except ChainError as fault:
                if attempt or spoken:
                    raise StageError(f"{self._name}: its answer is no chain of empathy: {fault}") from fault
                messages = repair_prompt(messages, parser.seen, fault, structured=structured)

    async def _clauses(
        self,
        messages: list[BaseMessage],
        parser: StructuredParser | ChainParser,
        request: ReplyRequest,
        reading: Reading,
    ) -> AsyncGenerator[str]:
        """Clauses of one answer. The first comes once it is neither a refusal nor in another language."""
        style = style_of(request.persona)
        splitter = ClauseSplitter(
            request.max_sentences,
            [exchange.agent for exchange in list(request.history)[-4:]],
            max_questions=questions_left(style, request.history),
            max_words=style.words[1],
        )
        first = True
        async with aclosing(self._responses(messages, parser)) as responses:
            async for text in responses:
                ready = splitter.feed(text) if text is not None else splitter.finish()
                for clause in ready:
                    if first and parser.chain is not None:
                        check_words(parser.chain, clause, english=reading.kind != "unreadable")
                        first = False
                    yield in_style(clause, style)
                if splitter.full:
                    return
        if first:
            raise ChainError("the response only repeats what was said before, or is empty")

    async def _responses(
        self, messages: list[BaseMessage], parser: StructuredParser | ChainParser
    ) -> AsyncGenerator[str | None]:
        """What the answer adds to its response, bit by bit; None at its end."""
        length = 0
        chunks: AsyncIterator[Any] = (
            self._chat.astream(messages) if isinstance(parser, ChainParser) else self._filling.astream(messages)
        )
        try:
            async with aclosing(cast("Any", chunks)) as stream:
                async for chunk in stream:
                    if isinstance(parser, ChainParser):
                        piece = cast("str", chunk.text)[: LONGEST_ANSWER_CHARACTERS + 1]
                        length += len(piece)
                        new = parser.feed(piece)
                    else:
                        new = parser.feed(chunk)
                        length = sum(len(str(value)) for value in (parser.answer or {}).values())
                    if length > LONGEST_ANSWER_CHARACTERS:
                        raise ChainError("it is far too long")
                    if new:
                        yield new
        except (StageError, ChainError):
            raise
        except OutputParserException as error:
            raise ChainError("it is no whole structured answer") from error
        except Exception as error:  # every provider has exceptions of its own
            first_line = (str(error).splitlines() or [type(error).__name__])[0]
            raise StageError(f"{self._name}: {first_line}") from error
        rest = parser.finish()
        if rest:
            yield rest
        yield None
