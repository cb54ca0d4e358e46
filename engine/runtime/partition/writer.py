"""The writer of one partition: it writes the outputs and the states of each batch.

On Kafka, a batch is one transaction. Each partition has its own transactional id. So when another worker takes the partition and
starts its writer, the former writer is fenced. On a broker without transactions, the outputs are written first, then the states,
then the partition record, and each write is confirmed before the next one. After a crash in between, the inputs are decided
again, because the partition record does not count them as handled. So nothing is lost, but outputs may be written twice.
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
"""The limit for one write in seconds. The coordinator aborts a transaction after 20 s, so a longer write cannot succeed."""
CLAIM_KEY: Final = codec.NOBODY + b"claim"


class Output(msgspec.Struct, frozen=True):
    """One record to write to the topic `topic` (full name): an output of a batch, or a state.

    `id` is the id of the output, which is the same if its input is decided again. The id of a state is empty.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    id: str = ""


class _Connected:
    """A producer for one partition that can be started and stopped; `Writer` and `Claimer` are the two kinds."""

    def __init__(self, partition: int, clock: broker_clock.Wall, producer: AIOKafkaProducer) -> None:
        self._partition, self._clock, self._producer = partition, clock, producer

    async def start(self) -> None:
        """Connect the producer to the broker; raise `TimeoutError` after `START_WITHIN` seconds.

        With transactions, this also fences the former producer with the same transactional id, and ends the transaction that the
        former producer left open.
        """
        async with asyncio.timeout(START_WITHIN):
            await self._producer.start()

    async def stop(self) -> None:
        """Disconnect the producer; wait at most `_STOP_SECONDS` seconds, and ignore errors.

        A producer that was fenced, or whose broker does not answer, cannot be stopped in order.
        """
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await self._producer.stop()


class Writer(_Connected):
    """The writer of one partition's batches.

    If `write` raises any error, the states in memory may be newer than those on the broker. So the worker must exit.
    """

    reached = store.Mark()
    """The mark after the last write: the offset of its partition record in `customer.state`, and the broker's time (ms)."""
    last: Mapping[str, int] = {}
    """The offset of the last record that the last write wrote to each topic (`{full topic name: offset}`).

    It is -1 if the broker did not report the offset.
    """

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
        """Write the outputs and states of one batch, and wait until the broker has confirmed them.

        The last record in `states` must be the partition record. Raises `TimeoutError` after `WRITE_WITHIN` seconds.
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
        """Send each record to its topic, in the partition of this writer, and wait until all records are confirmed.

        Returns the offset of the last record in each topic (`{full topic name: offset}`), as `_send_topic` does.
        """
        by_topic: dict[str, list[Output]] = {}
        for record in records:
            by_topic.setdefault(record.topic, []).append(record)
        last = await asyncio.gather(*(self._send_topic(topic, each) for topic, each in by_topic.items()))
        return dict(zip(by_topic, last, strict=True))

    async def _send_topic(self, topic: str, records: list[Output]) -> int:
        """Send the records of one topic, wait until they are confirmed, and return the offset of the last record.

        Returns -1 if the broker does not report the offset, because it had received these records already (a repeated request).
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

    A reader that reads up to the claims has read every record that was written before them. The end offset that a broker reports
    is less safe: a leader that was just elected can report an offset that is too small. The claims are aborted, so readers of
    committed records do not see them. The claimer has another transactional id than the writer. If Kafka repeats the end marker
    of the aborted transaction, the marker can then abort only claims and no batch.
    """

    def __init__(self, broker: connection.Address, app_id: str, partition: int, clock: broker_clock.Wall) -> None:
        super().__init__(partition, clock, producers.transactional(broker, f"{app_id}-{partition}-claim"))

    async def claim(self, names: Iterable[str]) -> dict[str, int]:
        """Write a claim to each of these topics (full names), and return the claims' offsets (`{full topic name: offset}`).

        Raises `KafkaError` or `TimeoutError` if a claim could not be written, or the broker did not report its offset.
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
