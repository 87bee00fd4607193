"""The tasks of `rapport eval` on small made-up files, with recognisers of known answers: figures, keys, errors."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rapport.agent.perception.text_model import ContextTurn
from rapport.agent.stages import EmotionCapabilities, PersonTurn
from rapport.apps import cli
from rapport.apps.evaluate import foreign, reading, tasks, tfidf
from rapport.apps.evaluate.reading import TextReader, conversion, exchanges
from rapport.apps.evaluate.report import Report
from rapport.memory.records import Exchange
from rapport.persona.affect import CPED13, EKMAN7, GOEMOTIONS28, EmotionDistribution, EmotionEstimate, convert
from rapport.persona.errors import InputError

KEYS = {"macro_f1", "micro_f1", "weighted_f1", "accuracy", "pearson", "per_class", "baselines", "n", "seconds"}
TALK = [
    ("Ann", "What joy", "joy"),
    ("Bob", "Why anger?", "anger"),
    ("Ann", "So joy", "surprise"),
    ("Bob", "nothing", "neutral"),
]


class Keyword:
    """Feels what the last word of a text names, but surprise when it was last asked something; nothing in "nothing"."""

    def __init__(self, taxonomy: Any = EKMAN7, modality: Any = "text") -> None:
        self.taxonomy = taxonomy
        self.capabilities = EmotionCapabilities(modality, taxonomy.name)

    async def estimate(self, heard: PersonTurn) -> EmotionEstimate | None:
        label = heard.transcript.text.split()[-1].strip(".?")
        if label == "nothing":
            return None
        if heard.history and heard.history[-1].agent.endswith("?"):
            label = "surprise"
        distribution = EmotionDistribution.certain(self.taxonomy, label)
        return EmotionEstimate(distribution, distribution.vad, modality="text")


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """`install(component)` makes every name of the stage `emotion` that component."""
    return lambda component: monkeypatch.setattr(reading, "create", lambda stage, name: component)


def meld_file(path: Path, *dialogues: Sequence[tuple[str, str, str]]) -> Path:
    lines = ["Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"]
    for d, dialogue in enumerate(dialogues):
        lines += [f'0,"{text}",{who},{label},x,{d},{k},1,1,0,0' for k, (who, text, label) in enumerate(dialogue)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def cped_file(path: Path, *turns: tuple[str, str, str]) -> Path:
    columns = "TV_ID,Dialogue_ID,Utterance_ID,Speaker,Gender,Age,Neuroticism,Extraversion,Openness,Agreeableness,"
    columns += "Conscientiousness,Scene,FacePosition_LU,FacePosition_RD,Sentiment,Emotion,DA,Utterance"
    rows = [
        f"1,{dialogue},0,{k % 2},x,x,low,low,low,low,low,home,0_0,0_0,x,{label},x,{text}"
        for k, (dialogue, text, label) in enumerate(turns)
    ]
    path.write_text("\n".join([columns, *rows]) + "\n", "utf-8-sig")
    return path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["rapport", "eval", *arguments])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    return int(stopped.value.code or 0)


def test_meld_with_and_without_context_by_hand(tmp_path: Path, install: Callable[[Any], None]):
    install(Keyword())
    told = tasks.meld(meld_file(tmp_path / "m.csv", TALK, TALK), "fake").as_dict()
    # With the turns before, joy, anger, surprise, neutral are found; without them the third is joy.
    assert told["n"] == 8 and told["accuracy"] == told["macro_f1"] == told["weighted_f1"] == 1
    assert told["without_context"]["accuracy"] == 0.75
    assert told["without_context"]["weighted_f1"] == pytest.approx((2 / 3 + 1 + 0 + 1) / 4, abs=1e-6)
    assert told["without_context"]["macro_f1"] == pytest.approx((2 / 3 + 1 + 0 + 1) / 4, abs=1e-6)
    assert told["context_gain"]["weighted_f1"] == pytest.approx(1 - (2 / 3 + 2) / 4, abs=1e-6)
    # Both dialogues are alike and drawn whole, so every sample gives the same.
    assert told["intervals"]["context_gain.weighted_f1"] == [told["context_gain"]["weighted_f1"]] * 2
    # Earlier labels of the same speaker: -, -, joy, anger; of the other one: -, joy, anger, surprise ("-" is neutral).
    assert told["baselines"]["hold"]["accuracy"] == told["baselines"]["mirror"]["accuracy"] == 0
    assert told["baselines"]["majority"]["accuracy"] == 0.25
    assert told["per_class"]["surprise"] == {"precision": 1, "recall": 1, "f1": 1, "support": 2}
    assert told["hit_rate"] == 1 and told["ece"] == 0
    alone = tasks.meld(tmp_path / "m.csv", "fake", context=False).as_dict()
    assert alone["accuracy"] == 0.75 and "without_context" not in alone


def test_hold_and_mirror_repeat_the_right_turns(tmp_path: Path):
    talk = [("Ann", "a", "joy"), ("Ann", "b", "joy"), ("Bob", "c", "joy"), ("Ann", "d", "fear"), ("Bob", "e", "fear")]
    turns = tasks.Turns.of(tasks.read_meld(meld_file(tmp_path / "m.csv", talk)))
    assert turns.hold == ["neutral", "joy", "neutral", "joy", "joy"]
    assert turns.mirror == ["neutral", "neutral", "joy", "joy", "fear"]
    assert turns.contexts[3] == [ContextTurn("a", True), ContextTurn("b", True), ContextTurn("c", False)]
    assert turns.dialogue.tolist() == [0] * 5


def test_dailydialog_leaves_neutral_out_of_its_micro_f1(tmp_path: Path, install: Callable[[Any], None]):
    install(Keyword())
    (tmp_path / "dialogues_test.txt").write_text("Hi neutral __eou__ So joy __eou__ My joy __eou__\nbad __eou__\n")
    (tmp_path / "dialogues_emotion_test.txt").write_text("0 4 5\n0 0\n")
    told = tasks.dailydialog(tmp_path, "fake", context=True).as_dict()
    assert told["n"] == 3
    assert told["micro_f1"] == told["accuracy"] == pytest.approx(2 / 3, abs=1e-6)
    assert told["micro_f1_without_neutral"] == pytest.approx(2 * 1 / (2 + 2))
    assert any("line 2" in note and "1 utterances and 2 labels" in note for note in told["notes"])


def test_goemotions_from_a_component_that_gives_one_label(tmp_path: Path, install: Callable[[Any], None]):
    install(Keyword(GOEMOTIONS28))
    joy, neutral, love = (GOEMOTIONS28.index(label) for label in ("joy", "neutral", "love"))
    file = tmp_path / "test.tsv"
    file.write_text(f"joy\t{joy},{love}\ta\njoy\t{joy}\tb\nnothing\t{neutral}\tc\nlove\t{neutral}\td\n")
    told = tasks.goemotions(file, "fake").as_dict()
    assert told["accuracy"] == 0.5  # the first lacks love, the last is love instead of neutral
    assert told["macro_f1"] == pytest.approx((1 + 2 / 3 + 0) / 28, abs=1e-6)
    assert told["micro_f1"] == pytest.approx(2 * 3 / (4 + 5), abs=1e-6)
    assert told["ekman"]["accuracy"] == 0.75  # love is joy there
    assert told["top_label_accuracy"] == 0.75
    assert told["baselines"]["majority"]["accuracy"] in (0.25, 0.5) and told["baselines"]["hold"] is None
    assert told["published"]["BERT-base"]["macro_f1"] == 0.46


def test_emobank_judges_the_test_part_by_default(tmp_path: Path, install: Callable[[Any], None]):
    install(Keyword())
    file = tmp_path / "emobank.csv"
    rows = ["a,test,4.0,3.5,3.4,joy", "b,test,2.0,2.6,2.8,sadness", "c,test,3.1,3.0,3.0,nothing", "d,train,1,1,1,joy"]
    file.write_text("\n".join(["id,split,V,A,D,text", *rows]) + "\n")
    told = tasks.emobank(file, "fake").as_dict()
    assert told["n"] == 3 and "rows read: test" in told["notes"]
    found = np.array([EKMAN7.points[label].as_tuple() for label in ("joy", "sadness", "neutral")])
    given = np.array([[4.0, 3.5, 3.4], [2.0, 2.6, 2.8], [3.1, 3.0, 3.0]])
    for k, axis in enumerate("VAD"):
        assert told["pearson"][axis] == pytest.approx(np.corrcoef(found[:, k], given[:, k])[0, 1], abs=1e-6)
    assert told["ccc"]["V"] < told["pearson"]["V"]
    assert told["macro_f1"] is None and told["per_class"] == {}
    assert tasks.emobank(file, "fake", "all").n == 4


def test_empatheticdialogues_reads_the_speaker_only(tmp_path: Path, install: Callable[[Any], None]):
    install(Keyword())
    turns = [
        {"speaker": s, "text": t} for s, t in (("speaker", "My fear"), ("listener", "joy"), ("speaker", "and fear"))
    ]
    line = {"conv_id": "a", "emotion": "terrified", "situation": "x", "turns": turns}
    file = tmp_path / "dev.jsonl"
    file.write_text(json.dumps(line) + "\n" + json.dumps(line | {"conv_id": "b", "emotion": "guilty"}) + "\n")
    told = tasks.empatheticdialogues(file, "fake").as_dict()
    nearest = convert(EmotionDistribution.certain(EKMAN7, "fear"), tasks.EMPATHETIC32).label
    assert told["accuracy"] == (0.5 if nearest == "terrified" else 0.0)
    assert told["ekman"]["accuracy"] == 0.5
    assert told["baselines"]["majority"]["accuracy"] == 0.5 and told["baselines"]["mirror"] is None


def test_conversion_is_what_convert_does():
    distribution = EmotionDistribution.normalised(GOEMOTIONS28, np.arange(28.0))
    carried = np.array(distribution.probabilities) @ conversion("goemotions28", "empathetic32")
    assert carried == pytest.approx(convert(distribution, tasks.EMPATHETIC32).probabilities)


def test_turns_before_become_the_history_of_an_agent():
    context = [ContextTurn("a"), ContextTurn("b"), ContextTurn("c", True), ContextTurn("d", True), ContextTurn("e")]
    assert exchanges(context) == (Exchange("", "a b"), Exchange("c", ""), Exchange("d", "e"))
    assert exchanges([]) == ()


def test_a_recogniser_of_voices_is_refused(install: Callable[[Any], None]):
    install(Keyword(modality="voice"))
    with pytest.raises(InputError, match="--emotion fake reads the voice; name a component that reads text"):
        TextReader("fake")


MAHA = [
    ("x joy", "Happiness"),
    ("y joy", "respect"),
    ("z fear", "Fear"),
    ("u disgust", "Anger/Disgust"),
    ("v joy", "Sarcasm"),
]


def maha_file(path: Path, rows: Sequence[tuple[str, str]] = MAHA) -> Path:
    path.write_text("Tweet,Label\n" + "".join(f"{text},{label}\n" for text, label in rows), "utf-8")
    return path


def test_mahaemotions_with_a_recogniser_counts_what_it_can_mean(
    tmp_path: Path, install: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
):
    install(Keyword())
    monkeypatch.setattr(tfidf, "installed", lambda: False)
    told = foreign.mahaemotions(maha_file(tmp_path / "m.csv"), "fake").as_dict()
    assert told["n"] == 4 and told["accuracy"] == 1
    assert {label: entry["support"] for label, entry in told["per_class"].items()} == {
        "anger/disgust": 1, "joy": 2, "fear": 1,
    }  # fmt: skip
    assert any("1 texts of sarcasm were left out" in note for note in told["notes"])
    assert any('pip install "rapport-agent[train]"' in note for note in told["notes"])


def test_cped_with_a_recogniser_by_hand(
    tmp_path: Path, install: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
):
    install(Keyword(CPED13))
    monkeypatch.setattr(tfidf, "installed", lambda: False)
    file = cped_file(tmp_path / "c.csv", ("a", "worried", "worried"), ("a", "worried", "fear"), ("b", "happy", "happy"))
    told = foreign.cped(file, "fake").as_dict()
    assert told["n"] == 3 and told["accuracy"] == pytest.approx(2 / 3, abs=1e-6)
    assert told["macro_f1"] == pytest.approx((2 / 3 + 0 + 1) / 3, abs=1e-6)
    assert told["baselines"]["mirror"]["accuracy"] == 0 and "tfidf" not in told["baselines"]


def test_the_character_baseline_learns_from_a_file_or_from_the_other_fifths(tmp_path: Path):
    pytest.importorskip("sklearn")
    rows = [(f"{word} {k}", label) for k in range(15) for word, label in (("अबक", "Fear"), ("गमभ", "Pride"))]
    file = maha_file(tmp_path / "m.csv", rows)
    own = foreign.mahaemotions(file, "tfidf").as_dict()
    assert own["accuracy"] == 1 and own["n"] == 30 and set(own["per_class"]) == {"fear", "pride"}
    swapped = maha_file(tmp_path / "t.csv", [(text, "Pride" if label == "Fear" else "Fear") for text, label in rows])
    assert foreign.mahaemotions(file, "tfidf", swapped).as_dict()["accuracy"] == 0


def test_folds_do_not_divide_a_dialogue(monkeypatch: pytest.MonkeyPatch):
    seen: list[tuple[list[str], list[str]]] = []

    def predict(train: list[str], labels: list[str], texts: list[str], ngrams: tuple[int, int]) -> list[str]:
        seen.append((train, texts))
        return [text.upper() for text in texts]

    monkeypatch.setattr(tfidf, "predict", predict)
    texts = [f"{dialogue}{k}" for dialogue in "abcdefg" for k in range(3)]
    done: list[int] = []
    units = np.repeat(np.arange(7), 3)
    assert tfidf.cross_predict(texts, ["x"] * 21, units, (1, 2), done.append) == [text.upper() for text in texts]
    assert len(seen) == 5 and sum(done) == 21
    for train, held_out in seen:
        assert not {text[0] for text in train} & {text[0] for text in held_out}


def test_a_report_always_has_the_same_keys(tmp_path: Path):
    report = Report("t", tmp_path / "f", "c", 3, 0.1, {"accuracy": float("nan"), "pearson": {"V": 0.12345678}})
    told = report.as_dict()
    assert KEYS | {"intervals", "notes", "published"} <= set(told)
    assert told["accuracy"] is None and told["macro_f1"] is None
    assert told["pearson"]["V"] == 0.123457
    assert told["baselines"] == {"hold": None, "majority": None, "mirror": None}
    json.dumps(told, allow_nan=False)


def test_the_command_prints_tables_and_writes_json(
    tmp_path: Path,
    install: Callable[[Any], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    install(Keyword())
    file, out = meld_file(tmp_path / "dev_sent_emo.csv", TALK), tmp_path / "r.json"
    assert run(monkeypatch, "meld", "--file", str(file), "--emotion", "fake", "--json", str(out)) == 0
    told = json.loads(out.read_text("utf-8"))
    assert set(told) >= KEYS and told["n"] == 4 and set(told["baselines"]) == {"hold", "majority", "mirror"}
    printed = capsys.readouterr().out
    assert "weighted_f1" in printed and "surprise" in printed and "without_context.accuracy" in printed
    assert "published, AffectGPT: hit_rate 0.556" in printed


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["meld", "--file", "nowhere.csv"], "nowhere.csv was expected as a file and is not there"),
        (["meld", "--file", "maha.csv"], "maha.csv, line 1: no column Utterance"),
        (["meld", "--file", "meld.csv", "--json", "no/r.json"], "no/r.json: cannot be written"),
        (["meld", "--file", "meld.csv", "--wheels", "none"], "none: is no folder"),
        (["meld", "--file", "meld.csv", "--emotion", "nobody"], "unknown emotion component 'nobody'"),
        (["emobank", "--file", "empty.csv"], "empty.csv is empty"),
        (["goemotions", "--file", "maha.csv"], "maha.csv, line 1: expected text, label ids 0-27"),
        (["peld", "--file", "maha.csv"], "maha.csv, line 1: no column Speaker_1"),
        (["dailydialog", "--file", "."], "expected one text file of DailyDialog"),
        (["ed", "--file", "maha.csv"], "expected the columns conv_id"),
        (["cped", "--file", "maha.csv"], "no column TV_ID"),
        (["mahaemotions", "--file", "meld.csv"], "no column Tweet, Label"),
        (["reccon", "--file", "maha.csv"], "broken JSON"),
        (["openset", "--file", "maha.csv", "--found", "maha.csv"], "no column name, openset"),
        (["build-peld", "--out", "p.tsv"], "give the files to build from: --meld FILE"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(
    tmp_path: Path,
    arguments: list[str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    maha_file(Path("maha.csv"))
    meld_file(Path("meld.csv"), TALK)
    Path("empty.csv").touch()
    assert run(monkeypatch, *arguments) == 2
    captured = capsys.readouterr()
    assert len(captured.err.strip().splitlines()) == 1 and says in captured.err


@pytest.mark.parametrize("corpus", ["mahaemotions", "cped"])
def test_what_reads_english_only_refuses_other_languages(
    tmp_path: Path,
    corpus: str,
    install: Callable[[Any], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    class English(Keyword):
        pass

    monkeypatch.setattr(reading, "MiniLMEmotion", English)
    install(English())
    file = maha_file(tmp_path / "f") if corpus == "mahaemotions" else cped_file(tmp_path / "f", ("a", "喜", "happy"))
    assert run(monkeypatch, corpus, "--file", str(file)) == 2
    told = capsys.readouterr().err
    assert "minilm reads English only" in told
    assert "--emotion transformers:NAME" in told and "--emotion tfidf" in told


def test_openset_labels_from_two_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    given, found, out = (tmp_path / name for name in ("given.csv", "found.csv", "r.json"))
    given.write_text("name,openset\na,\"['happy', 'angry']\"\nb,\"['sad']\"\n")
    found.write_text("name,openset\na,joyful\n")
    command = ("openset", "--file", str(given), "--found", str(found), "--json", str(out))
    assert run(monkeypatch, *command) == 0
    # a: {joy} of {joy, anger}; b: nothing. Precision 1/2, recall 1/4.
    assert json.loads(out.read_text())["set"] == {"f1": 0.333333, "precision": 0.5, "recall": 0.25}
    found.write_text("name,openset\nc,joyful\n")
    assert run(monkeypatch, *command) == 2
    assert "'c' is no name of" in capsys.readouterr().err


def test_triples_are_built_by_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    talk = [("Joey", "So joy", "joy"), ("Ann", "My fear", "fear"), ("Joey", "nothing", "neutral")]
    out = tmp_path / "p.tsv"
    file = meld_file(tmp_path / "m.csv", talk)
    assert run(monkeypatch, "build-peld", "--meld", str(file), "--out", str(out)) == 0
    lines = out.read_text("utf-8").splitlines()
    assert len(lines) == 2 and lines[1].split("\t")[:3] == ["Joey", "Ann", "[0.574, 0.614, 0.297, 0.545, 0.455]"]
