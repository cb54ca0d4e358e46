"""Tallies: what a customer's state keeps of one trait, and how one more event changes it.

Called by `evaluate.py`, which decides whether an event counts, and by `compaction.py`, which limits the number of buckets. A
tally is a list of buckets in the order of their marks. A mark is a day or a time (`windows.py`); events with the same mark share
a bucket and leave the window together. This file does not know a trait's conditions.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from engine.core.model.state import Tally
from engine.core.traits import value_rules

_SHORT_MARK: Final = 1 << 16


def add(tally: Tally, mark: int, low: int | None, value: Any, time: int) -> Tally:
    """Return the tally with one more event; the same object if the event changes nothing.

    `low` is the least mark in the window (None: no window), and `time` is the event's time in ms. Buckets that have left the
    window are dropped.
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
    """Return the index at which `mark` is inserted, after all marks that are not greater.

    The search begins at the end, because most events are the newest.
    """
    at = len(marks)
    while at and marks[at - 1] > mark:
        at -= 1
    return at


def inside(marks: tuple[int, ...], low: int | None) -> int:
    """Return the index of the first bucket in the window."""
    if low is None:
        return 0
    at = 0
    while at < len(marks) and marks[at] < low:
        at += 1
    return at


def _add_number(tally: Tally, mark: int, low: int | None, value: Any, time: int) -> Tally:
    """Add a value to the bucket with this mark, or to a new bucket: for count, sum, average, min, max and rfm."""
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
    """Return the column with `value` at index `at`, in place of the next `instead` elements."""
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
    """Keep the earliest value of each bucket, because an earlier bucket may leave the window.

    Of two values of the same time, the first to arrive is kept.
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
    """Keep only the latest value: when it leaves the window, all earlier values have left.

    Of two values of the same time, the last to arrive is kept.
    """
    if tally.numbers and (time < tally.numbers[0] or (time == tally.numbers[0] and value_rules.same(value, tally.values[0]))):
        return tally
    return sized(tally, (mark,), (time,), (), (value,))


def _add_distinct(tally: Tally, mark: int, low: int | None, value: Any, time: int) -> Tally:
    """Keep each value with the mark at which it was last seen, in the order in which the values were first seen.

    A value that left the window and comes again goes to the end of the list.
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
    """Count each value in each bucket; without a window, count each value and keep when it was last seen."""
    start = inside(tally.marks, low)
    if start:
        tally = reduced(tally, range(start, len(tally.marks)))
    marks, places, counts, values = tally.marks, tally.numbers, tally.counts, tally.values
    end, place = _end(marks, mark), _find(values, value)
    # Without a window a value has one bucket; else the buckets of the same mark stand together.
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
    """Return the index of the value, or -1 if it is not there."""
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
    """Return the tally with new columns and the new size; `text` is the number of bytes of `values`, if the caller knows it."""
    size = _columns(tally, marks, numbers, counts) + (sum(map(value_rules.size, values)) if text is None else text)
    return Tally(tally.hash, tally.since, tally.compute, tally.step if marks else 1, size, marks, numbers, counts, values)


def text(tally: Tally) -> int:
    """Return an upper bound of the bytes that the values take in msgpack."""
    return tally.size - _columns(tally, tally.marks, tally.numbers, tally.counts) if tally.marks else 0


def _columns(tally: Tally, marks: tuple[int, ...], numbers: tuple[int | float, ...], counts: tuple[int, ...]) -> int:
    # Bytes of msgpack: 64 at most for the heads of arrays, `since` and `step`; 3 for a day, 9 for another number, 5 for a count.
    short = not marks or (max(marks) if tally.compute == "distinct" else marks[-1]) < _SHORT_MARK
    each = _NUMBER_BYTES.get(tally.compute, 9)
    return 64 + len(tally.hash) + len(marks) * (3 if short else 9) + len(numbers) * each + len(counts) * 5


_NUMBER_BYTES: Final = {"count": 5, "most_frequent": 1}


def reduced(tally: Tally, kept: Iterable[int]) -> Tally:
    """Return the tally (distinct or most_frequent) with only the buckets at the indices `kept` and the values that these use."""
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
