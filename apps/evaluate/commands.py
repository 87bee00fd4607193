"""The commands `rapport eval ...`. Each reads its options, and imports what does the work only when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from rapport.apps.evaluate.report import Report

eval_app = typer.Typer(no_args_is_help=True, help="A published benchmark, on its file as released.")

File = Annotated[Path, typer.Option(help="The corpus's file, as its authors release it.")]
Json = Annotated[Path | None, typer.Option("--json", help="Write the figures there as JSON.")]
Emotion = Annotated[str, typer.Option(help="The component that reads texts; `rapport components` lists them.")]
Context = Annotated[
    bool | None, typer.Option("--context/--no-context", help="With or without the turns before; both by default.")
]
Train = Annotated[
    Path | None, typer.Option(help="What the character baseline learns from; by default four fifths of the file.")
]
Folder = Annotated[Path | None, typer.Option(help="MER-UniBench's emotion wheels; our own small one by default.")]
Clips = Annotated[Path, typer.Option(help="The folder of the corpus, its files named as its authors name them.")]
Voice = Annotated[str, typer.Option(help="The component that reads voices; `rapport components` lists them.")]
Unheard = Annotated[
    bool, typer.Option("--unheard", help="Read each speaker by a model fitted on the folder's other speakers alone.")
]


@eval_app.command()
def goemotions(file: File, emotion: Emotion = "minilm", json: Json = None) -> None:
    """28 emotions of Reddit comments: a .tsv of GoEmotions."""
    from rapport.apps.evaluate import tasks

    _check(json)
    _tell(tasks.goemotions(file, emotion), json)


@eval_app.command()
def emobank(
    file: File,
    emotion: Emotion = "minilm",
    part: Annotated[
        Literal["train", "dev", "test", "all"] | None,
        typer.Option(help="Which rows of a file that names its parts; test by default."),
    ] = None,
    json: Json = None,
) -> None:
    """Valence, arousal and dominance of sentences: EmoBank's .csv."""
    from rapport.apps.evaluate import tasks

    _check(json)
    _tell(tasks.emobank(file, emotion, part), json)


@eval_app.command()
def meld(
    file: File, emotion: Emotion = "minilm", context: Context = None, wheels: Folder = None, json: Json = None
) -> None:
    """Seven emotions in dialogues of Friends: a *_sent_emo.csv of MELD."""
    from rapport.apps.evaluate import tasks
    from rapport.apps.evaluate.wheels import read_wheels

    _check(json)
    _tell(tasks.meld(file, emotion, context, read_wheels(wheels) if wheels is not None else None), json)


@eval_app.command()
def dailydialog(file: File, emotion: Emotion = "minilm", context: Context = None, json: Json = None) -> None:
    """Seven emotions in everyday dialogues: dialogues_*.txt of DailyDialog, or the folder that holds it."""
    from rapport.apps.evaluate import tasks

    _check(json)
    _tell(tasks.dailydialog(file, emotion, context), json)


@eval_app.command()
def ed(file: File, emotion: Emotion = "minilm", json: Json = None) -> None:
    """32 situations that people tell of: a .csv of EmpatheticDialogues, or the same as JSON lines."""
    from rapport.apps.evaluate import tasks

    _check(json)
    _tell(tasks.empatheticdialogues(file, emotion), json)


@eval_app.command()
def peld(
    file: File,
    transition: Annotated[
        str | None, typer.Option(help="The transition to judge; by default the configured one.")
    ] = None,
    emotion: Emotion = "minilm",
    split: Annotated[
        Literal["official", "given"],
        typer.Option(help="The released test part of the whole file, or all rows of the file as given."),
    ] = "given",
    json: Json = None,
) -> None:
    """How the agent's emotion moves: Dyadic_PELD.tsv, or a part of it."""
    from rapport.agent.config import AgentConfig
    from rapport.apps.evaluate.transition import peld as run

    _check(json)
    _tell(run(file, transition or AgentConfig().transition.use, emotion, split), json)


@eval_app.command()
def cped(file: File, emotion: Emotion = "minilm", train: Train = None, json: Json = None) -> None:
    """13 emotions in Chinese television dialogues: a *_split.csv of CPED."""
    from rapport.apps.evaluate import foreign

    _check(json)
    _tell(foreign.cped(file, emotion, train), json)


@eval_app.command()
def mahaemotions(file: File, emotion: Emotion = "minilm", train: Train = None, json: Json = None) -> None:
    """Emotions of Marathi tweets: a .csv of MahaEmotions."""
    from rapport.apps.evaluate import foreign

    _check(json)
    _tell(foreign.mahaemotions(file, emotion, train), json)


@eval_app.command()
def reccon(file: File, emotion: Emotion = "minilm", json: Json = None) -> None:
    """Whether evidence words lie where people see the cause of an emotion: RECCON's .json of DailyDialog."""
    from rapport.apps.evaluate.evidence import reccon as run

    _check(json)
    _tell(run(file, emotion), json)


@eval_app.command()
def ravdess(file: Clips, emotion: Voice = "whisper-emotion", unheard: Unheard = False, json: Json = None) -> None:
    """Eight emotions of acted voices: a folder with RAVDESS's clips of speech."""
    from rapport.apps.evaluate import voice

    _check(json)
    _tell(voice.ravdess(file, emotion, unheard=unheard), json)


@eval_app.command()
def emodb(file: Clips, emotion: Voice = "whisper-emotion", unheard: Unheard = False, json: Json = None) -> None:
    """Four emotions of acted German voices: a folder with EmoDB's clips."""
    from rapport.apps.evaluate import voice

    _check(json)
    _tell(voice.emodb(file, emotion, unheard=unheard), json)


@eval_app.command()
def fer2013(
    file: Annotated[Path, typer.Option(help="An npz with images (n, 48, 48), labels and their names.")],
    emotion: Annotated[str, typer.Option(help="The component that reads faces, with its model.")] = "face",
    json: Json = None,
) -> None:
    """Seven expressions in small grey pictures: FER2013."""
    from rapport.apps.evaluate import faces

    _check(json)
    _tell(faces.fer2013(file, emotion), json)


@eval_app.command()
def openset(
    file: File,
    found: Annotated[Path, typer.Option(help="The labels to judge, a CSV of the same columns.")],
    wheels: Folder = None,
    level: Annotated[Literal["level1", "level2"], typer.Option(help="Inner or middle words of the wheels.")] = "level1",
    json: Json = None,
) -> None:
    """Freely worded emotions against given ones by emotion wheels: CSV with name and openset, as in MER-UniBench."""
    from rapport.apps.evaluate.openset import openset as run

    _check(json)
    _tell(run(file, found, wheels, level), json)


@eval_app.command()
def safety(
    file: Annotated[Path, typer.Option(help="Cases as JSON lines: text, and level none, concern or crisis.")],
    part: Annotated[str | None, typer.Option(help="Only cases with this part; all by default.")] = None,
    json: Json = None,
) -> None:
    """How well the safety guard tells danger from figures of speech."""
    from rapport.apps.evaluate.safety import safety as run

    _check(json)
    report = run(file, part)
    report.show()
    if json is not None:
        report.write(json)


@eval_app.command()
def empathy(
    file: Annotated[Path, typer.Option(help="EmpatheticDialogues (.csv or JSON lines) or ESConv (JSON lines).")],
    responder: Annotated[
        list[str] | None,
        typer.Option(
            help="rules, single, chain, taught-single or taught-chain; may be given again. By default the first three, "
            "and with an adapter all."
        ),
    ] = None,
    adapter: Annotated[Path | None, typer.Option(help="What `rapport train reply` wrote: adapter.safetensors.")] = None,
    n: Annotated[int, typer.Option(min=2, help="How many contexts are drawn.")] = 200,
    seed: Annotated[int, typer.Option(help="Of the draw and of the replies.")] = 0,
    persona: Annotated[str, typer.Option(help="A shipped persona, or the path of a card.")] = "harbor",
    replies: Annotated[Path | None, typer.Option(help="Write every reply with its plan there, as JSON lines.")] = None,
    json: Json = None,
) -> None:
    """How much empathy replies show, and how they are made, beside what people answered."""
    from rapport.apps.evaluate.empathy import empathy as run
    from rapport.apps.evaluate.empathy import responders_with

    _check(json)
    _check(replies)
    names = responder or tuple(responders_with(adapter))
    report = run(file, names, n=n, seed=seed, persona=persona, adapter=adapter)
    report.show()
    if json is not None:
        report.write(json)
    if replies is not None:
        report.write_replies(replies)


@eval_app.command()
def epitome(
    file: Annotated[Path, typer.Option(help="A .csv of EPITOME: seeker_post, response_post, level.")],
    scale: Annotated[
        Literal["reactions", "interpretations", "explorations"] | None,
        typer.Option(help="What the levels are of; told by the file's name where not given."),
    ] = None,
    json: Json = None,
) -> None:
    """Levels of empathy in replies: reactions, interpretations or explorations."""
    from rapport.apps.evaluate.empathy_scores import epitome as run

    _check(json)
    report = run(file, scale)
    report.show()
    if json is not None:
        report.write(json)


@eval_app.command()
def build_peld(
    out: Annotated[Path, typer.Option(help="Where the triples are written, in the format of Dyadic_PELD.tsv.")],
    meld: Annotated[list[Path] | None, typer.Option(help="A *_sent_emo.csv: train, dev, test in turn.")] = None,
    emorynlp: Annotated[list[Path] | None, typer.Option(help="An emorynlp_*_final.csv: train, dev, test.")] = None,
) -> None:
    """Build PELD's triples from the files of MELD and EmoryNLP."""
    from rapport.apps.evaluate.dialogues import read_emorynlp, read_meld
    from rapport.apps.evaluate.peld import build_triples, write_peld
    from rapport.persona.errors import InputError

    if not meld and not emorynlp:
        raise InputError("give the files to build from: --meld FILE, --emorynlp FILE, each as often as needed")
    _check(out)
    triples = build_triples([read_meld(f) for f in meld or ()], [read_emorynlp(f) for f in emorynlp or ()])
    write_peld(triples, out)
    typer.echo(f"{out}: {len(triples)} triples")


def _check(path: Path | None) -> None:
    from rapport.apps.evaluate.report import writable

    writable(path)


def _tell(report: Report, json: Path | None) -> None:
    report.show()
    if json is not None:
        report.write(json)
