"""Backchannels: the small sounds that say "go on, I am listening" and do not ask for the floor.

After Yngve 1970 ("On getting a word in edgewise") and the `b` acts of Switchboard (Jurafsky, Shriberg & Biasca 1997).
"""

from __future__ import annotations

import re

MAX_BACKCHANNEL_S = 1.5
"""A longer sound is a turn, whatever was recognised in it."""

_TOKENS = re.compile(
    r"m+[\s-]*h+m+|u+h+[\s-]*h+u+h+|a+h+[\s-]*h+a+h*|h+m+|m+|a+h+|o+h+|e+h+|u+h+|u+m+|y+e+a+h+|yep|yup|ye|yes|right|okay|ok|"
    r"k|sure|exactly|totally|true|i see|i know|of course|got it|go on|all right|alright|really|wow|aw+|huh|uh"
)
_PUNCTUATION = re.compile(r"[^\w\s'-]|_")


def is_backchannel(text: str, duration_s: float) -> bool:
    """Whether what was heard is no turn of its own: "mm-hm", "right", "uh-huh, yeah".

    No words at all, such as a hum that the recogniser made nothing of, are none either. "Yes" to a question is a turn:
    only while the agent is speaking does the answer of this function mean that its speech may go on.
    """
    if duration_s > MAX_BACKCHANNEL_S:
        return False
    words = " ".join(_PUNCTUATION.sub(" ", text.lower().replace("’", "'")).split())
    while words:
        found = max((m for m in _matches(words)), key=len, default="")
        if not found:
            return False
        words = words[len(found) :].lstrip(" -")
    return True


def _matches(words: str) -> list[str]:
    """Beginnings of `words` that are a backchannel and end with a word."""
    ends = [*(m.start() for m in re.finditer(r"[\s-]", words)), len(words)]
    return [words[:end] for end in ends if _TOKENS.fullmatch(words[:end])]
