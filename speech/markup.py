"""Where markup is stripped, for every synthesiser: what `speakable` returns is shown, remembered and spoken."""

from __future__ import annotations

import html
import re
import unicodedata

_ASCII = str.maketrans(
    {"‘": "'", "’": "'", "ʼ": "'", "`": "'", "“": '"', "”": '"', "«": '"', "»": '"', "–": "-", "−": "-"}
)
_FRACTIONS = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅛": "1/8"}

_MARKUP: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"```[^\n`]*\n?"), " "),
    (re.compile(r"<(?:script|style)\b.*?</(?:script|style)\s*>", re.S | re.I), " "),
    (re.compile(r"<!--.*?-->", re.S), " "),
    (re.compile(r"</?[A-Za-z][^<>]*>"), " "),
    (re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*(?:\s+\"[^\"]*\")?\)"), r"\1"),
    (re.compile(r"^\s{0,3}(?:#{1,6}\s+|>\s?|[-*+]\s+|(?:[-*_]\s*){3,}$)", re.M), ""),
    (re.compile(r"(\*{1,3}|_{1,3}|~~)(?=\S)(.+?)(?<=\S)\1(?!\w)"), r"\2"),
    (re.compile(r"`([^`\n]+)`"), r"\1"),
    (re.compile(r"[*|\\^~]+|_{2,}"), " "),
    (re.compile(r"\s*-{2,}\s*"), "—"),
    (re.compile(r"\.{3,}"), "…"),
)
_EMOTICON = re.compile(r"(?<!\S)(?:[:;=8][-o^']?[)(\]\[dDpP/\\|oO3*]+|<3+|[xX]D+|\^_*\^)(?=$|[\s.,!?])")


def speakable(text: str) -> str:
    """Text as it is to be spoken: no markup, no emoji or emoticons, no control characters, single spaces.

    Idempotent. Returns an empty string when nothing is left to say. Numbers stay as written: `spoken_words` reads them.
    """
    before = None
    for _ in range(4):  # stripping one layer can uncover another, as in **[a](b)**
        if text == before:
            break
        before, text = text, _strip_once(text)
    return text if any(c.isalnum() for c in text) else ""


def _strip_once(text: str) -> str:
    text = html.unescape(text)
    for pattern, replacement in _MARKUP:
        text = pattern.sub(replacement, text)
    text = _EMOTICON.sub(" ", text.translate(_ASCII))
    text = re.sub(r"(?<=\d)(?=[½⅓⅔¼¾⅛])", " ", text)
    text = "".join(_FRACTIONS.get(c, c) if _is_text(c) else " " for c in text)
    text = unicodedata.normalize("NFC", text)
    text = re.sub(r"\s+([,.;:!?])(?=\s|$)", r"\1", re.sub(r"\s+", " ", text))
    return text.strip()


def _is_text(character: str) -> bool:
    """Letters, marks, numbers, punctuation, currency and mathematical signs; not emoji, not control characters."""
    category = unicodedata.category(character)
    if "\ufe00" <= character <= "\ufe0f":  # variation selectors, which choose the picture of an emoji
        return False
    return category[0] in "LNPZ" or category in {"Mn", "Mc", "Sc", "Sm"} or character in "\n\t°"
