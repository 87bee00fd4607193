"""The evaluation of transitions on PELD: what a transition is given, and the figures, by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rapport.agent.stages import EmotionCapabilities, PersonTurn
from rapport.apps.evaluate import reading, transition
from rapport.apps.evaluate.peld import COLUMNS, ROLES
from rapport.persona.affect import EKMAN7, AffectState, EmotionDistribution, EmotionEstimate
from rapport.persona.transition import HoldTransition, TransitionCapabilities, TransitionRequest, at_rest

ROWS = [
    # emotions 1, 2, 3
    ("anger", "joy", "anger"),
    ("neutral", "joy", "neutral"),
    ("neutral", "fear", "joy"),
    ("joy", "neutral", "neutral"),
]


class Reader:
    """Reads joy in everything, and keeps what it heard."""

    capabilities = EmotionCapabilities("text", EKMAN7.name)

    def __init__(self) -> None:
        self.heard: list[PersonTurn] = []

    async def estimate(self, heard: PersonTurn) -> EmotionEstimate:
        self.heard.append(heard)
        joy = EmotionDistribution.certain(EKMAN7, "joy")
        return EmotionEstimate(joy, joy.vad, modality="text")


class Copy:
    """Feels what it perceives, and keeps what it was asked."""

    capabilities = TransitionCapabilities()

    def __init__(self) -> None:
        self.asked: list[TransitionRequest] = []

    async def step(self, request: TransitionRequest) -> AffectState:
        self.asked.append(request)
        return AffectState(request.perceived.vad, request.state.mood, request.now_s)


def peld_file(path: Path, repeats: int = 1) -> Path:
    lines = ["\t".join(COLUMNS)]
    for r in range(repeats):
        for k, emotions in enumerate(ROWS):
            texts = [f"first {r} {k}", f"second {r} {k}", f"third {r} {k}"]
            lines.append("\t".join(["Ross", "Ann", str(list(ROLES["Ross"])), *texts, *emotions, *["neutral"] * 3]))
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, Any], None]:
    def patch(reader: Any, component: Any) -> None:
        monkeypatch.setattr(reading, "create", lambda stage, name: reader)
        monkeypatch.setattr(transition, "create", lambda stage, name: component)

    return patch


def test_a_transition_gets_what_an_agent_would_know(tmp_path: Path, install: Callable[[Any, Any], None]):
    reader, component = Reader(), Copy()
    install(reader, component)
    transition.peld(peld_file(tmp_path / "p.tsv"), "copy", "reader", "given")
    assert [h.transcript.text for h in reader.heard] == [f"second 0 {k}" for k in range(4)]
    assert [(e.person, e.agent) for e in reader.heard[0].history] == [("", "first 0 0")]
    request = component.asked[0]
    assert request.state.emotion == EKMAN7.points["anger"]
    assert request.state.distribution is not None and request.state.distribution.label == "anger"
    assert request.persona.big_five.ocean == ROLES["Ross"]
    assert request.state.mood == at_rest(request.persona, 0.0).mood
    assert request.now_s == request.state.at_s
    assert (request.text, request.context) == ("second 0 0", ("first 0 0",))
    assert request.perceived.label == "joy"


def test_figures_by_hand(tmp_path: Path, install: Callable[[Any, Any], None]):
    install(Reader(), Copy())
    told = transition.peld(peld_file(tmp_path / "p.tsv"), "copy", "reader", "given").as_dict()
    # Found joy four times; given anger, neutral, joy, neutral.
    assert told["n"] == 4 and told["accuracy"] == 0.25
    assert told["macro_f1"] == pytest.approx((2 / 5) / 3, abs=1e-6)
    assert told["weighted_f1"] == pytest.approx(0.25 * 2 / 5, abs=1e-6)
    assert told["weighted_f1_swapped_arguments"] == pytest.approx(2 / 5, abs=1e-6)
    assert told["pearson"]["V"] is None  # a constant has no correlation
    # Hold is right twice: F1 of anger 1, of neutral 1/2, of joy 0.
    assert told["baselines"]["hold"]["macro_f1"] == 0.5 and told["baselines"]["hold"]["accuracy"] == 0.5
    assert told["baselines"]["mirror"]["accuracy"] == 0.25
    assert told["baselines"]["majority"]["accuracy"] == 0.5
    assert told["gain_over_hold"]["macro_f1"] == pytest.approx(0.4 / 3 - 0.5, abs=1e-6)
    assert told["gain_over_hold"]["changed"] == 0.75
    assert any("PELD's released code" in note for note in told["notes"])
    json.dumps(told, allow_nan=False)


def test_labels_of_the_component_count_before_its_point(tmp_path: Path, install: Callable[[Any, Any], None]):
    class Labels(Copy):
        async def step(self, request: TransitionRequest) -> AffectState:
            neutral = EmotionDistribution.certain(EKMAN7, "neutral")
            return AffectState(request.perceived.vad, request.state.mood, request.now_s, {}, neutral)

    install(Reader(), Labels())
    told = transition.peld(peld_file(tmp_path / "p.tsv"), "labels", "reader", "given").as_dict()
    assert told["accuracy"] == 0.5 and told["per_class"]["neutral"]["recall"] == 1
    assert told["nearest_point"]["accuracy"] == 0.25


def test_no_change_keeps_the_emotion_exactly(tmp_path: Path, install: Callable[[Any, Any], None]):
    install(Reader(), HoldTransition())
    told = transition.peld(peld_file(tmp_path / "p.tsv"), "hold", "reader", "given").as_dict()
    assert told["gain_over_hold"] == {"macro_f1": 0, "changed": 0}
    assert told["intervals"]["gain_over_hold.macro_f1"] == [0, 0]
    assert told["macro_f1"] == told["baselines"]["hold"]["macro_f1"] == 0.5


def test_the_official_part_of_another_file_is_told_apart(tmp_path: Path, install: Callable[[Any, Any], None]):
    pytest.importorskip("sklearn")
    install(Reader(), HoldTransition())
    told = transition.peld(peld_file(tmp_path / "p.tsv", repeats=40), "hold", "reader", "official").as_dict()
    assert told["n"] == 16
    assert any("the published split is of 6510 rows, this file has 160" in note for note in told["notes"])
    assert any("of the training part" in note for note in told["notes"])
