"""Commands: what operators have paused for everybody.

Asked by whoever drives the fold (the replay, the worker), for each `journey.command` without a subject; they hand the answer
to `decider.transition`. A pause of one customer is in her state.
"""

from engine.core import inputs

ALL = "*"
"""Stands for every journey."""


def held_after(held: frozenset[str], event: inputs.Event) -> frozenset[str]:
    """The journeys that are paused after the command; `resume` without a journey ends every pause."""
    journey = event.field("journey") or ALL
    match event.field("command"):
        case "pause":
            return held | {journey}
        case "resume":
            return frozenset() if journey == ALL else held - {journey}
        case _:
            return held
