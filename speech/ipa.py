"""espeak-ng's IPA to misaki's American alphabet, so that every voice names phonemes alike.

espeak writes diphthongs and affricates as two letters, length as a mark of its own, and American r-coloured vowels as
one letter. The table follows misaki's own for its espeak fallback (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Sequence

_PAIRS = {"aɪ": "I", "aʊ": "W", "eɪ": "A", "oʊ": "O", "əʊ": "O", "ɔɪ": "Y", "dʒ": "ʤ", "tʃ": "ʧ"}
_SINGLE = {
    "ɚ": "əɹ", "ɝ": "ɜɹ", "r": "ɹ", "ɐ": "ə", "ɾ": "T", "ʔ": "t", "e": "A", "o": "ɔ", "a": "æ", "x": "k", "ç": "k",
    "ɬ": "l", "g": "ɡ",
}  # fmt: skip
_PART_OF_THE_LAST = frozenset("ːˑ\u0329\u0303\u032f\u0361ʲ")
"""Marks of length and quality, whose time belongs to the phoneme before them."""


def from_espeak(phonemes: Sequence[str], durations: Sequence[int]) -> tuple[list[str], list[int]]:
    """Merge and rename espeak's symbols; their durations (in any unit) are added or divided so that the sum stays.

    Symbols without a counterpart, stress marks, spaces and punctuation pass through.
    """
    symbols: list[str] = []
    lengths: list[int] = []
    items = list(zip(phonemes, durations, strict=True))
    while items:
        phoneme, duration = items.pop(0)
        if items and (pair := _PAIRS.get(phoneme + items[0][0])):
            phoneme, duration = pair, duration + items.pop(0)[1]
        if symbols and phoneme in _PART_OF_THE_LAST:
            lengths[-1] += duration
            continue
        renamed = _SINGLE.get(phoneme, phoneme)
        shares = [duration // len(renamed)] * len(renamed)
        shares[-1] += duration - sum(shares)
        symbols += renamed
        lengths += shares
    return symbols, lengths
