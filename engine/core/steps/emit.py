"""The step `emit`: it puts an event about the same customer on `customer.events`, so that one journey can start another.

The decider handles the event at the end of the same instant: docs/semantics.md#an-emitted-event-is-taken-at-once. The worker
writes the event's record to `customer.events` with the decisions.
"""

from engine.core.context import decision_context
from engine.core.model import decisions, definition, inputs
from engine.core.steps import results


def begin(step: definition.Emit, context: decision_context.Context) -> results.Move:
    """Emit the event; its id is a hash of the instance, the step and the visit.

    The event's depth is 1 more than the depth of the entry event or of the current event, whichever is greater. Raises
    `errors.BadData` if the type is one of the engine's own and the data lacks what that type needs.
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
    inputs.check(event)  # an event of the engine's own type must be complete, as one from outside
    return results.Goto((decisions.EventEmitted(event, failed),), "emitted", step.next)
