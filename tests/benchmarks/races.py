"""Draining a log: how long a contestant needs for the events of a shop, by the wall and by its own processor time.

Every contestant starts on an empty log and shows that it is ready: a mark in every partition came out again. Then all events
are sent, in batches that were built before, with a mark behind them in every partition. Wall time runs from the first batch to
the moment when the broker took the last mark's output; processor time is that of the contestant's processes alone.
"""

import asyncio
import json
import os
import pathlib
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import orjson
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.partitioner import DefaultPartitioner

from engine.runtime.kafka import history
from tests.benchmarks import tables
from tests.integration import running

STAMPED = {"message.timestamp.type": "LogAppendTime"}
"""When the broker took a record is what the clock of a race goes by."""
WITHIN = 180
"""Seconds after which a contestant is given up."""
Record = tuple[int, bytes, bytes]


class Result(NamedTuple):
    """What a contestant needed for so many events: seconds of the wall, and of its processors."""

    events: int
    wall: float
    cpu: float

    @property
    def pace(self) -> float:
        """Events per second."""
        return self.events / self.wall

    @property
    def thrift(self) -> float:
        """Events per second of processor time."""
        return self.events / self.cpu

    def row(self, what: str, goal: str = "", reached: bool | None = None, remark: str = "") -> tables.Row:
        """Its line of the table."""
        told = f"{self.pace:,.0f} events/s, {self.thrift:,.0f} per CPU second ({self.events:,} events, {self.wall:.1f} s)"
        return tables.Row(what, told, goal, reached, remark)


class Course(NamedTuple):
    """Where a race is run: a topic of events, and the topic where each mark must come out again."""

    cluster: running.Cluster
    events: str
    output: str

    def run(self, processes: Sequence[subprocess.Popen[bytes]], lines: Sequence[bytes]) -> Result:
        """The contestant of these processes on these lines; it is ended after it."""
        try:
            self.ready(processes, lines[0])
            return asyncio.run(self._raced(processes, [*_keyed(lines), *_marks("done", lines[-1])], len(lines)))
        finally:
            for process in processes:
                process.kill()
                process.wait()

    def ready(self, processes: Sequence[subprocess.Popen[bytes]], like: bytes) -> None:
        """Wait until every partition is served."""
        asyncio.run(_send(self.cluster.broker, self.events, _marks("ready", like)))
        watch = _Watch(self.cluster.broker, self.output, "ready")
        self.cluster.until(lambda: self._alive(processes) and asyncio.run(watch.ended()) is not None)

    def _alive(self, processes: Iterable[subprocess.Popen[bytes]]) -> bool:
        assert all(process.poll() is None for process in processes), self.cluster.log.read_text()[-3000:]
        return True

    async def _raced(self, processes: Sequence[subprocess.Popen[bytes]], records: list[Record], count: int) -> Result:
        watch = _Watch(self.cluster.broker, self.output, "done")
        began = _cpu(processes)
        started = await _send(self.cluster.broker, self.events, records)
        last = -1.0
        while time.time() - started < WITHIN:
            await asyncio.sleep(0.25)
            now = _cpu(processes)
            self._alive(processes)
            # Looking at the topic costs the broker: look when the contestant has become quiet.
            if now - last < 0.05 and (ended := await watch.ended()) is not None:
                return Result(count, ended - started, _cpu(processes) - began)
            last = now
        raise AssertionError("not done in time:\n" + self.cluster.log.read_text()[-3000:])


class _Watch:
    """The output of a race, of which each record is read once."""

    def __init__(self, broker: str, output: str, name: str) -> None:
        self._broker, self._output = broker, output
        self._seen = {f"{name}-{number}".encode(): 0.0 for number in range(running.PARTITIONS)}
        self._next: dict[TopicPartition, int] = {}

    async def ended(self) -> float | None:
        """When the broker took the output of the last of these marks; None while one is missing."""
        async for chunk in history.records(self._broker, self._output, since=self._next):
            for record in chunk:
                self._next[TopicPartition(record.topic, record.partition)] = record.offset + 1
                for mark, at in self._seen.items():
                    if at == 0 and mark in record.value:
                        self._seen[mark] = record.timestamp / 1000
        return max(self._seen.values()) if all(self._seen.values()) else None


async def prepare(broker: str, made: Iterable[str], stamped: Iterable[str] = ()) -> None:
    """Make topics that the broker stamps, and have it stamp others that exist."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, running.PARTITIONS, 1, topic_configs=STAMPED) for name in made])
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, STAMPED) for name in stamped])
    finally:
        await admin.close()


def _marks(name: str, like: bytes) -> Iterator[Record]:
    """An event for every partition, at the time of another, that leads to an output which names its customer."""
    at = json.loads(like)["time"]
    for number in range(running.PARTITIONS):
        id_ = f"{name}-{number}"
        event = {"specversion": "1.0", "id": id_, "source": "b", "type": "cart.updated", "subject": id_}
        data = {"time": at, "recordedtime": at, "data": {"total": 200_000, "cart_id": "k"}}
        yield number, id_.encode(), json.dumps({**event, **data}).encode()


def _keyed(lines: Iterable[bytes]) -> Iterator[Record]:
    partitioner, all_ = DefaultPartitioner(), list(range(running.PARTITIONS))
    for line in lines:
        event: dict[str, Any] = orjson.loads(line)
        key = event["subject"].encode()
        yield partitioner(key, all_, all_), key, orjson.dumps({**event, "recordedtime": event["time"]})


async def _send(broker: str, topic: str, records: Iterable[Record]) -> float:
    """Send all, confirmed; when the first batch went off (s since 1970)."""
    producer = AIOKafkaProducer(bootstrap_servers=broker, linger_ms=0, max_batch_size=1 << 18)
    await producer.start()
    full: list[tuple[int, Any]] = []
    batches = {number: producer.create_batch() for number in range(running.PARTITIONS)}
    for number, key, value in records:
        if batches[number].append(key=key, value=value, timestamp=None) is None:
            full.append((number, batches[number]))
            batches[number] = producer.create_batch()
            batches[number].append(key=key, value=value, timestamp=None)
    full += batches.items()
    for _, batch in full:
        batch.close()
    started = time.time()
    confirmed = [await producer.send_batch(batch, topic, partition=number) for number, batch in full if batch.record_count()]
    await asyncio.gather(*confirmed)
    await producer.stop()
    return started


def _cpu(processes: Iterable[subprocess.Popen[bytes]]) -> float:
    """Processor seconds that these used so far."""
    total = 0
    for process in processes:
        fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += sum(map(int, fields[11:13]))
    return total / os.sysconf("SC_CLK_TCK")


async def members(broker: str, group: str) -> int:
    """How many the group has, if all of it is agreed; else 0."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        (answer,) = await admin.describe_consumer_groups([group])
    finally:
        await admin.close()
    (_, _, state, _, _, found, *_) = answer.groups[0]
    return len(found) if state == "Stable" else 0
