"""The default voice: Kokoro-82M on the CPU; rate, melody, loudness, accents and pauses follow the agent's feeling.

A clause goes from text to phonemes (`rapport.speech.g2p`), to durations and contours (`rapport.speech.kokoro_model`),
which the feeling reshapes frame by frame (`rapport.speech.prosody`), to sound, to its loudness
(`rapport.speech.level`). The network hardly obeys its own energy contour (six of its units, from the softest vowel to
the loudest, move the level by 1.6 dB), so accents and vocal effort are put on the sound itself. Phoneme and word times
come from the network's own durations (`rapport.speech.timing`), so they hold to a frame of 25 ms without any aligner.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rapport.persona.affect import AffectState
from rapport.persona.errors import ComponentError, InputError, StageError
from rapport.speech.audio import Audio, Phoneme, SpokenClause, SynthesizerCapabilities, VoiceProfile, Word
from rapport.speech.espeak import Espeak
from rapport.speech.g2p import PhonemizedWord, phonemize
from rapport.speech.heteronyms import VOWELS
from rapport.speech.kokoro_model import (
    CONTOUR_STEPS,
    FRAME_SAMPLES,
    LEAD_FRAMES,
    SAMPLE_RATE_HZ,
    SILENT_ENERGY,
    VOICED_F0_HZ,
    Floats,
    KokoroModel,
    load_styles,
)
from rapport.speech.letters import spell_out_sounds
from rapport.speech.level import levelled
from rapport.speech.markup import speakable
from rapport.speech.prosody import Prosody, accents_db, prosody_of, shape_f0
from rapport.speech.reading_tables import word_set
from rapport.speech.timing import STRESS_SYMBOLS, Token, align, word_times

DEFAULT_STYLE = "af_heart"
FRAME_S = FRAME_SAMPLES / SAMPLE_RATE_HZ
_HEAD_FRAMES, _TAIL_FRAMES = 12, 8
"""Silence rendered before and after speech. The network normalises over the whole clause: with less silence in it the
first sounds come out softer (3 dB with 8 and 5, up to 8 dB with 4 and 5)."""
_KEPT_HEAD_FRAMES, _KEPT_TAIL_FRAMES = 3, 5
"""Silence before and after speech that is left in the clause."""
_PAUSE_FRAMES = 4
"""Silence of at least this many frames is a pause, not the closure of a p, t or k."""
_LONGEST_PIECE = 400
"""Phonemes spoken in one call; longer text is cut at punctuation, then at words."""
_ESPEAK = "espeak"
_QUESTION_WORDS = word_set("what who whom whose which when where why how")


class Kokoro:
    """Component `kokoro` of stage `voice`. `model` names the default style, e.g. `kokoro:am_puck`.

    `kokoro:espeak` and `kokoro:am_puck+espeak` ask espeak-ng, which the user installs, for words outside the lexicons.
    The same text, feeling and voice give the same samples on one machine. The seed changes nothing: the network draws
    no random numbers.
    """

    def __init__(self, model: str | None = None) -> None:
        self._styles = load_styles()
        style, _, option = (model or "").partition("+")
        if style == _ESPEAK:
            style, option = "", _ESPEAK
        self._default_style = style or DEFAULT_STYLE
        if self._default_style not in self._styles:
            raise ComponentError(f"kokoro has no style {style!r}; choose one of {', '.join(sorted(self._styles))}")
        if option not in {"", _ESPEAK}:
            raise ComponentError(f"kokoro has no option {option!r}; it knows {_ESPEAK}")
        self._spell = Espeak() if option else spell_out_sounds
        self._model = KokoroModel()
        phonemize("ready")  # reads the lexicons now, not in the first clause
        self.capabilities = SynthesizerCapabilities(
            sample_rate_hz=SAMPLE_RATE_HZ,
            phoneme_times=True,
            prosody=frozenset({"rate", "f0", "energy"}),
            voices=tuple(sorted(self._styles)),
        )

    async def speak(self, text: str, felt: AffectState, voice: VoiceProfile, seed: int) -> SpokenClause:
        """One clause as sound, with words and phonemes on the clause's own clock.

        Raises:
            InputError: the voice names an unknown style, or its scales are out of range.
            StageError: nothing in the text can be said (punctuation, emoji, a script other than Latin).
        """
        return await asyncio.to_thread(self._speak, text, prosody_of(felt.emotion, voice), voice)

    def _speak(self, text: str, prosody: Prosody, voice: VoiceProfile) -> SpokenClause:
        text = speakable(text)
        words = phonemize(text, self._spell)
        pieces = split(words, _LONGEST_PIECE)
        if not pieces:
            raise StageError("nothing to say: the text holds no word that an English voice can read", retryable=False)
        styles = blended(self._styles, voice.styles or {self._default_style: 1.0})
        parts = [self._piece(piece, styles, prosody) for piece in pieces]
        starts = np.cumsum([0.0, *(len(p.samples) / SAMPLE_RATE_HZ for p in parts)])
        return SpokenClause(
            text=text,
            audio=Audio(np.concatenate([p.samples for p in parts]), SAMPLE_RATE_HZ),
            words=tuple(
                replace(w, start_s=w.start_s + t, end_s=w.end_s + t)
                for p, t in zip(parts, starts.tolist(), strict=False)
                for w in p.words
            ),
            phonemes=tuple(
                replace(x, start_s=x.start_s + t, end_s=x.end_s + t)
                for p, t in zip(parts, starts.tolist(), strict=False)
                for x in p.phonemes
            ),
            prosody=prosody.as_dict(),
        )

    def _piece(self, words: Sequence[PhonemizedWord], styles: Floats, prosody: Prosody) -> _Spoken:
        tokens = script_of(words, self._model.vocabulary)
        style = styles[min(len(tokens), len(styles)) - 1]
        planned = self._model.plan([t.id for t in tokens], style, prosody.rate)
        slots, silent = token_slots(planned.durations), silent_frames(planned.energy)
        timeline = paced(silent, stressed_vowels(tokens, slots, len(silent)), prosody)
        slots = np.searchsorted(timeline, slots)
        delivery = planned.with_frames(timeline)
        silent = silent_frames(delivery.energy)
        rises = [(CONTOUR_STEPS * slots[a], CONTOUR_STEPS * slots[b]) for a, b in rising(tokens, words)]
        melody = shape_f0(delivery.f0_hz, delivery.f0_hz > VOICED_F0_HZ, prosody, rises)
        sound = self._model.render(replace(delivery, f0_hz=melody))
        cut = max(0, int(np.argmin(silent)) - _KEPT_HEAD_FRAMES)
        end = len(silent) - max(0, int(np.argmin(silent[::-1])) - _KEPT_TAIL_FRAMES)
        silent, slots = silent[cut:end], np.clip(slots - cut, 0, end - cut)
        accents = accents_db(stressed_vowels(tokens, slots, len(silent)), prosody)
        sound = levelled(
            sound[cut * FRAME_SAMPLES : end * FRAME_SAMPLES],
            SAMPLE_RATE_HZ,
            prosody.energy_db,
            prosody.tilt_db,
            accents,
        )
        phonemes, times = align(tokens, slots, silent, FRAME_S)
        return _Spoken(sound, word_times([w.text for w in words], times), phonemes)


@dataclass(frozen=True)
class _Spoken:
    samples: Floats
    words: tuple[Word, ...]
    phonemes: tuple[Phoneme, ...]


# -------------------------------------------------------------------------------------------------------------- text


def script_of(words: Sequence[PhonemizedWord], vocabulary: Mapping[str, int]) -> list[Token]:
    """What the network reads: phonemes with stress marks, spaces between words, punctuation, a full stop at the end."""
    tokens: list[Token] = []

    def add(symbols: str, word: int | None) -> None:
        tokens.extend(Token(s, vocabulary[s], None if s == " " else word) for s in symbols if s in vocabulary)

    spoken = [i for i, w in enumerate(words) if w.phonemes]
    for i in spoken:
        if tokens:
            add(" ", None)
        add(words[i].phonemes, i)
        add(words[i].after or ("." if i == spoken[-1] else ""), None)
    return tokens


def rising(tokens: Sequence[Token], words: Sequence[PhonemizedWord]) -> list[tuple[int, int]]:
    """Where questions rise: the first and last token, exclusive, from the last accent to the question mark.

    Questions that begin with a question word ("what happened?") fall in English and are left out.
    """
    rises: list[tuple[int, int]] = []
    begin: int | None = None  # the first word of the sentence
    accent: int | None = None
    for i, token in enumerate(tokens):
        if token.word is not None:
            begin = token.word if begin is None else begin
            if token.symbol in STRESS_SYMBOLS or accent is None:
                accent = i
        elif token.symbol in ".!?…":
            if token.symbol == "?" and begin is not None and accent is not None:
                first = re.split(r"[^a-z]+", words[begin].text.lower().lstrip("\"'(["))[0]
                if first not in _QUESTION_WORDS:
                    rises.append((accent, i))
            begin = accent = None
    return rises


def split(words: Sequence[PhonemizedWord], longest: int) -> list[list[PhonemizedWord]]:
    """Words in runs of at most `longest` phonemes, cut after punctuation where there is any. Silent runs are left out.

    A single word longer than that is cut short: nobody says a word of four hundred sounds.
    """
    pieces: list[list[PhonemizedWord]] = [[]]
    room = longest
    for word in words:
        size = len(word.phonemes) + 2
        if size > room and pieces[-1]:
            tail = _after_last_mark(pieces[-1])
            pieces[-1], rest = pieces[-1][:tail], pieces[-1][tail:]
            pieces.append(rest)
            room = longest - sum(len(w.phonemes) + 2 for w in rest)
        pieces[-1].append(replace(word, phonemes=word.phonemes[: longest - 2]))
        room -= size
    return [p for p in pieces if any(w.phonemes for w in p)]


def _after_last_mark(words: Sequence[PhonemizedWord]) -> int:
    """Where to cut: after the last punctuation in the second half, else at the end."""
    marks = [i + 1 for i, w in enumerate(words) if w.after and i + 1 >= len(words) // 2]
    strong = [i for i in marks if words[i - 1].after in ".!?…"]
    return (strong or marks or [len(words)])[-1]


def blended(styles: Mapping[str, Floats], weights: Mapping[str, float]) -> Floats:
    """The weighted mean of style vectors, shape (lengths, 256).

    Raises:
        InputError: an unknown style, a negative weight, or weights that sum to nothing.
    """
    if unknown := sorted(set(weights) - set(styles)):
        raise InputError(f"kokoro has no style {unknown[0]!r}; choose one of {', '.join(sorted(styles))}")
    total = sum(weights.values())
    if not (math.isfinite(total) and total > 0) or any(w < 0 for w in weights.values()):
        raise InputError("the weights of a voice's styles must be >= 0 with a sum above 0")
    mixed = np.zeros_like(next(iter(styles.values())))
    for name, weight in sorted(weights.items()):
        mixed += styles[name] * np.float32(weight / total)
    return mixed


# ------------------------------------------------------------------------------------------------------------ timing


def silent_frames(energy: Floats) -> NDArray[np.bool_]:
    """Which frames of 25 ms are silent, from an energy contour of shape (frames * CONTOUR_STEPS,)."""
    return energy.reshape(-1, CONTOUR_STEPS).max(axis=1) < SILENT_ENERGY


def token_slots(durations: NDArray[np.int64]) -> NDArray[np.int64]:
    """Frame at which each token begins to sound, and the last one's end: shape (tokens + 1,).

    `durations` has the marks of beginning and end around the tokens.
    """
    return np.maximum(np.cumsum(durations)[:-1] - LEAD_FRAMES, 0)


def stressed_vowels(tokens: Sequence[Token], slots: NDArray[np.int64], frames: int) -> NDArray[np.bool_]:
    """Which frames sound as a vowel under stress, its mark included; slots as of `token_slots`."""
    stressed = np.zeros(frames, np.bool_)
    for k, token in enumerate(tokens):
        marked = k > 0 and tokens[k - 1].symbol in STRESS_SYMBOLS
        if token.symbol in STRESS_SYMBOLS or (marked and token.symbol in VOWELS):
            stressed[slots[k] : slots[k + 1]] = True
    return stressed


def paced(silent: NDArray[np.bool_], stressed: NDArray[np.bool_], prosody: Prosody) -> NDArray[np.int64]:
    """Frames to speak, in order: little silence at both ends, pauses and stressed vowels longer or shorter.

    Only runs of at least four silent frames are pauses; shorter ones are the closures of p, t and k.
    """
    heard = np.flatnonzero(~silent)
    if not len(heard):
        return np.arange(len(silent), dtype=np.int64)
    first, last = int(heard[0]), int(heard[-1])
    kept = list(range(max(0, first - _HEAD_FRAMES), first))
    kind = np.where(silent, 2, stressed)[first : last + 1]
    edges = np.flatnonzero(np.diff(kind)) + first + 1
    for start, end in zip([first, *edges.tolist()], [*edges.tolist(), last + 1], strict=True):
        length = end - start
        if silent[start] and length >= _PAUSE_FRAMES:
            length = max(_PAUSE_FRAMES // 2, round(length * prosody.pause_scale))
        elif stressed[start] and not silent[start]:
            length = max(1, round(length * prosody.vowel_scale))
        kept += np.linspace(start, end - 1, length).round().astype(int).tolist()
    kept += range(last + 1, min(len(silent), last + 1 + _TAIL_FRAMES))
    return np.array(kept, np.int64)
