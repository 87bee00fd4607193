"""Which human replies teach the embedded model, and the prompts that they answer.

Of each reply the sentences count that the responder would let pass. They follow the opening that the rules write for
the moment, in the prompt that the responder builds; the best by meaning and by empathy are taken.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from rich.progress import track

from rapport.agent.perception.text import MiniLMEmotion
from rapport.agent.perception.text_model import ContextTurn
from rapport.agent.response.clauses import clean, is_finished, same_sentence_key, split_sentences
from rapport.agent.response.empathy import EmpathyScorer
from rapport.agent.response.feelings import Tone
from rapport.agent.response.filters import objection
from rapport.agent.response.plan import Reading
from rapport.agent.response.prompts import small_model_prompt
from rapport.agent.response.rules import Writer
from rapport.agent.response.smollm2 import chat_tokens
from rapport.agent.response.steps import Planner
from rapport.agent.response.style import in_style, questions_in
from rapport.agent.stages import ReplyRequest
from rapport.apps.evaluate.empathy_data import Context, is_support
from rapport.memory.embedding import MiniLMEmbedder
from rapport.persona.affect import VAD, AffectState, EmotionEstimate
from rapport.persona.card import Persona, load_persona

FEWEST_WORDS, MOST_WORDS = 8, 40
"""Of a reply with its opening."""
_SENTENCES_BEHIND_OPENING, _SENTENCES_ALONE = 2, 3
_LONGEST_TURN_WORDS = 60
"""Longer turns of a person cost more tokens than they teach."""
_MOST_TOKENS_PER_WORD = 1.6
"""More tells of words that the model does not know, most of them misspelt."""
OPENED_SHARE = 0.85
"""Of examples that go on from an opening; the others are replies from their first word."""
HELD_OUT_EVERY = 25
"""Every so many-th dialogue is kept out of training, to measure by."""
_HELD_OUT_TOKENS = 4_000
_MIX: Mapping[str, float] = {"first": 0.6, "later": 0.2, "support": 0.2}
"""Shares of the kinds of moments: first turns and later turns of EmpatheticDialogues, and ESConv."""

_LEAST_RELEVANCE = 0.3
"""MiniLM's cosine of what the person said and the sentences that pass."""
_SHAPE = 0.3
"""What a statement with a question behind it counts more than either alone: it is a whole reply."""
_SLANG = re.compile(
    r"\b(?:lol|ha(?:ha)+\w*|omg|asap|u|ur|ya|yikes|smh|guys|man|dude|wow|gosh|yeah|god|jesus|lord|pray\w*)\b|:|\(", re.I
)
"""What is said between strangers in a chat, and not by a companion."""

Fault = Literal[
    "too long a turn",
    "nothing may be said",
    "off the subject",
    "form says the answer",
    "no persona speaks so",
    "odd words",
]
Encode = Callable[[str], list[str]]


@dataclass(frozen=True)
class Example:
    """A prompt in tokens, and how it goes on. The first `beginning` is the same for every example of a persona."""

    kind: str
    """A key of _MIX."""
    beginning: tuple[str, ...]
    talk: tuple[str, ...]
    target: tuple[str, ...]
    """The tokens to be learned, up to and with the end of the turn."""
    tone: Tone
    words: str
    """The target as text."""
    relevance: float
    """MiniLM's cosine of what the person said and the target."""
    empathy: float
    """Mean of EPITOME's three levels of the opening and the target, in [0, 2]."""

    @property
    def states(self) -> bool:
        """Whether the target holds a sentence that is no question."""
        return not all(sentence.endswith("?") for sentence in split_sentences(self.words))

    @property
    def goodness(self) -> float:
        """What the best are chosen by."""
        whole = self.states and self.words.endswith("?")
        return min(1.0, self.relevance / _LIKE) + self.empathy + _SHAPE * whole


_LIKE = 0.6
"""As in scoring: a cosine above this counts no more."""


@dataclass(frozen=True)
class Chosen:
    """The examples of training and those held out, and how many moments were left after each step."""

    learned: Sequence[Example]
    held_out: Sequence[Example]
    counts: Mapping[str, int]


def personas() -> list[Persona]:
    """Who speaks in the examples: the shipped cards, the default one most, and manners of other lengths and forms."""
    manners = {
        "sol": "Talkative, warm and curious. Asks a lot.",
        "mika": "Brief and serious. Few words, no jokes.",
        "edith": "Formal and polite. No contractions.",
        "jun": "Casual and witty. Few questions.",
        "vera": "Quiet and kind. Listens more than it speaks, no questions.",
        "tom": "Friendly and relaxed.",
    }
    shipped = [load_persona(name) for name in ("harbor", "spark", "willow")]
    return [*shipped, *shipped[:1] * 3, *(Persona(name=name, manner=manner) for name, manner in manners.items())]


def polished(text: str) -> list[str]:
    """The sentences of a chat message, each with a capital letter and an end."""
    found: list[str] = []
    for sentence in split_sentences(clean(re.sub(r"([.!?])(?=[A-Za-z])", r"\1 ", text))):
        whole = re.sub(r"\bi\b(?=$|[\s',.!?])", "I", sentence.strip(" ,-"))
        whole = re.sub(r"\b(im|dont|cant|thats|didnt|wasnt|isnt)\b", _apostrophe, whole, flags=re.I)
        whole = re.sub(r"([!?.])[!?.]+$", r"\1", whole)
        if not is_finished(whole):
            whole += "?" if _ASKS.search(whole) else "."
        found.append(whole[:1].upper() + whole[1:])
    return found


_ASKS = re.compile(
    r"^(?:(?:and|so|but|oh|wow|oh no|no)[, ]+)*(?:do|did|does|is|are|was|were|have|has|had|can|could|will|would|what|"
    r"how|when|where|who|why|which|any)\b(?! a\b)",
    re.I,
)


def _apostrophe(match: re.Match[str]) -> str:
    word = match.group()
    return f"{word[:-1]}'{word[-1]}"


def passing(sentences: Sequence[str], told: str, tone: Tone, most: int) -> list[str]:
    """The first `most` sentences that the responder would let pass, up to the first question."""
    kept: list[str] = []
    for sentence in sentences:
        known = {same_sentence_key(before) for before in kept}
        if same_sentence_key(sentence) in known or _SLANG.search(sentence) or objection(sentence, told, tone):
            continue
        kept.append(sentence)
        if sentence.endswith("?") or len(kept) == most:
            break
    return kept


class Examples:
    """Makes examples from moments of dialogues.

    Args:
        planner: plans as the responder does; ESConv's annotated strategies take the place of the policy's.
        encode: text to tokens of the embedded model.
    """

    def __init__(self, planner: Planner, encode: Encode, seed: int) -> None:
        self._reader, self._judge, self._embedder = MiniLMEmotion(), EmpathyScorer(), MiniLMEmbedder()
        self._planner, self._encode = planner, encode
        self._random = random.Random(seed)
        self._personas = personas()

    def of(self, context: Context) -> Example | Fault:
        """The example that a moment gives, or why it gives none."""
        if len(context.seeker.split()) > _LONGEST_TURN_WORDS:
            return "too long a turn"
        sentences = polished(context.human)
        told = " ".join((*(exchange.person for exchange in context.history[-2:]), context.seeker))
        # Reading the feeling takes longest, so what passes with no feeling at all is left out before.
        any_tone = max((passing(sentences, told, tone, 2) for tone in get_args(Tone)), key=len)
        if not any_tone:
            return "nothing may be said"
        said, answered = self._embedder.embed([context.seeker, " ".join(any_tone)])
        if float(said @ answered) < _LEAST_RELEVANCE:
            return "off the subject"
        context_turns = [
            ContextTurn(words, same_speaker=k == 0)
            for exchange in context.history[-2:]
            for k, words in enumerate((exchange.person, exchange.agent))
            if words
        ]
        perceived = self._reader.read(context.seeker, context_turns)
        if perceived is None:
            return "nothing may be said"
        request = ReplyRequest(
            text=context.seeker,
            perceived=perceived,
            felt=self._felt(perceived),
            persona=self._personas[0],
            history=context.history,
            seed=self._random.randrange(1 << 30),
        )
        reading = self._planner.plan(request).reading
        strategy = context.strategy or reading.plan.strategy
        return self._spoken(request, _aimed(reading, strategy), sentences, told, context)

    def _felt(self, perceived: EmotionEstimate) -> AffectState:
        """Calm in half of the talks; in the others some of the person's feeling has passed over."""
        if self._random.random() < 0.5:
            return AffectState()
        share = self._random.uniform(0.2, 0.6)
        vad = perceived.vad
        return AffectState(VAD(share * vad.valence, share * vad.arousal, share * vad.dominance))

    def _spoken(
        self, request: ReplyRequest, reading: Reading, sentences: Sequence[str], told: str, context: Context
    ) -> Example | Fault:
        opened = self._random.random() < OPENED_SHARE
        kept = passing(sentences, told, reading.tone, _SENTENCES_BEHIND_OPENING if opened else _SENTENCES_ALONE)
        if not kept:
            return "nothing may be said"
        for persona in self._random.sample(self._personas, len(self._personas)):
            asked = replace(request, persona=persona)
            writer = Writer(asked, reading)
            if writer.fixed_kind:
                return "form says the answer"
            opening = writer.opening() if opened else ""
            target = " ".join(in_style(sentence, writer.style) for sentence in kept)
            words = len(f"{opening} {target}".split())
            least, most = writer.style.words
            asks = questions_in(target)
            fits = max(least, FEWEST_WORDS) <= words <= min(most, MOST_WORDS)
            if fits and asks <= writer.questions_left:
                break
        else:
            return "no persona speaks so"
        gap = " " if opening else ""
        tokens = self._encode(gap + target)
        if len(tokens) > _MOST_TOKENS_PER_WORD * len(target.split()):
            return "odd words"
        if context.strategy is None and len(kept) == 1:
            reading = _aimed(reading, "question" if asks else _WITHOUT_QUESTION[reading.tone])
        messages, constant = small_model_prompt(asked, reading, opening, taught=True)
        beginning, talk = chat_tokens(messages, constant, self._encode)
        said, ours = self._embedder.embed([context.seeker, target])
        levels = self._judge.score(context.seeker, [f"{opening} {target}".strip()])
        empathy = float(np.mean([levels.reactions[0], levels.interpretations[0], levels.explorations[0]]))
        kind = "support" if context.strategy is not None else "later" if context.history else "first"
        return Example(
            kind,
            tuple(beginning),
            tuple(talk),
            (*tokens, "<|im_end|>"),
            reading.tone,
            target,
            float(said @ ours),
            empathy,
        )


_WITHOUT_QUESTION: Mapping[Tone, str] = {"bad": "reflection", "good": "affirmation", "plain": "restatement"}
"""The aim of a reply that asks nothing, where nobody annotated it: the aim is to tell what the model is to do."""


def _aimed(reading: Reading, strategy: str) -> Reading:
    return replace(reading, plan=replace(reading.plan, strategy=strategy))


def choose_examples(dialogues: Sequence[Sequence[Context]], examples: Examples, tokens: int, seed: int) -> Chosen:
    """The best examples of training dialogues, some `tokens` of them together."""
    counts: Counter[str] = Counter()
    learned: list[Example] = []
    held_out: list[Example] = []
    for number, dialogue in enumerate(track(dialogues, "reading", transient=True), 1):
        support = is_support(dialogue)
        for context in dialogue:
            # A supporter's own life is not the agent's to tell of.
            if support and context.strategy in (None, "self_disclosure"):
                continue
            counts["moments"] += 1
            found = examples.of(context)
            if isinstance(found, str):
                counts[found] += 1
            else:
                (held_out if number % HELD_OUT_EVERY == 0 else learned).append(found)
    counts["fit"] = len(learned) + len(held_out)
    best = best_of(learned, tokens, seed)
    counts["learned"] = len(best)
    chosen = best_of(held_out, _HELD_OUT_TOKENS, seed)
    counts["held_out"] = len(chosen)
    return Chosen(best, chosen, dict(counts))


def best_of(found: Sequence[Example], tokens: int, seed: int) -> list[Example]:
    """The best by meaning and empathy, each kind of moment up to its share of the tokens, in an order of the seed.

    Half of a share goes to replies that only ask, which are most of the good ones, half to those that state something.
    What many people answered in the same words is taken once.
    """
    left = {(kind, states): share * tokens / 2 for kind, share in _MIX.items() for states in (False, True)}
    said: set[str] = set()
    chosen: list[Example] = []
    for example in sorted(found, key=lambda one: -one.goodness):
        key, share = same_sentence_key(example.words), (example.kind, example.states)
        size = len(example.talk) + len(example.target)
        if key in said or left[share] < size:
            continue
        said.add(key)
        left[share] -= size
        chosen.append(example)
    random.Random(seed).shuffle(chosen)
    return chosen
