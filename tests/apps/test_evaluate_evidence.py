"""Agreement of evidence words with annotated causes: precision and chance by hand, and the whole on a made-up file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rapport.agent.stages import EmotionCapabilities, PersonTurn
from rapport.apps.evaluate import reading
from rapport.apps.evaluate.evidence import Cause, chance, precision, reccon, self_caused
from rapport.persona.affect import EKMAN7, EmotionDistribution, EmotionEstimate, Evidence
from rapport.persona.errors import InputError

TEXT = "Great ! I won the big prize , and we had great food ."
CAUSE = Cause("d", TEXT, ((TEXT.index("won"), TEXT.index(" ,")),))


def turn(number: int, text: str, emotion: str, *causes: tuple[Any, str]) -> dict[str, Any]:
    out: dict[str, Any] = {"turn": number, "speaker": "A", "utterance": text, "emotion": emotion}
    if causes:
        out["expanded emotion cause evidence"] = [number for number, _ in causes]
        out["expanded emotion cause span"] = [span for _, span in causes]
        out["type"] = ["no-context"]
    return out


def test_words_and_their_places():
    assert [word for word, inside in CAUSE.words() if inside] == ["won", "the", "big", "prize"]
    assert [word for word, inside in CAUSE.words() if not inside] == ["great", "i", "and", "we", "had", "great", "food"]


def test_precision_by_hand():
    assert precision(CAUSE, ["prize", "food"]) == 0.5
    assert precision(CAUSE, ["Prize!", "the big"]) == 1
    assert precision(CAUSE, ["won", "won", "absent"]) == 1
    assert precision(CAUSE, ["absent"]) is None and precision(CAUSE, []) is None
    twice = Cause("d", "so good , so sad", ((0, 7),))
    assert precision(twice, ["so"]) == 0.5  # one of its two occurrences lies in the cause
    assert precision(Cause("d", "unbelievable", ((2, 5),)), ["unbelievable"]) == 1


def test_chance_by_hand():
    # Content words: great, won, big, prize, great, food.
    assert chance(CAUSE) == 3 / 6
    assert chance(CAUSE, content=False) == 4 / 11
    assert chance(Cause("d", "I had it", ((0, 8),))) == 0


def test_only_causes_in_the_turn_itself_count():
    dialogue = [
        turn(1, "Hello .", "neutral"),
        turn(2, "I won a prize .", "happiness", (2, "won a prize")),
        turn(3, "Great , a prize .", "happiness", (2, "a prize"), ("b", "Great")),
        turn(4, "A prize ! Lucky you .", "surprise", (3, "prize"), (4, "Lucky")),
    ]
    found = self_caused({"d": dialogue})
    assert [(c.text, [c.text[a:b] for a, b in c.spans]) for c in found] == [
        ("I won a prize .", ["won a prize"]),
        ("A prize ! Lucky you .", ["Lucky"]),
    ]


class Pointer:
    """Names the words in capitals as its evidence."""

    capabilities = EmotionCapabilities("text", EKMAN7.name)

    async def estimate(self, heard: PersonTurn) -> EmotionEstimate:
        words = [word for word in heard.transcript.text.split() if word.isupper() and len(word) > 1]
        joy = EmotionDistribution.certain(EKMAN7, "joy")
        return EmotionEstimate(joy, joy.vad, evidence=tuple(Evidence("text", word, 0.3) for word in words))


def test_agreement_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "create", lambda stage, name: Pointer())
    file = tmp_path / "valid.json"
    dialogues = {
        "a": [[turn(1, "WON prize yesterday", "happiness", (1, "WON prize"))]],  # precision 1, chance 2/3
        "b": [[turn(1, "WON prize YESTERDAY evening", "happiness", (1, "WON"))]],  # precision 1/2, chance 1/4
        "c": [[turn(1, "WON prize", "happiness", (1, "WON prize"))]],  # all of it: says nothing
        "d": [[turn(1, "lost prize", "sadness", (1, "lost"))]],  # no word named
    }
    file.write_text(json.dumps(dialogues), "utf-8")
    told = reccon(file, "pointer").as_dict()
    assert told["n"] == 2
    assert told["precision"] == 0.75 and told["chance"] == pytest.approx((2 / 3 + 1 / 4) / 2, abs=1e-6)
    assert told["agreement"] == pytest.approx(0.75 - (2 / 3 + 1 / 4) / 2, abs=1e-6)
    low, high = told["intervals"]["agreement"]
    assert low == pytest.approx(1 / 4, abs=1e-6) and high == pytest.approx(1 / 3, abs=1e-6)
    assert "4 turns have a cause in themselves; 1 do not count" in told["notes"][1]


def test_a_recogniser_without_evidence_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "create", lambda stage, name: Pointer())
    file = tmp_path / "valid.json"
    file.write_text(json.dumps({"a": [[turn(1, "won prize today", "happiness", (1, "won"))]]}), "utf-8")
    with pytest.raises(InputError, match="pointer names no evidence"):
        reccon(file, "pointer")
    file.write_text(json.dumps({"a": [[turn(1, "hello", "neutral")]]}), "utf-8")
    with pytest.raises(InputError, match="no turn has a cause in itself"):
        reccon(file, "pointer")
