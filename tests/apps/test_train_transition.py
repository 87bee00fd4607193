"""Training the transition: what can be learned is, what cannot is not claimed, and the file does what was fitted."""

from pathlib import Path

import numpy as np
import pytest
import torch

from rapport.apps.train.transition import POINTS, SHIPPED, Rows, compare, fit, predict
from rapport.persona.affect import EKMAN7, AffectState, EmotionDistribution, EmotionEstimate
from rapport.persona.big_five import BigFive
from rapport.persona.card import Persona
from rapport.persona.learned import LearnedTransition, features
from rapport.persona.transition import TransitionRequest

LABELS = EKMAN7.labels


def said(label: int) -> EmotionEstimate:
    name = LABELS[label]
    return EmotionEstimate(EmotionDistribution.certain(EKMAN7, name), EKMAN7.points[name], (1e-6, 1e-6, 1e-6))


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def made(after, count: int = 350, seed: int = 0) -> Rows:
    """Triples whose third emotion is `after(first, second, rng)`."""
    rng = np.random.default_rng(seed)
    before, user = rng.integers(0, 7, (2, count))
    state = np.array([features(EKMAN7.points[LABELS[b]], said(u)) for b, u in zip(before, user, strict=True)])
    outcome = np.array([after(b, u, rng) for b, u in zip(before, user, strict=True)])
    return Rows({"state": state}, before, user, outcome, [BigFive()] * count, np.arange(count))


def test_a_mirroring_agent_is_learned():
    result = compare(SHIPPED, made(lambda b, u, rng: u), made(lambda b, u, rng: u, seed=1), seed=0)
    assert result["macro_f1"] > 0.95
    assert result["gain_over_hold"][1] > 0.5


def test_chance_is_not_claimed_as_a_gain():
    def mostly_held(b: int, u: int, rng: np.random.Generator) -> int:
        return b if rng.random() < 0.5 else int(rng.integers(0, 7))

    result = compare(SHIPPED, made(mostly_held), made(mostly_held, seed=1), seed=0)
    gain, low, high = result["gain_over_hold"]
    assert low <= 0 <= high
    assert abs(gain) < 0.1


async def test_the_file_says_what_the_fit_said(tmp_path: Path):
    rows = made(lambda b, u, rng: u if u != LABELS.index("neutral") else b, count=120)
    weights = fit(SHIPPED, rows, 0.001, 0.3, seed=0)
    weights.save(tmp_path / "transition.npz")
    transition = LearnedTransition(str(tmp_path / "transition.npz"))
    logits = predict(weights, SHIPPED, rows, seed=0)
    persona = Persona(name="p", big_five=BigFive(), baseline_mood=None)
    for k in range(20):
        here = EKMAN7.points[LABELS[rows.before[k]]]
        assert here.as_tuple() == pytest.approx(POINTS[rows.before[k]])
        request = TransitionRequest(AffectState(here, here, 0.0), said(int(rows.user[k])), persona, 0.0)
        distribution = (await transition.step(request)).distribution
        assert distribution is not None
        expected = np.exp(logits[k] - logits[k].max())
        assert distribution.probabilities == pytest.approx(expected / expected.sum(), abs=1e-3)


def test_the_same_seed_gives_the_same_weights():
    rows = made(lambda b, u, rng: u, count=80)
    first, second = (fit(SHIPPED, rows, 0.01, 0.0, seed=0) for _ in range(2))
    assert np.array_equal(first.head, second.head)
    assert np.array_equal(first.target, second.target)
