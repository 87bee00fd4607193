"""The GLB of a head: its names, its shapes, its pictures, its animation, and what is refused."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rapport.avatar.camera import lids_with_gaze
from rapport.avatar.face import ARKIT_BLENDSHAPES, FaceTrack
from rapport.avatar.gltf import glb_of, write_glb
from rapport.avatar.head import Material, head_of
from rapport.persona.card import FaceCard, load_persona, shipped_personas
from rapport.persona.errors import InputError, StorageError

LARGEST_BYTES = 1_500_000
WEB = Path(__file__).parents[2] / "avatar" / "web"
VALIDATE = """
const validator = require("gltf-validator");
const bytes = require("fs").readFileSync(process.argv[1]);
validator.validateBytes(new Uint8Array(bytes)).then(({issues}) => console.log(JSON.stringify(issues)));
"""


def _has_validator() -> bool:
    node = shutil.which("node")
    look = ["-e", "require.resolve('gltf-validator')"]
    return node is not None and subprocess.run([node, *look], cwd=WEB, capture_output=True, check=False).returncode == 0


def _read(glb: bytes) -> tuple[dict[str, Any], bytes]:
    magic, version, length, size = struct.unpack_from("<4sIII", glb)
    assert (magic, version, length) == (b"glTF", 2, len(glb))
    return json.loads(glb[20 : 20 + size]), glb[28 + size :]


def _at(tree: dict[str, Any], blob: bytes, place: dict[str, Any], dtype: str, count: int) -> np.ndarray:
    start = tree["bufferViews"][place["bufferView"]]["byteOffset"] + place.get("byteOffset", 0)
    return np.frombuffer(blob, dtype, count, start)


def _dense(tree: dict[str, Any], blob: bytes, number: int, dtype: str) -> np.ndarray:
    accessor = tree["accessors"][number]
    out = np.zeros((accessor["count"], 3))
    if "sparse" in accessor:
        sparse = accessor["sparse"]
        rows = _at(tree, blob, sparse["indices"], "<u2", sparse["count"])
        out[rows] = _at(tree, blob, sparse["values"], dtype, 3 * sparse["count"]).reshape(-1, 3)
    return out


def _part(tree: dict[str, Any], name: str) -> dict[str, Any]:
    parts = [part for mesh in tree["meshes"] for part in mesh["primitives"]]
    return next(part for part in parts if tree["materials"][part["material"]]["name"] == name)


def test_the_shapes_are_named_and_move_what_the_head_moves() -> None:
    face = load_persona("harbor").face
    tree, blob = _read(glb_of(face))
    assert tree["meshes"][0]["extras"]["targetNames"] == list(ARKIT_BLENDSHAPES)
    head, skin = head_of(face), _part(tree, "skin")
    unit = np.frombuffer(blob, "<f4", 1, tree["bufferViews"][0]["byteOffset"])[
        0
    ]  # the first of the inverse bind matrix
    for name in ("jawOpen", "mouthSmileLeft", "browInnerUp"):
        moves = head.shape(name)[head.materials == Material.SKIN] / 10
        dense = _dense(tree, blob, skin["targets"][ARKIT_BLENDSHAPES.index(name)]["POSITION"], "<i2")
        assert np.abs(dense * unit / 32767 - moves).max() < 3e-5  # metres: 20 micrometres left out, and rounding


def test_vertices_stand_where_the_head_has_them() -> None:
    face = load_persona("spark").face
    tree, blob = _read(glb_of(face))
    head = head_of(face)
    accessor = tree["accessors"][_part(tree, "skin")["attributes"]["POSITION"]]
    view = tree["bufferViews"][accessor["bufferView"]]
    rows = np.frombuffer(blob, "<i2", view["byteLength"] // 2, view["byteOffset"]).reshape(-1, view["byteStride"] // 2)
    matrix = np.frombuffer(blob, "<f4", 16, tree["bufferViews"][0]["byteOffset"]).reshape(4, 4)
    joint = np.c_[rows[:, :3] / 32767, np.ones(len(rows))] @ matrix
    metres = joint[:, :3] + tree["nodes"][0]["translation"]
    assert np.allclose(metres, head.positions[head.materials == Material.SKIN] / 10, atol=2e-5)


def test_brows_and_lips_are_painted() -> None:
    tree, blob = _read(glb_of(load_persona("willow").face))
    material = tree["materials"][_part(tree, "skin")["material"]]
    number = material["pbrMetallicRoughness"]["baseColorTexture"]["index"]
    view = tree["bufferViews"][tree["images"][tree["textures"][number]["source"]]["bufferView"]]
    picture = np.asarray(Image.open(io.BytesIO(blob[view["byteOffset"] :][: view["byteLength"]])).convert("RGB"))
    assert (picture[0] == 255).all() and (picture[:, -1] == 255).all()  # goes on as plain skin around the window
    red = picture[..., 0].astype(int) - picture[..., 1]
    assert red.max() > 50 and picture.min() < 120


def test_a_track_becomes_an_animation() -> None:
    track = FaceTrack.neutral(5, 25)
    weights, pose, gaze = track.weights.copy(), track.head_pose.copy(), track.gaze.copy()
    weights[3, 24], pose[3, 1], gaze[3, 0] = 0.5, 0.4, 0.1
    tree, blob = _read(glb_of(load_persona("spark").face, FaceTrack(weights, pose, gaze, 25)))
    animation = tree["animations"][0]
    outputs = [tree["accessors"][s["output"]] for s in animation["samplers"]]
    shown = _at(tree, blob, outputs[0], "<u2", outputs[0]["count"]).reshape(5, 52) / 65535
    assert np.allclose(shown[3], lids_with_gaze(weights[3], 0.1, 0.0), atol=1e-5)
    bust, head, left, right = (_at(tree, blob, o, "<f4", 20).reshape(5, 4) for o in outputs[1:])
    assert np.allclose(2 * np.arcsin([bust[3, 1], head[3, 1]]), [0.04, 0.36])  # both together turn by the pose
    turned = 2 * np.arcsin([left[3, 1] - left[0, 1], right[3, 1] - right[0, 1]])
    assert np.allclose(turned, 0.1, atol=1e-3)
    assert left[0, 1] < 0 < right[0, 1]  # at rest the eyes meet at the camera


@pytest.mark.parametrize("persona", shipped_personas())
def test_it_is_small_enough_to_send_to_a_page(persona: str) -> None:
    assert len(glb_of(load_persona(persona).face)) <= LARGEST_BYTES


@pytest.mark.parametrize("look", [*shipped_personas(), "bald"])
def test_khronos_validator_has_nothing_to_say(tmp_path: Path, look: str) -> None:
    if not _has_validator():
        pytest.skip("Khronos' validator is not here; run npm install in avatar/web")
    face = FaceCard(hair_style="bald") if look == "bald" else load_persona(look).face
    write_glb(tmp_path / "head.glb", face, FaceTrack.neutral(3, 25))
    told = subprocess.run(
        ["node", "-e", VALIDATE, str(tmp_path / "head.glb")], cwd=WEB, capture_output=True, text=True, check=True
    )
    assert json.loads(told.stdout)["messages"] == []


def test_an_empty_or_endless_track_is_refused() -> None:
    for track in (FaceTrack.neutral(0, 25), FaceTrack.neutral(3601, 1)):
        with pytest.raises(InputError):
            glb_of(load_persona("harbor").face, track)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        write_glb(tmp_path / "no" / "head.glb", load_persona("harbor").face)
