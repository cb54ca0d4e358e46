"""What is committed, read by the tests themselves: by one consumer, from the start to the end that the brokers name at its first fetch.

Not by the engine's own reader, which is under test, and which takes a consumer for each partition.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from aiokafka import TopicPartition

from engine.runtime.state import codec, store
from tests.integration import clients

_WITHIN: Final = 120.0


async def states(brokers: str, topic: str, partitions: int) -> dict[int, store.Store]:
    """The states of every partition."""
    found = {}
    for number, latest in (await _latest(brokers, topic, partitions)).items():
        own = latest.pop(codec.PARTITION_KEY, None)
        found[number] = store.Store()
        found[number].fill({key: record.value for key, record in latest.items() if key is not None and record.value is not None})
        known = codec.PartitionRecord() if own is None else codec.read_partition_record(own.value)
        found[number].filled(known, store.Mark() if own is None else store.Mark(own.offset, 0))
    return found


async def ends(brokers: str, topic: str, partitions: int) -> dict[int, int]:
    """The last offset of each partition that holds a record, -1 where none is; markers of transactions are none."""
    found = await _latest(brokers, topic, partitions)
    return {number: max((each.offset for each in latest.values()), default=-1) for number, latest in found.items()}


async def _latest(brokers: str, topic: str, partitions: int) -> Mapping[int, dict[bytes | None, Any]]:
    """The last committed record of each key, for each partition. `TimeoutError` while a transaction stands open: ask again."""
    tps = {TopicPartition(topic, number) for number in range(partitions)}
    latest: dict[int, dict[bytes | None, Any]] = {tp.partition: {} for tp in tps}
    async with asyncio.timeout(_WITHIN), clients.consumer(brokers) as consumer:
        consumer.assign([*tps])
        ends: dict[TopicPartition, int] = {}
        left = set(tps)
        while left:
            for tp, records in (await consumer.getmany(*left, timeout_ms=100, max_records=10_000)).items():
                latest[tp.partition] |= {record.key: record for record in records}
            for tp in tuple(left):
                end = consumer.highwater(tp)
                if end is not None and await consumer.position(tp) >= ends.setdefault(tp, end):
                    left.discard(tp)
    return latest
