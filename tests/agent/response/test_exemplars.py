"""Answers kept for turns like this one: how they are read and found, and what of them is said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rapport.agent.response import exemplars as ex
from rapport.agent.response.deliberation import Deliberation
from rapport.agent.response.exemplars import Exemplar, Exemplars, Likeness, exemplars, parsed
from rapport.agent.response.likeness import LikenessModel
from rapport.agent.response.responder import SmolLM2Responder
from rapport.agent.response.scoring import Scorer
from rapport.agent.response.steps import ALIKE, SURELY_ALIKE, Planner
from rapport.agent.response.words import phrases
from rapport.memory.embedding import MiniLMEmbedder
from rapport.memory.records import Exchange
from rapport.persona.errors import ComponentError, InputError

DOG = Exemplar(
    "bad", ("My dog died.", "We had to say goodbye to our puppy."), "The dog was home to you. What was it like?"
)
EXAM = Exemplar("good", ("I passed my exam!",), "All that work has come to something. Which part are you proudest of?")


class Bag:
    """Turns texts into vectors by the letters of their words: like words lie near each other."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.zeros((len(texts), 384), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                row[sum(map(ord, word)) % 384] += 1
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


@pytest.fixture
def finder(monkeypatch: pytest.MonkeyPatch) -> Exemplars:
    stock = (DOG, EXAM)
    monkeypatch.setattr(ex, "exemplars", lambda: stock)
    rows = Bag().embed(ex._texts(stock)).reshape(len(stock), 3, 384)
    monkeypatch.setattr(ex, "stock_vectors", lambda: rows)
    by_cosine = LikenessModel(np.eye(384, dtype=np.float32), np.array([5.0, 3.0, 2.0, 0.0]), -3.0)
    return Exemplars(Bag(), by_cosine)


def test_lines_are_read_and_comments_left_out() -> None:
    (found,) = parsed("# sad\n\nbad\tMy dog died. || We lost our dog.\tThe house must be quiet.\n", "sad.tsv")
    assert found == Exemplar("bad", ("My dog died.", "We lost our dog."), "The house must be quiet.")


@pytest.mark.parametrize(
    "line", ["bad\tMy dog died.", "sad\tMy dog died.\tOh.", "bad\t\tOh.", "bad\t || \tOh.", "My dog died."]
)
def test_a_line_that_is_none_is_named(line: str) -> None:
    with pytest.raises(InputError, match=r"sad\.tsv:2: is no exemplar; write"):
        parsed(f"# sad\n{line}\n", "sad.tsv")


def test_the_nearest_is_found_once(finder: Exemplars) -> None:
    (dog,) = finder.nearest("My dog died yesterday.")
    (exam,) = finder.nearest("I passed my exam!")
    assert dog.exemplar is DOG and exam.exemplar is EXAM and exam.score > dog.score > 0.4
    assert finder.nearest("") == []


def test_an_answer_that_names_what_the_person_did_not_is_left_out(finder: Exemplars) -> None:
    assert DOG not in [near.exemplar for near in finder.nearest("My cat died.")]
    assert DOG in [near.exemplar for near in finder.nearest("My puppy died.")]
    assert DOG in [near.exemplar for near in finder.nearest("She died.", context="I had a dog.")]


def test_who_has_died_is_not_looked_for(finder: Exemplars) -> None:
    assert DOG not in [near.exemplar for near in finder.nearest("My dog ran away.")]
    assert EXAM not in [near.exemplar for near in finder.nearest("The teacher of my exam died.")]
    assert DOG not in [near.exemplar for near in finder.nearest("My dog almost died.")]


def test_gladness_is_not_for_what_did_not_happen(finder: Exemplars) -> None:
    assert EXAM in [near.exemplar for near in finder.nearest("I passed my exam!")]
    assert EXAM not in [near.exemplar for near in finder.nearest("I haven't passed my exam!")]


def test_vectors_of_another_stock_are_refused(tmp_path: Any) -> None:
    path = tmp_path / "exemplars.npz"
    with pytest.raises(ComponentError, match="make it anew: python -m rapport"):
        ex.stock_vectors(path)
    np.savez(path, vectors=np.zeros((1, 384), np.int8), digest=np.array("other"))
    with pytest.raises(ComponentError, match="not made from the exemplars beside it"):
        ex.stock_vectors(path)


class Silent:
    def candidates(self, *_: Any, **__: Any) -> tuple[list[str], bool]:
        return [], True


class Finder:
    def __init__(self, *found: Likeness) -> None:
        self.found = list(found)

    def nearest(self, text: str, *, context: str = "", count: int = 3) -> list[Likeness]:
        return self.found[:count]


async def said(request: Any, *found: Likeness) -> tuple[str, Deliberation]:
    chain = SmolLM2Responder.of_parts(Silent(), Planner(exemplars=Finder(*found)), Scorer())
    items = [item async for item in chain.respond(request)]
    (thought,) = [item for item in items if isinstance(item, Deliberation)]
    return " ".join(item for item in items if isinstance(item, str)), thought


async def test_the_answer_to_a_turn_like_this_one_opens_the_reply_and_competes(asked) -> None:
    reply, thought = await said(asked("My dog died.", "sadness"), Likeness(DOG, 0.9))
    assert reply.startswith("The dog was home to you.") and thought.steps["words"] == "exemplars (0.90)"
    (told,) = [candidate.text for candidate in thought.candidates]
    assert told.endswith("What was it like?") and thought.chosen.origin == "exemplar"
    feeling = told.removesuffix("What was it like?").strip()
    assert feeling in phrases()["react"]["bad"]


async def test_an_answer_with_a_feeling_in_it_is_given_no_other(asked) -> None:
    sorry = replace(DOG, answer="The dog was home to you. I'm so sorry. What was it like?")
    reply, _ = await said(asked("My dog died.", "sadness"), Likeness(sorry, 0.9))
    assert reply == sorry.answer


async def test_what_is_not_alike_or_of_another_tone_is_not_said(asked) -> None:
    for far in (Likeness(DOG, ALIKE - 0.01), Likeness(EXAM, 0.65)):
        others = [Likeness(DOG, 0.7)] if far.exemplar is EXAM else []
        reply, thought = await said(asked("My dog died.", "sadness"), far, *others)
        assert "proudest" not in reply and far.exemplar.answer not in reply
        assert all(far.exemplar.sentences[1] != c.text for c in thought.candidates)


def test_what_was_said_without_feeling_is_answered_by_what_is_surely_alike(asked) -> None:
    request = asked("We had to say goodbye to our puppy.")
    for score, found in ((SURELY_ALIKE, (DOG,)), (SURELY_ALIKE - 0.01, ())):
        steps = Planner(exemplars=Finder(Likeness(DOG, score))).plan(request)
        assert steps.reading.tone == "plain" and steps.alike == found


def test_advice_is_for_those_who_ask(asked) -> None:
    step = Exemplar("advice", ("What should I do?",), "Perhaps the smallest step. Which would that be?")
    finder = Finder(Likeness(step, 0.9), Likeness(DOG, 0.9))
    assert Planner(exemplars=finder).plan(asked("My dog died. What should I do?", "sadness")).alike == (step,)
    assert Planner(exemplars=finder).plan(asked("My dog died.", "sadness")).alike == (DOG,)


def test_nothing_is_said_from_the_stock_while_the_guard_worries(asked) -> None:
    request = asked("My dog died.", "sadness", guidance="They may be in danger.")
    assert Planner(exemplars=Finder(Likeness(DOG, 0.9))).plan(request).alike == ()


async def test_the_same_is_not_said_twice(asked) -> None:
    history = (Exchange("My dog died.", DOG.answer),)
    reply, _ = await said(asked("I miss my dog.", "sadness", history=history), Likeness(DOG, 0.9))
    assert not any(sentence in reply for sentence in DOG.sentences)


async def test_a_blunt_persona_begins_in_its_own_way(asked) -> None:
    reply, _ = await said(asked("My dog died.", "sadness", manner="blunt"), Likeness(DOG, 0.9))
    assert not reply.startswith("The dog was home")


@pytest.mark.models
def test_the_shipped_stock_is_found_by_meaning() -> None:
    finder, asked_for = Exemplars(MiniLMEmbedder()), exemplars()[::97]
    found = [finder.nearest(". ".join(exemplar.said)) for exemplar in asked_for]
    assert all(
        exemplar in (near.exemplar for near in nearest) for exemplar, nearest in zip(asked_for, found, strict=True)
    )
