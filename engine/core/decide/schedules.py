"""Schedules: the times at which a customer enters a journey by the calendar.

`enrolment.py` calls this file when a customer is first known, when the customer's zone changes, at an activation and after each
scheduled entry. This file records nothing.
"""

import datetime
from collections.abc import Iterator

from engine.core.context import decision_context
from engine.core.model import decisions, definition, inputs, state
from engine.core.rules import calendar

SOURCE = "dalang/schedules"


def planned(context: decision_context.Context) -> Iterator[tuple[definition.Journey | None, str, decisions.Payload]]:
    """Yield the facts that bring the customer's schedule timers up to date, each as `(journey or None, journey name, fact)`.

    A timer of a journey without a schedule is cancelled; the journey is then None.
    """
    known = {timer.step: (id_, timer) for id_, timer in context.customer.timers.items() if timer.kind == "schedule"}
    wanted = {journey.name: journey for journey in context.catalog.scheduled}
    for name, (id_, _) in known.items():
        if name not in wanted:
            yield None, name, decisions.TimerCancelled(id_)
    for name, journey in wanted.items():
        due = next_entry(journey, context)
        if name in known:
            id_, timer = known[name]
            if timer.due == due or timer.due <= context.now:  # the timer is right, or is about to fire
                continue
            yield journey, name, decisions.TimerCancelled(id_)
        if due is not None:
            yield journey, name, armed(journey, context, due)


def next_entry(journey: definition.Journey, context: decision_context.Context) -> datetime.datetime | None:
    """Return the first scheduled time of the journey after now, in the customer's time zone, or None if there is none."""
    assert journey.enter.schedule is not None
    now, zone, catalog = context.now, context.zone, context.catalog
    since, due = catalog.due.get((journey.version, zone), (now, now))
    if since <= now < due:  # found before: for all customers of this zone, no entry lies between `since` and `due`
        return due
    found = calendar.next_entry(now, journey.enter.schedule, catalog.policy.calendar, catalog.holidays, zone)
    if found is not None:
        catalog.due[journey.version, zone] = (now, found)
    return found


def armed(journey: definition.Journey, context: decision_context.Context, due: datetime.datetime) -> decisions.TimerScheduled:
    """Return the fact that sets the timer for the scheduled entry at `due`.

    The timer's id is a hash of the journey, the customer and `due`, so planning the same entry again leads to the same id.
    """
    ms = (due - state.EPOCH) // inputs.MILLISECOND
    return decisions.TimerScheduled(decisions.hashed(journey.name, context.customer.id, "schedule", ms), "schedule", due)


def entry(
    journey: definition.Journey, customer: str, timer_id: str, due: datetime.datetime, now: datetime.datetime
) -> inputs.Event:
    """Return the event `schedule.due` by which the customer enters the journey.

    `due` is the scheduled time, and `now` the recorded time of the event.
    """
    data = {"journey": journey.name, "due": inputs.text(due)}
    return inputs.Event(f"schedule-{timer_id}", inputs.SCHEDULE_DUE, due, now, customer, SOURCE, data)
