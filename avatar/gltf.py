"""A head as binary glTF 2.0 (GLB): 52 named morph targets, a neck and eyes that turn, and a track baked in if wanted.

Everything is coloured per vertex, so that the file needs no pictures and any viewer shows it: skin, lips, brows, eyes,
teeth and hair in the persona's colours. Lengths are metres. Shapes are stored sparsely.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.camera import lids_with_gaze, linear_colour
from rapport.avatar.face import ARKIT_BLENDSHAPES, FaceTrack
from rapport.avatar.head import Head, Material, head_of, normal_changes
from rapport.persona.card import FaceCard
from rapport.persona.errors import InputError, StorageError

MAX_TRACK_S = 3600.0
PIVOT = np.array([0.0, -1.05, -0.72])
BUST_FOLLOWS = 0.1
"""As the renderer turns a head: about this point, in decimetres, with the bust following by this part."""
_METRES = 0.1
_FLOAT, _BYTE, _USHORT, _UINT = 5126, 5121, 5123, 5125
_TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
_VERTICES, _INDICES = 34962, 34963
_SMALLEST_MOVE_M, _SMALLEST_TILT = 2e-5, 0.08
"""What a shape moves or tilts by less is left out: 20 micrometres and about five degrees."""
_IRIS, _PUPIL = 0.43, 0.17
"""Radii in radii of the ball, as the shaders have them."""
_LOOKS = {  # roughness, alpha, both sides
    Material.SKIN: (0.55, False, False),
    Material.MOUTH: (0.35, False, True),
    Material.TEETH: (0.25, False, True),
    Material.LASHES: (0.9, True, True),
}


def glb_of(face: FaceCard, track: FaceTrack | None = None, *, fine: bool = False) -> bytes:
    """The person of a card as a GLB; with a track, its animation as the clip "reply".

    Mesh "face" has the 52 targets, named in `extras.targetNames`. Node "head" turns on "bust"; "eyeLeft" and "eyeRight"
    turn on the head.

    Raises:
        InputError: an empty track, or one of more than an hour.
    """
    if track is not None and not len(track):
        raise InputError("the track has no frames; there is nothing to animate")
    if track is not None and track.duration_s > MAX_TRACK_S:
        raise InputError(f"a track of {track.duration_s:.0f} s is too long; an hour is the most")
    return _Writer(head_of(face, fine=fine), face).finish(track)


def write_glb(path: Path, face: FaceCard, track: FaceTrack | None = None, *, fine: bool = False) -> None:
    """Write `glb_of` to a file. Raises as it does, and StorageError when the file cannot be written."""
    data = glb_of(face, track, fine=fine)
    try:
        path.write_bytes(data)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written ({error.strerror}); choose another place") from None


class _Writer:
    def __init__(self, head: Head, face: FaceCard) -> None:
        self._head, self._face = head, face
        self._blob = bytearray()
        self._json: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": "Rapport"},
            "scene": 0, "scenes": [{"nodes": [0, 4, 5]}], "nodes": [], "meshes": [], "materials": [], "skins": [],
            "accessors": [], "bufferViews": [], "buffers": [],
        }  # fmt: skip

    def finish(self, track: FaceTrack | None) -> bytes:
        pivot = PIVOT * _METRES
        eyes = (self._head.eyes - PIVOT) * _METRES
        # At rest both eyes meet at the viewer, as in the pictures that the renderer draws.
        self._json["nodes"] = [
            {"name": "bust", "translation": pivot.tolist(), "children": [1]},
            {"name": "head", "children": [2, 3]},
            *(
                {"name": name, "mesh": 2, "translation": eye.tolist()}
                for name, eye in zip(("eyeLeft", "eyeRight"), eyes, strict=True)
            ),
            {"name": "face", "mesh": 0, "skin": 0},
            {"name": "body", "mesh": 1, "skin": 0},
        ]
        inverse = np.eye(4, dtype=np.float32)
        inverse[3, :3] = -pivot  # column-major
        self._json["skins"] = [
            {"joints": [0, 1], "inverseBindMatrices": self._accessor(np.stack([inverse.ravel()] * 2), _FLOAT)}
        ]
        moving = [self._face_part(material) for material in _LOOKS]
        self._json["meshes"] = [
            {
                "name": "face", "primitives": moving, "weights": [0.0] * len(ARKIT_BLENDSHAPES),
                "extras": {"targetNames": list(ARKIT_BLENDSHAPES)},
            },
            {"name": "body", "primitives": [self._cloth(), *self._hair()]},
            {"name": "eye", "primitives": [self._eye()]},
        ]  # fmt: skip
        if track is not None:
            self._animate(track)
        return self._packed()

    # ----------------------------------------------------------------------------------------------------- parts

    def _face_part(self, material: Material) -> dict[str, Any]:
        head = self._head
        which = np.flatnonzero(head.materials == material)
        renumbered = np.zeros(len(head.materials), np.uint32)
        renumbered[which] = np.arange(len(which))
        triangles = head.triangles[head.materials[head.triangles[:, 0]] == material]
        roughness, alpha, both = _LOOKS[material]
        part = self._primitive(
            head.positions[which], head.normals[which], self._colours(material)[which], renumbered[triangles],
            self._material(material.name.lower(), roughness, alpha=alpha, both=both),
        )  # fmt: skip
        tilts = normal_changes(head)[:, which]
        part["targets"] = [
            {
                "POSITION": self._sparse(head.shape(name)[which] * _METRES, _SMALLEST_MOVE_M),
                "NORMAL": self._sparse(tilts[k], _SMALLEST_TILT),
            }
            for k, name in enumerate(ARKIT_BLENDSHAPES)
        ]
        return part

    def _colours(self, material: Material) -> NDArray[np.float64]:
        """(V, 3 or 4) linear, by the rules of the shaders."""
        head = self._head
        sky, _, rosy, dark = (head.shading / 255.0).T[:, :, None]
        cover = head.cover[:, None] / 255.0
        if material is Material.TEETH:
            return np.array([0.78, 0.72, 0.62]) * (0.35 + 0.65 * cover)
        if material is Material.MOUTH:
            return np.array([0.36, 0.10, 0.10]) * (0.25 + 0.75 * cover)
        if material is Material.LASHES:
            return np.concatenate([np.full((len(cover), 3), 0.008), cover], 1)
        hair = linear_colour(self._face.hair)
        skin = linear_colour(self._face.skin) * (1 + rosy * (np.array([1.06, 0.80, 0.77]) - 1))
        skin = skin * (1 + dark * (np.array([0.46, 0.43, 0.45]) - 1))
        skin = skin + cover * (hair * 0.4 - skin)
        lips, brows = self._painted()
        skin = skin * (1 + lips * (np.array([0.86, 0.47, 0.48]) - 1))
        return (skin + brows * (hair * 0.45 + 0.004 - skin)) * (0.55 + 0.45 * sky)

    def _painted(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lips and brows at each vertex, both (V, 1) in [0, 1]."""
        u0, v0, u1, v1 = self._head.paint_window
        at = (self._head.uvs - [u0, v0]) / [u1 - u0, v1 - v0]
        inside = (self._head.materials == Material.SKIN) & ((at >= 0) & (at < 1)).all(1)
        n = len(self._head.paint)
        column, row = (np.clip(at, 0, 0.9999) * n).astype(int).T
        values = np.where(inside[:, None], self._head.paint[row, column] / 255.0, 0.0)
        return values[:, :1], values[:, 1:]

    def _cloth(self) -> dict[str, Any]:
        head = self._head
        which = np.flatnonzero(head.materials == Material.CLOTH)
        renumbered = np.zeros(len(head.materials), np.uint32)
        renumbered[which] = np.arange(len(which))
        triangles = head.triangles[head.materials[head.triangles[:, 0]] == Material.CLOTH]
        colours = linear_colour(self._face.cloth) * (0.5 + 0.5 * head.shading[which, :1] / 255.0)
        return self._primitive(
            head.positions[which], head.normals[which], colours, renumbered[triangles],
            self._material("cloth", 0.9, both=True),
        )  # fmt: skip

    def _hair(self) -> list[dict[str, Any]]:
        head = self._head
        if not len(head.hair_triangles):
            return []
        sky, tone = head.hair_shading[:, :1] / 255.0, head.hair_shading[:, 2:3] / 255.0
        colours = linear_colour(self._face.hair) * (0.35 + 0.65 * sky) * (0.7 + 0.6 * tone)
        normals = head.hair_normals.astype(np.float32)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
        return [
            self._primitive(
                head.hair_positions, normals, colours, head.hair_triangles, self._material("hair", 0.55, both=True)
            )
        ]

    def _eye(self, around: int = 32) -> dict[str, Any]:
        """A ball about the origin that looks along z: rings of pupil, iris and white."""
        radius = float(self._head.eye_radius)
        iris = linear_colour(self._face.eyes)
        white, red = np.array([0.60, 0.575, 0.56]), np.array([0.50, 0.36, 0.33])
        rings = [
            (0.0, 0 * iris + 0.004), (_PUPIL, 0 * iris + 0.004), (_PUPIL + 0.02, iris * 1.3), (0.30, iris),
            (_IRIS - 0.06, iris * 0.8), (_IRIS - 0.01, iris * 0.25), (_IRIS + 0.03, white * 0.85), (0.6, white),
            (0.85, (white + red) / 2), (1.0, red), (0.7, red), (0.0, red),
        ]  # fmt: skip
        sines = np.array([r for r, _ in rings])
        cosines = np.sqrt(1 - sines**2) * np.where(np.arange(len(rings)) < 9, 1, -1)
        angle = 2 * np.pi * np.arange(around) / around
        normals = np.stack(
            [np.outer(sines, np.cos(angle)), np.outer(sines, np.sin(angle)), np.repeat(cosines[:, None], around, 1)], -1
        ).reshape(-1, 3)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        colours = np.repeat(np.clip([c for _, c in rings], 0, 1), around, 0)
        ring, i = (a.ravel() for a in np.mgrid[: len(rings) - 1, :around])
        a, b = ring * around + i, ring * around + (i + 1) % around
        c, d = a + around, b + around
        triangles = np.concatenate([np.stack([a, c, d], 1), np.stack([a, d, b], 1)])
        points = normals[triangles] * radius
        flat = np.linalg.norm(np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]), axis=1) < 1e-9
        material = self._material("eye", 0.08)
        return self._primitive(
            normals * radius, normals, colours, triangles[~flat].astype(np.uint32), material, skinned=False
        )

    # ------------------------------------------------------------------------------------------------- animation

    def _animate(self, track: FaceTrack) -> None:
        times = self._accessor((np.arange(len(track)) / track.frame_rate_hz).astype(np.float32)[:, None], _FLOAT)
        weights = [lids_with_gaze(track.weights[i], *map(float, track.gaze[i])) for i in range(len(track))]
        outputs = {(4, "weights"): np.concatenate(weights)[:, None]}
        # "head" turns on "bust", which follows a little of the same pose about the same point.
        bust = _quaternions(BUST_FOLLOWS * track.head_pose)
        outputs[0, "rotation"] = bust
        outputs[1, "rotation"] = _product(bust * [-1, -1, -1, 1], _quaternions(track.head_pose))
        yaw, pitch = track.gaze.T
        eye = _quaternions(np.stack([-pitch, yaw, 0 * yaw], 1))
        outputs[2, "rotation"] = outputs[3, "rotation"] = eye
        channels = [{"sampler": s, "target": {"node": n, "path": path}} for s, (n, path) in enumerate(outputs)]
        samplers = [
            {"input": times, "output": self._accessor(np.asarray(v, np.float32), _FLOAT)} for v in outputs.values()
        ]
        self._json["animations"] = [{"name": "reply", "channels": channels, "samplers": samplers}]

    # ------------------------------------------------------------------------------------------------- the format

    def _material(self, name: str, roughness: float, *, alpha: bool = False, both: bool = False) -> int:
        material: dict[str, Any] = {
            "name": name,
            "doubleSided": both,
            "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": roughness},
        }
        if alpha:
            material["alphaMode"] = "BLEND"
        self._json["materials"].append(material)
        return len(self._json["materials"]) - 1

    def _primitive(
        self,
        positions: NDArray[np.floating],
        normals: NDArray[np.floating],
        colours: NDArray[np.floating],
        triangles: NDArray[np.uint32],
        material: int,
        *,
        skinned: bool = True,
    ) -> dict[str, Any]:
        rgba = np.ones((len(colours), 4))
        rgba[:, : colours.shape[1]] = np.clip(colours, 0, 1)
        indices, kind = (triangles, _UINT) if len(positions) > 65_535 else (triangles.astype(np.uint16), _USHORT)
        attributes = {
            "POSITION": self._accessor(positions * _METRES, _FLOAT, _VERTICES, bounds=True),
            "NORMAL": self._accessor(normals, _FLOAT, _VERTICES),
            "COLOR_0": self._accessor(np.round(rgba * 65535), _USHORT, _VERTICES, normalized=True),
        }
        if skinned:
            follows = np.clip((positions[:, 1] + 0.33 * (positions[:, 2] + 0.3) + 1.85) / 0.85, 0, 1)
            follows = np.round(255 * follows**2 * (3 - 2 * follows)).astype(np.uint8)  # as the shaders' `follow`
            none = np.zeros_like(follows)
            joints = np.stack(
                [np.where(follows < 255, 0, 1), np.where((follows > 0) & (follows < 255), 1, 0), none, none], 1
            )
            weights = np.stack(
                [np.where(follows < 255, 255 - follows, 255), np.where(follows < 255, follows, 0), none, none], 1
            )
            attributes["JOINTS_0"] = self._accessor(joints, _BYTE, _VERTICES)
            attributes["WEIGHTS_0"] = self._accessor(weights, _BYTE, _VERTICES, normalized=True)
        return {
            "attributes": attributes,
            "indices": self._accessor(indices.reshape(-1, 1), kind, _INDICES),
            "material": material,
        }

    def _view(self, data: bytes, target: int | None = None) -> int:
        self._blob += b"\0" * (-len(self._blob) % 4)
        view: dict[str, Any] = {"buffer": 0, "byteOffset": len(self._blob), "byteLength": len(data)}
        if target is not None:
            view["target"] = target
        self._blob += data
        self._json["bufferViews"].append(view)
        return len(self._json["bufferViews"]) - 1

    def _accessor(
        self,
        values: NDArray[Any],
        kind: int,
        target: int | None = None,
        *,
        bounds: bool = False,
        normalized: bool = False,
    ) -> int:
        array = values.astype({_FLOAT: "<f4", _BYTE: "<u1", _USHORT: "<u2", _UINT: "<u4"}[kind])
        accessor: dict[str, Any] = {
            "bufferView": self._view(array.tobytes(), target),
            "componentType": kind, "count": len(array), "type": _TYPES[array.shape[1]],
        }  # fmt: skip
        if bounds or (kind == _FLOAT and array.shape[1] == 1):
            accessor |= {"min": array.min(0).tolist(), "max": array.max(0).tolist()}
        if normalized:
            accessor["normalized"] = True
        self._json["accessors"].append(accessor)
        return len(self._json["accessors"]) - 1

    def _sparse(self, deltas: NDArray[np.floating], smallest: float) -> int:
        """Changes (V, 3), of which only what is not nearly nothing is stored."""
        moved = np.flatnonzero(np.linalg.norm(deltas, axis=1) > smallest)
        kept = deltas[moved].astype("<f4")
        rest = np.zeros((1, 3), "<f4") if len(moved) < len(deltas) else kept[:1]
        every = np.concatenate([kept, rest])
        accessor: dict[str, Any] = {
            "componentType": _FLOAT, "count": len(deltas), "type": "VEC3",
            "min": every.min(0).tolist(), "max": every.max(0).tolist(),
        }  # fmt: skip
        if len(moved):
            kind, dtype = (_UINT, "<u4") if len(deltas) > 65_535 else (_USHORT, "<u2")
            accessor["sparse"] = {
                "count": len(moved),
                "indices": {"bufferView": self._view(moved.astype(dtype).tobytes()), "componentType": kind},
                "values": {"bufferView": self._view(kept.tobytes())},
            }
        self._json["accessors"].append(accessor)
        return len(self._json["accessors"]) - 1

    def _packed(self) -> bytes:
        self._blob += b"\0" * (-len(self._blob) % 4)
        self._json["buffers"] = [{"byteLength": len(self._blob)}]
        text = json.dumps(self._json, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        chunks = (
            struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(self._blob), b"BIN\0") + self._blob
        )
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def _product(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.floating]:
    """Of quaternions x, y, z, w: turns by b, then by a."""
    v, w = a[:, :3], a[:, 3:]
    u, x = b[:, :3], b[:, 3:]
    return np.concatenate([w * u + x * v + np.cross(v, u), w * x - (v * u).sum(1, keepdims=True)], 1)


def _quaternions(pose: NDArray[np.floating]) -> NDArray[np.floating]:
    """Of pitch, yaw and roll (frames, 3), as rapport.avatar.camera.rotation turns: (frames, 4) x, y, z, w."""

    def about(axis: int, angle: NDArray[np.floating]) -> NDArray[np.floating]:
        out = np.zeros((len(angle), 4))
        out[:, axis], out[:, 3] = np.sin(angle / 2), np.cos(angle / 2)
        return out

    pitch, yaw, roll = np.asarray(pose, np.float64).T
    return _product(about(1, yaw), _product(about(0, pitch), about(2, -roll)))
