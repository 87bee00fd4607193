"""`rapport eval ravdess|emodb`: file names are read right, figures are what they say, silence counts as neutral."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rapport.agent.perception.voice_baseline import SpeakerBaseline
from rapport.agent.perception.voice_model import LABELS, VoiceReading
from rapport.agent.stages import EmotionCapabilities, PersonTurn
from rapport.apps.evaluate import voice
from rapport.apps.evaluate.metrics import one_hot
from rapport.apps.evaluate.voice import EMODB_LABELS, arousal_figures, columns_of, given_labels, read_with_baseline, uar
from rapport.apps.evaluate.voice_corpora import read_emodb, read_ravdess
from rapport.persona.affect import EKMAN7, VAD, EmotionEstimate
from rapport.persona.errors import InputError
from rapport.speech.audio import Audio
from rapport.speech.files import write_wav


def put(folder: Path, name: str, loudness: float = 0.5) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    write_wav(folder / name, Audio(np.full(800, loudness, np.float32), 16_000))


def test_names_of_ravdess_tell_feeling_intensity_and_actor(tmp_path: Path):
    put(tmp_path, "Actor_12/03-01-06-01-02-01-12.wav")
    put(tmp_path, "Actor_12/03-01-05-02-02-01-12.wav")
    put(tmp_path, "Actor_12/03-02-06-01-02-01-12.wav")  # song
    put(tmp_path, "notes.wav")
    clips = read_ravdess(tmp_path)
    assert [(c.label, c.strong, c.speaker) for c in clips] == [("angry", True, 12), ("fearful", False, 12)]


def test_labels_csv_serves_where_names_do_not(tmp_path: Path):
    put(tmp_path, "clips/a.wav")
    header = "path,actor,emotion,intensity\n"
    (tmp_path / "labels.csv").write_text(f"{header}clips/a.wav,21,happy,strong\n", "utf-8")
    assert [(c.path.name, c.label, c.strong, c.speaker) for c in read_ravdess(tmp_path)] == [
        ("a.wav", "happy", True, 21)
    ]
    (tmp_path / "labels.csv").write_text(f"{header}clips/a.wav,21,blissful,strong\n", "utf-8")
    with pytest.raises(InputError, match="blissful"):
        read_ravdess(tmp_path)


def test_names_of_emodb_tell_feeling_and_speaker(tmp_path: Path):
    for name in ("03a01Fa.wav", "16b10Lb.wav", "08a07Wc.flac", "readme.txt", "03a01Xa.wav"):
        (tmp_path / name).write_bytes(b"")
    assert [(c.label, c.speaker) for c in read_emodb(tmp_path)] == [("happy", 3), ("angry", 8), ("bored", 16)]


@pytest.mark.parametrize("read", [read_ravdess, read_emodb])
def test_a_folder_without_clips_is_named(read, tmp_path: Path):
    with pytest.raises(InputError, match="was expected to hold"):
        read(tmp_path)


def test_uar_is_the_mean_recall_of_the_labels_given():
    given, found = one_hot([0, 0, 0, 1], 3), one_hot([0, 0, 2, 0], 3)
    assert uar(found, given) == pytest.approx((2 / 3 + 0) / 2)


def test_probabilities_become_those_of_the_four():
    p = np.zeros((1, 8))
    p[0, [LABELS.index(name) for name in ("calm", "fearful", "happy")]] = 0.3, 0.5, 0.2
    assert columns_of(p, EMODB_LABELS)[0] == pytest.approx([0.6, 0.0, 0.4, 0.0])
    assert columns_of(p, LABELS) is p
    assert given_labels(["bored", "calm", "angry"], EMODB_LABELS).tolist() == [
        [False] * 4, [True, False, False, False], [False, True, False, False],
    ]  # fmt: skip


def test_arousal_is_judged_by_sides():
    told = arousal_figures(np.array([0.9, 0.1, -0.2, 0.4]), ["angry", "happy", "sad", "calm"])
    assert told == {"uar": 0.5, "auc": 0.75}
    assert np.isnan(arousal_figures(np.array([0.9]), ["angry"])["uar"])


class Model:
    """Counts how many clips a baseline rests on, and of whom."""

    def hear(self, x: np.ndarray, baseline: SpeakerBaseline | None = None) -> VoiceReading:
        heard = np.zeros(0) if baseline is None else baseline.residual
        return VoiceReading(heard, x, x, SpeakerBaseline("m", len(heard) + 1, np.append(heard, x[0])))


def test_a_baseline_rests_on_other_clips_of_the_same_speaker():
    x, speaker = np.arange(30.0)[:, None], np.repeat([1, 2, 3], 10)
    for row, reading in enumerate(read_with_baseline(Model(), x, speaker, np.random.default_rng(0))):  # pyright: ignore[reportArgumentType]
        others = reading.probabilities.astype(int).tolist()
        assert len(others) == len(set(others)) == 8
        assert row not in others and {int(speaker[i]) for i in others} == {int(speaker[row])}


class Loud:
    """Any component can be judged: this one hears anger in what is loud and nothing in what is soft."""

    capabilities = EmotionCapabilities(modality="voice")

    async def estimate(self, heard: PersonTurn) -> EmotionEstimate | None:
        assert heard.audio is not None
        if heard.audio.samples.max() < 0.1:
            return None
        label = "anger" if heard.audio.samples.max() > 0.6 else "sadness"
        return EmotionEstimate(EKMAN7.around(EKMAN7.points[label], 0.1), VAD(0, 0.8 if label == "anger" else -0.5, 0))


def test_a_report_has_the_figures_of_the_field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(voice, "create", lambda stage, spec: Loud())
    for actor in (1, 2):
        for emotion, loudness in ((1, 0.01), (4, 0.3), (5, 0.9), (3, 0.9)):
            put(tmp_path, f"03-01-{emotion:02}-01-01-01-{actor:02}.wav", loudness)
    told = voice.ravdess(tmp_path, "loud").as_dict()
    assert told["n"] == 8
    assert told["uar"] == told["accuracy"] == 0.75
    assert told["per_class"]["happy"]["recall"] == 0 and told["per_class"]["neutral"]["recall"] == 1
    assert told["arousal"] == {"uar": 1.0, "auc": 1.0}
    assert told["baselines"]["majority"]["uar"] == 0.25
    assert np.sum(told["confusion"]["given_by_found"]) == 8
    assert any("in 2 clips nobody was heard" in note for note in told["notes"])
    with pytest.raises(InputError, match="whisper-emotion"):
        voice.ravdess(tmp_path, "loud", unheard=True)
