"""Training and judging the small models behind empathy: readers of files, labels, figures, and the commands."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from rapport.agent.response.cause import candidates
from rapport.agent.response.strategy import STRATEGIES
from rapport.apps.cli import app
from rapport.apps.evaluate.empathy_scores import Pair, classification, read_pairs, scale_of
from rapport.apps.train.cause import is_cause, read_reccon, word_f1
from rapport.apps.train.empathy import marks, train_empathy
from rapport.apps.train.esconv import NAMES, read_esconv
from rapport.apps.train.hashed_fit import all_margins, count_matrix, fit_heads_beside, grouped_folds
from rapport.apps.train.strategy import macro_f1, moments
from rapport.persona.errors import InputError

DIALOGUE = {
    "emotion_type": "anxiety",
    "dialog": [
        {"speaker": "usr", "text": "Hello"},
        {"speaker": "sys", "text": "Hi, what is wrong?", "strategy": "Question"},
        {"speaker": "usr", "text": "I may lose my job."},
        {"speaker": "sys", "text": "That is frightening.", "strategy": "Reflection of feelings"},
    ],
}
RECCON = {
    "tr_1": [
        [
            {"turn": 1, "speaker": "A", "utterance": "We won two tickets !", "emotion": "neutral"},
            {
                "turn": 2,
                "speaker": "B",
                "utterance": "Wow !",
                "emotion": "happiness",
                "expanded emotion cause evidence": [1, "b"],
                "expanded emotion cause span": ["won two tickets", ""],
            },
        ]
    ]
}


def write_pairs(path: Path, *rows: Mapping[str, str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["sp_id", "rp_id", "seeker_post", "response_post", "level", "rationales"])
        writer.writeheader()
        for row in rows:
            writer.writerow({"sp_id": "a", "rp_id": "b", "seeker_post": "I am sad.", "rationales": "", **row})
    return path


def test_pairs_are_read_as_published(tmp_path: Path) -> None:
    file = write_pairs(tmp_path / "x.csv", {"response_post": "I am sorry. Ok.", "level": "1", "rationales": "sorry|"})
    assert read_pairs(file) == [Pair("a", "I am sad.", "I am sorry. Ok.", 1, ("sorry",))]


@pytest.mark.parametrize(
    ("text", "fault"),
    [("", "no pair"), ("a,b\n1,2\n", "lacks the column"), ("seeker_post,response_post,level\nx,y,7\n", "row 2")],
)
def test_bad_files_of_pairs_are_one_line(tmp_path: Path, text: str, fault: str) -> None:
    file = tmp_path / "interpretations.csv"
    file.write_text(text)
    with pytest.raises(InputError, match=fault):
        read_pairs(file)


def test_the_name_of_a_file_tells_its_scale() -> None:
    assert scale_of(Path("emotional-reactions-reddit.csv")) == "reactions"
    assert scale_of(Path("explorations_test.csv")) == "explorations"
    with pytest.raises(InputError, match="--scale"):
        scale_of(Path("pairs.csv"))


def test_a_sentence_has_the_level_of_a_rationale_that_marks_it() -> None:
    split = [["i", "am", "so", "sorry"], ["the", "shop", "is", "shut"]]
    assert marks(split, Pair("a", "", "", 2, ("I am so sorry",))).tolist() == [2, 0]
    assert marks(split, Pair("a", "", "", 0, ())).tolist() == [0, 0]
    assert marks(split[:1], Pair("a", "", "", 1, ())).tolist() == [1]


def test_figures_are_those_of_the_likeliest_level() -> None:
    p = np.eye(3)[[0, 0, 1, 2]] * 0.9
    told = classification(p, np.array([0, 1, 1, 2]), ["a", "b", "c", "d"], 0)
    assert told["per_class"] == pytest.approx({"0": 2 / 3, "1": 2 / 3, "2": 1.0})
    assert told["macro_f1"] == pytest.approx(7 / 9)
    assert told["confusion"] == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    low, high = told["macro_f1_interval"]
    assert low <= told["macro_f1"] <= high


def test_eval_epitome_writes_its_figures(tmp_path: Path) -> None:
    rows = [{"response_post": "Why do you feel sad?", "level": "2"}, {"response_post": "Ok.", "level": "0"}]
    file, out = write_pairs(tmp_path / "explorations.csv", *rows), tmp_path / "out.json"
    assert CliRunner().invoke(app, ["eval", "epitome", "--file", str(file), "--json", str(out)]).exit_code == 0
    told = json.loads(out.read_text())
    assert told["n"] == 2
    assert told["scale"] == "explorations"
    assert set(told["per_class"]) == {"0", "1", "2"}


def test_esconv_is_read_as_one_list_or_by_lines(tmp_path: Path) -> None:
    lines, whole = tmp_path / "a.jsonl", tmp_path / "b.json"
    lines.write_text(json.dumps(DIALOGUE) + "\n")
    renamed = [
        {"speaker": "seeker" if turn["speaker"] == "usr" else "supporter", "content": turn["text"] + "\n",
         "annotation": {"strategy": turn["strategy"]} if "strategy" in turn else {}}
        for turn in DIALOGUE["dialog"]  # pyright: ignore[reportUnknownVariableType, reportArgumentType]
    ]  # fmt: skip
    whole.write_text(json.dumps([{**DIALOGUE, "dialog": renamed}]))
    one, other = read_esconv(lines), read_esconv(whole)
    assert one == other
    assert [turn.strategy for turn in one[0].turns] == [None, "question", None, "reflection"]
    assert tuple(NAMES.values()) == STRATEGIES


@pytest.mark.parametrize("text", ["", "{", '{"dialog": []}', '[{"emotion_type": 1}]'])
def test_other_files_are_not_esconv(tmp_path: Path, text: str) -> None:
    file = tmp_path / "train.jsonl"
    file.write_text(text)
    with pytest.raises(InputError, match=r"train\.jsonl"):
        read_esconv(file)


def test_a_moment_knows_what_came_before_it_only(tmp_path: Path) -> None:
    file = tmp_path / "train.jsonl"
    file.write_text(json.dumps(DIALOGUE))
    found = moments(read_esconv(file))
    assert found.given.tolist() == [STRATEGIES.index("question"), STRATEGIES.index("reflection")]
    assert found.last.tolist() == [len(STRATEGIES), STRATEGIES.index("question")]
    assert found.words[[0]].nnz == 2 - 1  # "p|hello"


def test_macro_f1_counts_absent_strategies_as_nothing() -> None:
    assert macro_f1(np.array([0, 1]), np.array([0, 1])) == pytest.approx(2 / 8)


def test_causes_are_read_with_how_far_back_they_were_said(tmp_path: Path) -> None:
    file = tmp_path / "train.json"
    file.write_text(json.dumps(RECCON))
    [felt] = read_reccon(file)
    assert felt.causes == [(1, "won two tickets")]
    assert [is_cause(candidate, felt) for candidate in candidates(felt.utterance, felt.context)] == [False, True]
    file.write_text("[]")
    with pytest.raises(InputError, match="RECCON"):
        read_reccon(file)


def test_word_f1_counts_each_word_as_often_as_it_occurs() -> None:
    assert word_f1("a a b", "a b") == pytest.approx(0.8)
    assert word_f1("", "") == 0


def test_heads_learn_what_marks_a_class_from_words_and_from_measures() -> None:
    words = [["warm"] if k % 2 else ["cold"] for k in range(40)]
    warm, big = np.arange(40) % 2 == 1, np.arange(40) % 4 < 2
    x = count_matrix(words, 256)
    heads, weights = fit_heads_beside(x, 2.0 * big[:, None] - 1, np.stack([warm, big], axis=1), c=10.0, balance=0.0)
    margins = all_margins(x, heads) + (2.0 * big[:, None] - 1) @ weights
    assert ((margins > 0) == np.stack([warm, big], axis=1)).all()
    assert all_margins(x, heads)[:2] == pytest.approx(np.stack([heads.margins(w) for w in words[:2]]), abs=1e-6)


def test_rows_of_a_group_share_a_fold() -> None:
    groups = [f"poster {k // 3}" for k in range(60)]
    folds = grouped_folds(groups, 5, seed=1)
    assert all(len(set(folds[3 * k : 3 * k + 3])) == 1 for k in range(20))
    assert set(folds) == set(range(5))


def test_missing_data_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="emotional-reactions"):
        train_empathy(tmp_path, tmp_path)
