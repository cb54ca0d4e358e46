"""The step `wait` for a duration, which an event may start again."""

from engine.core import definition, moves, state, view


def begin(step: definition.WaitDuration, looking: view.View) -> moves.Move:
    """Set the timer; a wait of 0 ends after the input that led to it."""
    return moves.Stay((looking.timer("wait", looking.after(step.duration)),))


def on_event(step: definition.WaitDuration, looking: view.View) -> moves.Move | None:
    """Start the wait again from now if the event matches `restart_on`."""
    if step.restart_on is None or not looking.matches(step.restart_on):
        return None
    return moves.Stay((*looking.disarmed(), looking.timer("wait", looking.after(step.duration))))


def on_timer(step: definition.WaitDuration, looking: view.View, timer: state.Timer) -> moves.Move:
    """Go on, because the time is over."""
    return moves.Goto((), "elapsed", step.next)
