"""The step `wait` until a moment in the customer's calendar: a time of day, a payday, or a date that an expression returns.

If the moment is exactly now, the wait ends now. Days and times are those of the customer's time zone when the step begins.
"""

import datetime

from engine.core.context import decision_context
from engine.core.model import definition, inputs, state
from engine.core.rules import calendar
from engine.core.steps import results


def begin(step: definition.WaitUntil, context: decision_context.Context) -> results.Move:
    """Set the timer that ends the wait, or go on at once if the moment is now.

    If a date is past or missing, go on or leave, as `if_past` and `if_missing` say.
    """
    if step.date is not None:
        return _dated(step, step.date, context)
    zone = context.zone
    if step.payday:
        rules = context.catalog.policy.calendar
        due = calendar.next_payday(context.now, step.minute, rules, context.catalog.holidays, zone)
    else:
        due = calendar.next_time(context.now, step.minute, step.days, zone)
    return _until(step, context, due)


def on_timer(step: definition.WaitUntil, context: decision_context.Context, timer: state.Timer) -> results.Move:
    """Go on to the next step, because the moment has come."""
    return results.Goto((), "reached", step.next)


def _until(step: definition.WaitUntil, context: decision_context.Context, due: datetime.datetime) -> results.Move:
    if due <= context.now:
        return results.Goto((), "reached", step.next)
    return results.Stay((context.timer("wait", due),))


def _dated(step: definition.WaitUntil, date: definition.Expression, context: decision_context.Context) -> results.Move:
    """Return the move for a wait until the date with the step's `offset` (milliseconds) added.

    The date is past if this sum is before now.
    """
    at = calendar.dated(context.value(date), context.zone)
    if at is None:
        return results.Leave("date_missing") if step.if_missing == "exit" else results.Goto((), "missing", step.next)
    due = at + step.offset * inputs.MILLISECOND
    if due < context.now:
        return results.Leave("date_past") if step.if_past == "exit" else results.Goto((), "past", step.next)
    return _until(step, context, due)
