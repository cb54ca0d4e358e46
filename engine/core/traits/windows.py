"""Windows of traits: which events are in the window of a trait, and when an event leaves the window.

Called by `evaluate.py`. Each event has a mark for the window, which is a whole number. For a window of days, the mark is the
customer's calendar day, in days since 1970. For a rolling window, the mark is the event's time, in milliseconds since 1970.
"""

import datetime
from typing import Final

from engine.core.model import definition, inputs

EPOCH_DAY: Final = inputs.EPOCH.toordinal()
_EVENING: Final = 20
_LATER: Final = frozenset({"distinct", "most_frequent", "rfm"})
"""The computations that need to know when a value was last seen, even without a window; the mark is then the calendar day.

For all other computations without a window, the mark is 0.
"""


class Place:
    """The time of an event and the time now, as marks for the windows of all traits.

    The caller makes one `Place` for all traits of a customer. A mark is computed only when a trait first needs it.
    """

    __slots__ = ("_day", "_ms", "_now", "_time", "_zone")

    def __init__(self, time: datetime.datetime, now: datetime.datetime, zone: datetime.tzinfo) -> None:
        self._time, self._now, self._zone = time, now, zone
        self._day: tuple[int, int] | None = None
        self._ms: tuple[int, int] | None = None

    def ms(self) -> tuple[int, int]:
        """Return the event's time and the time now, both in milliseconds since 1970."""
        if self._ms is None:
            time = _milliseconds(self._time)
            self._ms = time, time if self._now == self._time else _milliseconds(self._now)
        return self._ms

    def day(self) -> tuple[int, int]:
        """Return the event's calendar day and today, in the customer's local time, both in days since 1970."""
        if self._day is None:
            time = day(self._time, self._zone)
            self._day = time, time if self._now == self._time else day(self._now, self._zone)
        return self._day

    def window(self, trait: definition.Trait) -> tuple[int, int | None]:
        """Return the event's mark for the trait, and the least mark that is in the trait's window now (None: no window).

        A mark is never negative: a local day in 1969 (the first hours of 1970 in UTC are still 1969 in New York) has the mark 0.
        """
        if trait.days:
            mark, today = self.day()
            return mark if mark > 0 else 0, today - trait.days + 1
        if trait.rolling:
            mark, now = self.ms()
            return mark, now - trait.rolling + 1  # `time > now - rolling`, in whole milliseconds
        return max(0, self.day()[0]) if trait.compute in _LATER else 0, None

    def low(self, trait: definition.Trait) -> int | None:
        """Return the least mark that is in the trait's window now, or None if the trait has no window."""
        return self.window(trait)[1] if trait.days or trait.rolling else None


def low(trait: definition.Trait, now: datetime.datetime, zone: datetime.tzinfo) -> int | None:
    """Return the least mark that is in the trait's window at `now`, or None if the trait has no window."""
    return Place(now, now, zone).low(trait)


def leaves(trait: definition.Trait, mark: int, zone: datetime.tzinfo) -> datetime.datetime | None:
    """Return the first moment at which events with this mark are not in the trait's window any more.

    Return None if the trait has no window, or if the moment is after year 9999, which `datetime` cannot hold.
    """
    try:
        if trait.days:
            return begins(mark + trait.days, zone)
        return inputs.EPOCH + (mark + trait.rolling) * inputs.MILLISECOND if trait.rolling else None
    except (OverflowError, ValueError):
        return None


def day(at: datetime.datetime, zone: datetime.tzinfo) -> int:
    """Return the local day of the moment `at`, in days since 1970; after a day has begun, the day before never comes back.

    In St John's the clocks went back over midnight until 2011, from 00:01 to 23:01. For this function, the repeated hour belongs
    to the new day. So days never go backwards, and an event that has left a window does not return to the window.
    """
    local = at.astimezone(zone)
    number = local.toordinal() - EPOCH_DAY
    if local.hour >= _EVENING and begins(number + 1, zone) <= at:
        return number + 1
    return number


def _milliseconds(at: datetime.datetime) -> int:
    since = at - inputs.EPOCH
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def day_of(mark: int, zone: datetime.tzinfo) -> int:
    """Return the local day, in days since 1970, of a mark of a rolling window (milliseconds since 1970)."""
    return day(inputs.EPOCH + mark * inputs.MILLISECOND, zone)


def begins(number: int, zone: datetime.tzinfo) -> datetime.datetime:
    """Return the first moment of the local day `number` (in days since 1970).

    - If the zone skips the whole day (Apia, 30 December 2011), the result is the first moment of the next day.
    - If midnight comes twice, the result is the first midnight.
    - If midnight is skipped, the result is the moment at which the clocks change.

    `datetime` with fold=0 does all this (PEP 495), unless clocks go forward from before midnight to after midnight. No zone of
    tzdata has had such a change since 1970.
    """
    date = datetime.date.fromordinal(number + EPOCH_DAY)
    return datetime.datetime(date.year, date.month, date.day, tzinfo=zone).astimezone(datetime.UTC)
