"""The agent does not hear itself, and hears a person who speaks over it."""

from pathlib import Path

import numpy as np
import pytest

from rapport.apps.bench.ears import cancelled
from rapport.apps.bench.ears_talk import room_echo
from rapport.persona.errors import InputError
from rapport.speech.echo import EchoCanceller
from rapport.speech.endpointing import Endpointer, SpeechStarted
from rapport.speech.files import read_audio

CLIPS = Path(__file__).parents[2] / "apps" / "bench" / "clips"
RATE_HZ = 16_000


def speech(*names: str) -> np.ndarray:
    return np.concatenate([read_audio(CLIPS / f"{name}.flac").samples for name in names])


def started(samples: np.ndarray) -> list[float]:
    ears = Endpointer()
    return [event.at_s for event in ears.push(samples.astype(np.float32)) if isinstance(event, SpeechStarted)]


@pytest.mark.models
@pytest.mark.parametrize("delay_s", [0.0, 0.06, 0.2])
def test_the_echo_is_taken_out_and_nobody_seems_to_speak(delay_s: float) -> None:
    played = speech("anger", "dog", "lonely", "neutral")
    echo = room_echo(played, delay_s)
    clean = cancelled(echo, played)
    settled = slice(2 * RATE_HZ, None)
    assert 10 * np.log10(np.mean(echo[settled] ** 2) / np.mean(clean[settled] ** 2)) >= 20
    assert started(echo)
    assert not [at_s for at_s in started(clean) if at_s > 2.0]


@pytest.mark.models
def test_a_person_who_speaks_over_the_agent_is_heard() -> None:
    played = speech("anger", "dog", "lonely", "neutral")
    person = speech("exam")
    mixed = room_echo(played, 0.1)
    begins = 7 * RATE_HZ
    over = person * np.sqrt(np.mean(mixed**2) / np.mean(person**2))
    mixed[begins : begins + len(person)] += over
    noticed = [at_s for at_s in started(cancelled(np.clip(mixed, -1, 1), played)) if at_s > 2.0]
    assert noticed
    assert 7.0 < noticed[0] < 8.0


def test_as_much_comes_out_as_goes_in_whatever_the_blocks() -> None:
    sound = np.random.default_rng(0).standard_normal(5000).astype(np.float32) * 0.1
    nothing = np.zeros_like(sound)
    whole = EchoCanceller().process(sound, nothing)
    pieces = EchoCanceller()
    parts = [pieces.process(sound[a:b], nothing[a:b]) for a, b in ((0, 1), (1, 160), (160, 700), (700, 5000))]
    assert len(whole) == 5000
    assert np.allclose(np.concatenate(parts), whole, atol=1e-4)


def test_blocks_of_different_length_are_refused() -> None:
    with pytest.raises(InputError, match="equal length"):
        EchoCanceller().process(np.zeros(10, np.float32), np.zeros(11, np.float32))


def test_nan_and_clipped_samples_are_survived() -> None:
    bad = np.full(1600, np.nan, np.float32)
    bad[::2] = 5.0
    out = EchoCanceller().process(bad, bad)
    assert np.isfinite(out).all()
    assert np.abs(out).max() <= 1.0
