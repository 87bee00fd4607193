"""Fusion by precision: order does not matter, the surer counts more, what is blind or says nothing does not pull, and
the uncertainty grows with every modality that is missing, unsure or contradicts.
"""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.agent.perception.fusion import LEAST_SHARE, PrecisionFusion, fuse
from rapport.agent.perception.knowledge import ekman_probabilities, knowledge, sd_of, share_told
from rapport.persona.affect import (
    EKMAN7,
    GOEMOTIONS28,
    MEAD8,
    TAXONOMIES,
    VAD,
    EmotionDistribution,
    EmotionEstimate,
    Evidence,
    Modality,
    Taxonomy,
    convert,
)
from rapport.persona.errors import ComponentError

unit = st.floats(-1, 1)
sds = st.floats(0.05, 1.5)


@st.composite
def estimates(draw: st.DrawFn) -> EmotionEstimate:
    taxonomy = draw(st.sampled_from([EKMAN7, GOEMOTIONS28, MEAD8]))
    weights = draw(st.lists(st.floats(0, 1), min_size=len(taxonomy), max_size=len(taxonomy)))
    modality: Modality = draw(st.sampled_from(["text", "voice", "face"]))
    evidence = draw(st.lists(st.builds(Evidence, st.just(modality), st.text(max_size=3), unit), max_size=3))
    return EmotionEstimate(
        EmotionDistribution.normalised(taxonomy, weights),
        VAD(draw(unit), draw(unit), draw(unit)),
        (draw(sds), draw(sds), draw(sds)),
        modality,
        tuple(evidence),
    )


def text(label: str, vad: VAD, sd: float = 0.3) -> EmotionEstimate:
    around = EmotionDistribution.certain(GOEMOTIONS28, label)
    return EmotionEstimate(around, vad, (sd, sd, sd), "text", (Evidence("text", label, vad.valence),))


def voice(arousal: float, sd: float = 0.5) -> EmotionEstimate:
    vad = VAD(0, arousal, 0)
    return EmotionEstimate(EKMAN7.around(vad), vad, (1.0, sd, 0.9), "voice", (Evidence("voice", "loud", 0.1),))


def test_nothing_fuses_to_unknown():
    assert fuse([]) == EmotionEstimate.unknown()


@given(estimates())
def test_one_estimate_keeps_its_place_and_its_labels(estimate: EmotionEstimate):
    fused = fuse([estimate])
    assert fused.modality is None
    assert (fused.distribution, fused.vad) == (estimate.distribution, estimate.vad)
    assert sorted(map(repr, fused.evidence)) == sorted(map(repr, estimate.evidence))
    if estimate.modality != "text":
        assert fused.vad_sd == pytest.approx([min(1.0, sd) for sd in estimate.vad_sd])


@given(st.sampled_from(list(TAXONOMIES.values())), st.data())
def test_mass_on_ekmans_seven_is_that_of_convert(taxonomy: Taxonomy, data: st.DataObject):
    weights = data.draw(st.lists(st.floats(0.01, 1), min_size=len(taxonomy), max_size=len(taxonomy)))
    distribution = EmotionDistribution.normalised(taxonomy, weights)
    assert ekman_probabilities(distribution) == pytest.approx(convert(distribution, EKMAN7).probabilities)


@given(st.lists(estimates(), min_size=2, max_size=3))
def test_order_of_modalities_does_not_matter(several: list[EmotionEstimate]):
    first, *others = (fuse(order) for order in itertools.permutations(several))
    assert all(other == first for other in others)


@given(st.lists(estimates(), min_size=1, max_size=4))
def test_fused_vad_lies_between_the_estimates(several: list[EmotionEstimate]):
    fused = fuse(several)
    for axis in range(3):
        values = [e.vad.as_tuple()[axis] for e in several]
        assert min(values) - 1e-9 <= fused.vad.as_tuple()[axis] <= max(values) + 1e-9
    assert math.isclose(sum(fused.distribution.probabilities), 1.0, abs_tol=1e-9)


@given(st.lists(estimates(), min_size=2, max_size=4), st.data())
def test_uncertainty_grows_when_any_estimate_is_removed(several: list[EmotionEstimate], data: st.DataObject):
    removed = data.draw(st.integers(0, len(several) - 1))
    whole, rest = fuse(several), fuse([e for i, e in enumerate(several) if i != removed])
    for axis, known in enumerate(knowledge([several[removed]], LEAST_SHARE)[0]):
        if known > 1e-3:
            assert rest.vad_sd[axis] > whole.vad_sd[axis]
        assert rest.vad_sd[axis] >= whole.vad_sd[axis] - 1e-12


@given(st.lists(estimates(), min_size=1, max_size=4))
def test_agreement_makes_no_surer_than_independent_estimates_may(several: list[EmotionEstimate]):
    together = sd_of(knowledge(several, LEAST_SHARE).sum(axis=0))
    assert all(sd >= least - 1e-12 for sd, least in zip(fuse(several).vad_sd, together, strict=True))


@given(estimates(), estimates(), estimates(), st.floats(1.0, 4.0))
def test_uncertainty_grows_when_an_estimate_states_more(
    a: EmotionEstimate, b: EmotionEstimate, c: EmotionEstimate, factor: float
):
    v, ar, d = (factor * sd for sd in a.vad_sd)
    vaguer = EmotionEstimate(a.distribution, a.vad, (v, ar, d), a.modality)
    for others in ([b], [b, c]):
        before, after = fuse([a, *others]).vad_sd, fuse([vaguer, *others]).vad_sd
        assert all(x <= y + 1e-9 for x, y in zip(before, after, strict=True))


@given(unit, st.floats(0.1, 0.8), st.floats(0.1, 0.8), unit)
def test_noise_in_the_place_of_an_estimate_that_agrees_widens(x: float, sd: float, other_sd: float, noise: float):
    def at(value: float, sd: float, modality: Modality) -> EmotionEstimate:
        return EmotionEstimate(EKMAN7.around(VAD(value)), VAD(value, value, value), (sd, sd, sd), modality)

    voice, agreeing, noisy = at(x, sd, "voice"), at(x, other_sd, "face"), at(noise, other_sd, "face")
    assert fuse([voice, noisy]).vad_sd[0] >= fuse([voice, agreeing]).vad_sd[0] - 1e-12
    far = at(-1.0 if x > 0 else 1.0, other_sd, "face")
    if abs(x) > 0.2:
        assert fuse([voice, far]).vad_sd[0] > fuse([voice, agreeing]).vad_sd[0]


@given(unit, unit, st.floats(0.05, 0.9), st.floats(1.05, 5))
def test_the_more_certain_estimate_is_the_nearer_one(a: float, b: float, sd: float, ratio: float):
    sure = EmotionEstimate(EKMAN7.around(VAD(a)), VAD(a), (sd, sd, sd), "voice")
    less = EmotionEstimate(EKMAN7.around(VAD(b)), VAD(b), (sd * ratio, sd * ratio, sd * ratio), "face")
    fused = fuse([sure, less])
    assert abs(fused.vad.valence - a) <= abs(fused.vad.valence - b) + 1e-9


def test_vad_is_the_precision_weighted_mean():
    text_one, face = text("joy", VAD(0.8, 0.4, 0.0), 0.5), text("joy", VAD(0.0, 0.0, 0.0), 0.25)
    # Precisions beyond knowing nothing: 1/0.25 - 1 = 3 and 1/0.0625 - 1 = 15.
    fused = fuse([text_one, face])
    assert fused.vad.valence == pytest.approx(0.8 * 3 / 18)
    # They agree on dominance; on valence they lie z**2 = 0.64 / (0.25 + 0.25) apart.
    assert fused.vad_sd[2] == pytest.approx(1 / math.sqrt(19))
    assert fused.vad_sd[0] == pytest.approx(1 / math.sqrt(1 + 15 + 3 / (1 + 0.64 / 0.5)))


def test_a_blind_modality_makes_peace_between_nobody():
    happy, sad = text("joy", VAD(0.8)), voice(0.0)
    sad = EmotionEstimate(sad.distribution, VAD(-0.8), (0.3, 0.3, 0.3), "voice")
    blind = EmotionEstimate(EKMAN7.around(VAD()), VAD(), (1.0, 1.0, 1.0), "face")
    assert fuse([happy, sad, blind]).vad_sd == pytest.approx(fuse([happy, sad]).vad_sd)


def test_a_voice_without_valence_leaves_the_valence_of_the_words():
    fused = fuse([text("sadness", VAD(-0.7, -0.2, -0.3)), voice(0.6)])
    assert fused.vad.valence == pytest.approx(-0.7)
    assert fused.vad_sd[0] == pytest.approx(0.3)
    assert fused.vad.arousal > -0.2


def test_an_estimate_that_knows_nothing_changes_nothing():
    words = text("gratitude", VAD(0.7, 0.1, 0.1))
    fused = fuse([words, EmotionEstimate.unknown("face")])
    assert fused.distribution == words.distribution
    assert fused.vad.as_tuple() == pytest.approx(words.vad.as_tuple())


def test_estimates_that_all_know_nothing_still_fuse():
    fused = fuse([EmotionEstimate.unknown("face"), EmotionEstimate.unknown("voice")])
    assert fused.label == "neutral"
    assert fused.vad_sd == (1.0, 1.0, 1.0)


def test_the_28_labels_of_text_survive_a_voice_that_knows_seven():
    fused = fuse([text("gratitude", VAD(0.7, 0.1, 0.1)), voice(0.3)])
    assert fused.distribution.taxonomy is GOEMOTIONS28
    assert fused.label == "gratitude"


def test_within_a_class_the_finer_estimate_divides_and_between_classes_both_decide():
    p = np.zeros(28)
    p[[GOEMOTIONS28.index("annoyance"), GOEMOTIONS28.index("anger"), GOEMOTIONS28.index("grief")]] = 0.3, 0.1, 0.6
    words = EmotionEstimate(EmotionDistribution.normalised(GOEMOTIONS28, p), VAD(-0.5), (0.4, 0.4, 0.4), "text")
    face = EmotionEstimate(EmotionDistribution.certain(EKMAN7, "anger"), VAD(-0.5), (0.4, 0.4, 0.4), "face")
    fused = fuse([words, face])
    shares = fused.distribution.as_dict()
    assert fused.label == "annoyance"
    assert shares["annoyance"] / shares["anger"] == pytest.approx(3.0)
    assert convert(fused.distribution, EKMAN7).as_dict()["anger"] > 0.4


def test_no_modality_vetoes_a_label():
    certain_joy = text("joy", VAD(0.8, 0.5, 0.4))
    certain_anger = text("anger", VAD(-0.5, 0.6, 0.2))
    shares = fuse([certain_joy, certain_anger]).distribution.as_dict()
    assert shares["joy"] == pytest.approx(shares["anger"])
    assert shares["joy"] > 0.3


def test_agreeing_modalities_keep_their_label():
    face = EmotionEstimate(EmotionDistribution.certain(EKMAN7, "fear"), VAD(-0.6, 0.8, -0.4), (0.3, 0.3, 0.3), "face")
    fused = fuse([text("nervousness", VAD(-0.4, 0.6, -0.4)), face])
    assert fused.label == "nervousness"


def words(neutral: float, **emotions: float) -> EmotionEstimate:
    p = EmotionDistribution.normalised(EKMAN7, [{**emotions, "neutral": neutral}.get(k, 0.0) for k in EKMAN7.labels])
    return EmotionEstimate(p, p.vad, (0.3, 0.3, 0.3), "text")


def test_words_that_say_nothing_of_a_feeling_do_not_talk_a_voice_out_of_it():
    sad = EmotionEstimate(EKMAN7.around(VAD(-0.63, -0.27, -0.33)), VAD(-0.63, -0.27, -0.33), (0.4, 0.4, 0.4), "voice")
    fused = fuse([words(0.6, joy=0.2, sadness=0.2), sad])
    assert (fused.distribution, fused.vad) == (sad.distribution, sad.vad)
    assert all(sd < alone for sd, alone in zip(fused.vad_sd, sad.vad_sd, strict=True))
    told = fuse([words(0.1, joy=0.9), sad])
    assert told.vad.valence > 0.0


def test_words_count_by_the_share_of_a_feeling_that_they_tell():
    shares = [share_told(words(neutral, joy=1 - neutral).distribution) for neutral in (0.0, 0.2, 0.4, 0.5, 0.8)]
    assert shares == pytest.approx([1.0, 0.36, 0.04, 0.0, 0.0])
    assert fuse([words(0.8, joy=0.2)]).vad_sd == pytest.approx([1 / math.sqrt(1 + LEAST_SHARE * (1 / 0.09 - 1))] * 3)
    # A voice that sounds neutral says so.
    voice = EmotionEstimate(EmotionDistribution.certain(EKMAN7, "neutral"), VAD(), (0.3, 0.3, 0.3), "voice")
    assert fuse([voice]).vad_sd == pytest.approx((0.3, 0.3, 0.3))


async def test_the_component_is_the_function_and_takes_no_model():
    told = [text("joy", VAD(0.8, 0.4, 0.0)), voice(0.6)]
    assert await PrecisionFusion().fuse(told) == fuse(told)
    with pytest.raises(ComponentError, match="takes no model"):
        PrecisionFusion("large")


def test_evidence_comes_heaviest_first():
    fused = fuse([text("joy", VAD(0.05)), voice(0.2), text("anger", VAD(-0.5))])
    assert [item.text for item in fused.evidence] == ["anger", "loud", "joy"]
