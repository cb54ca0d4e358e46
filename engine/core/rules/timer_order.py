"""Timer order: which timer of a customer fires next, and whether a timer or an event comes first at the same time.

Called by `decide/decider.py` to fire timers before an event, and again to fire timers after it. Timers fire in the order of their
due times. An event wins a tie: a timer that is due exactly at the event's time fires after the event.
"""

import datetime
from collections.abc import Collection

from engine.core.model import state


def next_timer(
    customer: state.Customer, until: datetime.datetime, *, at_until: bool, fired: Collection[str] = ()
) -> tuple[str, state.Timer] | None:
    """Return the id of the customer's next due timer and the timer itself, or None if no timer is due.

    `until` is the time of an event. Before the event, a timer is due if its due time is earlier than `until`. After the event
    (`at_until` is True), a timer is also due if its due time is `until`: docs/semantics.md#an-event-wins-a-tie. Timers whose ids
    are in `fired` are left out. Timers with the same due time fire in the order of instance, then step, then id:
    docs/semantics.md#timers-fire-in-order-of-their-due-time
    """
    due = [each for each in customer.timers.items() if each[1].due <= until and (at_until or each[1].due < until)]
    if due and fired:
        due = [each for each in due if each[0] not in fired]
    return min(due, key=lambda each: (each[1].due, each[1].instance, each[1].step, each[0])) if due else None
