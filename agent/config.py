"""Which component does each stage, what it may cost in time, and what takes over when it fails.

    persona: harbor
    recognition: faster-whisper:tiny.en        # short form
    voice:                                     # long form
      use: kokoro
      fallback: [piper]
      budget_s: 10
    emotion: [minilm, whisper-emotion]         # one per modality; a list inside the list is a chain

A configuration is read from YAML with `load_config`, or made in Python: `AgentConfig(voice="kokoro")`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from rapport.agent.safety.resources import locale_of_environment
from rapport.persona.card import read_yaml, validated
from rapport.persona.errors import InputError


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StageConfig(_Model):
    """A component, the components that take over when it fails, and the time that each call may take."""

    use: str = Field(min_length=1)
    fallback: tuple[str, ...] = ()
    budget_s: float = Field(default=10.0, gt=0)
    """Seconds for one call; for a stream, for each item of it."""

    @property
    def chain(self) -> tuple[str, ...]:
        return (self.use, *self.fallback)


def _expand(value: Any) -> Any:
    """`"a"` means use a; `["a", "b"]` means use a, fall back to b."""
    if isinstance(value, str):
        return {"use": value}
    if isinstance(value, (list, tuple)) and value and all(isinstance(item, str) for item in value):  # pyright: ignore[reportUnknownVariableType]
        return {"use": value[0], "fallback": tuple(value[1:])}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return value  # pyright: ignore[reportUnknownVariableType]


Stage = Annotated[StageConfig, BeforeValidator(_expand)]


def _stage(use: str, *fallback: str, budget_s: float) -> Any:
    return Field(default_factory=lambda: StageConfig(use=use, fallback=fallback, budget_s=budget_s))


class AgentConfig(_Model):
    """A component per stage. The defaults run offline on a laptop CPU with what a plain install brings."""

    persona: str = "harbor"
    weights: Literal["any", "permissive"] = "any"
    """`permissive` answers without the parts that were trained on data for non-commercial use or for research only:
    `smollm2` then stands for `smollm2:permissive`."""
    recognition: Stage = _stage("faster-whisper", budget_s=20)
    emotion: tuple[Stage, ...] = Field(
        default_factory=lambda: (
            StageConfig(use="minilm", budget_s=2),
            StageConfig(use="whisper-emotion", fallback=("prosody",), budget_s=2),
            StageConfig(use="face", budget_s=2),
        )
    )
    fusion: Stage = _stage("precision", budget_s=1)
    transition: Stage = _stage("analytic", "hold", budget_s=1)
    response: Stage = Field(
        default_factory=lambda: StageConfig(use="smollm2", fallback=("rules",), budget_s=12), validate_default=True
    )
    voice: Stage | None = _stage("kokoro", budget_s=15)
    animation: Stage | None = _stage("viseme", "energy", budget_s=5)
    rendering: Stage | None = _stage("wgpu", "track", budget_s=10)
    memory: Stage = _stage("sql", budget_s=3)
    load_budget_s: float = Field(default=600.0, gt=0)
    """Seconds that a component may take to start; the first start of a language model converts it once."""
    history_turns: int = Field(default=4, ge=0, le=50)
    """Last exchanges that the responder sees."""
    context_turns: int = Field(default=2, ge=0, le=50)
    """Last exchanges that the words are read with, as far as the history goes; 0 reads every turn by itself."""
    recalled_turns: int = Field(default=2, ge=0, le=20)
    """Similar older exchanges that the responder sees."""
    max_sentences: int = Field(default=3, ge=1, le=20)
    locale: str | None = Field(default_factory=locale_of_environment, pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")
    """Where the person is, e.g. "en-GB": which help is named in a crisis. From LANG; None names no number."""
    max_text_chars: int = Field(default=4000, ge=1)
    """Longer input of the person is refused, or cut by the apps that say so."""
    max_audio_s: float = Field(default=300.0, gt=0)
    queue_items: int = Field(default=4, ge=1)
    """Clauses that may wait between two stages, and events (times 16) that may wait for a slow consumer."""
    retry_after_s: float = Field(default=30.0, ge=0)
    """A component that ran out of time rests for so long, doubled each time in a row, before it is tried again."""

    @field_validator("response")
    @classmethod
    def _permitted(cls, stage: StageConfig, info: ValidationInfo) -> StageConfig:
        if info.data.get("weights") != "permissive":
            return stage
        allowed = [f"{spec}:permissive" if spec == "smollm2" else spec for spec in stage.chain]
        for spec in allowed:
            if spec.startswith("smollm2:") and spec != "smollm2:permissive":
                raise ValueError(f"with `weights: permissive` write 'smollm2' instead of {spec!r}")
        return stage.model_copy(update={"use": allowed[0], "fallback": tuple(allowed[1:])})

    def patient(self, factor: float = 4.0) -> AgentConfig:
        """The same with every budget times `factor`: for work that nobody waits for live."""

        def longer(stage: StageConfig) -> StageConfig:
            return stage.model_copy(update={"budget_s": stage.budget_s * factor})

        single = ("recognition", "fusion", "transition", "response", "voice", "animation", "rendering", "memory")
        changes: dict[str, Any] = {name: longer(stage) for name in single if (stage := getattr(self, name)) is not None}
        return self.model_copy(update={**changes, "emotion": tuple(longer(stage) for stage in self.emotion)})

    def text_only(self) -> AgentConfig:
        """The same without voice, animation and rendering."""
        return self.model_copy(update={"voice": None, "animation": None, "rendering": None})

    def without_pictures(self) -> AgentConfig:
        """The same without animation and rendering."""
        return self.model_copy(update={"animation": None, "rendering": None})


def load_config(path: str | Path) -> AgentConfig:
    """Read a configuration from YAML.

    Raises:
        InputError: the file cannot be read, is broken YAML, or has an unknown or ill-typed key (named).
    """
    try:
        text = Path(path).read_text("utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path of the configuration") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text; save the configuration as UTF-8") from None
    return validated(AgentConfig, read_yaml(text, str(path)), str(path))
