"""Identities: whatever the age, gender, ancestry and sliders, lips close, lids close, teeth part, hair stays on."""

from __future__ import annotations

import io
from dataclasses import fields
from importlib import resources

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX
from rapport.avatar.head import Head, Material, head_of, lip_gap
from rapport.avatar.identity import (
    MACROS,
    HairKit,
    Kit,
    hair_kit,
    macro_weights,
    mixed,
    person_kit,
    read_hair,
    read_kit,
)  # fmt: skip
from rapport.persona.card import FACE_SLIDERS, Ancestry, FaceCard
from rapport.persona.errors import InputError

TOUCHING = 0.005
"""Of the mouth's width: a quarter of a millimetre."""


@st.composite
def faces(draw: st.DrawFn) -> FaceCard:
    parts = [draw(st.floats(0, 1)) for _ in range(3)]
    ancestry = Ancestry(african=parts[0], asian=parts[1], european=parts[2] + 0.01)
    names = draw(st.sets(st.sampled_from(FACE_SLIDERS), max_size=6))
    shape = {name: draw(st.floats(-1, 1)) for name in sorted(names)}
    return FaceCard(
        age=draw(st.floats(18, 80)),
        gender=draw(st.floats(0, 1)),
        ancestry=ancestry,
        shape=shape,
        hair_style=draw(st.sampled_from(["long", "bob", "short", "bald"])),
    )


EXTREMES = [
    FaceCard(age=age, gender=gender, ancestry=Ancestry(**{ancestry: 1.0}), shape=dict.fromkeys(FACE_SLIDERS, slider))
    for age in (20, 80)
    for gender, slider in ((0.0, 1.0), (1.0, -1.0), (1.0, 0.0))
    for ancestry in ("african", "asian", "european")
]


def weights(**values: float) -> np.ndarray:
    row = np.zeros((1, len(ARKIT_BLENDSHAPES)), np.float32)
    for name, value in values.items():
        row[0, BLENDSHAPE_INDEX[name]] = value
    return row


def vertices_of(head: Head, points: np.ndarray) -> np.ndarray:
    vertex = np.zeros(int(head.weld.max()) + 1, np.int64)
    vertex[head.weld] = np.arange(len(head.weld))
    return vertex[points]


def check_expressions(head: Head) -> None:
    sealed = [weights()] + [weights(jawOpen=a, mouthClose=a) for a in (0.1, 0.25, 0.5)]
    assert lip_gap(head, np.concatenate(sealed)).max() <= TOUCHING
    assert lip_gap(head, weights(jawOpen=1))[0] > 0.3
    for side, (upper, lower) in zip(("Left", "Right"), person_kit().lids, strict=True):
        lids = vertices_of(head, np.concatenate([upper, lower]))
        shut = head.vertices_at(weights(**{f"eyeBlink{side}": 1.0}), lids)[0, :, 1]
        assert (shut[:4] - shut[4:]).max() <= 0.002, "a blink closes the lids"
        rest = head.positions[lids, 1]
        assert (rest[:4] - rest[4:]).max() > 0.02, "the eyes are open at rest"
    edge = (head.materials == Material.TEETH) & (head.uvs[:, 1] == 1) & (np.abs(head.positions[:, 0]) < 0.15)
    opened = head.positions[:, 1] + head.shape("jawOpen")[:, 1]
    assert opened[edge & (head.uvs[:, 0] < 16)].min() - opened[edge & (head.uvs[:, 0] > 16)].max() > 0.15


@settings(max_examples=25, deadline=None, derandomize=True)
@given(faces())
def test_lips_and_lids_close_on_anybody(face: FaceCard):
    check_expressions(head_of(face))


@pytest.mark.parametrize("face", EXTREMES)
@pytest.mark.parametrize("fine", [False, True])
def test_lips_and_lids_close_on_the_young_and_the_old_with_every_slider_at_its_end(face: FaceCard, fine: bool):
    check_expressions(head_of(face, fine=fine))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(faces())
def test_macro_weights_are_a_mixture(face: FaceCard):
    weights = macro_weights(face)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1, abs=1e-5)


def test_macro_weights_follow_age_and_gender():
    young = dict(zip(MACROS, macro_weights(FaceCard(age=18, gender=1, ancestry=Ancestry(asian=2))), strict=True))
    assert young["male", "young", "asian"] == 1
    old = dict(zip(MACROS, macro_weights(FaceCard(age=80, gender=0, ancestry=Ancestry(african=9))), strict=True))
    assert old["female", "old", "african"] == pytest.approx(55 / 65)


@pytest.mark.parametrize("slider", FACE_SLIDERS)
def test_both_ends_of_a_slider_change_the_face_in_opposite_ways(slider: str):
    kit = person_kit()
    rest, up, down = (mixed(kit, FaceCard(shape={slider: value})) for value in (0.0, 1.0, -1.0))
    more, less = up - rest, down - rest
    assert np.linalg.norm(more, axis=1).max() > 0.01
    assert np.linalg.norm(less, axis=1).max() > 0.01
    assert (more * less).sum() < 0


def test_sliders_do_what_they_are_called():
    kit = person_kit()

    def of(**shape: float) -> np.ndarray:
        return mixed(kit, FaceCard(shape=shape))

    def mouth(points: np.ndarray) -> float:
        return float(np.ptp(points[kit.mouth_corners, 0]))

    def spacing(points: np.ndarray) -> float:
        return float(np.ptp(points[kit.eye_points].mean(1)[:, 0]))

    assert mouth(of(mouth_width=1)) > mouth(of()) + 0.02 > mouth(of(mouth_width=-1)) + 0.04
    assert spacing(of(eye_spacing=1)) > spacing(of()) > spacing(of(eye_spacing=-1))
    head = kit.handles[kit.handles_at[:, 1] > 0]
    assert np.ptp(of(face_width=1)[head, 0]) > np.ptp(of(face_width=-1)[head, 0]) + 0.1


# ----------------------------------------------------------------------------------------------------------------- hair


def scalp(head: Head) -> tuple[np.ndarray, np.ndarray]:
    """Points and normals of the skin, without the ears and what lies about them."""
    x, y, z = np.abs(head.positions[:, 0]), head.positions[:, 1], head.positions[:, 2]
    about_ears = (x > 0.6) & (z > -1.1) & (z < -0.3) & (y < 0.35)
    chosen = (head.materials == Material.SKIN) & (y > -0.3) & ~about_ears
    return head.positions[chosen], head.normals[chosen]


def heights(head: Head) -> tuple[np.ndarray, np.ndarray]:
    """How high hair lies above the scalp: at the roots, and farther along while it still lies on the skull."""
    p, n = scalp(head)
    hair = head.hair_positions
    distance = np.linalg.norm(hair[:, None] - p[None], axis=2)
    near = np.argsort(distance, axis=1)[:, :6]
    share = 1 / (np.take_along_axis(distance, near, 1) ** 2 + 0.01)
    height = (((hair[:, None] - p[near]) * n[near]).sum(-1) * share).sum(1) / share.sum(1)
    along = head.hair_uvs[:, 1].astype(np.float32)
    on_skull = (hair[:, 1] > 0.3) & (distance.min(1) < 0.3)
    return height[on_skull & (along == 0)], height[on_skull & (along > 0.2)]


@pytest.mark.parametrize("style", ["long", "bob", "short"])
@pytest.mark.parametrize("face", [*EXTREMES[::4], FaceCard()])
def test_hair_is_rooted_in_the_scalp_and_lies_above_it_on_every_skull(face: FaceCard, style: str):
    roots, along = heights(head_of(face.model_copy(update={"hair_style": style})))
    assert len(roots) > 50
    assert np.abs(roots).max() < 0.14, "no root floats above the skin or drowns in it"
    assert (along > -0.03).mean() > 0.9
    assert 0.03 < np.median(along) < 0.15


def test_hair_moves_with_the_skull():
    wide, narrow = (head_of(FaceCard(shape={"face_width": v}, hair_style="bob")).hair_positions for v in (1.0, -1.0))
    assert np.ptp(wide[:, 0]) > np.ptp(narrow[:, 0]) + 0.05


# ---------------------------------------------------------------------------------------------------------------- files


def as_file(kind: type[Kit] | type[HairKit], kit: Kit | HairKit, **changes: object) -> io.BytesIO:
    arrays = {f.name: getattr(kit, f.name) for f in fields(kind)} | changes
    buffer = io.BytesIO()
    np.savez(buffer, **{name: array for name, array in arrays.items() if array is not None})  # type: ignore[arg-type]
    buffer.seek(0)
    return buffer


def test_a_damaged_kit_is_refused_in_one_line():
    kit = person_kit()
    beyond = np.array(kit.quads)
    beyond[0, 0] = len(kit.uvs)
    damaged = [
        io.BytesIO(b"not an archive"),
        as_file(Kit, kit, paint=None),
        as_file(Kit, kit, base=kit.base[:, :2]),
        as_file(Kit, kit, quads=beyond),
        as_file(Kit, kit, slider_points=kit.slider_points[:-1]),
        as_file(Kit, kit, weld=np.array([object()])),
    ]
    for file in damaged:
        with pytest.raises(InputError, match=r"person\.npz' is damaged") as error:
            read_kit(file)
        assert "\n" not in str(error.value)


def test_a_damaged_cut_is_refused_in_one_line():
    kit, hair = person_kit(), hair_kit("bob")
    beyond = np.array(hair.bind)
    beyond[0, 0] = len(kit.handles)
    for file in (
        io.BytesIO(b""),
        as_file(HairKit, hair, light=hair.light[:-1]),
        as_file(HairKit, hair, bind=beyond),
        as_file(HairKit, hair, triangles=np.full((1, 3), len(hair.positions), np.uint16)),
    ):
        with pytest.raises(InputError, match=r"hair_bob\.npz' is damaged") as error:
            read_hair(file, "bob", kit)
        assert "\n" not in str(error.value)


def test_shipped_files_are_small():
    folder = resources.files("rapport.avatar") / "heads"
    assert sum(len(entry.read_bytes()) for entry in folder.iterdir()) <= 8_000_000
