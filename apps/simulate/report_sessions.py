"""Single sessions of a run to look into: the part of the report that moves with the cursor."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import Any

from rapport.apps.simulate.figures import legend
from rapport.apps.simulate.records import SessionRecord, read_line

SAMPLES = 36
"""Sessions that can be looked into; all of them would make the page too large."""

_THERAPIST = re.compile(r'"therapist":"([^"]*)"')


def explorer(source: Path | Iterable[SessionRecord]) -> str:
    """The section, with its sessions as JSON for the page's script: some of a file, or those that are given. Empty
    without sessions."""
    records = _some_of(source) if isinstance(source, Path) else source
    sessions = [_sample(record) for record in records]
    if not sessions:
        return ""
    options = "".join(f"<option>{escape(s['id'])}</option>" for s in sessions)
    data = json.dumps(sessions, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return (
        f'<h2>Single sessions</h2><p class="small">{len(sessions)} of all. Point at the drawing, or step with the '
        "arrow keys.</p>"
        f'<div class="live"><select id="pick" aria-label="session">{options}</select><p id="who" class="small"></p>'
        '<svg id="timeline" viewBox="0 0 1000 336" tabindex="0" role="img" aria-label="Both over the session"></svg>'
        f"{legend({'client': '#d55e00', 'therapist': '#0072b2', 'trust': '#009e73'})}"
        '<div id="words"><div id="said-t" style="--c:#0072b2"><b></b><br><span></span></div>'
        '<div id="said-c" style="--c:#d55e00"><b></b><br><span></span></div></div>'
        '<details><summary>The whole transcript</summary><div id="transcript"></div></details></div>'
        f'<script type="application/json" id="sessions">{data}</script>'
    )


def _some_of(path: Path) -> Iterator[SessionRecord]:
    """The first cases of every therapist."""
    lines: dict[str, list[str]] = {}
    with path.open(encoding="utf-8") as file:
        for line in file:
            match = _THERAPIST.search(line)
            kept = lines.setdefault(match[1] if match else "", [])
            if len(kept) < SAMPLES:
                kept.append(line)
    each = max(1, SAMPLES // max(1, len(lines)))
    for kept in lines.values():
        for line in kept[:each]:
            yield read_line(line, str(path))


def _sample(session: SessionRecord) -> dict[str, Any]:
    """As the page's script reads it. Turns of a transcript without times stand one after the other."""
    timed, felt = any(turn.end_s > 0 for turn in session.turns), any(any(turn.vad) for turn in session.turns)
    case = session.profile
    # Personality is known of clients that were drawn here alone.
    traits = "" if case is None or session.seed is None else (
        "; " + ", ".join(f"{name} {value:.2f}" for name, value in case.big_five)
    )  # fmt: skip
    about = "" if case is None else (
        f"{case.age}, {case.gender}, {case.occupation}; "
        f"{case.trauma_type if session.protocol == 'pe' else case.problem}; "
        f"{', '.join(case.exhibited_behaviors)}{traits}. {session.stopped or session.failed}"
    )  # fmt: skip
    return {
        "id": f"{session.therapist}, case {session.case + 1}, {session.session} {session.title}",
        "about": about,
        "end": max([1.0, *(turn.end_s for turn in session.turns)]) if timed else max(1, len(session.turns)),
        "timed": timed,
        "turns": [
            {"w": turn.who[0], "x": turn.text, "s": turn.start_s if timed else i, "e": turn.end_s if timed else i + 1,
             "v": turn.vad[0] if felt else None,
             "a": " + ".join(turn.acts) or (turn.feeling if felt else ""), "r": turn.rating,
             "d": None if turn.state is None else turn.state.suds, "u": 0 if turn.state is None else turn.state.trust}
            for i, turn in enumerate(session.turns)
        ],
    }  # fmt: skip
