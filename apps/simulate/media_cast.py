"""Who plays the two of a session: a voice and a face for each, from what the profile says of them.

The same client looks and sounds the same in every session of a seed. What a profile leaves open (colours, shapes, which
of several voices) is drawn by the case's own number.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rapport.apps.simulate.case import CaseProfile
from rapport.apps.simulate.records import SessionRecord
from rapport.persona.card import Ancestry, FaceCard
from rapport.speech.audio import VoiceProfile

Who = Literal["therapist", "client"]
PEOPLE: tuple[Who, Who] = ("therapist", "client")


@dataclass(frozen=True)
class Player:
    """How one of the two sounds and looks."""

    voice: VoiceProfile
    face: FaceCard


@dataclass(frozen=True)
class _Region:
    ancestry: Ancestry
    skins: tuple[str, ...]
    eyes: tuple[str, ...]
    hair: tuple[str, ...]


_DARK_EYES, _DARK_HAIR = ("#3d2a1d", "#4a3020"), ("#1d1513", "#241a16")
_REGIONS: Mapping[str, _Region] = {
    "African": _Region(Ancestry(african=1), ("#6d4838", "#7b5443"), _DARK_EYES, ("#17110f",)),
    "East Asian": _Region(Ancestry(asian=1), ("#cb9d7f", "#c39376"), _DARK_EYES, _DARK_HAIR),
    "South Asian": _Region(Ancestry(asian=2, european=3), ("#9d7354", "#92694d"), _DARK_EYES, _DARK_HAIR),
    "European": _Region(
        Ancestry(european=1), ("#cc987e", "#c38e74"), ("#5b7f86", "#6d7f5a", "#4a3020"), ("#57382a", "#7a5636")
    ),
    "Latin American": _Region(
        Ancestry(european=3, asian=2, african=1), ("#b48465", "#a7785b"), _DARK_EYES, ("#2b1d17", "#3a2416")
    ),
    "Middle Eastern": _Region(Ancestry(european=4, african=1), ("#b88a6b", "#ae8063"), _DARK_EYES, _DARK_HAIR),
    "North American": _Region(
        Ancestry(european=4, african=1), ("#c59278", "#bb886d"), ("#5a7d8c", "#4a3020"), ("#57382a", "#3a2416")
    ),
    "Oceanian": _Region(
        Ancestry(asian=2, african=2, european=1), ("#8c654e", "#996f55"), _DARK_EYES, ("#1d1513", "#2b1d17")
    ),
}
_GREY_FROM = 62
_GREY = ("#8d8a86", "#a19d98", "#6f6a66")
_CLOTH: Mapping[Who, tuple[str, ...]] = {
    "therapist": ("#36525b", "#3f4d60", "#435347"),
    "client": ("#5e5470", "#74483c", "#565b45", "#6d4a52"),
}
_SHAPED = ("face_width", "face_length", "jaw_width", "nose_width", "eye_spacing", "lip_fullness", "cheekbones")
_SHAPE_SPREAD = 0.35
_OPEN_EYES = {"eye_size": 0.25, "eye_opening": 0.35}
"""Eyes that read well at the size of half a picture."""
_NARROWER_NECK = {"neck_width": -0.25}
_ENGLISH = "ab"
"""How names of Kokoro's American and British voices begin."""
_PITCH: Mapping[Who, float] = {"therapist": 0.92, "client": 1.03}
_APART: Mapping[Who, float] = {"therapist": 0.86, "client": 1.12}
"""Pitch where both have to speak with one and the same voice: about four and a half semitones apart."""


def cast(session: SessionRecord, voices: Sequence[str]) -> dict[Who, Player]:
    """Both players of a session.

    Args:
        voices: what the synthesiser can blend (`SynthesizerCapabilities.voices`). Kokoro's names tell the language by
            their first letter, of which English is preferred, and feminine from masculine ones by their second;
            voices of other names are taken in turn.
    """
    profile = session.profile or CaseProfile()
    people: dict[Who, tuple[int, str, str]] = {
        "therapist": (profile.therapist.age, profile.therapist.gender, ""),
        "client": (profile.age, profile.gender, profile.ethnicity),
    }
    luck: dict[Who, random.Random] = {
        who: random.Random(f"{session.seed}/{session.case}/{who}/plays") for who in PEOPLE
    }
    names: dict[Who, str] = {}
    for who, (_, gender, _) in people.items():
        fitting = [name for name in voices if name[1:3] == f"{gender[0]}_"] or list(voices)
        fitting = [name for name in fitting if name[0] in _ENGLISH] or fitting
        free = [name for name in fitting if name not in names.values()] or fitting
        names[who] = luck[who].choice(free) if free else ""
    one_voice = names["therapist"] == names["client"]
    return {
        who: Player(
            VoiceProfile(
                {names[who]: 1.0} if names[who] else {},
                (_APART if one_voice else _PITCH)[who],
                1.0 - 0.10 * (age - 40) / 40.0,
            ),
            _face(who, age, gender, ethnicity, luck[who]),
        )
        for who, (age, gender, ethnicity) in people.items()
    }


def _face(who: Who, age: int, gender: str, ethnicity: str, luck: random.Random) -> FaceCard:
    region = _REGIONS.get(ethnicity) or luck.choice(list(_REGIONS.values()))
    masculine = {"male": 1.0, "female": 0.0}.get(gender, 0.5)
    styles: Sequence[Literal["long", "bob", "short", "bald"]] = (
        ("short",) if masculine == 1.0 else ("long", "bob") if masculine == 0.0 else ("bob", "short")
    )
    shape = {name: round(luck.uniform(-_SHAPE_SPREAD, _SHAPE_SPREAD), 2) for name in _SHAPED} | _OPEN_EYES
    return FaceCard(
        age=age,
        gender=masculine,
        ancestry=region.ancestry,
        shape=shape if masculine == 1.0 else shape | _NARROWER_NECK,
        skin=luck.choice(region.skins),
        eyes=luck.choice(region.eyes),
        hair=luck.choice(_GREY if age >= _GREY_FROM else region.hair),
        cloth=luck.choice(_CLOTH[who]),
        hair_style=luck.choice(styles),
        brows=0.55 if masculine == 1.0 else 0.4,
        stubble=round(luck.uniform(0.0, 0.5), 2) if masculine == 1.0 else 0.0,
    )
