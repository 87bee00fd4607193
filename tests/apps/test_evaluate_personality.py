"""Does personality show? The comparison of personas on PELD's triples, and what it finds there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rapport.agent.stages import EmotionTransition
from rapport.apps.evaluate.peld import ROLES, Triple, read_peld
from rapport.apps.evaluate.personality import cohens_d, persona_effects, personality_ablation
from rapport.persona.affect import EKMAN7
from rapport.persona.analytic import AnalyticTransition
from rapport.persona.big_five import BigFive
from rapport.persona.card import Persona, load_persona, shipped_personas
from rapport.persona.errors import InputError
from rapport.persona.mood import MoodTransition
from rapport.persona.transition import AXES, HoldTransition

VALIDATION = Path(__file__).parents[3] / "shared" / "data" / "peld" / "valid.tsv"
MOVING = pytest.mark.parametrize("component", [AnalyticTransition(), MoodTransition()], ids=lambda c: type(c).__name__)
needs_peld = pytest.mark.skipif(not VALIDATION.exists(), reason="needs PELD's validation rows")


@pytest.fixture(scope="module")
def triples() -> list[Triple]:
    """Two triples of a made-up scene for each role and each pair of a few emotions."""
    said = [("So.", "No way, the cat ate it!", "Right."), ("No way, the cat ate it!", "Right.", "Well.")]
    emotions = [("neutral", "anger"), ("joy", "sadness"), ("neutral", "joy"), ("sadness", "neutral")]
    return [
        Triple(role, "Ada", ocean, (f"{first} {i}", f"{second} {i}", f"{third} {i}"), (before, heard, before))
        for i, (role, ocean) in enumerate(ROLES.items())
        for before, heard in emotions
        for first, second, third in said
    ]


def test_cohens_d_is_the_mean_over_the_standard_deviation() -> None:
    differences = np.array([[1.0, 0.0, 2.0], [2.0, 0.0, -2.0], [3.0, 0.0, 3.0]])
    assert cohens_d(differences) == pytest.approx([2.0, 0.0, 1.0 / np.sqrt(7.0)])


@MOVING
def test_effects_count_every_kind_of_stimulus(component: EmotionTransition, triples: list[Triple]) -> None:
    calm, nervous = (Persona(name=f"n={n}", big_five=BigFive(neuroticism=n)) for n in (0.1, 0.9))
    found = persona_effects(triples, component, [calm, nervous])
    assert {kind: part["n"] for kind, part in found.items()} == {
        "all": 48,
        "unpleasant": 24,
        "pleasant": 12,
        "angry": 12,
    }
    for part in found.values():
        assert set(part["moves"]) == {"n=0.1", "n=0.9"}
        assert set(part["differences"]["n=0.1 - n=0.9"]) == set(AXES)
    valence = found["unpleasant"]["differences"]["n=0.1 - n=0.9"]["valence"]
    moves = found["unpleasant"]["moves"]
    assert valence["mean"] == pytest.approx(moves["n=0.1"]["valence"]["mean"] - moves["n=0.9"]["valence"]["mean"])
    assert valence["d"] > 0.0 and valence["interval"][0] > 0.0


def test_hold_moves_nobody_and_personality_is_worth_nothing_to_it(triples: list[Triple]) -> None:
    personas = [load_persona(name) for name in shipped_personas()]
    for part in persona_effects(triples, HoldTransition(), personas).values():
        assert all(axis["d"] == axis["mean"] == 0.0 for pair in part["differences"].values() for axis in pair.values())
    found = personality_ablation(triples, HoldTransition())
    assert found["scores"]["hold"]["accuracy"] == 1.0, "the made-up third emotion is the first"
    assert all(scores == found["scores"]["hold"] for scores in found["scores"].values())
    assert all(gain == {"macro_f1": 0.0, "interval": (0.0, 0.0)} for gain in found["gains"].values())


def test_a_role_that_is_none_of_the_six_is_named(triples: list[Triple]) -> None:
    with pytest.raises(InputError, match="not Gunther"):
        personality_ablation([replace(triples[0], agent="Gunther")], HoldTransition())


def test_the_ablation_gives_each_role_its_own_another_or_no_personality(triples: list[Triple]) -> None:
    seen: list[tuple[str, BigFive]] = []

    class Watching(HoldTransition):
        async def step(self, request):  # type: ignore[no-untyped-def]
            seen.append((request.persona.name, request.persona.big_five))
            assert request.perceived.vad == EKMAN7.points[request.perceived.label]
            return await super().step(request)

    personality_ablation(triples, Watching())
    rounds = [seen[i : i + len(triples)] for i in range(0, len(seen), len(triples))]
    assert len(rounds) == 1 + 5 + 1
    assert all(traits.ocean == ROLES[role] for role, traits in rounds[0])
    for shuffled in rounds[1:6]:
        assert all(traits.ocean != ROLES[role] for role, traits in shuffled)
    assert {traits for _, traits in rounds[6]} == {BigFive()}


@needs_peld
@MOVING
def test_the_shipped_personas_differ_as_the_literature_says(component: EmotionTransition) -> None:
    personas = [load_persona(name) for name in shipped_personas()]
    found = persona_effects(read_peld(VALIDATION), component, personas)

    def surely_more(kind: str, one: str, other: str, axis: str) -> bool:
        pairs = found[kind]["differences"]
        if f"{one} - {other}" in pairs:
            return pairs[f"{one} - {other}"][axis]["interval"][0] > 0.2
        return pairs[f"{other} - {one}"][axis]["interval"][1] < -0.2

    assert surely_more("unpleasant", "harbor", "willow", "valence"), "neuroticism: larger negative moves"
    assert surely_more("unpleasant", "spark", "willow", "valence")
    assert surely_more("unpleasant", "spark", "harbor", "valence"), "agreeableness: more contagion"
    assert surely_more("pleasant", "spark", "willow", "valence"), "extraversion: larger positive moves"
    assert surely_more("pleasant", "spark", "harbor", "valence")
    assert surely_more("angry", "spark", "harbor", "dominance"), "agreeableness: less anger"
    assert surely_more("all", "spark", "willow", "dominance"), "extraversion: dominance"


@needs_peld
def test_the_ablation_on_peld_is_complete() -> None:
    found = personality_ablation(read_peld(VALIDATION), AnalyticTransition())
    assert found["n"] == 1018
    assert found["scores"]["hold"] == pytest.approx({"accuracy": 0.424, "macro_f1": 0.328}, abs=5e-4)
    for gain in found["gains"].values():
        assert gain["interval"][0] <= gain["macro_f1"] <= gain["interval"][1]
