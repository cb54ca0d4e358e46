"""Caps: how many messages a customer gets, counted over a ledger of what was sent to her.

Called by policy.py before an attempt, and where a send is entered into the ledger. Knows nothing of consent or hours; what
happens at a cap (drop, defer, the next channel) is the policy's business.

1. A message counts once, whatever its attempts: a cap without a channel counts first attempts, a cap with a channel what was
   entered for that channel.
2. A rolling window holds what is younger than it; a window of days holds the customer's own calendar days, today included.
"""

import datetime
from collections.abc import Iterable

import msgspec

from engine.core import calendar, definition, inputs


class Sent(msgspec.Struct, frozen=True, array_like=True):
    """One place taken under the caps: a message's first attempt, or (`first` is False) its first on another channel.

    Stored inside states: the order of its fields is a storage format.
    """

    at: inputs.Instant
    purpose: str
    channel: str
    journey: str
    first: bool = True


Ledger = tuple[Sent, ...]


def applies(cap: definition.Cap, purpose: str, channel: str, journey: str) -> bool:
    """Whether a message of this purpose, channel and journey stands under the cap."""
    return cap.purpose in ("", purpose) and cap.channel in ("", channel) and cap.journey in ("", journey)


def place_at(cap: definition.Cap, ledger: Ledger, now: datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime:
    """The first moment at or after `now` at which there is a place, if nothing more is sent; `at_most` is 1 at least."""
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
    """How far back any of the caps looks, in whatever zone; None where there are none.

    A day more for calendar days, which begin before now. What is older need not be kept: a cap that comes later, or looks
    further back, does not get it back.
    """
    windows = (cap.days * calendar.DAY + calendar.DAY if cap.days else cap.rolling * inputs.MILLISECOND for cap in rules)
    return max(windows, default=None)


def _matches(cap: definition.Cap, sent: Sent) -> bool:
    return (sent.first or cap.channel != "") and applies(cap, sent.purpose, sent.channel, sent.journey)


def _counted(cap: definition.Cap, ledger: Ledger, now: datetime.datetime, zone: datetime.tzinfo) -> list[Sent]:
    """What of a ledger that matches is in the cap's window."""
    if not cap.days:
        start = now - cap.rolling * inputs.MILLISECOND
        return [sent for sent in ledger if sent.at > start]
    first = calendar.day(now, zone) - (cap.days - 1) * calendar.DAY
    start = calendar.instant(first, 0, zone)
    # Where clocks go back over midnight a day is left once more after its start: the date decides.
    return [sent for sent in ledger if sent.at >= start and calendar.day(sent.at, zone) >= first]
