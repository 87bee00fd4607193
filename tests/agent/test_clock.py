"""The wall clock's loop: every blocking call has a thread of its own."""

from __future__ import annotations

import asyncio
import threading

from rapport.agent.clock import give_threads

_MORE_THAN_A_LOOP_HAS = 40


def test_calls_that_wait_for_each_other_all_have_a_thread() -> None:
    barrier = threading.Barrier(_MORE_THAN_A_LOOP_HAS, timeout=30)

    async def all_of_them() -> list[int]:
        give_threads(asyncio.get_running_loop())
        return await asyncio.gather(*(asyncio.to_thread(barrier.wait) for _ in range(_MORE_THAN_A_LOOP_HAS)))

    assert sorted(asyncio.run(all_of_them())) == list(range(_MORE_THAN_A_LOOP_HAS))
