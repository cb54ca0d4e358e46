"""Filters of Dalang's own for Liquid: dates, numbers, plurals.

Pure functions of the value, the tongue of the body and the customer's zone; `templates.py` gives them to Liquid. None knows
a clock: "now" as text is no time. A value that cannot be written raises ValueError with the reason.
"""

import datetime
import decimal
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.authoring import tongues
from engine.core import errors, inputs

_DIRECTIVE: Final = re.compile(r"%(-?)(.?)", re.DOTALL)
_BARE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOST_DIGITS: Final = 27

Written = Callable[[datetime.datetime, tongues.Tongue], str]

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
"""The letters of strftime that do not ask the machine for its language."""


def date(value: Any, pattern: Any, tongue: tongues.Tongue, zone: datetime.tzinfo) -> str:
    """`"2026-12-25T02:00:00Z" | date: "%A, %d %B %Y"` is `Jumat, 25 Desember 2026`; `%-d` leaves zeros out."""
    at = moment(value, zone)

    def written(found: re.Match[str]) -> str:
        text = directive(found)(at, tongue)
        return text.lstrip("0 ") or "0" if found[1] else text

    return _DIRECTIVE.sub(written, str(pattern))


def directive(found: re.Match[str]) -> Written:
    """What a letter of a pattern writes."""
    try:
        return DIRECTIVES[found[2]]
    except KeyError:
        raise ValueError(f"date knows no {found[0]}") from None


def check(pattern: str) -> None:
    """ValueError if the pattern has a letter that `date` does not know."""
    for found in _DIRECTIVE.finditer(pattern):
        directive(found)


def day(value: Any, tongue: tongues.Tongue, zone: datetime.tzinfo) -> str:
    """`tanggal`: 25 Desember 2026."""
    return date(value, "%-d %B %Y", tongue, zone)


def weekday(value: Any, tongue: tongues.Tongue, zone: datetime.tzinfo) -> str:
    """`hari`: Jumat."""
    return date(value, "%A", tongue, zone)


def clock(value: Any, tongue: tongues.Tongue, zone: datetime.tzinfo) -> str:
    """`jam`: 09.00, in English 09:00. A bare date has none: no customer is told to come at midnight."""
    if isinstance(value, str) and _BARE.fullmatch(value):
        raise ValueError(f"{value} is a day without an hour")
    return date(value, f"%H{tongue.clock}%M", tongue, zone)


def moment(value: Any, zone: datetime.tzinfo) -> datetime.datetime:
    """The customer's local time: of RFC 3339 text, of a time, or of a bare date at 00:00 there."""
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
    """`275000 | rupiah` is `Rp275.000`: whole rupiah, half up, thousands with dots, as prices are written in
    Indonesia.
    """
    number = int(_number(value).quantize(decimal.Decimal(1), rounding=decimal.ROUND_HALF_UP))
    return f"{'-' if number < 0 else ''}Rp{abs(number):,}".replace(",", ".")


def thousands(value: Any, tongue: tongues.Tongue) -> str:
    """`ribuan`: 1.234.567, in English 1,234,567; at most three decimals, as CLDR's `#,##0.###`, half up."""
    number = _number(value).quantize(decimal.Decimal("0.001"), rounding=decimal.ROUND_HALF_UP)
    whole, _, fraction = f"{abs(number):,}".partition(".")
    fraction = fraction.rstrip("0")
    sign = "-" if number < 0 else ""
    return sign + whole.replace(",", tongue.thousands) + (tongue.decimal + fraction if fraction else "")


def plural(value: Any, one: Any, many: Any) -> Any:
    """`{{ n }} {{ n | plural: "item", "items" }}`: the first word for exactly one, the second for any other number."""
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
