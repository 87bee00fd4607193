"""Persona cards: the shipped ones, cards of one's own, and faults named in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from rapport.persona.affect import VAD
from rapport.persona.card import Persona, load_persona, shipped_personas
from rapport.persona.errors import InputError


def written(folder: Path, text: str) -> Path:
    path = folder / "card.yaml"
    path.write_text(text, "utf-8")
    return path


def test_three_personas_ship() -> None:
    assert shipped_personas() == ("harbor", "spark", "willow")


@pytest.mark.parametrize("name", ["harbor", "spark", "willow"])
def test_each_shipped_card_is_complete(name: str) -> None:
    card = load_persona(name)
    assert card.name == name
    assert card.biography and card.manner and card.baseline_mood is not None


def test_shipped_personas_are_who_they_are_said_to_be() -> None:
    harbor, spark, willow = (load_persona(name).big_five for name in ("harbor", "spark", "willow"))
    assert harbor.agreeableness > max(spark.agreeableness, willow.agreeableness)
    assert spark.extraversion > max(harbor.extraversion, willow.extraversion)
    assert willow.neuroticism > max(harbor.neuroticism, spark.neuroticism)
    assert willow.conscientiousness > max(harbor.conscientiousness, spark.conscientiousness)


def test_a_card_needs_only_a_name(tmp_path: Path) -> None:
    assert load_persona(written(tmp_path, "name: Ada\n")) == Persona(name="Ada")


def test_a_card_of_ones_own_is_read_whole(tmp_path: Path) -> None:
    text = """
name: Ada
big_five: {openness: 1, neuroticism: 0}
baseline_mood: {valence: 0.5}
voice: {styles: {one: 0.3, two: 0.7}, rate_scale: 1.2}
face: {skin: "#FFEEDD"}
"""
    card = load_persona(written(tmp_path, text))
    assert (card.big_five.openness, card.big_five.extraversion) == (1.0, 0.5)
    assert card.baseline_mood is not None and card.baseline_mood.vad == VAD(0.5, 0.0, 0.0)
    assert card.voice.styles == {"one": 0.3, "two": 0.7}
    assert card.face.skin == "#FFEEDD"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("biography: nameless\n", "name: field required"),
        ("name: ''\n", "name:"),
        ("name: Ada\nbigfive: {}\n", "bigfive:"),
        ("name: Ada\nbig_five: {openness: 1.5}\n", "big_five.openness: input should be less than or equal to 1"),
        ("name: Ada\nbig_five: {openness: .nan}\n", "big_five.openness:"),
        ("name: Ada\nbig_five: {courage: 1}\n", "big_five.courage:"),
        ("name: Ada\nbaseline_mood: {valence: -2}\n", "baseline_mood.valence:"),
        ("name: Ada\nvoice: {pitch_scale: 9}\n", "voice.pitch_scale:"),
        ("name: Ada\nface: {skin: pink}\n", "face.skin:"),
        ("name: Ada\nborn: 1815-13-45\n", "broken YAML"),
        ("name: [Ada\n", "broken YAML at line"),
        ("name: Ada\n\tage: 3\n", "broken YAML at line 2"),
        ("just words\n", "must be a YAML mapping"),
        ("!!python/object/apply:os.system ['true']\n", "broken YAML"),
        ("name: Ada\nbiography: " + "x" * 5000, "biography:"),
    ],
    ids=lambda text: text[:30],
)
def test_a_fault_is_named_in_one_line_with_the_file(tmp_path: Path, text: str, says: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError) as error:
        load_persona(path)
    assert str(error.value).startswith(f"{path}: ")
    assert says in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["nobody", "", "../harbor", "harbor.txt", "HARBOR"])
def test_an_unknown_persona_lists_the_choices(name: str) -> None:
    with pytest.raises(InputError, match=r"unknown persona .*harbor, spark, willow.*\.yaml card"):
        load_persona(name)


def test_card_files_that_cannot_be_read_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="check the path"):
        load_persona(tmp_path / "nowhere.yaml")
    folder = tmp_path / "folder.yaml"
    folder.mkdir()
    with pytest.raises(InputError, match="check the path"):
        load_persona(folder)
    binary = tmp_path / "binary.yml"
    binary.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(InputError, match="UTF-8"):
        load_persona(binary)
    huge = tmp_path / "huge.yaml"
    huge.write_bytes(b"#" * 1_000_001)
    with pytest.raises(InputError, match="1 MB"):
        load_persona(huge)
