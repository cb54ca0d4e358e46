"""Quiet hours: when a purpose may not ring.

Called by policy.py for every attempt. Knows nothing of channels, caps or consent.

What the customer's own clock shows decides: minutes that do not exist are neither quiet nor open, and minutes that happen
twice are quiet both times. `20:00-08:00`: 20:00 is quiet, 08:00 is open.
"""

import datetime
from collections.abc import Container
from typing import Final

from engine.core import calendar, definition

HORIZON: Final = datetime.timedelta(days=366)
"""Where no moment is found within this, there is none."""


def quiet(rule: definition.QuietHours, wall: datetime.datetime, holidays: Container[datetime.date]) -> bool:
    """Whether the rule is quiet when the customer's clock shows `wall`."""
    if wall.weekday() in rule.days_off or (rule.holidays_off and wall.date() in holidays):
        return True
    minute = wall.hour * 60 + wall.minute
    if rule.start <= rule.end:
        return rule.start <= minute < rule.end
    return minute >= rule.start or minute < rule.end


def opens_at(
    rule: definition.QuietHours, at: datetime.datetime, zone: datetime.tzinfo, holidays: Container[datetime.date]
) -> datetime.datetime | None:
    """The first moment at or after `at` that is open, `at` itself if it is; None: none within 366 days."""
    return _first(rule, at, zone, holidays, wanted=False)


def closes_at(
    rule: definition.QuietHours, at: datetime.datetime, zone: datetime.tzinfo, holidays: Container[datetime.date]
) -> datetime.datetime | None:
    """The first moment at or after `at` that is quiet, `at` itself if it is; None: none within 366 days."""
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
    """The first moment from `at` on at which `quiet` is `wanted`.

    Walks over stretches in which the clock runs evenly: to the next midnight or, before it, to where the clocks change.
    Within one, the answer changes only where the window starts or ends.
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
