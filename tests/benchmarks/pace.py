"""A source of events at an even pace, in a process of its own: `python -m tests.benchmarks.pace BROKER TOPIC RATE SECONDS OF`.

A shop's mix for `OF` customers (`traffic.events`); each event carries the time at which it was produced, in microseconds since
1970, as `data.at`. Prints how long it took, and how far it fell behind its pace at worst, in seconds.
"""

import asyncio
import json
import sys
import time

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner

from tests.integration import running, traffic

TICK = 0.005
"""Seconds between two looks at what is to be sent: what one look finds goes off together."""
AT_MOST = 1_000
"""Events that go off together after a delay; the rest follow with the next look."""
SEED = 7


def lines(rate: int, seconds: int, of: int) -> list[bytes]:
    """All events, without their time."""
    return list(traffic.events(rate * seconds, of, SEED))


async def send(broker: str, topic: str, rate: int, seconds: int, of: int) -> None:
    partitioner, all_ = DefaultPartitioner(), list(range(running.PARTITIONS))
    waiting = []
    for line in lines(rate, seconds, of):
        key = json.loads(line)["subject"].encode()
        waiting.append((partitioner(key, all_, all_), key, line.removesuffix(b"}}")))
    producer = AIOKafkaProducer(bootstrap_servers=broker, linger_ms=0, acks="all", max_batch_size=1 << 18)
    await producer.start()
    confirmed, sent, worst, started = [], 0, 0.0, time.monotonic()
    while sent < len(waiting):
        passed = time.monotonic() - started
        due = min(int(passed * rate), sent + AT_MOST, len(waiting))
        if due == sent:
            await asyncio.sleep(TICK)
            continue
        worst = max(worst, passed - sent / rate)
        batches = {number: producer.create_batch() for number in all_}
        for number, key, line in waiting[sent:due]:
            value = line + b', "at": "%d"}}' % (time.time_ns() // 1000)
            assert batches[number].append(key=key, value=value, timestamp=None) is not None
        for number, batch in batches.items():
            if batch.record_count():
                batch.close()
                confirmed.append(await producer.send_batch(batch, topic, partition=number))
        sent = due
        await asyncio.sleep(TICK)
    took = time.monotonic() - started
    await asyncio.gather(*confirmed)
    await producer.stop()
    print(took, worst)


if __name__ == "__main__":
    asyncio.run(send(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])))
