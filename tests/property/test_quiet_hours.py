"""Quiet hours against a function that looks at the customer's clock minute by minute."""

import datetime

from hypothesis import given
from hypothesis import strategies as st

from engine.core.model import definition
from engine.core.rules import quiet_hours
from tests import zones

MINUTE = datetime.timedelta(minutes=1)
DAY = datetime.timedelta(days=1)
edges = st.integers(0, 1440) | st.integers(0, 48).map(lambda each: each * 30)


def rings(rule: definition.QuietHours, at: datetime.datetime, zone: datetime.tzinfo, holidays: set[datetime.date]) -> bool:
    """Whether a phone may ring, by what the clock on the wall shows."""
    shown = at.astimezone(zone)
    if shown.weekday() in rule.days_off or (rule.holidays_off and shown.date() in holidays):
        return False
    quiet = set(range(rule.start, rule.end) if rule.start <= rule.end else [*range(rule.start, 1440), *range(rule.end)])
    return shown.hour * 60 + shown.minute not in quiet


@st.composite
def rules(draw: st.DrawFn, around: datetime.date) -> tuple[definition.QuietHours, set[datetime.date]]:
    days_off = draw(st.just(()) | st.lists(st.integers(0, 6), unique=True, max_size=3).map(tuple))
    holidays = {around + draw(st.integers(-1, 6)) * DAY for _ in range(draw(st.integers(0, 3)))}
    return definition.QuietHours(draw(edges), draw(edges), days_off, draw(st.booleans())), holidays


@given(st.data())
def test_it_opens_at_the_first_minute_that_may_ring(data: st.DataObject) -> None:
    """No earlier and no later than the first minute whose wall clock is outside the quiet hours, days off and holidays."""
    zone = data.draw(zones.zones)
    at = data.draw(zones.moments(zone))
    rule, holidays = data.draw(rules(at.date()))
    slow = at
    while not rings(rule, slow, zone, holidays) and slow < at + 14 * DAY:
        slow += MINUTE
    opens = quiet_hours.opens_at(rule, at, zone, holidays)
    assert opens == (slow if slow < at + 14 * DAY else None)


@given(st.data())
def test_it_closes_at_the_first_minute_that_may_not_ring(data: st.DataObject) -> None:
    """What is open stays open until exactly then."""
    zone = data.draw(zones.zones)
    at = data.draw(zones.moments(zone))
    rule, holidays = data.draw(rules(at.date()))
    slow = at
    while rings(rule, slow, zone, holidays) and slow < at + 14 * DAY:
        slow += MINUTE
    closes = quiet_hours.closes_at(rule, at, zone, holidays)
    assert closes == (slow if slow < at + 14 * DAY else None)


@given(st.data(), st.integers(0, 59_999))
def test_between_opening_and_closing_every_minute_may_ring(data: st.DataObject, milliseconds: int) -> None:
    """From a moment inside a minute too: a message planned for the opening has until the closing, and not a moment of it is quiet."""
    zone = data.draw(zones.zones)
    at = data.draw(zones.moments(zone)) + datetime.timedelta(milliseconds=milliseconds)
    rule, holidays = data.draw(rules(at.date()))
    opens = quiet_hours.opens_at(rule, at, zone, holidays)
    if opens is None:
        return
    assert opens >= at
    assert rings(rule, opens, zone, holidays)
    closes = quiet_hours.closes_at(rule, opens, zone, holidays)
    if closes is None:
        return
    assert not rings(rule, closes, zone, holidays)
    last = min(closes, opens + 2 * DAY) - datetime.timedelta(milliseconds=1)
    assert rings(rule, last, zone, holidays)
    while opens <= last:
        assert rings(rule, opens, zone, holidays)
        opens += MINUTE


@given(st.data(), st.lists(st.integers(0, 3 * 1440 * 60_000), min_size=2, max_size=6))
def test_what_was_found_last_holds_for_whoever_asks_next(data: st.DataObject, later: list[int]) -> None:
    """Asked in any order, the hours that remember a stretch answer as those that look each time."""
    zone = data.draw(zones.zones)
    start = data.draw(zones.moments(zone))
    rule, holidays = data.draw(rules(start.date()))
    remembering = quiet_hours.Hours(holidays)
    for milliseconds in later:
        at = start + datetime.timedelta(milliseconds=milliseconds)
        assert remembering.opens_at(rule, at, zone) == quiet_hours.opens_at(rule, at, zone, holidays)
        assert remembering.closes_at(rule, at, zone) == quiet_hours.closes_at(rule, at, zone, holidays)
