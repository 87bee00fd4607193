"""Computes the chain of empathy without a language model: what kind of turn this is, what happened, why, and what to
do.

The plan has the five steps of AvaMERG (arXiv 2502.04976). The strategy is one of the eight of ESConv (Liu et al. 2021),
chosen by a policy that can be read: by kind of turn, tone of feeling, and stage of the talk (Hill's exploring,
comforting, acting, as ESConv follows it).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rapport.agent.response.feelings import Tone, is_surprised, person_word, tone
from rapport.agent.response.style import questions_left, style_of
from rapport.agent.response.turning import mid_sentence, straighten, turn
from rapport.agent.response.words import words
from rapport.agent.stages import EmpathyPlan, ReplyRequest
from rapport.persona.affect import EmotionEstimate

Kind = Literal[
    "nothing", "unreadable", "greeting", "wellbeing", "identity", "thanks", "goodbye", "to-agent", "advice", "telling"
]
"""What sort of turn the person's words are."""

MAX_CHARACTERS = 4_000
"""More than this of one turn is not read: its beginning and its end say what it is about."""

_GOALS: Mapping[str, str] = {
    "question": "help them tell more, so that they feel that somebody wants to know",
    "restatement": "show that their words were heard, by saying them back in short",
    "reflection": "name what they feel, so that they do not have to carry it unseen",
    "self_disclosure": "be open about what the agent is, and turn back to them",
    "affirmation": "strengthen what is good: their effort, their joy, their worth",
    "suggestions": "offer one small step that they may take or leave",
    "information": "answer what they asked, honestly and briefly",
    "others": "keep the talk friendly and open",
}

_GREETING = re.compile(
    r"^(?:well |oh |um )?(?:hi+|hello+|hey+|hiya|howdy|yo|greetings|good (?:morning|afternoon|evening|"
    r"day))\b[^?]{0,25}$"
)
_WELLBEING = re.compile(
    r"^(?:\w+[,! ]+){0,3}(?:how are (?:you|u)|how(?:'s| is) it going|how do you feel|how have you been|"
    r"what's up)\b.{0,25}$"
)
_IDENTITY = re.compile(
    r"\b(?:who|what) (?:are|r) (?:you|u)\b(?! (?:doing|talking|going|saying))|\bwhat(?:'s| is) your name\b"
    r"|\bare you (?:a |an )?(?:real|human|person|robot|bot|machine|ai|computer|program|alive|conscious|chatbot)\b"
)
_THANKS = re.compile(
    r"^(?:ok(?:ay)?|well|great|oh|alright)?[,. ]*(?:thank(?:s| you)|thx|cheers|much appreciated)\b.{0,60}$"
)
_GOODBYE = re.compile(
    r"^(?:ok(?:ay)?|well|alright|thanks?(?: you)?)?[,. ]*"
    r"(?:(?:good)?bye+|see (?:you|ya)|good ?night|take care|talk (?:to you )?(?:later|soon)|i (?:have to|gotta|"
    r"must) go)\b.{0,30}$"
)
_ADVICE = re.compile(
    r"\bwhat (?:should|can|do|could|would) i (?:do|say|tell|try)\b|\bshould i\b|\bany (?:advice|ideas|tips|"
    r"suggestions)\b"
    r"|\bhow (?:do|can|should|could) i\b|\bwhat do you (?:suggest|recommend|advise)\b|\bhelp me (?:decide|with|to)\b"
    r"|\bi need (?:some |your )?advice\b|\bwhat would you do\b"
)
_TO_AGENT = re.compile(
    r"^(?:and |so |but |well,? )?(?:do|did|have|can|could|will|would|are|were) (?:you|u)\b.*\?"
    r"|\bwhat(?:'s| is| are) your\b.*\?|\bwhat do you (?:like|love|hate|do|feel)\b.*\?|\btell me (?:about you|"
    r"a joke|a story)"
)

_CAUSE = re.compile(
    r"\b(?:because|cause|cuz|due to|thanks to|since|now that|that's why|after|when)\b[, ]+(.{6,160})", re.I
)
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
_CLAUSE = re.compile(
    r",?\s+(?:but|because|cause|and then|although|though)\s+|[;:]\s+|\s+-+\s+|\.{2,}\s*"
    r"|,\s+(?:and|so|or)?\s*(?=(?:i|i'm|i've|we|he|she|they|it|my|the|now|then)\b)"
    r"|\s+(?:and|so)\s+(?=(?:i|i'm|i've|we|he|she|they|it|it's|my|now)\b)",
    re.I,
)
_FILLER = re.compile(
    r"^(?:(?:and|but|so|well|oh|um+|uh+|er|hmm|like|actually|basically|honestly|anyway|anyways|yeah|yes|no|nah|ok|"
    r"okay|also|man|wow|ugh|omg|yikes|gosh|haha|"
    r"because|cause|then|you know|i mean|i guess|i think|to be honest|tbh|lol|please|hi|hey|hello)\b[, ]*)+",
    re.I,
)
_LAUGH = re.compile(r"[, ]*\b(?:lol|lmao|ha(?:ha)+|hehe)\b", re.I)
_FINITE = re.compile(
    r"\b(?:am|is|are|was|were|be|been|has|have|had|do|does|did|will|would|can|could|should|may|might|must|i'm|"
    r"i've|i'll|i'd|"
    r"it's|he's|she's|that's|they're|we're|there's|isn't|wasn't|aren't|weren't|don't|doesn't|didn't|can't|"
    r"couldn't|won't|"
    r"wouldn't|haven't|hasn't|hadn't|got|get|gets|went|goes|go|felt|feel|feels|lost|found|made|makes|make|said|"
    r"says|told|tells|"
    r"took|takes|take|came|comes|left|leaves|gave|gives|kept|keeps|broke|won|saw|sees|met|ate|ran|runs|fell|"
    r"bought|brought|"
    r"caught|taught|thought|hit|hurt|hurts|cut|put|let|quit|forgot|stole|spent|sold|sent|slept|heard|hate|hates|"
    r"love|loves|"
    r"like|likes|miss|misses|want|wants|need|needs|know|knows|think|thinks|wish|hope|keep|beat|drove|woke|knew|"
    r"grew|threw|"
    r"had|began|became|built|chose|cried|died|held|led|paid|read|rode|sat|stood|swam|wore|wrote|live|lives|work|"
    r"works)\b"
    r"|\b\w{2,}(?<!e)ed\b",
    re.I,
)
_FIRST_PERSON = re.compile(r"\b(?:i|i'm|im|i've|i'd|i'll|me|my|mine|we|we're|we've|our|us|myself)\b", re.I)
_SECOND_PERSON = re.compile(r"\b(?:you|your|you're|yours|u|ya)\b", re.I)
_FIRST_SUBJECT = re.compile(r"^(?:[\w']+ ){0,2}(?:i|i'm|im|i've|i'd|i'll|we|we're|we've|my|our)\b", re.I)
_VAGUE = re.compile(
    r"^(?:it|he|she|they|there|which|who|him|her)(?:'s|'re|'d|'ll)?\b|^(?:this|that|these|those)(?:'s)?(?: (?:is|"
    r"was|were|are)\b|$)",
    re.I,
)
_SUBORDINATE = re.compile(r"^(?:when|whenever|while|if|unless|until|after|before|which|who|that)\b(?![^,]*,)", re.I)
_NO_SUBJECT = re.compile(
    r"^(?:(?:just|finally|recently|also|never|really|always|almost) )*"
    r"(?:got|gave|found|lost|made|went|took|came|left|kept|won|saw|met|ate|ran|fell|bought|forgot|spent|sold|"
    r"slept|heard|"
    r"quit|broke|felt|had|"
    r"(?!(?:excited|worried|scared|tired|bored|interested|annoyed|embarrassed|disappointed|surprised|pleased|"
    r"relieved|ashamed|"
    r"confused|depressed|stressed|frustrated|overwhelmed|shocked|supposed|based|red|bed)\b)\w{2,}(?<!e)ed)\b",
    re.I,
)
"""A clause whose unsaid subject is the speaker: "Just lost my job"."""


@dataclass(frozen=True)
class Reading:
    """A turn as the planner reads it. `event` faces the person ("you lost your job") and is empty where none is
    clear."""

    kind: Kind
    tone: Tone
    event: str
    plan: EmpathyPlan


def kind_of(text: str) -> Kind:
    """The sort of turn, by its form alone."""
    plain = straighten(text).lower().strip(" .!")
    spoken = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", plain)
    if not spoken:
        return "nothing" if not plain or plain.isascii() else "unreadable"
    forms: tuple[tuple[Kind, re.Pattern[str]], ...] = (
        ("goodbye", _GOODBYE),
        ("thanks", _THANKS),
        ("wellbeing", _WELLBEING),
        ("greeting", _GREETING),
        ("identity", _IDENTITY),
    )
    for kind, pattern in forms:
        if pattern.search(plain) and (kind != "identity" or len(spoken) <= 14):
            return kind
    if not is_english(spoken):
        return "unreadable"
    if _ADVICE.search(plain):
        return "advice"
    if _TO_AGENT.search(plain) and len(spoken) <= 16:
        return "to-agent"
    return "telling"


def is_english(spoken: list[str]) -> bool:
    """Whether enough of it is everyday English; one to three words of Latin letters get the benefit of the doubt."""
    if sum(word.isascii() for word in spoken) < 0.7 * len(spoken):
        return False
    if len(spoken) == 1:
        return len(spoken[0]) <= 15 and re.search(r"[aeiouy]", spoken[0]) is not None
    known = sum(word in words("everyday") for word in spoken[:200])
    return len(spoken) <= 3 or known >= max(1.0, 0.15 * min(len(spoken), 200))


def read(request: ReplyRequest, *, cause: str = "", odds: Mapping[str, float] | None = None) -> Reading:
    """Read a turn and plan the answer. Any text is fine.

    Args:
        cause: what made them feel so, in the person's own words, where something better than the rules has found it.
        odds: a policy's probability of each strategy, see `choose_strategy`.
    """
    text = readable(request.text)
    kind, feeling = kind_of(text), tone_of_turn(text, request.perceived)
    said = event_clause(text, tuple(e.text for e in request.perceived.evidence if e.modality == "text"))
    event = facing(said) if said else ""
    strategy = choose_strategy(kind, feeling, bool(event), request, odds)
    told = event or {"nothing": "nothing could be heard", "unreadable": "what was said could not be understood"}.get(
        kind, "you " + _ACTS.get(kind, "said something about your day")
    )
    why = (facing(_FILLER.sub("", cause)) if cause else cause_of(text)) or told
    plan = EmpathyPlan(told, person_word(request.perceived.label), why, _GOALS[strategy], strategy)
    return Reading(kind, feeling, event, plan)


_DISBELIEF = re.compile(r"\b(?:can't|cannot|couldn't|don't) (?:even |quite )?believe\b")
"""A "not" that denies nothing of what is told."""


def tone_of_turn(text: str, perceived: EmotionEstimate) -> Tone:
    """The tone of the feeling; where nothing was felt in the words, that of what they tell. "My dog has cancer" may be
    said without a word of feeling, and is no news to be merely curious about."""
    feeling = tone(perceived)
    if feeling != "plain" or not (perceived.label == "neutral" or is_surprised(perceived)):
        return feeling
    spoken = re.findall(r"[\w']+", _DISBELIEF.sub("", text.lower()))
    bad, good = (sum(word in words(name) for word in spoken) for name in ("bad_news", "good_news"))
    if bad == good or "not" in spoken or any(word.endswith("n't") for word in spoken):
        return "bad" if bad > good else "plain"
    return "bad" if bad > good else "good"


def readable(text: str) -> str:
    """A turn with plain quotes and blanks; of a very long one its beginning and its end."""
    plain = straighten(text)
    if len(plain) <= MAX_CHARACTERS:
        return plain
    return f"{plain[: MAX_CHARACTERS // 2]}. {plain[-MAX_CHARACTERS // 2 :]}"


_ACTS: Mapping[str, str] = {
    "greeting": "said hello",
    "wellbeing": "asked how I am",
    "identity": "asked who I am",
    "thanks": "said thank you",
    "goodbye": "said goodbye",
    "to-agent": "asked me something",
    "advice": "asked what to do",
}


ADVICE_AFTER_TURNS = 3
"""Steps are offered after this many exchanges at the earliest, unless they are asked for: advice that comes too early
says that nobody wants to listen (Hill's exploring before acting)."""


def choose_strategy(
    kind: Kind,
    feeling: Tone,
    told_event: bool,
    request: ReplyRequest,
    odds: Mapping[str, float] | None = None,
) -> str:
    """The support strategy for this turn: explore first, comfort while it hurts, act once there is enough to act on.

    `odds` decide between the strategies that are open while somebody tells of something bad, which is what ESConv's
    talks are about; without them the rules do. Self-disclosure is never open (a program has no life to tell of).
    """
    if kind in ("nothing", "unreadable"):
        return "question"
    if kind in ("greeting", "wellbeing", "thanks", "goodbye"):
        return "others"
    if kind == "identity":
        return "information"
    if kind == "to-agent":
        return "self_disclosure"
    if kind == "advice":
        return "suggestions"
    may_ask = questions_left(style_of(request.persona), request.history) > 0
    if feeling == "good":
        return "affirmation"
    if feeling == "plain":
        return "question" if may_ask else "restatement"
    turns = len(request.history)
    if odds is not None:
        open_now = {"reflection", "affirmation"}
        if may_ask:
            open_now.add("question")
        if told_event:
            open_now.add("restatement")
        if turns >= ADVICE_AFTER_TURNS and not request.guidance:
            open_now.add("suggestions")
        return max(sorted(open_now), key=lambda strategy: odds.get(strategy, 0.0))
    if not told_event and may_ask and len(request.text.split()) < 8:
        return "question"
    if turns >= ADVICE_AFTER_TURNS and turns % 3 == 1 and not request.guidance:
        return "suggestions"
    return "reflection" if may_ask else "affirmation"


def event_clause(text: str, evidence: tuple[str, ...] = ()) -> str:
    """The clause that says best what happened, in the person's own words; empty when none is fit to be said back.

    A good one speaks of the person, holds a finite verb, is of speakable length, is no question, and says nothing
    about the listener; words that carried the emotion count for it.
    """
    best, best_score = "", 0.9
    # What follows a "but" is what the sentence was said for.
    contrast = straighten(text).lower().rfind(" but ")
    for place, clause in enumerate(clauses_of(text)):
        n_words = len(clause.split())
        if not 3 <= n_words <= 24 or not _FINITE.search(clause) or _SECOND_PERSON.search(clause):
            continue
        score = 1.0 - 0.05 * place
        score += 1.0 * bool(_FIRST_SUBJECT.search(clause)) + 0.4 * bool(_FIRST_PERSON.search(clause))
        score -= 0.8 * bool(_VAGUE.search(clause)) + 0.12 * max(0, n_words - 14)
        score += 0.5 * (0 <= contrast <= straighten(text).lower().rfind(clause.lower()))
        score -= 1.5 * bool(_SUBORDINATE.search(clause))
        score += 1.0 * bool(_NO_SUBJECT.search(clause))
        score += 0.3 * min(2, sum(1 for word in evidence if word and word.lower() in clause.lower()))
        spoken = set(re.findall(r"[\w']+", clause.lower()))
        score += 0.6 * bool(spoken & (words("bad_news") | words("good_news")))
        if score > best_score:
            best, best_score = clause, score
    return best


def clauses_of(text: str) -> list[str]:
    """Clauses of a turn, without the fillers they open with, questions left out."""
    found: list[str] = []
    for sentence in _SENTENCE.findall(straighten(text)):
        if sentence.rstrip().endswith("?"):
            continue
        for part in _CLAUSE.split(sentence.strip(" .!?\"'()*")):
            clause = _LAUGH.sub("", _FILLER.sub("", part.strip(" ,.!?\"'()*-")))
            if clause:
                found.append(clause.strip())
    return found


def cause_of(text: str) -> str:
    """What the person gives as the reason, turned to face them; empty when they give none."""
    match = _CAUSE.search(straighten(text))
    if match is None:
        return ""
    clause = _CLAUSE.split(re.split(r"[.!?\n]", match.group(1))[0])[0].strip(" ,")
    return facing(clause) if clause else ""


def facing(clause: str) -> str:
    """A clause as it is said back inside a sentence: turned to face the person, with a subject, its first letter small
    unless it begins with a name."""
    if _NO_SUBJECT.search(clause):
        return f"you {clause[:1].lower()}{turn(clause)[1:]}"
    return mid_sentence(turn(clause))
