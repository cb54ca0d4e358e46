"""Stores for the states of one partition's customers: the interface, the store in memory, and the loading from `customer.state`.

The topic `customer.state` is the truth, and a store is a copy of one of its partitions. The mark of a store is the offset in the
topic up to which the copy is complete. The store in memory keeps states encoded, because decoded objects take five times as much
memory. A state is decoded only when it is needed. The store on disk is in rocksdb_store.py.
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
"""The logged reason why a store is not a copy of the topic: the topic was created again, or `dalang state rebuild` wrote it."""
STALE: Final = 12 * 3600 * 1000
"""The age in milliseconds from which a store is not brought up to date any more, but filled again from the whole topic.

This is half of the time for which Kafka keeps tombstones by default. An older store could miss the tombstone of an erased
customer, because Kafka may have removed it.
"""

NEW: Final = ("new", b"")
"""The header of a customer's first snapshot; it proves that no earlier snapshot of the customer was removed by compaction."""
_log = logs.log()


class Mark(NamedTuple):
    """The mark of a store: the offset of the partition record up to which the store is complete, and the time of the mark.

    `offset` is an offset in `customer.state`, -1 for an empty store. `at` is the broker's time when the mark was set (ms since
    1970).
    """

    offset: int = -1
    at: int = 0


class Port(abc.ABC):
    """The interface of a store for one partition: the customers' snapshots, the timer queue, and the partition record.

    A caller writes to a store only what was committed to `customer.state` before. So a store is never ahead of the topic.
    """

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self.timer_queue = timer_queue.TimerQueue()
        self.record = codec.PartitionRecord()
        self.mark = Mark()
        self.customers = self.bytes = self.waiting = 0
        """The number of customers, the size of all snapshots in bytes, and the number of customers with a timer."""

    @abc.abstractmethod
    def get(self, key: bytes) -> bytes | None:
        """Return a customer's snapshot, None if the customer has no state."""

    @abc.abstractmethod
    def keys(self) -> Iterator[bytes]:
        """Yield the key of every customer; the caller must not write to the store during the iteration."""

    @abc.abstractmethod
    def fill(self, snapshots: Mapping[bytes, bytes | None]) -> None:
        """Store some snapshots (None: erased) while the caller reads the whole topic.

        After the last snapshots, the caller must call `filled`, which counts the customers and sets their timers.
        """

    @abc.abstractmethod
    def filled(self, record: codec.PartitionRecord, mark: Mark) -> None:
        """Finish the store after the whole topic was read: set record and mark, count customers, and fill the timer queue."""

    @abc.abstractmethod
    def clear(self) -> None:
        """Remove all states, timers and counts, so that the store is empty."""

    @abc.abstractmethod
    def close(self) -> None:
        """Close the files of the store; a copy on disk is not deleted."""

    @abc.abstractmethod
    def _keep(self, snapshots: Mapping[bytes, bytes | None], before: Mapping[bytes, bytes | None]) -> None:
        """Store these snapshots (None: erased); a store on disk also stores the partition record, the mark and the counts.

        `before` has the snapshots that these ones replace.
        """

    def commit(self, snapshots: Mapping[bytes, bytes | None], record: codec.PartitionRecord, mark: Mark) -> None:
        """Store a batch that was committed to the topic: `{customer: snapshot, None if erased}` and the partition record.

        `mark` has the offset of this partition record. If the broker did not report the offset (-1), the store keeps its earlier
        mark. Records are then read again from the earlier mark, which does no harm.
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
        """Store one customer's snapshot (None: erased) that was committed to the topic; the mark stays as it is."""
        self.commit({key: snapshot}, self.record, self.mark)

    def _count(self, snapshot: bytes | None, sign: int) -> None:
        if snapshot is not None:
            self.customers += sign
            self.bytes += sign * len(snapshot)
            self.waiting += sign * (codec.head(snapshot)[0] != codec.NO_TIMER)

    def __contains__(self, key: bytes) -> bool:
        return self.get(key) is not None

    def due_of(self, key: bytes) -> int:
        """Return the due time (ms) of the customer's earliest timer, `codec.NO_TIMER` if the customer has no timer."""
        snapshot = self.get(key)
        return codec.NO_TIMER if snapshot is None else codec.head(snapshot)[0]

    def customer(self, key: bytes) -> tuple[state.Customer | None, int, int]:
        """Return a customer's state, the offset of the last input in the state, and an upper limit of its size in bytes.

        Returns `(None, -1, 0)` if the customer has no state.
        """
        snapshot = self.get(key)
        return (None, -1, 0) if snapshot is None else (codec.customer(snapshot), codec.head(snapshot)[1], len(snapshot))


class Store(Port):
    """A store in memory: a dictionary of encoded snapshots."""

    def _reset(self) -> None:
        super()._reset()
        self.snapshots: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """Return a customer's snapshot from the dictionary, None if the customer has no state."""
        return self.snapshots.get(key)

    def keys(self) -> Iterator[bytes]:
        """Return an iterator over the key of every customer, in the order in which they were stored first."""
        return iter(self.snapshots)

    def fill(self, snapshots: Mapping[bytes, bytes | None]) -> None:
        """Put snapshots into the dictionary, and remove erased customers."""
        for key, snapshot in snapshots.items():
            if snapshot is None:
                self.snapshots.pop(key, None)
            else:
                self.snapshots[key] = snapshot

    def filled(self, record: codec.PartitionRecord, mark: Mark) -> None:
        """Set the record and the mark, count the customers, and put their timers into the queue.

        The due time is in the first bytes of each snapshot, so no state is decoded.
        """
        self.record, self.mark = record, mark
        for key, snapshot in self.snapshots.items():
            self._count(snapshot, 1)
            if (due := codec.head(snapshot)[0]) != codec.NO_TIMER:
                self.timer_queue.arm(due, key)

    def clear(self) -> None:
        """Start again with an empty dictionary, an empty timer queue and no mark."""
        self._reset()

    def close(self) -> None:
        """Do nothing, because a store in memory has no files to close."""

    def _keep(self, snapshots: Mapping[bytes, bytes | None], before: Mapping[bytes, bytes | None]) -> None:
        self.fill(snapshots)


async def load(broker: connection.Address, topic: str, partition: int) -> Store:
    """Return a new store in memory with the committed states of one partition.

    `topic` is the full name of `customer.state`. It is read up to the high watermark that a fetch reports.
    """
    held = Store()
    await refresh(held, broker, topic, partition)
    return held


class AsOf:
    """The states of a partition as they were when the partition record at the offset `at` of `customer.state` was written.

    They are put into the store `held`. If `at` is -1, there was no partition record yet, and no customer had a state.
    """

    def __init__(self, held: Port, at: int) -> None:
        self.held, self.at = held, at
        self.record: codec.PartitionRecord | None = codec.PartitionRecord() if at < 0 else None
        """The partition record at the offset `at`; None if it has not been read yet, or if compaction has removed it."""
        self._later: dict[bytes, Any] = {}

    def take(self, records: Iterable[Any]) -> None:
        """Add the next records of the topic, which the caller reads from its start."""
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
        """For each customer whose state was written after the offset `at`: the snapshot before that, None if there was none."""
        return {key: self.held.get(key) for key in self._later}

    @property
    def lost(self) -> int:
        """The number of customers in `snapshots` whose state at that time is not known, because compaction has removed it."""
        return sum(value is None and NEW not in self._later[key].headers for key, value in self.snapshots.items())


async def refresh(held: Port, broker: connection.Address, topic: str, partition: int, claimed: int = -1, now: int = 0) -> bool:
    """Bring the store `held` up to date with the committed records of `customer.state`.

    Returns True if the topic ends with customers' states that have no partition record after them. Such states belong to a
    transaction that was committed by half.

    `claimed` is the offset of a claim (see `writer.Claimer`), -1 if there is none. With a claim, the topic is read at least
    beyond the claim, and if the store is a valid copy, only the records after its mark are read. Without a claim, the whole topic
    is read. The reading ends at the high watermark of a fetch, because the answer to ListOffsets is wrong on some brokers. `now`
    is the broker's time (ms).
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
    """Fill the store `held` with the states as they were when the partition record at the offset `at` was written.

    -1 for `at` means the time before the first partition record. Returns None if compaction has removed that partition record,
    because then the states of that time are not known. `claimed` and `now` are explained in `refresh`.
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
    """The check for a transaction without an end: `open` is True if the last record that was read is a customer's state.

    Every complete transaction ends with the partition record. So if a customer's state is the last record, the end of its
    transaction is missing.
    """

    def __init__(self) -> None:
        self.open = False

    def follow(self, records: Sequence[Any]) -> tuple[dict[bytes, bytes | None], Any]:
        """Return the last value of each customer in these records (`{customer: value}`), and their last partition record.

        None stands for the partition record if there is none among the records.
        """
        latest = {record.key: record for record in records}
        own = latest.pop(codec.PARTITION_KEY, None)
        for record in reversed(records):
            if record.key == codec.PARTITION_KEY or _is_customer(record):
                self.open = record.key != codec.PARTITION_KEY
                break
        return {key: record.value for key, record in latest.items()}, own


def _is_customer(record: Any) -> bool:
    """Return True if this record of `customer.state` is a customer's state.

    It may also be the partition record, or a claim from an older version of Dalang. Their keys begin with `codec.NOBODY`, as no
    customer's key does.
    """
    return not record.key.startswith(codec.NOBODY)


async def _caught_up(consumer: AIOKafkaConsumer, tp: TopicPartition, held: Port, claimed: int, now: int, trail: _Trail) -> str:
    """Bring the store `held` up to date by the records after its mark; return "", or the reason why this is not possible.

    If a reason is returned, `refresh` empties the store. So records that were stored before do no harm. The reading begins with
    the partition record at the mark, or with a later one if compaction has removed it. Its lineage shows whether the store is a
    copy of this topic.
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
    """Yield the records of each fetch, from the consumer's position to the high watermark.

    If `claimed` (the offset of a claim) is at or beyond the high watermark, more is fetched, until the claim has been passed.
    """
    waiting = stall_timeout.Patience()
    while True:
        fetched = await consumer.getmany(tp, timeout_ms=200, max_records=10_000)
        yield fetched.get(tp, ())
        end, position = consumer.highwater(tp), await consumer.position(tp)
        if end is not None and position >= max(end, claimed + 1):
            return
        waiting.stands(position)
