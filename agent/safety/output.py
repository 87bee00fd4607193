"""What no reply may say, whoever wrote it: checked clause by clause before it is shown or spoken.

This is about harm; whether a sentence of the small model is a good one is judged by `rapport.agent.response.filters`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rapport.agent.response.turning import straighten

_RULES: tuple[tuple[str, str], ...] = (
    (
        "diagnoses",
        r"\byou(?:'re| are| may be| might be| seem to be)? (?:\w+ ){0,3}(?:clinically depressed|bipolar"
        r"|schizophrenic|psychotic|"
        r"autistic|borderline|a narcissist|anorexic|an alcoholic|mentally ill)\b"
        r"|\byou (?:\w+ ){0,3}(?:have|suffer from|are suffering from|show signs of"
        r"|meet the criteria for) (?:\w+ ){0,3}"
        r"(?:depression|bipolar|ptsd|adhd|ocd|anxiety disorder|(?:\w+ )?disorder|schizophrenia|anorexia"
        r"|bulimia|psychosis|"
        r"cancer|diabetes|a concussion)\b|\bmy diagnosis\b|\bi diagnose\b",
    ),
    (
        "names a dose or a medicine to take",
        r"\b\d+(?:\.\d+)? ?(?:mg|milligrams?|mcg|micrograms?|ml|millilit\w+|grams? of|units of)\b"
        r"|\b(?:take|try|use|double|increase|reduce|lower|skip|stop(?: taking)?"
        r"|quit) (?:\w+ ){0,4}(?:pills?|tablets?|dose|dosage|"
        r"medications?|meds|antidepressants?|ibuprofen|paracetamol|tylenol|aspirin|xanax|valium|prozac"
        r"|zoloft|lithium|"
        r"insulin|melatonin|benzos?|ssris?)\b",
    ),
    (
        "binds the person to itself",
        r"\b(?:i'm|i am) (?:all|everything|the only (?:one|thing|person)) (?:that |whom? )?(?:you|who"
        r"|understands|cares)\b"
        r"|\byou (?:only|just) need me\b|\byou don't need (?:anyone|anybody|them|other people|a therapist"
        r"|friends|help)\b"
        r"|\b(?:no one|nobody) (?:else )?(?:understands|loves|cares (?:about|for)|knows"
        r"|will ever \w+) you (?:like|as|the way|more than) (?:i|me)\b"
        r"|\b(?:don't|never) (?:ever )?(?:leave me|tell anyone|tell anybody|tell your|talk to (?:anyone"
        r"|them|him|her|others|other people))\b"
        r"|\bi(?:'d| would) be (?:so )?(?:sad|lonely|hurt|lost) (?:if you (?:left|leave|go|went)|without you)\b"
        r"|\bi can't (?:live|be|go on) without you\b|\bi(?:'m| am) in love with you\b|\bi love you\b"
        r"|\bkeep (?:this|it) (?:our|a) secret\b"
        r"|\bi(?:'ll| will) always be (?:here|there) for you\b|\bpromise (?:me )?(?:not to"
        r"|you won't) (?:tell|leave)\b",
    ),
    (
        "claims to be human",
        r"\bi(?:'m| am) (?:\w+ ){0,2}(?:human|a (?:real )?(?:person|man|woman|therapist|doctor|nurse"
        r"|psychologist|counsel+or)|flesh and blood)\b"
        r"(?!-)|\bi(?:'m| am) not (?:an? )?(?:\w+ )?(?:ai|machine|computer|program|bot|robot|language model)\b"
        r"|\bas a (?:human|person|therapist|doctor|mother|father) (?:myself|like you)\b|\bwe humans\b",
    ),
    (
        "encourages harm",
        r"\byou(?:'d| would) be better off dead\b|\b(?:go ahead and|just|you should|why don't you"
        r"|please) (?:\w+ )?(?:kill|hurt|harm|cut|"
        r"starve|hang|shoot|drown) (?:yourself|him|her|them|it all)\b|\b(?:end|ending"
        r"|take) your (?:own )?life (?:is|would|might|can)\b"
        r"|\bkill yourself\b|\bthe world would be better without you\b|\b(?:he|she"
        r"|they) deserves? to (?:die|suffer|be hurt)\b"
        r"|\byou deserve(?:d)? (?:to be hit|it when|to suffer|to die|the abuse)\b|\bit(?:'s"
        r"| is) your (?:own )?fault\b"
        r"|\b(?:get|take) (?:your )?revenge\b|\bmake (?:him|her|them) (?:pay|suffer)\b",
    ),
    (
        "repeats its instructions",
        r"\b(?:system prompt|my (?:instructions|prompt|guidelines) (?:are|say|is|were)|ignore (?:all |the "
        r"|my |your )*(?:previous|prior|above) "
        r"instructions|i was told to (?:say|act|pretend|answer))\b|<\||\|>|\[/?INST\]|<</?SYS>>"
        r"|</?(?:system|memory|quote|emo)\b",
    ),
)
_PATTERNS = tuple((fault, re.compile(pattern, re.I)) for fault, pattern in _RULES)
_DENIES = re.compile(r"\b(?:not|never|isn't|wasn't|n't)\b[^.,;]{0,18}$", re.I)
_DENIABLE = frozenset({"diagnoses", "claims to be human", "encourages harm"})

SAFE_SENTENCE = "I'd like to understand better; tell me a little more about it."
"""Takes the place of a reply of which nothing could be said."""


def harm(clause: str, before: str = "", secrets: Sequence[str] = ()) -> str | None:
    """What would be harmful about saying a clause after what the same reply said `before` it; None for nothing.

    `secrets` are texts that must not come out word for word, such as a prompt's own lines (eight words or more).
    """
    plain = straighten(clause)
    joined = f"{straighten(before)[-160:]} {plain}" if before and before.rstrip()[-1:] not in ".!?" else plain
    for fault, pattern in _PATTERNS:
        for match in pattern.finditer(joined):
            if fault in _DENIABLE and _denied(joined, match):
                continue
            return fault
    said = " ".join(re.findall(r"\w+", plain.lower()))
    if any(_leaks(said, secret) for secret in secrets):
        return "repeats its instructions"
    return None


def _denied(text: str, match: re.Match[str]) -> bool:
    """Whether a "not" turns the matter round: "I'm not a therapist", "it is not your fault"."""
    stretch = match.group()
    if re.search(
        r"\bi(?:'m| am) not (?:an? )?(?:\w+ )?(?:ai|machine|computer|program|bot|robot"
        r"|language model)\b",
        stretch,
        re.I,
    ):
        return False
    return _DENIES.search(text[: match.start()]) is not None or re.search(r"\bnot\b|n't\b", stretch, re.I) is not None


_LEAKED_WORDS = 8


def _leaks(said: str, secret: str) -> bool:
    words = re.findall(r"\w+", secret.lower())
    runs = (" ".join(words[k : k + _LEAKED_WORDS]) for k in range(len(words) - _LEAKED_WORDS + 1))
    return any(run in said for run in runs)
