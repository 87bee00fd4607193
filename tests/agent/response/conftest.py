"""What the tests of the responders share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine

import pytest

from rapport.agent.response.deliberation import Deliberation
from rapport.agent.stages import EmpathyPlan, ReplyRequest
from rapport.persona.affect import EKMAN7, AffectState, EmotionDistribution, EmotionEstimate
from rapport.persona.card import BigFive, Persona

Answer = Callable[[AsyncIterator[EmpathyPlan | str]], Coroutine[None, None, tuple[EmpathyPlan, str]]]

_PERSONAS = {
    "warm": Persona(name="harbor", manner="Calm and warm.", big_five=BigFive(agreeableness=0.9, neuroticism=0.1)),
    "blunt": Persona(name="spark", manner="Lively and blunt."),
    "anxious": Persona(name="willow", manner="Gentle and a little hesitant."),
}


@pytest.fixture
def asked() -> Callable[..., ReplyRequest]:
    """`asked("I lost my job", "sadness", manner="blunt", seed=2)` makes a request; any field of it may be given."""

    def make(text: str, emotion: str = "neutral", *, manner: str = "warm", **fields: object) -> ReplyRequest:
        distribution = EmotionDistribution.certain(EKMAN7, emotion)
        perceived = EmotionEstimate(distribution, distribution.vad)
        return ReplyRequest(text, perceived, AffectState(), _PERSONAS[manner], **fields)  # type: ignore[arg-type]

    return make


@pytest.fixture
def answer() -> Answer:
    """Awaits a whole reply: the plan, which must come first, and the clauses as one text."""

    async def collect(replies: AsyncIterator[EmpathyPlan | str]) -> tuple[EmpathyPlan, str]:
        items = [item async for item in replies if not isinstance(item, Deliberation)]
        assert isinstance(items[0], EmpathyPlan)
        clauses = [item for item in items[1:] if isinstance(item, str)]
        assert len(clauses) == len(items) - 1
        return items[0], " ".join(clauses)

    return collect
