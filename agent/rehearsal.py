"""Before the first turn: every component started, and used once, so that nobody waits for a first time.

The agent says a word, hears itself say it, and draws one picture of its face. None of it reaches its state, history or
memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from rapport.agent.events import Failed
from rapport.agent.runner import StageRunner, describe, within
from rapport.agent.stages import PersonTurn
from rapport.avatar.face import FaceTrack
from rapport.speech.audio import SpokenClause, Transcript, VoiceProfile

if TYPE_CHECKING:
    from rapport.agent.agent import Agent

T = TypeVar("T")

_WORD = "Hello."


async def rehearse(agent: Agent) -> list[Failed]:
    """Start and try the first component of every stage. Returns what failed; a turn will use the fallbacks."""
    failures: list[Failed] = []
    await asyncio.to_thread(lambda: agent.guard.read(_WORD))

    async def start(runner: StageRunner) -> Any | None:
        spec = runner.config.use
        try:
            return await runner.load(spec)
        except Exception as error:  # noqa: BLE001 - whatever a constructor raises is its component's failure
            failures.append(_failure(runner, error))
            return None

    runners = {stage: runner for stage, runner in agent.runners.items()}
    emotions = agent.emotion_runners
    # One after another: a page that is being opened meanwhile gets the other core, and more of Python's one lock.
    started = [await start(runner) for runner in (*runners.values(), *emotions)]
    components = dict(zip(runners, started, strict=False))

    async def attempt(runner: StageRunner | None, component: Any, work: Callable[[Any], Awaitable[T]]) -> T | None:
        if runner is None or component is None:
            return None
        try:
            return await within(agent.config.load_budget_s, work(component))
        except Exception as error:  # noqa: BLE001 - as above
            failures.append(_failure(runner, error))
            return None

    card = agent.persona.voice
    profile = VoiceProfile(dict(card.styles), card.pitch_scale, card.rate_scale)
    clause: SpokenClause | None = await attempt(
        runners.get("voice"), components.get("voice"), lambda c: c.speak(_WORD, agent.state, profile, agent.seed)
    )
    if clause is not None:
        audio = clause.audio
        await attempt(runners["recognition"], components["recognition"], lambda c: c.transcribe(audio))
        turn = PersonTurn(Transcript(_WORD), audio)
        estimates = [
            await attempt(runner, component, lambda c: c.estimate(turn))
            for runner, component in zip(emotions, started[len(runners) :], strict=True)
        ]
        if present := [estimate for estimate in estimates if estimate is not None]:
            await attempt(runners["fusion"], components["fusion"], lambda c: c.fuse(present))
        track: FaceTrack | None = await attempt(
            runners.get("animation"),
            components.get("animation"),
            lambda c: c.animate(clause, agent.state, 0.0, agent.seed),
        )
        if track is not None and len(track):
            one = replace(track, weights=track.weights[:1], head_pose=track.head_pose[:1], gaze=track.gaze[:1])

            async def draw(component: Any) -> None:
                async for _picture in component.render(one, agent.persona.face):
                    pass

            await attempt(runners.get("rendering"), components.get("rendering"), draw)
    return failures


def _failure(runner: StageRunner, error: Exception) -> Failed:
    fallback = runner.config.fallback[0] if runner.config.fallback else "nothing"
    return Failed(runner.stage, runner.config.use, describe(error), fallback)
