"""The shipped heads: meshes with the 52 ARKit shapes, from npz files without pickles, and what lips do on them."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, fields
from enum import IntEnum
from functools import cache
from importlib import resources
from typing import IO

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX
from rapport.persona.errors import InputError

KEY_LIGHT: NDArray[np.float64] = np.array([-0.42, 0.55, 0.72]) / np.linalg.norm([-0.42, 0.55, 0.72])
"""Unit vector towards the main light: above, in front, on the viewer's left. Its shadows are baked into the heads."""


class Material(IntEnum):
    """What a vertex is made of. Triangles never mix materials."""

    SKIN = 0
    EYE = 1
    TEETH = 2
    MOUTH = 3
    """Gums, palate and tongue."""
    LASHES = 4
    CLOTH = 5


@dataclass(frozen=True)
class Head:
    """A bust in decimetres; x to the face's left, y up, z forward; the origin lies midway between the eyes.

    V vertices, T triangles, S sparse shape entries, H hair vertices. Vertices are split where the texture atlas has
    seams; `weld` numbers the points that they share.
    """

    name: str
    positions: NDArray[np.float32]
    """(V, 3) at rest."""
    uvs: NDArray[np.float32]
    """(V, 2) in the base mesh's atlas; for cloth, v is the height above the neckline."""
    materials: NDArray[np.uint8]
    """(V,) of Material."""
    triangles: NDArray[np.uint16]
    """(T, 3), counter-clockwise from outside."""
    normals: NDArray[np.float16]
    """(V, 3) at rest, unit."""
    weld: NDArray[np.uint32]
    """(V,) equal for vertices at one point of one surface."""
    shading: NDArray[np.uint8]
    """(V, 4): sky seen, key light seen, rosiness, darkness (lid margin, beard); 255 is 1."""
    cover: NDArray[np.uint8]
    """(V,): of skin how far hair covers it; of teeth and mouth how far light reaches in; of lashes opacity."""
    eyes: NDArray[np.float32]
    """(2, 3) centres of the left and the right eye."""
    eye_radius: NDArray[np.float32]
    shape_offsets: NDArray[np.uint32]
    """(53,): shape k, in the order of ARKIT_BLENDSHAPES, owns entries offsets[k] to offsets[k + 1]."""
    shape_vertices: NDArray[np.uint16]
    """(S,) the vertex that an entry moves."""
    shape_deltas: NDArray[np.float16]
    """(S, 3) by how much at weight 1."""
    upper_lip: NDArray[np.uint16]
    """Vertices on the mid-line about the lower edge of the upper lip."""
    lower_lip: NDArray[np.uint16]
    """Vertices on the mid-line about the upper edge of the lower lip."""
    mouth_corners: NDArray[np.uint16]
    """(2,) left, right."""
    paint: NDArray[np.uint8]
    """(n, n, 2): lips and brows over `paint_window`, first row at the lowest v."""
    paint_window: NDArray[np.float32]
    """(4,): u0, v0, u1, v1."""
    cloth: NDArray[np.uint8]
    """(3,) sRGB colour of the shirt."""
    hair_positions: NDArray[np.float32]
    hair_normals: NDArray[np.int8]
    hair_tangents: NDArray[np.int8]
    """(H, 3) from root to tip; 127 is 1."""
    hair_uvs: NDArray[np.float16]
    """(H, 2): across a lock (one lock's values lie apart from another's) and along it from root 0 to tip 1."""
    hair_shading: NDArray[np.uint8]
    """(H, 3): sky seen, key light seen, the lock's own tone."""
    hair_triangles: NDArray[np.uint16]

    def shape(self, name: str) -> NDArray[np.float32]:
        """One shape as dense offsets (V, 3).

        Raises:
            InputError: `name` is no ARKit blend shape.
        """
        if name not in BLENDSHAPE_INDEX:
            raise InputError(f"{name!r} is no ARKit blend shape; see rapport.avatar.face.ARKIT_BLENDSHAPES")
        k = BLENDSHAPE_INDEX[name]
        part = slice(int(self.shape_offsets[k]), int(self.shape_offsets[k + 1]))
        dense = np.zeros_like(self.positions)
        dense[self.shape_vertices[part]] = self.shape_deltas[part]
        return dense

    def vertices_at(self, weights: NDArray[np.float32], which: NDArray[np.integer]) -> NDArray[np.float32]:
        """Positions (frames, n, 3) of the vertices `which` (n,) under weights (frames, 52)."""
        shapes = np.stack([self.shape(name)[which] for name in ARKIT_BLENDSHAPES])
        return self.positions[which] + np.einsum("fk,kvc->fvc", weights, shapes)


def head_names() -> tuple[str, ...]:
    """Names of the heads that ship."""
    folder = resources.files("rapport.avatar") / "heads"
    return tuple(sorted(entry.name[:-4] for entry in folder.iterdir() if entry.name.endswith(".npz")))


@cache
def load_head(name: str) -> Head:
    """A shipped head by name. Its arrays are shared and read-only.

    Raises:
        InputError: no head of that name ships (the message lists the choices), or its file is damaged.
    """
    if name not in head_names():
        raise InputError(f"unknown head {name!r}; choose one of {', '.join(head_names())}")
    with (resources.files("rapport.avatar") / "heads" / f"{name}.npz").open("rb") as file:
        return read_head(name, file)


def read_head(name: str, file: IO[bytes]) -> Head:
    """A head from an open npz file, checked so far that drawing it reads no memory out of bounds.

    Raises:
        InputError: the file is no npz, lacks an array, or its arrays disagree.
    """
    names = [f.name for f in fields(Head) if f.name != "name"]
    try:
        with np.load(file, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in names}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"head {name!r} is damaged ({error}); reinstall rapport-agent") from None
    head = Head(name=name, **arrays)
    vertices, hairs = len(head.positions), len(head.hair_positions)
    shapes = {
        "positions": (vertices, 3), "uvs": (vertices, 2), "materials": (vertices,), "weld": (vertices,),
        "normals": (vertices, 3),
        "shading": (vertices, 4), "cover": (vertices,), "eyes": (2, 3), "eye_radius": (), "paint_window": (4,),
        "mouth_corners": (2,),
        "shape_offsets": (len(ARKIT_BLENDSHAPES) + 1,), "shape_deltas": (len(head.shape_vertices), 3), "cloth": (3,),
        "hair_positions": (hairs, 3), "hair_normals": (hairs, 3), "hair_tangents": (hairs, 3), "hair_uvs": (hairs, 2),
        "hair_shading": (hairs, 3),
    }  # fmt: skip
    wrong = [key for key, shape in shapes.items() if arrays[key].shape != shape]
    in_range = (
        not wrong
        and head.triangles.max(initial=0) < vertices
        and head.shape_vertices.max(initial=0) < vertices
        and all(a.max(initial=0) < vertices for a in (head.upper_lip, head.lower_lip, head.mouth_corners))
        and head.hair_triangles.max(initial=0) < hairs
        and head.shape_offsets[-1] == len(head.shape_vertices)
    )
    if not in_range:
        raise InputError(
            f"head {name!r} is damaged ({', '.join(wrong) or 'indices'} out of shape); reinstall rapport-agent"
        )
    for array in arrays.values():
        array.setflags(write=False)
    return head


def lip_gap(head: Head, weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far the lips are apart at the mid-line in each frame, (frames,), as a part of the mouth's width at rest.

    0 means that they touch: the lower edge of the upper lip is at or below the upper edge of the lower one. `weights`
    are (frames, 52), columns as ARKIT_BLENDSHAPES.
    """
    weights = np.asarray(weights, np.float32)
    upper, lower = (head.vertices_at(weights, which)[..., 1] for which in (head.upper_lip, head.lower_lip))
    left, right = head.positions[head.mouth_corners]
    gap = (upper.min(1) - lower.max(1)) / np.linalg.norm(left - right)
    return np.maximum(gap, 0).astype(np.float32)


def vertex_normals(
    positions: NDArray[np.float32], triangles: NDArray[np.integer], weld: NDArray[np.integer]
) -> NDArray[np.float32]:
    """Unit normals (V, 3), weighted by area, shared between vertices that `weld` gives the same number."""
    a, b, c = (positions[triangles[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    corners = weld[triangles.T.ravel()]
    count = int(weld.max()) + 1
    total = np.stack([np.bincount(corners, np.tile(face[:, i], 3), count) for i in range(3)], 1)[weld]
    return (total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)).astype(np.float32)


def normal_changes(head: Head) -> NDArray[np.float32]:
    """How each shape at weight 1 turns the normals, (52, V, 3)."""
    rest = vertex_normals(head.positions, head.triangles, head.weld)
    tilted = (
        vertex_normals(head.positions + head.shape(name), head.triangles, head.weld) for name in ARKIT_BLENDSHAPES
    )
    return np.stack([normals - rest for normals in tilted])
