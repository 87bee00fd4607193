"""Who a face is: MakeHuman's people mixed by age, gender and ancestry, and local sliders on top, at run time.

The mixing is MakeHuman's: a weight for every corner of gender x age x ancestry, the product of how near the person is
to it; `young` stands for 25 years and `old` for 90. A slider adds one of its two targets. Afterwards the lips are
brought together and the blink is fitted to the opening of the lids, which identities change.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX
from rapport.persona.card import FACE_SLIDERS, FaceCard
from rapport.persona.errors import InputError

Floats = NDArray[np.float32]
Index = NDArray[np.uint16]
T = TypeVar("T")

GENDERS, AGES, ANCESTRIES = ("female", "male"), ("young", "old"), ("african", "asian", "european")
MACROS: tuple[tuple[str, str, str], ...] = tuple((g, a, n) for g in GENDERS for a in AGES for n in ANCESTRIES)
"""The twelve people that everybody is mixed from."""

_YOUNG, _OLD = 25.0, 90.0
_LIPS_OVERLAP = 0.008
"""How far the lips press into each other at rest, in decimetres."""
_LIDS_OVERLAP = 0.008


@dataclass(frozen=True)
class Kit:
    """What every person is made from: V vertices on P points of the body and C of the shirt, joined by Q quads.

    Decimetres; x to the face's left, y up, z forward.
    """

    base: Floats
    """(P, 3) the base mesh."""
    macros: NDArray[np.int16]
    """(12, P, 3) offsets to the people of MACROS, in units of `macro_units`."""
    macro_units: Floats
    """(12,) decimetres."""
    slider_offsets: NDArray[np.uint32]
    """Target k owns entries offsets[k] to offsets[k + 1]: FACE_SLIDERS, 1 before -1, and last the asymmetry of all."""
    slider_points: Index
    slider_deltas: NDArray[np.float16]
    shape_offsets: NDArray[np.uint32]
    """(53,): shape k, in the order of ARKIT_BLENDSHAPES, owns entries offsets[k] to offsets[k + 1]."""
    shape_points: Index
    shape_deltas: NDArray[np.float16]
    uvs: Floats
    """(V, 2)."""
    materials: NDArray[np.uint8]
    """(V,) of rapport.avatar.head.Material."""
    weld: Index
    """(V,) the point where a vertex is."""
    quads: Index
    """(Q, 4) vertices."""
    cloth_points: Index
    """(C,) the point of the skin below each of the shirt's."""
    eye_points: Index
    """(2, 72) of the left and the right eyeball."""
    lids: Index
    """(2, 2, 4): of each eye the margins of the upper and the lower lid, one over the other."""
    upper_lip: Index
    lower_lip: Index
    mouth_corners: Index
    neck_points: Index
    """About the base of the neck."""
    neck_at: Floats
    """(3,) the middle of those on the mean person."""
    neck_size: Floats
    """(2,) their width and depth on the mean person."""
    handles: Index
    """(K,) points that hair hangs on."""
    handles_at: Floats
    """(K, 3) those on the mean person."""
    skin: NDArray[np.uint8]
    """(P, 4): rosiness, darkness of the lids, where a beard grows, where age shows."""
    reach: NDArray[np.uint8]
    """(P,): of teeth and mouth how far light reaches in; of lashes how opaque they are."""
    paint: NDArray[np.uint8]
    """(n, n, 3): lips, thin brows, thick brows over `paint_window`."""
    paint_window: Floats
    """(4,): u0, v0, u1, v1."""


@dataclass(frozen=True)
class HairKit:
    """A cut: H hair vertices as they lie on the mean person, the handles they hang on, and the light below them."""

    positions: Floats
    normals: NDArray[np.int8]
    tangents: NDArray[np.int8]
    uvs: NDArray[np.float16]
    shading: NDArray[np.uint8]
    triangles: Index
    bind: NDArray[np.uint8]
    """(H, 4) handles."""
    bind_weights: NDArray[np.uint8]
    """(H, 4), 255 in sum."""
    light: NDArray[np.uint8]
    """(P + C, 3): sky seen, key light seen, how far hair covers the skin."""


@cache
def person_kit() -> Kit:
    """The shipped kit.

    Raises:
        InputError: its file is damaged.
    """
    with (resources.files("rapport.avatar") / "heads" / "person.npz").open("rb") as file:
        return read_kit(file)


@cache
def hair_kit(style: str) -> HairKit:
    """A shipped cut.

    Raises:
        InputError: its file is damaged.
    """
    with (resources.files("rapport.avatar") / "heads" / f"hair_{style}.npz").open("rb") as file:
        return read_hair(file, style, person_kit())


def _read(kind: type[T], file: IO[bytes], name: str) -> T:
    names = [f.name for f in fields(kind)]  # type: ignore[arg-type]
    try:
        with np.load(file, allow_pickle=False) as archive:
            arrays: dict[str, NDArray[Any]] = {key: archive[key] for key in names}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"the head's file {name!r} is damaged ({error}); reinstall rapport-agent") from None
    for array in arrays.values():
        array.setflags(write=False)
    return kind(**arrays)


def _check(name: str, shapes: Mapping[str, tuple[NDArray[Any], tuple[int, ...]]], in_range: Mapping[str, bool]) -> None:
    wrong = [key for key, (array, shape) in shapes.items() if array.shape != shape]
    wrong = wrong or [key for key, good in in_range.items() if not good]
    if wrong:
        raise InputError(
            f"the head's file {name!r} is damaged ({', '.join(wrong)} out of shape); reinstall rapport-agent"
        )


def _below(index: NDArray[np.integer], count: int) -> bool:
    return bool(index.max(initial=0) < count)


def read_kit(file: IO[bytes]) -> Kit:
    """A kit from an open npz file, checked so far that using it reads nothing out of bounds.

    Raises:
        InputError: the file is no npz, lacks an array, or its arrays disagree.
    """
    name = "person.npz"
    kit = _read(Kit, file, name)
    points, vertices, targets = len(kit.base), len(kit.uvs), 2 * len(FACE_SLIDERS) + 1
    _check(
        name,
        {
            "base": (kit.base, (points, 3)), "macros": (kit.macros, (len(MACROS), points, 3)),
            "macro_units": (kit.macro_units, (len(MACROS),)), "slider_offsets": (kit.slider_offsets, (targets + 1,)),
            "slider_deltas": (kit.slider_deltas, (len(kit.slider_points), 3)),
            "shape_offsets": (kit.shape_offsets, (len(ARKIT_BLENDSHAPES) + 1,)),
            "shape_deltas": (kit.shape_deltas, (len(kit.shape_points), 3)), "uvs": (kit.uvs, (vertices, 2)),
            "materials": (kit.materials, (vertices,)), "weld": (kit.weld, (vertices,)),
            "quads": (kit.quads, (len(kit.quads), 4)), "eye_points": (kit.eye_points, (2, 72)),
            "lids": (kit.lids, (2, 2, 4)), "mouth_corners": (kit.mouth_corners, (2,)),
            "neck_at": (kit.neck_at, (3,)), "neck_size": (kit.neck_size, (2,)),
            "handles_at": (kit.handles_at, (len(kit.handles), 3)), "skin": (kit.skin, (points, 4)),
            "reach": (kit.reach, (points,)), "paint": (kit.paint, (*kit.paint.shape[:2], 3)),
            "paint_window": (kit.paint_window, (4,)),
        },
        {
            "slider_points": _below(kit.slider_points, points) and kit.slider_offsets[-1] == len(kit.slider_points),
            "shape_points": _below(kit.shape_points, points) and kit.shape_offsets[-1] == len(kit.shape_points),
            "weld": _below(kit.weld, points + len(kit.cloth_points)), "quads": _below(kit.quads, vertices),
            **{
                key: _below(getattr(kit, key), points)
                for key in ("cloth_points", "eye_points", "lids", "upper_lip", "lower_lip", "mouth_corners",
                            "neck_points", "handles")
            },
        },
    )  # fmt: skip
    return kit


def read_hair(file: IO[bytes], style: str, kit: Kit) -> HairKit:
    """A cut from an open npz file, checked like `read_kit`."""
    name = f"hair_{style}.npz"
    hair = _read(HairKit, file, name)
    count = len(hair.positions)
    _check(
        name,
        {
            "positions": (hair.positions, (count, 3)), "normals": (hair.normals, (count, 3)),
            "tangents": (hair.tangents, (count, 3)), "uvs": (hair.uvs, (count, 2)),
            "shading": (hair.shading, (count, 4)),
            "triangles": (hair.triangles, (len(hair.triangles), 3)), "bind": (hair.bind, (count, 4)),
            "bind_weights": (hair.bind_weights, (count, 4)),
            "light": (hair.light, (len(kit.base) + len(kit.cloth_points), 3)),
        },
        {"triangles": _below(hair.triangles, count) or not count, "bind": _below(hair.bind, len(kit.handles))},
    )  # fmt: skip
    return hair


def macro_weights(face: FaceCard) -> Floats:
    """How much of each of MACROS a person is, (12,), 1 in sum."""
    old = min(max((face.age - _YOUNG) / (_OLD - _YOUNG), 0.0), 1.0)
    parts = [getattr(face.ancestry, name) for name in ANCESTRIES]
    ancestry = {name: part / sum(parts) for name, part in zip(ANCESTRIES, parts, strict=True)}
    gender, age = {"female": 1 - face.gender, "male": face.gender}, {"young": 1 - old, "old": old}
    return np.array([gender[g] * age[a] * ancestry[n] for g, a, n in MACROS], np.float32)


def mixed(kit: Kit, face: FaceCard) -> Floats:
    """Points of a person, (P, 3), as the targets leave them; the origin lies midway between the eyes."""
    points = kit.base + np.tensordot(macro_weights(face) * kit.macro_units, kit.macros.astype(np.float32), 1)
    weights = {2 * len(FACE_SLIDERS): 1.0}
    for name, value in face.shape.items():
        weights[2 * FACE_SLIDERS.index(name) + (value < 0)] = abs(value)
    for k, weight in weights.items():
        part = slice(int(kit.slider_offsets[k]), int(kit.slider_offsets[k + 1]))
        points[kit.slider_points[part]] += np.float32(weight) * kit.slider_deltas[part]
    return (points - points[kit.eye_points.ravel()].mean(0)).astype(np.float32)


def shapes_of(kit: Kit) -> Floats:
    """The 52 shapes as the kit has them, dense: (52, P, 3)."""
    out = np.zeros((len(ARKIT_BLENDSHAPES), len(kit.base), 3), np.float32)
    which = np.repeat(np.arange(len(out)), np.diff(kit.shape_offsets.astype(np.int64)))
    out[which, kit.shape_points] = kit.shape_deltas
    return out


def fit_blinks(kit: Kit, points: Floats, shapes: Floats) -> None:
    """Scales the two blinks in `shapes`, in place, until the lids of this person meet."""
    for side, (upper, lower) in zip(("Left", "Right"), kit.lids, strict=True):
        blink = shapes[BLENDSHAPE_INDEX[f"eyeBlink{side}"]]
        opening = points[upper, 1] - points[lower, 1] + _LIDS_OVERLAP
        closing = blink[lower, 1] - blink[upper, 1]
        blink *= np.clip((opening / closing).max(), 0.5, 2.5)


def closed_lips(points: Floats, jaw: Floats, upper: NDArray[np.integer], lower: NDArray[np.integer]) -> Floats:
    """Points (n, 3) with the jaw shut, along the shape `jaw` (n, 3), by what the identity left open at the mid-line."""
    opening = jaw[upper, 1].mean() - jaw[lower, 1].mean()
    gap = points[upper, 1].min() - points[lower, 1].max()
    return points - ((gap + _LIPS_OVERLAP) / opening * jaw).astype(np.float32)
