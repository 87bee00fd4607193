"""Speech in, talking head out, on real parts: what `rapport talk` promises."""

from __future__ import annotations

import asyncio
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import jiwer
import numpy as np
import pytest

from rapport.agent import Agent, AgentConfig, StageConfig, Utterance
from rapport.agent import events as ev
from rapport.apps.talk import talk
from rapport.avatar.head import head_of, lip_gap
from rapport.persona.card import shipped_personas
from rapport.persona.errors import ComponentError
from rapport.speech.files import read_audio, write_wav
from rapport.speech.whisper import FasterWhisper

CLIPS = Path(__file__).parents[2] / "apps" / "bench" / "clips"
SHARED = Path(__file__).parents[3] / "shared" / "data"
HUMAN = [
    SHARED / "speech" / "whisper" / "tests" / "jfk.flac",
    SHARED / "ravdess" / "03-01-04-02-01-01-02.flac",
]
KEYS: dict[str, set[str]] = {
    "": {
        "session", "turn", "persona", "seed", "heard", "risk", "perceived", "felt", "recalled", "plan", "considered",
        "reply", "timings_s", "failures",
    },
    "heard": {"text", "words", "language"},
    "perceived": {"modalities", "fused", "evidence", "conflict", "compound", "explanation", "smoothed"},
    "felt": {"before", "after", "because"},
    "plan": {"event", "emotion", "cause", "goal", "strategy"},
    "reply": {"text", "clauses"},
    "timings_s": {"recognition", "perception", "first_token", "first_audio", "first_frame", "total"},
}  # fmt: skip
CLOSED = 0.01
"""Lips count as closed within this part of the mouth's width."""

pytestmark = pytest.mark.models

_normal = jiwer.Compose(
    [
        jiwer.ToLowerCase(),
        jiwer.SubstituteRegexes({r"[’']": "", r"-": " "}),
        jiwer.RemovePunctuation(),
        jiwer.RemoveMultipleSpaces(),
        jiwer.Strip(),
        jiwer.ReduceToListOfListOfWords(),
    ]
)


def patient() -> AgentConfig:
    """Budgets for machines that are busy with other things."""
    return AgentConfig(memory=StageConfig(use="sql::memory:")).patient(8)


def talked(audio: Path, folder: Path, seed: int = 1, persona: str = "harbor") -> tuple[Path, dict[str, Any]]:
    out, trace = folder / "reply.mp4", folder / "turn.json"
    config = AgentConfig(persona=persona).patient(4)
    talk(config, audio=audio, text=None, out=out, trace=trace, seed=seed)
    return out, json.loads(trace.read_text())


def check_answer(out: Path, trace: dict[str, Any], scratch: Path) -> None:
    with av.open(str(out)) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, sound.codec_context.name) == ("h264", "aac")
        assert (video.width, video.height, video.average_rate) == (512, 512, Fraction(25))
        lasts = [float(stream.duration * stream.time_base) for stream in (video, sound)]
    assert lasts[0] == pytest.approx(lasts[1], abs=0.04)

    for part, keys in KEYS.items():
        assert set(trace[part] if part else trace) == keys
    assert trace["failures"] == []
    assert trace["heard"]["words"]
    assert {"text", "voice"} <= set(trace["perceived"]["modalities"])
    for axis, parts in trace["felt"]["because"].items():
        moved = trace["felt"]["after"]["vad"][axis] - trace["felt"]["before"]["vad"][axis]
        assert sum(parts.values()) == pytest.approx(moved, abs=1e-9)

    wav = scratch / "heard.wav"
    write_wav(wav, read_audio(out))
    heard = asyncio.run(FasterWhisper().transcribe(read_audio(wav))).text
    spoken = trace["reply"]["text"]
    wer = jiwer.wer(spoken, heard, reference_transform=_normal, hypothesis_transform=_normal)
    assert wer <= 0.15, (spoken, heard)


def test_a_recorded_line_is_answered_with_a_video_and_twice_alike(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir(), second.mkdir()
    out, trace = talked(CLIPS / "job.flac", first)
    check_answer(out, trace, tmp_path)
    assert "job" in trace["heard"]["text"]
    _, again = talked(CLIPS / "job.flac", second)
    trace.pop("timings_s"), again.pop("timings_s")
    assert trace == again


@pytest.mark.parametrize("audio", HUMAN, ids=lambda path: path.stem)
def test_people_are_answered(audio: Path, tmp_path: Path) -> None:
    if not audio.exists():
        pytest.skip(f"needs the recording {audio.name}, which does not ship")
    check_answer(*talked(audio, tmp_path), tmp_path)


@pytest.mark.parametrize("persona", shipped_personas())
def test_lips_are_closed_on_every_p_b_and_m(persona: str) -> None:
    agent = Agent.from_persona(persona, patient().without_pictures().model_copy(
        update={"animation": StageConfig(use="viseme", budget_s=60)}
    ), seed=3)  # fmt: skip
    reply = agent.say(Utterance(audio=read_audio(CLIPS / "anger.flac")))
    assert reply.track is not None
    gap = lip_gap(head_of(agent.persona.face), reply.track.weights)
    frame_s = reply.track.start_s + np.arange(len(reply.track)) / reply.track.frame_rate_hz
    phonemes = [p for clause in reply.trace.reply.clauses for p in clause.phonemes]
    closures = [p for p in phonemes if p.symbol in "pbm"]
    assert closures
    for phoneme in closures:
        centre_s = (phoneme.start_s + phoneme.end_s) / 2
        near = np.abs(frame_s - centre_s) <= max(0.021, (phoneme.end_s - phoneme.start_s) / 2)
        assert gap[near].min() <= CLOSED, phoneme
    assert gap.max() > 4 * CLOSED, "a mouth that never opens closes on nothing"


def test_without_a_gpu_the_voice_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_adapter(model: str | None) -> Any:
        raise ComponentError("no Vulkan adapter found; on Debian: apt install mesa-vulkan-drivers")

    monkeypatch.setattr("rapport.avatar.renderer.choose_adapter", no_adapter)
    monkeypatch.setattr("rapport.agent.registry.shared_pool._instances", {})
    out = tmp_path / "reply.mp4"
    with pytest.raises(ComponentError, match=r"reply\.wav holds the voice alone"):
        talk(AgentConfig(response="rules").patient(4), audio=None, text="Hello.", out=out, trace=None, seed=1)  # pyright: ignore[reportArgumentType]
    assert read_audio(out.with_suffix(".wav")).duration_s > 0.3
    assert not out.exists()


async def test_a_typed_line_streams_words_sound_and_pictures() -> None:
    agent = Agent.from_persona("spark", patient(), seed=2)
    kinds = [type(event) async for event in agent.converse("I finally passed my exam!")]
    assert {ev.Perceived, ev.Felt, ev.Planned, ev.Clause, ev.Spoken, ev.Face, ev.Frame, ev.Done} <= set(kinds)
    assert ev.Failed not in kinds
