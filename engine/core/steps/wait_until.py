"""The step `wait` until a moment of the customer's calendar: a time of day, a payday, or a date that an expression gives.

A moment that is exactly now is reached now. Days are those of the customer's time zone when the step begins.
"""

import datetime

from engine.core import calendar, definition, moves, state, view


def begin(step: definition.WaitUntil, looking: view.View) -> moves.Move:
    """Set the timer; if a date is past or missing, go on or leave at once (`if_past`, `if_missing`)."""
    if step.date is not None:
        return _dated(step, step.date, looking)
    zone = looking.zone
    if step.payday:
        rules = looking.catalog.policy.calendar
        due = calendar.next_payday(looking.now, step.minute, rules, looking.catalog.holidays, zone)
    else:
        due = calendar.next_time(looking.now, step.minute, step.days, zone)
    return _until(step, looking, due)


def on_timer(step: definition.WaitUntil, looking: view.View, timer: state.Timer) -> moves.Move:
    """Go on, because the moment has come."""
    return moves.Goto((), "reached", step.next)


def _until(step: definition.WaitUntil, looking: view.View, due: datetime.datetime) -> moves.Move:
    if due <= looking.now:
        return moves.Goto((), "reached", step.next)
    return moves.Stay((looking.timer("wait", due),))


def _dated(step: definition.WaitUntil, date: definition.Expression, looking: view.View) -> moves.Move:
    """Return the move for a date; the date is past if it is before now with `offset` added."""
    at = calendar.dated(looking.value(date), looking.zone)
    if at is None:
        return moves.Leave("date_missing") if step.if_missing == "exit" else moves.Goto((), "missing", step.next)
    due = at + step.offset * view.MILLISECOND
    if due < looking.now:
        return moves.Leave("date_past") if step.if_past == "exit" else moves.Goto((), "past", step.next)
    return _until(step, looking, due)
