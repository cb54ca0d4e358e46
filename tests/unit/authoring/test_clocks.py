"""Expressions over the clock, the customer's zone and traits."""

import datetime
import zoneinfo
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from engine.authoring.cel import change_moments, expressions, field_reads
from engine.core import errors
from engine.core.context import expression_scope
from engine.core.model import definition, inputs, state

NOW = inputs.instant("2026-11-22T03:00:00Z")
HELD: dict[str, Any] = {
    "last": NOW - datetime.timedelta(days=3),
    "spend": 600,
    "count": 3,
    "skus": ["KOPI"],
    "rfm": {"recency": 5, "spend": 600},
}


class Held(expression_scope.Scope):
    """A scope with traits and segments."""

    def traits(self, wanted: Iterable[str] | None) -> Mapping[str, Any]:
        return HELD if wanted is None else {name: HELD[name] for name in wanted if name in HELD}

    def value(self, name: str) -> Any:
        return {"segments": {"loyal": True}}.get(name) or super().value(name)


def value(text: str, now: datetime.datetime = NOW, timezone: str = "Asia/Jakarta", port: Any = None) -> Any:
    held = Held(state.Customer("cust-1", profile={"at": "2026-11-20T03:00:00Z"}), definition.Policy(timezone=timezone), now)
    expression = definition.Expression(text, "x", expressions.roots(text))
    return (port or expressions.CelExpressions()).evaluate(expression, held)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("traits.last", HELD["last"]),
        ("days_since(traits.last)", 3.0),
        ("days_since(traits.last) >= 3 && days_since(traits.last) < 3.5", True),
        ("now - traits.last == duration('72h')", True),
        ("traits['last'] < now && traits.last < now", True),
        ("has(traits.last) && traits.last < now", True),
        ("has(traits.last) ? string(traits.last) : 'never'", "2026-11-19T03:00:00Z"),
        ("has(traits.other) && traits.other < now", False),
        ("size(traits) == 5 && traits.exists(name, name == 'last')", True),
        ("'KOPI' in traits.skus && segments.loyal && traits.rfm.recency == 5", True),
        ("traits.spend == 600.0 && traits.spend == 600 && traits.spend >= 599.5", True),
        ("traits.spend / 1000.0", 0.6),
        ("1.5 * traits.count + traits.rfm.spend / 2.0", 304.5),
        ("traits.spend / 200", 3),
        ("traits.spend / double(traits.count)", 200.0),
    ],
)
def test_traits_are_times_lists_and_numbers(text: str, expected: object) -> None:
    """A trait that is a time is a timestamp; in arithmetic with a double a whole number is a double (traits are dyn)."""
    given = value(text)
    assert expected == given
    assert type(expected) is type(given)


@pytest.mark.parametrize(
    "text", ["traits.other > 1", "days_since(traits.spend) > 1", "traits.last > 1", "traits.skus / 2.0 > 1.0"]
)
def test_a_trait_that_is_missing_or_of_another_kind_is_an_evaluation_error(text: str) -> None:
    """So a condition on it is false, and the trace says why."""
    with pytest.raises(errors.EvaluationError):
        value(text)


def test_a_trait_may_be_a_time_for_one_customer_and_text_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """`last` of whatever the shop sends: each evaluation goes by what is there."""
    port = expressions.CelExpressions()
    assert value("days_since(traits.last) > 2.5", port=port) is True
    monkeypatch.setitem(HELD, "last", "2026-11-19")
    assert value("traits.last == '2026-11-19'", port=port) is True
    with pytest.raises(errors.EvaluationError):
        value("days_since(traits.last) > 2.5", port=port)
    monkeypatch.undo()
    assert value("days_since(traits.last) > 2.5", port=port) is True


@pytest.mark.parametrize(
    ("zone", "expected"), [("Asia/Jakarta", 10), ("Asia/Jayapura", 12), ("America/New_York", 22), ("Australia/Lord_Howe", 14)]
)
def test_local_hour_is_the_customers(zone: str, expected: int) -> None:
    """`local_hour(timestamp) -> int` (the customer's zone)."""
    assert value("local_hour(now)", timezone=zone) == expected
    assert value("local_hour(timestamp('2026-11-22T03:59:59.999Z'))", timezone=zone) == expected


def test_local_hour_goes_by_the_zone_of_the_scope() -> None:
    """The scope's own zone wins over the policy's, evaluation by evaluation."""

    class Zoned(Held):
        zone: datetime.tzinfo | None = None

    port, expression = expressions.CelExpressions(), definition.Expression("local_hour(now)", "x", ("now",))
    for name, hour in (("Asia/Jayapura", 12), ("Asia/Makassar", 11), ("Asia/Jayapura", 12)):
        held = Zoned(state.Customer("cust-1"), definition.Policy(), NOW)
        held.zone = zoneinfo.ZoneInfo(name)
        assert port.evaluate(expression, held) == hour


DAY = 86_400_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("days_since(traits.last) >= 60", [("traits.last", 60 * DAY)]),
        ("days_since(traits.last) < 60", [("traits.last", 60 * DAY)]),
        ("days_since(traits.last) > 60", [("traits.last", 60 * DAY + 1)]),
        ("days_since(traits.last) <= 60", [("traits.last", 60 * DAY + 1)]),
        ("days_since(traits.last) == 60", [("traits.last", 60 * DAY), ("traits.last", 60 * DAY + 1)]),
        ("60 <= days_since(traits.last)", [("traits.last", 60 * DAY)]),
        ("60 < days_since(traits.last)", [("traits.last", 60 * DAY + 1)]),
        ("days_since(traits.last) >= 0.1", [("traits.last", DAY // 10)]),
        ("days_since(traits.last) >= -1", [("traits.last", -DAY)]),
        ("days_since(timestamp(profile.at)) >= 1.5", [("timestamp(profile.at)", DAY * 3 // 2)]),
        ("now - traits.last >= duration('24h')", [("traits.last", DAY)]),
        ("now - traits.last > duration('1h30m')", [("traits.last", 5_400_001)]),
        ("traits.last < now", [("traits.last", 1)]),
        ("traits.last <= now", [("traits.last", 0)]),
        ("now >= traits.last", [("traits.last", 0)]),
        ("traits.last + duration('24h') < now", [("traits.last", DAY + 1)]),
        ("now < traits.last - duration('24h')", [("traits.last", -DAY)]),
        ("now - duration('-500ms') > traits.last", [("traits.last", -499)]),
        ("now > timestamp('2026-12-12T00:00:00Z')", [('timestamp("2026-12-12T00:00:00Z")', 1)]),
        ("profile['a b'].c[0] < now", [('profile["a b"].c[0]', 1)]),
        (
            "!(days_since(traits.last) < 7) && (profile.vip ? now > traits.last : true)",
            [("traits.last", 7 * DAY), ("traits.last", 1)],
        ),
        ("now > traits.last || now > traits.last", [("traits.last", 1)]),
        ("now - traits.last > duration(profile.long)", [("(traits.last + duration(profile.long))", 1)]),
        ("traits.last - profile.at > now - profile.at", [("((traits.last - profile.at) + profile.at)", 0)]),
        ("traits.spend > 5 && profile.vip", []),
    ],
)
def test_the_moments_of_a_segment_can_be_foretold(text: str, expected: list[tuple[str, int]]) -> None:
    """The time at which a comparison flips, one millisecond later where it flips just behind it; each once."""
    assert list(change_moments.check(text)) == []
    assert expected == [(each.at.text, each.offset) for each in change_moments.of(text, "segments.x")]


def test_the_text_of_a_moment_is_an_expression_of_its_own() -> None:
    """It is compiled like any other, at the segment's path."""
    (moment,) = change_moments.of("timestamp(profile.at) + duration(profile.long) < now", "segments.x")
    assert moment.at == definition.Expression("(timestamp(profile.at) + duration(profile.long))", "segments.x", ("profile",))
    assert value(change_moments.of("now > timestamp(profile.at)", "x")[0].at.text) == inputs.instant("2026-11-20T03:00:00Z")


def test_only_names_are_renamed() -> None:
    """What has() asks for, what text says and other traits stay."""
    text = """traits.last < now && has(traits.last) && traits["last"] != now && 'traits.last' != traits.lastly && traits . last == now"""
    expected = (
        """trait_last_ < now && has(traits.last) && trait_last_ != now && 'traits.last' != traits.lastly && trait_last_ == now"""
    )
    reads = field_reads.read(expressions.tree(text))
    assert expected == field_reads.renamed(text, reads, ("last",))
