"""Timer order: which timer of a customer fires next, and whether a timer or an event comes first at the same time.

Called by `decide/decider.py` once before an event and once after it. Timers fire in the order of their due time. An event wins a
tie: a timer that is due exactly at the event's time fires after the event.
"""

import datetime
from collections.abc import Collection

from engine.core.model import state


def next_timer(
    customer: state.Customer, until: datetime.datetime, *, at_until: bool, fired: Collection[str] = ()
) -> tuple[str, state.Timer] | None:
    """Return the id of the customer's next due timer and the timer itself, or None if no timer is due.

    Before an event at the time `until`, a timer is due if its due time is earlier. After the event (`at_until`), a timer with
    exactly that time is due too: docs/semantics.md#an-event-wins-a-tie. Timers whose ids are in `fired` are left out. Of several
    timers with one due time, the first by instance, then step, then id fires:
    docs/semantics.md#timers-fire-in-order-of-their-due-time
    """
    due = [each for each in customer.timers.items() if each[1].due <= until and (at_until or each[1].due < until)]
    if due and fired:
        due = [each for each in due if each[0] not in fired]
    return min(due, key=lambda each: (each[1].due, each[1].instance, each[1].step, each[0])) if due else None
