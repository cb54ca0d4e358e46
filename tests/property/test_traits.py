"""Traits against a slow reference that keeps every event and counts again at each question."""

import datetime
import functools
import zoneinfo
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from engine.core.model import definition, inputs, state
from engine.core.traits import compaction, evaluate, windows

MINUTE = datetime.timedelta(minutes=1)
MS = datetime.timedelta(milliseconds=1)
HOUR = 3_600_000
# A zone, and a moment near which its clocks or its calendar do something; local time.
PLACES = [
    ("Asia/Jakarta", "2026-11-25 12:00"),
    ("Asia/Jayapura", "1970-01-02 12:00"),
    ("America/New_York", "2026-03-08 02:00"),
    ("America/New_York", "2026-11-01 02:00"),
    ("Australia/Lord_Howe", "2026-04-05 02:00"),
    ("America/Santiago", "2026-04-04 23:30"),  # clocks go back at midnight
    ("America/Santiago", "2026-09-06 00:30"),  # there is no midnight
    ("America/St_Johns", "2010-11-07 00:00"),  # one minute into Sunday, Saturday comes back
    ("Antarctica/Casey", "2010-03-05 00:00"),  # two hours into Friday, Thursday comes back
    ("Pacific/Apia", "2011-12-30 00:00"),  # a Friday that never was
    ("Asia/Pyongyang", "2018-05-04 23:45"),
]
WINDOWS: list[dict[str, int]] = [{}, {"days": 1}, {"days": 2}, {"days": 7}, {"rolling": HOUR // 2}, {"rolling": 5 * HOUR}]
COMPUTES = definition.COMPUTES
BANDS: dict[str, Any] = {"recency": (0, 1, 3), "frequency": (1, 2, 4, 8), "monetary": (0, 2.5, 9)}


class Seen(NamedTuple):
    time: datetime.datetime
    now: datetime.datetime
    value: Any


class Life(NamedTuple):
    """A trait, a zone, and what was seen in the order of arrival; `asked` are later moments."""

    trait: definition.Trait
    zone: zoneinfo.ZoneInfo
    seen: list[Seen]
    asked: list[datetime.datetime]


@st.composite
def lives(draw: st.DrawFn, computes: tuple[definition.Compute, ...] = COMPUTES, windows: Any = WINDOWS) -> Life:
    """Events around a DST change or another oddity, late and out of order; now never goes back."""
    name, moment = draw(st.sampled_from(PLACES))
    zone = zoneinfo.ZoneInfo(name)
    around = datetime.datetime.fromisoformat(moment).replace(tzinfo=zone).astimezone(datetime.UTC)
    compute = draw(st.sampled_from(computes))
    value = definition.Expression("event.data.value", "traits.t.value")
    trait = definition.Trait("t", ("a",), compute, "h", value=value, **draw(st.sampled_from(windows)), **BANDS)
    numbers = st.one_of(st.integers(-3, 9), st.sampled_from([0.1, 0.2, 0.3, 1.0, -0.7]))
    values = (
        numbers
        if compute in definition.OF_NUMBERS
        else st.one_of(st.sampled_from(["a", "b", "ä"]), st.booleans(), st.integers(0, 2), numbers)
    )
    # Minutes in whole hours meet the edges of windows; the odd ones do not.
    minutes = st.one_of(st.integers(-24, 24).map(lambda hours: hours * 60), st.integers(-90, 90), st.integers(-2000, 2000))
    now, seen = around - 2000 * MINUTE, []
    for _ in range(draw(st.integers(0, 12))):
        time = max(inputs.EPOCH, around + draw(minutes) * MINUTE)
        now = max(now, time + draw(st.sampled_from([0, 0, 0, 1, 60, 400, -1500])) * MINUTE)  # a clock may be ahead, too
        seen.append(Seen(time, now, draw(values)))
    asked = [now + draw(st.integers(0, 12_000)) * MINUTE for _ in range(3)]
    return Life(trait, zone, seen, sorted(asked))


# The reference.


@functools.cache
def shown(at: datetime.datetime, zone: datetime.tzinfo) -> int:
    """The latest date that the customer's calendar has shown by then; days never run backwards."""
    return max((at - minutes * MINUTE).astimezone(zone).toordinal() for minutes in range(4 * 60))


def mark(trait: definition.Trait, at: datetime.datetime, zone: datetime.tzinfo) -> Any:
    return shown(at, zone) if trait.days else at if trait.rolling else 0


def inside(trait: definition.Trait, time: datetime.datetime, now: datetime.datetime, zone: datetime.tzinfo) -> bool:
    if trait.days:
        return shown(time, zone) > shown(now, zone) - trait.days
    return not trait.rolling or time > now - trait.rolling * MS


def same(a: Any, b: Any) -> bool:
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def ordered(life: Life, seen: list[Seen]) -> list[Any]:
    """The different values in the window, in the order in which they came to be in it."""
    order: list[Any] = []
    past: list[Seen] = []
    for each in seen:
        alive = [old.value for old in past if inside(life.trait, old.time, each.now, life.zone)]
        order = [value for value in order if any(same(value, other) for other in alive)]
        if inside(life.trait, each.time, each.now, life.zone):
            past.append(each)
            if not any(same(each.value, value) for value in order):
                order.append(each.value)
    return order


def added(numbers: list[Any]) -> Any:
    result: Any = 0
    for number in numbers:
        result += number
    return result


def summed(life: Life, seen: list[Seen]) -> Any:
    """Within a bucket in the order of the log, then bucket by bucket."""
    buckets: dict[Any, Any] = {}
    for each in seen:
        key = mark(life.trait, each.time, life.zone)
        buckets[key] = buckets[key] + each.value if key in buckets else each.value
    return added([buckets[key] for key in sorted(buckets)])


def recounted(life: Life, seen: list[Seen], now: datetime.datetime) -> Any:
    """The trait's value from all events that were seen; None where there is none."""
    taken = [each for each in seen if inside(life.trait, each.time, each.now, life.zone)]
    here = [each for each in taken if inside(life.trait, each.time, now, life.zone)]
    values = [each.value for each in here]
    match life.trait.compute:
        case "count":
            return len(here)
        case "sum":
            return summed(life, here)
        case "rfm":
            return scored(life, here, now)
        case "distinct":
            return [value for value in ordered(life, taken) if any(same(value, other) for other in values)]
    if not here:
        return None
    match life.trait.compute:
        case "average":
            return summed(life, here) / len(here)
        case "min":
            return min(values, key=lambda value: (value, type(value) is float))
        case "max":
            return max(values, key=lambda value: (value, type(value) is int))
        case "first":
            return min(here, key=lambda each: each.time).value
        case "last":
            return max(reversed(here), key=lambda each: each.time).value
        case _:
            return max(ordered(life, taken), key=lambda value: sum(same(value, other) for other in values))


def scored(life: Life, here: list[Seen], now: datetime.datetime) -> dict[str, Any]:
    if not here:
        return {"recency_days": None, "orders": 0, "spend": 0, "recency": 1, "frequency": 1, "monetary": 1}
    days = max(0, shown(now, life.zone) - max(shown(each.time, life.zone) for each in here))
    spend = summed(life, here)
    return {
        "recency_days": days,
        "orders": len(here),
        "spend": spend,
        "recency": 4 if days <= 0 else 3 if days <= 1 else 2 if days <= 3 else 1,
        "frequency": sum(len(here) >= band for band in (0, 1, 2, 4, 8)),
        "monetary": 4 if spend >= 9 else 3 if spend >= 2.5 else 2 if spend >= 0 else 1,
    }


# The fold.


def lived(life: Life) -> Iterator[tuple[int, Mapping[str, state.Tally]]]:
    """How many events were seen, and the tallies then; through msgpack each time, as in a state."""
    kept: Mapping[str, state.Tally] = {}
    yield 0, kept
    for number, each in enumerate(life.seen, 1):
        event = inputs.Event(f"e{number}", "a", each.time, each.now, "ayu", "t", {"value": each.value})
        kept = evaluate.take([life.trait], kept, event, each.now, life.zone, lambda _, each=each: each.value)  # type: ignore[misc]
        wire = msgspec.msgpack.encode(kept)
        back = msgspec.msgpack.decode(wire, type=dict[str, state.Tally])
        assert back == kept
        assert repr(back) == repr(dict(kept))
        assert len(wire) <= sum(tally.size for tally in kept.values()) + 4
        kept = back
        yield number, kept


def told(life: Life, kept: Mapping[str, state.Tally], now: datetime.datetime) -> Any:
    value = evaluate.value(life.trait, kept.get("t"), now, life.zone)
    return None if value is evaluate.MISSING else value


@pytest.mark.parametrize("compute", COMPUTES)
@given(data=st.data())
def test_a_trait_is_what_a_recount_of_all_events_gives(compute: definition.Compute, data: st.DataObject) -> None:
    """At every moment a trait is what counting all events again gives: any compute, window, zone and order of arrival."""
    life = data.draw(lives((compute,)))
    for number, kept in lived(life):
        seen = life.seen[:number]
        for now in [seen[-1].now if seen else inputs.EPOCH + 9000 * MINUTE, *life.asked]:
            assert repr(recounted(life, seen, now)) == repr(told(life, kept, now))


@pytest.mark.parametrize("compute", ["count", "last", "distinct", "most_frequent", "rfm"])
@given(
    data=st.data(),
    between=st.lists(st.floats(0, 1, exclude_max=True), min_size=3, max_size=3),
    daily=st.booleans(),
)
def test_a_value_holds_until_it_says_that_it_changes(
    compute: definition.Compute, data: st.DataObject, between: list[float], daily: bool
) -> None:
    """Until `changes_at` a value is constant; stepping from one to the next sees every change. Not `daily`: but for the days."""
    life = data.draw(lives((compute,), WINDOWS[1:] if compute != "rfm" else WINDOWS))

    def seen(kept: Any, now: datetime.datetime) -> Any:
        value = told(life, kept, now)
        return value if daily or not isinstance(value, dict) else {**value, "recency_days": None}

    *_, (_, kept) = lived(life)
    now = life.seen[-1].now if life.seen else inputs.EPOCH + 9000 * MINUTE
    for _ in range(16):
        value, until = seen(kept, now), evaluate.changes_at(life.trait, kept.get("t"), now, life.zone, daily=daily)
        assert until is None or until > now
        end = until or now + datetime.timedelta(days=500)
        for probed in [*(now + (end - now) * share for share in between), end - MS]:
            probed = probed.replace(microsecond=probed.microsecond // 1000 * 1000)
            if now <= probed < end:
                assert repr(seen(kept, probed)) == repr(value)
        if until is None:
            return
        now = until
        assert repr(recounted(life, life.seen, now)) == repr(told(life, kept, now))


@given(lives(("count", "sum", "min", "max", "first", "last", "average"), [{}, {"days": 2}, {"rolling": 5 * HOUR}]), st.randoms())
def test_the_order_of_arrival_does_not_matter(life: Life, random: Any) -> None:
    """Windows go by `time`: events that come in another order within the same moment give the same value."""
    now = max((each.now for each in life.seen), default=inputs.EPOCH)
    if life.trait.compute not in ("min", "max"):
        assume(all(type(each.value) is not float for each in life.seen))  # sums of floats go by the log
    assume(len({each.time for each in life.seen}) == len(life.seen))  # ties of first and last go by arrival
    seen = [each._replace(now=now) for each in life.seen]
    mixed = list(seen)
    random.shuffle(mixed)
    values = []
    for order in (seen, mixed):
        *_, (_, kept) = lived(life._replace(seen=order))
        values.append(told(life, kept, now))
    assert repr(values[0]) == repr(values[1])


@given(
    st.sampled_from(["count", "sum", "rfm", "average"]),
    st.sampled_from([{"days": 60}, {"rolling": 60 * HOUR}, {"days": 5}]),
    st.lists(st.tuples(st.integers(-600, 12_000), st.integers(0, 9)), max_size=60),
)
def test_past_the_bound_an_event_leaves_at_most_one_step_late(
    compute: definition.Compute, window: dict[str, Any], steps: list[tuple[int, int]]
) -> None:
    """Past the bound of buckets neighbours leave together, at the later one's time: no event stays longer than one step."""
    value = definition.Expression("event.data.value", "traits.t.value")
    trait = definition.Trait(
        "t", ("a",), compute, "h", value=value, days=window.get("days", 0), rolling=window.get("rolling", 0), **BANDS
    )
    zone = zoneinfo.ZoneInfo("America/New_York")
    now = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
    kept: Mapping[str, state.Tally] = {}
    seen: list[tuple[int, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compaction, "BUCKETS", 8)
        for minutes, amount in steps:
            time = now + minutes * MINUTE
            now = max(now, time)
            event = inputs.Event("e", "a", time, now, "ayu", "t", {"value": amount})
            place = windows.Place(time, now, zone)
            its, low = place.window(trait)
            assert low is not None
            kept = evaluate.take([trait], kept, event, now, zone, lambda _, amount=amount: amount)  # type: ignore[misc]
            if its >= low:
                seen.append((its, amount))
            if not kept:
                continue
            tally = kept["t"]
            assert len(tally.marks) <= 8
            assert list(tally.marks) == sorted(tally.marks)
            exact = [number for its, number in seen if its >= low]
            longest = [number for its, number in seen if its > low - tally.step]
            told = evaluate.value(trait, tally, now, zone)
            match compute:
                case "count":
                    assert len(exact) <= told <= len(longest)
                case "sum":
                    assert sum(exact) <= told <= sum(longest)
                case "rfm":
                    assert len(exact) <= told["orders"] <= len(longest)
                    assert sum(exact) <= told["spend"] <= sum(longest)
                case _:
                    assert told is evaluate.MISSING or 0 <= told <= 9


@given(st.sampled_from(PLACES), st.integers(-3000, 3000))
@example(("America/St_Johns", "2010-11-07 00:00"), 30)
def test_days_begin_once_and_in_order(place: tuple[str, str], minutes: int) -> None:
    """A local day begins once: it is the latest date that the calendar has shown, and `begins` is its first moment."""
    zone = zoneinfo.ZoneInfo(place[0])
    at = datetime.datetime.fromisoformat(place[1]).replace(tzinfo=zone).astimezone(datetime.UTC) + minutes * MINUTE
    number = windows.day(at, zone)
    assert number == shown(at, zone) - windows.EPOCH_DAY
    assert windows.begins(number, zone) <= at < windows.begins(number + 1, zone)
    assert windows.day(windows.begins(number, zone), zone) == number
    assert windows.day(windows.begins(number, zone) - MS, zone) < number


# Bounds.

MANY = 100_000
Named = tuple[str, definition.Compute, str | None, dict[str, Any]]
DESIGNED: tuple[Named, ...] = (
    ("orders_90d", "count", None, {"days": 90}),
    ("spend_365d", "sum", "total", {"days": 365}),
    ("last_order", "last", "time", {}),
    ("pricing_views", "count", None, {"rolling": HOUR}),
    ("skus", "distinct", "sku", {"days": 365}),
    ("rfm", "rfm", "total", {"days": 365}),
)
HOSTILE: tuple[Named, ...] = (
    ("an_hour", "average", "total", {"rolling": HOUR}),
    ("first_hour", "first", "text", {"rolling": HOUR}),
    ("texts", "distinct", "text", {"rolling": 24 * HOUR}),
    ("favourite", "most_frequent", "text", {"days": 365}),
    ("favourite_ever", "most_frequent", "sku", {}),
    ("favourite_hour", "most_frequent", "few", {"rolling": HOUR}),
    ("ever", "distinct", "text", {}),
    ("ten_years", "average", "total", {"days": 3650}),
    ("rolling_rfm", "rfm", "total", {"rolling": 2400 * HOUR}),
    ("last_text", "last", "text", {"days": 7}),
)


def hurried(minutes: float, count: int) -> Iterator[Seen]:
    """So many events of one customer, so many minutes apart, each with another SKU, text and amount."""
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    for number in range(count):
        time = start + datetime.timedelta(milliseconds=int(number * minutes * 60_000))
        data = {
            "total": number * 977 + 0.5,
            "sku": f"SKU-{number}",
            "text": f"{number:0255}é"[-255:],
            "few": number % 90,
            "time": time,
        }
        yield Seen(time, time, data)


@pytest.mark.parametrize(
    ("named", "count"),
    [(DESIGNED, MANY), (DESIGNED + HOSTILE, MANY // 5), ((HOSTILE * 8)[:75], MANY // 50)],
    ids=["designed", "hostile", "seventy-five"],
)
@pytest.mark.parametrize("minutes", [0.0006, 31.7], ids=["in a hurry", "half-hourly"])
def test_a_customer_with_100_000_events_stays_small(minutes: float, named: tuple[Named, ...], count: int) -> None:
    """A customer with 100,000 events has a state under 64 KB, whatever her traits: all tallies together take 32,000 bytes."""
    of = [
        definition.Trait(
            f"{name}_{number}",
            ("a",),
            compute,
            f"sha256:{number:064}",
            None,
            definition.Expression(path, "") if path else None,
            **window,
        )
        for number, (name, compute, path, window) in enumerate(named)
    ]
    zone = zoneinfo.ZoneInfo("Asia/Jakarta")
    kept: Mapping[str, state.Tally] = {}
    largest = 0
    for number, each in enumerate(hurried(minutes, count)):
        event = inputs.Event("e", "a", each.time, each.now, "ayu", "t", each.value)
        kept = evaluate.take(of, kept, event, each.now, zone, lambda expression, each=each: each.value[expression.text])  # type: ignore[misc]
        if number % 100 == 0:
            largest = max(largest, len(msgspec.msgpack.encode(kept)))
    assert sum(tally.size for tally in kept.values()) <= compaction.ALL_BYTES
    assert largest <= compaction.ALL_BYTES + sum(len(trait.name) + 2 for trait in of)
