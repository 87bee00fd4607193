"""Encryption at rest, field by field: AES-256-GCM (NIST SP 800-38D) with a key from a passphrase by scrypt (RFC 7914).

Sealed are the words of both sides, facts with their quotes, summaries, and the vectors, since words can be guessed
from what they mean. Readable stay: ids of people and sessions, names of personas, times, the numbers of feelings and
their labels, kinds of facts, what a safety guard noted, and about how long each text is. Words cannot be indexed then:
recall scores them only in what came to mind by meaning.
"""

from __future__ import annotations

import base64
import os
from typing import Protocol

from rapport.persona.errors import ComponentError, StorageError

KEY_VARIABLE = "RAPPORT_MEMORY_KEY"
"""The environment variable with the passphrase."""
_NONCE_BYTES = 12
_PROOF = "rapport memory"


class Seal(Protocol):
    """What stands between a field and the database."""

    encrypts: bool

    def text(self, plain: str) -> str: ...
    def opened_text(self, stored: str) -> str: ...
    def data(self, plain: bytes) -> bytes: ...
    def opened_data(self, stored: bytes) -> bytes: ...


class PlainSeal:
    """None at all."""

    encrypts = False

    def text(self, plain: str) -> str:
        return plain

    def opened_text(self, stored: str) -> str:
        return stored

    def data(self, plain: bytes) -> bytes:
        return plain

    def opened_data(self, stored: bytes) -> bytes:
        return stored


class AesSeal:
    """AES-256-GCM; each field has a nonce of its own.

    Raises:
        ComponentError: `cryptography` is not installed.
        StorageError: from the methods that open, when a field was sealed with another key or changed since.
    """

    encrypts = True

    def __init__(self, passphrase: str, salt: bytes) -> None:
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
            from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
        except ModuleNotFoundError:
            raise ComponentError(
                'encryption needs cryptography; run: pip install "rapport-agent[encryption]"'
            ) from None
        self._cipher = AESGCM(Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(passphrase.encode()))

    def text(self, plain: str) -> str:
        return base64.b64encode(self.data(plain.encode())).decode()

    def opened_text(self, stored: str) -> str:
        try:
            return self.opened_data(base64.b64decode(stored, validate=True)).decode()
        except ValueError:
            raise StorageError("a memory is damaged: it is not sealed as this database says") from None

    def data(self, plain: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, None)

    def opened_data(self, stored: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(stored[:_NONCE_BYTES], stored[_NONCE_BYTES:], None)
        except (InvalidTag, ValueError):
            raise StorageError(f"a memory cannot be decrypted: wrong {KEY_VARIABLE}, or damaged") from None


def new_seal(passphrase: str | None) -> tuple[Seal, bytes | None, str | None]:
    """For a new database: the seal, and the salt and proof to be stored with it."""
    if passphrase is None:
        return PlainSeal(), None, None
    salt = os.urandom(16)
    seal = AesSeal(passphrase, salt)
    return seal, salt, seal.text(_PROOF)


def known_seal(name: str, passphrase: str | None, salt: bytes | None, proof: str | None) -> Seal:
    """For a database that exists.

    Raises:
        StorageError: it is encrypted and the passphrase is missing or wrong, or it is not and one is given.
    """
    if salt is None or proof is None:
        if passphrase is not None:
            raise StorageError(f"{name} is not encrypted; unset {KEY_VARIABLE}, or name a new database")
        return PlainSeal()
    if passphrase is None:
        raise StorageError(f"{name} is encrypted; put its passphrase into the environment as {KEY_VARIABLE}")
    seal = AesSeal(passphrase, salt)
    try:
        seal.opened_text(proof)
    except StorageError:
        raise StorageError(f"{name} was encrypted with another passphrase; check {KEY_VARIABLE}") from None
    return seal
