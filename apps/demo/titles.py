"""Words on pictures: a card for what somebody says, and captions below a face."""

from __future__ import annotations

import textwrap
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from rapport.apps.demo.drawing import Picture

PERSON, AGENT, GROUND = (86, 197, 207), (240, 164, 93), (38, 44, 52)
"""The page's colours of the two, and of a stage without a face."""
_WHITE = (245, 246, 247)


def card(still: Picture, words: str, name: str = "You", colour: tuple[int, int, int] = PERSON) -> Picture:
    """Words over the darkened face, as large as they fit; what does not fit at all is cut off."""
    image = Image.fromarray((still * 0.22).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    height, width = still.shape[:2]
    middle = (width / 2, 0.53 * height)
    text, size = _fitted(words or "(no words)", height, width)
    font = ImageFont.load_default(size)
    box = pen.multiline_textbbox(middle, text, font, "mm", 0.3 * size, "center")
    name_font = ImageFont.load_default(max(9, round(0.042 * height)))
    pen.text((width / 2, box[1] - 0.035 * height), name, colour, name_font, "md")
    pen.multiline_text(middle, text, _WHITE, font, "mm", 0.3 * size, "center")
    return np.asarray(image)


def _fitted(words: str, height: int, width: int) -> tuple[str, int]:
    """Words in lines, and the size of their font."""
    size, most, lines = 9, 1, list[str]()
    for share in (0.075, 0.06, 0.048, 0.038, 0.03):
        size = max(9, round(share * height))
        lines = textwrap.wrap(words, max(8, int(0.8 * width / (0.52 * size))))
        most = max(1, int(0.66 * height / (1.5 * size)))
        if len(lines) <= most:
            return "\n".join(lines), size
    return "\n".join(lines[:most]) + "…", size


def captioned(picture: Picture, text: str) -> Picture:
    """Words at the foot of a picture; the picture itself where there are none."""
    if not text:
        return picture
    light, shade = _caption_band(text, picture.shape[0], picture.shape[1])
    out = picture.copy()
    foot = out[len(out) - len(light) :]
    foot[:] = (foot * (1.0 - shade) + light).astype(np.uint8)
    return out


@lru_cache(maxsize=16)
def _caption_band(text: str, height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Of the picture's foot (rows, width): the light that the words add, (…, 3), and how much they cover, (…, 1)."""
    size = max(9, round(0.044 * height))
    font = ImageFont.load_default(size)
    rows = round(size * 1.45 * (text.count("\n") + 1) + 0.07 * height)
    image = Image.new("RGBA", (width, rows), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    middle = (width / 2, rows / 2 - 0.01 * height)
    left, top, right, bottom = pen.multiline_textbbox(middle, text, font, "mm", size * 0.3, "center")
    pad = 0.022 * height
    pen.rounded_rectangle((left - pad, top - pad * 0.8, right + pad, bottom + pad * 0.8), pad, (10, 14, 18, 178))
    pen.multiline_text(middle, text, (*_WHITE, 255), font, "mm", size * 0.3, "center")
    drawn = np.asarray(image).astype(np.float32)
    shade = drawn[..., 3:] / 255.0
    return (drawn[..., :3] * shade).astype(np.float32), shade.astype(np.float32)
