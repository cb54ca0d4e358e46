"""Moves: the values that steps return, with the facts to record and the way in which the instance continues.

A move is only a value; `decide/step_runner.py` carries it out.
"""

import datetime
from collections.abc import Callable

import msgspec

from engine.core.model import decisions, inputs


class Stay(msgspec.Struct, frozen=True):
    """The move that records the facts and keeps the instance at its step."""

    facts: tuple[decisions.Payload, ...] = ()


class Goto(msgspec.Struct, frozen=True):
    """The move that records the facts and the step's outcome, and sends the instance to `step` (None: the journey is complete).

    `event` is an event that was kept for a `since` wait and now moves the instance. None means that the current event moves it.
    """

    facts: tuple[decisions.Payload, ...]
    outcome: str
    step: str | None
    event: inputs.Event | None = None


class PlannedAttempt(msgspec.Struct, frozen=True):
    """An attempt of a message before its channel is chosen.

    - `number`: the number of the attempt within the message, from 1.
    - `first`: the index of the channel in the step that is tried first; the channels after it follow.
    - `tried`: the channels on which the message was requested before.
    - `skipped`: pairs `(channel, reason)` of the channels that were skipped before.
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
    """The move by which the instance leaves the journey for the given reason."""

    reason: str


Move = Stay | Goto | Queue | Leave
Ask = Callable[[], Move | None]
"""A function without arguments that calls a step; the step runner calls it, so that it can catch the step's exceptions."""
