"""Dalang's own Liquid filters: dates, numbers and plurals.

Pure functions of the value, the language of the body (`locale_formats.Tongue`) and the customer's zone. `renderer.py` gives them
to Liquid, `templates.py` uses them to check a text, and the CLI writes rupiah with them. No filter reads a clock: the text "now"
is not a time. A filter raises ValueError with the reason if it cannot write the value.
"""

import datetime
import decimal
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.authoring.liquid import locale_formats
from engine.core import errors
from engine.core.model import inputs

_DIRECTIVE: Final = re.compile(r"%(-?)(.?)", re.DOTALL)
_BARE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOST_DIGITS: Final = 27

Written = Callable[[datetime.datetime, locale_formats.Tongue], str]

DIRECTIVES: Final[Mapping[str, Written]] = {
    "A": lambda at, tongue: tongue.days[at.weekday()],
    "a": lambda at, tongue: tongue.short_days[at.weekday()],
    "B": lambda at, tongue: tongue.months[at.month - 1],
    "b": lambda at, tongue: tongue.short_months[at.month - 1],
    "d": lambda at, _: f"{at.day:02d}",
    "e": lambda at, _: f"{at.day:2d}",
    "m": lambda at, _: f"{at.month:02d}",
    "Y": lambda at, _: f"{at.year:04d}",
    "y": lambda at, _: f"{at.year % 100:02d}",
    "j": lambda at, _: f"{at.timetuple().tm_yday:03d}",
    "H": lambda at, _: f"{at.hour:02d}",
    "I": lambda at, _: f"{at.hour % 12 or 12:02d}",
    "M": lambda at, _: f"{at.minute:02d}",
    "S": lambda at, _: f"{at.second:02d}",
    "p": lambda at, tongue: tongue.halves[at.hour >= 12],
    "Z": lambda at, _: at.tzname() or "",
    "z": lambda at, _: at.strftime("%z"),
    "F": lambda at, _: f"{at.year:04d}-{at.month:02d}-{at.day:02d}",
    "R": lambda at, _: f"{at.hour:02d}:{at.minute:02d}",
    "T": lambda at, _: f"{at.hour:02d}:{at.minute:02d}:{at.second:02d}",
    "%": lambda _, __: "%",
}
"""The letters of strftime that do not depend on the language of the machine."""


def date(value: Any, pattern: Any, tongue: locale_formats.Tongue, zone: datetime.tzinfo) -> str:
    """Write a time by a pattern of strftime letters.

    `"2026-12-25T02:00:00Z" | date: "%A, %d %B %Y"` is `Jumat, 25 Desember 2026`. `%-d` leaves out leading zeros.
    """
    at = moment(value, zone)

    def written(found: re.Match[str]) -> str:
        text = directive(found)(at, tongue)
        return text.lstrip("0 ") or "0" if found[1] else text

    return _DIRECTIVE.sub(written, str(pattern))


def directive(found: re.Match[str]) -> Written:
    """Return the function for a letter of a pattern; raises ValueError if `date` does not know the letter."""
    try:
        return DIRECTIVES[found[2]]
    except KeyError:
        raise ValueError(f"date knows no {found[0]}") from None


def check(pattern: str) -> None:
    """Check a pattern; raises ValueError if it has a letter that `date` does not know."""
    for found in _DIRECTIVE.finditer(pattern):
        directive(found)


def day(value: Any, tongue: locale_formats.Tongue, zone: datetime.tzinfo) -> str:
    """Write the day, for the filter `tanggal`: 25 Desember 2026."""
    return date(value, "%-d %B %Y", tongue, zone)


def weekday(value: Any, tongue: locale_formats.Tongue, zone: datetime.tzinfo) -> str:
    """Write the day of the week, for the filter `hari`: Jumat."""
    return date(value, "%A", tongue, zone)


def clock(value: Any, tongue: locale_formats.Tongue, zone: datetime.tzinfo) -> str:
    """Write the time of the day, for the filter `jam`: 09.00, in English 09:00.

    Raises ValueError for a bare date: it has no time of day, and midnight would be wrong.
    """
    if isinstance(value, str) and _BARE.fullmatch(value):
        raise ValueError(f"{value} is a day without an hour")
    return date(value, f"%H{tongue.clock}%M", tongue, zone)


def moment(value: Any, zone: datetime.tzinfo) -> datetime.datetime:
    """Return the local time in the zone from RFC 3339 text, from a time, or from a bare date (00:00 in that zone)."""
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.astimezone(zone)
    if not isinstance(value, str):
        raise ValueError(f"a time is needed, not {type(value).__name__}")
    try:
        if _BARE.fullmatch(value):
            return datetime.datetime.combine(datetime.date.fromisoformat(value), datetime.time(), zone)
        return inputs.instant(value).astimezone(zone)
    except errors.NotATime:
        clock_wanted = value.strip().lower() in ("now", "today")
        told = f'"{value}" as text is no time: use the name now' if clock_wanted else f"{value[:40]!r} is not an RFC 3339 time"
        raise ValueError(told) from None


def rupiah(value: Any) -> str:
    """Write an amount in rupiah: `275000 | rupiah` is `Rp275.000`.

    Amounts are whole rupiah, rounded half up, with dots between thousands, as prices are written in Indonesia.
    """
    number = int(_number(value).quantize(decimal.Decimal(1), rounding=decimal.ROUND_HALF_UP))
    return f"{'-' if number < 0 else ''}Rp{abs(number):,}".replace(",", ".")


def thousands(value: Any, tongue: locale_formats.Tongue) -> str:
    """Write a number with separators, for the filter `ribuan`: 1.234.567, in English 1,234,567.

    There are at most three decimals, as in CLDR's pattern `#,##0.###`, rounded half up.
    """
    number = _number(value).quantize(decimal.Decimal("0.001"), rounding=decimal.ROUND_HALF_UP)
    whole, _, fraction = f"{abs(number):,}".partition(".")
    fraction = fraction.rstrip("0")
    sign = "-" if number < 0 else ""
    return sign + whole.replace(",", tongue.thousands) + (tongue.decimal + fraction if fraction else "")


def plural(value: Any, one: Any, many: Any) -> Any:
    """Return the first word for exactly one, and the second word for any other number.

    `{{ n }} {{ n | plural: "item", "items" }}`
    """
    return one if _number(value) == 1 else many


def _number(value: Any) -> decimal.Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, str, decimal.Decimal)):
        raise ValueError(f"a number is needed, not {type(value).__name__}")
    try:
        number = decimal.Decimal(str(value))
    except decimal.InvalidOperation:
        raise ValueError(f"{str(value)[:40]!r} is not a number") from None
    if not number.is_finite() or number.adjusted() > _MOST_DIGITS - 4:
        raise ValueError("the number is too large to be written")
    return number
