"""How the feelings of both people move in a session: the VAD transition of `rapport.persona`, asked turn by turn.

The form is PELD's, VAD_r = VAD_i + delta * P: delta is the way to what the moment calls up, P the share of it that this
personality goes in one step (`temperament.step_rate`); between turns emotion decays to mood and mood to its baseline.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rapport.persona.affect import VAD, AffectState
from rapport.persona.appraisal import Appraisal
from rapport.persona.card import Persona
from rapport.persona.empathy import called_up
from rapport.persona.temperament import step_rate
from rapport.persona.transition import decayed, mood_after, whole

CALM = np.array([0.25, -0.25, 0.15])
"""What a moment without distress calls up in a client."""
FEAR = np.array([-0.80, 0.85, -0.70])
"""What the greatest distress calls up: fear, a little beyond its point in PELD's table."""
SORROW = np.array([-0.60, -0.25, -0.35])
"""What trouble that is no fear calls up."""


def moved(state: AffectState, persona: Persona, target: NDArray[np.float64], now_s: float) -> AffectState:
    """The state after a moment at `now_s` that calls up `target` (3,)."""
    rested = decayed(state, persona, now_s)
    here = rested.emotion.as_array()
    delta = target - here
    emotion = VAD.from_array(here - delta * np.expm1(-step_rate(persona.big_five, delta)))
    return AffectState(emotion, mood_after(rested.mood, emotion, persona), rested.at_s)


def client_target(distress: float, fear: float, dissociation: float) -> NDArray[np.float64]:
    """What the client's moment calls up, (3,): from calm to fear by the share of fear in the distress, else to sorrow;
    being away takes the arousal out of it. `fear`: active fear. All arguments in [0, 1]."""
    share = min(1.0, fear / distress) if distress > 0 else 0.0
    worst = share * FEAR + (1.0 - share) * SORROW
    target = CALM + distress * (worst - CALM)
    target[1] -= 0.6 * dissociation * max(0.0, target[1])
    return target


def therapist_target(client: VAD, state: AffectState, persona: Persona) -> NDArray[np.float64]:
    """What the client's feeling calls up in the therapist, (3,): contagion, care, personal distress."""
    parts = called_up(Appraisal(client), state.mood, persona.big_five)
    return state.mood.as_array() + whole(parts)
