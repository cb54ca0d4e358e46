"""traits.yaml: traits and segments, compiled and refused."""

import datetime
from typing import Any

import pytest

from engine.authoring.compiling import compile as compiler
from engine.core.model import definition

TRAITS = """\
traits:
  orders_90d: {of: order.placed, compute: count, within: 90d}
  spend_365d: {of: [order.placed, order.paid, order.placed], compute: sum, value: event.data.total}
  last_order: {of: order.placed, compute: last, value: event.time}
  pricing_views: {of: page.viewed, when: event.data.path == "/pricing", compute: count, within: 1h}
  skus: {of: order.placed, compute: distinct, value: event.data.sku, within: 2w}
  rfm: {of: order.placed, compute: rfm, value: event.data.total, within: 365d,
        recency: [7, 30, 90, 180], frequency: [1, 2, 4, 8], monetary: [100000, 250000, 1000000, 5000000.5]}
segments:
  loyal: traits.rfm.frequency >= 4 && traits.rfm.monetary >= 4
  lapsed: days_since(traits.last_order) >= 60
"""


def compiled(shop: Any) -> definition.Bundle:
    result = compiler.compile_directory(shop.root)
    assert result.findings == ()
    assert result.bundle is not None
    return result.bundle


def test_traits_are_compiled(shop: Any) -> None:
    """By name; d and w are calendar days, h exact; the conditions know their path."""
    shop.write("traits.yaml", TRAITS)
    traits = {trait.name: trait for trait in compiled(shop).traits}
    assert list(traits) == ["last_order", "orders_90d", "pricing_views", "rfm", "skus", "spend_365d"]
    assert (traits["orders_90d"].days, traits["orders_90d"].rolling, traits["orders_90d"].value) == (90, 0, None)
    assert (traits["skus"].days, traits["pricing_views"].rolling, traits["last_order"].days) == (14, 3_600_000, 0)
    assert traits["spend_365d"].of == ("order.placed", "order.paid")
    when = definition.Expression('event.data.path == "/pricing"', "traits.pricing_views.when", ("event",))
    value = definition.Expression("event.data.total", "traits.rfm.value", ("event",))
    assert (traits["pricing_views"].when, traits["rfm"].value) == (when, value)
    assert traits["rfm"].monetary == (100_000, 250_000, 1_000_000, 5_000_000.5)


def test_segments_know_what_they_read(shop: Any) -> None:
    """The traits, and the moments at which passing time changes them."""
    shop.write("traits.yaml", TRAITS)
    lapsed, loyal = compiled(shop).segments
    assert (loyal.name, loyal.traits, loyal.moments) == ("loyal", ("rfm",), ())
    assert lapsed.condition == definition.Expression("days_since(traits.last_order) >= 60", "segments.lapsed", ("traits",))
    at = definition.Expression("traits.last_order", "segments.lapsed", ("traits",))
    assert (lapsed.traits, lapsed.moments) == (("last_order",), (definition.Moment(at, 60 * 86_400_000),))


def test_a_traits_hash_is_of_what_it_computes(shop: Any) -> None:
    """It changes with the trait alone: a changed trait starts anew, the others go on."""
    shop.write("traits.yaml", TRAITS)
    before = {trait.name: trait.hash for trait in compiled(shop).traits}
    shop.replace("traits.yaml", "within: 90d", "within: 91d")
    shop.replace("traits.yaml", "compute: sum", "compute:   'sum'")
    after = {trait.name: trait.hash for trait in compiled(shop).traits}
    assert {name for name in before if before[name] != after[name]} == {"orders_90d"}


def test_a_segment_that_names_the_whole_of_the_traits_reads_all(shop: Any) -> None:
    """So it is examined whenever one of them changes."""
    shop.write("traits.yaml", TRAITS.replace("lapsed: days_since(traits.last_order) >= 60", "lapsed: size(traits) > 3"))
    assert compiled(shop).segments[0].traits == ("last_order", "orders_90d", "pricing_views", "rfm", "skus", "spend_365d")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Orders: {of: x, compute: count}", "2:3 DLG622"),
        ("in: {of: x, compute: count}", "2:3 DLG622"),
        ("a-b: {of: x, compute: count}", "2:3 DLG622"),
        ("a: {of: x, compute: cout}", "2:23 DLG622"),
        ("a: {of: [], compute: count}", "2:11 DLG622"),
        ("a: {compute: count}", "2:6 DLG621"),
        ("a: {of: x, compute: sum}", "2:6 DLG622"),
        ("a: {of: x, compute: count, value: event.data.x}", "2:6 DLG622"),
        ("a: {of: x, compute: sum, value: event.type}", "2:35 DLG652"),
        ("a: {of: x, compute: last, value: now}", "2:36 DLG651"),
        ("a: {of: x, compute: last, value: traits.b}", "2:36 DLG651"),
        ("a: {of: x, compute: last, value: event.dta}", "2:42 DLG651"),
        ("a: {of: x, compute: count, when: entry.data.x}", "2:36 DLG651"),
        ("a: {of: x, compute: count, when: event.type}", "2:36 DLG652"),
        ("a: {of: x, compute: count, within: 0d}", "2:38 DLG622"),
        ("a: {of: x, compute: count, within: day}", "2:38 DLG622"),
        ("a: {of: x, compute: count, recency: [1, 2, 3, 4]}", "2:6 DLG622"),
        ("a: {of: x, compute: rfm, value: event.data.x, within: 1d}", "2:6 DLG622"),
        ("a: {of: x, compute: count, frequency: [1, 2, 3]}", "2:41 DLG622"),
        ("a: {of: x, compute: count, frequency: [1, 2, 3, x]}", "2:51 DLG622"),
        (
            "a: {of: x, compute: rfm, value: event.data.x, within: 1d, recency: [1, 2, 2, 4], frequency: [1, 2, 3, 4],"
            " monetary: [1, 2, 3, 4]}",
            "2:70 DLG649",
        ),
    ],
)
def test_what_a_trait_may_not_say_is_found(shop: Any, line: str, expected: str) -> None:
    """Each at its line and column. Bands out of order are probably not meant, and work."""
    shop.write("traits.yaml", f"traits:\n  {line}\n")
    assert shop.said() == [f"traits.yaml:{expected}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("traits.orders >= 3", []),
        ("profile.vip", []),
        ("traits.ordrs >= 3", ["4:13 DLG651"]),
        ("traits.orders", []),
        ("1 + 1", ["4:6 DLG652"]),
        ("event.data.x > 1", ["4:6 DLG651"]),
        ("entry.data.x > 1", ["4:6 DLG651"]),
        ("segments.b", ["4:6 DLG651"]),
        ("consent.marketing.any", ["4:6 DLG651"]),
        ("steps.x.outcome == 'a'", ["4:6 DLG651"]),
        ("local_hour(now) > 8", ["4:6 DLG654"]),
        ("days_since(now) > 8", ["4:17 DLG654"]),
        ("days_since(profile.at) > profile.days", ["4:38 DLG654"]),
        ("days_since(profile.at) * 2.0 > 8.0", ["4:6 DLG654"]),
        ("profile.days > 3 || days_since(profile.at) == days_since(profile.other)", ["4:26 DLG654"]),
        ("now > now - duration('1h')", ["4:6 DLG654"]),
        ("profile.list.exists(t, days_since(t) > 3)", ["4:29 DLG654"]),
        ("profile.at - profile.other > now - profile.at", []),
        ("now - profile.at > duration(profile.length)", []),
        ("duration('1h') > now - now", ["4:23 DLG654"]),
        ("now - profile.at > duration('1.5ms')", ["4:33 DLG654"]),
    ],
)
def test_a_segment_reads_profile_traits_and_the_clock_in_few_forms(shop: Any, text: str, expected: list[str]) -> None:
    """Anything whose moment cannot be foretold is an error that says what to write."""
    shop.write("traits.yaml", f"traits:\n  orders: {{of: x, compute: count}}\nsegments:\n  a: {text}\n")
    assert [f"traits.yaml:{each}" for each in expected] == shop.said()


def test_the_value_of_a_trait_is_declared_to_every_expression(shop: Any) -> None:
    """Booleans, lists and times are told apart at check; numbers are dyn, so 600 == 600.0."""
    shop.write("traits.yaml", TRAITS)
    shop.replace("cart.yaml", "event.data.total >= 100000", "segments.loyal && traits.spend_365d == 600.0")
    assert shop.said() == []
    for text, column in (("segments.loyal > 3", 24), ("traits.last_order > 3", 27), ("traits.skus >= 3", 21)):
        shop.write("cart.yaml", (shop.root / "cart.yaml").read_text())
        before = (shop.root / "cart.yaml").read_text()
        shop.replace("cart.yaml", "segments.loyal && traits.spend_365d == 600.0", text)
        assert shop.said() == [f"cart.yaml:7:{column} DLG650"]
        shop.write("cart.yaml", before)


def test_the_calendar_follows_the_year_alone(shop: Any) -> None:
    """Two days of one year give the same bundle."""
    shop.write("traits.yaml", TRAITS)
    days = [datetime.date(2026, 1, 1), datetime.date(2026, 12, 31)]
    first, second = (compiler.compile_directory(shop.root, day).bundle for day in days)
    assert first == second
