"""The rule-based responder: an empathic answer written by grammar and small stocks of phrases, for any text, at once.

It says back what happened with the pronouns turned, names the feeling with its strength, and goes on by the plan's
strategy; the persona's manner chooses the phrases and the seed varies them. It is also what speaks when a model
fails, so it never raises.
"""

from __future__ import annotations

import random
import re
from collections.abc import AsyncGenerator, Sequence

from rapport.agent.response.clauses import split_sentences
from rapport.agent.response.exemplars import Exemplar
from rapport.agent.response.feelings import degree, family, felt_in_words, is_surprised, person_word, situation_word
from rapport.agent.response.plan import Reading, read
from rapport.agent.response.style import in_style, questions_left, style_of
from rapport.agent.response.turning import capitalised
from rapport.agent.response.words import Topic, phrases, stem, topics
from rapport.agent.stages import EmpathyPlan, ReplyRequest, ResponderCapabilities
from rapport.persona.card import Persona
from rapport.persona.errors import ComponentError

_NARROW_ESCAPE = re.compile(r"\b(?:almost|nearly) (?:got )?(?:died|killed|run over|drowned|choked)\b", re.I)
"""Nobody has died."""
_STATE = re.compile(
    r"^(?:[\w']+ ){0,2}(?:you're|you (?:(?:really|just|still|always|also|do|don't|can't|am|have been|been) )*"
    r"(?:are|were|feel|felt|love|like|hate|miss|want|wanted|need|hope|pray|wish|know|knew|think|thought|wait|"
    r"believe|deserve|"
    r"worry|worried|enjoy|trust|look|get))\b"
)
"""An event that is itself a feeling or a wish."""

_WORDS_OF_TWO = 20
"""A style that wants more words than these gets a question behind a suggestion."""


def manner_of(persona: Persona) -> str:
    """Which stock of phrases a persona speaks from: "warm", "blunt" or "anxious", by its card's words, then its
    traits."""
    words = persona.manner.lower()
    if re.search(r"\b(?:blunt|direct|frank|straight|brash|sharp|dry)\b", words):
        return "blunt"
    if re.search(r"\b(?:anxious|nervous|hesitant|worried|shy|timid)\b", words):
        return "anxious"
    if persona.big_five.neuroticism > 0.7:
        return "anxious"
    return "blunt" if persona.big_five.agreeableness < 0.35 else "warm"


def _for_feeling(stock: str, feeling: str) -> list[str]:
    by_feeling: dict[str, list[str]] = phrases()[stock]
    return by_feeling.get(feeling, by_feeling["neutral"])


class Writer:
    """Writes one reply: a sentence per method, none that this reply or the agent's last turns already said."""

    def __init__(self, request: ReplyRequest, reading: Reading) -> None:
        self._request, self._reading = request, reading
        self._manner = manner_of(request.persona)
        self.style = style_of(request.persona)
        self.questions_left = questions_left(self.style, request.history)
        """How many questions this reply may hold."""
        # A string seeds `random` the same way in every process, which the hash of a tuple would not.
        self._rng = random.Random(f"{request.seed}|{len(request.history)}|{request.text[:2000]}|{request.persona.name}")
        self._said = " ".join(exchange.agent for exchange in list(request.history)[-4:]).lower()
        self._topic = topic_of(reading.event or request.text)

    def _choose(self, stock: Sequence[str]) -> str:
        if self._request.perceived.label == "neutral":  # a feeling without a name is not named
            stock = [phrase for phrase in stock if "{feeling}" not in phrase and "{quality}" not in phrase] or stock
        fresh = [phrase for phrase in stock if self._fill(phrase).lower() not in self._said] or list(stock)
        phrase = self._fill(fresh[self._rng.randrange(len(fresh))])
        self._said += " " + phrase.lower()
        return phrase

    def _fill(self, phrase: str) -> str:
        perceived = self._request.perceived
        strength = degree(perceived)
        feeling, quality = person_word(perceived.label), situation_word(perceived.label)
        filled = (
            phrase.replace("{event}", self._reading.event)
            .replace("{feeling}", f"{strength} {feeling}".strip() if "how {feeling}" not in phrase else feeling)
            .replace("{quality}", f"really {quality}" if strength == "really" else quality)
            .replace("{felt}", felt_in_words(self._request.felt))
            .replace("{name}", self._request.persona.name.capitalize())
        )
        return in_style(capitalised(filled), self.style)

    @property
    def fixed_kind(self) -> bool:
        """Whether the form of the turn alone says what to answer, so that no model need be asked."""
        return self._reading.kind in phrases()["fixed"]

    def fixed(self) -> str | None:
        """The whole answer to turns whose form says what to answer: greetings, thanks, nothing heard; None for
        others."""
        stock = phrases()["fixed"].get(self._reading.kind)
        if stock is None:
            return None
        return self._choose(stock[self._manner]).replace("{ask}", self._choose(phrases()["ask"]["anything"]))

    def opening_of(self, exemplars: Sequence[Exemplar]) -> tuple[str, Exemplar] | None:
        """The first sentence of an exemplar's answer, if the persona is one to say it and did not lately, and whose
        it is.

        A blunt or anxious one begins in its own way.
        """
        if self._manner != "warm" or self.style.length == "brief":
            return None
        for exemplar in exemplars:
            first = in_style(exemplar.sentences[0], self.style)
            if not first.endswith("?") and first.lower() not in self._said:
                self._said += " " + first.lower()
                return first, exemplar
        return None

    def opening(self) -> str:
        """The first sentence: what happened, said back, or the feeling, named."""
        reading, manner = self._reading, self._manner
        if reading.kind == "advice" and not reading.event:
            return self._choose(phrases()["opening"]["advice"][manner])
        news = "surprise" if reading.tone == "plain" and is_surprised(self._request.perceived) else reading.tone
        stock: list[str] = phrases()["opening"][news][manner]
        if not reading.event:
            return self._choose([phrase for phrase in stock if "{event}" not in phrase])
        if _STATE.search(reading.event):
            # What is felt or wished is no news to be glad or sorry about; the feeling is.
            feels = [phrase for phrase in stock if "{event}" not in phrase] if reading.tone != "plain" else []
            stock = [*phrases()["opening"]["state"][manner], *feels]
        room = 6 if self.style.length == "brief" else 14
        if len(reading.event.split()) > room:
            return self._choose([phrase for phrase in stock if "{event}" not in phrase] or stock)
        return self._choose([phrase for phrase in stock if "{event}" in phrase or news != "plain"])

    def reaction(self) -> str:
        """A few words of the listener's own feeling; empty where the turn has none."""
        stock = phrases()["react"].get(self._reading.tone)
        return self._choose(stock) if stock is not None else ""

    def middle(self) -> str:
        """The sentence that does the strategy's work."""
        if self._request.guidance and self._reading.tone != "good":
            return self._choose(phrases()["careful"]["say"])
        kind = family(self._request.perceived, self._reading.tone)
        if self._reading.plan.strategy == "suggestions":
            return self._choose(_for_feeling("step", kind))
        light = self._reading.tone == "good" and not self._request.guidance and self._rng.random() < self.style.humour
        if light and self.style.humour >= 0.5:
            return self._choose(phrases()["light"])
        return self._choose(self._on_topic("say") or _for_feeling("comfort", kind))

    def question(self) -> str:
        """One open question that suits what happened, or the feeling."""
        if self._request.guidance and self._reading.tone != "good":
            return self._choose(phrases()["careful"]["ask"])
        if not self._reading.event and self._reading.tone == "plain":
            return self._choose(phrases()["ask"]["anything"])
        return self._choose(
            self._on_topic("ask") or _for_feeling("ask", family(self._request.perceived, self._reading.tone))
        )

    def _on_topic(self, purpose: str) -> list[str]:
        """Lines for the turn's subject that were not said lately; empty where it has none."""
        lines = self._topic.lines.get(self._reading.tone, {}).get(purpose, ()) if self._topic is not None else ()
        return [line for line in lines if self._fill(line).lower() not in self._said]

    @property
    def may_ask(self) -> bool:
        """Whether another question is welcome."""
        return self.questions_left > 0

    def rest(self, opening: str, limit: int) -> list[str]:
        """What follows an opening: at most `limit` sentences that bring the reply to the style's length.

        The question keeps the talk going: it is chosen first, and what else there is room for comes before it.
        """
        strategy = self._reading.plan.strategy
        least, most = self.style.words
        wants_middle = strategy == "suggestions" or self._reading.tone != "plain"
        asks = self.may_ask and (strategy != "suggestions" or not wants_middle or least > _WORDS_OF_TWO)
        found: list[str] = []
        words = len(opening.split())
        question = self.question() if asks and limit > 0 else ""
        if words + len(question.split()) > most:
            question = ""
        left = limit - bool(question)
        words += len(question.split())
        while left > 0 and wants_middle:
            sentence = self.middle()
            words += len(sentence.split())
            if words > most:
                break
            found.append(sentence)
            left -= 1
            if words >= least:
                break
        return [*found, question] if question else found

    def sentences(self) -> list[str]:
        """The whole reply, at most `max_sentences` long, with no more questions than the persona's style allows."""
        limit = max(1, self._request.max_sentences)
        fixed = self.fixed()
        if fixed is None:
            opening = self.opening()
            return [opening, *self.rest(opening, limit - 1)]
        sentences, left = list[str](), self.questions_left
        whole = split_sentences(fixed)
        for sentence in whole:
            asks = sentence.endswith("?")
            if not asks or left > 0:
                sentences.append(sentence)
                left -= asks
        return (sentences or [whole[0].rstrip("?") + "."])[:limit]


def topic_of(text: str) -> Topic | None:
    """The subject of a turn by its words; None where it has none of `topics.yaml`."""
    spoken = {stem(word) for word in re.findall(r"[\w']+", _NARROW_ESCAPE.sub("", text).lower())}
    best = max(topics(), key=lambda topic: len(spoken & topic.stems))
    return best if spoken & best.stems else None


class RuleResponder:
    """Stage `response` without a language model. Deterministic by seed; never fails on any text."""

    def __init__(self, model: str | None = None) -> None:
        if model is not None:
            raise ComponentError(
                f"the response component 'rules' has no models; write 'rules' instead of 'rules:{model}'"
            )
        self.capabilities = ResponderCapabilities(streaming=True, model="")

    async def respond(self, request: ReplyRequest) -> AsyncGenerator[EmpathyPlan | str]:
        """The plan, then the reply sentence by sentence."""
        reading = read(request)
        yield reading.plan
        for sentence in Writer(request, reading).sentences():
            yield sentence
