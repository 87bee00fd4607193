"""The five traits of a personality, each from 0 to 1: set by hand, or from records that know only low and high.

`persona/questionnaire.py` takes them from a ten-item questionnaire, `persona/temperament.py` says what follows from
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from rapport.persona.errors import InputError

Trait = Literal["openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism"]
TRAITS: tuple[Trait, ...] = get_args(Trait)

LEVELS: Mapping[str, float] = {"low": 0.25, "unknown": 0.5, "high": 0.75}
"""What a level stands for: the middle of the lower half of the scale, the middle of all of it, of the upper half."""


class BigFive(BaseModel):
    """Costa & McCrae's five traits, each from 0 (very low) over 0.5 (average) to 1 (very high).

    Raises:
        pydantic.ValidationError (a ValueError): a trait outside [0, 1], no number, or unknown.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    openness: float = Field(default=0.5, ge=0, le=1)
    conscientiousness: float = Field(default=0.5, ge=0, le=1)
    extraversion: float = Field(default=0.5, ge=0, le=1)
    agreeableness: float = Field(default=0.5, ge=0, le=1)
    neuroticism: float = Field(default=0.5, ge=0, le=1)

    @classmethod
    def from_levels(cls, levels: Mapping[str, str]) -> BigFive:
        """From levels such as CPED's (Chen et al. 2022): trait names and `low`, `high` or `unknown`, in any case.

        A trait that is not named counts as unknown. Raises InputError for another trait or another level.
        """
        found: dict[str, float] = {}
        for name, level in levels.items():
            trait, value = name.strip().lower(), LEVELS.get(level.strip().lower())
            if trait not in TRAITS:
                raise InputError(f"{name!r} is no trait of the Big Five; one of: {', '.join(TRAITS)}")
            if value is None:
                raise InputError(f"{trait} must be low, high or unknown, got {level!r}")
            found[trait] = value
        return cls(**found)

    @property
    def centred(self) -> tuple[float, float, float, float, float]:
        """O, C, E, A, N from -1 (very low) over 0 (average) to 1 (very high)."""
        o, c, e, a, n = self.ocean
        return 2 * o - 1, 2 * c - 1, 2 * e - 1, 2 * a - 1, 2 * n - 1

    @property
    def ocean(self) -> tuple[float, float, float, float, float]:
        """O, C, E, A, N in the order of the acronym, each in [0, 1]."""
        return self.openness, self.conscientiousness, self.extraversion, self.agreeableness, self.neuroticism
