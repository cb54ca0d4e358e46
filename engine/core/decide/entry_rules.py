"""Entry rules: the rules that let a customer enter a journey, or refuse the entry with a reason.

`enrolment.py` calls `judge` for every journey that a customer may enter by an event, a segment, a schedule or an operator's
command. This file records nothing.
"""

import msgspec

from engine.core.context import decision_context
from engine.core.model import definition, inputs, state
from engine.core.rules import assignment

MOST_DEPTH = 10
"""The greatest depth of an event by which a customer can enter journeys.

The depth is the number of emitted events in the chain that led to the event:
docs/semantics.md#an-emitted-event-past-a-depth-of-10-enters-nothing
"""


class Admission(msgspec.Struct, frozen=True):
    """The result of `judge`.

    If `reason` is not empty, the entry is refused. If `active` is not None, the customer is already in the journey with this
    key, in that instance. In all other cases a new instance with the key may begin.
    """

    key: str = ""
    reason: str = ""
    active: state.Instance | None = None


def judge(context: decision_context.Context, event: inputs.Event, *, by_hand: bool) -> Admission | None:
    """Judge an entry into the context's journey; return None if the entry condition is not met, so nothing is to be recorded.

    An entry by an operator's command (`by_hand`) skips the entry condition and `max_age`, and takes the key from the command. All
    other rules apply to it too.
    """
    enter = context.journey.enter
    if not by_hand and not context.holds(enter.when):
        return None
    key = _named(event) if by_hand else "" if enter.key is None else _key(context.value(enter.key))
    if context.paused(context.journey.name, key or ""):
        return Admission(key or "", "paused")
    if event.depth > MOST_DEPTH:
        return Admission(key or "", "loop")
    late = enter.max_age is not None and event.recorded - event.time > enter.max_age * inputs.MILLISECOND
    if late and not by_hand:
        return Admission("", "max_age")
    if key is None:
        return Admission("", "no_key")
    return _by_reentry_rule(context, key)


def _by_reentry_rule(context: decision_context.Context, key: str) -> Admission:
    """Judge an entry with this key by the journey's rule `enter.reentry`."""
    journey, customer = context.journey, context.customer
    active = [i for i in customer.instances.values() if i.journey == journey.name and i.key == key]
    if journey.enter.reentry.rule == "parallel":
        return Admission(key, "parallel" if len(active) >= journey.enter.reentry.parallel else "")
    if active:
        return Admission(key, active=active[0])
    return Admission(key, "reentry" if _bars_reentry(context, key) else "")


def _bars_reentry(context: decision_context.Context, key: str) -> bool:
    rule = context.journey.enter.reentry
    last = context.customer.entries.get(context.journey.name, state.Entries()).last.get(key)
    if last is None or rule.rule == "after_exit":
        return False
    return rule.rule == "never" or context.now - last < rule.after * inputs.MILLISECOND


def held_out(journey: definition.Journey, customer: str) -> bool:
    """Return True if the customer is in the journey's holdout, so that she takes every step but gets no message.

    The result depends only on the journey's name, its holdout share and the customer's id.
    """
    return journey.holdout > 0 and assignment.held_out(f"{journey.name}/holdout", customer, journey.holdout)


def _named(event: inputs.Event) -> str:
    return str(event.field("key") or "")


def _key(value: object) -> str | None:
    """Return the value of the expression `enter.key` as text; None if it is empty or is no text, number or boolean.

    Numbers and booleans are written as in JSON: `42`, `true`.
    """
    if isinstance(value, str):
        return value or None
    return msgspec.json.encode(value).decode() if isinstance(value, (bool, int, float)) else None
