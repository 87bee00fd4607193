"""Readers of public corpora of dialogues, in the files that their authors release."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from rapport.apps.evaluate.tables import fault, label_in, read_csv, read_lines, read_text
from rapport.persona.affect import CPED13, EKMAN7, EMPATHETIC32
from rapport.persona.errors import InputError

EMORY_LABELS = ("joyful", "mad", "neutral", "peaceful", "powerful", "sad", "scared")
DAILY_LABELS = ("neutral", "anger", "disgust", "fear", "joy", "sadness", "surprise")
"""DailyDialog's emotions by their released ids 0-6 (0 is "no emotion", 4 is "happiness"), as EKMAN7 names them."""
CPED_COLUMNS = (
    "TV_ID", "Dialogue_ID", "Utterance_ID", "Speaker", "Gender", "Age", "Neuroticism", "Extraversion", "Openness",
    "Agreeableness", "Conscientiousness", "Scene", "FacePosition_LU", "FacePosition_RD", "Sentiment", "Emotion", "DA",
    "Utterance",
)  # fmt: skip
_WINDOWS_1252 = str.maketrans(
    {"\x85": "...", "\x91": "'", "\x92": "'", "\x93": '"', "\x94": '"', "\x96": "-", "\x97": "-"}
    | {"’": "'", "‘": "'", "“": '"', "”": '"', "…": "..."}
)


@dataclass(frozen=True)
class Turn:
    """One utterance of a dialogue: who says it, the words as released, and the given label in lower case."""

    speaker: str
    text: str
    label: str
    attributes: Mapping[str, str] | None = None
    """The other columns of the release, where it has any."""


@dataclass(frozen=True)
class Dialogue:
    """Turns in the order in which they were said."""

    name: str
    turns: tuple[Turn, ...]


def plain_punctuation(text: str) -> str:
    """The text with typographic quotes and dots as a keyboard types them, and stray Windows-1252 bytes mended."""
    return text.translate(_WINDOWS_1252)


def read_meld(path: Path) -> list[Dialogue]:
    """A split of MELD (Poria et al. 2019, arXiv 1810.02508): CSV such as train_sent_emo.csv, labels of EKMAN7."""
    columns = ("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID")
    return _dialogues(
        (
            str(_number(fields["Dialogue_ID"], path, line, "Dialogue_ID")),
            _turn(fields, fields["Speaker"], label_in(EKMAN7.labels, fields["Emotion"], path, line, "Emotion")),
        )
        for line, fields in read_csv(path, columns, "MELD")
    )


def read_emorynlp(path: Path) -> list[Dialogue]:
    """A split of EmoryNLP (Zahiri & Choi 2018) as CSV such as emorynlp_train_final.csv.

    A dialogue is a scene, called "season/episode/scene". A speaker is released as a list of full names; the turn's is
    the first name of the first, as in MELD.
    """
    columns = ("Utterance", "Speaker", "Emotion", "Scene_ID", "Utterance_ID", "Season", "Episode")
    return _dialogues(
        (
            "/".join(str(_number(fields[name], path, line, name)) for name in ("Season", "Episode", "Scene_ID")),
            _turn(fields, _first_name(fields["Speaker"], path, line),
                  label_in(EMORY_LABELS, fields["Emotion"], path, line, "Emotion")),
        )
        for line, fields in read_csv(path, columns, "EmoryNLP")
    )  # fmt: skip


def read_cped(path: Path) -> list[Dialogue]:
    """A split of CPED (Chen et al. 2022, arXiv 2205.14727), Chinese: CSV of 18 columns, labels of CPED13.

    A speaker is the programme and the name, since names come again in other programmes.
    """
    return _dialogues(
        (
            f"{fields['TV_ID']}/{fields['Dialogue_ID']}",
            _turn(fields, f"{fields['TV_ID']}/{fields['Speaker']}",
                  label_in(CPED13.labels, fields["Emotion"], path, line, "Emotion")),
        )
        for line, fields in read_csv(path, CPED_COLUMNS, "CPED")
    )  # fmt: skip


def read_dailydialog(path: Path) -> tuple[list[Dialogue], list[str]]:
    """A part of DailyDialog (Li et al. 2017, arXiv 1710.03957): dialogues_*.txt, and dialogues_emotion_*.txt beside it.

    `path` is the text file or the folder that holds one. Speakers alternate; they are called A and B.

    Returns:
        The dialogues, and a note on every one that was left out because its turns and labels differ in number.
    """
    texts_path = _dailydialog_texts(path)
    tail = texts_path.name.removeprefix("dialogues")
    labels_path = texts_path.with_name("dialogues_emotion" + (".txt" if tail == "_text.txt" else tail))
    texts, labels = read_lines(texts_path), read_lines(labels_path)
    if len(texts) != len(labels):
        raise InputError(f"{texts_path} has {len(texts)} dialogues, {labels_path} labels {len(labels)}")
    dialogues: list[Dialogue] = []
    notes: list[str] = []
    for (line, text), (label_line, ids) in zip(texts, labels, strict=True):
        if "__eou__" not in text:
            raise fault(texts_path, line, "no __eou__; expected one behind every turn")
        turns = [part.strip() for part in text.split("__eou__") if part.strip()]
        if not all(i in {"0", "1", "2", "3", "4", "5", "6"} for i in ids.split()):
            raise fault(labels_path, label_line, "expected emotion ids 0-6 with spaces between them")
        emotions = [DAILY_LABELS[int(i)] for i in ids.split()]
        if len(turns) != len(emotions):
            notes.append(
                f"{texts_path.name}, line {line} (dialogue {line - 1} counted from 0): {len(turns)} utterances and "
                f"{len(emotions)} labels; left out"
            )
            continue
        said = tuple(Turn("AB"[k % 2], t, e) for k, (t, e) in enumerate(zip(turns, emotions, strict=True)))
        dialogues.append(Dialogue(str(line), said))
    if not dialogues:
        raise InputError(f"{texts_path} has no dialogue with as many labels as utterances")
    return dialogues, notes


def read_empatheticdialogues(path: Path) -> list[Dialogue]:
    """A part of EmpatheticDialogues (Rashkin et al. 2019, arXiv 1811.00207): the released CSV, or JSON lines.

    The speaker, who describes a situation of their own, is "speaker", the other "listener"; every turn has the label
    of the situation, one of EMPATHETIC32. The CSV is not quoted: `_comma_` stands for a comma in a text.
    """
    lines = read_lines(path)
    return _ed_json(path, lines) if lines[0][1].lstrip().startswith("{") else _ed_csv(path, lines)


def read_reccon(path: Path) -> dict[str, list[dict[str, Any]]]:
    """A part of RECCON (Poria et al. 2021, arXiv 2012.11820): the turns of each dialogue, as released.

    A turn has turn (from 1), speaker, utterance, emotion; one with an emotion also "expanded emotion cause evidence"
    (numbers of turns), "expanded emotion cause span" (texts) and type.
    """
    try:
        data: object = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise fault(path, error.lineno, f"broken JSON ({error.msg})") from None
    except RecursionError:
        raise InputError(f"{path}: is nested too deeply to be RECCON's JSON") from None
    if not isinstance(data, dict) or not data:
        raise InputError(f"{path}: expected RECCON's JSON, an object of dialogues by their names")
    out: dict[str, list[dict[str, Any]]] = {}
    for name, value in cast("dict[str, Any]", data).items():
        try:
            turns = [dict(turn) for turn in value[0]]
            if not all(isinstance(turn["utterance"], str) and isinstance(turn["emotion"], str) for turn in turns):
                raise TypeError
        except (TypeError, KeyError, IndexError, ValueError):
            raise InputError(
                f"{path}: dialogue {name}: expected a list that holds a list of turns, each with utterance and emotion"
            ) from None
        out[name] = turns
    return out


def _turn(fields: Mapping[str, str], speaker: str, label: str) -> Turn:
    return Turn(speaker, fields["Utterance"], label, fields)


def _dialogues(turns: Iterable[tuple[str, Turn]]) -> list[Dialogue]:
    grouped: dict[str, list[Turn]] = {}
    for name, turn in turns:
        grouped.setdefault(name, []).append(turn)
    return [Dialogue(name, tuple(said)) for name, said in grouped.items()]


def _number(given: str, path: Path, line: int, column: str) -> int:
    try:
        return int(given)
    except ValueError:
        raise fault(path, line, f"{column} must be a whole number, got {given!r}") from None


def _first_name(given: str, path: Path, line: int) -> str:
    try:
        names: object = ast.literal_eval(given)
        return cast("list[str]", names)[0].split()[0]
    except (ValueError, SyntaxError, TypeError, IndexError, AttributeError, KeyError):
        raise fault(path, line, f"Speaker must be a list of names such as ['Monica Geller'], got {given!r}") from None


def _dailydialog_texts(path: Path) -> Path:
    if not path.is_dir():
        if path.name.startswith(("dialogues_emotion", "dialogues_act", "dialogues_topic")):
            raise InputError(f"{path} holds labels; give dialogues_*.txt, the texts, or the folder of both")
        if not path.name.startswith("dialogues"):
            raise InputError(f"{path}: DailyDialog's texts are called dialogues_*.txt; give that file or its folder")
        return path
    found = [
        file
        for file in sorted(path.glob("dialogues_*.txt"))
        if not file.name.startswith(("dialogues_emotion", "dialogues_act", "dialogues_topic"))
    ]
    if len(found) != 1:
        what = "no dialogues_*.txt" if not found else f"{', '.join(file.name for file in found)}; name one of them"
        raise InputError(f"{path}: expected one text file of DailyDialog, found {what}")
    return found[0]


_ED_COLUMNS = ("conv_id", "utterance_idx", "context", "prompt", "speaker_idx", "utterance", "selfeval", "tags")


def _ed_csv(path: Path, lines: Sequence[tuple[int, str]]) -> list[Dialogue]:
    (first, header), *rest = lines
    if tuple(name.strip() for name in header.split(","))[: len(_ED_COLUMNS)] != _ED_COLUMNS:
        raise fault(path, first, f"expected the columns {', '.join(_ED_COLUMNS)} of EmpatheticDialogues, or JSON lines")
    if not rest:
        raise InputError(f"{path} has a header and no rows")
    found: list[tuple[str, Turn]] = []
    opener: dict[str, str] = {}
    for line, content in rest:
        fields = content.split(",")
        # The validation and test files carry candidates for retrieval as a ninth field.
        if len(fields) not in (8, 9):
            raise fault(path, line, f"{len(fields)} fields; expected 8 or 9 by commas, with _comma_ inside texts")
        name, _, emotion, situation, who, text, *_ = (field.replace("_comma_", ",") for field in fields)
        speaker = "speaker" if opener.setdefault(name, who) == who else "listener"
        label = label_in(EMPATHETIC32.labels, emotion, path, line, "context")
        found.append((name, Turn(speaker, text, label, {"situation": situation})))
    return _dialogues(found)


def _ed_json(path: Path, lines: Sequence[tuple[int, str]]) -> list[Dialogue]:
    out: list[Dialogue] = []
    for line, content in lines:
        try:
            data: dict[str, Any] = json.loads(content)
            label = label_in(EMPATHETIC32.labels, str(data["emotion"]), path, line, "emotion")
            situation = {"situation": str(data["situation"])}
            turns = tuple(Turn(str(t["speaker"]), str(t["text"]), label, situation) for t in data["turns"])
            out.append(Dialogue(str(data["conv_id"]), turns))
        except (json.JSONDecodeError, KeyError, TypeError):
            raise fault(
                path, line, "expected a JSON object with conv_id, emotion, situation and turns of speaker and text"
            ) from None
    return out
