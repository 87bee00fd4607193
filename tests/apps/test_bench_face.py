"""`rapport bench face`: its yardsticks find what they are for."""

import numpy as np

from rapport.apps.bench.face import jaw_correlation, lips, nods_of, pauses_of
from rapport.apps.bench.face_reading import reading_figures
from rapport.avatar.animation import VisemeAnimator
from rapport.avatar.face import BLENDSHAPE_INDEX, FaceTrack
from rapport.avatar.still import feeling, still_face
from rapport.persona.affect import EKMAN7
from rapport.persona.card import load_persona
from rapport.speech.audio import PAUSE, Audio, Phoneme, SpokenClause

SOUNDS = (
    Phoneme("m", 0.1, 0.2),
    Phoneme("ɑ", 0.2, 0.5),
    Phoneme(PAUSE, 0.5, 0.8),
    Phoneme("b", 0.8, 0.9),
    Phoneme("i", 0.9, 1.2),
)
CLAUSE = SpokenClause("ma bee", Audio.silence(1.4, 24_000), (), SOUNDS)
FACES = {"harbor": load_persona("harbor").face}


async def test_lips_that_gape_on_a_closure_are_found() -> None:
    track = await VisemeAnimator().animate(CLAUSE, feeling("joy"), 0.0, 0)
    assert lips([CLAUSE], [[track]], FACES) == {"closures": 2, "touching": 1.0, "widest_gap": 0.0}
    gaping = track.weights.copy()
    gaping[round(0.85 * 25), BLENDSHAPE_INDEX["jawOpen"]] = 0.8
    opened = FaceTrack(gaping, track.head_pose, track.gaze, track.frame_rate_hz)
    figures = lips([CLAUSE], [[opened]], FACES)
    assert figures["touching"] == 0.5
    assert figures["widest_gap"] > 0.1


async def test_the_jaw_of_every_feeling_is_compared() -> None:
    found = await jaw_correlation(VisemeAnimator(), CLAUSE)
    assert set(found) == set(EKMAN7.labels) - {"neutral"}
    assert min(found.values()) > 0.95


def test_pauses_and_nods_are_found_where_they_are() -> None:
    assert pauses_of(CLAUSE) == [0.5, 1.2]
    times_s = np.arange(0.0, 10.0, 0.04)
    sway = 0.01 * np.sin(times_s)
    nod = sum(0.07 * np.clip(np.sin(2 * np.pi * (times_s - at) / 0.8), 0, None) * (abs(times_s - at - 0.2) < 0.2)
              for at in (2.0, 6.0))  # fmt: skip
    assert nods_of(sway, 25.0) == []
    np.testing.assert_allclose(nods_of(sway + nod, 25.0), [2.0, 6.0], atol=0.09)


def test_figures_of_reading() -> None:
    certain = np.eye(7)
    table = {("a", label): certain[i] for i, label in enumerate(EKMAN7.labels)}
    table |= {("b", label): 0.8 * certain[0] + 0.2 / 7 for label in EKMAN7.labels}
    figures = reading_figures(table)
    assert figures["right"] == {"a": 7, "b": 1, "mean": 1 + 6}
    assert figures["probability"] == round(8 / 14, 3)
    assert reading_figures({("a", label): None for label in EKMAN7.labels})["probability"] == 0.0


def test_a_still_face_shows_its_feeling() -> None:
    assert still_face(feeling("joy")).curve("mouthSmileLeft")[0] > 0.8
    assert still_face(feeling("anger")).curve("browDownLeft")[0] > 0.8
