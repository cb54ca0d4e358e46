"""The results of steps, called moves: the facts to record, and the step at which the instance goes on.

A move is only a value; `decide/step_runner.py` carries it out.
"""

import datetime
from collections.abc import Callable

import msgspec

from engine.core.model import decisions, inputs


class Stay(msgspec.Struct, frozen=True):
    """The move that records the facts and leaves the instance at its step."""

    facts: tuple[decisions.Payload, ...] = ()


class Goto(msgspec.Struct, frozen=True):
    """The move that records the facts and the step's outcome, and goes on at `step` (None: the journey is complete).

    `event` is the event that moves the instance if it is not the current event: an event that was kept for a `since` wait.
    """

    facts: tuple[decisions.Payload, ...]
    outcome: str
    step: str | None
    event: inputs.Event | None = None


class PlannedAttempt(msgspec.Struct, frozen=True):
    """A planned attempt of a step's message: `first` is the index of the step's channel that is tried first.

    `number` counts the message's attempts from 1. `tried` are the channels on which the message was requested before. `skipped`
    are the channels that were skipped before, each with the reason.
    """

    message_id: str
    number: int
    first: int
    expires_at: datetime.datetime | None
    tried: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()


class Queue(msgspec.Struct, frozen=True):
    """The move that records the facts and queues an attempt until the end of the instant; the instance stays at its step."""

    attempt: PlannedAttempt
    facts: tuple[decisions.Payload, ...] = ()


class Leave(msgspec.Struct, frozen=True):
    """The move that leaves the journey."""

    reason: str


Move = Stay | Goto | Queue | Leave
Ask = Callable[[], Move | None]
"""A function without arguments that calls a step; the step runner calls it, so that it can catch the step's exceptions."""
