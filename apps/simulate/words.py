"""Writers without a language model: from an act and a state to words, by the grammars of this folder.

A writer gets an act and what the words depend on, and returns a text. `rapport.apps.simulate.models` has writers that
ask a chat model instead.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Literal, Protocol

from rapport.apps.simulate.acts import ClientAct, TherapistAct
from rapport.apps.simulate.case import CaseProfile
from rapport.apps.simulate.grammar import Grammar
from rapport.persona.card import read_yaml
from rapport.persona.errors import InputError

Telling = Literal["narrate", "hot_spot", "narrate_after"]

_SENTENCE = re.compile(r"(?<=[.?!]) ")

LOW, HIGH = 0.45, 0.75
"""Distress at which words change from low to mid, and from mid to high."""

ECHOING = 0.7
"""Chance that a reflection or paraphrase gives the client's own words back, where they can be."""

FEELINGS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "fear": (("afraid", "fear"), ("scared", "fear"), ("terrified", "terror"), ("anxious", "anxiety")),
    "anger": (("angry", "anger"), ("furious", "rage"), ("bitter", "bitterness")),
    "sadness": (("sad", "sadness"), ("lost", "emptiness"), ("alone", "loneliness"), ("tired", "heaviness")),
    "disgust": (("ashamed", "shame"), ("disgusted", "disgust")),
    "surprise": (("confused", "confusion"), ("shaken", "shock")),
    "joy": (("relieved", "relief"), ("glad", "warmth"), ("lighter", "lightness")),
    "neutral": (("tense", "tension"), ("uneasy", "unease"), ("worn out", "tiredness")),
    "calm": (("calm", "calm"), ("quiet", "quiet"), ("tired", "tiredness")),
}
"""How a client calls each of Ekman's feelings, and calm: adjective and noun. A writer keeps to one for a while."""


@dataclass(frozen=True)
class Said:
    """One earlier turn, as a writer may see it."""

    who: str
    text: str


@dataclass(frozen=True)
class ClientWish:
    """What the client does in this turn, and the state that the words are to show."""

    acts: tuple[ClientAct, ...]
    distress: float
    feeling: str
    """One of Ekman's seven, of the client's emotion."""
    disclosure: float
    avoidance: float
    rating: str = ""
    """The number that is told, on the scale in use."""


@dataclass(frozen=True)
class TherapistWish:
    """What the therapist does in this turn."""

    act: TherapistAct
    feeling: str
    """What the therapist takes the client's feeling to be, one of Ekman's seven."""
    scale: int
    """10 or 100: how ratings are asked for."""
    phase: str = ""


class ClientWriter(Protocol):
    """Words for the client."""

    def client(self, wish: ClientWish, so_far: Sequence[Said]) -> str: ...


class TherapistWriter(Protocol):
    """Words for the therapist."""

    def therapist(self, wish: TherapistWish, so_far: Sequence[Said]) -> str: ...


_I_TO_YOU = (
    (r"\bI am\b", "you are"), (r"\bI was\b", "you were"), (r"\bI\b", "you"), (r"\bam\b", "are"), (r"\bme\b", "you"),
    (r"\b[Mm]y\b", "your"), (r"\bmyself\b", "yourself"), (r"\bmine\b", "yours"),
)  # fmt: skip
_TO_GIVE_BACK = re.compile(
    r"(?:I|My) (?!(?:feel|am so|do not know|would say|hear|suppose|think|can say|cannot do)\b)[\w', ]+"
)
_NOT_OURS = re.compile(r"\b(?:[Ww]e|[Uu]s|[Oo]ur|[Yy]ou|[Yy]our)\b")


def echo_of(text: str) -> str:
    """A sentence of somebody's, turned to "you", with a small first letter and without its full stop; empty where none
    can be given back: the first one that begins with "I" or "My", is a statement, and has five to sixteen words."""
    for sentence in _SENTENCE.split(text):
        plain = sentence.removesuffix(".")
        fits = _TO_GIVE_BACK.fullmatch(plain) and not _NOT_OURS.search(plain)
        if fits and 5 <= len(plain.split()) <= 16:
            for pattern, you in _I_TO_YOU:
                plain = re.sub(pattern, you, plain)
            return plain
    return ""


@lru_cache(maxsize=8)
def read_words(name: str) -> dict[str, Any]:
    """One of the YAML files of this folder."""
    return read_yaml((resources.files("rapport.apps.simulate") / name).read_text("utf-8"), name)


@lru_cache(maxsize=256)
def story_of(protocol_subject: str, case_key: str) -> Mapping[str, Sequence[str]]:
    """The lists of one trauma ("trauma") or trouble ("problem", "change_goal")."""
    name = "traumas.yaml" if protocol_subject == "trauma" else "troubles.yaml"
    story: dict[str, Any] = read_words(name)[case_key]
    lists: dict[str, tuple[str, ...]] = {key: (v,) if isinstance(v, str) else tuple(v) for key, v in story.items()}
    lists.setdefault("name", lists.get("event", ()))
    lists.setdefault("event", lists["name"])
    lists["hopeful"] = lists.get("hope", lists.get("change", ("It got a little better.",)))
    return lists


def subject_key(case: CaseProfile, subject: str) -> str:
    """What of a case a protocol is about: its "trauma", "problem" or "change_goal"."""
    keys = {"trauma": case.trauma_type, "problem": case.problem, "change_goal": case.change_goal}
    if subject not in keys:
        raise InputError(f"a protocol is about one of {', '.join(keys)}, not {subject!r}")
    return keys[subject]


class Story:
    """Where a telling of the memory has got to: before it, the worst of it, afterwards, and round again."""

    def __init__(self, lists: Mapping[str, Sequence[str]]) -> None:
        self._before, self._worst = tuple(lists.get("approach", ())), tuple(lists.get("hot", ()))
        self._lines = (*self._before, *self._worst, *lists.get("after", ()))
        self._place = 0
        self._again = 0

    def from_the_start(self) -> None:
        self._place = 0

    def line(self, worst: bool) -> tuple[Telling, str]:
        """The next sentence, and which part it belongs to; `worst` goes to the worst at once."""
        if not self._lines:
            return "narrate", ""
        first, past = len(self._before), len(self._before) + len(self._worst)
        if worst and self._place >= past:
            self._again += 1
            return "hot_spot", self._worst[self._again % len(self._worst)]
        place = max(self._place, first) if worst else self._place
        self._place = (place + 1) % len(self._lines)
        return "narrate" if place < first else "hot_spot" if place < past else "narrate_after", self._lines[place]


class RuleWriter:
    """Both sides' words in one conversation, from the grammars, by one seed."""

    def __init__(self, case: CaseProfile, subject: str, seed: int) -> None:
        self._case = case
        story = story_of(subject, subject_key(case, subject))
        client, therapist = read_words("client_words.yaml"), read_words("therapist_words.yaml")
        self._client_acts: Mapping[str, Mapping[str, list[str]]] = client["acts"]
        self._therapist_acts: Mapping[str, list[str]] = therapist["acts"]
        self._echoes: Mapping[str, list[str]] = therapist["echoes"]
        own = {"topic": (case.session_topic,)}
        spare = {"sense": ("being there again",), "trigger": ("everything that reminds me",)}
        self._client = Grammar({**spare, **client["slots"], **story, **own}, random.Random(seed))
        # "everything that reminds me" is the client's way to put it; the therapist says "you".
        spare = {"sense": ("a day like that",), "trigger": ("what reminds you",)}
        event = story["event"][0].replace(" I ", " you ").replace(" my ", " your ")
        name = story["name"][0].replace(" I ", " you ").replace(" my ", " your ")
        told = {"event": (event,), "name": (name,)}
        self._therapist = Grammar({**spare, **therapist["slots"], **story, **told}, random.Random(seed + 1))
        self._word = ("", ("tense", "tension"), 0)
        self._story = Story(story)

    def client(self, wish: ClientWish, so_far: Sequence[Said]) -> str:
        """The acts' sentences in order."""
        level = "low" if wish.distress < LOW else "mid" if wish.distress < HIGH else "high"
        calm = level == "low" and wish.feeling == "neutral"
        word, noun = self._feeling("calm" if calm else wish.feeling)
        extra = {"word": (word,), "noun": (noun,), "rating": (wish.rating,)}
        sentences: list[str] = []
        for act in wish.acts:
            telling: str = act
            if act in {"narrate", "hot_spot"}:
                telling, line = self._story.line(act == "hot_spot")
                extra = {**extra, "line": (line,)}
            bands = self._client_acts[telling]
            sentences.append(self._client.say(bands.get(level) or bands["any"], extra))
        return " ".join(sentences)

    def therapist(self, wish: TherapistWish, so_far: Sequence[Said]) -> str:
        """A sentence for the act; asking to begin (again) sets the client's telling back to the start."""
        if wish.act in {"begin_memory", "repeat"}:
            self._story.from_the_start()
        word, noun = self._feeling(wish.feeling)
        scale = f"from 0 to {wish.scale}"
        told = f"{scale}, where 0 is calm and {wish.scale} is the worst you know"
        extra = {"word": (word,), "noun": (noun,), "scale": (scale,), "scale_told": (told,)}
        variants = self._therapist_acts[wish.act]
        echo = echo_of(so_far[-1].text) if wish.act in self._echoes and so_far and so_far[-1].who == "client" else ""
        if echo and self._therapist.rng.random() < ECHOING:
            variants, extra = self._echoes[wish.act], {**extra, "echo": (echo,)}
        return self._therapist.say(variants, extra)

    def _feeling(self, feeling: str) -> tuple[str, str]:
        """Adjective and noun; the same for three turns of one feeling, as people keep to a word."""
        before, pair, turns = self._word
        if feeling != before or turns >= 3:
            choices = FEELINGS[feeling]
            pair, turns = choices[int(self._client.rng.random() * len(choices))], 0
        self._word = (feeling, pair, turns + 1)
        return pair
