"""Encryption at rest: no word can be read from the file, everything works with the key, and nothing without it."""

from pathlib import Path

import pytest

from rapport.memory import sealing
from rapport.memory.sealing import KEY_VARIABLE, AesSeal
from rapport.memory.store import SqlMemory
from rapport.memory.vectors import codes, packed
from rapport.persona.errors import ComponentError, StorageError

pytest.importorskip("cryptography", reason="encryption is an extra")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memory.db"


async def test_no_word_and_no_vector_can_be_read_from_the_file(path: Path, bag, said) -> None:
    memory = SqlMemory(str(path), embedder=bag, passphrase="open sesame")
    assert memory.capabilities.encrypted
    text = "My dog Quirinus is afraid of thunderstorms"
    await memory.remember(said(text, 0))
    await memory.settle()
    signs = [b"Quirinus", b"quirinu", b"thunder", b"open sesame", packed(bag.embed([text])[0])[:16]]
    signs.append(codes(bag.embed([text]))[0].tobytes())
    for file in path.parent.iterdir():
        assert not [sign for sign in signs if sign in file.read_bytes()], file


async def test_everything_works_with_the_key_in_another_process(path: Path, bag, said, monkeypatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "open sesame")
    first = SqlMemory(str(path), embedder=bag)
    for turn, text in enumerate(["My dog Max is here", "we had soup", "My dog Max died"]):
        await first.remember(said(text, turn))
    await first.remember(said("we had stew", 1))
    first.close()
    memory = SqlMemory(str(path), embedder=bag)
    found = await memory.recall("what about the dog Max", person_id="ann", limit=2)
    assert {m.turn for m in found} == {0, 2} and found[0].parts["words"] > 0
    assert [fact.value for fact in await memory.facts("ann")] == ["died"]
    exported = await memory.export("ann")
    assert [t["person"] for t in exported["conversations"][0]["turns"]] == [
        "My dog Max is here",
        "we had stew",
        "My dog Max died",
    ]
    assert '"My dog Max died"' in exported["episodes"][0]["summary"]
    assert await memory.erase("ann") == 3 and await memory.people() == {}


def test_without_the_key_or_with_another_it_does_not_open(path: Path, bag, tmp_path: Path) -> None:
    SqlMemory(str(path), embedder=bag, passphrase="open sesame").close()
    with pytest.raises(StorageError, match=f"is encrypted; put its passphrase .* {KEY_VARIABLE}"):
        SqlMemory(str(path), embedder=bag)
    with pytest.raises(StorageError, match="another passphrase"):
        SqlMemory(str(path), embedder=bag, passphrase="open barley")
    plain = tmp_path / "plain.db"
    SqlMemory(str(plain), embedder=bag).close()
    with pytest.raises(StorageError, match="is not encrypted"):
        SqlMemory(str(plain), embedder=bag, passphrase="open sesame")


def test_a_field_that_was_changed_is_found_out() -> None:
    seal = AesSeal("key", b"0" * 16)
    sealed = bytearray(seal.data(b"words"))
    assert seal.opened_data(bytes(sealed)) == b"words" and seal.data(b"words") != bytes(sealed)
    sealed[-1] ^= 1
    for broken in (bytes(sealed), b"", b"short"):
        with pytest.raises(StorageError, match="cannot be decrypted"):
            seal.opened_data(broken)
    with pytest.raises(StorageError, match="damaged"):
        seal.opened_text("no base64 at all!")


def test_without_the_package_the_error_names_the_extra(monkeypatch, path: Path, bag) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    with pytest.raises(ComponentError, match=r"rapport-agent\[encryption\]"):
        sealing.new_seal("key")
