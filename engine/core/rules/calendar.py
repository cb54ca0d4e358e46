"""The customer's calendar: local days, times of the day, paydays and schedules as moments in UTC.

Called by the wait steps, the schedules, the frequency caps and the quiet hours. The callers pass time zones as `tzinfo` objects
and holidays as a set of dates, so this file does not know the names of zones or countries. It reads no clock.

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
    """Return the moment `at` as the customer's local time."""
    return at.astimezone(zone)


def day(at: datetime.datetime, zone: datetime.tzinfo) -> datetime.date:
    """Return the customer's local date at the moment `at`."""
    return at.astimezone(zone).date()


def instant(day: datetime.date, minute: int, zone: datetime.tzinfo) -> datetime.datetime:
    """Return the moment at which the customer's clock first shows the minute `minute` of `day`, such as 540 for 09:00.

    `minute` is from 0 to 1440. If the clock jumps over this minute, return the moment of the jump.
    """
    wall = datetime.datetime(day.year, day.month, day.day) + datetime.timedelta(minutes=minute)
    at = _utc(wall, zone, 0)
    if at.astimezone(zone).replace(tzinfo=None) == wall:
        return at
    # `wall` is in a gap. Then fold=0 takes the offset from before the gap and returns a moment after the gap; fold=1 takes the
    # offset from after the gap and returns a moment before the gap.
    return change(_utc(wall, zone, 1), at, zone) or at


def change(after: datetime.datetime, until: datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime | None:
    """Return the moment at which the zone's UTC offset changes, after `after` and not after `until`; None if it does not change.

    `until` must be at most a week after `after`. The function searches only if the offsets at `after` and at `until` differ, so
    it would not find two changes in between of which the second undoes the first.
    """
    before = after.astimezone(zone).utcoffset()
    if until.astimezone(zone).utcoffset() == before:
        return None
    # Clocks change at whole seconds of UTC, so the search is for a whole second.
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
    """Return the first moment, not before `at`, at which the customer's local date is `day` or later."""
    if at.astimezone(zone).date() >= day:
        return at
    start = instant(day, 0, zone)
    # If clocks go back over midnight, the day begins twice, and the day before returns in between. If `at` is in between, the
    # result is the second beginning.
    return start if start > at else _utc(datetime.datetime(day.year, day.month, day.day), zone, 1)


def next_time(at: datetime.datetime, minute: int, days: tuple[int, ...], zone: datetime.tzinfo) -> datetime.datetime:
    """Return the first moment, not before `at`, that is the minute `minute` of a local day (540 is 09:00).

    If `days` is not empty, only these weekdays count (0 is Monday). If `at` itself is such a moment, return `at`.
    """
    # Start at yesterday: if clocks skip a time before midnight, the skipped time may mean the first moment of today.
    date = day(at, zone) - DAY
    while True:
        if not days or date.weekday() in days:
            moment = instant(date, minute, zone)
            if moment >= at:
                return moment
        date += DAY


def payday(year: int, month: int, rules: definition.Calendar, holidays: Container[datetime.date]) -> datetime.date:
    """Return the date on which wages are paid for a month.

    The date is the day `rules.payday` of the month, or the last day of a month that is too short. If the date is a Saturday, a
    Sunday or a holiday, `rules.payday_shift` moves it: `previous` to the working day before (the custom of private employers in
    Indonesia), `next` to the working day after (the custom of its civil service), `none` not at all. The date may move into
    another month.
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
    """Return the first moment, not before `at`, that is the minute `minute` of a payday (540 is 09:00)."""

    def moment(months: int) -> datetime.datetime:
        return instant(payday(months // 12, months % 12 + 1, rules, holidays), minute, zone)

    today = day(at, zone)
    months = today.year * 12 + today.month - 1
    # A payday that has moved may be in the month before or after its own. Paydays of later months are never earlier.
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
    """Return the first time after `at` at which the schedule enters customers, or None if the schedule is over."""
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
    """Return the moment that a value of an expression means, cut to milliseconds, or None if the value is not a date.

    The value may be a timestamp with a zone, an RFC 3339 text, or a text `YYYY-MM-DD`, which means the first moment of this day
    in `zone`. Any other value is not a date, and neither is a year outside the limits of `inputs.bounded`.
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
    # A month without the day `number` is skipped. The search starts at yesterday for the same reason as in `next_time`.
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
