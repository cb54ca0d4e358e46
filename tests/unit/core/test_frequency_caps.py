"""Caps by examples: windows, attempts, and the moment at which a place comes free."""

import datetime

import msgspec
import pytest

from engine.core.model import definition, state
from engine.core.rules import frequency_caps
from tests import ledgers, zones
from tests.zones import utc

JAKARTA = zones.zone("Asia/Jakarta")
DAILY = definition.Cap(2, days=1, purpose="marketing")
WEEKLY = definition.Cap(1, days=7, purpose="marketing", channel="whatsapp")
HOURLY = definition.Cap(1, rolling=3_600_000)


def sent(
    at: str, channel: str = "whatsapp", *, purpose: str = "marketing", journey: str = "cart", first: bool = True
) -> state.Sent:
    return state.Sent(utc(at), purpose, channel, journey, first)


def test_a_day_is_the_customers_own() -> None:
    """Sent at 23:59 in Jakarta, counted no more at 00:00; in Jayapura that was all one day."""
    ledger = (sent("2026-11-24 16:59"),)
    assert ledgers.count(DAILY, ledger, utc("2026-11-24 16:59:59"), JAKARTA) == 1
    assert ledgers.count(DAILY, ledger, utc("2026-11-24 17:00"), JAKARTA) == 0
    assert ledgers.count(DAILY, ledger, utc("2026-11-24 17:00"), zones.zone("Asia/Jayapura")) == 1


def test_days_count_today() -> None:
    """`per: 7d` counts the customer's calendar days, today included: what was sent on the 19th leaves as the 26th begins."""
    ledger = (sent("2026-11-19 05:00"),)
    assert ledgers.count(WEEKLY, ledger, utc("2026-11-25 16:59"), JAKARTA) == 1
    assert frequency_caps.free_at(WEEKLY, ledger, utc("2026-11-20 05:00"), JAKARTA) == utc("2026-11-25 17:00")


def test_hours_count_exactly() -> None:
    """`time > now - rolling`: an hour later to the millisecond it is out."""
    ledger = (sent("2026-11-25 05:00"),)
    assert ledgers.count(HOURLY, ledger, utc("2026-11-25 05:59:59.999"), JAKARTA) == 1
    assert ledgers.count(HOURLY, ledger, utc("2026-11-25 06:00"), JAKARTA) == 0
    assert frequency_caps.free_at(HOURLY, ledger, utc("2026-11-25 05:10"), JAKARTA) == utc("2026-11-25 06:00")


def test_a_message_counts_once_whatever_its_attempts() -> None:
    """The fallback to SMS takes a place of SMS and no second one of marketing."""
    ledger = (sent("2026-11-25 05:00"), sent("2026-11-25 05:30", "sms", first=False))
    now = utc("2026-11-25 06:00")
    assert ledgers.count(DAILY, ledger, now, JAKARTA) == 1
    assert ledgers.count(definition.Cap(1, days=1, channel="sms"), ledger, now, JAKARTA) == 1
    assert ledgers.count(WEEKLY, ledger, now, JAKARTA) == 1


@pytest.mark.parametrize(
    ("cap", "stands"),
    [
        (definition.Cap(1, days=1), True),
        (definition.Cap(1, days=1, purpose="marketing"), True),
        (definition.Cap(1, days=1, purpose="support"), False),
        (definition.Cap(1, days=1, channel="sms"), False),
        (definition.Cap(1, days=1, journey="cart", channel="whatsapp"), True),
        (definition.Cap(1, days=1, journey="payday"), False),
    ],
)
def test_a_cap_is_for_what_it_names(cap: definition.Cap, stands: bool) -> None:
    """Per purpose, channel and journey where they are named, for all else where not."""
    assert frequency_caps.applies(cap, "marketing", "whatsapp", "cart") is stands
    assert ledgers.count(cap, (sent("2026-11-25 05:00"),), utc("2026-11-25 06:00"), JAKARTA) == stands


def test_a_free_place_is_free_now() -> None:
    """Under the cap nothing waits."""
    now = utc("2026-11-25 06:00")
    assert frequency_caps.free_at(DAILY, (), now, JAKARTA) == now
    assert frequency_caps.free_at(DAILY, (sent("2026-11-25 05:00"),), now, JAKARTA) == now


def test_a_place_waits_for_as_many_as_are_too_many() -> None:
    """Three were sent under an older rule: with two allowed, the second oldest has to leave."""
    cap = definition.Cap(2, rolling=3_600_000)
    ledger = (sent("2026-11-25 05:00"), sent("2026-11-25 05:10"), sent("2026-11-25 05:20"))
    assert frequency_caps.free_at(cap, ledger, utc("2026-11-25 05:30"), JAKARTA) == utc("2026-11-25 06:10")


def test_a_place_of_days_waits_for_the_oldest_day_that_is_too_many() -> None:
    """Two in two days are allowed: with one yesterday and one today, a place comes free as yesterday leaves; with both today, a day later."""
    cap = definition.Cap(2, days=2)
    now = utc("2026-11-25 05:00")
    assert frequency_caps.free_at(cap, (sent("2026-11-24 05:00"), sent("2026-11-25 04:00")), now, JAKARTA) == utc(
        "2026-11-25 17:00"
    )
    assert frequency_caps.free_at(cap, (sent("2026-11-25 03:00"), sent("2026-11-25 04:00")), now, JAKARTA) == utc(
        "2026-11-26 17:00"
    )


def test_the_date_decides_where_a_day_begins_twice() -> None:
    """St John's went back from 00:01 to 23:01: what was sent in that hour is yesterday's once the day has come for good."""
    st_johns = zones.zone("America/St_Johns")
    ledger = (sent("2010-11-07 02:30:30"), sent("2010-11-07 03:00"))
    assert ledgers.count(DAILY, ledger, utc("2010-11-07 03:30"), st_johns) == 1
    assert ledgers.count(DAILY, ledger, utc("2010-11-07 03:00"), st_johns) == 2
    assert frequency_caps.free_at(DAILY, ledger, utc("2010-11-07 03:00"), st_johns) == utc("2010-11-07 03:30")


def test_a_place_comes_free_where_a_day_is_missing() -> None:
    """Apia had no 30 December 2011: what was sent on the 29th leaves as the 31st begins."""
    apia = zones.zone("Pacific/Apia")
    ledger = (sent("2011-12-29 19:00"), sent("2011-12-29 20:00"))
    assert frequency_caps.free_at(DAILY, ledger, utc("2011-12-29 21:00"), apia) == utc("2011-12-30 10:00")


def test_without_caps_nothing_is_kept() -> None:
    """Empty caps, empty ledger."""
    assert frequency_caps.reach(()) is None


def test_what_no_cap_can_count_any_more_goes() -> None:
    """What is older than every window, and a day for days, which begin before now."""
    assert frequency_caps.reach((DAILY, WEEKLY)) == datetime.timedelta(days=8)
    assert frequency_caps.reach((HOURLY,)) == datetime.timedelta(hours=1)


def test_a_ledger_is_stored_in_few_bytes() -> None:
    """An entry is a list in this order; one that is read back is the same."""
    entry = sent("2026-11-25 05:00", "sms", first=False)
    assert msgspec.json.encode(entry) == b'["2026-11-25T05:00:00Z","marketing","sms","cart",false]'
    assert msgspec.json.decode(msgspec.json.encode(entry), type=state.Sent) == entry
