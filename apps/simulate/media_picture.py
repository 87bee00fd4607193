"""One picture of a performed session: two faces side by side, names, the words that are being said, and the notice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from rapport.apps.simulate.media_cast import PEOPLE, Who
from rapport.apps.simulate.media_stage import FRAME_RATE_HZ, Performance
from rapport.apps.simulate.media_subtitles import Cue
from rapport.apps.simulate.records import NOTICE

Picture = NDArray[np.uint8]

COLOURS: Mapping[Who, tuple[int, int, int]] = {"therapist": (86, 180, 233), "client": (240, 140, 60)}
"""Of the two, as in the report, brighter on dark ground (Okabe & Ito 2008)."""
_PAPER, _WORDS, _QUIET = (24, 26, 30), (240, 240, 238), (150, 154, 160)


def band_height(size: int) -> int:
    """Pixels below faces of `size` x `size`: three tenths of them, even as H.264 needs it."""
    return max(48, 2 * round(0.15 * size))


class Screen:
    """Lays out pictures of one session."""

    def __init__(self, performance: Performance, cues: Sequence[Cue]) -> None:
        self._lines = [(line.start_s, line.end_s, line.who) for line in performance.lines]
        self._cues = cues

    def picture(self, frame: int, therapist: Picture, client: Picture) -> Picture:
        """Frame number `frame`: (size + band, 2 size, 3)."""
        size = len(therapist)
        at_s = (frame + 0.5) / FRAME_RATE_HZ
        cue = next((cue for cue in self._cues if cue.start_s <= at_s < cue.end_s), None)
        speaks = next((who for start_s, end_s, who in self._lines if start_s <= at_s < end_s), None)
        whole = np.empty((size + band_height(size), 2 * size, 3), np.uint8)
        whole[:size, :size], whole[:size, size:] = therapist, client
        whole[:size, size - 1 : size + 1] = _PAPER
        whole[size:] = _band(size, speaks, cue.text if cue else "")
        return whole


@lru_cache(maxsize=8)
def _band(size: int, speaks: Who | None, text: str) -> Picture:
    """Names with a bar under the one who speaks, words in the middle, the notice at the foot."""
    height = band_height(size)
    image = Image.new("RGB", (2 * size, height), _PAPER)
    pen = ImageDraw.Draw(image)
    name_font, word_font, small_font = (_font(size, share) for share in (0.042, 0.062, 0.026))
    bar = max(2, size // 128)
    for i, who in enumerate(PEOPLE):
        lit = who == speaks
        if lit:
            pen.rectangle((i * size, 0, (i + 1) * size - 1, bar - 1), COLOURS[who])
        x = size // 32 if i == 0 else 2 * size - size // 32
        pen.text((x, bar + size // 64), who.capitalize(), COLOURS[who] if lit else _QUIET, name_font, ("la", "ra")[i])
    if text:
        pen.multiline_text((size, round(0.46 * height)), text, _WORDS, word_font, "mm", size * 0.02, "center")
    pen.text((size, height - size // 80), NOTICE, _QUIET, small_font, "md")
    return np.asarray(image)


@lru_cache(maxsize=8)
def _font(size: int, share: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(max(7, round(share * size)))
