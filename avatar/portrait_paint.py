"""What a photograph hides: the white without its iris, the iris without its lids, skin without its openings.

What is hidden is filled from what is seen, by the pyramid of means of Burt (1988, moment images): a place without
pixels takes the mean of those around it, at the smallest scale that has any.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from rapport.avatar.face_measures import EYE_WIDTHS_PER_RADIUS
from rapport.avatar.pictures import bilinear
from rapport.avatar.portrait_fit import (
    LEFT_EYE,
    LOWER_INNER_LIP,
    LOWER_OUTER_LIP,
    RIGHT_EYE,
    UPPER_INNER_LIP,
    UPPER_OUTER_LIP,
    inside_polygon,
)
from rapport.avatar.portrait_photo import Cutout

Floats = NDArray[np.float64]

TILE = 128
"""Texels along a side of an eye's patch."""
_TILE_WIDTHS = 1.5
"""Side of a patch in widths of the eye."""
_IRIS_PER_WIDTH = (0.17, 0.25)
"""Radius of an iris, 5.9 mm, by the width of the eye's opening, about 29 mm: what a landmark may say."""


_AROUND_EYES = (
    (RIGHT_EYE, (130, 247, 30, 29, 27, 28, 56, 190, 243, 112, 26, 22, 23, 24, 110, 25)),
    (LEFT_EYE, (463, 414, 286, 258, 257, 259, 260, 467, 359, 255, 339, 254, 253, 252, 256, 341)),
)
"""The opening of each eye, and of each of its points the next one outwards: the fold, and the skin below."""
_LID_REACH, _LASH_REACH, _CORNER_REACH = 1.5, 0.8, 2.5
"""How far the upper lid, lashes below the lower one, and shade at the corners reach from the opening to those."""
_LIP_RIM = 0.03
"""Of the mouth's width: teeth and shadow that lie so near to a lip are not the lip's skin."""
_SOFT = 0.12
"""Of the width of what is painted: how softly it ends."""
_DARK = 0.45
"""Skin around an eye that is darker than so much of the median is lashes, brow or glasses."""


@dataclass(frozen=True, eq=False)
class Eye:
    middle: Floats
    """(2,) of the patches, in pixels of the picture."""
    side: float
    """Of the patches, in pixels."""
    iris: Floats
    """(2,) its middle in pixels."""
    ball_radius: float
    """Pixels."""
    white: NDArray[np.uint8]
    """(TILE, TILE, 4), without the iris; alpha 255 where the photograph shows the eye itself."""
    disc: NDArray[np.uint8]
    """(TILE, TILE, 4), the iris alone, its middle in the patch's; alpha is its edge."""
    colour: Floats
    """(3,) of the white at its brightest, as seen in this light."""


def eyes_of(cutout: Cutout) -> tuple[Eye, Eye]:
    """The right and the left eye."""
    return _eye(cutout, RIGHT_EYE, cutout.irises[0]), _eye(cutout, LEFT_EYE, cutout.irises[1])


def _eye(cutout: Cutout, outline: tuple[int, ...], iris: Floats) -> Eye:
    opening = cutout.landmarks[list(outline), :2]
    width = float(np.ptp(opening[:, 0]))
    side = _TILE_WIDTHS * width
    middle = (opening.min(0) + opening.max(0)) / 2
    centre = iris[0, :2]
    least, most = _IRIS_PER_WIDTH
    measured = float(np.linalg.norm(iris[1:, :2] - centre, axis=1).mean())
    radius = min(max(measured, least * width), most * width)
    axis = ((np.arange(TILE) + 0.5) / TILE - 0.5) * side
    offsets = np.stack(np.meshgrid(axis, axis), -1)

    def taken(about: Floats) -> tuple[Floats, Floats, Floats]:
        """Colours, distances inside the opening and from the iris's middle, of a patch."""
        at = about + offsets
        fine = (at * 2).astype(np.float32)
        rgb = bilinear(cutout.texels, fine[..., 0], fine[..., 1]).astype(np.float64)
        inside = inside_polygon(at.reshape(-1, 2), opening).reshape(TILE, TILE)
        return rgb, inside, np.linalg.norm(at - centre, axis=-1)

    edge = 0.03 * width
    rgb, inside, from_iris = taken(middle)
    seen = (inside > edge) & (from_iris > 1.12 * radius)
    colour = _white_of(rgb[seen], rgb)
    white = filled(rgb, seen, colour)
    white[seen] = rgb[seen]
    opened = np.clip(inside / edge + 0.5, 0, 1)
    rgb, inside, from_iris = taken(centre)
    on_iris = (inside > edge) & (from_iris < 1.05 * radius)
    disc = rgb.copy()
    # What a lid hides of the iris is like what is seen straight below, or beside.
    for mirrored in (np.s_[::-1, :], np.s_[:, ::-1], np.s_[::-1, ::-1]):
        more = ~on_iris & on_iris[mirrored] & (from_iris < 1.05 * radius)
        disc[more] = disc[mirrored][more]
        on_iris = on_iris | more
    if on_iris.any():
        disc = np.where(on_iris[..., None], disc, filled(disc, on_iris, disc[on_iris].mean(0)))
    alpha = np.clip((radius - from_iris) / (0.14 * radius) + 0.5, 0, 1)
    return Eye(
        middle, side, centre, width / EYE_WIDTHS_PER_RADIUS,
        _rgba(white, opened), _rgba(disc, alpha), colour,
    )  # fmt: skip


def bare_skin(cutout: Cutout) -> NDArray[np.uint8]:
    """The photograph as if lips and lids had no openings, (2 size, 2 size, 4); alpha is where it is so painted.

    Lids that close and lips that part are stretched; what they are stretched of must be skin alone.
    """
    bare = np.dstack([cutout.texels, np.zeros(cutout.texels.shape[:2], np.uint8)])
    p = cutout.landmarks[:, :2]
    mouth = p[[*UPPER_INNER_LIP, *LOWER_INNER_LIP[-2:0:-1]]]
    lips = 2 * p[[*UPPER_OUTER_LIP, *LOWER_OUTER_LIP[::-1]]]
    _paint(bare, 2 * mouth, 2 * _LIP_RIM * float(np.ptp(mouth[:, 0])), skin=lips)
    for opening, around in _AROUND_EYES:
        half = len(opening) // 2
        reach = np.where(np.arange(len(opening)) < half, _LID_REACH, _LASH_REACH)
        reach[[0, half]] = _CORNER_REACH
        outline = p[list(opening)] + reach[:, None] * (p[list(around)] - p[list(opening)])
        _paint(bare, 2 * outline, 0.0, dark=_DARK)
    return bare


def _paint(
    bare: NDArray[np.uint8], outline: Floats, rim: float, *, skin: Floats | None = None, dark: float = 0.0
) -> None:
    """Fill an outline (m, 2), in texels, and `rim` beyond it, from around it; where given, from inside of `skin`."""
    low, high = outline.min(0) - rim, outline.max(0) + rim
    side = 1 << int(np.ceil(np.log2(1.35 * float((high - low).max()) + 8)))
    columns: NDArray[np.int64] = round(float(low[0] + high[0] - side) / 2) + np.arange(side)
    rows: NDArray[np.int64] = round(float(low[1] + high[1] - side) / 2) + np.arange(side)
    edge = len(bare) - 1
    rgb = bare[np.clip(rows, 0, edge)[:, None], np.clip(columns, 0, edge)[None], :3].astype(np.float64)
    at = np.stack(np.meshgrid(columns + 0.5, rows + 0.5), -1).reshape(-1, 2)
    inside = inside_polygon(at, outline).reshape(side, side) + rim
    soft = max(2.0, (_SOFT if skin is None else _SOFT / 4) * float(high[0] - low[0]))
    known = inside <= 0
    if skin is not None:
        known &= inside_polygon(at, skin).reshape(side, side) > 0
    light = rgb.sum(-1)
    near = known & (inside > -6 * soft)
    if near.any():
        lit = known & (light >= dark * np.median(light[near]))
        known = lit if lit.any() else known
    fill = filled(rgb, known, rgb.reshape(-1, 3).mean(0))
    # Grain that is stretched becomes streaks.
    smooth = Image.fromarray(np.round(np.clip(fill, 0, 255)).astype(np.uint8)).filter(
        ImageFilter.GaussianBlur(soft / 2)
    )
    alpha = np.clip(inside / soft + 1, 0, 1)
    own_rows, own_columns = (np.flatnonzero((line >= 0) & (line <= edge)) for line in (rows, columns))
    part, place = np.ix_(own_rows, own_columns), np.ix_(rows[own_rows], columns[own_columns])
    bare[place] = np.where(
        (alpha > 0)[part][..., None],
        np.dstack([np.asarray(smooth, np.uint8), np.round(255 * alpha)])[part],
        bare[place],
    )


def _white_of(seen: Floats, around: Floats) -> Floats:
    """The colour of the white: the mean of its brighter half, or a light grey in the patch's own tint."""
    if len(seen) < 12:
        return np.clip(around.reshape(-1, 3).mean(0) * 1.25, 0, 235)
    brightness = seen.sum(1)
    return seen[brightness >= np.median(brightness)].mean(0)


def filled(values: Floats, known: NDArray[np.bool_], otherwise: Floats) -> Floats:
    """Values (h, w, c) smooth everywhere, h and w being powers of two, from those that are known (h, w)."""
    weight = known.astype(np.float64)[..., None]
    if not known.any():
        return np.broadcast_to(otherwise, values.shape).copy()
    levels = [(values * weight, weight)]
    while len(levels[-1][1]) > 1:
        total, count = (a.reshape(len(a) // 2, 2, len(a) // 2, 2, -1).sum((1, 3)) for a in levels[-1])
        levels.append((total, count))
    total, count = levels[-1]
    out = total / count
    for total, count in reversed(levels[:-1]):
        coarse = _doubled(out)
        share = np.clip(count, 0, 1)
        out = coarse + (total / np.maximum(count, 1e-9) - coarse) * share
    return out


def _doubled(values: Floats) -> Floats:
    """Twice as fine, bilinear."""
    for axis in (0, 1):
        last = values.shape[axis] - 1
        steps: NDArray[np.int64] = np.arange(last + 1, dtype=np.int64)
        before: Floats = np.take(values, np.maximum(steps - 1, 0), axis)
        after: Floats = np.take(values, np.minimum(steps + 1, last), axis)
        pair = np.stack([0.25 * before + 0.75 * values, 0.75 * values + 0.25 * after], axis + 1)
        shape = list(values.shape)
        shape[axis] *= 2
        values = pair.reshape(shape)
    return values


def _rgba(rgb: Floats, alpha: Floats) -> NDArray[np.uint8]:
    return np.round(np.clip(np.dstack([rgb, 255 * alpha]), 0, 255)).astype(np.uint8)
