"""Letter to sound: phonemes of English words that no lexicon holds (names, inventions, misspellings).

A recurrent encoder-decoder over letters (Cho et al. 2014) with greedy decoding. Its weights come from g2p_en (Park &
Kim 2019, Apache-2.0), which trained them on the CMU Pronouncing Dictionary; `build` makes the shipped file out of that
package's wheel: `python -m rapport.speech.letters g2p_en-2.1.0-py3-none-any.whl`.
"""

from __future__ import annotations

import io
import re
import sys
import zipfile
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_FILE = "letter_to_sound.npz"
_LETTERS = ("<pad>", "<unk>", "</s>", *"abcdefghijklmnopqrstuvwxyz")
_ARPABET = tuple(
    str.split(
        "<pad> <unk> <s> </s> AA0 AA1 AA2 AE0 AE1 AE2 AH0 AH1 AH2 AO0 AO1 AO2 AW0 AW1 AW2 AY0 AY1 AY2 B CH D DH EH0 "
        "EH1 EH2 ER0 ER1 ER2 EY0 EY1 EY2 F G HH IH0 IH1 IH2 IY0 IY1 IY2 JH K L M N NG OW0 OW1 OW2 OY0 OY1 OY2 P R S SH "
        "T TH UH0 UH1 UH2 UW UW0 UW1 UW2 V W Y Z ZH"
    )
)
_START, _END = 2, 3
_MISAKI = {
    "AA": "ɑ", "AE": "æ", "AH": "ʌ", "AO": "ɔ", "AW": "W", "AY": "I", "EH": "ɛ", "ER": "ɜɹ", "EY": "A", "IH": "ɪ",
    "IY": "i", "OW": "O", "OY": "Y", "UH": "ʊ", "UW": "u", "B": "b", "CH": "ʧ", "D": "d", "DH": "ð", "F": "f", "G": "ɡ",
    "HH": "h", "JH": "ʤ", "K": "k", "L": "l", "M": "m", "N": "n", "NG": "ŋ", "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ",
    "T": "t", "TH": "θ", "V": "v", "W": "w", "Y": "j", "Z": "z", "ZH": "ʒ",
}  # fmt: skip
_UNSTRESSED = {"AH": "ə", "ER": "əɹ"}
_LONGEST_WORD = 24
"""Letters the model reads at once; a longer word is read in parts."""


@cache
def _weights() -> dict[str, NDArray[np.float32]]:
    data = (resources.files("rapport.speech") / "data" / _FILE).read_bytes()
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        return {name: archive[name].astype(np.float32) for name in archive.files}


@cache
def spell_out_sounds(word: str) -> str:
    """Phonemes in misaki's American alphabet for a lower-case word; characters other than a-z are skipped."""
    letters = re.sub("[^a-z]", "", word)
    if len(letters) > _LONGEST_WORD:
        return spell_out_sounds(letters[:_LONGEST_WORD]) + spell_out_sounds(letters[_LONGEST_WORD:])
    return from_arpabet(_decode(letters)) if letters else ""


def from_arpabet(phones: list[str]) -> str:
    """ARPAbet with stress digits to misaki's alphabet: K AE1 T becomes kˈæt."""
    out: list[str] = []
    for phone in phones:
        base, stress = (phone[:-1], phone[-1]) if phone[-1].isdigit() else (phone, "0")
        mark = {"1": "ˈ", "2": "ˌ"}.get(stress, "")
        out.append(mark + (_UNSTRESSED.get(base, _MISAKI[base]) if not mark else _MISAKI[base]))
    text = "".join(out)
    return text if "ˈ" in text else text.replace("ˌ", "ˈ", 1)


def _decode(letters: str) -> list[str]:
    w = _weights()
    hidden = np.zeros(w["enc_w_hh"].shape[1], np.float32)
    for symbol in (*letters, "</s>"):
        hidden = _gru(w["enc_emb"][_LETTERS.index(symbol)], hidden, w, "enc")
    phones: list[str] = []
    last = _START
    for _ in range(len(letters) + 6):
        hidden = _gru(w["dec_emb"][last], hidden, w, "dec")
        last = int(np.argmax(w["fc_w"] @ hidden + w["fc_b"]))
        if last == _END:
            break
        if last > _END:
            phones.append(_ARPABET[last])
    return phones


def _gru(
    x: NDArray[np.float32], h: NDArray[np.float32], w: dict[str, NDArray[np.float32]], part: str
) -> NDArray[np.float32]:
    """One step of a gated recurrent unit with the gates in the order reset, update, new."""
    from_x = np.split(w[f"{part}_w_ih"] @ x + w[f"{part}_b_ih"], 3)
    from_h = np.split(w[f"{part}_w_hh"] @ h + w[f"{part}_b_hh"], 3)
    reset, update = (1.0 / (1.0 + np.exp(-(from_x[i] + from_h[i]))) for i in (0, 1))
    new = np.tanh(from_x[2] + reset * from_h[2])
    return ((1.0 - update) * new + update * h).astype(np.float32)


def build(wheel: Path, out: Path) -> None:
    """Write the shipped weights (half precision) from the wheel of g2p_en 2.1.0."""
    with zipfile.ZipFile(wheel) as archive:
        data = archive.read("g2p_en/checkpoint20.npz")
    with np.load(io.BytesIO(data), allow_pickle=False) as weights:
        np.savez_compressed(out, **{name: weights[name].astype(np.float16) for name in weights.files})


if __name__ == "__main__":
    build(Path(sys.argv[1]), Path(__file__).parent / "data" / _FILE)
