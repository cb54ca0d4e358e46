"""Faust, fed with batches: one message for each fetched chunk of a partition, instead of one for each event.

Faust keeps what it is good at (membership, assignment, rebalance, lifecycle); its cost per event is paid per chunk. The
traps that these classes step around were measured; each says which.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from faust.serializers.schemas import Schema
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

CHUNK: Final = 500
"""Records in one message at most."""


class Chunk(list[Any]):
    """Fetched records of one partition, in order. `follows` is the offset of the record fetched before them, None after a seek.

    Whoever takes chunks can so tell that one before was dropped; the offsets alone cannot, because markers leave gaps.
    """

    follows: int | None = None


class Batch:
    """A message for Faust whose value is the `Chunk` of the fetched records; it stands at the offset of the last."""

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
    """How far fetching is in a partition: next offset to fetch, log's end, last record fetched, time of the last answer (s)."""

    position: int
    end: int
    last: int
    answered: float


class Trail:
    """What was fetched of each partition, kept where it is fetched: between there and the agent Faust may drop records.

    It does so when a fetch comes back while a rebalance holds the flow, and the seek that is to bring them again can fail.
    """

    def __init__(self) -> None:
        self._last: dict[TP, int] = {}

    def last(self, tp: TP) -> int:
        """The offset of the last record that was fetched, -1 if none was."""
        return self._last.get(tp, -1)

    def marked(self, fetched: Mapping[TP, list[Any]]) -> dict[TP, Chunk]:
        """The records of one fetch, each partition's with the offset that they follow."""
        found: dict[TP, Chunk] = {}
        for tp, records in fetched.items():
            chunk = Chunk(records)
            before = self._last.get(tp)
            # An offset that does not go on from the last one comes after a seek, which starts where all was handled.
            chunk.follows = before if before is not None and before < chunk[0].offset else None
            self._last[tp] = chunk[-1].offset
            found[tp] = chunk
        return found


class BatchScheduler:
    """Faust's setting `ConsumerScheduler`: in which order fetched records become messages."""

    def iterate(self, records: Mapping[TP, Chunk]) -> Iterator[tuple[TP, Batch]]:
        """One message a chunk."""
        for tp, fetched in records.items():
            follows = fetched.follows
            for start in range(0, len(fetched), CHUNK):
                chunk = Chunk(fetched[start : start + CHUNK])
                chunk.follows, follows = follows, chunk[-1].offset
                yield tp, Batch(chunk)


class RawSchema(Schema):
    """Hands the list of records to the agent untouched."""

    def compile(self, app: Any, **_: Any) -> Any:
        """A decoder that decodes nothing."""
        create_event = app.create_event

        async def decode(message: Any, *, propagate: bool = False) -> Any:
            return create_event(None, message.value, None, message)

        return decode


class _CommittedThread(driver.AIOKafkaConsumerThread):
    """Faust reads committed records only together with its own exactly_once; Dalang needs the one without the other."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        return consumer

    async def _fetch_records(self, *given: Any, **named: Any) -> Any:
        fetched = await super()._fetch_records(*given, **named)
        return self.consumer.trail.marked({TP(tp.topic, tp.partition): records for tp, records in fetched.items() if records})


class BatchConsumer(driver.Consumer):
    """One agent acks the chunks of a partition in order, so the next offset to read is the last acked one plus one.

    Faust's own bookkeeping gets stuck where an offset gap starts right at the committed offset, which a transaction's
    marker, a compacted record or the end of any chunk can be.
    """

    def _new_consumer_thread(self) -> Any:
        self.sought: dict[TP, int] = {}
        self.trail = Trail()
        return _CommittedThread(self, loop=self.loop, beacon=self.beacon)

    def fetched(self, tp: TP) -> Fetched | None:
        """How far fetching is; None while nobody knows. Read from the fetcher's thread without waiting for it."""
        subscription = self._thread._ensure_consumer()._subscription.subscription
        assignment = subscription and subscription.assignment
        if not assignment or tp not in assignment.tps:
            return None
        at = assignment.state_value(tp)
        if not at.has_valid_position or at.highwater is None:
            return None
        return Fetched(at.position, at.highwater, self.trail.last(tp), at.timestamp / 1000)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Where the group says that reading begins; kept, for the states to agree with."""
        offsets = await super().seek_to_committed()
        for tp, offset in offsets.items():
            self.sought[TP(tp.topic, tp.partition)] = offset or 0
        found: Mapping[TP, int] = offsets
        return found

    async def set_back(self, tp: TP, offset: int) -> None:
        """Let the group begin at `offset` next time."""
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
    """The transport whose consumer is ours."""

    Consumer = BatchConsumer
