"""How states stand in `customer.state` and in memory.

A snapshot is bytes: the format's version (1), when the earliest timer is due (8, ms), the offset of the last input in it
(8), then the customer as msgpack. The two numbers are read without decoding the rest: most events need no more. A
partition's own record stands under a key that no customer id can have.
"""

import datetime
import struct
from collections.abc import Mapping
from typing import Final

import msgspec

from engine.core import errors, inputs, state
from engine.core.view import MILLISECOND

FORMAT: Final = 1
NOBODY: Final = b"\xff\xff"
"""How every key begins that is no customer's: it is not UTF-8."""
PARTITION_KEY: Final = NOBODY + b"partition"
NO_TIMER: Final = (1 << 63) - 1

_HEAD: Final = struct.Struct(">BQQ")
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(state.Customer).decode


class UnknownFormat(errors.RuntimeFailure):
    """A record of `customer.state` was written by another version of Dalang."""

    code = "DLG520"
    hint = "Run the version that wrote it, or rebuild the state from the log."


class Tail(msgspec.Struct, frozen=True, array_like=True, order=True):
    """The end of one output topic: so many records were written after the offset `after`, and their ids have this checksum."""

    after: int
    count: int = 0
    checksum: int = 0


class PartitionRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a partition knows beside its customers: the last offset handled, what is live, its stream's time (ms), and the
    journeys that are paused for everybody.
    """

    offset: int = -1
    bundle: str = ""
    clock: str = "wall"
    stream_time: int = 0
    partitions: int = 0
    """How many partitions there were when it was written; 0: not known."""
    held: tuple[str, ...] = ()
    lineage: str = ""
    """A random name, given once: by it a copy of the states tells its topic from another one of that name."""
    base: int = -1
    """The offset in `customer.state` of the partition's record before the writes that `tails` counts."""
    tails: Mapping[str, Tail] = {}
    """By output topic (without the prefix): the writes since `base`. Empty: not known, as without transactions."""


_record_decoder: Final = msgspec.json.Decoder(PartitionRecord)


def snapshot(customer: state.Customer, offset: int) -> bytes:
    """The customer's snapshot, in bytes of exactly its size (an over-allocated buffer would cost more than the state)."""
    due = milliseconds(customer.next_due) if customer.timers else NO_TIMER
    return _HEAD.pack(FORMAT, due, offset) + _encode(customer)


def customer(value: bytes) -> state.Customer:
    """The customer of a snapshot."""
    if value[0] != FORMAT:
        raise UnknownFormat
    return _decode(memoryview(value)[_HEAD.size :])


def head(value: bytes) -> tuple[int, int]:
    """When the snapshot's earliest timer is due (ms; `NO_TIMER`), and the offset of the last input in it."""
    format_, due, offset = _HEAD.unpack_from(value)
    if format_ != FORMAT:
        raise UnknownFormat
    return due, offset


def partition_record(record: PartitionRecord) -> bytes:
    """A partition's own record as JSON, for people to read too."""
    return msgspec.json.encode(record)


def read_partition_record(value: bytes) -> PartitionRecord:
    """The partition's own record."""
    return _record_decoder.decode(value)


def milliseconds(at: datetime.datetime) -> int:
    """Whole milliseconds since 1970."""
    return (at - state.EPOCH) // MILLISECOND


def instant(ms: int) -> datetime.datetime:
    """The time of so many milliseconds since 1970."""
    return state.EPOCH + ms * MILLISECOND


def timer_due(customers: list[str], at: datetime.datetime, id_: str) -> bytes:
    """A `timer.due` for some customers, recorded at `at`."""
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
    """A `bundle.activated` for one partition. No `recordedtime`: under the stream clock it does not move the time."""
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
