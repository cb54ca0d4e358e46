"""The encoding of states, in `customer.state` and in memory.

A snapshot is: the version of the format (1 byte), the due time of the earliest timer (8 bytes, ms), the offset of the last
input in the state (8 bytes), then the customer as msgpack. Due time and offset can be read without
decoding the customer, and most events need no more. The key of the partition record is one that no customer id can have.
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
"""The first bytes of every key that is not a customer's key. They are not valid UTF-8."""
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
    """The end of one output topic: `count` records were written after the offset `after`; `checksum` is that of their ids."""

    after: int
    count: int = 0
    checksum: int = 0


class PartitionRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """The partition record: the last offset handled, the live bundle, the clock, and the pauses for everybody.

    `stream_time` is the time of the stream clock (ms). `held` names the journeys that are paused for everybody.
    """

    offset: int = -1
    bundle: str = ""
    clock: str = "wall"
    stream_time: int = 0
    partitions: int = 0
    """The number of partitions when the record was written; 0 if it is not known."""
    held: tuple[str, ...] = ()
    lineage: str = ""
    """A random name that never changes, by which a copy of the states recognises its topic."""
    base: int = -1
    """The offset in `customer.state` of the partition record before the writes that `tails` counts."""
    tails: Mapping[str, Tail] = {}
    """The writes since `base`, by output topic (without the prefix); empty if not known, as without transactions."""


_record_decoder: Final = msgspec.json.Decoder(PartitionRecord)


def snapshot(customer: state.Customer, offset: int) -> bytes:
    """Encode a customer as a snapshot, in bytes of exactly its size.

    The bytes have no spare room, because spare room in millions of snapshots would fill the memory.
    """
    due = timestamps.milliseconds(customer.next_due) if customer.timers else NO_TIMER
    return _HEAD.pack(FORMAT, due, offset) + _encode(customer)


def customer(value: bytes) -> state.Customer:
    """Decode the customer of a snapshot; raise `UnknownFormat` if another version of the format was used."""
    if value[0] != FORMAT:
        raise UnknownFormat
    return _decode(memoryview(value)[_HEAD.size :])


def head(value: bytes) -> tuple[int, int]:
    """Return the due time of the earliest timer (ms, or `NO_TIMER`) and the offset of the last input in a snapshot.

    Raises `UnknownFormat` if another version of the format was used.
    """
    format_, due, offset = _HEAD.unpack_from(value)
    if format_ != FORMAT:
        raise UnknownFormat
    return due, offset


def partition_record(record: PartitionRecord) -> bytes:
    """Encode a partition record, as JSON so that people can read it too."""
    return msgspec.json.encode(record)


def read_partition_record(value: bytes) -> PartitionRecord:
    """Decode a partition record."""
    return _record_decoder.decode(value)


def timer_due(customers: list[str], at: datetime.datetime, id_: str) -> bytes:
    """Encode a `timer.due` for some customers, recorded at `at`."""
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
    """Encode a `bundle.activated` for one partition.

    The event has no `recordedtime`, so that it does not move the time under the stream clock.
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
