"""Where a personality comes from: set by hand, from ten answers, from levels, on a card."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rapport.persona.big_five import TRAITS, BigFive
from rapport.persona.card import load_persona
from rapport.persona.errors import InputError
from rapport.persona.questionnaire import BFI10, TIPI, Questionnaire

BOTH = pytest.mark.parametrize("questionnaire", [TIPI, BFI10], ids=lambda q: q.name)


def traits(openness: float, conscientiousness: float, extraversion: float, agreeableness: float, n: float) -> BigFive:
    return BigFive(
        openness=openness,
        conscientiousness=conscientiousness,
        extraversion=extraversion,
        agreeableness=agreeableness,
        neuroticism=n,
    )


def test_the_tipi_by_hand() -> None:
    """Means of a trait's two items, with the reversed ones taken from 8: E (7 + 6) / 2, A (5 + 6) / 2, C (5 + 4) / 2,
    emotional stability (2 + 3) / 2, O (4 + 7) / 2."""
    scored = TIPI.score([7, 3, 5, 6, 4, 2, 6, 4, 3, 1])
    expected = traits(4.5 / 6, 3.5 / 6, 5.5 / 6, 4.5 / 6, 1 - 1.5 / 6)
    assert scored.ocean == pytest.approx(expected.ocean)


def test_the_bfi10_by_hand() -> None:
    """The reversed ones taken from 6: E (4 + 5) / 2, A (4 + 5) / 2, C (3 + 2) / 2, N (1 + 2) / 2, O (5 + 4) / 2."""
    scored = BFI10.score([2, 4, 3, 5, 1, 5, 1, 2, 2, 4])
    assert scored.ocean == pytest.approx(traits(3.5 / 4, 1.5 / 4, 3.5 / 4, 3.5 / 4, 0.5 / 4).ocean)


@BOTH
def test_the_middle_of_every_scale_is_average(questionnaire: Questionnaire) -> None:
    assert questionnaire.score([(questionnaire.most + 1) // 2] * 10) == BigFive()


@BOTH
def test_every_trait_has_two_items_and_they_reach_both_ends(questionnaire: Questionnaire) -> None:
    for trait in TRAITS:
        assert sum(item.trait == trait for item in questionnaire.items) == 2
        for wanted in (0.0, 1.0):
            answers = [
                (questionnaire.most if bool(wanted) != item.reverse else 1) if item.trait == trait else 1
                for item in questionnaire.items
            ]
            assert getattr(questionnaire.score(answers), trait) == wanted


@BOTH
@given(st.data())
def test_agreeing_more_never_moves_a_trait_against_its_direction(
    questionnaire: Questionnaire, data: st.DataObject
) -> None:
    answers = data.draw(st.lists(st.integers(1, questionnaire.most), min_size=10, max_size=10))
    number = data.draw(st.integers(0, 9))
    item = questionnaire.items[number]
    more = [*answers[:number], questionnaire.most, *answers[number + 1 :]]
    before, after = (getattr(questionnaire.score(given_), item.trait) for given_ in (answers, more))
    assert (after <= before) if item.reverse else (after >= before)


@BOTH
@pytest.mark.parametrize("answer", [0, 8, -1, 2.5, True, None, "3", float("nan")])
def test_a_bad_answer_is_named(questionnaire: Questionnaire, answer: object) -> None:
    with pytest.raises(InputError, match=rf"{questionnaire.name} item 4 .*from 1 to {questionnaire.most}, got"):
        questionnaire.score([1, 1, 1, answer, *[1] * 6])  # type: ignore[list-item]


@BOTH
@pytest.mark.parametrize("answers", [[], [3] * 9, [3] * 11, "3333333333"])
def test_a_wrong_number_of_answers_is_refused(questionnaire: Questionnaire, answers: list[int]) -> None:
    with pytest.raises(InputError, match="takes 10 answers"):
        questionnaire.score(answers)


def test_levels_stand_for_the_middle_of_their_half() -> None:
    levels = {"Neuroticism": "high", "Extraversion": "low", "openness": " Unknown "}
    assert BigFive.from_levels(levels) == traits(0.5, 0.5, 0.25, 0.5, 0.75)
    assert BigFive.from_levels({}) == BigFive()


@pytest.mark.parametrize(("levels", "says"), [({"courage": "high"}, "no trait"), ({"openness": "medium"}, "low, high")])
def test_an_unknown_trait_or_level_is_refused(levels: dict[str, str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        BigFive.from_levels(levels)


@pytest.mark.parametrize("value", [1.5, -0.01, float("nan"), float("inf"), "high", None])
@pytest.mark.parametrize("trait", TRAITS)
def test_a_trait_outside_its_scale_is_refused(trait: str, value: object) -> None:
    with pytest.raises(ValidationError, match=trait):
        BigFive(**{trait: value})  # type: ignore[arg-type]


def test_a_card_takes_answers_and_levels(tmp_path: Path) -> None:
    card = tmp_path / "card.yaml"
    card.write_text("name: Ada\nbig_five: {tipi: [7, 3, 5, 6, 4, 2, 6, 4, 3, 1]}\ngoals: [tea, the truth]\n", "utf-8")
    assert load_persona(card).big_five == TIPI.score([7, 3, 5, 6, 4, 2, 6, 4, 3, 1])
    assert load_persona(card).goals == ("tea", "the truth")
    card.write_text("name: Ada\nbig_five: {levels: {neuroticism: high}}\n", "utf-8")
    assert load_persona(card).big_five == BigFive(neuroticism=0.75)


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ("{tipi: [1, 2]}", "big_five: tipi takes 10 answers"),
        ("{bfi10: [1, 1, 1, 9, 1, 1, 1, 1, 1, 1]}", "bfi-10 item 4"),
        ("{tipi: 3}", "big_five:"),
        ("{levels: {openness: medium}}", "low, high or unknown"),
        ("{levels: high}", "big_five:"),
        ("{levels: {openness: 3}}", "big_five:"),
        ("{tipi: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1], openness: 0.5}", "big_five.tipi:"),
    ],
)
def test_a_card_names_what_is_wrong_with_answers_and_levels(tmp_path: Path, given_: str, says: str) -> None:
    card = tmp_path / "card.yaml"
    card.write_text(f"name: Ada\nbig_five: {given_}\n", "utf-8")
    with pytest.raises(InputError) as error:
        load_persona(card)
    assert str(error.value).startswith(f"{card}: ")
    assert says in str(error.value)
    assert "\n" not in str(error.value)
