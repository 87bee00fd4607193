"""Feeling from a voice: what Whisper's encoder heard while it listened for words, and what can be measured besides.

Where the recogniser of speech was Whisper's tiny.en, the states that it made are read again and cost nothing; after
another recogniser the sound is encoded here, 16 ms for three seconds. `voice_model` tells how features become a
feeling, the model card beside the weights how good it is: arousal is heard well, even across languages, valence is not.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from rapport.agent.perception.voice import evidence_of, prosody_of
from rapport.agent.perception.voice_baseline import SpeakerBaseline, VoiceEstimate
from rapport.agent.perception.voice_measures import LONGEST_S, VoiceMeasures, measure
from rapport.agent.perception.voice_model import ENCODER, Floats, VoiceModel, VoiceReading, features
from rapport.agent.stages import EmotionCapabilities, PersonTurn
from rapport.persona.affect import EKMAN7, VAD
from rapport.persona.errors import StageError
from rapport.speech.audio import RECOGNITION_RATE_HZ, Audio, EncodedSpeech
from rapport.speech.files import resample
from rapport.speech.whisper_model import WhisperModel, shared_whisper

MODEL_FILE = Path(__file__).parent / "models" / "voice_emotion" / "voice_emotion.npz"


class WhisperEmotion:
    """The shipped model; or `model`, a file that `rapport train voice-emotion` wrote, or one that is loaded.

    Raises:
        ComponentError: the file is no such model, or Whisper's weights are missing.
    """

    capabilities = EmotionCapabilities(modality="voice", taxonomy=EKMAN7.name)

    def __init__(self, model: str | VoiceModel | None = None) -> None:
        self.model = model if isinstance(model, VoiceModel) else VoiceModel.read(Path(model or MODEL_FILE))
        self._whisper = shared_whisper(ENCODER)

    async def estimate(self, heard: PersonTurn) -> VoiceEstimate | None:
        """What the voice tells; None without audio, or where nobody is heard to speak.

        Raises:
            StageError: Whisper failed.
        """
        if heard.audio is None:
            return None
        return await asyncio.to_thread(self.listen, heard.audio, heard.transcript.encoded, heard.voice_baseline)

    def listen(
        self, audio: Audio, encoded: EncodedSpeech | None = None, baseline: SpeakerBaseline | None = None
    ) -> VoiceEstimate | None:
        """Blocking form of `estimate`. Of long audio the last ten seconds count."""
        measures = measure(audio)
        x = features_of(audio, measures, encoded, self._whisper)
        return None if measures is None or x is None else estimate_of(self.model.hear(x, baseline), measures)


def estimate_of(reading: VoiceReading, measures: VoiceMeasures) -> VoiceEstimate:
    """The reading as the stage hands it on, with what can be heard in the voice as evidence."""
    prosody = prosody_of(measures)
    v, a, d = reading.vad_sd.tolist()
    evidence = () if prosody is None else evidence_of(prosody)
    vad = VAD.from_array(reading.vad)
    return VoiceEstimate(reading.distribution, vad, (v, a, d), "voice", evidence, reading.baseline)


def features_of(
    audio: Audio, measures: VoiceMeasures | None, encoded: EncodedSpeech | None, whisper: WhisperModel
) -> Floats | None:
    """The model's features (F,) of a clip, or None where nobody speaks. States of another encoder are made anew.

    Raises:
        StageError: Whisper failed.
    """
    if measures is None:
        return None
    if encoded is None or encoded.encoder != ENCODER:
        samples = resample(audio.between(audio.duration_s - LONGEST_S, audio.duration_s), RECOGNITION_RATE_HZ).samples
        try:
            encoded = whisper.hear(samples)
            if encoded is None and measures.is_voice:
                # Voice activity misses a scream or a sob now and then; noise has no steady pitch.
                encoded = whisper.encoded_speech([whisper.encode(samples)])
        except RuntimeError as error:
            raise StageError(f"Whisper failed: {error}") from error
    return None if encoded is None else features(encoded, measures)
