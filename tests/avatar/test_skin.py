"""Light below the skin, and the grain on it."""

from __future__ import annotations

import numpy as np

from rapport.avatar.head import Material, head_of
from rapport.avatar.skin import grain_texture, scattering_table, skin_marks
from rapport.persona.card import FaceCard


def test_flat_skin_is_lit_by_the_cosine_and_curved_skin_redder_past_the_shadows_edge():
    table = (scattering_table()[..., :3] / 255.0) ** 2
    cosines = np.linspace(-1, 1, table.shape[1])
    assert np.allclose(table[0], np.maximum(cosines, 0)[:, None], atol=0.02)
    dark = cosines < -0.05
    assert (table[-1][dark, 0] >= table[-1][dark, 2]).all()
    assert table[-1][dark, 0].max() > 0.03
    assert (np.diff(table[..., 0], axis=1) >= -0.01).all(), "more light never darkens"


def test_no_light_is_made_below_the_skin():
    table = (scattering_table()[..., :3] / 255.0) ** 2
    angles = np.arccos(np.linspace(-1, 1, table.shape[1]))
    around_a_ring = np.abs(np.trapezoid(table, angles, axis=1))
    assert np.allclose(around_a_ring, 1, atol=0.05)


def test_the_grain_is_flat_and_even_on_the_whole_and_repeats_without_a_seam():
    grain = grain_texture().astype(float)
    assert np.allclose(grain[..., [0, 1, 3]].mean((0, 1)), 127.5, atol=2)
    seam = np.abs(grain[0] - grain[-1]).mean()
    assert seam < 1.5 * np.abs(np.diff(grain, axis=0)).mean()


def test_noses_are_oilier_and_more_curved_than_cheeks():
    head = head_of(FaceCard())
    oil, curvature, _ = (skin_marks(head) / 255.0).T
    x, y, z = head.positions.T
    skin = head.materials == Material.SKIN
    tip = skin & (np.abs(x) < 0.1) & (y < 0) & (z > np.quantile(z[skin], 0.995))
    cheek = skin & (np.abs(np.abs(x) - 0.45) < 0.1) & (np.abs(y + 0.5) < 0.1) & (z > -0.6)
    assert oil[tip].mean() > oil[cheek].mean() + 0.3
    assert curvature[tip].mean() > curvature[cheek].mean()
