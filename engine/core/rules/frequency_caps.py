"""Frequency caps: the greatest number of messages that a customer may get in a window, counted in a ledger of past sends.

`send_policy.py` calls this file before each attempt, to find out when the caps allow the attempt. `message_evolution.py` adds
each send to the ledger, which is `Customer.sends`. The policy says what happens to a message over a cap: it is dropped, it is
deferred, or the next channel is tried.

1. A message counts only once, even if it has several attempts. A cap without a channel counts the first attempt of each message.
   A cap of one channel counts the first attempt of each message on that channel:
   docs/semantics.md#a-message-counts-once-against-caps
2. A rolling window contains the entries of the last `rolling` ms. A window of days contains the entries of the customer's last
   calendar days, today included.
"""

import datetime
from collections.abc import Iterable

from engine.core.model import definition, inputs, state
from engine.core.rules import calendar

Ledger = tuple[state.Sent, ...]


def applies(cap: definition.Cap, purpose: str, channel: str, journey: str) -> bool:
    """Return True if the cap counts messages with this purpose, on this channel and from this journey."""
    return cap.purpose in ("", purpose) and cap.channel in ("", channel) and cap.journey in ("", journey)


def free_at(cap: definition.Cap, ledger: Ledger, now: datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime:
    """Return the first moment, not before `now`, at which the cap allows one more message.

    It is assumed that no message is sent until then. `ledger` is `Customer.sends`. The cap's `at_most` must be at least 1.
    """
    ledger = tuple([sent for sent in ledger if _matches(cap, sent)])
    if len(ledger) < cap.at_most:
        return now
    counted = _counted(cap, ledger, now, zone)
    too_many = len(counted) - cap.at_most + 1
    if too_many <= 0:
        return now
    if not cap.days:
        return sorted(sent.at for sent in counted)[too_many - 1] + cap.rolling * inputs.MILLISECOND
    dates = sorted(calendar.day(sent.at, zone) for sent in counted)
    return calendar.reaches(dates[too_many - 1] + cap.days * calendar.DAY, now, zone)


def reach(rules: Iterable[definition.Cap]) -> datetime.timedelta | None:
    """Return the length of the longest window of all caps, or None if there are no caps.

    The ledger drops entries that are older than this, so a cap that is deployed later cannot count them. A window of calendar
    days counts as one day longer, because a calendar day is longer than 24 hours when clocks go back.
    """
    windows = (cap.days * calendar.DAY + calendar.DAY if cap.days else cap.rolling * inputs.MILLISECOND for cap in rules)
    return max(windows, default=None)


def _matches(cap: definition.Cap, sent: state.Sent) -> bool:
    return (sent.first or cap.channel != "") and applies(cap, sent.purpose, sent.channel, sent.journey)


def _counted(cap: definition.Cap, ledger: Ledger, now: datetime.datetime, zone: datetime.tzinfo) -> list[state.Sent]:
    """Return the entries of `ledger` that are in the cap's window; the entries must match the cap already."""
    if not cap.days:
        start = now - cap.rolling * inputs.MILLISECOND
        return [sent for sent in ledger if sent.at > start]
    first = calendar.day(now, zone) - (cap.days - 1) * calendar.DAY
    start = calendar.instant(first, 0, zone)
    # If clocks go back over midnight, the day before returns after the start of a day. So the local date is compared too.
    return [sent for sent in ledger if sent.at >= start and calendar.day(sent.at, zone) >= first]
