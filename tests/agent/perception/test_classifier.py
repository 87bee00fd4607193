"""Any transformers classifier as an emotion recogniser: labels by name, clear errors. The model is a tiny BERT."""

from pathlib import Path

import pytest

from rapport.agent.perception.classifier import TransformersEmotion, match_labels
from rapport.agent.stages import PersonTurn
from rapport.persona.affect import CPED13, EKMAN7, GOEMOTIONS28
from rapport.persona.errors import ComponentError
from rapport.speech.audio import Transcript


def tiny_bert(folder: Path, labels: list[str]) -> Path:
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast, set_seed

    set_seed(0)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "i", "am", "so", "glad"]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    BertTokenizerFast(vocab=str(folder / "vocab.txt"), model_max_length=32).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


@pytest.mark.models
async def test_reads_with_a_local_model_and_maps_its_labels(tmp_path: Path):
    reader = TransformersEmotion(str(tiny_bert(tmp_path, ["happy", "Sad", "ANGRY", "neutral", "sarcastic"])))
    assert (reader.capabilities.modality, reader.capabilities.taxonomy) == ("text", "ekman7")
    estimate = await reader.estimate(PersonTurn(Transcript("I am so glad " * 500)))
    assert estimate is not None
    shares = estimate.distribution.as_dict()
    assert {label for label, p in shares.items() if p > 0} == {"joy", "sadness", "anger", "neutral"}
    assert estimate.vad == estimate.distribution.vad
    assert await reader.estimate(PersonTurn(Transcript(" \n"))) is None


@pytest.mark.models
def test_a_model_without_emotions_among_its_labels_is_refused(tmp_path: Path):
    with pytest.raises(ComponentError, match="spam, ham"):
        TransformersEmotion(str(tiny_bert(tmp_path, ["spam", "ham"])))


def test_no_model_is_a_clear_error():
    with pytest.raises(ComponentError, match="transformers:FOLDER"):
        TransformersEmotion(None)


def test_a_folder_without_a_model_is_a_clear_error(tmp_path: Path):
    with pytest.raises(ComponentError, match="cannot be loaded") as error:
        TransformersEmotion(str(tmp_path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("labels", "taxonomy", "places"),
    [
        (["joy", "sadness", "anger", "fear"], EKMAN7, ["joy", "sadness", "anger", "fear"]),
        (["Happy", "SAD", "neutral"], EKMAN7, ["joy", "sadness", "neutral"]),
        (list(GOEMOTIONS28.labels), GOEMOTIONS28, list(GOEMOTIONS28.labels)),
        (["sadness", "joy", "love", "anger", "fear", "surprise"], GOEMOTIONS28, None),
        (
            ["positive-other", "relaxed", "depress", "worried"],
            CPED13,
            ["positive-other", "relaxed", "depress", "worried"],
        ),
    ],
)
def test_labels_find_the_taxonomy_that_knows_most_of_them(labels, taxonomy, places):
    found, where = match_labels(labels)
    assert found is taxonomy
    assert [found.labels[where[label]] for label in labels] == (places or labels)


def test_unknown_labels_have_no_place():
    assert match_labels(["LABEL_0", "spam"])[1] == {}
