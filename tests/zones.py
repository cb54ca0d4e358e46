"""Zones for tests, from the engine's own port: the places where clocks do odd things, and all others."""

import datetime
import functools
import itertools

from hypothesis import strategies as st

from engine.authoring import public_calendars

ODD = (
    "Asia/Jakarta",
    "Asia/Makassar",
    "Asia/Jayapura",
    "America/New_York",
    "Australia/Lord_Howe",  # clocks move by 30 minutes
    "Pacific/Apia",  # had no 30 December 2011
    "America/St_Johns",  # until 2011 clocks went back at 00:01, over midnight
    "America/Sao_Paulo",  # until 2019 clocks changed at midnight
    "Africa/Cairo",  # clocks go forward at midnight
    "America/Caracas",  # moved by half an hour in 2007 and back in 2016
    "Africa/Casablanca",  # clocks change around Ramadan
    "Asia/Pyongyang",  # half an hour back in 2015, forward in 2018
    "Europe/London",
    "Asia/Kathmandu",
)


def zone(name: str) -> datetime.tzinfo:
    found = public_calendars.Zones().zone(name)
    assert found is not None
    return found


def utc(text: str) -> datetime.datetime:
    """`2026-11-25 13:00` as a moment."""
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


@functools.cache
def changes(zone: datetime.tzinfo, year: int) -> list[datetime.datetime]:
    """Every moment of a year before which, within an hour, an offset changes."""
    start = datetime.datetime(year, 1, 1, tzinfo=datetime.UTC)
    days = [start + datetime.timedelta(days=each) for each in range(367)]
    return [
        hour
        for before, after in itertools.pairwise(days)
        if before.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset()
        for hour in (before + datetime.timedelta(hours=each) for each in range(1, 25))
        if hour.astimezone(zone).utcoffset() != (hour - datetime.timedelta(hours=1)).astimezone(zone).utcoffset()
    ]


zones = st.sampled_from(ODD).map(zone) | st.sampled_from(sorted(public_calendars.names())).map(zone)


@st.composite
def moments(draw: st.DrawFn, zone: datetime.tzinfo) -> datetime.datetime:
    """A whole minute of 2005 to 2040, in half of the examples within two days of a change of the clocks."""
    year = draw(st.integers(2005, 2040))
    near = changes(zone, year) if draw(st.booleans()) else []
    if near:
        return draw(st.sampled_from(near)) + datetime.timedelta(minutes=draw(st.integers(-2 * 1440, 2 * 1440)))
    return datetime.datetime(year, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(minutes=draw(st.integers(0, 366 * 1440)))
