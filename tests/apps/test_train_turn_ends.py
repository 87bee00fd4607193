"""The table of last words: what is counted, and that the shipped one tells ends from cuts in texts it has not seen."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from rapport.apps.train.turn_ends import auc, count, cut_texts, train_turn_ends
from rapport.persona.errors import InputError
from rapport.speech.turn_taking import UNKNOWN, completeness

DATA = Path(__file__).parents[3] / "shared" / "data"


def test_cuts_and_wholes_are_equally_many_and_no_cut_stands_behind_a_sentence() -> None:
    examples = list(cut_texts(["I came home. Then it rained and rained."], seed=0))
    assert sum(finished for _, finished in examples) * 2 == len(examples)
    assert all(words != ["i", "came", "home"] for words, finished in examples if not finished)


def test_what_ends_texts_scores_above_what_does_not() -> None:
    table = count([(["i", "go", "home"], True), (["i", "go"], False)] * 20)
    assert table["home"] > 0.8
    assert table["go"] < 0.2
    assert table["go home"] > table["home"]
    assert 0 < table[UNKNOWN] < 1


def test_auc_is_the_chance_of_the_right_order() -> None:
    assert auc(np.array([1.0, 0.0]), np.array([True, False])) == 1.0
    assert auc(np.array([0.5, 0.5]), np.array([True, False])) == 0.5


def test_missing_data_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="goemotions"):
        train_turn_ends(tmp_path, tmp_path)


@pytest.mark.skipif(not DATA.is_dir(), reason="the development data are not on this machine")
def test_the_shipped_table_tells_ends_from_cuts_in_dialogues_it_was_not_made_from() -> None:
    lines = (DATA / "empatheticdialogues" / "dev.jsonl").read_text("utf-8").splitlines()
    texts = [turn["text"] for line in random.Random(0).sample(lines, 400) for turn in json.loads(line)["turns"]]
    examples = list(cut_texts(texts, seed=1))
    scores = np.array([completeness(" ".join(words)) for words, _ in examples])
    assert auc(scores, np.array([finished for _, finished in examples])) > 0.8
