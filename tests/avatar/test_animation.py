"""The two animators: the frame grid, seams between clauses, closed lips, feeling and speech together, bad input."""

import asyncio
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.avatar.animation import FRAME_RATE_HZ, EnergyAnimator, VisemeAnimator, frames_of
from rapport.avatar.closure import LIPS_APART
from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX, AnimatorCapabilities, FaceTrack
from rapport.avatar.head import head_of, lip_gap
from rapport.persona.affect import EKMAN7, VAD, AffectState
from rapport.persona.card import load_persona, shipped_personas
from rapport.persona.errors import ComponentError, StageError
from rapport.speech.audio import Audio, Phoneme, SpokenClause

RATE_HZ = 24_000
SENTENCES = (
    "ɪts O kˈA bət wˌʌt dˈu ju mˈin bI ðˈæt",
    "mˈAbi wi kʊd tˈɔk əbˌWt jʊɹ mˈʌðəɹ təmˈɑɹO",
    "pˈipᵊl pɹəfˈɜɹ pˈɑpkˌɔɹn æt ðə mˈuviz",
    "bˈɔb bɹˈɔt bˈæk mI blˈu bˈæɡpˌIps fɹʌm bɹˈɪtᵊn",
    "Im sˈɑɹi jə lˈɔst jʊɹ ʤˈɑb ænd ɪt mˈʌst fˈil ˈɔfᵊl",
)
"""Real sentences in misaki's American alphabet."""
EXTREMES = tuple(VAD(v, a, d) for v in (-1.0, 1.0) for a in (-1.0, 1.0) for d in (-1.0, 1.0))
EMOTIONS = tuple(EKMAN7.points.values())


def felt(vad):
    return AffectState(emotion=vad, mood=vad)


def spoken(sentence, seed=0, mean_s=0.075, lead_s=0.15):
    """A clause with phoneme times as a voice gives them (of random lengths) and sound that swells on its vowels."""
    rng = np.random.default_rng(seed)
    phonemes, at_s = [Phoneme("pause", 0.0, lead_s)] if lead_s else [], lead_s
    for symbol in sentence:
        if symbol in "ˈˌ ":
            continue
        length_s = mean_s * rng.uniform(0.35, 1.6)
        phonemes.append(Phoneme(symbol, at_s, at_s + length_s))
        at_s += length_s
    if lead_s:
        phonemes.append(Phoneme("pause", at_s, at_s + lead_s))
    duration_s = at_s + lead_s
    times_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    envelope = sum(np.exp(-(((times_s - 0.5 * (p.start_s + p.end_s)) / 0.05) ** 2)) for p in phonemes[1:-1:2])
    sound = 0.2 * np.clip(envelope, 0, 1) * np.sin(2 * np.pi * 140 * times_s)
    return SpokenClause(sentence, Audio(sound.astype(np.float32), RATE_HZ), (), tuple(phonemes))


def sound_only(duration_s, level=0.1):
    samples = level * np.random.default_rng(0).standard_normal(round(duration_s * RATE_HZ))
    return SpokenClause("hm", Audio(np.clip(samples, -1, 1).astype(np.float32), RATE_HZ))


def nearest_frames(clause, start_s, symbols, rate_hz=FRAME_RATE_HZ):
    centres = [0.5 * (p.start_s + p.end_s) for p in clause.phonemes if p.symbol in symbols]
    return np.rint((start_s + np.array(centres)) * rate_hz).astype(int)


# --------------------------------------------------------------------------------------------------------- frame grid


@given(st.lists(st.integers(1, 200_000), min_size=1, max_size=60), st.floats(0.0, 5000.0))
def test_successive_clauses_own_every_frame_once(lengths, start_s):
    owned = []
    for length in lengths:
        duration_s = length / RATE_HZ
        owned.extend(frames_of(start_s, duration_s))
        start_s += duration_s
    assert owned == list(range(owned[0], owned[0] + len(owned))) if owned else True


@given(st.lists(st.integers(1, 50), min_size=2, max_size=200))
def test_clauses_that_end_on_the_grid_join_whatever_the_rounding(lengths):
    """Sums of multiples of 40 ms, rounded differently for a clause's end and the next one's start."""
    starts = np.concatenate([[0.0], np.cumsum([n * 0.04 for n in lengths])])
    owned = np.concatenate([frames_of(a, n * 0.04) for a, n in zip(starts, lengths, strict=False)])
    np.testing.assert_array_equal(owned, np.arange(sum(lengths)))


@pytest.mark.parametrize(
    ("start_s", "duration_s", "expected"), [(0.0, 0.08, [0, 1]), (0.05, 0.02, []), (0.04, 0.1, [1, 2, 3])]
)
def test_a_clause_owns_the_frames_from_its_start_up_to_its_end(start_s, duration_s, expected):
    assert list(frames_of(start_s, duration_s)) == expected


async def test_tracks_stand_on_the_grid_and_may_be_empty():
    track = await EnergyAnimator().animate(sound_only(1.0), felt(VAD()), 0.53, 1)
    assert track.frame_rate_hz == FRAME_RATE_HZ
    assert track.start_s == pytest.approx(0.56)
    assert len(track) == 25
    nothing = await EnergyAnimator().animate(sound_only(0.01), felt(VAD()), 0.53, 1)
    assert len(nothing) == 0


# -------------------------------------------------------------------------------------------------------------- seams


ANIMATORS = [VisemeAnimator(), EnergyAnimator(), VisemeAnimator("60")]
IDS = ["viseme", "energy", "viseme:60"]
BLINK = [BLENDSHAPE_INDEX[f"eyeBlink{side}"] for side in ("Left", "Right")]
EYES = [i for i, name in enumerate(ARKIT_BLENDSHAPES) if name.startswith("eye")]
STILL = [i for i in range(52) if i not in EYES]


def columns_of_track(tracks):
    """Everything but the eyes, which may jump within a frame: weights, head pose."""
    weights = np.concatenate([t.weights[:, STILL] for t in tracks])
    return np.concatenate([weights, np.concatenate([t.head_pose for t in tracks])], axis=1).astype(float)


async def reply(animator, sentences, feeling, before=None, **kwargs):
    tracks, start_s = [], 0.0
    for i, sentence in enumerate(sentences):
        clause = spoken(sentence, seed=i, **kwargs)
        tracks.append(await animator.animate(clause, feeling, start_s, 5, tracks[-1] if tracks else before))
        start_s += clause.audio.duration_s
    return tracks


@pytest.mark.parametrize("animator", ANIMATORS, ids=IDS)
@pytest.mark.parametrize("lead_s", [0.15, 0.0])
async def test_clauses_join_without_a_jump_or_a_kink(animator, lead_s):
    """Steps and changes of step at the joints are bounded by those inside the clauses."""
    feeling = AffectState(emotion=VAD(0.7, 0.6, 0.3), mood=VAD(0.1, 0.0, 0.0))
    tracks = await reply(animator, SENTENCES * 2, feeling, lead_s=lead_s)
    values = columns_of_track(tracks)
    seams = np.cumsum([len(t) for t in tracks])[:-1] - 1
    steps, bends = np.abs(np.diff(values, axis=0)), np.abs(np.diff(values, n=2, axis=0))
    at_seams = np.unique(np.concatenate([seams - 1, seams]))
    inside_steps, inside_bends = np.delete(steps, seams, axis=0), np.delete(bends, at_seams, axis=0)
    for group in (slice(0, len(STILL)), slice(len(STILL), None)):  # weights, head pose
        assert steps[seams, group].max() <= inside_steps[:, group].max()
        assert bends[at_seams, group].max() <= inside_bends[:, group].max()


@pytest.mark.parametrize("animator", ANIMATORS, ids=IDS)
async def test_a_reply_goes_on_from_whatever_was_shown(animator):
    """From a listening face, and from a face cut off in the middle of a word: place and speed are taken over.

    Nothing changes more at the joint than it does in the reply, or than a quarter of the jump that there would be.
    """
    thinking = animator.listen(felt(EKMAN7.points["sadness"]), 3.0, 7)
    listened = thinking.hear(Audio.silence(3.01), thinking=True)
    cut = (await animator.animate(spoken(SENTENCES[3]), felt(EKMAN7.points["joy"]), 0.0, 1)).weights
    half = len(cut) // 2
    broken_off = FaceTrack(cut[:half], np.zeros((half, 3)), np.zeros((half, 2)), animator.frame_rate_hz)
    for before in (listened, broken_off):
        (track,) = await reply(animator, SENTENCES[:1], felt(EKMAN7.points["joy"]), before, lead_s=0.3)
        alone = (await reply(animator, SENTENCES[:1], felt(EKMAN7.points["joy"]), lead_s=0.3))[0]
        joint, without, inside = (columns_of_track(t) for t in ([before, track], [before, alone], [alone]))
        k = len(before)
        for order, at in ((1, [k - 1]), (2, [k - 2, k - 1])):
            change, change_alone, usual = (np.abs(np.diff(v, n=order, axis=0)) for v in (joint, without, inside))
            allowed = np.maximum(np.maximum(usual.max(axis=0), 0.25 * change_alone[at].max(axis=0)), 0.01)
            assert (change[at] <= allowed).all()
        assert np.abs(track.gaze[0] - before.gaze[-1]).max() < np.radians(4)
        late = len(track) * 3 // 4  # all that was carried over has faded
        np.testing.assert_allclose(track.weights[late:], alone.weights[late:], atol=0.02)


async def test_what_is_carried_over_leaves_the_seal_alone():
    phonemes = (Phoneme("m", 0.0, 0.08), Phoneme("ɑ", 0.08, 0.4))
    clause = SpokenClause("ma", Audio.silence(0.4, RATE_HZ), (), phonemes)
    gaping = np.zeros((2, 52), np.float32)
    gaping[:, [BLENDSHAPE_INDEX[n] for n in ("jawOpen", "mouthFunnel", "mouthLowerDownLeft")]] = 0.9
    before = FaceTrack(gaping, np.zeros((2, 3)), np.zeros((2, 2)), 25.0)
    track = await VisemeAnimator().animate(clause, felt(VAD()), 0.0, 0, before)
    head = head_of(load_persona("harbor").face)
    assert lip_gap(head, track.weights[nearest_frames(clause, 0.0, "m")]).max() == 0.0
    assert lip_gap(head, gaping).max() > 0.2


async def test_an_empty_track_before_is_none():
    clause = spoken(SENTENCES[0])
    one, other = [
        await VisemeAnimator().animate(clause, felt(VAD()), 0.0, 0, before)
        for before in (None, FaceTrack.neutral(0, 25.0))
    ]
    np.testing.assert_array_equal(one.weights, other.weights)


async def test_life_runs_on_across_clauses():
    whole = await EnergyAnimator().animate(sound_only(12.0, level=0.0), felt(VAD(0.3, 0.2, 0.1)), 0.0, 9)
    parts, start_s = [], 0.0
    for duration_s in (1.23, 4.01, 0.02, 3.3, 3.44):
        parts.append(
            await EnergyAnimator().animate(sound_only(duration_s, level=0.0), felt(VAD(0.3, 0.2, 0.1)), start_s, 9)
        )
        start_s += duration_s
    for name in ("weights", "head_pose", "gaze"):
        np.testing.assert_allclose(np.concatenate([getattr(t, name) for t in parts]), getattr(whole, name), atol=1e-5)


# -------------------------------------------------------------------------------------------------------- closed lips


OPENED = 0.04
"""A fraction of the mouth's width (about 5 cm): 2 mm at least."""
VOWELS = "AIWæɑɛɔʌ"


@pytest.mark.parametrize("rate_hz", ["25", "30", "60"])
@pytest.mark.parametrize("persona", shipped_personas())
async def test_lips_touch_on_every_p_b_m_and_part_on_vowels_whatever_the_feeling(persona, rate_hz):
    """On the mesh that is drawn."""
    animator, shut, opened, vowels = VisemeAnimator(rate_hz), [], [], []
    for i, vad in enumerate((*EXTREMES, *EMOTIONS)):
        clause = spoken(SENTENCES[i % len(SENTENCES)], seed=i, mean_s=0.06)
        track = await animator.animate(clause, felt(vad), 0.0, i)
        shut.extend(track.weights[nearest_frames(clause, 0.0, "pbm", int(rate_hz))])
        for phoneme in clause.phonemes:
            if phoneme.symbol in VOWELS and phoneme.end_s - phoneme.start_s > 0.08:
                from_, to = (int(t * int(rate_hz)) for t in (phoneme.start_s, phoneme.end_s))
                frames = track.weights[from_ : to + 2]
                opened.append(frames[np.argmax(frames[:, BLENDSHAPE_INDEX["jawOpen"]])])
                vowels.append((phoneme.symbol, vad))
    head = head_of(load_persona(persona).face)
    assert len(shut) > 60
    assert lip_gap(head, np.array(shut)).max() == 0.0
    gap = lip_gap(head, np.array(opened))
    assert gap.min() > OPENED, vowels[int(np.argmin(gap))]
    assert np.median(gap) > 0.12


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("pbmɑæiuwfsθ"), st.floats(0.004, 0.2)), min_size=1, max_size=25),
    st.floats(0.0, 100.0),
    st.sampled_from(EXTREMES),
    st.sampled_from(["25", "30", "59.94", "120"]),
)
def test_every_closure_has_its_frame_however_short(sounds, start_s, vad, rate_hz):
    phonemes, at_s = [], 0.1
    for symbol, length_s in sounds:
        phonemes.append(Phoneme(symbol, at_s, at_s + length_s))
        at_s += length_s
    clause = SpokenClause("x", Audio.silence(at_s + 0.1, RATE_HZ), (), tuple(phonemes))
    track = asyncio.run(VisemeAnimator(rate_hz).animate(clause, felt(vad), start_s, 0))
    first = round(track.start_s * track.frame_rate_hz)
    for k in nearest_frames(clause, start_s, "pbm", track.frame_rate_hz) - first:
        frame = dict(zip(ARKIT_BLENDSHAPES, track.weights[k], strict=True))
        assert frame["mouthClose"] == pytest.approx(frame["jawOpen"] + LIPS_APART, abs=1e-6)
        assert frame["jawOpen"] < 0.12
        assert frame["mouthPressLeft"] >= 0.19
        assert max(frame[n] for n in ("mouthFunnel", "mouthUpperUpLeft", "mouthLowerDownLeft")) < 1e-6


async def test_a_closure_at_the_very_edge_of_a_clause_is_kept():
    phonemes = (Phoneme("m", 0.0, 0.01), Phoneme("ɑ", 0.01, 0.47), Phoneme("p", 0.47, 0.48))
    clause = SpokenClause("x", Audio.silence(0.48, RATE_HZ), (), phonemes)
    track = await VisemeAnimator().animate(clause, felt(VAD()), 0.03, 0)
    press = track.curve("mouthPressLeft")
    assert press[0] >= 0.19
    assert press[-1] >= 0.19


# -------------------------------------------------------------------------------------------- feeling and sound


async def test_feeling_changes_how_wide_never_what_is_said():
    clause = spoken(SENTENCES[1], seed=3)
    neutral = (await VisemeAnimator().animate(clause, felt(VAD()), 0.0, 1)).curve("jawOpen")
    for vad in (*EMOTIONS, *EXTREMES):
        jaw = (await VisemeAnimator().animate(clause, felt(vad), 0.0, 1)).curve("jawOpen")
        assert np.corrcoef(jaw, neutral)[0, 1] > 0.99
    excited, tired = [
        (await VisemeAnimator().animate(clause, felt(VAD(0, a, 0)), 0.0, 1)).curve("jawOpen") for a in (1.0, -1.0)
    ]
    assert excited.max() > 1.3 * tired.max()


@pytest.mark.parametrize("rate_hz", ["25", "60"])
async def test_the_brows_and_the_head_underline_the_stressed_word(rate_hz):
    sound = np.full(3 * RATE_HZ, 0.02, np.float32)
    sound[RATE_HZ * 14 // 10 : RATE_HZ * 17 // 10] = 0.3
    wave = sound * np.sin(np.arange(len(sound)) * 0.05).astype(np.float32)
    track = await EnergyAnimator(rate_hz).animate(SpokenClause("x", Audio(wave, RATE_HZ)), felt(VAD()), 0.0, 1)
    raised = track.curve("browOuterUpLeft")
    assert abs(raised.argmax() / track.frame_rate_hz - 1.55) < 0.25
    assert raised.max() > 0.1
    assert raised[: int(track.frame_rate_hz)].max() < 0.02


async def test_a_question_ends_with_raised_brows():
    clause = spoken(SENTENCES[1])
    asked = replace(clause, text="maybe we could talk about your mother tomorrow?")
    said, question = [
        (await VisemeAnimator().animate(c, felt(VAD()), 0.0, 1)).curve("browInnerUp") for c in (clause, asked)
    ]
    assert question[-8:].max() > said[-8:].max() + 0.1
    assert question[-1] == pytest.approx(said[-1], abs=0.02)


async def test_joy_smiles_and_sorrow_does_not_while_speaking():
    clause = spoken(SENTENCES[0])
    for animator in (VisemeAnimator(), EnergyAnimator()):
        joy, sadness = [await animator.animate(clause, felt(EKMAN7.points[e]), 1.0, 1) for e in ("joy", "sadness")]
        assert joy.curve("mouthSmileLeft").mean() > sadness.curve("mouthSmileLeft").mean() + 0.3
        assert sadness.curve("mouthFrownLeft").mean() > joy.curve("mouthFrownLeft").mean() + 0.3
        assert sadness.curve("browInnerUp").mean() > 0.5


async def test_the_face_moves_from_the_mood_to_the_emotion():
    feeling = AffectState(emotion=EKMAN7.points["joy"], mood=VAD())
    smile = (await EnergyAnimator().animate(sound_only(2.0, level=0.0), feeling, 0.0, 1)).curve("mouthSmileLeft")
    assert smile[0] < 0.01
    assert smile[20:].min() > 0.5
    assert np.diff(smile[:20]).max() < 0.2


async def test_energy_opens_the_mouth_with_the_sound():
    rng = np.random.default_rng(0)
    envelope = np.repeat([0.0, 1.0, 0.0, 1.0, 0.0], RATE_HZ // 2)
    samples = (envelope * 0.1 * rng.standard_normal(len(envelope))).astype(np.float32)
    track = await EnergyAnimator().animate(SpokenClause("x", Audio(samples, RATE_HZ)), felt(VAD()), 0.0, 1)
    jaw = track.curve("jawOpen")
    assert jaw[14:23].min() > 0.15
    assert jaw[28:35].max() < 0.02


async def test_the_same_call_gives_the_same_track_and_another_seed_another():
    clause = spoken(SENTENCES[2])
    one, again, other = [await VisemeAnimator().animate(clause, felt(VAD(0.2, 0.1, 0)), 2.0, s) for s in (4, 4, 5)]
    np.testing.assert_array_equal(one.weights, again.weights)
    np.testing.assert_array_equal(one.gaze, again.gaze)
    assert np.abs(one.gaze - other.gaze).max() > 0.01


# ------------------------------------------------------------------------------------------------------ bad input, size


async def test_a_clause_without_phonemes_is_for_the_next_in_the_chain():
    with pytest.raises(StageError, match="phoneme times"):
        await VisemeAnimator().animate(sound_only(1.0), felt(VAD()), 0.0, 1)


@pytest.mark.parametrize("start_s", [float("nan"), float("inf"), -0.5])
@pytest.mark.parametrize("animator", [VisemeAnimator(), EnergyAnimator()], ids=["viseme", "energy"])
async def test_a_start_that_is_no_reply_time_is_refused(animator, start_s):
    with pytest.raises(StageError, match="reply time"):
        await animator.animate(spoken(SENTENCES[0]), felt(VAD()), start_s, 1)


async def test_phonemes_that_run_backwards_are_refused():
    clause = SpokenClause("x", Audio.silence(1.0), (), (Phoneme("ɑ", 0.5, 0.6), Phoneme("p", 0.1, 0.2)))
    with pytest.raises(StageError, match="order"):
        await VisemeAnimator().animate(clause, felt(VAD()), 0.0, 1)


@pytest.mark.parametrize("cls", [VisemeAnimator, EnergyAnimator])
@pytest.mark.parametrize("model", ["tiny", "0", "-25", "nan", "inf", "1000", "25 fps"])
def test_a_model_that_is_no_frame_rate_is_refused(cls, model):
    with pytest.raises(ComponentError, match=r"frame rate, from 10 to 240, as in 'viseme:60'"):
        cls(model)
    assert isinstance(cls().capabilities, AnimatorCapabilities)
    assert VisemeAnimator().capabilities.needs_phonemes


async def test_any_frame_rate_shows_the_same_movement():
    """Where the grids meet, every half second, a face at 60 frames a second is the face at 25, or at 30."""
    clause = spoken(SENTENCES[1], lead_s=0.2)
    tracks = [await VisemeAnimator(rate).animate(clause, felt(VAD(0.3, 0.4, 0.1)), 0.0, 1) for rate in ("30", "60")]
    thirty, sixty = tracks
    assert [t.frame_rate_hz for t in tracks] == [30.0, 60.0]
    np.testing.assert_allclose(sixty.head_pose[::2], thirty.head_pose, atol=1e-5)
    np.testing.assert_allclose(sixty.curve("browInnerUp")[::2], thirty.curve("browInnerUp"), atol=1e-5)
    assert np.abs(sixty.curve("jawOpen")[::2] - thirty.curve("jawOpen")).max() < 0.08  # closures snap to the frames


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(1), np.ones(RATE_HZ)])
async def test_odd_sound_is_animated_all_the_same(samples):
    clause = SpokenClause("x", Audio(samples.astype(np.float32), RATE_HZ))
    track = await EnergyAnimator().animate(clause, felt(VAD()), 0.0, 1)
    assert len(track) == len(frames_of(0.0, clause.audio.duration_s))


async def test_a_very_long_clause_takes_bounded_memory_and_under_a_millisecond_a_frame():
    """Three minutes; all its frames and phonemes at once would need half a gigabyte."""
    one = spoken(" ".join(SENTENCES), seed=1)
    period_s = one.audio.duration_s
    times = int(180 / period_s)
    phonemes = tuple(
        Phoneme(p.symbol, p.start_s + i * period_s, p.end_s + i * period_s) for i in range(times) for p in one.phonemes
    )
    clause = SpokenClause("x", Audio(np.tile(one.audio.samples[::6], times), RATE_HZ // 6), (), phonemes)
    tracemalloc.start()
    track = await VisemeAnimator().animate(clause, felt(VAD(0.4, 0.8, 0.2)), 0.0, 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(track) > 4_300
    assert peak < 100e6
