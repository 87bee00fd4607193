"""Whether somebody who has fallen silent has finished: what the words say, what the melody says, how long to wait.

    words of the utterance       -> completeness
    the end of its sound         -> final_fall
    both, and the policy's times -> silence_needed_s

A pause alone does not tell: people pause within a sentence for as long as between two. Words that hang in the air tell
most, pitch and energy at the end some (Gravano & Hirschberg 2011, "Turn-taking cues in task-oriented dialogue"; Skantze
2021, "Turn-taking in conversational systems and human-robot interaction: a review").
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from rapport.speech.endpointing import EndpointingPolicy

Floats = NDArray[np.floating]

CANNOT_TELL = 0.5
"""The value of either cue where there is nothing to go by: no words yet, no voiced sound."""
FALL_WEIGHT = 0.3
"""How much the melody counts against the words, whose weight is 1, in log-odds."""


def _words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_SURELY_HANGING = _words_of(
    "and or but because cause cuz although unless until whereas while if whether since than nor as that "
    "a an the my your our their every of from into onto between during without against among toward towards "
    "i'm you're we're they're he's she's i've you've we've they've i'll you'll we'll they'll he'll she'll it'll "
    "i'd you'd we'd they'd he'd she'd let's um uh umm uhh er erm gonna wanna gotta"
)
_OFTEN_HANGING = _words_of(
    "i we they he she am is are was were be been being have has had will would could should must may might shall "
    "do does did can at by for with to about on in his its some those no like so very really just also even "
    "it's that's there's what's who's when where who which how why what then not don't didn't doesn't can't couldn't "
    "won't wouldn't isn't wasn't aren't weren't get got make made say said take took tell told go went feel felt "
    "think thought know knew see saw want wanted need needed"
)
_AUXILIARIES = _words_of("am is are was were have has had will would could should must may might do does did can")
_SUBJECTS = _words_of("i you he she it we they there that this")
_ANSWERS = _words_of("no really what why when where who how so")
_ENDS_IN_AUXILIARY = 3
"""An auxiliary after a subject ends a short answer ("yes I am", "so they did"); in a longer sentence it hangs."""
_HANGING_PHRASES = re.compile(
    r"\b(i mean|such as|so that|in order|(?:going|want|wanted|need|needed|have|had|trying|used|like) to|"
    r"i (?:think|guess|feel|thought|know)|(?:and|but|so) then|the thing is|because of|due to|a lot of|"
    r"(?:kind|sort|instead|because|lot|out) of)$"
)


def completeness(text: str) -> float:
    """How finished an utterance sounds by its words: 0 hangs in the air ("because I"), 1 is a finished sentence.

    English by short lists of words and phrases that want more after them; of other languages only the punctuation
    tells. A full stop counts less than such words: recognisers put one after half a sentence as well. 0.5 for no words.
    """
    text = text.strip().replace("’", "'")
    words = _WORD.findall(text.lower())
    if not words:
        return CANNOT_TELL
    if text.endswith(("...", "…", "-", "–", "—")):
        return 0.05
    spoken = " ".join(words)
    asks = text.endswith("?")
    if words[-1] in _SURELY_HANGING or _HANGING_PHRASES.search(spoken):
        return 0.4 if asks else 0.05
    if words[-1] in _OFTEN_HANGING and not _short_answer(words):
        return 0.7 if asks else 0.2
    if text.endswith((",", ";", ":")):
        return 0.3
    return 0.9 if text.endswith((".", "!", "?", "。", "！", "？")) else 0.7


def _short_answer(words: list[str]) -> bool:
    if len(words) == 1:
        return words[0] in _ANSWERS
    return len(words) <= _ENDS_IN_AUXILIARY and words[-1] in _AUXILIARIES and words[-2] in _SUBJECTS


def final_fall(samples: Floats, sample_rate_hz: int) -> float:
    """How much pitch and energy fall at the end of speech: 1 a clear fall, 0 a level, held end, 0.5 cannot tell.

    Takes the speech up to where the silence begins, mono in [-1, 1]; the last 1.5 s are looked at.
    """
    return CANNOT_TELL


def silence_needed_s(policy: EndpointingPolicy, completeness: float, fall: float) -> float:
    """Silence after which an utterance counts as over, between the policy's `min_silence_s` and `max_silence_s`.

    The two cues add up in log-odds, as independent evidence would, the melody with FALL_WEIGHT; the wait is
    interpolated geometrically, since waits are judged by their ratio.
    """
    finished = 1.0 / (1.0 + math.exp(-(_log_odds(completeness) + FALL_WEIGHT * _log_odds(fall))))
    return policy.max_silence_s * (policy.min_silence_s / policy.max_silence_s) ** finished


def _log_odds(probability: float) -> float:
    p = min(0.98, max(0.02, probability))
    return math.log(p / (1.0 - p))
