"""`rapport render`: a persona that says a line, or a recorded face, as video, picture, GLB or to a game engine."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[Path | None, typer.Option(help="Write a video with sound (.mp4).")]
Sheet = Annotated[Path | None, typer.Option(help="Write a sheet of feelings, mouths and personas (.png).")]
Still = Annotated[Path | None, typer.Option(help="Write one picture (.png).")]
Glb = Annotated[Path | None, typer.Option(help="Write the head as .glb, with the animation where there is one.")]


def render(
    text: Annotated[str | None, typer.Option(help="What the persona says.")] = None,
    track: Annotated[Path | None, typer.Option(help="A recorded face: a track's .json or a Live Link .csv.")] = None,
    audio: Annotated[Path | None, typer.Option(help="The sound of --track, for --out.")] = None,
    persona: Annotated[str | None, typer.Option(help="A shipped persona or a YAML card; harbor without it.")] = None,
    photo: Annotated[Path | None, typer.Option(help="A photograph of one face to draw instead of the persona.")] = None,
    feeling: Annotated[
        str | None, typer.Option(help="A name such as joy, or valence,arousal,dominance from -1 to 1.")
    ] = None,
    out: Out = None,
    still: Still = None,
    sheet: Sheet = None,
    glb: Glb = None,
    udp: Annotated[str | None, typer.Option(help="Send as Live Link Face to HOST or HOST:PORT, in real time.")] = None,
    at: Annotated[float | None, typer.Option(min=0, help="Seconds at which --still is taken; else half-way.")] = None,
    tier: Annotated[str, typer.Option(help="draft, standard, high or auto.")] = "auto",
    size: Annotated[int, typer.Option(help="Width and height in pixels, a multiple of 16 from 64 to 4096.")] = 512,
    fps: Annotated[float | None, typer.Option(min=1, max=240, help="Frames a second; 25, or the track's own.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Makes blinks and gaze repeat.")] = 0,
) -> None:
    """Draw a persona or a photograph: what it says, a recorded face, a still, a sheet; or send it to a game engine."""
    from rapport.apps.render_job import Job, run

    job = Job(
        text=text, track=track, audio=audio, persona=persona, photo=photo, feeling=feeling, out=out, still=still,
        sheet=sheet, glb=glb, udp=udp, at_s=at, tier=tier, size=size, fps=fps, seed=seed,
    )  # fmt: skip
    asyncio.run(run(job))
