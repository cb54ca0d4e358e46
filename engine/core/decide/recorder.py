"""The recorder: the facts recorded so far for one input of one customer, and the state after these facts.

`decider.py` makes one recorder for each input and shares it with `step_runner.py` and `enrolment.py`. All three pass their
facts to the recorder. The recorder turns each fact into a decision and applies the decision to the state. It does not
choose the facts.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from engine.core.context import catalog
from engine.core.context import trace as traces
from engine.core.context.decision_context import Context
from engine.core.evolve import evolution
from engine.core.model import decisions, definition, inputs, state

MOST_EMITTED: Final = 50
"""The most emitted events that are processed for one input; further ones are recorded with `taken` False and not processed.

The number is less than 64, the number of events that a state remembers, so that all these events are remembered at the same
time: docs/semantics.md#fifty-emitted-events-of-one-input-are-taken
"""


class Recorder:
    """The facts and the state so far, with the data for the next decision.

    - `now`: the time of the next decision.
    - `cause`: the id of the event or timer that leads to the next decision.
    - `late`: True if `cause` is a timer that fires late.
    - `current_event`: the event that steps see as the current input; None while a timer fires or a bundle goes live.
    - `emitted_events`: the events that steps have emitted and that are not processed yet.
    - `held`: the names of the journeys that are paused for all customers (`*`: all journeys).
    """

    def __init__(
        self,
        catalog: catalog.Catalog,
        customer: state.Customer | None,
        customer_id: str,
        event: inputs.Event,
        trace: traces.Trace | None,
        held: frozenset[str],
    ) -> None:
        self.catalog = catalog
        self.customer = customer
        self.customer_id = customer_id
        self.trace = trace
        self.held = held
        self.facts: list[inputs.Event | decisions.Decision] = []
        self.now = event.recorded if customer is None else max(customer.now, event.recorded)
        self.cause = event.id
        self.late = False
        self.current_event: inputs.Event | None = None
        self.emitted_events: list[inputs.Event] = []
        self._emitted_count = 0
        self._decision_counts: dict[str, int] = {}  # {cause: decisions so far}

    @property
    def known(self) -> state.Customer:
        """The customer's state so far; use it only if `customer` is not None."""
        assert self.customer is not None
        return self.customer

    def instance_context(self, journey: definition.Journey, instance: str) -> Context:
        """Return the context of one instance, for its steps and its exits; `instance` is the instance's id."""
        customer = self.known
        at = customer.instances[instance]
        return Context(
            self.catalog, journey, customer, at, self.now, self.current_event, self.trace, held=self.held, cause=self.cause
        )

    def context(
        self, journey: definition.Journey | None, event: inputs.Event | None = None, at: state.Instance | None = None
    ) -> Context:
        """Return a context without an instance, for entries, segments and schedules.

        To check a goal, the caller passes an instance in `at`, because the customer's instance may have left the journey.
        """
        return Context(self.catalog, journey, self.known, at, self.now, event, self.trace, held=self.held, cause=self.cause)

    def record_all(self, journey: definition.Journey, instance: str, facts: Iterable[decisions.Payload]) -> None:
        """Record facts of one instance, in the given order, as decisions at the instance's current step."""
        step = self.known.instances[instance].step
        for data in facts:
            self.record(journey.name, journey.version, instance, step, data)

    def record(self, journey: str, version: str, instance: str, step: str, data: decisions.Payload) -> None:
        """Record a decision with the payload `data`, and apply the decision to the state.

        `journey`, `version`, `instance` and `step` are empty if the decision is not about them. The decision's id is a hash of
        the customer, the cause and the number of earlier decisions with this cause, so repeated work leads to the same ids.
        """
        index = self._decision_counts.get(self.cause, 0)
        self._decision_counts[self.cause] = index + 1
        id_ = decisions.hashed(self.customer_id, self.cause, index)
        if isinstance(data, decisions.EventEmitted):
            data = self._queued(data)
        decision = decisions.Decision(
            id_, data.type, self.customer_id, self.now, journey, version, instance, step, self.cause, data, self.late
        )
        self.customer = evolution.apply_decision(self.customer or state.Customer(self.customer_id), decision)
        self.facts.append(decision)

    def _queued(self, data: decisions.EventEmitted) -> decisions.EventEmitted:
        """Queue an emitted event so that it is processed in this input, and return the fact to record.

        If this input has already led to `MOST_EMITTED` emitted events, the event is not queued and the fact has `taken` False.
        """
        self._emitted_count += 1
        if self._emitted_count > MOST_EMITTED:
            return msgspec.structs.replace(data, taken=False)
        self.emitted_events.append(data.event)
        return data


def emissions(decision: decisions.Decision) -> tuple[inputs.Event, ...]:
    """Return the events that a decision adds to `customer.events`: the event of `event.emitted`, nothing for all other decisions.

    The engine has processed this event already; the record on the topic is for other systems.
    """
    return (decision.data.event,) if isinstance(decision.data, decisions.EventEmitted) else ()
