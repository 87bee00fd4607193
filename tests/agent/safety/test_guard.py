"""Danger is found in plain, indirect and misspelled words; figures of speech and films are none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.agent.safety.classifier import WINDOW_WORDS, Judgement, RiskClassifier, Thresholds, windows
from rapport.agent.safety.guard import Guard, decide
from rapport.agent.safety.levels import Finding, Level
from rapport.agent.safety.spelling import plain
from rapport.apps.train.safety_data import read_cases
from rapport.persona.errors import ComponentError

CASES = Path(__file__).parents[2] / "fixtures" / "safety_cases.jsonl"
RULES = Guard()

CRISIS = [
    "I want to kill myself",
    "I just don't want to live anymore",
    "Everyone would be better off without me",
    "I cut myself again last night",
    "There is no reason to live.",
    "I tried to take all my pills yesterday",
    "The movie was fine, but I want to kill myself.",
    "I can\u2019t stop thinking about killing myself",
    "im suicidal",
    "i w\u200bant to d\u200bie",
]
EVERYDAY = [
    "this homework is killing me",
    "I nearly died laughing",
    "I cut myself shaving",
    "The hero of the novel commits suicide at the end",
    "We watched a documentary about suicide prevention",
    "I want to die of shame",
    "I'd rather not live with my parents any more",
    "I lost my job today",
    "",
    "?!",
]


@pytest.mark.parametrize("text", CRISIS)
def test_a_crisis_is_found_by_rules_alone(text: str) -> None:
    found = RULES.read(text)
    assert found.level is Level.CRISIS and found.kind and found.words and found.rule


@pytest.mark.parametrize("text", EVERYDAY)
def test_figures_of_speech_pass(text: str) -> None:
    assert RULES.read(text).level is Level.NONE


PAIRS = [
    ("my lips are blue and I can't breathe", "my lips are blue from the blueberry lolly"),
    ("my husband collapsed in the kitchen", "my car collapsed on the motorway"),
    ("he collapsed and his skin is grey", "he collapsed laughing"),
    ("my dad is unresponsive", "the laptop crashed and is not responding"),
    ("crushing pain in my chest", "I've got this crushing weight of laundry in the hall"),
    ("I can't breathe, help", "I can't breathe in this corset"),
    ("he beat me at home again", "he beat me at darts again"),
    ("he pushed me and the kids", "he pushed me into the pool"),
    ("it ends tonight, I can't do this", "the sale ends tonight"),
    ("they'd be better off without me", "at bowling they're better off without me"),
    ("I've said my goodbyes", "I said my goodbyes at the office, there was cake"),
    ("I will shoot myself", "I'd shoot myself in the foot with that email"),
    ("I'm so tired of life", "I'm so tired of life admin"),
    ("I want to jump off the bridge", "bungee jumping off a bridge is on my list"),
    ("I'm going to kill him tonight", "I'm going to kill him tonight for finishing the series without me"),
    ("she killed herself at home, I want to kill myself too", "Anna Karenina kills herself at the end"),
]


@pytest.mark.parametrize(("danger", "none"), PAIRS)
def test_rules_tell_pairs_of_like_words_apart(danger: str, none: str) -> None:
    assert RULES.read(danger).level is Level.CRISIS
    assert RULES.read(none).level is Level.NONE


@pytest.mark.parametrize(
    "text",
    [
        "I'm not suicidal, I'm just really low",
        "I was suicidal a few years ago",
        "My uncle killed himself when I was ten",
    ],
)
def test_what_is_denied_or_past_is_a_concern(text: str) -> None:
    assert RULES.read(text).level is Level.CONCERN


def test_somebody_elses_crisis_is_told_apart() -> None:
    assert RULES.read("My brother says he's going to hang himself").about_other
    assert not RULES.read("I'm going to hang myself").about_other


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    assert RULES.read(text).level in Level


def test_a_very_long_text_is_read_at_both_ends() -> None:
    assert RULES.read("word " * 50_000 + ". I want to kill myself").level is Level.CRISIS


def test_spelling_is_repaired() -> None:
    assert plain("i dont wanna b alive any more") == "i don't want to be alive anymore"


AT = Thresholds(risk=(0.8, 0.4, 0.1), crisis=(0.9, 0.6, 0.1))


def judged(risk: float, crisis: float) -> Judgement:
    return Judgement(risk, crisis, "abuse")


@pytest.mark.parametrize(
    ("by_rule", "judgement", "level"),
    [
        (Level.CRISIS, judged(0.3, 0.2), Level.CRISIS),
        (Level.CRISIS, judged(0.01, 0.01), Level.NONE),
        (Level.CRISIS, judged(0.3, 0.05), Level.CONCERN),
        (Level.CONCERN, judged(0.2, 0.1), Level.NONE),
        (Level.CONCERN, judged(0.5, 0.1), Level.CONCERN),
        (Level.CONCERN, judged(0.9, 0.7), Level.CRISIS),
        (Level.NONE, judged(0.7, 0.7), Level.NONE),
        (Level.NONE, judged(0.85, 0.7), Level.CONCERN),
        (Level.NONE, judged(0.95, 0.95), Level.CRISIS),
    ],
)
def test_the_more_rules_found_the_less_the_classifier_has_to_say(
    by_rule: Level, judgement: Judgement, level: Level
) -> None:
    found = Finding() if by_rule is Level.NONE else Finding(by_rule, "suicide", 0.9, ("x",), "r")
    decided = decide(found, judgement, AT)
    assert decided.level is level and 0 <= decided.probability <= 1
    if level is not Level.NONE:
        alone = by_rule is Level.NONE
        assert (decided.kind, decided.rule) == (("abuse", "classifier") if alone else ("suicide", "r"))


@given(*(st.floats(0, 1) for _ in range(4)))
def test_more_probable_danger_never_lowers_the_level(risk: float, crisis: float, more: float, worse: float) -> None:
    for by_rule in Level:
        lower = AT.level(judged(min(risk, more), min(crisis, worse)), by_rule)
        assert lower <= AT.level(judged(max(risk, more), max(crisis, worse)), by_rule)


@given(st.lists(st.sampled_from(["word", "kill", "sun"]), max_size=400))
def test_long_texts_are_read_in_windows_with_the_alarming_ones(words: list[str]) -> None:
    flat = " ".join(words)
    found = windows(flat)
    assert 1 <= len(found) <= 4 and all(len(window.split()) <= WINDOW_WORDS for window in found)
    assert found[0] == " ".join(words[:WINDOW_WORDS])
    assert found[-1] == " ".join(words[-WINDOW_WORDS:])
    assert ("kill" in " ".join(found)) == ("kill" in flat)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ComponentError, match="rapport train safety"):
        RiskClassifier(tmp_path)
    (tmp_path / "config.json").write_text('{"thresholds": {"risk": [1, 1, 1], "crisis": [1, 1, 1]}}')
    (tmp_path / "model.onnx").write_bytes(b"none")
    with pytest.raises(ComponentError, match="rapport train safety"):
        RiskClassifier(tmp_path)


def test_the_note_for_memory_holds_no_word_of_the_person() -> None:
    assert RULES.read("I want to kill myself").note == "crisis: suicide"
    assert RULES.read("Hello there").note is None


def test_the_written_cases_are_whole_and_pairs_stay_in_one_part() -> None:
    cases = read_cases(CASES)
    assert len(cases) >= 600 and len({case.text for case in cases}) == len(cases)
    parts: dict[str, set[str]] = {}
    for case in cases:
        parts.setdefault(case.pair, set()).add(case.part)
        assert (case.kind is None) == (case.level is Level.NONE)
    assert all(len(found) == 1 for found in parts.values())


def test_the_shipped_guard_misses_few() -> None:
    guard = Guard.shipped()
    held_out = [case for case in read_cases(CASES) if case.part == "held-out"]
    crises = [guard.read(case.text).level is Level.CRISIS for case in held_out if case.level is Level.CRISIS]
    assert sum(crises) / len(crises) >= 0.9
