"""The step `wait` for one of several events, with a timeout.

With `since`, events that came before the instance reached the wait count too. When such an event comes, `keeps` finds it and the
decider records it (`event.kept`); `begin` looks for it first. A wait keeps one event, the first that matched:
docs/semantics.md#an-event-is-kept-for-a-coming-since-wait
"""

import datetime

from engine.core.context import decision_context
from engine.core.model import decisions, definition, state
from engine.core.steps import results


def begin(step: definition.WaitEvents, context: decision_context.Context) -> results.Move:
    """Go on at once with a kept event, or else wait.

    The timeout counts from the step, whatever `since` says: docs/semantics.md#the-timeout-of-a-since-wait-counts-from-the-step
    """
    kept = context.here.kept.get(step.id)
    if kept is not None and kept.at >= _counts_from(step, context.here):
        return results.Goto((), kept.event.type, step.awaited[kept.index].goto, event=kept.event)
    return results.Stay((context.timer("timeout", context.after(step.timeout)),))


def on_event(step: definition.WaitEvents, context: decision_context.Context) -> results.Move | None:
    """Go on with the first item of the wait's list that the event matches; return None if there is none."""
    index = _matching(step, context)
    if index is None:
        return None
    return results.Goto(context.disarmed(), step.awaited[index].trigger.event, step.awaited[index].goto)


def on_timer(step: definition.WaitEvents, context: decision_context.Context, timer: state.Timer) -> results.Move:
    """Go on with the step of the timeout, because no event came in time."""
    return results.Goto((), "timeout", step.on_timeout)


def keeps(step: definition.WaitEvents, context: decision_context.Context) -> decisions.EventKept | None:
    """Return the fact that keeps the event for this `since` wait, which the instance has not reached yet.

    Return None if the event does not match, or if the wait already keeps an earlier event.
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
