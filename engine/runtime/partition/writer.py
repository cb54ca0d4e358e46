"""The writer of one partition: it writes the outputs and states of a batch in one transaction.

Each partition has its own transactional id. So when another worker's writer starts, it fences the former writer. A broker without
transactions gets confirmed writes: outputs, then states, then the partition record.
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
"""Seconds for one write. The coordinator aborts a transaction after 20 s, so a longer write cannot succeed."""
CLAIM_KEY: Final = codec.NOBODY + b"claim"


class Output(msgspec.Struct, frozen=True):
    """One record to write. `id` is a hash that is the same if the output is decided again; for a state it is empty."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    id: str = ""


class _Connected:
    """A producer for one partition that can be started and stopped."""

    def __init__(self, partition: int, clock: broker_clock.Wall, producer: AIOKafkaProducer) -> None:
        self._partition, self._clock, self._producer = partition, clock, producer

    async def start(self) -> None:
        """Connect; with transactions, also fence the former producer of the id and end the transaction that it left open.

        Raises `TimeoutError` after `START_WITHIN` seconds.
        """
        async with asyncio.timeout(START_WITHIN):
            await self._producer.start()

    async def stop(self) -> None:
        """Disconnect; do not wait longer than `_STOP_SECONDS` seconds if the producer was fenced or its broker is away."""
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await self._producer.stop()


class Writer(_Connected):
    """The writer of one partition's batches. After any error the worker must exit, because memory is ahead of the broker."""

    reached = store.Mark()
    """The offset in `customer.state` of the last write's partition record, and the broker's time of the write (ms)."""
    last: Mapping[str, int] = {}
    """`{full topic name: offset of the last record of the last write}`; -1 if the broker did not report the offset."""

    def __init__(
        self,
        broker: connection.Address,
        app_id: str,
        partition: int,
        *,
        transactions: bool,
        clock: broker_clock.Wall | None = None,
    ) -> None:
        producer = (
            producers.transactional(broker, f"{app_id}-{partition}") if transactions else producers.without_transactions(broker)
        )
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

        Returns -1 if the broker does not report it, because it had these records already (a repeat).
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

    A reader that has reached the claims has read everything that was written before. The end offset that a broker reports is not
    safe: a newly elected leader can report one that is too small for a moment. The claims are aborted, so no reader sees them.
    The claimer has its own transactional id, so that a repeated marker of an aborted transaction can only affect claims.
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
