"""Configurations: short and long forms of YAML, and faults named in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from rapport.agent import Agent, AgentConfig, StageConfig, load_config
from rapport.agent.registry import check
from rapport.persona.errors import InputError


def written(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, "utf-8")
    return path


def test_short_and_long_forms_mean_the_same(tmp_path: Path) -> None:
    short = load_config(written(tmp_path, "voice: [kokoro, piper]\nresponse: rules\nanimation: null\n"))
    long = load_config(
        written(tmp_path, "voice: {use: kokoro, fallback: [piper]}\nresponse: {use: rules}\nanimation:\n")
    )
    assert short == long
    assert short.voice == StageConfig(use="kokoro", fallback=("piper",))
    assert short.voice is not None and short.voice.chain == ("kokoro", "piper")
    assert short.animation is None


def test_emotion_names_one_chain_per_modality(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, "emotion: [[minilm, 'transformers:some/model'], prosody]\n"))
    assert [stage.chain for stage in config.emotion] == [("minilm", "transformers:some/model"), ("prosody",)]
    assert load_config(written(tmp_path, "emotion: []\n")).emotion == ()


def test_what_a_file_does_not_name_keeps_its_default(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, "persona: spark\nhistory_turns: 2\n"))
    assert config == AgentConfig(persona="spark", history_turns=2)


def test_python_takes_the_same_short_forms() -> None:
    assert AgentConfig(voice="kokoro:jm_kumo").voice == StageConfig(use="kokoro:jm_kumo")  # type: ignore[arg-type]


def test_every_default_component_is_declared() -> None:
    config = AgentConfig()
    for stage in ("recognition", "fusion", "transition", "response", "voice", "animation", "rendering", "memory"):
        for spec in getattr(config, stage).chain:
            check(stage, spec)
    for wanted in config.emotion:
        for spec in wanted.chain:
            check("emotion", spec)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("vioce: kokoro\n", "vioce"),
        ("voice: {use: kokoro, budget: 3}\n", "voice.budget"),
        ("voice: {use: kokoro, budget_s: -1}\n", "voice.budget_s: input should be greater than 0"),
        ("voice: {fallback: [piper]}\n", "voice.use: field required"),
        ("voice: {use: ''}\n", "voice.use"),
        ("voice: 3\n", "voice"),
        ("emotion: [minilm, {use: prosody, oops: 1}]\n", "emotion.1.oops"),
        ("history_turns: many\n", "history_turns"),
        ("persona: spark\nvoice: [kokoro, piper\nmemory: sql\n", "broken YAML at line 3"),
        ("a: b: c\n", "broken YAML at line 1"),
        ("when: 2024-13-45\n", "broken YAML"),
        ("[" * 2000, "broken YAML"),
        ("a: \x00\n", "broken YAML"),
        ("- kokoro\n", "must be a YAML mapping"),
        ("", "must be a YAML mapping"),
        ("1: 2\n", ""),
    ],
    ids=lambda text: text[:30] or "empty",
)
def test_a_fault_is_named_in_one_line_with_the_file(tmp_path: Path, text: str, says: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError) as error:
        load_config(path)
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    assert says in message
    assert "\n" not in message
    assert len(message) < len(str(path)) + 200


def test_files_that_cannot_be_read_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="check the path"):
        load_config(tmp_path / "nowhere.yaml")
    with pytest.raises(InputError, match="check the path"):
        load_config(tmp_path)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(InputError, match="UTF-8"):
        load_config(binary)


def test_an_unknown_persona_lists_the_shipped_ones() -> None:
    with pytest.raises(InputError, match=r"unknown persona 'nobody'; choose one of harbor, spark, willow"):
        Agent.from_config(AgentConfig(persona="nobody"))


def test_a_smaller_configuration_is_one_call_away() -> None:
    text = AgentConfig().text_only()
    assert (text.voice, text.animation, text.rendering) == (None, None, None)
    audible = AgentConfig().without_pictures()
    assert audible.voice is not None and (audible.animation, audible.rendering) == (None, None)


def test_permissive_weights_reach_the_responder(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, "weights: permissive\n"))
    assert config.response == StageConfig(use="smollm2:permissive", fallback=("rules",), budget_s=12)
    assert AgentConfig.model_validate(config.model_dump()) == config and config.patient().weights == "permissive"
    chain = load_config(written(tmp_path, "response: [rules, smollm2]\nweights: permissive\n")).response.chain
    assert chain == ("rules", "smollm2:permissive")
    with pytest.raises(InputError, match="write 'smollm2' instead"):
        load_config(written(tmp_path, "weights: permissive\nresponse: smollm2:reply/adapter.safetensors\n"))
