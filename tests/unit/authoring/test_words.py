"""Expressions and templates: what CEL and Liquid make of a customer."""

import datetime
from typing import Any

import pytest

from engine.authoring import expressions, templates
from engine.core import definition, errors, inputs, scope, state

AT = datetime.datetime(2026, 11, 22, 10, tzinfo=datetime.UTC)
POLICY = definition.Policy(
    consent={"transactional": "implied"}, channels={"sms": definition.Channel(definition.Expression("profile.phone", ""))}
)


def names(data: Any = None, **profile: Any) -> scope.Scope:
    event = inputs.Event("e1", "order.placed", AT, AT, "ayu", "shop", data)
    return scope.Scope(state.Customer("ayu", profile=profile), POLICY, AT, event, event, outcomes={"cool-off": "elapsed"})


def evaluate(text: str, over: scope.Scope) -> Any:
    return expressions.CelExpressions().evaluate(definition.Expression(text, "", expressions.roots(text)), over)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("event.data.total >= 100000", True),
        ("event.data.total / 1000", 275),
        ("event.data.items.exists(i, i.sku == 'KOPI' && i.qty > 1)", True),
        ("event.type + '/' + event.id + '/' + event.subject", "order.placed/e1/ayu"),
        ("now - event.time == duration('0s')", True),
        ("has(event.data.voucher)", False),
        ("profile.vip", True),
        ("consent.transactional.sms && consent.transactional.any && !consent.marketing.any", True),
        ("steps['cool-off'].outcome == 'elapsed'", True),
        ("policy.language", "id"),
        ("event.data.items.map(i, i.qty)", [2]),
        ("event.data.price == 1.5", True),
        ("'event.nothing in quotes'", "event.nothing in quotes"),
    ],
)
def test_an_expression_has_its_value(text: str, value: Any) -> None:
    """Names in scope have their values; whole JSON numbers are ints."""
    data = {"total": 275000, "items": [{"sku": "KOPI", "qty": 2}], "price": 1.5}
    assert evaluate(text, names(data, vip=True)) == value


@pytest.mark.parametrize(
    "text", ["event.data.missing", "event.data.total / 0", "profile.phone.size() > 1", "steps.gone.outcome", "event.data.big + 1"]
)
def test_an_expression_without_a_value_says_so(text: str) -> None:
    """A missing field, a division by zero, a wrong type, a number that CEL cannot hold: an error, never a crash."""
    with pytest.raises(errors.EvaluationError):
        evaluate(text, names({"total": 1, "big": 10**30}, phone=5))


def test_the_trace_shows_what_was_read() -> None:
    """The inputs of a condition are the fields that it reads, with their values."""
    text = "event.data.total >= 100 && profile.city == 'Bandung'"
    expression = definition.Expression(text, "", expressions.roots(text))
    seen = expressions.CelExpressions().inputs(expression, names({"total": 7}))
    assert seen == {"event.data.total": 7, "profile.city": None}


def render(body: Any, over: scope.Scope) -> Any:
    return templates.LiquidTemplates().render({"id": {"sms": body}}, ("id",), "sms", over)


def test_a_body_is_rendered_through_and_through() -> None:
    """Texts in lists and mappings are rendered, numbers stay; rupiah are written as in Indonesia."""
    rendered = render(
        {"a": ["{{ entry.data.total | rupiah }}"], "b": {"c": "{{ profile.name }}!"}, "d": 5},
        names({"total": 275000}, name="Ayu"),
    )
    assert rendered.content == {"a": ["Rp275.000"], "b": {"c": "Ayu!"}, "d": 5}
    assert rendered.missing == ()


def test_missing_fields_render_empty_and_are_named() -> None:
    """A missing field renders empty and is recorded by its path."""
    rendered = render({"text": "Halo {{ profile.name }}, {{ event.data.x.y }}"}, names({}))
    assert (rendered.content, rendered.missing) == ({"text": "Halo , "}, ("profile.name", "event.data.x.y"))


def test_html_is_escaped_and_text_is_not() -> None:
    """Values in `html` are escaped."""
    rendered = render({"text": "{{ profile.name }}", "html": "<b>{{ profile.name }}</b>"}, names({}, name="<Ayu>"))
    assert rendered.content == {"text": "<Ayu>", "html": "<b>&lt;Ayu&gt;</b>"}


def test_times_are_rendered() -> None:
    """Times in a template are RFC 3339 and may be formatted."""
    assert render({"text": "{{ event.time | date: '%d.%m.' }} {{ now }}"}, names({})).content == {
        "text": "22.11. 2026-11-22T10:00:00Z"
    }


def test_the_first_language_that_has_the_channel_is_taken() -> None:
    """The customer's language first, then the policy's; none has the channel: nothing."""
    bodies = {"id": {"sms": {"text": "Halo"}}, "en": {"sms": {"text": "Hello"}}}
    liquid = templates.LiquidTemplates()
    assert [
        getattr(liquid.render(bodies, order, "sms", names()), "language", None) for order in (("en", "id"), ("jv", "id"))
    ] == ["en", "id"]
    assert liquid.render(bodies, ("id",), "email", names()) is None


@pytest.mark.parametrize(("value", "text"), [(0, "Rp0"), (1234567, "Rp1.234.567"), (-500, "-Rp500"), (99.6, "Rp100"), ("x", "x")])
def test_rupiah(value: object, text: str) -> None:
    """275000 is written Rp275.000."""
    assert templates.rupiah(value) == text
