"""Persona cards: who the agent is, as a small YAML file that people write, share and load.

name: harbor
biography: A calm listener ...
big_five: {openness: 0.6, conscientiousness: 0.6, extraversion: 0.4, agreeableness: 0.9, neuroticism: 0.15}
baseline_mood: {valence: 0.3, arousal: -0.2, dominance: 0.1}
goals: [rest, family, feelings]
manner: Speaks in short, warm sentences.
voice: {styles: {af_heart: 1.0}}
face: {age: 45, gender: 0, ancestry: {european: 3, african: 1}, shape: {lip_fullness: 0.3}, hair_style: long}

The Big Five may also be given as the ten answers of a questionnaire, `big_five: {tipi: [5, 2, 6, 1, 6, 3, 7, 2, 6,
2]}` or `{bfi10: [...]}`, or as levels, `big_five: {levels: {neuroticism: high, openness: low}}`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, cast

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from rapport.persona.affect import VAD
from rapport.persona.big_five import BigFive
from rapport.persona.errors import InputError
from rapport.persona.questionnaire import BFI10, TIPI

M = TypeVar("M", bound=BaseModel)


class _Card(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_MEASURES: Mapping[str, Callable[[Any], BigFive]] = {
    "tipi": TIPI.score,
    "bfi10": BFI10.score,
    "levels": BigFive.from_levels,
}


def _measured(value: Any) -> Any:
    """The Big Five from a questionnaire's answers or from levels; traits given as they are pass through."""
    match value:
        case {"tipi": _} | {"bfi10": _} | {"levels": _} if len(entries := cast("dict[str, Any]", value)) == 1:
            ((name, given),) = entries.items()
        case _:
            return value
    try:
        return _MEASURES[name](given)
    except (InputError, TypeError, AttributeError) as error:
        raise PydanticCustomError("big_five", "{reason}", {"reason": str(error)}) from None


Goal = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]


class Mood(_Card):
    """A resting point in affect space; each axis in [-1, 1]."""

    valence: float = Field(default=0.0, ge=-1, le=1)
    arousal: float = Field(default=0.0, ge=-1, le=1)
    dominance: float = Field(default=0.0, ge=-1, le=1)

    @property
    def vad(self) -> VAD:
        return VAD(self.valence, self.arousal, self.dominance)


class VoiceCard(_Card):
    """How the persona sounds: a blend of a synthesiser's own voices by weight, and multipliers of pitch and rate."""

    styles: dict[str, float] = Field(default_factory=dict)
    pitch_scale: float = Field(default=1.0, ge=0.5, le=2.0)
    rate_scale: float = Field(default=1.0, ge=0.5, le=2.0)


class SpeechCard(_Card):
    """How the persona speaks, as settings. What is left out is read from the words of `manner`."""

    length: Literal["brief", "short", "medium", "long"] | None = None
    formality: float | None = Field(default=None, ge=0, le=1)
    humour: float | None = Field(default=None, ge=0, le=1)
    questions_per_turn: float | None = Field(default=None, ge=0, le=2)


FACE_SLIDERS: tuple[str, ...] = (
    "face_width", "face_length", "face_roundness", "fullness", "forehead_height", "jaw_width", "chin_length",
    "chin_forward", "chin_width", "cheekbones", "nose_width", "nose_length", "nose_bridge", "nose_tip", "eye_size",
    "eye_spacing", "eye_slant", "eye_opening", "brow_height", "lip_fullness", "mouth_width", "mouth_curve", "ear_size",
    "neck_width",
)  # fmt: skip
"""Names of the local shapes that a face can be told apart by; each goes from -1 (less, lower, narrower) to 1."""

Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]
Portion = Annotated[float, Field(ge=0, le=1)]


def _known_sliders(value: dict[str, float]) -> dict[str, float]:
    for name in value:
        if name not in FACE_SLIDERS:
            raise PydanticCustomError(
                "slider",
                "no slider is called {name}; choose from {all}",
                {"name": name, "all": ", ".join(FACE_SLIDERS)},
            )
    return value


class Ancestry(_Card):
    """Where a face's ancestors lived, in parts that need not add up to 1."""

    african: float = Field(default=0.0, ge=0, le=1e6)
    asian: float = Field(default=0.0, ge=0, le=1e6)
    european: float = Field(default=0.0, ge=0, le=1e6)

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.african + self.asian + self.european <= 0:
            raise PydanticCustomError("ancestry", "give at least one of african, asian, european a part above 0")
        return self


class FaceCard(_Card):
    """How the persona looks. Colours are `#rrggbb`."""

    age: float = Field(default=32.0, ge=18, le=80)
    """Years."""
    gender: Portion = 0.0
    """Expression of gender in the bones and the skin, from 0, feminine, to 1, masculine."""
    ancestry: Ancestry = Field(default_factory=lambda: Ancestry(african=0.15, asian=0.15, european=0.7))
    shape: Annotated[dict[str, Annotated[float, Field(ge=-1, le=1)]], AfterValidator(_known_sliders)] = Field(
        default_factory=dict[str, float]
    )
    """Sliders of FACE_SLIDERS, each in [-1, 1]; those left out rest at 0."""
    skin: Colour = "#c88a6a"
    eyes: Colour = "#5a7d8c"
    hair: Colour = "#3a2416"
    cloth: Colour = "#3a5c66"
    hair_style: Literal["long", "bob", "short", "bald"] = "long"
    brows: Portion = 0.5
    """From thin and sparse to thick and dense."""
    stubble: Portion = 0.0
    """The shadow of a beard."""


class Persona(_Card):
    """Who the agent is. Every field but the name has a sensible default."""

    name: str = Field(min_length=1, max_length=60)
    biography: str = Field(default="", max_length=4000)
    big_five: Annotated[BigFive, BeforeValidator(_measured)] = Field(default_factory=BigFive)
    baseline_mood: Mood | None = None
    """Where the mood rests; without it, the temperament of the Big Five decides."""
    goals: tuple[Goal, ...] = Field(default=(), max_length=50)
    """What matters to it, in words and short phrases: talk that touches one of them moves it more."""
    manner: str = Field(default="", max_length=1000)
    speech: SpeechCard = Field(default_factory=SpeechCard)
    voice: VoiceCard = Field(default_factory=VoiceCard)
    face: FaceCard = Field(default_factory=FaceCard)


def shipped_personas() -> tuple[str, ...]:
    """Names of the cards that come with Rapport."""
    folder = resources.files("rapport.persona") / "cards"
    return tuple(sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".yaml")))


def load_persona(name_or_path: str | Path) -> Persona:
    """A shipped persona by name, or a card from a YAML file.

    Raises:
        InputError: no such persona or file, broken YAML, or a field that does not fit; the message says which.
    """
    text_name = str(name_or_path)
    if text_name in shipped_personas():
        card = resources.files("rapport.persona") / "cards" / f"{text_name}.yaml"
        return _parse(card.read_text("utf-8"), text_name)
    path = Path(name_or_path)
    if path.suffix not in {".yaml", ".yml"}:
        choices = ", ".join(shipped_personas())
        raise InputError(f"unknown persona {text_name!r}; choose one of {choices}, or give the path of a .yaml card")
    try:
        if path.stat().st_size > 1_000_000:
            raise InputError(f"{path}: a persona card is a few kilobytes; this file is larger than 1 MB")
        text = path.read_text("utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path of the persona card") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text; save the persona card as UTF-8") from None
    return _parse(text, str(path))


def _parse(text: str, source: str) -> Persona:
    return validated(Persona, read_yaml(text, source), source)


def read_yaml(text: str, source: str) -> dict[str, Any]:
    """A YAML mapping as a dict. Raises InputError naming the line when it is broken or no mapping."""
    try:
        data: object = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date that does not exist
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark is not None else ""
        raise InputError(
            f"{source}: broken YAML{where}; {getattr(error, 'problem', None) or 'check the syntax'}"
        ) from None
    if not isinstance(data, dict):
        raise InputError(f"{source}: must be a YAML mapping of `key: value` lines")
    return cast("dict[str, Any]", data)


def validated(model: type[M], data: dict[str, Any], source: str) -> M:
    """Validate a mapping against a pydantic model; the InputError names the first field at fault in one line."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(f"{source}: {where}: {first['msg'].lower()}") from None
