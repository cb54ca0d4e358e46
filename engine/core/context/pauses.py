"""Pauses for all customers: the journeys that operators have paused for everybody.

`engine/core/fold_driver.py` calls `held_after` for each `journey.command` without a subject, and passes the result to
`decider.transition`. A pause of a single customer is stored in the customer's state and not here.
"""

from engine.core.model import inputs

ALL = "*"
"""The name that means all journeys."""


def held_after(held: frozenset[str], event: inputs.Event) -> frozenset[str]:
    """Return the names of the paused journeys after an operator's command; `held` are the names before the command.

    `pause` adds the journey of the command, and `resume` removes it. Without a journey, `pause` adds `*` (all journeys) and
    `resume` ends every pause. Other commands change nothing.
    """
    journey = event.field("journey") or ALL
    match event.field("command"):
        case "pause":
            return held | {journey}
        case "resume":
            return frozenset() if journey == ALL else held - {journey}
        case _:
            return held
