"""The reference: a plain aiokafka loop, getmany -> orjson -> send_batch, one output and one state for each event.

No journeys, no group: what the client itself can do; with a transactional id, each round of `getmany` is one transaction.
`python -m ... BROKER TOPIC OUTPUT STATE [TRANSACTIONAL_ID]`.
"""

import asyncio
import contextlib
import sys
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

PARTITIONS = 4


async def main(broker: str, topic: str, output: str, state: str, transactional_id: str | None = None) -> None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker,
        group_id=None,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_uncommitted" if transactional_id is None else "read_committed",
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=broker, linger_ms=0, acks="all", max_batch_size=1 << 18, transactional_id=transactional_id
    )
    await consumer.start()
    await producer.start()
    consumer.assign([TopicPartition(topic, number) for number in range(PARTITIONS)])
    counts: dict[str, int] = {}
    while True:
        fetched = await consumer.getmany(timeout_ms=100, max_records=20_000)
        if not fetched:
            continue
        async with contextlib.nullcontext() if transactional_id is None else producer.transaction():
            for tp, records in fetched.items():
                outputs, states = counted(records, counts)
                await asyncio.gather(put(producer, output, tp.partition, outputs), put(producer, state, tp.partition, states))


def counted(records: list[Any], counts: dict[str, int]) -> tuple[list[tuple[Any, bytes]], list[tuple[Any, bytes]]]:
    """The outputs and the states of some records."""
    outputs, states = [], []
    for record in records:
        event = orjson.loads(record.value)
        subject = event.get("subject", "")
        counts[subject] = counts.get(subject, 0) + 1
        outputs.append((record.key, orjson.dumps({"id": event["id"], "customer": subject, "n": counts[subject]})))
        states.append((record.key, orjson.dumps({"n": counts[subject], "offset": record.offset})))
    return outputs, states


async def put(producer: AIOKafkaProducer, topic: str, partition: int, records: list[tuple[Any, bytes]]) -> None:
    confirmed, batch = [], producer.create_batch()
    for key, value in records:
        if batch.append(key=key, value=value, timestamp=None) is None:
            batch.close()
            confirmed.append(await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None)
    batch.close()
    confirmed.append(await producer.send_batch(batch, topic, partition=partition))
    for each in confirmed:
        await each


if __name__ == "__main__":
    import uvloop

    uvloop.run(main(*sys.argv[1:]))
