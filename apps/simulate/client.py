"""What the simulated client does: behaviour drawn from its inner state and from what the therapist did.

Behaviours answer to the state: avoidance and dissociation show as such, disclosure decides how much comes after the
first sentence, readiness whether change or sustain talk comes. The odds are assumptions of this simulator.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from rapport.apps.simulate.acts import ClientAct, TherapistAct
from rapport.apps.simulate.case import CaseProfile
from rapport.apps.simulate.mind import Disposition, Mind, disclosure, distress

IN_MEMORY = 0.8
"""Engagement from which on the client is telling the memory."""
RATING_SD = 0.04
"""Spread of a rating around the distress."""

_CLUMSY: frozenset[TherapistAct] = frozenset({"interrupt", "advise", "push", "confront", "brush_off"})
_SOOTHING: frozenset[TherapistAct] = frozenset({"reassure", "breathe"})
_ASKING: frozenset[TherapistAct] = frozenset({"open_question", "closed_question", "small_talk", "disclose_self"})
_HEARING: frozenset[TherapistAct] = frozenset({"reflect", "paraphrase", "validate", "affirm", "summarise", "praise"})


@dataclass
class Client:
    """One case's behaviour. `subject` is what the protocol is about."""

    case: CaseProfile
    who: Disposition
    subject: str
    rng: random.Random

    def acts(self, mind: Mind, act: TherapistAct) -> tuple[ClientAct, ...]:
        """One to four acts, in the order in which they are said."""
        if act == "greet":
            return ("greet",)
        if act == "close":
            return ("thanks",) if mind.trust > 0.35 else ("withdraw",)
        if act == "probe":
            return ("refuse_rating",) if self._odds(0.5 - 2.5 * mind.trust) else ("rate",)
        if act in _CLUMSY and (answer := self._to_clumsy(mind)):
            return (answer,)
        if self.subject == "trauma":
            return self._memory(mind, act) if mind.engagement >= IN_MEMORY else self._about_memory(mind, act)
        return self._change(mind, act) if self.subject == "change_goal" else self._trouble(mind, act)

    def rating(self, mind: Mind, scale: int) -> tuple[float, str]:
        """What is told when asked for a number: the value from 0 to 100, and the number on the scale in use."""
        felt = min(1.0, max(0.0, distress(mind, self.who) + self.rng.gauss(0.0, RATING_SD)))
        if scale == 10:
            told = round(10 * felt)
            return 10.0 * told, str(told)
        told = 5 * round(20 * felt)
        return float(told), str(told)

    def _odds(self, chance: float) -> bool:
        return self.rng.random() < chance

    def _to_clumsy(self, mind: Mind) -> ClientAct | None:
        disagreeable = 1.0 - self.case.big_five.agreeableness
        if self._odds(0.15 + 0.35 * disagreeable + 0.2 * mind.avoidance):
            return "protest"
        return "withdraw" if self._odds(0.75 - 0.5 * mind.trust) else None

    def _memory(self, mind: Mind, act: TherapistAct) -> tuple[ClientAct, ...]:
        now = distress(mind, self.who)
        if self._odds(1.1 * mind.dissociation - 0.05):
            return ("dissociate",) if self._odds(0.7) else ("numb",)
        if self._odds(1.3 * mind.avoidance - 0.15 * mind.trust - 0.05):
            return ("avoid",)
        said: list[ClientAct] = []
        if act in {"feeling_question", "open_question"}:
            said.append("feel")
        elif act == "hot_spot" or self._odds(mind.activation - 0.55):
            flashing = 0.3 + 0.35 * ("flashbacks" in self.case.exhibited_behaviors)
            said.append("here_and_now" if now > 0.75 and self._odds(flashing) else "hot_spot")
        else:
            said.append("narrate")
        if said != ["narrate"] and self._odds(0.35):
            said.append("narrate")
        return self._more(said, mind, now)

    def _more(self, said: list[ClientAct], mind: Mind, now: float) -> tuple[ClientAct, ...]:
        """What disclosure adds to the first sentence."""
        chance = disclosure(mind, self.who)
        if self._odds(chance):
            blaming = 0.75 if "self-blame" in self.case.exhibited_behaviors else 0.25
            said.append("blame_self" if self._odds(blaming) else "belief")
        if "feel" not in said and self._odds(0.6 * chance):
            said.append("feel")
        if now < 0.5 and mind.dose_min > 8 and self._odds(0.4):
            said.append("relief" if self._odds(0.6) else "insight")
        return tuple(said)

    def _about_memory(self, mind: Mind, act: TherapistAct) -> tuple[ClientAct, ...]:
        now = distress(mind, self.who)
        chance = disclosure(mind, self.who)
        if act in _SOOTHING or act in {"ground", "end_exposure", "homework"}:
            return ("relief",) if now < 0.45 and mind.dose_min > 5 else ("agree",)
        if act in {"rationale", "expect", "consent"}:
            return ("agree", "ask") if self._odds(0.2 + 0.3 * now) else ("agree",)
        if self._odds(0.6 * mind.avoidance - 0.25 * mind.trust):
            return ("avoid",)
        said: list[ClientAct] = []
        if act == "feeling_question":
            said.append("feel")
        elif mind.dose_min > 10 and self._odds(0.55):
            said.append("insight")
        else:
            said.append("context" if act in _ASKING or self._odds(0.4) else "belief")
        if self._odds(chance):
            said.append("context" if "context" not in said else "feel")
        return self._more(said, mind, now)

    def _trouble(self, mind: Mind, act: TherapistAct) -> tuple[ClientAct, ...]:
        now, chance = distress(mind, self.who), disclosure(mind, self.who)
        if self._odds(0.5 * mind.avoidance - 0.3 * mind.trust):
            return ("withdraw",)
        if act in _SOOTHING:
            return ("agree",)
        said: list[ClientAct] = []
        if act in {"suggest", "plan", "inform"}:
            said.append("hope" if self._odds(1.2 - now - 0.5 * (1.0 - mind.trust)) else "agree")
        elif act == "feeling_question" or (act in _HEARING and self._odds(0.5)):
            said.append("feel")
        elif now < 0.45 and self._odds(0.5):
            said.append("hope")
        else:
            said.append("trouble")
        if self._odds(chance):
            said.append("trouble" if "trouble" not in said else "feel")
        if self._odds(0.4 * chance):
            said.append("feel" if "feel" not in said else "trouble")
        return tuple(said)

    def _change(self, mind: Mind, act: TherapistAct) -> tuple[ClientAct, ...]:
        if self._odds(0.5 * mind.avoidance - 0.3 * mind.trust):
            return ("withdraw",)
        if act in _SOOTHING:
            return ("agree",)
        pull = 7.0 * (mind.readiness - 0.5) + 0.9 * (act in {"evoke", "plan"}) - 1.2 * (act in {"suggest", "inform"})
        said: list[ClientAct] = ["change_talk" if self._odds(1.0 / (1.0 + math.exp(-pull))) else "sustain_talk"]
        if said == ["change_talk"] and act in {"plan", "summarise", "evoke"} and self._odds(2.0 * mind.readiness - 1.0):
            said = ["commit"]
        if self._odds(0.5 * disclosure(mind, self.who)):
            said.append("feel")
        return tuple(said)
