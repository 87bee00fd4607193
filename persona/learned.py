"""The learned transition: VAD_r = VAD_i + delta * P with delta from data, after PELD (Wen et al. 2021, arXiv
2106.15846).

delta is the way to a target, tanh(W f + b), from features f of both emotions: the one the agent has, and the one that
was read in the person's words. W and b were fitted on PELD's triples (`rapport train transition`), where two speakers
of a television series answer one another. P is the literature's (`temperament.step_rate`), as for the analytic
transition: six personalities, which is all that PELD has, cannot teach what personality does. As there, no step goes
past its target and the target lies inside the space.

A linear head on the same features and on VAD_r says which of Ekman's seven the feeling is. It is the head, not the
point, that is judged on PELD.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from rapport.persona.affect import EKMAN7, VAD, AffectState, EmotionDistribution, EmotionEstimate, convert
from rapport.persona.big_five import BigFive
from rapport.persona.errors import ComponentError
from rapport.persona.temperament import step_rate
from rapport.persona.transition import (
    TransitionCapabilities,
    TransitionRequest,
    decayed,
    known_share,
    mood_after,
    reasons,
)

MODEL_FILE = Path(__file__).parent / "models" / "transition" / "transition.npz"
LABEL_SPREAD = 0.1
"""Standard deviation, in VAD, of the soft label that a point counts as."""

Floats = NDArray[np.float64]

_AVERAGE = BigFive()


@dataclass(frozen=True)
class TransitionWeights:
    """What training fits; the arrays of the model file. f is `features`, of length F."""

    target: Floats
    """W, (3, F)."""
    target_bias: Floats
    """b, (3,)."""
    prior: Floats
    """Log probabilities of the next label given the label before, (7, 7)."""
    head: Floats
    """What features add to the log probabilities, (7, F)."""
    head_vad: Floats
    """What VAD_r adds, (7, 3)."""
    head_bias: Floats
    """(7,)."""

    @classmethod
    def read(cls, path: Path) -> TransitionWeights:
        """From an npz without pickles. Raises ComponentError when it is no such file."""
        try:
            with np.load(path, allow_pickle=False) as arrays:
                weights = cls(**{name: np.asarray(arrays[name], np.float64) for name in cls.__annotations__})
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise ComponentError(
                f"{path} is no learned transition ({error}); make one with `rapport train transition`"
            ) from None
        length = len(features(VAD(), EmotionEstimate.unknown()))
        if weights.target.shape != (3, length) or weights.head.shape != (7, length):
            raise ComponentError(f"{path} was made for other features; make it again with `rapport train transition`")
        return weights

    def save(self, path: Path) -> None:
        np.savez_compressed(path, **{name: getattr(self, name).astype(np.float32) for name in self.__annotations__})


def features(emotion: VAD, perceived: EmotionEstimate) -> Floats:
    """The agent's emotion as a soft label (7) and a point (3), and what was read in the person, likewise; (20,)."""
    read = convert(perceived.distribution, EKMAN7).probabilities
    own = EKMAN7.around(emotion, LABEL_SPREAD).probabilities
    return np.array([*own, *emotion.as_tuple(), *read, *perceived.vad.as_tuple()])


class LearnedTransition:
    """Moves as PELD's speakers do, at the pace of the persona's temperament. `model` is a file in the shipped one's
    format.

    An axis on which nothing is known of the person (a standard deviation of 1) only decays. `because` splits each
    axis's move into decay, the stimulus as an average personality takes it, and what this personality makes of it.

    Raises:
        ComponentError: the file is none of a learned transition.
    """

    def __init__(self, model: str | None = None) -> None:
        self.capabilities = TransitionCapabilities(learned=True)
        self.weights = TransitionWeights.read(Path(model) if model else MODEL_FILE)

    async def step(self, request: TransitionRequest) -> AffectState:
        persona, weights = request.persona, self.weights
        rested = decayed(request.state, persona, request.now_s)
        here = rested.emotion.as_array()
        f = features(rested.emotion, request.perceived)
        delta = known_share(request.perceived) * (np.tanh(weights.target @ f + weights.target_bias) - here)
        move, plain = (-delta * np.expm1(-step_rate(traits, delta)) for traits in (persona.big_five, _AVERAGE))
        moved = VAD.from_array(here + move)
        parts = {
            "decay": here - request.state.emotion.as_array(),
            "stimulus": plain,
            "personality": moved.as_array() - here - plain,
        }
        logits = f[:7] @ weights.prior + weights.head @ f + weights.head_vad @ moved.as_array() + weights.head_bias
        distribution = EmotionDistribution.normalised(EKMAN7, np.exp(logits - logits.max()).tolist())
        return AffectState(moved, mood_after(rested.mood, moved, persona), rested.at_s, reasons(parts), distribution)
