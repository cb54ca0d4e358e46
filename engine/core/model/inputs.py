"""Inputs: the CloudEvents of `customer.events`, decoded and checked.

The worker and the replay both call `decode`, so both refuse the same records. The times of a decoded `Event` are cut to
milliseconds. `decode` raises `errors.Malformed` for bytes that are not a valid event. This file does not know states or journeys.
"""

import datetime
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from engine.core import errors
from engine.core.model import channels, definition

MAX_BYTES: Final = 1 << 20
"""The greatest size of an event in bytes; a larger event is refused with the reason `too_large`."""

Instant = Annotated[datetime.datetime, msgspec.Meta(tz=True)]
"""A moment as a `datetime` with the zone UTC, in whole milliseconds."""

EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
MILLISECOND: Final = datetime.timedelta(milliseconds=1)

TIMER_DUE: Final = "timer.due"
JOURNEY_COMMAND: Final = "journey.command"
BUNDLE_ACTIVATED: Final = "bundle.activated"
IDENTIFIED: Final = "customer.identified"
ERASED: Final = "customer.erased"
SEGMENT_ENTERED: Final = "segment.entered"
SCHEDULE_DUE: Final = "schedule.due"
CONSENT_GRANTED: Final = "consent.granted"
CONSENT_WITHDRAWN: Final = "consent.withdrawn"
MESSAGE_RECEIVED: Final = "message.received"

RECEIPTS: Final[Mapping[str, str]] = {
    f"message.{status}": status for status in ("accepted", "sent", "delivered", "read", "clicked", "replied", "failed")
}
"""The receipts, as `{event type: status that the event reports}`, such as `{"message.sent": "sent"}`."""

WITHOUT_SUBJECT: Final = frozenset({TIMER_DUE, JOURNEY_COMMAND, BUNDLE_ACTIVATED})
BUILT_IN: Final = frozenset(
    {TIMER_DUE, JOURNEY_COMMAND, BUNDLE_ACTIVATED, IDENTIFIED, ERASED, CONSENT_GRANTED, CONSENT_WITHDRAWN}
    | {MESSAGE_RECEIVED, *RECEIPTS}
)
"""The event types that the engine itself handles, even if no journey or trait uses them."""

OWN_SOURCE: Final = "dalang/journeys"
"""The `source` of the events that journeys emit.

The engine handles an emitted event at once, when the journey emits it. The record of the event on `customer.events` is only for
other systems, and the engine does not handle the event again when it reads the record.
"""

TIMELESS: Final = frozenset({JOURNEY_COMMAND, BUNDLE_ACTIVATED})
"""The types of the events that operators write; their recorded times come from the wall clock.

Under the stream clock, such an event gets the stream's current time instead, and does not move the stream's time forward.
"""

COMMANDS: Final = ("stop", "enter", "pause", "resume")

# RFC 3339 section 5.6: a space may replace the T, but the zone may not be missing.
_RFC3339: Final = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event, such as `order.placed` of a customer.

    `time` is when the event happened, and `recorded` is when Kafka received its record. Both are in UTC, in milliseconds.
    `subject` is the id of the customer; it is empty for an event that is not about one customer.

    Events are stored inside states and decisions, so the names of the fields are a storage format.
    """

    id: str
    type: str
    time: Instant
    recorded: Instant
    subject: str = ""
    source: str = ""
    data: Any = None
    depth: int = 0
    """The number of emitted events in the chain that led to this event, itself included; 0 if no journey emitted this event."""

    def field(self, name: str) -> Any:
        """Return `data[name]`, or None if `data` is not an object or has no such key."""
        return self.data.get(name) if type(self.data) is dict else None


class Record(msgspec.Struct, frozen=True):
    """An event with its partition and offset in Kafka; both are None if the record does not say them (a file, for example)."""

    event: Event
    partition: int | None = None
    offset: int | None = None


class _Wire(msgspec.Struct):
    specversion: str
    id: str
    source: str
    type: str
    subject: str | None = None
    time: str | None = None
    recordedtime: str | None = None
    kafkapartition: int | str | None = None
    kafkaoffset: int | str | None = None
    kafkakey: Any = None
    dalangdepth: int | str | None = None
    data: Any = None


_decoder: Final = msgspec.json.Decoder(_Wire)


def instant(text: str) -> datetime.datetime:
    """Return the time that an RFC 3339 text means, in UTC and cut (not rounded) to milliseconds.

    Raises `errors.NotATime` for any other text.
    """
    if len(text) == 20 and text[4::3] == "--T::Z":
        # A fast path for `2026-01-31T09:00:00Z`. The separators are compared because `fromisoformat` accepts other ISO 8601
        # forms too, such as week dates.
        try:
            at = datetime.datetime.fromisoformat(text)
        except ValueError as exc:
            raise errors.NotATime(f"{text!r} is not a time: {exc}.") from None
        return bounded(at)
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise errors.NotATime(f"{text[:40]!r} is not an RFC 3339 time{_zone_missing(text)}.")
    day, clock, fraction, zone = match.groups()
    zone = "+00:00" if zone in "Zz" else zone
    try:
        at = datetime.datetime.fromisoformat(f"{day}T{clock}.{((fraction or '') + '000')[:3]}{zone}")
        at = at.astimezone(datetime.UTC)
    except (ValueError, OverflowError) as exc:
        raise errors.NotATime(f"{text[:40]!r} is not a time: {exc}.") from None
    return bounded(at)


def _zone_missing(text: str) -> str:
    """Return a hint for the error message if the text is a time without a zone; return an empty text for any other text."""
    return ": its zone is missing, Z or one like +07:00" if _RFC3339.fullmatch(f"{text}Z") else ""


def bounded(at: datetime.datetime) -> datetime.datetime:
    """Return `at` unchanged, or raise `errors.NotATime` if the year of `at` is not between 1970 and 9000.

    The limit is 9000 so that a time plus any duration of a journey is still before year 10000, which `datetime` cannot hold.
    """
    if not 1970 <= at.year <= 9000:
        raise errors.NotATime(f"The year {at.year} is not between 1970 and 9000.")
    return at


def decode(
    value: bytes | None,
    *,
    key: bytes | None = None,
    logged: int | None = None,
    trust_recorded: bool = True,
) -> Record:
    """Decode one event from its bytes; raises `errors.Malformed` with the reason if the bytes are not a valid event.

    - `key`: the key of the Kafka record (`b""` if it has none); None for a line of a file, where `kafkakey` may be the key.
    - `logged`: the timestamp of the Kafka record in ms since 1970; None for a line of a file.
    - `trust_recorded`: True (for files and `--clock stream`) if the event's field `recordedtime` is its recorded time.

    Without a trusted `recordedtime`, the recorded time is `logged`. Without both, it is the event's `time`.
    """
    if value is None:
        raise errors.NoValue
    if len(value) > MAX_BYTES:
        raise errors.TooLarge(f"The event has {len(value)} bytes; the limit is {MAX_BYTES}.")
    try:
        if not value.isascii():
            value.decode()  # msgspec checks UTF-8 only in strings that it keeps, not in skipped fields
        wire = _decoder.decode(value)
    except UnicodeDecodeError as exc:
        raise errors.NotJson(f"The value is not UTF-8: byte {exc.start} is {value[exc.start]:#04x}.") from None
    except msgspec.ValidationError as exc:
        raise errors.NotCloudEvent(f"The value is not a CloudEvent: {exc}.") from None
    except (msgspec.DecodeError, RecursionError) as exc:
        raise errors.NotJson(f"The value is not JSON: {exc}.") from None
    if wire.specversion != "1.0" or not wire.id or not wire.type or not wire.source:
        raise errors.NotCloudEvent
    if not wire.subject and wire.type not in WITHOUT_SUBJECT:
        raise errors.NoSubject
    told = wire.kafkakey.encode() if key is None and type(wire.kafkakey) is str else key
    if told is not None and wire.subject and told != wire.subject.encode():
        raise errors.KeyIsNotSubject
    recorded: datetime.datetime | None = None if logged is None else EPOCH + logged * MILLISECOND
    time: datetime.datetime | None
    if wire.recordedtime is not None and trust_recorded:
        recorded = instant(wire.recordedtime)
        time = recorded if wire.time in (None, wire.recordedtime) else instant(wire.time or "")
    else:
        time = instant(wire.time) if wire.time is not None else recorded
    if time is None:
        raise errors.NotATime("The event has no `time`, and no record on a log gives it one.")
    event = Event(wire.id, wire.type, time, recorded or time, wire.subject or "", wire.source, wire.data)
    check(event)
    return Record(event) if wire.kafkapartition is wire.kafkaoffset is wire.dalangdepth is None else _extended(event, wire)


def _extended(event: Event, wire: _Wire) -> Record:
    """Return the record with the depth, partition and offset from the event's extensions, which most events do not have."""
    depth = _whole(wire.dalangdepth) or 0
    return Record(msgspec.structs.replace(event, depth=depth), _whole(wire.kafkapartition), _whole(wire.kafkaoffset))


def encode(event: Event) -> bytes:
    """Return the event as a CloudEvent in JSON (structured mode)."""
    wire: dict[str, Any] = {"specversion": "1.0", "id": event.id, "source": event.source, "type": event.type}
    if event.subject:
        wire["subject"] = event.subject
    wire["time"] = text(event.time)
    wire["recordedtime"] = text(event.recorded)  # without it, the stream clock would use Kafka's timestamp
    if event.depth:
        wire["dalangdepth"] = event.depth
    return msgspec.json.encode({**wire, "data": event.data})


def tick(at: datetime.datetime) -> Event:
    """Return a `timer.due` event at the time `at`, which fires a customer's timers that are due by then.

    The fold driver and the replay make such events themselves when time passes; they are not read from a topic.
    """
    return Event(f"tick/{text(at)}", TIMER_DUE, at, at)


def text(at: datetime.datetime) -> str:
    """Return `at` as an RFC 3339 text in UTC; the milliseconds are left out if they are 0."""
    return at.isoformat(timespec="milliseconds" if at.microsecond else "seconds").removesuffix("+00:00") + "Z"


def _whole(number: int | str | None) -> int | None:
    # A CloudEvents extension may be sent as a string (section 1.2, type system).
    try:
        return None if number is None else int(number)
    except ValueError:
        raise errors.NotCloudEvent(f"{number!r} is not a whole number.") from None


def check(event: Event) -> None:
    """Raise `errors.BadData` if an event of a built-in type lacks a data field that the engine reads, or has a wrong value."""
    # If a journey emits such an event, the sentence is recorded in `step.failed`. So a new wording changes recorded decisions.
    if event.type not in _CHECKED:
        return
    needed = _NEEDED.get(event.type)
    if needed is None:
        if event.type == TIMER_DUE:
            _check_customers(event.field("customers"))
        elif event.type == JOURNEY_COMMAND:
            _check_command(event)
        return
    for name, kind in needed.items():
        if not isinstance(event.field(name), kind):
            raise errors.BadData(f"{event.type} needs data.{name} ({kind.__name__}).")
    channel = event.field("channel")
    if event.type in (CONSENT_GRANTED, CONSENT_WITHDRAWN) and channel is not None and channel not in channels.NAMES:
        # Refuse a withdrawal with an unknown channel instead of ignoring it: in the dead letters somebody will see it.
        known = ", ".join(channels.NAMES)
        raise errors.BadData(f"{event.type} takes data.channel as one of {known}, or none for all; not {str(channel)[:40]!r}.")
    purpose = event.field("purpose")
    if "purpose" in needed and purpose not in definition.PURPOSES:
        known = ", ".join(definition.PURPOSES)
        raise errors.BadData(f"{event.type} names the purpose {str(purpose)[:40]!r}; there are {known}.")


def _check_customers(named: object) -> None:
    if named is not None and not (isinstance(named, list) and all(isinstance(each, str) for each in named)):
        raise errors.BadData("timer.due needs data.customers (a list of customer ids), or none for everybody.")


def _check_command(event: Event) -> None:
    command = event.field("command")
    if command not in COMMANDS:
        raise errors.BadData(f"journey.command needs data.command, one of {', '.join(COMMANDS)}; not {str(command)[:40]!r}.")
    for name in ("journey", "key"):
        if not isinstance(event.field(name), (str, type(None))):
            raise errors.BadData(f"journey.command takes data.{name} as text.")
    if command == "enter" and not event.field("journey"):
        raise errors.BadData("journey.command enter needs data.journey.")


_NEEDED: Final[Mapping[str, Mapping[str, type]]] = {
    IDENTIFIED: {"traits": dict},
    CONSENT_GRANTED: {"purpose": str},
    CONSENT_WITHDRAWN: {"purpose": str},
    MESSAGE_RECEIVED: {"channel": str},
    **{type_: {"message_id": str} for type_ in RECEIPTS},
}
_CHECKED: Final = frozenset({*_NEEDED, TIMER_DUE, JOURNEY_COMMAND})
"""The event types whose data `check` examines."""
