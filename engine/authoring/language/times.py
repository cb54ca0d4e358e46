"""Field types for times in YAML files: times of day, days, dates, durations with a sign, windows, and percentages.

Used by the models in this folder. Authors write texts such as `09:00`, `-24h`, `90d` and `10%`. The models store times of day
as minutes, durations as milliseconds, and percentages as hundredths of a percent. Each function that reads a value raises
ValueError, with a sentence for the author, if it cannot read the value.
"""

import datetime
import re
from typing import Annotated, Final, Literal

import pydantic

from engine.authoring.language import durations, fields

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

_CLOCK: Final = r"([01][0-9]|2[0-3]):[0-5][0-9]"
_SPAN: Final = rf"^{_CLOCK}-{_CLOCK}$"
_DATE: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_SHARE: Final = r"^(100(\.0{1,2})?|[0-9]{1,2}(\.[0-9]{1,2})?)%$"
_WHOLE_DAYS: Final = {"d": 1, "w": 7}


def clock(value: object) -> int:
    """Return the minute of the day for a text such as `09:00`, which is minute 540."""
    if not isinstance(value, str) or not re.fullmatch(_CLOCK, value, re.ASCII):
        raise ValueError("A time of the day has two digits, a colon and two digits, from 00:00 to 23:59")
    return int(value[:2]) * 60 + int(value[3:])


def span(value: object) -> tuple[int, int]:
    """Return the start and the end of quiet hours as minutes of the day: `(1200, 480)` for the text `20:00-08:00`."""
    if not isinstance(value, str) or not re.fullmatch(_SPAN, value, re.ASCII):
        raise ValueError("Quiet hours are two times of the day with - between them, like 20:00-08:00")
    start, end = clock(value[:5]), clock(value[6:])
    if start == end:
        raise ValueError("Quiet hours start and end at different times")
    return start, end


def share(value: object) -> int:
    """Return a percentage in hundredths of a percent: 1000 for the text `10%`."""
    if not isinstance(value, str) or not re.fullmatch(_SHARE, value, re.ASCII):
        raise ValueError("A share is a number from 0 to 100 with at most two decimals and %, like 10%")
    whole, _, decimals = value[:-1].partition(".")
    return int(whole) * 100 + int(decimals.ljust(2, "0"))


def moved(value: object) -> int:
    """Return a duration in milliseconds; a duration with a minus, such as `-24h`, is negative."""
    if isinstance(value, str) and value[:1] == "-":
        return -durations.parse(value[1:])
    return durations.parse(value)


def window(value: object) -> tuple[int, int]:
    """Return a window of time as `(days, 0)` or `(0, milliseconds)`.

    `90d` and `2w` count calendar days: `(90, 0)` and `(14, 0)`. `1h` is exact: `(0, 3600000)`.
    """
    length = durations.parse(value)
    if length == 0:
        raise ValueError("A window is longer than nothing")
    assert isinstance(value, str)
    days = _WHOLE_DAYS.get(value[-1])
    return (int(value[:-1]) * days, 0) if days else (0, length)


def per(value: object) -> tuple[int, int]:
    """Return the window of a cap as `(days, 0)` or `(0, milliseconds)`.

    `day` is one calendar day, `(1, 0)`. All other texts are read by `window`.
    """
    if value == "day":
        return 1, 0
    try:
        return window(value)
    except durations.TooLong:
        raise
    except ValueError as exc:
        raise ValueError(f"{exc}; or day, for one calendar day") from None


def day(value: object) -> object:
    """Return the day of a schedule: `payday`, `daily`, a date, a day of the month, or a list of weekdays in their order.

    Raises ValueError for every other value.
    """
    match value:
        case "payday" | "daily":
            return value
        case str() if re.fullmatch(_DATE, value, re.ASCII):
            return date(value)
        case list() if value and all(each in WEEKDAYS for each in value):
            return [each for each in WEEKDAYS if each in value]
        case int() if not isinstance(value, bool) and 1 <= value <= 31:
            return value
    raise ValueError("A day is payday, daily, a list of mon to sun, a day of the month from 1 to 31, or a date like 2026-12-12")


def date(value: str) -> datetime.date:
    """Return the date of a text such as `2026-12-12`; raise ValueError if the calendar has no such day."""
    try:
        return datetime.date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"There is no day {value}") from None


Clock = Annotated[int, fields.parsed(clock, "clock"), fields.written("time of the day", f"^{_CLOCK}$")]
Span = Annotated[tuple[int, int], fields.parsed(span, "span"), fields.written("two times of the day", _SPAN)]
Share = Annotated[int, fields.parsed(share, "share"), fields.written("percent", _SHARE)]
Moved = Annotated[int, fields.parsed(moved, "duration"), fields.written("duration, with - back", r"^-?[0-9]{1,9}[smhdw]$")]
Window = Annotated[tuple[int, int], fields.parsed(window, "window"), fields.written("window", durations.PATTERN)]
Per = Annotated[tuple[int, int], fields.parsed(per, "window"), fields.written("window", r"^(day|[0-9]{1,9}[smhdw])$")]
Day = Annotated[
    Literal["payday", "daily"] | int | list[Weekday] | datetime.date,
    fields.parsed(day, "day"),
    pydantic.WithJsonSchema(
        {
            "$comment": "day",
            "anyOf": [
                {"enum": ["payday", "daily"]},
                {"type": "array", "items": {"enum": list(WEEKDAYS)}, "minItems": 1},
                {"type": "integer", "minimum": 1, "maximum": 31},
                {"type": "string", "pattern": f"^{_DATE}$"},
            ],
        }
    ),
]


def numbers(days: list[Weekday] | list[str]) -> tuple[int, ...]:
    """Return weekdays as sorted numbers, with 0 for Monday: `(0, 4)` for `["fri", "mon"]`."""
    return tuple(sorted({WEEKDAYS.index(each) for each in days}))
