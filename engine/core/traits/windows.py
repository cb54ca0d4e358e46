"""Windows of traits: the moments that a window counts, and when a moment leaves it.

Called by `evaluate.py`. A window compares moments by their mark, a whole number. For windows of days, the mark is the
customer's calendar day in days since 1970. For rolling windows, it is the time in milliseconds since 1970.
"""

import datetime
from typing import Final

from engine.core.model import definition, inputs

EPOCH_DAY: Final = inputs.EPOCH.toordinal()
_EVENING: Final = 20
_LATER: Final = frozenset({"distinct", "most_frequent", "rfm"})
"""The computes that keep the time at which a value was last seen also if there is no window. All others then have the mark 0."""


class Place:
    """One event and the time now, as marks for the windows of all traits. Each mark is calculated when it is first needed."""

    __slots__ = ("_day", "_ms", "_now", "_time", "_zone")

    def __init__(self, time: datetime.datetime, now: datetime.datetime, zone: datetime.tzinfo) -> None:
        self._time, self._now, self._zone = time, now, zone
        self._day: tuple[int, int] | None = None
        self._ms: tuple[int, int] | None = None

    def ms(self) -> tuple[int, int]:
        """Return the event's time and now, both in milliseconds since 1970."""
        if self._ms is None:
            time = _milliseconds(self._time)
            self._ms = time, time if self._now == self._time else _milliseconds(self._now)
        return self._ms

    def day(self) -> tuple[int, int]:
        """Return the event's local day and today, both in days since 1970."""
        if self._day is None:
            time = day(self._time, self._zone)
            self._day = time, time if self._now == self._time else day(self._now, self._zone)
        return self._day

    def window(self, trait: definition.Trait) -> tuple[int, int | None]:
        """Return the event's mark, and the least mark that counts now (None without a window).

        A mark is never negative, though 1 January 1970 UTC is still 1969 in New York.
        """
        if trait.days:
            mark, today = self.day()
            return mark if mark > 0 else 0, today - trait.days + 1
        if trait.rolling:
            mark, now = self.ms()
            return mark, now - trait.rolling + 1  # `time > now - rolling`, in whole milliseconds
        return max(0, self.day()[0]) if trait.compute in _LATER else 0, None

    def low(self, trait: definition.Trait) -> int | None:
        """Return the least mark that counts now, or None without a window."""
        return self.window(trait)[1] if trait.days or trait.rolling else None


def low(trait: definition.Trait, now: datetime.datetime, zone: datetime.tzinfo) -> int | None:
    """Return the least mark that counts at `now`, or None without a window."""
    return Place(now, now, zone).low(trait)


def leaves(trait: definition.Trait, mark: int, zone: datetime.tzinfo) -> datetime.datetime | None:
    """Return the first moment at which `mark` does not count any more.

    Return None without a window, or if the calendar ends before that moment.
    """
    try:
        if trait.days:
            return begins(mark + trait.days, zone)
        return inputs.EPOCH + (mark + trait.rolling) * inputs.MILLISECOND if trait.rolling else None
    except (OverflowError, ValueError):
        return None


def day(at: datetime.datetime, zone: datetime.tzinfo) -> int:
    """Return the local day of `at`, in days since 1970; after a day has begun, the day before never comes back.

    In St John's the clocks went back over midnight until 2011 (00:01 to 23:01). Here that hour belongs to the new day. So days
    never run backwards, and an event that has left a window does not return to it.
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
    """Return the local day of a mark of a rolling window."""
    return day(inputs.EPOCH + mark * inputs.MILLISECOND, zone)


def begins(number: int, zone: datetime.tzinfo) -> datetime.datetime:
    """Return the first moment of a local day.

    A day that a zone leaves out (Apia, 30 December 2011) begins with the next one. If midnight comes twice, it is the first
    midnight; if midnight is skipped, it is the moment of the change. That is what fold=0 means (PEP 495) as long as no gap begins
    before midnight and ends after it, and no zone of tzdata has had such a gap since 1970.
    """
    date = datetime.date.fromordinal(number + EPOCH_DAY)
    return datetime.datetime(date.year, date.month, date.day, tzinfo=zone).astimezone(datetime.UTC)
