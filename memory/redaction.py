"""Secrets and personal data out of what is written down: logs and, if that is wanted, memory.

Patterns are made for English, German and international forms. Names are redacted only where they are given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_EMAIL = re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{2,63})+\b")
_KEY = re.compile(
    r"\b(?:sk|pk|rk|ghp|gho|xox[bap]|glpat|hf|AKIA|AIza)[-_]?[A-Za-z0-9_-]{12,}\b"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]+)?\b"
    r"|(?<=://)[^/\s:@]{1,64}:[^/\s@]{1,128}(?=@)"
)
_NAMED_KEY = re.compile(
    r"\b((?:api[_-]?key|token|secret|password|passwd|pwd|authorization"
    r"|bearer)[\"']?\s*[:= ]\s*[\"']?(?:bearer )?)([^\s\"',;]{4,})",
    re.I,
)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_CARD = re.compile(r"(?<![\d.])(?:\d[ -]?){12,18}\d(?![\d.])")
_PHONE = re.compile(
    r"(?<![\w.])(?:\+\d{1,3}[ .-]?(?:\(0?\d{1,4}\)[ .-]?)?(?:\d[ .-]?){6,12}\d"
    r"|\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}[ .-]\d{3}[ .-]\d{4}|0\d{2,4}[ .-]?\d{3,4}[ .-]?\d{3,4})(?![\w])"
)
_ADDRESS = re.compile(
    r"\b\d{1,5}[a-z]? (?:[A-Z][\w'-]+ ){1,4}(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Court|Ct"
    r"|Boulevard|Blvd|Way|"
    r"Place|Pl|Square|Terrace|Close|Crescent)\b\.?(?:,? (?:Apt|Flat|Unit) ?\w+)?"
    r"|\b[A-Z][\w-]+(?:stra(?:ss|ß)e|gasse|weg|platz|allee) \d{1,4}[a-z]?\b"
    r"|\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b"
)


def redacted(text: str, names: Iterable[str] = ()) -> str:
    """A text without emails, keys, cards (by Luhn), IBANs (by their check digits), phones, addresses and `names`."""
    text = _NAMED_KEY.sub(r"\1[secret]", _KEY.sub("[secret]", text))
    text = _EMAIL.sub("[email]", text)
    text = _IBAN.sub(lambda match: "[iban]" if is_iban(match.group()) else match.group(), text)
    text = _CARD.sub(lambda match: "[card]" if passes_luhn(match.group()) else match.group(), text)
    text = _ADDRESS.sub("[address]", _PHONE.sub("[phone]", text))
    for name in sorted({n for n in names if len(n) > 1}, key=len, reverse=True):
        text = re.sub(rf"\b{re.escape(name)}\b", "[name]", text, flags=re.I)
    return text


def passes_luhn(number: str) -> bool:
    """Whether the digits of a card number have a right last one (ISO/IEC 7812-1, annex B)."""
    digits = [int(d) for d in number if d.isdigit()]
    doubled = [sum(divmod(2 * d, 10)) for d in digits[-2::-2]]
    return len(digits) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_iban(text: str) -> bool:
    """Whether the check digits of an IBAN are right (ISO 13616: the rearranged number is 1 modulo 97)."""
    flat = text.replace(" ", "").upper()
    if not 15 <= len(flat) <= 34 or not flat.isalnum() or not flat.isascii():
        return False
    return int("".join(str(int(c, 36)) for c in flat[4:] + flat[:4])) % 97 == 1
