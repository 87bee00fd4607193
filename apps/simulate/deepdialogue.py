"""DeepDialogue's layout (arXiv 2505.19978): dialogues with an emotion per turn, in JSON.

    data/dialogues_{A}_{B}/{domain}_{i}_{turns}.json
    {"domain", "timestamp", "model1", "model2", "conversation": [{"speaker": "LLM1|LLM2", "text", "emotion"}]}

Beside a dialogue may lie a folder of its name with `{id}_full.wav` and segments/{NNN}_{LLMk}_{emotion}.wav. Here LLM1
is the therapist. Feelings are written in the data set's own labels; the table between them and Ekman's seven is ours.
The timestamp is the session's start on virtual time, so that the same run gives the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, cast

from rapport.apps.simulate.records import NOTICE, SessionRecord, Turn, read_json
from rapport.persona.affect import EKMAN7
from rapport.persona.errors import InputError

TIMESTAMP = "1970-01-01T00:00:00"
LABELS: Mapping[str, str] = {
    "joy": "relaxed", "sadness": "sad", "fear": "anxious", "anger": "frustrated", "disgust": "disappointed",
    "surprise": "surprised", "neutral": "curious",
}  # fmt: skip
"""What Ekman's feelings are called there."""
EKMAN: Mapping[str, str] = {
    "amused": "joy", "anxious": "fear", "confused": "surprise", "curious": "neutral", "disappointed": "sadness",
    "enthusiastic": "joy", "excited": "joy", "frustrated": "anger", "grateful": "joy", "happy": "joy",
    "hopeful": "joy", "nostalgic": "sadness", "proud": "joy", "relaxed": "joy", "sad": "sadness",
    "surprised": "surprise", "worried": "fear", "angry": "anger", "disgusted": "disgust", "fearful": "fear",
    "neutral": "neutral",
}  # fmt: skip
"""What its labels, as far as seen in samples, are in Ekman's terms."""

_FILE = re.compile(r"^(?P<domain>.+)_(?P<i>\d+)_(?P<turns>\d+)\.json$")
_PLAIN_FILE = re.compile(r"^(?P<i>\d+)_(?P<turns>\d+)\.json$")


def write_deepdialogue(sessions: Iterable[SessionRecord], out: Path) -> int:
    """Write sessions under data/dialogues_{therapist}_{client}/; returns how many."""
    n = 0
    for session in sessions:
        n += 1
        therapist, client = _writers(session)
        path = dialogue_path(session, out)
        path.parent.mkdir(parents=True, exist_ok=True)
        data = {
            "domain": _domain(session),
            "timestamp": TIMESTAMP,
            "model1": f"therapist:{therapist}",
            "model2": f"client:{client}",
            "notice": NOTICE,
            "conversation": [
                {"speaker": "LLM1" if turn.who == "therapist" else "LLM2", "text": turn.text,
                 "emotion": LABELS.get(turn.feeling, turn.feeling)}
                for turn in session.turns
            ],
        }  # fmt: skip
        path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return n


def dialogue_path(session: SessionRecord, out: Path) -> Path:
    """The dialogue's file; its folder of sound has the same name without the suffix."""
    therapist, client = _writers(session)
    folder = out / "data" / f"dialogues_{_part(session.therapist or therapist)}_{client}"
    return folder / f"{_domain(session)}_{session.case + 1}_{len(session.turns)}.json"


def _writers(session: SessionRecord) -> tuple[str, str]:
    """The therapist's and the client's, as parts of file names."""
    return _part(session.writers.get("therapist", "rules")), _part(session.writers.get("client", "rules"))


def read_deepdialogue(folder: Path) -> Iterator[SessionRecord]:
    """Every dialogue below a folder, in the order of paths.

    Raises:
        InputError: there is none, or a file is damaged; the message names the file.
    """
    files = [path for path in sorted(folder.rglob("*.json")) if _FILE.match(path.name) or _PLAIN_FILE.match(path.name)]
    if not files:
        raise InputError(f"{folder}: holds no sessions.jsonl, no conversations/ and no file like Health_3_6.json")
    for number, path in enumerate(files):
        yield read_dialogue(path, number)


def read_dialogue(path: Path, number: int = 0) -> SessionRecord:
    """One dialogue. The first speaker is taken for the therapist. Raises InputError naming the file and the turn."""
    data = read_json(path)
    turns = cast("dict[str, Any]", data).get("conversation") if isinstance(data, dict) else None
    if not isinstance(turns, list):
        raise InputError(f"{path}: has no list conversation")
    told = cast("dict[str, Any]", data)
    match = _FILE.match(path.name) or _PLAIN_FILE.match(path.name)
    return SessionRecord(
        id=f"deepdialogue-{path.stem}",
        case=int(match["i"]) - 1 if match and int(match["i"]) > 0 else number,
        protocol="free",
        session="D1",
        title=str(told.get("domain", "")),
        writers={"therapist": str(told.get("model1", "?")), "client": str(told.get("model2", "?"))},
        foreign={key: value for key, value in told.items() if key != "conversation"},
        turns=tuple(_turn(turn, path, i) for i, turn in enumerate(cast("list[Any]", turns), 1)),
    )


def _turn(turn: Any, path: Path, number: int) -> Turn:
    fields = cast("dict[str, Any]", turn) if isinstance(turn, dict) else {}
    speakers: dict[str, Literal["therapist", "client"]] = {"LLM1": "therapist", "LLM2": "client"}
    who, text = speakers.get(str(fields.get("speaker", "")).strip().upper()), fields.get("text")
    if who is None or not isinstance(text, str):
        raise InputError(f"{path}: turn {number} needs a speaker LLM1 or LLM2 and a text")
    label = str(fields.get("emotion") or "neutral").strip().lower()
    ekman = EKMAN.get(label)
    vad = EKMAN7.points[ekman].as_tuple() if ekman is not None else (0.0, 0.0, 0.0)
    return Turn(who=who, text=text, feeling=ekman or label, vad=vad)


def _domain(session: SessionRecord) -> str:
    return _part(f"{session.protocol}-{session.session}" if session.session else session.protocol or "talk")


def _part(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "-", name).strip("-.") or "x"
