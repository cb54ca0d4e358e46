"""`wait` for one of some events, with a timeout.

With `since`, events count that came before the instance reached the wait. `keeps` finds them while they pass by, the
decider records them (`event.kept`), and `begin` looks there first. One event a wait is kept: the first that matched.
"""

import datetime

from engine.core import decisions, definition, moves, state, view


def begin(step: definition.WaitEvents, looking: view.View) -> moves.Move:
    """Goes on at once with a kept event; else waits. The timeout counts from the step, whatever `since` says."""
    kept = looking.here.kept.get(step.id)
    if kept is not None and kept.at >= _counts_from(step, looking.here):
        return moves.Goto((), kept.event.type, step.awaited[kept.index].goto, event=kept.event)
    return moves.Stay((looking.timer("timeout", looking.after(step.timeout)),))


def on_event(step: definition.WaitEvents, looking: view.View) -> moves.Move | None:
    """The first item, in the file's order, that the event matches."""
    index = _matching(step, looking)
    if index is None:
        return None
    return moves.Goto(looking.disarmed(), step.awaited[index].trigger.event, step.awaited[index].goto)


def on_timer(step: definition.WaitEvents, looking: view.View, timer: state.Timer) -> moves.Move:
    """Nothing came in time."""
    return moves.Goto((), "timeout", step.on_timeout)


def keeps(step: definition.WaitEvents, looking: view.View) -> decisions.EventKept | None:
    """The event as one to keep for this coming `since` wait; None if it does not match or an earlier one is kept already."""
    kept = looking.here.kept.get(step.id)
    if looking.event is None or (kept is not None and kept.at >= _counts_from(step, looking.here)):
        return None
    index = _matching(step, looking)
    return None if index is None else decisions.EventKept(step.id, index, looking.event)


def _matching(step: definition.WaitEvents, looking: view.View) -> int | None:
    return next((i for i, item in enumerate(step.awaited) if looking.matches(item.trigger)), None)


def _counts_from(step: definition.WaitEvents, at: state.Instance) -> datetime.datetime:
    return at.sent_at if step.since == "previous_send" and at.sent_at is not None else at.entered_at
