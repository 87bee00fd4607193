"""Simulation scripts: one YAML file that says who speaks, by which protocol, how often, and what is recorded.

protocol: pe                  # pe, supportive, mi, free, or a plug-in's
cases: 100
seed: 7
therapists: [true, breathless]
profile: {age: 34, big_five: {neuroticism: 0.8}}     # fields that every case has alike
sessions: [P10]               # record these only; all by default
models: {client: rules, therapist: "langchain:openai:gpt-4o-mini"}
stop: {minutes: 60, suds_below: 20}
record: [thousand-voices]     # beside the JSON lines
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from rapport.apps.simulate.case import CaseProfile, Odds, draw_case, first_fault
from rapport.apps.simulate.protocols.names import load_protocol
from rapport.apps.simulate.session import Stops
from rapport.apps.simulate.therapists import therapist_named
from rapport.persona.card import read_yaml
from rapport.persona.errors import InputError

Layout = Literal["thousand-voices", "deepdialogue"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Models(_Part):
    """Who writes each side's words: "rules", "embedded", or "langchain:PROVIDER:MODEL"."""

    client: str = "rules"
    therapist: str = "rules"

    @property
    def any(self) -> bool:
        """Whether a model writes anything."""
        return (self.client, self.therapist) != ("rules", "rules")


class StopRules(_Part):
    """Rules that end a session before its protocol does."""

    minutes: float | None = Field(default=None, gt=0)
    exchanges: int | None = Field(default=None, gt=0)
    suds_below: float | None = Field(default=None, ge=0, le=100)

    @property
    def stops(self) -> Stops:
        return Stops(self.minutes, self.exchanges, self.suds_below)


def _name(value: object) -> object:
    # YAML reads a bare `true` as a truth value; the therapist is called so all the same.
    return "true" if value is True else value


class SimulationScript(_Part):
    """What is simulated. The defaults are one case of prolonged exposure with a therapist who keeps to the protocol."""

    protocol: str = "pe"
    cases: int = Field(default=1, ge=1, le=1_000_000)
    seed: int = Field(default=0, ge=0, le=2**63 - 1)
    therapists: tuple[Annotated[str, BeforeValidator(_name)], ...] = Field(default=("true",), min_length=1)
    odds: Odds = "released"
    profile: dict[str, Any] = Field(default_factory=dict[str, Any])
    sessions: tuple[str, ...] = ()
    models: Models = Models()
    stop: StopRules = StopRules()
    record: tuple[Layout, ...] = ()

    def checked(self) -> SimulationScript:
        """Itself. Raises InputError or ComponentError when a name is unknown or no case can be drawn."""
        protocol = load_protocol(self.protocol)
        for name in self.therapists:
            therapist_named(name)
        if len(set(self.therapists)) < len(self.therapists):
            raise InputError("therapists: names the same therapist twice")
        _no_unknown(self.profile, CaseProfile, "profile")
        case = draw_case(0, self.seed, self.odds, self.profile)
        if self.sessions:
            import random

            keys = [plan.key for plan in protocol.sessions(case, random.Random(0))]
            for key in self.sessions:
                if key not in keys:
                    raise InputError(f"sessions: {key!r} is no session of {self.protocol}; it has {', '.join(keys)}")
        return self


def read_script(path: Path) -> SimulationScript:
    """A script from a YAML file. Raises InputError that names a wrong key and the nearest right one."""
    try:
        if path.stat().st_size > 1_000_000:
            raise InputError(f"{path}: a simulation script is a few lines; this file is larger than 1 MB")
        text = path.read_text("utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text") from None
    return script_of(read_yaml(text, str(path)), str(path))


def script_of(data: Mapping[str, Any], source: str = "the script") -> SimulationScript:
    """A script from its keys and values. Raises InputError."""
    _no_unknown(data, SimulationScript, source)
    for key, part in (("models", Models), ("stop", StopRules)):
        if isinstance(data.get(key), Mapping):
            _no_unknown(data[key], part, f"{source}: {key}")
    try:
        script = SimulationScript.model_validate(dict(data))
    except ValidationError as error:
        raise InputError(f"{source}: {first_fault(error)}") from None
    try:
        return script.checked()
    except InputError as error:
        raise InputError(f"{source}: {error}") from None


def _no_unknown(data: Mapping[str, Any], model: type[BaseModel], where: str) -> None:
    for key in data:
        if key not in model.model_fields:
            near = get_close_matches(str(key), model.model_fields, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(model.model_fields)}"
            raise InputError(f"{where}: there is no key {str(key)!r}; {hint}")
