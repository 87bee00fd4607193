"""Sessions that are there already, measured: runs of this program, Thousand Voices of Trauma, DeepDialogue.

One folder is compared by its therapists, several are compared with each other. Two sessions have the same client when
their profiles are the same and stand under the same number: only then are therapists compared case by case.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from rapport.apps.simulate.case import CaseProfile
from rapport.apps.simulate.layouts import layout_of, read_any
from rapport.apps.simulate.records import SessionRecord
from rapport.apps.simulate.report_sessions import SAMPLES
from rapport.apps.simulate.runner import Measured, measured_of
from rapport.apps.simulate.summary import Study, summary_of
from rapport.persona.errors import InputError

BATCH = 64
"""Sessions whose words are read for feelings at a time."""
SOURCES: Mapping[str, str] = {
    "jsonl": "sessions of this program",
    "thousand-voices": "Thousand Voices of Trauma (arXiv 2504.13955): CC BY-NC 4.0, not for consumer use, diagnosis or "
    "unsupervised clinical use",
    "deepdialogue": "DeepDialogue (arXiv 2505.19978): two language models; LLM1 is taken for the therapist",
}
"""Where sessions come from, with what their authors ask for."""

FeelingReader = Callable[[Sequence[SessionRecord]], list[SessionRecord]]
"""Gives sessions back with the feelings in their words."""


@dataclass
class Evaluated:
    """Sessions of one or more sources, measured."""

    measured: list[Measured] = field(default_factory=list[Measured])
    cases: dict[int, CaseProfile] = field(default_factory=dict[int, CaseProfile])
    samples: dict[str, list[SessionRecord]] = field(default_factory=dict[str, list[SessionRecord]])
    """The first sessions of every therapist, to look into."""
    sources: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    protocols: set[str] = field(default_factory=set[str])
    drawn: bool = True
    """Whether all clients were drawn by this program: of others personality is not known."""

    def summary(
        self, baseline: str | None = None, reference: Mapping[str, Sequence[float]] | None = None
    ) -> dict[str, Any]:
        """Means with intervals, comparisons, and what is published beside them.

        Raises:
            InputError: no therapist is called like `baseline`, or the reference has none of the clients.
        """
        therapists = list(self.samples)
        if baseline is not None and baseline not in therapists:
            raise InputError(f"--baseline: there is no {baseline!r}; choose one of {', '.join(therapists)}")
        return summary_of(
            self.measured,
            Study({"sources": self.sources}, frozenset(self.protocols), self.cases, traits=self.drawn,
                  baseline=baseline or "", reference=reference),
        )  # fmt: skip

    def to_look_into(self) -> list[SessionRecord]:
        """A few sessions of every therapist."""
        each = max(1, SAMPLES // max(1, len(self.samples)))
        return [session for kept in self.samples.values() for session in kept[:each]]


def evaluate(
    sources: Sequence[Path], feelings: FeelingReader | None = None, told: Callable[[int], None] | None = None
) -> Evaluated:
    """Read and measure every session of some files and folders.

    Args:
        feelings: reads the feelings in all words, so that sources can be compared; without it they are as recorded,
            and transcripts that record none have none.
        told: told how many sessions are done.

    Raises:
        InputError: a source is named twice, holds nothing that is known, or is damaged.
    """
    reading = numbered(sources)
    found = Evaluated(sources=[_source(source) for source in sources])
    while batch := list(islice(reading, BATCH)):
        records = [session for _, session in batch]
        if feelings is not None:
            records = feelings(records)
        for (source, _), session in zip(batch, records, strict=True):
            found.measured.append(replace(measured_of(session), client=_client(session)))
            if session.profile is not None:
                found.cases[session.case] = session.profile
            found.protocols.add(session.protocol)
            found.drawn &= session.seed is not None
            kept = found.samples.setdefault(session.therapist, [])
            if len(kept) < SAMPLES:
                kept.append(session)
            found.sources[source]["sessions"] += 1
        if told is not None:
            told(len(found.measured))
    for source in found.sources:
        if not source["sessions"]:
            raise InputError(f"{source['path']}: holds no sessions")
    return found


def numbered(sources: Sequence[Path]) -> Iterator[tuple[int, SessionRecord]]:
    """Sessions with the number of their source; therapists have names that tell them apart, and cases numbers that are
    the same for the same client alone. The same sources give the same names and numbers.

    Raises:
        InputError: see `evaluate`.
    """
    names = _names(sources)
    numbers: dict[object, int] = {}
    seen: Counter[tuple[str, str, int]] = Counter()
    for k, source in enumerate(sources):
        for session in read_any(source):
            who = session.therapist or session.writers.get("therapist", "") or "therapist"
            name = f"{names[k]}: {who}" if len(sources) > 1 and who != names[k] else who
            about = None if session.profile is None else session.profile.model_dump_json()
            # Without a profile only the source and the place in it tell clients apart.
            client: object = (session.case, about) if about is not None else (k, session.case, session.title)
            case = numbers.setdefault(client, len(numbers))
            seen[name, session.session, case] += 1
            if (again := seen[name, session.session, case]) > 1:
                case = numbers.setdefault((client, name, again), len(numbers))
            original = {**session.foreign, "client": str(session.case + 1)}
            yield k, session.model_copy(update={"therapist": name, "case": case, "foreign": original})


def _client(session: SessionRecord) -> str:
    return str(session.foreign["client"])


def _names(sources: Sequence[Path]) -> list[str]:
    """Short names that differ: of the folder or file, or the whole path where those are the same."""
    resolved = [source.resolve() for source in sources]
    for path, n in Counter(resolved).items():
        if n > 1:
            raise InputError(f"{path} is named twice; compare it with another folder")
    short = [path.stem if path.is_file() else path.name for path in resolved]
    return short if len(set(short)) == len(short) else [str(source) for source in sources]


def _source(path: Path) -> dict[str, Any]:
    layout = layout_of(path)
    return {"path": str(path), "layout": layout, "about": SOURCES[layout], "sessions": 0}
