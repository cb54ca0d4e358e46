"""Pauses for everybody: the journeys that operators have paused.

The replay and the worker call `held_after` for each `journey.command` without a subject, and give the result to
`decider.transition`. A pause of one customer is in that customer's state, not here.
"""

from engine.core.model import inputs

ALL = "*"
"""The name that means every journey."""


def held_after(held: frozenset[str], event: inputs.Event) -> frozenset[str]:
    """Return the journeys that are paused after the command; `held` are the journeys that were paused before it.

    `resume` without a journey ends every pause.
    """
    journey = event.field("journey") or ALL
    match event.field("command"):
        case "pause":
            return held | {journey}
        case "resume":
            return frozenset() if journey == ALL else held - {journey}
        case _:
            return held
