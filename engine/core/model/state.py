"""The state of one customer: everything that the engine remembers about the customer between two inputs.

`engine/runtime/state/codec.py` writes states to the topic `customer.state` as msgpack. There every struct is an array, so the
order of the fields is a storage format: add a field only at the end and with a default, and never move or remove a field. This
file makes no decisions; `evolution.py` and `message_evolution.py` compute the new state from the old state and a fact.
"""

import datetime
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from engine.core.model import inputs

EPOCH: Final = inputs.EPOCH
NEVER: Final = datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC)

TimerKind = Literal["wait", "timeout", "fallback", "retry", "reply", "schedule", "segment"]
"""The kind of a timer.

A timer of the kind `schedule` or `segment` belongs to the customer. A timer of any other kind belongs to an instance; `reply` is
for the step `handoff`. In a timer of the kind `schedule`, the field `step` is the name of the journey.
"""

# The lattice of receipts as bits: each status has its own bit and the bits of all statuses that it implies. For example,
# `sent` implies `accepted`. `clicked` and `replied` both imply `read`, but not each other.
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
"""`{status: the bit of this status alone}`.

The bit is set in `Attempt.reported` if this status, or a status that implies it, was reported for the attempt.
"""


class Timer(msgspec.Struct, frozen=True, array_like=True):
    """A plan to continue an instance, or to examine the customer, at the time `due`, unless the timer is cancelled before.

    `instance` is the id of the instance; it is empty for a timer of the customer.
    """

    due: datetime.datetime
    instance: str
    step: str
    kind: TimerKind


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """An event that came before the instance reached a `since` wait, and is stored to end this wait.

    `index` is the position of the matching trigger in the wait's list of events. `at` is the time when the event was stored.
    """

    index: int
    at: datetime.datetime
    event: inputs.Event


class Instance(msgspec.Struct, frozen=True, array_like=True):
    """One customer inside one journey.

    - `number`: 1 for the customer's first entry into the journey, 2 for the second, and so on.
    - `visit`: 1 at the entry, and 1 more after each restart and each migration.
    - `armed`: the number of timers that were set since the instance reached its current step.
    - `outcomes`: `{step id: outcome}` of the steps that are complete.
    - `kept`: `{step id of a "since" wait: event that is stored to end this wait}`.
    - `parked`: the reason why the instance cannot continue; empty if it can.
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
    """The last event that completed a step of the instance; None if no event after the entry has completed a step."""
    kept: Mapping[str, Kept] = {}
    sent_at: datetime.datetime | None = None
    """The time of the first request of the instance's latest message, for waits with `since: previous_send`; None: no message."""
    parked: str = ""
    held_out: bool = False


class Goal(msgspec.Struct, frozen=True, array_like=True):
    """A goal that the customer may still reach for one entry, until the time `until`, even after the instance has ended."""

    journey: str
    version: str
    entered_at: datetime.datetime
    until: datetime.datetime
    entry: inputs.Event
    held_out: bool = False


class Pause(msgspec.Struct, frozen=True, array_like=True):
    """An operator's pause that holds only for this customer.

    The pause is for one journey (empty: for all journeys) and for one key (None: for every key).
    """

    journey: str = ""
    key: str | None = None


class Attempt(msgspec.Struct, frozen=True, array_like=True):
    """One try to send a message on one channel to one address.

    - `number`: 1 for the first attempt of the message, 2 for the second, and so on.
    - `place`: the index of the channel in the step's list of channels.
    - `reported`: the statuses that were reported for the attempt, as bits of `REPORTED`.
    - `cost`: the cost that is known so far, in the policy's currency.
    - `parts`: the number of SMS parts; 0 on other channels.
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
    """One message with all its attempts; `outcome` is empty until the message has ended.

    `skipped` lists `(channel, reason)` of the channels that were skipped for the attempt that waits.
    """

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
    """The index, in the step's list of channels, of the channel on which a deferred attempt waits; None: no attempt waits."""
    held: str = ""
    """The reason why the next attempt waits; empty if no attempt waits."""
    skipped: tuple[tuple[str, str], ...] = ()


class Consent(msgspec.Struct, frozen=True, array_like=True):
    """What a customer has allowed (True) or refused (False) for one purpose.

    `everywhere` is for all channels; None: the customer said nothing. `channels` is for single channels and wins over
    `everywhere`.
    """

    everywhere: bool | None = None
    channels: Mapping[str, bool] = {}


class Entries(msgspec.Struct, frozen=True, array_like=True):
    """The number of a customer's entries into one journey, and `{key: time of the last entry}`.

    `last` leaves out old entries that the journey's re-entry rule does not need any more.
    """

    count: int = 0
    last: Mapping[str, datetime.datetime] = {}


class Sent(msgspec.Struct, frozen=True, array_like=True):
    """One message that counts under caps, as an entry of the ledger `Customer.sends`.

    `first` is True for the first attempt of a message. For the first attempt of the same message on another channel there is
    another entry, with `first` False, which counts only under the caps of that channel.

    These entries are stored inside states, so the order of the fields is a storage format.
    """

    at: inputs.Instant
    purpose: str
    channel: str
    journey: str
    first: bool = True


class Tally(msgspec.Struct, frozen=True, array_like=True):
    """The data of one customer from which the value of one trait is computed.

    A tally is a list of buckets. The events of one bucket leave the trait's window at the same time. The buckets are stored as
    four columns, in which the same index belongs to the same bucket; a column that the computation does not need is empty:

    - `marks`: the day or the time of the bucket, as a number (`traits/windows.py`).
    - `numbers`: counts, sums, least or greatest numbers; for `first` and `last`, times in ms; for `most_frequent`, indices into
      `values`.
    - `counts`: the numbers of events, for `average`, `rfm` and `most_frequent`.
    - `values`: the values, for `first`, `last` and `distinct`. For `most_frequent`, each different value once, to which
      `numbers` points.

    `hash` is the hash of the trait's definition. `since` is the time when the tally began to count. `step` is 1 as long as all
    buckets are exact. If it is greater, buckets with the same `mark // step` may have been joined to save bytes. `size` is an
    upper bound of the tally's bytes in msgpack.

    Tallies are a part of the state: add a field only at the end and with a default, and never move a field.
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
    """Everything that the engine knows about one customer.

    `now` is the time of the customer's clock. `seen` contains a hash of eight bytes for each of the last 64 events that had an
    effect; duplicates are found by these hashes.
    """

    id: str
    now: datetime.datetime = EPOCH
    profile: Mapping[str, Any] = {}
    consent: Mapping[str, Consent] = {}
    stopped: Mapping[str, str] = {}
    """`{channel: address}`: no more messages go to this address on this channel, because a failure has stopped it."""
    instances: Mapping[str, Instance] = {}
    timers: Mapping[str, Timer] = {}
    messages: Mapping[str, Message] = {}
    entries: Mapping[str, Entries] = {}
    seen: bytes = b""
    traits: Mapping[str, Tally] = {}
    segments: tuple[str, ...] = ()
    """The names of the segments that the customer is in."""
    goals: Mapping[str, Goal] = {}
    """`{instance id: goal}`: the goals that can still be reached, each for the entry of the instance."""
    sends: tuple[Sent, ...] = ()
    """The ledger of the messages that count under caps, in the order of their requests."""
    inbound: Mapping[str, datetime.datetime] = {}
    """`{channel: time of the customer's last message to us on this channel}`."""
    pauses: tuple[Pause, ...] = ()

    @property
    def next_due(self) -> datetime.datetime:
        """The due time of the customer's earliest timer; `NEVER` if the customer has no timer."""
        return min([timer.due for timer in self.timers.values()], default=NEVER)

    def is_due(self, at: datetime.datetime) -> bool:
        """Return True if a timer of the customer is due at or before `at`."""
        for timer in self.timers.values():  # noqa: SIM110 a generator takes twice the time
            if timer.due <= at:
                return True
        return False

    @property
    def drained(self) -> bool:
        """True if the customer has no timers except those of schedules.

        Then the drain of a replay ends for the customer. Timers of schedules do not count, because schedules never end.
        """
        return all(timer.kind == "schedule" for timer in self.timers.values())
