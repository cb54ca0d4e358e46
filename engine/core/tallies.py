"""Tallies: what a customer's state keeps of one trait, and how one more event changes it.

Called by `traits.py`, which decides whether an event counts. A tally is a list of buckets in order of their marks
(`windows.py`): events that leave the window together. It is bounded: past `BUCKETS` neighbours join and leave together, at
the later one's time; past `VALUES` the value that was not seen for longest goes. Nothing here knows a trait's conditions.
"""

import datetime
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from engine.core import measures

BUCKETS: Final = 400
"""So many buckets of one trait are exact: a year of days, or 400 events of a rolling window."""
VALUES: Final = 100
"""`distinct` and `most_frequent` keep so many values."""
EACH_BYTES: Final = 8_000
"""No tally is larger."""
ALL_BYTES: Final = 32_000
"""All tallies of a customer together; past that each has its equal share."""
_SHORT_MARK: Final = 1 << 16
_WIDEST: Final = 1 << 62


class Tally(msgspec.Struct, frozen=True, array_like=True):
    """What is kept of one trait of one customer. Part of the state: append fields with a default, never reorder them.

    `hash` is that of the definition, `since` when it began to count. Buckets stand side by side in four columns: `marks`,
    `numbers` (counts, sums, the least, the greatest; times in ms for first and last; places in `values` for most_frequent),
    `counts` (of average, rfm and most_frequent) and `values`. Buckets whose marks fall into the same `step` may have been
    joined (1: everything is exact). `size` is an upper bound of the bytes in msgpack.
    """

    hash: str
    since: datetime.datetime
    compute: str
    step: int = 1
    size: int = 0
    marks: tuple[int, ...] = ()
    numbers: tuple[int | float, ...] = ()
    counts: tuple[int, ...] = ()
    values: tuple[Any, ...] = ()


def add(tally: Tally, mark: int, low: int | None, value: Any, time: int) -> Tally:
    """The tally with one more event; itself where that changes nothing.

    `low` is the least mark in the window (None: no window), `time` the event's in ms. What has left the window goes.
    """
    after = _ADD[tally.compute](tally, mark, low, value, time)
    if after.size > EACH_BYTES:
        return fit(after, EACH_BYTES)
    return fit(after, EACH_BYTES, BUCKETS // 2) if len(after.marks) > BUCKETS else after


def fit(tally: Tally, most_bytes: int, most_buckets: int = BUCKETS) -> Tally:
    """The tally in fewer bytes, with a quarter left to grow, and at most so many buckets; one of them is always left."""
    while tally.size > most_bytes * 3 // 4 or len(tally.marks) > most_buckets:
        values = len(tally.values) if tally.compute in _MANY else 1
        buckets = len(tally.marks)
        if buckets > values:
            tally = _join(tally, max(values, min(buckets // 2, most_buckets)))
        elif values > 1:
            tally = _forget(tally, max(1, values // 8))
        else:
            break
    return tally


_JOINED: Final[Mapping[str, Callable[[int | float, int | float], int | float]]] = {
    "count": measures.plus,
    "sum": measures.plus,
    "average": measures.plus,
    "rfm": measures.plus,
    "min": measures.least,
    "max": measures.greatest,
}


def _end(marks: tuple[int, ...], mark: int) -> int:
    """Where `mark` would be put in: after all that are not greater. Most events are the newest."""
    at = len(marks)
    while at and marks[at - 1] > mark:
        at -= 1
    return at


def inside(marks: tuple[int, ...], low: int | None) -> int:
    """The first bucket in the window."""
    if low is None:
        return 0
    at = 0
    while at < len(marks) and marks[at] < low:
        at += 1
    return at


def _add_number(tally: Tally, mark: int, low: int | None, value: Any, time: int) -> Tally:
    """count, sum, average, min, max, rfm: join the mark's bucket or open one."""
    marks, numbers, counts = tally.marks, tally.numbers, tally.counts
    counted = tally.compute in _COUNTED
    at = (1 if marks else 0) if low is None else _end(marks, mark)
    if at and (low is None or marks[at - 1] == mark):
        at -= 1
        old = numbers[at]
        new = _JOINED[tally.compute](old, value)
        if new == old and type(new) is type(old) and not counted:
            return tally
        marks = marks if mark <= marks[at] else (mark,)
        numbers = (*numbers[:at], new, *numbers[at + 1 :])
        counts = (*counts[:at], counts[at] + 1, *counts[at + 1 :]) if counted else counts
    else:
        marks = (*marks[:at], mark, *marks[at:])
        numbers = (*numbers[:at], value, *numbers[at:])
        counts = (*counts[:at], 1, *counts[at:]) if counted else counts
    if low is not None and marks[0] < low:
        start = inside(marks, low)
        marks, numbers, counts = marks[start:], numbers[start:], counts[start:]
    return _sized(tally, marks, numbers, counts, ())


def _add_first(tally: Tally, mark: int, low: int | None, value: Any, time: int) -> Tally:
    """The earliest of each bucket, because the bucket before it may leave; at the same time the first to arrive."""
    marks, numbers, values = tally.marks, tally.numbers, tally.values
    at = _end(marks, mark)
    before = at
    if at and marks[at - 1] == mark:
        if time >= numbers[at - 1]:
            return tally
        before = at - 1
    marks = (*marks[:before], mark, *marks[at:])
    numbers = (*numbers[:before], time, *numbers[at:])
    values = (*values[:before], value, *values[at:])
    start = inside(marks, low)
    return _sized(tally, marks[start:], numbers[start:], (), values[start:])


def _add_last(tally: Tally, mark: int, low: int | None, value: Any, time: int) -> Tally:
    """The latest alone: when it leaves, all before it have left. At the same time the last to arrive."""
    if tally.numbers and (time < tally.numbers[0] or (time == tally.numbers[0] and measures.same(value, tally.values[0]))):
        return tally
    return _sized(tally, (mark,), (time,), (), (value,))


def _add_distinct(tally: Tally, mark: int, low: int | None, value: Any, time: int) -> Tally:
    """Each value with the mark at which it was last seen, in the order first seen; one that had left comes last."""
    marks, values = tally.marks, tally.values
    if low is not None and marks and min(marks) < low:
        kept = [at for at, each in enumerate(marks) if each >= low]
        marks, values = tuple(marks[at] for at in kept), tuple(values[at] for at in kept)
    at = _find(values, value)
    if at < 0:
        if len(values) >= VALUES and mark < min(marks):
            return tally
        after = _sized(tally, (*marks, mark), (), (), (*values, value))
        return _forget(after, 1) if len(after.values) > VALUES else after
    if marks[at] >= mark:
        return tally
    return _sized(tally, (*marks[:at], mark, *marks[at + 1 :]), (), (), values)


def _add_most_frequent(tally: Tally, mark: int, low: int | None, value: Any, time: int) -> Tally:
    """How often each value was seen in each bucket; without a window, how often and when last."""
    start = inside(tally.marks, low)
    if start:
        tally = _reduced(tally, list(range(start, len(tally.marks))))
    marks, places, counts, values = tally.marks, tally.numbers, tally.counts, tally.values
    place = _find(values, value)
    if place < 0:
        place, values = len(values), (*values, value)
    end = _end(marks, mark)
    for at in range(len(marks) - 1 if low is None else end - 1, -1, -1):
        if low is not None and marks[at] != mark:
            break
        if places[at] == place:
            marks = (*marks[:at], max(mark, marks[at]), *marks[at + 1 :])
            return _sized(tally, marks, places, (*counts[:at], counts[at] + 1, *counts[at + 1 :]), values)
    after = _sized(
        tally,
        (*marks[:end], mark, *marks[end:]),
        (*places[:end], place, *places[end:]),
        (*counts[:end], 1, *counts[end:]),
        values,
    )
    return _forget(after, 1) if len(values) > VALUES else after


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
_MANY: Final = frozenset({"distinct", "most_frequent"})
_COUNTED: Final = frozenset({"average", "rfm", "most_frequent"})


def _find(values: tuple[Any, ...], value: Any) -> int:
    """Where the value stands; -1 if it does not."""
    if value not in values:
        return -1
    return next((at for at, each in enumerate(values) if measures.same(each, value)), -1)


def _sized(
    tally: Tally, marks: tuple[int, ...], numbers: tuple[int | float, ...], counts: tuple[int, ...], values: tuple[Any, ...]
) -> Tally:
    """The tally with new columns, and how large it may be."""
    size = _columns(tally, marks, numbers, counts)
    if values:
        known = values is tally.values
        size += (
            tally.size - _columns(tally, tally.marks, tally.numbers, tally.counts) if known else sum(map(measures.size, values))
        )
    return Tally(tally.hash, tally.since, tally.compute, tally.step if marks else 1, size, marks, numbers, counts, values)


def _columns(tally: Tally, marks: tuple[int, ...], numbers: tuple[int | float, ...], counts: tuple[int, ...]) -> int:
    # In msgpack: the heads of arrays, `since` and `step` at most 64; a day 3, any other whole number or float 9, a count 5.
    short = not marks or (max(marks) if tally.compute == "distinct" else marks[-1]) < _SHORT_MARK
    each = _NUMBER_BYTES.get(tally.compute, 9)
    return 64 + len(tally.hash) + len(marks) * (3 if short else 9) + len(numbers) * each + len(counts) * 5


_NUMBER_BYTES: Final = {"count": 5, "most_frequent": 1}


def _forget(tally: Tally, some: int) -> Tally:
    """Without the values that were not seen for longest; of equals the first goes first."""
    marks, places = tally.marks, tally.numbers if tally.compute == "most_frequent" else range(len(tally.marks))
    seen = [0] * len(tally.values)
    for mark, place in zip(marks, places, strict=True):
        seen[int(place)] = max(seen[int(place)], mark)
    gone = frozenset(sorted(range(len(seen)), key=seen.__getitem__)[:some])
    if tally.compute == "most_frequent":
        return _reduced(tally, [at for at, place in enumerate(places) if place not in gone])
    kept = [at for at in range(len(marks)) if at not in gone]
    return _sized(tally, tuple(marks[at] for at in kept), (), (), tuple(tally.values[at] for at in kept))


def _reduced(tally: Tally, kept: list[int]) -> Tally:
    """most_frequent with some of its buckets; a value without any goes."""
    held = {tally.numbers[at] for at in kept}
    values = [place for place in range(len(tally.values)) if place in held]
    places = {place: new for new, place in enumerate(values)}
    return _sized(
        tally,
        tuple(tally.marks[at] for at in kept),
        tuple(places[int(tally.numbers[at])] for at in kept),
        tuple(tally.counts[at] for at in kept),
        tuple(tally.values[place] for place in values),
    )


def _join(tally: Tally, most: int) -> Tally:
    """At most so many buckets: those whose marks fall into one step become one, at the latest mark. The step only doubles,
    so no event stays longer in the window than one step, however often its bucket is joined.
    """
    step = tally.step
    while step < _WIDEST and len({_cell(tally, at, step) for at in range(len(tally.marks))}) > most:
        step *= 2
    cells: dict[tuple[int, int | float], list[int]] = {}
    for at in range(len(tally.marks)):
        cells.setdefault(_cell(tally, at, step), []).append(at)
    joined = sorted(cells.values(), key=lambda cell: tally.marks[cell[-1]])
    after = _sized(
        tally,
        tuple(tally.marks[cell[-1]] for cell in joined),
        tuple(_joined(tally, cell) for cell in joined),
        tuple(sum(tally.counts[at] for at in cell) for cell in joined) if tally.counts else (),
        tuple(tally.values[cell[0]] for cell in joined) if tally.compute == "first" else tally.values,
    )
    return msgspec.structs.replace(after, step=step)


def _cell(tally: Tally, at: int, step: int) -> tuple[int, int | float]:
    return tally.marks[at] // step, tally.numbers[at] if tally.compute == "most_frequent" else 0


def _joined(tally: Tally, cell: list[int]) -> int | float:
    result = tally.numbers[cell[0]]
    if tally.compute in _JOINED:
        for at in cell[1:]:
            result = _JOINED[tally.compute](result, tally.numbers[at])
    return result
