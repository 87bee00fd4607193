"""What the search by codes finds of the exact ten nearest, among sentences that people wrote."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rapport.memory.embedding import MiniLMEmbedder
from rapport.memory.vectors import codes, estimates, hamming, nearest

SENTENCES = Path(__file__).parents[3] / "shared" / "data" / "empatheticdialogues" / "dev.jsonl"

pytestmark = pytest.mark.models


@pytest.mark.skipif(not SENTENCES.is_file(), reason="the sentences lie in ../shared/data")
def test_the_search_by_codes_finds_the_exact_ten_nearest_of_real_sentences() -> None:
    turns = [turn["text"] for line in SENTENCES.read_text("utf-8").splitlines() for turn in json.loads(line)["turns"]]
    said = list(dict.fromkeys(turns))[:1_240]
    vectors = MiniLMEmbedder().embed(said)
    kept, asked = vectors[40:], vectors[:40]
    columns = np.ascontiguousarray(codes(kept).view(np.uint64).T)
    hits = 0
    for query, code in zip(asked, codes(asked), strict=True):
        # Scaled to this many sentences as the index would be to a million: few are compared exactly.
        near = nearest(hamming(columns, code), 240)
        best = near[np.argsort(-estimates(columns[:, near], query))[:60]]
        exact = np.argsort(-(kept @ query))[:10]
        hits += len(set(exact.tolist()) & set(best.tolist()))
    assert hits / 400 >= 0.98
