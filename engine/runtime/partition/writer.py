"""The writer of one partition: it writes outputs and states together, or in the order that loses nothing.

On Kafka a batch is one transaction of a producer whose transactional id is the partition's. So a successor fences a former
writer as soon as the successor starts. A broker without transactions gets confirmed writes: outputs, then states, then the
partition record.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaError,
    KafkaTimeoutError,
)

from engine.runtime.kafka import broker_clock, connection, producers
from engine.runtime.state import codec, store

_STOP_SECONDS: Final = 5
START_WITHIN: Final = 40.0
WRITE_WITHIN: Final = 25.0
"""Seconds for one write: the coordinator ends a transaction after 20 s, so what takes longer cannot succeed any more."""
CLAIM_KEY: Final = codec.NOBODY + b"claim"


class Output(msgspec.Struct, frozen=True):
    """One record to write; `id` is the same whenever this output is decided again, and empty for a state."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    id: str = ""


class _Connected:
    """A producer of one partition, from its start to its end."""

    def __init__(self, partition: int, clock: broker_clock.Wall, producer: AIOKafkaProducer) -> None:
        self._partition, self._clock, self._producer = partition, clock, producer

    async def start(self) -> None:
        """Connect; with transactions, also fence the former producer of the id and end the transaction that it left open.

        Raises `TimeoutError` after `START_WITHIN` seconds.
        """
        async with asyncio.timeout(START_WITHIN):
            await self._producer.start()

    async def stop(self) -> None:
        """Disconnect; a producer that was fenced, or whose broker is away, is given up after `_STOP_SECONDS` seconds."""
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await self._producer.stop()


class Writer(_Connected):
    """The writer of the batches of one partition; if it raises any error, memory is ahead of the broker: leave."""

    reached = store.Mark()
    """The offset in `customer.state` of the partition record of the last write, and the log's time then (ms)."""
    last: Mapping[str, int] = {}
    """The offset of the last record of the last write in each topic (full name), -1 if the broker did not tell it."""

    def __init__(
        self,
        broker: connection.Address,
        app_id: str,
        partition: int,
        *,
        transactions: bool,
        clock: broker_clock.Wall | None = None,
    ) -> None:
        producer = producers.transactional(broker, f"{app_id}-{partition}") if transactions else producers.plain(broker)
        super().__init__(partition, clock or broker_clock.Wall(), producer)
        self.transactions = transactions

    async def write(self, outputs: list[Output], states: list[Output]) -> None:
        """Write everything and wait until it is confirmed; the last of `states` is the partition record.

        Raises `TimeoutError` after `WRITE_WITHIN` seconds.
        """
        async with asyncio.timeout(WRITE_WITHIN):
            if self.transactions:
                await self._producer.begin_transaction()
                last = await self._send([*outputs, *states])
                await self._producer.commit_transaction()
            else:
                await self._send(outputs)
                await self._send(states[:-1])
                last = await self._send(states[-1:])
        self.last = last
        self.reached = store.Mark(last[states[-1].topic], self._clock.now())

    async def _send(self, records: Iterable[Output]) -> dict[str, int]:
        """Send all records to this partition, topic by topic, and return the last offset in each topic once all are confirmed."""
        by_topic: dict[str, list[Output]] = {}
        for record in records:
            by_topic.setdefault(record.topic, []).append(record)
        last = await asyncio.gather(*(self._send_topic(topic, each) for topic, each in by_topic.items()))
        return dict(zip(by_topic, last, strict=True))

    async def _send_topic(self, topic: str, records: list[Output]) -> int:
        """Send the records of one topic, and return the offset of the last one.

        Returns -1 if the broker does not tell it, because it already had these records (a repeat).
        """
        producer, confirmed = self._producer, []
        batch = producer.create_batch()
        for record in records:
            headers = list(record.headers)
            if batch.append(key=record.key, value=record.value, timestamp=None, headers=headers) is None:
                batch.close()
                confirmed.append(await producer.send_batch(batch, topic, partition=self._partition))
                batch = producer.create_batch()
                batch.append(key=record.key, value=record.value, timestamp=None, headers=headers)
        batch.close()
        confirmed.append(await producer.send_batch(batch, topic, partition=self._partition))
        answers = await asyncio.gather(*confirmed)
        for answer in answers:
            self._clock.told(answer)
        last = answers[-1].offset
        return -1 if last < 0 else int(last) + batch.record_count() - 1


class Claimer(_Connected):
    """A producer that marks the end of every topic of one partition with a claim.

    Whoever reads up to the claims has read everything that was written before. No end that a broker names is as sure: a leader
    that was just elected can name one that is too small for a moment. The claims are aborted, so that no reader sees them. The
    transactional id is not the writer's: if the markers of an aborted transaction are sent again, they must meet nothing but
    claims.
    """

    def __init__(self, broker: connection.Address, app_id: str, partition: int, clock: broker_clock.Wall) -> None:
        super().__init__(partition, clock, producers.transactional(broker, f"{app_id}-{partition}-claim"))

    async def claim(self, names: Iterable[str]) -> dict[str, int]:
        """Write a claim to each of these topics (full names), and return the offset of the claim in each.

        Raises `KafkaError` or `TimeoutError` if one could not be written.
        """
        told, producer = list(names), self._producer
        async with asyncio.timeout(WRITE_WITHIN):
            await producer.begin_transaction()
            sent = [await producer.send(name, None, key=CLAIM_KEY, partition=self._partition) for name in told]
            answers = await asyncio.gather(*sent)
            await producer.abort_transaction()
        for answer in answers:
            self._clock.told(answer)
        if any(answer.offset < 0 for answer in answers):
            raise KafkaTimeoutError("The broker has a mark twice and does not say where.")
        return {name: int(answer.offset) for name, answer in zip(told, answers, strict=True)}
