"""What the safety classifier learns from is whole and apart from what it is judged on; thresholds keep their bounds."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.agent.safety.classifier import Judgement
from rapport.agent.safety.levels import Level
from rapport.apps.train import safety
from rapport.apps.train.hashed_fit import grouped_folds
from rapport.apps.train.safety import FOLDS, MOST_FALSE_ALARMS, choose, figures
from rapport.apps.train.safety_data import LABELS_FILE, Case, read_cases
from rapport.apps.train.safety_phrases import MOST_ALIKE, PER_PHRASE, apart, hurried, phrases, spelled_out
from rapport.persona.errors import InputError

CASES = Path(__file__).parents[1] / "fixtures" / "safety_cases.jsonl"


def words(text: str) -> set[str]:
    return set(text.lower().replace(",", " ").split())


def test_the_phrases_are_whole_and_of_every_kind() -> None:
    made = phrases()
    assert len(made) > 2_000 and len({case.text for case in made}) == len(made)
    assert all((case.kind is None) == (case.level is Level.NONE) for case in made)
    assert not [case.text for case in made if set("{}|") & set(case.text)]
    assert {case.level for case in made} == set(Level) and len({case.kind for case in made}) == 7
    assert [case.text for case in made] == [case.text for case in phrases()]


def test_phrases_like_a_held_out_case_are_not_learned() -> None:
    held_out = [case for case in read_cases(CASES) if case.part == "held-out"]
    kept = apart(phrases()[::10], held_out)
    assert kept
    for case in kept[::4]:
        for other in held_out:
            common, both = words(case.text) & words(other.text), words(case.text) | words(other.text)
            assert len(common) < (MOST_ALIKE + 0.15) * len(both), (case.text, other.text)
    assert apart([held_out[0]], held_out) == []


def test_choices_are_spelled_out() -> None:
    draw = random.Random(0)
    assert sorted(spelled_out("a {b|c} {d|}", draw)) == ["a b ", "a b d", "a c ", "a c d"]
    assert len(spelled_out("{1|2|3|4} {1|2|3|4}", draw)) == PER_PHRASE


def test_a_line_that_is_no_phrase_is_named(tmp_path: Path) -> None:
    (tmp_path / "some.txt").write_text("# told\n+su I want to go\nnothing\n")
    with pytest.raises(InputError, match=r"some\.txt:3"):
        phrases(tmp_path)


@given(st.text(alphabet="abc d'.", min_size=1), st.integers(0, 99))
def test_hurried_texts_keep_their_words(text: str, seed: int) -> None:
    typed = hurried(text, random.Random(seed))
    assert len(typed.split()) == len(text.lower().replace("'", "").rstrip(".").split())
    assert "'" not in typed


def test_labels_name_texts_and_no_words() -> None:
    lines = LABELS_FILE.read_text("utf-8").splitlines()
    assert lines[0].split("\t") == ["corpus", "id", "level", "part"]
    rows = [line.split("\t") for line in lines[1:]]
    assert {row[3] for row in rows} == {"seen", "held-out"} and {row[2] for row in rows} == {
        "none",
        "concern",
        "crisis",
    }
    assert len({(row[0], row[1]) for row in rows}) == len(rows)


def test_a_group_is_in_one_fold() -> None:
    folds = grouped_folds(["a", "b", "a", "c", "b"], FOLDS, 3)
    assert folds[0] == folds[2] and folds[1] == folds[4]


def test_an_alarm_beyond_the_bound_is_raised_only_for_a_crisis_that_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(1)
    cases: list[Case] = []
    judged: list[Judgement] = []
    for level, centre in ((Level.NONE, 0.2), (Level.CONCERN, 0.6), (Level.CRISIS, 0.85)):
        for k in range(200):
            cases.append(Case(f"the sky is number {k}", level, part="dev"))
            risk = min(0.99, max(0.01, draw.gauss(centre, 0.12)))
            judged.append(Judgement(risk, max(0.0, risk - 0.15), "suicide"))

    def told() -> dict[str, float]:
        thresholds = choose(cases, judged)
        return figures(cases, [thresholds.level(j, Level.NONE) for j in judged])

    weighed = told()
    assert weighed["crisis_recall"] > 0.85 and weighed["concern_recall"] > 0.5
    monkeypatch.setattr(safety, "_COST_BEYOND", 100.0)
    bounded = told()
    assert bounded["false_alarm_rate"] <= MOST_FALSE_ALARMS and bounded["crisis_recall"] > 0.85
    gained = weighed["crisis_recall"] - bounded["crisis_recall"]
    gained += 0.25 * (weighed["concern_recall"] - bounded["concern_recall"])
    assert weighed["false_alarm_rate"] - MOST_FALSE_ALARMS <= gained + 1e-9


def test_figures_count_what_they_say() -> None:
    cases = [Case("", level) for level in (Level.CRISIS, Level.CRISIS, Level.CONCERN, Level.NONE, Level.NONE)]
    told = figures(cases, [Level.CRISIS, Level.CONCERN, Level.CRISIS, Level.CONCERN, Level.NONE])
    assert told == {
        "n": 5, "crisis_recall": 0.5, "concern_recall": 1.0, "concern_overcalled": 1.0, "false_alarm_rate": 0.5,
        "false_crisis_rate": 0.0,
    }  # fmt: skip
