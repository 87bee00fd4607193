"""`rapport export`: the feelings of a trace as EmotionML 1.0, the person's as perceived and the agent's as felt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rapport.apps.traces import TurnSeen, read_turns
from rapport.persona.emotionml.annotation import Annotation
from rapport.persona.emotionml.writing import to_emotionml
from rapport.persona.errors import StorageError

PERSON = "person"


def export(trace: Path, out: Path) -> None:
    """Write the feelings of all turns of `trace` to `out`.

    Raises:
        InputError: the trace cannot be read or is none.
        StorageError: `out` cannot be written.
    """
    document = to_emotionml(annotations_of(read_turns(trace)))
    try:
        out.write_text(document, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{out}: cannot be written ({error.strerror}); choose another place") from None


def annotations_of(turns: Sequence[TurnSeen]) -> Iterator[Annotation]:
    """Of each turn what was perceived, by each modality when there were several, and the agent's state after it."""
    for turn in turns:
        perceived, number, session = turn.perceived, turn.turn, turn.session
        several = len(perceived.modalities) > 1
        fused_from = None if several else next(iter(perceived.modalities), None)
        yield Annotation(
            PERSON, perceived.fused.estimate(fused_from, perceived.evidence), turn.heard.text, number, session
        )
        for modality, seen in perceived.modalities.items() if several else ():
            estimate = seen.estimate(modality, [clue for clue in perceived.evidence if clue.modality == modality])
            yield Annotation(PERSON, estimate, "", number, session)
        yield Annotation(turn.persona, turn.felt.state, turn.reply.text, number, session)
