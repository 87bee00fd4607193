"""The embedded chain with a model of its own making: what it plans, what it leaves out, what it says in the end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from langchain_core.messages import BaseMessage

from rapport.agent.perception.text_model import ContextTurn
from rapport.agent.response.cause import Cause
from rapport.agent.response.clauses import split_sentences
from rapport.agent.response.deliberation import Deliberation
from rapport.agent.response.empathy import EmpathyScores
from rapport.agent.response.responder import SmolLM2Responder
from rapport.agent.response.scoring import WEIGHTS, Scorer, emotional_fit, freshness, total
from rapport.agent.response.steps import Planner
from rapport.agent.response.words import phrases
from rapport.agent.stages import EmpathyPlan, ReplyRequest
from rapport.memory.records import Exchange
from rapport.persona.errors import StageError

LINE = "I lost my job today and my wife is worried about the rent."
GOOD = "It makes sense that losing a job shakes everything. How is your wife doing with the rent on her mind?"


class Writer:
    """Gives the same texts to everybody."""

    def __init__(self, *texts: str, whole: bool = True) -> None:
        self.texts, self.whole, self.asked = list(texts), whole, list[Sequence[BaseMessage]]()

    def candidates(self, messages: Sequence[BaseMessage], count: int, **_: Any) -> tuple[list[str], bool]:
        self.asked.append(messages)
        return self.texts[:count], self.whole


class Judge:
    """Finds strong empathy in replies with a certain word."""

    def __init__(self, word: str) -> None:
        self.word = word

    def score(self, seeker: str, responses: Sequence[str]) -> EmpathyScores:
        levels = np.array([2.0 * (self.word in response) for response in responses])
        return EmpathyScores(levels, levels, levels, np.zeros((3, len(levels), 3)))


def responder(writer: Any, planner: Planner | None = None, judge: Judge | None = None) -> SmolLM2Responder:
    return SmolLM2Responder.of_parts(writer, planner or Planner(), Scorer(judge))


async def considered(chain: SmolLM2Responder, request: ReplyRequest) -> tuple[EmpathyPlan, str, Deliberation]:
    items = [item async for item in chain.respond(request)]
    (thought,) = [item for item in items if isinstance(item, Deliberation)]
    assert isinstance(items[0], EmpathyPlan)
    return items[0], " ".join(item for item in items if isinstance(item, str)), thought


async def test_the_opening_comes_before_the_model_is_asked(asked) -> None:
    writer = Writer(GOOD)
    items = responder(writer).respond(asked(LINE, "sadness"))
    assert isinstance(await anext(items), EmpathyPlan)
    assert isinstance(await anext(items), str) and not writer.asked
    await items.aclose()
    assert not writer.asked


async def test_the_best_candidate_follows_the_opening(asked) -> None:
    plain = "It makes sense to be shaken by the loss of a job."
    _, reply, thought = await considered(
        responder(Writer(plain, GOOD), judge=Judge("wife doing")), asked(LINE, "sadness")
    )
    assert reply == f"{thought.opening} {GOOD}"
    totals = [candidate.total for candidate in thought.candidates]
    assert totals == sorted(totals, reverse=True) and len(totals) == 3
    assert all(set(candidate.scores) == set(WEIGHTS) for candidate in thought.candidates)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Your brother must be worried too.", "invents a fact about the person"),
        ("I lost my job too last year.", "claims a life of its own"),
        ("The rent is due and it mu", "unfinished"),
        ("As an AI I can't feel it.", "machine talk"),
    ],
)
async def test_what_must_not_be_said_is_left_out_and_named(asked, text: str, fault: str) -> None:
    _, reply, thought = await considered(
        responder(Writer(f"{GOOD.split('.', maxsplit=1)[0]}. {text}")), asked(LINE, "sadness")
    )
    assert text not in reply
    assert fault in [f for candidate in thought.candidates for f in candidate.faults]


@pytest.mark.parametrize("texts", [(), ("",), ("As an AI I cannot.",), ("Lorem ipsum dolor sit amet.",), ("a " * 500,)])
async def test_a_model_that_gives_nothing_usable_leaves_it_to_the_rules(asked, texts: tuple[str, ...]) -> None:
    _, reply, thought = await considered(responder(Writer(*texts)), asked(LINE, "sadness"))
    assert [candidate.origin for candidate in thought.candidates] == ["rules"]
    assert len(split_sentences(reply)) >= 2


async def test_a_model_that_breaks_leaves_it_to_the_rules_and_says_so(asked) -> None:
    class Broken:
        def candidates(self, *_: Any, **__: Any) -> tuple[list[str], bool]:
            raise StageError("the language model failed: no memory")

    _, reply, thought = await considered(responder(Broken()), asked(LINE, "sadness"))
    assert thought.note == "the language model failed: no memory" and len(split_sentences(reply)) >= 2


async def test_out_of_time_the_best_finished_sentences_are_said(asked) -> None:
    class Slow:
        def candidates(
            self, messages: Sequence[BaseMessage], count: int, *, stopped: Callable[[], bool], **_: Any
        ) -> tuple[list[str], bool]:
            assert stopped(), "the time is up from the beginning"
            return ["It makes sense that losing a job shakes everything. And your wi"], False

    slow = SmolLM2Responder.of_parts(Slow(), Planner(), Scorer(Judge("shakes")))
    _, reply, thought = await considered(slow, asked(LINE, "sadness", budget_s=0.0))
    assert "out of time" in thought.note
    assert "shakes everything." in reply and "And your wi" not in reply


async def test_closing_stops_the_model(asked) -> None:
    begun, released = threading.Event(), threading.Event()

    class Waiting:
        def candidates(
            self, messages: Sequence[BaseMessage], count: int, *, stopped: Callable[[], bool], **_: Any
        ) -> tuple[list[str], bool]:
            begun.set()
            while not stopped():
                released.wait(0.005)
            released.set()
            return [], False

    async def consume() -> None:
        async for _ in responder(Waiting()).respond(asked(LINE, "sadness")):
            pass

    task = asyncio.create_task(consume())
    await asyncio.to_thread(begun.wait, 5)
    task.cancel()
    assert await asyncio.to_thread(released.wait, 5)


async def test_no_sentence_of_the_last_turns_is_said_again(asked) -> None:
    history = (Exchange("I lost my job.", GOOD),)
    _, reply, thought = await considered(
        responder(Writer(GOOD, "It makes sense to be shaken by the rent.")), asked(LINE, "sadness", history=history)
    )
    assert "shakes everything" not in reply
    assert all("shakes everything" not in candidate.text for candidate in thought.candidates)


async def test_the_same_request_gives_the_same_reply(asked) -> None:
    chain = responder(Writer(GOOD, "It makes sense to be shaken by the rent."))
    replies = {(await considered(chain, asked(LINE, "sadness", seed=4)))[1] for _ in range(3)}
    assert len(replies) == 1


async def test_a_fixed_answer_asks_no_model(asked, answer) -> None:
    writer = Writer(GOOD)
    _, reply = await answer(responder(writer).respond(asked("Are you human?")))
    assert "program" in reply and not writer.asked


async def test_the_guards_guidance_reaches_the_model_and_the_rules(asked) -> None:
    writer = Writer()
    request = asked(LINE, "sadness", guidance="They may be at risk (suicide). Ask gently whether they are safe.")
    _, reply, _ = await considered(responder(writer), request)
    assert "Ask gently whether they are safe." in " ".join(message.text for message in writer.asked[0])
    assert any(line in reply for line in phrases()["careful"]["say"])
    assert any(line in reply for line in phrases()["careful"]["ask"])


# ------------------------------------------------------------------------------------------------------ the plan


class Causes:
    def __init__(self, text: str, confidence: float) -> None:
        self.found = Cause(text, 0, confidence)

    def extract(self, utterance: str, emotion: str, context: Sequence[ContextTurn] = ()) -> Cause:
        return self.found


class Policy:
    def __init__(self, **odds: float) -> None:
        self.odds = odds

    def distribution(self, turns: Sequence[ContextTurn], *, emotion: str, previous: Sequence[str]) -> dict[str, float]:
        assert turns[-1].same_speaker and len(previous) == sum(not turn.same_speaker for turn in turns)
        return self.odds


def test_each_step_says_where_it_comes_from(asked) -> None:
    planner = Planner(Causes("my wife is worried about the rent", 0.8), Policy(affirmation=0.6, question=0.3))
    steps = planner.plan(asked(LINE, "sadness"))
    assert steps.reading.plan.cause == "your wife is worried about the rent"
    assert steps.reading.plan.strategy == "affirmation"
    assert steps.sources == {
        "event": "rules",
        "emotion": "perceived",
        "cause": "extracted (0.80)",
        "goal": "policy (0.60)",
    }


def test_an_unsure_cause_is_left_to_the_rules(asked) -> None:
    steps = Planner(Causes("my wife is worried", 0.3)).plan(asked("I'm sad because my dog died.", "sadness"))
    assert steps.reading.plan.cause == "your dog died" and steps.sources["cause"] == "rules"


EXCHANGE = Exchange("It is bad.", "That sounds hard.")


@pytest.mark.parametrize(("turns", "advises"), [(0, False), (2, False), (3, True)])
def test_advice_waits_until_somebody_has_listened(asked, turns: int, advises: bool) -> None:
    request = asked(LINE, "sadness", history=(EXCHANGE,) * turns)
    policy = Policy(suggestions=0.9, reflection=0.1)
    assert (Planner(None, policy).plan(request).reading.plan.strategy == "suggestions") is advises


def test_advice_that_is_asked_for_is_given_at_once(asked) -> None:
    steps = Planner(None, Policy(question=1.0)).plan(asked("I lost my job. What should I do?", "sadness"))
    assert steps.reading.plan.strategy == "suggestions"


def test_no_advice_while_the_guard_worries(asked) -> None:
    request = asked(LINE, "sadness", history=(EXCHANGE,) * 4, guidance="Stay gentle.")
    assert Planner(None, Policy(suggestions=1.0)).plan(request).reading.plan.strategy != "suggestions"


def test_a_program_has_no_life_to_disclose(asked) -> None:
    steps = Planner(None, Policy(self_disclosure=0.9, reflection=0.1)).plan(asked(LINE, "sadness"))
    assert steps.reading.plan.strategy == "reflection"


# ----------------------------------------------------------------------------------------------------- the scores


def test_the_weights_make_a_mean() -> None:
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)
    assert total(dict.fromkeys(WEIGHTS, 1.0)) == pytest.approx(1.0)
    assert total(dict.fromkeys(WEIGHTS, 0.0)) == 0.0


def test_repetition_is_measured_in_runs_of_three_words() -> None:
    assert freshness("one two three four", []) == 1.0
    assert freshness("one two three four", ["zero one two three"]) == 0.5
    assert freshness("one two three one two three", []) == 0.75
    assert freshness("Yes.", ["Yes."]) == 1.0


def test_gladness_at_a_loss_fits_worse_than_sympathy(asked) -> None:
    request = asked(LINE, "sadness")
    reading = Planner().plan(request).reading
    fits = [emotional_fit(t, reading, request) for t in ("How wonderful!", "It happened.", "That sounds painful.")]
    assert fits == sorted(fits) and len(set(fits)) == 3


def test_scores_are_shares_for_any_reply(asked) -> None:
    request = asked(LINE, "sadness")
    replies = ["", "?!", "Yes.", "word " * 400, GOOD, LINE]
    for scores in Scorer().scores(request, Planner().plan(request).reading, replies, [0, 1, 2, 3, 4, 5]):
        assert set(scores) == set(WEIGHTS) and all(0.0 <= value <= 1.0 for value in scores.values())
