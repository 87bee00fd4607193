"""How written English is read aloud: numbers, dates, money, addresses and abbreviations become words.

`spoken_words` keeps the written word beside its reading, so that "$5" can be highlighted while "five dollars" is heard.
Markup and emoji are gone by then (`rapport.speech.markup`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from rapport.speech.numbers import cardinal, decade, decimal, digits, ordinal, year
from rapport.speech.reading_tables import (
    ABBREVIATIONS,
    CAPITAL_UNITS,
    CURRENCIES,
    MAGNITUDES,
    MONTH_NAMES,
    MONTHS,
    NUMBERED,
    ONLY_WITH_DOT,
    SYMBOLS,
    UNITS,
    YEAR_CUES,
)


@dataclass(frozen=True)
class SpokenToken:
    """A written word, the words that are said for it, and the punctuation after it (one of `,.;:!?…—` or none)."""

    text: str
    words: tuple[str, ...]
    after: str = ""


_PIECES = re.compile(r"[^\s—…]+[—…]*|[—…]+")
_LEADING = "\"'([{<¿¡"
_TRAILING = "\"')]}>,.;:!?…—-"
_ANY_UNIT = "|".join(sorted(UNITS, key=len, reverse=True))
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"


def spoken_words(text: str) -> list[SpokenToken]:
    """How speakable text is read aloud, one entry per written word; stray punctuation joins the word before it.

    Every said word is lower or upper case as written, ASCII letters, apostrophes and hyphens only; a word in a script
    that has no reading here (Chinese, Cyrillic...) has no said words and stays silent.
    """
    pieces = [_split_punctuation(piece) for piece in _PIECES.findall(text)]
    tokens: list[SpokenToken] = []
    for i, (written, core, mark) in enumerate(pieces):
        before = pieces[i - 1][1] if i else ""
        following = pieces[i + 1][1] if i + 1 < len(pieces) else ""
        if not core:
            if tokens and written:
                last = tokens[-1]
                tokens[-1] = SpokenToken(f"{last.text}{written}", last.words, _stronger(last.after, mark))
            continue
        if tokens and written[0] in "([{" and not tokens[-1].after:
            tokens[-1] = SpokenToken(tokens[-1].text, tokens[-1].words, ",")
        said = read_aloud(core, before, following, dotted="." in written[len(core) :])
        after = "" if mark == "." and following and _is_abbreviation(core, following) else mark
        tokens.append(SpokenToken(written, tuple(said), after))
    return tokens


_STRENGTH = ",;:—…!?."


def _stronger(a: str, b: str) -> str:
    return a if not b or (a and _STRENGTH.index(a) >= _STRENGTH.index(b)) else b


def _split_punctuation(piece: str) -> tuple[str, str, str]:
    """A written piece, its core, and its punctuation as one mark. A core without a letter, digit or sign is empty."""
    core = piece.strip("\u200b\ufeff")
    if not re.match(r"'\d\ds?\b", core):
        core = core.lstrip(_LEADING) if len(core) > 1 else core
    stripped = core.rstrip(_TRAILING)
    tail, core = core[len(stripped) :], stripped
    after = ""
    for mark in tail.replace("-", "—" if tail.endswith("-") and core else ""):
        after = _stronger(after, "," if mark in ")]}" else mark if mark in _STRENGTH else "")
    if core and not any(c.isalnum() or c in SYMBOLS or c in CURRENCIES for c in core):
        core, after = "", after or ("—" if set(core) <= {"-"} else "")
    if not core and not tail and set(piece) & set("-—"):
        after = "—"
    return piece, core, after


def _is_abbreviation(core: str, following: str) -> bool:
    """Whether the dot after this word belongs to it rather than to the end of a sentence."""
    key = core.lower()
    if key in {"dr", "mr", "mrs", "ms", "prof", "e.g", "i.e", "vs", "st", "sgt", "capt", "lt", "rev", "gov"}:
        return True
    known = (
        key in ABBREVIATIONS
        or (key == "no" and following[:1].isdigit())
        or re.fullmatch(r"(?:[A-Za-z]\.)*[A-Za-z]", core)
    )
    return bool(known) and core != "I" and (following[:1].islower() or following[:1].isdigit() or len(core) == 1)


Reading = Callable[[re.Match[str], str, str], list[str]]


def _money(m: re.Match[str], before: str, following: str) -> list[str]:
    one, many, cent, cents = CURRENCIES[m["sign"]]
    amount, magnitude = m["amount"], MAGNITUDES.get((m["scale"] or "").lower())
    if magnitude:
        return [*decimal(amount), magnitude, many]
    if following.lower() in {"thousand", "million", "billion", "trillion"}:
        return decimal(amount)  # "$5 million": the currency is said after the magnitude, see _magnitude
    whole, _, fraction = amount.replace(",", "").partition(".")
    if len(fraction) != 2:
        return [*decimal(amount), one if amount == "1" else many]
    units, hundredths = int(whole or 0), int(fraction)
    said = [*cardinal(units), one if units == 1 else many] if units or not hundredths else []
    if hundredths:
        said += [*(["and"] if said else []), *cardinal(hundredths), cent if hundredths == 1 else cents]
    return said


def _money_behind(m: re.Match[str], before: str, following: str) -> list[str]:
    return read_aloud(f"{m['sign']}{m['amount']}")


def _per(m: re.Match[str], before: str, following: str) -> list[str]:
    return [*read_aloud(m[1]), "per", *read_aloud(m[2])]


def _magnitude(m: re.Match[str], before: str, following: str) -> list[str]:
    sign = before[:1]
    return [m[0].lower(), CURRENCIES[sign][1]] if sign in CURRENCIES else [m[0]]


def _clock(m: re.Match[str], before: str, following: str) -> list[str]:
    hour, minute = int(m["hour"]), int(m["minute"] or 0)
    said = cardinal(hour)
    if minute:
        said += [*(["oh"] if minute < 10 else []), *cardinal(minute)]
    elif m["minute"] and not m["half"] and not re.fullmatch(r"[ap]\.?m", following.lower()):
        said += ["o'clock"] if 1 <= hour <= 12 else ["hundred"]
    half: str = m["half"] or ""
    return [*said, *half.upper().replace(".", "")]


def _date(m: re.Match[str], before: str, following: str) -> list[str]:
    y = m["year"]
    month = MONTH_NAMES[int(m["month"]) - 1]
    return [month, *ordinal(int(m["day"])), *year(int(y) if len(y) == 4 else 2000 + int(y))]


def _integer(m: re.Match[str], before: str, following: str) -> list[str]:
    text, cue = m[0], before.lower().strip(".,")
    if cue[:3] in MONTHS and cue in {cue[:3], MONTHS[cue[:3]], "sept"} and len(text) <= 2 and 1 <= int(text) <= 31:
        return ordinal(int(text))
    if len(text) <= 2 and 1 <= int(text) <= 31 and _is_month(following):
        return [*([] if cue == "the" else ["the"]), *ordinal(int(text)), "of"]
    if len(text) == 3 and re.match(r"\d{3}[- .]?\d{4}\b", following):
        return digits(text)  # an area code
    if len(text) == 4 and text[0] in "12" and (1100 <= int(text) <= 2099):
        if cue in YEAR_CUES or int(text) >= 1900 or text[2:] == "00" or re.fullmatch(r"\d{1,2}(?:st|nd|rd|th)?", cue):
            return year(int(text))
        return cardinal(int(text))
    if text in {"911", "988", "411", "112"}:
        return digits(text)
    return decimal(text)


def _is_month(word: str) -> bool:
    return word.lower() in MONTH_NAMES or (word[:1].isupper() and word.lower() in MONTHS and word != "May")


def _fraction(m: re.Match[str], before: str, following: str) -> list[str]:
    top, bottom = int(m["top"]), int(m["bottom"])
    if top == 1 < bottom and before.isdigit():  # 2 1/2
        return ["and", "a", *_fraction(m, "", "")[1:]]
    names = {2: ("half", "halves"), 4: ("quarter", "quarters")}
    if (top, bottom) == (24, 7) or not 1 < bottom <= 100 or top >= bottom * 2:
        return [*cardinal(top), *([] if (top, bottom) == (24, 7) else ["over"]), *cardinal(bottom)]
    one, many = names.get(bottom) or (" ".join(ordinal(bottom)), " ".join(ordinal(bottom)) + "s")
    return [*cardinal(top), *(one if top == 1 else many).split()]


def _unit(m: re.Match[str], before: str, following: str) -> list[str]:
    name = CAPITAL_UNITS.get(m["unit"]) or UNITS[m["unit"].lower()]
    if m["amount"] == "1":
        first, *rest = name.split()
        name = " ".join([{"feet": "foot"}.get(first, first.removesuffix("s")), *rest])
    return [*decimal(m["amount"]), *name.split()]


def _range(m: re.Match[str], before: str, following: str) -> list[str]:
    return [*decimal(m[1]), "to", *decimal(m[2]), *(["percent"] if m[3] else [])]


def _from_to(m: re.Match[str], before: str, following: str) -> list[str]:
    return [*read_aloud(m[1], before, dotted=True), "to", *read_aloud(m[2], "", following, dotted=True)]


def _feet(m: re.Match[str], before: str, following: str) -> list[str]:
    return [*cardinal(int(m[1])), "foot", *cardinal(int(m[2]))]


def _roman(m: re.Match[str], before: str, following: str) -> list[str]:
    values = [_ROMAN[c] for c in m[0]]
    number = sum(v if v >= max(values[i:]) else -v for i, v in enumerate(values))
    if before.lower() in NUMBERED or not before[:1].isupper():
        return cardinal(number)
    return ["the", *ordinal(number)]


_ROMAN = {"I": 1, "V": 5, "X": 10}
_TIME = r"(?:[01]?\d|2[0-3]):[0-5]\d"
_NAMED_DAY = "|".join((*MONTHS, "mon", "tues?", "wed", "thu(?:rs)?", "fri", "sat", "sun"))


def _address(m: re.Match[str], before: str, following: str) -> list[str]:
    text = re.sub(r"^(?:https?://)?(?:www\.)?", "", m[0]).split("?")[0].rstrip("/")
    said: list[str] = []
    parts: list[str] = re.findall(r"[A-Za-z]+|\d+|[@./_-]", text)
    for part in parts:
        said += digits(part) if part.isdigit() else [_IN_ADDRESSES.get(part, part)]
    return said


_IN_ADDRESSES = {"@": "at", ".": "dot", "/": "slash", "_": "underscore", "-": "dash"}
_READINGS: tuple[tuple[re.Pattern[str], Reading], ...] = (
    (re.compile(r"(?:https?://|www\.)\S+|[\w.+-]+@[\w-]+\.[\w.]+", re.I), _address),
    (re.compile(r"[\w-]{2,}(?:\.[\w-]+)*\.(?:com|org|net|io|gov|edu|uk|de|ai)(?:/\S*)?", re.I), _address),
    (re.compile(rf"(?P<sign>[$£€¥₹])(?P<amount>{_NUMBER})(?P<scale>k|mn?|bn?|t)?", re.I), _money),
    (re.compile(rf"(?P<amount>{_NUMBER})(?P<sign>[$£€¥₹])"), _money_behind),
    (re.compile(rf"([$£€¥₹]?{_NUMBER})/([a-z]{{3,}})"), _per),
    (re.compile(r"thousand|million|billion|trillion", re.I), _magnitude),
    (re.compile(rf"({_TIME})-({_TIME})"), _from_to),
    (re.compile(rf"({_NAMED_DAY})-({_NAMED_DAY})", re.I), _from_to),
    (re.compile(r"(\d)'(\d\d?)(?:\"|'')?"), _feet),
    (re.compile(r"(?=[IVX]{2})X{0,3}(?:IX|IV|V?I{1,3}|V)"), _roman),
    (re.compile(r"(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?P<half>[ap]\.?m)?", re.I), _clock),
    (re.compile(r"(?P<hour>1[0-2]|[1-9])(?P<minute>)(?P<half>[ap]\.?m)", re.I), _clock),
    (re.compile(r"(?P<year>\d{4})-(?P<month>0?[1-9]|1[0-2])-(?P<day>0?[1-9]|[12]\d|3[01])"), _date),
    (re.compile(r"(?P<month>0?[1-9]|1[0-2])/(?P<day>0?[1-9]|[12]\d|3[01])/(?P<year>\d{4}|\d\d)"), _date),
    (re.compile(r"(?P<day>1[3-9]|2\d|3[01])/(?P<month>0?[1-9]|1[0-2])/(?P<year>\d{4}|\d\d)"), _date),
    (re.compile(r"\+?\d{0,2}[- .]?\(?\d{3}\)?[- .]\d{3}[- .]\d{4}|\d{3}-\d{4}"), lambda m, b, f: digits(m[0])),
    (re.compile(r"(\d+)(?:st|nd|rd|th)", re.I), lambda m, b, f: ordinal(int(m[1]))),
    (re.compile(r"(\d\d?\d?)(0)s"), lambda m, b, f: decade(int(m[1] + m[2]))),
    (re.compile(r"'(\d)(0)s"), lambda m, b, f: decade(int(m[1] + m[2]))),
    (re.compile(r"'(\d\d)"), lambda m, b, f: cardinal(int(m[1]))),
    (re.compile(r"\d+"), _integer),
    (re.compile(rf"[-+]?{_NUMBER}"), lambda m, b, f: decimal(m[0])),
    (re.compile(rf"([-+]?{_NUMBER})%"), lambda m, b, f: [*decimal(m[1]), "percent"]),
    (re.compile(r"(?P<top>\d{1,3})/(?P<bottom>\d{1,3})"), _fraction),
    (re.compile(rf"({_NUMBER})-({_NUMBER})(%?)"), _range),
    (re.compile(r"#(\d+)"), lambda m, b, f: ["number", *decimal(m[1])]),
    (re.compile(rf"(?P<amount>{_NUMBER})(?P<unit>{_ANY_UNIT})", re.I), _unit),
)  # fmt: skip


def read_aloud(core: str, before: str = "", following: str = "", *, dotted: bool = False) -> list[str]:
    """The words that are said for one written word, given its neighbours. `dotted`: a full stop stood behind it."""
    for pattern, reading in _READINGS:
        if match := pattern.fullmatch(core):
            return reading(match, before, following)
    key = core.lower()
    if key in {"am", "pm"} and before[-1:].isdigit():
        return list(key.upper())
    if before[-1:].isdigit():
        if key == "x" and following[:1].isdigit():
            return ["times"]
        if core in CURRENCIES:
            return [CURRENCIES[core][1]]
        if len(key) > 1 and key in UNITS and key not in {"min", "mi", "ms"}:
            return UNITS[key].split()
    if key == "st":
        return ["saint"] if following[:1].isupper() else ["street"]
    if key == "no" and dotted and following[:1].isdigit():
        return ["number"]
    if key in ABBREVIATIONS and (dotted or key not in ONLY_WITH_DOT):
        return ABBREVIATIONS[key].split()
    if re.fullmatch(r"(?:[A-Za-z]\.)+[A-Za-z]", core):  # U.S, J.R.R
        return list(core.replace(".", "").upper())
    if core in SYMBOLS:
        return SYMBOLS[core].split()
    if re.fullmatch(r"[A-Z]{1,3}&[A-Z]{1,3}", core):  # AT&T
        first, second = core.split("&")
        return [*first, "and", *second]
    if re.fullmatch(r"[A-G]#", core):
        return [core[0], "sharp"]
    return _plain_words(core)


def _plain_words(core: str) -> list[str]:
    """Letters without accents, split at hyphens, slashes, camel case and between letters and digits."""
    text = "".join(c for c in unicodedata.normalize("NFKD", core) if unicodedata.category(c) != "Mn")
    text = re.sub(r"([A-Za-z])/([A-Za-z])", r"\1 \2", text.replace("_", " "))
    text = re.sub(r"(?<=\d)\.(?=\d+\.\d)|(?<=\d\.\d)\.(?=\d)", " point ", text)  # version 2.0.1
    said: list[str] = []
    for part in re.findall(r"[A-Za-z]+(?:'[A-Za-z]+)*'?|\d+(?:\.\d+)?|[&+=@%/°<>×÷±≈≠≤≥π]", text):
        if part[0].isdigit():
            said += decimal(part)
        elif part in SYMBOLS:
            said += SYMBOLS[part].split()
        else:
            said += (
                re.findall(r"[A-Z]{2,}s?(?![a-z])|[A-Z]?[a-z']+(?:'[A-Za-z]+)*|[A-Z](?:'[A-Za-z]+)?|'[A-Za-z]+", part)
                if _is_camel(part)
                else [part]
            )
    return said


def _is_camel(part: str) -> bool:
    return re.search(r"[a-z][A-Z]", part) is not None and not re.match(r"(?:Mc|Mac|De|Le|La|O')[A-Z]", part)
