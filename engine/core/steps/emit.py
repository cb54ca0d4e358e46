"""`emit`: put an event about the same customer on the log, through which a journey can start another.

The decider takes it at once, at the end of the input; the worker writes its record to `customer.events` with the decisions.
"""

from engine.core import decisions, definition, inputs, moves, view


def begin(step: definition.Emit, looking: view.View) -> moves.Move:
    """Emits the event; its id is that of this visit of the step, its depth one more than that of the event that led here."""
    at = looking.here
    data, failed = looking.given(step.data)
    led = looking.scope().event
    event = inputs.Event(
        id=decisions.hashed(at.id, step.id, at.visit),
        type=step.event,
        time=looking.now,
        recorded=looking.now,
        subject=looking.customer.id,
        source=inputs.OWN_SOURCE,
        data={name: value for name, value in data.items() if value is not None},
        depth=max(at.entry.depth, led.depth if led is not None else 0) + 1,
    )
    inputs.check(event)  # of a type that the engine reads itself: as strict as with anybody else's
    return moves.Goto((decisions.EventEmitted(event, failed),), "emitted", step.next)
