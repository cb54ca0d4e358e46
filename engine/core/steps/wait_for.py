"""The step `wait` for one of several events, with a timeout.

With `since`, an event that came before the instance reached the wait can end the wait too. When such an event comes, `keeps`
returns the fact `event.kept`, and the decider records it. When the instance reaches the wait, `begin` first looks for a kept
event. A wait keeps one event, the first that matched: docs/semantics.md#an-event-is-kept-for-a-coming-since-wait
"""

import datetime

from engine.core.context import decision_context
from engine.core.model import decisions, definition, state
from engine.core.steps import results


def begin(step: definition.WaitEvents, context: decision_context.Context) -> results.Move:
    """Go on at once if an event is kept for this wait; otherwise set the timer of the timeout.

    The timeout counts from the moment when the instance reaches the step, whatever `since` says:
    docs/semantics.md#the-timeout-of-a-since-wait-counts-from-the-step
    """
    kept = context.here.kept.get(step.id)
    if kept is not None and kept.at >= _counts_from(step, context.here):
        return results.Goto((), kept.event.type, step.awaited[kept.index].goto, event=kept.event)
    return results.Stay((context.timer("timeout", context.after(step.timeout)),))


def on_event(step: definition.WaitEvents, context: decision_context.Context) -> results.Move | None:
    """Go on by the first item in the wait's list that the event matches; return None if the event matches no item."""
    index = _matching(step, context)
    if index is None:
        return None
    return results.Goto(context.disarmed(), step.awaited[index].trigger.event, step.awaited[index].goto)


def on_timer(step: definition.WaitEvents, context: decision_context.Context, timer: state.Timer) -> results.Move:
    """Go on to the step for the timeout, because no awaited event came in time."""
    return results.Goto((), "timeout", step.on_timeout)


def keeps(step: definition.WaitEvents, context: decision_context.Context) -> decisions.EventKept | None:
    """Return the fact that stores the current event for this `since` wait before the instance reaches the wait.

    Return None if the event does not match, or if an earlier event is already stored for the wait.
    """
    kept = context.here.kept.get(step.id)
    if context.event is None or (kept is not None and kept.at >= _counts_from(step, context.here)):
        return None
    index = _matching(step, context)
    return None if index is None else decisions.EventKept(step.id, index, context.event)


def _matching(step: definition.WaitEvents, context: decision_context.Context) -> int | None:
    return next((i for i, item in enumerate(step.awaited) if context.matches(item.trigger)), None)


def _counts_from(step: definition.WaitEvents, at: state.Instance) -> datetime.datetime:
    return at.sent_at if step.since == "previous_send" and at.sent_at is not None else at.entered_at
