"""What the mouth does while speaking: phonemes with times become mouth weights with co-articulation.

Every phoneme has a target for three articulators (jaw, lips, tongue) and, for each of them, a *dominance* that rises
and falls exponentially around its interval. A weight at a moment is the mean of all targets under their dominances
(Cohen & Massaro 1993, "Modeling coarticulation in synthetic visual speech"): /t/ hardly cares about the lips, so they
take the shape of the vowel beside it, while /u/ cares very much and begins to round them well before it sounds. Jaw and
lips are scaled apart from each other, as in JALI (Edwards, Landreth, Fiume & Singh 2016).

Means never quite reach a target; the closed lips of p, b and m are a constraint of their own (rapport.avatar.closure).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX
from rapport.persona.errors import StageError
from rapport.speech.audio import PAUSE, Phoneme

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Viseme:
    """A mouth target and how much each articulator insists on it.

    `jaw` and `tongue` are the weights of jawOpen and tongueOut; `lips` names any other weight (a pair by its stem, as
    in "mouthStretch"). Dominances are relative: 1 is an ordinary vowel. `reach_s` is how far ahead of the interval the
    lips' dominance falls to 1/e; behind it and for the other articulators it is REACH_S.
    """

    jaw: float
    lips: Mapping[str, float] = field(default_factory=dict[str, float])
    tongue: float = 0.0
    jaw_dominance: float = 1.0
    lip_dominance: float = 1.0
    tongue_dominance: float = 1.0
    reach_s: float = 0.045


REACH_S = 0.045
ROUNDING_REACH_S = 0.11
"""Lips round for a vowel 100 ms and more before it sounds (Cohen & Massaro 1993)."""

VISEMES: Mapping[str, Viseme] = {
    "rest": Viseme(0.0, jaw_dominance=0.8, lip_dominance=0.7),
    # Bilabials. The seal itself is the constraint in rapport.avatar.closure; these targets bring the lips near it.
    "p": Viseme(0.02, {"mouthPress": 0.30, "mouthRollLower": 0.14, "mouthRollUpper": 0.10}, 0.0, 2.0, 2.5),
    "m": Viseme(0.03, {"mouthPress": 0.18, "mouthRollLower": 0.12, "mouthRollUpper": 0.08}, 0.0, 2.0, 2.5),
    # Labiodentals: the lower lip tucks under the upper teeth, which show.
    "f": Viseme(0.07, {"mouthRollLower": 0.55, "mouthUpperUp": 0.28, "mouthShrugLower": 0.12}, 0.0, 3.0, 4.0),
    # Dentals, alveolars, velars: the lips follow their neighbours, the tongue and the jaw do the work.
    "th": Viseme(0.17, {"mouthLowerDown": 0.16, "mouthUpperUp": 0.08}, 0.62, 1.8, 0.5, 4.0),
    "l": Viseme(0.20, {"mouthLowerDown": 0.12, "mouthUpperUp": 0.06}, 0.30, 1.0, 0.35, 3.0),
    "t": Viseme(0.10, {"mouthLowerDown": 0.14, "mouthStretch": 0.06}, 0.05, 1.4, 0.35),
    "n": Viseme(0.12, {"mouthLowerDown": 0.10}, 0.06, 1.1, 0.3),
    "k": Viseme(0.16, {"mouthLowerDown": 0.06}, 0.0, 0.7, 0.2),
    "h": Viseme(0.18, {}, 0.0, 0.25, 0.1),
    # Sibilants: the teeth meet.
    "s": Viseme(0.05, {"mouthStretch": 0.20, "mouthLowerDown": 0.20, "mouthUpperUp": 0.08}, 0.0, 2.6, 0.8),
    "sh": Viseme(
        0.07,
        {"mouthFunnel": 0.46, "mouthPucker": 0.22, "mouthLowerDown": 0.12, "mouthUpperUp": 0.08},
        0.0,
        2.6,
        1.8,
        reach_s=0.08,
    ),
    # Glides.
    "r": Viseme(0.12, {"mouthFunnel": 0.24, "mouthPucker": 0.26}, 0.0, 0.9, 0.9, reach_s=0.08),
    "w": Viseme(0.08, {"mouthPucker": 0.78, "mouthFunnel": 0.18}, 0.0, 1.6, 2.6, reach_s=ROUNDING_REACH_S),
    "j": Viseme(0.11, {"mouthStretch": 0.22, "mouthSmile": 0.16}, 0.0, 1.0, 0.7),
    # Vowels, from close to open.
    "i": Viseme(0.13, {"mouthStretch": 0.26, "mouthSmile": 0.22, "mouthLowerDown": 0.12, "mouthUpperUp": 0.04}),
    "ɪ": Viseme(0.19, {"mouthStretch": 0.16, "mouthSmile": 0.10, "mouthLowerDown": 0.10}),
    "e": Viseme(0.26, {"mouthStretch": 0.22, "mouthSmile": 0.14, "mouthLowerDown": 0.12}),
    "ɛ": Viseme(0.30, {"mouthStretch": 0.16, "mouthLowerDown": 0.14, "mouthUpperUp": 0.06}, jaw_dominance=1.2),
    "æ": Viseme(0.37, {"mouthStretch": 0.20, "mouthLowerDown": 0.16, "mouthUpperUp": 0.10}, jaw_dominance=1.4),
    "a": Viseme(0.40, {"mouthLowerDown": 0.12, "mouthUpperUp": 0.06}, jaw_dominance=1.5),
    "ɑ": Viseme(0.41, {"mouthFunnel": 0.08, "mouthLowerDown": 0.08}, jaw_dominance=1.5),
    "ʌ": Viseme(0.29, {"mouthLowerDown": 0.10}, jaw_dominance=1.1),
    "ə": Viseme(0.18, {"mouthLowerDown": 0.06}, 0.0, 0.6, 0.5),
    "ɜ": Viseme(0.19, {"mouthFunnel": 0.24, "mouthPucker": 0.24}, reach_s=0.08),
    "ɔ": Viseme(0.32, {"mouthFunnel": 0.36, "mouthPucker": 0.16}, 0.0, 1.3, 1.4, reach_s=0.09),
    "o": Viseme(0.25, {"mouthFunnel": 0.40, "mouthPucker": 0.34}, 0.0, 1.1, 1.7, reach_s=ROUNDING_REACH_S),
    "ʊ": Viseme(0.18, {"mouthFunnel": 0.28, "mouthPucker": 0.40}, 0.0, 1.0, 1.5, reach_s=ROUNDING_REACH_S),
    "u": Viseme(0.13, {"mouthPucker": 0.72, "mouthFunnel": 0.24}, 0.0, 1.1, 2.2, reach_s=ROUNDING_REACH_S),
}
"""Mouth targets by class. Weights are tuned on the shipped heads, where jawOpen 1 parts the lips by most of the mouth's
width: about 0.4 is a natural "ah"."""

PHONEME_VISEMES: Mapping[str, tuple[str, ...]] = {
    **{p: ("p",) for p in "pb"},
    "m": ("m",),
    **{p: ("f",) for p in "fvɱʋ"},
    **{p: ("th",) for p in "θð"},
    **{p: ("l",) for p in "lɫɭʎ"},
    **{p: ("t",) for p in "tdɾɖʈ"},
    **{p: ("n",) for p in "nɲɳ"},
    **{p: ("k",) for p in "kɡgŋxɣqcɟ"},
    **{p: ("h",) for p in "hɦʔħʕ"},
    **{p: ("s",) for p in "szɬ"},
    **{p: ("sh",) for p in "ʃʒʧʤɕʑʂʐ"},
    **{p: ("r",) for p in "ɹɻrʁʀɚ"},
    **{p: ("w",) for p in "wʍɥ"},
    "j": ("j",),
    **{p: ("i",) for p in "iy"},
    **{p: ("ɪ",) for p in "ɪᵻɨ"},
    **{p: ("e",) for p in "eø"},
    **{p: ("ɛ",) for p in "ɛœ"},
    "æ": ("æ",),
    **{p: ("a",) for p in "aɐ"},
    **{p: ("ɑ",) for p in "ɑɒ"},
    **{p: ("ʌ",) for p in "ʌɤ"},
    **{p: ("ə",) for p in "əᵊɘɵ"},
    **{p: ("ɜ",) for p in "ɜɝ"},
    "ɔ": ("ɔ",),
    "o": ("o",),
    **{p: ("ʊ",) for p in "ʊʉɯ"},
    "u": ("u",),
    # Diphthongs in misaki's letters (American and British), as two targets one after the other.
    "A": ("e", "ɪ"),
    "I": ("a", "ɪ"),
    "O": ("o", "ʊ"),
    "Q": ("ə", "ʊ"),
    "W": ("a", "ʊ"),
    "Y": ("ɔ", "ɪ"),
}
"""The viseme, or two for a diphthong, of every phoneme: misaki's American alphabet and plain IPA letters."""

BILABIALS = frozenset({"p", "b", "m"})
_UNKNOWN = ("ə",)
_NOT_SOUNDS = frozenset("ˈˌːˑ.,;:!?—…-–\"'“”‘’() _^$|‖ʲʰʷˠˤ\u0303\u0329\u032f\u0361")
_DIPHTHONG_SHARE = 0.6
"""Part of a diphthong's time that belongs to its first target."""

_OVERLAP_TOLERANCE_S = 0.03
_END_TOLERANCE_S = 0.25
_GAP_S = 0.03
"""Silence between phonemes that is long enough for the mouth to begin to rest."""
_INSET_S = 0.03
_LOOK_S = 0.7
"""Beyond this distance a dominance is nothing (e ** -6 for the longest reach)."""
_VOWELS = frozenset("ieɪɛæaɑʌəɜɔoʊu")


def columns_of(stem: str) -> list[int]:
    """The places of a weight, or of the left and right one of a pair, in ARKIT_BLENDSHAPES."""
    if stem in BLENDSHAPE_INDEX:
        return [BLENDSHAPE_INDEX[stem]]
    return [BLENDSHAPE_INDEX[stem + side] for side in ("Left", "Right")]


_JAW = BLENDSHAPE_INDEX["jawOpen"]
_TONGUE = BLENDSHAPE_INDEX["tongueOut"]
_ROW = {name: i for i, name in enumerate(VISEMES)}
_LIPS = sorted({column for v in VISEMES.values() for stem in v.lips for column in columns_of(stem)})
_LIP_TARGETS = np.zeros((len(VISEMES), len(_LIPS)))
for _name, _viseme in VISEMES.items():
    for _stem, _weight in _viseme.lips.items():
        _LIP_TARGETS[_ROW[_name], [_LIPS.index(column) for column in columns_of(_stem)]] = _weight
_JAW_TARGETS = np.array([v.jaw for v in VISEMES.values()])
_TONGUE_TARGETS = np.array([v.tongue for v in VISEMES.values()])
_DOMINANCE = np.array([(v.jaw_dominance, v.lip_dominance, v.tongue_dominance) for v in VISEMES.values()])
_LIP_REACH_S = np.array([v.reach_s for v in VISEMES.values()])


@dataclass(frozen=True)
class Articulation:
    """A clause's phonemes as segments in order of time: what `mouth_weights` and `closure` evaluate.

    All arrays have shape (segments,) and times are seconds from the clause's start. `rows` index VISEMES.
    """

    starts_s: Array
    ends_s: Array
    rows: NDArray[np.intp]
    bilabial: NDArray[np.bool_]
    vowel: NDArray[np.bool_]

    @classmethod
    def of(cls, phonemes: Sequence[Phoneme], duration_s: float) -> Articulation:
        """Check the phonemes of a clause of `duration_s` and split them into segments.

        Stress marks and punctuation are no sounds and are skipped; an unknown letter counts as a neutral vowel; a
        symbol of several letters ("eɪ", "tʃ") shares its time among them. Silence, also where no phoneme is given,
        is rest.

        Raises:
            StageError: a time is not finite, an interval runs backwards, intervals overlap by more than 30 ms, or one
                ends more than 0.25 s after the sound. Smaller overlaps, as rounding makes them, are trimmed.
        """
        segments: list[tuple[float, float, str, str]] = []
        previous_end_s = 0.0
        for phoneme in phonemes:
            start_s, end_s = phoneme.start_s, phoneme.end_s
            where = f"phoneme {phoneme.symbol!r} at {start_s} to {end_s} s"
            if not (math.isfinite(start_s) and math.isfinite(end_s)):
                raise StageError(f"{where}: times must be finite; the voice gave wrong phoneme times", retryable=False)
            if end_s < start_s or start_s < previous_end_s - _OVERLAP_TOLERANCE_S:
                raise StageError(f"{where} overlaps or runs backwards; phonemes must be in order", retryable=False)
            if end_s > duration_s + _END_TOLERANCE_S:
                raise StageError(f"{where} ends after the sound ({duration_s:.3f} s); wrong clock?", retryable=False)
            start_s = max(start_s, previous_end_s)
            end_s = max(start_s, end_s)
            previous_end_s = end_s
            segments.extend(_segments_of(phoneme.symbol, start_s, end_s))
        return cls._from(_with_rests(segments, duration_s))

    @classmethod
    def _from(cls, segments: Sequence[tuple[float, float, str, str]]) -> Articulation:
        return cls(
            starts_s=np.array([s[0] for s in segments]),
            ends_s=np.array([s[1] for s in segments]),
            rows=np.array([_ROW[s[2]] for s in segments], dtype=np.intp),
            bilabial=np.array([s[3] in BILABIALS for s in segments], dtype=np.bool_),
            vowel=np.array([s[2] in _VOWELS for s in segments], dtype=np.bool_),
        )

    @property
    def centres_s(self) -> Array:
        return 0.5 * (self.starts_s + self.ends_s)

    @property
    def sounding(self) -> NDArray[np.bool_]:
        """Which segments are no rest."""
        return self.rows != _ROW["rest"]

    @property
    def closures_s(self) -> Array:
        """Centres of every p, b and m."""
        return self.centres_s[self.bilabial]

    def near(self, from_s: float, to_s: float) -> Articulation:
        """The segments that can matter between two moments."""
        a = int(np.searchsorted(self.ends_s, from_s - _LOOK_S, side="left"))
        b = int(np.searchsorted(self.starts_s, to_s + _LOOK_S, side="right"))
        return Articulation(self.starts_s[a:b], self.ends_s[a:b], self.rows[a:b], self.bilabial[a:b], self.vowel[a:b])


def _segments_of(symbol: str, start_s: float, end_s: float) -> list[tuple[float, float, str, str]]:
    """(start, end, viseme, letter) for each target inside one phoneme."""
    if symbol == PAUSE:
        return [(start_s, end_s, "rest", "")]
    parts: list[tuple[float, str, str]] = []
    letters = [letter for letter in symbol if letter not in _NOT_SOUNDS]
    for letter in letters:
        visemes = PHONEME_VISEMES.get(letter, _UNKNOWN)
        shares = (1.0,) if len(visemes) == 1 else (_DIPHTHONG_SHARE, 1.0 - _DIPHTHONG_SHARE)
        parts.extend((share / len(letters), viseme, letter) for share, viseme in zip(shares, visemes, strict=True))
    segments: list[tuple[float, float, str, str]] = []
    at_s = start_s
    for share, viseme, letter in parts:
        segments.append((at_s, at_s + share * (end_s - start_s), viseme, letter))
        at_s = segments[-1][1]
    return segments


def _with_rests(
    segments: Sequence[tuple[float, float, str, str]], duration_s: float
) -> list[tuple[float, float, str, str]]:
    """Fill silent gaps with rest, before the first phoneme and after the last one too."""
    filled: list[tuple[float, float, str, str]] = []
    at_s = -1.0
    for segment in segments:
        if segment[0] - at_s > _GAP_S:
            filled.append((at_s, segment[0], "rest", ""))
        filled.append(segment)
        at_s = segment[1]
    filled.append((at_s, max(at_s, duration_s) + 1.0, "rest", ""))
    return filled


def mouth_weights(articulation: Articulation, times_s: Array) -> Array:
    """Mouth weights, shape (times, 52) in [0, 1], by dominance-weighted means of the targets.

    `times_s` are seconds from the clause's start, ascending. Cost grows with times x segments within reach, so pass an
    hour in pieces (`FRAMES_AT_ONCE` in rapport.avatar.animation).
    """
    out = np.zeros((len(times_s), len(ARKIT_BLENDSHAPES)))
    if len(times_s) == 0:
        return out
    part = articulation.near(float(times_s[0]), float(times_s[-1]))
    # A segment insists fully inside its interval, but for a quarter at each end, at most 30 ms; there the fall begins.
    away_s = times_s[:, None] - part.centres_s[None, :]
    lengths_s = part.ends_s - part.starts_s
    half_core_s = 0.5 * lengths_s - np.minimum(0.25 * lengths_s, _INSET_S)
    distance_s = np.maximum(0.0, np.abs(away_s) - half_core_s)
    near = np.exp(-distance_s / REACH_S)
    ahead = np.exp(-distance_s / _LIP_REACH_S[part.rows])
    dominance = _DOMINANCE[part.rows]
    targets = (_JAW_TARGETS[part.rows, None], _LIP_TARGETS[part.rows], _TONGUE_TARGETS[part.rows, None])
    shapes = (near, np.where(away_s < 0.0, ahead, near), near)
    for k, columns in enumerate(([_JAW], _LIPS, [_TONGUE])):
        weights = shapes[k] * dominance[:, k] + 1e-12
        out[:, columns] = (weights @ targets[k]) / weights.sum(axis=1, keepdims=True)
    return out


def mouth_from_loudness(loud: Array) -> Array:
    """Mouth weights (times, 52) for a voice without phoneme times: the jaw and the lower lip follow the loudness."""
    out = np.zeros((len(loud), len(ARKIT_BLENDSHAPES)))
    opened = np.clip((loud - 0.35) / 0.65, 0.0, 1.0) ** 1.3
    out[:, _JAW] = 0.36 * opened
    out[:, columns_of("mouthLowerDown")] = 0.14 * opened[:, None]
    out[:, columns_of("mouthUpperUp")] = 0.06 * opened[:, None]
    out[:, columns_of("mouthFunnel")] = 0.10 * (opened * (1.0 - opened) * 4.0)[:, None]
    return out
