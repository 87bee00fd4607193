"""What the tests of memory share: a quick embedder and turns to remember."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

import numpy as np
import pytest

from rapport.memory.records import Exchange, TurnRecord
from rapport.persona.affect import VAD


class BagEmbedder:
    """A fake: texts are alike when they share words."""

    def embed(self, texts):
        return np.stack([self._one(text) for text in texts]) if len(texts) else np.empty((0, 64), np.float32)

    def _one(self, text: str):
        vector = np.full(64, 1e-3, np.float32)
        for word in re.findall(r"\w+", text.lower()):
            seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
            vector += np.random.default_rng(seed).standard_normal(64).astype(np.float32)
        return vector / np.linalg.norm(vector)


@pytest.fixture
def bag() -> BagEmbedder:
    return BagEmbedder()


@pytest.fixture
def said() -> Callable[..., TurnRecord]:
    def make(
        person: str,
        turn: int = 0,
        *,
        who: str = "ann",
        session: str = "s1",
        at: str = "2026-03-01T10:00:00+00:00",
        vad: VAD | None = None,
        emotion: str = "neutral",
        **more,
    ) -> TurnRecord:
        return TurnRecord(Exchange(person, "I see.", emotion, session, turn), "harbor", at, who, vad or VAD(), **more)

    return make
