"""What a step answers: facts to record, and where the instance goes. Values only; the decider alone carries them out."""

from collections.abc import Callable

import msgspec

from engine.core import decisions, inputs


class Stay(msgspec.Struct, frozen=True):
    """Record the facts; the instance stays at this step."""

    facts: tuple[decisions.Payload, ...] = ()


class Goto(msgspec.Struct, frozen=True):
    """Record the facts and the step's outcome; go on at `step` (None: the journey is complete).

    `event` is the event that moved the instance, where it is not the input being taken (an event kept for a `since` wait).
    """

    facts: tuple[decisions.Payload, ...]
    outcome: str
    step: str | None
    event: inputs.Event | None = None


class Leave(msgspec.Struct, frozen=True):
    """Leave the journey."""

    reason: str


Move = Stay | Goto | Leave
Ask = Callable[[], Move | None]
"""A question to a step, asked where whatever it raises can be caught."""
