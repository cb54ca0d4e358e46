"""How long a partition stood still: the times at which each one's own record was committed, read as they come."""

import asyncio
import statistics
import threading
import time
from itertools import pairwise

from aiokafka import AIOKafkaConsumer, TopicPartition

from engine.runtime.kafka import topics
from engine.runtime.state import codec
from tests.integration.running import PARTITIONS

WITHIN = 15.0
"""Seconds after an event in which a pause counts as its own, unless the next event comes first."""


class Tail(threading.Thread):
    """Reads what is committed to `customer.state`, and when it could be read."""

    def __init__(self, brokers: str, names: topics.Topics) -> None:
        super().__init__(name="tail", daemon=True)
        self._brokers, self._topic = brokers, names.name(topics.STATE)
        self._ended = threading.Event()
        self._seen: dict[int, list[float]] = {number: [] for number in range(PARTITIONS)}
        self._marks: list[tuple[float, str]] = []

    def mark(self, what: str) -> None:
        """Something happens now."""
        self._marks.append((time.monotonic(), what))

    def run(self) -> None:
        asyncio.run(self._read())

    def stop(self) -> None:
        self._ended.set()
        self.join(30)

    def went_on(self, since: float) -> bool:
        """Whether every partition has been written to after this moment."""
        return all(times and times[-1] > since for times in self._seen.values())

    def pauses(self) -> dict[str, list[float]]:
        """For each kind of event, the longest time that any partition stood still after each."""
        found: dict[str, list[float]] = {}
        ends = [at for at, _ in self._marks[1:]] + [time.monotonic()]
        for (at, what), following in zip(self._marks, ends, strict=True):
            until = min(at + WITHIN, following)
            found.setdefault(what, []).append(max(_longest(times, at, until) for times in self._seen.values()))
        return found

    async def _read(self) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._brokers,
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            metadata_max_age_ms=5_000,
            fetch_max_wait_ms=100,
        )
        await consumer.start()
        consumer.assign([TopicPartition(self._topic, number) for number in range(PARTITIONS)])
        while not self._ended.is_set():
            for tp, records in (await consumer.getmany(timeout_ms=100)).items():
                if any(record.key == codec.PARTITION_KEY for record in records):
                    self._seen[tp.partition].append(time.monotonic())
        await consumer.stop()


def _longest(times: list[float], at: float, until: float) -> float:
    """The longest gap that ends after `at` and begins before `until`; what came before `at` belongs to it from there."""
    around = [at, *(each for each in times if each > at)]
    return max((later - earlier for earlier, later in pairwise(around) if earlier < until), default=0.0)


def told(seconds: list[float]) -> str:
    """`n 12  median 2.4 s  longest 4.1 s`."""
    return f"n {len(seconds):>3}   median {statistics.median(seconds):5.1f} s   longest {max(seconds):5.1f} s"
