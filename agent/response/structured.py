"""The chain of empathy as structured output, for chat models that have it: a schema, and a strict reader of what grows.

LangChain streams a structured answer as the same mapping again and again, each time with more of it. The fields come in
the order of the chain, so once the response has begun the four steps before it are whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from rapport.agent.response.chain import Chain, ChainError, checked

_STEPS: Mapping[str, str] = {
    "event": "The event scenario of this conversation: what happened to the speaker.",
    "emotion": "The emotion of the speaker.",
    "cause": "The emotion cause: why the speaker feels so.",
    "goal": "The goal to response: what the response is to do for the speaker.",
    "response": "The empathetic response, as it is spoken.",
}

SCHEMA: Mapping[str, Any] = {
    "title": "chain_of_empathy",
    "description": "An empathetic response, reasoned step by step.",
    "type": "object",
    "properties": {name: {"type": "string", "description": told} for name, told in _STEPS.items()},
    "required": list(_STEPS),
    "additionalProperties": False,
}
"""JSON schema of an answer, the fields in the order in which they are to be written."""


class StructuredParser:
    """Reads a chain as it grows: `feed` gives the text of the response that is new; `chain` is set before.

    Raises:
        ChainError: from `feed` or `finish`, as soon as the answer cannot become a chain.
    """

    def __init__(self) -> None:
        self.chain: Chain | None = None
        self.answer: Mapping[str, Any] | None = None
        """The last state of the answer."""
        self._given = ""

    @property
    def seen(self) -> str:
        """What there is of the answer, to be shown to the model again."""
        return json.dumps(self.answer, ensure_ascii=False, default=str) if self.answer is not None else ""

    def feed(self, answer: object) -> str:
        """A later state of the answer in, more of the response out (often empty)."""
        if answer is None:
            return ""
        if not isinstance(answer, Mapping):
            raise ChainError(f"an object with the fields {', '.join(_STEPS)} was expected")
        fields = self.answer = cast("Mapping[str, Any]", answer)
        response = fields.get("response")
        if not isinstance(response, str) or not response:
            return ""
        if self.chain is None:
            self.chain = checked({name: fields.get(name) for name in _STEPS if name != "response"})
        if not response.startswith(self._given):
            raise ChainError("the response changed while it was written")
        new, self._given = response[len(self._given) :], response
        return new

    def finish(self) -> str:
        """The answer is complete; nothing of the response is left."""
        if self.answer is None:
            raise ChainError("there is no structured answer")
        missing = [name for name in _STEPS if name not in self.answer]
        unknown = [str(name) for name in self.answer if name not in _STEPS]
        if missing or unknown:
            raise ChainError(
                f"missing fields: {', '.join(missing)}" if missing else f"unknown fields: {', '.join(unknown)[:200]}"
            )
        if not self._given.strip():
            raise ChainError("the field 'response' is empty or no text")
        return ""
