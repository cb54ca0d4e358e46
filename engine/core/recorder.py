"""The recorder: one input of one customer while it is handled; the facts so far, and the state to which they fold.

The lowest part of the decider: `mover.py` and `decider.py` record through it. It makes decisions of what it is told, and decides
nothing itself.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from engine.core import catalog, decisions, definition, evolution, inputs, state
from engine.core import trace as traces
from engine.core.view import View

MOST_EMITTED: Final = 50
"""How many emitted events one input may lead to; fewer than the 64 events that are remembered as seen."""


class Given(NamedTuple):
    """What an input is handled with; see `decider.transition`."""

    catalog: catalog.Catalog
    customer: state.Customer | None
    customer_id: str
    event: inputs.Event
    trace: traces.Trace | None
    held: frozenset[str]


class Recorder:
    """The state so far, the facts so far, and what they are recorded with: the time, the cause, the event that is taken."""

    def __init__(self, given: Given) -> None:
        self.catalog, self.customer, self.customer_id, self.event, self.trace, self.held = given
        customer, event = given.customer, given.event
        self.facts: list[inputs.Event | decisions.Decision] = []
        self.now = event.recorded if customer is None else max(customer.now, event.recorded)
        self.cause = event.id
        self.late = False
        self.taking: inputs.Event | None = None
        self.indices: dict[str, int] = {}
        self.emitted: list[inputs.Event] = []
        self.emissions = 0

    @property
    def known(self) -> state.Customer:
        """The customer as she is now."""
        assert self.customer is not None
        return self.customer

    def view(self, journey: definition.Journey, instance: str) -> View:
        """The customer with one instance: for steps, exits and goals."""
        customer = self.known
        at = customer.instances[instance]
        return View(self.catalog, journey, customer, at, self.now, self.taking, self.trace, held=self.held, cause=self.cause)

    def looking(
        self, journey: definition.Journey | None, event: inputs.Event | None = None, at: state.Instance | None = None
    ) -> View:
        """The customer without an instance of hers: for entries, segments and schedules; `at` stands for one that may be gone."""
        return View(self.catalog, journey, self.known, at, self.now, event, self.trace, held=self.held, cause=self.cause)

    def record_all(self, journey: definition.Journey, instance: str, facts: Iterable[decisions.Payload]) -> None:
        """Facts of an instance at its step, in their order."""
        step = self.known.instances[instance].step
        for data in facts:
            self.record(journey.name, journey.version, instance, step, data)

    def record(self, journey: str, version: str, instance: str, step: str, data: decisions.Payload) -> None:
        """Make the fact, and the state that it leads to."""
        index = self.indices.get(self.cause, 0)
        self.indices[self.cause] = index + 1
        id_ = decisions.hashed(self.customer_id, self.cause, index)
        if isinstance(data, decisions.EventEmitted):
            data = self._emitted(data)
        decision = decisions.Decision(
            id_, data.type, self.customer_id, self.now, journey, version, instance, step, self.cause, data, self.late
        )
        self.customer = evolution.fold(self.customer or state.Customer(self.customer_id), decision)
        self.facts.append(decision)

    def _emitted(self, data: decisions.EventEmitted) -> decisions.EventEmitted:
        """The event waits for its turn to be taken, unless this input has led to too many already."""
        self.emissions += 1
        if self.emissions > MOST_EMITTED:
            return msgspec.structs.replace(data, taken=False)
        self.emitted.append(data.event)
        return data


def emissions(decision: decisions.Decision) -> tuple[inputs.Event, ...]:
    """The events that a decision puts on `customer.events`. They were taken already: their records tell the others."""
    return (decision.data.event,) if isinstance(decision.data, decisions.EventEmitted) else ()
