"""`rapport bench loop`: what the loop itself costs. Every stage is a fake that takes no time."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

from rapport.agent import Agent
from rapport.agent.stages import PersonTurn, ReplyRequest
from rapport.agent.testing import fake_agent
from rapport.apps.bench.report import Report, spread
from rapport.persona.transition import TransitionRequest
from rapport.speech.audio import Transcript, VoiceProfile

_WARM_UP_TURNS = 20


def run(*, turns: int, as_json: bool) -> None:
    """Time `turns` full turns of typed text: perception to rendering, 2.4 s of speech and 60 pictures each.

    `overhead_ms` is a turn's time less what the fakes themselves take for its work, measured alone in the same run.
    """
    agent = fake_agent()

    async def timed(work: Callable[[], Awaitable[None]]) -> list[float]:
        took_ms: list[float] = []
        for _ in range(_WARM_UP_TURNS + turns):
            began_s = time.perf_counter()
            await work()
            took_ms.append((time.perf_counter() - began_s) * 1e3)
        return took_ms[_WARM_UP_TURNS:]

    async def turn() -> None:
        async for _event in agent.converse("I lost my job today."):
            pass

    turn_ms = asyncio.run(timed(turn))
    stages_ms = asyncio.run(timed(lambda: _stages_alone(agent)))
    own_ms = statistics.median(stages_ms)
    figures = {
        "turns": turns,
        "overhead_ms": spread([took - own_ms for took in turn_ms]),
        "turn_ms": spread(turn_ms),
        "stages_alone_ms": spread(stages_ms),
    }
    Report("loop", figures).show(as_json)


async def _stages_alone(agent: Agent) -> None:
    """The stages' work of one turn, one call after another."""
    stage = {name: await runner.load(runner.config.use) for name, runner in agent.runners.items()}
    (reader,) = [await runner.load(runner.config.use) for runner in agent.emotion_runners]
    transcript = Transcript("I lost my job today.")
    perceived = await reader.estimate(PersonTurn(transcript))
    await stage["memory"].recall(transcript.text, person_id=agent.person_id, limit=4)
    felt = await stage["transition"].step(TransitionRequest(agent.state, perceived, agent.persona, 0.0))
    request = ReplyRequest(transcript.text, perceived, felt, agent.persona)
    start_s = 0.0
    async for item in stage["response"].respond(request):
        if isinstance(item, str):
            clause = await stage["voice"].speak(item, felt, VoiceProfile({}), 0)
            track = await stage["animation"].animate(clause, felt, start_s, 0)
            start_s += clause.audio.duration_s
            async for _picture in stage["rendering"].render(track, agent.persona.face):
                pass
