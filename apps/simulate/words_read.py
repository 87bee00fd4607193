"""Feelings in the words of sessions, read by a component of the stage `emotion`: the same for every source."""

from __future__ import annotations

from collections.abc import Sequence

from rapport.agent.perception.text_model import ContextTurn
from rapport.apps.evaluate.reading import TextReader
from rapport.apps.simulate.records import SessionRecord, Turn
from rapport.persona.affect import EKMAN7, convert

CONTEXT = 2
"""Turns before the one that is read."""


class WordsReader:
    """Reads both sides' feelings with a component by its name, e.g. "minilm".

    Raises:
        ComponentError: it is unknown or cannot start.
        InputError: it reads voices or faces.
    """

    def __init__(self, component: str) -> None:
        self._reader = TextReader(component)

    def __call__(self, sessions: Sequence[SessionRecord]) -> list[SessionRecord]:
        """The sessions, with the feelings that were read in place of those that were recorded."""
        turns = [(k, i) for k, session in enumerate(sessions) for i in range(len(session.turns))]
        if not turns:
            return list(sessions)
        texts = [sessions[k].turns[i].text for k, i in turns]
        found = self._reader.read(texts, [_before(sessions[k].turns, i) for k, i in turns]).estimates()
        read: dict[int, list[Turn]] = {}
        for (k, i), estimate in zip(turns, found, strict=True):
            label = convert(estimate.distribution, EKMAN7).label
            update = {"vad": tuple(round(x, 4) for x in estimate.vad.as_tuple()), "feeling": label}
            read.setdefault(k, []).append(sessions[k].turns[i].model_copy(update=update))
        return [
            session.model_copy(update={"turns": tuple(read[k])}) if k in read else session
            for k, session in enumerate(sessions)
        ]


def _before(turns: Sequence[Turn], i: int) -> list[ContextTurn]:
    return [ContextTurn(turn.text, turn.who == turns[i].who) for turn in turns[max(0, i - CONTEXT) : i]]
