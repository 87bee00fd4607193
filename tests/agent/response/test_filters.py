"""Faults of the small model that must not be spoken."""

from __future__ import annotations

import pytest

from rapport.agent.response.feelings import Tone
from rapport.agent.response.filters import objection

SAID = "I lost my job today and my wife is worried about the rent."


@pytest.mark.parametrize(
    ("sentence", "tone", "fault"),
    [
        ("As an AI I cannot feel.", "bad", "machine talk"),
        ("My wife lost her job too.", "bad", "claims a life of its own"),
        ("I also worked at such a job.", "bad", "speaks of itself"),
        ("User: I lost it.", "bad", "role label or link"),
        ("I'm glad to be part of this job search.", "bad", "glad about something bad"),
        ("It must be hard to carry that loss.", "good", "sorry about something that is not bad"),
        ("The job must be on your mind, and your trip too.", "bad", "invents a fact about the person"),
        ("It is hard to lose a job after 12 years.", "bad", "invents a number"),
        ("It makes sense that he left the job.", "bad", "invents a person"),
        ("It hurts that I lost my job today and my wife.", "bad", "claims a life of its own"),
        ("The rent is due and it must", "bad", "unfinished"),
        ("The weather changes with every season.", "bad", "off the subject"),
        ("What's the situation?", "bad", "empty question"),
        ("Now your wife must be upset.", "bad", "invents a feeling"),
        ("The rent pays for itself in the end.", "bad", "states what it cannot know"),
    ],
)
def test_a_fault_is_named(sentence: str, tone: Tone, fault: str) -> None:
    assert objection(sentence, SAID, tone) == fault


@pytest.mark.parametrize(
    "sentence",
    [
        "It makes sense to feel shaken after something like that.",
        "How does your wife feel about the rent?",
        "Losing a job is hard on anyone.",
        "I'm so sorry that this happened.",
    ],
)
def test_a_fitting_sentence_passes(sentence: str) -> None:
    assert objection(sentence, SAID, "bad") is None


def test_the_persons_own_words_are_not_parroted() -> None:
    said = "They look at the coupon for every detail of it."
    assert objection("They look at the coupon for every detail.", said, "bad") == "parrots the person"
