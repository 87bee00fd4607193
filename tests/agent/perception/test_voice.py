"""Prosody: what it measures on made voices, that recording conditions do not move it, and when it stays silent."""

import numpy as np
import pytest
from numpy.typing import NDArray

from rapport.agent.perception.voice import Prosody, ProsodyEmotion, estimate_from
from rapport.agent.stages import PersonTurn
from rapport.persona.errors import ComponentError
from rapport.speech.audio import Audio, Transcript
from rapport.speech.files import resample

RATE = 16_000


@pytest.fixture(scope="module")
def listener() -> ProsodyEmotion:
    return ProsodyEmotion()


def voice(f0_hz: float, swing_semitones: float, *, tilt_db_per_octave: float, syllables_per_s: float, s: float = 2.5):
    """A buzz with harmonics that fall by the tilt, a pitch that swings, and the rhythm of syllables."""
    t = np.arange(round(RATE * s)) / RATE
    f0 = f0_hz * 2 ** (swing_semitones / 12 * np.sin(2 * np.pi * 0.7 * t))
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    harmonics = [
        10 ** (tilt_db_per_octave * np.log2(k) / 20) * np.sin(k * phase)
        for k in range(1, int(3400 / (f0_hz * 2 ** (swing_semitones / 12))))
    ]
    rhythm = np.clip(0.2 + np.sin(2 * np.pi * syllables_per_s * t), 0, 1)
    sound = np.sum(harmonics, axis=0) * rhythm
    return Audio((0.5 * sound / np.abs(sound).max()).astype(np.float32), RATE)


def calm_voice() -> Audio:
    return voice(110, 1, tilt_db_per_octave=-14, syllables_per_s=2.5)


def excited_voice() -> Audio:
    return voice(240, 7, tilt_db_per_octave=-3, syllables_per_s=5)


def changed(audio: Audio, samples: NDArray[np.floating]) -> Audio:
    return Audio(samples.astype(np.float32), audio.sample_rate_hz)


def test_an_excited_voice_reads_as_aroused_and_a_calm_one_does_not(listener: ProsodyEmotion):
    excited, calm = listener.listen(excited_voice()), listener.listen(calm_voice())
    assert excited is not None and calm is not None
    assert excited.vad.arousal > 0.5
    assert calm.vad.arousal < 0.0
    assert {"high pitch", "vocal effort"} & {item.text for item in excited.evidence}


def test_it_claims_no_valence_and_little_dominance(listener: ProsodyEmotion):
    estimate = listener.listen(excited_voice())
    assert estimate is not None
    assert (estimate.vad.valence, estimate.vad_sd[0]) == (0.0, 1.0)
    assert estimate.vad_sd[1] < estimate.vad_sd[2] < 1.0
    shares = estimate.distribution.as_dict()
    assert max(shares.values()) < 0.4
    assert shares["anger"] > shares["sadness"]


@pytest.mark.parametrize(
    ("name", "change", "tolerance"),
    [
        ("a tenth as loud", lambda a: changed(a, a.samples * 0.1), 0.02),
        ("a constant offset", lambda a: changed(a, np.clip(a.samples + 0.3, -1, 1)), 0.05),
        ("telephone", lambda a: resample(a, 8_000), 0.1),
        ("studio", lambda a: resample(a, 48_000), 0.05),
        ("clipped", lambda a: changed(a, np.clip(a.samples * 4, -1, 1)), 0.35),
    ],
)
def test_recording_conditions_hardly_move_arousal(listener: ProsodyEmotion, name, change, tolerance):
    for audio in (calm_voice(), excited_voice()):
        plain, other = listener.listen(audio), listener.listen(change(audio))
        assert plain is not None and other is not None
        assert other.vad.arousal == pytest.approx(plain.vad.arousal, abs=tolerance)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(0),
        np.zeros(2 * RATE),
        np.full(2 * RATE, 0.7),
        np.random.default_rng(0).normal(0, 0.1, 2 * RATE),
        calm_voice().samples[:3000],
        calm_voice().samples * 1e-4,
    ],
    ids=["empty", "silence", "constant", "noise", "too short", "inaudible"],
)
async def test_nothing_to_hear_is_none(listener: ProsodyEmotion, samples: NDArray[np.float32]):
    assert await listener.estimate(PersonTurn(Transcript(""), Audio(samples.astype(np.float32), RATE))) is None


async def test_a_turn_without_audio_is_none(listener: ProsodyEmotion):
    assert await listener.estimate(PersonTurn(Transcript("hello"))) is None


def test_of_long_audio_the_end_counts(listener: ProsodyEmotion):
    calm, excited = (np.tile(a.samples, 5) for a in (calm_voice(), excited_voice()))
    both = listener.listen(Audio(np.concatenate([calm, excited]), RATE))
    late = listener.listen(Audio(excited, RATE))
    assert both is not None and late is not None
    assert both.vad.arousal == pytest.approx(late.vad.arousal, abs=0.05)


def test_extreme_cues_stay_inside_the_space():
    for extreme in (1e6, -1e6):
        estimate = estimate_from(Prosody(extreme, extreme, extreme, extreme))
        assert abs(estimate.vad.arousal) <= 1.0


def test_it_takes_no_model():
    with pytest.raises(ComponentError, match="takes no model"):
        ProsodyEmotion("large")
