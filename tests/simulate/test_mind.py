"""The client's inner state: it stays in its bounds, follows closed forms, and answers to the therapist as stated."""

from __future__ import annotations

import random
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.apps.simulate.acts import EFFECTS, THERAPIST_ACTS, TherapistAct
from rapport.apps.simulate.case import CaseProfile, draw_case
from rapport.apps.simulate.mind import (
    Disposition,
    Mind,
    answered,
    at_start,
    at_the_door,
    disclosure,
    disposition,
    distress,
    fear,
    next_session,
    passed,
)
from rapport.persona.big_five import BigFive

shares = st.floats(0, 1)
minds = st.builds(
    Mind, activation=shares, dose_min=st.floats(0, 500), load=shares, avoidance=shares, dissociation=shares,
    trust=shares, safety=shares, readiness=shares, engagement=shares,
)  # fmt: skip
people = st.builds(
    lambda index, seed, trauma, luck: disposition(draw_case(index, seed), trauma, random.Random(luck)),
    st.integers(0, 200), st.integers(0, 100), st.booleans(), st.integers(0, 1000),
)  # fmt: skip
minutes = st.floats(0, 600)
acts = st.sampled_from(THERAPIST_ACTS)
AVERAGE = disposition(CaseProfile())


def in_bounds(mind: Mind) -> bool:
    names = [field.name for field in fields(mind) if field.name != "dose_min"]
    return mind.dose_min >= 0 and all(-1e-12 <= getattr(mind, name) <= 1 + 1e-12 for name in names)


@settings(max_examples=100, deadline=None)
@given(minds, people, st.lists(st.tuples(acts, minutes), max_size=12))
def test_nothing_leaves_its_bounds_whatever_happens(
    mind: Mind, who: Disposition, events: list[tuple[TherapistAct, float]]
) -> None:
    for act, time in events:
        mind = passed(answered(mind, who, act), who, time)
        assert in_bounds(mind)
        assert 0 <= distress(mind, who) <= 1
        assert 0 < disclosure(mind, who) < 1
        assert who.floor <= fear(mind, who) + 1e-9 or fear(mind, who) == who.fear


@settings(max_examples=60, deadline=None)
@given(minds, people, minutes, minutes)
def test_activation_and_dose_go_the_same_way_in_one_step_or_two(
    mind: Mind, who: Disposition, first: float, second: float
) -> None:
    mind = replace(mind, avoidance=0.0, dissociation=0.0, safety=0.0)
    halfway = replace(passed(mind, who, first), avoidance=0.0, dissociation=0.0, safety=0.0)
    twice, once = passed(halfway, who, second), passed(mind, who, first + second)
    assert twice.activation == pytest.approx(once.activation, abs=1e-9)
    assert twice.dose_min == pytest.approx(once.dose_min, abs=1e-6)


@given(minds, people)
def test_no_time_changes_nothing(mind: Mind, who: Disposition) -> None:
    same = passed(mind, who, 0.0)
    assert all(getattr(same, f.name) == pytest.approx(getattr(mind, f.name)) for f in fields(mind))


@given(minds, people, st.floats(0.1, 100))
def test_fear_never_grows_with_exposure(mind: Mind, who: Disposition, more: float) -> None:
    assert fear(replace(mind, dose_min=mind.dose_min + more), who) <= fear(mind, who) + 1e-12


@given(minds, people)
def test_distress_grows_with_activation_and_load(mind: Mind, who: Disposition) -> None:
    assert distress(replace(mind, activation=1.0), who) >= distress(mind, who) - 1e-12
    assert distress(replace(mind, load=1.0), who) == pytest.approx(1.0)


@given(minds, people)
def test_disclosure_rises_with_trust_and_falls_with_avoidance(mind: Mind, who: Disposition) -> None:
    low, high = disclosure(replace(mind, trust=0.2), who), disclosure(replace(mind, trust=0.8), who)
    assert low < high
    assert disclosure(replace(mind, avoidance=0.9), who) < disclosure(replace(mind, avoidance=0.1), who)


@given(minds, people)
def test_good_acts_build_trust_and_faults_break_it(mind: Mind, who: Disposition) -> None:
    for act in ("validate", "reflect", "pace", "consent"):
        assert answered(mind, who, act).trust >= mind.trust
    for act in ("interrupt", "push", "confront", "brush_off", "reassure", "breathe", "advise"):
        assert answered(mind, who, act).trust <= mind.trust
        assert EFFECTS[act].trust < 0


def exposed(act: TherapistAct, who: Disposition = AVERAGE, every_min: float = 1.2, length_min: float = 36) -> Mind:
    """An exposure in which one act comes in every second turn, and holding in the others."""
    mind = answered(at_the_door(at_start(who), 0.5), who, "begin_memory")
    for i in range(int(length_min / every_min)):
        mind = passed(answered(mind, who, act if i % 2 else "hold"), who, every_min)
    return mind


def test_premature_reassurance_slows_habituation() -> None:
    assert fear(exposed("reassure"), AVERAGE) > fear(exposed("hold"), AVERAGE) + 0.1
    assert fear(exposed("breathe"), AVERAGE) > fear(exposed("hold"), AVERAGE) + 0.1


def test_reassurance_eases_the_moment() -> None:
    mind = exposed("hold", length_min=10)
    assert distress(answered(mind, AVERAGE, "reassure"), AVERAGE) < distress(mind, AVERAGE)


def test_pushing_raises_avoidance_and_validation_lowers_it() -> None:
    held = exposed("hold")
    assert exposed("push").avoidance > held.avoidance + 0.1
    mind = at_start(AVERAGE)
    assert answered(mind, AVERAGE, "validate").avoidance < mind.avoidance


def test_being_asked_nearer_than_trust_allows_raises_avoidance() -> None:
    mind = at_the_door(at_start(AVERAGE), 0.1)
    wary, trusting = replace(mind, trust=0.1), replace(mind, trust=0.9)
    assert answered(wary, AVERAGE, "begin_memory").avoidance > answered(trusting, AVERAGE, "begin_memory").avoidance


def test_distress_rises_and_then_habituates_within_exposure() -> None:
    course: list[float] = []
    mind = answered(at_the_door(at_start(AVERAGE), 0.5), AVERAGE, "begin_memory")
    for _ in range(40):
        mind = passed(answered(mind, AVERAGE, "hold"), AVERAGE, 1.0)
        course.append(distress(mind, AVERAGE))
    peak = int(np.argmax(course))
    assert 5 <= peak <= 25
    assert course[peak] > course[0] + 0.1 and course[-1] < course[peak] - 0.2


def test_fear_comes_back_in_part_between_sessions() -> None:
    end = exposed("hold")
    again = next_session(end, AVERAGE)
    assert fear(end, AVERAGE) < fear(again, AVERAGE) < AVERAGE.fear
    assert again.trust == end.trust


def test_dissociation_needs_distress_above_the_window_and_yields_to_grounding() -> None:
    who = disposition(CaseProfile(exhibited_behaviors=("dissociation",)))
    calm = replace(at_start(who), engagement=0.2)
    assert passed(calm, who, 10).dissociation == pytest.approx(0)
    away = passed(replace(at_start(who), activation=1.0, engagement=1.0, load=0.5), who, 5)
    assert away.dissociation > 0.05
    assert answered(away, who, "ground").dissociation < 0.5 * away.dissociation


def test_personality_sets_peak_recovery_and_trust() -> None:
    calm = disposition(CaseProfile(big_five=BigFive(neuroticism=0.1)))
    neurotic = disposition(CaseProfile(big_five=BigFive(neuroticism=0.9)))
    assert neurotic.fear > calm.fear
    assert neurotic.dose_half_min > calm.dose_half_min
    kind = disposition(CaseProfile(big_five=BigFive(agreeableness=0.9)))
    hard = disposition(CaseProfile(big_five=BigFive(agreeableness=0.1)))
    assert kind.trusting > hard.trusting and kind.trust > hard.trust


def test_every_act_has_its_effect() -> None:
    assert set(EFFECTS) == set(THERAPIST_ACTS)
