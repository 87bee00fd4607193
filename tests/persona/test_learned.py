"""The learned transition: its equation with made weights, and the file that ships."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.persona.affect import EKMAN7, VAD, AffectState, EmotionDistribution, EmotionEstimate
from rapport.persona.big_five import BigFive
from rapport.persona.card import Persona
from rapport.persona.errors import ComponentError
from rapport.persona.learned import LearnedTransition, TransitionWeights, features
from rapport.persona.temperament import step_rate
from rapport.persona.transition import AXES, TransitionRequest, at_rest

COUNT = 20
axis = st.floats(-1, 1)
vads = st.builds(VAD, axis, axis, axis)


def weights(seed: int | None = None) -> TransitionWeights:
    """Without a seed all zero: the target is the middle of the space, and every label is as likely."""
    rng = np.random.default_rng(seed)
    shapes = ((3, COUNT), (3,), (7, 7), (7, COUNT), (7, 3), (7,))
    return TransitionWeights(*(np.zeros(s) if seed is None else rng.normal(0, 3, s) for s in shapes))


@pytest.fixture
def made(tmp_path: Path):
    def make(given: TransitionWeights) -> LearnedTransition:
        given.save(tmp_path / "transition.npz")
        return LearnedTransition(str(tmp_path / "transition.npz"))

    return make


def perceived(vad: VAD, sd: float = 0.2) -> EmotionEstimate:
    return EmotionEstimate(EKMAN7.around(vad), vad, (sd, sd, sd), "text")


async def felt(transition: LearnedTransition, before: VAD, said: EmotionEstimate, persona: Persona) -> AffectState:
    state = AffectState(before, before, 0.0)
    return await transition.step(TransitionRequest(state, said, persona, 0.0))


async def test_the_step_goes_the_personalitys_share_of_the_way_to_the_target(made):
    persona = Persona(name="p", big_five=BigFive(extraversion=0.9, neuroticism=0.2))
    before = VAD(-0.6, 0.4, 0.5)
    after = await felt(made(weights()), before, perceived(VAD(), 1e-6), persona)
    delta = -before.as_array()
    assert after.emotion.as_array() == pytest.approx(
        before.as_array() - delta * np.expm1(-step_rate(persona.big_five, delta))
    )


async def test_no_way_no_move_and_what_is_not_known_moves_nothing(made):
    persona = Persona(name="p")
    transition = made(weights())
    assert (await felt(transition, VAD(), perceived(VAD(0.9, 0.5, 0.5)), persona)).emotion == VAD()
    before = VAD(0.5, 0.5, 0.5)
    assert (await felt(transition, before, perceived(VAD(), 1.0), persona)).emotion == before


@given(before=vads, said=vads, seed=st.integers(0, 20), traits=st.tuples(*[st.floats(0, 1)] * 5))
async def test_no_weights_and_no_input_leave_the_space(made_in_memory, before: VAD, said: VAD, seed: int, traits):
    o, c, e, a, n = traits
    persona = Persona(
        name="p",
        big_five=BigFive(openness=o, conscientiousness=c, extraversion=e, agreeableness=a, neuroticism=n),
    )
    after = await felt(made_in_memory(weights(seed)), before, perceived(said), persona)
    assert all(abs(x) <= 1 for x in (*after.emotion.as_tuple(), *after.mood.as_tuple()))
    assert after.distribution is not None and sum(after.distribution.probabilities) == pytest.approx(1.0)
    for axis_name, x, y in zip(AXES, before.as_tuple(), after.emotion.as_tuple(), strict=True):
        assert sum(after.because[axis_name].values()) == pytest.approx(y - x, abs=1e-9)


@pytest.fixture(scope="module")
def made_in_memory():
    def make(given: TransitionWeights) -> LearnedTransition:
        transition = LearnedTransition.__new__(LearnedTransition)
        transition.weights = given
        return transition

    return make


def test_features_tell_both_emotions():
    f = features(EKMAN7.points["fear"], EmotionEstimate(EmotionDistribution.certain(EKMAN7, "joy"), VAD(0.8, 0.5, 0.4)))
    assert len(f) == COUNT
    assert EKMAN7.labels[int(f[:7].argmax())] == "fear" and f[:7].max() > 0.95
    assert f[7:10] == pytest.approx(EKMAN7.points["fear"].as_tuple())
    assert EKMAN7.labels[int(f[10:17].argmax())] == "joy"
    assert f[17:] == pytest.approx((0.8, 0.5, 0.4))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", None])
def test_a_file_that_is_no_transition_is_one_clear_line(tmp_path: Path, content: bytes | None):
    path = tmp_path / "transition.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ComponentError, match="rapport train transition") as error:
        LearnedTransition(str(path))
    assert "\n" not in str(error.value)


def test_weights_for_other_features_are_refused(tmp_path: Path):
    path = tmp_path / "transition.npz"
    np.savez(path, **{name: np.zeros((3, 4)) for name in TransitionWeights.__annotations__})
    with pytest.raises(ComponentError, match="other features"):
        LearnedTransition(str(path))


async def test_the_shipped_one_holds_neither_saturates_nor_forgets_its_persona():
    transition = LearnedTransition()
    moved: dict[str, float] = {}
    for name, neuroticism in (("steady", 0.1), ("anxious", 0.9)):
        persona = Persona(name=name, big_five=BigFive(neuroticism=neuroticism))
        state = at_rest(persona, 0.0)
        first = await transition.step(TransitionRequest(state, perceived(EKMAN7.points["anger"]), persona, 0.0))
        moved[name] = abs(first.emotion.valence - state.emotion.valence)
        for _ in range(1000):
            state = await transition.step(TransitionRequest(state, perceived(EKMAN7.points["joy"]), persona, 0.0))
        assert max(map(abs, state.emotion.as_tuple())) < 0.99
    assert moved["anxious"] > 0
