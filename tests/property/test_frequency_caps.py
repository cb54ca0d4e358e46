"""Caps against a recount from scratch."""

import datetime

from hypothesis import given
from hypothesis import strategies as st

from engine.core.model import definition, state
from engine.core.rules import frequency_caps
from tests import ledgers as counting
from tests import zones

MINUTE = datetime.timedelta(minutes=1)
DAY = datetime.timedelta(days=1)
purposes = st.sampled_from(["marketing", "support"])
channels = st.sampled_from(["whatsapp", "sms"])
journeys = st.sampled_from(["cart", "payday"])


def _rarely(names: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Mostly no name, so that most examples have something to count."""
    return st.one_of(st.just(""), st.just(""), names)


@st.composite
def rules(draw: st.DrawFn) -> definition.Cap:
    days = draw(st.integers(0, 3))
    return definition.Cap(
        draw(st.integers(1, 3)),
        days=days,
        rolling=0 if days else draw(st.integers(1, 2 * 1440)) * 60_000,
        purpose=draw(_rarely(purposes)),
        channel=draw(_rarely(channels)),
        journey=draw(_rarely(journeys)),
    )


@st.composite
def ledgers(draw: st.DrawFn, now: datetime.datetime) -> frequency_caps.Ledger:
    """Four to a dozen entries of the four days before now, in order; now and then one that is reserved for later."""
    ages = sorted(draw(st.lists(st.integers(-60, 4 * 1440), min_size=4, max_size=12)), reverse=True)
    return tuple(
        state.Sent(now - age * MINUTE, draw(purposes), draw(channels), draw(journeys), draw(st.integers(0, 3)) > 0)
        for age in ages
    )


def recounted(cap: definition.Cap, ledger: frequency_caps.Ledger, at: datetime.datetime, zone: datetime.tzinfo) -> int:
    """Look at every entry, one question at a time."""
    places = 0
    for sent in ledger:
        if cap.purpose and sent.purpose != cap.purpose:
            continue
        if cap.journey and sent.journey != cap.journey:
            continue
        if cap.channel and sent.channel != cap.channel:
            continue
        if not cap.channel and not sent.first:
            continue
        if cap.days:
            today = at.astimezone(zone).date()
            counted = sent.at.astimezone(zone).date() not in {today - each * DAY for each in range(cap.days, cap.days + 30)}
        else:
            counted = at - sent.at < datetime.timedelta(milliseconds=cap.rolling)
        places += counted
    return places


@given(st.data())
def test_a_cap_counts_what_a_recount_counts(data: st.DataObject) -> None:
    """A message counts once whatever its attempts, in windows of the customer's own days or of exact length."""
    zone = data.draw(zones.zones)
    now = data.draw(zones.moments(zone))
    cap, ledger = data.draw(rules()), data.draw(ledgers(now))
    assert counting.count(cap, ledger, now, zone) == recounted(cap, ledger, now, zone)


@given(st.data())
def test_a_place_comes_free_at_the_first_minute_that_has_one(data: st.DataObject) -> None:
    """A message that waits for its place goes no earlier and no later, and is then under the cap."""
    zone = data.draw(zones.zones)
    now = data.draw(zones.moments(zone))
    cap, ledger = data.draw(rules()), data.draw(ledgers(now))
    slow = now
    while recounted(cap, ledger, slow, zone) >= cap.at_most:
        slow += MINUTE
    free = frequency_caps.free_at(cap, ledger, now, zone)
    assert free == slow
    assert counting.count(cap, ledger, free, zone) < cap.at_most
    assert (free == now) == (counting.count(cap, ledger, now, zone) < cap.at_most)


@given(st.data())
def test_what_is_forgotten_was_counted_by_nothing(data: st.DataObject) -> None:
    """What lies beyond their reach no cap counts, then or later, here or in another zone."""
    elsewhere = data.draw(zones.zones)
    now = data.draw(zones.moments(data.draw(zones.zones)))
    ledger = data.draw(ledgers(now))
    all_caps = tuple(data.draw(st.lists(rules(), max_size=3)))
    reach = frequency_caps.reach(all_caps)
    kept = tuple(sent for sent in ledger if reach is not None and sent.at >= now - reach)
    later = now + data.draw(st.integers(0, 5 * 1440)) * MINUTE
    for cap in all_caps:
        assert counting.count(cap, kept, later, elsewhere) == recounted(cap, ledger, later, elsewhere)
