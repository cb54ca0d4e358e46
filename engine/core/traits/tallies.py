"""Tallies: the data of past events from which a trait is computed, and how one more event changes this data.

Called by `evaluate.py`, which checks whether an event counts, and by `compaction.py`, which limits the size of tallies. A tally
is a list of buckets. Each bucket has a mark, which is a day or a time as a number (`windows.py`). Events with the same mark are
in one bucket, and leave the trait's window together.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from engine.core.model.state import Tally
from engine.core.traits import value_rules

_SHORT_MARK: Final = 1 << 16


def add(tally: Tally, mark: int, low: int | None, value: Any, time: int) -> Tally:
    """Return the tally after one more event; the same object if the event changes nothing.

    - `mark`: the event's mark (`windows.py`).
    - `low`: the least mark that is in the window now; buckets with a lesser mark are dropped. None: there is no window.
    - `value`: the event's value for the trait.
    - `time`: the event's time in ms since 1970.
    """
    return _ADD[tally.compute](tally, mark, low, value, time)


JOINED: Final[Mapping[str, Callable[[int | float, int | float], int | float]]] = {
    "count": value_rules.plus,
    "sum": value_rules.plus,
    "average": value_rules.plus,
    "rfm": value_rules.plus,
    "min": value_rules.least,
    "max": value_rules.greatest,
}


def _end(marks: tuple[int, ...], mark: int) -> int:
    """Return the index at which to insert `mark` into the sorted `marks`: after all marks that are not greater.

    The search begins at the end, because most events are newer than all events before.
    """
    at = len(marks)
    while at and marks[at - 1] > mark:
        at -= 1
    return at


def inside(marks: tuple[int, ...], low: int | None) -> int:
    """Return the index of the first bucket in the window: the first one whose mark is not less than `low`.

    If `low` is None there is no window, and the result is 0. If no bucket is in the window, the result is `len(marks)`.
    """
    if low is None:
        return 0
    at = 0
    while at < len(marks) and marks[at] < low:
        at += 1
    return at


def _add_number(tally: Tally, mark: int, low: int | None, value: Any, time: int) -> Tally:
    """Return a tally of count, sum, average, min, max or rfm with one more value, in the bucket `mark` or in a new bucket.

    Without a window (`low` is None) there is only one bucket.
    """
    marks, numbers, counts = tally.marks, tally.numbers, tally.counts
    counted = tally.compute in _COUNTED
    at = (1 if marks else 0) if low is None else _end(marks, mark)
    if not at or (low is not None and marks[at - 1] != mark):
        counts = _put(counts, at, 0, 1) if counted else ()
        return _inside(tally, low, _put(marks, at, 0, mark), _put(numbers, at, 0, value), counts)
    at -= 1
    old = numbers[at]
    new = JOINED[tally.compute](old, value)
    if not counted and new == old and type(new) is type(old):
        return tally
    if mark > marks[at]:  # without a window the mark says when a value was last seen
        marks = (mark,)
    counts = _put(counts, at, 1, counts[at] + 1) if counted else ()
    return _inside(tally, low, marks, _put(numbers, at, 1, new), counts)


def _put(column: tuple[Any, ...], at: int, instead: int, value: Any) -> tuple[Any, ...]:
    """Return the column with `value` at index `at`; it replaces `instead` elements from there (0: it is inserted)."""
    return column[:at] + (value,) + column[at + instead :]  # noqa: RUF005 half the time of unpacking


def _inside(
    tally: Tally, low: int | None, marks: tuple[int, ...], numbers: tuple[int | float, ...], counts: tuple[int, ...]
) -> Tally:
    if low is not None and marks[0] < low:
        start = inside(marks, low)
        marks, numbers, counts = marks[start:], numbers[start:], counts[start:]
    if len(marks) == len(tally.marks):
        return Tally(tally.hash, tally.since, tally.compute, tally.step, tally.size, marks, numbers, counts)
    return sized(tally, marks, numbers, counts, (), 0)


def _add_first(tally: Tally, mark: int, low: int | None, value: Any, time: int) -> Tally:
    """Return a tally of `first` with one more value: each bucket keeps the value of its earliest event.

    Several buckets are needed because the earliest one leaves the window first. Of two values with the same time, the value that
    arrived first is kept.
    """
    marks, numbers, values = tally.marks, tally.numbers, tally.values
    at = end = _end(marks, mark)
    if end and marks[end - 1] == mark:
        if time >= numbers[end - 1]:
            return tally
        at = end - 1
    start = min(inside(marks, low), at)
    bytes = text(tally) + value_rules.size(value) - sum(map(value_rules.size, (*values[:start], *values[at:end])))
    return sized(
        tally,
        (*marks[start:at], mark, *marks[end:]),
        (*numbers[start:at], time, *numbers[end:]),
        (),
        (*values[start:at], value, *values[end:]),
        bytes,
    )


def _add_last(tally: Tally, mark: int, low: int | None, value: Any, time: int) -> Tally:
    """Return a tally of `last` with one more value: only the value of the latest event is kept.

    Earlier values are not needed, because they leave the window before the latest value. Of two values with the same time, the
    value that arrived last is kept.
    """
    if tally.numbers and (time < tally.numbers[0] or (time == tally.numbers[0] and value_rules.same(value, tally.values[0]))):
        return tally
    return sized(tally, (mark,), (time,), (), (value,))


def _add_distinct(tally: Tally, mark: int, low: int | None, value: Any, time: int) -> Tally:
    """Return a tally of `distinct` with one more value: each value is kept once, with the mark at which it was last seen.

    The values are in the order in which they were first seen. A value that left the window and comes again goes to the end.
    """
    if low is not None and tally.marks and min(tally.marks) < low:
        tally = reduced(tally, [at for at, each in enumerate(tally.marks) if each >= low])
    marks, values = tally.marks, tally.values
    at = _find(values, value)
    if at < 0:
        return sized(tally, (*marks, mark), (), (), (*values, value), text(tally) + value_rules.size(value))
    if marks[at] >= mark:
        return tally
    return Tally(tally.hash, tally.since, "distinct", tally.step, tally.size, _put(marks, at, 1, mark), (), (), values)


def _add_most_frequent(tally: Tally, mark: int, low: int | None, value: Any, time: int) -> Tally:
    """Return a tally of `most_frequent` with one more value.

    With a window there is a bucket for each mark and value, with the number of events. Without a window (`low` is None) there is
    a bucket for each value, with the number of events and the mark at which the value was last seen.
    """
    start = inside(tally.marks, low)
    if start:
        tally = reduced(tally, range(start, len(tally.marks)))
    marks, places, counts, values = tally.marks, tally.numbers, tally.counts, tally.values
    end, place = _end(marks, mark), _find(values, value)
    # Without a window a value has only one bucket, anywhere. With a window, only the buckets with this mark are searched.
    first = _end(marks, mark - 1) if low is not None else 0
    after = end if low is not None else len(places)
    if place in places[first:after]:
        at = places.index(place, first)
        marks, counts = _put(marks, at, 1, max(mark, marks[at])), _put(counts, at, 1, counts[at] + 1)
        return Tally(tally.hash, tally.since, "most_frequent", tally.step, tally.size, marks, places, counts, values)
    bytes = text(tally)
    if place < 0:
        place, values, bytes = len(values), (*values, value), bytes + value_rules.size(value)
    return sized(tally, _put(marks, end, 0, mark), _put(places, end, 0, place), _put(counts, end, 0, 1), values, bytes)


_ADD: Final[Mapping[str, Callable[[Tally, int, int | None, Any, int], Tally]]] = {
    "count": _add_number,
    "sum": _add_number,
    "average": _add_number,
    "min": _add_number,
    "max": _add_number,
    "rfm": _add_number,
    "first": _add_first,
    "last": _add_last,
    "distinct": _add_distinct,
    "most_frequent": _add_most_frequent,
}
_COUNTED: Final = frozenset({"average", "rfm", "most_frequent"})


def _find(values: tuple[Any, ...], value: Any) -> int:
    """Return the index of `value` in `values`, or -1 if `values` does not contain it."""
    if value not in values:
        return -1
    at = values.index(value)
    if value_rules.same(values[at], value):
        return at
    return next((at for at, each in enumerate(values) if value_rules.same(each, value)), -1)


def sized(
    tally: Tally,
    marks: tuple[int, ...],
    numbers: tuple[int | float, ...],
    counts: tuple[int, ...],
    values: tuple[Any, ...],
    text: int | None = None,
) -> Tally:
    """Return the tally with the given columns (see `Tally`) and a new `size`.

    `text` is the number of bytes of `values` in msgpack, if the caller knows it; None: it is computed here.
    """
    size = _columns(tally, marks, numbers, counts) + (sum(map(value_rules.size, values)) if text is None else text)
    return Tally(tally.hash, tally.since, tally.compute, tally.step if marks else 1, size, marks, numbers, counts, values)


def text(tally: Tally) -> int:
    """Return an upper bound of the bytes that the column `values` of the tally takes in msgpack."""
    return tally.size - _columns(tally, tally.marks, tally.numbers, tally.counts) if tally.marks else 0


def _columns(tally: Tally, marks: tuple[int, ...], numbers: tuple[int | float, ...], counts: tuple[int, ...]) -> int:
    # The greatest numbers of bytes in msgpack: 64 for the array headers, `since` and `step` together; 3 for a mark that is a day,
    # 9 for another mark or number, 5 for a count.
    short = not marks or (max(marks) if tally.compute == "distinct" else marks[-1]) < _SHORT_MARK
    each = _NUMBER_BYTES.get(tally.compute, 9)
    return 64 + len(tally.hash) + len(marks) * (3 if short else 9) + len(numbers) * each + len(counts) * 5


_NUMBER_BYTES: Final = {"count": 5, "most_frequent": 1}


def reduced(tally: Tally, kept: Iterable[int]) -> Tally:
    """Return a tally of `distinct` or `most_frequent` with only the buckets at the indices `kept`.

    Values without a bucket are dropped too.
    """
    kept = list(kept)
    marks = tuple([tally.marks[at] for at in kept])
    if tally.compute == "distinct":
        return sized(tally, marks, (), (), tuple([tally.values[at] for at in kept]))
    held = {int(tally.numbers[at]) for at in kept}
    values = [place for place in range(len(tally.values)) if place in held]
    places = {place: new for new, place in enumerate(values)}
    return sized(
        tally,
        marks,
        tuple([places[int(tally.numbers[at])] for at in kept]),
        tuple([tally.counts[at] for at in kept]),
        tuple([tally.values[place] for place in values]),
    )
