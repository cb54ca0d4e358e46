"""The step `emit`: it emits an event about the same customer, so that one journey can start another.

The decider processes the event at the end of the same instant: docs/semantics.md#an-emitted-event-is-taken-at-once. The worker
also writes the event to `customer.events`, together with the decisions, for other systems.
"""

from engine.core.context import decision_context
from engine.core.model import decisions, definition, inputs
from engine.core.steps import results


def begin(step: definition.Emit, context: decision_context.Context) -> results.Move:
    """Emit the event, whose id is a hash of the instance, the step and the visit.

    The event's depth is 1 more than the depth of the entry event or of the current event, whichever is greater. Raises
    `errors.BadData` if the event has one of the engine's own types and its data lacks a field that the type needs.
    """
    at = context.here
    data, failed = context.given(step.data)
    led = context.scope().event
    event = inputs.Event(
        id=decisions.hashed(at.id, step.id, at.visit),
        type=step.event,
        time=context.now,
        recorded=context.now,
        subject=context.customer.id,
        source=inputs.OWN_SOURCE,
        data={name: value for name, value in data.items() if value is not None},
        depth=max(at.entry.depth, led.depth if led is not None else 0) + 1,
    )
    inputs.check(event)  # for the engine's own types, as strict as for events from outside
    return results.Goto((decisions.EventEmitted(event, failed),), "emitted", step.next)
