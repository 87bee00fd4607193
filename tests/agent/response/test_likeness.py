"""Whether the answer to one turn fits another: what is measured, and what was learned from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rapport.agent.response.likeness import LikenessModel, cosines, shipped_model
from rapport.memory.embedding import MiniLMEmbedder
from rapport.persona.errors import ComponentError


def test_the_nearer_way_comes_first() -> None:
    turn, away = np.eye(4, dtype=np.float32)[:2]
    (found,) = cosines(turn, np.stack([away, turn, 0.6 * turn + 0.8 * away])[None])
    assert np.allclose(found, [1, 0, 0.6])


def test_the_map_keeps_lengths_and_odds_may_be_asked_of_the_first_measures() -> None:
    model = LikenessModel(2 * np.eye(4, dtype=np.float32), np.arange(1.0, 5.0), -1.0)
    assert np.allclose(model.mapped(np.array([[0.0, 3.0, 0, 0], [0, 0, 0, 0]], np.float32)), [[0, 1, 0, 0], [0] * 4])
    assert model.odds(np.ones(3)) == 5 and model.odds(np.ones(4)) == 9


def test_a_folder_without_the_model_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(ComponentError, match="rapport train likeness"):
        shipped_model(tmp_path)


@pytest.mark.models
@pytest.mark.parametrize(
    ("turn", "fitting", "other"),
    [
        ("I got a raise", "They are paying me more now.", "My colleague got a raise and I did not."),
        ("I won two tickets in a raffle", "I won a prize in a draw.", "I lost the tickets for the show."),
        (
            "My phone fell into the toilet",
            "I dropped my phone in the water.",
            "My phone fell and the screen is smashed.",
        ),
    ],
)
def test_the_shipped_model_tells_more_apart_than_topics(turn: str, fitting: str, other: str) -> None:
    model, answer = shipped_model(), "Tell me all about it."
    vectors = model.mapped(MiniLMEmbedder().embed([turn, fitting, fitting, answer, other, other, answer]))
    fits, misses = model.odds(cosines(vectors[0], vectors[1:].reshape(2, 3, -1)))
    assert fits > misses
