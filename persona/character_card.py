"""Personas as Character Cards, the format in which characters are shared between chat programs.

Read are cards of version 2 and 3 as JSON, or inside a PNG's text (`chara`, `ccv3`); written is version 3 as JSON. What
such a card has no field for (personality in numbers, mood, voice, face) travels in `extensions.rapport`, so that a
persona comes back as it went. Lore books, greetings and prompts of a card are not taken over: they are instructions for
other programs.

Specification: Character Card V3 (kwaroran/character-card-spec-v3).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import struct
from collections.abc import Iterator
from typing import Any, cast

from rapport.persona.card import Persona, validated
from rapport.persona.errors import InputError

MAX_CARD_BYTES = 8_000_000
"""A card may carry a picture."""
EXTENSION = "rapport"
_PNG = b"\x89PNG\r\n\x1a\n"
_KEYWORDS = (b"ccv3", b"chara")
"""PNG text chunks, the newer version first."""
_SPECS = ("chara_card_v2", "chara_card_v3")
_LONGEST = {"name": 60, "biography": 4000, "manner": 1000}


def to_character_card(persona: Persona) -> dict[str, Any]:
    """The persona as a Character Card V3, ready for JSON."""
    own = persona.model_dump(mode="json", exclude={"name", "biography", "manner"})
    return {
        "spec": "chara_card_v3",
        "spec_version": "3.0",
        "data": {
            "name": persona.name,
            "description": persona.biography,
            "personality": persona.manner,
            "scenario": "",
            "first_mes": "",
            "mes_example": "",
            "creator_notes": "",
            "system_prompt": "",
            "post_history_instructions": "",
            "alternate_greetings": [],
            "group_only_greetings": [],
            "tags": list(persona.goals),
            "creator": "",
            "character_version": "1",
            "extensions": {EXTENSION: own},
        },
    }


def from_character_card(data: bytes, source: str = "the card") -> Persona:
    """The persona in a Character Card of version 2 or 3: JSON, or a PNG that carries one.

    Longer texts are cut to what a persona may have; `{{char}}` and `{{user}}` become names.

    Raises:
        InputError: larger than 8 MB, no such card, or a field that does not fit; one line that says what to do.
    """
    if len(data) > MAX_CARD_BYTES:
        raise InputError(f"{source}: is larger than {MAX_CARD_BYTES // 1_000_000} MB; a character card is smaller")
    text = _text_in_png(data, source) if data.startswith(_PNG) else data
    try:
        card: object = json.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise InputError(f"{source}: is no character card; give its JSON, or the PNG that carries it") from None
    match card:
        case {"spec": str(spec), "data": dict()} if spec in _SPECS:
            return _persona(cast("dict[str, dict[str, Any]]", card)["data"], source)
        case _:
            raise InputError(f"{source}: is no character card of version 2 or 3 ({' or '.join(_SPECS)} as its spec)")


def _persona(fields: dict[str, Any], source: str) -> Persona:
    name = _text(fields, "name") or "Nameless"
    given = {
        "name": name,
        "biography": _text(fields, "description") or _text(fields, "scenario"),
        "manner": _text(fields, "personality"),
    }
    values: dict[str, Any] = {key: _named(text, name)[: _LONGEST[key]].strip() for key, text in given.items()}
    extensions = fields.get("extensions")
    own: object = cast("dict[str, Any]", extensions).get(EXTENSION) if isinstance(extensions, dict) else None
    if isinstance(own, dict):
        values = {**cast("dict[str, Any]", own), **values}
    return validated(Persona, values, source)


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def _named(text: str, name: str) -> str:
    text = re.sub(r"\{\{char\}\}", lambda _: name, text, flags=re.IGNORECASE)
    return re.sub(r"\{\{user\}\}", "you", text, flags=re.IGNORECASE)


def _text_in_png(data: bytes, source: str) -> bytes:
    found = dict(_text_chunks(data))
    for keyword in _KEYWORDS:
        if keyword in found:
            try:
                return base64.b64decode(found[keyword], validate=True)
            except binascii.Error:
                break
    raise InputError(f"{source}: this PNG carries no character card; export it again from where it was made")


def _text_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keyword and text of every tEXt chunk; a chunk that is cut short ends it."""
    at = len(_PNG)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        if len(body) < length:
            return
        if kind == b"tEXt":
            keyword, _, text = body.partition(b"\0")
            yield keyword, text
        at += 12 + length
