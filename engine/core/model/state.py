"""The state of one customer, which the fold carries from one input to the next.

`engine/runtime/state/codec.py` writes it to `customer.state` as msgpack. All structs are arrays there: append fields with a
default, never reorder or remove one. Nothing here decides; `evolution.py` and `message_evolution.py` fold facts into new states.
"""

import datetime
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from engine.core.model import inputs

EPOCH: Final = inputs.EPOCH
NEVER: Final = datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC)

TimerKind = Literal["wait", "timeout", "fallback", "retry", "reply", "schedule", "segment"]
"""The kind of a timer. `reply` belongs to a handoff. `schedule` and `segment` belong to the customer; all others to an instance.

The `step` of a `schedule` timer is the name of its journey.
"""

# The lattice of receipts as bits: each status implies those below it; `clicked` and `replied` are not ordered.
# docs/semantics.md#receipts-form-a-lattice
REPORTED: Final[Mapping[str, int]] = {
    "accepted": 0b1,
    "sent": 0b11,
    "delivered": 0b111,
    "read": 0b1111,
    "clicked": 0b11111,
    "replied": 0b101111,
    "failed": 0b1000000,
}
OWN_BIT: Final[Mapping[str, int]] = {
    "accepted": 0b1,
    "sent": 0b10,
    "delivered": 0b100,
    "read": 0b1000,
    "clicked": 0b10000,
    "replied": 0b100000,
    "failed": 0b1000000,
}
"""`{status: its bit in Attempt.reported}`. The bit is set when this status or a higher one was reported."""


class Timer(msgspec.Struct, frozen=True, array_like=True):
    """A timer: it acts on an instance or a customer at `due`, unless it is cancelled before."""

    due: datetime.datetime
    instance: str
    step: str
    kind: TimerKind


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """An event that is kept for a coming `since` wait; `index` is the position of its trigger in the wait's list."""

    index: int
    at: datetime.datetime
    event: inputs.Event


class Instance(msgspec.Struct, frozen=True, array_like=True):
    """One customer inside one journey.

    `visit` counts starts and migrations. `armed` counts the timers that were set since the instance came to this step.
    """

    id: str
    journey: str
    version: str
    key: str
    number: int
    entered_at: datetime.datetime
    entry: inputs.Event
    step: str = ""
    visit: int = 1
    armed: int = 0
    outcomes: Mapping[str, str] = {}
    moved_by: inputs.Event | None = None
    """The last event that moved the instance; None: the entry."""
    kept: Mapping[str, Kept] = {}
    sent_at: datetime.datetime | None = None
    """The time at which the instance's latest message was first requested (`since: previous_send`)."""
    parked: str = ""
    held_out: bool = False


class Goal(msgspec.Struct, frozen=True, array_like=True):
    """The goal of one entry: it may be reached until the time `until`, also after the instance has left."""

    journey: str
    version: str
    entered_at: datetime.datetime
    until: datetime.datetime
    entry: inputs.Event
    held_out: bool = False


class Pause(msgspec.Struct, frozen=True, array_like=True):
    """An operator's pause for this customer: of one journey (empty: all journeys) and one key (None: every key)."""

    journey: str = ""
    key: str | None = None


class Attempt(msgspec.Struct, frozen=True, array_like=True):
    """One try on one channel at one address.

    `place` is the index of the channel in the step. `reported` holds bits of `REPORTED`. `parts` is the number of parts of an
    SMS.
    """

    number: int
    channel: str
    place: int
    at: datetime.datetime
    address: str
    reported: int = 0
    cost: float = 0.0
    parts: int = 0


class Message(msgspec.Struct, frozen=True, array_like=True):
    """One logical message with its attempts; `outcome` is empty while the message is open."""

    id: str
    instance: str
    journey: str
    version: str
    step: str
    purpose: str
    requested_at: datetime.datetime
    expires_at: datetime.datetime | None
    attempts: tuple[Attempt, ...]
    outcome: str = ""
    waiting: int | None = None
    """The index of the channel, among those of the step, on which the next attempt waits while it is deferred."""
    held: str = ""
    """The reason why the next attempt waits."""
    skipped: tuple[tuple[str, str], ...] = ()


class Consent(msgspec.Struct, frozen=True, array_like=True):
    """A customer's consent for one purpose: for all channels (None: the customer said nothing), and for single channels."""

    everywhere: bool | None = None
    channels: Mapping[str, bool] = {}


class Entries(msgspec.Struct, frozen=True, array_like=True):
    """The number of a customer's entries into a journey, and the last entry of each key that the re-entry rule still needs."""

    count: int = 0
    last: Mapping[str, datetime.datetime] = {}


class Sent(msgspec.Struct, frozen=True, array_like=True):
    """One line of the ledger for caps: a message's first attempt, or (`first` is False) its first attempt on another channel.

    Stored inside states: the order of its fields is a storage format.
    """

    at: inputs.Instant
    purpose: str
    channel: str
    journey: str
    first: bool = True


class Tally(msgspec.Struct, frozen=True, array_like=True):
    """The tally of one trait of one customer, which is a part of the state: append fields with a default, never reorder them.

    `hash` is that of the trait's definition, and `since` is the time at which the tally began to count. Buckets stand side by
    side in four columns:

    - `marks`: the mark of each bucket.
    - `numbers`: counts, sums, the least or the greatest; for first and last times in ms; for most_frequent indices of `values`.
    - `counts`: the numbers of events, for average, rfm and most_frequent.
    - `values`: the values, for first, last, distinct and most_frequent.

    To save bytes, buckets whose marks fall into the same `step` may have been joined (1: nothing was joined). `size` is an upper
    bound of the bytes in msgpack.
    """

    hash: str
    since: datetime.datetime
    compute: str
    step: int = 1
    size: int = 0
    marks: tuple[int, ...] = ()
    numbers: tuple[int | float, ...] = ()
    counts: tuple[int, ...] = ()
    values: tuple[Any, ...] = ()


class Customer(msgspec.Struct, frozen=True, array_like=True):
    """Everything that the fold knows of one customer.

    `seen` holds eight bytes for each of the last 64 events that had an effect.
    """

    id: str
    now: datetime.datetime = EPOCH
    profile: Mapping[str, Any] = {}
    consent: Mapping[str, Consent] = {}
    stopped: Mapping[str, str] = {}
    """`{channel: address at which a failure stopped it}`."""
    instances: Mapping[str, Instance] = {}
    timers: Mapping[str, Timer] = {}
    messages: Mapping[str, Message] = {}
    entries: Mapping[str, Entries] = {}
    seen: bytes = b""
    traits: Mapping[str, Tally] = {}
    segments: tuple[str, ...] = ()
    """The names of the segments that the customer is in."""
    goals: Mapping[str, Goal] = {}
    """`{instance id: goal of its entry}`."""
    sends: tuple[Sent, ...] = ()
    """The ledger of sends that count against caps."""
    inbound: Mapping[str, datetime.datetime] = {}
    """`{channel: time at which the customer last wrote on it}`."""
    pauses: tuple[Pause, ...] = ()

    @property
    def next_due(self) -> datetime.datetime:
        """The due time of the earliest timer; `NEVER` without a timer."""
        return min([timer.due for timer in self.timers.values()], default=NEVER)

    def is_due(self, at: datetime.datetime) -> bool:
        """Return True if a timer is due at or before that moment."""
        for timer in self.timers.values():  # noqa: SIM110 a generator takes twice the time
            if timer.due <= at:
                return True
        return False

    @property
    def drained(self) -> bool:
        """True if no timer is left but those of schedules, which never end."""
        return all(timer.kind == "schedule" for timer in self.timers.values())
