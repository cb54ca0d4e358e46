"""What the fold costs for an event that nothing names."""

import pathlib
import time

import pytest

from engine.authoring.compiling import catalogs
from engine.core.decide import decider
from engine.core.model import inputs, state
from tests.benchmarks import tables
from tests.unit.core import story

pytestmark = pytest.mark.benchmark
JOURNEYS = pathlib.Path(__file__).parents[2] / "journeys"
COUNT = 20_000


def test_an_event_that_nothing_names(table: tables.Table) -> None:
    """With the whole example bundle, an event of a known customer that no journey and no trait names costs at most 5 µs."""
    catalog = catalogs.load(JOURNEYS)
    at = story.at("10:00")
    event = inputs.Event("e", "nobody.names.this", at, at, "ayu", "t", {"path": "/"})
    customer = decider.transition(
        catalog, None, inputs.Event("i", inputs.IDENTIFIED, at, at, "ayu", "t", {"traits": {"name": "Ayu"}})
    ).state
    assert isinstance(customer, state.Customer)
    due = customer.next_due if customer.timers else state.NEVER
    best = 1.0
    for _ in range(5):
        started = time.process_time()
        for _ in range(COUNT):
            # What the drivers ask before they decide anything: nothing is named, and no timer of hers is due.
            if catalog.takes(event.type, known=True) or due <= event.recorded:
                pytest.fail("something named it")
        best = min(best, (time.process_time() - started) / COUNT)
    whole = min(_transition(catalog, customer, event) for _ in range(5))
    told = f"{best * 1e6:.2f} us to see it, {whole * 1e6:.1f} us if the decider is asked all the same"
    table.add("without a broker", tables.Row("an event that nothing names", told, "<= 5 us", best <= 5e-6))
    assert best <= 5e-6


def _transition(catalog: object, customer: state.Customer, event: inputs.Event) -> float:
    started = time.process_time()
    for _ in range(COUNT):
        done = decider.transition(catalog, customer, event)  # type: ignore[arg-type]
        assert done.state is customer
    return (time.process_time() - started) / COUNT
