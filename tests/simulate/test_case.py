"""The case generator: published shares, cases that are possible, and the same case for the same seed."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rapport.apps.simulate.case import BEHAVIOURS, CaseProfile, draw_case, published_odds
from rapport.persona.errors import InputError


def test_500_cases_have_the_published_shares_within_3_points() -> None:
    cases = [draw_case(i, 7) for i in range(500)]
    for field, shares in published_odds().items():
        if field == "exhibited_behaviors":
            counts = Counter(b for case in cases for b in case.exhibited_behaviors)
        else:
            counts = Counter(getattr(case, field) for case in cases)
        for name, share in shares.items():
            assert abs(100 * counts[name] / 500 - share) < 3, (field, name)
    ages = [case.age for case in cases]
    assert (min(ages), max(ages)) == (18, 80)
    assert abs(sum(ages) / 500 - 49.3) < 1


def test_the_papers_own_odds_can_be_asked_for() -> None:
    genders = Counter(draw_case(i, 1, "paper").gender for i in range(500))
    assert abs(genders["female"] / 5 - 49) < 3
    assert genders["non-binary"] / 5 < 2


def test_fields_are_drawn_independently() -> None:
    cases = [draw_case(i, 3) for i in range(1000)]
    anxious = [case.age for case in cases if case.co_occurring_condition == "Anxiety"]
    others = [case.age for case in cases if case.co_occurring_condition != "Anxiety"]
    assert abs(sum(anxious) / len(anxious) - sum(others) / len(others)) < 4


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 2**63 - 1), st.sampled_from(["released", "paper"]))
def test_every_case_is_possible_and_repeats(index: int, seed: int, odds: str) -> None:
    case = draw_case(index, seed, odds)  # type: ignore[arg-type]
    assert case == draw_case(index, seed, odds)  # type: ignore[arg-type]
    assert CaseProfile.model_validate(case.model_dump()) == case
    assert 1 <= len(set(case.exhibited_behaviors)) == len(case.exhibited_behaviors) <= 3
    assert set(case.exhibited_behaviors) <= set(BEHAVIOURS)
    low, _, high = case.age_group.partition("-")
    assert int(low) <= case.age <= int(high)


def test_another_seed_gives_other_cases() -> None:
    assert [draw_case(i, 1) for i in range(20)] != [draw_case(i, 2) for i in range(20)]


def test_a_case_does_not_depend_on_how_many_are_drawn() -> None:
    assert draw_case(123, 7) == [draw_case(i, 7) for i in range(200)][123]


def test_fields_can_be_set_and_the_rest_fits_them() -> None:
    case = draw_case(0, 7, fixed={"age": 19, "trauma_type": "combat", "big_five": {"neuroticism": 0.9}})
    assert (case.age, case.trauma_type, case.big_five.neuroticism) == (19, "combat", 0.9)
    assert case.occupation != "retired"
    assert case.big_five.agreeableness == draw_case(0, 7).big_five.agreeableness


@pytest.mark.parametrize(
    ("fixed", "says"),
    [
        ({"age": 12}, "age"),
        ({"age": 300}, "age"),
        ({"age": "young"}, "whole number"),
        ({"trauma_type": "boredom"}, "is none of"),
        ({"exhibited_behaviors": ["avoidance", "avoidance"]}, "twice"),
        ({"exhibited_behaviors": ["singing"]}, "singing"),
        ({"exhibited_behaviors": []}, "exhibited_behaviors"),
        ({"age": 25, "occupation": "retired"}, "retired"),
        ({"relationship_status": "widowed", "living_situation": "with spouse"}, "widowed"),
        ({"big_five": {"neuroticism": 3}}, "neuroticism"),
        ({"shoe_size": 44}, "shoe_size"),
    ],
)
def test_what_cannot_be_is_refused_by_name(fixed: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        draw_case(0, 7, fixed=fixed)


def test_a_profile_by_hand_is_checked_too() -> None:
    with pytest.raises(ValidationError):
        CaseProfile(age=40, gender="unknown")  # type: ignore[arg-type]
