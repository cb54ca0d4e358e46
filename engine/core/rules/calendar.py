"""The customer's calendar: local days, times of the day, paydays and schedules as moments in UTC.

Called by the waits, the schedules, the caps and the quiet hours. A zone comes in as a `tzinfo`, holidays as a set of dates: this
file knows no name of a zone and no country. It reads no clock.

1. A local time that is skipped (clocks go forward) means the moment at which the gap ends.
2. A local time that happens twice (clocks go back) means the first of the two moments.
"""

import datetime
import re
from collections.abc import Container
from typing import Final

from engine.core import errors
from engine.core.model import definition, inputs

SECOND: Final = datetime.timedelta(seconds=1)
DAY: Final = datetime.timedelta(days=1)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def local(at: datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime:
    """Return the time that the customer's clock shows at `at`."""
    return at.astimezone(zone)


def day(at: datetime.datetime, zone: datetime.tzinfo) -> datetime.date:
    """Return the customer's date at `at`."""
    return at.astimezone(zone).date()


def instant(day: datetime.date, minute: int, zone: datetime.tzinfo) -> datetime.datetime:
    """Return the moment at which the customer's clock first shows `minute` (0 to 1440) of `day`, or jumps over that minute."""
    wall = datetime.datetime(day.year, day.month, day.day) + datetime.timedelta(minutes=minute)
    at = _utc(wall, zone, 0)
    if at.astimezone(zone).replace(tzinfo=None) == wall:
        return at
    # In a gap, fold=0 uses the offset before the gap (a moment after the gap), fold=1 the one after it (a moment before the gap).
    return change(_utc(wall, zone, 1), at, zone) or at


def change(after: datetime.datetime, until: datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime | None:
    """Return the moment in (after, until] from which the zone's offset differs from that at `after`, or None if it stays.

    If the clocks change and change back in between, neither change is seen: `until` is at most a week after `after`.
    """
    before = after.astimezone(zone).utcoffset()
    if until.astimezone(zone).utcoffset() == before:
        return None
    # Zones change at whole seconds of UTC.
    low = after.replace(microsecond=0)
    seconds, rest = divmod(until - low, SECOND)
    floor, ceiling = 0, seconds + (1 if rest else 0)
    while ceiling - floor > 1:
        middle = (floor + ceiling) // 2
        if (low + middle * SECOND).astimezone(zone).utcoffset() == before:
            floor = middle
        else:
            ceiling = middle
    return low + ceiling * SECOND


def reaches(day: datetime.date, at: datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime:
    """Return the first moment, not before `at`, at which the customer's date is `day` or later."""
    if at.astimezone(zone).date() >= day:
        return at
    start = instant(day, 0, zone)
    # Where clocks go back over midnight, the day begins, ends and begins again; `at` may be before the second beginning.
    return start if start > at else _utc(datetime.datetime(day.year, day.month, day.day), zone, 1)


def next_time(at: datetime.datetime, minute: int, days: tuple[int, ...], zone: datetime.tzinfo) -> datetime.datetime:
    """Return the first moment, not before `at`, that is `minute` of a local day.

    With `days` (weekdays, 0 is Monday), other days are skipped. If `at` itself is such a moment, return `at`.
    """
    # Start at yesterday: a time of yesterday that does not exist may become today's first moment.
    date = day(at, zone) - DAY
    while True:
        if not days or date.weekday() in days:
            moment = instant(date, minute, zone)
            if moment >= at:
                return moment
        date += DAY


def payday(year: int, month: int, rules: definition.Calendar, holidays: Container[datetime.date]) -> datetime.date:
    """Return the day on which the wages of a month are paid.

    A month that is too short pays on its last day. From a Saturday, a Sunday or a holiday the payday moves to the working day
    before (the custom of private employers in Indonesia) or after (that of its civil service), into another month if need be.
    """
    first_of_next = datetime.date(year + month // 12, month % 12 + 1, 1)
    date = datetime.date(year, month, min(rules.payday, (first_of_next - DAY).day))
    if rules.payday_shift != "none":
        step = DAY if rules.payday_shift == "next" else -DAY
        while date.weekday() >= 5 or date in holidays:
            date += step
    return date


def next_payday(
    at: datetime.datetime,
    minute: int,
    rules: definition.Calendar,
    holidays: Container[datetime.date],
    zone: datetime.tzinfo,
) -> datetime.datetime:
    """Return the first moment, not before `at`, that is `minute` of a payday."""

    def moment(months: int) -> datetime.datetime:
        return instant(payday(months // 12, months % 12 + 1, rules, holidays), minute, zone)

    today = day(at, zone)
    months = today.year * 12 + today.month - 1
    # A payday that moved may be in a neighbouring month; the paydays of later months are never earlier.
    while moment(months - 1) >= at:
        months -= 1
    while (found := moment(months)) < at:
        months += 1
    return found


def next_entry(
    at: datetime.datetime,
    schedule: definition.Schedule,
    rules: definition.Calendar,
    holidays: Container[datetime.date],
    zone: datetime.tzinfo,
) -> datetime.datetime | None:
    """Return the first time of a schedule after `at`, or None if the schedule is over."""
    after = at + inputs.MILLISECOND
    match schedule.every:
        case "day":
            return next_time(after, schedule.minute, (), zone)
        case "weekday":
            return next_time(after, schedule.minute, schedule.days, zone)
        case "payday":
            return next_payday(after, schedule.minute, rules, holidays, zone)
        case "month":
            return _next_of_month(after, schedule.day, schedule.minute, zone)
        case "once":
            moment = None if schedule.date is None else instant(schedule.date, schedule.minute, zone)
            return moment if moment is not None and moment > at else None


def dated(value: object, zone: datetime.tzinfo) -> datetime.datetime | None:
    """Return the moment that a date means, cut to milliseconds, or None.

    A date is a timestamp, an RFC 3339 text or a bare `YYYY-MM-DD`, which means the first moment of that day in the zone. Any
    other value gives None, and so do a timestamp without a zone and a year that `inputs.bounded` refuses.
    """
    try:
        if isinstance(value, datetime.datetime):
            return inputs.bounded(_cut(value)) if value.tzinfo is not None else None
        if not isinstance(value, str):
            return None
        if not _DATE.fullmatch(value):
            return inputs.instant(value)
        return inputs.bounded(instant(datetime.date.fromisoformat(value), 0, zone))
    except (errors.NotATime, ValueError, OverflowError):
        return None


def _next_of_month(after: datetime.datetime, number: int, minute: int, zone: datetime.tzinfo) -> datetime.datetime:
    # A month without the day is skipped. The search starts at yesterday for the reason that `next_time` gives.
    date = day(after, zone) - DAY
    while True:
        if date.day == number:
            moment = instant(date, minute, zone)
            if moment >= after:
                return moment
        date += DAY


def _cut(at: datetime.datetime) -> datetime.datetime:
    at = at.astimezone(datetime.UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _utc(wall: datetime.datetime, zone: datetime.tzinfo, fold: int) -> datetime.datetime:
    return wall.replace(tzinfo=zone, fold=fold).astimezone(datetime.UTC)
