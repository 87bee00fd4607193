"""What a turn means to the agent: whose doing, how certain, which goals, how new."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.persona.affect import EKMAN7, GOEMOTIONS28, VAD, EmotionDistribution, EmotionEstimate, Taxonomy
from rapport.persona.appraisal import Appraisal, appraise
from rapport.persona.card import Persona, load_persona, shipped_personas

DIALOGUES = Path(__file__).parents[3] / "shared" / "data" / "empatheticdialogues" / "dev.jsonl"
PLAIN = EmotionEstimate.unknown()
NOBODY = Persona(name="nobody")


def judged(text: str, persona: Persona = NOBODY, context: tuple[str, ...] = ()) -> Appraisal:
    return appraise(text, PLAIN, persona, context)


@pytest.mark.parametrize(
    ("text", "agency"),
    [
        ("You never listen to me!", "agent"),
        ("This is all your fault.", "agent"),
        ("Shut up.", "agent"),
        ("Why do you keep asking me that?", "agent"),
        ("I'm so angry at you right now", "agent"),
        ("Thank you, you really helped me.", "agent"),
        ("You’re useless", "agent"),
        ("It's my own fault, I forgot her birthday.", "self"),
        ("I messed up the presentation", "self"),
        ("I feel so guilty about what happened", "self"),
        ("I finally passed my driving test!", "self"),
        ("I should have called him back.", "self"),
        ("My boss fired me today.", "other"),
        ("I was cheated on.", "other"),
        ("He lied to me about everything.", "other"),
        ("I'm furious with my sister.", "other"),
        ("Thanks to my neighbour the whole street knows.", "other"),
        ("It's her fault that we missed the train", "other"),
        ("My grandmother died last night.", "circumstance"),
        ("It rained for the whole holiday.", "circumstance"),
        ("I lost my job today.", "circumstance"),
        ("It's not your fault.", "circumstance"),
        ("How are you doing?", "circumstance"),
        ("Can you help me with this?", "circumstance"),
        ("Do you know the feeling when you are all alone?", "circumstance"),
    ],
)
def test_whose_doing_it_is(text: str, agency: str) -> None:
    assert judged(text).agency == agency


def test_blame_outweighs_what_else_is_told() -> None:
    assert judged("My boss fired me, and it's my own fault because I was late.").agency == "self"
    assert judged("He left me because of you.").agency == "agent"


@pytest.mark.parametrize(
    ("surer", "less_sure"),
    [
        ("I lost my job.", "I might lose my job."),
        ("I might lose my job.", "Maybe I might lose my job."),
        ("He is angry with me.", "I think he is angry with me."),
        ("He will come.", "Will he come?"),
        ("I know what to do.", "I don't know what to do."),
        ("She should have told me.", "She should tell me."),
    ],
)
def test_hedges_questions_and_modal_verbs_take_certainty(surer: str, less_sure: str) -> None:
    assert 0.0 < judged(less_sure).certainty < judged(surer).certainty <= 1.0


def test_a_statement_is_certain() -> None:
    assert judged("My dog died.").certainty == 1.0


@pytest.mark.parametrize(
    ("goal", "text"),
    [
        ("exams", "My exam is tomorrow."),
        ("promises", "She promised me!"),
        ("keeping promises", "I always keep a promise"),
        ("family", "All the families were there."),
        ("getting it right", "I just want to do it right."),
    ],
)
def test_a_goal_is_touched_in_any_inflection(goal: str, text: str) -> None:
    persona = Persona(name="x", goals=(goal, "zebras"))
    assert judged(text, persona).goals == (goal,)
    assert judged(text, persona).relevance == 0.5
    assert judged("It rained.", persona).relevance == 0.0


def test_every_further_goal_counts_half_and_being_spoken_of_is_one() -> None:
    persona = Persona(name="x", goals=("work", "health"))
    assert judged("Work makes me sick, my health is gone.", persona).relevance == 0.75
    assert judged("You ruined my work and my health.", persona).relevance == 0.875
    assert judged("You never listen.").relevance == 0.5


def test_the_shipped_personas_care_for_different_things() -> None:
    goals = [set(load_persona(name).goals) for name in shipped_personas()]
    assert all(len(each) >= 10 for each in goals)
    touched = {
        name: judged("My exam is tomorrow and I can't sleep.", load_persona(name)) for name in shipped_personas()
    }
    assert touched["willow"].goals == ("exams",)
    assert touched["harbor"].goals == ("sleep",)
    assert touched["spark"].goals == ()


def test_what_was_said_before_is_not_new() -> None:
    said = "My landlord wants to sell the house."
    assert judged(said).novelty == 1.0
    assert judged(said, context=(said, "Oh no.")).novelty == 0.0
    assert 0.0 < judged(said + " And the garden.", context=(said,)).novelty < 0.5
    assert judged(said, context=(said, *["Something else."] * 4)).novelty == 1.0, "too long ago"


def test_the_stimulus_is_what_was_perceived_with_its_share_of_anger() -> None:
    vad = VAD(-0.5, 0.6, 0.2)
    weights = [0.0] * len(GOEMOTIONS28)
    for label, weight in (("annoyance", 0.5), ("disgust", 0.2), ("sadness", 0.3)):
        weights[GOEMOTIONS28.index(label)] = weight
    found = appraise("", EmotionEstimate(EmotionDistribution.normalised(GOEMOTIONS28, weights), vad), NOBODY)
    assert found.stimulus == vad
    assert found.anger == pytest.approx(0.7)


def test_anger_is_found_in_a_taxonomy_of_ones_own() -> None:
    own = Taxonomy("own", {"rage": VAD(-0.5, 0.7, 0.3), "bliss": VAD(0.9, 0.2, 0.3)})
    assert appraise("", EmotionEstimate(EmotionDistribution.certain(own, "rage"), VAD()), NOBODY).anger == 1.0


@pytest.mark.parametrize("text", ["", "   ", "😭😭😭", "... !!! ???", "12345"])
def test_without_words_every_judgement_is_neutral(text: str) -> None:
    assert judged(text, load_persona("willow"), ("My exam.",)) == Appraisal(VAD())


@pytest.mark.parametrize("text", ["Ich bin heute sehr traurig.", "私は悲しい", "Mi perro murió ayer"])
def test_another_language_is_nobodys_doing_and_certain(text: str) -> None:
    assert (judged(text).agency, judged(text).certainty) == ("circumstance", 1.0)


def test_ten_thousand_words_are_judged_by_their_beginning() -> None:
    found = judged("You never listen to me! " * 2500)
    assert found.agency == "agent"


@given(st.text(max_size=300), st.lists(st.text(max_size=60), max_size=6))
def test_any_text_is_judged_within_bounds(text: str, context: list[str]) -> None:
    found = appraise(text, EmotionEstimate(EKMAN7.around(VAD()), VAD()), load_persona("harbor"), context)
    assert 0.0 < found.certainty <= 1.0
    assert 0.0 <= found.relevance < 1.0
    assert 0.0 <= found.novelty <= 1.0
    assert 0.0 <= found.anger <= 1.0


@pytest.mark.skipif(not DIALOGUES.exists(), reason="needs EmpatheticDialogues' development part")
def test_appraisals_differ_between_feelings_as_the_theory_says() -> None:
    """Smith & Ellsworth 1985: guilt is one's own doing, anger another's, sadness nobody's; hope and fear are unsure."""
    found: defaultdict[str, list[Appraisal]] = defaultdict(list)
    for line in DIALOGUES.read_text("utf-8").splitlines():
        dialogue = json.loads(line)
        found[dialogue["emotion"]].append(judged(dialogue["situation"]))

    def share(agency: str, *feelings: str) -> float:
        each = [appraisal.agency == agency for feeling in feelings for appraisal in found[feeling]]
        return sum(each) / len(each)

    def certainty(*feelings: str) -> float:
        each = [appraisal.certainty for feeling in feelings for appraisal in found[feeling]]
        return sum(each) / len(each)

    guilt, anger, loss = ("guilty", "ashamed"), ("angry", "furious"), ("sad", "afraid", "lonely")
    assert share("self", *guilt) > 2 * share("self", *anger) > 2 * share("self", *loss)
    assert share("other", *anger) > 2 * share("other", *loss)
    assert share("other", *anger) > 2 * share("other", *guilt)
    assert share("circumstance", *loss) > share("circumstance", *anger)
    assert certainty("apprehensive", "hopeful", "anxious") < certainty("angry", "disgusted", "joyful", "proud")
