"""The states of one partition's customers: the port, its implementation in memory, and the loading from `customer.state`.

The topic is the truth, and a store is a copy of it. The copy's mark is the record of the topic up to which it is complete. A
store in memory keeps encoded bytes, which take a fifth of the memory of decoded objects; a state is decoded when it is needed.
The store on disk is in rocksdb_store.py.
"""

import abc
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from engine.core.model import state
from engine.runtime import logs
from engine.runtime.kafka import connection, history, stall_timeout
from engine.runtime.state import codec, timer_queue

_OTHER: Final = "of another topic, or made anew since"
"""The reason to read all states again: the topic was made again, or `dalang state rebuild` has written it."""
STALE: Final = 12 * 3600 * 1000
"""Milliseconds after which a copy is not used any more.

This is half of the time for which Kafka keeps tombstones by default, so that no tombstone can be missed.
"""

NEW: Final = ("new", b"")
"""The header of a customer's first snapshot. It shows a reader that compaction has removed no earlier snapshot."""
_log = logs.log()


class Mark(NamedTuple):
    """The place up to which a copy is complete: the offset of a partition record in `customer.state`, and when that was (ms)."""

    offset: int = -1
    at: int = 0


class Port(abc.ABC):
    """One partition: snapshots by customer, the timer queue, and the partition record.

    Only committed snapshots are written to a store, so a store is never ahead of the topic.
    """

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self.timer_queue = timer_queue.TimerQueue()
        self.record = codec.PartitionRecord()
        self.mark = Mark()
        self.customers = self.bytes = self.waiting = 0
        """Number of customers, bytes of their snapshots, and number of customers with a timer."""

    @abc.abstractmethod
    def get(self, key: bytes) -> bytes | None:
        """Return a customer's snapshot, None if there is none."""

    @abc.abstractmethod
    def keys(self) -> Iterator[bytes]:
        """Yield every customer's key. Do not write to the store while iterating."""

    @abc.abstractmethod
    def fill(self, snapshots: Mapping[bytes, bytes | None]) -> None:
        """Store some snapshots while the topic is read from its start. Call `filled` after the last of them."""

    @abc.abstractmethod
    def filled(self, record: codec.PartitionRecord, mark: Mark) -> None:
        """Count the customers and put their timers into the queue, after the whole topic was read."""

    @abc.abstractmethod
    def clear(self) -> None:
        """Forget everything."""

    @abc.abstractmethod
    def close(self) -> None:
        """Release the memory and files of the store; a copy on disk stays there."""

    @abc.abstractmethod
    def _keep(self, snapshots: Mapping[bytes, bytes | None], before: Mapping[bytes, bytes | None]) -> None:
        """Store these snapshots together with the partition record, the mark and the counts."""

    def commit(self, snapshots: Mapping[bytes, bytes | None], record: codec.PartitionRecord, mark: Mark) -> None:
        """Store a committed batch: `{customer: snapshot, or None after an erasure}`, and the partition record at `mark`.

        A mark without an offset does not replace the known mark, because reading from an earlier mark again is safe.
        """
        before = {key: self.get(key) for key in snapshots}
        for key, snapshot in snapshots.items():
            self._count(before[key], -1)
            self._count(snapshot, 1)
            self.timer_queue.done(key)
            if snapshot is not None and (due := codec.head(snapshot)[0]) != codec.NO_TIMER:
                self.timer_queue.arm(due, key)
        self.record = record
        if mark.offset >= 0:
            self.mark = mark
        self._keep(snapshots, before)

    def put(self, key: bytes, snapshot: bytes | None) -> None:
        """Store one customer's committed snapshot."""
        self.commit({key: snapshot}, self.record, self.mark)

    def _count(self, snapshot: bytes | None, sign: int) -> None:
        if snapshot is not None:
            self.customers += sign
            self.bytes += sign * len(snapshot)
            self.waiting += sign * (codec.head(snapshot)[0] != codec.NO_TIMER)

    def __contains__(self, key: bytes) -> bool:
        return self.get(key) is not None

    def due_of(self, key: bytes) -> int:
        """Return the due time of the customer's earliest timer (ms), `codec.NO_TIMER` without one."""
        snapshot = self.get(key)
        return codec.NO_TIMER if snapshot is None else codec.head(snapshot)[0]

    def customer(self, key: bytes) -> tuple[state.Customer | None, int, int]:
        """Return the customer, the offset of the last input in the state, and an upper bound of the state's bytes."""
        snapshot = self.get(key)
        return (None, -1, 0) if snapshot is None else (codec.customer(snapshot), codec.head(snapshot)[1], len(snapshot))


class Store(Port):
    """A store in memory."""

    def _reset(self) -> None:
        super()._reset()
        self.snapshots: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """Return a customer's snapshot from the dictionary."""
        return self.snapshots.get(key)

    def keys(self) -> Iterator[bytes]:
        """Return every customer's key, in the order in which the customers came."""
        return iter(self.snapshots)

    def fill(self, snapshots: Mapping[bytes, bytes | None]) -> None:
        """Put snapshots into the dictionary, and remove erased customers."""
        for key, snapshot in snapshots.items():
            if snapshot is None:
                self.snapshots.pop(key, None)
            else:
                self.snapshots[key] = snapshot

    def filled(self, record: codec.PartitionRecord, mark: Mark) -> None:
        """Count the customers and queue their timers by the head of each snapshot; no customer is decoded."""
        self.record, self.mark = record, mark
        for key, snapshot in self.snapshots.items():
            self._count(snapshot, 1)
            if (due := codec.head(snapshot)[0]) != codec.NO_TIMER:
                self.timer_queue.arm(due, key)

    def clear(self) -> None:
        """Start with a new dictionary."""
        self._reset()

    def close(self) -> None:
        """Do nothing, because there are no files to close."""

    def _keep(self, snapshots: Mapping[bytes, bytes | None], before: Mapping[bytes, bytes | None]) -> None:
        self.fill(snapshots)


async def load(broker: connection.Address, topic: str, partition: int) -> Store:
    """Read a partition's committed states into memory, up to the high watermark of a fetch."""
    held = Store()
    await refresh(held, broker, topic, partition)
    return held


class AsOf:
    """The states of a partition as they were at the offset `at` of a partition record in `customer.state`.

    If `at` is -1, nobody had a state.
    """

    def __init__(self, held: Port, at: int) -> None:
        self.held, self.at = held, at
        self.record: codec.PartitionRecord | None = codec.PartitionRecord() if at < 0 else None
        """The partition record at the offset; None if it has not been read, or has been compacted away."""
        self._later: dict[bytes, Any] = {}

    def take(self, records: Iterable[Any]) -> None:
        """Add some records while the topic is read from its start."""
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
        """`{customer: snapshot at the offset, or None}` of each customer who was written after the offset."""
        return {key: self.held.get(key) for key in self._later}

    @property
    def lost(self) -> int:
        """The number of customers written after the offset whose snapshot from before it was removed by compaction."""
        return sum(value is None and NEW not in self._later[key].headers for key, value in self.snapshots.items())


async def refresh(held: Port, broker: connection.Address, topic: str, partition: int, claimed: int = -1, now: int = 0) -> bool:
    """Bring the store `held` up to date with the topic; return True if states come after the last partition record.

    Such states belong to a transaction that is committed by half. `claimed` is the offset of a claim (see `writer.Claimer`). With
    a claim, records are read at least up to it, beginning at the mark of `held` if the copy is usable. Without a claim, all
    states are read again. `now` is the broker's time (ms). The end is the high watermark of a fetch, not the answer to
    ListOffsets, which is wrong on some brokers.
    """
    tp = TopicPartition(topic, partition)
    async with history.reading(broker, tp) as consumer:
        since = held.mark.offset
        trail = _Trail()
        why = (
            await _caught_up(consumer, tp, held, claimed, now, trail) if claimed >= 0 else "without transactions others may write"
        )
        if not why:
            _log.info("states caught up", partition=partition, since_offset=since)
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
    """Fill the store `held` with the states as they were at the partition record at offset `at` (-1: no states).

    Returns None if compaction has removed that record, because then these states are not known any more. `claimed` and `now` are
    as in `refresh`.
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
    """The check whether the last record read is a customer's state.

    Every transaction ends with a partition record. So `open` is True only if the end of a transaction is missing.
    """

    def __init__(self) -> None:
        self.open = False

    def follow(self, records: Sequence[Any]) -> tuple[dict[bytes, bytes | None], Any]:
        """Return `{customer: last value}` of the records, and the last partition record among them or None."""
        latest = {record.key: record for record in records}
        own = latest.pop(codec.PARTITION_KEY, None)
        for record in reversed(records):
            if record.key == codec.PARTITION_KEY or _is_customer(record):
                self.open = record.key != codec.PARTITION_KEY
                break
        return {key: record.value for key, record in latest.items()}, own


def _is_customer(record: Any) -> bool:
    """Return True for a customer's state, False for the partition record and for the claims of older versions.

    Their keys begin with bytes that no customer's key has.
    """
    return not record.key.startswith(codec.NOBODY)


async def _caught_up(consumer: AIOKafkaConsumer, tp: TopicPartition, held: Port, claimed: int, now: int, trail: _Trail) -> str:
    """Read the records after the mark of `held`; return the reason if the copy cannot be used, else "".

    The partition record at the mark, or the later one that replaced it in compaction, is read again: it shows whether the topic
    is the same one.
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
    """Yield the records of each fetch, from the consumer's position to the end."""
    waiting = stall_timeout.Patience()
    while True:
        fetched = await consumer.getmany(tp, timeout_ms=200, max_records=10_000)
        yield fetched.get(tp, ())
        end, position = consumer.highwater(tp), await consumer.position(tp)
        if end is not None and position >= max(end, claimed + 1):
            return
        waiting.stands(position)
