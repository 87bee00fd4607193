"""What a simulated session leaves behind: every turn with its words, acts, times and the feelings of both.

One session is one line of JSON. `thousand_voices.py` and `deepdialogue.py` write and read the layouts of the
published data sets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rapport.apps.simulate.case import CaseProfile, first_fault
from rapport.persona.errors import InputError

FORMAT: Literal["rapport-simulation/1"] = "rapport-simulation/1"
NOTICE = "Synthetic session, for research and training. Not for diagnosis, nor for use with people without supervision."

Share = float


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClientState(_Record):
    """The client's inner state at the end of a turn: model variables, not measurements. Each in [0, 1] but SUDS."""

    suds: float = Field(ge=0, le=100)
    fear: Share
    activation: Share
    load: Share
    avoidance: Share
    dissociation: Share
    trust: Share
    disclosure: Share
    readiness: Share
    safety: Share


class Turn(_Record):
    """One turn of one of the two."""

    who: Literal["therapist", "client"]
    text: str
    acts: tuple[str, ...] = ()
    stage: str = ""
    start_s: float = Field(default=0.0, ge=0)
    end_s: float = Field(default=0.0, ge=0)
    """Virtual time since the session began; silence after the words belongs to the turn."""
    vad: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """The speaker's emotion at the end of the turn: valence, arousal, dominance in [-1, 1]."""
    mood: tuple[float, float, float] = (0.0, 0.0, 0.0)
    feeling: str = "neutral"
    """What that emotion is called, in Ekman's seven, or what a foreign record calls it."""
    rating: float | None = Field(default=None, ge=0, le=100)
    """The rating told in this turn, 0 to 100."""
    state: ClientState | None = None
    """Client turns of our own sessions have one."""
    flag: str = ""
    """What the safety guard found in the words, e.g. "crisis: suicide"; mostly empty."""


class SessionRecord(_Record):
    """One session."""

    format: Literal["rapport-simulation/1"] = FORMAT
    notice: str = NOTICE
    id: str
    seed: int | None = None
    case: int = 0
    protocol: str = ""
    session: str = ""
    """Its key in the protocol, e.g. "P10"."""
    title: str = ""
    therapist: str = ""
    writers: dict[str, str] = Field(default_factory=dict[str, str])
    """Who wrote each side's words: "rules", or a model's name."""
    scale: int = 100
    """Ratings were asked from 0 to this."""
    profile: CaseProfile | None = None
    """None where a foreign record's profile does not fit ours; see `foreign`."""
    foreign: dict[str, object] = Field(default_factory=dict[str, object])
    """What a foreign record says beyond our fields, as it stood there."""
    turns: tuple[Turn, ...] = ()
    stopped: str = ""
    """Why it ended before its time."""
    attempts: int = 1
    """2 when a writer failed and the session was tried again."""
    failed: str = ""
    """The failure, when the second attempt failed as well; the turns up to it are kept."""

    @property
    def ratings(self) -> tuple[tuple[float, float], ...]:
        """Minute and rating (0 to 100) of every rating."""
        return tuple((turn.end_s / 60.0, turn.rating) for turn in self.turns if turn.rating is not None)

    def line(self) -> str:
        """As one line of JSON with its line end; the same record gives the same bytes."""
        return self.model_dump_json(exclude_defaults=False) + "\n"


def read_line(text: str, source: str) -> SessionRecord:
    """Raises InputError that names the source and what is wrong."""
    try:
        return SessionRecord.model_validate_json(text)
    except ValidationError as error:
        raise InputError(f"{source}: no session of this program: {first_fault(error)}") from None


def read_sessions(path: Path) -> Iterator[SessionRecord]:
    """The sessions of a .jsonl file, one after the other. Raises InputError for a line that is none."""
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield read_line(line, f"{path}:{number}")
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def read_json(path: Path) -> object:
    """A JSON file's content. Raises InputError naming file and line."""
    try:
        if path.stat().st_size > 50_000_000:
            raise InputError(f"{path}: is larger than 50 MB; a conversation is a few kilobytes")
        return json.loads(path.read_text("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: broken JSON at line {error.lineno}: {error.msg}") from None
    except (UnicodeDecodeError, RecursionError):
        raise InputError(f"{path}: is no JSON text in UTF-8") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
