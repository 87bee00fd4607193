"""Conflict: scripted contradictions are flagged, agreement and neutral words are not, and doubt silences it."""

import itertools

import numpy as np
import pytest

from rapport.agent.perception.conflict import find_conflict
from rapport.agent.perception.reassurance import claims_to_be_well
from rapport.persona.affect import EKMAN7, VAD, EmotionDistribution, EmotionEstimate, Modality

NEGATIVE = ("anger", "disgust", "fear", "sadness")
FINE = (
    "I'm fine, thanks for asking.",
    "I am okay.",
    "I'm good.",
    "Everything is okay.",
    "It's all right.",
    "I'm not angry.",
    "Don't worry.",
    "I'm happy.",
    "I love this.",
    "This is great.",
    "I'm very pleased with it.",
    "What a lovely day.",
    "I'm having fun.",
    "I feel wonderful.",
    "That is good news.",
    "I'm excited about tomorrow.",
    "We had a great time.",
    "I'm so relieved.",
    "You are very kind.",
    "I enjoyed every minute.",
)
BAD = (
    "I lost everything I had.",
    "I'm scared of what comes next.",
    "He makes me sick.",
    "I can't stop crying.",
    "They fired me yesterday.",
    "I hate the way he talks to me.",
    "We broke up last night.",
    "It hurts so much.",
    "My dog had to be put down.",
    "I'm so angry I could scream.",
    "That is revolting.",
    "I feel like a failure.",
    "She is very ill and I'm worried.",
    "Everybody left me.",
    "It was horrible.",
)
"""Sentences for judging alone: no threshold was chosen on them."""


def shown(label: str, share: float = 0.7, sd: float = 0.35, modality: Modality = "voice") -> EmotionEstimate:
    """What a recogniser says that gives so much to one label and divides the rest evenly."""
    rest = (1 - share) / (len(EKMAN7) - 1)
    p = EmotionDistribution(EKMAN7, tuple(share if name == label else rest for name in EKMAN7.labels))
    return EmotionEstimate(p, p.vad, (sd, sd, sd), modality)


def words(label: str, share: float = 0.7, sd: float = 0.3) -> EmotionEstimate:
    return shown(label, share, sd, "text")


@pytest.mark.parametrize("modality", ["voice", "face"])
@pytest.mark.parametrize("label", NEGATIVE)
def test_pleasant_words_in_an_unpleasant_voice_or_face_disagree(label: str, modality: Modality):
    conflict = find_conflict({"text": words("joy"), modality: shown(label, modality=modality)})
    assert conflict is not None
    assert (conflict.shown, conflict.words) == (modality, "pleasant")
    assert conflict.description == f"the words are pleasant, but the {modality} is unpleasant"


@pytest.mark.parametrize("label", NEGATIVE)
def test_unpleasant_words_in_a_cheerful_voice_disagree(label: str):
    conflict = find_conflict({"text": words(label), "voice": shown("joy")})
    assert conflict is not None and conflict.words == "unpleasant"
    assert conflict.description == "the words are unpleasant, but the voice is pleasant"


@pytest.mark.parametrize(("said", "heard"), [*itertools.product(NEGATIVE, NEGATIVE)])
def test_feelings_of_one_side_do_not(said: str, heard: str):
    assert find_conflict({"text": words(said), "voice": shown(heard)}) is None


@pytest.mark.parametrize("label", EKMAN7.labels)
def test_neutral_words_contradict_no_voice_and_a_neutral_voice_no_words(label: str):
    assert find_conflict({"text": words("neutral"), "voice": shown(label, 0.9)}) is None
    assert find_conflict({"text": words(label, 0.9), "voice": shown("neutral")}) is None


def test_one_modality_alone_and_none_disagree_with_nobody():
    assert find_conflict({}) is None
    assert find_conflict({"text": words("joy")}) is None
    assert find_conflict({"voice": shown("joy"), "face": shown("sadness", modality="face")}) is None


def test_the_less_certain_they_are_the_less_they_disagree():
    distances = []
    for sd in (0.2, 0.35, 0.5, 0.7):
        found = find_conflict({"text": words("joy", sd=sd), "voice": shown("sadness", sd=sd)})
        distances.append(found.distance_sd if found is not None else 0.0)
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > 2.0 and distances[-1] == 0.0
    assert find_conflict({"text": words("joy", 0.99, 0.1), "voice": shown("sadness", 0.99, 1.0)}) is None


def test_the_stronger_of_two_disagreements_is_told():
    found = find_conflict(
        {"text": words("joy"), "voice": shown("sadness", 0.7), "face": shown("anger", 0.9, modality="face")}
    )
    assert found is not None and found.shown == "face"


def test_labels_and_valence_that_point_different_ways_are_no_conflict():
    odd = EmotionEstimate(words("joy", 0.9).distribution, VAD(-0.8), (0.2, 0.2, 0.2), "text")
    assert find_conflict({"text": odd, "voice": shown("sadness", 0.9)}) is None


WELL = [
    "I'm fine.", "i am fine", "im fine", "I’m okay, honestly.", "No, really, I'm fine.", "I'm doing great, thanks.",
    "It's all good.", "That's okay", "Everything's fine, I swear.", "We're fine.", "I'm perfectly alright and you?",
    "Don't worry about me.", "No need to worry.", "Nothing's wrong.", "There is nothing to worry about.",
    "I'm not upset at all.", "I am not even mad.", "It doesn't matter.", "I don't mind", "I couldn't be happier.",
    "Never better!", "Oh I feel\nfine", "It's nothing, really.", "Nothing is bothering me.", "I'm over it.",
    "Honestly I've never felt better.", "Things couldn't be better.", "Yes, everything is alright at home.",
    "I'll be fine.", "Life is good.", "I feel much better now.", "It's no big deal.",
]  # fmt: skip
NOT_WELL = [
    "", "I'm not fine.", "I don't think I'm okay.", "Am I okay?", "Is everything okay?", "I wish I was fine.",
    "If I'm okay tomorrow", "I'm good at chess.", "I'm well aware of that.", "He is fine.", "You're fine.", "I'm sad.",
    "It's a fine day.", "That's great news.", "Don't be worried.", "Nothing matters.", "I was fine yesterday.",
    "Kids are talking by the door", "Dogs are sitting by the door",
]  # fmt: skip


@pytest.mark.parametrize("said", WELL)
def test_words_that_claim_to_be_well_do_so(said: str):
    assert claims_to_be_well(said)


@pytest.mark.parametrize("said", NOT_WELL)
def test_words_that_do_not_claim_it_do_not(said: str):
    assert not claims_to_be_well(said)


@pytest.mark.parametrize("read", [words("neutral"), words("sadness", 0.5)], ids=["as neutral", "as what they deny"])
def test_a_claim_to_be_well_stands_against_a_broken_voice_however_it_is_read(read: EmotionEstimate):
    modalities: dict[Modality, EmotionEstimate] = {"text": read, "voice": shown("sadness")}
    conflict = find_conflict(modalities, "I'm not sad. I'm fine.")
    assert conflict is not None and conflict.words == "reassuring"
    assert conflict.description == "the words say that all is well, but the voice is unpleasant"
    assert find_conflict(modalities, "It rains.") is None
    for label in ("joy", "neutral", "surprise"):
        assert find_conflict({"text": read, "voice": shown(label)}, "I'm fine.") is None
    blind = EmotionEstimate(shown("sadness").distribution, VAD(), (1.0, 0.5, 0.7), "voice")
    assert find_conflict({"text": read, "voice": blind}, "I'm fine.") is None


@pytest.mark.models
def test_scripted_contradictions_are_flagged_and_agreement_is_not():
    """The real reader of words, against voices as a recogniser that is right seven times in ten would give them."""
    from rapport.agent.perception.text import MiniLMEmotion

    reader, rng = MiniLMEmotion(), np.random.default_rng(7)
    read = {line: reader.read(line) for line in (*FINE, *BAD)}

    def flagged(lines: tuple[str, ...], labels: tuple[str, ...]) -> float:
        pairs = [(line, label, float(rng.uniform(0.55, 0.85))) for line in lines for label in labels for _ in range(4)]
        found = [find_conflict({"text": estimate, "voice": shown(label, share, 0.4)}, line)
                 for line, label, share in pairs if (estimate := read[line]) is not None]  # fmt: skip
        assert len(found) == len(pairs)
        return float(np.mean([conflict is not None for conflict in found]))

    contradictions = flagged(FINE, NEGATIVE), flagged(BAD, ("joy",))
    agreements = flagged(FINE, ("joy", "surprise", "neutral")), flagged(BAD, (*NEGATIVE, "neutral"))
    weight = len(FINE) * len(NEGATIVE) / (len(FINE) * len(NEGATIVE) + len(BAD))
    assert weight * contradictions[0] + (1 - weight) * contradictions[1] >= 0.9, contradictions
    assert max(agreements) <= 0.05, agreements
