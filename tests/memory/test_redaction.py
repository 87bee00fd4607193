"""Personal data stay out of the database where that was asked for, and nothing else changes."""

from pathlib import Path

import pytest

from rapport.memory.store import SqlMemory
from rapport.persona.errors import ComponentError

TOLD = "Mail jo.doe@example.org or call +44 20 7946 0958, my dog Max bit the postman."
KEPT = "Mail [email] or call [phone], my dog Max bit the postman."


async def test_what_was_asked_to_be_redacted_is_in_no_file(tmp_path: Path, bag, said) -> None:
    memory = SqlMemory(f"{tmp_path / 'memory.db'}?redact=yes", embedder=bag)
    await memory.remember(said(TOLD))
    await memory.remember(said(TOLD))
    (found,) = await memory.recall("dog", person_id="ann", limit=4)
    assert found.person == KEPT
    assert [fact.value for fact in await memory.facts("ann")] == ["called Max"]
    memory.close()
    _holds_nothing_of(tmp_path, b"example.org", b"7946")


def _holds_nothing_of(folder: Path, *secrets: bytes) -> None:
    written = b"".join(file.read_bytes() for file in folder.iterdir())
    assert written and not any(secret in written for secret in secrets)


@pytest.mark.parametrize("ending", ["", "?redact=no"])
async def test_otherwise_words_stay_as_they_were(tmp_path: Path, bag, said, ending: str) -> None:
    memory = SqlMemory(f"{tmp_path / 'memory.db'}{ending}", embedder=bag)
    await memory.remember(said(TOLD))
    (found,) = await memory.recall("dog", person_id="ann", limit=4)
    assert found.person == TOLD


async def test_a_url_keeps_its_other_options(tmp_path: Path, bag, said) -> None:
    memory = SqlMemory(f"sqlite:///{tmp_path / 'memory.db'}?timeout=7&redact=yes", embedder=bag)
    await memory.remember(said(TOLD))
    assert (await memory.recall("dog", person_id="ann", limit=4))[0].person == KEPT
    memory.close()


def test_an_answer_that_says_nothing_is_named(bag) -> None:
    with pytest.raises(ComponentError, match="redact=yes"):
        SqlMemory(":memory:?redact=maybe", embedder=bag)
