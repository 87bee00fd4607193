"""The persona as a form: the values of its fields, in the order in which the page lays them out, and back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from rapport.apps.demo.exports import ExportedFile
from rapport.persona.big_five import TRAITS
from rapport.persona.card import FACE_SLIDERS, Persona, read_yaml, validated
from rapport.persona.character_card import from_character_card, to_character_card
from rapport.persona.errors import InputError
from rapport.persona.questionnaire import TIPI

MAX_YAML_BYTES = 100_000
AXES = ("valence", "arousal", "dominance")
ANCESTRIES = ("african", "asian", "european")
COLOURS = ("skin", "eyes", "hair", "cloth")
WORDS = ("name", "biography", "manner", "goals")
VOICE = ("voice", "voice_second", "voice_share", "voice_pitch", "voice_rate")
FIELDS: tuple[str, ...] = (
    *WORDS,
    *TRAITS,
    "mood_free",
    *(f"mood_{axis}" for axis in AXES),
    *VOICE,
    "age",
    "gender",
    *ANCESTRIES,
    "hair_style",
    *COLOURS,
    "brows",
    "stubble",
    *FACE_SLIDERS,
)
"""Every field of the form, in order."""
NO_VOICE = "none"
_RGB = re.compile(r"rgba?\(\s*([\d.]+)[,\s]+([\d.]+)[,\s]+([\d.]+)")

TRAIT_WORDS: Mapping[str, str] = {
    "openness": "From conventional to curious",
    "conscientiousness": "From easy-going to careful",
    "extraversion": "From reserved to outgoing",
    "agreeableness": "From critical to warm",
    "neuroticism": "From steady to easily upset",
}


def values_of(persona: Persona) -> list[Any]:
    """The value of every field of `FIELDS`."""
    mood, face, voice = persona.baseline_mood, persona.face, persona.voice
    styles = sorted(voice.styles.items(), key=lambda pair: -pair[1])[:2]
    total = sum(weight for _, weight in styles) or 1.0
    ancestry = face.ancestry.model_dump()
    whole = sum(ancestry.values())
    values: dict[str, Any] = {
        "name": persona.name,
        "biography": persona.biography.strip(),
        "manner": persona.manner,
        "goals": ", ".join(persona.goals),
        **persona.big_five.model_dump(),
        "mood_free": mood is None,
        **{f"mood_{axis}": 0.0 if mood is None else getattr(mood, axis) for axis in AXES},
        "voice": styles[0][0] if styles else NO_VOICE,
        "voice_second": styles[1][0] if len(styles) > 1 else NO_VOICE,
        "voice_share": round(styles[1][1] / total, 2) if len(styles) > 1 else 0.0,
        "voice_pitch": voice.pitch_scale,
        "voice_rate": voice.rate_scale,
        "age": face.age,
        "gender": face.gender,
        **{name: round(part / whole, 2) for name, part in ancestry.items()},
        "hair_style": face.hair_style,
        **{name: getattr(face, name) for name in COLOURS},
        "brows": face.brows,
        "stubble": face.stubble,
        **{name: face.shape.get(name, 0.0) for name in FACE_SLIDERS},
    }
    return [values[name] for name in FIELDS]


def persona_of(values: Sequence[Any]) -> Persona:
    """The persona that a form describes.

    Raises:
        InputError: a field does not fit; the message names it.
    """
    given = dict(zip(FIELDS, values, strict=True))
    shape = {name: given[name] for name in FACE_SLIDERS if given[name]}
    ancestry = {name: given[name] or 0.0 for name in ANCESTRIES}
    data: dict[str, Any] = {
        "name": str(given["name"] or "").strip(),
        "biography": str(given["biography"] or ""),
        "manner": str(given["manner"] or ""),
        "goals": tuple(goal for part in str(given["goals"] or "").split(",") if (goal := part.strip())),
        "big_five": {trait: given[trait] for trait in TRAITS},
        "baseline_mood": None if given["mood_free"] else {axis: given[f"mood_{axis}"] for axis in AXES},
        "voice": {"styles": _styles(given), "pitch_scale": given["voice_pitch"], "rate_scale": given["voice_rate"]},
        "face": {
            "age": given["age"],
            "gender": given["gender"],
            "ancestry": ancestry if any(ancestry.values()) else {"european": 1.0},
            "shape": shape,
            "hair_style": given["hair_style"],
            **{name: hexadecimal(str(given[name])) for name in COLOURS},
            "brows": given["brows"],
            "stubble": given["stubble"],
        },
    }
    return validated(Persona, data, "the persona")


def answered(answers: Sequence[int]) -> list[float]:
    """The traits, in the order of TRAITS, of ten answers to the TIPI.

    Raises:
        InputError: an answer is missing.
    """
    if any(answer is None for answer in answers):  # pyright: ignore[reportUnnecessaryComparison]
        raise InputError("answer all ten statements first")
    return [round(value, 2) for value in TIPI.score([int(answer) for answer in answers]).ocean]


def hexadecimal(colour: str) -> str:
    """A colour as a colour picker gives it, as `#rrggbb`; what is none stays as it is, and is refused with the card."""
    found = _RGB.match(colour)
    if found is None:
        return colour[:7] if colour.startswith("#") else colour
    return "#" + "".join(f"{min(255, round(float(part))):02x}" for part in found.groups())


def read_card(data: bytes) -> Persona:
    """A persona from an uploaded file: our YAML, or a Character Card as JSON or PNG, told apart by what is in it.

    Raises:
        InputError: it is neither.
    """
    if data.startswith(b"\x89PNG") or data.lstrip()[:1] == b"{":
        return from_character_card(data)
    if len(data) > MAX_YAML_BYTES:
        raise InputError("the card is larger than 100 kB; give a persona card in YAML, or a character card")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("the file is no persona card; give YAML, or a character card as JSON or PNG") from None
    return validated(Persona, read_yaml(text, "the card"), "the card")


def yaml_file(persona: Persona) -> ExportedFile:
    """The persona as a card that `load_persona` reads."""
    data = persona.model_dump(mode="json", exclude_none=True)
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
    return ExportedFile("persona.yaml", "application/yaml", text.encode())


def card_file(persona: Persona) -> ExportedFile:
    """The persona as a Character Card V3."""
    text = json.dumps(to_character_card(persona), ensure_ascii=False, indent=2)
    return ExportedFile("persona.card.json", "application/json", text.encode())


def _styles(given: Mapping[str, Any]) -> dict[str, float]:
    first, second, share = given["voice"], given["voice_second"], float(given["voice_share"] or 0.0)
    if first in {None, NO_VOICE}:
        return {}
    if second in {None, NO_VOICE, first} or share <= 0.0:
        return {str(first): 1.0}
    return {str(first): round(1.0 - share, 2), str(second): share}
