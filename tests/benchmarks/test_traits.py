"""What traits cost in the fold: an event that six of them name, against decoding that event."""

import datetime
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest

from engine.authoring.cel import expressions
from engine.core.context import expression_scope
from engine.core.model import definition, inputs, state
from engine.core.traits import evaluate
from tests.benchmarks import tables
from tests.property.test_traits import DESIGNED

pytestmark = pytest.mark.benchmark
ROUNDS, EVENTS, CUSTOMERS = 5, 20_000, 100
ZONE = datetime.timezone(datetime.timedelta(hours=7), "WIB")
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def lines() -> list[bytes]:
    """Orders of a hundred customers: each has two hundred, about three a day."""
    orders = []
    for number in range(EVENTS):
        data = {
            "order_id": f"o-{number}",
            "total": 275_000 + number,
            "sku": f"KOPI-{number % 37}",
            "items": [{"sku": "KOPI-250", "qty": 2}],
        }
        event = {
            "specversion": "1.0",
            "id": f"evt-{number}",
            "source": "shop/web",
            "type": "order.placed",
            "subject": f"cust-{number % CUSTOMERS}",
        }
        at = START + datetime.timedelta(minutes=number * 4.8)
        orders.append(msgspec.json.encode({**event, "time": inputs.text(at.replace(microsecond=0)), "data": data}))
    return orders


def defined() -> list[definition.Trait]:
    return [
        definition.Trait(
            name,
            ("order.placed",),
            compute,
            name,
            None,
            definition.Expression(text, "") if (text := _text(path)) else None,
            **window,
        )
        for name, compute, path, window in DESIGNED
    ]


def _text(path: str | None) -> str:
    return "" if path is None else "event.time" if path == "time" else f"event.data.{path}"


def looked_up(event: inputs.Event) -> Callable[[definition.Expression], Any]:
    return lambda expression: event.time if expression.text == "event.time" else event.data.get(expression.text[11:])


CEL = expressions.CelExpressions()
POLICY = definition.Policy()


def by_cel(event: inputs.Event) -> Callable[[definition.Expression], Any]:
    names = expression_scope.Scope(state.Customer(event.subject), POLICY, event.recorded, event)
    return lambda expression: CEL.evaluate(expression, names)


def taking(events: list[inputs.Event], evaluator: Callable[[inputs.Event], Callable[[definition.Expression], Any]]) -> float:
    """Seconds of `take` over all events, each with its customer's tallies."""
    of = defined()
    tallies: dict[str, Mapping[str, state.Tally]] = {}
    started = time.process_time()
    for event in events:
        tallies[event.subject] = evaluate.take(of, tallies.get(event.subject, {}), event, event.recorded, ZONE, evaluator(event))
    return time.process_time() - started


def test_six_traits_against_decoding(table: tables.Table) -> None:
    """An event that six traits name costs at most fifteen times its decoding, values looked up by hand or by CEL's own port."""
    raw = lines()
    events = [inputs.decode(line).event for line in raw]
    decoding, plain, cel = [], [], []
    for _ in range(ROUNDS):
        started = time.process_time()
        for line in raw:
            inputs.decode(line)
        decoding.append(time.process_time() - started)
        plain.append(taking(events, looked_up))
        cel.append(taking(events, by_cel))
    each = [min(seconds) / EVENTS * 1e6 for seconds in (decoding, plain, cel)]
    told = f"{each[1]:.1f} us, {each[1] / each[0]:.1f} times decoding it; through CEL's port {each[2] / each[0]:.1f} times"
    table.add("without a broker", tables.Row("an event that six traits name", told, "<= 15 times", max(each[1:]) <= 15 * each[0]))
    assert each[1] <= 15 * each[0]
    assert each[2] <= 15 * each[0]
