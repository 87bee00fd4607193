"""Blinks, gaze, head motion, breath: published statistics, purity, continuity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.avatar import life
from rapport.avatar.face import BLENDSHAPE_INDEX
from rapport.avatar.sway import breath as breath_of
from rapport.avatar.sway import head_sway
from rapport.persona.affect import EKMAN7, VAD

seeds = st.integers(-(2**70), 2**70)
TEN_MINUTES_S = np.arange(0.0, 600.0, 1 / 60)


CALM = life.Temper()


def lively(times_s, seed, temper=CALM, attention=0.0):
    return life.liveliness(times_s, seed, temper, np.ones(len(times_s)), np.full(len(times_s), attention))


@settings(max_examples=25, deadline=None)
@given(st.floats(-300.0, 4000.0), st.integers(0, 300), seeds)
def test_any_moment_is_the_same_whether_asked_alone_or_in_a_row(start_s, index, seed):
    times_s = start_s + np.arange(301) / 25
    row, alone = lively(times_s, seed), lively(times_s[index : index + 1], seed)
    np.testing.assert_allclose(alone.shut[0], row.shut[index], atol=1e-9)
    np.testing.assert_allclose(alone.gaze[0], row.gaze[index], atol=1e-9)
    np.testing.assert_allclose(alone.head_pose[0], row.head_pose[index], atol=1e-9)


def test_seeds_differ():
    times_s = np.arange(0.0, 20.0, 0.04)
    one, two = (lively(times_s, seed) for seed in (1, 2))
    assert np.abs(one.gaze - two.gaze).max() > 0.05
    assert np.abs(one.shut - two.shut).max() > 0.5


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


def emoface(rng, frames):
    """The published post-processing at 60 frames a second, with its slip mended: gaze (frames, 2), blinks (frames,)."""
    gaze, shut = np.zeros((frames, 2)), np.zeros(frames)
    at, point = 0, np.zeros(2)
    while at < frames:
        hold = int(rng.integers(25, 46))
        gaze[at : at + hold] = point
        at += hold
        target = np.zeros(2)
        if rng.uniform() >= 0.4:
            radius, angle = rng.uniform(0.1, 0.2), rng.uniform(0, 2 * np.pi)
            target = radius * np.array([np.cos(angle), np.sin(angle)])
        for k in range(1, 6):
            if at < frames:
                gaze[at] = point + (target - point) * k / 5
            at += 1
        point = target
    at = int(rng.integers(0, 100))
    while at < frames:
        rate = min(max(rng.lognormal(3.518, 0.532), 15.0), 100.0)
        part = shut[at : at + 13]
        part[:] = 1 - np.array(life.BLINK_OPENNESS)[: len(part)]
        at += int(3600 / rate)
    return gaze, shut


def statistics(gaze, shut):
    """What can be seen in ten minutes at 60 frames a second."""
    moves = np.abs(np.diff(gaze, axis=0)).max(axis=1) > 1e-9
    edges = np.flatnonzero(np.diff(np.concatenate([[False], moves, [False]]).astype(int)))
    begins, ends = edges[::2], edges[1::2]
    blinks = np.flatnonzero((shut[1:] > 0.5) & (shut[:-1] <= 0.5))
    steps = np.hypot(*(gaze[ends] - gaze[begins]).T)
    return {
        "blinks a minute": len(blinks) / 10,
        "spread of their intervals": np.diff(blinks).std() / 60,
        "time shut": (shut > 0.5).mean(),
        "saccades a minute": len(begins) / 10,
        "frames of a saccade": np.median(ends - begins),
        "size of a saccade": steps.mean(),
        "frames of a hold": (begins[1:] - ends[:-1]).mean(),
        "time at the centre": (np.hypot(*gaze.T) < 1e-9).mean(),
        "radius elsewhere": np.median(np.hypot(*gaze[np.hypot(*gaze.T) > 0.1 - 1e-9].T)),
    }


def test_ten_minutes_of_blinks_and_gaze_are_as_the_published_rules_make_them():
    """Within 10% of the rules on average, and so for ten minutes of a single seed within 10% and the rules' own spread.

    Epochs of two minutes cut both processes: this shows that the cuts do not bias them.
    """
    rules = [statistics(*emoface(np.random.default_rng(seed), len(TEN_MINUTES_S))) for seed in range(24)]
    ours = [statistics(life.gaze_units(TEN_MINUTES_S, s), life.blink(TEN_MINUTES_S, s)) for s in range(12)]
    for name in rules[0]:
        expected, spread = np.mean([r[name] for r in rules]), np.std([r[name] for r in rules])
        found = [o[name] for o in ours]
        assert np.mean(found) == pytest.approx(expected, rel=0.05), name
        for one in found:
            assert abs(one - expected) <= 0.1 * expected + 2 * spread, name


@pytest.mark.parametrize("rate_hz", [25, 30, 60, 100])
def test_the_frame_rate_changes_no_statistic(rate_hz):
    times_s = np.arange(600 * rate_hz) / rate_hz
    shut, gaze = life.blink(times_s, 4), life.gaze_units(times_s, 4)
    at_60 = life.blink(TEN_MINUTES_S, 4), life.gaze_units(TEN_MINUTES_S, 4)
    count, expected = (np.count_nonzero((s[1:] > 0.4) & (s[:-1] <= 0.4)) for s in (shut, at_60[0]))
    assert count == pytest.approx(expected, rel=0.02)
    assert np.hypot(*gaze.T).mean() == pytest.approx(np.hypot(*at_60[1].T).mean(), rel=0.02)


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
    sway = head_sway(TEN_MINUTES_S, 5)
    assert np.degrees(np.abs(sway)).max() < 4.0
    assert np.degrees(sway.std(axis=0)).min() > 0.3
    assert np.degrees(np.abs(np.diff(sway, axis=0))).max() * 60 < 12.0  # degrees per second


def test_breath_has_a_human_rate():
    for seed in range(5):
        breath = breath_of(TEN_MINUTES_S, seed)
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


def test_a_neutral_feeling_leaves_the_published_rules_alone():
    assert life.Temper.of(VAD()) == CALM


def test_fear_blinks_more_and_darts_and_anger_stares():
    fear, anger, sadness = (life.Temper.of(EKMAN7.points[label]) for label in ("fear", "anger", "sadness"))
    assert fear.blink_rate > 1.3 > anger.blink_rate
    assert fear.hold < 0.9
    assert anger.hold > 1.1
    assert anger.aversion < 1.0 < sadness.aversion
    per_min = [len(life.blink_times_s(3, 0, temper.blink_rate)) / 2 for temper in (CALM, fear)]
    assert per_min[1] == pytest.approx(per_min[0] * fear.blink_rate, rel=0.15)


@given(st.tuples(*[st.floats(-1.0, 1.0)] * 3))
def test_no_feeling_takes_the_eyes_out_of_human_range(vad):
    temper = life.Temper.of(VAD(*vad))
    assert 0.5 <= temper.blink_rate <= 2.0
    assert 0.5 <= temper.hold <= 1.6
    assert 0.4 <= temper.aversion <= 1.7


def test_attention_keeps_the_eyes_on_the_person():
    times_s = np.arange(0.0, 60.0, 0.04)
    free, held = (np.hypot(*lively(times_s, 2, attention=a).gaze.T).mean() for a in (0.0, 0.8))
    assert held < 0.4 * free


def test_fixation_moves_the_eyes_a_little_and_not_the_mean():
    jitter = np.degrees(life.fixation(TEN_MINUTES_S, 5))
    assert 0.02 < np.hypot(*jitter.T).max() < 0.5
    assert np.abs(jitter.mean(axis=0)).max() < 0.03
    jumps = np.count_nonzero(np.diff((np.abs(np.diff(jitter, axis=0)).max(axis=1) > 1e-9).astype(int)) == 1)
    assert 0.8 < jumps / 600 < 1.5


def test_the_eyes_hold_their_target_while_the_head_turns():
    turned = life.held_gaze(np.zeros((1, 2)), np.array([[0.1, 0.2, 0.0]]))
    np.testing.assert_allclose(turned, [[-0.16, 0.08]])


def test_a_late_hour_costs_no_more_than_the_first_minute(monkeypatch):
    drawn = []
    original = life._random
    monkeypatch.setattr(life, "_random", lambda *key: drawn.append(key) or original(*key))
    lively(3600.0 * 5 + np.arange(50) / 25, 987_654)
    assert len(drawn) <= 8
