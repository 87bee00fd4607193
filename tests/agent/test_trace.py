"""The trace of a turn: the keys that others rely on, and JSON that reads back to the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rapport.agent import Utterance
from rapport.agent.testing import FakeEmotion, FakeVoice, fake_agent
from rapport.agent.trace import TurnTrace, write_traces
from rapport.persona import affect
from rapport.persona.analytic import AnalyticTransition
from rapport.persona.errors import StorageError
from rapport.speech.audio import Audio

VAD = {"valence", "arousal", "dominance"}
ESTIMATE = {"label": str, "probabilities": dict, "vad": VAD, "vad_sd": VAD}
AFFECT = {"label": str, "vad": VAD, "mood": VAD}
TIMED = [{"text": str, "start_s": float, "end_s": float}]
SHAPE: dict[str, Any] = {
    "session": str,
    "turn": int,
    "persona": str,
    "seed": int,
    "heard": {"text": str, "words": TIMED, "language": str},
    "risk": type(None),
    "perceived": {
        "modalities": {"text": ESTIMATE, "voice": ESTIMATE, "face": ESTIMATE},
        "fused": ESTIMATE,
        "evidence": [{"modality": str, "text": str, "weight": float}],
        "conflict": str,
        "compound": str,
        "explanation": {"key_observations": list, "interpretation": str, "conclusion": str},
        "smoothed": {"vad": VAD, "sd": VAD},
    },
    "felt": {"before": AFFECT, "after": AFFECT, "because": dict},
    "recalled": list,
    "plan": {"event": str, "emotion": str, "cause": str, "goal": str, "strategy": str},
    "considered": type(None),
    "reply": {
        "text": str,
        "clauses": [
            {
                "text": str,
                "start_s": float,
                "end_s": float,
                "phonemes": [{"symbol": str, "start_s": float, "end_s": float}],
            }
        ],
    },
    "timings_s": {"recognition", "perception", "first_token", "first_audio", "first_frame", "total"},
    "failures": [{"stage": str, "component": str, "error": str, "fallback": str}],
}


def assert_shape(value: Any, shape: Any, where: str = "trace") -> None:
    if isinstance(shape, dict):
        assert set(value) == set(shape), where
        for key, part in shape.items():
            assert_shape(value[key], part, f"{where}.{key}")
    elif isinstance(shape, set):
        assert set(value) == shape, where
        assert all(number is None or isinstance(number, float) for number in value.values()), where
    elif isinstance(shape, list):
        assert value, f"{where} is empty, so nothing was compared"
        for item in value:
            assert_shape(item, shape[0], f"{where}[]")
    else:
        assert isinstance(value, shape), where


@pytest.fixture
def trace(clock: Any) -> TurnTrace:
    """Of a turn in which everything happened: three modalities that disagree, and a voice that was replaced."""
    import numpy as np

    agent = fake_agent(
        clock=clock,
        emotion=[
            FakeEmotion(affect.VAD(0.8, 0.5, 0.4)),
            FakeEmotion(affect.VAD(-0.6, 0.8, -0.4), "voice"),
            FakeEmotion(affect.VAD(-0.1, 0.8, -0.3), "face"),
        ],
        transition=AnalyticTransition(),
        voice=[FakeVoice(fails=RuntimeError("boom")), FakeVoice()],
    )
    frames = (np.zeros((4, 4, 3), np.uint8),)
    return agent.say(Utterance(audio=Audio.silence(1.0), frames=frames)).trace


def test_a_trace_has_every_documented_key_and_no_other(trace: TurnTrace) -> None:
    assert_shape(json.loads(trace.model_dump_json()), SHAPE)


def test_a_trace_reads_back_to_the_same(trace: TurnTrace) -> None:
    assert TurnTrace.model_validate_json(trace.model_dump_json()) == trace


def test_parts_of_because_add_up_to_the_move(trace: TurnTrace) -> None:
    felt = trace.felt
    for axis in VAD:
        moved = getattr(felt.after.vad, axis) - getattr(felt.before.vad, axis)
        assert moved != 0.0
        assert sum(felt.because[axis].values()) == pytest.approx(moved, abs=1e-9)


def test_phonemes_stand_inside_their_clauses_on_the_reply_clock(trace: TurnTrace) -> None:
    ends_s = 0.0
    for clause in trace.reply.clauses:
        assert clause.start_s == pytest.approx(ends_s)
        assert all(clause.start_s - 1e-9 <= p.start_s <= p.end_s <= clause.end_s + 1e-9 for p in clause.phonemes)
        ends_s = clause.end_s


def test_one_turn_is_written_as_json_and_several_as_json_lines(trace: TurnTrace, tmp_path: Path) -> None:
    one, several = tmp_path / "one.json", tmp_path / "several.jsonl"
    write_traces(one, [trace])
    assert TurnTrace.model_validate_json(one.read_text("utf-8")) == trace
    write_traces(several, [trace, trace, trace])
    assert [TurnTrace.model_validate_json(line) for line in several.read_text("utf-8").splitlines()] == [trace] * 3


def test_a_trace_that_cannot_be_written_says_so_in_one_line(trace: TurnTrace, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="choose another place"):
        write_traces(tmp_path / "no" / "such" / "folder.json", [trace])
