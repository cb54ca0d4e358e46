"""The step `wait` for a duration; an event that matches `restart_on` starts the duration again."""

from engine.core.context import decision_context
from engine.core.model import definition, state
from engine.core.steps import results


def begin(step: definition.WaitDuration, context: decision_context.Context) -> results.Move:
    """Set the timer that ends the wait; a wait of 0 ms ends within the same input."""
    return results.Stay((context.timer("wait", context.after(step.duration)),))


def on_event(step: definition.WaitDuration, context: decision_context.Context) -> results.Move | None:
    """Start the duration again from now if the event matches `restart_on`; otherwise return None."""
    if step.restart_on is None or not context.matches(step.restart_on):
        return None
    return results.Stay((*context.disarmed(), context.timer("wait", context.after(step.duration))))


def on_timer(step: definition.WaitDuration, context: decision_context.Context, timer: state.Timer) -> results.Move:
    """Go on to the next step, because the duration is over."""
    return results.Goto((), "elapsed", step.next)
