"""Which of a heteronym's sounds is meant: part of speech and tense from the words around it.

Misaki's lexicon keys the sounds of read, live, close, record, use and some 780 other words by Penn part-of-speech tags.
A tagger would need a model; these rules look at the neighbours within the phrase, which settles the everyday cases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rapport.speech.reading_tables import word_set

VOWELS = frozenset("AIOQWYaiuæɑɒɔəɛɜɪʊʌᵻɐᵊ")
"""Vowels of misaki's alphabet."""

Tag = Literal["DEFAULT", "NOUN", "VERB", "ADJ", "VBD", "VBN", "VBP", "DT", "None"]
"""Misaki's keys: parts of speech of the Penn tag set; `None` is for a word at the end of a phrase."""


@dataclass(frozen=True)
class Context:
    """A word among the words of its utterance. `phrase` bounds its phrase, `next_sound` is empty at a phrase's end."""

    words: Sequence[str]
    index: int
    phrase: tuple[int, int]
    next_sound: str
    phrase_end: bool

    @property
    def word(self) -> str:
        return self.words[self.index]

    def neighbour(self, offset: int) -> str:
        """The word so many places away within the phrase, lower case, or an empty string."""
        k = self.index + offset
        return self.words[k].lower() if self.phrase[0] <= k < self.phrase[1] else ""

    @property
    def before_vowel(self) -> bool | None:
        """Whether a vowel follows; None at the end of a phrase."""
        if not self.next_sound:
            return None
        return self.next_sound.lstrip("ˈˌ")[:1] in VOWELS


_DETERMINERS = word_set(
    "a an the my your his her its our their this that these those some any no every each another whose much more of "
    "great good bad new old first last own"
)
_VERB_CUES = word_set(
    "to will would can could should may might must shall do does did don't doesn't didn't won't wouldn't can't cannot "
    "couldn't shouldn't let's please i we you they who not never always i'll we'll you'll they'll he'll she'll it'll "
    "i'd you'd we'd they'd just really people them us gonna wanna helps help and"
)
_BE = word_set(
    "is are was were be been being am isn't aren't wasn't weren't it's i'm he's she's that's you're we're they're so "
    "very"
)
_HAVE = word_set("have has had having i've you've we've they've haven't hasn't hadn't already")
_SUBJECTS = word_set("he she it who everyone everybody someone nobody mom dad that")
_MODALS = word_set("to will can could would should do did didn't don't let's a please must might")
_PAST_CUES = word_set("yesterday ago last once when then already finally after before earlier did was were had")
_OBJECTS = word_set("the my your his her its our their it this these those me him them us you a an up down")
_SHOWS = word_set("music show shows concert stream audience event tv band performance update")
_ADJECTIVE_ENDINGS = ("al", "ive", "ous", "ic", "less", "ful")


def part_of_speech(context: Context, entry: Mapping[Tag, str | None]) -> Tag:
    """The tag that the neighbours suggest, for an entry that tells some tags apart. DEFAULT when nothing decides."""
    before, after, word = context.neighbour(-1), context.neighbour(1), context.word.lower()
    if context.phrase_end and "None" in entry:
        return "None"
    if "DT" in entry:
        return "DT" if not before or context.phrase_end else "DEFAULT"
    if special := _SPECIAL.get(word):
        return special(context)
    adjective_before = before.endswith(_ADJECTIVE_ENDINGS) and before not in _VERB_CUES
    if before in _DETERMINERS or adjective_before:
        return "ADJ" if "ADJ" in entry and "NOUN" not in entry and after and after not in _BE else "NOUN"
    if before in _HAVE and "VBN" in entry:
        return "VBN"
    if before in _BE:
        return "ADJ"
    if before in _VERB_CUES or (before in _SUBJECTS and word.endswith("s")) or (not before and after in _OBJECTS):
        return "VERB"
    if after in _BE or before in {"in", "on", "with", "for", "from", "at", "by", "about"}:
        return "NOUN"
    return "DEFAULT"


def _read(context: Context) -> Tag:
    before, earlier = context.neighbour(-1), {context.neighbour(-k) for k in range(1, 5)}
    if earlier & _HAVE or before in _BE or before == "well":
        return "VBN"
    if before in _MODALS:
        return "DEFAULT"
    past = before in {"he", "she", "it"} or any(w.lower() in _PAST_CUES for w in context.words)
    return "VBD" if past else "DEFAULT"


def _live(context: Context) -> Tag:
    before, after = context.neighbour(-1), context.neighbour(1)
    return "DEFAULT" if after in _SHOWS or before in _BE or before in {"a", "the"} else "VERB"


def _lives(context: Context) -> Tag:
    before = context.neighbour(-1)
    plural_before = before.endswith("s") and before not in {"always", "this"}
    noun = plural_before or before in _DETERMINERS | {"save", "saved", "many", "two"}
    return "DEFAULT" if noun or not before else "VERB"


def _close(context: Context) -> Tag:
    before, after = context.neighbour(-1), context.neighbour(1)
    shuts = after in _OBJECTS or after in {"door", "eyes"} or before in _MODALS - {"a"}
    return "VERB" if shuts and before not in _BE else "DEFAULT"


def _wound(context: Context) -> Tag:
    return "VBD" if context.neighbour(1) in {"up", "down", "around"} else "DEFAULT"


def _wind(context: Context) -> Tag:
    return "VERB" if context.neighbour(1) in {"up", "down"} else "DEFAULT"


_SPECIAL = {"read": _read, "live": _live, "lives": _lives, "close": _close, "wound": _wound, "wind": _wind}
