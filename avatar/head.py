"""A persona's head: a mesh with the 52 ARKit shapes, built from the shipped kit, and what lips do on it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX
from rapport.avatar.identity import Kit, hair_kit, person_kit
from rapport.avatar.normals import face_normals, gathered, unit, vertex_normals
from rapport.avatar.surface import above_neckline, hung, moved_by, refined, surface_of
from rapport.persona.card import FaceCard
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
    TEAR = 6
    """The film of tears along a lower lid: clear, bright where it mirrors a lamp."""


@dataclass(frozen=True)
class Head:
    """A bust in decimetres; x to the face's left, y up, z forward; the origin lies midway between the eyes.

    V vertices, T triangles, S sparse shape entries, H hair vertices. Vertices are split where the texture atlas has
    seams; `weld` numbers the points that they share.
    """

    name: str
    """The same for the same person at the same fineness."""
    positions: NDArray[np.float32]
    """(V, 3) at rest."""
    uvs: NDArray[np.float32]
    """(V, 2) in the base mesh's atlas. For cloth, v is the height above the neckline, in decimetres. For teeth, u
    counts them (whole at the gaps; 16 and more is the lower row) and v goes from the gum, 0, to the biting edge, 1, and
    on to the back. For lashes, u goes along the lid (1 and more is the lower lid) and v from root 0 to tip 1. For
    tears, u goes along the lid and v from the lid, 0, to the ball, 1."""
    materials: NDArray[np.uint8]
    """(V,) of Material."""
    triangles: NDArray[np.uint32]
    """(T, 3), counter-clockwise from outside."""
    normals: NDArray[np.float32]
    """(V, 3) at rest, unit."""
    weld: NDArray[np.uint32]
    """(V,) equal for vertices at one point of one surface."""
    shading: NDArray[np.uint8]
    """(V, 4): sky seen, key light seen, rosiness, darkness (lid margin, beard, marks of age); 255 is 1."""
    cover: NDArray[np.uint8]
    """(V,): of skin how far hair covers it; of teeth and mouth how far light reaches in; of lashes opacity."""
    eyes: NDArray[np.float32]
    """(2, 3) centres of the left and the right eye."""
    eye_radius: NDArray[np.float32]
    shape_offsets: NDArray[np.uint32]
    """(53,): shape k, in the order of ARKIT_BLENDSHAPES, owns entries offsets[k] to offsets[k + 1]."""
    shape_vertices: NDArray[np.uint32]
    """(S,) the vertex that an entry moves."""
    shape_deltas: NDArray[np.float32]
    """(S, 3) by how much at weight 1."""
    upper_lip: NDArray[np.uint32]
    """Vertices on the mid-line about the lower edge of the upper lip."""
    lower_lip: NDArray[np.uint32]
    """Vertices on the mid-line about the upper edge of the lower lip."""
    mouth_corners: NDArray[np.uint32]
    """(2,) left, right."""
    paint: NDArray[np.uint8]
    """(n, n, 2): lips and brows over `paint_window`, first row at the lowest v."""
    paint_window: NDArray[np.float32]
    """(4,): u0, v0, u1, v1."""
    hair_positions: NDArray[np.float32]
    hair_normals: NDArray[np.int8]
    hair_tangents: NDArray[np.int8]
    """(H, 3) from root to tip; 127 is 1."""
    hair_uvs: NDArray[np.float16]
    """(H, 2): across a lock (its number and from 0 to 1 across) and along it from root 0 to tip 1."""
    hair_shading: NDArray[np.uint8]
    """(H, 4): sky seen, key light seen, the lock's own tone, how thinly its strands stand (0 is closed)."""
    hair_triangles: NDArray[np.uint32]
    """(N, 3); the outermost locks come first."""

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


def head_of(face: FaceCard, *, fine: bool = False) -> Head:
    """The person of a card, built from the shipped kit; `fine` refines its surface once (Catmull-Clark).

    The last few people are kept. Arrays are shared and read-only; colours are the card's alone and change nothing here.

    Raises:
        InputError: a file of the kit is damaged.
    """
    identity = face.model_dump(exclude={"skin", "eyes", "hair", "cloth"})
    return _built(FaceCard.model_validate(identity).model_dump_json(), fine)


@lru_cache(maxsize=12)
def _built(card: str, fine: bool) -> Head:
    face = FaceCard.model_validate_json(card)
    kit, hair = person_kit(), hair_kit(face.hair_style)
    name = hashlib.sha256(card.encode()).hexdigest()[:12] + ("-fine" if fine else "")
    coarse = surface_of(kit, hair, face)
    surface = refined(coarse, kit) if fine else coarse
    weld, triangles = surface.weld, surface.triangles
    positions, uvs = surface.points[weld], surface.uvs.copy()
    cloth = surface.materials == Material.CLOTH
    uvs[cloth, 1] = above_neckline(kit, surface.points, positions[cloth])
    shapes = surface.shapes[:, weld]
    which, vertices = np.nonzero(moved_by(shapes))
    light = np.round(255 * np.clip(surface.light[weld], 0, 1)).astype(np.uint8)
    vertex = np.zeros(len(surface.points), np.uint32)
    vertex[weld[::-1]] = np.arange(len(weld), dtype=np.uint32)[::-1]
    head = Head(
        name=name,
        positions=positions,
        uvs=uvs,
        materials=surface.materials,
        triangles=triangles.astype(np.uint32),
        normals=vertex_normals(positions, triangles, weld),
        weld=weld.astype(np.uint32),
        shading=light[:, :4].copy(),
        cover=np.where(surface.materials == Material.SKIN, light[:, 4], light[:, 5]),
        eyes=coarse.points[kit.eye_points].mean(1),
        eye_radius=np.array(np.ptp(coarse.points[kit.eye_points[0], 1]) / 2, np.float32),
        shape_offsets=np.searchsorted(which, np.arange(len(shapes) + 1)).astype(np.uint32),
        shape_vertices=vertices.astype(np.uint32),
        shape_deltas=shapes[which, vertices],
        upper_lip=vertex[kit.upper_lip],
        lower_lip=vertex[kit.lower_lip],
        mouth_corners=vertex[kit.mouth_corners],
        paint=_painted(kit, face),
        paint_window=kit.paint_window,
        hair_positions=hung(kit, hair, coarse.points),
        hair_normals=hair.normals,
        hair_tangents=hair.tangents,
        hair_uvs=hair.uvs,
        hair_shading=hair.shading,
        hair_triangles=hair.triangles.astype(np.uint32),
    )
    for array in vars(head).values():
        if isinstance(array, np.ndarray):
            array.setflags(write=False)
    return head


def _painted(kit: Kit, face: FaceCard) -> NDArray[np.uint8]:
    """Lips and brows of a card, (n, n, 2)."""
    thick = np.float32(min(max(0.15 + 0.6 * face.gender + 0.7 * (face.brows - 0.5), 0.0), 1.0))
    dense = np.float32(0.8 + 0.4 * face.brows)
    brows = dense * (kit.paint[..., 1] * (1 - thick) + kit.paint[..., 2] * thick)
    lips = kit.paint[..., 0] * np.float32(1 - 0.4 * face.gender)
    return np.round(np.clip(np.stack([lips, brows], -1), 0, 255)).astype(np.uint8)


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


def normal_changes(head: Head) -> NDArray[np.float32]:
    """How each shape at weight 1 turns the normals, (52, V, 3)."""
    weld, count = head.weld.astype(np.int64), int(head.weld.max()) + 1
    corners = weld[head.triangles]
    flat = face_normals(head.positions[head.triangles])
    total = gathered(corners, flat, count)
    rest = unit(total)
    a, b, c = (np.ascontiguousarray(head.triangles[:, i]) for i in range(3))
    out = np.zeros((len(ARKIT_BLENDSHAPES), len(weld), 3), np.float32)
    for k in range(len(out)):
        part = slice(int(head.shape_offsets[k]), int(head.shape_offsets[k + 1]))
        moved = np.zeros(len(weld), bool)
        moved[head.shape_vertices[part]] = True
        touched = np.flatnonzero(moved[a] | moved[b] | moved[c])
        positions = head.positions.copy()
        positions[head.shape_vertices[part]] += head.shape_deltas[part]
        turned = face_normals(positions[head.triangles[touched]]) - flat[touched]
        near = np.zeros(count, bool)
        near[corners[touched]] = True
        tilted = np.zeros((count, 3), np.float32)
        tilted[near] = unit(total[near] + gathered(corners[touched], turned, count)[near]) - rest[near]
        turned_vertices = np.flatnonzero(near[weld])
        out[k, turned_vertices] = tilted[weld[turned_vertices]]
    return out
