"""What a card says about a face: sensible without a word, and refused in one line where it is impossible."""

from __future__ import annotations

from typing import Any

import pytest

from rapport.persona.card import FACE_SLIDERS, Ancestry, FaceCard, load_persona, shipped_personas, validated
from rapport.persona.errors import InputError


def test_a_card_needs_nothing_and_keeps_what_it_is_told():
    assert validated(FaceCard, {}, "card") == FaceCard()
    told = {
        "age": 71,
        "gender": 1,
        "ancestry": {"asian": 2, "african": 1},
        "shape": {"nose_width": -0.5},
        "hair_style": "bald",
    }
    face = validated(FaceCard, told, "card")
    assert (face.age, face.gender, face.hair_style) == (71, 1, "bald")
    assert face.ancestry == Ancestry(asian=2, african=1)
    assert face.shape == {"nose_width": -0.5}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"age": 12}, "age"),
        ({"age": 81}, "age"),
        ({"age": float("nan")}, "age"),
        ({"gender": 1.2}, "gender"),
        ({"gender": "female"}, "gender"),
        ({"ancestry": {"asian": 0, "african": 0}}, "above 0"),
        ({"ancestry": {}}, "above 0"),
        ({"ancestry": {"asian": -1, "european": 2}}, "ancestry.asian"),
        ({"ancestry": {"asian": float("inf")}}, "ancestry.asian"),
        ({"ancestry": {"martian": 1}}, "ancestry.martian"),
        ({"shape": {"nose_width": 1.5}}, "shape.nose_width"),
        ({"shape": {"nose_width": float("nan")}}, "shape.nose_width"),
        ({"shape": {"nose_wdth": 0.5}}, "no slider is called nose_wdth; choose from face_width"),
        ({"shape": [1, 2]}, "shape"),
        ({"hair_style": "mohawk"}, "'long', 'bob', 'short' or 'bald'"),
        ({"skin": "pink"}, "skin"),
        ({"cloth": "#12345"}, "cloth"),
        ({"brows": 2}, "brows"),
        ({"stubble": -0.1}, "stubble"),
        ({"head": "female"}, "head"),
    ],
)
def test_the_impossible_is_one_clear_line(given: dict[str, Any], message: str):
    with pytest.raises(InputError) as error:
        validated(FaceCard, given, "card.yaml")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_there_are_a_dozen_sliders_and_more_with_plain_names():
    assert len(FACE_SLIDERS) == len(set(FACE_SLIDERS)) >= 12
    assert all(name.replace("_", "").isalpha() for name in FACE_SLIDERS)


def test_shipped_personas_differ_in_everything_that_one_sees():
    faces = [load_persona(name).face for name in shipped_personas()]
    for field in ("age", "hair_style", "skin", "eyes", "hair", "cloth"):
        assert len({getattr(face, field) for face in faces}) == len(faces), field
    assert len({max(face.ancestry.model_dump().items(), key=lambda item: item[1])[0] for face in faces}) == len(faces)
    assert min(face.gender for face in faces) < 0.2
    assert max(face.gender for face in faces) > 0.8
