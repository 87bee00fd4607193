"""Reading feelings from words: the arithmetic with made numbers, and the shipped model on real sentences."""

from pathlib import Path

import numpy as np
import pytest

from rapport.agent.perception.text import (
    MODEL_FOLDER,
    NEUTRAL,
    OCCLUDED_WORDS,
    MiniLMEmotion,
    TextEmotionSettings,
    class_sums,
    combined_vad,
    label_weights,
    pooled_weights,
)
from rapport.agent.perception.text_model import (
    CONTEXT_TOKENS,
    MAX_CHARACTERS,
    MAX_TOKENS,
    ContextTurn,
    TextEmotionModel,
    TextOutputs,
    TextTokenizer,
    Tokens,
    readable_words,
)
from rapport.agent.stages import PersonTurn
from rapport.memory.records import Exchange
from rapport.persona.affect import EKMAN7, GOEMOTIONS28, EmotionEstimate, convert
from rapport.persona.errors import ComponentError
from rapport.speech.audio import Transcript

SETTINGS = TextEmotionSettings(
    temperature=1.0,
    thresholds=np.full(28, 0.25),
    sharpness=1.0,
    ekman_temperature=2.0,
    ekman_share=0.5,
    vad_neutral=np.array([0.1, -0.2, 0.3]),
    vad_scale=np.array([0.5, 0.4, 0.3]),
    label_vad_neutral=np.array([0.1, 0.0, 0.0]),
    vad_head_share=np.array([0.5, 1.0, 0.0]),
    vad_sd=(0.3, 0.3, 0.3),
)


def logits(**probabilities: float) -> np.ndarray:
    p = np.full(len(GOEMOTIONS28), 0.01)
    for label, value in probabilities.items():
        p[GOEMOTIONS28.index(label)] = value
    return np.log(p / (1 - p))[np.newaxis]


# ------------------------------------------------------------------------------------------------------- arithmetic


@pytest.mark.parametrize(("joy", "expected"), [(0.2, "neutral"), (0.3, "joy")])
def test_neutral_wins_exactly_when_no_emotion_passes_the_threshold(joy: float, expected: str):
    weights = label_weights(logits(joy=joy, neutral=0.9), SETTINGS)[0]
    assert GOEMOTIONS28.labels[int(weights.argmax())] == expected
    assert weights.sum() == pytest.approx(1.0)


def test_a_label_at_twice_the_odds_of_the_threshold_weighs_twice_neutral():
    weights = label_weights(logits(fear=0.4), SETTINGS)[0]
    assert weights[GOEMOTIONS28.index("fear")] / weights[NEUTRAL] == pytest.approx(2.0)


def test_extreme_logits_stay_a_distribution():
    weights = label_weights(np.full((1, 28), 800.0) * np.sign(np.arange(28) - 14), SETTINGS)
    assert np.isfinite(weights).all()
    assert weights.sum() == pytest.approx(1.0)


def test_neutral_text_reads_zero_and_each_axis_weighs_head_and_labels():
    # The mix that makes the labels' expected valence 0.1, as SETTINGS says that neutral text does.
    share = 0.1 / GOEMOTIONS28.points["approval"].valence
    neutral = (1 - share) * np.eye(28)[[NEUTRAL]] + share * np.eye(28)[[GOEMOTIONS28.index("approval")]]
    v, a, _ = combined_vad(SETTINGS.vad_neutral[np.newaxis], neutral, SETTINGS)[0]
    assert (v, a) == pytest.approx((0.0, 0.0))
    joy = GOEMOTIONS28.points["joy"]
    moved = combined_vad(np.array([[1.1, 0.8, 9.0]]), np.eye(28)[[GOEMOTIONS28.index("joy")]], SETTINGS)[0]
    assert moved == pytest.approx([0.5 * 0.5 + 0.5 * (joy.valence - 0.1), 0.4, joy.dominance])


def test_emoji_are_spelled_out_and_stand_alone():
    assert readable_words("so sad😢!  ok") == ["so", "sad", "crying face", "!", "ok"]


def test_a_huge_text_keeps_its_beginning_and_its_end():
    words = readable_words("first " + "word " * 100_000 + "last")
    assert (words[0], words[-1]) == ("first", "last")
    assert sum(len(w) + 1 for w in words) <= MAX_CHARACTERS + 2


@pytest.fixture(scope="module")
def tokenizer() -> TextTokenizer:
    return TextTokenizer(MODEL_FOLDER / "tokenizer.json")


def test_many_tokens_lose_their_middle(tokenizer: TextTokenizer):
    (tokens,) = tokenizer.encode([[f"w{k}" for k in range(300)]])
    assert len(tokens.ids) == MAX_TOKENS
    assert (tokens.word_of[0], tokens.word_of[1], tokens.word_of[-2], tokens.word_of[-1]) == (-1, 0, 299, -1)
    assert not (tokens.without(0).word_of == 0).any()


def test_context_follows_as_a_second_segment_latest_first_and_is_no_word_of_the_text(tokenizer: TextTokenizer):
    turns = [ContextTurn("far away"), ContextTurn("long ago", True), ContextTurn("yesterday")]
    alone, told = (tokenizer.encode([["I", "cried"]], [context])[0] for context in ([], turns))
    assert (told.ids[: len(alone.ids)] == alone.ids).all()
    assert told.segment.tolist() == [0] * len(alone.ids) + [1] * (len(told.ids) - len(alone.ids))
    latest = tokenizer.encode([["you", ":", "yesterday"]])[0].ids[1:]
    assert told.ids[len(alone.ids) :][: len(latest)].tolist() == latest.tolist()
    assert set(told.word_of.tolist()) == {-1, 0, 1}
    assert told.only(-1).segment.sum() == told.segment.sum()


def test_a_long_context_is_cut_at_its_far_end(tokenizer: TextTokenizer):
    turns = [ContextTurn("old " * 500), ContextTurn("new " * 20)]
    (tokens,) = tokenizer.encode([["yes"]], [turns])
    assert tokens.segment.sum() <= CONTEXT_TOKENS
    assert (tokens.ids == tokenizer.encode([["new"]])[0].ids[1]).sum() == 20


def outputs(goemotions: np.ndarray, ekman: np.ndarray) -> TextOutputs:
    return TextOutputs(goemotions, ekman, np.zeros((len(ekman), 3)))


def test_the_seven_shift_mass_between_classes_but_not_within_them():
    ekman = np.zeros((1, 7))
    ekman[0, EKMAN7.index("anger")] = 4.0
    given = logits(joy=0.5, love=0.25, anger=0.4)
    before, after = label_weights(given.copy(), SETTINGS)[0], pooled_weights(outputs(given, ekman), SETTINGS)[0]
    joy, love, anger = (GOEMOTIONS28.index(label) for label in ("joy", "love", "anger"))
    assert after.sum() == pytest.approx(1.0)
    assert after[anger] > before[anger]
    assert after[joy] / after[love] == pytest.approx(before[joy] / before[love])
    own, told = np.log(class_sums(before[np.newaxis])[0]), ekman[0] / 2.0
    expected = np.exp(0.5 * own + 0.5 * told)
    assert class_sums(after[np.newaxis])[0] == pytest.approx(expected / expected.sum(), abs=1e-3)


def test_a_folder_without_a_model_names_what_is_missing(tmp_path: Path):
    with pytest.raises(ComponentError, match=r"model\.onnx.*rapport train text-emotion"):
        MiniLMEmotion(str(tmp_path))


def test_a_broken_model_is_one_clear_line(tmp_path: Path):
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((MODEL_FOLDER / name).read_bytes())
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(ComponentError, match="cannot be loaded") as error:
        MiniLMEmotion(str(tmp_path))
    assert "\n" not in str(error.value)
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ComponentError, match="does not describe"):
        MiniLMEmotion(str(tmp_path))


# -------------------------------------------------------------------------------------------------------- the model


@pytest.fixture(scope="module")
def reader() -> MiniLMEmotion:
    return MiniLMEmotion()


def read(reader: MiniLMEmotion, text: str) -> EmotionEstimate:
    estimate = reader.read(text)
    assert estimate is not None
    return estimate


@pytest.mark.models
@pytest.mark.parametrize(
    ("text", "ekman"),
    [
        ("I am so happy, we won!", "joy"),
        ("Thank you so much, you helped me a lot.", "joy"),
        ("I'm so sad, I miss her every day.", "sadness"),
        ("This makes me furious, I hate them.", "anger"),
        ("I'm scared of what will happen to us.", "fear"),
        ("That is disgusting.", "disgust"),
        ("Wow, I can't believe it, what a surprise!", "surprise"),
        ("The meeting is on the second floor.", "neutral"),
    ],
)
def test_plain_feelings_are_read(reader: MiniLMEmotion, text: str, ekman: str):
    assert convert(read(reader, text).distribution, EKMAN7).label == ekman


@pytest.mark.models
def test_vad_orders_feelings_and_keeps_neutral_near_zero(reader: MiniLMEmotion):
    joy, grief, fury, plain = (
        read(reader, text).vad
        for text in (
            "This is the best day of my life!",
            "My mother died and I feel empty.",
            "Get out of here, you make me so angry!",
            "The train leaves at nine from platform two.",
        )
    )
    assert joy.valence > 0.4 > plain.valence > -0.4 > grief.valence
    assert abs(plain.valence) < 0.25
    assert fury.arousal > plain.arousal
    assert fury.dominance > grief.dominance


@pytest.mark.models
def test_evidence_names_the_word_that_carried_the_feeling(reader: MiniLMEmotion):
    evidence = read(reader, "The weather was terrible on Monday.").evidence
    assert evidence[0].text == "terrible"
    assert evidence[0].weight < -0.1
    assert all(item.modality == "text" for item in evidence)
    assert not read(reader, "Hello").evidence


@pytest.mark.models
def test_words_that_say_the_same_share_the_credit(reader: MiniLMEmotion):
    evidence = {item.text: item.weight for item in read(reader, "I am terrified and scared.").evidence}
    assert evidence["terrified"] == pytest.approx(evidence["scared"], abs=0.15)
    assert evidence["scared"] < -0.1


@pytest.mark.models
async def test_nothing_to_read_is_none(reader: MiniLMEmotion):
    for text in ("", " \n\t ", "\x00\x07\u200b", "\ufffc"):
        assert await reader.estimate(PersonTurn(Transcript(text))) is None


@pytest.mark.models
@pytest.mark.parametrize(
    "text", ["😂😂😂", "👍", "a" * 100_000, "fine. " * 20_000, "\x01I \x02am\x7f fine", "?!…", "我很难过"]
)
def test_odd_texts_give_an_estimate_inside_the_space(reader: MiniLMEmotion, text: str):
    estimate = reader.read(text)
    assert estimate is None or abs(sum(estimate.distribution.probabilities) - 1) < 1e-6


@pytest.mark.models
def test_the_end_of_a_long_text_is_read(reader: MiniLMEmotion):
    filler = "The report has many pages about the road. " * 200
    assert read(reader, filler + "I am so sad, I cried all night.").vad.valence < read(reader, filler).vad.valence - 0.1


@pytest.mark.models
def test_emoji_count(reader: MiniLMEmotion):
    assert read(reader, "my dog 😍").vad.valence > read(reader, "my dog 😡").vad.valence + 0.1


@pytest.mark.models
def test_reading_twice_gives_the_same_and_batches_agree(reader: MiniLMEmotion):
    text = "I lost my job today."
    assert reader.read(text) == reader.read(text)
    model = TextEmotionModel(MODEL_FOLDER)
    settings = reader.settings
    alone = pooled_weights(model.run_all([text]), settings)
    among = pooled_weights(
        model.run_all([text, "Short.", "A good deal longer than the others, with many words in it."]), settings
    )
    # Activations are quantised over a whole batch, so neighbours move a probability a little.
    assert among[0] == pytest.approx(alone[0], abs=0.1)


@pytest.mark.models
def test_what_was_said_before_changes_how_words_are_read(reader: MiniLMEmotion):
    text = "Oh my God."
    glad = reader.read(text, [ContextTurn("We won the lottery! I love you so much, this is wonderful!")])
    sad = reader.read(text, [ContextTurn("He is dead. They found him this morning, I cannot stop crying.")])
    assert glad is not None and sad is not None
    assert glad.vad.valence > sad.vad.valence


@pytest.mark.models
async def test_the_history_of_a_talk_is_its_context(reader: MiniLMEmotion):
    history = (Exchange("They found him dead.", "I am so sorry."),)
    turn = PersonTurn(Transcript("Oh my God."), history=history)
    context = [ContextTurn("They found him dead.", True), ContextTurn("I am so sorry.")]
    assert await reader.estimate(turn) == reader.read("Oh my God.", context)


@pytest.mark.models
def test_evidence_costs_two_small_batches_however_long_the_text(reader: MiniLMEmotion, monkeypatch):
    batches: list[int] = []
    run = TextEmotionModel.run

    def counted(self: TextEmotionModel, rows: list[Tokens]):
        batches.append(len(rows))
        return run(self, rows)

    monkeypatch.setattr(TextEmotionModel, "run", counted)
    read(reader, "I have been working on this for weeks and nobody said a word of thanks, nobody at all. " * 20)
    assert batches == [1, 1 + OCCLUDED_WORDS, 1 + OCCLUDED_WORDS]
