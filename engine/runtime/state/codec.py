"""The encoding of states, in `customer.state` and in memory.

A snapshot consists of the version of the format (1 byte), the due time of the earliest timer (8 bytes, ms), the offset of the
last input in the state (8 bytes), and the state of the customer as msgpack. Most events need only the due time and the offset,
which can be read without decoding the state. The partition record is stored in the same topic, under a key that cannot be a
customer id.
"""

import datetime
import struct
from collections.abc import Mapping
from typing import Final

import msgspec

from engine.core import errors
from engine.core.model import inputs, state
from engine.runtime.kafka import timestamps

FORMAT: Final = 1
NOBODY: Final = b"\xff\xff"
"""The first bytes of every key in `customer.state` that is not a customer id; no id begins so, as the bytes are not UTF-8."""
PARTITION_KEY: Final = NOBODY + b"partition"
NO_TIMER: Final = (1 << 63) - 1

_HEAD: Final = struct.Struct(">BQQ")
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(state.Customer).decode


class UnknownFormat(errors.RuntimeFailure):
    """A record of `customer.state` was written by another version of Dalang."""

    code = "DLG520"
    hint = "Run the version of Dalang that wrote it, or rebuild the states with `dalang state rebuild`."


class Tail(msgspec.Struct, frozen=True, array_like=True, order=True):
    """The last part of one output topic: a transaction wrote `count` records there, all after the offset `after`.

    `checksum` is made from the ids of these records by `tails.checksum`.
    """

    after: int
    count: int = 0
    checksum: int = 0


class PartitionRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """The partition record: the offset of the last handled record, the live bundle, the clock, and the pauses for everybody.

    `clock` is `wall` or `stream`. `stream_time` is the time of the stream clock (ms). `held` has the names of the journeys that
    are paused for everybody.
    """

    offset: int = -1
    bundle: str = ""
    clock: str = "wall"
    stream_time: int = 0
    partitions: int = 0
    """The number of partitions when the record was written; 0 if it is not known."""
    held: tuple[str, ...] = ()
    lineage: str = ""
    """A random name that is set once and then kept; a store with another lineage than the topic is not a copy of it.

    So a store recognises a topic that was deleted and created again with the same name.
    """
    base: int = -1
    """The offset in `customer.state` of the partition record that was there before the writes that `tails` counts."""
    tails: Mapping[str, Tail] = {}
    """The records written since `base`, as `{output topic without the prefix: tail}`.

    Empty if they were not counted, as on a broker without transactions.
    """


_record_decoder: Final = msgspec.json.Decoder(PartitionRecord)


def snapshot(customer: state.Customer, offset: int) -> bytes:
    """Encode a customer's state as a snapshot; `offset` is the offset of the last input in the state.

    The returned bytes have exactly the needed size. A buffer with unused bytes at its end would cost more memory than the state.
    """
    due = timestamps.milliseconds(customer.next_due) if customer.timers else NO_TIMER
    return _HEAD.pack(FORMAT, due, offset) + _encode(customer)


def customer(value: bytes) -> state.Customer:
    """Decode the customer's state in a snapshot; raise `UnknownFormat` if the snapshot has another version of the format."""
    if value[0] != FORMAT:
        raise UnknownFormat
    return _decode(memoryview(value)[_HEAD.size :])


def head(value: bytes) -> tuple[int, int]:
    """Return the due time of the earliest timer and the offset of the last input, from the first bytes of a snapshot.

    The due time is in milliseconds since 1970, or `NO_TIMER`. Raises `UnknownFormat` if the snapshot has another version of the
    format.
    """
    format_, due, offset = _HEAD.unpack_from(value)
    if format_ != FORMAT:
        raise UnknownFormat
    return due, offset


def partition_record(record: PartitionRecord) -> bytes:
    """Encode a partition record, as JSON so that people can read it too."""
    return msgspec.json.encode(record)


def read_partition_record(value: bytes) -> PartitionRecord:
    """Decode a partition record from its JSON."""
    return _record_decoder.decode(value)


def timer_due(customers: list[str], at: datetime.datetime, id_: str) -> bytes:
    """Return an event `timer.due` as JSON, which fires the timers of these customers that are due by `at`.

    Its `time` and `recordedtime` are `at`, and its id is `id_`.
    """
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": id_,
            "source": "dalang/clock",
            "type": inputs.TIMER_DUE,
            "time": inputs.text(at),
            "recordedtime": inputs.text(at),
            "data": {"customers": customers},
        }
    )


def bundle_activated(bundle: str, clock: str, at: datetime.datetime, id_: str) -> bytes:
    """Return an event `bundle.activated` as JSON, which makes a bundle live in one partition.

    `bundle` is the bundle's id, and `clock` is `wall` or `stream`. The event has no `recordedtime`, so it does not advance the
    stream clock.
    """
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": id_,
            "source": "dalang/deploy",
            "type": inputs.BUNDLE_ACTIVATED,
            "time": inputs.text(at),
            "data": {"bundle": bundle, "clock": clock},
        }
    )
