"""Reasons not to speak a sentence that the small embedded model wrote.

A model of 135 million parameters is fluent and drifts: it claims a life of its own, invents facts about the person,
condoles with the glad. Each rule here names one such fault, and `objection` says which one it found.
"""

from __future__ import annotations

import re

from rapport.agent.response.clauses import is_finished
from rapport.agent.response.feelings import Tone
from rapport.agent.response.words import stem, words

LONGEST_SENTENCE_WORDS = 26
COPIED_WORDS = 6
"""A run of this many of the person's own words, in their own person, is parroting."""

_MACHINE_TALK = re.compile(
    r"\b(?:as an ai|language model|ai (?:assistant|model)|i(?:'m| am) (?:programmed|trained|not able to)|"
    r"i can(?:'t|not) (?:help|assist) with|how (?:can|may) i (?:help|assist) you|anything else (?:i can|you'd)|"
    r"feel free to|don't hesitate|happy to help|assist(?:ance)?|let me know if|at any ?time|contact (?:us|me)|"
    r"reach(?:ing)? out to me)\b",
    re.I,
)
_LABEL = re.compile(
    r"\b(?:user|assistant|human|system|listener|client|therapist)\s*:|<\||\|>|\[[^\]]*\]|https?:|@\w", re.I
)
_OWN_LIFE = re.compile(
    r"\b(?:my|mine|myself|me too|same here|so do i|so am i|as for me|about me|for me|to me)\b"
    r"|\bi(?:'ve|'d been|'ll be| have| had| was| did| went| got| lost| used to| grew| remember| know (?:how|what|"
    r"that))\b"
    r"|\bi (?:also |too )?(?:love|like|miss|live|work|want|need|enjoy|prefer)\b"
    r"|\bi'm (?:also|in the same|going through|working|looking|a)\b",
    re.I,
)
_FIRST_PERSON = re.compile(r"\b(?:i|i'm|i'd|i'll|i've)\b", re.I)
_FIRST_PERSON_FINE = re.compile(
    r"\bi(?:'m| am) (?:so |very |really |truly |deeply )?(?:sorry|glad|happy for you|here|listening|proud of you|"
    r"curious)\b"
    r"|\bi (?:can (?:only )?)?(?:hear|see|understand|hope|wonder|think|imagine|believe|wish|tell)\b|"
    r"\bi'd like to hear\b",
    re.I,
)
_HOLLOW = re.compile(
    r"\bthank(?:s| you)\b|\byou're welcome\b|\bnice to meet\b|\bwelcome (?:to|back)\b|\bnot sure (?:what|how)\b"
    r"|\bwhat brings you (?:here|in)\b|\bhave a (?:nice|great|good|wonderful) (?:day|time)\b|\bi don't know\b"
    r"|\b(?:great|good|interesting|wonderful) (?:question|story|example|point)\b|\bcompliment\b|\bbit of everything\b"
    r"|\bi can't help but\b|\bmake amends\b|\b(?:glad|happy|sorry|good|great|wonderful) to hear\b"
    r"|\brole model\b|\bspecial day\b|\bnot uncommon\b"
    r"|^your [\w ]+ (?:is|are) (?:a|an|the|so|very)\b|\breminder of the importance\b|\bheads? up\b"
    r"|\bwhat (?:can|do) you do to help me\b|\bappreciat\w+\b",
    re.I,
)
_VERDICT = re.compile(
    r"^(?:but |so |yes,? |and )?you(?:'re|'ve|'d| are| have| were| know)\b"
    r"(?! (?:not alone|not (?:being )?(?:weak|wrong|selfish|silly|stupid|bad|broken)|allowed|right to|every right|"
    r"a right|"
    r"done|worked|come a long way|been through))|\b(?:we|we've|we're|our|us)\b",
    re.I,
)
_KIND_WORDS = re.compile(
    r"\b(?:makes? sense|understandabl[ey]|normal|natural|not easy|isn't easy|not always easy|not alone|deserve|"
    r"any(?:one|body)(?: would)?|"
    r"it's o ?kay|all right|hard to|hardest|that must|must (?:be|feel|have)|i hope|i wonder|common (?:feeling|"
    r"experience)|"
    r"take(?:s)? (?:time|courage|your time)|every right|i'm here|i can (?:imagine|only imagine|hear|see)|"
    r"i'm (?:so )?sorry|"
    r"great feeling|wonderful feeling|big step|worth|proud|surprise|frightening|scary|painful|frustrating|matters?)\b",
    re.I,
)
"""Comfort that fits without taking up anything the person named."""
SYMPATHY = re.compile(
    r"\b(?:sorry|loss|condolences|grie(?:f|ving)|painful|devastat\w+|heartbr\w+|tough|hard time|difficult\w*|"
    r"overwhelm\w+|"
    r"struggl\w+|sad|shame|problems?|sadness|hurts?|hurtful|upset\w*|awful|terrible|scary|frustrat\w+|doubts?|lonely|"
    r"stress\w*|suffer\w*|challeng\w+|unfortunate\w*)\b",
    re.I,
)
GLADNESS = re.compile(
    r"\b(?:glad|congrat\w+|wonderful|amazing|awesome|fantastic|exciting|excited|celebrat\w+|happy for|proud of you|"
    r"great (?:job|news|achievement|accomplishment|feeling|way)|beautiful|delight\w*|lucky|enjoy\w*|fun|love that|"
    r"blessing|"
    r"that's great|doing great|content with)\b",
    re.I,
)
_MALE = re.compile(r"\b(?:he|him|his|himself|he's)\b", re.I)
_FEMALE = re.compile(r"\b(?:she|her|hers|herself|she's)\b", re.I)
_MALE_SOURCE = re.compile(
    r"\b(?:he|him|his|father|dad|daddy|brother|son|husband|boyfriend|uncle|grand(?:pa|father|son)|nephew|man|guy|"
    r"boy|king|"
    r"boss|friend|dog|cat|puppy|pet|baby|child|kid|neighbou?r|doctor|teacher|roommate|co-?worker|partner|ex|cousin)\b",
    re.I,
)
_FEMALE_SOURCE = re.compile(
    r"\b(?:she|her|mother|mom|mum|mama|sister|daughter|wife|girlfriend|aunt|grand(?:ma|mother|daughter)|niece|"
    r"woman|lady|girl|"
    r"boss|friend|dog|cat|puppy|pet|baby|child|kid|neighbou?r|doctor|teacher|roommate|co-?worker|partner|ex|cousin)\b",
    re.I,
)
_YOURS = re.compile(r"\byour ((?:[\w'-]+ ){0,1}?)([\w'-]+)(?=[\s,.!?;:]|$)", re.I)
_OTHERS_FEEL = re.compile(
    r"\b(?:they|he|she|your [\w ]+)(?:'re|'s| are| is| feels?| must be) (?:so |very |really )?"
    r"(?:proud|happy|glad|upset|sad|angry|excited|worried|sorry|grateful)\b|\bglad (?:that )?you(?:'re| are) feeling\b",
    re.I,
)
_EMPTY_QUESTION = re.compile(
    r"\b(?:what's|what is|what are|how about|what about|what does|what kind of|what do you want|isn't it|"
    r"right\?)\b|\bwhy\b|"
    r"\bhow (?:can|do|could|would) you (?:tell|know|make|ensure|use|prevent|avoid|handle|define|get)\b|"
    r"\bwhat do you think (?:of|about)\b|\b(?:do|have|are|can) you (?:know|heard|aware|tell us)\b",
    re.I,
)
_LECTURE = re.compile(
    r"\b(?:firstly|secondly|step \d|for example|in conclusion|remember to|it's important to|make sure to|be sure to|"
    r"you should|you need to|you must|consult|professional help)\b",
    re.I,
)


def objection(sentence: str, said: str, tone: Tone) -> str | None:
    """The fault of a sentence as an answer to what was `said` (this turn and the ones before), or None when it has
    none."""
    written = re.findall(r"[\w']+", sentence.lower())
    if not is_finished(sentence) or len(written) < 3:
        return "unfinished"
    if len(written) > LONGEST_SENTENCE_WORDS:
        return "too long"
    for fault, pattern in (
        ("machine talk", _MACHINE_TALK),
        ("role label or link", _LABEL),
        ("claims a life of its own", _OWN_LIFE),
        ("hollow phrase", _HOLLOW),
        ("lectures", _LECTURE),
        ("tells the person who they are", _VERDICT),
    ):
        if pattern.search(sentence):
            return fault
    if _FIRST_PERSON.search(sentence) and not _FIRST_PERSON_FINE.search(sentence):
        return "speaks of itself"
    if tone == "bad" and GLADNESS.search(sentence):
        return "glad about something bad"
    if tone != "bad" and SYMPATHY.search(sentence):
        return "sorry about something that is not bad"
    if sentence.endswith("?") and _EMPTY_QUESTION.search(sentence):
        return "empty question"
    return _invention(sentence, said, written)


def _invention(sentence: str, said: str, written: list[str]) -> str | None:
    told = said.lower()
    known = {stem(word) for word in re.findall(r"[\w']+", told)}
    if sentence.endswith("?") and not _takes_up(written, known):
        return "empty question"
    if not _KIND_WORDS.search(sentence) and not _takes_up(written, known):
        return "off the subject"
    if re.search(r"\d", sentence) and not set(re.findall(r"\d+", sentence)) <= set(re.findall(r"\d+", told)):
        return "invents a number"
    if (_MALE.search(sentence) and not _MALE_SOURCE.search(told)) or (
        _FEMALE.search(sentence) and not _FEMALE_SOURCE.search(told)
    ):
        return "invents a person"
    for match in _YOURS.finditer(sentence.lower()):
        owned = [word for word in match.group(0).split()[1:3] if word]
        if not any(word in words("owned_by_anyone") or stem(word) in known for word in owned):
            return "invents a fact about the person"
    own_words = re.findall(r"[\w']+", told)
    runs = {tuple(own_words[k : k + COPIED_WORDS]) for k in range(len(own_words) - COPIED_WORDS + 1)}
    if any(tuple(written[k : k + COPIED_WORDS]) in runs for k in range(len(written) - COPIED_WORDS + 1)):
        return "parrots the person"
    if _OTHERS_FEEL.search(sentence):
        return "invents a feeling"
    if not sentence.endswith("?") and not _KIND_WORDS.search(sentence):
        # What so small a model states of its own accord is seldom true, even where it takes up a word.
        return "states what it cannot know"
    return None


def _takes_up(written: list[str], known: set[str]) -> bool:
    """Whether a sentence takes up a word of weight that the person used."""
    return any(len(word) > 2 and word not in words("everywhere") and stem(word) in known for word in written)
