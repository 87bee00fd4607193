"""The guard: reads what a person said before any model is asked, by rules first and then by the classifier.

Rules see words, the classifier sees sentences. The level follows the classifier's probabilities, with thresholds that
are the lower the graver what a rule found: a crisis of theirs is overruled only where the classifier holds it for
quite improbable. Texts that took no part in training set them (see model/MODEL_CARD.md).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from rapport.agent.safety.classifier import Judgement, RiskClassifier, Thresholds, shipped_classifier
from rapport.agent.safety.levels import Finding, Level
from rapport.agent.safety.rules import by_rules, is_about_other
from rapport.persona.errors import ComponentError

_log = logging.getLogger(__name__)


class Guard:
    """Reads texts. Holds no state of any conversation; safe from several threads.

    Args:
        classifier: None reads by rules alone.
    """

    def __init__(self, classifier: RiskClassifier | None = None) -> None:
        self._classifier = classifier

    @classmethod
    def shipped(cls) -> Guard:
        """Rules and the shipped classifier; rules alone, with a warning in the log, where its weights are missing."""
        try:
            return cls(shipped_classifier())
        except ComponentError as error:
            _log.warning("the safety guard works by rules alone: %s", error)
            return cls()

    def read(self, text: str) -> Finding:
        """What a text asks of us. Never fails, whatever the text."""
        if not any(character.isalpha() for character in text):
            return Finding()
        found = by_rules(text)
        if self._classifier is None:
            return found
        judged = self._classifier.judge(text)
        decided = decide(found, judged, self._classifier.thresholds)
        if decided.rule == "classifier":
            return replace(decided, about_other=is_about_other(text))
        return decided

    async def look(self, text: str) -> Finding:
        """`read` for an event loop: the classifier's milliseconds pass in a thread."""
        if self._classifier is None:
            return self.read(text)
        return await asyncio.to_thread(self.read, text)


def decide(found: Finding, judged: Judgement, thresholds: Thresholds) -> Finding:
    """One finding of what the rules found and what the classifier judged."""
    level = thresholds.level(judged, found.level)
    if level is Level.NONE:
        return Finding(probability=judged.risk)
    probability = judged.crisis if level is Level.CRISIS else judged.risk
    if found.level is Level.NONE:
        return Finding(level, judged.kind, probability, rule="classifier")
    # What a rule said of the same level stands, with the words that it found.
    return replace(found, level=level, probability=max(probability, found.probability if level <= found.level else 0.0))
