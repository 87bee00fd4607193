"""Thousand Voices of Trauma's layout (arXiv 2504.13955): written, and read with the traps of the released files.

    ThousandVoicesOfTrauma/conversations/{subject}_{phase}_conversation.json
    ThousandVoicesOfTrauma/metadata/{subject}_{phase}_metadata.json

The release is CC BY-NC 4.0, gated, and not for consumer use, diagnosis or unsupervised clinical use: it is read from
where the user keeps it and never copied. Traps: copies named "...(1).json", files called "_conversations.json" in its
README, behaviours as a JSON string, null occupations, age groups in several spellings. A value that our profile does
not know stands in the record's `foreign`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, cast

from rapport.apps.simulate.case import BEHAVIOURS, CaseProfile
from rapport.apps.simulate.records import NOTICE, SessionRecord, Turn, read_json
from rapport.persona.errors import InputError

ROOT = "ThousandVoicesOfTrauma"
PHASES = ("P5", "P6", "P7", "P8", "P10", "P11")
_NAME = re.compile(r"^(?P<subject>\d+)_(?P<phase>P\d+)_conversations?\.json$")
_COPY = re.compile(r" ?\(\d+\)\.json$")


def write_thousand_voices(sessions: Iterable[SessionRecord], out: Path) -> int:
    """Write sessions of prolonged exposure; returns how many. The notice stands in every metadata file.

    Raises:
        InputError: a session of another protocol, or of a second therapist with the same case.
    """
    folders = out / ROOT / "conversations", out / ROOT / "metadata"
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    written: set[str] = set()
    for session in sessions:
        if session.session not in PHASES:
            raise InputError(f"{session.id}: only the six phases {', '.join(PHASES)} have a place in this layout")
        name = f"{session.case + 1}_{session.session}"
        if name in written:
            raise InputError(
                f"{session.id}: this layout holds one therapist; convert each therapist's sessions by itself"
            )
        written.add(name)
        lines = [f"{turn.who.capitalize()}: {turn.text}" for turn in session.turns]
        windows = [lines[i : i + 3] for i in range(len(lines) - 2)]
        _write(folders[0] / f"{name}_conversation.json", {"full_conversation": lines, "three_turn_sequences": windows})
        _write(folders[1] / f"{name}_metadata.json", _metadata(session))
    return len(written)


def _metadata(session: SessionRecord) -> dict[str, Any]:
    case = session.profile
    if case is None:
        return {**session.foreign, "notice": NOTICE}
    return {
        "client_profile": {
            "age": case.age, "age_group": case.age_group, "gender": case.gender,
            "relationship_status": case.relationship_status, "occupation": case.occupation,
            "living_situation": case.living_situation, "ethnicity": case.ethnicity,
            "co_occurring_condition": case.co_occurring_condition,
            "exhibited_behaviors": list(case.exhibited_behaviors),
        },
        "therapist_profile": {"age": case.therapist.age, "gender": case.therapist.gender},
        "trauma_info": {"type": case.trauma_type, "session_topic": case.session_topic},
        "notice": NOTICE,
    }  # fmt: skip


def is_thousand_voices(folder: Path) -> bool:
    """Whether a folder, or the one in it, is in this layout."""
    return _root(folder) is not None


def read_thousand_voices(folder: Path) -> Iterator[SessionRecord]:
    """The sessions of a copy of the data set, by subject and phase. Copies "(1)" are left out.

    Raises:
        InputError: no such layout, or a file that is damaged; the message names the file.
    """
    root = _root(folder)
    if root is None:
        raise InputError(f"{folder}: has no folder conversations/ as Thousand Voices of Trauma has")
    names = [(match, path) for path in (root / "conversations").glob("*.json")
             if not _COPY.search(path.name) and (match := _NAME.match(path.name))]  # fmt: skip
    if not names:
        raise InputError(f"{root / 'conversations'}: no file is called like 1_P5_conversation.json")
    for match, path in sorted(names, key=lambda item: (int(item[0]["subject"]), int(item[0]["phase"][1:]))):
        yield _session(root, int(match["subject"]), match["phase"], path)


def _root(folder: Path) -> Path | None:
    return next((root for root in (folder, folder / ROOT) if (root / "conversations").is_dir()), None)


def _session(root: Path, subject: int, phase: str, path: Path) -> SessionRecord:
    data = read_json(path)
    lines = cast("dict[str, Any]", data).get("full_conversation") if isinstance(data, dict) else None
    if not isinstance(lines, list):
        raise InputError(f"{path}: has no list full_conversation")
    meta_path = root / "metadata" / f"{subject}_{phase}_metadata.json"
    meta = cast("dict[str, Any]", read_json(meta_path)) if meta_path.exists() else {}
    profile, foreign = _profile(meta)
    return SessionRecord(
        id=f"tvt-{subject}-{phase}",
        case=subject - 1,
        protocol="pe",
        session=phase,
        writers={"client": "Thousand Voices of Trauma", "therapist": "Thousand Voices of Trauma"},
        profile=profile,
        foreign=foreign,
        turns=tuple(_turn(line, path, i) for i, line in enumerate(cast("list[Any]", lines), 1)),
    )


def _turn(line: Any, path: Path, number: int) -> Turn:
    head, colon, text = str(line).partition(":")
    who: dict[str, Literal["therapist", "client"]] = {"therapist": "therapist", "client": "client"}
    speaker = who.get(head.strip(" *").lower())
    if not isinstance(line, str) or not colon or speaker is None:
        raise InputError(f"{path}: turn {number} begins neither with 'Therapist:' nor with 'Client:'")
    return Turn(who=speaker, text=text.strip(" *"))


def _profile(meta: Mapping[str, Any]) -> tuple[CaseProfile | None, dict[str, object]]:
    """Our profile where the fields fit, and the metadata as they stood where they do not."""
    client, trauma = dict(meta.get("client_profile") or {}), dict(meta.get("trauma_info") or {})
    behaviours: Any = client.get("exhibited_behaviors") or []
    if isinstance(behaviours, str):
        try:
            behaviours = json.loads(behaviours)
        except json.JSONDecodeError:
            behaviours = [behaviours]
    known = [name for item in cast("list[Any]", behaviours) if (name := _behaviour(str(item))) is not None]
    fields: dict[str, Any] = {
        "age": client.get("age"),
        "gender": str(client.get("gender", "")).lower().replace("nonbinary", "non-binary"),
        "relationship_status": str(client.get("relationship_status", "")).lower(),
        "occupation": client.get("occupation") or "not stated",
        "living_situation": client.get("living_situation") or "not stated",
        "ethnicity": client.get("ethnicity"),
        "co_occurring_condition": client.get("co_occurring_condition") or "None",
        "exhibited_behaviors": tuple(dict.fromkeys(known))[:3],
        "trauma_type": str(trauma.get("type", "")).lower(),
        "session_topic": trauma.get("session_topic"),
        "therapist": meta.get("therapist_profile") or {},
    }
    try:
        return CaseProfile.model_validate(fields), {}
    except ValueError:
        return None, dict(meta)


def _behaviour(name: str) -> str | None:
    plain = name.strip().lower()
    return next(
        (ours for ours in BEHAVIOURS if plain == ours or plain.replace("-", " ") == ours.replace("-", " ")), None
    )


def _write(path: Path, data: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", "utf-8")
