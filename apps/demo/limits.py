"""What one conversation may take of the machine: turns in all, turns a minute, and time in which nothing happens."""

from __future__ import annotations

from collections import deque

from rapport.agent.clock import Clock
from rapport.persona.errors import InputError

MOST_TURNS = 500
MOST_TURNS_PER_MINUTE = 30
IDLE_S = 3600.0
"""A conversation in which nothing happens for so long may be forgotten to make room."""


class Limits:
    """Counts on the conversation's clock; a clock that jumps back only makes it more lenient."""

    def __init__(
        self, clock: Clock, *, most_turns: int = MOST_TURNS, most_per_minute: int = MOST_TURNS_PER_MINUTE
    ) -> None:
        self._clock = clock
        self._most_turns, self._most_per_minute = most_turns, most_per_minute
        self._turns = 0
        self._lately: deque[float] = deque()
        self._touched_s = clock.now_s()

    @property
    def idle_s(self) -> float:
        """Seconds since somebody did something."""
        return max(0.0, self._clock.now_s() - self._touched_s)

    def touch(self) -> None:
        """Somebody is there."""
        self._touched_s = self._clock.now_s()

    def take_turn(self) -> None:
        """Count a turn.

        Raises:
            InputError: too many, in all or within a minute.
        """
        now_s = self._clock.now_s()
        self._touched_s = now_s
        if self._turns >= self._most_turns:
            raise InputError(
                f"this conversation has reached {self._most_turns} turns; save it if you like, and start over"
            )
        while self._lately and not 0.0 <= now_s - self._lately[0] < 60.0:
            self._lately.popleft()
        if len(self._lately) >= self._most_per_minute:
            raise InputError("that was faster than anybody can talk; wait a few seconds and send it again")
        self._turns += 1
        self._lately.append(now_s)
