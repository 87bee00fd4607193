"""`rapport bench loop`: what the loop itself costs. Every stage is a fake that takes no time."""

from __future__ import annotations

import asyncio
import time

from rapport.agent.testing import fake_agent
from rapport.apps.bench.report import Report, spread

_WARM_UP_TURNS = 20


def run(*, turns: int, as_json: bool) -> None:
    """Time `turns` full turns: recognition to rendering, 2.1 s of speech and 53 pictures each."""
    agent = fake_agent()

    async def timed() -> list[float]:
        took_ms: list[float] = []
        for _ in range(_WARM_UP_TURNS + turns):
            began_s = time.perf_counter()
            async for _event in agent.converse("I lost my job today."):
                pass
            took_ms.append((time.perf_counter() - began_s) * 1e3)
        return took_ms[_WARM_UP_TURNS:]

    took_ms = asyncio.run(timed())
    Report("loop", {"turns": turns, "overhead_ms": spread(took_ms)}).show(as_json)
