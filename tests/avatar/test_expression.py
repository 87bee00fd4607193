"""The face of a feeling: bounds, continuity, FACS, and what speech keeps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.avatar.expression import (
    ACTION_UNITS,
    PROTOTYPES,
    Mixture,
    expression_weights,
)
from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX
from rapport.persona.affect import EKMAN7
from rapport.persona.errors import InputError

axis = st.floats(-1.0, 1.0)
point = st.tuples(axis, axis, axis)


def face_of(label, **kwargs):
    weights = expression_weights(EKMAN7.points[label].as_array()[None], **kwargs)[0]
    return dict(zip(ARKIT_BLENDSHAPES, weights, strict=True))


def test_neutral_is_the_face_at_rest():
    assert expression_weights(np.zeros((1, 3))).max() == 0.0


@given(point)
def test_weights_are_bounded_everywhere(vad):
    for speaking in (False, True):
        weights = expression_weights(np.array([vad]), speaking=speaking)
        assert weights.shape == (1, 52)
        assert weights.min() >= 0.0
        assert weights.max() <= 1.0


@given(point, st.tuples(axis, axis, axis))
def test_a_small_step_in_affect_is_a_small_step_of_the_face(vad, towards):
    here = np.array(vad)
    step = 0.01 * (np.array(towards) - here)
    change = np.abs(np.diff(expression_weights(np.stack([here, here + step])), axis=0)).max()
    assert change <= 10.0 * np.linalg.norm(step) + 1e-9


@given(point, st.floats(0.0, 1.0))
def test_a_weaker_feeling_shows_less(vad, share):
    weaker, full = Mixture.of(np.stack([share * np.array(vad), vad])).action_units
    assert (weaker <= full + 1e-9).all()


@pytest.mark.parametrize("label", [label for label in EKMAN7.labels if label != "neutral"])
def test_each_emotion_shows_its_own_action_units_most(label):
    numbers = list(ACTION_UNITS)
    got = Mixture.of(EKMAN7.points[label].as_array()[None]).action_units[0]
    wanted = {name: np.array([p.units.get(number, 0.0) for number in numbers]) for name, p in PROTOTYPES.items()}
    likeness = {name: float(got @ v / np.linalg.norm(got) / np.linalg.norm(v)) for name, v in wanted.items()}
    assert max(likeness, key=lambda name: likeness[name]) == label
    assert likeness[label] > 0.9


def test_faces_read_as_facs_says():
    joy, sadness, anger, surprise = (face_of(label) for label in ("joy", "sadness", "anger", "surprise"))
    assert min(joy["mouthSmileLeft"], joy["cheekSquintLeft"]) > 0.5
    assert joy["mouthFrownLeft"] < 0.05
    assert min(sadness["browInnerUp"], sadness["mouthFrownLeft"]) > 0.5
    assert sadness["mouthSmileLeft"] < 0.05
    assert anger["browDownLeft"] > 0.6
    assert anger["browInnerUp"] < 0.15
    assert min(surprise["browOuterUpLeft"], surprise["eyeWideLeft"], surprise["jawOpen"] * 2) > 0.4


def test_asymmetry_is_there_and_small():
    joy = face_of("joy")
    assert 0.01 < joy["mouthSmileLeft"] - joy["mouthSmileRight"] < 0.1
    sadness = face_of("sadness")
    assert sadness["eyeBlinkLeft"] == sadness["eyeBlinkRight"]


@given(point)
def test_speech_keeps_the_jaw_and_the_seal(vad):
    weights = expression_weights(np.array([vad]), speaking=True)[0]
    for name in ("jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthRollLower", "tongueOut"):
        assert weights[BLENDSHAPE_INDEX[name]] == 0.0


def test_speech_leaves_corners_and_brows_to_the_feeling():
    for label, name in (("joy", "mouthSmileLeft"), ("sadness", "mouthFrownLeft"), ("anger", "browDownLeft")):
        assert face_of(label, speaking=True)[name] >= 0.7 * face_of(label)[name]


@pytest.mark.parametrize("bad", [np.zeros(3), np.zeros((2, 2)), np.array([[0.0, np.nan, 0.0]])])
def test_points_that_are_none_are_refused(bad):
    with pytest.raises(InputError, match="VAD"):
        expression_weights(bad)
