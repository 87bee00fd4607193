"""What therapist and client can do in a turn, and what each act of the therapist does to the client.

The directions of the effects are the literature's; the sizes are choices of this simulator and stand in one table:

- validation, reflection and pacing build the alliance and lower avoidance (Elliott et al. 2018 on empathy; Flückiger et
  al. 2018 on the alliance, both Psychotherapy 55);
- staying with the memory is what makes fear habituate; safety signals during exposure (reassurance, distraction by
  breathing) ease the moment and hinder what is learned (Foa & Kozak 1986; Craske et al. 2014, Behav. Res. Ther. 58:10);
- pushing, confronting and advice that nobody asked for raise resistance (Miller, Benefield & Tonigan 1993, JCCP
  61:455).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

TherapistAct = Literal[
    "greet", "rationale", "expect", "consent", "begin_memory", "go_on", "hot_spot", "hold", "repeat", "pace", "ground",
    "probe", "praise", "end_exposure", "open_question", "closed_question", "feeling_question", "reflect", "paraphrase",
    "validate", "affirm", "summarise", "disclose_self", "inform", "suggest", "evoke", "scale_question", "plan",
    "homework", "close", "small_talk", "reassure", "breathe", "interrupt", "advise", "push", "confront", "brush_off",
]  # fmt: skip
"""Names of what a therapist does. Those from "reassure" on are the faults that flawed therapists have."""
THERAPIST_ACTS: tuple[TherapistAct, ...] = get_args(TherapistAct)

ClientAct = Literal[
    "greet", "agree", "ask", "rate", "narrate", "hot_spot", "here_and_now", "feel", "blame_self", "belief", "avoid",
    "dissociate", "numb", "relief", "insight", "hope", "context", "trouble", "withdraw", "protest", "change_talk",
    "sustain_talk", "commit", "thanks", "refuse_rating",
]  # fmt: skip
CLIENT_ACTS: tuple[ClientAct, ...] = get_args(ClientAct)


@dataclass(frozen=True)
class Effect:
    """What one therapist act does to the client. Shares are in [0, 1] and act on what is left to gain or to lose."""

    trust: float = 0.0
    """Share of the trust still missing that it builds; negative: share of the trust there is that it breaks."""
    ease: float = 0.0
    """Share of the present trouble (not of the fear) that it takes away, when trusted; negative: share of the calm left
    that it takes away instead, as ruptures do (Safran & Muran 2000)."""
    avoid: float = 0.0
    """Share of the way towards full avoidance (positive) or none (negative)."""
    safety: float = 0.0
    """Share of the way towards a full safety signal, which stops habituation while it lasts; negative takes it away."""
    calm: float = 0.0
    """Share of the present activation that it takes away at once."""
    ground: float = 0.0
    """Share of the dissociation that it takes away."""
    ready: float = 0.0
    """Share of the readiness still missing that it builds, when trusted; negative: share that it loses."""


EFFECTS: Mapping[TherapistAct, Effect] = {
    "greet": Effect(trust=0.009),
    "small_talk": Effect(trust=0.004),
    "rationale": Effect(trust=0.022, avoid=-0.10),
    "expect": Effect(trust=0.018, avoid=-0.08),
    "consent": Effect(trust=0.030, avoid=-0.12),
    "begin_memory": Effect(),
    "go_on": Effect(trust=0.004),
    "hot_spot": Effect(),
    "hold": Effect(trust=0.009, avoid=-0.16, ground=0.10),
    "repeat": Effect(avoid=-0.04),
    "pace": Effect(trust=0.018, avoid=-0.18, ground=0.20),
    "ground": Effect(trust=0.013, avoid=-0.05, calm=0.12, ground=0.65),
    "probe": Effect(),
    "praise": Effect(trust=0.018, avoid=-0.16, ease=0.02),
    "end_exposure": Effect(trust=0.009, calm=0.10, ground=0.40),
    "open_question": Effect(trust=0.009, avoid=-0.03, ease=0.02),
    "closed_question": Effect(),
    "feeling_question": Effect(trust=0.009, avoid=-0.04, ease=0.02),
    "reflect": Effect(trust=0.026, avoid=-0.12, ease=0.08, ready=0.04),
    "paraphrase": Effect(trust=0.018, avoid=-0.08, ease=0.05, ready=0.02),
    "validate": Effect(trust=0.035, avoid=-0.18, ease=0.09, ready=0.02),
    "affirm": Effect(trust=0.022, avoid=-0.08, ease=0.08, ready=0.05),
    "summarise": Effect(trust=0.018, avoid=-0.05, ease=0.05, ready=0.04),
    "disclose_self": Effect(trust=0.013, ease=0.04),
    "inform": Effect(trust=0.004, ease=0.05),
    "suggest": Effect(trust=0.004, ease=0.09, ready=0.02),
    "evoke": Effect(trust=0.009, avoid=-0.04, ready=0.10),
    "scale_question": Effect(trust=0.004, ready=0.06),
    "plan": Effect(trust=0.009, ease=0.06, ready=0.05),
    "homework": Effect(trust=0.004),
    "close": Effect(trust=0.009, ease=0.03),
    "reassure": Effect(trust=-0.03, ease=0.02, safety=0.45, calm=0.10),
    "breathe": Effect(trust=-0.03, safety=0.35, calm=0.08, avoid=0.03),
    "interrupt": Effect(ease=-0.03, trust=-0.12, avoid=0.16, calm=0.06, ready=-0.06),
    "advise": Effect(ease=-0.03, trust=-0.07, avoid=0.12, ready=-0.10),
    "push": Effect(ease=-0.05, trust=-0.08, avoid=0.22, ready=-0.06),
    "confront": Effect(ease=-0.07, trust=-0.12, avoid=0.20, ready=-0.14),
    "brush_off": Effect(ease=-0.045, trust=-0.09, avoid=0.10, ready=-0.05),
}

REQUESTED_ENGAGEMENT: Mapping[TherapistAct, float] = {
    "rationale": 0.42, "expect": 0.52, "consent": 0.60, "begin_memory": 0.88, "go_on": 0.98, "hot_spot": 1.0,
    "hold": 1.0, "repeat": 0.98, "end_exposure": 0.15, "ground": 0.45, "push": 1.0, "close": 0.10,
    "homework": 0.25,
}  # fmt: skip
"""How near to the memory an act asks the client to be, in [0, 1]. Other acts leave it where it was."""

DRAWS_OUT: Mapping[TherapistAct, float] = {
    "interrupt": 0.55, "advise": 0.55, "brush_off": 0.65, "closed_question": 0.7, "small_talk": 0.05,
}  # fmt: skip
"""Acts that turn attention to something else: at most this near to the memory is the client afterwards."""

ESCONV_STRATEGIES: Mapping[TherapistAct, str] = {
    "open_question": "Question", "closed_question": "Question", "feeling_question": "Question",
    "paraphrase": "Restatement or Paraphrasing", "summarise": "Restatement or Paraphrasing",
    "reflect": "Reflection of feelings", "validate": "Reflection of feelings", "disclose_self": "Self-disclosure",
    "affirm": "Affirmation and Reassurance", "praise": "Affirmation and Reassurance",
    "reassure": "Affirmation and Reassurance", "suggest": "Providing Suggestions", "advise": "Providing Suggestions",
    "plan": "Providing Suggestions", "inform": "Information", "rationale": "Information",
}  # fmt: skip
"""ESConv's eight strategies (Liu et al. 2021, arXiv 2106.01144) by act; every other act is OTHER_STRATEGY."""
OTHER_STRATEGY = "Others"
STRATEGIES = (*dict.fromkeys(ESCONV_STRATEGIES.values()), OTHER_STRATEGY)
"""All eight."""

OARS: Mapping[TherapistAct, str] = {
    "open_question": "open question", "feeling_question": "open question", "evoke": "open question",
    "affirm": "affirmation", "praise": "affirmation", "reflect": "reflection", "paraphrase": "reflection",
    "validate": "reflection", "summarise": "summary",
}  # fmt: skip
"""The core skills of motivational interviewing (Miller & Rollnick) by act."""
