"""The calendar against slow, obvious functions: they look at the customer's clock minute by minute."""

import calendar as months
import datetime
from collections.abc import Callable, Iterator
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from engine.core.model import definition
from engine.core.rules import calendar
from tests import zones

MINUTE = datetime.timedelta(minutes=1)
DAY = datetime.timedelta(days=1)
minutes = st.integers(0, 1439)
weekdays = st.lists(st.integers(0, 6), unique=True, max_size=3).map(lambda each: tuple(sorted(each)))


def shown(at: datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime:
    """What a clock on the wall shows."""
    return at.astimezone(zone).replace(tzinfo=None)


def first_shown(wall: datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime:
    """The first minute at which the clock on the wall shows `wall`, or a later time because it jumped over it."""
    at = (wall - 2 * DAY).replace(tzinfo=datetime.UTC)
    while shown(at, zone) < wall:
        at += MINUTE
    return at


def occurrences(start: datetime.date, minute: int, zone: datetime.tzinfo) -> Iterator[tuple[datetime.date, datetime.datetime]]:
    """Every day from `start` on, and when its `minute` is."""
    while True:
        yield start, first_shown(datetime.datetime(start.year, start.month, start.day) + minute * MINUTE, zone)
        start += DAY


def first_of(
    at: datetime.datetime, minute: int, zone: datetime.tzinfo, allowed: Callable[[datetime.date], bool]
) -> datetime.datetime:
    """The first of the days that are allowed whose `minute` is not before `at`."""
    date = shown(at, zone).date() - 2 * DAY
    while True:
        if allowed(date):
            moment = next(occurrences(date, minute, zone))[1]
            if moment >= at:
                return moment
        date += DAY


def slow_payday(year: int, month: int, rules: definition.Calendar, holidays: set[datetime.date]) -> datetime.date:
    """Cross out the days that are free, and take the nearest that is left on the right side."""
    date = datetime.date(year, month, min(rules.payday, months.monthrange(year, month)[1]))
    around = [date + each * DAY for each in range(-60, 61)]
    working = [each for each in around if months.day_name[each.weekday()] not in ("Saturday", "Sunday") and each not in holidays]
    match rules.payday_shift:
        case "previous":
            return max(each for each in working if each <= date)
        case "next":
            return min(each for each in working if each >= date)
        case "none":
            return date


@st.composite
def rules(draw: st.DrawFn, around: datetime.date) -> tuple[definition.Calendar, set[datetime.date]]:
    """Rules of payday, and holidays in the three months around a date; in runs, as feasts come."""
    shift: Literal["previous", "next", "none"] = draw(st.sampled_from(["previous", "next", "none"]))
    holidays: set[datetime.date] = set()
    for start, length in draw(st.lists(st.tuples(st.integers(-50, 50), st.integers(1, 9)), max_size=4)):
        holidays |= {around + (start + each) * DAY for each in range(length)}
    return definition.Calendar(payday=draw(st.integers(1, 31)), payday_shift=shift), holidays


@given(st.data(), st.integers(0, 1440))
def test_a_time_of_a_day_is_when_the_clock_first_shows_it(data: st.DataObject, minute: int) -> None:
    """Non-existent local times go to the next valid one, ambiguous ones to the first."""
    zone = data.draw(zones.zones)
    date = shown(data.draw(zones.moments(zone)), zone).date()
    wall = datetime.datetime(date.year, date.month, date.day) + minute * MINUTE
    assert calendar.instant(date, minute, zone) == first_shown(wall, zone)


@given(st.data())
def test_the_next_day_begins_when_the_date_turns(data: st.DataObject) -> None:
    """Midnight is the first moment after now with a later date, also where clocks go back over it."""
    zone = data.draw(zones.zones)
    at = data.draw(zones.moments(zone))
    slow = at
    while shown(slow, zone).date() <= shown(at, zone).date():
        slow += MINUTE
    tomorrow = calendar.day(at, zone) + DAY
    assert calendar.reaches(tomorrow, at, zone) == slow
    assert calendar.reaches(tomorrow, at + datetime.timedelta(milliseconds=1), zone) == slow


@given(st.data(), minutes, weekdays)
def test_a_wait_until_a_time_ends_at_the_first_that_is_allowed(data: st.DataObject, minute: int, days: tuple[int, ...]) -> None:
    """`until` a time that is exactly now is reached now; else the next one on an allowed weekday."""
    zone = data.draw(zones.zones)
    at = data.draw(zones.moments(zone))
    expected = first_of(at, minute, zone, lambda date: not days or date.weekday() in days)
    assert calendar.next_time(at, minute, days, zone) == expected
    assert calendar.next_time(expected, minute, days, zone) == expected


@given(st.data())
def test_payday_is_the_nearest_working_day(data: st.DataObject) -> None:
    """Payday moves over weekends and holidays to the side that is set, or not at all; day 31 is the month's last."""
    date = data.draw(st.dates(datetime.date(2005, 1, 1), datetime.date(2040, 12, 31)))
    rule, holidays = data.draw(rules(date))
    assert calendar.payday(date.year, date.month, rule, holidays) == slow_payday(date.year, date.month, rule, holidays)


@given(st.data(), minutes)
def test_the_next_payday_may_be_of_a_neighbouring_month(data: st.DataObject, minute: int) -> None:
    """The first payday not before now, of whatever month's wages."""
    zone = data.draw(zones.zones)
    at = data.draw(zones.moments(zone))
    today = shown(at, zone).date()
    rule, holidays = data.draw(rules(today))
    near = [today.replace(day=1) + each * 28 * DAY for each in range(-3, 5)]
    paydays = {slow_payday(each.year, each.month, rule, holidays) for each in near}
    assert calendar.next_payday(at, minute, rule, holidays, zone) == first_of(at, minute, zone, paydays.__contains__)


@given(st.data(), minutes)
def test_a_schedule_comes_next_strictly_after_now(data: st.DataObject, minute: int) -> None:
    """Each kind of schedule has its next entry after now, and none twice; a month without the day is passed over."""
    zone = data.draw(zones.zones)
    at = data.draw(zones.moments(zone))
    today = shown(at, zone).date()
    rule, holidays = data.draw(rules(today))
    days = data.draw(weekdays.filter(bool))
    number = data.draw(st.integers(1, 31))
    near = [today.replace(day=1) + each * 28 * DAY for each in range(-3, 5)]
    paydays = {slow_payday(each.year, each.month, rule, holidays) for each in near}
    allowed: dict[str, Callable[[datetime.date], bool]] = {
        "day": lambda date: True,
        "weekday": lambda date: date.weekday() in days,
        "month": lambda date: date.day == number,
        "payday": paydays.__contains__,
    }
    every: Literal["day", "weekday", "month", "payday"] = data.draw(st.sampled_from(["day", "weekday", "month", "payday"]))
    schedule = definition.Schedule(minute, every, days=days, day=number)
    later = first_of(at + datetime.timedelta(milliseconds=1), minute, zone, allowed[every])
    assert calendar.next_entry(at, schedule, rule, holidays, zone) == later
    just_before = later - datetime.timedelta(milliseconds=1)
    assert calendar.next_entry(just_before, schedule, rule, holidays, zone) == later


@given(st.data(), minutes, st.integers(-2, 2))
def test_a_date_comes_once(data: st.DataObject, minute: int, away: int) -> None:
    """A schedule for one date has a next entry until it has come, and then never again."""
    zone = data.draw(zones.zones)
    at = data.draw(zones.moments(zone))
    date = shown(at, zone).date() + away * DAY
    moment = first_shown(datetime.datetime(date.year, date.month, date.day) + minute * MINUTE, zone)
    schedule = definition.Schedule(minute, "once", date=date)
    assert calendar.next_entry(at, schedule, definition.Calendar(), (), zone) == (moment if moment > at else None)
