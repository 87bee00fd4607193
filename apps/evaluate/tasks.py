"""Evaluations of emotion recognition in English: one function a corpus, from its released file to a report.

Dialogues are resampled whole for the intervals. Their two baselines with a memory know what no recogniser does, the
labels that people gave to earlier turns: `hold` repeats the speaker's own last one, `mirror` the last one of anybody
else, neutral where there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rapport.agent.perception.text_model import ContextTurn
from rapport.apps.evaluate.corpora import Part, has_parts, read_emobank, read_goemotions
from rapport.apps.evaluate.dialogues import (
    Dialogue,
    plain_punctuation,
    read_dailydialog,
    read_empatheticdialogues,
    read_meld,
)
from rapport.apps.evaluate.metrics import (
    Flags,
    Floats,
    Ints,
    bootstrap_interval,
    expected_calibration_error,
    mean_f1_by_support,
    micro_f1,
    one_hot,
)
from rapport.apps.evaluate.published import GOEMOTIONS, MELD
from rapport.apps.evaluate.reading import EstimateReadings, TextReader
from rapport.apps.evaluate.report import (
    SEED,
    Report,
    axis_figures,
    f1_figures,
    flags,
    label_figures,
    majority,
)
from rapport.apps.evaluate.wheels import Wheels, hit_rate, own_wheels
from rapport.persona.affect import EKMAN7, EMPATHETIC32, GOEMOTIONS28, Taxonomy, ekman_of

MEMORY_NOTE = "hold and mirror repeat labels that people gave to earlier turns, which no recogniser knows"


@dataclass(frozen=True)
class Turns:
    """The turns of some dialogues in one row: texts, given labels, the dialogue of each, the turns before each."""

    texts: list[str]
    labels: list[str]
    dialogue: Ints
    contexts: list[list[ContextTurn]]
    hold: list[str]
    mirror: list[str]

    @classmethod
    def of(cls, dialogues: Sequence[Dialogue]) -> Turns:
        turns = cls([], [], np.repeat(np.arange(len(dialogues)), [len(d.turns) for d in dialogues]), [], [], [])
        for dialogue in dialogues:
            said = [(turn, plain_punctuation(turn.text)) for turn in dialogue.turns]
            for k, (turn, text) in enumerate(said):
                own = [before.label for before, _ in said[:k] if before.speaker == turn.speaker]
                others = [before.label for before, _ in said[:k] if before.speaker != turn.speaker]
                turns.texts.append(text)
                turns.labels.append(turn.label)
                turns.contexts.append([ContextTurn(t, before.speaker == turn.speaker) for before, t in said[:k]])
                turns.hold.append(own[-1] if own else "neutral")
                turns.mirror.append(others[-1] if others else "neutral")
        return turns

    def baselines(self, labels: Sequence[str]) -> dict[str, dict[str, float]]:
        """Of hold, majority and mirror."""
        given = flags(self.labels, labels)
        return {
            "hold": f1_figures(flags(self.hold, labels), given),
            "majority": f1_figures(majority(given), given),
            "mirror": f1_figures(flags(self.mirror, labels), given),
        }


def goemotions(file: Path, emotion: str) -> Report:
    """The 28 labels of GoEmotions, several per text. Accuracy asks for exactly the given set."""
    data = read_goemotions(file, GOEMOTIONS28.labels)
    reader = TextReader(emotion)
    readings = reader.read(data.texts)
    given, found = data.targets > 0, readings.goemotions()
    p = readings.probabilities(GOEMOTIONS28)
    right = given[np.arange(len(given)), p.argmax(axis=1)]
    to_classes = _to_ekman(GOEMOTIONS28)
    notes = ["accuracy asks for exactly the given set of labels; macro F1 is the mean over all 28"]
    if isinstance(readings, EstimateReadings):
        notes.append("this component says how probable labels are, not which are present: its most probable is taken")
    return Report(
        "goemotions",
        file,
        emotion,
        len(given),
        reader.seconds,
        {
            **label_figures(found, given, GOEMOTIONS28.labels, len(given), every_label=True),
            "ekman": f1_figures(found @ to_classes, given @ to_classes, every_label=True),
            "top_label_accuracy": float(right.mean()),
            "ece": expected_calibration_error(p.max(axis=1), right),
        },
        {"majority": f1_figures(majority(given), given, every_label=True)},
        notes,
        GOEMOTIONS,
    )


def emobank(file: Path, emotion: str, part: Part | None = None) -> Report:
    """Valence, arousal and dominance of EmoBank. Of a file that names its parts the test part is read by default."""
    part = part or ("test" if has_parts(file) else "all")
    data = read_emobank(file, part)
    reader = TextReader(emotion)
    found = reader.read(data.texts).vad()
    notes = [f"rows read: {part}", "a constant has no correlation, so there is no majority; no text precedes another"]
    figures = axis_figures(found, data.targets.astype(np.float64), len(data))
    return Report("emobank", file, emotion, len(data), reader.seconds, figures, notes=notes)


def meld(file: Path, emotion: str, context: bool | None = None, wheels: Wheels | None = None) -> Report:
    """The seven classes of MELD, with the turns before each, without them, or (None) both and the difference.

    The hit rate is that of MER-UniBench, on the wheels given or our own small one.
    """
    turns = Turns.of(read_meld(file))
    reader = TextReader(emotion)
    p, figures, notes = _seven_classes(reader, turns, context)
    wheels = wheels or own_wheels()
    words = [[EKMAN7.labels[int(i)]] for i in p.argmax(axis=1)]
    figures["hit_rate"] = hit_rate(turns.labels, words, wheels)
    notes.append(f"hit rate: with {wheels.source}, over the turns whose label is on a wheel (neutral is not)")
    baselines = turns.baselines(EKMAN7.labels)
    return Report("meld", file, emotion, len(p), reader.seconds, figures, baselines, notes, MELD)


def dailydialog(file: Path, emotion: str, context: bool | None = None) -> Report:
    """The seven classes of DailyDialog; its papers leave "no emotion" out of micro F1, which stands apart here."""
    dialogues, notes = read_dailydialog(file)
    turns = Turns.of(dialogues)
    reader = TextReader(emotion)
    p, figures, more = _seven_classes(reader, turns, context)
    emotional = np.array(EKMAN7.labels) != "neutral"
    found, given = one_hot(p.argmax(axis=1), len(EKMAN7)), flags(turns.labels, EKMAN7.labels)
    figures["micro_f1_without_neutral"] = micro_f1(found[:, emotional], given[:, emotional])
    baselines = turns.baselines(EKMAN7.labels)
    return Report("dailydialog", file, emotion, len(p), reader.seconds, figures, baselines, notes + more)


def empatheticdialogues(file: Path, emotion: str) -> Report:
    """The 32 situations of EmpatheticDialogues, from all that the one who describes the situation says."""
    dialogues = read_empatheticdialogues(file)
    texts = [" ".join(turn.text for turn in d.turns if turn.speaker == "speaker") for d in dialogues]
    given = flags([d.turns[0].label for d in dialogues], EMPATHETIC32.labels)
    reader = TextReader(emotion)
    p = reader.read(texts).probabilities(EMPATHETIC32)
    classes = _to_ekman(EMPATHETIC32)
    own = reader.component.capabilities.taxonomy
    return Report(
        "ed",
        file,
        emotion,
        len(given),
        reader.seconds,
        {
            **single_label_figures(p, given, EMPATHETIC32.labels, len(given)),
            "ekman": f1_figures(one_hot((p @ classes).argmax(axis=1), len(EKMAN7)), given @ classes),
        },
        {"majority": f1_figures(majority(given), given)},
        [
            "one text per conversation, all turns of the one who describes the situation; the label is the situation's",
            f"the component reads {own}; its labels are carried into the 32, and both into Ekman's seven (ekman)",
            "a conversation has one label, so there is nothing to hold or mirror",
        ],
    )


def single_label_figures(p: Floats, given: Flags, labels: Sequence[str], units: int | Ints) -> dict[str, Any]:
    """Figures of the most probable label of each text, with the calibration of its probability; all (n, labels)."""
    found = one_hot(p.argmax(axis=1), len(labels))
    right = np.logical_and(found, given).sum(axis=1) > 0
    return {
        **label_figures(found, given, labels, units),
        "ece": expected_calibration_error(p.max(axis=1), right),
    }


def _seven_classes(reader: TextReader, turns: Turns, context: bool | None) -> tuple[Floats, dict[str, Any], list[str]]:
    """Probabilities (n, 7), figures and notes: those with context, unless only the ones without are asked for."""
    given = flags(turns.labels, EKMAN7.labels)
    p = reader.read(turns.texts, None if context is False else turns.contexts).probabilities(EKMAN7)
    figures = single_label_figures(p, given, EKMAN7.labels, turns.dialogue)
    notes = [f"read {'without' if context is False else 'with'} the turns before", MEMORY_NOTE]
    if context is None:
        alone = one_hot(reader.read(turns.texts).probabilities(EKMAN7).argmax(axis=1), len(EKMAN7))
        found = one_hot(p.argmax(axis=1), len(EKMAN7))

        def gain(rows: Ints) -> float:
            return mean_f1_by_support(found[rows], given[rows]) - mean_f1_by_support(alone[rows], given[rows])

        figures["without_context"] = f1_figures(alone, given)
        figures["context_gain"] = {"weighted_f1": gain(np.arange(len(given)))}
        figures["intervals"]["context_gain.weighted_f1"] = bootstrap_interval(gain, turns.dialogue, SEED)
    return p, figures, notes


def _to_ekman(taxonomy: Taxonomy) -> Flags:
    """(labels, 7): the Ekman class of each label."""
    return flags([ekman_of(taxonomy, label) for label in taxonomy.labels], EKMAN7.labels)
