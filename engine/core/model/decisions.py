"""Decisions: the recorded facts of `journey.events`.

Each type has one struct for its `data`; `PAYLOADS` is the table of both. Type names and field names are the storage format of
every history ever written: a change of shape needs a new schema version with an upcaster and a saved history.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal

import msgspec

from engine.core.model import inputs, state


class Payload(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `data` of a decision."""

    type: ClassVar[str]


class JourneyEntered(Payload, frozen=True):
    """A customer entered a journey.

    Entries before `forget_before` no longer count for the re-entry rule, so the state drops them.
    """

    type = "journey.entered"
    entry: inputs.Event
    number: int
    key: str = ""
    forget_before: inputs.Instant | None = None
    held_out: bool = False
    goal_until: inputs.Instant | None = None


class JourneyRefused(Payload, frozen=True):
    """The event matched trigger and condition, but the customer may not enter."""

    type = "journey.refused"
    reason: Literal["active", "reentry", "parallel", "paused", "max_age", "no_key", "loop"]
    key: str = ""


class JourneyRestarted(Payload, frozen=True):
    """The instance starts again at its first step with a new entry event."""

    type = "journey.restarted"
    entry: inputs.Event
    visit: int


class JourneyUpdated(Payload, frozen=True):
    """The entry event was replaced; the instance stays where it is."""

    type = "journey.updated"
    entry: inputs.Event


class JourneyExited(Payload, frozen=True):
    """The instance left before its last step."""

    type = "journey.exited"
    reason: str


class JourneyCompleted(Payload, frozen=True):
    """The instance passed its last step."""

    type = "journey.completed"


class InstanceParked(Payload, frozen=True):
    """The instance cannot go on and waits for an operator."""

    type = "instance.parked"
    reason: str


class InstanceMigrated(Payload, frozen=True):
    """The instance moved to the live version of its journey, and is at this step of it."""

    type = "instance.migrated"
    before: str
    """The version that the instance leaves."""
    was_at: str


class StepEntered(Payload, frozen=True):
    """The instance is at this step, for the `visit`-th time."""

    type = "step.entered"
    visit: int = 1


class StepCompleted(Payload, frozen=True):
    """The step is done; `event` is the event that ended it, or None if no event did."""

    type = "step.completed"
    outcome: str
    event: inputs.Event | None = None


class StepFailed(Payload, frozen=True):
    """The step raised an error. Its instance leaves the journey; other instances go on."""

    type = "step.failed"
    error: str


class TimerScheduled(Payload, frozen=True):
    """A timer was set, which fires at `due` unless it is cancelled before."""

    type = "timer.scheduled"
    timer: str
    kind: state.TimerKind
    due: inputs.Instant


class TimerCancelled(Payload, frozen=True):
    """A timer was cancelled: it does not fire."""

    type = "timer.cancelled"
    timer: str


class BranchTaken(Payload, frozen=True):
    """A branch was passed. `arm` is the index of the arm taken, or None if no condition was true and there is no `else`."""

    type = "branch.taken"
    arm: int | None


class SplitAssigned(Payload, frozen=True):
    """An instance reached a split and took this arm (the exposure of an experiment)."""

    type = "split.assigned"
    arm: str


class OfferChosen(Payload, frozen=True):
    """The offer with the highest score was chosen.

    `offer` is None if there was no candidate. `scores` holds the scores of all candidates.
    """

    type = "offer.chosen"
    offer: str | None
    scores: Mapping[str, float] = {}


class ProfileUpdated(Payload, frozen=True):
    """A step wrote attributes of the profile.

    `failed` lists the attributes whose expression had no value; these attributes did not change.
    """

    type = "profile.updated"
    set: Mapping[str, Any] = {}
    removed: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


class EventEmitted(Payload, frozen=True):
    """A step put an event on `customer.events`.

    The engine takes the event at once; its record there tells other systems.

    `taken` is false if one input led to so many events that journeys seem to start each other without end.
    """

    type = "event.emitted"
    event: inputs.Event
    failed: tuple[str, ...] = ()
    taken: bool = True


class SegmentEntered(Payload, frozen=True):
    """The customer entered a segment.

    `already` is true if the customer met its condition when its definition went live. Then the customer enters no journey by it.
    """

    type = "segment.entered"
    segment: str
    already: bool = False


class SegmentLeft(Payload, frozen=True):
    """The customer is not in the segment any more."""

    type = "segment.left"
    segment: str
    already: bool = False


class GoalReached(Payload, frozen=True):
    """The journey's goal was reached, `after` ms after the entry; `value` is the result of the goal's `value` expression."""

    type = "goal.reached"
    event: str
    after: int
    value: float | None = None
    held_out: bool = False


class EventKept(Payload, frozen=True):
    """An event came before the instance reached the `since` wait that waits for it. The event is kept for that wait.

    `index` is the position of the event's trigger in the wait's list.
    """

    type = "event.kept"
    wait: str
    index: int
    event: inputs.Event


class MessageRequested(Payload, frozen=True):
    """One attempt of a message was requested. The action is made from this data alone.

    `missing` lists the fields of the template that rendered empty.
    """

    type = "message.requested"
    message_id: str
    attempt: int
    channel: str
    place: int
    to: Mapping[str, str]
    purpose: str
    template: str
    language: str
    content: Mapping[str, Any]
    cost: float = 0.0
    send_before: inputs.Instant | None = None
    expires_at: inputs.Instant | None = None
    skipped: tuple[tuple[str, str], ...] = ()
    """`(channel, reason)` of each channel that was skipped before this one."""
    missing: tuple[str, ...] = ()
    parts: int = 0
    """The number of parts of an SMS; `cost` is for all of them."""
    count_since: inputs.Instant | None = None
    """The start of the longest window of a cap. None if the policy has no caps; then the message counts against none."""


class MessageDeferred(Payload, frozen=True):
    """The next attempt waits until a time, or until a pause ends if `until` is None.

    `reason` is the first of `reasons`.
    """

    type = "message.deferred"
    message_id: str
    until: inputs.Instant | None
    reason: str
    reasons: tuple[str, ...] = ()
    place: int = 0
    purpose: str = ""
    expires_at: inputs.Instant | None = None
    skipped: tuple[tuple[str, str], ...] = ()


class MessageSuppressed(Payload, frozen=True):
    """The message was never requested, because no channel may carry it or the customer is held out.

    `reason` is that of the first channel; `skipped` has the reason of each channel.

    `reasons` lists several reasons where they act together: a message deferred past its expiry has `quiet_hours` and `expired`.
    """

    type = "message.suppressed"
    message_id: str
    reason: str
    skipped: tuple[tuple[str, str], ...] = ()
    reasons: tuple[str, ...] = ()


class MessageResolved(Payload, frozen=True):
    """The message has its outcome, and its step ends."""

    type = "message.resolved"
    message_id: str
    outcome: Literal["reached", "unreached", "requested"]
    reason: str = ""


class MessageReported(Payload, frozen=True):
    """A channel reported about an attempt.

    `cost` is the amount that this receipt adds to the attempt's known cost.
    """

    type = "message.reported"
    message_id: str
    status: str
    attempt: int
    channel: str
    late: bool = False
    cost: float = 0.0
    code: str = ""
    failure: str = ""
    """The failure class of `code`, if `status` is `failed`."""
    stopped: str = ""
    """The address that gets no more messages, if the failure class is `stop_channel`; else empty."""


class ConsentUpdated(Payload, frozen=True):
    """A failed message showed that the customer had withdrawn a consent at the provider."""

    type = "consent.updated"
    purpose: str
    channel: str
    granted: bool
    reason: str


PAYLOADS: Final[Mapping[str, type[Payload]]] = {
    payload.type: payload
    for payload in (
        JourneyEntered,
        JourneyRefused,
        JourneyRestarted,
        JourneyUpdated,
        JourneyExited,
        JourneyCompleted,
        InstanceParked,
        InstanceMigrated,
        StepEntered,
        StepCompleted,
        StepFailed,
        TimerScheduled,
        TimerCancelled,
        BranchTaken,
        SplitAssigned,
        OfferChosen,
        ProfileUpdated,
        EventEmitted,
        SegmentEntered,
        SegmentLeft,
        GoalReached,
        EventKept,
        MessageRequested,
        MessageDeferred,
        MessageSuppressed,
        MessageResolved,
        MessageReported,
        ConsentUpdated,
    )
}


class Decision(msgspec.Struct, frozen=True, omit_defaults=True):
    """A recorded fact.

    `at` is logical time. `cause` is the id of the event or timer that led to the decision. `late` is true if `cause` is a timer
    that fired after its due time (docs/semantics.md#a-late-timer-runs-at-the-real-time).
    """

    id: str
    type: str
    customer: str
    at: inputs.Instant
    journey: str
    version: str
    instance: str
    step: str
    cause: str
    data: Payload
    late: bool = False


class _Wire(msgspec.Struct):
    id: str
    type: str
    customer: str
    at: inputs.Instant
    journey: str
    version: str
    instance: str
    step: str
    cause: str
    data: msgspec.Raw
    late: bool = False


_encoder: Final = msgspec.json.Encoder()
_pack: Final = msgspec.msgpack.Encoder().encode
_decoder: Final = msgspec.json.Decoder(_Wire)
_payload_decoders: Final = {name: msgspec.json.Decoder(payload) for name, payload in PAYLOADS.items()}


def encode(decision: Decision) -> bytes:
    """Return the decision as one line of JSON, with the same bytes on every machine."""
    return _encoder.encode(decision)


def decode(line: bytes) -> Decision:
    """Return a decision from its JSON. Raises `msgspec.DecodeError` or `KeyError` if the JSON is not a decision."""
    wire = _decoder.decode(line)
    data = _payload_decoders[wire.type].decode(wire.data)
    return Decision(
        wire.id,
        wire.type,
        wire.customer,
        wire.at,
        wire.journey,
        wire.version,
        wire.instance,
        wire.step,
        wire.cause,
        data,
        wire.late,
    )


def hashed(*parts: str | int) -> str:
    """Return a stable id of 24 hex digits: 96 bits of BLAKE2b over the parts.

    The parts are packed as one msgpack array, so that they cannot run together.
    """
    return hashlib.blake2b(_pack(parts), digest_size=12).hexdigest()
