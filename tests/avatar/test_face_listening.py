"""A face that listens: causal, alive in silence, nods at pauses, looks away to think, joins smoothly to a reply."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.avatar.animation import EnergyAnimator, VisemeAnimator
from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX, FaceTrack
from rapport.avatar.gestures import CYCLE_S, Gesture, attitude_of
from rapport.avatar.hearing import Ear, Phrase, Voiced
from rapport.avatar.life import held_gaze
from rapport.persona.affect import EKMAN7, VAD, AffectState, EmotionDistribution, EmotionEstimate
from rapport.persona.errors import InputError
from rapport.speech.audio import Audio, SpokenClause

RATE_HZ = 16_000
FRIENDLY, NEUTRAL, HOSTILE = VAD(0.6, 0.1, 0.1), VAD(), VAD(-0.5, 0.4, 0.4)
BLINK = BLENDSHAPE_INDEX["eyeBlinkLeft"]
STILL = [i for i, name in enumerate(ARKIT_BLENDSHAPES) if not name.startswith("eye")]


def felt(vad):
    return AffectState(emotion=vad, mood=vad)


def read(label):
    return EmotionEstimate(EmotionDistribution.certain(EKMAN7, label), EKMAN7.points[label], (0.1, 0.1, 0.1), "face")


def talk(*phrases, seed=0):
    """(speech s, pause s) pairs as sound: syllables at 4 Hz over a quiet room; and when each speech ends."""
    rng = np.random.default_rng(seed)
    parts, ends_s, at_s = [], [], 0.0
    for speech_s, pause_s in phrases:
        t = np.arange(round(speech_s * RATE_HZ)) / RATE_HZ
        syllables = 0.15 * (0.35 + 0.65 * np.abs(np.sin(2 * np.pi * 2 * t)))
        parts += [syllables * np.sign(np.sin(2 * np.pi * 130 * t)), np.zeros(round(pause_s * RATE_HZ))]
        ends_s.append(at_s + speech_s)
        at_s += speech_s + pause_s
    sound = np.concatenate(parts)
    return Audio((sound + 0.0008 * rng.standard_normal(len(sound))).astype(np.float32), RATE_HZ), ends_s


def heard(listener, sound, cuts=()):
    """All frames that come of a sound cut at the given samples, as (weights, head pose, gaze)."""
    edges = [0, *sorted(cuts), len(sound.samples)]
    tracks = [listener.hear(Audio(sound.samples[a:b], sound.sample_rate_hz)) for a, b in pairwise(edges)]
    return tuple(np.concatenate([getattr(t, n) for t in tracks]) for n in ("weights", "head_pose", "gaze"))


@cache
def at_once():
    sound, _ = talk((1.4, 0.5), (0.9, 0.3), (1.3, 1.0), seed=4)
    return sound, heard(VisemeAnimator().listen(felt(FRIENDLY), 0.0, 3), sound)


# -------------------------------------------------------------------------------------------------------------- causal


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 5 * RATE_HZ), max_size=12))
def test_how_the_sound_is_cut_makes_no_difference(cuts):
    sound, whole = at_once()
    parts = heard(VisemeAnimator().listen(felt(FRIENDLY), 0.0, 3), sound, cuts)
    for one, other in zip(parts, whole, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 5 * RATE_HZ), st.integers(0, 99))
def test_what_comes_later_changes_nothing_of_what_was_shown(until, seed):
    sound, whole = at_once()
    other = np.random.default_rng(seed).uniform(-1, 1, len(sound.samples) - until).astype(np.float32)
    changed = Audio(np.concatenate([sound.samples[:until], other]), RATE_HZ)
    frames = heard(VisemeAnimator().listen(felt(FRIENDLY), 0.0, 3), changed)
    before = int(until / RATE_HZ * 25)
    for one, expected in zip(frames, whole, strict=True):
        np.testing.assert_array_equal(one[:before], expected[:before])


@given(st.lists(st.integers(0, 4000), min_size=1, max_size=20), st.floats(0.0, 100.0))
@settings(max_examples=40, deadline=None)
def test_frames_come_as_soon_as_their_sound_and_stand_on_the_grid(lengths, start_s):
    listener = EnergyAnimator("30").listen(felt(NEUTRAL), start_s, 0)
    expected, samples = int(np.ceil(start_s * 30 - 1e-6)), 0
    for length in lengths:
        track = listener.hear(Audio.silence(length / RATE_HZ, RATE_HZ))
        assert track.start_s == pytest.approx(expected / 30)
        samples += length
        expected += len(track)
        assert expected == max(int(np.floor((start_s + samples / RATE_HZ) * 30 + 1e-6)) + 1, expected - len(track))


# ---------------------------------------------------------------------------------------------------------------- nods


def nods_s(pitch, rate_hz=25.0):
    """When the head turns down faster than it ever sways."""
    fast = np.diff(pitch, prepend=pitch[0]) * rate_hz > 0.12
    begins = np.flatnonzero(fast[1:] & ~fast[:-1]) / rate_hz
    return [t for t, before in zip(begins, [-9, *begins], strict=False) if t - before > 0.6]


def nods_and_ends(feeling, minutes=1.5):
    rng = np.random.default_rng(1)
    phrases = [(rng.uniform(0.9, 3.0), rng.uniform(0.4, 1.2)) for _ in range(round(minutes * 60 / 2.75))]
    sound, ends_s = talk(*phrases)
    _, head, _ = heard(VisemeAnimator().listen(felt(feeling), 0.0, 2), sound, range(0, len(sound.samples), 512))
    return nods_s(head[:, 0].astype(float)), np.array(ends_s)


def test_nods_come_after_pauses_never_before_them():
    nods, ends_s = nods_and_ends(FRIENDLY)
    after = np.array([min((t - e for e in ends_s if e <= t), default=np.inf) for t in nods])
    assert len(nods) > 0.5 * len(ends_s)
    assert (after <= 0.6).mean() >= 0.95
    assert after.min() >= 0.2  # a pause must be heard before it can be answered


def test_a_listener_nods_by_its_attitude():
    friendly, neutral, hostile = [len(nods_and_ends(vad)[0]) for vad in (FRIENDLY, NEUTRAL, HOSTILE)]
    assert friendly > neutral > 2 * hostile


def test_nobody_nods_at_silence_or_at_noise():
    for level in (0.0, 0.02):
        noise = (level * np.random.default_rng(0).standard_normal(60 * RATE_HZ)).astype(np.float32)
        _, head, _ = heard(VisemeAnimator().listen(felt(FRIENDLY), 0.0, 2), Audio(noise, RATE_HZ))
        assert nods_s(head[:, 0].astype(float)) == []


def test_words_that_hang_in_the_air_are_nodded_at_less():
    sound, _ = talk(*[(1.2, 0.8)] * 60)
    counts = []
    for words in ("I lost my job today.", "I went to the"):
        listener = VisemeAnimator().listen(felt(FRIENDLY), 0.0, 2)
        pieces = range(0, len(sound.samples), 1600)
        tracks = [listener.hear(Audio(sound.samples[a : a + 1600], RATE_HZ), words=words) for a in pieces]
        counts.append(len(nods_s(np.concatenate([t.head_pose[:, 0] for t in tracks]).astype(float))))
    assert counts[0] > 1.5 * counts[1]


def test_nobody_nods_while_they_think():
    sound, _ = talk(*[(1.2, 0.8)] * 20)
    track = VisemeAnimator().listen(felt(FRIENDLY), 0.0, 2).hear(sound, thinking=True)
    pitch = track.head_pose[:, 0].astype(float)
    cycle = round(CYCLE_S["nod"] * 25)
    dips = (
        pitch[cycle // 2 : -cycle // 2] - 0.5 * (pitch[: -2 * (cycle // 2)] + pitch[2 * (cycle // 2) :])[: len(pitch)]
    )
    assert dips.max() < np.radians(2.0)


@pytest.mark.parametrize("kind", ["nod", "shake", "brows_up", "smile"])
@given(st.floats(-1.0, 3.0), st.integers(1, 3))
def test_gestures_begin_and_end_at_rest(kind, at_s, cycles):
    gesture = Gesture(kind, 0.0, 0.3, cycles)
    assert abs(gesture.at(at_s)) <= 0.3
    assert gesture.at(0.0) == gesture.at(gesture.end_s) == 0.0
    assert abs(gesture.at(at_s + 1e-4) - gesture.at(at_s)) < 1e-3


def test_attitudes_by_feeling():
    assert [attitude_of(felt(vad)) for vad in (FRIENDLY, NEUTRAL, HOSTILE)] == ["positive", "neutral", "negative"]
    assert attitude_of(felt(EKMAN7.points["sadness"])) == "neutral"  # felt with the person, not against them


def test_the_ear_hears_pauses_over_a_noisy_room():
    sound, ends_s = talk((1.5, 0.8), (2.0, 0.8), (0.3, 0.9))
    noisy = sound.samples + 0.006 * np.random.default_rng(3).standard_normal(len(sound.samples)).astype(np.float32)
    found = Ear().push(Audio(noisy, RATE_HZ))
    phrases = [event.at_s for event in found if isinstance(event, Phrase)]
    np.testing.assert_allclose(phrases, np.array(ends_s[:2]) + 0.2, atol=0.06)  # the last is too short to answer
    assert [event.on for event in found if isinstance(event, Voiced)] == [True, False] * 3


# ------------------------------------------------------------------------------------------- alive, moved, thinking


def test_silence_keeps_it_alive():
    track = VisemeAnimator().listen(felt(NEUTRAL), 0.0, 5).hear(Audio.silence(30.0, RATE_HZ))
    shut = track.weights[:, BLINK] > 0.5
    assert (np.diff(shut.astype(int)) == 1).sum() >= 5
    assert np.ptp(track.gaze, axis=0).min() > np.radians(2.0)
    assert np.ptp(track.head_pose, axis=0).min() > np.radians(0.5)
    for second in range(29):  # never a frozen second
        assert np.ptp(track.head_pose[second * 25 : second * 25 + 25], axis=0).max() > 1e-4


def test_it_looks_at_who_speaks_more_than_it_does_in_silence():
    spoken, _ = talk(*[(1.5, 0.15)] * 36)
    away = []
    for sound in (spoken, Audio.silence(60.0, RATE_HZ)):
        track = VisemeAnimator().listen(felt(NEUTRAL), 0.0, 5).hear(sound)
        strays = track.gaze - held_gaze(np.zeros_like(track.gaze), track.head_pose)
        away.append(np.linalg.norm(strays, axis=1)[50:].mean())
    assert away[0] < 0.8 * away[1]


def test_it_mirrors_joy_and_sorrow_and_meets_anger_with_concern():
    shown = {}
    for label in ("joy", "sadness", "anger", "neutral"):
        track = VisemeAnimator().listen(felt(NEUTRAL), 0.0, 5).hear(Audio.silence(3.0, RATE_HZ), perceived=read(label))
        shown[label] = {n: float(w) for n, w in zip(ARKIT_BLENDSHAPES, track.weights[50:].mean(axis=0), strict=True)}
    assert shown["joy"]["mouthSmileLeft"] > shown["neutral"]["mouthSmileLeft"] + 0.2
    assert shown["sadness"]["browInnerUp"] > shown["neutral"]["browInnerUp"] + 0.2
    assert shown["anger"]["browInnerUp"] > 0.1
    assert shown["anger"]["noseSneerLeft"] < 0.02
    assert max(abs(shown["neutral"][n]) for n in ("mouthSmileLeft", "browInnerUp", "mouthFrownLeft")) < 0.05


def test_it_looks_away_to_think_and_comes_back():
    listener = VisemeAnimator().listen(felt(NEUTRAL), 0.0, 5)
    silence = Audio.silence(4.0, RATE_HZ)
    there, thinking, back = (np.degrees(listener.hear(silence, thinking=t).gaze) for t in (False, True, False))
    away = np.linalg.norm(thinking[15:], axis=1)
    assert np.median(away) > 7.0
    assert np.median(away) > 2.0 * max(np.median(np.linalg.norm(g[15:], axis=1)) for g in (there, back))


@pytest.mark.parametrize("cls", [VisemeAnimator, EnergyAnimator])
@pytest.mark.parametrize("rate_hz", ["25", "60"])
async def test_listening_thinking_reply_and_listening_again_are_one_movement(cls, rate_hz):
    """Whatever changes between frames changes little: no more than 0.3 of a weight or 60 degrees a second of the head
    at 25 frames a second, and less at a higher rate."""
    animator = cls(rate_hz)
    listener = animator.listen(felt(EKMAN7.points["joy"]), 0.0, 9)
    sound, _ = talk((1.5, 0.5), (1.1, 0.6))
    sad = felt(EKMAN7.points["sadness"])
    tracks = [listener.hear(sound, perceived=read("sadness"))]
    tracks.append(listener.hear(Audio.silence(1.7, RATE_HZ), felt=sad, thinking=True))
    phrase, _ = talk((1.2, 0.2), (0.8, 0.3))
    clause = SpokenClause("x", phrase)
    tracks.append(await EnergyAnimator(rate_hz).animate(clause, sad, 0.0, 9, listener.shown))
    again = animator.listen(sad, 40.0, 9, tracks[-1])
    tracks.append(again.hear(Audio.silence(2.0, RATE_HZ)))
    weights = np.concatenate([t.weights[:, STILL] for t in tracks])
    head = np.concatenate([t.head_pose for t in tracks])
    assert np.abs(np.diff(weights, axis=0)).max() < 0.3 * 25 / float(rate_hz) + 0.01
    assert np.degrees(np.abs(np.diff(head, axis=0))).max() < 60.0 / float(rate_hz)


def test_a_new_feeling_comes_gently():
    listener = VisemeAnimator().listen(felt(EKMAN7.points["joy"]), 0.0, 9)
    tracks = [listener.hear(Audio.silence(2.0, RATE_HZ))]
    tracks.append(listener.hear(Audio.silence(2.0, RATE_HZ), felt=felt(EKMAN7.points["anger"])))
    weights = np.concatenate([t.weights[:, STILL] for t in tracks])
    assert np.abs(np.diff(weights, axis=0)).max() < 0.08
    assert np.abs(weights[-1] - weights[45]).max() > 0.3


def test_what_was_shown_is_the_last_two_frames():
    listener = VisemeAnimator().listen(felt(NEUTRAL), 1.0, 9)
    assert len(listener.shown) == 0
    first = listener.hear(Audio.silence(1.0, RATE_HZ))
    np.testing.assert_array_equal(listener.shown.weights, first.weights[-2:])
    second = listener.hear(Audio.silence(0.04, RATE_HZ))
    assert len(second) == 1
    np.testing.assert_array_equal(listener.shown.gaze, np.concatenate([first.gaze[-1:], second.gaze]))
    assert listener.shown.start_s == pytest.approx(second.start_s - 0.04)


def test_the_same_seed_listens_in_the_same_way_and_another_one_does_not():
    sound, _ = talk((1.5, 0.5), (1.1, 0.6))
    one, again, other = (VisemeAnimator().listen(felt(FRIENDLY), 0.0, seed).hear(sound) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.head_pose, again.head_pose)
    assert np.abs(one.head_pose - other.head_pose).max() > 1e-3


# ------------------------------------------------------------------------------------------------------ bad input, size


def test_sound_at_another_rate_is_refused():
    listener = VisemeAnimator().listen(felt(NEUTRAL), 0.0, 0)
    listener.hear(Audio.silence(0.1, RATE_HZ))
    with pytest.raises(InputError, match="resample"):
        listener.hear(Audio.silence(0.1, 48_000))
    with pytest.raises(InputError, match="1 kHz"):
        VisemeAnimator().listen(felt(NEUTRAL), 0.0, 0).hear(Audio.silence(0.1, 100))


@pytest.mark.parametrize("start_s", [float("nan"), float("inf")])
def test_a_start_that_is_no_time_is_refused(start_s):
    with pytest.raises(InputError, match="start at a time"):
        VisemeAnimator().listen(felt(NEUTRAL), start_s, 0)


def test_an_empty_track_before_is_none():
    sound, _ = talk((0.5, 0.3))
    one, other = (
        VisemeAnimator().listen(felt(NEUTRAL), 0.0, 0, before).hear(sound)
        for before in (None, FaceTrack.neutral(0, 25.0))
    )
    np.testing.assert_array_equal(one.weights, other.weights)
