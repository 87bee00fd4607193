"""The GLB of a head: its names, its shapes, its animation, and what is refused."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest

from rapport.avatar.face import ARKIT_BLENDSHAPES, FaceTrack
from rapport.avatar.gltf import glb_of
from rapport.avatar.head import Material, head_of
from rapport.persona.card import load_persona
from rapport.persona.errors import InputError


def _read(glb: bytes) -> tuple[dict[str, Any], bytes]:
    magic, version, length, size = struct.unpack_from("<4sIII", glb)
    assert (magic, version, length) == (b"glTF", 2, len(glb))
    return json.loads(glb[20 : 20 + size]), glb[28 + size :]


def _view(tree: dict[str, Any], blob: bytes, number: int, dtype: str) -> np.ndarray:
    view = tree["bufferViews"][number]
    return np.frombuffer(blob[view["byteOffset"] : view["byteOffset"] + view["byteLength"]], dtype)


def test_the_shapes_are_named_and_move_what_the_head_moves() -> None:
    face = load_persona("harbor").face
    tree, blob = _read(glb_of(face))
    mesh = tree["meshes"][0]
    assert mesh["extras"]["targetNames"] == list(ARKIT_BLENDSHAPES)
    head = head_of(face)
    skin = head.shape("jawOpen")[head.materials == Material.SKIN] / 10
    accessor = tree["accessors"][mesh["primitives"][0]["targets"][ARKIT_BLENDSHAPES.index("jawOpen")]["POSITION"]]
    dense = np.zeros_like(skin)
    sparse = accessor["sparse"]
    dense[_view(tree, blob, sparse["indices"]["bufferView"], "<u2")] = _view(
        tree, blob, sparse["values"]["bufferView"], "<f4"
    ).reshape(-1, 3)
    assert np.abs(dense - skin).max() < 2.1e-5  # metres


def test_a_track_becomes_an_animation() -> None:
    track = FaceTrack.neutral(5, 25)
    weights, pose = track.weights.copy(), track.head_pose.copy()
    weights[3, 24], pose[3, 1] = 0.5, 0.4
    tree, blob = _read(glb_of(load_persona("spark").face, FaceTrack(weights, pose, track.gaze, 25)))
    animation = tree["animations"][0]
    outputs = [_view(tree, blob, tree["accessors"][s["output"]]["bufferView"], "<f4") for s in animation["samplers"]]
    assert np.allclose(outputs[0].reshape(5, 52), weights)
    bust, head = (q.reshape(5, 4)[3] for q in outputs[1:3])
    assert np.allclose(2 * np.arcsin([bust[1], head[1]]), [0.04, 0.36])  # both together turn by the pose


def test_an_empty_or_endless_track_is_refused() -> None:
    for track in (FaceTrack.neutral(0, 25), FaceTrack.neutral(3601, 1)):
        with pytest.raises(InputError):
            glb_of(load_persona("harbor").face, track)
