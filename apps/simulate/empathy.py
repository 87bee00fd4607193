"""How empathic a reply reads, by EPITOME's three mechanisms (Sharma et al. 2020, arXiv 2009.08441), by rules.

Emotional reactions (warmth, concern), interpretations (saying what is understood), explorations (asking into it),
each 0 (none), 1 (weak), 2 (strong). Rules over words: rough, transparent, and fast. They were written for replies in
English, and how far they agree with EPITOME's annotators stands in docs/simulate.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_STRONG_REACTION = re.compile(
    r"\bi(?:'m| am) (?:so |really |very |truly )?(?:sorry|glad|proud|happy|sad)\b|\bsorry (?:to hear|that|for|you)\b"
    r"|\b(?:that|this|it)(?:'s| is| must be| sounds?| must have been) (?:\w+ ){0,2}(?:awful|horrible"
    r"|terrible|heartbreaking"
    r"|hard|tough|rough|painful)\b|\bmy heart\b|\bhugs?\b|\bi (?:care|respect that|feel for you|hope you)\b"
    r"|\bno wonder\b|\bof course (?:that|it|you) (?:hurts?|are)\b|\bi am here\b|\bi(?:'m| am) with you\b"
)
_WEAK_REACTION = re.compile(
    r"\b(?:good luck|best wishes|stay strong|hang in there|you(?:'re| are) not alone|things (?:will )?get better|i hope"
    r"|you(?:'re| are) doing (?:\w+ )?(?:well|great)|well done|took courage|be kind to yourself"
    r"|it makes sense|thank you)\b"
)
_STRONG_INTERPRETATION = re.compile(
    r"(?<!did )(?<!do )(?<!would )\byou (?:feel|felt|are feeling|were feeling|must feel|must be|seem|sound)\b"
    r"|\bit sounds (?:like|as if)\b"
    r"|\bi hear (?:how|that)\b|\bpart of you\b|\byou(?:'re| are) saying\b|\bi (?:know"
    r"|understand) (?:exactly )?(?:how|what|that|the feeling)\b"
    r"|\bi (?:feel|felt) (?:the same|exactly|like that|that way|this way)\b|\bsame here\b|\bi(?:'ve| have) been\b"
    r"|\bi (?:was|had|used to|went|also|struggle|struggled|suffer|got|started|tried|always|still|too"
    r"|have (?:the|this|a))\b"
    r"|\b(?:i'm|i am) (?:the same|in the same|going through|also|like (?:that|this))\b|\bfor me\b|\bhappened to me\b"
    r"|\bmakes? sense that you\b|\bso there is\b|\bwhat i hear\b"
)
_WEAK_INTERPRETATION = re.compile(
    r"\bi (?:understand|get it|relate|can relate|see)\b|\bmakes sense\b|\bme too\b|\bin other words\b|\bno wonder\b"
    r"|\banybody who\b|\bgiven what happened\b|\blet me put it together\b|\bi know\b|\bthat feeling\b"
)
_STRONG_EXPLORATION = re.compile(
    r"\b(?:what|how|when|why|where|who|which)\b[^.?!]*\b(?:you|your|it|that|this|feel|happen(?:ed|s|ing)?)\b[^.?!]*\?"
    r"|\b(?:do|did|are|were|have|is|was|would|could|can) (?:you|it|there|that)\b[^.?!]*\b(?:feel|talk"
    r"|about|because|since|happen)\w*\b[^.?!]*\?"
)
_WEAK_EXPLORATION = re.compile(r"\?|\b(?:tell me|go on|talk about it|message me|pm me|if you want to talk)\b")


@dataclass(frozen=True)
class Empathy:
    """Levels 0, 1 or 2."""

    reaction: int
    interpretation: int
    exploration: int

    @property
    def total(self) -> int:
        """0 to 6."""
        return self.reaction + self.interpretation + self.exploration


def empathy_of(reply: str) -> Empathy:
    """What a reply shows; a text without letters shows nothing."""
    said = reply.lower().replace("’", "'")
    return Empathy(
        _level(said, _STRONG_REACTION, _WEAK_REACTION),
        _level(said, _STRONG_INTERPRETATION, _WEAK_INTERPRETATION),
        _level(said, _STRONG_EXPLORATION, _WEAK_EXPLORATION),
    )


def _level(said: str, strong: re.Pattern[str], weak: re.Pattern[str]) -> int:
    return 2 if strong.search(said) else 1 if weak.search(said) else 0
