"""A head as binary glTF 2.0 (GLB): 52 named morph targets, a neck and eyes that turn, and a track baked in if wanted.

Any viewer shows it: colours stand at the vertices, and four small pictures add lips and brows, strands, teeth and the
neckline. `_SHADING` at the vertices is baked light, for our own head in the browser (avatar/web). Lengths are metres.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.camera import BUST_FOLLOWS, CAMERA, PIVOT, lids_with_gaze, linear_colour
from rapport.avatar.face import ARKIT_BLENDSHAPES, FaceTrack
from rapport.avatar.gltf_file import GlbFile
from rapport.avatar.gltf_looks import Surface, eye_ball, hair_surface, surface_of
from rapport.avatar.head import Head, Material, head_of, normal_changes
from rapport.persona.card import FaceCard
from rapport.persona.errors import InputError, StorageError

MAX_TRACK_S = 3600.0
_METRES = 0.1
_SMALLEST_MOVE_M, _SMALLEST_TILT = 2e-5, 0.08
"""What a shape moves or tilts by less is left out: 20 micrometres and about five degrees."""

Floats = NDArray[np.floating]


def glb_of(face: FaceCard, track: FaceTrack | None = None, *, fine: bool = False) -> bytes:
    """The person of a card as a GLB; with a track, its animation as the clip "reply".

    Mesh "face" has the 52 targets, named in `extras.targetNames`. Node "head" turns on "bust"; "eyeLeft" and "eyeRight"
    turn on the head and meet at the camera of our pictures. Extension: KHR_mesh_quantization (required).

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
        self._head, self._face, self._file = head, face, GlbFile()
        self._tilts: NDArray[np.float32] = np.clip(normal_changes(head), -1, 1)
        reach = max(np.abs(head.positions).max(), np.abs(head.hair_positions).max(initial=0)) * _METRES
        self._unit = float(np.ceil(100 * reach + 1) / 100)
        """Metres that a coordinate of 1 stands for: skinned vertices are normalized 16-bit integers."""
        inwards = np.arctan2(-head.eyes[:, 0], CAMERA[2] - head.eyes[:, 2])
        self._inwards: tuple[float, float] = (float(inwards[0]), float(inwards[1]))

    def finish(self, track: FaceTrack | None) -> bytes:
        tree = self._file.tree
        pivot = PIVOT * _METRES
        eyes = (self._head.eyes - PIVOT) * _METRES
        tree["scenes"] = [{"nodes": [0, 4, 5]}]
        tree["nodes"] = [
            {"name": "bust", "translation": pivot.tolist(), "children": [1]},
            {"name": "head", "children": [2, 3]},
            *(
                {
                    "name": name, "mesh": 2, "translation": eye.tolist(),
                    "rotation": _quaternions(np.array([[0.0, yaw, 0.0]]))[0].tolist(),
                }
                for name, eye, yaw in zip(("eyeLeft", "eyeRight"), eyes, self._inwards, strict=True)
            ),
            {"name": "face", "mesh": 0, "skin": 0},
            {"name": "body", "mesh": 1, "skin": 0},
        ]  # fmt: skip
        inverse = np.diag([self._unit, self._unit, self._unit, 1])
        inverse[3, :3] = -pivot  # column-major
        tree["skins"] = [
            {"joints": [0, 1], "inverseBindMatrices": self._file.values(np.stack([inverse.ravel()] * 2), "<f4")}
        ]
        moving = (Material.SKIN, Material.MOUTH, Material.TEETH, Material.LASHES, Material.TEAR)
        tree["meshes"] = [
            {
                "name": "face", "primitives": [self._moving(material) for material in moving],
                "weights": [0.0] * len(ARKIT_BLENDSHAPES), "extras": {"targetNames": list(ARKIT_BLENDSHAPES)},
            },
            {"name": "body", "primitives": [self._still(Material.CLOTH), *self._hair()]},
            {"name": "eye", "primitives": [self._eye()]},
        ]  # fmt: skip
        if track is not None:
            self._animate(track)
        return self._file.packed()

    # ----------------------------------------------------------------------------------------------------- parts

    def _still(self, material: Material) -> dict[str, Any]:
        head = self._head
        which = np.flatnonzero(head.materials == material)
        renumbered = np.zeros(len(head.materials), np.uint32)
        renumbered[which] = np.arange(len(which))
        triangles = head.triangles[head.materials[head.triangles[:, 0]] == material]
        surface = surface_of(self._file, head, self._face, material, which)
        return self._primitive(head.positions[which], head.normals[which], renumbered[triangles], surface)

    def _moving(self, material: Material) -> dict[str, Any]:
        head, file = self._head, self._file
        which = np.flatnonzero(head.materials == material)
        part = self._still(material)
        tilts = self._tilts[:, which]
        targets: list[dict[str, int]] = []
        for k, name in enumerate(ARKIT_BLENDSHAPES):
            moves: NDArray[np.float32] = head.shape(name)[which] * _METRES
            moved = np.flatnonzero(np.linalg.norm(moves, axis=1) > _SMALLEST_MOVE_M)
            tilted = np.flatnonzero(np.linalg.norm(tilts[k], axis=1) > _SMALLEST_TILT)
            targets.append(
                {
                    "POSITION": file.sparse(np.multiply(moves, 32767 / self._unit).round(), "<i2", moved),
                    "NORMAL": file.sparse(np.multiply(tilts[k], 127).round(), "<i1", tilted),
                }
            )
        part["targets"] = targets
        return part

    def _hair(self) -> list[dict[str, Any]]:
        head = self._head
        if not len(head.hair_triangles):
            return []
        normals = head.hair_normals.astype(np.float32)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
        surface = hair_surface(self._file, head, self._face)
        return [self._primitive(head.hair_positions, normals, head.hair_triangles, surface)]

    def _eye(self) -> dict[str, Any]:
        iris = linear_colour(self._face.eyes)
        normals, colours, triangles = eye_ball(iris)
        points = normals * float(self._head.eye_radius) * _METRES
        look = Surface("eye", 0.08, colours, both_sides=False, own_colour=iris)
        return {
            "attributes": {
                "POSITION": self._file.vertices(points, "<f4", bounds=True),
                "NORMAL": self._file.vertices(np.round(normals * 127), "<i1", normalized=True),
                "COLOR_0": self._file.vertices(np.round(_rgba(colours) * 65535), "<u2", normalized=True),
            },
            "indices": self._file.indices(triangles, len(normals)),
            "material": self._material(look, [1.0, 1.0, 1.0]),
        }

    # ------------------------------------------------------------------------------------------------- animation

    def _animate(self, track: FaceTrack) -> None:
        file = self._file
        times = file.values((np.arange(len(track)) / track.frame_rate_hz)[:, None], "<f4", bounds=True)
        weights = np.concatenate(
            [lids_with_gaze(track.weights[i], *map(float, track.gaze[i])) for i in range(len(track))]
        )
        # "head" turns on "bust", which follows a little of the same pose about the same point.
        bust = _quaternions(BUST_FOLLOWS * track.head_pose)
        yaw, pitch = track.gaze.astype(np.float64).T
        turns = {
            0: bust,
            1: _product(bust * [-1, -1, -1, 1], _quaternions(track.head_pose)),
            **{2 + k: _quaternions(np.stack([-pitch, yaw + self._inwards[k], 0 * yaw], 1)) for k in (0, 1)},
        }
        outputs = [file.values(np.round(np.clip(weights, 0, 1) * 65535)[:, None], "<u2", normalized=True)]
        outputs += [file.values(turn, "<f4") for turn in turns.values()]
        targets: Sequence[tuple[int, str]] = [(4, "weights"), *((node, "rotation") for node in turns)]
        file.tree["animations"] = [
            {
                "name": "reply",
                "channels": [
                    {"sampler": s, "target": {"node": node, "path": path}} for s, (node, path) in enumerate(targets)
                ],
                "samplers": [{"input": times, "output": output} for output in outputs],
            }
        ]

    # ------------------------------------------------------------------------------------------------- the format

    def _primitive(
        self, positions: Floats, normals: Floats, triangles: NDArray[np.integer], surface: Surface
    ) -> dict[str, Any]:
        file = self._file
        rgba = _rgba(surface.colours)
        # Eight bits are enough for what is left when the brightest of each channel goes into the material.
        brightest = np.maximum(rgba[:, :3].max(0), 1e-6)
        rgba[:, :3] /= brightest
        attributes = {
            "POSITION": file.vertices(
                np.round(positions * _METRES / self._unit * 32767), "<i2", bounds=True, normalized=True
            ),
            "NORMAL": file.vertices(np.round(normals * 127), "<i1", normalized=True),
            "COLOR_0": file.vertices(np.round(rgba * 255), "<u1", normalized=True),
            **self._skinned(positions),
        }
        if surface.uvs is not None:
            small = surface.uvs.min() >= 0 and surface.uvs.max() <= 1
            attributes["TEXCOORD_0"] = (
                file.vertices(np.round(surface.uvs * 65535), "<u2", normalized=True)
                if small
                else file.vertices(surface.uvs, "<f4")
            )
        if surface.shading is not None:
            baked = np.zeros((len(positions), 4))
            baked[:, : surface.shading.shape[1]] = surface.shading
            attributes["_SHADING"] = file.vertices(np.round(baked * 255), "<u1", normalized=True)
        return {
            "attributes": attributes,
            "indices": file.indices(triangles, len(positions)),
            "material": self._material(surface, brightest.tolist()),
        }

    def _skinned(self, positions: Floats) -> dict[str, int]:
        follows = np.clip((positions[:, 1] + 0.33 * (positions[:, 2] + 0.3) + 1.85) / 0.85, 0, 1)
        follows = np.round(255 * follows**2 * (3 - 2 * follows))  # as the shaders' `follow`
        follows = np.clip(follows, 1, 254)[:, None]  # a joint that is named may not weigh nothing
        none = np.zeros_like(follows)
        return {
            "JOINTS_0": self._file.repeated(
                np.array([0, 1, 0, 0]),
                "<u1",
                len(positions),
                most=max(len(self._head.positions), len(self._head.hair_positions)),
            ),
            "WEIGHTS_0": self._file.vertices(
                np.concatenate([255 - follows, follows, none, none], 1), "<u1", normalized=True
            ),
        }

    def _material(self, surface: Surface, colour: list[float]) -> int:
        look: dict[str, Any] = {
            "metallicFactor": 0.0, "roughnessFactor": surface.roughness, "baseColorFactor": [*colour, 1.0],
        }  # fmt: skip
        material: dict[str, Any] = {
            "name": surface.name, "doubleSided": surface.both_sides, "pbrMetallicRoughness": look,
        }  # fmt: skip
        if surface.own_colour is not None:
            material["extras"] = {"colour": surface.own_colour.tolist()}
        if surface.alpha != "OPAQUE":
            material["alphaMode"] = surface.alpha
        if surface.texture is not None:
            texture: dict[str, Any] = {"index": surface.texture}
            look["baseColorTexture"] = texture
            if surface.uv_scale != 1:
                texture["extensions"] = {"KHR_texture_transform": {"scale": [surface.uv_scale, 1]}}
                self._file.tree["extensionsUsed"] = ["KHR_mesh_quantization", "KHR_texture_transform"]
        return self._file.material(material)


def _rgba(colours: Floats) -> NDArray[np.float64]:
    rgba = np.ones((len(colours), 4))
    rgba[:, : colours.shape[1]] = np.clip(colours, 0, 1)
    return rgba


def _product(a: Floats, b: Floats) -> Floats:
    """Of quaternions x, y, z, w: turns by b, then by a."""
    v, w = a[:, :3], a[:, 3:]
    u, x = b[:, :3], b[:, 3:]
    return np.concatenate([w * u + x * v + np.cross(v, u), w * x - (v * u).sum(1, keepdims=True)], 1)


def _quaternions(pose: Floats) -> Floats:
    """Of pitch, yaw and roll (frames, 3), as rapport.avatar.camera.rotation turns: (frames, 4) x, y, z, w."""

    def about(axis: int, angle: Floats) -> Floats:
        out = np.zeros((len(angle), 4))
        out[:, axis], out[:, 3] = np.sin(angle / 2), np.cos(angle / 2)
        return out

    pitch, yaw, roll = np.asarray(pose, np.float64).T
    return _product(about(1, yaw), _product(about(0, pitch), about(2, -roll)))
