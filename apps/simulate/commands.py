"""The commands `rapport simulate ...`. Each reads its options, and imports what does the work only when it runs.

`rapport simulate FILE` and `rapport simulate --protocol pe ...` mean `rapport simulate run ...`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup


class _RunByDefault(TyperGroup):
    """A group whose command `run` need not be named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in {"--help", "-h"}:
            args = ["run", *args]
        return super().parse_args(ctx, args)


simulate_app = typer.Typer(
    cls=_RunByDefault,
    no_args_is_help=True,
    help="Simulated sessions: clients that feel, therapists with a protocol. `rapport simulate FILE` runs a script.",
)

Seed = Annotated[int | None, typer.Option(min=0, help="Makes everything that is drawn at random repeat.")]


@simulate_app.command()
def run(
    script: Annotated[Path | None, typer.Argument(help="A YAML script; options go over what it says.")] = None,
    protocol: Annotated[str | None, typer.Option(help="pe, supportive, mi, free, or a plug-in's.")] = None,
    cases: Annotated[int | None, typer.Option(min=1, help="How many clients.")] = None,
    seed: Seed = None,
    therapist: Annotated[
        list[str] | None, typer.Option(help="true, interrupting, advising, breathless, reassuring, pushing, absent.")
    ] = None,
    session: Annotated[
        list[str] | None, typer.Option(help="Record this session of the protocol only, e.g. P10; all by default.")
    ] = None,
    exchanges: Annotated[
        int | None, typer.Option(min=1, help="End every session after so many exchanges, two turns each.")
    ] = None,
    media: Annotated[
        Literal["audio", "video"] | None,
        typer.Option(help="Perform the sessions with two voices (audio), or two voices and two faces (video)."),
    ] = None,
    media_sessions: Annotated[
        int, typer.Option(min=1, help="Perform the first so many sessions of the run; the others keep their words.")
    ] = 12,
    out: Annotated[Path | None, typer.Option(help="The folder of the run; one that was interrupted goes on.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; one per core by default.")] = None,
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="Processes of this machine, or a Ray cluster: the same bytes.")
    ] = "local",
    address: Annotated[
        str | None, typer.Option(help="A running Ray cluster, auto or HOST:PORT; one on this machine by default.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Run a script, or what the options say. Without --out, one case is printed."""
    from rapport.apps.simulate.command_run import Performed, Way, run_command

    given = {
        "protocol": protocol, "cases": cases, "seed": seed, "therapists": tuple(therapist) if therapist else None,
        "sessions": tuple(session) if session else None, "stop": {"exchanges": exchanges} if exchanges else None,
    }  # fmt: skip
    performed = None if media is None else Performed(media, media_sessions)
    said = {key: value for key, value in given.items() if value is not None}
    run_command(script, said, out, Way(workers, engine, address), json, performed)


@simulate_app.command()
def play(
    script: Annotated[Path | None, typer.Argument(help="A YAML script.")] = None,
    side: Annotated[Literal["client", "therapist"], typer.Option(help="The side that you take.")] = "therapist",
    protocol: Annotated[str | None, typer.Option(help="pe, supportive, mi, free, or a plug-in's.")] = None,
    session: Annotated[str | None, typer.Option(help="Which session of the protocol; the first by default.")] = None,
    case: Annotated[int, typer.Option(min=1, help="Which client of the seed.")] = 1,
    seed: Seed = None,
    out: Annotated[Path | None, typer.Option(help="Write the session there as one line of JSON.")] = None,
) -> None:
    """Take one side in the terminal, against the simulated client or therapist."""
    from rapport.apps.simulate.play import play_command

    given: dict[str, object] = {"protocol": protocol, "seed": seed}
    play_command(script, {k: v for k, v in given.items() if v is not None}, side, session, case, out)


def evaluate_sessions(
    sources: Annotated[
        list[Path], typer.Argument(help="Runs, .jsonl files, or folders of Thousand Voices of Trauma or DeepDialogue.")
    ],
    baseline: Annotated[
        str | None, typer.Option(help="The therapist whom the others are compared with; the first by default.")
    ] = None,
    emotion: Annotated[
        str | None,
        typer.Option(help="Read the feelings in all words with this component, e.g. minilm, not as recorded."),
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="Intensities by client and phase as JSON, to score trajectories against.")
    ] = None,
    judge: Annotated[
        str | None, typer.Option(help="A chat model that rates sessions too: embedded, langchain:PROVIDER:MODEL.")
    ] = None,
    judge_cases: Annotated[int, typer.Option(min=1, help="Clients of each therapist whose sessions it rates.")] = 4,
    json: Annotated[Path | None, typer.Option("--json", help="Write every figure there.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the report there, one page.")] = None,
) -> None:
    """Measures of simulated or imported sessions, with intervals; therapists compared."""
    from rapport.apps.simulate.command_evaluate import evaluate_command

    evaluate_command(sources, baseline, emotion, reference, (judge, judge_cases), json, html)


@simulate_app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="A .jsonl of sessions, or a folder in a published layout.")],
    to: Annotated[Literal["jsonl", "thousand-voices", "deepdialogue"], typer.Option(help="The layout to write.")],
    out: Annotated[Path, typer.Option(help="The .jsonl file, or the folder.")],
) -> None:
    """Between our JSON lines, Thousand Voices of Trauma's layout and DeepDialogue's."""
    from rapport.apps.simulate.layouts import convert as run_convert

    run_convert(source, to, out)
