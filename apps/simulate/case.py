"""Cases: who the simulated client is, drawn by published odds and checked.

The fields are those of Thousand Voices of Trauma (arXiv 2504.13955), the Big Five added. `cases.yaml` holds the odds
and says of each whether it is published or ours.

Case i of a seed is the same however many cases are drawn. Values are drawn by Latin hypercube sampling (McKay,
Beckman & Conover 1979) in blocks of 50, so that the shares of each category come out within a point already in 500
cases, while fields stay independent of each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources
from statistics import NormalDist
from typing import Any, Literal, Self, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from rapport.persona.big_five import TRAITS, BigFive
from rapport.persona.card import Persona, read_yaml
from rapport.persona.errors import InputError

BLOCK = 50
Odds = Literal["released", "paper"]

BEHAVIOURS = (
    "avoidance", "hypervigilance", "flashbacks", "nightmares", "self-blame", "substance abuse", "aggression",
    "withdrawal", "dissociation", "compulsive behaviours",
)  # fmt: skip
"""The ten behaviours of the paper; a case has one to three."""

_TRAIT_SD = 0.16
_COLUMNS = (
    "age_band", "age", "gender", "relationship", "occupation", "living", "ethnicity", "condition", "behaviours",
    "trauma", "topic", "therapist_band", "therapist_age", "therapist_gender", "problem",
    "change_goal", *TRAITS,
)  # fmt: skip


class TherapistProfile(BaseModel):
    """The published fields of a therapist."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    age: int = Field(default=45, ge=25, le=65)
    gender: Literal["female", "male"] = "female"


class CaseProfile(BaseModel):
    """A simulated client. Every field can be set; what contradicts itself is refused.

    Raises:
        pydantic.ValidationError (a ValueError): a value outside its range, or fields that cannot be true together.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    age: int = Field(default=40, ge=18, le=80)
    gender: Literal["male", "female", "non-binary"] = "female"
    relationship_status: Literal[
        "single", "in a relationship", "married", "divorced", "separated", "widowed"
    ] = "single"  # fmt: skip
    occupation: str = Field(default="office clerk", min_length=1, max_length=60)
    living_situation: str = Field(default="alone", min_length=1, max_length=60)
    ethnicity: str = Field(default="European", min_length=1, max_length=60)
    co_occurring_condition: Literal[
        "None", "Anxiety", "Depression", "Substance use disorder", "Chronic pain"
    ] = "None"  # fmt: skip
    exhibited_behaviors: tuple[str, ...] = Field(default=("avoidance",), min_length=1, max_length=3)
    trauma_type: str = "accident"
    session_topic: str = Field(default="approaching the memory for the first time", min_length=1, max_length=120)
    problem: str = "job crisis"
    """What brings the client to supportive listening or free talk."""
    change_goal: str = "drinking less"
    """What motivational interviewing is about."""
    big_five: BigFive = Field(default_factory=BigFive)
    therapist: TherapistProfile = Field(default_factory=TherapistProfile)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        odds = _odds()
        _one_of("exhibited_behaviors", BEHAVIOURS, *self.exhibited_behaviors)
        if len(set(self.exhibited_behaviors)) < len(self.exhibited_behaviors):
            _refuse("exhibited_behaviors names the same behaviour twice")
        for field in ("trauma_type", "problem", "change_goal"):
            _one_of(field, tuple(odds[field]), getattr(self, field))
        if self.occupation == "retired" and self.age < 50:
            _refuse(f"nobody of {self.age} is retired here; choose an age of 50 or more, or another occupation")
        if self.relationship_status in {"single", "widowed", "divorced"} and "spouse" in self.living_situation:
            _refuse(f"a client who is {self.relationship_status} does not live {self.living_situation}")
        return self

    @property
    def age_group(self) -> str:
        """The age band's name, e.g. "31-40"."""
        return next(band["band"] for band in _odds()["ages"] if self.age <= band["high"])

    @property
    def persona(self) -> Persona:
        """The client as a persona: what the affect of `rapport.persona` is asked with."""
        return Persona(name="client", big_five=self.big_five)


def draw_case(index: int, seed: int, odds: Odds = "released", fixed: Mapping[str, Any] | None = None) -> CaseProfile:
    """Case `index` (0, 1, ...) of a seed.

    Args:
        odds: where the paper and its released files differ: what was released (default), or what the paper states; for
            trauma types and behaviours, of which the paper states no odds, "paper" takes equal ones.
        fixed: fields that every case has alike, e.g. {"age": 30} or {"big_five": {"neuroticism": 0.9}}.

    Raises:
        InputError: an unknown field, or a value that cannot be.
    """
    if index < 0 or seed < 0:
        raise InputError("the number of a case and its seed must be 0 or more")
    table = _odds()
    u = dict(zip(_COLUMNS, _uniforms(index // BLOCK, seed)[index % BLOCK].tolist(), strict=True))
    given = dict(fixed or {})
    age = cast("int", given.get("age", _age(table["ages"], u["age_band"], u["age"])))
    if not isinstance(cast("object", age), int):
        raise InputError(f"age must be a whole number of years, got {age!r}")
    relationship = _choice(_by_age(table["relationship_status"], age), u["relationship"])
    relationship = cast("str", given.get("relationship_status", relationship))
    low, high = table["therapist"]["ages"][int(u["therapist_band"] * 4)]
    drawn: dict[str, Any] = {
        "age": age,
        "gender": _choice(table["gender"][odds], u["gender"]),
        "relationship_status": relationship,
        "occupation": _choice(_by_age(table["occupation"], age), u["occupation"]),
        "living_situation": _choice(table["living_situation"].get(relationship, {"alone": 1}), u["living"]),
        "ethnicity": _choice(table["ethnicity"], u["ethnicity"]),
        "co_occurring_condition": _choice(table["co_occurring_condition"], u["condition"]),
        "exhibited_behaviors": _behaviours(table["behaviours"], odds, u["behaviours"], (seed, index // BLOCK)),
        "trauma_type": _choice(_even(table["trauma_type"], odds), u["trauma"]),
        "session_topic": table["session_topic"][int(u["topic"] * len(table["session_topic"]))],
        "problem": _choice(table["problem"], u["problem"]),
        "change_goal": _choice(table["change_goal"], u["change_goal"]),
        "big_five": {trait: _trait(table["big_five"][trait], u[trait]) for trait in TRAITS},
        "therapist": {
            "age": low + int(u["therapist_age"] * (high - low + 1)),
            "gender": _choice(table["therapist"]["gender"], u["therapist_gender"]),
        },
    }
    for name, value in given.items():
        both = isinstance(value, Mapping) and isinstance(drawn.get(name), dict)
        drawn[name] = drawn[name] | dict(cast("Mapping[str, Any]", value)) if both else value
    try:
        return CaseProfile.model_validate(drawn)
    except ValueError as error:
        raise InputError(f"case {index}: {first_fault(error)}") from None


def published_odds(odds: Odds = "released") -> dict[str, dict[str, float]]:
    """Shares in percent of the fields for which numbers are published (see `cases.yaml`)."""
    table = _odds()
    behaviours: dict[str, float] = table["behaviours"]
    shares = {
        "gender": _percent(table["gender"][odds]),
        "co_occurring_condition": _percent(table["co_occurring_condition"]),
    }
    if odds == "released":
        shares["trauma_type"] = _percent(table["trauma_type"])
        shares["exhibited_behaviors"] = {name: 100.0 * chance for name, chance in behaviours.items()}
    return shares


def _percent(odds: Mapping[str, float]) -> dict[str, float]:
    whole = sum(odds.values())
    return {name: 100.0 * weight / whole for name, weight in odds.items()}


def first_fault(error: ValueError) -> str:
    """The first fault of a pydantic error in one line, with the field it is in."""
    faults = cast("Any", error).errors()
    where = ".".join(str(part) for part in faults[0]["loc"])
    return f"{where}: {faults[0]['msg']}" if where else str(faults[0]["msg"])


@lru_cache(maxsize=1)
def _odds() -> dict[str, Any]:
    return read_yaml((resources.files("rapport.apps.simulate") / "cases.yaml").read_text("utf-8"), "cases.yaml")


@lru_cache(maxsize=64)
def _uniforms(block: int, seed: int) -> NDArray[np.float64]:
    """Uniform numbers (50, columns): each column a permutation of 50 strata, jittered."""
    rng = np.random.default_rng((seed, block))
    strata = np.argsort(rng.random((BLOCK, len(_COLUMNS))), axis=0)
    return (strata + rng.random(strata.shape)) / BLOCK


def _choice(odds: Mapping[str, float], u: float) -> str:
    left = u * sum(odds.values())
    for name, weight in odds.items():
        left -= weight
        if left < 0:
            return name
    return list(odds)[-1]


def _even(odds: Mapping[str, float], which: Odds) -> Mapping[str, float]:
    return dict.fromkeys(odds, 1.0) if which == "paper" else odds


def _age(bands: Sequence[Mapping[str, Any]], u_band: float, u: float) -> int:
    odds = {str(i): band["high"] - band["low"] + 1 for i, band in enumerate(bands)}
    band = bands[int(_choice(odds, u_band))]
    return band["low"] + int(u * (band["high"] - band["low"] + 1))


def _by_age(rows: Sequence[Mapping[str, Any]], age: int) -> Mapping[str, float]:
    return next((row["odds"] for row in rows if age <= row["up_to"]), rows[-1]["odds"])


def _behaviours(chances: Mapping[str, float], which: Odds, u: float, block: tuple[int, int]) -> tuple[str, ...]:
    """Three behaviours, each with its own chance, by systematic sampling (Madow 1949) along a list that every block of
    cases shuffles anew."""
    if which == "paper":
        chances = dict.fromkeys(chances, 3 / len(chances))
    names = list(chances)
    np.random.default_rng((*block, len(names))).shuffle(names)
    ends = np.cumsum([chances[name] for name in names])
    picks = np.searchsorted(ends, u + np.arange(round(ends[-1])), side="right")
    return tuple(sorted((names[min(int(i), len(names) - 1)] for i in picks), key=BEHAVIOURS.index))


def _trait(mean: float, u: float) -> float:
    return round(min(0.98, max(0.02, NormalDist(mean, _TRAIT_SD).inv_cdf(min(0.9999, max(0.0001, u))))), 3)


def _one_of(field: str, choices: Sequence[str], *values: str) -> None:
    for value in values:
        if value not in choices:
            _refuse(f"{field}: {value!r} is none of {', '.join(choices)}")


def _refuse(message: str) -> None:
    raise PydanticCustomError("case", "{message}", {"message": message})
