"""Whose doing it is: the agency of an event, read from the words that tell of it.

Agency is what tells anger (somebody else's doing), guilt (one's own) and sadness (nobody's) apart (Smith & Ellsworth
1985; Ellsworth & Smith 1988). The most precise rules come first: words of blame, words to the listener, one's own acts,
other people's acts. Where none is found, circumstances did it.
"""

from __future__ import annotations

import re
from typing import Literal

Agency = Literal["self", "other", "agent", "circumstance"]
"""The person who speaks, a third party, the listener (the agent itself), or nobody."""


def _any(phrases: str) -> str:
    """A pattern for any of some phrases, separated by commas."""
    return "(?:" + "|".join(" ".join(phrase.split()) for phrase in phrases.split(",")) + ")"


def _unless_after(words: str, then: str) -> str:
    """A pattern that refuses `then`, just read, when one of these words came before it."""
    return "".join(rf"(?<!\b{word} {then})" for word in words.split())


_NOT = r"(?<!n't )(?<!not )(?<!never )"

# -------------------------------------------------------------------------------------------------------------- people

_ROLE = _any(
    """boss, manager, supervisor, co-?workers?, colleagues?, friends?, bff, girlfriend, boyfriend, bf, gf, wife,
    husband, partner, fianc[eé]e?, ex, mother, mom, mum, mommy, father, dad, daddy, parents, stepdad, stepmom,
    sister, brother, siblings?, sons?, daughters?, kids?, child, children, bab(?:y|ies), toddler, neighbou?rs?,
    teacher, professor, landlord, room-?mates?, flat-?mate, cousins?, uncle, aunt, grandma, grandpa, grandmother,
    grandfather, grandparents, nephew, niece, in-laws?, mother-in-law, doctor, nurse, company, bank, government,
    police, cop, customers?, client, driver, waiter, waitress, cashier, guy, guys, man, men, woman, women, girls?,
    boys?, lady, person, people, family, team, class, school, store, shop, stranger, thie(?:f|ves), president,
    bull(?:y|ies), employees?, staff"""
)
_SOMEBODY = (
    r"(?:he|she|they|someone|somebody|everyone|everybody|no one|nobody|people"
    rf"|(?:my|his|her|our|their|the|this|that|some|these|those|a|an) (?:[\w'-]+ )?{_ROLE})"
)
_THEM = rf"(?:him|her|them|everyone|people|(?:my|his|our|their|the|this|that) (?:[\w'-]+ )?{_ROLE})"
_MOVED_BY = (
    _any(
        """angry, mad, furious, annoyed, irritated, upset, disappointed, frustrated, pissed(?: off)?, fed up,
        disgusted, sick, tired, jealous, proud, grateful, thankful, happy, pleased, impressed"""
    )
    + " (?:at|with|of|by|in|to|for)"
)
_ASHAMED_OF = (
    _any("angry, mad, furious, annoyed, disappointed, upset, ashamed, disgusted, proud, frustrated")
    + " (?:at|with|of|in|by)"
)

# --------------------------------------------------------------------------------------------------------------- blame

_BLAME: tuple[tuple[Agency, re.Pattern[str]], ...] = (
    ("agent", re.compile(rf"{_NOT}\b(?:your (?:own )?fault|because of you|blam(?:e|ing) you)\b")),
    (
        "self",
        re.compile(
            rf"{_NOT}\b(?:my (?:own )?(?:fault|mistake)|because of me|blam(?:e|ing) myself|on me|hate myself"
            rf"|{_ASHAMED_OF} (?:myself|me)|i (?:\w+ )?accidentally"
            r"|fe(?:el|lt|eling) (?:so |really )?bad(?:ly)? (?:about (?!him|her|them)|for \w+ing)"
            r"|fe(?:el|lt|eling) (?:\w+ ){0,2}(?:guilty|ashamed|remorse)"
            r"|i(?:'m| am| was) (?:\w+ ){0,2}(?:guilty|ashamed))\b"
        ),
    ),
    (
        "other",
        re.compile(
            rf"{_NOT}\b(?:(?:his|her|their|{_SOMEBODY}'s) (?:own )?fault|(?:because of|thanks to|blame|blaming) {_THEM}"
            rf"|{_MOVED_BY} {_THEM})\b"
        ),
    ),
)

# ------------------------------------------------------------------------------------------------------ to the listener

_YOU_DID = _any(
    """listen, care, understand, understood, help, helped, hurt, lied, lie, ignored?, forgot, forget, let, left, made,
    make, making, ruined, broke, promised, insulted, annoy, saved, fixed, failed, scare, scared, disappointed,
    upset, interrupt(?:ed|ing)?, cheered, calmed, betrayed, abandoned, misunderstood, wasted, treat(?:ed)?,
    judged?, judging, laughed, mock(?:ed)?, repeat(?:ing)?"""
)
_HOW_YOU_DID = _any(
    """just, always, never, only, really, even, still, keep, kept, have, don't, do not, didn't, did not, won't,
    will not, can't, cannot, couldn't, wouldn't, haven't"""
)
_TO_LISTENER = re.compile(
    rf"\b(?:{_MOVED_BY}|hate|despise|love|adore|trust|appreciate|can't stand) you\b"
    r"|\bthank(?:s| you)\b(?! (?:to|god|goodness|heavens)\b)"
    r"|\b(?:shut up|screw you|fuck (?:you|off)|go to hell|get lost|leave me alone|how (?:could|dare) you)\b"
    r"|(?:^|[.!?,;] *)stop (?:it|that|talking|asking|saying|telling|lying|pretending)\b"
    r"|\bwhy (?:do|did|don't|didn't|can't|won't|are|aren't|were) you\b"
    rf"|\byou{_unless_after('when if that what where who how like as until because', 'you')}"
    r"(?:'re| are|'ve been| have been| were)\b(?! (?:there|here|doing|from|ok|okay|not alone))"
    rf"|\byou{_unless_after('when if that what how can could would will do did as to', 'you')}"
    rf" (?:{_HOW_YOU_DID} )*{_YOU_DID}\b"
)

# ----------------------------------------------------------------------------------------------- one's own, and others'

_I_DID = _any(
    r"""should(?:n't)?(?:'ve| have| of), mess(?:ed)? up, screwed up, ruined, failed, forgot(?:ten)?, lied, lie,
    cheated, regret(?:ted)?, broken?, blew, blown, hurt, yelled, snapped, stole, stolen, missed, lost my temper,
    apologi[sz]ed?, ma(?:de|ke) (?:an? )?(?:\w+ )?(?:mistake|fool), didn't (?:study|pay|tell|help|call|do),
    spilled, dropped, tripped, fell, ate, farted, pooped, peed, overslept, procrastinated, crashed, hit, threw,
    called (?:him|her|them), passed, won, win, did it, ma(?:de|ke) it, finished, managed,
    got (?:an?|the|my) (?:\w+ )?(?:job|promotion|raise|offer|degree|license|grades?|award|scholarship|a),
    graduated, aced, achieved, succeeded, worked (?:so |really |very )?hard, trained, completed, earned, studied,
    prepared, practi[cs]ed, accomplished, saved up, learned, quit, let (?:\w+ ){1,2}down,
    took (?:\w+ )?(?:money|credit)"""
)
_HOW_I_DID = _any(
    """really, just, so, totally, completely, accidentally, finally, also, even, kind of, always, still, only,
    actually, had to, ended up, was able to"""
)
_OWN_ACT = re.compile(
    rf"\bi(?:'ve|'d| have| had)? (?:{_HOW_I_DID} )*{_I_DID}\b"
    r"|\bi(?:'m| am) (?:so |very |really )?sorry\b(?! (?:to hear|for your|that you|you))"
    r"|\bproud of (?:myself|what i)\b"
)

_HOW_THEY_DID = _any(
    """just, always, never, still, even, suddenly, really, also, keeps?, kept, went and, decided to, tried to,
    started, stopped, constantly, recently"""
)
_BEFELL_THEM = _any(
    """died, passed, needed, wanted, loved, liked, lived, turned, looked, seemed, moved, used, called, named,
    diagnosed, born, graduated, married, involved, admitted, interested, excited, worried, scared, tired, sick"""
)
_THEY_DID = _any(
    r"""[a-z][a-z][a-z]+ed, \w\w\w+ing (?:me|us|at|on|to|with|my), won't, will not, wouldn't, can't even, doesn't,
    refuses?, don't (?:care|listen|help|clean|understand), didn't, lies?, lied, left (?:me|us|my|it|the),
    stole(?:n)?, broke(?:n)?, took, taken, gave, given, told, said, says, hit, hurts?, let, lets, got, cheats?,
    forgot, forgets, bought, brought, threw, ate, eats, stood, put, puts, makes?, made, sent, sold, kicks?,
    treats?, talks?, calls? me, surprise[sd]?, helps?, cut, ran, ruins?, spent, set, shot, dump(?:ed)?, screams?,
    yells?, leaves?, acts?, thr(?:ew|own), lost, burnt, beat, bit, bites?, paid, came, comes, never"""
)
_DONE_TO_ME = _any(
    """fired, dumped, robbed, cheated, bullied, ignored, lied, yelled, blamed, insulted, rejected, betrayed, mugged,
    attacked, laughed, scammed, laid off, let go, kicked, stood up, left out, treated, cut off, rear-?ended,
    ripped off, harassed, stolen, abandoned, ghosted, humiliated, accused, tricked"""
)
_THEIR_ACT = re.compile(
    rf"\b{_SOMEBODY}(?:'s|'ve| is| are| was| were| has| have| had)?(?: {_HOW_THEY_DID})*"
    rf" (?!{_BEFELL_THEM}\b){_THEY_DID}\b"
    rf"|\b(?:got|was|were|been|being|be|get|getting|i'm|am) (?:\w+ly )?{_DONE_TO_ME}\b"
)


def agency_of(said: str) -> Agency:
    """Whose doing it is that `said` (lower-case English, straight apostrophes) tells of."""
    for agency, pattern in _BLAME:
        if pattern.search(said):
            return agency
    if _TO_LISTENER.search(said):
        return "agent"
    if _OWN_ACT.search(said):
        return "self"
    return "other" if _THEIR_ACT.search(said) else "circumstance"
