"""Quiet hours: the hours in which messages of a purpose are not sent.

`send_policy.py` calls `Hours`, which the catalog holds. Channels, caps and consent are not handled here.

The time on the customer's own clock decides. When clocks go forward, the skipped minutes do not count. When clocks go back, a
quiet minute that happens twice is quiet both times. With `20:00-08:00`, 20:00 is quiet and 08:00 is open.
"""

import datetime
from collections.abc import Container
from typing import Final

from engine.core.model import definition
from engine.core.rules import calendar

HORIZON: Final = datetime.timedelta(days=366)
"""The longest time in the future in which an open or a quiet moment is searched."""


def quiet(rule: definition.QuietHours, wall: datetime.datetime, holidays: Container[datetime.date]) -> bool:
    """Return True if the rule is quiet when the customer's clock shows `wall`."""
    if wall.weekday() in rule.days_off or (rule.holidays_off and wall.date() in holidays):
        return True
    minute = wall.hour * 60 + wall.minute
    if rule.start <= rule.end:
        return rule.start <= minute < rule.end
    return minute >= rule.start or minute < rule.end


class Hours:
    """The functions `opens_at` and `closes_at` with a cache: the last stretch found for each rule and zone.

    Many customers of one zone are judged about the same night, so most calls are answered from the cache.
    """

    def __init__(self, holidays: Container[datetime.date]) -> None:
        self._holidays = holidays
        self._known: dict[tuple[definition.QuietHours, datetime.tzinfo], _Stretch] = {}

    def opens_at(self, rule: definition.QuietHours, at: datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime | None:
        """Return the same moment as the function `opens_at`."""
        since, until, is_open = self._known.get((rule, zone), (at, at, False))
        if since <= at < until:
            return at if is_open else until
        found = opens_at(rule, at, zone, self._holidays)
        if found is not None and found > at:
            self._known[rule, zone] = (at, found, False)
        return found

    def closes_at(self, rule: definition.QuietHours, at: datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime | None:
        """Return the same moment as the function `closes_at`."""
        since, until, is_open = self._known.get((rule, zone), (at, at, False))
        if is_open and since <= at < until:
            return until
        found = closes_at(rule, at, zone, self._holidays)
        if found is not None and found > at:
            self._known[rule, zone] = (at, found, True)
        return found


_Stretch = tuple[datetime.datetime, datetime.datetime, bool]
"""(from, until, open): `until` is not included, and `open` is True if the stretch is not quiet."""


def opens_at(
    rule: definition.QuietHours, at: datetime.datetime, zone: datetime.tzinfo, holidays: Container[datetime.date]
) -> datetime.datetime | None:
    """Return the first moment at or after `at` that is not quiet, or None if there is none within 366 days."""
    return _first(rule, at, zone, holidays, wanted=False)


def closes_at(
    rule: definition.QuietHours, at: datetime.datetime, zone: datetime.tzinfo, holidays: Container[datetime.date]
) -> datetime.datetime | None:
    """Return the first moment at or after `at` that is quiet, or None if there is none within 366 days."""
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
    """Return the first moment, not before `at`, at which `quiet` is `wanted`, or None if there is none within 366 days.

    The search goes through stretches of time without a change of the clocks. A stretch ends at the next midnight, or at a change
    of the clocks before it. Within a stretch, only the start and the end of the quiet hours can change the answer.
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
