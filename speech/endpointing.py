"""When a person begins and stops to speak: a small state machine that listens to voice activity.

    probabilities (one per 32 ms) -> SpeechGate -> started, paused, resumed, ended     pure, no model, no sound
    microphone frames -> Endpointer -> SpeechStarted, SpeechPaused, ...                keeps the sound of the utterance

How much silence ends an utterance depends on its words and its melody: see `turn_taking.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rapport.persona.errors import InputError
from rapport.speech.audio import RECOGNITION_RATE_HZ, Audio
from rapport.speech.turn_taking import CANNOT_TELL, completeness, final_fall, silence_needed_s
from rapport.speech.voice_activity import FRAME_S, FRAME_SAMPLES, SileroVoiceActivity, VoiceActivity

_MELODY_FRAMES = round(1.5 / FRAME_S)
"""The end of an utterance in which its melody is looked for."""


@dataclass(frozen=True)
class EndpointingPolicy:
    """When speech counts as begun and as over.

    Raises:
        InputError: thresholds outside 0 < end <= start < 1, or durations that are negative or out of order.
    """

    start_threshold: float = 0.5
    """Probability of speech from which a frame counts as speech."""
    end_threshold: float = 0.35
    """Probability below which speech turns into silence; lower than the start so that it does not flutter."""
    min_speech_s: float = 0.12
    """Speech must last so long before it counts: shorter is a click or a knock. This is also the delay of barge-in."""
    likely_silence_s: float = 0.13
    """Silence after which the person may have finished, and the reply may be prepared."""
    min_silence_s: float = 0.7
    """Silence that ends a finished sentence whose melody falls: longer suits the hesitant, shorter answers sooner."""
    max_silence_s: float = 1.4
    """Silence that ends anything, even a sentence that hangs on "and"."""
    pre_roll_s: float = 0.3
    """Sound kept from before the first frame of speech: soft beginnings are found late."""
    post_roll_s: float = 0.25
    """Sound kept from after the last frame of speech, as far as it is there when the pause is noticed."""
    max_utterance_s: float = 30.0
    """Speech that goes on for longer is handed over in parts."""

    def __post_init__(self) -> None:
        if not 0 < self.end_threshold <= self.start_threshold < 1:
            raise InputError("endpointing thresholds must satisfy 0 < end_threshold <= start_threshold < 1")
        if min(self.min_speech_s, self.pre_roll_s, self.post_roll_s) < 0 or self.likely_silence_s < FRAME_S:
            raise InputError(f"endpointing durations must be >= 0, and likely_silence_s at least {FRAME_S:g}")
        if not self.likely_silence_s <= self.min_silence_s <= self.max_silence_s:
            raise InputError("endpointing needs likely_silence_s <= min_silence_s <= max_silence_s")
        if self.max_utterance_s < self.min_speech_s + self.max_silence_s:
            raise InputError("max_utterance_s must be longer than min_speech_s + max_silence_s")


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody has begun to speak. `at_s`: seconds of sound pushed so far."""

    at_s: float


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """The first likely end of an utterance: the reply may be prepared. At most one per pause; fields as below."""

    audio: Audio
    at_s: float


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """The person went on after a SpeechPaused: what was prepared is to be thrown away."""

    at_s: float


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """They have finished. The utterance is at 16 kHz, with a little of what was around it; `at_s` as above.

    Its audio is that of the last SpeechPaused, unless the person went on after it.
    """

    audio: Audio
    at_s: float


Change = Literal["started", "paused", "resumed", "ended"]
SpeechEvent = SpeechStarted | SpeechPaused | SpeechResumed | SpeechEnded


class SpeechGate:
    """The state machine: one probability of speech in, what has changed out.

    An utterance is `started`, any number of `paused` and `resumed`, perhaps a last `paused`, `ended`.
    """

    def __init__(self, policy: EndpointingPolicy) -> None:
        self._policy = policy
        self.speaking = False
        self.paused = False
        """Whether the silence has lasted long enough for a likely end."""
        self.silence_needed_s = policy.max_silence_s
        """Silence that ends the utterance; whoever knows its words and melody sets it when it pauses."""
        self.frames = 0
        """Frames of the utterance so far (of what may become one, while not yet speaking)."""
        self.silent_frames = 0
        """How many of these, at their end, are silence."""

    def step(self, probability: float) -> Change | None:
        return self._while_speaking(probability) if self.speaking else self._while_silent(probability)

    def _while_silent(self, probability: float) -> Literal["started"] | None:
        goes_on = self.frames > 0 and probability >= self._policy.end_threshold
        self.frames = self.frames + 1 if goes_on or probability >= self._policy.start_threshold else 0
        if self.frames == 0 or self.frames * FRAME_S < self._policy.min_speech_s:
            return None
        self.speaking, self.paused, self.silent_frames = True, False, 0
        return "started"

    def _while_speaking(self, probability: float) -> Change | None:
        self.frames += 1
        if probability >= self._policy.start_threshold:
            self.silent_frames = 0
        elif self.silent_frames > 0 or probability < self._policy.end_threshold:
            self.silent_frames += 1
        silence_s, utterance_s = self.silent_frames * FRAME_S, self.frames * FRAME_S
        if utterance_s >= self._policy.max_utterance_s or (self.paused and silence_s >= self.silence_needed_s):
            self.speaking, self.paused, self.frames = False, False, 0
            return "ended"
        if not self.paused and silence_s >= self._policy.likely_silence_s:
            self.paused = True
            return "paused"
        if self.paused and self.silent_frames == 0:
            self.paused = False
            return "resumed"
        return None


class Endpointer:
    """Cuts a stream of microphone frames into utterances. One per microphone; not for several threads at once."""

    def __init__(self, policy: EndpointingPolicy | None = None, voice_activity: VoiceActivity | None = None) -> None:
        self.policy = policy or EndpointingPolicy()
        self._voice_activity = voice_activity or SileroVoiceActivity()
        self._pre_roll = round(self.policy.pre_roll_s / FRAME_S)
        self._post_roll = round(self.policy.post_roll_s / FRAME_S)
        self._restart()

    @property
    def speaking(self) -> bool:
        """Whether an utterance is open: somebody speaks, or pauses and may go on."""
        return self._gate.speaking

    def utterance(self) -> Audio:
        """The sound of the open utterance so far, at 16 kHz with its pre-roll; empty when nobody speaks."""
        return self._sound_up_to(len(self._kept)) if self._gate.speaking else Audio.silence(0.0)

    def heard_words(self, text: str) -> None:
        """Tell the latest transcript of the open utterance: how long a pause may last depends on its last words.

        Words that came before the pause may lack the last ones, and decide nothing; those that come during the pause
        are taken as all that was said. Once this has been called, every pause waits for words, up to `max_silence_s`.
        """
        self._told_words = True
        if self._gate.paused:
            self._gate.silence_needed_s = silence_needed_s(self.policy, completeness(text), self._fall)

    def push(self, frame: NDArray[np.floating]) -> list[SpeechEvent]:
        """Sound in, in the order heard: float samples, mono, 16 kHz, any number; out comes what has changed.

        NaN counts as silence and samples beyond full scale are limited: a microphone's bad moment must not end a
        conversation.

        Raises:
            InputError: more than one channel.
        """
        samples = np.asarray(frame, np.float32)
        if samples.ndim != 1:
            if samples.ndim != 2 or 1 not in samples.shape:
                raise InputError(f"the endpointer takes mono frames of shape (n,), got {samples.shape}")
            samples = samples.reshape(-1)
        samples = np.clip(np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0), -1.0, 1.0)
        self._rest = np.concatenate([self._rest, samples])
        return list(self._take_whole_frames())

    def flush(self) -> list[SpeechEvent]:
        """The stream is over: an utterance that was still open ends here. Afterwards a new stream may begin."""
        if len(self._rest):
            self._rest = np.pad(self._rest, (0, -len(self._rest) % FRAME_SAMPLES))
        found = list(self._take_whole_frames())
        if self._gate.speaking:
            found.append(self._ended())
        self._voice_activity.reset()
        self._restart()
        return found

    def _restart(self) -> None:
        self._gate = SpeechGate(self.policy)
        self._rest = np.zeros(0, np.float32)
        self._kept: list[NDArray[np.float32]] = []
        self._frames_heard = 0
        self._paused_at = 0
        """Where among the kept frames the utterance of the current pause ends; 0 outside a pause."""
        self._fall = CANNOT_TELL
        self._told_words = False

    def _take_whole_frames(self) -> Iterator[SpeechEvent]:
        while len(self._rest) >= FRAME_SAMPLES:
            frame, self._rest = self._rest[:FRAME_SAMPLES], self._rest[FRAME_SAMPLES:]
            self._frames_heard += 1
            self._kept.append(frame)
            change = self._gate.step(self._voice_activity.probability(frame))
            at_s = self._frames_heard * FRAME_S
            if change == "started":
                self._paused_at = 0
                yield SpeechStarted(at_s)
            elif change == "paused":
                yield self._paused(at_s)
            elif change == "resumed":
                self._paused_at = 0
                yield SpeechResumed(at_s)
            elif change == "ended":
                yield self._ended()
            if not self._gate.speaking:
                # What may yet become speech is kept whole, and before it the pre-roll.
                del self._kept[: max(0, len(self._kept) - self._gate.frames - self._pre_roll)]

    def _paused(self, at_s: float) -> SpeechPaused:
        spoken = self._kept[: len(self._kept) - self._gate.silent_frames]
        self._fall = final_fall(np.concatenate(spoken[-_MELODY_FRAMES:]), RECOGNITION_RATE_HZ)
        without_words_s = silence_needed_s(self.policy, CANNOT_TELL, self._fall)
        self._gate.silence_needed_s = self.policy.max_silence_s if self._told_words else without_words_s
        self._paused_at = self._end_of_utterance()
        return SpeechPaused(self._sound_up_to(self._paused_at), at_s)

    def _ended(self) -> SpeechEnded:
        end = self._paused_at or self._end_of_utterance()
        audio = self._sound_up_to(end)
        self._kept, self._paused_at = self._kept[end:], 0
        return SpeechEnded(audio, self._frames_heard * FRAME_S)

    def _end_of_utterance(self) -> int:
        return len(self._kept) - max(0, self._gate.silent_frames - self._post_roll)

    def _sound_up_to(self, frame: int) -> Audio:
        return Audio(np.concatenate(self._kept[:frame]), RECOGNITION_RATE_HZ)
