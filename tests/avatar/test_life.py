"""Blinks, gaze, head motion, breath: published statistics, purity, continuity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.avatar import life
from rapport.avatar.face import BLENDSHAPE_INDEX

seeds = st.integers(-(2**70), 2**70)
TEN_MINUTES_S = np.arange(0.0, 600.0, 1 / 60)


def calm(count):
    return np.zeros((count, 3))


@settings(max_examples=25, deadline=None)
@given(st.floats(0.0, 4000.0), st.integers(0, 300), seeds)
def test_any_moment_is_the_same_whether_asked_alone_or_in_a_row(start_s, index, seed):
    times_s = start_s + np.arange(301) / 25
    row = life.liveliness(times_s, calm(301), seed)
    alone = life.liveliness(times_s[index : index + 1], calm(1), seed)
    np.testing.assert_allclose(alone.weights[0], row.weights[index], atol=1e-9)
    np.testing.assert_allclose(alone.gaze[0], row.gaze[index], atol=1e-9)
    np.testing.assert_allclose(alone.head_pose[0], row.head_pose[index], atol=1e-9)


def test_seeds_differ():
    times_s = np.arange(0.0, 20.0, 0.04)
    one, two = (life.liveliness(times_s, calm(len(times_s)), seed) for seed in (1, 2))
    assert np.abs(one.gaze - two.gaze).max() > 0.05
    assert np.abs(one.weights - two.weights).max() > 0.5


def test_blink_rates_have_the_published_distribution():
    rng = np.random.default_rng(7)
    rates = life.blink_rates_per_min(rng, 20_000)
    assert np.median(rates) == pytest.approx(np.exp(3.518), rel=0.03)
    assert (rates.min(), rates.max()) == (15.0, 100.0)
    one_sigma = np.quantile(rates, [0.1587, 0.8413])  # inside the clamp, so untouched by it
    np.testing.assert_allclose(one_sigma, np.exp(3.518 + 0.532 * np.array([-1.0, 1.0])), rtol=0.03)


def test_ten_minutes_blink_as_often_as_the_rule_says():
    rates = life.blink_rates_per_min(np.random.default_rng(0), 100_000)
    expected_per_min = 60.0 / np.mean(np.floor(3600.0 / rates) / 60.0)
    counts = [sum(len(life.blink_times_s(seed, epoch)) for epoch in range(5)) / 10.0 for seed in range(20)]
    assert np.mean(counts) == pytest.approx(expected_per_min, rel=0.05)


def test_a_blink_has_the_published_profile_at_sixty_frames_a_second():
    start_s = float(life.blink_times_s(3, 0)[4])
    frames_s = start_s + np.arange(0, 15) / 60
    expected = [0.0, *(1 - k for k in life.BLINK_OPENNESS), 0.0]
    np.testing.assert_allclose(life.blink(frames_s, 3), expected, atol=1e-9)


def test_every_blink_shows_at_twenty_five_frames_a_second():
    for seed in range(5):
        shut = life.blink(np.arange(0, 3000) / 25, seed)
        for start_s in life.blink_times_s(seed, 0):
            frames = np.arange(int(start_s * 25), int(start_s * 25) + 9)
            assert shut[frames[frames < 3000]].max() >= 0.84
    assert (shut == 0).mean() > 0.6


def test_gaze_holds_moves_and_rests_as_published():
    moved, centre, radii, saccades_s, holds_s = 0, 0, [], [], []
    for seed in range(10):
        knots_s, points = life.gaze_path(seed, 0)
        holds_s.extend(np.diff(knots_s)[0:-3:2])
        saccades_s.extend(np.diff(knots_s)[1:-1:2])
        targets = points[2:-1:2]
        radius = np.hypot(*targets.T)
        moved += len(radius)
        centre += int((radius == 0).sum())
        radii.extend(radius[radius > 0])
    assert centre / moved == pytest.approx(0.4, abs=0.04)
    assert min(radii) >= 0.1
    assert max(radii) <= 0.2
    assert np.mean(holds_s) * 60 == pytest.approx(35.0, rel=0.05)
    assert (min(holds_s) * 60, max(holds_s) * 60) == (pytest.approx(25.0), pytest.approx(45.0))
    np.testing.assert_allclose(saccades_s, 5 / 60, atol=1e-9)


def test_a_gaze_movement_starts_where_the_last_one_ended():
    gaze = life.gaze_units(TEN_MINUTES_S, 11)
    fastest = 2 * life.GAZE_RADIUS[1] / life.GAZE_SACCADE_FRAMES
    assert np.abs(np.diff(gaze, axis=0)).max() <= fastest + 1e-9
    assert (np.abs(np.diff(gaze, axis=0)).max(axis=1) == 0).mean() > 0.7


def test_head_moves_slowly_and_little():
    sway = life.head_sway(TEN_MINUTES_S, 5)
    assert np.degrees(np.abs(sway)).max() < 4.0
    assert np.degrees(sway.std(axis=0)).min() > 0.3
    assert np.degrees(np.abs(np.diff(sway, axis=0))).max() * 60 < 12.0  # degrees per second


def test_breath_has_a_human_rate():
    for seed in range(5):
        breath = life.breath(TEN_MINUTES_S, seed)
        rises = np.count_nonzero((breath[:-1] < 0.5) & (breath[1:] >= 0.5)) / 10
        assert 12.5 <= rises <= 17.5


@given(st.lists(st.tuples(st.floats(-0.6, 0.6), st.floats(-0.6, 0.6)), min_size=1, max_size=5))
def test_eye_weights_agree_with_the_gaze(gaze):
    weights = life.eye_look_weights(np.array(gaze))
    for (left, up), row in zip(gaze, weights, strict=True):
        shown = {
            n: row[BLENDSHAPE_INDEX[f"eyeLook{n}"]] for n in ("OutLeft", "InLeft", "InRight", "UpLeft", "DownLeft")
        }
        assert shown["OutLeft"] == shown["InRight"]
        assert (shown["OutLeft"] > 0) == (left > 0)
        assert (shown["InLeft"] > 0) == (left < 0)
        assert (shown["UpLeft"] > 0) == (up > 0)
        assert (shown["DownLeft"] > 0) == (up < 0)


def test_sadness_looks_and_hangs_down_and_pride_rises():
    times_s = np.arange(0.0, 120.0, 0.04)
    sad, proud = (
        life.liveliness(times_s, np.tile(vad, (len(times_s), 1)), 1)
        for vad in ((-0.63, -0.27, -0.33), (0.45, 0.2, 0.8))
    )
    assert np.degrees(sad.head_pose[:, 0].mean()) > 2.0
    assert np.degrees(proud.head_pose[:, 0].mean()) < -1.0
    assert (sad.gaze - sad.head_pose[:, :1] * [0, 0.8])[:, 1].mean() < (proud.gaze - proud.head_pose[:, :1] * [0, 0.8])[
        :, 1
    ].mean()


def test_nods_fall_on_the_stressed_syllables():
    times_s = np.arange(0.1, 5.0, 0.1)
    stress = np.full(len(times_s), 0.3)
    stress[[12, 30]] = 1.0
    found = life.emphases(times_s, stress, 5.0)
    np.testing.assert_allclose(found[:, 0], times_s[[12, 30]])
    pitch = life.nods(np.arange(0.0, 5.0, 0.01), found)
    assert pitch[[130, 310]].min() == pytest.approx(found[0, 1], rel=0.01)
    assert pitch[0] == pitch[-1] == 0.0


@pytest.mark.parametrize("stress", [[], [0.0], [0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])
def test_even_speech_has_no_nods(stress):
    assert life.emphases(np.arange(len(stress)) + 1.0, np.array(stress), 9.0).shape == (0, 2)


def test_a_late_hour_costs_no_more_than_the_first_minute(monkeypatch):
    drawn = []
    original = life._random
    monkeypatch.setattr(life, "_random", lambda *key: drawn.append(key) or original(*key))
    life.liveliness(3600.0 * 5 + np.arange(50) / 25, calm(50), 1)
    assert len(drawn) <= 8
