"""Compaction: makes tallies smaller, so that a customer's traits do not take too many bytes.

`evaluate.py` calls `one` and `together` when a tally has grown. If a tally has more than `BUCKETS` buckets, neighbouring buckets
are joined; their events then leave the window together, when the latest of them leaves. If a tally has more than `VALUES` values,
the values that were seen longest ago are dropped: docs/semantics.md#the-traits-of-a-customer-are-bounded
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from engine.core.model.state import Tally
from engine.core.traits import tallies, value_rules

BUCKETS: Final = 400
"""The number of buckets up to which a tally is exact: more than a year of days, or 400 events of a rolling window."""
VALUES: Final = 100
"""The greatest number of values in a tally of `distinct` or `most_frequent`."""
EACH_BYTES: Final = 8_000
"""The greatest size of one tally in bytes."""
ALL_BYTES: Final = 32_000
"""The greatest size of all tallies of a customer together, in bytes; past this size, each tally gets an equal share of the bytes.

With more than 75 traits the size may be greater, because a tally needs some bytes even if it has only one bucket.
"""

_WIDEST: Final = 1 << 62
_MANY: Final = frozenset({"distinct", "most_frequent"})


def one(tally: Tally) -> Tally:
    """Return the tally, made smaller if it exceeds `EACH_BYTES`, `BUCKETS` or `VALUES`; otherwise return the same object."""
    if tally.size > EACH_BYTES:
        tally = fit(tally, EACH_BYTES)
    if len(tally.marks) > BUCKETS:
        tally = fit(tally, EACH_BYTES, BUCKETS // 2)
    if len(tally.values) > VALUES and tally.compute in _MANY:
        # In a tally of most_frequent a value may have many buckets, so dropping takes time. Several values are dropped at once,
        # so that nothing must be dropped for the next few new values.
        tally = _forget(tally, 1 if tally.compute == "distinct" else VALUES // 8)
    return tally


def together(kept: Mapping[str, Tally]) -> Mapping[str, Tally]:
    """Return all tallies of a customer, `{trait name: tally}`, made smaller if together they exceed `ALL_BYTES`.

    In this case each tally that has more than an equal share of `ALL_BYTES` is made smaller; the other tallies stay unchanged.
    """
    if sum([tally.size for tally in kept.values()]) <= ALL_BYTES:
        return kept
    share = ALL_BYTES // len(kept)
    return {name: fit(tally, share) if tally.size > share else tally for name, tally in kept.items()}


def fit(tally: Tally, most_bytes: int, most_buckets: int = BUCKETS) -> Tally:
    """Return the tally with at most three quarters of `most_bytes` and at most `most_buckets` buckets.

    The last quarter is left free for the next events. At least one bucket is always left, even if it takes more bytes.
    """
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


def _forget(tally: Tally, some: int) -> Tally:
    """Return the tally without `some` of its values: those that were seen longest ago, and in a tie the first ones.

    `some` is the number of values to drop.
    """
    if tally.compute == "distinct":
        return _forget_distinct(tally, some)
    places, seen = [int(place) for place in tally.numbers], [0] * len(tally.values)
    for mark, place in zip(tally.marks, places, strict=True):
        seen[place] = max(seen[place], mark)
    gone = frozenset(sorted(range(len(seen)), key=seen.__getitem__)[:some])
    return tallies.reduced(tally, [at for at, place in enumerate(places) if place not in gone])


def _forget_distinct(tally: Tally, some: int) -> Tally:
    marks, values, text = list(tally.marks), list(tally.values), tallies.text(tally)
    for _ in range(some):
        at = marks.index(min(marks))
        del marks[at]
        text -= value_rules.size(values.pop(at))
    return tallies.sized(tally, tuple(marks), (), (), tuple(values), text)


def _join(tally: Tally, most: int) -> Tally:
    """Return the tally with neighbouring buckets joined, so that at most `most` buckets are left.

    All buckets with the same `mark // step` (for `most_frequent`: and the same value) become one bucket with the latest of their
    marks. `step` is doubled until there are few enough buckets. So an event leaves the window at most one step late, even if its
    bucket is joined several times.
    """
    step, buckets = tally.step, range(len(tally.marks))
    while step < _WIDEST and len({_cell(tally, at, step) for at in buckets}) > most:
        step *= 2
    cells: dict[tuple[int, int | float], list[int]] = {}
    for at in buckets:
        cells.setdefault(_cell(tally, at, step), []).append(at)
    joined = sorted(cells.values(), key=lambda cell: tally.marks[cell[-1]])
    after = tallies.sized(
        tally,
        tuple([tally.marks[cell[-1]] for cell in joined]),
        tuple([_joined(tally, cell) for cell in joined]),
        tuple([sum([tally.counts[at] for at in cell]) for cell in joined]) if tally.counts else (),
        tuple([tally.values[cell[0]] for cell in joined]) if tally.compute == "first" else tally.values,
    )
    return msgspec.structs.replace(after, step=step)


def _cell(tally: Tally, at: int, step: int) -> tuple[int, int | float]:
    return tally.marks[at] // step, tally.numbers[at] if tally.compute == "most_frequent" else 0


def _joined(tally: Tally, cell: list[int]) -> int | float:
    result = tally.numbers[cell[0]]
    join = tallies.JOINED.get(tally.compute)
    if join is not None:
        for at in cell[1:]:
            result = join(result, tally.numbers[at])
    return result
