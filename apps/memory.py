"""`rapport memory`: what is kept about people: list it, search it, export it, erase it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from rapport.persona.errors import InputError, StorageError

memory_app = typer.Typer(no_args_is_help=True, help="What is remembered of people: list, search, export, erase.")

Database = Annotated[
    str | None, typer.Option(help="A file or a database URL; the user's own memory unless told otherwise.")
]
Person = Annotated[str, typer.Argument(help="The person's id, as `rapport memory list` shows it.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@memory_app.command("list")
def list_memories(
    person: Annotated[str | None, typer.Argument(help="Show what is known of this person.")] = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Everybody of whom something is kept, or facts, conversations and closeness of one person."""
    store = _store(database)
    if person is None:
        people = asyncio.run(store.people())
        _show({"people": people}, as_json, "person", "turns", people.items())
        return
    told = _known(store, person)
    if as_json:
        _print_json({key: told[key] for key in ("person_id", "episodes", "facts", "rapport")})
        return
    facts = [fact for fact in told["facts"] if fact["current"]]
    console = Console(soft_wrap=True)
    console.print(_table(("fact", "what", "feeling then", "said"), _fact_rows(facts)))
    console.print(_table(("conversation", "turns", "from ... to", "what moved them"), _episode_rows(told["episodes"])))
    for met in told["rapport"]:
        console.print(f"{met['persona']}: {met['turns']} turns, closeness {met['closeness']:.2f}", markup=False)


@memory_app.command()
def search(
    person: Person,
    text: Annotated[str, typer.Argument(help="What to look for, in plain words.")],
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many memories at most.")] = 5,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """What would come to the agent's mind, with the weight of each reason."""
    store = _store(database)
    _known(store, person)
    found = asyncio.run(store.recall(text, person_id=person, limit=limit))
    if as_json:
        _print_json(
            {"person_id": person, "found": [{**asdict(memory), "vad": memory.vad.as_tuple()} for memory in found]}
        )
        return
    rows = [
        (
            f"{memory.score:.2f}",
            "  ".join(f"{name} {part:.2f}" for name, part in memory.parts.items()),
            memory.said_at[:10],
            memory.person,
        )
        for memory in found
    ]
    Console(soft_wrap=True).print(_table(("score", "of it", "said", "words"), rows))


@memory_app.command()
def export(
    person: Person,
    out: Annotated[Path | None, typer.Option(help="Write there instead of printing.")] = None,
    database: Database = None,
) -> None:
    """Everything that is kept about a person, as JSON."""
    told = json.dumps(_known(_store(database), person), ensure_ascii=False, indent=2)
    if out is None:
        typer.echo(told)
        return
    try:
        out.write_text(told + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{out}: cannot be written ({error.strerror}); choose another place") from None


@memory_app.command()
def erase(
    person: Person,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    database: Database = None,
) -> None:
    """Forget a person: words, vectors, facts and feelings, also in the database's log."""
    store = _store(database)
    turns = asyncio.run(store.people()).get(person)
    if turns is None:
        raise _nobody(person)
    if not yes:
        typer.confirm(f"Erase {turns} turns of {person} for good?", abort=True)
    typer.echo(f"erased {asyncio.run(store.erase(person))} turns of {person}")


def _store(database: str | None) -> Any:
    from rapport.memory.database import database_url
    from rapport.memory.store import SqlMemory

    url = database_url(database)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).is_file():
        raise InputError(f"{url.database}: there is no memory yet; talk first, or name another file with --database")
    return SqlMemory(database)


def _known(store: Any, person: str) -> dict[str, Any]:
    told = asyncio.run(store.export(person))
    if not told["conversations"]:
        raise _nobody(person)
    return told


def _nobody(person: str) -> InputError:
    return InputError(f"nothing is kept of {person!r}; `rapport memory list` shows everybody")


def _print_json(what: object) -> None:
    typer.echo(json.dumps(what, ensure_ascii=False, indent=2))


def _show(data: dict[str, Any], as_json: bool, first: str, second: str, rows: Any) -> None:
    if as_json:
        _print_json(data)
    else:
        Console(soft_wrap=True).print(_table((first, second), [(str(a), str(b)) for a, b in rows]))


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> Table:
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # a person's words are no markup
    return table


def _fact_rows(facts: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [(f["subject"], f["value"], f["feeling"], f"{f['said_at'][:10]} {f['quote']}") for f in facts]


def _episode_rows(episodes: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [(e["session"], str(e["turns"]), f"{e['arc'][0][0]} ... {e['arc'][-1][0]}", e["summary"]) for e in episodes]
