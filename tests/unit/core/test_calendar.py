"""The customer's calendar by examples: Indonesia's three zones, New York, Lord Howe, Apia and other odd clocks."""

import datetime
import pathlib

import pytest

from engine.core.model import definition
from engine.core.rules import calendar
from tests import zones
from tests.zones import utc

DATA = pathlib.Path(__file__).parents[2] / "data"
INDONESIA = ("Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura")
MAULID = datetime.date(2026, 8, 25)
CHRISTMAS = datetime.date(2026, 12, 25)
CUTI_BERSAMA = datetime.date(2026, 12, 24)


def day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


@pytest.mark.parametrize(
    ("zone", "date", "minute", "expected"),
    [
        ("Asia/Jakarta", "2026-11-25", 540, "2026-11-25 02:00"),
        ("Asia/Makassar", "2026-11-25", 540, "2026-11-25 01:00"),
        ("Asia/Jayapura", "2026-11-25", 540, "2026-11-25 00:00"),
        ("Asia/Jayapura", "2026-11-25", 0, "2026-11-24 15:00"),
        ("Asia/Jakarta", "2026-11-25", 1440, "2026-11-25 17:00"),
        ("America/New_York", "2026-03-08", 119, "2026-03-08 06:59"),  # 01:59, the last minute before the gap
        ("America/New_York", "2026-03-08", 120, "2026-03-08 07:00"),  # 02:00 to 02:59 do not exist: 03:00
        ("America/New_York", "2026-03-08", 150, "2026-03-08 07:00"),
        ("America/New_York", "2026-03-08", 180, "2026-03-08 07:00"),
        ("America/New_York", "2026-11-01", 90, "2026-11-01 05:30"),  # 01:30 happens twice: the first
        ("America/New_York", "2026-11-01", 120, "2026-11-01 07:00"),
        ("Australia/Lord_Howe", "2026-10-04", 135, "2026-10-03 15:30"),  # 02:00 to 02:29 do not exist: 02:30
        ("Australia/Lord_Howe", "2026-10-04", 150, "2026-10-03 15:30"),
        ("Australia/Lord_Howe", "2026-04-05", 105, "2026-04-04 14:45"),  # 01:45 happens twice
        ("Pacific/Apia", "2011-12-29", 540, "2011-12-29 19:00"),
        ("Pacific/Apia", "2011-12-30", 540, "2011-12-30 10:00"),  # the day that was not: the 31st begins
        ("Pacific/Apia", "2011-12-31", 0, "2011-12-30 10:00"),
        ("Pacific/Apia", "2011-12-31", 540, "2011-12-30 19:00"),
        ("Africa/Cairo", "2026-04-24", 0, "2026-04-23 22:00"),  # no midnight: the day begins at 01:00
        ("America/Sao_Paulo", "2018-11-04", 0, "2018-11-04 03:00"),
    ],
)
def test_a_local_time_is_a_moment(zone: str, date: str, minute: int, expected: str) -> None:
    """Non-existent local times go to the next valid one, ambiguous ones to the first."""
    assert calendar.instant(day(date), minute, zones.zone(zone)) == utc(expected)


@pytest.mark.parametrize(
    ("zone", "at", "date"),
    [("Asia/Jakarta", "2026-11-25 16:59", "2026-11-25"), ("Asia/Jakarta", "2026-11-25 17:00", "2026-11-26"),
     ("Asia/Jayapura", "2026-11-25 15:00", "2026-11-26"), ("Asia/Makassar", "2026-11-25 15:59", "2026-11-25")],
)  # fmt: skip
def test_a_customer_has_her_own_date(zone: str, at: str, date: str) -> None:
    """A day is the customer's, not the workspace's."""
    assert calendar.day(utc(at), zones.zone(zone)) == day(date)
    assert calendar.local(utc(at), zones.zone(zone)).date() == day(date)


@pytest.mark.parametrize(
    ("zone", "at", "expected"),
    [
        ("Asia/Jakarta", "2026-11-25 16:59", "2026-11-25 17:00"),
        ("Asia/Jakarta", "2026-11-25 17:00", "2026-11-26 17:00"),  # the start of a day is not after itself
        ("Pacific/Apia", "2011-12-29 20:00", "2011-12-30 10:00"),
        ("Africa/Cairo", "2026-04-23 12:00", "2026-04-23 22:00"),
        ("America/St_Johns", "2010-11-07 02:00", "2010-11-07 02:30"),  # the 7th begins,
        ("America/St_Johns", "2010-11-07 02:45", "2010-11-07 03:30"),  # goes back to the 6th, and begins again
    ],
)
def test_the_next_midnight(zone: str, at: str, expected: str) -> None:
    """A local day ends when the date turns, whatever the clock does there."""
    assert calendar.reaches(calendar.day(utc(at), zones.zone(zone)) + calendar.DAY, utc(at), zones.zone(zone)) == utc(expected)


@pytest.mark.parametrize("zone", INDONESIA)
def test_a_time_that_is_exactly_now_is_reached_now(zone: str) -> None:
    """`until` a time that is exactly now is reached now; a millisecond later it is tomorrow's."""
    now = calendar.instant(day("2026-11-25"), 540, zones.zone(zone))
    assert calendar.next_time(now, 540, (), zones.zone(zone)) == now
    late = now + datetime.timedelta(milliseconds=1)
    assert calendar.next_time(late, 540, (), zones.zone(zone)) == now + datetime.timedelta(days=1)


def test_a_time_waits_for_its_weekday() -> None:
    """Wednesday noon, until Monday or Friday at 09:00: Friday."""
    assert calendar.next_time(utc("2026-11-25 05:00"), 540, (0, 4), zones.zone("Asia/Jakarta")) == utc("2026-11-27 02:00")


def test_a_weekday_that_a_zone_leaves_out_is_passed_over_at_its_end() -> None:
    """Apia had no Friday 30 December 2011: a wait until Friday at 09:00 ends as Saturday begins, also if it begins then."""
    apia = zones.zone("Pacific/Apia")
    assert calendar.next_time(utc("2011-12-29 20:00"), 540, (4,), apia) == utc("2011-12-30 10:00")
    assert calendar.next_time(utc("2011-12-30 10:00"), 540, (4,), apia) == utc("2011-12-30 10:00")
    assert calendar.next_time(utc("2011-12-30 10:01"), 540, (4,), apia) == utc("2012-01-05 19:00")


def test_the_second_of_two_equal_times_does_not_count() -> None:
    """At 01:45 for the second time, 01:50 is tomorrow's: an ambiguous time means its first."""
    assert calendar.next_time(utc("2026-11-01 06:45"), 110, (), zones.zone("America/New_York")) == utc("2026-11-02 06:50")


def paydays() -> list[tuple[str, str, bool]]:
    lines = (DATA / "payday_25_2025_2027.csv").read_text().splitlines()[2:]
    cells = [line.split(",") for line in lines]
    return [(nominal, paid, cuti) for nominal, _, *both in cells for paid, cuti in zip(both, (False, True), strict=True)]


def free_days(*, cuti_bersama: bool) -> set[datetime.date]:
    lines = (DATA / "holidays_ID_2025_2027.csv").read_text().splitlines()[2:]
    return {day(date) for date, _, kind, _ in (line.split(",") for line in lines) if cuti_bersama or kind == "libur_nasional"}


@pytest.mark.parametrize(("nominal", "paid", "cuti_bersama"), paydays())
def test_the_25th_in_indonesia(nominal: str, paid: str, cuti_bersama: bool) -> None:
    """The working day before, over weekends and public holidays, and over cuti bersama where that is set."""
    date = day(nominal)
    found = calendar.payday(date.year, date.month, definition.Calendar(), free_days(cuti_bersama=cuti_bersama))
    assert found == day(paid)


@pytest.mark.parametrize(
    ("payday", "shift", "holidays", "month", "expected"),
    [
        (25, "previous", {CHRISTMAS}, 12, "2026-12-24"),
        (25, "previous", {CHRISTMAS, CUTI_BERSAMA}, 12, "2026-12-23"),
        (25, "next", {CHRISTMAS}, 12, "2026-12-28"),  # a Friday: over the weekend
        (25, "none", {CHRISTMAS}, 12, "2026-12-25"),
        (25, "previous", {MAULID}, 8, "2026-08-24"),
        (25, "next", {MAULID}, 8, "2026-08-26"),
        (1, "next", {datetime.date(2026, 1, 1)}, 1, "2026-01-02"),  # the civil service pays after a holiday
        (1, "previous", set(), 2, "2026-01-30"),  # a Sunday: into the month before
        (31, "next", set(), 1, "2026-02-02"),  # a Saturday: into the month after
        (31, "previous", set(), 2, "2026-02-27"),  # the 28th, the last of February, is a Saturday
        (31, "none", set(), 4, "2026-04-30"),
        (30, "none", set(), 2, "2026-02-28"),
    ],
)
def test_payday_by_its_rules(payday: int, shift: str, holidays: set[datetime.date], month: int, expected: str) -> None:
    """The private custom moves payday back, the civil service's forward, and a setting may leave it."""
    rules = definition.Calendar(payday=payday, payday_shift=shift)  # type: ignore[arg-type]
    assert calendar.payday(2026, month, rules, holidays) == day(expected)


@pytest.mark.parametrize(
    ("payday", "shift", "at", "expected"),
    [
        (25, "previous", "2026-12-24 02:00", "2026-12-24 02:00"),  # exactly now
        (25, "previous", "2026-12-24 02:01", "2027-01-25 02:00"),  # the 25th itself is no payday
        (1, "previous", "2026-01-29 00:00", "2026-01-30 02:00"),  # February's wages, paid in January
        (1, "previous", "2026-01-31 00:00", "2026-02-27 02:00"),  # 1 March is a Sunday
        (31, "next", "2026-02-01 00:00", "2026-02-02 02:00"),  # January's wages, paid in February
    ],
)
def test_the_next_payday(payday: int, shift: str, at: str, expected: str) -> None:
    """A payday that moved into a neighbouring month is found there."""
    rules = definition.Calendar(payday=payday, payday_shift=shift)  # type: ignore[arg-type]
    assert calendar.next_payday(utc(at), 540, rules, {CHRISTMAS}, zones.zone("Asia/Jakarta")) == utc(expected)


@pytest.mark.parametrize(
    ("schedule", "at", "expected"),
    [
        (definition.Schedule(540, "day"), "2026-11-25 01:59", "2026-11-25 02:00"),
        (definition.Schedule(540, "day"), "2026-11-25 02:00", "2026-11-26 02:00"),
        (definition.Schedule(540, "weekday", days=(0, 4)), "2026-11-27 02:00", "2026-11-30 02:00"),
        (definition.Schedule(540, "month", day=31), "2026-11-25 00:00", "2026-12-31 02:00"),  # November is passed over
        (definition.Schedule(540, "month", day=29), "2027-01-30 00:00", "2027-03-29 02:00"),  # and a February of 28
        (definition.Schedule(540, "month", day=29), "2028-01-30 00:00", "2028-02-29 02:00"),
        (definition.Schedule(540, "payday"), "2026-12-24 02:00", "2027-01-25 02:00"),
        (definition.Schedule(540, "once", date=datetime.date(2026, 12, 12)), "2026-11-25 00:00", "2026-12-12 02:00"),
        (definition.Schedule(540, "once", date=datetime.date(2026, 12, 12)), "2026-12-12 02:00", None),
    ],
)
def test_a_schedule_goes_on(schedule: definition.Schedule, at: str, expected: str | None) -> None:
    """The next entry is strictly after now; a month without that day is passed over; a date comes once."""
    found = calendar.next_entry(utc(at), schedule, definition.Calendar(), {CHRISTMAS}, zones.zone("Asia/Jakarta"))
    assert found == (None if expected is None else utc(expected))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime.datetime(2026, 11, 25, 9, 0, 0, 1999, datetime.UTC), "2026-11-25 09:00:00.001"),
        (datetime.datetime(2026, 11, 25, 9, tzinfo=datetime.timezone(datetime.timedelta(hours=7))), "2026-11-25 02:00"),
        ("2026-11-25T09:00:00+07:00", "2026-11-25 02:00"),
        ("2026-11-25T02:00:00.5Z", "2026-11-25 02:00:00.500"),
        ("2026-11-25", "2026-11-24 17:00"),  # 00:00 in the customer's zone
        ("2028-02-29", "2028-02-28 17:00"),
    ],
)
def test_a_date_is_a_timestamp_a_text_or_a_bare_date(value: object, expected: str) -> None:
    """`date` may be a timestamp, an RFC 3339 string or a bare date (00:00 in the customer's zone), cut to milliseconds."""
    found = calendar.dated(value, zones.zone("Asia/Jakarta"))
    assert found == utc(expected)
    assert found is not None
    assert found.tzinfo is datetime.UTC


@pytest.mark.parametrize(
    "value",
    [None, "", "tomorrow", "2026-02-29", "2026-11-25T09:00:00", "20261125", "2026-W48-3", " 2026-11-25", 1_795_000_000, 1.5, True,
     ["2026-11-25"], {}, datetime.datetime(2026, 11, 25), "0000-01-01", "0001-01-01", "9999-12-31", "1970-01-01", "1969-12-31T23:59:59Z",
     datetime.datetime(9999, 12, 31, 23, tzinfo=datetime.timezone(datetime.timedelta(hours=-7))), "２０２６-11-25"],
)  # fmt: skip
def test_what_is_no_date_is_missing(value: object) -> None:
    """Anything else, and years with which no sums can be made, is a missing date, never an error."""
    assert calendar.dated(value, zones.zone("Asia/Jakarta")) is None
