"""What written signs and short forms are called: months, abbreviations, symbols, currencies, units."""

from __future__ import annotations


def word_set(words: str) -> frozenset[str]:
    """The words of a string."""
    return frozenset(words.split())


MONTH_NAMES = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
MONTHS = {name[:3]: name for name in MONTH_NAMES}
ABBREVIATIONS = {
    "dr": "doctor", "mr": "mister", "mrs": "missus", "ms": "miz", "prof": "professor", "jr": "junior", "sr": "senior",
    "vs": "versus", "etc": "etcetera", "e.g": "for example", "i.e": "that is", "approx": "approximately",
    "dept": "department", "est": "established", "misc": "miscellaneous", "min": "minutes", "hrs": "hours",
    "ave": "avenue", "rd": "road", "blvd": "boulevard", "apt": "apartment", "ft": "feet", "gov": "governor",
    "sgt": "sergeant", "capt": "captain", "lt": "lieutenant", "rev": "reverend", "inc": "incorporated",
    "corp": "corporation", "ltd": "limited", "w/": "with", "w/o": "without", "b/c": "because", "a.k.a": "also known as",
    "jan": "january", "feb": "february", "mar": "march", "apr": "april", "aug": "august", "sept": "september",
    "sep": "september", "oct": "october", "nov": "november", "dec": "december", "mon": "monday", "tues": "tuesday",
    "tue": "tuesday", "wed": "wednesday", "thurs": "thursday", "thu": "thursday", "fri": "friday",
    "p.s": "P S", "ph.d": "P H D", "a.m": "A M", "p.m": "P M",
}  # fmt: skip
ONLY_WITH_DOT = word_set(
    "est min ave rd apt ft gov sgt capt lt rev inc corp jan feb mar apr aug sep oct nov dec mon tue tues wed thu thurs "
    "fri sept misc dept approx"
)
"""Abbreviations that are also words, or too rare without their dot to be guessed."""
SYMBOLS = {
    "&": "and", "+": "plus", "=": "equals", "@": "at", "%": "percent", "/": "slash", "°": "degrees",
    "<": "less than", ">": "greater than", "×": "times", "÷": "divided by", "±": "plus or minus",
    "≈": "approximately", "≠": "not equal to", "≤": "at most", "≥": "at least", "π": "pi", "→": "to",
}  # fmt: skip
CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
}
MAGNITUDES = {"k": "thousand", "m": "million", "mn": "million", "b": "billion", "bn": "billion", "t": "trillion"}
UNITS = {
    "kg": "kilograms", "g": "grams", "mg": "milligrams", "km": "kilometers", "m": "meters", "cm": "centimeters",
    "mm": "millimeters", "ml": "milliliters", "l": "liters", "lb": "pounds", "lbs": "pounds", "oz": "ounces",
    "ft": "feet", "mi": "miles", "mph": "miles per hour", "hr": "hours", "hrs": "hours", "h": "hours", "min": "minutes",
    "mins": "minutes", "s": "seconds", "sec": "seconds", "ms": "milliseconds", "gb": "gigabytes", "mb": "megabytes",
    "km/h": "kilometers per hour", "m/s": "meters per second", "kwh": "kilowatt hours",
    "°c": "degrees celsius", "°f": "degrees fahrenheit", "°": "degrees", "x": "times", "k": "thousand",
    "hz": "hertz",
}  # fmt: skip
CAPITAL_UNITS = {"M": "million", "G": "G", "D": "D", "S": "S", "H": "H", "X": "X"}
"""Single letters that are other units, or none, in capitals: 5G, 10M."""
NUMBERED = word_set("chapter part war volume act book section type level stage phase appendix article")
YEAR_CUES = frozenset(MONTHS.values()) | word_set(
    "in since from until till by of year before after around circa during early late mid summer winter spring fall "
    "autumn and to between class"
)
