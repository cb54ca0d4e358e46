"""The states of one partition's customers: the port, its twin in memory, and loading from `customer.state`.

The truth is the topic; a store is a copy that knows up to which record of it it is complete. In memory it keeps encoded
bytes, a fifth of what decoded objects would take; what is touched is decoded for its moment. On disk: `rocks.py`.
"""

import abc
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from engine.core import state
from engine.runtime import clock, codec, connection, history, logs, patience

_OTHER: Final = "of another topic, or made anew since"
"""Why states that are held do not fit: the topic was made again, or `dalang state rebuild` has written it."""
STALE: Final = 12 * 3600 * 1000
"""Milliseconds after which a copy is thrown away: half of what Kafka keeps tombstones by default, so none can be missed."""

NEW: Final = ("new", b"")
"""The header of a snapshot before which its customer had none: so it is not missed where compaction may have been."""
_log = logs.log()


class Mark(NamedTuple):
    """Up to where a copy is complete: the offset in `customer.state` of the partition's own record, and when that was (ms)."""

    offset: int = -1
    at: int = 0


class Port(abc.ABC):
    """One partition: snapshots by customer, the calendar of their timers, and the partition's own record.

    What is written to it was committed before, so it is never ahead of the topic.
    """

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self.calendar = clock.Calendar()
        self.record = codec.PartitionRecord()
        self.mark = Mark()
        self.customers = self.bytes = self.waiting = 0
        """How many there are, the size of their snapshots, and how many have a timer."""

    @abc.abstractmethod
    def get(self, key: bytes) -> bytes | None:
        """A customer's snapshot."""

    @abc.abstractmethod
    def keys(self) -> Iterator[bytes]:
        """Every customer's key, while nothing is written."""

    @abc.abstractmethod
    def fill(self, snapshots: Mapping[bytes, bytes | None]) -> None:
        """Some of what the topic holds, read from its start; counted and armed by `filled`."""

    @abc.abstractmethod
    def filled(self, record: codec.PartitionRecord, mark: Mark) -> None:
        """All of it is here: count it and arm its timers."""

    @abc.abstractmethod
    def clear(self) -> None:
        """Nothing is known any more."""

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of what is held; a copy that outlives the process stays."""

    @abc.abstractmethod
    def _keep(self, snapshots: Mapping[bytes, bytes | None], before: Mapping[bytes, bytes | None]) -> None:
        """Keep these, and with them the record, the mark and the counts."""

    def commit(self, snapshots: Mapping[bytes, bytes | None], record: codec.PartitionRecord, mark: Mark) -> None:
        """What was committed to the topic: snapshots by customer (None: erased), and the partition's own record at `mark`.

        A mark without an offset leaves the one that is known: reading again from there does no harm.
        """
        before = {key: self.get(key) for key in snapshots}
        for key, snapshot in snapshots.items():
            self._count(before[key], -1)
            self._count(snapshot, 1)
            self.calendar.done(key)
            if snapshot is not None and (due := codec.head(snapshot)[0]) != codec.NO_TIMER:
                self.calendar.arm(due, key)
        self.record = record
        if mark.offset >= 0:
            self.mark = mark
        self._keep(snapshots, before)

    def put(self, key: bytes, snapshot: bytes | None) -> None:
        """One customer's snapshot that was committed."""
        self.commit({key: snapshot}, self.record, self.mark)

    def _count(self, snapshot: bytes | None, sign: int) -> None:
        if snapshot is not None:
            self.customers += sign
            self.bytes += sign * len(snapshot)
            self.waiting += sign * (codec.head(snapshot)[0] != codec.NO_TIMER)

    def __contains__(self, key: bytes) -> bool:
        return self.get(key) is not None

    def due_of(self, key: bytes) -> int:
        """When the customer's earliest timer is due (ms), `codec.NO_TIMER` without one."""
        snapshot = self.get(key)
        return codec.NO_TIMER if snapshot is None else codec.head(snapshot)[0]

    def customer(self, key: bytes) -> tuple[state.Customer | None, int, int]:
        """The customer, the offset of the last input in her state, and how many bytes it has at most."""
        snapshot = self.get(key)
        return (None, -1, 0) if snapshot is None else (codec.customer(snapshot), codec.head(snapshot)[1], len(snapshot))


class Store(Port):
    """In memory."""

    def _reset(self) -> None:
        super()._reset()
        self.snapshots: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """From the dictionary."""
        return self.snapshots.get(key)

    def keys(self) -> Iterator[bytes]:
        """In the order in which they came."""
        return iter(self.snapshots)

    def fill(self, snapshots: Mapping[bytes, bytes | None]) -> None:
        """Into the dictionary."""
        for key, snapshot in snapshots.items():
            if snapshot is None:
                self.snapshots.pop(key, None)
            else:
                self.snapshots[key] = snapshot

    def filled(self, record: codec.PartitionRecord, mark: Mark) -> None:
        """By the head of each snapshot; none is decoded."""
        self.record, self.mark = record, mark
        for key, snapshot in self.snapshots.items():
            self._count(snapshot, 1)
            if (due := codec.head(snapshot)[0]) != codec.NO_TIMER:
                self.calendar.arm(due, key)

    def clear(self) -> None:
        """A new dictionary."""
        self._reset()

    def close(self) -> None:
        """Nothing is held beside memory."""

    def _keep(self, snapshots: Mapping[bytes, bytes | None], before: Mapping[bytes, bytes | None]) -> None:
        self.fill(snapshots)


async def load(broker: connection.Address, topic: str, partition: int) -> Store:
    """A partition's states, committed ones only, up to the end that the broker's own answer names, in memory."""
    held = Store()
    await refresh(held, broker, topic, partition)
    return held


class AsOf:
    """The states of a partition as they were at an offset, that of a record of the partition (-1: nobody's)."""

    def __init__(self, held: Port, at: int) -> None:
        self.held, self.at = held, at
        self.record: codec.PartitionRecord | None = codec.PartitionRecord() if at < 0 else None
        """The partition's record at the offset; None if it has not been read, or has been compacted away."""
        self._later: dict[bytes, Any] = {}

    def take(self, records: Iterable[Any]) -> None:
        """Some records of the topic, read from its start."""
        before: dict[bytes, bytes | None] = {}
        for each in records:
            if not _is_customer(each):
                if each.offset == self.at and each.key == codec.PARTITION_KEY:
                    self.record = codec.read_partition_record(each.value)
            elif each.offset <= self.at:
                before[each.key] = each.value
            else:
                self._later.setdefault(each.key, each)
        self.held.fill(before)

    @property
    def snapshots(self) -> dict[bytes, bytes | None]:
        """The value at the offset for each customer who was written later, None for nobody."""
        return {key: self.held.get(key) for key in self._later}

    @property
    def lost(self) -> int:
        """How many of those who were written later had an earlier value that compaction has removed."""
        return sum(value is None and NEW not in self._later[key].headers for key, value in self.snapshots.items())


async def refresh(held: Port, broker: connection.Address, topic: str, partition: int, claimed: int = -1, now: int = 0) -> bool:
    """Let `held` have what the topic has, committed records only. True if states follow the last record of the partition:
    they are of a transaction that is committed by half.

    With `claimed`, the offset of a mark (see `writer.Claimer`), the reading goes at least beyond it, and
    only what came after the mark of `held` is read, if that fits. `now` is the log's time (ms). The high watermark of a
    fetch is the end, not what ListOffsets says: some brokers answer that one wrongly.
    """
    tp = TopicPartition(topic, partition)
    async with history.reading(broker, tp) as consumer:
        since = held.mark.offset
        trail = _Trail()
        why = (
            await _caught_up(consumer, tp, held, claimed, now, trail) if claimed >= 0 else "without transactions others may write"
        )
        if not why:
            _log.info("states caught up", partition=partition, since=since)
            return trail.open
        if since >= 0:
            _log.info("states read from their start", partition=partition, reason=why)
        held.clear()
        await consumer.seek_to_beginning(tp)
        record, mark, trail = codec.PartitionRecord(), Mark(), _Trail()
        async for records in _read(consumer, tp, claimed):
            snapshots, own = trail.follow(records)
            held.fill(snapshots)
            if own is not None:
                record, mark = codec.read_partition_record(own.value), Mark(own.offset, now)
    held.filled(record, mark)
    return trail.open


async def restore(
    held: Port, broker: connection.Address, topic: str, partition: int, at: int, claimed: int, now: int
) -> AsOf | None:
    """Let `held` have the states as they were at the offset `at`, that of a record of the partition (-1: nobody's).

    None if that record has been compacted away, so that the states of that moment are not known any more.
    """
    tp = TopicPartition(topic, partition)
    held.clear()
    states = AsOf(held, at)
    async with history.reading(broker, tp) as consumer:
        await consumer.seek_to_beginning(tp)
        async for records in _read(consumer, tp, claimed):
            states.take(records)
    if states.record is None:
        return None
    held.filled(states.record, Mark(at, now))
    return states


class _Trail:
    """Tells whether the last record that was read is a customer's state: the partition's own record ends every transaction."""

    def __init__(self) -> None:
        self.open = False

    def follow(self, records: Sequence[Any]) -> tuple[dict[bytes, bytes | None], Any]:
        """Each customer's last value among the records, and the partition's own record, if any."""
        latest = {record.key: record for record in records}
        own = latest.pop(codec.PARTITION_KEY, None)
        for record in reversed(records):
            if record.key == codec.PARTITION_KEY or _is_customer(record):
                self.open = record.key != codec.PARTITION_KEY
                break
        return {key: record.value for key, record in latest.items()}, own


def _is_customer(record: Any) -> bool:
    """False for the partition's own record, and for the marks of older versions; no key of a customer begins like theirs."""
    return not record.key.startswith(codec.NOBODY)


async def _caught_up(consumer: AIOKafkaConsumer, tp: TopicPartition, held: Port, claimed: int, now: int, trail: _Trail) -> str:
    """Read what came after the mark of `held`; why that is no way, if it is none. What was read does no harm then.

    The record at the mark is read again, or a later one that stands for it: it says whether this is the same topic.
    """
    mark, last = held.mark, None
    if mark.offset < 0:
        return "nothing is held"
    if now - mark.at > STALE:
        return "too old, a tombstone may be gone"
    if mark.offset >= claimed:
        return "beyond the topic's end"
    if (await consumer.beginning_offsets([tp]))[tp] > mark.offset:
        return "older than the topic's start"
    consumer.seek(tp, mark.offset)
    async for records in _read(consumer, tp, claimed):
        snapshots, own = trail.follow(records)
        if own is not None:
            last = own
            record = codec.read_partition_record(own.value)
            if not record.lineage or record.lineage != held.record.lineage:
                return _OTHER
        held.commit(snapshots, held.record, held.mark)
    if last is None:
        return _OTHER
    held.commit({}, record, Mark(last.offset, now))
    return ""


async def _read(consumer: AIOKafkaConsumer, tp: TopicPartition, claimed: int) -> AsyncIterator[Sequence[Any]]:
    """From where the consumer stands to the end: the records of each fetch."""
    waiting = patience.Patience()
    while True:
        fetched = await consumer.getmany(tp, timeout_ms=200, max_records=10_000)
        yield fetched.get(tp, ())
        end, position = consumer.highwater(tp), await consumer.position(tp)
        if end is not None and position >= max(end, claimed + 1):
            return
        waiting.stands(position)
