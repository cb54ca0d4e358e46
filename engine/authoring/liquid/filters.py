"""Dalang's own Liquid filters: dates, numbers and plurals.

The filters are pure functions of the value, the customer's time zone and the tongue (how the language of the message writes dates
and numbers). `renderer.py` adds them to Liquid, `templates.py` checks texts with them, and the CLI formats amounts in rupiah with
`rupiah`. No filter reads the clock, so the text "now" is not accepted as a time. A filter raises ValueError, with the reason, if
it cannot write the value.
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
"""`{letter: function}` for the letters of a strftime pattern, such as `A` of `%A`.

Each letter gives the same text on every machine, because the names of days and months come from `locale_formats.py` and not from
the language of the machine.
"""


def date(value: Any, pattern: Any, tongue: locale_formats.Tongue, zone: datetime.tzinfo) -> str:
    """Return a time as text in the form of a strftime pattern.

    `"2026-12-25T02:00:00Z" | date: "%A, %d %B %Y"` is `Jumat, 25 Desember 2026`. With a hyphen, as in `%-d`, leading zeros are
    left out.
    """
    at = moment(value, zone)

    def written(found: re.Match[str]) -> str:
        text = directive(found)(at, tongue)
        return text.lstrip("0 ") or "0" if found[1] else text

    return _DIRECTIVE.sub(written, str(pattern))


def directive(found: re.Match[str]) -> Written:
    """Return the function that writes one part of a pattern, such as `%d`; raises ValueError if its letter is not known.

    `found` is a match of `_DIRECTIVE`.
    """
    try:
        return DIRECTIVES[found[2]]
    except KeyError:
        raise ValueError(f"date knows no {found[0]}") from None


def check(pattern: str) -> None:
    """Check the pattern of the filter `date`; raises ValueError if a letter after `%` is not in `DIRECTIVES`."""
    for found in _DIRECTIVE.finditer(pattern):
        directive(found)


def day(value: Any, tongue: locale_formats.Tongue, zone: datetime.tzinfo) -> str:
    """Return the date of a time as text, for the filter `tanggal`: `25 Desember 2026`."""
    return date(value, "%-d %B %Y", tongue, zone)


def weekday(value: Any, tongue: locale_formats.Tongue, zone: datetime.tzinfo) -> str:
    """Return the day of the week as text, for the filter `hari`: `Jumat`."""
    return date(value, "%A", tongue, zone)


def clock(value: Any, tongue: locale_formats.Tongue, zone: datetime.tzinfo) -> str:
    """Return the time of the day as text, for the filter `jam`: `09.00`, in English `09:00`.

    Raises ValueError for a date without a time, such as `2026-12-25`. Otherwise the text would be `00.00`, and a customer would
    read that something happens at midnight.
    """
    if isinstance(value, str) and _BARE.fullmatch(value):
        raise ValueError(f"{value} is a day without an hour")
    return date(value, f"%H{tongue.clock}%M", tongue, zone)


def moment(value: Any, zone: datetime.tzinfo) -> datetime.datetime:
    """Return a value as a local time in `zone`.

    The value is a datetime with a zone, a text in RFC 3339, or a date without a time: `2026-12-25` means 00:00 of this day in
    `zone`. Raises ValueError for any other value.
    """
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
    """Return an amount of money as text in rupiah: `275000 | rupiah` is `Rp275.000`.

    The amount is rounded half up to whole rupiah. In every language, dots separate the thousands, as in Indonesian prices.
    """
    number = int(_number(value).quantize(decimal.Decimal(1), rounding=decimal.ROUND_HALF_UP))
    return f"{'-' if number < 0 else ''}Rp{abs(number):,}".replace(",", ".")


def thousands(value: Any, tongue: locale_formats.Tongue) -> str:
    """Return a number as text with separators, for the filter `ribuan`: `1.234.567`, in English `1,234,567`.

    The number is rounded half up to at most three decimals, as in CLDR's pattern `#,##0.###`.
    """
    number = _number(value).quantize(decimal.Decimal("0.001"), rounding=decimal.ROUND_HALF_UP)
    whole, _, fraction = f"{abs(number):,}".partition(".")
    fraction = fraction.rstrip("0")
    sign = "-" if number < 0 else ""
    return sign + whole.replace(",", tongue.thousands) + (tongue.decimal + fraction if fraction else "")


def plural(value: Any, one: Any, many: Any) -> Any:
    """Return the word `one` if the value is exactly 1, and the word `many` for any other number.

    Use it in a template as `{{ n }} {{ n | plural: "item", "items" }}`.
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
