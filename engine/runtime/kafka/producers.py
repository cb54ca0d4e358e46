"""Producers of Kafka records, with and without transactions, and the check whether a broker has transactions.

Called by the worker, by deploys and by commands. Only `history.py` makes another producer, because its
`send` needs other settings.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    IncompatibleBrokerVersion,
    KafkaError,
    ProducerFenced,
    TransactionalIdAuthorizationFailed,
    UnknownError,
    UnsupportedVersionError,
)

from engine.runtime.kafka import connection, topics

_BATCH: Final = 256 * 1024
_TRANSACTION_TIMEOUT_MS: Final = 20_000
_REQUEST_TIMEOUT_MS: Final = 10_000
_METADATA_MS: Final = 15_000
_PROBE_SECONDS: Final = 30
_NO_TRANSACTIONS: Final = (UnknownError, UnsupportedVersionError, IncompatibleBrokerVersion)
"""The errors of a broker without transactions (Tansu 0.6 answers InitProducerId with an unknown error)."""


async def has_transactions(broker: connection.Address, app_id: str) -> bool:
    """Return True if the broker has transactions; a producer that writes no record finds out.

    If the coordinator does not answer, the function waits and then raises `KafkaError` or `TimeoutError`. It must not return
    False then, because a worker would write to Kafka without transactions.
    """
    producer = transactional(broker, f"{app_id}-probe")
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            return await begun(producer)
    except ProducerFenced:
        return True  # fenced by another worker that asks at the same time
    finally:
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(2):
                await producer.stop()


async def begun(producer: AIOKafkaProducer) -> bool:
    """Start a transactional producer, which fences the former producer of its id; return False without transactions."""
    with _without_log("aiokafka.producer.sender"):  # it logs the answer that is expected here as unexpected
        try:
            await producer.start()
        except _NO_TRANSACTIONS:
            return False
        except TransactionalIdAuthorizationFailed:
            id_ = producer._txn_manager.transactional_id
            raise connection.NotAllowed(f"This user lacks rights on the broker: Write on TransactionalId {id_}.") from None
    return True


@contextlib.contextmanager
def _without_log(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = False


def without_transactions(broker: connection.Address) -> AIOKafkaProducer:
    """Return a producer without transactions, for records that may be written twice: `timer.due`, activations, bundles."""
    return _producer(broker, None)


def transactional(broker: connection.Address, id_: str) -> AIOKafkaProducer:
    """Return a producer with this transactional id."""
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
        # A broker that hangs with open connections is given up after this time; aiokafka's default is 40 s.
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
        # This is also how soon a worker learns that the number of partitions was changed.
        metadata_max_age_ms=_METADATA_MS,
    )
