"""The writer of one partition: outputs and states together, or in the order that loses nothing.

On Kafka a batch is one transaction of a producer whose transactional id is the partition's, so that a zombie is fenced by
its successor's first breath. A broker without transactions gets confirmed writes: outputs, then states, then the record.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    IncompatibleBrokerVersion,
    KafkaError,
    KafkaTimeoutError,
    ProducerFenced,
    TransactionalIdAuthorizationFailed,
    UnknownError,
    UnsupportedVersionError,
)

from engine.runtime import codec, connection, store, topics, wall

_BATCH: Final = 256 * 1024
_TRANSACTION_TIMEOUT_MS: Final = 20_000
_REQUEST_TIMEOUT_MS: Final = 10_000
_METADATA_MS: Final = 15_000
_PROBE_SECONDS: Final = 30
_STOP_SECONDS: Final = 5
START_WITHIN: Final = 40.0
WRITE_WITHIN: Final = 25.0
"""Seconds. A transaction is ended by its coordinator after 20: what takes longer cannot succeed any more."""
CLAIM_KEY: Final = codec.NOBODY + b"claim"
_NO_TRANSACTIONS: Final = (UnknownError, UnsupportedVersionError, IncompatibleBrokerVersion)
"""How a broker says that it has none (Tansu 0.6: an unknown error to InitProducerId)."""


class Output(msgspec.Struct, frozen=True):
    """One record to write. `id` is the same whenever this output is decided again; a state has none."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    id: str = ""


class _Connected:
    """A producer of one partition, from its start to its end."""

    def __init__(self, partition: int, clock: wall.Wall, producer: AIOKafkaProducer) -> None:
        self._partition, self._clock, self._producer = partition, clock, producer

    async def start(self) -> None:
        """Connect; with transactions this fences the former producer of its id and ends what that left open. `TimeoutError`."""
        async with asyncio.timeout(START_WITHIN):
            await self._producer.start()

    async def stop(self) -> None:
        """Disconnect; a producer that was fenced, or whose broker is away, is let go after a moment."""
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await self._producer.stop()


class Writer(_Connected):
    """Writes the batches of one partition. Anything that it raises means: memory is ahead of the broker, leave."""

    reached = store.Mark()
    """Where the last of the states stands that were written last."""
    last: Mapping[str, int] = {}
    """The last offset of the last write in each of its topics, -1 where the broker did not tell."""

    def __init__(
        self, broker: connection.Address, app_id: str, partition: int, *, transactions: bool, clock: wall.Wall | None = None
    ) -> None:
        id_ = f"{app_id}-{partition}" if transactions else None
        super().__init__(partition, clock or wall.Wall(), _producer(broker, id_))
        self.transactions = transactions

    async def write(self, outputs: list[Output], states: list[Output]) -> None:
        """Write everything, confirmed. The last of `states` is the partition's own record. `TimeoutError`."""
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
        """All records to this partition, topic by topic, and the broker's word for each; the last offset in each topic."""
        by_topic: dict[str, list[Output]] = {}
        for record in records:
            by_topic.setdefault(record.topic, []).append(record)
        last = await asyncio.gather(*(self._send_topic(topic, each) for topic, each in by_topic.items()))
        return dict(zip(by_topic, last, strict=True))

    async def _send_topic(self, topic: str, records: list[Output]) -> int:
        """The offset of the last one, -1 where the broker does not tell (a repeat that it already had)."""
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
    """Marks the end of every topic of one partition, so that whoever reads up to the marks has read all that was written before.

    No end that a broker names is as sure: a leader that was just elected can name one that is too small for a moment. The
    marks are aborted, so that no reader sees them. The transactional id is not the writer's: where the markers of an aborted
    transaction are sent again, they must meet nothing but marks.
    """

    def __init__(self, broker: connection.Address, app_id: str, partition: int, clock: wall.Wall) -> None:
        super().__init__(partition, clock, transactional(broker, f"{app_id}-{partition}-claim"))

    async def claim(self, names: Iterable[str]) -> dict[str, int]:
        """The offset of a mark in each topic of this full name. `KafkaError` or `TimeoutError` where one could not be made."""
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


async def has_transactions(broker: connection.Address, app_id: str) -> bool:
    """Whether the broker knows transactions: asked once, by a producer that writes nothing.

    Only the broker's own answer counts. A coordinator that is slow or away is waited for, and then `KafkaError` or
    `TimeoutError`: a worker that took it for a no would write on Kafka without transactions.
    """
    producer = transactional(broker, f"{app_id}-probe")
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            return await begun(producer)
    except ProducerFenced:
        return True  # by another worker that asks at the same time
    finally:
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(2):
                await producer.stop()


async def begun(producer: AIOKafkaProducer) -> bool:
    """Start a transactional producer, which fences the former one of its id; False if the broker has no transactions."""
    with _without_log("aiokafka.producer.sender"):  # it calls the answer that is looked for here unexpected
        try:
            await producer.start()
        except _NO_TRANSACTIONS:
            return False
        except TransactionalIdAuthorizationFailed:
            id_ = producer._txn_manager.transactional_id
            raise connection.NotAllowed(f"The broker does not allow this to us: Write on TransactionalId {id_}.") from None
    return True


@contextlib.contextmanager
def _without_log(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = False


def plain(broker: connection.Address) -> AIOKafkaProducer:
    """A producer without transactions, for what may be written twice: `timer.due`, activations, bundles."""
    return _producer(broker, None)


def transactional(broker: connection.Address, id_: str) -> AIOKafkaProducer:
    """A producer with this transactional id."""
    return _producer(broker, id_)


def _producer(broker: connection.Address, transactional_id: str | None) -> AIOKafkaProducer:
    return AIOKafkaProducer(
        **connection.client(broker),
        linger_ms=0,
        acks="all",
        max_batch_size=_BATCH,
        max_request_size=2 * topics.LARGEST,
        transactional_id=transactional_id,
        transaction_timeout_ms=_TRANSACTION_TIMEOUT_MS,
        # A broker that stands still with its connections open is given up after this; aiokafka's own would be 40 s.
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
        # Also how soon a worker hears that the number of partitions was changed.
        metadata_max_age_ms=_METADATA_MS,
    )
