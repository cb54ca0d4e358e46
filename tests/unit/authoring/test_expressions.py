import datetime
from typing import Any

import msgspec
import pytest

from engine.authoring.cel import expressions
from engine.authoring.language import declared_names
from engine.core import errors
from engine.core.context import expression_scope
from engine.core.model import definition, inputs, state

NOW = inputs.instant("2026-11-22T03:00:00Z")
DATA = {
    "cart_id": "k-77",
    "total": 275000,
    "paid": 275000.0,
    "lat": -6,
    "lon": 106.8,
    "nothing": None,
    "items": [{"sku": "KOPI-250", "qty": 2}, {"sku": "TEH", "qty": 5}],
    "prices": {"a": 1, "b": 2, "c": 3},
    "huge": 10**30,
    "half": "\ud800",
}
DECLARED: declared_names.Known = {
    "orders_90d": None,
    "skus": "list",
    "last_order": "time",
    "rfm": dict.fromkeys(declared_names.RFM),
}
KNOWN = declared_names.Workspace(("whatsapp", "sms"), DECLARED, ("loyal",)).after(("cool-off", "nudge"))


def around(**changes: Any) -> expression_scope.Scope:
    event = inputs.Event("evt-1", "cart.updated", NOW, NOW, "cust-1", "shop/web", DATA)
    entry = msgspec.structs.replace(event, id="evt-0", time=NOW - datetime.timedelta(days=2))
    customer = state.Customer("cust-1", profile={"phone": "+62812", "vip": True, "since": "2026-11-12T03:00:00Z"})
    phone = definition.Expression("profile.phone", "policy.channels.sms.address")
    policy = definition.Policy(channels={"sms": definition.Channel(phone)}, consent={"support": "implied"})
    held = expression_scope.Scope(customer, policy, NOW, event, entry, outcomes={"cool-off": "elapsed"})
    return msgspec.structs.replace(held, **changes)


def value(text: str, names: expression_scope.Scope | None = None) -> Any:
    expression = definition.Expression(text, "enter.when", expressions.roots(text))
    return expressions.CelExpressions().evaluate(expression, names or around())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("event.data.total >= 100000", True),
        ("event.data.total >= 100000.5", True),
        ("event.data.total == event.data.paid", True),
        ("event.data.cart_id == entry.data.cart_id", True),
        ("event.data.cart_id", "k-77"),
        ("event.data['cart_id']", "k-77"),
        ("event.data.cart_id + '!'", "k-77!"),
        ("event.data.nothing", None),
        ("event.data.nothing == null", True),
        ("event.id + event.type + event.source + event.subject", "evt-1cart.updatedshop/webcust-1"),
        ("event.time", NOW),
        ("event.time - entry.time == duration('48h')", True),
        ("event.time == now", True),
        ("days_since(entry.time)", 2.0),
        ("days_since(timestamp(profile.since)) > 9.9", True),
        ("distance_km(event.data.lat, event.data.lon, -6, 106.8)", 0.0),
        ("event.data.items.exists(i, i.qty > 4)", True),
        ("event.data.items.filter(i, i.qty > 4).size()", 1),
        ("event.data.items.map(i, i.sku)", ["KOPI-250", "TEH"]),
        ("event.data.items[1].sku", "TEH"),
        ("event.data.prices.all(p, event.data.prices[p] > 0)", True),
        ("has(event.data.coupon)", False),
        ("has(event.data.coupon) && event.data.coupon.value > 5", False),
        ("has(event.data.total) ? event.data.total : 0", 275000),
        ('steps["cool-off"].outcome', "elapsed"),
        ("has(steps.nudge)", False),
        ("consent.support.sms && consent.support.any && !consent.marketing.any", True),
        ("policy.timezone", "Asia/Jakarta"),
        ("profile.vip", True),
        ("[1, 2].map(event, event * 2)", [2, 4]),
    ],
)
def test_an_expression_gives_plain_python(text: str, expected: object) -> None:
    """Values of the scope by CEL's semantics; times are datetimes in UTC, whole numbers of JSON are ints."""
    given = value(text)
    assert expected == given
    assert type(expected) is type(given)


@pytest.mark.parametrize(
    "text",
    [
        "event.data.missing",
        "event.data.missing > 1",
        "event.data.total.deeper",
        "event.data.nothing.deeper > 1",
        "event.data.total + 'x'",
        "event.data.total > 'x'",
        "1 / 0 == 1",
        "days_since(profile.since)",
        "distance_km('a', 1, 2, 3)",
        "event.data.huge > 1",
        "event.data.half == 'x'",
        "steps.nudge.outcome == 'reached'",
        "has(steps.nudge.outcome)",
        "journey.name",
        "event.data.cart_id.matches('(')",
        "not an expression",
        "evnt.data.total",
    ],
)
def test_no_value_is_an_evaluation_error(text: str) -> None:
    """A missing field, a wrong type, a number past 64 bits: never a traceback of another kind."""
    with pytest.raises(errors.EvaluationError):
        value(text)


def test_without_an_event_its_fields_are_missing() -> None:
    """Before anything moved an instance there is no event."""
    with pytest.raises(errors.EvaluationError):
        value("event.data.total > 1", around(event=None))
    with pytest.raises(errors.EvaluationError):
        value("event.data.cart_id", around(event=None))
    assert value("entry.data.total > 1", around(event=None)) is True


@pytest.mark.parametrize("text", ["event.data.prices.map(p, p)", "event.data.prices.filter(p, true)[0]"])
def test_a_list_is_never_made_of_an_objects_fields(text: str) -> None:
    """CEL walks a map in another order in each process; what depends on that has no value (law 2)."""
    with pytest.raises(errors.EvaluationError, match="no order"):
        value(text)


def test_the_inputs_of_an_expression_are_the_paths_that_it_reads() -> None:
    """For the trace: each path with its value; what is not there is left out."""
    port = expressions.CelExpressions()
    text = "event.data.total >= 1 && has(event.data.coupon) || steps['cool-off'].outcome == profile.phone"
    expected = {"event.data.total": 275000, "steps.cool-off.outcome": "elapsed", "profile.phone": "+62812"}
    assert expected == port.inputs(definition.Expression(text, "enter.when"), around())


def test_an_expression_is_compiled_once() -> None:
    """The second evaluation finds the first one's program."""
    port = expressions.CelExpressions()
    expression = definition.Expression("event.data.total > 1", "enter.when")
    port.evaluate(expression, around())
    programs = dict(port._compiled)
    port.evaluate(definition.Expression("event.data.total > 1", "elsewhere"), around())
    assert programs == port._compiled


def test_the_clock_of_days_since_is_the_scopes() -> None:
    """The same expression at another time gives another number."""
    port, expression = expressions.CelExpressions(), definition.Expression("days_since(entry.time)", "x")
    assert port.evaluate(expression, around()) == 2.0
    assert port.evaluate(expression, around(now=NOW + datetime.timedelta(days=1))) == 3.0


@pytest.mark.parametrize(
    ("place", "expected"),
    [((-7.2575, 112.7521), 663), ((51.5074, -0.1278), 11714), ((-6.2088, 106.8456), 0)],
)
def test_distances_are_great_circles(place: tuple[float, float], expected: int) -> None:
    """Jakarta to Surabaya, to London and to itself, in km, within half a percent of published distances."""
    given = value(f"distance_km(-6.2088, 106.8456, {place[0]}, {place[1]})")
    assert given == pytest.approx(expected, rel=0.005, abs=0.001)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("event.data.total >= 100000", []),
        ("profile.vip", []),
        ("evnt.data.total > 1", [(0, "DLG651")]),
        ("event.data.a == 'é😀' && evnt.x", [(24, "DLG651")]),
        ("event.data.a ==\n  'é' &&\n  evnt.x", [(27, "DLG651")]),
        ("event == entry", [(0, "DLG651"), (9, "DLG651")]),
        ("event['data'].x > 1", [(0, "DLG651")]),
        ("has(event.data)", [(4, "DLG651")]),
        ("segments.loyal && traits.orders_90d >= 3 && traits.rfm.spend > 1.5 && 'KOPI' in traits.skus", []),
        ("segments.loyl", [(9, "DLG651")]),
        ("traits.orders_9d >= 3", [(7, "DLG651")]),
        ("traits.rfm.frequncy >= 3", [(11, "DLG651")]),
        ("segments.loyal > 3", [(15, "DLG650")]),
        ("traits.skus > 3", [(12, "DLG650")]),
        ("now - traits.last_order > duration('24h')", []),
        ("traits.last_order > 3", [(18, "DLG650")]),
        ("consent.marketing.sms == 'yes'", [(22, "DLG650")]),
        ("local_hour(now) > 8", []),
        ("local_hour(9) > 8", [(10, "DLG650")]),
        ("days_since(now) >= 60 || days_since(now) >= 60.5", []),
        ("now > 5", [(4, "DLG650")]),
        ("1 + 'a' == 2", [(2, "DLG650")]),
        ("event.data.x >", [(14, "DLG650")]),
        ("(" * 200 + "1" + ")" * 200, [(0, "DLG650")]),
        ("a" * 200_000, [(0, "DLG650")]),
        ("", [(0, "DLG650")]),
        ("event.type", [(0, "DLG652")]),
        ("size(profile.list)", [(0, "DLG652")]),
        ("profile.a.map(i, i.b.map(j, j)).size() > 0", [(18, "DLG653")]),
        ("profile.a.filter(i, i.b).map(i, i).size() > 0", []),
        ("[1].exists(event, event > 0)", []),
        ("now - event.time > duration('1d')", [(28, "DLG656")]),
        ("now - event.time > duration('24h') || now < timestamp('2026-11-25T09:00:00+07:00')", []),
        ("now < timestamp('2026-11-25') || now > timestamp('soon')", [(16, "DLG656"), (49, "DLG656")]),
        ('event.data.path.matches("^/a(?=b)")', [(24, "DLG656")]),
        ('event.data.path.matches("^/\\"[a-z]+\\n\U0001f355$") && event.data.x.matches(event.data.y)', []),
        ("event.data.list.exists(each, each.matches('['))", [(42, "DLG656")]),
        ("event.time.getHours('WIB') < 9", [(20, "DLG656")]),
        ("event.time.getHours('Asia/Jakarta') < 9 && event.time.getDayOfWeek('+07:00') == 0", []),
        ("int('7') + int('seven') > size('[') && double('x') > 1.0", [(15, "DLG656"), (46, "DLG656")]),
    ],
)
def test_a_condition_is_checked_without_a_customer(text: str, expected: list[tuple[int, str]]) -> None:
    """Names, syntax, types, constants and the result, each with the offset of its character (code points)."""
    found = expressions.check(text, KNOWN, "condition")
    assert expected == [(each.offset, each.kind.code) for each in found]


def test_the_roots_are_the_names_that_are_used() -> None:
    """Sorted, names of comprehensions and of text left out."""
    assert expressions.roots("event.data.x > entry.data.x && now > now && 'profile' != ''") == ("entry", "event", "now")
    assert expressions.roots("[1].exists(event, event > 0)") == ()
    assert expressions.roots("not an expression") == ()
