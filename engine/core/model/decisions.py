"""Decisions: the facts that the engine records on the topic `journey.events`.

For each type of decision there is one struct for the field `data`; `PAYLOADS` is `{type: struct}`. The names of types and fields
are the storage format of every history ever written. A change needs a new schema version, an upcaster (a function that reads the
old form) and a saved history as a test.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal

import msgspec

from engine.core.model import inputs, state


class Payload(msgspec.Struct, frozen=True, omit_defaults=True):
    """The field `data` of a decision; each type of decision has one subclass."""

    type: ClassVar[str]


class JourneyEntered(Payload, frozen=True):
    """A customer entered a journey.

    The re-entry rule does not need entries from before `forget_before` any more, so the state drops them (null: it drops
    none). `number` is 1 for the customer's first entry into this journey, 2 for the second, and so on. `goal_until` is the time
    until which the goal can be reached (null: the journey has no goal).
    """

    type = "journey.entered"
    entry: inputs.Event
    number: int
    key: str = ""
    forget_before: inputs.Instant | None = None
    held_out: bool = False
    goal_until: inputs.Instant | None = None


class JourneyRefused(Payload, frozen=True):
    """An event met the entry condition of a journey, but the customer was not allowed to enter; `reason` says why."""

    type = "journey.refused"
    reason: Literal["active", "reentry", "parallel", "paused", "max_age", "no_key", "loop"]
    key: str = ""


class JourneyRestarted(Payload, frozen=True):
    """The instance started again at the first step of its journey, with a new entry event."""

    type = "journey.restarted"
    entry: inputs.Event
    visit: int


class JourneyUpdated(Payload, frozen=True):
    """The entry event of the instance was replaced by a newer event; the instance stayed at its step."""

    type = "journey.updated"
    entry: inputs.Event


class JourneyExited(Payload, frozen=True):
    """The instance left the journey before the end; `reason` says why."""

    type = "journey.exited"
    reason: str


class JourneyCompleted(Payload, frozen=True):
    """The instance passed the last step of the journey, and so ended."""

    type = "journey.completed"


class InstanceParked(Payload, frozen=True):
    """The instance cannot continue, because its version is not known; it waits until an operator acts."""

    type = "instance.parked"
    reason: str


class InstanceMigrated(Payload, frozen=True):
    """The instance changed to the live version of its journey.

    `was_at` is the id of its step in the old version; the field `step` of the decision is the id of its step in the live version.
    """

    type = "instance.migrated"
    before: str
    """The version that the instance had before."""
    was_at: str


class StepEntered(Payload, frozen=True):
    """The instance reached a step.

    `visit` is 1 after the entry, and 1 more after each restart and each migration of the instance.
    """

    type = "step.entered"
    visit: int = 1


class StepCompleted(Payload, frozen=True):
    """A step completed with an outcome.

    `event` is the event that completed the step; null if no event did, for example after a timeout.
    """

    type = "step.completed"
    outcome: str
    event: inputs.Event | None = None


class StepFailed(Payload, frozen=True):
    """A step raised an error. The instance leaves the journey; other instances are not affected."""

    type = "step.failed"
    error: str


class TimerScheduled(Payload, frozen=True):
    """A timer was set. It fires at the time `due`, unless it is cancelled before; `timer` is its id."""

    type = "timer.scheduled"
    timer: str
    kind: state.TimerKind
    due: inputs.Instant


class TimerCancelled(Payload, frozen=True):
    """A timer was cancelled, so it will not fire; `timer` is its id."""

    type = "timer.cancelled"
    timer: str


class BranchTaken(Payload, frozen=True):
    """The instance passed a branch.

    `arm` is the index of the arm that it took, from 0; null if no condition was true and the branch has no `else`.
    """

    type = "branch.taken"
    arm: int | None


class SplitAssigned(Payload, frozen=True):
    """The instance reached a split and took the arm `arm`. In an experiment this is the exposure."""

    type = "split.assigned"
    arm: str


class OfferChosen(Payload, frozen=True):
    """The step `choose` took the offer with the highest score.

    `offer` is the id of the offer, or null if no offer could be chosen. `scores` is `{offer id: score}` of all offers that could
    be chosen.
    """

    type = "offer.chosen"
    offer: str | None
    scores: Mapping[str, float] = {}


class ProfileUpdated(Payload, frozen=True):
    """A step wrote attributes of the customer's profile.

    `set` has the new values, and `removed` the names of the attributes that were removed. `failed` has the names of the
    attributes whose expression could not be evaluated; these attributes did not change.
    """

    type = "profile.updated"
    set: Mapping[str, Any] = {}
    removed: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


class EventEmitted(Payload, frozen=True):
    """A step emitted an event about the customer.

    The engine handles the event at once. The event is also written to `customer.events`, but only for other systems. `failed`
    has the names of the data fields whose expression could not be evaluated.

    `taken` is false if the engine does not handle the event. This happens if one input has led to more than 50 emitted events,
    because journeys then seem to start each other without end.
    """

    type = "event.emitted"
    event: inputs.Event
    failed: tuple[str, ...] = ()
    taken: bool = True


class SegmentEntered(Payload, frozen=True):
    """The customer entered a segment.

    `already` is true if a newly live bundle brought the customer into the segment, and not something that the customer did. In
    this case the customer enters no journey through the segment.
    """

    type = "segment.entered"
    segment: str
    already: bool = False


class SegmentLeft(Payload, frozen=True):
    """The customer left a segment.

    `already` is true if a newly live bundle changed or removed the segment, so that the customer is not in it any more.
    """

    type = "segment.left"
    segment: str
    already: bool = False


class GoalReached(Payload, frozen=True):
    """The customer reached the goal of a journey, `after` ms after the entry.

    `event` is the type of the event. `value` is the number that the goal's expression `value` returned, or null.
    """

    type = "goal.reached"
    event: str
    after: int
    value: float | None = None
    held_out: bool = False


class EventKept(Payload, frozen=True):
    """An event that a later `since` wait waits for came early; the event is stored until the instance reaches that wait.

    `wait` is the step id of the wait. `index` is the position of the matching trigger in the wait's list of events.
    """

    type = "event.kept"
    wait: str
    index: int
    event: inputs.Event


class MessageRequested(Payload, frozen=True):
    """An attempt of a message was requested from a channel. The action is made from this decision alone.

    `place` is the index of the channel in the step's list of channels. `to` is `{name of the address: address}`. `missing` lists
    the placeholders of the template that were rendered as empty text.
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
    """The number of SMS parts that the text takes, and 0 on other channels; `cost` is for all parts together."""
    count_since: inputs.Instant | None = None
    """The time at which the longest window of all caps starts; the state drops older entries from the ledger for caps.

    None if the policy has no caps; then the message is not added to the ledger.
    """


class MessageDeferred(Payload, frozen=True):
    """The next attempt of a message waits until the time `until`; if `until` is null, it waits for the end of a pause.

    `reasons` are all reasons for the wait, and `reason` is the first one. `place` is the index of the channel in the step's list.
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
    """A message ended without any request, because no channel could be used or the customer is in the holdout.

    `skipped` lists `(channel, reason)` of each skipped channel. `reason` is the reason of the first channel, or the reason for
    the whole message.

    `reasons` lists the reasons for the whole message, in their order. For example, a message that would have to wait past its
    expiry has `quiet_hours` and `expired`.
    """

    type = "message.suppressed"
    message_id: str
    reason: str
    skipped: tuple[tuple[str, str], ...] = ()
    reasons: tuple[str, ...] = ()


class MessageResolved(Payload, frozen=True):
    """A message got its outcome, with which its step completes.

    `reached`: the success of a channel was reported. `unreached`: no channel succeeded. `requested`: the message was requested
    from a channel for which the step does not wait for a success.
    """

    type = "message.resolved"
    message_id: str
    outcome: Literal["reached", "unreached", "requested"]
    reason: str = ""


class MessageReported(Payload, frozen=True):
    """A receipt reported something new about an attempt of a message.

    `cost` is the amount that this receipt adds to the known cost of the attempt. `late` is true if the message had already moved
    to another attempt, or had ended without success.
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
    """The failure class of the error code `code`, if `status` is `failed`; otherwise empty."""
    stopped: str = ""
    """The address that gets no more messages on this channel, if the failure class is `stop_channel`; otherwise empty."""


class ConsentUpdated(Payload, frozen=True):
    """The error of a failed attempt showed that the customer had withdrawn a consent at the provider.

    `reason` is the provider's error code.
    """

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
    """A fact that the engine has recorded about an instance, a message or a customer.

    `at` is the time of the customer's clock. `cause` is the id of the event or timer that led to the decision. `late` is true if
    `cause` is a timer that fired later than the policy's `late_after` allows
    (docs/semantics.md#a-late-timer-runs-at-the-real-time).
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
    """Return the decision as JSON on one line; the bytes are the same on every machine."""
    return _encoder.encode(decision)


def decode(line: bytes) -> Decision:
    """Decode a decision from its JSON; raises `msgspec.DecodeError` or `KeyError` if `line` is not a decision."""
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
    """Return an id of 24 hex digits that is always the same for the same parts: 96 bits of their BLAKE2b hash.

    The parts are packed as one msgpack array before they are hashed, so that ("a", "bc") and ("ab", "c") get different ids.
    """
    return hashlib.blake2b(_pack(parts), digest_size=12).hexdigest()
