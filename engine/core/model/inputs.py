"""Inputs: the CloudEvents of `customer.events`, decoded and checked.

The replay and the worker both decode here, so both refuse the same records. The result is an `Event` with its times cut to
milliseconds. Bytes that are not a valid event raise `errors.Malformed`. This file does not know states or journeys.
"""

import datetime
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from engine.core import errors
from engine.core.model import channels, definition

MAX_BYTES: Final = 1 << 20
"""The most bytes of an event; a larger one is refused as `too_large`."""

Instant = Annotated[datetime.datetime, msgspec.Meta(tz=True)]
"""A moment: aware, in UTC, in milliseconds."""

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
"""`{event type: status that it reports}`."""

WITHOUT_SUBJECT: Final = frozenset({TIMER_DUE, JOURNEY_COMMAND, BUNDLE_ACTIVATED})
BUILT_IN: Final = frozenset(
    {TIMER_DUE, JOURNEY_COMMAND, BUNDLE_ACTIVATED, IDENTIFIED, ERASED, CONSENT_GRANTED, CONSENT_WITHDRAWN}
    | {MESSAGE_RECEIVED, *RECEIPTS}
)
"""The types that the engine itself understands, also if no journey names them."""

OWN_SOURCE: Final = "dalang/journeys"
"""The source of the events that journeys emit.

The engine handles such an event in the instant in which a journey emits it. Its record on the topic is for other systems only.
"""

TIMELESS: Final = frozenset({JOURNEY_COMMAND, BUNDLE_ACTIVATED})
"""The types of the events that operators write. Their recorded times come from the wall clock.

Under the stream clock such an event takes the stream's current time and does not advance it.
"""

COMMANDS: Final = ("stop", "enter", "pause", "resume")

# RFC 3339 section 5.6: a space may replace the T, but the zone may not be missing.
_RFC3339: Final = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event, such as `order.placed` of a customer.

    `time` is when it happened; `recorded` is when Kafka took its record. Both are in UTC, in milliseconds.

    Stored inside states and decisions: its field names are a storage format.
    """

    id: str
    type: str
    time: Instant
    recorded: Instant
    subject: str = ""
    source: str = ""
    data: Any = None
    depth: int = 0
    """The length of the chain of emitted events that led to this event, this one included; 0: no journey emitted it."""

    def field(self, name: str) -> Any:
        """Return `data[name]`, or None if data is no object or does not have it."""
        return self.data.get(name) if type(self.data) is dict else None


class Record(msgspec.Struct, frozen=True):
    """An event with its `partition` and `offset` in Kafka; both are None if the history does not have them."""

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
    """Return an RFC 3339 text as UTC, cut (never rounded) to milliseconds; raises `errors.NotATime` for any other text."""
    if len(text) == 20 and text[4::3] == "--T::Z":
        # The standard library alone reads this common form; the marks keep week dates and basic formats out.
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
    """Return a hint if the text would be a time with a zone added, else an empty text."""
    return ": its zone is missing, Z or one like +07:00" if _RFC3339.fullmatch(f"{text}Z") else ""


def bounded(at: datetime.datetime) -> datetime.datetime:
    """Return `at` itself; raises `errors.NotATime` if its year is not between 1970 and 9000.

    Between these years, a time plus any duration of a journey is still a valid date.
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
    """Return the record of one event from its bytes; raises `errors.Malformed` with the reason if they are no event.

    `key` is the record's key, empty if the record has none. None means a line of a file, whose `kafkakey` may give the key.
    `logged` is the record's own timestamp (Kafka, ms). An event's `recordedtime` replaces it only under `trust_recorded` (files
    and `--clock stream`). Without either, `time` is the recorded time.
    """
    if value is None:
        raise errors.NoValue
    if len(value) > MAX_BYTES:
        raise errors.TooLarge(f"The event has {len(value)} bytes; the limit is {MAX_BYTES}.")
    try:
        if not value.isascii():
            value.decode()  # msgspec checks the UTF-8 of only those strings that it keeps
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
    """Return the record with the CloudEvents extensions that only some events have, such as `recordedtime`."""
    depth = _whole(wire.dalangdepth) or 0
    return Record(msgspec.structs.replace(event, depth=depth), _whole(wire.kafkapartition), _whole(wire.kafkaoffset))


def encode(event: Event) -> bytes:
    """Return the event as a CloudEvent in structured JSON."""
    wire: dict[str, Any] = {"specversion": "1.0", "id": event.id, "source": event.source, "type": event.type}
    if event.subject:
        wire["subject"] = event.subject
    wire["time"] = text(event.time)
    wire["recordedtime"] = text(event.recorded)  # without it the stream clock would use the wall clock's time
    if event.depth:
        wire["dalangdepth"] = event.depth
    return msgspec.json.encode({**wire, "data": event.data})


def tick(at: datetime.datetime) -> Event:
    """Return a `timer.due` for the time `at`, which makes the timers due until then fire. The fold driver inserts it."""
    return Event(f"tick/{text(at)}", TIMER_DUE, at, at)


def text(at: datetime.datetime) -> str:
    """Return `at` as RFC 3339 in UTC, with milliseconds only if there are any."""
    return at.isoformat(timespec="milliseconds" if at.microsecond else "seconds").removesuffix("+00:00") + "Z"


def _whole(number: int | str | None) -> int | None:
    # CloudEvents extensions may travel as strings (section 1.2, type system).
    try:
        return None if number is None else int(number)
    except ValueError:
        raise errors.NotCloudEvent(f"{number!r} is not a whole number.") from None


def check(event: Event) -> None:
    """Raise `errors.BadData` if an event of a built-in type lacks a field that the engine reads."""
    # For an emitted event these sentences become the reason of the fact `step.failed`: another wording is another decision.
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
        # A withdrawal with an unknown channel must not be lost: in the dead letters somebody sees it.
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
"""The types that `check` examines."""
