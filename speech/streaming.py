"""Words while the person still speaks: any recogniser, run again and again over what has been said so far.

Two successive hypotheses that begin with the same words agree on them; those are stable and will not be taken back.
That is LocalAgreement-2 (Liu et al. 2020; Machacek et al. 2023, "Turning Whisper into real-time transcription system").
What lies before the last stable sentence is not decoded again, so a decode costs no more at the end of a long utterance
than in its middle. Recognisers without word times decode the growing whole instead.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rapport.persona.errors import InputError
from rapport.speech.audio import Audio, EncodedSpeech, Transcript, Word

SENTENCE_ENDS = (".", "!", "?", "。", "！", "？")
SAME_WORD_S = 0.1
"""Word times of two decodes may differ by so much."""
DESPERATE = 1.5
"""From so many windows on, speech without a pause is cut at its widest gap between two words."""
STATE_S = 0.02
"""One state of `EncodedSpeech`."""
_PUNCTUATION = ".,!?;:\"'()-…。，！？；： "


@dataclass(frozen=True)
class StreamingPolicy:
    """How often to decode, and how much.

    Raises:
        InputError: a value that is not positive.
    """

    period_s: float = 0.5
    """New sound from one decode to the next: longer costs less, shorter shows words sooner."""
    max_load: float = 0.35
    """Share of the time that decoding may take; on a slow machine the period grows until that holds."""
    max_window_s: float = 10.0
    """From this length of undecided sound on, it is cut at the last stable sentence or pause."""
    min_pause_s: float = 0.25
    """Silence between two words at which a window may be cut where no sentence ends."""

    def __post_init__(self) -> None:
        if min(self.period_s, self.max_load, self.max_window_s, self.min_pause_s) <= 0:
            raise InputError("period_s, max_load, max_window_s and min_pause_s of streaming must be positive")


@dataclass(frozen=True)
class PartialTranscript:
    """What has been understood so far of an utterance that goes on."""

    stable: str
    """Words that successive decodes agree on: they will not change."""
    tentative: str
    """The rest of the latest hypothesis."""
    at_s: float
    """Seconds of the utterance's sound that were decoded."""

    @property
    def text(self) -> str:
        return f"{self.stable} {self.tentative}".strip()


class StreamingTranscriber:
    """One utterance after another, each while it is spoken. Not for several tasks at once.

    `decode` is a recogniser's `transcribe`, or whatever runs it within a budget; its errors come through, and leave
    what was stable as it was.
    """

    def __init__(
        self,
        decode: Callable[[Audio], Awaitable[Transcript]],
        policy: StreamingPolicy | None = None,
        now_s: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._decode = decode
        self.policy = policy or StreamingPolicy()
        self._now_s = now_s
        self._cost_s = 0.0
        self.reset()

    def reset(self) -> None:
        """A new utterance begins."""
        self._settled: list[Transcript] = []
        """What lies before the cut and is never decoded again; times on the utterance's clock."""
        self._cut_s = 0.0
        self._stable: list[Word] = []
        """Words behind the cut that two decodes agreed on."""
        self._told: list[str] = []
        """The stable words of the whole utterance, as they were first told."""
        self._latest: Transcript | None = None
        """The last decode of what lies behind the cut."""
        self._decoded_s = 0.0
        self._decoded_samples = 0

    def due(self, audio_s: float) -> bool:
        """Whether the utterance, now `audio_s` long, has enough new sound for another decode within the budget."""
        period_s = max(self.policy.period_s, self._cost_s / self.policy.max_load)
        return audio_s - self._decoded_s >= period_s

    async def update(self, audio: Audio) -> PartialTranscript:
        """Decode the whole utterance so far, from the last cut on."""
        before = () if self._latest is None else _words(self._latest)
        after = _words(await self._decode_tail(audio))
        rest = self._beyond_stable(after)
        news = rest[: _agreed(self._beyond_stable(before), rest)]
        self._stable += news
        self._told += [word.text for word in news]
        self._cut(audio)
        return PartialTranscript(" ".join(self._told), _text(rest[len(news) :]), audio.duration_s)

    async def finish(self, audio: Audio) -> Transcript:
        """The transcript of the whole utterance; only what lies behind the last cut is decoded.

        Word times are on the utterance's clock. The utterance may still go on with `update` afterwards.
        """
        return _joined([*self._settled, await self._decode_tail(audio)])

    async def _decode_tail(self, audio: Audio) -> Transcript:
        if self._latest is not None and len(audio.samples) == self._decoded_samples:
            return self._latest
        began_s = self._now_s()
        tail = audio.between(self._cut_s, audio.duration_s)
        self._latest = _shifted(await self._decode(tail), self._cut_s)
        self._cost_s = self._now_s() - began_s
        self._decoded_s, self._decoded_samples = audio.duration_s, len(audio.samples)
        return self._latest

    def _beyond_stable(self, words: Sequence[Word]) -> Sequence[Word]:
        """The words of a hypothesis that come after the stable ones, even if it hears those differently now."""
        count = len(self._stable)
        if count == 0 or _agreed(self._stable, words) == count or not any(word.end_s for word in words):
            return words[count:]
        return [word for word in words if word.start_s >= self._stable[-1].end_s - SAME_WORD_S]

    def _cut(self, audio: Audio) -> None:
        """Settle what is stable up to a sentence's end or a pause, once the window has grown long."""
        latest, window_s = self._latest, audio.duration_s - self._cut_s
        if latest is None or window_s < self.policy.max_window_s or not latest.words:
            return
        words, known = latest.words, min(len(self._stable), len(latest.words) - 1)
        if _agreed(self._stable, words) < known:
            return
        gaps = [words[i + 1].start_s - words[i].end_s for i in range(known)]
        places = [
            i for i, gap in enumerate(gaps) if words[i].text.endswith(SENTENCE_ENDS) or gap >= self.policy.min_pause_s
        ]
        if not places and gaps and window_s > DESPERATE * self.policy.max_window_s:
            places = [int(np.argmax(gaps))]
        if not places:
            return
        last = places[-1]
        cut_s = _quietest(audio, words[last].end_s - SAME_WORD_S, words[last + 1].start_s + SAME_WORD_S)
        done, rest = words[: last + 1], words[last + 1 :]
        states = round((cut_s - self._cut_s) / STATE_S)
        self._settled.append(replace(latest, text=_text(done), words=done, encoded=_states(latest, 0, states)))
        self._latest = replace(latest, text=_text(rest), words=rest, encoded=_states(latest, states, None))
        self._stable = self._stable[last + 1 :]
        self._cut_s = cut_s


def _text(words: Sequence[Word]) -> str:
    return " ".join(word.text for word in words)


def _quietest(audio: Audio, start_s: float, end_s: float) -> float:
    """The middle of the quietest 30 ms between two times: word times are rough, and no word must be cut."""
    part = audio.between(start_s, end_s).samples.astype(np.float64)
    length = min(len(part), round(0.03 * audio.sample_rate_hz))
    energy = np.convolve(np.square(part), np.ones(length), "valid")
    return max(0.0, start_s) + (int(np.argmin(energy)) + length / 2) / audio.sample_rate_hz


def _states(transcript: Transcript, start: int, end: int | None) -> EncodedSpeech | None:
    if transcript.encoded is None:
        return None
    return replace(transcript.encoded, states=transcript.encoded.states[start:end])


def _words(transcript: Transcript) -> tuple[Word, ...]:
    """Its words; where the recogniser gives no times, words that all last as long as the sound does."""
    return transcript.words or tuple(Word(text, 0.0, 0.0) for text in transcript.text.split())


def _agreed(before: Sequence[Word], after: Sequence[Word]) -> int:
    """How many words two hypotheses have in common from their beginning, whatever their case and punctuation."""
    pairs = zip(before, after, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if _plain(a) != _plain(b)), min(len(before), len(after)))


def _plain(word: Word) -> str:
    return word.text.casefold().strip(_PUNCTUATION)


def _shifted(transcript: Transcript, by_s: float) -> Transcript:
    words = tuple(replace(word, start_s=word.start_s + by_s, end_s=word.end_s + by_s) for word in transcript.words)
    return replace(transcript, words=words)


def _joined(parts: list[Transcript]) -> Transcript:
    """Parts of one utterance in a row as one."""
    encoded = [part.encoded for part in parts if part.encoded is not None]
    return Transcript(
        " ".join(part.text for part in parts if part.text),
        tuple(word for part in parts for word in part.words),
        parts[-1].language,
        min(part.no_speech_probability for part in parts),
        EncodedSpeech(np.concatenate([e.states for e in encoded]), encoded[0].encoder) if encoded else None,
    )
