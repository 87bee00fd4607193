"""A persona's head: complete, closed-lipped at rest, the same at both finenesses, and quick to build."""

from __future__ import annotations

import numpy as np
import pytest

from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX
from rapport.avatar.head import Head, Material, head_of, lip_gap, normal_changes
from rapport.avatar.normals import vertex_normals
from rapport.persona.card import FaceCard, load_persona, shipped_personas
from rapport.persona.errors import InputError

PERSONAS = shipped_personas()


def weights(**values: float) -> np.ndarray:
    row = np.zeros((1, len(ARKIT_BLENDSHAPES)), np.float32)
    for name, value in values.items():
        row[0, BLENDSHAPE_INDEX[name]] = value
    return row


@pytest.fixture(params=[(name, fine) for name in PERSONAS for fine in (False, True)], ids=lambda p: f"{p[0]}-{p[1]}")
def head(request: pytest.FixtureRequest) -> Head:
    name, fine = request.param
    return head_of(load_persona(name).face, fine=fine)


def test_the_personas_are_three_people():
    heads = [head_of(load_persona(name).face) for name in PERSONAS]
    assert len({head.name for head in heads}) == len(PERSONAS) >= 3
    faces = [head.positions[(head.materials == Material.SKIN) & (head.positions[:, 2] > 0)] for head in heads]
    for i, one in enumerate(faces):
        for other in faces[i + 1 :]:
            assert abs(np.ptp(one, axis=0) - np.ptp(other, axis=0)).max() > 0.02
    assert len({len(head.hair_triangles) for head in heads}) == len(PERSONAS), "each has their own cut"


def test_every_shape_moves_something_and_every_part_is_there(head: Head):
    for shape in ARKIT_BLENDSHAPES:
        assert np.abs(head.shape(shape)).max() > 0.01, shape
    assert set(head.materials) == set(Material)
    assert 2000 < len(head.hair_triangles) <= 14_000
    assert head.paint[..., 0].max() > 120, "lips"
    assert head.paint[..., 1].max() > 150, "brows"
    assert np.allclose(np.linalg.norm(head.normals, axis=1), 1, atol=1e-3)
    assert (np.bincount(head.triangles.ravel(), minlength=len(head.positions)) > 0).all()
    mixed = head.materials[head.triangles]
    assert (mixed == mixed[:, :1]).all(), "triangles never mix materials"


def test_left_shapes_move_the_faces_left(head: Head):
    for shape in ("eyeBlink", "mouthSmile", "browDown"):
        moved = np.abs(head.shape(shape + "Left")).sum(1)
        assert np.average(head.positions[:, 0], weights=moved) > 0.05
    left, right = head.eyes
    assert left[0] > 0.2 > -0.2 > right[0]


def test_lips_touch_at_rest_part_with_the_jaw_and_meet_again(head: Head):
    assert lip_gap(head, weights())[0] == 0
    open_jaw = lip_gap(head, np.concatenate([weights(jawOpen=a) for a in (0.2, 0.5, 1.0)]))
    assert open_jaw[0] > 0.05
    assert (np.diff(open_jaw) > 0.05).all()
    assert lip_gap(head, weights(jawOpen=0.2, mouthClose=0.2))[0] < 0.4 * open_jaw[0]


def test_teeth_are_two_rows_of_sixteen_with_the_upper_before_the_lower(head: Head):
    edge = (head.materials == Material.TEETH) & (head.uvs[:, 1] == 1)
    upper, lower = (edge & (head.uvs[:, 0] < 16)), (edge & (head.uvs[:, 0] > 16))
    assert {*np.floor(head.uvs[edge, 0] - 0.01).astype(int)} - {-1} == set(range(32))
    middle = np.abs(head.positions[:, 0]) < 0.1
    assert head.positions[upper & middle, 2].mean() > head.positions[lower & middle, 2].mean()
    opened = head.positions + head.shape("jawOpen")
    assert opened[upper & middle, 1].min() - opened[lower & middle, 1].max() > 0.2
    assert np.abs(head.shape("jawOpen")[upper]).max() < 0.01, "the upper row belongs to the skull"


def test_tears_lie_between_the_lower_lid_and_the_ball(head: Head):
    tears = np.nonzero(head.materials == Material.TEAR)[0]
    for eye, side in zip(head.eyes, (1, -1), strict=True):
        own = head.positions[tears[side * head.positions[tears, 0] > 0]] - eye
        assert (np.abs(np.linalg.norm(own, axis=1) - head.eye_radius) < 0.05).all()
        assert own[:, 1].mean() < 0
    moved = np.abs(head.shape("eyeBlinkLeft"))[tears].max()
    assert moved > 0.01, "they follow the lid"


def test_surfaces_face_outwards(head: Head):
    front = head.positions[:, 2] > head.eyes[:, 2].mean()
    for material in (Material.SKIN, Material.TEAR):
        chosen = (head.materials == material) & front & (np.abs(head.positions[:, 0]) < 0.45)
        assert head.normals[chosen & (head.positions[:, 1] > -0.4), 2].mean() > 0.1, material


def test_refining_keeps_the_person():
    face = load_persona("harbor").face
    coarse, fine = head_of(face), head_of(face, fine=True)
    assert len(coarse.positions) < 9000
    assert 20_000 < len(fine.positions) < 36_000
    assert len(fine.triangles) == 4 * len(coarse.triangles)
    assert np.allclose(fine.eyes, coarse.eyes, atol=0.01)
    assert fine.eye_radius == coarse.eye_radius
    first = fine.positions[: len(coarse.positions)]
    skin = (coarse.materials == Material.SKIN) & (coarse.positions[:, 1] > -1)
    assert np.linalg.norm((first - coarse.positions)[skin], axis=1).mean() < 0.02
    ball = fine.materials == Material.EYE
    radius = np.min([np.linalg.norm(fine.positions[ball] - eye, axis=1) for eye in fine.eyes], 0)
    assert np.ptp(radius) < 0.02


def test_vertices_at_one_point_stay_together(head: Head):
    order = np.argsort(head.weld, kind="stable")
    same = np.diff(head.weld[order].astype(np.int64)) == 0
    for shape in ("jawOpen", "mouthSmileLeft"):
        moved = (head.positions + head.shape(shape))[order]
        assert np.abs(np.diff(moved, axis=0)[same]).max() < 1e-6


def test_colours_change_nothing_about_the_shape():
    face = load_persona("spark").face
    assert head_of(face) is head_of(face.model_copy(update={"skin": "#ffffff", "hair": "#ff0000"}))


def test_unknown_shape_is_refused():
    with pytest.raises(InputError, match="no ARKit blend shape"):
        head_of(FaceCard()).shape("earWiggle")


def test_built_arrays_are_shared_and_read_only():
    head = head_of(FaceCard())
    assert head_of(FaceCard()) is head
    for array in vars(head).values():
        assert not isinstance(array, np.ndarray) or not array.flags.writeable


def test_normals_turn_only_about_what_moves():
    head = head_of(load_persona("spark").face)
    changes = normal_changes(head)
    turned = np.abs(changes[BLENDSHAPE_INDEX["eyeBlinkLeft"]]).max(1)
    assert turned.max() > 0.2
    left, right = (turned[side * head.positions[:, 0] > 0.2].mean() for side in (1, -1))
    assert right < 0.05 * left
    k = BLENDSHAPE_INDEX["jawOpen"]
    opened = vertex_normals(head.positions + head.shape("jawOpen"), head.triangles, head.weld)
    assert np.allclose(head.normals + changes[k], opened, atol=1e-4)


def test_normals_of_a_flat_square_point_out_of_it():
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    normals = vertex_normals(square, np.array([[0, 1, 2], [0, 2, 3]]), np.arange(4))
    assert np.allclose(normals, [0, 0, 1])


def test_a_bald_head_still_has_something_to_draw():
    head = head_of(FaceCard(hair_style="bald"))
    assert len(head.hair_triangles) == 1
    assert np.ptp(head.hair_positions, axis=0).max() == 0
    assert head.cover[head.materials == Material.SKIN].max() == 0
