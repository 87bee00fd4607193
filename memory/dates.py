"""When something is to happen: "on Friday", "in two weeks", "on the 3rd of June", counted from when it was said."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "ten": 10}


def plan_date(when: str, said_at: str) -> str | None:
    """The day as ISO 8601, None where the words name no single day or the time of saying cannot be read."""
    try:
        today = datetime.fromisoformat(said_at).date()
    except ValueError:
        return None
    when = when.lower().strip()
    near = {"today": 0, "tonight": 0, "tomorrow": 1, "the day after tomorrow": 2}
    if when in near:
        return _after(today, near[when])
    if (day := when.split()[-1]) in _DAYS:
        ahead = (_DAYS.index(day) - today.weekday()) % 7 or 7
        return _after(today, ahead + (7 if when.startswith("next ") and ahead <= 6 - today.weekday() else 0))
    if match := re.fullmatch(r"in (\w+) (days?|weeks?)", when):
        count = _NUMBERS.get(match[1]) or (int(match[1]) if match[1].isdigit() else 0)
        return _after(today, count * (7 if match[2].startswith("week") else 1)) if count else None
    month = next((k for k, name in enumerate(_MONTHS, 1) if name in when.split()), None)
    number = re.search(r"\d{1,2}", when)
    return _coming(today, month, int(number.group())) if month and number else None


def _after(today: date, days: int) -> str | None:
    try:
        return (today + timedelta(days=days)).isoformat()
    except OverflowError:
        return None


def _coming(today: date, month: int, day: int) -> str | None:
    for year in (today.year, today.year + 1):
        try:
            there = date(year, month, day)
        except ValueError:
            return None
        if there >= today:
            return there.isoformat()
    return None
