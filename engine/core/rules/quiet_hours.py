"""Quiet hours: the hours in which messages of a purpose are not sent.

`send_policy.py` uses the object `Catalog.hours`, which is an `Hours` from this file.

Quiet hours are in the customer's local time. With `20:00-08:00`, the minute 20:00 is quiet and the minute 08:00 is not. When
clocks go back, a quiet minute that happens twice is quiet both times.
"""

import datetime
from collections.abc import Container
from typing import Final

from engine.core.model import definition
from engine.core.rules import calendar

HORIZON: Final = datetime.timedelta(days=366)
"""The longest time ahead for which the functions search for the start or the end of quiet hours."""


def quiet(rule: definition.QuietHours, wall: datetime.datetime, holidays: Container[datetime.date]) -> bool:
    """Return True if `wall`, a local time of the customer, is in the quiet hours of the rule."""
    if wall.weekday() in rule.days_off or (rule.holidays_off and wall.date() in holidays):
        return True
    minute = wall.hour * 60 + wall.minute
    if rule.start <= rule.end:
        return rule.start <= minute < rule.end
    return minute >= rule.start or minute < rule.end


class Hours:
    """The functions `opens_at` and `closes_at` with a cache, which has the period found last for each rule and zone.

    Many customers are in the same zone, and their messages come in the same night or day, so most results are in the cache.
    """

    def __init__(self, holidays: Container[datetime.date]) -> None:
        self._holidays = holidays
        self._known: dict[tuple[definition.QuietHours, datetime.tzinfo], _Stretch] = {}

    def opens_at(self, rule: definition.QuietHours, at: datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime | None:
        """Return the same moment as the function `opens_at` of this file, from the cache if possible."""
        since, until, is_open = self._known.get((rule, zone), (at, at, False))
        if since <= at < until:
            return at if is_open else until
        found = opens_at(rule, at, zone, self._holidays)
        if found is not None and found > at:
            self._known[rule, zone] = (at, found, False)
        return found

    def closes_at(self, rule: definition.QuietHours, at: datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime | None:
        """Return the same moment as the function `closes_at` of this file, from the cache if possible."""
        since, until, is_open = self._known.get((rule, zone), (at, at, False))
        if is_open and since <= at < until:
            return until
        found = closes_at(rule, at, zone, self._holidays)
        if found is not None and found > at:
            self._known[rule, zone] = (at, found, True)
        return found


_Stretch = tuple[datetime.datetime, datetime.datetime, bool]
"""A period of the cache, `(from, until, is_open)`; `until` is not included, and `is_open` is True outside quiet hours."""


def opens_at(
    rule: definition.QuietHours, at: datetime.datetime, zone: datetime.tzinfo, holidays: Container[datetime.date]
) -> datetime.datetime | None:
    """Return the first moment, not before `at`, that is outside quiet hours, or None if there is none within 366 days."""
    return _first(rule, at, zone, holidays, wanted=False)


def closes_at(
    rule: definition.QuietHours, at: datetime.datetime, zone: datetime.tzinfo, holidays: Container[datetime.date]
) -> datetime.datetime | None:
    """Return the first moment, not before `at`, that is in quiet hours, or None if there is none within 366 days."""
    if rule.start == rule.end and not rule.days_off and not rule.holidays_off:
        return None
    return _first(rule, at, zone, holidays, wanted=True)


def _first(
    rule: definition.QuietHours,
    at: datetime.datetime,
    zone: datetime.tzinfo,
    holidays: Container[datetime.date],
    *,
    wanted: bool,
) -> datetime.datetime | None:
    """Return the first moment, not before `at`, at which `quiet` returns `wanted`, or None if there is none within 366 days.

    The search goes from period to period. A period ends at the next local midnight or, if the clocks change earlier, at this
    change. Within a period, the result of `quiet` can change only at the start and the end of the quiet hours.
    """
    limit = at + HORIZON
    while at <= limit:
        shown = calendar.local(at, zone)
        offset = shown.utcoffset()
        assert offset is not None
        wall = shown.replace(tzinfo=None)
        midnight = datetime.datetime(wall.year, wall.month, wall.day)
        tonight = at + (midnight + calendar.DAY - wall)
        end = calendar.change(at, tonight, zone) or tonight
        edges = sorted(midnight + datetime.timedelta(minutes=minute) for minute in (rule.start, rule.end))
        for edge in (wall, *edges):
            moment = at + (edge - wall)
            if at <= moment < end and quiet(rule, edge, holidays) is wanted:
                return moment if moment <= limit else None
        at = end
    return None
