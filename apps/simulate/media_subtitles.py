"""Subtitles of a performed session, in time with its sound: as cues, SubRip (.srt) and WebVTT (.vtt).

Cues are the captions of each turn (`rapport.speech.captions`), so never two people are in one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from rapport.apps.simulate.media_cast import Who
from rapport.apps.simulate.media_stage import Performance
from rapport.apps.simulate.records import NOTICE
from rapport.speech.captions import Caption, captions_of

LINGER_S = 0.3
"""A cue stays for so long after its last word, where nobody speaks."""


@dataclass(frozen=True)
class Cue:
    """What is read from `start_s` to `end_s` of the sound, as one or two lines."""

    start_s: float
    end_s: float
    who: Who
    text: str


def cues_of(performance: Performance) -> list[Cue]:
    """Every cue, in order; none overlaps the next."""
    said: list[tuple[Who, Caption]] = [
        (line.who, caption) for line in performance.lines for caption in captions_of(line.clauses)
    ]
    cues: list[Cue] = []
    for i, (who, caption) in enumerate(said):
        next_s = said[i + 1][1].start_s if i + 1 < len(said) else performance.audio.duration_s
        end_s = min(caption.end_s + LINGER_S, max(next_s, caption.end_s))
        cues.append(Cue(caption.start_s, end_s, who, caption.text))
    return cues


def srt(cues: Sequence[Cue]) -> str:
    """As SubRip; a cue in which the speaker changes names them."""
    blocks = [
        f"{i}\n{_time(cue.start_s, ',')} --> {_time(cue.end_s, ',')}\n{_named(cues, i - 1)}{cue.text}\n"
        for i, cue in enumerate(cues, 1)
    ]
    return "\n".join(blocks)


def vtt(cues: Sequence[Cue]) -> str:
    """As WebVTT, whose voice tags name the speaker."""
    blocks = [
        f"{_time(cue.start_s, '.')} --> {_time(cue.end_s, '.')}\n"
        f"<v {cue.who.capitalize()}>{escape(cue.text, quote=False)}\n"
        for cue in cues
    ]
    return "\n".join(["WEBVTT\n", f"NOTE {NOTICE}\n", *blocks])


def _named(cues: Sequence[Cue], i: int) -> str:
    return f"{cues[i].who.capitalize()}: " if i == 0 or cues[i].who != cues[i - 1].who else ""


def _time(seconds: float, point: str) -> str:
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}{point}{ms % 1000:03d}"
