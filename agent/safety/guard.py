"""The guard: reads what a person said before any model is asked, by rules first and then by the classifier.

A rule that found a crisis is believed. The classifier can raise what rules found, and can drop a concern that only a
rule found; what it may do alone is bounded by thresholds that cross-validation set (see model/MODEL_CARD.md).
"""

from __future__ import annotations

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


def decide(found: Finding, judged: Judgement, thresholds: Thresholds) -> Finding:
    """One finding of what the rules found and what the classifier judged."""
    needed = thresholds.crisis if found.level is Level.NONE else thresholds.crisis_with_rule
    if found.level is Level.CRISIS:
        return replace(found, probability=max(found.probability, judged.crisis))
    if judged.crisis >= needed:
        if found.level is Level.NONE:
            return Finding(Level.CRISIS, judged.kind, judged.crisis, rule="classifier")
        return replace(found, level=Level.CRISIS, probability=judged.crisis)
    if found.level is Level.CONCERN:
        if judged.none >= thresholds.veto:
            return Finding(probability=judged.risk)
        return replace(found, probability=max(found.probability, judged.risk))
    if judged.risk >= thresholds.risk:
        return Finding(Level.CONCERN, judged.kind, judged.risk, rule="classifier")
    return Finding(probability=judged.risk)
