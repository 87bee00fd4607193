"""Numbers as English words, American style: cardinals, ordinals, years, decades, decimals and digit strings."""

from __future__ import annotations

_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_IRREGULAR_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip


def cardinal(number: int) -> list[str]:
    """An integer as words, American style (without "and"); above a quadrillion digit by digit."""
    if number < 0:
        return ["minus", *cardinal(-number)]
    if number < 20:
        return [_ONES[number]]
    if number < 100:
        return [_TENS[number // 10], *([_ONES[number % 10]] if number % 10 else [])]
    if number >= 10**15:
        return digits(str(number))
    size, name = next((s, n) for s, n in _SCALES if number >= s)
    return [*cardinal(number // size), name, *(cardinal(number % size) if number % size else [])]


def ordinal(number: int) -> list[str]:
    """An integer as an ordinal: 21 becomes twenty first."""
    *head, last = cardinal(number)
    if last in _IRREGULAR_ORDINALS:
        last = _IRREGULAR_ORDINALS[last]
    else:
        last = f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th"
    return [*head, last]


def year(number: int) -> list[str]:
    """A year as it is said: 1984 nineteen eighty four, 2005 two thousand five, 2024 twenty twenty four."""
    century, rest = divmod(number, 100)
    if not 1000 <= number <= 9999 or 2000 <= number <= 2009 or (century % 10 == 0 and rest < 10):
        return cardinal(number)
    if rest == 0:
        return [*cardinal(century), "hundred"]
    return [*cardinal(century), *(["oh"] if rest < 10 else []), *cardinal(rest)]


def digits(text: str) -> list[str]:
    """Every digit by its name: 911 nine one one."""
    return [_ONES[int(c)] for c in text if c.isascii() and c.isdigit()]


def decimal(text: str) -> list[str]:
    """An integer or a decimal, with thousands commas and a sign."""
    text = text.replace(",", "")
    if text.startswith(("-", "+")):
        return [*(["minus"] if text[0] == "-" else ["plus"]), *decimal(text[1:])]
    whole, _, fraction = text.partition(".")
    words = cardinal(int(whole)) if whole else []
    if (len(whole) > 1 and whole.startswith("0")) or len(whole) > 15:
        words = digits(whole)
    return [*words, "point", *digits(fraction)] if fraction else words


def decade(number: int) -> list[str]:
    """A decade: 1990 becomes nineteen nineties, 90 nineties."""
    *head, last = year(number) if number > 99 else cardinal(number)
    return [*head, f"{last[:-1]}ies" if last.endswith("y") else f"{last}s"]
