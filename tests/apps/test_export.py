"""Traces exported as EmotionML: both people, every modality, valid, and read back."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from rapport.agent.testing import fake_agent
from rapport.agent.trace import write_traces
from rapport.apps import cli
from rapport.persona.affect import VAD, AffectState, EmotionEstimate
from rapport.persona.emotionml.reading import from_emotionml
from rapport.persona.emotionml.rules import violations


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of `rapport export trace.jsonl --out affect.emotionml`, in this process."""
    monkeypatch.setattr(sys, "argv", ["rapport", "export", *arguments])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    return int(stopped.value.code or 0)


def two_turns() -> list[Any]:
    agent = fake_agent(rendering=None, voice=None)
    return [agent.say(line).trace for line in ("I lost my job <today> & more.", "Thank you.")]


def test_a_trace_is_exported_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    traces = two_turns()
    write_traces(tmp_path / "trace.jsonl", traces)
    out = tmp_path / "affect.emotionml"
    assert run(monkeypatch, str(tmp_path / "trace.jsonl"), "--out", str(out)) == 0
    assert list(violations(ElementTree.parse(out).getroot())) == []
    read = from_emotionml(out.read_bytes())
    assert [(a.who, a.turn, a.session) for a in read] == [
        (who, trace.turn, trace.session) for trace in traces for who in ("person", trace.persona)
    ]
    assert [a.words for a in read] == [words for t in traces for words in (t.heard.text, t.reply.text)]
    for (person, agent), trace in zip(zip(read[::2], read[1::2], strict=True), traces, strict=True):
        assert isinstance(person.feeling, EmotionEstimate) and isinstance(agent.feeling, AffectState)
        fused = trace.perceived.fused
        assert person.feeling.vad.distance(VAD(**fused.vad.model_dump())) < 1e-5
        assert person.feeling.vad_sd == pytest.approx(tuple(fused.vad_sd.model_dump().values()), abs=1e-4)
        assert person.feeling.distribution.as_dict() == pytest.approx(fused.probabilities, abs=1e-5)
        assert agent.feeling.emotion.distance(VAD(**trace.felt.after.vad.model_dump())) < 1e-5
        assert agent.feeling.mood.distance(VAD(**trace.felt.after.mood.model_dump())) < 1e-5


def test_each_modality_is_exported_where_there_are_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turn = json.loads(two_turns()[0].model_dump_json())
    turn["perceived"]["modalities"]["voice"] = turn["perceived"]["modalities"]["text"]
    turn["perceived"]["evidence"].append({"modality": "voice", "text": "flat", "weight": -0.2})
    (tmp_path / "trace.json").write_text(json.dumps(turn))
    assert run(monkeypatch, str(tmp_path / "trace.json"), "--out", str(tmp_path / "a.xml")) == 0
    feelings = [a.feeling for a in from_emotionml((tmp_path / "a.xml").read_text())]
    estimates = [feeling for feeling in feelings if isinstance(feeling, EmotionEstimate)]
    assert [estimate.modality for estimate in estimates] == [None, "text", "voice"]
    assert [clue.text for clue in estimates[2].evidence] == ["flat"]
    assert 'expressed-through="text voice"' in (tmp_path / "a.xml").read_text()


@pytest.mark.parametrize("probabilities", [{}, {"glee": 1.0}, {"joy": -1.0}])
def test_labels_of_no_known_taxonomy_are_one_line_and_exit_code_two(
    probabilities: dict[str, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    turn = json.loads(two_turns()[0].model_dump_json())
    turn["perceived"]["fused"]["probabilities"] = probabilities
    (tmp_path / "trace.json").write_text(json.dumps(turn))
    assert run(monkeypatch, str(tmp_path / "trace.json"), "--out", str(tmp_path / "a.xml")) == 2
    error = capsys.readouterr().err
    assert len(error.strip().splitlines()) == 1 and "no taxonomy" in error
    assert not (tmp_path / "a.xml").exists()


def test_a_place_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_traces(tmp_path / "trace.jsonl", two_turns())
    assert run(monkeypatch, str(tmp_path / "trace.jsonl"), "--out", str(tmp_path / "nowhere" / "a.xml")) == 2
    assert "cannot be written" in capsys.readouterr().err
