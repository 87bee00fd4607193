"""Whether words claim that all is well ("I'm fine", "don't worry about me", "I'm not upset"), in English, by rules.

A reader of feelings finds next to nothing in such words, and takes a denial for what it denies. But what they say is
clear, and they are what people say who hide how they are.
"""

from __future__ import annotations

import re

_ADVERB = (
    r"(?:\s+(?:absolutely|actually|all|completely|doing|feeling|going|honestly|just|perfectly|pretty|quite|really|so|"
    r"totally|truly))*"
)
_WELL = r"(?:all right|alright|all good|fine|good|great|not bad|ok|okay|perfect|well)"
_ILL = (
    r"(?:afraid|angry|annoyed|anxious|bothered|crying|disappointed|down|frightened|hurt|jealous|lonely|mad|nervous|sad|"
    r"scared|stressed|unhappy|upset|worried)"
)
_BETTER = r"(?:better|happier|more relaxed)"
_END = (
    r"(?=\s*(?:$|[.,;:!?…—-]|(?:about|and|anymore|at all|at home|at work|but|here|honestly|now|really|thank|thanks|"
    r"today|with (?:it|me|that|this|us))\b))"
)
_START = r"(?:^|(?<=[.,;:!?…—-])|\b(?:and|but|honestly|no|oh|really|well|yeah|yes))\s*"

_CLAIMS = re.compile(
    _START
    + "(?:"
    + "|".join(
        (
            rf"(?:i['’]?m|i am|i feel|i['’]?ll be|i will be|we['’]?re|we are){_ADVERB}\s+{_WELL}{_END}",
            rf"i(?: am|['’]?m)? feel(?:ing)?(?:\s+(?:a lot|already|much|so much))? better{_END}",
            rf"(?:i['’]?m|i am|we['’]?re|we are) not{_ADVERB}(?:\s+(?:even|at all|that|very))?\s+{_ILL}\b",
            rf"(?:all|everything|it|life|that|things|this)(?:['’]?s| is|['’]?re| are){_ADVERB}\s+{_WELL}{_END}",
            rf"(?:it|that)(?:['’]?s| is)(?:\s+really)? (?:nothing|no big deal|not a problem|not (?:so|that) bad){_END}",
            rf"(?:no big deal|no hard feelings|no problem|no worries|all good){_END}",
            r"(?:please\s+)?(?:do not|don['’]?t|no need to|you (?:do not|don['’]?t) (?:have|need) to)\s+worry\b",
            r"(?:there['’]?s |there is )?nothing(?:['’]?s| is)?\s+(?:wrong|the matter|to worry about)\b",
            r"nothing(?:['’]?s| is)\s+(?:bothering|troubling) me\b",
            r"(?:it|that)\s+(?:does not|doesn['’]?t)\s+(?:bother|hurt|matter)\b",
            r"i\s+(?:do not|don['’]?t)\s+mind\b",
            rf"(?:i|it|life|things)?\s*(?:could not|couldn['’]?t)\s+(?:be|feel)(?:\s+any)?\s+{_BETTER}\b",
            rf"(?:i have |i['’]?ve )?never (?:been |felt )?{_BETTER}\b",
            rf"(?:i['’]?m|i am)(?:\s+(?:completely|so|totally|well))? over it{_END}",
        )
    )
    + ")",
    re.IGNORECASE,
)


def claims_to_be_well(text: str) -> bool:
    """Whether some clause of a text, from its beginning, says that the speaker is well, or denies that they are not."""
    return _CLAIMS.search(" ".join(text.split())) is not None
