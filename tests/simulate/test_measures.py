"""Measures of a session made by hand, what therapists do, and empathy levels."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from rapport.apps.simulate.acts import STRATEGIES
from rapport.apps.simulate.api import simulate
from rapport.apps.simulate.empathy import empathy_of
from rapport.apps.simulate.measures import MEASURES, acts_of, measure, repetition, strategies_in
from rapport.apps.simulate.records import SessionRecord, Turn
from rapport.apps.simulate.runner import Measured, measured_of
from rapport.apps.simulate.script import script_of
from rapport.apps.simulate.summary import done, summarise


def turn(who: str, text: str, act: str, end_s: float, valence: float = 0.0, rating: float | None = None) -> Turn:
    return Turn(who=who, text=text, acts=(act,), end_s=end_s, vad=(valence, 0, 0), rating=rating)  # type: ignore[arg-type]


def by_hand() -> SessionRecord:
    return SessionRecord(
        id="x",
        turns=(
            turn("therapist", "Hello, how are you now?", "open_question", 60),
            turn("client", "I feel bad today.", "feel", 120, -0.6, 60),
            turn("therapist", "You feel bad today.", "reflect", 180, -0.3),
            turn("client", "Leave me alone.", "protest", 300, -0.8, 90),
            turn("therapist", "Take a deep breath. You feel bad today.", "breathe", 400, -0.5),
            turn("client", "Fine.", "withdraw", 720, -0.2, 50),
        ),
    )


def test_figures_by_hand() -> None:
    found = measure(by_hand())
    assert (found["suds_start"], found["suds_peak"], found["suds_end"], found["suds_n"]) == (60, 90, 50, 3)
    assert found["suds_peak_at"] == 0.5
    # Minutes 2, 5, 12 with 60, 90, 50: slope -96.667 / 52.667 = -1.8354 a minute.
    assert found["suds_slope"] == pytest.approx(-18.354, abs=0.001)
    assert found["talk_ratio"] == pytest.approx(17 / 25)
    assert found["switch_ratio"] == 1
    assert found["questions"] == pytest.approx(1 / 3)
    assert found["reflections"] == pytest.approx(1 / 3)
    assert found["reflections_per_question"] == 1
    assert (found["faults"], found["deep_breath"]) == (pytest.approx(1 / 3), 1)
    assert found["agreement"] == pytest.approx(1 / 3)
    assert found["minutes"] == 12
    assert found["affective_rapport"] != found["affective_rapport"]  # two pairs are too few


def test_strategies_are_esconvs() -> None:
    assert strategies_in(acts_of(by_hand())) == {"Question": 1, "Reflection of feelings": 1, "Others": 1}


def test_repetition_by_hand() -> None:
    assert repetition(["a b c d", "a b c e"]) == pytest.approx(1 / 4)
    assert repetition([]) == repetition(["one two"]) == 0


def test_an_empty_session_has_nothing_but_says_so() -> None:
    found = measure(SessionRecord(id="x"))
    assert set(found) == set(MEASURES)
    assert found["turns"] == 0 and math.isnan(found["talk_ratio"]) and math.isnan(found["suds_end"])


def test_a_transcript_without_marks_is_measured_by_its_words() -> None:
    plain = SessionRecord(
        id="x",
        turns=(
            Turn(who="therapist", text="What is your SUDS, from 0 to 10?"),
            Turn(who="client", text="Eight."),
            Turn(who="therapist", text="And your number now?"),
            Turn(who="client", text="It is a 4."),
        ),
    )
    found = measure(plain)
    assert (found["suds_start"], found["suds_end"]) == (80, 40)
    assert math.isnan(found["trust"]) and math.isnan(found["faults"]) and math.isnan(found["minutes"])


@pytest.mark.parametrize(
    ("reply", "levels"),
    [
        ("I'm so sorry to hear that.", (2, 0, 0)),
        ("You feel left out, and it hurts.", (0, 2, 0)),
        ("What happened after that? How did you feel?", (0, 0, 2)),
        ("Okay.", (0, 0, 0)),
        ("", (0, 0, 0)),
    ],
)
def test_empathy_levels(reply: str, levels: tuple[int, int, int]) -> None:
    found = empathy_of(reply)
    assert (found.reaction, found.interpretation, found.exploration) == levels
    assert found.total == sum(levels)


def test_what_therapists_do_is_counted_and_shared_out_with_intervals() -> None:
    def measured(case: int, *acts: tuple[str, int]) -> Measured:
        return Measured("true", case, "S1", {}, "", "", acts=acts)

    sessions = [measured(i, ("reflect", 1 + i % 2), ("open_question", 2), ("greet", 1)) for i in range(8)]
    found = done([*sessions, measured(8)])
    assert found["counts"] == {"open_question": 16, "reflect": 12, "greet": 8}
    strategies = found["strategies"]
    assert set(strategies) == set(STRATEGIES) and len(STRATEGIES) == 8
    assert strategies["Reflection of feelings"]["count"] == 12
    assert strategies["Reflection of feelings"]["mean"] == pytest.approx((1 / 4 + 2 / 5) / 2)
    assert sum(row["mean"] for row in strategies.values()) == pytest.approx(1.0)
    question = strategies["Question"]
    assert 0.4 <= question["low"] < question["mean"] < question["high"] <= 0.5
    assert done([measured(0)]) == {"counts": {}, "strategies": {}}


def test_the_summary_counts_the_acts_of_the_records() -> None:
    script = script_of({"protocol": "supportive", "cases": 2, "seed": 5})
    sessions = list(simulate(protocol="supportive", cases=2, seed=5))
    told = summarise([measured_of(session) for session in sessions], script)["acts"]["true"]["S1"]["counts"]
    used = Counter(act for s in sessions for t in s.turns if t.who == "therapist" for act in t.acts)
    assert told == dict(used)
