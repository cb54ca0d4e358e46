"""The state of one partition's customers: encoded bytes in memory, loaded from `customer.state`.

The truth is the topic. Bytes are a fifth of what decoded objects would take; what is touched is decoded for its moment.
"""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition

from engine.core import state
from engine.runtime import clock, codec, connection


class Store:
    """One partition in memory: snapshots by customer, the calendar of their timers, and the partition's own record."""

    def __init__(self) -> None:
        self.snapshots: dict[bytes, bytes] = {}
        self.calendar = clock.Calendar()
        self.record = codec.PartitionRecord()
        self.bytes = self.waiting = 0
        """The size of all snapshots, and how many customers have a timer."""

    def put(self, key: bytes, snapshot: bytes | None) -> None:
        """The snapshot that was committed for a customer; None: erased. Its timer is armed."""
        self.calendar.done(key)
        before = self.snapshots.get(key)
        if before is not None:
            self.bytes -= len(before)
            self.waiting -= codec.head(before)[0] != codec.NO_TIMER
        if snapshot is None:
            self.snapshots.pop(key, None)
            return
        self.snapshots[key] = snapshot
        self.bytes += len(snapshot)
        due, _ = codec.head(snapshot)
        if due != codec.NO_TIMER:
            self.waiting += 1
            self.calendar.arm(due, key)

    def due_of(self, key: bytes) -> int:
        """When the customer's earliest timer is due (ms), `codec.NO_TIMER` without one."""
        snapshot = self.snapshots.get(key)
        return codec.NO_TIMER if snapshot is None else codec.head(snapshot)[0]

    def customer(self, key: bytes) -> tuple[state.Customer | None, int]:
        """The customer, and the offset of the last input in her state."""
        snapshot = self.snapshots.get(key)
        return (None, -1) if snapshot is None else (codec.customer(snapshot), codec.head(snapshot)[1])


async def load(broker: connection.Address, topic: str, partition: int, claimed: int = -1) -> Store:
    """Read the partition's states, committed ones only, up to the end that the broker's own answer names.

    The high watermark of a fetch is asked, not ListOffsets: some brokers answer that one wrongly. With `claimed`, the
    offset of the writer's mark, the reading goes at least beyond it (see `writer.Writer.claim`).
    """
    loaded: dict[bytes, bytes] = {}
    consumer = AIOKafkaConsumer(
        **connection.client(broker),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    await consumer.start()
    try:
        tp = TopicPartition(topic, partition)
        consumer.assign([tp])
        await consumer.seek_to_beginning(tp)
        while True:
            fetched = await consumer.getmany(tp, timeout_ms=200, max_records=10_000)
            for record in fetched.get(tp, ()):
                if record.value is None:
                    loaded.pop(record.key, None)
                else:
                    loaded[record.key] = record.value
            end = consumer.highwater(tp)
            if end is not None and await consumer.position(tp) >= max(end, claimed + 1):
                break
    finally:
        try:
            await consumer.stop()
        except asyncio.CancelledError:
            # aiokafka's stop() of a consumer without a group can raise this for its own task. Ours is passed on.
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
    store = Store()
    own = loaded.pop(codec.PARTITION_KEY, None)
    if own is not None:
        store.record = codec.read_partition_record(own)
    for key, value in loaded.items():
        store.put(key, value)
    return store
