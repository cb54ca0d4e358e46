"""Faust with batches: the agent gets one message per fetched chunk of a partition instead of one per event.

Faust does what it is good at: membership, assignment, rebalancing and lifecycle. Its cost per message is paid once per chunk, not
once per event. These classes work around traps of Faust that were measured; the docstring of each class names its trap. Used by
faust_app.py, which sets the classes in the application.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from faust.serializers.schemas import Schema
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

CHUNK: Final = 500
"""Greatest number of records in one message."""


class Chunk(list[Any]):
    """Fetched records of one partition, in order.

    `follows` is the offset of the record that was fetched just before the chunk's first record; None after a seek. It shows the
    receiver that an earlier chunk was dropped. The offsets alone cannot show this, because transaction markers leave gaps.
    """

    follows: int | None = None


class Batch:
    """A message for Faust whose value is the `Chunk` of fetched records; its offset is that of the last record."""

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

    `position` is the next offset to fetch, `end` the high watermark, `last` the offset of the last record that was fetched (-1:
    none), and `answered` the time of the broker's last answer (seconds since 1970).
    """

    position: int
    end: int
    last: int
    answered: float


class Trail:
    """The last fetched offset of each partition, noted at the fetch itself.

    It is needed because Faust drops the records of a fetch that returns during a rebalance. The seek that should fetch these
    records again can fail.
    """

    def __init__(self) -> None:
        self._last: dict[TP, int] = {}

    def last(self, tp: TP) -> int:
        """Return the offset of the last record that was fetched, -1 if none was."""
        return self._last.get(tp, -1)

    def marked(self, fetched: Mapping[TP, list[Any]]) -> dict[TP, Chunk]:
        """Return the records of one fetch as one chunk per partition, each with the offset that it follows."""
        found: dict[TP, Chunk] = {}
        for tp, records in fetched.items():
            chunk = Chunk(records)
            before = self._last.get(tp)
            # An offset that is not greater than the last one comes after a seek, which goes to where everything was handled.
            chunk.follows = before if before is not None and before < chunk[0].offset else None
            self._last[tp] = chunk[-1].offset
            found[tp] = chunk
        return found


class BatchScheduler:
    """The class for Faust's setting `ConsumerScheduler`, which turns fetched records into messages."""

    def iterate(self, records: Mapping[TP, Chunk]) -> Iterator[tuple[TP, Batch]]:
        """Yield one message per chunk of at most `CHUNK` records."""
        for tp, fetched in records.items():
            follows = fetched.follows
            for start in range(0, len(fetched), CHUNK):
                chunk = Chunk(fetched[start : start + CHUNK])
                chunk.follows, follows = follows, chunk[-1].offset
                yield tp, Batch(chunk)


class RawSchema(Schema):
    """A schema that passes the list of records to the agent without change."""

    def compile(self, app: Any, **_: Any) -> Any:
        """Return a decoder that passes the value on without decoding it."""
        create_event = app.create_event

        async def decode(message: Any, *, propagate: bool = False) -> Any:
            return create_event(None, message.value, None, message)

        return decode


class _CommittedThread(driver.AIOKafkaConsumerThread):
    """A consumer thread that reads committed records only.

    Faust has this only with its own exactly_once, which Dalang does not use.
    """

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        return consumer

    async def _fetch_records(self, *given: Any, **named: Any) -> Any:
        fetched = await super()._fetch_records(*given, **named)
        return self.consumer.trail.marked({TP(tp.topic, tp.partition): records for tp, records in fetched.items() if records})


class BatchConsumer(driver.Consumer):
    """A consumer whose next offset to read is the last acked offset plus one.

    It is correct because one agent acks the chunks of a partition in order. Faust's own bookkeeping stops for ever if a gap in
    the offsets begins at the committed offset, for example at a transaction marker or a compacted record.
    """

    def _new_consumer_thread(self) -> Any:
        self.sought: dict[TP, int] = {}
        self.trail = Trail()
        return _CommittedThread(self, loop=self.loop, beacon=self.beacon)

    def fetched(self, tp: TP) -> Fetched | None:
        """Return the progress of fetching, or None while it is not known. It does not wait for the fetcher's thread."""
        subscription = self._thread._ensure_consumer()._subscription.subscription
        assignment = subscription and subscription.assignment
        if not assignment or tp not in assignment.tps:
            return None
        at = assignment.state_value(tp)
        if not at.has_valid_position or at.highwater is None:
            return None
        return Fetched(at.position, at.highwater, self.trail.last(tp), at.timestamp / 1000)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek to the group's committed offsets and return them; they stay in `sought`, to be compared with the states."""
        offsets = await super().seek_to_committed()
        for tp, offset in offsets.items():
            self.sought[TP(tp.topic, tp.partition)] = offset or 0
        found: Mapping[TP, int] = offsets
        return found

    async def set_back(self, tp: TP, offset: int) -> None:
        """Commit `offset` as the offset at which the group begins next time."""
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
    """A transport whose consumer is `BatchConsumer`."""

    Consumer = BatchConsumer
