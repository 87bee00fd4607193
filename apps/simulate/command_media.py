"""`--media`: sound or video for the first sessions of a run, with what it will take told before and meanwhile."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from rapport.apps.simulate import media
from rapport.apps.simulate.media import Kind, Media, Studio, make_media, media_path
from rapport.apps.simulate.records import SessionRecord, read_sessions
from rapport.apps.simulate.runner import SESSIONS
from rapport.apps.simulate.session import WORDS_PER_S

MEDIA = "media"
"""The folder of sound and video in a run's folder."""
TURN_PAUSE_S = 0.5
"""What passes between two turns, for the estimate."""


def opened(kind: Kind, quiet: bool) -> Studio:
    """The studio; whatever cannot be measured in it is told."""
    console = Console(stderr=True, quiet=quiet, highlight=False)
    with console.status("waking up voices and faces"):
        studio = media.open_studio(kind)
    if studio.ears is None:
        console.print("nothing here recognises speech and the feeling in it, so neither is measured", style="yellow")
    return studio


def media_to(out: Path, studio: Studio, most: int, quiet: bool = True) -> list[Media]:
    """Sound or video of the first `most` sessions of a run, below its folder; what is there already is left as it is.

    Raises:
        StageError: voice or face failed.
        StorageError: the folder cannot be written.
    """
    console = Console(stderr=True, quiet=quiet, highlight=False)
    reading = read_sessions(out / SESSIONS)
    sessions = list(islice(reading, most))
    seconds_s = [expected_s(session) for session in sessions]
    left, left_s = 0, 0.0
    for session in reading:
        left, left_s = left + 1, left_s + expected_s(session)
    todo = {session.id: expected for session, expected in zip(sessions, seconds_s, strict=True)
            if not media_path(session, studio, out / MEDIA).exists()}  # fmt: skip
    console.print(_plan(len(sessions), seconds_s, todo, left, left_s, studio), soft_wrap=True)
    made: list[Media] = []
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=quiet, transient=True) as bar:
        task = bar.add_task("", total=None)

        def told(what: str, done: int, of: int) -> None:
            bar.update(task, description=what, completed=done, total=of)

        began_s, made_s = time.monotonic(), 0.0
        for one in make_media([s for s in sessions if s.id in todo], studio, out / MEDIA, told):
            made.append(one)
            made_s += one.duration_s
            # The pace of this machine so far, for the sound that is still expected.
            rest_s = sum(list(todo.values())[len(made) :]) * (time.monotonic() - began_s) / made_s
            pace = f"; about {spelled(rest_s)} left" if len(made) < len(todo) else ""
            console.print(
                f"{one.path}: {one.duration_s:.0f} s, {one.turns} turns{_heard(one.heard)}{pace}", soft_wrap=True
            )
    there = len(sessions) - len(todo)
    console.print(
        f"{len(made)} of {len(sessions) + left} sessions performed" + (f"; {there} were there already" if there else "")
    )
    return made


def expected_s(session: SessionRecord) -> float:
    """About how long a session sounds, from its words."""
    return sum(len(turn.text.split()) / WORDS_PER_S + TURN_PAUSE_S for turn in session.turns)


def spelled(seconds_s: float) -> str:
    """A duration as people say it: 40 s, 12 min, 3 h 20 min."""
    minutes = round(seconds_s / 60)
    if minutes < 2:
        return f"{seconds_s:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _plan(
    n: int, seconds_s: Sequence[float], todo: Mapping[str, float], left: int, left_s: float, studio: Studio
) -> str:  # fmt: skip
    drawn = "" if studio.faces is None else ", and without a GPU a video takes longer to draw than to watch"
    told = f"{len(todo)} sessions to perform, about {spelled(sum(todo.values()))} of sound{drawn}"
    if not left:
        return told
    return (
        f"{told}. These are the first {n} of {n + left} sessions; --media-sessions {n + left} performs all, about "
        f"{spelled(sum(seconds_s) + left_s)} of sound"
    )


def _heard(figures: Mapping[str, Any] | None) -> str:
    if figures is None:
        return ""
    told = (("wer", "word error rate"), ("arousal_r", "arousal asked and heard r"))
    return "".join(f", {name} {figures[key]:.2f}" for key, name in told if figures[key] is not None)
