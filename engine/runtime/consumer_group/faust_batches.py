"""Classes for Faust by which its agent gets one message per chunk of fetched records, instead of one message per record.

Faust does the membership in the group, the assignment of partitions, the rebalances and the lifecycle. Its cost per message is
paid once per chunk. Some classes also work around faults of Faust that were measured; their docstrings describe the faults.
faust_app.py gives the classes to the Faust application.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from faust.serializers.schemas import Schema
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

CHUNK: Final = 500
"""The greatest number of records in one message."""


class Chunk(list[Any]):
    """A list of fetched records of one partition, in order, with the offset of the record that was fetched before them.

    This offset is `follows`; it is None in the first chunk and after a seek. If the worker has not handled the record at
    `follows`, Faust has dropped an earlier chunk. A gap in the offsets does not prove this, because transaction markers leave
    gaps too.
    """

    follows: int | None = None


class Batch:
    """A message for Faust with a `Chunk` as its value; its offset and timestamp are those of the chunk's last record."""

    __slots__ = (
        "checksum",
        "headers",
        "key",
        "offset",
        "partition",
        "serialized_key_size",
        "serialized_value_size",
        "timestamp",
        "timestamp_type",
        "topic",
        "value",
    )

    def __init__(self, records: Chunk) -> None:
        last = records[-1]
        self.topic, self.partition, self.offset = last.topic, last.partition, last.offset
        self.timestamp, self.timestamp_type = last.timestamp, last.timestamp_type
        self.key, self.value, self.headers = None, records, ()
        self.checksum, self.serialized_key_size, self.serialized_value_size = None, 0, 0


class Fetched(NamedTuple):
    """The progress of fetching in one partition.

    `position` is the next offset to fetch, and `end` is the high watermark. `last` is the offset of the last fetched record, -1
    if none was fetched. `answered` is the time of the broker's last answer, in seconds since 1970.
    """

    position: int
    end: int
    last: int
    answered: float


class Trail:
    """The offset of the last fetched record of each partition, noted directly after each fetch.

    Faust drops the records of a fetch that returns during a rebalance, before the agent gets them. Faust then seeks back to fetch
    these records again, but the seek can fail. The noted offsets show the worker that records were dropped.
    """

    def __init__(self) -> None:
        self._last: dict[TP, int] = {}

    def last(self, tp: TP) -> int:
        """Return the offset of the last fetched record of the partition `tp`, -1 if no record was fetched."""
        return self._last.get(tp, -1)

    def marked(self, fetched: Mapping[TP, list[Any]]) -> dict[TP, Chunk]:
        """Turn the fetched records of each partition into a `Chunk`, set `follows` in the chunk, and note its last offset."""
        found: dict[TP, Chunk] = {}
        for tp, records in fetched.items():
            chunk = Chunk(records)
            before = self._last.get(tp)
            # If the first offset is not greater than the last one before, there was a seek. Faust seeks to an offset before which
            # every record was handled, so no record can be missing.
            chunk.follows = before if before is not None and before < chunk[0].offset else None
            self._last[tp] = chunk[-1].offset
            found[tp] = chunk
        return found


class BatchScheduler:
    """The class that turns fetched records into messages for Faust (the setting `ConsumerScheduler`).

    Faust's own class makes one message per record.
    """

    def iterate(self, records: Mapping[TP, Chunk]) -> Iterator[tuple[TP, Batch]]:
        """Split the chunk of each partition into chunks of at most `CHUNK` records, and yield a message for each."""
        for tp, fetched in records.items():
            follows = fetched.follows
            for start in range(0, len(fetched), CHUNK):
                chunk = Chunk(fetched[start : start + CHUNK])
                chunk.follows, follows = follows, chunk[-1].offset
                yield tp, Batch(chunk)


class RawSchema(Schema):
    """A Faust schema that does not decode messages: the agent gets each `Chunk` as it was fetched."""

    def compile(self, app: Any, **_: Any) -> Any:
        """Return the function that Faust calls to decode a message; the function leaves the message's value as it is."""
        create_event = app.create_event

        async def decode(message: Any, *, propagate: bool = False) -> Any:
            return create_event(None, message.value, None, message)

        return decode


class _CommittedThread(driver.AIOKafkaConsumerThread):
    """A consumer thread that reads only committed records, and passes each fetch to the `Trail`.

    Faust itself reads only committed records if its own exactly_once is on. Dalang does not use Faust's exactly_once, because the
    worker writes its own transactions.
    """

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        return consumer

    async def _fetch_records(self, *given: Any, **named: Any) -> Any:
        fetched = await super()._fetch_records(*given, **named)
        return self.consumer.trail.marked({TP(tp.topic, tp.partition): records for tp, records in fetched.items() if records})


class BatchConsumer(driver.Consumer):
    """A Faust consumer that commits the last acknowledged offset plus one, whatever gaps there are in the offsets.

    This is correct because a single agent acknowledges the chunks of a partition in order. Faust's own consumer commits nothing
    more if a gap in the offsets starts right at the committed offset. Such a gap can come from a transaction marker, from a
    compacted record or from a chunk, of which only the last offset is acknowledged.
    """

    def _new_consumer_thread(self) -> Any:
        self.sought: dict[TP, int] = {}
        self.trail = Trail()
        return _CommittedThread(self, loop=self.loop, beacon=self.beacon)

    def fetched(self, tp: TP) -> Fetched | None:
        """Return the progress of fetching in the partition `tp`, None if it is not known yet.

        Another thread fetches and changes these values. They are read without waiting for that thread.
        """
        subscription = self._thread._ensure_consumer()._subscription.subscription
        assignment = subscription and subscription.assignment
        if not assignment or tp not in assignment.tps:
            return None
        at = assignment.state_value(tp)
        if not at.has_valid_position or at.highwater is None:
            return None
        return Fetched(at.position, at.highwater, self.trail.last(tp), at.timestamp / 1000)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek to the offsets that the consumer group has committed, and return these offsets.

        They are also stored in `sought`, because the worker compares them with the offsets in its states.
        """
        offsets = await super().seek_to_committed()
        for tp, offset in offsets.items():
            self.sought[TP(tp.topic, tp.partition)] = offset or 0
        found: Mapping[TP, int] = offsets
        return found

    async def set_back(self, tp: TP, offset: int) -> None:
        """Commit `offset` for the consumer group, so that the next reader of the partition `tp` begins at this offset.

        The worker calls this if the committed offset is beyond the offset in the partition's state.
        """
        await self._commit({tp: offset})

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        pass

    def _new_offset(self, tp: TP) -> int | None:
        acked = self._acked[tp]
        if not acked:
            return None
        last: int = max(acked)
        acked.clear()
        self._acked_index[tp].clear()
        return last + 1


class BatchTransport(driver.Transport):
    """Faust's transport for Kafka, with `BatchConsumer` in place of Faust's own consumer."""

    Consumer = BatchConsumer
