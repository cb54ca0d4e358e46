"""The recorder: the facts of one input of one customer so far, and the state to which they fold.

The lowest part of the decider: `step_runner.py`, `enrolment.py` and `decider.py` record through it. It makes decisions of what it
is told, and decides nothing itself.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from engine.core.context import catalog
from engine.core.context import trace as traces
from engine.core.context.decision_context import Context
from engine.core.evolve import evolution
from engine.core.model import decisions, definition, inputs, state

MOST_EMITTED: Final = 50
"""The most emitted events of one input that are taken; fewer than the 64 events that are remembered as seen.

docs/semantics.md#fifty-emitted-events-of-one-input-are-taken
"""


class Given(NamedTuple):
    """The arguments with which an input is handled; see `decider.transition`."""

    catalog: catalog.Catalog
    customer: state.Customer | None
    customer_id: str
    event: inputs.Event
    trace: traces.Trace | None
    held: frozenset[str]


class Recorder:
    """The state and the facts so far, with the context of the next fact: the time, the cause and the current event."""

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
        """The customer's state as it is now."""
        assert self.customer is not None
        return self.customer

    def instance_context(self, journey: definition.Journey, instance: str) -> Context:
        """Return a view of the customer with one instance, for steps and exits."""
        customer = self.known
        at = customer.instances[instance]
        return Context(self.catalog, journey, customer, at, self.now, self.taking, self.trace, held=self.held, cause=self.cause)

    def context(
        self, journey: definition.Journey | None, event: inputs.Event | None = None, at: state.Instance | None = None
    ) -> Context:
        """Return a view of the customer without an instance, for entries, segments and schedules.

        For a goal, `at` stands for the instance, which may be gone.
        """
        return Context(self.catalog, journey, self.known, at, self.now, event, self.trace, held=self.held, cause=self.cause)

    def record_all(self, journey: definition.Journey, instance: str, facts: Iterable[decisions.Payload]) -> None:
        """Record the facts of an instance at its step, in their order."""
        step = self.known.instances[instance].step
        for data in facts:
            self.record(journey.name, journey.version, instance, step, data)

    def record(self, journey: str, version: str, instance: str, step: str, data: decisions.Payload) -> None:
        """Record a decision with `data`, and fold it into the state."""
        index = self.indices.get(self.cause, 0)
        self.indices[self.cause] = index + 1
        id_ = decisions.hashed(self.customer_id, self.cause, index)
        if isinstance(data, decisions.EventEmitted):
            data = self._emitted(data)
        decision = decisions.Decision(
            id_, data.type, self.customer_id, self.now, journey, version, instance, step, self.cause, data, self.late
        )
        self.customer = evolution.apply_decision(self.customer or state.Customer(self.customer_id), decision)
        self.facts.append(decision)

    def _emitted(self, data: decisions.EventEmitted) -> decisions.EventEmitted:
        """Queue the event to be taken, unless this input has led to too many emitted events already."""
        self.emissions += 1
        if self.emissions > MOST_EMITTED:
            return msgspec.structs.replace(data, taken=False)
        self.emitted.append(data.event)
        return data


def emissions(decision: decisions.Decision) -> tuple[inputs.Event, ...]:
    """Return the events that a decision puts on `customer.events`.

    The engine has taken these events already; their records tell other systems.
    """
    return (decision.data.event,) if isinstance(decision.data, decisions.EventEmitted) else ()
