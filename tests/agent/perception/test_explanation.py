"""The explanation names the fused label, quotes only what is in the evidence, and claims nothing that was not read."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.agent.perception.compound import compound_of
from rapport.agent.perception.conflict import find_conflict
from rapport.agent.perception.explanation import Explanation, cited_clues, explain
from rapport.agent.perception.fusion import fuse
from rapport.persona.affect import EKMAN7, GOEMOTIONS28, VAD, EmotionDistribution, EmotionEstimate, Evidence, Modality

unit = st.floats(-1, 1)


def explained(modalities: dict[Modality, EmotionEstimate]) -> tuple[Explanation, EmotionEstimate]:
    fused = fuse(list(modalities.values()))
    return explain(modalities, fused, find_conflict(modalities), compound_of(fused.distribution)), fused


def estimate(vad: VAD, modality: Modality, *clues: str, sd: float = 0.3) -> EmotionEstimate:
    evidence = tuple(Evidence(modality, clue, 0.5 / (i + 1)) for i, clue in enumerate(clues))
    return EmotionEstimate(EKMAN7.around(vad), vad, (sd, sd, sd), modality, evidence)


@st.composite
def modalities(draw: st.DrawFn) -> dict[Modality, EmotionEstimate]:
    names: list[Modality] = draw(st.lists(st.sampled_from(["text", "voice", "face"]), unique=True, min_size=1))
    told: dict[Modality, EmotionEstimate] = {}
    for name in names:
        taxonomy = draw(st.sampled_from([EKMAN7, GOEMOTIONS28]))
        weights = draw(st.lists(st.floats(0, 1), min_size=len(taxonomy), max_size=len(taxonomy)))
        sd = draw(st.floats(0.1, 1.0))
        clues = st.builds(Evidence, st.just(name), st.text(max_size=80), unit)
        evidence = tuple(draw(st.lists(clues, max_size=5)))
        p = EmotionDistribution.normalised(taxonomy, weights)
        told[name] = EmotionEstimate(p, VAD(draw(unit), draw(unit), draw(unit)), (sd, sd, sd), name, evidence)
    return told


@given(modalities())
def test_the_conclusion_names_the_fused_label_and_every_clue_is_evidence(given_: dict[Modality, EmotionEstimate]):
    explanation, fused = explained(given_)
    assert f" {fused.label} " in explanation.conclusion
    assert len(explanation.key_observations) == len(given_)
    for modality, sentence in zip(
        [m for m in ("text", "voice", "face") if m in given_], explanation.key_observations, strict=True
    ):
        clues = cited_clues(given_[modality])
        assert set(clues) <= {e.text for e in fused.evidence if e.modality == modality}
        assert all(clue in sentence for clue in clues)
        assert ("stand" in sentence) == bool(clues)


@given(modalities())
def test_the_text_has_the_three_headings_in_their_order(given_: dict[Modality, EmotionEstimate]):
    text = explained(given_)[0].as_text()
    places = [text.index(heading) for heading in ("Key observations:", "Overall interpretation:", "Conclusion:")]
    assert places == sorted(places)
    assert "\n" not in text


def test_what_it_says_of_words_a_voice_and_a_face():
    explanation, _ = explained(
        {
            "text": estimate(VAD(-0.63, -0.27, -0.33), "text", "lost", "job"),
            "voice": EmotionEstimate(
                EKMAN7.around(VAD(0, 0.5, 0)),
                VAD(0, 0.5, 0),
                (1.0, 0.5, 0.7),
                "voice",
                (Evidence("voice", "fast speech", 0.0),),
            ),
            "face": estimate(VAD(-0.63, -0.27, -0.33), "face"),
        }
    )
    words, voice, face = explanation.key_observations
    assert re.fullmatch(
        r'In the words, "lost" and "job" stand out; they read as sadness \(\d+%\), .*unpleasant.*\.', words
    )
    assert voice == "In the voice, fast speech stands out; it sounds aroused, pleasant or not."
    assert re.fullmatch(r"The face looks like sadness \(\d+%\), very unpleasant, .*\.", face)
    assert "The words, the voice and the face do not contradict each other." in explanation.interpretation
    assert explanation.conclusion.startswith("The feeling is most likely sadness (")


def test_a_conflict_and_a_compound_are_told():
    pleasant = estimate(VAD(0.81, 0.51, 0.46), "text", "fine")
    broken = estimate(VAD(-0.63, -0.27, -0.33), "voice", "low pitch")
    explanation, _ = explained({"text": pleasant, "voice": broken})
    assert "disagree: the words are pleasant, but the voice is unpleasant." in explanation.interpretation
    assert "do not contradict" not in explanation.interpretation
    afraid = EmotionDistribution.normalised(EKMAN7, (0, 0, 0.5, 0, 0.1, 0, 0.4))
    explanation, _ = explained({"text": EmotionEstimate(afraid, afraid.vad, modality="text")})
    assert "Two feelings mix: fear and surprise, fearfully surprised." in explanation.interpretation


def test_doubt_is_told():
    for sd, doubt in ((0.15, "little"), (0.4, "some"), (0.8, "great")):
        explanation, _ = explained({"voice": estimate(VAD(0.5), "voice", sd=sd)})
        assert f"with {doubt} uncertainty" in explanation.interpretation
    even = EmotionEstimate(EmotionDistribution.normalised(EKMAN7, [1] * 7), VAD(), (0.3, 0.3, 0.3), "face")
    explanation, _ = explained({"face": even})
    assert explanation.conclusion.startswith("The feeling is perhaps ")


@pytest.mark.parametrize("clue", ["", "two\nlines", "x" * 61, " padded"])
def test_what_is_no_clue_is_not_quoted(clue: str):
    assert cited_clues(estimate(VAD(0.5), "text", clue, "good")) == ["good"]


def test_nothing_perceived_is_no_text():
    unknown = EmotionEstimate.unknown()
    explanation = explain({}, unknown, None, None)
    assert explanation.as_text() == ""
    assert "neutral" in explanation.conclusion and "could be read" in explanation.interpretation
