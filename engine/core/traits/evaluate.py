"""Traits: values computed from a customer's events, one event at a time.

`evolution.py` calls `take` for each event whose type a trait uses. `value` and `values` compute the values of traits, for example
for the conditions of segments. `changes_at` returns when a value can change without an event. The data of past events is in
tallies (`tallies.py`), and `windows.py` says which events are in a window. This file reads no clock and evaluates no CEL.
"""

import datetime
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from engine.core.model import definition, inputs
from engine.core.model.state import Tally
from engine.core.traits import compaction, tallies, value_rules, windows

MISSING: Final = msgspec.UNSET
"""The result for a trait without a value: an average, min, max, first, last or most_frequent of no events.

A condition that reads such a trait is false.
"""


def take(
    traits: Iterable[definition.Trait],
    kept: Mapping[str, Tally],
    event: inputs.Event,
    now: datetime.datetime,
    zone: datetime.tzinfo,
    evaluate: Callable[[definition.Expression], Any],
) -> Mapping[str, Tally]:
    """Return `{trait name: tally}` after the event; the same object as `kept` if the event changes no tally.

    - `traits`: the traits that use events of this type (`Trait.of`).
    - `kept`: `{trait name: tally}` before the event.
    - `evaluate`: a function that returns the value of an expression, or None if the expression fails.

    A trait does not count the event if its condition `when` is not true, if the value is of the wrong kind
    (`value_rules.is_number`, `value_rules.is_storable`), or if the event is already outside the window. The event counts at its
    own `time`, so the order in which events arrive does not matter.
    """
    place = windows.Place(event.time, now, zone)
    after: dict[str, Tally] = {}
    grown = False
    for trait in traits:
        if trait.when is not None and evaluate(trait.when) is not True:
            continue
        mark, low = place.window(trait)
        if low is not None and mark < low:
            continue
        value = 1 if trait.compute == "count" else evaluate(trait.value) if trait.value is not None else None
        if not (value_rules.is_number(value) if trait.compute in definition.OF_NUMBERS else value_rules.is_storable(value)):
            continue
        tally = kept.get(trait.name)
        if tally is None or tally.hash != trait.hash:
            tally = Tally(trait.hash, now, trait.compute)
        added = tallies.add(tally, mark, low, value, place.ms()[0])
        if added is tally:
            continue
        if added.size > tally.size:
            within = compaction.one(added)
            if within is not added and within == tally:
                continue  # the event is late, and compaction has dropped its value again
            grown, added = True, within
        after[trait.name] = added
    if not after:
        return kept
    return compaction.together({**kept, **after}) if grown else {**kept, **after}


def value(trait: definition.Trait, tally: Tally | None, now: datetime.datetime, zone: datetime.tzinfo) -> Any:
    """Return the trait's value at `now`, or `MISSING` if it has none.

    The value is a number, a text, a bool or a timestamp; for `distinct` it is a list, and for `rfm` a mapping. A tally that was
    made by an older definition of the trait counts as empty.
    """
    return _value(trait, tally, windows.Place(now, now, zone), now, zone)


def values(
    traits: Iterable[definition.Trait], kept: Mapping[str, Tally], now: datetime.datetime, zone: datetime.tzinfo
) -> dict[str, Any]:
    """Return `{trait name: value}` at `now`; traits without a value are left out. `kept` is `{trait name: tally}`."""
    place, found = windows.Place(now, now, zone), {}
    for trait in traits:
        each = _value(trait, kept.get(trait.name), place, now, zone)
        if each is not MISSING:
            found[trait.name] = each
    return found


def _value(
    trait: definition.Trait, tally: Tally | None, place: windows.Place, now: datetime.datetime, zone: datetime.tzinfo
) -> Any:
    """Return the same as `value`. `place` has the marks of `now`, which are computed only once for several traits."""
    if tally is None or tally.hash != trait.hash:
        tally = Tally(trait.hash, now, trait.compute)
    low = place.low(trait)
    compute, start = trait.compute, tallies.inside(tally.marks, low) if trait.compute != "distinct" else 0
    if compute in ("count", "sum"):
        return value_rules.total(tally.numbers[start:])
    match compute:
        case "distinct":
            if low is None:
                return list(tally.values)
            return [each for each, mark in zip(tally.values, tally.marks, strict=True) if mark >= low]
        case "most_frequent":
            return _most_frequent(tally, start)
        case "rfm":
            return _rfm(trait, tally, start, now, zone)
    numbers = tally.numbers[start:]
    if not numbers:
        return MISSING
    match compute:
        case "average":
            return value_rules.total(numbers) / sum(tally.counts[start:])
        case "min":
            return value_rules.joined(value_rules.least, numbers)
        case "max":
            return value_rules.joined(value_rules.greatest, numbers)
        case _:
            return tally.values[start]


def changes_at(
    trait: definition.Trait, tally: Tally | None, now: datetime.datetime, zone: datetime.tzinfo, *, daily: bool = True
) -> datetime.datetime | None:
    """Return the first moment after `now` at which the trait's value may change without an event, or None if it never does.

    A value changes when the oldest bucket leaves the window. The value of `rfm` also changes at the customer's next midnight,
    because its `recency_days` grows by one. With `daily=False`, for a caller that does not read `recency_days`, the midnight at
    which the recency score falls is used instead.
    """
    if tally is None or tally.hash != trait.hash:
        return None
    low = windows.low(trait, now, zone)
    inside = [mark for mark in tally.marks if low is None or mark >= low]
    if not inside:
        return None
    leaving = windows.leaves(trait, min(inside), zone)
    if trait.compute != "rfm":
        return leaving
    last, today = _last_day(trait, tally, zone), windows.day(now, zone)
    days = [max(today, last) + 1] if daily else [last + int(band) + 1 for band in trait.recency]
    older = [windows.begins(day, zone) for day in days if day > today]
    return min((*older, *([leaving] if leaving else ())), default=None)


def _most_frequent(tally: Tally, start: int) -> Any:
    """Return the value that was seen most often in the window (the buckets from index `start` on).

    In a tie, return the value that was seen first. Return `MISSING` if there is no value.
    """
    seen = [0] * len(tally.values)
    for place, count in zip(tally.numbers[start:], tally.counts[start:], strict=True):
        seen[int(place)] += count
    most = max(seen, default=0)
    return tally.values[seen.index(most)] if most else MISSING


def _rfm(trait: definition.Trait, tally: Tally, start: int, now: datetime.datetime, zone: datetime.tzinfo) -> dict[str, Any]:
    """Return the value of an `rfm` trait: recency in days, number of orders and money spent, with a score for each.

    Only the buckets from index `start` on are in the window. A number exactly on the limit between two scores gets the better
    score. Without an order, `recency_days` is None and all scores are 1.
    """
    orders, spend = sum(tally.counts[start:]), value_rules.total(tally.numbers[start:])
    days = max(0, windows.day(now, zone) - _last_day(trait, tally, zone)) if orders else None
    return {
        "recency_days": days,
        "orders": orders,
        "spend": spend,
        "recency": 1 if days is None else 1 + sum(days <= band for band in trait.recency),
        "frequency": 1 if days is None else 1 + sum(orders >= band for band in trait.frequency),
        "monetary": 1 if days is None else 1 + sum(spend >= band for band in trait.monetary),
    }


def _last_day(trait: definition.Trait, tally: Tally, zone: datetime.tzinfo) -> int:
    mark = tally.marks[-1]
    return windows.day_of(mark, zone) if trait.rolling and not trait.days else mark
