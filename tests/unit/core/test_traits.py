"""Traits: each compute, its windows, what it refuses, and how long its value holds."""

import datetime
import zoneinfo
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from engine.core.model import definition, inputs, state
from engine.core.traits import compaction, evaluate, windows

JAKARTA = zoneinfo.ZoneInfo("Asia/Jakarta")
DAY = 24 * 3600 * 1000
HOUR = 3600 * 1000
BANDS: dict[str, Any] = {
    "recency": (7, 30, 90, 180),
    "frequency": (1, 2, 4, 8),
    "monetary": (100_000, 250_000, 1_000_000, 5_000_000),
}


def at(text: str) -> datetime.datetime:
    """A moment of November 2026 in Jakarta: `24 10:00`."""
    day, clock = text.split()
    return datetime.datetime.fromisoformat(f"2026-11-{day}T{clock}").replace(tzinfo=JAKARTA).astimezone(datetime.UTC)


def trait(
    compute: definition.Compute, value: str | None = "event.data.value", when: str | None = None, **rest: Any
) -> definition.Trait:
    condition, wanted = (None if text is None else definition.Expression(text, "traits.t") for text in (when, value))
    return definition.Trait("t", ("order.placed",), compute, rest.pop("hash", "h1"), condition, wanted, **rest)


def evaluated(expression: definition.Expression, event: inputs.Event) -> Any:
    if expression.text == "event.time":
        return event.time
    return event.field(expression.text.removeprefix("event.data."))


class Customer:
    """A customer with one trait, in Jakarta unless said otherwise."""

    def __init__(self, of: definition.Trait, zone: datetime.tzinfo = JAKARTA) -> None:
        self.of, self.zone = of, zone
        self.kept: Mapping[str, state.Tally] = {}

    def sees(self, value: Any = None, *, time: str, now: str | None = None, **data: Any) -> "Customer":
        moment = at(now or time)
        event = inputs.Event("e", "order.placed", at(time), moment, "ayu", "t", {"value": value, **data})
        self.kept = evaluate.take([self.of], self.kept, event, moment, self.zone, lambda each: evaluated(each, event))
        return self

    def value(self, now: str) -> Any:
        return evaluate.value(self.of, self.kept.get("t"), at(now), self.zone)

    def changes(self, now: str) -> datetime.datetime | None:
        return evaluate.changes_at(self.of, self.kept.get("t"), at(now), self.zone)


# What each computes.

PRODUCED = [
    ("count", [5, 7, 7], 3),
    ("sum", [5, 7, 7], 19),
    ("sum", [0.5, 7], 7.5),
    ("average", [5, 7, 9], 7.0),
    ("min", [7, 5, 9], 5),
    ("max", [7, 9, 5], 9),
    ("first", ["a", "b", "a"], "a"),
    ("last", ["a", "b", "c"], "c"),
    ("distinct", ["b", "a", "b"], ["b", "a"]),
    ("most_frequent", ["b", "a", "a"], "a"),
]


@pytest.mark.parametrize("window", [{}, {"days": 30}, {"rolling": 3 * HOUR}], ids=["all time", "days", "rolling"])
@pytest.mark.parametrize(("compute", "seen", "expected"), PRODUCED)
def test_each_compute_gives_its_value(
    compute: definition.Compute, seen: list[Any], expected: Any, window: dict[str, Any]
) -> None:
    """`compute`: `count | sum | average | min | max | first | last | distinct | most_frequent | rfm`."""
    ayu = Customer(trait(compute, **window))
    for hour, value in enumerate(seen):
        ayu.sees(value, time=f"24 1{hour}:00")
    actual = ayu.value("24 12:30")
    assert expected == actual
    assert type(expected) is type(actual)


@pytest.mark.parametrize("window", [{}, {"days": 30}, {"rolling": HOUR}], ids=["all time", "days", "rolling"])
@pytest.mark.parametrize("compute", ["average", "min", "max", "first", "last", "most_frequent"])
def test_of_nothing_there_is_no_value(compute: definition.Compute, window: dict[str, Any]) -> None:
    """An empty average, min, max, first or last is missing."""
    assert evaluate.value(trait(compute, **window), None, at("24 10:00"), JAKARTA) is evaluate.MISSING
    assert evaluate.values([trait(compute, **window)], {}, at("24 10:00"), JAKARTA) == {}


@pytest.mark.parametrize(("compute", "expected"), [("count", 0), ("sum", 0), ("distinct", [])])
def test_of_nothing_count_and_sum_are_0(compute: definition.Compute, expected: Any) -> None:
    """Count and sum are 0 where there is nothing to count; distinct is an empty list."""
    assert evaluate.values([trait(compute)], {}, at("24 10:00"), JAKARTA) == {"t": expected}


@pytest.mark.parametrize("compute", ["average", "min", "max", "first", "last", "most_frequent"])
def test_a_window_that_has_run_out_is_empty(compute: definition.Compute) -> None:
    """An average, min, max, first or last of a window that all has left is missing again."""
    ayu = Customer(trait(compute, rolling=HOUR)).sees(5, time="24 10:00")
    assert ayu.value("24 11:00") is evaluate.MISSING


@pytest.mark.parametrize(
    "value", [None, True, "12", float("nan"), float("inf"), 2**53 + 1, [1], {"a": 1}], ids=lambda value: repr(value)[:12]
)
@pytest.mark.parametrize("compute", ["sum", "average", "min", "max", "rfm"])
def test_what_is_no_number_is_not_counted(compute: definition.Compute, value: Any) -> None:
    """A value that is missing or of the wrong kind is not counted: the tallies are the same object."""
    ayu = Customer(trait(compute)).sees(5, time="24 10:00")
    before = ayu.kept
    assert ayu.sees(value, time="24 11:00").kept is before


@pytest.mark.parametrize(
    "value", [None, [1], {"a": 1}, float("nan"), 2**63, "x" * 257, "é" * 129], ids=lambda value: repr(value)[:12]
)
@pytest.mark.parametrize("compute", ["first", "last", "distinct", "most_frequent"])
def test_what_cannot_be_kept_is_not_counted(compute: definition.Compute, value: Any) -> None:
    """A value is a number, a text of at most 256 bytes, true or false, or a timestamp; anything else is not counted."""
    ayu = Customer(trait(compute)).sees("x" * 256, time="24 10:00")
    before = ayu.kept
    assert ayu.sees(value, time="24 11:00", now="24 11:00").kept is before


def test_a_condition_must_hold() -> None:
    """`when` must be true: false, a failed evaluation and what is merely truthy do not count."""
    ayu = Customer(trait("count", when="event.data.yes"))
    for yes in (False, None, 1, "true"):
        assert ayu.sees(time="24 10:00", yes=yes).kept == {}
    assert ayu.sees(time="24 10:00", yes=True).value("24 10:00") == 1


def test_other_traits_are_left_alone() -> None:
    """A tally that the event does not change is the same object, and so are all tallies where it changes none."""
    ayu = Customer(trait("max")).sees(5, time="24 10:00")
    other = state.Tally("h9", at("24 09:00"), "count")
    before = ayu.kept = {**ayu.kept, "other": other}
    assert ayu.sees(4, time="24 11:00").kept is before
    assert ayu.sees(6, time="24 11:00").kept["other"] is other


def test_numbers_keep_their_kind() -> None:
    """Whole numbers stay whole; a sum beyond 64 bits goes on as a float."""
    ayu = Customer(trait("sum"))
    for _ in range(1100):
        ayu.sees(2**53, time="24 10:00")
    assert ayu.value("24 10:00") == float(2**53 * 1100)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(ayu.kept), type=dict[str, state.Tally]) == ayu.kept


def test_one_is_not_true() -> None:
    """Values are one where CEL says that they are equal: 1 is 1.0, and neither is true."""
    ayu = Customer(trait("distinct"))
    for value in (1, 1.0, True, True, "1"):
        ayu.sees(value, time="24 10:00")
    assert repr(ayu.value("24 10:00")) == "[1, True, '1']"


@pytest.mark.parametrize("compute", ["min", "max"])
@pytest.mark.parametrize("days", [0, 7])
@pytest.mark.parametrize("arrival", [((1, "23 10:00"), (1.0, "24 10:00")), ((1.0, "24 10:00"), (1, "23 10:00"))])
def test_the_least_of_equal_numbers_is_the_whole_one(
    compute: definition.Compute, days: int, arrival: tuple[tuple[int | float, str], ...]
) -> None:
    """Of 1 and 1.0 the trait is 1, in whichever order the events come: a message would show the difference."""
    ayu = Customer(trait(compute, days=days))
    for value, time in arrival:
        ayu.sees(value, time=time, now="24 10:00")
    assert repr(ayu.value("24 10:00")) == "1"


def test_the_last_order_is_a_timestamp() -> None:
    """`last_order: {of: order.placed, compute: last, value: event.time}` gives a datetime, through msgpack too."""
    ayu = Customer(trait("last", "event.time")).sees(time="24 10:00")
    ayu.kept = msgspec.msgpack.decode(msgspec.msgpack.encode(ayu.kept), type=dict[str, state.Tally])
    assert ayu.value("24 10:00") == at("24 10:00")


def test_the_first_of_the_most_frequent_wins() -> None:
    """Of values seen equally often, the most frequent is the one seen first."""
    ayu = Customer(trait("most_frequent")).sees("b", time="24 10:00").sees("a", time="24 11:00")
    assert ayu.value("24 12:00") == "b"


# Windows.


def test_rolling_windows_are_exact() -> None:
    """Windows of hours and minutes are exact: `time > now - within`."""
    ayu = Customer(trait("count", rolling=HOUR)).sees(time="24 10:00").sees(time="24 10:30")
    assert [ayu.value(now) for now in ("24 10:59:59.999", "24 11:00", "24 11:29:59.999", "24 11:30")] == [2, 1, 1, 0]


def test_windows_of_days_count_calendar_days() -> None:
    """Windows of days and weeks count the customer's own calendar days, today included."""
    today = Customer(trait("count", days=1)).sees(time="24 00:00").sees(time="24 23:59")
    assert [today.value(now) for now in ("24 23:59:59.999", "25 00:00")] == [2, 0]
    week = Customer(trait("count", days=7)).sees(time="18 23:59").sees(time="24 10:00")
    assert [week.value(now) for now in ("24 23:59:59.999", "25 00:00")] == [2, 1]


def test_the_day_is_the_customers() -> None:
    """The same two events are of one day in New York and of two in Jakarta."""
    for zone, expected in ((JAKARTA, 1), (zoneinfo.ZoneInfo("America/New_York"), 2)):
        ayu = Customer(trait("count", days=1), zone).sees(time="23 23:00").sees(time="24 01:00")
        assert ayu.value("24 01:00") == expected


def test_an_event_of_a_clock_that_is_ahead_counts() -> None:
    """An event whose `time` is still to come counts from its arrival, and is 0 days old until its day has passed."""
    ayu = Customer(trait("rfm", days=2, **BANDS)).sees(5, time="26 10:00", now="24 10:00")
    assert [ayu.value(now)["recency_days"] for now in ("24 10:00", "26 10:00", "27 00:00", "28 00:00")] == [0, 0, 1, None]
    assert [ayu.changes(now) for now in ("24 10:00", "27 00:00")] == [at("27 00:00"), at("28 00:00")]


def test_marks_are_never_negative() -> None:
    """The first hours of 1970 are still 1969 in New York: they count as the first day."""
    place = windows.Place(inputs.EPOCH, inputs.EPOCH, zoneinfo.ZoneInfo("America/New_York"))
    assert place.window(trait("count", days=1)) == (0, -1)


def test_an_event_that_its_window_has_left_is_not_counted() -> None:
    """An event older than its window is not counted: the tallies stay the same object."""
    for of in (trait("count", rolling=HOUR), trait("count", days=2)):
        ayu = Customer(of)
        before = ayu.kept
        assert ayu.sees(time="22 10:00", now="24 10:00").kept is before


def test_what_leaves_the_window_leaves_the_state() -> None:
    """The next event that counts clears what has left, so that a state stays small."""
    ayu = Customer(trait("count", rolling=HOUR)).sees(time="24 10:00").sees(time="24 11:00")
    assert len(ayu.kept["t"].marks) == 1


def test_a_frequent_value_that_comes_back_is_seen_anew() -> None:
    """`most_frequent` forgets what has left the window, and with it who was seen first."""
    ayu = Customer(trait("most_frequent", rolling=HOUR)).sees("a", time="24 10:00").sees("b", time="24 10:30")
    ayu.sees("a", time="24 11:15")
    assert ayu.value("24 11:15") == "b"
    assert ayu.kept["t"].values == ("b", "a")
    assert sum(ayu.kept["t"].counts) == 2


@pytest.mark.parametrize("compute", ["min", "max"])
def test_of_equal_numbers_the_first_stays(compute: definition.Compute) -> None:
    """The least and the greatest of 1 and 1.0 is the one that came first: nothing changes."""
    ayu = Customer(trait(compute)).sees(1, time="24 10:00")
    before = ayu.kept
    assert ayu.sees(1.0, time="24 11:00").kept is before
    assert type(ayu.value("24 11:00")) is int


@pytest.mark.parametrize("window", [{}, {"days": 30}, {"rolling": 3 * HOUR}], ids=["all time", "days", "rolling"])
def test_first_and_last_go_by_time(window: dict[str, Any]) -> None:
    """`first` and `last` go by `time`, not by arrival; at the same time the first, and the last, to arrive."""
    for compute, expected in (("first", "early"), ("last", "later")):
        ayu = Customer(trait(compute, **window))  # type: ignore[arg-type]
        for value, time in (("late", "24 12:00"), ("early", "24 11:00"), ("tie", "24 11:00"), ("later", "24 12:00")):
            ayu.sees(value, time=time, now="24 12:00")
        assert ayu.value("24 12:30") == expected


def test_the_first_moves_on() -> None:
    """When the first leaves its window, the next one is the first."""
    ayu = Customer(trait("first", days=2)).sees("a", time="23 10:00").sees("b", time="24 10:00")
    assert [ayu.value(now) for now in ("24 12:00", "25 00:00")] == ["a", "b"]
    assert ayu.value("26 00:00") is evaluate.MISSING


def test_a_value_that_comes_back_is_seen_anew() -> None:
    """`distinct` is in the order first seen; a value that had left the window and comes back stands last."""
    ayu = Customer(trait("distinct", rolling=HOUR)).sees("a", time="24 10:00").sees("b", time="24 10:30")
    assert ayu.value("24 11:10") == ["b"]
    assert ayu.sees("a", time="24 11:15").value("24 11:15") == ["b", "a"]


# rfm.


def orders(*placed: tuple[str, Any], days: int = 365) -> Customer:
    ayu = Customer(trait("rfm", days=days, **BANDS))
    for time, value in placed:
        ayu.sees(value, time=time)
    return ayu


def test_rfm_gives_six_numbers() -> None:
    """`rfm` gives `{recency_days, orders, spend, recency, frequency, monetary}`, the last three scored 1 to 5 by the bands."""
    ayu = orders(("01 10:00", 200_000), ("20 23:00", 150_000))
    assert ayu.value("24 01:00") == {
        "recency_days": 4,
        "orders": 2,
        "spend": 350_000,
        "recency": 5,
        "frequency": 3,
        "monetary": 3,
    }


@pytest.mark.parametrize(("value", "score"), [(99_999, 1), (100_000, 2), (249_999, 2), (250_000, 3), (5_000_000, 5)])
def test_a_value_on_a_band_takes_the_better_score(value: int, score: int) -> None:
    """A value on a band takes the better score: of money and orders the higher, of days the fewer."""
    assert orders(("01 10:00", value)).value("01 10:00")["monetary"] == score
    assert [orders(("01 10:00", 1)).value(now)["recency"] for now in ("08 00:00", "09 00:00")] == [5, 4]
    assert [orders(*[("01 10:00", 1)] * times).value("01 10:00")["frequency"] for times in (1, 2, 3, 4, 8)] == [2, 3, 3, 4, 5]


def test_rfm_without_orders() -> None:
    """With no order in the window `recency_days` is null and the scores are 1."""
    empty = {"recency_days": None, "orders": 0, "spend": 0, "recency": 1, "frequency": 1, "monetary": 1}
    assert orders().value("24 10:00") == empty
    assert orders(("01 10:00", 9), days=2).value("24 10:00") == empty


@pytest.mark.parametrize("window", [{}, {"rolling": 240 * HOUR}], ids=["all time", "rolling"])
def test_recency_counts_calendar_days_in_any_window(window: dict[str, Any]) -> None:
    """`recency_days` counts the customer's calendar days, whatever the window."""
    ayu = Customer(trait("rfm", **window, **BANDS)).sees(5, time="20 10:00").sees(5, time="22 23:59")
    ayu.sees(5, time="21 10:00", now="23 00:00")
    assert [ayu.value(now)["recency_days"] for now in ("23 00:00", "24 23:59")] == [1, 2]
    assert ayu.changes("23 00:00") == at("24 00:00")


# How long a value holds.


def test_a_rolling_value_changes_when_its_oldest_leaves() -> None:
    """A value may change by itself at the moment its oldest event leaves the window; then at the next."""
    ayu = Customer(trait("count", rolling=HOUR)).sees(time="24 10:00").sees(time="24 10:30")
    assert ayu.changes("24 10:30") == at("24 11:00")
    assert ayu.changes("24 11:00") == at("24 11:30")
    assert ayu.changes("24 11:30") is None


def test_a_value_of_days_changes_at_her_midnight() -> None:
    """A day leaves its window at the customer's midnight; `rfm` changes at each one."""
    assert Customer(trait("count", days=7)).sees(time="18 10:00").changes("20 10:00") == at("25 00:00")
    assert orders(("18 10:00", 1)).changes("20 10:00") == at("21 00:00")


def test_rolling_rfm_changes_when_an_order_leaves() -> None:
    """`rfm` of some hours changes at her midnight or when an order leaves, whichever is first."""
    ayu = Customer(trait("rfm", rolling=10 * HOUR, **BANDS)).sees(5, time="24 10:00").sees(5, time="24 18:00")
    assert [ayu.changes(now) for now in ("24 18:00", "24 20:00", "25 00:00")] == [at("24 20:00"), at("25 00:00"), at("25 04:00")]


def test_without_a_window_nothing_changes_by_itself() -> None:
    """A value without a window, of an empty tally, or of `rfm` without orders does not change by itself."""
    assert Customer(trait("count")).sees(time="24 10:00").changes("24 10:00") is None
    assert Customer(trait("count", days=7)).changes("24 10:00") is None
    assert orders().changes("24 10:00") is None
    assert orders(("01 10:00", 9), days=2).changes("24 10:00") is None


def test_a_window_longer_than_the_calendar_never_ends() -> None:
    """A window that ends after the year 9999 does not change by itself."""
    for of in (trait("count", days=10**7), trait("count", rolling=10**18)):
        assert Customer(of).sees(time="24 10:00").changes("24 10:00") is None


# Definitions.


def test_a_changed_trait_starts_anew() -> None:
    """A tally of another definition counts as empty; the next event starts it anew and it says since when."""
    ayu = Customer(trait("count")).sees(time="24 10:00").sees(time="24 11:00")
    ayu.of = trait("count", when="event.data.yes", hash="h2")
    assert ayu.value("24 12:00") == 0
    assert ayu.changes("24 12:00") is None
    ayu.sees(time="24 12:00", yes=True)
    assert ayu.value("24 12:00") == 1
    assert ayu.kept["t"].since == at("24 12:00")


# Bounds.


def test_a_full_rolling_window_joins_its_neighbours() -> None:
    """Past so many events neighbours leave a rolling window together, at the later one's time, less than one step apart."""
    ayu = Customer(trait("count", rolling=HOUR))
    for second in range(3000):
        ayu.sees(time=f"24 10:{second // 60:02}:{second % 60:02}")
    tally = ayu.kept["t"]
    assert len(tally.marks) <= compaction.BUCKETS
    assert ayu.value("24 10:50") == 3000
    assert tally.step <= HOUR / 100
    exact = 3000 - 1201  # of 10:20:00 and before
    assert exact <= ayu.value("24 11:20:00") <= exact + tally.step / 1000


@pytest.mark.parametrize(("compute", "left"), [("distinct", 100), ("most_frequent", 89)])
def test_the_value_not_seen_for_longest_goes(compute: definition.Compute, left: int) -> None:
    """`distinct` and `most_frequent` keep 100 values; past that the least recently seen goes, of most_frequent an eighth."""
    ayu = Customer(trait(compute, rolling=24 * HOUR))
    for number in range(100):
        ayu.sees(number, time=f"24 10:{number // 2:02}:{number % 2:02}")
    ayu.sees(0, time="24 11:00")
    assert len(ayu.kept["t"].values) == 100
    kept = ayu.sees("new", time="24 11:01").kept["t"].values
    assert (kept[0], kept[-1], len(kept)) == (0, "new", left)
    assert kept[1:-1] == tuple(range(101 - left + 1, 100))


def test_a_late_value_does_not_drive_out_a_newer_one() -> None:
    """A full `distinct` does not take a value older than all that it has: the tallies are the same object."""
    ayu = Customer(trait("distinct", rolling=24 * HOUR))
    for number in range(100):
        ayu.sees(number, time=f"24 10:{number // 2:02}:{number % 2:02}")
    before = ayu.kept
    assert ayu.sees("late", time="24 09:00", now="24 11:00").kept is before


def test_all_traits_share_what_there_is() -> None:
    """Past the bytes for all traits of a customer each has its equal share; who has less keeps all of it."""
    traits_ = [
        msgspec.structs.replace(trait("distinct"), name="small"),
        *(msgspec.structs.replace(trait("distinct", "event.data.text"), name=f"large-{number}") for number in range(6)),
    ]
    kept: Mapping[str, state.Tally] = {}
    for number in range(100):
        data = {"value": number, "text": f"{number:0250}"}
        event = inputs.Event("e", "order.placed", at("24 10:00"), at("24 10:00"), "ayu", "t", data)
        kept = evaluate.take(traits_, kept, event, at("24 10:00"), JAKARTA, lambda each, event=event: evaluated(each, event))  # type: ignore[misc]
        assert sum(tally.size for tally in kept.values()) <= compaction.ALL_BYTES
        assert len(msgspec.msgpack.encode(kept)) <= compaction.ALL_BYTES
    assert kept["small"].values == tuple(range(100))
    assert all(1 < len(kept[f"large-{number}"].values) < 30 for number in range(6))
    assert all(kept[f"large-{number}"].values[-1] == f"{99:0250}" for number in range(6))
