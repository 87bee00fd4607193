"""How far the current reply has been heard: by the player's own count, or by the clock."""

from __future__ import annotations

from collections.abc import Callable

from rapport.agent import events as ev
from rapport.agent.clock import Clock

_TAIL_S = 0.02
"""A reply of which less than this is left has been heard."""


class Playback:
    """Follows one reply after another. `played_s` gives the seconds of the current reply that have been played.

    Without a player's count, clauses are taken to play one after the other from the moment when each is handed out,
    but for the time that the reply is held.
    """

    def __init__(self, clock: Clock, played_s: Callable[[], float] | None = None) -> None:
        self._clock = clock
        self._played_s = played_s
        self._complete = True
        self._start()

    def _start(self) -> None:
        self._end_s = 0.0
        self._heard_s = 0.0
        self._running_since_s: float | None = None
        self.held = False

    def begin(self) -> None:
        """A new reply is on its way."""
        self._start()
        self._complete = False

    def note(self, event: ev.Event) -> None:
        """Take an event of the reply."""
        if isinstance(event, ev.Spoken):
            if self._end_s == 0.0 or self.heard_s > event.start_s:  # the first, or the player ran dry
                self._heard_s = event.start_s
                self._running_since_s = None if self.held else self._clock.now_s()
            self._end_s = event.start_s + event.clause.audio.duration_s
        elif isinstance(event, (ev.Done, ev.Refused)):
            self._complete = True

    @property
    def heard_s(self) -> float:
        """Seconds of the reply's sound that have been heard."""
        if self._end_s == 0.0:
            return 0.0
        if self._played_s is not None:
            return self._played_s()
        running_s = 0.0 if self._running_since_s is None else self._clock.now_s() - self._running_since_s
        return self._heard_s + running_s

    @property
    def going_on(self) -> bool:
        """Whether a reply is being made, or still being heard."""
        return not self._complete or self.heard_s < self._end_s - _TAIL_S

    def hold(self) -> None:
        """The player falls silent and keeps what is left."""
        self._heard_s, self._running_since_s, self.held = self.heard_s, None, True

    def resume(self) -> None:
        """The player goes on."""
        self.held = False
        self._running_since_s = self._clock.now_s() if self._end_s > 0.0 else None

    def stop(self) -> None:
        """Nothing more of the reply will be heard."""
        self._start()
        self._complete = True
