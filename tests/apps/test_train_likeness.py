"""Training the judge of answers: how readings are read, what is learned of them, and how it is scored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rapport.agent.response.exemplars import exemplars
from rapport.agent.response.likeness import DIMENSIONS
from rapport.apps.train import likeness
from rapport.apps.train.likeness import READINGS, Readings, at_threshold, fit_map, fit_odds, read_readings, scores
from rapport.persona.errors import InputError


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def test_readings_are_read_and_answers_that_are_no_more_are_left_out(tmp_path: Path) -> None:
    one, two = exemplars()[3], exemplars()[5]
    text = (
        f"# so\n\n> My turn.\n+ {one.answer}\n- {two.answer}\n- An answer of long ago.\n\n> Another.\n- {one.answer}\n"
    )
    read = read_readings(write(tmp_path / "r.txt", text))
    assert read.turns == ["My turn.", "Another."] and read.turn.tolist() == [0, 0, 1]
    assert read.exemplar.tolist() == [3, 5, 3] and read.fits.tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("+ Before any turn.\n", r"r\.txt:1: is no reading; write"),
        ("> My turn.\nan answer\n", r"r\.txt:2: is no reading; write"),
        ("> My turn.\n+ No answer of the stock.\n", "wants answers that fit and answers that do not"),
    ],
)
def test_what_is_no_reading_is_named(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        read_readings(write(tmp_path / "r.txt", text))
    with pytest.raises(InputError, match="is missing"):
        read_readings(tmp_path / "none.txt")


def test_the_readings_beside_the_command_are_of_the_stock_beside_it() -> None:
    read = read_readings(READINGS)
    marked = sum(line[:2] in ("+ ", "- ") for line in READINGS.read_text("utf-8").splitlines())
    assert len(read.fits) > 0.9 * marked and len(read.turns) > 1_000


def test_a_map_brings_together_what_means_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setattr(likeness, "EPOCHS", 300)
    rng = np.random.default_rng(0)
    meaning = rng.normal(size=(200, 8))

    def said() -> np.ndarray:
        """Eight values tell the meaning; eight that are larger tell nothing."""
        told = np.zeros((200, DIMENSIONS))
        told[:, :8], told[:, 8:16] = meaning, 2 * rng.normal(size=(200, 8))
        return (told / np.linalg.norm(told, axis=1, keepdims=True)).astype(np.float32)

    stock, turns = np.stack([said(), said(), said()], axis=1), said()
    turn = np.repeat(np.arange(200), 2)
    exemplar = np.stack([np.arange(200), rng.permutation(200)], axis=1).ravel()
    read = Readings([str(k) for k in range(200)], turn, exemplar, turn == exemplar)
    learned = fit_map(stock, np.arange(150), turns, read, np.flatnonzero(turn < 150), 0)

    def told_apart(there: np.ndarray, here: np.ndarray) -> float:
        near = there[150:, 0] @ here[150:].T
        return float((near.argmax(axis=1) == np.arange(50)).mean())

    assert told_apart(stock @ learned, turns @ learned) > told_apart(stock, turns) + 0.1


def test_odds_follow_what_fits() -> None:
    pytest.importorskip("sklearn")
    measures = np.array([[0.9, 1.0], [0.8, 0.0], [0.2, 1.0], [0.1, 0.0]] * 20)
    weights, bias = fit_odds(measures, measures[:, 0] > 0.5)
    assert ((measures @ weights + bias > 0) == (measures[:, 0] > 0.5)).all() and abs(weights[1]) < weights[0] / 5


def test_scores_are_of_each_turns_best_answer() -> None:
    pytest.importorskip("sklearn")
    read = Readings(["a", "b"], np.array([0, 0, 1, 1]), np.array([0, 1, 2, 3]), np.array([True, False, False, True]))
    told = scores(np.array([0.9, 0.8, 0.7, 0.1]), read)
    assert told["best_fits"]["1"] == 0.5 and told["best_fits"]["0.2"] == 1.0 and told["auc"] == 0.5
    assert at_threshold(np.array([0.9, 0.8, 0.1, 0.05]), read) == {"answered": 0.5, "of_these_fit": 1.0}
