"""Windows of traits: which moments they count, and when a moment leaves them.

Called by `traits.py`. A window tells moments by their `mark`: the customer's own calendar day for windows of days (days
since 1970), milliseconds since 1970 for rolling ones. Nothing here knows what is counted.
"""

import datetime
from typing import Final

from engine.core import definition, inputs

EPOCH_DAY: Final = inputs.EPOCH.toordinal()
_EVENING: Final = 20
_LATER: Final = frozenset({"distinct", "most_frequent", "rfm"})
"""Without a window these still ask when a value was last seen; for the rest there is one mark, 0."""


class Place:
    """Where one event stands in the windows of traits; worked out when first asked for, once for all of them."""

    __slots__ = ("_day", "_ms", "_now", "_time", "_zone")

    def __init__(self, time: datetime.datetime, now: datetime.datetime, zone: datetime.tzinfo) -> None:
        self._time, self._now, self._zone = time, now, zone
        self._day: tuple[int, int] | None = None
        self._ms: tuple[int, int] | None = None

    def ms(self) -> tuple[int, int]:
        """The event's time and now, in milliseconds since 1970."""
        if self._ms is None:
            time = _milliseconds(self._time)
            self._ms = time, time if self._now == self._time else _milliseconds(self._now)
        return self._ms

    def day(self) -> tuple[int, int]:
        """The event's local day and today."""
        if self._day is None:
            time = day(self._time, self._zone)
            self._day = time, time if self._now == self._time else day(self._now, self._zone)
        return self._day

    def window(self, trait: definition.Trait) -> tuple[int, int | None]:
        """The event's mark, never negative (1 January 1970 is still 1969 in New York), and the least mark that counts now;
        None where there is no window.
        """
        if trait.days:
            mark, today = self.day()
            return mark if mark > 0 else 0, today - trait.days + 1
        if trait.rolling:
            mark, now = self.ms()
            return mark, now - trait.rolling + 1  # `time > now - rolling`, in whole milliseconds
        return max(0, self.day()[0]) if trait.compute in _LATER else 0, None

    def low(self, trait: definition.Trait) -> int | None:
        """The least mark that counts now; None where there is no window."""
        return self.window(trait)[1] if trait.days or trait.rolling else None


def low(trait: definition.Trait, now: datetime.datetime, zone: datetime.tzinfo) -> int | None:
    """The least mark that counts at `now`; None where there is no window."""
    return Place(now, now, zone).low(trait)


def leaves(trait: definition.Trait, mark: int, zone: datetime.tzinfo) -> datetime.datetime | None:
    """The first moment at which `mark` does not count any more; None if the calendar ends before, or without a window."""
    try:
        if trait.days:
            return begins(mark + trait.days, zone)
        return inputs.EPOCH + (mark + trait.rolling) * inputs.MILLISECOND if trait.rolling else None
    except (OverflowError, ValueError):
        return None


def day(at: datetime.datetime, zone: datetime.tzinfo) -> int:
    """The local day of `at`, counted from 1970. A day that has begun never ends by clocks going back.

    They went back over midnight in St John's until 2011 (00:01 to 23:01): that hour belongs to the new day, so that days
    never run backwards and a window never gets back what has left it.
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
    """The local day of a mark of a rolling window."""
    return day(inputs.EPOCH + mark * inputs.MILLISECOND, zone)


def begins(number: int, zone: datetime.tzinfo) -> datetime.datetime:
    """The first moment of a local day. A day that a zone leaves out (Apia, 30 December 2011) begins with the next one.

    Where midnight comes twice it is the first; where it is skipped, the moment of the change: that is what fold=0 means
    (PEP 495) as long as no gap begins before midnight and ends after it, and no zone of tzdata has had one since 1970.
    """
    date = datetime.date.fromordinal(number + EPOCH_DAY)
    return datetime.datetime(date.year, date.month, date.day, tzinfo=zone).astimezone(datetime.UTC)
