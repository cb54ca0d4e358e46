"""The tails of the output topics, which show whether the last transaction of a partition was committed in every topic.

Kafka can commit a transaction in one topic and abort it in another (docs/failures.md#a-transaction-that-is-committed-by-half).
So the partition record has a tail for each output topic: the offset after which the last transaction wrote, the number of records
that the transaction wrote to the topic, and a checksum of their ids. This module has no I/O. partition.py calls it to count the
outputs that are written. takeover.py calls it to compare these counts with the records that can be read.
"""

import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from engine.runtime.kafka import topics
from engine.runtime.partition import writer
from engine.runtime.state import codec

TOPICS: Final = (topics.DECISIONS, *topics.ACTIONS.values(), topics.EVENTS, topics.DEAD_LETTERS)
"""The name, without the prefix, of every topic to which a worker writes outputs.

In all but one of these topics, only the worker that has partition 3, for example, writes to partition 3. The exception is
`customer.events`: other producers write to it too, and the header `EMITTED` marks the worker's records.
"""
EMITTED: Final = "emitted"
"""The name of the header on an event that a step emitted; if another producer copies the event, the copy has no such header."""
_CHECKSUMS: Final = 1 << 32


class _Identified(msgspec.Struct):
    id: str


_read_id: Final = msgspec.json.Decoder(_Identified).decode


class Found(msgspec.Struct):
    """The records of one output topic that can be read after the offset of its tail: their ids and offsets, in order."""

    ids: list[str] = []
    offsets: list[int] = []
    cut: bool = False
    """True if retention has removed records right after the tail's offset; then the remaining records prove nothing."""


class Comparison(msgspec.Struct, frozen=True):
    """The result of `compared`: the differences between the counts in a partition record and the records in the topics."""

    missing: Mapping[str, int]
    """For each topic with missing records: how many (at least 1) the partition record counts that cannot be read."""
    extra: tuple[tuple[str, str], ...]
    """The topic and id of each readable record of an incomplete transaction, whose states were aborted or are not trusted."""
    tails: Mapping[str, codec.Tail]
    """The tail of each topic after the last complete transaction: later records belong to no complete transaction."""


def letter_id(headers: Mapping[str, str]) -> str:
    """Return the id of a dead letter, made from its headers.

    The id is `topic/partition/offset/reason/customer`: the position of the rejected record, the reason, and the customer (empty
    if there is no such header).
    """
    return "/".join(headers.get(name, "") for name in ("topic", "partition", "offset", "reason", "customer"))


def id_of(topic: str, record: Any) -> str | None:
    """Return the id of a record of the output topic `topic` (without the prefix), None if no worker wrote the record."""
    if topic == topics.DEAD_LETTERS:
        headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
        return letter_id(headers) if "reason" in headers else None
    if topic == topics.EVENTS and not any(name == EMITTED for name, _ in record.headers):
        return None
    try:
        return _read_id(record.value).id
    except (msgspec.DecodeError, TypeError, UnicodeDecodeError, RecursionError):
        return None


def checksum(ids: Iterable[str]) -> int:
    """Return a checksum of ids: the sum of their CRC-32 values, modulo 2^32.

    The order of the ids does not change the checksum, but an id that comes twice does.
    """
    return sum(zlib.crc32(each.encode()) for each in ids) % _CHECKSUMS


def counted(before: Mapping[str, codec.Tail], outputs: Iterable[writer.Output], names: topics.Topics) -> dict[str, codec.Tail]:
    """Return the tails `before` with the number and the checksum of these outputs added (`{topic without the prefix: tail}`)."""
    written: dict[str, list[str]] = {}
    for output in outputs:
        written.setdefault(output.topic, []).append(output.id)
    found = dict(before)
    for topic in TOPICS:
        if (ids := written.get(names.name(topic))) is not None:
            tail = before[topic]
            total = (tail.checksum + checksum(ids)) % _CHECKSUMS
            found[topic] = codec.Tail(tail.after, tail.count + len(ids), total)
    return found


def moved(before: Mapping[str, codec.Tail], last: Mapping[str, int], names: topics.Topics, handled: int) -> dict[str, codec.Tail]:
    """Return the tails from which the next write is counted, after a complete write.

    `last` has the offset of the last written record in each topic (`{full topic name: offset}`). `handled` is the offset of the
    last input in the write. The events that the next write emits come after this offset, because emitted events always come
    after their inputs in `customer.events`.
    """
    found = {topic: codec.Tail(max(tail.after, last.get(names.name(topic), -1))) for topic, tail in before.items()}
    found[topics.EVENTS] = codec.Tail(max(found[topics.EVENTS].after, handled))
    return found


class Counting:
    """The counter of what a partition has written since one of its partition records.

    The next partition record gets the result as its tails. `base` is the offset in `customer.state` of the record at which the
    count began, and `tails` are the tails at that moment. If there are no tails, nothing is counted: on a broker without
    transactions, and if the partition writes nothing to Kafka (as in `dalang state rebuild`).
    """

    def __init__(self, names: topics.Topics) -> None:
        self._names = names
        self.start(-1, {})

    def start(self, base: int, ends: Mapping[str, codec.Tail]) -> None:
        """Begin a new count, after the partition record at the offset `base` and after the tails `ends`."""
        self.base, self.tails = base, ends
        self._untold: set[str] = set()

    def record(self, before: codec.PartitionRecord, outputs: Iterable[writer.Output]) -> codec.PartitionRecord:
        """Return the partition record `before` with a new `base` and new `tails`, in which these outputs are counted.

        If nothing is counted (see the class), `before` is returned unchanged.
        """
        if not self.tails:
            return before
        return msgspec.structs.replace(before, base=self.base, tails=counted(self.tails, outputs, self._names))

    def follow(self, record: codec.PartitionRecord, last: Mapping[str, int], mark: int) -> None:
        """Note a finished write, whose partition record is `record` at the offset `mark` of `customer.state`.

        `last` has the offset of the last written record in each topic (`{full topic name: offset}`), or -1 if the broker did not
        report the offset. If all offsets are known, a new count begins after this write. Otherwise the next writes are counted
        together with this one, until the broker has reported an offset for every topic that had -1.
        """
        self._untold = {topic for topic in self._untold | last.keys() if last.get(topic, -1) < 0}
        if self._untold:
            self.tails = record.tails
        else:
            self.start(mark, moved(record.tails, last, self._names, record.offset))


def compared(record: codec.PartitionRecord, found: Mapping[str, Found]) -> Comparison:
    """Compare the tails of a partition record with the records that were found in the topics (`{topic: found records}`).

    If the last transaction is complete, its records are the first ones after the tail in every topic. An earlier transaction has
    no records there, because each takeover completes the last transaction before a new one begins.
    """
    missing: dict[str, int] = {}
    extra: list[tuple[str, str]] = []
    after: dict[str, codec.Tail] = {}
    for topic, tail in record.tails.items():
        there = found.get(topic, Found())
        # If retention has removed records, the remaining ones may be from a later transaction, so they prove nothing.
        own = [] if there.cut else there.ids[: tail.count]
        if there.cut or (len(own) == tail.count and checksum(own) == tail.checksum):
            extra += [(topic, id_) for id_ in there.ids[len(own) :]]
            after[topic] = codec.Tail(there.offsets[len(own) - 1] if own else tail.after)
        else:
            missing[topic] = max(1, tail.count - len(there.ids))
    if missing:
        # All inputs of the transaction are decided again. So its records that are in the topics must not be written again.
        everything = tuple((topic, id_) for topic, each in found.items() for id_ in each.ids)
        return Comparison(missing, everything, {topic: codec.Tail(tail.after) for topic, tail in record.tails.items()})
    after[topics.EVENTS] = codec.Tail(max(after[topics.EVENTS].after, record.offset))
    return Comparison({}, tuple(extra), after)


def absent(outputs: Sequence[writer.Output], there: Collection[tuple[str, str]], names: topics.Topics) -> list[writer.Output]:
    """Return the outputs that are not on the broker yet.

    `there` has the topic (without the prefix) and the id of each output that is on the broker. If two outputs have the same topic
    and id, and only one of them is on the broker, the other is returned.
    """
    prefix, left, found = len(names.prefix), Counter(there), []
    for output in outputs:
        if left[known := (output.topic[prefix:], output.id)]:
            left[known] -= 1
        else:
            found.append(output)
    return found
