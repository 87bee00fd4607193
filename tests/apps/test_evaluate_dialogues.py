"""The released file formats of dialogue corpora, on small made-up files in their layout; PELD's triples from them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rapport.apps.evaluate.dialogues import (
    plain_punctuation,
    read_cped,
    read_dailydialog,
    read_emorynlp,
    read_empatheticdialogues,
    read_meld,
    read_reccon,
)
from rapport.apps.evaluate.metrics import weighted_f1
from rapport.apps.evaluate.peld import (
    ROLES,
    Triple,
    build_triples,
    official_split,
    read_peld,
    scenes,
    sentiment,
    write_peld,
)
from rapport.persona.affect import EKMAN7
from rapport.persona.errors import ComponentError, InputError

MELD = """Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime
1,"Well, that\u2019s new!",Monica,surprise,positive,0,0,4,7,"00:20:57,256","00:21:00,049"
2,I made it.,Joey,joy,positive,0,1,4,7,"00:21:01,927","00:21:03,261"
3,  It is burnt.  ,Monica,Sadness,negative,0,2,4,7,"00:21:04,000","00:21:05,000"
4,"A ""bit"".",Joey,neutral,neutral,0,3,4,7,"00:21:06,000","00:21:07,000"
5,Hello?,Gunther,neutral,neutral,10,0,4,7,"00:22:06,000","00:22:07,000"
6,Closed.,Rachel,anger,negative,2,0,4,7,"00:23:06,000","00:23:07,000"
"""
EMORY = """Utterance,Speaker,Emotion,Scene_ID,Utterance_ID,Season,Episode,StartTime,EndTime
Who took it?,['Ross Geller'],Mad,2,1,1,1,00:00:01.000,00:00:02.000
Not me.,"['Phoebe Buffay', 'Joey Tribbiani']",Scared,2,2,1,1,00:00:03.000,00:00:04.000
Right.,['Ross Geller'],Neutral,2,3,1,1,00:00:05.000,00:00:06.000
Fine.,['Phoebe Buffay'],Peaceful,2,4,1,1,00:00:07.000,00:00:08.000
First scene.,['Phoebe Buffay'],Joyful,1,1,1,1,00:00:00.000,00:00:00.500
"""


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def test_meld_as_released(tmp_path: Path):
    for encoding, text in (("utf-8", MELD), ("utf-8-sig", MELD.replace("\n", "\r\n"))):
        dialogues = read_meld(write(tmp_path / "dev_sent_emo.csv", text, encoding))
        assert [(d.name, len(d.turns)) for d in dialogues] == [("0", 4), ("10", 1), ("2", 1)]
        assert [turn.label for turn in dialogues[0].turns] == ["surprise", "joy", "sadness", "neutral"]
        assert dialogues[0].turns[0].text == "Well, that\u2019s new!"
        assert dialogues[0].turns[3].text == 'A "bit".'
    assert plain_punctuation("that\u2019s \x92new\x85") == "that's 'new..."


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("Dialogue_ID", "Dialog", "line 1: no column Dialogue_ID; MELD has the columns Utterance, Speaker"),
        ("joy,positive", ",positive", "line 3: no Emotion; expected one of anger, disgust, fear, joy"),
        ("joy,positive", "glee,positive", "line 3: unknown Emotion 'glee'"),
        ("positive,0,1", "positive,a,1", "line 3: Dialogue_ID must be a whole number, got 'a'"),
    ],
)
def test_a_line_that_is_not_meld_is_named(tmp_path: Path, old: str, new: str, says: str):
    file = write(tmp_path / "dev_sent_emo.csv", MELD.replace(old, new))
    with pytest.raises(InputError, match=says):
        read_meld(file)


def test_emorynlp_as_released(tmp_path: Path):
    dialogues = read_emorynlp(write(tmp_path / "emorynlp_dev_final.csv", EMORY))
    assert [(d.name, [t.speaker for t in d.turns]) for d in dialogues] == [
        ("1/1/2", ["Ross", "Phoebe", "Ross", "Phoebe"]),
        ("1/1/1", ["Phoebe"]),
    ]
    assert dialogues[0].turns[1].label == "scared"
    with pytest.raises(InputError, match="line 2: Speaker must be a list of names"):
        read_emorynlp(write(tmp_path / "x.csv", EMORY.replace("['Ross Geller'],Mad", "Ross,Mad")))
    with pytest.raises(InputError, match="line 2: Speaker must be a list of names"):
        read_emorynlp(write(tmp_path / "x.csv", EMORY.replace("['Ross Geller'],Mad", "__import__('os'),Mad")))


def dailydialog(folder: Path, texts: str, labels: str, part: str = "train") -> Path:
    folder.mkdir(exist_ok=True)
    write(folder / f"dialogues_emotion_{part}.txt", labels)
    write(folder / f"dialogues_act_{part}.txt", "1 1 \n")
    return write(folder / f"dialogues_{part}.txt", texts)


def test_dailydialog_as_released(tmp_path: Path):
    texts = "Hi , Jim . __eou__ Hello ! __eou__\nOne . __eou__ Two . __eou__ Three . __eou__\n What ? __eou__\n"
    file = dailydialog(tmp_path / "train", texts, "0 4 \n6 0 \n5 \n")
    for path in (file, file.parent):
        dialogues, notes = read_dailydialog(path)
        assert [(d.name, [(t.speaker, t.text, t.label) for t in d.turns]) for d in dialogues] == [
            ("1", [("A", "Hi , Jim .", "neutral"), ("B", "Hello !", "joy")]),
            ("3", [("A", "What ?", "sadness")]),
        ]
        assert notes == ["dialogues_train.txt, line 2 (dialogue 1 counted from 0): 3 utterances and 2 labels; left out"]


def test_dailydialogs_whole_file_has_another_name(tmp_path: Path):
    write(tmp_path / "dialogues_text.txt", "Hi . __eou__\r\n")
    write(tmp_path / "dialogues_emotion.txt", "1\r\n")
    assert read_dailydialog(tmp_path)[0][0].turns[0].label == "anger"


def test_broken_dailydialog_is_named(tmp_path: Path):
    good = "Hi . __eou__\n"
    file = dailydialog(tmp_path, good, "7\n")
    with pytest.raises(InputError, match=r"dialogues_emotion_train.txt, line 1: expected emotion ids 0-6"):
        read_dailydialog(file)
    with pytest.raises(InputError, match="holds labels; give dialogues_"):
        read_dailydialog(tmp_path / "dialogues_emotion_train.txt")
    dailydialog(tmp_path, good + good, "0\n")
    with pytest.raises(InputError, match=r"has 2 dialogues, .* labels 1"):
        read_dailydialog(file)
    dailydialog(tmp_path, "Hi .\n", "0\n")
    with pytest.raises(InputError, match="line 1: no __eou__"):
        read_dailydialog(file)
    dailydialog(tmp_path, good, "0 0\n")
    with pytest.raises(InputError, match="no dialogue with as many labels as utterances"):
        read_dailydialog(file)
    (tmp_path / "dialogues_emotion_train.txt").unlink()
    with pytest.raises(InputError, match=r"dialogues_emotion_train.txt was expected as a file and is not there"):
        read_dailydialog(file)
    dailydialog(tmp_path, good, "0\n", "test")
    with pytest.raises(InputError, match=r"found dialogues_test.txt, dialogues_train.txt; name one of them"):
        read_dailydialog(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="found no dialogues_"):
        read_dailydialog(tmp_path / "empty")
    with pytest.raises(InputError, match="DailyDialog's texts are called"):
        read_dailydialog(tmp_path / "talk.txt")


ED = """conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags
hit:0_conv:1,1,sentimental,An old photo_comma_ found.,10,I found a photo_comma_ an "old" one.,5|5|5_2|2|5,
hit:0_conv:1,2,sentimental,An old photo_comma_ found.,11,Who is on it?,5|5|5_2|2|5,
hit:0_conv:1,3,sentimental,An old photo_comma_ found.,10,My aunt.,5|5|5_2|2|5,
hit:0_conv:2,1,afraid,A noise.,3,I heard a noise.,,,one_comma_ two|three
"""


def test_empatheticdialogues_csv_as_released(tmp_path: Path):
    first, second = read_empatheticdialogues(write(tmp_path / "test.csv", ED))
    assert [(t.speaker, t.text) for t in first.turns] == [
        ("speaker", 'I found a photo, an "old" one.'),
        ("listener", "Who is on it?"),
        ("speaker", "My aunt."),
    ]
    assert {t.label for t in first.turns} == {"sentimental"}
    assert first.turns[0].attributes == {"situation": "An old photo, found."}
    assert second.turns[0].label == "afraid"


def test_empatheticdialogues_json_lines(tmp_path: Path):
    turns = [{"speaker": "speaker", "text": "I won.", "auto_label": "x"}, {"speaker": "listener", "text": "Great!"}]
    line = {"conv_id": "hit:1", "emotion": "proud", "situation": "1", "split": "dev", "turns": turns}
    (dialogue,) = read_empatheticdialogues(write(tmp_path / "dev.jsonl", json.dumps(line) + "\n"))
    assert [(t.speaker, t.text, t.label) for t in dialogue.turns] == [
        ("speaker", "I won.", "proud"),
        ("listener", "Great!", "proud"),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (ED.replace("prompt", "situation"), "line 1: expected the columns conv_id, utterance_idx, context, prompt"),
        (ED.splitlines()[0], "has a header and no rows"),
        (ED.replace("photo_comma_ an", "photo, an"), None),
        (ED.replace("found.,10,I", "found.,10,,,I"), "line 2: 10 fields; expected 8 or 9 by commas"),
        (ED.replace("afraid", "scared"), "line 5: unknown context 'scared'"),
        (ED.replace("afraid", ""), "line 5: no context"),
        ('{"conv_id": "a"}\n', "line 1: expected a JSON object with conv_id, emotion"),
        ('{"conv_id": \n', "line 1: expected a JSON object"),
    ],
)
def test_broken_empatheticdialogues_is_named(tmp_path: Path, text: str, says: str | None):
    file = write(tmp_path / "test.csv", text)
    if says is None:  # nine fields are a line with candidates: the text ends at the comma, as in the released reader
        assert read_empatheticdialogues(file)[0].turns[0].text == "I found a photo"
        return
    with pytest.raises(InputError, match=says):
        read_empatheticdialogues(file)


CPED = """TV_ID,Dialogue_ID,Utterance_ID,Speaker,Gender,Age,Neuroticism,Extraversion,Openness,Agreeableness,\
Conscientiousness,Scene,FacePosition_LU,FacePosition_RD,Sentiment,Emotion,DA,Utterance
32,32_000,32_000_000,甲,female,young,high,high,low,high,high,car,335_103,493_312,negative,astonished,question,怎么 了
32,32_000,32_000_001,乙,male,young,low,unknown,low,high,high,car,0_0,0_0,positive,positive-other,answer,没事
33,33_000,33_000_000,甲,male,elderly,low,low,low,low,low,home,0_0,0_0,neutral,neutral,greeting,你好
"""


def test_cped_as_released(tmp_path: Path):
    dialogues = read_cped(write(tmp_path / "valid_split.csv", CPED, "utf-8-sig"))
    assert [[t.speaker for t in d.turns] for d in dialogues] == [["32/甲", "32/乙"], ["33/甲"]]
    assert [t.label for d in dialogues for t in d.turns] == ["astonished", "positive-other", "neutral"]
    turn = dialogues[0].turns[0]
    assert turn.attributes is not None and turn.attributes["Neuroticism"] == "high" and turn.text == "怎么 了"
    with pytest.raises(InputError, match="line 1: no column DA; CPED has the columns TV_ID"):
        read_cped(write(tmp_path / "x.csv", CPED.replace(",DA,", ",Act,")))
    with pytest.raises(InputError, match="line 3: unknown Emotion 'relieved'"):
        read_cped(write(tmp_path / "x.csv", CPED.replace("positive-other", "relieved")))


def test_reccon_as_released(tmp_path: Path):
    turn = {"turn": 1, "speaker": "A", "utterance": "Great !", "emotion": "happiness", "type": ["no-context"]}
    file = write(tmp_path / "valid.json", json.dumps({"va_1": [[turn]]}))
    assert read_reccon(file) == {"va_1": [turn]}
    for text, says in (
        ("{", "line 1: broken JSON"),
        ("[]", "expected RECCON's JSON"),
        ('{"va_1": []}', "dialogue va_1: expected a list that holds a list of turns"),
        ('{"va_1": [[{"utterance": 1, "emotion": "x"}]]}', "dialogue va_1"),
    ):
        with pytest.raises(InputError, match=says):
            read_reccon(write(tmp_path / "broken.json", text))


PELD = (
    "Speaker_1\tSpeaker_2\tPersonality\tUtterance_1\tUtterance_2\tUtterance_3\tEmotion_1\tEmotion_2\tEmotion_3\t"
    "Sentiment_1\tSentiment_2\tSentiment_3\n"
    'Monica\tJoey\t[0.713, 0.457, 0.457, 0.66, 0.511]\t"You said ""never""."\tI forgot.\tAgain.\tanger\tfear\t'
    "sadness\tnegative\tnegative\tnegative\n"
)


def test_peld_as_released(tmp_path: Path):
    (triple,) = read_peld(write(tmp_path / "Dyadic_PELD.tsv", PELD))
    assert triple == Triple(
        "Monica", "Joey", ROLES["Monica"], ('You said "never".', "I forgot.", "Again."), ("anger", "fear", "sadness")
    )
    assert triple.big_five.neuroticism == 0.511 and triple.big_five.openness == 0.713
    write_peld([triple], tmp_path / "again.tsv")
    assert (tmp_path / "again.tsv").read_text("utf-8") == PELD


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("Emotion_3", "Emotion", "line 1: no column Emotion_3; PELD has the columns Speaker_1"),
        ("\tsadness", "\t", "line 2: no Emotion_3"),
        ("\tsadness", "\tsorrow", "line 2: unknown Emotion_3 'sorrow'"),
        ("[0.713, ", "[", "line 2: Personality must be five numbers"),
        ("0.713", "1.713", r"line 2: every trait of Personality must lie in \[0, 1\]"),
        ("[0.713, 0.457, 0.457, 0.66, 0.511]", "__import__('os')", "line 2: Personality must be five numbers"),
        ("\tAgain.", "", "line 2: 11 fields"),
    ],
)
def test_a_line_that_is_not_peld_is_named(tmp_path: Path, old: str, new: str, says: str):
    with pytest.raises(InputError, match=says):
        read_peld(write(tmp_path / "Dyadic_PELD.tsv", PELD.replace(old, new)))


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "meld": (MELD, read_meld),
    "emorynlp": (EMORY, read_emorynlp),
    "empatheticdialogues": (ED, read_empatheticdialogues),
    "cped": (CPED, read_cped),
    "peld": (PELD, read_peld),
    "reccon": ('{"a": [[{"utterance": "x", "emotion": "y"}]]}\n', read_reccon),
}


@pytest.mark.parametrize("corpus", READERS)
def test_a_byte_order_mark_and_carriage_returns_change_nothing(tmp_path: Path, corpus: str):
    text, read = READERS[corpus]
    expected = read(write(tmp_path / "plain", text))
    assert read(write(tmp_path / "bom", text, "utf-8-sig")) == expected
    assert read(write(tmp_path / "crlf", text.replace("\n", "\r\n"))) == expected


@pytest.mark.parametrize("corpus", READERS)
def test_an_empty_file_is_named(tmp_path: Path, corpus: str):
    with pytest.raises(InputError, match=r"empty.file is empty"):
        READERS[corpus][1](write(tmp_path / "empty.file", "\r\n"))


def test_triples_are_built_as_peld_was(tmp_path: Path):
    meld = read_meld(write(tmp_path / "train_sent_emo.csv", MELD))
    emory = read_emorynlp(write(tmp_path / "emorynlp_train_final.csv", EMORY))
    built = build_triples([meld, meld], [emory])
    assert built == [
        # Monica is at both ends, non-ASCII becomes a space, ends are stripped; the second copy is a duplicate.
        Triple(
            "Monica", "Joey", ROLES["Monica"],
            ("Well, that s new!", "I made it.", "It is burnt."), ("surprise", "joy", "sadness"),
        ),
        Triple(
            "Joey", "Monica", ROLES["Joey"],
            ("I made it.", "It is burnt.", 'A "bit".'), ("joy", "sadness", "neutral"),
        ),
        # EmoryNLP's labels are renamed; the next triple has "Peaceful" and is dropped.
        Triple(
            "Ross", "Phoebe", ROLES["Ross"], ("Who took it?", "Not me.", "Right."), ("anger", "fear", "neutral")
        ),
    ]  # fmt: skip
    assert [sentiment(e) for e in ("surprise", "neutral", "disgust")] == ["positive", "neutral", "negative"]


def test_a_third_person_or_no_main_role_makes_no_triple(tmp_path: Path):
    rows = [("Ross", "a"), ("Ross", "b"), ("Ross", "c"), ("Paul", "d"), ("Joey", "e"), ("Paul", "f"), ("Ross", "g")]
    header = "Utterance,Speaker,Emotion,Dialogue_ID,Utterance_ID\n"
    lines = "".join(f"{text},{who},joy,0,{k}\n" for k, (who, text) in enumerate(rows))
    assert build_triples([read_meld(write(tmp_path / "m.csv", header + lines))], []) == []


def triple(*utterances: str, third: str = "joy") -> Triple:
    u1, u2, u3 = utterances
    return Triple("Joey", "Ross", ROLES["Joey"], (u1, u2, u3), ("joy", "joy", third))


def test_overlapping_triples_are_one_scene():
    rows = [
        triple("a", "b", "c"),
        triple("x", "b", "y"),
        triple("c", "d", "e"),
        triple("b", "c", "d"),
        triple("q", "x", "b"),
    ]
    numbers = scenes(rows).tolist()
    assert numbers[0] == numbers[2] == numbers[3]
    assert numbers[1] == numbers[4] != numbers[0]


def test_the_official_split_takes_a_tenth_twice_by_third_emotion():
    pytest.importorskip("sklearn")
    rows = [triple("a", "b", str(k), third=("joy", "fear", "neutral")[k % 3]) for k in range(300)]
    train, valid, test = official_split(rows)
    assert (len(train), len(valid), len(test)) == (243, 27, 30)
    assert sorted(train + valid + test) == list(range(300))
    for part, each in ((valid, 9), (test, 10)):
        assert [sum(i % 3 == k for i in part) for k in range(3)] == [each] * 3
    assert official_split(rows) == (train, valid, test)
    with pytest.raises(InputError, match="cannot be split as PELD was"):
        official_split(rows[:4])


def test_the_official_split_has_the_published_sizes():
    pytest.importorskip("sklearn")
    whole = {"neutral": 2771, "joy": 1123, "anger": 858, "surprise": 634, "sadness": 493, "fear": 487, "disgust": 144}
    rows = [triple("a", "b", "c", third=label) for label, n in whole.items() for _ in range(n)]
    train, valid, test = official_split(rows)
    assert (len(train), len(valid), len(test)) == (5273, 586, 651)
    counts = {label: sum(rows[i].emotions[2] == label for i in test) for label in whole}
    assert counts["neutral"] == 277 and counts["joy"] == 112 and counts["surprise"] == 63
    true = [EKMAN7.index(rows[i].emotions[2]) for i in test]
    constant = [EKMAN7.index("neutral")] * len(test)
    assert weighted_f1(true, constant, 7) == pytest.approx(0.2540, abs=5e-5)
    assert weighted_f1(constant, true, 7) == pytest.approx(0.5970, abs=5e-5)


def test_the_official_split_names_the_extra_it_needs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.model_selection", None)
    with pytest.raises(ComponentError, match=r'pip install "rapport-agent\[train\]", or use --split given'):
        official_split([triple("a", "b", "c")])
