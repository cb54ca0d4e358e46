"""Quiet hours by examples: the night, days off, holidays, the sector rules and the days on which clocks change."""

import datetime

import pytest

from engine.core.model import definition
from engine.core.rules import quiet_hours
from tests import zones
from tests.zones import utc

NIGHT = definition.QuietHours(20 * 60, 8 * 60)
OFFERS = definition.QuietHours(
    18 * 60, 8 * 60, (6,), True, source="POJK 6/2022 art. 25; its place in POJK 22/2023 is not verified"
)
COLLECTION = definition.QuietHours(20 * 60, 8 * 60, (6,), True, source="POJK 22/2023 art. 62")
HOLIDAYS = {datetime.date(2026, 12, 25), datetime.date(2026, 8, 25)}


def opens(rule: definition.QuietHours, at: str, zone: str = "Asia/Jakarta") -> datetime.datetime | None:
    return quiet_hours.opens_at(rule, utc(at), zones.zone(zone), HOLIDAYS)


def closes(rule: definition.QuietHours, at: str, zone: str = "Asia/Jakarta") -> datetime.datetime | None:
    return quiet_hours.closes_at(rule, utc(at), zones.zone(zone), HOLIDAYS)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-25 12:59:59.999", "2026-11-25 12:59:59.999"),  # 19:59:59.999 is open
        ("2026-11-25 13:00", "2026-11-26 01:00"),  # 20:00 is quiet
        ("2026-11-25 17:00", "2026-11-26 01:00"),
        ("2026-11-26 00:59:59.999", "2026-11-26 01:00"),
        ("2026-11-26 01:00", "2026-11-26 01:00"),  # 08:00 is open
    ],
)
def test_a_night_ends_in_the_morning(at: str, expected: str) -> None:
    """Quiet `20:00-08:00`: 20:00 is quiet, 08:00 is open."""
    assert opens(NIGHT, at) == utc(expected)


def test_the_same_hour_is_another_moment_elsewhere() -> None:
    """08:00 is local: two hours earlier in Jayapura than in Jakarta."""
    assert opens(NIGHT, "2026-11-25 20:00", "Asia/Jayapura") == utc("2026-11-25 23:00")
    assert opens(NIGHT, "2026-11-25 20:00", "Asia/Makassar") == utc("2026-11-26 00:00")
    assert opens(NIGHT, "2026-11-25 20:00", "Asia/Jakarta") == utc("2026-11-26 01:00")


def test_an_open_window_closes_in_the_evening() -> None:
    """An adapter may not send at or after the first quiet moment."""
    assert closes(NIGHT, "2026-11-25 05:00") == utc("2026-11-25 13:00")
    assert closes(NIGHT, "2026-11-25 13:00") == utc("2026-11-25 13:00")


def test_no_window_is_never_quiet() -> None:
    """A start that is the end means no daily window."""
    rule = definition.QuietHours(480, 480)
    assert opens(rule, "2026-11-25 01:00") == utc("2026-11-25 01:00")
    assert closes(rule, "2026-11-25 01:00") is None


def test_days_off_are_quiet_from_midnight_to_midnight() -> None:
    """A rule of days off alone closes the whole local day and nothing else."""
    rule = definition.QuietHours(days_off=(5, 6))
    assert closes(rule, "2026-11-25 05:00") == utc("2026-11-27 17:00")
    assert opens(rule, "2026-11-27 17:00") == utc("2026-11-29 17:00")


def test_holidays_off_are_quiet_from_midnight_to_midnight() -> None:
    """A holiday closes its whole local day where the rule says so, and does not where it does not."""
    rule = definition.QuietHours(holidays_off=True)
    assert closes(rule, "2026-12-24 05:00") == utc("2026-12-24 17:00")
    assert opens(rule, "2026-12-25 05:00") == utc("2026-12-25 17:00")
    assert opens(NIGHT, "2026-12-25 05:00") == utc("2026-12-25 05:00")


@pytest.mark.parametrize(
    ("rule", "at", "expected"),
    [
        (OFFERS, "2026-11-28 10:59", "2026-11-28 10:59"),  # Saturday 17:59
        (OFFERS, "2026-11-28 11:00", "2026-11-30 01:00"),  # Saturday 18:00: Monday 08:00
        (COLLECTION, "2026-11-28 11:00", "2026-11-28 11:00"),  # a reminder of a debt may come until 20:00
        (COLLECTION, "2026-11-28 13:00", "2026-11-30 01:00"),
        (OFFERS, "2026-12-25 03:00", "2026-12-26 01:00"),  # Christmas, a Friday
        (COLLECTION, "2026-08-25 03:00", "2026-08-26 01:00"),  # Maulid, a Tuesday
    ],
)
def test_the_hours_of_financial_services(rule: definition.QuietHours, at: str, expected: str) -> None:
    """Offers Monday to Saturday 08:00-18:00, collection to 20:00, neither on national holidays, in local time (POJK)."""
    assert opens(rule, at) == utc(expected)


def test_a_rule_that_never_opens_says_so() -> None:
    """None: not within 366 days."""
    assert opens(definition.QuietHours(0, 1440), "2026-11-25 05:00") is None
    assert opens(definition.QuietHours(days_off=(0, 1, 2, 3, 4, 5, 6)), "2026-11-25 05:00") is None


def test_a_rule_that_never_closes_says_so() -> None:
    """A holiday further away than 366 days is not looked for; a nearer one is found."""
    rule = definition.QuietHours(holidays_off=True)
    assert closes(rule, "2026-12-25 17:00") is None
    assert closes(rule, "2025-12-25 17:00") == utc("2026-08-24 17:00")


@pytest.mark.parametrize(
    ("rule", "at", "expected"),
    [
        # Clocks go forward at 02:00 to 03:00 on 8 March: a window that ends inside the gap ends with it.
        (definition.QuietHours(60, 150), "2026-03-08 06:30", "2026-03-08 07:00"),
        (definition.QuietHours(60, 120), "2026-03-08 06:30", "2026-03-08 07:00"),
        # Clocks go back at 02:00 to 01:00 on 1 November: 01:00-01:30 is quiet twice.
        (definition.QuietHours(60, 90), "2026-11-01 05:10", "2026-11-01 05:30"),
        (definition.QuietHours(60, 90), "2026-11-01 06:10", "2026-11-01 06:30"),
        # And what was quiet from 01:45 on opens for the 45 minutes that come again.
        (definition.QuietHours(105, 240), "2026-11-01 05:50", "2026-11-01 06:00"),
    ],
)
def test_what_the_clock_shows_decides(rule: definition.QuietHours, at: str, expected: str) -> None:
    """Minutes that do not exist are neither quiet nor open; minutes that happen twice are quiet both times."""
    assert opens(rule, at, "America/New_York") == utc(expected)


def test_a_window_closes_again_when_the_clocks_go_back() -> None:
    """At 01:40 for the first time it is open until the clocks go back to 01:00."""
    assert closes(definition.QuietHours(30, 90), "2026-11-01 05:40", "America/New_York") == utc("2026-11-01 06:00")
