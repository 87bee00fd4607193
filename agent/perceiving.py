"""From a person's turn to what is perceived of it: every recogniser asked at once, then fused, compared and explained.

The agent's own feeling goes on to be moved by the turn's fused estimate, not by the smoothed one. Its emotion and
mood have half-lives of their own; smoothing the stimulus as well would filter twice, and the agent would answer a
sudden turn of the person's feeling too late. The smoothed feeling is for whoever looks at the conversation as a
whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from rapport.agent.checks import check_estimate, check_fused
from rapport.agent.events import Perceived
from rapport.agent.perception.compound import compound_of
from rapport.agent.perception.conflict import find_conflict
from rapport.agent.perception.explanation import explain
from rapport.agent.perception.fusion import fuse
from rapport.agent.perception.knowledge import of_each_modality
from rapport.agent.perception.smoothing import SmoothedFeeling, smoothed
from rapport.agent.perception.voice_baseline import SpeakerBaseline, VoiceEstimate
from rapport.agent.runner import Report, StageRunner
from rapport.agent.stages import PersonTurn
from rapport.persona.affect import EmotionEstimate, Modality

if TYPE_CHECKING:
    from rapport.agent.agent import Agent


async def perceive(agent: Agent, heard: PersonTurn, silence_s: float, report: Report) -> Perceived:
    """What the agent's recognisers perceive of a turn that came after so many seconds without one.

    The time that answers take does not count there: how fast a machine is must not change what it believes. The agent
    stays as it is: a turn that is only a draft may yet be thrown away.
    """
    heard = replace(heard, voice_baseline=agent.voice_baseline)
    estimates = await asyncio.gather(*(_estimate(runner, heard, report) for runner in agent.emotion_runners))
    present = [estimate for estimate in estimates if estimate is not None]
    fused = await _fused(agent, present, report)
    feeling = smoothed(agent.person_feeling, fused, silence_s)
    modalities: dict[Modality, EmotionEstimate] = {m: _one(m, e) for m, e in of_each_modality(present).items()}
    return perceived(heard.transcript.text, modalities, fused, feeling)


def perceived(
    said: str, modalities: Mapping[Modality, EmotionEstimate], fused: EmotionEstimate, feeling: SmoothedFeeling
) -> Perceived:
    """The event for these estimates: with what follows from them, and from what was said, by rules."""
    conflict, compound = find_conflict(modalities, said), compound_of(fused.distribution)
    return Perceived(modalities, fused, conflict, compound, explain(modalities, fused, conflict, compound), feeling)


async def _estimate(runner: StageRunner, heard: PersonTurn, report: Report) -> EmotionEstimate | None:
    given: Mapping[object, bool] = {
        "text": bool(heard.transcript.text),
        "voice": heard.audio is not None,
        "face": bool(heard.frames),
    }

    async def estimate(component: Any) -> Any:
        modality = component.capabilities.modality
        if not given.get(modality, False):
            return None
        found = await component.estimate(heard)
        return replace(found, modality=modality) if isinstance(found, EmotionEstimate) else found

    return await runner.call(estimate, check_estimate, report, without="the other modalities")


async def _fused(agent: Agent, present: Sequence[EmotionEstimate], report: Report) -> EmotionEstimate:
    if not present:
        return EmotionEstimate.unknown()
    fused = await agent.runners["fusion"].call(
        lambda component: component.fuse(present), check_fused, report, without="the surest modality alone"
    )
    return fused or replace(min(present, key=lambda e: sum(e.vad_sd)), modality=None)


def baseline_after(before: SpeakerBaseline | None, perceived: Perceived) -> SpeakerBaseline | None:
    """How the person's voice usually is, after a turn in which this was perceived."""
    voice = perceived.modalities.get("voice")
    return voice.baseline or before if isinstance(voice, VoiceEstimate) else before


def _one(modality: Modality, several: Sequence[EmotionEstimate]) -> EmotionEstimate:
    """What a modality says when more than one recogniser reads it."""
    if len(several) == 1:
        return several[0]
    fused = replace(fuse(several), modality=modality)
    heard = next((e for e in several if isinstance(e, VoiceEstimate)), None)
    return fused if heard is None else replace(heard, **{f.name: getattr(fused, f.name) for f in fields(fused)})
