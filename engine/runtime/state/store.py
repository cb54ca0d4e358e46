"""The states of one partition's customers: the port, its implementation in memory, and the loading from `customer.state`.

The topic is the truth. A store is a copy with a mark: the record of the topic up to which the copy is complete. In memory a
store keeps encoded bytes, which take a fifth of what decoded objects would take; a state is decoded only when it is needed. The
implementation on disk is in rocksdb_store.py.
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
"""The reason why held states do not fit: the topic was made again, or `dalang state rebuild` has written it."""
STALE: Final = 12 * 3600 * 1000
"""Milliseconds after which a copy is thrown away.

This is half of the time for which Kafka keeps tombstones by default, so that no tombstone can be missed.
"""

NEW: Final = ("new", b"")
"""The header of a customer's first snapshot: by it a reader knows that compaction has removed no earlier one."""
_log = logs.log()


class Mark(NamedTuple):
    """The place up to which a copy is complete: the offset of a partition record in `customer.state`, and when that was (ms)."""

    offset: int = -1
    at: int = 0


class Port(abc.ABC):
    """One partition: snapshots by customer, the timer queue, and the partition record.

    Everything that is written to a store was committed before, so a store is never ahead of the topic.
    """

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self.calendar = timer_queue.Calendar()
        self.record = codec.PartitionRecord()
        self.mark = Mark()
        self.customers = self.bytes = self.waiting = 0
        """Number of customers, bytes of their snapshots, and number of customers with a timer."""

    @abc.abstractmethod
    def get(self, key: bytes) -> bytes | None:
        """Return a customer's snapshot, None if there is none."""

    @abc.abstractmethod
    def keys(self) -> Iterator[bytes]:
        """Yield every customer's key; nothing may be written meanwhile."""

    @abc.abstractmethod
    def fill(self, snapshots: Mapping[bytes, bytes | None]) -> None:
        """Take some snapshots of the topic, which is read from its start; `filled` counts and arms them later."""

    @abc.abstractmethod
    def filled(self, record: codec.PartitionRecord, mark: Mark) -> None:
        """Count the customers and arm their timers, now that all of the topic was filled in."""

    @abc.abstractmethod
    def clear(self) -> None:
        """Forget everything."""

    @abc.abstractmethod
    def close(self) -> None:
        """Release what is held; a copy that outlives the process stays."""

    @abc.abstractmethod
    def _keep(self, snapshots: Mapping[bytes, bytes | None], before: Mapping[bytes, bytes | None]) -> None:
        """Keep these snapshots, and with them the partition record, the mark and the counts."""

    def commit(self, snapshots: Mapping[bytes, bytes | None], record: codec.PartitionRecord, mark: Mark) -> None:
        """Take what was committed to the topic: snapshots by customer (None: erased), and the partition record at `mark`.

        A mark without an offset does not replace the known mark: reading again from there does no harm.
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
        """Take one customer's snapshot that was committed to the topic."""
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
        """Return the customer, the offset of the last input in the state, and the most bytes that the state can have."""
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
        """Count the customers and arm their timers by the head of each snapshot; no snapshot is decoded."""
        self.record, self.mark = record, mark
        for key, snapshot in self.snapshots.items():
            self._count(snapshot, 1)
            if (due := codec.head(snapshot)[0]) != codec.NO_TIMER:
                self.calendar.arm(due, key)

    def clear(self) -> None:
        """Start with a new dictionary."""
        self._reset()

    def close(self) -> None:
        """Do nothing: nothing is held beside memory."""

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
        """Take some records of the topic, which is read from its start."""
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
        """The snapshot at the offset of each customer who was written later, None if the customer had none."""
        return {key: self.held.get(key) for key in self._later}

    @property
    def lost(self) -> int:
        """The number of customers who were written later and whose earlier snapshot compaction has removed."""
        return sum(value is None and NEW not in self._later[key].headers for key, value in self.snapshots.items())


async def refresh(held: Port, broker: connection.Address, topic: str, partition: int, claimed: int = -1, now: int = 0) -> bool:
    """Bring `held` up to the committed records of the topic; return True if states follow the last partition record.

    Such states belong to a transaction that is committed by half. `claimed` is the offset of a claim (see `writer.Claimer`):
    with it, the reading goes at least beyond the claim, and only records after the mark of `held` are read, if the copy fits.
    Without it, all states are read again. `now` is the log's time (ms). The end is the high watermark of a fetch and not the
    answer to ListOffsets, which is wrong on some brokers.
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
    """Fill `held` with the states as they were at the offset `at` of a partition record (-1: nobody had a state).

    Returns None if that record has been compacted away, so that the states of that moment are not known any more. `claimed` and
    `now` are those of `refresh`.
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
    """The check whether the last record that was read is a customer's state.

    The partition record ends every transaction, so `open` is True only if the end of a transaction is missing.
    """

    def __init__(self) -> None:
        self.open = False

    def follow(self, records: Sequence[Any]) -> tuple[dict[bytes, bytes | None], Any]:
        """Return each customer's last value among the records, and the partition record, None if it is not among them."""
        latest = {record.key: record for record in records}
        own = latest.pop(codec.PARTITION_KEY, None)
        for record in reversed(records):
            if record.key == codec.PARTITION_KEY or _is_customer(record):
                self.open = record.key != codec.PARTITION_KEY
                break
        return {key: record.value for key, record in latest.items()}, own


def _is_customer(record: Any) -> bool:
    """Return True for a customer's state, False for the partition record and for the claims of older versions.

    No customer's key begins like theirs.
    """
    return not record.key.startswith(codec.NOBODY)


async def _caught_up(consumer: AIOKafkaConsumer, tp: TopicPartition, held: Port, claimed: int, now: int, trail: _Trail) -> str:
    """Read what came after the mark of `held`; return the reason if the copy cannot be brought up to date, else "".

    What was read by then does no harm. The record at the mark, or a later one that stands for it, is read again: it shows
    whether this is the same topic.
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
    """Yield the records of each fetch, from where the consumer stands to the end."""
    waiting = stall_timeout.Patience()
    while True:
        fetched = await consumer.getmany(tp, timeout_ms=200, max_records=10_000)
        yield fetched.get(tp, ())
        end, position = consumer.highwater(tp), await consumer.position(tp)
        if end is not None and position >= max(end, claimed + 1):
            return
        waiting.stands(position)
